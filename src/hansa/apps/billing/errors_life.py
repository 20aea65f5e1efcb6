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


class EndRecorded(Refusal, code="billing.end_recorded", field="to_ms"):
    zh = (
        "计量点 {feed} 在 {to_ms} 之后已有记录，协议 {agreement} 的结束时间不能再这样更改。"
        "请另选更晚的时间，或另订协议。"
    )
    en = (
        "Feed {feed} has records after {to_ms}: the end of agreement {agreement} can no longer be moved this "
        "way. Choose a later end, or agree anew."
    )
