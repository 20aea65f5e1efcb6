"""Disks of real files: a commit that a crash cuts short is there whole or not at all, no file broken."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from hansa.simulation.simulator.fast_store import Crashed, FastStore, Step
from hansa.simulation.simulator.files import FileDisk, mixed
from tests.simulation.simulator.test_fast_store import block, crash_at


def height_after_crash(folder: Path, seed: int, *, kept: bool) -> tuple[int, int]:
    """(commits answered, height found) of blocks written until a crash at some commit's sync."""
    luck = Random(f"{seed}/{kept}")
    disk = FileDisk(folder / f"{seed}-{kept}", luck)
    store = disk.open(disk.path)
    last = luck.randint(2, 25)
    answered = 0
    for height in range(1, last + 1):
        if height == last:
            disk.watch(_ends_at_sync(kept))
        with suppress(Crashed):
            block(store, Random(height), height)
            answered = height
    disk.crash()
    store.close()
    again = disk.open(disk.path)
    found = again.height()
    assert len(list(again.records())) == len(set(again.records()))
    assert sqlite3.connect(disk.path).execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    again.close()
    return answered, found


def _ends_at_sync(kept: bool) -> Step:
    def step(name: str) -> None:
        if name == "sync":
            raise Crashed(kept=kept)

    return step


@pytest.mark.parametrize("seed", range(12))
def test_a_torn_commit_is_whole_or_not_there(tmp_path: Path, seed: int) -> None:
    answered, found = height_after_crash(tmp_path, seed, kept=False)
    assert found in (answered, answered + 1)
    answered, found = height_after_crash(tmp_path, seed, kept=True)
    assert found == answered + 1


def test_most_torn_commits_are_not_there(tmp_path: Path) -> None:
    lost = [answered == found for answered, found in (
        height_after_crash(tmp_path, seed, kept=False) for seed in range(20, 26)
    )]  # fmt: skip
    assert sum(lost) >= 3


def test_steps_are_those_of_the_fast_store(tmp_path: Path) -> None:
    disk, fast = FileDisk(tmp_path / "disk", Random(1)), FastStore()
    real: list[str] = []
    disk.watch(real.append)
    expected = crash_at(fast, 0, kept=False)
    store = disk.open(disk.path)
    block(store, Random(1), 1)
    block(fast, Random(1), 1)
    store.close()
    assert real == expected


def test_a_wiped_disk_is_empty(tmp_path: Path) -> None:
    disk = FileDisk(tmp_path / "disk", Random(1))
    store = disk.open(disk.path)
    block(store, Random(1), 1)
    store.close()
    disk.wipe()
    again = disk.open(disk.path)
    assert again.height() == 0
    again.close()


def test_mixing_takes_each_sector_from_one_side() -> None:
    before, after = bytes(1_024), b"\x01" * 1_600
    for seed in range(20):
        image = mixed(before, after, Random(seed))
        assert len(image) in (len(before), len(after))
        for start in range(0, len(image), 512):
            assert len(set(image[start : start + 512])) == 1
