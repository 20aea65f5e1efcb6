"""The supervisor on real processes: each is killed, stopped or hangs, and the unit comes back as one."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hansa.node.supervision import SHIM, Bounds, Child, Hold, Supervisor, Told
from hansa.node.supervision_logs import Stream, line_of
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
QUICK = Bounds(
    start_s=20.0, probe_every_s=0.02, probes_failed=2, steady_s=60.0, pause_first_s=0.01, pause_max_s=0.02,
    tries=1_000, waiting_s=600.0, stop_s=20.0,
)  # fmt: skip
SLEEPS = ("/bin/sleep", "600")
STUBBORN = ("/bin/sh", "-c", "trap '' TERM; touch $0.ready; while :; do sleep 0.05; done")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


class Yard:
    """A supervisor in a thread of its own, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[Told] = []
        self.lines = io.StringIO()
        self.answers = {"application": "", "engine": ""}
        self.order: list[str] = []
        self.supervisor: Supervisor | None = None
        self._thread: threading.Thread | None = None

    def child(self, name: str, command: tuple[str, ...] = SLEEPS, **more: Any) -> Child:
        def probe() -> str:
            said = self.answers[name]
            if said.startswith("hold "):
                raise Hold("停住", said.removeprefix("hold "))
            return said

        before = lambda: self.order.append(f"start {name}")  # noqa: E731
        given = {"ready": lambda: True, "probe": probe, "before": before, **more}
        return Child(name, command, dict(os.environ), **given)

    def start(self, *children: Child, bounds: Bounds = QUICK) -> None:
        chosen = children or (self.child("application"), self.child("engine"))
        self.start_what(lambda: chosen, bounds)

    def start_what(self, asked: Callable[[], Sequence[Child]], bounds: Bounds = QUICK) -> None:
        self.stream = Stream("debug", self.lines)
        self.supervisor = Supervisor(asked, self.stream, self.told.append, bounds)
        self._thread = threading.Thread(target=self.supervisor.run, daemon=True)
        self._thread.start()

    def runs(self, restarts: int = 0) -> dict[str, int]:
        """Wait for a run that was started anew so often (or more often); its processes."""
        self.until(lambda: self.state == "running" and self.told[-1].restarts >= restarts)
        return self.told[-1].pids

    @property
    def state(self) -> str:
        return self.told[-1].state if self.told else ""

    def until(self, what: Callable[[], bool]) -> None:
        assert until(what, 30.0, 0.01)

    def end(self) -> None:
        if self.supervisor is not None and self._thread is not None:
            self.supervisor.stop()
            self._thread.join(30.0)
            assert not self._thread.is_alive()
            self.stream.close()

    def written(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines.getvalue().splitlines()]


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    yield made
    made.end()
    pids = {pid for told in made.told for pid in told.pids.values()}
    assert not [pid for pid in pids if alive(pid)], "a process was left behind"


@pytest.mark.parametrize("victim", ["application", "engine"])
@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM])
def test_when_one_ends_both_begin_anew(yard: Yard, victim: str, way: signal.Signals) -> None:
    yard.start()
    first = yard.runs()
    os.kill(first[victim], way)
    second = yard.runs(restarts=1)
    assert not set(first.values()) & set(second.values())
    assert not any(alive(pid) for pid in first.values())
    assert yard.order == ["start application", "start engine"] * 2


def test_both_killed_at_once_begin_anew(yard: Yard) -> None:
    yard.start()
    for pid in yard.runs().values():
        os.kill(pid, signal.SIGKILL)
    assert all(alive(pid) for pid in yard.runs(restarts=1).values())


def test_an_end_with_exit_code_0_is_an_end(yard: Yard) -> None:
    """The engine leaves so when the application dies."""
    gate = yard.folder / "gate"
    leaves = ("/bin/sh", "-c", f"[ -e {gate} ] && exec sleep 600; touch {gate}; exit 0")
    yard.start(yard.child("application"), yard.child("engine", leaves))
    yard.runs(restarts=1)
    assert any(told.cause == "engine: exit code 0" for told in yard.told)


@pytest.mark.parametrize("then", ["exit 0", "exec sleep 600"], ids=["leaves", "complains"])
def test_who_died_is_the_cause_and_not_who_left_for_it(yard: Yard, then: str) -> None:
    """The application's last lines are waited for (a worker of it still writes), the engine's are not."""
    pid = yard.folder / "pid"
    works = ("/bin/sh", "-c", f"(sleep 600) & echo $$ >{pid}.new; mv {pid}.new {pid}; wait")
    goes = f"while kill -0 $(cat {pid}); do sleep 0.02; done; echo FAILURE; {then}"
    application = yard.child(
        "application", works, ready=pid.exists, before=lambda: pid.unlink(missing_ok=True)
    )
    heard = lambda line: "failure" if "FAILURE" in str(line) else ""  # noqa: E731
    yard.start(application, yard.child("engine", ("/bin/sh", "-c", goes), heard=heard))
    os.kill(yard.runs()["application"], signal.SIGKILL)
    yard.runs(restarts=1)
    causes = [told.cause for told in yard.told if told.cause]
    assert causes == ["application: signal 9"]


