"""What is refused of a lease: by code, field, clause and both texts, with nothing left behind."""

from collections.abc import Callable
from typing import Any

import pytest

from hansa.apps.billing.messages import PublishTariff
from hansa.apps.billing.tariff import Tier
from hansa.apps.billing.terms import Settlement
from hansa.apps.consortium.members import set_status
from hansa.apps.consortium.messages import Licence
from hansa.apps.leasing import errors, errors_market
from hansa.apps.leasing.messages import (
    AgreeDamage,
    Attachment,
    ClaimDamage,
    ClaimDeposit,
    Close,
    ConsentSublease,
    DisputeHandover,
    EndBreakdown,
    EndEarly,
    Extend,
    Item,
    ReportBreakdown,
    Resume,
    Shown,
    Sign,
    StartJob,
    Sublet,
    Suspend,
    Transfer,
    Withdraw,
    WithdrawDamage,
)
from hansa.apps.leasing.messages_market import Agree
from hansa.apps.leasing.proposals import content_of as proposed
from hansa.apps.leasing.reports import content_of
from hansa.kernel import Action, Refusal, limits, replace
from hansa.kernel.types import INTEGER_MAX
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
    licensed,
    refused,
    returned,
    running,
    signed,
    sublease,
    world,
)
from tests.apps.leasing import PIECES, TERMS, enquiry, offer
from tests.apps.tariffs import PIECE

SHA = "a" * 64
Step = Callable[[World], tuple[str, Action]]
"""What is tried: who, and what."""


def reserved() -> World:
    made = world()
    made.reserve()
    return made


def reported() -> World:
    """Maker has reported the handover of a signed lease, at 100 pieces."""
    made = signed()
    made.count((made.now_ms, 100))
    made.do("maker", made.report(100))
    return made


def by(member: str, action: Action) -> Step:
    return lambda ground: (member, action)


def report(value: int = 100, member: str = "maker", **changes: Any) -> Step:
    return lambda ground: (member, ground.report(value, **changes))


def confirm(member: str = "plant", **changes: Any) -> Step:
    """Of what `reported` made."""
    return lambda ground: (member, confirmation(ground.report(100), "maker", **changes))


def dispute(*disputed: str, member: str = "plant") -> Step:
    def act(ground: World) -> tuple[str, Action]:
        content = content_of("l-1", "in", "maker", ground.report(100))
        return member, DisputeHandover("l-1", "in", content, disputed)

    return act


def at(offset_ms: int) -> Step:
    return lambda ground: ("maker", ground.report(100, at_ms=ground.now_ms + offset_ms))


def signing(member: str = "plant", *attachments: Attachment) -> Step:
    return lambda ground: (member, ground.signature("l-1", attachments))


def end(member: str, at_ms: int, ground_: Any = "agreed") -> Step:
    return by(member, EndEarly("l-1", at_ms, ground_))


def photos(count: int, photo: str = PHOTO) -> tuple[Item, ...]:
    return (Item("spindle", "good", tuple(f"{n:064x}" for n in range(count)) or (photo, photo)), ITEMS[1])


