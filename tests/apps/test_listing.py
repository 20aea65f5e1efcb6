"""Lists of what a member published to price by: whole in pages, each once, nobody else's."""

from hansa.apps.billing.listing import LISTED_MAX, indices_by, series_by, tariffs_of
from hansa.apps.billing.messages import PublishTariff
from hansa.apps.billing.messages_prices import DeclareSeries, PublishIndex
from hansa.apps.consortium.calendars import DAY_MAX
from tests.apps.ground import Ground
from tests.apps.tariffs import TARIFF
from tests.apps.test_prices import FIRST, FORM, ground_of, publish


def paged(ground: Ground, limit: int) -> list[tuple[str, int]]:
    """Ids and versions of maker's tariffs, so many at a time."""
    found: list[tuple[str, int]] = []
    while True:
        after = found[-1] if found else ("", 0)
        page = ground.ask(tariffs_of, "maker", *after, limit)
        found += [(each.tariff, each.version) for each in page]
        if not page:
            return found


def test_tariffs_are_listed_by_id_and_version() -> None:
    ground = ground_of(agreed=False)
    wanted = [("night", 1), ("night", 2), ("night", 11), ("nightly", 1), ("t", 7)]
    for name, version in reversed(wanted):
        ground.do("maker", PublishTariff(name, version, TARIFF, "maker", "c-1"))
    ground.do("bank", PublishTariff("other", 1, TARIFF, "maker", "c-1"))
    for limit in (0, 1, 2, 3):
        assert paged(ground, limit) == wanted
    first = ground.ask(tariffs_of, "maker")[0]
    assert (first.name, first.currency, first.calendar_owner, first.calendar) == (
        TARIFF.name, "CNY", "maker", "c-1",
    )  # fmt: skip
    assert ground.ask(tariffs_of, "plant") == []


def test_series_say_how_far_their_prices_reach() -> None:
    ground = ground_of(agreed=False)
    ground.do("bank", DeclareSeries("day-ahead", 2, FORM))
    for day in (3, 1, 2):
        publish(ground, day)
    first, second = ground.ask(series_by, "bank")
    assert (first.version, first.first_day, first.last_day) == (1, FIRST + 1, FIRST + 3)
    assert (second.version, second.first_day, second.last_day) == (2, None, None)
    assert ground.ask(series_by, "bank", "day-ahead", 1) == [second]
    assert ground.ask(series_by, "maker") == []


def test_indices_are_listed_once_each_with_their_last_value() -> None:
    ground = ground_of(agreed=False)
    ground.do("bank", PublishIndex("copper", FIRST, 210_000_000))
    ground.do("bank", PublishIndex("copper-2", DAY_MAX, 1))
    ground.do("bank", PublishIndex("aluminium", FIRST, 5))
    listed = ground.ask(indices_by, "bank")
    assert [each.index for each in listed] == ["aluminium", "copper", "copper-2"]
    copper = listed[1]
    assert (copper.first_day, copper.last_day, copper.value_e8) == (FIRST - 30, FIRST, 210_000_000)
    assert ground.ask(indices_by, "bank", "aluminium", 1) == [copper]
    assert ground.ask(indices_by, "bank", "copper-2") == []


def test_a_list_is_bounded_whatever_is_asked_for() -> None:
    ground = ground_of(agreed=False)
    for number in range(LISTED_MAX + 1):
        ground.do("maker", PublishIndex(f"i-{number:04}", FIRST, 1))
    listed = ground.ask(indices_by, "maker", "", 2**40)
    assert len(listed) == LISTED_MAX
    assert [each.index for each in ground.ask(indices_by, "maker", listed[-1].index)] == [
        f"i-{LISTED_MAX:04}"
    ]
