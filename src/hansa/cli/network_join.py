"""`hansa network invite` and `join`: how a company comes to a network that is there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from hansa.apps.consortium.messages import Genesis, Member
from hansa.cli.common import (
    Desk,
    Language,
    confirm,
    desk,
    json_option,
    now_ms,
    profile_option,
    say,
    show_json,
)
from hansa.cli.company import checked_id, company_of, company_options
from hansa.cli.fields import FileTaken, read_input
from hansa.cli.founding import PORT, PORTS
from hansa.cli.network import (
    READABLE,
    check_address,
    check_genesis,
    keep_profile,
    recovery_key,
    tell_chain,
    tell_settings,
)
from hansa.client.files import write_new, write_over
from hansa.kernel import encode
from hansa.kernel.refusal import Refusal

MARKS = {"ok": "✓", "note": "·", "warning": "!", "wrong": "✗"}
CARD, LEDGER = "card.json", "ledger.db"
YOUNG_BLOCKS = 2_000
"""Up to so many blocks of the engine a network is replayed within a minute."""
EVERYWHERE = ("0.0.0.0", "::", "[::]", "")


@click.command()
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="Write it here. 输出。")
@click.option(
    "--node", "extra", multiple=True, metavar="MEMBER=URL", help="A node that is not registered. 其他节点。"
)
@click.option("--ca", type=click.Path(path_type=Path), help="CA file of the nodes' certificates. CA 文件。")
@profile_option
@click.pass_obj
def invite(lang: Language, output: Path, extra: tuple[str, ...], ca: Path | None, profile_name: str) -> None:
    """Write the invitation that a newcomer needs: genesis file, nodes, a block to begin from.

    Nothing in it is secret. 生成邀请文件：创世文件、各节点地址、可信的起点区块。
    """
    from hansa.node import joining_engine as engine
    from hansa.node.joining_checks import ask_all, usable
    from hansa.node.joining_invitation import Invitation, write_invitation

    if output.exists():
        raise FileTaken(path=str(output))
    at = desk(lang, profile_name)
    urls = {**_registered(at), at.profile.node: at.profile.url, **dict(_pair(text) for text in extra)}
    ask = engine.over_http(ca or (Path(at.profile.ca) if at.profile.ca else None))
    heard = ask_all(ask, urls)
    good = usable(heard, at.profile.chain)
    _show(lang, heard, urls, at.profile.chain)
    begin = _a_block(ask, urls, good)
    charter = at.ask("consortium.charter", str | None) or ""
    made = Invitation(
        genesis=at.genesis,
        charter_sha256=charter,
        inviter=at.profile.member,
        at_ms=now_ms(),
        nodes=tuple(
            _invited(member, urls[member], said.node_id, said.address) for member, said in good.items()
        ),
        height=begin.height,
        hash=begin.hash,
    )
    write_new(output, write_invitation(made), READABLE)
    say(
        lang,
        f"邀请文件：{output}（{len(made.nodes)} 个节点，起点为引擎高度 {begin.height}）。"
        "请连同核对码交给新成员单位。",
        f"The invitation is in {output}: {len(made.nodes)} nodes, beginning at engine height {begin.height}. "
        "Give it to the newcomer, and tell the check number.",
    )
    tell_chain(lang, at.genesis)


def _a_block(ask: Any, urls: Mapping[str, str], good: Mapping[str, Any]) -> Any:
    """A block that all nodes show which answer; of a network of one node, its own.

    Whoever is invited proves it anew. Raises TooFewNodes where none answers, NodesDiffer.
    """
    from hansa.node import joining_engine as engine

    heights = {member: said.height for member, said in good.items()}
    if len(heights) != 1:
        return engine.trusted(ask, urls, heights)
    ((member, height),) = heights.items()
    height = max(height, 1)
    return engine.Trusted(height, engine.block_hash(ask, urls[member], height), (member,))


def _registered(at: Desk) -> dict[str, str]:
    """Addresses that members registered."""
    rows = at.ask_all("consortium.members", tuple[str, Member], lambda row: row[0])
    return {name: member.node_url for name, member in rows if member.node_url and member.status == "active"}


def _pair(text: str) -> tuple[str, str]:
    member, sep, url = text.partition("=")
    if not sep:
        raise click.BadParameter(f"{text}: write MEMBER=URL. 请写成 成员单位=地址。")
    return member, url


def _invited(member: str, url: str, node_id: str, address: str) -> Any:
    """A node as a newcomer can reach it. One that listens everywhere is reached where its HTTP is."""
    from hansa.node.joining_invitation import PEER, InvitedNode

    host, _, port = address.rpartition(":")
    if host in EVERYWHERE:
        host = urlsplit(url).hostname or ""
    peer = f"{node_id}@{f'[{host}]' if ':' in host.strip('[]') else host}:{port}"
    return InvitedNode(member=member, url=url, peer=peer if PEER.fullmatch(peer) else "")


def _show(lang: Language, heard: Mapping[str, Any], urls: Mapping[str, str], chain: str) -> None:
    from hansa.node.joining_checks import look_at_nodes

    show_findings(lang, list(look_at_nodes(heard, urls, chain)))


def show_findings(lang: Language, findings: Sequence[Any]) -> None:
    for one in findings:
        click.echo(f"{MARKS[one.level]} {one.check}: {one.zh if lang == 'zh' else one.en}", err=True)


@click.command()
@click.argument("invitation", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--id", "member", required=True, help="The id you ask for. 拟用的成员单位编号。")
@company_options
@click.option("--address", default="", metavar="HOST:PORT", help="Of your engine, for others. 引擎对外地址。")
@click.option("--relay", default="", metavar="MEMBER", help="Behind NAT: through this member. 经其中继。")
@click.option(
    "--replay/--snapshot",
    "replay",
    default=None,
    help="All blocks from the first on, or a snapshot; else by the network's age. 区块重放，或快照同步。",
)
@click.option(
    "--port", type=PORTS, default=PORT, show_default=True, help="Of your node's HTTP. 节点 HTTP 端口。"
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Your node listens here. 监听地址。")
@click.option("--listen", default="", metavar="HOST:PORT", help="Of your engine. 引擎监听地址。")
@click.option("--observe", is_flag=True, help="Your node votes on no blocks. 只同步，不作验证节点。")
@click.option("--recovery", type=click.Path(path_type=Path), help="Write a recovery key here. 恢复密钥。")
@click.option("--ca", type=click.Path(path_type=Path), help="CA file of the nodes' certificates. CA 文件。")
@click.option("--profile", "profile_name", default="", help="Name of the profile made. 配置名称。")
@click.option("--dry-run", is_flag=True, help="Look at everything; write nothing. 只检查，不写入。")
@json_option
@click.option("--yes", "-y", is_flag=True, help="The check number was compared. 已核对，不再询问。")
@click.pass_obj
def join(
    lang: Language, /, invitation: Path, directory: Path, member: str, dry_run: bool, as_json: bool,
    yes: bool, **given: Any,
) -> None:  # fmt: skip
    """Make DIRECTORY a node of the network of INVITATION, and the card by which the members admit you.

    Looks at this machine and at the members' nodes first, and says what to do about each trouble. Run it
    again after whatever interrupts it. 加入网络：先检查，再建立节点目录与成员卡；可重复执行。
    """
    from hansa.node import errors_joining as errors
    from hansa.node.joining_folder import DAILY_FILE, check_folder
    from hansa.node.joining_invitation import read_invitation

    invited, genesis = read_invitation(read_input(str(invitation)), str(invitation))
    check_genesis(invited.genesis)
    check_folder(directory, invited.genesis, checked_id(member))
    if any(founder.id == member for founder in genesis.members) and not (directory / DAILY_FILE).exists():
        raise errors.IdTaken(member=member)
    company = company_of(given)
    plan, findings = look(lang, invited, directory, member, given)
    show_findings(lang, findings)
    tell_chain(lang, invited.genesis)
    if as_json:
        show_json({"findings": findings, "height": plan.sync.height if plan.sync else 0})
    if dry_run:
        return
    if not yes:
        confirm(
            lang, "核对码与邀请方所说一致，加入？", "Is the check number what the inviter told you? Join?"
        )
    _write(lang, invited, genesis, directory, company, plan, given)


def look(lang: Language, invited: Any, directory: Path, member: str, given: Mapping[str, Any]) -> Any:
    """(how the node will be set up, what was found). Raises what forbids joining, once all is shown."""
    from hansa.node import errors_joining as errors
    from hansa.node import joining_checks as checks
    from hansa.node import joining_engine as engine
    from hansa.node import joining_invitation as invitations
    from hansa.node.joining_folder import Plan
    from hansa.node.supervision_node import blocks_in

    address, relay = given["address"], given["relay"]
    check_address(address)
    check_address(given["listen"])
    ask, chain = engine.over_http(given["ca"]), invitations.chain_of(invited)
    urls = invitations.urls(invited.nodes)
    plan = Plan(
        member=member,
        port=given["port"],
        host=given["host"],
        listen=given["listen"] or _listen(address),
        external=address,
        peers=tuple(invitations.peers(invited.nodes, relay)),
        relay_only=not address,
        urls={name: url for name, url in urls.items() if name != member},
    )
    heard = checks.ask_all(ask, urls)
    findings = [
        *checks.look_at_engine(),
        *checks.look_at_disk(directory),
        *([] if _runs(directory) else checks.look_at_ports(_ports(plan))),
        *checks.look_at_nodes(heard, urls, chain),
        *checks.look_at_clock(heard, now_ms()),
        *checks.look_at_peers({n.member: n.peer for n in dialled(invited, plan)}, relay=relay),
    ]
    if checks.wrong(findings):
        show_findings(lang, findings)
        raise errors.CannotJoin(count=len(checks.wrong(findings)))
    if blocks_in(directory / LEDGER) or _replays(given["replay"], heard, chain):
        return plan, findings
    begin = begin_at(ask, invited, urls, heard, given["ca"])
    return plan._replace(sync=begin), findings


def dialled(invited: Any, plan: Any) -> list[Any]:
    return [node for node in invited.nodes if node.peer in plan.peers]


def begin_at(
    ask: Any, invited: Any, urls: Mapping[str, str], heard: Mapping[str, Any], ca: Path | None
) -> Any:
    """Where a snapshot is checked from: the newest proved block that all nodes show, of the invited history.

    Raises TooFewNodes, NodesDiffer, NodeLies, InvitationDiffers.
    """
    from hansa.node import errors_joining as errors
    from hansa.node import joining_engine as engine
    from hansa.node import joining_trust as trust
    from hansa.node.joining_checks import usable
    from hansa.node.joining_folder import Sync
    from hansa.node.joining_invitation import chain_of

    chain = chain_of(invited)
    heights = {member: said.height for member, said in usable(heard, chain).items()}
    begin = trust.begin(invited.genesis, chain, urls, heights, ask, trust.over_http(chain, ca), now_ms)
    for member in begin.members:
        try:
            found = engine.block_hash(ask, urls[member], invited.height)
        except Refusal:
            continue  # Pruned there, or not yet known: then another node may say.
        if found != invited.hash:
            raise errors.InvitationDiffers(
                height=invited.height, invited=invited.hash[:12], member=member, found=found[:12]
            )
    servers = engine.servers([urls[member] for member in begin.members])
    return Sync(tuple(servers), begin.height, begin.hash)


def _listen(address: str) -> str:
    """Behind NAT on this machine alone; else everywhere, at the port that others dial."""
    from hansa.node.joining_folder import ENGINE_PORT

    return f"0.0.0.0:{address.rpartition(':')[2]}" if address else f"127.0.0.1:{ENGINE_PORT}"


def _ports(plan: Any) -> list[tuple[str, str, int]]:
    host, _, port = plan.listen.rpartition(":")
    listens = [] if plan.relay_only else [("--listen", host, int(port))]
    return [("--port", plan.host, plan.port), *listens]


def _replays(chosen: bool | None, heard: Mapping[str, Any], chain: str) -> bool:
    """Whether the node begins at the first block. A young network may have made no snapshot yet."""
    from hansa.node.joining_checks import usable

    if chosen is not None:
        return chosen
    good = usable(heard, chain).values()
    return any(said.earliest <= 1 and said.height <= YOUNG_BLOCKS for said in good)


def _runs(directory: Path) -> bool:
    """Whether the node of this folder runs already."""
    from hansa.node.supervision_checks import LOCK, is_free

    return (directory / LOCK).exists() and not is_free(directory)


def _write(
    lang: Language, invited: Any, genesis: Genesis, directory: Path, company: Any, plan: Any,
    given: Mapping[str, Any],
) -> None:  # fmt: skip
    from hansa.node.joining_card import admission
    from hansa.node.joining_folder import make_keys, settings_text, write_folder
    from hansa.node.joining_invitation import chain_of

    keys, cold = make_keys(directory), recovery_key(given["recovery"])
    before = write_folder(directory, invited.genesis, settings_text(plan))
    chain = chain_of(invited)
    card = admission(
        chain, plan.member, company, keys, now_ms(), charter_sha256=invited.charter_sha256, recovery=cold,
        validates=not given["observe"],
    )  # fmt: skip
    write_over(directory / CARD, encode(card), READABLE)
    name = keep_profile(
        lang, given["profile_name"] or plan.member, plan.member, directory, invited.genesis, keys.daily,
        plan.port,
    )  # fmt: skip
    tell_settings(lang, before)
    say(
        lang,
        f"节点目录：{directory}；配置：{name}\n"
        f"1. 启动并等它跟上：hansa node run {directory}\n"
        f"2. 把 {directory / CARD} 交给一个成员单位，由其提请表决：hansa member propose card.json\n"
        "3. 表决通过后，贵单位即成为成员，节点随即成为验证节点。",
        f"Node: {directory}; profile: {name}\n"
        f"1. Start it and let it catch up: hansa node run {directory}\n"
        f"2. Give {directory / CARD} to a member, who puts it to the vote: hansa member propose card.json\n"
        "3. Once it is adopted your company is a member, and its node a validator.",
    )
    if given["ca"] and plan.sync:
        ca = given["ca"].resolve()
        say(
            lang,
            f"快照同步时引擎也要核对证书，请这样启动：SSL_CERT_FILE={ca} hansa node run {directory}",
            f"The engine checks certificates, too, while it state-syncs. Start it by: SSL_CERT_FILE={ca} "
            f"hansa node run {directory}",
        )
