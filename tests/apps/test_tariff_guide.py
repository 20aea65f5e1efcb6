"""Every worked number of docs/write-a-tariff.md, in both languages, is what the engine computes."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hansa.apps.billing.rating import Line, close_statement, corrections, rate
from hansa.apps.billing.sheet import Sheet, parse_sheet
from hansa.apps.billing.texts import money_text, price_text, quantity_text
from hansa.apps.billing.windows import windows_at
from hansa.apps.consortium.calendars import Period, clip, period_at, start_of_day

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS / "write-a-tariff.md", DOCS / "zh" / "write-a-tariff.md"]
BLOCK = re.compile(
    r"```json\n((?s:.*?))```|((?:^\|.*\n)+)|^(?:Period|周期)[:：] ?`(.*?)` ?(?:to|至) ?`(.*?)`", re.MULTILINE
)
MARCH_MS = int(datetime(2025, 3, 10, tzinfo=UTC).timestamp() * 1000)
FEBRUARY_MS = int(datetime(2025, 2, 10, tzinfo=UTC).timestamp() * 1000)

Example = tuple[Sheet, Period, dict[str, dict[tuple[str, str, str], int]], list[list[str]]]


def rows(table: str) -> tuple[list[str], list[list[str]]]:
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines()]
    return cells[0], cells[2:]


def day_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)


def examples(page: Path) -> Iterator[Example | tuple[Sheet, list[list[str]]]]:
    """Statements to check, each with the sheet, period and usages it comes from; and tables of windows."""
    base: dict[str, object] = {}
    for json_text, table, since, until in BLOCK.findall(page.read_text("utf-8")):
        if json_text:
            base = base or json.loads(json_text)
            sheet = parse_sheet(json.dumps(base | json.loads(json_text)).encode(), DOCS)
            period = period_at(sheet.calendar, "month", MARCH_MS)
            usages: dict[str, dict[tuple[str, str, str], int]] = {}
        elif since:
            period = clip(sheet.calendar, period, day_ms(since), day_ms(until))
        elif table:
            header, body = rows(table)
            if header[0].startswith(("meter", "计量项")):
                usages[header[0]] = {
                    (meter, state, window): int(quantity.split()[0].replace(",", ""))
                    for meter, state, window, quantity in body
                }
            elif header[0] in ("clause", "条款"):
                yield sheet, period, usages, body
                usages = {}
            elif header[0] in ("local time", "当地时间"):
                yield sheet, body


def printed(line: Line) -> list[str]:
    def grouped(text: str) -> str:
        whole, point, fraction = text.partition(".")
        return f"{int(whole):,}{point}{fraction}" if whole != "-0" else text

    quantity = f"{grouped(quantity_text(line)[0])} {line.unit}".strip()
    money = [grouped(money_text(m, "CNY")) for m in (line.net_minor, line.tax_minor, line.gross_minor)]
    return [line.clause, line.kind, quantity, price_text(line.price_e8), *money]


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_every_statement_of_the_guide_is_what_the_engine_computes(page: Path) -> None:
    found = 0
    for example in examples(page):
        if len(example) == 2:
            continue
        sheet, period, usages, expected = example
        *earlier, now = usages.values()
        lines = rate(sheet.tariff, now, period)
        if earlier:
            february = period_at(sheet.calendar, "month", FEBRUARY_MS)
            billed, known = (rate(sheet.tariff, usage, february) for usage in earlier)
            lines += corrections(known, close_statement(False, billed).lines, february)
        totals = close_statement(sheet.tariff.tax_included, lines)
        assert [printed(line) for line in totals.lines] == expected
        found += 1
    assert found == 12


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_every_window_of_the_guide_is_where_the_engine_puts_it(page: Path) -> None:
    tables = [example for example in examples(page) if len(example) == 2]
    assert len(tables) == 1
    for sheet, body in tables:
        scheme = windows_at(sheet.tariff, sheet.calendar)
        assert len(body) >= 6
        for local, window, _ in body:
            assert scheme.names[scheme.window_at(day_ms(local))] == window


def test_both_guides_teach_the_same_sheets() -> None:
    blocks = [re.findall(r"```json\n(.*?)```", page.read_text("utf-8"), re.S) for page in PAGES]
    assert [json.loads(block) for block in blocks[0]] == [json.loads(block) for block in blocks[1]]
    assert len(blocks[0]) == 15


def test_the_reference_sheet_has_every_element_and_every_key() -> None:
    folder = DOCS / "reference"
    data = json.loads((folder / "tariff.json").read_text("utf-8"))
    sheet = parse_sheet(json.dumps(data).encode(), folder)
    keys = {key for element in data["elements"] for key in element}
    assert {element["kind"] for element in data["elements"]} == {"usage", "fixed", "minimum", "cap"}
    assert keys >= {"states", "windows", "included", "price", "tiers", "tiering", "unit_size", "of", "amount"}
    assert {element.get("tiering") for element in data["elements"]} >= {"graduated", "volume"}
    assert start_of_day(sheet.calendar, sheet.calendar.until_day) > 0
