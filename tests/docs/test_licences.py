"""Every locked package is named with its licence in docs/dependencies.md, and none is GPL or AGPL."""

import importlib.metadata
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = re.compile(
    r"0BSD|Apache-2\.0|BSD-[23]-Clause|CC0-1\.0|ISC|MIT|MIT-0|MIT-CMU|PSF-2\.0|Zlib|MPL-2\.0"
    r"|LGPL-[\d.]+(?:-only|-or-later)?"
)
WORDS = {
    "BSD": "BSD",
    "MIT": "MIT",
    "Apache": "Apache-2.0",
    "MPL": "MPL-2.0",
    "Mozilla": "MPL-2.0",
    "PSF": "PSF-2.0",
    "LGPL": "LGPL",
    "CC0": "CC0-1.0",
    "any-OSI": "Zlib",
}
"""How package metadata write a licence, and what the table has to say then (of any, we take Zlib)."""


def locked() -> dict[str, str]:
    """Name → version of the last entry of every package in the lock."""
    return dict(
        re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (ROOT / "requirements/develop.txt").read_text(), re.M)
    )


def table() -> dict[str, str]:
    """Name → licence as docs/dependencies.md states it."""
    text = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    return dict(re.findall(r"^\| ([A-Za-z0-9._-]+) \| ([^|]+?) \|", text, re.M))


def stated(name: str) -> str:
    meta = importlib.metadata.metadata(name)
    classifiers = [c for c in meta.get_all("Classifier") or [] if c.startswith("License ::")]
    return " ".join([meta["License-Expression"] or "", (meta["License"] or "")[:60], *classifiers])


def test_exactly_the_locked_packages_are_named() -> None:
    assert set(locked()) == {name for name in table() if name != "package"}


def test_every_licence_is_allowed() -> None:
    for name, licence in table().items():
        if name != "package":
            parts = re.split(r" (?:OR|AND) ", licence)
            assert all(ALLOWED.fullmatch(part) for part in parts), f"{name}: {licence}"


def installed(name: str) -> bool:
    try:
        importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def test_only_packages_of_other_platforms_are_not_installed() -> None:
    lock = (ROOT / "requirements/develop.txt").read_text()
    for name in locked():
        assert installed(name) or re.search(rf"^{name}==\S+ ; ", lock, re.M), name


@pytest.mark.parametrize("name", [name for name in sorted(locked()) if installed(name)])
def test_the_table_says_what_the_package_says(name: str) -> None:
    said = stated(name)
    assert not re.search(r"\b(A?GPL|GNU (Affero )?General)", said), said
    ours = table()[name]
    expected = {ours_word for word, ours_word in WORDS.items() if word in said}
    assert expected, f"{name} states no licence that is known here: {said}"
    assert all(word in ours for word in expected), f"{name}: {ours}, but the package says {said}"


def test_our_own_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.strip().startswith("Apache License")
    assert "9. Accepting Warranty or Additional Liability" in text
    assert "APPENDIX: How to apply the Apache License to your work." in text
    assert text.strip().endswith("limitations under the License.")


def test_the_notice_names_what_is_vendored() -> None:
    notice = (ROOT / "NOTICE").read_text()
    for folder in (ROOT / "src").rglob("vendor/*"):
        assert folder.name.lower() in notice.lower()
        assert any(folder.glob("LICENSE*"))
