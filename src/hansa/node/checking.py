"""Signatures of waiting transactions, checked in processes of their own before the engine asks for them.

What holds goes into the chain's cache of verified signatures (rule 5), where the engine finds it. Whether the
key may act is the engine's to say: here only rubbish falls, at the price of one check.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence

from hansa.kernel.keys import WrongSignature
from hansa.kernel.messages import Receipt
from hansa.kernel.signatures import TRANSACTION_DOMAIN, VerifiedCache
from hansa.kernel.transaction import HEAD_BYTES, identity
from hansa.node import limits
from hansa.node.logs import note
from hansa.node.wires import NOBODY, Claim, claim
from hansa.node.worker import Worker

Publics = Callable[[Claim], bytes | None]
"""The public key that the ledger holds under a claim's name, or None."""
Work = tuple[bytes, bytes]
"""(public key, wire)."""


class Checkers:
    """Checks many signatures at once, beside its caller. Used by one thread; one `send`, then its `receive`.

    A process that cannot be started, or died, is done without: the caller's thread then checks by itself.
    """

    def __init__(self, verified: VerifiedCache, processes: int | None = None) -> None:
        self._verified = verified
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
        self._wanted = max(1, cores - 1) if processes is None else processes
        self._workers: list[Worker] = []
        self._sent: list[tuple[Worker | None, Sequence[Work]]] = []

    def start(self) -> None:
        """Start the processes; they are ready by the time they are needed, or are waited for."""
        try:
            for _ in range(self._wanted):
                self._workers.append(Worker("check", str(HEAD_BYTES), TRANSACTION_DOMAIN.hex()))
        except OSError as error:
            note("no process for signature checks", 30, cause=str(error))

    def send(self, work: Sequence[Work]) -> None:
        """Begin to check. Few signatures are left for `receive` to check by itself."""
        assert not self._sent
        workers = [worker for worker in self._workers if worker.lives]
        if len(work) < limits.CHECK_APART_MIN or not workers:
            self._sent = [(None, work)]
            return
        share = -(-len(work) // len(workers))
        for number, worker in enumerate(workers):
            part = work[number * share : (number + 1) * share]
            if part:
                self._sent.append((worker if worker.send(part) else None, part))

    def receive(self) -> list[bool]:
        """Which of the signatures hold, in the order in which they were sent."""
        sent, self._sent = self._sent, []
        verdicts: list[bool] = []
        for worker, part in sent:
            names = None if worker is None else worker.receive()
            if names is None:
                verdicts += [self._check(public, wire) for public, wire in part]
            else:
                self._verified.learn(name for name in names if name)
                verdicts += [bool(name) for name in names]
        return verdicts

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.end()

    def _check(self, public: bytes, wire: bytes) -> bool:
        if len(wire) < HEAD_BYTES:
            return False
        message = TRANSACTION_DOMAIN + wire[HEAD_BYTES:]
        return self._verified.verify(public, wire[0], wire[1:HEAD_BYTES], message)


class Checking:
    """The checks in front of one engine. Used by the writer's thread, which asks `publics`."""

    def __init__(self, checkers: Checkers, publics: Publics) -> None:
        self._checkers, self._publics = checkers, publics
        self._known: OrderedDict[Claim, bytes] = OrderedDict()
        self._wires: list[bytes] = []

    def start(self) -> None:
        self._checkers.start()

    def close(self) -> None:
        self._checkers.close()

    def known(self, own: Claim) -> Claim:
        """The claim, if it names a key that the ledger knew when it was sent; else NOBODY."""
        return own if own in self._known else NOBODY

    def send(self, claims: dict[bytes, Claim]) -> None:
        """Begin to check these transactions, as far as their keys are on the ledger."""
        work = [
            (public, wire) for wire, own in claims.items() if (public := self._public(wire, own)) is not None
        ]
        self._wires = [wire for _, wire in work]
        self._checkers.send(work)

    def receive(self) -> dict[bytes, Receipt]:
        """Receipts of those whose signature is wrong."""
        verdicts = self._checkers.receive()
        return {wire: _refused(wire) for wire, good in zip(self._wires, verdicts, strict=True) if not good}

    def _public(self, wire: bytes, own: Claim) -> bytes | None:
        """The key to check a wire by. What is known costs nothing; the rest is asked of the ledger."""
        found = self._known.get(own)
        if found is None:
            named = own if own is not NOBODY else claim(wire)
            if named is NOBODY:
                return None
            found = self._known.get(named) or self._publics(named)
            if found is not None:
                self._known[named] = found
                if len(self._known) > limits.KNOWN_KEYS_MAX:
                    self._known.popitem(last=False)
        return found


def _refused(wire: bytes) -> Receipt:
    own = claim(wire)
    refusal = WrongSignature(member=own.member, key=own.key)
    return Receipt(
        transaction=identity(wire), code=refusal.code, field=refusal.field, zh=refusal.zh, en=refusal.en
    )
