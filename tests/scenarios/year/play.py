"""The year itself: agreed, handed over, counted, sublet, stated, disputed, paid, given back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from independent.recompute import Local

from hansa.apps.billing.messages import Binding, Propose
from hansa.apps.leasing.messages import (
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
from hansa.apps.leasing.messages_market import Agree, LeaseTerms, RegisterAsset
from hansa.apps.leasing.proposals import content_of as proposed
from hansa.apps.leasing.reports import content_of
from hansa.apps.leasing.text import content as contract
from hansa.apps.leasing.text_draft import Draft
from hansa.apps.money.messages import Obligation
from hansa.apps.money.tables import FUNDS, OBLIGATIONS
from hansa.client.agreements import acceptance
from hansa.client.agreements import proposed as as_proposed
from hansa.kernel import limits, replace
from tests.apps.leasing import PRESS, enquiry, offer
from tests.scenarios.year import deals
from tests.scenarios.year.clerk import Clerks
from tests.scenarios.year.plans import plan_of
from tests.scenarios.year.tapes import DAY, HOUR, Machines
from tests.scenarios.year.town import OWNER, Closed, Deal, Town, town

PHOTO = "f" * 64
CHECKED = (Item("spindle", "good", (PHOTO,)), Item("coolant", "worn"))
HALF_HOUR = HOUR // 2
SUBLET_DAYS = (130, 186)
AFTER_DAYS = 90
"""How long after the year's end is looked on."""


@dataclass(frozen=True)
class Looked:
    """What the node said at an instant."""

    at_ms: int
    obligations: Mapping[str, Obligation]
    funds: Mapping[str, Any]


@dataclass
class Year:
    machines: Machines
    town: Town
    clerks: Clerks
    looked: list[Looked] = field(default_factory=list)
    when_looked: list[Callable[["Year"], None]] = field(default_factory=list)
    """Called at the end of each month, when the node can still be asked."""
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def start_ms(self) -> int:
        return self.machines.start_ms

    def day(self, number: int) -> int:
        """An instant of a day of the year, that no close falls on."""
        return self.start_ms + number * DAY + HALF_HOUR

    def look(self) -> None:
        """What is owed and held, for the strangers to be asked as well."""
        ctx = self.town.node.node.ledger.context(self.town.now_ms)
        rows = OBLIGATIONS.scan(ctx, limit=limits.ALL_ROWS)
        funds = FUNDS.scan(ctx, limit=limits.ALL_ROWS)
        self.looked.append(
            Looked(
                self.town.now_ms,
                {str(key[0]): found for key, found in rows},
                {str(key[0]): found for key, found in funds},
            )
        )
        self.town.happened.append((self.town.now_ms, "looked", {"at": self.looked[-1]}))
        for told in self.when_looked:
            told(self)


def play(machines: Machines, *when_looked: Callable[[Year], None]) -> Year:
    """From three weeks before the year to some weeks after it."""
    made = town(machines.start_ms)
    year = Year(machines, made, Clerks(made), when_looked=[*when_looked])
    made.when_closed = lambda closed: follow(year, closed)
    made.register(
        pieces=machines.pieces, energy=machines.energy, reactive=machines.reactive, air=machines.air
    )
    publish(year)
    agree(year)
    deliver(year)
    sublet(year)
    finish(year)
    made.run(year.day(366 + AFTER_DAYS))
    year.look()
    return year


def follow(year: Year, closed: Closed) -> None:
    """A statement was closed: what its parties will do with it."""
    name = closed.agreement
    number = year.counts[name] = year.counts.get(name, -1) + 1
    for days, step in plan_of(name, number):
        at_ms = closed.at_ms + days * DAY + HALF_HOUR
        year.town.at(at_ms, lambda step=step: step(year.clerks, closed.statement))  # type: ignore[misc]


# ---- agreed ------------------------------------------------------------------------------------------------


def times(machines: Machines, sheet: deals.Sheet) -> tuple[int, int]:
    """The year by a sheet's own clock: from the first local date to the same date a year on."""
    local = Local(sheet)
    first = Local(deals.power(machines)).date_of(machines.start_ms)
    return local.begin_of(first), local.begin_of(first.replace(year=first.year + 1))


