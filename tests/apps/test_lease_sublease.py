"""One machine, several users: consent, subleases on the head lease's counters, transfer, and the sums."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.leasing import errors
from hansa.apps.leasing.booking import slot_of
from hansa.apps.leasing.messages import (
    EndEarly,
    Extend,
    RevokeConsent,
    StartJob,
    Sublet,
    Suspend,
    Transfer,
    Withdraw,
)
from hansa.apps.leasing.messages_market import LeaseTerms
from hansa.apps.leasing.queries_life import consents_of, subleases_of
from hansa.apps.leasing.tables_life import LEASES
from hansa.kernel import Refusal, limits, replace
from tests.apps.ground import REGISTRY
from tests.apps.leases import (
    DAILY,
    DAY,
    FROM_MS,
    HOUR,
    TO_MS,
    World,
    confirmation,
    refused,
    running,
    signed,
    sublease,
)
from tests.apps.leasing import TERMS


def subleased(**changes: Any) -> World:
    """Plant sublets days 2 to 4 of its week to rival, with maker's consent, and both have signed."""
    ground = running(**changes)
    ground.consent("maker")
    ground.sublet("s-1", sublease(2, 2))
    return ground


def billed(ground: World, name: str) -> int:
    """Pieces on all statements of a lease, corrections included."""
    return sum(
        line.quantity_base
        for statement in ground.statements(name)
        for line in statement.lines
        if line.meter == "pieces"
    )


# Consent.


@pytest.mark.parametrize(
    ("consent", "kind"),
    [
        ({}, None),
        ({"member": "rival"}, None),
        ({"member": "bank"}, errors.ConsentMissing),
        ({"to_ms": FROM_MS + 4 * DAY - 1}, errors.ConsentMissing),
        ({"from_ms": FROM_MS + 2 * DAY + 1}, errors.ConsentMissing),
        ({"from_ms": FROM_MS + 2 * DAY, "to_ms": FROM_MS + 4 * DAY}, None),
    ],
)
def test_a_consent_covers_its_time_and_its_member(
    consent: dict[str, Any], kind: type[Refusal] | None
) -> None:
    ground = running()
    ground.consent("maker", **consent)
    action = Sublet(sublease="s-1", terms=sublease(2, 2))
    if kind is not None:
        refused(ground, "plant", action, kind)
        return
    ground.do("plant", action)
    ground.sign("s-1")
    assert ground.lease("s-1").depth == 1
    assert [each.id for each in ground.ask(subleases_of, "l-1")] == ["s-1"]


def test_two_consents_do_not_add_up_to_one() -> None:
    ground = running()
    ground.consent("maker", to_ms=FROM_MS + 3 * DAY)
    ground.consent("maker", from_ms=FROM_MS + 3 * DAY)
    assert len(ground.ask(consents_of, "l-1")) == 2
    refused(ground, "plant", Sublet("s-1", sublease(2, 2)), errors.ConsentMissing)


def head_lease_ends(ground: World) -> None:
    for member in ("maker", "plant"):
        ground.do(member, EndEarly("l-1", FROM_MS + 3 * DAY, "agreed"))


@pytest.mark.parametrize(
    ("terms", "kind"),
    [
        (sublease(6, 2), errors.SubleaseTooLong),
        (sublease(7, 2), errors.SubleaseTooLong),
        (sublease(2, 2, lessor="rival", lessee="plant"), errors.NotSublease),
        (sublease(2, 2, head=""), errors.NotSublease),
        (sublease(2, 2, lessee="plant"), errors.NotSublease),
        (sublease(2, 2, head="nothing"), errors.LeaseUnknown),
        (sublease(2, 2, sign_by_ms=FROM_MS), errors.SignTime),
        (sublease(2, 2, sign_by_ms=FROM_MS + 3 * DAY), errors.SignTime),
    ],
)
def test_what_the_head_lease_does_not_carry_is_refused(terms: LeaseTerms, kind: type[Refusal]) -> None:
    ground = running()
    ground.consent("maker")
    refused(ground, "plant", Sublet("s-1", terms), kind)


def test_only_the_lessee_of_the_head_lease_sublets() -> None:
    ground = running()
    ground.consent("maker")
    refused(ground, "bank", Sublet("s-1", sublease(2, 2, lessor="bank")), errors.NotLessee)


