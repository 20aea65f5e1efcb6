"""The follower's loop: fetch blocks, execute each again, compare, go on; back off while the operator is away.

One thread executes; beside it one fetches the next blocks and one checks their signatures ahead. What has
come is durable block by block, so that the loop goes on where it stood, however the process ended.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Literal, NamedTuple

from hansa.client import errors as client_errors
from hansa.client.case import Case, Kind
from hansa.client.texts import Text
from hansa.engines import errors as engine_errors
from hansa.engines.blocks import BlockData
from hansa.engines.following import Following
from hansa.kernel.keys import KEYS
from hansa.kernel.refusal import Refusal
from hansa.node import errors_follower as errors
from hansa.node.ahead import Ahead
from hansa.node.casebook import Casebook
from hansa.node.checking import Checkers
from hansa.node.cosigning import in_force, sets_of
from hansa.node.investigation import bare, investigate, signed_other
from hansa.node.logs import note
from hansa.node.upstream import Upstream
from hansa.node.wires import Claim

BLOCKS_PER_FETCH = 256
BYTES_PER_FETCH = 8 * 2**20
"""An answer of fewer blocks and bytes than these had all that there was."""
WAIT_MS = 20_000
PROMPT_S = 2.0
"""A block is live if it was asked for within this time of having had everything before it."""
PAUSE_FIRST_S, PAUSE_MAX_S = 0.2, 10.0
CLOCK_PAUSE_S = 0.5


Step = Literal["on", "again", "over"]
"""Go on; ask anew for the next block, after a while; execute nothing more."""


class Fetched(NamedTuple):
    """What one question brought, or why it brought nothing."""

    first: int
    blocks: Sequence[BlockData]
    asked_s: float
    """Monotonic time of the question, and of the answer."""
    came_s: float
    came_ms: int
    """The same by the follower's clock."""
    refusal: Refusal | None = None

    @property
    def whole(self) -> bool:
        """Whether the operator had no more."""
        size = sum(len(wire) for block in self.blocks for wire in block.wires)
        return len(self.blocks) < BLOCKS_PER_FETCH and size < BYTES_PER_FETCH


@dataclass
class Progress:
    """Where the copy stands. Written by the executing thread, read by any."""

    level: bool = False
    """Whether it has all that the operator showed."""
    away_since_ms: int = 0
    """Since when the operator does not answer; 0 while it does."""
    trouble: Refusal | None = None
    """What the copy waits for, or why it has stopped."""
    over: bool = False
    """No further block is executed until somebody has looked at `trouble` or at the case."""


class Hooks(NamedTuple):
    """What is told of the copy, in the executing thread."""

    block: Callable[[], None]
    """After each block."""
    level: Callable[[bool], None]
    """After each block and each answer; True: there was nothing newer."""
    case: Callable[[Case], None]


