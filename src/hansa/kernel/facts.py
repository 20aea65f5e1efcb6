"""What a network's engine says of a block besides its transactions: who proposed it, and who was caught.

The facts stand in the block leaf as canonical JSON in a text (rule 17). The embedded engine has none.
"""

import hashlib
from typing import Annotated, Literal

import msgspec

from hansa.kernel.canonical import decode_strict
from hansa.kernel.types import Positive, Struct, TimeMs

ADDRESS_BYTES = 20

Address = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}$(?!\n)", min_length=40, max_length=40)]
"""Of a consensus key: the first 20 bytes of its SHA-256, lower-case hexadecimal."""
OptionalAddress = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{40})?$(?!\n)", max_length=40)]


class Fault(Struct):
    """Evidence of misbehaviour that the engine found true: signatures of this key contradict each other."""

    kind: Literal["duplicate_vote", "light_client_attack"]
    address: Address
    height: Positive
    """Engine height at which it signed twice."""
    time_ms: TimeMs
    """Of the block of that height."""


class EngineFacts(Struct):
    """Of one block of a network."""

    height: Positive
    """Engine height: it also counts blocks that leave no leaf."""
    proposer: OptionalAddress = ""
    """Empty where the engine does not say."""
    faults: tuple[Fault, ...] = ()


def address(public: bytes) -> str:
    """Under which the engine knows a consensus key."""
    return hashlib.sha256(public).digest()[:ADDRESS_BYTES].hex()


def read_facts(text: str) -> EngineFacts | None:
    """The facts of a block; None for a block of the embedded engine. Raises Malformed, NotCanonical."""
    return decode_strict(text.encode(), EngineFacts) if text else None


def in_order(facts: EngineFacts | None) -> tuple[Fault, ...]:
    """Each fault once, in an order of its own: in which the engine names them changes nothing."""
    found = dict.fromkeys(facts.faults if facts else ())
    return tuple(sorted(found, key=lambda each: (each.address, each.height, each.kind, each.time_ms)))
