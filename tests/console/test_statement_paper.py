"""A statement on paper: HTML and PDF say all that the ledger says, and nothing that was sent runs."""

import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import msgspec
import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.apps.billing.gaps import GapLine
from hansa.apps.billing.messages import FallLine
from hansa.apps.billing.unknown_time import UnknownTime
from hansa.console.statement.capitals import DIGITS, capitals
from hansa.console.statement.case import Case, StatementMissing, gather
from hansa.console.statement.html import html_text
from hansa.console.statement.paper import (
    Paper,
    amount_text,
    apart,
    code,
    facts,
    gaps_grid,
    grouped,
    lines_grid,
    paper,
    percent,
    signed_grid,
    stops_grid,
)
from hansa.console.statement.pdf import letters, pdf_bytes
from hansa.console.statement.words import WORDS
from hansa.kernel import limits
from hansa.kernel import replace as changed
from tests.apps.ground import REGISTRY
from tests.apps.statements import FROM_MS, Desk

MADE_MS = 1_795_000_000_000
LANGUAGES = ("zh", "en")


class Asking:
    """Queries of rooms in memory, answered as a node does: through JSON."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def one(self, name: str, kind: Any, **arguments: Any) -> Any:
        found = self.desk.ask(REGISTRY.queries[name], *arguments.values())
        return msgspec.json.decode(msgspec.json.encode(found), type=kind)


@pytest.fixture(scope="module")
def case() -> Case:
    """A month of 12,345 pieces: line 2 disputed, the rest confirmed and owed, a line corrected."""
    desk = Desk()
    desk.close(pieces=12_345)
    desk.dispute("plant", 2)
    desk.confirm("maker")
    desk.concede("maker", l1=500)
    return gather(Asking(desk), "ab" * 32, "g-1", FROM_MS)


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._style = tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._style:
            self.found.append(data)


def read_html(text: str) -> _Texts:
    found = _Texts()
    found.feed(text)
    return found


def read_pdf(data: bytes) -> str:
    """The text of all pages without spaces: cells are broken into lines."""
    document = pypdfium2.PdfDocument(io.BytesIO(data))
    return squeezed("".join(page.get_textpage().get_text_bounded() for page in document))


def squeezed(text: str) -> str:
    return re.sub(r"[\s\ufffe\u0002-]", "", text)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_html_and_pdf_say_the_whole_paper(case: Case, lang: Any) -> None:
    made = paper(case, lang)
    html = squeezed("".join(read_html(html_text(made)).found))
    pdf = read_pdf(pdf_bytes(made, MADE_MS))
    assert {"1,130.00", made.grids[-1].rows[-1][0], made.payment[-1][1]} <= set(made.texts())
    for text in made.texts():
        assert squeezed(text) in html, text
        assert squeezed(text) in pdf, text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_amount_of_the_statement_is_on_the_paper(case: Case, lang: Any) -> None:
    statement = case.statement
    pdf = read_pdf(pdf_bytes(paper(case, lang), MADE_MS))
    amounts = [line.gross_minor for line in statement.lines] + [
        statement.net_minor,
        statement.tax_minor,
        statement.gross_minor,
    ]
    for amount in amounts:
        assert squeezed(amount_text(amount, "CNY")) in pdf
    ((name, obligation),) = case.obligations
    assert squeezed(grouped(obligation.reference)) in pdf
    assert case.evidence in pdf
    assert name


def test_the_paper_tells_what_is_disputed_corrected_and_who_said_so(case: Case) -> None:
    made = paper(case, "en")
    lines = made.grids[0]
    assert [row[1] for row in lines.rows if "disputed" in row[1]] == ["service: fixed fee [disputed]"]
    titles = {grid.title: grid for grid in made.grids}
    (correction,) = titles["Corrections"].rows
    assert correction[1:3] == ("maker", "agreed_by_phone")
    signed = [row[:2] for row in titles["Who signed what"].rows]
    assert ("disputes lines 2 (wrong_count)", "plant") in signed
    assert ("confirmed the statement", "maker") in signed


def test_the_code_holds_number_hash_and_reference(case: Case) -> None:
    text = code(case)
    reference = case.obligations[0][1].reference
    assert text == f"hansa:statement/{'ab' * 32}/g-1/{FROM_MS}?sha256={case.evidence}&ref={reference}"
    assert html_text(paper(case, "zh")).count("<svg") == 1


def test_figures_are_set_apart_and_gaps_count_in_the_unit_of_their_line(case: Case) -> None:
    assert [apart(each) for each in ("0", "-0.50", "999.99", "1234567.5")] == [
        "0",
        "-0.50",
        "999.99",
        "1,234,567.5",
    ]
    assert (amount_text(-123_456_789, "CNY"), amount_text(5, "JPY")) == ("-1,234,567.89", "5")
    line = case.statement.lines[0]
    told = changed(line, meter="energy", unit="kWh", unit_base=1_000, base_unit="Wh")
    gap = GapLine("energy", FROM_MS, FROM_MS + limits.HOUR_MS, "zero", 1_234_500, "closed")
    statement = changed(case.statement, gaps=(gap,), gap_count=1, lines=(told, *case.statement.lines[1:]))
    (row,) = gaps_grid(replace(case, statement=statement), "en").rows
    assert row[3] == "1,234.5 kWh"


def test_a_correction_is_a_difference_and_has_no_price(case: Case) -> None:
    priced = changed(case.statement.lines[0], unit="kWh", price_e8=0, quantity_base=9_500, unit_base=1_000)
    lines = (changed(priced, kind="correction", amount_minor=-361_00), changed(priced, amount_minor=0))
    rows = lines_grid(replace(case, statement=changed(case.statement, lines=lines)), "en").rows
    assert [row[4] for row in rows[:2]] == ["", "0.00"]


def test_a_paper_names_the_zone_of_its_times_and_a_lease_was_signed(case: Case) -> None:
    assert ("Time zone", case.calendar.zone) in facts(case, "en")
    acts = [row[0] for row in signed_grid(case, "en").rows]
    assert acts[:2] == ["proposed the agreement", "accepted the agreement"]
    leased = replace(case, agreement=changed(case.agreement, signed="ab" * 32))
    assert [row[0] for row in signed_grid(leased, "en").rows][:2] == ["signed the contract of the lease"] * 2


def test_gaps_and_falls_are_listed_with_their_rule(case: Case) -> None:
    hour = limits.HOUR_MS
    gap = GapLine("pieces", FROM_MS, FROM_MS + hour, "zero", 7, "open")
    fall = FallLine("pieces", FROM_MS, FROM_MS + hour, 3, 5, 100, "reset")
    told = replace(
        case, statement=changed(case.statement, gaps=(gap,), gap_count=9, falls=(fall,), fall_count=1)
    )
    titles = {grid.title: grid.rows for grid in paper(told, "zh").grids}
    assert titles["缺口：没有读数的时段及其计量"] == (
        ("产量", "2025-02-01 00:00:00 – 01:00:00", "计零", "7 件", "尚未结束"),
        ("", "另有（见账本）: 8", "", "", ""),
    )
    assert titles["计数器回落"][0][3:] == ("100 → 5", "计数器清零")


def test_unknown_time_is_listed_apart_from_stops(case: Case) -> None:
    lost = (UnknownTime("execution", 6 * 3_600_000), UnknownTime("spindle", 9 * 3_600_000, beyond=True))
    grid = stops_grid(replace(case, statement=changed(case.statement, unknown=lost)), "en")
    assert [(row[1], row[3]) for row in grid.rows] == [
        ("unknown (no record)", "6:00:00 h"),
        ("unknown, beyond the agreed bound", "9:00:00 h"),
    ]


def test_a_statement_without_settlement_has_a_paper_too(case: Case) -> None:
    bare = replace(case, life=None, corrections=(), obligations=())
    assert paper(bare, "zh").payment == (("付款", "尚无应付款项"),)
    assert "尚无应付款项" in read_pdf(pdf_bytes(paper(bare, "zh"), MADE_MS))


def test_what_names_hold_is_text_and_never_runs(case: Case) -> None:
    evil = '<script>alert(1)</script><img src=x onerror="x">&amp;'
    parties = {id: changed(member, name_en=evil, name_zh=evil) for id, member in case.parties.items()}
    text = html_text(paper(replace(case, parties=parties), "en"))
    found = read_html(text)
    assert "script" not in found.tags
    assert "img" not in found.tags
    assert any(evil in one for one in found.found)
    assert "default-src 'none'" in text


def test_letters_that_the_font_lacks_are_written_as_code_points(case: Case) -> None:
    assert letters("甲䶮𬭎é€") == "甲䶮𬭎é€"
    assert letters("a\U000102a0") == "a[U+102A0]"
    parties = {id: changed(member, name_zh="龘\U000102a0厂") for id, member in case.parties.items()}
    assert "龘[U+102A0]厂" in read_pdf(pdf_bytes(paper(replace(case, parties=parties), "zh"), MADE_MS))


def test_a_long_statement_goes_over_pages_and_loses_no_line(case: Case) -> None:
    line = case.statement.lines[-1]
    lines = tuple(changed(line, number=number, clause=f"clause-{number}x") for number in range(1, 201))
    data = pdf_bytes(paper(replace(case, statement=changed(case.statement, lines=lines)), "zh"), MADE_MS)
    text = read_pdf(data)
    assert len(pypdfium2.PdfDocument(io.BytesIO(data))) > 3
    assert all(f"clause{number}x" in text for number in range(1, 201))
    assert text.count("不含税") > 4, "heads stand on every page"


def test_the_same_paper_makes_the_same_bytes(case: Case) -> None:
    made = paper(case, "zh")
    assert (
        hashlib.sha256(pdf_bytes(made, MADE_MS)).digest() == hashlib.sha256(pdf_bytes(made, MADE_MS)).digest()
    )
    assert html_text(made) == html_text(made)


def test_a_statement_that_is_not_there_is_refused_by_name(case: Case) -> None:
    with pytest.raises(StatementMissing):
        gather(Asking(Desk()), "ab" * 32, "g-1", FROM_MS)
    with pytest.raises(StatementMissing):
        gather(Asking(Desk()), "ab" * 32, "other", FROM_MS)


def test_words_are_there_in_both_languages() -> None:
    for zh, en in WORDS.values():
        assert re.search(r"[\u4e00-\u9fff]", zh)
        assert not re.search(r"[\u4e00-\u9fff]", en)


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (0, "零元整"), (5, "伍分"), (50, "伍角整"), (105, "壹元零伍分"), (140_950, "壹仟肆佰零玖元伍角整"),
        (600_714, "陆仟零柒元壹角肆分"), (1_640_902, "壹万陆仟肆佰零玖元零贰分"),
        (32_504, "叁佰贰拾伍元零肆分"),
        (20_000_100, "贰拾万零壹元整"), (10**10, "壹亿元整"), (100_000_000_100, "壹拾亿零壹元整"),
        (-1_234_560, "负壹万贰仟叁佰肆拾伍元陆角整"),
    ],
)  # fmt: skip
def test_an_amount_in_capitals_reads_as_the_rules_of_payment_write_it(fen: int, text: str) -> None:
    assert capitals(fen) == text


@given(st.integers(0, 10**15))
def test_capitals_say_the_amount_and_nothing_else(fen: int) -> None:
    """Read back, group by group."""
    yuan, _, rest = capitals(fen).partition("元") if "元" in capitals(fen) else ("", "", capitals(fen))
    value, group, digit = 0, 0, 0
    for char in yuan.replace("万亿", "兆"):
        if char in DIGITS:
            digit = DIGITS.index(char)
        elif char in "拾佰仟":
            group, digit = group + digit * 10 ** ("拾佰仟".index(char) + 1), 0
        else:
            value, group, digit = (
                value + (group + digit) * {"万": 10**4, "亿": 10**8, "兆": 10**12}[char],
                0,
                0,
            )
    value += group + digit
    jiao = DIGITS.index(rest[rest.index("角") - 1]) if "角" in rest else 0
    last = DIGITS.index(rest[rest.index("分") - 1]) if "分" in rest else 0
    assert value * 100 + jiao * 10 + last == fen


def test_percents() -> None:
    assert [percent(one) for one in (0, 1300, 1250, 1205)] == ["0 %", "13 %", "12.5 %", "12.05 %"]


def test_a_page_is_small_though_the_font_is_not(case: Case) -> None:
    made: Paper = paper(case, "zh")
    assert len(pdf_bytes(made, MADE_MS)) < 120_000
