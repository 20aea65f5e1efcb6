"""The node's word on many answers at once, signed in a process of its own: the writer has the rest to do."""

from collections.abc import Sequence

from hansa.kernel.signatures import Signer
from hansa.node import limits
from hansa.node.logs import note
from hansa.node.worker import Worker


class Signing:
    """Used by one thread. Without a process, or for a few, the caller's thread signs by itself."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._worker: Worker | None = None

    def start(self) -> None:
        """Start the process and hand it the key."""
        try:
            self._worker = Worker("sign")
        except OSError as error:
            note("no process for signatures", 30, cause=str(error))
            return
        if not self._worker.send([self._signer.secret]) or self._worker.receive() is None:
            self._worker = None

    def sign(self, messages: Sequence[bytes]) -> list[bytes]:
        """A signature for each, in order."""
        worker = self._worker
        if worker is not None and len(messages) >= limits.CHECK_APART_MIN and worker.send(messages):
            signatures = worker.receive()
            if signatures is not None:
                return signatures
        return [self._signer.sign(message) for message in messages]

    def close(self) -> None:
        if self._worker is not None:
            self._worker.end()
