"""Typed client: the only way in for gateways, command line, reports and every worker off the ledger."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hansa.client.asking import answered
from hansa.client.errors import AnswerUnusable
from hansa.client.operators import Operators, is_network, operators_behind, url_of
from hansa.client.transport import InProcess, Transport
from hansa.client.trust import Trust
from hansa.client.validators import Validators
from hansa.kernel import Action, Registry, encode, limits
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer
from hansa.kernel.transaction import sign

T = TypeVar("T")
OnWord = Callable[[bytes], None]
NOT_SIGNED = "an acknowledgement that no operator whom the cosigners stand for signed"
NOT_PROVED = "an outcome that is not proved under a header which the validators signed"


class Refused(Exception):
    """The ledger refused a transaction; `receipt` has the code and both texts."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(f"{receipt.code} ({receipt.field}): {receipt.en}")
        self.receipt = receipt


class Signing:
    """Signs as one key and counts its sequence numbers; `clock` dates its signatures.

    `on_word` is given each acknowledgement that comes back (canonical JSON), once it is known to be signed by
    the operator: keep it, or hand it to one's follower.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        chain: str,
        member: str,
        key: str,
        signer: Signer,
        clock: Callable[[], int],
        sequence: int = 0,
        on_word: OnWord = lambda word: None,
    ) -> None:
        self.registry = registry
        self.chain = chain
        self.member = member
        self.key = key
        self.signer = signer
        self.sequence = sequence
        self.clock = clock
        self._on_word = on_word
        self._operators: Operators | None = None
        self._validators: Validators | None = None
        """On a network: what was checked of it so far."""

    def _hand_on(self, words: Sequence[bytes]) -> bool:
        """Give on what the operator signed. False if it is not known who the operator is, or was not it."""
        if words and (self._operators is None or not self._operators.signed_all(words)):
            return False
        for word in words:
            self._on_word(word)
        return True

    def sign(self, *actions: Action) -> bytes:
        """A signed transaction with the next sequence number, valid for an hour."""
        self.sequence += 1
        return sign(
            self.registry,
            self.signer,
            chain=self.chain,
            member=self.member,
            key=self.key,
            sequence=self.sequence,
            valid_until_ms=self.clock() + limits.HOUR_MS,
            actions=actions,
        )


def not_the_operators(url: str) -> Refusal:
    return AnswerUnusable(url=url, detail=NOT_SIGNED)


def not_proved(url: str) -> Refusal:
    return AnswerUnusable(url=url, detail=NOT_PROVED)


class Client(Signing):
    """One key's access to the ledger. Keeps its own sequence numbers; `clock` dates its signatures.

    On a network what is told of the ledger counts once it is proved; `trust` is what is known of it already.
    """

    def __init__(
        self,
        transport: Transport,
        registry: Registry,
        *,
        member: str,
        key: str,
        signer: Signer,
        clock: Callable[[], int],
        sequence: int = 0,
        on_word: OnWord = lambda word: None,
        trust: Trust | None = None,
    ) -> None:
        chain = hashlib.sha256(transport.genesis()).hexdigest()
        super().__init__(
            registry,
            chain=chain,
            member=member,
            key=key,
            signer=signer,
            clock=clock,
            sequence=sequence,
            on_word=on_word,
        )
        self.transport = transport
        genesis = transport.genesis()
        if is_network(genesis):
            self._validators = Validators(trust or Trust(genesis, chain, None, clock))

    def do(self, *actions: Action) -> Receipt:
        """Submit one transaction and wait until it is durable. Raises Refused; then nothing happened.

        A refusal without a height is the node's word alone: what it was given may still count until its time
        is over. The outbox waits for that; whoever signs anew before may have it done twice.
        """
        return self.submit([self.sign(*actions)])[0]

    def submit(self, wires: Sequence[bytes]) -> list[Receipt]:
        """Submit signed transactions. Raises Refused for the first that was refused, or AnswerUnusable where
        an acknowledgement is not the operator's, or on a network an outcome is not proved.
        """
        receipts: list[Receipt] = []
        for start in range(0, len(wires), limits.IN_FLIGHT_MAX):
            delivery = self.transport.deliver(wires[start : start + limits.IN_FLIGHT_MAX])
            if not self._hand_on(delivery.acknowledgements):
                self._operators = operators_behind(self.transport, self.chain, delivery.acknowledgements)
                if not self._hand_on(delivery.acknowledgements):
                    raise not_the_operators(url_of(self.transport))
            receipts += delivery.receipts
        self._check_proved(receipts)
        for receipt in receipts:
            if receipt.code != "ok":
                raise Refused(receipt)
        return receipts

    def _check_proved(self, receipts: Sequence[Receipt]) -> None:
        """On a network: what is told of the ledger is proved. Raises AnswerUnusable."""
        if self._validators is None:
            return
        proved = self._validators.proved_all(self.transport, receipts)
        for receipt in receipts:
            if (receipt.height or receipt.code == "ok") and receipt not in proved:
                raise not_proved(url_of(self.transport))

    def query(self, name: str, kind: type[T], **arguments: Any) -> T:
        """Ask a room. The answer is decoded as `kind`. Raises AnswerUnusable where it is none."""
        return answered(url_of(self.transport), self.transport.query(name, encode(arguments)), kind)


__all__ = ["Client", "InProcess", "Receipt", "Refused", "Signing", "Transport"]
