"""Amounts per interval, power integrated to energy, and workbooks."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook

from hansa.edge.log_reader import Gap, read_log
from tests.edge.logs import NOW_MS, START_MS, WIDE, good, mapping, minutes, read, rows

AMOUNTS = WIDE.replace('"counter"', '"amount"').replace('"piece"', '"kWh"\ninterval = "15min"')


@pytest.mark.parametrize(("stamp", "first"), [("end", 0), ("start", 15)])
def test_amounts_stand_at_the_end_of_their_interval(tmp_path, stamp, first):
    text = rows("time,pieces", "2024-03-01T00:00:00Z,1.5", "2024-03-01T00:15:00Z,2")
    feed = read(tmp_path, text, mapping(AMOUNTS, f'stamp = "{stamp}"')).feeds[0]
    assert minutes(feed) == [first, first + 15]
    assert (feed.value, feed.span_ms, feed.record) == ([1500, 2000], [900_000] * 2, [0, 1])


def test_a_missing_interval_is_a_gap_and_an_overlap_is_told(tmp_path):
    text = rows("time,pieces", "2024-03-01T00:15:00Z,1", "2024-03-01T00:45:00Z,1", "2024-03-01T00:50:00Z,1")
    log = read(tmp_path, text, mapping(AMOUNTS))
    assert log.report.gaps == (Gap("pieces", START_MS + 900_000, START_MS + 1_800_000, "silence"),)
    assert log.feeds[0].overlaps == [2]


def test_amounts_since_the_last_reading(tmp_path):
    text = rows("time,pieces", "2024-03-01T00:00:00Z,1", "2024-03-01T00:07:00Z,2", "2024-03-01T00:10:00Z,1")
    feed = read(tmp_path, text, mapping(AMOUNTS.replace("15min", "since_last"))).feeds[0]
    assert feed.span_ms == [0, 420_000, 180_000]


def test_a_state_that_speaks_of_an_interval_begins_with_it(tmp_path):
    state = '[[feed]]\nname = "load"\nkind = "state"\ncolumn = "load"\ninterval = "15min"'
    text = rows("time,pieces,load", "2024-03-01T00:15:00Z,1,HIGH")
    log = read(tmp_path, text, mapping(AMOUNTS, "", state))
    assert [minutes(feed) for feed in log.feeds] == [[15], [0]]


POWER = WIDE.replace('"counter"', '"power"').replace('"piece"', '"kW"')


def test_power_holds_until_the_next_reading_at_most_hold_max(tmp_path):
    text = rows(
        "time,pieces",
        "2024-03-01T00:00:00Z,6",
        "2024-03-01T00:10:00Z,12",
        "2024-03-01T00:20:00Z,0.6",
        "2024-03-01T01:00:00Z,6",
        "2024-03-01T01:01:00Z,6",
    )
    log = read(tmp_path, text, mapping(POWER, "", 'hold_max = "20min"'))
    feed = log.feeds[0]
    # kW × min: 6 × 10 + 12 × 5 | 12 × 5 + 0.6 × 10 | 0.6 × 10, then unknown | 6 × 1
    assert (feed.base_unit, good(feed)) == ("Wh", [2000, 1100, 100, 100])
    assert feed.span_ms == [900_000, 900_000, 600_000, 0, 60_000]
    assert list(feed.lost) == [0, 0, 0, 1, 0]
    assert minutes(feed)[:3] == [15, 30, 40]
    assert log.report.gaps == (Gap("pieces", feed.at_ms[3], START_MS + 3_600_000, "lost"),)


def test_small_power_is_not_rounded_away(tmp_path):
    text = rows("time,pieces", *(f"2024-03-01T00:{s // 60:02d}:{s % 60:02d}Z,0.0005" for s in range(901)))
    # 0.5 W for a quarter of an hour, read every second: 0.125 Wh; for 8 hours it would be 4 Wh.
    assert good(read(tmp_path, text, mapping(POWER)).feeds[0]) == [0]
    hours = rows(
        "time,pieces", *(f"2024-03-01T{h:02d}:{m:02d}:00Z,0.0005" for h in range(9) for m in range(60))
    )
    feed = read(tmp_path, hours, mapping(POWER, "", 'interval = "8h"')).feeds[0]
    assert feed.value[0] == 4


def test_lost_power_is_energy_unknown(tmp_path):
    text = rows(
        "time,pieces",
        "2024-03-01T00:00:00Z,6",
        "2024-03-01T00:05:00Z,NaN",
        "2024-03-01T00:30:00Z,6",
        "2024-03-01T00:40:00Z,6",
    )
    feed = read(tmp_path, text, mapping(POWER)).feeds[0]
    assert good(feed) == [500, 1000]
    assert sum(feed.span_ms) == 15 * 60_000


def test_an_amount_that_ends_as_the_device_goes_is_kept(tmp_path):
    text = rows("time,pieces,on", "2024-03-01T00:15:00Z,1,yes", "2024-03-01T00:30:00Z,7,no")
    mapped = mapping(AMOUNTS, 'availability = { column = "on", lost = ["no"] }')
    feed = read(tmp_path, text, mapped).feeds[0]
    assert (minutes(feed), list(feed.lost)) == ([15, 30], [0, 1])
    long = AMOUNTS.replace('"wide"', '"long"\nitem = "item"\nvalue = "value"').replace("column", "item")
    text = rows("time,item,value", "2024-03-01T00:15:00Z,pieces,1", "2024-03-01T00:15:00Z,on,no")
    feed = read(tmp_path, text, mapping(long, 'availability = { item = "on", lost = ["no"] }')).feeds[0]
    assert (good(feed), list(feed.lost)) == ([1000], [0])


def workbook(path: Path, cells: list[list[object]]) -> Path:
    book = Workbook()
    for row in cells:
        book.active.append(row)
    book.active.title = "Log"
    book.save(path)
    return path


def test_a_workbook_with_date_cells(tmp_path):
    start = datetime(2024, 3, 1, 8, 0)
    path = workbook(
        tmp_path / "log.xlsx",
        [
            ["时间", "pieces", "energy", "state"],
            [start, 10, 0.1, "RUN"],
            [start + timedelta(minutes=15), 12.0, 1234.29, None],
            [None, None, None, None],
            ["2024-03-01 08:30", "13", "1234,3", "STOP"],
        ],
    )
    feeds = """
