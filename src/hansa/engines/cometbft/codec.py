"""Messages to bytes and back: one table says which field of protobuf is which field of ours.

Unknown fields are skipped, a repeated single field counts as its last, a missing one is its default: as
protobuf has it. Nothing that comes in can do more than raise FrameUnfit.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.errors import FrameUnfit
from hansa.engines.cometbft.wire import BYTES, VARINT, fields, read_varint, signed, varint

NS_PER_S = 10**9
UINT32_MAX = 2**32 - 1


class _Kind(NamedTuple):
    """How a value travels: `write` gives what follows the tag, None for a default, which is left out."""

    wire: int
    read: Callable[[Any], Any]
    write: Callable[[Any], bytes | None]


class _Field(NamedTuple):
    name: str
    kind: _Kind
    many: bool = False


def _long(data: bytes) -> bytes:
    return varint(len(data)) + data


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise FrameUnfit(detail="a text is not UTF-8") from None


def _unpacked(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        try:
            value, at = read_varint(data, at)
        except IndexError:
            raise FrameUnfit(detail="a list of numbers ends in the middle") from None
        yield value & UINT32_MAX


def _packed(values: tuple[int, ...]) -> bytes:
    return _long(b"".join(map(varint, values))) if values else b""


_INT = _Kind(VARINT, signed, lambda value: varint(value) if value else None)
_UINT32 = _Kind(VARINT, lambda value: value & UINT32_MAX, _INT.write)
_UINT32S = _Kind(BYTES, lambda data: tuple(_unpacked(data)), lambda values: _packed(values) or None)
_UINT64 = _Kind(VARINT, int, _INT.write)
_BOOL = _Kind(VARINT, bool, _INT.write)
_BYTES = _Kind(BYTES, bytes, lambda data: _long(data) if data else None)
_STRING = _Kind(BYTES, _text, lambda text: _long(text.encode()) if text else None)


def _read_time(data: bytes) -> int:
    found = {number: signed(value) for number, value in fields(data) if isinstance(value, int)}
    return found.get(1, 0) * NS_PER_S + found.get(2, 0)


def _write_time(time_ns: int) -> bytes:
    seconds, ns = divmod(time_ns, NS_PER_S)
    parts = (b"\x08" + varint(seconds) if seconds else b"", b"\x10" + varint(ns) if ns else b"")
    return _long(b"".join(parts))


_TIME = _Kind(BYTES, _read_time, _write_time)


def _message(kind: type[Any]) -> _Kind:
    """A message within another; written also where it is empty, as the engine does."""
    return _Kind(BYTES, lambda data: _read(kind, data), lambda value: _long(_write(value)))


_LAYOUT: dict[type[Any], dict[int, _Field]] = {}


def _has(kind: type[Any], **places: tuple[int, _Kind] | tuple[int, _Kind, bool]) -> None:
    _LAYOUT[kind] = {place[0]: _Field(name, *place[1:]) for name, place in places.items()}
    assert all(name in kind._fields for name in places), kind


_has(abci.Validator, address=(1, _BYTES), power=(3, _INT))
_has(abci.PublicKey, ed25519=(1, _BYTES))
_has(abci.ValidatorUpdate, pub_key=(1, _message(abci.PublicKey)), power=(2, _INT))
_has(
    abci.Misbehavior,
    type=(1, _INT),
    validator=(2, _message(abci.Validator)),
    height=(3, _INT),
    time_ns=(4, _TIME),
    total_voting_power=(5, _INT),
)
_has(
    abci.Snapshot,
    height=(1, _UINT64),
    format=(2, _UINT32),
    chunks=(3, _UINT32),
    hash=(4, _BYTES),
    metadata=(5, _BYTES),
)
_has(abci.TxResult, code=(1, _UINT32))

# What the engine asks.
_has(abci.Echo, message=(1, _STRING))
_has(abci.Flush)
_has(
    abci.Info,
    version=(1, _STRING),
    block_version=(2, _UINT64),
    p2p_version=(3, _UINT64),
    abci_version=(4, _STRING),
)
_has(
    abci.InitChain,
    time_ns=(1, _TIME),
    chain_id=(2, _STRING),
    validators=(4, _message(abci.ValidatorUpdate), True),
    app_state_bytes=(5, _BYTES),
    initial_height=(6, _INT),
)
_has(abci.Query, data=(1, _BYTES), path=(2, _STRING), height=(3, _INT), prove=(4, _BOOL))
_has(abci.CheckTx, tx=(1, _BYTES), type=(2, _INT))
_has(abci.Commit)
_has(abci.ListSnapshots)
_has(abci.OfferSnapshot, snapshot=(1, _message(abci.Snapshot)), app_hash=(2, _BYTES))
_has(abci.LoadSnapshotChunk, height=(1, _UINT64), format=(2, _UINT32), chunk=(3, _UINT32))
_has(abci.ApplySnapshotChunk, chunk_index=(1, _UINT32), chunk=(2, _BYTES), sender=(3, _STRING))
_has(
    abci.PrepareProposal,
    max_tx_bytes=(1, _INT),
    txs=(2, _BYTES, True),
    misbehavior=(4, _message(abci.Misbehavior), True),
    height=(5, _INT),
    time_ns=(6, _TIME),
    next_validators_hash=(7, _BYTES),
    proposer_address=(8, _BYTES),
)
for _kind in (abci.ProcessProposal, abci.FinalizeBlock):
    _has(
        _kind,
        txs=(1, _BYTES, True),
        misbehavior=(3, _message(abci.Misbehavior), True),
        hash=(4, _BYTES),
        height=(5, _INT),
        time_ns=(6, _TIME),
        next_validators_hash=(7, _BYTES),
        proposer_address=(8, _BYTES),
    )
_has(abci.ExtendVote, hash=(1, _BYTES), height=(2, _INT))
_has(
    abci.VerifyVoteExtension,
    hash=(1, _BYTES),
    validator_address=(2, _BYTES),
    height=(3, _INT),
    vote_extension=(4, _BYTES),
)

# What the application answers.
_has(abci.ExceptionAnswer, error=(1, _STRING))
_has(abci.EchoAnswer, message=(1, _STRING))
_has(abci.FlushAnswer)
_has(
    abci.InfoAnswer,
    data=(1, _STRING),
    version=(2, _STRING),
    app_version=(3, _UINT64),
    last_block_height=(4, _INT),
    last_block_app_hash=(5, _BYTES),
)
_has(abci.InitChainAnswer, app_hash=(3, _BYTES))
_has(
    abci.QueryAnswer,
    code=(1, _UINT32),
    log=(3, _STRING),
    key=(6, _BYTES),
    value=(7, _BYTES),
    height=(9, _INT),
    codespace=(10, _STRING),
)
_has(abci.CheckTxAnswer, code=(1, _UINT32), data=(2, _BYTES), log=(3, _STRING), codespace=(8, _STRING))
_has(abci.CommitAnswer, retain_height=(3, _INT))
_has(abci.ListSnapshotsAnswer, snapshots=(1, _message(abci.Snapshot), True))
_has(abci.OfferSnapshotAnswer, result=(1, _INT))
_has(abci.LoadSnapshotChunkAnswer, chunk=(1, _BYTES))
_has(
    abci.ApplySnapshotChunkAnswer,
    result=(1, _INT),
    refetch_chunks=(2, _UINT32S),
    reject_senders=(3, _STRING, True),
)
_has(abci.PrepareProposalAnswer, txs=(1, _BYTES, True))
_has(abci.ProcessProposalAnswer, status=(1, _INT))
_has(abci.ExtendVoteAnswer, vote_extension=(1, _BYTES))
_has(abci.VerifyVoteExtensionAnswer, status=(1, _INT))
_has(
    abci.FinalizeBlockAnswer,
    tx_results=(2, _message(abci.TxResult), True),
    validator_updates=(3, _message(abci.ValidatorUpdate), True),
    app_hash=(5, _BYTES),
)

_REQUESTS: dict[int, type[Any]] = {
    1: abci.Echo,
    2: abci.Flush,
    3: abci.Info,
    5: abci.InitChain,
    6: abci.Query,
    8: abci.CheckTx,
    11: abci.Commit,
    12: abci.ListSnapshots,
    13: abci.OfferSnapshot,
    14: abci.LoadSnapshotChunk,
    15: abci.ApplySnapshotChunk,
    16: abci.PrepareProposal,
    17: abci.ProcessProposal,
    18: abci.ExtendVote,
    19: abci.VerifyVoteExtension,
    20: abci.FinalizeBlock,
}
_ANSWERS: dict[int, type[Any]] = {
    1: abci.ExceptionAnswer,
    2: abci.EchoAnswer,
    3: abci.FlushAnswer,
    4: abci.InfoAnswer,
    6: abci.InitChainAnswer,
    7: abci.QueryAnswer,
    9: abci.CheckTxAnswer,
    12: abci.CommitAnswer,
    13: abci.ListSnapshotsAnswer,
    14: abci.OfferSnapshotAnswer,
    15: abci.LoadSnapshotChunkAnswer,
    16: abci.ApplySnapshotChunkAnswer,
    17: abci.PrepareProposalAnswer,
    18: abci.ProcessProposalAnswer,
    19: abci.ExtendVoteAnswer,
    20: abci.VerifyVoteExtensionAnswer,
    21: abci.FinalizeBlockAnswer,
}
_NUMBERS = {kind: number for table in (_REQUESTS, _ANSWERS) for number, kind in table.items()}
"""Which field of the outer message each is."""


def read_request(data: bytes) -> abci.Request:
    """What the engine asks. Raises FrameUnfit."""
    return cast(abci.Request, _read_one(_REQUESTS, data))


def read_answer(data: bytes) -> abci.Answer:
    """What an application answered. Raises FrameUnfit."""
    return cast(abci.Answer, _read_one(_ANSWERS, data))


def write(message: abci.Request | abci.Answer) -> bytes:
    """A request or an answer in its outer message."""
    return varint(_NUMBERS[type(message)] << 3 | BYTES) + _long(_write(message))


def _read_one(kinds: dict[int, type[Any]], data: bytes) -> Any:
    found = [(number, value) for number, value in fields(data) if number in kinds]
    if not found or isinstance(found[-1][1], int):
        raise FrameUnfit(detail="a message of no known kind")
    number, value = found[-1]
    return _read(kinds[number], value)


def _read(kind: type[Any], data: Any) -> Any:
    layout = _LAYOUT[kind]
    single: dict[str, Any] = {}
    many: dict[str, list[Any]] = {}
    for number, value in fields(data):
        field = layout.get(number)
        if field is None or isinstance(value, int) != (field.kind.wire == VARINT):
            continue
        if field.many:
            many.setdefault(field.name, []).append(field.kind.read(value))
        else:
            single[field.name] = field.kind.read(value)
    return kind(**single, **{name: tuple(values) for name, values in many.items()})


def _write(message: Any) -> bytes:
    parts: list[bytes] = []
    for number, field in _LAYOUT[type(message)].items():
        value = getattr(message, field.name)
        tag = varint(number << 3 | field.kind.wire)
        if field.many:
            for each in value:
                parts += (tag, field.kind.write(each) or EMPTY)
        elif (written := field.kind.write(value)) is not None:
            parts += (tag, written)
    return b"".join(parts)


EMPTY = b"\x00"
"""A length of none, or the number 0: a default among many is written all the same."""
