"""What parties do with their leases, each a command that shows its action before it is signed."""

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import click

from hansa.apps.leasing import messages
from hansa.apps.leasing import text as texts
from hansa.apps.leasing.errors import LeaseUnknown
from hansa.apps.leasing.messages import Attachment, Handover, Item, Lease, ReportHandover, Shown
from hansa.apps.leasing.messages_told import Handovers
from hansa.apps.leasing.reports import content_of
from hansa.apps.leasing.text_draft import Draft
from hansa.cli.common import Desk, Language, NotFound, WrongCommand, say
from hansa.cli.fields import time_ms
from hansa.cli.money_common import chosen, part_of, signing
from hansa.cli.zones import zone_of_lease
from hansa.client.action_words import struct_lines
from hansa.client.leases import sha256_of, sublease_terms, transfer_terms
from hansa.client.pay.items import minor_of
from hansa.kernel import Action

GRADES = get_args(messages.Grade)
LIABLE = get_args(messages.Liable)
GROUNDS = get_args(messages.Ground)
DIRECTIONS = click.Choice(["in", "out"])

lease_argument = click.argument("name", metavar="LEASE")
from_option = click.option(
    "--from",
    "start",
    required=True,
    metavar="TIME",
    help="Begins: 2026-01-01, or 2026-01-01T08:00+08:00. 起。",
)


def known(at: Desk, name: str) -> Lease:
    found: Lease | None = at.ask("leasing.lease_of", Lease | None, lease=name)
    if found is None:
        raise NotFound(
            text_zh=f"没有租约 {name}；谈妥而尚无人签署的，用 hansa lease text {name} 查看文本。",
            text_en=f"There is no lease {name}. What is agreed and not signed: `hansa lease text {name}`.",
        )
    return found


def draft(at: Desk, name: str) -> Draft:
    """All that the text of a lease or reservation is made from. Raises LeaseUnknown."""
    found: Draft | None = at.ask("leasing.draft_of", Draft | None, lease=name)
    if found is None:
        raise LeaseUnknown(lease=name)
    return found


def signature(made: Draft) -> messages.Sign:
    return messages.Sign(lease=made.lease, content=texts.content(made), attachments=made.attachments)


def _moment(at: Desk, lease: str, text: str, option: str) -> int:
    """A time as typed, without an offset by the clock of the lease's calendar. Raises ValueWrong."""
    return time_ms(text, option, zone_of_lease(at, lease))


def pairs_of(given: Iterable[str], option: str) -> list[tuple[str, str]]:
    """NAME=VALUE, as typed. Raises WrongCommand."""
    out = []
    for each in given:
        name, equals, value = each.partition("=")
        if not (name and equals and value):
            raise WrongCommand(
                text_zh=f"{option} {each} 应写作 名称=值。", text_en=f"{option} {each} is NAME=VALUE."
            )
        out.append((name, value))
    return out


def attachments_of(given: Iterable[str]) -> tuple[Attachment, ...]:
    return tuple(Attachment(name, sha256_of(Path(path))) for name, path in pairs_of(given, "--attach"))


# Before and at the handover.


@click.command()
@lease_argument
@signing
def withdraw(at: Desk, name: str) -> list[Action]:
    """Step back before the handover; earnest money is forfeited, or owed double. 交接前退出。"""
    return [messages.Withdraw(lease=name)]


@click.command()
@lease_argument
@click.argument("direction", type=DIRECTIONS)
@click.option("--at", "when", default="", metavar="TIME", help="When it was looked at; else now. 查看时间。")
@click.option(
    "--item",
    "items",
    multiple=True,
    metavar="ITEM=GRADE",
    help=f"Grade: {'/'.join(GRADES)}. 完好/磨损/损坏/缺失。",
)
@click.option(
    "--photo", "photos", multiple=True, metavar="ITEM=FILE", help="Only its hash is sent. 只存摘要。"
)
@click.option("--counter", "counters", multiple=True, metavar="METER=VALUE", help="As read. 抄表读数。")
@signing
def handover(
    at: Desk,
    name: str,
    direction: messages.Direction,
    when: str,
    items: tuple[str, ...],
    photos: tuple[str, ...],
    counters: tuple[str, ...],
) -> list[Action]:
    """Report condition and counters; the other party confirms. 报告交接（in 入场，out 返还）。"""
    report = ReportHandover(
        lease=name,
        direction=direction,
        at_ms=_moment(at, name, when, "at") if when else at.time_ms(),
        items=_items(items, photos),
        counters=tuple(Shown(meter, _number(value)) for meter, value in pairs_of(counters, "--counter")),
    )
    return [report]


