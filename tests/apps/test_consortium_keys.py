"""Keys: registered by who holds them, rotated, revoked, recovered; and what a thief cannot do."""

from typing import Any

import pytest

from hansa.apps.consortium.messages import (
    Attest,
    KeyRegistered,
    KeyRevokedEvent,
    NewKey,
    Recover,
    RegisterKey,
    RevokeKey,
)
from hansa.kernel import limits, replace
from hansa.kernel.signatures import Signer
from tests.consortium import Consortium, new_key, signer
from tests.kernel.curve import BASE, add, encode_point, small_order_points

SHOW = Attest(table="consortium.members", key=("maker",))
RECOVERY: dict[str, Any] = {"kind": "recovery", "scopes": ("consortium.recover",), "holder": "safe"}


def keys_of(consortium: Consortium, member: str) -> dict[str, Any]:
    return dict(consortium.query("consortium.keys_of", member=member))


def key(consortium: Consortium, member: str, name: str, **fields: Any) -> NewKey:
    return consortium.key(member, name, **fields).key


# Registration.


def test_a_new_key_signs_from_the_next_block_on(consortium: Consortium) -> None:
    consortium.do("maker", consortium.key("maker", "k2", holder="shift-lead"))
    consortium.do("maker", RevokeKey(id="k1"), key="k2")

    (event,) = consortium.events(KeyRegistered)
    assert (event.member, event.key, event.holder) == ("maker", "k2", "shift-lead")
    assert event.public == signer("maker", "k2").public
    assert consortium.refused("maker", RevokeKey(id="k2")).code == "kernel.key_revoked"


def test_nobody_registers_a_key_that_it_does_not_hold(consortium: Consortium) -> None:
    """The press is the plant's. Maker has seen its public key, even a proof for the plant."""
    chain = consortium.node.chain.id
    press = signer("plant", "press")
    device: dict[str, Any] = {"kind": "device", "scopes": ()}
    for_plant = new_key(chain, "plant", "press", press, **device)
    for_another_id = new_key(chain, "maker", "other", press, **device)
    for_another_chain = new_key("0" * 64, "maker", "press", press, **device)
    by_maker = new_key(chain, "maker", "press", signer("maker"), **device)

    for proof in (
        for_plant.proof,
        for_another_id.proof,
        for_another_chain.proof,
        by_maker.proof,
        b"",
        b"x" * 99,
    ):
        stolen = replace(for_plant, proof=proof)
        refusal = consortium.refused("maker", RegisterKey(key=stolen))
        assert (refusal.code, refusal.field) == ("consortium.proof_invalid", "proof")
    consortium.do("plant", RegisterKey(key=for_plant))


def test_a_public_key_is_registered_once_by_whomever(consortium: Consortium) -> None:
    """Two keys with two holders, and one person behind both, would count as two approvals."""
    consortium.do("plant", consortium.key("plant", "k2"))
    again = consortium.key("plant", "k3", signer("plant", "k2"), holder="somebody-else")
    assert consortium.refused("plant", again).code == "consortium.public_taken"
    founded = consortium.key("plant", "k3", signer("plant", "k1"))
    assert consortium.refused("plant", founded).code == "consortium.public_taken"
    other = consortium.key("maker", "k2", signer("plant", "k2"))
    assert consortium.refused("maker", other).code == "consortium.public_taken"
    # For ever: a revoked key does not come back under another name.
    consortium.do("plant", RevokeKey(id="k2"))
    assert consortium.refused("plant", again).code == "consortium.public_taken"


def test_a_key_may_use_what_its_scope_says_and_grant_no_more(consortium: Consortium) -> None:
    scopes = ("consortium.register_key", "consortium.attest")
    consortium.do("maker", consortium.key("maker", "clerk", scopes=scopes))

    consortium.do("maker", consortium.key("maker", "k3", scopes=("consortium.attest",)), key="clerk")
    for scopes in (("*",), ("consortium.*",), ("consortium.revoke_key",), ("consortium.attest", "*")):
        beyond = consortium.key("maker", "k4", scopes=scopes)
        assert consortium.refused("maker", beyond, key="clerk").code == "consortium.scope_beyond_own"
    recovery = consortium.key("maker", "k4", **RECOVERY)
    assert consortium.refused("maker", recovery, key="clerk").code == "consortium.scope_beyond_own"
    assert consortium.refused("maker", RevokeKey(id="k1"), key="clerk").code == "kernel.out_of_scope"


def test_a_room_scope_grants_its_actions(consortium: Consortium) -> None:
    consortium.do("maker", consortium.key("maker", "admin", scopes=("consortium.*",)))
    consortium.do("maker", consortium.key("maker", "k3", scopes=("consortium.attest",)), key="admin")
    consortium.do("maker", consortium.key("maker", "k4", scopes=("consortium.*",)), key="admin")


