"""What can be asked of the room. Lists are cut at their `limit`; go on `after` the last one shown."""

from typing import Literal

from hansa.apps.consortium import parameters as known_parameters
from hansa.apps.consortium.members import cosigner_set
from hansa.apps.consortium.messages import CalendarRecord, CosignerSet, KeyExpiry, Member
from hansa.apps.consortium.messages_approvals import ApprovalRule, ListedHeld
from hansa.apps.consortium.messages_votes import CastBallot, ListedProposal, Proposal, ProposalState
from hansa.apps.consortium.parameters import ParameterInForce
from hansa.apps.consortium.tables import (
    APPROVAL_RULES,
    BALLOTS,
    CALENDARS,
    CHARTER,
    HELD,
    HELD_ACTIONS,
    MEMBERS,
    PROPOSALS,
)
from hansa.kernel import (
    ACTIVE,
    KEYS,
    WINDOWS,
    Active,
    Context,
    Id,
    Key,
    KeyId,
    MemberId,
    Natural,
    OptionalId,
    Struct,
    in_force,
    limits,
)

LISTED_MAX = limits.SCAN_MAX


class FromHeight(Struct):
    """What will be in force from a height on."""

    height: Natural
    active: Active


class InForce(Struct):
    """Rules and rooms from outside: now, and as scheduled."""

    height: Natural
    active: Active
    scheduled: tuple[FromHeight, ...]


def members(ctx: Context) -> list[tuple[str, Member]]:
    """All members, by id; those that left as well."""
    return [(str(key[0]), member) for key, member in MEMBERS.scan(ctx)]


def member(ctx: Context, member: MemberId) -> Member | None:
    """A member."""
    return MEMBERS.get(ctx, (member,))


def proposals(
    ctx: Context, state: Literal["", ProposalState] = "", after: OptionalId = "", limit: Natural = LISTED_MAX
) -> list[ListedProposal]:
    """Proposals by id, of one state or all."""
    found: list[ListedProposal] = []
    for key, proposal in PROPOSALS.scan(ctx, start=(after,), limit=limits.SCANNED_MAX):
        if len(found) >= min(limit, LISTED_MAX):
            break
        if str(key[0]) != after and state in ("", proposal.state):
            found.append(ListedProposal(id=str(key[0]), proposal=proposal))
    return found


def proposal(ctx: Context, proposal: Id) -> Proposal | None:
    """A proposal."""
    return PROPOSALS.get(ctx, (proposal,))


def votes(ctx: Context, proposal: Id) -> list[CastBallot]:
    """Votes on a proposal, by member."""
    return [CastBallot(member=str(key[1]), ballot=ballot) for key, ballot in BALLOTS.scan(ctx, (proposal,))]


def keys_of(
    ctx: Context, member: MemberId, after: OptionalId = "", limit: Natural = LISTED_MAX
) -> list[tuple[str, Key]]:
    """Keys of a member by id, those that ended as well."""
    rows = KEYS.scan(ctx, (member,), start=(member, after), limit=min(limit, LISTED_MAX) + 1)
    found = [(str(key[1]), record) for key, record in rows if str(key[1]) != after]
    return found[: min(limit, LISTED_MAX)]


def keys_expiring(ctx: Context, days: Natural, member: OptionalId = "") -> list[KeyExpiry]:
    """Keys, of a member or of all, that are good now and expire within so many days, the first first."""
    until_ms = ctx.time_ms + days * limits.DAY_MS
    rows = KEYS.scan(ctx, (member,) if member else (), limit=limits.SCANNED_MAX)
    found = [
        KeyExpiry(
            member=str(at[0]), key=str(at[1]), holder=key.holder, kind=key.kind, expires_ms=key.expires_ms
        )
        for at, key in rows
        if not key.revoked_ms and ctx.time_ms < key.expires_ms <= until_ms
    ]
    return sorted(found, key=lambda each: (each.expires_ms, each.member, each.key))[:LISTED_MAX]


def sequence(ctx: Context, member: MemberId, key: KeyId) -> int:
    """Highest sequence number that a key has used, 0 before its first: a client goes on from there."""
    window = WINDOWS.get(ctx, (member, key))
    return window.highest if window else 0


def approvals(ctx: Context, member: MemberId) -> list[ApprovalRule]:
    """Approval rules of a member."""
    rules = APPROVAL_RULES.get(ctx, (member,))
    return list(rules.rules) if rules else []


def held(ctx: Context, member: MemberId) -> list[ListedHeld]:
    """Transactions of a member that wait for approval, with what each would do."""
    found = []
    for key, record in HELD.scan(ctx, (member,)):
        stored = HELD_ACTIONS.get(ctx, key)
        actions = stored.actions if stored else ()
        found.append(ListedHeld(transaction=str(key[1]), held=record, actions=actions))
    return found


def parameters(ctx: Context) -> list[ParameterInForce]:
    """All parameters: value, default, bounds, meaning."""
    return known_parameters.listed(ctx)


def cosigners(ctx: Context) -> CosignerSet | None:
    """The newest set of cosigners; None under rules 1, where the operator signs alone."""
    return cosigner_set(ctx)


def charter(ctx: Context) -> str:
    """SHA-256 of the charter, as the genesis file names it; "" where it names none."""
    record = CHARTER.get(ctx, ("charter",))
    return record.sha256 if record else ""


def active(ctx: Context) -> InForce:
    """What is in force for the next block, and what is scheduled after it."""
    height = ctx.height + 1
    later = ACTIVE.scan(ctx, start=(height + 1,))
    return InForce(
        height=height,
        active=in_force(ctx.layer, height, ctx.rules),
        scheduled=tuple(FromHeight(height=int(key[0]), active=record) for key, record in later),
    )


def calendar_of(ctx: Context, member: MemberId, calendar: Id) -> CalendarRecord | None:
    """A published calendar."""
    return CALENDARS.get(ctx, (member, calendar))
