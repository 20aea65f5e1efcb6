"""Vectors worked by hand from docs/tariff-rules.md, rule by rule. No figure was copied from a program."""

import json
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from independent.recompute import Correction, Line, Local, Period, half_even, half_up, recompute

Sheet = dict[str, Any]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def whole(first: str, after: str) -> Period:
    return (at(first), at(after), at(first), at(after))


MARCH = whole("2025-03-01T00:00+08:00", "2025-04-01T00:00+08:00")


def sheet(*elements: dict[str, Any], **changes: Any) -> Sheet:
    return {
        "currency": "CNY",
        "prices": "without_tax",
        "rounding": "half_up",
        "calendar": {"zone": "Asia/Shanghai", "from_year": 2018, "to_year": 2026},
        "taxes": {"vat": [{"from": "2000-01-01", "rate": "10%"}]},
        "elements": list(elements),
        **changes,
    }


def per_piece(clause: str = "use", **keys: Any) -> dict[str, Any]:
    return {"kind": "usage", "clause": clause, "tax": "vat", "meter": "n", "unit": "piece", **keys}


def pieces(n: int) -> dict[tuple[str, str, str], int]:
    return {("n", "", "all"): n}


def shown(lines: list[Line]) -> list[tuple[str, str, Any, int]]:
    return [(line["clause"], line["kind"], line["quantity"], line["net_minor"]) for line in lines]


def column(lines: list[Line], name: str) -> list[Any]:
    return [line[name] for line in lines]


def local(zone: str, windows: dict[str, Any] | None = None, **listed: list[str]) -> Local:
    calendar = {"zone": zone, "holidays": {"2025": listed}}
    return Local({"calendar": calendar, "windows": windows or {}})


def span(start: str, end: str, *days: str) -> dict[str, Any]:
    return {"days": days or ["all"], "from": start, "to": end}


# ---- T: days and windows


def test_t1_local_time_follows_the_transition_before_the_instant() -> None:
    clock = local("Europe/Berlin").clock  # summer time from 2025-03-30 01:00 UTC on
    assert clock(at("2025-03-30T00:59:59+00:00")).hour == 1
    assert clock(at("2025-03-30T01:00:00+00:00")).hour == 3


SHIFTS = {
    "work": [span("00:00", "24:00", "workday")],
    "rest": [span("00:00", "24:00", "restday")],
    "feast": [span("00:00", "24:00", "holiday")],
}


def test_t2_t3_holiday_before_makeup_before_weekday() -> None:
    china = local("Asia/Shanghai", SHIFTS, holidays=["01-28..02-04", "01-01"], makeup_workdays=["01-26"])
    window_on = {
        day: china.window_at(at(f"2025-{day}T12:00+08:00"))
        for day in ("01-01", "01-24", "01-25", "01-26", "01-27", "01-28", "02-01", "02-04", "02-05")
    }
    # Wed feast; Fri; Sat; Sun made up; Mon; Tue: the feast begins; Sat within it; Tue its last; Wed.
    expected = ["feast", "work", "rest", "work", "work", "feast", "feast", "feast", "work"]
    assert list(window_on.values()) == expected


def test_t3_a_repeat_within_a_span_does_no_harm() -> None:
    repeats = {"a": [span("00:00", "24:00", "workday", "mon", "mon", "restday", "holiday")]}
    assert local("Asia/Shanghai", repeats).window_at(MARCH[0]) == "a"


def test_t4_over_midnight_means_the_same_listed_day() -> None:
    others = ("mon", "tue", "wed", "thu", "restday", "holiday", "makeup")
    windows = {
        "night": [span("22:00", "06:00", "fri")],
        "day": [span("06:00", "22:00", "fri"), span("00:00", "24:00", *others)],
    }
    clock = local("Asia/Shanghai", windows)
    # 2025-03-07 is a Friday.
    for text, window in (
        ("2025-03-06T23:59", "day"),
        ("2025-03-07T00:00", "night"),
        ("2025-03-07T05:59", "night"),
        ("2025-03-07T06:00", "day"),
        ("2025-03-07T21:59", "day"),
        ("2025-03-07T22:00", "night"),
        ("2025-03-08T00:00", "day"),
    ):
        assert clock.window_at(at(text + "+08:00")) == window, text


