"""The bank's tab: what was owed and how it was paid, payment orders, bank statements, funds, sums."""

from collections.abc import Iterator
from typing import NamedTuple

from hansa.apps.billing.messages import Statement
from hansa.apps.billing.messages_life import Life
from hansa.apps.money.conservation import Breach
from hansa.apps.money.messages import FundRecord
from hansa.apps.money.queries import ListedFund, ListedObligation, ListedPayment
from hansa.client.money_words import CAUSES, FUND_STATES
from hansa.client.pay.reasons import OUTCOMES, REASONS
from hansa.client.texts import Text
from hansa.console.report import business as page
from hansa.console.report.part import Text as Said
from hansa.kernel import limits
from hansa.simulation.play import USER
from hansa.simulation.report_business import ROWS_MAX, Look, grid, label, marked, period_text, said, when
from hansa.simulation.story_money import FOLDER, BankFile, order_file

OBLIGATION_STATES: dict[str, tuple[str, str, page.Tone]] = {
    "open": ("未付", "open", "warn"),
    "paid": ("已付清", "paid", "good"),
    "void": ("已冲销", "void", ""),
}


class Owed(NamedTuple):
    """An open item, and how much of it what kind of payment paid."""

    id: str
    listed: ListedObligation
    by_fund_minor: int
    by_bank_minor: int
    what: Text


def bank(look: Look) -> tuple[page.Section, ...]:
    owed = list(_owed(look))
    return (_obligations(look, owed), _orders(look, owed), _lines(look), _funds(look), _sums(look), _proved())


def _owed(look: Look) -> Iterator[Owed]:
    """Of all agreements, in the order in which they came to be owed."""
    for agreement in look.agreements:
        parts = _parts(look, agreement)
        found = look.ask.one("money.of_subject", list[ListedObligation], subject=agreement, limit=ROWS_MAX)
        for listed in sorted(found, key=lambda each: (each.obligation.since_ms, each.id)):
            paid = look.ask.one("money.payments_of", list[ListedPayment], obligation=listed.id)
            yield Owed(
                listed.id,
                listed,
                sum(each.amount_minor for each in paid if each.by == "fund"),
                sum(each.amount_minor for each in paid if each.by != "fund"),
                _what(look, agreement, listed, parts),
            )


def _parts(look: Look, agreement: str) -> dict[str, tuple[Statement, Life]]:
    """Which statement an open item is of."""
    return {
        part.obligation: (statement, life)
        for statement, life in look.stated(agreement)
        if life
        for part in life.parts
    }


def _what(
    look: Look, agreement: str, listed: ListedObligation, parts: dict[str, tuple[Statement, Life]]
) -> Text:
    """What it is for: the statement's period and its invoice, the fund that goes back."""
    cause = Text(*CAUSES[listed.obligation.cause])
    if listed.id in parts:
        statement, life = parts[listed.id]
        period = period_text(statement.period)
        number = life.invoice.number if life.invoice else ""
        zh = f"，发票 {number}" if number else ""
        en = f", invoice {number}" if number else ""
        return Text(f"{agreement} 结算单 {period}{zh}", f"statement {period} of {agreement}{en}")
    if listed.obligation.cause == "return" and (kinds := _returned(look, agreement)):
        zh, en = "、".join(CAUSES[kind][0] for kind in kinds), " and ".join(CAUSES[kind][1] for kind in kinds)
        return Text(f"{agreement} 退还{zh}", f"return of the {en} of {agreement}")
    return Text(f"{agreement} {cause.zh}", f"{cause.en} of {agreement}")


def _returned(look: Look, agreement: str) -> list[str]:
    """Of which funds of an agreement something went back."""
    found = look.ask.one("money.funds_of", list[ListedFund], member=USER, limit=ROWS_MAX)
    return [each.fund.kind for each in found if each.fund.subject == agreement and each.fund.returned_minor]


