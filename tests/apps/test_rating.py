"""Rating, corrections and tax, rule by rule, against plain fractions and by hand."""

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.apps.billing.rating import (
    Line,
    allot_tax,
    close_statement,
    corrections,
    divide,
    rate,
)
from hansa.apps.billing.tariff import Cap, Fixed, Minimum, Tariff, TaxRate, Tier, check_tariff
from hansa.apps.consortium.calendars import Period, clip, day_number, period_at, start_of_day
from hansa.kernel.canonical import decode_strict, encode
from hansa.kernel.refusal import Refusal
from hansa.kernel.types import INTEGER_MAX, replace
from tests.apps.tariffs import ENERGY, FEE, HOURS, PIECE, TARIFF, calendar_of

CALENDAR = calendar_of("Asia/Shanghai")
MARCH = period_at(CALENDAR, "month", start_of_day(CALENDAR, day_number(2025, 3, 1)))
FEBRUARY = period_at(CALENDAR, "month", start_of_day(CALENDAR, day_number(2025, 2, 1)))
SIMPLE = replace(TARIFF, windows=(), elements=(PIECE,))

quantities = st.integers(0, 10**9)
amounts = st.integers(-(10**9), 10**9)
rates_bp = st.sampled_from([0, 300, 600, 900, 1_300, 1_700, 1_900, 2_000])


def simple(*elements: object, **change: object) -> Tariff:
    tariff = replace(SIMPLE, elements=elements, **change)
    check_tariff(tariff)
    return tariff


def pieces(quantity: int) -> dict[tuple[str, str, str], int]:
    return {("pieces", "", "all"): quantity}


def shown(lines: tuple[Line, ...]) -> list[tuple[str, int, int, int]]:
    return [(line.kind, line.quantity_base, line.price_e8, line.amount_minor) for line in lines]


@st.composite
def tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    bounds = sorted(draw(st.lists(st.integers(1, 5_000), max_size=5, unique=True)))
    prices = st.integers(0, 10**9)
    return (*(Tier(draw(prices), bound) for bound in bounds), Tier(draw(prices)))


def price_of_unit(tiers_: tuple[Tier, ...], number: int) -> int:
    """Price of the number-th billable unit (graduated), or of all units at this number (volume)."""
    return next(tier.price_e8 for tier in tiers_ if not tier.up_to_base or number <= tier.up_to_base)


@given(tiers(), st.integers(0, 6_000), st.integers(0, 500))
def test_graduated_is_the_sum_of_marginal_prices(tiers_: tuple[Tier, ...], quantity: int, quota: int) -> None:
    lines = rate(simple(replace(PIECE, tiers=tiers_, included_base=quota)), pieces(quantity), MARCH)
    billable = max(quantity - quota, 0)
    marginal = sum(price_of_unit(tiers_, number) for number in range(1, billable + 1))
    assert sum(line.quantity_base * line.price_e8 for line in lines) == marginal
    assert sum(line.quantity_base for line in lines) == quantity
    assert [line.quantity_base for line in lines if line.kind == "included"] == [
        included for included in [min(quota, quantity)] if included
    ]
    for line in lines:
        assert line.amount_minor == divide(line.quantity_base * line.price_e8, 10**6, "half_up")
        assert line.quantity_base > 0 or len(lines) == 1


@given(tiers(), st.integers(0, 6_000), st.integers(0, 500))
def test_volume_gives_all_the_price_of_the_tier_reached(
    tiers_: tuple[Tier, ...], quantity: int, quota: int
) -> None:
    element = replace(PIECE, tiers=tiers_, included_base=quota, tiering="volume")
    lines = [line for line in rate(simple(element), pieces(quantity), MARCH) if line.kind == "usage"]
    billable = max(quantity - quota, 0)
    expected = [(billable, price_of_unit(tiers_, billable))] if billable or quota < 1 or not quantity else []
    assert [(line.quantity_base, line.price_e8) for line in lines] == expected


