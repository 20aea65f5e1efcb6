"""`hansa lease`: leases read, signed, explained to accountants. What is done with them: lease_acts.py."""

from pathlib import Path
from typing import Any

import click

from hansa.apps.billing.messages import Statement
from hansa.apps.leasing import text
from hansa.apps.leasing.accounting import sheet as sheet_of
from hansa.apps.leasing.accounting import split
from hansa.apps.leasing.messages import Breakdown, Consent, Damage, Lease, Motion
from hansa.apps.leasing.messages_told import Chain, Handovers, ListedLease
from hansa.cli import lease_acts
from hansa.cli.common import (
    Desk,
    Language,
    WrongCommand,
    acting,
    desk,
    json_option,
    profile_option,
    say,
    show_json,
)
from hansa.cli.fields import time_ms
from hansa.cli.lease_acts import attachments_of, draft, known, lease_argument
from hansa.cli.sending import act
from hansa.cli.tables import print_table, table_output
from hansa.cli.zones import zone_of
from hansa.client import lease_words
from hansa.client.files import write_over
from hansa.client.leases import STATES, attached, page, written
from hansa.client.tables import Column, Table, time_text
from hansa.client.texts import Text, period_text

READABLE = 0o644
LISTED = (
    Column("lease", "租约", "lease"),
    Column("state", "状态", "state", words=STATES),
    Column("lessor", "出租方", "lessor"),
    Column("lessee", "承租方", "lessee"),
    Column("asset", "设备", "asset"),
    Column("from_ms", "开始", "from", "time"),
    Column("to_ms", "终止", "to", "time"),
    Column("head", "主租约", "head lease"),
    Column("suspended_from_ms", "暂停自", "suspended from", "time"),
    Column("zone", "时区", "zone", "zone"),
)
ANSWERS = {
    "yes": Text("是", "yes"),
    "no": Text("否", "no"),
    "judge": Text("须判断", "judge"),
    "figure": Text("数额", "figure"),
}
SHEET = (
    Column("topic", "事项", "question"),
    Column("answer", "结论", "answer", words=ANSWERS),
    Column("reason", "依据", "why"),
    Column("reference", "准则", "standard"),
)
APART = (
    Column("period", "结算期", "period"),
    Column("currency", "币种", "currency", "currency"),
    Column("fixed_minor", "固定", "fixed", "money"),
    Column("minimum_minor", "最低收费", "minimum", "money"),
    Column("variable_minor", "可变", "variable", "money"),
    Column("other_minor", "其他", "other", "money"),
    Column("net_minor", "不含税合计", "net", "money"),
)
CHAINED = (
    Column("lease", "租约", "lease"),
    Column("head", "主租约", "head lease"),
    Column("lessor", "出租方", "lessor"),
    Column("lessee", "承租方", "lessee"),
    Column("meter", "计量项", "meter"),
    Column("counted", "计量", "counted", "count"),
    Column("sublet", "其中转租", "of it sublet", "count"),
    Column("own", "自用", "own use", "count"),
)


@click.group()
def lease() -> None:
    """Leases: read, sign, hand over, sublet, end, settle. 租约：查看、签署、交接、转租、终止、结清。"""


for command in lease_acts.COMMANDS:
    lease.add_command(command)


@lease.command("list")
@click.option("--state", type=click.Choice(tuple(STATES)), help="Of this state only. 只列此状态。")
@profile_option
@table_output
@click.pass_obj
def list_(lang: Language, state: str | None, profile_name: str) -> Table:
    """Your leases, as lessor or lessee. 本单位的租约。"""
    at = desk(lang, profile_name)
    found = at.ask_all("leasing.leases_of", ListedLease, lambda each: each.id, member=at.profile.member)
    rows = [_row(at, each) for each in found if state in (None, each.lease.state)]
    return Table(Text("租约", "Leases"), LISTED, rows)


def _row(at: Desk, each: ListedLease) -> tuple[object, ...]:
    found, terms = each.lease, each.lease.terms
    return (
        each.id, found.state, terms.lessor, terms.lessee, terms.asset,
        found.start_ms or terms.from_ms, found.end_ms, terms.head, found.suspended_from_ms,
        zone_of(at, terms.tariff_owner, terms.tariff, terms.tariff_version),
    )  # fmt: skip


