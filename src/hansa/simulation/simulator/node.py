"""One member's node in the simulator: the real application, and what its engine remembers.

The engine keeps each block before it has it executed, so after a crash it stands at the application's height
or one block ahead, and hands on what is missing. It never tells a block twice that the application has.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application
from hansa.engines.cometbft.founding import BLOCK_BYTES_MAX
from hansa.kernel.commit import chain_id_of
from hansa.kernel.refusal import Refusal
from hansa.simulation.simulator.disks import Disk
from hansa.simulation.simulator.fast_store import Crashed
from hansa.simulation.simulator.scenario import Broken

MEMPOOL_TRANSACTIONS = 500
CACHE_TRANSACTIONS = 2_000
"""Bytes that the engine remembers, so as not to ask the application again."""
NEVER = "not started"


@dataclass(frozen=True)
class Decided:
    """A block of the engine, with what every application must have answered."""

    height: int
    """The engine's."""
    time_ns: int
    txs: tuple[bytes, ...]
    proposer: bytes
    misbehavior: tuple[abci.Misbehavior, ...]
    votes: tuple[tuple[bytes, int], ...]
    """(public key, ms) of those whose votes made it: the time of the next block is their median."""
    answer: abci.FinalizeBlockAnswer
    """By the oracle."""


class Armed(NamedTuple):
    """A crash that waits for a step: the `left`th one of this name from now ends the process."""

    step: str
    left: int
    kept: bool
    """Whether a commit that is under way is on disk all the same."""


Opens = Callable[[], Application]


