"""Calendars of assets: nothing is ever taken twice, whatever arrives when; beside a model of whole days."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hansa.apps.leasing import booking, reservations
from hansa.apps.leasing import errors_market as errors
from hansa.apps.leasing.messages_market import Agree, Decline, Slot
from hansa.apps.leasing.proposals import content_of
from hansa.apps.leasing.tables import BOOKED, BOOKINGS
from hansa.kernel import Context, Refusal
from tests.apps.leasing import DAY, FROM_MS, START_MS, Market, enquiry, lease_terms, market, offer


def slot(first_day: int, last_day: int, level: str = "", asset: str = "press-1") -> Slot:
    return Slot("maker", asset, level, FROM_MS + first_day * DAY, FROM_MS + last_day * DAY)


def change(ground: Market, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What another module of the room does within an action; a refusal leaves nothing behind."""
    ctx = ground.context()
    found = work(ctx, *arguments, **named)
    ctx.layer.merge_into(ground.layer)
    return found


@pytest.fixture
def ground() -> Market:
    """Lease l-1 holds the press for ten days and has sublet the days 2 to 4; r-1 is reserved for day 12."""
    made = market()
    change(made, booking.book, "l-1", slot(0, 10))
    change(made, booking.book, "s-1", slot(2, 4, "l-1"))
    change(made, booking.book, "r-1", slot(12, 13), until_ms=START_MS + 5 * DAY)
    return made


@pytest.mark.parametrize(
    ("kind", "work", "arguments"),
    [
        (errors.AlreadyBooked, booking.book, ("x", slot(9, 11))),
        (errors.AlreadyBooked, booking.book, ("x", slot(-3, 1))),
        (errors.AlreadyBooked, booking.book, ("x", slot(-3, 20))),
        (errors.AlreadyBooked, booking.book, ("x", slot(4, 5))),
        (errors.AlreadyBooked, booking.book, ("x", slot(12, 13))),
        (errors.AlreadyBooked, booking.book, ("x", slot(3, 5, "l-1"))),
        (errors.BookingTaken, booking.book, ("l-1", slot(20, 21))),
        (errors.EndUnfit, booking.book, ("x", slot(20, 20))),
        (errors.EndUnfit, booking.book, ("x", slot(21, 20))),
        (errors.OutsideHead, booking.book, ("x", slot(9, 11, "l-1"))),
        (errors.OutsideHead, booking.book, ("x", slot(5, 6, "nothing"))),
        (errors.OutsideHead, booking.book, ("x", slot(5, 6, "l-1", asset="press-2"))),
        (errors.OutsideHead, booking.book, ("x", slot(12, 13, "r-1"))),
        (errors.BookingUnknown, booking.keep, ("nothing",)),
        (errors.BookingUnknown, booking.move_end, ("nothing", FROM_MS)),
        (errors.EndUnfit, booking.move_end, ("l-1", FROM_MS)),
        (errors.AlreadyBooked, booking.move_end, ("l-1", FROM_MS + 12 * DAY + 1)),
        (errors.OutsideHead, booking.move_end, ("s-1", FROM_MS + 10 * DAY + 1)),
        (errors.StillSublet, booking.move_end, ("l-1", FROM_MS + 4 * DAY - 1)),
        (errors.StillSublet, booking.unbook, ("l-1",)),
        (errors.ReservationUnknown, reservations.reserved, ("r-1",)),
    ],
)  # fmt: skip
def test_a_refusal_has_a_name_and_leaves_nothing_behind(
    ground: Market, kind: type[Refusal], work: Any, arguments: tuple[Any, ...]
) -> None:
    before = ground.tables("leasing")
    with pytest.raises(kind) as refused:
        change(ground, work, *arguments)
    assert ground.tables("leasing") == before
    assert refused.value.zh
    assert "{" not in refused.value.zh + refused.value.en


def test_what_ends_where_another_begins_does_not_overlap(ground: Market) -> None:
    change(ground, booking.book, "x", slot(10, 12))
    change(ground, booking.book, "y", slot(-1, 0))
    change(ground, booking.book, "z", slot(4, 10, "l-1"))
    assert ground.ask(booking.free, slot(-2, 14)) == [
        (FROM_MS - 2 * DAY, FROM_MS - DAY),
        (FROM_MS + 13 * DAY, FROM_MS + 14 * DAY),
    ]
    assert ground.ask(booking.free, slot(-2, 14, "l-1")) == [(FROM_MS, FROM_MS + 2 * DAY)]
    assert ground.ask(booking.is_free, slot(0, 2, "l-1"))
    assert not ground.ask(booking.is_free, slot(-1, 2, "l-1"))
    assert [(start, each.by) for start, each in ground.ask(booking.bookings, slot(9, 12))] == [
        (FROM_MS, "l-1"),
        (FROM_MS + 10 * DAY, "x"),
    ]


