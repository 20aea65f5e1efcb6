"""Every wording that a signed contract may hold, pinned: whoever changes one makes a new edition of the text.

`text.EDITION` says which wording was signed; under the same edition the same terms must read the same for
ever, or the digest that both signed stands under nothing.
"""

from typing import Any, get_args

import pytest

from hansa.apps.billing.attribution import AttributionRule
from hansa.apps.billing.check_feeds import CheckFeed, CheckRule
from hansa.apps.billing.elements import Cap, Fixed, Index, Minimum, Tier, Usage
from hansa.apps.billing.elements_energy import Demand, FactorStep, PowerFactor, Series
from hansa.apps.billing.elements_trade import (
    Availability,
    Band,
    Discount,
    DownPayment,
    Payee,
    ScrapCredit,
    Split,
    Stage,
    TakeOrPay,
)
from hansa.apps.billing.tariff import Element
from hansa.apps.billing.terms import GapRule, RateFloor, Settlement, Terms
from hansa.apps.billing.unknown_time import UnknownBound
from hansa.apps.leasing import text
from hansa.apps.leasing.text_draft import Draft
from hansa.kernel import digest, replace
from tests.apps.leasing import PRESS, lease_terms
from tests.apps.tariffs import TARIFF
from tests.apps.test_lease_text import MAKER, PLANT, SHANGHAI

