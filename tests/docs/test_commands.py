"""README, Makefile and .ci/run say the same: what a reader is told to run is what is run."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READMES = [ROOT / "README.md", ROOT / "README.zh.md"]
MADE_BY_DEVELOPERS = {"bench", "clean", "docs", "lock"}
"""Targets that CI does not run."""


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```(?:sh|console)\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def make_commands(text: str) -> set[str]:
    return set(re.findall(r"(?:^|`|step |&& )(make [a-z]+)\b", text, re.M))


def targets() -> set[str]:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    return set(phony.split())


@pytest.mark.parametrize("page", READMES, ids=["en", "zh"])
def test_ci_runs_what_the_readme_says(page: Path) -> None:
    told = make_commands(page.read_text("utf-8")) - {f"make {name}" for name in MADE_BY_DEVELOPERS}
    assert told == make_commands((ROOT / ".ci" / "run").read_text())


@pytest.mark.parametrize("page", READMES, ids=["en", "zh"])
def test_every_make_command_of_the_readme_is_a_target(page: Path) -> None:
    told = make_commands(page.read_text("utf-8"))
    assert told
    assert {command.split()[1] for command in told} <= targets()


def test_both_readmes_show_the_same_commands() -> None:
    en, zh = (
        [line.split("  #")[0].rstrip() for block in blocks(page) for line in block.splitlines()]
        for page in READMES
    )
    assert en == zh


@pytest.mark.parametrize("page", READMES, ids=["en", "zh"])
def test_hansa_commands_of_the_readme_parse(page: Path) -> None:
    from hansa.cli.main import cli

    told = re.findall(r"(?:^|bin/)hansa ((?:meter )?[a-z-]+)(.*)$", "\n".join(blocks(page)), re.M)
    assert len(told) >= 3
    for name, rest in told:
        command: object = cli
        for part in name.split():
            command = command.get_command(None, part)  # type: ignore[attr-defined]
            assert command is not None, name
        known = {option for param in command.params for option in param.opts}  # type: ignore[attr-defined]
        assert set(re.findall(r"--[a-z-]+", rest)) <= known


def test_ci_ran_in_demo_twice_and_names_no_host() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert len(re.findall(r"^step make demo$", script, re.M)) == 2
    assert "://" not in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=False).returncode == 0


def test_make_demo_and_test_are_what_the_pages_run() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^demo: \$\(READY\)\n\t\$\(BIN\)/hansa demo$", makefile, re.M)
    assert re.search(r"^test: \$\(READY\)\n\t\$\(BIN\)/python -m pytest", makefile, re.M)
