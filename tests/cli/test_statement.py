"""`hansa statement` as two companies type it: read, disputed, corrected, invoiced, accrued."""

import dataclasses
import datetime
import json
from collections.abc import Iterator

import msgspec
import pytest

from hansa.apps.billing.deal import Deal, content
from hansa.apps.billing.gaps import GapLine
from hansa.apps.billing.messages import Agreement
from hansa.apps.billing.tariff import Fixed
from hansa.apps.billing.terms import Settlement, Terms
from hansa.apps.consortium.calendar_file import build_calendar
from hansa.cli.statement import _grounds
from hansa.console.statement.case import gather
from hansa.kernel import limits, replace
from tests.apps.statements import FROM_MS, Desk
from tests.apps.tariffs import TARIFF
from tests.cli.shell import Shell, running
from tests.cli.test_membership import Town
from tests.console.test_statement_paper import Asking
from tests.waiting import until

TODAY = datetime.datetime.now(datetime.UTC).date()
CALENDAR = build_calendar("UTC", TODAY.year - 1, TODAY.year + 1, {})
DAILY = replace(
    TARIFF,
    purpose="internal",
    period="day",
    meters=(),
    elements=(Fixed("base_fee", "vat", 100_000), Fixed("service", "vat", 33_333)),
    windows=(),
    taxes=TARIFF.taxes[:1],
)
TERMS = Terms(0, (), Settlement(payment_days=30, runs_from="period_end"))


def day(back: int) -> datetime.date:
    return TODAY - datetime.timedelta(days=back)


def start_ms(back: int) -> int:
    return (day(back) - datetime.date(1970, 1, 1)).days * limits.DAY_MS


def told(value: object) -> str:
    return msgspec.json.encode(value).decode()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """An agreement by days: it began three days ago and runs until tomorrow; so three were closed by now."""
    made = Town(tmp_path_factory.mktemp("town"))
    with running(made.folder / "node"):
        made.join()
        maker, plant = made.shells["maker"], made.shells["plant"]
        maker.do("tx", "consortium.publish_calendar", "--id", "c-1", "--calendar", told(CALENDAR), "--yes")
        maker.do(
            "tx", "billing.publish_tariff", "--id", "t-1", "--version", 1, "--tariff", told(DAILY),
            "--calendar-owner", "maker", "--calendar", "c-1", "--yes",
        )  # fmt: skip
        agreement = Agreement(
            "maker", "plant", "maker", "maker", "t-1", 1, (), TERMS, start_ms(3), start_ms(-2), "proposed"
        )
        maker.do(
            "tx", "billing.propose", "--agreement", "g-1", "--provider", "maker", "--user", "plant",
            "--tariff-owner", "maker", "--tariff", "t-1", "--tariff-version", 1, "--meters", "[]",
            "--terms", told(TERMS), "--from-ms", agreement.from_ms, "--to-ms", agreement.to_ms, "--yes",
        )  # fmt: skip
        signed = content("g-1", Deal(agreement, DAILY, CALENDAR, {}))
        plant.do("tx", "billing.accept", "--agreement", "g-1", "--content", signed, "--yes")
        # They close by themselves.
        assert until(lambda: len(maker.do("statement", "list", "--json").json) == 3, within_s=30)
        yield made


def standing(shell: Shell, back: int) -> str:
    rows = shell.do("statement", "list", "--json").json
    found: str = next(row["state"] for row in rows if row["period"] == str(day(back)))
    return found