def _items(items: tuple[str, ...], photos: tuple[str, ...]) -> tuple[Item, ...]:
    of_item: dict[str, tuple[str, ...]] = {}
    for item, path in pairs_of(photos, "--photo"):
        of_item[item] = (*of_item.get(item, ()), sha256_of(Path(path)))
    graded = pairs_of(items, "--item")
    for item in of_item:
        if item not in dict(graded):
            raise WrongCommand(
                text_zh=f"照片所属项目 {item} 没有 --item。", text_en=f"Item {item} of --photo has no --item."
            )
    out = []
    for item, grade in graded:
        if grade not in GRADES:
            raise WrongCommand(
                text_zh=f"--item {item} 的等级应为 {'/'.join(GRADES)}。",
                text_en=f"The grade of --item {item} is one of {'/'.join(GRADES)}.",
            )
        out.append(Item(item, grade, of_item.get(item, ())))  # type: ignore[arg-type]
    return tuple(out)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 17):
        raise WrongCommand(text_zh=f"读数 {text} 应为整数。", text_en=f"The reading {text} is an integer.")
    return int(text)


@click.command()
@lease_argument
@click.argument("direction", type=DIRECTIONS)
@click.option("--dispute", "disputed", multiple=True, metavar="NAME", help="Seen otherwise. 有争议的项目。")
@click.option("--photo", "photos", multiple=True, metavar="FILE", help="Seen, of the report. 已核对的照片。")
@click.option("--refuse", is_flag=True, help="Not taken over so; to be reported anew. 整体拒收。")
@signing
def confirm(
    at: Desk,
    name: str,
    direction: messages.Direction,
    disputed: tuple[str, ...],
    photos: tuple[str, ...],
    refuse: bool,
) -> list[Action]:
    """Confirm the other party's report, all or all but what you name; or refuse it. 确认或拒收交接。"""
    report = _reported(at, name, direction)
    asked = click.get_current_context().params
    if not (asked["yes"] or asked["dry_run"]):
        click.echo("\n".join(struct_lines(report, at.lang)), err=True)
        _warn(at.lang, direction)
    content = _content(name, direction, report)
    if refuse:
        return [messages.DisputeHandover(name, direction, content, disputed)]
        return None
    seen = tuple(sha256_of(Path(path)) for path in photos)
    return [messages.ConfirmHandover(name, direction, content, disputed, seen)]


def _reported(at: Desk, name: str, direction: str) -> Handover:
    both: Handovers = at.ask("leasing.handovers_of", Handovers, lease=name)
    found = both.taken if direction == "in" else both.given_back
    if found is None or found.state != "reported":
        raise NotFound(
            text_zh=f"租约 {name} 没有待确认的交接报告。",
            text_en=f"No handover of lease {name} waits for you.",
        )
    return found


def _content(name: str, direction: messages.Direction, found: Handover) -> str:
    """The digest of what was shown, reckoned here: nobody confirms another report. Raises WrongCommand."""
    report = ReportHandover(name, direction, found.at_ms, found.items, found.counters)
    content = content_of(name, direction, found.by, report)
    if content != found.content:
        raise WrongCommand(
            text_zh="节点给出的报告与其摘要不符，请勿确认。",
            text_en="The node shows a report that is not that of its digest: do not confirm it.",
        )
    return content


def _warn(lang: Language, direction: str) -> None:
    """What follows of the confirmation."""
    if direction == "in":
        say(lang, "确认后租约开始履行并计费。", "Once confirmed the lease runs, and is charged.", err=True)
    else:
        say(
            lang,
            "确认后租约结束，不再计费；到期前确认即提前终止。",
            "Once confirmed the lease is over and nothing more is charged, also before its end.",
            err=True,
        )


# Sublease and transfer.


