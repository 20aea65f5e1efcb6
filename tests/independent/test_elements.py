"""Vectors worked by hand from the rules: tariffs, E8–E25; metering, M18–M20. None came from a program."""

from fractions import Fraction
from typing import Any

import pytest
from independent.elements import Facts, Left, Line, Slots, left_after, shares
from independent.recompute import Local, rate, taxed
from independent.slots import slots_of
from independent.test_recompute import MARCH, at, per_piece, pieces, sheet
from independent.usage import Normal

APRIL_HALF = (at("2025-04-01T00:00+08:00"), at("2025-04-16T00:00+08:00"), *(
    at("2025-04-01T00:00+08:00"), at("2025-05-01T00:00+08:00")
))  # fmt: skip
"""Fifteen of thirty days."""
ENERGY = {"kind": "usage", "clause": "energy", "tax": "vat", "meter": "kwh", "unit": "kWh", "price": "0.60"}


def element(kind: str, clause: str, **given: Any) -> dict[str, Any]:
    return {"kind": kind, "clause": clause, "tax": "vat", **given}


def demand(**given: Any) -> dict[str, Any]:
    return element("demand", "demand", meter="kwh", slot="15min", unit="kW", price="40.00", **given)


def quarters(*wh: int) -> Facts:
    """The first quarters of March."""
    found = {MARCH[0] + n * 900_000: (count, "all", 0) for n, count in enumerate(wh)}
    return Facts(slots={("kwh", 15): Slots(found)})


def rated(
    made: dict[str, Any], usage: Any = None, facts: Facts | None = None, period: Any = MARCH
) -> list[Line]:
    return rate(made, usage or {}, period, facts or Facts())


def test_e8_contracted_demand_and_what_goes_beyond_it() -> None:
    made = sheet(demand(basis="contracted", agreed="800", allowed="105%", excess="200%"))
    within = rated(made, facts=quarters(150_000, 200_000, 200_000))
    assert shown_amounts(within) == [("demand", 800, 3_200_000)]
    assert within[0]["slot_ms"] == MARCH[0] + 900_000  # The first of equal ones.
    beyond = rated(made, facts=quarters(220_000))  # 880 kW, 40 beyond 840, at 80.00
    assert shown_amounts(beyond) == [("demand", 800, 3_200_000), ("demand", 40, 320_000)]


def test_e8_measured_and_capacity_pro_rata() -> None:
    measured = sheet(demand(basis="measured", least="100"))
    assert shown_amounts(rated(measured, facts=quarters(0))) == [("demand", 100, 400_000)]
    capacity = sheet(element("demand", "c", basis="capacity", unit="kVA", agreed="315", price="26.00"))
    assert shown_amounts(rated(capacity, period=APRIL_HALF)) == [("demand", 315, 409_500)]


def shown_amounts(lines: list[Line]) -> list[tuple[Any, ...]]:
    return [(line["kind"], line["quantity"], line["amount"]) for line in lines]


@pytest.mark.parametrize(
    ("active", "reactive", "factor", "amount"),
    [
        (100_000_000, 60_000_000, "0.86", 120_000),  # 0.8574…: 2 % of 60,000.00
        (100_000_000, 0, "1", -45_000),
        (0, 5, "0", 0),
        (0, 0, "0", 0),
    ],
)
def test_e9_power_factor(active: int, reactive: int, factor: str, amount: int) -> None:
    steps = [("0", "10%"), ("0.80", "2%"), ("0.90", "0%"), ("0.95", "-0.75%")]
    made = sheet(
        ENERGY,
        element(
            "power_factor",
            "pf",
            of=["energy"],
            active="kwh",
            reactive="kvarh",
            steps=[{"from": start, "add": add} for start, add in steps],
        ),
    )
    usage = {("kwh", "", "all"): active, ("kvarh", "", "all"): reactive}
    assert shown_amounts(rated(made, usage))[1] == ("power_factor", Fraction(factor), amount)


def test_e11_an_index_moves_the_price_to_a_whole_hundred_millionth() -> None:
    made = sheet(per_piece(price="3.50", index={"owner": "x", "id": "copper", "base": "72000"}))
    facts = Facts(index=lambda owner, name: Fraction(72_001))
    # 3.50 × 72,001 / 72,000 = 3.5000486111…
    assert shown_amounts(rated(made, pieces(1_000_000), facts)) == [("usage", 1_000_000, 350_004_861)]


COMMIT = element("take_or_pay", "commit", of=["use"], committed="150", price="3.00", carry_periods=2)


def months(made: dict[str, Any], *quantities: int) -> list[tuple[Any, ...]]:
    """The take-or-pay line, month after month."""
    left, found = Left(), []
    for quantity in quantities:
        lines = rated(made, pieces(quantity), Facts(left=left))
        left = left_after(made, left, lines)
        found.append(tuple(lines[-1][name] for name in ("quantity", "amount")))
    return found


