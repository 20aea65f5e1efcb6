"""Refusals of the tariff engine: tariffs that cannot be agreed, amounts that cannot be written down.

Texts name the field, the rule and what to do. Where an element is at fault, `clause` names it.
"""

from hansa.kernel.refusal import Refusal


class TariffSize(Refusal, code="billing.tariff_size", field="tariff"):
    zh = "{name} 有 {count} 项，须为 {least} 至 {most} 项。请增减。"
    en = "{name} has {count} entries; {least} to {most} are allowed. Add or remove some."


class TariffValue(Refusal, code="billing.tariff_value", field="tariff"):
    zh = "{where} 的 {name} 为 {value}，须在 {least} 与 {most} 之间。请更正。"
    en = "{name} of {where} is {value}; it must lie between {least} and {most}. Correct it."


class NameTwice(Refusal, code="billing.tariff_name_twice", field="tariff"):
    zh = "{name} 中 {value} 出现两次，每个名称只能出现一次。请删除或改名。"
    en = "{value} stands twice in {name}; each name may stand once. Remove or rename one."


class UnitName(Refusal, code="billing.tariff_unit_name", field="unit"):
    zh = "{where} 的单位 {unit!r} 无效：须由 1 至 {limit} 个英文字母、数字或下划线组成。请改写。"
    en = "The unit {unit!r} of {where} is wrong: 1 to {limit} letters, digits or underscores. Rewrite it."


class BaseUnit(Refusal, code="billing.tariff_base_unit", field="meters"):
    zh = "计量项 {meter} 的基本单位不能是 {unit}，须为 {base}。状态类计量项以毫秒（ms）计。请更正。"
    en = (
        "The base unit of the meter {meter} cannot be {unit}; it must be {base}. State meters count ms. "
        "Correct it."
    )


class MeterUnknown(Refusal, code="billing.tariff_meter_unknown", field="meter"):
    zh = "条款 {element} 使用了未声明的计量项 {meter}。请在 meters 中声明，或改用已声明的计量项。"
    en = (
        "The clause {element} uses the meter {meter}, which is not declared. Declare it in meters or use "
        "another."
    )


class StatesMissing(Refusal, code="billing.tariff_states_missing", field="states"):
    zh = "条款 {element} 按状态类计量项 {meter} 计费，但没有列出状态。请列出计费的状态。"
    en = "The clause {element} charges the state meter {meter} but names no states. Name those that count."


class StatesUnfit(Refusal, code="billing.tariff_states_unfit", field="states"):
    zh = "条款 {element} 列出了状态，但计量项 {meter} 不是状态类。请删除 states，或改用状态类计量项。"
    en = (
        "The clause {element} names states, but {meter} is no state meter. Remove states or use a state "
        "meter."
    )


class UnitMismatch(Refusal, code="billing.tariff_unit_mismatch", field="unit"):
    zh = (
        "条款 {element} 的单位 {unit} 等于 {size} {base}，而所给的是 {given} {meter_base}"
        "（计量项 {meter} 的基本单位）。请改用合适的单位。"
    )
    en = (
        "The unit {unit} of the clause {element} is {size} {base}, but the sheet takes it as {given} "
        "{meter_base} (base unit of the meter {meter}). Use a unit that fits the meter."
    )


class TierHole(Refusal, code="billing.tariff_tier_hole", field="tiers"):
    zh = (
        "条款 {element} 的第 {tier} 档上限为 {bound}，不高于前一档的 {below}。除末档外，每档须有逐档升高的上"
        "限。"
    )
    en = (
        "Tier {tier} of the clause {element} ends at {bound}, not above {below} where the one before it "
        "ends. Every tier but the last needs a bound, and bounds must rise."
    )


class TierBounded(Refusal, code="billing.tariff_tier_bounded", field="tiers"):
    zh = "条款 {element} 的末档有上限 {bound}，其上的用量没有价格。请删除末档上限，或再加一档。"
    en = (
        "The last tier of the clause {element} ends at {bound}: usage above it has no price. "
        "Remove the bound or add a tier."
    )


class ClauseDuplicate(Refusal, code="billing.tariff_clause_duplicate", field="clause"):
    zh = "条款名 {name} 出现两次。每个条款须有自己的名称，请改名。"
    en = "Two elements have the clause {name}. Each needs a name of its own: rename one."


