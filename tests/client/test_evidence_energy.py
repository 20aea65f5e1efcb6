"""Evidence of a statement with demand, power factor, price series and index: an outsider recomputes it from
the records and the published prices, and believes none where a price is missing.
"""

from typing import Any

import pytest

from hansa.apps.billing.elements import Index
from hansa.apps.billing.elements_energy import Demand, FactorStep, PowerFactor, Series
from hansa.apps.billing.messages import Agreement, Binding, Propose, PublishTariff, Statement
from hansa.apps.billing.messages_prices import (
    DeclareSeries,
    IndexValue,
    PublishIndex,
    PublishSeries,
    SeriesDay,
    SeriesForm,
)
from hansa.apps.billing.rating import Line, close_statement
from hansa.apps.billing.tariff import Meter
from hansa.apps.billing.terms import GapRule, Terms
from hansa.apps.consortium.calendars import local_day
from hansa.apps.consortium.messages import PublishCalendar
from hansa.apps.metering.messages import AnchorReadings, RecordCounters, RegisterDevice, RegisterFeed
from hansa.client.agreements import acceptance, proposed
from hansa.client.bundle import Bundle
from hansa.client.evidence import gather
from hansa.client.explain import explain_all, holds
from hansa.client.verify import check_bundle
from hansa.kernel import encode, limits, pack, replace
from tests.apps.ground import ANCHOR, counters, feed
from tests.apps.tariffs import ENERGY, TARIFF, calendar_of
from tests.client.forging import attested
from tests.client.test_verify import checker
from tests.consortium import Consortium

H, DAY, QUARTER = limits.HOUR_MS, limits.DAY_MS, 15 * limits.MINUTE_MS
SHEET = replace(
    TARIFF,
    purpose="internal",
    period="day",
    windows=(),
    meters=(Meter("energy", "counter", "Wh"), Meter("reactive", "counter", "varh")),
    elements=(
        Demand("demand", "vat", "measured", "kW", 4_000_000_000, "energy", 15),
        replace(ENERGY, tax="vat", clause="kwh", windows=(), index=Index("maker", "copper", 200_000_000)),
        Series("spot", "vat", "energy", "kWh", 1_000, 60, "maker", "day-ahead", 1, "after"),
        PowerFactor(
            "factor", "vat", ("demand", "kwh"), "energy", "reactive",
            (FactorStep(0, 1_000), FactorStep(90, -25), FactorStep(95, -75)),
        ),
    ),
)  # fmt: skip
TERMS = Terms(2 * H, tuple(GapRule(meter, H, "counter_difference") for meter in ("energy", "reactive")))


class Factory:
    """Two days on the ledger, read every quarter of an hour but for two hours."""

    def __init__(self) -> None:
        self.consortium = Consortium()
        self.start_ms = self.consortium.clock() - 8 * H + DAY
        do = self.consortium.do
        feeds = {"energy": feed(base_unit="Wh"), "reactive": feed(base_unit="varh")}
        registered = (RegisterFeed(name, declaration) for name, declaration in feeds.items())
        do("plant", RegisterDevice("press", "gateway-1"), *registered)
        do("plant", AnchorReadings(ANCHOR, "0" * 64, 999, 0, 0), key="gateway-1")
        calendar = calendar_of("Asia/Shanghai", 2026)
        first = local_day(calendar, self.start_ms)
        do("maker", PublishCalendar("c-1", calendar))
        do("maker", DeclareSeries("day-ahead", 1, SeriesForm(60, "kWh", "CNY", "maker", "c-1")))
        for day in range(2):
            prices = tuple((hour - 3 + day) * 5_000_000 for hour in range(24))
            do("maker", PublishSeries("day-ahead", 1, first + day, prices))
        do(
            "maker",
            PublishIndex("copper", 0, 200_000_000),
            PublishIndex("copper", first - 9, 210_000_000),
            PublishIndex("copper", first + 1, 230_000_000),
        )
        do("maker", PublishTariff("t-1", 1, SHEET, calendar_owner="maker", calendar="c-1"))
        meters = tuple(Binding(meter, "plant", meter) for meter in feeds)
        to_ms = self.start_ms + 2 * DAY
        do("maker", Propose("g-1", "maker", "plant", "maker", "t-1", 1, meters, TERMS, self.start_ms, to_ms))
        do("plant", acceptance("g-1", proposed(self.consortium.client("auditor"), "g-1")))
        self.consortium.clock.now_ms = to_ms
        for name, share in (("energy", 10), ("reactive", 4)):
            numbers = [number for number in range(193) if not 100 <= number < 108]
            readings = [(self.start_ms + n * QUARTER, share * (n * 900 + n * n)) for n in numbers]
            record = RecordCounters("plant", counters(name, readings), ANCHOR, pack(range(len(readings))))
            do("plant", record, key="gateway-1")
        for _ in range(3):
            self.consortium.pass_days(1)

    def gather(self, number: int) -> Bundle:
        client = self.consortium.client("auditor")
        statements = client.query("billing.statements_of", list[Statement], agreement="g-1")
        return gather(client, "g-1", statements[number].period.from_ms, {})

    @property
    def genesis(self) -> bytes:
        return self.consortium.node.genesis_bytes


