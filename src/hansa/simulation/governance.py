"""Reads from the ledger what members decided and changed, each with height and transaction, for a report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hansa.apps.consortium import messages as m
from hansa.apps.consortium import messages_approvals as ma
from hansa.apps.consortium import messages_votes as mv
from hansa.apps.consortium.queries import InForce
from hansa.console.report import data_node as page
from hansa.console.report.part import Text
from hansa.kernel import Action, Event
from hansa.kernel.canonical import decode
from hansa.kernel.transaction import Transaction, identity, parse
from hansa.simulation.cast import charter
from hansa.simulation.world import World

EVENTS_PER_PAGE = 1_000
LISTED_PER_PAGE = 1_000
_OWN_KEYS = (m.RegisterKey, m.RevokeKey, m.Recover)
_EVENTS: dict[str, type[Event]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        m.MemberAdmitted,
        m.KeyRegistered,
        m.KeyRevokedEvent,
        ma.Held,
        ma.Approved,
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


@dataclass
class Story:
    """The events of the consortium's room, and the blocks they lie in."""

    world: World
    events: list[Found] = field(default_factory=list)
    _blocks: dict[int, tuple[int, list[tuple[str, Transaction]]]] = field(default_factory=dict)

    def of(self, kind: type[E]) -> Iterator[tuple[int, E]]:
        for found in self.events:
            if isinstance(found.event, kind):
                yield found.height, found.event

    def at_ms(self, height: int) -> int:
        return self._block(height)[0]

    def place(self, height: int, member: str, *kinds: type[Action]) -> page.Place:
        """The transaction of a block in which a member ("": whoever) did something of these kinds."""
        for name, transaction in reversed(self._block(height)[1]):
            body = transaction.body
            if member in ("", body.member) and any(isinstance(action, kinds) for action in body.actions):
                return page.Place(height=height, transaction=name)
        return page.Place(height=height)

    def _block(self, height: int) -> tuple[int, list[tuple[str, Transaction]]]:
        if height not in self._blocks:
            block = self.world.stage.block(height)
            parsed = [(identity(wire), parse(self.world.registry, wire)) for wire in block.wires]
            self._blocks[height] = (block.leaf.time_ms, parsed)
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
    places = {event.member: story.place(height, "", mv.Vote) for height, event in story.of(m.MemberAdmitted)}
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
    for listed in client.query("consortium.proposals", list[mv.ListedProposal], limit=LISTED_PER_PAGE):
        proposal = listed.proposal
        ballots = client.query("consortium.votes", list[mv.CastBallot], proposal=listed.id)
        yield page.Proposal(
            id=listed.id,
            kind=str(type(proposal.subject).__struct_config__.tag),
            text=subject_text(proposal.subject),
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
                    place=story.place(cast[listed.id, each.member], each.member, mv.Vote),
                )
                for each in sorted(ballots, key=lambda each: (each.ballot.at_ms, each.member))
            ),
            place=story.place(made[listed.id], proposal.proposer, mv.Propose),
        )


def subject_text(subject: mv.AnySubject) -> Text:
    """What a proposal would do, in a line."""
    match subject:
        case mv.Admit():
            company = subject.card.company
            return Text(zh=f"接纳{company.name_zh}", en=f"Admit {company.name_en}")
        case mv.SetParameter():
            return Text(
                zh=f"参数 {subject.name} 改为 {subject.value}", en=f"Set {subject.name} to {subject.value}"
            )
        case mv.ActivateRules():
            return Text(zh=f"启用第 {subject.version} 版规则", en=f"Activate rules version {subject.version}")
        case mv.ActivateRoom():
            return Text(zh=f"启用应用 {subject.room.name}", en=f"Activate room {subject.room.name}")
        case mv.DeactivateRoom():
            return Text(zh=f"停用应用 {subject.name}", en=f"Deactivate room {subject.name}")
        case mv.SetCosigners():
            return Text(zh=f"见证方改为 {len(subject.seats)} 家", en=f"{len(subject.seats)} cosigners")
        case _:
            return Text(zh=f"事关 {subject.member}", en=f"About {subject.member}")


def _approvals(story: Story) -> Iterator[page.Approval]:
    carried = {event.held for _, event in story.of(ma.CarriedOut)}
    ended = {event.held: event.outcome for _, event in story.of(ma.HeldEnded)}
    for height, held in story.of(ma.Held):
        name = held.transaction
        signatories = [
            page.Signatory(
                part="proposed",
                holder=held.holder,
                key=held.key,
                at_ms=story.at_ms(height),
                place=page.Place(height=height, transaction=name),
            )
        ]
        signatories += [
            page.Signatory(
                part="approved",
                holder=event.holder,
                key=event.key,
                at_ms=story.at_ms(at),
                place=story.place(at, held.member, ma.Approve),
            )
            for at, event in story.of(ma.Approved)
            if event.held == name
        ]
        yield page.Approval(
            id=name,
            member=held.member,
            actions=held.tags,
            holders_needed=held.holders,
            status="carried_out" if name in carried else ended.get(name, "waiting"),
            signatories=tuple(signatories),
        )


def _key_changes(story: Story) -> Sequence[page.KeyChange]:
    found: list[tuple[int, page.KeyChange]] = []
    for height, event in story.of(m.KeyRegistered):
        by_vote = bool(event.proposal)
        place = story.place(height, "", mv.Vote) if by_vote else story.place(height, event.member, *_OWN_KEYS)
        old_zh, old_en = (
            (f"，取代 {event.replaces}", f", instead of {event.replaces}") if event.replaces else ("", "")
        )
        vote_zh, vote_en = (
            (f"，表决 {event.proposal}", f", by vote {event.proposal}") if by_vote else ("", "")
        )
        change = page.KeyChange(
            member=event.member,
            key=event.key,
            change="rotated" if event.replaces else "added",
            text=Text(
                zh=f"持钥人 {event.holder}{old_zh}{vote_zh}", en=f"held by {event.holder}{old_en}{vote_en}"
            ),
            at_ms=story.at_ms(height),
            place=place,
        )
        found.append((height, change))
    for height, gone in story.of(m.KeyRevokedEvent):
        place = (
            story.place(height, "", mv.Vote)
            if gone.proposal
            else story.place(height, gone.member, *_OWN_KEYS)
        )
        change = page.KeyChange(
            member=gone.member,
            key=gone.key,
            change="revoked",
            text=Text(zh="", en=""),
            at_ms=story.at_ms(height),
            place=place,
        )
        found.append((height, change))
    return [change for _, change in sorted(found, key=lambda each: each[0])]
