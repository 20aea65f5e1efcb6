"""A room for tests of the kernel: tools lent between companies, and drills that push at every limit."""

from typing import Literal

from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.kernel import (
    Action,
    Context,
    Event,
    Id,
    Integer,
    MemberId,
    Natural,
    OptionalId,
    Positive,
    Record,
    Refusal,
    Registry,
    Room,
    Table,
    TimeMs,
    due,
    replace,
)


class ToolBefore(Record, version=1, readers="members", retention="business", tag="tool.1"):
    """As the first release stored it: loans were not counted."""

    owner: MemberId
    borrower: OptionalId = ""


class Tool(Record, version=2, readers="members", retention="business"):
    """A tool known to the consortium."""

    owner: MemberId
    loans: Natural
    borrower: OptionalId = ""
    """Empty while the tool is at its owner's."""
    due_ms: TimeMs = 0
    """When the loan ends; 0 while there is none."""


class Note(Record, version=1, readers="members", retention="business"):
    """A number under a key."""

    value: Integer


class Register(Action, tag="toolcrib.register"):
    tool: Id


class Lend(Action, tag="toolcrib.lend"):
    tool: Id
    borrower: MemberId
    due_ms: TimeMs


class GiveBack(Action, tag="toolcrib.give_back"):
    owner: MemberId
    tool: Id


class Drill(Action, tag="toolcrib.drill"):
    """Does something `count` times, in the place asked for."""

    kind: Literal[
        "read", "write", "scan", "emit", "delete", "hidden", "sum", "key", "bug", "recurse", "memory", "disk"
    ]
    count: Positive
    text: str = ""


class Later(Action, tag="toolcrib.later"):
    """Asks for a drill, or a refusal, to fall due."""

    at_ms: TimeMs
    kind: Literal["drill", "refuse", "unknown", "again", "take_back"]
    name: str
    drill: str = ""


class Lent(Event, tag="toolcrib.lent"):
    tool: Id
    owner: MemberId
    borrower: MemberId
    rules: Positive


class Overdue(Event, tag="toolcrib.overdue"):
    tool: Id
    borrower: MemberId


class Done(Event, tag="toolcrib.done"):
    count: Integer
    text: str = ""


class ToolTaken(Refusal, code="toolcrib.tool_taken", field="tool"):
    zh = "工具 {tool} 已登记。请换一个编号。"
    en = "Tool {tool} is registered. Choose another id."


class ToolUnknown(Refusal, code="toolcrib.tool_unknown", field="tool"):
    zh = "{owner} 没有登记工具 {tool}。请先登记。"
    en = "{owner} has no tool {tool}. Register it first."


class ToolOut(Refusal, code="toolcrib.tool_out", field="tool"):
    zh = "工具 {tool} 借给了 {borrower}。请等其归还。"
    en = "Tool {tool} is lent to {borrower}. Wait for its return."


class NotNow(Refusal, code="toolcrib.not_now", field="name"):
    zh = "现在不行。请以后再试。"
    en = "Not now. Try again later."


TOOLS = Table(
    "toolcrib.tools",
    key=("owner", "tool"),
    record=Tool,
    older={
        ToolBefore: lambda old: Tool(owner=old.owner, borrower=old.borrower, loans=1 if old.borrower else 0)
    },
)
NOTES = Table("toolcrib.notes", key=("number",), record=Note, integers=("number",))
NAMES = Table("toolcrib.names", key=("name",), record=Note)


def register(ctx: Context, a: Register) -> None:
    # Checks.
    if TOOLS.get(ctx, (ctx.member, a.tool)) is not None:
        raise ToolTaken(tool=a.tool)

    # Writes.
    TOOLS.put(ctx, (ctx.member, a.tool), Tool(owner=ctx.member, loans=0))


def lend(ctx: Context, a: Lend) -> None:
    # Checks.
    tool = TOOLS.get(ctx, (ctx.member, a.tool))
    if tool is None:
        raise ToolUnknown(owner=ctx.member, tool=a.tool)
    if tool.borrower:
        raise ToolOut(tool=a.tool, borrower=tool.borrower)

    # Writes.
    lent = replace(tool, borrower=a.borrower, due_ms=a.due_ms, loans=tool.loans + 1)
    TOOLS.put(ctx, (ctx.member, a.tool), lent)
    due.at(ctx, a.due_ms, announce_overdue, ctx.member, ctx.member, a.tool)

    # Events.
    ctx.emit(Lent(tool=a.tool, owner=ctx.member, borrower=a.borrower, rules=ctx.rules))


