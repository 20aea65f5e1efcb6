"""What is owed of a statement, by whom, and until when: the rules of its life. Pure.

A statement's sum is one number; each party may say of lines that count against it that they should not. What
both parties agree is owed, is owed (Decree 802, art. 15: what is not in dispute is paid in time).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hansa.apps.billing.lawful import latest_due_ms
from hansa.apps.billing.lines import Line, divide
from hansa.apps.billing.messages import Statement
from hansa.apps.billing.messages_life import CorrectionLine, Dispute, Lessening, Life, LineSum, Part
from hansa.apps.billing.terms import Settlement
from hansa.kernel import Integer, Struct, digest, limits, replace


class Leg(NamedTuple):
    """Who owes whom a part of a statement; a negative amount is owed the other way."""

    debtor: str
    creditor: str
    gross_minor: int


class Sums(Struct):
    """Amounts in minor units."""

    net_minor: Integer
    tax_minor: Integer
    gross_minor: Integer


def content(statement: Statement) -> str:
    """What a party confirms: the digest of the statement as the ledger holds it."""
    return digest(statement)


def silence_ms(settlement: Settlement, life: Life) -> int:
    """When silence has confirmed a statement; 0: never."""
    return life.stated_ms + settlement.silence_days * limits.DAY_MS if settlement.silence_days else 0


def conceded_of(life: Life, number: int) -> LineSum | None:
    """What was conceded of a line."""
    return next((each for each in life.conceded if each.line == number), None)


def standing_minor(life: Life, line: Line) -> int:
    """A line's gross as effective corrections leave it."""
    conceded = conceded_of(life, line.number)
    effective_minor = conceded.effective_minor if conceded else 0
    return line.gross_minor - (effective_minor if line.gross_minor > 0 else -effective_minor)


def disputed_lines(life: Life) -> tuple[int, ...]:
    """Numbers of all lines in dispute, in order."""
    return tuple(sorted(dict.fromkeys(line for dispute in life.disputes for line in dispute.lines)))


def without_disputes(life: Life, numbers: Sequence[int], at_ms: int) -> Life:
    """A life in which these lines are in dispute no more, from an instant on."""
    disputes: list[Dispute] = []
    ended: list[Dispute] = []
    for each in life.disputes:
        over = tuple(line for line in each.lines if line in numbers)
        left = tuple(line for line in each.lines if line not in over)
        disputes += [replace(each, lines=left)] if left else []
        ended += [replace(each, lines=over, ended_ms=at_ms)] if over else []
    return replace(life, disputes=tuple(disputes), ended=(*life.ended, *ended))


def disputed_at(life: Life, at_ms: int) -> tuple[int, ...]:
    """Numbers of all lines that were in dispute at an instant, in order."""
    found = [each for each in life.disputes if each.opened_ms <= at_ms]
    found += [each for each in life.ended if each.opened_ms <= at_ms < each.ended_ms]
    return tuple(sorted(dict.fromkeys(line for each in found for line in each.lines)))


def agreed_ms(life: Life, number: int) -> int:
    """When both parties had agreed to a line: confirmed it, and no dispute over it went on; 0: not yet.

    No dispute begins once both confirmed, so it stays agreed.
    """
    if not life.confirmed_ms or number in disputed_lines(life):
        return 0
    ends = [each.ended_ms for each in life.ended if number in each.lines]
    return max([life.confirmed_ms, *ends])


def left_out(standing: Mapping[int, int], disputed: Sequence[int]) -> tuple[int, ...]:
    """Lines that wait for the end of a dispute, so that the others come to what both agree is owed.

    `standing`: gross by line. The user's word leaves out the charges in dispute, the provider's the credits:
    the one that counts (`agreed_minor`), and of two words of different sign neither.
    """
    whole_minor = sum(standing.values())
    charges = tuple(number for number in disputed if standing[number] > 0)
    credits = tuple(number for number in disputed if standing[number] < 0)
    if not disputed or whole_minor > sum(standing[number] for number in charges):
        return charges
    if whole_minor < sum(standing[number] for number in credits):
        return credits
    return tuple(standing)


def lessen(part: Part, amount_minor: int, at_ms: int) -> Part:
    """A part of which so much less is owed."""
    kept, last = part.lessened, Lessening(at_ms=at_ms, amount_minor=amount_minor)
    if len(kept) == limits.LESSENINGS_MAX:
        last = replace(last, amount_minor=amount_minor + kept[-1].amount_minor)
        kept = kept[:-1]
    return replace(part, amount_minor=part.amount_minor - amount_minor, lessened=(*kept, last))


def part_at(part: Part, at_ms: int) -> Part:
    """A part as it stood just before an instant."""
    later_minor = sum(each.amount_minor for each in part.lessened if each.at_ms >= at_ms)
    return replace(part, amount_minor=part.amount_minor + later_minor)


def standing_sums(statement: Statement, life: Life) -> Sums:
    """What a statement comes to with its effective corrections, whatever is in dispute."""
    return Sums(
        statement.net_minor + life.corrected_net_minor,
        statement.tax_minor + life.corrected_tax_minor,
        statement.gross_minor + life.corrected_gross_minor,
    )


