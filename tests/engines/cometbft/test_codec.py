"""The codec against Google's protobuf, both ways; and against bytes that are no message at all."""

import typing
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft import wire
from hansa.engines.cometbft.codec import read_answer, read_request, write
from hansa.engines.cometbft.errors import FrameUnfit
from hansa.engines.cometbft.founding import BLOCK_BYTES_MAX
from tests.engines.cometbft import oracle

KINDS = [*typing.get_args(abci.Request), *typing.get_args(abci.Answer)]
UINT32 = {"format", "chunks", "chunk", "chunk_index", "code"}
INT32 = {"type", "result", "status"}
UINT64 = {"block_version", "p2p_version", "app_version"}


def values(kind: type[Any], name: str, hint: Any) -> some.SearchStrategy[Any]:
    """Any value of a field, as far as its protobuf type goes: negative numbers and long ones too."""
    if name == "time_ns":
        return some.integers(-62_135_596_800 * 10**9, 2**62)
    if typing.get_origin(hint) is tuple:
        each = typing.get_args(hint)[0]
        inner = some.integers(0, 2**32 - 1) if name == "refetch_chunks" else values(kind, "", each)
        return some.lists(inner, max_size=4).map(tuple)
    if isinstance(hint, type) and issubclass(hint, tuple):
        return messages(hint)
    if hint is bytes:
        return some.binary(max_size=200)
    if hint is str:
        return some.text(max_size=40)
    if hint is bool:
        return some.booleans()
    if name in UINT32:
        return some.integers(0, 2**32 - 1)
    if name in INT32:
        return some.integers(-(2**31), 2**31 - 1)
    unsigned = name in UINT64 or (name == "height" and kind in (abci.Snapshot, abci.LoadSnapshotChunk))
    return some.integers(0, 2**64 - 1) if unsigned else some.integers(-(2**63), 2**63 - 1)


def messages(kind: type[Any]) -> some.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    return some.builds(kind, **{name: values(kind, name, hints[name]) for name in kind._fields})


def read_back(kind: type[Any], data: bytes) -> Any:
    return read_request(data) if kind in typing.get_args(abci.Request) else read_answer(data)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_both_codecs_say_the_same(kind: type[Any]) -> None:
    @settings(max_examples=40, deadline=None)
    @given(messages(kind))
    def same(ours: Any) -> None:
        data = write(ours)
        theirs = oracle.theirs(ours)
        assert data == theirs.SerializeToString(deterministic=True)
        assert read_back(kind, data) == ours
        again = type(theirs)()
        again.ParseFromString(data)
        assert again == theirs

    same()


def test_a_negative_number_takes_ten_bytes() -> None:
    """`max_gas` is −1 in every InitChain."""
    assert wire.varint(-1) == b"\xff" * 9 + b"\x01"
    assert wire.signed(wire.read_varint(wire.varint(-1), 0)[0]) == -1


def test_bits_beyond_64_are_cut_off() -> None:
    assert wire.read_varint(b"\xff" * 9 + b"\x7f", 0) == (2**64 - 1, 10)


def test_fields_that_we_do_not_use_are_skipped() -> None:
    theirs = oracle.REQUEST()
    asked = theirs.init_chain
    asked.chain_id = "c"
    asked.consensus_params.block.max_gas = -1
    asked.time.seconds = 5
    assert read_request(theirs.SerializeToString()) == abci.InitChain(time_ns=5 * 10**9, chain_id="c")
    block = oracle.REQUEST()
    block.finalize_block.decided_last_commit.votes.add().validator.power = 3
    block.finalize_block.txs.append(b"")
    assert read_request(block.SerializeToString()) == abci.FinalizeBlock(txs=(b"",))


def test_fields_of_a_future_are_skipped_whatever_their_kind() -> None:
    inner = b"".join(
        (b"\x0a\x01x", b"\xa0\x06\x07", b"\xa1\x06" + bytes(8), b"\xa5\x06" + bytes(4), b"\xa2\x06\x01y")
    )
    data = bytes((8 << 3 | 2, len(inner))) + inner
    assert read_request(data) == abci.CheckTx(tx=b"x")


def test_a_field_of_another_kind_than_agreed_says_nothing() -> None:
    assert read_request(b"\x42\x02\x08\x05") == abci.CheckTx()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x42",
        b"\x42\x05\x0a",
        b"\x42\x03\x0a\x05x",
        b"\x08\x05",
        b"\xff" * 11,
        b"\x43\x00",
        b"\x02\x00",
        b"\x1a\x03\x0a\x01\xff",
        b"\xfa\x3f\x00",
        b"\x42\x02\x02\x00",
    ],
    ids=lambda data: data.hex()[:24] or "empty",
)
def test_what_is_no_request_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(FrameUnfit):
        read_request(data)


@settings(max_examples=400, deadline=None)
@given(some.binary(max_size=300))
def test_random_bytes_do_nothing_worse(data: bytes) -> None:
    for read in (read_request, read_answer):
        with suppress(FrameUnfit):
            read(data)


@settings(max_examples=300, deadline=None)
@given(some.sampled_from(KINDS).flatmap(messages), some.data())
def test_damaged_messages_do_nothing_worse(message: Any, data: some.DataObject) -> None:
    whole = bytearray(write(message))
    for _ in range(data.draw(some.integers(1, 4))):
        place = data.draw(some.integers(0, len(whole) - 1))
        whole[place] = data.draw(some.integers(0, 255))
    cut = bytes(whole[: data.draw(some.integers(0, len(whole)))])
    with suppress(FrameUnfit):
        read_back(type(message), cut)


def test_a_block_of_as_many_transactions_as_the_engine_lets_pass_can_be_read() -> None:
    """Empty ones take two bytes each. Who cannot read a proposal loses its engine, now and at each start."""
    txs = (b"",) * (BLOCK_BYTES_MAX // 2)
    asked = read_request(write(abci.ProcessProposal(txs=txs, height=2)))
    assert asked == abci.ProcessProposal(txs=txs, height=2)


def test_a_message_of_very_many_fields_is_refused() -> None:
    with pytest.raises(FrameUnfit):
        read_request(b"\x42" + wire.framed(b"\x0a\x00" * (wire.FIELDS_MAX + 1)))


# Frames.


@settings(max_examples=100, deadline=None)
@given(some.lists(some.binary(max_size=300), max_size=6), some.data())
def test_frames_come_out_whole_however_they_arrive(parts: list[bytes], data: some.DataObject) -> None:
    stream = b"".join(map(wire.framed, parts))
    buffer, found = bytearray(), []
    at = 0
    while at < len(stream):
        step = data.draw(some.integers(1, 100))
        buffer += stream[at : at + step]
        at += step
        found += list(wire.frames(buffer))
    assert found == parts
    assert not buffer


def test_a_frame_beyond_the_bound_is_refused_before_it_came() -> None:
    buffer = bytearray(wire.framed(b"x") + wire.varint(wire.FRAME_BYTES_MAX + 1))
    found = []
    with pytest.raises(FrameUnfit):
        found += wire.frames(buffer)
    with pytest.raises(FrameUnfit):
        list(wire.frames(bytearray(b"\xff" * 10)))
