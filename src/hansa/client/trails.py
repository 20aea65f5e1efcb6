"""What an action leaves on the ledger when it takes effect: the trail of its own event.

An outcome of `ok` does not say that an action was done: the member's approval rules may have held it back
(rule 7). Its own event says so. Evidence carries these events beside the transactions.
"""

from typing import Any

from hansa.apps.billing.messages import Accept, Accepted, Propose, Proposed, PublishTariff, TariffPublished
from hansa.apps.billing.messages_claims import (
    ClaimContested,
    Claimed,
    ClaimScrap,
    ClaimStop,
    ClaimWithdrawn,
    ContestClaim,
    WithdrawClaim,
)
from hansa.apps.billing.messages_prices import IndexPublished, PublishIndex, PublishSeries, SeriesPublished
from hansa.apps.consortium import messages_votes as votes
from hansa.apps.consortium.messages import (
    AddKey,
    CalendarPublished,
    KeyAdded,
    KeyRegistered,
    PublishCalendar,
    Recover,
    RegisterKey,
)
from hansa.apps.consortium.messages_approvals import Approve, Approved, CarriedOut, Held
from hansa.apps.leasing.messages import Sign
from hansa.apps.leasing.messages_told import Signed
from hansa.apps.metering.messages import (
    Anchored,
    AnchorReadings,
    DeclareReset,
    DeviceRegistered,
    DeviceReplaced,
    FeedRegistered,
    RecordCounters,
    Recorded,
    RegisterDevice,
    RegisterFeed,
    ReplaceDevice,
    ResetDeclared,
)

Trail = tuple[str, ...]
"""A kind, and the ids that tell an action, or its event, from others of the kind."""

LeftEvent = (
    KeyAdded
    | KeyRegistered
    | CalendarPublished
    | TariffPublished
    | SeriesPublished
    | IndexPublished
    | Proposed
    | Accepted
    | DeviceRegistered
    | DeviceReplaced
    | FeedRegistered
    | Anchored
    | Recorded
    | ResetDeclared
    | Signed
    | Claimed
    | ClaimContested
    | ClaimWithdrawn
    | votes.ProposalMade
    | votes.VoteCast
    | Approved
    | Held
    | CarriedOut
)
"""Events that evidence may carry beside attests."""
_TAGS = tuple(f'{{"_type":"{kind.__struct_config__.tag}"'.encode() for kind in LeftEvent.__args__)


def is_left(data: bytes) -> bool:
    """Whether the bytes of an event are those of a LeftEvent."""
    return data.startswith(_TAGS)


def left_by_action(member: str, action: Any) -> tuple[Trail, ...]:
    """The trails of an action that evidence may rest on, in their order; () for all others."""
    match action:
        case Recover():
            return tuple(("key", member, key.id) for key in action.keys)
        case AddKey():
            return (("key", member, action.id),)
        case RegisterKey():
            return (("key", member, action.key.id),)
        case votes.Propose():
            return (("vote", action.proposal, member),)
        case votes.Vote():
            return (("ballot", action.proposal, "yes" if action.yes else "no", member),)
        case Approve():
            return (("approval", action.held, member),)
        case PublishCalendar():
            return (("calendar", member, action.id),)
        case PublishTariff():
            return (("tariff", member, action.id, str(action.version)),)
        case PublishSeries():
            return (("prices", member, action.id, str(action.version), str(action.day)),)
        case PublishIndex():
            return (("index", member, action.id, str(action.from_day)),)
        case Propose():
            return (("proposal", action.agreement, member),)
        case Accept():
            return (("acceptance", action.agreement, member),)
        case Sign():
            return (("signature", action.lease, member),)
        case ClaimStop() | ClaimScrap():
            return (("claim", action.agreement, action.claim, member, str(action.from_ms)),)
        case ContestClaim():
            return (("contest", action.agreement, action.claim, member, str(action.period_ms)),)
        case WithdrawClaim():
            return (("withdrawal", action.agreement, action.claim, str(action.period_ms)),)
        case _:
            return _left_by_metering(member, action)


def _left_by_metering(member: str, action: Any) -> tuple[Trail, ...]:
    match action:
        case RegisterDevice():
            return (("device", member, action.device, action.source),)
        case ReplaceDevice():
            return (("replacement", member, action.device, str(action.at_ms)),)
        case RegisterFeed():
            return (("feed", member, action.feed),)
        case AnchorReadings():
            return (("anchor", member, action.anchor, action.root),)
        case RecordCounters():
            counters = action.counters
            return (("records", action.owner, counters.feed, str(counters.first_sequence)),)
        case DeclareReset():
            return (("reset", member, action.feed, str(action.at_ms)),)
        case _:
            return ()


def left_by_event(event: LeftEvent) -> Trail:
    """The same trail, read from the event."""
    match event:
        case KeyAdded() | KeyRegistered():
            return ("key", event.member, event.key)
        case votes.ProposalMade():
            return ("vote", event.proposal, event.proposer)
        case votes.VoteCast():
            return ("ballot", event.proposal, "yes" if event.yes else "no", event.member)
        case Approved():
            return ("approval", event.held, event.member)
        case Held():
            return ("held", event.transaction, event.member)
        case CarriedOut():
            return ("carried_out", event.held, event.member)
        case CalendarPublished():
            return ("calendar", event.member, event.id)
        case TariffPublished():
            return ("tariff", event.owner, event.id, str(event.version))
        case SeriesPublished():
            return ("prices", event.owner, event.id, str(event.version), str(event.day))
        case IndexPublished():
            return ("index", event.owner, event.id, str(event.from_day))
        case Proposed():
            return ("proposal", event.agreement, event.proposer)
        case Accepted():
            return ("acceptance", event.agreement, event.by)
        case Signed():
            return ("signature", event.lease, event.by)
        case Claimed():
            return ("claim", event.agreement, event.claim, event.by, str(event.from_ms))
        case ClaimContested():
            return ("contest", event.agreement, event.claim, event.by, str(event.period_ms))
        case ClaimWithdrawn():
            return ("withdrawal", event.agreement, event.claim, str(event.period_ms))
        case DeviceRegistered():
            return ("device", event.owner, event.device, event.source)
        case DeviceReplaced():
            return ("replacement", event.owner, event.device, str(event.at_ms))
        case FeedRegistered():
            return ("feed", event.owner, event.feed)
        case Anchored():
            return ("anchor", event.owner, event.anchor, event.root)
        case Recorded():
            return ("records", event.owner, event.feed, str(event.first_sequence))
        case ResetDeclared():
            return ("reset", event.owner, event.feed, str(event.at_ms))