def test_t5_every_minute_once() -> None:
    hole = local("Asia/Shanghai", {"a": [span("00:00", "23:59")]})
    with pytest.raises(KeyError):
        hole.window_at(at("2025-03-07T23:59+08:00"))
    overlap = local("Asia/Shanghai", {"a": [span("00:00", "24:00"), span("12:00", "12:01", "makeup")]})
    with pytest.raises(ValueError):
        overlap.window_at(MARCH[0])
    assert local("Asia/Shanghai").window_at(MARCH[0]) == "all"


def test_t6_the_repeated_hour_counts_twice_and_the_skipped_one_not() -> None:
    clock = local("Europe/Berlin", {"night": [span("00:00", "03:00")], "day": [span("03:00", "24:00")]})
    # One unit per hour of the date. 2025-03-30 has no 02:xx: night is 0, 1. 2025-10-26: night is 0, 1, 2, 2.
    spring = clock.spread(23, at("2025-03-30T00:00+01:00"), at("2025-03-31T00:00+02:00"))
    autumn = clock.spread(25, at("2025-10-26T00:00+02:00"), at("2025-10-27T00:00+01:00"))
    assert spring == {"night": 2, "day": 21}
    assert autumn == {"night": 4, "day": 21}


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("Asia/Shanghai", date(2025, 3, 1), "2025-03-01T00:00+08:00"),
        # 2025-03-09 Havana goes from 00:00 to 01:00: the date begins at the jump.
        ("America/Havana", date(2025, 3, 9), "2025-03-09T05:00+00:00"),
        # 2025-11-02 Havana goes from 01:00 back to 00:00: the first of the two midnights counts.
        ("America/Havana", date(2025, 11, 2), "2025-11-02T04:00+00:00"),
        # 1919-03-30 Toronto went from 23:30 to 00:30 of the next date.
        ("America/Toronto", date(1919, 3, 31), "1919-03-31T04:30+00:00"),
        # Samoa had no 2011-12-30: it begins, and ends, where the 31st begins.
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00+00:00"),
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00+00:00"),
    ],
)
def test_u2_where_a_date_begins(zone: str, day: date, begins: str) -> None:
    assert local(zone).begin_of(day) == at(begins)


# ---- E: elements


def test_e1_states_and_windows_are_summed_and_the_rest_is_free() -> None:
    hours = {"kind": "usage", "clause": "use", "tax": "vat", "meter": "s", "unit": "h", "price": "10.00"}
    usage = {
        ("s", "ACTIVE", "day"): 3_600_000,
        ("s", "READY", "day"): 1_800_000,
        ("s", "ACTIVE", "night"): 7_200_000,
        ("s", "STOPPED", "day"): 999_999_999,
        ("other", "ACTIVE", "day"): 999_999_999,
    }
    both = recompute(sheet(hours | {"states": ["ACTIVE", "READY"]}), usage, MARCH)
    day = recompute(sheet(hours | {"states": ["ACTIVE", "READY"], "windows": ["day"]}), usage, MARCH)
    # 1 + 0.5 + 2 h × 10; 1 + 0.5 h × 10
    assert shown(both) == [("use", "usage", Fraction(7, 2), 3500)]
    assert shown(day) == [("use", "usage", Fraction(3, 2), 1500)]


TIERS = [{"up_to": "100", "price": "1.00"}, {"up_to": "250", "price": "0.80"}, {"price": "0.50"}]


