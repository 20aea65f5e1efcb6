"""Headers and commits of CometBFT 0.38, read and counted without the engine (rule 28).

A header is a tree of RFC 6962 over the protobuf bytes of its fourteen fields; a commit holds, for each seat
of a validator set in the set's own order, a signed vote for the header's hash, one for no block, or none.
What is said here follows the published specification (spec/core, v0.38); all integers stay below 2⁵³.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec

from hansa.kernel import merkle
from hansa.kernel.facts import address
from hansa.kernel.signatures import ED25519, verify
from hansa.kernel.types import INTEGER_MAX, Integer, Natural, Positive, Struct, replace

COMMIT = 16
"""Suite of a header that no single key signs: its commit proves it (seat of the suite, rule 4)."""
SEATS_MAX = 256
"""Of a validator set: bounds the work that a stranger's file asks for."""
POWER_MAX = INTEGER_MAX
"""Of all seats together; the engine's own bound (2⁶⁰) is higher."""
CHAIN_ID_LENGTH = 50
"""Of the engine's chain id: that many of the first characters of the chain's id."""
ABSENT, FOR_BLOCK, FOR_NIL = 1, 2, 3
"""Block id flags: no vote came, a vote for the block, a vote for no block."""
PRECOMMIT = 2

Hex = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{2}){0,32}\Z", max_length=64)]
"""Up to 32 bytes, lower-case hexadecimal."""
Address = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{40})?\Z", max_length=40)]
"""First 20 bytes of the SHA-256 of a consensus key, lower-case hexadecimal; "" where there is none."""
Nanoseconds = Annotated[int, msgspec.Meta(ge=0, le=999_999_999)]

FaultKind = Literal["chain", "set", "seats", "twice", "address", "signature", "too_few"]


class Parts(Struct):
    """How a block was cut into parts: a vote names it beside the block's hash."""

    hash: Hex
    total: Natural


class BlockId(Struct):
    hash: Hex
    parts: Parts


class EngineHeader(Struct):
    """A block's header as the engine's validators vote on its hash. Its time is `time_s` and `time_ns`."""

    app_hash: Hex
    chain_id: Annotated[str, msgspec.Meta(max_length=CHAIN_ID_LENGTH)]
    consensus_hash: Hex
    data_hash: Hex
    evidence_hash: Hex
    height: Positive
    """Of the engine: it counts blocks that leave no leaf, too."""
    last_commit_hash: Hex
    last_results_hash: Hex
    next_validators_hash: Hex
    proposer: Address
    time_s: Natural
    validators_hash: Hex
    version_block: Natural
    last_block: BlockId | None = None
    """None of the first block."""
    time_ns: Nanoseconds = 0
    """Of the second."""
    version_app: Natural = 0

    @property
    def time_ms(self) -> int:
        """Milliseconds since the epoch, rounded down: the time of Hansa's block."""
        return self.time_s * 1_000 + self.time_ns // 1_000_000


class Precommit(Struct):
    """What one seat said about the block. The fields are empty where nothing came."""

    flag: Annotated[int, msgspec.Meta(ge=1, le=3)]
    address: Address = ""
    signature: bytes = b""
    time_ns: Nanoseconds = 0
    time_s: Integer = 0


class Commit(Struct):
    """A header of the engine, and the votes for it in the order of its validator set."""

    header: EngineHeader
    parts: Parts
    votes: tuple[Precommit, ...]
    round: Natural = 0


class Seat(NamedTuple):
    """A validator: whose node it is, its Ed25519 consensus key, and its voting power."""

    member: str
    public: bytes
    power: int

    @property
    def address(self) -> str:
        return address(self.public)


class CommitFault(NamedTuple):
    """What is wrong with a commit, and at whose seat."""

    kind: FaultKind
    member: str = ""


