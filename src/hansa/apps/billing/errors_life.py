"""Refusals of what becomes of agreements and statements once they stand."""

from hansa.kernel import Refusal


class EndTime(Refusal, code="billing.end_time", field="to_ms"):
    zh = (
        "协议 {agreement} 不能改为在 {to_ms} 结束：提前终止须不早于现在、晚于已关账的结算期并早于原结束时间；"
        "续期须晚于原结束时间且总期限不超过上限。请改正结束时间。"
    )
    en = (
        "Agreement {agreement} cannot end at {to_ms}: an early end lies now or later, after the periods "
        "closed and before the present end; an extension after the present end, within the longest term. "
        "Correct the end."
    )


class TimeRecorded(Refusal, code="billing.time_recorded", field="to_ms"):
    zh = (
        "计量点 {feed} 在 {at_ms} 之后已有记录，协议 {agreement} 的起止时间不能再这样更改。"
        "请另选更晚的时间，或另订协议。"
    )
    en = (
        "Feed {feed} has records after {at_ms}: the time of agreement {agreement} can no longer be moved this "
        "way. Choose a later time, or agree anew."
    )


class BeginTime(Refusal, code="billing.begin_time", field="from_ms"):
    zh = (
        "协议 {agreement} 不能改为从 {from_ms} 起算：须晚于原开始时间、早于结束时间，且尚无已关账的结算期。"
        "请改正开始时间。"
    )
    en = (
        "Agreement {agreement} cannot begin at {from_ms}: it must be later than its start, before its end, "
        "and no period may be closed yet. Correct the start."
    )
