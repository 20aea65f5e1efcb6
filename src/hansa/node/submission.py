"""From a request's transactions to their places in blocks that the members' engines agree on.

What comes in is looked at in a thread (form, key, signature, known or not), waits in its member's line, and
flies, as much as the engine takes well, until a block has it. Nothing counts before it is in a block, and the
same bytes count once: so whoever heard nothing sends them again, here or at another member's node.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import NamedTuple, Protocol

from hansa.engines.reading import receipt
from hansa.kernel import encode
from hansa.kernel.apply import Applied, BlockFull, Incident
from hansa.kernel.canonical import Malformed
from hansa.kernel.keys import Expired, KeyExpired, KeyRevoked, Replayed
from hansa.kernel.messages import Outcome, Receipt
from hansa.kernel.refusal import Refusal
from hansa.kernel.transaction import identity
from hansa.node import errors, limits, wires
from hansa.node.answers import Submitted
from hansa.node.engine_rpc import IN_CACHE
from hansa.node.errors_engine import EngineAway, Undecided
from hansa.node.fair import Fair
from hansa.node.flight import Flight
from hansa.node.logs import Sparse, note
from hansa.node.metrics import Metrics
from hansa.node.settings import Limits
from hansa.node.shares import Handed, Run, Shares, runs_of

Item = tuple[Handed, int]
"""A transaction by its request and its place there."""
ENDED = {one.code for one in (Replayed, Expired, KeyExpired, KeyRevoked, Malformed)}
"""Refused so once, refused for good."""
ANSWERS_EVERY_S = 1.0
AWAY_AGAIN_S = 0.5
RATE_WEIGHT = 0.2


class Looked(NamedTuple):
    """What a look at a transaction says: whose it is, or why it need not be handed in."""

    member: str
    receipt: Receipt | None = None
    """Its first outcome, where the ledger holds the bytes; or a refusal, which leaves no trace."""


Look = Callable[[Sequence[bytes]], list[Looked]]
"""Looks at transactions by the newest block, in a thread. Raises a Refusal where nothing can be read."""


class Engine(Protocol):
    """The engine's RPC, as far as transactions go."""

    async def hand_in(self, wires: Sequence[bytes]) -> list[str]: ...


