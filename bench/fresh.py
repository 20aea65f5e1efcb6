"""From a machine with Python alone, packages cached, to the first business transaction of one's own."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.ground import free_port
from bench.measure import Row

LONG = True
ROOT = Path(__file__).resolve().parent.parent
ANCHOR = (
    "tx", "metering.anchor", "--anchor", "first", "--root", "0" * 64, "--count", "1", "--first-ms", "0",
    "--last-ms", "1", "--yes",
)  # fmt: skip


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "HANSA_HOME": str(folder / "home")}
        environment.pop("VIRTUAL_ENV", None)

        def run(*command: object) -> float:
            start = time.perf_counter()
            words = [str(word) for word in command]
            subprocess.run(words, check=True, capture_output=True, cwd=folder, env=environment)
            return time.perf_counter() - start

        # What is in the cache afterwards is what a user who installed it once has.
        run(sys.executable, "-m", "venv", folder / "warm")
        run(folder / "warm" / "bin" / "pip", "install", ROOT)
        made = run(sys.executable, "-m", "venv", folder / "venv")
        installed = run(folder / "venv" / "bin" / "pip", "install", ROOT)
        hansa = folder / "venv" / "bin" / "hansa"
        begun = time.perf_counter()
        run(hansa, "init", "--quick", "--yes", "--port", free_port(), "data")
        node = subprocess.Popen(
            [str(hansa), "up", "data"], cwd=folder, env=environment, stderr=subprocess.DEVNULL
        )
        try:
            run(hansa, *ANCHOR)
        finally:
            node.terminate()
            node.wait(30)
        used = time.perf_counter() - begun
        detail = f"environment {made:.1f} s, install {installed:.1f} s, found to transact {used:.1f} s"
        whole = made + installed + used
        yield Row("fresh machine to one's own first transaction", whole, "s", 60, detail=detail)
