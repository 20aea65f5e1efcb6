"""`hansa claim`: why a machine stood still or pieces were scrap, and who answers for it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from hansa.apps.billing.attribution import Claim
from hansa.apps.billing.messages_claims import ClaimScrap, ClaimStop, ContestClaim, WithdrawClaim
from hansa.apps.billing.texts_trade import LIABLE
from hansa.cli.common import Desk, Language, desk, now_ms, profile_option
from hansa.cli.fields import time_ms
from hansa.cli.money_common import signing, the_one
from hansa.cli.tables import table_output
from hansa.cli.zones import zone_of_agreement
from hansa.client.tables import Column, Table
from hansa.client.texts import Text, words_of
from hansa.kernel import Action

COLUMNS = (
    Column("claim", "编号", "claim"),
    Column("by", "申请方", "by"),
    Column("meter", "计量项", "meter"),
    Column("from_ms", "自", "from", "time"),
    Column("to_ms", "至", "to", "time"),
    Column("pieces", "件数", "pieces", "count"),
    Column("reason", "原因", "reason"),
    Column("liable", "责任方", "liable", words=words_of(LIABLE)),
    Column("contested", "已异议", "contested", "flag"),
    Column("evidence", "证据", "evidence"),
    Column("period_ms", "结算期", "period", "time"),
    Column("zone", "时区", "zone", "zone"),
)
LISTED = list[tuple[int, str, Claim]]


@click.group()
def claim() -> None:
    """Claims about stops and scrap, until their period closes. 停机与废品认定申请。"""


def _about(command: Any) -> Any:
    """Options of both kinds of claims."""
    for option in (
        click.option("--evidence", type=_FILE, help="What shows it; its hash is recorded. 证据文件。"),
        click.option("--claim", "name", default="", help="Its name; else one is made. 申请编号。"),
        click.option(
            "--liable",
            required=True,
            type=click.Choice(["provider", "user", "neither"]),
            help="Who answers for it. 责任方：出租方、承租方或双方均无责。",
        ),
        click.option("--reason", required=True, help="Code of the cause. 原因代码。"),
        click.option("--to", required=True, help="Until: 2026-01-31T10:00+08:00. 结束时刻。"),
        click.option("--from", "since", required=True, help="From: 2026-01-31T08:00+08:00. 开始时刻。"),
        click.argument("meter"),
        click.argument("agreement"),
    ):
        command = option(command)
    return command


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@claim.command()
@_about
@signing
def stop(
    at: Desk,
    agreement: str,
    meter: str,
    since: str,
    to: str,
    reason: str,
    liable: Any,
    name: str,
    evidence: Path | None,
) -> Sequence[Action]:
    """Stopped time of METER in AGREEMENT had this cause. 停机认定申请。

    It counts unless the other party contests it; made less than a day before the period's cut-off, it counts
    only against oneself.
    """
    from_ms, to_ms = _between(at, agreement, since, to)
    return [ClaimStop(agreement, _name(name), meter, from_ms, to_ms, reason, liable, _hash(evidence))]


@claim.command()
@_about
@click.option("--pieces", required=True, type=click.IntRange(min=1), help="How many. 件数。")
@signing
def scrap(
    at: Desk,
    agreement: str,
    meter: str,
    since: str,
    to: str,
    reason: str,
    liable: Any,
    name: str,
    evidence: Path | None,
    pieces: int,
) -> Sequence[Action]:
    """Pieces that METER in AGREEMENT counted as scrap had this cause. 废品认定申请。

    It counts unless the other party contests it; made less than a day before the period's cut-off, it counts
    only against oneself.
    """
    from_ms, to_ms = _between(at, agreement, since, to)
    return [
        ClaimScrap(agreement, _name(name), meter, from_ms, to_ms, pieces, reason, liable, _hash(evidence))
    ]


@claim.command()
@click.argument("agreement")
@click.argument("name", metavar="CLAIM")
@click.option("--evidence", type=_FILE, help="What shows otherwise; its hash is recorded. 反证文件。")
@signing
def contest(at: Desk, agreement: str, name: str, evidence: Path | None) -> Sequence[Action]:
    """Do not agree to the other party's claim: it counts for nothing, and is disputed. 提出异议。"""
    return [ContestClaim(agreement, _period(at, agreement, name), name, _hash(evidence))]


@claim.command()
@click.argument("agreement")
@click.argument("name", metavar="CLAIM")
@signing
def withdraw(at: Desk, agreement: str, name: str) -> Sequence[Action]:
    """Take back a claim of one's own. 撤回申请。"""
    return [WithdrawClaim(agreement, _period(at, agreement, name), name)]


@claim.command("list")
@click.argument("agreement")
@click.option("--period", default="", help="Start of a period that is closed. 已关账结算期的起始时刻。")
@profile_option
@table_output
@click.pass_obj
def list_(lang: Language, agreement: str, period: str, profile_name: str) -> Table:
    """Claims about the periods of AGREEMENT that are not closed. 未关账结算期的认定申请。"""
    at = desk(lang, profile_name)
    if period:
        start_ms = time_ms(period, "period", zone_of_agreement(at, agreement))
        closed = at.ask("billing.claims_of", list[tuple[str, Claim]], agreement=agreement, period_ms=start_ms)
        found = [(start_ms, name, each) for name, each in closed]
    else:
        found = at.ask("billing.open_claims", LISTED, agreement=agreement)
    return table_of(found, zone_of_agreement(at, agreement))


def table_of(found: LISTED, zone: str = "") -> Table:
    """Claims as people read them."""
    rows = [(*_row(*each), zone) for each in found]
    return Table(Text("停机与废品认定申请", "Claims about stops and scrap"), COLUMNS, rows)


def _row(period_ms: int, name: str, found: Claim) -> tuple[Any, ...]:
    return (
        name,
        found.by,
        found.meter,
        found.from_ms,
        found.to_ms,
        found.pieces or None,
        found.reason,
        found.liable,
        found.contested,
        found.evidence[:16],
        period_ms,
    )


def _period(at: Desk, agreement: str, name: str) -> int:
    """The open period in which the claim lies."""
    found = at.ask("billing.open_claims", LISTED, agreement=agreement)
    periods: list[int] = [period_ms for period_ms, each, _ in found if each == name]
    one: int = the_one(periods, "认定申请", "open claim", name, f"hansa claim list {agreement}")
    return one


def _between(at: Desk, agreement: str, since: str, to: str) -> tuple[int, int]:
    """Times as typed, without an offset by the clock of the agreement's calendar."""
    zone = zone_of_agreement(at, agreement)
    return time_ms(since, "from", zone), time_ms(to, "to", zone)


def _name(given: str) -> str:
    return given or f"c-{now_ms()}"


def _hash(file: Path | None) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file else ""
