"""Tariffs, agreements, claims, published prices: how members come to be billed."""

from hansa.apps.billing.attribution import Liable
from hansa.apps.billing.books import deal_of
from hansa.apps.billing.deal import content
from hansa.apps.billing.messages import Accept, Close, Propose, PublishTariff, Withdraw
from hansa.apps.billing.messages_claims import ClaimScrap, ClaimStop, ContestClaim, WithdrawClaim
from hansa.apps.billing.messages_prices import DeclareSeries, PublishIndex, PublishSeries, SeriesForm
from hansa.apps.consortium.messages import PublishCalendar
from hansa.kernel import Refusal, limits, replace
from hansa.simulation.simulator.scenario import Send
from hansa.simulation.simulator.traffic import tariffs
from hansa.simulation.simulator.traffic.consortium import calendar_of
from hansa.simulation.simulator.traffic.metering import SCRAP, STATE
from hansa.simulation.simulator.traffic.mind import Mind, Step
from hansa.simulation.simulator.traffic.money import bank_of

CALENDAR = "utc"
CLAIMED_MOST_MS = 10 * limits.HOUR_MS


def publish_first(mind: Mind) -> Send | None:
    """The first founder's calendar and tariffs; None: they are there."""
    owner = mind.founders[0]
    if mind.row("billing.tariffs", owner, tariffs.FULL, 1) is not None:
        return None
    calendar = PublishCalendar(id=CALENDAR, calendar=calendar_of(mind))
    published = [
        PublishTariff(name, 1, tariff, calendar_owner=owner, calendar=CALENDAR)
        for name, tariff in tariffs.TARIFFS.items()
    ]
    return mind.send(owner, calendar, *published)


def publish_tariff(mind: Mind) -> Send | None:
    """A further version, dearer by something."""
    found = mind.pick("billing.tariffs")
    if found is None:
        return None
    (owner, name, version), published = found
    newer = replace(published.tariff, name=f"edition-{mind.between(1, 99)}")
    action = PublishTariff(str(name), int(version) + 1, newer, published.calendar_owner, published.calendar)
    return mind.send(str(owner), action)


def owners(mind: Mind) -> list[str]:
    """Members whose machine tells something."""
    return [str(key[0]) for key in mind.rows("metering.feeds") if key[1] == STATE]


def propose(mind: Mind) -> Send | None:
    """For the days to come, by the feeds of either party."""
    having = owners(mind)
    if not having or publish_first(mind) is not None:
        return None
    owner = mind.one(having)
    other = mind.other(owner)
    provider, user = (owner, other) if mind.luck(0.5) else (other, owner)
    name = mind.one((tariffs.SIMPLE, tariffs.SIMPLE, tariffs.FULL))
    from_ms = mind.soon_ms + mind.between(-1, 30) * limits.HOUR_MS
    action = Propose(
        agreement=mind.name("g"),
        provider=provider,
        user=user,
        tariff_owner=mind.founders[0],
        tariff=name,
        tariff_version=1,
        meters=tariffs.bindings(name, owner),
        terms=tariffs.terms(mind, name, bank=bank_of(mind) if mind.luck(0.2) else ""),
        from_ms=from_ms,
        to_ms=from_ms + mind.between(1, 4) * limits.DAY_MS,
    )
    return mind.send(mind.one((provider, user)), action)


def accept(mind: Mind) -> Send | None:
    found = mind.sure(
        "billing.agreements",
        lambda _, row: row.state == "proposed" and (row.from_ms > mind.soon_ms or mind.luck(0.05)),
    )
    if found is None:
        return None
    (name,), agreement = found
    other = agreement.user if agreement.proposer == agreement.provider else agreement.provider
    try:
        digest = content(str(name), mind.ask(deal_of, agreement))
    except Refusal:
        return None
    return mind.send(mind.right(other), Accept(str(name), digest))


