"""A sublease holds nothing once its head lease is over, unless its own end is long past (seed 3115)."""

from types import SimpleNamespace
from typing import Any

import pytest

from hansa.kernel import limits
from hansa.simulation.simulator.invariants_leasing import Coherent

ENDS_MS, LATE_MS = 1_000_000, limits.HANDOVER_SILENCE_MS


@pytest.mark.parametrize(
    ("state", "returned_ms", "holds"),
    [
        ("running", 0, True),
        ("returned", ENDS_MS - 1, False),
        ("returned", ENDS_MS + LATE_MS - 1, False),
        ("returned", ENDS_MS + LATE_MS, True),
        ("closed", ENDS_MS + LATE_MS, True),
        ("void", 0, False),
    ],
)
def test_a_head_lease_is_over_after_its_subleases(state: str, returned_ms: int, holds: bool) -> None:
    head: Any = SimpleNamespace(
        state=state, returned_ms=returned_ms, end_ms=ENDS_MS, terms=SimpleNamespace(from_ms=0, lessee="bank")
    )
    sublease: Any = SimpleNamespace(
        end_ms=ENDS_MS, terms=SimpleNamespace(from_ms=0, lessor="bank", head="l-58")
    )
    picture: Any = SimpleNamespace(row=lambda table, name: head if name == "l-58" else None)
    found = list(Coherent()._under(picture, "s-92", sublease))
    assert (found == []) == holds, found
