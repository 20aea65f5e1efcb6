"""From a request's transactions to their outcomes: signatures, turns between members, one writer.

The event loop counts what waits (`shares`) and refuses what is too much. One thread has the signatures of
what comes in checked elsewhere, while the engine executes and stores a group of those that held. What is
signed waits in its member's line, all else in nobody's. A group is answered at once.
Nothing taken in is dropped: whoever hung up finds the outcome under the same bytes.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from hansa.engines.embedded import Ordered
from hansa.kernel.apply import Incident
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer
from hansa.node import errors, limits
from hansa.node.answers import Answers
from hansa.node.checking import Checking
from hansa.node.fair import Fair
from hansa.node.logs import Sparse, note
from hansa.node.metrics import Metrics
from hansa.node.settings import Limits
from hansa.node.shares import Handed, Run, Shares, runs_of
from hansa.node.signing import Signing
from hansa.node.wires import NOBODY, Claim


class Engine(Protocol):
    """What orders and stores: hansa.engines.embedded.Embedded. The writer's thread calls all but `show`."""

    @property
    def height(self) -> int: ...

    @property
    def time_ms(self) -> int: ...

    @property
    def incidents(self) -> list[Incident]: ...

    def order(self, wires: Sequence[bytes]) -> Ordered: ...

    def show(self) -> None: ...

    def wake(self) -> None: ...

    def next_due_ms(self) -> int | None: ...


Highest = Callable[[Claim], int]
"""The highest sequence number that the ledger holds of a key that it knows."""
Item = tuple[Handed, int]
"""A transaction by its request and its place there."""
NOBODYS = ""
"""The line of what nobody signed, or what the ledger may hold already."""


