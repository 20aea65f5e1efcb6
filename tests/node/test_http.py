"""The edges of HTTP on a real port: slow, half-open, oversized, garbled, misdirected, unencrypted."""

import datetime
import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.apps.rooms import registry
from hansa.kernel import limits as kernel_limits
from hansa.kernel.refusal import Refusal
from hansa.kernel.transaction import sign
from hansa.node import errors, limits, settings
from hansa.node.run import listen
from hansa.node.settings import Limits, Settings
from tests.consortium import START_MS, signer
from tests.node.world import OCTETS, founded, served

QUICK = Limits(header_time_s=1, body_time_s=1, keep_alive_s=1, connections=8)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A node that is impatient."""
    with served(founded(tmp_path_factory.mktemp("node"), port=0, limits=QUICK)) as handle:
        yield handle.port


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as found:
        yield found


def all_of(connection: socket.socket) -> bytes:
    """What comes until the other side hangs up."""
    data = b""
    while part := connection.recv(65_536):
        data += part
    return data


def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body or None, {name.replace("_", "-"): v for name, v in headers.items()})
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def code_of(data: bytes) -> str:
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, data
    return str(msgspec.json.decode(body)["code"])


def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    with connected(port) as connection:
        assert all_of(connection) == b""


def test_headers_that_do_not_end_in_time_are_not_waited_for(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: ")
        assert all_of(connection) == b""


def test_a_second_request_whose_headers_do_not_end_is_not_waited_for_either(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /v1/head HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v1/head HT")
        assert all_of(connection).count(b"HTTP/1.1 200") == 1


def test_a_body_that_does_not_end_in_time_is_refused(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(
            b"POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b"Content-Type: application/octet-stream\r\n\r\nhalf"
        )
        data = all_of(connection)

    assert data.startswith(b"HTTP/1.1 408")
    assert code_of(data) == "node.body_slow"


def test_a_body_that_never_ends_is_refused_at_the_limit(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(
            b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/json\r\n\r\n"
        )
        chunk = b"%x\r\n" % 40_000 + b" " * 40_000 + b"\r\n"
        connection.sendall(chunk + chunk)
        data = connection.recv(65_536)

    assert data.startswith(b"HTTP/1.1 413")


def test_headers_that_are_too_long_are_refused(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
        connection.sendall(b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1_000) for n in range(20)))
        data = all_of(connection)

    assert data.startswith(b"HTTP/1.1 431")
    assert code_of(data) == "node.headers_too_large"


def test_a_path_that_is_too_long_is_refused(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(
            b"GET /" + b"x" * limits.HEADER_BYTES_MAX + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        assert code_of(all_of(connection)) == "node.headers_too_large"


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01\x00", b"NONSENSE\r\n\r\n", b"\0" * 100])
def test_what_is_no_http_is_refused_as_a_problem(port: int, data: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(data)
        found = all_of(connection)

    assert found.startswith(b"HTTP/1.1 400")
    assert code_of(found) == "node.request_malformed"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "/v1/head", "GET, HEAD"), ("OPTIONS", "/v1/transactions", "GET, POST, HEAD"),
     ("PUT", "/health", "GET, HEAD"), ("PATCH", "/v1/transactions", "GET, POST, HEAD"),
     ("GET", "/v1/sessions/challenge", "POST"),
     ("TRACE", "/v1/consortium/members", "GET, HEAD"), ("PROPFIND", "/v1/genesis", "GET, HEAD")],
)  # fmt: skip
def test_another_method_is_told_which_there_are(port: int, method: str, path: str, allowed: str) -> None:
    status, headers, body = ask(port, method, path)

    assert (status, headers["allow"]) == (405, allowed)
    assert msgspec.json.decode(body)["code"] == "node.method_wrong"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v2/head", "/v1/head/", "//v1/head", "/v1/../health"])
def test_a_path_that_there_is_not_is_a_problem(port: int, path: str) -> None:
    status, headers, body = ask(port, "GET", path)

    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert msgspec.json.decode(body)["code"] in ("node.route_unknown", "kernel.query_unknown")


def test_head_is_get_without_its_body(port: int) -> None:
    status, headers, body = ask(port, "HEAD", "/v1/genesis")

    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 100


def test_no_other_site_is_let_in(port: int) -> None:
    _, headers, _ = ask(port, "GET", "/v1/head", origin="https://elsewhere.example")

    assert not [name for name in headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("host", ["elsewhere.example", "elsewhere.example:80", "127.0.0.1.nip.io", ""])
def test_a_name_that_is_not_the_nodes_is_refused(port: int, host: str) -> None:
    """Else a web page could give its own name our address, and read."""
    status, _, body = ask(port, "GET", "/v1/head", host=host)

    assert status == 421
    assert msgspec.json.decode(body)["code"] == "node.host_wrong"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8420"])
def test_the_names_of_this_machine_are_the_nodes(port: int, host: str) -> None:
    assert ask(port, "GET", "/v1/head", host=host)[0] == 200


@pytest.mark.parametrize(
    ("accept", "language"),
    [("zh", "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en,zh;q=0.5", "en"), ("", "en"), ("fr", "en"),
     ("en;q=0.1,zh;q=x", "en"), ("zh;q=nan", "en")],
)  # fmt: skip
def test_a_problem_speaks_the_callers_language_and_holds_both(port: int, accept: str, language: str) -> None:
    _, headers, body = ask(port, "GET", "/nope", accept_language=accept)

    problem = msgspec.json.decode(body)
    assert problem["detail"] == problem[language]
    assert headers["content-language"] == language
    assert (problem["status"], problem["type"]) == (404, "urn:hansa:problem:node.route_unknown")


def test_a_transaction_goes_through_the_real_port(port: int) -> None:
    chain = msgspec.json.decode(ask(port, "GET", "/health")[2])["chain"]
    wire = sign(
        registry(), signer("plant"), chain=chain, member="plant", key="k1", sequence=1,
        valid_until_ms=START_MS + kernel_limits.HOUR_MS,
        actions=(Attest(table="consortium.members", key=("maker",)),),
    )  # fmt: skip

    status, _, body = ask(port, "POST", "/v1/transactions", wire, content_type=OCTETS["content-type"])

    assert (status, msgspec.json.decode(body)["receipts"][0]["code"]) == (200, "ok")


# Start.


def refusal_of(made: Settings) -> Refusal:
    with pytest.raises(Refusal) as refused, served(made):
        raise AssertionError("it started")
    return refused.value


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        refusal = refusal_of(founded(tmp_path, port=other.getsockname()[1]))

    assert refusal.code == "node.port_taken"
    assert str(other) not in refusal.en


def test_an_address_that_is_not_this_machines_is_named() -> None:
    with pytest.raises(errors.AddressUnusable):
        listen(Settings(member="maker", host="203.0.113.7", exposed_without_tls=True))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "node.example"])
def test_plain_http_beyond_this_machine_must_be_meant(tmp_path: Path, host: str) -> None:
    assert refusal_of(founded(tmp_path, host=host)).code == "node.exposed_plain"
    settings.check(Settings(member="maker", host=host, exposed_without_tls=True))


def test_a_node_that_listens_beyond_this_machine_goes_by_any_name(tmp_path: Path) -> None:
    with served(founded(tmp_path, host="0.0.0.0", port=0, exposed_without_tls=True)) as handle:
        assert ask(handle.port, "GET", "/v1/head", host="node.example")[0] == 200


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    made = founded(tmp_path, port=0)
    (tmp_path / settings.NODE_KEY).chmod(0o644)

    assert refusal_of(made).code == "key.rights"


@pytest.mark.parametrize("name", [settings.GENESIS, settings.NODE_KEY])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    made = founded(tmp_path, port=0)
    (tmp_path / name).unlink()

    assert name in refusal_of(made).en


def test_two_nodes_in_one_directory_are_refused(tmp_path: Path) -> None:
    made = founded(tmp_path, port=0)
    with served(made):
        assert refusal_of(made).code == "engine.in_use"


def certificate(folder: Path) -> dict[str, str]:
    """A certificate for localhost that signs itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return {"tls_certificate": "cert.pem", "tls_key": "key.pem"}


