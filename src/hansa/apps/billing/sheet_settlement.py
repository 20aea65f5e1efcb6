"""Terms of settlement as people write them in a tariff sheet. Client side."""

from hansa.apps.billing.sheet_values import percent_bp
from hansa.apps.billing.terms import LongTermReason, RateFloor, RunsFrom, Settlement
from hansa.kernel.types import Natural, OptionalId, Struct


class SheetSettlement(Struct):
    payment_days: Natural
    runs_from: RunsFrom
    silence_days: Natural = 0
    long_term_reason: LongTermReason = ""
    pay_when_paid: bool = False
    interest: str = ""
    """A year, in per cent: "18.25%"."""
    interest_tax: OptionalId = ""
    bank: OptionalId = ""
    interest_floor: RateFloor | None = None
    """`{"owner": …, "index": …}`: the published index, such as the one-year LPR, that bounds the rate."""


def settlement_of(settlement: SheetSettlement | None, path: str) -> Settlement | None:
    """Raises SheetRate for interest that is no rate."""
    if settlement is None:
        return None
    return Settlement(
        payment_days=settlement.payment_days,
        runs_from=settlement.runs_from,
        silence_days=settlement.silence_days,
        long_term_reason=settlement.long_term_reason,
        pay_when_paid=settlement.pay_when_paid,
        interest_bp=percent_bp(settlement.interest, f"{path}.interest") if settlement.interest else 0,
        interest_tax=settlement.interest_tax,
        bank=settlement.bank,
        interest_floor=settlement.interest_floor,
    )
