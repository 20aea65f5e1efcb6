"""The operator's node: its engine orders what members hand in, and one thread writes."""

import asyncio
import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hansa.engines.embedded import Embedded
from hansa.engines.errors import HandedOver
from hansa.engines.ledger import Keep
from hansa.engines.reading import Reading
from hansa.kernel import Release
from hansa.kernel.keys import KEYS, WINDOWS
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer
from hansa.node import limits, wires
from hansa.node.admission import Admission
from hansa.node.bodies import JSON
from hansa.node.checking import Checkers, Checking
from hansa.node.cosigning import Cosignatures
from hansa.node.incidents import Noted, noted
from hansa.node.member import Answer, Check, Cosigned, Promised
from hansa.node.metrics import Metrics
from hansa.node.settings import LEDGER, Settings
from hansa.node.watchdog import Watchdog
from hansa.node.wires import Claim

COSIGNATURES = "cosignatures.db"


class Operator:
    """A Member over an embedded engine that nobody else uses. It owns the engine and closes it."""

    role = "operator"

    def __init__(
        self,
        settings: Settings,
        genesis: bytes,
        node: Signer,
        clock: Callable[[], int],
        metrics: Metrics,
        release: Release | None = None,
    ) -> None:
        self.name, self.genesis_bytes = settings.member, genesis
        self.chain = hashlib.sha256(genesis).hexdigest()
        self._settings, self._clock, self.metrics = settings, clock, metrics
        keep = Keep(write_sets=settings.retention.keep_write_sets, blocks=settings.retention.keep_blocks)
        self._dog = Watchdog(settings.file(LEDGER), settings.block_seconds)
        self.engine = Embedded(
            settings.file(LEDGER), genesis, node, clock, release=release, keep=keep, watch=self._dog.watch
        )
        self.engine.ledger.stops.clock = clock
        self.reader = self.engine.reader()
        self._cosignatures = Cosignatures(settings.file(COSIGNATURES), self.reader)
        self.cosigned: Cosigned | None = self._cosignatures
        self.promised: Promised | None = None
        self._looked, self._orders = -1, True
        """Height at which it was last looked who orders the next block, and whether this node does."""
        checking = Checking(Checkers(self.engine.verified), self._public)
        self.admission = Admission(
            self.engine, node, self.chain, checking, metrics, settings.limits, clock, self._highest,
            self.engine.ledger.stops.guarded,
        )  # fmt: skip
        metrics.queue.set_function(lambda: self.admission.waiting)
        metrics.queue_bytes.set_function(lambda: self.admission.waiting_bytes)
        metrics.watch_disk(Path(settings.directory))

    def _public(self, own: Claim) -> bytes | None:
        """The public key of a claim, by the records as they stand. Asked by the writer's thread.

        None where the engine stands still: it then says why to whoever asks it.
        """
        try:
            with self.engine.ledger.stops.guarded():
                return _public_of(self.engine.ledger, own)
        except Refusal:
            return None

    def _highest(self, own: Claim) -> int:
        """The highest sequence of a key that the ledger knows. Asked by the writer's thread."""
        ledger = self.engine.ledger
        window = WINDOWS.get(ledger.context(ledger.time_ms), (own.member, own.key))
        return 0 if window is None else window.highest

    @property
    def height(self) -> int:
        return self.engine.height

    async def start(self, on_block: Callable[[], None]) -> None:
        self.admission.start(asyncio.get_running_loop(), on_block)

    async def stop(self) -> None:
        await self.admission.stop()
        self._cosignatures.close()
        self.reader.close()
        self.engine.close()
        self._dog.close()

    def check_room(self, size: int, address: str) -> None:
        self.admission.check_room(size, address)

    async def submit(self, body: bytes, address: str) -> Answer:
        return Answer(200, JSON, await self.offer(body, address))

    def offer(self, body: bytes, address: str) -> "asyncio.Future[bytes]":
        """The same at once: the future has the answer's body, or what stopped the engine."""
        return self.admission.offer(wires.split(body), address)

    def incidents(self) -> Sequence[Noted]:
        found = [*self._dog.incidents, *self.engine.incidents]
        return [noted(one, self.height) for one in found]

    def checks(self) -> list[Check]:
        return [self._check_writer(), self._check_engine(), self._check_disk(), self._check_clock()]

    def _check_writer(self) -> Check:
        silent_s = time.monotonic() - self.admission.alive_s
        ok = not self.admission.failed and silent_s < limits.WRITER_SILENT_MAX_S
        return Check(
            name="writer",
            ok=ok,
            zh="写入正常。" if ok else f"写入线程已 {silent_s:.0f} 秒没有进展。请查看日志并重启节点。",
            en="The writer goes on."
            if ok
            else f"No progress for {silent_s:.0f} s. See the log; restart the node.",
        )

    def _check_engine(self) -> Check:
        stopped = self.engine.ledger.stops.reason
        refused = (stopped.zh, stopped.en) if stopped is not None else self._is_over()
        zh, en = refused or ("账本接受新交易。", "The ledger takes transactions.")
        return Check(name="engine", ok=refused is None, zh=zh, en=en)

    def _is_over(self) -> tuple[str, str] | None:
        """Why it orders no more, zh and en: by a vote, or since this node itself signed a succession."""
        if self.engine.signed.handed(self.height):
            handed = HandedOver(height=self.height)
            return handed.zh, handed.en
        try:
            self._look()
        except Refusal as refusal:
            return refusal.zh, refusal.en
        except OSError as error:
            return (
                f"账本文件无法读取：{error}。请检查磁盘。",
                f"The ledger cannot be read: {error}. See the disk.",
            )
        if self._orders:
            return None
        return (
            f"本节点已不是运营方：区块 {self._looked} 之后由另一节点续接，本节点拒收一切交易。"
            "请停下本节点，客户端改指新运营方；然后在原目录中改为从节点，保留 signed.db。",
            f"This node is the operator no more: after block {self._looked} another node goes on, and this "
            "one refuses all transactions. Stop it and point clients to the new operator; then let it follow "
            "in the same directory, with its signed.db.",
        )

    def _look(self) -> None:
        """Who orders the next block, once per height. Raises DamagedOnDisk, StoreFault."""
        if self._looked == self.height:
            return
        with self.reader.snapshot() as reading:
            self._orders = reading.operator_key(reading.height + 1) == self.engine.public
            self._looked = reading.height

    def _check_disk(self) -> Check:
        return check_disk(Path(self._settings.directory), self._settings.limits.disk_free)

    def _check_clock(self) -> Check:
        return check_clock(self._clock(), self.engine.time_ms)


def check_disk(directory: Path, least: int) -> Check:
    """Whether the disk has room."""
    free = shutil.disk_usage(directory).free
    ok = free >= least
    mb = free // 2**20
    return Check(
        name="disk",
        ok=ok,
        zh=f"磁盘剩余 {mb} MB。" + ("" if ok else "请腾出空间，否则节点将停机。"),
        en=f"{mb} MB are free on disk." + ("" if ok else " Make room, else the node will stop."),
    )


def check_clock(now_ms: int, block_ms: int) -> Check:
    """Whether the clock has fallen behind the ledger: then it was set back."""
    behind_ms = block_ms - now_ms
    ok = behind_ms <= limits.CLOCK_BEHIND_MAX_MS
    return Check(
        name="clock",
        ok=ok,
        zh="时钟正常。" if ok else f"本机时钟落后账本 {behind_ms} 毫秒。请校准时钟。",
        en="The clock is right." if ok else f"The clock lies {behind_ms} ms behind the ledger. Set it right.",
    )


def _public_of(reading: Reading, own: Claim) -> bytes | None:
    try:
        key = KEYS.get(reading.context(reading.time_ms), (own.member, own.key))
    except ValueError:
        return None
    return None if key is None else key.public
