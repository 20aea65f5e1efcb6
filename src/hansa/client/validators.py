"""What counts on a network: nobody's word, but a proof under a commit of the validators (rule 28).

Asking is told apart from checking: what is to be asked is yielded as a `Call` of the transport, so that the
same checks serve clients that block and clients that do not.
"""

from collections.abc import Generator, Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from hansa.client import errors
from hansa.client.transport import Transport
from hansa.client.trust import Trust
from hansa.client.trust_errors import HostEmpty
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import Acknowledgement, BlockProof, Proof, SignedHeader, holds, holds_all
from hansa.kernel.messages import Outcome, Receipt
from hansa.kernel.refusal import Refusal

T = TypeVar("T")

AWAY = (errors.Unreachable, errors.TimedOut, errors.Busy)
"""No answer at all: nothing follows from it."""
PROVED_WITHIN_S = 10.0
"""How long to wait for the header over a block that is executed; it is the engine's next one."""
WHOLE_BLOCK_FROM = 4
"""From so many receipts of a block on, all its outcomes are asked for at once."""


class Call(NamedTuple):
    """A method of the transport, to be called for the one who yields it."""

    name: str
    arguments: tuple[Any, ...] = ()


Calls = Generator[Call, Any, T]


def run(transport: Transport, calls: Calls[T]) -> T:
    """Do what is asked for until there is a result; a Refusal is given back to who asked."""
    answer: Any = None
    refusal: Refusal | None = None
    while True:
        try:
            call = calls.send(answer) if refusal is None else calls.throw(refusal)
        except StopIteration as done:
            result: T = done.value
            return result
        answer, refusal = None, None
        try:
            answer = getattr(transport, call.name)(*call.arguments)
        except Refusal as found:
            refusal = found


class Validators:
    """A network's validators as one client knows them. Not for several threads, or tasks, at once."""

    def __init__(self, trust: Trust) -> None:
        self.trust, self.chain = trust, trust.chain

    # Asking. Each raises what Trust raises, HostEmpty, or a Refusal where the node is away.

    def newest(self, url: str, at_least: int = 0, within_s: float = 0) -> Calls[SignedHeader]:
        """The newest header of a host, checked against all that is known; kept if it is the newest ever."""
        head: SignedHeader | None = yield Call("final", (at_least, within_s))
        if head is None:
            raise HostEmpty(url=url)
        return (yield from self.taken(url, head))

    def taken(self, url: str, head: SignedHeader) -> Calls[SignedHeader]:
        """A header that this host shows, checked against all that is known; kept if it is the newest ever."""
        if not self.trust.knows_set_of(head):
            self.trust.learn_sets((yield Call("handovers")))
        self.trust.check(url, head)
        known, path = self.trust.head, None
        if known is not None and head.header.height > known.header.height:
            try:
                path = yield Call("consistency", (known.header.height, head.header.height))
            except AWAY:
                raise
            except Refusal:
                path = None  # It shows none: that is all there is to know.
        self.trust.continues(url, head, path)
        return head

    def proving(self, url: str, receipts: Iterable[Receipt]) -> Calls[set[Receipt]]:
        """Those of these receipts whose outcome is proved: one header for all, few proofs a block."""
        resting = sorted((one for one in receipts if one.height), key=lambda one: one.height)
        if not resting:
            return set()
        highest, head = resting[-1].height, self.trust.head
        if head is None or head.header.height < highest:
            head = yield from self.newest(url, highest, PROVED_WITHIN_S)
        found: set[Receipt] = set()
        for height, group in groupby(resting, key=lambda one: one.height):
            if height <= head.header.height:
                found |= yield from self._proved_in(list(group), height, head)
        return found

    def _proved_in(self, receipts: list[Receipt], height: int, head: SignedHeader) -> Calls[set[Receipt]]:
        under = head.header.height
        try:
            if len(receipts) >= WHOLE_BLOCK_FROM:
                whole: BlockProof = yield Call("prove_block", ("outcome", height, under))
                sound = (whole.kind, whole.block.height) == ("outcome", height)
                if not sound or not holds_all(whole, head.header):
                    return set()
                return {one for one in receipts if _says(whole.items[one.index : one.index + 1], one)}
            found = set()
            for one in receipts:
                proof: Proof = yield Call("prove", ("outcome", height, one.index, under))
                place = (proof.kind, proof.block.height, proof.within_block.index)
                sound = place == ("outcome", height, one.index) and holds(proof, head.header)
                if sound and _says((proof.item,), one):
                    found.add(one)
        except AWAY:
            raise
        except Refusal:
            return set()
        return found

    # As Operators, for whoever does not care which of the two it is.

    def signed(self, head: SignedHeader) -> bool:
        """Whether the validators stand for this header, as far as their sets are known."""
        return self.trust.stands(head)

    final = signed

    def word(self, data: bytes) -> Acknowledgement | None:
        """Nobody's word counts here."""
        return None

    def signed_all(self, words: Sequence[bytes]) -> bool:
        return not words

    def shown_ms(self, transport: Transport) -> int:
        """Time of the newest block that the validators signed: none with an earlier time can follow."""
        try:
            head = run(transport, self.newest(url_of(transport)))
        except HostEmpty:
            return 0
        assert head.commit is not None
        return head.commit.header.time_ms

    settled_ms = shown_ms

    def proved(self, transport: Transport, receipt: Receipt) -> bool:
        return receipt in self.proved_all(transport, [receipt])

    def proved_all(self, transport: Transport, receipts: Iterable[Receipt]) -> set[Receipt]:
        """Those whose outcome is proved. Raises a Refusal where the node is away, or lies about its head.

        Where there are several nodes, another one is asked once the one that showed the header is away.
        """
        wanted = list(receipts)
        for left in range(getattr(transport, "spare", 0), -1, -1):
            try:
                return run(transport, self.proving(url_of(transport), wanted))
            except AWAY:
                if not left:
                    raise
        raise AssertionError


def _says(items: Sequence[bytes], receipt: Receipt) -> bool:
    """Whether the outcome at a receipt's place is the receipt's."""
    if len(items) != 1:
        return False
    try:
        outcome = decode_strict(items[0], Outcome)
    except Refusal:
        return False
    told = (receipt.transaction, receipt.code, receipt.field, receipt.clause)
    return (outcome.transaction, outcome.code, outcome.field, outcome.clause) == told


def url_of(transport: Transport) -> str:
    return str(getattr(transport, "url", "-"))
