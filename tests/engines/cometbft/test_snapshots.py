"""Snapshots between nodes: the same on all, checked chunk by chunk, laid down whole or not at all."""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.messages_validators import RotateConsensusKey
from hansa.apps.consortium.validators import message, powers
from hansa.engines import snapshot
from hansa.engines.cometbft import giving
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Policy
from hansa.engines.cometbft.giving import FORMAT, at_once, parcels
from hansa.engines.cometbft.shelf import MemoryShelf
from hansa.engines.replay import scrub
from hansa.engines.restoring import check_log, restore_backup, restore_snapshot, write_backup
from hansa.engines.snapshot import Manifest, OfNetwork, write_snapshot
from hansa.kernel import encode, lthash, replace
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import Header, holds
from tests.consortium import signer
from tests.engines.cometbft.network import Network
from tests.kernel import room

EVERY = 5
POLICY = Policy(snapshot_interval=EVERY, snapshots_kept=2)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of files; and of what travels together."""
    monkeypatch.setattr(snapshot, "CHUNK_BYTES_MAX", 1_500)
    monkeypatch.setattr(giving, "PARCEL_BYTES_MAX", 3_000)


def grown(path: Path, blocks: int = EVERY) -> Network:
    """A network's node after some blocks, the last of which is a snapshot's."""
    net = Network(path, registry=room.registry(), policy=POLICY, beside=at_once)
    net.init()
    for number in range(blocks - 1):
        wires = [net.wire("maker", room.Register(tool=f"tool-{number}-{each}")) for each in range(6)]
        net.block(*wires)
    net.block()
    return net


@pytest.fixture
def giver(tmp_path: Path) -> Iterator[Network]:
    (tmp_path / "giver").mkdir()
    net = grown(tmp_path / "giver" / "ledger.db")
    yield net
    net.close()


@pytest.fixture
def joiner(tmp_path: Path) -> Iterator[Network]:
    (tmp_path / "joiner").mkdir()
    net = Network(tmp_path / "joiner" / "ledger.db", registry=room.registry(), policy=POLICY, beside=at_once)
    yield net
    net.close()


def listed(net: Network) -> tuple[abci.Snapshot, ...]:
    return net.application.list_snapshots(abci.ListSnapshots()).snapshots


def chunk(net: Network, of: abci.Snapshot, number: int) -> bytes:
    return net.application.load_snapshot_chunk(abci.LoadSnapshotChunk(of.height, of.format, number)).chunk


def offer(net: Network, of: abci.Snapshot, app_hash: bytes) -> int:
    return net.application.offer_snapshot(abci.OfferSnapshot(of, app_hash)).result


def give(net: Network, number: int, data: bytes) -> abci.ApplySnapshotChunkAnswer:
    return net.application.apply_snapshot_chunk(abci.ApplySnapshotChunk(number, data, "peer"))


def hash_of(net: Network) -> bytes:
    return bytes.fromhex(net.application.app_hash)


def where(net: Network) -> tuple[int, int, str]:
    return net.application.engine_height, net.application.height, net.application.app_hash


def join(joiner: Network, giver: Network) -> list[int]:
    (found,) = listed(giver)
    assert offer(joiner, found, hash_of(giver)) == abci.Offer.ACCEPT
    return [give(joiner, number, chunk(giver, found, number)).result for number in range(found.chunks)]


def test_a_joiner_stands_where_the_snapshot_does(giver: Network, joiner: Network) -> None:
    results = join(joiner, giver)
    assert len(results) > 3
    assert set(results) == {abci.Apply.ACCEPT}
    assert where(joiner) == where(giver) == (EVERY, EVERY - 1, giver.application.app_hash)
    told = joiner.application.info(abci.Info())
    assert (told.last_block_height, told.last_block_app_hash) == (EVERY, hash_of(giver))
    assert told.app_version == giver.application.info(abci.Info()).app_version
    ledger = joiner.application.ledger
    assert scrub(ledger.store, ledger.leaf(ledger.height).state_digest) > 0
    check_log(ledger, signatures=True)


def test_what_changed_since_the_founding_is_known_at_once(giver: Network, joiner: Network) -> None:
    """Memory of the joiner still holds what was founded."""
    fresh = signer("maker", "validator-2")
    proof = fresh.sign(message(giver.application.chain.id, "maker", fresh.public))
    for number in range(EVERY):
        wires = () if number else (giver.wire("maker", RotateConsensusKey(public=fresh.public, proof=proof)),)
        giver.block(*wires)
    founded = powers(joiner.application.ledger.state)
    newest = listed(giver)[-1]
    assert offer(joiner, newest, hash_of(giver)) == abci.Offer.ACCEPT
    results = [give(joiner, number, chunk(giver, newest, number)).result for number in range(newest.chunks)]
    assert results[-1] == abci.Apply.ACCEPT
    assert powers(joiner.application.ledger.state) == powers(giver.application.ledger.state) != founded


def test_nothing_of_the_founding_stays_but_what_the_snapshot_has(giver: Network, joiner: Network) -> None:
    """What was founded may be gone by the snapshot's height."""
    store = joiner.application.ledger.store
    with store.commit():
        store.write_records({("consortium.gone", b"since"): b"{}"})
    assert set(join(joiner, giver)) == {abci.Apply.ACCEPT}
    assert store.counts() == giver.application.ledger.store.counts()


