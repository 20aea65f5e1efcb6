"""`hansa demo --json` as its user runs it, five processes: once for all tests of a run that look at it."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until

_START = """\
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from hansa.cli.main import main
main()
"""
COMMAND = (sys.executable, "-c", _START)
"""Ctrl-C ends it as in a terminal, even where a shell started the tests in the background."""
WITHIN_S = 300


@dataclass(frozen=True)
class DemoRun:
    """What the command printed and left."""

    folder: Path
    status: int
    out: str
    err: str
    processes: int
    """How many processes it had at its most, itself counted."""

    @cached_property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """Made by the first worker that needs it; the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    result = shared / "demo-run.json"
    try:
        (shared / "demo-run").mkdir()
    except FileExistsError:
        assert until(result.exists, WITHIN_S)
    else:
        done = asdict(run_demo(shared / "demo-run" / "data"))
        written = result.with_suffix(".part")
        written.write_text(json.dumps({**done, "folder": str(done["folder"])}), encoding="utf-8")
        written.replace(result)
    found = json.loads(result.read_text("utf-8"))
    return DemoRun(**{**found, "folder": Path(found["folder"])})


def run_demo(folder: Path) -> DemoRun:
    with start_demo(folder, "--json") as client:
        most = 0

        def ended() -> bool:
            nonlocal most
            most = max(most, 1 + len(nodes_of(client.pid)))
            return client.poll() is not None

        assert until(ended, WITHIN_S, 0.1)
    out, err = (Path(f"{folder}.{name}").read_text("utf-8") for name in ("out", "err"))
    return DemoRun(folder, client.returncode, out, err, most)


def start_demo(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """The client, in a group of its own as a shell has it. Its output goes beside the folder."""
    with open(f"{folder}.out", "wb") as out, open(f"{folder}.err", "wb") as err:
        return subprocess.Popen(
            [*COMMAND, "demo", "--data", str(folder), *arguments],
            stdout=out,
            stderr=err,
            start_new_session=True,
        )


# Processes, by /proc: tests that need it are left out elsewhere.

PROC = Path("/proc")


def descendants(pid: int) -> Iterator[int]:
    """All processes below one that live now."""
    parents = dict(filter(None, map(_parent, PROC.glob("[0-9]*"))))
    below = {pid}
    for child in sorted(parents):
        way = [child]
        while way[-1] in parents and way[-1] not in below:
            way.append(parents[way[-1]])
        if way[-1] in below and child != pid:
            below |= set(way)
            yield child


def _parent(process: Path) -> tuple[int, int] | None:
    try:
        state, parent = (process / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return None if state == "Z" else (int(process.name), int(parent))


def nodes_of(pid: int) -> list[int]:
    """Processes below one that serve a node: they have its ledger open."""
    return [child for child in descendants(pid) if _has_ledger(child)]


def _has_ledger(pid: int) -> bool:
    try:
        return any(os.readlink(file).endswith("/ledger.db") for file in (PROC / str(pid) / "fd").iterdir())
    except OSError:
        return False


def lives(pid: int) -> bool:
    return _parent(PROC / str(pid)) is not None


def ports_of(folder: Path) -> list[int]:
    """The ports of all nodes that a demo ever started, by their settings."""
    return [tomllib.loads(path.read_text("utf-8"))["port"] for path in sorted(folder.rglob("node.toml"))]