def _obligations(look: Look, owed: list[Owed]) -> page.Section:
    rows = [
        (
            found.listed.obligation.reference,
            label(found.what),
            found.listed.obligation.debtor,
            found.listed.obligation.creditor,
            found.listed.obligation.amount_minor,
            found.by_fund_minor or None,
            found.by_bank_minor or None,
            found.listed.obligation.due_ms,
            marked(*OBLIGATION_STATES[found.listed.obligation.state]),
            when(found.listed.obligation.paid_ms),
        )
        for found in owed
    ]
    return page.Section(
        title=said("应收应付项", "What was owed, and what became of it"),
        paragraphs=(
            said(
                "付款人在转账附言中写附言号（ISO 11649）；收款方据此把银行流水核销到应收项。",
                "The payer writes the reference (ISO 11649) on the transfer; by it the creditor finds which "
                "item a line of its bank statement pays.",
            ),
            _standing(look, owed),
        ),
        grids=(
            grid(
                ("应收应付项", "Open items"),
                (
                    ("附言号", "Reference", "proper"),
                    ("事由", "For", "text"),
                    ("付款方", "Owed by", "member"),
                    ("收款方", "Owed to", "member"),
                    ("金额", "Amount", "money"),
                    ("预付款抵扣", "From prepayment", "money"),
                    ("银行付款", "By bank", "money"),
                    ("到期", "Due", "date"),
                    ("状态", "State", "badge"),
                    ("付清日", "Paid on", "date"),
                ),
                rows,
                ("没有应收应付项。", "Nothing is owed."),
            ),
        ),
    )


def _standing(look: Look, owed: list[Owed]) -> Said:
    """What is open now, and of it overdue."""
    now_ms = look.world.clock.now_ms
    day = look.day(now_ms)
    open_ = [each.listed.obligation for each in owed if each.listed.obligation.state == "open"]
    if not open_:
        return said(
            f"截至 {day}，全部付清，没有逾期。", f"As of {day} all of it is paid; nothing is overdue."
        )
    left = look.money(sum(each.amount_minor - each.paid_minor for each in open_))
    late = look.money(sum(each.amount_minor - each.paid_minor for each in open_ if each.due_ms <= now_ms))
    return said(
        f"截至 {day}，未付 {left}，其中逾期 {late}。", f"As of {day} {left} is open, of it overdue {late}."
    )


def _orders(look: Look, owed: list[Owed]) -> page.Section:
    what = {found.id: found.what for found in owed}
    rows: list[tuple[page.Cell, ...]] = []
    for file in look.settled.bank_files:
        for order in file.paid:
            for payment in order.payments:
                rows.append(
                    (
                        f"{FOLDER}/{order_file(order)}",
                        order.day * limits.DAY_MS,
                        order.payer.member,
                        order.payer.number,
                        payment.to.member,
                        payment.to.number,
                        payment.amount_minor,
                        payment.reference,
                        label(what[payment.obligation]) if payment.obligation in what else None,
                    )
                )
    return page.Section(
        title=said("付款指令", "Payment orders"),
        paragraphs=(
            said(
                "付款人导出给自己银行的文件（pain.001），每个应付项一笔。账号是虚构的。",
                "What the payers hand to their banks (pain.001), a transfer for each item. The accounts are "
                "made up.",
            ),
        ),
        grids=(
            grid(
                ("付款指令", "Payment orders"),
                (
                    ("文件", "File", "file"),
                    ("执行日", "Carried out on", "date"),
                    ("付款方", "Payer", "member"),
                    ("付款账号", "From account", "proper"),
                    ("收款方", "Payee", "member"),
                    ("收款账号", "To account", "proper"),
                    ("金额", "Amount", "money"),
                    ("附言号", "Reference", "proper"),
                    ("事由", "For", "text"),
                ),
                rows,
                ("没有付款指令。", "There are no payment orders."),
            ),
        ),
    )


def _lines(look: Look) -> page.Section:
    return page.Section(
        title=said("银行流水与匹配", "Bank statements, line by line"),
        paragraphs=(
            said(
                "银行文件由演示自己写成（camt.053 和 CSV），每份另含一笔与应收项无关的存款利息。"
                "确定的收款由收款方入账；其余留给人判断，账上什么也不丢。付款人和附言照银行所写。",
                "The demo wrote the bank files itself (camt.053 and CSV), each with one line of the "
                "account's own interest that pays nothing here. The creditor records what is certain; the "
                "rest is left to a person, and nothing is lost. Payer and remittance are as the bank wrote "
                "them.",
            ),
        ),
        grids=tuple(_statement_of(look, file) for file in look.settled.bank_files),
    )


def _statement_of(look: Look, file: BankFile) -> page.Grid:
    zh, en = look.name(file.creditor)
    rows = [
        (
            each.line.value_day * limits.DAY_MS,
            each.line.payer or None,
            " ".join((*each.line.references, each.line.text)).strip() or None,
            each.line.amount_minor,
            label(OUTCOMES[each.outcome], "good" if each.outcome == "certain" else "warn"),
            label(REASONS[each.reason]),
        )
        for each in file.found.found
    ]
    return grid(
        (f"{zh}的账户：{file.file.name}", f"Account of {en}: {file.file.name}"),
        (
            ("起息日", "Value date", "date"),
            ("付款人", "Payer", "proper"),
            ("附言", "Remittance", "proper"),
            ("金额", "Amount", "money"),
            ("结果", "Outcome", "badge"),
            ("理由", "Why", "text"),
        ),
        rows,
        ("没有流水。", "There are no lines."),
    )


