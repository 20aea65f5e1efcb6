"""What stands behind the HTTP front: one member's copy of the ledger, as operator or as follower."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from hansa.engines.reader import Reader
from hansa.kernel.evidence import Cosignature, SignedAcknowledgement, SignedHeader
from hansa.kernel.types import Struct
from hansa.node.incidents import Noted


class Answer(NamedTuple):
    """An answer to a request with transactions. A follower gives the operator's unchanged."""

    status: int
    content_type: str
    body: bytes
    retry_after: str = ""


class Check(Struct):
    """One thing that a node looks at to say whether it is well."""

    name: str
    ok: bool
    zh: str
    en: str


class Cosigned(Protocol):
    """The cosignatures that a node knows of. `take` is called in a thread beside the loop."""

    @property
    def final_height(self) -> int:
        """Highest height of which it is known that it is final."""
        ...

    def take(self, height: int, app_hash: str, cosignature: Cosignature) -> None:
        """Keep a cosignature. Raises a Refusal where it does not hold."""
        ...

    def dressed(self, signed: SignedHeader) -> SignedHeader:
        """A header with the cosignatures known of it."""
        ...

    def final(self) -> SignedHeader | None:
        """The newest header that a quorum of its set signed."""
        ...

    def handovers(self) -> Sequence[Struct]:
        """Each change of the set of cosigners, with its proof."""
        ...


class Promised(Protocol):
    """Acknowledgements that clients handed in, to be looked for. `take` is called in a thread."""

    def take(self, signed: SignedAcknowledgement) -> None: ...


class Member(Protocol):
    """One member's node. Used on the event loop, but for `reader`, which any thread may use."""

    name: str
    role: str
    chain: str
    genesis_bytes: bytes
    reader: Reader
    cosigned: Cosigned | None
    """None where nothing collects cosignatures: a chain of rules 1."""
    promised: Promised | None
    """None where the node does not look for acknowledgements: the operator's own."""

    @property
    def height(self) -> int:
        """Newest height that is durable here."""
        ...

    async def start(self, on_block: Callable[[], None]) -> None:
        """Begin to work; `on_block` is called on the loop after each new block."""
        ...

    async def stop(self) -> None:
        """Decide or hand back what waits, then close everything."""
        ...

    def check_room(self, size: int, address: str) -> None:
        """Before a body of this size is read. Raises QueueFull and the like."""
        ...

    async def submit(self, body: bytes, address: str) -> Answer:
        """One or several transactions, as they came from an address. Raises a Refusal."""
        ...

    def checks(self) -> list[Check]:
        """What speaks for and against the node's being well."""
        ...

    def incidents(self) -> Sequence[Noted]:
        """Trouble since the start, oldest first."""
        ...
