"""`hansa node backup`, `snapshot`, `prune`, `reset`: the folder of a network node."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hansa.cli.common import Language, confirm, dry_run_option, json_option, say, show_json, yes_option
from hansa.cli.operate import backup as copy

if TYPE_CHECKING:  # Loaded when it runs: help is there without it.
    from hansa.node.supervision_upkeep import Kept

MB = 2**20
directory_argument = click.argument("directory", type=click.Path(path_type=Path), default=Path("hansa-node"))
to_argument = click.argument("to", type=click.Path(path_type=Path))


@click.command()
@directory_argument
@to_argument
@json_option
@click.pass_context
def backup(ctx: click.Context, directory: Path, to: Path, as_json: bool) -> None:
    """Copy ledger, settings and commits of DIRECTORY into the new folder TO, while its node goes on.

    Keys, and what the validator key signed, are never in a backup: a copy of them could sign twice. Keep the
    key files apart. A node whose disk was lost takes the blocks from the others: docs. 备份（不含密钥）。
    """
    ctx.invoke(copy, directory=directory, to=to, snapshot=False, as_json=as_json)


@click.command()
@directory_argument
@to_argument
@json_option
@click.pass_context
def snapshot(ctx: click.Context, directory: Path, to: Path, as_json: bool) -> None:
    """Write a snapshot of DIRECTORY into the new folder TO: records, leaves and headers, no blocks. 快照。"""
    ctx.invoke(copy, directory=directory, to=to, snapshot=True, as_json=as_json)


@click.command()
@directory_argument
@dry_run_option
@yes_option
@json_option
@click.pass_obj
def prune(lang: Language, directory: Path, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Give the disk back that old blocks took. The node must be stopped; --dry-run works while it runs.

    Which blocks are kept is said by `keep_blocks` of [retention] in node.toml, and followed while the node
    runs; proofs of all of them stay. Here the files shrink. 回收已清理区块占用的磁盘空间。
    """
    import msgspec

    from hansa.node.engine_binary import find
    from hansa.node.supervision_upkeep import kept
    from hansa.node.supervision_upkeep import prune as shrink

    before = kept(directory)
    _tell(lang, before)
    if dry_run:
        if as_json:
            show_json({"done": False, "before": msgspec.to_builtins(before)})
        return
    if not yes:
        confirm(lang, "现在压缩（节点保持停止）？", "Compact now, while the node stays stopped?")
    after = shrink(directory, find(), lambda zh, en: say(lang, zh, en, err=True))
    if as_json:
        show_json({"done": True, "before": msgspec.to_builtins(before), "after": msgspec.to_builtins(after)})
        return
    saved = before.ledger_bytes + before.engine_bytes - after.ledger_bytes - after.engine_bytes
    say(lang, f"完成，回收 {max(saved, 0) // MB:,} MB。", f"Done; {max(saved, 0) // MB:,} MB are free again.")


def _tell(lang: Language, now: "Kept") -> None:
    policy = ("全部", "all") if now.keep_blocks is None else (f"{now.keep_blocks:,}", f"{now.keep_blocks:,}")
    say(
        lang,
        f"账本 {now.ledger_bytes // MB:,} MB（其中可回收 {now.ledger_free_bytes // MB:,} MB），引擎 "
        f"{now.engine_bytes // MB:,} MB；"
        f"完整保留区块 {now.blocks_from}–{now.height}（keep_blocks：{policy[0]}）。",
        f"Ledger {now.ledger_bytes // MB:,} MB (of it to be given back {now.ledger_free_bytes // MB:,} MB), "
        f"engine {now.engine_bytes // MB:,} MB; whole blocks {now.blocks_from} to {now.height} (keep_blocks: "
        f"{policy[1]}).",
        err=True,
    )


@click.command()
@directory_argument
@dry_run_option
@yes_option
@click.pass_obj
def reset(lang: Language, directory: Path, dry_run: bool, yes: bool) -> None:
    """Set this copy of the ledger aside, so that the node takes it anew from the others.

    For a damaged disk, or a state that is not the others'. The node must be stopped. Keys, settings, and what
    the validator key signed stay; the old copy is renamed, not deleted. 搁置本机副本，从其他节点重新同步。
    """
    from hansa.node.supervision_upkeep import reset as set_aside
    from hansa.node.supervision_upkeep import to_set_aside

    for path in to_set_aside(directory):
        click.echo(str(path))
    if dry_run:
        say(lang, "以上只是预览，未作改动。", "Nothing was touched.", err=True)
        return
    if not yes:
        confirm(
            lang,
            "改名搁置以上文件？节点下次启动时从其他节点重新同步。",
            "Set these aside? At its next start the node takes all anew from the others.",
        )
    aside = set_aside(directory)
    if aside is None:
        say(lang, "没有可搁置的内容。", "There was nothing to set aside.")
        return
    say(
        lang,
        f"已移到 {aside}。现在启动：hansa node run {directory}",
        f"Moved to {aside}. Now start it: hansa node run {directory}",
    )
