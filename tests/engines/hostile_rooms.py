"""Rooms that try to fork, hang or crash the nodes, and plain ones beside them.

    python -m tests.engines.hostile_rooms SEED

runs all that may be loaded with figures drawn from SEED, and prints every outcome, event and record.
"""

import json
import random
import sys

from hansa.engines.foreign_rooms import examine
from hansa.engines.trial import Trial
from hansa.kernel import Refusal, Room
from tests.engines.test_room_check import HEAD, MESSAGES, package

HEAD_MORE = HEAD.replace("import chain", "import chain, islice, pairwise, zip_longest").replace(
    "replace, since", "digest, encode, pack, replace, since"
)

# (code, step): refused when the room is read.
READ: list[tuple[str, str]] = [
    # Members compute alike.
    ("room.computed_apart", "one = {'a': 1}\nn = one.keys() | one.keys()"),
    ("room.computed_apart", "one = {'a': 1}\nfor k, v in one.items() - {}.items():\n    abs(v)"),
    ("room.computed_apart", "one = {'a': 1}\nn = one.values() & one.keys()"),
    ("room.computed_apart", "n = a.tool.encode('mbcs')"),
    ("room.computed_apart", "n = a.tool.encode(encoding='utf-16')"),
    ("room.computed_apart", "n = a.tool.split()"),
    ("room.call", "n = sorted(['٣'], key=int)"),
    ("room.text", "n = f'{a.times:100d}'"),
    ("room.construct", "n = chain(x for x in (1, 2))"),
    ("room.construct", "raise errors.ToolOut(tool='x', clause=a.tool)"),
    ("room.construct", "raise errors.ToolOut(a.tool, tool='x')"),
    ("room.construct", "raise errors.ToolOut(**{'clause': a.tool, 'tool': 'x'})"),
    # Nothing is kept outside of the ledger.
    ("room.shared", "x = {}\nmatch a.tool:\n    case x:\n        x['n'] = 1"),
    ("room.shared", "x = [1]\nmatch a.tool:\n    case [1, *x]:\n        x.append(1)"),
    ("room.shared", "x = {}\ny = sorted([a], key=lambda x: x.setdefault('n', 9))"),
    ("room.shared", "x = {}\ny = sorted([a], key=lambda *x: len(x.pop()))"),
    ("room.as_value", "match a:\n    case ctx:\n        ctx.emit(Lent(tool='x'))"),
    ("room.as_value", "match a.tool:\n    case [*ctx]:\n        return"),
    ("room.as_value", "n = sorted([a], key=lambda ctx: ctx.key)"),
    # No step is longer than it looks.
    ("room.construct", "n = 'a' * 99999999999"),
    ("room.construct", "n = [0] * 10**12"),
    ("room.construct", "n = (0,) * 99999999999"),
    ("room.construct", "x = [1]\nx += [2]"),
    ("room.construct", "x = [1]\nx[0:0] = [2]"),
    ("room.construct", f"n = {2**1_024}"),
    ("room.construct", "n = sum(sum(sum(sum(sum(i for i in [n]) for n in [m]) for m in [l]) for l in [k])"
     " for k in [1])"),
    ("room.syntax", "n = " + "+".join(["1"] * 120)),
]  # fmt: skip

