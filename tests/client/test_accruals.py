"""Accruals as a client gathers them from a node: all records of a feed, page by page."""

from typing import Any

import pytest

from hansa.apps.billing.messages import Agreement, Binding, Propose, PublishTariff, Statement
from hansa.apps.billing.terms import GapRule, Settlement, Terms
from hansa.apps.consortium.messages import PublishCalendar
from hansa.apps.metering.messages import (
    AnchorReadings,
    Counters,
    DeclareReset,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
)
from hansa.client import accruals
from hansa.client.accruals import accrued, agreements
from hansa.client.agreements import acceptance, proposed
from hansa.kernel import limits, pack, replace
from tests.apps.ground import feed
from tests.apps.tariffs import PIECE, TARIFF, calendar_of
from tests.consortium import Consortium

H, DAY = limits.HOUR_MS, limits.DAY_MS
FIRST_DAY = 20_120
START_MS = FIRST_DAY * DAY - 8 * H
"""2025-02-01 in Shanghai."""
DAYS = 5
DAILY = replace(
    TARIFF,
    purpose="internal",
    period="day",
    meters=TARIFF.meters[:1],
    elements=(PIECE,),
    windows=(),
    taxes=TARIFF.taxes[:1],
)
TERMS = Terms(2 * H, (GapRule("pieces", H, "counter_difference"),), Settlement(30, "period_end"))


class Asks:
    """A node's queries, as over the network."""

    def __init__(self, node: Consortium) -> None:
        self.node = node
        self.asked = 0

    def one(self, name: str, kind: Any, **arguments: Any) -> Any:
        self.asked += 1
        return self.node.client("plant").query(name, kind, **arguments)


def lease(consortium_type: type[Consortium]) -> Consortium:
    made = consortium_type(now_ms=START_MS - DAY)
    made.do("plant", RegisterDevice("press", "gateway-1"), RegisterFeed("pieces", feed()))
    made.do("plant", AnchorReadings("a-1", "0" * 64, limits.READINGS_PER_BATCH_MAX, 0, 0))
    made.do("maker", PublishCalendar("c-1", calendar_of("Asia/Shanghai")))
    made.do("maker", PublishTariff("t-1", 1, DAILY, "maker", "c-1"))
    binding = (Binding("pieces", "plant", "pieces"),)
    end_ms = START_MS + DAYS * DAY
    made.do("maker", Propose("g-1", "maker", "plant", "maker", "t-1", 1, binding, TERMS, START_MS, end_ms))
    plant = made.client("plant")
    plant.do(acceptance("g-1", proposed(plant, "g-1")))
    return made


def record(made: Consortium, day: int, from_hour: int, to_hour: int) -> None:
    """A reading every half hour, ten pieces each."""
    count = range(2 * from_hour, 2 * to_hour)
    counters = Counters(
        feed="pieces",
        generation=1,
        first_sequence=48 * day + 2 * from_hour + 1,
        at_ms=pack(START_MS + day * DAY + n * H // 2 for n in count),
        value=pack(10 * (48 * day + n) for n in count),
        lost=b"",
    )
    made.clock.now_ms = max(made.clock.now_ms, START_MS + day * DAY + to_hour * H)
    client = made.client("plant", "gateway-1")
    client.do(RecordCounters("plant", counters, "a-1", pack(range(len(count)))))


def test_what_is_accrued_in_the_evening_is_what_the_statement_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accruals, "PAGE", 7)
    made = lease(Consortium)
    asks = Asks(made)
    [(name, _)] = list(agreements(asks, "plant"))
    for day in range(3):
        record(made, day, 0, 24)
        made.clock.now_ms = START_MS + (day + 1) * DAY
        [*_, (_, agreement)] = agreements(asks, "maker")
        deal, items = accrued(asks, name, agreement, FIRST_DAY + day)
        assert deal.agreement == agreement
        # What is read at midnight was made before it: the day before is corrected by it.
        late = ["correction"] if day else []
        assert [item.reason for item in items] == ["unconfirmed"] * day + late + ["to_close"]
        made.clock.now_ms += 3 * H
        made.node.wake()
        stated = made.client("plant").query(
            "billing.statement_of", Statement, agreement="g-1", period_ms=START_MS + day * DAY
        )
        assert sum(item.gross_minor for item in items[day:]) == stated.gross_minor > 0
        made_of = [line.amount_minor for item in items[day:] for line in item.lines]
        assert sorted(made_of) == sorted(line.amount_minor for line in stated.lines)
    [*_, (_, agreement)] = agreements(asks, "maker")
    _, later = accrued(asks, name, agreement, FIRST_DAY + 2)
    assert later == items
    _, later = accrued(asks, name, agreement, FIRST_DAY + 3)
    assert [item.reason for item in later] == ["unconfirmed"] * 3 + ["to_close"]


def test_late_records_are_accrued_as_the_correction_that_will_come() -> None:
    made = lease(Consortium)
    asks = Asks(made)
    record(made, 0, 0, 24)
    record(made, 1, 0, 12)
    made.clock.now_ms = START_MS + 2 * DAY + 3 * H
    made.node.wake()
    record(made, 1, 12, 24)
    record(made, 2, 0, 24)
    made.clock.now_ms = START_MS + 3 * DAY
    agreement = made.client("plant").query("billing.agreement_of", Agreement, agreement="g-1")
    _, items = accrued(asks, "g-1", agreement, FIRST_DAY + 2)
    assert [item.reason for item in items] == ["unconfirmed", "unconfirmed", "correction", "to_close"]
    made.clock.now_ms += 3 * H
    made.node.wake()
    stated = made.client("plant").query(
        "billing.statement_of", Statement, agreement="g-1", period_ms=START_MS + 2 * DAY
    )
    assert items[2].gross_minor + items[3].gross_minor == stated.gross_minor


def test_a_declared_reset_is_read_as_the_ledger_reads_it() -> None:
    made = lease(Consortium)
    record(made, 0, 0, 12)
    at_ms = START_MS + 12 * H
    made.clock.now_ms = at_ms
    made.do("plant", DeclareReset(feed="pieces", at_ms=at_ms, final_value=240, start_value=0))
    counters = Counters("pieces", 1, 25, pack([at_ms + H]), pack([70]), b"")
    made.clock.now_ms = at_ms + H
    made.client("plant", "gateway-1").do(RecordCounters("plant", counters, "a-1", pack([0])))
    made.clock.now_ms = START_MS + DAY
    agreement = made.client("plant").query("billing.agreement_of", Agreement, agreement="g-1")
    _, [item] = accrued(Asks(made), "g-1", agreement, FIRST_DAY)
    assert sum(line.quantity_base for line in item.lines) == 240 + 70
