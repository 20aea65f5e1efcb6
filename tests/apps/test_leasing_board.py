"""The board of open offers: what stands on it, until when, and what a search finds there."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.leasing import booking
from hansa.apps.leasing.board import cell_of, delist, enlist, on_shelf
from hansa.apps.leasing.messages_market import Description, Offer, OnShelf, Slot, WithdrawOffer
from hansa.apps.leasing.queries_market import offer_of, offers
from hansa.apps.leasing.search import Found, search
from hansa.apps.leasing.tables import LISTED, SHELVES
from hansa.kernel import Context, Refusal, encode, limits, replace
from hansa.kernel.due import QUEUE
from tests.apps.ground import Ground
from tests.apps.leasing import DAY, FROM_MS, MILLING, PRESS, TO_MS, market, offer

OPEN = Offer(
    state="open", asset_owner="maker", asset="press-1", asset_version=1, from_ms=FROM_MS, to_ms=TO_MS,
    notice_ms=0, smallest_ms=DAY, largest_ms=14 * DAY, tariff_owner="maker", tariff="t-1", tariff_version=1,
    nature="operating", crew="either",
)  # fmt: skip


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
    for table in ("leasing.listed", "leasing.shelves"):
        assert not [name for name in ground.tables("leasing") if name[0] == table]
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


@settings(max_examples=60)
@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(("", "drilling")), st.integers(0, 1))),
)
def test_shelves_stay_full_whatever_comes_and_goes(rows_max: int, steps: list[tuple[str, str, int]]) -> None:
    """Offers a to h come if they are not there and go if they are; of two places, with one process or two."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(limits, "SHELF_ROWS_MAX", rows_max)
        ctx = market().context()
        there: dict[str, Description] = {}
        for name, second, east in steps:
            gone = there.pop(name, None)
            if gone is not None:
                delist(ctx, "maker", name, gone)
            else:
                place = replace(PRESS.place, longitude_e6=120_980_000 + 1_000_000 * east)
                processes = (MILLING, replace(MILLING, process=second or "milling"))
                there[name] = replace(PRESS, place=place, capabilities=processes)
                enlist(ctx, "maker", name, OPEN, there[name])
            check_shelves(ctx, rows_max)
            found = [(one.offer, one.number) for one in search(ctx, "milling")]
            listed = [(str(key[1]), int(key[2])) for key, _ in LISTED.scan(ctx)]
            assert sorted({offer for offer, _ in listed}) == sorted(there)
            assert sorted(found) == [
                (offer, number)
                for offer, number in listed
                if there[offer].capabilities[number].process == "milling"
            ]


def check_shelves(ctx: Context, rows_max: int) -> None:
    """All shelves of a cell but its last are full, and each offer lies on the one that it names, once."""
    cells: dict[tuple[str, int], list[tuple[int, int]]] = {}
    rows = []
    for key, shelf in SHELVES.scan(ctx):
        cells.setdefault((str(key[0]), int(key[1])), []).append((int(key[2]), len(shelf.rows)))
        rows += [(int(key[2]), row) for row in shelf.rows]
    for counts in cells.values():
        assert [number for number, _ in counts] == list(range(len(counts)))
        assert all(count == rows_max for _, count in counts[:-1])
        assert 1 <= counts[-1][1] <= rows_max
    names = {(row.offerer, row.offer, row.number): (number, row) for number, row in rows}
    assert len(names) == len(rows) == len(list(LISTED.scan(ctx)))
    for (offerer, name, place), (number, row) in names.items():
        listed = LISTED.get(ctx, (offerer, name, place))
        assert listed is not None
        assert listed.shelf == number
        assert on_shelf(offerer, name, place, listed) == row
        assert encode(msgspec.convert(msgspec.to_builtins(row), OnShelf)) == encode(row)


