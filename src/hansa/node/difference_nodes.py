"""Names the first record in which two copies of one ledger differ: of two nodes, or of two folders.

The root after each block covers all blocks below it: so the first block that differs is found by halving.
Of that block the parts are compared in the order in which it is made: what came in, outcomes, events,
records. Neither side is believed: what is shown is what each of them has.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, Protocol

import msgspec

from hansa.client.case import FieldDifference
from hansa.engines.blocks import BlockData, Write
from hansa.engines.reading import Reading
from hansa.kernel import Registry
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.refusal import Refusal
from hansa.node import errors_supervision as errors
from hansa.node.difference import (
    RECORDS_PER_PAGE,
    Contents,
    Row,
    by_business,
    fields_of,
    first_row,
    key_parts,
    order,
    pages,
    tag_of,
)
from hansa.node.upstream import Upstream

What = Literal["nothing", "engine", "time", "transactions", "outcome", "event", "record", "state", "leaf"]


class Side(Protocol):
    """One copy. Any call may raise a Refusal: it is away, pruned, or not for us to read."""

    name: str
    genesis: bytes
    registry: Registry

    @property
    def height(self) -> int: ...

    def app_hash(self, height: int) -> str: ...

    def block(self, height: int) -> BlockData: ...

    def contents(self, height: int) -> Contents: ...

    def writes(self, height: int) -> Sequence[Write]: ...

    def records(self, table: str, after: bytes, limit: int, height: int) -> list[Row]: ...


class Found(msgspec.Struct):
    """Where two copies part. `height`: up to it they were compared; of a difference, the block's.

    Of fields `ours` is what the first copy has, `theirs` the second.
    """

    one: str
    other: str
    height: int
    what: What
    one_hash: str = ""
    other_hash: str = ""
    index: int = 0
    table: str = ""
    key: tuple[str, ...] = ()
    kind: str = ""
    fields: tuple[FieldDifference, ...] = ()
    unseen_zh: str = ""
    unseen_en: str = ""
    """Why the difference could not be followed further down, if so."""


class _Part(msgspec.Struct, frozen=True):
    what: What
    index: int = 0
    table: str = ""
    key: tuple[str, ...] = ()
    kind: str = ""
    fields: tuple[FieldDifference, ...] = ()


def between(
    one: Side,
    other: Side,
    height: int = 0,
    *,
    records: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Found:
    """The first difference of two copies up to a height (0: the newest that both have).

    `records`: where blocks agree, compare all records as well, as they stand at that height: disks may differ
    though histories do not. Raises DiffOther, NoSuchRecordHeight, and what the sides raise.
    """
    if one.genesis != other.genesis:
        raise errors.DiffOther(one=one.name, other=other.name)
    top = height or min(one.height, other.height)
    for side in (one, other):
        if top > side.height:
            raise errors.NoSuchRecordHeight(where=side.name, height=top, head=side.height)
    found = Found(one.name, other.name, top, "nothing")
    if top == 0:
        return found
    found.one_hash, found.other_hash = one.app_hash(top), other.app_hash(top)
    if found.one_hash != found.other_hash:
        found.height = first = _first_block(one, other, top)
        found.one_hash, found.other_hash = one.app_hash(first), other.app_hash(first)
        part = _in_block(one, other, first, found, stop)
    else:
        part = _in_records(one, other, top, found, stop) if records else _Part("nothing")
    for name, value in msgspec.structs.asdict(part).items():
        setattr(found, name, value)
    return found


def _first_block(one: Side, other: Side, top: int) -> int:
    """The lowest height with another root; `top` has one."""
    agreed, differs = 0, top
    while differs - agreed > 1:
        middle = (agreed + differs) // 2
        if one.app_hash(middle) == other.app_hash(middle):
            agreed = middle
        else:
            differs = middle
    return differs


def _in_block(one: Side, other: Side, height: int, found: Found, stop: Callable[[], bool]) -> _Part:
    """The first part of a block that differs. What one side cannot show ends the search where it is."""
    try:
        ours, theirs = one.block(height), other.block(height)
        leaf = _leaf_part(ours.leaf, theirs.leaf)
        if leaf == "transactions" or (leaf and leaf not in ("outcome", "event", "record")):
            fields = fields_of(_encoded(theirs.leaf), _encoded(ours.leaf))
            index = _first_index(ours.wires, theirs.wires) if leaf == "transactions" else 0
            return _Part(leaf, index=index, fields=fields)
        if leaf in ("outcome", "event"):
            return _item(one, other, height, leaf)
        return _written(one, other, height) or _in_records(one, other, height, found, stop)
    except Refusal as refusal:
        found.unseen_zh, found.unseen_en = refusal.zh, refusal.en
        return _Part("leaf")


def _leaf_part(ours: BlockLeaf, theirs: BlockLeaf) -> What:
    """Which part of a block its leaf says is another, in the order in which blocks are made."""
    parts: tuple[tuple[str, What], ...] = (
        ("engine", "engine"), ("time_ms", "time"), ("transactions_root", "transactions"),
        ("outcomes_root", "outcome"), ("events_root", "event"), ("state_digest", "record"),
    )  # fmt: skip
    return next((what for name, what in parts if getattr(ours, name) != getattr(theirs, name)), "leaf")


def _item(one: Side, other: Side, height: int, what: Literal["outcome", "event"]) -> _Part:
    ours, theirs = (getattr(side.contents(height), f"{what}s") for side in (one, other))
    index = _first_index(ours, theirs)
    own = ours[index] if index < len(ours) else None
    their = theirs[index] if index < len(theirs) else None
    return _Part(what, index=index, kind=tag_of(own or their or b""), fields=fields_of(their, own))


def _first_index(ours: Sequence[Any], theirs: Sequence[Any]) -> int:
    pairs = zip(ours, theirs, strict=False)
    return next((at for at, (own, their) in enumerate(pairs) if own != their), min(len(ours), len(theirs)))


def _written(one: Side, other: Side, height: int) -> _Part | None:
    """The first record that the block left otherwise, rooms' before the kernel's."""
    ours = {(write.table, write.key): write.new for write in one.writes(height)}
    theirs = {(write.table, write.key): write.new for write in other.writes(height)}
    for name in sorted({*ours, *theirs}, key=order):
        if (name in ours) != (name in theirs) or ours[name] != theirs[name]:
            return _record(one, name, ours.get(name), theirs.get(name))
    return None


def _in_records(one: Side, other: Side, height: int, found: Found, stop: Callable[[], bool]) -> _Part:
    """Walk all records of both as they stood at a height. Minutes on a ledger of many millions."""
    try:
        for table in sorted(one.registry.tables, key=by_business):
            walks = [
                pages(partial(side.records, table, limit=RECORDS_PER_PAGE, height=height))
                for side in (one, other)
            ]
            if row := first_row(walks[0], walks[1], stop):
                return _record(one, (table, row[0]), row[1], row[2])
    except Refusal as refusal:
        found.unseen_zh, found.unseen_en = refusal.zh, refusal.en
    return _Part("state" if found.one_hash != found.other_hash or found.unseen_en else "nothing")


def _record(side: Side, name: tuple[str, bytes], ours: bytes | None, theirs: bytes | None) -> _Part:
    return _Part(
        "record",
        table=name[0],
        key=key_parts(name, side.registry),
        kind=tag_of(ours or theirs or b""),
        fields=fields_of(theirs, ours),
    )


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(value)


# The two kinds of copies.


class Folder:
    """A data directory, whether its node runs or not: read as it stands, and nobody is disturbed."""

    def __init__(self, name: str, genesis: bytes, reading: Reading) -> None:
        self.name, self.genesis, self.registry = name, genesis, reading.registry
        self._reading = reading
        self._at: Reading = reading

    @property
    def height(self) -> int:
        return self._reading.height

    def app_hash(self, height: int) -> str:
        return self._reading.header(height).header.app_hash

    def block(self, height: int) -> BlockData:
        return self._reading.block(height)

    def contents(self, height: int) -> Contents:
        outcomes, events = (tuple(self._reading.items(kind, height)) for kind in ("outcome", "event"))
        return Contents(outcomes=outcomes, events=events)

    def writes(self, height: int) -> Sequence[Write]:
        return self._reading.write_set(height)

    def records(self, table: str, after: bytes, limit: int, height: int) -> list[Row]:
        if self._at.height != height:
            self._at = self._reading.at(height)
        return self._at.records(table, after, limit)


class Node:
    """A node over HTTP, which shows its records to members."""

    def __init__(self, name: str, genesis: bytes, registry: Registry, upstream: Upstream) -> None:
        self.name, self.genesis, self.registry, self._upstream = name, genesis, registry, upstream
        head = upstream.head()
        self._height = head.header.height if head is not None else 0

    @property
    def height(self) -> int:
        return self._height

    def app_hash(self, height: int) -> str:
        return self._upstream.header(height).header.app_hash

    def block(self, height: int) -> BlockData:
        found = self._upstream.blocks(height, 1, 0)
        if not found or found[0].leaf.height != height:
            raise errors.NoSuchRecordHeight(where=self.name, height=height, head=self._height)
        return found[0]

    def contents(self, height: int) -> Contents:
        return self._upstream.contents(height)

    def writes(self, height: int) -> Sequence[Write]:
        return self._upstream.writes(height)

    def records(self, table: str, after: bytes, limit: int, height: int) -> list[Row]:
        return self._upstream.records(table, after, limit, height)
