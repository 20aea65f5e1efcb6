"""A block that does not end: the process ends before it commits; the next start names what came to pass."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from hansa.cli.serve import up
from hansa.engines.stops import Stops
from hansa.engines.store import SqliteStore
from hansa.node import watchdog
from hansa.node.watchdog import BLOCK, TRACE, Watchdog

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 2


def node(folder: Path, mode: str, *names: str) -> tuple[int, list[str]]:
    """A node in a process of its own lends these tools; `loop…` does not end. Its status, its lines."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.node.watched", str(folder), str(SECONDS), mode, *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout.splitlines()


def test_a_room_that_does_not_end_stops_the_node_before_commit_and_twice_makes_it_wait(
    tmp_path: Path,
) -> None:
    mode = "python"
    assert node(tmp_path, mode, "a", "loop-1", "b") == (1, ["a ok"])

    # The second start tries the block once more.
    code, lines = node(tmp_path, mode, "c")
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith("incident node.block_too_slow A block took more than 2 s (it stood at ")
    # Where it stood is read while the loop runs on, and may be unreadable (`?`); the next test has it stand.
    assert "contract.py:" in lines[0] or "(it stood at ?)" in lines[0]

    # The third only reads. Nothing of the block took effect.
    code, lines = node(tmp_path, mode, "d")
    assert code == 0
    assert [line.split()[1] for line in lines[:3]] == ["node.block_too_slow", "waiting", "engine.waiting"]
    assert lines[3:] == ["height 1 Tool(name='a', loans=0)"]

    # Its operator sets the transaction aside, for good, and the others go on.
    assert node(tmp_path, mode, "drop", "loop-1", "e")[1][-3:-1] == ["loop-1 engine.set_aside", "e ok"]
    code, lines = node(tmp_path, mode, "loop-1", "f")
    assert (code, lines[:2]) == (0, ["loop-1 engine.set_aside", "f ok"])


def test_one_step_that_never_lets_go_of_python_is_ended_too(tmp_path: Path) -> None:
    assert node(tmp_path, "c", "a", "loop-1", "b") == (1, ["a ok"])
    (incident,) = Watchdog(tmp_path / "ledger.db", SECONDS).incidents
    assert "(it stood at lend, contract.py:" in incident.detail
    stops, wires = stops_of(tmp_path / "ledger.db")
    assert (stops, len(wires)) == (1, 1)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    SqliteStore(path).close()
    return path


def stops_of(ledger: Path) -> tuple[int, tuple[bytes, ...]]:
    store = SqliteStore(ledger)
    try:
        stop = Stops(store).noted()
        return (stop.stops, stop.transactions) if stop else (0, ())
    finally:
        store.close()


def test_a_block_in_time_leaves_nothing_behind(ledger: Path) -> None:
    dog = Watchdog(ledger, 60)
    for wires in ([b"one", b"two"], [], [b"three" * 100_000]):
        with dog.watch(wires):
            held = (ledger.parent / BLOCK).read_bytes()
            assert watchdog._unpacked(held) == tuple(wires)
        assert (ledger.parent / BLOCK).read_bytes() == b""
    with pytest.raises(OSError, match="full"), dog.watch([b"x"]):
        raise OSError("full")
    dog.close()
    assert Watchdog(ledger, 60).incidents == []
    assert stops_of(ledger) == (0, ())


def test_a_process_that_was_killed_otherwise_is_not_taken_for_one_that_looped(ledger: Path) -> None:
    (ledger.parent / BLOCK).write_bytes(watchdog._packed([b"wire"]))
    (ledger.parent / TRACE).write_bytes(b"")
    assert Watchdog(ledger).incidents == []
    assert stops_of(ledger) == (0, ())


@pytest.mark.parametrize(("option", "word"), [(None, ""), ("--retry", "again"), ("--set-aside", "set_aside")])
def test_the_operators_word_is_given_when_the_node_is_started(
    option: str | None, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []
    monkeypatch.setattr("hansa.node.run.serve", lambda settings, ready, retry: given.append(retry))
    (tmp_path / "node.toml").write_text('member = "maker"\n')
    done = CliRunner().invoke(up, [str(tmp_path), *([option] if option else [])], obj="en")
    assert (done.exit_code, given) == (0, [word])


TRACES = [
    (
        "Timeout (0:00:01)!\n"
        "Thread 0x01 (most recent call first):\n"
        '  File "/p/threading.py", line 5 in wait\n'
        "\n"
        "Thread 0x02 (most recent call first):\n"
        f'  File "{watchdog.KERNEL}/context.py", line 9 in get\n'
        '  File "/rooms/visitors/contract.py", line 33 in admit\n'
        f'  File "{watchdog.KERNEL}/apply.py", line 250 in _transact\n'
        f'  File "{watchdog.KERNEL}/apply.py", line 150 in apply\n'
        '  File "/hansa/engines/ledger.py", line 7 in execute\n',
        "admit, contract.py:33",
    ),
    (
        "Timeout (0:00:01)!\nThread 0x02 (most recent call first):\n"
        f'  File "{watchdog.KERNEL}/lthash.py", line 9 in update\n'
        f'  File "{watchdog.KERNEL}/apply.py", line 150 in apply\n',
        "update, lthash.py:9",
    ),
    ("Timeout (0:00:01)!\nThread 0x01 (most recent call first):\n  File", "?"),
    ("\ufffd\x1b[31m", "?"),
]


@pytest.mark.parametrize(("trace", "place"), TRACES, ids=["room", "kernel", "cut short", "rubbish"])
def test_a_stop_is_noted_with_its_block_and_its_place(trace: str, place: str, ledger: Path) -> None:
    (ledger.parent / BLOCK).write_bytes(watchdog._packed([b"one", b"two"]) + b"left from before")
    (ledger.parent / TRACE).write_text(trace)

    (incident,) = Watchdog(ledger).incidents

    assert incident.what == "node.block_too_slow"
    assert f"(it stood at {place})" in incident.detail
    assert stops_of(ledger) == (1, (b"one", b"two"))
    assert Watchdog(ledger).incidents == []  # Told once.
    (ledger.parent / TRACE).write_text(trace)
    (ledger.parent / BLOCK).write_bytes(watchdog._packed([b"one", b"two"])[:9])
    Watchdog(ledger)
    assert stops_of(ledger) == (2, (b"one",))
