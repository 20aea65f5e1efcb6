"""The outbox: what a member wants on the ledger, kept in a file until it is there or was refused.

A transaction is signed and stored before it is sent, and the same bytes are sent until they have an outcome.
It is signed anew, with a new sequence number, only when the bytes signed before can never take effect: the
ledger's time has passed their `valid_until_ms`, and the node does not know them or says that they expired
(rule 6). So whatever is lost, repeated, reordered or killed, an entry takes effect at most once.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from hansa.client import outbox_errors as errors
from hansa.client.errors import OtherChain
from hansa.client.exchange import TRANSACTIONS_PER_REQUEST_MAX
from hansa.client.outbox_file import Entry, OutboxFile, State
from hansa.client.transport import Transport
from hansa.kernel import Action, Registry, encode, limits
from hansa.kernel.apply import BlockFull
from hansa.kernel.canonical import decode, decode_strict
from hansa.kernel.evidence import SignedAcknowledgement, promised_by
from hansa.kernel.keys import Expired, Replayed, SequenceAhead
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer
from hansa.kernel.transaction import identity, sign

UNDECIDED = frozenset(kind.code for kind in (SequenceAhead, Replayed, BlockFull))
"""Answers after which the same bytes may still count, now or once the ledger's time has passed."""
SIGNED_PER_FLUSH_MAX = 3
"""How often one flush signs an entry before it leaves it for the next."""

Progress = Callable[[int, int], None]
Cancel = Callable[[], bool]


@dataclass(frozen=True)
class Flushed:
    """What stands after a flush. `waiting`: sent, without an outcome so far; `queued`: not sent."""

    done: int
    refused: int
    waiting: int
    queued: int


@dataclass(frozen=True)
class Pen:
    """What the outbox signs with."""

    registry: Registry
    key: str
    signer: Signer
    clock: Callable[[], int]


