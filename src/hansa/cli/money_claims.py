"""`hansa money`, claims on member banks: accepted, paid, transferred, set aside, paid out, attested."""

from datetime import datetime

import click

from hansa.apps.money.messages_bank import (
    AcceptBank,
    AttestDeposit,
    AttestWithdrawal,
    Capture,
    OpenBank,
    Pay,
    RefuseWithdrawal,
    Release,
    RequestWithdrawal,
    SetAside,
    Transfer,
)
from hansa.apps.money.names import name_of
from hansa.apps.money.queries import ListedHold, ListedWithdrawal
from hansa.cli.common import Desk, Language, desk, profile_option, say
from hansa.cli.money_common import DAY, chosen, currency_option, end_of, part_of, signing, the_one
from hansa.cli.tables import table_output
from hansa.client.pay.items import minor_of
from hansa.client.tables import Column, Table
from hansa.client.texts import Text
from hansa.kernel import Action

STATES = {
    "asked": Text("待办", "asked for"),
    "paid_out": Text("已付出", "paid out"),
    "lapsed": Text("银行逾期未答复", "not answered in time"),
    "refused": Text("已拒绝", "refused"),
}
WITHDRAWALS = (
    Column("owner", "户主", "owner"),
    Column("withdrawal", "编号", "withdrawal"),
    Column("currency", "币种", "currency", "currency"),
    Column("amount_minor", "金额", "amount", "money"),
    Column("asked_ms", "申请时间", "asked", "time"),
    Column("state", "状态", "state", words=STATES),
)

bank_option = click.option("--bank", required=True, help="The member bank. 成员银行。")


@click.command("open-bank")
@signing
def open_bank(at: Desk) -> list[Action]:
    """Offer claims on your company, a licensed bank. 银行开通记账业务。"""
    return [OpenBank()]


@click.command("accept-bank")
@click.argument("bank")
@signing
def accept_bank(at: Desk, bank: str) -> list[Action]:
    """Accept claims on BANK in payment; nobody pays you in them before. 同意以该银行的记账款收付。"""
    return [AcceptBank(bank=bank)]


@click.command()
@click.argument("owner")
@click.argument("amount")
@currency_option
@click.option("--bank-reference", required=True, help="Your own, once only. 银行流水号。")
@signing
def deposit(at: Desk, owner: str, amount: str, currency: str, bank_reference: str) -> list[Action]:
    """As a bank: attest that money came for OWNER. 银行证明存入。"""
    return [AttestDeposit(owner, currency, minor_of(amount, currency, "AMOUNT"), bank_reference)]


@click.command()
@click.argument("amount")
@currency_option
@bank_option
@click.option("--id", "name", required=True, help="Your own number for it, once only. 本单位编号。")
@signing
def withdraw(at: Desk, amount: str, currency: str, bank: str, name: str) -> list[Action]:
    """Ask a bank to pay out; the money is set apart until it answers. 申请提现。"""
    return [RequestWithdrawal(bank, name, currency, minor_of(amount, currency, "AMOUNT"))]


@click.command("paid-out")
@click.argument("owner")
@click.argument("withdrawal")
@click.option("--bank-reference", required=True, help="Your own, once only. 银行流水号。")
@signing
def paid_out(at: Desk, owner: str, withdrawal: str, bank_reference: str) -> list[Action]:
    """As a bank: attest that WITHDRAWAL of OWNER was paid out. 银行证明付出。"""
    return [AttestWithdrawal(owner, withdrawal, bank_reference)]


@click.command("refuse-withdrawal")
@click.argument("owner")
@click.argument("withdrawal")
@click.option("--reason", required=True, help="A code: account_closed, … 原因代码。")
@signing
def refuse_withdrawal(at: Desk, owner: str, withdrawal: str, reason: str) -> list[Action]:
    """As a bank: pay WITHDRAWAL of OWNER not out; it has its money back. 银行拒绝提现。"""
    return [RefuseWithdrawal(owner, withdrawal, reason)]


