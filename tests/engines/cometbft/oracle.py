"""ABCI's messages as Google's protobuf knows them: descriptors built here from the published definition.

`SCHEMA` is written from proto/tendermint/abci/types.proto of CometBFT 0.38 and shares nothing with the codec
that is tested; it also has the fields that Hansa does not use.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "oracle"
F = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    "string": F.TYPE_STRING,
    "bytes": F.TYPE_BYTES,
    "int32": F.TYPE_INT32,
    "int64": F.TYPE_INT64,
    "uint32": F.TYPE_UINT32,
    "uint64": F.TYPE_UINT64,
    "bool": F.TYPE_BOOL,
}

SCHEMA = """
Timestamp: int64 seconds 1, int32 nanos 2
PublicKey: bytes ed25519 1, bytes secp256k1 2
Validator: bytes address 1, int64 power 3
ValidatorUpdate: PublicKey pub_key 1, int64 power 2
VoteInfo: Validator validator 1, int32 block_id_flag 3
CommitInfo: int32 round 1, *VoteInfo votes 2
Misbehavior: int32 type 1, Validator validator 2, int64 height 3, Timestamp time 4, int64 total_voting_power 5
Snapshot: uint64 height 1, uint32 format 2, uint32 chunks 3, bytes hash 4, bytes metadata 5
BlockParams: int64 max_bytes 1, int64 max_gas 2
ConsensusParams: BlockParams block 1
EventAttribute: string key 1, string value 2, bool index 3
Event: string type 1, *EventAttribute attributes 2
ExecTxResult: uint32 code 1, bytes data 2, string log 3, int64 gas_wanted 5, *Event events 7

Echo: string message 1
Flush:
Info: string version 1, uint64 block_version 2, uint64 p2p_version 3, string abci_version 4
InitChain: Timestamp time 1, string chain_id 2, ConsensusParams consensus_params 3, \
*ValidatorUpdate validators 4, bytes app_state_bytes 5, int64 initial_height 6
Query: bytes data 1, string path 2, int64 height 3, bool prove 4
CheckTx: bytes tx 1, int32 type 2
Commit:
ListSnapshots:
OfferSnapshot: Snapshot snapshot 1, bytes app_hash 2
LoadSnapshotChunk: uint64 height 1, uint32 format 2, uint32 chunk 3
ApplySnapshotChunk: uint32 index 1, bytes chunk 2, string sender 3
PrepareProposal: int64 max_tx_bytes 1, *bytes txs 2, CommitInfo local_last_commit 3, \
*Misbehavior misbehavior 4, int64 height 5, Timestamp time 6, bytes next_validators_hash 7, \
bytes proposer_address 8
ProcessProposal: *bytes txs 1, CommitInfo proposed_last_commit 2, *Misbehavior misbehavior 3, bytes hash 4, \
int64 height 5, Timestamp time 6, bytes next_validators_hash 7, bytes proposer_address 8
ExtendVote: bytes hash 1, int64 height 2, Timestamp time 3, *bytes txs 4
VerifyVoteExtension: bytes hash 1, bytes validator_address 2, int64 height 3, bytes vote_extension 4
FinalizeBlock: *bytes txs 1, CommitInfo decided_last_commit 2, *Misbehavior misbehavior 3, bytes hash 4, \
int64 height 5, Timestamp time 6, bytes next_validators_hash 7, bytes proposer_address 8

ExceptionAnswer: string error 1
EchoAnswer: string message 1
FlushAnswer:
InfoAnswer: string data 1, string version 2, uint64 app_version 3, int64 last_block_height 4, \
bytes last_block_app_hash 5
InitChainAnswer: ConsensusParams consensus_params 1, *ValidatorUpdate validators 2, bytes app_hash 3
QueryAnswer: uint32 code 1, string log 3, string info 4, int64 index 5, bytes key 6, bytes value 7, \
int64 height 9, string codespace 10
CheckTxAnswer: uint32 code 1, bytes data 2, string log 3, string info 4, int64 gas_wanted 5, \
int64 gas_used 6, *Event events 7, string codespace 8
CommitAnswer: int64 retain_height 3
ListSnapshotsAnswer: *Snapshot snapshots 1
OfferSnapshotAnswer: int32 result 1
LoadSnapshotChunkAnswer: bytes chunk 1
ApplySnapshotChunkAnswer: int32 result 1, *uint32 refetch_chunks 2, *string reject_senders 3
PrepareProposalAnswer: *bytes txs 1
ProcessProposalAnswer: int32 status 1
ExtendVoteAnswer: bytes vote_extension 1
VerifyVoteExtensionAnswer: int32 status 1
FinalizeBlockAnswer: *Event events 1, *ExecTxResult tx_results 2, *ValidatorUpdate validator_updates 3, \
bytes app_hash 5

