"""Recorded blocks through the simulator: by replicas on model disks, which crash on their way."""

from random import Random
from typing import Any

from hansa.apps.consortium.messages import Genesis
from hansa.engines import errors
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application
from hansa.engines.recorded import RecordedBlock, Recording
from hansa.kernel import Registry, Release
from hansa.kernel.canonical import decode_strict
from hansa.kernel.facts import read_facts
from hansa.kernel.signatures import VerifiedCache
from hansa.simulation.simulator.disks import FastDisk
from hansa.simulation.simulator.fast_store import Crashed
from hansa.simulation.simulator.faults import STEPS
from hansa.simulation.simulator.node import Armed, Decided, Node, init_chain
from hansa.simulation.simulator.oracle import Oracle

REPLICAS = 4
CRASHES = 0.2
"""Share of a replica's blocks over which its process ends."""


class _Recorded(Application):
    """Executes blocks of either kind of chain, each with the facts that were recorded of it."""

    def __init__(self, facts: dict[int, str], *args: Any, **options: Any) -> None:
        self._recorded = facts
        super().__init__(*args, **options)

    def _check_genesis(self, genesis: Genesis) -> None:
        """Either kind."""

    def _facts(self, asked: abci.FinalizeBlock) -> str:
        return self._recorded[asked.height]


def through_simulator(recording: Recording, registry: Registry, seed: int = 0) -> list[str]:
    """The roots after the blocks, in order, by all replicas. Raises HistoryBroken at the first that is not
    the recorded one, Broken where a replica says otherwise than the others. Replicas crash on their way over
    the blocks of a network; of an operator's they do not.
    """
    stage = _Stage(recording, registry, Random(seed))
    roots = [stage.root(block) for block in recording.blocks]
    for node in stage.nodes:
        node.running.close()
    return roots


class _Stage:
    """Replicas, and what was decided so far."""

    def __init__(self, recording: Recording, registry: Registry, luck: Random) -> None:
        self._recording, self._registry, self._luck = recording, registry, luck
        self._verify = VerifiedCache().verify
        self._oracle = Oracle(recording.genesis, Release(registry.rooms), self._verify)
        self._facts: dict[int, str] = {}
        self._blocks: list[Decided] = []
        genesis = decode_strict(recording.genesis, Genesis)
        founders = [
            abci.ValidatorUpdate(abci.PublicKey(each.public), each.power) for each in genesis.validators
        ]
        # An application keeps no operator's signature, so blocks of an operator cannot be opened again.
        self._crashes = genesis.is_network
        self._init = init_chain(self._oracle.replica.chain.id, genesis.created_ms, tuple(founders))
        self.nodes = [self._node(number) for number in range(REPLICAS)]
        for node in self.nodes:
            node.start(self._known, self._init)

    def _node(self, number: int) -> Node:
        disk = FastDisk()

        def opens() -> Application:
            return _Recorded(
                self._facts,
                disk.path,
                self._recording.genesis,
                lambda: 0,
                registry=self._registry,
                verify=self._verify,
                open_store=lambda path, connect: disk.open(path),
            )

        return Node(number, str(number), disk, opens)

    def _known(self, height: int) -> Decided:
        return self._blocks[height - 1]

    def root(self, block: RecordedBlock) -> str:
        """The root after a recorded block; heights of the engine that left nothing are empty blocks again."""
        facts = read_facts(block.engine)
        height = facts.height if facts else len(self._blocks) + 1
        while len(self._blocks) + 1 < height:
            self._decide(len(self._blocks) + 1, self._oracle.replica.time_ms, (), "")
        self._decide(height, block.time_ms, block.wires, block.engine)
        roots = {self._oracle.replica.app_hash, *(node.running.app_hash for node in self.nodes)}
        if roots != {block.app_hash}:
            raise errors.HistoryBroken(height=block.height)
        return block.app_hash

    def _decide(self, height: int, time_ms: int, txs: tuple[bytes, ...], facts: str) -> None:
        time_ns = time_ms * abci.NS_PER_MS
        self._facts[height] = facts
        _, answer = self._oracle.execute(height, time_ns, b"", (), txs, facts)
        self._blocks.append(Decided(height, time_ns, txs, b"", (), (), answer))
        for node in self.nodes:
            if self._crashes and self._luck.random() < CRASHES:
                node.armed = Armed(self._luck.choice(STEPS), 1, kept=self._luck.random() < 0.5)
            try:
                node.execute(self._blocks[-1])
            except Crashed:
                node.down("crash")
                node.start(self._known, self._init)
            node.armed = None
