"""From a request's transactions to their outcomes: a bounded queue, turns between members, one writer.

The event loop counts what waits and refuses what is too much. One thread takes what waits as a group, has
its signatures checked elsewhere while the engine executes and stores the group before, and answers a group at
once.
Nothing taken in is dropped: whoever hung up finds the outcome under the same bytes.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Protocol, TypeVar

from hansa.kernel import encode
from hansa.kernel.apply import Incident
from hansa.kernel.evidence import Acknowledgement, Promise, SignedAcknowledgement, acknowledge
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer
from hansa.kernel.types import Struct
from hansa.node import errors, limits
from hansa.node.checking import Checking
from hansa.node.fair import Fair
from hansa.node.logs import Sparse, note
from hansa.node.metrics import Metrics
from hansa.node.settings import Limits
from hansa.node.wires import NOBODY, Claim, claim


class Engine(Protocol):
    """What orders and stores: hansa.engines.embedded.Embedded. Used by the writer's thread alone."""

    @property
    def height(self) -> int: ...

    @property
    def time_ms(self) -> int: ...

    @property
    def incidents(self) -> list[Incident]: ...

    def submit(self, wires: Sequence[bytes]) -> list[Receipt]: ...

    def wake(self) -> None: ...

    def next_due_ms(self) -> int | None: ...


class Submitted(Struct):
    """Answer to a request: an outcome per transaction, and the node's promise of those on the ledger."""

    receipts: tuple[Receipt, ...]
    acknowledgement: SignedAcknowledgement | None = None
    """None where nothing of the request rests on the ledger: all was refused at the door."""


@dataclass(slots=True, eq=False)
class Handed:
    """A request's transactions on their way."""

    wires: list[bytes]
    claims: list[Claim]
    size: int
    answer: "asyncio.Future[bytes]"
    since: float
    receipts: list[Receipt | None] = field(default_factory=list)
    left: int = 0
    failed: Refusal | None = None


H = TypeVar("H")
Item = tuple[Handed, int]
"""A transaction by its request and its place there."""


@dataclass(slots=True)
class Group:
    """Transactions that are decided together. The same bytes twice are one transaction with one outcome."""

    count: int
    places: dict[bytes, list[Item]]
    since: float

    def claims(self) -> dict[bytes, Claim]:
        return {wire: at[0][0].claims[at[0][1]] for wire, at in self.places.items()}


