"""What is owed by a lease: suspension, default, deposit, damage, close."""

from typing import Any

import pytest

from hansa.apps.billing.lifecycle import content
from hansa.apps.billing.messages_life import ConfirmStatement, DisputeStatement
from hansa.apps.billing.terms import Settlement
from hansa.apps.leasing import booking, errors
from hansa.apps.leasing.errors_market import StillSublet
from hansa.apps.leasing.messages import (
    AgreeDamage,
    ClaimDamage,
    ClaimDeposit,
    Close,
    EndEarly,
    Extend,
    Resume,
    StartJob,
    Sublet,
    Suspend,
    WithdrawDamage,
)
from hansa.apps.leasing.messages_market import Slot
from hansa.apps.leasing.queries_life import damages_of
from hansa.apps.money.interface import fund, name_of, paid_of
from hansa.apps.money.messages import Owe
from hansa.kernel import limits, replace
from tests.apps.ground import REGISTRY
from tests.apps.leases import (
    DAY,
    FROM_MS,
    HOUR,
    PHOTO,
    TO_MS,
    World,
    refused,
    returned,
    running,
    sublease,
)
from tests.apps.leasing import TERMS

SETTLED = replace(TERMS, settlement=Settlement(payment_days=5, runs_from="confirmation"))
DEPOSIT = 100_000
NOTICE = limits.SUSPENSION_NOTICE_MIN_MS


def life(ground: World, period_ms: int = FROM_MS) -> Any:
    return ground.ask(REGISTRY.queries["billing.life_of"], "l-1", period_ms)


def confirm(ground: World) -> str:
    """Both confirm the first statement; the obligation that it leads to."""
    (statement,) = ground.statements("l-1")
    for member in ("maker", "plant"):
        ground.do(member, ConfirmStatement("l-1", FROM_MS, content(statement)))
    obligation: str = life(ground).parts[0].obligation
    return obligation


def billed() -> tuple[World, str]:
    """Returned and billed; the statement, over 70 pieces, is confirmed and not paid."""
    ground = returned(terms=SETTLED, security_deposit_minor=DEPOSIT)
    ground.move_to(TO_MS + 2 * HOUR)
    return ground, confirm(ground)


# The deposit.


def test_the_deposit_goes_back_when_all_is_paid_and_the_lease_is_closed() -> None:
    ground, obligation = billed()
    refused(ground, "plant", Close("l-1"), errors.Unsettled)
    ground.pay("maker", obligation, ground.statements("l-1")[0].gross_minor)
    ground.close()
    assert ground.lease().state == "closed"
    assert ground.ask(fund, name_of("l-1", "security_deposit")).ended
    refused(ground, "maker", Close("l-1"), errors.WrongState)


def test_the_deposit_is_touched_for_nothing_but_a_default() -> None:
    ground, obligation = billed()
    claim = ClaimDeposit("l-1", obligation, 1_000)
    refused(ground, "maker", claim, errors.NoDefaultOfPayment)
    ground.move_to(ground.now_ms + 6 * DAY)
    refused(ground, "plant", claim, errors.NotLessor)
    ground.do("maker", claim)
    assert ground.ask(paid_of, obligation)[0] == 1_000


def test_the_deposit_of_one_lease_pays_for_no_other_debt() -> None:
    """Not for one of the same parties that belongs to something else, overdue as it may be."""
    ground, _ = billed()
    ground.do("plant", Owe("repair", "maker", "CNY", 500, ground.now_ms + 1))
    ground.do("plant", Owe("other", "maker", "CNY", 500, ground.now_ms + 1, subject="l-9"))
    ground.do("plant", Owe("own", "maker", "CNY", 500, ground.now_ms + 1, subject="l-1"))
    ground.move_to(ground.now_ms + DAY)
    for name in ("repair", "other"):
        claim = ClaimDeposit("l-1", name_of("owed", "plant", name), 500)
        refused(ground, "maker", claim, errors.NoDefaultOfPayment)
    ground.do("maker", ClaimDeposit("l-1", name_of("owed", "plant", "own"), 500))


