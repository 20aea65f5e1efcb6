"""The room put together, and founding, calendars, attests. Members, keys, votes, approvals have modules."""

from hansa.apps.consortium import errors, errors_members, errors_validators, errors_votes, queries
from hansa.apps.consortium.approvals import (
    approve,
    expire_held,
    hold,
    reject,
    remove_approval,
    set_approval,
)
from hansa.apps.consortium.calendars import check_calendar
from hansa.apps.consortium.cosigning import founding_set
from hansa.apps.consortium.key_rules import (
    add_key,
    check_key,
    manages,
    recover,
    register_key,
    revoke_key,
)
from hansa.apps.consortium.members import check_active, check_company, leave, place_member, update_member
from hansa.apps.consortium.messages import (
    Attest,
    CalendarPublished,
    CalendarRecord,
    Charter,
    Company,
    CosignersChanged,
    Genesis,
    GenesisKey,
    GenesisMember,
    KeyAdded,
    KeyOwner,
    KeyRegistered,
    KeyRevokedEvent,
    MemberAdmitted,
    MemberUpdated,
    MemberV1,
    Parameter,
    ParameterChanged,
    PublishCalendar,
    StatusChanged,
)
from hansa.apps.consortium.messages_approvals import (
    ApprovalRemoved,
    ApprovalSet,
    Approved,
    CarriedOut,
    Held,
    HeldEnded,
    Rejected,
)
from hansa.apps.consortium.messages_parked import ParkedSettled
from hansa.apps.consortium.messages_validators import DoubleSigned, ValidatorsChanged
from hansa.apps.consortium.messages_votes import (
    ActivationScheduled,
    Objected,
    ProposalAnnounced,
    ProposalEnded,
    ProposalMade,
    VoteCast,
)
from hansa.apps.consortium.parameters import check_parameter
from hansa.apps.consortium.parked import discard_parked, parked, retry_parked
from hansa.apps.consortium.succession import alone, succeed
from hansa.apps.consortium.tables import (
    APPROVAL_RULES,
    BALLOTS,
    CALENDARS,
    CHARTER,
    CONSENSUS_KEYS,
    COSIGNERS,
    HELD,
    HELD_ACTIONS,
    MEMBERS,
    OPEN,
    PARAMETERS,
    PROPOSALS,
    PUBLICS,
    REGISTRATIONS,
    VALIDATORS,
)
from hansa.apps.consortium.validating import accuse, found_validators, rotate_consensus_key, tick
from hansa.apps.consortium.votes import (
    come_into_force,
    expire_proposal,
    object_to,
    propose,
    vote,
    withdraw,
)
from hansa.kernel import ED25519, KEYS, Attested, Context, DueDropped, Key, Room, is_public_key, limits


def found(ctx: Context, genesis: Genesis) -> None:
    """Lay down what the consortium starts with. Runs once, before the first block."""
    founders = [member.id for member in genesis.members]
    if genesis.is_network:
        _check_network(ctx, genesis, founders)
    elif genesis.operator not in founders or not all(member.keys for member in genesis.members):
        raise errors.GenesisIncomplete(operator=genesis.operator)
    elif not is_public_key(genesis.node_public):
        raise errors.KeyInvalid()
    for member in genesis.members:
        if ctx.rules == 1:
            _found_member_of_rules_1(ctx, member)
        else:
            _found_member(ctx, member)
    if ctx.rules >= 2:
        _found_terms(ctx, genesis, founders)


def _check_network(ctx: Context, genesis: Genesis, founders: list[str]) -> None:
    embedded = genesis.operator or genesis.node_public or genesis.cosigners or genesis.quorum
    if embedded or ctx.rules < 2:
        raise errors_validators.GenesisMixed()
    for each in genesis.validators:
        if each.member not in founders:
            raise errors_validators.ValidatorsInvalid(
                limit=limits.VALIDATORS_MAX, most=limits.VALIDATOR_POWER_MAX, member=each.member
            )


def _found_member_of_rules_1(ctx: Context, member: GenesisMember) -> None:
    record = MemberV1(
        name_zh=member.name_zh, name_en=member.name_en, register_id=member.register_id, role=member.role
    )
    MEMBERS.insert(ctx, (member.id,), record)  # type: ignore[arg-type]  # as that version stored it
    for key in member.keys:
        check_key(ctx, key.public, key.kind, key.scopes, key.expires_ms)
        KEYS.insert(ctx, (member.id, key.id), _founding_key(key))


