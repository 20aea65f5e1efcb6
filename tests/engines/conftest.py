"""A consortium with the test room, on a file of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consortium import Consortium
from tests.kernel import room


def made(path: Path) -> Consortium:
    return Consortium(path, registry=room.registry())


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Consortium]:
    consortium = made(tmp_path / "ledger.db")
    yield consortium
    consortium.close()
