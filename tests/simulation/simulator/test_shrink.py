"""A failing run becomes a short story, and one command tells it again."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application
from hansa.simulation.simulator.run import Options, Run
from hansa.simulation.simulator.shrink import least, numbers_of, part, replay, shrink, spans
from hansa.simulation.simulator.story import tell
from tests.simulation.simulator.attesting import scenario

SCENARIO = scenario()


@given(st.sets(st.integers(0, 40), max_size=6), st.integers(1, 41))
def test_what_is_left_is_what_it_takes(needed: set[int], size: int) -> None:
    pieces = sorted(needed | set(range(size)))
    assert set(least(pieces, lambda kept: needed <= set(kept))) == needed


@given(st.sets(st.integers(0, 300)))
def test_numbers_are_written_shortly_and_read_again(numbers: set[int]) -> None:
    assert numbers_of(spans(sorted(numbers))) == tuple(sorted(numbers))


@pytest.mark.parametrize("text", ["a", "1-", "3--4", "1-99999999999"])
def test_what_are_no_numbers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        numbers_of(text)


class Forgets(Application):
    """Forgets, when it is opened again, that it had made a block durable."""

    def info(self, asked: abci.Info) -> abci.InfoAnswer:
        answer = super().info(asked)
        return answer._replace(last_block_height=max(0, answer.last_block_height - 1))


def failing(**options: Any) -> tuple[int, Options]:
    given = Options(blocks=15, make_application=Forgets, **options)
    for seed in range(10):
        if Run(seed, SCENARIO, given).finish().broken is not None:
            return seed, given
    raise AssertionError("nothing fails")


def test_a_failing_seed_is_shrunk_to_the_crash_that_shows_it() -> None:
    seed, options = failing()
    whole = Run(seed, SCENARIO, options).finish()
    keep = shrink(whole, SCENARIO, options)
    verdict = replay(seed, SCENARIO, options, keep)
    assert verdict.broken is not None
    assert verdict.broken.rule == "durable"
    script = part(whole.script, keep)
    assert [fault.kind for _, fault in script.troubles] in (["crash"], ["blackout"])
    assert len(script.sent) <= 1
    for lang in ("en", "zh"):
        lines = tell(verdict, SCENARIO.release().registry(), lang)  # type: ignore[arg-type]
        assert len(lines) < 30
        assert "durable" in lines[-1]
        assert any("crash" in line or "power" in line or "崩溃" in line or "断电" in line for line in lines)


def test_every_trouble_and_every_entry_has_words_in_both_languages() -> None:
    told: set[str] = set()
    for seed in range(12):
        verdict = Run(seed, SCENARIO, Options(blocks=12, tell=True)).finish()
        assert verdict.broken is None
        zh, en = (tell(verdict, SCENARIO.release().registry(), lang) for lang in ("zh", "en"))  # type: ignore[arg-type]
        assert len(zh) == len(en)
        assert not any("{" in line for line in (*zh, *en))
        told |= {noted.what for noted in verdict.diary}
    assert {"trouble", "up", "outcomes", "wire", "calm"} <= told


def test_a_sequence_of_pieces_that_never_fails_stays_as_it_is() -> None:
    def never(kept: Sequence[int]) -> bool:
        return False

    assert least((1, 2, 3), never) == (1, 2, 3)
