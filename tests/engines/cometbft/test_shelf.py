"""Where files of snapshots rest."""

from pathlib import Path
from typing import Any

import pytest

from hansa.engines.cometbft.shelf import FolderShelf, MemoryShelf, Shelf
from hansa.engines.snapshot import MANIFEST


@pytest.mark.parametrize("made", [MemoryShelf, FolderShelf])
def test_shelves_are_alike(made: Any, tmp_path: Path) -> None:
    shelf: Shelf = made(tmp_path / "shelf") if made is FolderShelf else made()
    assert shelf.heights() == []
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
