"""The outbox: what a member wants on the ledger, kept in a file until it is there or was refused.

A transaction is signed and stored before it is sent, and the same bytes are sent until they have an outcome.
It is signed anew, with a new sequence number, only when the bytes signed before can never take effect: the
ledger's time has passed their `valid_until_ms`, and neither the node nor one's follower knows them, or they
lie there as expired (rule 6). So whatever is lost, repeated, reordered or killed, an entry takes effect once.

No node is believed. What lies on the ledger counts under the operator's signature: an acknowledgement, or a
proof. A refusal without a block has none, so its entry waits until its bytes can never count. The ledger's
time counts from headers that the operator signed, and a quorum where the genesis or a vote asks for one.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from hansa.client import outbox_errors as errors
from hansa.client.asking import TRANSACTIONS_PER_REQUEST_MAX, answered
from hansa.client.errors import AnswerUnusable, OtherChain
from hansa.client.operators import Authority, authority_of, operators_behind, url_of
from hansa.client.outbox_file import Entry, OutboxFile, State
from hansa.client.outbox_settling import Settling
from hansa.client.outbox_states import refused_so_far, state_after, state_of_passed
from hansa.client.transport import Delivery, Transport
from hansa.client.validators import Validators
from hansa.kernel import Action, Registry, encode, limits
from hansa.kernel.canonical import Malformed, NotCanonical, decode, decode_strict
from hansa.kernel.evidence import Promise, SignedAcknowledgement
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer
from hansa.kernel.transaction import identity, sign
from hansa.kernel.types import Natural

NEVER_TAKEN = frozenset(("node.promise_unfit", Malformed.code, NotCanonical.code))
"""What a follower says of an acknowledgement from which nothing ever follows."""
NOT_YET = "node.promise_early"
"""The follower's copy is not there yet."""
SIGNED_PER_FLUSH_MAX = 3
"""How often one flush signs an entry before it leaves it for the next."""

Progress = Callable[[int, int], None]
Cancel = Callable[[], bool]


