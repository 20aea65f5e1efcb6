"""A room from outside is read before anything of it runs: what may stand in it, and what may not."""

import re
from pathlib import Path

import pytest

from hansa.engines.foreign_rooms import examine
from hansa.engines.room_check import check
from hansa.engines.room_package import Package
from hansa.kernel import Refusal

MESSAGES = """
from hansa.kernel import Action, Event, Id, Natural, Record


class Tool(Record, version=1, readers="members"):
    name: Id
    loans: Natural = 0


class Lend(Action, tag="tools.lend"):
    tool: Id
    times: Natural = 0


class Lent(Event, tag="tools.lent"):
    tool: Id
"""
ERRORS = """
from hansa.kernel import Refusal


class ToolOut(Refusal, code="tools.tool_out", field="tool"):
    zh = "工具 {tool} 已借出。"
    en = "Tool {tool} is out."
"""
HEAD = """
from itertools import chain
from typing import Literal

from hansa.apps.consortium.interface import is_member
from hansa.apps.metering import interface as metering
from hansa.kernel import Context, Id, MemberId, Natural, Room, Table, due, limits, replace, since
from tools import errors
from tools.messages import Lend, Lent, Tool

TOOLS = Table("tools.tools", key=("owner", "tool"), record=Tool)
WEEK_MS = 7 * limits.DAY_MS
Order = Literal["up", "down"]
"""
BODY = """
def lend(ctx: Context, a: Lend) -> None:
    {step}


def later(ctx: Context, owner: str, tool: str) -> None:
    ctx.emit(Lent(tool=tool))


def helper(n: int) -> int:
    return n + 1


def known(ctx: Context, owner: MemberId) -> list[Tool]:
    return [tool for _, tool in TOOLS.scan(ctx, (owner,))]
"""
ROOM = """
ROOM = Room("tools", actions=[lend], due=[later], queries=[known], tables=[TOOLS], events=[Lent])
"""


def package(
    *, step: str = "return", more: str = "", head: str = HEAD, room: str = ROOM, **files: str
) -> Package:
    contract = head + BODY.replace("{step}", step.replace("\n", "\n    ")) + more + room
    given = {"__init__": "", "messages": MESSAGES, "errors": ERRORS, "contract": contract, **files}
    return Package(
        "tools",
        "1.0",
        "tools.contract:ROOM",
        Path("tools"),
        {f"{name}.py": text.encode() for name, text in given.items()},
    )


def codes(found: list[Refusal]) -> list[str]:
    return sorted({refusal.code for refusal in found})


ALLOWED = [
    "tool = TOOLS.get(ctx, (ctx.member, a.tool))\nif tool is None:\n    raise errors.ToolOut(tool=a.tool)",
    "TOOLS.put(ctx, (ctx.member, a.tool), replace(Tool(name=a.tool), loans=a.times + helper(2)))",
    "names = [tool.name for _, tool in TOOLS.scan(ctx, limit=10) if tool.loans > 1]\nnames.append(a.tool)",
    "total = sum(tool.loans for _, tool in TOOLS.scan(ctx))\nassert total >= 0",
    "best = sorted(known(ctx, ctx.member), key=lambda tool: (-tool.loans, tool.name))\nbest.reverse()",
    "by = {}\nfor number, tool in enumerate(known(ctx, ctx.member)):\n    by[tool.name] = number\nlen(by)",
    'due.at(ctx, ctx.time_ms + WEEK_MS, later, ctx.member, ctx.member, f"{a.tool:s}-{a.times:03d}")',
    "if not is_member(ctx, a.tool) or metering.head(ctx, ctx.member, a.tool) is None:\n    return",
    "feed = metering.feed(ctx, ctx.member, a.tool)\nassert feed.kind != 'x' and feed.modulus >= 0",
    "match a.times:\n    case 0 | 1:\n        return\n    case n if n > 5:\n        abs(n)",
    "for n in range(a.times):\n    if n % 2:\n        continue\n    break",
    "x, *rest = chain((1, 2), (3,))\nassert ','.join(['a', 'b']).startswith('a') and x and rest",
    "assert isinstance(a.times, int) and not isinstance(a, Tool)",
    "if (n := a.times // 2) > 1 and ctx.rules >= 2:\n    TOOLS.delete(ctx, (ctx.member, a.tool))\nabs(n)",
    "low = min((tool.loans for tool in known(ctx, ctx.member)), default=0)\nassert low >> 1 >= 0",
    "order: Order = 'up'\nassert order.isascii() and a.tool.encode().hex()",
]


