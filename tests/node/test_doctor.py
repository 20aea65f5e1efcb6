"""`hansa doctor`: a healthy node is called healthy; each thing that is wrong is found, alone, and named."""

import os
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace as with_
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.messages import Attest
from hansa.apps.rooms import release
from hansa.client.keyfiles import write_key
from hansa.client.texts import Text
from hansa.engines.signed import Signed
from hansa.engines.stops import Stop
from hansa.engines.store import SqliteStore
from hansa.kernel import encode, limits
from hansa.kernel.active import ACTIVE
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.messages import Active, RoomPin
from hansa.kernel.state import encode_key
from hansa.node import doctor_machine, doctor_peers
from hansa.node.backup_note import BackupNote, write_note
from hansa.node.casebook import Casebook
from hansa.node.doctor import CASES, Doctor
from hansa.node.doctor_peers import Heard
from hansa.node.findings import Finding, worst
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
def clinic(built: tuple[Path, int, bytes], tmp_path: Path) -> Clinic:
    directory, now_ms, _ = built
    return Clinic(Path(shutil.copytree(directory, tmp_path / "node")), now_ms)


def test_a_healthy_node_has_nothing_wrong_and_every_check_says_so(clinic: Clinic) -> None:
    found = clinic.findings(scrub=True, replay=True)
    assert worst(found) == "ok", [one for one in found if one.level != "ok"]
    checks = {one.check for one in found}
    assert checks == {
        "versions", "directory", "settings", "node key", "disk", "genesis", "last block", "stops", "clock",
        "rules", "keys", "growth", "backup", "node", "others", "records", "replay", "incidents",
    }  # fmt: skip
    assert all(one.zh and one.en for one in found)


def test_looking_changes_nothing(clinic: Clinic) -> None:
    def content() -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in clinic.directory.iterdir() if "-shm" not in p.name}

    clinic.findings()
    before = content()
    clinic.findings(scrub=True, replay=True)
    assert content() == before


# Directory, settings, files.


def test_no_directory(tmp_path: Path) -> None:
    Clinic(tmp_path / "none", 0).only("directory", "doctor.no_directory", "wrong")


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_a_directory_that_others_may_write_to(clinic: Clinic) -> None:
    clinic.directory.chmod(0o777)
    assert "0777" in clinic.only("directory", "doctor.directory_open", "wrong").en


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_a_key_that_others_may_read(clinic: Clinic) -> None:
    (clinic.directory / "node.key").chmod(0o644)
    assert "0644" in clinic.only("node key", "key.rights", "wrong").zh


def test_a_key_that_is_not_the_nodes(clinic: Clinic) -> None:
    (clinic.directory / "node.key").unlink()
    write_key(clinic.directory / "node.key", b"x" * 32)
    clinic.only("node key", "engine.wrong_node_key", "wrong")


def test_a_key_that_is_missing_cut_off_or_sealed(clinic: Clinic) -> None:
    path = clinic.directory / "node.key"
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    clinic.only("node key", "key.damaged", "wrong")
    path.unlink()
    clinic.only("node key", "key.missing", "wrong")
    write_key(path, NODE_SEED, "a passphrase")
    clinic.only("node key", "doctor.key_sealed", "wrong")


def test_settings_that_are_wrong(clinic: Clinic) -> None:
    clinic.settings("colour = 7")
    assert "colour" in clinic.only("settings", "node.settings_wrong", "wrong").en


def test_settings_that_are_missing(clinic: Clinic) -> None:
    (clinic.directory / "node.toml").unlink()
    clinic.only("settings", "node.file_missing", "wrong")


def test_a_ledger_that_is_not_there_yet_is_a_note(clinic: Clinic) -> None:
    (clinic.directory / "ledger.db").unlink()
    assert clinic.only("ledger", "doctor.ledger_missing", "note")


# Ledger.


def test_a_genesis_file_of_another_consortium(clinic: Clinic) -> None:
    path = clinic.directory / "genesis.json"
    other = path.read_bytes().replace(b"East China", b"West China")
    path.write_bytes(other)
    clinic.only("genesis", "engine.wrong_genesis", "wrong")


