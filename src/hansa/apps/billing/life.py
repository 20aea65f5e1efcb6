"""The life of a statement on the ledger: what follows of a word, a correction, an invoice, a payment.

Every change ends in `carry_on`, which has owed what is agreed by then (lifecycle.py), no more and no less.
What is owed may be paid at once, from a prepayment, and money says so by a signal: so a change is written
before it is owed.
"""

from collections.abc import Callable
from typing import NamedTuple

from hansa.apps.billing import errors_life as errors
from hansa.apps.billing import lifecycle
from hansa.apps.billing.books import of_party
from hansa.apps.billing.elements_trade import Split
from hansa.apps.billing.interest import reckon_paid, watch
from hansa.apps.billing.lawful import is_protected, latest_due_ms
from hansa.apps.billing.messages import Agreement, Statement
from hansa.apps.billing.messages_life import (
    Confirmed,
    Correction,
    Dispute,
    Disputed,
    Life,
    OpenItems,
    OwedFor,
    Part,
    Settled,
)
from hansa.apps.billing.saying import utc_text
from hansa.apps.billing.signals import StatementConfirmed, StatementPaid
from hansa.apps.billing.tables import AGREEMENTS, CORRECTIONS, LIVES, OPEN, OWED_FOR, STATEMENTS, TARIFFS
from hansa.apps.billing.terms import Settlement
from hansa.apps.money import interface as money
from hansa.kernel import (
    Context,
    Id,
    MemberId,
    Natural,
    OptionalId,
    TimeMs,
    due,
    limits,
    replace,
    since,
)

FIRST_AFTER = "\x01"
"""Put behind an id: sorts after it, and before every other."""


class Case(NamedTuple):
    """A statement with all that decides what becomes of it."""

    name: str
    """Of the agreement."""
    period_ms: int
    agreement: Agreement
    settlement: Settlement
    statement: Statement
    life: Life

    @property
    def protected(self) -> bool:
        """Whether the law protects the provider against late payment by the user (lawful.py)."""
        return is_protected(self.agreement.user_size, self.agreement.provider_size)


def case_of(ctx: Context, name: str, period_ms: int) -> Case:
    """What a party asks about. Raises AgreementUnknown, NotParty, NoSettlement, StatementUnknown."""
    of_party(ctx, name)
    return _case(ctx, name, period_ms)


def _case(ctx: Context, name: str, period_ms: int) -> Case:
    agreement = AGREEMENTS.get(ctx, (name,))
    assert agreement is not None
    if agreement.terms.settlement is None:
        raise errors.NoSettlement(agreement=name)
    statement, life = STATEMENTS.get(ctx, (name, period_ms)), LIVES.get(ctx, (name, period_ms))
    if statement is None or life is None:
        raise errors.StatementUnknown(agreement=name, start=utc_text(period_ms))
    return Case(name, period_ms, agreement, agreement.terms.settlement, statement, life)


def born(ctx: Context, name: str, agreement: Agreement, statement: Statement) -> None:
    """A statement was closed: its life begins, if the parties agreed on one."""
    settlement = agreement.terms.settlement
    if settlement is None:
        return
    period_ms = statement.period.from_ms
    doubtful = tuple(line for line in statement.unknown_lines if line not in statement.check_lines)
    disputes = tuple(
        Dispute(by=by, lines=lines, reason=reason, automatic=True, opened_ms=ctx.time_ms)
        for reason, numbers in (("check_feed", statement.check_lines), ("unknown_time", doubtful))
        for by, sign in ((statement.user, 1), (statement.provider, -1))
        if (lines := _against(statement, numbers, sign))
    )
    life = Life(content=lifecycle.content(statement), stated_ms=ctx.time_ms, disputes=disputes)
    _put(ctx, name, period_ms, life)
    silence_ms = lifecycle.silence_ms(settlement, life)
    if silence_ms:
        due.at(ctx, silence_ms, statement_due, agreement.provider, name, str(period_ms))
    for dispute in disputes:
        ctx.emit(
            Disputed(
                agreement=name,
                period_ms=period_ms,
                by=dispute.by,
                lines=dispute.lines,
                reason=dispute.reason,
                automatic=True,
            )
        )


def _against(statement: Statement, by_rule: tuple[int, ...], sign: int) -> tuple[int, ...]:
    """Lines that the agreement's own rule puts in dispute, of one sign: they count against one party."""
    return tuple(
        line.number for line in statement.lines if line.number in by_rule and sign * line.gross_minor > 0
    )


@since(2)
def statement_due(ctx: Context, name: str, period_ms: str) -> None:
    """Silence has confirmed, or the law's last day has come: what follows of it, if it is so."""
    case = _case(ctx, name, int(period_ms))
    life = heard(ctx, case)
    if life != case.life:
        ctx.emit(Confirmed(agreement=name, period_ms=case.period_ms, both=True))
    carry_on(ctx, case, life)