@dataclass
class Node:
    """A process that may be down, beside a disk that stays. `opens` starts the application on that disk."""

    number: int
    member: str
    disk: Disk
    opens: Opens
    old: bool = False
    """Whether its program is the one from before the upgrade."""
    skew_ms: int = 0
    """What its clock is ahead of the true time."""
    app: Application | None = None
    why_down: str = NEVER
    stored: int = 0
    """The engine's height of the last block that its engine keeps."""
    answered: int = 0
    """The same of the last commit that the application answered."""
    armed: Armed | None = None
    mempool: "OrderedDict[bytes, None]" = field(default_factory=OrderedDict)
    cache: "OrderedDict[bytes, None]" = field(default_factory=OrderedDict)
    asked: dict[str, None] = field(default_factory=dict)
    """Transactions, by identity, of which clients wait here to be told what became of them."""
    ends: "Counter[str]" = field(default_factory=Counter)
    """How often its process ended at which step."""
    syncing: bool = False
    """Whether it is being fed with blocks that it missed."""

    @property
    def up(self) -> bool:
        return self.app is not None

    @property
    def never_ran(self) -> bool:
        """Whether it was not started yet, as a node that joins later."""
        return self.why_down == NEVER

    @property
    def running(self) -> Application:
        if self.app is None:
            raise RuntimeError(f"node {self.number} is down")
        return self.app

    # Ending and starting.

    def step(self, name: str) -> None:
        """A step is reached: an armed crash may end the process here. Raises Crashed."""
        armed = self.armed
        if armed is None or armed.step not in (name, "any"):
            return
        self.armed = armed._replace(left=armed.left - 1) if armed.left > 1 else None
        if self.armed is None:
            self.ends[name] += 1
            raise Crashed(kept=armed.kept and name == "sync")

    def down(self, why: str) -> None:
        """The process is gone, and its memory with it."""
        gone, self.app, self.armed, self.why_down = self.app, None, None, why
        for memory in (self.mempool, self.cache, self.asked):
            memory.clear()
        self.disk.crash()
        if gone is not None:
            gone.close()

    def start(self, known: Callable[[int], Decided], init: abci.InitChain) -> None:
        """Open the application and ask where it stands. Raises Broken where that is no place to go on from.

        `known` gives the block that was decided at an engine height.
        """
        self.app, self.why_down = self.opens(), ""
        self.disk.watch(self.step)
        info = self.app.info(abci.Info())
        at = info.last_block_height
        if not self.answered <= at <= self.stored:
            raise Broken(
                "durable",
                f"node {self.number} came back at height {at}, but it had answered {self.answered} "
                f"and its engine keeps {self.stored}",
            )
        expected = known(at).answer.app_hash if at else b""
        if info.last_block_app_hash != expected:
            raise Broken("one hash", f"node {self.number} came back at height {at} with another hash")
        if at == 0:
            self.app.init_chain(init)
        self.answered = at
        for height in range(at + 1, self.stored + 1):
            self.execute(known(height))

    # Transactions that wait.

    def check(self, wire: bytes) -> bool:
        """What arrives, by a client or by gossip. True if it waits here from now on and is new."""
        if wire in self.cache or len(self.mempool) >= MEMPOOL_TRANSACTIONS:
            return False
        self.step("check")
        if self.running.check_tx(abci.CheckTx(tx=wire)).code:
            return False
        self.cache[wire] = None
        self.mempool[wire] = None
        if len(self.cache) > CACHE_TRANSACTIONS:
            self.cache.popitem(last=False)
        return True

    # Blocks.

    def prepare(self, height: int, time_ns: int, proposer: bytes) -> tuple[bytes, ...]:
        """What this node proposes."""
        self.step("prepare")
        asked = abci.PrepareProposal(
            max_tx_bytes=BLOCK_BYTES_MAX,
            txs=tuple(self.mempool),
            height=height,
            time_ns=time_ns,
            proposer_address=proposer,
        )
        return self.running.prepare_proposal(asked).txs

    def accepts(self, height: int, time_ns: int, proposer: bytes, txs: tuple[bytes, ...]) -> bool:
        """Whether this node votes for a proposal."""
        self.step("process")
        asked = abci.ProcessProposal(txs=txs, height=height, time_ns=time_ns, proposer_address=proposer)
        status = self.running.process_proposal(asked).status
        if status not in (abci.Status.ACCEPT, abci.Status.REJECT):
            raise Broken("contract", f"node {self.number} answers a proposal with status {status}")
        return status == abci.Status.ACCEPT

    def execute(self, block: Decided) -> None:
        """Have a decided block executed and made durable. Raises Broken where the answer is not the agreed
        one; Crashed, or the refusal for which the application stands still.
        """
        self.stored = max(self.stored, block.height)
        self.step("finalize")
        answer = self.running.finalize_block(
            abci.FinalizeBlock(
                txs=block.txs,
                misbehavior=block.misbehavior,
                height=block.height,
                time_ns=block.time_ns,
                proposer_address=block.proposer,
            )
        )
        compare(self.number, block, answer)
        self.step("finalized")
        self.running.commit(abci.Commit())
        self.step("committed")
        self.answered = block.height
        for wire, result in zip(block.txs, answer.tx_results, strict=True):
            self.mempool.pop(wire, None)
            if result.code:
                self.cache.pop(wire, None)
            else:
                self.cache[wire] = None

    def blocked(self) -> str:
        """Why the application takes no more blocks, by the code of its refusal; empty: it does."""
        refusal = self.app.blocked if self.app else None
        return refusal.code if isinstance(refusal, Refusal) else ""


def compare(number: int, block: Decided, answer: abci.FinalizeBlockAnswer) -> None:
    """One answer per transaction, and the same everywhere. Raises Broken."""
    expected = block.answer
    if len(answer.tx_results) != len(block.txs):
        raise Broken("contract", f"node {number} gives {len(answer.tx_results)} results at {block.height}")
    for rule, own, others in (
        ("one hash", answer.app_hash, expected.app_hash),
        ("one result", answer.tx_results, expected.tx_results),
        ("validators", answer.validator_updates, expected.validator_updates),
    ):
        if own != others:
            raise Broken(
                rule, f"node {number} says {_shown(own)} at height {block.height}, not {_shown(others)}"
            )


def _shown(value: object) -> str:
    return value.hex()[:12] if isinstance(value, bytes) else str(value)[:200]


def init_chain(chain: str, created_ms: int, validators: tuple[abci.ValidatorUpdate, ...]) -> abci.InitChain:
    """What an engine says to an application that knows no block."""
    return abci.InitChain(
        time_ns=created_ms * abci.NS_PER_MS,
        chain_id=chain_id_of(chain),
        validators=validators,
        initial_height=1,
    )
