"""Approval rules (rule 7): a transaction waits until enough different holders of the member stand for it.

What would undo a rule (taking it away, making it weaker, new persons' or recovery keys, leaving) itself needs
as many holders as the strictest rule of the member: else one stolen key would undo them all.

A recovery is held only where the recovery key was bound to the rules, with the holders' consent or its own;
and then it is done once enough holders approve, or after a notice, unless two holders reject it. So whoever
has stolen one daily key can neither bar it by rules of its own, nor reject it, nor outlive it by ending other
keys.
"""

import typing
from collections.abc import Iterator, Sequence

from hansa.apps.consortium import errors as keys_errors
from hansa.apps.consortium import errors_approvals as errors
from hansa.apps.consortium.key_rules import RECOVER, check_recover, do_recover, is_current, manages
from hansa.apps.consortium.members import check_active
from hansa.apps.consortium.messages import Leave, Recover, RegisterKey
from hansa.apps.consortium.messages_approvals import (
    Approval,
    ApprovalRemoved,
    ApprovalRule,
    ApprovalRules,
    ApprovalSet,
    Approve,
    Approved,
    CarriedOut,
    Held,
    HeldActions,
    HeldEnded,
    HeldOutcome,
    HeldTransaction,
    Reject,
    Rejected,
    RemoveApproval,
    SetApproval,
)
from hansa.apps.consortium.messages_succession import Succeed
from hansa.apps.consortium.messages_validators import RotateConsensusKey, Tick
from hansa.apps.consortium.messages_votes import Object
from hansa.apps.consortium.parameters import parameter
from hansa.apps.consortium.tables import APPROVAL_RULES, HELD, HELD_ACTIONS
from hansa.kernel import (
    KEYS,
    Action,
    Context,
    Key,
    OverBudget,
    Refusal,
    action_tag,
    due,
    encode,
    keys,
    limits,
    replace,
    since,
)

PERSON = "person"
UNHELD = (Approve, Reject, Object, Tick)
"""What no rule holds: approving itself, the objection of whoever still has one good key, and a node's tick,
which has no effect of its own."""
SHOWN = 12
"""Characters of a transaction's hash that a text shows."""


@since(2)
def hold(ctx: Context, actions: Sequence[Action]) -> bool:
    """Gate: True if the member's rules hold this transaction back; it then lies there without effect."""
    rules = APPROVAL_RULES.get(ctx, (ctx.member,))
    if rules is None or any(isinstance(action, Succeed) for action in actions):
        return False
    recovery = any(isinstance(action, Recover) for action in actions)
    holders, days = _demanded(ctx, rules, actions)
    if holders < limits.APPROVAL_HOLDERS_MIN:
        return False

    # Checks.
    if any(isinstance(action, UNHELD) for action in actions):
        raise errors.ApprovalMixed()
    waiting = [row for row in HELD.scan(ctx, (ctx.member,)) if _is_recovery(row[1]) == recovery]
    if recovery:
        _check_lasting(ctx, actions)
    elif len(waiting) >= limits.HELD_MAX:
        raise errors.HeldTooMany(limit=limits.HELD_MAX)
    signer = keys.current(ctx, ctx.member, ctx.key)

    # Writes.
    for (_, earlier), replaced in waiting if recovery else ():
        _remove(ctx, ctx.member, str(earlier), replaced)
        _show_end(ctx, ctx.member, str(earlier), "replaced")
    at = (ctx.member, ctx.transaction)
    held = HeldTransaction(
        key=ctx.key,
        holder=signer.holder,
        holders=holders,
        tags=tuple(action_tag(type(action)) for action in actions),
        held_ms=ctx.time_ms,
        until_ms=ctx.time_ms + days * limits.DAY_MS,
    )
    HELD.insert(ctx, at, held)
    HELD_ACTIONS.insert(ctx, at, HeldActions(actions=tuple(encode(action) for action in actions)))
    due.at(ctx, held.until_ms, expire_held, ctx.member, *at, reserve=1 if recovery else 0)

    # Events.
    ctx.emit(
        Held(
            member=ctx.member,
            transaction=ctx.transaction,
            key=ctx.key,
            holder=held.holder,
            holders=holders,
            tags=held.tags,
            until_ms=held.until_ms,
        )
    )
    return True


