"""A running node."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.world import World, world


@pytest.fixture
def node(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made
