"""One row per figure: what was done, what it cost, against which floor, and whether the goal is reached."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """A figure with its goal, both in `unit`; `at_most` says on which side the goal lies."""

    work: str
    value: float
    unit: str
    goal: float
    at_most: bool = True
    detail: str = ""

    @property
    def reached(self) -> bool:
        return self.value <= self.goal if self.at_most else self.value >= self.goal

    def __str__(self) -> str:
        sign = "≤" if self.at_most else "≥"
        verdict = "reached" if self.reached else "MISSED"
        figures = f"{self.value:,.3g} {self.unit} | goal {sign}{self.goal:,.3g} | {verdict}"
        return f"| {self.work} | {figures} | {self.detail} |"


def cpu_s(pid: int) -> float:
    """CPU time that a process has used (Linux)."""
    parts = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds(work: Callable[[], object], repeat: int = 1) -> float:
    """Median CPU time of this process over some runs."""
    took = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return statistics.median(took)


def against(work: Callable[[], object], floor: Callable[[], object], repeat: int = 9) -> tuple[float, ...]:
    """(ratio, seconds of the work, seconds of the floor), medians over pairs of runs.

    The two are run in turn, so that a machine whose speed changes slows both.
    """
    pairs = [(cpu_seconds(work), cpu_seconds(floor)) for _ in range(repeat)]
    ratio = statistics.median(mine / its for mine, its in pairs)
    return ratio, statistics.median(mine for mine, _ in pairs), statistics.median(its for _, its in pairs)