def test_a_bound_belongs_to_the_tier_it_ends() -> None:
    element = replace(PIECE, included_base=0)
    volume = replace(element, tiering="volume")
    assert shown(rate(simple(element), pieces(100), MARCH)) == [("usage", 100, 350_000_000, 35_000)]
    assert shown(rate(simple(element), pieces(101), MARCH)) == [
        ("usage", 100, 350_000_000, 35_000),
        ("usage", 1, 300_000_000, 300),
    ]
    assert shown(rate(simple(volume), pieces(100), MARCH)) == [("usage", 100, 350_000_000, 35_000)]
    assert shown(rate(simple(volume), pieces(101), MARCH)) == [("usage", 101, 300_000_000, 30_300)]


def test_the_quota_comes_off_first_and_no_usage_still_has_a_line() -> None:
    assert shown(rate(simple(PIECE), pieces(0), MARCH)) == [("usage", 0, 350_000_000, 0)]
    assert shown(rate(simple(PIECE), {}, MARCH)) == [("usage", 0, 350_000_000, 0)]
    assert shown(rate(simple(PIECE), pieces(20), MARCH)) == [("included", 20, 0, 0)]
    assert shown(rate(simple(PIECE), pieces(21), MARCH)) == [
        ("included", 20, 0, 0),
        ("usage", 1, 350_000_000, 350),
    ]


def test_states_and_windows_that_are_not_named_do_not_count() -> None:
    usage = {
        ("execution", "ACTIVE", "peak"): 3_600_000,
        ("execution", "ACTIVE", "valley"): 1_800_000,
        ("execution", "unknown", "peak"): 999,
        ("energy", "", "peak"): 5_000,
        ("energy", "", "flat"): 777,
    }
    lines = rate(replace(TARIFF, elements=(HOURS, ENERGY)), usage, MARCH)
    assert [line.quantity_base for line in lines] == [5_400_000, 5_000]
    assert [line.amount_minor for line in lines] == [7_800, 527]


@pytest.mark.parametrize(("currency", "amount_minor"), [("CNY", 51_557), ("KRW", 516), ("KWD", 515_565)])
def test_a_line_is_rounded_once_to_the_minor_unit(currency: str, amount_minor: int) -> None:
    # 35,692,980 ms × 52.00 per 3,600,000 ms = 515.56526…
    usage = {("execution", "ACTIVE", "all"): 35_692_980}
    (line,) = rate(simple(HOURS, currency=currency), usage, MARCH)
    exact = Fraction(35_692_980, 3_600_000) * 52 * 10 ** {"CNY": 2, "KRW": 0, "KWD": 3}[currency]
    assert line.amount_minor == amount_minor == floor(exact + Fraction(1, 2))


def test_rounding_is_per_line_not_per_window_or_state() -> None:
    # Three thirds of a minor unit are one, not none.
    element = replace(HOURS, states=("ACTIVE", "READY", "STOPPED"), tiers=(Tier(1_000_000),))
    usage = {("execution", state, "all"): 1_200_000 for state in element.states}
    assert [line.amount_minor for line in rate(simple(element), usage, MARCH)] == [1]


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**6))
def test_rounding_is_that_of_decimal_arithmetic(numerator: int, denominator: int) -> None:
    # Decimal cannot hold thirds, so the nearest multiple is compared by twice the distance.
    for name, mode in (("half_up", ROUND_HALF_UP), ("half_even", ROUND_HALF_EVEN)):
        rounded = divide(numerator, denominator, name)
        assert 2 * abs(rounded * denominator - numerator) <= denominator
        tie = divide(2 * numerator + 1, 2, name)
        assert tie == int((Decimal(2 * numerator + 1) / 2).quantize(Decimal(1), rounding=mode))