@lease.command()
@lease_argument
@json_option
@profile_option
@click.pass_obj
def show(lang: Language, name: str, as_json: bool, profile_name: str) -> None:
    """A lease, its handovers, consents, breakdowns and damages, and what comes next. 租约现状。"""
    at = desk(lang, profile_name)
    found = known(at, name)
    more = {
        "handovers": at.ask("leasing.handovers_of", Handovers, lease=name),
        "consents": at.ask("leasing.consents_of", list[tuple[str, Consent]], lease=name),
        "motions": at.ask("leasing.motions_of", list[tuple[str, Motion]], lease=name),
        "breakdowns": at.ask_all(
            "leasing.breakdowns_of", tuple[str, Breakdown], lambda each: str(each[0]), lease=name
        ),
        "damages": at.ask("leasing.damages_of", list[tuple[str, Damage]], lease=name),
        "subleases": at.ask("leasing.subleases_of", list[ListedLease], lease=name),
    }
    if as_json:
        show_json({"id": name, "lease": found} | more)
        return
    print_table(Table(Text("租约", "Lease"), LISTED, [_row(at, ListedLease(name, found))]), lang)
    if more["subleases"]:
        rows = [_row(at, each) for each in more["subleases"]]
        print_table(Table(Text("转租", "Subleases"), LISTED, rows), lang)
    terms = found.terms
    zone = zone_of(at, terms.tariff_owner, terms.tariff, terms.tariff_version)
    for line in _told(found, more, zone):
        click.echo(line.of(lang))
    zh, en = _next(found)
    say(lang, f"下一步：{zh}", f"Next: {en}")


def _told(found: Lease, more: dict[str, Any], zone: str) -> list[Text]:
    """All that stands of a lease, in words; times by its calendar's clock."""
    return [
        *lease_words.signed(found, zone),
        *lease_words.handed_over(more["handovers"], zone),
        *lease_words.consented(more["consents"], zone),
        *lease_words.broken_down(more["breakdowns"], zone),
        *lease_words.asked_for(more["motions"], zone),
        *lease_words.damaged(more["damages"], found.terms.currency),
    ]


def _next(found: Lease) -> tuple[str, str]:
    """What moves the lease on, in a sentence."""
    return {
        "signing": ("双方签署（hansa lease sign）。", "both sign (`hansa lease sign`)."),
        "signed": (
            "付清保证金与预付款后交接入场（hansa lease handover … in）。",
            "once deposit and prepayment are paid, the handover (`hansa lease handover … in`).",
        ),
        "running": (
            "使用；到期或双方确认返还（hansa lease handover … out）时结束。",
            "use; it ends with the return that both confirm (`hansa lease handover … out`).",
        ),
        "returned": (
            "结清全部结算单与损坏后关闭（hansa lease close）。",
            "settle statements and damage, then close it (`hansa lease close`).",
        ),
        "closed": ("无。", "nothing."),
        "void": ("无。", "nothing."),
    }[found.state]


@lease.command("text")
@lease_argument
@click.option("--attach", multiple=True, metavar="NAME=FILE", help="An attachment. 附件。")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page. 写成网页。")
@click.option("--in", "language", type=click.Choice(["zh", "en"]), help="In this language. 语言。")
@profile_option
@click.pass_obj
def text_(
    lang: Language,
    name: str,
    attach: tuple[str, ...],
    html: Path | None,
    language: Language | None,
    profile_name: str,
) -> None:
    """The contract, made from the terms: Markdown, or a page in both languages to print. 合同文本。"""
    at = desk(lang, profile_name)
    made = attached(draft(at, name), attachments_of(attach))
    if html is None:
        click.echo(written(made, language or lang))
        return
    found: Lease | None = at.ask("leasing.lease_of", Lease | None, lease=name)
    zone, signatures = made.calendar.zone, found.signatures if found else ()
    signed = tuple((each.member, each.key, time_text(each.at_ms, zone)) for each in signatures)
    write_over(html, page(made, signed).encode(), READABLE)
    say(
        lang,
        f"已写入 {html}；签署摘要 {text.content(made)}",
        f"{html}; what is signed is {text.content(made)}",
    )


