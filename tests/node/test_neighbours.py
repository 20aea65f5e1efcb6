"""Where other nodes answer: whose word counts, where it may lead, and that no peer is signed anything."""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hansa.apps.consortium.messages import Leave, UpdateMember
from hansa.apps.consortium.messages_votes import Propose, Seat, SetCosigners, Vote
from hansa.client.errors import OtherNode
from hansa.kernel.evidence import Cosignature
from hansa.kernel.refusal import Refusal
from hansa.node import errors_follower as errors
from hansa.node import neighbours
from hansa.node.cosigning import sets_of
from hansa.node.follower import http_upstream
from hansa.node.neighbours import Outside, addresses, is_public, operator_of, way_to
from hansa.node.settings import Settings
from tests.consortium import MEMBERS, VirtualClock, signer
from tests.node.following_world import Operator, cosigner_key
from tests.node.test_http import certificate


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    made = Operator(tmp_path / "operator", VirtualClock())
    yield made
    if not made.away:
        made.close()


# Sessions.


class Relay(BaseHTTPRequestHandler):
    """A node that asks for a session, with a challenge that it had from `node`."""

    node, posts = "", []  # type: ignore[var-annotated]

    def log_message(self, *_: object) -> None:
        """It is quiet."""

    def do_GET(self) -> None:
        self._answer(401, {})

    def do_POST(self) -> None:
        self.posts.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        if not self.path.startswith("/v1/sessions"):
            self._answer(401, {})
            return
        challenge = base64.b64encode(b"\x07" * 32).decode()
        told = {"chain": "ab" * 32, "node": self.node, "challenge": challenge, "expires_ms": 9 * 10**12}
        self._answer(
            200, told if self.path.endswith("challenge") else {"token": "t", "expires_ms": 9 * 10**12}
        )

    def _answer(self, status: int, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def relay(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Relay, "posts", [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def upstream(url: str, member: str, operator: Callable[[], str], **more: Any) -> Any:
    settings = Settings(member="plant", role="follower", key="k1", **{"follow": url, **more})
    return http_upstream(settings, signer("plant"), operator, member, url, 5)


def test_a_peer_is_signed_nothing(relay: str) -> None:
    """It relays the challenge of the victim's own node: a signature would open a session there."""
    peer = upstream(relay, "bank", lambda: "maker")
    with pytest.raises(Refusal):
        peer.head()
    with pytest.raises(Refusal):
        peer.header(1)
    assert Relay.posts == []
    peer.close()


def test_the_operators_node_must_be_the_operators(relay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who that is may change while the connection stands."""
    monkeypatch.setattr(Relay, "node", "plant")
    now = ["maker"]
    source = upstream(relay, "", lambda: now[0])
    with pytest.raises(OtherNode):
        source.blocks(1, 1, 0)
    assert [path for path, _ in Relay.posts] == ["/v1/sessions/challenge"]
    now[0], Relay.node = "bank", "maker"
    with pytest.raises(OtherNode):
        source.blocks(1, 1, 0)
    assert [path for path, _ in Relay.posts] == ["/v1/sessions/challenge"] * 2
    Relay.node = "bank"
    with pytest.raises(Refusal) as refused:
        source.blocks(1, 1, 0)
    assert not isinstance(refused.value, OtherNode)
    assert Relay.posts[-1][0] == "/v1/sessions"
    source.close()


def test_a_cosignature_is_handed_to_the_operators_node_alone(
    relay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs no session; a node may ask for one all the same."""
    monkeypatch.setattr(Relay, "node", "plant")
    source = upstream(relay, "", lambda: "maker")
    with pytest.raises(OtherNode):
        source.cosign(1, "ab" * 32, Cosignature(member="plant", suite=1, signature=bytes(64)))
    assert [path for path, _ in Relay.posts] == ["/v1/cosignatures", "/v1/sessions/challenge"]
    source.close()


def test_the_operator_is_that_of_the_set_in_force(operator: Operator) -> None:
    plain, told = Settings(member="plant"), Settings(member="plant", follow_node="auditor")
    with operator.reader.snapshot() as reading:
        assert (operator_of(plain, reading), operator_of(told, reading)) == ("maker", "auditor")
    later = operator.succeeded("bank")
    settings = Settings(member="plant", role="follower", follow="http://source:1")
    with later.reader.snapshot() as reading:
        assert operator_of(plain, reading) == "bank"
        assert addresses(settings, reading) == {"bank": "http://source:1"}
    later.close()


# Addresses.


def move(operator: Operator, member: str, url: str) -> None:
    operator.do(member, UpdateMember(size="small", roles=("plant",), node_url=url))


def test_the_settings_count_before_the_records(operator: Operator) -> None:
    for member in MEMBERS:
        move(operator, member, f"https://{member}.example")
    settings = Settings(
        member="plant", role="follower", follow="http://op:1", peers={"bank": "http://bank:1"}
    )
    with operator.reader.snapshot() as reading:
        assert addresses(settings, reading) == {
            "maker": "http://op:1", "bank": "http://bank:1", "auditor": "https://auditor.example",
        }  # fmt: skip


def test_one_that_left_is_not_asked(operator: Operator) -> None:
    """Its record stays, with the address that it had."""
    move(operator, "auditor", "https://auditor.example")
    seats = tuple(Seat(member=m, public=cosigner_key(m).public) for m in MEMBERS if m != "auditor")
    operator.do("plant", Propose(proposal="three", subject=SetCosigners(seats=seats, quorum=2)))
    for member in ("maker", "plant", "bank"):
        operator.do(member, Vote(proposal="three", yes=True))
    with operator.reader.snapshot() as reading:
        assert "auditor" in addresses(Settings(member="plant"), reading)
    operator.do("auditor", Leave())
    with operator.reader.snapshot() as reading:
        assert "auditor" not in addresses(Settings(member="plant"), reading)


def test_with_too_many_the_settings_then_the_cosigners_then_the_lot_decide(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is asked, or left out, for the name that it chose."""
    for member in MEMBERS:
        move(operator, member, f"https://{member}.example")
    monkeypatch.setattr(neighbours, "PEERS_MAX", 2)
    settings = Settings(member="plant", peers={"zulu": "https://zulu.example"})
    with operator.reader.snapshot() as reading:
        seen = set()
        for lot in range(20):
            monkeypatch.setattr(neighbours, "_LOT", bytes([lot]) * 16)
            first, second = addresses(settings, reading)
            assert first == "zulu"
            seen.add(second)
        assert seen == {"maker", "bank", "auditor"}
        sets = sets_of(reading)
        seats = tuple(seat for seat in sets[-1].cosigners if seat.member == "maker")
        monkeypatch.setattr(neighbours, "sets_of", lambda _: [replace(sets[-1], cosigners=seats)])
        for lot in range(20):
            monkeypatch.setattr(neighbours, "_LOT", bytes([lot]) * 16)
            assert list(addresses(settings, reading)) == ["zulu", "maker"]


# Where a record may lead.


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700:4700::1111", True), ("64:ff9b::808:808", True),
        ("127.0.0.1", False), ("10.1.2.3", False), ("192.168.1.1", False), ("172.16.0.1", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False),
        ("255.255.255.255", False), ("::1", False), ("::", False), ("fe80::1%eth0", False),
        ("fd00::1", False), ("ff02::1", False), ("::ffff:127.0.0.1", False), ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False), ("2002:a00:1::1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) == public


def test_an_address_of_a_record_is_https() -> None:
    settings = Settings(member="plant", peers={"bank": "http://bank:1"}, follow="http://op:1")
    with pytest.raises(errors.PeerPlain):
        way_to(settings, "http://auditor.example")
    for url in ("http://bank:1", "http://op:1"):
        way_to(settings, url).close()
    way_to(Settings(member="plant", peers_private=True), "http://auditor.example").close()
    assert isinstance(way_to(settings, "https://auditor.example"), Outside)


class Wire(httpx2.BaseTransport):
    """Tells where it was to connect to."""

    def __init__(self) -> None:
        self.asked: list[httpx2.Request] = []
        self.cut = False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if self.cut:
            raise httpx2.ConnectError("cut", request=request)
        return httpx2.Response(200)


def test_a_name_that_leads_into_ones_own_net_is_not_asked() -> None:
    wire = Wire()
    names = {"own": ["127.0.0.1"], "both": ["8.8.8.8", "10.0.0.1"], "cloud": ["169.254.169.254"]}
    for name in names:
        with (
            httpx2.Client(transport=Outside(wire, names.__getitem__)) as client,
            pytest.raises(errors.PeerPrivate),
        ):
            client.get(f"https://{name}/v1/head")
    with httpx2.Client(transport=Outside(wire)) as client:
        for url in ("https://127.0.0.1/v1/head", "https://[::1]/v1/head", "https://localhost/v1/head"):
            with pytest.raises(errors.PeerPrivate):
                client.get(url)
    assert wire.asked == []


def test_what_was_checked_is_what_is_connected_to() -> None:
    """A name that is looked up once more after the check may lead elsewhere by then."""
    wire, answers = Wire(), iter([["8.8.8.8"], ["10.0.0.1"]])
    with httpx2.Client(transport=Outside(wire, lambda _: next(answers))) as client:
        client.get("https://peer.example:8443/v1/head")
        client.get("https://peer.example:8443/v1/head")
        assert [str(request.url) for request in wire.asked] == ["https://8.8.8.8:8443/v1/head"] * 2
        assert [request.headers["host"] for request in wire.asked] == ["peer.example:8443"] * 2
        wire.cut = True
        with pytest.raises(httpx2.ConnectError):
            client.get("https://peer.example:8443/v1/head")
        with pytest.raises(errors.PeerPrivate):  # Looked up anew, since it may have moved, and checked.
            client.get("https://peer.example:8443/v1/head")


def test_a_name_that_is_not_found_is_away() -> None:
    def unknown(_: str) -> list[str]:
        raise OSError("unknown")

    with (
        httpx2.Client(transport=Outside(Wire(), unknown)) as client,
        pytest.raises(httpx2.ConnectError, match="unknown"),
    ):
        client.get("https://peer.example/v1/head")


@pytest.mark.parametrize(("name", "holds"), [("localhost", True), ("peer.example", False)])
def test_the_certificate_is_that_of_the_name(
    tmp_path: Path, name: str, holds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the connection goes to an address."""
    certificate(tmp_path)
    monkeypatch.setattr(neighbours, "is_public", lambda _: True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    trusting = httpx2.HTTPTransport(verify=ssl.create_default_context(cafile=str(tmp_path / "cert.pem")))
    with httpx2.Client(transport=Outside(trusting, lambda _: ["127.0.0.1"])) as client:
        if holds:
            assert client.get(f"https://{name}:{server.server_port}/").status_code == 401
        else:
            with pytest.raises(httpx2.ConnectError, match=r"peer\.example"):
                client.get(f"https://{name}:{server.server_port}/")
    server.shutdown()
    server.server_close()
