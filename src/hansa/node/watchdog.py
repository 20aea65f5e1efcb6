"""Ends the process when a block takes too long, before anything of it is committed (protocol, rule 10).

A room may loop in ways that no budget counts and no check of its source decides: a loop in a loop in a loop.
The timer is faulthandler's: a thread in C, which also fires while one call holds Python's lock. It can only
end the process (status 1) and write where each thread stood; so the block's bytes lie in a file beside the
ledger while it is executed, and the next start notes the stop in the ledger as for any fault of the machine.
There the block is tried again; after its second stop the node waits for its operator. A process has one such
timer.
"""

import faulthandler
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hansa.engines.stops import Stop, Stops
from hansa.engines.store import SqliteStore
from hansa.kernel import Refusal, encode, registry
from hansa.kernel.apply import Incident
from hansa.kernel.refusal import shown

BLOCK, TRACE = "watch.block", "watch.trace"
"""The block in execution; where the threads stood when the time was up. Both empty in between."""
SECONDS = 180
"""Default bound of a block. The dearest that the budgets allow takes about 30 s on a machine of 2026."""
TRACE_BYTES_MAX = 2**20
_LENGTH = struct.Struct(">I")
_THREAD = re.compile(r"^(?:Current thread|Thread) 0x.*$", re.M)
_FRAME = re.compile(r'^  File "([^"]*)", line (\d+) in (\S+)', re.M)
KERNEL = Path(registry.__file__).parent


class TooSlow(Refusal, code="node.block_too_slow", field="node"):
    zh = (
        "执行一个区块超过 {seconds} 秒（停在 {place}），节点已在提交之前终止，没有任何内容生效。"
        "重启时会再试一次；再次超时后节点只读等待，由运维人员决定重试或搁置其交易。"
    )
    en = (
        "A block took more than {seconds} s (it stood at {place}): the node ended before it committed, and "
        "nothing of it took effect. A restart tries it once more; after a second time the node only reads, "
        "and its operator says whether to try again or to set its transactions aside."
    )


class Watchdog:
    """Watches the blocks of one data directory. Made before the engine opens: it notes an earlier stop there.

    `incidents` tells of that stop. `watch` is what the engine executes a block within, one thread at a time.
    """

    def __init__(self, ledger: Path, seconds: int = SECONDS) -> None:
        self.seconds = seconds
        self.incidents: list[Incident] = []
        self._folder = ledger.parent
        self._files: tuple[BinaryIO, BinaryIO] | None = None
        self._recall(ledger)

    @contextmanager
    def watch(self, wires: Sequence[bytes]) -> Iterator[None]:
        """Within it the process ends after `seconds`. Nothing may be committed within."""
        if self._files is None:  # Only now, since the engine holds the folder by now.
            opened = ((self._folder / name).open("wb", buffering=0) for name in (BLOCK, TRACE))
            self._files = (next(opened), next(opened))
        block, trace = self._files
        block.seek(0)
        block.write(_packed(wires))
        faulthandler.dump_traceback_later(self.seconds, exit=True, file=trace)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            block.truncate(0)

    def close(self) -> None:
        for file in self._files or ():
            file.close()
        self._files = None

    def _recall(self, ledger: Path) -> None:
        """Note in the ledger that the watchdog ended the process, with the block to be tried again."""
        trace = self._folder / TRACE
        if not trace.is_file() or not trace.stat().st_size or not ledger.is_file():
            return
        with trace.open("rb") as file:
            text = file.read(TRACE_BYTES_MAX).decode("utf-8", "replace")
        wires = _unpacked((self._folder / BLOCK).read_bytes())
        refusal = TooSlow(seconds=self.seconds, place=_place(text))
        store = SqliteStore(ledger)
        try:
            before = Stops(store).noted()
            stop = Stop(stops=before.stops + 1 if before else 1, cause=_cause(refusal), transactions=wires)
            store.note("stopped", encode(stop))
        finally:
            store.close()
        ended_ms = trace.stat().st_mtime_ns // 1_000_000
        self.incidents.append(Incident(TooSlow.code, refusal.en, refusal.zh, at_ms=ended_ms))
        trace.replace(self._folder / f"{TRACE}.last")


def _cause(refusal: Refusal) -> str:
    return shown(f"{refusal.code}: {refusal.values['seconds']} s, {refusal.values['place']}")


def _packed(wires: Sequence[bytes]) -> bytes:
    """The end is marked by a length of nought: an earlier, longer block may stand behind it."""
    return b"".join(part for wire in wires for part in (_LENGTH.pack(len(wire)), wire)) + _LENGTH.pack(0)


def _unpacked(data: bytes) -> tuple[bytes, ...]:
    """What was written whole. A file cut short (the disk was full) gives what there is."""
    wires: list[bytes] = []
    at = 0
    while at + _LENGTH.size <= len(data):
        (size,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if not size or at + size > len(data):
            break
        wires.append(data[at : at + size])
        at += size
    return tuple(wires)


def _place(trace: str) -> str:
    """Function, file and line where the block's thread stood, outside of the kernel where it was."""
    for thread in _THREAD.split(trace):
        frames: list[tuple[str, str, str]] = _FRAME.findall(thread)
        names = [name for _, _, name in frames]
        if "apply" not in names:
            continue
        own = [frame for frame in frames[: names.index("apply")] if Path(frame[0]).parent != KERNEL]
        path, line, name = (own or frames)[0]
        return f"{name}, {Path(path).name}:{line}"
    return "?"
