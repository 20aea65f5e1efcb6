"""Accruals (暂估): what has been used and is not billed yet, as of any date. Pure; off the ledger.

What lay on the ledger at the date decides, and nothing that came later, so the accrual of a month that is
over does not change (docs/bookkeeping-rules.md). A period that runs, or waits to be closed, is rated as if
the agreement ended at the date: with the records and claims that came by the date plus the cut-off, and the
published prices that count then (E10, E11), just as its statement would be. A statement counts until both
parties confirmed it; of a confirmed one, what waits for the end of a dispute; words, corrections and payments
by when they were said.
What late records change in closed periods counts until a statement corrects it, and so does interest until it
is charged. What of all this is recognised is for the accountant to say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from hansa.apps.billing import lifecycle
from hansa.apps.billing.booking import NEVER_MS
from hansa.apps.billing.carrying import NOTHING, Carry, carries, carry_after
from hansa.apps.billing.deal import Deal, periods
from hansa.apps.billing.interest import Charge, bears, charge_lines, is_apart, sign_of
from hansa.apps.billing.lines import Line
from hansa.apps.billing.messages import Statement
from hansa.apps.billing.messages_life import Correction, Life, Part
from hansa.apps.billing.rating import RateTotal, close_statement
from hansa.apps.billing.recompute import MeterBook, meter_books
from hansa.apps.billing.settling import Claims, Past, correct_earlier, know, rate_known
from hansa.apps.consortium.calendars import Period
from hansa.apps.metering.chain import Point
from hansa.kernel import Integer, Struct, replace

Reason = Literal["running", "to_close", "unconfirmed", "disputed", "correction", "interest"]
"""Why it is not billed yet: the period runs, waits to be closed, its statement is not confirmed, lines of it
wait for the end of a dispute, a closed period comes to something else by now, interest is not charged yet.
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


class Payment(NamedTuple):
    """What was paid of an obligation."""

    amount_minor: int
    value_ms: int
    recorded_ms: int


class Apart(NamedTuple):
    """Interest that was owed by itself, for a period's debts; positive: by the user."""

    since_ms: int
    interest_minor: int


@dataclass(frozen=True)
class Book:
    """What the ledger says of an agreement, as its queries answer."""

    deal: Deal
    points: Mapping[str, Sequence[Point]]
    """All records of each feed, by the names of `deal.bound`."""
    received: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """When each of `points` came to lie on the ledger; none, or 0: it lay there always."""
    statements: Sequence[Statement] = ()
    """All of them, oldest first."""
    lives: Mapping[int, Life] = field(default_factory=dict)
    corrections: Mapping[int, Sequence[Correction]] = field(default_factory=dict)
    claims: Mapping[int, Claims] = field(default_factory=dict)
    """These by start of period."""
    late_ms: int = NEVER_MS
    """Since when closed periods may come to something else (`late_of`)."""
    payments: Mapping[str, Sequence[Payment]] = field(default_factory=dict)
    """Of late debts, by obligation."""
    apart: Mapping[int, Sequence[Apart]] = field(default_factory=dict)
    """Interest between the two that was owed by itself, by start of the period that it is for."""


def accrue(book: Book, at_ms: int) -> list[Accrued]:
    """What is not billed just before an instant, oldest first.

    Raises what rating raises, AmountTooLarge at least.
    """
    agreement = book.deal.agreement
    if at_ms <= agreement.from_ms:
        return []
    until_ms = min(at_ms, agreement.to_ms)
    # As if it ended there: so a period is cut, and a count that comes later is none of it (M17).
    of = book.deal
    deal = Deal(replace(agreement, to_ms=until_ms), of.tariff, of.calendar, of.feeds, of.prices)
    stated = {each.period.from_ms: each for each in book.statements if each.closed_ms < at_ms}
    open_periods = [period for period in periods(deal) if period.from_ms not in stated]
    waiting = [item for start, each in stated.items() for item in _unbilled(book, each, start, at_ms)]
    interest = _interest(book, deal, list(stated.values()), at_ms)
    return waiting + _open(book, deal, stated, open_periods, at_ms) + interest


def _unbilled(book: Book, statement: Statement, period_ms: int, at_ms: int) -> Iterator[Accrued]:
    """What of a statement nobody owes yet. Without terms of settlement it is billed once it stands."""
    life = book.lives.get(period_ms)
    if life is None:
        return
    left = _left(statement, book.corrections.get(period_ms, ()), at_ms)
    if not 0 < life.confirmed_ms < at_ms:
        yield _accrued("unconfirmed", statement.period, left)
        return
    standing = {line.number: line.gross_minor for line in left}
    waiting = lifecycle.left_out(standing, lifecycle.disputed_at(life, at_ms - 1))
    if waiting:
        yield _accrued("disputed", statement.period, [line for line in left if line.number in waiting])


