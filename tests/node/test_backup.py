"""A backup of a node that goes on; what is restored is the same log, and it never orders on a guess."""

import json
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from hansa.apps.consortium.messages import Attest
from hansa.apps.rooms import release
from hansa.client.keyfiles import write_key
from hansa.engines import errors as engine_errors
from hansa.engines.blocks import BlockData
from hansa.engines.restoring import check_whole
from hansa.engines.signed import Signed
from hansa.engines.snapshot import Broken, FolderTaken
from hansa.kernel import Refusal, encode, replace
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.signatures import HEADER_DOMAIN, Signer
from hansa.node import errors_operate as errors
from hansa.node.backup import about, backup, catch_up, restore
from hansa.node.backup_note import read_note
from hansa.node.source import directory_reader
from tests.consortium import Consortium, signer

NODE = signer("maker", "node")
SHOW = Attest(table="consortium.members", key=("maker",))
BLOCKS = 5


class Town:
    """An operator's directory, with its node in this process."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self.consortium = Consortium(directory / "ledger.db")
        (directory / "genesis.json").write_bytes(self.consortium.node.genesis_bytes)
        (directory / "node.toml").write_text('member = "maker"\n')
        write_key(directory / "node.key", b"maker/node".ljust(32, b"."))
        self.work(BLOCKS)

    def work(self, blocks: int) -> None:
        for _ in range(blocks):
            self.consortium.do("maker", SHOW)

    @property
    def height(self) -> int:
        return self.consortium.node.height

    def head(self) -> SignedHeader | None:
        return self.consortium.node.head()

    def blocks(self, first: int, limit: int) -> Sequence[BlockData]:
        with self.consortium.node.reader().snapshot() as reading:
            last = min(reading.height, first + limit - 1)
            return [reading.block(height) for height in range(first, last + 1)]


class Other:
    """Another node, as its Upstream: shows what a town shows, or what a test makes of it."""

    url = "http://bank.example"

    def __init__(self, town: Town, head: Callable[[], SignedHeader | None] | None = None) -> None:
        self._town, self._head = town, head or town.head
        self.withheld = 10**9

    def head(self) -> SignedHeader | None:
        return self._head()

    def blocks(self, first: int, limit: int, wait_ms: int) -> Sequence[BlockData]:
        return [block for block in self._town.blocks(first, limit) if block.leaf.height < self.withheld]

    def close(self) -> None: ...

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path / "node")


def go_on(town: Town, directory: Path, *others: Other, alone: bool = False) -> tuple[int, list[int]]:
    height, agreed = catch_up(
        directory, NODE, release(), others, alone=alone, clock=town.consortium.clock  # type: ignore[arg-type]
    )  # fmt: skip
    return height, [one.height for one in agreed]


def app_hash(directory: Path) -> str:
    _, reader = directory_reader(directory, release())
    with closing(reader), reader.snapshot() as reading:
        check_whole(reading)
        head = reading.head()
        assert head is not None
        return head.header.app_hash


def ordered(directory: Path, town: Town) -> int:
    """Whether the restored node takes a transaction: its height then."""
    from hansa.engines.embedded import Embedded

    genesis = (directory / "genesis.json").read_bytes()
    engine = Embedded(directory / "ledger.db", genesis, NODE, town.consortium.clock)
    with closing(engine):
        client = town.consortium.client("maker")
        receipt = engine.submit([client.sign(SHOW)])[0]
        assert receipt.code == "ok", receipt.en
        return engine.height


# Backup.


def test_a_backup_of_a_running_node_holds_the_log_as_it_stood(town: Town, tmp_path: Path) -> None:
    made = backup(town.directory, tmp_path / "copy", release())
    town.work(3)
    assert (made.kind, made.height) == ("backup", BLOCKS)
    assert about(tmp_path / "copy", release(), tmp_path) == made
    note = read_note(town.directory)
    assert note is not None
    assert note.height == BLOCKS


def test_neither_keys_nor_what_was_signed_are_in_a_backup(town: Town, tmp_path: Path) -> None:
    (town.directory / "member.key").write_text("secret")
    backup(town.directory, tmp_path / "copy", release())
    names = {path.name for path in (tmp_path / "copy").rglob("*")}
    assert not names & {"node.key", "member.key", "signed.db"}
    assert {"genesis.json", "node.toml", "ledger.db"} <= names
    secret = (town.directory / "node.key").read_bytes().splitlines()[1]
    assert all(secret not in path.read_bytes() for path in (tmp_path / "copy").rglob("*") if path.is_file())


def test_evidence_of_incidents_goes_along(town: Town, tmp_path: Path) -> None:
    (town.directory / "cases").mkdir()
    (town.directory / "cases" / "clock-000000000003.json").write_text("{}")
    backup(town.directory, tmp_path / "copy", release())
    restore(tmp_path / "copy", tmp_path / "new", release())
    assert (tmp_path / "new" / "cases" / "clock-000000000003.json").read_text() == "{}"


def test_blocks_that_come_meanwhile_do_not_disturb_it(town: Town, tmp_path: Path) -> None:
    over = threading.Event()
    made = []

    def copies() -> None:
        for number in range(5):
            made.append(backup(town.directory, tmp_path / f"copy-{number}", release()).height)
        over.set()

    thread = threading.Thread(target=copies)
    thread.start()
    while not over.is_set():
        town.work(1)
    thread.join()
    assert made == sorted(made)
    for number in range(5):
        restore(tmp_path / f"copy-{number}", tmp_path / f"new-{number}", release())


def test_a_folder_that_exists_is_not_written_to(town: Town, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(FolderTaken):
        backup(town.directory, tmp_path / "copy", release())


def test_progress_is_told_to_the_end(town: Town, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    backup(
        town.directory,
        tmp_path / "copy",
        release(),
        progress=lambda zh, en, done, whole: told.append((done, whole)),
    )
    assert told[-1][0] == told[-1][1] > 0


# Restore.


def test_a_restored_directory_is_the_same_ledger_and_goes_on(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "copy", release())
    restore(tmp_path / "copy", tmp_path / "new", release())
    assert app_hash(tmp_path / "new") == town.consortium.node.app_hash
    assert go_on(town, tmp_path / "new", alone=True) == (BLOCKS, [])
    assert ordered(tmp_path / "new", town) == BLOCKS + 1


def test_a_restored_node_does_not_order_before_somebody_was_asked(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "copy", release())
    restore(tmp_path / "copy", tmp_path / "new", release())
    with pytest.raises(errors.NobodyAsked):
        go_on(town, tmp_path / "new")
    with pytest.raises(engine_errors.Restored):
        ordered(tmp_path / "new", town)


def test_an_older_backup_catches_up_from_a_follower_to_the_same_log(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "copy", release())
    town.work(7)
    restore(tmp_path / "copy", tmp_path / "new", release())
    assert go_on(town, tmp_path / "new", Other(town)) == (BLOCKS + 7, [BLOCKS + 7])
    assert app_hash(tmp_path / "new") == town.consortium.node.app_hash
    assert ordered(tmp_path / "new", town) == BLOCKS + 8


def test_where_it_stood_it_signs_no_height_again(town: Town, tmp_path: Path) -> None:
    """An older backup laid down where signed.db is: what was signed since must come back first."""
    backup(town.directory, tmp_path / "copy", release())
    town.work(7)
    town.consortium.close()
    restore(tmp_path / "copy", town.directory, release(), replace=True)
    with pytest.raises(engine_errors.NotCaughtUp):
        go_on(town, town.directory, alone=True)
    with pytest.raises(Refusal):
        ordered(town.directory, town)


def test_a_follower_that_is_behind_as_well_is_not_enough(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "copy", release())
    town.work(7)
    mirror = Town(tmp_path / "mirror")
    old = mirror.head
    town.consortium.close()
    restore(tmp_path / "copy", town.directory, release(), replace=True)
    with pytest.raises(engine_errors.NotCaughtUp):
        go_on(town, town.directory, Other(mirror, old))


def test_blocks_that_are_withheld_are_named(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "copy", release())
    town.work(7)
    restore(tmp_path / "copy", tmp_path / "new", release())
    other = Other(town)
    other.withheld = BLOCKS + 3
    with pytest.raises(errors.StillBehind, match=f"ends at block {BLOCKS + 2}"):
        go_on(town, tmp_path / "new", other)
    with pytest.raises(engine_errors.Restored):
        ordered(tmp_path / "new", town)


def test_another_history_is_named_and_nothing_is_ordered(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "copy", release())
    restore(tmp_path / "copy", tmp_path / "new", release())

    def other_head() -> SignedHeader:
        head = town.head()
        assert head is not None
        header = replace(head.header, app_hash="0" * 64)
        return replace(head, header=header, signature=NODE.sign(HEADER_DOMAIN + encode(header)))

    with pytest.raises(errors.OtherHistory):
        go_on(town, tmp_path / "new", Other(town, other_head))
    with pytest.raises(engine_errors.Restored):
        ordered(tmp_path / "new", town)


def test_where_one_shows_another_history_nothing_is_fetched_from_the_rest(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "copy", release())
    restore(tmp_path / "copy", tmp_path / "new", release())
    head = town.head()
    assert head is not None
    header = replace(head.header, app_hash="0" * 64)
    other = replace(head, header=header, signature=NODE.sign(HEADER_DOMAIN + encode(header)))
    before = app_hash(tmp_path / "new")
    town.work(3)
    with pytest.raises(errors.OtherHistory):
        go_on(town, tmp_path / "new", Other(town), Other(town, lambda: other))
    assert app_hash(tmp_path / "new") == before


def test_a_head_that_the_operator_did_not_sign_counts_for_nothing(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "copy", release())
    restore(tmp_path / "copy", tmp_path / "new", release())

    def forged() -> SignedHeader:
        head = town.head()
        assert head is not None
        header = replace(head.header, height=99)
        return replace(head, header=header, signature=Signer(b"x" * 32).sign(HEADER_DOMAIN + encode(header)))

    with pytest.raises(errors.NotSignedByOperator):
        go_on(town, tmp_path / "new", Other(town, forged))


def test_a_ledger_that_is_there_is_refused_and_with_replace_it_is_kept(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "copy", release())
    town.work(2)
    town.consortium.close()
    before = (town.directory / "ledger.db").read_bytes()
    with pytest.raises(errors.LedgerThere, match=f"height {BLOCKS + 2}"):
        restore(tmp_path / "copy", town.directory, release())
    assert (town.directory / "ledger.db").read_bytes() == before
    restore(tmp_path / "copy", town.directory, release(), replace=True)
    kept = [path for path in town.directory.iterdir() if path.name.startswith("before-restore-")]
    assert any(path.read_bytes() == before for path in kept)


def test_the_directory_of_a_running_node_is_refused(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "copy", release())
    with pytest.raises(engine_errors.InUse):
        restore(tmp_path / "copy", town.directory, release(), replace=True)


def test_a_damaged_backup_leaves_what_was_there(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "copy", release())
    town.consortium.close()
    before = (town.directory / "ledger.db").read_bytes()
    data = bytearray((tmp_path / "copy" / "ledger.db").read_bytes())
    at = data.rindex(b'"name_en"')
    data[at + 12] ^= 1
    (tmp_path / "copy" / "ledger.db").write_bytes(bytes(data))
    with pytest.raises(Broken, match="consortium"):
        restore(tmp_path / "copy", town.directory, release(), replace=True)
    assert (town.directory / "ledger.db").read_bytes() == before
    assert not list(town.directory.glob("before-restore-*"))


def test_a_backup_of_another_consortium_is_refused(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "copy", release())
    (tmp_path / "new").mkdir()
    other = town.consortium.node.genesis_bytes.replace(b"East China", b"West China")
    (tmp_path / "new" / "genesis.json").write_bytes(other)
    with pytest.raises(engine_errors.WrongGenesis):
        restore(tmp_path / "copy", tmp_path / "new", release())
    assert not (tmp_path / "new" / "ledger.db").exists()


def test_what_is_no_backup_is_named(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(errors.NoBackupThere):
        restore(tmp_path / "photos", tmp_path / "new", release())


# Snapshots.


def test_a_snapshot_is_restored_where_the_genesis_file_is(town: Town, tmp_path: Path) -> None:
    made = backup(town.directory, tmp_path / "small", release(), snapshot=True)
    assert (made.kind, made.height) == ("snapshot", BLOCKS)
    with pytest.raises(errors.GenesisMissing):
        restore(tmp_path / "small", tmp_path / "new", release())
    (tmp_path / "new").mkdir()
    shutil.copy(town.directory / "genesis.json", tmp_path / "new" / "genesis.json")
    restore(tmp_path / "small", tmp_path / "new", release())
    town.work(4)
    assert go_on(town, tmp_path / "new", Other(town)) == (BLOCKS + 4, [BLOCKS + 4])
    assert app_hash(tmp_path / "new") == town.consortium.node.app_hash


def test_a_snapshot_with_a_changed_chunk_is_refused(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "small", release(), snapshot=True)
    (tmp_path / "new").mkdir()
    shutil.copy(town.directory / "genesis.json", tmp_path / "new" / "genesis.json")
    manifest = json.loads((tmp_path / "small" / "manifest.json").read_bytes())
    chunk = tmp_path / "small" / manifest["chunks"][0]["name"]
    data = bytearray(chunk.read_bytes())
    data[-1] ^= 1
    chunk.write_bytes(bytes(data))
    with pytest.raises(Broken):
        restore(tmp_path / "small", tmp_path / "new", release())
    assert not (tmp_path / "new" / "ledger.db").exists()


def test_signed_headers_are_never_brought_by_a_backup(town: Town, tmp_path: Path) -> None:
    backup(town.directory, tmp_path / "copy", release())
    (tmp_path / "copy" / "signed.db").write_bytes((town.directory / "signed.db").read_bytes())
    restore(tmp_path / "copy", tmp_path / "new", release())
    assert not (tmp_path / "new" / "signed.db").exists()
    with closing(Signed(tmp_path / "new" / "signed.db", town.consortium.node.chain.id)) as fresh:
        assert fresh.height == 0