def agreed_minor(statement: Statement, life: Life) -> int:
    """What both parties agree is owed: the user to the provider, or, where it is negative, the other way.

    The user's word is the sum without the lines that it disputes, the provider's the sum without the credits
    that it disputes. Of two words with one sign the smaller is agreed; of two with different ones, nothing.
    """
    gross_minor = standing_sums(statement, life).gross_minor
    disputed = disputed_lines(life)
    left = [standing_minor(life, line) for line in statement.lines if line.number in disputed]
    user_minor = gross_minor - sum(amount for amount in left if amount > 0)
    provider_minor = gross_minor - sum(amount for amount in left if amount < 0)
    if user_minor > 0:
        return user_minor
    return provider_minor if provider_minor < 0 else 0


def delivered_ms(statement: Statement) -> int:
    """When the service of a statement was delivered: the end of its period."""
    return statement.period.to_ms


def is_owed(settlement: Settlement, statement: Statement, life: Life, protected: bool, now_ms: int) -> bool:
    """Whether what both agree on is a debt yet.

    It is once both confirmed; where days run from the invoice, once that is recorded, or at the latest time
    that the law allows.
    """
    if not life.confirmed_ms:
        return False
    latest_ms = latest_due_ms(settlement, delivered_ms(statement), protected)
    return settlement.runs_from != "invoice" or life.invoice is not None or 0 < latest_ms <= now_ms


def due_ms(settlement: Settlement, statement: Statement, life: Life, protected: bool) -> int:
    """When it is due, never later than the law allows; 0: nobody can know yet."""
    from_ms = {
        "period_end": delivered_ms(statement),
        "confirmation": life.confirmed_ms,
        "invoice": life.invoice_ms,
    }[settlement.runs_from]
    agreed_ms = from_ms + settlement.payment_days * limits.DAY_MS if from_ms else 0
    latest_ms = latest_due_ms(settlement, delivered_ms(statement), protected)
    return min(at_ms for at_ms in (agreed_ms, latest_ms) if at_ms) if agreed_ms or latest_ms else 0


def legs(statement: Statement) -> tuple[Leg, ...]:
    """Who settles with whom: user and provider, unless the tariff shares the revenue out."""
    sums: dict[tuple[str, str], int] = {}
    for share in statement.shares:
        pair = (share.debtor, share.creditor)
        sums[pair] = sums.get(pair, 0) + share.gross_minor
    pairs = sums or {(statement.user, statement.provider): statement.gross_minor}
    return tuple(Leg(*pair, gross_minor) for pair, gross_minor in pairs.items() if pair[0] != pair[1])


def allot(amount_minor: int, among: Sequence[Leg]) -> list[int]:
    """An amount over the legs, in proportion to what each comes to: largest remainder, ties to the first."""
    whole_minor = sum(leg.gross_minor for leg in among)
    if amount_minor == whole_minor:
        return [leg.gross_minor for leg in among]
    if not whole_minor:
        return [amount_minor if n == 0 else 0 for n in range(len(among))]
    parts = [amount_minor * leg.gross_minor // whole_minor for leg in among]
    # With a negative whole the quotient is floored all the same: what is left over is never negative.
    rests = [
        amount_minor * leg.gross_minor - part * whole_minor for leg, part in zip(among, parts, strict=True)
    ]
    order = sorted(range(len(among)), key=lambda n: -abs(rests[n]))
    for n in order[: amount_minor - sum(parts)]:
        parts[n] += 1
    return parts


def owed_minor(leg: Leg, number: int, parts: Sequence[Part]) -> int:
    """What obligations already stand for of a leg, signed as the leg is; what goes back is no part of it."""
    return sum(
        (part.amount_minor + part.waived_minor) * (1 if part.debtor == leg.debtor else -1)
        for part in parts
        if part.leg == number and not part.back_of
    )


def correction_line(line: Line, before: LineSum | None, gross_minor: int) -> CorrectionLine:
    """A concession as a line: its tax is such that all concessions of a line together are taxed as it was."""
    sign = -1 if line.gross_minor > 0 else 1
    conceded_minor, taxed_minor = (before.gross_minor, before.tax_minor) if before else (0, 0)
    whole_minor = conceded_minor + gross_minor
    tax_minor = divide(abs(line.tax_minor) * whole_minor, abs(line.gross_minor), "half_up") - taxed_minor
    return CorrectionLine(
        line=line.number,
        clause=line.clause,
        tax_code=line.tax_code,
        tax_rate_bp=line.tax_rate_bp,
        net_minor=sign * (gross_minor - tax_minor),
        tax_minor=sign * tax_minor,
        gross_minor=sign * gross_minor,
    )


def is_settled(statement: Statement, life: Life) -> bool:
    """Whether nothing is open: confirmed, undisputed, nothing waits, what is owed is paid."""
    if not life.confirmed_ms or life.disputes or life.waiting:
        return False
    among = legs(statement)
    wanted = allot(agreed_minor(statement, life), among)
    owed = [owed_minor(leg, number, life.parts) for number, leg in enumerate(among)]
    return owed == wanted and all(part.paid_ms or not part.amount_minor for part in life.parts)