@click.command()
@click.option("--bank", default="", help="Yours at this bank; else those that wait for yours. 所在银行。")
@profile_option
@table_output
@click.pass_obj
def withdrawals(lang: Language, bank: str, profile_name: str) -> Table:
    """Withdrawals that wait for your bank, or with --bank all of yours there. 提现。"""
    at = desk(lang, profile_name)
    member = at.profile.member
    if bank:
        found = at.ask("money.withdrawals_of", list[ListedWithdrawal], bank=bank, owner=member)
    else:
        found = at.ask("money.withdrawals_asked", list[ListedWithdrawal], bank=member)
    rows = [
        (
            each.owner,
            each.id,
            each.withdrawal.currency,
            each.withdrawal.amount_minor,
            each.withdrawal.asked_ms,
            each.withdrawal.state,
        )
        for each in found
    ]
    return Table(Text("提现", "Withdrawals"), WITHDRAWALS, rows)


@click.command()
@click.argument("payee")
@click.argument("amount")
@currency_option
@bank_option
@click.option("--subject", default="", help="An agreement that it belongs to. 所属协议。")
@signing
def transfer(at: Desk, payee: str, amount: str, currency: str, bank: str, subject: str) -> list[Action]:
    """Give claims on a bank to PAYEE. To pay an obligation use `hansa money pay`. 转账。"""
    return [Transfer(bank, payee, currency, minor_of(amount, currency, "AMOUNT"), subject)]


@click.command()
@click.argument("obligation")
@click.option("--amount", default="", help="If not all that is open. 金额；默认为全部未结。")
@signing
def pay(at: Desk, obligation: str, amount: str) -> list[Action]:
    """Pay OBLIGATION by your claims on its bank; it need not be yours. 以记账款付款。"""
    found = chosen(at, obligation)
    return [Pay(obligation=found.id, amount_minor=part_of(found, amount))]


@click.command()
@click.argument("payee")
@click.argument("amount")
@currency_option
@bank_option
@click.option("--id", "name", required=True, help="Your own number for it, once only. 本单位编号。")
@click.option("--until", type=DAY, required=True, help="Its last day. 最后有效日。")
@signing
def hold(
    at: Desk, payee: str, amount: str, currency: str, bank: str, name: str, until: datetime
) -> list[Action]:
    """Set claims aside for PAYEE, who captures them until then. 冻结。"""
    ledger_name = name_of("hold", at.profile.member, name)
    say(at.lang, f"账本上的编号：{ledger_name}", f"Its name on the ledger: {ledger_name}", err=True)
    amount_minor = minor_of(amount, currency, "AMOUNT")
    return [SetAside(name, payee, bank, currency, amount_minor, end_of(until))]


@click.command()
@click.argument("hold")
@click.option("--amount", default="", help="If not all that is left. 金额；默认为全部剩余。")
@click.option("--for", "obligation", default="", help="The obligation that it pays. 所付应收项。")
@signing
def capture(at: Desk, hold: str, amount: str, obligation: str) -> list[Action]:
    """Take what was set aside for you by HOLD. 扣款。"""
    found = _hold(at, hold)
    left = found.hold.amount_minor - found.hold.captured_minor
    amount_minor = minor_of(amount, found.hold.currency, "--amount") if amount else left
    paid = chosen(at, obligation).id if obligation else ""
    return [Capture(hold=found.id, amount_minor=amount_minor, obligation=paid)]


@click.command()
@click.argument("hold")
@signing
def release(at: Desk, hold: str) -> list[Action]:
    """Give HOLD back to its payer; as its payer, once it has expired. 解冻。"""
    return [Release(hold=_hold(at, hold).id)]


def _hold(at: Desk, beginning: str) -> ListedHold:
    """The one open hold whose name begins so."""
    member = at.profile.member
    listed = at.ask_all("money.holds_of", ListedHold, lambda each: each.id, member=member)
    found: list[ListedHold] = [each for each in listed if each.id.startswith(beginning)]
    one: ListedHold = the_one(found, "冻结", "open hold", beginning, "hansa money holds")
    return one


COMMANDS = (
    open_bank,
    accept_bank,
    deposit,
    withdraw,
    paid_out,
    refuse_withdrawal,
    withdrawals,
    transfer,
    pay,
    hold,
    capture,
    release,
)
