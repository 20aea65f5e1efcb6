"""A process that serves a network's ledger to its engine and nothing else: no HTTP, no supervisor.

    python -m tests.network.bare FOLDER

FOLDER holds genesis.json; the ledger, the socket and what happened (`bare.log`) lie beside it.
"""

import os
import signal
import sys
import time
from pathlib import Path
from threading import Event

from hansa.engines.cometbft.application import Application
from hansa.engines.cometbft.server import Server


def main(folder: Path) -> int:
    ended = Event()
    application = Application(
        folder / "ledger.db", (folder / "genesis.json").read_bytes(), lambda: time.time_ns() // 1_000_000
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
    ended.wait()
    server.stop()
    application.close()
    return 1 if server.fault else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
