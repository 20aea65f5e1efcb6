"""What the consensus engine and the application say to each other: ABCI 2.0 of CometBFT 0.38, as plain data.

Only fields that either side uses; the codec skips the others. Times are nanoseconds since the epoch, UTC.
Heights here are the engine's, which also counts blocks that leave no leaf in the log (rule 17).
Source: proto/tendermint/abci/types.proto of CometBFT 0.38.
"""

from enum import IntEnum
from typing import NamedTuple

NS_PER_MS = 1_000_000


class Validator(NamedTuple):
    """One of the validator set, by its address: the first 20 bytes of SHA-256 of its public key."""

    address: bytes = b""
    power: int = 0


class PublicKey(NamedTuple):
    """A consensus key. Ed25519 alone is in use."""

    ed25519: bytes = b""


class ValidatorUpdate(NamedTuple):
    """A new voting power, in force two engine heights later; 0 takes the validator out of the set."""

    pub_key: PublicKey = PublicKey()
    power: int = 0


class MisbehaviorType(IntEnum):
    UNKNOWN = 0
    DUPLICATE_VOTE = 1
    LIGHT_CLIENT_ATTACK = 2


class Misbehavior(NamedTuple):
    """What the engine proved of a validator: it signed two things that contradict each other."""

    type: int = 0
    validator: Validator = Validator()
    height: int = 0
    time_ns: int = 0
    total_voting_power: int = 0


class Snapshot(NamedTuple):
    """A snapshot as it is offered from node to node. Equal hashes mean equal snapshots."""

    height: int = 0
    format: int = 0
    chunks: int = 0
    hash: bytes = b""
    metadata: bytes = b""


# What the engine asks.


class Echo(NamedTuple):
    message: str = ""


class Flush(NamedTuple):
    """Asks that all answers so far be sent."""


class Info(NamedTuple):
    version: str = ""
    """Of the engine's program."""
    block_version: int = 0
    p2p_version: int = 0
    abci_version: str = ""


class InitChain(NamedTuple):
    time_ns: int = 0
    chain_id: str = ""
    validators: tuple[ValidatorUpdate, ...] = ()
    app_state_bytes: bytes = b""
    initial_height: int = 0


class Query(NamedTuple):
    data: bytes = b""
    path: str = ""
    height: int = 0
    prove: bool = False


class CheckTx(NamedTuple):
    tx: bytes = b""
    type: int = 0
    """0: new; 1: looked at again after a block."""


class Commit(NamedTuple):
    """Asks that the block last finalized be made durable."""


class ListSnapshots(NamedTuple):
    pass


class OfferSnapshot(NamedTuple):
    snapshot: Snapshot = Snapshot()
    app_hash: bytes = b""
    """After the snapshot's height, checked by the engine's light client."""


class LoadSnapshotChunk(NamedTuple):
    height: int = 0
    format: int = 0
    chunk: int = 0


class ApplySnapshotChunk(NamedTuple):
    chunk_index: int = 0
    chunk: bytes = b""
    sender: str = ""
    """The peer that sent it."""


class PrepareProposal(NamedTuple):
    max_tx_bytes: int = 0
    txs: tuple[bytes, ...] = ()
    misbehavior: tuple[Misbehavior, ...] = ()
    height: int = 0
    time_ns: int = 0
    next_validators_hash: bytes = b""
    proposer_address: bytes = b""


class ProcessProposal(NamedTuple):
    txs: tuple[bytes, ...] = ()
    misbehavior: tuple[Misbehavior, ...] = ()
    hash: bytes = b""
    height: int = 0
    time_ns: int = 0
    next_validators_hash: bytes = b""
    proposer_address: bytes = b""


class ExtendVote(NamedTuple):
    hash: bytes = b""
    height: int = 0


class VerifyVoteExtension(NamedTuple):
    hash: bytes = b""
    validator_address: bytes = b""
    height: int = 0
    vote_extension: bytes = b""


class FinalizeBlock(NamedTuple):
    txs: tuple[bytes, ...] = ()
    misbehavior: tuple[Misbehavior, ...] = ()
    hash: bytes = b""
    height: int = 0
    time_ns: int = 0
    next_validators_hash: bytes = b""
    proposer_address: bytes = b""