@click.command()
@lease_argument
@from_option
@click.option("--to", "end", required=True, metavar="TIME", help="Likewise. 止。")
@click.option("--member", default="", help="To whom; else to any member. 限定承租单位。")
@click.option("--id", "consent_id", required=True, help="Id of the consent. 同意书编号。")
@signing
def consent(at: Desk, name: str, start: str, end: str, member: str, consent_id: str) -> list[Action]:
    """Let your lessee sublease in a period. 同意转租。"""
    action = messages.ConsentSublease(
        name, consent_id, _moment(at, name, start, "from"), _moment(at, name, end, "to"), member
    )
    return [action]


@click.command("revoke-consent")
@lease_argument
@click.argument("consent_id", metavar="CONSENT")
@signing
def revoke_consent(at: Desk, name: str, consent_id: str) -> list[Action]:
    """Take a consent to subleases back; what both have signed by then stands. 撤回转租同意。"""
    return [messages.RevokeConsent(name, consent_id)]


@click.command()
@lease_argument
@click.argument("sublease")
@click.option("--to", "lessee", required=True, help="The member that shall use it. 转租给。")
@from_option
@click.option("--until", "end", required=True, metavar="TIME", help="Likewise. 止。")
@click.option("--tariff", required=True, metavar="OWNER/ID/VERSION", help="Its price. 资费。")
@click.option("--sign-by", "sign_by", default="", metavar="TIME", help="Else its start. 签署期限。")
@signing
def sublet(
    at: Desk,
    name: str,
    sublease: str,
    lessee: str,
    start: str,
    end: str,
    tariff: str,
    sign_by: str,
) -> list[Action]:
    """Reserve part of LEASE as SUBLEASE for a member that you know, on the terms of LEASE; both then sign.

    将租约的一段转租给相识的成员单位，条款沿用主租约；双方随后签署。
    """
    parts = tariff.split("/")
    if len(parts) != 3 or not parts[2].isdigit():
        raise WrongCommand(
            text_zh="--tariff 应写作 所有方/编号/版本。", text_en="--tariff is OWNER/ID/VERSION."
        )
    from_ms = _moment(at, name, start, "from")
    terms = sublease_terms(
        name,
        known(at, name),
        lessee=lessee,
        from_ms=from_ms,
        to_ms=_moment(at, name, end, "until"),
        sign_by_ms=_moment(at, name, sign_by, "sign-by") if sign_by else from_ms,
        tariff=(parts[0], parts[1], int(parts[2])),
    )
    return [messages.Sublet(sublease=sublease, terms=terms)]


@click.command()
@lease_argument
@click.argument("successor")
@click.option("--to", "lessee", required=True, help="Who takes it over. 受让方。")
@from_option
@click.option("--sign-by", "sign_by", default="", metavar="TIME", help="Else its start. 签署期限。")
@signing
def transfer(at: Desk, name: str, successor: str, lessee: str, start: str, sign_by: str) -> list[Action]:
    """Have another member take the rest of LEASE over as SUCCESSOR; lessor and successor sign. 转让租约。"""
    from_ms = _moment(at, name, start, "from")
    sign_by_ms = _moment(at, name, sign_by, "sign-by") if sign_by else from_ms
    terms = transfer_terms(known(at, name), lessee=lessee, from_ms=from_ms, sign_by_ms=sign_by_ms)
    return [messages.Transfer(lease=name, successor=successor, terms=terms)]


# Use.


@click.command()
@lease_argument
@click.argument("job_id", metavar="JOB")
@signing
def job(at: Desk, name: str, job_id: str) -> list[Action]:
    """Begin a job; refused while the lease is suspended. 开始任务。"""
    return [messages.StartJob(lease=name, job=job_id)]


@click.command()
@lease_argument
@click.argument("breakdown_id", metavar="BREAKDOWN")
@click.option("--from", "start", default="", metavar="TIME", help="It began. 开始时间。")
@click.option("--reason", default="", help="Reason code. 原因代码。")
@click.option("--liable", type=click.Choice(LIABLE), help="Who answers for it. 责任方。")
@click.option("--evidence", type=click.Path(path_type=Path), help="Only its hash is sent. 证据文件。")
@click.option("--over", default="", metavar="TIME", help="It works again since. 恢复时间。")
@signing
def breakdown(
    at: Desk,
    name: str,
    breakdown_id: str,
    start: str,
    reason: str,
    liable: messages.Liable | None,
    evidence: Path | None,
    over: str,
) -> list[Action]:
    """Report that the asset does not work, or, with --over, that it works again. 报告故障或恢复。

    What it costs is claimed with `hansa claim stop`. 费用用 hansa claim stop 认定。
    """
    if over:
        return [messages.EndBreakdown(name, breakdown_id, _moment(at, name, over, "over"))]
        return None
    if not (start and reason and liable):
        raise WrongCommand(
            text_zh="报告故障须有 --from、--reason、--liable。",
            text_en="A breakdown is reported with --from, --reason and --liable.",
        )
    shown = sha256_of(evidence) if evidence else ""
    action = messages.ReportBreakdown(
        name, breakdown_id, _moment(at, name, start, "from"), reason, liable, shown
    )
    return [action]


