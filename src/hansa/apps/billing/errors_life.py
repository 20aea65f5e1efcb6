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
        "Feed {feed} has records after {at_ms}: the time of agreement {agreement} can no longer be moved "
        "this way. Choose a later time, or agree anew."
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


# Terms of settlement.


class SettlementRules(Refusal, code="billing.settlement_rules", field="terms"):
    zh = "本账本按规则第 {rules} 版运行，尚不能约定结算办法。请先由成员表决启用规则第 {wanted} 版，或不约定。"
    en = (
        "This ledger runs by rules {rules}, which know no terms of settlement. Have the members activate "
        "rules {wanted}, or leave them out."
    )


class SettlementDays(Refusal, code="billing.settlement_days", field="terms"):
    zh = "结算办法的付款天数与默认确认天数须在 0 到 {limit} 之间，现为 {days}。请改正。"
    en = "Days of payment and of silence must lie between 0 and {limit}, not at {days}. Correct them."


class SettlementInterest(Refusal, code="billing.settlement_interest", field="terms"):
    zh = "逾期利息为年利率 {interest_bp} 个基点，超过上限 {limit}；或税码 {tax} 不在资费之中。请改正。"
    en = (
        "Late-payment interest is {interest_bp} basis points a year, more than {limit}; or its tax code "
        "{tax} is none of the tariff's. Correct it."
    )


class TermTooLong(Refusal, code="billing.term_too_long", field="terms"):
    zh = (
        "{payer} 为大型企业，{payee} 为中小企业：付款期限 {days} 天超过自交付之日起 {limit} 天，"
        "须写明理由代码（行业规范、交易习惯或法定期限），见国务院令第802号第九条。请缩短期限或补充理由。"
    )
    en = (
        "{payer} is a large company, {payee} a small or medium one: {days} days of payment are more than "
        "{limit} from delivery and need a stated reason (State Council Decree 802, art. 9). Shorten the "
        "term, or name it."
    )


class PayWhenPaid(Refusal, code="billing.pay_when_paid", field="terms"):
    zh = (
        "{payer} 为大型企业，{payee} 为中小企业：不得以收到第三方付款作为付款条件"
        "（国务院令第802号第九条）。请删去该条件并约定付款天数。"
    )
    en = (
        "{payer} is a large company, {payee} a small or medium one: being paid first may be no condition of "
        "paying (State Council Decree 802, art. 9). Drop it, and agree on days."
    )


class PayWhenPaidUnseen(Refusal, code="billing.pay_when_paid_unseen", field="terms"):
    zh = "账本无从得知第三方是否已付款，不能据此确定到期日。请改为约定付款天数。"
    en = "The ledger cannot see whether a third party has paid, so nothing can fall due by it. Agree on days."
