"""The server at its socket: order, pieces, pipelines, several connections, and how it ends."""

import asyncio
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft import wire
from hansa.engines.cometbft.codec import read_answer, write
from hansa.engines.cometbft.errors import FrameUnfit, HeightUnexpected
from hansa.engines.cometbft.server import CONNECTIONS_MAX, Server, _Connection, serve
from hansa.engines.errors import Waiting
from tests.engines.cometbft.network import Network
from tests.kernel import room
from tests.waiting import until

WAIT_S = 30


class Engine:
    """One connection, as an engine opens four."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(WAIT_S)
        self.socket.connect(str(path))
        self._buffer = bytearray()

    def send(self, *asked: abci.Request) -> None:
        self.socket.sendall(b"".join(wire.framed(write(each)) for each in asked))

    def read(self, count: int = 1) -> list[abci.Answer]:
        """So many answers; fewer where the connection ended."""
        found: list[abci.Answer] = []
        while len(found) < count:
            found += [read_answer(frame) for frame in wire.frames(self._buffer)]
            if len(found) < count:
                data = self.socket.recv(65_536)
                if not data:
                    break
                self._buffer += data
        return found

    def ask(self, asked: abci.Request) -> Any:
        self.send(asked)
        return self.read()[0]

    def ended(self) -> bool:
        return self.read() == []

    def close(self) -> None:
        self.socket.close()


class Served:
    def __init__(self, path: Path) -> None:
        self.net = Network(registry=room.registry())
        self.path = path
        self.faults: list[Exception] = []
        self.unfit: list[FrameUnfit] = []
        self.server: Server = serve(
            self.net.application, path, on_fault=self.faults.append, on_unfit=self.unfit.append
        )
        self._engines: list[Engine] = []

    def connect(self) -> Engine:
        self._engines.append(Engine(self.path))
        return self._engines[-1]

    def close(self) -> None:
        for each in self._engines:
            each.close()
        self.server.stop()
        self.net.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "s")
    yield made
    made.close()


def test_answers_come_in_the_order_of_the_requests(served: Served) -> None:
    engine = served.connect()
    wires = [served.net.wire("maker", room.Register(tool=f"t{number}")) for number in range(120)]
    engine.send(*map(abci.CheckTx, wires), abci.Flush(), abci.Echo("e"), abci.CheckTx(b"x"), abci.Info())
    answers = engine.read(124)
    assert answers[:120] == [abci.CheckTxAnswer()] * 120
    kinds = [type(each) for each in answers[120:]]
    assert kinds == [abci.FlushAnswer, abci.EchoAnswer, abci.CheckTxAnswer, abci.InfoAnswer]
    assert answers[122].code == 1  # type: ignore[union-attr]


def test_a_request_may_arrive_in_pieces(served: Served) -> None:
    engine = served.connect()
    for byte in wire.framed(write(abci.Echo("piece by piece"))):
        engine.socket.sendall(bytes((byte,)))
    assert engine.read() == [abci.EchoAnswer("piece by piece")]


def test_a_block_over_four_connections(served: Served) -> None:
    query, snapshot, mempool, consensus = (served.connect() for _ in range(4))
    assert query.ask(abci.Info()).last_block_height == 0
    assert snapshot.ask(abci.ListSnapshots()) == abci.ListSnapshotsAnswer()
    consensus.ask(served.net.founding())
    transaction = served.net.wire("maker", room.Register(tool="saw-1"))
    assert mempool.ask(abci.CheckTx(transaction)).code == 0
    asked = abci.FinalizeBlock(txs=(transaction,), height=1, time_ns=served.net.time_ns)
    answer = consensus.ask(asked)
    assert mempool.ask(abci.Flush()) == abci.FlushAnswer()
    assert query.ask(abci.Info()).last_block_height == 0
    consensus.ask(abci.Commit())
    told = query.ask(abci.Info())
    assert (told.last_block_height, told.last_block_app_hash) == (1, answer.app_hash)


def test_vote_extensions_are_never_used(served: Served) -> None:
    engine = served.connect()
    assert engine.ask(abci.ExtendVote()) == abci.ExtendVoteAnswer()
    assert engine.ask(abci.VerifyVoteExtension()).status == abci.Status.ACCEPT
    assert engine.ask(abci.VerifyVoteExtension(vote_extension=b"x")).status == abci.Status.REJECT


@pytest.mark.parametrize("rubbish", [b"\x05hello", b"\xff" * 11, b"GET / HTTP/1.1\r\n" + 80 * b"x", b"\x00"])
def test_what_is_no_request_ends_its_connection_and_no_other(served: Served, rubbish: bytes) -> None:
    good, bad = served.connect(), served.connect()
    bad.send(abci.Echo("first"))
    bad.socket.sendall(rubbish)
    first, last = bad.read(2)
    assert first == abci.EchoAnswer("first")
    assert isinstance(last, abci.ExceptionAnswer)
    assert bad.ended()
    assert good.ask(abci.Echo("still there")) == abci.EchoAnswer("still there")
    assert until(lambda: served.unfit, WAIT_S)
    assert [type(each) for each in served.unfit] == [FrameUnfit]
    assert served.faults == []


def test_a_failing_application_answers_nobody_any_more(served: Served) -> None:
    """With its connections the engine ends, too: it must not go on beside an application that cannot."""
    consensus, query = served.connect(), served.connect()
    query.ask(abci.Info())
    told = consensus.ask(abci.FinalizeBlock(height=5))
    assert isinstance(told, abci.ExceptionAnswer)
    assert consensus.ended()
    assert query.ended()
    assert until(lambda: served.faults, WAIT_S)
    assert [type(each) for each in served.faults] == [HeightUnexpected]
    with pytest.raises(OSError):
        served.connect()


def test_an_error_of_the_program_ends_it_likewise(served: Served) -> None:
    def broken(asked: object) -> abci.InfoAnswer:
        raise ZeroDivisionError

    served.server.answerers[abci.Info] = broken
    told = served.connect().ask(abci.Info())
    assert told == abci.ExceptionAnswer("ZeroDivisionError: ")
    assert until(lambda: served.faults, WAIT_S)
    assert [type(each) for each in served.faults] == [ZeroDivisionError]


def test_an_application_that_waits_is_not_served(tmp_path: Path) -> None:
    net = Network(registry=room.registry())
    net.application.ledger.stops.wait("the disk is full")
    with pytest.raises(Waiting):
        serve(net.application, tmp_path / "s")
    assert not (tmp_path / "s").exists()
    net.close()


def test_a_socket_left_behind_is_replaced_and_is_ours_alone(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("left behind")
    made = Served(tmp_path / "s")
    mode = (tmp_path / "s").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert made.connect().ask(abci.Echo("x")) == abci.EchoAnswer("x")
    made.close()
    assert not (tmp_path / "s").exists()


def test_where_no_socket_can_be_made_it_says_so(tmp_path: Path) -> None:
    net = Network(registry=room.registry())
    with pytest.raises(OSError):
        serve(net.application, tmp_path / "no" / "such" / "folder")
    net.close()


def test_connections_are_bounded(served: Served) -> None:
    engines = [served.connect() for _ in range(CONNECTIONS_MAX)]
    for engine in engines:
        engine.ask(abci.Echo())
    more = served.connect()
    with pytest.raises((ConnectionError, IndexError)):
        more.ask(abci.Echo())


def test_work_can_be_done_between_requests(served: Served) -> None:
    height: Callable[[], int] = lambda: served.net.application.height  # noqa: E731
    assert served.server.call(height) == 0


def test_a_peer_that_takes_no_answers_costs_no_memory(served: Served) -> None:
    """Answers pile up in the socket's own buffers; then no more requests are read."""
    engine = served.connect()
    engine.socket.settimeout(1)
    asked = wire.framed(write(abci.Echo("x" * 60_000)))
    sent: list[int] = []

    def flood() -> None:
        for _ in range(2_000):
            engine.socket.sendall(asked)
            sent.append(len(asked))

    with pytest.raises(TimeoutError):
        flood()
    assert sum(sent) < 20 * 2**20


def test_transports_of_other_loops_will_do(served: Served) -> None:
    """uvloop's are no subclass of asyncio's."""

    class Other(asyncio.BaseTransport):
        written = b""

        def write(self, data: bytes) -> None:
            self.written += data

        def close(self) -> None:
            return None

    connection, transport = _Connection(served.server), Other()
    connection.connection_made(transport)
    connection.data_received(wire.framed(write(abci.Echo("x"))))
    assert transport.written == wire.framed(write(abci.EchoAnswer("x")))