def test_both_go_on_alike_and_after_a_restart_too(giver: Network, joiner: Network) -> None:
    join(joiner, giver)
    wires = [giver.wire("plant", room.Register(tool="after"))]
    joiner.now_ms = giver.now_ms
    assert joiner.block(*wires) == giver.block(*wires)
    joiner.reopen()
    assert where(joiner) == where(giver)
    wires = [giver.wire("plant", room.Register(tool="later"))]
    joiner.now_ms = giver.now_ms
    assert joiner.block(*wires) == giver.block(*wires)


def test_readers_beside_it_see_the_new_state(giver: Network, joiner: Network) -> None:
    reader = joiner.application.reader()
    with reader.snapshot() as before:
        assert before.height == 0
    join(joiner, giver)
    with reader.snapshot() as after:
        assert after.height == giver.application.height
    reader.close()


def test_proofs_of_old_leaves_survive(giver: Network, joiner: Network) -> None:
    """The item comes from a node that keeps the block; its way up to the head from the one that joined."""
    join(joiner, giver)
    old = giver.application.ledger.prove("transaction", 1, 0)
    within_log = joiner.application.ledger._log_path(1, joiner.application.height)
    head = Header(
        chain=joiner.application.chain.id,
        height=joiner.application.height,
        time_ms=joiner.application.ledger.time_ms,
        app_hash=joiner.application.app_hash,
    )
    assert holds(replace(old, within_log=within_log), head)
    assert joiner.application.ledger.blocks_from() == joiner.application.height + 1


def test_all_nodes_have_the_same_snapshot_those_that_joined_by_one_too(
    giver: Network, joiner: Network, tmp_path: Path
) -> None:
    other = grown(Path(":memory:"))
    assert listed(other) == listed(giver)
    join(joiner, giver)
    for number in range(EVERY):
        wires = [giver.wire("plant", room.Register(tool=f"more-{number}"))]
        joiner.now_ms = giver.now_ms
        assert joiner.block(*wires) == giver.block(*wires)
    assert listed(joiner)[-1] == listed(giver)[-1]
    assert listed(joiner)[-1].height == 2 * EVERY
    other.close()


def test_the_last_few_are_kept_and_listed_after_a_restart(giver: Network) -> None:
    for _ in range(2 * EVERY):
        giver.block()
    kept = listed(giver)
    assert [each.height for each in kept] == [2 * EVERY, 3 * EVERY]
    assert {each.format for each in kept} == {FORMAT}
    giver.reopen()
    assert listed(giver) == kept
    assert chunk(giver, kept[0], 0)


def test_what_a_process_that_ended_left_is_no_snapshot(giver: Network) -> None:
    folder = giver.path.with_name("snapshots") / f"{3 * EVERY:012}"
    folder.mkdir()
    (folder / "records-000000.bin").write_bytes(b"half")
    assert [each.height for each in listed(giver)] == [EVERY]
    giver.reopen()
    assert not folder.exists()


