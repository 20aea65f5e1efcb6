"""Names the first thing in which a block of the operator differs from what its transactions lead to.

In the order in which a block is made: its transactions, outcomes, events, records. The block's leaf says
which of them differs; the operator's node is asked for its own version, and believed only where that is what
its leaf commits to. Where a write set that agrees hides it, its records are compared page by page.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec

from hansa.client.case import FIELDS_MAX, SHOWN_MAX, Difference, FieldDifference, What
from hansa.engines.blocks import Write
from hansa.engines.following import Rejected
from hansa.kernel import merkle
from hansa.kernel.refusal import Refusal
from hansa.kernel.registry import Registry
from hansa.kernel.state import decode_key

RECORDS_PER_PAGE = 1_000
NESTED_MAX = 16

Name = tuple[str, bytes]
Row = tuple[bytes, bytes]


class Contents(msgspec.Struct, frozen=True):
    """A block's outcomes and events, their canonical bytes in order."""

    outcomes: tuple[bytes, ...] = ()
    events: tuple[bytes, ...] = ()


class Shows(Protocol):
    """What the operator's node shows of a block and of its records. Any call may raise a Refusal."""

    def contents(self, height: int) -> Contents: ...

    def writes(self, height: int) -> tuple[Write, ...]: ...

    def records(self, table: str, after: bytes, limit: int, height: int) -> list[Row]:
        """Records of a table above a key, as they stood at a height."""
        ...


class Own(Protocol):
    """Our records as they stood below the block."""

    def records(self, table: str, after: bytes, limit: int) -> list[Row]: ...


def first_difference(found: Rejected, operator: Shows, registry: Registry) -> Difference:
    """Quick: from the leaf, and from what the operator shows of this block. Never raises for its answers.

    Where the sum of the records differs and the write sets agree, `what` is "state": `in_records` goes on.
    """
    height, leaf = found.height, found.block.leaf
    if found.what == "outcomes":
        shown = _asked(partial(operator.contents, height), Contents())
        return _item(height, "outcome", "outcomes", shown.outcomes, found.outcomes, leaf.outcomes_root)
    if found.what == "events":
        shown = _asked(partial(operator.contents, height), Contents())
        return _item(height, "event", "events", shown.events, found.events, leaf.events_root)
    if found.what == "records":
        return _written(found, operator, registry)
    if found.what == "time":
        return Difference(height=height, what="time")
    if found.what == "transactions":
        return Difference(height=height, what="transactions")
    return Difference(height=height, what="header")


def in_records(
    found: Rejected, own: Own, operator: Shows, registry: Registry, stop: Callable[[], bool]
) -> Difference:
    """Walk all records of both sides as of a block's height. Minutes on a ledger of many millions."""
    height = found.height
    for table in sorted(registry.tables, key=by_business):
        ask = partial(operator.records, table, limit=RECORDS_PER_PAGE, height=height)
        try:
            row = first_row(_after_block(table, own, found.writes), pages(ask), stop)
        except Refusal:
            return Difference(height=height, what="state")
        if row is not None:
            return _record(height, (table, row[0]), registry, theirs=row[2], ours=row[1])
    return Difference(height=height, what="state")


def fields_of(theirs: bytes | None, ours: bytes | None) -> tuple[FieldDifference, ...]:
    """The fields in which two canonical bytes differ, by path, at most FIELDS_MAX."""
    found: list[FieldDifference] = []
    for path, one, other in _differing(_plain(theirs), _plain(ours), ""):
        if len(found) == FIELDS_MAX:
            break
        found.append(FieldDifference(path=_brief(path or "."), theirs=_shown(one), ours=_shown(other)))
    return tuple(found)


class _Nothing:
    """Stands where a side has no such field."""


NOTHING = _Nothing()


def _plain(data: bytes | None) -> Any:
    if data is None:
        return NOTHING
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return data.hex()