@pytest.mark.parametrize("step", ALLOWED)
def test_a_plain_contract_passes(step: str) -> None:
    room, refusals = examine(package(step=step))
    assert [str(refusal) for refusal in refusals] == []
    assert room is not None
    assert room.name == "tools"


REFUSED = [
    # It may not run without end.
    ("room.while", "while a.times:\n    pass"),
    ("room.construct", "for n in items:\n    yield n"),
    ("room.construct", "xs = [1]\nfor x in xs:\n    xs.append(x)"),
    ("room.construct", "xs = {1: 1}\nfor x in xs:\n    xs[x + 1] = 1"),
    ("room.construct", "n = 10 ** a.times"),
    ("room.construct", "n = 1\nn <<= a.times"),
    # Nothing but data is a value.
    ("room.as_value", "f = helper"),
    ("room.as_value", "known(ctx, helper)"),
    ("room.as_value", "c = ctx"),
    ("room.as_value", "both = (ctx, 1)"),
    ("room.as_value", "helper(ctx)"),
    ("room.as_value", "ctx = a"),
    ("room.as_value", "kinds = [Tool, Lent]"),
    ("room.as_value", "t = TOOLS"),
    ("room.as_value", "m = errors"),
    ("room.as_value", "f = errors.ToolOut"),
    ("room.attribute", "f = due.at"),
    ("room.as_value", "n = len"),
    ("room.as_value", "n = Tool.readers"),
    ("room.as_value", "return is_member"),
    # Each call is known by name.
    ("room.attribute", "a.tool()"),
    ("room.call", "f = a.tool\nf()"),
    ("room.call", "(lambda: 1)()"),
    ("room.call", "known(ctx, ctx.member)[0]()"),
    ("room.call", "sorted([1], key=a.tool)"),
    ("room.call", "sorted([1], key=known(ctx, ctx.member))"),
    ("room.call", "due.at(ctx, 1, a.tool, ctx.member)"),
    ("room.call", "due.at(ctx, 1, helper, ctx.member)"),
    ("room.call", "due.remove(ctx, 1)"),
    ("room.call", "due.next_due(ctx)"),
    ("room.call", "open('/etc/passwd')"),
    ("room.call", "getattr(a, 'tool')"),
    ("room.call", "setattr(a, 'tool', 1)"),
    ("room.call", "print(a.tool)"),
    ("room.call", "compile('1', '', 'eval')"),
    ("room.call", "iter(helper, 1)"),
    ("room.call", "map(helper, [1])"),
    ("room.call", "n = str(a.times)"),
    ("room.call", "type(a)"),
    ("room.call", "vars(a)"),
    ("room.call", "TOOLS.decode(b'')"),
    ("room.call", "TOOLS.stored(ctx, ('a', 'b'))"),
    ("room.call", "ctx.perform((), 'k1')"),
    ("room.call", "ctx.signal(a)"),
    ("room.call", "ctx.spend_read()"),
    ("room.attribute", "metering.FEEDS.get(ctx, ('a', 'b'))"),
    ("room.call", "metering.missing(ctx)"),
    ("room.name", "__import__('os')"),
    ("room.name", "__builtins__['open']"),
    ("room.name", "n = undefined"),
    ("room.name", "len = 1"),
    ("room.name", "helper = 1"),
    ("room.name", "x = [errors for errors in (1, 2)]"),
    # Each attribute is a declared field.
    ("room.name", "a.__class__"),
    ("room.attribute", "a.missing"),
    ("room.attribute", "ctx.registry"),
    ("room.attribute", "ctx.layer"),
    ("room.attribute", "ctx.events"),
    ("room.attribute", "a.tool.format_map"),
    ("room.attribute", "metering.FEEDS"),
    ("room.attribute", "limits.missing"),
    ("room.attribute", "a.tool.decode('idna')"),
    # It keeps nothing outside of the ledger.
    ("room.shared", "a.tool = 'x'"),
    ("room.shared", "ctx.member = 'bank'"),
    ("room.shared", "known(ctx, ctx.member)[0] = 1"),
    ("room.shared", "xs = known(ctx, ctx.member)\nxs.append(1)"),
    ("room.shared", "xs = [1]\nxs = known(ctx, ctx.member)\nxs.sort()"),
    ("room.shared", "for xs in ([1], [2]):\n    xs.append(1)"),
    ("room.shared", "a.tool.update({})"),
    ("room.construct", "global WEEK_MS"),
    ("room.construct", "del a"),
    # Members compute alike.
    ("room.computed_apart", "n = 1.5"),
    ("room.computed_apart", "n = a.times / 2"),
    ("room.computed_apart", "n = {1, 2}"),
    ("room.computed_apart", "n = hash(a.tool)"),
    ("room.computed_apart", "n = id(a)"),
    ("room.computed_apart", "n = eval('1')"),
    ("room.computed_apart", "exec('1')"),
    ("room.computed_apart", "n = set([1])"),
    ("room.computed_apart", "n = a.tool.upper()"),
    ("room.computed_apart", "n = '{}'.format(a)"),
    ("room.computed_apart", "n = a is Lend(tool='x')"),
    ("room.text", "n = f'{a}'"),
    ("room.text", "n = f'{a.tool!r:s}'"),
    ("room.text", "n = f'{a.tool:s}{a.times:{a.times}d}'"),
    ("room.text", "n = f'{a.times:99999d}'"),
    ("room.text", "n = '%r' % a"),
    # A refusal ends the transaction.
    ("room.construct", "try:\n    helper(1)\nexcept Exception:\n    return"),
    ("room.construct", "raise ValueError"),
    ("room.construct", "raise a"),
    ("room.construct", "raise errors.ToolOut(tool='x') from None"),
    # Form.
    ("room.construct", "def inner() -> None:\n    return"),
    ("room.construct", "class Inner:\n    x = 1"),
    ("room.construct", "import os"),
    ("room.construct", "from os import path"),
    ("room.construct", "with a:\n    return"),
    ("room.construct", "x = (n for n in range(3))"),
    ("room.construct", "f = lambda: 1"),
    ("room.construct", "async def f() -> None:\n    return"),
    ("room.declaration", "n: 'print(1)' = 1"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "step"), REFUSED, ids=[f"{code} {step}" for code, step in REFUSED])
