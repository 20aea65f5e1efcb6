"""A case: what a follower holds against the operator, as one JSON file that anybody checks offline.

`hansa verify case.json --genesis genesis.json` says what the file proves. Two signed headers of one height,
or a signed acknowledgement beside a signed header that leaves no room for it, prove themselves; a block
that was executed to another end is proved by executing it again.
"""

from typing import Annotated, Literal

import msgspec

from hansa.apps.consortium.handovers import Handover
from hansa.client.texts import Text
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.evidence import Inclusion, Proof, SignedAcknowledgement, SignedHeader
from hansa.kernel.types import Natural, OptionalId, Positive, Struct, TimeMs

FORMAT: Literal["hansa-case-1"] = "hansa-case-1"
SHOWN_MAX = 160
"""Characters of a value that a difference shows."""
FIELDS_MAX = 16

Kind = Literal["difference", "two_histories", "dropped", "clock", "own_disk", "note"]
KINDS: tuple[Kind, ...] = ("difference", "two_histories", "dropped", "clock", "own_disk", "note")
What = Literal[
    "transactions", "outcomes", "outcome", "events", "event", "record", "state", "time", "header", "form"
]
Shown = Annotated[str, msgspec.Meta(max_length=SHOWN_MAX)]


class FieldDifference(Struct):
    """A field of an outcome, an event or a record; a side without the field shows nothing."""

    path: Shown
    theirs: Shown = ""
    ours: Shown = ""


class Difference(Struct):
    """The first thing in which a block of the operator is not what its transactions lead to."""

    height: Positive
    what: What
    index: Natural = 0
    """Of an outcome or event: its place in the block. Of events and outcomes: how many the operator has."""
    count: Natural = 0
    """Of events and outcomes: how many there should be."""
    table: str = ""
    key: tuple[str, ...] = ()
    kind: str = ""
    """Of an event or record: its `_type`."""
    fields: tuple[FieldDifference, ...] = ()
    shown: bool = False
    """Whether the operator's node shows what it signed; else the place is known, the content is not."""


class Case(Struct):
    """Who found what, when, in words; and what proves it, as far as the kind has it."""

    format: Literal["hansa-case-1"]
    kind: Kind
    height: Natural
    found_ms: TimeMs
    """By the finder's clock."""
    by: OptionalId
    """The member whose node found it."""
    zh: str
    en: str
    against: OptionalId = ""
    """The member that it accuses; nobody, where it is no proof against anybody."""
    headers: tuple[SignedHeader, ...] = ()
    """two_histories: both. dropped: that of the promised height. difference: that of the block; where time
    went back, the one before it as well.
    """
    leaf: BlockLeaf | None = None
    within_log: Inclusion | None = None
    """difference: the way of the block's `leaf` up to the root that its header signs."""
    transactions: tuple[bytes, ...] = ()
    """difference: the block's, as received."""
    difference: Difference | None = None
    acknowledgement: SignedAcknowledgement | None = None
    position: Natural = 0
    """dropped: which promise of the acknowledgement was broken."""
    instead: Proof | None = None
    """dropped: what lies in the promised place, where the height is the promised one."""
    handovers: tuple[Handover, ...] = ()
    """Each change of the cosigners up to that height: by them the accused was the operator there."""


def difference_text(found: Difference) -> Text:
    """What differs, where, theirs and ours: for the people of the member."""
    where_zh, where_en, colon_zh, colon_en = _where(found)
    if found.what in ("events", "outcomes") and found.shown:
        return Text(
            f"{where_zh}：运营方有 {found.index} 项，应为 {found.count} 项",
            f"{where_en}: the operator has {found.index}, there should be {found.count}",
        )
    if not found.shown:
        return Text(
            f"{where_zh}：运营方签署的内容与重新执行的结果不同，且未出示其内容",
            f"{where_en}: what the operator signed is not what its transactions lead to; it does not show it",
        )
    if not found.fields:
        return Text(f"{where_zh}：内容不同", f"{where_en}: the content differs")
    fields_zh = "；".join(_field(field, "无") for field in found.fields)
    fields_en = "; ".join(_field(field, "none") for field in found.fields)
    return Text(
        f"{where_zh}{colon_zh}{fields_zh}（运营方 ≠ 本方）",
        f"{where_en}{colon_en}{fields_en} (the operator's ≠ ours)",
    )


def _where(found: Difference) -> tuple[str, str, str, str]:
    block_zh, block_en = f"区块 {found.height}", f"block {found.height}"
    name = f" {found.kind}" if found.kind else ""
    places = {
        "transactions": ("交易", "transactions"),
        "outcomes": ("交易结果", "outcomes"),
        "outcome": (f"第 {found.index} 项交易结果", f"outcome {found.index}"),
        "events": ("事件", "events"),
        "event": (f"第 {found.index} 项事件{name}", f"event {found.index}{name}"),
        "record": (
            f"表 {found.table} 的记录 {' / '.join(found.key)}",
            f"record {' / '.join(found.key)} of {found.table}",
        ),
        "state": ("记录总和", "the sum of all records"),
        "time": ("区块时间", "block time"),
        "header": ("区块头", "header"),
        "form": ("格式", "form"),
    }
    zh, en = places[found.what]
    return f"{block_zh}，{zh}", f"{block_en}, {en}", "：", ": "


def _field(field: FieldDifference, nothing: str) -> str:
    return f"{field.path} {field.theirs or nothing} ≠ {field.ours or nothing}"
