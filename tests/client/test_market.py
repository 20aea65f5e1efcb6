"""Search with its distances and prices, estimates, and reserve prices that never leave the offerer."""

import math
import os
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.billing.elements import Fixed
from hansa.apps.billing.elements_energy import Demand
from hansa.apps.billing.elements_trade import ScrapCredit
from hansa.apps.billing.errors import TariffUnknown
from hansa.apps.billing.errors_energy import FactsMissing
from hansa.apps.billing.messages import PublishedTariff, PublishTariff
from hansa.apps.billing.rating import close_statement, rate
from hansa.apps.billing.tariff import minor_digits
from hansa.apps.consortium.calendars import clip, period_at
from hansa.apps.leasing.board import cell_of
from hansa.apps.leasing.messages_market import RegisterAsset, Size
from hansa.client.estimate import EstimateTime, Plan, estimate
from hansa.client.market import Around, Wanted, box, distance_m, search
from hansa.client.reserve import (
    QuantityMissing,
    Reserve,
    ReserveCurrency,
    ReserveDamaged,
    ReserveUnknown,
    find,
    judge,
    keep,
    path_in,
)
from hansa.kernel import encode, limits, replace
from tests.apps.ground import REGISTRY, Ground
from tests.apps.leasing import (
    DAY,
    FROM_MS,
    HOUR,
    MILLING,
    NEED,
    PIECES,
    PRESS,
    START_MS,
    TO_MS,
    enquiry,
    lease_terms,
    market,
    offer,
)
from tests.apps.tariffs import FEE, PIECE, TARIFF, calendar_of

CALENDAR = calendar_of("Asia/Shanghai")


