"""`hansa init`: found a consortium; `hansa member card --founding`: what each founder gives for it."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from hansa.apps.consortium.messages import (
    Company,
    Genesis,
    GenesisKey,
    GenesisMember,
    ParameterValue,
)
from hansa.cli.common import Language, WrongCommand, confirm, now_ms, say, show_json
from hansa.cli.company import company_of, company_options, trial_company
from hansa.cli.fields import FileUnusable, read_input
from hansa.cli.profile import new_passphrase
from hansa.client import profiles
from hansa.client.files import write_new
from hansa.client.keyfiles import PrivateKey, new_key, public_of, write_key
from hansa.client.outbox import identity_of
from hansa.client.profiles import Profile
from hansa.kernel import Cosigner, Struct, encode, limits
from hansa.kernel.canonical import decode_strict
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import ED25519, VerifiedCache, verify

FOUNDING_DOMAIN = b"hansa-founder-1\x00"
KEY_ID = "k1"
RECOVERY_ID = "recovery"
DIRECTORY = "hansa-node"
MEMBER = "me"
KEY_DAYS = 730
PORT = 8420
PORT_MAX = 65_535
PORTS = click.IntRange(1, PORT_MAX)
READABLE = 0o644


class DirectoryTaken(Refusal, code="cli.directory_taken", field="directory"):
    zh = "目录 {path} 已有联盟文件，未作改动。请换一个目录；创世文件从不覆盖。"
    en = "{path} holds a consortium already and was not touched. Choose another directory."


class CardWrong(Refusal, code="cli.card_wrong", field="card"):
    zh = (
        "成员卡 {path} 的签名不成立：须由其所载每把密钥签署；内容被改动，或不是创始成员卡。"
        "请向该成员单位重新索取。"
    )
    en = (
        "The card {path} does not bear the signature of each of its keys, or is no founder's card. Ask its "
        "member again."
    )


class FoundingCard(Struct):
    """A founder's data, its first keys, and the key by which its node will co-sign."""

    member: GenesisMember
    cosigner: bytes = b""


class SignedFoundingCard(Struct):
    card: FoundingCard
    suite: int
    signatures: tuple[bytes, ...]
    """Of each of the card's keys in order, the cosigner's last if there is one, over FOUNDING_DOMAIN ‖
    encode(card): nobody founds with a key that it does not hold.
    """


def founding_card(member: str, company: Company, keys: Sequence[GenesisKey], cosigner: bytes) -> FoundingCard:
    founder = GenesisMember(
        id=member, keys=tuple(keys), **{name: getattr(company, name) for name in company.__struct_fields__}
    )
    return FoundingCard(member=founder, cosigner=cosigner)


def signed_by(card: FoundingCard, private: Sequence[PrivateKey]) -> SignedFoundingCard:
    """The card with a signature of each of its keys, in their order, the cosigner's last."""
    message = FOUNDING_DOMAIN + encode(card)
    signatures = tuple(key.signer.sign(message) for key in private)
    return SignedFoundingCard(card=card, suite=ED25519, signatures=signatures)


def read_founding_card(path: str) -> FoundingCard:
    """A card that each of its keys signed. Raises FileUnusable or CardWrong."""
    data = read_input(path).strip()
    try:
        signed = decode_strict(data, SignedFoundingCard)
    except Refusal:
        raise CardWrong(path=path) from None
    publics = [key.public for key in signed.card.member.keys]
    message = FOUNDING_DOMAIN + encode(signed.card)
    if not publics or len(signed.signatures) != len(publics) + bool(signed.card.cosigner):
        raise CardWrong(path=path)
    for public, signature in zip((*publics, signed.card.cosigner), signed.signatures, strict=False):
        if not verify(signed.suite, public, signature, message):
            raise CardWrong(path=path)
    return signed.card


