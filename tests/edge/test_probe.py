"""Probing: columns are told by values and names, in English, German and Chinese; guesses are called so."""

from datetime import datetime, timedelta
from itertools import cycle

import pytest
from openpyxl import Workbook

from hansa.edge.log_errors import EdgeRefusal
from hansa.edge.log_reader import read_log
from hansa.edge.mapping import parse_mapping
from hansa.edge.probe import mapping_text, probe
from tests.edge.logs import NOW_MS, good, write

START = datetime(2024, 3, 1, 8, 0)
LOAD = cycle([3.5, 12.25, 7.0, 0.5, 9.75])


def probed(path):
    """Kind, column and unit of each feed, and the log read by the guesses as they stand."""
    mapped = parse_mapping(mapping_text(probe(path)))
    feeds = {feed.item or feed.column: (feed.name, feed.kind, feed.unit) for feed in mapped.feeds}
    return mapped, feeds, read_log(path, mapped, now_ms=NOW_MS)


def table(header: list[str], rows: list[list[object]], delimiter: str) -> str:
    return "\n".join(delimiter.join(map(str, row)) for row in [header, *rows]) + "\n"


def shift_rows(spelled: str, decimal: str, states: list[str]) -> list[list[object]]:
    rows = []
    state = cycle(states)
    for n in range(60):
        at = START + timedelta(minutes=15 * n)
        kwh = f"{1234 + n * 2.5:.1f}".replace(".", decimal)
        kw = f"{next(LOAD):.2f}".replace(".", decimal)
        hours = f"{500 + n * 0.25:.2f}".replace(".", decimal)
        rows.append(
            [at.strftime(spelled), 100 + 4 * n, 98 + 4 * n, 2 + n // 20, next(state), hours, kwh, kw, 0]
        )
    return rows


@pytest.mark.parametrize(
    ("header", "spelled", "decimal", "delimiter", "encoding", "states"),
    [
        (
            [
                "Timestamp",
                "Part Count",
                "Good Parts",
                "Scrap",
                "Status",
                "Run Hours",
                "Energy kWh",
                "Power (kW)",
                "Reject Count",
            ],
            "%Y-%m-%d %H:%M:%S",
            ".",
            ",",
            "utf-8",
            ["RUN", "IDLE", "STOP"],
        ),
        (
            [
                "Zeitstempel",
                "Stückzahl",
                "Gutteile",
                "Ausschuss",
                "Zustand",
                "Betriebsstunden",
                "Wirkarbeit kWh",
                "Leistung (kW)",
                "Zähler 2",
            ],
            "%d.%m.%Y %H:%M",
            ",",
            ";",
            "cp1252",
            ["Lauf", "Bereit", "Störung"],
        ),
        (
            ["时间", "产量", "合格", "不良", "状态", "开机时间(小时)", "电量(kWh)", "功率(kW)", "计数2"],
            "%Y年%m月%d日 %H:%M",
            ".",
            "\t",
            "gb18030",
            ["运行", "待机", "停机"],
        ),
        (
            ["时间", "产量", "合格", "不良", "状态", "开机时间(小时)", "电量(kWh)", "功率(kW)", "计数2"],
            "%Y/%m/%d %H:%M",
            ".",
            ",",
            "utf-8-sig",
            ["运行", "待机", "停机"],
        ),
    ],
)
def test_a_shop_floor_table_in_three_languages(
    tmp_path, header, spelled, decimal, delimiter, encoding, states
):
    text = table(header, shift_rows(spelled, decimal, states), delimiter)
    mapped, feeds, log = probed(write(tmp_path, text.encode(encoding), "machine 7.csv"))
    kinds = {column: (kind, unit) for column, (_, kind, unit) in feeds.items()}
    assert kinds == dict(
        zip(
            header[1:],
            [
                ("counter", "piece"),
                ("counter", "piece"),
                ("counter", "piece"),
                ("state", ""),
                ("counter", "h"),
                ("counter", "kWh"),
                ("power", "kW"),
                ("counter", "piece"),
            ],
            strict=True,
        )
    )
    assert mapped.log.device == "machine-7"
    wired = {feed.spec.column: feed.wired for feed in log.feeds}
    assert [column for column, connected in wired.items() if not connected] == [header[-1]]
    by_column = {feed.spec.column: feed for feed in log.feeds}
    assert good(by_column[header[1]]) == [100 + 4 * n for n in range(60)]
    assert good(by_column[header[6]])[-1] == 1_381_500
    if "待机" in states:
        assert by_column[header[4]].states == ("unknown", "ACTIVE", "READY", "STOPPED")


def test_guesses_are_called_guesses_in_both_languages(tmp_path):
    text = mapping_text(
        probe(write(tmp_path, "time,count\n" + "2024-03-01 08:00,1\n2024-03-01 08:01,2\n" * 1))
    )
    for line in text.splitlines():
        if line.startswith("# 猜测"):
            assert " / guess: " in line
    assert "guess: times have no zone" in text
    assert 'time_zone = "UTC"' in text


def test_a_counter_that_never_rose_is_told(tmp_path):
    path = write(tmp_path, "time,part_count\n" + "".join(f"2024-03-01T08:{m:02d}:00Z,0\n" for m in range(30)))
    assert "never rose, so it is not wired" in mapping_text(probe(path))


@pytest.mark.parametrize(
    ("dates", "family"),
    [
        (["13/01/2018", "14/01/2018"], "day_first"),
        (["01/13/2018", "01/14/2018"], "month_first"),
        (["01/02/2018", "02/02/2018", "03/02/2018"], "day_first"),
        (["02/01/2018", "02/02/2018"], "month_first"),
    ],
)
def test_day_and_month_are_told_apart_by_the_dates(tmp_path, dates, family):
    lines = [f"{day} {hour:02d}:00,{n * 24 + hour}" for n, day in enumerate(dates) for hour in range(24)]
    path = write(tmp_path, "time,count\n" + "\n".join(lines) + "\n")
    text = mapping_text(probe(path))
    assert f'time_format = "{family}"' in text
    assert ("cannot be told apart" in text) == (
        not any(part > "12" for day in dates for part in day.split("/")[:2])
    )


@pytest.mark.parametrize(("spell", "family"), [("{0}", "epoch_s"), ("{0}000", "epoch_ms")])
def test_epoch_times(tmp_path, spell, family):
    lines = [f"{spell.format(1_709_251_200 + 60 * n)},{n}" for n in range(40)]
    mapped, _, log = probed(write(tmp_path, "ts,count\n" + "\n".join(lines) + "\n"))
    assert mapped.log.time_formats == (family,)
    assert log.feeds[0].at_ms[0] == 1_709_251_200_000


def test_interval_energy_with_stamps_at_the_start(tmp_path):
    lines = [f"{START.replace(hour=0) + timedelta(minutes=30 * n)},{next(LOAD)}" for n in range(96)]
    mapped, feeds, log = probed(write(tmp_path, "time,Verbrauch_kWh\n" + "\n".join(lines) + "\n"))
    assert feeds["Verbrauch_kWh"][1:] == ("amount", "kWh")
    assert (mapped.log.stamp, mapped.feeds[0].interval) == ("start", "30min")
    assert log.report.gaps == ()


def test_a_long_log_without_header(tmp_path):
    lines = []
    for n in range(50):
        at = START + timedelta(minutes=n)
        lines += [f"{at}Z;pieces;{n}", f"{at}Z;state;{'RUN' if n % 3 else 'IDLE'}"]
    mapped, feeds, log = probed(write(tmp_path, "\n".join(lines) + "\n"))
    assert mapped.log.format == "long"
    assert {feed[1] for feed in feeds.values()} == {"counter", "state"}
    assert good(log.feeds[0]) == list(range(50))


def test_a_sparse_table_reads_empty_cells_as_nothing_new(tmp_path):
    lines = [f"{START + timedelta(minutes=n)}Z,{n // 5 if n % 5 == 0 else ''},{n}" for n in range(50)]
    mapped, _, log = probed(write(tmp_path, "time,part_count,cycle_count\n" + "\n".join(lines) + "\n"))
    assert mapped.log.ignore == [""]
    assert sum(log.feeds[0].lost) == 0


def test_a_report_with_title_and_units_above_the_data(tmp_path):
    lines = ["Tagesbericht;;", "Zeit;Zähler;Laufzeit", ";Stk;min"]
    lines += [f"{START + timedelta(minutes=n)}Z;{n};{n}" for n in range(30)]
    mapped, feeds, _ = probed(write(tmp_path, "\n".join(lines) + "\n"))
    assert (mapped.log.header_line, mapped.log.first_row) == (2, 4)
    assert feeds["Laufzeit"][2] == "min"


def test_clocks_of_twelve_hours_beside_a_date(tmp_path):
    times = [START + timedelta(hours=3 * n) for n in range(60)]
    lines = [f'{at:%m/%d/%Y},{at.strftime("%I:%M:%S %p")},"{1000 + n:,}"' for n, at in enumerate(times)]
    mapped, _, log = probed(write(tmp_path, "Date,Time,Total Parts\n" + "\n".join(lines) + "\n"))
    assert mapped.log.time == ["Date", "Time"]
    assert (good(log.feeds[0])[-1], log.feeds[0].at_ms[-1] - log.feeds[0].at_ms[0]) == (
        1059,
        59 * 3 * 3_600_000,
    )


def test_of_several_devices_one_is_read(tmp_path):
    lines = [f"{START + timedelta(minutes=n // 2)}Z,M{n % 2 + 1},{n * (n % 2)}" for n in range(81)]
    mapped, _, log = probed(write(tmp_path, "time,machine,count\n" + "\n".join(lines) + "\n"))
    assert (mapped.log.device, mapped.log.where) == ("m1", {"machine": "M1"})
    assert set(good(log.feeds[0])) == {0}


def test_power_read_each_hour_holds_for_the_hour(tmp_path):
    lines = [f"{START + timedelta(hours=n)}Z,{next(LOAD)}" for n in range(49)]
    _, feeds, log = probed(write(tmp_path, "time,Load_MW\n" + "\n".join(lines) + "\n"))
    assert feeds["Load_MW"][1:] == ("power", "MW")
    assert sum(log.feeds[0].span_ms) == 48 * 3_600_000


def test_a_workbook(tmp_path):
    book = Workbook()
    book.active.append(["日期", "时间", "产量", "状态"])
    for n in range(40):
        at = START + timedelta(minutes=n)
        book.active.append([at.replace(hour=0, minute=0), at.time(), n, "运行" if n % 4 else "停机"])
    book.save(tmp_path / "log.xlsx")
    mapped, feeds, log = probed(tmp_path / "log.xlsx")
    assert mapped.log.time == ["日期", "时间"]
    assert feeds["产量"] == ("pieces", "counter", "piece")
    assert log.feeds[0].at_ms[1] - log.feeds[0].at_ms[0] == 60_000


def test_a_file_without_times_is_refused(tmp_path):
    for text in ("", "a,b\n1,2\n", "hello world\n", "\x00\x01\x02"):
        with pytest.raises(EdgeRefusal) as refused:
            probe(write(tmp_path, text))
        assert refused.value.code == "edge.probe_no_time"


def test_a_large_log_is_sampled_not_read(tmp_path):
    lines = [f"{START + timedelta(seconds=n)}Z,{n},{'RUN' if n % 7 else 'IDLE'}\n" for n in range(150_000)]
    path = write(tmp_path, "time,count,state\n" + "".join(lines))
    found = probe(path)
    assert not found.sample.whole
    assert found.lines == 150_001
    assert sum(len(stretch) for stretch in found.sample.stretches) < 80_000
    assert {signal.role for signal in found.feeds} == {"counter", "state"}
