"""Assets, offers and bargains: who may, on what; each refusal by code, field, clause and both texts."""

from collections.abc import Callable
from typing import Any

import pytest

from hansa.apps.billing.errors import AgreementTaken, MeterUnbound, TariffUnknown
from hansa.apps.billing.errors_tariff import GapRuleMissing
from hansa.apps.billing.messages import Propose
from hansa.apps.billing.terms import Terms
from hansa.apps.consortium.errors_members import NotActive
from hansa.apps.consortium.members import set_status
from hansa.apps.leasing import booking, lease_rules
from hansa.apps.leasing import errors_market as market_errors
from hansa.apps.leasing.bargaining import PROPOSALS
from hansa.apps.leasing.errors import NatureUnlicensed
from hansa.apps.leasing.messages_market import (
    Agree,
    Certificate,
    Counter,
    Decline,
    RegisterAsset,
    Slot,
    UpdateAsset,
    WithdrawOffer,
)
from hansa.apps.leasing.offers import offer_due
from hansa.apps.leasing.proposals import content_of
from hansa.apps.leasing.queries_market import (
    asset_of,
    assets,
    bargain_of,
    bargains_of,
    bookings_of,
    offers,
    proposals_of,
    reservation_of,
)
from hansa.apps.leasing.reservations import reservation_due
from hansa.apps.metering.errors import FeedUnknown
from hansa.apps.money.errors_bank import BankUnknown
from hansa.kernel import Refusal, limits, replace
from hansa.kernel.context import OutOfRange
from tests.apps.ground import Ground
from tests.apps.leasing import (
    BOUND,
    DAY,
    DRILLING,
    FROM_MS,
    HOUR,
    MILLING,
    NEED,
    PLACE,
    PRESS,
    START_MS,
    TO_MS,
    enquiry,
    lease_terms,
    market,
    offer,
)

UNTIL_MS = START_MS + 10 * DAY
Act = Callable[[Ground], Any]


@pytest.fixture
def ground() -> Ground:
    return market()


def do(*steps: tuple[str, Any]) -> Act:
    """Members act one after the other; the last action is the one that is looked at."""

    def act(ground: Ground) -> None:
        for member, action in steps:
            ground.do(member, action)

    return act


def published(*more: tuple[str, Any]) -> Act:
    return do(("maker", offer()), *more)


def enquired(*more: tuple[str, Any]) -> Act:
    """Plant has enquired for the first week."""
    return published(("plant", enquiry()), *more)


def content(number: int = 1, terms: Any = None, until_ms: int = UNTIL_MS, name: str = "b-1") -> str:
    return content_of(name, number, terms or lease_terms(), until_ms)


AGREED = ("maker", Agree("b-1", content()))


def asks(**changes: Any) -> Act:
    """An enquiry with other terms."""
    return published(("plant", enquiry(terms=lease_terms(**changes))))


def counters(**changes: Any) -> Act:
    """Maker answers with other terms."""
    return enquired(("maker", Counter("b-1", lease_terms(**changes), UNTIL_MS)))


def needs(**changes: Any) -> Act:
    return published(("plant", enquiry(need=replace(NEED, **changes))))


def registers(**changes: Any) -> Act:
    return do(("maker", RegisterAsset("press-2", replace(PRESS, **changes))))


def offers_it(**changes: Any) -> Act:
    return do(("maker", offer(**changes)))


def after(day: int, *steps: tuple[str, Any]) -> Act:
    """What plant enquired for is answered on a later day."""

    def act(ground: Ground) -> None:
        enquired()(ground)
        ground.now_ms = START_MS + day * DAY
        do(*steps)(ground)

    return act


def suspended(member: str, *steps: tuple[str, Any]) -> Act:
    def act(ground: Ground) -> None:
        *before, last = steps
        do(*before)(ground)
        ctx = ground.context()
        set_status(ctx, member, "suspended")
        ctx.layer.merge_into(ground.layer)
        do(last)(ground)

    return act


def haggles(rounds: int) -> Act:
    """Both counter in turn, `rounds` proposals in all, and one more."""
    sides = ("plant", "maker")
    counters = [(sides[n % 2], Counter("b-1", lease_terms(), UNTIL_MS)) for n in range(1, rounds + 1)]
    return enquired(*counters)


