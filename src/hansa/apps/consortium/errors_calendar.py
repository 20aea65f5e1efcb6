"""Refusals of calendars: records that say nothing clear, and instants beyond what a record covers."""

from hansa.kernel.refusal import Refusal


class CalendarOutside(Refusal, code="consortium.calendar_outside", field="calendar"):
    zh = "日历 {zone} 只涵盖 {first} 至 {last}(含),不含 {day}。请登记涵盖该日期的日历,或缩短协议期限。"
    en = (
        "The calendar {zone} covers {first} to {last}, not {day}. "
        "Register a longer calendar, or shorten the agreement."
    )


class CalendarValidity(Refusal, code="consortium.calendar_validity", field="until_day"):
    zh = (
        "日历 {zone} 须从 1970 年至 2169 年之间的一天起,涵盖 1 至 {limit} 天,现为 {days} 天。"
        "请更正 from_day 与 until_day。"
    )
    en = (
        "The calendar {zone} must begin between 1970 and 2169 and cover 1 to {limit} days; it covers {days}. "
        "Correct from_day and until_day."
    )


class CalendarTransitions(Refusal, code="consortium.calendar_transitions", field="transition_ms"):
    zh = (
        "日历 {zone} 的第 {position} 个时差变更无效:时间与时差须成对,时间递增,时差不超过 ±24 小时,"
        "第一个不晚于有效期开始,总数至多 {limit} 个。请由时区表重新生成。"
    )
    en = (
        "Change of offset {position} of the calendar {zone} is wrong: times and offsets come in pairs, "
        "times rise, offsets lie within 24 h, the first stands at or before the start of validity, and "
        "there are at most {limit}. Build it anew from the time zone table."
    )


class CalendarDays(Refusal, code="consortium.calendar_days", field="holiday_days"):
    zh = (
        "日历 {zone} 的 {day} 无效:节假日与调休上班日须各自递增、在有效期内、互不重复,各至多 {limit} 天。"
        "请更正这一天。"
    )
    en = (
        "The day {day} of the calendar {zone} is wrong: holidays and make-up workdays must rise, lie within "
        "the validity, be either the one or the other, and number at most {limit} each. Correct that day."
    )
