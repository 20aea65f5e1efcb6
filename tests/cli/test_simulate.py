"""`hansa simulate` as a user types it."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hansa.simulation.simulator import shrink
from tests.cli.shell import Shell

SCENARIO = Path(__file__).parents[1] / "simulation" / "simulator" / "attesting.py"
BROKEN = """
from hansa.simulation.simulator.scenario import Broken
from tests.simulation.simulator.attesting import Attesting
from hansa.simulation.simulator.scenario import Scenario

class Never:
    def after(self, world, happened):
        if happened.block.height > 4 and len(happened.block.transactions) > 1:
            raise Broken("four blocks", f"block {happened.block.height}")
    def at_end(self, world):
        pass

def scenario():
    return Scenario("never", Attesting, lambda world: [Never()])
"""
WHOLE = (
    BROKEN.replace("        if ", "        if hasattr(world, 'asked') and ").replace("Attesting,", "Asked,")
    + """
class Asked(Attesting):
    def next(self, world):
        world.asked = True
        return super().next(world)
"""
)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_seeds_run_over_processes_and_are_summed_up(shell: Shell) -> None:
    told = shell.do("simulate", "--seeds", 6, "--blocks", 4, "--scenario", SCENARIO, "--json").json
    assert told["seeds"] == 6
    assert told["blocks"] >= 24
    assert told["transactions"] >= 3 * told["blocks"]
    assert told["failed"] == told["story"] == []
    said = shell.do("simulate", "--seeds", 1, "--blocks", 4, "--scenario", SCENARIO, HANSA_LANG="zh").out
    assert "1 个种子" in said


def test_a_seed_that_fails_tells_its_story_and_the_command_that_tells_it_again(
    shell: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "never ever.py"  # A name that a shell would take for two.
    file.write_text(BROKEN)
    ran = shell("simulate", "--seeds", 30, "--blocks", 8, "--workers", 1, "--scenario", file)
    assert ran.status == 1
    assert "four blocks does not hold: block" in ran.out
    (again,) = re.findall("Again: hansa (.*)", ran.out)
    played = shell(*shlex.split(again))
    assert played.status == 1
    assert played.out.splitlines()[-1] == ran.out.splitlines()[-2]
    assert played.out.count("block 5:") == 1
    kept = shell("simulate", "--first-seed", 1, "--blocks", 8, "--keep", "-", "--scenario", file)
    assert kept.status == 0
    assert "Everything holds." in kept.out


def test_all_seeds_run_if_asked_for_however_many_fail(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "never.py"
    file.write_text(BROKEN)
    asked = ("simulate", "--seeds", 7, "--blocks", 8, "--workers", 1, "--scenario", file, "--json")
    first, every = shell(*asked), shell(*asked, "--all")
    assert (first.status, every.status) == (1, 1)
    assert first.json["seeds"] < 7
    assert every.json["seeds"] == 7
    assert len(every.json["failed"]) > 1


def test_a_seed_that_fails_as_a_whole_only_is_told_as_a_whole(shell: Shell, tmp_path: Path) -> None:
    """What is played from a recording does not ask the traffic for anything."""
    file = tmp_path / "whole.py"
    file.write_text(WHOLE)
    ran = shell("simulate", "--seeds", 30, "--blocks", 8, "--workers", 1, "--scenario", file)
    assert ran.status == 1
    (again,) = re.findall("Again: hansa (.*)", ran.out)
    assert "--seeds 1 " in again
    played = shell(*shlex.split(again))
    assert played.status == 1
    story = played.out.splitlines()
    assert "four blocks does not hold: block" in played.out
    assert story[1:-1] == ran.out.splitlines()[-len(story) + 1 : -1]


@pytest.mark.parametrize(
    "text", ["", "def scenario():\n    return 1\n", "import nothing_of_this_name\n", "("]
)
def test_a_file_that_is_no_scenario_is_refused_by_name(shell: Shell, tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    shell.refused("simulator.scenario_unusable", "simulate", "--scenario", file)
    shell.refused("simulator.scenario_unusable", "simulate", "--scenario", tmp_path / "nowhere.py")


def test_options_that_cannot_be_are_refused(shell: Shell) -> None:
    shell.refused("cli.wrong_use", "simulate", "--keep", "x", "--scenario", SCENARIO)
    shell.refused("cli.wrong_use", "simulate", "--plant", "nothing-like-it", "--scenario", SCENARIO)
    assert shell("simulate", "--seeds", 0).status == 2


MISTAKEN = """
from hansa.simulation.simulator.scenario import Scenario