def test_a_statement_is_read_disputed_corrected_invoiced_and_owed(town: Town) -> None:
    maker, plant = town.shells["maker"], town.shells["plant"]
    of = ("g-1", day(3))
    assert standing(plant, 3) == "awaits"
    shown = plant.do("statement", "show", *of).out
    assert "plant owes maker 1506.66 CNY, due before" in shown
    assert "Silence does not count" in shown
    assert "base_fee" in shown

    draft = plant.do("statement", "dispute", *of, "--line", 2, "--reason", "no_service", "--dry-run")
    assert "billing.dispute" in draft.out + draft.err
    assert standing(plant, 3) == "awaits"
    plant.do("statement", "dispute", *of, "--line", 2, "--reason", "no_service", "--yes")
    assert standing(maker, 3) == "disputed"
    maker.do("statement", "confirm", *of, "--yes")
    lines = maker.do("statement", "lines", *of, "--json").json
    assert [line["disputed"] for line in lines] == [False, True]
    assert "1130.00 CNY" in maker.do("statement", "show", *of).out

    maker.refused("billing.concession_too_large", "statement", "concede", *of, "--line", "2=376.67",
                  "--reason", "x", "--yes")  # fmt: skip
    maker.do("statement", "concede", *of, "--line", "2=376.66", "--reason", "not_done", "--yes")
    assert standing(maker, 3) == "due"
    original = town.folder / "invoice.xml"
    original.write_text("<invoice/>")
    invoice = ("statement", "invoice", *of, "--number", "25312000000012345678", "--date", day(0), "--tax",
               "130.00", "--file", original, "--yes")  # fmt: skip
    refused = maker.refused("billing.invoice_amounts", *invoice, "--gross", "1130.01")
    assert "1130.01 CNY" in refused.err
    maker.do(*invoice, "--gross", "1130.00")
    maker.do("statement", "correct", *of, "--line", "1=30.00", "--reason", "goodwill", "--yes")
    assert standing(plant, 3) == "red_letter"
    assert "Correction 2 (-30.00 CNY) waits" in plant.do("statement", "show", *of).out
    maker.do("statement", "red-letter", *of, "--number", "44030725051001117191", "--yes")
    owed = maker.do("money", "owed", "--json").json
    assert [row["amount_minor"] for row in owed] == [110_000]


def test_the_latest_statement_is_meant_where_no_period_is_named(town: Town) -> None:
    plant = town.shells["plant"]
    assert str(day(1)) in plant.do("statement", "show", "g-1").out
    plant.refused("cli.period_unknown", "statement", "show", "g-1", day(40))


def test_chinese_is_told_to_who_reads_it(town: Town) -> None:
    shown = town.shells["plant"].do("statement", "show", "g-1", day(2), HANSA_LANG="zh").out
    assert "双方确认后：plant 应付 maker 1506.66 CNY" in shown
    assert "不答复不视为确认" in shown


def test_accruals_are_what_is_used_and_not_confirmed(town: Town) -> None:
    maker = town.shells["maker"]
    rows = maker.do("statement", "accrual", "--at", day(0), "--json").json
    assert {row["period"] for row in rows} >= {str(day(2)), str(day(1))}
    of_day = [row for row in rows if row["period"] == str(day(2))]
    assert [(row["clause"], row["net_minor"], row["tax_minor"]) for row in of_day] == [
        ("base_fee", 100_000, 13_000),
        ("service", 33_333, 4_333),
    ]
    csv = maker.do("statement", "accrual", "--at", day(0), "--csv").out
    assert "not confirmed" in csv
    told = town.shells["plant"].do("statement", "accrual", "--at", day(0), "--json").json
    assert [row["gross_minor"] for row in told] == [row["gross_minor"] for row in rows]
    assert {row["side"] for row in told} == {"by_us"}
    assert json.loads(maker.do("statement", "accrual", "--at", day(9), "--json").out) == []


@pytest.mark.parametrize("line", ["2", "x=1", "2=", "2=1.234", "2=nan", "2=1e400", "-2=1"])
def test_an_amount_that_is_none_is_refused(town: Town, line: str) -> None:
    town.shells["maker"].refused(
        "cli.wrong_use", "statement", "concede", "g-1", "--line", line, "--reason", "x", "--yes"
    )


@pytest.mark.parametrize(("lang", "words"), [("zh", "缺口"), ("en", "without readings")])
def test_what_lines_rest_on_is_said_before_anybody_confirms(lang: str, words: str) -> None:
    """Gaps and stops stand below the lines, the first of them where there are many."""
    desk = Desk()
    desk.close(pieces=100)
    found = gather(Asking(desk), "ab" * 32, "g-1", FROM_MS)
    gaps = tuple(
        GapLine(
            "pieces",
            FROM_MS + number * 7_200_000,
            FROM_MS + number * 7_200_000 + 3_600_000,
            "zero",
            0,
            "closed",
        )
        for number in range(30)
    )
    statement = replace(found.statement, gaps=gaps, gap_count=30)
    tables = _grounds(dataclasses.replace(found, statement=statement), lang)
    [shown] = [table for table in tables if words in table.title.of(lang)]
    assert len(shown.rows) == 21
    assert "10" in shown.rows[-1][0]
    assert _grounds(found, lang) == []
