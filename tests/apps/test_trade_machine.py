"""All of it at once: a lease with take-or-pay, credits, down payment and split, whose parties claim and
contest while records come, or not, or late. Every statement is as recomputed, and nobody is credited more
than there is.
"""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from hansa.apps.billing.attribution import AttributionRule
from hansa.apps.billing.books import deal_of
from hansa.apps.billing.claims import claims_of
from hansa.apps.billing.elements_trade import (
    Availability,
    Band,
    Discount,
    DownPayment,
    Payee,
    Split,
    Stage,
    TakeOrPay,
)
from hansa.apps.billing.messages import Binding, Propose
from hansa.apps.billing.messages_claims import ClaimStop, ContestClaim, WithdrawClaim
from hansa.apps.billing.recompute import settle
from hansa.apps.billing.tables import AGREEMENTS
from hansa.apps.billing.terms import GapRule, Terms
from hansa.apps.metering.chain import Point
from hansa.kernel import Refusal, replace
from tests.apps.ground import METERS, Ground, accept, lease_feeds
from tests.apps.tariffs import PIECE, TARIFF, calendar_of
from tests.apps.test_billing_order import DAY, DAYS, HOUR, START_MS, Lease, rules_of

OF = ("per_piece", "commit", "uptime", "rebate")
SHEET = replace(
    TARIFF,
    purpose="internal",
    period="day",
    elements=(
        replace(PIECE, included_base=5),
        TakeOrPay("commit", "vat", OF[:1], 40, 310_000_000, 3),
        Availability("uptime", "vat", "execution", OF[:2], 9_700, (Band(9_700, 1_000), Band(8_000, 9_999))),
        Discount("rebate", "vat", OF[:3], (Stage(0, 250), Stage(20_000, 1_000)), "graduated"),
        DownPayment("down", "vat", OF, 30_000, 5),
        Split("parts", "vat", (*OF, "down"), (Payee("maker", 6_001), Payee("bank", 3_999))),
    ),
)
CUT_OFF_MS = DAY + 5 * HOUR
EXPECTED = (
    "billing.claim_overlaps", "billing.claim_time", "billing.claim_closed", "billing.claim_taken",
    "billing.claim_contested", "billing.claim_unknown", "billing.claim_own", "billing.claim_of_other",
)  # fmt: skip


class Trade(Lease):
    """The lease of `test_billing_order`, by another tariff, with people who disagree."""

    @initialize(
        counter=rules_of("counter"),
        amount=rules_of("amount"),
        state=rules_of("state"),
        periodic=st.booleans(),
    )
    def agree(self, periodic: bool, **rules: tuple[str, int]) -> None:
        super().agree(periodic, **rules)
        self.ground = Ground(START_MS - 3 * DAY)
        reporting = "periodic" if periodic else "on_change"
        self.ground.register(**{n: replace(f, reporting=reporting) for n, f in lease_feeds().items()})
        self.ground.publish(SHEET, calendar_of("Asia/Shanghai"))
        gaps = tuple(
            GapRule(METERS[kind], longer, name, 3 if name == "average_day" else 0)  # type: ignore[arg-type]
            for kind, (name, longer) in rules.items()
        )
        attribution = (AttributionRule("execution", "waits", "provider", ("READY",)),)
        meters = tuple(Binding(name, "plant", name) for name in METERS.values())
        terms = Terms(CUT_OFF_MS, gaps, attribution=attribution)
        to_ms = START_MS + DAYS * DAY
        self.ground.do(
            "maker", Propose("g-1", "maker", "plant", "maker", "t-1", 1, meters, terms, START_MS, to_ms)
        )
        self.ground.do("plant", accept("g-1"))
        self.claims: list[tuple[int, str]] = []

    def _try(self, member: str, action: Any) -> bool:
        try:
            self.ground.do(member, action)
        except Refusal as refusal:
            assert refusal.code in EXPECTED, refusal.code  # noqa: PT017
            return False
        return True

    @rule(
        member=st.sampled_from(["maker", "plant"]),
        back=st.integers(0, 40),
        length=st.integers(1, 12),
        liable=st.sampled_from(["provider", "user", "neither"]),
    )
    def somebody_claims(self, member: str, back: int, length: int, liable: Any) -> None:
        from_ms = self.ground.now_ms - back * HOUR
        name = f"c-{len(self.claims)}"
        to_ms = from_ms + length * HOUR
        if self._try(member, ClaimStop("g-1", name, "execution", from_ms, to_ms, f"r-{liable}", liable)):
            day_ms = START_MS + (from_ms - START_MS) // DAY * DAY
            self.claims.append((day_ms, name))

    @rule(member=st.sampled_from(["maker", "plant"]), data=st.data(), withdraw=st.booleans())
    def somebody_answers(self, member: str, data: st.DataObject, withdraw: bool) -> None:
        if self.claims:
            day_ms, name = data.draw(st.sampled_from(self.claims))
            action = WithdrawClaim if withdraw else ContestClaim
            self._try(member, action("g-1", day_ms, name))

    def teardown(self) -> None:
        if not hasattr(self, "claims"):
            return
        if self.ground.now_ms < START_MS + DAYS * DAY:
            self.ground.move_to(START_MS + DAYS * DAY - 1)
            for told in self.held_back:
                self._send(*told)
        self.ground.move_to(START_MS + (DAYS + 3) * DAY)
        check(self.ground, self.arrived)


def check(ground: Ground, arrived: list[tuple[int, str, Point]]) -> None:
    statements = ground.statements()
    assert len(statements) == DAYS
    ctx = ground.context()
    agreement = AGREEMENTS.get(ctx, ("g-1",))
    assert agreement is not None
    batches: list[dict[str, list[Point]]] = [{} for _ in statements]
    for number, meter, point in arrived:
        if number < len(batches):
            batches[number].setdefault(meter, []).append(point)
    claims = {each.period.from_ms: ground.ask(claims_of, "g-1", each.period.from_ms) for each in statements}
    stops_ms = [each.corrected_to_ms for each in statements]
    closed = settle(deal_of(ctx, agreement), batches, stops_ms, claims)
    down = 0
    for statement, found in zip(statements, closed, strict=True):
        assert statement.lines == found.totals.lines
        for name, value in found.listed.items():
            assert getattr(statement, name) == value, name
        assert sum(share.gross_minor for share in statement.shares) == statement.gross_minor
        assert sum(each.stopped_ms for each in statement.stops) <= DAY
        own = [line for line in statement.lines if not line.corrects_from_ms]
        assert sum(line.amount_minor for line in own) >= 0
        down += sum(line.amount_minor for line in statement.lines if line.clause == "down")
    assert -30_000 <= down <= 0


Trade.TestCase.settings = settings(max_examples=70, stateful_step_count=35, deadline=None)
TestTrade = Trade.TestCase