def first_keys(member: str, key: PrivateKey, cold: PrivateKey | None, days: int) -> tuple[GenesisKey, ...]:
    """The daily key; and a recovery key, which is to be kept elsewhere."""
    expires_ms = now_ms() + days * limits.DAY_MS
    daily = GenesisKey(
        id=KEY_ID,
        public=key.public,
        holder=f"{member}-1",
        kind="person",
        scopes=("*",),
        expires_ms=expires_ms,
    )
    if cold is None:
        return (daily,)
    return (
        daily,
        GenesisKey(
            id=RECOVERY_ID,
            public=cold.public,
            holder=f"{member}-recovery",
            kind="recovery",
            scopes=("consortium.recover",),
            expires_ms=now_ms() + 5 * days * limits.DAY_MS,
        ),
    )


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=DIRECTORY)
@click.option("--quick", is_flag=True, help="One made-up member, to try things. 试用：一个虚构成员单位。")
@click.option("--id", "member", default=MEMBER, show_default=True, help="Your member's id. 成员单位编号。")
@company_options
@click.option("--card", "cards", multiple=True, metavar="FILE", help="Card of another founder. 创始成员卡。")
@click.option("--consortium-zh", default="", help="The consortium's name, Chinese. 联盟名称（中文）。")
@click.option("--consortium-en", default="", help="The consortium's name, English. 联盟名称（英文）。")
@click.option("--charter", metavar="FILE", help="Founding document; its hash is kept. 章程，只存哈希。")
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Not the default. 参数。"
)
@click.option("--recovery", type=click.Path(path_type=Path), help="Write a recovery key here. 恢复密钥。")
@click.option("--port", default=PORT, show_default=True, help="Of your node. 节点端口。")
@click.option("--profile", "profile_name", default="", help="Name of the profile made. 配置名称。")
@click.option("--seal", is_flag=True, help="Protect your key by a passphrase. 用口令保护私钥。")
@click.option("--dry-run", is_flag=True, help="Show the genesis file; write nothing. 只显示创世文件。")
@click.option("--yes", "-y", is_flag=True, help="Do not ask. 不再询问。")
@click.pass_obj
def init(
    lang: Language,
    /,
    directory: Path,
    quick: bool,
    member: str,
    profile_name: str,
    seal: bool,
    dry_run: bool,
    yes: bool,
    **given: Any,
) -> None:
    """Found a consortium: write DIRECTORY with its genesis file and your node's key, and a profile.

    Alone (--quick, or your company's data), or with others by their cards (`hansa member card --founding`).
    创建联盟：生成创世文件、节点密钥和配置。
    """
    if (directory / "genesis.json").exists():
        raise DirectoryTaken(path=str(directory))
    if not dry_run:
        refuse_profile_name(profile_name or member)
    own = trial_company() if quick else company_of(given)
    key, node = new_key(), new_key()
    recovery: Path | None = given["recovery"]
    cold = new_key() if recovery else None
    keys = first_keys(member, key, cold, KEY_DAYS)
    ours = founding_card(member, own, keys, node.public)
    founders = [read_founding_card(path) for path in given["cards"]]
    genesis = _genesis(member, node, [ours, *founders], given)
    data = encode(genesis)
    _check(data)
    if dry_run:
        show_json(genesis)
        return
    if not (yes or quick):
        click.echo(msgspec.json.format(data, indent=1).decode(), err=True)
        confirm(lang, "以此创世文件创建联盟？之后不能更改。", "Found it by this file? It can never change.")
    if recovery and cold:
        write_key(recovery, cold.seed)
    settings = settings_text(member, given["port"])
    write_directory(directory, data, node, settings, lambda: _begin(directory, data))
    made = Profile(
        url=f"http://127.0.0.1:{given['port']}",
        member=member,
        key=KEY_ID,
        chain=identity_of(data),
        node=member,
        data=str(directory.resolve()),
    )
    word = new_passphrase(lang) if seal else None
    place = profiles.create(profile_name or member, made, data, key, passphrase=word)
    _tell(lang, directory, place.name, made.chain, len(founders))