@dataclass(frozen=True)
class Flushed:
    """What stands after a flush. `waiting`: sent, and may still count, refused so far or without an outcome;
    `queued`: not sent.
    """

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

    `trusted`: on a network, the file of what one knows of it (trust.py); None: the genesis file alone.
    Raises InUse, Unusable or OtherOwner.
    """

    def __init__(
        self, path: Path, *, chain: str, member: str, wait_s: float = 5.0, trusted: Path | None = None
    ) -> None:
        self.chain, self.member, self._trusted = chain, member, trusted
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

    def drop(
        self, number: int, transport: Transport | None = None, follower: Transport | None = None
    ) -> None:
        """Give up an entry. Raises EntryUnknown, EntryDone, or MayStillCount while it may take effect."""
        entry = self.entry(number)
        if entry.state == "done":
            raise errors.EntryDone(entry=number)
        if entry.state == "signed" and entry.sent:
            if transport is not None:
                found = self._operators(transport)
                if isinstance(found, Validators):
                    Settling(self._file, self.member, found, transport).settle(lambda actions: 0)
                else:
                    self._settle(transport, follower, found)
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
        """Give each acknowledgement to one's follower, once. How many were taken.

        One that the follower never takes is put aside with its reason (`put_aside`), one that it cannot judge
        yet waits; both let the others by. Raises any other Refusal, such as Unreachable; then the rest waits.
        """
        taken = 0
        for number, word in self.acknowledgements(unhanded=True):
            try:
                give(word)
            except Refusal as refusal:
                if refusal.code in NEVER_TAKEN:
                    self._file.put_aside(number, refusal.code)
                elif refusal.code != NOT_YET:
                    raise
            else:
                self._file.mark_handed(number)
                taken += 1
        return taken

    def put_aside(self) -> dict[int, str]:
        """Acknowledgements that the follower did not take, by number, and the code of its reason."""
        return self._file.aside()

    def export(self) -> Iterator[bytes]:
        """All entries and acknowledgements as lines of JSON, to be read without Hansa."""
        for entry in self.entries():
            yield encode({"entry": entry.as_dict()})
        yield from self._exported(self.acknowledgements())

    def _exported(self, words: Sequence[tuple[int, bytes]]) -> Iterator[bytes]:
        aside = self.put_aside()
        for number, word in words:
            reason = {"put_aside": aside[number]} if number in aside else {}
            yield encode({"acknowledgement": msgspec.json.decode(word), **reason})

    def prune(self, before_ms: int, archive: Path) -> int:
        """Take out what was put in before then and has its end, with acknowledgements of nothing else that
        are handed over. How many entries.

        Lines as `export` gives them are appended to the archive first, and are on disk before anything goes.
        Raises Unusable; then nothing is gone.
        """
        ended = self._file.ended(before_ms)
        if not ended:
            return 0
        gone = {entry.number for entry in ended}
        left = {entry.transaction for entry in self.entries() if entry.number not in gone}
        waiting = {number for number, _ in self.acknowledgements(unhanded=True)}
        words = [
            (number, word)
            for number, word in self.acknowledgements()
            if number not in waiting and not left & set(transactions_of(word))
        ]
        lines = [encode({"entry": entry.as_dict()}) for entry in ended]
        self._file.archive(archive, [*lines, *self._exported(words)])
        self._file.remove([*gone], [number for number, _ in words])
        return len(gone)

    def next_sequence(self, key: str, on_ledger: int) -> int:
        """The number that the next signature of a key takes. Raises SequenceFar.

        `on_ledger` is a node's word. Where numbers were signed that lie too far on to count, they are let by:
        a node that lied once has not stopped the outbox for ever.
        """
        furthest = on_ledger + limits.WINDOW_WIDTH
        following = max(self._file.last_sequence(key), on_ledger) + 1
        if following > furthest:  # All numbers between belong to bytes that can never take effect.
            near = self._file.last_signed(key, furthest) if self._file.in_flight(key) else 0
            following = max(near, on_ledger) + 1
        if following > furthest:
            raise errors.SequenceFar(key=key, ahead=following - on_ledger)
        return following

    # Sending.

    def flush(
        self,
        transport: Transport,
        pen: Pen,
        *,
        follower: Transport | None = None,
        progress: Progress = lambda done, whole: None,
        cancel: Cancel = lambda: False,
    ) -> Flushed:
        """Send what waits, until each entry has its outcome or was tried; then say what stands.

        `follower`: one's own, which is asked too before anything is signed anew; while it is away, nothing
        is. Raises the Refusal of a node that cannot be reached, is of another chain (OtherChain) or tells
        outcomes without the operator's word (AnswerUnusable): what is in the outbox stays there. `cancel` is
        asked between two requests.
        """
        operators = self._operators(transport)
        settling = self._begin(transport, pen, follower, operators)
        # Tried in vain: the next flush tries them again.
        undecided = {entry.number for entry in settling.open} if settling else set()
        signings: dict[int, int] = {}
        done = 0
        while not cancel():
            self._sign_queued(transport, pen, operators, signings)
            batch = [e for e in self.entries("signed") if e.number not in undecided]
            # One header proves all that was sent before it: on a network, all in flight at once.
            batch = batch[: limits.IN_FLIGHT_MAX if settling else TRANSACTIONS_PER_REQUEST_MAX]
            if not batch:
                again = settling.finish() if settling else set()
                if not again:
                    break
                undecided -= again  # What is proved never to count is signed anew.
                continue
            self._file.mark_sent([entry.number for entry in batch])
            delivery = transport.deliver([entry.wire for entry in batch])
            left = self._keep(batch, delivery, transport, operators)
            undecided |= left
            done += len(batch) - len(left)
            count = self._file.counts()
            progress(done, done + count["queued"] + count["signed"])
        return self.standing()

    def _begin(
        self, transport: Transport, pen: Pen, follower: Transport | None, operators: Authority
    ) -> Settling | None:
        """What the ledger's time has passed, by the word of who stands for it; on a network, by proof."""
        if not isinstance(operators, Validators):
            self._settle(transport, follower, operators)
            return None
        settling = Settling(self._file, self.member, operators, transport)
        settling.settle(lambda actions: self._put_once(pen, actions, settling))
        return settling

    def _put_once(self, pen: Pen, actions: Sequence[Action], settling: Settling) -> int:
        """As `put`, but for what waits already: so a node that takes nothing does not fill the outbox."""
        draft, tried = self.draft(pen.registry, actions), {entry.number for entry in settling.open}
        waiting = (e.number for e in self.entries("queued", "signed") if e.draft == draft)
        found = next((number for number in waiting if number not in tried), 0)
        return found or self._file.add(draft, pen.clock())

    def standing(self) -> Flushed:
        count = self._file.counts()
        return Flushed(count["done"], count["refused"], count["signed"], count["queued"])

    def _operators(self, transport: Transport) -> Authority:
        """Raises OtherChain."""
        found = identity_of(transport.genesis())
        if found != self.chain:
            raise OtherChain(url=url_of(transport), found=found[:12], expected=self.chain[:12])
        return authority_of(transport, self.chain, self._trusted)

    def _sign_queued(
        self, transport: Transport, pen: Pen, operators: Authority, signings: dict[int, int]
    ) -> None:
        """Sign as many of the waiting as may be in flight; all are on disk before the first is sent."""
        free = limits.IN_FLIGHT_MAX - self._file.in_flight(pen.key)
        queued = self._file.entries(("queued",), limits.IN_FLIGHT_MAX)
        chosen = [e for e in queued if signings.get(e.number, 0) < SIGNED_PER_FLUSH_MAX]
        if free <= 0 or not chosen:
            return
        asked = encode({"key": pen.key, "member": self.member})
        told = transport.query("consortium.sequence", asked)
        on_ledger = answered(url_of(transport), told, Natural)
        until_ms = max(pen.clock(), operators.shown_ms(transport)) + limits.HOUR_MS
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

    def _keep(
        self, batch: Sequence[Entry], delivery: Delivery, transport: Transport, operators: Authority
    ) -> set[int]:
        """Receipts decide, each its own transaction. Returns the entries that none decided.

        Raises AnswerUnusable if one tells of the ledger what the operator's word does not cover; the others
        are kept.
        """
        if not operators.signed_all(delivery.acknowledgements):
            operators = operators_behind(transport, self.chain, delivery.acknowledgements)
        said = {word: found for word in delivery.acknowledgements if (found := operators.word(word))}
        self._file.keep_acknowledgements(tuple(said))
        promised = {item for acknowledgement in said.values() for item in acknowledgement.items}
        told = [receipt for receipt in delivery.receipts if promise_of(receipt) not in promised]
        proved = operators.proved_all(transport, [each for each in told if each.height])
        decided: list[tuple[int, State, bytes]] = []
        uncovered: list[str] = []
        for entry, receipt in zip(batch, delivery.receipts, strict=True):
            covered = not receipt.height and receipt.code != "ok"
            if covered or promise_of(receipt) in promised or receipt in proved:
                decided.append((entry.number, state_after(receipt), encode(receipt)))
            else:
                uncovered.append(entry.transaction)
        self._file.decide(decided)
        if uncovered and not transport.shun():
            detail = f"no word of the operator, and no proof, on the outcome of transaction {uncovered[0]}"
            raise AnswerUnusable(url=url_of(transport), detail=detail)
        ended = {number for number, state, _ in decided if state != "signed"}
        return {entry.number for entry in batch} - ended

    def _settle(self, transport: Transport, follower: Transport | None, operators: Authority) -> None:
        """What the ledger's time has passed: its outcome, or, if nobody knows one, it never counts.

        Then what was refused without a block stays refused, and else it is signed anew. The time is read
        before the question, so that the answer is of a state in which it had passed.
        """
        signed = self.entries("signed")
        if not signed:
            return
        now_ms = operators.settled_ms(transport)
        passed = [entry for entry in signed if entry.valid_until_ms <= now_ms]
        asked = [(entry, transport.find(entry.transaction)) for entry in passed]
        for entry, found in asked:
            if found is None and follower is not None:
                try:
                    if operators.settled_ms(follower) < entry.valid_until_ms:
                        continue
                    found = follower.find(entry.transaction)
                except Refusal:
                    continue  # It may know more than the node tells: asked again by the next flush.
                if found is not None and not operators.proved(follower, found):
                    continue
            elif found is not None and not operators.proved(transport, found):
                continue  # The same bytes are sent again: the answer to them has the operator's word.
            state = state_of_passed(entry, found)
            kept = found or entry.receipt
            self._file.decide([(entry.number, state, b"" if kept is None else encode(kept))])


def transactions_of(word: bytes) -> list[str]:
    """Identities of the transactions that an acknowledgement is on."""
    return [item.transaction for item in decode(word, SignedAcknowledgement).acknowledgement.items]


def promise_of(receipt: Receipt) -> Promise:
    """What an acknowledgement that covers a receipt says."""
    return Promise(receipt.transaction, receipt.code, receipt.height, receipt.index, receipt.app_hash)


def identity_of(genesis: bytes) -> str:
    """The chain that a genesis file founds."""
    return hashlib.sha256(genesis).hexdigest()


def ledger_time_ms(transport: Transport, chain: str, trusted: Path | None = None) -> int:
    """Time of the newest block that its operator, or a network's validators, signed; 0 where none is shown.

    `trusted`: the file of what one knows of a network. Raises OtherChain.
    """
    return authority_of(transport, chain, trusted).shown_ms(transport)


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="seconds")


__all__ = ["Entry", "Flushed", "Outbox", "Pen", "State", "ledger_time_ms", "refused_so_far", "state_after"]
