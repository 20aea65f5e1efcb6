"""What can be asked of the room.

A list has at most `limit` items, LISTED_MAX at most: go on `after` the last one shown. Without a limit it is
whole, or refused (ListTooLong): nothing is cut off unsaid. What takes more than SCANNED_MAX rows to find is
refused as kernel.over_budget.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Literal, TypeVar

from hansa.apps.consortium import errors
from hansa.apps.consortium import parameters as known_parameters
from hansa.apps.consortium import validators as validator_set
from hansa.apps.consortium.members import cosigner_set
from hansa.apps.consortium.messages import CalendarRecord, CosignerSet, KeyExpiry, Member
from hansa.apps.consortium.messages_approvals import ApprovalRule, ListedHeld
from hansa.apps.consortium.messages_validators import ListedKey, ListedValidator
from hansa.apps.consortium.messages_votes import CastBallot, ListedProposal, Proposal, ProposalState
from hansa.apps.consortium.parameters import ParameterInForce
from hansa.apps.consortium.tables import (
    APPROVAL_RULES,
    BALLOTS,
    CALENDARS,
    CHARTER,
    CONSENSUS_KEYS,
    HELD,
    HELD_ACTIONS,
    MEMBERS,
    OPEN,
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
    address,
    in_force,
    limits,
)

LISTED_MAX = limits.SCAN_MAX

T = TypeVar("T")


class FromHeight(Struct):
    """What will be in force from a height on."""

    height: Natural
    active: Active


class InForce(Struct):
    """Rules and rooms from outside: now, and as scheduled."""

    height: Natural
    active: Active
    scheduled: tuple[FromHeight, ...]


def _listed(rows: Iterator[T], limit: int) -> list[T]:
    """The first `limit` of them; without one all of them. Raises ListTooLong."""
    found = list(islice(rows, min(limit or LISTED_MAX, LISTED_MAX)))
    if not limit and next(rows, None) is not None:
        raise errors.ListTooLong(limit=LISTED_MAX)
    return found


def members(ctx: Context, after: OptionalId = "", limit: Natural = 0) -> list[tuple[str, Member]]:
    """Members by id; those that left as well."""
    rows = MEMBERS.scan(ctx, start=(after,), limit=limits.ALL_ROWS)
    return _listed(((str(key[0]), member) for key, member in rows if str(key[0]) != after), limit)


def member(ctx: Context, member: MemberId) -> Member | None:
    """A member."""
    return MEMBERS.get(ctx, (member,))


def proposals(
    ctx: Context, state: Literal["", ProposalState] = "", after: OptionalId = "", limit: Natural = 0
) -> list[ListedProposal]:
    """Proposals by id, of one state or all. Open ones are found at once, however many have ended."""
    rows = _not_ended(ctx, after) if state in ("open", "notice") else _proposals(ctx, after)
    return _listed((row for row in rows if state in ("", row.proposal.state)), limit)


def _proposals(ctx: Context, after: str) -> Iterator[ListedProposal]:
    for key, proposal in PROPOSALS.scan(ctx, start=(after,), limit=limits.ALL_ROWS):
        if str(key[0]) != after:
            yield ListedProposal(id=str(key[0]), proposal=proposal)


def _not_ended(ctx: Context, after: str) -> Iterator[ListedProposal]:
    names = sorted(str(key[1]) for key, _ in OPEN.scan(ctx, limit=limits.ALL_ROWS))
    for name in names:
        found = PROPOSALS.get(ctx, (name,)) if name > after else None
        if found is not None:
            yield ListedProposal(id=name, proposal=found)


def proposal(ctx: Context, proposal: Id) -> Proposal | None:
    """A proposal."""
    return PROPOSALS.get(ctx, (proposal,))


def votes(ctx: Context, proposal: Id, after: OptionalId = "", limit: Natural = 0) -> list[CastBallot]:
    """Votes on a proposal, by member."""
    rows = BALLOTS.scan(ctx, (proposal,), start=(proposal, after), limit=limits.ALL_ROWS)
    cast = ((str(key[1]), ballot) for key, ballot in rows)
    return _listed((CastBallot(member=name, ballot=ballot) for name, ballot in cast if name != after), limit)


def keys_of(
    ctx: Context, member: MemberId, after: OptionalId = "", limit: Natural = 0
) -> list[tuple[str, Key]]:
    """Keys of a member by id, those that ended as well."""
    rows = KEYS.scan(ctx, (member,), start=(member, after), limit=limits.ALL_ROWS)
    return _listed(((str(key[1]), record) for key, record in rows if str(key[1]) != after), limit)


def keys_expiring(
    ctx: Context, days: Natural, member: OptionalId = "", limit: Natural = 0
) -> list[KeyExpiry]:
    """Keys, of a member or of all, that are good now and expire within so many days, the first first."""
    until_ms = ctx.time_ms + days * limits.DAY_MS
    rows = KEYS.scan(ctx, (member,) if member else (), limit=limits.ALL_ROWS)
    found = [
        KeyExpiry(
            member=str(at[0]), key=str(at[1]), holder=key.holder, kind=key.kind, expires_ms=key.expires_ms
        )
        for at, key in rows
        if not key.revoked_ms and ctx.time_ms < key.expires_ms <= until_ms
    ]
    in_order = sorted(found, key=lambda each: (each.expires_ms, each.member, each.key))
    return _listed(iter(in_order), limit)


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


def validators(ctx: Context) -> list[ListedValidator]:
    """Seats among the validators, by member; none on a chain with an operator."""
    return [
        ListedValidator(
            member=member,
            address=address(seat.public),
            public=seat.public,
            power=seat.power if seat.status == "active" else 0,
            status=seat.status,
            since=seat.since,
            fault=fault.fault if (fault := CONSENSUS_KEYS.get(ctx, (address(seat.public),))) else None,
        )
        for member, seat in validator_set.seats(ctx).items()
    ]


def consensus_keys(
    ctx: Context, member: OptionalId = "", after: OptionalId = "", limit: Natural = 0
) -> list[ListedKey]:
    """Consensus keys of all times, of a member or of all, by address, those that ended as well."""
    rows = CONSENSUS_KEYS.scan(ctx, start=(after,), limit=limits.ALL_ROWS)
    listed = (ListedKey(address=str(key[0]), key=record) for key, record in rows if str(key[0]) != after)
    return _listed((each for each in listed if member in ("", each.key.member)), limit)


def charter(ctx: Context) -> str:
    """SHA-256 of the charter, as the genesis file names it; "" where it names none."""
    record = CHARTER.get(ctx, ("charter",))
    return record.sha256 if record else ""


def active(ctx: Context) -> InForce:
    """What is in force for the next block, and what is scheduled after it."""
    height = ctx.height + 1
    later = ACTIVE.scan(ctx, start=(height + 1,), limit=limits.ALL_ROWS)
    return InForce(
        height=height,
        active=in_force(ctx.layer, height, ctx.rules),
        scheduled=tuple(FromHeight(height=int(key[0]), active=record) for key, record in later),
    )


def calendar_of(ctx: Context, member: MemberId, calendar: Id) -> CalendarRecord | None:
    """A published calendar."""
    return CALENDARS.get(ctx, (member, calendar))
