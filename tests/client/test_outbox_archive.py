"""What has its end leaves the outbox after its time, and is in the archive before that."""

import stat
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hansa.cli.sending import send
from hansa.client import outbox_errors as refusals
from hansa.client.profiles import Profile
from tests.client.lossy import REGISTRY, Add
from tests.client.test_outbox import Promising, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "outbox.db")
    yield made
    made.outbox.close()
    made.consortium.close()


def test_what_has_its_end_goes_to_the_archive(world: World, tmp_path: Path) -> None:
    node, archive = Promising(world.consortium.node), tmp_path / "archive.jsonl"
    for number, made_ms in ((1, 10), (2, 20), (3, 30)):
        world.outbox.put(REGISTRY, Add(entry=number), now_ms=made_ms)
        world.outbox.flush(node, world.pen)
    world.outbox.put(REGISTRY, Add(entry=4), now_ms=5)  # It waits.
    words = [word for _, word in world.outbox.acknowledgements()]
    world.outbox.hand_over(lambda word: None)
    everything = list(world.outbox.export())
    assert world.outbox.prune(25, archive) == 2
    assert [entry.number for entry in world.outbox.entries()] == [3, 4]
    assert [word for _, word in world.outbox.acknowledgements()] == words[2:]
    lines = archive.read_bytes().splitlines()
    assert lines == [everything[0], everything[1], everything[4], everything[5]]
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert world.outbox.prune(25, archive) == 0
    assert len(archive.read_bytes().splitlines()) == 4
    assert world.outbox.flush(node, world.pen).done == 2  # Numbers go on.
    assert world.outbox.entry(4).sequence == 4


def test_what_is_not_handed_over_stays(world: World, tmp_path: Path) -> None:
    world.put(1)
    world.outbox.flush(Promising(world.consortium.node), world.pen)
    assert world.outbox.prune(1, tmp_path / "archive.jsonl") == 1
    assert len(world.outbox.acknowledgements(unhanded=True)) == 1


def test_without_an_archive_nothing_goes(world: World, tmp_path: Path) -> None:
    world.put(1)
    world.flush()
    with pytest.raises(refusals.Unusable):
        world.outbox.prune(1, tmp_path / "no" / "archive.jsonl")
    assert world.outbox.entry(1).state == "done"


def test_as_many_are_read_as_are_asked_for(world: World) -> None:
    world.put(1, 2, 3)
    assert [entry.number for entry in world.outbox._file.entries(("queued",), 2)] == [1, 2]


def test_the_profile_says_after_how_many_days(world: World, tmp_path: Path) -> None:
    """Sending archives what had its end before; what gets its end now is shown once more."""
    day, now = 86_400_000, time.time_ns() // 1_000_000
    for number, age in ((1, 40), (2, 1)):
        world.outbox.put(REGISTRY, Add(entry=number), now_ms=now - age * day)

    def sent(days: int) -> list[int]:
        profile = Profile(url="https://a", member="plant", key="k1", chain=world.chain, outbox_days=days)
        place = SimpleNamespace(outbox_archive=tmp_path / "archive.jsonl")
        desk: Any = SimpleNamespace(profile=profile, place=place, node=world.network, pen=world.pen)
        send(desk, world.outbox)
        return [entry.number for entry in world.outbox.entries()]

    assert sent(0) == [1, 2]
    assert sent(30) == [2]
