"""When a lease ends: earlier, later, and the settling of what is left."""

from hansa.apps.billing import interface as billing
from hansa.apps.leasing import booking, errors
from hansa.apps.leasing.errors_market import StillSublet, moment
from hansa.apps.leasing.lease_rules import (
    may_sublet,
    of_lessee,
    of_lessor,
    of_party,
)
from hansa.apps.leasing.messages import (
    AgreeDamage,
    ClaimDamage,
    ClaimDeposit,
    Close,
    Damage,
    EndEarly,
    Extend,
    Ground,
    Lease,
    Motion,
    MotionKind,
    WithdrawDamage,
)
from hansa.apps.leasing.messages_market import Slot
from hansa.apps.leasing.messages_told import (
    Closed,
    DamageAgreed,
    DamageClaimed,
    DamageWithdrawn,
    DepositClaimed,
    EndedEarly,
    Extended,
    Moved,
)
from hansa.apps.leasing.reservations import give_up
from hansa.apps.leasing.signing import give_back, is_open, undo
from hansa.apps.leasing.tables import RESERVATIONS
from hansa.apps.leasing.tables_life import DAMAGES, HANDOVERS, LEASES, MOTIONS
from hansa.apps.money import interface as money
from hansa.kernel import Context, limits, replace, since


@since(2)
def end_early(ctx: Context, a: EndEarly) -> None:
    # Checks, cheapest first.
    lease = of_party(ctx, a.lease, "signed", "running")
    if not max(ctx.time_ms, lease.start_ms + 1) <= a.to_ms < lease.end_ms:
        raise errors.EndTime(lease=a.lease)
    _check_ground(ctx, a, lease)
    if a.ground == "agreed" and not _both_say(ctx, a.lease, "end", a.to_ms):
        return

    # Writes and events.
    if lease.state == "signed":
        undo(ctx, a.lease, lease, "")
        return
    if a.ground == "default":
        _end_below(ctx, a.lease, lease, a.to_ms)
    _end(ctx, a.lease, lease, a.to_ms, a.ground)


@since(2)
def extend(ctx: Context, a: Extend) -> None:
    # Checks, cheapest first.
    lease = of_party(ctx, a.lease, "running")
    if not ctx.time_ms < lease.end_ms < a.to_ms:
        raise errors.ExtendTime(lease=a.lease)
    terms = lease.terms
    if terms.head:
        may_sublet(ctx, terms.head, terms.lessor, lease.end_ms, a.to_ms, terms.lessee)
    own_wish = ctx.member == terms.lessee and a.to_ms <= terms.to_ms + terms.extension_ms
    # Who does not pay stays no longer by its own wish alone.
    own_wish = own_wish and not billing.has_overdue(ctx, a.lease)
    if not own_wish and not _both_say(ctx, a.lease, "extend", a.to_ms):
        return

    # Writes: the calendar refuses what is taken, and then nothing of this was.
    booking.move_end(ctx, a.lease, a.to_ms)
    billing.extend(ctx, a.lease, a.to_ms)
    _move_end(ctx, a.lease, lease, a.to_ms)

    # Events.
    ctx.emit(Extended(lease=a.lease, to_ms=a.to_ms))


