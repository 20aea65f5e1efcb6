"""The plain tariff for a log that came without one: what counts as a gap follows from how the log reports."""

from pathlib import Path

from hansa.edge.log_reader import read_log
from hansa.edge.mapping import parse_mapping
from hansa.simulation.sheets import default_sheet

MAPPING = """
[log]
device = "press-1"
format = "wide"
time = "time"
time_zone = "UTC"
[[feed]]
name = "state"
kind = "state"
column = "state"
reporting = "{reporting}"
"""
EVERY_QUARTER_HOUR = "time,state\n" + "".join(
    f"2024-03-01T{hour:02d}:{minute:02d}:00Z,{'ACTIVE' if hour % 2 else 'STOPPED'}\n"
    for hour in range(24)
    for minute in (0, 15, 30, 45)
)


def test_the_usual_spacing_of_a_periodic_feed_is_no_gap(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(EVERY_QUARTER_HOUR)
    longer_than_ms = {}
    for reporting in ("periodic", "on_change"):
        mapping = parse_mapping(MAPPING.format(reporting=reporting))
        log = read_log(tmp_path / "log.csv", mapping, now_ms=1_800_000_000_000)
        (term,) = default_sheet(log, "UTC").terms.gaps
        longer_than_ms[reporting] = term.longer_than_ms
    assert longer_than_ms == {"periodic": 45 * 60_000, "on_change": 10 * 60_000}
