"""The blocks of a ledger as evidence needs them: what each transaction did, and the events that show it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from hansa.apps.consortium.messages_approvals import Approve, CarriedOut, Held
from hansa.client import Client
from hansa.client.bodies import read
from hansa.client.trails import LeftEvent, Trail, is_left, left_by_action, left_by_event
from hansa.kernel import merkle
from hansa.kernel.canonical import decode
from hansa.kernel.messages import Outcome
from hansa.kernel.transaction import Transaction, identity

EVENTS_PER_READ = 10_000
EMPTY = merkle.root([]).hex()


class Act(NamedTuple):
    """A transaction that was not refused, and what it did."""

    transaction: Transaction
    left: tuple[Trail, ...]
    """Of its actions, and of those that it carried out."""
    events: tuple[int, ...]
    """The events that show it: their indices in the block."""
    done: tuple[tuple[str, Any], ...]
    """(member, action): those that took effect."""
    needs: tuple[Trail, ...]
    """Others without which it shows nothing: what was held, and who else approved it."""


class Blocks:
    """Each block is read once. `held_at`: heights at which a transaction was held back, by its identity."""

    def __init__(self, client: Client, held_at: Callable[[str], list[int]]) -> None:
        self._transport = client.transport
        self._held_at = held_at
        self._acts: dict[int, dict[int, Act]] = {}
        self._transactions: dict[int, dict[int, Transaction]] = {}
        self._events: dict[int, list[tuple[int, LeftEvent]]] = {}

    def acts(self, height: int) -> dict[int, Act]:
        """What the transactions of a block did, by index in the block; without those that were refused."""
        if height not in self._acts:
            walk = _Walk(self.events(height), self.waiting)
            transactions = self.transactions(height)
            self._acts[height] = {index: walk.act(transactions[index]) for index in transactions}
        return self._acts[height]

    def events(self, height: int) -> list[tuple[int, LeftEvent]]:
        """The events of a block that evidence may carry, each with its index."""
        if height not in self._events:
            kind: Any = LeftEvent
            decoder = msgspec.json.Decoder(kind)
            found: list[tuple[int, LeftEvent]] = []
            after, more = -1, True
            while more:
                page = self._transport.events_after(height, after, EVENTS_PER_READ)
                own = [(index, data) for at, index, data in page if at == height]
                found += [(index, decoder.decode(data)) for index, data in own if is_left(data)]
                more = len(own) == EVENTS_PER_READ
                after = own[-1][0] if own else after
            self._events[height] = found
        return self._events[height]

    def transactions(self, height: int) -> dict[int, Transaction]:
        """The transactions of a block that were not refused, by index."""
        if height not in self._transactions:
            found: dict[int, Transaction] = {}
            index, size = 0, 0 if self._is_empty(height) else 1
            while index < size:
                outcome = self._transport.prove("outcome", height, index)
                size = outcome.within_block.size
                if decode(outcome.item, Outcome).code == "ok":
                    found[index] = read(self._transport.prove("transaction", height, index).item)
                index += 1
            self._transactions[height] = found
        return self._transactions[height]

    def _is_empty(self, height: int) -> bool:
        """Whether a block has no transactions: time alone did what its events say."""
        for index, _ in self.events(height)[:1]:
            return self._transport.prove("event", height, index).block.transactions_root == EMPTY
        return False

    def waiting(self, name: str) -> Transaction | None:
        """A transaction that was held back."""
        for height in self._held_at(name):
            for transaction in self.transactions(height).values():
                if identity(transaction.wire) == name:
                    return transaction
        return None


class _Walk:
    """Goes through a block's transactions and events side by side: both stand in the order of execution."""

    def __init__(
        self, events: list[tuple[int, LeftEvent]], waiting: Callable[[str], Transaction | None]
    ) -> None:
        self._events = events
        self._waiting = waiting
        self._at = 0
        self._held = {event.transaction for _, event in events if isinstance(event, Held)}

    def act(self, transaction: Transaction) -> Act:
        """What the next transaction of the block did."""
        body, name = transaction.body, identity(transaction.wire)
        if name in self._held:
            held = ("held", name, body.member)
            return Act(transaction, (held,), tuple(self._seek(held)), (), ())
        left: list[Trail] = []
        events: list[int] = []
        done: list[tuple[str, Any]] = []
        needs: list[Trail] = []

        def do(action: Any) -> None:
            trails = left_by_action(body.member, action)
            found = [index for trail in trails for index in self._seek(trail)]
            if trails and len(found) == len(trails):
                left.extend(trails)
                events.extend(found)
                done.append((body.member, action))

        for action in body.actions:
            do(action)
            carried = self._carried(action.held, name) if isinstance(action, Approve) else None
            waiting = self._waiting(carried.held) if carried is not None else None
            if carried is not None and waiting is not None:
                for held_action in waiting.body.actions:
                    do(held_action)
                events.extend(self._seek(left_by_event(carried)))
                needs += [("held", carried.held, body.member), ("approval", carried.held)]
        return Act(transaction, tuple(left), tuple(events), tuple(done), tuple(needs))

    def _seek(self, trail: Trail) -> list[int]:
        """Index of the next event with this trail, and on behind it; none: stay."""
        for at in range(self._at, len(self._events)):
            if left_by_event(self._events[at][1]) == trail:
                self._at = at + 1
                return [self._events[at][0]]
        return []

    def _carried(self, held: str, name: str) -> CarriedOut | None:
        """The event that says that this transaction's approval carried out the held one."""
        for _, event in self._events[self._at :]:
            if isinstance(event, CarriedOut) and event.held == held and event.approvals:
                return event if event.approvals[-1].transaction == name else None
        return None