def heard(ctx: Context, case: Case) -> Life:
    """The statement's life by now: with the words that silence has said."""
    silence_ms = lifecycle.silence_ms(case.settlement, case.life)
    if case.life.confirmed_ms or not 0 < silence_ms <= ctx.time_ms:
        return case.life
    return replace(
        case.life,
        provider_ms=case.life.provider_ms or silence_ms,
        user_ms=case.life.user_ms or silence_ms,
        silent=True,
    )


def carry_on(ctx: Context, case: Case, life: Life) -> None:
    """Write how far the statement is, and have owed what follows of it."""
    confirmed = bool(life.provider_ms and life.user_ms) and not life.confirmed_ms
    if confirmed:
        life = replace(life, confirmed_ms=max(life.provider_ms, life.user_ms))
        latest_ms = latest_due_ms(case.settlement, lifecycle.delivered_ms(case.statement), case.protected)
        if latest_ms > ctx.time_ms and case.settlement.runs_from == "invoice":
            due.at(ctx, latest_ms, statement_due, case.agreement.provider, case.name, str(case.period_ms))
    _put(ctx, case.name, case.period_ms, life)
    if confirmed:
        ctx.signal(StatementConfirmed(case.name, case.period_ms))
    if lifecycle.is_owed(case.settlement, case.statement, life, case.protected, ctx.time_ms):
        _have_owed(ctx, case)
    settle(ctx, case.name, case.period_ms)


def settle(ctx: Context, name: str, period_ms: int) -> None:
    """Note whether anything is open."""
    case = _case(ctx, name, period_ms)
    settled = lifecycle.is_settled(case.statement, case.life)
    if settled and not case.life.settled_ms:
        _put(ctx, name, period_ms, replace(case.life, settled_ms=ctx.time_ms))
        ctx.emit(Settled(agreement=name, period_ms=period_ms))
        ctx.signal(StatementPaid(name, period_ms))
    elif not settled and case.life.settled_ms:
        _put(ctx, name, period_ms, replace(case.life, settled_ms=0))


def _have_owed(ctx: Context, case: Case) -> None:
    """Bring what is owed to what is agreed, leg by leg."""
    life = _life(ctx, case)
    among = lifecycle.legs(case.statement)
    wanted = lifecycle.allot(lifecycle.agreed_minor(case.statement, life), among)
    for number, (leg, wanted_minor) in enumerate(zip(among, wanted, strict=True)):
        change_minor = wanted_minor - lifecycle.owed_minor(leg, number, _life(ctx, case).parts)
        debtor, creditor = (leg.debtor, leg.creditor) if change_minor > 0 else (leg.creditor, leg.debtor)
        rest_minor = _lessen(ctx, case, number, creditor, abs(change_minor))
        if rest_minor:
            _owe(ctx, case, number, debtor, creditor, rest_minor)


def _lessen(ctx: Context, case: Case, leg: int, debtor: str, amount_minor: int) -> int:
    """Take so much off what a debtor owes of a leg, the latest first; what is left when nothing is owed."""
    for place in range(len(_life(ctx, case).parts) - 1, -1, -1):
        life = _life(ctx, case)
        part = life.parts[place]
        less_minor = min(amount_minor, part.amount_minor)
        waived_minor = min(amount_minor - less_minor, part.waived_minor)
        if part.leg != leg or part.debtor != debtor or part.back_of or not less_minor + waived_minor:
            continue
        changed = lifecycle.lessen(part, less_minor, ctx.time_ms) if less_minor else part
        changed = replace(changed, waived_minor=part.waived_minor - waived_minor)
        backs = _back(ctx, life, changed, ctx.time_ms)
        parts = (*life.parts[:place], changed, *life.parts[place + 1 :], *backs)
        _put(ctx, case.name, case.period_ms, replace(life, parts=parts))
        for back in backs:
            OWED_FOR.put(ctx, (back.obligation,), OwedFor(agreement=case.name, period_ms=case.period_ms))
            watch(ctx, case.name, case.period_ms, back)
        if less_minor:
            back_ms = ctx.time_ms + limits.RETURN_MS
            money.lessen(ctx, part.obligation, less_minor, "correction", back_ms)
        if waived_minor:
            money.correct_waiver(ctx, part.obligation, waived_minor)
        if part.paid_ms:
            reckon_paid(ctx, case.name, case.period_ms, changed)
        amount_minor -= less_minor + waived_minor
    return amount_minor