def test_a_disputed_line_is_no_ground_to_touch_the_deposit() -> None:
    """What is in dispute is no open item: there is nothing that could be overdue."""
    ground = returned(terms=SETTLED, security_deposit_minor=DEPOSIT)
    ground.move_to(TO_MS + 2 * HOUR)
    (statement,) = ground.statements("l-1")
    lines = tuple(line.number for line in statement.lines if line.amount_minor)
    ground.do("plant", DisputeStatement("l-1", FROM_MS, lines, "count"))
    ground.do("maker", ConfirmStatement("l-1", FROM_MS, content(statement)))
    ground.move_to(ground.now_ms + 60 * DAY)
    assert [part for part in life(ground).parts if part.amount_minor] == []
    refused(ground, "maker", Close("l-1"), errors.Unsettled)


# Damage.


def damaged() -> World:
    ground = returned(security_deposit_minor=DEPOSIT)
    ground.move_to(TO_MS + 2 * HOUR)
    ground.do("maker", ClaimDamage("l-1", "d-1", 7_000, ("spindle",), (PHOTO,)))
    return ground


def test_damage_that_the_lessee_agrees_to_is_owed_and_taken_from_the_deposit() -> None:
    ground = damaged()
    refused(ground, "plant", Close("l-1"), errors.DamageOpen)
    refused(ground, "plant", AgreeDamage("l-1", "d-1", 6_999), errors.DamageAmount)
    ground.do("plant", AgreeDamage("l-1", "d-1", 7_000))
    ((_, damage),) = ground.ask(damages_of, "l-1")
    refused(ground, "plant", Close("l-1"), errors.Unsettled)
    ground.do("maker", ClaimDeposit("l-1", damage.obligation, 7_000))
    assert ground.ask(paid_of, damage.obligation)[0] == 7_000
    ground.close()
    assert ground.lease().state == "closed"


def test_damage_is_withdrawn_or_stands_in_the_way_for_thirty_days_only() -> None:
    ground = damaged()
    ground.do("maker", ClaimDamage("l-1", "d-2", 1, ("coolant",)))
    refused(ground, "plant", WithdrawDamage("l-1", "d-1"), errors.NotLessor)
    ground.do("maker", WithdrawDamage("l-1", "d-1"))
    assert refused(ground, "plant", Close("l-1"), errors.DamageOpen).values["damage"] == "d-2"
    ground.move_to(ground.lease().returned_ms + limits.DAMAGE_OPEN_MAX_MS + 1)
    refused(ground, "maker", ClaimDamage("l-1", "d-3", 1, ()), errors.DamageLate)
    ground.close()
    assert ground.lease().state == "closed"


def test_a_deposit_that_is_used_up_pays_nothing_more() -> None:
    ground = damaged()
    ground.do("plant", AgreeDamage("l-1", "d-1", 7_000))
    ground.do("maker", ClaimDamage("l-1", "d-2", DEPOSIT, ()))
    ground.do("plant", AgreeDamage("l-1", "d-2", DEPOSIT))
    (_, first), (_, second) = ground.ask(damages_of, "l-1")
    ground.do("maker", ClaimDeposit("l-1", first.obligation, 7_000))
    ground.do("maker", ClaimDeposit("l-1", second.obligation, DEPOSIT))
    assert ground.ask(paid_of, second.obligation)[0] == DEPOSIT - 7_000
    refused(ground, "maker", ClaimDeposit("l-1", second.obligation, 1), errors.NoDefaultOfPayment)
    refused(ground, "plant", Close("l-1"), errors.Unsettled)


# Suspension.


def arrears() -> tuple[World, str]:
    """Billed by the day: the first day's statement is confirmed and, five days later, overdue."""
    ground = running(tariff_version=3, terms=SETTLED, days=14, security_deposit_minor=DEPOSIT)
    ground.count((FROM_MS + HOUR, 150))
    ground.move_to(FROM_MS + DAY + HOUR)
    obligation = confirm(ground)
    return ground, obligation