def _left(statement: Statement, corrections: Sequence[Correction], at_ms: int) -> list[Line]:
    """Lines as the corrections in effect by then leave them."""
    lines = {line.number: line for line in statement.lines}
    for correction in corrections:
        for change in correction.lines if 0 < correction.effective_ms < at_ms else ():
            line = lines[change.line]
            lines[change.line] = replace(
                line,
                net_minor=line.net_minor + change.net_minor,
                tax_minor=line.tax_minor + change.tax_minor,
                gross_minor=line.gross_minor + change.gross_minor,
            )
    return list(lines.values())


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


def _open(
    book: Book, deal: Deal, stated: Mapping[int, Statement], open_periods: Sequence[Period], at_ms: int
) -> list[Accrued]:
    """Periods without a statement, and what the next one will correct."""
    statements = list(stated.values())
    known_ms = at_ms + deal.agreement.terms.cut_off_ms
    books, since_ms = _read(book, deal, statements, known_ms)
    elements, included = deal.tariff.elements, deal.tariff.tax_included
    carried: dict[int, Carry] = {}

    def carry_to(before_ms: int) -> tuple[int, Carry]:
        last_ms = max((at for at in carried if at < before_ms), default=0)
        return last_ms, carried.get(last_ms, NOTHING)

    def claims_of(of: Period) -> Claims:
        return claims_at(book.claims.get(of.from_ms, ()), known_ms)

    past = Past(lambda of: _billed(statements, of), claims_of, carry_to)
    closed_to_ms = open_periods[0].from_ms if open_periods else deal.agreement.to_ms
    # Where periods leave something to those after them, all are reckoned anew.
    since_ms = deal.agreement.from_ms if carries(elements) else min(since_ms, book.late_ms)
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
    return out


def _read(
    book: Book, deal: Deal, statements: Sequence[Statement], known_ms: int
) -> tuple[dict[str, MeterBook], int]:
    """Each meter's records that came before an instant; and since when closed periods may have changed."""
    closed_ms = statements[-1].closed_ms if statements else 0
    corrected_to_ms = statements[-1].corrected_to_ms if statements else 0
    books, since_ms = meter_books(deal), corrected_to_ms or NEVER_MS
    for meter, points in book.points.items():
        received = book.received.get(meter) or [0] * len(points)
        known = [(at, point) for at, point in zip(received, points, strict=True) if at < known_ms]
        books[meter].add([point for at, point in known if at < closed_ms])
        changed_ms = books[meter].add([point for at, point in known if at >= closed_ms])
        since_ms = min(since_ms, changed_ms) if statements else since_ms
    return books, since_ms


def claims_at(claims: Claims, at_ms: int) -> Claims:
    """Claims as they stood just before an instant."""
    return [
        (name, replace(claim, contested=claim.contested and claim.contested_ms < at_ms))
        for name, claim in claims
        if claim.made_ms < at_ms and not 0 < claim.withdrawn_ms < at_ms
    ]


def _interest(book: Book, deal: Deal, statements: Sequence[Statement], at_ms: int) -> list[Accrued]:
    """What debts bear by then and nothing charged: to the user, and by it."""
    agreement, settlement = book.deal.agreement, book.deal.agreement.terms.settlement
    if settlement is None:
        return []
    charged = [line for each in statements for line in each.lines if line.kind == "interest"]
    charges = []
    for statement in statements:
        period_ms = statement.period.from_ms
        life = book.lives.get(period_ms)
        whole_minor = days = 0
        for part in life.parts if life else ():
            if part.since_ms < at_ms and not is_apart(agreement, part):
                found = bears(agreement, settlement, *_debt(book, part, at_ms), at_ms)
                whole_minor += sign_of(agreement, part) * found.interest_minor
                days = max(days, found.days)
        of_period = [line for line in charged if line.corrects_from_ms == period_ms]
        own = [each.interest_minor for each in book.apart.get(period_ms, ()) if each.since_ms < at_ms]
        left_minor = whole_minor - sum(line.charged_minor for line in of_period) - sum(own)
        if left_minor:
            left_days = max(days - sum(line.quantity_base for line in of_period), 0)
            charges.append(Charge(period_ms, "", left_minor, left_days))
    last = periods(deal)[-1]
    lines = charge_lines(deal.tariff, settlement, charges, last)
    return [_taxed("interest", last, deal.tariff.tax_included, lines)] if lines else []


def _debt(book: Book, part: Part, at_ms: int) -> tuple[Part, list[tuple[int, int]]]:
    """A debt, and what was paid of it, as known just before an instant."""
    payments = book.payments.get(part.obligation, ())
    known = [(paid.amount_minor, paid.value_ms) for paid in payments if paid.recorded_ms < at_ms]
    return lifecycle.part_at(part, at_ms), known


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
