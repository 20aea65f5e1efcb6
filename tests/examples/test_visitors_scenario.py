"""The example scenario: it holds, uses its room, finds a rule taken out of it; its page shows it."""

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from hansa.simulation.simulator.loading import load
from hansa.simulation.simulator.run import Options, Run
from hansa.simulation.simulator.scenario import Happened

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "visitors_scenario.py"
PAGES = [ROOT / "docs" / "write-a-scenario.md", ROOT / "docs" / "zh" / "write-a-scenario.md"]


def test_it_holds_and_its_room_is_used() -> None:
    codes: Counter[str] = Counter()

    class Counts:
        def after(self, world: object, happened: Happened) -> None:
            codes.update(outcome.code for outcome in happened.applied.outcomes)
            codes.update(data.split(b'"')[3].decode() for data in happened.applied.events)

        def at_end(self, world: object) -> None:
            codes["ends"] += 1

    scenario = load(EXAMPLE)
    for seed in range(5):
        run = Run(seed, scenario, Options(blocks=40))
        run.invariants += (Counts(),)
        verdict = run.finish()
        assert verdict.broken is None
    assert codes["ends"] == 5
    for expected in ("ok", "visitors.too_long", "visitors.not_inside", "visitors.overstayed"):
        assert codes[expected] > 5, codes


@pytest.mark.parametrize(
    ("taken_out", "put_in", "rule"),
    [
        ("ctx.time_ms + limits.DAY_MS:", "ctx.time_ms + 2 * limits.DAY_MS:", "a day at most"),
        ("due.at(ctx, a.until_ms,", "due.at(ctx, a.until_ms + 90 * limits.DAY_MS,", "announced"),
    ],
)
def test_a_rule_that_is_taken_out_of_the_room_is_found(
    tmp_path: Path, taken_out: str, put_in: str, rule: str
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    contract = tmp_path / "examples" / "visitors" / "visitors" / "contract.py"
    text = contract.read_text("utf-8")
    assert text.count(taken_out) == 1
    contract.write_text(text.replace(taken_out, put_in), "utf-8")
    scenario = load(tmp_path / "examples" / EXAMPLE.name)
    verdicts = (Run(seed, scenario, Options(blocks=30)).finish() for seed in range(20))
    assert rule in (verdict.broken.rule for verdict in verdicts if verdict.broken)


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_the_page_shows_the_example_as_it_is(page: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    assert len(blocks) >= 3
    example = EXAMPLE.read_text("utf-8")
    # One more stands on the page, of promises beside all business: test_own_promises.py runs that one.
    own = [block for block in blocks if "SmallDebts" not in block]
    assert len(own) >= 3
    for block in own:
        assert block in example
