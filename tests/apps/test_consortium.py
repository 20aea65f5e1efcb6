"""Attests and calendars; and founding: what a genesis file may say."""

import pytest

from hansa.apps.consortium.calendars import Calendar
from hansa.apps.consortium.messages import Attest, CalendarPublished, PublishCalendar, RevokeKey
from hansa.kernel import Attested, Key
from hansa.kernel.canonical import decode
from tests.consortium import Consortium, signer

SHANGHAI = Calendar(
    zone="Asia/Shanghai", from_day=20_000, until_day=20_800, transition_ms=(0,), offset_minutes=(480,)
)


# Attests.


def test_a_record_that_stands_is_shown_as_an_event(consortium: Consortium) -> None:
    consortium.do("maker", Attest(table="kernel.keys", key=("plant", "k1")))

    (shown,) = consortium.events(Attested)
    assert (shown.table, shown.key) == ("kernel.keys", ("plant", "k1"))
    assert decode(shown.record, Key).public == signer("plant").public


def test_an_attest_shows_the_record_as_it_is_now(consortium: Consortium) -> None:
    consortium.do("maker", consortium.key("maker", "k2"), Attest(table="kernel.keys", key=("maker", "k2")))
    consortium.do("maker", RevokeKey(id="k2"), Attest(table="kernel.keys", key=("maker", "k2")))

    before, after = (decode(event.record, Key) for event in consortium.events(Attested))
    assert before.revoked_ms == 0
    assert after.revoked_ms == consortium.clock()


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        ("consortium.members", ("rival",)),
        ("consortium.members", ()),
        ("consortium.members", ("maker", "k1")),
        ("consortium.members", ("",)),
        ("consortium.members", ("mak\x00er",)),
        ("consortium.members", ("制造商",)),
        ("consortium.members", ("x" * 60_000,)),
        ("nowhere.nothing", ("maker",)),
        ("kernel.due", ("0", "x")),
        ("kernel.due", ("-1", "x")),
        ("kernel.due", ("９", "x")),
        ("kernel.due", ("9" * 17, "x")),
        ("kernel.due", ("9" * 16, "x")),
        ("kernel.due", ("", "x")),
        ("kernel.due", ("0x1", "x")),
    ],
)
def test_what_is_not_there_is_not_attested(
    consortium: Consortium, table: str, parts: tuple[str, ...]
) -> None:
    refusal = consortium.refused("maker", Attest(table=table, key=parts))
    assert refusal.code in ("consortium.record_unknown", "kernel.key_unfit")
    assert len(refusal.zh) < 400
    assert consortium.node.incidents == []


# Calendars.


def test_a_calendar_is_published_once_and_for_ever(consortium: Consortium) -> None:
    publish = PublishCalendar(id="cn-2026", calendar=SHANGHAI)
    consortium.do("plant", publish)

    assert consortium.refused("plant", publish).code == "consortium.calendar_taken"
    # Another member's calendars are its own.
    consortium.do("maker", publish)
    assert consortium.events(CalendarPublished) == [
        CalendarPublished(member="plant", id="cn-2026"),
        CalendarPublished(member="maker", id="cn-2026"),
    ]


def test_a_calendar_that_says_nothing_clear_is_refused(consortium: Consortium) -> None:
    broken = Calendar(
        zone="Asia/Shanghai", from_day=20_000, until_day=20_000, transition_ms=(0,), offset_minutes=(480,)
    )
    refusal = consortium.refused("plant", PublishCalendar(id="cn", calendar=broken))
    assert refusal.code == "consortium.calendar_validity"