def test_what_a_contract_may_not_do_is_named_with_file_and_line(code: str, step: str) -> None:
    found = check(package(step=step))
    assert code in codes(found), [str(refusal) for refusal in found]
    refusal = next(refusal for refusal in found if refusal.code == code)
    first = (HEAD + BODY).splitlines().index("    {step}") + 1
    assert first <= refusal.values["line"] < first + 5
    assert "contract.py" in refusal.en
    assert "contract.py" in refusal.zh
    assert re.search("[\u4e00-\u9fff]", refusal.zh)


MODULES = [
    ("room.import", "import os"),
    ("room.import", "from os import path"),
    ("room.import", "from hansa.kernel import KEYS"),
    ("room.import", "from hansa.kernel import keys"),
    ("room.import", "from hansa.kernel import Registry"),
    ("room.import", "from hansa.kernel.context import Table"),
    ("room.import", "from hansa.apps.billing.contract import ROOM as OTHER"),
    ("room.import", "from hansa.apps.metering.tables import FEEDS"),
    ("room.import", "from hansa.apps.metering.interface import FEEDS"),
    ("room.import", "from hansa.apps.consortium.interface import *"),
    ("room.import", "from hansa.apps.nowhere.interface import x"),
    ("room.import", "from itertools import count"),
    ("room.import", "from itertools import cycle"),
    ("room.import", "from itertools import repeat"),
    ("room.import", "from functools import cache"),
    ("room.import", "from typing import Any"),
    ("room.import", "from . import errors as mine"),
    ("room.import", "from tools.messages import Missing"),
    ("room.import", "from __future__ import annotations"),
    ("room.module_work", "for n in range(3):\n    pass"),
    ("room.module_work", "helper(1)"),
    ("room.module_work", "N = helper(1)"),
    ("room.module_work", "if True:\n    N = 1"),
    ("room.module_work", "N = [n for n in range(9)] + [1]"),
    ("room.module_work", "N = 10 ** 10"),
    ("room.shared", "SEEN = {}"),
    ("room.shared", "SEEN = []"),
    ("room.shared", "def f(ctx: Context, seen: list[int] = []) -> None:\n    return"),
    ("room.construct", "@print\ndef f() -> None:\n    return"),
    ("room.construct", "@since(helper(1))\ndef f() -> None:\n    return"),
    ("room.name", "def helper(n: int) -> int:\n    return n"),
    ("room.name", "def len(n: int) -> int:\n    return n"),
    ("room.name", "__all__ = ('lend',)"),
    ("room.declaration", "def f(x: int, ctx: Context) -> None:\n    return"),
    ("room.declaration", "def f(c: Context) -> None:\n    return"),
    ("room.declaration", "def f(ctx: int) -> None:\n    return"),
    ("room.declaration", "def f(x) -> None:\n    return"),
    ("room.declaration", "def f(x: 'print(1)') -> None:\n    return"),
    ("room.declaration", "def f() -> print:\n    return"),
    ("room.declaration", "OTHER = Table('consortium.members', key=('m',), record=Tool)"),
    ("room.declaration", "OTHER = Table('tools.x', ('m',), Tool)"),
    ("room.declaration", "OTHER = Table('tools.x', key=('m',), record=helper)"),
    ("room.declaration", "OTHER = Table('tools.x', key=('m',), record=Tool, older={Tool: print})"),
    ("room.recursion", "def f(n: int) -> int:\n    return f(n - 1)"),
    ("room.recursion", "def f(n: int) -> int:\n    return g(n)\n\n\ndef g(n: int) -> int:\n    return f(n)"),
    ("room.recursion", "def f(n: int) -> int:\n    return sorted([n], key=lambda m: f(m))[0]"),
    ("room.recursion", "def f(n: int) -> int:\n    return max([n], key=f)"),
    ("room.recursion", "def f(n: int) -> int:\n    return sum(f(m) for m in range(n))"),
]