def _back(ctx: Context, life: Life, part: Part, since_ms: int) -> tuple[Part, ...]:
    """What goes back, under money's own name for it, once a part is only so large."""
    paid_minor, _ = money.paid_of(ctx, part.obligation)
    backs = [each for each in life.parts if each.back_of == part.obligation]
    before = [each.amount_minor + each.waived_minor for each in backs]
    beyond_minor = paid_minor - sum(before) - part.amount_minor
    if beyond_minor <= 0:
        return ()
    name = money.back_of(part.obligation, len(before) + 1)
    back = replace(
        part,
        obligation=name,
        debtor=part.creditor,
        creditor=part.debtor,
        amount_minor=beyond_minor,
        waived_minor=0,
        due_ms=since_ms + limits.RETURN_MS,
        paid_ms=0,
        overdue=False,
        back_of=part.obligation,
        since_ms=since_ms,
        lessened=(),
    )
    return (back,)


def _owe(ctx: Context, case: Case, leg: int, debtor: str, creditor: str, amount_minor: int) -> None:
    """One obligation more; a prepayment of the user's pays it first."""
    life = _life(ctx, case)
    if len(life.parts) >= limits.LIFE_PARTS_MAX:
        raise errors.TooManyCorrections(agreement=case.name, limit=limits.LIFE_PARTS_MAX)
    name = money.name_of("statement", case.name, str(case.period_ms), str(len(life.parts)))
    protected = case.protected and debtor == case.agreement.user
    # What the provider owes before it recorded an invoice is due as what goes back is.
    known_ms = lifecycle.due_ms(case.settlement, case.statement, life, protected)
    due_ms = known_ms or ctx.time_ms + limits.RETURN_MS
    part = Part(
        obligation=name,
        debtor=debtor,
        creditor=creditor,
        amount_minor=amount_minor,
        due_ms=due_ms,
        leg=leg,
        since_ms=ctx.time_ms,
    )
    _put(ctx, case.name, case.period_ms, replace(life, parts=(*life.parts, part)))
    OWED_FOR.put(ctx, (name,), OwedFor(agreement=case.name, period_ms=case.period_ms))
    watch(ctx, case.name, case.period_ms, part)
    bank = case.settlement.bank
    owed = money.Owed(
        debtor=debtor,
        creditor=creditor,
        currency=case.statement.currency,
        amount_minor=amount_minor,
        due_ms=due_ms,
        cause="statement",
        subject=case.name,
        mode="bank" if bank else "external",
        bank=bank,
    )
    money.owe(ctx, name, owed)
    fund = money.name_of(case.name, "prepayment")
    state = money.fund(ctx, fund) if debtor == case.agreement.user else None
    if state is None or state.kind != "prepayment" or state.ended:
        return
    if creditor == case.agreement.provider:
        money.draw(ctx, fund, amount_minor, name)


def _life(ctx: Context, case: Case) -> Life:
    """As it stands now: money may have told of payments meanwhile."""
    life = LIVES.get(ctx, (case.name, case.period_ms))
    assert life is not None
    return life


# What money tells.


@since(2)
def part_paid(ctx: Context, signal: money.Paid) -> None:
    """Listener: an obligation is paid in full."""
    part = _mark(ctx, signal.obligation, paid_ms=max(signal.paid_ms, 1), overdue=False)
    if part is not None:
        of = OWED_FOR.get(ctx, (signal.obligation,))
        assert of is not None
        reckon_paid(ctx, of.agreement, of.period_ms, part)


@since(2)
def part_unpaid(ctx: Context, signal: money.Unpaid) -> None:
    """Listener: a payment was undone."""
    part = _mark(ctx, signal.obligation, paid_ms=0, overdue=money.is_overdue(ctx, signal.obligation))
    if part is not None:
        of = OWED_FOR.get(ctx, (signal.obligation,))
        assert of is not None
        watch(ctx, of.agreement, of.period_ms, part)


@since(2)
def part_overdue(ctx: Context, signal: money.Overdue) -> None:
    """Listener: the time to pay is over."""
    _mark(ctx, signal.obligation, paid_ms=0, overdue=True)


@since(2)
def part_waived(ctx: Context, signal: money.Waived) -> None:
    """Listener: a creditor gave up part of what a statement led to; nothing comes in its place."""
    of = OWED_FOR.get(ctx, (signal.obligation,))
    if of is None:
        return
    life = LIVES.get(ctx, (of.agreement, of.period_ms))
    assert life is not None
    parts = tuple(
        replace(
            lifecycle.lessen(part, signal.amount_minor, ctx.time_ms),
            waived_minor=part.waived_minor + signal.amount_minor,
        )
        if part.obligation == signal.obligation
        else part
        for part in life.parts
    )
    _put(ctx, of.agreement, of.period_ms, replace(life, parts=parts))


