"""Run a lease through Hansa's rooms, and set each of its statements beside the second opinion."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from independent.recompute import Correction, Period, recompute
from independent.usage import Feed as OracleFeed
from independent.usage import Metered, usage_from_readings

from hansa.apps.billing.messages import Statement
from hansa.apps.billing.rating import Line
from hansa.apps.metering.messages import Feed
from hansa.kernel import limits

Told = tuple[int, int | None, int, int]
"""(at_ms, value or None for lost, span_ms, sequence)."""
LOOK_BACK_MS = 70 * limits.DAY_MS
LOOK_BACK_RECORDS = 60


@dataclass
class Second:
    """What the second opinion is told: the sheet as written, the feeds as declared, and what arrived
    until when.
    """

    sheet: Mapping[str, Any]
    feeds: Mapping[str, Feed]
    starts_ms: int
    told: dict[str, list[Told]] = field(default_factory=lambda: defaultdict(list))
    lives: dict[str, list[tuple[int, int, int]]] = field(default_factory=lambda: defaultdict(list))
    billed: dict[Period, list[dict[str, Any]]] = field(default_factory=dict)

    def metered(self, period: Period) -> Metered:
        """Usage of a period by what has arrived; of long logs, by what can matter."""
        feeds = {}
        for meter, declared in self.feeds.items():
            feeds[meter] = OracleFeed(
                [self._reading(declared, told) for told in self._near(meter, period)],
                periodic=declared.reporting == "periodic",
                modulus=declared.modulus or None,
                lives=self.lives[meter],
            )
        return usage_from_readings(self.sheet, feeds, period, self.starts_ms)

    def _near(self, meter: str, period: Period) -> Sequence[Told]:
        told = sorted(self.told[meter])
        early = [n for n, reading in enumerate(told) if reading[0] < period[0] - LOOK_BACK_MS]
        return told[max(len(early) - LOOK_BACK_RECORDS, 0) :]

    @staticmethod
    def _reading(declared: Feed, told: Told) -> tuple[Any, ...]:
        at_ms, value, span_ms, sequence = told
        shown: Any = value
        if declared.kind == "state" and value is not None:
            shown = declared.states[value]
        return at_ms, shown, value is None, span_ms, 1, sequence

    def check(self, statement: Statement) -> None:
        """The statement equals the second opinion, line by line, with its gaps and low readings."""
        period = period_of(statement)
        metered = self.metered(period)
        expected = recompute(self.sheet, metered.usage, period, self.corrections())
        assert [of_hansa(line) for line in statement.lines] == [of_second(line) for line in expected]
        assert gaps_of_hansa(statement) == gaps_of_second(metered, period)
        check_falls(statement, metered)
        self.billed[period] = [line for line in expected if line["kind"] != "correction"]
        for line in expected:
            if line["kind"] == "correction":
                self.billed[line["period"]].append(line)

    def check_own(self, statement: Statement) -> None:
        """As `check`, for long logs: earlier periods are looked at only if the statement corrects any."""
        if any(line.kind == "correction" for line in statement.lines):
            self.check(statement)
            return
        earlier, self.billed = self.billed, {}
        self.check(statement)
        self.billed = earlier | self.billed

    def corrections(self) -> list[Correction]:
        """All earlier periods as known now, beside what was billed for them."""
        return [
            Correction(self.sheet, self.metered(earlier).usage, earlier, lines)
            for earlier, lines in self.billed.items()
        ]


def period_of(statement: Statement) -> Period:
    of = statement.period
    return of.from_ms, of.to_ms, of.full_from_ms, of.full_to_ms


def of_hansa(line: Line) -> dict[str, Any]:
    return {
        "number": line.number,
        "clause": line.clause,
        "kind": line.kind,
        "quantity": Fraction(line.quantity_base, line.unit_base or 1),
        "net": line.net_minor,
        "tax": line.tax_minor,
        "gross": line.gross_minor,
    }


def of_second(line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": line["number"],
        "clause": line["clause"],
        "kind": line["kind"],
        "quantity": line["quantity"],
        "net": line["net_minor"],
        "tax": line["tax_minor"],
        "gross": line["gross_minor"],
    }


def check_falls(statement: Statement, metered: Metered) -> None:
    """Each run of low readings is one that the second opinion sees, and each low reading lies in a
    run.
    """
    assert statement.fall_count == len(statement.falls)
    falls = metered.falls
    for run in statement.falls:
        if run.from_ms >= statement.period.from_ms:
            fall = next(fall for meter, fall in falls if (meter, fall.at_ms) == (run.meter, run.from_ms))
            assert (fall.value, fall.last_good) == (run.value_base, run.good_base)
    for meter, fall in falls:
        told = "pending" if fall.outcome == "pending" else "false_reading"
        assert any(
            (run.meter, run.good_base, run.status) == (meter, fall.last_good, told)
            and run.from_ms <= fall.at_ms <= run.to_ms
            for run in statement.falls
        )


def gaps_of_hansa(statement: Statement) -> Counter[tuple[Any, ...]]:
    """(meter, from, to, quantity), cut to the period."""
    from_ms, to_ms = statement.period.from_ms, statement.period.to_ms
    assert statement.gap_count == len(statement.gaps)
    return Counter(
        (gap.meter, max(gap.from_ms, from_ms), min(gap.to_ms, to_ms), gap.quantity_base)
        for gap in statement.gaps
    )


def gaps_of_second(metered: Metered, period: Period) -> Counter[tuple[Any, ...]]:
    return Counter(
        (gap.meter, max(gap.from_ms, period[0]), min(gap.to_ms, period[1]), gap.quantity)
        for gap in metered.gaps
    )
