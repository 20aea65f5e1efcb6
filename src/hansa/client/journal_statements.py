"""Vouchers of statements: docs/bookkeeping-rules.md, B1–B9. Pure: see journal.py."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hansa.apps.billing.lifecycle import Leg, allot, disputed_at, legs
from hansa.apps.billing.messages import Agreement, Statement
from hansa.apps.billing.messages_life import Correction, Life
from hansa.apps.consortium.calendars import Calendar, date_text
from hansa.client.journal import Draft, Entry, Voucher
from hansa.client.journal_accounts import Chart
from hansa.client.journal_money import local_date
from hansa.client.texts import Text


@dataclass(frozen=True)
class Stated:
    """A statement with what became of it."""

    name: str
    agreement: Agreement
    calendar: Calendar
    statement: Statement
    life: Life | None = None
    corrections: Sequence[Correction] = ()

    @property
    def booked_ms(self) -> int:
        """When it is booked; 0: not yet."""
        return self.life.confirmed_ms if self.life is not None else self.statement.closed_ms


class Part(NamedTuple):
    """Amounts of one tax rate, of service or of interest."""

    interest: bool
    rate_bp: int
    net_minor: int
    tax_minor: int
    released_minor: int
    """Of the tax: what counts with the tax office by then (`tax_at` of the chart)."""


class Moment(NamedTuple):
    """An instant at which what is booked of a statement changes."""

    at_ms: int
    mark: str
    """How its voucher's number begins."""
    text: Text


def statement_vouchers(member: str, stated: Stated, chart: Chart) -> Iterator[Voucher]:
    """Of all that becomes of a statement, from the member's view; none if it has no part in it.

    What is booked after each moment less what was booked before it: so what comes later changes no voucher.
    """
    among = legs(stated.statement)
    for number, leg in enumerate(among):
        if member not in (leg.debtor, leg.creditor):
            continue
        provides = member == leg.creditor
        before: dict[tuple[bool, int], Part] = {}
        for moment in _moments(stated, chart, number, provides=provides):
            sums = by_rate(_parts(stated, chart, moment.at_ms, number, provides=provides))
            after = {(part.interest, part.rate_bp): part for part in _of_leg(stated, sums, among, number)}
            entries = service_entries(_changes(before, after), provides=provides)
            before = after
            if entries:
                whole = f"{stated.name}/{date_text(stated.statement.period.first_day)}"
                yield Voucher(
                    number=f"{moment.mark}-{whole}-{number}",
                    day=local_date(stated.calendar, chart, moment.at_ms),
                    currency=stated.statement.currency,
                    text=moment.text,
                    partner=leg.debtor if provides else leg.creditor,
                    agreement=stated.name,
                    document=whole,
                    entries=entries,
                )


def _moments(stated: Stated, chart: Chart, leg: int, *, provides: bool) -> list[Moment]:
    """In order of time. What came before the statement was confirmed is booked with it."""
    if not stated.booked_ms:
        return []
    life = stated.life
    title = f"{stated.name} {date_text(stated.statement.period.first_day)}"
    found = [Moment(stated.booked_ms, "S", Text(f"结算单 {title}", f"Settlement statement {title}"))]
    for number, correction in enumerate(stated.corrections, 1):
        zh = f"结算单更正 {title} 第 {number} 次 {correction.red_letter}".strip()
        en = f"Correction {number} of statement {title} {correction.red_letter}".strip()
        found.append(Moment(correction.effective_ms, f"C{number}", Text(zh, en)))
    for number, dispute in enumerate(life.ended if life else (), 1):
        zh, en = f"结算单 {title} 异议了结", f"Settlement statement {title}, dispute over"
        found.append(Moment(dispute.ended_ms, f"D{number}", Text(zh, en)))
    if life is not None and life.invoice is not None:
        paper = life.invoice.number
        zh, en = f"结算单 {title} 发票 {paper}", f"Settlement statement {title}, invoice {paper}"
        found.append(Moment(life.invoice_ms, "I", Text(zh, en)))
    due_ms = _due_ms(stated, leg) if provides and chart.tax_at == "invoice" else 0
    if due_ms:
        zh, en = f"结算单 {title} 到期，纳税义务发生", f"Settlement statement {title} is due: tax point"
        found.append(Moment(due_ms, "V", Text(zh, en)))
    return [found[0], *sorted(moment for moment in found[1:] if moment.at_ms > stated.booked_ms)]


def _due_ms(stated: Stated, leg: int) -> int:
    """When the first of what a leg led to is due; 0: nothing is owed yet."""
    parts = stated.life.parts if stated.life else ()
    # A later one changes no voucher of before, though its due time may lie there.
    return next((part.due_ms for part in parts if part.leg == leg and not part.back_of), 0)


