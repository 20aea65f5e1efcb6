"""Checks of what was agreed: agreement, tariff, calendar, feeds, each against what its owner signed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hansa.apps.billing.deal import Deal, bound, content
from hansa.apps.billing.messages import Accept, Agreement, Propose, PublishedTariff, PublishTariff, Statement
from hansa.apps.billing.messages_prices import IndexValue, PublishIndex, PublishSeries, SeriesDay
from hansa.apps.consortium.messages import CalendarRecord, PublishCalendar
from hansa.apps.leasing.messages import Sign
from hansa.apps.leasing.proposals import agreement_of
from hansa.apps.metering.messages import (
    Feed,
    Generation,
    RegisterDevice,
    RegisterFeed,
    ReplaceDevice,
)
from hansa.client.bundle import Bundle, Contract
from hansa.client.price_records import shown_prices
from hansa.client.report import Report, need
from hansa.client.texts import Text
from hansa.client.verify_acts import Placed
from hansa.client.verify_ledger import Attests
from hansa.kernel import digest, replace

PROPOSED = (
    "provider", "user", "tariff_owner", "tariff", "tariff_version", "meters", "terms", "from_ms", "to_ms",
)  # fmt: skip


@dataclass
class Signed:
    """What the transactions of the bundle say, in the words of their signers."""

    proposals: dict[str, tuple[str, Propose]] = field(default_factory=dict)
    acceptances: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By agreement: who accepted, and the digest of what."""
    signatures: dict[tuple[str, str], str] = field(default_factory=dict)
    """By lease and member: the digest of what it signed last."""
    tariffs: dict[tuple[str, str, int], PublishTariff] = field(default_factory=dict)
    calendars: dict[tuple[str, str], PublishCalendar] = field(default_factory=dict)
    feeds: dict[tuple[str, str], Feed] = field(default_factory=dict)
    lives: dict[tuple[str, str], list[Generation]] = field(default_factory=dict)
    prices: dict[tuple[str, ...], SeriesDay | IndexValue] = field(default_factory=dict)
    """Of series and indices, by table and key: a price counts by when it was published."""

    def take(self, member: str, action: Any, time_ms: int) -> None:
        """Actions come in ledger order, and none was refused: so each was the first of its name."""
        match action:
            case PublishSeries():
                day = ("billing.series_days", member, action.id, str(action.version), str(action.day))
                self.prices.setdefault(day, SeriesDay(action.prices_e8, time_ms))
            case PublishIndex():
                value = ("billing.indices", member, action.id, str(action.from_day))
                self.prices.setdefault(value, IndexValue(action.value_e8, time_ms))
            case Propose():
                self.proposals.setdefault(action.agreement, (member, action))
            case Accept() if action.agreement in self.proposals:
                self.acceptances.setdefault(action.agreement, (member, action.content))
            case Sign():
                self.signatures[action.lease, member] = action.content
            case PublishTariff():
                self.tariffs.setdefault((member, action.id, action.version), action)
            case PublishCalendar():
                self.calendars.setdefault((member, action.id), action)
            case RegisterFeed():
                self.feeds.setdefault((member, action.feed), action.declaration)
            case RegisterDevice():
                self.lives.setdefault((member, action.device), [Generation(source=action.source)])
            case ReplaceDevice() if (member, action.device) in self.lives:
                lives = self.lives[member, action.device]
                lives[-1] = replace(lives[-1], until_ms=action.at_ms)
                lives.append(Generation(source=action.source, from_ms=action.at_ms))


def read_deal(report: Report, bundle: Bundle, records: Attests) -> None:
    """The agreement with all that it refers to, and its statements. Raises KeyError for what is not shown."""
    subject = bundle.subject
    agreement = records.get(Agreement, "billing.agreements", subject.agreement)
    tariff_key = (agreement.tariff_owner, agreement.tariff, str(agreement.tariff_version))
    published = records.get(PublishedTariff, "billing.tariffs", *tariff_key)
    calendar = records.get(
        CalendarRecord, "consortium.calendars", published.calendar_owner, published.calendar
    )
    feeds = {
        binding.meter: records.get(Feed, "metering.feeds", binding.owner, binding.feed)
        for binding in bound(agreement)
    }
    key = (subject.agreement, str(subject.period_from_ms))
    report.statement = statement = records.get(Statement, "billing.statements", *key)
    report.statements = sorted(
        (
            found
            for (of, _), found in records.all(Statement, "billing.statements")
            if of == subject.agreement and found.period.from_ms <= statement.period.from_ms
        ),
        key=lambda found: found.period.from_ms,
    )
    prices = shown_prices(records)
    report.deal = Deal(agreement, published.tariff, calendar.calendar, feeds, prices)


