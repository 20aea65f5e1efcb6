"""Approval rules (rule 7): a transaction waits until enough different holders of the member stand for it.

What would undo a rule (taking it away, making it weaker, new persons' or recovery keys, a recovery, leaving)
itself needs as many holders as the strictest rule of the member: else one stolen key would undo them all.
And a rule must have stood for some days before it holds a recovery: else a thief would bar the way by one.
"""

import typing
from collections.abc import Iterator, Sequence

from hansa.apps.consortium import errors_approvals as errors
from hansa.apps.consortium.key_rules import is_current
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
    RemoveApproval,
    SetApproval,
)
from hansa.apps.consortium.parameters import parameter
from hansa.apps.consortium.tables import APPROVAL_RULES, HELD, HELD_ACTIONS
from hansa.kernel import (
    KEYS,
    Action,
    Context,
    Key,
    action_tag,
    due,
    encode,
    keys,
    limits,
    replace,
    since,
)

PERSON = "person"
SHOWN = 12
"""Characters of a transaction's hash that a text shows."""


@since(2)
def hold(ctx: Context, actions: Sequence[Action]) -> bool:
    """Gate: True if the member's rules hold this transaction back; it then lies there without effect."""
    rules = APPROVAL_RULES.get(ctx, (ctx.member,))
    if rules is None:
        return False
    holders, days = _demanded(ctx, rules, actions)
    if holders < limits.APPROVAL_HOLDERS_MIN:
        return False

    # Checks.
    if any(isinstance(action, Approve | Reject) for action in actions):
        raise errors.ApprovalMixed()
    if sum(1 for _ in HELD.scan(ctx, (ctx.member,))) >= limits.HELD_MAX:
        raise errors.HeldTooMany(limit=limits.HELD_MAX)
    signer = keys.current(ctx, ctx.member, ctx.key)

    # Writes.
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
    due.at(ctx, held.until_ms, expire_held, ctx.member, *at)

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
    risen_ms, before = rules.risen_ms, rules.before
    if rule.holders > _strictest(rules):
        risen_ms, before = ctx.time_ms, _settled(ctx, rules)
    APPROVAL_RULES.put(
        ctx, (ctx.member,), ApprovalRules(rules=tuple(in_order), risen_ms=risen_ms, before=before)
    )

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
    _remove(ctx, ctx.member, a.held)
    ctx.perform(stored.actions, held.key)
    ctx.emit(
        CarriedOut(member=ctx.member, held=a.held, key=held.key, holder=held.holder, approvals=approvals)
    )


@since(2)
def reject(ctx: Context, a: Reject) -> None:
    # Checks.
    held = _held(ctx, a.held)
    own = ctx.key == held.key or _approver(ctx, held).holder == held.holder

    # Writes and events.
    _remove(ctx, ctx.member, a.held)
    _show_end(ctx, ctx.member, a.held, "withdrawn" if own else "rejected")


@since(2)
def expire_held(ctx: Context, member: str, transaction: str) -> None:
    """What nobody approved in time is gone."""
    if HELD.get(ctx, (member, transaction)) is not None:
        _remove(ctx, member, transaction)
        _show_end(ctx, member, transaction, "expired")


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
    holders, days = 0, 0
    undone = any(_undoes(record.rules, action) for action in actions)
    for rule in record.rules:
        applies = any(_falls_under(rule, action) for action in actions) and _exceeds(rule, actions)
        if rule.holders > holders and (applies or undone):
            holders, days = rule.holders, rule.days
    if all(isinstance(action, Recover) for action in actions):
        holders = min(holders, _settled(ctx, record))
    return holders, days


def _strictest(record: ApprovalRules) -> int:
    """Holders that the member's strictest rule demands; 0 where it has none."""
    return max((rule.holders for rule in record.rules), default=0)


def _settled(ctx: Context, record: ApprovalRules) -> int:
    """The same as it was before rules that have not stood for long enough."""
    settles_ms = record.risen_ms + limits.APPROVAL_SETTLES_MS
    return record.before if record.risen_ms and ctx.time_ms < settles_ms else _strictest(record)


def _falls_under(rule: ApprovalRule, action: Action) -> bool:
    tag = action_tag(type(action))
    exempt = isinstance(action, Approve | Reject)
    return not exempt and rule.action in (tag, f"{tag.split('.')[0]}.*")


def _exceeds(rule: ApprovalRule, actions: Sequence[Action]) -> bool:
    """Whether the sum of the rule's field over the transaction is above its threshold."""
    if not rule.field:
        return True
    given = [getattr(action, rule.field) for action in actions if action_tag(type(action)) == rule.action]
    total: int = sum(max(0, value) for value in given)
    return total > rule.above


def _undoes(rules: Sequence[ApprovalRule], action: Action) -> bool:
    """Whether an action could undo approval rules."""
    match action:
        case RemoveApproval() | Recover() | Leave():
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
    if kind in (Approve, Reject) or (kind is None and rule.action not in rooms):
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
    for _, key in KEYS.scan(ctx, (ctx.member,), limit=limits.SCANNED_MAX):
        if key.kind == PERSON and is_current(ctx, key):
            yield key.holder


def _remove(ctx: Context, member: str, transaction: str) -> None:
    HELD.delete(ctx, (member, transaction))
    HELD_ACTIONS.delete(ctx, (member, transaction))


def _show_end(ctx: Context, member: str, transaction: str, outcome: HeldOutcome) -> None:
    ctx.emit(HeldEnded(member=member, held=transaction, outcome=outcome, key=ctx.key))
