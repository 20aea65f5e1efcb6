"""Keys of a member: registered with proof of possession, rotated, revoked, recovered.

A key may *manage* if its scope holds `consortium.register_key`; a member always keeps one that may. A
recovery key is out of reach of all others: whoever steals a daily key can neither end nor replace it.
"""

from collections.abc import Sequence

from hansa.apps.consortium import errors
from hansa.apps.consortium.messages import (
    AddKey,
    KeyAdded,
    KeyOwner,
    KeyRegistered,
    KeyRevokedEvent,
    NewKey,
    Recover,
    RegisterKey,
    RevokeKey,
)
from hansa.apps.consortium.tables import APPROVAL_RULES, HELD, PUBLICS
from hansa.kernel import (
    ED25519,
    KEYS,
    Context,
    Key,
    is_public_key,
    keys,
    limits,
    possession,
    replace,
    since,
    until,
)

MANAGE = "consortium.register_key"
RECOVER = "consortium.recover"
RECOVERY_SCOPES = (RECOVER,)


@until(1)
def add_key(ctx: Context, a: AddKey) -> None:
    # Checks, cheapest first.
    check_key(ctx, a.public, a.kind, a.scopes, a.expires_ms)
    _check_grants(ctx, a.scopes)
    if KEYS.get(ctx, (ctx.member, a.id)) is not None:
        raise errors.KeyTaken(key=a.id)

    # Writes.
    KEYS.insert(ctx, (ctx.member, a.id), _key(a))

    # Events.
    ctx.emit(KeyAdded(member=ctx.member, key=a.id, public=a.public))


