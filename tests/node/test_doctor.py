"""`hansa doctor`, the directory: all well where all is well; whatever is wrong is found, alone, and named."""

import os
from pathlib import Path
from typing import Any

import pytest

from hansa.client.keyfiles import write_key
from hansa.engines.stops import Stop
from hansa.kernel import encode, limits
from hansa.kernel.active import ACTIVE
from hansa.kernel.messages import Active, RoomPin
from hansa.kernel.state import encode_key
from hansa.node.backup_note import BackupNote, write_note
from hansa.node.findings import worst
from tests.node.clinic import BLOCKS, NODE_SEED, Clinic, built, clinic


def test_a_healthy_node_has_nothing_wrong_and_every_check_says_so(clinic: Clinic) -> None:
    found = clinic.findings(scrub=True, replay=True)
    assert worst(found) == "ok", [one for one in found if one.level != "ok"]
    checks = {one.check for one in found}
    assert checks == {
        "versions", "directory", "settings", "node key", "disk", "genesis", "last block", "stops", "clock",
        "rules", "keys", "growth", "backup", "node", "others", "records", "replay", "incidents",
        "read model", "scrub",
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


@pytest.mark.parametrize(("name", "mode"), [(".", 0o750), ("ledger.db", 0o640), ("signed.db", 0o604)])
def test_a_directory_that_others_may_read(name: str, mode: int, clinic: Clinic) -> None:
    (clinic.directory / name).chmod(mode)
    found = clinic.only("directory", "doctor.rights_open", "warning")
    assert f"({mode:04o})" in found.zh
    assert (name in found.en) is (name != ".") or str(clinic.directory) in found.en


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
    assert "colour" in clinic.only("settings", "node.setting_unknown", "wrong").en


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


__all__ = ["built", "clinic"]


def test_the_read_model_is_made_anew_where_it_is_asked_for(clinic: Clinic) -> None:
    def told(**options: bool) -> str:
        return " ".join(one.en for one in clinic.findings(**options) if one.check == "read model")

    assert f"goes to block 0 of {BLOCKS}" in told()
    assert not (clinic.directory / "read.db").exists()
    assert f"up to block {BLOCKS}. The read model goes to block {BLOCKS}" in told(rebuild=True)
    (clinic.directory / "read.db").write_bytes(b"rubbish")
    assert f"goes to block 0 of {BLOCKS}" in told()
    assert f"goes to block {BLOCKS}" in told(rebuild=True)
