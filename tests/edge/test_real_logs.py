"""Facts of real logs that nobody here wrote, come out of the reader."""

from itertools import pairwise
from pathlib import Path

import pytest

from hansa.edge.log_model import FeedLog, Log
from hansa.edge.log_reader import read_log
from hansa.edge.mapping import load_mapping, parse_mapping
from hansa.edge.probe import mapping_text, probe
from tests.edge.logs import NOW_MS, good

MAPPINGS = Path(__file__).resolve().parents[1] / "mappings"
LOGS = {
    "hurco01": "nist-sms-hurco01",
    "mazak03-events": "nist-sms-mazak03/events.csv",
    "mazak03-counters": "nist-sms-mazak03/counters_15min.csv",
    "mazak03-raw": "nist-sms-mazak03/raw",
    "steel": "steel-energy/Steel_industry_data.csv",
    "okuma": "mtconnect-samples/okuma_shdr.txt",
}


def read(shared_data: Path, name: str) -> Log:
    path = shared_data / "machine-logs" / LOGS[name]
    return read_log(path, load_mapping(MAPPINGS / f"{name}.toml"), now_ms=NOW_MS)


def feeds(log: Log) -> dict[str, FeedLog]:
    return {feed.spec.name: feed for feed in log.feeds}


def hours_by_state(feed: FeedLog) -> dict[str, float]:
    hours: dict[str, float] = {}
    for (start, end), value in zip(pairwise(feed.at_ms), feed.value, strict=False):
        hours[feed.states[value]] = hours.get(feed.states[value], 0) + (end - start) / 3_600_000
    return {name: round(value, 2) for name, value in hours.items()}


def test_hurco_pieces_with_their_false_zeros_and_a_clock_set_wrong(shared_data):
    log = read(shared_data, "hurco01")
    report = log.report
    assert (len(log.files), report.rows, report.rows - report.duplicates) == (101, 31_085, 29_419)
    assert (report.misdated, report.malformed) == (15, 0)
    values = good(feeds(log)["pieces"])
    true = [value for value in values if value]
    assert (len(values), values.count(0)) == (93, 13)
    assert (true[0], true[-1], true[-1] - true[0], true == sorted(true)) == (2379, 3797, 1418, True)
    assert len(feeds(log)["pieces"].falls) == 13
    assert feeds(log)["pieces"].contradiction_count == 0


def test_hurco_spindle_seconds_are_exact(shared_data):
    spindle = feeds(read(shared_data, "hurco01"))["spindle"]
    values = good(spindle)
    assert (len(values), len(spindle.falls)) == (151, 4)
    assert (values[0], values[-1]) == (6_676_938_000, 7_186_537_148)  # 7,186,537.1484 s, floored


def test_hurco_records_keep_every_loss_and_every_value(shared_data):
    for feed in read(shared_data, "hurco01").feeds:
        kept = set(feed.record)
        assert {0, len(feed.at_ms) - 1} <= kept
        for index in range(1, len(feed.at_ms)):
            if feed.lost[index] != feed.lost[index - 1] or feed.value[index] != feed.value[index - 1]:
                assert {index - 1, index} <= kept


def test_mazak_hours_by_state_and_a_counter_that_is_not_wired(shared_data):
    log = read(shared_data, "mazak03-events")
    execution, pieces = log.feeds
    assert log.report.rows == 52_866
    assert hours_by_state(execution) == {
        "ACTIVE": 287.83,
        "INTERRUPTED": 62.35,
        "READY": 558.61,
        "STOPPED": 1462.32,
        "FEED_HOLD": 10.99,
        "PROGRAM_STOPPED": 13.29,
        "unknown": 32_946.67,
    }
    assert not pieces.wired
    assert set(good(pieces)) == {0}


def test_mazak_running_time_counters(shared_data):
    log = read(shared_data, "mazak03-counters")
    assert log.report.rows == 15_029
    ends = {feed.spec.name: (feed.value[0], feed.value[-1], len(feed.falls)) for feed in log.feeds}
    assert ends == {
        "auto": (585_975_000, 3_555_418_000, 0),
        "cut": (370_293_000, 2_456_914_000, 0),
        "total": (6_612_484_000, 16_456_290_000, 0),
    }
    assert round((3_555_418 - 585_975) / 3600, 1) == 824.8


