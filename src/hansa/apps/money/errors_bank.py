"""Refusals of claims on member banks: for bank clerks, and those who pay by claims."""

from hansa.kernel import Refusal


class NotLicensed(Refusal, code="money.not_licensed", field="bank"):
    zh = (
        "{bank} 不能作为记账银行：须为在册的银行成员，且所登记的金融许可证（banking）在有效期内。请先更新"
        "成员资料。"
    )
    en = (
        "{bank} cannot keep claims: it must be an active member with the role bank and a banking licence "
        "that has not ended. Update the member's data first."
    )


class BankTaken(Refusal, code="money.bank_taken", field="bank"):
    zh = "{bank} 已开通，无需重复办理。"
    en = "{bank} is open already: there is nothing to do."


class BankUnknown(Refusal, code="money.bank_unknown", field="bank"):
    zh = "{bank} 没有开通记账业务。请选择已开通的成员银行，或由该银行先开通。"
    en = "{bank} keeps no claims. Choose a member bank that does, or have it open itself first."


class OwnBank(Refusal, code="money.own_bank", field="bank"):
    zh = "银行 {bank} 不能给自己存款或向自己申请提现。请核对户主。"
    en = "Bank {bank} can attest no deposit for itself, nor pay itself out. Check whose account is meant."


class NotAccepted(Refusal, code="money.bank_not_accepted", field="bank"):
    zh = "{member} 没有同意以银行 {bank} 的记账款收付。请先由其执行 money.accept_bank，或改用外部付款。"
    en = (
        "{member} has not accepted claims on bank {bank}. Let it accept the bank first "
        "(money.accept_bank), or settle by bank transfer."
    )


class AcceptedAlready(Refusal, code="money.bank_accepted_already", field="bank"):
    zh = "{member} 已同意使用银行 {bank}，无需重复办理。"
    en = "{member} has accepted bank {bank} already: there is nothing to do."


class NotEnough(Refusal, code="money.not_enough", field="amount_minor"):
    zh = "{owner} 在银行 {bank} 可用的款项不足以支付 {amount}。请减少金额，或先存入。"
    en = (
        "{owner} has less at its disposal at bank {bank} than {amount}. "
        "Choose a smaller amount, or pay money in first."
    )


class BalanceTooLarge(Refusal, code="money.balance_too_large", field="amount_minor"):
    zh = "银行 {bank} 的 {currency} 合计将超过账本所能记载的最大数。请核对金额。"
    en = "The {currency} at bank {bank} would come to more than the ledger can hold. Check the amount."


class ReferenceUsed(Refusal, code="money.bank_reference_used", field="bank_reference"):
    zh = "银行 {bank} 的流水号 {reference} 已用过，同一笔存取只能证明一次。请核对流水号。"
    en = "Bank {bank} has used reference {reference} before; each deposit or payout counts once. Check it."


class WithdrawalTaken(Refusal, code="money.withdrawal_taken", field="withdrawal"):
    zh = "提现编号 {withdrawal} 已用过。请换一个编号。"
    en = "Withdrawal {withdrawal} exists already. Choose another id."


class WithdrawalLapsed(Refusal, code="money.withdrawal_lapsed", field="withdrawal"):
    zh = (
        "{owner} 的提现 {withdrawal} 未在 {days} 天内答复，款项已归还其户主。若已付出，请与户主商定，由其重新"
        "申请后再证明。"
    )
    en = (
        "Withdrawal {withdrawal} of {owner} was not answered within {days} days: the money is its owner's "
        "again. If it was paid out, have the owner ask anew and attest that."
    )


class WithdrawalUnknown(Refusal, code="money.withdrawal_unknown", field="withdrawal"):
    zh = "{owner} 在本行没有待办的提现 {withdrawal}。请核对编号；已办结的不能再办。"
    en = "{owner} has no open withdrawal {withdrawal} at this bank. Check the id; what is done is done."


class PaidByTransfer(Refusal, code="money.paid_by_transfer", field="obligation"):
    zh = "应收应付项 {obligation} 不以银行 {bank} 的记账款结清。请按约定的方式付款。"
    en = "Obligation {obligation} is not settled by claims on bank {bank}. Pay it in the way that was agreed."


class HoldTaken(Refusal, code="money.hold_taken", field="id"):
    zh = "冻结编号 {hold} 已用过。请换一个编号。"
    en = "Hold {hold} exists already. Choose another id."


class HoldUnknown(Refusal, code="money.hold_unknown", field="hold"):
    zh = "没有冻结 {hold}。请核对编号。"
    en = "There is no hold {hold}. Check its id."


class HoldOver(Refusal, code="money.hold_over", field="hold"):
    zh = "冻结 {hold} 已到期、扣完或解冻，不能再扣款。请由付款方另行冻结。"
    en = "Hold {hold} has expired, was used up or released: nothing can be captured. Let the payer hold anew."


class HoldNotYours(Refusal, code="money.hold_not_yours", field="hold"):
    zh = "{member} 现在不能处理冻结 {hold}：收款方可扣款或解冻，付款方须到期后才能解冻。"
    en = (
        "{member} cannot do this with hold {hold} now: its payee captures or releases it; its payer "
        "takes it back once it has expired."
    )


class BeyondHold(Refusal, code="money.beyond_hold", field="amount_minor"):
    zh = "冻结 {hold} 只剩 {left}，不能扣 {amount}。请减少扣款。"
    en = "Hold {hold} has {left} left, less than {amount}. Capture less."


class HoldTimeUnfit(Refusal, code="money.hold_time_unfit", field="expires_ms"):
    zh = "冻结的到期时间须晚于现在，且在 {days} 天之内。请改正。"
    en = "A hold must expire after now, within {days} days. Correct the time."