def test_a_key_id_is_used_once_even_after_it_was_revoked(consortium: Consortium) -> None:
    consortium.do("maker", consortium.key("maker", "k2"))
    consortium.do("maker", RevokeKey(id="k2"))

    refusal = consortium.refused("maker", consortium.key("maker", "k2", Signer(bytes(32))))
    assert (refusal.code, refusal.field) == ("consortium.key_taken", "id")
    # Another member's ids are its own.
    consortium.do("bank", consortium.key("bank", "k2"))


def test_a_key_expires(consortium: Consortium) -> None:
    consortium.do("maker", consortium.key("maker", "k2", expires_ms=consortium.in_days(2)))
    consortium.pass_days(1)
    consortium.do("maker", SHOW, key="k2")
    consortium.pass_days(1)
    assert consortium.refused("maker", SHOW, key="k2").code == "kernel.key_expired"


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
        ({"scopes": ("consortium.register*",)}, "consortium.scope_unknown"),
        ({"scopes": ("consortium.add_key",)}, "consortium.scope_unknown"),
        ({"scopes": ("",)}, "consortium.scope_unknown"),
        ({"kind": "device"}, "consortium.scope_unknown"),
        ({"kind": "recovery"}, "consortium.scope_unknown"),
        ({"kind": "recovery", "scopes": ()}, "consortium.scope_unknown"),
        ({"scopes": ("*",) * (limits.SCOPES_MAX + 1)}, "consortium.scopes_too_many"),
    ],
)
def test_a_key_that_cannot_stand_is_refused(
    consortium: Consortium, fields: dict[str, Any], code: str
) -> None:
    assert consortium.refused("maker", consortium.key("maker", "k2", **fields)).code == code


def test_a_device_key_has_no_scope_and_signs_no_transaction(consortium: Consortium) -> None:
    consortium.do("plant", consortium.key("plant", "meter", kind="device", scopes=()))
    attest = Attest(table="consortium.members", key=("plant",))
    assert consortium.refused("plant", attest, key="meter").code == "kernel.out_of_scope"


def test_what_an_attacker_writes_is_shown_in_a_line(consortium: Consortium) -> None:
    refusal = consortium.refused("maker", consortium.key("maker", "k2", scopes=("\x1b[2J" + "x" * 50_000,)))
    assert refusal.code == "consortium.scope_unknown"
    for text in (refusal.zh, refusal.en):
        assert len(text) < 400
        assert text.isprintable()


# Rotation.


def rotated(consortium: Consortium, old: str, name: str, overlap_ms: int = 0, **fields: Any) -> RegisterKey:
    given = {"holder": f"maker-{old}", "scopes": ()} | fields
    return replace(consortium.key("maker", name, **given), replaces=old, overlap_ms=overlap_ms)


def test_a_key_is_rotated_with_an_overlap_and_then_the_old_one_ends(consortium: Consortium) -> None:
    consortium.do("maker", rotated(consortium, "k1", "k2", limits.DAY_MS))

    (event,) = consortium.events(KeyRegistered)
    assert (event.replaces, event.replaced_until_ms) == ("k1", consortium.in_days(1))
    assert event.scopes == ("*",)
    consortium.do("maker", SHOW, key="k1")
    consortium.do("maker", SHOW, key="k2")
    consortium.pass_days(1)
    assert consortium.refused("maker", SHOW, key="k1").code == "kernel.key_expired"
    consortium.do("maker", SHOW, key="k2")


def test_an_overlap_makes_no_key_last_longer(consortium: Consortium) -> None:
    consortium.do("maker", consortium.key("maker", "k2", expires_ms=consortium.in_days(2)))
    consortium.do("maker", rotated(consortium, "k2", "k3", 30 * limits.DAY_MS))
    assert keys_of(consortium, "maker")["k2"]["expires_ms"] == consortium.in_days(2)


def test_a_rotation_without_overlap_ends_the_old_key_now(consortium: Consortium) -> None:
    consortium.do("maker", rotated(consortium, "k1", "k2"))
    assert consortium.refused("maker", SHOW, key="k1").code == "kernel.key_expired"


def test_a_rotation_narrows_or_keeps_scopes_and_never_changes_who_holds_it(consortium: Consortium) -> None:
    consortium.do("maker", consortium.key("maker", "desk", scopes=("billing.*", "consortium.attest")))
    for fields in (
        {"scopes": ("*",)},
        {"scopes": ("metering.*",)},
        {"scopes": ("billing.*", "consortium.*")},
        {"holder": "another"},
        {"kind": "worker"},
    ):
        refusal = consortium.refused("maker", rotated(consortium, "desk", "desk-2", **fields))
        assert (refusal.code, refusal.field) == ("consortium.rotation_differs", "replaces")
    consortium.do("maker", rotated(consortium, "desk", "desk-2", scopes=("billing.propose",)))
    assert keys_of(consortium, "maker")["desk-2"]["scopes"] == ["billing.propose"]