class Count(NamedTuple):
    """Whose true votes a commit bears, with what power of the whole; and all that is wrong with it."""

    members: tuple[str, ...]
    power: int
    whole: int
    faults: tuple[CommitFault, ...]

    @property
    def holds(self) -> bool:
        """More than two thirds of the power voted for the block, and nothing in it is false."""
        return not self.faults and enough(self.power, self.whole)


def enough(power: int, whole: int) -> bool:
    """Whether it is more than two thirds."""
    return whole > 0 and 3 * power > 2 * whole


def chain_id_of(chain: str) -> str:
    """The engine's name of a chain."""
    return chain[:CHAIN_ID_LENGTH]


def ordered(seats: Iterable[Seat]) -> tuple[Seat, ...]:
    """A set in its own order: most power first, of equal power by address."""
    return tuple(sorted(seats, key=lambda seat: (-seat.power, seat.address)))


def can_stand(seats: Sequence[Seat]) -> bool:
    """Whether this is a set: 1 … SEATS_MAX seats, each key once, all with power, together within bounds."""
    return (
        0 < len(seats) <= SEATS_MAX
        and len(dict.fromkeys(seat.public for seat in seats)) == len(seats)
        and all(len(seat.public) == 32 and seat.power > 0 for seat in seats)
        and sum(seat.power for seat in seats) <= POWER_MAX
    )


def validators_hash(seats: Iterable[Seat]) -> str:
    """What a header calls its validator set, hexadecimal: a tree over keys and powers in the set's order."""
    return _tree(
        _data(1, _data(1, seat.public), always=True) + _number(2, seat.power) for seat in ordered(seats)
    )


def header_hash(header: EngineHeader) -> str:
    """The block's hash, hexadecimal: what is voted on."""
    texts = (
        header.last_commit_hash,
        header.data_hash,
        header.validators_hash,
        header.next_validators_hash,
        header.consensus_hash,
        header.app_hash,
        header.last_results_hash,
        header.evidence_hash,
        header.proposer,
    )
    return _tree(
        (
            _number(1, header.version_block) + _number(2, header.version_app),
            _data(1, header.chain_id.encode()),
            _number(1, header.height),
            _time(header.time_s, header.time_ns),
            _block_id(header.last_block),
            *(_data(1, bytes.fromhex(text)) for text in texts),
        )
    )


def vote_bytes(commit: Commit, vote: Precommit, block_hash: str = "") -> bytes:
    """What a seat signs: its precommit as the engine writes it. `block_hash`: the header's, if known."""
    header = commit.header
    body = _number(1, PRECOMMIT) + _fixed(2, header.height) + _fixed(3, commit.round)
    if vote.flag == FOR_BLOCK:
        named = BlockId(hash=block_hash or header_hash(header), parts=commit.parts)
        body += _data(4, _block_id(named), always=True)
    body += _data(5, _time(vote.time_s, vote.time_ns), always=True) + _data(6, header.chain_id.encode())
    return _varint(len(body)) + body


def counted(commit: Commit, seats: Sequence[Seat], chain: str) -> Count:
    """Who of a set voted for the block of this commit. `chain`: id of Hansa's chain, 64 characters.

    Nothing false is let pass, even where the others are enough: a vote that came is its own seat's, with a
    true signature, for the block or for none. Votes for no block have no power here.
    """
    seats, header = ordered(seats), commit.header
    whole = sum(seat.power for seat in seats)
    if header.chain_id != chain_id_of(chain):
        return Count((), 0, whole, (CommitFault("chain"),))
    if not can_stand(seats) or validators_hash(seats) != header.validators_hash:
        return Count((), 0, whole, (CommitFault("set"),))
    if len(commit.votes) != len(seats):
        return Count((), 0, whole, (CommitFault("seats"),))
    given = Counter(vote.address for vote in commit.votes)
    block_hash = header_hash(header)
    faults: list[CommitFault] = []
    signed: list[Seat] = []
    for seat, vote in zip(seats, commit.votes, strict=True):
        kind = _fault(commit, seat, vote, given, block_hash)
        if kind is not None:
            faults.append(CommitFault(kind, seat.member))
        elif vote.flag == FOR_BLOCK:
            signed.append(seat)
    power = sum(seat.power for seat in signed)
    if not faults and not enough(power, whole):
        faults.append(CommitFault("too_few"))
    return Count(tuple(seat.member for seat in signed), power, whole, tuple(faults))