def test_non_payment_blocks_the_next_job_after_notice_and_payment_lifts_it() -> None:
    ground, obligation = arrears()
    refused(ground, "maker", Suspend("l-1", ground.now_ms + NOTICE), errors.NothingOverdue)
    ground.move_to(ground.now_ms + 6 * DAY)
    refused(ground, "maker", Suspend("l-1", ground.now_ms + NOTICE - 1), errors.SuspensionNotice)
    refused(ground, "plant", Suspend("l-1", ground.now_ms + NOTICE), errors.NotLessor)
    ground.do("maker", Suspend("l-1", ground.now_ms + NOTICE))
    ground.do("plant", StartJob("l-1", "j-1"))
    ground.move_to(ground.lease().suspended_from_ms)
    refused(ground, "plant", StartJob("l-1", "j-2"), errors.Suspended)
    assert ground.lease().state == "running"

    owed = ground.statements("l-1")[0].gross_minor
    ground.pay("maker", obligation, owed - 1)
    refused(ground, "plant", StartJob("l-1", "j-2"), errors.Suspended)
    ground.pay("maker", obligation, 1)
    assert ground.lease().suspended_from_ms == 0
    ground.do("plant", StartJob("l-1", "j-2"))


def test_what_is_paid_before_the_notice_ends_has_no_effect_at_all() -> None:
    ground, obligation = arrears()
    ground.move_to(ground.now_ms + 6 * DAY)
    ground.do("maker", Suspend("l-1", ground.now_ms + NOTICE))
    ground.pay("maker", obligation, ground.statements("l-1")[0].gross_minor)
    ground.move_to(ground.now_ms + NOTICE)
    ground.do("plant", StartJob("l-1", "j-1"))


def test_the_lessor_takes_its_notice_back() -> None:
    ground, _ = arrears()
    refused(ground, "maker", Resume("l-1"), errors.NotSuspended)
    ground.move_to(ground.now_ms + 6 * DAY)
    ground.do("maker", Suspend("l-1", ground.now_ms + NOTICE))
    refused(ground, "maker", Suspend("l-1", ground.now_ms + NOTICE), errors.SuspendedAlready)
    ground.do("maker", Resume("l-1"))
    ground.move_to(ground.now_ms + NOTICE)
    ground.do("plant", StartJob("l-1", "j-1"))


def test_who_was_suspended_long_and_has_not_paid_loses_the_lease() -> None:
    ground, _ = arrears_of_a_month()
    refused(ground, "maker", EndEarly("l-1", ground.now_ms, "default"), errors.NoDefault)
    ground.do("maker", Suspend("l-1", ground.now_ms + NOTICE))
    suspended_ms = ground.lease().suspended_from_ms
    ground.move_to(suspended_ms + limits.DEFAULT_AFTER_MS - 1)
    refused(ground, "maker", EndEarly("l-1", ground.now_ms, "default"), errors.NoDefault)
    ground.move_to(suspended_ms + limits.DEFAULT_AFTER_MS)
    refused(ground, "plant", EndEarly("l-1", ground.now_ms, "default"), errors.NotLessor)
    ground.do("maker", EndEarly("l-1", ground.now_ms, "default"))
    assert ground.lease().end_ms == ground.now_ms


def test_who_has_paid_meanwhile_keeps_the_lease() -> None:
    ground, obligation = arrears_of_a_month()
    ground.do("maker", Suspend("l-1", ground.now_ms + NOTICE))
    ground.move_to(ground.lease().suspended_from_ms + limits.DEFAULT_AFTER_MS)
    ground.pay("maker", obligation, ground.statements("l-1")[0].gross_minor)
    refused(ground, "maker", EndEarly("l-1", ground.now_ms, "default"), errors.NoDefault)


def arrears_of_a_month() -> tuple[World, str]:
    """As `arrears`, in a lease of four weeks; six days after the confirmation."""
    ground, obligation = arrears()
    for member in ("maker", "plant"):
        ground.do(member, Extend("l-1", FROM_MS + 28 * DAY))
    ground.move_to(ground.now_ms + 6 * DAY)
    return ground, obligation