def test_nobody_sublets_by_a_lease_that_is_void() -> None:
    ground = signed()
    ground.consent("maker")
    ground.do("plant", Withdraw("l-1"))
    refused(ground, "plant", Sublet("s-1", sublease(2, 2)), errors.WrongState)


def test_the_same_days_are_not_sublet_twice() -> None:
    ground = subleased()
    with pytest.raises(Refusal) as caught:
        ground.do("plant", Sublet("s-2", sublease(3, 2, lessee="bank")))
    assert caught.value.code == "leasing.already_booked"


def test_each_lessor_up_to_the_owner_consents() -> None:
    ground = subleased()
    third = sublease(3, 1, lessor="rival", lessee="bank", head="s-1")
    refused(ground, "rival", Sublet("t-1", third), errors.ConsentMissing)
    ground.consent("plant", "s-1")
    ground.do("rival", Sublet("t-1", third))


def test_a_consent_for_one_member_does_not_reach_the_next() -> None:
    ground = running()
    ground.consent("maker", member="rival")
    ground.sublet("s-1", sublease(2, 2))
    ground.consent("plant", "s-1")
    third = sublease(3, 1, lessor="rival", lessee="bank", head="s-1")
    assert refused(ground, "rival", Sublet("t-1", third), errors.ConsentMissing).values["lease"] == "l-1"


def test_subleases_end_at_a_depth() -> None:
    ground = running()
    ground.consent("maker")
    users = ["plant", *(f"user-{depth}" for depth in range(5))]
    for user in users[1:]:
        ground.join(user)
    head = "l-1"
    for depth in range(1, limits.SUBLEASE_DEPTH_MAX + 1):
        terms = sublease(2, 2, lessor=users[depth - 1], lessee=users[depth], head=head)
        ground.sublet(f"s-{depth}", terms)
        head = f"s-{depth}"
        ground.consent(users[depth - 1], head)
    deepest = sublease(2, 2, lessor=users[depth], lessee=users[depth + 1], head=head)
    refused(ground, users[depth], Sublet("s-x", deepest), errors.SubleaseTooDeep)


def test_a_lease_has_so_many_subleases_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    ground = subleased()
    monkeypatch.setattr(limits, "SUBLEASES_MAX", 1)
    refused(ground, "plant", Sublet("s-2", sublease(5, 1)), errors.SubleasesTooMany)


# Life under a head lease.


def test_a_sublease_is_taken_over_while_the_head_lease_runs() -> None:
    ground = signed()
    ground.consent("maker")
    ground.sublet("s-1", sublease(2, 2))
    ground.count((ground.now_ms, 5))
    report = ground.report(5, name="s-1")
    refused(ground, "plant", report, errors.WrongState)


def test_the_head_lease_is_returned_after_its_subleases() -> None:
    ground = subleased()
    ground.move_to(FROM_MS + 2 * DAY - HOUR)
    ground.hand_over(120, name="s-1")
    ground.move_to(TO_MS + HOUR)
    report = ground.report(120, "out")
    refused(ground, "maker", report, errors.SubletStill)
    ground.hand_over(120, "out", name="s-1")
    ground.hand_over(120, "out")
    assert ground.lease().state == "returned"


def test_the_head_lease_does_not_end_before_its_subleases() -> None:
    ground = subleased()
    ground.do("maker", EndEarly("l-1", FROM_MS + 3 * DAY, "agreed"))
    with pytest.raises(Refusal) as caught:
        ground.do("plant", EndEarly("l-1", FROM_MS + 3 * DAY, "agreed"))
    assert caught.value.code == "leasing.still_sublet"
    ground.do("maker", EndEarly("l-1", FROM_MS + 4 * DAY, "agreed"))
    ground.do("plant", EndEarly("l-1", FROM_MS + 4 * DAY, "agreed"))
    assert ground.lease().end_ms == FROM_MS + 4 * DAY


def test_a_sublease_is_not_extended_beyond_the_head_lease_or_its_consent() -> None:
    ground = running()
    ground.consent("maker", to_ms=FROM_MS + 5 * DAY)
    ground.sublet("s-1", sublease(2, 2))
    ground.move_to(FROM_MS + 2 * DAY - HOUR)
    ground.hand_over(110, name="s-1")
    refused(ground, "rival", Extend("s-1", TO_MS + 1), errors.SubleaseTooLong)
    refused(ground, "rival", Extend("s-1", FROM_MS + 5 * DAY + 1), errors.ConsentMissing)
    ground.do("rival", Extend("s-1", FROM_MS + 5 * DAY))
    ground.do("plant", Extend("s-1", FROM_MS + 5 * DAY))
    assert ground.lease("s-1").end_ms == FROM_MS + 5 * DAY


