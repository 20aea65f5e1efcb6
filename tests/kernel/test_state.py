"""Tables, layers and scans against a plain dictionary; keys whose byte order is tuple order."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hansa.kernel import Context, limits
from hansa.kernel.context import OverBudget
from hansa.kernel.state import (
    Committed,
    KeyUnfit,
    MemoryStore,
    Overlay,
    after_prefix,
    decode_key,
    encode_key,
)
from tests.kernel import room
from tests.kernel.room import NOTES, TOOLS, Note, Tool

REGISTRY = room.registry()

words = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=4)
numbers = st.integers(0, 2**53 - 1)


def context(layer: Overlay) -> Context:
    return Context(REGISTRY, layer, time_ms=0, height=1, chain="")


# Keys.


@given(st.lists(st.tuples(words, numbers, words), min_size=2, max_size=2))
def test_byte_order_of_keys_is_tuple_order(keys: list[tuple[str, int, str]]) -> None:
    first, second = keys
    # UTF-8 keeps the order of code points, which is that of Python's strings.
    assert (encode_key(first) < encode_key(second)) == (first < second)
    assert decode_key(encode_key(first), (False, True, False)) == first


@given(words, words, words)
def test_parts_of_a_key_cannot_run_into_each_other(a: str, b: str, c: str) -> None:
    assert encode_key((a, b + c)) != encode_key((a + b, c)) or b == ""


@pytest.mark.parametrize("part", ["a\x00b", "\x00", -1, 2**53, 2**63, "x" * 1_024])
def test_a_part_that_would_break_the_order_is_refused(part: str | int) -> None:
    with pytest.raises(KeyUnfit) as refused:
        encode_key(("owner", part))
    assert len(refused.value.en) < 400


@given(st.lists(words, min_size=1, max_size=3), words)
def test_a_prefix_covers_the_keys_that_begin_with_it(parts: list[str], last: str) -> None:
    base = encode_key(parts)
    assert base <= encode_key([*parts, last]) < after_prefix(base)
    assert encode_key([parts[0] + "\x01", *parts[1:]]) >= after_prefix(encode_key(parts[:1]))


@given(st.binary(max_size=3), st.binary(max_size=3))
def test_the_end_of_a_prefix(prefix: bytes, rest: bytes) -> None:
    if prefix.rstrip(b"\xff"):
        assert prefix + rest < after_prefix(prefix)
        assert after_prefix(prefix)[:-1] <= prefix


# Layers and scans.

owners = st.sampled_from(["a", "a.b", "ab", "b"])
tools = st.sampled_from(["", "1", "10", "2", "x"])


class Layers(RuleBasedStateMachine):
    """Two layers over a store, with caches of every size, against dictionaries."""

    @initialize(capacity=st.sampled_from([0, 2, None]))
    def begin(self, capacity: int | None) -> None:
        self.store, self.capacity = MemoryStore(), capacity
        self.committed = Committed(self.store, capacity)
        self.block = Overlay(self.committed)
        self.layer = Overlay(self.block)
        self.kept: dict[tuple[str, str], int] = {}
        self.in_block: dict[tuple[str, str], int] = {}
        self.seen: dict[tuple[str, str], int] = {}

    @rule(owner=owners, tool=tools, value=st.integers(0, 99))
    def put(self, owner: str, tool: str, value: int) -> None:
        TOOLS.put(context(self.layer), (owner, tool), Tool(owner="o", loans=value))
        self.seen[owner, tool] = value

    @rule(owner=owners, tool=tools)
    def delete(self, owner: str, tool: str) -> None:
        TOOLS.delete(context(self.layer), (owner, tool))
        self.seen.pop((owner, tool), None)

    @rule(keep=st.booleans())
    def end_transaction(self, keep: bool) -> None:
        if keep:
            self.layer.merge_into(self.block)
            self.in_block = dict(self.seen)
        self.layer = Overlay(self.block)
        self.seen = dict(self.in_block)

    @rule(keep=st.booleans())
    def end_block(self, keep: bool) -> None:
        self.end_transaction(True)
        if keep:
            self.store.write({name: entry and entry[0] for name, entry in self.block.entries.items()})
            for name, entry in self.block.entries.items():
                self.committed.remember(name, entry)
            self.kept = dict(self.in_block)
        self.block = Overlay(self.committed)
        self.layer = Overlay(self.block)
        self.in_block, self.seen = dict(self.kept), dict(self.kept)

    @rule(owner=owners, tool=tools)
    def get(self, owner: str, tool: str) -> None:
        found = TOOLS.get(context(self.layer), (owner, tool))
        assert (found and found.loans) == self.seen.get((owner, tool))

    @rule(
        prefix=st.one_of(st.just(()), st.tuples(owners)),
        start=st.one_of(st.none(), st.tuples(owners), st.tuples(owners, tools)),
        end=st.one_of(st.none(), st.tuples(owners), st.tuples(owners, tools)),
        limit=st.integers(0, 6),
        reverse=st.booleans(),
    )
    def scan(self, prefix: Any, start: Any, end: Any, limit: int, reverse: bool) -> None:
        expected = [
            (key, self.seen[key])
            for key in sorted(self.seen, reverse=reverse)
            if key[: len(prefix)] == prefix
            and (start is None or encode_key(key) >= encode_key(start))
            and (end is None or encode_key(key) < encode_key(end))
        ]
        ctx = context(self.layer)
        rows = TOOLS.scan(ctx, prefix, start=start, end=end, limit=limit, reverse=reverse)
        assert [(key, tool.loans) for key, tool in rows] == expected[:limit]

    @invariant()
    def what_is_decoded_is_what_is_stored(self) -> None:
        for (table, key), stored in self.store.rows.items():
            entry = self.committed.get(table, key, TOOLS.decode)
            assert entry == (stored, TOOLS.decode(stored))

    @invariant()
    def the_cache_counts_its_bytes(self) -> None:
        kept = [entry for entry in self.committed._cache.values() if entry]
        assert self.capacity is None or self.committed._bytes == sum(len(entry[0]) for entry in kept)


TestLayers = Layers.TestCase
TestLayers.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


class CountingStore(MemoryStore):
    """Counts the rows that it is made to fetch."""

    fetched = 0

    def scan(self, table: str, start: bytes, end: bytes, limit: int, reverse: bool) -> Any:
        rows = super().scan(table, start, end, limit, reverse)
        self.fetched += len(rows)
        return rows


@pytest.fixture
def many() -> tuple[CountingStore, Overlay]:
    """5,000 notes on disk."""
    store = CountingStore()
    block = Overlay(Committed(store))
    for number in range(5_000):
        NOTES.put(context(block), (number,), Note(value=number))
    store.write({name: entry and entry[0] for name, entry in block.entries.items()})
    return store, Overlay(Committed(store))


def test_a_look_at_the_first_row_fetches_few(many: tuple[CountingStore, Overlay]) -> None:
    store, layer = many
    for _ in range(10):
        next(NOTES.scan(context(layer)))
    assert store.fetched <= 100

    assert len(list(NOTES.scan(context(layer)))) == limits.SCAN_MAX


def test_rows_that_the_block_deleted_are_counted(many: tuple[CountingStore, Overlay]) -> None:
    _, layer = many
    for number in range(4_999):
        NOTES.delete(context(layer), (number,))
    ctx = context(Overlay(layer))

    assert [note.value for _, note in NOTES.scan(ctx, limit=1)] == [4_999]
    assert ctx.scanned == 5_000
    ctx.scanned = limits.SCANNED_MAX - 4_999
    with pytest.raises(OverBudget):
        list(NOTES.scan(ctx, limit=1))


def test_a_scan_counts_as_a_read_even_where_it_finds_nothing() -> None:
    ctx = context(Overlay(Committed(MemoryStore())))
    assert list(NOTES.scan(ctx)) == []
    assert ctx.reads == 1


def test_a_table_may_be_written_to_while_it_is_scanned(many: tuple[CountingStore, Overlay]) -> None:
    _, layer = many
    ctx = context(layer)
    seen = []
    for (number,), note in NOTES.scan(ctx, end=(20,)):
        assert isinstance(number, int)
        seen.append(number)
        if number % 3 == 0:
            NOTES.delete(ctx, (number + 1,))
            NOTES.put(ctx, (number,), Note(value=-note.value))

    assert seen == [number for number in range(20) if number % 3 != 1]


def test_the_cache_keeps_no_more_than_it_may() -> None:
    committed = Committed(MemoryStore(), 3)
    for number in range(10):
        committed.get("toolcrib.notes", encode_key((number,)), NOTES.decode)
    assert len(committed._cache) == 3


def test_the_cache_keeps_no_more_bytes_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whoever writes large records fills the memory of every node, and of each reader."""
    monkeypatch.setattr("hansa.kernel.state.CACHE_BYTES_MAX", 1_000)
    committed = Committed(MemoryStore(), 100)

    def remember(number: int, size: int) -> list[int]:
        committed.remember(("t", bytes((number,))), (bytes(size), None))
        return [key[0] for _, key in committed._cache]

    for number in range(4):
        kept = remember(number, 300)
    assert kept == [1, 2, 3]
    assert remember(2, 400) == [1, 3, 2], "one that is written again counts once"
    assert remember(4, 1) == [3, 2, 4]
    assert remember(5, 1_000) == [5]
    committed.forget()
    assert remember(6, 600) == [6]
    assert remember(7, 400) == [6, 7]
