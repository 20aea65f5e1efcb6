"""Every refusal of obligations, receipts and funds. For accountants."""

from hansa.kernel import Refusal


class RulesTooOld(Refusal, code="money.rules_too_old", field="actions"):
    zh = "本账本按规则第 {rules} 版运行，尚无资金往来功能。请先由成员表决启用规则第 {wanted} 版。"
    en = "This ledger runs by rules {rules}, which know no money. Have the members activate rules {wanted}."