@pytest.mark.parametrize(
    ("tiering", "n", "expected"),
    [
        # 20 are included, the bounds count what is left.
        ("graduated", 120, [("included", 20, 0), ("usage", 100, 100_00)]),
        ("graduated", 121, [("included", 20, 0), ("usage", 100, 100_00), ("usage", 1, 80)]),
        # 280 left: 100 at 1.00, 150 at 0.80 = 120.00, 30 at 0.50 = 15.00
        (
            "graduated",
            300,
            [("included", 20, 0), ("usage", 100, 10000), ("usage", 150, 12000), ("usage", 30, 1500)],
        ),
        ("volume", 120, [("included", 20, 0), ("usage", 100, 100_00)]),
        # 101 × 0.80; 250 × 0.80; 251 × 0.50
        ("volume", 121, [("included", 20, 0), ("usage", 101, 80_80)]),
        ("volume", 270, [("included", 20, 0), ("usage", 250, 200_00)]),
        ("volume", 271, [("included", 20, 0), ("usage", 251, 125_50)]),
        # E3: only the quota; nothing at all
        ("graduated", 20, [("included", 20, 0)]),
        ("volume", 7, [("included", 7, 0)]),
        ("graduated", 0, [("usage", 0, 0)]),
        ("volume", 0, [("usage", 0, 0)]),
    ],
)
def test_e2_e3_tiers_after_the_quota(tiering: str, n: int, expected: list[tuple[str, int, int]]) -> None:
    tariff = sheet(per_piece(included="20", tiering=tiering, tiers=TIERS))
    assert [line[1:] for line in shown(recompute(tariff, pieces(n), MARCH))] == expected


def test_e2_bounds_are_in_the_priced_unit() -> None:
    pallets = per_piece(
        unit="pallet", unit_size=48, tiers=[{"up_to": "2", "price": "6.00"}, {"price": "5.00"}]
    )
    # 100 pieces are 2 1/12 pallets: 2 × 6.00, and 1/12 × 5.00 = 0.41666… → 0.42
    expected = [("use", "usage", Fraction(2), 1200), ("use", "usage", Fraction(1, 12), 42)]
    assert shown(recompute(sheet(pallets | {"tiering": "graduated"}), pieces(100), MARCH)) == expected


@pytest.mark.parametrize(
    ("n", "up", "even"),
    [(1, 1, 0), (3, 2, 2), (5, 3, 2), (7, 4, 4)],  # 0.5, 1.5, 2.5, 3.5 fen
)
def test_e4_ties(n: int, up: int, even: int) -> None:
    for rounding, minor in (("half_up", up), ("half_even", even)):
        lines = recompute(sheet(per_piece(price="0.005"), rounding=rounding), pieces(n), MARCH)
        assert column(lines, "net_minor") == [minor]


def test_e4_ties_of_negative_amounts_go_away_from_zero() -> None:
    assert [half_up(Fraction(n, 2)) for n in (-3, -1, 1, 3)] == [-2, -1, 1, 2]
    assert [half_even(Fraction(n, 2)) for n in (-3, -1, 1, 3)] == [-2, 0, 0, 2]


def test_e4_rounds_once_per_line() -> None:
    two = per_piece(tiering="graduated", tiers=[{"up_to": "1", "price": "0.005"}, {"price": "0.005"}])
    # 0.5 and 0.5 fen on two lines are 1 and 1; on one line they are 1.
    assert column(recompute(sheet(two), pieces(2), MARCH), "net_minor") == [1, 1]
    assert column(recompute(sheet(per_piece(price="0.005")), pieces(2), MARCH), "net_minor") == [1]


@pytest.mark.parametrize(("currency", "minor"), [("CNY", 1235), ("JPY", 12), ("KWD", 12346), ("CLF", 123456)])
def test_e4_the_currency_has_its_own_minor_unit(currency: str, minor: int) -> None:
    lines = recompute(sheet(per_piece(price="12.3456"), currency=currency), pieces(1), MARCH)
    assert column(lines, "net_minor") == [minor]


def test_e5_a_fixed_fee_counts_by_time() -> None:
    fee = {"kind": "fixed", "clause": "fee", "tax": "vat", "amount": "1000.00"}
    ten_days = (MARCH[0], at("2025-03-11T00:00+08:00"), MARCH[2], MARCH[3])
    # 1,000.00 × 10/31 = 322.5806…
    assert shown(recompute(sheet(fee), {}, ten_days)) == [("fee", "fixed", Fraction(1), 322_58)]
    # March 2025 in Berlin is an hour short: 31 × 24 − 1 = 743 h. 15 days: 1,000.00 × 360/743 = 484.5222…
    berlin = sheet(fee, calendar={"zone": "Europe/Berlin", "from_year": 2025, "to_year": 2025})
    start, end = at("2025-03-01T00:00+01:00"), at("2025-04-01T00:00+02:00")
    half = (start, at("2025-03-16T00:00+01:00"), start, end)
    assert column(recompute(berlin, {}, half), "net_minor") == [484_52]
    assert column(recompute(berlin, {}, (start, end, start, end)), "net_minor") == [1000_00]


