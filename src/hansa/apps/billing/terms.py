"""What an agreement settles beside the tariff: when a period is cut off, and how gaps of each meter count.

The gap rules themselves are docs/metering-rules.md, G1–G7.
"""

from collections.abc import Sequence
from typing import Literal

from hansa.apps.billing import errors_attribution, errors_life
from hansa.apps.billing import errors_tariff as errors
from hansa.apps.billing.attribution import AttributionRule, check_attribution, of_meter
from hansa.apps.billing.check_feeds import CheckFeed, check_checks
from hansa.apps.billing.elements_energy import slot_minutes
from hansa.apps.billing.elements_trade import Availability, ScrapCredit
from hansa.apps.billing.tariff import Tariff
from hansa.apps.billing.unknown_time import UnknownBound, check_bounds
from hansa.kernel.limits import (
    CUT_OFF_MAX_MS,
    INTEREST_BP_MAX,
    LOOK_BACK_DAYS_MAX,
    RULES_MAX,
    SETTLEMENT_DAYS_MAX,
)
from hansa.kernel.types import BasisPoints, DurationMs, Id, MemberId, Natural, OptionalId, Struct

GapRuleName = Literal["counter_difference", "last_rate", "zero", "average_day", "dispute"]


class GapRule(Struct):
    """How the gaps of one meter count."""

    meter: Id
    longer_than_ms: DurationMs
    """An unknown stretch is a gap if it is longer than this."""
    rule: GapRuleName
    days: Natural = 0
    """Of `average_day`: how many earlier days of the same type are averaged; else 0."""


RunsFrom = Literal["period_end", "confirmation", "invoice"]
"""From when days of payment are counted: end of the period (delivery), both parties' confirmation, the
invoice's recording.
"""
LongTermReason = Literal["", "industry_norm", "trade_custom", "law"]
"""行业规范, 交易习惯, 法律、行政法规另有规定: why more than 60 days are agreed on (Decree 802, art. 9)."""


class RateFloor(Struct):
    """A published index below which an agreed rate of interest must not lie when the agreement is accepted.

    Its values are per cent a year, such as 3.1 for the one-year LPR 一年期贷款市场报价利率.
    """

    owner: MemberId
    """Publishes it, value after value, and can change none."""
    index: Id


class Settlement(Struct):
    """What becomes of a statement: how it is confirmed, when it is due, what a late payment costs."""

    payment_days: Natural
    runs_from: RunsFrom
    silence_days: Natural = 0
    """Who says nothing for so many days after the close has confirmed; 0: silence never counts."""
    long_term_reason: LongTermReason = ""
    pay_when_paid: bool = False
    """Written in many contracts, never accepted: refused by name."""
    interest_bp: BasisPoints = 0
    """Late-payment interest a year, simple, actual days over 365; 0: what the law says, or none."""
    interest_tax: OptionalId = ""
    """Tax code of the tariff that interest falls under; "": it bears no tax."""
    bank: OptionalId = ""
    """Paid by claims on this member bank; "": through the members' own banks."""
    interest_floor: RateFloor | None = None
    """None: that the agreed rate is high enough, the parties see to."""


class Terms(Struct):
    """Sound for a tariff once `check_terms` let it pass."""

    cut_off_ms: DurationMs
    """How long after its end a period stays open for late records. What comes later is corrected (C1)."""
    gaps: tuple[GapRule, ...]
    """One for each meter of the tariff."""
    settlement: Settlement | None = None
    """None: a statement stands, and nothing follows of it."""
    attribution: tuple[AttributionRule, ...] = ()
    """Which states are stops, and what is scrap, and who answers for it unless somebody claims otherwise."""
    checks: tuple[CheckFeed, ...] = ()
    """Feeds of the other party that count the same 副表."""
    unknown: tuple[UnknownBound, ...] = ()
    """How much time of a state meter may be unknown before its lines are disputed by themselves."""


