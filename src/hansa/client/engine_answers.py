"""Commits and validator sets as the engine's RPC tells them (CometBFT 0.38), as evidence carries them."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from hansa.kernel.commit import (
    ABSENT,
    BlockId,
    Commit,
    EngineHeader,
    Parts,
    Precommit,
    Seat,
)
from hansa.kernel.refusal import Refusal, shown

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EngineAnswerUnusable(Refusal, code="engine.answer_unusable", field="answer"):
    zh = "共识引擎的应答无法使用：{detail}。请用 hansa engine check 检查引擎版本，并查看引擎日志。"
    en = (
        "The engine's answer cannot be used: {detail}. Check the engine's version with `hansa engine check`, "
        "and look into its log."
    )


class _Parts(msgspec.Struct):
    total: int
    hash: str


class _BlockId(msgspec.Struct):
    hash: str
    parts: _Parts


class _Version(msgspec.Struct):
    block: str = "0"
    app: str = "0"


class _Header(msgspec.Struct):
    version: _Version
    chain_id: str
    height: str
    time: str
    last_block_id: _BlockId
    last_commit_hash: str
    data_hash: str
    validators_hash: str
    next_validators_hash: str
    consensus_hash: str
    app_hash: str
    last_results_hash: str
    evidence_hash: str
    proposer_address: str


class _Signature(msgspec.Struct):
    block_id_flag: int
    validator_address: str
    timestamp: str
    signature: bytes | None


class _Commit(msgspec.Struct):
    height: str
    round: int
    block_id: _BlockId
    signatures: tuple[_Signature, ...]


class _SignedHeader(msgspec.Struct):
    header: _Header
    commit: _Commit


class _CommitResult(msgspec.Struct):
    signed_header: _SignedHeader
    canonical: bool = False


class _Key(msgspec.Struct):
    type: str
    value: bytes


class _Validator(msgspec.Struct):
    pub_key: _Key
    voting_power: str


class _ValidatorsResult(msgspec.Struct):
    validators: tuple[_Validator, ...]
    total: str = "0"


def commit_of(result: bytes) -> Commit:
    """The commit in the `result` of RPC `commit`, as canonical Struct. Raises EngineAnswerUnusable."""
    try:
        signed = msgspec.json.decode(result, type=_CommitResult).signed_header
        found = Commit(
            header=_header(signed.header),
            parts=_parts(signed.commit.block_id.parts),
            votes=tuple(_vote(one) for one in signed.commit.signatures),
            round=signed.commit.round,
        )
        return msgspec.convert(msgspec.to_builtins(found), Commit)  # Constructors do not look at bounds.
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise EngineAnswerUnusable(detail=shown(str(error))) from None


def seats_of(result: bytes) -> tuple[tuple[Seat, ...], int]:
    """Seats in a page of RPC `validators`, without names, and how many there are in all pages.

    Raises EngineAnswerUnusable.
    """
    try:
        page = msgspec.json.decode(result, type=_ValidatorsResult)
        seats = tuple(Seat("", one.pub_key.value, int(one.voting_power)) for one in page.validators)
        if not seats:
            raise ValueError("no validator")
        if any(one.pub_key.type != "tendermint/PubKeyEd25519" for one in page.validators):
            raise ValueError("a validator's key is not Ed25519")
        return seats, int(page.total)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise EngineAnswerUnusable(detail=shown(str(error))) from None


def _header(given: _Header) -> EngineHeader:
    seconds, nanoseconds = _instant(given.time)
    last = given.last_block_id
    return EngineHeader(
        app_hash=given.app_hash.lower(),
        chain_id=given.chain_id,
        consensus_hash=given.consensus_hash.lower(),
        data_hash=given.data_hash.lower(),
        evidence_hash=given.evidence_hash.lower(),
        height=int(given.height),
        last_block=BlockId(hash=last.hash.lower(), parts=_parts(last.parts)) if last.hash else None,
        last_commit_hash=given.last_commit_hash.lower(),
        last_results_hash=given.last_results_hash.lower(),
        next_validators_hash=given.next_validators_hash.lower(),
        proposer=given.proposer_address.lower(),
        time_ns=nanoseconds,
        time_s=seconds,
        validators_hash=given.validators_hash.lower(),
        version_app=int(given.version.app),
        version_block=int(given.version.block),
    )


def _parts(given: _Parts) -> Parts:
    return Parts(hash=given.hash.lower(), total=given.total)


def _vote(given: _Signature) -> Precommit:
    if given.block_id_flag == ABSENT:
        return Precommit(flag=ABSENT)
    seconds, nanoseconds = _instant(given.timestamp)
    return Precommit(
        flag=given.block_id_flag,
        address=given.validator_address.lower(),
        signature=given.signature or b"",
        time_ns=nanoseconds,
        time_s=seconds,
    )


def _instant(text: str) -> tuple[int, int]:
    """Seconds since the epoch, and nanoseconds of the second: finer than Python's own times."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"no time: {text[:40]}")
    *parts, fraction = found.groups()
    year, month, day, hour, minute, second = (int(part) for part in parts)
    whole = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - _EPOCH
    return whole.days * 86_400 + whole.seconds, int((fraction or "").ljust(9, "0"))


def reply_of(answer: bytes) -> bytes:
    """The raw `result` of a JSON-RPC answer. Raises EngineAnswerUnusable, also where the engine refused."""
    try:
        reply = msgspec.json.decode(answer, type=_Reply)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise EngineAnswerUnusable(detail=shown(str(error))) from None
    if reply.error is not None or bytes(reply.result) in (b"", b"null"):
        raise EngineAnswerUnusable(detail=shown(str(reply.error)))
    return bytes(reply.result)


class _Reply(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"")
    error: Any = None
