"""`hansa node diff`: the first record in which nodes of one ledger differ."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from hansa.cli.common import (
    Language,
    WrongCommand,
    desk,
    json_option,
    known_rooms,
    profile_option,
    say,
    show_json,
    show_rows,
)

if TYPE_CHECKING:  # Loaded when it runs: help is there without it.
    from hansa.kernel.signatures import Signer
    from hansa.node.difference_nodes import Found, Side

WHAT = {
    "engine": ("共识引擎写入的事实（提议者、违规证据）", "the engine's facts (proposer, evidence)"),
    "time": ("区块时间", "the block's time"),
    "transactions": ("第 {index} 笔交易", "transaction {index}"),
    "outcome": ("第 {index} 笔交易的结果（{kind}）", "the outcome of transaction {index} ({kind})"),
    "event": ("第 {index} 个事件（{kind}）", "event {index} ({kind})"),
    "record": ("表 {table} 的记录 {key}（{kind}）", "the record {key} of table {table} ({kind})"),
    "state": ("状态摘要，未能定位到具体记录", "the digest of the state; which record was not found"),
    "leaf": ("区块，未能定位到具体内容", "the block; which part of it was not found"),
}


class Reader(NamedTuple):
    """As whom the records of other nodes are read."""

    member: str
    key: str
    signer: "Signer"


@click.command()
@click.argument("nodes", nargs=-1, required=True, metavar="DIR|[MEMBER=]URL...")
@click.option("--height", type=click.IntRange(1), help="Up to this height. 比较到此高度。")
@click.option(
    "--records", is_flag=True, help="All records, also where blocks agree. 区块一致时也逐条比对记录。"
)
@profile_option
@json_option
@click.pass_obj
def diff(
    lang: Language,
    nodes: tuple[str, ...],
    height: int | None,
    records: bool,
    profile_name: str,
    as_json: bool,
) -> None:
    """Compare copies of one ledger and name the first record that differs. Exit status 1 if any does.

    The first node is compared with each of the others; a single directory with the nodes that its node.toml
    names. Nothing is written, and no node is disturbed. 比对多个节点，指出首个不同的记录。
    """
    import msgspec

    from hansa.node.difference_nodes import between

    with ExitStack() as stack:
        one, *others = _sides(lang, stack, nodes, profile_name)
        if not others:
            raise WrongCommand(
                text_zh="请再给出一个目录或地址；node.toml 中没有其他节点的地址。",
                text_en="name another folder or address; node.toml names no other node.",
            )
        found = [between(one, other, height or 0, records=records) for other in others]
    differ = any(each.what != "nothing" for each in found)
    if as_json:
        show_json({"differ": differ, "found": [msgspec.to_builtins(each) for each in found]})
    else:
        for each in found:
            _show(lang, each)
    sys.exit(1 if differ else 0)


def _show(lang: Language, found: "Found") -> None:
    if found.what == "nothing":
        say(
            lang,
            f"✓ {found.one} 与 {found.other} 到高度 {found.height} 一致（{found.one_hash[:16]}…）",
            f"✓ {found.one} and {found.other} agree up to height {found.height} ({found.one_hash[:16]}…)",
        )
        return
    told = {"index": found.index, "kind": found.kind, "table": found.table, "key": "/".join(found.key)}
    zh, en = (text.format(**told) for text in WHAT[found.what])
    say(
        lang,
        f"✗ {found.one} 与 {found.other} 从高度 {found.height} 起不同。首个不同：{zh}",
        f"✗ {found.one} and {found.other} differ from height {found.height} on. First: {en}",
    )
    if found.unseen_en:
        say(lang, f"  {found.unseen_zh}", f"  {found.unseen_en}")
    rows: list[tuple[str, str, str]] = [(each.path, each.ours, each.theirs) for each in found.fields]
    if found.one_hash != found.other_hash:
        rows.insert(0, ("app_hash", found.one_hash, found.other_hash))
    show_rows(lang, (("字段", "field"), (found.one, found.one), (found.other, found.other)), rows)


def _sides(lang: Language, stack: ExitStack, nodes: tuple[str, ...], profile_name: str) -> "list[Side]":
    """The copies that are named, open until the stack closes.

    Raises DiffWhose where it is not said whose node an address is: a session names it.
    """
    from hansa.node.errors_supervision import DiffWhose

    folders = [node for node in nodes if "://" not in node]
    known = _known(Path(folders[0])) if folders else {}
    named = list(nodes)
    if len(nodes) == 1 and folders:
        named += [f"{member}={url}" for member, url in known.items()]
    reader: Reader | None = None
    found: list[Side] = []
    for node in named:
        if "://" not in node:
            found.append(_folder(stack, Path(node)))
            continue
        member, _, url = node.rpartition("=") if "=" in node.partition("://")[0] else ("", "", node)
        member = member or next((name for name, place in known.items() if place == url), "")
        if not member:
            raise DiffWhose(url=url)
        reader = reader or _reader(lang, folders, profile_name)
        found.append(_node(stack, member, url, reader, lang))
    return found


def _known(directory: Path) -> Mapping[str, str]:
    from hansa.node import settings as files

    return files.read(directory).peers


def _folder(stack: ExitStack, directory: Path) -> "Side":
    from hansa.node.difference_nodes import Folder
    from hansa.node.source import directory_reader

    genesis, reader = directory_reader(directory, known_rooms(str(directory)))
    stack.callback(reader.close)
    return Folder(str(directory), genesis, stack.enter_context(reader.snapshot()))


def _reader(lang: Language, folders: list[str], profile_name: str) -> Reader:
    """The node's own key of the first folder, else the profile's."""
    from hansa.client.keyfiles import read_key
    from hansa.node import settings as files
    from hansa.node.network_run import MEMBER_KEY

    for folder in () if profile_name else folders:
        settings = files.read(Path(folder))
        if settings.key and settings.file(MEMBER_KEY).is_file():
            return Reader(settings.member, settings.key, read_key(settings.file(MEMBER_KEY)).signer)
    at = desk(lang, profile_name)
    return Reader(at.profile.member, at.profile.key, at.key.signer)


def _node(stack: ExitStack, member: str, url: str, reader: Reader, lang: Language) -> "Side":
    import hashlib

    from hansa.client.http import Http
    from hansa.node.difference_nodes import Node
    from hansa.node.upstream import HttpUpstream

    plain = stack.enter_context(Http(url, allow_plain=True, lang=lang, patience_s=3))
    genesis = plain.genesis()
    http = Http(
        url, signer=reader.signer, member=reader.member, key=reader.key, node=member,
        chain=hashlib.sha256(genesis).hexdigest(), allow_plain=True, lang=lang, patience_s=3,
    )  # fmt: skip
    stack.enter_context(http)
    return Node(f"{member} ({url})", genesis, known_rooms().registry(), HttpUpstream(http))