[[feed]]
name = "energy"
kind = "counter"
column = "energy"
unit = "kWh"
[[feed]]
name = "state"
kind = "state"
column = "state"
"""
    mapped = mapping(WIDE.replace('"time"', '"时间"'), 'time_zone = "Asia/Shanghai"\ndecimal = ","', feeds)
    log = read_log(path, mapped, now_ms=NOW_MS)
    assert minutes(log.feeds[0]) == [0, 15, 30]
    assert [good(feed) for feed in log.feeds] == [[10, 12, 13], [100, 1_234_290, 1_234_300], [1, 2]]
    assert list(log.feeds[2].lost) == [0, 1, 0]
    assert log.feeds[0].line == [2, 3, 5]


def test_a_workbook_with_date_and_time_apart_and_hours_as_clocks_show_them(tmp_path):
    from datetime import time

    path = workbook(
        tmp_path / "log.xlsx",
        [
            ["date", "clock", "pieces"],
            [datetime(2024, 3, 1), time(8, 0), timedelta(hours=30, minutes=15)],
            [datetime(2024, 3, 1), time(8, 1), "30:16:00"],
        ],
    )
    mapped = mapping(
        WIDE.replace('time = "time"', 'time = ["date", "clock"]').replace('"piece"', '"h:m:s"'),
        'time_zone = "Asia/Shanghai"\nsheet = "Log"',
    )
    feed = read_log(path, mapped, now_ms=NOW_MS).feeds[0]
    assert (minutes(feed), feed.value) == ([0, 1], [108_900_000, 108_960_000])


def test_the_clock_going_back_in_autumn_loses_no_interval(tmp_path):
    labels = ["01:45", "02:00", "02:15", "02:30", "02:45", "02:00", "02:15", "02:30", "02:45", "03:00"]
    text = rows("time,pieces", *(f"28.10.2018 {label},1" for label in labels))
    log = read(tmp_path, text, mapping(AMOUNTS, 'time_format = "day_first"\ntime_zone = "Europe/Berlin"'))
    feed = log.feeds[0]
    assert sum(feed.value) == 10_000
    assert {b - a for a, b in zip(feed.at_ms, feed.at_ms[1:], strict=False)} == {900_000}
    assert log.report.gaps == ()
