"""Bank lines against open obligations: every planted match found, nothing else taken for certain."""

from collections.abc import Iterator

from bench.measure import Row, cpu_seconds
from hansa.client.pay.matching import match
from tests.client.pay_planted import plant

LINES = 10_000
GOAL_S = 5
SEED = 20_261_122


def rows() -> Iterator[Row]:
    planted = plant(SEED, LINES)
    took_s = cpu_seconds(lambda: match(planted.lines, planted.items, planted.known), repeat=3)
    found = match(planted.lines, planted.items, planted.known)
    told = [(one.outcome, one.reason, one.allocations) for one in found]
    pairs = list(zip(told, planted.expected, strict=True))
    missed = sum(expected[0] == "certain" and got != expected for got, expected in pairs)
    false = sum(got[0] == "certain" and got != expected for got, expected in pairs)
    counts = f"{len(planted.lines):,} lines, {len(planted.items):,} items"
    sure = sum(expected[0] == "certain" for expected in planted.expected)
    yield Row("bank lines matched", took_s, "s", GOAL_S, detail=counts)
    yield Row("planted matches missed", missed, "lines", 0, detail=f"{sure:,} planted")
    yield Row("certain but false", false, "lines", 0, detail=f"{len(told) - sure:,} near-misses planted")
