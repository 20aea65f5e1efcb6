"""From the data directory of a network node to a server that listens, and to a socket that its engine finds.

The engine itself is started by whoever supervises both (`hansa node run`), once that socket is there.
"""

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hansa.apps import rooms
from hansa.apps.consortium.messages import Genesis
from hansa.client.keyfiles import read_key
from hansa.engines import foreign_rooms
from hansa.kernel import Release
from hansa.kernel.canonical import decode_strict
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer
from hansa.node import errors, metrics_network
from hansa.node import settings as files
from hansa.node.engine_home import write_home
from hansa.node.errors_engine import NetworkChain, SocketsUnusable
from hansa.node.front import Front
from hansa.node.joining_rotation import take_over
from hansa.node.logs import note
from hansa.node.metrics import Metrics
from hansa.node.network import Network, own_public
from hansa.node.private import private
from hansa.node.projector import projecting
from hansa.node.scrubber import scrubbing
from hansa.node.server import Node
from hansa.node.settings import Settings
from hansa.node.ticking import due_ms

MEMBER_KEY = "member.key"
SUPERVISED = "HANSA_SUPERVISED"
"""In the environment of an application that was started together with its engine."""
Run = Callable[..., None]


class Handle:
    """A network node that runs, for whoever started it in the same process. Safe from any thread."""

    def __init__(self, end: Callable[[], None], network: Network, port: int) -> None:
        self._end, self.network, self.port = end, network, port

    def wake(self) -> None:
        """Due work is woken by ticks, by whose turn it is."""

    def next_due_ms(self) -> int | None:
        """When the next work falls due, by the newest block."""
        with self.network.reader.snapshot() as reading:
            return due_ms(reading)

    def stop(self) -> None:
        self._end()


@private()
def serve_network(
    settings: Settings,
    listening: socket.socket,
    run: Run,
    clock: Callable[[], int],
    release: Release | None,
    ready: Callable[[Any], None] | None,
    stop: threading.Event | None,
    *,
    retry: bool = False,
) -> None:
    """Run the network node of a data directory until it is told to end, or can answer its engine no more.

    `run`: hansa.node.run.run. Raises FileMissing, SocketsUnusable, a refusal of the key files or of the
    application; and at the end what made it end by itself, if anything did.
    """
    network = open_network(settings, clock, release)
    if retry:
        network.application.retry()
    try:
        network.sockets.prepare()
    except OSError as error:
        raise SocketsUnusable(path=str(network.sockets.abci.parent), cause=str(error)) from None
    metrics_port = free_port()
    with network.reader.snapshot() as reading:
        take_over(Path(settings.directory), own_public(reading, settings.member))
    write_home(settings, network.genesis_bytes, network.sockets, metrics_port, fresh=not network.height)
    peers = [peer.partition("@")[0] for peer in settings.engine.peers]
    network.engine_metrics = metrics_network.EngineMetrics(metrics_port, peers)

    def started(server: Any, port: int) -> None:
        network.end = lambda: setattr(server, "should_exit", True)
        if network.ended is not None:
            network.end()
        note("started", role=network.role, port=port, height=network.height)
        if ready is not None:
            ready(Handle(network.end, network, port))

    folder = Path(settings.directory)
    with projecting(folder, network.reader) as seen, scrubbing(folder, network.reader, clock):
        app = Node(Front(settings, network, clock, network.metrics, projection=seen))
        run(app, settings, listening, started, stop)
    note("stopped", height=network.height)
    if network.ended is not None:
        raise network.ended


def open_network(settings: Settings, clock: Callable[[], int], release: Release | None = None) -> Network:
    """The ledger of a data directory. Raises FileMissing, a refusal of key files or of the application."""
    genesis = settings.file(files.GENESIS)
    if not genesis.is_file():
        raise errors.FileMissing(path=str(genesis))
    release = release or rooms.release(foreign_rooms.installed(settings.file(files.ROOMS)))
    own: Path = settings.file(MEMBER_KEY)
    worker: Signer | None = read_key(own).signer if own.is_file() else None
    return Network(settings, genesis.read_bytes(), worker, clock, Metrics(), release)


def check_no_network(genesis_bytes: bytes) -> None:
    """For operators and followers. Raises NetworkChain where the genesis file names validators."""
    try:
        network = decode_strict(genesis_bytes, Genesis).is_network
    except Refusal:
        network = False  # Whoever opens the ledger says what is wrong with it.
    if network:
        raise NetworkChain()


def free_port() -> int:
    """A port of this machine that nobody has at this moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
