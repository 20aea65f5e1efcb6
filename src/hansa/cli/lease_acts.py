"""What parties do with their leases, each a command that shows its action before it is signed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import click

from hansa.apps.leasing import messages
from hansa.apps.leasing import text as texts
from hansa.apps.leasing.errors import LeaseUnknown
from hansa.apps.leasing.messages import Attachment, Handover, Item, Lease, ReportHandover, Shown
from hansa.apps.leasing.messages_told import Handovers
from hansa.apps.leasing.reports import content_of
from hansa.apps.leasing.text_draft import Draft
from hansa.cli.common import Desk, Language, WrongCommand, acting, desk, say, show_json
from hansa.cli.fields import time_ms
from hansa.cli.sending import act
from hansa.client.leases import sha256_of, sublease_terms, transfer_terms
from hansa.kernel import Action

GRADES = get_args(messages.Grade)
LIABLE = get_args(messages.Liable)
GROUNDS = get_args(messages.Ground)
DIRECTIONS = click.Choice(["in", "out"])

lease_argument = click.argument("name", metavar="LEASE")
from_option = click.option(
    "--from", "start", required=True, metavar="TIME", help="2026-01-01T00:00+08:00. 起。"
)


def send(lang: Language, action: Action, how: dict[str, Any]) -> None:
    """One action, by the options of `acting`."""
    at = desk(lang, how.pop("profile_name"))
    act(at, [action], **how)


def known(at: Desk, name: str) -> Lease:
    found: Lease | None = at.ask("leasing.lease_of", Lease | None, lease=name)
    if found is None:
        raise WrongCommand(
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
@acting
@click.pass_obj
def withdraw(lang: Language, /, name: str, **how: Any) -> None:
    """Step back before the handover; earnest money is forfeited, or owed double. 交接前退出。"""
    send(lang, messages.Withdraw(lease=name), how)


@click.command()
@lease_argument
@click.argument("direction", type=DIRECTIONS)
@click.option("--at", "when", default="", metavar="TIME", help="When it was looked at; else now. 查看时间。")
@click.option("--item", "items", multiple=True, metavar="ITEM=GRADE", help="/".join(GRADES))
@click.option(
    "--photo", "photos", multiple=True, metavar="ITEM=FILE", help="Only its hash is sent. 只存摘要。"
)
@click.option("--counter", "counters", multiple=True, metavar="METER=VALUE", help="As read. 抄表读数。")
@acting
@click.pass_obj
def handover(
    lang: Language,
    /,
    name: str,
    direction: messages.Direction,
    when: str,
    items: tuple[str, ...],
    photos: tuple[str, ...],
    counters: tuple[str, ...],
    **how: Any,
) -> None:
    """Report condition and counters; the other party confirms. 报告交接（in 入场，out 返还）。"""
    at = desk(lang, how.pop("profile_name"))
    report = ReportHandover(
        lease=name,
        direction=direction,
        at_ms=time_ms(when, "at") if when else at.time_ms(),
        items=_items(items, photos),
        counters=tuple(Shown(meter, _number(value)) for meter, value in pairs_of(counters, "--counter")),
    )
    act(at, [report], **how)


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
@acting
@click.pass_obj
def confirm(
    lang: Language,
    /,
    name: str,
    direction: messages.Direction,
    disputed: tuple[str, ...],
    photos: tuple[str, ...],
    refuse: bool,
    **how: Any,
) -> None:
    """Confirm the other party's report, all or all but what you name; or refuse it. 确认或拒收交接。"""
    at = desk(lang, how.pop("profile_name"))
    report = _reported(at, name, direction)
    if not (how["yes"] or how["dry_run"]):
        show_json(report)
        _warn(lang, direction)
    content = _content(name, direction, report)
    if refuse:
        act(at, [messages.DisputeHandover(name, direction, content, disputed)], **how)
        return
    seen = tuple(sha256_of(Path(path)) for path in photos)
    act(at, [messages.ConfirmHandover(name, direction, content, disputed, seen)], **how)


