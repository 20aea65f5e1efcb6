"""What is looked at before a company joins: each trouble by its own name."""

import socket
from pathlib import Path

import pytest

from hansa.client.errors import Unreachable
from hansa.kernel.refusal import Refusal
from hansa.node import joining_checks as checks
from hansa.node.findings import Finding
from hansa.node.joining_engine import Status
from tests.engine_double import NOW_MS, FakeNode, asking

CHAIN = "c" * 64
URLS = {"maker": "http://a", "plant": "http://b", "bank": "http://c"}
PEERS = {"maker": "a" * 40 + "@maker.example:26656", "plant": "b" * 40 + "@plant.example:26656"}


def node(**different: object) -> FakeNode:
    return FakeNode(**{"network": CHAIN[:50], **different})  # type: ignore[arg-type]


def heard(**others: FakeNode) -> dict[str, Status | Refusal]:
    nodes = {url: others.get(member, node()) for member, url in URLS.items()}
    return checks.ask_all(asking(nodes), URLS)


def codes(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.level, one.code) for one in found if one.level != "ok"]


def nodes_found(**others: FakeNode) -> list[tuple[str, str]]:
    return codes(list(checks.look_at_nodes(heard(**others), URLS, CHAIN)))


def test_good_nodes_are_fine() -> None:
    assert nodes_found() == []


def test_each_trouble_of_a_node_has_its_name() -> None:
    away = node(refusal=Unreachable(url="http://b", cause="refused"))
    assert nodes_found(plant=away) == [("warning", "network.node_away")]
    assert nodes_found(plant=node(network="other")) == [("warning", "network.other_network")]
    assert nodes_found(plant=node(version="0.40.0")) == [("warning", "network.other_engine")]
    assert nodes_found(plant=node(catching_up=True)) == [("warning", "network.node_catching_up")]


def test_most_of_another_network_stop_it_and_one_liar_does_not() -> None:
    other, away = node(network="other"), node(refusal=Unreachable(url="http://b", cause="refused"))
    assert nodes_found(plant=other, bank=other) == [("wrong", "network.other_network")] * 2
    assert nodes_found(plant=away, bank=away, maker=other).count(("wrong", "network.other_network")) == 0


def test_only_nodes_in_step_and_of_this_network_count() -> None:
    found = heard(
        plant=node(network="other"), bank=node(refusal=Unreachable(url="http://c", cause="refused"))
    )
    assert list(checks.usable(found, CHAIN)) == ["maker"]
    assert list(checks.usable(heard(maker=node(catching_up=True)), CHAIN)) == ["plant", "bank"]


@pytest.mark.parametrize(
    ("off_ms", "found"),
    [
        (0, []),
        (2_000, []),
        (-5_000, [("warning", "network.clock_off")]),
        (10_500, [("wrong", "network.clock_off")]),
        (-86_400_000, [("wrong", "network.clock_off")]),
    ],
)
def test_the_clock_is_held_against_the_middle_one(off_ms: int, found: list[tuple[str, str]]) -> None:
    told = heard(bank=node(clock_ms=NOW_MS + 3_600_000))  # One liar does not move the middle.
    assert codes(list(checks.look_at_clock(told, NOW_MS + off_ms))) == found


def test_which_way_the_clock_is_off_is_said() -> None:
    (ahead,) = checks.look_at_clock(heard(), NOW_MS + 60_900)
    (behind,) = checks.look_at_clock(heard(), NOW_MS - 60_000)
    assert "60 s ahead" in ahead.en
    assert "快 60 秒" in ahead.zh
    assert "60 s behind" in behind.en


def test_without_a_date_the_clock_is_unknown() -> None:
    silent = heard(maker=node(clock_ms=None), plant=node(clock_ms=None), bank=node(clock_ms=None))
    assert codes(list(checks.look_at_clock(silent, NOW_MS))) == [("warning", "network.clock_unknown")]


def refuse(host: str, port: int) -> None:
    if host == "plant.example":
        raise ConnectionRefusedError(111, "Connection refused")


def nobody(host: str, port: int) -> None:
    raise TimeoutError("timed out")


def test_engines_that_cannot_be_dialled_are_named() -> None:
    assert codes(list(checks.look_at_peers(PEERS, lambda host, port: None))) == []
    found = list(checks.look_at_peers(PEERS, refuse))
    assert codes(found) == [("warning", "network.peer_away")]
    assert "plant.example:26656" in found[1].en
    assert "Connection refused" in found[1].en
    assert ("wrong", "network.no_peer") in codes(list(checks.look_at_peers(PEERS, nobody)))


def test_the_only_peer_of_a_node_behind_nat_must_answer() -> None:
    only = {"plant": PEERS["plant"]}
    assert codes(list(checks.look_at_peers(only, refuse, relay="plant"))) == [
        ("wrong", "network.peer_away"), ("wrong", "network.no_peer"),
    ]  # fmt: skip


def test_a_taken_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        found = list(checks.look_at_ports([("--port", "127.0.0.1", port)]))
    assert codes(found) == [("wrong", "network.port_taken")]
    assert str(port) in found[0].en
    assert codes(list(checks.look_at_ports([("--port", "127.0.0.1", port)]))) == []


def test_an_address_that_this_machine_does_not_have() -> None:
    assert codes(list(checks.look_at_ports([("--host", "192.0.2.1", 0)]))) == [
        ("wrong", "network.port_unusable")
    ]


def test_a_full_disk_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert codes(list(checks.look_at_disk(tmp_path / "not" / "there"))) in (
        [],
        [("warning", "network.disk_small")],
    )
    monkeypatch.setattr(checks, "DISK_FREE_MIN_BYTES", 2**80)
    assert codes(list(checks.look_at_disk(tmp_path))) == [("warning", "network.disk_small")]


def test_an_engine_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HANSA_ENGINE", str(tmp_path / "nothing"))
    ((level, code),) = codes(list(checks.look_at_engine()))
    assert level == "wrong"
    assert code.startswith("engine.")
