"""A network in one process: the real application, and an engine that signs headers with the validators' keys.

What the engine says is as CometBFT says it: the app hash after a block stands in the next header, a changed
set in the header after that. Nothing here is shared with what checks it but the hashes of kernel/commit.py,
which the real engine's vectors pin.
"""

from collections.abc import Callable, Sequence
from typing import Any

from hansa.apps.consortium.handovers import Handover
from hansa.apps.consortium.messages import Genesis, Validator
from hansa.apps.consortium.messages_validators import RotateConsensusKey
from hansa.apps.consortium.validators import message
from hansa.apps.rooms import registry as all_rooms
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application, Made
from hansa.kernel import encode, replace
from hansa.kernel.commit import (
    ABSENT,
    COMMIT,
    FOR_BLOCK,
    FOR_NIL,
    BlockId,
    Commit,
    EngineHeader,
    Parts,
    Precommit,
    Seat,
    header_hash,
    ordered,
    validators_hash,
    vote_bytes,
)
from hansa.kernel.evidence import BlockProof, Header, Proof, SignedHeader, tip_of
from hansa.kernel.facts import address
from hansa.kernel.messages import Receipt
from hansa.kernel.signatures import Signer
from hansa.kernel.transaction import identity
from tests.consortium import IN_MEMORY, MEMBERS, Consortium, signer

PARTS = Parts(hash="07" * 32, total=1)
OLD, NEW = "validator", "validator-2"


def network_of(file: Genesis) -> Genesis:
    """The same consortium without an operator: each member's node votes, all with the same power."""
    seats = []
    for member in MEMBERS:
        public = signer(member, OLD).public
        proof = signer(member, OLD).sign(message("", member, public))
        seats.append(Validator(member=member, public=public, power=1, proof=proof))
    return replace(file, operator="", node_public=b"", validators=tuple(seats))


def block_hash_of(commit: Commit) -> str:
    return header_hash(commit.header)


def voted(
    header: EngineHeader,
    seats: Sequence[Seat],
    keys: dict[bytes, Signer],
    absent: Sequence[str] = (),
    against: Sequence[str] = (),
) -> Commit:
    """A commit with the votes of all seats but the absent ones; some of them for no block."""
    bare = Commit(header=header, parts=PARTS, votes=())
    named, votes = header_hash(header), []
    for seat in ordered(seats):
        if seat.member in absent:
            votes.append(Precommit(flag=ABSENT))
            continue
        flag = FOR_NIL if seat.member in against else FOR_BLOCK
        vote = Precommit(flag=flag, address=seat.address, time_s=header.time_s + 1)
        votes.append(replace(vote, signature=keys[seat.public].sign(vote_bytes(bare, vote, named))))
    return replace(bare, votes=tuple(votes))