# (code, step): loaded, and refused when they run.
RUN: list[tuple[str, str]] = [
    # Members compute alike.
    ("room.operation", "one = {'a': 1}\ntwo = {'b': 1}\nk = one.keys()\nm = two.keys()\nn = k | m"),
    ("room.operation", "form = '%s'\nctx.emit(Lent(tool=form % (enumerate([1]),)))"),
    ("room.operation", "form = '%s'\nform %= (1,)"),
    ("room.operation", "one = {'a': 1}\ntwo = {'b': 2}\nn = one | two"),
    ("room.operation", "n = int('٣')"),
    ("room.operation", "n = int('9' if a.times else '１')"),
    ("room.operation", "how = 'mbcs'\nn = a.tool.encode(how)"),
    ("room.operation", "at = None\nn = a.tool.split(at)"),
    ("room.operation", "how = ('utf-16',)\nn = a.tool.encode(*how)"),
    # Nothing but the room's own.
    ("room.operation", "ctx.emit(Tool(name=a.tool))"),
    ("room.operation", "ctx.emit(a)"),
    ("room.operation", "x = known(ctx, ctx.member)\nx += known(ctx, ctx.member)"),
    ("room.operation", "n = sum([[1], [2]])"),
    ("room.operation", "n = a.tool + a.times"),
    ("room.operation", "n = [1] + (1,)"),
    ("room.operation", "n = a.times.index(1)"),
    ("room.operation", "n = sum(['a'], 1)"),
    ("room.due_account", "due.at(ctx, ctx.time_ms + 1, later, 'bank', 'bank', a.tool)"),
    # It ends.
    ("kernel.over_budget", "xs = [1]\nys = [xs.append(1) for x in xs]"),
    ("kernel.over_budget", "xs = [1]\nc = chain(xs, xs)\nn = [xs.append(x) for x in c]"),
    ("kernel.over_budget", "xs = [1]\ne = enumerate(xs)\nfor p in e:\n    xs.append(1)"),
    ("kernel.over_budget", "xs = [1]\ne = pairwise(chain((1, 2), xs))\nfor p in e:\n    xs.append(1)"),
    ("kernel.over_budget", "xs = [1]\ne = zip(xs, xs)\nfor x in e:\n    xs.append(1)"),
    ("kernel.over_budget", "xs = [1]\ne = zip_longest(xs, (1,))\nfor x in e:\n    xs.append(1)"),
    ("kernel.over_budget", "xs = [1]\nc = chain(xs)\nfor x in c:\n    xs.append(x)"),
    ("kernel.over_budget", "for i in range(100000):\n    for j in range(100000):\n        n = i"),
    ("kernel.over_budget", "n = sum(1 for i in range(100000) for j in range(100000))"),
    ("kernel.over_budget", "n = any(i < 0 for i in range(100000) for j in range(100000))"),
    ("kernel.over_budget", "xs = sorted(range(100000))\nfor i in range(100000):\n    n = xs.count(i)"),
    ("kernel.over_budget", "xs = sorted(range(100000))\nfor i in range(100000):\n    n = xs == xs"),
    ("kernel.over_budget", "xs = sorted(range(100000))\nfor i in range(100000):\n    n = xs[:]"),
    ("kernel.over_budget", "xs = sorted(range(100000))\nfor i in range(100000):\n    n = [*xs]"),
    ("kernel.over_budget", "xs = sorted(range(100000))\nfor i in range(100000):\n    m, *n = xs"),
    ("kernel.over_budget", "xs = tuple(range(100000))\nfor i in range(100000):\n    match xs:\n"
     "        case [*n]:\n            abs(i)"),
    ("kernel.over_budget", "xs = {i: i for i in range(100000)}\nfor i in range(100000):\n    n = {**xs}"),
    ("kernel.over_budget", "xs = {i: i for i in range(100000)}\nfor i in range(100000):\n    n = xs.keys()"),
    ("kernel.over_budget", "xs = sorted(range(100000))\nfor i in range(100000):\n    n = -1 in xs"),
    ("kernel.over_budget", "xs = tuple(range(100000))\nfor i in range(100000):\n    n = pack(xs)"),
    ("kernel.over_budget", "for i in range(90000):\n    n = pack(range(i))"),
    ("kernel.over_budget", "for i in range(90000):\n    n = 'x' in range(i)"),
    ("kernel.over_budget", "n = 0\nfor i in range(9999):\n    n = helper(n)\n" * 60),
    # It stays small.
    ("room.too_big", "x = 3\nfor i in range(60):\n    x = x * x"),
    ("room.too_big", "x = 3\nfor i in range(60):\n    x *= x"),
    ("room.too_big", "x = 3\nfor i in range(9999):\n    x += x"),
    ("room.too_big", "n = int('99999999')\nfor i in range(9999):\n    n -= n * -9"),
    ("room.operation", "n = [0]\nn *= 99999999999"),
    ("room.operation", "n = 'a'\nn *= 99999999999"),
    ("room.operation", "n = 'a'\nm = n * 99999999999"),
    ("room.operation", "n = [0]\nm = n * (10 * 1000000000000)"),
    *(
        ("room.too_big", f"c = (1, 2)\nfor i in range(5000):\n    c = {lazy}\nn = list(c)")
        for lazy in ("chain(c)", "zip(c)", "enumerate(c)", "islice(c, 9)", "pairwise(c)", "zip_longest(c, c)")
    ),
    ("room.operation", f"n = int('{'9' * 301}')"),
    ("room.operation", "n = a.times.to_bytes(99999999999, 'big')"),
    ("kernel.over_budget", "x = 'aa'\nfor i in range(60):\n    x = x + x"),
    ("kernel.over_budget", "x = 'aa'\nfor i in range(60):\n    x += x"),
    ("kernel.over_budget", "x = 'aa'\nfor i in range(60):\n    x = f'{x:s}{x:s}'"),
    ("kernel.over_budget", "x = 'aa'\nfor i in range(60):\n    x = ','.join([x, x])"),
    ("kernel.over_budget", "x = 'aa'\nfor i in range(60):\n    x = x.join('abcd')"),
    ("kernel.over_budget", "x = 'aa'\nfor i in range(60):\n    x = x.encode().hex()"),
    ("kernel.over_budget", "x = [1]\nfor i in range(60):\n    x = x + x"),
    ("kernel.over_budget", "x = (1,)\nfor i in range(60):\n    x += x"),
    ("kernel.over_budget", "x = [1]\nfor i in range(60):\n    x = [*x, *x]"),
    ("kernel.over_budget", "xs = [1]\nfor i in range(60):\n    xs.extend(xs)"),
    ("kernel.over_budget", "xs = {0: [1]}\nfor i in range(60):\n    xs[0] = xs[0] + xs[0]"),
    ("kernel.over_budget", "xs = {0: 'a'}\nfor i in range(60):\n    xs[0] += xs[0]"),
    # Data within data, as often as they are there.
    ("kernel.over_budget", "x = (1, 1)\nfor i in range(25):\n    x = (x, x)\nn = x == (x, x)"),
    ("kernel.over_budget", "x = (1, 1)\nfor i in range(25):\n    x = (x, x)\nn = {x: 1}"),
    ("kernel.over_budget", "x = (1, 1)\nfor i in range(25):\n    x = (x, x)\nn = {1: 1}.get(x)"),
    ("kernel.over_budget", "x = (1, 1)\nfor i in range(25):\n    x = (x, x)\nn = encode(x)"),
    ("kernel.over_budget", "x = (1, 1)\nfor i in range(25):\n    x = (x, x)\nn = digest(x)"),
    ("kernel.over_budget", "x = (1, 1)\nfor i in range(25):\n    x = (x, x)\nn = max(x, x)"),
    ("kernel.over_budget", "x = (1, 1)\nfor i in range(25):\n    x = (x, x)\nctx.emit(Lent(tool=x))"),
    ("kernel.over_budget", "x = (1, 1)\nfor i in range(25):\n    x = (x, x)\nTOOLS.get(ctx, x)"),
    ("kernel.over_budget", "x = (1, 1)\nfor i in range(25):\n    x = (x, x)\nd = {}\nd[x] = 1"),
    *(
        ("kernel.over_budget", f"x = (1, 1)\nfor i in range(25):\n    x = (x, x)\nxs = [1, 2]\n{sort}")
        for sort in ("xs.sort(key=lambda n: x)", "n = sorted(xs, key=lambda n: (x, n))")
    ),
    ("kernel.over_budget", "xs = []\nfor i in range(99999):\n    xs.append(i.to_bytes(1000, 'big'))"),
    ("kernel.over_budget", "x = (1, 1)\nfor i in range(25):\n    x = (x, x)\nd = {1: 1}\nd[x] += 1"),
    ("kernel.over_budget", "x = (1, 1)\nfor i in range(25):\n    x = (x, x)\nn = x in {1: 1}"),
    ("kernel.over_budget", "x = y = 1, 1\nfor i in range(25):\n    x, y = (x, x), (y, y)\nn = () != x == y"),
    ("kernel.over_budget", "x = (1, 1)\nfor i in range(25):\n    x = (x, x)\nd = {x: n for n in (1,)}"),
    ("room.too_big", "x = ()\nfor i in range(9999):\n    x = (x,)\nn = x == (x,)"),
    ("room.too_big", "x = ()\nfor i in range(9999):\n    x = (x,)\nn = encode(x)"),
    ("room.too_big", "x = a.tool\nfor i in range(9999):\n    x = Tool(name=x)"),
    ("room.too_big", "x = {}\nfor i in range(9999):\n    x = {1: x}\nTOOLS.put(ctx, ('a', 'b'), x)"),
]  # fmt: skip

