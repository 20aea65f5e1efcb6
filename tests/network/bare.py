"""A process that serves a network's ledger to its engine and nothing else: no HTTP, no supervisor.

    python -m tests.network.bare FOLDER

FOLDER holds genesis.json; the ledger, the socket and what happened (`bare.log`) lie beside it. BARE_SNAPSHOTS
is the interval of snapshots; BARE_BLOCKS, how many blocks its engine keeps for others; BARE_STALE_MS, when a
block's time counts as old; BARE_DIES, a step (STEPS) and a height, where the process kills itself. BARE_IS
names one of liars.py. The file `clock_s` in FOLDER, if there is one, says how far its clock is off.
"""

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

from hansa.engines.cometbft import application as module
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application, Policy
from hansa.engines.cometbft.server import Server
from hansa.engines.store import LOCK_WAIT_S
from tests.network.liars import LIARS

LOOK_EVERY_S = 0.2
SNAPSHOTS_KEPT = 10
"""Tests take them so often that two would be gone before a joiner on a busy machine has one."""
STEPS = ("before_finalize", "after_finalize", "before_disk", "after_disk", "after_commit")
"""Where a process may die within a block; `disk`: the first commit of the ledger's file within it."""


def nowhere(step: str) -> None:
    """No block is being committed."""


class Disk(sqlite3.Connection):
    """A ledger's file; tells before and after each commit."""

    at: ClassVar[Callable[[str], None]] = staticmethod(nowhere)

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> sqlite3.Cursor:
        if sql != "COMMIT":
            return super().execute(sql, values)
        Disk.at("before_disk")
        found = super().execute(sql, values)
        Disk.at("after_disk")
        return found


def connect(path: Path) -> Disk:
    return sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=LOCK_WAIT_S, factory=Disk
    )


class Mortal(Application):
    """Dies at a step of a height, as a process that is killed there."""

    def _die(self, step: str, height: int) -> None:
        if os.environ.get("BARE_DIES") == f"{step} {height}":
            os.kill(os.getpid(), signal.SIGKILL)

    def finalize_block(self, asked: abci.FinalizeBlock) -> abci.FinalizeBlockAnswer:
        self._die("before_finalize", asked.height)
        answer = super().finalize_block(asked)
        self._die("after_finalize", asked.height)
        return answer

    def commit(self, asked: abci.Commit) -> abci.CommitAnswer:
        height = self.engine_height + 1
        Disk.at = staticmethod(lambda step: self._die(step, height))
        answer = super().commit(asked)
        Disk.at = staticmethod(nowhere)
        self._die("after_commit", height)
        return answer


def policy() -> Policy:
    return Policy(
        snapshot_interval=int(os.environ.get("BARE_SNAPSHOTS", "0")),
        snapshots_kept=SNAPSHOTS_KEPT,
        engine_blocks=int(os.environ.get("BARE_BLOCKS", Policy.engine_blocks)),
    )


def main(folder: Path) -> int:
    ended = Event()
    module.STALE_MS = int(os.environ.get("BARE_STALE_MS", module.STALE_MS))

    def clock() -> int:
        off = folder / "clock_s"
        return time.time_ns() // 1_000_000 + (1_000 * int(off.read_text()) if off.exists() else 0)

    application = LIARS.get(os.environ.get("BARE_IS", ""), Mortal)(
        folder / "ledger.db",
        (folder / "genesis.json").read_bytes(),
        clock,
        policy=policy(),
        connect=connect,
    )
    log = (folder / "bare.log").open("a", buffering=1)

    def failed(error: Exception) -> None:
        try:
            log.write(f"fault: {error}\n")
        finally:  # It may be that very disk that is full.
            ended.set()

    server = Server(
        application, folder / "abci.sock", on_fault=failed, on_unfit=lambda refusal: print(refusal, file=log)
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server.start()
    log.write(f"serves {os.getpid()} at engine height {application.engine_height}\n")
    told = 0
    while not ended.wait(LOOK_EVERY_S):
        for incident in application.incidents[told:]:
            log.write(f"{incident.what}: {incident.detail}\n")
            told += 1
    server.stop()
    application.close()
    return 1 if server.fault else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
