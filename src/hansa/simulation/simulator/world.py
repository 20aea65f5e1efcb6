"""The world as traffic, invariants and scenarios see it: one clock, one chance, one ledger that is right.

The ledger that is right is the *oracle*: a plain replica without disk, which executes each decided block once
and never crashes. The replicas of the run are the real application; the simulator compares them with it.
"""

from collections.abc import Sequence
from random import Random
from typing import Protocol

from hansa.apps.consortium.messages import Genesis
from hansa.kernel import Action, Context, encode, limits
from hansa.kernel.signatures import TRANSACTION_DOMAIN
from hansa.simulation.simulator.scenario import Scenario
from hansa.simulation.simulator.signing import Signs, Suite


class Views(Protocol):
    """Where the world looks things up: the run."""

    @property
    def now_ms(self) -> int: ...

    @property
    def height(self) -> int: ...

    def context(self, at: int | None) -> Context: ...

    def submit(self, wire: bytes, at: int | None, once: bool) -> None: ...

    def running(self) -> Sequence[int]: ...


class World:
    """What traffic and invariants may use. Everything in it is a function of the seed."""

    def __init__(
        self, seed: int, scenario: Scenario, genesis: Genesis, chain: str, suite: Suite, views: Views
    ) -> None:
        self.seed, self.scenario, self.genesis, self.chain = seed, scenario, genesis, chain
        self.random = Random(f"{seed}/traffic")
        """The only chance that traffic may draw from."""
        self.members: tuple[str, ...] = tuple(member.id for member in genesis.members)
        """The founders. Who joined since is on the ledger."""
        self.lost: set[tuple[str, str]] = set()
        """(member, key) whose holder lost it, by the run's faults: an honest member signs with it no more."""
        self._suite, self._views = suite, views
        self._sequences: dict[tuple[str, str], int] = {}

    @property
    def now_ms(self) -> int:
        """The true time, ms since the epoch: what an honest member's clock shows."""
        return self._views.now_ms

    @property
    def height(self) -> int:
        """Blocks with a leaf so far."""
        return self._views.height

    @property
    def suite(self) -> int:
        """The number of the suite by which transactions of this run are signed."""
        return self._suite.number

    def state(self, at: int | None = None) -> Context:
        """The records as they stand, for the code of rooms: of the oracle, or of a replica that runs."""
        return self._views.context(at)

    def running(self) -> Sequence[int]:
        """Numbers of the replicas that are up."""
        return self._views.running()

    # Signing.

    def signer(self, member: str, key: str = "k1") -> Signs:
        """The private key behind `member/key`: the same in every run."""
        return self._suite.signer(f"{member}/{key}")

    def sign(
        self,
        member: str,
        key: str,
        *actions: Action,
        by: Signs | None = None,
        sequence: int = 0,
        valid_ms: int = limits.HOUR_MS,
        suite: int = 0,
    ) -> bytes:
        """A signed transaction with the next sequence number of its key, valid for an hour from now.

        A hostile member signs by another's key, with a sequence or a suite of its own choice.
        """
        if not sequence:
            sequence = self._sequences.get((member, key), 0) + 1
            self._sequences[member, key] = sequence
        context = self.state()
        body = encode(
            context.registry.body(
                chain=self.chain,
                member=member,
                key=key,
                sequence=sequence,
                valid_until_ms=self.now_ms + valid_ms,
                actions=actions,
            )
        )
        signature = (by or self.signer(member, key)).sign(TRANSACTION_DOMAIN + body)
        return bytes((suite or self._suite.number,)) + signature + body

    def submit(self, wire: bytes, at: int | None = None, *, once: bool = False) -> None:
        """Send bytes to a replica (None: one by chance), again until an outcome was seen, or only `once`."""
        self._views.submit(wire, at, once)
