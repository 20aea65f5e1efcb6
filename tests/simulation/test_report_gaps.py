"""The report's list of gaps: one row for one gap, however many periods saw it open, and what became of it."""

from types import SimpleNamespace
from typing import Any, cast

from hansa.apps.billing.gaps import GapLine
from hansa.apps.billing.messages import Binding
from hansa.simulation.demo import Demo
from hansa.simulation.report import _gaps_of_feed

HOUR_MS = 3_600_000


def gap(meter: str, to_ms: int, state: str) -> GapLine:
    return GapLine(
        meter=meter, from_ms=HOUR_MS, to_ms=to_ms, rule="zero", quantity_base=0, state=cast(Any, state)
    )


def feed(name: str, *within_ms: int) -> SimpleNamespace:
    """What the log says: readings where the gap begins and ends, and those within."""
    at_ms = (HOUR_MS, *within_ms, 30 * HOUR_MS)
    return SimpleNamespace(spec=SimpleNamespace(name=name), at_ms=at_ms, lost=[0] * len(at_ms))


def test_a_gap_that_ended_is_not_shown_as_open_too_and_one_that_was_filled_late_is_called_so() -> None:
    days = [
        (gap("pieces", 24 * HOUR_MS, "open"), gap("scrap", 24 * HOUR_MS, "open")),
        (gap("pieces", 30 * HOUR_MS, "closed"), gap("late", 30 * HOUR_MS, "closed")),
    ]
    names = ("pieces", "scrap", "late")
    meters = [SimpleNamespace(name=name, base_unit="piece") for name in names]
    sheet = SimpleNamespace(tariff=SimpleNamespace(elements=(), meters=meters))
    bindings = tuple(Binding(meter=name, owner="plant", feed=f"press.{name}") for name in names)
    demo = SimpleNamespace(
        statements=[SimpleNamespace(gaps=day) for day in days],
        play=SimpleNamespace(
            sheet=sheet,
            bindings=bindings,
            log=SimpleNamespace(
                device="press", feeds=(feed("pieces"), feed("scrap"), feed("late", 2 * HOUR_MS))
            ),
        ),
    )
    shown = {
        name: [(row.to_ms, row.status) for row in _gaps_of_feed(cast(Demo, demo), f"press.{name}")]
        for name in names
    }
    assert shown == {
        "pieces": [(30 * HOUR_MS, "closed")],
        "scrap": [(24 * HOUR_MS, "open")],
        "late": [(30 * HOUR_MS, "late")],
    }