def over(kind: str, clause: str, amount: str, *of: str) -> dict[str, Any]:
    return {"kind": kind, "clause": clause, "tax": "vat", "of": list(of), "amount": amount}


def test_e6_e7_minimum_and_cap_see_what_stands_above_them() -> None:
    tariff = sheet(
        per_piece(price="10.00"),
        per_piece("apart", price="1000.00"),
        over("minimum", "least", "100.00", "use"),
        {"kind": "fixed", "clause": "fee", "tax": "vat", "amount": "50.00"},
        over("minimum", "least_all", "120.00", "use", "least", "fee"),
        over("cap", "most", "140.00", "use", "least", "fee"),
        over("cap", "most_again", "140.00", "use", "least", "fee", "most"),
    )
    # 70.00, up to 100.00; fee 50.00; that is 150.00: no minimum of 120.00, but 10.00 too much; then 140.00.
    assert shown(recompute(tariff, pieces(7), MARCH)) == [
        ("use", "usage", 7, 70_00),
        ("apart", "usage", 7, 7000_00),
        ("least", "minimum", 1, 30_00),
        ("fee", "fixed", 1, 50_00),
        ("least_all", "minimum", 1, 0),
        ("most", "cap", 1, -10_00),
        ("most_again", "cap", 1, 0),
    ]


def test_quota_bounds_minimum_and_cap_are_not_cut_with_the_period() -> None:
    tariff = sheet(
        per_piece(price="1.00", included="20"),
        over("minimum", "least", "100.00", "use"),
        over("cap", "most", "90.00", "use", "least"),
    )
    one_day = (MARCH[0], at("2025-03-02T00:00+08:00"), MARCH[2], MARCH[3])
    # 20 free, 5.00, 95.00 up to 100.00, 10.00 down to 90.00
    assert column(recompute(tariff, pieces(25), one_day), "net_minor") == [0, 500, 9500, -1000]


# ---- X: tax

CHINA = {"vat": [{"from": "2018-05-01", "rate": "16%"}, {"from": "2019-04-01", "rate": "13%"}]}


@pytest.mark.parametrize(
    ("first", "after", "tax"),
    [
        ("2019-03-01T00:00+08:00", "2019-04-01T00:00+08:00", 16_00),  # the last instant is still of 31 March
        ("2019-04-01T00:00+08:00", "2019-05-01T00:00+08:00", 13_00),
        ("2019-03-25T00:00+08:00", "2019-04-02T00:00+08:00", 13_00),
        # Clipped at 07:00 of 1 April, local; in UTC it is still March.
        ("2019-04-01T00:00+08:00", "2019-04-01T07:00+08:00", 13_00),
    ],
)
def test_x1_the_rate_of_the_last_local_date(first: str, after: str, tax: int) -> None:
    lines = recompute(sheet(per_piece(price="100.00"), taxes=CHINA), pieces(1), whole(first, after))
    assert column(lines, "tax_minor") == [tax]


def three(price: str) -> list[dict[str, Any]]:
    return [per_piece(clause, price=price) for clause in ("a", "b", "c")]


def five_percent(**more: str) -> dict[str, Any]:
    rates = {"vat": "5%", **more}
    return {code: [{"from": "2000-01-01", "rate": rate}] for code, rate in rates.items()}


def test_x2_x4_tax_once_per_rate_ties_to_the_lower_line() -> None:
    lines = recompute(sheet(*three("0.10"), taxes=five_percent()), pieces(1), MARCH)
    # 30 fen × 5 % = 1.5 → 2; each line's share is 0.5: the two units go to the first two lines.
    assert column(lines, "tax_minor") == [1, 1, 0]
    assert column(lines, "gross_minor") == [11, 11, 10]