HANDED: list[tuple[Callable[[], World], Step, type[Refusal], str]] = [
    (signed, report(101), errors.CounterDiffers, "pieces"),
    (signed, report(counters=()), errors.CounterUnfit, "pieces"),
    (signed, report(counters=(Shown("pieces", 100),) * 2), errors.CounterUnfit, "pieces"),
    (signed, report(counters=(Shown("pieces", 100), Shown("energy", 1))), errors.CounterUnfit, "energy"),
    (signed, report(INTEGER_MAX), errors.CounterDiffers, "pieces"),
    (signed, report(items=ITEMS[:1]), errors.ItemsUnfit, "coolant"),
    (signed, report(items=(*ITEMS, Item("door", "good"))), errors.ItemsUnfit, "door"),
    (signed, report(items=(*ITEMS, ITEMS[0])), errors.ItemsUnfit, "spindle"),
    (signed, report(items=()), errors.ItemsUnfit, "spindle"),
    (signed, report(items=photos(limits.PHOTOS_PER_ITEM_MAX + 1)), errors.PhotosUnfit, "spindle"),
    (signed, report(items=photos(0)), errors.PhotosUnfit, "spindle"),
    (signed, at(1), errors.HandoverTime, ""),
    (signed, at(-limits.HANDOVER_AGE_MAX_MS - 1), errors.HandoverTime, ""),
    (signed, at(-HOUR), errors.CounterUnread, "pieces"),
    (signed, report(member="rival"), errors.NotOfLease, ""),
    (signed, report(direction="out"), errors.WrongState, ""),
    (running, report(), errors.WrongState, ""),
    (signed, report(name="l-9"), errors.LeaseUnknown, ""),
    (signed, confirm(), errors.HandoverUnknown, ""),
    (reported, confirm("maker"), errors.HandoverOwn, ""),
    (reported, confirm("rival"), errors.NotOfLease, ""),
    (reported, confirm(content=SHA), errors.HandoverChanged, ""),
    (reported, confirm(photos=(PHOTO, SHA)), errors.PhotoUnknown, SHA[:12]),
    (reported, confirm(disputed=("door",)), errors.DisputedUnfit, "door"),
    (reported, confirm(disputed=("coolant", "coolant")), errors.DisputedUnfit, "coolant"),
    (reported, dispute(), errors.DisputedUnfit, ""),
    (reported, dispute("door"), errors.DisputedUnfit, "door"),
    (reported, dispute("pieces", member="maker"), errors.HandoverOwn, ""),
    (signed, dispute("pieces"), errors.HandoverUnknown, ""),
]
OTHER: list[tuple[Callable[[], World], Step, type[Refusal], str]] = [
    (world, by("plant", Sign("l-1", SHA)), errors_market.ReservationUnknown, ""),
    (reserved, by("plant", Sign("l-1", SHA)), errors.OtherText, ""),
    (reserved, signing("rival"), errors.NotOfLease, ""),
    (reserved, signing("plant", *[Attachment("a", SHA)] * 2), errors.AttachmentUnfit, ""),
    (
        reserved,
        signing("plant", *(Attachment(f"a-{n}", SHA) for n in range(limits.ATTACHMENTS_MAX + 1))),
        errors.AttachmentUnfit,
        "",
    ),
    (signed, signing(), errors_market.ReservationOver, ""),
    (reserved, by("plant", Withdraw("l-1")), errors.LeaseUnknown, ""),
    (running, by("plant", Withdraw("l-1")), errors.WrongState, ""),
    (signed, by("rival", Withdraw("l-1")), errors.NotOfLease, ""),
    (running, end("plant", FROM_MS), errors.EndTime, ""),
    (running, end("plant", TO_MS), errors.EndTime, ""),
    (running, end("plant", INTEGER_MAX), errors.EndTime, ""),
    (running, end("rival", TO_MS - 1), errors.NotOfLease, ""),
    (running, end("plant", TO_MS - 1, "notice"), errors.NoticeShort, ""),
    (running, end("plant", TO_MS - 1, "default"), errors.NotLessor, ""),
    (running, end("maker", TO_MS - 1, "default"), errors.NoDefault, ""),
    (signed, end("maker", TO_MS - 1, "notice"), errors.WrongState, ""),
    (returned, end("maker", TO_MS - 1), errors.WrongState, ""),
    (running, by("plant", Extend("l-1", TO_MS)), errors.ExtendTime, ""),
    (running, by("rival", Extend("l-1", TO_MS + 1)), errors.NotOfLease, ""),
    (signed, by("plant", Extend("l-1", TO_MS + 1)), errors.WrongState, ""),
    (running, by("plant", ConsentSublease("l-1", "c", FROM_MS, TO_MS)), errors.NotLessor, ""),
    (running, by("maker", ConsentSublease("l-1", "c", FROM_MS - 1, TO_MS)), errors.ConsentTime, ""),
    (running, by("maker", ConsentSublease("l-1", "c", FROM_MS, TO_MS + 1)), errors.ConsentTime, ""),
    (running, by("maker", ConsentSublease("l-1", "c", TO_MS, FROM_MS)), errors.ConsentTime, ""),
    (returned, by("maker", ConsentSublease("l-1", "c", FROM_MS, TO_MS)), errors.WrongState, ""),
    (signed, by("plant", Transfer("l-1", "n", lease_terms(3, 4))), errors.WrongState, ""),
    (running, by("maker", Transfer("l-1", "n", lease_terms(3, 4))), errors.NotLessee, ""),
    (signed, by("plant", StartJob("l-1", "j")), errors.WrongState, ""),
    (running, by("maker", StartJob("l-1", "j")), errors.NotLessee, ""),
    (running, by("plant", Suspend("l-1", TO_MS)), errors.NotLessor, ""),
    (running, by("maker", Suspend("l-1", TO_MS)), errors.NothingOverdue, ""),
    (running, by("maker", Suspend("l-1", 0)), errors.SuspensionNotice, ""),
    (running, by("maker", Resume("l-1")), errors.NotSuspended, ""),
    (running, by("plant", ReportBreakdown("l-1", "b", FROM_MS - 1, "x", "user")), errors.BreakdownTime, ""),
    (
        running,
        by("plant", ReportBreakdown("l-1", "b", FROM_MS + HOUR + 1, "x", "user")),
        errors.BreakdownTime,
        "",
    ),
    (signed, by("plant", ReportBreakdown("l-1", "b", FROM_MS, "x", "user")), errors.WrongState, ""),
    (running, by("plant", EndBreakdown("l-1", "b", FROM_MS)), errors.BreakdownUnknown, ""),
    (running, by("rival", EndBreakdown("l-1", "b", FROM_MS)), errors.NotOfLease, ""),
    (running, by("maker", ClaimDamage("l-1", "d", 1, ())), errors.WrongState, ""),
    (returned, by("plant", ClaimDamage("l-1", "d", 1, ())), errors.NotLessor, ""),
    (returned, by("maker", ClaimDamage("l-1", "d", 1, ("door",))), errors.ItemsUnfit, "door"),
    (returned, by("maker", ClaimDamage("l-1", "d", 1, (), (SHA,))), errors.PhotoUnknown, SHA[:12]),
    (returned, by("plant", AgreeDamage("l-1", "d", 1)), errors.DamageUnknown, ""),
    (returned, by("maker", AgreeDamage("l-1", "d", 1)), errors.NotLessee, ""),
    (returned, by("maker", WithdrawDamage("l-1", "d")), errors.DamageUnknown, ""),
    (returned, by("maker", ClaimDeposit("l-1", "o", 1)), errors.NoDefaultOfPayment, ""),
    (signed, by("maker", ClaimDeposit("l-1", "o", 1)), errors.WrongState, ""),
    (running, by("plant", Close("l-1")), errors.WrongState, ""),
    (returned, by("rival", Close("l-1")), errors.NotOfLease, ""),
]


