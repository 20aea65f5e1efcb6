"""Certificates are checked: against the system's authorities, or against the consortium's own."""

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hansa.client import errors
from hansa.client.http import Http
from tests.client.node_double import NodeDouble, serving
from tests.consortium import Consortium

NOW = datetime.datetime.now(datetime.UTC)


def name_of(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey, days: int = 1
) -> bytes:
    """For 127.0.0.1, or an authority where it signs itself."""
    built = (
        x509.CertificateBuilder()
        .subject_name(name_of(subject))
        .issuer_name(name_of(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=2))
        .not_valid_after(NOW + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=subject == issuer, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(by, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


class Authority:
    """A consortium's own certificate authority."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.folder = name, folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(certificate(name, self.key, name, self.key))

    def server(self, days: int = 1) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        file = self.folder / "server.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(secret + certificate("node", key, self.name, self.key, days))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture
def node(consortium: Consortium) -> NodeDouble:
    return NodeDouble(consortium)


def test_the_consortiums_own_authority_counts_where_it_is_named(node: NodeDouble, tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    with serving(node, ours.server()) as url:
        assert url.startswith("https://")
        with Http(url, ca=ours.file) as client:
            assert client.head() is None
        for ca in (None, theirs.file):
            with Http(url, ca=ca) as client, pytest.raises(errors.TlsFailed) as failed:
                client.head()
            assert url in failed.value.zh
    assert len(node.seen) == 1


def test_a_certificate_that_has_ended_is_named(node: NodeDouble, tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    with (
        serving(node, ours.server(days=-1)) as url,
        Http(url, ca=ours.file) as client,
        pytest.raises(errors.TlsFailed, match="expired"),
    ):
        client.head()


def test_a_port_that_speaks_no_tls_is_named(node: NodeDouble, tmp_path: Path) -> None:
    with (
        serving(node) as url,
        Http(url.replace("http:", "https:")) as client,
        pytest.raises(errors.TlsFailed),
    ):
        client.head()