def _mark(ctx: Context, obligation: str, paid_ms: int, overdue: bool) -> Part | None:
    """Write how far an obligation is, if a statement led to it; and say which it is."""
    of = OWED_FOR.get(ctx, (obligation,))
    if of is None:
        return None
    life = LIVES.get(ctx, (of.agreement, of.period_ms))
    assert life is not None
    parts = tuple(
        replace(part, paid_ms=paid_ms, overdue=overdue) if part.obligation == obligation else part
        for part in life.parts
    )
    _put(ctx, of.agreement, of.period_ms, replace(life, parts=parts))
    settle(ctx, of.agreement, of.period_ms)
    return next(part for part in parts if part.obligation == obligation)


def _put(ctx: Context, name: str, period_ms: int, life: Life) -> None:
    """Write it, and count what is open of the agreement."""
    before = LIVES.get(ctx, (name, period_ms))
    if life == before:
        return
    LIVES.put(ctx, (name, period_ms), life)
    was, now = _open(before), _open(life)
    if was == now:
        return
    items = OPEN.get(ctx, (name,)) or OpenItems()
    counts = OpenItems(
        unsettled=items.unsettled + now.unsettled - was.unsettled,
        disputed=items.disputed + now.disputed - was.disputed,
        overdue=items.overdue + now.overdue - was.overdue,
    )
    if counts == OpenItems():
        OPEN.delete(ctx, (name,))
    else:
        OPEN.put(ctx, (name,), counts)


def _open(life: Life | None) -> OpenItems:
    if life is None:
        return OpenItems()
    return OpenItems(
        unsettled=0 if life.settled_ms else 1,
        disputed=1 if life.disputes else 0,
        overdue=1 if any(part.overdue and part.amount_minor for part in life.parts) else 0,
    )


# Queries.


def life_of(ctx: Context, agreement: Id, period_ms: TimeMs) -> Life | None:
    """How far a statement is; None where its agreement settles nothing of it."""
    return LIVES.get(ctx, (agreement, period_ms))


def lives_of(ctx: Context, agreement: Id) -> list[tuple[int, Life]]:
    """How far each statement of an agreement is, by start of its period."""
    rows = LIVES.scan(ctx, (agreement,), limit=limits.ALL_ROWS)
    return [(int(key[1]), found) for key, found in rows]


def corrections_of(ctx: Context, agreement: Id, period_ms: TimeMs) -> list[Correction]:
    """All corrections of a statement, in order."""
    rows = CORRECTIONS.scan(ctx, (agreement, period_ms), limit=limits.CORRECTIONS_MAX)
    return [found for _, found in rows]


def open_of(ctx: Context, agreement: Id) -> OpenItems:
    """How many statements of an agreement are not settled, disputed, overdue."""
    return OPEN.get(ctx, (agreement,)) or OpenItems()


Rows = tuple[list[tuple[str, Agreement]], str]
"""Agreements in order of their ids, and where to go on, "" at the end."""


def agreements_of(ctx: Context, member: MemberId, after: OptionalId = "", limit: Natural = 0) -> Rows:
    """Agreements of a party in order of their ids, those after `after`; and where to go on, "" at the end.

    At most `limit` (0: as many as one scan); looks at SCAN_MAX agreements, so an answer may be short although
    there are more.
    """
    return _agreements(ctx, after, limit, lambda found: member in (found.provider, found.user))


def shared_with(ctx: Context, member: MemberId, after: OptionalId = "", limit: Natural = 0) -> Rows:
    """Agreements of others whose revenue the tariff shares with a member; listed likewise."""

    def names(found: Agreement) -> bool:
        if member in (found.provider, found.user):
            return False
        published = TARIFFS.get(ctx, (found.tariff_owner, found.tariff, found.tariff_version))
        assert published is not None
        splits = (element for element in published.tariff.elements if isinstance(element, Split))
        return any(payee.member == member for split in splits for payee in split.payees)

    return _agreements(ctx, after, limit, names)


def _agreements(ctx: Context, after: str, limit: int, fit: Callable[[Agreement], bool]) -> Rows:
    out: list[tuple[str, Agreement]] = []
    rows = AGREEMENTS.scan(ctx, start=(after + FIRST_AFTER,) if after else None)
    for seen, (key, found) in enumerate(rows, 1):
        if fit(found):
            out.append((str(key[0]), found))
        if len(out) == limit > 0 or seen == limits.SCAN_MAX:
            return out, str(key[0])
    return out, ""


LISTENERS = (part_paid, part_unpaid, part_overdue, part_waived)
QUERIES = (life_of, lives_of, corrections_of, open_of, agreements_of, shared_with)