@pytest.mark.parametrize(("made", "step", "kind", "clause"), [*HANDED, *OTHER])
def test_refused_by_name_with_nothing_left_behind(
    made: Callable[[], World], step: Step, kind: type[Refusal], clause: str
) -> None:
    ground = made()
    if made is signed:
        ground.count((ground.now_ms, 100))
    member, action = step(ground)
    before = ground.tables("leasing", "billing", "money")
    refusal = refused(ground, member, action, kind)
    assert refusal.clause == clause
    assert refusal.field
    assert "{" not in refusal.zh + refusal.en
    assert ground.tables("leasing", "billing", "money") == before


# Signatures.


def test_who_signed_need_not_sign_again() -> None:
    ground = reserved()
    ground.sign("l-1", "plant")
    refused(ground, "plant", ground.signature("l-1"), errors.SignedAlready)


def test_the_first_signature_names_the_attachments_and_the_other_signs_the_same() -> None:
    ground = reserved()
    plan = (Attachment("safety", SHA),)
    ground.do("plant", ground.signature("l-1", plan))
    bare = replace(ground.signature("l-1"), attachments=())
    refused(ground, "maker", ground.signature("l-1", ()), errors.OtherText)
    refused(ground, "maker", replace(bare, attachments=plan), errors.OtherText)
    ground.do("maker", ground.signature("l-1", plan))
    assert ground.lease().state == "signed"
    assert ground.lease().attachments == plan


def test_who_signed_first_may_change_the_attachments_while_the_other_has_not_signed() -> None:
    ground = reserved()
    ground.sign("l-1", "plant")
    ground.do("plant", ground.signature("l-1", (Attachment("safety", SHA),)))
    assert [each.member for each in ground.lease().signatures] == ["plant"]


def test_nobody_signs_after_the_time_to_sign_by() -> None:
    ground = reserved()
    ground.sign("l-1", "plant")
    action = ground.signature("l-1")
    ground.move_to(ground.lease().terms.sign_by_ms + 1)
    refused(ground, "maker", action, errors_market.ReservationOver)
    assert ground.lease().state == "void"


def test_statements_are_paid_by_the_bank_that_the_lease_names() -> None:
    ground = world()
    by_bank = replace(TERMS, settlement=Settlement(payment_days=5, runs_from="period_end", bank="bank"))
    asked = enquiry("l-1", lease_terms(terms=by_bank))
    refused(ground, "plant", asked, errors_market.BankUnfit)


def test_a_lessor_that_changes_its_tariff_after_the_fact_changes_nothing_that_was_signed() -> None:
    ground = running()
    dearer = replace(PIECES, elements=(replace(PIECE, tiers=(Tier(900_000_000),)),))
    again = PublishTariff("t-1", 1, dearer, calendar_owner="maker", calendar="c-1")
    with pytest.raises(Refusal) as caught:
        ground.do("maker", again)
    assert caught.value.code == "billing.tariff_taken"
    ground.do("maker", replace(again, version=9))
    ground.move_to(TO_MS - HOUR)
    ground.count((TO_MS - HOUR, 150))
    ground.move_to(TO_MS + DAY)
    (statement,) = ground.statements("l-1")
    prices = [line.price_e8 for line in statement.lines if line.kind == "usage"]
    assert prices == [PIECE.tiers[0].price_e8]


