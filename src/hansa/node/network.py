"""A network node: this member's copy of a ledger on which several nodes agree, none of them trusted.

The consensus engine is a process of its own beside it. A thread answers the engine and is the only one that
writes; the event loop serves HTTP, hands transactions to the engine, and watches it.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from hansa.apps.consortium.tables import CONSENSUS_KEYS, VALIDATORS
from hansa.engines.cometbft import admission
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application, Made, Policy
from hansa.engines.cometbft.server import Server
from hansa.engines.ledger import Keep
from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.kernel import Release
from hansa.kernel.active import Outdated, RoomMissing
from hansa.kernel.apply import Incident
from hansa.kernel.canonical import Malformed
from hansa.kernel.keys import REFUSED_WHEN_KNOWN
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer, VerifiedCache
from hansa.kernel.transaction import identity
from hansa.node import metrics_network
from hansa.node.bodies import JSON
from hansa.node.commits import FILE as COMMITS
from hansa.node.commits import Commits
from hansa.node.earlier_changes import earlier_changes, leads_to
from hansa.node.engine_rpc import EngineRpc
from hansa.node.engine_watch import EngineWatch
from hansa.node.errors_engine import SocketsUnusable
from hansa.node.incidents import Noted, noted
from hansa.node.joining_rotation import due
from hansa.node.logs import note
from hansa.node.member import Answer, Check, Cosigned, Promised
from hansa.node.metrics import Metrics
from hansa.node.metrics_network import EngineMetrics
from hansa.node.network_checks import checks_of
from hansa.node.settings import LEDGER, Settings
from hansa.node.settings_engine import EngineSettings, sockets
from hansa.node.submission import Looked, Submission
from hansa.node.supervision_state import met
from hansa.node.ticking import Ticking
from hansa.node.watchdog import Watchdog

COMMIT_AGAIN_S = 0.5
BESIDE_AGAIN_S = 10.0
CHANGES_AGAIN_S = 30.0
ROTATION_WAIT_S = 10.0


class _Application(Application):
    """Tells which transactions the mempool let go."""

    on_refused: Callable[[bytes], None] = staticmethod(lambda wire: None)

    def check_tx(self, asked: abci.CheckTx) -> abci.CheckTxAnswer:
        answer = super().check_tx(asked)
        if answer.code:
            self.on_refused(asked.tx)
        return answer


class Network:
    """A Member over an application that its engine drives. It owns the application and closes it."""

    role = "network"

    def __init__(
        self,
        settings: Settings,
        genesis: bytes,
        worker: Signer | None,
        clock: Callable[[], int],
        metrics: Metrics,
        release: Release | None = None,
    ) -> None:
        """`worker`: the node's own key, which signs ticks; without it others wake the chain."""
        self.name, self.genesis_bytes = settings.member, genesis
        self.chain = hashlib.sha256(genesis).hexdigest()
        self.settings, self.clock, self.metrics = settings, clock, metrics
        engine = settings.engine
        keep = Keep(write_sets=settings.retention.keep_write_sets, blocks=settings.retention.keep_blocks)
        self._dog = Watchdog(settings.file(LEDGER), settings.block_seconds)
        verified = VerifiedCache()
        self.application = _Application(
            settings.file(LEDGER), genesis, clock, release=release, verify=verified.verify,
            policy=policy_of(engine), keep=keep,
            watch=self._dog.watch, on_block=self._made,
        )  # fmt: skip
        self.application.ledger.stops.clock = clock
        self.reader: Reader = self.application.reader()
        self.sockets = sockets(settings.directory)
        self.rpc = EngineRpc(self.sockets.rpc)
        self.commits = Commits(settings.file(COMMITS), self.reader, self.rpc)
        self.cosigned: Cosigned | None = self.commits
        self.promised: Promised | None = None
        self.submission = Submission(self.rpc, self.look, metrics, settings.limits)
        self.application.on_refused = self.submission.refused
        self.watch = EngineWatch(
            self.rpc, clock, self.stands, self._has_work, self._on_answer, self.commits.note_differs
        )
        self.ticking = None
        if worker is not None and settings.key:
            self.ticking = Ticking(self.reader, self.name, settings.key, worker, clock, self.submission.offer)
        self.server = Server(self.application, self.sockets.abci, on_fault=self._fault, on_unfit=_unfit)
        self.engine_metrics = EngineMetrics(0)
        metrics_network.register(
            metrics.registry, self.watch, self.submission, self.commits, lambda: len(self.silent())
        )
        metrics.queue.set_function(lambda: self.submission.waiting)
        metrics.queue_bytes.set_function(lambda: self.submission.waiting_bytes)
        metrics.watch_disk(Path(settings.directory))
        self.ended: Exception | None = None
        """What made it end by itself."""
        self.end: Callable[[], None] = lambda: None
        """Ask the process to end. Set by whoever runs it."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: Callable[[], None] = lambda: None
        self._news = asyncio.Event()
        self._stood = (self.application.engine_height, self.application.app_hash)
        self._silent: dict[str, int] = {}
        self._ask_again_s = 0.0
        self._rotating = False
        self._tasks: list[asyncio.Task[None]] = []

    # Member.

    @property
    def height(self) -> int:
        return self.application.height

    async def start(self, on_block: Callable[[], None]) -> None:
        self._loop, self._told = asyncio.get_running_loop(), on_block
        if theirs := self.commits.differs(*self._stood):
            self.watch.went_astray(theirs)
        self.submission.start()
        works = [self._follow, self.watch.run, *([self.ticking.run] if self.ticking else [])]
        self._tasks = [asyncio.create_task(self._kept_up(work)) for work in works]
        if self.application.blocked is not None:
            note("waits", 40, code=self.application.blocked.code)
            return
        try:
            await asyncio.to_thread(self.server.start)
        except OSError as error:
            raise SocketsUnusable(path=str(self.sockets.abci.parent), cause=str(error)) from None

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.submission.stop()
        await asyncio.to_thread(self.server.stop)
        await self.rpc.close()
        await self.engine_metrics.close()
        self.commits.close()
        self.reader.close()
        self.application.close()
        self._dog.close()

    def check_room(self, size: int, address: str) -> None:
        self._check_taking()
        self.submission.check_room(size, address)

    async def submit(self, body: bytes, address: str) -> Answer:
        return Answer(200, JSON, await self.offer(body, address))

    def offer(self, body: bytes, address: str) -> "asyncio.Future[bytes]":
        """The same at once: the future has the answer's body, or why there is none."""
        self._check_taking()
        return self.submission.offer(body, address)

    def _check_taking(self) -> None:
        blocked = self.application.blocked
        if blocked is not None:
            raise blocked

    def checks(self) -> list[Check]:
        return checks_of(self)

    def incidents(self) -> Sequence[Noted]:
        found = [
            *self._dog.incidents,
            *self.application.incidents,
            *self.submission.incidents,
            *self.watch.incidents,
            *met(Path(self.settings.directory)),
        ]
        return [noted(one, self.height) for one in sorted(found, key=lambda one: one.at_ms)]

    # Blocks.

    def _made(self, made: Made) -> None:
        """A block is durable. On the engine's thread."""
        self._stood = (made.engine_height, made.app_hash)
        applied = made.applied if made.height else None
        self.submission.decided(made.height, made.app_hash, applied, made.time_ms)
        loop = self._loop
        if loop is not None and not loop.is_closed():
            with suppress(RuntimeError):  # The loop ended meanwhile.
                loop.call_soon_threadsafe(self._on_made, made)

    def _on_made(self, made: Made) -> None:
        self.watch.made(made.engine_height, made.time_ms)
        self._news.set()
        if made.height:
            note("block", height=made.height, engine_height=made.engine_height,
                 transactions=len(made.applied.transactions))  # fmt: skip
            self._told()
            if any(table == VALIDATORS.name for table, _ in made.applied.changes):
                self._look_at_key(made)

    def _look_at_key(self, made: Made) -> None:
        """Where the ledger names this node's next consensus key, it begins anew with that one."""
        with self.reader.snapshot() as reading:
            public = own_public(reading, self.name)
        if public and due(Path(self.settings.directory), public) and not self._rotating:
            self._rotating = True
            rotate = partial(self._rotate, made.engine_height + 2)
            self._tasks.append(asyncio.create_task(self._kept_up(rotate)))

    async def _rotate(self, in_force: int) -> None:
        """End, once the set with the key is in force: who asked for it has its answer and proof by then."""
        until_s = time.monotonic() + ROTATION_WAIT_S
        while self._stood[0] < in_force and time.monotonic() < until_s:
            await asyncio.sleep(COMMIT_AGAIN_S)
        note("next consensus key", 30)
        self.end()

    async def _follow(self) -> None:
        """Take in the commits of new blocks, one after the other."""
        while True:
            await self._news.wait()
            self._news.clear()
            while not await self.commits.follow(self._stood[0]):
                await asyncio.sleep(COMMIT_AGAIN_S)
            self._report_silent()
            if self.commits.lacking and time.monotonic() >= self._ask_again_s:
                self._ask_again_s = time.monotonic() + CHANGES_AGAIN_S
                await self._learn_changes()

    async def _learn_changes(self) -> None:
        """What happened to the validator set before this node's snapshot, others have to show."""
        head = self.commits.final()
        if head is None or head.commit is None:
            return
        found = await asyncio.to_thread(earlier_changes, self.settings, self.reader)
        if leads_to(head.commit.header.validators_hash, self.reader.genesis, self.chain, found):
            self.commits.adopt(found)
            note("changes of the set learned", changes=len(found))

    def _report_silent(self) -> None:
        """Tell of validators that went silent, once each time."""
        silent = dict(self.silent())
        for member in silent.keys() - self._silent.keys():
            detail = f"{member} ({silent[member]})"
            self.watch.tell(Incident("silent", detail, at_ms=self.watch.clock()))
            note("validator silent", 30, member=member, blocks=silent[member])
        self._silent = silent

    async def _kept_up(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """What runs beside may not end unseen, nor for ever: a full disk, say, has room again."""
        told: set[type[Exception]] = set()
        while True:
            try:
                await work()
                return
            except Exception as error:
                note("work beside ended", 40, trace=True)
                if type(error) not in told:
                    told.add(type(error))
                    self.watch.tell(Incident("writer", type(error).__name__, at_ms=self.watch.clock()))
            await asyncio.sleep(BESIDE_AGAIN_S)

    def _fault(self, error: Exception) -> None:
        """The application can answer its engine no more: the process ends. On the engine's thread."""
        self.ended = error
        note("application stopped", 50, cause=error.code if isinstance(error, Refusal) else repr(error))
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.end)

    def _on_answer(self, cause: str) -> None:
        """The engine answered a look, or why it did not."""
        if cause:
            self.submission.engine_away(cause)
        else:
            self.submission.engine_answers()

    def _hand_in_tick(self, wire: bytes) -> None:
        """Nobody waits for its answer: whether it woke anything, the next look sees."""
        answer = self.offer(wire, "")
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    # What others ask of it.

    def stands(self) -> tuple[int, str]:
        """(engine height, root of the log after it) of the newest block that is durable here."""
        return self._stood

    def _has_work(self) -> bool:
        return bool(self.submission.flight.wires)

    def look(self, wires: Sequence[bytes]) -> list[Looked]:
        """A look at transactions by the newest block. Called in a thread. Raises Outdated, RoomMissing."""
        with self.reader.snapshot() as reading:
            return [self._look(reading, wire) for wire in wires]

    def _look(self, reading: Reading, wire: bytes) -> Looked:
        try:
            return Looked(str(admission.check(reading, self.application.verify, wire).member))
        except (Outdated, RoomMissing):
            raise  # Of this program, not of the transaction.
        except Refusal as refusal:
            maybe = isinstance(refusal, (*REFUSED_WHEN_KNOWN, Malformed)) or refusal.code == "kernel.expired"
            if maybe and self.chain.encode() in wire:
                known = reading.rows.find_transaction(bytes.fromhex(identity(wire)))
                if known is not None and known[4] and known[2] == wire:
                    return Looked("", reading.found_receipt(known))
            return Looked("", admission.refused(wire, refusal))

    def silent(self) -> list[tuple[str, int]]:
        """(member, blocks) of each validator that signed none of so many blocks."""
        newest = self.commits.engine_height
        missed = {address: newest - last for address, last in self.commits.seen.items()}
        late = sorted(each for each in missed.items() if each[1] >= self.settings.engine.silent_blocks)
        members = self.members_of([address for address, _ in late])
        return [(member, blocks) for member, (_, blocks) in zip(members, late, strict=True)]

    def members_of(self, addresses: Sequence[str]) -> list[str]:
        """Whose consensus keys have these addresses; an address itself where nobody's."""
        if not addresses:
            return []
        with self.reader.snapshot() as reading:
            return [member_of(reading, address) for address in addresses]


def policy_of(engine: EngineSettings) -> Policy:
    """What node.toml decides of the application."""
    return Policy(
        mempool_transactions=engine.mempool_transactions,
        mempool_bytes=engine.mempool_bytes,
        snapshot_interval=engine.snapshot_interval,
        snapshots_kept=engine.snapshots_kept,
    )


def own_public(reading: Reading, member: str) -> bytes:
    """The consensus key that the ledger names as a member's; empty if it has no seat."""
    seat = VALIDATORS.get(reading.context(reading.time_ms), (member,))
    return b"" if seat is None else seat.public


def member_of(reading: Reading, address: str) -> str:
    """Whose consensus key has this address; the address itself where nobody's."""
    found = CONSENSUS_KEYS.get(reading.context(reading.time_ms), (address,))
    return address if found is None else found.member


def _unfit(refusal: Refusal) -> None:
    note("engine unreadable", 40, cause=refusal.en)
