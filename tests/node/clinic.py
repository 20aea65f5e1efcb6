"""A node's directory in good health, and a doctor whose clock and neighbours a test sets."""

import shutil
import socket
import sqlite3
from dataclasses import replace as with_
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.messages import Attest
from hansa.apps.rooms import release
from hansa.client.keyfiles import write_key
from hansa.engines.store import SqliteStore
from hansa.node import doctor_machine
from hansa.node.backup_note import BackupNote, write_note
from hansa.node.doctor import Doctor
from hansa.node.doctor_peers import Heard
from hansa.node.findings import Finding
from tests.consortium import Consortium, VirtualClock

NODE_SEED = b"maker/node".ljust(32, b".")
BLOCKS = 12


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, bytes]:
    """A data directory with a few blocks; the time of the last; its genesis file."""
    folder = tmp_path_factory.mktemp("doctor") / "node"
    folder.mkdir(mode=0o700)
    consortium = Consortium(folder / "ledger.db")
    for _ in range(BLOCKS):
        consortium.do("maker", Attest(table="consortium.members", key=("maker",)))
        consortium.clock.advance(minutes=1)
    genesis_bytes = consortium.node.genesis_bytes
    consortium.close()
    (folder / "genesis.json").write_bytes(genesis_bytes)
    write_key(folder / "node.key", NODE_SEED)
    for path in folder.glob("*.db"):
        path.chmod(0o600)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "node.toml").write_text(f'member = "maker"\nport = {port}\nkey = "k1"\n')
    write_note(folder, BackupNote(at_ms=consortium.clock(), height=BLOCKS, to="elsewhere"))
    return folder, consortium.clock(), genesis_bytes


class Clinic:
    """A copy of the directory, and a doctor whose clock and whose neighbours a test sets."""

    def __init__(self, directory: Path, now_ms: int) -> None:
        self.directory, self.clock = directory, VirtualClock(now_ms)
        self.doctor = Doctor(
            directory, release(), ask=self._nobody, clock=self.clock, monotonic_s=lambda: 0.0
        )

    def _nobody(self, url: str) -> Heard:
        raise AssertionError(f"nobody was to be asked: {url}")

    def settings(self, *lines: str) -> None:
        with (self.directory / "node.toml").open("a") as file:
            file.write("\n".join((*lines, "")))

    def store(self) -> SqliteStore:
        return SqliteStore(self.directory / "ledger.db")

    def sql(self, statement: str, *values: Any) -> None:
        database = sqlite3.connect(self.directory / "ledger.db")
        with database:
            assert database.execute(statement, values).rowcount
        database.close()

    def findings(self, **options: Any) -> list[Finding]:
        return list(with_(self.doctor, **options).examine())

    def only(self, check: str, code: str, level: str, **options: Any) -> Finding:
        """The one finding that is no `ok`."""
        found = [one for one in self.findings(**options) if one.level != "ok"]
        assert [(one.check, one.code, one.level) for one in found] == [(check, code, level)], found
        assert "{" not in found[0].zh + found[0].en
        return found[0]


@pytest.fixture
def clinic(built: tuple[Path, int, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    # A busy machine that runs tests is slow to sync; what is slow is a test of its own.
    monkeypatch.setattr(doctor_machine, "SYNC_SLOW_MS", 60_000)
    directory, now_ms, _ = built
    return Clinic(Path(shutil.copytree(directory, tmp_path / "node")), now_ms)
