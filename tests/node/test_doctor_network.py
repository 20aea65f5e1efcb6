"""Doctor on a network node's folder: nobody signs there, heads stand on commits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.kernel import replace
from hansa.kernel.evidence import SignedHeader
from hansa.node import doctor_ledger, doctor_peers
from hansa.node.doctor_peers import Heard
from hansa.node.settings import Settings
from tests.engines.cometbft.network import Network
from tests.kernel import room

SETTINGS = Settings(member="maker", role="network", peers={"plant": "http://plant"})


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Network]:
    made = Network(tmp_path / "ledger.db", registry=room.registry())
    made.init()
    for number in range(3):
        made.block(made.wire("maker", room.Register(tool=f"t{number}")))
    yield made
    made.close()


@pytest.fixture
def reading(net: Network) -> Iterator[Reading]:
    reader = Reader(net.path, net.application.chain, net.application.genesis)
    with reader.snapshot() as found:
        yield found
    reader.close()


def levels(findings: Any) -> list[tuple[str, str]]:
    return [(found.check, found.level) for found in findings]


def test_the_last_block_of_a_network_holds_without_a_signature(reading: Reading) -> None:
    assert levels(doctor_ledger.look_at_chain(reading)) == [("genesis", "ok"), ("last block", "ok")]


def test_one_that_was_changed_does_not(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    leaf = reading.leaf(3)
    monkeypatch.setattr(reading, "leaf", lambda height: replace(leaf, time_ms=leaf.time_ms + 1))
    assert levels(doctor_ledger.look_at_chain(reading))[-1] == ("last block", "wrong")


def told(reading: Reading, head: SignedHeader | None) -> list[Any]:
    ask = lambda url: Heard(head, None)  # noqa: E731
    return list(doctor_peers.look_at_peers(SETTINGS, reading, ask, lambda: 0))


def test_the_same_head_under_a_commit_agrees(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_peers, "stands_on_its_commit", lambda head: True)
    assert levels(told(reading, reading.header(2))) == [("others", "ok")]
    assert levels(told(reading, None)) == [("others", "ok")]


def test_another_state_under_a_commit_leads_to_diff(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_peers, "stands_on_its_commit", lambda head: True)
    head = reading.header(2)
    other = replace(head, header=replace(head.header, app_hash="ab" * 32))
    (found,) = told(reading, other)
    assert (found.level, "hansa node diff" in found.en, "hansa node diff" in found.zh) == (
        "wrong",
        True,
        True,
    )


def test_another_state_that_nobody_committed_accuses_nobody(reading: Reading) -> None:
    head = reading.header(2)
    other = replace(head, header=replace(head.header, app_hash="ab" * 32))
    (found,) = told(reading, other)
    assert (found.level, found.code) == ("warning", "doctor.peer_uncommitted")
