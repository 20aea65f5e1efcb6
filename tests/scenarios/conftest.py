"""One play of the packaging line's month, shared by all stories about it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hansa.simulation import demo as plays
from tests.demo_run import demo_run

__all__ = ["demo_run"]


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[plays.Demo]:
    folder = plays.prepare(tmp_path_factory.mktemp("month") / "demo")
    done = plays.run(folder, plays.packaging_play(folder))
    yield done
    done.world.close()


@dataclass(frozen=True)
class Ran:
    """A command as a user ran it."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="session")
def hansa() -> Any:
    """Runs `hansa …` in a process of its own."""

    def run(*arguments: str | Path, cwd: Path | None = None) -> Ran:
        command = [sys.executable, "-c", "from hansa.cli.main import main; main()", *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", cwd=cwd, timeout=300, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run
