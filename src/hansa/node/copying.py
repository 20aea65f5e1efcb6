"""The follower's loop: fetch blocks, execute each again, compare, go on; back off while the operator is away.

One thread executes; beside it one fetches the next blocks and one checks their signatures ahead. What has
come is durable block by block, so that the loop goes on where it stood, however the process ended.
"""

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
from hansa.engines.operators import contradicts
from hansa.kernel.evidence import SignedHeader, signed_by
from hansa.kernel.keys import KEYS
from hansa.kernel.refusal import Refusal
from hansa.node import errors_follower as errors
from hansa.node.ahead import Ahead
from hansa.node.casebook import Casebook
from hansa.node.checking import Checkers
from hansa.node.cosigning import in_force, sets_of
from hansa.node.investigation import bare, investigate, own_disk, signed_other
from hansa.node.logs import note
from hansa.node.upstream import Upstream
from hansa.node.wires import Claim

BLOCKS_PER_FETCH = 256
BYTES_PER_FETCH = 8 * 2**20
"""An answer of fewer blocks and bytes than these had all that there was."""
WAIT_MS = 20_000
PAUSE_FIRST_S, PAUSE_MAX_S = 0.2, 10.0
CLOCK_PAUSE_S = 0.5


UNUSABLE = (engine_errors.NotNext, engine_errors.NotByOperator, engine_errors.BlockUnfit)
"""What came is no block to follow: nobody's fault is shown, and it is asked for again."""

Step = Literal["on", "again", "over"]
"""Go on; ask anew for the next block, after a while; execute nothing more."""