def _funds(look: Look) -> page.Section:
    rows = []
    for listed in look.ask.one("money.funds_of", list[ListedFund], member=USER, limit=ROWS_MAX):
        each = listed.fund
        left = each.paid_in_minor - each.drawn_minor - each.returned_minor - each.forfeited_minor
        rows.append(
            (
                marked(*CAUSES[each.kind]),
                each.payer,
                each.holder,
                each.subject or None,
                each.agreed_minor,
                each.paid_in_minor,
                each.drawn_minor,
                each.returned_minor,
                left,
                marked(*_fund_state(each)),
            )
        )
    return page.Section(
        title=said("保证金与预付款", "Security deposit and prepayment"),
        paragraphs=(
            said(
                "三者从不混用：保证金只在逾期或认可的损坏时动用，预付款由结算单抵扣，定金适用定金罚则。",
                "They never mix: a deposit is touched only for what is overdue or agreed damage, a "
                "prepayment "
                "is drawn by statements, earnest money is forfeited or doubled.",
            ),
        ),
        grids=(
            grid(
                ("资金", "Funds"),
                (
                    ("用途", "Purpose", "text"),
                    ("支付方", "Paid by", "member"),
                    ("持有方", "Held by", "member"),
                    ("租约", "Lease", "proper"),
                    ("约定", "Agreed", "money"),
                    ("已收", "Paid in", "money"),
                    ("已用", "Used", "money"),
                    ("已退", "Returned", "money"),
                    ("余额", "Left", "money"),
                    ("状态", "State", "text"),
                ),
                rows,
                ("没有保证金、预付款或定金。", "There are no funds."),
            ),
        ),
    )


def _fund_state(fund: FundRecord) -> tuple[str, str]:
    """A prepayment that statements used up was not given back."""
    if fund.state == "returned" and fund.drawn_minor and not fund.returned_minor:
        return "已用完", "used up"
    return FUND_STATES[fund.state]


def _sums(look: Look) -> page.Section:
    breaches = look.ask.one("money.conservation", list[Breach])
    rows = [
        (each.rule, each.about, each.is_minor, each.should_be_minor, marked("不符", "does not hold", "bad"))
        for each in breaches
    ]
    return page.Section(
        title=said("账目守恒", "Do the books add up"),
        paragraphs=(
            said(
                "每一项的已付额等于付清它的各笔之和；每笔收款 = 已核销 + 已退款 + 未核销；"
                "每笔资金 = 收入 − 动用 − 退还；没有任何余额低于零。",
                "What is paid of an item is the sum of what paid it; a receipt = applied + refunded + "
                "unapplied; "
                "a fund = paid in − used − returned; nothing is below zero.",
            ),
        ),
        grids=(
            grid(
                ("不符之处", "Sums that do not hold"),
                (
                    ("规则", "Rule", "proper"),
                    ("对象", "About", "proper"),
                    ("实为", "Is", "money"),
                    ("应为", "Should be", "money"),
                    ("结果", "Result", "badge"),
                ),
                rows,
                ("✓ 全部相符。", "✓ All sums hold."),
            ),
        ),
    )


def _proved() -> page.Section:
    return page.Section(
        title=said("什么已证明，什么没有", "What is proved, and what is not"),
        paragraphs=(
            said(
                "已证明：结算单由双方签署的合同和计数记录得出（见“审计”）；谁确认、谁登记收款，均有签名和区块位置。",
                "Proved: statements follow from the contract that both signed and from the counter records "
                "(see "
                "Auditor); who confirmed and who recorded a receipt is signed and has its place on the "
                "ledger.",
            ),
            said(
                "未证明：钱真的到了银行账户。收款由收款方一方登记，只能减少它自己的应收；以银行出具的对账单为准。"
                "发票号由开票方登记，真伪请在税务平台查验。",
                "Not proved: that money reached an account. Receipts are the creditor's own word, by which "
                "it can "
                "only lessen what it is owed; the bank's own statement decides. Invoice numbers are the "
                "issuer's "
                "word: look them up with the tax authority.",
            ),
        ),
    )
