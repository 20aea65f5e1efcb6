"""Processes of a play: what they say when they cannot start, clocks and ports that they share."""

from pathlib import Path

import pytest

from hansa.simulation import cast
from hansa.simulation.clocks import SeenClock, SharedClock
from hansa.simulation.errors import NodeEnded, NodeRefused
from hansa.simulation.five import settle_in
from hansa.simulation.supervisor import NodeProcess, end_all, free_ports, until

START_MS = 1_767_571_200_000


def test_a_shared_clock_is_seen_elsewhere_and_never_goes_back(tmp_path: Path) -> None:
    clock = SharedClock(tmp_path / "clock", START_MS)
    seen = SeenClock(tmp_path / "clock")
    assert seen() == clock() == START_MS
    clock.move_to(START_MS + 5)
    assert seen() == START_MS + 5
    clock.move_to(START_MS)
    assert seen() == clock() == START_MS + 5
    clock.close()


def test_ports_are_given_out_once() -> None:
    ports = [*free_ports(30), *free_ports(30)]
    assert len(set(ports)) == 60
    assert all(20_000 <= port < 32_000 for port in ports)


def test_what_does_not_come_true_is_waited_for_no_longer_than_told() -> None:
    asked = []
    assert not until(lambda: asked.append(1) is not None, 0.05)
    assert len(asked) > 1


def test_a_node_that_cannot_start_says_why_and_one_that_is_gone_is_named(tmp_path: Path) -> None:
    SharedClock(tmp_path / "clock", START_MS).close()
    genesis = cast.genesis(1, START_MS)
    wrong = tmp_path / "maker"
    settle_in(wrong, "maker", genesis, 2, {"maker": free_ports(1)[0]})  # Another seed's key.
    gone = tmp_path / "plant"
    gone.mkdir()
    refused, killed = NodeProcess(wrong, tmp_path / "clock"), NodeProcess(gone, tmp_path / "clock")
    killed.kill()
    try:
        with pytest.raises(NodeRefused) as caught:
            refused.wait()
        assert "engine.wrong_node_key" in caught.value.en
        with pytest.raises(NodeEnded) as ended:
            killed.wait()
        assert "plant" in ended.value.zh
        with pytest.raises(NodeEnded):
            killed.ask("wake")
    finally:
        end_all([refused, killed])