ALLOWED: list[str] = [
    "one = {a.tool: 1, 'b': 2, 'c': 3}\nctx.emit(Lent(tool='-'.join(one.keys())))",
    "one = {'a': 1, 'b': 2}\nfor k, v in one.items():\n    ctx.emit(Lent(tool=f'{k:s}{v:d}'))",
    "one = {5: 1}\nthere = one.keys()\nfor k in there:\n    one[k + 1] = 1\n"
    "ctx.emit(Lent(tool=f'n{there[0]:d}{len(one):d}'))",
    "one = {5: 1}\nthere = enumerate(one)\nfor i, k in there:\n    one[k + 1] = 1\n"
    "ctx.emit(Lent(tool=f'n{len(one):d}'))",
    "one = {'a': 5, 'b': 2}\nctx.emit(Lent(tool=f'n{sum(one.values()) + max(one.values()):d}'))",
    "one = {k: v for v, k in enumerate(a.tool.split('-'))}\nfor k in one:\n    ctx.emit(Lent(tool='x' + k))",
    "names = sorted({t.name: t for _, t in TOOLS.scan(ctx)})\nctx.emit(Lent(tool=f'n{len(names):d}'))",
    "n = a.times * 3 + a.times % 7 - (a.times // 2) ^ 5 & 255 | 1\nctx.emit(Lent(tool=f'n{abs(n):d}'))",
    "n = 1\nfor i in range(a.times % 50):\n    n += i * i\n    n %= 1000003\nctx.emit(Lent(tool=f'n{n:d}'))",
    "n = 1000\nn //= a.times + 1\nn -= 3\nn >>= 1\nctx.emit(Lent(tool=f'n{abs(n):d}'))",
    "by = {}\nfor i in range(9):\n    by[i % 3] = by.get(i % 3, 0) + i\nby[0] += a.times\n"
    "ctx.emit(Lent(tool='-'.join(f'{k:d}.{by[k]:d}' for k in sorted(by, key=lambda k: -by[k]))))",
    "xs = [3, 1, 2]\nxs.append(a.times)\nxs.sort(key=lambda n: -n)\nxs.insert(0, 7)\nxs.reverse()\n"
    "last = xs.pop()\n"
    "ctx.emit(Lent(tool='-'.join(f'{x:d}' for x in [*xs, last])))",
    "t = (1,)\nt += (2, 3)\nfirst, *rest = t\nctx.emit(Lent(tool=f'n{first:d}{len(rest):d}{t[1:][0]:d}'))",
    "pairs = list(zip([1, 2, 3], reversed([4, 5, 6])))\nn, m = divmod(sum(x * y for x, y in pairs), 7)\n"
    "ctx.emit(Lent(tool=f'n{n:d}-{m:d}'))",
    "for p, q in pairwise(islice(chain((1, 2), (3, 4)), 3)):\n    ctx.emit(Lent(tool=f'n{p:d}{q:d}'))",
    "digits = f'{a.times:04d}'\nn = int(digits) + int(True)\nctx.emit(Lent(tool=f'n{n:d}'))",
    "text = a.tool\ntext += '-x'\nif 'w' in text and text != 'w' and 1 < a.times < 900:\n"
    "    ctx.emit(Lent(tool=text[:8] + text[-1]))",
    "match (a.times % 3, a.tool):\n    case (0, name):\n        ctx.emit(Lent(tool=name))\n"
    "    case (n, _) if n > 1:\n        ctx.emit(Lent(tool='two'))",
    "best = max([Tool(name='a', loans=a.times), Tool(name='b', loans=500)], key=lambda t: t.loans)\n"
    "TOOLS.put(ctx, (ctx.member, best.name), replace(best, loans=min(best.loans, 77)))",
    "xs = [1]\nxs.extend(x for x in xs)\nxs.extend(enumerate(xs))\nxs.extend(chain(xs))\n"
    "ctx.emit(Lent(tool=f'n{len(xs):d}'))",
    "TOOLS.put(ctx, (ctx.member, a.tool), Tool(name=a.tool, loans=a.times))\norder = {}\n"
    "for _, tool in TOOLS.scan(ctx, (ctx.member,)):\n    order[tool.loans] = order.get(tool.loans, 0) + 1"
    "\nfor loans, count in order.items():\n    ctx.emit(Lent(tool=f'{loans:d}x{count:d}'))",
    "due.at(ctx, ctx.time_ms + 5, later, ctx.member, ctx.member, f'd{a.times:d}')",
    "x = {}\nx.update({'b': 1})\nx.update([('a', a.times)])\nif x and not x.get('c'):\n"
    "    ctx.emit(Lent(tool='-'.join(sorted(dict(x), reverse=True))))",
    "n = (a.times + 1).bit_length()\ndata = a.tool.encode() + n.to_bytes(2, 'big')\n"
    "ctx.emit(Lent(tool='h' + digest(encode((data.hex(), n)))[:9]))",
]  # fmt: skip


def room_of(step: str) -> tuple[Room | None, list[Refusal]]:
    """The room whose one action does this."""
    return examine(package(step=step, head=HEAD_MORE, messages=MESSAGES))


def outcomes(room: Room, draw: random.Random) -> list[object]:
    """What comes of a few transactions and of what they leave to be done."""
    trial = Trial(room)
    (lend,) = room.actions
    codes = []
    for _ in range(3):
        tool = "-".join(draw.sample(["w", "x", "y", "z", "q"], 3))
        try:
            trial.do("plant", lend(tool=tool, times=draw.randrange(1_000)))  # type: ignore[call-arg]
            codes.append("ok")
        except Refusal as refusal:
            codes.append(refusal.code)
    trial.wait(10)
    codes += [incident.what for incident in trial.incidents]
    return [codes, [event.decode() for event in trial._events], trial._replica.state_sum.hex()]


def main(seed: int) -> None:
    """Print what comes of every step that may be loaded."""
    draw = random.Random(seed)
    quick = [step for code, step in RUN if code != "kernel.over_budget"]
    for step in [*ALLOWED, *quick]:
        room, refusals = room_of(step)
        assert room is not None, refusals
        print(json.dumps([step, *outcomes(room, draw)]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
