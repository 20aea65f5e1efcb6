"""Leases of the press of tests/apps/leasing.py, from signature to return, in few words."""

from typing import Any

import pytest

from hansa.apps.billing.messages import PublishTariff
from hansa.apps.consortium.messages import Licence, UpdateMember
from hansa.apps.leasing.chain import chain_of
from hansa.apps.leasing.errors import LeaseUnknown
from hansa.apps.leasing.messages import (
    Attachment,
    Close,
    ConfirmHandover,
    ConsentSublease,
    Item,
    Lease,
    ReportHandover,
    Shown,
    Sign,
    Sublet,
)
from hansa.apps.leasing.messages_market import Agree, LeaseTerms
from hansa.apps.leasing.messages_told import Chain
from hansa.apps.leasing.proposals import content_of as proposed
from hansa.apps.leasing.queries_life import draft_of, lease_of
from hansa.apps.leasing.reports import content_of
from hansa.apps.leasing.text import content
from hansa.apps.metering.messages import AnchorReadings, RecordCounters
from hansa.apps.money.interface import name_of, pay_in_of
from hansa.apps.money.messages import Allocation, Receive
from hansa.kernel import Context, Refusal, pack, replace
from tests.apps.ground import ANCHOR, Reading, counters
from tests.apps.leasing import (
    DAY,
    FROM_MS,
    HOUR,
    PIECES,
    START_MS,
    Market,
    enquiry,
    lease_terms,
    market,
    offer,
)
from tests.apps.tariffs import PIECE

PHOTO = "f" * 64
ITEMS = (Item("spindle", "good", (PHOTO,)), Item("coolant", "worn"))
MINUTE = 60_000

TO_MS = FROM_MS + 7 * DAY
DAILY = 3
"""Version of the tariff that is billed by the day, every piece at one price."""

__all__ = ["DAY", "FROM_MS", "HOUR", "START_MS", "lease_terms"]


class World(Market):
    """Maker, plant, rival and bank; records of the press's counter go on by themselves in sequence."""

    sequence = 0
    entries = 0

    def reserve(self, name: str = "l-1", terms: LeaseTerms | None = None) -> None:
        """Plant and maker agree on it."""
        wanted = terms or lease_terms()
        asked = enquiry(name, wanted)
        self.do("plant", asked)
        self.do("maker", Agree(name, proposed(name, 1, wanted, asked.until_ms)))

    def signature(self, name: str, attachments: tuple[Attachment, ...] = ()) -> Sign:
        made = self.ask(draft_of, name)
        if made is None:
            raise LeaseUnknown(lease=name)
        draft = replace(made, attachments=attachments)
        return Sign(lease=name, content=content(draft), attachments=attachments)

    def sign(self, name: str = "l-1", *members: str) -> None:
        """Both sign, or those named."""
        lease = self.ask(draft_of, name).terms
        for member in members or (lease.lessor, lease.lessee):
            self.do(member, self.signature(name))

    def lease(self, name: str = "l-1") -> Lease:
        found: Lease = self.ask(lease_of, name)
        return found

    def pay(self, creditor: str, obligation: str, amount_minor: int, debtor: str = "plant") -> None:
        """The creditor's receipt of a payment."""
        self.entries += 1
        self.do(
            creditor,
            Receive(
                entry=f"{self.entries:064x}",
                currency="CNY",
                amount_minor=amount_minor,
                value_ms=self.now_ms,
                payer=debtor,
                allocations=(Allocation(obligation=obligation, amount_minor=amount_minor),),
            ),
        )

    def fund(self, name: str, kind: str) -> str:
        return name_of(name, kind)

    def pay_in(
        self, name: str, kind: str, amount_minor: int, holder: str = "maker", payer: str = "plant"
    ) -> None:
        self.pay(holder, pay_in_of(self.fund(name, kind)), amount_minor, payer)

    def count(self, *readings: Reading) -> Context:
        """Records of the press's counter."""
        first, self.sequence = self.sequence + 1, self.sequence + len(readings)
        batch = counters("m-pieces", readings, first)
        index = pack(range(first, first + len(readings)))
        if first == 1:
            anchor = AnchorReadings(anchor=ANCHOR, root="0" * 64, count=65_536, first_ms=0, last_ms=0)
            self.do("maker", anchor)
        return self.do("maker", RecordCounters(owner="maker", counters=batch, anchor=ANCHOR, index=index))

    def report(self, value: int, direction: Any = "in", name: str = "l-1", **changes: Any) -> ReportHandover:
        given: dict[str, Any] = {
            "lease": name,
            "direction": direction,
            "at_ms": self.now_ms,
            "items": ITEMS,
            "counters": (Shown("pieces", value),),
        }
        return ReportHandover(**given | changes)

    def hand_over(self, value: int, direction: Any = "in", name: str = "l-1") -> None:
        """The counter is recorded, the lessor reports, the lessee confirms."""
        lease = self.lease(name).terms
        self.count((self.now_ms, value))
        self.now_ms += 1
        report = self.report(value, direction, name, at_ms=self.now_ms - 1)
        self.do(lease.lessor, report)
        self.do(lease.lessee, confirmation(report, lease.lessor))

    def consent(self, lessor: str, name: str = "l-1", **changes: Any) -> None:
        lease = self.lease(name)
        given: dict[str, Any] = {
            "lease": name,
            "consent": f"c-{self.height}",
            "from_ms": lease.terms.from_ms,
            "to_ms": lease.end_ms,
        }
        self.do(lessor, ConsentSublease(**given | changes))

    def sublet(self, name: str, terms: LeaseTerms) -> None:
        self.do(terms.lessor, Sublet(sublease=name, terms=terms))
        self.sign(name)

    def close(self, name: str = "l-1", member: str = "plant") -> None:
        self.do(member, Close(lease=name))

    def chain(self, from_ms: int, to_ms: int) -> Chain:
        found: Chain = self.ask(chain_of, "maker", "press-1", from_ms, to_ms)
        return found


