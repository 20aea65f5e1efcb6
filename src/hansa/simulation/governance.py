"""Reads from the ledger what members decided and changed, each with height and transaction, for a report."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hansa.apps.consortium import messages as m
from hansa.apps.consortium import messages_approvals as ma
from hansa.apps.consortium import messages_votes as mv
from hansa.apps.consortium.queries import InForce
from hansa.apps.consortium.telling import told
from hansa.console.report import data_node as page
from hansa.console.report.part import Text
from hansa.kernel import Action, Event, Key
from hansa.kernel.canonical import decode
from hansa.kernel.transaction import Transaction, identity, parse
from hansa.simulation.cast import charter
from hansa.simulation.world import World

EVENTS_PER_PAGE = 1_000
Wanted = Callable[[Action], bool]
"""Whether an action is the one that is looked for."""
_EVENTS: dict[str, type[Event]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        m.MemberAdmitted,
        m.KeyRegistered,
        m.KeyRevokedEvent,
        ma.Held,
        ma.Approved,
        ma.Rejected,
        ma.CarriedOut,
        ma.HeldEnded,
        mv.ProposalMade,
        mv.VoteCast,
    )
}

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Found:
    """An event and the height of its block."""

    height: int
    event: Event


@dataclass(frozen=True)
class Done:
    """A transaction of a block."""

    name: str
    transaction: Transaction

    def action(self, member: str, wanted: Wanted, key: str) -> Action | None:
        """The first of its actions that is wanted, if this member, or this key of it, signed it."""
        body = self.transaction.body
        if member != body.member or key not in ("", body.key):
            return None
        return next((action for action in body.actions if wanted(action)), None)


@dataclass
class Story:
    """The events of the consortium's room, and the blocks they lie in."""

    world: World
    events: list[Found] = field(default_factory=list)
    _blocks: dict[int, tuple[int, list[Done]]] = field(default_factory=dict)
    _holders: dict[str, dict[str, str]] = field(default_factory=dict)

    def of(self, kind: type[E]) -> Iterator[tuple[int, E]]:
        for found in self.events:
            if isinstance(found.event, kind):
                yield found.height, found.event

    def at_ms(self, height: int) -> int:
        return self._block(height)[0]

    def place(self, height: int, member: str, wanted: Wanted, key: str = "") -> page.Place:
        """The transaction of a block by which a member did this, with this key if one is named."""
        return self.origin(height, member, wanted, key)[0]

    def origin(
        self, height: int, member: str, wanted: Wanted, key: str = ""
    ) -> tuple[page.Place, Action | None]:
        """(where, what) a member did in a block: its own transaction, or the approval that carried it out.

        The height alone where no transaction of the block did it, but work that fell due.
        """
        held = {event.transaction for at, event in self.of(ma.Held) if at == height}
        for done in self._block(height)[1]:
            action = done.action(member, wanted, key)
            if action is not None and done.name not in held and self._took_effect(done.name):
                return page.Place(height=height, transaction=done.name), action
        for carried in (event for at, event in self.of(ma.CarriedOut) if at == height):
            proposed = self._held(carried.held)
            action = proposed.action(member, wanted, key) if proposed else None
            if action is not None:
                names = {done.name for done in self._block(height)[1]}
                last = carried.approvals[-1].transaction if carried.approvals else ""
                return page.Place(height=height, transaction=last if last in names else ""), action
        return page.Place(height=height), None

    def holder(self, member: str, key: str) -> str:
        """Who holds a member's key."""
        if member not in self._holders:
            found = self.world.clients["auditor"].query(
                "consortium.keys_of", list[tuple[str, Key]], member=member
            )
            self._holders[member] = {name: record.holder for name, record in found}
        return self._holders[member].get(key, "")

    def _held(self, name: str) -> "Done | None":
        for height, event in self.of(ma.Held):
            if event.transaction == name:
                return next(done for done in self._block(height)[1] if done.name == name)
        return None

    def _took_effect(self, name: str) -> bool:
        """Whether this transaction was not refused."""
        found = self.world.clients["auditor"].transport.find(name)
        return found is not None and found.code == "ok"

    def _block(self, height: int) -> tuple[int, list[Done]]:
        if height not in self._blocks:
            block = self.world.stage.block(height)
            done = [Done(identity(wire), parse(self.world.registry, wire)) for wire in block.wires]
            self._blocks[height] = (block.leaf.time_ms, done)
        return self._blocks[height]