class Mistaken:
    def next(self, world):
        return [{}["nothing of this name"]] if world.seed == 3 else []
    def happened(self, world, happened):
        pass

def scenario():
    return Scenario("mistaken", lambda world: Mistaken())
"""


def test_a_mistake_in_a_scenario_is_told_with_its_seed_and_its_line(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "mistaken.py"
    file.write_text(MISTAKEN)
    for options in (("--seeds", 5), ("--first-seed", 3, "--keep", "-")):
        said = shell.refused("simulator.program_failed", "simulate", "--scenario", file, *options).err
        assert "seed 3" in said
        assert "mistaken.py, line 6: KeyError" in said


ONCE = """
from hansa.simulation.simulator.scenario import Broken, Scenario
from tests.simulation.simulator.attesting import Attesting
import os

class Once:
    def after(self, world, happened):
        pass
    def at_end(self, world):
        if os.getppid() != WHO:
            raise Broken("once", "in one process and not in the other")

def scenario():
    return Scenario("once", Attesting, lambda world: [Once()])
"""


def test_a_scenario_that_uses_more_than_its_seed_is_told_so(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "once.py"
    file.write_text(ONCE.replace("WHO", str(os.getppid())))
    ran = shell("simulate", "--seeds", 1, "--blocks", 4, "--scenario", file, HANSA_LANG="zh")
    assert ran.status == 1
    assert "种子以外的东西" in ran.out


WORKERS = 2
MAIN = """
from pathlib import Path
from hansa.cli.main import main
from hansa.simulation.simulator import sweep
sweep.MEMORY = Path({!r})
main()
"""


def _children(pid: int) -> list[int]:
    """Processes that a process started."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in found.read_text().split()] if found.exists() else []


def _lives(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes as Linux shows them")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_command_ends_its_processes(tmp_path: Path, how: signal.Signals) -> None:
    command = [
        sys.executable,
        "-c",
        MAIN.format(str(tmp_path)),
        "simulate",
        "--seeds",
        "10",
        "--blocks",
        "1000000",
    ]
    ran = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until_s = time.monotonic() + 60
        while len(_children(ran.pid)) < WORKERS and time.monotonic() < until_s:
            time.sleep(0.1)
        time.sleep(2)  # They are at work.
        children = _children(ran.pid)
        assert len(children) >= WORKERS
        ran.send_signal(how)
        _, said = ran.communicate(timeout=60)
    finally:
        ran.kill()
    if how == signal.SIGINT:
        assert ran.returncode == 130
        assert "Stopped: 0 seeds were done." in said
    while any(map(_lives, children)) and time.monotonic() < until_s + 60:
        time.sleep(0.1)
    assert [each for each in children if _lives(each)] == []
    assert list(tmp_path.iterdir()) == []


# A lost write, a skipped check, a payment made twice, and what is not the same on two machines.
PLANTED = ("lost-write", "wrong-party", "paid-twice", "clock")


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_bug_is_found_shrunk_and_played_again(
    shell: Shell, plant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shrink, "RUNS_MAX", 40)  # The story is then not as short as it could be.
    ran = shell("simulate", "--plant", plant, "--seeds", 1_000, "--blocks", 60, "--workers", 1, "--json")
    assert ran.status == 1, ran.err
    failed, *_ = ran.json["failed"]
    *_, last, again = ran.json["story"]
    assert f"{failed['rule']} does not hold: " in last
    played = shell(*shlex.split(again.removeprefix("Again: hansa ")))
    assert played.status == 1
    assert played.out.splitlines()[-1] == last
