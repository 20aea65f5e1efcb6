"""Founding: what a genesis file may say, and what a number of registration shows of itself."""

from collections.abc import Callable
from typing import Any

import pytest

from hansa.apps.consortium import registration as numbers
from hansa.apps.consortium.errors import GenesisIncomplete, KeysAtOnce, NoManagingKey, PublicTaken
from hansa.apps.consortium.errors_members import (
    RegistrationTaken,
    RegistrationUnchecked,
    RolesInvalid,
    SizeMissing,
)
from hansa.apps.consortium.errors_votes import (
    CosignersInvalid,
    ParameterOutOfRange,
    ParameterTwice,
    ParameterUnknown,
    QuorumInvalid,
)
from hansa.apps.consortium.messages import (
    Genesis,
    GenesisKey,
    ParameterValue,
    Registration,
)
from hansa.apps.consortium.messages_votes import (
    Suspend,
)
from hansa.apps.rooms import registry, release
from hansa.engines.founding import found
from hansa.kernel import Cosigner, Refusal, encode, replace
from tests.consortium import MEMBERS, Consortium, genesis, signer, uscc

MAKER = Registration(kind="uscc", number=uscc(0))
SUSPENDED = Suspend(member="bank")


A_LETTER_IN_THE_PLACE = "91A40300708461136" + numbers.uscc_check_character("91A40300708461136")
"""Its check character is right, and no place has a letter in its number."""


# Numbers of registration. Those of real companies are published by themselves.


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        ("uscc", "91110000100010433L"),
        ("uscc", "914403001922038216"),
        ("uscc", "91330100799655058B"),
        ("uscc", "91100000100003962T"),
        ("uscc", "91440300708461136T"),
        ("lei", "506700GE1G29325QX363"),  # GLEIF's own
        ("lei", "7LTWFZYICNSX8D621K86"),  # Deutsche Bank
        ("vat", "DE136695976"),
        ("vat", "FR40303265045"),
        ("vat", "ATU12345678"),
        ("vat", "NL123456789B01"),
        ("vat", "CHE123456788"),
        ("vat", "JP1234567890123"),
    ],
)
def test_a_number_of_its_kind_is_taken(kind: Any, good: str) -> None:
    numbers.check_registration(Registration(kind=kind, number=good))


