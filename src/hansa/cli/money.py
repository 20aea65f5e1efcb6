"""`hansa money`: what is owed, what came, what is set aside. Claims on member banks: money_claims.py."""

from datetime import datetime
from typing import Any

import click

from hansa.apps.billing.messages_life import ChargeInterest
from hansa.apps.money.conservation import fund_left
from hansa.apps.money.messages import (
    Apply,
    DeclarePaid,
    NoteInvoice,
    Owe,
    Receive,
    Refund,
    Reverse,
    SetOff,
    Waive,
)
from hansa.apps.money.queries import ListedBalance, ListedFund, ListedHold, ListedObligation, ListedReceipt
from hansa.apps.money.receipts import unapplied_minor
from hansa.cli import money_claims
from hansa.cli.common import Desk, Language, desk, profile_option
from hansa.cli.money_common import (
    DAY,
    allocations_of,
    chosen,
    currency_option,
    end_of,
    instant_of,
    items,
    part_of,
    signing,
    the_one,
)
from hansa.cli.tables import table_output
from hansa.cli.zones import zones_of_agreements
from hansa.client.money_words import CAUSES, FUND_STATES
from hansa.client.tables import Column, Table
from hansa.client.texts import Text, words_of
from hansa.kernel import Action, limits

ENTRY_LENGTH = 64
"""Letters of a whole entry."""
POTS = {
    "free": Text("可用", "free"),
    "held": Text("冻结", "held"),
    "leaving": Text("提现中", "being withdrawn"),
    "security_deposit": Text("保证金", "security deposit"),
    "earnest_money": Text("定金", "earnest money"),
    "prepayment": Text("预付款", "prepayment"),
}
SIDES = {"to_us": Text("应收", "to us"), "by_us": Text("应付", "by us")}
BALANCE = (
    Column("bank", "银行", "bank"),
    Column("currency", "币种", "currency", "currency"),
    Column("pot", "类别", "pot", words=POTS),
    Column("amount_minor", "金额", "amount", "money"),
)
OWED = (
    Column("reference", "附言号", "reference"),
    Column("side", "方向", "side", words=SIDES),
    Column("other", "对方", "with"),
    Column("cause", "事由", "cause", words=words_of(CAUSES)),
    Column("subject", "协议", "agreement"),
    Column("currency", "币种", "currency", "currency"),
    Column("amount_minor", "应付", "owed", "money"),
    Column("open_minor", "未结", "open", "money"),
    Column("due_ms", "到期", "due", "time"),
    Column("late_days", "逾期天数", "days late", "count"),
    Column("declared", "已告付款", "declared", "flag"),
    Column("zone", "时区", "zone", "zone"),
)
"""Without the id, which nobody reads: every command knows an obligation by its reference. JSON has both."""
RECEIPTS = (
    Column("entry", "流水", "entry", short=12),
    Column("payer", "付款方", "payer"),
    Column("currency", "币种", "currency", "currency"),
    Column("amount_minor", "收款", "received", "money"),
    Column("unapplied_minor", "未核销", "unapplied", "money"),
    Column("value_ms", "起息", "value date", "time"),
)
FUNDS = (
    Column("fund", "编号", "fund", short=12),
    Column("kind", "类别", "kind", words=words_of(CAUSES)),
    Column("payer", "付款方", "payer"),
    Column("holder", "收款方", "holder"),
    Column("subject", "协议", "agreement"),
    Column("currency", "币种", "currency", "currency"),
    Column("agreed_minor", "约定", "agreed", "money"),
    Column("paid_in_minor", "已缴", "paid in", "money"),
    Column("left_minor", "剩余", "left", "money"),
    Column("state", "状态", "state", words=words_of(FUND_STATES)),
    Column("received_ms", "到账", "received", "time"),
    Column("invoice", "发票号", "invoice"),
)
HOLDS = (
    Column("hold", "编号", "hold", short=12),
    Column("payer", "付款方", "payer"),
    Column("payee", "收款方", "payee"),
    Column("bank", "银行", "bank"),
    Column("currency", "币种", "currency", "currency"),
    Column("left_minor", "剩余", "left", "money"),
    Column("captured_minor", "已扣", "captured", "money"),
    Column("expires_ms", "到期", "expires", "time"),
)


@click.group()
def money() -> None:
    """Open items, payments, deposits, claims on banks. 应收应付、收付款、保证金与冻结。"""


# What there is.


