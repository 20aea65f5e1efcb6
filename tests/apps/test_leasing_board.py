"""The board of open offers: what stands on it, until when, and what a search finds there."""

import pytest

from hansa.apps.leasing.messages_market import WithdrawOffer
from hansa.apps.leasing.queries_market import offer_of, offers
from hansa.apps.leasing.search import search
from hansa.kernel.due import QUEUE
from tests.apps.ground import Ground
from tests.apps.leasing import DAY, TO_MS, market, offer


@pytest.fixture
def ground() -> Ground:
    return market()


def test_an_offer_leaves_the_board_when_it_is_withdrawn_or_its_window_has_passed(ground: Ground) -> None:
    ground.do("maker", offer())
    ground.do("maker", offer("o-2"))
    assert [one.offer for one in ground.ask(search, "milling")] == ["o-1", "o-2"]
    assert [one.offer for one in ground.ask(search, "drilling")] == ["o-1", "o-2"]
    ground.do("maker", WithdrawOffer("o-2"))
    assert [one.offer for one in ground.ask(search, "milling")] == ["o-1"]
    assert len(list(QUEUE.scan(ground.context()))) == 1
    ground.move_to(TO_MS)
    assert ground.ask(offer_of, "maker", "o-1").state == "ended"
    assert not [name for name in ground.tables("leasing") if name[0] == "leasing.listed"]
    assert ground.ask(offers, "maker", True) == []
    ground.do("maker", offer(from_ms=TO_MS, to_ms=TO_MS + 20 * DAY, offer="o-3"))


def test_what_is_let_without_its_crew_is_not_on_the_board_of_those_that_come_with_it(ground: Ground) -> None:
    ground.do("maker", offer(crew="with"))
    assert [one.listed.crew for one in ground.ask(search, "milling")] == ["with"]
    assert ground.ask(search, "drilling") == []


def test_a_search_keeps_to_its_box_within_a_cell(ground: Ground) -> None:
    """The press stands at 31.38 north, 120.98 east."""
    ground.do("maker", offer())
    here = {"south_e6": 31_380_000, "north_e6": 31_380_000, "west_e6": 120_980_000, "east_e6": 120_980_000}
    assert len(search(ground.context(), "milling", **here)) == 1
    for side, by in (("south_e6", 1), ("north_e6", -1), ("west_e6", 1), ("east_e6", -1)):
        moved = here | {side: here[side] + by}
        if side in ("west_e6", "east_e6"):  # Else it would reach around the globe.
            moved |= {"west_e6": here["west_e6"] + by, "east_e6": here["east_e6"] + by}
        assert search(ground.context(), "milling", **moved) == []
