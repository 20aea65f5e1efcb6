"""What travels between nodes and lies on disk beside the state: blocks as frames, write sets."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from hansa.kernel import Struct, encode, limits
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.canonical import Malformed, decode_strict
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.state import Changes, Damaged, Name

LENGTH_BYTES = 4
HEAD_BYTES_MAX = 65_536
"""Of a leaf, and of a signed header with all its cosignatures."""
FRAME_BYTES_MAX = (
    limits.BLOCK_BYTES_MAX
    + LENGTH_BYTES * (limits.BLOCK_TRANSACTIONS_MAX + 3)
    + limits.TRANSACTION_BYTES_MAX
    + 2 * HEAD_BYTES_MAX
)


class BlockData(Struct):
    """A block as it is handed from node to node: all that is needed to execute and to check it."""

    leaf: BlockLeaf
    header: SignedHeader
    """The head of the log right after this block."""
    wires: tuple[bytes, ...] = ()


class Write(Struct):
    """What a block did to one record: stored bytes before and after, None where there is no record."""

    table: str
    key: bytes
    old: bytes | None = None
    new: bytes | None = None


def pack_block(block: BlockData) -> bytes:
    """A frame: its length (4 bytes, big-endian), then leaf, signed header and each transaction likewise."""
    body = b"".join(_framed((encode(block.leaf), encode(block.header), *block.wires)))
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def _framed(parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        yield len(part).to_bytes(LENGTH_BYTES, "big")
        yield part


def unpack_blocks(data: bytes) -> list[BlockData]:
    """The blocks of a sequence of frames. Raises Malformed or NotCanonical; only form is checked."""
    return [_block(list(_parts(frame, "block"))) for frame in _parts(data, "frame")]


def _parts(data: bytes, what: str) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(data[at:start], "big")
        if at > len(data) or start > len(data) or at - start > FRAME_BYTES_MAX:
            raise Malformed(detail=f"a length in a {what} is wrong")
        yield data[start:at]


def _block(parts: list[bytes]) -> BlockData:
    if len(parts) < 2:
        raise Malformed(detail="a block has no leaf or no header")
    leaf, header, *wires = parts
    if len(wires) > limits.BLOCK_TRANSACTIONS_MAX or sum(map(len, wires)) > limits.BLOCK_BYTES_MAX:
        raise Malformed(detail="a block is larger than the rules allow")
    if max(len(leaf), len(header)) > HEAD_BYTES_MAX:
        raise Malformed(detail="a leaf or a header is too large")
    return BlockData(
        leaf=decode_strict(leaf, BlockLeaf), header=decode_strict(header, SignedHeader), wires=tuple(wires)
    )


# Write sets, as they lie on this node's disk: MessagePack rows of (table, key, old, new).

_Row = tuple[str, bytes, bytes | None, bytes | None]
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[_Row]).decode


def pack_writes(changes: Changes, before: dict[Name, bytes | None]) -> bytes:
    """The write set of a block, from what it wrote and what lay there before."""
    return _pack([(*name, before[name], new) for name, new in changes.items()])


def write_set(data: bytes) -> tuple[Write, ...]:
    """A packed write set in order of table and key. Raises Damaged."""
    rows = sorted(unpack_writes(data), key=lambda row: row[:2])
    return tuple(Write(table=row[0], key=row[1], old=row[2], new=row[3]) for row in rows)


def unpack_writes(data: bytes) -> Sequence[_Row]:
    """Rows of (table, key, old, new). Raises Damaged."""
    try:
        return _unpack(data)
    except msgspec.MsgspecError as error:
        raise Damaged(f"a write set was damaged on disk: {error}") from error