NEAR, FAR = (31_380_000, 120_980_000), (31_400_000, 121_500_000)
WINDOWS = st.tuples(st.integers(0, 20), st.integers(1, 10))
OFFERED = st.lists(
    st.tuples(
        st.sampled_from(("maker", "rival")), st.sampled_from((NEAR, FAR)), st.sampled_from((10, 50)), WINDOWS,
        st.integers(0, 4), st.lists(WINDOWS, max_size=3),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=80)
@given(
    OFFERED,
    st.sampled_from(("", "distance", "start")),
    st.integers(1, 5),
    st.one_of(st.just((0, 0)), WINDOWS),
    st.integers(0, 3),
)
def test_a_search_finds_in_pages_what_a_look_at_all_finds(
    offered: list[Any], order: Any, limit: int, wanted: tuple[int, int], for_days: int
) -> None:
    ctx = market().context()
    from_ms, to_ms = (FROM_MS + wanted[0] * DAY, FROM_MS + sum(wanted) * DAY) if wanted[1] else (0, 0)
    expected = []
    for number, (owner, at, tolerance, window, notice, taken) in enumerate(offered):
        description = replace(
            PRESS,
            place=replace(PRESS.place, latitude_e6=at[0], longitude_e6=at[1]),
            capabilities=(replace(MILLING, tolerance_um=tolerance),),
        )
        start_ms, end_ms = (FROM_MS + day * DAY for day in (window[0], sum(window)))
        offer = replace(
            OPEN, asset_owner=owner, asset=f"asset-{number}", from_ms=start_ms, to_ms=end_ms,
            notice_ms=(29 + notice) * DAY, largest_ms=end_ms - start_ms,
        )  # fmt: skip
        enlist(ctx, owner, f"o-{number}", offer, description)
        busy = [(FROM_MS + first * DAY, FROM_MS + (first + days) * DAY) for first, days in taken]
        for place, (first_ms, last_ms) in enumerate(busy):
            with contextlib.suppress(Refusal):  # Overlaps one that is there.
                slot = Slot(owner, offer.asset, "", first_ms, last_ms)
                booking.book(ctx, f"b-{number}-{place}", slot)
        free = by_days(offer, busy, ctx.time_ms, from_ms, to_ms, for_days * DAY)
        if free and tolerance <= 20:
            measure = free[0][0] if order == "start" else int(at == FAR)
            expected.append((measure, owner, f"o-{number}", free))
    asked = {"from_ms": from_ms, "to_ms": to_ms, "for_ms": for_days * DAY if to_ms else 0}
    found: list[Found] = []
    after: dict[str, Any] = {}
    while True:
        page = search(
            ctx, "milling", tolerance_um=20, **asked, order=order, latitude_e6=NEAR[0],
            longitude_e6=NEAR[1], limit=limit, **after,
        )  # fmt: skip
        found += page
        if len(page) < limit:
            break
        last = page[-1]
        after = {
            "after_measure": last.measure, "after_offerer": last.offerer, "after_offer": last.offer,
            "after_number": last.number,
        }  # fmt: skip
    told = [(one.offerer, one.offer, [(s.from_ms, s.to_ms) for s in one.free]) for one in found]
    assert told == [each[1:] for each in sorted(expected)]


def by_days(
    offer: Offer, busy: list[tuple[int, int]], now_ms: int, from_ms: int, to_ms: int, for_ms: int
) -> list[tuple[int, int]]:
    """The stretches that may be had, day by day. Of bookings that overlap the first one counts."""
    kept: list[tuple[int, int]] = []
    for start_ms, end_ms in busy:
        if all(end_ms <= one[0] or one[1] <= start_ms for one in kept):
            kept.append((start_ms, end_ms))
    days = [
        day
        for day in range(offer.from_ms, offer.to_ms, DAY)
        if day >= now_ms + offer.notice_ms
        and not any(start <= day < end for start, end in kept)
        and (not to_ms or from_ms <= day < to_ms)
    ]
    stretches: list[tuple[int, int]] = []
    for day in days:
        if stretches and stretches[-1][1] == day:
            stretches[-1] = (stretches[-1][0], day + DAY)
        else:
            stretches.append((day, day + DAY))
    wanted_ms = (for_ms or to_ms - from_ms) if to_ms else 0
    if wanted_ms > offer.largest_ms:
        return []
    return [one for one in stretches if one[1] - one[0] >= max(wanted_ms, offer.smallest_ms)]


def at(ctx: Context, name: str, place: tuple[int, int], first_day: int = 0, **changes: Any) -> None:
    """Maker offers the asset of that name, ten days from a day on."""
    from_ms = FROM_MS + first_day * DAY
    description = replace(
        PRESS,
        place=replace(PRESS.place, latitude_e6=place[0], longitude_e6=place[1]),
        capabilities=(MILLING,),
    )
    given = replace(OPEN, asset=name, from_ms=from_ms, to_ms=from_ms + 10 * DAY, **changes)
    enlist(ctx, "maker", name, given, description)


def test_the_first_to_be_free_is_not_the_one_whose_window_opens_first() -> None:
    ctx = market().context()
    at(ctx, "a", NEAR)
    at(ctx, "b", NEAR, first_day=2)
    at(ctx, "c", NEAR, first_day=6)
    booking.book(ctx, "l-1", Slot("maker", "a", "", FROM_MS, FROM_MS + 5 * DAY))
    assert [one.offer for one in search(ctx, "milling", order="start", limit=1)] == ["b"]
    every = search(ctx, "milling", order="start")
    assert [(one.offer, one.measure) for one in every] == [
        ("b", FROM_MS + 2 * DAY),
        ("a", FROM_MS + 5 * DAY),
        ("c", FROM_MS + 6 * DAY),
    ]


def test_a_search_reads_no_further_than_its_page_and_says_what_it_read() -> None:
    """Three offers in a cell, two in the next, one in another: a row costs a scanned row, as does a shelf."""
    made = market()
    ctx = made.context()
    for name in "abc":
        at(ctx, name, NEAR)
    for name in "de":
        at(ctx, name, FAR)
    at(ctx, "f", (FAR[0], FAR[1] + 5_000_000))
    ctx.layer.merge_into(made.layer)

    def cost(**asked: Any) -> tuple[list[str], int, int]:
        ctx = made.context()
        found = [one.offer for one in search(ctx, "milling", **asked)]
        return found, ctx.scanned, ctx.reads

    # One scan of shelves; for each offer that is looked up its calendar, and what is told of it.
    assert cost() == (["a", "b", "c", "d", "e", "f"], 3 + 6, 1 + 6 * 2)
    # That a cell ends is seen by the next one.
    assert cost(limit=1) == (["a"], 2 + 5, 1 + 2)
    second = {"after_measure": cell_of(*FAR), "after_offerer": "maker", "after_offer": "d"}
    assert cost(**second) == (["e", "f"], 2 + 3, 1 + 2 * 2)
    box = {"south_e6": FAR[0], "north_e6": FAR[0], "west_e6": FAR[1], "east_e6": FAR[1]}
    assert cost(**box, **second) == (["e"], 1 + 2, 1 + 2)
    assert cost(tolerance_um=1) == ([], 3 + 6, 1)
    for name in "abcdef":
        ctx = made.context()
        booking.book(ctx, f"l-{name}", Slot("maker", name, "", FROM_MS, FROM_MS + 10 * DAY))
        ctx.layer.merge_into(made.layer)
    assert cost() == ([], 3 + 6 + 6, 1 + 6)


def test_a_page_has_an_end_whatever_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = market().context()
    for name in "abc":
        at(ctx, name, NEAR)
    monkeypatch.setattr("hansa.apps.leasing.search.FOUND_MAX", 2)
    assert len(search(ctx, "milling")) == len(search(ctx, "milling", limit=9)) == 2
    assert len(search(ctx, "milling", limit=1)) == 1


def test_an_offer_comes_and_goes_within_a_budget_among_the_longest_ones() -> None:
    """Sixteen capabilities with as many materials as one may have, on shelves full of such."""
    made = market()
    materials = tuple(f"{number:02d}".ljust(64, "m") for number in range(limits.MATERIALS_MAX))
    capabilities = tuple(
        replace(MILLING, process=f"p-{number}", materials=materials)
        for number in range(limits.CAPABILITIES_MAX)
    )
    long = replace(PRESS, capabilities=capabilities)
    names = [f"{number:02d}".ljust(64, "n") for number in range(2 * limits.SHELF_ROWS_MAX)]
    for work in (enlist, delist):
        for name in names:
            ctx = made.context()
            given = (OPEN, long) if work is enlist else (long,)
            work(ctx, "maker", name, *given)
            ctx.layer.merge_into(made.layer)
    for table in ("leasing.listed", "leasing.shelves"):
        assert not [name for name in made.tables("leasing") if name[0] == table]


def test_a_point_off_the_map_is_taken_for_its_edge() -> None:
    ctx = market().context()
    at(ctx, "a", NEAR)
    far = 2**53 - 1
    for sign in (1, -1):
        beyond = search(ctx, "milling", order="distance", latitude_e6=sign * far, longitude_e6=sign * far)
        edge = {"latitude_e6": sign * 90_000_000, "longitude_e6": sign * 180_000_000}
        assert beyond == search(ctx, "milling", order="distance", **edge)
        assert 0 < beyond[0].measure < far
