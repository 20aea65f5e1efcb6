"""The business around the month: offered, leased, sublet, disputed, paid; and what readers are told."""

import zipfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import pytest
from openpyxl import load_workbook

from hansa.apps.billing.elements import Minimum
from hansa.apps.billing.elements_trade import Availability
from hansa.apps.billing.messages import Statement
from hansa.apps.billing.messages_life import Life
from hansa.apps.leasing.messages import Lease
from hansa.apps.leasing.messages_told import Chain
from hansa.apps.money.conservation import Breach
from hansa.apps.money.queries import ListedFund, ListedObligation
from hansa.client.bundle import Bundle
from hansa.client.evidence import gather
from hansa.client.pay.camt import read_camt
from hansa.client.verify import check_bundle
from hansa.client.verify_deal import Signed, _lease
from hansa.client.what_if import under_tariff
from hansa.console.report import business as page
from hansa.kernel import digest, encode, replace
from hansa.simulation import demo as plays
from hansa.simulation.packaging_line import BROKEN_FROM, BROKEN_TO, instant_ms
from hansa.simulation.play import LEASE, SUBLEASE
from hansa.simulation.story_downtime import HALT
from hansa.simulation.story_market import RESERVE_E8
from tests.client.test_verify import checker

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
SERVICE_HOURS = 16
"""A day, by the windows that the tariff's credit names: 07:00 to 23:00."""


def ask(month: plays.Demo, name: str, kind: Any, **arguments: Any) -> Any:
    return month.world.clients["plant"].query(name, kind, **arguments)


def test_nothing_of_the_story_was_left_out(month: plays.Demo) -> None:
    assert [step.text.en for step in month.settled.steps if step.why is not None] == []
    assert month.settled.leased
    assert month.settled.sublet


def test_both_leases_are_closed_and_nothing_is_open(month: plays.Demo) -> None:
    for name in (LEASE, SUBLEASE):
        assert ask(month, "leasing.lease_of", Lease, lease=name).state == "closed"
        owed = ask(month, "money.of_subject", list[ListedObligation], subject=name)
        assert {each.obligation.state for each in owed} == {"paid"}
    assert ask(month, "money.conservation", list[Breach]) == []


def test_the_deposit_came_back_whole_and_the_prepayment_was_drawn(month: plays.Demo) -> None:
    funds = ask(month, "money.funds_of", list[ListedFund], member="plant")
    by_kind = {each.fund.kind: each.fund for each in funds}
    deposit, prepayment = by_kind["security_deposit"], by_kind["prepayment"]
    assert (deposit.returned_minor, deposit.drawn_minor) == (deposit.agreed_minor, 0)
    assert prepayment.drawn_minor == prepayment.agreed_minor


def test_every_payment_was_found_on_the_bank_statements_and_the_stray_line_was_not(month: plays.Demo) -> None:
    for file in month.settled.bank_files:
        outcomes = [each.outcome for each in file.found.found]
        assert outcomes == ["certain"] * (len(outcomes) - 1) + ["unmatched"]
        lines = read_camt(file.file.read_bytes(), file.file.name)
        assert [line.entry for line in lines] == [each.line.entry for each in file.found.found]


def test_what_both_leases_counted_adds_up_to_the_counters(month: plays.Demo) -> None:
    head = ask(month, "leasing.lease_of", Lease, lease=LEASE)
    chain = ask(
        month,
        "leasing.chain_of",
        Chain,
        asset_owner="maker",
        asset=head.terms.asset,
        from_ms=head.terms.from_ms,
        to_ms=head.terms.to_ms,
    )
    feeds = {binding.meter: binding.feed for binding in head.terms.meters}
    assert chain.meters
    for meter in chain.meters:
        own = [each.own for each in chain.counted if feeds[each.meter] == meter.feed]
        assert sum(own) + meter.outside == meter.counted
    sublet = [each for each in chain.counted if each.lease == SUBLEASE and each.meter == "pieces_good"]
    assert sublet[0].counted > 0


def test_the_sublease_stands_up_offline_by_the_contract_that_both_signed(month: plays.Demo) -> None:
    genesis = month.world.genesis_file.read_bytes()
    (stated,) = ask(month, "billing.statements_of", list[Statement], agreement=SUBLEASE)
    bundle = gather(month.world.clients["dairy"], SUBLEASE, stated.period.from_ms, {})
    report = check_bundle(encode(bundle), genesis)
    assert report.ok
    assert report.closed[0].totals.lines == stated.lines
    assert checker.check(encode(bundle), genesis).startswith("HOLDS")


def test_the_second_checker_finds_that_the_lease_holds(month: plays.Demo) -> None:
    """The bundle of the head lease, with its contract, a claim and its contest."""
    told = checker.check(encode(month.bundle), month.world.genesis_file.read_bytes())
    assert told.startswith("HOLDS")


