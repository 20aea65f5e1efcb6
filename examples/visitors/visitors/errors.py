"""Every refusal of the room, for people at the gate: what is wrong and what to do."""

from hansa.kernel import Refusal


class CompanyUnknown(Refusal, code="visitors.company_unknown", field="company"):
    zh = "{company} 不是成员单位。请登记为其接待单位的访客。"
    en = "{company} is no member. Register the visitor for the member that brings him."


class TooLong(Refusal, code="visitors.too_long", field="until_ms"):
    zh = "访问须在现在之后、{hours} 小时之内结束。请次日重新登记。"
    en = "A visit ends after now and within {hours} hours. Register again the next day."


class NotInside(Refusal, code="visitors.not_inside", field="visitor"):
    zh = "访客 {visitor} 不在厂内。请核对编号。"
    en = "Visitor {visitor} is not inside. Check the number."
