"""Whether functions call each other in a circle, or deeper than Python may be able to call."""

from hansa.engines import room_errors as errors
from hansa.engines.room_names import Program

CALLS_MAX = 24
"""Functions that call each other in a row. How many Python bears differs from node to node."""


def find_circles(program: Program) -> None:
    """Adds a Recursion for each circle of calls, found from its first function in order of name.

    Adds a Construct where a row of calls is too long.
    """
    deep: dict[str, int] = {}
    for start in sorted(program.calls):
        _follow(program, start, [], deep)
    for function in sorted(deep):
        if deep[function] == CALLS_MAX + 1:
            module, _, name = function.partition(":")
            path = program.sources[module].path
            program.problems.append(errors.CallsDeep(file=path, line=0, name=name, limit=CALLS_MAX))


def _follow(program: Program, function: str, way: list[str], deep: dict[str, int]) -> int:
    """How many functions call each other in a row from this one on. `deep` has those found already."""
    if function in way:
        circle = [*way[way.index(function) :], function]
        path, line = program.calls[way[-1]][function]
        chain = " → ".join(name.partition(":")[2] for name in circle)
        program.problems.append(errors.Recursion(file=path, line=line, chain=chain))
        return 0
    if function not in deep:
        inner = sorted(program.calls.get(function, {}))
        found = [_follow(program, called, [*way, function], deep) for called in inner]
        deep[function] = 1 + max(found, default=0)
    return deep[function]
