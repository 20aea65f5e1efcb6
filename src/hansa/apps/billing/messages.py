"""Agreements, tariffs as published, usage sums, settlement statements (结算单). Times are ms since the
epoch, UTC.
"""

from typing import Literal

from hansa.apps.billing.attribution import DisputedClaim, ScrapLine, StopLine
from hansa.apps.billing.check_feeds import CheckResult
from hansa.apps.billing.gaps import GapLine
from hansa.apps.billing.rating import Line, RateTotal
from hansa.apps.billing.sharing_out import Share
from hansa.apps.billing.tariff import Tariff
from hansa.apps.billing.terms import Terms
from hansa.apps.billing.unknown_time import UnknownTime
from hansa.apps.consortium.calendars import Day, Period
from hansa.apps.consortium.messages import OptionalSize
from hansa.apps.metering.messages import FallStatus
from hansa.kernel import (
    Action,
    CurrencyCode,
    Event,
    Hash,
    Id,
    Integer,
    MemberId,
    Natural,
    OptionalHash,
    OptionalId,
    Positive,
    Record,
    Struct,
    TimeMs,
)

AgreementState = Literal["proposed", "accepted", "withdrawn"]


class Binding(Struct):
    """Which feed stands for a meter of the tariff."""

    meter: Id
    owner: MemberId
    feed: Id


class PublishedTariff(Record, version=1, readers="members", retention="for ever"):
    """A version of a tariff. It never changes: whoever accepted it knows what was accepted."""

    tariff: Tariff
    calendar_owner: MemberId
    calendar: Id


class Agreement(Record, version=1, readers="members", retention="business"):
    """Who is paid by whom for what a machine does, by which tariff, from when to when."""

    provider: MemberId
    """Is paid."""
    user: MemberId
    """Pays."""
    proposer: MemberId
    tariff_owner: MemberId
    tariff: Id
    tariff_version: Positive
    meters: tuple[Binding, ...]
    terms: Terms
    from_ms: TimeMs
    to_ms: TimeMs
    state: AgreementState
    next_from_ms: TimeMs = 0
    """Start of the period to be closed next; 0 when all are closed, and before acceptance."""
    agreed_from_ms: TimeMs = 0
    agreed_to_ms: TimeMs = 0
    """Start and end that both parties accepted first, where they were changed since; 0: they were not."""
    signed: OptionalHash = ""
    """What both parties signed in another room that this agreement is part of; "": they signed it here."""
    provider_size: OptionalSize = ""
    user_size: OptionalSize = ""
    """Size classes as registered when it was accepted; "" where nothing of it matters."""


class Account(Record, version=1, readers="members", retention="business"):
    """A feed counts for an agreement from ≤ t < to."""

    from_ms: TimeMs
    to_ms: TimeMs


class UsageRecord(Record, version=1, readers="members", retention="business"):
    """What a meter counted in a period without gaps: base units per part and window, part by part."""

    counts: tuple[Natural, ...]


class DayRecord(Record, version=1, readers="members", retention="business"):
    """What a meter counted on a local date without gaps, base units per part; kept for the rule
    `average_day`.
    """

    counts: tuple[Natural, ...]


class GapRecord(Record, version=1, readers="members", retention="business"):
    """An unknown stretch of a meter, from its key's time on."""

    to_ms: TimeMs
    difference: Integer
    """Base units; -1 where nothing is known of it."""


class Kept(Record, version=1, readers="members", retention="business"):
    """An agreement id that another room keeps for what may come to be agreed there."""

    since_ms: TimeMs


class Late(Record, version=1, readers="members", retention="business"):
    """What is known of closed periods changed; the next close looks at them again, from the one of
    `since_ms` on.
    """

    since_ms: TimeMs


class Billed(Record, version=1, readers="members", retention="business"):
    """Lines for a period that one statement carries: its own, or corrections of it; by the statement's
    period.
    """

    lines: tuple[Line, ...]


class FallLine(Struct):
    """Low readings of a counter as a statement lists them."""

    meter: Id
    from_ms: TimeMs
    to_ms: TimeMs
    readings: Positive
    value_base: Integer
    """The first low value."""
    good_base: Integer
    """The last good value before it."""
    status: FallStatus