class Asked:
    """Queries as a client asks them: over JSON, arguments checked."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.names: list[str] = []

    def __call__(self, name: str, kind: Any, **arguments: Any) -> Any:
        self.names.append(name)
        answer = REGISTRY.query(self.ground.context(), name, msgspec.json.decode(encode(arguments)))
        return msgspec.json.decode(encode(answer), type=kind)


@pytest.fixture
def ground() -> Ground:
    """Offers of presses at Kunshan (near), Ningbo (150 km), Chengdu (1,650 km), and on both sides of 180°."""
    made = market()
    for name, latitude, longitude in (
        ("ningbo", 29_870_000, 121_540_000),
        ("chengdu", 30_570_000, 104_070_000),
        ("fiji-w", -17_000_000, 179_900_000),
        ("fiji-e", -17_000_000, -179_900_000),
    ):
        place = replace(PRESS.place, latitude_e6=latitude, longitude_e6=longitude)
        made.do("maker", RegisterAsset(name, replace(PRESS, place=place)))
        made.do("maker", offer(name, asset=name))
    made.do("maker", offer("kunshan"))
    return made


KUNSHAN = (31_380_000, 120_980_000)


def found(ground: Ground, around: Around | None = None, order: Any = "distance", **wanted: Any) -> list[str]:
    given = {"process": "milling"} | wanted
    return [hit.found.offer for hit in search(Asked(ground), Wanted(**given), around, order)]


def test_offers_within_a_circle_the_nearest_first(ground: Ground) -> None:
    hits = search(Asked(ground), Wanted("milling"), Around(*KUNSHAN, 2_000_000))
    assert [hit.found.offer for hit in hits] == ["kunshan", "ningbo", "chengdu"]
    # By the law of cosines, from the degrees above.
    for hit, cosine in zip(hits, (1.0, 0.99961738, 0.96811768), strict=True):
        assert hit.distance_m == pytest.approx(6_371_008.8 * math.acos(cosine), rel=1e-4)
    assert found(ground, Around(*KUNSHAN, 179_000)) == ["kunshan", "ningbo"]
    assert found(ground, Around(*KUNSHAN, 170_000)) == ["kunshan"]
    assert len(found(ground)) == 5


def test_a_circle_may_lie_across_180_degrees_or_around_a_pole(ground: Ground) -> None:
    assert found(ground, Around(-17_000_000, 180_000_000, 50_000)) == ["fiji-e", "fiji-w"]
    assert found(ground, Around(-17_000_000, -179_990_000, 50_000)) == ["fiji-e", "fiji-w"]
    assert found(ground, Around(-17_000_000, -179_990_000, 10_000)) == ["fiji-e"]
    assert len(found(ground, Around(90_000_000, 0, 15_000_000))) == 5


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"process": "drilling"}, 5),
        ({"process": "turning"}, 0),
        ({"material": "steel"}, 5),
        ({"material": "titanium"}, 0),
        ({"tolerance_um": 20}, 5),
        ({"tolerance_um": 19}, 0),
        ({"rate_per_hour": 40}, 5),
        ({"rate_per_hour": 41}, 0),
        ({"crew": "with"}, 5),
        ({"process": "drilling", "crew": "with"}, 0),
        ({"size": Size(300_000, 800_000, 500_000)}, 5),
        ({"size": Size(300_001, 800_000, 500_000)}, 0),
        ({"from_ms": FROM_MS, "to_ms": FROM_MS + 14 * DAY}, 5),
        ({"from_ms": FROM_MS, "to_ms": FROM_MS + 14 * DAY + 1}, 0),
        ({"from_ms": FROM_MS, "to_ms": FROM_MS + DAY - 1}, 0),
        ({"from_ms": FROM_MS - 1, "to_ms": FROM_MS + 3 * DAY}, 0),
        ({"from_ms": FROM_MS - 9 * DAY, "to_ms": FROM_MS + 3 * DAY, "for_ms": 3 * DAY}, 5),
        ({"from_ms": FROM_MS - 9 * DAY, "to_ms": FROM_MS + 3 * DAY, "for_ms": 3 * DAY + 1}, 0),
        ({"from_ms": TO_MS, "to_ms": TO_MS + 3 * DAY}, 0),
    ],
)
def test_what_does_not_fit_is_not_found(ground: Ground, wanted: dict[str, Any], count: int) -> None:
    assert len(found(ground, **wanted)) == count


def test_what_is_booked_is_not_free_and_the_rest_of_the_window_is(ground: Ground) -> None:
    from hansa.apps.leasing.messages_market import Agree
    from hansa.apps.leasing.proposals import content_of

    terms = lease_terms(first_day=3)
    ground.do("plant", enquiry(terms=terms, offer="kunshan"))
    ground.do("maker", Agree("b-1", content_of("b-1", 1, terms, START_MS + 10 * DAY)))
    here = Around(*KUNSHAN, 1_000)
    week = {"from_ms": FROM_MS, "to_ms": FROM_MS + 9 * DAY}
    assert found(ground, here, **week) == []
    assert found(ground, here, **week, for_ms=3 * DAY) == ["kunshan"]
    assert found(ground, here, **week, for_ms=3 * DAY + 1) == []
    hit = search(Asked(ground), Wanted("milling"), here)[0]
    assert [(one.from_ms, one.to_ms) for one in hit.found.free] == [
        (FROM_MS, FROM_MS + 3 * DAY),
        (FROM_MS + 10 * DAY, TO_MS),
    ]


def test_notice_counts_from_now_on(ground: Ground) -> None:
    ground.now_ms = FROM_MS - DAY
    assert found(ground, from_ms=FROM_MS, to_ms=FROM_MS + DAY) == []
    assert len(found(ground, from_ms=FROM_MS + DAY, to_ms=FROM_MS + 2 * DAY)) == 5


def test_all_pages_are_read_and_nothing_is_told_twice(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hansa.client import market as client

    whole, by_start = found(ground), found(ground, order="start")
    for most in (1, 2, 3):
        monkeypatch.setattr(client, "PAGE", most)
        assert found(ground) == whole
        assert found(ground, order="start") == by_start
        assert found(ground, Around(-17_000_000, 180_000_000, 50_000)) == ["fiji-e", "fiji-w"]
        assert found(ground, Around(*KUNSHAN, 2_000_000)) == ["kunshan", "ningbo", "chengdu"]


@pytest.mark.parametrize("order", ["distance", "start", "price"])
@pytest.mark.parametrize("around", [None, Around(*KUNSHAN, 20_000_000)])
def test_the_first_ones_are_the_first_of_all(ground: Ground, order: Any, around: Around | None) -> None:
    wanted = Wanted("milling", quantity=120)
    every = search(Asked(ground), wanted, around, order)
    assert len(every) == 5
    for most in range(1, 6):
        assert search(Asked(ground), wanted, around, order, most) == every[:most]


def test_the_cheapest_of_those_that_are_priced_comes_first_however_far(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hansa.client import market as client

    cheap = replace(PIECE, tiers=(replace(PIECE.tiers[1], price_e8=100_000_000),))
    low = replace(PIECES, elements=(cheap,))
    ground.do("maker", PublishTariff("t-2", 1, low, calendar_owner="maker", calendar="c-1"))
    ground.do("maker", offer("far", asset="chengdu", tariff="t-2"))
    wanted, around = Wanted("milling", quantity=120), Around(*KUNSHAN, 2_000_000)
    assert [hit.found.offer for hit in search(Asked(ground), wanted, around, "price", 1)] == ["far"]
    monkeypatch.setattr(client, "PRICED_MAX", 3)
    hits = search(Asked(ground), wanted, around, "price")
    assert [(hit.found.offer, hit.price is None) for hit in hits] == [
        ("kunshan", False),
        ("ningbo", False),
        ("chengdu", False),
        ("far", True),
    ]
    assert "nearest" in hits[3].note.en
    by_distance = search(Asked(ground), wanted, around)
    assert [hit.price is None for hit in by_distance] == [False, False, False, True]


def test_two_capabilities_of_one_offer_are_told_on_two_pages(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hansa.client import market as client

    twice = replace(PRESS, capabilities=(MILLING, replace(MILLING, materials=("pom",), rate_per_hour=9)))
    ground.do("maker", RegisterAsset("twice", twice))
    ground.do("maker", offer("twice", asset="twice"))
    monkeypatch.setattr(client, "PAGE", 1)
    hits = search(Asked(ground), Wanted("milling"), Around(*KUNSHAN, 1_000))
    assert [(hit.found.offer, hit.found.number) for hit in hits] == [
        ("kunshan", 0),
        ("twice", 0),
        ("twice", 1),
    ]


def test_the_nearest_are_looked_for_in_a_small_circle_first(ground: Ground) -> None:
    around = Around(*KUNSHAN, 20_000_000)
    for most, asked in ((1, 1), (2, 2), (3, 4), (4, 5)):
        ask = Asked(ground)
        assert len(search(ask, Wanted("milling"), around, most=most)) == most
        assert len(ask.names) == asked


@settings(max_examples=60)
@given(
    st.integers(-90_000_000, 90_000_000),
    st.integers(-180_000_000, 180_000_000),
    st.integers(0, 6_000_000),
    st.floats(0, 2 * math.pi),
    st.floats(0, 1),
)
def test_the_box_holds_the_whole_circle(
    latitude_e6: int, longitude_e6: int, radius_m: int, bearing: float, share: float
) -> None:
    """Any point of the circle, reached by its bearing, lies in the box."""
    angle = radius_m * share / 6_371_008.8
    one = math.radians(latitude_e6 / 1e6)
    sine = math.sin(one) * math.cos(angle) + math.cos(one) * math.sin(angle) * math.cos(bearing)
    other = math.asin(max(-1.0, min(1.0, sine)))
    turn = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(one), math.cos(angle) - math.sin(one) * sine
    )
    point = (
        round(math.degrees(other) * 1e6),
        round(((longitude_e6 / 1e6 + math.degrees(turn) + 540) % 360 - 180) * 1e6),
    )
    if distance_m(latitude_e6, longitude_e6, *point) > radius_m:
        return
    south, north, west, east = box(Around(latitude_e6, longitude_e6, radius_m))
    assert south <= point[0] <= north
    inside = west <= point[1] <= east if west <= east else point[1] >= west or point[1] <= east
    assert inside or abs(point[1]) == 180_000_000


def test_distances_are_those_of_the_great_circle() -> None:
    """Shanghai to Berlin is some 8,400 km; a quarter of the globe, 10,007.6 km of the mean sphere."""
    assert distance_m(31_230_000, 121_470_000, 52_520_000, 13_400_000) == pytest.approx(8_400_000, rel=0.01)
    assert distance_m(0, 0, 0, 90_000_000) == pytest.approx(10_007_557, abs=2)
    assert distance_m(0, 179_000_000, 0, -179_000_000) == distance_m(0, -1_000_000, 0, 1_000_000)


def test_cells_have_numbers_of_their_own() -> None:
    corners = [(-90, -180), (-90, 180), (-89, -180), (0, 0), (90, -180), (90, 180)]
    assert [cell_of(a * 10**6, b * 10**6) for a, b in corners] == [
        0,
        360,
        361,
        90 * 361 + 180,
        64_980,
        65_340,
    ]
    assert cell_of(-1, -1) == 89 * 361 + 179


def test_prices_order_and_name_the_tariff_asked_for_once(ground: Ground) -> None:
    cheap = replace(PIECE, tiers=(replace(PIECE.tiers[1], price_e8=100_000_000),))
    low = replace(PIECES, elements=(cheap,))
    ground.do("maker", PublishTariff("t-2", 1, low, calendar_owner="maker", calendar="c-1"))
    ground.do("maker", offer("low", tariff="t-2"))
    ask = Asked(ground)
    hits = search(ask, Wanted("milling", quantity=120), order="price")
    assert hits[0].found.offer == "low"
    prices = [hit.price.net_minor for hit in hits if hit.price]
    assert prices == [10_000] + [35_000] * 5  # 20 are free; 100 at 1.00, or at 3.50.
    assert ask.names.count("billing.tariff_of") == 2


# Estimates.


def test_an_estimate_is_what_rating_says_of_each_period() -> None:
    """Forty days from the middle of January: pro rata fee, tiers by month, pieces spread evenly."""
    tariff = replace(PIECES, elements=(FEE, PIECE))
    published = PublishedTariff(tariff, "maker", "c-1")
    plan = Plan(START_MS + 15 * DAY, START_MS + 55 * DAY, 1_001, {})
    found = estimate(published, CALENDAR, MILLING, plan)
    expected = 0
    for from_ms, to_ms, pieces in (
        (plan.from_ms, START_MS + 31 * DAY, 400),
        (START_MS + 31 * DAY, plan.to_ms, 601),
    ):
        period = clip(CALENDAR, period_at(CALENDAR, "month", from_ms), from_ms, to_ms)
        lines = rate(tariff, {("pieces", "", "all"): pieces}, period)
        expected += close_statement(False, lines).gross_minor
    assert (found.gross_minor, found.assumed) == (expected, ())


def test_an_estimate_says_what_it_assumed() -> None:
    published = PublishedTariff(TARIFF, "maker", "c-1")
    plan = Plan(FROM_MS, FROM_MS + 7 * DAY, 1_000, {})
    found = estimate(published, CALENDAR, MILLING, plan)
    assert [text.en.split(":")[0] for text in found.assumed] == ["execution", "energy"]
    assert "25.0 h ACTIVE" in found.assumed[0].en
    told = estimate(published, CALENDAR, MILLING, replace_plan(plan, energy=50_000))
    assert [text.en.split(":")[0] for text in told.assumed] == ["execution"]
    assert told.net_minor >= found.net_minor


def test_an_estimate_tells_of_credits_and_refuses_what_only_metering_can_know() -> None:
    capacity = Demand("capacity", "power", "capacity", "kVA", 3_200_000_000, agreed_base=100_000)
    scrap = ScrapCredit("scrap", "vat", "pieces", ("per_piece",))
    tariff = replace(TARIFF, elements=(*TARIFF.elements, capacity, scrap))
    plan = Plan(START_MS, START_MS + 31 * DAY, 1_000, {"energy": 1_000, "execution": 0})
    found = estimate(PublishedTariff(tariff, "maker", "c-1"), CALENDAR, MILLING, plan)
    assert [text.en.split(":")[0] for text in found.assumed] == ["scrap"]
    without = estimate(PublishedTariff(TARIFF, "maker", "c-1"), CALENDAR, MILLING, plan)
    assert found.net_minor == without.net_minor + 320_000
    measured = Demand("demand", "power", "measured", "kW", 4_800_000_000, "energy", 15)
    tariff = replace(TARIFF, elements=(*TARIFF.elements, measured))
    with pytest.raises(FactsMissing):
        estimate(PublishedTariff(tariff, "maker", "c-1"), CALENDAR, MILLING, plan)


def replace_plan(plan: Plan, **given: int) -> Plan:
    return Plan(plan.from_ms, plan.to_ms, plan.quantity, given)


def test_an_estimate_of_no_time_is_refused_and_a_search_tells_why_a_price_is_missing(ground: Ground) -> None:
    published = PublishedTariff(PIECES, "maker", "c-1")
    with pytest.raises(EstimateTime):
        estimate(published, CALENDAR, MILLING, Plan(FROM_MS, FROM_MS, 1, {}))
    beyond = START_MS + 370 * DAY
    ground.do("maker", offer("late", from_ms=beyond, to_ms=beyond + 20 * DAY))
    hits = search(Asked(ground), Wanted("milling", quantity=10), order="price")
    assert hits[-1].found.offer == "late"
    assert hits[-1].price is None
    assert "2025" in hits[-1].note.en


# Reserve prices.


def estimated(net_minor: int, currency: str = "CNY") -> Any:
    from hansa.client.estimate import Estimate

    return Estimate(currency, net_minor, 0, net_minor, ())


@pytest.mark.parametrize(
    ("per", "price_e8", "least"),
    [
        ("piece", 280_000_000, 280_000),  # 2.80 for each of 1,000
        ("piece", 280_000_001, 280_001),  # rounds up
        ("hour", 5_000_000_000, 840_000),  # 50.00 for each of 168 hours
        ("lease", 600_000_000_000, 600_000),
    ],
)
def test_a_counter_offer_is_judged_by_what_it_is_expected_to_bring(
    per: Any, price_e8: int, least: int
) -> None:
    reserve = Reserve(price_e8, per, "CNY")
    length_ms = 168 * HOUR
    for net_minor, enough in ((least, True), (least - 1, False)):
        found = judge(reserve, estimated(net_minor), NEED, length_ms, minor_digits("CNY"))
        assert (found.enough, found.reserve_minor) == (enough, least)
    with pytest.raises(ReserveCurrency):
        judge(reserve, estimated(1, "EUR"), NEED, length_ms, 2)


def test_a_reserve_per_piece_needs_a_quantity() -> None:
    with pytest.raises(QuantityMissing):
        judge(Reserve(1, "piece", "CNY"), estimated(1), replace(NEED, quantity=0), HOUR, 2)


def test_reserve_prices_lie_in_the_profile_for_its_owner_alone(tmp_path: Path) -> None:
    with pytest.raises(ReserveUnknown):
        find(tmp_path, "o-1")
    keep(tmp_path, "o-1", Reserve(280_000_000, "piece", "CNY"))
    keep(tmp_path, "o-2", Reserve(1, "lease", "EUR"))
    keep(tmp_path, "o-1", Reserve(290_000_000, "piece", "CNY"))
    assert find(tmp_path, "o-1") == Reserve(290_000_000, "piece", "CNY")
    assert find(tmp_path, "o-2").currency == "EUR"
    if os.name == "posix":
        assert stat.S_IMODE(path_in(tmp_path).stat().st_mode) == 0o600


@pytest.mark.parametrize("data", [b"", b"{", b'{"offers":{"o-1":{}}}', b"\xff", b"x" * (2**20 + 1)])
def test_a_damaged_file_of_reserve_prices_is_named_and_never_overwritten(tmp_path: Path, data: bytes) -> None:
    path_in(tmp_path).write_bytes(data)
    with pytest.raises(ReserveDamaged):
        find(tmp_path, "o-1")
    with pytest.raises(ReserveDamaged):
        keep(tmp_path, "o-1", Reserve(1, "lease", "CNY"))
    assert path_in(tmp_path).read_bytes() == data


def test_no_action_has_a_field_for_a_reserve_price() -> None:
    fields = {
        field.name
        for action in REGISTRY.actions
        if str(action.__struct_config__.tag).startswith("leasing.")
        for field in msgspec.structs.fields(action)
    }
    assert fields
    assert not [name for name in fields if "reserve" in name or "floor" in name or "least" in name]


def test_limits_of_search_are_told(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than can be looked through in one query is refused, not cut off unsaid."""
    monkeypatch.setattr(limits, "SCANNED_MAX", 3)
    from hansa.kernel.context import OverBudget

    with pytest.raises(OverBudget):
        found(ground)


def test_a_tariff_that_vanished_would_be_told_as_such(ground: Ground) -> None:
    hits = search(Missing(ground), Wanted("milling", quantity=1), Around(*KUNSHAN, 1_000))
    assert hits[0].price is None
    assert "t-1" in hits[0].note.en


class Missing(Asked):
    def __call__(self, name: str, kind: Any, **arguments: Any) -> Any:
        if name == "billing.tariff_of":
            raise TariffUnknown(owner=arguments["owner"], id=arguments["tariff"], version=1)
        return super().__call__(name, kind, **arguments)


def test_a_monthly_fee_is_pro_rata_in_an_estimate() -> None:
    fee = replace(PIECES, elements=(Fixed("fee", "vat", 310_000),))
    found = estimate(
        PublishedTariff(fee, "maker", "c-1"), CALENDAR, MILLING, Plan(START_MS, START_MS + 10 * DAY, 0, {})
    )
    assert (found.net_minor, found.tax_minor) == (100_000, 13_000)
