"""`hansa engine`: the consensus engine's program on this machine."""

from pathlib import Path

import click

from hansa.cli.common import Language, json_option, now_ms, say, show_json


@click.group()
def engine() -> None:
    """The consensus engine (CometBFT) that nodes of a network run: install it, check it. 共识引擎。"""


@engine.command()
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    help="A file instead of the internet: the program, or an archive of it. 离线安装：程序或压缩包。",
)
@click.option("--sha256", default="", help="What the program's SHA-256 must be. 程序应有的 SHA-256。")
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Lay it down there. 安装到此文件夹。")
@click.option("--again", is_flag=True, help="Also where it is installed already. 已安装也重新安装。")
@json_option
@click.pass_obj
def install(
    lang: Language, source: Path | None, sha256: str, folder: Path | None, again: bool, as_json: bool
) -> None:
    """Install the engine in its exact version: built from its published source, or from a file.

    It takes one to five minutes, and 2 GB of disk while it works; 40 MB stay. Nothing but one folder of this
    user is touched. Where it is installed already, nothing is done. 安装共识引擎（指定版本，校验源码）。
    """
    import msgspec

    from hansa.node import engine_binary
    from hansa.node.engine_install import install as lay_down

    to = engine_binary.home() if folder is None else folder.resolve()
    note, already = lay_down(
        to,
        lambda zh, en: say(lang, zh, en, err=True),
        now_ms,
        source=source,
        sha256=sha256.strip().lower(),
        again=again,
    )
    program = to / engine_binary.PROGRAM
    if as_json:
        show_json({"path": str(program), "already": already, **msgspec.structs.asdict(note)})
        return
    if already:
        say(
            lang,
            f"已经装好：{program}（CometBFT {note.version}）",
            f"It is there: {program} ({note.version})",
        )
    else:
        say(lang, f"已安装：{program}（CometBFT {note.version}）", f"Installed: {program} ({note.version})")
    click.echo(f"SHA-256 {note.sha256}")
    if folder is not None and folder.resolve() != engine_binary.home():
        say(
            lang,
            f"请在节点的环境中设置：{engine_binary.NAMED}={program}",
            f"Set for the nodes: {engine_binary.NAMED}={program}",
        )


@engine.command()
@json_option
@click.pass_obj
def check(lang: Language, as_json: bool) -> None:
    """Say which engine nodes here run: where it lies, its version, where it came from. 检查共识引擎。

    It is run once, and compared with the SHA-256 noted at install.
    """
    import msgspec

    from hansa.cli.common import instant, show_rows
    from hansa.node import engine_binary

    found = engine_binary.check()
    if as_json:
        show_json(msgspec.structs.asdict(found))
        return
    how = {
        "named": ("由 HANSA_ENGINE 指定", "named by HANSA_ENGINE"),
        "installed": ("由 hansa engine install 安装", "installed by `hansa engine install`"),
        "path": ("在 PATH 中找到", "found on the PATH"),
    }[found.how]
    rows = [
        (("程序", "program"), found.path),
        (("版本", "version"), found.version),
        (("如何找到", "how"), how[lang != "zh"]),
        (("SHA-256", "SHA-256"), found.sha256),
    ]
    if found.note is not None:
        rows += [
            (("来源", "source"), found.note.source),
            (("安装时间", "installed at"), instant(found.note.at_ms)),
        ]
    shown = [(head[lang != "zh"], value) for head, value in rows]
    show_rows(lang, (("项目", "what"), ("值", "value")), shown)
