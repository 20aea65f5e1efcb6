"""What is in force at a height: the version of the rules, and the rooms from outside (protocol, rule 13)."""

from hansa.kernel.context import Context, Table
from hansa.kernel.messages import Active, RoomPin
from hansa.kernel.refusal import Refusal
from hansa.kernel.state import Committed, Overlay, encode_key

ACTIVE = Table("kernel.active", key=("height",), record=Active, integers=("height",))


class Outdated(Refusal, code="kernel.outdated", field="rules"):
    zh = "联盟自此使用第 {rules} 版规则，本程序只支持到第 {limit} 版。节点已停在此前；请升级程序后重启。"
    en = (
        "From here on the consortium runs by rules version {rules}; this program knows up to {limit}. "
        "The node stopped before it: upgrade the program and restart."
    )


class RoomMissing(Refusal, code="kernel.room_missing", field="rooms"):
    zh = "联盟已表决启用应用 {name} {version}（{sha256}…），本节点未安装与之完全一致的软件包。请安装后重启。"
    en = (
        "The consortium voted for room {name} {version} ({sha256}…), and exactly that is not installed here. "
        "Install it and restart the node."
    )


def in_force(layer: Overlay | Committed, height: int, rules: int) -> Active:
    """What is in force at a height; `rules` are those of the genesis file."""
    end = encode_key((height + 1,))
    for _, entry in layer.rows(ACTIVE.name, b"", end, True, ACTIVE.decode):
        if entry is not None:
            active: Active = entry[1]
            return active
    return Active(rules=rules)


def schedule(ctx: Context, height: int, rules: int, rooms: tuple[RoomPin, ...]) -> None:
    """Put rules and rooms in force from a later height on."""
    assert height > ctx.height
    ACTIVE.put(ctx, (height,), Active(rules=rules, rooms=rooms))
