"""The consortium of tests/consortium.py, and a world with evidence of every kind, as fixtures."""

from collections.abc import Iterator

import pytest

from hansa.kernel import encode
from tests.client.evidence_world import EvidenceWorld, made
from tests.consortium import consortium, consortium_on_disk


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvidenceWorld]:
    """Closed periods of a lease whose evidence has something of everything. Tests only read it."""
    built = made(tmp_path_factory.mktemp("evidence"))
    yield built
    built.store.close()
    built.consortium.close()


@pytest.fixture(scope="session")
def bundles(world: EvidenceWorld) -> list[bytes]:
    """The bundle of each statement, as a file has it."""
    return [encode(world.gather(number)) for number in range(len(world.statements()))]


__all__ = ["bundles", "consortium", "consortium_on_disk", "world"]
