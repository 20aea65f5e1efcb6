"""Each bug that is planted is found, by the promise that it breaks; without it the same seeds hold."""

from contextlib import ExitStack
from dataclasses import replace
from random import Random

import pytest

from hansa.simulation.simulator.invariants_all import without_engine
from hansa.simulation.simulator.planted import APART, APPLICATION, LOST, MISSED, MONEY, PLANTS, SKIPPED
from hansa.simulation.simulator.planting import Change, Unplantable, lines
from hansa.simulation.simulator.run import Options, Run
from hansa.simulation.simulator.scenario import Scenario
from hansa.simulation.simulator.traffic.business import Business
from hansa.simulation.simulator.traffic.scenario import business
from tests.simulation.simulator.plain import Plain, seeds_until_broken

FOUND = {
    "receipt-twice": "receipt",
    "wrong-party": "wrong party",
    "booked-twice": "calendar",
    "half-the-votes": "vote",
    "votes-twice": "vote|final",
    "own-approval": "approval",
    "second-word": "record",
    "closed-early": "period",
    "dispute-ignored": "debt",
    "handed-over-alone": "handover",
    "anyone-starts-jobs": "wrong party",
    "deposit-kept": "deposit",
    "any-scope": "scope",
    "dead-key": "dead key",
    "replay": "used twice",
    "too-late": "expired",
    "due-left": "due",
    "due-uncounted": "pending",
    "last-key": "key",
    "unshown-validators": "validators",
    "never-debited": "pot",
    "listed-for-ever": "list",
    "silence-at-once": "confirmed",
    "calendar-left": "calendar",
    "one-signature": "signature",
    "counted-twice": "counted",
    "float": "tax",
    "paid-twice": "as asked",
    "transferred-twice": "as asked",
    "reversal-forgotten": "paid",
}
"""Bugs that all replicas have alike, so that no hash shows them: by which promise each is found."""
ALONE = {
    "lost-write": ("records", "one hash", "proposal", "durable", "log", "nothing lost"),
    "set-order": ("one hash",),
    "clock": ("one hash",),
    "early-answer": ("durable", "one height"),
    "leaves-for-blocks": ("durable", "snapshot"),
    "silent-validators": ("validators",),
    "trusting": ("proposal", "badly signed"),
}
"""Bugs of one machine, or of the application: found by what replicas and engine see of each other."""
LEASES = (
    "handed-over-alone",
    "anyone-starts-jobs",
    "deposit-kept",
    "calendar-left",
    "one-signature",
    "booked-twice",
)
MOST, MOST_RUNS = 60, 12


def emphasised(name: str) -> Scenario:
    if name not in LEASES:
        return replace(business(), invariants=without_engine)
    traffic = lambda world: Business(world, (1, 3, 1, 1, 9))  # noqa: E731
    return replace(business(), invariants=without_engine, traffic=traffic)


def test_every_plant_is_tried_here() -> None:
    assert sorted([*FOUND, *ALONE]) == sorted(PLANTS)
    assert len(PLANTS) == len((*LOST, *SKIPPED, *MISSED, *APART, *MONEY, *APPLICATION))
    for plant in PLANTS.values():
        assert plant.zh
        assert plant.en.isascii()


@pytest.mark.parametrize("name", FOUND)
def test_a_bug_in_a_contract_is_found(name: str) -> None:
    scenario = emphasised(name)
    with PLANTS[name].into(Options(), Random(0)):
        seeds, rule = seeds_until_broken(lambda seed: Plain(seed, scenario), MOST)
    assert rule in FOUND[name].split("|"), f"{rule} after {seeds} seeds"


@pytest.mark.parametrize("name", ["receipt-twice", "booked-twice"])
def test_without_it_the_same_seeds_hold(name: str) -> None:
    scenario = emphasised(name)
    assert seeds_until_broken(lambda seed: Plain(seed, scenario), 6) == (0, "")


@pytest.mark.parametrize("name", ALONE)
def test_a_bug_of_a_machine_is_found(name: str) -> None:
    for seed in range(1, MOST_RUNS + 1):
        with ExitStack() as stack:
            options = stack.enter_context(PLANTS[name].into(Options(), Random(f"{seed}/plant")))
            run = Run(seed, business(), options)
            verdict = run.finish()
            run.close()
        if verdict.broken is not None:
            assert verdict.broken.rule in ALONE[name]
            return
    pytest.fail(f"not found within {MOST_RUNS} seeds")


def add(one: int, other: int) -> int:
    return one + other


def test_a_changed_line_is_put_back() -> None:
    with lines(Change(add, "one + other", "one - other"))(Options(), Random(0)):
        assert add(3, 2) == 1
    assert add(3, 2) == 5


@pytest.mark.parametrize("old", ["one * other", "o"])
def test_a_change_of_what_is_not_there_or_not_just_once_is_refused(old: str) -> None:
    with pytest.raises(Unplantable), lines(Change(add, old, "0"))(Options(), Random(0)):
        pass
    assert add(3, 2) == 5
