"""Founding, joining, leaving, light members: a reader does what the pages say, on real nodes and engines."""

from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import ROOT, Reader, Step, commands, reader, steps
from tests.network.net import at_length

NAMES = ("run-a-consortium", "join-a-network", "light-members")
"""In the order in which each goes on from the one before."""
PORTS = ("8420", "8421", "8422", "8423", "8424", "26656", "26657", "26658", "26659")


def page(lang: str, name: str) -> Path:
    return (ROOT / "docs" / f"{name}.md") if lang == "en" else (ROOT / "docs" / lang / f"{name}.md")


def do(somebody: Reader, step: Step) -> None:
    if step.kind == "command" and step.text.startswith("hansa node run"):
        somebody.start(step)
    else:
        somebody.do(step)


@pytest.mark.parametrize("lang", ["en", pytest.param("zh", marks=at_length)])
def test_a_reader_founds_joins_and_leaves_as_the_pages_say(
    lang: str, tmp_path: Path, engine_binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PORTS", PORTS)
    monkeypatch.setattr(pages, "READY_S", 90)
    with reader(tmp_path, lang) as somebody:
        for name in NAMES:
            for step in steps(page(lang, name)):
                do(somebody, step)
        for command in [
            "hansa node run dairy",
            *(f"hansa node run {name}" for name in ("maker", "plant", "bank")),
        ]:
            somebody.stop(command)


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_run_the_same_commands(name: str) -> None:
    assert commands(page("en", name)) == commands(page("zh", name))
    assert len(commands(page("en", name))) >= 7
