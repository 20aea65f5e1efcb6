"""`hansa network`: found one among companies that do not trust each other, join one, leave it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from hansa.apps.consortium.messages import Genesis, GenesisKey, GenesisMember
from hansa.cli.common import Language, confirm, now_ms, passphrase, say, show_json
from hansa.cli.company import checked_id, company_of, company_options
from hansa.cli.fields import FileTaken, read_input
from hansa.cli.founding import (
    KEY_DAYS,
    KEY_ID,
    PORT,
    PORT_MAX,
    PORTS,
    first_keys,
    parameter,
    refuse_profile_name,
)
from hansa.client import profiles
from hansa.client.files import write_new
from hansa.client.keyfiles import PrivateKey, new_key, read_key, write_key
from hansa.client.profiles import Profile
from hansa.kernel import encode, limits, replace

READABLE = 0o644
LATER = {
    "invite": ("hansa.cli.network_join", "invite"),
    "join": ("hansa.cli.network_join", "join"),
    "leave": ("hansa.cli.network_leave", "leave"),
    "demo": ("hansa.cli.network_demo", "demo"),
    "trial": ("hansa.cli.network_trial", "trial"),
}
"""Commands of modules of their own."""


class _Network(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*self.commands, *LATER])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in LATER:
            return super().get_command(ctx, cmd_name)
        from importlib import import_module

        module, name = LATER[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=_Network)
def network() -> None:
    """Several companies, each with a node of its own, none of them trusted. 多节点网络：没有运营方。"""


@network.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--id", "member", required=True, help="The id you ask for. 拟用的成员单位编号。")
@company_options
@click.option(
    "--address",
    default="",
    metavar="HOST:PORT",
    help="Where others reach your engine; leave it out behind NAT. 引擎对外地址；在 NAT 之后则不填。",
)
@click.option("--recovery", type=click.Path(path_type=Path), help="Write a recovery key here. 恢复密钥。")
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="Write it here. 输出。")
@click.pass_obj
def card(
    lang: Language,
    /,
    directory: Path,
    member: str,
    address: str,
    recovery: Path | None,
    output: Path,
    **company: Any,
) -> None:
    """Make your company's keys in DIRECTORY, and its card, by which it founds a network with others.

    The keys stay on this machine; the card holds nothing secret. 生成本单位密钥与创始成员卡。
    """
    from hansa.node import joining_cards as cards
    from hansa.node.joining_folder import make_keys

    if output.exists():
        raise FileTaken(path=str(output))
    checked_id(member)
    whose = company_of(company)
    check_address(address)
    keys = make_keys(directory)
    cold = recovery_key(recovery)
    founder = GenesisMember(
        id=member,
        keys=(*first_keys(member, keys.daily, cold, KEY_DAYS), worker_key(member, keys.worker)),
        **{name: getattr(whose, name) for name in whose.__struct_fields__},
    )
    made = cards.card_of(founder, keys.validator.signer, keys.node.public, address)
    signers = [keys.daily, *([cold] if cold else []), keys.worker, keys.validator, keys.node]
    write_new(output, encode(cards.signed(made, [key.signer for key in signers])), READABLE)
    say(
        lang,
        f"成员卡：{output}。请交给汇总创始文件的单位；{directory} 中的密钥请勿外传，并请备份。",
        f"The card is in {output}: give it to whoever puts the founding file together. The keys in "
        f"{directory} stay there; back them up.",
    )


def recovery_key(path: Path | None) -> PrivateKey | None:
    """The recovery key of a file, made where there is none: who runs a command again goes on with the same.

    Raises what the key file's reader raises.
    """
    if path is None:
        return None
    if not path.exists():
        write_key(path, new_key().seed)
    return read_key(path)


def worker_key(member: str, key: PrivateKey) -> GenesisKey:
    """The key by which a founder's node signs what a node signs."""
    from hansa.node.joining_folder import WORKER_KEY, WORKER_SCOPES

    return GenesisKey(
        id=WORKER_KEY,
        public=key.public,
        holder=f"{member}-{WORKER_KEY}"[:64],
        kind="worker",
        scopes=WORKER_SCOPES,
        expires_ms=now_ms() + 5 * KEY_DAYS * limits.DAY_MS,
    )