def test_a_sublease_that_is_withdrawn_frees_its_days() -> None:
    ground = subleased()
    ground.do("rival", Withdraw("s-1"))
    assert ground.ask(slot_of, "s-1") is None
    ground.sublet("s-2", sublease(2, 2, lessee="bank"))


# Transfer.


def successor(**changes: Any) -> LeaseTerms:
    """Rival takes over from the third day on."""
    wanted: dict[str, Any] = {
        "lessor": "maker",
        "lessee": "rival",
        "head": "",
        "sign_by_ms": FROM_MS + 3 * DAY,
    }
    return sublease(3, 4, **wanted | changes)


def test_a_transfer_ends_the_old_lease_where_the_new_one_begins_once_lessor_and_successor_signed() -> None:
    ground = running(terms=replace(TERMS, cut_off_ms=2 * HOUR))
    ground.do("plant", Transfer("l-1", "n-1", successor()))
    ground.sign("n-1", "rival")
    assert ground.lease().end_ms == TO_MS
    ground.sign("n-1", "maker")
    assert ground.lease().end_ms == FROM_MS + 3 * DAY
    assert (ground.lease("n-1").state, ground.lease("n-1").replaces) == ("signed", "l-1")
    assert ground.ask(slot_of, "n-1").from_ms == ground.ask(slot_of, "l-1").to_ms == FROM_MS + 3 * DAY
    assert ground.ask(REGISTRY.queries["billing.agreement_of"], "n-1").user == "rival"

    ground.move_to(FROM_MS + 3 * DAY - HOUR)
    ground.count((FROM_MS + 3 * DAY - HOUR, 130))
    report = ground.report(130, name="n-1")
    ground.do("maker", report)
    ground.do("rival", confirmation(report, "maker"))
    ground.move_to(FROM_MS + 3 * DAY)
    ground.count((FROM_MS + 3 * DAY, 140))
    ground.move_to(TO_MS - HOUR)
    ground.count((TO_MS - HOUR, 200))
    ground.move_to(TO_MS + DAY)
    assert (billed(ground, "l-1"), billed(ground, "n-1")) == (40, 60)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("asset", {"asset": "press-2"}),
        ("lessor", {"lessor": "bank"}),
        ("head", {"head": "l-1"}),
        ("lessee", {"lessee": "plant"}),
        ("lessee", {"lessee": "maker"}),
        ("to_ms", {"to_ms": TO_MS - DAY}),
        ("from_ms", {"from_ms": FROM_MS}),
        ("from_ms", {"from_ms": TO_MS}),
    ],
)
def test_a_transfer_is_of_the_rest_and_nothing_else(name: str, changes: dict[str, Any]) -> None:
    ground = running()
    refusal = refused(ground, "plant", Transfer("l-1", "n-1", successor(**changes)), errors.TransferUnfit)
    assert refusal.clause == name


@pytest.mark.parametrize("sign_by_ms", [FROM_MS, FROM_MS + 3 * DAY + 1])
def test_a_transfer_is_signed_between_now_and_its_start(sign_by_ms: int) -> None:
    ground = running()
    refused(ground, "plant", Transfer("l-1", "n-1", successor(sign_by_ms=sign_by_ms)), errors.SignTime)


def test_a_transfer_that_nobody_signs_leaves_the_lease_as_it_is() -> None:
    ground = running()
    ground.do("plant", Transfer("l-1", "n-1", successor()))
    ground.move_to(FROM_MS + 3 * DAY + 1)
    with pytest.raises(Refusal) as caught:
        ground.sign("n-1", "rival")
    assert caught.value.code == "leasing.reservation_over"
    assert (ground.lease().state, ground.lease().end_ms) == ("running", TO_MS)


def test_a_transfer_of_a_lease_that_ended_meanwhile_is_refused_whole() -> None:
    ground = running()
    ground.do("plant", Transfer("l-1", "n-1", successor()))
    ground.sign("n-1", "rival")
    for member in ("maker", "plant"):
        ground.do(member, EndEarly("l-1", FROM_MS + 2 * DAY, "agreed"))
    refused(ground, "maker", ground.signature("n-1"), errors.TransferUnfit)


