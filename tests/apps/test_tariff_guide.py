"""Every worked number of docs/write-a-tariff.md, in both languages, is what the engine computes."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest

from hansa.apps.billing.check_feeds import CheckFeed, compare
from hansa.apps.billing.facts import Balance, Carry, Facts
from hansa.apps.billing.rating import Line, close_statement, corrections, rate
from hansa.apps.billing.sharing_out import shares
from hansa.apps.billing.sheet import Sheet, parse_sheet
from hansa.apps.billing.slots import DaySlots, SlotUsage
from hansa.apps.billing.stops import planned
from hansa.apps.billing.tariff import Element
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
SLOT_MS = 15 * 60_000
KINDS = {
    "meter": "usage", "计量项": "usage", "clause": "statement", "条款": "statement", "paid to": "shares",
    "收款方": "shares", "local time": "windows", "当地时间": "windows", "main": "checks", "主表": "checks",
    "highest slot of": "slots", "最高时段所属": "slots", "price of": "prices", "时段价格所属": "prices",
    "index of": "indices", "指数所属": "indices", "left of": "carried", "结转所属": "carried",
    "stopped": "stopped", "停机": "stopped", "scrap of": "scrap", "废品所属": "scrap",
}  # fmt: skip
"""What a table holds, by the head of its first column."""

Rows = list[list[str]]


@dataclass(frozen=True)
class Example:
    """A table that must come out, the sheet above it, and the tables between."""

    kind: str
    expected: Rows
    sheet: Sheet
    period: Period
    usages: tuple[dict[tuple[str, str, str], int], ...] = ()
    """Of a correction the earlier ones first."""
    known: dict[str, Rows] = field(default_factory=dict)
    """What else is said of the period, by kind."""


def rows(table: str) -> tuple[list[str], Rows]:
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines()]
    return cells[0], cells[2:]


def instant_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)


def whole(text: str) -> int:
    """The number that a cell begins with."""
    return int(text.split()[0].replace(",", ""))


def examples(page: Path) -> Iterator[Example]:
    """Everything that the page says comes out of something, in order."""
    base: dict[str, object] = {}
    for json_text, table, since, until in BLOCK.findall(page.read_text("utf-8")):
        if json_text:
            base = base or json.loads(json_text)
            sheet = parse_sheet(json.dumps(base | json.loads(json_text)).encode(), DOCS)
            now = Example("", [], sheet, period_at(sheet.calendar, "month", MARCH_MS))
        elif since:
            month = period_at(sheet.calendar, "month", instant_ms(since))
            now = replace(now, period=clip(sheet.calendar, month, instant_ms(since), instant_ms(until)))
        elif table:
            header, body = rows(table)
            kind = next(
                (kind for head, kind in KINDS.items() if re.match(rf"{head}( ?[(（]|$)", header[0])), ""
            )
            if kind == "usage":
                counts = {(meter, state, window): whole(quantity) for meter, state, window, quantity in body}
                now = replace(now, usages=(*now.usages, counts))
            elif kind in ("statement", "windows", "checks"):
                yield (shown := replace(now, kind=kind, expected=body))
                now = replace(now, usages=(), known={})
            elif kind == "shares":
                yield replace(shown, kind=kind, expected=body)
            elif kind:
                now = replace(now, known=now.known | {kind: body})


def facts_of(example: Example) -> Facts:
    """What the tables above a statement say beside usage."""
    known = example.known
    tariff, calendar = example.sheet.tariff, example.sheet.calendar
    slots: dict[str, SlotUsage] = {}
    prices: dict[str, dict[int, Sequence[int]]] = {}
    for kind, body in known.items():
        if kind in ("slots", "prices"):
            day_ms = instant_ms(body[0][1][:10])
            counts, price_e8 = [0] * 96, [0] * 96
            for name, local, *price, quantity in body:
                at = (instant_ms(local) - day_ms) // SLOT_MS
                counts[at] = whole(quantity)
                if price:
                    price_e8[at] = round(float(price[0]) * 10**8)
                    prices[name] = {day_ms: price_e8}
            meter = next(
                e.meter for e in tariff.elements if body[0][0] in (e.clause, getattr(e, "meter", ""))
            )
            slots[meter] = SlotUsage(15, (DaySlots(day_ms, tuple(counts), (), 0),))
    stopped = {
        (meter, liable, window): whole(time) for meter, liable, window, time in known.get("stopped", [])
    }
    scrap = {(meter, liable, ""): whole(count) for meter, liable, count in known.get("scrap", [])}
    left = tuple(Balance(clause, int(of), whole(count)) for clause, of, count in known.get("carried", []))
    return Facts(
        attributed=stopped | scrap,
        planned=planned(windows_at(tariff, calendar), example.period),
        slots=slots,
        prices=prices,
        indices={clause: whole(value) * 10**8 for clause, value in known.get("indices", [])},
        carry=Carry(len(left), left),
    )


def lines_of(example: Example) -> Sequence[Line]:
    """The statement that the engine makes of an example."""
    sheet, (*earlier, now) = example.sheet, example.usages or ({},)
    lines = rate(sheet.tariff, now, example.period, facts_of(example))
    if earlier:
        february = period_at(sheet.calendar, "month", FEBRUARY_MS)
        billed, known = (rate(sheet.tariff, usage, february) for usage in earlier)
        lines += corrections(known, close_statement(False, billed).lines, february)
    return close_statement(sheet.tariff.tax_included, lines).lines


def of_kind(page: Path, kind: str) -> list[Example]:
    return [example for example in examples(page) if example.kind == kind]


def grouped(text: str) -> str:
    whole_part, point, fraction = text.partition(".")
    return f"{int(whole_part):,}{point}{fraction}" if whole_part != "-0" else text


def printed(line: Line) -> list[str]:
    quantity = f"{grouped(quantity_text(line)[0])} {line.unit}".strip()
    money = [grouped(money_text(m, "CNY")) for m in (line.net_minor, line.tax_minor, line.gross_minor)]
    return [line.clause, line.kind, quantity, price_text(line.price_e8), *money]


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_every_statement_of_the_guide_is_what_the_engine_computes(page: Path) -> None:
    found = of_kind(page, "statement")
    for example in found:
        assert [printed(line) for line in lines_of(example)] == example.expected
    assert len(found) == 17


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_who_is_paid_what_is_what_the_engine_shares_out(page: Path) -> None:
    (example,) = of_kind(page, "shares")
    elements = example.sheet.tariff.elements
    told = [
        [
            share.creditor,
            *(grouped(money_text(m, "CNY")) for m in (share.net_minor, share.tax_minor, share.gross_minor)),
        ]
        for share in shares(elements, "maker", "plant", lines_of(example))
    ]
    assert told == example.expected


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_two_counters_come_to_what_the_rule_says(page: Path) -> None:
    (example,) = of_kind(page, "checks")
    check: CheckFeed = example.sheet.terms.checks[0]
    for main, other, rule, counts, disputed in example.expected:
        result, _ = compare(
            msgspec.structs.replace(check, rule=rule), {"all": whole(main)}, {"all": whole(other)}
        )
        assert result.counted_base == whole(counts)
        assert (result.beyond and rule == "dispute") == bool(disputed)
    assert [row[2] for row in example.expected] == ["dispute", "main", "mean", "lower", "dispute"]


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_every_window_of_the_guide_is_where_the_engine_puts_it(page: Path) -> None:
    tables = of_kind(page, "windows")
    assert len(tables) == 2
    for example in tables:
        scheme = windows_at(example.sheet.tariff, example.sheet.calendar)
        assert len(example.expected) >= 6
        for local, window, _ in example.expected:
            assert scheme.names[scheme.window_at(instant_ms(local))] == window


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_every_kind_of_element_has_a_worked_number(page: Path) -> None:
    worked = {
        type(element)
        for example in of_kind(page, "statement")
        for element in example.sheet.tariff.elements
        if element.clause in {row[0] for row in example.expected}
    } | {type(e) for x in of_kind(page, "shares") for e in x.sheet.tariff.elements}
    assert {kind.__name__ for kind in get_args(Element)} - {kind.__name__ for kind in worked} == set()


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
