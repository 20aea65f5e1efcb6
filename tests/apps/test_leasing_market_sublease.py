"""A lessee's idle days on the market: with consent, within its lease, on a calendar of its own."""

from typing import Any

import pytest

from hansa.apps.billing.messages import Binding
from hansa.apps.leasing import errors
from hansa.apps.leasing import errors_market as market_errors
from hansa.apps.leasing.messages_market import Agree, Enquire, LeaseTerms, PublishOffer, RegisterAsset
from hansa.apps.leasing.proposals import content_of
from hansa.apps.leasing.queries_market import bookings_of
from hansa.apps.leasing.search import search
from hansa.kernel import Refusal
from tests.apps.leases import DAY, FROM_MS, HOUR, TO_MS, World, refused, running, sublease
from tests.apps.leasing import PRESS, enquiry, offer

UNTIL_MS = FROM_MS + 12 * HOUR


def sublet_offer(**changes: Any) -> PublishOffer:
    """Plant offers days 2 to 6 of its week."""
    given = {
        "from_ms": FROM_MS + 2 * DAY,
        "to_ms": FROM_MS + 6 * DAY,
        "notice_ms": DAY,
        "largest_ms": 4 * DAY,
        "head": "l-1",
    }
    return offer("sub", **given | changes)


def asks(name: str, terms: LeaseTerms) -> Enquire:
    return enquiry(name, terms, offerer="plant", offer="sub", until_ms=UNTIL_MS)


def agreement(name: str, terms: LeaseTerms) -> Agree:
    return Agree(name, content_of(name, 1, terms, UNTIL_MS))


@pytest.fixture
def ground() -> World:
    """Plant holds the press for a week, and maker consented to subleases."""
    made = running()
    made.consent("maker")
    return made


@pytest.mark.parametrize(
    ("member", "changes", "kind"),
    [
        ("rival", {}, errors.NotLessee),
        ("plant", {"head": ""}, market_errors.HeadUnfit),
        ("maker", {}, market_errors.HeadUnfit),
        ("plant", {"head": "l-9"}, errors.LeaseUnknown),
        ("plant", {"to_ms": TO_MS + 1}, errors.SubleaseTooLong),
        ("plant", {"asset": "press-9"}, market_errors.AssetUnknown),
    ],
)
def test_who_may_not_sublet_offers_nothing(
    ground: World, member: str, changes: dict[str, Any], kind: type[Refusal]
) -> None:
    refused(ground, member, sublet_offer(**changes), kind)


def test_an_asset_that_is_not_that_of_the_head_lease_is_not_free(ground: World) -> None:
    """By the head lease of another asset of the same owner nothing of this one can be had."""
    ground.do("maker", RegisterAsset("press-2", PRESS))
    refused(ground, "plant", sublet_offer(asset="press-2"), market_errors.NothingFree)


def test_without_consent_there_is_no_offer_of_another_ones_machine() -> None:
    refused(running(), "plant", sublet_offer(), errors.ConsentMissing)


def test_a_sublease_is_found_agreed_signed_on_the_lessees_calendar(ground: World) -> None:
    ground.do("plant", sublet_offer())
    (found,) = [one for one in ground.ask(search, "milling") if one.offer == "sub"]
    assert [(one.from_ms, one.to_ms) for one in found.free] == [(FROM_MS + 2 * DAY, FROM_MS + 6 * DAY)]
    terms = sublease(2, 2)
    other = sublease(3, 2, lessee="bank")
    ground.do("rival", asks("s-1", terms))
    ground.do("bank", asks("s-2", other))
    ground.do("plant", agreement("s-1", terms))
    refused(ground, "plant", agreement("s-2", other), market_errors.AlreadyBooked)
    of_plant = ground.ask(bookings_of, "maker", "press-1", FROM_MS, TO_MS, "l-1")
    of_maker = ground.ask(bookings_of, "maker", "press-1", FROM_MS, TO_MS)
    assert ([one.by for one in of_plant], [one.by for one in of_maker]) == (["s-1"], ["l-1"])
    ground.sign("s-1")
    assert ground.lease("s-1").depth == 1
    (found,) = [one for one in ground.ask(search, "milling") if one.offer == "sub"]
    assert [(one.from_ms, one.to_ms) for one in found.free] == [(FROM_MS + 4 * DAY, FROM_MS + 6 * DAY)]


def test_the_owner_does_not_lease_its_own_machine_from_its_lessee(ground: World) -> None:
    ground.do("plant", sublet_offer())
    refused(ground, "maker", asks("s-1", sublease(2, 2, lessee="maker")), market_errors.OwnAsset)


def test_a_sublease_counts_by_the_counters_of_its_head_lease(ground: World) -> None:
    ground.do("plant", sublet_offer())
    elsewhere = sublease(2, 2, meters=(Binding("pieces", "rival", "m-pieces"),))
    refused(ground, "rival", asks("s-1", elsewhere), errors.OtherCounters)


def test_a_consent_for_one_member_lets_no_other_agree() -> None:
    ground = running()
    ground.consent("maker", member="bank")
    ground.do("plant", sublet_offer())
    refused(ground, "rival", asks("s-1", sublease(2, 2)), errors.ConsentMissing)
    terms = sublease(2, 2, lessee="bank")
    ground.do("bank", asks("s-2", terms))
    ground.do("plant", agreement("s-2", terms))