def test_the_writer_goes_on_while_a_snapshot_is_written(tmp_path: Path) -> None:
    """Its view stands still; one at a time is written."""
    later: list[Callable[[], None]] = []
    net = Network(tmp_path / "ledger.db", registry=room.registry(), policy=POLICY, beside=later.append)
    for number in range(2 * EVERY):
        net.block(net.wire("maker", room.Register(tool=f"tool-{number}")))
    assert len(later) == 1
    assert listed(net) == ()
    later.pop()()
    (found,) = listed(net)
    manifest = decode_strict(chunk(net, found, 0), Manifest)
    assert (found.height, manifest.engine_height, manifest.height) == (EVERY, EVERY, EVERY)
    net.close()


def test_a_snapshot_that_cannot_be_written_is_an_incident_and_no_more(tmp_path: Path) -> None:
    class Full(MemoryShelf):
        def put(self, height: int, name: str, data: bytes) -> None:
            raise OSError("no space left")

    net = Network(registry=room.registry(), policy=POLICY, shelves=(Full(), MemoryShelf()))
    for _ in range(EVERY + 1):
        net.block()
    assert net.application.blocked is None
    assert net.application.incidents[-1].what == "snapshot_unwritten"
    assert listed(net) == ()
    net.close()


def test_a_ledger_behind_an_engine_is_restored_from_a_backup_and_not_from_a_folder(
    giver: Network, tmp_path: Path
) -> None:
    """The engine sends what came after a backup; of a snapshot it must know the height itself."""
    reader = giver.application.reader()
    write_backup(reader, tmp_path / "backup")
    write_snapshot(reader, tmp_path / "folder")
    wires = [giver.wire("plant", room.Register(tool="after"))]
    time_ns = giver.time_ns
    expected = giver.block(*wires)
    path = tmp_path / "restored" / "ledger.db"
    with pytest.raises(OfNetwork):
        restore_snapshot(tmp_path / "folder", path, giver.genesis_bytes, giver.registry)
    restore_backup(tmp_path / "backup", path, giver.genesis_bytes, giver.registry)
    restored = Network(path, registry=room.registry(), policy=POLICY, beside=at_once)
    assert where(restored)[:2] == (EVERY, EVERY - 1)
    assert restored.block(*wires, time_ns=time_ns) == expected
    restored.close()
    reader.close()


# What is refused.


def test_a_node_that_has_blocks_takes_none(giver: Network, joiner: Network) -> None:
    (found,) = listed(giver)
    joiner.block()
    assert offer(joiner, found, hash_of(giver)) == abci.Offer.ABORT
    assert give(joiner, 0, b"").result == abci.Apply.ABORT


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"format": FORMAT + 1}, abci.Offer.REJECT_FORMAT),
        ({"chunks": 0}, abci.Offer.REJECT),
        ({"chunks": 100_001}, abci.Offer.REJECT),
        ({"hash": b"short"}, abci.Offer.REJECT),
        ({"height": 0}, abci.Offer.REJECT),
    ],
)
def test_an_offer_that_cannot_be_one(
    giver: Network, joiner: Network, change: dict[str, Any], result: int
) -> None:
    (found,) = listed(giver)
    assert offer(joiner, found._replace(**change), hash_of(giver)) == result


def test_a_damaged_chunk_is_asked_for_again_and_its_sender_named(giver: Network, joiner: Network) -> None:
    (found,) = listed(giver)
    offer(joiner, found, hash_of(giver))
    for number in range(found.chunks):
        whole = chunk(giver, found, number)
        for bad in (
            b"",
            whole[:-1],
            whole + b"x",
            bytes((whole[0] ^ 1,)) + whole[1:],
            chunk(giver, found, (number + 1) % 3),
        ):
            answer = give(joiner, number, bad)
            assert answer == abci.ApplySnapshotChunkAnswer(abci.Apply.RETRY, (number,), ("peer",))
        assert give(joiner, number, whole).result == abci.Apply.ACCEPT
    assert where(joiner) == where(giver)


def test_a_chunk_that_nobody_offered(giver: Network, joiner: Network) -> None:
    assert give(joiner, 0, b"x").result == abci.Apply.RETRY_SNAPSHOT
    (found,) = listed(giver)
    offer(joiner, found, hash_of(giver))
    assert give(joiner, 1, chunk(giver, found, 1)).result == abci.Apply.RETRY_SNAPSHOT


