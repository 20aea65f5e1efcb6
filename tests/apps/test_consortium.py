"""Members, keys and calendars: what a member may do with its own, and nobody else's."""

from typing import Any

import pytest

from hansa.apps.consortium.calendars import Calendar
from hansa.apps.consortium.messages import (
    AddKey,
    Attest,
    CalendarPublished,
    KeyAdded,
    KeyRevokedEvent,
    PublishCalendar,
    RevokeKey,
)
from hansa.kernel import Attested, Key, limits
from hansa.kernel.canonical import decode
from tests.consortium import Consortium, signer
from tests.kernel.curve import BASE, add, encode_point, small_order_points

SHANGHAI = Calendar(
    zone="Asia/Shanghai", from_day=20_000, until_day=20_800, transition_ms=(0,), offset_minutes=(480,)
)


def key(consortium: Consortium, name: str = "k2", member: str = "maker", **fields: Any) -> AddKey:
    given = {
        "id": name,
        "public": signer(member, name).public,
        "holder": "shift-lead",
        "kind": "person",
        "scopes": ("*",),
        "expires_ms": consortium.in_days(365),
    }
    return AddKey(**(given | fields))


# Keys.


def test_a_new_key_signs_from_the_next_block_on(consortium: Consortium) -> None:
    consortium.do("maker", key(consortium))
    consortium.do("maker", RevokeKey(id="k1"), key="k2")

    assert consortium.events(KeyAdded) == [
        KeyAdded(member="maker", key="k2", public=signer("maker", "k2").public)
    ]
    assert consortium.refused("maker", RevokeKey(id="k2")).code == "kernel.key_revoked"


def test_a_key_may_use_what_its_scope_says_and_grant_no_more(consortium: Consortium) -> None:
    consortium.do("maker", key(consortium, "clerk", scopes=("consortium.add_key", "consortium.attest")))

    within = key(consortium, "k3", scopes=("consortium.attest",))
    consortium.do("maker", within, key="clerk")
    for scopes in (("*",), ("consortium.*",), ("consortium.revoke_key",), ("consortium.attest", "*")):
        beyond = key(consortium, "k4", scopes=scopes)
        assert consortium.refused("maker", beyond, key="clerk").code == "consortium.scope_beyond_own"
    assert consortium.refused("maker", RevokeKey(id="k1"), key="clerk").code == "kernel.out_of_scope"


def test_a_room_scope_grants_its_actions(consortium: Consortium) -> None:
    consortium.do("maker", key(consortium, "admin", scopes=("consortium.*",)))
    consortium.do("maker", key(consortium, "k3", scopes=("consortium.attest",)), key="admin")
    consortium.do("maker", key(consortium, "k4", scopes=("consortium.*",)), key="admin")


def test_a_key_id_is_used_once_even_after_it_was_revoked(consortium: Consortium) -> None:
    consortium.do("maker", key(consortium))
    consortium.do("maker", RevokeKey(id="k2"))

    refusal = consortium.refused("maker", key(consortium))
    assert (refusal.code, refusal.field) == ("consortium.key_taken", "id")
    # Another member's ids are its own.
    consortium.do("bank", key(consortium, member="bank"))


def test_a_revoked_key_is_refused_at_once_and_revoking_again_says_nothing_new(consortium: Consortium) -> None:
    consortium.do("plant", key(consortium, member="plant"))
    consortium.do("plant", RevokeKey(id="k2"))
    consortium.do("plant", RevokeKey(id="k2"))

    assert consortium.refused("plant", RevokeKey(id="k1"), key="k2").code == "kernel.key_revoked"
    assert consortium.events(KeyRevokedEvent) == [KeyRevokedEvent(member="plant", key="k2")]


def test_a_member_manages_its_own_keys_only(consortium: Consortium) -> None:
    assert consortium.refused("maker", RevokeKey(id="gateway-1")).code == "consortium.key_unknown"


def test_a_key_expires(consortium: Consortium) -> None:
    consortium.do("maker", key(consortium, expires_ms=consortium.in_days(2)))
    consortium.pass_days(1)
    consortium.do("maker", Attest(table="consortium.members", key=("maker",)), key="k2")
    consortium.pass_days(1)
    refusal = consortium.refused("maker", Attest(table="consortium.members", key=("maker",)), key="k2")
    assert refusal.code == "kernel.key_expired"


SMALL = small_order_points()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"public": b""}, "consortium.key_invalid"),
        ({"public": bytes(31)}, "consortium.key_invalid"),
        ({"public": bytes(32)}, "consortium.key_invalid"),
        ({"public": encode_point(SMALL[1])}, "consortium.key_invalid"),
        ({"public": encode_point(add(BASE, SMALL[1]))}, "consortium.key_invalid"),
        ({"public": b"\xff" * 32}, "consortium.key_invalid"),
        ({"expires_ms": 0}, "consortium.key_lifetime"),
        ({"scopes": ("nowhere.act",)}, "consortium.scope_unknown"),
        ({"scopes": ("consortium",)}, "consortium.scope_unknown"),
        ({"scopes": ("consortium.add*",)}, "consortium.scope_unknown"),
        ({"scopes": ("",)}, "consortium.scope_unknown"),
        ({"kind": "device"}, "consortium.scope_unknown"),
        ({"scopes": ("*",) * (limits.SCOPES_MAX + 1)}, "consortium.scopes_too_many"),
    ],
)
def test_a_key_that_cannot_stand_is_refused(
    consortium: Consortium, fields: dict[str, Any], code: str
) -> None:
    assert consortium.refused("maker", key(consortium, **fields)).code == code


def test_a_device_key_has_no_scope_and_signs_no_transaction(consortium: Consortium) -> None:
    consortium.do("plant", key(consortium, "meter", member="plant", kind="device", scopes=()))
    attest = Attest(table="consortium.members", key=("plant",))
    assert consortium.refused("plant", attest, key="meter").code == "kernel.out_of_scope"


def test_what_an_attacker_writes_is_shown_in_a_line(consortium: Consortium) -> None:
    refusal = consortium.refused("maker", key(consortium, scopes=("\x1b[2J" + "x" * 50_000,)))
    assert refusal.code == "consortium.scope_unknown"
    for text in (refusal.zh, refusal.en):
        assert len(text) < 400
        assert text.isprintable()


# Attests.


def test_a_record_that_stands_is_shown_as_an_event(consortium: Consortium) -> None:
    consortium.do("maker", Attest(table="kernel.keys", key=("plant", "k1")))

    (shown,) = consortium.events(Attested)
    assert (shown.table, shown.key) == ("kernel.keys", ("plant", "k1"))
    assert decode(shown.record, Key).public == signer("plant").public


def test_an_attest_shows_the_record_as_it_is_now(consortium: Consortium) -> None:
    consortium.do("maker", key(consortium), Attest(table="kernel.keys", key=("maker", "k2")))
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