def _fault(
    commit: Commit, seat: Seat, vote: Precommit, given: Counter[str], block_hash: str
) -> FaultKind | None:
    if vote.flag == ABSENT:
        return None if vote == Precommit(flag=ABSENT) else "signature"
    if given[vote.address] > 1:
        return "twice"
    if vote.address != seat.address:
        return "address"
    message = vote_bytes(commit, vote, block_hash)
    return None if verify(ED25519, seat.public, vote.signature, message) else "signature"


def without_false_votes(commit: Commit, seats: Sequence[Seat]) -> Commit:
    """The same commit with no vote where one does not hold by rule 4: what a node hands on.

    The engine lets signatures pass that rule 4 refuses, so one seat alone could spoil what all others signed.
    """
    seats, block_hash = ordered(seats), header_hash(commit.header)
    none = Precommit(flag=ABSENT)
    given: Counter[str] = Counter()
    votes = tuple(
        none if vote.flag == ABSENT or _fault(commit, seat, vote, given, block_hash) else vote
        for seat, vote in zip(seats, commit.votes, strict=False)
    )
    return replace(commit, votes=votes)


def merged(commit: Commit, other: Commit, seats: Sequence[Seat]) -> Commit:
    """A commit with the true votes of two for the same block and round, as two nodes saw them.

    No node sees all votes. Where one of them is of another block or round, or has another number of seats,
    the first one is all there is.
    """
    first, second = (without_false_votes(each, seats) for each in (commit, other))
    same = (first.header, first.parts, first.round) == (second.header, second.parts, second.round)
    if not same or len(first.votes) != len(second.votes):
        return first
    pairs = zip(first.votes, second.votes, strict=True)
    return replace(first, votes=tuple(b if _weighs_more(b, a) else a for a, b in pairs))


def _weighs_more(vote: Precommit, other: Precommit) -> bool:
    """A vote for the block before one for none, and that before no vote."""
    order = (ABSENT, FOR_NIL, FOR_BLOCK)
    return order.index(vote.flag) > order.index(other.flag)


# Protobuf, as far as it is hashed or signed: fields of zero or nothing are left out unless `always`.


def _tree(leaves: Iterable[bytes]) -> str:
    return merkle.root([merkle.leaf_hash(leaf) for leaf in leaves]).hex()


def _varint(number: int) -> bytes:
    number &= 2**64 - 1  # A negative one is its two's complement of 64 bits.
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value) if value else b""


def _fixed(field: int, value: int) -> bytes:
    return _varint(field << 3 | 1) + value.to_bytes(8, "little", signed=True) if value else b""


def _data(field: int, value: bytes, *, always: bool = False) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value if value or always else b""


def _time(seconds: int, nanoseconds: int) -> bytes:
    return _number(1, seconds) + _number(2, nanoseconds)


def _block_id(block: BlockId | None) -> bytes:
    """The same bytes in a header and in a vote."""
    if block is None:
        return _data(2, b"", always=True)
    parts = _number(1, block.parts.total) + _data(2, bytes.fromhex(block.parts.hash))
    return _data(1, bytes.fromhex(block.hash)) + _data(2, parts, always=True)


__all__ = [
    "ABSENT",
    "COMMIT",
    "FOR_BLOCK",
    "FOR_NIL",
    "BlockId",
    "Commit",
    "CommitFault",
    "Count",
    "EngineHeader",
    "Parts",
    "Precommit",
    "Seat",
    "can_stand",
    "chain_id_of",
    "counted",
    "enough",
    "header_hash",
    "merged",
    "ordered",
    "validators_hash",
    "vote_bytes",
    "without_false_votes",
]
