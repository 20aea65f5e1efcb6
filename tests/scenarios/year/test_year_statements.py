"""A year of three agreements and a sublease: each statement, debt and fund is what strangers work out.

A mill by the piece with a sublease, a steel works under the two-part tariff, compressed air; late records,
gaps, a reset, disputes, corrections, late and partial payments. Once on real logs, once on made-up twins.
"""

from independent.compare import check_falls, gaps_of_hansa, gaps_of_second

from hansa.apps.leasing.messages_told import Chain
from hansa.apps.money.conservation import Breach
from hansa.apps.money.queries import ListedReceipt
from hansa.client.evidence import gather
from hansa.client.verify import check_bundle
from hansa.kernel import encode
from tests.scenarios.year import tapes
from tests.scenarios.year.play import Year
from tests.scenarios.year.strangers import (
    Strangers,
    debts_here,
    funds_here,
    of_hansa,
    of_strangers,
    period_of,
    shares_of,
)


def test_each_statement_is_what_strangers_state(strangers: Strangers) -> None:
    assert len(strangers.stated) == sum(len(of.periods()) for of in strangers.agreements.values())
    for stated in strangers.stated:
        statement = stated.closed.statement
        of = strangers.agreements[statement.agreement]
        assert period_of(statement) in of.periods()
        assert of_hansa(statement) == of_strangers(stated.lines), (statement.agreement, statement.period)
        assert shares_of(statement) == stated.shares
        assert gaps_of_hansa(statement) == gaps_of_second(stated.metered, period_of(statement))
        check_falls(statement, stated.metered)
        assert statement.gross_minor == sum(line["gross_minor"] for line in stated.lines)
        assert stated.closed.at_ms == statement.period.to_ms + of.cut_off_ms


def test_each_debt_and_fund_is_what_strangers_say(year: Year, strangers: Strangers) -> None:
    """At each month's end, and when the year is over."""
    assert len(strangers.told) == len(year.looked) > 12
    for told in strangers.told:
        assert debts_here(year, told.looked, told.debts) == told.debts
        assert funds_here(year, told.looked) == told.funds


def test_each_receipt_is_applied_and_refunded_as_strangers_say(year: Year, strangers: Strangers) -> None:
    found = {}
    for member in year.town.node.genesis.members:
        listed = year.town.ask("money.receipts", list[ListedReceipt], creditor=member.id)
        for one in listed:
            receipt = one.receipt
            sums = (receipt.amount_minor, receipt.applied_minor, receipt.refunded_minor)
            found[member.id, one.entry] = sums
    assert found == {
        key: (one.amount, sum(one.pays.values()), one.refunded)
        for key, one in strangers.books.receipts.items()
    }
    assert any(refunded for *_, refunded in found.values())


def test_the_year_is_as_eventful_as_it_claims(year: Year, strangers: Strangers) -> None:
    """Else its equality would say little."""
    town = year.town
    lines = [(s.closed.agreement, line) for s in strangers.stated for line in s.lines]
    kinds = {(name, line["kind"]) for name, line in lines}
    for name in ("l-1", "e-1", "a-1"):
        assert {(name, "usage"), (name, "correction"), (name, "interest")} <= kinds
    assert {("s-1", "discount"), ("s-1", "interest"), ("a-1", "down_payment"), ("l-1", "minimum")} <= kinds
    shortfalls = [line["quantity"] for _, line in lines if line["kind"] == "take_or_pay"]
    assert min(shortfalls) < 0 < max(shortfalls)
    adjusted = {line["amount"] > 0 for _, line in lines if line["kind"] == "power_factor"}
    beyond = [line for name, line in lines if line["kind"] == "demand"]
    assert adjusted
    assert 12 < len(beyond) < 24
    assert year.machines.energy.rows[0][2] < tapes.HOUR or any(line.get("estimated") for line in beyond)
    statements = [s.closed.statement for s in strangers.stated]
    assert {gap.rule for s in statements for gap in s.gaps} == {
        "average_day",
        "counter_difference",
        "last_rate",
    }
    assert any(s.falls for s in statements)
    assert town.recorded["pieces"].lives
    lives = [town.life(s.agreement, s.period.from_ms) for s in statements]
    assert any(life.silent for life in lives)
    assert [life.disputes != () for life in lives].count(True) == 1
    assert any(life.corrected_gross_minor for life in lives)
    keys = {key[0] for key in strangers.books.owed}
    assert {"pay-in", "return", "refund", "interest"} <= keys
    parts = [one for key, one in strangers.books.owed.items() if key[0] in town.deals]
    assert any(one.back_of for one in parts)
    assert any(one.open for one in parts)
    assert town.ask("money.conservation", list[Breach]) == []
    held = funds_here(year, year.looked[-1])
    assert held["l-1:security_deposit"] == (600_000, 0, 600_000, 0, 0)
    assert held["a-1:prepayment"] == (1_500_000, 1_500_000, 0, 0, 0)


def test_no_piece_is_lost_and_none_rated_twice(year: Year) -> None:
    """What head lease and sublease counted, beside the meter."""
    deal = year.town.deals["l-1"]
    chain = year.town.ask(
        "leasing.chain_of",
        Chain,
        asset_owner="maker",
        asset="press-1",
        from_ms=deal.from_ms,
        to_ms=deal.to_ms + tapes.DAY,
    )
    counted = {each.lease: each for each in chain.counted}
    assert counted["s-1"].counted == counted["l-1"].sublet > 0
    assert counted["l-1"].own + counted["s-1"].own + chain.meters[0].outside == chain.meters[0].counted


def test_statements_of_the_year_stand_up_offline(year: Year, strangers: Strangers) -> None:
    """The last one of each agreement, with all that it corrects."""
    node = year.town.node
    last = {stated.closed.agreement: stated.closed.statement for stated in strangers.stated}
    for name, statement in last.items():
        bundle = gather(node.client("plant"), name, statement.period.from_ms, {})
        report = check_bundle(encode(bundle), encode(node.genesis))
        assert report.ok, [check for check in report.checks if not check.ok]
        assert report.closed[-1].totals.lines == statement.lines