@since(2)
def register_key(ctx: Context, a: RegisterKey) -> None:
    # Checks, cheapest first.
    if any(RECOVER in held.tags for _, held in HELD.scan(ctx, (ctx.member,))):
        raise errors.RecoveryWaits()  # Else whoever it shuts out would make itself another key in time.
    if a.overlap_ms > (limits.KEY_OVERLAP_MAX_MS if a.replaces else 0):
        raise errors.OverlapInvalid(days=limits.KEY_OVERLAP_MAX_MS // limits.DAY_MS)
    old = _replaced(ctx, a) if a.replaces else None
    new = replace(a.key, scopes=old.scopes) if old is not None and not a.key.scopes else a.key
    if new.kind == "recovery":
        _refuse_second_recovery(ctx, ctx.member, ())
    check_new_keys(ctx, ctx.member, (new,))
    _check_grants(ctx, new.scopes)
    if old is not None and manages(old.scopes) and not manages(new.scopes):
        _keep_managing(ctx, ctx.member, (a.replaces,))

    # Writes and events.
    until_ms = 0
    if old is not None:
        until_ms = min(old.expires_ms, ctx.time_ms + a.overlap_ms)
        KEYS.put(ctx, (ctx.member, a.replaces), replace(old, expires_ms=until_ms))
    if new.kind == "recovery":
        _bind_recovery(ctx, ctx.member)
    place_key(ctx, ctx.member, new, replaces=a.replaces, replaced_until_ms=until_ms)


def revoke_key(ctx: Context, a: RevokeKey) -> None:
    # Checks.
    key = KEYS.get(ctx, (ctx.member, a.id))
    if key is None:
        raise errors.KeyNotYours(key=a.id)
    if key.revoked_ms:
        return  # It is revoked; the first time stands.
    if ctx.rules >= 2:
        if key.kind == "recovery":
            raise errors.RecoveryKeyStays(member=ctx.member, key=a.id)
        if manages(key.scopes):
            _keep_managing(ctx, ctx.member, (a.id,))

    # Writes.
    KEYS.put(ctx, (ctx.member, a.id), replace(key, revoked_ms=ctx.time_ms))

    # Events.
    ctx.emit(KeyRevokedEvent(member=ctx.member, key=a.id))


@since(2)
def recover(ctx: Context, a: Recover) -> None:
    # Checks, cheapest first.
    ended = check_recover(ctx, ctx.member, ctx.key, a)

    # Writes and events.
    do_recover(ctx, ctx.member, ended, a)


def check_recover(ctx: Context, member: str, by: str, a: Recover) -> tuple[str, ...]:
    """Whether this can be done as signed by that key of the member; the keys that then end."""
    signer = KEYS.get(ctx, (member, by))
    if signer is None or signer.kind != "recovery":
        raise errors.RecoveryKeyOnly(key=by)
    renewed = any(key.kind == "recovery" for key in a.keys)
    if by in a.revoke and not renewed:
        raise errors.RecoveryKeyStays(member=member, key=by)
    if a.guarded and not (renewed and APPROVAL_RULES.get(ctx, (member,))):
        raise errors.RecoveryUnguarded()
    ended = (*a.revoke, by) if renewed else a.revoke
    check_recovery(ctx, member, ended, a.keys)
    return ended


def do_recover(ctx: Context, member: str, ended: Sequence[str], a: Recover) -> None:
    """Do what `check_recover` let pass."""
    if a.guarded:
        _bind_recovery(ctx, member)
    recover_keys(ctx, member, ended, a.keys)


def _bind_recovery(ctx: Context, member: str) -> None:
    """From here on a recovery needs as many holders as the approval rules demand now, if there are any."""
    rules = APPROVAL_RULES.get(ctx, (member,))
    if rules is not None:
        holders = max(rule.holders for rule in rules.rules)
        APPROVAL_RULES.put(ctx, (member,), replace(rules, recovery=holders))


# What admission and recovery by vote need as well.


def check_key(ctx: Context, public: bytes, kind: str, scopes: tuple[str, ...], expires_ms: int) -> None:
    """Whether a key can stand: its public key, lifetime, and scopes for its kind."""
    if not is_public_key(public):
        raise errors.KeyInvalid()
    if expires_ms <= ctx.time_ms:
        raise errors.KeyLifetime()
    if len(scopes) > limits.SCOPES_MAX:
        raise errors.ScopesTooMany(limit=limits.SCOPES_MAX)
    if kind == "recovery":
        if scopes != RECOVERY_SCOPES:
            raise errors.ScopeUnknown(scope=scopes[0] if scopes else "")
        return
    rooms = [f"{room.name}.*" for room in ctx.registry.rooms]
    for scope in scopes:
        # A device signs counter records, never transactions.
        if kind == "device" or not (scope == "*" or scope in rooms or scope in ctx.registry.tags):
            raise errors.ScopeUnknown(scope=scope)


def check_new_keys(ctx: Context, member: str, new: Sequence[NewKey]) -> None:
    """Whether keys can be registered for a member: each sound, new by id and by public key, and proved."""
    recovery = [key for key in new if key.kind == "recovery"]
    if not 1 <= len(new) <= limits.KEYS_AT_ONCE_MAX or len(recovery) > 1:
        raise errors.KeysAtOnce(limit=limits.KEYS_AT_ONCE_MAX, revoked=limits.REVOKED_AT_ONCE_MAX)
    ids: dict[str, None] = {}
    publics: dict[bytes, str] = {}
    for key in new:
        check_key(ctx, key.public, key.kind, key.scopes, key.expires_ms)
        if key.id in ids or KEYS.get(ctx, (member, key.id)) is not None:
            raise errors.KeyTaken(key=key.id)
        owner = PUBLICS.get(ctx, (key.public.hex(),))
        if owner is not None:
            raise errors.PublicTaken(member=owner.member, key=owner.key)
        if key.public in publics:
            raise errors.PublicTaken(member=member, key=publics[key.public])
        ids[key.id] = None
        publics[key.public] = key.id
    # A signature costs most.
    for key in new:
        if not ctx.verified(
            key.public, ED25519, key.proof, possession(ctx.chain, member, key.id, key.public)
        ):
            raise errors.ProofInvalid(key=key.id)


def check_first_keys(ctx: Context, member: str, new: Sequence[NewKey]) -> None:
    """As `check_new_keys`, and one of them may manage keys."""
    check_new_keys(ctx, member, new)
    if not any(manages(key.scopes) for key in new):
        raise errors.NoManagingKey(member=member)


def check_recovery(ctx: Context, member: str, ended: Sequence[str], new: Sequence[NewKey]) -> None:
    """Whether these keys can end and those begin: a managing key is left, and at most one recovery key."""
    if len(ended) > limits.REVOKED_AT_ONCE_MAX:
        raise errors.KeysAtOnce(limit=limits.KEYS_AT_ONCE_MAX, revoked=limits.REVOKED_AT_ONCE_MAX)
    for name in ended:
        if KEYS.get(ctx, (member, name)) is None:
            raise errors.KeyNotYours(key=name)
    if any(key.kind == "recovery" for key in new):
        _refuse_second_recovery(ctx, member, ended)
    check_new_keys(ctx, member, new)
    if not any(manages(key.scopes) for key in new):
        _keep_managing(ctx, member, ended)


def recover_keys(
    ctx: Context, member: str, ended: Sequence[str], new: Sequence[NewKey], proposal: str = ""
) -> None:
    """End and register keys that `check_recovery` let pass."""
    for name in dict.fromkeys(ended):
        key = KEYS.get(ctx, (member, name))
        assert key is not None
        if not key.revoked_ms:
            KEYS.put(ctx, (member, name), replace(key, revoked_ms=ctx.time_ms))
            ctx.emit(KeyRevokedEvent(member=member, key=name, proposal=proposal))
    for key_to_place in new:
        place_key(ctx, member, key_to_place, proposal=proposal)


def place_key(
    ctx: Context,
    member: str,
    new: NewKey,
    *,
    replaces: str = "",
    replaced_until_ms: int = 0,
    proposal: str = "",
) -> None:
    """Write a key that was checked, and show it."""
    KEYS.insert(ctx, (member, new.id), _key(new))
    PUBLICS.insert(ctx, (new.public.hex(),), KeyOwner(member=member, key=new.id))
    ctx.emit(
        KeyRegistered(
            member=member,
            key=new.id,
            public=new.public,
            holder=new.holder,
            kind=new.kind,
            scopes=new.scopes,
            expires_ms=new.expires_ms,
            replaces=replaces,
            replaced_until_ms=replaced_until_ms,
            proposal=proposal,
        )
    )


def is_current(ctx: Context, key: Key) -> bool:
    """Whether a key may sign now."""
    return not key.revoked_ms and ctx.time_ms < key.expires_ms


def _replaced(ctx: Context, a: RegisterKey) -> Key:
    """The key that is rotated: the member's own, still good, of the same kind and holder, no narrower."""
    if KEYS.get(ctx, (ctx.member, a.replaces)) is None:
        raise errors.KeyNotYours(key=a.replaces)
    old = keys.current(ctx, ctx.member, a.replaces)
    within = all(scope in old.scopes or keys.in_scope(old.scopes, scope) for scope in a.key.scopes)
    if (a.key.kind, a.key.holder) != (old.kind, old.holder) or not within:
        raise errors.RotationDiffers(key=a.replaces)
    return old


def _check_grants(ctx: Context, scopes: tuple[str, ...]) -> None:
    """A key grants no more than it holds."""
    signer = KEYS.get(ctx, (ctx.member, ctx.key))
    assert signer is not None
    for scope in scopes:
        if not keys.in_scope(signer.scopes, scope):
            raise errors.ScopeBeyondOwn(scope=scope)


def manages(scopes: tuple[str, ...]) -> bool:
    """Whether a key of these scopes may manage keys; no device's and no recovery key has such."""
    return keys.in_scope(scopes, MANAGE)


def _keep_managing(ctx: Context, member: str, ended: Sequence[str]) -> None:
    """Refuse what would leave the member without a key that may manage keys."""
    for row, key in KEYS.scan(ctx, (member,), limit=limits.ALL_ROWS):
        if str(row[1]) not in ended and manages(key.scopes) and is_current(ctx, key):
            return
    raise errors.NoManagingKey(member=member)


def _refuse_second_recovery(ctx: Context, member: str, ended: Sequence[str]) -> None:
    for row, key in KEYS.scan(ctx, (member,), limit=limits.ALL_ROWS):
        if key.kind == "recovery" and str(row[1]) not in ended and is_current(ctx, key):
            raise errors.RecoveryKeyStays(member=member, key=str(row[1]))


def _key(new: NewKey | AddKey) -> Key:
    return Key(
        suite=ED25519,
        public=new.public,
        holder=new.holder,
        kind=new.kind,
        scopes=new.scopes,
        expires_ms=new.expires_ms,
    )
