"""`hansa agreement`: who is paid by whom for what, proposed by one party and accepted by the other.

A lease makes its own; these are for all else: a service, energy, an inspection, calls of a model.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hansa.apps.billing import errors
from hansa.apps.billing.deal import Deal
from hansa.apps.billing.messages import Accept, Agreement, Close, Propose, PublishedTariff, Withdraw
from hansa.apps.consortium.calendars import Calendar
from hansa.cli.common import Desk, Language, acting, desk, json_option, profile_option, say, show_json
from hansa.cli.fields import time_ms
from hansa.cli.money_common import signing
from hansa.cli.pay import AtDesk
from hansa.cli.sending import act
from hansa.cli.tables import print_table, table_output
from hansa.cli.tariff import clauses
from hansa.cli.zones import zone_of
from hansa.client.accruals import agreements
from hansa.client.agreement_words import STATES, in_words, state_of
from hansa.client.agreements import acceptance
from hansa.client.bargains import bindings
from hansa.client.publishing import calendar_of, newest_version, tariff_named
from hansa.client.tables import Column, Table
from hansa.client.texts import Text
from hansa.kernel.refusal import Refusal

LISTED = (
    Column("agreement", "协议", "agreement"),
    Column("state", "状态", "state", words=STATES),
    Column("provider", "提供方", "provider"),
    Column("user", "使用方", "user"),
    Column("tariff", "资费", "tariff"),
    Column("from_ms", "开始", "from", "time"),
    Column("to_ms", "终止", "to", "time"),
    Column("next_from_ms", "下一结算期自", "next period from", "time"),
    Column("turn", "待何方接受", "to accept"),
    Column("zone", "时区", "zone", "zone"),
)


class SheetDiffers(Refusal, code="agreement.sheet_differs", field="sheet"):
    zh = (
        "资费表与已发布的资费 {owner}/{tariff}/{version} 不一致，付款将以已发布者为准。请先发布新版"
        "（hansa tariff publish），或以 --tariff 指明所指的版本。"
    )
    en = (
        "The sheet differs from the published tariff {owner}/{tariff}/{version}, by which would be paid. "
        "Publish a new version (`hansa tariff publish`), or name the one that is meant with --tariff."
    )


@click.group()
def agreement() -> None:
    """Agreements outside a lease: propose, accept, read, close. 协议（租约以外）：提出、接受、查看、关账。"""


@agreement.command("list")
@click.option("--state", type=click.Choice(tuple(STATES)), help="Of this state only. 只列此状态。")
@profile_option
@table_output
@click.pass_obj
def list_(lang: Language, state: str | None, profile_name: str) -> Table:
    """Your agreements, those of leases among them. 本单位的协议（含租约的）。"""
    at = desk(lang, profile_name)
    rows = [
        _row(at, name, found)
        for name, found in agreements(AtDesk(at), at.profile.member)
        if state in (None, state_of(found))
    ]
    return Table(Text("协议", "Agreements"), LISTED, rows)


def _row(at: Desk, name: str, found: Agreement) -> tuple[object, ...]:
    other = found.user if found.proposer == found.provider else found.provider
    tariff = f"{found.tariff_owner}/{found.tariff}/{found.tariff_version}"
    return (
        name, state_of(found), found.provider, found.user, tariff, found.from_ms, found.to_ms,
        found.next_from_ms, other if found.state == "proposed" else "",
        zone_of(at, found.tariff_owner, found.tariff, found.tariff_version),
    )  # fmt: skip


@agreement.command()
@click.argument("name", metavar="AGREEMENT")
@json_option
@profile_option
@click.pass_obj
def show(lang: Language, name: str, as_json: bool, profile_name: str) -> None:
    """An agreement whole: parties, price, meters, terms, and what moves it on. 协议全文与下一步。"""
    at = desk(lang, profile_name)
    deal = _deal(at, name)
    content = acceptance(name, deal).content
    if as_json:
        show_json({"id": name, "agreement": deal.agreement, "tariff": deal.tariff, "content": content})
        return
    print_table(Table(Text("协议", "Agreement"), LISTED, [_row(at, name, deal.agreement)]), lang)
    _tell(lang, deal, err=False)
    say(lang, f"内容摘要 {content}", f"digest {content}")
    zh, en = _next(name, deal.agreement)
    say(lang, f"下一步：{zh}", f"Next: {en}")


def _next(name: str, found: Agreement) -> tuple[str, str]:
    """What moves the agreement on, in a sentence."""
    other = found.user if found.proposer == found.provider else found.provider
    return {
        "proposed": (
            f"{other} 接受（hansa agreement accept {name}），或任一方撤回（hansa agreement withdraw）。",
            f"{other} accepts (`hansa agreement accept {name}`), or either withdraws it.",
        ),
        "accepted": (
            "每期自动关账，出具结算单（hansa statement list）。",
            "each period is closed by itself and a statement made (`hansa statement list`).",
        ),
        "withdrawn": ("无。", "nothing."),
        "ended": (
            "各期均已关账；未结清的见 hansa statement list --open。",
            "all periods are closed; what is not settled: `hansa statement list --open`.",
        ),
    }[state_of(found)]


def _deal(at: Desk, name: str) -> Deal:
    """An agreement with its tariff and calendar. Raises AgreementUnknown."""
    found = at.ask("billing.agreement_of", Agreement | None, agreement=name)
    if found is None:
        raise errors.AgreementUnknown(agreement=name)
    published = _published(at, found.tariff_owner, found.tariff, found.tariff_version)
    return Deal(found, published.tariff, _calendar(at, published), {})


def _published(at: Desk, owner: str, tariff: str, version: int) -> PublishedTariff:
    found: PublishedTariff | None = at.ask(
        "billing.tariff_of", PublishedTariff | None, owner=owner, tariff=tariff, version=version
    )
    if found is None:
        raise errors.TariffUnknown(owner=owner, id=tariff, version=version)
    return found


def _calendar(at: Desk, published: PublishedTariff) -> Calendar:
    found = calendar_of(at.ask, published.calendar_owner, published.calendar)
    assert found is not None, "a tariff is published on a calendar that is there"
    return found


def _tell(lang: Language, deal: Deal, *, err: bool) -> None:
    """What is agreed on: the price clause by clause, then all else."""
    of = deal.agreement
    tariff = f"{of.tariff_owner}/{of.tariff}/{of.tariff_version} ({deal.tariff.currency})"
    print_table(clauses(deal.tariff, Text(f"资费 {tariff}", f"Tariff {tariff}")), lang, err=err)
    for text in in_words(of, deal.calendar):
        click.echo(text.of(lang), err=err)


@agreement.command()
@click.argument("name", metavar="AGREEMENT")
@click.option(
    "--sheet",
    required=True,
    type=click.Path(path_type=Path),
    help="Tariff sheet: its terms hold (cut-off, gaps, settlement). 资费表，取其条款。",
)
@click.option("--with", "other", required=True, metavar="MEMBER", help="The other party. 对方。")
@click.option(
    "--as",
    "role",
    type=click.Choice(["provider", "user"]),
    default="provider",
    show_default=True,
    help="Are you paid, or do you pay. 本单位是提供方（收款）还是使用方（付款）。",
)
@click.option(
    "--tariff",
    "named",
    default="",
    metavar="[OWNER/]ID[/VERSION]",
    help="Published price; else the provider's of the sheet's name. 资费；默认为提供方发布的同名资费。",
)
@click.option("--from", "start", required=True, metavar="DATE|TIME", help="Local date, or a time. 起。")
@click.option("--to", "end", required=True, metavar="DATE|TIME", help="The end, not included. 止（不含）。")
@click.option(
    "--meter",
    "meters",
    multiple=True,
    metavar="METER=[OWNER/]FEED",
    help="Which feed counts for a meter of the tariff. 计量项所用计量点；默认为提供方的。",
)
@acting
@click.pass_obj
def propose(
    lang: Language,
    /,
    name: str,
    sheet: Path,
    other: str,
    role: str,
    named: str,
    start: str,
    end: str,
    meters: tuple[str, ...],
    profile_name: str,
    **how: Any,
) -> None:
    """Propose AGREEMENT; nothing is due before the other party accepts exactly this. 提出协议。"""
    from hansa.apps.billing.sheet import read_sheet

    at = desk(lang, profile_name)
    read = read_sheet(sheet)
    me = at.profile.member
    provider, user = (me, other) if role == "provider" else (other, me)
    owner, tariff, version = tariff_named(named or read.tariff.name, provider)
    version = version or newest_version(at.ask, owner, tariff) or 1
    published = _published(at, owner, tariff, version)
    if not named and published.tariff != read.tariff:
        raise SheetDiffers(owner=owner, tariff=tariff, version=version)
    calendar = _calendar(at, published)
    action = Propose(
        agreement=name,
        provider=provider,
        user=user,
        tariff_owner=owner,
        tariff=tariff,
        tariff_version=version,
        meters=bindings(meters, provider),
        terms=read.terms,
        from_ms=time_ms(start, "from", calendar.zone),
        to_ms=time_ms(end, "to", calendar.zone),
    )
    if not (how["yes"] or how["dry_run"]):
        _tell(lang, _as_proposed(action, me, published, calendar), err=True)
    act(at, [action], told=True, **how)


def _as_proposed(a: Propose, proposer: str, published: PublishedTariff, calendar: Calendar) -> Deal:
    made = Agreement(
        provider=a.provider,
        user=a.user,
        proposer=proposer,
        tariff_owner=a.tariff_owner,
        tariff=a.tariff,
        tariff_version=a.tariff_version,
        meters=a.meters,
        terms=a.terms,
        from_ms=a.from_ms,
        to_ms=a.to_ms,
        state="proposed",
    )
    return Deal(made, published.tariff, calendar, {})


@agreement.command()
@click.argument("name", metavar="AGREEMENT")
@click.option("--content", default="", help="Accept only if this is the digest. 仅当摘要为此值时接受。")
@acting
@click.pass_obj
def accept(lang: Language, /, name: str, content: str, profile_name: str, **how: Any) -> None:
    """Accept exactly what was proposed, which is shown. 接受协议，以所显示的内容为准。"""
    at = desk(lang, profile_name)
    deal = _deal(at, name)
    action: Accept = acceptance(name, deal)
    if content not in ("", action.content):
        raise errors.OtherContent(agreement=name)
    if not (how["yes"] or how["dry_run"]):
        _tell(lang, deal, err=True)
    act(at, [action], told=True, **how)


def _plain(name: str, make: Callable[[str], Any], about: str) -> click.Command:
    """A command that needs nothing but the agreement's id."""

    def run(at: Desk, agreement: str) -> list[Any]:
        return [make(agreement)]

    return click.command(name, help=about)(click.argument("agreement")(signing(run)))


agreement.add_command(_plain("withdraw", Withdraw, "Take back, or turn down, a proposal. 撤回或谢绝提议。"))
agreement.add_command(
    _plain(
        "close",
        Close,
        "Close the next period that is past its cut-off, where that was held up; else it closes by itself. "
        "对被搁置的下一结算期关账；平时自动关账。",
    )
)
