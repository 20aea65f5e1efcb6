"""The year's books: what is accrued at each month's end, and every journal line of every company, is what
strangers work out by docs/bookkeeping-rules.md; and the journals balance.
"""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import pytest
from independent.journal import Entry, Voucher, accrual_vouchers
from independent.journal import journal as strangers_journal
from independent.told import chart_of

from hansa.apps.billing.accrual import Accrued
from hansa.apps.billing.messages import Agreement
from hansa.client.journal import Voucher as HansaVoucher
from hansa.client.journal import difference_minor
from hansa.client.journal_accounts import CHARTS, read_chart
from tests.scenarios.year.ledgers import Asks, Ledgers
from tests.scenarios.year.play import Year
from tests.scenarios.year.strangers import MonthEnd, Strangers, split_of
from tests.scenarios.year.tapes import DAY

MEMBERS = ("maker", "plant", "grid", "toolmaker", "second")


@pytest.fixture(scope="session")
def ledgers(year: Year) -> Ledgers:
    return Ledgers(year.town, Asks(year.town))


def items_here(found: list[Accrued]) -> list[Any]:
    """Line by line; of interest, which period it is of is not told."""
    return [
        (
            each.reason,
            0 if each.reason == "interest" else each.period.from_ms,
            [
                (line.kind, Fraction(line.tax_rate_bp, 100), line.net_minor, line.tax_minor, line.gross_minor)
                for line in each.lines
            ]
            if each.reason != "interest"
            else each.net_minor,
        )
        for each in found
    ]


def items_there(end: MonthEnd) -> list[Any]:
    return [
        (
            item.reason,
            item.period_ms,
            [(line["kind"], line["percent"], line["net"], line["tax"], line["gross"]) for line in item.lines]
            if item.reason != "interest"
            else sum(line["net"] for line in item.lines),
        )
        for item in end.items
    ]


def test_each_accrual_at_a_months_end_is_what_strangers_say(ledgers: Ledgers, strangers: Strangers) -> None:
    assert len(strangers.accrued) > 4 * 12
    reasons: Counter[str] = Counter()
    for end in strangers.accrued:
        agreement = ledgers.asks.one("billing.agreement_of", Agreement, agreement=end.agreement)
        found = ledgers.accrue(end.agreement, agreement, end.day)
        assert items_here(found) == items_there(end), (end.agreement, end.day)
        reasons.update(each.reason for each in found)
    assert min(reasons[name] for name in ("to_close", "disputed", "correction", "interest")) > 0


def plain(member: str, voucher: HansaVoucher) -> Voucher:
    entries = tuple(
        Entry(
            entry.role,
            entry.debit_minor,
            entry.credit_minor,
            Fraction(entry.tax_rate_bp, 100) if entry.tax_rate_bp >= 0 else None,
        )
        for entry in voucher.entries
    )
    return Voucher(member, voucher.day, voucher.partner, voucher.agreement, voucher.currency, entries)


def lines(vouchers: Iterable[Voucher]) -> Counter[Any]:
    """All journal lines; entries of one voucher on one account, of one rate, as one."""
    found: Counter[Any] = Counter()
    for voucher in vouchers:
        sums: dict[tuple[str, Any], tuple[int, int]] = {}
        for entry in voucher.entries:
            debit, credit = sums.get((entry.role, entry.percent), (0, 0))
            sums[entry.role, entry.percent] = debit + entry.debit, credit + entry.credit
        found.update((*voucher[:5], *account, *amounts) for account, amounts in sums.items())
    return found


@pytest.mark.parametrize("chart", CHARTS)
def test_each_journal_line_of_each_company_is_what_strangers_book(
    year: Year, ledgers: Ledgers, strangers: Strangers, chart: str
) -> None:
    last_day = year.looked[-1].at_ms // DAY
    mapping = chart_of(read_chart(chart))
    theirs = strangers_journal(strangers.books, mapping)
    for end in strangers.accrued:
        of = strangers.books.agreements[end.agreement]
        split = split_of(strangers.agreements[end.agreement])
        theirs += accrual_vouchers(of, end.day, end.items, mapping, split)
    for member in MEMBERS:
        found, by_hand = ledgers.vouchers(member, chart, last_day)
        own = [voucher for voucher in theirs if voucher.member == member and voucher.day <= last_day]
        assert lines(plain(member, voucher) for voucher in found) == lines(own)
        assert [difference_minor(voucher) for voucher in found] == [0] * len(found)
        assert len(found) > 10
        # Only what is in dispute is left to the accountant.
        assert all("e-1" in row for row in by_hand)
