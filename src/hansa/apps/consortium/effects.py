"""What an adopted proposal does. `check` says whether it can be done now, `carry_out` does it.

`check` writes nothing and `carry_out` refuses nothing that `check` let pass, so that a proposal is carried
out whole or not at all.
"""

from hansa.apps.consortium import errors_members, errors_succession, errors_validators, errors_votes
from hansa.apps.consortium.cards import message
from hansa.apps.consortium.cosigning import check_set
from hansa.apps.consortium.key_rules import check_first_keys, check_recovery, place_key, recover_keys
from hansa.apps.consortium.members import (
    check_company,
    check_leaving,
    check_registered,
    check_unseated,
    cosigner_set,
    is_active,
    known,
    place_member,
    place_registration,
    set_status,
    staying,
)
from hansa.apps.consortium.messages import (
    CosignersChanged,
    CosignerSet,
    MemberAdmitted,
    MemberUpdated,
    Parameter,
    ParameterChanged,
    Status,
)
from hansa.apps.consortium.messages_votes import (
    ActivateRoom,
    ActivateRules,
    Admit,
    Amend,
    AnySubject,
    Card,
    DeactivateRoom,
    Expel,
    ProposedValidator,
    RecoverMember,
    Reinstate,
    SetCosigners,
    SetParameter,
    SetValidators,
    Suspend,
)
from hansa.apps.consortium.parameters import check_parameter
from hansa.apps.consortium.scheduling import check_activation, schedule_activation
from hansa.apps.consortium.tables import CHARTER, COSIGNERS, MEMBERS, PARAMETERS
from hansa.apps.consortium.validating import check_seats, joining_seat, set_seats
from hansa.kernel import ED25519, Context, Cosigner, limits, possession, replace

COSIGNER_KEY = "cosigner"
"""Key id under which a cosigner's key proves that it is held."""


def about(subject: AnySubject) -> str:
    """The member whose fate this is, which therefore has no vote; "" where it is nobody's."""
    match subject:
        case Suspend() | Reinstate() | Expel() | RecoverMember():
            return subject.member
        case _:
            return ""


def check(ctx: Context, subject: AnySubject) -> None:
    """Refuse what could not be carried out now."""
    match subject:
        case Admit():
            _check_admit(ctx, subject)
        case Suspend():
            _check_status(ctx, subject.member, "active")
            check_unseated(ctx, subject.member)
        case Reinstate():
            _check_status(ctx, subject.member, "suspended")
        case Expel():
            check_leaving(ctx, subject.member)
        case Amend():
            _check_amend(ctx, subject)
        case RecoverMember():
            known(ctx, subject.member)
            check_recovery(ctx, subject.member, subject.revoke, subject.keys)
        case SetCosigners():
            _check_cosigners(ctx, subject)
        case SetValidators():
            check_seats(ctx, subject.seats)
        case SetParameter():
            check_parameter(subject.name, subject.value)
        case ActivateRules() | ActivateRoom() | DeactivateRoom():
            check_activation(ctx, subject)


def carry_out(ctx: Context, proposal: str, subject: AnySubject) -> None:
    """Do what `check` let pass in the same transaction."""
    match subject:
        case Admit():
            _admit(ctx, proposal, subject)
        case Suspend():
            set_status(ctx, subject.member, "suspended", proposal)
        case Reinstate():
            set_status(ctx, subject.member, "active", proposal)
        case Expel():
            set_status(ctx, subject.member, "left", proposal)
        case Amend():
            _amend(ctx, proposal, subject)
        case RecoverMember():
            recover_keys(ctx, subject.member, subject.revoke, subject.keys, proposal)
        case SetCosigners():
            _set_cosigners(ctx, proposal, subject)
        case SetValidators():
            set_seats(ctx, subject.seats, proposal)
        case SetParameter():
            PARAMETERS.put(ctx, (subject.name,), Parameter(value=subject.value))
            ctx.emit(ParameterChanged(name=subject.name, value=subject.value, proposal=proposal))
        case ActivateRules() | ActivateRoom() | DeactivateRoom():
            schedule_activation(ctx, proposal, subject)


def _check_status(ctx: Context, member: str, status: Status) -> None:
    record = known(ctx, member)
    if record.status != status:
        raise errors_members.StatusUnfit(member=member, status=record.status)


# Admission.


