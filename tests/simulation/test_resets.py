"""A counter that begins anew at each shift: the owner declares it, and every piece is counted once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hansa.edge.log_errors import EdgeRefusal
from hansa.edge.mapping import parse_mapping
from hansa.simulation import demo as plays

NOW_MS = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp() * 1_000)
MAPPING = """
[log]
device = "press"
format = "long"
delimiter = ","
time = "time"
item = "item"
value = "value"

[[feed]]
name = "pieces"
kind = "counter"
item = "n"
unit = "piece"
"""
SHIFTS = (300, 250, 400)


def settled(tmp_path: Path, resets: str) -> int:
    """Pieces billed for a log of three shifts, each counted from 0 to its output."""
    rows, at = ["time,item,value"], datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
    for made in SHIFTS:
        for count in range(0, made + 1, 50):
            rows.append(f"{at:%Y-%m-%dT%H:%M:%SZ},n,{count}")
            at += timedelta(minutes=20)
        at += timedelta(hours=1)
    log = tmp_path / "log.csv"
    log.write_text("\n".join(rows) + "\n", encoding="utf-8")
    mapping = tmp_path / "map.toml"
    mapping.write_text(MAPPING + resets, encoding="utf-8")
    folder = plays.prepare(tmp_path / "demo")
    done = plays.run(folder, plays.foreign_play(str(log), mapping, None, {}, False, NOW_MS))
    try:
        assert done.report.ok
        return sum(line.quantity_base for statement in done.statements for line in statement.lines)
    finally:
        done.world.close()


def test_a_shift_counter_counts_every_shift(tmp_path: Path) -> None:
    assert settled(tmp_path, 'resets = "every_fall"\n') == sum(SHIFTS)


def test_resets_can_be_declared_one_by_one(tmp_path: Path) -> None:
    """The first fall is at 09:20, the second at 12:20: readings each 20 minutes, an hour between shifts."""
    declared = """resets = [
      { at = 2026-03-02T09:20:00Z, final = "300" },
      { at = 2026-03-02T12:20:00Z, final = 250, start = 0 },
    ]
    """
    assert settled(tmp_path, declared) == sum(SHIFTS)


def test_undeclared_falls_are_false_readings_once_the_counter_is_past_them(tmp_path: Path) -> None:
    """Rule 24: 0 … 300, then low values until 400 passes 300."""
    assert settled(tmp_path, "") == 400


@pytest.mark.parametrize("value", ['"-1"', '"ten"', "-5"])
def test_a_value_that_no_counter_has_is_refused_by_place(value: str) -> None:
    with pytest.raises(EdgeRefusal) as refused:
        parse_mapping(MAPPING + f"resets = [{{ at = 2026-03-02T09:20:00Z, final = {value} }}]\n")

    assert refused.value.field == "feed[pieces].resets[1].final"
