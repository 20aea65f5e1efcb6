"""What an agreement settles beside the tariff: when a period is cut off, and how gaps of each meter count.

The gap rules themselves are docs/metering-rules.md, G1–G7.
"""

from typing import Literal

from hansa.apps.billing import errors_tariff as errors
from hansa.apps.billing.tariff import Tariff
from hansa.kernel.limits import CUT_OFF_MAX_MS, LOOK_BACK_DAYS_MAX
from hansa.kernel.types import DurationMs, Id, Natural, Struct

GapRuleName = Literal["counter_difference", "last_rate", "zero", "average_day", "dispute"]


class GapRule(Struct):
    """How the gaps of one meter count."""

    meter: Id
    longer_than_ms: DurationMs
    """An unknown stretch is a gap if it is longer than this."""
    rule: GapRuleName
    days: Natural = 0
    """Of `average_day`: how many earlier days of the same type are averaged; else 0."""


class Terms(Struct):
    """Sound for a tariff once `check_terms` let it pass."""

    cut_off_ms: DurationMs
    """How long after its end a period stays open for late records. What comes later is corrected (C1)."""
    gaps: tuple[GapRule, ...]
    """One for each meter of the tariff."""


def check_terms(tariff: Tariff, terms: Terms) -> None:
    """Refuse terms that leave the gaps of a meter open, or by a rule that it cannot carry (G6)."""
    if not 0 <= terms.cut_off_ms <= CUT_OFF_MAX_MS:
        raise errors.CutOff(cut_off_ms=terms.cut_off_ms, limit_ms=CUT_OFF_MAX_MS)
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