@since(2)
def set_approval(ctx: Context, a: SetApproval) -> None:
    # Checks, cheapest first.
    check_active(ctx, ctx.member)
    rule = a.rule
    longest = parameter(ctx, "approval_days_max")
    if rule.days > longest:
        raise errors.ApprovalDays(limit=longest)
    _check_subject(ctx, rule)
    rules = APPROVAL_RULES.get(ctx, (ctx.member,)) or ApprovalRules(rules=())
    others = tuple(other for other in rules.rules if other.action != rule.action)
    if len(others) >= limits.APPROVAL_RULES_MAX:
        raise errors.ApprovalsTooMany(limit=limits.APPROVAL_RULES_MAX)
    present = len(dict.fromkeys(_holders(ctx)))
    most = min(limits.APPROVAL_HOLDERS_MAX, present)
    if not limits.APPROVAL_HOLDERS_MIN <= rule.holders <= most:
        raise errors.ApprovalHolders(
            least=limits.APPROVAL_HOLDERS_MIN, most=limits.APPROVAL_HOLDERS_MAX, present=present
        )

    # Writes.
    in_order = sorted((*others, rule), key=lambda each: each.action)
    APPROVAL_RULES.put(ctx, (ctx.member,), replace(rules, rules=tuple(in_order)))

    # Events.
    ctx.emit(ApprovalSet(member=ctx.member, rule=rule))


@since(2)
def remove_approval(ctx: Context, a: RemoveApproval) -> None:
    # Checks.
    rules = APPROVAL_RULES.get(ctx, (ctx.member,)) or ApprovalRules(rules=())
    others = tuple(rule for rule in rules.rules if rule.action != a.action)
    if len(others) == len(rules.rules):
        raise errors.ApprovalUnknown(action=a.action)

    # Writes.
    if others:
        APPROVAL_RULES.put(ctx, (ctx.member,), replace(rules, rules=others))
    else:
        APPROVAL_RULES.delete(ctx, (ctx.member,))

    # Events.
    ctx.emit(ApprovalRemoved(member=ctx.member, action=a.action))


@since(2)
def approve(ctx: Context, a: Approve) -> None:
    # Checks, cheapest first.
    held = _held(ctx, a.held)
    if ctx.time_ms >= held.until_ms:
        raise errors.HeldExpired()
    approver = _approver(ctx, held)
    if approver.holder == held.holder:
        raise errors.ApprovalByProposer(holder=approver.holder)
    # Who approved by a key that has been revoked since, or has expired, counts no more.
    standing = [given for given in held.approvals if _stands(ctx, given)]
    if any(given.holder == approver.holder for given in standing):
        raise errors.ApprovedAlready(holder=approver.holder)
    for tag in held.tags:
        if tag not in ctx.registry.tags:
            raise errors.HeldOutdated(action=tag)

    # Writes and events.
    own = Approval(key=ctx.key, holder=approver.holder, transaction=ctx.transaction)
    approvals = (*standing, own)
    ctx.emit(Approved(member=ctx.member, held=a.held, key=ctx.key, holder=approver.holder))
    stored = HELD_ACTIONS.get(ctx, (ctx.member, a.held))
    assert stored is not None
    if len(approvals) + _counts(ctx, held) < _needed(ctx, held, stored.actions):
        HELD.put(ctx, (ctx.member, a.held), replace(held, approvals=approvals))
        return
    keys.current(ctx, ctx.member, held.key)
    _remove(ctx, ctx.member, a.held, held)
    ctx.perform(stored.actions, held.key)
    ctx.emit(
        CarriedOut(member=ctx.member, held=a.held, key=held.key, holder=held.holder, approvals=approvals)
    )


@since(2)
def reject(ctx: Context, a: Reject) -> None:
    # Checks.
    held = _held(ctx, a.held)
    if _is_recovery(held):
        _reject_recovery(ctx, a.held, held)
        return
    own = ctx.key == held.key or _approver(ctx, held).holder == held.holder

    # Writes and events.
    _remove(ctx, ctx.member, a.held, held)
    _show_end(ctx, ctx.member, a.held, "withdrawn" if own else "rejected")


