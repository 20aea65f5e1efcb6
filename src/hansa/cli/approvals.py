"""`hansa approve`: approval rules of one's own member, and what waits for another holder (rule 7)."""

from typing import Any

import click
import msgspec

from hansa.apps.consortium.messages_approvals import (
    ApprovalRule,
    Approve,
    ListedHeld,
    Reject,
    RemoveApproval,
    SetApproval,
)
from hansa.cli.common import (
    Desk,
    Form,
    Language,
    WrongCommand,
    acting,
    desk,
    form_options,
    instant,
    json_option,
    profile_option,
    say,
    show_json,
    show_rows,
)
from hansa.cli.sending import act

HELD_HEADS = (
    ("交易", "transaction"),
    ("操作", "actions"),
    ("提出人", "holder"),
    ("已批", "approved"),
    ("须有", "needed"),
    ("截止", "until"),
)
RULE_HEADS = (("操作", "action"), ("人数", "holders"), ("天数", "days"), ("字段", "field"), ("超过", "above"))
DAYS = 7


@click.group()
def approve() -> None:
    """What several holders must agree to. 审批：须多人同意的操作。"""


@approve.command("list")
@json_option
@form_options
@profile_option
@click.pass_obj
def list_(lang: Language, as_json: bool, form: Form, profile_name: str) -> None:
    """What waits for approval. 待审批的交易。"""
    found = _waiting(desk(lang, profile_name))
    if as_json:
        show_json([_as_dict(each) for each in found])
        return
    rows = [
        [
            each.transaction,
            " ".join(each.held.tags),
            each.held.holder,
            len(each.held.approvals) + 1,
            each.held.holders,
            instant(each.held.until_ms),
        ]
        for each in found
    ]
    show_rows(lang, HELD_HEADS, rows, form)


@approve.command()
@json_option
@form_options
@profile_option
@click.pass_obj
def rules(lang: Language, as_json: bool, form: Form, profile_name: str) -> None:
    """The approval rules of your member. 本单位的审批规则。"""
    at = desk(lang, profile_name)
    found = at.ask("consortium.approvals", list[ApprovalRule], member=at.profile.member)
    if as_json:
        show_json(found)
        return
    rows = [[rule.action, rule.holders, rule.days, rule.field, rule.above] for rule in found]
    show_rows(lang, RULE_HEADS, rows, form)


@approve.command("set")
@click.argument("action")
@click.option("--holders", type=click.IntRange(min=2), required=True, help="People, in all. 总人数。")
@click.option("--days", default=DAYS, show_default=True, help="How long it waits. 等待天数。")
@click.option("--field", default="", help="Integer field of the action it looks at. 判断的金额字段。")
@click.option("--above", type=click.IntRange(min=0), default=0, help="Only above this. 超过此数才适用。")
@acting
@click.pass_obj
def set_(
    lang: Language,
    action: str,
    holders: int,
    days: int,
    field: str,
    above: int,
    profile_name: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Demand several holders for ACTION (billing.propose, or billing.*). 设定审批规则。"""
    rule = ApprovalRule(action=action, holders=holders, days=days, field=field, above=above)
    act(desk(lang, profile_name), [SetApproval(rule=rule)], dry_run=dry_run, yes=yes, as_json=as_json)


@approve.command()
@click.argument("action")
@acting
@click.pass_obj
def remove(lang: Language, action: str, profile_name: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Take the approval rule for ACTION away; that itself needs approval. 取消审批规则。"""
    at = desk(lang, profile_name)
    act(at, [RemoveApproval(action=action)], dry_run=dry_run, yes=yes, as_json=as_json)


@approve.command("approve")
@click.argument("transaction")
@acting
@click.pass_obj
def approve_(
    lang: Language, transaction: str, profile_name: str, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Approve a waiting TRANSACTION (its hash, or how it begins); the last approval carries it out. 批准。"""
    at = desk(lang, profile_name)
    held = _chosen(at, transaction)
    if not (yes or dry_run):
        _show_held(lang, held)
    act(at, [Approve(held=held.transaction)], dry_run=dry_run, yes=yes, as_json=as_json)


@approve.command()
@click.argument("transaction")
@acting
@click.pass_obj
def reject(
    lang: Language, transaction: str, profile_name: str, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """End a waiting TRANSACTION; its proposer takes it back. A recovery ends with the second holder's no.

    驳回或撤回。恢复须由两位持钥人驳回方才终止。
    """
    at = desk(lang, profile_name)
    held = _chosen(at, transaction)
    act(at, [Reject(held=held.transaction)], dry_run=dry_run, yes=yes, as_json=as_json)


def _waiting(at: Desk) -> list[ListedHeld]:
    found: list[ListedHeld] = at.ask("consortium.held", list[ListedHeld], member=at.profile.member)
    return found


def _chosen(at: Desk, beginning: str) -> ListedHeld:
    """The one waiting transaction whose hash begins so."""
    found = [each for each in _waiting(at) if each.transaction.startswith(beginning.lower())]
    if len(found) != 1:
        raise WrongCommand(
            text_zh=f"待审批交易中有 {len(found)} 笔以 {beginning} 开头。用 hansa approve list 查看。",
            text_en=f"{len(found)} waiting transactions begin with {beginning}. See `hansa approve list`.",
        )
    return found[0]


def _as_dict(each: ListedHeld) -> dict[str, Any]:
    actions = [msgspec.json.decode(data) for data in each.actions]
    return {"transaction": each.transaction, "held": each.held, "actions": actions}


def _show_held(lang: Language, held: ListedHeld) -> None:
    say(lang, f"{held.held.holder} 提出：", f"Proposed by {held.held.holder}:", err=True)
    for data in held.actions:
        click.echo(msgspec.json.format(data, indent=1).decode(), err=True)
