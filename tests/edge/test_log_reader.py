"""Reading: what each kind of row means, in every way that logs are written."""

from datetime import UTC, datetime, timedelta

import pytest

from hansa.edge.log_errors import EdgeRefusal
from hansa.edge.log_reader import Gap, read_log, report_lines
from tests.edge.logs import (
    EXECUTION,
    LONG,
    NOW_MS,
    SHDR,
    START_MS,
    WIDE,
    good,
    mapping,
    meaning,
    minutes,
    read,
    rows,
    write,
)

COUNTS = rows(
    "time,pieces",
    "2024-03-01T00:00:00Z,10",
    "2024-03-01T00:01:00Z,12",
    "2024-03-01T00:02:00Z,12",
    "2024-03-01T00:03:00Z,12",
    "2024-03-01T00:04:00Z,15",
)


def test_a_wide_log(tmp_path):
    log = read(tmp_path, COUNTS, mapping(WIDE))
    feed = log.feeds[0]
    assert (feed.base_unit, feed.wired, good(feed), minutes(feed)) == (
        "piece",
        True,
        [10, 12, 12, 12, 15],
        [0, 1, 2, 3, 4],
    )
    assert feed.line == [2, 3, 4, 5, 6]
    assert (log.device, log.report.rows, log.report.readings) == ("press-1", 5, 5)
    assert (log.report.first_ms, log.report.last_ms) == (START_MS, START_MS + 240_000)


def test_files_carry_the_hash_of_their_bytes(tmp_path):
    import hashlib

    log = read(tmp_path, COUNTS, mapping(WIDE))
    assert [(f.name, f.sha256, f.rows, f.bytes) for f in log.files] == [
        ("log.csv", hashlib.sha256(COUNTS.encode()).hexdigest(), 5, len(COUNTS))
    ]


def test_records_keep_both_ends_of_each_run_of_equal_values(tmp_path):
    assert read(tmp_path, COUNTS, mapping(WIDE)).feeds[0].record == [0, 1, 3, 4]


def test_records_by_interval_keep_the_last_of_each_and_all_that_must_not_be_lost(tmp_path):
    text = rows(
        "time,pieces",
        *(
            f"2024-03-01T00:{m:02d}:00Z,{v}"
            for m, v in enumerate([1, 2, 3, 4, "NaN", "NaN", "NaN", 5, 6, 0, 7, 8, 9, 10, 11, 12, 13, 14, 15])
        ),
    )
    feed = read(tmp_path, text, mapping(WIDE, "", 'record_every = "10min"')).feeds[0]
    # First; both sides and ends of the lost stretch; both sides of the fall, which ends ten minutes; last.
    assert feed.record == [0, 3, 4, 6, 7, 8, 9, 18]


def test_all_readings_are_recorded_when_asked(tmp_path):
    assert len(read(tmp_path, COUNTS, mapping(WIDE, "", 'record_every = "all"')).feeds[0].record) == 5


def test_of_a_periodic_feed_every_reading_is_recorded_since_its_silence_is_a_loss(tmp_path):
    silent = mapping(WIDE, "", 'reporting = "periodic"')
    assert read(tmp_path, COUNTS, silent).feeds[0].record == [0, 1, 2, 3, 4]
    assert read(tmp_path, COUNTS, mapping(WIDE)).feeds[0].record == [0, 1, 3, 4]
    thinned = mapping(WIDE, "", 'reporting = "periodic"\nrecord_every = "2min"')
    assert read(tmp_path, COUNTS, thinned).feeds[0].record == [0, 1, 3, 4]


def test_a_long_log_feeds_each_item_and_counts_the_others(tmp_path):
    text = rows(
        "time,item,value",
        "2024-03-01T00:00:00Z,pieces,1",
        "2024-03-01T00:00:00Z,temperature,88.5",
        "2024-03-01T00:01:00Z,execution,ACTIVE",
        "2024-03-01T00:02:00Z,pieces,2",
    )
    log = read(tmp_path, text, mapping(LONG, "", EXECUTION))
    assert [good(feed) for feed in log.feeds] == [[1, 2], [1]]
    assert log.feeds[1].states == ("unknown", "ACTIVE")
    assert log.report.skipped == {"other": 1}


