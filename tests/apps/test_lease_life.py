"""The life of a lease: signed by both, handed over, used, ended, settled."""

import pytest

from hansa.apps.billing.messages import Agreement
from hansa.apps.leasing import errors
from hansa.apps.leasing.booking import slot_of
from hansa.apps.leasing.messages import EndBreakdown, EndEarly, Extend, ReportBreakdown, StartJob, Withdraw
from hansa.apps.leasing.queries_life import breakdowns_of, handovers_of, leases_of, motions_of
from hansa.apps.metering.tables import HEADS
from hansa.apps.money.interface import fund, name_of, paid_of, return_of, same_again_of
from hansa.kernel import Refusal, limits, replace
from tests.apps.ground import REGISTRY
from tests.apps.leases import (
    DAY,
    FROM_MS,
    HOUR,
    ITEMS,
    PHOTO,
    TO_MS,
    World,
    confirmation,
    lease_terms,
    refused,
    running,
    world,
)
from tests.apps.leases import signed as made

DEPOSIT, PREPAID, EARNEST, EXPECTED = 100_000, 50_000, 20_000, 100_000


def agreement(ground: World, name: str = "l-1") -> Agreement:
    found: Agreement = ground.ask(REGISTRY.queries["billing.agreement_of"], name)
    return found


# Signing.


def test_with_the_second_signature_agreement_funds_and_booking_stand() -> None:
    ground = world()
    terms = lease_terms(
        security_deposit_minor=DEPOSIT,
        prepayment_minor=PREPAID,
        earnest_minor=EARNEST,
        expected_minor=EXPECTED,
    )
    ground.reserve(terms=terms)
    ground.sign("l-1", "plant")
    assert ground.lease().state == "signing"
    assert ground.ask(REGISTRY.queries["billing.agreement_of"], "l-1") is None
    assert ground.ask(fund, name_of("l-1", "prepayment")) is None

    ground.sign("l-1", "maker")

    assert ground.lease().state == "signed"
    assert [each.member for each in ground.lease().signatures] == ["plant", "maker"]
    counted = agreement(ground)
    assert (counted.provider, counted.user, counted.state) == ("maker", "plant", "accepted")
    assert (counted.from_ms, counted.to_ms) == (FROM_MS, TO_MS)
    kinds = [
        ground.ask(fund, name_of("l-1", kind)).kind
        for kind in ("security_deposit", "prepayment", "earnest_money")
    ]
    assert kinds == ["security_deposit", "prepayment", "earnest_money"]
    assert [each.id for each in ground.ask(leases_of, "plant")] == ["l-1"]
    assert [each.id for each in ground.ask(leases_of, "maker")] == ["l-1"]


def test_a_refused_agreement_leaves_no_signature_and_no_fund() -> None:
    """The feed was read after the start already: billing refuses, so nothing at all is signed."""
    ground = world()
    ground.reserve(terms=lease_terms(security_deposit_minor=DEPOSIT))
    ground.sign("l-1", "plant")
    ground.now_ms = FROM_MS - DAY
    ground.count((FROM_MS - DAY, 1))
    ctx = ground.context()
    head = HEADS.get(ctx, ("maker", "m-pieces"))
    assert head is not None
    HEADS.put(ctx, ("maker", "m-pieces"), replace(head, at_ms=FROM_MS))
    ctx.layer.merge_into(ground.layer)

    with pytest.raises(Refusal) as caught:
        ground.sign("l-1", "maker")

    assert caught.value.code == "billing.accepted_too_late"
    assert ground.lease().state == "signing"
    assert ground.ask(fund, name_of("l-1", "security_deposit")) is None


# Handover.


def test_a_lease_runs_from_its_agreed_start_if_both_confirmed_before() -> None:
    ground = running()
    assert (ground.lease().state, ground.lease().start_ms) == ("running", FROM_MS)
    assert agreement(ground).from_ms == FROM_MS