@since(2)
def expire_held(ctx: Context, member: str, transaction: str) -> None:
    """What nobody approved in time is gone; a recovery that stands is carried out."""
    held = HELD.get(ctx, (member, transaction))
    if held is None:
        return
    if _is_recovery(held):
        _recover_now(ctx, member, transaction, held)
        return
    _remove(ctx, member, transaction, held)
    _show_end(ctx, member, transaction, "expired")


# A recovery that is held.


def _is_recovery(held: HeldTransaction) -> bool:
    return RECOVER in held.tags


def _check_lasting(ctx: Context, actions: Sequence[Action]) -> None:
    """Whether a recovery can be done now, and hangs on nothing that may change meanwhile."""
    if len(actions) != 1 or not isinstance(actions[0], Recover):
        raise keys_errors.RecoveryAlone()
    check_recover(ctx, ctx.member, ctx.key, actions[0])
    # Else it would hang on another key, which may end.
    if not any(manages(key.scopes) for key in actions[0].keys):
        raise keys_errors.NoManagingKey(member=ctx.member)


def _reject_recovery(ctx: Context, name: str, held: HeldTransaction) -> None:
    """One holder more that is against it; the second one ends it."""
    if ctx.time_ms >= held.until_ms:
        raise errors.HeldExpired()
    holder = _approver(ctx, held).holder
    standing = [given for given in held.rejections if _stands(ctx, given)]
    if any(given.holder == holder for given in standing):
        raise errors.RejectedAlready(holder=holder)
    ctx.emit(Rejected(member=ctx.member, held=name, key=ctx.key, holder=holder))
    rejections = (*standing, Approval(key=ctx.key, holder=holder, transaction=ctx.transaction))
    if len(rejections) < limits.APPROVAL_HOLDERS_MIN:
        HELD.put(ctx, (ctx.member, name), replace(held, rejections=rejections))
        return
    _remove(ctx, ctx.member, name, held)
    _show_end(ctx, ctx.member, name, "rejected")


def _recover_now(ctx: Context, member: str, transaction: str, held: HeldTransaction) -> None:
    """Its notice is over. What can no longer be done has failed."""
    stored = HELD_ACTIONS.get(ctx, (member, transaction))
    assert stored is not None
    (data,) = stored.actions
    action = ctx.registry.decode_action(data)
    assert isinstance(action, Recover)
    _remove(ctx, member, transaction, held)
    try:
        signer = KEYS.get(ctx, (member, held.key))
        if signer is None or signer.revoked_ms:
            raise keys.KeyRevoked(member=member, key=held.key)
        ended = check_recover(ctx, member, held.key, action)
    except OverBudget:
        raise
    except Refusal as refusal:
        _show_end(ctx, member, transaction, "failed", refusal.code)
        return
    do_recover(ctx, member, ended, action)
    standing = tuple(given for given in held.approvals if _stands(ctx, given))
    ctx.emit(
        CarriedOut(member=member, held=transaction, key=held.key, holder=held.holder, approvals=standing)
    )


# What a rule demands.


def _needed(ctx: Context, held: HeldTransaction, actions: Sequence[bytes]) -> int:
    """Holders demanded when it was held, or now if that is more."""
    rules = APPROVAL_RULES.get(ctx, (ctx.member,))
    if rules is None:
        return held.holders
    decoded = [ctx.registry.decode_action(data) for data in actions]
    return max(held.holders, _demanded(ctx, rules, decoded)[0])


def _demanded(ctx: Context, record: ApprovalRules, actions: Sequence[Action]) -> tuple[int, int]:
    """(holders, days) of the strictest rule that any of the actions falls under; (0, 0) of none."""
    if any(isinstance(action, Recover) for action in actions):
        return min(record.recovery, _strictest(record)), parameter(ctx, "notice_days")
    holders, days = 0, 0
    undone = any(_undoes(record.rules, action) for action in actions)
    for rule in record.rules:
        applies = any(_falls_under(rule, action) for action in actions) and _exceeds(rule, actions)
        if rule.holders > holders and (applies or undone):
            holders, days = rule.holders, rule.days
    return holders, days


def _strictest(record: ApprovalRules) -> int:
    """Holders that the member's strictest rule demands; 0 where it has none."""
    return max((rule.holders for rule in record.rules), default=0)


