"""`hansa network leave`: give up the seat first, wait until the network goes without it, then stop."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hansa.apps.consortium.messages import Leave
from hansa.apps.leasing.messages_told import ListedLease
from hansa.apps.money.queries import ListedFund, ListedHold
from hansa.cli.common import Desk, Language, acting, confirm, desk, say, show_json
from hansa.cli.money_common import items
from hansa.cli.sending import act
from hansa.client.keyfiles import public_of

WAIT_MAX_S = 180.0
"""A resting network makes a block every half minute; the new set is in force two blocks later."""
PAUSE_S = 1.0
OVER = ("closed", "void")
NAMED_MAX = 10
"""References named of each kind; --json has all."""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--wait", "wait_s", default=WAIT_MAX_S, show_default=True, help="Seconds. 最长等待秒数。")
@acting
@click.pass_obj
def leave(
    lang: Language, directory: Path, wait_s: float, profile_name: str, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Leave the network whose node lies in DIRECTORY. Obligations, history and evidence stay.

    Shows what is still owed; --dry-run ends there. Then the member leaves, its node loses its voting power,
    and once the others go on without it, the node may be stopped.
    退出网络：义务与历史保留，节点先失去表决权重，再停机。
    """
    at = desk(lang, profile_name)
    check_node(directory, at.profile.member)
    open_ = remaining(at)
    if as_json:
        show_json({"remains": open_})
    else:
        _tell(lang, open_)
    if dry_run:
        return
    if not yes:
        confirm(
            lang,
            "退出后只有表决才能重新加入；以上义务继续有效。退出？",
            "Only a vote brings you back, and what stands above stays owed. Leave?",
        )
    if at.ask("consortium.member", dict[str, Any], member=at.profile.member).get("status") != "left":
        act(at, [Leave()], dry_run=False, yes=True, as_json=False, quiet=True)
    gone = wait_until_out(directory, at.profile.url, wait_s)
    if not gone:
        say(
            lang,
            f"已退出，但验证方名单还没有换；先别停节点，稍后再执行同一命令。（等了 {wait_s:.0f} 秒）",
            "You have left, but the validator set has not changed yet. Do not stop the node; run the same "
            f"command again later ({wait_s:.0f} s were waited).",
        )
        raise SystemExit(1)
    say(
        lang,
        f"已退出；区块不再需要本节点的表决，现在可以停机。{directory} 请保留：其中有历史与证据。",
        "You have left; no block needs this node's vote any more, and it may be stopped. Keep "
        f"{directory}: it holds history and evidence.",
    )


def check_node(directory: Path, member: str) -> None:
    """Before anything is signed: it is this member's node that is waited for. Raises FileMissing,
    FolderOfAnother.
    """
    from hansa.node.errors import FileMissing
    from hansa.node.joining_folder import check_owner
    from hansa.node.settings_engine import VALIDATOR_KEY

    check_owner(directory, member)
    if not (directory / VALIDATOR_KEY).exists():
        raise FileMissing(path=str(directory / VALIDATOR_KEY))


def remaining(at: Desk) -> dict[str, list[Any]]:
    """What binds the member still, by kind: obligations both ways, holds, funds, leases. Ids and sums."""
    me = at.profile.member
    by_us, to_us = items(at, "owed_by", debtor=me), items(at, "owed_to", creditor=me)
    holds = at.ask_all("money.holds_of", ListedHold, lambda each: each.id, member=me)
    funds = at.ask_all("money.funds_of", ListedFund, lambda each: each.id, member=me)
    leases = at.ask_all("leasing.leases_of", ListedLease, lambda each: each.id, member=me)
    return {
        "owed_by_us": [_owed(each) for each in by_us],
        "owed_to_us": [_owed(each) for each in to_us],
        "holds": [each.id for each in holds],
        "funds": [each.id for each in funds if each.fund.state == "open"],
        "leases": [each.id for each in leases if each.lease.state not in OVER],
    }


def _owed(each: Any) -> dict[str, Any]:
    found = each.obligation
    return {
        "reference": found.reference,
        "creditor": found.creditor,
        "debtor": found.debtor,
        "currency": found.currency,
        "open_minor": found.amount_minor - found.paid_minor,
        "due_ms": found.due_ms,
    }


KINDS = {
    "owed_by_us": ("未结应付", "open, owed by us"),
    "owed_to_us": ("未结应收", "open, owed to us"),
    "holds": ("冻结", "holds"),
    "funds": ("保证金、预付款、定金", "deposits, prepayments, earnest money"),
    "leases": ("未结清租约", "leases not closed"),
}


def _tell(lang: Language, open_: dict[str, list[Any]]) -> None:
    for kind, (zh, en) in KINDS.items():
        names = [each["reference"] if isinstance(each, dict) else each for each in open_[kind]]
        some = names[:NAMED_MAX] + (["…"] if len(names) > NAMED_MAX else [])
        say(
            lang,
            f"{zh}：{len(names)} 项 {'、'.join(some)}".rstrip(),
            f"{en}: {len(names)}  {', '.join(some)}".rstrip(),
        )


def wait_until_out(
    directory: Path,
    url: str,
    within_s: float,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Whether the newest validator set goes without the key of a directory, within this time."""
    from hansa.kernel.facts import address
    from hansa.node import joining_engine as engine
    from hansa.node.settings_engine import VALIDATOR_KEY

    own, ask = address(public_of(directory / VALIDATOR_KEY)), engine.over_http()
    until_s = clock() + within_s
    while True:
        height = engine.status(ask, url).height
        if all(each.address != own for each in engine.validators(ask, url, height)):
            return True
        if clock() >= until_s:
            return False
        pause(PAUSE_S)