def test_a_genesis_file_that_is_broken_is_named_once_for_the_file_and_once_for_the_ledger(
    clinic: Clinic,
) -> None:
    (clinic.directory / "genesis.json").write_bytes(b"{")
    found = [(one.check, one.code) for one in clinic.findings() if one.level != "ok"]
    assert found == [("genesis", "kernel.malformed"), ("ledger", "kernel.malformed")]


@pytest.mark.parametrize(
    "damage",
    [
        ("UPDATE blocks SET header = substr(header, 1, 50) WHERE height = ?", BLOCKS),
        ("UPDATE events SET data = x'7b7d' WHERE height = ?", BLOCKS),
        ("UPDATE transactions SET wire = x'00' WHERE height = ?", BLOCKS),
        ("DELETE FROM nodes WHERE level = 0 AND position = ?", BLOCKS - 1),
        ("UPDATE meta SET value = zeroblob(2048) WHERE name = ?", "state_sum"),
    ],
    ids=["header", "event", "transaction", "log", "state"],
)
def test_a_last_block_that_was_changed(damage: tuple[str, Any], clinic: Clinic) -> None:
    clinic.sql(*damage)
    clinic.only("last block", "engine.history_broken", "wrong")


def test_a_last_header_that_the_operator_did_not_sign(clinic: Clinic) -> None:
    store = clinic.store()
    leaf, header = store.block(BLOCKS) or (b"", b"")
    store.close()
    broken = bytearray(header)
    at = broken.index(b'"signature":"') + 13
    broken[at] = ord("A") if broken[at] != ord("A") else ord("B")
    clinic.sql("UPDATE blocks SET header = ? WHERE height = ?", bytes(broken), BLOCKS)
    assert leaf
    clinic.only("last block", "engine.history_broken", "wrong")


def test_a_record_that_was_changed_is_found_by_the_scrub_and_only_by_it(clinic: Clinic) -> None:
    clinic.sql("UPDATE state SET value = value || x'20' WHERE tbl = ?", "consortium.registrations")
    assert worst(clinic.findings()) == "ok"
    clinic.only("records", "engine.damaged", "wrong", scrub=True)


def test_a_record_that_was_lost_is_found_by_the_scrub(clinic: Clinic) -> None:
    clinic.sql("DELETE FROM state WHERE tbl = ?", "consortium.registrations")
    clinic.only("records", "engine.records_broken", "wrong", scrub=True)


def test_an_early_block_that_was_changed_is_found_by_the_replay(clinic: Clinic) -> None:
    clinic.sql("UPDATE events SET data = x'7b7d' WHERE height = ?", 3)
    assert worst(clinic.findings()) == "ok"
    assert "3" in clinic.only("replay", "engine.history_broken", "wrong", replay=True).en


def test_a_stop_that_was_noted(clinic: Clinic) -> None:
    store = clinic.store()
    store.note("stopped", encode(Stop(stops=2, cause="disk full")))
    store.close()
    assert "disk full" in clinic.only("stops", "doctor.stop_noted", "wrong").en


def test_a_restored_ledger_that_nobody_has_confirmed(clinic: Clinic) -> None:
    store = clinic.store()
    store.note("restored", b"1")
    store.close()
    clinic.only("stops", "engine.restored", "wrong")


def test_a_file_that_is_no_ledger(clinic: Clinic) -> None:
    (clinic.directory / "ledger.db").write_bytes(b"no database at all" * 100)
    found = [one for one in clinic.findings() if one.level != "ok"]
    assert [(one.check, one.level) for one in found] == [("ledger", "wrong")]


# Rules and rooms.


def scheduled(clinic: Clinic, height: int, active: Active) -> None:
    store = clinic.store()
    with store.commit():
        store.write_records({(ACTIVE.name, encode_key((height,))): encode(active)})
    store.close()


