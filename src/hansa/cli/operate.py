"""`hansa backup`, `restore`, `export`, `doctor`, `uninstall`: what keeps a node alive, and the way out."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from hansa.cli.common import (
    PATIENCE_S,
    Language,
    WrongCommand,
    confirm,
    desk,
    dry_run_option,
    json_option,
    profile_option,
    say,
    show_json,
    show_rows,
    yes_option,
)
from hansa.cli.founding import DIRECTORY

directory_argument = click.argument("directory", type=click.Path(path_type=Path), default=DIRECTORY)
MARKS = {"ok": "✓", "note": "·", "warning": "!", "wrong": "✗"}
MB = 2**20
PRECIOUS = click.Choice(["ledger", "keys"])


# Doctor.


@click.command()
@directory_argument
@click.option("--scrub", is_flag=True, help="Read every record and sum all anew. 逐条核对全部记录。")
@click.option("--replay", is_flag=True, help="Execute the whole log again. 从头重新执行全部区块。")
@click.option("--rebuild", is_flag=True, help="Make the read model (read.db) anew. 重建读模型。")
@json_option
@click.pass_obj
def doctor(lang: Language, directory: Path, scrub: bool, replay: bool, rebuild: bool, as_json: bool) -> None:
    """Look at the node of DIRECTORY, its machine and its neighbours; say what is wrong and what to do.

    Exit status 1 when something is wrong. 检查节点、机器与相邻节点，指出问题与处理办法；有问题时退出码为 1。
    """
    import msgspec

    from hansa.node.doctor import Doctor
    from hansa.node.findings import worst

    made = Doctor(directory, _release(directory), scrub=scrub, replay=replay, rebuild=rebuild)
    findings = list(made.examine())
    wrong = worst(findings) == "wrong"
    if as_json:
        show_json({"ok": not wrong, "findings": [msgspec.structs.asdict(one) for one in findings]})
    else:
        rows = [(MARKS[one.level], one.check, one.zh if lang == "zh" else one.en) for one in findings]
        show_rows(lang, (("", ""), ("检查", "check"), ("结果", "found")), rows)
    sys.exit(1 if wrong else 0)


def _release(directory: Path) -> Any:
    """The rooms of this release and those installed with it or beside the ledger."""
    from hansa.apps.rooms import release
    from hansa.engines.foreign_rooms import installed

    return release(foreign=installed(directory / "rooms"))


# Backup and restore.


@click.command()
@directory_argument
@click.argument("to", type=click.Path(path_type=Path))
@click.option("--snapshot", is_flag=True, help="Records and headers only: for a follower. 只含记录与区块头。")
@json_option
@click.pass_obj
def backup(lang: Language, directory: Path, to: Path, snapshot: bool, as_json: bool) -> None:
    """Copy the data of DIRECTORY into the new folder TO, while its node goes on.

    Keys and what the node signed are never in a backup: keep node.key apart. 备份，节点可继续运行；不含私钥。
    """
    import msgspec

    from hansa.node.backup import backup as copy

    with _steps(lang) as steps:
        made = copy(directory, to, _release(directory), snapshot=snapshot, progress=steps.progress)
    if as_json:
        show_json(msgspec.structs.asdict(made))
        return
    say(
        lang,
        f"已备份到 {to}，高度 {made.height}。请另行保管 node.key，并把备份放到另一台机器上。",
        f"Backed up to {to}, height {made.height}. Keep node.key apart, and the backup on another machine.",
    )


@click.command()
@click.argument("folders", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="[BACKUP] DIR")
@click.option("--from", "urls", multiple=True, metavar="[MEMBER=]URL", help="A follower to ask. 从节点地址。")
@click.option("--alone", is_flag=True, help="There is no other node at all. 确无其他节点。")
@click.option("--replace", is_flag=True, help="Set the ledger there aside. 已有账本改名保留。")
@dry_run_option
@json_option
@profile_option
@click.pass_obj
def restore(
    lang: Language,
    folders: tuple[Path, ...],
    urls: tuple[str, ...],
    alone: bool,
    replace: bool,
    dry_run: bool,
    as_json: bool,
    profile_name: str,
) -> None:
    """Restore BACKUP into DIRECTORY, all of it checked; then catch up from a follower (--from).

    Without BACKUP only the catching up is done. A restored operator's node orders again once a follower was
    asked for later blocks. 从备份恢复并核对；随后须向从节点确认没有更新的区块。
    """
    from hansa.node import backup as restoring

    if len(folders) > 2:
        raise click.UsageError("[BACKUP] DIRECTORY")
    directory = folders[-1]
    told: dict[str, Any] = {"directory": str(directory), "done": not dry_run}
    if len(folders) == 2:
        found = restoring.about(folders[0], _release(directory), directory)
        told |= {"kind": found.kind, "chain": found.chain, "height": found.height}
        _say_found(lang, found, directory, replace)
    if dry_run:
        _finish(lang, told, as_json, "以上只是预览，未作改动。", "Nothing was touched.")
        return
    if len(folders) == 2:
        with _steps(lang) as steps:
            release, shown = _release(directory), steps.progress
            restoring.restore(folders[0], directory, release, replace=replace, progress=shown)
    if urls or alone:
        height, agreed = _catch_up(lang, directory, urls, alone, profile_name)
        told |= {"height": height, "agreed": [{"url": one.url, "height": one.height} for one in agreed]}
    zh, en = f"账本在高度 {told.get('height', '?')}。", f"The ledger is at height {told.get('height', '?')}."
    if not (urls or alone) and _is_operator(directory):
        zh += f"运营方节点写入之前：hansa restore {directory} --from 从节点地址"
        en += f" Before an operator's node orders: hansa restore {directory} --from URL-of-a-follower"
    elif _is_network(directory):
        zh_more, en_more = _of_network(directory)
        zh, en = zh + zh_more, en + en_more
    _finish(lang, told, as_json, zh, en)


def _say_found(lang: Language, found: Any, directory: Path, replace: bool) -> None:
    from hansa.cli.common import instant

    when = instant(found.time_ms)
    say(
        lang,
        f"{found.kind}：链 {found.chain[:12]}…，高度 {found.height}，{when}",
        f"{found.kind}: chain {found.chain[:12]}…, height {found.height}, {when}",
        err=True,
    )
    if (directory / "ledger.db").exists() and replace:
        zh, en = "已有账本将改名保留。", "The ledger that is there will be renamed and kept."
        say(lang, zh, en, err=True)


def _finish(lang: Language, told: dict[str, Any], as_json: bool, zh: str, en: str) -> None:
    if as_json:
        show_json(told)
    else:
        say(lang, zh, en)


def _is_network(directory: Path) -> bool:
    from hansa.node import settings

    return (directory / settings.SETTINGS).exists() and settings.read(directory).role == "network"


def _of_network(directory: Path) -> tuple[str, str]:
    """(zh, en): what a restored ledger of a network is good for. Its engine must hold the blocks up to it."""
    from hansa.node.settings_engine import ENGINE

    if (directory / ENGINE / "data" / "blockstore.db").is_dir():
        return (
            f"其后的区块由本目录的共识引擎补上：hansa node run {directory}",
            f" The engine of this folder brings the blocks after it: hansa node run {directory}",
        )
    return (
        "本目录没有共识引擎的区块：这份账本可供查阅、验证和导出，不能由它继续运行节点。要让节点重新运行，请"
        "把密钥"
        "文件、genesis.json 和 node.toml 放进新目录并启动，区块从其他成员单位取得"
        "（见 docs/zh/operate-a-network.md）。",
        " This folder has no blocks of the consensus engine: the ledger can be read, verified and exported, "
        "but no node goes on from it. To have a node again, lay the key files, genesis.json and node.toml "
        "into "
        "a new folder and start that: it takes the blocks from the others (docs/operate-a-network.md).",
    )


def _is_operator(directory: Path) -> bool:
    from hansa.node import settings

    return not (directory / settings.SETTINGS).exists() or settings.read(directory).role == "operator"


def _catch_up(
    lang: Language, directory: Path, urls: tuple[str, ...], alone: bool, profile_name: str
) -> tuple[int, Any]:
    from hansa.client.http import Http
    from hansa.client.keyfiles import read_key
    from hansa.node.backup import catch_up
    from hansa.node.upstream import HttpUpstream

    node = read_key(directory / "node.key").signer
    others = []
    if urls:
        at = desk(lang, profile_name)
        own: dict[str, Any] = {"signer": at.key.signer, "member": at.profile.member, "key": at.profile.key}
        own |= {"ca": Path(at.profile.ca) if at.profile.ca else None, "allow_plain": at.profile.allow_plain}
        for whose, url in _whose(directory, urls, at.profile):
            http = Http(url, **own, node=whose, patience_s=PATIENCE_S)
            others.append(HttpUpstream(http))
    with _steps(lang) as steps:
        return catch_up(directory, node, _release(directory), others, alone=alone, progress=steps.progress)


def _whose(directory: Path, urls: tuple[str, ...], profile: Any) -> Iterator[tuple[str, str]]:
    """Each (member, URL): as given, else by the profile, the settings or the restored ledger.

    A session is opened at nobody else's. Raises WrongCommand where nothing says whose node a URL is.
    """
    from hansa.node import settings
    from hansa.node.neighbours import addresses
    from hansa.node.source import in_directory

    own = settings.read(directory) if (directory / settings.SETTINGS).exists() else None
    named = dict(own.peers) if own else {}
    if (directory / settings.LEDGER).exists():  # Else all blocks are to come from others.
        with in_directory(directory, _release(directory)) as opened:
            own = own or settings.Settings(member=opened.reading.genesis.operator)
            named = addresses(own, opened.reading)
    known = {at.rstrip("/"): member for member, at in named.items()}
    for given in urls:
        yield _named(given, profile, known)


def _named(given: str, profile: Any, known: dict[str, str]) -> tuple[str, str]:
    """(member, URL) of what a user wrote as [MEMBER=]URL. Raises WrongCommand if nothing says whose it is."""
    member, _, url = given.rpartition("=") if "://" in given.rpartition("=")[2] else ("", "", given)
    of_profile = {profile.url.rstrip("/"): profile.node, profile.follower.rstrip("/"): profile.member}
    place = url.rstrip("/")
    whose = member or of_profile.get(place) or known.get(place, "")
    if not whose:
        raise WrongCommand(
            text_zh=f"未写明 {url} 是谁的节点，请写成：成员={url}",
            text_en=f"nothing says whose node {url} is; write MEMBER={url}",
        )
    return whose, url


# Export.


@click.command()
@click.argument("source", default=DIRECTORY)
@click.argument("to", type=click.Path(path_type=Path))
@click.option("--member", default="", help="Whose data; else the node's or profile's member. 成员单位。")
@click.option(
    "--readings",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A gateway's store of readings. 网关的读数库。",
)
@click.option(
    "--evidence",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="An evidence file to go with it. 附带的证据文件。",
)
@json_option
@profile_option
@click.pass_obj
def export(
    lang: Language,
    source: str,
    to: Path,
    member: str,
    readings: tuple[Path, ...],
    evidence: tuple[Path, ...],
    as_json: bool,
    profile_name: str,
) -> None:
    """Take a member's data out of SOURCE (a data directory, or a node's [MEMBER=]URL) into the new folder TO.

    Open formats, with a reader that needs no Hansa. 以开放格式导出全部数据，附无需汉萨的读取程序。
    """
    from hansa.node.export import Extras
    from hansa.node.export import export as write

    files = [(path.name, path.read_bytes()) for path in evidence]
    with _source(lang, source, member, profile_name) as (opened, whose), _steps(lang) as steps:
        cases = [] if "://" in source else _cases(Path(source))
        extras = Extras(readings=_readings(readings), evidence=[*files, *cases])
        manifest = write(opened, whose, to, extras=extras, progress=steps.progress)
    if as_json:
        show_json(manifest)
        return
    count, size = len(manifest["files"]), sum(one["bytes"] for one in manifest["files"])
    say(
        lang,
        f"已导出到 {to}：{count} 个文件，{size / MB:,.1f} MB。核对：python {to}/read_export.py {to}",
        f"Exported to {to}: {count} files, {size / MB:,.1f} MB. To check: python {to}/read_export.py {to}",
    )


@contextmanager
def _source(lang: Language, source: str, member: str, profile_name: str) -> Iterator[tuple[Any, str]]:
    """The ledger to read, and the member whose data are meant."""
    from hansa.apps.rooms import release
    from hansa.node import settings
    from hansa.node.source import AtUrl, in_directory

    if "://" not in source:
        directory = Path(source)
        with in_directory(directory, _release(directory)) as opened:
            yield opened, member or settings.read(directory).member
        return
    at = desk(lang, profile_name)
    if at.profile.url.rstrip("/") != source.rstrip("/"):
        from hansa.kernel import replace

        whose, url = _named(source, at.profile, {})
        at.__dict__["profile"] = replace(at.profile, url=url, node=whose)
    with at.node as http:
        yield AtUrl(http, release()), member or at.profile.member


def _cases(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Evidence files of incidents that a follower wrote."""
    for path in sorted((directory / "cases").glob("*.json")):
        yield path.name, path.read_bytes()


