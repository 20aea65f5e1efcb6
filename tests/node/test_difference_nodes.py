"""Two nodes of one network whose copies part: the first record that differs is named, whatever differs."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hansa.engines.blocks import BlockData
from hansa.engines.reader import Reader
from hansa.kernel import encode, replace
from hansa.kernel.canonical import decode
from hansa.kernel.state import checksum
from hansa.node import errors_supervision as errors
from hansa.node.difference import Contents, Row
from hansa.node.difference_nodes import Folder, Found, Node, _first_block, between
from tests.engines.cometbft.network import NS, Network
from tests.kernel import room

BLOCKS = 9
PARTS = 6
"""The block in which the second copy is otherwise."""


class Pair:
    """Two replicas that get the same blocks, but for one."""

    def __init__(self, root: Path) -> None:
        self.nets = [self._net(root / name) for name in ("one", "two")]

    def _net(self, folder: Path) -> Network:
        folder.mkdir()
        made = Network(folder / "ledger.db", registry=room.registry())
        made.init()
        return made

    def run(
        self, odd: Callable[[Network, Sequence[bytes]], object] | None = None, blocks: int = BLOCKS
    ) -> None:
        """`odd` makes the block in which the second copy parts."""
        one, two = self.nets
        for number in range(1, blocks + 1):
            if number == 3:
                wires = [one.wire("maker", room.Lend(tool="t1", borrower="plant", due_ms=one.now_ms + 10**7))]
            else:
                tools = (f"t{number}", f"t{number}-more")
                wires = [one.wire("maker", room.Register(tool=tool)) for tool in tools]
            one.block(*wires)
            if number == PARTS and odd is not None:
                odd(two, wires)
            else:
                two.block(*wires)

    @contextmanager
    def sides(self) -> Iterator[list[Folder]]:
        readers = [Reader(net.path, net.application.chain, net.application.genesis) for net in self.nets]
        with readers[0].snapshot() as one, readers[1].snapshot() as two:
            yield [
                Folder(name, net.genesis_bytes, reading)
                for name, net, reading in zip(("one", "two"), self.nets, (one, two), strict=True)
            ]
        for reader in readers:
            reader.close()

    def compare(self, **more: Any) -> Found:
        with self.sides() as (one, two):
            return between(one, two, **more)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    for net in made.nets:
        net.close()


def test_copies_that_agree(pair: Pair) -> None:
    pair.run()
    found = pair.compare(records=True)
    assert (found.what, found.height) == ("nothing", BLOCKS)
    assert found.one_hash == found.other_hash


def test_one_that_is_behind_is_compared_as_far_as_it_is(pair: Pair) -> None:
    pair.run()
    one = pair.nets[0]
    one.block(one.wire("maker", room.Register(tool="later")))
    assert pair.compare().height == BLOCKS


def test_a_record_computed_otherwise(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = room.Tool

    def odd(net: Network, wires: Sequence[bytes]) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(room, "Tool", lambda **given: honest(**{**given, "loans": 7}))
            net.block(*wires)

    pair.run(odd)
    found = pair.compare()
    assert (found.height, found.what, found.table) == (PARTS, "record", "toolcrib.tools")
    assert found.key == ("maker", f"t{PARTS}")
    assert [(field.path, field.ours, field.theirs) for field in found.fields] == [("loans", "0", "7")]
    assert found.one_hash != found.other_hash


@pytest.mark.parametrize("lost", [True, False])
def test_a_disk_that_is_otherwise_under_an_equal_history(pair: Pair, lost: bool) -> None:
    """A write that never reached the disk, or a record changed there: blocks agree, records do not."""
    pair.run()
    with sqlite3.connect(pair.nets[1].path) as database:
        key, value = database.execute(
            "SELECT key, value FROM state WHERE tbl = 'toolcrib.tools' ORDER BY key"
        ).fetchone()
        changed = encode(replace(decode(value, room.Tool), owner="bank"))
        if lost:
            database.execute("DELETE FROM state WHERE tbl = 'toolcrib.tools' AND key = ?", (key,))
        else:
            database.execute(
                "UPDATE state SET value = ?, crc = ? WHERE tbl = 'toolcrib.tools' AND key = ?",
                (changed, checksum("toolcrib.tools", key, changed), key),
            )
    assert pair.compare().what == "nothing"
    found = pair.compare(records=True)
    assert (found.height, found.what, found.key) == (BLOCKS, "record", ("maker", "t1"))
    (field,) = found.fields
    assert (
        (field.theirs == "" and field.ours != "") if lost else (field.ours, field.theirs) == ("maker", "bank")
    )


@pytest.mark.parametrize(("fields", "what"), [
    ({"proposer_address": bytes(20)}, "engine"),
    ({"time_ns": (2**40) * NS}, "time"),
])  # fmt: skip
def test_another_fact_of_the_engine(pair: Pair, fields: dict[str, Any], what: str) -> None:
    pair.run(lambda net, wires: net.block(*wires, **fields), blocks=PARTS)
    found = pair.compare()
    assert (found.height, found.what) == (PARTS, what)
    assert found.fields


def test_other_transactions(pair: Pair) -> None:
    pair.run(lambda net, wires: net.block(wires[0]), blocks=PARTS)
    found = pair.compare()
    assert (found.height, found.what, found.index) == (PARTS, "transactions", 1)


def test_another_outcome(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> Any:
        raise room.NotNow()

    def odd(net: Network, wires: Sequence[bytes]) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(room, "Tool", refuse)
            net.block(*wires)

    pair.run(odd, blocks=PARTS)
    found = pair.compare()
    assert (found.height, found.what, found.index) == (PARTS, "outcome", 0)
    assert any(field.theirs == "toolcrib.not_now" for field in found.fields)


def test_a_first_block_that_differs_is_found(pair: Pair) -> None:
    for net in pair.nets:
        later_ns = NS if net is pair.nets[1] else 0
        net.block(pair.nets[0].wire("maker", room.Register(tool="t")), time_ns=net.time_ns + later_ns)
    assert pair.compare().height == 1


class Roots:
    """A copy of which only the roots count."""

    def __init__(self, parts: int, name: str) -> None:
        self._parts, self._name = parts, name

    def app_hash(self, height: int) -> str:
        return str(height) if height < self._parts else f"{height} {self._name}"


@pytest.mark.parametrize("first", range(1, 14))
def test_wherever_copies_part_that_block_is_found(first: int) -> None:
    one, other = Roots(first, "one"), Roots(first, "other")
    assert _first_block(one, other, 13) == first  # type: ignore[arg-type]


def test_copies_of_other_chains_are_not_compared(pair: Pair) -> None:
    pair.run(blocks=1)
    with pair.sides() as (one, two):
        two.genesis = b"{}"
        with pytest.raises(errors.DiffOther):
            between(one, two)


def test_a_height_that_one_of_them_lacks_is_refused(pair: Pair) -> None:
    pair.run(blocks=2)
    with pytest.raises(errors.NoSuchRecordHeight):
        pair.compare(height=3)
    assert pair.compare(height=1).height == 1


def test_empty_copies_agree(pair: Pair) -> None:
    assert pair.compare().what == "nothing"


class Shows:
    """A node over HTTP, as an Upstream shows it; it may have things to hide."""

    def __init__(self, folder: Folder) -> None:
        self.url, self._folder = "http://two", folder
        self.hides: set[str] = set()

    def head(self) -> Any:
        return self._folder._reading.head()

    def header(self, height: int) -> Any:
        return self._folder._reading.header(height)

    def _may(self, what: str) -> None:
        if what in self.hides:
            raise errors.NodeAlreadyDown(path=what)

    def blocks(self, first: int, limit: int, wait_ms: int) -> Sequence[BlockData]:
        self._may("blocks")
        return [] if "no block" in self.hides else [self._folder.block(first)]

    def contents(self, height: int) -> Contents:
        return self._folder.contents(height)

    def writes(self, height: int) -> Any:
        self._may("writes")
        return self._folder.writes(height)

    def records(self, table: str, after: bytes, limit: int, height: int) -> list[Row]:
        return self._folder.records(table, after, limit, height)


@pytest.mark.parametrize(
    ("hides", "what"), [("", "record"), ("blocks", "leaf"), ("writes", "leaf"), ("no block", "leaf")]
)
def test_a_node_that_hides_something_stops_the_search_and_no_more(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, hides: str, what: str
) -> None:
    honest = room.Tool

    def odd(net: Network, wires: Sequence[bytes]) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(room, "Tool", lambda **given: honest(**{**given, "loans": 7}))
            net.block(*wires)

    pair.run(odd)
    with pair.sides() as (one, two):
        shows = Shows(two)
        shows.hides = {hides}
        node = Node("two", two.genesis, two.registry, shows)  # type: ignore[arg-type]
        found = between(one, node)
    assert (found.height, found.what) == (PARTS, what)
    assert bool(found.unseen_en) == bool(found.unseen_zh) == (what == "leaf")