class Admission:
    """The queue in front of one engine. `offer` and `check_room` are called on the event loop."""

    def __init__(
        self,
        engine: Engine,
        node: Signer,
        chain: str,
        checking: Checking,
        metrics: Metrics,
        bounds: Limits,
        clock: Callable[[], int],
    ) -> None:
        self._engine, self._node, self._chain = engine, node, chain
        self._checking, self._metrics, self._bounds, self._clock = checking, metrics, bounds, clock
        self._inbox: SimpleQueue[Handed | threading.Event | None] = SimpleQueue()
        self._fair: Fair[Item] = Fair()
        self._refusals = Sparse(limits.REFUSALS_LOGGED_PER_S)
        self._thread = threading.Thread(target=self._write, name="writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_block: Callable[[], None] = lambda: None
        self._stopping = False
        self.failed = False
        self.alive_s = time.monotonic()
        """When the writer last said that it goes on."""
        self.due_ms: int | None = None
        """When the next work falls due, by the newest block."""
        self._due_again_s = 0.0
        """Due work that was refused, since the engine stands still, is not tried before."""
        self._wakers: list[threading.Event] = []
        self._current: Group | None = None
        self._ahead: Group | None = None
        """The group that is decided, and the one whose signatures are checked meanwhile."""
        self.waiting = self.waiting_bytes = 0
        self._by_member: Counter[str] = Counter()
        self._by_key: Counter[Claim] = Counter()
        self._per_second = 1_000.0

    # On the event loop.

    def start(self, loop: asyncio.AbstractEventLoop, on_block: Callable[[], None]) -> None:
        """Let the writer run; `on_block` is called on the loop after each new block."""
        self._loop, self._on_block = loop, on_block
        self._checking.start()
        self._thread.start()

    async def stop(self) -> None:
        """Decide what waits, then end the writer."""
        self._stopping = True
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)
        self._checking.close()

    def wake(self) -> None:
        """Make what is due now; returns when it is durable. Not for the threads of loop and writer."""
        done = threading.Event()
        self._inbox.put(done)
        while not done.wait(0.1) and self._thread.is_alive():
            pass

    def retry_s(self) -> int:
        """Seconds after which there is likely room again."""
        return max(1, min(limits.RETRY_AFTER_MAX_S, round(self.waiting / self._per_second + 0.5)))

    def check_room(self, size: int) -> None:
        """Before a body is read. Raises QueueFull, Stopping or WriterFailed."""
        if self._stopping:
            raise errors.Stopping()
        if self.failed:
            raise errors.WriterFailed()
        full = (
            self.waiting >= self._bounds.queue_transactions
            or self.waiting_bytes + size > self._bounds.queue_bytes
        )
        if full:
            raise errors.QueueFull(retry_s=self.retry_s())

    def offer(self, wires: list[bytes]) -> "asyncio.Future[bytes]":
        """Take a request's transactions in, all or none; the future has the encoded `Submitted`.

        Raises what `check_room` does, MemberBusy or KeyBusy; the future, what stopped the engine.
        """
        assert self._loop is not None
        size = sum(map(len, wires))
        self.check_room(size)
        claims = [self._checking.known(claim(wire)) for wire in wires]
        self._check_shares(claims)
        handed = Handed(wires, claims, size, self._loop.create_future(), time.monotonic())
        handed.receipts = [None] * len(wires)
        handed.left = len(wires)
        self._count(handed, 1)
        self._inbox.put(handed)
        return handed.answer

    def _check_shares(self, claims: list[Claim]) -> None:
        bounds = self._bounds
        for own, count in _counted(claims):
            if self._by_key.get(own, 0) + count > bounds.queue_key and own is not NOBODY:
                raise errors.KeyBusy(
                    member=own.member, key=own.key, limit=bounds.queue_key, retry_s=self.retry_s()
                )
        for member, count in _counted([own.member for own in claims]):
            if self._by_member.get(member, 0) + count > bounds.queue_member:
                raise errors.MemberBusy(
                    member=member or "?", limit=bounds.queue_member, retry_s=self.retry_s()
                )

    def _count(self, handed: Handed, sign: int) -> None:
        self.waiting += sign * len(handed.wires)
        self.waiting_bytes += sign * handed.size
        for own in handed.claims:
            self._by_key[own] += sign
            self._by_member[own.member] += sign
            if sign < 0:
                if not self._by_key[own]:
                    del self._by_key[own]
                if not self._by_member[own.member]:
                    del self._by_member[own.member]

    def _answer(self, done: list[tuple[Handed, bytes]], new_block: bool) -> None:
        """A group was decided: its requests are answered at once."""
        now = time.monotonic()
        for handed, payload in done:
            self._count(handed, -1)
            self._metrics.wait_time.observe(now - handed.since)
            if handed.answer.done():
                continue  # Whoever sent it has hung up; its outcome is on the ledger.
            if handed.failed is not None:
                handed.answer.set_exception(handed.failed)
            else:
                handed.answer.set_result(payload)
        if new_block:
            self._on_block()

    # The writer's thread.

    def _write(self) -> None:
        going_on = True
        try:
            while going_on or self._fair.count or self._ahead is not None:
                going_on = self._collect(wait=going_on and self._ahead is None) and going_on
                self._do_due()
                self._answer_wakers()
                self._next_group()
                self.alive_s = time.monotonic()
        except Exception:
            # A mistake of the program: nobody may wait for an answer that never comes.
            self.failed = True
            self._engine.incidents.append(Incident("writer", "see the log"))
            note("writer failed", 40, trace=True)
            self._give_up()

    def _next_group(self) -> None:
        """Decide the group whose signatures were being checked, while those of the next one are."""
        current, self._current = self._ahead, self._ahead
        checked = {} if current is None else self._checking.receive()
        self._ahead = self._take()
        if self._ahead is not None:
            self._checking.send(self._ahead.claims())
        if current is not None:
            self._decide(current, checked)
            self._current = None

    def _take(self) -> Group | None:
        items = self._fair.take(self._bounds.group_transactions, limits.GROUP_BYTES_MAX)
        if not items:
            return None
        places: dict[bytes, list[Item]] = {}
        for item in items:
            places.setdefault(item[0].wires[item[1]], []).append(item)
        return Group(len(items), places, time.monotonic())

    def _collect(self, *, wait: bool) -> bool:
        """Take what came in; wait for it if nothing else is to be done. False: the node stops."""
        wait = wait and not self._fair.count
        try:
            handed = self._inbox.get(timeout=self._patience_s()) if wait else self._inbox.get_nowait()
            while True:
                if handed is None:
                    return False
                if isinstance(handed, threading.Event):
                    self._wakers.append(handed)
                else:
                    self._queue(handed)
                handed = self._inbox.get_nowait()
        except Empty:
            return True

    def _queue(self, handed: Handed) -> None:
        """Each transaction into its member's line, runs of the same member together."""
        start = 0
        for at in range(1, len(handed.wires) + 1):
            if at == len(handed.wires) or handed.claims[at].member != handed.claims[start].member:
                run = [((handed, place), len(handed.wires[place])) for place in range(start, at)]
                self._fair.add(handed.claims[start].member, run)
                start = at

    def _patience_s(self) -> float:
        """How long to wait for transactions: the clock may run faster than the wall's, so never for long."""
        return 1.0 if self.due_ms is None else max(0.0, min(1.0, (self.due_ms - self._clock()) / 1_000))

    def _answer_wakers(self) -> None:
        for waker in self._wakers:
            waker.set()
        self._wakers.clear()

    def _do_due(self) -> None:
        if time.monotonic() < self._due_again_s:
            return
        try:
            self.due_ms = self._engine.next_due_ms()
        except Refusal:
            self.due_ms = None
        if self.due_ms is None or self.due_ms > max(self._clock(), self._engine.time_ms):
            return
        before = self._engine.height
        try:
            self._engine.wake()
        except Refusal as refusal:
            note("due work waits", 30, code=refusal.code)
            self.due_ms, self._due_again_s = None, time.monotonic() + limits.DUE_RETRY_S
        else:
            self.due_ms = self._engine.next_due_ms()
        self._tell([], before)

    def _decide(self, group: Group, checked: dict[bytes, Receipt]) -> None:
        """Outcomes for a group: `checked` has those that need no engine."""
        before, started = self._engine.height, time.monotonic()
        self._metrics.check_time.observe(started - group.since)
        failed: Refusal | None = None
        outcomes = checked
        sound = [wire for wire in group.places if wire not in checked]
        try:
            outcomes = checked | dict(zip(sound, self._engine.submit(sound), strict=True))
        except Refusal as refusal:
            failed = refusal
        took_s = time.monotonic() - started
        self._metrics.commit_time.observe(took_s)
        tally: Counter[str] = Counter()
        done: list[Handed] = []
        for wire, items in group.places.items():
            receipt = outcomes.get(wire)
            if receipt is not None:
                tally[receipt.code] += len(items)
            for handed, place in items:
                handed.receipts[place] = receipt
                handed.failed = handed.failed or failed
                handed.left -= 1
                if not handed.left:
                    done.append(handed)
        self._tell(done, before)
        self._measure(group.count, tally, took_s, before, failed)

    def _tell(self, done: list[Handed], before: int) -> None:
        assert self._loop is not None
        new_block = self._engine.height != before
        if done or new_block:
            answers = [(handed, b"" if handed.failed else self._payload(handed.receipts)) for handed in done]
            self._loop.call_soon_threadsafe(self._answer, answers, new_block)

    def _payload(self, receipts: Sequence[Receipt | None]) -> bytes:
        """The answer to a request, with one signature over all of it that rests on the ledger."""
        given = tuple(receipt for receipt in receipts if receipt is not None)
        items = tuple(
            Promise(receipt.transaction, receipt.code, receipt.height, receipt.index, receipt.app_hash)
            for receipt in given
            if receipt.height
        )
        promise = acknowledge(self._node, Acknowledgement(self._chain, items)) if items else None
        return encode(Submitted(receipts=given, acknowledgement=promise))

    def _measure(
        self, count: int, tally: Counter[str], took_s: float, before: int, failed: Refusal | None
    ) -> None:
        self._per_second += 0.2 * (count / max(took_s, 1e-4) - self._per_second)
        self._metrics.group.observe(count)
        self._metrics.decided(tally)
        for code, times in tally.items():
            if code != "ok":
                self._refusals.note("refused", code=code, count=times)
        if failed is not None:
            self._refusals.note("not decided", 40, code=failed.code)
        if self._engine.height != before:
            note("block", height=self._engine.height, transactions=count, ms=round(took_s * 1_000, 1))

    def _give_up(self) -> None:
        """Answer all that wait that they were not decided."""
        assert self._loop is not None
        stuck = {id(handed): handed for own in self._fair.waiting.values() for (handed, _), _ in own}
        for group in (self._current, self._ahead):
            for items in () if group is None else group.places.values():
                stuck.update((id(handed), handed) for handed, _ in items)
        while True:
            try:
                handed = self._inbox.get_nowait()
            except Empty:
                break
            if isinstance(handed, Handed):
                stuck[id(handed)] = handed
        for handed in stuck.values():
            handed.failed = errors.WriterFailed()
        self._loop.call_soon_threadsafe(self._answer, [(handed, b"") for handed in stuck.values()], False)


def _counted(items: list[H]) -> Iterable[tuple[H, int]]:
    return ((items[0], 1),) if len(items) == 1 else Counter(items).items()