def withdraw(mind: Mind) -> Send | None:
    found = mind.pick("billing.agreements", lambda row: row.state == "proposed")
    if found is None or mind.luck(0.8):
        return None
    (name,), agreement = found
    return mind.send(mind.one((agreement.provider, agreement.user)), Withdraw(str(name)))


def close(mind: Mind) -> Send | None:
    """Of a period that was held, or should have been."""
    found = mind.pick("billing.agreements", lambda row: 0 < row.next_from_ms < mind.now_ms - limits.DAY_MS)
    if found is None:
        return None
    (name,), agreement = found
    return mind.send(mind.one((agreement.provider, agreement.user)), Close(str(name)))


# Claims.


def claim(mind: Mind) -> Send | None:
    """Why the machine stood still, or pieces were scrap, in the period that runs."""
    found = mind.sure(
        "billing.agreements",
        lambda _, row: (
            bool(row.terms.attribution)
            and row.state == "accepted"
            and 0 < row.next_from_ms < mind.now_ms < row.to_ms
        ),
    )
    if found is None:
        return None
    (name,), agreement = found
    since_ms = max(agreement.next_from_ms, mind.now_ms // limits.DAY_MS * limits.DAY_MS)
    from_ms = mind.between(since_ms, max(since_ms, mind.now_ms - 2))
    to_ms = min(mind.now_ms, from_ms + mind.between(1, CLAIMED_MOST_MS))
    member, liable = mind.one((agreement.provider, agreement.user)), mind.one(LIABLE)
    given = (str(name), mind.name("claim"))
    if mind.luck(0.5):
        return mind.send(member, ClaimStop(*given, STATE, from_ms, to_ms, "power_cut", liable))
    return mind.send(member, ClaimScrap(*given, SCRAP, since_ms, mind.now_ms, 1, "bad_blanks", liable))


LIABLE: tuple[Liable, ...] = ("provider", "user", "neither")


def answer_claim(mind: Mind) -> Send | None:
    """The other contests; its maker takes it back."""
    found = mind.pick("billing.claims", lambda row: not row.withdrawn_ms and not row.contested)
    if found is None:
        return None
    (name, period_ms, claimed), row = found
    agreement = mind.row("billing.agreements", name)
    other = agreement.user if row.by == agreement.provider else agreement.provider
    if mind.luck(0.7):
        return mind.send(mind.right(other), ContestClaim(str(name), int(period_ms), str(claimed)))
    return mind.send(mind.right(row.by), WithdrawClaim(str(name), int(period_ms), str(claimed)))


# Published prices.


def publish_prices(mind: Mind) -> Send | None:
    owner = mind.founders[0]
    if publish_first(mind) is not None:
        return None
    found = mind.pick("billing.series")
    if found is None or mind.luck(0.2):
        form = SeriesForm(60, "kWh", "CNY", owner, CALENDAR)
        return mind.send(mind.member(), DeclareSeries(mind.name("s"), 1, form))
    (member, series, version), _ = found
    day = mind.now_ms // limits.DAY_MS + mind.between(0, 5)
    prices = tuple(mind.between(-5_000_000, 90_000_000) for _ in range(24))
    return mind.send(mind.right(str(member)), PublishSeries(str(series), int(version), day, prices))


def publish_index(mind: Mind) -> Send:
    found = mind.pick("billing.indices")
    if found is None or mind.luck(0.3):
        day = mind.now_ms // limits.DAY_MS
        return mind.send(mind.member(), PublishIndex(mind.name("i"), day, 310_000_000))
    (owner, index, from_day), _ = found
    later = PublishIndex(str(index), int(from_day) + mind.between(0, 3), mind.between(1, 500_000_000))
    return mind.send(str(owner), later)


STEPS: tuple[tuple[int, Step], ...] = (
    (1, publish_tariff),
    (6, propose),
    (12, accept),
    (1, withdraw),
    (2, close),
    (5, claim),
    (3, answer_claim),
    (2, publish_prices),
    (1, publish_index),
)
