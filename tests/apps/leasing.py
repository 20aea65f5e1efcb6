"""A line to let, and bargains over it, on the ground of tests/apps/ground.py: maker owns `press-1`."""

from typing import Any

from hansa.apps.billing.messages import Binding, PublishTariff
from hansa.apps.billing.tariff import Tariff
from hansa.apps.billing.terms import GapRule, Terms
from hansa.apps.consortium.messages import PublishCalendar
from hansa.apps.leasing.messages_market import (
    Capability,
    Description,
    Enquire,
    LeaseTerms,
    Need,
    Place,
    PublishOffer,
    RegisterAsset,
    Size,
)
from hansa.apps.metering.messages import RegisterDevice, RegisterFeed
from hansa.kernel import KEYS, Context, Key, limits, replace
from tests.apps.ground import Ground, feed
from tests.apps.tariffs import PIECE, TARIFF, calendar_of

DAY, HOUR = limits.DAY_MS, limits.HOUR_MS
START_MS = 20_089 * DAY - 8 * HOUR
"""2025-01-01 at midnight in Shanghai."""
FROM_MS, TO_MS = START_MS + 31 * DAY, START_MS + 59 * DAY
"""February: what is offered."""

PIECES = replace(TARIFF, meters=TARIFF.meters[:1], elements=(PIECE,), windows=())
"""A tariff that counts pieces only."""
MILLING = Capability(
    process="milling",
    materials=("steel", "aluminium"),
    smallest=Size(10_000, 5_000, 5_000),
    largest=Size(800_000, 500_000, 300_000),
    tolerance_um=20,
    rate_per_hour=40,
    unit="piece",
    crew="either",
    changeover_ms=2 * HOUR,
)
DRILLING = replace(MILLING, process="drilling", tolerance_um=50, crew="without")
PLACE = Place("昆山一厂", "Kunshan works", 31_380_000, 120_980_000, "cn-32")
PRESS = Description(
    name_zh="五轴加工中心",
    name_en="Five-axis centre",
    place=PLACE,
    capabilities=(MILLING, DRILLING),
    feeds=("m-pieces",),
    checklist=("spindle", "coolant"),
)
NEED = Need("milling", "steel", Size(100_000, 200_000, 50_000), 25, 1_000)
BOUND = (Binding("pieces", "maker", "m-pieces"),)
TERMS = Terms(cut_off_ms=0, gaps=(GapRule("pieces", HOUR, "zero"),))


def offer(name: str = "o-1", **changes: Any) -> PublishOffer:
    """Maker offers the press for February, in slices of one to fourteen days."""
    given: dict[str, Any] = {
        "offer": name,
        "asset_owner": "maker",
        "asset": "press-1",
        "from_ms": FROM_MS,
        "to_ms": TO_MS,
        "notice_ms": 2 * DAY,
        "smallest_ms": DAY,
        "largest_ms": 14 * DAY,
        "tariff_owner": "maker",
        "tariff": "t-1",
        "tariff_version": 1,
        "nature": "operating",
        "crew": "either",
    }
    return PublishOffer(**given | changes)


def lease_terms(first_day: int = 0, days: int = 7, **changes: Any) -> LeaseTerms:
    """Plant leases the press for a week from a day of the window on."""
    from_ms = FROM_MS + first_day * DAY
    given: dict[str, Any] = {
        "lessor": "maker",
        "lessee": "plant",
        "asset_owner": "maker",
        "asset": "press-1",
        "asset_version": 1,
        "from_ms": from_ms,
        "to_ms": from_ms + days * DAY,
        "sign_by_ms": from_ms - DAY,
        "tariff_owner": "maker",
        "tariff": "t-1",
        "tariff_version": 1,
        "meters": BOUND,
        "terms": TERMS,
        "currency": "CNY",
        "nature": "operating",
        "governing_law": "cn",
        "prevailing_language": "zh",
        "mode": "external",
    }
    return LeaseTerms(**given | changes)


def enquiry(name: str = "b-1", terms: LeaseTerms | None = None, **changes: Any) -> Enquire:
    """Plant asks for a week, to be answered within ten days."""
    given: dict[str, Any] = {
        "bargain": name,
        "offerer": "maker",
        "offer": "o-1",
        "need": NEED,
        "terms": terms or lease_terms(),
        "until_ms": START_MS + 10 * DAY,
    }
    return Enquire(**given | changes)


class Market(Ground):
    """The ground under the newest rules."""

    def context(self, member: str = "", key: str = "gateway-1") -> Context:
        ctx = super().context(member, key)
        ctx.rules = limits.RULES_MAX
        return ctx


def market(tariff: Tariff = PIECES) -> Market:
    """Maker has a press with a counter and a published tariff; `rival` is a member too."""
    ground = Market(START_MS)
    ground.join("rival")
    ctx = ground.context("maker")
    key = Key(1, b"m" * 32, "h", "gateway", ("*",), START_MS + 100 * 366 * DAY)
    KEYS.put(ctx, ("maker", "gateway-1"), key)
    ctx.layer.merge_into(ground.layer)
    ground.do("maker", RegisterDevice(device="press", source="gateway-1"))
    ground.do("maker", RegisterFeed(feed="m-pieces", declaration=feed()))
    ground.do("maker", PublishCalendar(id="c-1", calendar=calendar_of("Asia/Shanghai")))
    for version in (1, 2):
        ground.do("maker", PublishTariff("t-1", version, tariff, calendar_owner="maker", calendar="c-1"))
    ground.do("maker", RegisterAsset(asset="press-1", description=PRESS))
    return ground