@click.command()
@lease_argument
@from_option
@signing
def suspend(at: Desk, name: str, start: str) -> list[Action]:
    """Give notice: while an item is overdue, no new job starts from then on. What runs goes on. 通知暂停。"""
    return [messages.Suspend(lease=name, from_ms=_moment(at, name, start, "from"))]


@click.command()
@lease_argument
@signing
def resume(at: Desk, name: str) -> list[Action]:
    """Take a notice of suspension back. 撤回暂停通知。"""
    return [messages.Resume(lease=name)]


# Ends.


@click.command()
@lease_argument
@click.argument("time")
@click.option("--ground", type=click.Choice(GROUNDS), default="agreed", show_default=True, help="Why. 理由。")
@signing
def end(at: Desk, name: str, time: str, ground: messages.Ground) -> list[Action]:
    """Bring the end forward to TIME; `agreed` takes effect when the other says the same. 提前终止。"""
    return [messages.EndEarly(lease=name, to_ms=_moment(at, name, time, "time"), ground=ground)]


@click.command()
@lease_argument
@click.argument("time")
@signing
def extend(at: Desk, name: str, time: str) -> list[Action]:
    """Move the end out to TIME; it takes effect when both say the same, or within your option. 续期。"""
    return [messages.Extend(lease=name, to_ms=_moment(at, name, time, "time"))]


@click.command()
@lease_argument
@click.argument("damage_id", metavar="DAMAGE")
@click.option("--amount", default="", help="In the lease's currency: 350.00. 金额。")
@click.option("--item", "items", multiple=True, help="Of the checklist. 清单项目。")
@click.option("--photo", "photos", multiple=True, metavar="FILE", help="Of a handover. 交接照片。")
@click.option("--agree", is_flag=True, help="As lessee: owe exactly this amount. 承租方认可。")
@click.option("--withdraw", "back", is_flag=True, help="As lessor: ask no more. 出租方撤回。")
@signing
def damage(
    at: Desk,
    name: str,
    damage_id: str,
    amount: str,
    items: tuple[str, ...],
    photos: tuple[str, ...],
    agree: bool,
    back: bool,
) -> list[Action]:
    """Ask for damage after the return; agree to it; or withdraw it. 返还后的损坏：提出、认可、撤回。"""
    if back:
        return [messages.WithdrawDamage(name, damage_id)]
    if not amount:
        raise WrongCommand(text_zh="须有 --amount（金额）。", text_en="give --amount.")
    amount_minor = minor_of(amount, known(at, name).terms.currency, "--amount")
    if agree:
        return [messages.AgreeDamage(name, damage_id, amount_minor)]
    shown = tuple(sha256_of(Path(path)) for path in photos)
    return [messages.ClaimDamage(name, damage_id, amount_minor, items, shown)]


@click.command()
@lease_argument
@click.argument("obligation")
@click.option("--amount", default="", help="If not all that is open. 金额；默认为全部未结。")
@signing
def deposit(at: Desk, name: str, obligation: str, amount: str) -> list[Action]:
    """Take OBLIGATION, overdue or agreed damage, out of the security deposit. 以保证金扣抵。"""
    found = chosen(at, obligation)
    return [messages.ClaimDeposit(name, found.id, part_of(found, amount))]


@click.command()
@lease_argument
@signing
def close(at: Desk, name: str) -> list[Action]:
    """All is settled: deposit and prepayment go back. 关闭租约。"""
    return [messages.Close(lease=name)]


COMMANDS = (
    withdraw, handover, confirm, consent, revoke_consent, sublet, transfer, job, breakdown, suspend, resume,
    end, extend, damage, deposit, close,
)  # fmt: skip
"""What `hansa lease` has besides reading and signing."""
