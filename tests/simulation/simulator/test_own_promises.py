"""The example of a promise of one's own in docs/write-a-scenario.md runs as it stands there."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from hansa.simulation.simulator.invariants import Watch
from hansa.simulation.simulator.scenario import Scenario
from tests.simulation.simulator.plain import Plain, seeds_until_broken

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = (DOCS / "write-a-scenario.md", DOCS / "zh" / "write-a-scenario.md")


def example(page: Path) -> str:
    """The block of the page that defines a promise."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if "(Promise)" in block]
    return str(found)


def made(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "example"}
    exec(code, names)
    return names


def test_both_pages_show_the_same_program() -> None:
    assert example(PAGES[0]) == example(PAGES[1])


def test_it_holds() -> None:
    scenario: Scenario = made(example(PAGES[0]))["scenario"]()
    run = Plain(5, scenario).run(60)
    assert run.sent > 100


def test_it_finds_what_breaks_it() -> None:
    names = made(example(PAGES[0]))
    names["MOST_MINOR"] = 1
    promise = names["SmallDebts"]
    scenario = replace(names["scenario"](), invariants=lambda world: [Watch(world, [promise()])])
    seeds, rule = seeds_until_broken(lambda seed: Plain(seed, scenario), 30)
    assert (seeds > 0, rule) == (True, "small debts")
