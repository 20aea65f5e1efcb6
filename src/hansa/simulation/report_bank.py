"""The bank's tab, and what the accountant reads beside the statements: open items, funds, journal."""

from collections.abc import Iterator

from hansa.apps.leasing.messages import Lease
from hansa.apps.leasing.messages_told import Chain
from hansa.apps.money.conservation import Breach
from hansa.apps.money.queries import ListedFund, ListedObligation
from hansa.client.money_words import CAUSES, FUND_STATES
from hansa.client.pay.reasons import OUTCOMES, REASONS
from hansa.client.standing import STATES, next_due_ms, state_of
from hansa.console.report import business as page
from hansa.kernel import limits
from hansa.simulation.play import LEASE, USER
from hansa.simulation.report_business import ROWS_MAX, Look, grid, label, marked, said, when

OBLIGATION_STATES: dict[str, tuple[str, str, page.Tone]] = {
    "open": ("未付", "open", "warn"),
    "paid": ("已付", "paid", "good"),
    "void": ("已冲销", "void", ""),
}
LIABLE = {
    "provider": ("出租方", "the lessor"),
    "user": ("承租方", "the lessee"),
    "neither": ("双方均无责", "neither"),
}
ACCRUED = {
    "running": ("结算期进行中", "the period runs"),
    "to_close": ("待关账", "waits for its close"),
    "unconfirmed": ("结算单未确认", "the statement is not confirmed"),
    "disputed": ("有异议", "disputed"),
    "correction": ("待更正", "to be corrected"),
    "interest": ("待计利息", "interest to be charged"),
}


def bank(look: Look) -> tuple[page.Section, ...]:
    return (_obligations(look), _lines(look), _funds(look), _sums(look), _proved())


def books(look: Look) -> tuple[page.Section, ...]:
    return (_lives(look), _accruals(look), _sublease(look), _journal(look), _files(look))


def _obligations(look: Look) -> page.Section:
    rows = []
    for agreement in look.agreements:
        found = look.ask.one("money.of_subject", list[ListedObligation], subject=agreement, limit=ROWS_MAX)
        for listed in sorted(found, key=lambda each: (each.obligation.since_ms, each.id)):
            each = listed.obligation
            rows.append(
                (
                    each.reference,
                    each.debtor,
                    each.creditor,
                    marked(*CAUSES[each.cause]),
                    each.subject,
                    each.amount_minor,
                    each.paid_minor,
                    each.due_ms,
                    marked(*OBLIGATION_STATES[each.state]),
                    when(each.paid_ms),
                )
            )
    return page.Section(
        title=said("应收应付项", "Open items and what became of them"),
        paragraphs=(
            said(
                "付款人在转账附言中写附言号（ISO 11649）；收款方据此把银行流水核销到应收项。",
                "The payer writes the reference (ISO 11649) on the transfer; by it the creditor finds which "
                "item a line of its bank statement pays.",
            ),
        ),
        grids=(
            grid(
                ("应收应付项", "Open items"),
                (
                    ("附言号", "Reference", "proper"),
                    ("付款方", "Owed by", "member"),
                    ("收款方", "Owed to", "member"),
                    ("事由", "Cause", "text"),
                    ("协议", "Agreement", "proper"),
                    ("金额", "Amount", "money"),
                    ("已付", "Paid", "money"),
                    ("到期", "Due", "date"),
                    ("状态", "State", "badge"),
                    ("付清日", "Paid on", "date"),
                ),
                rows,
                ("没有应收应付项。", "Nothing is owed."),
            ),
        ),
    )