def give_back(ctx: Context, a: GiveBack) -> None:
    # Checks.
    tool = TOOLS.get(ctx, (a.owner, a.tool))
    if tool is None or tool.borrower != ctx.member:
        raise ToolUnknown(owner=a.owner, tool=a.tool)

    # Writes.
    TOOLS.put(ctx, (a.owner, a.tool), replace(tool, borrower="", due_ms=0))


def announce_overdue(ctx: Context, owner: str, tool_id: str) -> None:
    tool = TOOLS.get(ctx, (owner, tool_id))
    if tool is None or tool.due_ms == 0 or tool.due_ms > ctx.time_ms:
        return
    ctx.emit(Overdue(tool=tool_id, borrower=tool.borrower))


def drill(ctx: Context, a: Drill) -> None:
    _drill(ctx, a.kind, a.count, a.text)


def later(ctx: Context, a: Later) -> None:
    handlers = {
        "drill": do_drill,
        "refuse": refuse,
        "unknown": not_declared,
        "again": again,
        "take_back": take_back,
    }
    due.at(ctx, a.at_ms, handlers[a.kind], ctx.member, a.name, a.drill)


def do_drill(ctx: Context, name: str, kind: str) -> None:
    ctx.emit(Done(count=1, text=name))
    if kind:
        _drill(ctx, kind, 1 if kind in ("bug", "recurse", "memory", "disk") else 10_000, name)


def refuse(ctx: Context, name: str, kind: str) -> None:
    NAMES.put(ctx, (name,), Note(value=1))
    raise NotNow()


def again(ctx: Context, name: str, kind: str) -> None:
    """Asks for itself at a time that has passed."""
    ctx.emit(Done(count=ctx.height, text=name))
    due.at(ctx, 0, again, "maker", name, kind)


def take_back(ctx: Context, name: str, kind: str) -> None:
    """Takes back the drill of that name that waits for that time."""
    due.drop(ctx, int(kind), do_drill, "maker", name, "")


def not_declared(ctx: Context, name: str, kind: str) -> None:
    """Not among the room's due work."""


def _recurse() -> int:
    return _recurse() + 1


def _drill(ctx: Context, kind: str, count: int, text: str) -> None:
    if kind == "read":
        for number in range(count):
            NOTES.get(ctx, (number,))
    elif kind == "write":
        for number in range(count):
            NOTES.put(ctx, (number,), Note(value=number))
    elif kind == "delete":
        for number in range(count):
            NOTES.delete(ctx, (number,))
    elif kind == "scan":
        ctx.emit(Done(count=sum(1 for _ in NOTES.scan(ctx, limit=count))))
    elif kind == "hidden":
        for _ in range(count):
            ctx.emit(Done(count=len(list(NOTES.scan(ctx, limit=1)))))
    elif kind == "emit":
        for number in range(count):
            ctx.emit(Done(count=number, text=text))
    elif kind == "sum":
        NAMES.put(ctx, ("sum",), Note(value=2**53 - 1 + count))
    elif kind == "key":
        NAMES.put(ctx, (text,), Note(value=count))
    elif kind == "bug":
        raise ZeroDivisionError("a mistake in a contract" + text)
    elif kind == "recurse":
        ctx.emit(Done(count=_recurse()))
    elif kind == "memory":
        raise MemoryError
    elif kind == "disk":
        raise OSError("no space left on device")


def borrowed_by(ctx: Context, member: MemberId) -> list[str]:
    """Tools that a member holds now."""
    return [str(key[1]) for key, tool in TOOLS.scan(ctx) if tool.borrower == member]


ROOM = Room(
    "toolcrib",
    actions=[register, lend, give_back, drill, later],
    due=[announce_overdue, do_drill, refuse, again, take_back],
    queries=[borrowed_by],
    tables=[TOOLS, NOTES, NAMES],
    events=[Lent, Overdue, Done],
)


def registry() -> Registry:
    return Registry([CONSORTIUM, ROOM])
