"""Founding by cards: what each founder signed, what one who puts the file together cannot slip in."""

import hashlib
import json
from collections.abc import Sequence

import pytest

from hansa.apps.consortium.messages import Genesis, GenesisKey, GenesisMember, Registration
from hansa.apps.rooms import release
from hansa.engines.founding import found
from hansa.kernel import encode, limits, replace
from hansa.kernel.signatures import Signer, VerifiedCache
from hansa.node import errors_joining as errors
from hansa.node import joining_cards as cards
from tests.consortium import KEY_LIFE_MS, START_MS, uscc

NAMES = ("auditor", "bank", "maker", "plant")
NAMED = cards.Named(
    name_zh="联盟", name_en="Consortium", created_ms=START_MS, rules=limits.RULES_MAX, charter_sha256="a" * 64
)


def secret(member: str, what: str) -> Signer:
    return Signer(hashlib.sha256(f"{member}/{what}".encode()).digest())


def founder(member: str) -> GenesisMember:
    key = GenesisKey(
        id="k1", public=secret(member, "k1").public, holder=f"{member}-1", kind="person", scopes=("*",),
        expires_ms=START_MS + KEY_LIFE_MS,
    )  # fmt: skip
    number = Registration(kind="uscc", number=uscc(NAMES.index(member) if member in NAMES else 9))
    return GenesisMember(
        id=member, name_zh=member, name_en=member, keys=(key,), registration=number, size="small",
        roles=("plant",), node_url=f"https://{member}.example",
    )  # fmt: skip


def card(member: str, address: str = "") -> cards.SignedNetworkCard:
    validator, node = secret(member, "validator"), secret(member, "node")
    made = cards.card_of(founder(member), validator, node.public, address or f"{member}.example:26656")
    return cards.signed(made, [secret(member, "k1"), validator, node])


def file_of(made: Sequence[cards.SignedNetworkCard]) -> bytes:
    genesis = cards.genesis_of(NAMED, [one.card for one in made])
    return encode(cards.FoundingFile(genesis=encode(genesis), cards=tuple(made)))


def keys(member: str) -> tuple[bytes, bytes, bytes]:
    return tuple(secret(member, what).public for what in ("k1", "validator", "node"))  # type: ignore[return-value]


def test_the_file_holds_what_the_cards_say_and_can_stand() -> None:
    file, genesis = cards.read_founding(file_of([card(name) for name in NAMES]), "f")
    founded = found(file.genesis, release(), VerifiedCache().verify)
    assert founded.genesis.is_network
    assert [each.member for each in genesis.validators] == sorted(NAMES)
    assert {each.power for each in genesis.validators} == {1}
    assert cards.own_card(file, *keys("bank")).member.id == "bank"


def test_whoever_assembles_it_the_chain_is_the_same() -> None:
    forward, backward = (
        cards.genesis_of(NAMED, [card(name).card for name in order]) for order in (NAMES, NAMES[::-1])
    )
    assert encode(forward) == encode(backward)


def test_a_card_that_was_changed_is_refused() -> None:
    good = card("plant")
    assert cards.read_card(encode(good), "p") == good
    other = replace(good, card=replace(good.card, address="thief.example:26656"))
    with pytest.raises(errors.CardWrong):
        cards.read_card(encode(other), "p")
    with pytest.raises(errors.CardWrong):
        cards.read_card(encode(replace(good, signatures=good.signatures[:-1])), "p")
    for data in (b"", b"{}", b"[" * 10_000, encode(NAMED)):
        with pytest.raises(errors.CardWrong):
            cards.read_card(data, "p")


@pytest.mark.parametrize("position", [0, 1, 2])
def test_every_key_of_a_card_must_sign_it(position: int) -> None:
    """Else somebody founds with a key that another company holds."""
    good = card("plant")
    forged = list(good.signatures)
    forged[position] = secret("maker", "k1").sign(b"something else")
    with pytest.raises(errors.CardWrong):
        cards.read_card(encode(replace(good, signatures=tuple(forged))), "p")


def test_who_assembles_the_file_slips_nothing_in() -> None:
    made = [card(name) for name in NAMES]
    file, genesis = cards.read_founding(file_of(made), "f")
    more = replace(genesis.validators[0], power=7)
    for wrong in (
        replace(genesis, validators=(more, *genesis.validators[1:])),
        replace(genesis, validators=genesis.validators[:3]),
        replace(genesis, members=genesis.members[:3]),
        replace(genesis, members=(*genesis.members, founder("thief"))),
        replace(genesis, operator="maker", node_public=b"x" * 32),
    ):
        assert isinstance(wrong, Genesis)
        with pytest.raises(errors.FoundingWrong):
            cards.read_founding(encode(replace(file, genesis=encode(wrong))), "f")
    thief = replace(made[0], card=replace(made[0].card, validator=secret("thief", "validator").public))
    with pytest.raises(errors.CardWrong):
        cards.read_founding(file_of([thief, *made[1:]]), "f")


def test_a_founder_sees_that_its_keys_were_replaced() -> None:
    file, _ = cards.read_founding(file_of([card(name) for name in NAMES]), "f")
    daily, validator, _ = keys("bank")
    with pytest.raises(errors.NotMyKeys):
        cards.own_card(file, daily, validator, secret("bank", "other").public)
    with pytest.raises(errors.NotMyKeys):
        cards.own_card(file, daily, secret("bank", "other").public, keys("bank")[2])
    with pytest.raises(errors.NotFounder):
        cards.own_card(file, *keys("thief"))


def test_peers_are_all_others_that_can_be_dialled() -> None:
    behind_nat = cards.card_of(founder("plant"), secret("plant", "validator"), keys("plant")[2], "")
    made = [card("bank").card, card("maker").card, behind_nat]
    assert cards.peers_of(made, "bank") == [f"{cards.node_id(keys('maker')[2])}@maker.example:26656"]
    assert sorted(cards.urls_of(made, "bank")) == ["maker", "plant"]


def test_the_check_number_is_forty_digits_and_another_for_another_chain() -> None:
    one, two = (cards.check_number(chain * 64) for chain in "ab")
    assert one != two
    for number in (one, two):
        groups = number.split(" ")
        assert len(groups) == 10
        assert all(len(group) == 4 and group.isdigit() for group in groups)


def test_nothing_of_the_file_is_secret() -> None:
    held = json.loads(file_of([card(name) for name in NAMES]))
    text = json.dumps(held)
    for name in NAMES:
        for what in ("k1", "validator", "node"):
            assert hashlib.sha256(f"{name}/{what}".encode()).hexdigest() not in text
