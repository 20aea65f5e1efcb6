"""The plant sublets a week to a second plant: the lessor's consent, an own contract, the same counters."""

from dataclasses import dataclass

from hansa.apps.billing.messages import PublishTariff
from hansa.apps.billing.tariff import Cap, Minimum, Tariff
from hansa.apps.consortium.calendars import Calendar, local_day, start_of_day
from hansa.apps.leasing.messages import ConsentSublease, Lease, Sublet
from hansa.client.texts import Text
from hansa.kernel import limits, replace
from hansa.simulation.cast import SECOND_PLANT
from hansa.simulation.governing import admit
from hansa.simulation.play import CALENDAR, LEASE, PROVIDER, SUBLEASE, USER, Play
from hansa.simulation.story import Story, asking
from hansa.simulation.story_handover import hand_over
from hansa.simulation.story_market import Deal, sign

SUBTENANT = SECOND_PLANT.id
SUBTARIFF = "sublease-1"
MONTH_DAYS = 30
DAYS, LAST_DAYS = 7, 3
"""It lasts a week, and ends so long before the lease."""
AHEAD_MS = 2 * limits.DAY_MS
"""So long before its start all is agreed."""


@dataclass(frozen=True)
class Week:
    from_ms: int
    to_ms: int


def week_of(calendar: Calendar, deal: Deal) -> Week | None:
    """Seven whole days that end three days before the lease's last; None where it is too short for that."""
    last = local_day(calendar, deal.to_ms - 1) + 1 - LAST_DAYS
    from_ms, to_ms = start_of_day(calendar, last - DAYS), start_of_day(calendar, last)
    return Week(from_ms, to_ms) if from_ms - AHEAD_MS - limits.DAY_MS > deal.from_ms else None


TOO_SHORT = Text("租期不足两周", "the lease is shorter than two weeks")


def agree(story: Story, play: Play, week: Week) -> None:
    """Admit the second plant, consent, reserve, sign."""
    world = story.world
    if SUBTENANT not in world.clients:
        admit(world, SECOND_PLANT, USER)
        story.tell("第二家工厂经表决加入联盟", "A second plant is voted in")
    head = asking(world, USER).one("leasing.lease_of", Lease, lease=LEASE)
    story.client(PROVIDER).do(
        ConsentSublease(
            lease=LEASE, consent="week-1", from_ms=week.from_ms, to_ms=week.to_ms, member=SUBTENANT
        )
    )
    story.tell("出租方记录转租同意", "The lessor's consent to the sublease is recorded")
    tariff = PublishTariff(
        id=SUBTARIFF,
        version=1,
        tariff=for_days(play.sheet.tariff, DAYS),
        calendar_owner=PROVIDER,
        calendar=CALENDAR,
    )
    terms = replace(
        head.terms,
        lessor=USER,
        lessee=SUBTENANT,
        from_ms=week.from_ms,
        to_ms=week.to_ms,
        sign_by_ms=week.from_ms,
        tariff_owner=USER,
        tariff=SUBTARIFF,
        security_deposit_minor=0,
        prepayment_minor=0,
        head=LEASE,
    )
    story.client(USER).do(tariff, Sublet(sublease=SUBLEASE, terms=terms))
    sign(story, SUBLEASE, USER, SUBTENANT)


def for_days(tariff: Tariff, days: int) -> Tariff:
    """The same prices; a minimum or cap that is meant for a month is made one for so many days of it."""
    if tariff.period != "month":
        return tariff
    elements = tuple(
        replace(element, amount_minor=element.amount_minor * days // MONTH_DAYS)
        if isinstance(element, Minimum | Cap)
        else element
        for element in tariff.elements
    )
    return replace(tariff, elements=elements)


def take_over(story: Story) -> None:
    hand_over(story, SUBLEASE, "in", USER, SUBTENANT)
    story.tell(
        "第二家工厂接收产线，双方确认计数器", "The second plant takes the line; both confirm the counters"
    )


def give_back(story: Story) -> None:
    hand_over(story, SUBLEASE, "out", SUBTENANT, USER)
    story.tell("第二家工厂交还产线", "The second plant gives the line back")
