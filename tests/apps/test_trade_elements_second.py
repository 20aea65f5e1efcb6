"""A second opinion: the elements between trading partners worked out from docs/tariff-rules.md alone, in
fractions, period by period; nothing of the engine but its data types is used.
"""

from fractions import Fraction
from math import floor
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.billing.carrying import NOTHING, carry_after
from hansa.apps.billing.elements_trade import (
    Availability,
    Band,
    Discount,
    DownPayment,
    ScrapCredit,
    Stage,
    TakeOrPay,
)
from hansa.apps.billing.rating import Facts, rate
from hansa.apps.billing.tariff import Meter, Tariff, Tier, check_tariff
from hansa.apps.consortium.calendars import period_at
from hansa.kernel import limits, replace
from tests.apps.tariffs import PIECE, TARIFF, calendar_of

DAY = limits.DAY_MS
START_MS = 20_150 * DAY - 8 * limits.HOUR_MS
METERS = (Meter("pieces", "counter", "piece"), Meter("scrap", "counter", "piece"), TARIFF.meters[1])
NAMES = ("per_piece", "commit", "scrapped", "uptime", "rebate", "down")


class Day(NamedTuple):
    pieces: int
    scrap: int
    """Of the provider."""
    down_ms: int
    """Of the provider."""


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2)) if value >= 0 else -floor(-value + Fraction(1, 2))


def usage_minor(tiers: list[tuple[int, int]], quota: int, q: int) -> int:
    """E1–E4, graduated; tiers of (up_to, price in minor units), the last up to 0."""
    rest, below, total = max(q - quota, 0), 0, 0
    for up_to, price in tiers:
        part = max(min(rest, up_to or rest) - below, 0)
        total += half_up(Fraction(part * price))
        below = up_to
    return total


def second(spec: dict[str, Any], days: list[Day]) -> list[dict[str, int]]:
    """Amounts by clause, day by day (E20–E24)."""
    out = []
    lots: list[list[int]] = []  # [day of the shortfall, left]
    credited = 0
    for n, day in enumerate(days):
        amounts = {"per_piece": usage_minor(spec["tiers"], spec["quota"], day.pieces)}

        def bears(amounts: dict[str, int] = amounts) -> int:
            return max(sum(amounts.values()), 0)

        def without(k: int, q: int = day.pieces) -> int:
            return usage_minor(spec["tiers"], spec["quota"], q) - usage_minor(
                spec["tiers"], spec["quota"], q - k
            )

        missing = spec["committed"] - day.pieces
        if missing >= 0:
            amounts["commit"] = half_up(Fraction(missing * spec["price"]))
        lots = [lot for lot in lots if n - lot[0] <= spec["carry"]]
        if missing >= 0 and missing and spec["carry"]:
            lots.append([n, missing])
        elif missing < 0:
            k = min(-missing, sum(left for _, left in lots))
            amounts["commit"] = -min(half_up(Fraction(k * spec["price"])), without(k), bears())
            for lot in lots:
                taken = min(lot[1], k)
                lot[1] -= taken
                k -= taken
        p = min(day.scrap, day.pieces)
        amounts["scrapped"] = -min(without(p), bears())
        available = Fraction(max(DAY - day.down_ms, 0), DAY)
        share = max((c for below, c in spec["bands"] if available < Fraction(below, 10_000)), default=0)
        amounts["uptime"] = -half_up(Fraction(bears() * share, 10_000))
        base, less = bears(), Fraction(0)
        for position, (start, rate_bp) in enumerate(spec["stages"]):
            end = spec["stages"][position + 1][0] if position + 1 < len(spec["stages"]) else base
            less += Fraction(max(min(base, end) - start, 0) * rate_bp, 10_000)
        amounts["rebate"] = -half_up(less)
        due = spec["amount"] * min(n + 1, spec["parts"]) // spec["parts"]
        part = min(due - credited, bears())
        credited += part
        amounts["down"] = -part
        out.append(amounts)
    return out


def sheet(spec: dict[str, Any]) -> Tariff:
    tiers = tuple(Tier(price * 10**6, up_to) for up_to, price in spec["tiers"])
    stages = tuple(Stage(*stage) for stage in spec["stages"])
    bands = tuple(Band(*band) for band in spec["bands"])
    tariff = replace(
        TARIFF, period="day", windows=(), meters=METERS, rounding="half_up",
        elements=(
            replace(PIECE, tiers=tiers, included_base=spec["quota"]),
            TakeOrPay("commit", "vat", NAMES[:1], spec["committed"], spec["price"] * 10**6, spec["carry"]),
            ScrapCredit("scrapped", "vat", "scrap", NAMES[:2]),
            Availability("uptime", "vat", "execution", NAMES[:3], bands[0].below_bp, bands),
            Discount("rebate", "vat", NAMES[:4], stages, "graduated"),
            DownPayment("down", "vat", NAMES[:5], spec["amount"], spec["parts"]),
        ),
    )  # fmt: skip
    check_tariff(tariff)
    return tariff


SPECS = st.fixed_dictionaries(
    {
        "tiers": st.sampled_from([[(0, 300)], [(40, 351), (0, 299)], [(10, 7), (50, 500), (0, 3)]]),
        "quota": st.integers(0, 30),
        "committed": st.integers(1, 120),
        "price": st.integers(0, 400),
        "carry": st.integers(0, 4),
        "bands": st.sampled_from([[(9_900, 333)], [(9_900, 500), (9_000, 10_000)]]),
        "stages": st.sampled_from([[(0, 777)], [(5_000, 500), (12_345, 1_250)]]),
        "amount": st.integers(1, 50_000),
        "parts": st.integers(1, 9),
    }
)
DAYS = st.lists(
    st.builds(Day, st.integers(0, 200), st.integers(0, 220), st.integers(0, DAY // 5)), max_size=10
)


@settings(max_examples=200, deadline=None)
@given(spec=SPECS, days=DAYS)
def test_the_engine_and_the_rules_page_agree(spec: dict[str, Any], days: list[Day]) -> None:
    tariff, calendar, carry = sheet(spec), calendar_of("Asia/Shanghai"), NOTHING
    found = []
    for n, day in enumerate(days):
        attributed = {("scrap", "provider", ""): day.scrap, ("execution", "provider", "all"): day.down_ms}
        facts = Facts(attributed=attributed, planned={"all": DAY}, carry=carry)
        period = period_at(calendar, "day", START_MS + n * DAY)
        lines = rate(tariff, {("pieces", "", "all"): day.pieces}, period, facts)
        carry = carry_after(tariff.elements, carry, lines)
        found.append({name: sum(x.amount_minor for x in lines if x.clause == name) for name in NAMES})
    assert found == second(spec, days)
