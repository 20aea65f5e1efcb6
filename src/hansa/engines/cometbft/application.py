"""The ledger as an application of a consensus engine: what ABCI asks, answered as plain calls on plain data.

Used by one thread, which is also the one that writes. Nothing that members must agree on rests on its own
clock. `finalize_block` does every check itself: a block may come that was never proposed here. What it led to
rests in memory until `commit` has made it durable, the engine's height with it, in one commit of the disk.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from hansa.apps import rooms
from hansa.apps.consortium.messages import Genesis
from hansa.apps.consortium.tables import CONSENSUS_KEYS, VALIDATORS
from hansa.apps.consortium.validators import powers, updates
from hansa.engines.checking import log_root
from hansa.engines.cometbft import admission, errors
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.facts import facts_of
from hansa.engines.cometbft.founding import APP_VERSION, BLOCK_BYTES_MAX
from hansa.engines.cometbft.giving import FORMAT, Beside, Giving, at_once, in_thread
from hansa.engines.cometbft.mark import MARK, Mark
from hansa.engines.cometbft.shares import Shares
from hansa.engines.cometbft.shelf import FolderShelf, MemoryShelf, Shelf
from hansa.engines.cometbft.taking import Taking
from hansa.engines.folder import open_folder
from hansa.engines.founding import found
from hansa.engines.ledger import CACHE_RECORDS, KEEP, Keep, Watch, unwatched
from hansa.engines.reader import Reader, reader_of
from hansa.engines.sealed import sealed
from hansa.engines.stops import STOPS_MAX
from hansa.engines.store import IN_MEMORY, Connect, OpenStore, SqliteStore, connect
from hansa.kernel import Refusal, Registry, Release, encode
from hansa.kernel.active import Outdated, RoomMissing
from hansa.kernel.apply import MACHINE_FAULTS, Applied, Block, BlockFull, Incident, Verify
from hansa.kernel.canonical import decode
from hansa.kernel.commit import chain_id_of
from hansa.kernel.refusal import shown
from hansa.kernel.signatures import VerifiedCache

STALE_MS = 10_000
"""A block whose time lies so far behind the proposer's clock is proposed empty: the time of the next one is
that of the votes on it, and so its transactions find the present."""
PROBE = "/hansa/probe"
"""Query that shows that the application answers."""


@dataclass(frozen=True)
class Policy:
    """What one node decides for itself."""

    mempool_transactions: int = 5_000
    mempool_bytes: int = 16 * 2**20
    """The same as the engine's own settings: of all members together."""
    engine_blocks: int = 100_000
    """Blocks that the engine keeps for others to catch up from, at least; proofs do not need them."""
    snapshot_interval: int = 1_000
    """Heights of the engine from one snapshot for joiners to the next, on all nodes the same; 0: none."""
    snapshots_kept: int = 2


class Made(NamedTuple):
    """A block that has become durable."""

    engine_height: int
    time_ms: int
    height: int
    """Of its leaf; 0: it left none."""
    app_hash: str
    """Root of the log after it."""
    applied: Applied


class _Finalized(NamedTuple):
    engine_height: int
    time_ms: int
    app_hash: str
    applied: Applied


Shelves = tuple[Shelf, Shelf]
"""For the snapshots of this node, and for one that arrives."""


def _shelves(path: Path) -> Shelves:
    if str(path) == IN_MEMORY:
        return MemoryShelf(), MemoryShelf()
    return FolderShelf(path.with_name("snapshots")), FolderShelf(path.with_name("joining"))


