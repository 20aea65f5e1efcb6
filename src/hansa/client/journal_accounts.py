"""The account mapping of a journal: which account of a company's chart stands for what Hansa knows.

Two charts come with it, to be copied and changed: `cas` (小企业会计准则, China's standard for small
enterprises) and `ifrs` (a generic chart). Every role must have an account.
"""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from hansa.client.files import read_bounded
from hansa.kernel.refusal import Refusal, shown

BYTES_MAX = 100_000
CHARTS = ("cas", "ifrs")
OPEN_DAYS_MAX = 28


class MappingUnusable(Refusal, code="journal.mapping_unusable", field="accounts"):
    zh = "科目对应文件 {file} 不可用：{detail}。可用 hansa statement journal --show-chart 取得范本。"
    en = "The account mapping {file} cannot be used: {detail}. --show-chart prints one to start from."


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account of the chart."""

    code: str
    zh: str
    en: str


class Accounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account for each role."""

    bank: Account
    """Money at one's own bank."""
    claims: Account
    """Claims on a member bank."""
    claims_frozen: Account
    """Of them what is held, asked back, or paid in as a deposit that lies at the bank (冻结)."""
    claims_issued: Account
    """What a member bank owes those who hold claims on it."""
    receivable: Account
    payable: Account
    other_receivable: Account
    other_payable: Account
    unapplied_received: Account
    """Money that came and pays nothing yet (未核销款)."""
    unapplied_paid: Account
    """Money that was paid beyond what was owed."""
    deposit_paid: Account
    """Security deposit or earnest money that one gave."""
    deposit_held: Account
    prepayment_paid: Account
    prepayment_received: Account
    prepayment_tax: Account
    """Tax of prepayments until statements draw them."""
    accrued_receivable: Account
    accrued_payable: Account
    output_tax: Account
    output_tax_deferred: Account
    """Of statements, until it is invoiced or due (待转销项税额)."""
    input_tax: Account
    input_tax_pending: Account
    """Of statements, until their invoice is there (待认证进项税额)."""
    revenue: Account
    cost: Account
    interest_income: Account
    interest_expense: Account
    other_income: Account
    other_expense: Account
    relief_given: Account
    """What a creditor forgoes (免除)."""
    relief_received: Account
    to_decide: Account
    """What the ledger cannot know the purpose of: the voucher says what the accountant decides."""


class Chart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping file."""

    name: str
    accounts: Accounts
    reversal: Literal["red", "contra"] = "red"
    """How an accrual is taken back: the same entry with negative amounts (红字冲销), or sides changed."""
    tax_at: Literal["invoice", "confirmation"] = "invoice"
    """When tax counts: at the invoice (for who provides at the due date, if that comes first), or at once."""
    prepayment_tax_bp: int = 0
    """Tax that falls due when a prepayment is received, basis points of the net; 0: none does."""
    timezone: str = "Asia/Shanghai"
    """By whose clock dates are told (IANA) where no agreement has a calendar for it."""
    open_days: int = 5
    """A payment found this long after the end of its month is still booked in it, at its value date."""


def chart_text(name: str) -> str:
    """The mapping file that comes with Hansa, one of CHARTS."""
    return files("hansa.client").joinpath(f"journal_{name}.toml").read_text("utf-8")


def read_chart(source: str | Path) -> Chart:
    """A chart by its name, or a company's own file. Raises MappingUnusable, naming the key."""
    file = source if isinstance(source, str) else source.name
    try:
        if isinstance(source, str):
            text = chart_text(source)
        else:
            text = read_bounded(source, BYTES_MAX).decode("utf-8-sig")
        chart = msgspec.convert(tomllib.loads(text), Chart)
    except (OSError, ValueError, RecursionError, msgspec.ValidationError) as error:
        raise MappingUnusable(file=file, detail=shown(str(error))) from None
    if not 0 <= chart.prepayment_tax_bp < 10_000:
        raise MappingUnusable(file=file, detail="prepayment_tax_bp: 0 … 9999")
    if not 0 <= chart.open_days <= OPEN_DAYS_MAX:
        raise MappingUnusable(file=file, detail=f"open_days: 0 … {OPEN_DAYS_MAX}")
    try:
        ZoneInfo(chart.timezone)
    except (KeyError, ValueError, OSError):
        raise MappingUnusable(file=file, detail=f"timezone: {shown(chart.timezone)}") from None
    for role in Accounts.__struct_fields__:
        account: Account = getattr(chart.accounts, role)
        if not account.code.strip():
            raise MappingUnusable(file=file, detail=f"accounts.{role}.code")
    return chart