def _readings(files: tuple[Path, ...]) -> Iterator[Any]:
    import sqlite3

    from hansa.edge.readings import ReadingStore
    from hansa.node.errors_operate import ReadingsUnusable
    from hansa.node.export import Readings

    for path in files:
        try:
            store = ReadingStore(path)
            try:
                yield from (Readings(*batch) for batch in store.batches())
            finally:
                store.close()
        except sqlite3.Error as error:
            raise ReadingsUnusable(path=str(path), cause=str(error)) from error


def _steps(lang: Language) -> Any:
    from hansa.cli.show import Steps

    return Steps(lang)


# Uninstall.


@click.command()
@click.argument("directories", type=click.Path(path_type=Path), nargs=-1)
@click.option(
    "--also", multiple=True, type=click.Choice(["ledger", "keys"]), help="Remove these too … 一并删除…"
)
@click.option(
    "--really", multiple=True, type=click.Choice(["ledger", "keys"]), help="… named once more. …再点名一次。"
)
@click.option(
    "--export", "export_to", type=click.Path(path_type=Path), help="Export the data here first. 先导出。"
)
@click.option("--profiles/--no-profiles", default=True, help="The folder of profiles as well. 包括配置目录。")
@yes_option
@json_option
@click.pass_obj
def uninstall(
    lang: Language,
    directories: tuple[Path, ...],
    also: tuple[str, ...],
    really: tuple[str, ...],
    export_to: Path | None,
    profiles: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove what Hansa put into DIRECTORIES and its folder of profiles. Without --yes it only says what.

    The ledger and private keys stay unless named twice: --also ledger --really ledger. Nothing outside the
    named folders is touched. 卸载：缺省只列出将删除的文件；账本与私钥须点名两次；绝不触及其他目录。
    """
    from hansa.client.profiles import home
    from hansa.node.uninstall import carry_out, plan

    folders = [*directories, *([home()] if profiles and home().is_dir() else [])]
    made = plan(folders, also, really)
    if as_json:
        items = [
            {"path": str(item.path), "kind": item.kind, "bytes": item.bytes, "goes": item.goes}
            for item in made.items
        ]
        show_json({"done": yes, "items": items})
    else:
        rows = [(_goes(lang, item.goes), str(item.path), item.kind, item.bytes) for item in made.items]
        show_rows(lang, (("", ""), ("文件", "file"), ("种类", "kind"), ("字节", "bytes")), rows)
    if not yes:
        zh, en = "以上只是预览，未作改动。加 --yes 执行。", "Nothing was touched. Add --yes to do it."
        say(lang, zh, en, err=True)
        return
    if set(also) & {"ledger", "keys"} and sys.stdin.isatty():
        confirm(lang, "账本或私钥删除后无法找回，确定吗？", "Ledger or keys will be gone for good. Go on?")
    for directory in directories if export_to else ():
        assert export_to is not None
        target = export_to if len(directories) == 1 else export_to / directory.name
        _export_first(lang, directory, target)
    removed = carry_out(made)
    say(
        lang,
        f"已删除 {len(removed)} 项。程序本身：pip uninstall hansa",
        f"Removed: {len(removed)}. The program itself: pip uninstall hansa",
        err=True,
    )


def _goes(lang: Language, goes: bool) -> str:
    return ("删除" if goes else "保留") if lang == "zh" else ("goes" if goes else "stays")


def _export_first(lang: Language, directory: Path, to: Path) -> None:
    from hansa.node.export import Extras
    from hansa.node.export import export as write

    if not (directory / "ledger.db").is_file():
        return
    with _source(lang, str(directory), "", "") as (opened, whose), _steps(lang) as steps:
        write(opened, whose, to, extras=Extras(evidence=_cases(directory)), progress=steps.progress)
    say(lang, f"已先导出到 {to}", f"Exported to {to} first", err=True)
