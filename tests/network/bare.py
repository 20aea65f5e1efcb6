"""A process that serves a network's ledger to its engine and nothing else: no HTTP, no supervisor.

    python -m tests.network.bare FOLDER

FOLDER holds genesis.json; the ledger, the socket and what happened (`bare.log`) lie beside it. BARE_SNAPSHOTS
is the interval of snapshots; BARE_STALE_MS when a block's time counts as old; BARE_DIES, `before_finalize`,
`after_finalize` or `after_commit` and a height, where the process kills itself there. BARE_IS names one of
liars.py; BARE_CLOCK_S is how far its clock is off.
"""

import os
import signal
import sys
import time
from pathlib import Path
from threading import Event

from hansa.engines.cometbft import application as module
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application, Policy
from hansa.engines.cometbft.server import Server
from tests.network.liars import LIARS

LOOK_EVERY_S = 0.2


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
        answer = super().commit(asked)
        self._die("after_commit", self.engine_height)
        return answer


def main(folder: Path) -> int:
    ended = Event()
    module.STALE_MS = int(os.environ.get("BARE_STALE_MS", module.STALE_MS))
    off_ms = 1_000 * int(os.environ.get("BARE_CLOCK_S", "0"))
    application = LIARS.get(os.environ.get("BARE_IS", ""), Mortal)(
        folder / "ledger.db",
        (folder / "genesis.json").read_bytes(),
        lambda: time.time_ns() // 1_000_000 + off_ms,
        policy=Policy(snapshot_interval=int(os.environ.get("BARE_SNAPSHOTS", "0"))),
    )
    log = (folder / "bare.log").open("a", buffering=1)

    def failed(error: Exception) -> None:
        log.write(f"fault: {error}\n")
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