@pytest.mark.parametrize(("rounding", "amount_minor"), [("half_up", 3), ("half_even", 2)])
def test_the_tariff_names_its_rounding(rounding: str, amount_minor: int) -> None:
    # 1 piece at 0.025 and a fee of 0.05 for half a period: both 2.5 minor units.
    half = replace(MARCH, to_ms=(MARCH.from_ms + MARCH.to_ms) // 2)
    element = replace(PIECE, tiers=(Tier(2_500_000),), included_base=0)
    lines = rate(simple(element, Fixed("fee", "vat", 5), rounding=rounding), pieces(1), half)
    assert [line.amount_minor for line in lines] == [amount_minor, amount_minor]


def test_a_fixed_fee_is_pro_rata_by_time_also_where_a_day_has_23_hours() -> None:
    berlin = calendar_of("Europe/Berlin")
    march = period_at(berlin, "month", start_of_day(berlin, day_number(2025, 3, 5)))
    half = clip(berlin, march, march.from_ms, start_of_day(berlin, day_number(2025, 3, 31)))
    fee = simple(Fixed("fee", "vat", 743_00))
    assert [line.amount_minor for line in rate(fee, {}, march)] == [743_00]
    # March has 31 × 24 − 1 = 743 hours in Berlin; all but its last day are 719.
    assert [line.amount_minor for line in rate(fee, {}, half)] == [719_00]


def test_quota_bounds_minimum_and_cap_are_not_cut_with_the_period() -> None:
    day = clip(CALENDAR, MARCH, MARCH.from_ms, MARCH.from_ms + 86_400_000)
    tariff = simple(PIECE, Minimum("least", "vat", ("per_piece",), 50_000))
    assert shown(rate(tariff, pieces(130), day)) == shown(rate(tariff, pieces(130), MARCH))


@given(quantities, st.integers(0, 10**9), st.integers(0, 10**9))
def test_minimum_and_cap_bound_the_sum_of_their_clauses(quantity: int, least: int, most: int) -> None:
    of = ("per_piece", "base_fee")
    tariff = simple(PIECE, FEE, Minimum("least", "vat", of, least), Cap("most", "vat", (*of, "least"), most))
    *own, minimum, cap = rate(tariff, pieces(quantity), MARCH)
    total = sum(line.amount_minor for line in own)
    assert total + minimum.amount_minor == max(total, least)
    assert total + minimum.amount_minor + cap.amount_minor == min(max(total, least), most)
    assert (minimum.kind, minimum.quantity_base, minimum.unit) == ("minimum", 1, "")
    assert (cap.kind, cap.quantity_base, cap.unit) == ("cap", 1, "")


def test_minimum_and_cap_look_at_the_clauses_they_name_and_no_others() -> None:
    least = Minimum("least", "vat", ("per_piece",), 40_000)
    most = Cap("most", "vat", ("per_piece", "least"), 39_000)
    *_, minimum, cap = rate(simple(FEE, PIECE, least, most), pieces(20), MARCH)
    assert (minimum.amount_minor, cap.amount_minor) == (40_000, -1_000)


def test_the_rate_of_the_last_day_of_the_clipped_period_holds() -> None:
    middle = day_number(2025, 3, 15)
    changed = replace(TARIFF.taxes[0], rates=(TaxRate(middle - 100, 1_600), TaxRate(middle, 1_300)))
    tariff = simple(FEE, taxes=(changed,))
    noon_ms = start_of_day(CALENDAR, middle) + 43_200_000
    for end_ms, rate_bp in ((noon_ms, 1_300), (noon_ms - 43_200_000, 1_600), (MARCH.to_ms, 1_300)):
        period = clip(CALENDAR, MARCH, MARCH.from_ms, end_ms)
        assert rate(tariff, {}, period)[0].tax_rate_bp == rate_bp


@given(st.lists(amounts, max_size=12), rates_bp, st.booleans())
def test_tax_shares_add_up_and_differ_by_less_than_one_unit(
    amounts_minor: list[int], rate_bp: int, included: bool
) -> None:
    divisor = 10_000 + rate_bp if included else 10_000
    shares = allot_tax(amounts_minor, rate_bp, included)
    assert sum(shares) == divide(sum(amounts_minor) * rate_bp, divisor, "half_up")
    for amount, share in zip(amounts_minor, shares, strict=True):
        assert abs(share - Fraction(amount * rate_bp, divisor)) < 1
    # A line further from its floor is served before one nearer to it; at a tie the lower number.
    order = sorted(range(len(shares)), key=lambda n: (-(amounts_minor[n] * rate_bp % divisor), n))
    raised = [shares[n] - amounts_minor[n] * rate_bp // divisor for n in order]
    assert raised == sorted(raised, reverse=True)


def test_tax_units_go_to_the_largest_remainder_then_to_the_lower_line() -> None:
    # 13 % of 5, 4, 4: 0.65, 0.52, 0.52 — together 1.69, rounded 2: one to the first line, one to the second.
    assert allot_tax([5, 4, 4], 1_300, False) == [1, 1, 0]
    # Negative: −0.65 has floor −1, −0.13 has floor −1; together −0.78 → −1: one unit back to the second.
    assert allot_tax([-5, -1], 1_300, False) == [-1, 0]
    # Half away from zero for negative sums, too: 50 % of −1.
    assert allot_tax([-1], 5_000, False) == [-1]


statements = st.lists(st.tuples(amounts, rates_bp, st.sampled_from(["a", "b"])), max_size=12)


@given(statements, st.booleans())
def test_money_is_conserved_over_the_statement(parts: list[tuple[int, int, str]], included: bool) -> None:
    lines = [
        Line(clause=f"c{n}", kind="fixed", quantity_base=1, amount_minor=a, tax_code=code, tax_rate_bp=bp)
        for n, (a, bp, code) in enumerate(parts)
    ]
    totals = close_statement(included, lines)
    assert [line.number for line in totals.lines] == list(range(1, len(lines) + 1))
    for line, (amount, _, _) in zip(totals.lines, parts, strict=True):
        assert line.net_minor + line.tax_minor == line.gross_minor
        assert (line.gross_minor if included else line.net_minor) == amount
    for field in ("net_minor", "tax_minor", "gross_minor"):
        total = getattr(totals, field)
        assert total == sum(getattr(line, field) for line in totals.lines)
        assert total == sum(getattr(of_rate, field) for of_rate in totals.by_rate)
    # Once per rate, over all codes of that rate.
    for of_rate in totals.by_rate:
        amount = sum(a for a, bp, _ in parts if bp == of_rate.tax_rate_bp)
        divisor = 10_000 + of_rate.tax_rate_bp * included
        assert of_rate.tax_minor == divide(amount * of_rate.tax_rate_bp, divisor, "half_up")
    assert len(totals.by_rate) == len({bp for _, bp, _ in parts})


@given(quantities, st.lists(quantities, min_size=1, max_size=4))
def test_after_any_corrections_a_period_has_cost_what_it_costs_now(first: int, later: list[int]) -> None:
    tariff = simple(FEE, PIECE, Minimum("least", "vat", ("base_fee", "per_piece"), 400_000))
    billed = list(close_statement(False, rate(tariff, pieces(first), FEBRUARY)).lines)
    for quantity in later:
        now = rate(tariff, pieces(quantity), FEBRUARY)
        found = corrections(now, reversed(billed), FEBRUARY)
        assert all(line.amount_minor for line in found)
        clauses = [line.clause for line in found]
        assert clauses == [c for c in ("base_fee", "per_piece", "least") if c in clauses]
        # Corrections join the tax of the statement that carries them.
        billed += (
            close_statement(False, (*rate(tariff, pieces(7), MARCH), *found)).lines[-len(found) :]
            if found
            else []
        )
        for clause in ("base_fee", "per_piece", "least"):
            paid = sum(line.amount_minor for line in billed if line.clause == clause)
            assert paid == sum(line.amount_minor for line in now if line.clause == clause)
    assert corrections(now, billed, FEBRUARY) == ()


def test_a_correction_names_its_period_and_carries_its_tax_rate() -> None:
    calendar = calendar_of("Asia/Shanghai", 2019)
    march = period_at(calendar, "month", start_of_day(calendar, day_number(2019, 3, 9)))
    billed = close_statement(False, rate(SIMPLE, pieces(50), march)).lines
    (line,) = corrections(rate(SIMPLE, pieces(60), march), billed, march)
    assert (line.kind, line.clause, line.quantity_base, line.amount_minor) == (
        "correction",
        "per_piece",
        10,
        3_500,
    )
    assert (line.corrects_from_ms, line.corrects_day) == (march.from_ms, day_number(2019, 3, 1))
    assert (line.tax_rate_bp, line.price_e8, line.number, line.tax_minor) == (1_600, 0, 0, 0)
    # The quota swallows it: same amount, no line.
    billed = close_statement(False, rate(SIMPLE, pieces(5), march)).lines
    assert corrections(rate(SIMPLE, pieces(9), march), billed, march) == ()


def test_several_usages_of_one_quantity_add_up_in_any_order() -> None:
    parts = [("peak", 70), ("flat", 11), ("valley", 29)]
    tariff = replace(TARIFF, elements=(PIECE,))
    results = {
        encode(rate(tariff, {("pieces", "", window): q for window, q in order}, MARCH))
        for order in (parts, parts[::-1])
    }
    assert len(results) == 1


@pytest.mark.parametrize(
    ("usage", "code"),
    [
        ({("ghost", "", "peak"): 1}, "billing.usage_unknown"),
        ({("pieces", "", "night"): 1}, "billing.usage_unknown"),
        ({("pieces", "good", "peak"): 1}, "billing.usage_unknown"),
        ({("execution", "", "peak"): 1}, "billing.usage_unknown"),
        ({("pieces", "", "peak"): -1}, "billing.usage_negative"),
    ],
)
def test_usage_that_cannot_be_this_tariffs_is_refused(
    usage: dict[tuple[str, str, str], int], code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        rate(TARIFF, usage, MARCH)
    assert refused.value.code == code


def test_a_period_before_the_first_rate_is_refused() -> None:
    early = replace(MARCH, last_day=day_number(2016, 1, 1))
    with pytest.raises(Refusal) as refused:
        rate(SIMPLE, {}, early)
    assert refused.value.code == "billing.tariff_tax_before_first"


def too_large(tariff: Tariff, usage: dict[tuple[str, str, str], int], period: Period = MARCH) -> Refusal:
    with pytest.raises(Refusal) as refused:
        close_statement(tariff.tax_included, rate(tariff, usage, period))
    return refused.value


def test_results_that_cannot_be_written_down_are_refused_not_wrapped() -> None:
    largest = replace(PIECE, tiers=(Tier(INTEGER_MAX),), included_base=0)
    refusal = too_large(simple(largest), pieces(INTEGER_MAX))
    assert (refusal.code, refusal.clause) == ("billing.amount_too_large", "per_piece")
    assert too_large(simple(PIECE), pieces(INTEGER_MAX + 1)).code == "billing.amount_too_large"
    fees = simple(*(Fixed(f"fee{n}", "vat", INTEGER_MAX - 5) for n in range(2)), taxes=TARIFF.taxes)
    assert too_large(fees, {}).code == "billing.amount_too_large"
    untaxed = replace(TARIFF.taxes[0], rates=(replace(TARIFF.taxes[0].rates[0], rate_bp=0),))
    refusal = too_large(replace(fees, taxes=(untaxed,)), {})
    assert (refusal.code, refusal.clause) == ("billing.amount_too_large", "statement")


def test_a_statement_without_lines_is_zero() -> None:
    totals = close_statement(False, ())
    assert (totals.lines, totals.by_rate, totals.net_minor, totals.gross_minor) == ((), (), 0, 0)


@given(quantities)
def test_lines_have_one_canonical_form(quantity: int) -> None:
    for line in close_statement(True, rate(SIMPLE, pieces(quantity), MARCH)).lines:
        assert decode_strict(encode(line), Line) == line