def _differing(theirs: Any, ours: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(theirs, dict) and isinstance(ours, dict) and depth < NESTED_MAX:
        for name in sorted({*theirs, *ours}):
            inner = f"{path}.{name}" if path else str(name)
            yield from _differing(theirs.get(name, NOTHING), ours.get(name, NOTHING), inner, depth + 1)
    elif isinstance(theirs, list) and isinstance(ours, list) and depth < NESTED_MAX:
        for index in range(max(len(theirs), len(ours))):
            one = theirs[index] if index < len(theirs) else NOTHING
            other = ours[index] if index < len(ours) else NOTHING
            yield from _differing(one, other, f"{path}[{index}]", depth + 1)
    elif theirs != ours or type(theirs) is not type(ours):
        yield path, theirs, ours


def _shown(value: Any) -> str:
    if isinstance(value, _Nothing):
        return ""
    return _brief(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _brief(text: str) -> str:
    clean = "".join(char if char.isprintable() else "?" for char in text[:SHOWN_MAX])
    return clean if len(text) <= SHOWN_MAX else clean[:-1] + "…"


def _item(
    height: int, one: What, many: What, theirs: Sequence[bytes], ours: Sequence[bytes], root: str
) -> Difference:
    """The first outcome or event that differs; believed only if theirs are those of the leaf."""
    if _root(theirs) != root:
        return Difference(height=height, what=many)
    for index, (their_item, our_item) in enumerate(zip(theirs, ours, strict=False)):
        if their_item != our_item:
            return Difference(
                height=height,
                what=one,
                index=index,
                kind=tag_of(our_item),
                fields=fields_of(their_item, our_item),
                shown=True,
            )
    return Difference(height=height, what=many, index=len(theirs), count=len(ours), shown=True)


def _written(found: Rejected, operator: Shows, registry: Registry) -> Difference:
    """The first record, rooms' before the kernel's, that the block left otherwise at the operator's."""
    height = found.height
    shown = _asked(partial(operator.writes, height), ())
    theirs = {(write.table, write.key): write.new for write in shown}
    ours = {(write.table, write.key): write.new for write in found.writes}
    for name in sorted({*theirs, *ours} if shown else (), key=order):
        their_bytes, our_bytes = theirs.get(name, NOTHING), ours.get(name, NOTHING)
        if their_bytes != our_bytes:
            return _record(
                height,
                name,
                registry,
                theirs=None if isinstance(their_bytes, _Nothing) else their_bytes,
                ours=None if isinstance(our_bytes, _Nothing) else our_bytes,
            )
    return Difference(height=height, what="state")


def by_business(table: str) -> tuple[bool, str]:
    """Tables of the rooms first: people know what lies there."""
    return table.startswith("kernel."), table


def order(name: Name) -> tuple[bool, str, bytes]:
    """In which records are compared."""
    return *by_business(name[0]), name[1]


def _record(
    height: int, name: Name, registry: Registry, *, theirs: bytes | None, ours: bytes | None
) -> Difference:
    return Difference(
        height=height,
        what="record",
        table=_brief(name[0]),
        key=key_parts(name, registry),
        kind=tag_of(ours or theirs or b""),
        fields=fields_of(theirs, ours),
        shown=True,
    )


def key_parts(name: Name, registry: Registry) -> tuple[str, ...]:
    """A record's key as people write it."""
    table = registry.tables.get(name[0])
    if table is None:
        return (name[1].hex(),)
    try:
        return tuple(_brief(str(part)) for part in decode_key(name[1], table.integers))
    except (ValueError, IndexError):
        return (name[1].hex(),)


def _after_block(table: str, own: Own, writes: Sequence[Write]) -> Iterator[Row]:
    """Our records of a table as they stand after the block."""
    changed = {write.key: write.new for write in writes if write.table == table}
    added = sorted(key for key, new in changed.items() if new is not None)
    at = 0
    for key, stored in pages(partial(own.records, table, limit=RECORDS_PER_PAGE)):
        while at < len(added) and added[at] < key:
            yield added[at], changed[added[at]] or b""
            at += 1
        if at < len(added) and added[at] == key:
            at += 1
        present = changed.get(key, stored)
        if present is not None:
            yield key, present
    for key in added[at:]:
        yield key, changed[key] or b""


def pages(page: Callable[[bytes], list[Row]]) -> Iterator[Row]:
    """All rows of a table that is told in pages."""
    after = b""
    while rows := page(after):
        for key, stored in rows:
            if key <= after:
                return  # Out of order: the rest is not believed, and what is missing shows as a difference.
            after = key
            yield key, stored


def first_row(
    ours: Iterator[Row], theirs: Iterator[Row], stop: Callable[[], bool]
) -> tuple[bytes, bytes | None, bytes | None] | None:
    """(key, ours, theirs) of the first row that differs, walking both in order of keys."""
    own, other = next(ours, None), next(theirs, None)
    while (own is not None or other is not None) and not stop():
        if other is None or (own is not None and own[0] < other[0]):
            assert own is not None
            return own[0], own[1], None
        if own is None or other[0] < own[0]:
            return other[0], None, other[1]
        if own[1] != other[1]:
            return own[0], own[1], other[1]
        own, other = next(ours, None), next(theirs, None)
    return None


def tag_of(data: bytes) -> str:
    """The `_type` of a stored event or record; "" where it has none."""
    found = _plain(data) if data else None
    return _brief(str(found.get("_type", ""))) if isinstance(found, dict) else ""


def _asked(ask: Callable[[], Any], otherwise: Any) -> Any:
    """The operator's answer; a node that has something to hide may not answer at all."""
    try:
        return ask()
    except Refusal:
        return otherwise


def _root(items: Sequence[bytes]) -> str:
    return merkle.root([merkle.leaf_hash(item) for item in items]).hex()