def test_rules_that_this_program_lacks_are_named_before_they_come(clinic: Clinic) -> None:
    scheduled(clinic, 1_000, Active(rules=limits.RULES_MAX + 1))
    told = clinic.only("rules", "doctor.rules_scheduled", "wrong").en
    assert f"version {limits.RULES_MAX + 1} from block 1000" in told


def test_rules_that_are_in_force_and_that_this_program_lacks(clinic: Clinic) -> None:
    scheduled(clinic, 2, Active(rules=limits.RULES_MAX + 1))
    codes = {one.code for one in clinic.findings() if one.level != "ok"}
    assert "kernel.outdated" in codes


def test_a_room_that_was_voted_for_and_is_not_installed(clinic: Clinic) -> None:
    pin = RoomPin(name="crates", version="1.2", sha256="0" * 64)
    scheduled(clinic, BLOCKS + 2, Active(rules=limits.RULES_MAX, rooms=(pin,)))
    told = clinic.only("rooms", "doctor.room_scheduled", "wrong").en
    assert "crates 1.2" in told


# Keys.


@pytest.fixture
def expiry_ms(built: tuple[Path, int, bytes]) -> int:
    """When the keys of the consortium's members end."""
    from hansa.apps.consortium.messages import Genesis
    from hansa.kernel.canonical import decode

    return decode(built[2], Genesis).members[0].keys[0].expires_ms


@pytest.mark.parametrize(("days", "level"), [(59, "note"), (13, "warning"), (2, "wrong")])
def test_keys_that_expire(days: int, level: str, clinic: Clinic, expiry_ms: int) -> None:
    clinic.clock.now_ms = expiry_ms - days * limits.DAY_MS - 1
    write_note(clinic.directory, BackupNote(at_ms=clinic.clock(), height=BLOCKS, to="there"))
    told = clinic.only("keys", "doctor.key_expires", level)
    assert f"in {days} days" in told.en
    assert f"{days} 天" in told.zh


def test_keys_that_expire_later_are_not_named(clinic: Clinic, expiry_ms: int) -> None:
    clinic.clock.now_ms = expiry_ms - 61 * limits.DAY_MS
    write_note(clinic.directory, BackupNote(at_ms=clinic.clock(), height=BLOCKS, to="there"))
    assert worst(clinic.findings()) == "ok"


def test_the_nodes_key_expired_and_none_is_left(clinic: Clinic, expiry_ms: int) -> None:
    clinic.clock.now_ms = expiry_ms
    write_note(clinic.directory, BackupNote(at_ms=clinic.clock(), height=BLOCKS, to="there"))
    found = [(one.code, one.level) for one in clinic.findings() if one.level != "ok"]
    assert found == [("doctor.no_key_left", "wrong"), ("doctor.key_expired", "wrong")]


def test_a_key_that_is_not_on_the_ledger(clinic: Clinic) -> None:
    text = (clinic.directory / "node.toml").read_text()
    (clinic.directory / "node.toml").write_text(text.replace('"k1"', '"k7"'))
    clinic.only("keys", "doctor.key_unknown", "wrong")


def test_a_key_that_was_revoked(clinic: Clinic) -> None:
    store = clinic.store()
    name = ("kernel.keys", encode_key(("maker", "k1")))
    stored = store.get(*name)
    assert stored is not None
    with store.commit():
        store.write_records({name: stored[:-1] + b',"revoked_ms":1767571200000}'})
    store.close()
    codes = [one.code for one in clinic.findings() if one.level != "ok"]
    assert codes[0] == "doctor.key_revoked"


# Clock.


def test_a_clock_that_lies_behind_the_newest_block(clinic: Clinic) -> None:
    clinic.clock.advance(minutes=-30)
    write_note(clinic.directory, BackupNote(at_ms=clinic.clock(), height=BLOCKS, to="there"))
    told = clinic.only("clock", "doctor.clock_behind", "wrong")
    assert "1740 s" in told.en


def test_a_clock_that_jumps_while_it_is_looked_at(clinic: Clinic) -> None:
    ticks = iter([0.0, 3.0, 6.0])
    told = clinic.only("clock", "doctor.clock_jumps", "warning", monotonic_s=lambda: next(ticks))
    assert "-3000" in told.en