class Application:
    """A network's ledger behind its engine. `clock` gives ms since the epoch; it moves no state.

    Raises a Refusal if the folder or the genesis cannot be used. A fault of the machine stops it (rule 10):
    every call then raises, and whoever serves it ends the process. `blocked` says why it takes no blocks,
    also right after it was opened: it can be read then, but must not be served to an engine.

    `verify` stands for checking signatures; `registry` for a release of its rooms: tests have their own.
    `on_block` is told of each block once it is durable, on the thread that serves the engine. Snapshots lie
    in two folders beside the ledger, or on `shelves`; they are written `beside` the writer.
    """

    def __init__(
        self,
        path: Path,
        genesis: bytes,
        clock: Callable[[], int],
        *,
        release: Release | None = None,
        registry: Registry | None = None,
        verify: Verify | None = None,
        policy: Policy = Policy(),
        cache_records: int | None = CACHE_RECORDS,
        keep: Keep = KEEP,
        connect: Connect = connect,
        watch: Watch = unwatched,
        open_store: OpenStore = SqliteStore,
        on_block: Callable[[Made], None] | None = None,
        shelves: Shelves | None = None,
        beside: Beside | None = None,
    ) -> None:
        self.verify = verify or VerifiedCache().verify
        founded = found(genesis, registry or release or rooms.release(), self.verify)
        self._check_genesis(founded.genesis)
        self.genesis_bytes, self.genesis, self.chain = genesis, founded.genesis, founded.chain
        self.policy, self.on_block = policy, on_block
        self._clock = clock
        self.shares = Shares(policy.mempool_transactions, policy.mempool_bytes, clock)
        self._fitness = admission.Fitness()
        self._named: set[bytes] = set()
        """Proposers whose proposals were refused here: each is told of once. At most as many as validate."""
        self._crowded = False
        """Whether the last block had no room for all that stood in it."""
        self._finalized: _Finalized | None = None
        self.signed, self.ledger = open_folder(
            path,
            founded,
            cache_records=cache_records,
            keep=keep,
            connect=connect,
            watch=watch,
            open_store=open_store,
        )
        self._beside = self.reader()
        try:
            own, arriving = shelves or _shelves(path)
            self.snapshots = Giving(
                own,
                interval=policy.snapshot_interval,
                kept=policy.snapshots_kept,
                tell=self.ledger.stops.tell,
                beside=beside or (at_once if str(path) == IN_MEMORY else in_thread),
            )
            self._taking = Taking(arriving, self.ledger)
            self._begin()
        except BaseException:
            self.close()
            raise

    def _check_genesis(self, genesis: Genesis) -> None:
        if not genesis.is_network:
            raise errors.NoNetwork()

    def _facts(self, asked: abci.FinalizeBlock) -> str:
        return facts_of(asked)

    def _begin(self) -> None:
        mark = self.ledger.store.meta(MARK)
        self.engine_height = 0 if mark is None else decode(mark, Mark).height
        stop = self.ledger.stops.noted()
        if stop is not None and stop.stops >= STOPS_MAX:
            self.ledger.stops.wait(stop.cause)
            return
        try:
            self.ledger.now  # noqa: B018 (raises where this program lacks what comes next)
        except (Outdated, RoomMissing) as refusal:
            self.ledger.stops.reason = refusal
            self.ledger.stops.tell(Incident("outdated", refusal.en, refusal.zh))

    @property
    def blocked(self) -> Refusal | None:
        """Why it takes no blocks; None: it does."""
        return self.ledger.stops.reason

    @property
    def incidents(self) -> list[Incident]:
        """Trouble for the operator, newest last."""
        return self.ledger.stops.incidents

    @property
    def height(self) -> int:
        """Blocks with a leaf."""
        return self.ledger.height

    @property
    def app_hash(self) -> str:
        return self.ledger.app_hash

    def retry(self) -> None:
        """The operator's word that the machine is mended: it may be served again, and the block that stopped
        it is tried again. There is no leaving out: the others have executed it.
        """
        self.ledger.stops.clear()
        self._begin()

    def reader(self) -> Reader:
        """Snapshots beside the writer, from any thread."""
        return reader_of(self.ledger)

    def close(self) -> None:
        self._beside.close()
        self.ledger.close()
        self.signed.close()

    # Where the two stand.

    def info(self, asked: abci.Info) -> abci.InfoAnswer:
        """The engine's height of the last durable block: it executes again what came after."""
        self.ledger.stops.check()
        app_hash = bytes.fromhex(self.ledger.app_hash) if self.engine_height else b""
        return abci.InfoAnswer("hansa", version("hansa"), APP_VERSION, self.engine_height, app_hash)

    def init_chain(self, asked: abci.InitChain) -> abci.InitChainAnswer:
        """Raises OtherGenesis: the engine's genesis file is not the one that Hansa's leads to."""
        given = sorted((each.pub_key.ed25519, each.power) for each in asked.validators)
        founded = sorted((each.public, each.power) for each in self.genesis.validators)
        for what, same in (
            ("chain_id", asked.chain_id == chain_id_of(self.chain.id)),
            ("genesis_time", asked.time_ns == self.genesis.created_ms * abci.NS_PER_MS),
            ("validators", given == founded),
            ("initial_height", asked.initial_height == 1),
        ):
            if not same:
                raise errors.OtherGenesis(what=what)
        return abci.InitChainAnswer(app_hash=bytes.fromhex(self.ledger.app_hash))

    def query(self, asked: abci.Query) -> abci.QueryAnswer:
        """Only the probe: members read through the node, which knows who may read what."""
        if asked.path != PROBE:
            return abci.QueryAnswer(code=1, log=f"only {PROBE} is answered here")
        value = encode(
            {"app_hash": self.app_hash, "engine_height": self.engine_height, "height": self.height}
        )
        return abci.QueryAnswer(value=value, height=self.engine_height)

    # What waits for a block.

    def check_tx(self, asked: abci.CheckTx) -> abci.CheckTxAnswer:
        """Code 0: it may wait. Else `log` holds the receipt. What was let in is not looked at again."""
        if asked.type:
            return abci.CheckTxAnswer()
        self.ledger.stops.check()
        try:
            body = admission.check(self.ledger, self.verify, asked.tx)
            self.shares.take(body.member, asked.tx)
            self._fitness.learn(self.ledger, asked.tx)
        except MACHINE_FAULTS as fault:
            raise self.ledger.stops.stop(fault, ()) from fault
        except (Outdated, RoomMissing):
            raise
        except Refusal as refusal:
            log = encode(admission.refused(asked.tx, refusal)).decode()
            return abci.CheckTxAnswer(code=1, log=log, codespace=refusal.code)
        return abci.CheckTxAnswer()

    # A block on its way (rule 29).

    def prepare_proposal(self, asked: abci.PrepareProposal) -> abci.PrepareProposalAnswer:
        """Bounds and leaves out what the others would refuse; expired and replayed ones stay in. Where there
        is no room for all, or was none in the last block, members take turns.

        None at all where the block's time is old: see STALE_MS.
        """
        if self._clock() - asked.time_ns // abci.NS_PER_MS > STALE_MS:
            return abci.PrepareProposalAnswer()
        with self.ledger.stops.guarded():
            wires = [wire for wire in asked.txs if self._is_fit(wire)]
        count = admission.fits_together(wires, asked.max_tx_bytes)
        if self._crowded or count < len(wires):
            wires = self.shares.in_turn(wires)
            count = admission.fits_together(wires, asked.max_tx_bytes)
        return abci.PrepareProposalAnswer(tuple(wires[:count]))

    def process_proposal(self, asked: abci.ProcessProposal) -> abci.ProcessProposalAnswer:
        """Refuses only what is malformed, oversized or badly signed. No clock: it could divide the honest."""
        with self.ledger.stops.guarded():
            sound = admission.fits_together(asked.txs, BLOCK_BYTES_MAX) == len(asked.txs) and all(
                map(self._is_fit, asked.txs)
            )
            if not sound:
                self._name(asked.proposer_address)
        return abci.ProcessProposalAnswer(abci.Status.ACCEPT if sound else abci.Status.REJECT)

    def _name(self, proposer: bytes) -> None:
        """Tell, once, whose node proposes what all refuse. The engine knows that the proposal is its own."""
        if proposer in self._named:
            return
        self._named.add(proposer)
        key = CONSENSUS_KEYS.get(self.ledger.context(self.ledger.time_ms), (proposer.hex(),))
        self.ledger.stops.tell(Incident("proposal", proposer.hex() if key is None else key.member))

    def _is_fit(self, wire: bytes) -> bool:
        return self._fitness.holds(self.ledger, self.verify, wire)

    # A block that is decided.

    def finalize_block(self, asked: abci.FinalizeBlock) -> abci.FinalizeBlockAnswer:
        """Execute a decided block. Nothing is durable yet; the same height may come again until it is.

        Raises HeightUnexpected; Stopped, Waiting, DamagedOnDisk, Outdated or RoomMissing: then nothing was
        done, and the process must end.
        """
        if asked.height != self.engine_height + 1:
            raise errors.HeightUnexpected(height=asked.height, own=self.engine_height)
        self._finalized = None
        ledger = self.ledger
        time_ms = max(ledger.time_ms, asked.time_ns // abci.NS_PER_MS)
        with ledger.stops.guarded(asked.txs):
            block = Block(ledger.height + 1, time_ms, asked.txs, self._facts(asked))
            applied = ledger.execute(block)
            app_hash = log_root(ledger, ledger.height, applied.leaf) if applied.leaf else ledger.app_hash
            changed = self._validator_updates(applied)
        self._finalized = _Finalized(asked.height, time_ms, app_hash, applied)
        results = tuple(abci.TxResult(0 if consumed else 1) for consumed in applied.consumed)
        return abci.FinalizeBlockAnswer(results, changed, bytes.fromhex(app_hash))

    def _validator_updates(self, applied: Applied) -> tuple[abci.ValidatorUpdate, ...]:
        if not any(table == VALIDATORS.name for table, _ in applied.changes):
            return ()
        before, after = powers(self.ledger.state), powers(self.ledger.after(applied))
        return tuple(
            abci.ValidatorUpdate(abci.PublicKey(public), power) for public, power in updates(before, after)
        )

    def commit(self, asked: abci.Commit) -> abci.CommitAnswer:
        """Make the block last finalized durable; on disk when this returns. Raises as `finalize_block`."""
        done = self._finalized
        if done is None:
            raise errors.NothingFinalized()
        applied, ledger = done.applied, self.ledger
        notes = {MARK: encode(Mark(height=done.engine_height))}
        with ledger.stops.guarded(applied.transactions):
            if applied.leaf is None:
                ledger.rest(notes)
            else:
                ledger.commit(applied, lambda header: encode(sealed(header)), notes)
        self._finalized, self.engine_height = None, done.engine_height
        self.shares.leave(applied.transactions)
        self._crowded = any(isinstance(refusal, BlockFull) for refusal in applied.refusals)
        self._fitness.after(applied)
        height = applied.leaf.height if applied.leaf else 0
        if self.snapshots.is_due(self.engine_height):
            self.take_snapshot()
        self._tell(Made(done.engine_height, done.time_ms, height, done.app_hash, applied))
        return abci.CommitAnswer(retain_height=self._retain_height())

    def _tell(self, made: Made) -> None:
        """Whoever listens cannot undo the block: trouble there is an incident, no reason to stand still."""
        if self.on_block is None:
            return
        try:
            self.on_block(made)
        except Exception as error:
            detail = shown(f"block {made.engine_height}: {type(error).__name__}: {error}")
            self.ledger.stops.tell(Incident("on_block", detail))

    def _retain_height(self) -> int:
        """Never beyond the oldest snapshot: whoever takes it needs the blocks after it."""
        from_height = self.engine_height - self.policy.engine_blocks + 1
        return min(from_height, self.snapshots.oldest()) if from_height > 0 else 0

    # Snapshots for those who join.

    def take_snapshot(self) -> bool:
        """Begin one of the state as it stands; False where one is being written, or its files fail."""
        return self.snapshots.take(self._beside, self.engine_height)

    def list_snapshots(self, asked: abci.ListSnapshots) -> abci.ListSnapshotsAnswer:
        return abci.ListSnapshotsAnswer(self.snapshots.listed())

    def load_snapshot_chunk(self, asked: abci.LoadSnapshotChunk) -> abci.LoadSnapshotChunkAnswer:
        """Empty where this node does not have it, or no longer."""
        chunk = self.snapshots.chunk(asked.height, asked.chunk) if asked.format == FORMAT else b""
        return abci.LoadSnapshotChunkAnswer(chunk)

    def offer_snapshot(self, asked: abci.OfferSnapshot) -> abci.OfferSnapshotAnswer:
        """Only a node that has nothing takes one."""
        self.ledger.stops.check()
        if self.engine_height or self.height:
            return abci.OfferSnapshotAnswer(abci.Offer.ABORT)
        return abci.OfferSnapshotAnswer(self._taking.offer(asked))

    def apply_snapshot_chunk(self, asked: abci.ApplySnapshotChunk) -> abci.ApplySnapshotChunkAnswer:
        """With the last chunk the ledger stands at the snapshot's height, or is as it was."""
        if self.engine_height or self.height:
            return abci.ApplySnapshotChunkAnswer(abci.Apply.ABORT)
        with self.ledger.stops.guarded():
            answer, done = self._taking.chunk(asked)
        if done:
            self._begin()
        return answer
