"""A hundred seeds of the whole business, short ones: `hansa simulate` runs long ones in CI."""

from collections import Counter
from typing import get_args

from hansa.simulation.simulator.faults import STEPS, Kind
from hansa.simulation.simulator.liars import KINDS
from hansa.simulation.simulator.sweep import Job, Summary, sweep

SEEDS = range(1, 101)
BLOCKS = 8


def test_a_hundred_seeds_hold() -> None:
    found: list[Summary] = []
    sweep(Job(blocks=BLOCKS), SEEDS, 2, found.append)
    assert sorted((each.seed, each.rule, each.what) for each in found) == [(seed, "", "") for seed in SEEDS]
    assert [each.seed for each in found if each.real] != []
    assert sum(each.transactions for each in found) > 2 * sum(each.height for each in found)
    assert sum(each.troubles for each in found) > 200
    happened = sum((Counter(each.happened) for each in found), Counter[str]())
    torn = sum((Counter(each.happened) for each in found if each.real), Counter[str]())
    wanted = {*get_args(Kind), *(f"lie.{kind}" for kind in KINDS), "ended.crash", "restored.nothing"}
    wanted |= {f"crash.{step}" for step in STEPS if step not in ("any", "shelf", "begin")}
    assert sorted(wanted - happened.keys()) == []
    assert torn.total() > 0