# Disk.


def test_a_disk_that_is_nearly_full(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_machine, "free_bytes", lambda directory: 100 * 2**20)
    found = {one.check: one for one in clinic.findings() if one.level != "ok"}
    assert found["disk"].code == "doctor.disk_low"
    assert "100 MB" in found["disk"].en


@pytest.mark.parametrize(("mb", "level"), [(260, "wrong"), (1_000, "warning")])
def test_a_disk_that_will_be_full(
    mb: int, level: str, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_machine, "free_bytes", lambda directory: mb * 2**20)
    monkeypatch.setattr(doctor_machine, "daily_growth", lambda *_: 50 * 2**20)
    told = clinic.only("growth", "doctor.disk_forecast", level)
    assert f"about {mb // 50} days" in told.en


def test_growth_is_that_of_the_last_days(clinic: Clinic) -> None:
    """Twelve blocks in the hour that is the least it looks at: a day of it is 24 times as much."""
    from hansa.node.source import directory_reader

    reader = directory_reader(clinic.directory, release())[1]
    with reader.snapshot() as reading:
        now = clinic.clock()
        assert doctor_machine.daily_growth(1_200, reading, now) == 1_200 * 24
        later = now + 6 * limits.DAY_MS
        assert doctor_machine.daily_growth(1_200, reading, later) == pytest.approx(200, rel=0.01)
        assert doctor_machine.daily_growth(1_200, reading, now + 30 * limits.DAY_MS) == 0
    reader.close()


def test_a_disk_that_cannot_be_written(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert "No space left" in clinic.only("disk", "doctor.disk_unwritable", "wrong").en


def test_a_disk_that_is_slow(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_machine, "_sync_ms", lambda directory: 120)
    clinic.only("disk", "doctor.disk_slow", "warning")


# Versions.


def test_a_python_and_a_sqlite_that_are_too_old(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    told = clinic.only("versions", "doctor.python_old", "wrong")
    assert "3.10.4" in told.zh
    monkeypatch.undo()
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 30, 0))
    clinic.only("versions", "doctor.sqlite_old", "wrong")


@pytest.mark.parametrize("asked", ["msgspec>=99.1", "there-is-no-such-library>=1"])
def test_a_library_that_does_not_fit(asked: str, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_machine, "_requirements", lambda: ["click>=8", asked])
    assert asked.split(">=")[0] in clinic.only("versions", "doctor.library_wrong", "wrong").en


def test_a_library_that_is_asked_for_under_a_condition_may_be_left_out() -> None:
    assert doctor_machine.library_wrong('there-is-no-such-library>=1; sys_platform == "win32"') is None


# Port, and who holds the directory.


@pytest.fixture
def taken(clinic: Clinic) -> Iterator[None]:
    port = int((clinic.directory / "node.toml").read_text().split("port = ")[1].split()[0])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        other.settimeout(0.01)
        yield


@pytest.mark.usefixtures("taken")
def test_a_port_that_another_program_has(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_peers, "ANSWER_TIME_MAX_S", 0.2)
    monkeypatch.setattr(doctor_peers, "holder_of_port", lambda port: f"other-program on {port}")
    assert "other-program on" in clinic.only("node", "doctor.port_busy", "wrong").en


def test_a_directory_held_by_a_process_that_is_no_node(clinic: Clinic) -> None:
    from hansa.node.source import directory_reader

    genesis, reader = directory_reader(clinic.directory, release())
    assert genesis
    holder = Signed(clinic.directory / "signed.db", reader.chain.id)
    try:
        clinic.only("node", "doctor.held_silent", "wrong")
    finally:
        holder.close()
        reader.close()


# Incidents and backup.


def test_incidents_are_named_with_their_file(clinic: Clinic) -> None:
    book = Casebook(clinic.directory / CASES, "maker", clinic.clock)
    book.report("clock", 3, Text("时间不符", "a time that is off"))
    told = clinic.only("incidents", "doctor.incidents", "wrong")
    assert "a time that is off" in told.en
    assert "时间不符" in told.zh
    assert CASES in told.en