def forged(giver: Network, joiner: Network, **changes: Any) -> tuple[int, ...]:
    """Chunks of a snapshot whose manifest somebody changed, offered under a hash that fits it."""
    (found,) = listed(giver)
    manifest = replace(decode_strict(chunk(giver, found, 0), Manifest), **changes)
    data = encode(manifest)
    chunks = 1 + len(parcels(manifest))
    lie = found._replace(hash=hashlib.sha256(data).digest(), chunks=chunks)
    offer(joiner, lie, hash_of(giver))
    results = [give(joiner, 0, data).result]
    for number in range(1, chunks):
        if results[-1] == abci.Apply.ACCEPT:
            results.append(give(joiner, number, chunk(giver, found, number)).result)
    return tuple(results)


@pytest.mark.parametrize(
    "changes",
    [
        {"chain": "0" * 64},
        {"app_hash": "0" * 64},
        {"engine_height": EVERY + 1},
        {"height": 2},
        {"tables": ()},
        {"frontier": ()},
        {"leaf": None},
        {"header": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_manifest_that_does_not_lead_to_the_header(
    giver: Network, joiner: Network, changes: dict[str, Any]
) -> None:
    results = forged(giver, joiner, **changes)
    assert results[-1] == abci.Apply.REJECT_SNAPSHOT
    early = changes.keys() <= {"chain", "app_hash", "engine_height"}
    assert (len(results) == 1) == early, "what the manifest alone shows is refused before the rest is fetched"
    untouched(joiner)
    assert set(join(joiner, giver)) == {abci.Apply.ACCEPT}, "another one is taken after it"


def test_another_history_than_the_validators_signed(giver: Network, joiner: Network, tmp_path: Path) -> None:
    """Whole in itself, and of the same founding: only the app hash from the light client tells it apart."""
    (tmp_path / "other").mkdir()
    other = grown(tmp_path / "other" / "ledger.db", blocks=1)
    for number in range(EVERY - 1):
        other.block(other.wire("plant", room.Register(tool=f"other-{number}")))
    (found,) = listed(other)
    assert found.height == EVERY
    assert offer(joiner, found, hash_of(giver)) == abci.Offer.ACCEPT
    answer = give(joiner, 0, chunk(other, found, 0))
    assert answer == abci.ApplySnapshotChunkAnswer(abci.Apply.REJECT_SNAPSHOT, (), ("peer",))
    untouched(joiner)
    other.close()


def test_a_part_larger_than_the_engine_carries(giver: Network, joiner: Network) -> None:
    (found,) = listed(giver)
    manifest = decode_strict(chunk(giver, found, 0), Manifest)
    huge = replace(manifest.chunks[-1], size=giving.CHUNK_MESSAGE_BYTES_MAX + 1)
    assert forged(giver, joiner, chunks=(*manifest.chunks[:-1], huge)) == (abci.Apply.REJECT_SNAPSHOT,)
    untouched(joiner)


def test_a_snapshot_with_fewer_chunks_than_its_manifest(giver: Network, joiner: Network) -> None:
    (found,) = listed(giver)
    offer(joiner, found._replace(chunks=3), hash_of(giver))
    assert give(joiner, 0, chunk(giver, found, 0)).result == abci.Apply.REJECT_SNAPSHOT
    untouched(joiner)


def left(joiner: Network) -> list[Path]:
    """What lies about of a snapshot that was not finished."""
    return list(joiner.path.with_name("joining").glob("*"))


def untouched(joiner: Network) -> None:
    """As it was founded; nothing is left of what came."""
    ledger = joiner.application.ledger
    assert where(joiner)[:2] == (0, 0)
    assert ledger.store.height() == 0
    assert scrub(ledger.store, lthash.digest(ledger.founded_sum)) > 0
    assert joiner.application.incidents[-1].what == "snapshot"
    assert left(joiner) == []
    assert joiner.application.blocked is ledger.stops.noted() is None, "no fault of this machine"


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("records", lambda data: data.replace(b'"loans":0', b'"loans":7')),
        ("records", lambda data: data.replace(b"tool-1-1", b"tool-1-X")),
        ("blocks", lambda data: data.replace(b'"height":2', b'"height":3')),
        ("blocks", lambda data: data.replace(b'"suite":16', b'"suite":17', 1)),
        ("blocks", lambda data: re.sub(rb'("app_hash":")[0-9a-f]{9}', rb"\g<1>000000000", data)),
        ("blocks", lambda data: data.replace(b'"height":4', b'"height":x')),
        ("blocks", lambda data: data.replace(b'"suite":16', b'"suite":xx')),
    ],
)
def test_content_that_does_not_lead_to_the_header(
    giver: Network, joiner: Network, kind: str, change: Callable[[bytes], bytes]
) -> None:
    """Each chunk fits its hash, and all together not what the validators signed."""
    (found,) = listed(giver)
    manifest = decode_strict(chunk(giver, found, 0), Manifest)
    files = [giver.path.with_name("snapshots") / f"{EVERY:012}" / each.name for each in manifest.chunks]
    data = [path.read_bytes() for path in files]
    lies = [change(each) if kind in path.name else each for each, path in zip(data, files, strict=True)]
    assert lies != data
    chunks = tuple(
        replace(each, sha256=hashlib.sha256(new).hexdigest(), size=len(new))
        for each, new in zip(manifest.chunks, lies, strict=True)
    )
    lie = replace(manifest, chunks=chunks)
    sent, at = [encode(lie)], 0
    for together in parcels(lie):
        sent.append(b"".join(lies[at : at + len(together)]))
        at += len(together)
    offered = found._replace(hash=hashlib.sha256(sent[0]).digest(), chunks=len(sent))
    offer(joiner, offered, hash_of(giver))
    results = [give(joiner, number, each).result for number, each in enumerate(sent)]
    assert results[-1] == abci.Apply.REJECT_SNAPSHOT
    untouched(joiner)


class Broken(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", ["write_records", "write_block", "set_meta", "check"])
def test_a_crash_in_the_middle_leaves_nothing_half(
    giver: Network, joiner: Network, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise Broken

    with monkeypatch.context() as patch:
        if step == "check":
            patch.setattr("hansa.engines.restoring.check_log", broken)
        else:
            patch.setattr(joiner.application.ledger.store, step, broken)
        with pytest.raises(Broken):
            join(joiner, giver)
    joiner.reopen()
    assert where(joiner)[:2] == (0, 0)
    assert left(joiner) == []
    assert set(join(joiner, giver)) == {abci.Apply.ACCEPT}
    assert where(joiner) == where(giver)


def test_one_of_an_empty_log(tmp_path: Path) -> None:
    """A network that rests from the beginning on has snapshots, too."""
    giver = Network(registry=room.registry(), policy=POLICY)
    for _ in range(EVERY):
        giver.block()
    joiner = Network(registry=room.registry(), policy=POLICY)
    assert set(join(joiner, giver)) == {abci.Apply.ACCEPT}
    assert where(joiner) == where(giver)
    wires = [giver.wire("plant", room.Register(tool="first"))]
    joiner.now_ms = giver.now_ms
    assert joiner.block(*wires) == giver.block(*wires)
    for net in (giver, joiner):
        net.close()


def test_asking_for_what_is_not_there_harms_nobody(giver: Network) -> None:
    (found,) = listed(giver)
    for height, form, number in (
        (found.height, FORMAT, found.chunks),
        (found.height, FORMAT, 2**32 - 1),
        (found.height, FORMAT + 1, 0),
        (found.height + 1, FORMAT, 0),
        (0, 0, 0),
    ):
        asked = abci.LoadSnapshotChunk(height, form, number)
        assert giver.application.load_snapshot_chunk(asked) == abci.LoadSnapshotChunkAnswer()
    path = giver.path.with_name("snapshots") / f"{EVERY:012}" / "records-000000.bin"
    path.unlink()
    assert chunk(giver, found, 1) == b""
    assert giver.application.incidents[-1].what == "snapshot_unwritten"


def test_small_files_travel_together(giver: Network) -> None:
    (found,) = listed(giver)
    manifest = decode_strict(chunk(giver, found, 0), Manifest)
    together = parcels(manifest)
    assert len(together) + 1 == found.chunks < len(manifest.chunks)
    assert [each for parcel in together for each in parcel] == list(manifest.chunks)
    for parcel, number in zip(together, range(1, found.chunks), strict=True):
        size = sum(each.size for each in parcel)
        assert size == len(chunk(giver, found, number))
        assert size <= giving.PARCEL_BYTES_MAX or len(parcel) == 1