def read_governance(world: World) -> page.Governance:
    """All that the auditor of the votes looks for, from the ledger alone."""
    story = Story(world, list(_events(world)))
    client = world.clients["auditor"]
    cosigners = client.query("consortium.cosigners", m.CosignerSet)
    active = client.query("consortium.active", InForce)
    final = client.transport.final()
    zh, en, _ = charter()
    return page.Governance(
        charter=Text(zh=zh, en=en),
        charter_sha256=client.query("consortium.charter", str),
        rules=active.active.rules,
        quorum=cosigners.quorum,
        cosigners=tuple(
            page.CosignerKey(member=each.member, public=each.public.hex()) for each in cosigners.cosigners
        ),
        cosigners_since=cosigners.since,
        final_height=final.header.height if final else 0,
        members=tuple(_members(story)),
        proposals=tuple(_proposals(story)),
        approvals=tuple(_approvals(story)),
        key_changes=tuple(_key_changes(story)),
    )


def _events(world: World) -> Iterator[Found]:
    transport = world.clients["auditor"].transport
    after = (0, -1)
    while page_of := transport.events_after(*after, EVENTS_PER_PAGE):
        after = page_of[-1][:2]
        for height, _, data in page_of:
            tag = data.partition(b'"_type":"')[2].partition(b'"')[0].decode()
            if tag in _EVENTS:
                yield Found(height, decode(data, _EVENTS[tag]))


def _members(story: Story) -> Iterator[page.MemberCard]:
    places = {
        event.member: _decided(story, height, event.proposal) for height, event in story.of(m.MemberAdmitted)
    }
    client = story.world.clients["auditor"]
    for name, member in client.query("consortium.members", list[tuple[str, m.Member]]):
        yield page.MemberCard(
            id=name,
            status=member.status,
            roles=member.roles,
            registration_kind=member.registration.kind,
            registration=member.registration.number,
            size_class=member.size,
            since_ms=member.since_ms,
            licences=tuple(
                page.Licence(kind=each.kind, sha256=each.sha256, expires_ms=each.expires_ms)
                for each in member.licences
            ),
            place=places.get(name, page.Place()),
        )


def _proposals(story: Story) -> Iterator[page.Proposal]:
    client = story.world.clients["auditor"]
    made = {event.proposal: height for height, event in story.of(mv.ProposalMade)}
    cast = {(event.proposal, event.member): height for height, event in story.of(mv.VoteCast)}
    for listed in client.query("consortium.proposals", list[mv.ListedProposal]):
        proposal = listed.proposal
        ballots = client.query("consortium.votes", list[mv.CastBallot], proposal=listed.id)
        yield page.Proposal(
            id=listed.id,
            kind=str(type(proposal.subject).__struct_config__.tag),
            text=_text(told(proposal.subject)),
            proposer=proposal.proposer,
            at_ms=proposal.proposed_ms,
            deadline_ms=proposal.deadline_ms,
            status=proposal.state,
            threshold_bp=proposal.threshold_bp,
            electorate=proposal.voters,
            decided_ms=proposal.ended_ms,
            ballots=tuple(
                page.Ballot(
                    member=each.member,
                    choice="yes" if each.ballot.yes else "no",
                    at_ms=each.ballot.at_ms,
                    place=story.place(cast[listed.id, each.member], each.member, _vote_on(listed.id)),
                )
                for each in sorted(ballots, key=lambda each: (each.ballot.at_ms, each.member))
            ),
            place=story.place(made[listed.id], proposal.proposer, _putting(listed.id)),
        )


def _decided(story: Story, height: int, proposal: str) -> page.Place:
    """Where a proposal took effect: the vote that decided it, or the block in which its notice was over."""
    last = [event for at, event in story.of(mv.VoteCast) if (at, event.proposal) == (height, proposal)]
    return story.place(height, last[-1].member, _vote_on(proposal)) if last else page.Place(height=height)


def _vote_on(proposal: str) -> Wanted:
    return lambda action: isinstance(action, mv.Vote) and action.proposal == proposal


def _putting(proposal: str) -> Wanted:
    return lambda action: isinstance(action, mv.Propose) and action.proposal == proposal


def _text(told_in: tuple[str, str]) -> Text:
    return Text(zh=told_in[0], en=told_in[1])


