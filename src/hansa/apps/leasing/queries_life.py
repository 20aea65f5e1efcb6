"""What can be asked of leases. A list has `limit` items, LISTED_MAX at most: go on `after` the last."""

from hansa.apps.leasing.lease_rules import under
from hansa.apps.leasing.messages import Breakdown, Consent, Damage, Handover, Lease, Motion
from hansa.apps.leasing.messages_told import Handovers, ListedLease
from hansa.apps.leasing.signing import draft_of as made_of
from hansa.apps.leasing.tables import RESERVATIONS
from hansa.apps.leasing.tables_life import BREAKDOWNS, CONSENTS, DAMAGES, HANDOVERS, LEASES, MOTIONS, PARTS
from hansa.apps.leasing.text_draft import Draft
from hansa.kernel import Context, Id, MemberId, OptionalId, Positive, limits

LISTED_MAX = limits.SCAN_MAX


def lease_of(ctx: Context, lease: Id) -> Lease | None:
    """A lease; None before its first signature."""
    return LEASES.get(ctx, (lease,))


def leases_of(
    ctx: Context, member: MemberId, after: OptionalId = "", limit: Positive = LISTED_MAX
) -> list[ListedLease]:
    """Leases of a member, as lessor or lessee, by their ids."""
    start = (member, after) if after else (member,)
    rows = PARTS.scan(ctx, (member,), start=start, limit=min(limit, LISTED_MAX) + 1)
    names = [str(key[1]) for key, _ in rows if str(key[1]) != after]
    found = [(name, LEASES.get(ctx, (name,))) for name in names[: min(limit, LISTED_MAX)]]
    return [ListedLease(id=name, lease=lease) for name, lease in found if lease is not None]


def subleases_of(ctx: Context, lease: Id) -> list[ListedLease]:
    """The direct subleases of a lease, by their start."""
    head = LEASES.get(ctx, (lease,))
    if head is None:
        return []
    return [ListedLease(id=name, lease=found) for name, found in under(ctx, lease, head)]


def draft_of(ctx: Context, lease: Id) -> Draft | None:
    """All that the text of a lease or reservation is made from, with the attachments signed so far."""
    reservation = RESERVATIONS.get(ctx, (lease,))
    if reservation is None:
        return None
    signed = LEASES.get(ctx, (lease,))
    return made_of(ctx, lease, reservation.terms, signed.attachments if signed else ())


def handovers_of(ctx: Context, lease: Id) -> Handovers:
    """Both handovers as last reported."""
    found: list[Handover | None] = [HANDOVERS.get(ctx, (lease, direction)) for direction in ("in", "out")]
    return Handovers(taken=found[0], given_back=found[1])


def consents_of(ctx: Context, lease: Id) -> list[tuple[str, Consent]]:
    """To sublease, by id."""
    rows = CONSENTS.scan(ctx, (lease,), limit=limits.CONSENTS_MAX)
    return [(str(key[1]), consent) for key, consent in rows]


def motions_of(ctx: Context, lease: Id) -> list[tuple[str, Motion]]:
    """What one party wants changed and the other has not said yet, by kind."""
    return [(str(key[1]), motion) for key, motion in MOTIONS.scan(ctx, (lease,))]


def breakdowns_of(
    ctx: Context, lease: Id, after: OptionalId = "", limit: Positive = LISTED_MAX
) -> list[tuple[str, Breakdown]]:
    """By id."""
    start = (lease, after) if after else (lease,)
    rows = BREAKDOWNS.scan(ctx, (lease,), start=start, limit=min(limit, LISTED_MAX) + 1)
    found = [(str(key[1]), each) for key, each in rows if str(key[1]) != after]
    return found[: min(limit, LISTED_MAX)]


def damages_of(ctx: Context, lease: Id) -> list[tuple[str, Damage]]:
    """By id."""
    rows = DAMAGES.scan(ctx, (lease,), limit=limits.DAMAGES_MAX)
    return [(str(key[1]), damage) for key, damage in rows]
