"""Serves an application to its engine: a Unix socket, in a thread of its own with its own loop.

The engine opens four connections, which look alike; answers come on each in the order of its requests. All of
them are answered by one thread, so the application needs no lock. What cannot be read ends its connection; a
fault of the application ends them all, and with them the engine: nothing is answered that is not so.
"""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any, Protocol, TypeVar, cast

from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.codec import read_request, write
from hansa.engines.cometbft.errors import FrameUnfit
from hansa.engines.cometbft.wire import framed, frames
from hansa.kernel import Refusal
from hansa.kernel.refusal import shown

T = TypeVar("T")
LET_IN = framed(write(abci.CheckTxAnswer()))
"""The answer that is given most."""
START_WAIT_S = 10
STOP_WAIT_S = 10
CONNECTIONS_MAX = 16
"""The engine opens four; the rest is for one that comes back before its old ones are gone."""


class Serves(Protocol):
    """What is served: an Application, or what a node puts around it."""

    @property
    def blocked(self) -> Refusal | None: ...

    def info(self, asked: abci.Info) -> abci.InfoAnswer: ...

    def init_chain(self, asked: abci.InitChain) -> abci.InitChainAnswer: ...

    def query(self, asked: abci.Query) -> abci.QueryAnswer: ...

    def check_tx(self, asked: abci.CheckTx) -> abci.CheckTxAnswer: ...

    def prepare_proposal(self, asked: abci.PrepareProposal) -> abci.PrepareProposalAnswer: ...

    def process_proposal(self, asked: abci.ProcessProposal) -> abci.ProcessProposalAnswer: ...

    def finalize_block(self, asked: abci.FinalizeBlock) -> abci.FinalizeBlockAnswer: ...

    def commit(self, asked: abci.Commit) -> abci.CommitAnswer: ...

    def list_snapshots(self, asked: abci.ListSnapshots) -> abci.ListSnapshotsAnswer: ...

    def offer_snapshot(self, asked: abci.OfferSnapshot) -> abci.OfferSnapshotAnswer: ...

    def load_snapshot_chunk(self, asked: abci.LoadSnapshotChunk) -> abci.LoadSnapshotChunkAnswer: ...

    def apply_snapshot_chunk(self, asked: abci.ApplySnapshotChunk) -> abci.ApplySnapshotChunkAnswer: ...


def _new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it exists: half the cost of a request's way in and out."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


Answerer = Callable[[Any], abci.Answer]


def answerers(application: Serves) -> dict[type[Any], Answerer]:
    """Who answers which request. Vote extensions are never switched on; an engine that asks gets none."""
    return {
        abci.Echo: lambda asked: abci.EchoAnswer(asked.message),
        abci.Flush: lambda asked: abci.FlushAnswer(),
        abci.Info: application.info,
        abci.InitChain: application.init_chain,
        abci.Query: application.query,
        abci.CheckTx: application.check_tx,
        abci.Commit: application.commit,
        abci.ListSnapshots: application.list_snapshots,
        abci.OfferSnapshot: application.offer_snapshot,
        abci.LoadSnapshotChunk: application.load_snapshot_chunk,
        abci.ApplySnapshotChunk: application.apply_snapshot_chunk,
        abci.PrepareProposal: application.prepare_proposal,
        abci.ProcessProposal: application.process_proposal,
        abci.ExtendVote: lambda asked: abci.ExtendVoteAnswer(),
        abci.VerifyVoteExtension: lambda asked: abci.VerifyVoteExtensionAnswer(
            abci.Status.REJECT if asked.vote_extension else abci.Status.ACCEPT
        ),
        abci.FinalizeBlock: application.finalize_block,
    }


class Server:
    """An application at a socket, from `start` to `stop`.

    `on_fault` hears, on the server's thread, what ended it: a refusal of the application's (Stopped and the
    like) or an error of the program. No engine is answered after that. `on_unfit` hears of connections that
    were ended because what came on them is no ABCI.
    """

    def __init__(
        self,
        application: Serves,
        path: Path,
        *,
        on_fault: Callable[[Exception], None] = lambda error: None,
        on_unfit: Callable[[FrameUnfit], None] = lambda refusal: None,
    ) -> None:
        self.application, self.path = application, path
        self.fault: Exception | None = None
        self.on_fault, self.on_unfit = on_fault, on_unfit
        self.answerers = answerers(application)
        self.connections: set[_Connection] = set()
        self._loop = _new_loop()
        self._thread = Thread(target=self._run, name="abci", daemon=True)
        self._ready = Event()
        self._failed: Exception | None = None
        self._listening: asyncio.AbstractServer | None = None

    def start(self) -> None:
        """Listen. Raises what the application is blocked for, or OSError where the socket cannot be made."""
        if self.application.blocked is not None:
            raise self.application.blocked
        self._thread.start()
        self._ready.wait(START_WAIT_S)
        if self._failed is not None:
            raise self._failed

    def stop(self) -> None:
        """End all connections and the thread; a request that is being answered is answered first."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # It may have ended by itself meanwhile.
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_WAIT_S)

    def call(self, function: Callable[[], T]) -> T:
        """Have something done with the application between two requests, on its thread. Waits for it."""

        async def done() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result()

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        try:
            # Left by a process that is gone: the folder is held by this one.
            self.path.unlink(missing_ok=True)
            self._listening = loop.run_until_complete(
                loop.create_unix_server(lambda: _Connection(self), str(self.path))
            )
            self.path.chmod(0o600)
            self._ready.set()
            loop.run_forever()
        except OSError as error:
            self._failed = error
        finally:
            self._close()
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            self._ready.set()

    def _close(self) -> None:
        if self._listening is not None:
            self._listening.close()
        for connection in list(self.connections):
            connection.close()
        self.path.unlink(missing_ok=True)

    def end(self, error: Exception) -> None:
        """The application failed: no connection is answered any more."""
        self.fault = error
        self._close()
        self.on_fault(error)


class _Connection(asyncio.Protocol):
    """One of the engine's connections."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # Other loops' transports are no subclass.
        if self._server.fault is not None or len(self._server.connections) >= CONNECTIONS_MAX:
            self._transport.abort()
            return
        self._server.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connections.discard(self)

    def pause_writing(self) -> None:
        """The engine does not take its answers: no more is read until it does."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers: list[bytes] = []
        try:
            for frame in frames(self._buffer):
                asked = read_request(frame)
                answer = self._server.answerers[type(asked)](asked)
                answers.append(LET_IN if answer == abci.CheckTxAnswer() else framed(write(answer)))
        except FrameUnfit as refusal:
            self._say(answers, refusal)
            self._server.on_unfit(refusal)
            self.close()
        except Exception as error:
            self._say(answers, error)
            self._server.end(error)
        else:
            self._say(answers)

    def _say(self, answers: list[bytes], error: Exception | None = None) -> None:
        if error is not None:
            text = error.en if isinstance(error, Refusal) else f"{type(error).__name__}: {error}"
            answers.append(framed(write(abci.ExceptionAnswer(shown(text)))))
        if self._transport is not None and answers:
            self._transport.write(b"".join(answers))

    def close(self) -> None:
        """After what was written is out."""
        if self._transport is not None:
            self._transport.close()


def serve(application: Serves, path: Path, **hooks: Any) -> Server:
    """Start serving. The caller stops it. Raises as `Server.start`."""
    server = Server(application, path, **hooks)
    server.start()
    return server