def test_what_ended_or_is_not_ones_own_is_not_rotated(consortium: Consortium) -> None:
    consortium.do("maker", consortium.key("maker", "k2"), RevokeKey(id="k2"))
    assert consortium.refused("maker", rotated(consortium, "k2", "k3")).code == "kernel.key_revoked"
    assert (
        consortium.refused("maker", rotated(consortium, "gateway-1", "k3")).code == "consortium.key_unknown"
    )
    over = limits.KEY_OVERLAP_MAX_MS + 1
    for wrong in (
        rotated(consortium, "k1", "k3", over),
        replace(consortium.key("maker", "k3"), overlap_ms=1),
    ):
        assert consortium.refused("maker", wrong).code == "consortium.overlap_invalid"


def test_a_rotation_does_not_give_the_keys_out_of_hand(consortium: Consortium) -> None:
    narrower = rotated(consortium, "k1", "k2", scopes=("billing.*",))
    assert consortium.refused("maker", narrower).code == "consortium.no_managing_key"


# Revocation.


def test_a_revoked_key_is_refused_at_once_and_revoking_again_says_nothing_new(consortium: Consortium) -> None:
    consortium.do("plant", consortium.key("plant", "k2"))
    consortium.do("plant", RevokeKey(id="k2"))
    consortium.do("plant", RevokeKey(id="k2"))

    assert consortium.refused("plant", RevokeKey(id="k1"), key="k2").code == "kernel.key_revoked"
    assert consortium.events(KeyRevokedEvent) == [KeyRevokedEvent(member="plant", key="k2")]


def test_a_member_manages_its_own_keys_only(consortium: Consortium) -> None:
    assert consortium.refused("maker", RevokeKey(id="gateway-1")).code == "consortium.key_unknown"


def test_the_last_key_that_may_manage_keys_is_not_revoked(consortium: Consortium) -> None:
    chain = consortium.node.chain.id
    others = [
        new_key(chain, "maker", "clerk", scopes=("billing.*",)),
        new_key(chain, "maker", "meter", kind="device", scopes=()),
        new_key(chain, "maker", "soon", expires_ms=consortium.in_days(1)),
        new_key(chain, "maker", "safe", **RECOVERY),
    ]
    consortium.do("maker", *(RegisterKey(key=each) for each in others))
    consortium.pass_days(1)
    refusal = consortium.refused("maker", RevokeKey(id="k1"))
    assert (refusal.code, refusal.field) == ("consortium.no_managing_key", "keys")
    consortium.do("maker", consortium.key("maker", "k2", scopes=("consortium.register_key",)))
    consortium.do("maker", RevokeKey(id="k1"))


# Recovery.


@pytest.fixture
def robbed(consortium: Consortium) -> Consortium:
    """Maker has a recovery key in its safe. A thief has k1, added a key, ended another clerk's."""
    consortium.do("maker", consortium.key("maker", "safe", **RECOVERY), consortium.key("maker", "clerk"))
    consortium.do("maker", consortium.key("maker", "thief"), RevokeKey(id="clerk"))
    return consortium


def test_who_was_robbed_takes_its_keys_back(robbed: Consortium) -> None:
    new = key(robbed, "maker", "k3")
    robbed.do("maker", Recover(revoke=("k1", "thief"), keys=(new,)), key="safe")

    assert robbed.refused("maker", SHOW, key="k1").code == "kernel.key_revoked"
    assert robbed.refused("maker", SHOW, key="thief").code == "kernel.key_revoked"
    robbed.do("maker", SHOW, key="k3")
    assert [event.key for event in robbed.events(KeyRevokedEvent)] == ["clerk", "k1", "thief"]


def test_a_thief_can_neither_end_nor_replace_the_recovery_key(robbed: Consortium) -> None:
    taken = "consortium.recovery_key_stays"
    assert robbed.refused("maker", RevokeKey(id="safe"), key="thief").code == taken
    assert robbed.refused("maker", robbed.key("maker", "mine", **RECOVERY), key="thief").code == taken
    rotation = replace(robbed.key("maker", "mine", **RECOVERY), replaces="safe")
    assert robbed.refused("maker", rotation, key="thief").code == taken
    own = Recover(revoke=("safe",), keys=(key(robbed, "maker", "mine"),))
    assert robbed.refused("maker", own, key="thief").code == "consortium.recovery_key_only"


def test_a_recovery_key_does_nothing_else(robbed: Consortium) -> None:
    for action in (SHOW, RevokeKey(id="k1"), robbed.key("maker", "k5")):
        assert robbed.refused("maker", action, key="safe").code == "kernel.out_of_scope"