PER_PIECE = Usage(
    clause="per_piece",
    tax="vat",
    meter="pieces",
    unit="piece",
    unit_base=1,
    tiers=(Tier(300_000_000, 1_000), Tier(250_000_000)),
    tiering="graduated",
    included_base=10,
    index=Index("bank", "copper", 100_000_000),
)
DEMAND = Demand(
    "demand", "vat", "contracted", "kW", 4_000_000_000, "energy", 15, (), 800_000, 0, 10_500, 20_000
)
ELEMENTS: tuple[Element, ...] = (
    PER_PIECE,
    replace(PER_PIECE, clause="whole", tiering="volume", included_base=0, index=None),
    Fixed("rent", "vat", 500_000),
    Minimum("least", "vat", ("per_piece",), 100_000),
    Cap("most", "vat", ("per_piece",), 900_000),
    DEMAND,
    replace(DEMAND, clause="strip", strip=True),
    replace(
        DEMAND, clause="peak", basis="measured", agreed_base=0, allowed_bp=0, excess_bp=0, least_base=9_000
    ),
    Demand("capacity", "vat", "capacity", "kVA", 2_600_000_000, agreed_base=315_000),
    PowerFactor(
        "factor", "vat", ("demand",), "energy", "reactive", (FactorStep(0, 1_500), FactorStep(90, -75))
    ),
    Series("spot", "vat", "energy", "kWh", 1_000, 60, "bank", "day-ahead", 2, "before", 45_000_000),
    TakeOrPay("commit", "vat", ("per_piece",), 3_000, 150_000_000, 3),
    TakeOrPay("commit_once", "vat", ("per_piece",), 3_000, 150_000_000),
    Discount("turnover", "vat", ("per_piece",), (Stage(0, 100), Stage(5_000_000, 300)), "graduated"),
    Discount("loyal", "vat", ("per_piece",), (Stage(0, 50),), "volume"),
    Availability("uptime", "vat", "execution", ("per_piece",), 9_500, (Band(9_500, 500), Band(9_000, 1_000))),
    ScrapCredit("scrapped", "vat", "scrap", ("per_piece",)),
    DownPayment("up_front", "vat", ("per_piece",), 1_200_000, 12),
    Split("shared", "vat", ("per_piece",), (Payee("bank", 2_500), Payee("maker", 7_500))),
)
CHECKS: tuple[CheckRule, ...] = get_args(CheckRule)
TERMS = Terms(
    cut_off_ms=7_200_000,
    gaps=tuple(
        GapRule(f"m-{rule}", 3_600_000, rule, 5 if rule == "average_day" else 0)
        for rule in ("counter_difference", "last_rate", "zero", "average_day", "dispute")
    ),
    settlement=Settlement(
        payment_days=60,
        runs_from="invoice",
        silence_days=10,
        interest_bp=1_825,
        interest_floor=RateFloor("bank", "lpr-1y"),
    ),
    attribution=(
        AttributionRule("execution", "breakdown", "provider", ("DOWN", "REPAIR")),
        AttributionRule("execution", "no_material", "user", ("IDLE",)),
        AttributionRule("execution", "power_cut", "neither", ("OFF",)),
        AttributionRule("scrap", "tooling", "provider"),
    ),
    checks=tuple(CheckFeed(f"m-{rule}", "plant", f"f-{rule}", 150, 7, rule) for rule in CHECKS),
    unknown=(UnknownBound("execution", 250),),
)
WHOLE: dict[str, Any] = {
    "terms": TERMS,
    "security_deposit_minor": 1_000_000,
    "prepayment_minor": 300_000,
    "earnest_minor": 100_000,
    "expected_minor": 900_000,
    "early_end_notice_ms": 3 * 86_400_000,
    "extension_ms": 7_200_000,
    "with_crew": True,
    "substitution_right": True,
    "head": "l-0",
}
BARE: dict[str, Any] = {"terms": replace(TERMS, settlement=None, attribution=(), checks=(), unknown=())}
VARIANTS: dict[str, dict[str, Any]] = {
    "whole": WHOLE,
    "bare": BARE,
    "service by a bank": WHOLE | {"nature": "service", "mode": "bank", "bank": "bank"},
    "finance": WHOLE | {"nature": "finance"},
    "foreign law": WHOLE | {"governing_law": "de", "prevailing_language": "en"},
    "silent never, from delivery": {
        "terms": replace(TERMS, settlement=Settlement(30, "period_end", interest_bp=365))
    },
}
PINNED: dict[str, tuple[str, str]] = {
    "whole": (
        "b787025b0175d89eafc4c21e52a32f9dd274fb06424ce013702c459904b8088f",
        "6bfb6974466e05913928d99e492006ba6c7a36e82c46fda9449fe15dccf7e366",
    ),
    "bare": (
        "14ad5530f7c3c7c04361afc04d0aa2345b5fedc08b58cd7f6526cf7e854362ff",
        "969fca2e0bd8e34c2470b2fb09cc9cac3929d1452dcd32d6efe186bc4e63588c",
    ),
    "service by a bank": (
        "e7a360315bfcda01aa55444eab6ad9e3e8512bd7b497abc135418434106c416d",
        "685bfbf7075d0b0460427f719c0b8d99ca00ff29fc50b4dd4ec03c52d0dca983",
    ),
    "finance": (
        "8e680368338d867e84858e1c99081804d3803ef7152bd27428efca8047180711",
        "eb7416de364c92664fb462d805800f9633aa91f33dd841c007ec8fc41f5f34cc",
    ),
    "foreign law": (
        "bce0cdd20cb54e0b6bb529a54dd546e029e20b0edaebc0cc40c8fd3b9b515644",
        "1c6c152b678b47f89cd5284eb46a3def9c5c8b9c032371d018995e0676e4f37c",
    ),
    "silent never, from delivery": (
        "e74ae4631f9ef04be3f9fd1fd632ff2abf6d903f5f7a536e771b835888f8dfe1",
        "8a0e1833a20c1931f3ca91dbb823b42d2af3535e67cebccfbfea29949ae12ad9",
    ),
}
"""zh and en of edition 1."""


def draft(changes: dict[str, Any]) -> Draft:
    tariff = replace(TARIFF, elements=ELEMENTS)
    return Draft("l-1", lease_terms(**changes), MAKER, PLANT, PRESS, tariff, SHANGHAI)


def test_every_kind_of_price_is_among_them() -> None:
    assert {type(element) for element in ELEMENTS} == set(get_args(Element))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_text_of_edition_1_reads_as_it_did(name: str) -> None:
    """A digest that differs here is a reworded contract: raise `text.EDITION`, keep this wording under 1."""
    assert text.EDITION == 1
    made = draft(VARIANTS[name])
    assert (digest(text.markdown(made, "zh")), digest(text.markdown(made, "en"))) == PINNED[name]


def test_each_element_and_rule_is_said_in_words_of_its_own() -> None:
    for lang in ("zh", "en"):
        said = text.markdown(draft(WHOLE), lang)  # type: ignore[arg-type]
        for name in (*(element.clause for element in ELEMENTS), *CHECKS, "breakdown", "lpr-1y", "l-0"):
            assert name in said, name
