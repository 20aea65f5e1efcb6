"""What goes wrong in a run: drawn from the seed beforehand, so that each piece can be left out alone."""

from collections.abc import Sequence
from random import Random
from typing import Literal, NamedTuple

Kind = Literal[
    "crash", "blackout", "cut", "weather", "clock", "liar", "wipe", "join", "lost_key", "old_program"
]

STEPS = (
    "begin", "write", "sync", "sync", "sync", "synced", "finalize", "finalized", "committed", "prepare",
    "process", "check", "shelf", "any",
)  # fmt: skip
"""Where a process may end: at a step of its disk, or between two steps of its engine. Most often while a
commit is under way, since there a disk is torn.
"""
DOWN_MS = (200, 30_000)
CUT_MS = (1_000, 60_000)
SKEW_MS = 3_000
LIAR_SKEW_MS = 86_400_000
JOINS = 0.4
"""Share of the runs in which a node joins that was not there from the first block on."""
FAULTS_MAX = 10


class Fault(NamedTuple):
    """One piece of trouble, once the ledger has reached a height; of `nodes`, for some time."""

    height: int
    kind: Kind
    nodes: tuple[int, ...] = ()
    for_ms: int = 0
    step: str = ""
    """Of a crash: the `left`th step of this name."""
    left: int = 1
    kept: bool = False
    values: tuple[int, ...] = ()
    """Of bad weather: loss, twice, slow in thousandths; of a clock: its skew in ms."""
    member: str = ""
    """Of a lost key: whose."""


def plan(luck: Random, *, blocks: int, voters: int, nodes: int, members: Sequence[str]) -> tuple[Fault, ...]:
    """The troubles of a run of so many blocks, in order of height. `nodes` from `voters` on may join."""
    found: list[Fault] = []
    if voters >= 4 and luck.random() < 0.5:
        liar, first = luck.randrange(voters), luck.randint(1, max(1, blocks // 2))
        found.append(Fault(first, "liar", (liar,), values=(luck.randint(-LIAR_SKEW_MS, LIAR_SKEW_MS),)))
    found += [
        Fault(luck.randint(0, blocks), "clock", (number,), values=(luck.randint(-SKEW_MS, SKEW_MS),))
        for number in range(voters)
        if luck.random() < 0.5
    ]
    if luck.random() < 0.5:
        found.append(Fault(0, "old_program", (luck.randrange(voters),), luck.randint(*DOWN_MS)))
    found += [
        Fault(luck.randint(1, blocks), "join", (number,))
        for number in range(voters, nodes)
        if luck.random() < JOINS
    ]  # Somewhere in the middle, under whatever load there is.
    found += [_trouble(luck, blocks, voters, members) for _ in range(luck.randrange(FAULTS_MAX))]
    return tuple(sorted(found))


def _trouble(luck: Random, blocks: int, voters: int, members: Sequence[str]) -> Fault:
    height, node = luck.randint(1, blocks), luck.randrange(voters)
    down_ms = luck.randint(*DOWN_MS)
    kind = luck.choices(
        ("crash", "blackout", "cut", "weather", "wipe", "lost_key"), weights=(8, 1, 3, 3, 1, 2)
    )[0]
    if kind == "crash":
        kept = luck.random() < 0.5
        return Fault(height, "crash", (node,), down_ms, luck.choice(STEPS), luck.randint(1, 4), kept)
    if kind == "blackout":
        return Fault(height, "blackout", tuple(range(voters)), down_ms)
    if kind == "cut":
        ends = tuple(luck.randrange(voters * voters) for _ in range(luck.randint(1, 2 * voters)))
        return Fault(height, "cut", for_ms=luck.randint(*CUT_MS), values=ends)
    if kind == "weather":
        values = (luck.randrange(400), luck.randrange(300), luck.randrange(300))
        return Fault(height, "weather", for_ms=luck.randint(*CUT_MS), values=values)
    if kind == "wipe":
        return Fault(height, "wipe", (node,), down_ms)
    return Fault(height, "lost_key", member=luck.choice(members))