def _parts(stated: Stated, chart: Chart, at_ms: int, leg: int, *, provides: bool) -> list[Part]:
    """What is booked of each line from an instant on."""
    life, lines = stated.life, stated.statement.lines
    standing = {line.number: (line.net_minor, line.tax_minor) for line in lines}
    for correction in stated.corrections:
        for change in correction.lines if 0 < correction.effective_ms <= at_ms else ():
            net_minor, tax_minor = standing[change.line]
            standing[change.line] = (net_minor + change.net_minor, tax_minor + change.tax_minor)
    left_out = _left_out(standing, disputed_at(life, at_ms) if life else ())
    # The invoice is the provider's: what another payee of a shared revenue invoices is not on the ledger.
    own = legs(stated.statement)[leg].creditor == stated.agreement.provider
    invoiced = own and life is not None and life.invoice is not None and life.invoice_ms <= at_ms
    due_ms = _due_ms(stated, leg) if provides else 0
    at_once = life is None or chart.tax_at == "confirmation" or 0 < due_ms <= at_ms
    parts = []
    for line in lines:
        net_minor, tax_minor = standing[line.number]
        # An invoice is over the whole statement, whatever is in dispute.
        whole_minor = tax_minor
        if line.number in left_out:
            net_minor = tax_minor = 0
        invoice_counts = invoiced and chart.tax_at == "invoice"
        released_minor = whole_minor if invoice_counts else tax_minor if at_once else 0
        parts.append(Part(line.kind == "interest", line.tax_rate_bp, net_minor, tax_minor, released_minor))
    return parts


def _left_out(standing: Mapping[int, tuple[int, int]], disputed: Sequence[int]) -> frozenset[int]:
    """Lines that are not agreed on, so that the others come to what both parties agree is owed (lifecycle).

    The user's word leaves out the charges in dispute, the provider's the credits: the smaller one counts, and
    of two words of different sign neither.
    """
    gross = {number: net + tax for number, (net, tax) in standing.items()}
    charges = frozenset(number for number in disputed if gross[number] > 0)
    credits = frozenset(number for number in disputed if gross[number] < 0)
    if not disputed or sum(gross.values()) > sum(gross[number] for number in charges):
        return charges
    if sum(gross.values()) < sum(gross[number] for number in credits):
        return credits
    return frozenset(standing)


def by_rate(parts: Sequence[Part]) -> list[Part]:
    """Sums by kind and tax rate."""
    sums: dict[tuple[bool, int], Part] = {}
    for part in parts:
        key = (part.interest, part.rate_bp)
        sums[key] = _added(sums.get(key), part)
    return [sums[key] for key in sorted(sums)]


def _added(some: Part | None, part: Part, sign: int = 1) -> Part:
    if some is None:
        some = Part(part.interest, part.rate_bp, 0, 0, 0)
    amounts = (mine + sign * its for mine, its in zip(some[2:], part[2:], strict=True))
    return Part(part.interest, part.rate_bp, *amounts)


def _changes(before: Mapping[tuple[bool, int], Part], after: Mapping[tuple[bool, int], Part]) -> list[Part]:
    """What comes to what was booked, by kind and tax rate."""
    changes = dict(after)
    for key, part in before.items():
        changes[key] = _added(changes.get(key), part, -1)
    return [changes[key] for key in sorted(changes)]


def _of_leg(stated: Stated, sums: Sequence[Part], among: Sequence[Leg], number: int) -> list[Part]:
    """What a leg gets of a statement whose revenue is shared: as billing allots what is owed, to the cent."""
    statement = stated.statement
    if not statement.shares:
        return list(sums)
    net_minor, tax_minor = sum(part.net_minor for part in sums), sum(part.tax_minor for part in sums)
    released_minor = sum(part.released_minor for part in sums)
    rates = {line.tax_rate_bp for line in statement.lines if line.gross_minor}
    rate_bp = rates.pop() if len(rates) == 1 else -1
    gross_of_leg = allot(net_minor + tax_minor, among)[number]
    if (net_minor, tax_minor) == (statement.net_minor, statement.tax_minor):
        pair = among[number][:2]
        own = [share for share in statement.shares if (share.debtor, share.creditor) == pair]
        net_of_leg = sum(share.net_minor for share in own)
    else:
        net_of_leg = allot(net_minor, among)[number]
    tax_of_leg = gross_of_leg - net_of_leg
    released = tax_of_leg if released_minor == tax_minor else allot(released_minor, among)[number]
    return [Part(False, rate_bp, net_of_leg, tax_of_leg, released)]


def service_entries(parts: Sequence[Part], *, provides: bool) -> tuple[Entry, ...]:
    """Who provides has a receivable, revenue and output tax; who uses has cost, input tax and a payable.

    Tax that does not count with the tax office yet waits on an account of its own.
    """
    draft = Draft()
    gross_minor = sum(part.net_minor + part.tax_minor for part in parts)
    if provides:
        draft.debit("receivable", gross_minor)
        for part in parts:
            draft.credit("interest_income" if part.interest else "revenue", part.net_minor, part.rate_bp)
            draft.credit("output_tax", part.released_minor, part.rate_bp)
            draft.credit("output_tax_deferred", part.tax_minor - part.released_minor, part.rate_bp)
    else:
        for part in parts:
            draft.debit("interest_expense" if part.interest else "cost", part.net_minor, part.rate_bp)
            draft.debit("input_tax", part.released_minor, part.rate_bp)
            draft.debit("input_tax_pending", part.tax_minor - part.released_minor, part.rate_bp)
        draft.credit("payable", gross_minor)
    return tuple(draft.entries)