def _found_member(ctx: Context, member: GenesisMember) -> None:
    if member.registration is None:
        raise errors_members.RegistrationUnchecked()
    if not member.size:
        raise errors_members.SizeMissing()
    company = Company(
        name_zh=member.name_zh,
        name_en=member.name_en,
        registration=member.registration,
        size=member.size,
        roles=member.roles,
        licences=member.licences,
        node_url=member.node_url,
        cosigner_url=member.cosigner_url,
    )
    check_company(ctx, member.id, company)
    place_member(ctx, member.id, company)
    for key in member.keys:
        check_key(ctx, key.public, key.kind, key.scopes, key.expires_ms)
        owner = PUBLICS.get(ctx, (key.public.hex(),))
        if owner is not None:
            raise errors.PublicTaken(member=owner.member, key=owner.key)
        KEYS.insert(ctx, (member.id, key.id), _founding_key(key))
        PUBLICS.insert(ctx, (key.public.hex(),), KeyOwner(member=member.id, key=key.id))
    if not any(manages(key.scopes) for key in member.keys):
        raise errors.NoManagingKey(member=member.id)
    if sum(1 for key in member.keys if key.kind == "recovery") > 1:
        raise errors.KeysAtOnce(limit=limits.KEYS_AT_ONCE_MAX, revoked=limits.REVOKED_AT_ONCE_MAX)


def _found_terms(ctx: Context, genesis: Genesis, founders: list[str]) -> None:
    """Validators or cosigners; charter, parameters."""
    if genesis.is_network:
        found_validators(ctx, genesis)
    else:
        seats = founding_set(genesis)
        for cosigner in seats.cosigners:
            if cosigner.member not in founders:
                raise errors_votes.CosignersInvalid(limit=limits.COSIGNERS_MAX, member=cosigner.member)
        COSIGNERS.insert(ctx, (seats.since,), seats)
    if genesis.charter_sha256:
        CHARTER.insert(ctx, ("charter",), Charter(sha256=genesis.charter_sha256))
    for given in genesis.parameters:
        check_parameter(given.name, given.value)
        if PARAMETERS.get(ctx, (given.name,)) is not None:
            raise errors_votes.ParameterTwice(name=given.name)
        PARAMETERS.insert(ctx, (given.name,), Parameter(value=given.value))


def publish_calendar(ctx: Context, a: PublishCalendar) -> None:
    # Checks.
    if ctx.rules >= 2:
        check_active(ctx, ctx.member)
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


def _founding_key(key: GenesisKey) -> Key:
    return Key(
        suite=ED25519,
        public=key.public,
        holder=key.holder,
        kind=key.kind,
        scopes=key.scopes,
        expires_ms=key.expires_ms,
    )


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
    actions=[
        add_key,
        register_key,
        revoke_key,
        recover,
        update_member,
        leave,
        propose,
        vote,
        withdraw,
        object_to,
        set_approval,
        remove_approval,
        approve,
        reject,
        publish_calendar,
        attest,
        succeed,
        retry_parked,
        discard_parked,
        rotate_consensus_key,
        tick,
    ],
    due=[expire_proposal, come_into_force, expire_held],
    gates=[alone, hold],
    faults=accuse,
    queries=[
        queries.members,
        queries.member,
        queries.proposals,
        queries.proposal,
        queries.votes,
        queries.keys_of,
        queries.keys_expiring,
        queries.sequence,
        queries.approvals,
        queries.held,
        queries.parameters,
        queries.cosigners,
        queries.validators,
        queries.consensus_keys,
        queries.charter,
        queries.active,
        parked,
        queries.calendar_of,
    ],
    tables=[
        MEMBERS,
        REGISTRATIONS,
        PUBLICS,
        CALENDARS,
        COSIGNERS,
        VALIDATORS,
        CONSENSUS_KEYS,
        CHARTER,
        PARAMETERS,
        PROPOSALS,
        BALLOTS,
        OPEN,
        APPROVAL_RULES,
        HELD,
        HELD_ACTIONS,
    ],
    events=[
        KeyAdded,
        KeyRegistered,
        KeyRevokedEvent,
        MemberAdmitted,
        MemberUpdated,
        StatusChanged,
        CosignersChanged,
        ValidatorsChanged,
        DoubleSigned,
        ParameterChanged,
        ProposalMade,
        VoteCast,
        ProposalAnnounced,
        Objected,
        ProposalEnded,
        ActivationScheduled,
        ApprovalSet,
        ApprovalRemoved,
        Held,
        Approved,
        Rejected,
        CarriedOut,
        HeldEnded,
        CalendarPublished,
        ParkedSettled,
        DueDropped,
        Attested,
    ],
)