def test_what_was_returned_meanwhile_is_taken_over_by_nobody() -> None:
    ground = running()
    ground.do("plant", Transfer("l-1", "n-1", successor()))
    ground.sign("n-1", "rival")
    ground.move_to(FROM_MS + DAY)
    ground.hand_over(120, "out")
    refused(ground, "maker", ground.signature("n-1"), errors.WrongState)


# Suspension reaches what hangs on the lease.


def test_who_subleases_starts_no_job_while_the_head_lease_is_suspended() -> None:
    ground = subleased()
    ground.move_to(FROM_MS + 2 * DAY - HOUR)
    ground.hand_over(120, name="s-1")
    ground.move_to(FROM_MS + 2 * DAY)
    ground.do("rival", StartJob("s-1", "j-1"))
    ctx = ground.context()
    LEASES.put(ctx, ("l-1",), replace(ground.lease(), suspended_from_ms=ground.now_ms))
    ctx.layer.merge_into(ground.layer)
    refused(ground, "rival", StartJob("s-1", "j-2"), errors.Suspended)
    refused(ground, "maker", Suspend("l-1", ground.now_ms + 30 * DAY), errors.SuspendedAlready)


# Sums.


CUT_OFF = 6 * HOUR
BY_DAY = replace(TERMS, cut_off_ms=CUT_OFF)


def play(
    counts: list[int], hours: list[int], late: list[bool], taken: int, given: int
) -> tuple[World, list[tuple[int, int]]]:
    """Records within the week, by the hour; the sublease, billed by the day, is handed over among them.

    What comes late comes an hour before the sublease's books close, or before those of the head lease do.
    """
    ground = running(tariff_version=DAILY, terms=BY_DAY)
    ground.consent("maker")
    ground.sublet("s-1", sublease(2, 2, tariff_version=DAILY, terms=BY_DAY))
    in_ms, out_ms = FROM_MS + 2 * DAY + taken * HOUR - 1, FROM_MS + 3 * DAY + given * HOUR - 1
    marks = [(in_ms, -1), (out_ms, -2), (out_ms + CUT_OFF - HOUR, -3), (TO_MS + CUT_OFF - HOUR, -3)]
    total, held = 100, list[tuple[int, int]]()
    records = [(FROM_MS, 100)]
    for at_ms, number in sorted(marks + [(FROM_MS + (2 + hour) * HOUR, n) for n, hour in enumerate(hours)]):
        ground.move_to(max(at_ms, ground.now_ms))
        if number == -3:
            for record in reversed(held):
                ground.count(record)
            held = []
        elif number < 0:
            known = max(total for at, total in records if (at, total) not in held)
            report = ground.report(known, "in" if number == -1 else "out", "s-1", at_ms=ground.now_ms)
            ground.do("plant", report)
            ground.do("rival", confirmation(report, "plant"))
        else:
            total += counts[number]
            records.append((at_ms, total))
            if late[number]:
                held.append((at_ms, total))
            else:
                ground.count((at_ms, total))
    ground.move_to(TO_MS + DAY)
    return ground, records


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_own_and_sublet_use_add_up_to_the_meter_and_to_the_statements(data: st.DataObject) -> None:
    """Whatever is counted when, whatever arrives late, whenever it is handed over."""
    hours = sorted(data.draw(st.sets(st.integers(0, 160), max_size=14)))
    each: dict[str, int] = {"min_size": len(hours), "max_size": len(hours)}
    counts = data.draw(st.lists(st.integers(0, 50), **each))
    late = data.draw(st.lists(st.booleans(), **each))
    taken, given_back = data.draw(st.integers(1, 23)), data.draw(st.integers(1, 23))
    ground, records = play(counts, hours, late, taken, given_back)

    chain = ground.chain(FROM_MS, TO_MS)
    (meter,) = chain.meters
    counted = {each.lease: each for each in chain.counted}
    assert meter.counted == records[-1][1] - records[0][1]
    assert sum(each.own for each in chain.counted) + meter.outside == meter.counted
    assert counted["l-1"].counted == billed(ground, "l-1") == meter.counted
    assert counted["s-1"].counted == billed(ground, "s-1")
    assert counted["l-1"].sublet == counted["s-1"].counted
    start_ms, end_ms = ground.lease("s-1").start_ms, ground.lease("s-1").end_ms
    within = [total for at_ms, total in records if start_ms <= at_ms <= end_ms]
    assert counted["s-1"].counted == (within[-1] - within[0] if within else 0)