def in_default() -> World:
    """As `arrears_of_a_month`, sublet from the 12th day on at every stage; today maker may end it."""
    ground, _ = arrears_of_a_month()
    ground.consent("maker")
    ground.do("maker", Suspend("l-1", ground.now_ms + NOTICE))
    ground.sublet("s-runs", sublease(12, 14))
    ground.sublet("s-signed", sublease(26, 1))
    ground.do("plant", Sublet("s-reserved", sublease(27, 1, sign_by_ms=FROM_MS + 27 * DAY)))
    ground.move_to(FROM_MS + 12 * DAY)
    ground.hand_over(150, name="s-runs")
    ground.consent("plant", "s-runs")
    below = sublease(13, 13, "rival", "bank", head="s-runs", sign_by_ms=FROM_MS + 13 * DAY)
    ground.sublet("s-below", below)
    ground.move_to(ground.lease().suspended_from_ms + limits.DEFAULT_AFTER_MS)
    return ground


def test_who_does_not_pay_cannot_stay_by_subletting_to_a_friend() -> None:
    ground = in_default()

    ground.do("maker", EndEarly("l-1", ground.now_ms, "default"))

    ended = ground.now_ms
    assert [(ground.lease(name).state, ground.lease(name).end_ms) for name in ("l-1", "s-runs")] == [
        ("running", ended), ("running", ended),
    ]  # fmt: skip
    assert [ground.lease(name).state for name in ("s-signed", "s-below")] == ["void", "void"]
    assert booking.slot_of(ground.context(), "s-reserved") is None
    whole = Slot("maker", "press-1", "", ended, FROM_MS + 28 * DAY)
    assert booking.is_free(ground.context(), whole)
    ground.move_to(FROM_MS + 29 * DAY)
    refused(ground, "plant", ground.report(150, "out"), errors.SubletStill)
    ground.move_to(ended + limits.HANDOVER_SILENCE_MS)
    ground.hand_over(150, "out")
    assert ground.lease().state == "returned"


def test_a_default_that_would_end_too_much_below_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ENDED_BELOW_MAX", 3)
    ground = in_default()
    refused(ground, "maker", EndEarly("l-1", ground.now_ms, "default"), StillSublet)
    assert ground.lease("s-runs").end_ms == FROM_MS + 26 * DAY
    assert ground.lease("s-signed").state == "signed"


def test_who_is_overdue_extends_by_nobody_s_wish_but_both() -> None:
    ground = running(
        tariff_version=3, terms=SETTLED, days=14, security_deposit_minor=DEPOSIT, extension_ms=7 * DAY
    )
    ground.count((FROM_MS + HOUR, 150))
    ground.move_to(FROM_MS + DAY + HOUR)
    obligation = confirm(ground)
    ground.move_to(ground.now_ms + 6 * DAY)
    end_ms = ground.lease().end_ms
    ground.do("plant", Extend("l-1", end_ms + DAY))
    assert ground.lease().end_ms == end_ms
    ground.pay("maker", obligation, ground.statements("l-1")[0].gross_minor)
    ground.do("plant", Extend("l-1", end_ms + DAY))
    assert ground.lease().end_ms == end_ms + DAY


def test_a_lease_is_sublet_so_often_and_no_more_by_whatever_way(monkeypatch: pytest.MonkeyPatch) -> None:
    ground, _ = arrears()
    ground.consent("maker")
    ground.do("plant", Sublet("s-1", sublease(3, 1)))
    ground.do("plant", Sublet("s-2", sublease(4, 1)))
    monkeypatch.setattr(limits, "SUBLEASES_MAX", 1)
    ground.sign("s-1")
    ground.do("plant", ground.signature("s-2"))
    refused(ground, "rival", ground.signature("s-2"), errors.SubleasesTooMany)
    refused(ground, "plant", Sublet("s-3", sublease(5, 1)), errors.SubleasesTooMany)
