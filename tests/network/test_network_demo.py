"""`hansa network demo` as its user runs it: what it prints; nothing is left of it, however it ends."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hansa.client.verify import check_bundle
from tests.cli.shell import Shell
from tests.demo_run import COMMAND, PROC, descendants, lives
from tests.docs.pages import ROOT
from tests.waiting import until

WITHIN_S = 420
FOUR = 8
"""Supervisors and applications of four nodes, at least."""

needs_proc = pytest.mark.skipif(not PROC.exists(), reason="looks for processes in /proc")


def start(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """The command, in a group of its own as a shell has it. Its output goes beside the folder."""
    with open(f"{folder}.out", "wb") as out, open(f"{folder}.err", "wb") as err:
        return subprocess.Popen(
            [*COMMAND, "network", "demo", "--data", str(folder), *arguments],
            stdout=out,
            stderr=err,
            start_new_session=True,
        )


def run(folder: Path) -> tuple[int, Any, str]:
    with start(folder, "--json") as client:
        try:
            client.wait(WITHIN_S)
        finally:
            client.kill()
    out, err = (Path(f"{folder}.{name}").read_text("utf-8") for name in ("out", "err"))
    return client.returncode, json.loads(out or "null"), err


def test_all_happens_and_all_nodes_end_at_one_hash(tmp_path: Path, engine_binary: Path) -> None:
    status, told, err = run(tmp_path / "demo")
    assert status == 0, err[-4_000:]
    nodes = {each["member"]: each for each in told["nodes"]}
    assert sorted(nodes) == ["bank", "insurer", "maker", "plant"]
    assert every_field(told) <= described("docs") & described("docs/zh")
    assert {(each["height"], each["app_hash"]) for each in nodes.values()} == {
        (told["height"], told["app_hash"])
    }
    assert {each["validators"] for each in nodes.values()} == {4}
    assert {each["power"] for each in nodes.values()} == {1}
    assert told["left"]["member"] == "auditor"
    assert told["left"]["power"] == 0
    assert told["joined"]["snapshot_height"] > 0
    assert told["joined"]["statements_settled_meanwhile"] > 0
    assert told["rotated"]["old_address"] != told["rotated"]["new_address"]
    main, *samples = told["statements"]
    assert [each["agreement"] for each in (main, *samples)] == [
        "main-run",
        "sample-1",
        "sample-2",
        "sample-3",
    ]
    assert main["gross_minor"] > 500_000
    assert {each["gross_minor"] for each in samples} == {33_900}, "the tariff's minimum and 13 % tax"
    assert told["verified"]
    evidence = Path(told["evidence_file"]).read_bytes()
    assert check_bundle(evidence, Path(told["genesis_file"]).read_bytes()).ok


def every_field(told: Any) -> set[str]:
    """Names of all fields of the object, at any depth."""
    if isinstance(told, list):
        return set().union(*map(every_field, told))
    return set(told).union(*map(every_field, told.values())) if isinstance(told, dict) else set()


def described(folder: str) -> set[str]:
    """What stands in code type on the page."""
    return set(re.findall(r"`(\w+)`", (ROOT / folder / "run-a-consortium.md").read_text("utf-8")))


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_nothing_is_left_of_it_however_it_ends(
    tmp_path: Path, engine_binary: Path, number: signal.Signals
) -> None:
    seen: set[int] = set()

    def four_run() -> bool:
        seen.update(descendants(client.pid))
        return len(list(descendants(client.pid))) >= FOUR

    with start(tmp_path / "demo") as client:
        try:
            assert until(four_run, WITHIN_S, 0.1)
            client.send_signal(number)
            client.wait(WITHIN_S)
        finally:
            client.kill()
    assert until(lambda: not any(lives(pid) for pid in seen), WITHIN_S, 0.1)
    if number == signal.SIGINT:
        assert client.returncode == 130


@needs_proc
@pytest.mark.parametrize("begun", ["invitation.json", "nodes/bank/validator.next.key"])
def test_ctrl_c_in_a_later_step_ends_all_and_says_so(tmp_path: Path, engine_binary: Path, begun: str) -> None:
    """While the fifth company joins; while a node changes its key."""
    folder, seen = tmp_path / "demo", set[int]()

    def step_runs() -> bool:
        seen.update(descendants(client.pid))
        return (folder / begun).exists()

    with start(folder, "--json") as client:
        try:
            assert until(step_runs, WITHIN_S, 0.05)
            seen.update(descendants(client.pid))
            client.send_signal(signal.SIGINT)
            client.wait(WITHIN_S)
        finally:
            client.kill()
    assert client.returncode == 130
    assert until(lambda: not any(lives(pid) for pid in seen), WITHIN_S, 0.1)
    told = Path(f"{folder}.err").read_text("utf-8")
    assert [line for line in told.splitlines() if line.strip()][-1].endswith(str(folder))
    assert "Traceback" not in told
    assert not Path(f"{folder}.out").read_text()


def test_without_an_engine_it_says_how_to_get_it(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home")
    told = shell.refused(
        "engine.named_missing", "network", "demo", "--data", tmp_path / "demo",
        HANSA_ENGINE=os.fspath(tmp_path / "nothing"),
    )  # fmt: skip
    assert "nothing" in told.err


def test_somebodys_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    Shell(tmp_path / "home").refused("play.folder_taken", "network", "demo", "--data", tmp_path)
    assert (tmp_path / "mine").read_text() == "mine"