def test_a_gap_across_a_handover_counts_for_the_head_lease_alone() -> None:
    """Silence from an hour before the handover to an hour after it: its 30 pieces are the head lease's."""
    ground = subleased()
    in_ms = FROM_MS + 2 * DAY
    ground.move_to(in_ms - HOUR)
    ground.count((in_ms - HOUR, 200))
    ground.move_to(in_ms)
    report = ground.report(200, name="s-1")
    ground.do("plant", report)
    ground.do("rival", confirmation(report, "plant"))
    ground.move_to(in_ms + HOUR)
    ground.count((in_ms + HOUR, 230))
    ground.move_to(in_ms + 2 * HOUR)
    ground.count((in_ms + 2 * HOUR, 250))
    ground.move_to(TO_MS + DAY)
    counted = {
        each.lease: (each.counted, each.sublet, each.own) for each in ground.chain(FROM_MS, TO_MS).counted
    }
    assert counted == {"l-1": (150, 20, 130), "s-1": (20, 0, 20)}
    assert (billed(ground, "l-1"), billed(ground, "s-1")) == (150, 20)


def test_what_is_counted_outside_of_leases_is_said_apart() -> None:
    ground = running()
    ground.move_to(FROM_MS + DAY)
    ground.hand_over(150, "out")
    ground.move_to(FROM_MS + 2 * DAY)
    ground.count((FROM_MS + 2 * DAY, 190))
    chain = ground.chain(FROM_MS, TO_MS)
    (meter,) = chain.meters
    assert (meter.counted, meter.outside) == (90, 40)


def test_a_chain_of_too_many_records_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ground = running()
    monkeypatch.setattr(limits, "CHAIN_RECORDS_MAX", 1)
    with pytest.raises(errors.ChainTooLong):
        ground.chain(FROM_MS, TO_MS)


def test_a_chain_of_too_many_leases_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ground = running()
    monkeypatch.setattr(limits, "CHAIN_LEASES_MAX", 0)
    with pytest.raises(errors.ChainTooLong):
        ground.chain(FROM_MS, TO_MS)


# Consent taken back.


def test_a_consent_taken_back_lets_nobody_sublet_any_more() -> None:
    ground = running()
    ground.consent("maker", consent="c-1")
    ground.do("maker", RevokeConsent("l-1", "c-1"))
    refused(ground, "plant", Sublet("s-1", sublease(2, 2)), errors.ConsentMissing)
    refused(ground, "maker", RevokeConsent("l-1", "c-1"), errors.ConsentUnknown)
    ground.consent("maker", consent="c-1")
    ground.do("plant", Sublet("s-1", sublease(2, 2)))


def test_a_sublease_that_both_signed_keeps_its_consent_and_gets_no_more_by_it() -> None:
    ground = running()
    ground.consent("maker", consent="c-1")
    ground.sublet("s-1", sublease(2, 2))
    ground.do("maker", RevokeConsent("l-1", "c-1"))
    ground.move_to(FROM_MS + 2 * DAY - HOUR)
    ground.hand_over(110, name="s-1")
    assert ground.lease("s-1").state == "running"
    refused(ground, "rival", Extend("s-1", FROM_MS + 5 * DAY), errors.ConsentMissing)


def test_what_is_reserved_and_not_signed_falls_with_the_consent() -> None:
    ground = running()
    ground.consent("maker", consent="c-1")
    ground.do("plant", Sublet("s-1", sublease(2, 2)))
    ground.sign("s-1", "plant")
    ground.do("maker", RevokeConsent("l-1", "c-1"))
    refused(ground, "rival", ground.signature("s-1"), errors.ConsentMissing)
    ground.consent("maker")
    ground.sign("s-1", "rival")
    assert ground.lease("s-1").state == "signed"


def test_only_its_lessor_takes_a_consent_back() -> None:
    ground = running()
    ground.consent("maker", consent="c-1")
    refused(ground, "plant", RevokeConsent("l-1", "c-1"), errors.NotLessor)
    refused(ground, "rival", RevokeConsent("l-1", "c-1"), errors.NotOfLease)
    refused(ground, "maker", RevokeConsent("l-2", "c-1"), errors.LeaseUnknown)
    refused(ground, "maker", RevokeConsent("l-1", "c-2"), errors.ConsentUnknown)
