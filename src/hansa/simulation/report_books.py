"""What the accountant reads beside the statements: their life, late readings, accruals, journal, files."""

import re
from collections.abc import Iterator

from hansa.apps.billing.messages import Statement
from hansa.apps.billing.rating import Line
from hansa.apps.billing.texts import decimal_text, tariff_text
from hansa.apps.leasing.messages import Lease
from hansa.apps.leasing.messages_told import Chain
from hansa.client.journal import Voucher
from hansa.client.standing import STATES, next_due_ms, state_of
from hansa.console.report import business as page
from hansa.kernel import limits
from hansa.simulation.play import LEASE
from hansa.simulation.report_business import (
    Look,
    date_text,
    grid,
    label,
    marked,
    period_text,
    said,
    when,
)
from hansa.simulation.report_stops import stops
from hansa.simulation.said import grouped
from hansa.simulation.sheets import PRICED_SIZE, PRICED_UNIT
from hansa.simulation.story_files import Books
from hansa.simulation.story_money import FOLDER

ACCRUED = {
    "running": ("结算期进行中", "the period runs"),
    "to_close": ("已用完，待关账", "the period is over and not closed yet"),
    "unconfirmed": ("结算单未确认", "the statement is not confirmed"),
    "disputed": ("有异议", "disputed"),
    "correction": ("迟到的数据，待更正", "late readings, to be corrected"),
    "interest": ("待计利息", "interest to be charged"),
}
UNITS = {
    "piece": ("件", "pieces"),
    "h": ("小时", "h"),
    "kWh": ("千瓦时", "kWh"),
    "kg": ("千克", "kg"),
    "l": ("升", "l"),
}
NAME_SHOWN, HASH_SHOWN = 30, 12
"""Characters of a voucher's number and a document's hash that the page shows; the workbook has all."""


def books(look: Look) -> tuple[page.Section, ...]:
    sections = (_lives(look), _late(look), stops(look), _accruals(look), _sublease(look), _journal(look))
    return tuple(each for each in (*sections, _files(look)) if each is not None)


def _lives(look: Look) -> page.Section:
    rows = []
    for agreement in look.agreements:
        found = look.stated(agreement)
        for (statement, life), file in zip(found, look.papers(agreement, len(found)), strict=True):
            paid_ms = life.settled_ms if life else 0
            state = state_of(life)
            rows.append(
                (
                    agreement,
                    period_text(statement.period),
                    statement.gross_minor,
                    when(life.provider_ms) if life else None,
                    when(life.user_ms) if life else None,
                    life.invoice.number if life and life.invoice else None,
                    when(next_due_ms(life) or max((part.due_ms for part in life.parts), default=0))
                    if life
                    else None,
                    when(paid_ms),
                    label(STATES[state], "good" if state == "settled" else "warn"),
                    file,
                )
            )
    return page.Section(
        title=said("每份结算单的下文", "What became of each statement"),
        paragraphs=(
            said(
                "提供方即收款方（出租方），使用方即付款方（承租方）。双方确认后结算单不再改动；"
                "之后才知道的，作为更正列入下一期。",
                "The provider is paid (the lessor), the user pays (the lessee). What both confirmed is never "
                "changed again; what is known later only stands in the next statement as a correction.",
            ),
        ),
        grids=(
            grid(
                ("每份结算单的下文", "Life of the statements"),
                (
                    ("协议", "Agreement", "proper"),
                    ("结算期", "Period", "period"),
                    ("价税合计", "Gross", "money"),
                    ("提供方确认", "Provider confirmed", "time"),
                    ("使用方确认", "User confirmed", "time"),
                    ("发票号", "Invoice", "proper"),
                    ("到期", "Due", "date"),
                    ("结清", "Settled", "date"),
                    ("状态", "State", "badge"),
                    ("纸面", "On paper", "file"),
                ),
                rows,
                ("没有结算单。", "There is no statement."),
            ),
        ),
    )