def test_a_late_handover_moves_the_start_and_nothing_before_is_charged() -> None:
    ground = made()
    ground.move_to(FROM_MS + HOUR)
    ground.count((FROM_MS + HOUR, 40))
    ground.move_to(FROM_MS + 2 * DAY)
    ground.hand_over(60)
    start_ms = ground.now_ms
    ground.move_to(start_ms + HOUR)
    ground.count((start_ms, 60), (start_ms + HOUR, 75))
    ground.move_to(TO_MS + DAY)

    assert ground.lease().start_ms == agreement(ground).from_ms == start_ms
    (statement,) = ground.statements("l-1")
    assert statement.period.from_ms == start_ms
    assert sum(line.quantity_base for line in statement.lines) == 15


def test_a_lease_that_is_never_handed_over_is_void_at_its_end_and_charges_nothing() -> None:
    ground = made(security_deposit_minor=DEPOSIT)
    ground.pay_in("l-1", "security_deposit", DEPOSIT)
    ground.move_to(TO_MS + 40 * DAY)

    assert ground.lease().state == "void"
    assert agreement(ground).state == "withdrawn"
    assert ground.statements("l-1") == []
    state = ground.ask(fund, name_of("l-1", "security_deposit"))
    assert state.ended


def test_nothing_is_handed_over_before_deposit_and_prepayment_are_paid_in() -> None:
    ground = made(security_deposit_minor=DEPOSIT, prepayment_minor=PREPAID)
    ground.count((ground.now_ms, 100))
    report = ground.report(100)
    ground.do("maker", report)
    assert (
        refused(ground, "plant", confirmation(report, "maker"), errors.FundOpen).clause == "security_deposit"
    )
    ground.pay_in("l-1", "security_deposit", DEPOSIT)
    ground.pay_in("l-1", "prepayment", PREPAID - 1)
    assert refused(ground, "plant", confirmation(report, "maker"), errors.FundOpen).clause == "prepayment"
    ground.pay_in("l-1", "prepayment", 1)
    ground.do("plant", confirmation(report, "maker"))
    assert ground.lease().state == "running"


def test_items_that_the_other_sees_otherwise_are_listed_and_the_rest_stands() -> None:
    ground = made()
    ground.count((ground.now_ms, 100))
    report = ground.report(100)
    ground.do("plant", report)
    ground.do("maker", confirmation(report, "plant", disputed=("coolant",), photos=(PHOTO,)))
    taken = ground.ask(handovers_of, "l-1").taken
    assert (taken.state, taken.disputed, taken.items) == ("confirmed", ("coolant",), ITEMS)


def test_a_counter_that_changed_since_the_report_is_refused_unless_it_is_disputed() -> None:
    ground = made()
    ground.count((ground.now_ms, 100))
    ground.now_ms += 10
    report = ground.report(100)
    ground.do("maker", report)
    ground.count((ground.now_ms - 5, 103))
    refusal = refused(ground, "plant", confirmation(report, "maker"), errors.CounterDiffers)
    assert "103" in refusal.zh
    assert "103" in refusal.en
    ground.now_ms += 10
    ground.do("plant", confirmation(report, "maker", disputed=("pieces",)))
    assert ground.ask(handovers_of, "l-1").taken.disputed == ("pieces",)


def test_what_both_return_before_the_end_is_charged_until_then_and_free_from_then() -> None:
    ground = running()
    ground.move_to(FROM_MS + 3 * DAY)
    ground.hand_over(150, "out")
    ended_ms = ground.now_ms
    ground.move_to(ended_ms + HOUR)
    ground.count((ended_ms + HOUR, 999))
    ground.move_to(TO_MS + DAY)

    lease = ground.lease()
    assert (lease.state, lease.end_ms) == ("returned", ended_ms)
    (statement,) = ground.statements("l-1")
    assert sum(line.quantity_base for line in statement.lines) == 50
    assert ground.ask(slot_of, "l-1").to_ms == ended_ms