def _check_ground(ctx: Context, a: EndEarly, lease: Lease) -> None:
    """By notice as the lease provides, or by the lessor after a default; together always."""
    if a.ground == "agreed":
        return
    if lease.state != "running":
        raise errors.WrongState(lease=a.lease, state=lease.state)
    if a.ground == "notice":
        notice_ms = lease.terms.early_end_notice_ms
        if not notice_ms or a.to_ms < ctx.time_ms + notice_ms:
            raise errors.NoticeShort(lease=a.lease, notice_ms=notice_ms)
        return
    of_lessor(ctx, a.lease, "running")
    since_ms = lease.suspended_from_ms
    long = 0 < since_ms <= ctx.time_ms - limits.DEFAULT_AFTER_MS
    if not long or not billing.has_overdue(ctx, a.lease):
        raise errors.NoDefault(lease=a.lease, days=limits.DEFAULT_AFTER_MS // limits.DAY_MS)


def _end(ctx: Context, name: str, lease: Lease, to_ms: int, ground: Ground) -> None:
    """A lease that runs ends earlier."""
    booking.move_end(ctx, name, to_ms)
    billing.end_early(ctx, name, to_ms)
    _move_end(ctx, name, lease, to_ms)
    ctx.emit(EndedEarly(lease=name, to_ms=to_ms, ground=ground))


def _end_below(ctx: Context, name: str, lease: Lease, to_ms: int) -> None:
    """What a lessee in default has sublet beyond an instant ends with its lease, the farthest below first.

    Else it could sublet to a friend, and stay for ever. A sublease that runs ends at the instant; one that is
    not handed over is void, by its lessor's fault; a reservation is given up. Raises StillSublet.
    """
    for below in reversed(_below(ctx, name, lease, to_ms)):
        found, reservation = LEASES.get(ctx, (below,)), RESERVATIONS.get(ctx, (below,))
        if found is not None and found.state == "running":
            _end(ctx, below, found, to_ms, "default")
        elif found is not None and found.state == "signed":
            undo(ctx, below, found, found.terms.lessor)
        elif reservation is not None:
            give_up(ctx, below, reservation)


def _below(ctx: Context, name: str, lease: Lease, to_ms: int) -> list[str]:
    """All that takes time of a lease from an instant on, and of what goes with it; the farthest last."""
    found: list[str] = []
    levels = [(name, to_ms)]
    while levels:
        level, from_ms = levels.pop(0)
        rest = Slot(lease.terms.asset_owner, lease.terms.asset, level, from_ms, lease.end_ms)
        for _, booked in booking.bookings(ctx, rest):
            if len(found) == limits.ENDED_BELOW_MAX:
                raise StillSublet(by=name, other=booked.by, end=moment(booked.to_ms))
            child = LEASES.get(ctx, (booked.by,))
            runs = child is not None and child.state == "running"
            found.append(booked.by)
            levels.append((booked.by, to_ms if runs else ctx.time_ms))
    return found


def _move_end(ctx: Context, name: str, lease: Lease, to_ms: int) -> None:
    """The end is another now, and what either party wanted of the old one is of yesterday."""
    LEASES.put(ctx, (name,), replace(lease, end_ms=to_ms))
    for kind in ("end", "extend"):
        if MOTIONS.get(ctx, (name, kind)) is not None:
            MOTIONS.delete(ctx, (name, kind))


def _both_say(ctx: Context, name: str, kind: MotionKind, to_ms: int) -> bool:
    """Whether the other party has said the same; if not, what the signer says is noted."""
    motion = MOTIONS.get(ctx, (name, kind))
    if motion is not None and motion.by != ctx.member and motion.to_ms == to_ms:
        return True
    MOTIONS.put(ctx, (name, kind), Motion(by=ctx.member, to_ms=to_ms))
    ctx.emit(Moved(lease=name, kind=kind, by=ctx.member, to_ms=to_ms))
    return False


# After the return.


@since(2)
def claim_damage(ctx: Context, a: ClaimDamage) -> None:
    # Checks, cheapest first.
    lease = of_lessor(ctx, a.lease, "returned")
    if ctx.time_ms > lease.returned_ms + limits.DAMAGE_OPEN_MAX_MS:
        raise errors.DamageLate(lease=a.lease, days=limits.DAMAGE_OPEN_MAX_MS // limits.DAY_MS)
    claimed = list(DAMAGES.scan(ctx, (a.lease,), limit=limits.DAMAGES_MAX))
    if len(claimed) == limits.DAMAGES_MAX or DAMAGES.get(ctx, (a.lease, a.damage)) is not None:
        raise errors.DamageTaken(lease=a.lease, damage=a.damage, limit=limits.DAMAGES_MAX)
    _check_shown(ctx, a)

    # Writes.
    damage = Damage(amount_minor=a.amount_minor, items=a.items, photos=a.photos, state="claimed")
    DAMAGES.put(ctx, (a.lease, a.damage), damage)

    # Events.
    ctx.emit(
        DamageClaimed(
            lease=a.lease, damage=a.damage, currency=lease.terms.currency, amount_minor=a.amount_minor
        )
    )


@since(2)
def agree_damage(ctx: Context, a: AgreeDamage) -> None:
    # Checks.
    lease = of_lessee(ctx, a.lease, "returned")
    damage = _claimed(ctx, a.lease, a.damage)
    if damage.amount_minor != a.amount_minor:
        raise errors.DamageAmount(damage=a.damage, amount_minor=damage.amount_minor)

    # Writes.
    terms = lease.terms
    obligation = money.name_of(a.lease, "damage", a.damage)
    money.owe(
        ctx,
        obligation,
        money.Owed(
            debtor=terms.lessee,
            creditor=terms.lessor,
            currency=terms.currency,
            amount_minor=a.amount_minor,
            due_ms=ctx.time_ms,
            cause="damages",
            subject=a.lease,
            mode=terms.mode,
            bank=terms.bank,
        ),
    )
    DAMAGES.put(ctx, (a.lease, a.damage), replace(damage, state="agreed", obligation=obligation))

    # Events.
    ctx.emit(DamageAgreed(lease=a.lease, damage=a.damage, obligation=obligation))


@since(2)
def withdraw_damage(ctx: Context, a: WithdrawDamage) -> None:
    # Checks.
    of_lessor(ctx, a.lease, "returned")
    damage = _claimed(ctx, a.lease, a.damage)

    # Writes.
    DAMAGES.put(ctx, (a.lease, a.damage), replace(damage, state="withdrawn"))

    # Events.
    ctx.emit(DamageWithdrawn(lease=a.lease, damage=a.damage))


@since(2)
def claim_deposit(ctx: Context, a: ClaimDeposit) -> None:
    # Checks, cheapest first. An obligation is what is owed undisputed; overdue, it is in default.
    lease = of_lessor(ctx, a.lease, "running", "returned")
    deposit = money.name_of(a.lease, "security_deposit")
    if not is_open(ctx, deposit) or money.subject_of(ctx, a.obligation) != a.lease:
        raise errors.NoDefaultOfPayment(obligation=a.obligation, lease=a.lease)
    if not money.is_overdue(ctx, a.obligation):
        raise errors.NoDefaultOfPayment(obligation=a.obligation, lease=a.lease)

    # Writes: money refuses what others owe, and what is owed to others.
    claimed_minor = money.claim_fund(ctx, deposit, a.amount_minor, a.obligation)
    if not claimed_minor:
        raise errors.NoDefaultOfPayment(obligation=a.obligation, lease=a.lease)

    # Events.
    ctx.emit(
        DepositClaimed(
            lease=a.lease,
            obligation=a.obligation,
            currency=lease.terms.currency,
            amount_minor=claimed_minor,
        )
    )


@since(2)
def close(ctx: Context, a: Close) -> None:
    # Checks, cheapest first.
    lease = of_party(ctx, a.lease, "returned")
    _check_damages(ctx, a.lease, lease)
    if not billing.statements_settled(ctx, a.lease):
        raise errors.Unsettled(lease=a.lease)

    # Writes.
    give_back(ctx, a.lease, "prepayment")
    give_back(ctx, a.lease, "security_deposit")
    LEASES.put(ctx, (a.lease,), replace(lease, state="closed", suspended_from_ms=0))

    # Events.
    ctx.emit(Closed(lease=a.lease))


def _check_damages(ctx: Context, name: str, lease: Lease) -> None:
    """What is agreed, and so due, is paid; what is claimed holds the lease open for its time only."""
    late = ctx.time_ms > lease.returned_ms + limits.DAMAGE_OPEN_MAX_MS
    for key, damage in DAMAGES.scan(ctx, (name,), limit=limits.DAMAGES_MAX):
        if damage.state == "claimed" and not late:
            days = limits.DAMAGE_OPEN_MAX_MS // limits.DAY_MS
            raise errors.DamageOpen(lease=name, damage=str(key[1]), days=days)
        if damage.state == "agreed" and money.is_overdue(ctx, damage.obligation):
            raise errors.Unsettled(clause=str(key[1]), lease=name)


def _claimed(ctx: Context, name: str, damage: str) -> Damage:
    found = DAMAGES.get(ctx, (name, damage))
    if found is None or found.state != "claimed":
        raise errors.DamageUnknown(lease=name, damage=damage)
    return found


def _check_shown(ctx: Context, a: ClaimDamage) -> None:
    """Items of the checklist, photos of either handover."""
    reports = [HANDOVERS.get(ctx, (a.lease, direction)) for direction in ("in", "out")]
    items = [item for report in reports if report is not None for item in report.items]
    names = [item.item for item in items]
    for name in a.items:
        if name not in names:
            raise errors.ItemsUnfit(clause=name, item=name)
    photos = [photo for item in items for photo in item.photos]
    for photo in a.photos:
        if photo not in photos:
            raise errors.PhotoUnknown(clause=photo[:12], photo=photo[:12])
