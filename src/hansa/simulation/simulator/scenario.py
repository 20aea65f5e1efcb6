"""What a run is made of, as its author writes it: companies, rooms, traffic, invariants.

Traffic decides what members send; invariants look at each block and at the end. Both see the ledger through
the World (world.py) and draw chance from `world.random` only: so a seed tells the whole story.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from hansa.apps.consortium.messages import AnyKeyKind, ParameterValue, Role
from hansa.apps.rooms import release
from hansa.kernel import Action, Release, limits
from hansa.kernel.apply import Applied, Block

if TYPE_CHECKING:
    from hansa.simulation.simulator.world import World


class Broken(Exception):
    """A promise did not hold. `rule` names it in a word or two; `what` says what was found."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"{rule}: {what}")
        self.rule, self.what = rule, what


class Happened(NamedTuple):
    """A block that was decided, and what a plain replica that never crashes made of it.

    `applied` has outcomes, refusals, events (bytes), changes (table and key → bytes) and entries (records).
    """

    block: Block
    applied: Applied


class Send(NamedTuple):
    """What a member sends: actions, signed when they go out; or bytes as they are, from a hostile one."""

    member: str
    actions: Sequence[Action] = ()
    key: str = "k1"
    wire: bytes = b""
    """If given, sent as it is."""
    at: int | None = None
    """Number of the replica that it goes to; None: one by chance."""
    once: bool = False
    """Sent once and forgotten: a client sends again until it saw the outcome, or until it expired."""


class Traffic(Protocol):
    """What members do."""

    def next(self, world: "World") -> Sequence[Send]:
        """What is sent now; called about once per block, at times drawn by chance."""
        ...

    def happened(self, world: "World", happened: Happened) -> None:
        """A block was decided; called once for each, in order."""
        ...


class Invariant(Protocol):
    """What must hold. Both raise Broken where it does not."""

    def after(self, world: "World", happened: Happened) -> None:
        """Looks at what a block changed; cheap."""
        ...

    def at_end(self, world: "World") -> None:
        """Looks at everything, once, when all replicas stand at one height."""
        ...


class Quiet:
    """No traffic."""

    def next(self, world: "World") -> Sequence[Send]:
        return ()

    def happened(self, world: "World", happened: Happened) -> None:
        return None


@dataclass(frozen=True)
class KeyOf:
    """A key that a founder starts with."""

    id: str
    kind: AnyKeyKind = "person"
    scopes: tuple[str, ...] = ("*",)


@dataclass(frozen=True)
class Company:
    """A founding member."""

    id: str
    roles: tuple[Role, ...]
    keys: tuple[KeyOf, ...] = (KeyOf("k1"),)
    validates: bool = True
    """Whether it has a node that votes on blocks from the first one on."""


GATEWAY = KeyOf("gateway-1", "gateway", ("metering.*",))
COMPANIES = (
    Company("maker", ("lessor",)),
    Company("plant", ("plant",), (KeyOf("k1"), GATEWAY)),
    Company("bank", ("bank",)),
    Company("auditor", ("auditor",)),
)

GAPS_MS = (
    (80, 200, 3_000),
    (10, 3_000, 120_000),
    (7, 120_000, 4 * limits.HOUR_MS),
    (3, 4 * limits.HOUR_MS, 9 * limits.DAY_MS),
)


def no_invariants(world: "World") -> Sequence[Invariant]:
    """For a scenario that relies on what the simulator checks by itself."""
    return ()


@dataclass(frozen=True)
class Scenario:
    """One kind of run. A file with a function `scenario() -> Scenario` is one for `hansa simulate`."""

    name: str
    traffic: Callable[["World"], Traffic]
    invariants: Callable[["World"], Sequence[Invariant]] = no_invariants
    companies: tuple[Company, ...] = COMPANIES
    release: Callable[[], Release] = release
    """The rooms by which replicas execute, rooms from outside among them."""
    parameters: tuple[ParameterValue, ...] = ()
    """Of the charter, where they differ from their defaults."""
    gaps_ms: tuple[tuple[int, int, int], ...] = GAPS_MS
    """How long members wait between two times that they send: (weight, from, to)."""
    joiners: tuple[str, ...] = field(default=("fifth",))
    """Nodes that may start in mid-flight. Whether they vote on blocks is up to the ledger's validators."""