def test_who_is_not_answered_confirms_a_return_alone_after_ten_days() -> None:
    """A lessor that says nothing does not keep the deposit for ever; a handover to the lessee needs both."""
    ground = running()
    ground.move_to(TO_MS)
    ground.count((TO_MS, 170))
    report = ground.report(170, "out")
    ground.do("plant", report)
    own = confirmation(report, "plant")
    ground.move_to(TO_MS + limits.HANDOVER_SILENCE_MS - 1)
    refused(ground, "plant", own, errors.HandoverOwn)
    ground.move_to(TO_MS + limits.HANDOVER_SILENCE_MS)
    ground.do("plant", own)
    assert ground.lease().state == "returned"

    early = made()
    early.count((early.now_ms, 100))
    taken = early.report(100)
    early.do("plant", taken)
    early.move_to(early.now_ms + limits.HANDOVER_SILENCE_MS)
    refused(early, "plant", confirmation(taken, "plant"), errors.HandoverOwn)


# Stepping back.


@pytest.mark.parametrize(("who", "doubled"), [("plant", False), ("maker", True)])
def test_who_steps_back_before_the_handover_loses_the_earnest_money_or_doubles_it(
    who: str, doubled: bool
) -> None:
    ground = made(earnest_minor=EARNEST, expected_minor=EXPECTED)
    ground.pay_in("l-1", "earnest_money", EARNEST)
    ground.do(who, Withdraw("l-1"))

    earnest = name_of("l-1", "earnest_money")
    assert ground.lease().state == "void"
    assert ground.ask(fund, earnest).ended
    owed = [name for name in (return_of(earnest), same_again_of(earnest)) if exists(ground, name)]
    assert len(owed) == (2 if doubled else 0)
    assert agreement(ground).state == "withdrawn"
    assert ground.ask(slot_of, "l-1") is None


def exists(ground: World, obligation: str) -> bool:
    try:
        ground.ask(paid_of, obligation)
    except Refusal:
        return False
    return True


def test_together_they_end_it_before_the_handover_and_the_earnest_money_goes_back() -> None:
    ground = made(earnest_minor=EARNEST, expected_minor=EXPECTED)
    ground.pay_in("l-1", "earnest_money", EARNEST)
    ground.do("maker", EndEarly("l-1", TO_MS - DAY, "agreed"))
    assert ground.lease().state == "signed"
    ground.do("plant", EndEarly("l-1", TO_MS - DAY, "agreed"))
    earnest = name_of("l-1", "earnest_money")
    assert ground.lease().state == "void"
    assert exists(ground, return_of(earnest))
    assert not exists(ground, same_again_of(earnest))


def test_earnest_money_goes_back_once_it_was_handed_over() -> None:
    ground = made(earnest_minor=EARNEST, expected_minor=EXPECTED)
    ground.pay_in("l-1", "earnest_money", EARNEST)
    ground.hand_over(5)
    assert ground.ask(fund, name_of("l-1", "earnest_money")).ended
    assert exists(ground, return_of(name_of("l-1", "earnest_money")))


# Ends.


def test_both_must_say_the_same_end() -> None:
    ground = running()
    ground.do("plant", EndEarly("l-1", TO_MS - 2 * DAY, "agreed"))
    ground.do("maker", EndEarly("l-1", TO_MS - 3 * DAY, "agreed"))
    assert ground.lease().end_ms == TO_MS
    assert [(kind, each.by) for kind, each in ground.ask(motions_of, "l-1")] == [("end", "maker")]
    ground.do("plant", EndEarly("l-1", TO_MS - 3 * DAY, "agreed"))
    assert ground.lease().end_ms == agreement(ground).to_ms == TO_MS - 3 * DAY
    assert ground.ask(motions_of, "l-1") == []
    assert ground.ask(slot_of, "l-1").to_ms == TO_MS - 3 * DAY


