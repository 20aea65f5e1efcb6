"""The rules of membership in their smallest form: members and first keys from genesis, keys added and revoked
by their member, calendars published once and for ever, records shown on request."""

from hansa.apps.consortium import errors
from hansa.apps.consortium.calendars import check_calendar
from hansa.apps.consortium.messages import (
    AddKey,
    Attest,
    CalendarPublished,
    CalendarRecord,
    Genesis,
    KeyAdded,
    KeyRevokedEvent,
    Member,
    MemberV1,
    PublishCalendar,
    RevokeKey,
)
from hansa.apps.consortium.tables import CALENDARS, MEMBERS
from hansa.kernel import (
    KEYS,
    WINDOWS,
    Attested,
    Context,
    Id,
    Key,
    KeyId,
    MemberId,
    Room,
    is_public_key,
    keys,
    limits,
    replace,
)

ED25519 = 1


def found(ctx: Context, genesis: Genesis) -> None:
    """Lay down the members and keys that the consortium starts with. Runs once, before the first block."""
    founders = [member.id for member in genesis.members]
    if genesis.operator not in founders or not all(member.keys for member in genesis.members):
        raise errors.GenesisIncomplete(operator=genesis.operator)
    if not is_public_key(genesis.node_public):
        raise errors.KeyInvalid()
    for member in genesis.members:
        MEMBERS.insert(
            ctx,
            (member.id,),
            MemberV1(  # type: ignore[arg-type]
                name_zh=member.name_zh,
                name_en=member.name_en,
                register_id=member.register_id,
                role=member.role,
            ),
        )
        for key in member.keys:
            _check_key(ctx, key.public, key.kind, key.scopes, key.expires_ms)
            KEYS.insert(
                ctx, (member.id, key.id), _key(key.public, key.holder, key.kind, key.scopes, key.expires_ms)
            )


def add_key(ctx: Context, a: AddKey) -> None:
    # Checks, cheapest first.
    _check_key(ctx, a.public, a.kind, a.scopes, a.expires_ms)
    signer = KEYS.get(ctx, (ctx.member, ctx.key))
    assert signer is not None
    for scope in a.scopes:
        if not keys.in_scope(signer.scopes, scope):
            raise errors.ScopeBeyondOwn(scope=scope)
    if KEYS.get(ctx, (ctx.member, a.id)) is not None:
        raise errors.KeyTaken(key=a.id)

    # Writes.
    KEYS.insert(ctx, (ctx.member, a.id), _key(a.public, a.holder, a.kind, a.scopes, a.expires_ms))

    # Events.
    ctx.emit(KeyAdded(member=ctx.member, key=a.id, public=a.public))


def revoke_key(ctx: Context, a: RevokeKey) -> None:
    # Checks.
    key = KEYS.get(ctx, (ctx.member, a.id))
    if key is None:
        raise errors.KeyNotYours(key=a.id)
    if key.revoked_ms:
        return  # It is revoked; the first time stands.

    # Writes.
    KEYS.put(ctx, (ctx.member, a.id), replace(key, revoked_ms=ctx.time_ms))

    # Events.
    ctx.emit(KeyRevokedEvent(member=ctx.member, key=a.id))


def publish_calendar(ctx: Context, a: PublishCalendar) -> None:
    # Checks.
    check_calendar(a.calendar)
    if CALENDARS.get(ctx, (ctx.member, a.id)) is not None:
        raise errors.CalendarTaken(id=a.id)

    # Writes.
    CALENDARS.insert(ctx, (ctx.member, a.id), CalendarRecord(calendar=a.calendar))

    # Events.
    ctx.emit(CalendarPublished(member=ctx.member, id=a.id))


def attest(ctx: Context, a: Attest) -> None:
    # Checks.
    table = ctx.registry.tables.get(a.table)
    stored = None
    if table is not None and len(a.key) == len(table.key):
        key = _typed_key(a.key, table.integers)
        stored = None if key is None else table.stored(ctx, key)
    if stored is None:
        raise errors.RecordUnknown(table=a.table, key=".".join(a.key))

    # Events.
    ctx.emit(Attested(table=a.table, key=a.key, record=stored))


def members(ctx: Context) -> list[tuple[str, Member]]:
    """All members, by id."""
    return [(str(key[0]), member) for key, member in MEMBERS.scan(ctx)]


def sequence(ctx: Context, member: MemberId, key: KeyId) -> int:
    """Highest sequence number that a key has used, 0 before its first: a client goes on from there."""
    window = WINDOWS.get(ctx, (member, key))
    return window.highest if window else 0


def calendar_of(ctx: Context, member: MemberId, calendar: Id) -> CalendarRecord | None:
    """A published calendar."""
    return CALENDARS.get(ctx, (member, calendar))


def _key(public: bytes, holder: str, kind: str, scopes: tuple[str, ...], expires_ms: int) -> Key:
    return Key(suite=ED25519, public=public, holder=holder, kind=kind, scopes=scopes, expires_ms=expires_ms)


def _check_key(ctx: Context, public: bytes, kind: str, scopes: tuple[str, ...], expires_ms: int) -> None:
    if not is_public_key(public):
        raise errors.KeyInvalid()
    if expires_ms <= ctx.time_ms:
        raise errors.KeyLifetime()
    if len(scopes) > limits.SCOPES_MAX:
        raise errors.ScopesTooMany(limit=limits.SCOPES_MAX)
    rooms = [f"{room.name}.*" for room in ctx.registry.rooms]
    for scope in scopes:
        # A device signs counter records, never transactions.
        if kind == "device" or not (scope == "*" or scope in rooms or scope in ctx.registry.tags):
            raise errors.ScopeUnknown(scope=scope)


def _typed_key(parts: tuple[str, ...], integers: tuple[bool, ...]) -> tuple[str | int, ...] | None:
    """Key parts as the table has them, or None where a number is none or holds a byte that keys cannot."""
    out: list[str | int] = []
    for part, integer in zip(parts, integers, strict=True):
        if not part.isascii() or "\x00" in part:
            return None
        if not integer:
            out.append(part)
            continue
        digits = all("0" <= char <= "9" for char in part)
        if not digits or not 1 <= len(part) <= 16:
            return None
        out.append(int(part))
    return tuple(out)


ROOM = Room(
    "consortium",
    actions=[add_key, revoke_key, publish_calendar, attest],
    queries=[members, sequence, calendar_of],
    tables=[MEMBERS, CALENDARS],
    events=[KeyAdded, KeyRevokedEvent, CalendarPublished, Attested],
)
