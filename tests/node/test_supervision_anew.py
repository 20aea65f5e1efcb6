"""Each start of a node goes by the settings as they are then."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hansa.node.errors import FollowNothing
from hansa.node.supervision import Child
from tests.node.test_supervision import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    yield made
    made.end()


def test_each_start_asks_anew_what_is_to_run(yard: Yard) -> None:
    """What cannot be used is named, and asked for again until it can."""
    asked: list[str] = []

    def programs() -> tuple[Child, ...]:
        asked.append("")
        if len(asked) == 2:
            raise FollowNothing()
        return (yard.child("application" if len(asked) == 1 else "engine"),)

    yard.start_what(programs)
    assert list(yard.runs()) == ["application"]
    assert yard.supervisor is not None
    yard.supervisor.again()
    assert list(yard.runs(restarts=2)) == ["engine"]
    assert any(told.cause.startswith("settings: node.") for told in yard.told)
