"""What parties say of a statement: confirmed, disputed, given up; and the numbers of its papers."""

from collections.abc import Sequence

from hansa.apps.billing import errors_life as errors
from hansa.apps.billing import lifecycle
from hansa.apps.billing.life import Case, carry_on, case_of, heard
from hansa.apps.billing.lines import Line
from hansa.apps.billing.messages_life import (
    Concede,
    Concession,
    Confirmed,
    ConfirmStatement,
    Corrected,
    Correction,
    Dispute,
    Disputed,
    DisputeStatement,
    DisputeWithdrawn,
    Life,
    LineSum,
    WithdrawDispute,
)
from hansa.apps.billing.saying import amount_text
from hansa.apps.billing.tables import CORRECTIONS
from hansa.kernel import Context, limits, replace, since


@since(2)
def confirm_statement(ctx: Context, a: ConfirmStatement) -> None:
    # Checks, cheapest first.
    case = case_of(ctx, a.agreement, a.period_ms)
    if a.content != case.life.content:
        raise errors.OtherStatement(agreement=a.agreement)
    life = _unheard(ctx, case)

    # Events, then writes: what follows of it has events of its own.
    life = _with_word(ctx, case, life)
    both = bool(life.provider_ms and life.user_ms)
    ctx.emit(Confirmed(agreement=a.agreement, period_ms=a.period_ms, by=ctx.member, both=both))
    carry_on(ctx, case, life)


@since(2)
def dispute(ctx: Context, a: DisputeStatement) -> None:
    # Checks, cheapest first.
    case = case_of(ctx, a.agreement, a.period_ms)
    life = _unheard(ctx, case)
    _check_disputed(ctx, case, a.lines)

    # Events, then writes. Who disputes some lines confirms the others.
    disputed = Dispute(
        by=ctx.member, lines=a.lines, reason=a.reason, evidence=a.evidence, opened_ms=ctx.time_ms
    )
    life = _with_word(ctx, case, replace(life, disputes=(*life.disputes, disputed)))
    ctx.emit(
        Disputed(agreement=a.agreement, period_ms=a.period_ms, by=ctx.member, lines=a.lines, reason=a.reason)
    )
    carry_on(ctx, case, life)


@since(2)
def withdraw_dispute(ctx: Context, a: WithdrawDispute) -> None:
    # Checks.
    case = case_of(ctx, a.agreement, a.period_ms)
    own = tuple(line for each in case.life.disputes if each.by == ctx.member for line in each.lines)
    if not own:
        raise errors.DisputeNone(member=ctx.member, agreement=a.agreement)

    # Events, then writes.
    ctx.emit(DisputeWithdrawn(agreement=a.agreement, period_ms=a.period_ms, by=ctx.member))
    carry_on(ctx, case, lifecycle.without_disputes(heard(ctx, case), own, ctx.time_ms))


@since(2)
def concede(ctx: Context, a: Concede) -> None:
    # Checks, cheapest first.
    case = case_of(ctx, a.agreement, a.period_ms)
    given = _check_conceded(ctx, case, a.concessions)
    if case.life.corrections >= limits.CORRECTIONS_MAX:
        raise errors.TooManyCorrections(agreement=a.agreement, limit=limits.CORRECTIONS_MAX)

    # Writes. What lessens an invoiced statement waits for its red-letter confirmation.
    waits = case.life.invoice is not None and ctx.member == case.agreement.provider
    lines = tuple(
        lifecycle.correction_line(line, lifecycle.conceded_of(case.life, line.number), gross_minor)
        for line, gross_minor in given
    )
    correction = Correction(
        by=ctx.member,
        reason=a.reason,
        made_ms=ctx.time_ms,
        currency=case.statement.currency,
        lines=lines,
        net_minor=sum(line.net_minor for line in lines),
        tax_minor=sum(line.tax_minor for line in lines),
        gross_minor=sum(line.gross_minor for line in lines),
        evidence=a.evidence,
        effective_ms=0 if waits else ctx.time_ms,
    )
    number = case.life.corrections + 1
    CORRECTIONS.put(ctx, (a.agreement, a.period_ms, number), correction)
    life = replace(
        heard(ctx, case),
        conceded=_conceded(case.life, correction),
        corrections=number,
        waiting=case.life.waiting + 1,
    )

    # Events, then what follows.
    ctx.emit(
        Corrected(
            agreement=a.agreement,
            period_ms=a.period_ms,
            correction=number,
            gross_minor=correction.gross_minor,
            effective=not waits,
        )
    )
    carry_on(ctx, case, life if waits else effective(case, life, correction, ctx.time_ms))


