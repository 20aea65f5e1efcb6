"""`hansa room`: rooms from outside, looked at before anybody votes for them."""

import json
import sys
from pathlib import Path
from typing import Any, Literal

import click

Language = Literal["zh", "en"]
WORDS = {
    "zh": {"sound": "可以表决启用。", "unsound": "{count} 处须改正。", "none": "没有安装来自外部的应用。"},
    "en": {
        "sound": "It may be voted for.",
        "unsound": "{count} to correct.",
        "none": "No room from outside is installed.",
    },
}

rooms_option = click.option(
    "--rooms",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A node's folder of rooms, such as DIR/rooms, besides those installed. 节点的应用目录。",
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")


@click.group()
def room() -> None:
    """Rooms from outside: check one, hash one, list those installed. 外部应用：检查、哈希、列表。"""


@room.command()
@click.argument("place", metavar="PATH|NAME")
@rooms_option
@json_option
@click.pass_obj
def check(lang: Language, place: str, rooms: Path | None, as_json: bool) -> None:
    """Check a room's source, by the path of its project or the name of an installed one; nothing of it runs
    before it has passed. Exit status 0 if it may be loaded. 检查应用源码；可加载时退出码为 0。
    """
    from hansa.engines.foreign_rooms import examine, find

    package = find(place, rooms)
    _, refusals = examine(package)
    if as_json:
        click.echo(json.dumps({"room": _pin(package), "refusals": _plain(refusals)}, ensure_ascii=False))
    else:
        click.echo(f"{package.name} {package.version} {package.pin.sha256}")
        for refusal in refusals:
            click.echo(f"  {refusal.code}: {getattr(refusal, lang)}")
        words = WORDS[lang]["unsound" if refusals else "sound"]
        click.echo(words.format(count=len(refusals)))
    sys.exit(2 if refusals else 0)


@room.command("hash")
@click.argument("place", metavar="PATH|NAME")
@rooms_option
@json_option
def hash_of(place: str, rooms: Path | None, as_json: bool) -> None:
    """Show name, version and SHA-256 of a room: what a proposal names. 显示提案所需的名称、版本和哈希。"""
    from hansa.engines.foreign_rooms import find

    pin = _pin(find(place, rooms))
    click.echo(json.dumps(pin) if as_json else f"{pin['name']} {pin['version']} {pin['sha256']}")


@room.command("list")
@rooms_option
@json_option
@click.pass_obj
def list_rooms(lang: Language, rooms: Path | None, as_json: bool) -> None:
    """List the installed rooms, with what is wrong where something is. 列出已安装的外部应用。"""
    from hansa.engines.foreign_rooms import inspect

    found = inspect(rooms)
    if as_json:
        listed = [
            {
                "name": item.name,
                "room": item.package and _pin(item.package),
                "refusals": _plain(item.refusals),
            }
            for item in found
        ]
        click.echo(json.dumps(listed, ensure_ascii=False))
        return
    for item in found:
        pin = item.package.pin if item.package else None
        click.echo(f"{item.name} {pin.version} {pin.sha256}" if pin else item.name)
        for refusal in item.refusals:
            click.echo(f"  {refusal.code}: {getattr(refusal, lang)}")
    if not found:
        click.echo(WORDS[lang]["none"])


def _pin(package: Any) -> dict[str, str]:
    pin = package.pin
    return {"name": pin.name, "version": pin.version, "sha256": pin.sha256}


def _plain(refusals: Any) -> list[dict[str, Any]]:
    return [
        {
            "code": refusal.code,
            "file": refusal.values.get("file", ""),
            "line": refusal.values.get("line", 0),
            "zh": refusal.zh,
            "en": refusal.en,
        }
        for refusal in refusals
    ]