@pytest.mark.parametrize(("code", "more"), MODULES, ids=[f"{code} {more}" for code, more in MODULES])
def test_what_a_module_may_not_hold_is_named(code: str, more: str) -> None:
    found = check(package(more=f"\n\n{more}\n\n"))
    assert code in codes(found), [str(refusal) for refusal in found]


def test_a_field_of_its_own_gives_no_way_into_pythons_insides() -> None:
    """What a room of the release answers may be a generator, whose frame leads to all there is."""
    fields = MESSAGES.replace("    loans: Natural = 0", "    gi_frame: Id\n    loans: Natural = 0")
    assert codes(check(package(step="a.gi_frame", messages=fields))) == ["room.attribute"]


def test_recursion_over_modules_is_found_and_its_circle_shown() -> None:
    ping = "from tools import pong\n\n\ndef ping(n: int) -> int:\n    return pong.pong(n)\n"
    pong = "from tools.ping import ping\n\n\ndef pong(n: int) -> int:\n    return ping(n)\n"
    (found,) = check(package(ping=ping, pong=pong))
    assert found.code == "room.recursion"
    assert "ping → pong → ping" in found.en


TYPES = [
    ("room.declaration", "class Tool(Record, version=1):\n    name: Id"),
    ("room.declaration", 'class Tool(Record, version=1, readers="all"):\n    name: Id'),
    ("room.declaration", 'class Lend(Action, tag="billing.propose"):\n    tool: Id'),
    ("room.declaration", "class Lend(Action):\n    tool: Id"),
    ("room.declaration", 'class Lend(Action, tag="tools.lend", frozen=False):\n    tool: Id'),
    ("room.declaration", 'class Lend(Action, tag="tools.lend", metaclass=print):\n    tool: Id'),
    (
        "room.declaration",
        'class Lend(Action, tag="tools.lend"):\n    def tool(self) -> None:\n        return',
    ),
    ("room.declaration", "class Lend:\n    tool: Id"),
    ("room.declaration", "class Lend(Action, Record):\n    tool: Id"),
    ("room.shared", 'class Lend(Action, tag="tools.lend"):\n    tools: tuple[Id, ...] = (helper,)'),
    ("room.type", 'class Tool(Record, version=1, readers="members"):\n    name: Id\n    loans: int = 0'),
    ("room.type", 'class Tool(Record, version=1, readers="members"):\n    name: Id\n    loans: list[Id]'),
    ("room.type", 'class Tool(Record, version=1, readers="members"):\n    name: Id\n    loans: Natural = 7'),
    (
        "room.type",
        'class Tool(Record, version=1, readers="members"):\n    name: Id\n    loans: dict[str, Id]',
    ),
]


