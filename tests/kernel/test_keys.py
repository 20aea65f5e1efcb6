"""Rules 5 and 6: who may sign, and that no sequence number counts twice."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hansa.kernel import keys, limits
from hansa.kernel.messages import Window

WIDTH = 1_024


def test_the_window_is_as_wide_as_the_rule_says() -> None:
    assert limits.WINDOW_WIDTH == WIDTH
    assert limits.IN_FLIGHT_MAX == 512
    assert limits.VALID_MAX_MS == 24 * 3_600_000


class ReplayWindow(RuleBasedStateMachine):
    """The window of 1,024 bits says what a plain set of all used numbers says."""

    def __init__(self) -> None:
        super().__init__()
        self.window = Window()
        self.used: set[int] = set()

    @property
    def highest(self) -> int:
        return max(self.used, default=0)

    def submit(self, sequence: int) -> None:
        if sequence > self.highest + WIDTH:
            with pytest.raises(keys.SequenceAhead):
                keys.used(self.window, sequence)
        elif sequence in self.used or sequence <= self.highest - WIDTH:
            with pytest.raises(keys.Replayed):
                keys.used(self.window, sequence)
        else:
            self.window = keys.used(self.window, sequence)
            self.used.add(sequence)

    @rule(step=st.integers(1, 3))
    def next_ones(self, step: int) -> None:
        self.submit(self.highest + step)

    @rule(jump=st.integers(WIDTH - 2, WIDTH + 2))
    def far_ahead(self, jump: int) -> None:
        self.submit(self.highest + jump)

    @rule(back=st.one_of(st.integers(0, 5), st.integers(WIDTH - 3, WIDTH + 3), st.integers(0, 5_000)))
    def earlier(self, back: int) -> None:
        if self.highest - back >= 1:
            self.submit(self.highest - back)

    @rule(sequence=st.integers(1, 2**53 - 1))
    def any_number(self, sequence: int) -> None:
        self.submit(sequence)

    @invariant()
    def the_bits_are_the_set(self) -> None:
        assert self.window.highest == self.highest
        bits = int.from_bytes(self.window.used, "big")
        expected = {self.highest - k for k in range(WIDTH) if bits >> k & 1}
        assert expected == {number for number in self.used if number > self.highest - WIDTH}
        assert len(self.window.used) in (0, WIDTH // 8)


TestReplayWindow = ReplayWindow.TestCase
TestReplayWindow.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)


def test_the_stored_form_of_a_window() -> None:
    """docs/protocol.md: bit k of `used`, least significant last byte first, stands for highest − k."""
    window = keys.used(keys.used(keys.used(Window(), 1), 3), 10)

    assert window.highest == 10
    assert window.used == (1 << 9 | 1 << 7 | 1).to_bytes(128, "big")


@pytest.mark.parametrize(
    ("scopes", "action", "allowed"),
    [
        (("*",), "metering.record", True),
        (("metering.*",), "metering.record", True),
        (("metering.record",), "metering.record", True),
        (("metering.*",), "billing.propose", False),
        (("metering.record",), "metering.anchor", False),
        (("metering.*",), "meteringx.record", False),
        (("metering",), "metering.record", False),
        ((), "metering.record", False),
        (("metering.*",), "metering.*", True),
        (("metering.record",), "metering.*", False),
        (("metering.*",), "*", False),
        (("*",), "*", True),
    ],
)
def test_a_scope_covers_an_action_a_room_or_everything(
    scopes: tuple[str, ...], action: str, allowed: bool
) -> None:
    assert keys.in_scope(scopes, action) is allowed