def confirmation(report: ReportHandover, by: str, **changes: Any) -> ConfirmHandover:
    content = content_of(report.lease, report.direction, by, report)
    given: dict[str, Any] = {"lease": report.lease, "direction": report.direction, "content": content}
    return ConfirmHandover(**given | changes)


def sublease(
    first_day: int, days: int, lessor: str = "plant", lessee: str = "rival", **changes: Any
) -> LeaseTerms:
    """Part of plant's week, by plant's own tariff."""
    given: dict[str, Any] = {
        "lessor": lessor,
        "lessee": lessee,
        "head": "l-1",
        "sign_by_ms": FROM_MS + first_day * DAY,
    }
    return lease_terms(first_day, days, **given | changes)


def world() -> World:
    """Maker offers its press; nothing is agreed yet."""
    made = World.__new__(World)
    made.__dict__.update(market().__dict__)
    each = replace(PIECE, included_base=0, tiers=PIECE.tiers[1:])
    daily = replace(PIECES, period="day", elements=(each,))
    made.do("maker", PublishTariff("t-1", DAILY, daily, calendar_owner="maker", calendar="c-1"))
    made.do("maker", offer())
    return made


def licensed(ground: Market, member: str, *licences: Licence) -> None:
    ground.do(member, UpdateMember(size="small", roles=("lessor",), licences=licences))


def signed(**changes: Any) -> World:
    """Agreed on and signed by both."""
    ground = world()
    ground.reserve(terms=lease_terms(**changes))
    ground.sign()
    return ground


def running(**changes: Any) -> World:
    """Handed over at 100 pieces a day before its start; the counter is read again at the start."""
    ground = signed(**changes)
    terms = ground.lease().terms
    for kind, amount_minor in (
        ("security_deposit", terms.security_deposit_minor),
        ("prepayment", terms.prepayment_minor),
    ):
        if amount_minor:
            ground.pay_in("l-1", kind, amount_minor)
    ground.move_to(FROM_MS - DAY)
    ground.hand_over(100)
    ground.move_to(FROM_MS)
    ground.count((FROM_MS, 100))
    ground.move_to(FROM_MS + HOUR)
    return ground


def returned(**changes: Any) -> World:
    """Seventy pieces later, an hour after its end."""
    ground = running(**changes)
    ground.move_to(TO_MS - HOUR)
    ground.count((TO_MS - HOUR, 170))
    ground.move_to(TO_MS + HOUR)
    ground.hand_over(170, "out")
    return ground


def refused(ground: World, member: str, action: Any, kind: type[Refusal]) -> Refusal:
    with pytest.raises(kind) as caught:
        ground.do(member, action)
    return caught.value
