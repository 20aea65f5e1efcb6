"""Refusals of obligations, receipts and funds, for accountants; those of claims: errors_bank.py."""

from hansa.kernel import Refusal


class RulesTooOld(Refusal, code="money.rules_too_old", field="actions"):
    zh = "本账本按规则第 {rules} 版运行，尚无资金往来功能。请先由成员表决启用规则第 {wanted} 版。"
    en = "This ledger runs by rules {rules}, which know no money. Have the members activate rules {wanted}."


class PartyUnknown(Refusal, code="money.party_unknown", field="creditor"):
    zh = "{member} 不是成员单位，不能作为应收应付的一方。请核对成员编号。"
    en = "{member} is no member and can neither owe nor be owed. Check the member id."


class SameParty(Refusal, code="money.same_party", field="creditor"):
    zh = "付款方与收款方都是 {member}。请改为两个不同的成员单位。"
    en = "{member} would pay itself. Name two different members."


class DueUnfit(Refusal, code="money.due_unfit", field="due_ms"):
    zh = "到期时间须晚于现在，且在 {years} 年之内。请改正到期时间。"
    en = "The due time must lie after now, within {years} years. Correct it."


class AmountUnfit(Refusal, code="money.amount_unfit", field="amount_minor"):
    zh = "金额 {amount} 不能使用：须为正数，且不超过账本所能记载的最大数。请改正金额。"
    en = "The amount {amount} cannot be used: it must be above zero, and no more than the ledger can hold."


class ObligationTaken(Refusal, code="money.obligation_taken", field="id"):
    zh = "应收应付项 {obligation} 已存在。请换一个编号。"
    en = "Obligation {obligation} exists already. Choose another id."


class ObligationUnknown(Refusal, code="money.obligation_unknown", field="obligation"):
    zh = "没有应收应付项 {obligation}。请核对编号或付款参考号。"
    en = "There is no obligation {obligation}. Check its id, or look for it by its reference."


class ObligationClosed(Refusal, code="money.obligation_closed", field="obligation"):
    zh = "应收应付项 {obligation} 已结清或作废，不再收款。多付的款项请留作未核销款，或退回付款方。"
    en = (
        "Obligation {obligation} is paid or void and takes no more money. Leave what was paid too much "
        "unapplied, or refund it."
    )


class Overpaid(Refusal, code="money.overpaid", field="amount_minor"):
    zh = "应收应付项 {obligation} 尚欠 {open}，不能核销 {amount}。请把多出部分留作未核销款。"
    en = "Obligation {obligation} is open by {open}, so {amount} cannot pay it. Leave the rest unapplied."


class TooManyPayments(Refusal, code="money.too_many_payments", field="amount_minor"):
    zh = "应收应付项 {obligation} 已有 {limit} 笔付款，再收一笔须付清尚欠的 {open}。请合并小额款项。"
    en = (
        "Obligation {obligation} has {limit} payments already: one more must pay all that is open, {open}. "
        "Put small amounts together."
    )


class LessenedTooMuch(Refusal, code="money.lessened_too_much", field="amount_minor"):
    zh = "应收应付项 {obligation} 最多还能减少 {most}。请核对更正金额。"
    en = "Obligation {obligation} can be lessened by {most} at most. Check the amount."


class TooManyOwnDebts(Refusal, code="money.too_many_own_debts", field="id"):
    zh = "{member} 自行确认的未结欠款已达 {limit} 项上限。请先结清其中一些。"
    en = "{member} has {limit} open debts that it acknowledged itself, the most there may be. Settle some."


class NotDebtor(Refusal, code="money.not_debtor", field="obligation"):
    zh = "{member} 不是应收应付项 {obligation} 的付款方。只有付款方可以申报已付。"
    en = "{member} does not owe obligation {obligation}. Only who owes it can declare it paid."


class NotCreditor(Refusal, code="money.not_creditor", field="obligation"):
    zh = "应收应付项 {obligation} 的收款方不是 {member}。请由收款方办理。"
    en = "Obligation {obligation} is not owed to {member}. Its creditor has to do this."


class OtherCurrency(Refusal, code="money.other_currency", field="currency"):
    zh = "应收应付项 {obligation} 以 {wanted} 计，不能用 {currency} 核销。Hansa 不换汇，请用同一货币付款。"
    en = (
        "Obligation {obligation} is in {wanted}; {currency} cannot pay it. Hansa changes no currencies: "
        "pay in the same one."
    )


class PaidByClaims(Refusal, code="money.paid_by_claims", field="obligation"):
    zh = "应收应付项 {obligation} 约定经成员银行 {bank} 结清，不能以银行流水核销。请用 money.pay 付款。"
    en = (
        "Obligation {obligation} is to be paid by claims on member bank {bank}, not by a bank transfer. "
        "Pay it with money.pay."
    )


class EntryTaken(Refusal, code="money.entry_taken", field="entry"):
    zh = "银行流水 {entry} 已登记过，同一笔收款只能登记一次。如登记有误，请先撤销原登记。"
    en = "Bank entry {entry} is recorded already; a payment counts once. If it was wrong, reverse it first."


class EntryUnknown(Refusal, code="money.entry_unknown", field="entry"):
    zh = "没有登记过银行流水 {entry}，或已撤销。请核对，或先登记收款。"
    en = "Bank entry {entry} is not recorded, or was reversed. Check it, or record the payment first."


class ValueInFuture(Refusal, code="money.value_in_future", field="value_ms"):
    zh = "起息日或付款时间晚于现在。请按银行流水上的日期填写。"
    en = "The date of the payment lies ahead. Give the date that the bank's entry shows."


