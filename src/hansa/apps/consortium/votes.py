"""Proposals and votes: one member, one vote; decided as soon as the outcome cannot change.

Counted are, at each vote, the members that are active then, without the one that the proposal is about. What
is adopted is carried out by the deciding transaction; if it can no longer be done, the proposal has failed.
What would take a member over, or put it out by a single vote, comes into force after a notice only, and never
if that member objects: two voters at least give a member new keys.
"""

from typing import NamedTuple

from hansa.apps.consortium import effects
from hansa.apps.consortium import errors_votes as errors
from hansa.apps.consortium.members import active, check_active
from hansa.apps.consortium.messages_votes import (
    Admit,
    AnySubject,
    Ballot,
    Expel,
    Object,
    Objected,
    OpenProposal,
    Proposal,
    ProposalAnnounced,
    ProposalEnded,
    ProposalMade,
    ProposalState,
    Propose,
    RecoverMember,
    Suspend,
    Vote,
    VoteCast,
    Withdraw,
)
from hansa.apps.consortium.parameters import ALL_BP, parameter
from hansa.apps.consortium.tables import BALLOTS, OPEN, PROPOSALS
from hansa.kernel import Context, OverBudget, Refusal, due, limits, replace, since

THRESHOLDS = {"room_off": "room"}
"""Kinds of subjects that share the threshold of another."""
RECOVERY_VOTERS_MIN = 2
"""Members besides the one that is recovered: no company takes another's keys over alone."""


class Count(NamedTuple):
    yes: int
    no: int
    voters: int


@since(2)
def propose(ctx: Context, a: Propose) -> None:
    # Checks, cheapest first.
    check_active(ctx, ctx.member)
    if PROPOSALS.get(ctx, (a.proposal,)) is not None:
        raise errors.ProposalTaken(proposal=a.proposal)
    if sum(1 for _ in OPEN.scan(ctx, (ctx.member,))) >= limits.OPEN_PROPOSALS_MAX:
        raise errors.ProposalsTooMany(limit=limits.OPEN_PROPOSALS_MAX)
    count = _count(ctx, a.proposal, a.subject)
    _check_voters(a.subject, count.voters)
    effects.check(ctx, a.subject)

    # Writes.
    deadline_ms = ctx.time_ms + parameter(ctx, "ballot_days") * limits.DAY_MS
    proposal = Proposal(
        proposer=ctx.member,
        subject=a.subject,
        proposed_ms=ctx.time_ms,
        deadline_ms=deadline_ms,
        threshold_bp=_threshold(ctx, a.subject),
        state="open",
        voters=count.voters,
    )
    PROPOSALS.put(ctx, (a.proposal,), proposal)
    OPEN.put(ctx, (ctx.member, a.proposal), OpenProposal(deadline_ms=deadline_ms))
    due.at(ctx, deadline_ms, expire_proposal, ctx.member, a.proposal)

    # Events.
    ctx.emit(
        ProposalMade(
            proposal=a.proposal,
            proposer=ctx.member,
            subject=a.subject,
            deadline_ms=deadline_ms,
            threshold_bp=proposal.threshold_bp,
        )
    )


@since(2)
def vote(ctx: Context, a: Vote) -> None:
    # Checks, cheapest first.
    check_active(ctx, ctx.member)
    proposal = _still_open(ctx, a.proposal)
    if effects.about(proposal.subject) == ctx.member:
        raise errors.VoteOnItself(proposal=a.proposal, member=ctx.member)
    if BALLOTS.get(ctx, (a.proposal, ctx.member)) is not None:
        raise errors.VotedAlready(proposal=a.proposal, member=ctx.member)

    # Writes and events.
    BALLOTS.put(ctx, (a.proposal, ctx.member), Ballot(yes=a.yes, key=ctx.key, at_ms=ctx.time_ms))
    ctx.emit(VoteCast(proposal=a.proposal, member=ctx.member, key=ctx.key, yes=a.yes))
    count = _count(ctx, a.proposal, proposal.subject)
    counted = replace(proposal, yes=count.yes, no=count.no, voters=count.voters)
    if count.yes * ALL_BP >= proposal.threshold_bp * count.voters:
        _adopt(ctx, a.proposal, counted)
    elif (count.voters - count.no) * ALL_BP < proposal.threshold_bp * count.voters:
        _end(ctx, a.proposal, counted, "rejected")
    else:
        PROPOSALS.put(ctx, (a.proposal,), counted)


@since(2)
def withdraw(ctx: Context, a: Withdraw) -> None:
    # Checks.
    proposal = _still_open(ctx, a.proposal)
    if proposal.proposer != ctx.member:
        raise errors.NotProposer(proposal=a.proposal, proposer=proposal.proposer)

    # Writes and events.
    _end(ctx, a.proposal, proposal, "withdrawn")