@dataclass(slots=True)
class Group:
    """Transactions that are decided together. The same bytes twice are one transaction with one outcome."""

    count: int
    places: dict[bytes, list[Item]]


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
        highest: Highest,
        guarded: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`guarded`: within it a fault of the machine stops the engine, which then says why to everybody."""
        self._guarded = guarded
        self._engine, self._ask_highest = engine, highest
        self._answers = Answers(chain, Signing(node), engine.show, self._hand_out, self._fail)
        self._checking, self._metrics, self._bounds, self._clock = checking, metrics, bounds, clock
        self._inbox: SimpleQueue[Handed | threading.Event | None] = SimpleQueue()
        self._shares = Shares(bounds)
        self._unchecked: Fair[Handed] = Fair(turn=1)
        """Requests by address; the size of each is its number of transactions."""
        self._fair: Fair[Item] = Fair()
        """Transactions whose turn to be decided comes, by member."""
        self._highest: dict[Claim, int] = {}
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
        self._checked: list[Handed] = []
        """The group that is decided, and the requests whose signatures are checked meanwhile."""
        self._sent_s = 0.0
        self._per_second = 1_000.0

    # On the event loop.

    def start(self, loop: asyncio.AbstractEventLoop, on_block: Callable[[], None]) -> None:
        """Let the writer run; `on_block` is called on the loop after each new block."""
        self._loop, self._on_block = loop, on_block
        self._checking.start()
        self._answers.start()
        self._thread.start()

    async def stop(self) -> None:
        """Decide what waits, then end the writer."""
        self._stopping = True
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._answers.stop)
        self._checking.close()

    def wake(self) -> None:
        """Make what is due now; returns when it is durable. Not for the threads of loop and writer."""
        done = threading.Event()
        self._inbox.put(done)
        while not done.wait(0.1) and self._thread.is_alive():
            pass

    @property
    def waiting(self) -> int:
        """Transactions that wait or are decided."""
        return self._shares.waiting

    @property
    def waiting_bytes(self) -> int:
        return self._shares.waiting_bytes

    def retry_s(self) -> int:
        """Seconds after which there is likely room again."""
        return max(1, min(limits.RETRY_AFTER_MAX_S, round(self.waiting / self._per_second + 0.5)))

    def check_room(self, size: int, address: str = "") -> None:
        """Before a body is read. Raises AddressBusy, QueueFull, Stopping or WriterFailed."""
        if self._stopping:
            raise errors.Stopping()
        if self.failed:
            raise errors.WriterFailed()
        if self._shares.is_full(size):
            raise errors.QueueFull(retry_s=self.retry_s())
        self._shares.check_source(address, 1, size, self.retry_s)

    def offer(self, wires: list[bytes], address: str = "") -> "asyncio.Future[bytes]":
        """Take a request's transactions in, all or none; the future has the encoded `Submitted`.

        Raises what `check_room` does, MemberBusy or KeyBusy; the future, what stopped the engine.
        """
        assert self._loop is not None
        size, shares = sum(map(len, wires)), self._shares
        self.check_room(size, address)
        shares.check_source(address, len(wires), size, self.retry_s)
        runs = runs_of(wires)
        shares.check_signers(runs, self.retry_s)
        handed = Handed(
            wires, runs, size, address, shares.source(address), self._loop.create_future(), time.monotonic(),
            [None] * len(wires), len(wires),
        )  # fmt: skip
        shares.take(handed)
        self._inbox.put(handed)
        return handed.answer

    def _prove(self, proved: list[Handed]) -> None:
        for handed in proved:
            self._shares.prove(handed)

    def _answer(self, done: list[tuple[Handed, bytes]], new_block: bool) -> None:
        """A group was decided: its requests are answered at once."""
        now = time.monotonic()
        for handed, payload in done:
            self._shares.give_back(handed)
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
            while going_on or self._is_busy():
                self._let_loop_on()
                going_on = self._collect(wait=going_on and not self._is_busy()) and going_on
                self._do_due()
                self._answer_wakers()
                self._next_group()
                self.alive_s = time.monotonic()
        except Exception as error:
            # A mistake of the program: nobody may wait for an answer that never comes.
            note("writer failed", 40, trace=True)
            self._fail(error)
            self._give_up()

    def _let_loop_on(self) -> None:
        """Where many wait, let the loop take in what lies at its sockets before the next group is decided.

        Beside a writer at work it gets little of the interpreter, groups stay small, and every block costs.
        """
        assert self._loop is not None
        whole = self._fair.count >= self._bounds.group_transactions
        if whole or self.waiting < limits.LOOP_TURN_AT:
            return
        turn = threading.Event()
        self._loop.call_soon_threadsafe(turn.set)
        turn.wait(limits.LOOP_TURN_MAX_S)

    def _fail(self, error: Exception) -> None:
        self.failed = True
        self._engine.incidents.append(Incident("writer", type(error).__name__, at_ms=self._clock()))

    def _is_busy(self) -> bool:
        return bool(self._checked or self._fair.count or self._unchecked.count)

    def _next_group(self) -> None:
        """Decide a group of what is signed, while the signatures of what came in since are checked."""
        if self._checked:
            self._sort(self._checking.receive())
        # Half of what is there, so that checking and deciding take about as long, and neither waits.
        at_once = min(limits.CHECKED_AT_ONCE_MAX, max(limits.CHECKED_AT_ONCE_MIN, self.waiting // 2))
        self._checked = self._unchecked.take(at_once, at_once)
        if self._checked:
            self._sent_s = time.monotonic()
            self._checking.send(
                {
                    wire: run.own
                    for handed in self._checked
                    for run in handed.runs
                    for wire in handed.wires[run.start : run.end]
                }
            )
        self._current = self._take()
        if self._current is not None:
            self._decide(self._current)

    def _sort(self, wrong: dict[bytes, Receipt]) -> None:
        """Requests whose signatures were checked: into the lines of their signers, or into nobody's."""
        self._metrics.check_time.observe(time.monotonic() - self._sent_s)
        proved: list[Handed] = []
        done: list[Handed] = []
        tally: Counter[str] = Counter()
        for handed in self._checked:
            places: Sequence[int] = range(len(handed.wires))
            if wrong:
                for place in places:
                    handed.receipts[place] = receipt = wrong.get(handed.wires[place])
                    if receipt is not None:
                        tally[receipt.code] += 1
                        handed.left -= 1
                places = [place for place in places if handed.receipts[place] is None]
            if len(places) == len(handed.wires) and all(map(self._is_new, handed.runs)):
                proved.append(handed)
                for run in handed.runs:
                    self._queue(run.own.member, handed, range(run.start, run.end))
            elif places:
                self._queue(NOBODYS, handed, places)
            else:
                done.append(handed)
        self._checked = []
        if proved:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._prove, proved)
        self._tell(done, self._engine.height)
        self._count_codes(tally)

    def _queue(self, line: str, handed: Handed, places: Sequence[int]) -> None:
        self._fair.add(line, [((handed, place), len(handed.wires[place])) for place in places])

    def _is_new(self, run: Run) -> bool:
        """Whether it is no replay of what the ledger holds. Its signatures held, if its key is known."""
        if self._checking.known(run.own) is NOBODY:
            return False
        highest = self._highest.get(run.own)
        if highest is None:
            try:
                with self._guarded():
                    highest = self._highest[run.own] = self._ask_highest(run.own)
            except Refusal:
                return False
            if len(self._highest) > limits.KNOWN_KEYS_MAX:
                del self._highest[next(iter(self._highest))]
        return run.newest > highest

    def _take(self) -> Group | None:
        items = self._fair.take(self._bounds.group_transactions, limits.GROUP_BYTES_MAX)
        if not items:
            return None
        places: dict[bytes, list[Item]] = {}
        for item in items:
            places.setdefault(item[0].wires[item[1]], []).append(item)
        return Group(len(items), places)

    def _collect(self, *, wait: bool) -> bool:
        """Take what came in; wait for it if nothing else is to be done. False: the node stops."""
        try:
            handed = self._inbox.get(timeout=self._patience_s()) if wait else self._inbox.get_nowait()
            while True:
                if handed is None:
                    return False
                if isinstance(handed, threading.Event):
                    self._wakers.append(handed)
                else:
                    self._unchecked.add(handed.address, [(handed, len(handed.wires))])
                handed = self._inbox.get_nowait()
        except Empty:
            return True

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
            with self._guarded():
                self.due_ms = self._engine.next_due_ms()
        except Refusal:
            self.due_ms = None
        if self.due_ms is None or self.due_ms > max(self._clock(), self._engine.time_ms):
            return
        before = self._engine.height
        try:
            with self._guarded():
                self._engine.wake()
                self.due_ms = self._engine.next_due_ms()
        except Refusal as refusal:
            note("due work waits", 30, code=refusal.code)
            self.due_ms, self._due_again_s = None, time.monotonic() + limits.DUE_RETRY_S
        self._tell([], before)

    def _decide(self, group: Group) -> None:
        """Outcomes for a group."""
        before, started = self._engine.height, time.monotonic()
        failed: Refusal | None = None
        outcomes: Sequence[Receipt | None] = [None] * len(group.places)
        try:
            with self._guarded():
                outcomes, failed = self._engine.order(list(group.places))
        except Refusal as refusal:
            failed = refusal
        took_s = time.monotonic() - started
        self._metrics.commit_time.observe(took_s)
        tally: Counter[str] = Counter()
        done: list[Handed] = []
        for items, receipt in zip(group.places.values(), outcomes, strict=True):
            if receipt is not None:
                tally[receipt.code] += len(items)
            for handed, place in items:
                handed.receipts[place] = receipt
                if receipt is None:
                    handed.failed = handed.failed or failed
                handed.left -= 1
                if not handed.left:
                    done.append(handed)
                    self._note_highest(handed)
        self._current = None  # Answered from here on by others, whatever happens to the writer.
        self._tell(done, before)
        self._measure(group.count, tally, took_s, before, failed)

    def _note_highest(self, handed: Handed) -> None:
        for run in handed.runs:
            receipt = handed.receipts[run.end - 1]
            if receipt is not None and receipt.height and run.newest > self._highest.get(run.own, run.newest):
                self._highest[run.own] = run.newest

    def _tell(self, done: list[Handed], before: int) -> None:
        new_block = self._engine.height != before
        if done or new_block:
            self._answers.put(done, new_block)

    def _hand_out(self, answers: list[tuple[Handed, bytes]], new_block: bool) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._answer, answers, new_block)

    def _measure(
        self, count: int, tally: Counter[str], took_s: float, before: int, failed: Refusal | None
    ) -> None:
        self._per_second += 0.2 * (count / max(took_s, 1e-4) - self._per_second)
        self._metrics.group.observe(count)
        self._count_codes(tally)
        if failed is not None:
            self._refusals.note("not decided", 40, code=failed.code)
        if self._engine.height != before:
            note("block", height=self._engine.height, transactions=count, ms=round(took_s * 1_000, 1))

    def _count_codes(self, tally: Counter[str]) -> None:
        self._metrics.decided(tally)
        for code, times in tally.items():
            if code != "ok":
                self._refusals.note("refused", code=code, count=times)

    def _give_up(self) -> None:
        """Answer all that wait that they were not decided."""
        assert self._loop is not None
        stuck = {id(handed): handed for own in self._fair.waiting.values() for (handed, _), _ in own}
        stuck.update((id(handed), handed) for own in self._unchecked.waiting.values() for handed, _ in own)
        stuck.update((id(handed), handed) for handed in self._checked)
        for items in () if self._current is None else self._current.places.values():
            stuck.update((id(handed), handed) for handed, _ in items)
        self._loop.call_soon_threadsafe(self._abandon, stuck)

    def _abandon(self, stuck: dict[int, Handed]) -> None:
        """On the loop: what was offered before it is in the inbox, what comes after is refused."""
        while True:
            try:
                handed = self._inbox.get_nowait()
            except Empty:
                break
            if isinstance(handed, Handed):
                stuck[id(handed)] = handed
        for handed in stuck.values():
            handed.failed = errors.WriterFailed()
        self._answer([(handed, b"") for handed in stuck.values()], False)
