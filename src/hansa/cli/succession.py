"""`hansa succession`: another operator without the old one, agreed by the cosigners off the ledger."""

from pathlib import Path
from typing import Any

import click

from hansa.cli.common import (
    Language,
    confirm,
    desk,
    json_option,
    known_rooms,
    now_ms,
    profile_option,
    say,
    show_json,
    yes_option,
)

directory_argument = click.argument("directory", type=click.Path(path_type=Path))
file_argument = click.argument("file", type=click.Path(path_type=Path))
files_argument = click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
preview_option = click.option("--dry-run", is_flag=True, help="Check and show only. 只检查并显示，不作改动。")
nothing_later_option = click.option(
    "--nothing-later",
    is_flag=True,
    help="On a copy restored, or without its signed.db: your word that your key cosigned nothing later. "
    "副本经恢复或签名记录丢失时：确认本方未会签更高区块。",
)


@click.group()
def succession() -> None:
    """Another operator without the old one: it lost its key, vanished, or was caught.

    One cosigner begins a file, others sign it, the successor starts with it, the rest take it. Each does so
    on the directory of its own node, which is stopped meanwhile. While the operator is there, vote instead:
    `hansa vote propose cosigners --operator`. 运营方失联、失钥或作弊时，由见证方另定运营方。
    """


@succession.command()
@directory_argument
@click.option("--operator", required=True, metavar="MEMBER", help="The successor. 继任运营方。")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Write the file here. 输出文件。")
@nothing_later_option
@preview_option
@yes_option
@click.pass_obj
def begin(
    lang: Language, directory: Path, operator: str, out: Path, nothing_later: bool, dry_run: bool, yes: bool
) -> None:
    """Sign that the ledger goes on after your copy's newest block with MEMBER as operator.

    Begin where the highest block lies, else its owner cannot sign. 由区块最高的见证方发起。
    """
    from hansa.node import settings as settings_of
    from hansa.node import succession as files

    settings = settings_of.read(directory)
    with files.copy_in(settings, known_rooms(str(directory))) as copy:
        file = files.proposed(copy, operator)
        files.check_word(copy, file.succession)
        files.check_memory(copy, nothing_later)
        _show(lang, copy, file)
        if dry_run:
            return
        _ask_to_sign(lang, yes)
        if out.exists():
            raise _taken(out)
        file = files.sign(copy, settings, file, nothing_later=nothing_later)
        files.write_file(out, file, new=True)
        _count(lang, files.standing(copy, file))
    say(
        lang,
        f"已写入 {out}，请发给其他见证方。",
        f"Written to {out}: send it to the other cosigners.",
        err=True,
    )


@succession.command()
@directory_argument
@file_argument
@nothing_later_option
@preview_option
@yes_option
@click.pass_obj
def sign(lang: Language, directory: Path, file: Path, nothing_later: bool, dry_run: bool, yes: bool) -> None:
    """Add your signature to FILE, if your own copy ends with the very block that it names.

    From then on your node takes no block of the operator before, nor of another successor.
    核对本方副本后签署接任文件。
    """
    from hansa.node import settings as settings_of
    from hansa.node import succession as files

    settings = settings_of.read(directory)
    found = files.read_file(file)
    with files.copy_in(settings, known_rooms(str(directory))) as copy:
        files.check_here(copy, found.succession)
        files.check_word(copy, found.succession)
        files.check_memory(copy, nothing_later)
        _show(lang, copy, found)
        if dry_run:
            return
        _ask_to_sign(lang, yes)
        found = files.sign(copy, settings, found, nothing_later=nothing_later)
        files.write_file(file, found, new=False)
        _count(lang, files.standing(copy, found))


@succession.command()
@directory_argument
@files_argument
@json_option
@click.pass_obj
def show(lang: Language, directory: Path, files: tuple[Path, ...], as_json: bool) -> None:
    """What FILES say, who signed, and how many are missing by your own copy. 查看接任文件与签名进度。"""
    from hansa.node import settings as settings_of
    from hansa.node import succession as on_disk

    found = on_disk.read_files(files)
    with on_disk.copy_in(settings_of.read(directory), known_rooms(str(directory))) as copy:
        standing = on_disk.standing(copy, found)
        if as_json:
            show_json({"succession": found.succession, **standing._asdict()})
            return
        _show(lang, copy, found)
        _count(lang, standing)


@succession.command()
@directory_argument
@files_argument
@preview_option
@yes_option
@profile_option
@click.pass_obj
def start(
    lang: Language, directory: Path, files: tuple[Path, ...], dry_run: bool, yes: bool, profile_name: str
) -> None:
    """The successor: make the first block, and turn the follower's DIRECTORY into the operator's.

    The signatures of all FILES are joined. `hansa up DIRECTORY` runs it afterwards. 继任方写入首个区块。
    """
    from hansa.node import settings as settings_of
    from hansa.node import succession as on_disk

    settings, release = settings_of.read(directory), known_rooms(str(directory))
    found = on_disk.read_files(files)
    with on_disk.copy_in(settings, release) as copy:
        wanted = on_disk.check_start(copy, settings, found)
        _show(lang, copy, found)
        wire = b"" if dry_run or not wanted else _transaction(lang, profile_name, copy, found.action)
    if dry_run:
        return
    if not yes:
        confirm(
            lang,
            "本单位将成为运营方，该步骤不可撤销。继续吗？",
            "Your company becomes the operator; this cannot be taken back. Go on?",
        )
    head = on_disk.start(settings, release, found, wire, now_ms)
    say(
        lang,
        f"区块 {head.header.height} 已写入，本单位现为运营方。启动：hansa up {directory}\n"
        f"请把接任文件与本节点地址发给各成员单位：hansa succession take 目录 文件 --url 地址",
        f"Block {head.header.height} is made: your company is the operator now. Run: hansa up {directory}\n"
        "Send the file and this node's address to all members: hansa succession take DIRECTORY FILE "
        "--url URL",
    )


