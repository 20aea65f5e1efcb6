"""Refusals of what becomes of agreements and statements once they stand."""

from hansa.kernel import Refusal


class EndTime(Refusal, code="billing.end_time", field="to_ms"):
    zh = (
        "协议 {agreement} 不能改为在 {end} 结束：提前终止须不早于现在、晚于已关账的结算期并早于原结束时间；"
        "续期须晚于原结束时间且总期限不超过上限。请改正结束时间。"
    )
    en = (
        "Agreement {agreement} cannot end at {end}: an early end lies now or later, after the periods closed "
        "and before the present end; an extension after the present end, within the longest term. Correct "
        "the end."
    )


class TimeRecorded(Refusal, code="billing.time_recorded", field="to_ms"):
    zh = (
        "计量点 {feed} 在 {at} 之后已有记录，协议 {agreement} 的起止时间不能再这样更改。"
        "请另选更晚的时间，或另订协议。"
    )
    en = (
        "Feed {feed} has records after {at}: the time of agreement {agreement} can no longer be moved this "
        "way. Choose a later time, or agree anew."
    )


class BeginTime(Refusal, code="billing.begin_time", field="from_ms"):
    zh = (
        "协议 {agreement} 不能改为从 {start} 起算：须不早于约定的开始时间、早于结束时间，"
        "且尚无已关账的结算期。请改正开始时间。"
    )
    en = (
        "Agreement {agreement} cannot begin at {start}: it must not be earlier than agreed, lie before its "
        "end, and no period may be closed yet. Correct the start."
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


class InterestBelowFloor(Refusal, code="billing.interest_below_floor", field="terms"):
    zh = (
        "约定的逾期利率为年 {rate}，低于协议所指指数现行的 {floor}（国务院令第802号第十七条：不得低于合同订立"
        "时一年期贷款市场报价利率）。请提高利率，或不约定利率而适用法定每日万分之五。"
    )
    en = (
        "The agreed rate of late-payment interest is {rate} a year, below the {floor} of the index that the "
        "agreement names (Decree 802, art. 17: not below the one-year LPR when the contract is made). Agree "
        "on a higher rate, or on none: then 0.05 % a day holds by law."
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


# Life of a statement.


class NoSettlement(Refusal, code="billing.no_settlement", field="agreement"):
    zh = "协议 {agreement} 没有约定结算办法，其结算单无须确认，也不形成应收应付。请在新协议的条款中约定。"
    en = (
        "Agreement {agreement} has no terms of settlement: its statements are not confirmed, and nothing is "
        "owed by them. Agree on them in the terms of a new agreement."
    )


class StatementUnknown(Refusal, code="billing.statement_unknown", field="period_ms"):
    zh = "协议 {agreement} 没有自 {start} 起的结算单。请核对结算期，或等关账。"
    en = "Agreement {agreement} has no statement of a period from {start}. Check it, or wait for the close."


class OtherStatement(Refusal, code="billing.other_statement", field="content"):
    zh = "所确认的内容不是协议 {agreement} 的这份结算单。请重新查看结算单后再确认。"
    en = "What is confirmed is not this statement of agreement {agreement}. Read it again, then confirm."


class AlreadyConfirmed(Refusal, code="billing.already_confirmed", field="agreement"):
    zh = "{member} 已对协议 {agreement} 的这份结算单表态，确认只需一次。如有异议，请与对方协商更正。"
    en = (
        "{member} has already answered this statement of agreement {agreement}; once is enough. If "
        "something is wrong, ask the other party for a correction."
    )


class DisputeLines(Refusal, code="billing.dispute_lines", field="lines"):
    zh = "有异议的行 {line} 不在结算单中、重复，或已在异议之中。请逐行核对行号，至少写一行。"
    en = "Line {line} is not of this statement, stands twice, or is disputed already. Name at least one line."


class DisputeInFavour(Refusal, code="billing.dispute_in_favour", field="lines"):
    zh = "第 {line} 行不计金额或对 {member} 有利，不必提出异议。少计的用量请补交计量记录，下期结算单会更正。"
    en = (
        "Line {line} counts for {member}, or for nothing: there is nothing to dispute. For usage that was "
        "missed, bring the records; the next statement corrects it."
    )


class DisputeNone(Refusal, code="billing.dispute_none", field="agreement"):
    zh = "{member} 对协议 {agreement} 的这份结算单没有未决的异议，无可撤回。请核对结算期。"
    en = "{member} disputes nothing in this statement of agreement {agreement}. Check the period."


class ConcessionLine(Refusal, code="billing.concession_line", field="concessions"):
    zh = "第 {line} 行不在结算单中、重复，或不是对 {member} 有利的行，不能由其让步。请核对行号，至少写一行。"
    en = (
        "Line {line} is not of this statement, stands twice, or does not count for {member}, which cannot "
        "give it up. Name at least one line."
    )


class ConcessionTooLarge(Refusal, code="billing.concession_too_large", field="concessions"):
    zh = "第 {line} 行尚可更正 {left}，所写 {given} 超出。请改正金额。"
    en = "Of line {line} there is {left} left to correct, less than {given}. Correct the amount."


class TooManyCorrections(Refusal, code="billing.too_many_corrections", field="concessions"):
    zh = "协议 {agreement} 的这份结算单已有 {limit} 次更正或拆分，达到上限。请并作一次，或在下期更正。"
    en = (
        "This statement of agreement {agreement} has {limit} corrections or parts, as many as there may be. "
        "Put them into one, or correct the next period."
    )


class NotConfirmed(Refusal, code="billing.not_confirmed", field="agreement"):
    zh = "协议 {agreement} 的这份结算单尚未经双方对账确认，不能登记发票。请先确认。"
    en = "This statement of agreement {agreement} is not confirmed by both yet. Confirm it, then invoice."


class NotIssuer(Refusal, code="billing.not_issuer", field="agreement"):
    zh = "{member} 不是协议 {agreement} 的提供方，发票与红字确认单由提供方登记。"
    en = (
        "{member} is not the provider of agreement {agreement}: invoices and red letters are for it to "
        "record."
    )


class InvoiceTaken(Refusal, code="billing.invoice_taken", field="invoice"):
    zh = (
        "协议 {agreement} 的这份结算单已登记发票 {number}。号码登错或重开的，请写明所替换的号码；"
        "金额如需改动，请作更正。"
    )
    en = (
        "Invoice {number} is recorded for this statement of agreement {agreement}. If it was mistyped or "
        "issued anew, name the number replaced; to change an amount, correct the statement."
    )


class NoInvoice(Refusal, code="billing.no_invoice", field="replaces"):
    zh = "协议 {agreement} 的这份结算单没有登记发票 {number}，不能替换。请核对号码，或不填被替换的号码。"
    en = (
        "No invoice {number} is recorded for this statement of agreement {agreement}, so none can be "
        "replaced. Check the number, or leave it out."
    )


class InvoiceNumber(Refusal, code="billing.invoice_number", field="number"):
    zh = "号码 {number} 不合格式：数电票号码与红字确认单编号为20位数字。请照原件填写。"
    en = (
        "Number {number} has the wrong form: a fapiao and a red-letter confirmation have 20 digits. Copy it "
        "from the original."
    )


class NumberUsed(Refusal, code="billing.number_used", field="number"):
    zh = "{issuer} 的号码 {number} 已用于协议 {other} 自 {start} 起的结算期，不能再用。请核对号码。"
    en = (
        "{issuer} used number {number} for agreement {other}, period from {start}. A number serves once: "
        "check it."
    )


class InvoiceAmounts(Refusal, code="billing.invoice_amounts", field="invoice"):
    zh = "发票的不含税/税额/价税合计为 {found}，结算单为 {stated}，不相符。请改正填写，或让提供方重开发票。"
    en = (
        "Net / tax / gross are {found} on the invoice and {stated} on the statement. Correct what was "
        "typed, or have the invoice issued anew."
    )


class InvoiceDay(Refusal, code="billing.invoice_day", field="invoice"):
    zh = "开票日期 {day} 晚于今天。请照原件填写开票日期。"
    en = "The invoice's date {day} lies in the future. Copy it from the original."


class CorrectionUnknown(Refusal, code="billing.correction_unknown", field="correction"):
    zh = "协议 {agreement} 的这份结算单没有待红字确认的第 {correction} 次更正。请核对更正序号。"
    en = "This statement of agreement {agreement} has no correction {correction} that waits for a red letter."


class InterestUnknown(Refusal, code="billing.interest_unknown", field="obligation"):
    zh = "应收应付项 {obligation} 不是协议 {agreement} 的结算单产生的，不能在此计收逾期利息。请核对编号。"
    en = (
        "Obligation {obligation} stems from no statement of agreement {agreement}, so no interest can be "
        "charged here. Check both ids."
    )


class InterestOfOther(Refusal, code="billing.interest_of_other", field="obligation"):
    zh = "应收应付项 {obligation} 的债权人是 {creditor}，只有它可以计收逾期利息。"
    en = "{creditor} is owed obligation {obligation}; nobody else can have interest charged on it."


class InterestWaits(Refusal, code="billing.interest_waits", field="agreement"):
    zh = "协议 {agreement} 还有结算单要出，逾期利息由下一张结算单计收。请等下一期结算。"
    en = (
        "Agreement {agreement} has statements to come: the next one charges the interest. Wait for its close."
    )


class InterestNone(Refusal, code="billing.interest_none", field="obligation"):
    zh = (
        "应收应付项 {obligation} 没有尚未计收的逾期利息：未逾期、未约定且法律未规定利率，或已计收。无需办理。"
    )
    en = (
        "Obligation {obligation} bears no interest that was not charged: it is not overdue, no rate holds "
        "for it, or all is charged. There is nothing to do."
    )
