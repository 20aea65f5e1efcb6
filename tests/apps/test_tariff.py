"""What makes a tariff sound: each way of being unsound is refused by its own name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.apps.billing.tariff import (
    Cap,
    Meter,
    Minimum,
    Span,
    Tariff,
    Tax,
    TaxRate,
    Tier,
    Window,
    check_rates,
    check_successor,
    check_tariff,
    day_plans,
    minor_digits,
    rate_in_force,
)
from hansa.apps.billing.terms import GapRule, Terms, check_terms
from hansa.apps.consortium.calendars import DAY_CLASSES, day_number
from hansa.kernel.canonical import decode_strict, encode
from hansa.kernel.refusal import Refusal
from hansa.kernel.types import INTEGER_MAX, replace
from tests.apps.tariffs import ENERGY, FEE, HOURS, LEAST, MOST, PIECE, TARIFF, WINDOWS

ALL_DAY = Window("rest", (Span(("all",), 0, 1440),))


def with_elements(*elements: object) -> Tariff:
    return replace(TARIFF, elements=elements)


def with_piece(**change: object) -> Tariff:
    return with_elements(replace(PIECE, **change))


def with_windows(*windows: Window) -> Tariff:
    return replace(TARIFF, elements=(PIECE,), windows=windows)


def refusal_of(tariff: Tariff) -> Refusal:
    with pytest.raises(Refusal) as refused:
        check_tariff(tariff)
    return refused.value


def test_a_sound_tariff_passes_and_has_one_form() -> None:
    check_tariff(TARIFF)
    assert decode_strict(encode(TARIFF), Tariff) == TARIFF


NAMED = {
    "no element": (with_elements(), "billing.tariff_size"),
    "too many elements": (
        with_elements(*(replace(FEE, clause=f"c{n}") for n in range(65))),
        "billing.tariff_size",
    ),
    "too many meters": (
        replace(TARIFF, meters=tuple(Meter(f"m{n}", "counter", "piece") for n in range(17))),
        "billing.tariff_size",
    ),
    "meter twice": (replace(TARIFF, meters=(*TARIFF.meters, TARIFF.meters[0])), "billing.tariff_name_twice"),
    "meter in kWh": (
        replace(TARIFF, meters=(*TARIFF.meters, Meter("m", "counter", "kWh"))),
        "billing.tariff_base_unit",
    ),
    "state meter in pieces": (
        replace(TARIFF, meters=(*TARIFF.meters, Meter("m", "state", "piece"))),
        "billing.tariff_base_unit",
    ),
    "free text as unit": (
        replace(TARIFF, meters=(*TARIFF.meters, Meter("m", "counter", "ask Bob"))),
        "billing.tariff_unit_name",
    ),
    "meter unknown": (with_piece(meter="ghost"), "billing.tariff_meter_unknown"),
    "states missing": (with_elements(replace(HOURS, states=())), "billing.tariff_states_missing"),
    "states on a counter": (with_piece(states=("ACTIVE",)), "billing.tariff_states_unfit"),
    "state twice": (with_elements(replace(HOURS, states=("ACTIVE", "ACTIVE"))), "billing.tariff_name_twice"),
    "too many states": (
        with_elements(replace(HOURS, states=tuple(f"S{n}" for n in range(33)))),
        "billing.tariff_size",
    ),
    "window unknown": (with_elements(replace(ENERGY, windows=("night",))), "billing.tariff_window_unknown"),
    "window twice": (
        with_elements(replace(ENERGY, windows=("peak", "peak"))),
        "billing.tariff_name_twice",
    ),
    "kWh of pieces": (with_piece(unit="kWh", unit_base=1_000), "billing.tariff_unit_mismatch"),
    "hour of 100 ms": (with_elements(replace(HOURS, unit_base=100)), "billing.tariff_unit_mismatch"),
    "piece of 12 pieces": (with_piece(unit_base=12), "billing.tariff_unit_mismatch"),
    "page of 12 pages": (
        replace(
            with_piece(meter="pages", unit="page", unit_base=12), meters=(Meter("pages", "counter", "page"),)
        ),
        "billing.tariff_unit_mismatch",
    ),
    "unit of size zero": (with_piece(unit="box", unit_base=0), "billing.tariff_value"),
    "unit of negative size": (with_piece(unit="box", unit_base=-1), "billing.tariff_value"),
    "unit without name": (with_piece(unit=""), "billing.tariff_unit_name"),
    "unit with a long name": (with_piece(unit="a" * 17), "billing.tariff_unit_name"),
    "negative quota": (with_piece(included_base=-1), "billing.tariff_value"),
    "negative price": (with_piece(tiers=(Tier(-1),)), "billing.tariff_value"),
    "price too large": (with_piece(tiers=(Tier(INTEGER_MAX + 1),)), "billing.tariff_value"),
    "negative bound": (with_piece(tiers=(Tier(1, -5), Tier(1))), "billing.tariff_value"),
    "no tier": (with_piece(tiers=()), "billing.tariff_size"),
    "too many tiers": (
        with_piece(tiers=(*(Tier(1, n) for n in range(1, 33)), Tier(1))),
        "billing.tariff_size",
    ),
    "bounds that fall": (with_piece(tiers=(Tier(3, 9), Tier(2, 8), Tier(1))), "billing.tariff_tier_hole"),
    "bounds that stand": (with_piece(tiers=(Tier(3, 9), Tier(2, 9), Tier(1))), "billing.tariff_tier_hole"),
    "no bound in the middle": (with_piece(tiers=(Tier(3, 9), Tier(2), Tier(1))), "billing.tariff_tier_hole"),
    "no bound at first": (with_piece(tiers=(Tier(3), Tier(2))), "billing.tariff_tier_hole"),
    "last tier bounded": (with_piece(tiers=(Tier(3, 9), Tier(2, 10))), "billing.tariff_tier_bounded"),
    "clause twice": (
        with_elements(FEE, replace(PIECE, clause="base_fee")),
        "billing.tariff_clause_duplicate",
    ),
    "negative fee": (with_elements(replace(FEE, amount_minor=-1)), "billing.tariff_value"),
    "negative minimum": (with_elements(FEE, PIECE, replace(LEAST, amount_minor=-1)), "billing.tariff_value"),
    "fee too large": (with_elements(replace(FEE, amount_minor=INTEGER_MAX + 1)), "billing.tariff_value"),
    "minimum of nothing": (with_elements(FEE, replace(LEAST, of=())), "billing.tariff_size"),
    "minimum of one twice": (
        with_elements(FEE, replace(LEAST, of=("base_fee", "base_fee"))),
        "billing.tariff_name_twice",
    ),
    "minimum of a later clause": (with_elements(FEE, LEAST, PIECE), "billing.tariff_clause_not_earlier"),
    "minimum of itself": (
        with_elements(FEE, replace(LEAST, of=("at_least",))),
        "billing.tariff_clause_not_earlier",
    ),
    "cap of an unknown clause": (with_elements(FEE, PIECE, MOST), "billing.tariff_clause_not_earlier"),
    "cap of another tax": (
        with_elements(ENERGY, Cap("most", "vat", ("energy_peak",), 5)),
        "billing.tariff_clause_tax",
    ),
    "minimum of another tax": (
        with_elements(ENERGY, Minimum("least", "vat", ("energy_peak",), 5)),
        "billing.tariff_clause_tax",
    ),
    "tax unknown": (with_elements(replace(FEE, tax="ghost")), "billing.tariff_tax_unknown"),
    "no tax": (replace(TARIFF, taxes=()), "billing.tariff_size"),
    "tax twice": (replace(TARIFF, taxes=(*TARIFF.taxes, TARIFF.taxes[0])), "billing.tariff_name_twice"),
    "tax without rate": (replace(TARIFF, taxes=(Tax("vat", ()),)), "billing.tariff_size"),
    "rates out of order": (
        replace(TARIFF, taxes=(Tax("vat", (TaxRate(9, 5), TaxRate(9, 6))),)),
        "billing.tariff_rates_not_rising",
    ),
    "negative rate": (replace(TARIFF, taxes=(Tax("vat", (TaxRate(9, -5),)),)), "billing.tariff_value"),
    "rate above all": (replace(TARIFF, taxes=(Tax("vat", (TaxRate(9, 100_001),)),)), "billing.tariff_value"),
    "window of a name twice": (with_windows(WINDOWS[0], WINDOWS[0]), "billing.tariff_name_twice"),
    "window without span": (with_windows(ALL_DAY, Window("w", ())), "billing.tariff_size"),
    "too many windows": (
        with_windows(*(Window(f"w{n}", ALL_DAY.spans) for n in range(25))),
        "billing.tariff_size",
    ),
    "span without length": (
        with_windows(ALL_DAY, Window("w", (Span(("mon",), 480, 480),))),
        "billing.tariff_span_empty",
    ),
    "span without days": (with_windows(Window("w", (Span((), 0, 1440),))), "billing.tariff_day_unknown"),
    "span of an unknown day": (
        with_windows(Window("w", (Span(("lundi",), 0, 1440),))),  # type: ignore[arg-type]
        "billing.tariff_day_unknown",
    ),
    "span beyond the day": (
        with_windows(Window("w", (Span(("all",), 0, 1441),))),
        "billing.tariff_value",
    ),
    "span before the day": (
        with_windows(Window("w", (Span(("all",), -1, 1440),))),
        "billing.tariff_value",
    ),
    "holidays left out": (with_windows(WINDOWS[0], WINDOWS[2]), "billing.tariff_window_hole"),
    "a minute twice": (
        with_windows(*WINDOWS, Window("w", (Span(("makeup",), 500, 501),))),
        "billing.tariff_window_overlap",
    ),
}


@pytest.mark.parametrize(("tariff", "code"), NAMED.values(), ids=NAMED)
def test_an_unsound_tariff_is_refused_by_name(tariff: Tariff, code: str) -> None:
    refusal = refusal_of(tariff)
    assert refusal.code == code
    assert refusal.en != refusal.zh
    assert "{" not in refusal.en + refusal.zh


@given(
    st.integers(0, 8),
    st.integers(0, 1439),
    st.integers(1, 400),
)
def test_a_hole_is_found_wherever_it_is_and_named_by_day_and_minute(
    day: int, start: int, length: int
) -> None:
    end = min(start + length, 1440)
    others = tuple(name for name in DAY_CLASSES if name != DAY_CLASSES[day])
    spans = [Span(others, 0, 1440)]
    spans += [Span((DAY_CLASSES[day],), 0, start)] if start else []
    spans += [Span((DAY_CLASSES[day],), end, 1440)] if end < 1440 else []
    refusal = refusal_of(with_windows(Window("w", tuple(spans))))
    assert refusal.code == "billing.tariff_window_hole"
    assert (refusal.values["day"], refusal.values["minute"]) == (DAY_CLASSES[day], start)
    assert f"{start // 60:02d}:{start % 60:02d}" in refusal.en


@given(st.integers(0, 8), st.integers(0, 1438), st.integers(1, 300))
def test_an_overlap_is_found_wherever_it_is_even_of_a_window_with_itself(
    day: int, start: int, length: int
) -> None:
    extra = Span((DAY_CLASSES[day],), start, min(start + length, 1440))
    for windows in ((ALL_DAY, Window("w", (extra,))), (Window("rest", (*ALL_DAY.spans, extra)),)):
        refusal = refusal_of(with_windows(*windows))
        assert refusal.code == "billing.tariff_window_overlap"
        assert refusal.values["day"] == DAY_CLASSES[day]


def test_short_forms_stand_for_their_days_and_repeats_do_no_harm() -> None:
    windows = (
        Window("work", (Span(("workday", "mon", "workday"), 0, 1440),)),
        Window("rest", (Span(("sun", "restday"), 0, 1440),)),
        Window("off", (Span(("holiday",), 0, 1440),)),
    )
    plans = dict(zip(DAY_CLASSES, day_plans(windows), strict=True))
    assert {day: plan[0][2] for day, plan in plans.items()} == {
        "mon": 0, "tue": 0, "wed": 0, "thu": 0, "fri": 0, "makeup": 0, "sat": 1, "sun": 1, "holiday": 2,
    }  # fmt: skip


def test_a_span_over_midnight_covers_both_ends_of_the_same_days() -> None:
    windows = (
        Window("night", (Span(("fri",), 1320, 360),)),
        Window(
            "rest", (Span(("fri",), 360, 1320), Span(tuple(d for d in DAY_CLASSES if d != "fri"), 0, 1440))
        ),
    )
    plans = dict(zip(DAY_CLASSES, day_plans(windows), strict=True))
    assert plans["fri"] == ((0, 360, 0), (360, 1320, 1), (1320, 1440, 0))
    assert plans["sat"] == ((0, 1440, 1),)


def test_a_tariff_without_windows_has_the_one_window_all() -> None:
    check_tariff(replace(TARIFF, windows=(), elements=(replace(PIECE, windows=("all",)),)))
    assert day_plans(()) == (((0, 1440, 0),),) * 9


def test_the_rate_of_a_date_is_the_last_one_begun() -> None:
    vat = TARIFF.taxes[0]
    assert rate_in_force(vat, day_number(2018, 5, 1)) == 1_600
    assert rate_in_force(vat, day_number(2019, 3, 31)) == 1_600
    assert rate_in_force(vat, day_number(2019, 4, 1)) == 1_300
    check_rates(TARIFF, day_number(2018, 5, 1))
    with pytest.raises(Refusal, match="2018-04-30") as refused:
        check_rates(TARIFF, day_number(2018, 4, 30))
    assert refused.value.code == "billing.tariff_tax_before_first"


def test_minor_units_are_those_of_iso_4217() -> None:
    digits = {code: minor_digits(code) for code in ("CNY", "EUR", "JPY", "KRW", "KWD", "CLF")}
    assert digits == {"CNY": 2, "EUR": 2, "JPY": 0, "KRW": 0, "KWD": 3, "CLF": 4}


@pytest.mark.parametrize("change", [{"currency": "EUR"}, {"tax_included": True}, {"period": "week"}])
def test_a_new_version_must_let_corrections_add_up(change: dict[str, object]) -> None:
    check_successor(TARIFF, with_piece(included_base=50))
    with pytest.raises(Refusal) as refused:
        check_successor(TARIFF, replace(TARIFF, **change))
    assert refused.value.code == "billing.tariff_successor"


GAPS = (
    GapRule("pieces", 600_000, "counter_difference"),
    GapRule("execution", 600_000, "zero"),
    GapRule("energy", 600_000, "average_day", 10),
)


def gap(position: int, **change: object) -> tuple[GapRule, ...]:
    return tuple(replace(rule, **change) if n == position else rule for n, rule in enumerate(GAPS))


@pytest.mark.parametrize(
    ("gaps", "code"),
    [
        (GAPS[:2], "billing.gap_rule_missing"),
        ((*GAPS, GAPS[0]), "billing.tariff_name_twice"),
        (gap(0, meter="ghost"), "billing.gap_rule_meter"),
        (gap(1, rule="counter_difference"), "billing.gap_rule_unfit"),
        (gap(2, rule="counter_difference", days=0), "billing.gap_rule_unfit"),
        (gap(2, days=0), "billing.gap_rule_days"),
        (gap(2, days=61), "billing.gap_rule_days"),
        (gap(1, days=1), "billing.gap_rule_days"),
        (gap(1, longer_than_ms=-1), "billing.gap_length"),
    ],
)
def test_each_meter_has_one_gap_rule_that_it_can_carry(gaps: tuple[GapRule, ...], code: str) -> None:
    check_terms(TARIFF, Terms(0, GAPS))
    with pytest.raises(Refusal) as refused:
        check_terms(TARIFF, Terms(0, gaps))
    assert refused.value.code == code


@pytest.mark.parametrize("cut_off_ms", [-1, 63 * 86_400_000])
def test_a_cut_off_lies_within_its_bounds(cut_off_ms: int) -> None:
    with pytest.raises(Refusal) as refused:
        check_terms(TARIFF, Terms(cut_off_ms, GAPS))
    assert refused.value.code == "billing.cut_off"