def test_a_recovery_key_is_renewed_by_itself_and_ends_with_it(robbed: Consortium) -> None:
    new = (key(robbed, "maker", "k3"), key(robbed, "maker", "safe-2", **RECOVERY))
    robbed.do("maker", Recover(revoke=("k1", "thief"), keys=new), key="safe")
    keys = keys_of(robbed, "maker")
    assert keys["safe"]["revoked_ms"] == robbed.clock()
    robbed.do("maker", Recover(revoke=("k3",), keys=(key(robbed, "maker", "k4"),)), key="safe-2")
    again = Recover(revoke=(), keys=(key(robbed, "maker", "k5"),))
    assert robbed.refused("maker", again, key="safe").code == "kernel.key_revoked"


@pytest.mark.parametrize(
    ("revoke", "names", "code"),
    [
        (("k1", "thief"), (), "consortium.keys_at_once"),
        (("k1",), tuple(f"n{n}" for n in range(limits.KEYS_AT_ONCE_MAX + 1)), "consortium.keys_at_once"),
        (("k1",) * (limits.REVOKED_AT_ONCE_MAX + 1), ("n",), "consortium.keys_at_once"),
        (("nobody",), ("n",), "consortium.key_unknown"),
        (("safe",), ("n",), "consortium.recovery_key_stays"),
        (("k1",), ("n", "n"), "consortium.key_taken"),
        (("k1",), ("k1",), "consortium.key_taken"),
    ],
)
def test_a_recovery_that_cannot_be_is_refused(
    robbed: Consortium, revoke: tuple[str, ...], names: tuple[str, ...], code: str
) -> None:
    new = tuple(key(robbed, "maker", name) for name in names)
    assert robbed.refused("maker", Recover(revoke=revoke, keys=new), key="safe").code == code


def test_a_recovery_leaves_a_key_that_may_manage(robbed: Consortium) -> None:
    narrow = (key(robbed, "maker", "n", scopes=("billing.*",)),)
    ends_all = Recover(revoke=("k1", "thief"), keys=narrow)
    assert robbed.refused("maker", ends_all, key="safe").code == "consortium.no_managing_key"
    robbed.do("maker", Recover(revoke=("thief",), keys=narrow), key="safe")


def test_a_recovery_registers_only_what_is_held(robbed: Consortium) -> None:
    new = replace(key(robbed, "maker", "k3"), proof=bytes(64))
    refusal = robbed.refused("maker", Recover(revoke=("k1",), keys=(new,)), key="safe")
    assert refusal.code == "consortium.proof_invalid"
    same = key(robbed, "maker", "n1", by=signer("maker", "n"))
    other = key(robbed, "maker", "n2", by=signer("maker", "n"))
    twice = robbed.refused("maker", Recover(revoke=("k1",), keys=(same, other)), key="safe")
    assert twice.code == "consortium.public_taken"


def test_there_is_one_recovery_key_at_most(robbed: Consortium) -> None:
    two = tuple(key(robbed, "maker", name, **RECOVERY) for name in ("safe-2", "safe-3"))
    refusal = robbed.refused("maker", Recover(revoke=("k1",), keys=two), key="safe")
    assert (refusal.code, refusal.field) == ("consortium.keys_at_once", "keys")


# What can be asked.


def test_keys_that_end_soon_are_named_the_first_to_end_first(consortium: Consortium) -> None:
    chain = consortium.node.chain.id
    ends = {"in-60": 60, "in-3": 3, "in-14": 14, "in-61": 61, "gone": 2}
    keys = [new_key(chain, "maker", name, expires_ms=consortium.in_days(d)) for name, d in ends.items()]
    consortium.do("maker", *(RegisterKey(key=each) for each in keys), RevokeKey(id="gone"))

    def named(days: int, **of: str) -> list[str]:
        return [row["key"] for row in consortium.query("consortium.keys_expiring", days=days, **of)]

    assert named(60) == ["in-3", "in-14", "in-60"]
    assert named(14, member="maker") == ["in-3", "in-14"]
    assert named(60, member="plant") == []
    consortium.pass_days(3)
    consortium.do("maker", SHOW)
    assert named(60) == ["in-14", "in-60", "in-61"]


def test_keys_are_listed_in_pages(consortium: Consortium) -> None:
    chain = consortium.node.chain.id
    keys = [new_key(chain, "maker", f"m{n}", scopes=("billing.*",)) for n in range(5)]
    consortium.do("maker", *(RegisterKey(key=each) for each in keys))
    first = consortium.query("consortium.keys_of", member="maker", limit=4)
    rest = consortium.query("consortium.keys_of", member="maker", after=first[-1][0], limit=4)
    assert [name for name, _ in (*first, *rest)] == ["k1", "m0", "m1", "m2", "m3", "m4"]