def _late(look: Look) -> page.Section | None:
    """What came after the close of the period that it is for; None where nothing did."""
    rows = [
        row
        for agreement in look.agreements
        for statement, _ in look.stated(agreement)
        for row in _corrected(agreement, statement)
    ]
    if not rows:
        return None
    return page.Section(
        title=said("迟到的数据", "Readings that came late"),
        paragraphs=(
            said(
                "这些数据在所属结算期关账之后才到。已出具的结算单不变；按现有数据重算的差额，列入下一份结算单，"
                "并写明属于哪一期。上面各更正行的“如何得出”写出两次的金额。",
                "These readings came after the period that they are for was closed. The statement that was "
                "made stays; what it would come to now less what it came to then stands in the next "
                "statement, under the period that it is for. How each correction comes about shows both "
                "amounts.",
            ),
        ),
        grids=(
            grid(
                ("更正行", "Lines of corrections"),
                (
                    ("协议", "Agreement", "proper"),
                    ("列入结算单", "In the statement of", "period"),
                    ("行", "Line", "number"),
                    ("更正的结算期自", "Corrects the period from", "date"),
                    ("内容", "What", "text"),
                    ("数量差", "Quantity", "quantity"),
                    ("不含税", "Net", "money"),
                    ("税额", "Tax", "money"),
                    ("价税合计", "Gross", "money"),
                ),
                rows,
                ("没有更正。", "There are none."),
                [_sum(rows)],
            ),
        ),
    )


def _corrected(agreement: str, statement: Statement) -> Iterator[tuple[page.Cell, ...]]:
    for line in statement.lines:
        if line.kind == "correction":
            yield (
                agreement,
                period_text(statement.period),
                line.number,
                line.corrects_from_ms,
                marked(tariff_text(line, "zh"), tariff_text(line, "en")),
                _quantity(line),
                line.net_minor,
                line.tax_minor,
                line.gross_minor,
            )


def _sum(rows: list[tuple[page.Cell, ...]]) -> tuple[page.Cell, ...]:
    """The last three columns added up."""
    sums = [sum(row[place] for row in rows if isinstance(row[place], int)) for place in (-3, -2, -1)]  # type: ignore[misc]
    return ("Σ", *[None] * (len(rows[0]) - 4), *sums)


def _quantity(line: Line) -> page.Label | None:
    return _amount(line.quantity_base, line.unit_base, line.unit) if line.quantity_base else None


def _amount(base: int, size: int, unit: str) -> page.Label:
    zh, en = UNITS.get(unit, (unit, unit))
    shown = grouped(decimal_text(base, size)[0])
    return marked(f"{shown} {zh}", f"{shown} {en}")


