"""Members, keys, approvals, calendars, parked work: what companies do about themselves."""

from typing import Any

from hansa.apps.consortium.calendars import Calendar
from hansa.apps.consortium.messages import (
    Attest,
    Leave,
    Licence,
    NewKey,
    PublishCalendar,
    Recover,
    RegisterKey,
    RevokeKey,
    Role,
    UpdateMember,
)
from hansa.apps.consortium.messages_approvals import (
    ApprovalRule,
    Approve,
    Reject,
    RemoveApproval,
    SetApproval,
)
from hansa.apps.consortium.messages_parked import DiscardParked, RetryParked
from hansa.kernel import limits
from hansa.simulation.simulator.scenario import Send
from hansa.simulation.simulator.traffic.mind import FIRST_KEY, GATEWAY, Mind, Step

SIZES = ("large", "medium", "small", "micro")
ROLES: tuple[Role, ...] = ("lessor", "plant", "supplier", "carrier", "auditor", "research")
YEAR_MS = 366 * limits.DAY_MS
RULED = ("money.owe", "money.receive", "consortium.update_member", "consortium.revoke_key", "money.*")
"""What a member has several holders approve."""
MEMBERS_MIN = 4
"""As many stay active, whatever happens: else nobody would do anything any more."""


def new_key(mind: Mind, member: str, name: str, **fields: Any) -> NewKey:
    """A person's key for everything, unless the fields say otherwise."""
    public, proof = mind.proof(member, name)
    given: dict[str, Any] = {
        "id": name,
        "public": public,
        "holder": name,
        "kind": "person",
        "scopes": ("*",),
        "expires_ms": mind.soon_ms + YEAR_MS,
        "proof": proof,
    }
    return NewKey(**(given | fields))


def recovery_of(mind: Mind, member: str) -> str:
    """Name of a member's recovery key; "" where it has none."""
    return next(iter(mind.keys_of(member, "consortium.recover", "recovery")), "")


def register_key(mind: Mind) -> Send:
    member, name = mind.member(), mind.name("k")
    fields: dict[str, Any] = {}
    drawn = mind.random.random()
    if drawn < 0.25 and not recovery_of(mind, member):
        fields = {"kind": "recovery", "scopes": ("consortium.recover",)}
    elif drawn < 0.4:
        fields = {"kind": "device", "scopes": ()}
    elif drawn < 0.6:
        fields = {"scopes": mind.one((("money.*",), ("leasing.*", "billing.*"), ("consortium.*",)))}
    elif drawn < 0.7:
        fields = {"expires_ms": mind.soon_ms + mind.between(1, 48) * limits.HOUR_MS}
    elif drawn < 0.75:
        fields = {"kind": "worker", "scopes": ("consortium.*",)}
    return mind.send(member, RegisterKey(key=new_key(mind, member, name, **fields)))


def rotate_key(mind: Mind) -> Send | None:
    member = mind.member()
    found = mind.sure("kernel.keys", lambda key, row: key[0] == member and row.kind == "person")
    if found is None:
        return None
    (_, old), record = found
    fresh = new_key(mind, member, mind.name("k"), holder=record.holder, kind=record.kind, scopes=())
    overlap_ms = mind.between(1, 20) * limits.DAY_MS
    return mind.send(member, RegisterKey(key=fresh, replaces=str(old), overlap_ms=overlap_ms))


def revoke_key(mind: Mind) -> Send | None:
    found = mind.pick("kernel.keys", lambda key: key.kind != "recovery" and not key.revoked_ms)
    if found is None:
        return None
    member, name = map(str, found[0])
    spare = name not in (FIRST_KEY, GATEWAY) or mind.luck(0.05)
    return mind.send(member, RevokeKey(id=name)) if spare else None


def recover(mind: Mind) -> Send | None:
    member = mind.member()
    by = recovery_of(mind, member)
    if not by:
        return None
    lost = [str(key[1]) for key, row in mind.rows("kernel.keys").items() if key[0] == member]
    revoke = tuple(name for name in lost if name not in (by, GATEWAY) and mind.luck(0.3))
    fresh = [new_key(mind, member, mind.name("k"))]
    if mind.luck(0.3):
        kind: dict[str, Any] = {"kind": "recovery", "scopes": ("consortium.recover",)}
        fresh.append(new_key(mind, member, mind.name("k"), **kind))
    return mind.send(member, Recover(revoke=revoke, keys=tuple(fresh)), key=by)