def _lines(look: Look) -> page.Section:
    rows = []
    for file in look.settled.bank_files:
        for each in file.found.found:
            rows.append(
                (
                    file.file.name,
                    file.creditor,
                    each.line.value_day * limits.DAY_MS,
                    each.line.payer or None,
                    " ".join((*each.line.references, each.line.text)).strip() or None,
                    each.line.amount_minor,
                    label(OUTCOMES[each.outcome], "good" if each.outcome == "certain" else "warn"),
                    label(REASONS[each.reason]),
                )
            )
    return page.Section(
        title=said("银行流水与匹配", "Bank statements, line by line"),
        paragraphs=(
            said(
                "银行文件由演示自己写成（camt.053 和 CSV），每份另含一笔与应收项无关的利息。"
                "确定的收款由收款方入账；其余留给人判断，账上什么也不丢。",
                "The demo wrote the bank files itself (camt.053 and CSV), each with one line of interest "
                "that "
                "pays nothing here. The creditor records what is certain; the rest is left to a person, and "
                "nothing is lost.",
            ),
        ),
        grids=(
            grid(
                ("银行流水", "Lines"),
                (
                    ("文件", "File", "proper"),
                    ("账户所有人", "Account of", "member"),
                    ("起息日", "Value date", "date"),
                    ("付款人", "Payer", "proper"),
                    ("附言", "Remittance", "proper"),
                    ("金额", "Amount", "money"),
                    ("结果", "Outcome", "badge"),
                    ("理由", "Why", "text"),
                ),
                rows,
                ("没有银行流水。", "There are no bank statements."),
            ),
        ),
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
                marked(*FUND_STATES[each.state]),
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


def _lives(look: Look) -> page.Section:
    rows = []
    for agreement in look.agreements:
        for statement, life in look.stated(agreement):
            paid_ms = life.settled_ms if life else 0
            state = state_of(life)
            rows.append(
                (
                    agreement,
                    statement.period.from_ms,
                    statement.gross_minor,
                    when(life.provider_ms) if life else None,
                    when(life.user_ms) if life else None,
                    life.invoice.number if life and life.invoice else None,
                    when(next_due_ms(life) or max((part.due_ms for part in life.parts), default=0))
                    if life
                    else None,
                    when(paid_ms),
                    label(STATES[state], "good" if state == "settled" else "warn"),
                )
            )
    return page.Section(
        title=said("每份结算单的下文", "What became of each statement"),
        grids=(
            grid(
                ("每份结算单的下文", "Life of the statements"),
                (
                    ("协议", "Agreement", "proper"),
                    ("结算期自", "Period from", "date"),
                    ("价税合计", "Gross", "money"),
                    ("提供方确认", "Provider confirmed", "time"),
                    ("使用方确认", "User confirmed", "time"),
                    ("发票号", "Invoice", "proper"),
                    ("到期", "Due", "date"),
                    ("结清", "Settled", "date"),
                    ("状态", "State", "badge"),
                ),
                rows,
                ("没有结算单。", "There is no statement."),
            ),
            _claims(look),
        ),
    )


def _claims(look: Look) -> page.Grid:
    """Stops and scrap that the parties see differently, as the statements list them."""
    rows: list[tuple[page.Cell, ...]] = [
        (
            agreement,
            claim.by,
            claim.from_ms,
            claim.to_ms,
            claim.reason,
            marked(*LIABLE[claim.liable]),
            marked("有异议", "contested", "warn")
            if claim.contested
            else marked("未及答复", "too late to answer"),
            claim.change_minor,
        )
        for agreement in look.agreements
        for statement, _ in look.stated(agreement)
        for claim in statement.claims
    ]
    return grid(
        ("有争议的停机与废品（未计入）", "Disputed stops and scrap (counted for nothing)"),
        (
            ("协议", "Agreement", "proper"),
            ("申请方", "Claimed by", "member"),
            ("自", "From", "time"),
            ("至", "To", "time"),
            ("原因", "Reason", "proper"),
            ("申请认定的责任方", "At whose charge", "text"),
            ("状态", "State", "badge"),
            ("若成立，金额变动", "Would change by", "money"),
        ),
        rows,
        ("没有争议。", "Nothing is disputed."),
    )


def _accruals(look: Look) -> page.Section:
    rows = [
        (each.period.from_ms, marked(*ACCRUED[each.reason]), each.net_minor, each.tax_minor, each.gross_minor)
        for each in look.settled.accrued
    ]
    return page.Section(
        title=said("月末暂估", "Accrual at the end of the lease"),
        paragraphs=(
            said(
                "产线交还之时已使用而尚未结算的金额，按当时账上所知计算；结算单确认后冲回。",
                "What was used and not billed when the line was handed back, by all that was known then; "
                "reversed once the statement is confirmed.",
            ),
        ),
        grids=(
            grid(
                ("暂估", "Accrued"),
                (
                    ("结算期自", "Period from", "date"),
                    ("原因", "Why", "text"),
                    ("不含税", "Net", "money"),
                    ("税额", "Tax", "money"),
                    ("价税合计", "Gross", "money"),
                ),
                rows,
                ("没有需要暂估的金额。", "There is nothing to accrue."),
            ),
        ),
    )


def _sublease(look: Look) -> page.Section:
    rows = list(_split(look)) if look.settled.sublet else []
    return page.Section(
        title=said("转租：同一套计数器的分摊", "The sublease: one set of counters, split"),
        paragraphs=(
            said(
                "每个计数器：各租约的自用之和，加上不属于任何租约的部分，等于计数器在租期内的总数。",
                "Of each counter: own use of every lease, plus what belongs to no lease, is all that it "
                "counted.",
            ),
        ),
        grids=(
            grid(
                ("分摊", "Split"),
                (
                    ("计量点", "Counter", "proper"),
                    ("租约", "Lease", "text"),
                    ("计得", "Counted", "number"),
                    ("其中转租", "Of it sublet", "number"),
                    ("自用", "Own", "number"),
                    ("核对", "Adds up", "badge"),
                ),
                rows,
                ("没有转租。", "Nothing was sublet."),
            ),
        ),
    )


def _split(look: Look) -> Iterator[tuple[page.Cell, ...]]:
    lease: Lease | None = look.lease(LEASE)
    assert lease is not None
    terms = lease.terms
    chain = look.ask.one(
        "leasing.chain_of",
        Chain,
        asset_owner=terms.asset_owner,
        asset=terms.asset,
        from_ms=terms.from_ms,
        to_ms=terms.to_ms,
    )
    feeds = {binding.meter: binding.feed for binding in terms.meters}
    for meter in chain.meters:
        own = 0
        for each in chain.counted:
            if feeds.get(each.meter) != meter.feed:
                continue
            own += each.own
            yield (meter.feed, marked(each.lease, each.lease), each.counted, each.sublet, each.own, None)
        yield (meter.feed, marked("不属于任何租约", "of no lease"), None, None, meter.outside, None)
        right = own + meter.outside == meter.counted
        check = marked("相符", "adds up", "good") if right else marked("不符", "does not", "bad")
        yield (meter.feed, marked("计数器总数", "the counter in all"), meter.counted, None, None, check)


def _journal(look: Look) -> page.Section:
    grids = []
    for each in look.files.books:
        rows = []
        for voucher in each.vouchers:
            for entry in voucher.entries:
                account = getattr(each.chart.accounts, entry.role)
                rows.append(
                    (
                        voucher.day * limits.DAY_MS,
                        label(voucher.text),
                        account.code,
                        marked(account.zh, account.en),
                        entry.debit_minor or None,
                        entry.credit_minor or None,
                        voucher.document or None,
                    )
                )
        grids.append(
            grid(
                (f"记账凭证分录：{each.member}", f"Journal of {each.member}"),
                (
                    ("日期", "Date", "date"),
                    ("摘要", "Text", "text"),
                    ("科目", "Account", "proper"),
                    ("名称", "Name", "text"),
                    ("借", "Debit", "money"),
                    ("贷", "Credit", "money"),
                    ("依据", "Document", "proper"),
                ),
                rows,
                ("没有分录。", "There are no lines."),
            )
        )
    paragraphs = [
        said(f"须手工入账（{each.member}）：{what}", f"To be booked by hand ({each.member}): {what}")
        for each in look.files.books
        for what in each.by_hand
    ]
    return page.Section(title=said("记账凭证", "Journal"), paragraphs=tuple(paragraphs), grids=tuple(grids))


def _files(look: Look) -> page.Section:
    rows = [(path.name, marked(text.zh, text.en)) for path, text in look.files.made]
    for file in look.settled.bank_files:
        rows.append((f"payments/{file.file.name}", marked("银行流水", "bank statement")))
    return page.Section(
        title=said("文件", "Files"),
        paragraphs=(said("与本报告在同一目录。", "In the folder of this report."),),
        grids=(
            grid(
                ("文件", "Files"),
                (("文件", "File", "proper"), ("内容", "What it is", "text")),
                rows,
                ("没有文件。", "There are no files."),
            ),
        ),
    )
