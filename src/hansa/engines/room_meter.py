"""What a room from outside runs on: its operators, built-ins and methods, each of which counts what it costs.

`room_rewrite` puts them in the place of Python's own. They take plain data only, so that every node computes
the same, and they charge before they do, so that nothing ends by time or memory: past WORK_MAX the
transaction is refused (`kernel.over_budget`). Members agree on what they charge: to change it is to change
the rules.
"""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec

from hansa.engines import room_errors as errors
from hansa.kernel import Context, Event, due, limits
from hansa.kernel.context import OverBudget

RANGE_MAX = 100_000
"""Numbers in a range of a room from outside."""
INTEGER_BITS_MAX = 1_024
"""Of an integer that a room computes: what the ledger holds has 53."""
DIGITS_MAX = 300
"""Of a text that is read as an integer."""
DEEP_MAX = 32
"""How deep tuples, lists and dicts may lie within each other where they are compared, stored or handed on."""
LAZY_MAX = 8
"""How often `enumerate`, `zip` and the like may lie within each other: each takes of Python's own depth."""
PARTS_PER_WORK = 16
"""Characters, bytes, or parts of code that cost one of work."""

SEQUENCES = (list, tuple)
METHODS: dict[type, tuple[str, ...]] = {
    str: ("count", "encode", "endswith", "index", "isascii", "join", "split", "startswith"),
    bytes: ("count", "endswith", "hex", "index", "join", "split", "startswith"),
    int: ("bit_length", "to_bytes"),
    bool: ("bit_length",),
    tuple: ("count", "index"),
    range: ("count", "index"),
    list: ("append", "clear", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"),
    dict: ("clear", "get", "items", "keys", "pop", "setdefault", "update", "values"),
}
"""What may be called of a value, by its type."""


class Allowance:
    """A budget for what runs outside of a transaction: loading a module, reading an older record."""

    def __init__(self) -> None:
        self.work = 0

    def spend_work(self, count: int) -> None:
        self.work += count
        if self.work > limits.WORK_MAX:
            raise OverBudget(what="work", limit=limits.WORK_MAX)


_charged = threading.local()


def enter(ctx: Context, work: int) -> None:
    """A function that takes ctx begins: from here on its transaction is charged."""
    _charged.to = ctx
    ctx.spend_work(work)


def step(work: int) -> None:
    """So much of the room's code runs, whatever it is."""
    _charged.to.spend_work(work)


def apart(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that the ledger calls without a transaction, on an allowance of its own for each call.

    Whether it is called depends on what a node has in memory, so no transaction may be charged for it.
    """

    def called(value: Any) -> Any:
        before = getattr(_charged, "to", None)
        _charged.to = Allowance()
        try:
            return function(value)
        finally:
            _charged.to = before

    return called


def emit(ctx: Context, event: Any) -> None:
    """An event of the room's own: other types may bear the name of another room's event."""
    if not isinstance(event, Event):
        raise _refuse("emit()", event)
    ctx.emit(event)


def due_at(ctx: Context, due_ms: int, handler: Callable[..., None], member: str, *arguments: str) -> None:
    """As `due.at`, but on nobody's account save that of the member who has it done. Raises DueAccount."""
    if member != ctx.account:
        raise errors.DueAccount(member=member)
    due.at(ctx, due_ms, handler, member, *arguments)


# What values weigh.


def weigh(value: Any) -> Any:
    """Charge for a value with all in it, as often as it is in it. Returns it."""
    _weigh(value, _charged.to.spend_work, DEEP_MAX)
    return value


def _weigh(value: Any, spend: Callable[[int], None], deeper: int) -> None:
    kind = type(value)
    if kind is str or kind is bytes:
        spend(1 + len(value) // PARTS_PER_WORK)
        return
    spend(1 + len(value) // PARTS_PER_WORK if kind is range else 1)
    parts: Iterable[Any] = ()
    if kind in SEQUENCES:
        parts = value
    elif kind is dict:
        parts = itertools.chain.from_iterable(value.items())
    elif isinstance(value, msgspec.Struct):
        parts = msgspec.structs.astuple(value)
    for part in parts:
        if deeper == 0:
            raise errors.TooBig(bits=INTEGER_BITS_MAX, deep=DEEP_MAX)
        _weigh(part, spend, deeper - 1)


def within(value: Any) -> Any:
    """What `in` looks into: a dict finds a key at once."""
    if type(value) is dict:
        step(1)
        return value
    return weigh(value)


def cut(value: Any) -> Any:
    """A part of a text or sequence, charged for its length. It is no longer than what there was before."""
    step(1 + len(value) // PARTS_PER_WORK)
    return value


def walk(items: Any, work: int = 1) -> Iterator[Any]:
    """Item by item, each charged. A dict is walked as it was at the start."""
    spend = _charged.to.spend_work
    if type(items) is dict:
        spend(1 + len(items) // PARTS_PER_WORK)
        items = list(items)
    for item in items:
        spend(work)
        yield item


class Lazy:
    """What is computed as it is walked, such as `enumerate`: not too often within each other."""

    def __init__(self, made: Iterator[Any], *of: Any) -> None:
        self.made = made
        self.deep: int = 1 + max((item.deep for item in of if type(item) is Lazy), default=0)
        if self.deep > LAZY_MAX:
            raise errors.TooBig(bits=INTEGER_BITS_MAX, deep=LAZY_MAX)

    def __iter__(self) -> "Lazy":
        return self

    def __next__(self) -> Any:
        return next(self.made)


def _lazy(make: Callable[..., Iterator[Any]]) -> Callable[..., Lazy]:
    """As a function of itertools that takes any number of things to walk."""

    def lazy(*given: Any, **options: Any) -> Lazy:
        return Lazy(make(*map(walk, given), **options), *given)

    return lazy


# Operators.


def _refuse(what: str, *values: Any) -> errors.Operation:
    kinds = ", ".join(type(value).__name__ for value in values)
    return errors.Operation(what=what, kinds=kinds)


def _integers(sign: str, left: Any, right: Any) -> None:
    if not (isinstance(left, int) and isinstance(right, int)):
        raise _refuse(sign, left, right)


def _bounded(number: int) -> int:
    step(1)
    if number.bit_length() > INTEGER_BITS_MAX:
        raise errors.TooBig(bits=INTEGER_BITS_MAX, deep=DEEP_MAX)
    return number


def add(left: Any, right: Any) -> Any:
    """Integers; or two texts, two bytes, two tuples, two lists."""
    if isinstance(left, int) and isinstance(right, int):
        return _bounded(left + right)
    if type(left) is not type(right) or type(left) not in (str, bytes, tuple, list):
        raise _refuse("+", left, right)
    per = 1 if type(left) in SEQUENCES else PARTS_PER_WORK
    step(1 + (len(left) + len(right)) // per)
    return left + right


def grow(left: Any) -> Any:
    """What `+=` adds to. A list would change where it lies, seen by every other name of it."""
    if type(left) in (list, dict):
        raise _refuse("+=", left)
    return left


def change(container: Any, key: Any, operator: Callable[[Any, Any], Any], value: Any) -> None:
    """`container[key] += value`, of a list or dict."""
    weigh(key)
    container[key] = operator(grow(container[key]), value)


def _operator(sign: str, compute: Callable[[int, int], int]) -> Callable[[Any, Any], int]:
    def operator(left: Any, right: Any) -> int:
        _integers(sign, left, right)
        return _bounded(compute(left, right))

    return operator


# Built-in functions.


def integer(value: Any = 0) -> int:
    """Of an integer, or of a text in ASCII: other digits depend on a node's tables of characters."""
    if isinstance(value, int):
        return int(value)
    if type(value) is not str or not value.isascii() or len(value) > DIGITS_MAX:
        raise _refuse("int()", value)
    step(1 + len(value) // PARTS_PER_WORK)
    return int(value)


def bounded(*bounds: int) -> range:
    """Python's `range`, of at most RANGE_MAX numbers. Raises RangeTooLong."""
    whole = range(*bounds)
    if whole[RANGE_MAX:]:
        raise errors.RangeTooLong(limit=RANGE_MAX)
    return whole


def total(items: Any, start: int = 0) -> int:
    for item in walk(items):
        _integers("sum()", start, item)
        start = _bounded(start + item)
    return start


def _keyed(options: dict[str, Any]) -> dict[str, Any]:
    """With what a sort compares weighed, where a key makes it."""
    key = options.get("key")
    return options if key is None else {**options, "key": lambda item: weigh(key(item))}


def _best(choose: Callable[..., Any]) -> Callable[..., Any]:
    def best(*given: Any, **options: Any) -> Any:
        items = list(walk(given[0])) if len(given) == 1 else list(given)
        return choose(weigh(items), **_keyed(options))

    return best


def _divided(left: Any, right: Any) -> tuple[int, int]:
    _integers("divmod()", left, right)
    return left // right, left % right


def _dict(*given: Any, **named: Any) -> dict[Any, Any]:
    pairs = given[0] if len(given) == 1 else ()
    return dict(weigh(pairs if type(pairs) is dict else list(walk(pairs))), **named)


def _reversed(items: Any) -> Iterator[Any]:
    return iter(list(walk(items))[::-1])


BUILTINS: dict[str, Callable[..., Any]] = {
    "all": lambda items: all(walk(items)),
    "any": lambda items: any(walk(items)),
    "dict": _dict,
    "divmod": _divided,
    "enumerate": lambda items, start=0: Lazy(enumerate(walk(items), start), items),
    "int": integer,
    "list": lambda items=(): list(walk(items)),
    "max": _best(max),
    "min": _best(min),
    "range": bounded,
    "reversed": _reversed,
    "sorted": _best(sorted),
    "sum": total,
    "tuple": lambda items=(): tuple(walk(items)),
    "zip": _lazy(zip),
}
"""In the place of Python's. `abs`, `bool`, `isinstance` and `len` do no harm as they are."""
ITERTOOLS = SimpleNamespace(
    chain=_lazy(itertools.chain),
    islice=lambda items, *bounds: Lazy(itertools.islice(walk(items), *bounds), items),
    pairwise=_lazy(itertools.pairwise),
    zip_longest=_lazy(itertools.zip_longest),
)


# Methods of values.


def call(value: Any, method: str, /, *given: Any, **named: Any) -> Any:
    """`value.method(…)`. `keys()`, `values()` and `items()` give lists: views would be sets, in any order."""
    if method not in METHODS.get(type(value), ()):
        raise _refuse(f".{method}()", value)
    match method:
        case "append" | "bit_length" | "isascii":
            step(1)
        case "clear" | "insert" | "pop" | "reverse" if type(value) is list:
            step(1 + len(value) // PARTS_PER_WORK)
        case "clear" | "get" | "pop" | "setdefault":
            weigh(given)
        case "items" | "keys" | "values":
            step(1 + len(value))
            return list(getattr(value, method)(*given))
        case "join":
            parts = [weigh(part) for part in walk(*given)]
            step(1 + len(value) * len(parts) // PARTS_PER_WORK)
            return value.join(parts)
        case "extend":
            given = (list(walk(*given)),)
        case "update":
            given, named = (_dict(*given, **named),), {}
        case "split":
            # Without a separator, a text is split at what a node takes for blanks.
            if len(given) == 0 or given[0] is None:
                raise _refuse(".split()", value)
            step(1 + len(value))
        case "to_bytes":
            if not given or type(given[0]) is not int or given[0] > INTEGER_BITS_MAX:
                raise _refuse(".to_bytes()", *given)
            step(1 + given[0] // PARTS_PER_WORK)
        case "sort":
            weigh(value)
            named = _keyed(named)
        case "encode" if given or named:
            raise _refuse(".encode()", *given)
        case _:
            weigh(value)
            weigh(given)
    return getattr(value, method)(*given, **named)


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "Add": add,
    "Sub": _operator("-", lambda left, right: left - right),
    "Mult": _operator("*", lambda left, right: left * right),
    "FloorDiv": _operator("//", lambda left, right: left // right),
    "Mod": _operator("%", lambda left, right: left % right),
    "BitAnd": _operator("&", lambda left, right: left & right),
    "BitOr": _operator("|", lambda left, right: left | right),
    "BitXor": _operator("^", lambda left, right: left ^ right),
    "RShift": _operator(">>", lambda left, right: left >> right),
}
"""By the names of Python's grammar. Powers and left shifts are refused when a room is read."""
HELPERS: dict[str, Callable[..., Any]] = {
    **{f"__{name}": function for name, function in OPERATORS.items()},
    **{f"__{name}": function for name, function in BUILTINS.items()},
    **{
        f"__{function.__name__}": function
        for function in (enter, step, emit, due_at, weigh, within, cut, walk, grow, change, call)
    },
}
"""What a rewritten module calls. No room can name them: it may use no name with `__`."""