class Fetched(NamedTuple):
    """What one question brought, or why it brought nothing."""

    first: int
    blocks: Sequence[BlockData]
    asked_ms: int
    """When it was asked, by the follower's clock. Whatever a whole answer lacks was made later."""
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
    """Copies until `stop`. `clock`: ms since the epoch; `skew_ms`: the bound for header times (rule 17)."""

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
            asked_ms, refusal = self._clock(), None
            blocks: Sequence[BlockData] = ()
            try:
                upstream = upstream or self._connect()
                blocks = upstream.blocks(first, BLOCKS_PER_FETCH, WAIT_MS)
            except Refusal as found:
                refusal = found
            except Exception as error:  # Whatever it is, it is asked again: the copy never waits in vain.
                note("blocks could not be fetched", 40, trace=True)
                refusal = client_errors.AnswerUnusable(url="-", detail=type(error).__name__)
            self._answers.put(Fetched(first, blocks, asked_ms, refusal))
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
            note("the follower ended", 50, trace=True)
            self._end(engine_errors.Stopped(cause=type(error).__name__))

    def _copy(self) -> None:
        """Ask for the next blocks while the last ones are executed."""
        pause_s = PAUSE_FIRST_S
        wanted = self._ask(self._following.height + 1)
        while (fetched := self._answer()) is not None:
            if fetched.first != wanted:
                continue  # The answer to a question that no longer counts.
            step: Step = "again"
            if fetched.refusal is None and self._in_order(fetched):
                wanted = self._ask(fetched.first + len(fetched.blocks))
                step = self._execute(fetched)
            else:
                self._away(fetched)
            if step == "over":
                return
            if step == "on":
                self.progress.away_since_ms, self.progress.trouble = 0, None
                pause_s = PAUSE_FIRST_S
                continue
            if self._stop.wait(pause_s):
                return
            pause_s = min(2 * pause_s, PAUSE_MAX_S)
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

    def _execute(self, fetched: Fetched) -> Step:
        """Execute what came, as far as it is right."""
        self._ahead.feed(fetched.blocks[1:])
        last = len(fetched.blocks) - 1
        for n, block in enumerate(fetched.blocks):
            if self._stop.is_set() or not self._in_time(block):
                return "over"
            self._ahead.executing = block.leaf.height
            step = self._follow(block)
            if step != "on":
                return step
            self.progress.level = n == last and fetched.whole
            self._hooks.block()
            self._hooks.level(self.progress.level)
        if fetched.whole:
            self._following.had_nothing_after(self._following.height, fetched.asked_ms)
        if not fetched.blocks:
            self.progress.level = True
            self._hooks.level(True)
        return "on"

    def _follow(self, block: BlockData) -> Step:
        try:
            self._following.follow(block)
        except UNUSABLE as refusal:
            self._unusable(block, refusal)
            return "again"
        except (engine_errors.Differs, engine_errors.SignedOther):
            self._caught()
            return "over"
        except engine_errors.DamagedOnDisk:
            self.progress.over, self.progress.trouble = True, errors.OwnDiskChanged()
            self._hooks.case(own_disk(block.leaf.height, errors.OwnDiskChanged(), self._casebook))
            return "over"
        return "on"

    def _in_time(self, block: BlockData) -> bool:
        """Wait until a header is no longer ahead of the clock; refuse one that is dated back (rule 17)."""
        height, time_ms, skew_ms = block.leaf.height, block.leaf.time_ms, self._skew_ms()
        late_ms = self._dated_back_ms(block)
        if late_ms > skew_ms:
            after = self._following.level.height if self._following.level else 0
            late_s, limit_s = late_ms // 1_000, skew_ms // 1_000
            self._off_clock(
                block, errors.HeaderFromPast(height=height, after=after, behind_s=late_s, limit_s=limit_s)
            )
            self.progress.over = True
            return False
        while time_ms > self._clock() + skew_ms:
            ahead_s = (time_ms - self._clock()) // 1_000
            self._off_clock(
                block, errors.HeaderFromFuture(height=height, ahead_s=ahead_s, limit_s=skew_ms // 1_000)
            )
            if self._stop.wait(CLOCK_PAUSE_S):
                return False
        self.progress.trouble = None
        return True

    def _dated_back_ms(self, block: BlockData) -> int:
        """By how much a block is dated before a moment at which the operator had none after an earlier one.

        How it came to us, when, and how long we slept meanwhile says nothing. Nor does a moment that is yet
        to come: then our clock has been set back since.
        """
        level = self._following.level
        if level is None or level.at_ms > self._clock():
            return 0
        return max(0, level.at_ms - block.leaf.time_ms)

    def _off_clock(self, block: BlockData, refusal: Refusal) -> None:
        if self.progress.trouble is None or self.progress.trouble.code != refusal.code:
            self._report("clock", block, Text(refusal.zh, refusal.en))
        self.progress.trouble = refusal

    def _report(self, kind: Kind, block: BlockData, text: Text) -> None:
        headers = (bare(block.header),)
        case = self._casebook.report(kind, block.leaf.height, text, self._operator(), headers=headers)
        self._hooks.case(case)

    def _operator(self) -> str:
        """The member that orders the next block."""
        ledger = self._following.ledger
        return in_force(sets_of(ledger), ledger.height + 1).operator

    def _signer(self, signed: SignedHeader) -> tuple[str, bytes]:
        """Who signed the next block's header, and by which key: the operator, or the one that succeeds it."""
        ledger = self._following.ledger
        current = in_force(sets_of(ledger), ledger.height + 1)
        first = (current.operator, current.public)
        seats = [first, *((seat.member, seat.public) for seat in current.cosigners)]
        return next((seat for seat in seats if signed_by(signed, seat[1])), first)

    def _unusable(self, block: BlockData, refusal: Refusal) -> None:
        self.progress.level, self.progress.trouble = False, refusal
        if not self.progress.away_since_ms:
            self.progress.away_since_ms = self._clock()
            if not isinstance(refusal, engine_errors.HandedOver):
                self._report("note", block, Text(refusal.zh, refusal.en))

    def _caught(self) -> None:
        """The operator signed a block that is wrong, or our own disk is."""
        rejected = self._following.rejected
        assert rejected is not None
        accused, public = self._signer(rejected.block.header)
        self.progress.over = True
        self.progress.trouble = engine_errors.Differs(height=rejected.height, what=rejected.what)
        header, own = rejected.block.header.header, self._following.signed
        if contradicts(own, header, public):
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