def check_address(address: str) -> None:
    """Raises AddressWrong for what is no HOST:PORT."""
    from hansa.node import errors_joining as errors
    from hansa.node.joining_invitation import PEER

    port = address.rpartition(":")[2]
    if address and not (PEER.fullmatch(f"{'0' * 40}@{address}") and 0 < int(port) <= PORT_MAX):
        raise errors.AddressWrong(given=address[:80])


@network.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--card", "cards", multiple=True, metavar="FILE", help="A founder's card. 创始成员卡。")
@click.option("--consortium-zh", default="", help="The consortium's name, Chinese. 联盟名称（中文）。")
@click.option("--consortium-en", default="", help="The consortium's name, English. 联盟名称（英文）。")
@click.option("--charter", metavar="FILE", help="Founding document; its hash is kept. 章程，只存哈希。")
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Not the default. 参数。"
)
@click.option("--dry-run", is_flag=True, help="Show the genesis file; write nothing. 只显示创世文件。")
@click.pass_obj
def create(lang: Language, /, file: Path, cards: tuple[str, ...], dry_run: bool, **given: Any) -> None:
    """Put the founders' cards together into the founding FILE, for all of them to check and confirm.

    Whoever does this gains nothing by it: each founder checks the file by itself, and compares the check
    number with the others. 汇总成员卡，生成创始文件；由每个创始单位各自核对、确认。
    """
    from hansa.node import errors_joining as errors
    from hansa.node import joining_cards as founding

    if file.exists() and not dry_run:
        raise FileTaken(path=str(file))
    found = [founding.read_card(read_input(path).strip(), path) for path in cards]
    if not found:
        raise errors.NoCards()
    zh, en, charter = given["consortium_zh"], given["consortium_en"], given["charter"]
    named = founding.Named(
        name_zh=zh or en or "网络",
        name_en=en or zh or "Network",
        created_ms=now_ms(),
        rules=limits.RULES_MAX,
        charter_sha256=hashlib.sha256(read_input(charter)).hexdigest() if charter else "",
        parameters=tuple(parameter(text) for text in given["parameters"]),
    )
    genesis = founding.genesis_of(named, [one.card for one in found])
    check_genesis(encode(genesis))
    if dry_run:
        show_json(genesis)
        return
    made = founding.FoundingFile(genesis=encode(genesis), cards=tuple(found))
    write_new(file, encode(made), READABLE)
    say(
        lang,
        f"创始文件：{file}（{len(found)} 个创始单位）。请发给每个创始单位；各自执行：hansa network confirm "
        f"{file.name} 目录",
        f"The founding file is {file}, of {len(found)} founders. Send it to each; each runs: hansa network "
        f"confirm {file.name} DIRECTORY",
    )
    tell_chain(lang, encode(genesis))


def check_genesis(data: bytes) -> None:
    """What a node would refuse at its start is refused before anything is written."""
    from hansa.apps.rooms import release
    from hansa.engines.founding import found
    from hansa.kernel.signatures import VerifiedCache

    found(data, release(), VerifiedCache().verify)


def tell_chain(lang: Language, genesis: bytes) -> None:
    """The chain and the number to compare."""
    from hansa.node.joining_cards import check_number

    chain = hashlib.sha256(genesis).hexdigest()
    say(
        lang,
        f"链：{chain}\n核对码：{check_number(chain)}（请用电话与其他单位逐组核对）",
        f"Chain: {chain}\nCheck number: {check_number(chain)} (compare it with the others by telephone)",
    )


