"""Who settles with whom where a tariff splits a revenue among several (docs/tariff-rules.md, E25). Pure."""

from collections.abc import Sequence
from typing import Any

from hansa.apps.billing.elements_trade import WHOLE_BP, Payee, Split
from hansa.apps.billing.lines import Line, bounded
from hansa.kernel.types import Integer, MemberId, OptionalId, Struct


class Share(Struct):
    """A part of a statement's sum: who owes it to whom; a negative one is owed the other way."""

    debtor: MemberId
    creditor: MemberId
    net_minor: Integer
    tax_minor: Integer
    gross_minor: Integer
    clause: OptionalId = ""
    """The split; "" for what none shares: it is the provider's."""


def shares(elements: Sequence[Any], provider: str, user: str, lines: Sequence[Line]) -> tuple[Share, ...]:
    """The shares of a closed statement's lines, corrections included; none if the tariff splits nothing.

    Net and tax are allotted apart, by basis points and largest remainder, ties to the lower member id, so
    that all shares together are the statement.
    """
    splits = [element for element in elements if isinstance(element, Split)]
    if not splits:
        return ()
    out: list[Share] = []
    shared: dict[str, None] = {}
    for split in splits:
        shared |= dict.fromkeys(split.of)
        own = [line for line in lines if line.clause in split.of]
        net, tax = _sums(own, split.clause)
        nets, taxes = allot(net, split.payees), allot(tax, split.payees)
        for payee, own_net, own_tax in zip(split.payees, nets, taxes, strict=True):
            out.append(Share(user, payee.member, own_net, own_tax, own_net + own_tax, split.clause))
    rest = [line for line in lines if line.clause not in shared]
    if rest:
        net, tax = _sums(rest, "statement")
        out.append(Share(user, provider, net, tax, net + tax))
    return tuple(out)


def _sums(lines: Sequence[Line], where: str) -> tuple[int, int]:
    """(net, tax). Raises AmountTooLarge."""
    net, tax = sum(line.net_minor for line in lines), sum(line.tax_minor for line in lines)
    bounded(net + tax, where)
    return bounded(net, where), bounded(tax, where)


def allot(amount_minor: int, payees: Sequence[Payee]) -> list[int]:
    """An amount by basis points: floors first, then one unit each by largest remainder, then by member id."""
    parts = [amount_minor * payee.share_bp // WHOLE_BP for payee in payees]
    order = sorted(
        range(len(payees)),
        key=lambda n: (-(amount_minor * payees[n].share_bp % WHOLE_BP), payees[n].member),
    )
    for n in order[: amount_minor - sum(parts)]:
        parts[n] += 1
    return parts
