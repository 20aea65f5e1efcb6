"""Malformed rows name file, line and column, stop the import or are left out on demand. Nothing crashes."""

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from hansa.edge import log_limits
from hansa.edge.log_errors import EdgeRefusal
from hansa.edge.log_reader import read_log, report_lines
from hansa.edge.probe import mapping_text, probe
from tests.edge.logs import EXECUTION, LONG, NOW_MS, SHDR, WIDE, good, mapping, read, rows, told, write

GOOD = "2024-03-01T00:00:00Z,1"


def refused(folder, text, mapped, name="log.csv") -> EdgeRefusal:
    with pytest.raises(EdgeRefusal) as caught:
        read(folder, text, mapped, name=name)
    return caught.value


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        ("2024-03-01T00:01:00Z,two", 2, "edge.number_unreadable"),
        ("2024-03-01T00:01:00Z,-2", 2, "edge.number_negative"),
        ("2024-03-01T00:01:00Z,99999999999999999", 2, "edge.number_too_large"),
        ("2024-03-01T00:01:00Z,9007199254741", 2, "edge.number_too_large"),
        ("2024-03-01T00:01:00Z,2,3", 3, "edge.row_columns"),
        ("2024-03-01T00:01:00Z", 2, "edge.row_columns"),
        ("noon,2", 1, "edge.time_unreadable"),
        (",2", 1, "edge.time_unreadable"),
        ("2024-02-30T00:01:00Z,2", 1, "edge.time_impossible"),
        ('2024-03-01T00:01:00Z,"2', 0, "edge.row_quote"),
        (b"2024-03-01T00:01:00Z,2\xff", 2, "edge.row_encoding"),
    ],
)
def test_a_malformed_row_names_file_line_column_and_reason(tmp_path, line, column, code):
    bad = line if isinstance(line, bytes) else line.encode()
    text = b"time,pieces\n" + GOOD.encode() + b"\n" + bad + b"\n2024-03-01T00:02:00Z,3\n"
    seconds = WIDE.replace('"piece"', '"s"')
    refusal = refused(tmp_path, text, mapping(seconds))
    assert (refusal.code, refusal.file, refusal.line, refusal.column) == (
        "edge.rows_malformed", "log.csv", 3, column,
    )  # fmt: skip
    assert "log.csv, line 3" in refusal.en
    assert "log.csv 第 3 行" in refusal.zh
    log = read(tmp_path, text, mapping(seconds, "keep_good_rows = true"))
    assert good(log.feeds[0]) == [1000, 3000]
    assert [(r.line, r.column, r.code) for r in log.report.malformed_rows] == [(3, column, code)]


def test_a_row_is_taken_whole_or_not_at_all(tmp_path):
    state = '[[feed]]\nname = "s"\nkind = "state"\ncolumn = "state"'
    text = rows("time,state,pieces", "2024-03-01T00:00:00Z,RUN,1", "2024-03-01T00:01:00Z,STOP,x")
    log = read(tmp_path, text, mapping(WIDE, "", state), keep=True)
    assert [len(feed.at_ms) for feed in log.feeds] == [1, 1]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("2024-03-01T00:01:00Z|pieces", "edge.row_pairs"),
        ("2024-03-01T00:01:00Z|pieces|2|x", "edge.row_pairs"),
        ("2024-03-01T00:01:00Z|pieces|2|x|y|z", "edge.row_pairs"),
        ("2024-03-01T00:01:00Z|pieces|UNAVAILABLE|x", "edge.row_pairs"),
        ("|pieces|2", "edge.time_unreadable"),
        ("2024-03-01T00:01:00Z|execution|运行", "edge.state_unnamed"),
        ("2024-03-01T00:01:00Z|@ASSET@|1|Tool|--multiline--Z", "edge.asset_unclosed"),
    ],
)
def test_a_malformed_adapter_line_is_named(tmp_path, line, code):
    text = rows("2024-03-01T00:00:00Z|pieces|1", line, "2024-03-01T00:02:00Z|pieces|3")
    log = read(tmp_path, text, mapping(SHDR, "", EXECUTION), keep=True)
    assert [(r.line, r.code) for r in log.report.malformed_rows] == [(2, code)]
    assert good(log.feeds[0]) == [1, 3]


def test_the_first_of_many_malformed_rows_are_listed_and_reading_ends_early(tmp_path):
    text = rows("time,pieces", *["noon,1"] * 5000)
    refusal = refused(tmp_path, text, mapping(WIDE))
    assert refusal.en.count("line ") == log_limits.REFUSED_SHOWN_MAX
    assert f"≥{log_limits.STOP_AFTER_MALFORMED}" in refusal.en
    log = read(tmp_path, text, mapping(WIDE), keep=True)
    assert log.report.malformed == 5000
    assert len(log.report.malformed_rows) == log_limits.REFUSED_LISTED_MAX