class Statement(Record, version=1, readers="members", retention="for ever"):
    """A settlement statement (结算单). It is no invoice: Hansa issues none."""

    agreement: Id
    provider: MemberId
    user: MemberId
    period: Period
    currency: CurrencyCode
    tax_included: bool = False
    lines: tuple[Line, ...] = ()
    by_rate: tuple[RateTotal, ...] = ()
    net_minor: Integer = 0
    tax_minor: Integer = 0
    gross_minor: Integer = 0
    gaps: tuple[GapLine, ...] = ()
    """At most STATEMENT_GAPS_MAX; `gap_count` tells how many there are, as far as G8 looks."""
    gap_count: Natural = 0
    falls: tuple[FallLine, ...] = ()
    fall_count: Natural = 0
    stops: tuple[StopLine, ...] = ()
    """Stopped time by cause; at most STATEMENT_STOPS_MAX, `stop_count` tells how many there are."""
    stop_count: Natural = 0
    scrap: tuple[ScrapLine, ...] = ()
    """Scrap by cause; bounded likewise."""
    scrap_count: Natural = 0
    claims: tuple[DisputedClaim, ...] = ()
    """Claims that did not count, and what they would have changed."""
    checks: tuple[CheckResult, ...] = ()
    """Check feeds compared."""
    check_lines: tuple[Positive, ...] = ()
    """Numbers of the lines that are disputed by themselves: they rest on a meter whose check feed differs."""
    unknown: tuple[UnknownTime, ...] = ()
    """Time of which nothing is known, of state meters that have rules of attribution or a bound; none: 0."""
    unknown_lines: tuple[Positive, ...] = ()
    """Numbers of the lines that are disputed by themselves: too much time of a meter is unknown."""
    shares: tuple[Share, ...] = ()
    """Who settles with whom, where the tariff splits a revenue; none: the user with the provider, all."""
    corrected_to_ms: TimeMs = 0
    """Earlier periods that start here or later wait for the next close to be corrected; 0: none waits."""
    closed_ms: TimeMs = 0
    closed_height: Natural = 0
    """Block of the close: what earlier blocks brought was counted."""
    closed_by: OptionalHash = ""
    """The transaction that asked for the close; "" where it fell due: then nothing of its own block was
    counted.
    """


class PublishTariff(Action, tag="billing.publish_tariff"):
    """A member publishes a version of a tariff of its own, on a calendar that somebody published."""

    id: Id
    version: Positive
    tariff: Tariff
    calendar_owner: MemberId
    calendar: Id


class Propose(Action, tag="billing.propose"):
    """One party proposes; nothing is due before the other accepts."""

    agreement: Id
    provider: MemberId
    user: MemberId
    tariff_owner: MemberId
    tariff: Id
    tariff_version: Positive
    meters: tuple[Binding, ...]
    terms: Terms
    from_ms: TimeMs
    to_ms: TimeMs


class Accept(Action, tag="billing.accept"):
    """The other party accepts exactly what was proposed; nobody can put other terms under its acceptance."""

    agreement: Id
    content: Hash
    """Digest of agreement, tariff and calendar (`deal.content`)."""


class Withdraw(Action, tag="billing.withdraw"):
    """Either party ends a proposal that is not accepted."""

    agreement: Id


class Close(Action, tag="billing.close"):
    """Either party has the next period closed that is past its cut-off.

    It also closes by itself: this is for one that was held.
    """

    agreement: Id


class TariffPublished(Event, tag="billing.tariff_published"):
    owner: MemberId
    id: Id
    version: Positive


class Proposed(Event, tag="billing.proposed"):
    agreement: Id
    provider: MemberId
    user: MemberId
    proposer: MemberId


class Accepted(Event, tag="billing.accepted"):
    agreement: Id
    by: MemberId


class Withdrawn(Event, tag="billing.withdrawn"):
    agreement: Id
    by: MemberId


class AgreementChanged(Event, tag="billing.agreement_changed"):
    """An agreement begins later, or ends earlier or later. Where both times are one, it never began."""

    agreement: Id
    from_ms: TimeMs
    to_ms: TimeMs


class Stated(Event, tag="billing.stated"):
    """A period was closed and its statement stands."""

    agreement: Id
    provider: MemberId
    user: MemberId
    period_from_ms: TimeMs
    period_to_ms: TimeMs
    currency: CurrencyCode
    net_minor: Integer
    tax_minor: Integer
    gross_minor: Integer


class Held(Event, tag="billing.held"):
    """A period could not be closed; `code` says why, `clause` where. Mend it, then close."""

    agreement: Id
    period_from_ms: TimeMs
    code: Id
    clause: OptionalId = ""


__all__ = [
    "Accept",
    "Accepted",
    "Account",
    "Agreement",
    "AgreementChanged",
    "Billed",
    "Binding",
    "Close",
    "Day",
    "DayRecord",
    "FallLine",
    "GapRecord",
    "Held",
    "Late",
    "Propose",
    "Proposed",
    "PublishTariff",
    "PublishedTariff",
    "Stated",
    "Statement",
    "TariffPublished",
    "UsageRecord",
    "Withdraw",
    "Withdrawn",
]