class Copying:
    """Copies until `stop`. `clock`: ms since the epoch; `skew_ms`: the bound for live headers (rule 17)."""

    def __init__(
        self,
        following: Following,
        connect: Callable[[], Upstream],
        clock: Callable[[], int],
        skew_ms: Callable[[], int],
        casebook: Casebook,
        hooks: Hooks,
    ) -> None:
        self._following, self._connect = following, connect
        self._clock, self._skew_ms, self._casebook, self._hooks = clock, skew_ms, casebook, hooks
        self.progress = Progress()
        self._stop = Event()
        self._asks: SimpleQueue[int | None] = SimpleQueue()
        self._answers: SimpleQueue[Fetched] = SimpleQueue()
        self._reader = following.reader()
        self._ahead = Ahead(Checkers(following.verified, processes=1), self._public)
        self._fetching = Thread(target=self._fetch, name="fetching", daemon=True)
        self._executing = Thread(target=self._run, name="executing", daemon=True)

    def start(self) -> None:
        self._ahead.start()
        self._fetching.start()
        self._executing.start()

    def stop(self) -> None:
        """Returns when no block is under way any more; a question to the operator may still be open."""
        self._stop.set()
        self._asks.put(None)
        if self._executing.is_alive():
            self._executing.join()
        self._ahead.stop()
        self._reader.close()

    # Fetching.

    def _fetch(self) -> None:
        """Ask for what is wanted, one question at a time."""
        upstream: Upstream | None = None
        while (first := self._asks.get()) is not None:
            asked_s, refusal = time.monotonic(), None
            blocks: Sequence[BlockData] = ()
            try:
                upstream = upstream or self._connect()
                blocks = upstream.blocks(first, BLOCKS_PER_FETCH, WAIT_MS)
            except Refusal as found:
                refusal = found
            self._answers.put(Fetched(first, blocks, asked_s, time.monotonic(), self._clock(), refusal))
        if upstream is not None:
            upstream.close()

    def _public(self, own: Claim) -> bytes | None:
        with self._reader.snapshot() as reading:
            try:
                key = KEYS.get(reading.context(reading.time_ms), (own.member, own.key))
            except (ValueError, Refusal):
                return None
        return None if key is None else key.public

    # Executing.

    def _run(self) -> None:
        try:
            if self._following.rejected is not None:
                self._caught()
                return
            self._copy()
        except Refusal as refusal:
            self._end(refusal)
        except Exception as error:  # A mistake of the program: the node goes on reading, and says so.
            note("the follower ended", 50, exc_info=True)
            self._end(engine_errors.Stopped(cause=type(error).__name__))

    def _copy(self) -> None:
        """Ask for the next blocks while the last ones are executed."""
        before: Fetched | None = None
        pause_s = PAUSE_FIRST_S
        wanted = self._ask(self._following.height + 1)
        while (fetched := self._answer()) is not None:
            if fetched.first != wanted:
                continue  # The answer to a question that no longer counts.
            step: Step = "again"
            if fetched.refusal is None and self._in_order(fetched):
                self.progress.away_since_ms, self.progress.trouble = 0, None
                wanted = self._ask(fetched.first + len(fetched.blocks))
                step = self._execute(fetched, self._is_live(before, fetched))
            else:
                self._away(fetched)
            if step == "over":
                return
            if step == "on":
                before, pause_s = fetched, PAUSE_FIRST_S
                continue
            if self._stop.wait(pause_s):
                return
            before, pause_s = None, min(2 * pause_s, PAUSE_MAX_S)
            wanted = self._ask(self._following.height + 1)

    def _ask(self, first: int) -> int:
        self._asks.put(first)
        return first

    def _answer(self) -> Fetched | None:
        while not self._stop.is_set():
            try:
                return self._answers.get(timeout=CLOCK_PAUSE_S)
            except Empty:
                continue
        return None

    def _in_order(self, fetched: Fetched) -> bool:
        return all(block.leaf.height == fetched.first + n for n, block in enumerate(fetched.blocks))

    def _away(self, fetched: Fetched) -> None:
        refusal = fetched.refusal or client_errors.AnswerUnusable(url="-", detail="blocks out of order")
        self.progress.level = False
        self.progress.trouble = refusal
        if not self.progress.away_since_ms:
            self.progress.away_since_ms = self._clock()
            note("operator away", 30, code=refusal.code)

    def _is_live(self, before: Fetched | None, fetched: Fetched) -> bool:
        """Whether these blocks were made while we waited for them, having had all that came before."""
        return before is not None and before.whole and fetched.asked_s - before.came_s < PROMPT_S

    def _execute(self, fetched: Fetched, live: bool) -> Step:
        """Execute what came, as far as it is right."""
        self._ahead.feed(fetched.blocks[1:])
        last = len(fetched.blocks) - 1
        for n, block in enumerate(fetched.blocks):
            if self._stop.is_set() or not self._in_time(block, live, fetched.came_ms):
                return "over"
            self._ahead.executing = block.leaf.height
            try:
                self._following.follow(block)
            except engine_errors.NotByOperator as refusal:
                self._not_by_operator(block, refusal)
                return "again"
            except (engine_errors.Differs, engine_errors.SignedOther):
                self._caught()
                return "over"
            self.progress.level = n == last and fetched.whole
            self._hooks.block()
            self._hooks.level(self.progress.level)
        if not fetched.blocks:
            self.progress.level = True
            self._hooks.level(True)
        return "on"

    def _in_time(self, block: BlockData, live: bool, came_ms: int) -> bool:
        """Wait until a header is no longer ahead of the clock; refuse one that came late (rule 17)."""
        height, time_ms, skew_ms = block.leaf.height, block.leaf.time_ms, self._skew_ms()
        if live and time_ms < came_ms - skew_ms:
            behind_s = (came_ms - time_ms) // 1_000
            self._off_clock(
                block,
                errors.HeaderFromPast(height=height, behind_s=behind_s, limit_s=skew_ms // 1_000),
            )
            self.progress.over = True
            return False
        while time_ms > self._clock() + skew_ms:
            ahead_s = (time_ms - self._clock()) // 1_000
            self._off_clock(
                block,
                errors.HeaderFromFuture(height=height, ahead_s=ahead_s, limit_s=skew_ms // 1_000),
            )
            if self._stop.wait(CLOCK_PAUSE_S):
                return False
        self.progress.trouble = None
        return True

    def _off_clock(self, block: BlockData, refusal: Refusal) -> None:
        if self.progress.trouble is None or self.progress.trouble.code != refusal.code:
            self._report("clock", block, Text(refusal.zh, refusal.en))
        self.progress.trouble = refusal

    def _report(self, kind: Kind, block: BlockData, text: Text) -> None:
        headers = (bare(block.header),)
        self._hooks.case(self._casebook.report(kind, block.leaf.height, text, headers=headers))

    def _not_by_operator(self, block: BlockData, refusal: Refusal) -> None:
        self.progress.trouble = refusal
        if not self.progress.away_since_ms:
            self.progress.away_since_ms = self._clock()
            self._report("note", block, Text(refusal.zh, refusal.en))

    def _caught(self) -> None:
        """The operator signed a block that is wrong, or our own disk is."""
        rejected = self._following.rejected
        assert rejected is not None
        ledger = self._following.ledger
        accused = in_force(sets_of(ledger), ledger.height + 1).operator
        self.progress.over = True
        self.progress.trouble = engine_errors.Differs(height=rejected.height, what=rejected.what)
        header, own = rejected.block.header.header, self._following.signed
        if header.height <= own.height and not own.allows(header):
            case = signed_other(self._following, rejected, self._casebook, accused)
        else:
            upstream = self._connect()
            stop = self._stop.is_set
            case = investigate(self._following, rejected, upstream, self._casebook, accused, stop)
            upstream.close()
        if case.kind == "own_disk":
            self.progress.trouble = errors.OwnDiskChanged()
        self._hooks.case(case)

    def _end(self, refusal: Refusal) -> None:
        """Our own trouble: nothing more is executed until somebody has looked at it."""
        self.progress.trouble, self.progress.over = refusal, True
        note("the follower stopped", 40, code=refusal.code)
