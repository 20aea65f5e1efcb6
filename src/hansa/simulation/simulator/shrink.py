"""A failing run made short: what members sent and what went wrong, as little of it as still fails alike.

Delta debugging (Zeller and Hildebrandt, 2002): leave out halves, then quarters, then less, as long as the
same rule breaks. What is left is named by numbers, so that one command plays it again.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from hansa.simulation.simulator.run import Options, Script, Verdict, finished
from hansa.simulation.simulator.scenario import Scenario

RUNS_MAX = 300
"""Runs that a story may cost: a minute or two."""

T = TypeVar("T")


def replay(seed: int, scenario: Scenario, options: Options, keep: Sequence[int]) -> Verdict:
    """The run of a seed with only these pieces of it: numbers as `shrink` gives them."""
    whole = finished(seed, scenario, options)
    return finished(seed, scenario, replace(options, script=part(whole.script, keep), tell=True))


def part(script: Script, keep: Sequence[int]) -> Script:
    """A script with only these pieces: troubles are numbered first, then what was sent."""
    kept, first = set(keep), len(script.troubles)
    return Script(
        sent=tuple(each for at, each in enumerate(script.sent, first) if at in kept),
        troubles=tuple(each for at, each in enumerate(script.troubles) if at in kept),
        until_ms=script.until_ms,
    )


class _Tries:
    """Runs with parts of a script, as many as are allowed."""

    def __init__(
        self, whole: Verdict, scenario: Scenario, options: Options, tried: Callable[[int], None]
    ) -> None:
        assert whole.broken is not None
        self._whole, self._scenario, self._options, self._tried = whole, scenario, options, tried
        self.rule = whole.broken.rule
        self.left = RUNS_MAX

    def fails(self, keep: Sequence[int]) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        self._tried(RUNS_MAX - self.left)
        options = replace(self._options, script=part(self._whole.script, keep))
        try:
            verdict = finished(self._whole.seed, self._scenario, options)
        except Exception:
            return False  # Another trouble than the one that the story is about.
        return verdict.broken is not None and verdict.broken.rule == self.rule


def shrink(
    whole: Verdict, scenario: Scenario, options: Options, tried: Callable[[int], None] = lambda runs: None
) -> tuple[int, ...]:
    """Numbers of the pieces that are left. All of them where the script alone does not fail alike.

    `tried` is told of each run, how many there were; RUNS_MAX at most.
    """
    troubles = tuple(range(len(whole.script.troubles)))
    sent = tuple(range(len(troubles), len(troubles) + len(whole.script.sent)))
    tries = _Tries(whole, scenario, options, tried)
    if not tries.fails((*troubles, *sent)):
        return (*troubles, *sent)
    troubles = least(troubles, lambda kept: tries.fails((*kept, *sent)))
    sent = least(sent, lambda kept: tries.fails((*troubles, *kept)))
    troubles = least(troubles, lambda kept: tries.fails((*kept, *sent)))
    return (*troubles, *sent)


def least(pieces: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> tuple[T, ...]:
    """As few pieces as still fail: none of them can be left out alone, if `fails` goes on answering."""
    if not pieces or fails(()):
        return ()
    kept, parts = list(pieces), 2
    while parts <= len(kept):
        size = -(-len(kept) // parts)
        for start in range(0, len(kept), size):
            rest = kept[:start] + kept[start + size :]
            if rest and fails(rest):
                kept, parts = rest, max(2, parts - 1)
                break
        else:
            if size == 1:
                break
            parts = min(len(kept), 2 * parts)
    return tuple(kept)


def spans(numbers: Sequence[int]) -> str:
    """`3,17,20-22`."""
    out: list[list[int]] = []
    for number in sorted(numbers):
        if out and number == out[-1][1] + 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in out)


def numbers_of(text: str) -> tuple[int, ...]:
    """The inverse of `spans`. Raises ValueError."""
    found: list[int] = []
    for piece in filter(None, text.split(",")):
        match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", piece)
        if match is None:
            raise ValueError(f"{piece} is no number and no span of numbers")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return tuple(found)
