"""Accruals (暂估): what has been used and is not billed yet, as of any date. Pure; off the ledger.

A period that runs, or waits to be closed, is rated as if the agreement ended at the date, by all that is
known now. A statement counts until both parties confirmed it; of a confirmed one, what is still in dispute.
What late records change in closed periods counts until the next statement corrects it, and so does interest
that the next statement will charge. What of all this is recognised is for the accountant to say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hansa.apps.billing import lifecycle
from hansa.apps.billing.booking import NEVER_MS
from hansa.apps.billing.carrying import NOTHING, Carry, carries, carry_after
from hansa.apps.billing.deal import Deal, periods
from hansa.apps.billing.interest import charge_lines
from hansa.apps.billing.lines import Line
from hansa.apps.billing.messages import Statement
from hansa.apps.billing.messages_life import LateCharge, Life
from hansa.apps.billing.rating import RateTotal, close_statement
from hansa.apps.billing.recompute import meter_books
from hansa.apps.billing.settling import Claims, Past, correct_earlier, know, rate_known
from hansa.apps.consortium.calendars import Period
from hansa.apps.metering.chain import Point
from hansa.kernel import Integer, Struct, replace

Reason = Literal["running", "to_close", "unconfirmed", "disputed", "correction", "interest"]
"""Why it is not billed yet: the period runs, waits to be closed, its statement is not confirmed, lines of it
are disputed, a closed period comes to something else by now, interest waits for the next statement.
"""


class Accrued(Struct):
    """An amount to be accrued, with its lines; tax apart."""

    reason: Reason
    period: Period
    lines: tuple[Line, ...]
    by_rate: tuple[RateTotal, ...]
    net_minor: Integer
    tax_minor: Integer
    gross_minor: Integer


@dataclass(frozen=True)
class Book:
    """What the ledger says of an agreement, as its queries answer."""

    deal: Deal
    points: Mapping[str, Sequence[Point]]
    """All records of each feed, by the names of `deal.bound`."""
    statements: Sequence[Statement] = ()
    """All of them, oldest first."""
    lives: Mapping[int, Life] = field(default_factory=dict)
    claims: Mapping[int, Claims] = field(default_factory=dict)
    """By start of period."""
    late_ms: int = NEVER_MS
    """Since when closed periods may come to something else (`late_of`)."""
    charges: Sequence[tuple[int, str, LateCharge]] = ()
    """Interest that waits to be charged (`interest_due_of`)."""


def accrue(book: Book, at_ms: int) -> list[Accrued]:
    """What is not billed at an instant, oldest first. Raises what rating raises, AmountTooLarge at least."""
    agreement = book.deal.agreement
    if at_ms <= agreement.from_ms:
        return []
    until_ms = min(at_ms, agreement.to_ms)
    # As if it ended there: so a period is cut, and a count that comes later is none of it (M17).
    of = book.deal
    deal = Deal(replace(agreement, to_ms=until_ms), of.tariff, of.calendar, of.feeds, of.prices)
    stated = {each.period.from_ms: each for each in book.statements if each.period.to_ms <= until_ms}
    open_periods = [period for period in periods(deal) if period.from_ms not in stated]
    lives = book.lives
    waiting = [item for start, each in stated.items() for item in _unbilled(each, lives.get(start), at_ms)]
    return waiting + _open(book, deal, open_periods, at_ms)


def _unbilled(statement: Statement, life: Life | None, at_ms: int) -> Iterator[Accrued]:
    """What of a statement nobody owes yet. Without terms of settlement it is billed once it stands."""
    if life is None:
        return
    standing = {line.number: lifecycle.standing_minor(life, line) for line in statement.lines}
    if not 0 < life.confirmed_ms <= at_ms:
        yield _accrued("unconfirmed", statement.period, _left(statement, standing))
        return
    disputed = lifecycle.disputed_lines(life)
    if disputed:
        lines = [line for line in _left(statement, standing) if line.number in disputed]
        yield _accrued("disputed", statement.period, lines)


def _left(statement: Statement, standing: Mapping[int, int]) -> list[Line]:
    """Lines as effective corrections leave them: their tax in proportion."""
    out = []
    for line in statement.lines:
        gross_minor = standing[line.number]
        tax_minor = line.tax_minor
        if gross_minor != line.gross_minor:
            taken = lifecycle.correction_line(line, None, abs(line.gross_minor - gross_minor))
            tax_minor = line.tax_minor + taken.tax_minor
        net_minor = gross_minor - tax_minor
        out.append(replace(line, gross_minor=gross_minor, tax_minor=tax_minor, net_minor=net_minor))
    return out


def _accrued(reason: Reason, period: Period, lines: Sequence[Line]) -> Accrued:
    """Lines whose tax is known already."""
    rates = dict.fromkeys(sorted((line.tax_rate_bp for line in lines), reverse=True))
    by_rate = tuple(
        RateTotal(rate, *_sums([line for line in lines if line.tax_rate_bp == rate])) for rate in rates
    )
    return Accrued(reason, period, tuple(lines), by_rate, *_sums(lines))


def _sums(lines: Sequence[Line]) -> tuple[int, int, int]:
    return (
        sum(line.net_minor for line in lines),
        sum(line.tax_minor for line in lines),
        sum(line.gross_minor for line in lines),
    )


def _open(book: Book, deal: Deal, open_periods: Sequence[Period], at_ms: int) -> list[Accrued]:
    """Periods without a statement, corrections and interest that the next one will carry."""
    books = meter_books(deal)
    for meter, points in book.points.items():
        books[meter].add(points)
    elements, included = deal.tariff.elements, deal.tariff.tax_included
    carried: dict[int, Carry] = {}

    def carry_to(before_ms: int) -> tuple[int, Carry]:
        last_ms = max((at for at in carried if at < before_ms), default=0)
        return last_ms, carried.get(last_ms, NOTHING)

    past = Past(lambda of: _billed(book.statements, of), lambda of: book.claims.get(of.from_ms, ()), carry_to)
    closed_to_ms = open_periods[0].from_ms if open_periods else deal.agreement.to_ms
    # Where periods leave something to those after them, all are reckoned anew.
    since_ms = deal.agreement.from_ms if carries(elements) else book.late_ms
    earlier = correct_earlier(deal, books, past, since_ms, closed_to_ms)
    carried |= earlier.carried
    out = [_taxed("correction", of, included, lines) for of, lines in earlier.found]
    for period in open_periods:
        carry = carry_to(period.from_ms)[1]
        lines = rate_known(deal, know(deal, books, period, past.claims(period)), carry)
        if carries(elements):
            carried[period.from_ms] = carry_after(elements, carry, lines)
        reason: Reason = "running" if at_ms < period.full_to_ms else "to_close"
        out.append(_taxed(reason, period, included, lines))
    last = periods(deal)[-1]
    interest = charge_lines(deal.tariff, deal.agreement.terms.settlement, book.charges, last)
    return [*out, _taxed("interest", last, included, interest)] if interest else out


def _billed(statements: Sequence[Statement], period: Period) -> list[Line]:
    """Every line that statements carry for a closed period: its own, and corrections of it."""
    return [
        line
        for statement in statements
        for line in statement.lines
        if line.kind != "interest" and (line.corrects_from_ms or statement.period.from_ms) == period.from_ms
    ]


def _taxed(reason: Reason, period: Period, tax_included: bool, lines: Sequence[Line]) -> Accrued:
    totals = close_statement(tax_included, lines)
    return Accrued(
        reason,
        period,
        totals.lines,
        totals.by_rate,
        totals.net_minor,
        totals.tax_minor,
        totals.gross_minor,
    )
