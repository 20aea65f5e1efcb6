"""`hansa host`: which node of a network a profile uses, one's own or another member's."""

from pathlib import Path
from typing import Any

import click

from hansa.cli.common import (
    Desk,
    Language,
    desk,
    instant,
    json_option,
    now_ms,
    profile_option,
    say,
    show_json,
    show_rows,
)
from hansa.client.errors import OtherChain
from hansa.client.errors import OtherNode as NodeOfAnother
from hansa.client.operators import is_network
from hansa.client.outbox import identity_of
from hansa.client.profiles import OtherNode, Profile
from hansa.client.trust import Trust
from hansa.client.trust_errors import HostUnknown, NotANetwork
from hansa.client.validators import Validators, run
from hansa.client.verify_commit import checkpoint_of
from hansa.kernel import replace
from hansa.kernel.commit import header_hash
from hansa.kernel.refusal import Refusal

OTHERS_MAX = 15
HEADS = (
    ("节点", "node"),
    ("成员单位", "member"),
    ("顺序", "order"),
    ("高度", "height"),
    ("引擎高度", "engine height"),
    ("区块时间", "block time"),
    ("状态", "state"),
)


@click.group()
def host() -> None:
    """The node of a network that you use: your own, or another member's. 所用节点（托管节点）。"""


@host.command()
@click.argument("url")
@click.option("--node", default="", help="Whose node it is; else it is asked. 节点所属成员单位。")
@click.option("--also", is_flag=True, help="In addition, for when the first is away. 作为备用节点。")
@click.option("--ca", default="", help="CA file of its certificate. 节点证书的 CA 文件。")
@click.option("--allow-plain", is_flag=True, help="Allow sessions without TLS. 允许明文登录。")
@click.option(
    "--checkpoint", default="", metavar="HEIGHT:HASH", help="A block of the engine that you know. 已知区块。"
)
@json_option
@profile_option
@click.pass_obj
def use(
    lang: Language,
    url: str,
    node: str,
    also: bool,
    ca: str,
    allow_plain: bool,
    checkpoint: str,
    as_json: bool,
    profile_name: str,
) -> None:
    """Move to the node at URL; its history must go on from the one that was checked before. 换用节点。"""
    from hansa.client.http import Http

    at = network_desk(lang, profile_name)
    given = replace(
        at.profile,
        ca=str(Path(ca).resolve()) if ca else at.profile.ca,
        allow_plain=allow_plain or at.profile.allow_plain,
    )
    with open_host(at, given, url, node) as there:
        assert isinstance(there, Http)
        whose = there.whose()
        if node and whose != node:
            raise NodeOfAnother(url=url, node=whose, expected=node)
        head = checked(at, there, at.trust, checkpoint)
    kept = tuple(each for each in given.others if each.url != url)
    if not also:
        changed = replace(given, url=url, node=whose, others=kept)
    elif url == given.url:
        changed = given  # It serves already.
    else:
        changed = replace(given, others=(*kept, OtherNode(url=url, node=whose))[-OTHERS_MAX:])
    at.place.change(changed, at.key)
    if as_json:
        show_json({"url": url, "node": whose, **head})
        return
    zh, en = ("备用节点", "Also at") if also else ("所用节点", "Now at")
    say(
        lang,
        f"{zh}：{url}（{whose}）。高度 {head['height']}，引擎高度 {head['engine_height']}，"
        f"由 {head['validators']} 个验证节点中表决权重 {head['power']} / {head['whole']} 证明；"
        "与此前核验过的历史一致。",
        f"{en} {url} ({whose}): height {head['height']}, engine height {head['engine_height']}, proved by "
        f"power {head['power']} of {head['whole']} of its {head['validators']} validators; it goes on from "
        "the history checked before.",
    )
    click.echo(f"{head['engine_height']}:{head['block']}")


@host.command()
@click.argument("url")
@profile_option
@click.pass_obj
def drop(lang: Language, url: str, profile_name: str) -> None:
    """No longer use the node at URL as a further one. 不再使用某个备用节点。"""
    at = network_desk(lang, profile_name)
    left = tuple(each for each in at.profile.others if each.url != url)
    if left == at.profile.others:
        raise HostUnknown(url=url, known=", ".join(each.url for each in left) or "-")
    at.place.change(replace(at.profile, others=left), at.key)
    say(lang, f"备用节点 {len(left)} 个。", f"Further nodes: {len(left)}.")


