"""Snapshots and backups: taken while the node goes on, checked whole before use, refused by name."""

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hansa.engines import errors, snapshot
from hansa.engines.embedded import Embedded
from hansa.engines.following import Following
from hansa.engines.restoring import check_whole, restore_backup, restore_snapshot, write_backup
from hansa.engines.snapshot import Broken, FolderTaken, Manifest, write_snapshot
from hansa.kernel import encode, merkle, replace
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import Header, holds
from tests.consortium import Consortium, signer
from tests.engines.conftest import made
from tests.engines.test_faults import flip
from tests.engines.test_following import signed_anew
from tests.engines.test_replay import play
from tests.kernel.room import Register


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    consortium = made(tmp_path_factory.mktemp("operator") / "ledger.db")
    play(consortium)
    return consortium


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "CHUNK_BYTES_MAX", 2_000)


@pytest.fixture
def taken(played: Consortium, tmp_path: Path) -> Path:
    write_snapshot(played.node.reader(), tmp_path / "snapshot")
    return tmp_path / "snapshot"


def restored(played: Consortium, folder: Path, path: Path) -> Manifest:
    return restore_snapshot(folder, path, encode(played.genesis), played.registry)


def manifest_of(folder: Path) -> Manifest:
    return decode_strict((folder / "manifest.json").read_bytes(), Manifest)


def followed(played: Consortium, path: Path) -> Following:
    return Following(path, encode(played.genesis), registry=played.registry)


# Snapshots.


def test_a_snapshot_restores_to_the_same_state(played: Consortium, taken: Path, tmp_path: Path) -> None:
    manifest = restored(played, taken, tmp_path / "new" / "ledger.db")
    node = played.node
    assert (manifest.height, manifest.app_hash) == (node.height, node.app_hash)
    assert len(manifest.chunks) > 20
    follower = followed(played, tmp_path / "new" / "ledger.db")
    assert list(follower.ledger.store.records()) == list(node.ledger.store.records())
    assert follower.ledger.head() == node.head()
    for height in range(1, node.height + 1):
        assert follower.ledger.leaf(height) == node.ledger.leaf(height)
        assert follower.ledger.header(height) == node.ledger.header(height)
        assert follower.ledger.consistency(height) == node.ledger.consistency(height)
        if node.ledger.block(height).wires:
            with pytest.raises(errors.Pruned):
                follower.ledger.block(height)
    assert check_whole(follower.ledger) == len(list(node.ledger.store.records()))
    follower.close()


def test_what_was_restored_goes_on_with_the_chain(tmp_path: Path) -> None:
    consortium = made(tmp_path / "ledger.db")
    play(consortium)
    write_snapshot(consortium.node.reader(), tmp_path / "snapshot")
    restored(consortium, tmp_path / "snapshot", tmp_path / "new" / "ledger.db")
    follower = followed(consortium, tmp_path / "new" / "ledger.db")
    before = follower.height
    for number in range(3):
        consortium.do("auditor", Register(tool=f"later-{number}"))
        follower.follow(consortium.node.ledger.block(before + number + 1))
    assert follower.ledger.app_hash == consortium.node.app_hash
    proof = follower.ledger.prove("transaction", before + 1, 0)
    assert holds(proof, consortium.node.head().header)  # type: ignore[union-attr]
    follower.close()
    consortium.close()


@pytest.mark.parametrize("take", [write_snapshot, write_backup])
def test_the_node_goes_on_meanwhile(tmp_path: Path, take: Callable[..., Any]) -> None:
    consortium = made(tmp_path / "ledger.db")
    consortium.do("maker", Register(tool="first"))
    reader = consortium.node.reader()
    done = threading.Event()

    def take_some() -> None:
        for number in range(5):
            take(reader, tmp_path / f"taken-{number}")
        done.set()

    thread = threading.Thread(target=take_some)
    thread.start()
    number = 0
    while not done.is_set():
        consortium.do("maker", Register(tool=f"t{number}"))
        number += 1
    thread.join()
    restore = restore_snapshot if take is write_snapshot else restore_backup
    for each in range(5):
        path = tmp_path / f"new-{each}" / "ledger.db"
        restore(tmp_path / f"taken-{each}", path, encode(consortium.genesis), consortium.registry)
        follower = followed(consortium, path)
        assert follower.height > 0
        assert follower.ledger.head() == consortium.node.ledger.header(follower.height)
        assert len(follower.ledger.records("toolcrib.tools", b"", 9_999)) == follower.height
        follower.close()
    consortium.close()