def test_adapter_lines_in_all_their_forms(tmp_path):
    text = rows(
        "* adapterVersion: 1.3",
        "2024-03-01T00:00:00Z|avail|AVAILABLE|pieces|1|execution|READY",
        "2024-03-01T00:00:10Z|system|NORMAL||||",
        "2024-03-01T00:00:20Z|system|FAULT|42|HIGH|LOW|Coolant low",
        "2024-03-01T00:00:25Z|system|Fault|42|HIGH|LOW",
        "2024-03-01T00:00:30Z|message|CODE|Please refill",
        "2024-03-01T00:00:40Z|@ASSET@|T1|CuttingTool|--multiline--AB",
        "<CuttingTool>",
        "2024-03-01T00:00:40Z|pieces|99",
        "--multiline--AB",
        "2024-03-01T00:00:50Z|@REMOVE_ASSET@|T1",
        "",
        "2024-03-01T00:01:00Z@60.0|pieces|2|",
        "2024-03-01T00:02:00Z|execution|UNAVAILABLE|x|1|pieces|3",
    )
    log = read(tmp_path, text, mapping(SHDR, "", EXECUTION), name="log.txt")
    assert good(log.feeds[0]) == [1, 2, 3]
    assert list(log.feeds[1].lost) == [0, 1]
    assert log.report.skipped == {"asset": 5, "command": 1, "other": 4}
    assert log.report.malformed == 0
    assert log.report.rows == 13


