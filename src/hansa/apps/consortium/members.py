"""Members: what they register of themselves, and whether they are active, suspended or gone.

Whoever is suspended or has left enters nothing new and does not vote: no agreement, tariff, calendar, device,
feed, approval rule, role or licence. What it is bound to goes on: it still records, settles, confirms,
replaces devices, looks after its keys, and says where its node answers. Nobody is suspended or leaves while
it operates or co-signs: its signature would count on. A validator loses its power with its status; the last
one keeps both.
"""

from collections.abc import Iterator

from hansa.apps.consortium import errors_members as errors
from hansa.apps.consortium import validators
from hansa.apps.consortium.messages import (
    Company,
    CosignerSet,
    Leave,
    Licence,
    Member,
    MemberUpdated,
    Registered,
    Registration,
    Status,
    StatusChanged,
    UpdateMember,
)
from hansa.apps.consortium.registration import check_registration
from hansa.apps.consortium.tables import COSIGNERS, MEMBERS, REGISTRATIONS
from hansa.kernel import Context, limits, replace, since


@since(2)
def update_member(ctx: Context, a: UpdateMember) -> None:
    # Checks.
    member = known(ctx, ctx.member)
    declared = (member.size, member.roles, member.licences)
    if (a.size, a.roles, a.licences) != declared:
        check_active(ctx, ctx.member)
    _check_roles(a.roles)
    _check_licences(a.licences)

    # Writes.
    MEMBERS.put(
        ctx,
        (ctx.member,),
        replace(
            member,
            size=a.size,
            roles=a.roles,
            licences=a.licences,
            node_url=a.node_url,
            cosigner_url=a.cosigner_url,
        ),
    )

    # Events.
    ctx.emit(MemberUpdated(member=ctx.member))


@since(2)
def leave(ctx: Context, a: Leave) -> None:
    # Checks.
    check_leaving(ctx, ctx.member)

    # Writes and events.
    set_status(ctx, ctx.member, "left")


def known(ctx: Context, member: str) -> Member:
    """A member, whatever its status. Raises MemberUnknown."""
    record = MEMBERS.get(ctx, (member,))
    if record is None:
        raise errors.MemberUnknown(member=member)
    return record


def is_active(ctx: Context, member: str) -> bool:
    """Whether a member may enter something new, and vote."""
    record = MEMBERS.get(ctx, (member,))
    return record is not None and record.status == "active"


def check_active(ctx: Context, member: str) -> None:
    """Raises NotActive for a member that is suspended or gone."""
    if not is_active(ctx, member):
        raise errors.NotActive(member=member)


def active(ctx: Context) -> Iterator[str]:
    """Ids of the active members, in order."""
    for key, member in MEMBERS.scan(ctx, limit=limits.ALL_ROWS):
        if member.status == "active":
            yield str(key[0])


def staying(ctx: Context) -> Iterator[str]:
    """Ids of the members that have not left, the suspended ones too, in order."""
    for key, member in MEMBERS.scan(ctx, limit=limits.ALL_ROWS):
        if member.status != "left":
            yield str(key[0])


def check_leaving(ctx: Context, member: str) -> None:
    """Whether a member can leave, or be expelled. Raises StatusUnfit, StillCosigner, LastValidator.

    So somebody always is active: the operator, or a validator.
    """
    record = known(ctx, member)
    if record.status == "left":
        raise errors.StatusUnfit(member=member, status=record.status)
    check_unseated(ctx, member)


def check_unseated(ctx: Context, member: str) -> None:
    """Whether a member neither operates nor co-signs, nor is the last validator.

    Raises StillCosigner, LastValidator.
    """
    validators.check_not_last(ctx, member)
    seats = cosigner_set(ctx)
    if seats is not None and any(member == seat.member for seat in seats.cosigners):
        raise errors.StillCosigner(member=member)


def set_status(ctx: Context, member: str, status: Status, proposal: str = "") -> None:
    """Write a status that was checked, and show it. Who is not active any more has no seat and no power."""
    MEMBERS.put(ctx, (member,), replace(known(ctx, member), status=status, since_ms=ctx.time_ms))
    ctx.emit(StatusChanged(member=member, status=status, proposal=proposal))
    if status != "active":
        validators.vacate(ctx, member, proposal)


def cosigner_set(ctx: Context) -> CosignerSet | None:
    """The newest set of cosigners: for headers from its `since` on."""
    return next((record for _, record in COSIGNERS.scan(ctx, reverse=True, limit=1)), None)


def check_company(ctx: Context, member: str, company: Company) -> None:
    """Whether this can be registered as the data of a member, present or to come."""
    check_registered(ctx, member, company.registration)
    _check_roles(company.roles)
    _check_licences(company.licences)


def check_registered(ctx: Context, member: str, registration: Registration) -> None:
    """Whether a number can be one of its kind, and is no other member's. Raises RegistrationTaken, …"""
    check_registration(registration)
    taken = REGISTRATIONS.get(ctx, (registration.kind, registration.number))
    if taken is not None and taken.member != member and known(ctx, taken.member).status != "left":
        raise errors.RegistrationTaken(number=registration.number, member=taken.member)


def place_member(ctx: Context, member: str, company: Company) -> None:
    """Write a new member that was checked."""
    MEMBERS.insert(
        ctx,
        (member,),
        Member(
            name_zh=company.name_zh,
            name_en=company.name_en,
            registration=company.registration,
            size=company.size,
            roles=company.roles,
            status="active",
            since_ms=ctx.time_ms,
            licences=company.licences,
            node_url=company.node_url,
            cosigner_url=company.cosigner_url,
        ),
    )
    place_registration(ctx, member, company.registration)


def place_registration(ctx: Context, member: str, registration: Registration) -> None:
    """Write whose a number is."""
    REGISTRATIONS.put(ctx, (registration.kind, registration.number), Registered(member=member))


def _check_roles(roles: tuple[str, ...]) -> None:
    if not roles or len(dict.fromkeys(roles)) != len(roles):
        raise errors.RolesInvalid()


def _check_licences(licences: tuple[Licence, ...]) -> None:
    shown = dict.fromkeys((licence.kind, licence.sha256) for licence in licences)
    if len(licences) > limits.LICENCES_MAX or len(shown) != len(licences):
        raise errors.LicencesInvalid(limit=limits.LICENCES_MAX)