def test_mazak_at_full_rate_is_thinned_for_the_ledger_only(shared_data):
    log = read(shared_data, "mazak03-raw")
    assert (log.report.rows, log.report.malformed) == (93_190, 0)
    total = feeds(log)["total"]
    assert len(total.record) * 100 < len(total.at_ms)
    assert not feeds(log)["pieces"].wired


def test_steel_energy_is_exact_and_midnight_closes_its_day(shared_data):
    log = read(shared_data, "steel")
    energy, load = log.feeds
    assert (log.report.rows, len(energy.value), sum(energy.value)) == (35_040, 35_040, 959_636_710)
    assert (energy.base_unit, energy.value.count(0), max(energy.value)) == ("Wh", 1, 157_180)
    assert {b - a for a, b in pairwise(energy.at_ms)} == {900_000}
    # From the first to the last moment of 2018 in Seoul.
    assert energy.at_ms[0] - 900_000 == 1_514_732_400_000
    assert energy.at_ms[-1] == 1_546_268_400_000
    assert log.report.gaps == ()
    by_load: dict[str, tuple[int, int]] = {}
    starts = {
        at - span: value for at, span, value in zip(energy.at_ms, energy.span_ms, energy.value, strict=True)
    }
    for at, index in zip(load.at_ms, load.value, strict=True):
        wh, count = by_load.get(load.states[index], (0, 0))
        by_load[load.states[index]] = (wh + starts[at], count + 1)
    assert by_load == {
        "LIGHT_LOAD": (155_892_810, 18_072),
        "MEDIUM_LOAD": (372_766_540, 9_696),
        "MAXIMUM_LOAD": (430_977_360, 7_272),
    }


def test_okuma_pieces_of_one_day_out_of_order(shared_data):
    log = read(shared_data, "okuma")
    report = log.report
    assert (report.rows, report.malformed, report.skipped["command"]) == (10_770, 0, 9)
    assert report.skipped["asset"] >= 118
    assert report.out_of_order > 0
    pieces, execution, cutting = log.feeds
    assert len(good(pieces)) == 8
    assert sorted(good(pieces)) == [0, 0, 0, 1, 1, 1, 2, 3]
    assert pieces.at_ms == sorted(pieces.at_ms)
    assert set(execution.states) == {"unknown", "READY", "ACTIVE", "PROGRAM_COMPLETED"}
    assert cutting.falls == []
    assert (cutting.value[0], cutting.value[-1]) == (772_000, 2_349_000)


OBVIOUS = {
    "hurco01": {"Part_Count": ("counter", "piece"), "Spindle_Time": ("counter", "s")},
    "mazak03-events": {"execution": ("state", ""), "PartCountAct": ("counter", "piece")},
    "mazak03-counters": {
        "auto_time": ("counter", "s"),
        "cut_time": ("counter", "s"),
        "total_time": ("counter", "s"),
    },
    "mazak03-raw": {
        "execution": ("state", ""),
        "auto_time": ("counter", "s"),
        "total_time": ("counter", "s"),
    },
    "steel": {"Usage_kWh": ("amount", "kWh"), "Load_Type": ("state", "")},
    "okuma": {
        "ppartcount": ("counter", "piece"),
        "pexecution": ("state", ""),
        "pCuttingTime": ("counter", "s"),
    },
}


@pytest.mark.parametrize("name", LOGS)
def test_a_probed_mapping_finds_the_obvious_and_reads_at_once(shared_data, name):
    path = shared_data / "machine-logs" / LOGS[name]
    mapped = parse_mapping(mapping_text(probe(path)))
    found = {feed.item or feed.column: (feed.kind, feed.unit) for feed in mapped.feeds}
    assert OBVIOUS[name].items() <= found.items()
    log = read_log(path, mapped, now_ms=NOW_MS)
    by_hand = read(shared_data, name)
    same = {feed.spec.item or feed.spec.column: feed for feed in by_hand.feeds}
    for feed in log.feeds:
        source = feed.spec.item or feed.spec.column
        if source in same:
            assert good(feed) == good(same[source])
            assert feed.wired == same[source].wired


def test_a_probe_never_shows_what_operators_typed(shared_data):
    path = shared_data / "machine-logs" / LOGS["hurco01"]
    names = {
        line.split("|")[2].strip()
        for file in path.rglob("*.txt")
        for line in file.read_text().splitlines()
        if "|Program_Name" in line
    } - {"UNAVAILABLE", ""}
    text = mapping_text(probe(path))
    assert names
    assert not [name for name in names if len(name) > 3 and name in text]
