"""Proposals, votes, objections: what members decide together."""

from hansa.apps.consortium.cards import message
from hansa.apps.consortium.messages import Company, Registration
from hansa.apps.consortium.messages_votes import (
    ActivateRules,
    Admit,
    Amend,
    AnySubject,
    Card,
    Expel,
    Object,
    Propose,
    RecoverMember,
    Reinstate,
    SetParameter,
    Suspend,
    Vote,
    Withdraw,
)
from hansa.apps.consortium.parameters import KNOWN
from hansa.kernel import limits
from hansa.simulation.simulator.scenario import Send
from hansa.simulation.simulator.traffic import errands, validators
from hansa.simulation.simulator.traffic.consortium import MEMBERS_MIN, new_key
from hansa.simulation.simulator.traffic.mind import FIRST_KEY, Mind, Step

MEMBERS_MOST = 8
"""Nobody is invited beyond."""
YES = 0.8
DECIDED = ("ballot_days", "notice_days", "approval_days_max", "threshold_amend_bp", "threshold_admit_bp")
"""Parameters that are put to the vote."""


def propose(mind: Mind) -> Send | None:
    member = mind.member()
    make = _recover if _helpless(mind) and mind.luck(0.5) else mind.one(SUBJECTS)
    subject = make(mind)
    if subject is None:
        return None
    return mind.send(member, Propose(proposal=mind.name("p"), subject=subject))


def _helpless(mind: Mind) -> bool:
    """Whether a member lost its key, and nobody has yet proposed to give it another."""
    asked = [
        row.subject.member
        for row in mind.rows("consortium.proposals").values()
        if isinstance(row.subject, RecoverMember)
    ]
    return any(member in mind.active and member not in asked for member, _ in mind.world.lost)


def vote(mind: Mind) -> Send | None:
    """A member that may, and has not yet; on a member's lost key before all else."""
    found = mind.sure(
        "consortium.proposals",
        lambda _, row: row.state == "open" and isinstance(row.subject, RecoverMember),
    )
    if found is None or mind.luck(0.5):
        found = mind.pick("consortium.proposals", lambda row: row.state == "open")
    if found is None:
        return None
    (proposal,), row = found
    about = getattr(row.subject, "member", "")
    left = [
        each
        for each in mind.active
        if each != about and mind.row("consortium.ballots", proposal, each) is None
    ]
    member = mind.one(left) if left else mind.member()
    return mind.send(member, Vote(proposal=str(proposal), yes=mind.luck(YES)))


def withdraw(mind: Mind) -> Send | None:
    found = mind.pick("consortium.proposals", lambda row: row.state == "open")
    if found is None or mind.luck(0.6):
        return None
    return mind.send(mind.right(found[1].proposer), Withdraw(proposal=str(found[0][0])))


def object_to(mind: Mind) -> Send | None:
    found = mind.pick(
        "consortium.proposals",
        lambda row: row.state == "notice" or (row.state == "open" and isinstance(row.subject, RecoverMember)),
    )
    if found is None:
        return None
    about = getattr(found[1].subject, "member", "") or mind.member()
    return mind.send(mind.right(about), Object(proposal=str(found[0][0])))


# What is proposed.


def company(mind: Mind) -> Company:
    number = Registration("vat", f"DE{mind.between(100_000_000, 999_999_999)}")
    return Company(mind.name("公司"), mind.name("Works"), number, mind.one(("small", "large")), ("supplier",))


def _admit(mind: Mind) -> AnySubject | None:
    if len(mind.rows("consortium.members")) >= MEMBERS_MOST:
        return None
    free = [each for each in mind.world.scenario.joiners if mind.row("consortium.members", each) is None]
    member = mind.one(free) if free and mind.luck(0.6) else mind.name("co")
    valid_until_ms = mind.soon_ms + mind.between(1, 30) * limits.DAY_MS
    keys = (new_key(mind, member, FIRST_KEY),)
    card = Card(member, company(mind), keys, valid_until_ms)
    by = mind.signer(member, FIRST_KEY)
    return Admit(card=card, signature=by.sign(message(mind.picture.chain, card)))


def _someone(mind: Mind) -> str:
    """Rather a member that joined later: the town needs its founders."""
    late = [each for each in mind.active if each not in mind.founders]
    return mind.one(late) if late and mind.luck(0.8) else mind.member()


def _suspend(mind: Mind) -> AnySubject | None:
    return Suspend(_someone(mind)) if len(mind.active) > MEMBERS_MIN else None


def _reinstate(mind: Mind) -> AnySubject | None:
    found = mind.pick("consortium.members", lambda row: row.status == "suspended")
    return Reinstate(str(found[0][0])) if found else None


def _expel(mind: Mind) -> AnySubject | None:
    return Expel(_someone(mind)) if len(mind.active) > MEMBERS_MIN else None


def _amend(mind: Mind) -> AnySubject | None:
    member = mind.member()
    found = mind.row("consortium.members", member)
    return found and Amend(member, found.name_zh, mind.name("New name"), found.registration)


def _recover(mind: Mind) -> AnySubject | None:
    lost = [member for member, _ in sorted(mind.world.lost) if member in mind.active]
    member = mind.one(lost) if lost and mind.luck(0.7) else mind.member()
    return RecoverMember(member, (), (new_key(mind, member, mind.name("k")),))


def _parameter(mind: Mind) -> AnySubject | None:
    name = mind.one(DECIDED)
    return SetParameter(name, mind.between(KNOWN[name].least, min(KNOWN[name].most, KNOWN[name].least + 4)))


def _rules(mind: Mind) -> AnySubject | None:
    """That there are not yet, or not any more: what exists is the scenario's matter."""
    return ActivateRules(version=mind.between(1, mind.picture.rules))


SUBJECTS = (
    _admit, _admit, _admit, _suspend, _reinstate, _reinstate, _reinstate, _expel, _amend, _amend, _recover,
    _parameter, _parameter, _rules, errands.subject, errands.subject, validators.subject, validators.subject,
)  # fmt: skip
STEPS: tuple[tuple[int, Step], ...] = ((5, propose), (20, vote), (1, withdraw), (2, object_to))
