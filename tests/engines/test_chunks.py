"""Chunks of a snapshot that somebody else made: what they ask of memory is bounded."""

import hashlib

import pytest

from hansa.engines import snapshot
from hansa.engines.snapshot import Broken, Chunk, unpack_chunk

ROW = b"\0\0\0\1k" + b"\0\0\0\0"


def chunk(data: bytes, rows: int) -> Chunk:
    name, digest = "records-000000.bin", hashlib.sha256(data).hexdigest()
    return Chunk(name=name, kind="records", rows=rows, size=len(data), sha256=digest, table="t")


def test_a_large_chunk_holds_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment a row costs two thousand times what the smallest one brings."""
    monkeypatch.setattr(snapshot, "CHUNK_BYTES_MAX", 10 * len(ROW))
    assert len(unpack_chunk(chunk(10 * ROW, 10), 10 * ROW)) == 10
    with pytest.raises(Broken, match="too many"):
        unpack_chunk(chunk(11 * ROW, 11), 11 * ROW)
    large = b"\0\0\0\1k" + b"\0\0\0\xff" + bytes(255)
    assert unpack_chunk(chunk(large, 1), large) == [(b"k", bytes(255))]


def test_rows_beyond_those_of_the_manifest_are_not_read() -> None:
    data = 3 * ROW + b"no row"
    for rows in (1, 2):
        with pytest.raises(Broken, match=f"not {rows}"):
            unpack_chunk(chunk(data, rows), data)
    with pytest.raises(Broken, match="length"):
        unpack_chunk(chunk(data, 4), data)