Request = (
    Echo
    | Flush
    | Info
    | InitChain
    | Query
    | CheckTx
    | Commit
    | ListSnapshots
    | OfferSnapshot
    | LoadSnapshotChunk
    | ApplySnapshotChunk
    | PrepareProposal
    | ProcessProposal
    | ExtendVote
    | VerifyVoteExtension
    | FinalizeBlock
)

# What the application answers.


class ExceptionAnswer(NamedTuple):
    """Ends the connection, and with it the engine."""

    error: str = ""


class EchoAnswer(NamedTuple):
    message: str = ""


class FlushAnswer(NamedTuple):
    pass


class InfoAnswer(NamedTuple):
    data: str = ""
    version: str = ""
    app_version: int = 0
    last_block_height: int = 0
    """Of the last block that is durable; 0 before the first."""
    last_block_app_hash: bytes = b""


class InitChainAnswer(NamedTuple):
    app_hash: bytes = b""


class QueryAnswer(NamedTuple):
    code: int = 0
    log: str = ""
    key: bytes = b""
    value: bytes = b""
    height: int = 0
    codespace: str = ""


class CheckTxAnswer(NamedTuple):
    code: int = 0
    """0: it may wait for a block."""
    data: bytes = b""
    log: str = ""
    """Where it is refused: the canonical JSON of a Receipt of height 0, with both texts."""
    codespace: str = ""
    """Where it is refused: the code of the refusal."""


class CommitAnswer(NamedTuple):
    retain_height: int = 0
    """Blocks below it may be dropped by the engine; 0: keep all."""


class ListSnapshotsAnswer(NamedTuple):
    snapshots: tuple[Snapshot, ...] = ()


class Offer(IntEnum):
    """What becomes of an offered snapshot."""

    UNKNOWN = 0
    ACCEPT = 1
    ABORT = 2
    REJECT = 3
    REJECT_FORMAT = 4
    REJECT_SENDER = 5


class OfferSnapshotAnswer(NamedTuple):
    result: int = Offer.UNKNOWN


class LoadSnapshotChunkAnswer(NamedTuple):
    chunk: bytes = b""


class Apply(IntEnum):
    """What becomes of a chunk of a snapshot."""

    UNKNOWN = 0
    ACCEPT = 1
    ABORT = 2
    RETRY = 3
    RETRY_SNAPSHOT = 4
    REJECT_SNAPSHOT = 5


class ApplySnapshotChunkAnswer(NamedTuple):
    result: int = Apply.UNKNOWN
    refetch_chunks: tuple[int, ...] = ()
    reject_senders: tuple[str, ...] = ()


class PrepareProposalAnswer(NamedTuple):
    txs: tuple[bytes, ...] = ()


class Status(IntEnum):
    """What a validator says of a proposal."""

    UNKNOWN = 0
    ACCEPT = 1
    REJECT = 2


class ProcessProposalAnswer(NamedTuple):
    status: int = Status.UNKNOWN


class ExtendVoteAnswer(NamedTuple):
    vote_extension: bytes = b""


class VerifyVoteExtensionAnswer(NamedTuple):
    status: int = Status.UNKNOWN


class TxResult(NamedTuple):
    """Part of what the next header commits to: a code and nothing else, so that all nodes say the same."""

    code: int = 0
    """0: the transaction used its sequence, whatever became of it; else the engine forgets its bytes."""


class FinalizeBlockAnswer(NamedTuple):
    tx_results: tuple[TxResult, ...] = ()
    validator_updates: tuple[ValidatorUpdate, ...] = ()
    app_hash: bytes = b""


Answer = (
    ExceptionAnswer
    | EchoAnswer
    | FlushAnswer
    | InfoAnswer
    | InitChainAnswer
    | QueryAnswer
    | CheckTxAnswer
    | CommitAnswer
    | ListSnapshotsAnswer
    | OfferSnapshotAnswer
    | LoadSnapshotChunkAnswer
    | ApplySnapshotChunkAnswer
    | PrepareProposalAnswer
    | ProcessProposalAnswer
    | ExtendVoteAnswer
    | VerifyVoteExtensionAnswer
    | FinalizeBlockAnswer
)