def test_an_asset_of_the_same_name_of_another_owner_has_its_own_calendar(ground: Market) -> None:
    theirs = Slot("rival", "press-1", "", FROM_MS, FROM_MS + DAY)
    change(ground, booking.book, "x", theirs)
    assert not ground.ask(booking.is_free, theirs)
    assert [each.by for _, each in ground.ask(booking.bookings, slot(0, 1))] == ["l-1"]


def test_a_reservation_counts_up_to_its_last_moment_and_not_beyond(ground: Market) -> None:
    ground.now_ms = START_MS + 5 * DAY
    with pytest.raises(errors.AlreadyBooked):
        change(ground, booking.book, "x", slot(12, 13))
    ground.now_ms += 1
    with pytest.raises(errors.BookingUnknown):
        change(ground, booking.keep, "r-1")
    change(ground, booking.book, "x", slot(12, 13))
    assert ground.ask(booking.slot_of, "r-1") is None


def test_lapsed_reservations_in_a_lease_do_not_hold_up_its_end(ground: Market) -> None:
    change(ground, booking.book, "s-2", slot(6, 8, "l-1"), until_ms=START_MS + DAY)
    with pytest.raises(errors.StillSublet):
        change(ground, booking.move_end, "l-1", FROM_MS + 5 * DAY)
    ground.now_ms = START_MS + DAY + 1
    change(ground, booking.move_end, "l-1", FROM_MS + 5 * DAY)
    assert ground.ask(booking.slot_of, "s-2") is None
    change(ground, booking.unbook, "s-1")
    change(ground, booking.unbook, "l-1")
    change(ground, booking.unbook, "l-1")
    assert ground.ask(booking.free, slot(0, 12)) == [(FROM_MS, FROM_MS + 12 * DAY)]


def test_a_signed_reservation_is_firm_and_neither_lapses_nor_can_be_signed_again() -> None:
    ground = market()
    ground.do("maker", offer())
    ground.do("plant", enquiry())
    content = content_of("b-1", 1, lease_terms(), START_MS + 10 * DAY)
    ground.do("maker", Agree("b-1", content))
    change(ground, reservations.signed, "b-1")
    with pytest.raises(errors.ReservationOver):
        change(ground, reservations.signed, "b-1")
    ground.move_to(FROM_MS)
    assert not ground.ask(booking.is_free, slot(0, 7))


def test_who_signs_too_late_signs_nothing() -> None:
    ground = market()
    ground.do("maker", offer())
    ground.do("plant", enquiry())
    content = content_of("b-1", 1, lease_terms(), START_MS + 10 * DAY)
    ground.do("maker", Agree("b-1", content))
    ground.now_ms = lease_terms().sign_by_ms + 1
    with pytest.raises(errors.ReservationOver):
        change(ground, reservations.signed, "b-1")


DAYS = st.integers(0, 11)
LENGTHS = st.integers(1, 6)
BIDDERS = ("plant", "rival")