def longer(bundle: Bundle) -> Bundle:
    assert bundle.contract is not None
    terms = replace(bundle.contract.terms, to_ms=bundle.contract.terms.to_ms + 1)
    return replace(bundle, contract=replace(bundle.contract, terms=terms))


def reworded(bundle: Bundle) -> Bundle:
    assert bundle.contract is not None
    return replace(bundle, contract=replace(bundle.contract, en=bundle.contract.en + " "))


def without(bundle: Bundle) -> Bundle:
    return replace(bundle, contract=None)


def unsigned(bundle: Bundle) -> Bundle:
    """Without the transaction by which the lessee signed, and its event."""
    place = next(
        at
        for at, each in enumerate(bundle.transactions)
        if b"leasing.sign" in each.transaction.item and b'"member":"plant"' in each.transaction.item
    )
    gone = bundle.transactions[place].transaction
    left = tuple(each for at, each in enumerate(bundle.transactions) if at != place)
    events = tuple(
        event
        for event in bundle.events
        if not (event.block.height == gone.block.height and b'"leasing.signed"' in event.item)
    )
    return replace(bundle, transactions=left, events=events)


@pytest.mark.parametrize("forge", [longer, reworded, without, unsigned])
def test_a_contract_that_was_not_signed_so_is_noticed(
    month: plays.Demo, forge: Callable[[Bundle], Bundle]
) -> None:
    forged, genesis = encode(forge(month.bundle)), month.world.genesis_file.read_bytes()
    with pytest.raises(checker.Broken):
        checker.check(forged, genesis)
    report = check_bundle(forged, genesis)
    assert not report.ok
    assert "terms" in [check.name for check in report.checks if not check.ok]


def test_the_disputed_stop_counts_for_nothing_and_is_listed_with_what_it_would_change(
    month: plays.Demo,
) -> None:
    (claim,) = month.statements[-1].claims
    assert claim.contested
    assert (claim.claim, claim.by, claim.liable) == (HALT, "plant", "provider")
    assert claim.change_minor == credit_minor(month, 0) - credit_minor(month, claim.to_ms - claim.from_ms)
    assert claim.change_minor < 0


def credit_minor(month: plays.Demo, more_ms: int) -> int:
    """September's availability credit by the words of the tariff, had the maker answered for more."""
    tariff, stated = month.play.sheet.tariff, month.statements[-1]
    (element,) = [each for each in tariff.elements if isinstance(each, Availability)]
    down_ms = more_ms + sum(stop.stopped_ms for stop in stated.stops if stop.liable == "provider")
    days = (stated.period.to_ms - stated.period.from_ms) // DAY_MS
    planned_ms = days * SERVICE_HOURS * HOUR_MS
    missed = [
        band.credit_bp
        for band in element.bands
        if (planned_ms - down_ms) * 10_000 < band.below_bp * planned_ms
    ]
    base_minor = sum(
        line.net_minor for line in stated.lines if line.clause in element.of and line.kind != "correction"
    )
    return round(Fraction(base_minor * max(missed, default=0), 10_000))


