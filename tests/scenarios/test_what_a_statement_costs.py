"""What closing, confirming and paying a statement read and write does not depend on what lies behind it."""

import pytest

from bench import statements
from bench.statements import Town
from hansa.kernel import Context

STEPS = len(statements.STEPS)
Counted = dict[str, int]


class Counter:
    """Counts what contracts read, scan and write while a step runs."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.now: Counted = {}
        for name in ("spend_read", "spend_write", "spend_scanned"):
            patched.setattr(Context, name, self._counting(name, getattr(Context, name)))

    def _counting(self, name: str, spend):  # type: ignore[no-untyped-def]
        def counting(ctx: Context, *count: int) -> None:
            self.now[name] = self.now.get(name, 0) + (count[0] if name == "spend_scanned" else 1)
            spend(ctx, *count)

        return counting

    def of(self, town: Town, day: int, patched: pytest.MonkeyPatch) -> list[Counted]:
        """Of each step of a day's statement."""
        steps: list[Counted] = []

        def step(work) -> float:  # type: ignore[no-untyped-def]
            self.now = {}
            work()
            steps.append(dict(self.now))
            return 0.0

        patched.setattr(statements, "cpu_seconds", step)
        town.live(day)
        return steps


def test_a_statement_costs_the_same_whatever_lies_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    counter = Counter(monkeypatch)
    for day in range(3):
        young = counter.of(town, day, monkeypatch)
    town.agree_with_others(60, 3)
    for day in range(3, 12):
        old = counter.of(town, day, monkeypatch)
    assert len(young) == len(old) == STEPS
    assert all(step["spend_read"] and step["spend_write"] for step in young)
    assert old == young