def update_member(mind: Mind) -> Send:
    member = mind.member()
    found = mind.row("consortium.members", member)
    licences = found.licences if found else ()
    if mind.luck(0.3):
        licences = (*licences[:4], Licence(kind="finance_lease", sha256=mind.hash()))
    roles: tuple[Role, ...] = found.roles if found and found.roles else (mind.one(ROLES),)
    size: Any = mind.one(SIZES)
    url = mind.one(("", "", f"https://{member}.example"))
    return mind.send(member, UpdateMember(size=size, roles=roles, licences=licences, node_url=url))


def leave(mind: Mind) -> Send | None:
    active = [each for each in mind.active if each not in mind.founders]
    if len(mind.active) <= MEMBERS_MIN or not active or mind.luck(0.7):
        return None
    return mind.send(mind.one(active), Leave())


def set_approval(mind: Mind) -> Send | None:
    """Only where two holders are there to approve."""
    member = mind.one([each for each in mind.active if each != mind.founders[0]] or mind.active)
    if len(mind.keys_of(member, "consortium.approve")) < limits.APPROVAL_HOLDERS_MIN:
        return None
    action = mind.one(RULED)
    above = mind.between(0, 2_000) if action == "money.owe" else 0
    field = "amount_minor" if above else ""
    rule = ApprovalRule(action=action, holders=2, days=mind.between(1, 4), field=field, above=above)
    return mind.send(member, SetApproval(rule=rule))


def remove_approval(mind: Mind) -> Send | None:
    found = mind.pick("consortium.approval_rules")
    if found is None:
        return None
    return mind.send(str(found[0][0]), RemoveApproval(action=mind.one(found[1].rules).action))


def answer_held(mind: Mind) -> Send | None:
    """Another holder approves, or rejects."""
    found = mind.pick("consortium.held", lambda held: held.until_ms > mind.soon_ms)
    if found is None:
        return None
    (member, transaction), held = found
    tag = "consortium.approve"
    others = [
        name
        for name in mind.keys_of(str(member), tag)
        if mind.row("kernel.keys", str(member), name).holder != held.holder
    ]
    key = mind.one(others) if others else held.key
    action = Reject if mind.luck(0.2) else Approve
    return mind.send(str(member), action(held=str(transaction)), key=key)


def publish_calendar(mind: Mind) -> Send:
    return mind.send(mind.member(), PublishCalendar(id=mind.name("c"), calendar=calendar_of(mind)))


def calendar_of(mind: Mind) -> Calendar:
    """A year that reckons by UTC, with some holidays."""
    first = mind.now_ms // limits.DAY_MS - 2
    drawn = dict.fromkeys(first + mind.between(1, 30) for _ in range(3))
    days = tuple(sorted(drawn))
    return Calendar("UTC", first, first + 366, (first * limits.DAY_MS,), (0,), holiday_days=days)


ATTESTED = (
    "consortium.members",
    "kernel.keys",
    "money.obligations",
    "billing.agreements",
    "leasing.leases",
    "metering.heads",
)


def attest(mind: Mind) -> Send | None:
    table = mind.one(ATTESTED)
    found = mind.pick(table)
    if found is None:
        return None
    return mind.send(mind.member(), Attest(table=table, key=tuple(str(part) for part in found[0])))


def settle_parked(mind: Mind) -> Send | None:
    found = mind.pick("kernel.parked")
    if found is None:
        return None
    (due_ms, name), item = found
    action = mind.one((RetryParked, RetryParked, DiscardParked))
    return mind.send(mind.right(item.member), action(due_ms=int(due_ms), id=str(name)))


STEPS: tuple[tuple[int, Step], ...] = (
    (5, register_key),
    (2, rotate_key),
    (2, revoke_key),
    (3, recover),
    (3, update_member),
    (1, leave),
    (3, set_approval),
    (1, remove_approval),
    (8, answer_held),
    (1, publish_calendar),
    (6, attest),
    (4, settle_parked),
)
"""(weight, step)."""
