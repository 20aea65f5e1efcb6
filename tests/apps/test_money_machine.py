"""Any sequence of what is done with money keeps what money_walk.py checks: hypothesis chooses the steps, so
that it can say which few break a rule; long walks by chance reach what takes many steps.
"""

from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.apps.money_walk import STEPS, Walk

WALKS, LONG = 30, 150


class Money(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.walk = Walk()
        self.walk.all_have_claims_and_debts()

    @rule(step=st.sampled_from(STEPS), seed=st.integers(0, 2**32 - 1))
    def do(self, step: object, seed: int) -> None:
        assert callable(step)
        step(self.walk, Random(seed))

    @invariant()
    def everything_holds(self) -> None:
        if hasattr(self, "walk"):
            self.walk.check()

    def teardown(self) -> None:
        if hasattr(self, "walk"):
            self.walk.finish()


Money.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestMoney = Money.TestCase


@pytest.mark.parametrize("seed", range(WALKS))
def test_a_long_walk_breaks_nothing(seed: int) -> None:
    luck, walk = Random(seed), Walk()
    walk.all_have_claims_and_debts()
    for number in range(LONG):
        luck.choice(STEPS)(walk, luck)
        if number % 5 == 0:
            walk.check()
    walk.check()
    walk.finish()