def test_no_backup_and_an_old_one(clinic: Clinic) -> None:
    write_note(clinic.directory, BackupNote(at_ms=clinic.clock() - 8 * limits.DAY_MS, height=2, to="there"))
    assert "8 days old" in clinic.only("backup", "doctor.backup_old", "warning").en
    (clinic.directory / "backup.json").unlink()
    clinic.only("backup", "doctor.no_backup", "warning")


# Neighbours.


def head_of(clinic: Clinic, height: int) -> SignedHeader:
    from hansa.kernel.canonical import decode

    store = clinic.store()
    found = store.block(height)
    store.close()
    assert found is not None
    return decode(found[1], SignedHeader)


def answering(clinic: Clinic, head: SignedHeader | None, late_s: int = 0) -> Callable[[str], Heard]:
    date = datetime.fromtimestamp(clinic.clock() / 1_000 - late_s, UTC)
    return lambda url: Heard(head, date)


@pytest.fixture
def with_peer(clinic: Clinic) -> Clinic:
    clinic.settings("[peers]", 'bank = "http://bank.example:1"')
    return clinic


def test_a_neighbour_at_the_same_height(with_peer: Clinic) -> None:
    found = with_peer.findings(ask=answering(with_peer, head_of(with_peer, BLOCKS)))
    assert worst(found) == "ok"
    assert any("bank.example" in one.en for one in found)


def test_a_neighbour_that_does_not_answer(with_peer: Clinic) -> None:
    from hansa.client.errors import Unreachable

    def away(url: str) -> Heard:
        raise Unreachable(url=url, cause="refused")

    told = with_peer.only("others", "doctor.peer_away", "warning", ask=away)
    assert "bank" in told.en


def test_a_neighbour_that_is_behind(with_peer: Clinic) -> None:
    told = with_peer.only(
        "others", "doctor.peer_behind", "warning", ask=answering(with_peer, head_of(with_peer, 1))
    )
    assert "11 blocks behind" in told.en


def changed(head: SignedHeader, **fields: Any) -> SignedHeader:
    from hansa.kernel import replace

    return replace(head, header=replace(head.header, **fields))


def test_a_neighbour_that_is_ahead(with_peer: Clinic) -> None:
    head = changed(head_of(with_peer, BLOCKS), height=BLOCKS + 50)
    with_peer.only("others", "doctor.peer_ahead", "warning", ask=answering(with_peer, head))


def test_a_neighbour_with_another_history(with_peer: Clinic) -> None:
    head = changed(head_of(with_peer, BLOCKS), app_hash="0" * 64)
    with_peer.only("others", "doctor.two_histories", "wrong", ask=answering(with_peer, head))


def test_a_neighbour_of_another_consortium(with_peer: Clinic) -> None:
    head = changed(head_of(with_peer, BLOCKS), chain="0" * 64)
    with_peer.only("others", "doctor.peer_other", "wrong", ask=answering(with_peer, head))


def test_a_neighbour_whose_clock_says_otherwise(with_peer: Clinic) -> None:
    ask = answering(with_peer, head_of(with_peer, BLOCKS), late_s=60)
    assert "60 s apart" in with_peer.only("clock", "doctor.clock_off", "warning", ask=ask).en


def test_addresses_that_make_no_sense_are_named(with_peer: Clinic) -> None:
    text = (with_peer.directory / "node.toml").read_text()
    for url in ("http://127.0.0.1:1", "nonsense", "http://[", "ftp://x"):
        (with_peer.directory / "node.toml").write_text(text.replace("http://bank.example:1", url))
        with_peer.only("others", "doctor.peer_away", "warning", ask=None)


# The doctor itself.


def test_a_check_that_cannot_be_made_hides_no_other(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Iterator[Finding]:
        raise RuntimeError("odd")

    monkeypatch.setattr("hansa.node.doctor_ledger.look_at_keys", broken)
    told = clinic.only("keys", "doctor.check_failed", "wrong")
    assert "RuntimeError: odd" in told.en