@network.command("confirm")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--port", type=PORTS, default=PORT, show_default=True, help="Of your node's HTTP. 节点 HTTP 端口。"
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Your node listens here. 监听地址。")
@click.option("--listen", default="", metavar="HOST:PORT", help="Of your engine. 引擎监听地址。")
@click.option("--profile", "profile_name", default="", help="Name of the profile made. 配置名称。")
@click.option("--yes", "-y", is_flag=True, help="The check number was compared. 已核对，不再询问。")
@click.pass_obj
def confirm_(
    lang: Language, file: Path, directory: Path, port: int, host: str, listen: str, profile_name: str,
    yes: bool,
) -> None:  # fmt: skip
    """Check the founding FILE against your own keys, and make DIRECTORY your node's.

    核对创始文件并建立节点目录。
    """
    from hansa.node import errors_joining as errors
    from hansa.node import joining_cards as founding
    from hansa.node.joining_folder import (
        DAILY_FILE,
        ENGINE_PORT,
        Plan,
        make_keys,
        settings_text,
        write_folder,
    )

    founders, genesis = founding.read_founding(read_input(str(file)).strip(), str(file))
    check_genesis(founders.genesis)
    if not (directory / DAILY_FILE).exists():
        raise errors.NoKeys(path=str(directory))
    check_address(listen)
    keys = make_keys(directory)
    own = founding.own_card(founders, keys.daily.public, keys.validator.public, keys.node.public)
    if (profile_name or own.member.id) not in profiles.names():
        refuse_profile_name(profile_name or own.member.id)
    cards = [one.card for one in founders.cards]
    plan = Plan(
        member=own.member.id,
        port=port,
        host=host,
        listen=listen or f"0.0.0.0:{own.address.rpartition(':')[2] or ENGINE_PORT}",
        external=own.address,
        peers=tuple(founding.peers_of(cards, own.member.id)),
        relay_only=not own.address,
        urls=founding.urls_of(cards, own.member.id),
    )
    tell_founding(lang, genesis, cards)
    tell_chain(lang, founders.genesis)
    if not yes:
        confirm(
            lang,
            "核对码与其他单位的一致，按此创建网络？之后不能更改。",
            "Is the check number that of the others? Found the network so? It can never change.",
        )
    before = write_folder(directory, founders.genesis, settings_text(plan))
    name = keep_profile(
        lang, profile_name or own.member.id, own.member.id, directory, founders.genesis, keys.daily, port
    )
    tell_settings(lang, before)
    say(
        lang,
        f"节点目录：{directory}\n配置：{name}\n启动：hansa node run {directory}",
        f"Node: {directory}\nProfile: {name}\nStart it: hansa node run {directory}",
    )


def tell_founding(lang: Language, genesis: Genesis, cards: Sequence[Any]) -> None:
    """What the founders' cards do not say and whoever put them together chose; then the founders."""
    none = "无" if lang == "zh" else "none"
    charter = genesis.charter_sha256 or none
    chosen = "、".join(f"{each.name}={each.value}" for each in genesis.parameters) or none
    say(
        lang,
        f"联盟：{genesis.name_zh} {genesis.name_en}\n章程 SHA-256：{charter}\n"
        f"与默认不同的参数：{chosen}\n创始单位：",
        f"Consortium: {genesis.name_en} {genesis.name_zh}\nSHA-256 of the charter: {charter}\n"
        f"Parameters other than the default: {chosen}\nFounders:",
        err=True,
    )
    for one in cards:
        click.echo(_line(one), err=True)


def _line(card: Any) -> str:
    from hansa.node.joining_cards import node_id

    member = card.member
    number = f"{member.registration.kind} {member.registration.number}" if member.registration else ""
    place = card.address or "NAT"
    return f"  {member.id}  {member.name_zh} {member.name_en}  {number}  {place}  {node_id(card.node)}"


def tell_settings(lang: Language, before: Path | None) -> None:
    """Where the settings went that were there before."""
    if before is not None:
        say(
            lang,
            f"node.toml 已重新写出，原来的存为 {before}；自己改过的设置（如 TLS）请抄回。",
            f"node.toml was written anew; the one that was there is {before}. Copy over what you had set "
            "yourself, such as TLS.",
        )


def keep_profile(
    lang: Language, name: str, member: str, directory: Path, genesis: bytes, key: PrivateKey, port: int
) -> str:
    """The profile by which commands go to this node. Of one that is there only address and folder change.

    Raises ProfileTaken where it is another member's or chain's.
    """
    made = Profile(
        url=f"http://127.0.0.1:{port}",
        member=member,
        key=KEY_ID,
        chain=hashlib.sha256(genesis).hexdigest(),
        node=member,
        data=str(directory.resolve()),
    )
    try:
        return profiles.create(name, made, genesis, key).name
    except profiles.ProfileTaken:
        there = profiles.find(name)
        kept = there.profile()
        if (kept.chain, kept.member) != (made.chain, member):
            raise
        changed = replace(kept, url=made.url, node=made.node, data=made.data)
        if changed != kept:
            there.change(changed, there.private_key(lambda: passphrase(lang)))
        return name
