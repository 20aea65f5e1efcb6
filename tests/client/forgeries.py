"""How a bundle may be forged: the register that the catalogues of forgeries fill."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hansa.client.bundle import Bundle
from tests.client.evidence_world import EvidenceWorld
from tests.consortium import signer

GATEWAY, CLERK, MAKER = signer("plant", "gateway-1"), signer("plant", "k1"), signer("maker", "k1")


@dataclass(frozen=True)
class Forgery:
    """How a bundle is forged, the check of ours that must fail, and whether the second checker can see it."""

    name: str
    make: Callable[[Bundle, EvidenceWorld], Bundle]
    fails: str
    seen_without_rating: bool = True


FORGERIES: list[Forgery] = []


def forgery(fails: str, *, seen_without_rating: bool = True) -> Callable[[Any], Any]:
    def keep(make: Callable[[Bundle, EvidenceWorld], Bundle]) -> Any:
        FORGERIES.append(Forgery(make.__name__, make, fails, seen_without_rating))
        return make

    return keep