def test_e20_a_shortfall_is_paid_and_taken_up_within_its_time() -> None:
    made = sheet(per_piece(price="3.50"), COMMIT)
    assert months(made, 130, 160, 165, 170) == [(20, 6_000), (-10, -3_000), (-10, -3_000), (0, 0)]
    # What nobody takes up within two months is gone.
    assert months(made, 130, 150, 150, 170) == [(20, 6_000), (0, 0), (0, 0), (0, 0)]


def test_e20_a_credit_is_no_more_than_the_pieces_cost_and_never_below_nothing() -> None:
    cheap = sheet(per_piece(price="1.00"), COMMIT)
    assert months(cheap, 130, 170) == [(20, 6_000), (-20, -2_000)]
    # By volume, 171 pieces cost less than 151: nothing is credited, and the shortfall is used up.
    volume = per_piece(tiering="volume", tiers=[{"up_to": "160", "price": "3.00"}, {"price": "1.00"}])
    assert months(sheet(volume, COMMIT), 130, 171, 180) == [(20, 6_000), (-20, 0), (0, 0)]


STAGES = [{"from": "400.00", "rate": "5%"}, {"from": "500.00", "rate": "10%"}]


@pytest.mark.parametrize(("tiering", "amount"), [("graduated", -650), ("volume", -5_150)])
def test_e21_discount(tiering: str, amount: int) -> None:
    rebate = element("discount", "rebate", of=["use"], tiering=tiering, stages=STAGES)
    assert rated(sheet(per_piece(price="5.15"), rebate), pieces(100))[-1]["amount"] == amount


def test_e24_down_payment_comes_later_where_a_month_cannot_bear_it() -> None:
    down = element("down_payment", "down", of=["use"], amount="100.00", periods=3, charged=True)
    made = sheet(per_piece(price="1.00"), down)
    left, found = Left(), []
    for quantity in (10, 200, 200, 200):
        lines = rated(made, pieces(quantity), Facts(left=left))
        left = left_after(made, left, lines)
        found.append([line["amount"] for line in lines[1:]])
    assert found == [[10_000, -1_000], [-5_666], [-3_334], [0]]


def test_e25_shares_are_the_statement_to_the_cent() -> None:
    payees = {"b": "33.33%", "a": "66.67%"}
    made = sheet(per_piece(price="1.00"), element("fixed", "fee", amount="0.10"))
    made["elements"].append(element("split", "parts", of=["use"], payees=payees))
    lines = taxed(rated(made, pieces(1)), with_tax=False)
    # Net 100: 33.33 and 66.67, the unit left to the larger remainder; tax 10: 3.333 and 6.667.
    assert shares(made, "p", "u", lines) == [
        ("u", "b", 33, 3, 36), ("u", "a", 67, 7, 74), ("u", "p", 10, 1, 11),
    ]  # fmt: skip


def test_m18_to_m20_slots() -> None:
    local = Local({"calendar": {"zone": "Asia/Shanghai"}})
    begin, quarter = MARCH[0], 900_000
    read = [
        Normal(begin - quarter, begin + quarter, 10),  # Half of it before the period: loose.
        Normal(begin + quarter, begin + 2 * quarter, 7),
        Normal(begin + 2 * quarter, begin + 5 * quarter, 10),  # 3, 3, 4; longer than a slot.
        Normal(begin + 10 * quarter, begin + 10 * quarter + 86_400_001, 100),  # Longer than a day: loose.
    ]
    filled = [Normal(begin + quarter, begin + 2 * quarter, 5)]
    found = slots_of(local, read, filled, begin, 15, 15)
    counts = [(at_ms - begin) // quarter for at_ms in found.by_slot]
    assert counts == [0, 1, 2, 3, 4]
    assert [count for count, _, _ in found.by_slot.values()] == [5, 12, 3, 3, 4]
    assert [estimated for _, _, estimated in found.by_slot.values()] == [5, 5, 3, 3, 4]
    assert found.loose == 105


def test_a_day_that_is_cut_short_has_a_last_slot_of_its_own() -> None:
    """Slots are counted from the begin of the date: after the clock jumped, too."""
    local = Local({"calendar": {"zone": "America/Sao_Paulo"}})
    begin = local.begin_of(local.date_of(at("2018-11-04T12:00-02:00")))
    assert begin == at("2018-11-04T01:00-02:00")
    found = slots_of(local, [Normal(begin, begin + 3_600_000, 60)], [], begin, 30, 30)
    assert [(at_ms - begin, count) for at_ms, (count, *_) in found.by_slot.items()] == [
        (0, 30),
        (1_800_000, 30),
    ]
