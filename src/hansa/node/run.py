"""From a data directory to a server that listens: what `hansa up` and `hansa follow` call."""

import errno
import logging
import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import uvicorn

from hansa.apps import rooms
from hansa.client.keyfiles import read_key
from hansa.engines import foreign_rooms
from hansa.kernel import Release
from hansa.kernel.apply import Incident
from hansa.node import errors, limits
from hansa.node import settings as files
from hansa.node.errors_engine import NothingSetAside
from hansa.node.express import protocol
from hansa.node.front import Front
from hansa.node.logs import note, start_logging
from hansa.node.metrics import Metrics
from hansa.node.network_run import check_no_network, serve_network
from hansa.node.newest import later_blocks
from hansa.node.operator import Operator
from hansa.node.private import private
from hansa.node.projector import projecting
from hansa.node.scrubber import scrubbing
from hansa.node.server import Node, now_ms
from hansa.node.settings import Settings, check

BACKLOG = 1_024
SWITCH_S = 0.001
"""How long a thread may keep the interpreter while another waits for it. The writer gives it away at commits
and must soon have it back: a fifth of Python's own value, about 7 % more transactions a second.
"""


class Handle:
    """A node that runs: for whoever started it in the same process. Safe from any thread."""

    def __init__(self, server: uvicorn.Server, operator: Operator, port: int) -> None:
        self._server, self._operator, self.port = server, operator, port

    def wake(self) -> None:
        """Make the blocks that are due at the clock's time; returns when they are durable."""
        self._operator.admission.wake()

    def next_due_ms(self) -> int | None:
        """When the next work falls due, by the newest block."""
        return self._operator.admission.due_ms

    def stop(self) -> None:
        """Ask the node to end; `serve` returns when all that waits is decided."""
        self._server.should_exit = True


@private()
def serve(
    settings: Settings,
    *,
    clock: Callable[[], int] = now_ms,
    release: Release | None = None,
    ready: Callable[[Any], None] | None = None,
    stop: threading.Event | None = None,
    retry: Literal["", "again", "set_aside"] = "",
) -> None:
    """Run the node of a data directory until it is told to end: the operator's, a follower's, a network's.

    `ready` is called with a Handle (or a follower's) once the port listens. Ends on SIGINT and SIGTERM where
    it runs on the main thread, by `stop`, or by the handle. Raises a Refusal that says what to do:
    ExposedPlain, PortTaken, FileMissing, …

    `release` is by default that of this program with the rooms that are installed beside it. `retry` is the
    operator's word to a node that only reads since a block stopped it twice: the block is tried again, or (an
    operator's own alone, else NothingSetAside) its transactions are set aside.
    """
    check(settings)
    if settings.role == "network" and retry == "set_aside":
        raise NothingSetAside(path=settings.directory)
    start_logging(settings.log)
    if settings.role == "follower":
        from hansa.node.follower import Word, follow

        word = Word(retry=retry == "again")
        follow(settings, clock=clock, release=release, ready=ready, stop=stop, word=word)
        return
    listening = listen(settings)
    try:
        if settings.role == "network":
            serve_network(settings, listening, run, clock, release, ready, stop, retry=bool(retry))
            return
        operator = open_operator(settings, clock, release)
        _ask_others(settings, operator)
        if retry:
            operator.engine.retry(drop=retry == "set_aside")

        def started(server: uvicorn.Server, port: int) -> None:
            note("started", role=operator.role, port=port, height=operator.height)
            if ready is not None:
                ready(Handle(server, operator, port))

        folder = Path(settings.directory)
        with projecting(folder, operator.reader) as seen, scrubbing(folder, operator.reader, clock):
            app = Node(Front(settings, operator, clock, operator.metrics, projection=seen))
            run(app, settings, listening, started, stop)
        note("stopped", height=operator.height)
    finally:
        listening.close()


def open_operator(settings: Settings, clock: Callable[[], int], release: Release | None) -> Operator:
    """The engine of a data directory. Raises FileMissing, LedgerGone, or what key file or engine do."""
    genesis = settings.file(files.GENESIS)
    if not genesis.is_file():
        raise errors.FileMissing(path=str(genesis))
    if not settings.file(files.LEDGER).is_file():
        raise errors.LedgerGone(path=settings.directory)
    check_no_network(genesis.read_bytes())
    release = release or rooms.release(foreign_rooms.installed(settings.file(files.ROOMS)))
    signer = read_key(settings.file(files.NODE_KEY)).signer
    return Operator(settings, genesis.read_bytes(), signer, clock, Metrics(), release)


def _ask_others(settings: Settings, operator: Operator) -> None:
    """Where others hold later blocks of this node, its ledger is an older copy, and it orders nothing."""
    with operator.reader.snapshot() as reading:
        found = later_blocks(settings, reading, operator.engine.public)
    if not found:
        return
    operator.engine.ledger.is_copy()
    detail = ", ".join(f"{one.member} ({one.url}): {one.height}" for one in found)
    operator.engine.ledger.stops.tell(Incident("behind", detail))
    note("behind", logging.WARNING, height=operator.height, others=detail)


def listen(settings: Settings) -> socket.socket:
    """The socket that the server will have. Raises PortTaken or AddressUnusable."""
    found = None
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        found = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":
            # A port that was in use a moment ago may be had again; elsewhere this would share a port in use.
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((settings.host, settings.port))
        found.listen(BACKLOG)
    except OSError as error:
        if found is not None:
            found.close()
        if error.errno == errno.EADDRINUSE:
            raise errors.PortTaken(host=settings.host, port=settings.port) from None
        raise errors.AddressUnusable(host=settings.host, port=settings.port, cause=str(error)) from None
    found.setblocking(False)
    return found


def run(
    app: Node,
    settings: Settings,
    listening: socket.socket,
    ready: Callable[[uvicorn.Server, int], None],
    stop: threading.Event | None = None,
) -> None:
    """Serve an application on a socket until it is told to end. Raises TlsUnusable."""
    sys.setswitchinterval(SWITCH_S)
    server = _Server(_config(app, settings), app)
    port = listening.getsockname()[1]
    server.on_start = lambda: ready(server, port)
    if stop is not None:
        threading.Thread(target=_end_on, args=(stop, server), name="stop", daemon=True).start()
    server.run(sockets=[listening])


def _config(app: Node, settings: Settings) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=protocol(app.front, app.goes_by),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=settings.limits.keep_alive_s,
        timeout_graceful_shutdown=limits.STOP_TIME_MAX_S,
        ssl_certfile=str(settings.file(settings.tls_certificate)) if settings.tls_certificate else None,
        ssl_keyfile=str(settings.file(settings.tls_key)) if settings.tls_key else None,
    )
    try:
        config.load()
    except (ssl.SSLError, OSError, ValueError) as error:
        raise errors.TlsUnusable(cause=str(error)) from None
    return config


def _end_on(stop: threading.Event, server: uvicorn.Server) -> None:
    stop.wait()
    server.should_exit = True


class _Server(uvicorn.Server):
    """Tells when it listens, and lets answers without end come to one."""

    def __init__(self, config: uvicorn.Config, app: Node) -> None:
        super().__init__(config)
        self._app = app
        self.on_start: Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.front.end_streams()
        await super().shutdown(sockets)
        # Ended as it was told to: the signal that told it need not end the process once more.
        self._captured_signals.clear()
