"""`hansa simulate` as a user types it."""

import re
from pathlib import Path

import pytest

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
    file = tmp_path / "never.py"
    file.write_text(BROKEN)
    ran = shell("simulate", "--seeds", 30, "--blocks", 8, "--workers", 1, "--scenario", file)
    assert ran.status == 1
    assert "four blocks does not hold: block" in ran.out
    (again,) = re.findall("Again: hansa (.*)", ran.out)
    played = shell(*again.split())
    assert played.status == 1
    assert played.out.splitlines()[-1] == ran.out.splitlines()[-2]
    assert played.out.count("block 5:") == 1
    kept = shell("simulate", "--first-seed", 1, "--blocks", 8, "--keep", "-", "--scenario", file)
    assert kept.status == 0
    assert "Everything holds." in kept.out


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