def test_x2_tax_rounds_half_up_whatever_the_lines_do() -> None:
    tariff = sheet(per_piece(price="0.10"), taxes=five_percent(), rounding="half_even")
    assert column(recompute(tariff, pieces(1), MARCH), "tax_minor") == [1]  # 0.5 → 1


def test_x3_tax_taken_out_of_gross_amounts() -> None:
    thirteen = {"vat": [{"from": "2000-01-01", "rate": "13%"}]}
    lines = recompute(sheet(*three("1.00"), taxes=thirteen, prices="with_tax"), pieces(1), MARCH)
    # 300 × 13/113 = 34.513 → 35; each share is 11.504…: 11, 11, 11, and two more.
    assert column(lines, "gross_minor") == [100, 100, 100]
    assert column(lines, "tax_minor") == [12, 12, 11]
    assert column(lines, "net_minor") == [88, 88, 89]


def test_x4_negative_lines_and_the_largest_remainder() -> None:
    thirteen = {"vat": [{"from": "2000-01-01", "rate": "13%"}]}
    tariff = sheet(
        per_piece(price="10.00"),
        over("minimum", "m", "5", "use"),
        over("cap", "c", "6.67", "use"),
        taxes=thirteen,
    )
    # 1000, 0, −333; 667 × 13 % = 86.71 → 87; shares 130, 0, −43.29 → floor −44, which gets the missing one.
    assert column(recompute(tariff, pieces(1), MARCH), "tax_minor") == [130, 0, -43]


def test_x4_equal_rates_of_different_codes_are_taxed_together() -> None:
    other = per_piece("b", price="0.10") | {"tax": "service"}
    tariff = sheet(per_piece("a", price="0.10"), other, taxes=five_percent(service="5.00%"))
    # 20 fen × 5 % = 1, to the first of two equal remainders; apart it would be 0.5 → 1 and 0.5 → 1.
    assert column(recompute(tariff, pieces(1), MARCH), "tax_minor") == [1, 0]


def test_x5_gross_is_net_and_tax_on_every_line() -> None:
    tariff = sheet(*three("0.37"), taxes=five_percent(), prices="with_tax")
    lines = recompute(tariff, pieces(3), MARCH)
    # 3 × 1.11 = 3.33 gross; tax 333 × 5/105 = 15.857 → 16; net 317.
    assert [sum(column(lines, name)) for name in ("net_minor", "tax_minor", "gross_minor")] == [317, 16, 333]
    assert all(line["net_minor"] + line["tax_minor"] == line["gross_minor"] for line in lines)


# ---- C: corrections

OLD = whole("2019-03-01T00:00+08:00", "2019-04-01T00:00+08:00")
NEW = whole("2019-04-01T00:00+08:00", "2019-05-01T00:00+08:00")
NEXT = whole("2019-05-01T00:00+08:00", "2019-06-01T00:00+08:00")


def test_c1_the_difference_at_the_old_periods_rate_until_it_is_billed() -> None:
    tariff = sheet(per_piece(price="2.00", included="10"), taxes=CHINA)
    march = recompute(tariff, pieces(50), OLD)
    april = recompute(tariff, pieces(0), NEW, [Correction(tariff, pieces(55), OLD, march)])
    # 40 × 2.00 were billed, 45 × 2.00 are due: 5 pieces, 10.00, and 16 % of it, though April has 13 %.
    assert shown(april) == [("use", "usage", 0, 0), ("use", "correction", 5, 10_00)]
    assert april[1]["tax_minor"] == 1_60
    assert april[1]["period"] == OLD
    # Then 57 pieces: only the two that no statement has billed.
    may = recompute(tariff, pieces(0), NEXT, [Correction(tariff, pieces(57), OLD, [*march, april[1]])])
    assert shown(may)[1:] == [("use", "correction", 2, 4_00)]


