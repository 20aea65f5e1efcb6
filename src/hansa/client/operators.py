"""Who orders the blocks of a chain, from the genesis file on; and what counts as the operator's word.

Nothing that a node shows is believed by itself: a header, an acknowledgement or an outcome counts under the
key of the operator of its height, and another operator counts under the word of the cosigners before it.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hansa.apps.consortium.handovers import Fault, Handover, InForce, counted, founding_set, handed_over
from hansa.apps.consortium.messages import Genesis
from hansa.client import errors
from hansa.client.transport import Transport
from hansa.client.trust import Trust
from hansa.client.validators import AWAY, Validators, url_of
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import (
    Acknowledgement,
    SignedAcknowledgement,
    SignedHeader,
    holds,
    promised_by,
    signed_by,
)
from hansa.kernel.messages import Outcome, Receipt
from hansa.kernel.refusal import Refusal

ANY_HEIGHT = 2**53 - 1
HANDOVER_TRIES = 20
HANDOVER_PAUSE_S = 0.25
"""How long a new operator's word may wait for the cosigners to sign its handover."""


@dataclass(frozen=True)
class Operators:
    """The sets of cosigners of a chain with their operators, oldest first; never empty."""

    chain: str
    sets: tuple[InForce, ...]

    def at(self, height: int) -> InForce:
        """Whose the header of a height is."""
        return next((one for one in reversed(self.sets) if one.since <= height), self.sets[0])

    def signed(self, head: SignedHeader) -> bool:
        """Whether the operator of its height signed this header of the chain."""
        return head.header.chain == self.chain and signed_by(head, self.at(head.header.height).public)

    def final(self, head: SignedHeader) -> bool:
        """Whether a quorum of the cosigners of its height signed it, its operator among them."""
        if not self.signed(head):
            return False
        in_force = self.at(head.header.height)
        members, faults = counted(head, in_force)
        return not faults and len(members) >= in_force.quorum

    def word(self, data: bytes) -> Acknowledgement | None:
        """What an acknowledgement says, if the operator of each height in it signed it for this chain."""
        try:
            signed = decode_strict(data, SignedAcknowledgement)
        except Refusal:
            return None
        said = signed.acknowledgement
        keys = {self.at(item.height).public for item in said.items}
        ours = said.chain == self.chain and keys and all(promised_by(signed, public) for public in keys)
        return said if ours else None

    def signed_all(self, words: Sequence[bytes]) -> bool:
        return all(self.word(word) is not None for word in words)

    def shown_ms(self, transport: Transport) -> int:
        """Time of the newest block that its operator signed; 0 where none is shown. Raises OtherChain."""
        head = transport.head()
        if head is not None and head.header.chain != self.chain:
            found, expected = head.header.chain[:12], self.chain[:12]
            raise errors.OtherChain(url=url_of(transport), found=found, expected=expected)
        return head.header.time_ms if head is not None and self.signed(head) else 0

    def settled_ms(self, transport: Transport) -> int:
        """Time that the ledger has passed for good: of a final block, where more than one must sign.

        0 where none is shown. No block with an earlier time can follow.
        """
        if self.sets[-1].quorum == 1:
            return self.shown_ms(transport)
        head = transport.final()
        return head.header.time_ms if head is not None and self.final(head) else 0

    def proved(self, transport: Transport, receipt: Receipt) -> bool:
        """Whether this outcome lies there, by a proof under a header that its operator signed.

        Raises a Refusal only where the node is away.
        """
        try:
            head = transport.head()
            if head is None or not self.signed(head):
                return False
            proof = transport.prove("outcome", receipt.height, receipt.index, head.header.height)
            outcome = decode_strict(proof.item, Outcome)
        except AWAY:
            raise
        except Refusal:
            return False
        return (
            proof.kind == "outcome"
            and (proof.block.height, proof.within_block.index) == (receipt.height, receipt.index)
            and (outcome.transaction, outcome.code) == (receipt.transaction, receipt.code)
            and holds(proof, head.header)
        )

    def proved_all(self, transport: Transport, receipts: Iterable[Receipt]) -> set[Receipt]:
        """Those of these receipts whose outcome is proved. Raises a Refusal only where the node is away."""
        return {receipt for receipt in receipts if self.proved(transport, receipt)}


Authority = Operators | Validators
"""Who stands for what lies on a chain, by its genesis file."""


def operators(genesis: bytes, chain: str, handovers: Sequence[Handover]) -> Operators:
    """By the genesis file of a chain, and each change that stands under a quorum of the set before."""
    sets = [founding_set(decode_strict(genesis, Genesis))]
    for handover in handovers:
        found = handed_over(chain, ANY_HEIGHT, handover, sets[-1])
        if isinstance(found, Fault):
            break
        sets.append(found)
    return Operators(chain, tuple(sets))


def operators_of(transport: Transport, chain: str) -> Operators:
    """The operators of this chain, as far as a node can show them; its genesis must be that of the chain."""
    return operators(transport.genesis(), chain, transport.handovers())


def operators_behind(transport: Transport, chain: str, words: Sequence[bytes]) -> Operators:
    """The operators, as soon as they are known to have signed these words; else, after a while, as known."""
    found = operators_of(transport, chain)
    for _ in range(HANDOVER_TRIES):
        if found.signed_all(words):
            break
        time.sleep(HANDOVER_PAUSE_S)
        found = operators_of(transport, chain)
    return found


def is_network(genesis: bytes) -> bool:
    """Whether validators order the blocks of the chain that this file founds. Raises Malformed."""
    return decode_strict(genesis, Genesis).is_network


def authority_of(transport: Transport, chain: str, trusted: Path | None = None) -> Authority:
    """Who stands for this chain: its operators as far as the node can show them, or its validators.

    `trusted`: the file of what is known of these; without it, the genesis file alone.
    """
    genesis = transport.genesis()
    if is_network(genesis):
        return Validators(Trust(genesis, chain, trusted, now_ms))
    return operators(genesis, chain, transport.handovers())


def now_ms() -> int:
    return time.time_ns() // 1_000_000


__all__ = [
    "AWAY",
    "Authority",
    "Operators",
    "authority_of",
    "is_network",
    "operators",
    "operators_behind",
    "operators_of",
    "url_of",
]
