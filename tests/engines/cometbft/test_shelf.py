"""Where files of snapshots rest."""

from pathlib import Path
from typing import Any

import pytest

from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.giving import at_once
from hansa.engines.cometbft.shelf import FolderShelf, MemoryShelf, Shelf
from hansa.engines.snapshot import MANIFEST, Manifest
from hansa.kernel.canonical import decode_strict
from tests.engines.cometbft.network import Network
from tests.engines.cometbft.test_snapshots import chunk, give, grown, hash_of, join, listed, offer
from tests.kernel import room


@pytest.mark.parametrize("made", [MemoryShelf, FolderShelf])
def test_shelves_are_alike(made: Any, tmp_path: Path) -> None:
    shelf: Shelf = made(tmp_path / "shelf") if made is FolderShelf else made()
    assert shelf.heights() == []
    assert shelf.free_bytes() > 2**20, "of the disk, also before the folder is there"
    shelf.put(20, "a", b"1")
    shelf.put(20, MANIFEST, b"2")
    shelf.put(10, MANIFEST, b"3")
    shelf.put(30, "a", b"4")
    assert shelf.heights() == [10, 20]
    assert shelf.get(20, "a") == b"1"
    shelf.drop_unfinished()
    for height, name in ((30, "a"), (20, "b"), (40, "a")):
        with pytest.raises(OSError):
            shelf.get(height, name)
    shelf.drop(10)
    shelf.drop(99)
    assert shelf.heights() == [20]


def test_a_snapshot_for_which_the_disk_has_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told before it is fetched; so no peer fills a disk with a snapshot that leads nowhere."""
    for name in ("giver", "joiner"):
        (tmp_path / name).mkdir()
    giver = grown(tmp_path / "giver" / "ledger.db")
    joiner = Network(tmp_path / "joiner" / "ledger.db", registry=room.registry(), beside=at_once)
    (found,) = listed(giver)
    size = sum(each.size for each in decode_strict(chunk(giver, found, 0), Manifest).chunks)
    monkeypatch.setattr(FolderShelf, "free_bytes", lambda shelf: 3 * size - 1)
    assert offer(joiner, found, hash_of(giver)) == abci.Offer.ACCEPT
    assert give(joiner, 0, chunk(giver, found, 0)).result == abci.Apply.REJECT_SNAPSHOT
    told = joiner.application.incidents[-1]
    assert "MB left" in told.detail
    assert "磁盘只剩" in told.detail_zh
    assert not list((tmp_path / "joiner" / "joining").glob("*"))
    monkeypatch.setattr(FolderShelf, "free_bytes", lambda shelf: 3 * size)
    assert set(join(joiner, giver)) == {abci.Apply.ACCEPT}
    joiner.close()
    giver.close()
