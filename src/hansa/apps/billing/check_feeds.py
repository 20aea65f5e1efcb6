"""The check feed 副表: the other party counts the same, and both are compared period by period.

The law is docs/tariff-rules.md, section 8 (K1–K4). Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from hansa.apps.billing import errors_attribution as errors
from hansa.apps.billing.elements import Meter
from hansa.apps.billing.lines import bounded
from hansa.kernel.types import BasisPoints, Id, MemberId, Natural, Struct

CheckRule = Literal["main", "mean", "lower", "dispute"]
"""What counts beyond the tolerance: the main feed, the mean of both, the lower of both; or the main feed, and
the statement is disputed by itself for the lines that rest on the meter."""
SUFFIX = "/check"
"""Behind a meter's name where its check feed is booked; no id holds a slash."""
WHOLE_BP = 10_000


class CheckFeed(Struct):
    """The feed of the other party that counts what a meter counts, and how far the two may differ."""

    meter: Id
    owner: MemberId
    """The party that does not own the meter's main feed."""
    feed: Id
    tolerance_bp: BasisPoints
    """Of what the main feed counts in the period, in basis points; the larger of both tolerances holds."""
    tolerance_base: Natural
    """Base units."""
    rule: CheckRule


class CheckResult(Struct):
    """A comparison as a statement lists it."""

    meter: Id
    owner: MemberId
    """Of the check feed."""
    feed: Id
    rule: CheckRule
    main_base: Natural
    """What the main feed counts in the period, gaps by their rule included; base units."""
    check_base: Natural
    counted_base: Natural
    """What the period is rated by."""
    beyond: bool = False
    """The two differ by more than the tolerance."""


def check_name(meter: str) -> str:
    """Under which name the check feed of a meter is booked."""
    return meter + SUFFIX


def main_name(meter: str) -> str:
    """The meter that a booked name stands for: itself, or the one whose check feed it is."""
    return meter.split(SUFFIX)[0]


def is_check(name: str) -> bool:
    """Whether a booked name is that of a check feed."""
    return name.endswith(SUFFIX)


def check_checks(checks: Sequence[CheckFeed], meters: Mapping[str, Meter]) -> None:
    """Refuse what could not be compared (K1)."""
    seen: dict[str, None] = {}
    for check in checks:
        meter = meters.get(check.meter)
        if meter is None or meter.kind == "state":
            raise errors.CheckMeter(clause=check.meter, meter=check.meter)
        if check.meter in seen:
            raise errors.CheckTwice(clause=check.meter, meter=check.meter)
        if not (0 <= check.tolerance_bp <= WHOLE_BP and check.tolerance_base >= 0):
            raise errors.CheckTolerance(
                clause=check.meter,
                meter=check.meter,
                tolerance_bp=check.tolerance_bp,
                tolerance_base=check.tolerance_base,
                limit=WHOLE_BP,
            )
        seen[check.meter] = None


def is_beyond(check: CheckFeed, main_base: int, check_base: int) -> bool:
    """K2: whether the feeds differ by more than either tolerance allows."""
    difference = abs(main_base - check_base)
    return difference > check.tolerance_base and difference * WHOLE_BP > check.tolerance_bp * main_base


def compare(
    check: CheckFeed, main: Mapping[str, int], other: Mapping[str, int]
) -> tuple[CheckResult, dict[str, int]]:
    """K2, K3: the result, and what counts by window; `main` and `other` by window too, base units.

    Raises AmountTooLarge.
    """
    main_base, check_base = (bounded(sum(sums.values()), check.meter) for sums in (main, other))
    beyond = is_beyond(check, main_base, check_base)
    windows = dict.fromkeys((*main, *other))
    if beyond and check.rule == "mean":
        counted = {window: (main.get(window, 0) + other.get(window, 0)) // 2 for window in windows}
    elif beyond and check.rule == "lower" and check_base < main_base:
        counted = {window: other.get(window, 0) for window in windows}
    else:
        counted = dict(main)
    result = CheckResult(
        meter=check.meter,
        owner=check.owner,
        feed=check.feed,
        rule=check.rule,
        main_base=main_base,
        check_base=check_base,
        counted_base=sum(counted.values()),
        beyond=beyond,
    )
    return result, counted
