"""Before anything is believed of a network: the host's newest header is checked against what is known."""

from typing import TYPE_CHECKING

import click

from hansa.cli.common import Desk, say
from hansa.client.trust_errors import HeadUnproved, HostBehind, HostEmpty, HostFork
from hansa.client.validators import Validators, run
from hansa.kernel.evidence import SignedHeader

if TYPE_CHECKING:
    from hansa.client.http import Http


PROVING = (["host"], ["attest"])
"""Commands whose answer is checked as a whole."""


def check_host(desk: Desk, node: "Http") -> SignedHeader | None:
    """The host's newest header, if it has one yet. Warns where it is old, and says whose word reading is.
    Of several hosts, one that does not prove what it shows is passed over, with a warning.

    Raises HeadUnproved, HostBehind, HostFork, HostAhead, TrustDamaged or what the network raises.
    """
    trust = desk.trust
    head = _newest(desk, node)
    if head is None:
        return None
    still_ms = trust.still_ms()
    if still_ms:
        minutes = still_ms // 60_000
        say(
            desk.lang,
            f"注意：{node.url} 的最新区块是 {minutes} 分钟前的。该节点可能在扣留新区块，或网络停顿，"
            "或本机时钟不准。请与别的节点核对（hansa host show）。",
            f"Note: the newest block of {node.url} is {minutes} min old. It may withhold newer ones, the "
            "network may stand still, or this clock is wrong. Compare with another node (`hansa host show`).",
            err=True,
        )
    _label(desk, node, head)
    return head


def _newest(desk: Desk, node: "Http") -> SignedHeader | None:
    while True:
        url = node.url
        try:
            return run(node, Validators(desk.trust).newest(url))
        except (HostEmpty, HostBehind, HostFork, HeadUnproved) as refusal:
            if isinstance(refusal, HostEmpty) and desk.trust.head is None:
                return None
            if not node.shun():
                raise
            say(desk.lang, f"已跳过：{refusal.zh}", f"Passed over: {refusal.en}", err=True)


def _label(desk: Desk, node: "Http", head: SignedHeader) -> None:
    """What is read from another member's node is that node's word; said once, behind what was read."""
    profile = desk.profile
    whose = {profile.url: profile.node, **{each.url: each.node for each in profile.others}}
    ctx = click.get_current_context(silent=True)
    if ctx is None or ctx.command_path.split()[1:2] in PROVING:
        return
    height = head.header.height

    def tell() -> None:
        name = whose.get(node.url) or node.url
        if name == profile.member:
            return
        say(
            desk.lang,
            f"以上查询内容依据 {name} 的节点所述。已由验证节点证明的是高度 {height} 的区块头，"
            "以及发送后显示的交易结果；要证明单条记录，用 hansa attest 或 hansa evidence get。",
            f"What was read is the word of {name}'s node. Proved by the validators are the header of height "
            f"{height} and outcomes of what was sent; to prove a record use `hansa attest` or "
            "`hansa evidence get`.",
            err=True,
        )

    ctx.find_root().call_on_close(tell)
