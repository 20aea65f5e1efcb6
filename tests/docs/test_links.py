"""Every relative link of every page leads to a file, and to a heading where it names one."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {".venv", "node_modules", "vendor", "demo-data"}
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


def markdown_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listed.stdout.splitlines() if listed.returncode == 0 else [str(p) for p in ROOT.rglob("*.md")]
    return sorted(ROOT / name for name in names if not LEFT_OUT & set(Path(name).parts))


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", CODE.sub(lambda m: m[0].strip("`"), page.read_text("utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def broken(page: Path) -> Iterator[str]:
    for target in LINK.findall(CODE.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            yield f"{target}: no such file"
        elif anchor and anchor not in anchors(file):
            yield f"{target}: no such heading"


PAGES = markdown_files()


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_resolve(page: Path) -> None:
    assert list(broken(page)) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](missing.md) [b](#two) [c](#one) `[d](code.md)` [e](https://example.org)\n")
    assert list(broken(page)) == ["missing.md: no such file", "#two: no such heading"]


def test_every_page_of_docs_stands_in_the_index() -> None:
    """In the Chinese one an English page where there is no Chinese one."""
    docs, zh = ROOT / "docs", ROOT / "docs" / "zh"
    pages = {page for page in markdown_files() if docs in page.parents and page.name != "index.md"}
    english = {page for page in pages if zh not in page.parents}
    chinese = {page if (zh / page.name) not in pages else zh / page.name for page in english}
    for index, wanted in ((docs / "index.md", english), (zh / "index.md", chinese)):
        listed = {(index.parent / target).resolve() for target in LINK.findall(index.read_text("utf-8"))}
        assert sorted(str(page.relative_to(docs)) for page in wanted - listed) == [], index


def test_each_page_leads_to_the_same_page_in_the_other_language() -> None:
    """Near its top, where a reader who took the wrong one looks; all Chinese pages have an English one."""
    docs = ROOT / "docs"
    chinese = [page for page in PAGES if page.parent == docs / "zh"]
    assert len(chinese) > 20
    for page in chinese:
        english = docs / page.name
        for here, link in ((page, f"[English](../{page.name})"), (english, f"[中文](zh/{page.name})")):
            assert link in "\n".join(here.read_text("utf-8").splitlines()[:12]), here