@pytest.mark.parametrize(
    ("kind", "bad", "code"),
    [
        ("uscc", "91440300708461136U", "consortium.uscc_invalid"),
        ("uscc", "91440300708461163T", "consortium.uscc_invalid"),
        ("uscc", "9144030070846113T", "consortium.uscc_invalid"),
        ("uscc", "91440300708461136TT", "consortium.uscc_invalid"),
        ("uscc", "91440300708461136t", "consortium.uscc_invalid"),
        ("uscc", "9144030070846113OT", "consortium.uscc_invalid"),
        ("uscc", A_LETTER_IN_THE_PLACE, "consortium.uscc_invalid"),
        ("uscc", "９1440300708461136T", "consortium.uscc_invalid"),
        ("lei", "506700GE1G29325QX364", "consortium.lei_invalid"),
        ("lei", "506700GE1G29325XQ363", "consortium.lei_invalid"),
        ("lei", "506700GE1G29325QX36", "consortium.lei_invalid"),
        ("lei", "506700ge1g29325qx363", "consortium.lei_invalid"),
        ("vat", "DE13669597", "consortium.vat_invalid"),
        ("vat", "DE1366959761", "consortium.vat_invalid"),
        ("vat", "DE 136695976", "consortium.vat_invalid"),
        ("vat", "ATV12345678", "consortium.vat_invalid"),
        ("vat", "JPABCDEF", "consortium.vat_invalid"),
        ("vat", "1P123456", "consortium.vat_invalid"),
        ("vat", "J", "consortium.vat_invalid"),
        ("unchecked", "anything", "consortium.registration_unchecked"),
    ],
)
def test_a_number_that_cannot_be_one_is_refused_by_its_kind(kind: Any, bad: str, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        numbers.check_registration(Registration(kind=kind, number=bad))
    assert refusal.value.code == code


def test_every_slip_of_one_character_in_a_credit_code_is_seen() -> None:
    good = "91440300708461136T"
    for place in range(len(good)):
        for other in numbers.USCC_CHARACTERS:
            if other != good[place]:
                assert not numbers.is_uscc(good[:place] + other + good[place + 1 :])


# Founding.


def founded(change: Callable[[Genesis], Genesis]) -> None:
    found(encode(change(genesis(registry()))), release(), lambda *_: True)


def first_member(change: Callable[[Any], Any]) -> Callable[[Genesis], Genesis]:
    return lambda file: replace(file, members=(change(file.members[0]), *file.members[1:]))


def named(*members: str, quorum: int, node: str = "node") -> Callable[[Genesis], Genesis]:
    cosigners = tuple(Cosigner(member=name, public=signer(name, node).public) for name in members)
    return lambda file: replace(file, cosigners=cosigners, quorum=quorum)


def set_to(**values: int) -> Callable[[Genesis], Genesis]:
    given = tuple(ParameterValue(name=name, value=value) for name, value in values.items())
    return lambda file: replace(file, parameters=given)


def cold(name: str) -> GenesisKey:
    """A recovery key of maker's."""
    public = signer("maker", name).public
    return GenesisKey(name, public, "safe", "recovery", ("consortium.recover",), 2**50)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda file: replace(file, operator="nobody"), GenesisIncomplete),
        (first_member(lambda m: replace(m, keys=())), GenesisIncomplete),
        (first_member(lambda m: replace(m, registration=None)), RegistrationUnchecked),
        (first_member(lambda m: replace(m, size="")), SizeMissing),
        (first_member(lambda m: replace(m, roles=())), RolesInvalid),
        (first_member(lambda m: replace(m, roles=("plant", "plant"))), RolesInvalid),
        (
            first_member(lambda m: replace(m, registration=Registration(kind="uscc", number=uscc(1)))),
            RegistrationTaken,
        ),
        (
            first_member(lambda m: replace(m, keys=(replace(m.keys[0], scopes=("billing.*",)),))),
            NoManagingKey,
        ),
        (
            first_member(lambda m: replace(m, keys=(m.keys[0], replace(m.keys[0], id="k2")))),
            PublicTaken,
        ),
        (first_member(lambda m: replace(m, keys=(m.keys[0], cold("c1"), cold("c2")))), KeysAtOnce),
        (named("maker", "plant", "bank", "auditor", quorum=2), QuorumInvalid),
        (named("maker", "plant", "bank", "auditor", quorum=5), QuorumInvalid),
        (named("maker", "plant", "bank", quorum=1), QuorumInvalid),
        (named("plant", "bank", "auditor", quorum=3), CosignersInvalid),
        (named("maker", "plant", "plant", quorum=2), CosignersInvalid),
        (named("maker", "rival", quorum=2), CosignersInvalid),
        (named("maker", quorum=1, node="k1"), CosignersInvalid),
        (set_to(ballot_days=0), ParameterOutOfRange),
        (set_to(threshold_admit_bp=5_000), ParameterOutOfRange),
        (set_to(anything=1), ParameterUnknown),
        (lambda file: replace(file, parameters=(ParameterValue("ballot_days", 9),) * 2), ParameterTwice),
    ],
)
def test_a_genesis_file_that_cannot_stand_is_refused(
    change: Callable[[Genesis], Genesis], refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        founded(change)


@pytest.mark.parametrize(
    "change",
    [
        named("maker", "plant", "bank", "auditor", quorum=3),
        named("maker", "plant", "bank", "auditor", quorum=4),
        named("maker", "plant", quorum=2),
        named("maker", quorum=1),
        set_to(ballot_days=9, header_skew_ms=1_000),
        lambda file: replace(file, charter_sha256="ab" * 32),
        lambda file: file,
    ],
)
def test_a_genesis_file_that_can_stand_is_taken(change: Callable[[Genesis], Genesis]) -> None:
    founded(change)


def test_where_no_cosigners_are_named_the_operator_signs_alone(consortium: Consortium) -> None:
    shown = consortium.query("consortium.cosigners")
    assert (shown["operator"], shown["quorum"], shown["since"]) == ("maker", 1, 1)
    assert [each["member"] for each in shown["cosigners"]] == ["maker"]
    assert consortium.query("consortium.charter") == ""


def test_all_founders_are_active_members_with_what_they_registered(consortium: Consortium) -> None:
    members = dict(consortium.query("consortium.members"))
    assert sorted(members) == sorted(MEMBERS)
    assert {member["status"] for member in members.values()} == {"active"}
    assert members["maker"]["registration"] == {"kind": "uscc", "number": uscc(0)}
    assert members["maker"]["roles"] == ["lessor"]
    assert consortium.query("consortium.member", member="nobody") is None
