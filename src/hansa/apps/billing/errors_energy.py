"""Refusals of demand charge, power factor, price series and index: sheets, publications, closes."""

from hansa.kernel.refusal import Refusal


class DemandFields(Refusal, code="billing.demand_fields", field="tariff"):
    zh = (
        "条款 {element} 的 basis 为 {basis}，而 {name} 缺少或多余。measured 须有 meter 与 slot_minutes；"
        "contracted 另须有约定需量、allowed 与 excess；capacity 只须有约定容量。请增删。"
    )
    en = (
        "The clause {element} has the basis {basis}, and {name} is missing or too much. measured needs meter "
        "and slot_minutes; contracted also the agreed demand, allowed and excess; capacity the agreed "
        "capacity alone. Add or remove it."
    )


class DemandUnit(Refusal, code="billing.demand_unit", field="unit"):
    zh = "条款 {element} 按实测需量计费，单位不能是 {unit}，须为 kW。按容量计费时才可用 kVA。请更正。"
    en = (
        "The clause {element} charges a measured demand; its unit cannot be {unit}, only kW. kVA is for "
        "capacity. Correct it."
    )


class DemandExcess(Refusal, code="billing.demand_excess", field="tariff"):
    zh = (
        "条款 {element} 的 allowed 为 {allowed_bp}、excess 为 {excess_bp}（万分之一），两者都不能低于 10000"
        "（即 100 %）。请更正。"
    )
    en = (
        "The clause {element} has allowed {allowed_bp} and excess {excess_bp} (basis points); neither may be "
        "below 10000, that is 100 %. Correct it."
    )


class SlotLength(Refusal, code="billing.slot_length", field="slot_minutes"):
    zh = "条款 {element} 的 slot_minutes 为 {minutes}，须为 15、30 或 60 分钟。请更正。"
    en = "The clause {element} has slots of {minutes} minutes; 15, 30 and 60 are possible. Correct it."


class SlotMeter(Refusal, code="billing.slot_meter", field="meter"):
    zh = "条款 {element} 按时段计量，而计量项 {meter} 是状态类，没有用量。请改用计数器或分量类计量项。"
    en = "The clause {element} counts by slot, but {meter} is a state meter. Use a counter or an amount."


class EnergyMeter(Refusal, code="billing.energy_meter", field="meter"):
    zh = "条款 {element} 须用以 {base_unit} 计的计数器或分量类计量项，而 {meter} 以 {unit} 计。请更正。"
    en = (
        "The clause {element} needs a counter or an amount in {base_unit}, but the meter {meter} counts "
        "{unit}. Correct it."
    )


class FactorSteps(Refusal, code="billing.factor_steps", field="steps"):
    zh = (
        "条款 {element} 的功率因数档 {from_e2}（×0.01）排列有误：第一档须从 0 起，其后逐档升高，每档一次。"
        "请排序并补上。"
    )
    en = (
        "In the clause {element} the step from power factor {from_e2} (× 0.01) stands out of order: the "
        "first begins at 0, the others rise, each once. Sort and complete them."
    )


class OtherwiseMissing(Refusal, code="billing.otherwise_missing", field="tariff"):
    zh = (
        "条款 {element} 要求价格事先公布（known 为 before），却没有 otherwise：迟公布的价格不算数，该周期将"
        "永远无法结算。请写明那时用什么价格。"
    )
    en = (
        "The clause {element} wants prices known before, and has no otherwise: a price published late does "
        "not count, and the period could never be closed. State the price that holds then."
    )


class SeriesTaken(Refusal, code="billing.series_taken", field="id"):
    zh = "价格序列 {series} 第 {version} 版已经存在，不能更改。请用下一个版本号。"
    en = "The series {series}, version {version}, exists already and cannot be changed. Use the next version."


class SeriesUnknown(Refusal, code="billing.series_unknown", field="series"):
    zh = "没有 {owner} 的价格序列 {series} 第 {version} 版。请核对，或请其先声明。"
    en = "There is no series {series}, version {version}, of {owner}. Check it, or have it declared first."


class SeriesUnfit(Refusal, code="billing.series_unfit", field="series"):
    zh = (
        "条款 {element} 与价格序列 {series} 的 {name} 不一致：条款为 {wanted}，序列为 {given}。请更正条款，"
        "或改用别的序列。"
    )
    en = (
        "The clause {element} and the series {series} differ in {name}: the clause has {wanted}, the series "
        "{given}. Correct the clause or use another series."
    )


class SeriesDayTaken(Refusal, code="billing.series_day_taken", field="day"):
    zh = "价格序列 {series} 在 {day} 的价格已经公布，不能更改。更正须用新的版本。"
    en = (
        "The prices of the series {series} for {day} are published and cannot be changed. A correction needs "
        "a new version."
    )


class SeriesCount(Refusal, code="billing.series_count", field="prices"):
    zh = (
        "价格序列 {series} 在 {day} 须有 {wanted} 个价格（每 {minutes} 分钟一个），而给出 {given} 个。"
        "请给全当天的价格。"
    )
    en = (
        "The series {series} has {wanted} prices on {day}, one per {minutes} minutes; {given} were given. "
        "Give all of that day."
    )


class SeriesHole(Refusal, code="billing.series_hole", field="series"):
    zh = "价格序列 {series} 没有 {day} 第 {number} 个时段的价格，而该时段有用量。请公布方补上，然后再结算。"
    en = (
        "The series {series} has no price for slot {number} of {day}, in which something was used. Its "
        "publisher has to give it; then close the period."
    )


class IndexOrder(Refusal, code="billing.index_order", field="from_day"):
    zh = "价格指数 {index} 的最新值自 {last} 起，{day} 不在其后。已公布的值不能更改，只能续加。"
    en = (
        "The last value of the index {index} holds from {last}; {day} is not after it. What is published "
        "cannot be changed, only continued."
    )


class IndexDay(Refusal, code="billing.index_day", field="from_day"):
    zh = "价格指数 {index} 的起始日不能晚于 {last}。请核对日期。"
    en = "A value of the index {index} cannot begin after {last}. Check the date."


class IndexMissing(Refusal, code="billing.index_missing", field="index"):
    zh = "{owner} 的价格指数 {index} 在 {day} 没有已公布的值。请其公布后再提交。"
    en = "The index {index} of {owner} has no value published for {day}. Have one published first."


class FactsMissing(Refusal, code="billing.facts_missing", field="usage"):
    zh = (
        "条款 {element} 除用量合计外，还需要按时段的用量、已公布的价格序列或指数，而这里没有给出，无法计算。"
        "请用完整的计量记录结算。"
    )
    en = (
        "Beside sums of usage the clause {element} needs usage by slot, a published series or an index, and "
        "none was given. Settle from the records themselves."
    )