def check_terms(tariff: Tariff, terms: Terms, rules: int = RULES_MAX) -> None:
    """Refuse terms that leave the gaps of a meter open, or by a rule that it cannot carry (G6)."""
    if rules < 2:
        _check_known_to_rules_1(terms)
    if not 0 <= terms.cut_off_ms <= CUT_OFF_MAX_MS:
        raise errors.CutOff(cut_off_ms=terms.cut_off_ms, limit_ms=CUT_OFF_MAX_MS)
    if terms.settlement is not None:
        check_settlement(tariff, terms.settlement)
    meters = {meter.name: meter for meter in tariff.meters}
    check_attribution(terms.attribution, meters)
    _check_attributed(tariff, terms.attribution)
    check_checks(terms.checks, meters)
    check_bounds(terms.unknown, meters)
    _check_slots(tariff, terms.checks)
    kinds = {meter.name: meter.kind for meter in tariff.meters}
    seen: dict[str, GapRule] = {}
    for gap in terms.gaps:
        if gap.meter not in kinds:
            raise errors.GapRuleMeter(clause=gap.meter, meter=gap.meter)
        if gap.meter in seen:
            raise errors.NameTwice(clause=gap.meter, name="gaps", value=gap.meter)
        if gap.longer_than_ms < 0:
            raise errors.GapLength(clause=gap.meter, meter=gap.meter, longer_than_ms=gap.longer_than_ms)
        if gap.rule == "counter_difference" and kinds[gap.meter] != "counter":
            raise errors.GapRuleUnfit(clause=gap.meter, meter=gap.meter, rule=gap.rule)
        least, most = (1, LOOK_BACK_DAYS_MAX) if gap.rule == "average_day" else (0, 0)
        if not least <= gap.days <= most:
            raise errors.GapRuleDays(
                clause=gap.meter, meter=gap.meter, rule=gap.rule, days=gap.days, limit=LOOK_BACK_DAYS_MAX
            )
        seen[gap.meter] = gap
    for meter in kinds:
        if meter not in seen:
            raise errors.GapRuleMissing(clause=meter, meter=meter)


def _check_known_to_rules_1(terms: Terms) -> None:
    """Rules 1 know neither attribution nor check feeds, nor bounds of unknown time."""
    for name in ("attribution", "checks", "unknown"):
        if getattr(terms, name):
            raise errors.NotYet(clause="terms", where=f"terms.{name}")


def _check_slots(tariff: Tariff, checks: Sequence[CheckFeed]) -> None:
    """Where slots are counted one by one, no sum can take the place of theirs (K3)."""
    for check in checks:
        if check.rule in ("mean", "lower") and slot_minutes(tariff.elements, check.meter):
            raise errors_attribution.CheckRule(clause=check.meter, meter=check.meter, rule=check.rule)


def _check_attributed(tariff: Tariff, rules: Sequence[AttributionRule]) -> None:
    """Whatever credits what the provider answers for needs a rule by which it does."""
    for element in tariff.elements:
        if isinstance(element, Availability | ScrapCredit) and not of_meter(rules, element.meter):
            raise errors_attribution.AttributionMissing(
                clause=element.clause, element=element.clause, meter=element.meter
            )


def check_settlement(tariff: Tariff, settlement: Settlement) -> None:
    """Refuse days without end, interest without bound, a tax that the tariff does not have."""
    for days in (settlement.payment_days, settlement.silence_days):
        if not 0 <= days <= SETTLEMENT_DAYS_MAX:
            raise errors_life.SettlementDays(days=days, limit=SETTLEMENT_DAYS_MAX)
    codes = [tax.code for tax in tariff.taxes]
    if settlement.interest_bp > INTEREST_BP_MAX or settlement.interest_tax not in ("", *codes):
        raise errors_life.SettlementInterest(
            interest_bp=settlement.interest_bp, limit=INTEREST_BP_MAX, tax=settlement.interest_tax
        )