class ClauseNotEarlier(Refusal, code="billing.tariff_clause_not_earlier", field="of"):
    zh = "条款 {element} 引用了 {name}，但在它之前没有此条款。最低收费与封顶只能引用前面的条款。"
    en = (
        "The clause {element} refers to {name}, which does not stand before it. "
        "A minimum or cap may name earlier clauses only."
    )


class ClauseTax(Refusal, code="billing.tariff_clause_tax", field="of"):
    zh = "条款 {element} 的税码是 {tax}，所引用的 {name} 的税码是 {other}。两者须相同，请分开设置。"
    en = (
        "The clause {element} has the tax code {tax}, {name} which it names has {other}. "
        "They must be the same: split the minimum or cap by tax code."
    )


class TaxUnknown(Refusal, code="billing.tariff_tax_unknown", field="tax"):
    zh = "条款 {element} 的税码 {tax} 没有税率。请在 taxes 中给出。"
    en = "The tax code {tax} of the clause {element} has no rates. Give them in taxes."


class RatesNotRising(Refusal, code="billing.tariff_rates_not_rising", field="taxes"):
    zh = "税码 {tax} 自 {day} 起的税率排列有误：日期须逐个递增。请按日期排序，每个日期一个税率。"
    en = "The rate of the tax {tax} from {day} on stands out of order: dates must rise, one rate for each."


class TaxBeforeFirst(Refusal, code="billing.tariff_tax_before_first", field="taxes"):
    zh = "税码 {tax} 的首个税率自 {first} 起，{day} 尚无税率。请补充更早的税率，或推迟起始日。"
    en = (
        "The first rate of the tax {tax} begins on {first}; {day} has none. Add an earlier rate or start "
        "later."
    )


class WindowUnknown(Refusal, code="billing.tariff_window_unknown", field="windows"):
    zh = "条款 {element} 引用了未定义的时段 {window}。请在 windows 中定义，或改用已有时段。"
    en = "The clause {element} names the window {window}, which does not exist. Define it or use another."


class WindowHole(Refusal, code="billing.tariff_window_hole", field="windows"):
    zh = (
        "{day} 的 {start} 至 {end}（第 {minute} 分钟起）不属于任何时段。每类日子的每一分钟都须属于一个时段"
        "，请"
        "补上。"
    )
    en = (
        "On {day}, {start} to {end} (from minute {minute}) belongs to no window. "
        "Windows must cover each minute of each kind of day: add it to one."
    )


class WindowOverlap(Refusal, code="billing.tariff_window_overlap", field="windows"):
    zh = (
        "{day} 的 {at}（第 {minute} 分钟）既属于 {first} 又属于 {second}。每一分钟只能属于一个时段一次，请"
        "更正。"
    )
    en = (
        "On {day}, {at} (minute {minute}) is covered by {first} and again by {second}. "
        "Each minute belongs to one window, once: correct one of them."
    )


class SeasonHole(Refusal, code="billing.tariff_season_hole", field="windows"):
    zh = (
        "{month} 月的 {day}，{start} 至 {end}（第 {minute} 分钟起）不属于任何时段。每个月每类日子的每一分钟"
        "都须属于一个时段，请补上，或更正 months。"
    )
    en = (
        "In month {month}, on {day}, {start} to {end} (from minute {minute}) belongs to no window. Windows "
        "must cover each minute of each kind of day in each month: add it to one, or correct months."
    )


class SeasonOverlap(Refusal, code="billing.tariff_season_overlap", field="windows"):
    zh = (
        "{month} 月的 {day}，{at}（第 {minute} 分钟）既属于 {first} 又属于 {second}。每一分钟只能属于一个时段"
        "一次，请更正。"
    )
    en = (
        "In month {month}, on {day}, {at} (minute {minute}) is covered by {first} and again by {second}. "
        "Each minute belongs to one window, once: correct one of them."
    )


class MonthsNotRising(Refusal, code="billing.tariff_months_not_rising", field="windows"):
    zh = "时段 {window} 的 months 中 {month} 的位置不对：月份须逐个递增，每个只写一次。请排序。"
    en = (
        "In the months of the window {window}, {month} stands out of order: months must rise, each once. "
        "Sort them."
    )


class SpanEmpty(Refusal, code="billing.tariff_span_empty", field="windows"):
    zh = "时段 {window} 中有起止都为 {at} 的时间段，长度为零。全天请写 00:00 至 24:00。"
    en = (
        "The window {window} has a span from {at} to {at}, which is empty. Write 00:00 to 24:00 for a "
        "whole day."
    )