def _genesis(
    operator: str, node: PrivateKey, cards: Sequence[FoundingCard], given: dict[str, Any]
) -> Genesis:
    """The founding file of these founders, the operator first, under the newest rules."""
    own = cards[0].member
    charter = given["charter"]
    return Genesis(
        name_zh=given["consortium_zh"] or given["consortium_en"] or own.name_zh,
        name_en=given["consortium_en"] or given["consortium_zh"] or own.name_en,
        created_ms=now_ms(),
        operator=operator,
        node_public=node.public,
        members=tuple(card.member for card in cards),
        rules=limits.RULES_MAX,
        charter_sha256=hashlib.sha256(read_input(charter)).hexdigest() if charter else "",
        parameters=tuple(parameter(text) for text in given["parameters"]),
        **_seats(cards),
    )


def refuse_profile_name(name: str) -> None:
    """Before anything is written: the profile can be made."""
    if name in profiles.names():
        raise profiles.ProfileTaken(name=name)
    if not profiles.NAME.fullmatch(name):
        raise profiles.ProfileName(name=name)


def parameter(text: str) -> ParameterValue:
    name, _, value = text.partition("=")
    if not (value.isascii() and value.isdigit()):
        raise WrongCommand(
            text_zh=f"--parameter {text} 不对。请写成 名称=整数。",
            text_en=f"--parameter {text} is wrong. Write NAME=INTEGER.",
        )
    return ParameterValue(name=name, value=int(value[:20]))


def _seats(cards: Sequence[FoundingCard]) -> dict[str, Any]:
    """All founders that bring a cosigner's key, and the least quorum of that many (rule 27)."""
    seats = tuple(Cosigner(member=c.member.id, public=c.cosigner) for c in cards if c.cosigner)
    faulty = (len(seats) - 1) // 3
    return {"cosigners": seats, "quorum": (len(seats) + faulty) // 2 + 1}


def _check(data: bytes) -> None:
    """What a node would refuse at its start is refused before anything is written."""
    from hansa.apps.rooms import release
    from hansa.engines.founding import found

    found(data, release(), VerifiedCache().verify)


def _begin(directory: Path, genesis: bytes) -> None:
    """The empty ledger: `hansa up` founds none, so that a lost one never becomes a new beginning."""
    from hansa.apps.rooms import release
    from hansa.engines.folder import begin
    from hansa.node.private import private

    with private():
        begin(directory / "ledger.db", genesis, release())


def settings_text(member: str, port: int, **more: str) -> str:
    """A node.toml."""
    lines = [
        "# Settings of this node: docs/run-a-node.md lists them all.",
        "# 本节点的设置，全部选项见 docs/zh/run-a-node.md。",
        f'member = "{member}"',
        *(f"{name} = {msgspec.json.encode(value).decode()}" for name, value in more.items()),
        'host = "127.0.0.1"',
        f"port = {port}",
    ]
    return "\n".join(lines) + "\n"


def write_directory(
    directory: Path,
    genesis: bytes,
    node: PrivateKey | None,
    settings: str,
    begin: Callable[[], None] = lambda: None,
) -> None:
    """A node's data directory; genesis.json comes last, so that what is half-made is no directory yet.

    `begin` leaves an operator's empty ledger there. Raises DirectoryTaken or FileUnusable.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if node is not None:
            write_key(directory / "node.key", node.seed)
        write_new(directory / "node.toml", settings.encode(), READABLE)
        begin()
        write_new(directory / "genesis.json", genesis, READABLE)
    except FileExistsError:
        raise DirectoryTaken(path=str(directory)) from None
    except OSError as error:
        raise FileUnusable(path=str(directory), cause=str(error)) from None


def _tell(lang: Language, directory: Path, profile: str, chain: str, others: int) -> None:
    say(
        lang,
        f"联盟已创建。链：{chain}\n"
        f"数据目录：{directory}（请备份 node.key）\n配置：{profile}\n启动节点：hansa up {directory}",
        f"The consortium is founded. Chain: {chain}\n"
        f"Data directory: {directory} (back up node.key)\nProfile: {profile}\n"
        f"Start the node: hansa up {directory}",
    )
    if others:
        say(
            lang,
            f"请把 {directory / 'genesis.json'} 交给其他 {others} 个创始成员单位，各自核对后使用。",
            f"Give {directory / 'genesis.json'} to the other {others} founders; each compares it with its "
            "card.",
        )


def public_of_node(directory: Path) -> bytes:
    return public_of(directory / "node.key")
