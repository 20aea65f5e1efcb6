"""What was decided goes out: shown, signed, encoded, while the writer decides the next group."""

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from hansa.kernel import encode
from hansa.kernel.evidence import Acknowledgement, Promise, SignedAcknowledgement, acknowledgement_bytes
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import ED25519
from hansa.kernel.types import Struct
from hansa.node import errors
from hansa.node.logs import note
from hansa.node.shares import Handed
from hansa.node.signing import Signing


class Submitted(Struct):
    """Answer to a request: an outcome per transaction, and the node's promise of those on the ledger."""

    receipts: tuple[Receipt, ...]
    acknowledgement: SignedAcknowledgement | None = None
    """None where nothing of the request rests on the ledger: all was refused at the door."""


Answer = Callable[[list[tuple[Handed, bytes]], bool], None]
"""(requests with the encoded `Submitted`, whether there is a new block). Called in this module's thread."""


class Answers:
    """One thread, which answers groups in the order in which they were decided.

    `show` lets their blocks be seen; until then nobody is told of them. What it refuses, all are told.
    """

    def __init__(
        self,
        chain: str,
        signing: Signing,
        show: Callable[[], None],
        answer: Answer,
        fail: Callable[[Exception], None],
    ) -> None:
        self._chain, self._signing, self._show = chain, signing, show
        self._answer, self._fail = answer, fail
        self._queue: SimpleQueue[tuple[list[Handed], bool] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="answers", daemon=True)

    def start(self) -> None:
        self._signing.start()
        self._thread.start()

    def put(self, done: list[Handed], new_block: bool) -> None:
        """These requests were decided."""
        self._queue.put((done, new_block))

    def stop(self) -> None:
        """Answer what was decided, then end. Not for the event loop's thread."""
        self._queue.put(None)
        self._thread.join()
        self._signing.close()

    def _run(self) -> None:
        while (decided := self._queue.get()) is not None:
            done, new_block = decided
            failed: Refusal | None = None
            payloads = [b""] * len(done)
            try:
                self._show()
                payloads = self._payloads(done)
            except Refusal as refusal:
                failed = refusal
            except Exception as error:
                # A mistake of the program: nobody may wait for an answer that never comes.
                note("answers failed", 40, trace=True)
                failed = errors.WriterFailed()
                self._fail(error)
            for handed in done:
                handed.failed = handed.failed or failed
            self._answer(list(zip(done, payloads, strict=True)), new_block and failed is None)

    def _payloads(self, done: Sequence[Handed]) -> list[bytes]:
        """The answer to each request, with one signature over all of it that rests on the ledger."""
        words = [None if handed.failed else self._word(handed.receipts) for handed in done]
        signatures = iter(self._signing.sign([acknowledgement_bytes(word) for word in words if word]))
        return [
            b"" if handed.failed else _payload(handed.receipts, word, next(signatures) if word else b"")
            for handed, word in zip(done, words, strict=True)
        ]

    def _word(self, receipts: Sequence[Receipt | None]) -> Acknowledgement | None:
        items = tuple(
            Promise(receipt.transaction, receipt.code, receipt.height, receipt.index, receipt.app_hash)
            for receipt in receipts
            if receipt is not None and receipt.height
        )
        return Acknowledgement(self._chain, items) if items else None


def _payload(receipts: Sequence[Receipt | None], word: Acknowledgement | None, signature: bytes) -> bytes:
    given = tuple(receipt for receipt in receipts if receipt is not None)
    promise = None if word is None else SignedAcknowledgement(word, ED25519, signature)
    return encode(Submitted(receipts=given, acknowledgement=promise))
