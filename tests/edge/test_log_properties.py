"""The order of rows and files, repeats, and the way a log is written change nothing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.edge.log_reader import read_log
from tests.edge.logs import LONG, NOW_MS, WIDE, mapping, meaning, write

START = datetime(2024, 3, 1, tzinfo=UTC)
STATES = '[[feed]]\nname = "state"\nkind = "state"\n{source} = "state"\n'

READINGS = st.dictionaries(
    st.tuples(st.integers(0, 5000), st.sampled_from(["pieces", "state"])),
    st.tuples(st.integers(0, 10**9), st.sampled_from(["RUN", "STOP", "NaN", ""])),
    min_size=1,
    max_size=40,
)


def long_lines(readings) -> list[str]:
    lines = []
    for (second, item), (count, state) in readings.items():
        value = f"{count // 1000}.{count % 1000:03d}" if item == "pieces" and state != "NaN" else state
        lines.append(f"{START + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ},{item},{value}")
    return lines


def long_log(folder, files: list[list[str]], names: list[str]):
    paths = [
        write(folder, "\n".join(["time,item,value", *lines]) + "\n", name)
        for name, lines in zip(names, files, strict=True)
    ]
    mapped = mapping(LONG, "", 'scale = "1000"\n' + STATES.format(source="item"))
    return read_log(paths, mapped, now_ms=NOW_MS)


@settings(max_examples=60, deadline=None)
@given(readings=READINGS, data=st.data())
def test_order_of_rows_and_files_and_repeats_change_nothing(tmp_path_factory, readings, data):
    folder = tmp_path_factory.mktemp("order")
    lines = long_lines(readings)
    expected = meaning(long_log(folder, [sorted(lines)], ["all.csv"]))
    shuffled = data.draw(st.permutations(lines))
    repeated = shuffled + data.draw(st.lists(st.sampled_from(lines), max_size=10))
    cut = data.draw(st.integers(0, len(repeated)))
    names = data.draw(st.permutations(["1.csv", "2.csv"]))
    assert meaning(long_log(folder, [repeated[:cut], repeated[cut:]], names)) == expected


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.tuples(st.integers(1, 100_000), st.integers(0, 10**8)), min_size=1, max_size=30),
    style=st.sampled_from([(".", ""), (".", ","), (",", ""), (",", "."), (",", " ")]),
    delimiter=st.sampled_from([";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    spelling=st.sampled_from(
        [
            ("year_first", "%Y-%m-%d %H:%M:%S"),
            ("year_first", "%Y年%m月%d日 %H:%M:%S"),
            ("day_first", "%d.%m.%Y %H:%M:%S"),
            ("month_first", "%m/%d/%Y %I:%M:%S %p"),
            ("%H:%M:%S %d/%m/%y", "%H:%M:%S %d/%m/%y"),
        ]
    ),
)
def test_encoding_delimiter_numbers_and_dates_change_nothing(
    tmp_path_factory, values, style, delimiter, encoding, spelling
):
    folder = tmp_path_factory.mktemp("style")
    decimal, thousands = style
    header, plain, styled = "time{0}pieces{0}备注", [], []
    at = START
    for step, count in values:
        at += timedelta(seconds=step)
        whole, part = divmod(count, 1000)
        number = f"{whole:,}".replace(",", thousands) + f"{decimal}{part:03d}"
        plain.append(f"{at:%Y-%m-%dT%H:%M:%SZ};{whole}.{part:03d};正常")
        local = at.astimezone(UTC) + timedelta(hours=8)
        styled.append(delimiter.join([local.strftime(spelling[1]), number, "正常"]))
    kwh = WIDE.replace('"piece"', '"kWh"')
    usual = write(folder, "\n".join([header.format(";"), *plain]), "a.csv")
    other = write(folder, "\n".join([header.format(delimiter), *styled]).encode(encoding), "b.csv")
    quoted = delimiter.replace("\t", "\\t")
    written = (
        f'delimiter = "{quoted}"\ndecimal = "{decimal}"\nthousands = "{thousands}"\n'
        f'time_format = "{spelling[0]}"\ntime_zone = "Asia/Shanghai"'
    )
    expected = read_log(usual, mapping(kwh, 'delimiter = ";"'), now_ms=4_000_000_000_000)
    found = read_log(other, mapping(kwh, written), now_ms=4_000_000_000_000)
    assert meaning(found) == meaning(expected)
    assert expected.feeds[0].value == [count for _, count in values]