class DayUnknown(Refusal, code="billing.tariff_day_unknown", field="windows"):
    zh = (
        "时段 {window} 中的日子 {day!r} 无效。可用：mon 至 sun、makeup、holiday、all、workday、restday，至少"
        "一个。"
    )
    en = (
        "The day {day!r} in the window {window} means nothing. Use mon to sun, makeup, holiday, all, "
        "workday or "
        "restday, at least one."
    )


class GapRuleUnfit(Refusal, code="billing.gap_rule_unfit", field="terms"):
    zh = "计量项 {meter} 不能用缺口规则 {rule}:{rule} 需要计数器类计量项。请改用其他规则。"
    en = "The gap rule {rule} does not fit the meter {meter}: it needs a counter. Choose another rule."


class GapRuleMissing(Refusal, code="billing.gap_rule_missing", field="terms"):
    zh = "计量项 {meter} 没有缺口规则。每个计量项恰须一条，请在 gaps 中补上。"
    en = "The meter {meter} has no gap rule. Each meter needs one: add it to gaps."


class GapRuleMeter(Refusal, code="billing.gap_rule_meter", field="terms"):
    zh = "缺口规则提到的计量项 {meter} 不在资费表中。请删除该规则或更正名称。"
    en = (
        "A gap rule names the meter {meter}, which the tariff does not have. Remove the rule or correct "
        "the name."
    )


class GapLength(Refusal, code="billing.gap_length", field="terms"):
    zh = "计量项 {meter} 的缺口时长 {longer_than_ms} 毫秒为负。请改为零或更长。"
    en = "The gap length {longer_than_ms} ms of the meter {meter} is negative. Give zero or more."


class GapRuleDays(Refusal, code="billing.gap_rule_days", field="terms"):
    zh = "计量项 {meter} 的规则 {rule} 的 days 为 {days}:average_day 须为 1 至 {limit}，其他规则不写 days。"
    en = (
        "The rule {rule} of the meter {meter} has days {days}: average_day needs 1 to {limit}, "
        "the other rules take none."
    )


class AmountTooLarge(Refusal, code="billing.amount_too_large", field="amount_minor"):
    zh = "条款 {where} 的结果超出 ±(2^53−1)，无法入账。请检查用量与价格，或缩短结算周期。"
    en = (
        "The result of {where} lies beyond ±(2^53−1) and cannot be written down. "
        "Check usage and price, or settle shorter periods."
    )


class UsageUnknown(Refusal, code="billing.usage_unknown", field="usage"):
    zh = "用量记在计量项 {meter}、状态 {part!r}、时段 {window} 下，资费表中没有这一项。请用本资费表的名称。"
    en = (
        "Usage is booked under meter {meter}, state {part!r}, window {window}, which this tariff does not "
        "have. "
        "Use the names of the tariff."
    )


class UsageNegative(Refusal, code="billing.usage_negative", field="usage"):
    zh = "计量项 {meter} 在时段 {window} 的用量为 {quantity}，不能为负。请检查计量数据。"
    en = (
        "The usage of the meter {meter} in the window {window} is {quantity}; it cannot be negative. Check "
        "it."
    )


class SuccessorDiffers(Refusal, code="billing.tariff_successor", field="tariff"):
    zh = "新资费表的 {name} 与现行的不同。同一协议内币种、是否含税与结算周期不变，请另签协议。"
    en = (
        "The new tariff has another {name}. Within one agreement the currency, whether tax is included and "
        "the "
        "period stay as they are: make a new agreement."
    )


class CutOff(Refusal, code="billing.cut_off", field="cut_off_ms"):
    zh = "截止期限为 {cut_off_ms} 毫秒，须在 0 与 {limit_ms} 毫秒之间（周期结束之后）。请更正。"
    en = (
        "The cut-off is {cut_off_ms} ms; it must lie 0 to {limit_ms} ms after the end of a period. Correct "
        "it."
    )


class NotYet(Refusal, code="billing.tariff_not_yet", field="tariff"):
    zh = "{where} 要到规则第 2 版生效后才能使用。请改用现有写法，或等联合体切换到第 2 版规则后再提交。"
    en = (
        "{where} needs rules 2, which are not in force yet. Do without it, or come back when the consortium "
        "has moved to rules 2."
    )
