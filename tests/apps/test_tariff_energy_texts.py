"""What people read of demand, power factor, series and index: on the statement, and of the sheet."""

import pytest

from hansa.apps.billing.lines import Line
from hansa.apps.billing.texts import quantity_text, tariff_text
from hansa.kernel.types import replace
from hansa.simulation.tariff_lines import tariff_lines
from tests.apps.test_tariff_energy import (
    BASE,
    CAPACITY,
    CONTRACTED,
    DEMAND,
    FACTOR,
    INDEXED,
    SERIES,
    day_of,
    lines_of,
    tariff_of,
)

MEASURED = lines_of(DEMAND, days=(day_of({3: 26_000}),))[0]
AGREED, BEYOND = lines_of(CONTRACTED, days=(day_of({3: 30_000}),))
WITHIN = lines_of(CONTRACTED, days=(day_of({3: 1_000}),))[0]
KVA = lines_of(CAPACITY)[0]
USED = {("energy", "", "all"): 1_000_000, ("reactive", "", "all"): 200_000}
RAISED = replace(lines_of(BASE, FACTOR, usage=USED)[1], adjust_bp=250, quantity_base=86)
LOWERED = lines_of(BASE, FACTOR, usage=USED)[1]
SPOT = lines_of(SERIES, usage={}, facts={"prices": {"spot": {}}})[0]


@pytest.mark.parametrize(("line", "zh", "en"), [
    (MEASURED, "demand：最大需量", "demand: highest demand"),
    (replace(MEASURED, estimated_base=1),
     "demand：最大需量（含估算）", "demand: highest demand (partly estimated)"),
    (WITHIN, "demand：合同最大需量", "demand: contracted demand"),
    (AGREED, "demand：合同最大需量", "demand: contracted demand"),
    (BEYOND, "demand：超出合同最大需量的部分", "demand: demand beyond what is allowed"),
    (KVA, "capacity：合同容量", "capacity: contracted capacity"),
    (RAISED, "factor：功率因数 0.86，调整 2.5 %", "factor: power factor 0.86, adjusted by 2.5 %"),
    (LOWERED, "factor：功率因数 0.98，调整 -0.75 %", "factor: power factor 0.98, adjusted by -0.75 %"),
    (SPOT, "spot：按公布的分时价格", "spot: at the published prices of each interval"),
])  # fmt: skip
def test_a_line_says_what_it_is_for(line: Line, zh: str, en: str) -> None:
    assert (tariff_text(line, "zh"), tariff_text(line, "en")) == (zh, en)


def test_power_is_read_in_kilowatts() -> None:
    assert quantity_text(MEASURED) == ("104", True)
    assert quantity_text(LOWERED) == ("0.98", True)


def test_the_sheet_is_told_in_sentences() -> None:
    tariff = tariff_of(DEMAND, replace(CONTRACTED, clause="agreed"), CAPACITY, BASE, FACTOR, SERIES, INDEXED)
    said = list(tariff_lines(tariff))
    assert [zh for zh, _ in said[:3]] == [
        "demand：最大需量（每 15 分钟平均）40 CNY/kW",
        "agreed：合同最大需量 100 kW，40 CNY/kW；每 15 分钟平均超过 105 % 的部分按单价的 200 % 计",
        "capacity：合同容量 315 kVA，26 CNY/kVA",
    ]
    assert [en for _, en in said[:3]] == [
        "demand: highest demand (average of 15 minutes) at 40 CNY/kW",
        "agreed: contracted demand 100 kW at 40 CNY/kW; "
        "beyond 105 % of it (average of 15 minutes) 200 % of the price",
        "capacity: contracted capacity 315 kVA at 26 CNY/kVA",
    ]
    assert said[4] == (
        "factor：base 按功率因数调整，-0.75 % 至 30 %",
        "factor: base adjusted by the power factor, -0.75 % to 30 %",
    )
    assert said[5] == (
        "spot：energy 按 grid/day-ahead v1 每 15 分钟的价格计",
        "spot: energy at the prices of grid/day-ahead v1, by 15 minutes",
    )
    assert said[6][0].endswith("单价随指数 grid/copper 浮动（基准 2.00）")
    assert said[6][1].endswith("prices follow the index grid/copper (base 2.00)")
