"""Frames of blocks: what was packed comes back, what was not is refused by name. Signatures ahead."""

import random
from pathlib import Path

import pytest

from hansa.engines.ahead import verify_ahead
from hansa.engines.blocks import BlockData, pack_block, unpack_blocks
from hansa.kernel import limits, replace
from hansa.kernel.canonical import Malformed, NotCanonical
from hansa.kernel.evidence import Cosignature
from hansa.kernel.signatures import VerifiedCache
from tests.engines.conftest import made
from tests.kernel.room import Register


@pytest.fixture(scope="module")
def blocks() -> list[BlockData]:
    consortium = made(Path(":memory:"))
    client = consortium.client("maker")
    for size in (1, 3, 2):
        consortium.node.submit([client.sign(Register(tool=f"t{size}-{n}")) for n in range(size)])
    return [consortium.node.ledger.block(height) for height in (1, 2, 3)]


def test_blocks_come_back_as_they_were(blocks: list[BlockData]) -> None:
    cosigned = replace(
        blocks[0].header, cosignatures=(Cosignature(member="plant", suite=1, signature=bytes(64)),)
    )
    bare = replace(blocks[0], header=cosigned, wires=())
    for each in ([], blocks, blocks[:1], [bare], [bare, *blocks]):
        assert unpack_blocks(b"".join(map(pack_block, each))) == each


def test_every_broken_frame_is_refused_by_name(blocks: list[BlockData]) -> None:
    whole = b"".join(map(pack_block, blocks))
    chance = random.Random(7)
    refused = 0
    for _ in range(3_000):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            kind = chance.randrange(4)
            at = chance.randrange(len(data))
            if kind == 0:
                data[at] = chance.randrange(256)
            elif kind == 1:
                del data[at : at + chance.randrange(1, 40)]
            elif kind == 2:
                data[at:at] = chance.randbytes(chance.randrange(1, 9))
            else:
                data = data[: at + 1]
        try:
            found = unpack_blocks(bytes(data))
        except (Malformed, NotCanonical):
            refused += 1
        else:  # It then is a sequence of blocks, though perhaps another one.
            assert b"".join(map(pack_block, found)) == data
    assert refused > 1_500


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"\x00\x00\x00\x01",
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x04\x00\x00\x00\x00",
        b"\xff\xff\xff\xff" + bytes(100),
        b"\x00\x00\x00\x08" + bytes(8),
    ],
)
def test_short_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        unpack_blocks(data)


def test_a_block_larger_than_the_rules_allow_is_refused(
    blocks: list[BlockData], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BLOCK_TRANSACTIONS_MAX", 2)
    with pytest.raises(Malformed, match="larger"):
        unpack_blocks(pack_block(blocks[1]))
    monkeypatch.setattr(limits, "BLOCK_TRANSACTIONS_MAX", 3)
    monkeypatch.setattr(limits, "BLOCK_BYTES_MAX", 500)
    with pytest.raises(Malformed, match="larger"):
        unpack_blocks(pack_block(blocks[1]))
    monkeypatch.setattr("hansa.engines.blocks.HEAD_BYTES_MAX", 100)
    with pytest.raises(Malformed, match="header"):
        unpack_blocks(pack_block(replace(blocks[1], wires=())))


def test_signatures_are_checked_ahead_and_nothing_is_decided(tmp_path: Path) -> None:
    consortium = made(tmp_path / "ledger.db")
    client = consortium.client("maker")
    good = client.sign(Register(tool="a"))
    bad = good[:1] + bytes(64) + good[65:]
    stranger = good.replace(b'"member":"maker"', b'"member":"rival"')
    odd = good.replace(b'"member":"maker"', b'"member":"a\\u0000b"')
    verified, reader = VerifiedCache(), consortium.node.reader()
    verify_ahead(reader, verified, [b"", b"x" * 70, b"[" * 5_000, bad, stranger, odd, good])
    assert len(verified._known) == 1
    verify_ahead(reader, consortium.node.verified, [good])
    assert len(consortium.node.verified._known) == 1
    assert consortium.node.submit([good])[0].code == "ok"
    reader.close()
    consortium.close()