@since(2)
def object_to(ctx: Context, a: Object) -> None:
    # Checks.
    proposal = _known(ctx, a.proposal)
    if effects.about(proposal.subject) != ctx.member:
        raise errors.NotAboutYou(proposal=a.proposal)
    if proposal.state == "open":
        _still_open(ctx, a.proposal)
        if not isinstance(proposal.subject, RecoverMember):
            raise errors.NoObjection(proposal=a.proposal)
    elif proposal.state != "notice" or ctx.time_ms >= proposal.effective_ms:
        raise errors.ProposalClosed(proposal=a.proposal, state=proposal.state)

    # Writes and events.
    ctx.emit(Objected(proposal=a.proposal, member=ctx.member, key=ctx.key))
    _end(ctx, a.proposal, proposal, "objected")


@since(2)
def come_into_force(ctx: Context, name: str) -> None:
    """What nobody objected to is done when its notice is over."""
    proposal = PROPOSALS.get(ctx, (name,))
    if proposal is not None and proposal.state == "notice":
        _carry_out(ctx, name, proposal)


@since(2)
def expire_proposal(ctx: Context, name: str) -> None:
    """What is not decided by its deadline has no effect."""
    proposal = PROPOSALS.get(ctx, (name,))
    if proposal is not None and proposal.state == "open":
        _end(ctx, name, proposal, "expired")


def _adopt(ctx: Context, name: str, proposal: Proposal) -> None:
    """Carry out, or announce, what is adopted. What can no longer be done ends the proposal, not the vote."""
    excludes = isinstance(proposal.subject, Suspend | Expel)
    if not (isinstance(proposal.subject, RecoverMember) or (excludes and proposal.voters == 1)):
        _carry_out(ctx, name, proposal)
    elif _possible(ctx, name, proposal):
        _announce(ctx, name, proposal)


def _carry_out(ctx: Context, name: str, proposal: Proposal) -> None:
    if _possible(ctx, name, proposal):
        effects.carry_out(ctx, name, proposal.subject)
        _end(ctx, name, proposal, "adopted")


def _possible(ctx: Context, name: str, proposal: Proposal) -> bool:
    """Whether it can be done now; where not, it has failed."""
    try:
        _check_voters(proposal.subject, proposal.voters)
        effects.check(ctx, proposal.subject)
    except OverBudget:
        raise  # Of the vote's own transaction: nobody makes a proposal fail by voting in a crowded one.
    except Refusal as refusal:
        _end(ctx, name, proposal, "failed", refusal.code)
        return False
    return True


def _announce(ctx: Context, name: str, proposal: Proposal) -> None:
    due.drop(ctx, proposal.deadline_ms, expire_proposal, proposal.proposer, name)
    effective_ms = ctx.time_ms + parameter(ctx, "notice_days") * limits.DAY_MS
    due.at(ctx, effective_ms, come_into_force, proposal.proposer, name)
    PROPOSALS.put(ctx, (name,), replace(proposal, state="notice", effective_ms=effective_ms))
    member = effects.about(proposal.subject)
    ctx.emit(ProposalAnnounced(proposal=name, member=member, effective_ms=effective_ms))


def _end(ctx: Context, name: str, proposal: Proposal, state: ProposalState, code: str = "") -> None:
    due.drop(ctx, proposal.deadline_ms, expire_proposal, proposal.proposer, name)
    due.drop(ctx, proposal.effective_ms, come_into_force, proposal.proposer, name)
    PROPOSALS.put(ctx, (name,), replace(proposal, state=state, code=code, ended_ms=ctx.time_ms))
    OPEN.delete(ctx, (proposal.proposer, name))
    ctx.emit(
        ProposalEnded(
            proposal=name,
            state=state,
            code=code,
            yes=proposal.yes,
            no=proposal.no,
            voters=proposal.voters,
        )
    )


def _count(ctx: Context, name: str, subject: AnySubject) -> Count:
    """Votes of those that may vote now."""
    ballots = {str(key[1]): ballot.yes for key, ballot in BALLOTS.scan(ctx, (name,), limit=limits.ALL_ROWS)}
    voters = [member for member in active(ctx) if member != effects.about(subject)]
    cast = [ballots[member] for member in voters if member in ballots]
    return Count(yes=cast.count(True), no=cast.count(False), voters=len(voters))


def _check_voters(subject: AnySubject, voters: int) -> None:
    """Whether enough members may vote. Raises NoVoters, TooFewVoters."""
    if not voters:
        raise errors.NoVoters()
    if isinstance(subject, RecoverMember) and voters < RECOVERY_VOTERS_MIN:
        raise errors.TooFewVoters(member=subject.member, voters=voters)


def _known(ctx: Context, name: str) -> Proposal:
    proposal = PROPOSALS.get(ctx, (name,))
    if proposal is None:
        raise errors.ProposalUnknown(proposal=name)
    return proposal


def _still_open(ctx: Context, name: str) -> Proposal:
    proposal = _known(ctx, name)
    if proposal.state != "open" or ctx.time_ms >= proposal.deadline_ms:
        raise errors.ProposalClosed(proposal=name, state=proposal.state)
    return proposal


def _threshold(ctx: Context, subject: AnySubject) -> int:
    """Share of votes needed; who joins as a validator needs as many as for either."""
    tag = type(subject).__struct_config__.tag
    share = parameter(ctx, f"threshold_{THRESHOLDS.get(str(tag), tag)}_bp")
    if isinstance(subject, Admit) and subject.card.validator is not None:
        share = max(share, parameter(ctx, "threshold_validators_bp"))
    return share