def _check_admit(ctx: Context, subject: Admit) -> None:
    card = subject.card
    if MEMBERS.get(ctx, (card.member,)) is not None:
        raise errors_members.MemberTaken(member=card.member)
    if card.valid_until_ms <= ctx.time_ms:
        raise errors_votes.CardExpired(member=card.member)
    charter = CHARTER.get(ctx, ("charter",))
    if card.charter_sha256 != (charter.sha256 if charter else ""):
        raise errors_votes.CardCharter()
    if sum(1 for _ in staying(ctx)) >= limits.MEMBERS_MAX:
        raise errors_members.MembersTooMany(limit=limits.MEMBERS_MAX)
    check_company(ctx, card.member, card.company)
    check_first_keys(ctx, card.member, card.keys)
    if card.validator is not None:
        if any(key.public == card.validator.public for key in card.keys):
            raise errors_validators.ConsensusKeyTaken(member=card.member)
        check_seats(ctx, (_joining(ctx, card),), joining=card.member)
    if not ctx.verified(card.keys[0].public, ED25519, subject.signature, message(ctx.chain, card)):
        raise errors_votes.CardSignature()


def _admit(ctx: Context, proposal: str, subject: Admit) -> None:
    card = subject.card
    place_member(ctx, card.member, card.company)
    ctx.emit(
        MemberAdmitted(
            member=card.member, proposal=proposal, company=card.company, charter_sha256=card.charter_sha256
        )
    )
    for key in card.keys:
        place_key(ctx, card.member, key, proposal=proposal)
    if card.validator is not None:
        set_seats(ctx, (_joining(ctx, card),), proposal)


def _joining(ctx: Context, card: Card) -> ProposedValidator:
    assert card.validator is not None
    return joining_seat(ctx, card.member, card.validator.public, card.validator.proof)


# Registered names and number.


def _check_amend(ctx: Context, subject: Amend) -> None:
    member = known(ctx, subject.member)
    if member.status == "left":
        raise errors_members.StatusUnfit(member=subject.member, status=member.status)
    check_registered(ctx, subject.member, subject.registration)
    old = (member.name_zh, member.name_en, member.registration)
    if (subject.name_zh, subject.name_en, subject.registration) == old:
        raise errors_members.NothingAmended(member=subject.member)


def _amend(ctx: Context, proposal: str, subject: Amend) -> None:
    amended = replace(
        known(ctx, subject.member),
        name_zh=subject.name_zh,
        name_en=subject.name_en,
        registration=subject.registration,
    )
    MEMBERS.put(ctx, (subject.member,), amended)
    place_registration(ctx, subject.member, subject.registration)
    ctx.emit(MemberUpdated(member=subject.member, proposal=proposal))


# Cosigners.


def _proposed_set(ctx: Context, subject: SetCosigners) -> CosignerSet:
    present = cosigner_set(ctx)
    assert present is not None
    return CosignerSet(
        operator=subject.operator or present.operator,
        cosigners=tuple(Cosigner(member=seat.member, public=seat.public) for seat in subject.seats),
        quorum=subject.quorum,
        since=ctx.height + 1,
    )


def _check_cosigners(ctx: Context, subject: SetCosigners) -> None:
    present = cosigner_set(ctx)
    if present is None:
        raise errors_validators.NoOperator()
    if present.since > ctx.height or (present.since == ctx.height and present.succeeds):
        raise errors_succession.CosignersTwice()
    new = _proposed_set(ctx, subject)
    check_set(new.operator, new.cosigners, new.quorum)
    for cosigner in new.cosigners:
        if not is_active(ctx, cosigner.member):
            raise errors_votes.CosignersInvalid(limit=limits.COSIGNERS_MAX, member=cosigner.member)
    # A signature costs most. Who stays as it is has proved its key before.
    for cosigner, seat in zip(new.cosigners, subject.seats, strict=True):
        proof = possession(ctx.chain, seat.member, COSIGNER_KEY, seat.public)
        if cosigner not in present.cosigners and not ctx.verified(seat.public, ED25519, seat.proof, proof):
            raise errors_votes.SeatProof(member=seat.member)


def _set_cosigners(ctx: Context, proposal: str, subject: SetCosigners) -> None:
    new = _proposed_set(ctx, subject)
    COSIGNERS.put(ctx, (new.since,), new)
    ctx.emit(
        CosignersChanged(
            operator=new.operator,
            cosigners=new.cosigners,
            quorum=new.quorum,
            since=new.since,
            proposal=proposal,
        )
    )
