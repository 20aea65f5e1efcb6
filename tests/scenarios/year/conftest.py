"""The year, played once on made-up twins and once on real logs, and what strangers say of it."""

from collections.abc import Iterator

import pytest

from tests.scenarios.year import tapes
from tests.scenarios.year.play import Year, play
from tests.scenarios.year.strangers import Strangers


@pytest.fixture(scope="session", params=["made_up", "real"])
def year(request: pytest.FixtureRequest) -> Iterator[Year]:
    if request.param == "real":
        made = play(tapes.real(request.getfixturevalue("shared_data")))
    else:
        made = play(tapes.made_up())
    yield made
    made.town.node.close()


@pytest.fixture(scope="session")
def strangers(year: Year) -> Strangers:
    return Strangers(year)