class Calendars(RuleBasedStateMachine):
    """Any sequence of bargains, signatures, ends, extensions and subleases keeps every calendar single.

    The model holds, of each booking, its calendar, its days, and until when it must be signed. What it
    allows must happen, what it forbids must be refused by its name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ground = market()
        self.ground.do("maker", offer())
        self.held: dict[str, tuple[str, range, int]] = {}
        self.bargains: dict[str, tuple[range, int, str]] = {}
        self.count = 0

    # The model.

    def stands(self, name: str) -> bool:
        return name in self.held and not 0 < self.held[name][2] < self.ground.now_ms

    def firm(self, name: str) -> bool:
        return self.stands(name) and self.held[name][2] == 0

    def clash(self, level: str, days: range, but: str = "") -> bool:
        return any(
            other != but and self.stands(other) and at == level and set(days) & set(taken)
            for other, (at, taken, _) in self.held.items()
        )

    def within(self, level: str, days: range) -> bool:
        return not level or (self.firm(level) and set(days) <= set(self.held[level][1]))

    def sublet(self, name: str, days: range) -> bool:
        return self.clash(name, days)

    def expect(self, refusal: type[Refusal] | None, work: Callable[[], Any]) -> None:
        if refusal is None:
            work()
            return
        before = self.ground.tables("leasing")
        with pytest.raises(refusal):
            work()
        assert self.ground.tables("leasing") == before

    def name(self) -> str:
        self.count += 1
        return f"b-{self.count}"

    def one(self, pick: int, names: Any) -> str:
        known = sorted(names)
        return known[pick % len(known)]

    # What happens.

    @rule(bidder=st.sampled_from(BIDDERS), day=DAYS, length=LENGTHS, patience=st.integers(0, 12))
    def enquire(self, bidder: str, day: int, length: int, patience: int) -> None:
        until_ms = self.ground.now_ms + patience * DAY
        sign_by_ms = min(until_ms + 3 * DAY, FROM_MS)
        terms = lease_terms(day, length, lessee=bidder, sign_by_ms=sign_by_ms)
        if until_ms > FROM_MS - 3 * DAY:
            return
        name = self.name()
        self.ground.do(bidder, enquiry(name, terms, until_ms=until_ms))
        content = content_of(name, 1, terms, until_ms)
        self.bargains[name] = (range(day, day + length), until_ms, content)

    @precondition(lambda self: self.bargains)
    @rule(pick=st.integers(0, 99))
    def agree(self, pick: int) -> None:
        name = self.one(pick, self.bargains)
        days, until_ms, content = self.bargains[name]
        refusal: type[Refusal] | None = None
        if self.ground.now_ms > until_ms:
            refusal = errors.ProposalLapsed
        elif self.clash("", days):
            refusal = errors.AlreadyBooked
        self.expect(refusal, lambda: self.ground.do("maker", Agree(name, content)))
        if refusal is None:
            self.held[name] = ("", days, min(until_ms + 3 * DAY, FROM_MS))
            del self.bargains[name]

    @precondition(lambda self: self.bargains)
    @rule(pick=st.integers(0, 99))
    def decline(self, pick: int) -> None:
        name = self.one(pick, self.bargains)
        self.ground.do("maker", Decline(name))
        del self.bargains[name]

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 99))
    def sign(self, pick: int) -> None:
        name = self.one(pick, self.held)
        level, days, until_ms = self.held[name]
        if level or not until_ms:
            return
        refusal = None if self.stands(name) else errors.ReservationOver
        self.expect(refusal, lambda: change(self.ground, reservations.signed, name))
        if refusal is None:
            self.held[name] = (level, days, 0)

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 99), length=LENGTHS)
    def move_end(self, pick: int, length: int) -> None:
        name = self.one(pick, [name for name in self.held if self.stands(name)] or [""])
        if not name:
            return
        level, days, until_ms = self.held[name]
        moved = range(days.start, days.start + length)
        longer, shorter = range(days.stop, moved.stop), range(moved.stop, days.stop)
        refusal: type[Refusal] | None = None
        if longer and not self.within(level, longer):
            refusal = errors.OutsideHead
        elif self.clash(level, longer, but=name):
            refusal = errors.AlreadyBooked
        elif self.sublet(name, shorter):
            refusal = errors.StillSublet
        to_ms = FROM_MS + moved.stop * DAY
        self.expect(refusal, lambda: change(self.ground, booking.move_end, name, to_ms))
        if refusal is None:
            self.held[name] = (level, moved, until_ms)

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 99), day=DAYS, length=LENGTHS, days_to_sign=st.integers(0, 3))
    def sublease(self, pick: int, day: int, length: int, days_to_sign: int) -> None:
        head = self.one(pick, self.held)
        days = range(day, day + length)
        until_ms = self.ground.now_ms + days_to_sign * DAY if days_to_sign else 0
        refusal: type[Refusal] | None = None
        if not self.within(head, days):
            refusal = errors.OutsideHead
        elif self.clash(head, days):
            refusal = errors.AlreadyBooked
        name = self.name()
        stretch = slot(days.start, days.stop, head)
        self.expect(refusal, lambda: change(self.ground, booking.book, name, stretch, until_ms=until_ms))
        if refusal is None:
            self.held[name] = (head, days, until_ms)

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 99))
    def give_up(self, pick: int) -> None:
        name = self.one(pick, self.held)
        if not self.stands(name):
            return
        refusal = errors.StillSublet if self.sublet(name, self.held[name][1]) else None
        self.expect(refusal, lambda: change(self.ground, booking.unbook, name))
        if refusal is None:
            del self.held[name]

    @rule(days=st.integers(1, 4), queue=st.booleans())
    def time_passes(self, days: int, queue: bool) -> None:
        """With the due queue, or before it comes to anything."""
        now_ms = self.ground.now_ms + days * DAY
        if queue:
            self.ground.move_to(now_ms)
        else:
            self.ground.now_ms = now_ms

    # What always holds.

    @invariant()
    def no_two_bookings_of_a_calendar_overlap(self) -> None:
        rows = list(BOOKINGS.scan(self.ground.context()))
        for (one, first), (other, second) in combinations(rows, 2):
            same = one[:3] == other[:3]
            assert not same or first.to_ms <= int(other[3]) or second.to_ms <= int(one[3])

    @invariant()
    def the_ledger_holds_what_the_model_holds_and_every_sublease_within_its_head(self) -> None:
        ctx = self.ground.context()
        for name, (level, days, until_ms) in self.held.items():
            if self.stands(name):
                assert booking.slot_of(ctx, name) == slot(days.start, days.stop, level)
                assert _row(ctx, name) == until_ms
                assert self.within(level, days)
        kept = {str(key[0]) for key, _ in BOOKED.scan(ctx)}
        assert {name for name in self.held if self.stands(name)} <= kept <= set(self.held)
        assert len(kept) == len(list(BOOKINGS.scan(ctx)))


def _row(ctx: Context, name: str) -> int:
    at = booking.slot_of(ctx, name)
    assert at is not None
    row = BOOKINGS.get(ctx, (*booking.calendar(at), at.from_ms))
    assert row is not None
    assert (row.by, row.to_ms) == (name, at.to_ms)
    return row.until_ms


TestCalendars = Calendars.TestCase
TestCalendars.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
