"""Determinism: the same blocks lead to the same hashes, whatever the seed, the cache, the process."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.messages import Attest
from hansa.engines import errors
from hansa.engines.replay import Replica, replay, scrub
from hansa.engines.store import SqliteStore
from hansa.kernel import encode, replace
from hansa.kernel.apply import Block, BlockLeaf
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.signatures import HEADER_DOMAIN
from hansa.kernel.state import Damaged
from tests.consortium import IN_MEMORY, Consortium, signer
from tests.kernel import room
from tests.kernel.room import Drill, GiveBack, Later, Lend, Register

ROOT = Path(__file__).parents[2]


def play(consortium: Consortium) -> str:
    """Weeks with a bit of everything: refusals, due work, deletes, scans, copies, mistakes, new keys."""
    for week in range(3):
        tools = [f"t{week}-{number}" for number in range(6)]
        consortium.do("maker", *[Register(tool=tool) for tool in tools])
        for number, tool in enumerate(tools):
            consortium.do("maker", Lend(tool=tool, borrower="plant", due_ms=consortium.in_days(number + 1)))
        consortium.do("plant", GiveBack(owner="maker", tool=tools[1]))
        consortium.refused("bank", GiveBack(owner="maker", tool=tools[2]))
        consortium.refused("maker", Drill(kind="bug", count=1))
        consortium.do("bank", Drill(kind="write", count=20), Drill(kind="scan", count=7))
        consortium.do("bank", Drill(kind="delete", count=11 + week), Drill(kind="hidden", count=2))
        consortium.do("auditor", Attest(table="toolcrib.tools", key=("maker", tools[0])))
        for name in ("a", "b"):
            at_ms = consortium.in_days(2)
            consortium.do("bank", Later(at_ms=at_ms, kind="refuse" if name == "b" else "drill", name=name))
        wires = [consortium.client("plant").sign(Register(tool=f"p{week}-{n % 3}")) for n in range(5)]
        consortium.node.submit([*wires, wires[0]])
        consortium.do("plant", consortium.key("plant", f"w{week}", kind="worker", scopes=("toolcrib.*",)))
        consortium.pass_days(7)
    return consortium.node.app_hash


def played(cache_records: int | None = 100_000, path: Path = IN_MEMORY) -> Consortium:
    consortium = Consortium(path, registry=room.registry(), cache_records=cache_records)
    play(consortium)
    return consortium


@pytest.fixture(scope="module")
def reference() -> Consortium:
    return played()


@pytest.mark.parametrize("cache_records", [0, 1, 3, None])
def test_the_size_of_the_cache_changes_nothing(reference: Consortium, cache_records: int | None) -> None:
    other = played(cache_records)
    assert other.node.app_hash == reference.node.app_hash
    assert sorted(other.node.ledger.store.records()) == sorted(reference.node.ledger.store.records())


def test_a_restart_after_every_block_changes_nothing(reference: Consortium, tmp_path: Path) -> None:
    consortium = Consortium(tmp_path / "ledger.db", registry=room.registry())
    submit = consortium.submit

    def reopening(*arguments: Any, **options: Any) -> Any:
        receipt = submit(*arguments, **options)
        consortium.reopen()
        return receipt

    consortium.submit = reopening  # type: ignore[method-assign]
    assert play(consortium) == reference.node.app_hash
    consortium.close()


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_the_hash_seed_changes_nothing(reference: Consortium, seed: str) -> None:
    code = "from tests.engines.test_replay import played; print(played().node.app_hash)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": f".{os.pathsep}src"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == reference.node.app_hash


@pytest.mark.parametrize("cache_records", [0, 3, None])
def test_the_whole_log_replays_leaf_by_leaf(reference: Consortium, cache_records: int | None) -> None:
    node = reference.node
    replica = replay(node.ledger.store, node.genesis_bytes, reference.registry, cache_records=cache_records)

    assert (replica.height, replica.app_hash, replica.time_ms) == (node.height, node.app_hash, node.time_ms)
    rows = sorted((table, key, value) for (table, key), value in replica._store.rows.items())
    assert rows == sorted(node.ledger.store.records())


class Forged:
    """A log in which one thing was changed."""

    def __init__(self, store: SqliteStore, height: int, change: Callable[[str, Any], Any]) -> None:
        self._store, self._height, self._change = store, height, change

    def height(self) -> int:
        return self._store.height()

    def _read(self, what: str, height: int) -> Any:
        found = getattr(self._store, what)(height)
        return self._change(what, found) if height == self._height else found

    def block(self, height: int) -> Any:
        return self._read("block", height)

    def transactions(self, height: int) -> Any:
        return self._read("transactions", height)

    def events(self, height: int) -> Any:
        return self._read("events", height)


def in_leaf(**changes: Any) -> Callable[[bytes, bytes], tuple[bytes, bytes]]:
    return lambda leaf, header: (encode(replace(decode(leaf, BlockLeaf), **changes)), header)


def in_header(leaf: bytes, header: bytes, **changes: Any) -> tuple[bytes, bytes]:
    """A changed header, signed anew by the node: an operator that forges its own log."""
    changed = replace(decode(header, SignedHeader).header, **changes)
    signature = signer("maker", "node").sign(HEADER_DOMAIN + encode(changed))
    return leaf, encode(SignedHeader(header=changed, suite=1, signature=signature))


BLOCK_FORGERIES: dict[str, Callable[[bytes, bytes], tuple[bytes, bytes] | None]] = {
    "another root": in_leaf(events_root="0" * 64),
    "another state": in_leaf(state_digest="0" * 64),
    "another time": in_leaf(time_ms=2**50),
    "an earlier time": in_leaf(time_ms=0),
    "an engine fact": in_leaf(engine="x"),
    "a leaf in another spelling": lambda leaf, header: (leaf + b" ", header),
    "no leaf": lambda leaf, header: (b"", header),
    "no block": lambda leaf, header: None,
    "another hash, signed": lambda leaf, header: in_header(leaf, header, app_hash="0" * 64),
    "another chain, signed": lambda leaf, header: in_header(leaf, header, chain="0" * 64),
    "another height, signed": lambda leaf, header: in_header(leaf, header, height=99),
    "no signature": lambda leaf, header: (
        leaf, encode(replace(decode(header, SignedHeader), signature=bytes(64))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("forge", BLOCK_FORGERIES.values(), ids=BLOCK_FORGERIES.keys())
def test_a_forged_block_is_named(reference: Consortium, forge: Callable[..., Any]) -> None:
    log = Forged(
        reference.node.ledger.store, 5, lambda what, found: forge(*found) if what == "block" else found
    )
    with pytest.raises(errors.HistoryBroken, match="Block 5 "):
        replay(log, reference.node.genesis_bytes, reference.registry)


def forge_rows(what: str, rows: list[Any]) -> dict[str, list[Any]]:
    if what == "events":
        return {"changed": [rows[0] + b" ", *rows[1:]], "left out": rows[1:], "added": [*rows, rows[0]]}
    (wire, outcome), *rest = rows
    return {
        "changed": [(wire[:-2] + b" }", outcome), *rest],
        "left out": rest,
        "twice": [*rows, rows[0]],
        "another outcome": [(wire, outcome.replace(b'"ok"', b'"no"')), *rest],
    }


@pytest.mark.parametrize("how", ["changed", "left out", "added"])
def test_forged_events_are_named(reference: Consortium, how: str) -> None:
    log = Forged(
        reference.node.ledger.store,
        2,
        lambda what, rows: forge_rows(what, rows)[how] if what == "events" else rows,
    )
    with pytest.raises(errors.HistoryBroken, match="Block 2 "):
        replay(log, reference.node.genesis_bytes, reference.registry)


@pytest.mark.parametrize("how", ["changed", "left out", "twice", "another outcome"])
def test_forged_transactions_are_named(reference: Consortium, how: str) -> None:
    def change(what: str, rows: Any) -> Any:
        return forge_rows(what, rows)[how] if what == "transactions" else rows

    log = Forged(reference.node.ledger.store, 2, change)
    with pytest.raises(errors.HistoryBroken, match="Block 2 "):
        replay(log, reference.node.genesis_bytes, reference.registry)


def test_another_genesis_or_another_program_gives_another_history(reference: Consortium) -> None:
    other = encode(replace(reference.genesis, name_en="Other"))
    with pytest.raises(errors.HistoryBroken, match="Block 1 "):
        replay(reference.node.ledger.store, other, reference.registry)


def test_a_replica_moves_on_by_blocks(reference: Consortium) -> None:
    replica = Replica(reference.node.genesis_bytes, reference.registry)
    leaf = decode(reference.node.ledger.store.block(1)[0], BlockLeaf)  # type: ignore[index]
    wires = [wire for wire, _ in reference.node.ledger.store.transactions(1)]
    applied = replica.execute(Block(1, leaf.time_ms, wires))
    assert applied.leaf == leaf


# The records on disk against the digest.


def leaf_of(consortium: Consortium) -> BlockLeaf:
    return decode(consortium.node.ledger._block(consortium.node.height)[0], BlockLeaf)


def test_scrub_counts_the_records_of_the_digest(reference: Consortium) -> None:
    count = scrub(reference.node.ledger.store, leaf_of(reference).state_digest)
    assert count == len(list(reference.node.ledger.store.records()))


@pytest.mark.parametrize("page", [1, 7, 1_000])
def test_scrub_finds_what_was_changed_added_or_lost(
    reference: Consortium, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hansa.engines.replay.SCRUB_PAGE", page)
    rows = list(reference.node.ledger.store.records())
    digest = leaf_of(reference).state_digest

    class Rows(list[Any]):
        def records(self) -> Any:
            return iter(self)

    assert scrub(Rows(reversed(rows)), digest) == len(rows)
    table, key, value = rows[3]
    for forged in (
        rows[1:],
        [*rows, ("toolcrib.tools", b"x", b"{}")],
        [*rows, rows[0]],
        [*rows[:3], (table, key, value + b" "), *rows[4:]],
        [*rows[:3], (table, key + b"x", value), *rows[4:]],
    ):
        with pytest.raises(errors.RecordsBroken):
            scrub(Rows(forged), digest)


def test_scrub_names_the_table_of_a_damaged_record(tmp_path: Path) -> None:
    consortium = Consortium(tmp_path / "ledger.db", registry=room.registry())
    consortium.do("maker", Register(tool="w-17"))
    consortium.node.ledger.store._db.execute("UPDATE state SET crc = crc + 1 WHERE tbl = 'toolcrib.tools'")
    with pytest.raises(Damaged, match=r"toolcrib\.tools"):
        scrub(consortium.node.ledger.store, leaf_of(consortium).state_digest)
    consortium.close()
