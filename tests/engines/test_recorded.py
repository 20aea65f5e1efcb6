"""The same recorded blocks lead every engine to the same app hash: recorded embedded, and on a network."""

import gzip
from pathlib import Path

import pytest

from hansa.engines import errors
from hansa.engines.recorded import (
    Recording,
    record,
    recorded,
    through_application,
    through_ledger,
    through_replica,
)
from hansa.kernel import Refusal, Registry, encode, replace
from tests.consortium import Consortium
from tests.engines.cometbft.network import Network
from tests.engines.test_replay import play
from tests.kernel import room


def embedded(folder: Path) -> tuple[Recording, Registry]:
    """Blocks that the embedded engine made: due work, refusals, approvals, faults of rooms."""
    consortium = Consortium(folder / "ledger.db", registry=room.registry())
    play(consortium)
    genesis = encode(consortium.genesis)
    record(consortium.node.reader(), genesis, folder / "embedded.jsonl.gz")
    consortium.close()
    return recorded(folder / "embedded.jsonl.gz"), consortium.registry


def networked(folder: Path) -> tuple[Recording, Registry]:
    """Blocks of a network: rests, due work after them, transactions that never count, repeated ones."""
    net = Network(folder / "ledger.db", registry=room.registry())
    net.init()
    for number in range(8):
        wire = net.wire("maker", room.Register(tool=f"tool-{number}"))
        later = net.wire("plant", room.Later(at_ms=net.now_ms + 2_500, kind="drill", name="d", drill="write"))
        bug = net.wire("maker", room.Drill(kind="bug", count=1))
        net.block(wire, later, wire, b"rubbish", bug)
        net.now_ms += number * 1_000
        for _ in range(number):
            net.block()
    assert net.application.height < net.application.engine_height
    record(net.application.reader(), net.genesis_bytes, folder / "network.jsonl.gz")
    net.close()
    return recorded(folder / "network.jsonl.gz"), net.registry


@pytest.mark.parametrize("made", [embedded, networked])
def test_every_engine_comes_to_the_same_app_hash(made: object, tmp_path: Path) -> None:
    recording, registry = made(tmp_path)  # type: ignore[operator]
    expected = [block.app_hash for block in recording.blocks]
    assert len(set(expected)) > 8
    assert through_ledger(recording, registry) == expected
    assert through_replica(recording, registry) == expected
    assert through_application(recording, registry) == expected
    (tmp_path / "again").mkdir()
    assert through_ledger(recording, registry, tmp_path / "again" / "ledger.db") == expected


def test_facts_time_and_transactions_all_count(tmp_path: Path) -> None:
    recording, registry = networked(tmp_path)
    at = next(at for at, block in enumerate(recording.blocks) if at and len(block.wires) > 1)
    block = recording.blocks[at]
    for other in (
        replace(block, time_ms=block.time_ms + 1),
        replace(block, engine=""),
        replace(block, wires=block.wires[:-1]),
        replace(block, app_hash="0" * 64),
    ):
        changed = recording._replace(blocks=(*recording.blocks[:at], other, *recording.blocks[at + 1 :]))
        for through in (through_ledger, through_replica, through_application):
            with pytest.raises(errors.HistoryBroken) as refused:
                through(changed, registry)
            assert str(at + 1) in refused.value.en


@pytest.mark.parametrize("lines", [b"", b"{}\n", b'{"genesis":"e30="}\n{"height":1}\n'])
def test_what_is_no_recording_is_refused(tmp_path: Path, lines: bytes) -> None:
    (tmp_path / "r.gz").write_bytes(gzip.compress(lines))
    with pytest.raises(Refusal):
        recorded(tmp_path / "r.gz")


def test_a_recording_cut_short_or_with_a_gap_is_refused(tmp_path: Path) -> None:
    embedded(tmp_path)
    path = tmp_path / "embedded.jsonl.gz"
    whole = path.read_bytes()
    for bad in (whole[:-20], whole[:10] + b"\xff" * 40 + whole[50:]):
        path.write_bytes(bad)
        with pytest.raises(Refusal):
            recorded(path)
    lines = gzip.decompress(whole).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[:2] + lines[3:])))
    with pytest.raises(Refusal):
        recorded(path)