def test_tls_by_files(tmp_path: Path) -> None:
    with served(founded(tmp_path, port=0, **certificate(tmp_path))) as handle:
        context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        connection = http.client.HTTPSConnection("localhost", handle.port, context=context, timeout=20)
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.parametrize("name", ["cert.pem", "key.pem"])
def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, name: str) -> None:
    made = founded(tmp_path, port=0, **certificate(tmp_path))
    (tmp_path / name).write_text("nothing")

    assert refusal_of(made).code == "node.tls_unusable"


def test_a_certificate_without_its_key_is_named() -> None:
    with pytest.raises(errors.SettingsWrong):
        settings.check(Settings(member="maker", tls_certificate="cert.pem"))


# Settings.


def test_settings_are_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(
        'member = "plant"\nport = 9000\n[limits]\nqueue_key = 7\n[retention]\nkeep_blocks = 100\n'
        '[peers]\nbank = "https://bank.example"\n'
    )

    found = settings.read(tmp_path)

    assert (found.member, found.port, found.limits.queue_key) == ("plant", 9000, 7)
    assert (found.retention.keep_blocks, found.peers) == (100, {"bank": "https://bank.example"})
    assert found.file(settings.LEDGER) == tmp_path / "ledger.db"


@pytest.mark.parametrize(
    "text",
    ["", "member = 1", 'member = "x"\nport = 70000', 'member = "x"\nporrt = 1', 'member = "x', "\xff",
     'member = "x"\n[limits]\nqueue_key = 0', 'member = "x"\nrole = "king"', 'member = "X X"'],
)  # fmt: skip
def test_settings_that_do_not_fit_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "node.toml").write_bytes(text.encode("latin-1"))

    with pytest.raises(errors.SettingsWrong):
        settings.read(tmp_path)


def test_missing_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(errors.FileMissing):
        settings.read(tmp_path)


def test_a_follower_needs_somebody_to_follow() -> None:
    with pytest.raises(errors.FollowNothing):
        settings.check(Settings(member="plant", role="follower"))
