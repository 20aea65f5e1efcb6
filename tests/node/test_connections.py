"""Connections: so many, so many from one address, and none that is not read from."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from hansa.node.run import Handle
from hansa.node.settings import Limits
from tests.node.test_http import all_of, code_of
from tests.node.world import founded, served
from tests.waiting import until

HEAD = b"GET /v1/head HTTP/1.1\r\nHost: localhost\r\n\r\n"
LONG = b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def running(folder: object, **bounds: int) -> Iterator[Handle]:
    with served(founded(folder, port=0, limits=Limits(**bounds))) as handle:  # type: ignore[arg-type]
        yield handle


def connected(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))


def connections(handle: Handle) -> int:
    return len(handle._server.server_state.connections)


@pytest.mark.parametrize("bounds", [{"connections": 4}, {"connections_per_address": 4}])
def test_more_connections_than_may_be_are_told_so_and_hung_up_on(
    tmp_path: object, bounds: dict[str, int]
) -> None:
    with running(tmp_path, **bounds) as handle, ExitStack() as stack:
        held = [stack.enter_context(connected(handle.port)) for _ in range(4)]
        assert until(lambda: connections(handle) == 4, 10)
        with connected(handle.port) as one_more:
            answer = all_of(one_more)
        assert answer.startswith(b"HTTP/1.1 429")
        assert b"retry-after: " in answer
        assert code_of(answer) == "node.connections_full"

        # The others are not hung up on, and another address has its own number.
        held[-1].sendall(HEAD)
        assert held[-1].recv(12) == b"HTTP/1.1 200"
        with connected(handle.port, "127.0.0.2") as elsewhere:
            elsewhere.sendall(HEAD)
            assert elsewhere.recv(12) == (
                b"HTTP/1.1 200" if "connections_per_address" in bounds else b"HTTP/1.1 429"
            )
        # Whoever hung up makes room.
        held[0].close()
        assert until(lambda: connections(handle) == 3, 10)
        with connected(handle.port) as again:
            again.sendall(HEAD)
            assert again.recv(12) == b"HTTP/1.1 200"


CLOSE = HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("requests", [LONG * 200, LONG * 199 + CLOSE])
def test_whoever_asks_and_never_reads_is_hung_up_on(tmp_path: object, requests: bytes) -> None:
    with running(tmp_path, send_time_s=1) as handle:
        silent = socket.socket()
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        silent.settimeout(20)
        with silent:
            silent.connect(("127.0.0.1", handle.port))
            silent.sendall(requests)
            assert until(lambda: connections(handle) == 1, 10)

            assert until(lambda: connections(handle) == 0, 20)


def test_whoever_reads_slowly_but_does_is_let_finish(tmp_path: object) -> None:
    with running(tmp_path, send_time_s=1) as handle, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        slow.settimeout(20)
        slow.connect(("127.0.0.1", handle.port))
        slow.sendall(LONG * 60 + CLOSE)
        answers, tail = 0, b""
        while part := slow.recv(2**17):
            answers += (tail + part).count(b"HTTP/1.1 200")
            tail = part[-11:]
            time.sleep(0.03)

        assert answers == 61


def test_bodies_that_are_not_whole_count_to_their_address_on_the_short_way_too(tmp_path: object) -> None:
    begun = (
        b"POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Length: 1000\r\n\r\n" + b"x" * 90
    )
    with running(tmp_path, bodies_bytes=400) as handle, ExitStack() as stack:
        budget = handle._server._app.front.budget  # type: ignore[attr-defined]
        first = stack.enter_context(connected(handle.port))
        first.sendall(begun)
        assert until(lambda: budget.used == 90, 10)
        elsewhere = stack.enter_context(connected(handle.port, "127.0.0.2"))
        elsewhere.sendall(begun)
        assert until(lambda: budget.used == 180, 10)
        with connected(handle.port) as second:
            second.sendall(begun)
            answer = all_of(second)
        assert answer.startswith(b"HTTP/1.1 429")
        assert code_of(answer) == "node.queue_full"
        # Whole or hung up on, a body gives its memory back.
        first.close()
        assert until(lambda: budget.used == 90, 10)
        elsewhere.sendall(b"x" * 10 + b"x" * 900)
        assert elsewhere.recv(12) == b"HTTP/1.1 200"
        assert budget.used == 0
