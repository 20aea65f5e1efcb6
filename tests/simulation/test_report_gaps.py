"""The report's list of gaps: one row for one gap, however many periods saw it open."""

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


def test_a_gap_that_ended_is_not_shown_as_open_too() -> None:
    days = [
        (gap("pieces", 24 * HOUR_MS, "open"), gap("scrap", 24 * HOUR_MS, "open")),
        (gap("pieces", 30 * HOUR_MS, "closed"),),
    ]
    meters = [SimpleNamespace(name=name, base_unit="piece") for name in ("pieces", "scrap")]
    sheet = SimpleNamespace(tariff=SimpleNamespace(elements=(), meters=meters))
    bindings = tuple(Binding(meter=name, owner="plant", feed=f"press.{name}") for name in ("pieces", "scrap"))
    demo = SimpleNamespace(
        statements=[SimpleNamespace(gaps=day) for day in days],
        play=SimpleNamespace(sheet=sheet, bindings=bindings),
    )
    shown = {
        name: [(row.to_ms, row.status) for row in _gaps_of_feed(cast(Demo, demo), f"press.{name}")]
        for name in ("pieces", "scrap")
    }
    assert shown == {"pieces": [(30 * HOUR_MS, "closed")], "scrap": [(24 * HOUR_MS, "open")]}