def test_one_that_hangs_is_killed_and_both_begin_anew(yard: Yard) -> None:
    """Stopped (SIGSTOP) it cannot end when asked to, and gets no time for it."""
    yard.start(bounds=QUICK._replace(stop_s=600.0))
    first = yard.runs()
    os.kill(first["application"], signal.SIGSTOP)
    yard.answers["application"] = "no answer within 10 s"
    yard.until(lambda: not alive(first["application"]))
    yard.answers["application"] = ""
    yard.runs(restarts=1)
    assert any("no answer within 10 s" in told.cause for told in yard.told)


REPLAYS = ("/bin/sh", "-c", "while :; do :; done")


def test_of_a_slow_start_bad_answers_count_only_after_a_good_one(yard: Yard) -> None:
    """An engine that replays a long log answers nobody, and has much to do."""
    asked: list[str] = []

    def probe() -> str:
        asked.append("")
        return "still replaying" if len(asked) < 20 else ""

    replaying = yard.child("engine", REPLAYS, probe=probe, slow_start=True)
    yard.start(yard.child("application"), replaying, bounds=QUICK._replace(probe_every_s=0.1))
    yard.until(lambda: len(asked) > 25)
    assert yard.told[-1].restarts == 0


def test_of_a_slow_start_one_that_neither_answers_nor_works_is_started_anew(yard: Yard) -> None:
    """An engine that hangs before its first answer."""
    hanging = yard.child("engine", probe=lambda: "no answer", slow_start=True)
    yard.start(yard.child("application"), hanging)
    yard.runs(restarts=1)


def test_one_bad_answer_is_forgiven(yard: Yard) -> None:
    asked: list[str] = []

    def probe() -> str:
        asked.append("")
        return "busy" if len(asked) % 2 else ""

    yard.start(yard.child("application"), yard.child("engine", probe=probe))
    yard.until(lambda: len(asked) > 25)
    assert yard.told[-1].restarts == 0


def test_what_is_said_once_is_said_at_the_first_start_only(yard: Yard) -> None:
    log = yard.folder / "said"
    says = ("/bin/sh", "-c", f'echo "$@" >> {log}; exec sleep 600', "-")
    yard.start(yard.child("application", says, first=("--retry",)))
    pid = yard.runs()["application"]
    yard.until(log.exists)
    os.kill(pid, signal.SIGKILL)
    yard.runs(restarts=1)
    yard.until(lambda: log.exists() and log.read_text() == "--retry\n\n")


def test_the_second_begins_when_the_first_is_ready(yard: Yard) -> None:
    ready = threading.Event()
    yard.start(yard.child("application", ready=ready.is_set), yard.child("engine"))
    yard.until(lambda: "start application" in yard.order)
    yard.until(lambda: any(line["event"] == "started" for line in yard.written()))
    assert yard.order == ["start application"]
    ready.set()
    yard.runs()
    assert yard.order == ["start application", "start engine"]


def test_one_that_never_gets_ready_is_started_anew(yard: Yard) -> None:
    yard.start(yard.child("application", ready=lambda: False), bounds=QUICK._replace(start_s=0.1))
    yard.until(lambda: yard.told[-1].restarts >= 2)
    assert any("not ready" in told.cause for told in yard.told)


def test_what_no_restart_mends_is_left_as_it_is(yard: Yard) -> None:
    """A wrong hash: the processes stay, hung or not, and once one ends nothing is started again by itself."""
    yard.start()
    pids = yard.runs()
    yard.answers["engine"] = "hold another hash"
    yard.until(lambda: yard.state == "held")
    yard.answers["application"] = "no answer"
    assert not until(lambda: not all(alive(pid) for pid in pids.values()), 0.5)
    os.kill(pids["engine"], signal.SIGKILL)
    yard.until(lambda: not alive(pids["application"]))
    yard.until(lambda: len([told for told in yard.told if told.state == "held"]) == 2)
    assert yard.order.count("start engine") == 1
    yard.answers |= {"application": "", "engine": ""}
    assert yard.supervisor is not None
    yard.supervisor.again()
    yard.runs(restarts=1)