def thousand_and_one_offers(ground: Ground) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "OFFERS_OPEN_MAX", 3)
        for n in range(4):
            ground.do("maker", offer(f"o-{n}"))


def offers_what_is_booked(ground: Ground) -> None:
    ctx = ground.context()
    booking.book(ctx, "x", Slot("maker", "press-1", "", FROM_MS + 20 * HOUR, TO_MS))
    ctx.layer.merge_into(ground.layer)
    ground.do("maker", offer("o-2"))


def asks_of_finance(ground: Ground) -> None:
    """The offer is another's nature by then: a licence that ended meanwhile lets nobody agree any more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease_rules, "check_nature", lambda *_: None)
        ground.do("maker", offer(nature="finance"))
    ground.do("plant", enquiry(terms=lease_terms(nature="finance")))


def enquires_under_the_name_of_an_agreement(ground: Ground) -> None:
    published()(ground)
    terms = lease_terms()
    ground.do(
        "maker",
        Propose("b-1", "maker", "plant", "maker", "t-1", 1, BOUND, terms.terms, terms.from_ms, terms.to_ms),
    )
    ground.do("plant", enquiry())


def offers_with_crew_what_has_none(ground: Ground) -> None:
    ground.do("maker", RegisterAsset("drill-1", replace(PRESS, capabilities=(DRILLING,))))
    ground.do("maker", offer(asset="drill-1", crew="with"))


def asks_for_a_crew_that_is_not_offered(ground: Ground) -> None:
    ground.do("maker", offer(crew="without"))
    ground.do("plant", enquiry(terms=lease_terms(with_crew=True)))


MANY = tuple(f"f-{n}" for n in range(limits.CHECKLIST_MAX + 1))
PAPER = Certificate("ISO 9001", "ab" * 32)
TINY = replace(MILLING, smallest=replace(MILLING.largest, x_um=900_000))
OTHER_BOUND = (replace(BOUND[0], owner="rival"),)
NOWHERE = replace(PRESS, place=replace(PLACE, latitude_e6=90_000_001))
REFUSALS: list[tuple[type[Refusal], str, Act]] = [
    # Assets.
    (market_errors.AssetVersion, "", do(("maker", RegisterAsset("press-1", PRESS)))),
    (market_errors.AssetVersion, "", do(("maker", UpdateAsset("press-1", 1, PRESS)))),
    (market_errors.AssetVersion, "", do(("maker", UpdateAsset("press-1", 3, PRESS)))),
    (market_errors.AssetUnknown, "", do(("plant", UpdateAsset("press-1", 2, PRESS)))),
    (market_errors.PlaceUnfit, "", do(("maker", UpdateAsset("press-1", 2, NOWHERE)))),
    (market_errors.ListUnfit, "capabilities", registers(capabilities=())),
    (market_errors.ListUnfit, "capabilities", registers(capabilities=(MILLING, MILLING))),
    (market_errors.ListUnfit, "materials", registers(capabilities=(replace(MILLING, materials=()),))),
    (market_errors.ListUnfit, "checklist", registers(checklist=MANY)),
    (market_errors.ListUnfit, "feeds", registers(feeds=("m-pieces", "m-pieces"))),
    (market_errors.ListUnfit, "certificates", registers(certificates=(PAPER, PAPER))),
    (market_errors.PlaceUnfit, "", registers(place=replace(PLACE, latitude_e6=90_000_001))),
    (market_errors.PlaceUnfit, "", registers(place=replace(PLACE, longitude_e6=-180_000_001))),
    (market_errors.SizeUnfit, "milling", registers(capabilities=(TINY,))),
    (FeedUnknown, "", registers(feeds=("nothing",))),
    (NotActive, "", suspended("maker", ("maker", RegisterAsset("press-2", PRESS)))),
    (NotActive, "", suspended("maker", ("maker", UpdateAsset("press-1", 2, PRESS)))),
    (OutOfRange, "", registers(place=replace(PLACE, name_zh=""))),
    # Offers.
    (market_errors.OfferTaken, "", published(("maker", offer()))),
    (market_errors.WindowInPast, "", offers_it(from_ms=START_MS - 1)),
    (market_errors.WindowUnfit, "", offers_it(to_ms=FROM_MS)),
    (market_errors.WindowUnfit, "", offers_it(to_ms=FROM_MS + limits.OFFER_MAX_MS + 1)),
    (market_errors.WindowUnfit, "", offers_it(from_ms=START_MS + limits.AHEAD_MAX_MS + 1, to_ms=2**50)),
    (market_errors.NoticeUnfit, "", offers_it(notice_ms=-1)),
    (market_errors.NoticeUnfit, "", offers_it(notice_ms=limits.NOTICE_MAX_MS + 1)),
    (market_errors.SliceUnfit, "", offers_it(smallest_ms=0)),
    (market_errors.SliceUnfit, "", offers_it(smallest_ms=2 * DAY, largest_ms=DAY)),
    (market_errors.SliceUnfit, "", offers_it(largest_ms=29 * DAY)),
    (market_errors.AssetUnknown, "", offers_it(asset="press-9")),
    (market_errors.HeadUnfit, "", do(("plant", offer()))),
    (market_errors.HeadUnfit, "", offers_it(head="l-1")),
    (market_errors.CapabilityLacking, "crew", offers_with_crew_what_has_none),
    (market_errors.NothingFree, "", offers_what_is_booked),
    (market_errors.TooManyOffers, "", thousand_and_one_offers),
    (TariffUnknown, "", offers_it(tariff_version=9)),
    (NotActive, "", suspended("maker", ("maker", offer()))),
    (market_errors.OfferUnknown, "", published(("plant", WithdrawOffer("o-1")))),
    (market_errors.OfferClosed, "", published(*[("maker", WithdrawOffer("o-1"))] * 2)),
    # Enquiries.
    (market_errors.OwnOffer, "", published(("maker", enquiry()))),
    (market_errors.OfferUnknown, "", do(("plant", enquiry()))),
    (market_errors.OfferClosed, "", published(("maker", WithdrawOffer("o-1")), ("plant", enquiry()))),
    (market_errors.BargainTaken, "", enquired(("rival", enquiry(terms=lease_terms(lessee="rival"))))),
    (market_errors.CapabilityLacking, "process", needs(process="turning")),
    (market_errors.CapabilityLacking, "material", needs(material="titanium")),
    (market_errors.CapabilityLacking, "size", needs(size=replace(NEED.size, y_um=800_001))),
    (market_errors.CapabilityLacking, "size", needs(size=replace(NEED.size, z_um=4_999))),
    (market_errors.CapabilityLacking, "tolerance_um", needs(tolerance_um=19)),
    (market_errors.NotAsOffered, "lessor", asks(lessor="rival")),
    (market_errors.NotAsOffered, "lessee", asks(lessee="rival")),
    (market_errors.NotAsOffered, "asset", asks(asset="press-2")),
    (market_errors.NotAsOffered, "asset_owner", asks(asset_owner="rival")),
    (market_errors.NotAsOffered, "asset_version", asks(asset_version=2)),
    (market_errors.NotAsOffered, "nature", asks(nature="service")),
    (market_errors.NotAsOffered, "head", asks(head="l-1")),
    (market_errors.NotAsOffered, "with_crew", asks_for_a_crew_that_is_not_offered),
    (market_errors.OutsideWindow, "", asks(first_day=-1)),
    (market_errors.OutsideWindow, "", asks(first_day=25)),
    (market_errors.OutsideWindow, "", asks(days=0)),
    (market_errors.SliceLength, "", asks(days=15)),
    (market_errors.SliceLength, "", asks(to_ms=FROM_MS + DAY - 1)),
    (market_errors.DeadlineUnfit, "", asks(sign_by_ms=FROM_MS + 1)),
    (market_errors.DeadlineUnfit, "", asks(sign_by_ms=UNTIL_MS - 1)),
    (market_errors.DeadlineUnfit, "", published(("plant", enquiry(until_ms=START_MS - 1)))),
    (market_errors.NoticeTooShort, "", published(("plant", enquiry(until_ms=FROM_MS - 2 * DAY + 1)))),
    (market_errors.CurrencyMix, "", asks(currency="EUR")),
    (market_errors.FeedElsewhere, "pieces", asks(meters=OTHER_BOUND)),
    (market_errors.FeedElsewhere, "pieces", asks(meters=(replace(BOUND[0], feed="m-other"),))),
    (FeedUnknown, "", asks(meters=(replace(BOUND[0], owner="plant", feed="nothing"),))),
    (market_errors.EarnestUnfit, "", asks(earnest_minor=2_001, expected_minor=10_000)),
    (market_errors.EarnestUnfit, "", asks(earnest_minor=1)),
    (MeterUnbound, "pieces", asks(meters=())),
    (GapRuleMissing, "pieces", asks(terms=Terms(0, ()))),
    (BankUnknown, "", asks(mode="bank", bank="bank")),
    (NatureUnlicensed, "", asks_of_finance),
    (NatureUnlicensed, "", offers_it(nature="finance")),
    (AgreementTaken, "", enquires_under_the_name_of_an_agreement),
    (market_errors.BankUnfit, "", asks(mode="bank")),
    (market_errors.BankUnfit, "", asks(bank="bank")),
    (TariffUnknown, "", asks(tariff_owner="plant")),
    (NotActive, "", suspended("plant", ("maker", offer()), ("plant", enquiry()))),
    (NotActive, "", suspended("maker", ("maker", offer()), ("plant", enquiry()))),
    # Turns.
    (market_errors.BargainUnknown, "", do(AGREED)),
    (market_errors.NotParty, "", enquired(("rival", Agree("b-1", content())))),
    (market_errors.NotParty, "", enquired(("rival", Counter("b-1", lease_terms(), UNTIL_MS)))),
    (market_errors.NotParty, "", enquired(("rival", Decline("b-1")))),
    (market_errors.OwnProposal, "", enquired(("plant", Agree("b-1", content())))),
    (market_errors.OwnProposal, "", enquired(("plant", Counter("b-1", lease_terms(), UNTIL_MS)))),
    (market_errors.OtherContent, "", enquired(("maker", Agree("b-1", "ab" * 32)))),
    (market_errors.OtherContent, "", enquired(("maker", Agree("b-1", content(2))))),
    (market_errors.BargainOver, "", enquired(AGREED, AGREED)),
    (market_errors.BargainOver, "", enquired(AGREED, ("plant", Decline("b-1")))),
    (market_errors.BargainOver, "", enquired(("plant", Decline("b-1")), AGREED)),
    (market_errors.BargainOver, "", enquired(*[("plant", Decline("b-1"))] * 2)),
    (market_errors.ProposalLapsed, "", after(11, AGREED)),
    (market_errors.ProposalLapsed, "", after(11, ("maker", Counter("b-1", lease_terms(), UNTIL_MS)))),
    (market_errors.TooManyRounds, "", haggles(limits.ROUNDS_MAX)),
    (market_errors.CurrencyMix, "", counters(currency="EUR")),
    (market_errors.NotAsOffered, "lessee", counters(lessee="rival")),
    (NotActive, "", suspended("plant", ("maker", offer()), ("plant", enquiry()), AGREED)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "clause", "act"), REFUSALS, ids=[f"{r[0].__name__}-{n}" for n, r in enumerate(REFUSALS)]
)
def test_a_refusal_names_code_field_and_clause_in_two_languages(
    ground: Ground, kind: type[Refusal], clause: str, act: Act
) -> None:
    with pytest.raises(Refusal) as refused:
        act(ground)
    assert (refused.value.code, refused.value.field) == (kind.code, kind.field), refused.value
    assert refused.value.clause == clause
    assert "{" not in refused.value.zh + refused.value.en


IN_TEST_BOOKING = {
    market_errors.AlreadyBooked, market_errors.BookingTaken, market_errors.BookingUnknown,
    market_errors.OutsideHead, market_errors.EndUnfit, market_errors.StillSublet,
    market_errors.ReservationUnknown, market_errors.ReservationOver, market_errors.OwnAsset,
}  # fmt: skip


def test_every_refusal_of_the_market_is_raised_above_or_beside() -> None:
    kinds = {kind for kind in vars(market_errors).values() if isinstance(kind, type)}
    own = {kind for kind in kinds if kind.__module__ == market_errors.__name__}
    assert own - {r[0] for r in REFUSALS} == IN_TEST_BOOKING


def test_an_asset_has_versions_and_what_was_offered_keeps_its_own(ground: Ground) -> None:
    published()(ground)
    ground.do("maker", UpdateAsset("press-1", 2, replace(PRESS, capabilities=(DRILLING,))))
    assert ground.ask(asset_of, "maker", "press-1").description.capabilities == (DRILLING,)
    assert ground.ask(asset_of, "maker", "press-1", 1).description == PRESS
    ground.do("plant", enquiry())  # Milling, as version 1 can.
    assert ground.ask(proposals_of, "b-1")[0].terms.asset_version == 1
    ground.do("maker", offer("o-2"))
    with pytest.raises(market_errors.CapabilityLacking):
        ground.do("plant", enquiry("b-2", lease_terms(asset_version=2), offer="o-2"))


def test_a_part_fits_however_it_is_turned(ground: Ground) -> None:
    published()(ground)
    x, y, z = 300_000, 800_000, 500_000
    ground.do("plant", enquiry(need=replace(NEED, size=replace(NEED.size, x_um=x, y_um=y, z_um=z))))
    longer = replace(NEED, size=replace(NEED.size, x_um=x + 1, y_um=y, z_um=z))
    with pytest.raises(market_errors.CapabilityLacking):
        ground.do("plant", enquiry("b-2", need=longer))


def test_what_lacks_last_comes_from_the_capability_that_comes_closest(ground: Ground) -> None:
    """Drilling lacks the tolerance; milling is another process: the text speaks of the tolerance."""
    published()(ground)
    with pytest.raises(market_errors.CapabilityLacking) as refused:
        ground.do("plant", enquiry(need=replace(NEED, process="drilling", tolerance_um=49)))
    assert refused.value.clause == "tolerance_um"


def test_agreement_is_to_exactly_the_last_proposal_and_books_the_time(ground: Ground) -> None:
    enquired()(ground)
    second = lease_terms(first_day=1, tariff_version=2, security_deposit_minor=5_000_000)
    ground.do("maker", Counter("b-1", second, UNTIL_MS))
    for stale in (content(), content(2), content(2, second, UNTIL_MS + 1), content(1, second)):
        with pytest.raises(market_errors.OtherContent):
            ground.do("plant", Agree("b-1", stale))
    ground.do("plant", Agree("b-1", content(2, second)))

    reservation = ground.ask(reservation_of, "b-1")
    assert (reservation.terms, reservation.state) == (second, "reserved")
    taken = ground.ask(bookings_of, "maker", "press-1", FROM_MS, TO_MS)
    assert [(one.from_ms, one.to_ms, one.by, one.until_ms) for one in taken] == [
        (second.from_ms, second.to_ms, "b-1", second.sign_by_ms)
    ]
    assert ground.ask(bargain_of, "b-1").state == "agreed"
    assert [one.terms for one in ground.ask(proposals_of, "b-1")] == [lease_terms(), second]


def test_of_two_plants_that_race_the_first_in_the_block_wins_and_the_other_may_go_on(ground: Ground) -> None:
    enquired(("rival", enquiry("b-2", lease_terms(first_day=6, lessee="rival"))))(ground)
    race = content_of("b-2", 1, lease_terms(first_day=6, lessee="rival"), UNTIL_MS)
    ground.do(*AGREED)
    before = ground.tables("leasing")
    with pytest.raises(market_errors.AlreadyBooked) as refused:
        ground.do("maker", Agree("b-2", race))
    assert "press-1" in refused.value.zh
    assert ground.tables("leasing") == before
    later = lease_terms(first_day=7, lessee="rival")
    ground.do("maker", Counter("b-2", later, UNTIL_MS))
    ground.do("rival", Agree("b-2", content_of("b-2", 2, later, UNTIL_MS)))
    taken = ground.ask(bookings_of, "maker", "press-1", FROM_MS, TO_MS)
    assert [one.by for one in taken] == ["b-1", "b-2"]


def test_a_reservation_not_signed_in_time_lapses_once_and_frees_the_time(ground: Ground) -> None:
    enquired(AGREED)(ground)
    sign_by_ms = lease_terms().sign_by_ms
    ground.move_to(sign_by_ms)
    assert ground.ask(reservation_of, "b-1").state == "reserved"
    ground.move_to(sign_by_ms + 1)
    assert ground.ask(reservation_of, "b-1").state == "lapsed"
    assert ground.ask(bookings_of, "maker", "press-1", FROM_MS, TO_MS) == []


def test_a_backlog_of_due_work_changes_nothing_who_comes_later_takes_the_time(ground: Ground) -> None:
    """The reservation's time to sign is over, but the queue did not come to it yet."""
    terms = lease_terms(first_day=10, sign_by_ms=START_MS + 12 * DAY)
    enquired()(ground)
    published_late = lease_terms(first_day=10, lessee="rival")
    ground.do("plant", enquiry("b-3", terms))
    ground.do("maker", Agree("b-3", content_of("b-3", 1, terms, UNTIL_MS)))
    until_ms = START_MS + 13 * DAY
    ground.do("rival", enquiry("b-4", published_late, until_ms=until_ms))
    last = Agree("b-4", content_of("b-4", 1, published_late, until_ms))
    ground.now_ms = START_MS + 12 * DAY
    with pytest.raises(market_errors.AlreadyBooked):
        ground.do("maker", last)
    ground.now_ms += 1
    ground.do("maker", last)
    ground.move_to(START_MS + 14 * DAY)  # Now the queue comes to b-3, whose time another one has.
    assert ground.ask(reservation_of, "b-3").state == "lapsed"
    taken = ground.ask(bookings_of, "maker", "press-1", FROM_MS, TO_MS)
    assert [one.by for one in taken] == ["b-4"]


