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
        "dcd5b98b4da15bc450fffdf05e3db40dec77ae50c4df7bdd7abcf4d85fcc3b78",
        "bab0db6012d729d60af783d8bf7431bb8bd8b2982dc5b5eb01304b7a980513c0",
    ),
    "bare": (
        "463a4941dd1fe20fbe733d9a80da1478b5b5cef391cda2daa02a37fd13dc7f49",
        "dd49f39d8c433407de703ff32e2361b6ffc0b5b614dd18db29ce318b80d765ff",
    ),
    "service by a bank": (
        "cba3f5860686422ca891bcb4bfc91ab0aa122fbb2ea789ed324295a7f0e9abde",
        "57c9bae59254b8bc672e96ed3d2c74c7fc04c681667bf4df217faaf290151364",
    ),
    "finance": (
        "bea13a9f8a58fae5e3e72e3e898584c4a5460436cbbb82e09b123b45560afa04",
        "e3fb88bdce16edf97d3db559bfdf38e27a3d8c66bce95293c383c5e58a6d5dc4",
    ),
    "foreign law": (
        "c5e80266a9e262bccbe6b82a56a20a383363e090e89ce8915d6ac6121db4e301",
        "fa9858652dbc2de2cb5238add635f5a504badb7a4214afca8ae767f49dc9dd36",
    ),
    "silent never, from delivery": (
        "f94aed012b5639bf76226ddccbcd350b206fd2ca5af9a000fed671fe934e5262",
        "eae4861e17bcb8c7f821eed597b29616f1ab8bf593841d4c717ab7967cd21e4f",
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