def test_one_that_holds_before_it_is_ready_is_left_as_it_is(yard: Yard) -> None:
    """An application that only reads opens no socket to the engine."""
    bounds = QUICK._replace(start_s=0.2)
    yard.answers["application"] = "hold it only reads"
    yard.start(yard.child("application", ready=lambda: False), yard.child("engine"), bounds=bounds)
    yard.until(lambda: yard.state == "held")
    pid = yard.told[-1].pids["application"]
    assert not until(lambda: not alive(pid), 0.5)
    assert yard.order == ["start application"]


@pytest.mark.parametrize("holds", [True, False])
def test_a_line_of_the_log_can_be_the_reason(yard: Yard, holds: bool) -> None:
    """The engine stays alive after it failed; only its log tells."""
    gate = yard.folder / "gate"
    line = '{"level":"error","_msg":"CONSENSUS FAILURE!!!"}'
    says = f"[ -e {gate} ] || echo '{line}'; touch {gate}; exec sleep 600"

    def heard(line: dict[str, Any]) -> str:
        if "CONSENSUS FAILURE" not in line["event"]:
            return ""
        if holds:
            raise Hold("故障", "failure")
        return "failure"

    yard.start(yard.child("application"), yard.child("engine", ("/bin/sh", "-c", says), heard=heard))
    if holds:
        yard.until(lambda: yard.state == "held")
        assert (yard.told[-1].cause, yard.told[-1].cause_zh) == ("engine: failure", "engine：故障")
    else:
        yard.runs(restarts=1)
        assert any(told.cause == "engine: failure" for told in yard.told)


def test_after_some_tries_it_waits_long_and_says_so(yard: Yard) -> None:
    dies = ("/bin/sh", "-c", "echo no such thing; exit 3")
    yard.start(yard.child("application", dies), bounds=QUICK._replace(tries=3))
    yard.until(lambda: yard.state == "waiting")
    assert yard.told[-1].cause == "application: exit code 3; no such thing"
    assert yard.order.count("start application") == 3
    assert yard.supervisor is not None
    yard.supervisor.again()
    yard.until(lambda: yard.order.count("start application") == 4)


def test_a_run_that_was_steady_begins_the_count_anew(yard: Yard) -> None:
    dies = ("/bin/sh", "-c", "exit 3")
    yard.start(yard.child("application", dies), bounds=QUICK._replace(tries=3, steady_s=0.0))
    yard.until(lambda: yard.order.count("start application") > 6)
    assert yard.state != "waiting"


def test_a_refusal_before_a_start_ends_the_try(yard: Yard) -> None:
    from hansa.node.errors import FollowNothing

    tried: list[str] = []

    def before() -> None:
        tried.append("")
        if len(tried) == 1:
            raise FollowNothing()

    yard.start(yard.child("application"), yard.child("engine", before=before))
    yard.runs(restarts=1)
    assert any("node.follow_nothing" in told.cause for told in yard.told)


def test_they_end_in_the_order_in_which_they_may(yard: Yard) -> None:
    """The engine before the application, which still has its blocks to store."""
    log = yard.folder / "ends"
    ends = (
        "/bin/sh",
        "-c",
        f"trap 'echo $0 >> {log}; exit 0' TERM; touch {log}.$0; while :; do sleep 0.02; done",
    )
    yard.start(*(yard.child(name, (*ends, name)) for name in ("application", "engine")))
    yard.until(lambda: Path(f"{log}.engine").exists())
    yard.end()
    assert log.read_text().split() == ["engine", "application"]
    assert yard.state == "stopped"


def test_one_that_does_not_end_when_asked_is_killed(yard: Yard) -> None:
    mark = yard.folder / "stubborn"
    yard.start(yard.child("application", (*STUBBORN, str(mark))), bounds=QUICK._replace(stop_s=0.2))
    pid = yard.runs()["application"]
    yard.until(Path(f"{mark}.ready").exists)
    yard.end()
    assert not alive(pid)


def test_it_can_be_stopped_while_it_waits(yard: Yard) -> None:
    yard.start(yard.child("application", ("/bin/false",)), bounds=QUICK._replace(tries=1))
    yard.until(lambda: yard.state == "waiting")
    yard.end()
    assert yard.state == "stopped"


def test_a_program_that_is_not_there_is_a_try_that_ended(yard: Yard) -> None:
    yard.start(yard.child("application", ("/nowhere/at/all",)))
    yard.until(lambda: yard.told[-1].restarts >= 2)
    assert any("/nowhere/at/all" in told.cause for told in yard.told)


ALONE = """
import os, sys
from hansa.node.supervision import Child, Supervisor
from hansa.node.supervision_logs import Stream
def told(now):
    if now.state == "running":
        print(*now.pids.values(), flush=True)
child = lambda name: Child(name, ("/bin/sleep", "600"), dict(os.environ), lambda: True, lambda: "")
made = Supervisor(lambda: [child("application"), child("engine")], Stream("error"), told)
made.handle_signals()
made.run()
print("ended", flush=True)
"""