def effective(case: Case, life: Life, correction: Correction, at_ms: int) -> Life:
    """A life in which a correction counts from now on. Lines that it leaves nothing of are in dispute no
    more.
    """
    changes = {line.line: abs(line.gross_minor) for line in correction.lines}
    life = replace(
        life,
        conceded=tuple(
            replace(each, effective_minor=each.effective_minor + changes.get(each.line, 0))
            for each in life.conceded
        ),
        waiting=life.waiting - 1,
        corrected_net_minor=life.corrected_net_minor + correction.net_minor,
        corrected_tax_minor=life.corrected_tax_minor + correction.tax_minor,
        corrected_gross_minor=life.corrected_gross_minor + correction.gross_minor,
    )
    gone = [line.number for line in case.statement.lines if not lifecycle.standing_minor(life, line)]
    return lifecycle.without_disputes(life, gone, at_ms)


def _unheard(ctx: Context, case: Case) -> Life:
    """The statement's life, if the signer has not answered yet, by word or by silence."""
    life = heard(ctx, case)
    word_ms = life.provider_ms if ctx.member == case.agreement.provider else life.user_ms
    if word_ms:
        raise errors.AlreadyConfirmed(member=ctx.member, agreement=case.name)
    return life


def _with_word(ctx: Context, case: Case, life: Life) -> Life:
    if ctx.member == case.agreement.provider:
        return replace(life, provider_ms=ctx.time_ms)
    return replace(life, user_ms=ctx.time_ms)


def _counts_for(case: Case, line: Line) -> str:
    """Whom a line counts for; "" for nothing."""
    if not line.gross_minor:
        return ""
    return case.agreement.provider if line.gross_minor > 0 else case.agreement.user


def _check_disputed(ctx: Context, case: Case, numbers: Sequence[int]) -> None:
    lines = {line.number: line for line in case.statement.lines}
    taken = lifecycle.disputed_lines(case.life)
    if not 0 < len(numbers) <= len(lines):
        raise errors.DisputeLines(line="–")
    for number in numbers:
        if number not in lines or numbers.count(number) > 1 or number in taken:
            raise errors.DisputeLines(clause=str(number), line=number)
        left_minor = lifecycle.standing_minor(case.life, lines[number])
        if _counts_for(case, lines[number]) in ("", ctx.member) or not left_minor:
            raise errors.DisputeInFavour(clause=str(number), line=number, member=ctx.member)


def _check_conceded(ctx: Context, case: Case, concessions: Sequence[Concession]) -> list[tuple[Line, int]]:
    lines = {line.number: line for line in case.statement.lines}
    numbers = [each.line for each in concessions]
    out = []
    if not 0 < len(numbers) <= len(lines):
        raise errors.ConcessionLine(line="–", member=ctx.member)
    for each in concessions:
        line = lines.get(each.line)
        if line is None or numbers.count(each.line) > 1 or _counts_for(case, line) != ctx.member:
            raise errors.ConcessionLine(clause=str(each.line), line=each.line, member=ctx.member)
        before = lifecycle.conceded_of(case.life, each.line)
        left_minor = abs(line.gross_minor) - (before.gross_minor if before else 0)
        if each.gross_minor > left_minor:
            currency = case.statement.currency
            raise errors.ConcessionTooLarge(
                clause=str(each.line),
                line=each.line,
                left=amount_text(left_minor, currency),
                given=amount_text(each.gross_minor, currency),
            )
        out.append((line, each.gross_minor))
    return out


def _conceded(life: Life, correction: Correction) -> tuple[LineSum, ...]:
    sums = {each.line: each for each in life.conceded}
    for line in correction.lines:
        gross_minor, tax_minor = abs(line.gross_minor), abs(line.tax_minor)
        before = sums.get(line.line)
        sums[line.line] = (
            replace(
                before,
                gross_minor=before.gross_minor + gross_minor,
                tax_minor=before.tax_minor + tax_minor,
            )
            if before
            else LineSum(line=line.line, gross_minor=gross_minor, tax_minor=tax_minor)
        )
    return tuple(sums[number] for number in sorted(sums))


ACTIONS = (confirm_statement, dispute, withdraw_dispute, concede)