class NetworkNode:
    """One member's node behind the engine; a transport's Node. `clock` gives block times."""

    def __init__(self, genesis: bytes, clock: Callable[[], int], registry: Any = None) -> None:
        self.clock, self.genesis_bytes = clock, genesis
        self.app = Application(
            IN_MEMORY, genesis, clock, registry=registry or all_rooms(), on_block=self._made.append
        )
        self.chain = self.app.chain
        self.keys = {signer(m, k).public: signer(m, k) for m in MEMBERS for k in (OLD, NEW)}
        seats = ordered(Seat(v.member, v.public, v.power) for v in self.app.genesis.validators)
        self.sets: dict[int, tuple[Seat, ...]] = {1: seats, 2: seats}
        self.commits: dict[int, Commit] = {}
        self.changes: list[Handover] = []
        self.last_ms = self.app.genesis.created_ms
        self.absent: tuple[str, ...] = ()
        self.app.init_chain(
            abci.InitChain(
                time_ns=self.app.genesis.created_ms * abci.NS_PER_MS,
                chain_id=self.chain.id[:50],
                validators=tuple(abci.ValidatorUpdate(abci.PublicKey(s.public), s.power) for s in seats),
                initial_height=1,
            )
        )

    @property
    def _made(self) -> list[Made]:
        if not hasattr(self, "_made_blocks"):
            self._made_blocks: list[Made] = []
        return self._made_blocks

    @property
    def height(self) -> int:
        return self.app.height

    @property
    def time_ms(self) -> int:
        return self.app.ledger.time_ms

    # The engine.

    def block(self, wires: Sequence[bytes] = ()) -> Made:
        """One block of the engine; the commit of its own header is there at once."""
        h = self.app.engine_height + 1
        self.last_ms = max(self.last_ms, self.clock())
        self.commits[h] = voted(self._header(h), self.sets[h], self.keys, self.absent)
        answer = self.app.finalize_block(
            abci.FinalizeBlock(
                txs=tuple(wires),
                hash=bytes.fromhex(header_hash(self.commits[h].header)),
                height=h,
                time_ns=self.last_ms * abci.NS_PER_MS,
                proposer_address=bytes.fromhex(self.commits[h].header.proposer),
            )
        )
        self.app.commit(abci.Commit())
        self.sets[h + 2] = self._after(self.sets[h + 1], answer.validator_updates)
        made = self._made[-1]
        if self.sets[h + 2] != self.sets[h + 1]:
            self._hand_over(made)
        return made

    def _header(self, h: int) -> EngineHeader:
        last = self.commits.get(h - 1)
        return EngineHeader(
            app_hash=self.app.app_hash,
            chain_id=self.chain.id[:50],
            consensus_hash="01" * 32,
            data_hash="02" * 32,
            evidence_hash="03" * 32,
            height=h,
            last_block=None if last is None else BlockId(hash=header_hash(last.header), parts=PARTS),
            last_commit_hash="04" * 32,
            last_results_hash="05" * 32,
            next_validators_hash=validators_hash(self.sets[h + 1]),
            proposer=address(self.sets[h][0].public),
            time_s=self.last_ms // 1000,
            time_ns=self.last_ms % 1000 * 1_000_000,
            validators_hash=validators_hash(self.sets[h]),
            version_app=1,
            version_block=11,
        )

    def _after(self, seats: tuple[Seat, ...], updates: Sequence[abci.ValidatorUpdate]) -> tuple[Seat, ...]:
        found = {seat.public: seat for seat in seats}
        for update in updates:
            public = update.pub_key.ed25519
            found.pop(public, None)
            if update.power:
                found[public] = Seat(self.owner_of(public), public, update.power)
        return ordered(found.values())

    def owner_of(self, public: bytes) -> str:
        return next(m for m in MEMBERS for k in (OLD, NEW) if signer(m, k).public == public)

    def _hand_over(self, made: Made) -> None:
        """The change of this block, under the header that comes next."""
        items = self._reading(lambda r: r.items("event", made.height))
        index = max(n for n, item in enumerate(items) if b'"consortium.validators_changed"' in item)
        h = made.engine_height + 1
        self.last_ms = max(self.last_ms, self.clock())
        commit = voted(self._header(h), self.sets[h], self.keys, self.absent)
        self.changes.append(
            Handover(event=self.prove("event", made.height, index), head=self.head_on(commit, made.height))
        )

    # What members ask.

    def _reading(self, work: Callable[[Any], Any]) -> Any:
        return work(self.app.ledger)

    def head_on(self, commit: Commit, height: int) -> SignedHeader:
        leaf = self.app.ledger.leaf(height)
        header = Header(
            chain=self.chain.id, height=height, time_ms=leaf.time_ms, app_hash=commit.header.app_hash
        )
        return SignedHeader(header, COMMIT, b"", commit=commit, tip=tip_of(leaf, self.app.ledger.store.node))

    def submit(self, wires: Sequence[bytes]) -> list[Receipt]:
        """A block of these, and the next one, whose header proves it."""
        fresh = [wire for wire in dict.fromkeys(wires) if self.find(identity(wire)) is None]
        if fresh:
            self.block(fresh)
            self.block()
        found = [self.find(identity(wire)) for wire in wires]
        return [
            receipt or Receipt(transaction=identity(wire), code="kernel.malformed", zh="无", en="none")
            for receipt, wire in zip(found, wires, strict=True)
        ]

    def wake(self) -> None:
        self.block()
        self.block()

    def query(self, name: str, arguments: dict[str, Any]) -> Any:
        return self.app.ledger.query(name, arguments)

    def events_after(self, height: int, index: int, limit: int = 10**6) -> list[tuple[int, int, bytes]]:
        return self.app.ledger.events_after(height, index, limit)

    def head(self) -> SignedHeader | None:
        return self.final()

    def final(self) -> SignedHeader | None:
        if not self.app.height:
            return None
        newest = self.commits[max(self.commits)]
        if newest.header.app_hash != self.app.app_hash:  # The block just made has no header over it yet.
            self.block()
            newest = self.commits[max(self.commits)]
        return self.head_on(newest, self.app.height)

    def handovers(self) -> tuple[Handover, ...]:
        return tuple(self.changes)

    def prove(self, kind: str, height: int, index: int, head: int | None = None) -> Proof:
        return self.app.ledger.prove(kind, height, index, head)

    def prove_block(self, kind: str, height: int, head: int | None = None) -> BlockProof:
        ledger = self.app.ledger
        one = ledger.prove(kind, height, 0, head)
        items = tuple(ledger.items(kind, height))
        return BlockProof(kind=one.kind, items=items, block=one.block, within_log=one.within_log)

    def engine_header(self, height: int) -> EngineHeader:
        return self.commits[height].header

    def consistency(self, old: int, new: int) -> list[str]:
        return self.app.ledger.consistency(old, new)

    def find(self, transaction: str) -> Receipt | None:
        return self.app.ledger.find(transaction)

    def close(self) -> None:
        self.app.close()


class Network(Consortium):
    """The consortium of the tests on a network: `node` is one of its members' nodes."""

    def _open(self) -> Any:
        if not self.genesis.is_network:
            self.genesis = network_of(self.genesis)
        return NetworkNode(encode(self.genesis), self.clock, self.registry)

    def rotate(self, member: str) -> None:
        """The member's consensus key is replaced by its second one."""
        later = signer(member, NEW)
        proof = later.sign(message(self.node.chain.id, member, later.public))
        self.do(member, RotateConsensusKey(public=later.public, proof=proof))