class PayerUnknown(Refusal, code="money.payer_unknown", field="payer"):
    zh = "付款方 {payer} 不是别的成员单位。不知道是谁付的就留空；要退款，须先重新登记并写明付款方。"
    en = (
        "Payer {payer} is no other member. Leave it empty if you do not know who paid; to refund, record the "
        "payment again with its payer."
    )


class TooManyAllocations(Refusal, code="money.too_many_allocations", field="allocations"):
    zh = "一次须核销或撤回 1 至 {limit} 项。请分几次办理。"
    en = "Between 1 and {limit} obligations can be paid, or taken back from, at once. Do it in several steps."


class BeyondReceipt(Refusal, code="money.beyond_receipt", field="allocations"):
    zh = "该笔收款未核销 {unapplied}，不够分配 {amount}。请减少核销金额。"
    en = "The receipt has {unapplied} unapplied, too little for {amount}. Apply less."


class NotAllocated(Refusal, code="money.not_allocated", field="obligations"):
    zh = "银行流水 {entry} 没有核销应收应付项 {obligation}。请核对。"
    en = "Bank entry {entry} pays nothing of obligation {obligation}. Check both."


class ReceiptRefunded(Refusal, code="money.receipt_refunded", field="entry"):
    zh = "银行流水 {entry} 已有部分转为退款，不能整笔撤销。可以撤回其对应收应付项的核销。"
    en = (
        "Part of bank entry {entry} was turned into a refund, so it cannot be undone whole. What it pays of "
        "obligations can be taken back."
    )


class AlreadyDeclared(Refusal, code="money.already_declared", field="bank_reference"):
    zh = "应收应付项 {obligation} 的这笔付款已申报过。请等收款方登记，不必重复申报。"
    en = "This payment of obligation {obligation} is declared already. Wait for the creditor to record it."


class NotMutual(Refusal, code="money.not_mutual", field="against"):
    zh = (
        "应收应付项 {obligation} 与 {against} 不能抵销：须为同样两方之间、方向相反、同一货币的欠款，"
        "且都不是保证金、预付款或定金的缴款。"
    )
    en = (
        "Obligations {obligation} and {against} cannot be set off: they must be between the same two "
        "members, in opposite directions and one currency, and pay in no deposit, prepayment or earnest "
        "money."
    )


class NotDue(Refusal, code="money.not_due", field="obligation"):
    zh = "应收应付项 {obligation} 尚未到期，不能用来抵销。请到期后再办，或与对方商定。"
    en = "Obligation {obligation} is not due yet, so it cannot be set off. Wait until it is, or agree on it."


class FundTaken(Refusal, code="money.fund_taken", field="fund"):
    zh = "款项 {fund} 已存在。请换一个编号。"
    en = "Fund {fund} exists already. Choose another name."


class FundUnknown(Refusal, code="money.fund_unknown", field="fund"):
    zh = "没有保证金、预付款或定金 {fund}。请核对编号。"
    en = "There is no deposit, prepayment or earnest money {fund}. Check its name."


class FundClosed(Refusal, code="money.fund_closed", field="fund"):
    zh = "款项 {fund} 已退还或没收，不能再动用。"
    en = "Fund {fund} was returned or forfeited; nothing can be taken of it any more."


class FundOfOtherKind(Refusal, code="money.fund_of_other_kind", field="fund"):
    zh = (
        "款项 {fund} 不能这样动用：预付款只抵结算，保证金只在违约时动用，定金只没收或双倍返还，三者不得混用。"
    )
    en = (
        "Fund {fund} cannot be used so: a prepayment pays what is billed, a security deposit serves on "
        "default, earnest money is forfeited or returned double; none does another's work."
    )


class FundOfOthers(Refusal, code="money.fund_of_others", field="fund"):
    zh = "款项 {fund} 的双方或货币与应收应付项 {obligation} 不同，不能相抵。"
    en = "Fund {fund} is between other parties, or in another currency, than obligation {obligation}."


class NotInDefault(Refusal, code="money.not_in_default", field="obligation"):
    zh = "应收应付项 {obligation} 尚未逾期，不能动用保证金。请等到期未付之后再扣。"
    en = "Obligation {obligation} is not overdue: the security deposit cannot be touched before it is."


class EarnestTooHigh(Refusal, code="money.earnest_too_high", field="agreed_minor"):
    zh = "定金 {agreed} 超过合同标的额 {secured} 的 {percent}%，超出部分没有定金效力。请降低定金。"
    en = (
        "Earnest money of {agreed} is more than {percent} % of the {secured} that it "
        "secures; what goes beyond has no effect in law. Agree on less."
    )


class FundSpent(Refusal, code="money.fund_spent", field="entry"):
    zh = "款项 {fund} 只剩 {left}，这笔缴款已被动用，不能撤销。请由付款方另行确认欠款（money.owe）。"
    en = (
        "Only {left} of fund {fund} is left: this payment into it was used and cannot be "
        "undone. Let the payer acknowledge what it owes (money.owe)."
    )


class NotHolder(Refusal, code="money.not_holder", field="fund"):
    zh = "{member} 不是预付款 {fund} 的收款方，或发票号已记。每笔预付款由收款方记一次发票号。"
    en = (
        "{member} does not hold {fund} as a prepayment, or its invoice is noted. The holder notes one "
        "number, once."
    )


class NotPaidIn(Refusal, code="money.not_paid_in", field="fund"):
    zh = "预付款 {fund} 尚未到账，不能先记发票号。请在收款后再记。"
    en = "Nothing is paid into {fund} yet. Note the invoice once the prepayment came in."


class ListTooLong(Refusal, code="money.list_too_long", field="limit"):
    zh = "列表超过 {limit} 项。请给出 limit，并用 after 逐页查询。"
    en = "The list has more than {limit} items. Ask for pages, by limit and after."
