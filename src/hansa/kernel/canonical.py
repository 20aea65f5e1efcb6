"""The one form in which structures are signed, hashed and stored: RFC 8785 JSON, by msgspec in sorted order.

msgspec is canonical within the limits that tests/test_tidy.py enforces on every type (rule 1).
"""

import functools
import hashlib
import struct
from collections.abc import Hashable, Iterable
from typing import Any, TypeVar, cast

import msgspec

from hansa.kernel.refusal import Refusal
from hansa.kernel.types import INTEGER_MAX

T = TypeVar("T")

_encoder = msgspec.json.Encoder(order="sorted")


class NotCanonical(Refusal, code="kernel.not_canonical", field="body"):
    zh = "报文不是规范形式（RFC 8785）：重新编码后字节不同。请用 SDK 生成报文，不要手工改写。"
    en = "The bytes are not canonical (RFC 8785): encoding them again gives others. Let the SDK write them."


class Malformed(Refusal, code="kernel.malformed", field="body"):
    zh = "报文无法解码：{detail}。"
    en = "The bytes cannot be decoded: {detail}."


def encode(value: Any) -> bytes:
    """Canonical bytes of a Struct, or of plain dicts, lists, strings, integers and bytes."""
    return _encoder.encode(value)


def digest(value: Any) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal: a name for exactly this content."""
    return hashlib.sha256(encode(value)).hexdigest()


@functools.cache
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(cast(Any, kind), strict=True)


def decode(data: bytes, kind: type[T]) -> T:
    """Decode what this node stored itself. Raises msgspec errors: they mean damage, not bad input."""
    value: T = _decoder(cast(Hashable, kind)).decode(data)
    return value


def decode_strict(data: bytes, kind: type[T]) -> T:
    """Decode what somebody sent: no coercion, no unknown field, and the bytes must equal their re-encoding.

    Raises Malformed or NotCanonical, whose texts name the field; never anything else.
    """
    try:
        value: T = _decoder(cast(Hashable, kind)).decode(data)
        again = _encoder.encode(value)
    except RecursionError:
        raise Malformed(detail="nested too deeply") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise Malformed(detail=str(error)) from None
    if again != data:
        raise NotCanonical()
    return value


def pack(numbers: Iterable[int]) -> bytes:
    """Long integer vectors travel as one base64 field: 8 bytes each, big-endian, signed (rule 1)."""
    values = list(numbers)
    return struct.pack(f">{len(values)}q", *values)


def unpack(data: bytes) -> tuple[int, ...]:
    """Inverse of `pack`. Raises Malformed for a broken length or a number beyond ±(2⁵³−1)."""
    if len(data) % 8:
        raise Malformed(detail="a packed vector is not a whole number of 8-byte integers")
    values: tuple[int, ...] = struct.unpack(f">{len(data) // 8}q", data)
    if values and (min(values) < -INTEGER_MAX or max(values) > INTEGER_MAX):
        raise Malformed(detail="a packed integer lies beyond ±(2^53-1)")
    return values
