"""Whether functions call each other in a circle."""

from hansa.engines import room_errors as errors
from hansa.engines.room_names import Program


def find_circles(program: Program) -> None:
    """Adds a Recursion for each circle of calls, found from its first function in order of name."""
    done: set[str] = set()
    for start in sorted(program.calls):
        _follow(program, start, [], done)


def _follow(program: Program, function: str, way: list[str], done: set[str]) -> None:
    if function in way:
        circle = [*way[way.index(function) :], function]
        path, line = program.calls[way[-1]][function]
        chain = " → ".join(name.partition(":")[2] for name in circle)
        program.problems.append(errors.Recursion(file=path, line=line, chain=chain))
        return
    if function in done:
        return
    for called in sorted(program.calls.get(function, {})):
        _follow(program, called, [*way, function], done)
    done.add(function)