def publish(year: Year) -> None:
    machines, made = year.machines, year.town
    for name, provider, user, written, feeds in (
        ("l-1", "maker", "plant", deals.lease(machines), {"pieces": "pieces"}),
        ("s-1", "plant", "second", deals.sublease(machines), {"pieces": "pieces"}),
        ("e-1", "grid", "plant", deals.power(machines), {"energy": "energy", "reactive_energy": "reactive"}),
        ("a-1", "grid", "plant", deals.air(machines), {"air": "air"}),
    ):
        meters = tuple(Binding(meter, OWNER, feed) for meter, feed in feeds.items())
        deal = Deal(name, provider, user, written, meters, *times(machines, written), name == "a-1")
        made.deals[name] = deal
        made.publish(provider, deal.sheet)
    first = date(1970, 1, 1) + timedelta(days=(year.start_ms + 9 * HOUR) // DAY)

    def value(day: int, moved: int, worth: str) -> None:
        number = (first - date(1970, 1, 1)).days + moved
        made.at(year.day(day), lambda: made.publish_index("grid", "power", number, Fraction(worth)))

    # The third is published after the close of the month in which it would have begun to count.
    made.publish_index("grid", "power", (first - date(1970, 1, 1)).days - 10, Fraction("70000.5"))
    value(50, 59, "75503.25")
    value(200, 151, "71998.75")


def lease_terms(year: Year, deal: Deal, asset: str, **given: Any) -> LeaseTerms:
    sheet = deal.sheet
    return LeaseTerms(
        lessor=deal.provider,
        lessee=deal.user,
        asset_owner=given.pop("asset_owner", deal.provider),
        asset=asset,
        asset_version=1,
        from_ms=deal.from_ms,
        to_ms=deal.to_ms,
        sign_by_ms=given.pop("sign_by_ms", deal.from_ms),
        tariff_owner=deal.provider,
        tariff=sheet.tariff.name,
        tariff_version=1,
        meters=deal.meters,
        terms=sheet.terms,
        currency=sheet.tariff.currency,
        nature="operating",
        governing_law="cn",
        prevailing_language="zh",
        mode="external",
        **given,
    )


def agree(year: Year) -> None:
    """The mill and the compressor are let by the market; power is proposed and accepted."""
    made = year.town
    for name, asset, funds in (
        ("l-1", "press-1", {"security_deposit_minor": 600_000}),
        ("a-1", "compressor-1", {"prepayment_minor": 1_500_000}),
    ):
        deal = made.deals[name]
        terms = lease_terms(year, deal, asset, **funds)
        made.do(deal.provider, RegisterAsset(asset, replace(PRESS, feeds=())))
        made.do(
            deal.provider,
            offer(
                f"o-{name}",
                asset_owner=deal.provider,
                asset=asset,
                from_ms=deal.from_ms,
                to_ms=deal.to_ms,
                tariff_owner=deal.provider,
                tariff=terms.tariff,
                largest_ms=deal.to_ms - deal.from_ms,
                **funds,
            ),
        )
        asked = enquiry(
            name, terms, until_ms=year.start_ms - 10 * DAY, offerer=deal.provider, offer=f"o-{name}"
        )
        made.do(deal.user, asked)
        made.do(deal.provider, Agree(name, proposed(name, 1, terms, asked.until_ms)))
        sign(year, name)
    deal = made.deals["e-1"]
    sheet = deal.sheet
    made.do(
        "grid",
        Propose(
            "e-1",
            "grid",
            "plant",
            "grid",
            sheet.tariff.name,
            1,
            deal.meters,
            sheet.terms,
            deal.from_ms,
            deal.to_ms,
        ),
    )
    plant = made.node.client("plant")
    made.do("plant", acceptance("e-1", as_proposed(plant, "e-1")))
    for name in ("l-1", "a-1"):
        made.at(made.deals[name].from_ms - 3 * HOUR, lambda name=name: hand_in(year, name))  # type: ignore[misc]


def sign(year: Year, name: str) -> None:
    """Both sign; funds are opened by it, and paid in the next day."""
    made, deal = year.town, year.town.deals[name]
    for member in (deal.user, deal.provider):
        draft = made.ask("leasing.draft_of", Draft, lease=name)
        made.do(member, Sign(lease=name, content=contract(draft)))
    terms = made.ask("leasing.lease_of", Lease, lease=name).terms
    for kind in ("security_deposit", "prepayment"):
        amount, fund = getattr(terms, f"{kind}_minor"), f"{name}:{kind}"
        if amount:
            made.tell(
                "fund",
                fund=fund,
                kind=kind,
                payer=deal.user,
                holder=deal.provider,
                amount=amount,
                agreement=name,
                due_ms=terms.from_ms,
                currency=terms.currency,
            )
            pays = {("pay-in", fund): amount}
            made.at(
                made.now_ms + DAY,
                lambda pays=pays, amount=amount: year.clerks.receive(  # type: ignore[misc]
                    deal.provider, deal.user, amount, pays, terms.currency
                ),
            )


def hand_over(year: Year, name: str, direction: Any) -> int:
    """The counters are read; a second later the lessor reports, the lessee confirms. When that was."""
    made, deal = year.town, year.town.deals[name]
    shown = []
    for binding in deal.meters:
        value = made.tapes[binding.feed].shown_at(made.now_ms)
        made.record(binding.feed, (made.now_ms, value, 0))
        shown.append(Shown(binding.meter, value))
    report = ReportHandover(name, direction, made.now_ms, CHECKED, tuple(shown))
    made.node.clock.advance(ms=1_000)
    made.do(deal.provider, report)
    digest = content_of(name, direction, deal.provider, report)
    return made.do(deal.user, ConfirmHandover(name, direction, digest, photos=(PHOTO,)))


def hand_in(year: Year, name: str) -> None:
    """Handed over late, it begins late."""
    deal = year.town.deals[name]
    since_ms = max(hand_over(year, name, "in"), deal.from_ms)
    year.town.deals[name] = replace_deal(deal, from_ms=since_ms)


def replace_deal(deal: Deal, **changes: Any) -> Deal:
    return Deal(**{**deal.__dict__, **changes})


# ---- counted -----------------------------------------------------------------------------------------------


def deliver(year: Year) -> None:
    """Records come by the day, by the week; some weeks late, some never."""

    def lost_days(late: Mapping[int, int], never: Mapping[int, int]) -> Callable[[int], int]:
        def when(read_ms: int) -> int:
            day = (read_ms - year.start_ms) // DAY
            return -1 if day in never else year.day(late[day]) if day in late else 0

        return when

    made = year.town
    some = dict.fromkeys(range(83, 90), 102) | dict.fromkeys(range(208, 212), 260)
    made.deliver("pieces", DAY, lost_days(some, {}))
    made.deliver("energy", 7 * DAY, lost_days({40: 75, 41: 75, 300: 330}, {190: 0}))
    made.deliver("reactive", 7 * DAY, lost_days({41: 75}, {191: 0}))
    made.deliver("air", 2 * DAY, lost_days(dict.fromkeys(range(117, 122), 131), {}))

    for month in range(1, 15):
        made.at(month_end(year, month) + 12 * HOUR, year.look)


def month_end(year: Year, number: int) -> int:
    """The end of the n-th month by the clock of Shanghai."""
    local = Local(year.town.deals["l-1"].written)
    first = local.date_of(year.town.deals["l-1"].from_ms).replace(day=1)
    for _ in range(number):
        first = (first + timedelta(days=31)).replace(day=1)
    return local.begin_of(first)


# ---- sublet, given back ------------------------------------------------------------------------------------


def sublet(year: Year) -> None:
    """The plant lets the mill to a second plant for eight weeks, which takes it over two hours late."""
    made = year.town
    head, deal = made.deals["l-1"], made.deals["s-1"]
    local = Local(deal.written)
    first = local.date_of(head.from_ms)
    from_ms, to_ms = (local.begin_of(first + timedelta(days=days)) for days in SUBLET_DAYS)
    made.deals["s-1"] = replace_deal(deal, from_ms=from_ms, to_ms=to_ms)

    def begin() -> None:
        terms = lease_terms(
            year, made.deals["s-1"], "press-1", asset_owner="maker", head="l-1", sign_by_ms=from_ms
        )
        made.do("maker", ConsentSublease("l-1", "c-1", from_ms, to_ms, "second"))
        made.do("plant", Sublet("s-1", terms))
        sign(year, "s-1")

    made.at(from_ms - 5 * DAY, begin)
    made.at(from_ms + 2 * HOUR + 7, lambda: hand_in(year, "s-1"))
    made.at(to_ms, lambda: hand_out(year, "s-1"))


def hand_out(year: Year, name: str) -> None:
    hand_over(year, name, "out")


def finish(year: Year) -> None:
    """At the year's end both come back; the lease is closed once all is settled, its deposit returned."""
    made = year.town
    for name in ("l-1", "a-1"):
        made.at(made.deals[name].to_ms, lambda name=name: hand_out(year, name))  # type: ignore[misc]
    made.at(made.deals["l-1"].to_ms + 60 * DAY, lambda: give_back(year))


def give_back(year: Year) -> None:
    made, fund = year.town, "l-1:security_deposit"
    for name in ("s-1", "l-1"):
        made.do(made.deals[name].provider, Close(lease=name))
    made.tell("fund_end", fund=fund, how="returned")
    key = ("return", fund)
    owed = year.clerks.owed(key).obligation

    def pay() -> None:
        year.clerks.receive("plant", "maker", owed.amount_minor, {key: owed.amount_minor}, owed.currency)

    made.at(made.now_ms + 3 * DAY, pay)