@money.command()
@profile_option
@table_output
@click.pass_obj
def balance(lang: Language, profile_name: str) -> Table:
    """What your company has in claims on member banks. 记账款余额。"""
    at = desk(lang, profile_name)
    found = at.ask("money.balances_of", list[ListedBalance], owner=at.profile.member)
    rows = [(each.bank, each.currency, each.pot, each.amount_minor) for each in found]
    return Table(Text("记账款余额", "Claims on member banks"), BALANCE, rows, found)


@money.command()
@click.option(
    "--side",
    type=click.Choice(["both", "to-us", "by-us"]),
    default="both",
    show_default=True,
    help="Owed to us, by us, or both. 应收、应付或全部。",
)
@click.option("--with", "other", default="", help="One member only. 只列与该成员之间的。")
@profile_option
@table_output
@click.pass_obj
def owed(lang: Language, side: str, other: str, profile_name: str) -> Table:
    """Open items by due date, with how long they are late. 未结应收应付项及账龄。"""
    at = desk(lang, profile_name)
    now_ms, found = at.time_ms(), []
    if side != "by-us":
        found += [(True, each) for each in items(at, "owed_to", creditor=at.profile.member, debtor=other)]
    if side != "to-us":
        found += [(False, each) for each in items(at, "owed_by", debtor=at.profile.member, creditor=other)]
    zones = zones_of_agreements(at)
    rows = [_owed_row(each, to_us, now_ms, zones) for to_us, each in found]
    names = [column.name for column in OWED]
    whole = [
        {"obligation": each.id, **dict(zip(names, row, strict=True))}
        for (_, each), row in zip(found, rows, strict=True)
    ]
    return Table(Text("未结应收应付项", "Open items"), OWED, rows, whole)