@host.command()
@json_option
@profile_option
@click.pass_obj
def show(lang: Language, as_json: bool, profile_name: str) -> None:
    """What is known and checked, and how each node stands to it. 已核验的内容，及各节点的状态。"""
    at = network_desk(lang, profile_name)
    profile, rows = at.profile, []
    places = [(profile.url, profile.node), *((each.url, each.node) for each in profile.others)]
    for order, (url, node) in enumerate(places, 1):
        rows.append({"node": url, "member": node, "order": order, **_state(at, url, node)})
    known = _known(at.trust)
    if as_json:
        show_json({"known": known, "nodes": rows})
        return
    table = [
        [r["node"], r["member"], r["order"], r["height"], r["engine_height"], instant(r["time_ms"]),
         r["zh"] if lang == "zh" else r["en"]]
        for r in rows
    ]  # fmt: skip
    show_rows(lang, HEADS, table)
    if known:
        say(
            lang,
            f"已核验到高度 {known['height']}，引擎高度 {known['engine_height']}"
            f"（{instant(known['time_ms'])}），验证节点：{', '.join(known['validators'])}。检查点：",
            f"Checked up to height {known['height']}, engine height {known['engine_height']} "
            f"({instant(known['time_ms'])}); validators: {', '.join(known['validators'])}. Checkpoint:",
        )
        click.echo(f"{known['engine_height']}:{known['block']}")


def network_desk(lang: Language, profile_name: str) -> Desk:
    """Raises NotANetwork."""
    from hansa.apps.consortium.messages import Genesis
    from hansa.kernel.canonical import decode

    at = desk(lang, profile_name)
    if not is_network(at.genesis):
        raise NotANetwork(operator=decode(at.genesis, Genesis).operator)
    return at


def open_host(at: Desk, profile: Profile, url: str, node: str) -> Any:
    """The node at an address, of the profile's chain, alone. Raises OtherChain or what the network raises."""
    from hansa.client.http import Http

    there = Http(
        url,
        signer=at.key.signer,
        member=profile.member,
        key=profile.key,
        node=node,
        chain=profile.chain,
        ca=Path(profile.ca) if profile.ca else None,
        allow_plain=profile.allow_plain,
        patience_s=0,
        lang=at.lang,
    )
    try:
        found = identity_of(there.genesis())
    except BaseException:
        there.close()
        raise
    if found != profile.chain:
        there.close()
        raise OtherChain(url=url, found=found[:12], expected=profile.chain[:12])
    return there


def checked(at: Desk, there: Any, trust: Trust, checkpoint: str = "") -> dict[str, Any]:
    """What the host's newest header says, once it was checked. Raises what Trust raises."""
    if checkpoint:
        known = checkpoint_of(checkpoint)
        trust.check_known(there.url, known, there.engine_header(known.height), there.handovers())
    head = run(there, Validators(trust).newest(there.url))
    count = trust.count(head)
    assert head.commit is not None
    engine = head.commit.header
    return {
        "height": head.header.height,
        "app_hash": head.header.app_hash,
        "engine_height": engine.height,
        "block": header_hash(engine),
        "time_ms": engine.time_ms,
        "power": count.power,
        "whole": count.whole,
        "validators": len(trust.sets[-1].seats),
    }


def _state(at: Desk, url: str, node: str) -> dict[str, Any]:
    """How one node stands to what is known. Never raises a Refusal."""
    nothing: dict[str, Any] = {"height": 0, "engine_height": 0, "time_ms": 0}
    try:
        with open_host(at, at.profile, url, node) as there:
            head = checked(at, there, at.trust)
    except Refusal as refusal:
        return {**nothing, "code": refusal.code, "zh": refusal.zh, "en": refusal.en}
    age_s = max(0, now_ms() - head["time_ms"]) // 1_000
    told = {"code": "ok", "zh": f"一致；最新区块 {age_s} 秒前", "en": f"agrees; newest block {age_s} s ago"}
    return {**{name: head[name] for name in nothing}, **told}


def _known(trust: Trust) -> dict[str, Any] | None:
    if trust.head is None or trust.head.commit is None:
        return None
    engine = trust.head.commit.header
    return {
        "height": trust.head.header.height,
        "app_hash": trust.head.header.app_hash,
        "engine_height": engine.height,
        "block": header_hash(engine),
        "time_ms": engine.time_ms,
        "validators": [seat.member for seat in trust.sets[-1].seats],
    }
