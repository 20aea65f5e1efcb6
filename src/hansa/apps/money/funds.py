"""Security deposits (保证金), prepayments (预付款), earnest money (定金): paid in for one purpose, never used
for another.

A prepayment is its holder's from the day it comes in, and pays what is billed. A security deposit serves when
the payer is in default. Earnest money is forfeited by a payer that withdraws, returned double by a holder
that does (民法典 第五百八十六条、第五百八十七条). In mode "bank" the last two lie frozen at the bank in the
payer's name.
"""

from dataclasses import dataclass

from hansa.apps.money import errors
from hansa.apps.money.accounts import Spot, free, post
from hansa.apps.money.conservation import fund_left
from hansa.apps.money.currencies import amount_text
from hansa.apps.money.messages import (
    Cause,
    FundDrawn,
    FundEnd,
    FundEnded,
    FundKind,
    FundOpened,
    FundRecord,
    InvoiceNoted,
    Listed,
    Mode,
    NoteInvoice,
    Obligation,
)
from hansa.apps.money.names import pay_in_of, return_of, same_again_of
from hansa.apps.money.obligations import (
    Owed,
    Signals,
    check_amount,
    is_late,
    known,
    lessen,
    open_minor,
    owe,
    settle,
)
from hansa.apps.money.tables import FUNDS, FUNDS_OF
from hansa.kernel import Context, limits, replace, since

BP = 10_000


@dataclass(frozen=True)
class Fund:
    """Money that is paid in for a purpose: it goes from `payer` to `holder` and serves nothing else."""

    kind: FundKind
    payer: str
    holder: str
    currency: str
    agreed_minor: int
    due_ms: int
    subject: str = ""
    mode: Mode = "external"
    bank: str = ""
    secured_minor: int = 0
    """Earnest money only: the price that it secures; at most 20 % of it may be agreed."""


@dataclass(frozen=True)
class FundState:
    """What parties may know of a fund; no amounts."""

    kind: FundKind
    paid_in: bool
    """Nothing is to be paid in any more."""
    drawn: bool
    """Something was drawn or claimed of it."""
    ended: bool
    """Returned, forfeited or returned double: nothing can be drawn any more."""


def open_fund(ctx: Context, name: str, fund: Fund) -> None:
    """Agree on a fund, paid in by the obligation `pay_in_of(name)`. Raises FundTaken, EarnestTooHigh, …"""
    # Checks, cheapest first.
    check_amount(fund.agreed_minor)
    if fund.kind == "earnest_money" and fund.agreed_minor * BP > fund.secured_minor * limits.EARNEST_BP:
        raise errors.EarnestTooHigh(
            agreed=amount_text(fund.agreed_minor, fund.currency),
            secured=amount_text(fund.secured_minor, fund.currency),
            percent=limits.EARNEST_BP * 100 // BP,
        )
    if fund.secured_minor:
        check_amount(fund.secured_minor)
    if FUNDS.get(ctx, (name,)) is not None:
        raise errors.FundTaken(fund=name)

    # Writes.
    obligation = pay_in_of(name)
    FUNDS.put(
        ctx,
        (name,),
        FundRecord(
            kind=fund.kind,
            payer=fund.payer,
            holder=fund.holder,
            currency=fund.currency,
            agreed_minor=fund.agreed_minor,
            obligation=obligation,
            mode=fund.mode,
            state="open",
            since_ms=ctx.time_ms,
            subject=fund.subject,
            bank=fund.bank if fund.mode == "bank" else "",
            secured_minor=fund.secured_minor if fund.kind == "earnest_money" else 0,
        ),
    )
    for member in (fund.payer, fund.holder):
        FUNDS_OF.put(ctx, (member, name), Listed())
    owe(ctx, obligation, _to_pay_in(fund), fund=name)

    # Events.
    ctx.emit(
        FundOpened(
            fund=name,
            kind=fund.kind,
            payer=fund.payer,
            holder=fund.holder,
            currency=fund.currency,
            agreed_minor=fund.agreed_minor,
            subject=fund.subject,
        )
    )


def _to_pay_in(fund: Fund) -> Owed:
    return Owed(
        debtor=fund.payer,
        creditor=fund.holder,
        currency=fund.currency,
        amount_minor=fund.agreed_minor,
        due_ms=fund.due_ms,
        cause=fund.kind,
        subject=fund.subject,
        mode=fund.mode,
        bank=fund.bank,
    )


def known_fund(ctx: Context, name: str) -> FundRecord:
    """Raises FundUnknown."""
    found = FUNDS.get(ctx, (name,))
    if found is None:
        raise errors.FundUnknown(fund=name)
    return found


def fund_state(ctx: Context, name: str) -> FundState | None:
    """How far a fund is; None if there is none of the name."""
    found = FUNDS.get(ctx, (name,))
    if found is None:
        return None
    return FundState(
        kind=found.kind,
        paid_in=known(ctx, found.obligation).state != "open",
        drawn=found.drawn_minor > 0,
        ended=found.state != "open",
    )


def draw(ctx: Context, name: str, amount_minor: int, obligation: str) -> tuple[int, Signals]:
    """Pay of a prepayment. What was drawn: at most so much, what is left, and what is owed."""
    return _use(ctx, name, "prepayment", amount_minor, obligation)


def claim(ctx: Context, name: str, amount_minor: int, obligation: str) -> tuple[int, Signals]:
    """Pay an overdue obligation of a security deposit, likewise. Raises NotInDefault."""
    return _use(ctx, name, "security_deposit", amount_minor, obligation)


