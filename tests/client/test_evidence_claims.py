"""Evidence of a statement with claims, a check feed and carried balances: checked, recomputed, explained by
an outsider; and not believed where a claim, a contest or a record of the check feed is missing.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.billing.attribution import AttributionRule
from hansa.apps.billing.check_feeds import CheckFeed
from hansa.apps.billing.elements_trade import Availability, Band, Payee, ScrapCredit, Split, TakeOrPay
from hansa.apps.billing.messages import Binding, Propose, PublishTariff, Statement
from hansa.apps.billing.messages_claims import ClaimScrap, ClaimStop, ContestClaim, WithdrawClaim
from hansa.apps.billing.tariff import Meter
from hansa.apps.billing.terms import GapRule, Terms
from hansa.apps.consortium.messages import PublishCalendar
from hansa.apps.metering.messages import AnchorReadings, Feed, RecordCounters, RegisterDevice, RegisterFeed
from hansa.client.agreements import acceptance, proposed
from hansa.client.bundle import Bundle
from hansa.client.evidence import gather
from hansa.client.explain import explain_all, holds
from hansa.client.verify import check_bundle
from hansa.client.verify_acts import Placed
from hansa.client.verify_claims import read_claims
from hansa.client.verify_statement import LISTED, difference
from hansa.client.what_if import under_tariff
from hansa.kernel import encode, limits, pack, replace
from tests.apps.ground import ANCHOR, counters, feed
from tests.apps.tariffs import PIECE, TARIFF, calendar_of
from tests.consortium import Consortium

H, DAY = limits.HOUR_MS, limits.DAY_MS
STATES = ("unknown", "ACTIVE", "DOWN")
SHEET = replace(
    TARIFF,
    purpose="internal",
    period="day",
    windows=(),
    meters=(Meter("pieces", "counter", "piece"), Meter("scrap", "counter", "piece"), TARIFF.meters[1]),
    elements=(
        replace(PIECE, included_base=0, tiers=PIECE.tiers[1:]),
        TakeOrPay("commit", "vat", ("per_piece",), 120, 250_000_000, 3),
        ScrapCredit("scrapped", "vat", "scrap", ("per_piece", "commit")),
        Availability(
            "uptime", "vat", "execution", ("per_piece", "commit", "scrapped"), 9_900, (Band(9_900, 1_000),)
        ),
        Split("parts", "vat", ("per_piece", "commit"), (Payee("maker", 7_000), Payee("bank", 3_000))),
    ),
)
TERMS = Terms(
    DAY + H,
    tuple(GapRule(meter, 30 * H, "zero") for meter in ("pieces", "scrap", "execution")),
    attribution=(
        AttributionRule("execution", "breakdown", "provider", ("DOWN",)),
        AttributionRule("scrap", "tooling", "provider"),
    ),
    checks=(CheckFeed("pieces", "maker", "count", 100, 0, "dispute"),),
)


class Lease:
    """Three days on the ledger, with something of everything."""

    def __init__(self) -> None:
        self.consortium = Consortium()
        self.start_ms = self.consortium.clock() - 8 * H + DAY
        self.numbers: dict[str, int] = {}
        do = self.consortium.do
        fields: dict[str, Any] = {"kind": "gateway", "scopes": ("metering.*",)}
        do("maker", self.consortium.key("maker", "gateway-2", **fields))
        feeds = {"pieces": feed(), "scrap": feed(), "execution": feed("state", states=STATES, carrier="time")}
        self._register("plant", "gateway-1", feeds)
        self._register("maker", "gateway-2", {"count": feed()})
        do("maker", PublishCalendar("c-1", calendar_of("Asia/Shanghai", 2026)))
        do("maker", PublishTariff("t-1", 1, SHEET, calendar_owner="maker", calendar="c-1"))
        meters = tuple(Binding(meter, "plant", meter) for meter in feeds)
        to_ms = self.start_ms + 3 * DAY
        proposal = Propose("g-1", "maker", "plant", "maker", "t-1", 1, meters, TERMS, self.start_ms, to_ms)
        do("maker", proposal)
        do("plant", acceptance("g-1", proposed(self.consortium.client("auditor"), "g-1")))
        for day, pieces in enumerate((100, 160, 90)):
            self._day(day, pieces)
        for _ in range(4):
            self.consortium.pass_days(1)

    def _register(self, owner: str, key: str, feeds: dict[str, Feed]) -> None:
        registered = (RegisterFeed(name, declaration) for name, declaration in feeds.items())
        self.consortium.do(owner, RegisterDevice("press", key), *registered)
        self.consortium.do(owner, AnchorReadings(ANCHOR, "0" * 64, 99, 0, 0), key=key)

    def tell(self, owner: str, name: str, *readings: tuple[int, int | None]) -> None:
        first = self.numbers.get(name, 0) + 1
        self.numbers[name] = first + len(readings) - 1
        batch = counters(name, readings, first)
        record = RecordCounters(owner, batch, ANCHOR, pack(range(len(readings))))
        self.consortium.do(owner, record, key="gateway-1" if owner == "plant" else "gateway-2")

    def _day(self, day: int, pieces: int) -> None:
        from_ms = self.start_ms + day * DAY
        self.consortium.clock.now_ms = from_ms + 23 * H
        self.tell(
            "plant",
            "pieces",
            (from_ms, 0 if not day else day * 1_000),
            (from_ms + 20 * H, day * 1_000 + pieces),
        )
        if not day:
            self.tell("maker", "count", (from_ms, 0), (from_ms + 20 * H, pieces - 2))
        self.tell("plant", "scrap", (from_ms, 10 * day), (from_ms + 20 * H, 10 * day + 8))
        states = ((0, 1), (8, 2), (10, 1), (20, 2), (21, 1))
        self.tell("plant", "execution", *((from_ms + hour * H, state) for hour, state in states))
        do = self.consortium.do
        do(
            "maker",
            ClaimStop("g-1", "c-1", "execution", from_ms + 8 * H, from_ms + 10 * H, "grid", "neither"),
        )
        do("maker", ClaimScrap("g-1", "c-2", "scrap", from_ms, from_ms + 21 * H, 5, "blanks", "user"))
        do("plant", ClaimStop("g-1", "c-3", "execution", from_ms + 20 * H, from_ms + 21 * H, "x", "user"))
        if day == 1:
            do("plant", ContestClaim("g-1", from_ms, "c-1"), WithdrawClaim("g-1", from_ms, "c-3"))

    def gather(self, number: int) -> Bundle:
        client = self.consortium.client("auditor")
        statements = client.query("billing.statements_of", list[Statement], agreement="g-1")
        return gather(client, "g-1", statements[number].period.from_ms, {})

    @property
    def genesis(self) -> bytes:
        return self.consortium.node.genesis_bytes


@pytest.fixture(scope="module")
def lease() -> Lease:
    return Lease()


def test_an_outsider_finds_the_same_and_can_explain_it(lease: Lease) -> None:
    bundle = lease.gather(2)
    report = check_bundle(encode(bundle), lease.genesis)
    assert [check for check in report.checks if not check.ok] == []
    assert report.statements[1].claims
    assert report.statements[0].check_lines
    assert {name for name, _ in report.claims[lease.start_ms]} == {"c-1", "c-2", "c-3"}
    assert {name for name, _ in report.claims[lease.start_ms + DAY]} == {"c-1", "c-2"}
    assert all(holds(node) for node in explain_all(report))


@pytest.mark.parametrize("kind", [b"billing.claim_stop", b"billing.contest_claim", b"billing.withdraw_claim"])
def test_evidence_without_a_claim_or_a_contest_is_not_believed(lease: Lease, kind: bytes) -> None:
    """Its transaction and the event that it left are both left out, as a forger would."""
    bundle = lease.gather(1)
    gone = next(n for n, carried in enumerate(bundle.transactions) if kind in carried.transaction.item)
    dropped = bundle.transactions[gone]
    leaf = dropped.transaction.block
    events = tuple(
        event for event in bundle.events if event.block != leaf or b'"_type":"billing.claim' not in event.item
    )
    forged = replace(
        bundle,
        transactions=tuple(each for n, each in enumerate(bundle.transactions) if n != gone),
        events=events,
    )
    report = check_bundle(encode(forged), lease.genesis)
    assert not report.ok


def test_a_list_that_a_statement_should_not_have_is_found(lease: Lease) -> None:
    """The node may have signed another statement than its records lead to."""
    report = check_bundle(encode(lease.gather(1)), lease.genesis)
    stated, closed = report.statements[1], report.closed[1]
    assert difference(report, 1, closed) is None
    others = {"gaps", "gap_count", "falls", "fall_count"}
    assert set(closed.listed) - others == set(LISTED)
    for name in LISTED:
        value = getattr(stated, name)
        report.statements[1] = replace(stated, **{name: value + 1 if isinstance(value, int) else (*value, 0)})
        assert difference(report, 1, closed) == LISTED[name]


def test_a_claim_of_a_stranger_or_of_another_time_counts_for_nothing(lease: Lease) -> None:
    report = check_bundle(encode(lease.gather(0)), lease.genesis)
    own = ClaimStop("g-1", "c-9", "execution", lease.start_ms, lease.start_ms + H, "x", "user")
    acts = [
        ("bank", own),
        ("bank", ContestClaim("g-1", lease.start_ms, "c-1")),
        ("maker", ContestClaim("g-1", lease.start_ms, "c-1")),
        ("plant", WithdrawClaim("g-1", lease.start_ms, "c-1")),
        ("plant", ContestClaim("g-1", lease.start_ms, "c-8")),
        ("maker", replace(own, to_ms=lease.start_ms - 1)),
        ("maker", replace(own, to_ms=lease.start_ms + 40 * DAY)),
    ]
    begun = [("maker", replace(own, claim="c-1"))]
    for member, action in acts:
        placed = [
            Placed("there", (9, 0), 5, "", who, "k1", (what,)) for who, what in (*begun, (member, action))
        ]
        read_claims(report, placed)
        assert not report.checks[-1].ok
        ((_, claims),) = report.claims.items()
        assert [(name, claim.contested) for name, claim in claims] == [("c-1", False)]


def test_a_claim_or_a_contest_behind_the_close_counts_for_nothing(lease: Lease) -> None:
    """The ledger refuses them; an operator could have let them in."""
    report = check_bundle(encode(lease.gather(0)), lease.genesis)
    height, start_ms = report.statements[0].closed_height, lease.start_ms
    own = ClaimStop("g-1", "c-9", "execution", start_ms, start_ms + H, "x", "user")
    for action in (own, ContestClaim("g-1", start_ms, "c-1"), WithdrawClaim("g-1", start_ms, "c-1")):
        by = "plant" if isinstance(action, ContestClaim) else "maker"
        begun = Placed("there", (height, 0), 5, "", "maker", "k1", (replace(own, claim="c-1"),))
        for place, holds_there in (((height, 1), True), ((height + 1, 0), False)):
            read_claims(report, [begun, Placed("there", place, 5, "", by, "k1", (action,))])
            assert report.checks[-1].ok is holds_there


def test_the_same_usage_under_another_tariff(lease: Lease, tmp_path: Path) -> None:
    """Whose sheet has a check feed and stops of its own: nobody claimed anything under it."""
    report = check_bundle(encode(lease.gather(2)), lease.genesis)
    file = tmp_path / "other.json"
    file.write_text(json.dumps(OTHER))
    found = under_tariff(report, file)
    assert [each.totals.lines[0].quantity_base for each in found.stated] == [1_000, 1_000, 90]
    assert [each.totals.lines[0].amount_minor for each in found.other] == [200_000, 200_000, 18_000]


OTHER = {
    "name": "other", "purpose": "internal", "currency": "CNY", "prices": "without_tax", "period": "day",
    "rounding": "half_up", "calendar": {"zone": "Asia/Shanghai", "from_year": 2026, "to_year": 2026},
    "taxes": {"vat": [{"from": "2019-04-01", "rate": "13%"}]},
    "meters": {"pieces": {"kind": "counter", "base_unit": "piece"}},
    "elements": [
        {"kind": "usage", "clause": "each", "tax": "vat", "meter": "pieces", "unit": "piece", "price": "2"}
    ],
    "terms": {
        "cut_off": "1d",
        "gaps": {"pieces": {"gap_longer_than": "1d", "rule": "zero"}},
        "checks": {"pieces": {"owner": "x", "feed": "y", "tolerance": "1%", "rule": "mean"}},
    },
}  # fmt: skip
