"""Refusals of calendars: records that say nothing clear, and instants beyond what a record covers."""

from hansa.kernel.refusal import Refusal


class CalendarOutside(Refusal, code="consortium.calendar_outside", field="calendar"):
    zh = "日历 {zone} 只涵盖 {first} 至 {last}（含），不含 {day}。请登记涵盖该日期的日历，或缩短协议期限。"
    en = (
        "The calendar {zone} covers {first} to {last}, not {day}. "
        "Register a longer calendar, or shorten the agreement."
    )


class CalendarValidity(Refusal, code="consortium.calendar_validity", field="until_day"):
    zh = (
        "日历 {zone} 须从 1970 年至 2169 年之间的一天起，涵盖 1 至 {limit} 天，现为 {days} 天。"
        "请更正 from_day 与 until_day。"
    )
    en = (
        "The calendar {zone} must begin between 1970 and 2169 and cover 1 to {limit} days; it covers {days}. "
        "Correct from_day and until_day."
    )


class CalendarTransitions(Refusal, code="consortium.calendar_transitions", field="transition_ms"):
    zh = (
        "日历 {zone} 的第 {position} 个时差变更无效：时间与时差须成对，时间递增，时差不超过 ±24 小时，"
        "第一个不晚于有效期开始，总数至多 {limit} 个。请由时区表重新生成。"
    )
    en = (
        "Change of offset {position} of the calendar {zone} is wrong: times and offsets come in pairs, "
        "times rise, offsets lie within 24 h, the first stands at or before the start of validity, and "
        "there are at most {limit}. Build it anew from the time zone table."
    )


class CalendarDays(Refusal, code="consortium.calendar_days", field="holiday_days"):
    zh = (
        "日历 {zone} 的 {day} 无效：节假日与调休上班日须各自递增、在有效期内、互不重复，各至多 {limit} 天。"
        "请更正这一天。"
    )
    en = (
        "The day {day} of the calendar {zone} is wrong: holidays and make-up workdays must rise, lie within "
        "the validity, be either the one or the other, and number at most {limit} each. Correct that day."
    )


class CalendarZone(Refusal, code="consortium.calendar_zone", field="zone"):
    zh = "没有名为 {zone!r} 的时区。请用 IANA 名称，如 Asia/Shanghai 或 Europe/Berlin。"
    en = "There is no time zone {zone!r}. Use an IANA name such as Asia/Shanghai or Europe/Berlin."


class CalendarYears(Refusal, code="consortium.calendar_years", field="calendar"):
    zh = "日历的年份 {years} 无效：须在 {first} 与 {last} 之间，且先后有序。请更正。"
    en = (
        "The years {years} of the calendar are wrong: they must lie in {first}–{last}, in order. Correct "
        "them."
    )


class HolidayDate(Refusal, code="consortium.holiday_date", field="holidays"):
    zh = "{year} 年的日期 {day!r} 无效。请写 MM-DD，或 MM-DD..MM-DD（含首尾）。"
    en = "The date {day!r} of {year} is wrong. Write MM-DD, or MM-DD..MM-DD with both ends included."


class HolidayYear(Refusal, code="consortium.holiday_year", field="holidays"):
    zh = "节假日条目 {year} 无效：{detail}。每年须为 {{holidays: […], makeup_workdays: […]}}。"
    en = (
        "The entry {year} of the holidays is wrong: {detail}. Each year is "
        "{{holidays: […], makeup_workdays: […]}}."
    )


class HolidayFile(Refusal, code="consortium.holiday_file", field="holidays"):
    zh = "无法读取节假日文件 {file}:{detail}。须为 UTF-8 的 JSON 或 TOML。"
    en = "The holiday file {file} cannot be read: {detail}. It must be JSON or TOML in UTF-8."