def _approvals(story: Story) -> Iterator[page.Approval]:
    carried = {event.held for _, event in story.of(ma.CarriedOut)}
    ended = {event.held: event.outcome for _, event in story.of(ma.HeldEnded)}
    for height, held in story.of(ma.Held):
        name = held.transaction
        proposed = page.Signatory(
            part="proposed",
            holder=held.holder,
            key=held.key,
            at_ms=story.at_ms(height),
            place=page.Place(height=height, transaction=name),
        )
        yield page.Approval(
            id=name,
            member=held.member,
            actions=held.tags,
            holders_needed=held.holders,
            status="carried_out" if name in carried else ended.get(name, "waiting"),
            signatories=(proposed, *_answers(story, held)),
        )


def _answers(story: Story, held: ma.Held) -> Iterator[page.Signatory]:
    """Who approved a held transaction, rejected it or took it back, in that order."""
    name, member = held.transaction, held.member

    def answer(
        part: page.SignatoryPart, height: int, key: str, kind: type[ma.Approve | ma.Reject]
    ) -> page.Signatory:
        place = story.place(
            height, member, lambda action: isinstance(action, kind) and action.held == name, key
        )
        holder = story.holder(member, key)
        return page.Signatory(part=part, holder=holder, key=key, at_ms=story.at_ms(height), place=place)

    for at, approved in story.of(ma.Approved):
        if approved.held == name:
            yield answer("approved", at, approved.key, ma.Approve)
    against: list[str] = []
    for at, rejected in story.of(ma.Rejected):
        if rejected.held == name:
            against.append(rejected.key)
            yield answer("rejected", at, rejected.key, ma.Reject)
    for at, gone in story.of(ma.HeldEnded):
        ended_by_hand = gone.held == name and gone.outcome in ("rejected", "withdrawn")
        if ended_by_hand and gone.key not in against:
            yield answer("rejected" if gone.outcome == "rejected" else "withdrew", at, gone.key, ma.Reject)


def _key_changes(story: Story) -> Sequence[page.KeyChange]:
    found: list[tuple[int, page.KeyChange]] = []
    recoveries = {
        event.proposal
        for _, event in story.of(mv.ProposalMade)
        if isinstance(event.subject, mv.RecoverMember)
    }
    for height, event in story.of(m.KeyRegistered):
        place, act = _registering(story, height, event)
        recovered = isinstance(act, m.Recover) or event.proposal in recoveries
        instead = (
            (f"，取代 {event.replaces}", f", instead of {event.replaces}") if event.replaces else ("", "")
        )
        vote = (f"，表决 {event.proposal}", f", by vote {event.proposal}") if event.proposal else ("", "")
        change = page.KeyChange(
            member=event.member,
            key=event.key,
            change="recovered" if recovered else "rotated" if event.replaces else "added",
            text=Text(
                zh=f"持钥人 {event.holder}{instead[0]}{vote[0]}",
                en=f"held by {event.holder}{instead[1]}{vote[1]}",
            ),
            at_ms=story.at_ms(height),
            place=place,
        )
        found.append((height, change))
    for height, gone in story.of(m.KeyRevokedEvent):
        change = page.KeyChange(
            member=gone.member,
            key=gone.key,
            change="revoked",
            text=Text(zh="", en=""),
            at_ms=story.at_ms(height),
            place=_revoking(story, height, gone),
        )
        found.append((height, change))
    return [change for _, change in sorted(found, key=lambda each: each[0])]


def _registering(story: Story, height: int, event: m.KeyRegistered) -> tuple[page.Place, Action | None]:
    """Where, and by which of the member's own actions if by none of a vote, a key was registered."""
    if event.proposal:
        return _decided(story, height, event.proposal), None

    def wanted(action: Action) -> bool:
        match action:
            case m.RegisterKey():
                return action.key.id == event.key
            case m.Recover():
                return any(key.id == event.key for key in action.keys)
            case _:
                return False

    return story.origin(height, event.member, wanted)


def _revoking(story: Story, height: int, event: m.KeyRevokedEvent) -> page.Place:
    """Where a key was revoked. A recovery key that signs for its successor is named by no action."""
    if event.proposal:
        return _decided(story, height, event.proposal)

    def wanted(action: Action) -> bool:
        match action:
            case m.RevokeKey():
                return action.id == event.key
            case m.Recover():
                return event.key in action.revoke or any(key.kind == "recovery" for key in action.keys)
            case _:
                return False

    return story.place(height, event.member, wanted)