@pytest.fixture
def alone() -> Iterator["subprocess.Popen[str]"]:
    """A supervisor that is a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        [sys.executable, "-c", ALONE], stdout=subprocess.PIPE, text=True, env=environment
    ) as made:
        yield made
        made.kill()


def pids_of(made: "subprocess.Popen[str]") -> list[int]:
    assert made.stdout is not None
    return [int(pid) for pid in made.stdout.readline().split()]


def test_a_supervisor_that_is_killed_takes_its_children_along(alone: "subprocess.Popen[str]") -> None:
    pids = pids_of(alone)
    assert len(pids) == 2
    alone.kill()
    assert until(lambda: not any(alive(pid) for pid in pids), 30.0)


@pytest.mark.parametrize("way", ["line breaks", "asked to end"])
def test_where_the_kernel_does_not_help_the_line_to_the_supervisor_does(tmp_path: Path, way: str) -> None:
    """As on systems other than Linux: the shim stays beside the program and ends it."""
    mark = tmp_path / "pid"
    code = f"import runpy, sys; sys.platform = 'other'; runpy.run_path({str(SHIM)!r}, run_name='__main__')"
    program = ("/bin/sh", "-c", f"echo $$ > {mark}.part; mv {mark}.part {mark}; exec sleep 600")
    with subprocess.Popen([sys.executable, "-c", code, "1", *program], stdin=subprocess.PIPE) as shim:
        assert until(mark.exists, 30.0)
        pid = int(mark.read_text())
        assert alive(pid)
        assert shim.stdin is not None
        if way == "line breaks":
            shim.stdin.close()
        else:
            shim.terminate()
        assert until(lambda: not alive(pid), 30.0)
        assert shim.wait(30) != 0


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_it_ends_both_cleanly(alone: "subprocess.Popen[str]", way: signal.Signals) -> None:
    pids = pids_of(alone)
    alone.send_signal(way)
    assert alone.stdout is not None
    assert alone.stdout.read() == "ended\n"
    assert alone.wait(30) == 0
    assert not any(alive(pid) for pid in pids)


def test_a_hangup_starts_both_anew(alone: "subprocess.Popen[str]") -> None:
    first = pids_of(alone)
    alone.send_signal(signal.SIGHUP)
    second = pids_of(alone)
    assert not set(first) & set(second)
    assert not any(alive(pid) for pid in first)


# The log.


def test_the_engines_lines_are_brought_to_our_names() -> None:
    raw = b'{"level":"error","module":"p2p","ts":"2026-11-22T10:00:00Z","_msg":"dial failed","peer":"a@b"}\n'
    assert line_of("engine", raw) == {
        "time": "2026-11-22T10:00:00Z", "level": "error", "event": "dial failed", "module": "p2p",
        "peer": "a@b", "process": "engine",
    }  # fmt: skip
    assert line_of("engine", b'{"level":"warn","_msg":"x"}')["level"] == "warning"


@pytest.mark.parametrize(
    "raw", [b"panic: at height 7", b"\xff\xfe", b"[1,2]", b'{"_msg":', b"[" * 15_000, b'{"level":[]}', b'"x"']
)
def test_whatever_a_process_writes_becomes_a_line(raw: bytes) -> None:
    line = line_of("engine", raw)
    assert line["process"] == "engine"
    assert len(json.dumps(line)) < 20_000


def test_a_reader_that_reads_nothing_stops_nobody() -> None:
    """As a terminal that was paused."""
    ours, theirs = os.pipe()
    out = os.fdopen(theirs, "w")
    stream = Stream("info", out)
    for number in range(20_000):
        stream.note("line", number=number)

    def end() -> None:
        stream.close(20.0)
        out.close()

    ending = threading.Thread(target=end)
    ending.start()
    with os.fdopen(ours) as reader:
        told = [json.loads(line) for line in reader]
    ending.join()
    assert len(told) < 10_000
    assert sum(line.get("left_out", 0) for line in told) > 10_000


def test_lines_below_the_level_are_not_written() -> None:
    out = io.StringIO()
    stream = Stream("warning", out)
    stream.note("quiet")
    stream.note("loud", "error")
    stream.put({"event": "odd", "level": ["?"]})
    stream.close()
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["loud"]


def test_told_to_stop_while_it_looks_it_starts_nothing_more(yard: Yard) -> None:
    """A look before a start may take minutes: whoever gave up meanwhile wants no engine that votes."""

    def look() -> None:
        assert yard.supervisor is not None
        yard.supervisor.stop()

    yard.start(yard.child("application"), yard.child("engine", before=look))
    yard.until(lambda: yard.state == "stopped")
    yard.end()
    assert [line["child"] for line in yard.written() if line["event"] == "started"] == ["application"]