def _accruals(look: Look) -> page.Section:
    rows = [
        (
            date_text(accrual.day),
            each.period.from_ms,
            marked(*ACCRUED[each.reason]),
            each.net_minor,
            each.tax_minor,
            each.gross_minor,
        )
        for accrual in look.settled.accruals
        for each in accrual.found
    ]
    return page.Section(
        title=said("月末暂估", "Accruals at the ends of months"),
        paragraphs=(
            said(
                f"{LEASE} 在该日已使用而尚未结算的金额，按截止时间之前到账的数据计算，之后的不改动它；"
                "次日冲回。记账凭证按不含税金额暂估。",
                f"What was used by {LEASE} and not billed at the end of that day, by what came until the "
                "cut-off; nothing that comes later changes it. It is reversed the next day. The journal "
                "accrues the net amount.",
            ),
        ),
        grids=(
            grid(
                ("暂估", "Accrued"),
                (
                    ("截至", "As of the end of", "period"),
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


def _sublease(look: Look) -> page.Section | None:
    if not look.settled.sublet:
        return None
    return page.Section(
        title=said("转租：同一套计数器的分摊", "The sublease: one set of counters, split"),
        paragraphs=(
            said(
                "每个计数器：各租约的自用之和，加上不属于任何租约的部分，等于计数器在租期内的总数。"
                "出租方按主租约的全部用量收费，转租部分由承租方再向次承租方收取。",
                "Of each counter: own use of every lease, plus what belongs to no lease, is all that it "
                "counted. The lessor charges the head lease for all of it; the lessee charges its own lessee "
                "for what was sublet.",
            ),
        ),
        grids=(
            grid(
                ("分摊", "Split"),
                (
                    ("计量点", "Counter", "proper"),
                    ("租约", "Lease", "text"),
                    ("计得", "Counted", "quantity"),
                    ("其中转租", "Of it sublet", "quantity"),
                    ("自用", "Own", "quantity"),
                    ("核对", "Adds up", "badge"),
                ),
                list(_split(look)),
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
    bases = {
        feeds[meter.name]: meter.base_unit for meter in look.play.sheet.tariff.meters if meter.name in feeds
    }
    for meter in chain.meters:
        base = bases.get(meter.feed, "")
        size, unit = PRICED_SIZE.get(base, 1), PRICED_UNIT.get(base, base)
        own = 0
        for each in chain.counted:
            if feeds.get(each.meter) != meter.feed:
                continue
            own += each.own
            counted, sublet, used = (
                _amount(one, size, unit) for one in (each.counted, each.sublet, each.own)
            )
            yield (meter.feed, marked(each.lease, each.lease), counted, sublet, used, None)
        outside = _amount(meter.outside, size, unit)
        yield (meter.feed, marked("不属于任何租约", "of no lease"), None, None, outside, None)
        right = own + meter.outside == meter.counted
        check = marked("相符", "adds up", "good") if right else marked("不符", "does not", "bad")
        whole = _amount(meter.counted, size, unit)
        yield (meter.feed, marked("计数器总数", "the counter in all"), whole, None, None, check)


def _journal(look: Look) -> page.Section:
    paragraphs = []
    for each in look.files.books:
        zh, en = look.name(each.member)
        paragraphs += [
            said(f"须手工入账（{zh}）：{what}", f"To be booked by hand ({en}): {what}")
            for what in each.by_hand
        ]
    return page.Section(
        title=said("记账凭证", "Journal"),
        paragraphs=(
            said(
                "同一凭证号的分录为一张凭证，借贷相等；负数为红字。科目来自科目映射文件，可换成自己的。",
                "Lines of one voucher number are one voucher, debits equal to credits; negative amounts are "
                "red entries. Accounts come from a mapping file; use your own.",
            ),
            *paragraphs,
        ),
        grids=tuple(_journal_of(look, each) for each in look.files.books),
    )


def _journal_of(look: Look, found: Books) -> page.Grid:
    zh, en = look.name(found.member)
    rows: list[tuple[page.Cell, ...]] = []
    ordered = sorted(found.vouchers, key=lambda voucher: (voucher.day, voucher.number))
    for voucher in ordered:
        rows += _entries(found, voucher)
    debit, credit = (
        sum(getattr(entry, side) for voucher in ordered for entry in voucher.entries)
        for side in ("debit_minor", "credit_minor")
    )
    return grid(
        (f"{zh}的分录", f"Journal of {en}"),
        (
            ("日期", "Date", "date"),
            ("凭证号", "Voucher", "proper"),
            ("摘要", "Text", "text"),
            ("科目", "Account", "proper"),
            ("名称", "Name", "text"),
            ("借", "Debit", "money"),
            ("贷", "Credit", "money"),
            ("依据", "Document", "proper"),
        ),
        rows,
        ("没有分录。", "There are no lines."),
        [(None, "Σ", None, None, None, debit, credit, None)],
    )


def _entries(found: Books, voucher: Voucher) -> Iterator[tuple[page.Cell, ...]]:
    for entry in voucher.entries:
        account = getattr(found.chart.accounts, entry.role)
        yield (
            voucher.day * limits.DAY_MS,
            _short(voucher.number),
            label(voucher.text),
            account.code,
            marked(account.zh, account.en),
            entry.debit_minor or None,
            entry.credit_minor or None,
            _short(voucher.document) if voucher.document else None,
        )


def _short(name: str) -> str:
    """A hash by its beginning, else all that has room."""
    room = HASH_SHOWN if re.fullmatch("[0-9a-f]{32,}", name) else NAME_SHOWN
    return name if len(name) <= room else f"{name[:room]}…"


def _files(look: Look) -> page.Section:
    rows: list[tuple[page.Cell, ...]] = [
        (path.name, marked(text.zh, text.en)) for path, text in look.files.made
    ]
    for file in look.settled.bank_files:
        zh, en = look.name(file.creditor)
        rows.append((f"{FOLDER}/{file.file.name}", marked(f"{zh}的银行流水", f"bank statement of {en}")))
    return page.Section(
        title=said("文件", "Files"),
        paragraphs=(said("与本报告在同一目录。", "In the folder of this report."),),
        grids=(
            grid(
                ("文件", "Files"),
                (("文件", "File", "file"), ("内容", "What it is", "text")),
                rows,
                ("没有文件。", "There are no files."),
            ),
        ),
    )