def _reported(at: Desk, name: str, direction: str) -> Handover:
    both: Handovers = at.ask("leasing.handovers_of", Handovers, lease=name)
    found = both.taken if direction == "in" else both.given_back
    if found is None or found.state != "reported":
        raise WrongCommand(
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
@acting
@click.pass_obj
def consent(
    lang: Language, /, name: str, start: str, end: str, member: str, consent_id: str, **how: Any
) -> None:
    """Let your lessee sublease in a period. It cannot be taken back. 同意转租，不可撤回。"""
    action = messages.ConsentSublease(name, consent_id, time_ms(start, "from"), time_ms(end, "to"), member)
    send(lang, action, how)


@click.command()
@lease_argument
@click.argument("sublease")
@click.option("--to", "lessee", required=True, help="The member that shall use it. 转租给。")
@from_option
@click.option("--until", "end", required=True, metavar="TIME", help="Likewise. 止。")
@click.option("--tariff", required=True, metavar="OWNER/ID/VERSION", help="Its price. 资费。")
@click.option("--sign-by", "sign_by", default="", metavar="TIME", help="Else its start. 签署期限。")
@acting
@click.pass_obj
def sublet(
    lang: Language,
    /,
    name: str,
    sublease: str,
    lessee: str,
    start: str,
    end: str,
    tariff: str,
    sign_by: str,
    **how: Any,
) -> None:
    """Reserve part of LEASE as SUBLEASE for a member that you know, on the terms of LEASE; both then sign.

    将租约的一段转租给相识的成员单位，条款沿用主租约；双方随后签署。
    """
    at = desk(lang, how.pop("profile_name"))
    parts = tariff.split("/")
    if len(parts) != 3 or not parts[2].isdigit():
        raise WrongCommand(
            text_zh="--tariff 应写作 所有方/编号/版本。", text_en="--tariff is OWNER/ID/VERSION."
        )
    from_ms = time_ms(start, "from")
    terms = sublease_terms(
        name,
        known(at, name),
        lessee=lessee,
        from_ms=from_ms,
        to_ms=time_ms(end, "until"),
        sign_by_ms=time_ms(sign_by, "sign-by") if sign_by else from_ms,
        tariff=(parts[0], parts[1], int(parts[2])),
    )
    act(at, [messages.Sublet(sublease=sublease, terms=terms)], **how)


@click.command()
@lease_argument
@click.argument("successor")
@click.option("--to", "lessee", required=True, help="Who takes it over. 受让方。")
@from_option
@click.option("--sign-by", "sign_by", default="", metavar="TIME", help="Else its start. 签署期限。")
@acting
@click.pass_obj
def transfer(
    lang: Language, /, name: str, successor: str, lessee: str, start: str, sign_by: str, **how: Any
) -> None:
    """Have another member take the rest of LEASE over as SUCCESSOR; lessor and successor sign. 转让租约。"""
    at = desk(lang, how.pop("profile_name"))
    from_ms = time_ms(start, "from")
    sign_by_ms = time_ms(sign_by, "sign-by") if sign_by else from_ms
    terms = transfer_terms(known(at, name), lessee=lessee, from_ms=from_ms, sign_by_ms=sign_by_ms)
    act(at, [messages.Transfer(lease=name, successor=successor, terms=terms)], **how)


# Use.


@click.command()
@lease_argument
@click.argument("job_id", metavar="JOB")
@acting
@click.pass_obj
def job(lang: Language, /, name: str, job_id: str, **how: Any) -> None:
    """Begin a job; refused while the lease is suspended. 开始任务。"""
    send(lang, messages.StartJob(lease=name, job=job_id), how)


@click.command()
@lease_argument
@click.argument("breakdown_id", metavar="BREAKDOWN")
@click.option("--from", "start", default="", metavar="TIME", help="It began. 开始时间。")
@click.option("--reason", default="", help="Reason code. 原因代码。")
@click.option("--liable", type=click.Choice(LIABLE), help="Who answers for it. 责任方。")
@click.option("--evidence", type=click.Path(path_type=Path), help="Only its hash is sent. 证据文件。")
@click.option("--over", default="", metavar="TIME", help="It works again since. 恢复时间。")
@acting
@click.pass_obj
def breakdown(
    lang: Language,
    /,
    name: str,
    breakdown_id: str,
    start: str,
    reason: str,
    liable: messages.Liable | None,
    evidence: Path | None,
    over: str,
    **how: Any,
) -> None:
    """Report that the asset does not work, or, with --over, that it works again. 报告故障或恢复。

    What it costs is claimed with `hansa claim stop`. 费用用 hansa claim stop 认定。
    """
    if over:
        send(lang, messages.EndBreakdown(name, breakdown_id, time_ms(over, "over")), how)
        return
    if not (start and reason and liable):
        raise WrongCommand(
            text_zh="报告故障须有 --from、--reason、--liable。",
            text_en="A breakdown is reported with --from, --reason and --liable.",
        )
    shown = sha256_of(evidence) if evidence else ""
    action = messages.ReportBreakdown(name, breakdown_id, time_ms(start, "from"), reason, liable, shown)
    send(lang, action, how)


@click.command()
@lease_argument
@from_option
@acting
@click.pass_obj
def suspend(lang: Language, /, name: str, start: str, **how: Any) -> None:
    """Give notice: while an item is overdue, no new job starts from then on. What runs goes on. 通知暂停。"""
    send(lang, messages.Suspend(lease=name, from_ms=time_ms(start, "from")), how)


@click.command()
@lease_argument
@acting
@click.pass_obj
def resume(lang: Language, /, name: str, **how: Any) -> None:
    """Take a notice of suspension back. 撤回暂停通知。"""
    send(lang, messages.Resume(lease=name), how)


# Ends.


@click.command()
@lease_argument
@click.argument("time")
@click.option("--ground", type=click.Choice(GROUNDS), default="agreed", show_default=True, help="Why. 理由。")
@acting
@click.pass_obj
def end(lang: Language, /, name: str, time: str, ground: messages.Ground, **how: Any) -> None:
    """Bring the end forward to TIME; `agreed` takes effect when the other says the same. 提前终止。"""
    send(lang, messages.EndEarly(lease=name, to_ms=time_ms(time, "time"), ground=ground), how)


@click.command()
@lease_argument
@click.argument("time")
@acting
@click.pass_obj
def extend(lang: Language, /, name: str, time: str, **how: Any) -> None:
    """Move the end out to TIME; it takes effect when both say the same, or within your option. 续期。"""
    send(lang, messages.Extend(lease=name, to_ms=time_ms(time, "time")), how)


@click.command()
@lease_argument
@click.argument("damage_id", metavar="DAMAGE")
@click.option("--amount-minor", type=click.IntRange(min=1), help="Minor units. 金额（最小货币单位）。")
@click.option("--item", "items", multiple=True, help="Of the checklist. 清单项目。")
@click.option("--photo", "photos", multiple=True, metavar="FILE", help="Of a handover. 交接照片。")
@click.option("--agree", is_flag=True, help="As lessee: owe exactly this amount. 承租方认可。")
@click.option("--withdraw", "back", is_flag=True, help="As lessor: ask no more. 出租方撤回。")
@acting
@click.pass_obj
def damage(
    lang: Language,
    /,
    name: str,
    damage_id: str,
    amount_minor: int | None,
    items: tuple[str, ...],
    photos: tuple[str, ...],
    agree: bool,
    back: bool,
    **how: Any,
) -> None:
    """Ask for damage after the return; agree to it; or withdraw it. 返还后的损坏：提出、认可、撤回。"""
    if back:
        send(lang, messages.WithdrawDamage(name, damage_id), how)
        return
    if amount_minor is None:
        raise WrongCommand(text_zh="须有 --amount-minor。", text_en="Give --amount-minor.")
    if agree:
        send(lang, messages.AgreeDamage(name, damage_id, amount_minor), how)
        return
    shown = tuple(sha256_of(Path(path)) for path in photos)
    send(lang, messages.ClaimDamage(name, damage_id, amount_minor, items, shown), how)


@click.command()
@lease_argument
@click.argument("obligation")
@click.option("--amount-minor", type=click.IntRange(min=1), required=True, help="Minor units. 金额。")
@acting
@click.pass_obj
def deposit(lang: Language, /, name: str, obligation: str, amount_minor: int, **how: Any) -> None:
    """Take an overdue open item, or agreed damage, out of the security deposit. 以保证金扣抵。"""
    send(lang, messages.ClaimDeposit(name, obligation, amount_minor), how)


@click.command()
@lease_argument
@acting
@click.pass_obj
def close(lang: Language, /, name: str, **how: Any) -> None:
    """All is settled: deposit and prepayment go back. 关闭租约。"""
    send(lang, messages.Close(lease=name), how)


COMMANDS = (
    withdraw, handover, confirm, consent, sublet, transfer, job, breakdown, suspend, resume, end, extend,
    damage, deposit, close,
)  # fmt: skip
"""What `hansa lease` has besides reading and signing."""
