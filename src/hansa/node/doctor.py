"""`hansa doctor`: looks at a data directory, its machine and its neighbours; says what is wrong, what to do.

It writes nothing but a small file for a moment, to see whether the disk takes it. It may run beside the node.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hansa.apps.consortium.messages import Genesis
from hansa.engines.reading import Reading
from hansa.kernel import Release
from hansa.kernel.canonical import decode_strict
from hansa.kernel.refusal import Refusal
from hansa.node import (
    doctor_files,
    doctor_ledger,
    doctor_machine,
    doctor_peers,
    errors_doctor,
    joining_checks,
    settings,
)
from hansa.node import errors as node_errors
from hansa.node.casebook import Casebook
from hansa.node.findings import Finding, finding, fine
from hansa.node.settings import Settings
from hansa.node.source import directory_reader

CASES = "cases"
"""Folder of a follower's evidence files."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Doctor:
    """What a look needs. `ask` (None: by HTTP) and the clocks are a seam for tests."""

    directory: Path
    release: Release
    scrub: bool = False
    replay: bool = False
    rebuild: bool = False
    ask: doctor_peers.Ask | None = None
    clock: Callable[[], int] = now_ms
    monotonic_s: Callable[[], float] = time.monotonic

    def examine(self) -> Iterator[Finding]:
        """One finding after the other. Never raises: a check that cannot be made is a finding."""
        clocks = doctor_machine.Clocks(self.clock, self.monotonic_s)
        yield from _made("versions", doctor_machine.look_at_versions)
        directory = list(_made("directory", lambda: doctor_files.look_at_directory(self.directory)))
        yield from directory
        if not self.directory.is_dir():
            return
        found = self._settings()
        if isinstance(found, Finding):
            yield found
            return
        yield fine("settings", "node.toml 正确。", "node.toml is right.")
        genesis = self._genesis()
        if isinstance(genesis, Finding):
            yield genesis
        expected = None if isinstance(genesis, Finding) else self._operator_key(genesis)
        yield from _made("node key", lambda: doctor_files.look_at_key(found, expected))
        if found.role == "network":
            yield from _made("engine", joining_checks.look_at_engine)
        yield from _made("disk", lambda: doctor_machine.look_at_disk(self.directory))
        yield from self._ledger(found, clocks)
        yield from _made("incidents", self._incidents)

    def _settings(self) -> Settings | Finding:
        try:
            return settings.read(self.directory)
        except Refusal as refusal:
            return finding("settings", "wrong", refusal)

    def _genesis(self) -> Genesis | Finding:
        path = self.directory / settings.GENESIS
        try:
            return decode_strict(path.read_bytes(), Genesis)
        except Refusal as refusal:
            return finding("genesis", "wrong", refusal)
        except OSError:
            return finding("genesis", "wrong", node_errors.FileMissing(path=str(path)))

    def _operator_key(self, genesis: Genesis) -> bytes:
        """The key that is to sign the next block; that of the genesis file where no ledger says so."""
        try:
            _, reader = directory_reader(self.directory, self.release)
            try:
                with reader.snapshot() as reading:
                    return reading.operator_key(reading.height + 1)
            finally:
                reader.close()
        except (Refusal, OSError, ValueError):
            return genesis.node_public

    def _ledger(self, found: Settings, clocks: doctor_machine.Clocks) -> Iterator[Finding]:
        if not (self.directory / settings.LEDGER).is_file():
            yield finding("ledger", "note", errors_doctor.LedgerMissing())
            yield from _made("clock", lambda: doctor_machine.look_at_clock(clocks, 0))
            yield from _made("node", lambda: doctor_peers.look_at_node(found, "", False))
            return
        try:
            genesis_bytes, reader = directory_reader(self.directory, self.release)
            try:
                if self.rebuild:
                    yield from _made("read model", lambda: doctor_ledger.rebuild(self.directory, reader))
                with reader.snapshot() as reading:
                    yield from self._reading(found, reading, genesis_bytes, clocks)
            finally:
                reader.close()
        except Refusal as refusal:
            yield finding("ledger", "wrong", refusal)
        except (OSError, ValueError) as error:
            yield failed("ledger", error)

    def _reading(
        self, found: Settings, reading: Reading, genesis_bytes: bytes, clocks: doctor_machine.Clocks
    ) -> Iterator[Finding]:
        held = doctor_files.is_held(self.directory)
        chain = list(_made("genesis", lambda: doctor_ledger.look_at_chain(reading)))
        yield from chain
        if any(one.level == "wrong" for one in chain):
            return
        block_ms, now = reading.time_ms, self.clock()
        ask = self.ask or doctor_peers.over_http(found)
        looks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
            ("stops", lambda: doctor_ledger.look_at_stop(reading, orders=found.role == "operator")),
            ("clock", lambda: doctor_machine.look_at_clock(clocks, block_ms)),
            ("rules", lambda: doctor_ledger.look_at_rules(reading)),
            ("keys", lambda: doctor_ledger.look_at_keys(reading, found.member, found.key, now)),
            ("growth", lambda: doctor_machine.look_at_growth(self.directory, reading, now)),
            ("backup", lambda: doctor_ledger.look_at_backup(self.directory, reading.height, now)),
            ("node", lambda: doctor_peers.look_at_node(found, reading.chain.id, held)),
            ("others", lambda: doctor_peers.look_at_peers(found, reading, ask, self.clock)),
        ]
        if self.scrub:
            looks.append(("records", lambda: doctor_ledger.look_at_records(reading)))
        if self.replay:
            looks.append(
                ("replay", lambda: doctor_ledger.look_at_history(reading, genesis_bytes, self.release))
            )
        looks.append(("scrub", lambda: doctor_ledger.look_at_scrub(self.directory)))
        looks.append(("read model", lambda: doctor_ledger.look_at_projection(self.directory, reading)))
        for name, look in looks:
            yield from _made(name, look)

    def _incidents(self) -> Iterator[Finding]:
        folder = self.directory / CASES
        book = Casebook(folder, "", self.clock) if folder.is_dir() else None
        cases = [(path, case) for path, case in book.all() if book.word_on(path) is None] if book else []
        if not cases:
            yield fine("incidents", "没有异常的证据文件。", "No evidence file of an incident.")
            return
        path, last = cases[-1]
        told = {"last_zh": last.zh, "last_en": last.en, "path": path}
        yield finding("incidents", "wrong", errors_doctor.IncidentFiles(count=len(cases), **told))


def _made(name: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A check's findings. What it raises becomes one: the others are made all the same."""
    try:
        yield from look()
    except Refusal as refusal:
        yield finding(name, "wrong", refusal)
    except Exception as error:  # whatever is wrong with this machine must not hide what else is wrong
        yield failed(name, error)


def failed(name: str, error: Exception) -> Finding:
    cause = f"{type(error).__name__}: {error}"
    return finding(name, "wrong", errors_doctor.CheckFailed(check=name, cause=cause))
