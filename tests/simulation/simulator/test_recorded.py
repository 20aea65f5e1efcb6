"""Recorded blocks, embedded and of a network: replicas of the simulator come to the same app hash."""

from pathlib import Path

import pytest

from hansa.engines import errors
from hansa.engines.recorded import Recording
from hansa.kernel import Registry, replace
from hansa.simulation.simulator import recorded
from hansa.simulation.simulator.node import Node
from tests.engines.test_recorded import embedded, networked


@pytest.mark.parametrize("made", [embedded, networked])
def test_replicas_come_to_the_recorded_app_hash(
    made: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    down = Node.down
    monkeypatch.setattr(Node, "down", lambda node, why: (ended.append(why), down(node, why)))
    recording, registry = made(tmp_path)  # type: ignore[operator]
    expected = [block.app_hash for block in recording.blocks]
    assert recorded.through_simulator(recording, registry) == expected
    assert (len(ended) > 3) == (made is networked)


@pytest.fixture
def network(tmp_path: Path) -> tuple[Recording, Registry]:
    return networked(tmp_path)


def test_facts_time_and_transactions_all_count(network: tuple[Recording, Registry]) -> None:
    recording, registry = network
    at = next(at for at, block in enumerate(recording.blocks) if at and len(block.wires) > 1)
    block = recording.blocks[at]
    for other in (
        replace(block, time_ms=block.time_ms + 1),
        replace(block, wires=block.wires[:-1]),
        replace(block, app_hash="0" * 64),
    ):
        changed = recording._replace(blocks=(*recording.blocks[:at], other, *recording.blocks[at + 1 :]))
        with pytest.raises(errors.HistoryBroken) as refused:
            recorded.through_simulator(changed, registry)
        assert str(at + 1) in refused.value.en
