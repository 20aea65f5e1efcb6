"""`hansa events`: what happened, one line of JSON each."""

from collections.abc import Iterator
from itertools import islice

import click
import msgspec

from hansa.cli.common import Desk, Language, WrongCommand, desk, profile_option

PAGE = 1_000


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on as they happen. 持续接收。")
@click.option("--room", default="", help="Of this room only. 只看该房间。")
@click.option("--type", "type_", default="", help="Of this type only (billing.stated). 只看该类型。")
@click.option("--after", default="", metavar="HEIGHT[.INDEX]", help="After this place. 从该位置之后。")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many. 最多条数。")
@profile_option
@click.pass_obj
def events(
    lang: Language, follow: bool, room: str, type_: str, after: str, limit: int | None, profile_name: str
) -> None:
    """Print events as lines of JSON: id (height.index), type, data. 事件，每行一条 JSON。"""
    at, start = desk(lang, profile_name), _place(after)
    source = _follow(at, start, room, type_) if follow else _known(at, start, room, type_)
    for height, index, data in islice(source, limit):
        event = msgspec.json.decode(data)
        line = {"id": f"{height}.{index}", "type": event["_type"], "data": event}
        click.echo(msgspec.json.encode(line).decode())


def _place(after: str) -> tuple[int, int]:
    """`5` is after all of height 5; `5.2` after its event 2."""
    height, dot, index = after.partition(".")
    try:
        return (int(height or 0), int(index)) if dot else (int(height or -1) + 1, -1)
    except ValueError:
        raise WrongCommand(
            text_zh=f"--after {after} 不对。请写成 高度.序号，如 120.3。",
            text_en=f"--after {after} is wrong. Write HEIGHT.INDEX, like 120.3.",
        ) from None


def _known(at: Desk, after: tuple[int, int], room: str, type_: str) -> Iterator[tuple[int, int, bytes]]:
    """What the ledger holds now."""
    while page := at.node.events_after(*after, PAGE):
        for height, index, data in page:
            after = (height, index)
            tag = str(msgspec.json.decode(data)["_type"])
            if type_ in ("", tag) and room in ("", tag.partition(".")[0]):
                yield height, index, data


def _follow(at: Desk, after: tuple[int, int], room: str, type_: str) -> Iterator[tuple[int, int, bytes]]:
    for event in at.node.events(after, room=room, type=type_):
        yield event.height, event.index, event.data