def test_what_the_maker_admitted_of_the_breakdown_lowers_the_statement(month: plays.Demo) -> None:
    """Two thirds of the stop that the log shows; the plant withdrew its own claim."""
    stated = month.statements[-1]
    (stop,) = [each for each in stated.stops if each.liable == "provider"]
    whole_ms = instant_ms(BROKEN_TO) - instant_ms(BROKEN_FROM)
    assert (stop.reason, stop.stopped_ms) == ("drive_fault", whole_ms * 2 // 3)
    (line,) = [each for each in stated.lines if each.kind == "availability"]
    assert -line.net_minor == credit_minor(month, 0) > 0


def test_the_same_months_under_the_same_tariff_come_to_the_same_with_their_claims(
    month: plays.Demo,
) -> None:
    compared = under_tariff(month.report, month.folder / "tariff.json")
    stated, other = (
        [closed.totals.net_minor for closed in each] for each in (compared.stated, compared.other)
    )
    assert stated == other


def test_august_has_no_stop_at_the_makers_charge_and_no_credit(month: plays.Demo) -> None:
    august = month.statements[0]
    assert [each for each in august.stops if each.liable == "provider"] == []
    assert [line.net_minor for line in august.lines if line.kind == "availability"] == [0]


def test_august_is_confirmed_and_paid_before_september_is_stated(month: plays.Demo) -> None:
    lives = [
        ask(month, "billing.life_of", Life, agreement=LEASE, period_ms=each.period.from_ms)
        for each in month.statements
    ]
    assert lives[0].settled_ms < month.statements[1].closed_ms
    numbers = [life.invoice.number for life in lives if life.invoice]
    assert len(set(numbers)) == 2


def test_what_was_accrued_at_the_ends_of_months_is_what_was_then_stated(month: plays.Demo) -> None:
    """Both know what came until the cut-off: August without its late day, September with it."""
    for accrual, stated in zip(month.settled.accruals, month.statements, strict=True):
        assert accrual.day == stated.period.last_day
        assert sum(each.net_minor for each in accrual.found) == stated.net_minor


def test_the_journal_accrues_what_the_report_says(month: plays.Demo) -> None:
    grid = section_of(month.business.books, "Journal").grids[0]
    rows = [row for row in grid.rows if str(row[1]).startswith(f"A-{LEASE}")]
    debits = [row[-3] for row in rows if row[-3] is not None]
    accrued = [sum(each.net_minor for each in accrual.found) for accrual in month.settled.accruals]
    assert debits == accrued


def test_the_files_of_the_readers_are_there_and_whole(month: plays.Demo) -> None:
    folder = month.folder
    for name in ("contract-lease-1.html", "statement-lease-1-1.zh.html", "statement-sublease-1-1.en.html"):
        assert "</html>" in (folder / name).read_text("utf-8")
    assert (folder / "statement-lease-1-1.pdf").read_bytes().startswith(b"%PDF")
    assert zipfile.is_zipfile(folder / "lease-or-buy.xlsx")
    assert list((folder / "payments").glob("*.pain.001.xml"))


@pytest.mark.parametrize("member", ["maker", "plant"])
def test_the_journal_balances(month: plays.Demo, member: str) -> None:
    sheet = load_workbook(month.folder / f"journal-{member}.xlsx").worksheets[0]
    heads = {cell.value: at for at, cell in enumerate(sheet[1])}
    debit, credit = heads["借方金额"], heads["贷方金额"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    debits = sum(round((row[debit] or 0) * 100) for row in rows)
    assert debits == sum(round((row[credit] or 0) * 100) for row in rows)
    assert debits > 0


def cells(sections: Sequence[page.Section]) -> list[tuple[page.Cell, ...]]:
    return [row for section in sections for each in section.grids for row in each.rows]


def test_the_report_tells_each_reader_what_happened(month: plays.Demo) -> None:
    told = month.business
    obligations = ask(month, "money.of_subject", list[ListedObligation], subject=LEASE)
    references = [row[0] for row in cells(told.bank)]
    assert all(each.obligation.reference in references for each in obligations)
    (steps,) = [each for each in told.sales if each.title.en == "Step by step"]
    assert len(cells([steps])) == len(month.settled.steps)
    assert any("lease-1" in str(bar.text.en) for lane in _lanes(told.sales) for bar in lane.bars)
    adds_up = [row[-1] for row in cells(told.books) if isinstance(row[-1], page.Label)]
    assert "does not" not in [each.en for each in adds_up]
    assert "adds up" in [each.en for each in adds_up]


def section_of(sections: Sequence[page.Section], title: str) -> page.Section:
    (found,) = [each for each in sections if each.title.en.startswith(title)]
    return found


def money_of(grid: page.Grid, name: str) -> list[int]:
    """The amounts of a column, without the sums."""
    (place,) = [place for place, column in enumerate(grid.columns) if column.name.en == name]
    return [cell for row in grid.rows if isinstance(cell := row[place], int)]


def test_a_prepayment_that_statements_used_is_not_called_returned(month: plays.Demo) -> None:
    (grid,) = section_of(month.business.bank, "Security deposit").grids
    states = {row[0].en: row[-1].en for row in grid.rows if isinstance(row[0], page.Label)}  # type: ignore[union-attr]
    assert states == {"prepayment": "used up", "security deposit": "returned"}


def test_a_week_is_sublet_at_a_weeks_share_of_the_months_minimum(month: plays.Demo) -> None:
    (stated,) = ask(month, "billing.statements_of", list[Statement], agreement=SUBLEASE)
    sheet = month.play.sheet.tariff
    (minimum,) = [each for each in sheet.elements if isinstance(each, Minimum)]
    (lifted,) = [line for line in stated.lines if line.kind == "minimum"]
    own = sum(line.net_minor for line in stated.lines if line.clause in minimum.of)
    assert own + lifted.net_minor == max(own, minimum.amount_minor * 7 // 30)
    assert own < minimum.amount_minor


def test_the_bank_reads_what_of_each_item_the_prepayment_paid_and_what_the_bank(month: plays.Demo) -> None:
    (grid,) = section_of(month.business.bank, "What was owed").grids
    drawn, paid = money_of(grid, "From prepayment"), money_of(grid, "By bank")
    funds = ask(month, "money.funds_of", list[ListedFund], member="plant")
    assert sum(drawn) == sum(each.fund.drawn_minor for each in funds)
    assert sum(drawn) + sum(paid) == sum(money_of(grid, "Amount"))
    (orders,) = section_of(month.business.bank, "Payment orders").grids
    assert sum(money_of(orders, "Amount")) == sum(paid)
    for row in orders.rows:
        assert (month.folder / str(row[0])).is_file()


def test_the_accountant_reads_which_lines_are_late_and_what_they_come_to(month: plays.Demo) -> None:
    (grid,) = section_of(month.business.books, "Readings that came late").grids
    late = [line for line in month.statements[-1].lines if line.kind == "correction"]
    assert money_of(grid, "Net") == [line.net_minor for line in late]
    assert grid.foot[0][-1] == sum(line.gross_minor for line in late)


def test_the_accountant_reads_the_stops_and_what_the_contested_one_would_change(month: plays.Demo) -> None:
    section = section_of(month.business.books, "Stops")
    claims, causes = section.grids
    assert money_of(claims, "Would change, net") == [month.statements[-1].claims[0].change_minor]
    assert len(claims.rows) == 2
    assert len(causes.rows) >= sum(len(stated.stops) for stated in month.statements)
    said = " ".join(text.en for text in section.paragraphs)
    assert f"{-credit_minor(month, 0) / 100:,.2f}".replace("-", "−") in said
    down_ms = sum(stop.stopped_ms for stop in month.statements[-1].stops if stop.liable == "provider")
    planned_ms = 30 * SERVICE_HOURS * HOUR_MS
    assert f"{(planned_ms - down_ms) * 100 / planned_ms:.2f} % were reached" in said


def test_the_journal_on_the_page_is_that_of_the_books_and_ends_with_its_sums(month: plays.Demo) -> None:
    for grid in section_of(month.business.books, "Journal").grids:
        debit, credit = sum(money_of(grid, "Debit")), sum(money_of(grid, "Credit"))
        assert debit == credit == grid.foot[0][-3] == grid.foot[0][-2]


def test_each_statement_and_lease_stands_beside_its_paper(month: plays.Demo) -> None:
    grid = section_of(month.business.books, "What became of each").grids[0]
    assert [row[-1] for row in grid.rows] == [
        "statement-lease-1-1.pdf", "statement-lease-1-2.pdf", "statement-sublease-1-1.pdf"
    ]  # fmt: skip
    (leases,) = section_of(month.business.sales, "Calendar").grids
    assert [row[-2] for row in leases.rows] == [f"contract-{name}.html" for name in (LEASE, SUBLEASE)]


def test_every_file_that_the_report_names_is_there(month: plays.Demo) -> None:
    (grid,) = section_of(month.business.books, "Files").grids
    named = {str(row[0]) for row in grid.rows}
    assert all((month.folder / name).is_file() for name in named)
    made = {path.name for path in month.folder.glob("*.*") if path.suffix in (".html", ".pdf", ".xlsx")}
    assert made - {"report.html"} <= named


def _lanes(sections: Sequence[page.Section]) -> list[page.Lane]:
    return [lane for section in sections if section.timetable for lane in section.timetable.lanes]


def test_the_reserve_price_is_nowhere_on_the_ledger(month: plays.Demo) -> None:
    price = str(RESERVE_E8).encode()
    (kept,) = month.folder.rglob("reserve.json")
    assert price in kept.read_bytes()
    for height in range(1, month.bundle.head.header.height + 1):
        block = month.world.stage.block(height)
        assert all(price not in wire for wire in block.wires)


def test_an_agreement_other_than_its_contract_is_noticed_though_both_signed(month: plays.Demo) -> None:
    """What a node could show that wrote an agreement of its own beside the contract."""
    contract, deal = longer(month.bundle).contract, month.report.deal
    assert contract is not None
    assert deal is not None
    agreement = replace(deal.agreement, signed=digest(contract))
    signed = Signed(signatures={(LEASE, member): digest(contract) for member in ("maker", "plant")})
    assert list(_lease(LEASE, agreement, signed, contract)) == [
        f"agreement {LEASE} is not what the contract says"
    ]
    as_signed = replace(agreement, to_ms=agreement.to_ms + 1)
    assert list(_lease(LEASE, as_signed, signed, contract)) == []
    lone = Signed(signatures={(LEASE, "maker"): digest(contract)})
    assert list(_lease(LEASE, as_signed, lone, contract)) == [
        f"plant did not sign the contract of lease {LEASE}"
    ]
    ended = replace(as_signed, state="withdrawn")
    assert list(_lease(LEASE, ended, signed, contract)) == [f"agreement {LEASE} does not stand"]