class Submission:
    """The queue in front of a network engine. All but `decided` is called on the event loop."""

    def __init__(self, engine: Engine, look: Look, metrics: Metrics, bounds: Limits) -> None:
        self._engine, self._look, self._metrics, self._bounds = engine, look, metrics, bounds
        self._shares = Shares(bounds)
        self._unchecked: Fair[Handed] = Fair(turn=1)
        """Requests by address; the size of each is its number of transactions."""
        self._lines: Fair[Item] = Fair()
        """Transactions whose turn comes, by member."""
        self.flight: Flight[Item] = Flight()
        self._requests: dict[int, Handed] = {}
        self._news, self._to_check = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hold_until_s = 0.0
        """The mempool was full: nothing is handed in before the next block, or this."""
        self.away_since_s = 0.0
        """Since when the engine does not answer; 0: it does."""
        self._cause = ""
        self._per_second = 0.0
        self._decided, self._counting_s = 0, time.monotonic()
        """Transactions decided since then."""
        self._refusals = Sparse(limits.REFUSALS_LOGGED_PER_S)
        self._stopping = self.failed = False
        self.incidents: list[Incident] = []

    # Life.

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks = [
            asyncio.create_task(self._guarded(work)) for work in (self._check, self._hand_in, self._watch)
        ]

    async def stop(self) -> None:
        """Tell all that wait that their transactions may still be decided; end."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for handed in list(self._requests.values()):
            self._fail(handed, errors.Stopping())

    @property
    def waiting(self) -> int:
        """Transactions that wait or fly."""
        return self._shares.waiting

    @property
    def waiting_bytes(self) -> int:
        return self._shares.waiting_bytes

    def retry_s(self) -> int:
        """Seconds after which there is likely room again."""
        expected = self.waiting / self._per_second if self._per_second > 0 else 0.0
        return max(1, min(limits.RETRY_AFTER_MAX_S, round(expected + 0.5)))

    # Requests.

    def check_room(self, size: int, address: str = "") -> None:
        """Before a body is read. Raises Stopping, WriterFailed, EngineAway, QueueFull, AddressBusy."""
        if self._stopping:
            raise errors.Stopping()
        if self.failed:
            raise errors.WriterFailed()
        if self.away_since_s and time.monotonic() - self.away_since_s > limits.ENGINE_AWAY_MAX_S:
            raise EngineAway(cause=self._cause, retry_s=limits.ENGINE_AWAY_MAX_S)
        if self._shares.is_full(size) or self.waiting >= self._most():
            raise errors.QueueFull(retry_s=self.retry_s())
        self._shares.check_source(address, 1, size, self.retry_s)

    def _most(self) -> int:
        """So many may wait that the last of them waits for no long time, and the engine never runs idle."""
        return max(2 * self.flight.count_max, round(self._per_second * limits.QUEUE_TIME_MAX_S))

    def _check_shares(self, runs: Sequence[Run], address: str) -> None:
        """Nobody may have more waiting than is left free: so whoever floods leaves room for the others. What
        is not proved yet counts to its source.

        Raises AddressBusy, MemberBusy, QueueFull.
        """
        free, unproved = self._most() - self.waiting, self._shares.of_source(address)
        count = sum(run.end - run.start for run in runs)
        if unproved and unproved + count > free:
            most_bytes = self._bounds.queue_bytes // limits.SOURCES_AT_LEAST
            raise errors.AddressBusy(limit=unproved, limit_bytes=most_bytes, retry_s=self.retry_s())
        for run in runs:
            member, own = run.own.member, self._shares.of(run.own.member)
            if own and own + run.end - run.start > free:
                raise errors.MemberBusy(member=member, limit=own, retry_s=self.retry_s())
        if count > free:
            raise errors.QueueFull(retry_s=self.retry_s())

    def offer(self, body: bytes, address: str = "") -> "asyncio.Future[bytes]":
        """Take a request's transactions in, all or none; the future has the encoded `Submitted`.

        Raises what `check_room` does, MemberBusy or KeyBusy; the future Undecided, EngineAway or Stopping.
        """
        assert self._loop is not None
        given = wires.split(body)
        size, shares = sum(map(len, given)), self._shares
        self.check_room(size, address)
        shares.check_source(address, len(given), size, self.retry_s)
        runs = runs_of(given)
        shares.check_signers(runs, self.retry_s)
        self._check_shares(runs, address)
        handed = Handed(
            given, runs, size, address, shares.source(address), self._loop.create_future(), time.monotonic(),
            [None] * len(given), len(given),
        )  # fmt: skip
        shares.take(handed)
        self._requests[id(handed)] = handed
        self._unchecked.add(address, [(handed, len(given))])
        self._to_check.set()
        return handed.answer

    # Work.

    async def _guarded(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await work()
        except Exception as error:
            # A mistake of the program: nobody may wait for an answer that never comes.
            note("submission failed", 40, trace=True)
            self.failed = True
            self.incidents.append(Incident("writer", type(error).__name__, at_ms=time.time_ns() // 1_000_000))
            for handed in list(self._requests.values()):
                self._fail(handed, errors.WriterFailed())

    async def _check(self) -> None:
        while True:
            await self._to_check.wait()
            self._to_check.clear()
            while taken := self._unchecked.take(limits.CHECKED_AT_ONCE_MIN, limits.CHECKED_AT_ONCE_MIN):
                begun = time.monotonic()
                given = [wire for handed in taken for wire in handed.wires]
                try:
                    # A thread costs more than looking at a few.
                    few = len(given) < limits.CHECK_APART_MIN
                    found = self._look(given) if few else await asyncio.to_thread(self._look, given)
                except Refusal as refusal:
                    for handed in taken:
                        self._fail(handed, refusal)
                    continue
                self._metrics.check_time.observe(time.monotonic() - begun)
                self._sort(taken, found)
                self._news.set()
            # One request alone is not kept waiting; those that follow share a look and a call of the engine.
            await asyncio.sleep(limits.GATHER_S)

    def _sort(self, taken: Sequence[Handed], found: Sequence[Looked]) -> None:
        """Into the lines of their signers; what need not be handed in is answered."""
        at = 0
        for handed in taken:
            own = found[at : at + len(handed.wires)]
            at += len(handed.wires)
            if id(handed) not in self._requests:
                continue
            if all(looked.receipt is None for looked in own):
                self._shares.prove(handed)
            for place, looked in enumerate(own):
                if looked.receipt is not None:
                    self._settle([(handed, place)], looked.receipt)
                    continue
                self._lines.add(looked.member, [((handed, place), len(handed.wires[place]))])

    async def _hand_in(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s()):
                    await self._news.wait()
            self._news.clear()
            while time.monotonic() >= self._hold_until_s:
                self._fill()
                batch = self.flight.to_hand_in(time.monotonic())
                if not batch:
                    break
                await self._find_known([wire for wire in batch if self.flight.is_late(wire)])
                if left := [wire for wire in batch if wire in self.flight.wires]:
                    await self._hand_over(left)

    def _patience_s(self) -> float:
        """Until something is to be handed in again; where nothing waits or flies, news say when."""
        next_s = self.flight.next_s()
        if next_s is None and not self._lines.count:
            return ANSWERS_EVERY_S
        until_s = max(next_s or 0.0, self._hold_until_s)
        return max(0.01, min(ANSWERS_EVERY_S, until_s - time.monotonic()))

    def _fill(self) -> None:
        """From the lines into flight, as far as there is room."""
        now_s = time.monotonic()
        while taken := self._lines.take_one(self.flight.may):
            line, item = taken
            if id(item[0]) in self._requests:  # Else it was told already that nobody knows.
                self.flight.add(item[0].wires[item[1]], item, now_s, line)

    async def _find_known(self, late: Sequence[bytes]) -> None:
        """Answer what a block has already: it may have come between a look and the flight. And what no block
        can give effect to any more: another transaction had its sequence number, its time or its key ended,
        its form is out of force. What is refused otherwise may still stand in the next block.
        """
        if not late:
            return
        with contextlib.suppress(Refusal):
            for wire, looked in zip(late, await asyncio.to_thread(self._look, late), strict=True):
                if looked.receipt is not None and (looked.receipt.height or looked.receipt.code in ENDED):
                    self._settle(self.flight.remove(wire), looked.receipt)

    async def _hand_over(self, batch: Sequence[bytes]) -> None:
        try:
            answers = await self._engine.hand_in(batch)
        except EngineAway as refusal:
            self.engine_away(str(refusal.values["cause"]))
            self._hold_until_s = time.monotonic() + AWAY_AGAIN_S
            return
        self.engine_answers()
        now_s = time.monotonic()
        for wire, said in zip(batch, answers, strict=True):
            if not said or IN_CACHE in said:
                self.flight.handed_in(wire, now_s)
            else:  # Full, or it still catches up.
                self._hold_until_s = now_s + 1.0
                self.flight.again(wire, now_s)
                self._refusals.note("engine refused", 20, detail=said)

    def engine_away(self, cause: str) -> None:
        """The engine did not answer, whoever asked it."""
        if not self.away_since_s:
            self.away_since_s = time.monotonic()
            note("engine away", 30, cause=cause)
        self._cause = cause

    def engine_answers(self) -> None:
        """It did. Where it was away before, its mempool is empty now."""
        if self.away_since_s:
            self.away_since_s, self._hold_until_s = 0.0, 0.0
            note("engine back")
            self.flight.engine_began_anew(time.monotonic())
            self._news.set()

    def refused(self, wire: bytes) -> None:
        """The mempool let a transaction go: it is handed in again in a while. From any thread."""
        if wire in self.flight.wires and self._loop is not None:
            self._loop.call_soon_threadsafe(self.flight.again, wire, time.monotonic() + 1.0)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(ANSWERS_EVERY_S)
            now_s = time.monotonic()
            for handed in list(self._requests.values()):
                if now_s - handed.since < limits.BLOCK_WAIT_MAX_S:
                    break  # They stand in the order in which they came.
                self._fail(handed, Undecided(waited_s=limits.BLOCK_WAIT_MAX_S, retry_s=self.retry_s()))

    # Decisions.

    def decided(self, height: int, app_hash: str, applied: Applied | None, time_ms: int) -> None:
        """A block of the network is durable here. Called by the thread that commits.

        `height`, `app_hash`: of the log after it. `applied`: what the block led to, where it left a leaf.
        """
        found: list[tuple[bytes, Receipt]] = []
        again: list[bytes] = []
        if applied is not None:
            rows = zip(applied.transactions, applied.outcomes, applied.refusals, strict=True)
            for index, (wire, outcome, refusal) in enumerate(rows):
                if wire not in self.flight.wires:
                    continue
                if isinstance(refusal, BlockFull):
                    again.append(wire)
                    continue
                zh, en = (refusal.zh, refusal.en) if refusal else ("", "")
                found.append((wire, receipt(outcome, zh, en, height, index, app_hash)))
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._on_block, found, again, time_ms)

    def _on_block(self, found: Sequence[tuple[bytes, Receipt]], again: Sequence[bytes], time_ms: int) -> None:
        now_s = time.monotonic()
        for wire, given in found:
            self._settle(self.flight.remove(wire), given, counted=True)
        self._metrics.decided(Counter(given.code for _, given in found))
        for wire in again:
            self.flight.again(wire, now_s)
        for wire in self.flight.over(time_ms):
            self._settle(self.flight.remove(wire), _refused(wire, Expired()))
        if found:
            self._measure(len(found), now_s)
            self._metrics.group.observe(len(found))
        self._hold_until_s = 0.0
        self._news.set()

    def _measure(self, count: int, now_s: float) -> None:
        """How many are decided a second: over a second at least, since one may hear of blocks in a bunch."""
        self._decided += count
        took_s = now_s - self._counting_s
        if took_s < ANSWERS_EVERY_S:
            return
        if took_s < ANSWERS_EVERY_S * limits.QUEUE_TIME_MAX_S:
            self._per_second += RATE_WEIGHT * (self._decided / took_s - self._per_second)
        self._decided, self._counting_s = 0, now_s

    def _settle(self, items: Sequence[Item], given: Receipt, *, counted: bool = False) -> None:
        if not items:
            return
        if not counted:
            self._metrics.decided(Counter({given.code: 1}))
        if given.code != "ok":
            self._refusals.note("refused", code=given.code)
        for handed, place in items:
            handed.receipts[place] = given
            handed.left -= 1
            if not handed.left and id(handed) in self._requests:
                told = Submitted(receipts=tuple(each for each in handed.receipts if each is not None))
                self._end(handed)
                if not handed.answer.done():
                    handed.answer.set_result(encode(told))

    def _fail(self, handed: Handed, refusal: Refusal) -> None:
        if id(handed) not in self._requests:
            return
        self._end(handed)
        if not handed.answer.done():
            handed.answer.set_exception(refusal)

    def _end(self, handed: Handed) -> None:
        del self._requests[id(handed)]
        self._shares.give_back(handed)
        self._metrics.wait_time.observe(time.monotonic() - handed.since)


def _refused(wire: bytes, refusal: Refusal) -> Receipt:
    outcome = Outcome(identity(wire), refusal.code, refusal.field, refusal.clause)
    return receipt(outcome, refusal.zh, refusal.en)
