"""A replica with the test room: in memory, and on disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.cometbft.network import Network
from tests.kernel import room


@pytest.fixture
def net() -> Iterator[Network]:
    made = Network(registry=room.registry())
    made.init()
    yield made
    made.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Network]:
    made = Network(tmp_path / "ledger.db", registry=room.registry())
    made.init()
    yield made
    made.close()