def test_a_missing_column_is_refused_with_those_there_are(tmp_path):
    refusal = refused(tmp_path, rows("time,piece_count", GOOD), mapping(WIDE))
    assert (refusal.code, refusal.field) == ("edge.column_missing", "feed[pieces].column")
    assert "piece_count" in refusal.en
    wrong = mapping(WIDE, 'delimiter = ";"')
    assert refused(tmp_path, rows("time,pieces", GOOD), wrong).field == "log.time"
    assert refused(tmp_path, "x\n", mapping(WIDE, "header_line = 5")).code == "edge.no_header"


def test_a_time_without_a_zone_is_a_fault_of_the_mapping(tmp_path):
    refusal = refused(tmp_path, rows("time,pieces", "2024-03-01 08:00:00,1"), mapping(WIDE))
    assert (refusal.code, refusal.field, refusal.line) == ("edge.time_zone_missing", "log.time_zone", 2)


def test_a_column_with_too_many_texts_is_no_state(tmp_path):
    text = rows(*(f"2024-03-01T00:{m // 60:02d}:{m % 60:02d}Z|execution|S{m}" for m in range(100)))
    assert refused(tmp_path, text, mapping(SHDR, "", EXECUTION)).code == "edge.too_many_states"


def test_damaged_utf_8_is_not_taken_for_chinese(tmp_path):
    text = "time,pieces,备注\n".encode() + b"2024-03-01T00:00:00Z,1,\xe4\xbd\n"
    assert refused(tmp_path, text, mapping(WIDE)).code == "edge.rows_malformed"


def book_bytes() -> bytes:
    book = Workbook()
    book.active.append(["time", "pieces"])
    book.active.append(["2024-03-01T00:00:00Z", 1])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_damaged_workbook_is_refused(tmp_path, monkeypatch):
    whole = book_bytes()
    assert good(read(tmp_path, whole, mapping(WIDE)).feeds[0]) == [1]
    assert refused(tmp_path, whole[:-200], mapping(WIDE)).code == "edge.file_unreadable"
    assert refused(tmp_path, b"PK\x03\x04", mapping(WIDE)).code == "edge.file_unreadable"
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("x", "y")
    assert refused(tmp_path, empty.getvalue(), mapping(WIDE)).code == "edge.file_unreadable"
    missing = mapping(WIDE, 'sheet = "Other"')
    assert refused(tmp_path, whole, missing).code == "edge.sheet_missing"
    monkeypatch.setattr(log_limits, "XLSX_UNPACKED_BYTES_MAX", 1000)
    assert refused(tmp_path, whole, mapping(WIDE)).code == "edge.file_too_large"


def test_files_past_the_limit_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(log_limits, "FILE_BYTES_MAX", 10)
    assert refused(tmp_path, rows("time,pieces", GOOD), mapping(WIDE)).code == "edge.file_too_large"
    monkeypatch.setattr(log_limits, "FILES_MAX", 0)
    assert refused(tmp_path, rows("time,pieces", GOOD), mapping(WIDE)).code == "edge.too_many_files"


def test_a_workbook_damaged_anywhere_is_read_or_refused(tmp_path):
    whole = book_bytes()
    for place in range(0, len(whole), 97):
        damaged = whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
        try:
            read(tmp_path, damaged, mapping(WIDE))
        except EdgeRefusal as refusal:
            told(refusal)


LINES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([
            b"2024-03-01T00:00:00Z", b"time,item,value", b"2024-03-01T00:00:00Z,pieces,1", b"|", b"*", b'"',
            b"2024-03-01T00:00:00Z|pieces|1|execution|RUN", b"2024-03-01T00:00:00Z|@ASSET@|x|--multiline--A",
            b"--multiline--A", b"9999-12-31 24:00,pieces,1e30", b"\xff\xfe", b"\xef\xbb\xbf", b"PK\x03\x04",
            b"2018-10-28 02:30:00,pieces,NaN", b"0001-01-01 00:00:00,pieces,1", b"1,1,1",
        ]),
    ),
    max_size=12,
).map(b"\n".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(data=LINES, layout=st.sampled_from([WIDE, LONG, SHDR]), keep=st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path_factory, data, layout, keep):
    zone = 'time_zone = "Europe/Berlin"\ntime_format = ["year_first", "excel", "epoch_ms"]'
    folder = tmp_path_factory.getbasetemp()
    try:
        log = read(folder, data, mapping(layout, zone), name="fuzz.csv", keep=keep)
    except EdgeRefusal as refusal:
        told(refusal)
    else:
        assert report_lines(log, "zh")
        assert report_lines(log, "en")


@settings(max_examples=200, deadline=None)
@given(data=LINES)
def test_any_bytes_are_probed_or_refused(tmp_path_factory, data):
    path = write(tmp_path_factory.getbasetemp(), data, "probe.csv")
    try:
        text = mapping_text(probe(path))
    except EdgeRefusal as refusal:
        told(refusal)
        return
    from hansa.edge.mapping import parse_mapping

    try:
        read_log(path, parse_mapping(text), now_ms=NOW_MS)
    except EdgeRefusal as refusal:
        told(refusal)
