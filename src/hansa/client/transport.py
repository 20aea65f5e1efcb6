"""The seam between a client and a node. All passes as bytes, so that a network may lie between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from hansa.client.bundle import Handover
from hansa.kernel import encode
from hansa.kernel.commit import EngineHeader
from hansa.kernel.evidence import BlockProof, Proof, SignedHeader
from hansa.kernel.messages import Receipt
from hansa.kernel.registry import QueryArguments


@dataclass(frozen=True)
class Delivery:
    """What became of transactions: a receipt each, and the node's signed word on them (canonical JSON)."""

    receipts: tuple[Receipt, ...]
    acknowledgements: tuple[bytes, ...] = ()


class Transport(Protocol):
    """What a node answers. InProcess is the one for a node in this process, hansa.client.http.Http the one
    for a node in the network.
    """

    def genesis(self) -> bytes: ...

    def submit(self, wires: Sequence[bytes]) -> list[Receipt]: ...

    def deliver(self, wires: Sequence[bytes]) -> Delivery: ...

    def query(self, name: str, arguments: bytes) -> bytes: ...

    def events_after(self, height: int, index: int, limit: int) -> list[tuple[int, int, bytes]]: ...

    def head(self) -> SignedHeader | None: ...

    def prove(self, kind: str, height: int, index: int, head: int = 0) -> Proof: ...

    def find(self, transaction: str) -> Receipt | None: ...

    def final(self, at_least: int = 0, within_s: float = 0) -> SignedHeader | None: ...

    def handovers(self) -> tuple[Handover, ...]: ...

    def prove_block(self, kind: str, height: int, head: int = 0) -> BlockProof: ...

    def consistency(self, old: int, new: int) -> tuple[str, ...]: ...

    def engine_header(self, height: int) -> EngineHeader: ...

    def shun(self) -> bool: ...


class Node(Protocol):
    """What InProcess needs of an engine: hansa.engines.embedded.Embedded is one."""

    genesis_bytes: bytes

    def submit(self, wires: Sequence[bytes]) -> list[Receipt]: ...

    def query(self, name: str, arguments: dict[str, Any]) -> Any: ...

    def events_after(self, height: int, index: int, limit: int) -> list[tuple[int, int, bytes]]: ...

    def head(self) -> SignedHeader | None: ...

    def prove(self, kind: str, height: int, index: int, head: int = ..., /) -> Proof: ...

    def find(self, transaction: str) -> Receipt | None: ...


class InProcess:
    """A node in this process."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def genesis(self) -> bytes:
        return self._node.genesis_bytes

    def submit(self, wires: Sequence[bytes]) -> list[Receipt]:
        return self._node.submit(wires)

    def deliver(self, wires: Sequence[bytes]) -> Delivery:
        return Delivery(tuple(self._node.submit(wires)))

    def query(self, name: str, arguments: bytes) -> bytes:
        try:
            decoded = msgspec.json.decode(arguments, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise QueryArguments(name=name, detail=str(error)) from None
        return encode(self._node.query(name, decoded))

    def events_after(self, height: int, index: int, limit: int) -> list[tuple[int, int, bytes]]:
        return self._node.events_after(height, index, limit)

    def head(self) -> SignedHeader | None:
        return self._node.head()

    def prove(self, kind: str, height: int, index: int, head: int = 0) -> Proof:
        """`head`: the height of the log that the proof leads to; 0 is the present one."""
        return self._node.prove(kind, height, index, head) if head else self._node.prove(kind, height, index)

    def find(self, transaction: str) -> Receipt | None:
        return self._node.find(transaction)

    def final(self, at_least: int = 0, within_s: float = 0) -> SignedHeader | None:
        """The newest header that a quorum of cosigners signed; None where the node knows of none.

        A node in this process is asked once, and not waited for.
        """
        found: SignedHeader | None = self._node.final() if hasattr(self._node, "final") else None
        return found

    def handovers(self) -> tuple[Handover, ...]:
        """Each change of the cosigners since genesis, with the header of its height."""
        return tuple(self._node.handovers()) if hasattr(self._node, "handovers") else ()

    def prove_block(self, kind: str, height: int, head: int = 0) -> BlockProof:
        """All items of a kind of a block, with the block's way up to the head."""
        found: BlockProof = self._node.prove_block(kind, height, head)  # type: ignore[attr-defined]
        return found

    def consistency(self, old: int, new: int) -> tuple[str, ...]:
        """That the log at one height is the beginning of the log at another."""
        return tuple(self._node.consistency(old, new))  # type: ignore[attr-defined]

    def engine_header(self, height: int) -> EngineHeader:
        """On a network: the engine's header of a height of its own."""
        found: EngineHeader = self._node.engine_header(height)  # type: ignore[attr-defined]
        return found

    def shun(self) -> bool:
        """There is no other node to ask."""
        return False
