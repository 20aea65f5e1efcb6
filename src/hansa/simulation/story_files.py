"""What the play leaves for its readers: contracts, statements on paper, journals, leasing beside buying."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansa.apps.billing.elements import Usage
from hansa.apps.billing.messages import Statement
from hansa.apps.leasing.messages import Lease
from hansa.apps.leasing.text_draft import Draft
from hansa.client.accruals import accrued
from hansa.client.journal import Voucher
from hansa.client.journal import table as journal_table
from hansa.client.journal_accounts import Chart, read_chart
from hansa.client.journal_ledger import gather, journal
from hansa.client.lease_or_buy import BreakEven, Case, Scenario, break_evens
from hansa.client.lease_or_buy_xlsx import workbook_bytes
from hansa.client.leases import page
from hansa.client.tables import moment, xlsx_bytes
from hansa.client.texts import Language, Text
from hansa.console.statement.case import gather as case_of
from hansa.console.statement.html import html_text
from hansa.console.statement.paper import paper
from hansa.console.statement.pdf import pdf_bytes
from hansa.kernel import Refusal, limits
from hansa.simulation.play import PROVIDER, USER, Play
from hansa.simulation.story import Remembering, asking
from hansa.simulation.story_market import RATE_PER_HOUR, minor_units
from hansa.simulation.world import World

PAGES: tuple[tuple[Language, str, str], ...] = (
    ("zh", "中文网页", "a page in Chinese"),
    ("en", "英文网页", "a page in English"),
)
PAPERS_MAX = 3
"""Statements of an agreement that are put on paper, the last ones; `hansa statement pdf` makes any."""
CHART = "cas"
ACCRUED_DAYS = 100
"""Accruals of earlier months were reversed long ago; `hansa statement journal` reckons any."""
JOURNALS = (PROVIDER, USER)
PRICE, RESIDUAL, UPKEEP = 2_400_000, 240_000, 6_000
"""What a line costs to buy, what it is worth in the end, what it costs a month: the play's own figures."""
LIFE_MONTHS, INTEREST_BP = 96, 435


@dataclass(frozen=True)
class Books:
    """A member's journal, and what of it must be booked by hand."""

    member: str
    chart: Chart
    vouchers: list[Voucher]
    by_hand: list[str]


@dataclass(frozen=True)
class Comparison:
    """A month leased and a month as owner."""

    case: Case
    break_evens: list[BreakEven]


@dataclass(frozen=True)
class Files:
    """Each with what it is, for its readers."""

    made: list[tuple[Path, Text]]
    books: list[Books]
    comparison: Comparison | None
    why_no_comparison: Text | None = None


def write_files(world: World, play: Play, agreements: Sequence[str], leased: bool) -> Files:
    """Write everything into the play's folder, and say what is what."""
    made: list[tuple[Path, Text]] = []
    for agreement in agreements:
        if leased:
            made.append(_contract(world, agreement))
        made += _papers(world, agreement)
    books = [_books(world, play, member) for member in JOURNALS]
    for each in books:
        file = world.folder / f"journal-{each.member}.xlsx"
        file.write_bytes(xlsx_bytes(journal_table(each.vouchers, each.chart), "zh"))
        made.append(
            (file, Text(f"记账凭证分录（{each.member}）", f"Journal lines of {each.member}, in Chinese"))
        )
    comparison, why = None, None
    try:
        comparison = _comparison(play)
        file = world.folder / "lease-or-buy.xlsx"
        file.write_bytes(workbook_bytes(comparison.case, "zh"))
        made.append(
            (file, Text("租还是买：可自行改数的测算表", "Lease or buy, in Chinese: put in your own figures"))
        )
    except Refusal as refusal:
        why = Text(refusal.zh, refusal.en)
    return Files(made, books, comparison, why)


def _contract(world: World, lease: str) -> tuple[Path, Text]:
    ask = asking(world, USER)
    draft = ask.one("leasing.draft_of", Draft, lease=lease)
    signed = ask.one("leasing.lease_of", Lease, lease=lease).signatures
    file = world.folder / f"contract-{lease}.html"
    marks = tuple((each.member, each.key, f"{moment(each.at_ms):%Y-%m-%d %H:%M:%S} UTC") for each in signed)
    file.write_text(page(draft, marks), encoding="utf-8")
    return file, Text(f"{lease} 的合同文本，中英对照", f"Contract of {lease}, both languages")


def _papers(world: World, agreement: str) -> list[tuple[Path, Text]]:
    ask = asking(world, USER)
    stated = ask.one("billing.statements_of", list[Statement], agreement=agreement)
    made = []
    for number, statement in enumerate(stated[-PAPERS_MAX:], max(len(stated) - PAPERS_MAX, 0) + 1):
        case = case_of(ask, world.chain, agreement, statement.period.from_ms)
        stem = world.folder / f"statement-{agreement}-{number}"
        what = Text(f"结算单 {agreement} 第 {number} 期", f"Statement {number} of {agreement}")
        pdf = stem.with_name(f"{stem.name}.pdf")
        pdf.write_bytes(pdf_bytes(paper(case, "zh"), world.clock.now_ms))
        made.append((pdf, Text(f"{what.zh}，可打印", f"{what.en} to print, in Chinese")))
        for lang, zh, en in PAGES:
            file = stem.with_name(f"{stem.name}.{lang}.html")
            file.write_text(html_text(paper(case, lang)), encoding="utf-8")
            made.append((file, Text(f"{what.zh}，{zh}", f"{what.en}, {en}")))
    return made


def _books(world: World, play: Play, member: str) -> Books:
    """From founding to now, with what was not billed at the last ends of months (ACCRUED_DAYS)."""
    ask, chart = Remembering(world.clients[member]), read_chart(CHART)

    first, last = (ms // limits.DAY_MS for ms in (world.genesis.created_ms, world.clock.now_ms))

    def accrue(name: str, agreement: Any, day: int) -> Any:
        return accrued(ask, name, agreement, day)[1] if day > last - ACCRUED_DAYS else []

    vouchers, by_hand = journal(gather(ask, member), chart, first, last + 1, accrue)
    return Books(member, chart, vouchers, by_hand)


def _comparison(play: Play) -> Comparison:
    """By the lease's tariff, for half, all and double of what such a line makes in a month of one shift."""
    usual = RATE_PER_HOUR * 8 * 22
    spoken = {element.clause for element in play.sheet.tariff.elements if isinstance(element, Usage)}
    scenarios = (("半班", usual // 2), ("一班", usual), ("两班", usual * 2)) if spoken else (("一班", usual),)
    case = Case(
        tariff=play.sheet.tariff,
        day=play.log.report.first_ms // limits.DAY_MS,
        price_minor=minor_units(play, PRICE),
        residual_minor=minor_units(play, RESIDUAL),
        life_months=LIFE_MONTHS,
        interest_bp=INTEREST_BP,
        pieces_per_hour=RATE_PER_HOUR,
        energy_wh_an_hour=0,
        upkeep_minor=minor_units(play, UPKEEP),
        crew_minor=0,
        energy_minor=0,
        lease_with_crew=True,
        lease_with_energy=True,
        scenarios=tuple(Scenario(name, pieces) for name, pieces in scenarios),
    )
    return Comparison(case, break_evens(case))
