"""What else a vote can do: cosigners, parameters, rules, rooms from outside."""

from typing import Any

import pytest

from hansa.apps.consortium.contract import ROOM
from hansa.apps.consortium.cosigning import check_set
from hansa.apps.consortium.errors_votes import QuorumInvalid
from hansa.apps.consortium.messages import CosignersChanged, ParameterChanged
from hansa.apps.consortium.messages_votes import (
    ActivateRoom,
    ActivateRules,
    ActivationScheduled,
    DeactivateRoom,
    Propose,
    SetCosigners,
    SetParameter,
    Suspend,
)
from hansa.apps.consortium.parameters import KNOWN
from hansa.kernel import Context, Cosigner, Registry, Room, RoomPin, limits, replace
from hansa.kernel.state import Committed, Overlay
from tests.apps.ballots import decide, seat, seats, stands
from tests.consortium import Consortium, signer

FOUR = ("maker", "plant", "bank", "auditor")


# Cosigners.


def test_a_new_set_is_for_headers_from_the_next_height_on(consortium: Consortium) -> None:
    assert (
        decide(consortium, seats(consortium, *FOUR, quorum=3), "maker", "plant", "bank")["state"] == "adopted"
    )
    height = consortium.node.height

    shown = consortium.query("consortium.cosigners")
    assert (shown["since"], shown["quorum"], shown["operator"]) == (height + 1, 3, "maker")
    (event,) = consortium.events(CosignersChanged)
    assert (event.since, event.quorum, event.operator, event.proposal) == (height + 1, 3, "maker", "p-1")
    assert [cosigner.member for cosigner in event.cosigners] == list(FOUR)
    assert [cosigner.public for cosigner in event.cosigners] == [signer(m, "node").public for m in FOUR]
    # The set before stands as well: who follows them from the founding on reads all.
    assert [key for key, _ in rows(consortium, "consortium.cosigners")] == [(1,), (height + 1,)]


def rows(consortium: Consortium, table: str) -> list[Any]:
    """Keys and records of a table as the ledger has them."""
    node = consortium.node
    layer = Overlay(Committed(node.ledger.store))
    ctx = Context(consortium.registry, layer, time_ms=node.time_ms, height=node.height, chain=node.chain.id)
    return list(consortium.registry.tables[table].scan(ctx))


@pytest.mark.parametrize(
    ("members", "quorum", "code"),
    [
        (FOUR, 2, "consortium.quorum_invalid"),
        (FOUR, 5, "consortium.quorum_invalid"),
        (("maker", "plant", "bank"), 1, "consortium.quorum_invalid"),
        (("maker", "plant"), 1, "consortium.quorum_invalid"),
        (("plant", "bank", "auditor"), 2, "consortium.cosigners_invalid"),
        (("maker", "plant", "plant"), 2, "consortium.cosigners_invalid"),
        (("maker", "rival"), 2, "consortium.cosigners_invalid"),
        ((), 1, "consortium.cosigners_invalid"),
    ],
)
def test_a_set_by_which_two_histories_could_be_final_is_refused(
    consortium: Consortium, members: tuple[str, ...], quorum: int, code: str
) -> None:
    subject = seats(consortium, *members, quorum=quorum)
    assert consortium.refused("maker", Propose(proposal="p-1", subject=subject)).code == code


def test_a_quorum_is_more_than_half_of_all_and_the_faulty() -> None:
    """Any two quorums share a cosigner that is not faulty: 2q − n > f, with as few as that needs."""
    for n in range(1, 14):
        faulty = (n - 1) // 3
        cosigners = [Cosigner(member=f"m{k}", public=signer(f"m{k}").public) for k in range(n)]
        for quorum in range(n + 2):
            if 2 * quorum - n > faulty and quorum <= n:
                check_set("m0", cosigners, quorum)
            else:
                with pytest.raises(QuorumInvalid):
                    check_set("m0", cosigners, quorum)


def test_a_key_of_a_cosigner_is_held_by_it_and_by_nobody_else(consortium: Consortium) -> None:
    own = seat(consortium, "maker")
    plants = seat(consortium, "plant")
    for wrong, code in (
        (replace(plants, proof=b""), "consortium.seat_proof"),
        (replace(plants, member="bank"), "consortium.seat_proof"),
        (replace(plants, public=bytes(32)), "consortium.cosigners_invalid"),
        (replace(plants, public=own.public), "consortium.cosigners_invalid"),
    ):
        subject = SetCosigners(seats=(own, wrong), quorum=2)
        assert consortium.refused("maker", Propose(proposal="p-1", subject=subject)).code == code