def _falls_under(rule: ApprovalRule, action: Action) -> bool:
    tag = action_tag(type(action))
    return not isinstance(action, UNHELD) and rule.action in (tag, f"{tag.split('.')[0]}.*")


def _exceeds(rule: ApprovalRule, actions: Sequence[Action]) -> bool:
    """Whether the sum of the rule's field over the transaction is above its threshold."""
    if not rule.field:
        return True
    given = [
        getattr(action, rule.field, None) for action in actions if action_tag(type(action)) == rule.action
    ]
    known = [value for value in given if isinstance(value, int)]
    if len(known) < len(given):
        return True  # A newer version of the room has no such field: a rule that cannot be read holds.
    return sum(max(0, value) for value in known) > rule.above


def _undoes(rules: Sequence[ApprovalRule], action: Action) -> bool:
    """Whether an action could undo approval rules, or hand the member's vote on blocks to somebody else."""
    match action:
        case RemoveApproval() | Leave() | RotateConsensusKey():
            return True
        case RegisterKey():
            return action.key.kind in (PERSON, "recovery")
        case SetApproval():
            return any(_weaker(action.rule, old) for old in rules if old.action == action.rule.action)
        case _:
            return False


def _weaker(new: ApprovalRule, old: ApprovalRule) -> bool:
    """Whether a rule could let pass what the old one held."""
    same_field = new.field == old.field and new.above <= old.above
    return new.holders < old.holders or not (same_field or not new.field)


def _check_subject(ctx: Context, rule: ApprovalRule) -> None:
    """A rule is for an action or a room that exists, and not for approving itself."""
    kind = ctx.registry.tags.get(rule.action)
    rooms = [f"{room.name}.*" for room in ctx.registry.rooms]
    if kind in UNHELD or (kind is None and rule.action not in rooms):
        raise errors.ApprovalAction(action=rule.action)
    if not rule.field:
        if rule.above:
            raise errors.ApprovalField(action=rule.action, name=rule.field)
        return
    if kind is None or typing.get_type_hints(kind).get(rule.field) is not int:
        raise errors.ApprovalField(action=rule.action, name=rule.field)


# Who approves.


def _held(ctx: Context, transaction: str) -> HeldTransaction:
    held = HELD.get(ctx, (ctx.member, transaction))
    if held is None:
        raise errors.HeldUnknown(held=transaction[:SHOWN])
    return held


def _approver(ctx: Context, held: HeldTransaction) -> Key:
    """The signer's key, if it may decide on this: a person's, with scope for each held action."""
    key = keys.current(ctx, ctx.member, ctx.key)
    if key.kind != PERSON:
        raise errors.ApproverKind(key=ctx.key, kind=key.kind)
    for tag in held.tags:
        if not keys.in_scope(key.scopes, tag):
            raise errors.ApproverScope(key=ctx.key, action=tag)
    return key


def _stands(ctx: Context, given: Approval) -> bool:
    key = KEYS.get(ctx, (ctx.member, given.key))
    return key is not None and is_current(ctx, key)


def _counts(ctx: Context, held: HeldTransaction) -> int:
    """1 if the proposer is a holder that stands for it. A program is none: its holder is only a name."""
    key = KEYS.get(ctx, (ctx.member, held.key))
    return 1 if key is not None and key.kind in (PERSON, "recovery") else 0


def _holders(ctx: Context) -> Iterator[str]:
    """Holders of the member's persons' keys that are in force."""
    for _, key in KEYS.scan(ctx, (ctx.member,), limit=limits.ALL_ROWS):
        if key.kind == PERSON and is_current(ctx, key):
            yield key.holder


def _remove(ctx: Context, member: str, transaction: str, held: HeldTransaction) -> None:
    HELD.delete(ctx, (member, transaction))
    HELD_ACTIONS.delete(ctx, (member, transaction))
    due.drop(ctx, held.until_ms, expire_held, member, member, transaction)


def _show_end(ctx: Context, member: str, transaction: str, outcome: HeldOutcome, code: str = "") -> None:
    ctx.emit(HeldEnded(member=member, held=transaction, outcome=outcome, key=ctx.key, code=code))
