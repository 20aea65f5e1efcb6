"""The pages for who operates a network node: commands, codes and figures in them are the program's."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hansa.cli.main import cli
from hansa.kernel.refusal import CATALOGUE
from hansa.node import network_checks, supervision, supervision_key, supervision_status
from hansa.node.joining_checks import CLOCK_OFF_MAX_MS
from tests.docs.pages import ROOT, commands

NAMES = ("operate-a-network", "upgrade-a-network")
FOLDERS = {"en": ROOT / "docs", "zh": ROOT / "docs" / "zh"}


def page(lang: str, name: str) -> str:
    return (FOLDERS[lang] / f"{name}.md").read_text("utf-8")


def ours(text: str) -> Iterator[list[str]]:
    """Commands of Hansa within a line of a shell."""
    for part in re.split(r"&&|\|", text):
        words = [word for word in shlex.split(part) if word != "sudo"]
        if words and words[0] == "hansa" and "…" not in words:
            yield words[1:]


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_show_the_same_commands(name: str) -> None:
    english = commands(FOLDERS["en"] / f"{name}.md")
    assert english == commands(FOLDERS["zh"] / f"{name}.md")
    assert len(english) >= 7


@pytest.mark.parametrize("name", NAMES)
def test_every_command_and_option_is_one(name: str, tmp_path: Path) -> None:
    shown = [words for line in commands(FOLDERS["en"] / f"{name}.md") for words in ours(line)]
    assert len(shown) >= 6
    for words in shown:
        command: click.Command = cli
        ctx = click.Context(cli, obj="en")
        rest = list(words)
        while isinstance(command, click.Group):
            found = command.get_command(ctx, rest.pop(0))
            assert found is not None, words
            command, ctx = found, click.Context(found, parent=ctx)
        command.parse_args(click.Context(command, parent=ctx), rest)


@pytest.mark.parametrize("lang", FOLDERS)
@pytest.mark.parametrize("name", NAMES)
def test_commands_and_codes_in_the_text_exist(lang: str, name: str) -> None:
    text = page(lang, name)
    groups = {group: cli.get_command(click.Context(cli), group) for group in ("node", "engine", "network")}  # type: ignore[attr-defined]
    for group, inner in re.findall(r"`hansa (node|engine|network) ([a-z]+)", text):
        assert groups[group].get_command(click.Context(cli), inner) is not None, inner
    for code in re.findall(r"`((?:engine|node|diff|prune)\.[a-z_]+)`", text):
        assert code in CATALOGUE or code in ("node.toml", "node.key"), code


@pytest.mark.parametrize("lang", FOLDERS)
def test_figures_in_the_text_are_those_of_the_program(lang: str) -> None:
    text = page(lang, "operate-a-network")
    bounds = supervision.BOUNDS
    assert (bounds.tries, bounds.waiting_s, bounds.pause_max_s, bounds.probes_failed) == (8, 600, 30, 4)
    assert CLOCK_OFF_MAX_MS == 10_000
    assert supervision_key.FREE_AFTER == 3
    assert "10 分钟" in text or "10 minutes" in text
    for figure in re.findall(r"`(hansa_[a-z_]+)`", text):
        source = "".join(
            (ROOT / "src" / "hansa" / "node" / file).read_text()
            for file in ("metrics.py", "metrics_network.py")
        )
        assert f'"{figure}"' in source, figure
    named = re.findall(r"^\| ✗ ([a-z]+)", text, re.M)
    checks = Path(network_checks.__file__).read_text()
    assert {"blocks", "peers", "clock"} <= set(named)
    assert [name for name in named if f'"{name}"' not in checks and name != "disk"] == []
    assert supervision_status.SILENT_BLOCKS > 1