@succession.command()
@directory_argument
@file_argument
@click.option("--url", required=True, help="The new operator's node. 新运营方节点的地址。")
@click.option("--ca", default="", help="CA file of its certificate. 其证书的 CA 文件。")
@preview_option
@yes_option
@click.pass_obj
def take(lang: Language, directory: Path, file: Path, url: str, ca: str, dry_run: bool, yes: bool) -> None:
    """Have the follower in DIRECTORY go on with the new operator, whose node is at URL.

    A block that it rejected of the operator before is forgotten; what it signed and its cases stay.
    其他成员单位执行：从节点改跟新运营方，会签记录与案卷保留。
    """
    from hansa.node import settings as settings_of
    from hansa.node import succession as files

    settings = settings_of.read(directory)
    found = files.read_file(file)
    with files.copy_in(settings, known_rooms(str(directory))) as copy:
        _show(lang, copy, found)
        if dry_run:
            return
        if not yes:
            confirm(lang, f"改从 {url} 复制，继续吗？", f"Follow {url} from now on?")
        files.take(copy, found)
    files.follow_successor(settings, found, url, str(Path(ca).resolve()) if ca else "")
    member = found.succession.operator
    say(
        lang,
        f"{directory} 今后从 {member}（{url}）复制。"
        f"客户端：hansa profile set 配置 --url {url} --node {member}",
        f"{directory} follows {member} at {url} from now on. Your client: "
        f"hansa profile set PROFILE --url {url} --node {member}",
    )


@succession.command()
@directory_argument
@yes_option
@click.pass_obj
def withdraw(lang: Language, directory: Path, yes: bool) -> None:
    """Take your signature back: your node follows the operator before again. 撤回本方的签署。

    A copy of the file that left your hands still holds it: only do this where all agree to go on as before,
    or on another successor.
    """
    from hansa.node import settings as settings_of
    from hansa.node import succession as files

    with files.copy_in(settings_of.read(directory), known_rooms(str(directory))) as copy:
        if not yes:
            zh, en = (
                "确定各方已同意该接任作废（继续由原运营方排序，或另定继任方）吗？",
                "Have all agreed that it will not be carried out (the operator before goes on, or another)?",
            )
            confirm(lang, zh, en)
        files.withdraw(copy)
    say(lang, "已撤回。", "Taken back.")


def _transaction(lang: Language, profile_name: str, copy: Any, action: Any) -> bytes:
    """The succession as a transaction of one's member; no node is there to be asked."""
    from hansa.client import Signing

    at = desk(lang, profile_name)
    used = copy.ledger.query("consortium.sequence", {"member": at.profile.member, "key": at.profile.key})
    with at.outbox() as outbox:
        sequence = outbox.next_sequence(at.profile.key, used)
    pen = Signing(
        copy.ledger.registry,
        chain=copy.chain.id,
        member=at.profile.member,
        key=at.profile.key,
        signer=at.key.signer,
        clock=lambda: max(now_ms(), copy.ledger.time_ms),
        sequence=sequence - 1,
    )
    return pen.sign(action)


def _show(lang: Language, copy: Any, file: Any) -> None:
    said = file.succession
    replaced = copy.ledger.set_at(copy.height + 1)
    before = replaced.operator if replaced is not None else copy.genesis.operator
    say(
        lang,
        f"联盟链 {said.chain[:16]}…：区块 {said.height}（根 {said.app_hash[:16]}…）之后，"
        f"由 {said.operator} 接任运营方，原运营方 {before} 不再排序。本副本在区块 {copy.height}。",
        f"Chain {said.chain[:16]}…: after block {said.height} (root {said.app_hash[:16]}…) the ledger "
        f"goes on with {said.operator} as operator in place of {before}. This copy is at block "
        f"{copy.height}.",
        err=True,
    )


def _ask_to_sign(lang: Language, yes: bool) -> None:
    if not yes:
        confirm(
            lang,
            "签署后，本节点不再采用原运营方的后续区块。签署吗？",
            "Once you sign, your node takes no further block of the operator before. Sign?",
        )


def _count(lang: Language, standing: Any) -> None:
    count, quorum = len(standing.signed), standing.quorum
    names, missing = ", ".join(standing.signed), ", ".join(standing.missing)
    if count >= quorum:
        say(
            lang,
            f"已签 {count} 个（{names}），达到法定会签数 {quorum}。继任方可执行 hansa succession start。",
            f"{count} signed ({names}): the quorum of {quorum} is there. The successor runs "
            "`hansa succession start`.",
        )
    else:
        say(
            lang,
            f"已签 {count} 个（{names}），法定会签数 {quorum}，还差 {quorum - count} 个；未签：{missing}。",
            f"{count} signed ({names}), the quorum is {quorum}, {quorum - count} missing; not yet: "
            f"{missing}.",
        )


def _taken(path: Path) -> Exception:
    from hansa.node.errors_succession import SuccessionFileTaken

    return SuccessionFileTaken(path=str(path))