def _owed_row(each: ListedObligation, to_us: bool, now_ms: int, zones: dict[str, str]) -> tuple[Any, ...]:
    found = each.obligation
    return (
        found.reference,
        "to_us" if to_us else "by_us",
        found.debtor if to_us else found.creditor,
        found.cause,
        found.subject,
        found.currency,
        found.amount_minor,
        found.amount_minor - found.paid_minor,
        found.due_ms,
        max(0, (now_ms - found.due_ms) // limits.DAY_MS),
        each.declared is not None,
        zones.get(found.subject, ""),
    )


@money.command()
@click.option("--payer", default="", help="One payer only. 只列该付款方的。")
@profile_option
@table_output
@click.pass_obj
def unapplied(lang: Language, payer: str, profile_name: str) -> Table:
    """Money that came and pays nothing yet. 未核销款。"""
    at = desk(lang, profile_name)
    found = at.ask_all(
        "money.unapplied", ListedReceipt, lambda each: each.entry, creditor=at.profile.member, payer=payer
    )
    return Table(Text("未核销款", "Unapplied payments"), RECEIPTS, [_receipt_row(each) for each in found])


@money.command()
@profile_option
@table_output
@click.pass_obj
def receipts(lang: Language, profile_name: str) -> Table:
    """All receipts of payment that were recorded, but for those reversed. 收款记录。"""
    at = desk(lang, profile_name)
    found = at.ask_all("money.receipts", ListedReceipt, lambda each: each.entry, creditor=at.profile.member)
    standing = [each for each in found if not each.receipt.reversed_reason]
    rows = [_receipt_row(each) for each in sorted(standing, key=lambda each: each.receipt.value_ms)]
    return Table(Text("收款记录", "Receipts of payment"), RECEIPTS, rows)


def _receipt_row(each: ListedReceipt) -> tuple[Any, ...]:
    found = each.receipt
    left = unapplied_minor(found)
    return each.entry, found.payer, found.currency, found.amount_minor, left, found.value_ms


@money.command()
@profile_option
@table_output
@click.pass_obj
def funds(lang: Language, profile_name: str) -> Table:
    """Security deposits, prepayments, earnest money that you pay or hold. 保证金、预付款、定金。"""
    at = desk(lang, profile_name)
    found = at.ask_all("money.funds_of", ListedFund, lambda each: each.id, member=at.profile.member)
    rows = [
        (
            each.id,
            each.fund.kind,
            each.fund.payer,
            each.fund.holder,
            each.fund.subject,
            each.fund.currency,
            each.fund.agreed_minor,
            each.fund.paid_in_minor,
            fund_left(each.fund),
            each.fund.state,
            each.fund.received_ms,
            each.fund.invoice,
        )
        for each in found
    ]
    return Table(Text("保证金、预付款、定金", "Deposits, prepayments, earnest money"), FUNDS, rows)


@money.command()
@profile_option
@table_output
@click.pass_obj
def holds(lang: Language, profile_name: str) -> Table:
    """Open holds that you are payer or payee of. 未结冻结。"""
    at = desk(lang, profile_name)
    found = at.ask_all("money.holds_of", ListedHold, lambda each: each.id, member=at.profile.member)
    rows = [
        (
            each.id,
            each.hold.payer,
            each.hold.payee,
            each.hold.bank,
            each.hold.currency,
            each.hold.amount_minor - each.hold.captured_minor,
            each.hold.captured_minor,
            each.hold.expires_ms,
        )
        for each in found
    ]
    return Table(Text("冻结", "Holds"), HOLDS, rows)


# What came by bank transfer.


@money.command()
@click.argument("shares", nargs=-1)
@click.option("--amount", required=True, help="As the bank shows it: 27.00. 收款金额。")
@currency_option
@click.option("--day", type=DAY, required=True, help="The bank's value date. 起息日。")
@click.option("--payer", default="", help="The member that paid, if you know. 付款成员。")
@click.option("--account", default="", help="Your account that it came to. 本方账号。")
@click.option("--bank-reference", required=True, help="The bank's own reference of the entry. 银行流水号。")
@signing
def receive(
    at: Desk,
    shares: tuple[str, ...],
    amount: str,
    currency: str,
    day: datetime,
    payer: str,
    account: str,
    bank_reference: str,
) -> list[Action]:
    """Record a payment, and what it pays: SHARES are obligations, `RF58…` or `RF58…=12.00` for a part.

    Account and reference name the entry, as in a bank file that `hansa pay match` reads: it counts once.
    登记收款并核销。
    """
    from hansa.client.pay.items import BankLine, minor_of, named

    amount_minor = minor_of(amount, currency, "--amount")
    line = BankLine(
        entry="",
        account=account,
        value_day=instant_of(day) // limits.DAY_MS,
        amount_minor=amount_minor,
        currency=currency,
        direction="in",
        bank_reference=bank_reference,
    )
    action = Receive(
        entry=named([line])[0].entry,
        currency=currency,
        amount_minor=amount_minor,
        value_ms=instant_of(day),
        payer=payer,
        allocations=allocations_of(at, shares),
    )
    return [action]


@money.command()
@click.argument("entry")
@click.argument("shares", nargs=-1, required=True)
@signing
def apply(at: Desk, entry: str, shares: tuple[str, ...]) -> list[Action]:
    """Let unapplied money of ENTRY pay SHARES: obligations, `RF58…` or `RF58…=12.00`. 核销未核销款。"""
    return [Apply(entry=_entry(at, entry), allocations=allocations_of(at, shares))]


@money.command()
@click.argument("entry")
@click.argument("obligations", nargs=-1)
@click.option("--reason", required=True, help="A code: mistake, returned_by_bank, … 原因代码。")
@signing
def reverse(at: Desk, entry: str, obligations: tuple[str, ...], reason: str) -> list[Action]:
    """Undo the receipt ENTRY, or only what it pays of OBLIGATIONS. 撤销收款或核销。"""
    names = tuple(chosen(at, each).id for each in obligations)
    return [Reverse(entry=_entry(at, entry), reason=reason, obligations=names)]


@money.command()
@click.argument("entry")
@click.argument("amount")
@click.option("--due", type=DAY, required=True, help="Until when you owe it back. 退款期限。")
@signing
def refund(at: Desk, entry: str, amount: str, due: datetime) -> list[Action]:
    """Owe unapplied money of ENTRY back to its payer. 退回未核销款。"""
    from hansa.client.pay.items import minor_of

    name = _entry(at, entry)
    found = at.ask("money.receipt", ListedReceipt | None, creditor=at.profile.member, entry=name)
    currency = found.receipt.currency if found else "CNY"
    return [Refund(entry=name, amount_minor=minor_of(amount, currency, "AMOUNT"), due_ms=end_of(due))]


@money.command("declare-paid")
@click.argument("obligation")
@click.option("--amount", default="", help="If not all that is open. 金额；默认为全部未结。")
@click.option("--day", type=DAY, required=True, help="When you transferred it. 付款日期。")
@click.option("--bank-reference", required=True, help="Of your bank. 银行流水号。")
@signing
def declare_paid(at: Desk, obligation: str, amount: str, day: datetime, bank_reference: str) -> list[Action]:
    """Tell the creditor of OBLIGATION that you paid; it settles nothing. 申报已付款。"""
    found = chosen(at, obligation)
    action = DeclarePaid(
        obligation=found.id,
        amount_minor=part_of(found, amount),
        transferred_ms=instant_of(day),
        bank_reference=bank_reference,
    )
    return [action]


@money.command()
@click.argument("obligation")
@click.option("--amount", default="", help="If not all that is open. 金额；默认为全部未结。")
@click.option("--reason", required=True, help="A code: bank_fee, goodwill, … 原因代码。")
@signing
def waive(at: Desk, obligation: str, amount: str, reason: str) -> list[Action]:
    """Forgo what is open of OBLIGATION, which is owed to you. 免除未结款项。"""
    found = chosen(at, obligation)
    return [Waive(obligation=found.id, amount_minor=part_of(found, amount), reason=reason)]


@money.command("set-off")
@click.argument("obligation")
@click.argument("against")
@click.option("--amount", default="", help="If not the smaller of both. 金额；默认为较小的未结额。")
@signing
def set_off(at: Desk, obligation: str, against: str, amount: str) -> list[Action]:
    """Set OBLIGATION, owed to you and due, off AGAINST what you owe the same member. 抵销。"""
    first, second = chosen(at, obligation), chosen(at, against)
    amount_minor = part_of(first, amount) if amount else min(part_of(first, ""), part_of(second, ""))
    return [SetOff(obligation=first.id, against=second.id, amount_minor=amount_minor)]


@money.command()
@click.argument("creditor")
@click.argument("amount")
@currency_option
@click.option("--id", "name", required=True, help="Your own number for it, once only. 本单位编号。")
@click.option("--due", type=DAY, required=True, help="Until when you owe it. 付款期限。")
@click.option("--subject", default="", help="An agreement that it belongs to. 所属协议。")
@click.option("--bank", default="", help="To be paid by claims on this member bank. 以该银行的记账款结清。")
@signing
def owe(
    at: Desk,
    creditor: str,
    amount: str,
    currency: str,
    name: str,
    due: datetime,
    subject: str,
    bank: str,
) -> list[Action]:
    """Acknowledge that you owe CREDITOR an AMOUNT that no agreement bills. 确认欠款。"""
    from hansa.client.pay.items import minor_of

    amount_minor = minor_of(amount, currency, "AMOUNT")
    return [Owe(name, creditor, currency, amount_minor, end_of(due), subject, bank)]


@money.command()
@click.argument("obligation")
@signing
def interest(at: Desk, obligation: str) -> list[Action]:
    """Have the interest on OBLIGATION owed, once its agreement states nothing more. 计收逾期利息。

    While there are statements to come they charge it by themselves. 其后的结算单会自动计收，无须此命令。
    """
    found = chosen(at, obligation)
    return [ChargeInterest(agreement=found.obligation.subject, obligation=found.id)]


@money.command("note-invoice")
@click.argument("fund")
@click.argument("number")
@signing
def note_invoice(at: Desk, fund: str, number: str) -> list[Action]:
    """Note the NUMBER of the invoice that you issued for the prepayment FUND. 登记预付款发票号。"""
    return [NoteInvoice(fund=_fund(at, fund), number=number)]


def _fund(at: Desk, beginning: str) -> str:
    """The one fund whose id begins so."""
    listed = at.ask_all("money.funds_of", ListedFund, lambda each: each.id, member=at.profile.member)
    found: list[str] = [each.id for each in listed if each.id.startswith(beginning.lower())]
    one: str = the_one(found, "收款", "receipt", beginning, "hansa money receipts")
    return one


def _entry(at: Desk, beginning: str) -> str:
    """The one receipt whose entry begins so."""
    if len(beginning) == ENTRY_LENGTH:
        return beginning
    member = at.profile.member
    listed = at.ask_all("money.receipts", ListedReceipt, lambda each: each.entry, creditor=member)
    found: list[str] = [each.entry for each in listed if each.entry.startswith(beginning.lower())]
    one: str = the_one(found, "款项", "fund", beginning, "hansa money funds")
    return one


for _command in money_claims.COMMANDS:
    money.add_command(_command)