class Outbox:
    """A member's outbox on one chain. One process at a time; survives restarts and kill −9.

    Raises InUse, Unusable or OtherOwner.
    """

    def __init__(self, path: Path, *, chain: str, member: str, wait_s: float = 5.0) -> None:
        self.chain, self.member = chain, member
        self._file = OutboxFile(path, chain, member, wait_s)

    def __enter__(self) -> "Outbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    # Writing down.

    def put(self, registry: Registry, *actions: Action, now_ms: int = 0) -> int:
        """Keep one transaction's actions for sending; durable when this returns. Its number.

        Raises what a receiver would refuse in their form (Malformed and the like); then nothing is kept.
        """
        return self._file.add(self.draft(registry, actions), now_ms)

    def draft(self, registry: Registry, actions: Sequence[Action]) -> bytes:
        """Canonical bytes of a body that is not numbered and dated yet."""
        body = registry.body(
            chain=self.chain,
            member=self.member,
            key="k",
            sequence=1,
            valid_until_ms=0,
            actions=tuple(actions),
        )
        data = encode(body)
        decode_strict(data, registry.body)
        return data

    def drop(self, number: int, transport: Transport | None = None) -> None:
        """Give up an entry. Raises EntryUnknown, EntryDone, or MayStillCount while it may take effect."""
        entry = self.entry(number)
        if entry.state == "done":
            raise errors.EntryDone(entry=number)
        if entry.state == "signed" and entry.sent:
            if transport is not None:
                self._settle(transport)
                entry = self.entry(number)
            if entry.state == "done":
                raise errors.EntryDone(entry=number)
            if entry.state == "signed":
                raise errors.MayStillCount(entry=number, until=_utc(entry.valid_until_ms))
        self._file.set_state(number, "dropped")

    # Reading.

    def entries(self, *states: State) -> list[Entry]:
        """Entries in these states, or all, oldest first."""
        return self._file.entries(states)

    def entry(self, number: int) -> Entry:
        found = self._file.entry(number)
        if found is None:
            raise errors.EntryUnknown(entry=number)
        return found

    def acknowledgements(self, *, unhanded: bool = False) -> list[tuple[int, bytes]]:
        """What nodes signed about one's transactions, by number: canonical JSON, oldest first."""
        return self._file.acknowledgements(unhanded)

    def hand_over(self, give: Callable[[bytes], None]) -> int:
        """Give each acknowledgement to one's follower, once. How many were given."""
        waiting = self.acknowledgements(unhanded=True)
        for number, word in waiting:
            give(word)
            self._file.mark_handed(number)
        return len(waiting)

    def export(self) -> Iterator[bytes]:
        """All entries and acknowledgements as lines of JSON, to be read without Hansa."""
        for entry in self.entries():
            yield encode({"entry": entry.as_dict()})
        for _, word in self.acknowledgements():
            yield encode({"acknowledgement": msgspec.json.decode(word)})

    def next_sequence(self, key: str, on_ledger: int) -> int:
        """The number that the next signature of a key takes. Raises SequenceFar."""
        following = max(self._file.last_sequence(key), on_ledger) + 1
        if following <= on_ledger + limits.WINDOW_WIDTH:
            return following
        if self._file.in_flight(key):
            raise errors.SequenceFar(key=key, ahead=following - on_ledger)
        return on_ledger + 1  # All numbers between belong to bytes that can never take effect.

    # Sending.

    def flush(
        self,
        transport: Transport,
        pen: Pen,
        *,
        progress: Progress = lambda done, whole: None,
        cancel: Cancel = lambda: False,
    ) -> Flushed:
        """Send what waits, until each entry has its outcome or was tried; then say what stands.

        Raises the Refusal of a node that cannot be reached or is of another chain: what is in the outbox
        stays there. `cancel` is asked between two requests.
        """
        from hansa.client.operators import operator_keys  # Only who sends needs it; it loads much.

        self._check_chain(transport)
        self._settle(transport)
        operator = operator_keys(transport)
        undecided: set[int] = set()  # Tried in vain: the next flush tries them again.
        signings: dict[int, int] = {}
        done = 0
        while not cancel():
            self._sign_queued(transport, pen, signings)
            batch = [e for e in self.entries("signed") if e.number not in undecided]
            batch = batch[:TRANSACTIONS_PER_REQUEST_MAX]
            if not batch:
                break
            self._file.mark_sent([entry.number for entry in batch])
            delivery = transport.deliver([entry.wire for entry in batch])
            words = [w for w in delivery.acknowledgements if self._is_word(w, operator)]
            self._file.keep_acknowledgements(words)
            left = self._keep(batch, delivery.receipts)
            undecided |= left
            done += len(batch) - len(left)
            count = self._file.counts()
            progress(done, done + count["queued"] + count["signed"])
        return self.standing()

    def standing(self) -> Flushed:
        count = self._file.counts()
        return Flushed(count["done"], count["refused"], count["signed"], count["queued"])

    def _check_chain(self, transport: Transport) -> None:
        found = identity_of(transport.genesis())
        if found != self.chain:
            raise OtherChain(url=getattr(transport, "url", "-"), found=found[:12], expected=self.chain[:12])

    def _is_word(self, word: bytes, operator: Collection[bytes]) -> bool:
        """Whether these bytes are the operator's acknowledgement on this chain. Others are worth nothing."""
        try:
            signed = decode_strict(word, SignedAcknowledgement)
        except Refusal:
            return False
        ours = signed.acknowledgement.chain == self.chain
        return ours and any(promised_by(signed, public) for public in operator)

    def _sign_queued(self, transport: Transport, pen: Pen, signings: dict[int, int]) -> None:
        """Sign as many of the waiting as may be in flight; all are on disk before the first is sent."""
        free = limits.IN_FLIGHT_MAX - self._file.in_flight(pen.key)
        queued = self._file.entries(("queued",), limits.IN_FLIGHT_MAX)
        chosen = [e for e in queued if signings.get(e.number, 0) < SIGNED_PER_FLUSH_MAX]
        if free <= 0 or not chosen:
            return
        asked = encode({"key": pen.key, "member": self.member})
        on_ledger = msgspec.json.decode(transport.query("consortium.sequence", asked), type=int)
        until_ms = max(pen.clock(), ledger_time_ms(transport, self.chain)) + limits.HOUR_MS
        signed: list[tuple[int, bytes, str, int, int]] = []
        first = self.next_sequence(pen.key, on_ledger)
        room = on_ledger + limits.WINDOW_WIDTH + 1 - first
        for sequence, entry in enumerate(chosen[: min(free, room)], first):
            wire = sign(
                pen.registry,
                pen.signer,
                chain=self.chain,
                member=self.member,
                key=pen.key,
                sequence=sequence,
                valid_until_ms=until_ms,
                actions=decode(entry.draft, pen.registry.body).actions,
            )
            signed.append((entry.number, wire, identity(wire), sequence, until_ms))
            signings[entry.number] = signings.get(entry.number, 0) + 1
        self._file.keep_signed(pen.key, signed)

    def _keep(self, batch: Sequence[Entry], receipts: Sequence[Receipt]) -> set[int]:
        """Receipts decide, each its own transaction. Returns the entries that none decided."""
        decided: list[tuple[int, State, bytes]] = []
        for entry, receipt in zip(batch, receipts, strict=True):
            state = state_after(receipt)
            if state != "signed":
                decided.append((entry.number, state, encode(receipt)))
        self._file.decide(decided)
        return {entry.number for entry in batch} - {number for number, _, _ in decided}

    def _settle(self, transport: Transport) -> None:
        """What the ledger's time has passed: its outcome, or, if the node knows none, it is signed anew.

        The time is read before the question, so that the answer is of a state in which it had passed.
        """
        signed = self.entries("signed")
        if not signed:
            return
        now_ms = ledger_time_ms(transport, self.chain)
        for entry in signed:
            if entry.valid_until_ms <= now_ms:
                found = transport.find(entry.transaction)
                state = "queued" if found is None or found.code in UNDECIDED else state_after(found)
                self._file.decide([(entry.number, state, b"" if found is None else encode(found))])


def state_after(receipt: Receipt) -> State:
    """Where a receipt leaves its entry."""
    if receipt.code == "ok":
        return "done"
    if receipt.code == Expired.code and receipt.height:
        return "queued"  # Its sequence is used up without effect: it can be signed anew.
    return "signed" if receipt.code in UNDECIDED else "refused"


def identity_of(genesis: bytes) -> str:
    """The chain that a genesis file founds."""
    return hashlib.sha256(genesis).hexdigest()


def ledger_time_ms(transport: Transport, chain: str) -> int:
    """Time of the newest block, 0 before the first. Raises OtherChain."""
    head = transport.head()
    if head is None:
        return 0
    if head.header.chain != chain:
        url = getattr(transport, "url", "-")
        raise OtherChain(url=url, found=head.header.chain[:12], expected=chain[:12])
    return head.header.time_ms


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="seconds")


__all__ = ["Entry", "Flushed", "Outbox", "Pen", "State", "ledger_time_ms"]
