"""Refusals of a tariff sheet as people write it. `clause` is the place, such as `elements[2].price`."""

from hansa.kernel.refusal import Refusal


class SheetUnreadable(Refusal, code="billing.sheet_unreadable", field="file"):
    zh = "无法读取 {file}:{detail}。资费表须为 UTF-8 的 JSON 文件，至多 {limit} 字节。"
    en = "{file} cannot be read: {detail}. A tariff sheet is a JSON file in UTF-8 of at most {limit} bytes."


class SheetNotJson(Refusal, code="billing.sheet_not_json", field="file"):
    zh = "不是有效的 JSON：第 {line} 行第 {column} 列，{detail}。请更正该处。"
    en = "This is not JSON: line {line}, column {column}: {detail}. Correct that place."


class SheetKeyTwice(Refusal, code="billing.sheet_key_twice", field="file"):
    zh = "同一对象中键 {key!r} 出现两次。请删除或改名。"
    en = "The key {key!r} stands twice in one object. Remove or rename one."


class SheetUnknownKey(Refusal, code="billing.sheet_unknown_key", field="file"):
    zh = "{path} 中不认识键 {key}。请核对拼写或删除；可用的键见资费表说明。"
    en = "{path} has the unknown key {key}. Check the spelling or remove it; the tariff guide lists all keys."


class SheetMissingKey(Refusal, code="billing.sheet_missing_key", field="file"):
    zh = "{path} 缺少键 {key}。请补上。"
    en = "{path} lacks the key {key}. Add it."


class SheetShape(Refusal, code="billing.sheet_shape", field="file"):
    zh = "{path} 的形式不对：{detail_zh}。请对照资费表说明更正。"
    en = "{path} has the wrong form: {detail}. Compare it with the tariff guide."


class SheetUnquoted(Refusal, code="billing.sheet_unquoted", field="file"):
    zh = '{path} 写成了数字。小数、金额与数量须写成带引号的字符串，如 "3.50"，以免丢失精度。'
    en = (
        '{path} is a bare number. Write decimals, amounts and quantities in quotes, "3.50": so nothing '
        "is lost."
    )


class SheetName(Refusal, code="billing.sheet_name", field="file"):
    zh = (
        "{path} 的写法无效：名称用小写字母、数字与 _ . : -，货币用三个大写字母，"
        "状态用大写字母、数字与下划线。"
    )
    en = (
        "{path} is written wrongly: names have lower-case letters, digits and _ . : -, currencies three "
        "capitals, states capitals, digits and underscores."
    )


class SheetDecimal(Refusal, code="billing.sheet_decimal", field="file"):
    zh = '{path} 的 {text!r} 不是小数。请写成 "3.50" 的形式：数字与至多一个小数点，无正负号、空格与千位分隔。'
    en = (
        '{text!r} at {path} is no decimal. Write digits and at most one point, such as "3.50"; no sign, '
        "no spaces."
    )


class SheetTooFine(Refusal, code="billing.sheet_too_fine", field="file"):
    zh = "{path} 的 {text!r} 过细：须为 {step} 的整数倍。请改为可以表示的数。"
    en = (
        "{text!r} at {path} is too fine: it must be a whole multiple of {step}. Give a number that can be "
        "held."
    )


class SheetBound(Refusal, code="billing.sheet_bound", field="file"):
    zh = "{path} 的上限 {text} 须大于零。末档不写 up_to。"
    en = "The bound {text} at {path} must be above zero. Leave up_to out in the last tier."


class SheetRate(Refusal, code="billing.sheet_rate", field="file"):
    zh = '{path} 的 {text!r} 不是税率。请写成 "13%" 的形式，至多两位小数。'
    en = '{text!r} at {path} is no tax rate. Write "13%", with at most two decimals.'


class SheetDate(Refusal, code="billing.sheet_date", field="file"):
    zh = '{path} 的 {text!r} 不是日期。请写成 "2019-04-01" 的形式，1970 年以后。'
    en = '{text!r} at {path} is no date. Write "2019-04-01", from 1970 on.'


class SheetClock(Refusal, code="billing.sheet_clock", field="file"):
    zh = '{path} 的 {text!r} 不是时刻。请写成 "08:00" 的形式，"00:00" 至 "24:00"。'
    en = '{text!r} at {path} is no time of day. Write "08:00", from "00:00" to "24:00".'


class SheetDuration(Refusal, code="billing.sheet_duration", field="file"):
    zh = '{path} 的 {text!r} 不是时长。请写整数加单位：ms、s、min、h 或 d，如 "10min"。'
    en = '{text!r} at {path} is no duration. Write a whole number and ms, s, min, h or d, such as "10min".'


class SheetPrice(Refusal, code="billing.sheet_price", field="file"):
    zh = "{path} 须恰好给出 price 与 tiers 之一；有多档时还须写明 tiering（graduated 或 volume）。"
    en = (
        "{path} needs either price or tiers, not both; with several tiers also tiering (graduated or volume)."
    )


class SheetUnitSize(Refusal, code="billing.sheet_unit_size", field="file"):
    zh = "{path} 的单位 {unit} 不是通用单位。请用 unit_size 写明它等于多少 {base}。"
    en = "The unit {unit} at {path} is not a common one. State in unit_size how many {base} it has."


class SheetHolidayYears(Refusal, code="billing.sheet_holiday_years", field="calendar"):
    zh = (
        "日历为 {first} 至 {last} 年，而节假日没有 {year} 年。请逐年列出（没有则写空列表），或改 from_year、"
        "to_year。"
    )
    en = (
        "The calendar covers {first} to {last}, but its holidays lack {year}. List each year, with empty "
        "lists if it "
        "has none, or change from_year and to_year."
    )


class SheetCalendar(Refusal, code="billing.sheet_calendar", field="calendar"):
    zh = "日历须有 holidays 或 holidays_file（二者之一）以确定年份，或者写明 from_year 与 to_year。"
    en = (
        "The calendar needs holidays or holidays_file (not both) to tell its years, or from_year and to_year."
    )