Request: Echo echo 1, Flush flush 2, Info info 3, InitChain init_chain 5, Query query 6, CheckTx check_tx 8, \
Commit commit 11, ListSnapshots list_snapshots 12, OfferSnapshot offer_snapshot 13, \
LoadSnapshotChunk load_snapshot_chunk 14, ApplySnapshotChunk apply_snapshot_chunk 15, \
PrepareProposal prepare_proposal 16, ProcessProposal process_proposal 17, ExtendVote extend_vote 18, \
VerifyVoteExtension verify_vote_extension 19, FinalizeBlock finalize_block 20
Answer: ExceptionAnswer exception 1, EchoAnswer echo 2, FlushAnswer flush 3, InfoAnswer info 4, \
InitChainAnswer init_chain 6, QueryAnswer query 7, CheckTxAnswer check_tx 9, CommitAnswer commit 12, \
ListSnapshotsAnswer list_snapshots 13, OfferSnapshotAnswer offer_snapshot 14, \
LoadSnapshotChunkAnswer load_snapshot_chunk 15, ApplySnapshotChunkAnswer apply_snapshot_chunk 16, \
PrepareProposalAnswer prepare_proposal 17, ProcessProposalAnswer process_proposal 18, \
ExtendVoteAnswer extend_vote 19, VerifyVoteExtensionAnswer verify_vote_extension 20, \
FinalizeBlockAnswer finalize_block 21
"""


def _built() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="oracle.proto", package=PACKAGE, syntax="proto3")
    for line in filter(None, SCHEMA.replace("\\\n", "").splitlines()):
        name, _, rest = line.partition(":")
        message = file.message_type.add(name=name)
        for place in filter(None, map(str.strip, rest.split(","))):
            kind, field, number = place.split()
            added = message.field.add(name=field, number=int(number), label=F.LABEL_OPTIONAL)
            if kind.startswith("*"):
                added.label, kind = F.LABEL_REPEATED, kind[1:]
            if kind in SCALARS:
                added.type = SCALARS[kind]
            else:
                added.type, added.type_name = F.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = [message.name for message in file.message_type]
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        for name in names
    }


KINDS = _built()
REQUEST, ANSWER = KINDS["Request"], KINDS["Answer"]
FIELD_OF = {
    field.message_type.name: (outer, field.name)
    for outer in (REQUEST, ANSWER)
    for field in outer.DESCRIPTOR.fields
}
"""Name of a message → the outer message, and the field of it."""

OTHER_NAMES = {"time_ns": "time", "chunk_index": "index"}
SECOND_NS = 10**9


def fill(target: Any, ours: Any) -> None:
    """Copy one of our messages into one of protobuf's."""
    target.SetInParent()
    for name, value in zip(ours._fields, ours, strict=True):
        field = OTHER_NAMES.get(name, name)
        if name == "time_ns":
            target.time.SetInParent()
            target.time.seconds, target.time.nanos = divmod(value, SECOND_NS)
        elif isinstance(value, tuple) and hasattr(value, "_fields"):
            fill(getattr(target, field), value)
        elif isinstance(value, tuple):
            for each in value:
                if hasattr(each, "_fields"):
                    fill(getattr(target, field).add(), each)
                else:
                    getattr(target, field).append(each)
        else:
            setattr(target, field, value)


def theirs(ours: Any) -> Any:
    """The outer message of protobuf's that says what ours says."""
    outer, field = FIELD_OF[type(ours).__name__]
    made = outer()
    inner = getattr(made, field)
    fill(inner, ours)
    return made