def test_c1_an_equal_amount_is_no_correction() -> None:
    tariff = sheet(per_piece(price="2.00", included="10"))
    march = recompute(tariff, pieces(5), OLD)
    again = recompute(tariff, pieces(0), NEW, [Correction(tariff, pieces(8), OLD, march)])
    assert column(again, "kind") == ["usage"]


def test_c1_oldest_period_first_then_the_tariffs_order() -> None:
    tariff = sheet(per_piece("b", price="1.00"), per_piece("a", price="2.00"))
    billed = {period: recompute(tariff, pieces(10), period) for period in (OLD, NEW)}
    corrections = [Correction(tariff, pieces(9), period, billed[period]) for period in (NEW, OLD)]
    lines = recompute(tariff, pieces(0), NEXT, corrections)
    found = [(line["clause"], line["period"], line["net_minor"]) for line in lines[2:]]
    assert found == [("b", OLD, -100), ("a", OLD, -200), ("b", NEW, -100), ("a", NEW, -200)]
    assert column(lines, "number") == [1, 2, 3, 4, 5, 6]


def test_c1_corrections_join_in_the_rounding_of_tax() -> None:
    tariff = sheet(per_piece(price="0.10"), taxes=five_percent())
    march = recompute(tariff, pieces(1), OLD)
    april = recompute(tariff, pieces(1), NEW, [Correction(tariff, pieces(2), OLD, march)])
    # 10 + 10 fen × 5 % = 1, on the first of two equal remainders.
    assert column(april, "tax_minor") == [1, 0]


def test_c2_a_correction_uses_the_version_that_held_for_its_period() -> None:
    old, new = sheet(per_piece(price="2.00")), sheet(per_piece(price="3.00"))
    april = recompute(new, pieces(1), NEW, [Correction(old, pieces(2), OLD, recompute(old, pieces(1), OLD))])
    assert column(april, "net_minor") == [3_00, 2_00]


# ---- all together


def test_the_reference_tariff_as_a_whole() -> None:
    reference = json.loads((Path(__file__).parents[2] / "docs/reference/tariff.json").read_text("utf-8"))
    usage = {
        ("pieces", "", "peak"): 1_000,
        ("pieces", "", "flat"): 500,
        ("pieces", "", "valley"): 200,
        ("machine_time", "", "flat"): 361_800_000,
        ("execution", "ACTIVE", "peak"): 324_000_000,
        ("execution", "READY", "valley"): 18_000_000,
        ("execution", "STOPPED", "flat"): 9_000_000,
        ("execution", "INTERRUPTED", "peak"): 900_000,
        ("execution", "unknown", "peak"): 86_400_000,
        ("energy", "", "peak"): 1_234_567,
        ("energy", "", "flat"): 1_000_001,
        ("energy", "", "valley"): 2,
    }
    lines = recompute(reference, usage, MARCH)
    found = [(line["clause"], line["quantity"], line["net_minor"], line["tax_minor"]) for line in lines]
    # At 13 %: 13,714.13, tax 1,782.8369 → 1,782.84; floors sum to 1,782.83; 587.925 has the best remainder.
    # At 6 %: 2,061.11 net, tax 123.6666 → 123.67; floors sum to 123.66; only 81.6666 has a remainder.
    assert found == [
        ("base_fee", 1, 3000_00, 390_00),
        ("per_piece", 200, 0, 0),
        ("per_piece", 1000, 3500_00, 455_00),
        ("per_piece", 500, 1600_00, 208_00),
        ("machine_hours", Fraction(201, 2), 4522_50, 587_93),  # all 100.5 h at 45.00
        ("hours_active", 90, 1080_00, 140_40),
        ("hours_waiting", Fraction(31, 4), 11_63, 1_51),  # 7.75 × 1.50 = 11.625
        ("pallets", Fraction(425, 12), 212_50, 12_75),  # 1,700 / 48
        ("energy_peak", Fraction(1_234_567, 1000), 1361_11, 81_67),  # 1,361.1101175
        ("energy_off_peak", Fraction(1_000_003, 1000), 487_50, 29_25),  # 487.5014625
        ("minimum_lease", 1, 0, 0),
        ("cap_lease", 1, 0, 0),
    ]
