"""`hansa doctor`, around the directory: clock, disk, versions, port, backup, neighbours."""

import contextlib
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from hansa.apps.rooms import release
from hansa.client.errors import AnswerUnusable
from hansa.client.texts import Text
from hansa.engines.signed import Signed
from hansa.kernel import encode, limits, replace
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.signatures import HEADER_DOMAIN
from hansa.node import doctor_machine, doctor_peers
from hansa.node.backup_note import BackupNote, write_note
from hansa.node.casebook import Casebook
from hansa.node.doctor import CASES
from hansa.node.doctor_peers import Heard
from hansa.node.errors_follower import PeerPlain, PeerPrivate
from hansa.node.findings import Finding, worst
from hansa.node.settings import Settings
from tests.consortium import signer
from tests.node.clinic import BLOCKS, Clinic, built, clinic

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
    monkeypatch.setattr(doctor_machine, "SYNC_SLOW_MS", 50)
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


def test_a_case_put_aside_is_no_incident(clinic: Clinic) -> None:
    book = Casebook(clinic.directory / CASES, "maker", clinic.clock)
    book.report("dropped", 3, Text("缺失", "missing"), against="plant")
    clinic.only("incidents", "doctor.incidents", "wrong")
    book.set_aside("dropped-000000000003.json", "li")
    assert all(found.level == "ok" for found in clinic.findings())


def test_no_backup_and_an_old_one(clinic: Clinic) -> None:
    write_note(clinic.directory, BackupNote(at_ms=clinic.clock() - 8 * limits.DAY_MS, height=2, to="there"))
    assert "8 days old" in clinic.only("backup", "doctor.backup_old", "warning").en
    (clinic.directory / "last-backup.json").unlink()
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
    """Another header, signed by the operator."""
    header = replace(head.header, **fields)
    return replace(
        head, header=header, signature=signer("maker", "node").sign(HEADER_DOMAIN + encode(header))
    )


def test_a_neighbour_that_is_ahead(with_peer: Clinic) -> None:
    head = changed(head_of(with_peer, BLOCKS), height=BLOCKS + 50)
    with_peer.only("others", "doctor.peer_ahead", "warning", ask=answering(with_peer, head))


def test_a_neighbour_with_another_history(with_peer: Clinic) -> None:
    head = changed(head_of(with_peer, BLOCKS), app_hash="0" * 64)
    with_peer.only("others", "doctor.two_histories", "wrong", ask=answering(with_peer, head))


def test_a_header_that_the_operator_did_not_sign_contradicts_nobody(with_peer: Clinic) -> None:
    head = replace(changed(head_of(with_peer, BLOCKS), app_hash="0" * 64), signature=bytes(64))
    with_peer.only("others", "doctor.peer_unsigned", "warning", ask=answering(with_peer, head))


def test_addresses_of_records_are_asked_as_a_follower_asks_them(with_peer: Clinic) -> None:
    """And those of members that left are not asked at all."""
    ask = doctor_peers.over_http(Settings(member="maker"))
    with pytest.raises(PeerPlain):
        ask("http://bank.example")
    with pytest.raises(PeerPrivate):
        ask("https://127.0.0.1:1")


def test_an_answer_without_end_is_no_answer(with_peer: Clinic) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def flood() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            with contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                for _ in range(1_000):
                    connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with pytest.raises(AnswerUnusable, match="over"):
        doctor_peers.over_http(Settings(member="maker", peers={"bank": url}))(url)
    thread.join(20)
    listening.close()


def test_a_neighbour_of_another_consortium(with_peer: Clinic) -> None:
    head = changed(head_of(with_peer, BLOCKS), chain="0" * 64)
    with_peer.only("others", "doctor.peer_other", "wrong", ask=answering(with_peer, head))


def test_a_neighbour_whose_clock_says_otherwise(with_peer: Clinic) -> None:
    ask = answering(with_peer, head_of(with_peer, BLOCKS), late_s=60)
    assert "60 s apart" in with_peer.only("clock", "doctor.clock_off", "warning", ask=ask).en


def test_addresses_that_make_no_sense_are_named(with_peer: Clinic) -> None:
    text = (with_peer.directory / "node.toml").read_text()
    for url in ("http://127.0.0.1:1", "http://["):
        (with_peer.directory / "node.toml").write_text(text.replace("http://bank.example:1", url))
        with_peer.only("others", "doctor.peer_away", "warning", ask=None)
    for url in ("nonsense", "ftp://x"):
        (with_peer.directory / "node.toml").write_text(text.replace("http://bank.example:1", url))
        assert "http://" in with_peer.only("settings", "node.setting_wrong", "wrong", ask=None).en


# The doctor itself.


def test_a_check_that_cannot_be_made_hides_no_other(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Iterator[Finding]:
        raise RuntimeError("odd")

    monkeypatch.setattr("hansa.node.doctor_ledger.look_at_keys", broken)
    told = clinic.only("keys", "doctor.check_failed", "wrong")
    assert "RuntimeError: odd" in told.en


__all__ = ["built", "clinic"]