def test_a_member_has_one_seat_however_many_keys_it_has(consortium: Consortium) -> None:
    twice = (seat(consortium, "plant"), seat(consortium, "plant", signer("plant", "node-2")))
    subject = SetCosigners(seats=(seat(consortium, "maker"), *twice), quorum=2)
    refusal = consortium.refused("maker", Propose(proposal="p-1", subject=subject))
    assert (refusal.code, refusal.field) == ("consortium.cosigners_invalid", "cosigners")


def test_a_cosigner_that_stays_proves_nothing_anew(consortium: Consortium) -> None:
    unproved = replace(seat(consortium, "maker"), proof=b"")
    subject = SetCosigners(seats=(unproved, seat(consortium, "plant")), quorum=2)
    assert decide(consortium, subject, "maker", "plant", "bank")["state"] == "adopted"
    other = replace(seat(consortium, "maker", signer("maker", "node-2")), proof=b"")
    changed = SetCosigners(seats=(other, seat(consortium, "plant")), quorum=2)
    refusal = consortium.refused("maker", Propose(proposal="p-2", subject=changed))
    assert (refusal.code, refusal.field) == ("consortium.seat_proof", "seats")


def test_who_is_suspended_takes_no_seat(consortium: Consortium) -> None:
    decide(consortium, Suspend(member="bank"), "maker", "plant", proposal="p-1")
    subject = seats(consortium, "maker", "plant", "bank", quorum=2)
    refusal = consortium.refused("maker", Propose(proposal="p-2", subject=subject))
    assert refusal.code == "consortium.cosigners_invalid"


# Parameters.


def test_a_parameter_is_set_by_vote(consortium: Consortium) -> None:
    skew = SetParameter(name="header_skew_ms", value=60_000)
    assert decide(consortium, skew, "maker", "plant", "bank")["state"] == "adopted"
    shown = {row["name"]: row for row in consortium.query("consortium.parameters")}
    assert shown["header_skew_ms"]["value"] == 60_000
    assert shown["ballot_days"]["value"] == shown["ballot_days"]["default"] == 14
    assert all(row["zh"] and row["en"] for row in shown.values())
    assert consortium.events(ParameterChanged) == [
        ParameterChanged(name="header_skew_ms", value=60_000, proposal="p-1")
    ]


@pytest.mark.parametrize("name", KNOWN)
def test_every_parameter_has_bounds(consortium: Consortium, name: str) -> None:
    known = KNOWN[name]
    assert known.least <= known.default <= known.most
    for value in (known.least - 1, known.most + 1):
        subject = SetParameter(name=name, value=value)
        refusal = consortium.refused("maker", Propose(proposal="p-1", subject=subject))
        assert (refusal.code, refusal.field) == ("consortium.parameter_out_of_range", "value")
    consortium.do("maker", Propose(proposal="p-1", subject=SetParameter(name=name, value=known.least)))


def test_there_are_no_other_parameters(consortium: Consortium) -> None:
    subject = SetParameter(name="anything", value=1)
    refusal = consortium.refused("maker", Propose(proposal="p-1", subject=subject))
    assert (refusal.code, refusal.field) == ("consortium.parameter_unknown", "name")


def test_the_days_of_a_ballot_are_those_of_its_proposal(consortium: Consortium) -> None:
    decide(consortium, SetParameter(name="ballot_days", value=1), "maker", "plant", "bank")
    consortium.do("maker", Propose(proposal="p-2", subject=SetParameter(name="ballot_days", value=2)))
    consortium.pass_days(1)
    assert stands(consortium, "p-2")["state"] == "expired"


# Rules and rooms: on a registry whose votes are real, and whose blocks need not execute what is voted.

NEXT = limits.RULES_MAX + 1
PIN = RoomPin(name="visitors", version="1.0", sha256="ab" * 32)
NEWER = RoomPin(name="visitors", version="1.1", sha256="cd" * 32)


def scheduled(consortium: Consortium) -> list[tuple[int, int, list[str]]]:
    return [
        (event.height, event.rules, [pin.version for pin in event.rooms])
        for event in consortium.events(ActivationScheduled)
    ]


def adopt(consortium: Consortium, subject: Any, proposal: str) -> None:
    assert decide(consortium, subject, "maker", "plant", "bank", proposal=proposal)["state"] == "adopted"