def test_a_chain_without_blocks_has_a_snapshot_too(tmp_path: Path) -> None:
    consortium = made(tmp_path / "ledger.db")
    manifest = write_snapshot(consortium.node.reader(), tmp_path / "snapshot")
    assert (manifest.height, manifest.leaf, manifest.header) == (0, None, None)
    assert restored(consortium, tmp_path / "snapshot", tmp_path / "new" / "ledger.db") == manifest
    follower = followed(consortium, tmp_path / "new" / "ledger.db")
    assert follower.ledger.state_sum == consortium.node.ledger.state_sum
    follower.close()
    consortium.close()


def test_the_manifest_says_what_is_in_it(played: Consortium, taken: Path) -> None:
    """By its page alone: lengths, hashes, counts, order, frontier."""
    import hashlib

    said = json.loads((taken / "manifest.json").read_bytes())
    counts: dict[str, int] = {}
    leaves = []
    for chunk in said["chunks"]:
        data = (taken / chunk["name"]).read_bytes()
        assert len(data) == chunk["size"] <= 2_000
        assert hashlib.sha256(data).hexdigest() == chunk["sha256"]
        pairs = []
        while data:
            pair = []
            for _ in range(2):
                end = 4 + int.from_bytes(data[:4], "big")
                pair.append(data[4:end])
                data = data[end:]
            pairs.append(tuple(pair))
        assert len(pairs) == chunk["rows"]
        if chunk["kind"] == "records":
            assert pairs == sorted(pairs)
            counts[chunk["table"]] = counts.get(chunk["table"], 0) + len(pairs)
        else:
            leaves += [merkle.leaf_hash(leaf) for leaf, _ in pairs]
    assert counts == {each["table"]: each["rows"] for each in said["tables"]}
    assert merkle.root(leaves).hex() == said["app_hash"] == played.node.app_hash
    peaks = [merkle.levels(leaves)[level][index].hex() for level, index in merkle.peaks(len(leaves))]
    assert peaks == said["frontier"]