@lease.command()
@lease_argument
@click.option("--attach", multiple=True, metavar="NAME=FILE", help="An attachment. 附件。")
@click.option("--content", default="", help="Sign only if this is the digest. 仅当摘要为此值时签署。")
@acting
@click.pass_obj
def sign(
    lang: Language,
    /,
    name: str,
    attach: tuple[str, ...],
    content: str,
    profile_name: str,
    **how: Any,
) -> None:
    """Sign the contract exactly as its text stands. 签署合同。"""
    at = desk(lang, profile_name)
    made = attached(draft(at, name), attachments_of(attach))
    found = text.content(made)
    if content not in ("", found):
        raise WrongCommand(
            text_zh=f"合同摘要现为 {found}，与 --content 不同：请重新审阅文本。",
            text_en=f"The digest is {found} now, not the one of --content: read the text again.",
        )
    if not how["yes"]:
        click.echo(written(made, lang), err=True)
    act(at, [lease_acts.signature(made)], **how)


@lease.command()
@lease_argument
@profile_option
@table_output
@click.pass_obj
def sheet(lang: Language, name: str, profile_name: str) -> Table:
    """What an accountant asks: IFRS 16 and CAS 21, with reasons; no advice on booking. 租赁会计信息表。"""
    at = desk(lang, profile_name)
    found, made = known(at, name), draft(at, name)
    rows = [
        (Text(*each.topic), each.answer, Text(*each.reason), each.reference)
        for each in sheet_of(found, made.tariff, made.calendar)
    ]
    return Table(Text(f"租赁会计信息表 {name}", f"Accounting sheet {name}"), SHEET, rows)


@lease.command()
@lease_argument
@profile_option
@table_output
@click.pass_obj
def statements(lang: Language, name: str, profile_name: str) -> Table:
    """Its statements, apart by what they depend on: fixed, minimum, variable. 结算单按固定与可变拆分。"""
    at = desk(lang, profile_name)
    tariff = draft(at, name).tariff
    rows = []
    for each in at.ask("billing.statements_of", list[Statement], agreement=name):
        parts = split(tariff, each.lines)
        rows.append(
            (
                period_text(each.period), each.currency, parts.fixed_minor, parts.minimum_minor,
                parts.variable_minor, parts.other_minor, each.net_minor,
            )
        )  # fmt: skip
    return Table(Text(f"结算单拆分 {name}", f"Statements of {name}, apart"), APART, rows)


@lease.command()
@click.argument("asset_owner")
@click.argument("asset")
@click.option("--from", "start", required=True, help="Begins: 2026-01-01T00:00+08:00. 起。")
@click.option("--to", "end", required=True, help="Likewise. 止。")
@profile_option
@table_output
@click.pass_obj
def chain(lang: Language, asset_owner: str, asset: str, start: str, end: str, profile_name: str) -> Table:
    """Who used ASSET when, and what its counters say: own use and sublet use add up to the meter. 转租链。"""
    at = desk(lang, profile_name)
    found = at.ask(
        "leasing.chain_of", Chain, asset_owner=asset_owner, asset=asset,
        from_ms=time_ms(start, "from"), to_ms=time_ms(end, "to"),
    )  # fmt: skip
    links = {each.lease: each for each in found.links}
    counted = {each.lease for each in found.counted}
    rows: list[tuple[object, ...]] = [
        (each.lease, each.head, each.lessor, each.lessee, "", None, None, None)
        for each in found.links
        if each.lease not in counted
    ]
    for each in found.counted:
        link = links[each.lease]
        rows.append(
            (each.lease, link.head, link.lessor, link.lessee, each.meter, each.counted, each.sublet, each.own)
        )
    for meter in found.meters:
        rows.append(
            (
                Text("未出租", "no lease"),
                "",
                "",
                "",
                f"{meter.owner}/{meter.feed}",
                meter.counted,
                None,
                meter.outside,
            )
        )
    return Table(Text("转租链", "Chain of leases"), CHAINED, rows, whole=found)