def test_rules_come_into_force_after_their_notice(consortium: Consortium) -> None:
    adopt(consortium, ActivateRules(version=NEXT), "p-1")
    height = consortium.node.height + 100
    assert scheduled(consortium) == [(height, NEXT, [])]
    shown = consortium.query("consortium.active")
    assert (shown["height"], shown["active"]["rules"]) == (consortium.node.height + 1, limits.RULES_MAX)
    assert [(row["height"], row["active"]["rules"]) for row in shown["scheduled"]] == [(height, NEXT)]


@pytest.mark.parametrize("version", [1, limits.RULES_MAX, NEXT + 1, 2**53 - 1])
def test_rules_come_one_version_after_the_other(consortium: Consortium, version: int) -> None:
    subject = ActivateRules(version=version)
    refusal = consortium.refused("maker", Propose(proposal="p-1", subject=subject))
    assert (refusal.code, refusal.field) == ("consortium.rules_not_next", "version")


def test_a_height_is_named_with_notice_or_the_proposal_fails(consortium: Consortium) -> None:
    early = ActivateRules(version=NEXT, height=consortium.node.height + 1)
    refusal = consortium.refused("maker", Propose(proposal="p-0", subject=early))
    assert (refusal.code, refusal.field) == ("consortium.height_too_early", "height")

    # Just enough when it was proposed, too little by the time it is decided.
    just = ActivateRules(version=NEXT, height=consortium.node.height + 101)
    ended = decide(consortium, just, "maker", "plant", "bank", proposal="p-1")
    assert (ended["state"], ended["code"]) == ("failed", "consortium.height_too_early")
    assert scheduled(consortium) == []

    later = ActivateRules(version=NEXT, height=1_000)
    adopt(consortium, later, "p-2")
    assert scheduled(consortium) == [(1_000, NEXT, [])]


def test_what_is_adopted_later_comes_on_top_and_not_before(consortium: Consortium) -> None:
    adopt(consortium, ActivateRules(version=NEXT, height=1_000), "p-1")
    adopt(consortium, ActivateRoom(room=PIN), "p-2")
    adopt(consortium, ActivateRoom(room=NEWER, height=2_000), "p-3")
    adopt(consortium, DeactivateRoom(name="visitors", height=3_000), "p-4")
    assert scheduled(consortium) == [
        (1_000, NEXT, []),
        (1_000, NEXT, ["1.0"]),
        (2_000, NEXT, ["1.1"]),
        (3_000, NEXT, []),
    ]
    before = Propose(proposal="p-5", subject=ActivateRoom(room=PIN, height=2_999))
    assert consortium.refused("maker", before).code == "consortium.height_too_early"
    assert [key for key, _ in rows(consortium, "kernel.active")] == [(1_000,), (2_000,), (3_000,)]


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        (ActivateRoom(room=replace(PIN, name="billing")), "consortium.room_reserved"),
        (ActivateRoom(room=replace(PIN, name="kernel")), "consortium.room_reserved"),
        (ActivateRoom(room=PIN), "consortium.room_unchanged"),
        (DeactivateRoom(name="billing"), "consortium.room_unknown"),
        (DeactivateRoom(name="nothing"), "consortium.room_unknown"),
    ],
)
def test_a_room_that_cannot_be_is_refused(consortium: Consortium, subject: Any, code: str) -> None:
    adopt(consortium, ActivateRoom(room=PIN), "p-1")
    assert consortium.refused("maker", Propose(proposal="p-2", subject=subject)).code == code


def test_there_are_so_many_rooms_from_outside_and_no_more(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ROOMS_MAX", 1)
    adopt(consortium, ActivateRoom(room=PIN), "p-1")
    other = Propose(proposal="p-2", subject=ActivateRoom(room=replace(PIN, name="other")))
    assert consortium.refused("maker", other).code == "consortium.rooms_too_many"
    consortium.do("maker", Propose(proposal="p-2", subject=ActivateRoom(room=NEWER)))


# All actions are there under their rules, and each of the new ones only from rules 2 on.


def test_what_rules_1_knew_is_what_rules_1_know() -> None:
    def tags(room: Room) -> set[str]:
        return set(Registry([room]).tags)

    assert tags(ROOM.at(1)) == {
        f"consortium.{verb}" for verb in ("add_key", "revoke_key", "publish_calendar", "attest")
    }
    assert "consortium.add_key" not in tags(ROOM.at(2))
    assert len(tags(ROOM.at(2))) == 20
    assert not ROOM.at(1).gates
    assert ROOM.at(1).faults is None
    assert not ROOM.at(1).due
