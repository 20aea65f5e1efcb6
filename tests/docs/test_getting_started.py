"""Every command of the getting-started pages runs, in order, and prints what the page shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"en": ROOT / "docs/getting-started.md", "zh": ROOT / "docs/zh/getting-started.md"}
BLOCK = re.compile(r"^```(console|diff)\n(.*?)^```$", re.M | re.S)
SET_UP = ("make setup", ". .venv/bin/activate")
"""Run by .ci/run; here they have been run."""
LEFT_OUT = "…"


def steps(page: Path) -> list[tuple[str, str]]:
    """(command, output shown) and ("diff", its text), as they stand in the page."""
    found: list[tuple[str, str]] = []
    for kind, text in BLOCK.findall(page.read_text("utf-8")):
        if kind == "diff":
            found.append(("diff", text))
            continue
        for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
            command, _, shown = part.partition("\n")
            found.append((command, shown))
    return found


def edit(folder: Path, diff: str) -> None:
    """Apply a diff of the page: lines with `-` become the lines with `+` below them."""
    head, _, body = diff.partition("\n")
    file = folder / head.removeprefix("--- ")
    text = file.read_text("utf-8")
    for part in body.split("\n\n"):
        old, new = ("".join(re.findall(rf"^[{sign}](.*\n?)", part, re.M)).rstrip("\n") for sign in "-+")
        assert text.count(f"{old}\n") == 1, old
        text = text.replace(f"{old}\n", f"{new}\n")
    file.write_text(text, encoding="utf-8")


def pattern(shown: str) -> re.Pattern[str]:
    """What a page shows, as a pattern: `…` on a line of its own is any lines, within one any text."""
    out = ""
    for line in shown.splitlines():
        if line == LEFT_OUT:
            out += r"(?:.*\n)*?"
        else:
            out += ".*".join(re.escape(part) for part in line.split(LEFT_OUT)) + r"[ \t]*\n"
    return re.compile(out)


def run(command: str, folder: Path, lang: str) -> str:
    one_process = "1"  # Else each of the page's demos would try the operator's four cheats again.
    if command == "make demo":
        command = "hansa demo"  # What the Makefile runs: tests/docs/test_commands.py
        one_process = ""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ
        | {"PATH": path, "HANSA_LANG": lang, "PYTHONUTF8": "1", "COLUMNS": "100"}
        | {"HANSA_ONE_PROCESS": one_process},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@pytest.mark.parametrize("lang", PAGES)
def test_every_command_runs_and_prints_what_is_shown(lang: str, tmp_path: Path) -> None:
    for command, shown in steps(PAGES[lang]):
        if command == "diff":
            edit(tmp_path, shown)
        elif command not in SET_UP:
            printed = run(command, tmp_path, lang)
            assert pattern(shown).fullmatch(printed), (
                f"{command} printed:\n{printed}\nthe page shows:\n{shown}"
            )


def test_both_pages_run_the_same_commands() -> None:
    ran = {
        lang: [re.sub(r" \|\| echo .*", "", step[0]) for step in steps(page)] for lang, page in PAGES.items()
    }
    assert ran["en"] == ran["zh"]
    assert len(ran["en"]) >= 12
    assert ran["en"][:2] == list(SET_UP)


def test_what_is_shown_has_to_match() -> None:
    shown = "one\n…\nline 3 of … in all\n"
    assert pattern(shown).fullmatch("one\ntwo\nline 3 of 7 in all\n")
    assert pattern(shown).fullmatch("one\nline 3 of 7 in all   \n")
    assert not pattern(shown).fullmatch("one\ntwo\nline 4 of 7 in all\n")
    assert not pattern(shown).fullmatch("one\ntwo\nline 3 of 7 in all\nmore\n")


def test_the_folder_of_a_demo_never_swallows_the_log_that_it_is_to_read(tmp_path: Path) -> None:
    run("hansa demo", tmp_path, "en")
    log = tmp_path / "demo-data" / "log"
    files = sorted(log.iterdir())
    for named in ("demo-data/log", "'demo*/log/*.csv'", "demo-data/log/line7-20260901.csv"):
        printed = run(
            f"cp demo-data/mapping.toml . && ! hansa demo --log {named} --map mapping.toml", tmp_path, "en"
        )
        assert "play.folder_holds_input" in printed
        assert sorted(log.iterdir()) == files