@pytest.fixture(scope="module")
def factory() -> Factory:
    return Factory()


def test_an_outsider_finds_the_same_and_can_explain_it(factory: Factory) -> None:
    report = check_bundle(encode(factory.gather(1)), factory.genesis)
    assert [check for check in report.checks if not check.ok] == []
    kinds = {line.kind: line for line in report.statements[1].lines}
    assert set(kinds) == {"demand", "usage", "series", "power_factor", "correction"}
    assert all(line.amount_minor for line in kinds.values())
    assert kinds["usage"].price_e8 == 121_129_500  # 1.0533 × 2.30 ÷ 2.00
    assert all(holds(node) for node in explain_all(report))


@pytest.mark.parametrize("table", ["billing.series_days", "billing.indices"])
def test_evidence_without_a_price_is_not_believed(factory: Factory, table: str) -> None:
    bundle = factory.gather(1)
    kept = tuple(proof for proof in bundle.attests if f'"{table}"'.encode() not in proof.item)
    assert len(kept) < len(bundle.attests)
    forged: Any = replace(bundle, attests=kept)
    assert not check_bundle(encode(forged), factory.genesis).ok


def dearer(record: SeriesDay | IndexValue) -> SeriesDay | IndexValue:
    if isinstance(record, SeriesDay):
        return replace(record, prices_e8=tuple(price + 1_000_000 for price in record.prices_e8))
    return replace(record, value_e8=record.value_e8 + 10_000_000)


@pytest.mark.parametrize("table", ["billing.series_days", "billing.indices"])
def test_a_price_that_its_publisher_did_not_sign_is_not_believed(factory: Factory, table: str) -> None:
    """The operator shows another price, and statements that follow from it to the cent."""
    forged = attested(factory.gather(0), table, dearer)
    closed = check_bundle(encode(forged), factory.genesis).closed
    if closed:  # it got that far: the statement is made to fit
        totals = closed[0].totals
        fields: dict[str, Any] = {n: getattr(totals, n) for n in ("lines", "by_rate")}
        fields |= {n: getattr(totals, n) for n in ("net_minor", "tax_minor", "gross_minor")}
        forged = attested(forged, "billing.statements", lambda stated: replace(stated, **fields))
    report = check_bundle(encode(forged), factory.genesis)
    assert [check.name for check in report.checks if not check.ok] == ["terms"]
    with pytest.raises(checker.Broken, match="not what was signed"):
        checker.check(encode(forged), factory.genesis)


def test_the_second_checker_reads_it_too(factory: Factory) -> None:
    assert checker.check(encode(factory.gather(1)), factory.genesis).startswith("HOLDS")


def test_interest_that_was_not_agreed_is_not_believed(factory: Factory) -> None:
    """The operator adds a line, and sums that follow from it."""
    line = Line("late_payment", "interest", 9, 99_999, "none", 0, charged_minor=99_999)

    def charging(stated: Statement) -> Statement:
        totals = close_statement(stated.tax_included, (*stated.lines, line))
        return replace(stated, **{name: getattr(totals, name) for name in totals.__struct_fields__})

    forged = attested(factory.gather(0), "billing.statements", charging)
    report = check_bundle(encode(forged), factory.genesis)
    assert [check.name for check in report.checks if not check.ok] == ["recomputation"]


def test_an_agreement_whose_end_was_moved_without_a_lease_is_not_believed(factory: Factory) -> None:
    def shorter(agreement: Agreement) -> Agreement:
        return replace(agreement, to_ms=agreement.to_ms - DAY, agreed_to_ms=agreement.to_ms)

    forged = attested(factory.gather(0), "billing.agreements", shorter)
    report = check_bundle(encode(forged), factory.genesis)
    assert [check.name for check in report.checks if not check.ok] == ["terms"]
    with pytest.raises(checker.Broken, match="not what was signed"):
        checker.check(encode(forged), factory.genesis)
