"""A process beside the node that does one kind of work on batches."""

import subprocess
import sys
from collections.abc import Sequence
from typing import IO, Any

import msgspec

from hansa.node import limits
from hansa.node.logs import note
from hansa.node.work import LENGTH_BYTES

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode
PIPE_BYTES = 2**20
"""Room for a batch on its way, so that whoever sends it need not wait for the process to read it."""


class Worker:
    """Used by one thread; one `send`, then its `receive`. Raises OSError if it cannot be started.

    Whatever goes wrong with it later ends it: then `send` says so, and `receive` has nothing.
    """

    def __init__(self, *arguments: str) -> None:
        self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
            [sys.executable, "-m", "hansa.node.work", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=PIPE_BYTES,
        )

    @property
    def lives(self) -> bool:
        return self._process is not None

    def send(self, batch: Sequence[Any]) -> bool:
        """Hand a batch over; False if there is nobody to take it."""
        if self._process is None:
            return False
        data = _encode(batch)
        target = _pipe(self._process.stdin)
        try:
            target.write(len(data).to_bytes(LENGTH_BYTES, "big") + data)
            target.flush()
        except OSError:
            self.end()
        return self.lives

    def receive(self) -> list[bytes] | None:
        """What it made of the batch, one result each."""
        if self._process is None:
            return None
        source = _pipe(self._process.stdout)
        try:
            head = source.read(LENGTH_BYTES)
            return _decode(source.read(int.from_bytes(head, "big")))
        except (OSError, msgspec.MsgspecError):
            self.end()
            return None

    def end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            try:
                _pipe(pipe).close()
            except OSError as error:
                note("a process beside the node had ended", 30, cause=str(error))
        try:
            process.wait(limits.WORKER_END_MAX_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
