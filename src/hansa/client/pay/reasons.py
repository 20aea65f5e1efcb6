"""Why a line was matched, proposed or left, for people."""

from hansa.client.texts import Text

OUTCOMES = {
    "certain": Text("确定", "certain"),
    "proposal": Text("待确认", "proposal"),
    "unmatched": Text("未匹配", "unmatched"),
}
REASONS = {
    "exact": Text("附言号相符，金额相等", "reference and amount agree"),
    "part": Text("附言号相符，部分付款", "reference agrees, paid in part"),
    "over": Text("附言号相符，多付部分记为未核销款", "reference agrees, paid more: the rest stays unapplied"),
    "several": Text("一笔付多项，金额合计相等", "one payment for several, their sum agrees"),
    "alike": Text(
        "与同一文件中的另一行完全相同：付了两次，还是重复导出？",
        "the same as another line of the file: paid twice, or exported twice?",
    ),
    "other_payer": Text("附言号相符，但付款人不是欠款人", "reference agrees, but somebody else paid"),
    "sum_differs": Text("一笔付多项，合计与金额不符", "one payment for several, but their sum differs"),
    "near_amount": Text(
        "附言号相符，金额相差不大：笔误或手续费？",
        "reference agrees, the amount is slightly off: a slip, or a charge?",
    ),
    "charges": Text(
        "附言号相符，差额等于银行扣收的手续费：由谁承担？",
        "reference agrees, banks kept the difference as charges: who bears them?",
    ),
    "batch": Text(
        "银行合并入账，未列明细：请向银行索取明细",
        "several payments booked as one, and the bank does not say which: ask it for them",
    ),
    "too_many": Text(
        "一笔付款涉及的应付项过多，请分开入账", "one payment for too many items: record it in parts"
    ),
    "slip": Text("附言号疑有笔误", "the reference seems to have a slip"),
    "payer_and_amount": Text("无附言号，付款人与金额相符", "no reference; payer and amount agree"),
    "sum_of_several": Text(
        "无附言号，金额等于该付款人几项之和",
        "no reference; the amount is the sum of several items of the payer",
    ),
    "two_lines": Text("无附言号，两笔合计等于一项", "no reference; two payments together are one item"),
    "several_candidates": Text("有几项都可能", "several items are likely"),
    "several_lines": Text("有几笔都像是付这一项", "several lines look like paying the same item"),
    "undo_receipt": Text(
        "银行冲回已入账的收款，请撤销该收款", "the bank takes back a receipt that is recorded: undo it"
    ),
    "duplicate": Text("同一笔流水在文件中重复", "the same movement, a second time in the file"),
    "recorded_before": Text("此前已入账", "recorded before"),
    "pending": Text("银行尚未入账", "not booked by the bank yet"),
    "ahead": Text("起息日未到", "the value date lies ahead"),
    "no_date": Text("银行未给出日期", "the bank gives no date"),
    "outgoing": Text("付出款项", "money that went out"),
    "taken_back": Text("随后被银行冲回", "the bank took it back later"),
    "takes_back": Text("冲回本文件中的另一笔", "takes back another line of the file"),
    "own_payment_returned": Text("我方付款被退回", "an own payment came back"),
    "reversal_of_unknown": Text("冲回的款项未曾入账", "takes back what was not recorded"),
    "wrong_currency": Text("附言号相符，币种不同", "reference agrees, in another currency"),
    "paid_twice": Text("该项已由另一笔付清：重复付款？", "another line paid this in full: paid twice?"),
    "reference_not_open": Text("附言号所指的项已付清", "the reference is of an item that is paid already"),
    "reference_unknown": Text("附言号不在应收项中", "no item has this reference"),
    "payer_unknown": Text("无附言号，付款人不明", "no reference, and the payer is not known"),
    "payer_owes_nothing": Text(
        "无附言号，该付款人近期无应付项", "no reference; the payer owes nothing due about then"
    ),
    "nothing_alike": Text(
        "无附言号，金额与该付款人的各项都不符", "no reference; no item of the payer has this amount"
    ),
}