def test_progress_is_told_and_may_cancel(played: Consortium, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    reader = played.node.reader()
    write_snapshot(reader, tmp_path / "one", lambda done, of: told.append((done, of)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]

    class Enough(Exception):
        pass

    def stop(done: int, of: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        write_snapshot(reader, tmp_path / "two", stop)
    with pytest.raises(Broken, match=r"manifest\.json"):
        restored(played, tmp_path / "two", tmp_path / "new" / "ledger.db")
    with pytest.raises(Enough):
        restore_snapshot(
            tmp_path / "one", tmp_path / "x" / "ledger.db", encode(played.genesis), played.registry, stop
        )
    assert list((tmp_path / "x").iterdir()) == []


def test_nothing_is_overwritten(played: Consortium, taken: Path, tmp_path: Path) -> None:
    reader = played.node.reader()
    for take in (write_snapshot, write_backup):
        with pytest.raises(FolderTaken):
            take(reader, taken)  # type: ignore[operator]
    for restore in (restore_snapshot, restore_backup):
        with pytest.raises(FolderTaken):
            restore(taken, played.path, encode(played.genesis), played.registry)  # type: ignore[operator]


# Broken and forged ones.


def rewritten(folder: Path, **changes: Any) -> None:
    (folder / "manifest.json").write_bytes(encode(replace(manifest_of(folder), **changes)))


def rechunked(folder: Path, kind: str, change: Callable[[list[Any]], list[Any]], which: int = 0) -> None:
    """A chunk changed by somebody who also gives it the right hash and count in the manifest."""
    manifest = manifest_of(folder)
    at = [number for number, chunk in enumerate(manifest.chunks) if chunk.kind == kind][which]
    chunk = manifest.chunks[at]
    pairs = change(snapshot.read_chunk(folder, chunk))
    (folder / chunk.name).unlink()
    beside = folder.with_name("beside")
    beside.mkdir()
    writer = snapshot._Writer(snapshot.into(beside), 0, None)
    snapshot.CHUNK_BYTES_MAX = 10**9
    writer.write(kind, pairs, chunk.table)  # type: ignore[arg-type]
    (beside / writer.chunks[0].name).rename(folder / "changed.bin")
    new = replace(writer.chunks[0], name="changed.bin")
    rewritten(folder, chunks=(*manifest.chunks[:at], new, *manifest.chunks[at + 1 :]))


def first_value(change: Callable[[bytes], bytes]) -> Callable[[list[Any]], list[Any]]:
    return lambda pairs: [(pairs[0][0], change(pairs[0][1])), *pairs[1:]]


def resigned(folder: Path) -> None:
    head = manifest_of(folder).header
    assert head is not None
    rechunked(
        folder,
        "blocks",
        lambda pairs: [*pairs[:-1], (pairs[-1][0], encode(signed_anew(head.header, "k1")))],
        -1,
    )


def elsewhere(folder: Path) -> None:
    """What is read lies in the folder, even if another file is as it should be."""
    first, *rest = manifest_of(folder).chunks
    (folder / first.name).rename(folder.with_name("outside.bin"))
    rewritten(folder, chunks=(replace(first, name="../outside.bin"), *rest))


FORGERIES: dict[str, tuple[type[Exception], Callable[[Path], Any]]] = {
    "a record changed": (errors.HistoryBroken, lambda f: rechunked(f, "records", first_value(flip))),
    "a record left out": (errors.HistoryBroken, lambda f: rechunked(f, "records", lambda p: p[:-1], -1)),
    "a record added": (
        errors.HistoryBroken, lambda f: rechunked(f, "records", lambda p: [*p, (p[-1][0] + b"x", b"{}")])),
    "a key twice": (Broken, lambda f: rechunked(f, "records", lambda p: [*p, p[0]])),
    "a leaf changed": (
        errors.HistoryBroken, lambda f: rechunked(f, "blocks", lambda p: [(flip(p[0][0]), p[0][1]), *p[1:]])),
    "a header changed": (errors.HistoryBroken, lambda f: rechunked(f, "blocks", first_value(flip))),
    "two blocks in another order": (
        errors.HistoryBroken, lambda f: rechunked(f, "blocks", lambda p: [p[1], p[0], *p[2:]])),
    "the last block left out": (errors.HistoryBroken, lambda f: rechunked(f, "blocks", lambda p: p[:-1], -1)),
    "the head signed by another": (errors.HistoryBroken, resigned),
    "another chain": (errors.WrongGenesis, lambda f: rewritten(f, chain="0" * 64)),
    "another chain, seen before anything is read": (
        errors.WrongGenesis,
        lambda f: ((f / manifest_of(f).chunks[0].name).unlink(), rewritten(f, chain="0" * 64))),
    "another size said": (
        Broken, lambda f: rewritten(
            f, chunks=(replace(manifest_of(f).chunks[0], size=7), *manifest_of(f).chunks[1:]))),
    "a file of another folder": (Broken, elsewhere),
    "another height said": (Broken, lambda f: rewritten(f, height=3)),
    "another hash said": (Broken, lambda f: rewritten(f, app_hash="0" * 64)),
    "another frontier said": (Broken, lambda f: rewritten(f, frontier=("0" * 64,))),
    "another leaf said": (Broken, lambda f: rewritten(f, leaf=None)),
    "another head said": (Broken, lambda f: rewritten(f, header=None)),
    "other counts said": (Broken, lambda f: rewritten(f, tables=manifest_of(f).tables[1:])),
    "chunks left out": (errors.HistoryBroken, lambda f: rewritten(f, chunks=manifest_of(f).chunks[3:])),
    "a chunk twice": (Exception, lambda f: rewritten(f, chunks=manifest_of(f).chunks[:1] * 2)),
    "a chunk from elsewhere": (
        Broken,
        lambda f: rewritten(f, chunks=(replace(manifest_of(f).chunks[0], name="../manifest.json"),)),
    ),
    "a file missing": (Broken, lambda f: (f / manifest_of(f).chunks[4].name).unlink()),
    "a bit turned": (
        Broken,
        lambda f: (f / manifest_of(f).chunks[4].name).write_bytes(
            flip((f / manifest_of(f).chunks[4].name).read_bytes())
        ),
    ),
    "a file cut short": (
        Broken,
        lambda f: (f / manifest_of(f).chunks[4].name).write_bytes(
            (f / manifest_of(f).chunks[4].name).read_bytes()[:-1]
        ),
    ),
    "another count of rows": (
        Broken,
        lambda f: rewritten(
            f, chunks=(replace(manifest_of(f).chunks[0], rows=999), *manifest_of(f).chunks[1:])
        ),
    ),
    "no manifest": (Broken, lambda f: (f / "manifest.json").unlink()),
    "rubbish for a manifest": (Broken, lambda f: (f / "manifest.json").write_bytes(b"{]")),
    "another format": (
        Broken,
        lambda f: (f / "manifest.json").write_bytes(
            (f / "manifest.json").read_bytes().replace(b"hansa-snapshot-1", b"hansa-snapshot-2")
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("code", "forge"), FORGERIES.values(), ids=FORGERIES.keys())
def test_a_broken_or_forged_snapshot_is_refused_and_leaves_nothing(
    played: Consortium, taken: Path, tmp_path: Path, code: type[Exception], forge: Callable[[Path], Any]
) -> None:
    forge(taken)
    with pytest.raises(code) as refused:
        restored(played, taken, tmp_path / "new" / "ledger.db")
    assert isinstance(refused.value, Broken | errors.Refusal)
    folder = tmp_path / "new"
    assert not folder.exists() or list(folder.iterdir()) == []


def summed_away(folder: Path) -> None:
    """A record that stands in the snapshot 2^16 times more: each lane of the sum is again what it was."""
    manifest = manifest_of(folder)
    first = manifest.chunks[0]
    beside = folder / "beside"
    beside.mkdir()
    writer = snapshot._Writer(snapshot.into(beside), 0, None)
    writer.write("records", [(b"forged", b"{}")], first.table)
    (beside / writer.chunks[0].name).rename(folder / "forged.bin")
    beside.rmdir()
    forged = replace(writer.chunks[0], name="forged.bin")
    counts = tuple(replace(each, rows=each.rows + (each.table == first.table)) for each in manifest.tables)
    rewritten(folder, chunks=(*(forged,) * 2**16, *manifest.chunks), tables=counts)


def test_no_record_is_summed_away(played: Consortium, taken: Path, tmp_path: Path) -> None:
    summed_away(taken)
    with pytest.raises(Broken) as refused:
        restored(played, taken, tmp_path / "new" / "ledger.db")
    assert "order" in refused.value.en


def logged_anew(folder: Path, change: Callable[[list[BlockLeaf]], list[BlockLeaf]]) -> None:
    """An operator that forges its own log: other leaves, every header right for them and signed."""
    manifest = manifest_of(folder)
    chunks = [chunk for chunk in manifest.chunks if chunk.kind == "blocks"]
    pairs = [pair for chunk in chunks for pair in snapshot.read_chunk(folder, chunk)]
    leaves = change([decode_strict(leaf, BlockLeaf) for leaf, _ in pairs])
    hashes = [merkle.leaf_hash(encode(leaf)) for leaf in leaves]
    headers = []
    for height, leaf in enumerate(leaves, 1):
        root = merkle.root(hashes[:height]).hex()
        header = Header(chain=manifest.chain, height=height, time_ms=leaf.time_ms, app_hash=root)
        headers.append(signed_anew(header))
    writer = snapshot._Writer(snapshot.into(folder / "anew"), 0, None)
    (folder / "anew").mkdir()
    writer.write("blocks", [(encode(leaf), encode(head)) for leaf, head in zip(leaves, headers, strict=True)])
    for chunk in chunks:
        (folder / chunk.name).unlink()
    for chunk in writer.chunks:
        (folder / "anew" / chunk.name).rename(folder / chunk.name.replace("blocks", "anew"))
    anew = tuple(replace(chunk, name=chunk.name.replace("blocks", "anew")) for chunk in writer.chunks)
    kept = tuple(chunk for chunk in manifest.chunks if chunk.kind == "records")
    tree = merkle.levels(hashes)
    rewritten(
        folder,
        chunks=kept + anew,
        app_hash=headers[-1].header.app_hash,
        header=headers[-1],
        leaf=leaves[-1],
        frontier=tuple(tree[level][index].hex() for level, index in merkle.peaks(len(leaves))),
    )


def test_a_log_that_an_operator_forged_and_signed_is_refused(
    played: Consortium, taken: Path, tmp_path: Path
) -> None:
    wrong: list[Callable[[BlockLeaf], BlockLeaf]] = [
        lambda leaf: replace(leaf, height=9),
        lambda leaf: replace(leaf, time_ms=played.genesis.created_ms - 1),
    ]
    for number, change in enumerate(wrong):
        shutil.copytree(taken, tmp_path / str(number))
        logged_anew(tmp_path / str(number), lambda ls, change=change: [*ls[:4], change(ls[4]), *ls[5:]])  # type: ignore[misc]
        with pytest.raises(errors.HistoryBroken, match="Block 5 "):
            restored(played, tmp_path / str(number), tmp_path / "new" / "ledger.db")
    # The forging itself is sound: with the true leaves it is a snapshot like any other.
    logged_anew(taken, lambda leaves: leaves)
    restored(played, taken, tmp_path / "new" / "ledger.db")


# Backups.


def test_a_backup_restores_with_all_its_blocks(played: Consortium, tmp_path: Path) -> None:
    head = write_backup(played.node.reader(), tmp_path / "backup")
    assert head == played.node.head()
    assert {path.name for path in (tmp_path / "backup").iterdir()} == {"ledger.db", "backup.json"}
    path = tmp_path / "new" / "ledger.db"
    assert restore_backup(tmp_path / "backup", path, encode(played.genesis), played.registry) == head
    follower = followed(played, path)
    for height in range(1, played.node.height + 1):
        assert follower.ledger.block(height) == played.node.ledger.block(height)
        assert follower.ledger.write_set(height) == played.node.ledger.write_set(height)
    follower.close()


@pytest.mark.parametrize(
    ("take", "restore"), [(write_backup, restore_backup), (write_snapshot, restore_snapshot)]
)
def test_a_restored_operator_hears_from_the_followers_first(
    tmp_path: Path, take: Callable[..., Any], restore: Callable[..., Any]
) -> None:
    consortium = made(tmp_path / "ledger.db")
    consortium.do("maker", Register(tool="a"))
    take(consortium.node.reader(), tmp_path / "taken")
    consortium.do("maker", Register(tool="b"))
    later = consortium.node.ledger.block(2)
    wire = consortium.client("maker").sign(Register(tool="c"))
    consortium.node.close()

    # Another machine: what was signed is not known there. So the operator must ask.
    path = tmp_path / "new" / "ledger.db"
    genesis, rooms = encode(consortium.genesis), consortium.registry
    restore(tmp_path / "taken", path, genesis, rooms)
    node = Embedded(path, genesis, signer("maker", "node"), consortium.clock, registry=rooms)
    with pytest.raises(errors.Restored):
        node.submit([wire])
    node.recover([later])
    assert node.submit([wire])[0].code == "ok"
    node.close()

    # The same machine, whose signatures are known: it must catch up, whoever says what.
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    restore(tmp_path / "taken", tmp_path / "ledger.db", genesis, rooms)
    consortium.node = consortium._open()
    with pytest.raises(errors.NotCaughtUp):
        consortium.node.recover([])
    consortium.node.recover([later])
    assert consortium.node.submit([wire])[0].code == "ok"
    consortium.close()


BACKUP_FORGERIES = {
    "a record": ("UPDATE state SET value = ?, crc = ? WHERE tbl = 'toolcrib.tools'", errors.RecordsBroken),
    "a transaction": ("UPDATE transactions SET wire = ? WHERE height = 5", errors.HistoryBroken),
    "an outcome": ("UPDATE transactions SET outcome = ? WHERE height = 5", errors.HistoryBroken),
    "an event": ("UPDATE events SET data = ? WHERE height = 2", errors.HistoryBroken),
    "a leaf": ("UPDATE blocks SET leaf = ? WHERE height = 5", errors.HistoryBroken),
    "a header": ("UPDATE blocks SET header = ? WHERE height = 5", errors.HistoryBroken),
    "a node": ("UPDATE nodes SET hash = ? WHERE level = 0 AND position = 4", errors.HistoryBroken),
    "the sum": ("UPDATE meta SET value = ? WHERE name = 'state_sum'", errors.HistoryBroken),
}


@pytest.mark.parametrize(("statement", "code"), BACKUP_FORGERIES.values(), ids=BACKUP_FORGERIES.keys())
def test_a_changed_backup_is_refused(
    played: Consortium, tmp_path: Path, statement: str, code: type[Exception]
) -> None:
    write_backup(played.node.reader(), tmp_path / "backup")
    with sqlite3.connect(tmp_path / "backup" / "ledger.db") as db:
        db.create_function("crc", 0, lambda: 0)
        values: tuple[Any, ...] = (b"changed",)
        if "crc" in statement:
            from hansa.kernel.state import checksum

            (key,) = db.execute("SELECT key FROM state WHERE tbl = 'toolcrib.tools'").fetchone()
            statement += " AND key = ?"
            values = (b"changed", checksum("toolcrib.tools", key, b"changed"), key)
        assert db.execute(statement, values).rowcount > 0
    db.close()
    with pytest.raises(code):
        restore_backup(
            tmp_path / "backup", tmp_path / "new" / "ledger.db", encode(played.genesis), played.registry
        )
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_that_is_no_backup_is_refused(played: Consortium, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "ledger.db").write_bytes(b"not a database, only text " * 100)
    for name, code in (("none", Broken), ("empty", Broken), ("odd", Exception)):
        with pytest.raises(code):
            restore_backup(
                tmp_path / name, tmp_path / "new" / "ledger.db", encode(played.genesis), played.registry
            )
    other = replace(played.genesis, name_en="Other")
    write_backup(played.node.reader(), tmp_path / "backup")
    with pytest.raises(errors.WrongGenesis):
        restore_backup(tmp_path / "backup", tmp_path / "new" / "ledger.db", encode(other), played.registry)