def _use(ctx: Context, name: str, kind: FundKind, amount_minor: int, obligation: str) -> tuple[int, Signals]:
    # Checks, cheapest first.
    check_amount(amount_minor)
    fund = _open(ctx, name, kind)
    owed = known(ctx, obligation)
    if (owed.debtor, owed.creditor, owed.currency) != (fund.payer, fund.holder, fund.currency):
        raise errors.FundOfOthers(fund=name, obligation=obligation)
    if owed.fund:  # One purpose would pay for another.
        raise errors.FundOfOtherKind(fund=name)
    if kind == "security_deposit" and not is_late(ctx, owed):
        raise errors.NotInDefault(obligation=obligation)
    taken = min(amount_minor, fund_left(fund), open_minor(owed))
    if taken == 0:
        return 0, []

    # Writes.
    FUNDS.put(ctx, (name,), replace(fund, drawn_minor=fund.drawn_minor + taken))
    if lies_at_bank(fund):
        post(ctx, fund.bank, fund.currency, _pot(fund), free(fund.holder), taken, "fund", name)

    # Events.
    ctx.emit(FundDrawn(fund=name, obligation=obligation, amount_minor=taken))
    return taken, settle(ctx, obligation, "fund", name, taken, ctx.time_ms)


def forfeit(ctx: Context, name: str) -> None:
    """The payer of earnest money withdrew: the holder keeps what was paid in."""
    fund = _open(ctx, name, "earnest_money")
    left = _end(ctx, name, fund, "forfeited")
    if left and lies_at_bank(fund):
        post(ctx, fund.bank, fund.currency, _pot(fund), free(fund.holder), left, "fund", name)


def double(ctx: Context, name: str, due_ms: int = 0) -> None:
    """The holder of earnest money withdrew: it owes back what was paid in, and the same again."""
    fund = _open(ctx, name, "earnest_money")
    left = _end(ctx, name, fund, "doubled")
    _give_back(ctx, name, fund, left, due_ms)
    if left:
        _owe_back(ctx, same_again_of(name), fund, left, "damages", due_ms)


def return_fund(ctx: Context, name: str, due_ms: int = 0) -> None:
    """What is left goes back to the payer; what was not paid in is not owed any more."""
    fund = _open(ctx, name)
    _give_back(ctx, name, fund, _end(ctx, name, fund, "returned"), due_ms)


def _open(ctx: Context, name: str, kind: FundKind | None = None) -> FundRecord:
    fund = known_fund(ctx, name)
    if kind is not None and fund.kind != kind:
        raise errors.FundOfOtherKind(fund=name)
    if fund.state != "open":
        raise errors.FundClosed(fund=name)
    return fund


def _end(ctx: Context, name: str, fund: FundRecord, how: FundEnd) -> int:
    """Nothing more comes in or is drawn. Returns what was left; the caller says where it goes."""
    left = fund_left(fund)
    ended = replace(
        fund,
        state=how,
        forfeited_minor=left if how == "forfeited" else 0,
        returned_minor=0 if how == "forfeited" else left,
    )
    FUNDS.put(ctx, (name,), ended)
    ctx.emit(FundEnded(fund=name, how=how, amount_minor=left))
    rest = open_minor(known(ctx, fund.obligation))
    if rest:  # Nobody waits for it: what others would hear of its being paid is not told.
        lessen(ctx, fund.obligation, rest, how)
    return left


def _give_back(ctx: Context, name: str, fund: FundRecord, left: int, due_ms: int) -> None:
    if not left:
        return
    if lies_at_bank(fund):
        post(ctx, fund.bank, fund.currency, _pot(fund), free(fund.payer), left, "fund", name)
    else:
        _owe_back(ctx, return_of(name), fund, left, "return", due_ms)


def _owe_back(
    ctx: Context, obligation: str, fund: FundRecord, amount_minor: int, cause: Cause, due_ms: int
) -> None:
    back = Owed(
        debtor=fund.holder,
        creditor=fund.payer,
        currency=fund.currency,
        amount_minor=amount_minor,
        due_ms=due_ms or ctx.time_ms + limits.RETURN_MS,
        cause=cause,
        subject=fund.subject,
        mode=fund.mode,
        bank=fund.bank,
    )
    owe(ctx, obligation, back)


def lies_at_bank(fund: FundRecord) -> bool:
    """Whether what is left of it lies frozen at a bank in the payer's name."""
    return fund.mode == "bank" and fund.kind != "prepayment"


def _pot(fund: FundRecord) -> Spot:
    assert fund.kind != "prepayment"
    return Spot(fund.payer, fund.kind)


def target_of(ctx: Context, obligation: Obligation) -> Spot:
    """Where claims go that pay an obligation: to its creditor, or into a fund that lies frozen."""
    if obligation.fund:
        fund = known_fund(ctx, obligation.fund)
        if lies_at_bank(fund):
            return _pot(fund)
    return free(obligation.creditor)


@since(2)
def note_invoice(ctx: Context, a: NoteInvoice) -> None:
    # Checks.
    fund = known_fund(ctx, a.fund)
    if fund.kind != "prepayment" or fund.holder != ctx.member or fund.invoice:
        raise errors.NotHolder(member=ctx.member, fund=a.fund)
    if not fund.received_ms:
        raise errors.NotPaidIn(fund=a.fund)

    # Writes.
    FUNDS.put(ctx, (a.fund,), replace(fund, invoice=a.number))

    # Events.
    ctx.emit(InvoiceNoted(fund=a.fund, number=a.number))