def test_the_level_of_a_condition_may_be_mapped_as_a_state(tmp_path):
    system = '[[feed]]\nname = "system"\nkind = "state"\nitem = "system"'
    text = rows("2024-03-01T00:00:00Z|system|Normal||||", "2024-03-01T00:01:00Z|system|FAULT|42|HIGH|LOW|Oil")
    feed = read(tmp_path, text, mapping(SHDR, "", system)).feeds[1]
    assert [feed.states[v] for v in feed.value] == ["NORMAL", "FAULT"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "||"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_one_log_in_every_encoding_delimiter_and_line_end(tmp_path, encoding, delimiter, end):
    lines = [
        ["时间", "产量", "状态"],
        ["2024-03-01 08:00:00", "10", "运行"],
        ["2024-03-01 08:01:00", "12", "停机"],
    ]
    text = end.join(delimiter.join(line) for line in lines) + end
    quoted = delimiter.replace("\t", "\\t")
    mapped = mapping(
        WIDE.replace('"time"', '"时间"').replace('column = "pieces"', 'column = "产量"'),
        f'delimiter = "{quoted}"\ntime_zone = "Asia/Shanghai"',
        '[[feed]]\nname = "s"\nkind = "state"\ncolumn = "状态"\n'
        'states = { "运行" = "ACTIVE", "停机" = "STOPPED" }',
    )
    log = read(tmp_path, text.encode(encoding), mapped)
    assert [good(feed) for feed in log.feeds] == [[10, 12], [1, 2]]
    assert log.feeds[1].states == ("unknown", "ACTIVE", "STOPPED")
    assert minutes(log.feeds[0]) == [0, 1]


def test_cp1252_is_read_when_declared(tmp_path):
    mapped = mapping(WIDE.replace('column = "pieces"', 'column = "Stück"'), 'encoding = "cp1252"')
    log = read(tmp_path, "time,Stück\n2024-03-01T00:00:00Z,5\n".encode("cp1252"), mapped)
    assert good(log.feeds[0]) == [5]


def test_decimal_comma_and_thousands(tmp_path):
    mapped = mapping(
        WIDE.replace('unit = "piece"', 'unit = "kWh"'), 'delimiter = ";"\ndecimal = ","\nthousands = "."'
    )
    text = rows("time;pieces", "2024-03-01T00:00:00Z;1.234,5", "2024-03-01T00:01:00Z;1.234,5678")
    assert good(read(tmp_path, text, mapped).feeds[0]) == [1_234_500, 1_234_567]


def test_quoted_cells_may_hold_the_delimiter(tmp_path):
    text = rows("time,pieces", '2024-03-01T00:00:00Z,"1,234"')
    assert good(read(tmp_path, text, mapping(WIDE, 'thousands = ","')).feeds[0]) == [1234]


def test_a_log_without_header_names_columns_by_number(tmp_path):
    mapped = mapping(
        WIDE.replace('time = "time"', "time = 1").replace('column = "pieces"', "column = 3"),
        "header_line = 0",
    )
    log = read(tmp_path, rows("2024-03-01T00:00:00Z,x,7", "2024-03-01T00:01:00Z,x,8"), mapped)
    assert good(log.feeds[0]) == [7, 8]
    assert log.feeds[0].line == [1, 2]


def test_titles_units_comments_and_blank_lines_around_the_data(tmp_path):
    text = rows("Report of March", "time,pieces", "UTC,pcs", "", "2024-03-01T00:00:00Z,7", "# checked", "")
    log = read(tmp_path, text, mapping(WIDE, 'header_line = 2\nfirst_row = 4\ncomment = "#"'))
    assert good(log.feeds[0]) == [7]
    assert log.report.rows == 1


def test_date_and_time_in_two_columns(tmp_path):
    mapped = mapping(WIDE.replace('time = "time"', 'time = ["日期", "时间"]'), 'time_zone = "Asia/Shanghai"')
    log = read(tmp_path, rows("日期,时间,pieces", "2024年3月1日,8:00,7", "2024/3/1,8:01:30,8"), mapped)
    assert minutes(log.feeds[0]) == [0, 1.5]


def test_a_condition_chooses_rows_by_another_column(tmp_path):
    text = rows(
        "time,item,value,machine,product",
        "2024-03-01T00:00:00Z,pieces,1,M1,A",
        "2024-03-01T00:01:00Z,pieces,50,M2,A",
        "2024-03-01T00:02:00Z,pieces,2,M1,B",
        "2024-03-01T00:03:00Z,pieces,3,M1,A",
    )
    mapped = mapping(LONG, 'where = { machine = "M1" }', 'where = { product = ["A", "C"] }')
    assert good(read(tmp_path, text, mapped).feeds[0]) == [1, 3]


def test_states_take_their_own_letters_where_no_table_names_them(tmp_path):
    text = rows(
        "2024-03-01T00:00:00Z|execution|Light-Load 2",
        "2024-03-01T00:01:00Z|execution|run",
        "2024-03-01T00:02:00Z|execution|UNAVAILABLE",
        "2024-03-01T00:03:00Z|execution|Run",
    )
    table = EXECUTION + 'states = { run = "ACTIVE" }\n'
    feed = read(tmp_path, text, mapping(SHDR, "", table)).feeds[1]
    assert [feed.states[v] for v in feed.value] == ["LIGHT_LOAD_2", "ACTIVE", "unknown", "ACTIVE"]
    assert list(feed.lost) == [0, 0, 1, 0]


def test_every_change_of_state_is_recorded_and_nothing_between(tmp_path):
    states = ["A", "A", "B", "B", "A", "UNAVAILABLE", "UNAVAILABLE", "A", "A"]
    text = rows(*(f"2024-03-01T00:{m:02d}:00Z|execution|{s}" for m, s in enumerate(states)))
    assert read(tmp_path, text, mapping(SHDR, "", EXECUTION)).feeds[1].record == [0, 2, 4, 5, 7, 8]


def test_falls_are_told_and_a_declared_wrap_is_none(tmp_path):
    text = rows("time,pieces", *(f"2024-03-01T00:{m:02d}:00Z,{v}" for m, v in enumerate([998, 999, 3, 2, 5])))
    assert read(tmp_path, text, mapping(WIDE)).feeds[0].falls == [2, 3]
    assert read(tmp_path, text, mapping(WIDE, "", "modulus = 1000")).feeds[0].falls == [3]


def test_a_counter_that_never_rose_is_not_wired_unless_the_mapping_says_so(tmp_path):
    flat = rows("time,pieces", "2024-03-01T00:00:00Z,0", "2024-03-01T00:01:00Z,0")
    assert not read(tmp_path, flat, mapping(WIDE)).feeds[0].wired
    assert read(tmp_path, flat, mapping(WIDE, "", "wired = true")).feeds[0].wired
    assert not read(tmp_path, COUNTS, mapping(WIDE, "", "wired = false")).feeds[0].wired


def test_lost_signal_lasts_to_the_next_reading(tmp_path):
    text = rows(
        "time,pieces",
        "2024-03-01T00:00:00Z,1",
        "2024-03-01T00:01:00Z,unavailable",
        "2024-03-01T00:02:00Z,",
        "2024-03-01T00:05:00Z,2",
        "2024-03-01T00:06:00Z,#N/A",
    )
    log = read(tmp_path, text, mapping(WIDE))
    assert list(log.feeds[0].lost) == [0, 1, 1, 0, 1]
    at = START_MS
    assert log.report.gaps == (
        Gap("pieces", at + 60_000, at + 300_000, "lost"),
        Gap("pieces", at + 360_000, at + 360_000, "lost"),
    )


def test_an_empty_cell_of_a_sparse_log_is_no_reading_when_the_mapping_says_so(tmp_path):
    text = rows("time,pieces", "2024-03-01T00:00:00Z,1", "2024-03-01T00:01:00Z,", "2024-03-01T00:02:00Z,2")
    feed = read(tmp_path, text, mapping(WIDE, 'ignore = [""]')).feeds[0]
    assert (minutes(feed), sum(feed.lost)) == ([0, 2], 0)


def test_a_device_that_is_not_available_has_no_feed(tmp_path):
    text = rows(
        "2024-03-01T00:00:00Z|pieces|1",
        "2024-03-01T00:01:00Z|avail|UNAVAILABLE",
        "2024-03-01T00:02:00Z|avail|AVAILABLE",
        "2024-03-01T00:03:00Z|pieces|2",
        "2024-03-01T00:04:00Z|avail|UNAVAILABLE|pieces|3",
        "2024-03-01T00:05:00Z|pieces|4",
        "2024-03-01T00:05:00Z|avail|UNAVAILABLE",
    )
    feed = read(tmp_path, text, mapping(SHDR, 'availability = { item = "avail" }')).feeds[0]
    assert minutes(feed) == [0, 1, 3, 4, 5]
    assert list(feed.lost) == [0, 1, 0, 1, 1]


def test_silence_of_a_periodic_feed_is_a_gap(tmp_path):
    times = [0, 1, 2, 3, 20, 21]
    text = rows("time,pieces", *(f"2024-03-01T00:{m:02d}:00Z,{m}" for m in times))
    log = read(tmp_path, text, mapping(WIDE, "", 'reporting = "periodic"'))
    assert [(g.reason, g.to_ms - g.from_ms) for g in log.report.gaps] == [("silence", 17 * 60_000)]
    assert read(tmp_path, text, mapping(WIDE)).report.gaps == ()
    assert len(read(tmp_path, text, mapping(WIDE, "", 'silence = "30s"')).report.gaps) == 5


def test_two_values_at_one_time_are_told_and_the_last_in_file_order_stands(tmp_path):
    write(tmp_path, rows("time,pieces", "2024-03-01T00:00:00Z,1", "2024-03-01T00:01:00Z,2"), "a.csv")
    write(tmp_path, rows("time,pieces", "2024-03-01T00:01:00Z,3"), "b.csv")
    log = read_log([tmp_path / "b.csv", tmp_path / "a.csv"], mapping(WIDE), now_ms=NOW_MS)
    feed = log.feeds[0]
    assert good(feed) == [1, 3]
    assert feed.contradiction_count == 1
    first = feed.contradictions[0]
    assert (first.value, log.files[first.file].name, first.line) == (2, "a.csv", 3)
    assert (first.stands, log.files[first.stands_file].name, first.stands_line) == (3, "b.csv", 2)


def test_within_a_millisecond_the_later_stands_and_it_is_no_contradiction(tmp_path):
    text = rows("time,pieces", "2024-03-01T00:00:00.0009Z,2", "2024-03-01T00:00:00.0001Z,1")
    feed = read(tmp_path, text, mapping(WIDE)).feeds[0]
    assert (good(feed), feed.overtaken, feed.contradiction_count) == ([2], 1, 0)


def test_rows_far_from_all_others_carry_a_clock_set_wrong(tmp_path):
    times = [datetime(2024, 3, 1, tzinfo=UTC) + timedelta(minutes=i) for i in range(300)]
    wrong = [datetime(2002, 1, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)]
    text = rows("time,pieces", *(f"{t:%Y-%m-%dT%H:%M:%SZ},{i}" for i, t in enumerate([*wrong, *times])))
    log = read(tmp_path, text, mapping(WIDE))
    assert log.report.misdated == 2
    assert [(r.line, r.code) for r in log.report.misdated_rows] == [
        (2, "edge.clock_apart"),
        (3, "edge.clock_apart"),
    ]
    assert len(log.feeds[0].at_ms) == 300
    assert read(tmp_path, text, mapping(WIDE, "clock_gap_days = 9999")).report.misdated == 0


def test_a_hundredth_of_the_rows_is_not_taken_for_a_wrong_clock(tmp_path):
    near = [datetime(2024, 3, 1, tzinfo=UTC) + timedelta(minutes=i) for i in range(99)]
    text = rows(
        "time,pieces", *(f"{t:%Y-%m-%dT%H:%M:%SZ},1" for t in [datetime(2010, 1, 1, tzinfo=UTC), *near])
    )
    assert read(tmp_path, text, mapping(WIDE)).report.misdated == 0


@pytest.mark.parametrize(
    ("log", "time", "code"),
    [
        ("", "1970-01-01T00:00:10Z", "edge.clock_before"),
        ("not_before = 2024-03-02", "2024-03-01T23:59:59Z", "edge.clock_before"),
        ("not_after = 2024-03-01", "2024-03-02T00:00:00Z", "edge.clock_after"),
        ("", "2027-01-15T08:05:01Z", "edge.clock_future"),
        ("", "9999-12-31T23:59:59Z", "edge.clock_future"),
    ],
)
def test_times_that_cannot_be_are_refused_and_never_stop_an_import(tmp_path, log, time, code):
    kept = "2024-03-02T12:00:00Z" if "before" in log else "2024-03-01T12:00:00Z"
    read_rows = read(tmp_path, rows("time,pieces", f"{time},1", f"{kept},2"), mapping(WIDE, log))
    assert [(r.line, r.code) for r in read_rows.report.misdated_rows] == [(2, code)]
    assert good(read_rows.feeds[0]) == [2]


def test_a_time_within_the_skew_is_believed(tmp_path):
    log = read(tmp_path, rows("time,pieces", "2027-01-15T08:05:00Z,1"), mapping(WIDE))
    assert log.report.misdated == 0


def test_rows_out_of_order_are_counted_and_sorted(tmp_path):
    lines = COUNTS.splitlines()
    log = read(tmp_path, rows(lines[0], *lines[3:], *lines[1:3]), mapping(WIDE))
    assert meaning(log) == meaning(read(tmp_path, COUNTS, mapping(WIDE)))
    assert log.report.out_of_order == 1


def test_repeated_rows_are_counted_and_dropped(tmp_path):
    log = read(tmp_path, COUNTS + COUNTS.split("\n", 1)[1], mapping(WIDE))
    assert log.report.duplicates == 5
    assert log.feeds[0].duplicates == 5
    assert good(log.feeds[0]) == [10, 12, 12, 12, 15]


def test_folders_are_read_whole_and_hidden_files_left_out(tmp_path):
    header, *lines = COUNTS.splitlines()
    (tmp_path / "days" / "march").mkdir(parents=True)
    for number, line in enumerate(lines):
        write(tmp_path / "days" / "march", rows(header, line), f"{number}.csv")
    write(tmp_path / "days", "rubbish", ".hidden")
    write(tmp_path / "days", "rubbish", "~$lock.xlsx")
    for paths in (tmp_path / "days", str(tmp_path / "days" / "**" / "*.csv"), [tmp_path / "days"]):
        log = read_log(paths, mapping(WIDE), now_ms=NOW_MS)
        assert [f.name for f in log.files] == [f"{n}.csv" for n in range(5)]
        assert good(log.feeds[0]) == [10, 12, 12, 12, 15]


def test_progress_ends_at_the_number_of_bytes(tmp_path):
    told = []
    path = write(tmp_path, COUNTS)
    read_log(path, mapping(WIDE), now_ms=NOW_MS, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(COUNTS), len(COUNTS))


def test_an_empty_log_is_read_as_empty(tmp_path):
    for text in ("", "time,pieces\n", "\n\n"):
        log = read(tmp_path, text, mapping(WIDE, "header_line = 1"))
        assert (log.feeds[0].at_ms, log.report.rows) == ([], 0)
        assert report_lines(log, "zh")
        assert report_lines(log, "en")


def test_the_report_tells_rows_falls_gaps_and_refused_rows(tmp_path):
    text = rows(
        "time,pieces",
        "1970-01-01T00:00:00Z,1",
        "2024-03-01T00:00:00Z,5",
        "2024-03-01T00:01:00Z,three",
        "2024-03-01T00:02:00Z,4",
        "2024-03-01T00:03:00Z,NaN",
        "2024-03-01T00:04:00Z,4",
        "2024-03-01T00:04:00Z,6",
    )
    log = read(tmp_path, text, mapping(WIDE), keep=True)
    english, chinese = "\n".join(report_lines(log, "en")), "\n".join(report_lines(log, "zh"))
    for part in (
        "log.csv, line 2: earlier than 2000-01-01",
        "log.csv, line 4, column 2: 'three' is not a number",
        "from 5 to 4 (log.csv, line 5)",
        "00:01:00, the log says signal lost",
        "4 (log.csv, line 7), taken 6 (log.csv, line 8)",
    ):
        assert part in english
    for part in (
        "log.csv 第 2 行：时间早于 2000-01-01",
        "第 4 行第 2 列：“three”不是数",
        "由 5 降到 4",
        "无信号",
    ):
        assert part in chinese


def test_no_file_is_a_refusal(tmp_path):
    for paths in (tmp_path / "none.csv", str(tmp_path / "*.csv"), tmp_path, []):
        with pytest.raises(EdgeRefusal) as refused:
            read_log(paths, mapping(WIDE), now_ms=NOW_MS)
        assert refused.value.code == "edge.no_files"