def test_saying_it_twice_is_no_agreement() -> None:
    ground = running()
    for _ in range(2):
        ground.do("plant", EndEarly("l-1", TO_MS - DAY, "agreed"))
        ground.do("plant", Extend("l-1", TO_MS + DAY))
    assert ground.lease().end_ms == TO_MS


def test_what_was_wanted_of_an_end_that_moved_since_counts_no_more() -> None:
    ground = running(extension_ms=DAY)
    ground.do("maker", EndEarly("l-1", TO_MS - DAY, "agreed"))
    ground.do("plant", Extend("l-1", TO_MS + DAY))
    assert ground.ask(motions_of, "l-1") == []
    ground.do("plant", EndEarly("l-1", TO_MS - DAY, "agreed"))
    assert ground.lease().end_ms == TO_MS + DAY


def test_either_ends_it_by_the_notice_that_it_provides_for() -> None:
    ground = running(early_end_notice_ms=2 * DAY)
    soon = EndEarly("l-1", ground.now_ms + 2 * DAY - 1, "notice")
    refused(ground, "maker", soon, errors.NoticeShort)
    ground.do("maker", EndEarly("l-1", ground.now_ms + 2 * DAY, "notice"))
    assert ground.lease().end_ms == ground.now_ms + 2 * DAY


def test_an_extension_needs_both_but_for_the_option_of_the_lessee() -> None:
    ground = running(extension_ms=DAY)
    ground.do("maker", Extend("l-1", TO_MS + DAY))
    assert ground.lease().end_ms == TO_MS
    ground.do("plant", Extend("l-1", TO_MS + DAY // 2))
    assert ground.lease().end_ms == TO_MS + DAY // 2
    ground.do("plant", Extend("l-1", TO_MS + 2 * DAY))
    assert ground.lease().end_ms == TO_MS + DAY // 2
    ground.do("maker", Extend("l-1", TO_MS + 2 * DAY))
    assert ground.lease().end_ms == agreement(ground).to_ms == TO_MS + 2 * DAY


def test_nobody_extends_onto_the_booking_of_another() -> None:
    ground = world()
    ground.reserve()
    ground.reserve("l-2", lease_terms(7, 3))
    ground.sign()
    ground.hand_over(100)
    ground.move_to(FROM_MS + DAY)
    ground.do("maker", Extend("l-1", TO_MS + DAY))
    with pytest.raises(Refusal) as caught:
        ground.do("plant", Extend("l-1", TO_MS + DAY))
    assert caught.value.code == "leasing.already_booked"
    assert ground.lease().end_ms == agreement(ground).to_ms == TO_MS


# Use.


def test_no_job_starts_before_the_time_of_the_lease_or_after_it() -> None:
    ground = made()
    ground.hand_over(100)
    assert ground.lease().state == "running"
    refused(ground, "plant", StartJob("l-1", "j-1"), errors.NotRunning)
    ground.move_to(FROM_MS)
    ground.do("plant", StartJob("l-1", "j-1"))
    ground.move_to(TO_MS - 1)
    ground.do("plant", StartJob("l-1", "j-2"))
    ground.move_to(TO_MS)
    refused(ground, "plant", StartJob("l-1", "j-3"), errors.NotRunning)


def test_breakdowns_begin_and_end() -> None:
    ground = running()
    ground.do("plant", ReportBreakdown("l-1", "b-1", FROM_MS + 1, "spindle", "provider"))
    ground.move_to(FROM_MS + 2 * HOUR)
    for to_ms in (FROM_MS + 1, ground.now_ms + 1):
        refused(ground, "maker", EndBreakdown("l-1", "b-1", to_ms), errors.BreakdownTime)
    ground.do("maker", EndBreakdown("l-1", "b-1", FROM_MS + HOUR))
    ((name, found),) = ground.ask(breakdowns_of, "l-1")
    assert (name, found.by, found.from_ms, found.to_ms) == ("b-1", "plant", FROM_MS + 1, FROM_MS + HOUR)
