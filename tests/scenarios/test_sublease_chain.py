"""The story of a chain: a maker lets a press to a plant, which sublets two days of its week to another.

One counter, two agreements, real signatures, a late reading, deposit and prepayment, until all is closed; and
the whole log executed again comes to the same.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from hansa.apps.billing.lifecycle import content as statement_content
from hansa.apps.billing.messages import Binding, PublishTariff, Statement
from hansa.apps.billing.messages_life import ConfirmStatement, Life
from hansa.apps.billing.tariff import Fixed
from hansa.apps.billing.terms import GapRule, Settlement, Terms
from hansa.apps.consortium.messages import PublishCalendar
from hansa.apps.leasing.messages import (
    Close,
    ConfirmHandover,
    ConsentSublease,
    Item,
    ReportHandover,
    Shown,
    Sign,
    StartJob,
    Sublet,
)
from hansa.apps.leasing.messages_market import Agree, LeaseTerms, RegisterAsset
from hansa.apps.leasing.messages_told import Chain, Closed
from hansa.apps.leasing.proposals import content_of as proposed
from hansa.apps.leasing.reports import content_of
from hansa.apps.leasing.text import content
from hansa.apps.leasing.text_draft import Draft
from hansa.apps.metering.messages import AnchorReadings, RecordCounters, RegisterDevice, RegisterFeed
from hansa.apps.money.interface import name_of, pay_in_of, return_of
from hansa.apps.money.messages import Allocation, Obligation, Receive
from hansa.apps.money.queries import ListedObligation
from hansa.engines.replay import replay
from hansa.kernel import Action, encode, limits, pack, replace
from tests.apps.ground import counters, feed
from tests.apps.leasing import PRESS, enquiry, offer
from tests.apps.tariffs import PIECE, TARIFF, calendar_of
from tests.consortium import START_MS, Consortium

DAY, HOUR = limits.DAY_MS, limits.HOUR_MS
FROM_MS, TO_MS = START_MS + 7 * DAY, START_MS + 14 * DAY
SECOND = "auditor"
"""Is the second plant here."""
EACH = replace(PIECE, included_base=0, tiers=PIECE.tiers[1:])
PIECES = replace(
    TARIFF, period="day", meters=TARIFF.meters[:1], elements=(EACH,), windows=(), taxes=TARIFF.taxes[:1]
)
RENT = replace(PIECES, elements=(Fixed("rent", "vat", 5_000), EACH))
SETTLED = Settlement(payment_days=10, runs_from="confirmation")
TERMS = LeaseTerms(
    lessor="maker",
    lessee="plant",
    asset_owner="maker",
    asset="press-1",
    asset_version=1,
    from_ms=FROM_MS,
    to_ms=TO_MS,
    sign_by_ms=FROM_MS,
    tariff_owner="maker",
    tariff="rent",
    tariff_version=1,
    meters=(Binding("pieces", "plant", "press"),),
    terms=Terms(12 * HOUR, (GapRule("pieces", 40 * HOUR, "counter_difference"),), SETTLED),
    currency="CNY",
    nature="operating",
    governing_law="cn",
    prevailing_language="zh",
    mode="external",
    security_deposit_minor=100_000,
    prepayment_minor=20_000,
)
SUB = replace(
    TERMS,
    lessor="plant",
    lessee=SECOND,
    from_ms=FROM_MS + 2 * DAY,
    to_ms=FROM_MS + 4 * DAY,
    sign_by_ms=FROM_MS + 2 * DAY,
    tariff_owner="plant",
    tariff="pieces",
    head="l-1",
    security_deposit_minor=0,
    prepayment_minor=0,
)
CHECKED = (Item("spindle", "good", ("f" * 64,)), Item("coolant", "worn"))


class Story:
    """What the companies do, in few words."""

    def __init__(self) -> None:
        self.town = Consortium()
        self.sequence = self.entries = 0

    def do(self, member: str, action: Action) -> None:
        self.town.do(member, action)

    def ask(self, name: str, kind: Any, **arguments: Any) -> Any:
        return msgspec.convert(self.town.query(name, **arguments), kind)

    def move_to(self, at_ms: int) -> None:
        """An hour at a time, so that each close is done when it is due."""
        while self.town.clock() < at_ms:
            self.town.clock.now_ms = min(self.town.clock() + HOUR, at_ms)
            self.town.node.wake()

    def count(self, *readings: tuple[int, int]) -> None:
        first, self.sequence = self.sequence + 1, self.sequence + len(readings)
        index = pack(range(first, first + len(readings)))
        batch = RecordCounters("plant", counters("press", readings, first), "a-1", index)
        self.town.do("plant", batch, key="gateway-1")

    def sign(self, name: str, *members: str) -> None:
        for member in members:
            made = self.ask("leasing.draft_of", Draft, lease=name)
            self.do(member, Sign(lease=name, content=content(made)))

    def hand_over(self, name: str, direction: Any, value: int, lessor: str, lessee: str) -> None:
        """The counter is read now, the lessor reports, the lessee confirms a second later."""
        self.count((self.town.clock(), value))
        report = ReportHandover(name, direction, self.town.clock(), CHECKED, (Shown("pieces", value),))
        self.do(lessor, report)
        self.town.clock.advance(ms=1_000)
        digest = content_of(name, direction, lessor, report)
        self.do(lessee, ConfirmHandover(name, direction, digest, photos=("f" * 64,)))

    def pay(self, creditor: str, debtor: str, obligation: str, amount_minor: int) -> None:
        self.entries += 1
        entry = f"{self.entries:064x}"
        paid = (Allocation(obligation, amount_minor),)
        self.do(creditor, Receive(entry, "CNY", amount_minor, self.town.clock(), debtor, paid))

    def settle(self, name: str, lessor: str, lessee: str) -> int:
        """Both confirm every statement, the lessee pays what is still open; pieces on all of them."""
        for each in self.ask("billing.statements_of", list[Statement], agreement=name):
            at_ms = each.period.from_ms
            for member in (lessor, lessee):
                self.do(member, ConfirmStatement(name, at_ms, statement_content(each)))
            life = self.ask("billing.life_of", Life, agreement=name, period_ms=at_ms)
            for part in life.parts:
                owed = self.owed(part.obligation)
                if owed.amount_minor > owed.paid_minor:
                    self.pay(lessor, lessee, part.obligation, owed.amount_minor - owed.paid_minor)
        return self.pieces(name)

    def owed(self, name: str) -> Obligation:
        found: ListedObligation = self.ask("money.obligation", ListedObligation, obligation=name)
        return found.obligation

    def pieces(self, name: str) -> int:
        statements = self.ask("billing.statements_of", list[Statement], agreement=name)
        return sum(line.quantity_base for each in statements for line in each.lines if line.meter == "pieces")


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    """Until the head lease runs."""
    made = Story()
    made.do("maker", PublishCalendar("c-1", calendar_of("Asia/Shanghai", 2026)))
    made.do("maker", PublishTariff("rent", 1, RENT, "maker", "c-1"))
    made.do("plant", PublishTariff("pieces", 1, PIECES, "maker", "c-1"))
    made.do("maker", RegisterAsset("press-1", replace(PRESS, feeds=())))
    made.do("plant", RegisterDevice("press", "gateway-1"))
    made.do("plant", RegisterFeed("press", feed()))
    anchor = AnchorReadings(anchor="a-1", root="0" * 64, count=1_000, first_ms=0, last_ms=0)
    made.town.do("plant", anchor, key="gateway-1")
    made.do("maker", offer(from_ms=FROM_MS, to_ms=TO_MS, tariff="rent", largest_ms=7 * DAY))
    asked = enquiry("l-1", TERMS, until_ms=START_MS + DAY)
    made.do("plant", asked)
    made.do("maker", Agree("l-1", proposed("l-1", 1, TERMS, asked.until_ms)))
    made.sign("l-1", "plant", "maker")
    made.pay("maker", "plant", pay_in_of(name_of("l-1", "security_deposit")), 100_000)
    made.pay("maker", "plant", pay_in_of(name_of("l-1", "prepayment")), 20_000)
    made.move_to(FROM_MS - HOUR)
    made.hand_over("l-1", "in", 1_000, "maker", "plant")
    yield made
    made.town.close()


def test_a_maker_a_plant_and_a_second_plant_settle_one_counter(story: Story) -> None:
    # The first day is plant's own; with maker's consent it sublets two days.
    story.move_to(FROM_MS)
    story.count((FROM_MS, 1_000))
    story.do("plant", StartJob("l-1", "job-1"))
    consent = ConsentSublease("l-1", "c-1", SUB.from_ms, SUB.to_ms, SECOND)
    assert story.town.refused("plant", Sublet("s-1", SUB)).code == "leasing.consent_missing"
    story.do("maker", consent)
    story.do("plant", Sublet("s-1", SUB))
    story.sign("s-1", "plant", SECOND)
    story.move_to(FROM_MS + DAY)
    story.count((FROM_MS + DAY, 1_100))

    # The second plant takes it over late: it pays for nothing before.
    story.move_to(SUB.from_ms + 6 * HOUR)
    story.hand_over("s-1", "in", 1_150, "plant", SECOND)
    started_ms = story.town.clock()
    story.move_to(SUB.from_ms + 7 * HOUR)
    story.count((SUB.from_ms + 7 * HOUR, 1_160))
    late = (SUB.from_ms + 30 * HOUR, 1_300)
    story.move_to(SUB.to_ms - HOUR)
    story.count((SUB.to_ms - HOUR, 1_360))
    story.count(late)
    story.move_to(SUB.to_ms)
    story.hand_over("s-1", "out", 1_380, "plant", SECOND)

    # Plant goes on by itself, and hands the press back.
    story.move_to(TO_MS - HOUR)
    story.count((TO_MS - HOUR, 1_700))
    story.move_to(TO_MS)
    story.hand_over("l-1", "out", 1_750, "maker", "plant")
    story.move_to(TO_MS + DAY)

    # Statements add up to the meter: 750 pieces, of them the second plant's from its first reading on.
    assert story.town.refused("plant", Close("l-1")).code == "leasing.unsettled"
    assert story.settle("s-1", "plant", SECOND) == 1_380 - 1_160
    assert story.settle("l-1", "maker", "plant") == 750
    chain: Chain = story.ask(
        "leasing.chain_of", Chain, asset_owner="maker", asset="press-1", from_ms=FROM_MS, to_ms=TO_MS + DAY
    )
    counted = {each.lease: (each.counted, each.sublet, each.own) for each in chain.counted}
    assert counted == {"l-1": (750, 220, 530), "s-1": (220, 0, 220)}
    assert sum(each.own for each in chain.counted) + chain.meters[0].outside == chain.meters[0].counted
    assert [link.from_ms for link in chain.links] == [FROM_MS, started_ms]

    # All is settled: both leases are closed, the deposit goes back.
    story.do(SECOND, Close("s-1"))
    story.do("plant", Close("l-1"))
    assert [each.lease for each in story.town.events(Closed)] == ["s-1", "l-1"]
    back = story.owed(return_of(name_of("l-1", "security_deposit")))
    assert (back.debtor, back.creditor, back.amount_minor) == ("maker", "plant", 100_000)
    assert story.town.refused("maker", Close("l-1")).code == "leasing.wrong_state"


def test_the_whole_log_comes_to_the_same_again(story: Story) -> None:
    node = story.town.node
    again = replay(node.ledger.store, encode(story.town.genesis), story.town.registry)
    assert again.app_hash == node.app_hash
