"""`hansa statement accrual`: what is used and not billed yet (暂估), at any date."""

from datetime import datetime

import click

from hansa.apps.billing.messages import Agreement
from hansa.apps.consortium.calendars import day_number
from hansa.cli.common import Desk, Language, desk, profile_option
from hansa.cli.pay import AtDesk
from hansa.cli.tables import table_output
from hansa.client.accruals import accrued, agreements
from hansa.client.tables import Column, Table
from hansa.client.texts import Text, period_text
from hansa.kernel.refusal import Refusal

REASONS = {
    "running": Text("结算期进行中", "period runs"),
    "to_close": Text("待关账", "waits to be closed"),
    "unconfirmed": Text("待确认", "not confirmed"),
    "disputed": Text("有异议", "disputed"),
    "correction": Text("待更正", "late correction"),
    "interest": Text("待计逾期利息", "interest to be charged"),
    "unknown": Text("无法估算", "cannot be rated"),
}
SIDES = {"to_us": Text("应收", "to us"), "by_us": Text("应付", "by us")}
COLUMNS = (
    Column("agreement", "协议", "agreement"),
    Column("side", "方向", "side", words=SIDES),
    Column("other", "对方", "with"),
    Column("period", "期间", "period"),
    Column("reason", "未入账原因", "why", words=REASONS),
    Column("clause", "条款", "clause"),
    Column("tax_rate_bp", "税率", "tax rate", "share"),
    Column("currency", "币种", "currency", "currency"),
    Column("net_minor", "不含税", "net", "money"),
    Column("tax_minor", "税额", "tax", "money"),
    Column("gross_minor", "价税合计", "gross", "money"),
)


@click.command()
@click.option(
    "--at", "on", type=click.DateTime(formats=["%Y-%m-%d"]), required=True,
    help="To the end of this day, in each agreement's local time. 截至该日终了（协议当地时间）。",
)  # fmt: skip
@click.option("--agreement", default="", help="This one only. 只算该协议。")
@profile_option
@table_output
@click.pass_obj
def accrual(lang: Language, on: datetime, agreement: str, profile_name: str) -> Table:
    """What is used and not billed yet, by clause, tax apart. 未结算用量的暂估。"""
    at = desk(lang, profile_name)
    day = day_number(on.year, on.month, on.day)
    rows: list[tuple[object, ...]] = []
    for name, found in agreements(AtDesk(at), at.profile.member):
        if agreement in ("", name) and found.state == "accepted":
            rows += _rows(at, name, found, day)
    title = on.date().isoformat()
    return Table(Text(f"{title} 暂估", f"Accruals as of {title}"), COLUMNS, rows)


def _rows(at: Desk, name: str, of: Agreement, day: int) -> list[tuple[object, ...]]:
    """A row for each clause of each amount; what cannot be rated says why, and stops no other agreement."""
    to_us = of.provider == at.profile.member
    head = (name, "to_us" if to_us else "by_us", of.user if to_us else of.provider)
    try:
        deal, items = accrued(AtDesk(at), name, of, day)
    except Refusal as refusal:
        unknown = REASONS["unknown"]
        why = Text(f"{unknown.zh}：{refusal.zh}", f"{unknown.en}: {refusal.en}")
        return [(*head, "", why, "", None, "", None, None, None)]
    return [
        (
            *head, period_text(item.period), item.reason, line.clause,
            line.tax_rate_bp, deal.tariff.currency, line.net_minor, line.tax_minor, line.gross_minor,
        )
        for item in items
        for line in item.lines
        if line.gross_minor or line.net_minor
    ]  # fmt: skip