def check_deal(
    report: Report, records: Attests, transactions: Sequence[Placed], contract: Contract | None = None
) -> None:
    """Both parties signed this agreement; tariff, calendar and feeds are what their owners published."""
    assert report.deal is not None
    assert report.statement is not None
    signed = Signed()
    for placed in transactions:
        for action in placed.actions:
            signed.take(placed.member, action, placed.time_ms)
    problems = [
        *_agreement(report.statement.agreement, report.deal, signed, contract),
        *_published(report.deal, records, signed),
        *_feeds(report.deal, records, signed),
        *_prices(records, signed),
        *_old(records, report.statement),
    ]
    need(
        report, "terms",
        Text("协议由双方签署，资费、日历、计量点与其所有方发布的一致",
             "both parties signed the agreement; tariff, calendar and feeds are what their owners published"),
        problems,
        Text(f"{report.deal.agreement.provider} 向 {report.deal.agreement.user} 提供",
             f"{report.deal.agreement.provider} provides, {report.deal.agreement.user} uses"),
    )  # fmt: skip


def _agreement(name: str, deal: Deal, signed: Signed, contract: Contract | None) -> Iterator[str]:
    agreement = deal.agreement
    if agreement.signed:  # Only a lease's time moves: by handover, extension, early end.
        from_ms, to_ms = agreement.agreed_from_ms, agreement.agreed_to_ms
        as_agreed = replace(agreement, from_ms=from_ms or agreement.from_ms, to_ms=to_ms or agreement.to_ms)
        yield from _lease(name, as_agreed, signed, contract)
        return
    proposer, proposal = signed.proposals.get(name, ("", None))
    if proposal is None or any(getattr(proposal, f) != getattr(agreement, f) for f in PROPOSED):
        yield f"agreement {name} is not what was proposed"
    parties = {agreement.provider, agreement.user}
    accepter, accepted = signed.acceptances.get(name, ("", ""))
    if agreement.state != "accepted" or {proposer, accepter} != parties:
        yield f"agreement {name} is not signed by both parties"
    elif accepted != content(name, deal):
        yield f"agreement {name}: what was accepted is not this agreement, tariff and calendar"


def _lease(name: str, agreement: Agreement, signed: Signed, contract: Contract | None) -> Iterator[str]:
    """An agreement that comes of a lease: both signed the contract whose terms it has."""
    if contract is None:
        yield f"the contract of lease {name} is not shown"
        return
    if contract.lease != name or digest(contract) != agreement.signed:
        yield f"the contract that is shown is not the one of lease {name}"
    meant = agreement_of(contract.terms)
    if any(getattr(meant, f) != getattr(agreement, f) for f in PROPOSED):
        yield f"agreement {name} is not what the contract says"
    for member in (agreement.provider, agreement.user):
        if signed.signatures.get((name, member)) != agreement.signed:
            yield f"{member} did not sign the contract of lease {name}"
    if agreement.state != "accepted":
        yield f"agreement {name} does not stand"


def _published(deal: Deal, records: Attests, signed: Signed) -> Iterator[str]:
    agreement = deal.agreement
    of_tariff = (agreement.tariff_owner, agreement.tariff, agreement.tariff_version)
    key = (agreement.tariff_owner, agreement.tariff, str(agreement.tariff_version))
    shown = records.get(PublishedTariff, "billing.tariffs", *key)
    said = signed.tariffs.get(of_tariff)
    if said is None or (said.tariff, said.calendar_owner, said.calendar) != (
        shown.tariff, shown.calendar_owner, shown.calendar,
    ):  # fmt: skip
        yield f"tariff {'/'.join(key)} is not what its owner published"
    calendar = signed.calendars.get((shown.calendar_owner, shown.calendar))
    if calendar is None or calendar.calendar != deal.calendar:
        yield f"calendar {shown.calendar_owner}/{shown.calendar} is not what its owner published"


def _feeds(deal: Deal, records: Attests, signed: Signed) -> Iterator[str]:
    """Legal use may have been renewed since; all else of a feed never changes."""
    for binding in bound(deal.agreement):
        shown = deal.feeds[binding.meter]
        said = signed.feeds.get((binding.owner, binding.feed))
        if said is None or replace(said, legal_use=shown.legal_use) != shown:
            yield f"feed {binding.owner}/{binding.feed} is not what its owner registered"
            continue
        lives = signed.lives.get((binding.owner, shown.device), [])
        found = {
            int(key[2]): life
            for key, life in records.all(Generation, "metering.generations")
            if key[:2] == (binding.owner, shown.device)
        }
        if not lives or found != dict(enumerate(lives, 1)):
            yield f"device {binding.owner}/{shown.device} is not what its owner registered"


def _prices(records: Attests, signed: Signed) -> Iterator[str]:
    for kind, table in ((SeriesDay, "billing.series_days"), (IndexValue, "billing.indices")):
        for key, shown in records.all(kind, table):
            if signed.prices.get((table, *key)) != shown:
                yield f"{table} {'.'.join(key)} is not what its owner published"


def _old(records: Attests, statement: Statement) -> Iterator[str]:
    """A record shown as it stood before the close may have changed until then."""
    for (table, key), height in records.heights.items():
        if height < statement.closed_height:
            yield f"{table} {'.'.join(key)} is shown as of height {height}, before the close"
