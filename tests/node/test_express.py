"""The short way of transactions answers as the long way does, and leaves what is unusual to it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.apps.rooms import registry
from hansa.engines.embedded import Embedded
from hansa.kernel import limits as kernel_limits
from hansa.kernel.transaction import join, sign
from hansa.node import express, serving
from hansa.node.settings import Limits
from tests.consortium import START_MS, signer
from tests.node.world import founded, served


class Port:
    """A node on a port, and transactions for it."""

    def __init__(self, number: int) -> None:
        self.number, self.sequence = number, 0
        self.chain = self.ask(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")[0][1]["chain"]

    def ask(self, data: bytes, answers: int = 1) -> list[tuple[int, Any, bytes]]:
        """(status, JSON, head) of each answer."""
        found = []
        with socket.create_connection(("127.0.0.1", self.number), timeout=20) as connection:
            connection.sendall(data)
            waiting = b""
            while len(found) < answers:
                head, end, rest = waiting.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                if end and len(rest) >= length:
                    found.append((int(head[9:12]), msgspec.json.decode(rest[:length]), head))
                    waiting = rest[length:]
                    continue
                part = connection.recv(65_536)
                assert part, waiting
                waiting += part
        return found

    def wire(self) -> bytes:
        self.sequence += 1
        return sign(
            registry(), signer("plant"), chain=self.chain, member="plant", key="k1", sequence=self.sequence,
            valid_until_ms=START_MS + kernel_limits.HOUR_MS,
            actions=(Attest(table="consortium.members", key=("maker",)),),
        )  # fmt: skip


def post(
    body: bytes, *more: bytes, kind: bytes = b"application/octet-stream", version: bytes = b"1.1"
) -> bytes:
    head = [
        b"POST /v1/transactions HTTP/" + version, b"Host: localhost", b"Content-Type: " + kind,
        b"Content-Length: %d" % len(body), *more,
    ]  # fmt: skip
    return b"\r\n".join(head) + b"\r\n\r\n" + body


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which way each request took."""
    taken: list[str] = []
    long_way, short_way = serving.submit, express.Express._is_short

    async def submit(*args: Any) -> None:
        taken.append("long")
        await long_way(*args)

    def is_short(self: express.Express) -> int:
        found = short_way(self)
        if found:
            taken.append("short")
        return found

    monkeypatch.setattr(serving, "submit", submit)
    monkeypatch.setattr(express.Express, "_is_short", is_short)
    return taken


@contextmanager
def running(folder: Any, bounds: Limits = Limits()) -> Iterator[Port]:  # noqa: B008 (frozen)
    with served(founded(folder, port=0, limits=bounds)) as handle:
        yield Port(handle.port)


@pytest.fixture
def port(tmp_path: Any) -> Iterator[Port]:
    with running(tmp_path) as found:
        yield found


def test_a_small_request_takes_the_short_way(port: Port, ways: list[str]) -> None:
    status, answer, head = port.ask(post(port.wire()))[0]

    assert (status, answer["receipts"][0]["code"], ways) == (200, "ok", ["short"])
    assert b"date: " in head


@pytest.mark.parametrize(
    ("more", "kind", "version", "large"),
    [
        ([], b"application/octet-stream; x=y", b"1.1", False),
        ([b"Connection: close"], b"application/octet-stream", b"1.0", False),
        ([], b"application/octet-stream", b"1.1", True),
    ],
)
def test_what_is_unusual_takes_the_long_way_to_the_same_answer(
    port: Port, ways: list[str], more: list[bytes], kind: bytes, version: bytes, large: bool
) -> None:
    wires = [port.wire()] + [b"x" * express.BODY_BYTES_MAX] * large
    data = post(join(wires), *more, kind=kind, version=version)

    assert port.ask(data)[0][1]["receipts"][0]["code"] == "ok"
    assert ways == ["long"]


@pytest.mark.parametrize("body", [b"\0", b"\0\0\0\0\xff"])
def test_a_refusal_is_the_same_by_both_ways(port: Port, ways: list[str], body: bytes) -> None:
    short = port.ask(post(body))[0]
    long = port.ask(post(body, kind=b"application/octet-stream;"))[0]

    assert ways == ["short", "long"]
    assert short[:2] == long[:2]
    assert short[1]["code"] == "node.sequence_broken"


def test_requests_one_after_the_other_and_at_once_on_one_connection(port: Port) -> None:
    requests = [post(port.wire()), b"GET /v1/head HTTP/1.1\r\nHost: localhost\r\n\r\n", post(port.wire())]

    answers = port.ask(b"".join(requests), answers=3)

    assert [status for status, _, _ in answers] == [200, 200, 200]
    assert [answers[at][1]["receipts"][0]["code"] for at in (0, 2)] == ["ok", "ok"]
    assert answers[1][1]["header"]["height"] >= 1


def test_a_connection_that_is_to_close_is_closed(port: Port) -> None:
    with socket.create_connection(("127.0.0.1", port.number), timeout=20) as connection:
        connection.sendall(post(port.wire(), b"Connection: close"))
        data = b""
        while part := connection.recv(65_536):
            data += part

    assert data.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in data


def test_a_full_queue_is_told_before_the_body_and_the_connection_goes_on(
    tmp_path: Any, ways: list[str]
) -> None:
    with (
        running(tmp_path, Limits(queue_bytes=10)) as port,
        socket.create_connection(("127.0.0.1", port.number), timeout=20) as connection,
    ):
        for _ in range(2):
            head, _, body = post(port.wire()).partition(b"\r\n\r\n")
            connection.sendall(head + b"\r\n\r\n" + body[:9])
            answer = connection.recv(65_536)
            connection.sendall(body[9:])

            assert answer.startswith(b"HTTP/1.1 429 ")
            assert b"node.queue_full" in answer
            assert b"\r\nretry-after: " in answer
        alone = port.ask(post(port.wire(), b"Connection: close"))[0]

    assert (alone[0], alone[1]["code"], ways) == (429, "node.queue_full", ["short"] * 3)


def test_a_full_queue_is_told_the_same_by_both_ways(tmp_path: Any, ways: list[str]) -> None:
    with running(tmp_path, Limits(queue_bytes=10)) as port:
        short = port.ask(post(port.wire()))[0]
        long = port.ask(post(port.wire(), kind=b"application/octet-stream;"))[0]

    assert ways == ["short", "long"]
    assert short[:2] == long[:2]


def test_a_name_that_is_not_the_nodes_is_refused_by_the_long_way(port: Port, ways: list[str]) -> None:
    status, answer, _ = port.ask(post(port.wire()).replace(b"localhost", b"elsewhere"))[0]

    assert (status, answer["code"], ways) == (421, "node.host_wrong", [])


def test_a_mistake_of_the_program_is_no_silence(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa.node.operator.wires.split", lambda body: 1 // 0)

    status, answer, _ = port.ask(post(port.wire()))[0]

    assert (status, answer["code"]) == (500, "node.internal")


def test_an_engine_that_stands_still_says_so(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    from hansa.engines.errors import Stopped

    def refuse(self: Embedded, wires: Any) -> Any:
        raise Stopped(cause="disk")

    monkeypatch.setattr(Embedded, "order", refuse)

    status, answer, _ = port.ask(post(port.wire()))[0]

    assert (status, answer["code"]) == (503, "engine.stopped")


def test_whoever_hangs_up_leaves_the_node_in_order(port: Port) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port.number), timeout=20) as connection:
            connection.sendall(post(port.wire()))

    assert port.ask(post(port.wire()))[0][1]["receipts"][0]["code"] == "ok"
