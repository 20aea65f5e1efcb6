"""The little of protobuf's wire format that ABCI needs: varints, fields, frames. Everything is bounded.

Source: protobuf.dev/programming-guides/encoding. A frame is a message after its length, an unsigned varint.
"""

from collections.abc import Iterator

from hansa.engines.cometbft.errors import FrameUnfit

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
VARINT_BYTES_MAX = 10
FRAME_BYTES_MAX = 2**25
"""32 MiB: a block has at most 1 MiB, a chunk of a snapshot at most 16."""
FIELDS_MAX = 2**20
"""Fields of one message: a frame of 32 MiB of empty ones would cost gigabytes. A block of 1 MiB may hold half
as many empty transactions, which are to be refused as a proposal, not as a message."""
NUMBER_MAX = 2**29 - 1
_WRAP = 1 << 64
_SIGN = 1 << 63

Field = tuple[int, int | bytes]
"""Number and value: an integer of 64 bits without sign, or bytes."""


def varint(value: int) -> bytes:
    """An integer of 64 bits; a negative one in two's complement, which takes ten bytes."""
    if value < 0:
        value += _WRAP
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes | bytearray | memoryview, at: int) -> tuple[int, int]:
    """(value without sign, where it ends). Raises FrameUnfit; IndexError where the data end within it."""
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value, shift = byte & 0x7F, 7
    for place in range(at + 1, at + VARINT_BYTES_MAX):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (_WRAP - 1), place + 1
        shift += 7
    raise FrameUnfit(detail="a number has more than 64 bits")


def signed(value: int) -> int:
    """The same 64 bits read as two's complement."""
    return value - _WRAP if value & _SIGN else value


def fields(data: bytes) -> Iterator[Field]:
    """The fields of a message in order, but those of fixed width: ABCI has none. Raises FrameUnfit."""
    at, end, count = 0, len(data), 0
    while at < end:
        count += 1
        try:
            tag, at = read_varint(data, at)
            number, kind = tag >> 3, tag & 7
            if kind == BYTES:
                size, at = read_varint(data, at)
                value: int | bytes = data[at : at + size]
                at += size
            elif kind == VARINT:
                value, at = read_varint(data, at)
            elif kind in (FIXED64, FIXED32):
                at += 8 if kind == FIXED64 else 4
                value = b""
            else:
                raise FrameUnfit(detail=f"a field of unknown kind {kind}")
        except IndexError:
            raise FrameUnfit(detail="a message ends in the middle") from None
        if at > end or not 0 < number <= NUMBER_MAX or count > FIELDS_MAX:
            raise FrameUnfit(detail="a field's length or number is wrong")
        if kind in (BYTES, VARINT):
            yield number, value


def frames(buffer: bytearray) -> Iterator[bytes]:
    """Take all whole messages from the front of what was received; what is left is part of the next.

    Raises FrameUnfit for a length beyond the bound.
    """
    at = 0
    try:
        while at < len(buffer):
            try:
                size, start = read_varint(buffer, at)
            except IndexError:
                return  # The length itself is not whole yet.
            if size > FRAME_BYTES_MAX:
                raise FrameUnfit(detail=f"a message of {size} bytes")
            if start + size > len(buffer):
                return
            at = start + size
            yield bytes(buffer[start:at])
    finally:
        del buffer[:at]


def framed(message: bytes) -> bytes:
    """A message after its length."""
    return varint(len(message)) + message
