"""`hansa statement html|pdf|journal` as they are typed, on the books of rooms in memory."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from hansa.apps.money.messages import Owe
from hansa.cli import statement_files
from hansa.client.happened import Happened
from tests.apps.statements import Desk
from tests.cli.shell import Shell
from tests.client.test_journal import Asking


@dataclass
class Profile:
    member: str = "maker"
    chain: str = "ab" * 32


class AtRooms:
    """A desk whose node is the rooms themselves."""

    def __init__(self, desk: Desk, lang: Any) -> None:
        self.asking, self.lang, self.profile = Asking(desk), lang, Profile()

    def ask(self, name: str, kind: Any, **arguments: Any) -> Any:
        return self.asking.one(name, kind, **arguments)

    def events(self, room: str) -> Iterator[Happened]:
        return self.asking.events(room)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def office(shell: Shell, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The maker's office; February was confirmed, March runs."""
    desk.close(pieces=100)
    desk.confirm()
    monkeypatch.setattr(statement_files, "desk", lambda lang, profile: AtRooms(desk, lang))
    monkeypatch.chdir(tmp_path)
    return shell


def test_a_statement_is_printed_in_the_language_of_its_reader(office: Shell) -> None:
    office.do("statement", "html", "g-1", "2025-02-01", "--paper", "zh")
    assert "结算单" in Path("g-1-2025-02-01.html").read_text("utf-8")
    office.do("statement", "pdf", "g-1", "-o", "here.pdf")
    assert Path("here.pdf").read_bytes().startswith(b"%PDF")


def test_a_period_that_is_not_there_is_refused_with_those_that_are(office: Shell) -> None:
    ran = office.refused("cli.period_unknown", "statement", "pdf", "g-1", "2024-01-01")
    assert "2025-02-01" in ran.err
    assert not list(Path().glob("*.pdf"))


def test_the_journal_of_a_month_as_csv_and_as_a_workbook(office: Shell) -> None:
    span = ("--from", "2025-02-01", "--to", "2025-04-01")
    rows = list(csv.DictReader(io.StringIO(office.do("statement", "journal", *span, "--csv").out)))
    assert {row["voucher"][0] for row in rows} == {"A", "R", "S", "V"}
    alone = office.do("statement", "journal", *span, "--csv", "--no-accruals").out
    assert {row["voucher"][0] for row in csv.DictReader(io.StringIO(alone))} == {"S", "V"}
    office.do("statement", "journal", *span, "--chart", "ifrs", "--xlsx", "journal.xlsx")
    sheet: Any = load_workbook("journal.xlsx").active
    assert sheet.max_row == len(rows) + 1


def test_the_journal_in_the_columns_of_an_accounting_program(office: Shell) -> None:
    span = ("--from", "2025-02-01", "--to", "2025-04-01", "--csv")
    assert "凭证类别字" in office.do("statement", "journal", *span, "--layout", "ufida").out
    text = office.do("statement", "journal", "--show-layout").out
    Path("own.toml").write_text(text.replace('head = "日期"', 'head = "记账日期"'), encoding="utf-8")
    assert office.do("statement", "journal", *span, "--layout", "own.toml").out.startswith("记账日期,")
    office.refused("journal.layout_unusable", "statement", "journal", *span, "--layout", "none.toml")


def test_what_an_accountant_has_to_decide_is_said(office: Shell, desk: Desk) -> None:
    span = ("--from", "2025-02-01", "--to", "2025-04-01", "--csv")
    assert "Other payables, to be decided" not in office.do("statement", "journal", *span).err
    desk.do("plant", Owe("tools", "maker", "CNY", 700, desk.now_ms + 86_400_000))
    told = office.do("statement", "journal", *span)
    assert "1 vouchers stand on “Other payables, to be decided”" in told.err
    assert "decide on revenue, cost or other" in told.out


def test_a_chart_is_printed_changed_and_used(office: Shell) -> None:
    text = office.do("statement", "journal", "--show-chart").out
    Path("own.toml").write_text(text.replace('code = "1122"', 'code = "1122.01"'), encoding="utf-8")
    span = ("--from", "2025-02-01", "--to", "2025-03-31")
    assert "1122.01" in office.do("statement", "journal", *span, "--accounts", "own.toml", "--csv").out
    Path("own.toml").write_text("name = 1", encoding="utf-8")
    office.refused("journal.mapping_unusable", "statement", "journal", *span, "--accounts", "own.toml")
