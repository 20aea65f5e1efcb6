"""What the transactions of a bundle did: each action at the place of the event that it left.

An action that left no event there counts for nothing: it was held back for approval. What others approved
counts where `consortium.carried_out` stands, in the name of whoever proposed it. Keys that a vote gave stand
in an event of their own, behind the proposal and the ballots that the members signed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hansa.apps.consortium.messages import AddKey, KeyRegistered, NewKey, Recover, RegisterKey
from hansa.apps.consortium.messages_approvals import Approval, Approve, CarriedOut, Held
from hansa.apps.consortium.messages_votes import Admit, Propose, RecoverMember, Vote
from hansa.apps.metering.messages import AnchorReadings
from hansa.client.bodies import tag_of
from hansa.client.bundle import Bundle
from hansa.client.report import Voted
from hansa.client.texts import Text
from hansa.client.trails import LeftEvent, Trail, left_by_action, left_by_event
from hansa.kernel import Key, replace
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.canonical import decode_strict
from hansa.kernel.signatures import ED25519
from hansa.kernel.transaction import Transaction, identity
from hansa.kernel.types import INTEGER_MAX

KeyName = tuple[str, str]
"""(member, key)."""
Place = tuple[int, int]
"""(height, index in its block)."""

VOTERS_MIN = 2
"""No member alone gives another one keys, or admits one unless it founded the consortium alone."""


@dataclass(frozen=True)
class Placed:
    """What was done at a place, in its signer's name. Of a held transaction: where it was carried out."""

    where: str
    place: Place
    time_ms: int
    id: str
    """Of the transaction that stands there."""
    member: str
    key: str
    """Who signed the actions."""
    actions: tuple[Any, ...]
    """Those that took effect and that evidence may rest on."""
    approvals: tuple[Approval, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """A transaction that was held back."""

    body: Any
    holders: int
    """How many different ones it needed, by the event that shows it held."""
    until_ms: int
    """When its time is over; a recovery is carried out then."""


@dataclass
class Acts:
    """Goes through a bundle's transactions and events in ledger order; `known` grows by new keys."""

    known: dict[KeyName, Key]
    founders: int
    """How many members founded the consortium."""
    events: list[tuple[BlockLeaf, LeftEvent]]
    """Each with its block."""
    problems: list[str | Text] = field(default_factory=list)
    not_given: list[str | Text] = field(default_factory=list)
    """Of the problems, keys of which a vote is not shown."""
    voted: list[Voted] = field(default_factory=list)
    _at: int = 0
    _waiting: dict[str, Waiting] = field(default_factory=dict)
    _approvals: dict[str, list[Approval]] = field(default_factory=dict)
    _proposed: dict[str, Any] = field(default_factory=dict)
    _yes: dict[str, list[str]] = field(default_factory=dict)

    def reach(self, height: int) -> None:
        """Take in what votes and time did up to here, as far as no act stands before it."""
        while self._at < len(self.events) and self.events[self._at][0].height <= height:
            block, event = self.events[self._at]
            if not isinstance(event, KeyRegistered):
                return
            if event.proposal:
                self._given(event)
                self._at += 1
            elif not self._recovered(block, event):
                return

    def done(self, where: str, place: Place, time_ms: int, transaction: Transaction) -> Iterator[Placed]:
        """What a transaction did; nothing, where it waits for approval. Its signature was checked."""
        body, name = transaction.body, identity(transaction.wire)
        held = self._take(place[0], ("held", name, body.member))
        if isinstance(held, Held):
            self._waiting[name] = Waiting(body, held.holders, held.until_ms)
            yield Placed(where, place, time_ms, name, body.member, body.key, ())
            return
        own: list[Any] = []
        for action in body.actions:
            if not self._counts(where, place[0], body.member, body.key, action):
                continue
            own.append(action)
            if isinstance(action, Approve):
                yield Placed(where, place, time_ms, name, body.member, body.key, tuple(own))
                own = []
                yield from self._approved(where, place, time_ms, body, name, action.held)
        yield Placed(where, place, time_ms, name, body.member, body.key, tuple(own))

    def finish(self) -> None:
        """What is left of the events must be keys that a vote gave."""
        self.reach(INTEGER_MAX)
        if self._at < len(self.events):
            self.problems.append(f"events[{self._at}] is of no act that is shown")

    def _take(self, height: int, trail: Trail) -> LeftEvent | None:
        """The next event, if it is this one, at this height."""
        self.reach(height)
        return self._next(height, trail)

    def _next(self, height: int, trail: Trail) -> LeftEvent | None:
        if self._at < len(self.events):
            block, event = self.events[self._at]
            if block.height == height and left_by_event(event) == trail:
                self._at += 1
                return event
        return None

    def _counts(self, where: str, height: int, member: str, key: str, action: Any) -> bool:
        """Whether an action took effect here: all the events that it leaves stand next."""
        trails = left_by_action(member, action)
        if not trails:
            return False
        if not all(self._take(height, trail) for trail in trails):
            if not isinstance(action, AnchorReadings):  # One that came twice leaves nothing.
                tag = tag_of(action)
                self.problems.append(
                    Text(
                        f"{where}：{tag} 在该处没有留下自己的事件（搁置待批或未生效）",
                        f"{where}: {tag} left no event of its own there (it was held, or not done)",
                    )
                )
            return False
        self._learn(member, key, action)
        return True

    def _learn(self, member: str, key: str, action: Any) -> None:
        """Keys that the action registers, and what was put to the vote."""
        match action:
            case AddKey():
                self.known.setdefault((member, action.id), key_of(action))
            case RegisterKey():
                new, old = key_of(action.key), self.known.get((member, action.replaces))
                inherits = old is not None and not new.scopes
                new = replace(new, scopes=old.scopes) if old is not None and inherits else new
                self.known.setdefault((member, action.key.id), new)
            case Recover() if self.known[member, key].kind == "recovery":
                for new_key in action.keys:
                    self.known.setdefault((member, new_key.id), key_of(new_key))
            case Propose():
                self._proposed.setdefault(action.proposal, action.subject)
            case Vote() if action.yes:
                self._yes.setdefault(action.proposal, []).append(member)

    def _given(self, event: KeyRegistered) -> None:
        """A key that a vote gave: of the proposal as signed, with the ballots of those who said yes."""
        member, subject = event.member, self._proposed.get(event.proposal)
        offered: tuple[NewKey, ...] = ()
        least = VOTERS_MIN
        if isinstance(subject, RecoverMember) and subject.member == member:
            offered = subject.keys
        elif isinstance(subject, Admit) and subject.card.member == member:
            offered, least = subject.card.keys, min(VOTERS_MIN, self.founders)
        yes = [voter for voter in dict.fromkeys(self._yes.get(event.proposal, ())) if voter != member]
        new = next((key_of(key) for key in offered if key.id == event.key), None)
        if new is None or new != _shown(event) or len(yes) < least:
            self.not_given.append(
                Text(
                    f"{member}/{event.key}：表决 {event.proposal} 未出示授予该密钥的提案或足够的赞成票",
                    f"{member}/{event.key}: no proposal {event.proposal} of that key, or too few votes",
                )
            )
            return
        self.known.setdefault((member, event.key), new)
        self.voted.append(Voted(member, event.key, event.proposal, tuple(yes)))

    def _recovered(self, block: BlockLeaf, event: KeyRegistered) -> bool:
        """Whether this is the first key of a held recovery that nobody ended before its time was over."""
        for name, waiting in self._waiting.items():
            member, actions = waiting.body.member, waiting.body.actions
            first = isinstance(actions[0], Recover) and bool(actions[0].keys) and actions[0].keys[0].id
            if (member, first) != (event.member, event.key) or block.time_ms < waiting.until_ms:
                continue
            del self._waiting[name]
            new = all(self._next(block.height, trail) for trail in left_by_action(member, actions[0]))
            end = self._next(block.height, ("carried_out", name, member))
            if new and isinstance(end, CarriedOut) and self._proposed_by(waiting, end):
                self._learn(member, waiting.body.key, actions[0])
            else:
                self.problems.append(f"{member}/{event.key}: the recovery was not carried out there")
            return True
        return False

    def _approved(
        self, where: str, place: Place, time_ms: int, body: Any, name: str, held: str
    ) -> Iterator[Placed]:
        """An approval; the last one carries out what was held."""
        given = Approval(key=body.key, holder=self.known[body.member, body.key].holder, transaction=name)
        self._approvals.setdefault(held, []).append(given)
        carried = self._carried(place[0], body.member, held, name)
        if carried is None:
            return
        waiting = self._waiting.pop(held, None)
        if waiting is None or not self._approvals_hold(waiting, carried):
            self.problems.append(
                Text(
                    f"{where}：{held[:12]}… 的审批不成立",
                    f"{where}: the approvals of {held[:12]}… do not hold",
                )
            )
            return
        key = waiting.body.key
        actions = tuple(
            action
            for action in waiting.body.actions
            if self._counts(where, place[0], body.member, key, action)
        )
        if self._take(place[0], ("carried_out", held, body.member)) is not carried:
            self.problems.append(f"{where}: {held[:12]}… was not carried out there")
            return
        yield Placed(where, place, time_ms, name, body.member, key, actions, carried.approvals)

    def _carried(self, height: int, member: str, held: str, name: str) -> CarriedOut | None:
        """The event by which this very approval carried a transaction out; None where others must follow."""
        for block, event in self.events[self._at :]:
            if block.height > height:
                break
            if isinstance(event, CarriedOut) and (event.member, event.held) == (member, held):
                last = event.approvals[-1].transaction if event.approvals else ""
                return event if last == name else None
        return None

    def _approvals_hold(self, waiting: Waiting, carried: CarriedOut) -> bool:
        """Each was signed in the bundle, by holders all different from each other and from the proposer."""
        member, key = waiting.body.member, waiting.body.key
        given = self._approvals.get(carried.held, [])
        if not all(approval in given for approval in carried.approvals):
            return False
        proposer = self.known[member, key]
        holders = [approval.holder for approval in carried.approvals]
        persons = all(self.known[member, approval.key].kind == "person" for approval in carried.approvals)
        count = len(holders) + (proposer.kind in ("person", "recovery"))
        return (
            self._proposed_by(waiting, carried)
            and persons
            and len({*holders, proposer.holder}) == len(holders) + 1
            and count >= waiting.holders
        )

    def _proposed_by(self, waiting: Waiting, carried: CarriedOut) -> bool:
        body = waiting.body
        return (carried.key, carried.holder) == (body.key, self.known[body.member, body.key].holder)


def acts_of(bundle: Bundle, known: dict[KeyName, Key]) -> Acts:
    """The acts of a bundle, before its first transaction. `known`: keys of the genesis file."""
    kind: Any = LeftEvent
    events = [(proof.block, decode_strict(proof.item, kind)) for proof in bundle.events]
    return Acts(known, len({member for member, _ in known}), events)


def key_of(new: AddKey | NewKey) -> Key:
    """The record of a key as it is registered."""
    return Key(
        suite=ED25519, public=new.public, holder=new.holder, kind=new.kind, scopes=new.scopes,
        expires_ms=new.expires_ms,
    )  # fmt: skip


def _shown(event: KeyRegistered) -> Key:
    return Key(
        suite=ED25519, public=event.public, holder=event.holder, kind=event.kind, scopes=event.scopes,
        expires_ms=event.expires_ms,
    )  # fmt: skip