@pytest.mark.parametrize(("code", "kind"), TYPES, ids=[kind for _, kind in TYPES])
def test_types_say_who_reads_them_and_have_one_form(code: str, kind: str) -> None:
    name = re.match(r"class (\w+)", kind)[1]  # type: ignore[index]
    messages = re.sub(rf"class {name}\(.*?(?=\n\n\n|\Z)", kind, MESSAGES, flags=re.S)
    _, found = examine(package(messages=messages))
    assert code in codes(found), [str(refusal) for refusal in found]


TEXTS = [
    ("room.text", "{tool.name}"),
    ("room.text", "{tool!r}"),
    ("room.text", "{tool:>9}"),
    ("room.text", "{0}"),
    ("room.text", "{"),
    ("room.name", None),
]


@pytest.mark.parametrize(("code", "text"), TEXTS[:-1])
def test_a_refusals_text_does_not_reach_into_its_values(code: str, text: str) -> None:
    found = check(package(errors=ERRORS.replace("{tool}", text)))
    assert codes(found) == [code]


def test_a_refusal_has_two_texts_and_a_code_of_its_room() -> None:
    assert codes(check(package(errors=ERRORS.replace("    zh = ", "    de = ")))) == ["room.declaration"]
    assert codes(check(package(errors=ERRORS.replace("工具 {tool} 已借出。", "{tool}")))) == [
        "room.declaration"
    ]
    assert codes(check(package(errors=ERRORS.replace("tools.tool_out", "billing.out")))) == [
        "room.declaration"
    ]


ROOMS = [
    ("room.declaration", 'ROOM = Room("other", actions=[lend])'),
    ("room.declaration", 'ROOM = Room("tools", actions=[lend], gates=[later])'),
    ("room.declaration", 'ROOM = Room("tools", actions=[helper])'),
    ("room.declaration", 'ROOM = Room("tools", actions=[print])'),
    ("room.declaration", 'ROOM = Room("tools", actions=lend)'),
    ("room.declaration", 'ROOM = Room("tools", tables=[Tool])'),
    ("room.project", "OTHER = 1"),
    ("room.load", 'ROOM = Room("tools", actions=[known], tables=[TOOLS], events=[Lent])'),
    ("room.declaration", 'ROOM = Room("tools", actions=[lend], listeners=[later])'),
    ("room.declaration", 'ROOM = Room("tools", actions=[lend], tables=[TOOLS])'),
    ("room.declaration", 'ROOM = Room("tools", actions=[lend], events=[Lent])'),
]


@pytest.mark.parametrize(("code", "room"), ROOMS, ids=[room for _, room in ROOMS])
def test_a_room_names_what_belongs_to_it(code: str, room: str) -> None:
    _, found = examine(package(room=f"\n{room}\n"))
    assert code in codes(found), [str(refusal) for refusal in found]


def test_the_name_of_a_room_is_its_own() -> None:
    for name in ("billing", "kernel", "room"):
        files = package().files
        renamed = {path: data.replace(b'"tools', f'"{name}'.encode()) for path, data in files.items()}
        _, found = examine(Package(name, "1", "tools.contract:ROOM", Path("tools"), renamed))
        assert codes(found) == ["room.name_taken"], name


def test_what_cannot_be_read_is_named_and_not_run() -> None:
    assert codes(check(package(extra="def f(:\n"))) == ["room.syntax"]
    assert codes(check(package(extra="x = 1\0"))) == ["room.syntax"]
    deep = "x = " + "+".join(["1"] * 20_000)
    assert "room.syntax" in codes(check(package(extra=deep)))


def test_all_that_is_wrong_is_shown_at_once_in_order() -> None:
    found = check(package(step="while a.times:\n    pass\nn = 1.5", extra="import os\n"))
    assert [(refusal.code, refusal.values["file"]) for refusal in found] == [
        ("room.while", "contract.py"),
        ("room.computed_apart", "contract.py"),
        ("room.import", "extra.py"),
    ]