def test_a_suspended_member_signs_nothing_new_but_hands_over_what_it_signed() -> None:
    ground = reserved()
    ground.sign("l-1", "plant")
    _suspend(ground, "plant")
    with pytest.raises(Refusal) as caught:
        ground.do("maker", ground.signature("l-1"))
    assert caught.value.code == "consortium.not_active"
    first = reserved()
    _suspend(first, "maker")
    with pytest.raises(Refusal) as caught:
        first.sign("l-1", "plant")
    assert caught.value.code == "consortium.not_active"

    other = signed()
    _suspend(other, "plant")
    other.hand_over(100)
    assert other.lease().state == "running"


def _suspend(ground: World, member: str) -> None:
    ctx = ground.context()
    set_status(ctx, member, "suspended")
    ctx.layer.merge_into(ground.layer)


# Finance leases.


def test_a_finance_lease_is_for_licensed_lessors_only() -> None:
    ground = world()
    terms = lease_terms(nature="finance")
    ground.do("maker", offer("o-2", nature="operating"))
    with pytest.raises(errors.NatureUnlicensed):
        ground.do("maker", offer("o-3", nature="finance"))
    licensed(ground, "maker", Licence("finance_lease", SHA, expires_ms=FROM_MS - DAY))
    ground.do("maker", offer("o-3", nature="finance"))
    asked = enquiry("l-1", terms, offer="o-3")
    ground.do("plant", asked)
    ground.do("maker", Agree("l-1", proposed("l-1", 1, terms, asked.until_ms)))
    ground.sign("l-1", "plant")
    licensed(ground, "maker")
    refused(ground, "maker", ground.signature("l-1"), errors.NatureUnlicensed)


# Twice.


def test_what_is_done_twice_is_refused_the_second_time() -> None:
    ground = running()
    job, breakdown = StartJob("l-1", "j"), ReportBreakdown("l-1", "b", FROM_MS + 1, "x", "user")
    consent = ConsentSublease("l-1", "c", FROM_MS, TO_MS)
    for member, action, kind in (
        ("plant", job, errors.JobTaken),
        ("plant", breakdown, errors.BreakdownTaken),
        ("maker", consent, errors.ConsentTaken),
    ):
        ground.do(member, action)
        refused(ground, member, action, kind)
    ground.move_to(ground.now_ms + HOUR)
    over = EndBreakdown("l-1", "b", FROM_MS + HOUR)
    ground.do("maker", over)
    refused(ground, "maker", over, errors.BreakdownUnknown)

    back = returned()
    back.move_to(TO_MS + DAY)
    claim = ClaimDamage("l-1", "d", 1, ())
    back.do("maker", claim)
    refused(back, "maker", claim, errors.DamageTaken)
    back.do("plant", AgreeDamage("l-1", "d", 1))
    refused(back, "plant", AgreeDamage("l-1", "d", 1), errors.DamageUnknown)


def test_a_handover_is_confirmed_once() -> None:
    ground = reported()
    member, action = confirm()(ground)
    ground.do(member, action)
    refused(ground, member, action, errors.WrongState)


def test_what_was_refused_is_reported_anew() -> None:
    ground = reported()
    ground.do(*dispute("coolant")(ground))
    refused(ground, *confirm()(ground), errors.HandoverUnknown)
    ground.do("maker", ground.report(100))
    ground.do(*confirm()(ground))
    assert ground.lease().state == "running"


def test_nothing_is_handed_over_after_the_end() -> None:
    late = signed()
    late.now_ms = TO_MS
    late.count((TO_MS, 100))
    refused(late, "maker", late.report(100), errors.HandoverOver)


def test_consents_and_attachments_are_bounded() -> None:
    ground = running()
    for number in range(limits.CONSENTS_MAX):
        ground.do("maker", ConsentSublease("l-1", f"c-{number}", FROM_MS, TO_MS))
    refused(ground, "maker", ConsentSublease("l-1", "c-x", FROM_MS, TO_MS), errors.ConsentTaken)


def test_a_sublease_by_other_counters_is_refused() -> None:
    ground = running()
    ground.consent("maker")
    terms = sublease(2, 2)
    other = tuple(replace(each, owner="plant", feed="own") for each in terms.meters)
    refused(ground, "plant", Sublet("s-1", replace(terms, meters=other)), errors.OtherCounters)
