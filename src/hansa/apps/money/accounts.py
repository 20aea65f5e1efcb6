"""Claims on member banks, kept in double entry: what leaves one pot enters another, and all pots at a bank
together are what it owes.
"""

from typing import NamedTuple

from hansa.apps.consortium import interface as consortium
from hansa.apps.money import errors_bank as errors
from hansa.apps.money.currencies import amount_text
from hansa.apps.money.messages_bank import Balance, Issued, Posted, Pot, Why
from hansa.apps.money.tables import BALANCES, BANK_ACCOUNTS, BANKS, ISSUED
from hansa.kernel import Context
from hansa.kernel.types import INTEGER_MAX

ROLE, LICENCE = "bank", "banking"


class Spot(NamedTuple):
    """A pot of an owner."""

    owner: str
    pot: Pot


def free(owner: str) -> Spot:
    return Spot(owner, "free")


def check_licensed(ctx: Context, bank: str) -> None:
    """Whether a member may bring claims on itself into being now. Raises NotLicensed.

    Only a licence of banking counts: keeping other companies' money is taking deposits (商业银行法
    第十一条). A payment licence (支付业务许可证) allows it for one of its two kinds, and the record does not
    tell which.
    """
    member = consortium.company(ctx, bank)
    licensed = any(
        licence.kind == LICENCE and (not licence.expires_ms or ctx.time_ms < licence.expires_ms)
        for licence in member.licences
    )
    if not licensed or ROLE not in member.roles or member.status != "active":
        raise errors.NotLicensed(bank=bank)


def check_bank(ctx: Context, bank: str, *members: str) -> None:
    """Whether this bank keeps claims and these members accept them. Raises BankUnknown, NotAccepted."""
    if BANKS.get(ctx, (bank,)) is None:
        raise errors.BankUnknown(bank=bank)
    for member in members:
        if member != bank and BANK_ACCOUNTS.get(ctx, (member, bank)) is None:
            raise errors.NotAccepted(member=member, bank=bank)


def balance(ctx: Context, bank: str, currency: str, spot: Spot) -> int:
    """What a pot holds."""
    found = BALANCES.get(ctx, (bank, spot.owner, currency, spot.pot))
    return found.amount_minor if found else 0


def post(
    ctx: Context,
    bank: str,
    currency: str,
    source: Spot | None,
    target: Spot | None,
    amount_minor: int,
    why: Why,
    subject: str = "",
) -> None:
    """Move claims; without a source they come into being, without a target they are gone.

    Raises NotEnough, BalanceTooLarge; then nothing was moved.
    """
    # Checks. All pots at a bank add up to what it issued, so only that can grow too large.
    if source is not None and balance(ctx, bank, currency, source) < amount_minor:
        amount = amount_text(amount_minor, currency)
        raise errors.NotEnough(owner=source.owner, bank=bank, amount=amount)
    issued = ISSUED.get(ctx, (bank, currency)) or Issued(amount_minor=0)
    if source is None and issued.amount_minor + amount_minor > INTEGER_MAX:
        raise errors.BalanceTooLarge(bank=bank, currency=currency)

    # Writes: two sides.
    if source is None:
        ISSUED.put(ctx, (bank, currency), Issued(amount_minor=issued.amount_minor + amount_minor))
    else:
        _add(ctx, bank, currency, source, -amount_minor)
    if target is None:
        ISSUED.put(ctx, (bank, currency), Issued(amount_minor=issued.amount_minor - amount_minor))
    else:
        _add(ctx, bank, currency, target, amount_minor)

    # Events.
    ctx.emit(
        Posted(
            bank=bank,
            currency=currency,
            amount_minor=amount_minor,
            why=why,
            from_owner=source.owner if source else "",
            from_pot=source.pot if source else "",
            to_owner=target.owner if target else "",
            to_pot=target.pot if target else "",
            subject=subject,
        )
    )


def _add(ctx: Context, bank: str, currency: str, spot: Spot, step_minor: int) -> None:
    key = (bank, spot.owner, currency, spot.pot)
    amount_minor = balance(ctx, bank, currency, spot) + step_minor
    if amount_minor:
        BALANCES.put(ctx, key, Balance(amount_minor=amount_minor))
    else:
        BALANCES.delete(ctx, key)
