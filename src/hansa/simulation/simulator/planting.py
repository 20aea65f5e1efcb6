"""How bugs are planted: a line of a program changed, a disk that forgets, an application without care.

Nothing of this is imported but by `hansa simulate --plant`, and all of it is taken out again.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from random import Random
from types import CodeType, FunctionType
from typing import Any, NamedTuple, TypeVar

from hansa.engines.cometbft.application import Application
from hansa.kernel.state import Changes
from hansa.simulation.simulator.disks import Disk, FastDisk
from hansa.simulation.simulator.fast_store import FastStore
from hansa.simulation.simulator.run import Options

T = TypeVar("T")
Into = Callable[[Options, Random], AbstractContextManager[Options]]


class Change(NamedTuple):
    """A text within a function's source, and what stands there instead."""

    function: Callable[..., Any]
    old: str
    new: str


class Unplantable(Exception):
    """The function's source has no such text any more, or not just once."""


def changed(function: FunctionType, changes: Sequence[Change]) -> CodeType:
    """The function's program with these changes. Raises Unplantable."""
    source = textwrap.dedent(inspect.getsource(function))
    for change in changes:
        found = source.count(change.old)
        if found != 1:
            raise Unplantable(f"{function.__qualname__} has {change.old!r} {found} times")
        source = source.replace(change.old, change.new)
    tree = ast.parse(source)
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    made: dict[str, Any] = {}
    exec(compile(tree, f"<planted {function.__qualname__}>", "exec"), function.__globals__, made)
    code = made[function.__name__].__code__
    assert isinstance(code, CodeType)
    return code


def lines(*changes: Change) -> Into:
    """Every replica, and the ledger that is right, runs a program with these changes."""

    @contextmanager
    def into(options: Options, luck: Random) -> Iterator[Options]:
        functions: dict[FunctionType, list[Change]] = {}
        for change in changes:
            function = inspect.unwrap(change.function)
            assert isinstance(function, FunctionType)
            functions.setdefault(function, []).append(change)
        with ExitStack() as stack:
            for function, of in functions.items():
                stack.enter_context(_swapped(function, of))
            yield replace(options, make_disk=_counting_anew(options.make_disk))

    return into


def _counting_anew(make_disk: Callable[[int], Disk]) -> Callable[[int], Disk]:
    """Each run counts from the beginning, so that a story is the same however often it is told."""

    def make(number: int) -> Disk:
        if number == 0:
            TURNS.count = 0
        return make_disk(number)

    return make


@contextmanager
def _swapped(function: FunctionType, changes: Sequence[Change]) -> Iterator[None]:
    sound = function.__code__
    function.__code__ = changed(function, changes)
    try:
        yield
    finally:
        function.__code__ = sound


# Faults of one machine, or of one program among others.


class Turns:
    """What differs from one call to the next, as clocks, addresses and hashes do between machines."""

    def __init__(self) -> None:
        self.count = 0

    def passed(self) -> int:
        """Calls so far."""
        self.count += 1
        return self.count


TURNS = Turns()


def turned(items: Sequence[T]) -> tuple[T, ...]:
    """The same items in an order of its own at each call, as a set has on each machine."""
    found = tuple(items)
    return found[::-1] if TURNS.passed() % 2 else found


def elapsed_ms(at_ms: int) -> int:
    """A time a little after another, as a clock of one's own shows."""
    return at_ms + TURNS.passed() % 7


class Forgetful(FastStore):
    """Loses a record of a commit now and then, and says nothing."""

    luck = Random(0)
    share = 0.01

    def write_records(self, changes: Changes) -> None:
        kept = {name: data for name, data in changes.items() if self.luck.random() >= self.share}
        super().write_records(kept)


def forgetful(number: int) -> Into:
    """One node's disk loses writes."""

    @contextmanager
    def into(options: Options, luck: Random) -> Iterator[Options]:
        sound, drawn = options.make_disk, luck.random()

        def make_disk(at: int) -> Disk:
            if at != number:
                return sound(at)
            Forgetful.luck = Random(drawn)  # Of each run anew: a story is shrunk by many.
            return FastDisk(Forgetful)

        yield replace(options, make_disk=make_disk)

    return into


def careless(application: type[Application]) -> Into:
    """All nodes run this application."""

    @contextmanager
    def into(options: Options, luck: Random) -> Iterator[Options]:
        yield replace(options, make_application=application)

    return into
