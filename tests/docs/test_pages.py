"""The pages for those who run and use a node: one reader follows them all, in order, in either language."""

import re
from pathlib import Path

import msgspec
import pytest

from hansa.apps.consortium.messages_votes import AnySubject
from hansa.node.settings import Limits, Retention, Settings
from tests.docs.pages import ROOT, commands, reader

NAMES = (
    "run-a-node",
    "members-and-votes",
    "keys-and-approvals",
    "write-a-room",
    "follow-a-node",
    "backup-and-restore",
)
"""In the order in which each goes on from the one before."""
FOLDERS = {"en": ROOT / "docs", "zh": ROOT / "docs" / "zh"}
EXAMPLE = ROOT / "examples" / "visitors"


def page(lang: str, name: str) -> Path:
    return FOLDERS[lang] / f"{name}.md"


@pytest.mark.parametrize("lang", FOLDERS)
def test_a_reader_who_does_what_the_pages_say_sees_what_they_show(lang: str, tmp_path: Path) -> None:
    with reader(tmp_path, lang) as somebody:
        for name in NAMES:
            somebody.follow(page(lang, name))


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_run_the_same_commands(name: str) -> None:
    assert commands(page("en", name)) == commands(page("zh", name))
    assert len(commands(page("en", name))) >= 7


@pytest.mark.parametrize("lang", FOLDERS)
def test_every_setting_is_explained(lang: str) -> None:
    text = page(lang, "run-a-node").read_text("utf-8")
    settings = {field.name for field in msgspec.structs.fields(Settings)} - {"directory"}
    settings |= {field.name for field in msgspec.structs.fields(Retention)}
    assert {name for name in settings if f"`{name}" not in text and f"[{name}]" not in text} == set()
    assert "](" in text.split("`[limits]`")[1].splitlines()[0], "where the limits are listed"
    assert len(msgspec.structs.fields(Limits)) > 10


@pytest.mark.parametrize("lang", FOLDERS)
def test_everything_that_can_be_voted_on_is_listed(lang: str) -> None:
    text = page(lang, "members-and-votes").read_text("utf-8")
    kinds = {str(kind.__struct_config__.tag).replace("_", "-") for kind in AnySubject.__args__}  # type: ignore[attr-defined]
    assert {kind for kind in kinds if f"`{kind} " not in text and f"`{kind}`" not in text} == set()


@pytest.mark.parametrize("lang", FOLDERS)
def test_the_code_that_is_shown_is_the_examples(lang: str) -> None:
    shown = re.findall(r"^```python\n(.*?)^```$", page(lang, "write-a-room").read_text("utf-8"), re.M | re.S)
    files = "\n".join(path.read_text("utf-8") for path in sorted(EXAMPLE.rglob("*.py")))
    assert len(shown) >= 5
    for block in shown:
        assert block in files, block