def test_what_was_proposed_stands_although_the_offer_is_withdrawn(ground: Ground) -> None:
    enquired(("maker", Counter("b-1", lease_terms(first_day=2), UNTIL_MS)))(ground)
    ground.do("maker", WithdrawOffer("o-1"))
    ground.do("plant", Agree("b-1", content(2, lease_terms(first_day=2))))
    assert ground.ask(reservation_of, "b-1").state == "reserved"


def test_due_work_that_comes_early_or_late_or_twice_does_nothing(ground: Ground) -> None:
    enquired(AGREED)(ground)
    before = ground.tables("leasing")
    for work, arguments in ((offer_due, ("maker", "o-1")), (reservation_due, ("b-1",))):
        for unknown in (arguments, ("nobody", "o-1")[: len(arguments)]):
            ctx = ground.context()
            work(ctx, *unknown)
            ctx.layer.merge_into(ground.layer)
    assert ground.tables("leasing") == before


def test_lists_go_on_after_the_last_one_shown(ground: Ground) -> None:
    for n in range(5):
        ground.do("maker", RegisterAsset(f"a-{n}", PRESS))
        ground.do("maker", UpdateAsset(f"a-{n}", 2, PRESS))
        ground.do("maker", offer(f"o-{n}", asset=f"a-{n}"))
        terms = lease_terms(asset=f"a-{n}", asset_version=2)
        ground.do("plant", enquiry(f"b-{n}", terms, offer=f"o-{n}"))
    names = [f"a-{n}" for n in range(5)]
    assert [one.asset for one in ground.ask(assets, "maker")] == [*names, "press-1"]
    assert [(one.asset, one.version) for one in ground.ask(assets, "maker", "a-1", 2)] == [
        ("a-2", 2), ("a-3", 2)
    ]  # fmt: skip
    assert [one.offer for one in ground.ask(offers, "", False, "maker", "o-2", 1)] == ["o-3"]
    assert [one.offer for one in ground.ask(offers, "plant")] == []
    for member in ("maker", "plant"):
        assert [one.bargain for one in ground.ask(bargains_of, member, "b-1", 2)] == ["b-2", "b-3"]
    assert ground.ask(bargains_of, "rival") == []


def test_a_proposal_that_nobody_can_answer_any_more_is_listed_as_such(ground: Ground) -> None:
    enquired()(ground)
    assert [one.answerable for one in ground.ask(bargains_of, "plant")] == [True]
    ground.now_ms = UNTIL_MS + 1
    assert [one.answerable for one in ground.ask(bargains_of, "plant")] == [False]


def test_a_bargain_ends_by_its_number_of_rounds_if_by_nothing_else(ground: Ground) -> None:
    haggles(limits.ROUNDS_MAX - 1)(ground)
    proposals = ground.ask(proposals_of, "b-1")
    assert len(proposals) == limits.ROUNDS_MAX
    assert len({one.content for one in proposals}) == limits.ROUNDS_MAX
    last = PROPOSALS.get(ground.context(), ("b-1", limits.ROUNDS_MAX))
    assert last is not None
    other = "plant" if last.proposer == "maker" else "maker"
    ground.do(other, Agree("b-1", last.content))
