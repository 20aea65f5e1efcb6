"""Founding a network among companies that do not trust each other: cards, founding file, check number.

Every founder makes its keys on its own machine and hands out a card, which each of these keys signed. Whoever
puts the cards together makes the founding file: the genesis file, and the cards it was made of. Each founder
checks the file by itself and compares the check number with the others over another channel. Pure.
"""

import hashlib
from collections.abc import Sequence

from hansa.apps.consortium.messages import Genesis, GenesisMember, ParameterValue, Validator
from hansa.apps.consortium.validators import AT_FOUNDING, message
from hansa.kernel import Struct, encode
from hansa.kernel.canonical import decode_strict
from hansa.kernel.facts import address
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import ED25519, Signer, verify
from hansa.kernel.types import OptionalHash, OptionalName, TimeMs, Url
from hansa.node import errors_joining as errors

NETWORK_DOMAIN = b"hansa-network-founder-1\x00"
POWER = 1
"""One member, one vote."""
GROUPS, GROUP_DIGITS = 10, 4
"""40 decimal digits, 132 bits: whoever assembles the file cannot make two files of one check number."""


class NetworkCard(Struct):
    """What a founder gives: its data and first keys, its node's consensus key, and how to reach its node."""

    member: GenesisMember
    validator: bytes
    """Public Ed25519 key by which its node votes on blocks."""
    proof: bytes
    """Of that key over `validators.message("", member, validator)`: no chain is there yet."""
    node: bytes
    """Public Ed25519 key by which the engines of others know its engine."""
    address: str = ""
    """host:port at which others reach its engine; "" behind NAT: it dials out only."""


class SignedNetworkCard(Struct):
    card: NetworkCard
    suite: int
    signatures: tuple[bytes, ...]
    """Of each of the member's keys in order, the consensus key, the node's, over NETWORK_DOMAIN ‖ card."""


class FoundingFile(Struct):
    """What is founded, and of whose cards. No secret lies in it."""

    genesis: bytes
    cards: tuple[SignedNetworkCard, ...]


class Named(Struct):
    """What founders agree on besides their cards."""

    name_zh: OptionalName
    name_en: OptionalName
    created_ms: TimeMs
    rules: int
    charter_sha256: OptionalHash = ""
    parameters: tuple[ParameterValue, ...] = ()


def node_id(public: bytes) -> str:
    """Name of an engine among engines: the first 20 bytes of its key's SHA-256, in hexadecimal."""
    return address(public)


def check_number(chain: str) -> str:
    """40 digits that stand for a chain, in groups of four, to be read out over the telephone."""
    number = int.from_bytes(hashlib.sha256(b"hansa-check-1\x00" + chain.encode()).digest(), "big")
    digits = f"{number % 10 ** (GROUPS * GROUP_DIGITS):0{GROUPS * GROUP_DIGITS}d}"
    return " ".join(digits[start : start + GROUP_DIGITS] for start in range(0, len(digits), GROUP_DIGITS))


def card_of(member: GenesisMember, validator: Signer, node: bytes, address: str) -> NetworkCard:
    """A founder's card, its consensus key proved."""
    proof = validator.sign(message(AT_FOUNDING, member.id, validator.public))
    return NetworkCard(member=member, validator=validator.public, proof=proof, node=node, address=address)


def signed(card: NetworkCard, keys: Sequence[Signer]) -> SignedNetworkCard:
    """The card with a signature of each of its keys, in the order of SignedNetworkCard."""
    signing = NETWORK_DOMAIN + encode(card)
    return SignedNetworkCard(card=card, suite=ED25519, signatures=tuple(key.sign(signing) for key in keys))


def read_card(data: bytes, what: str) -> SignedNetworkCard:
    """A card that each of its keys signed; `what` names it to people. Raises CardWrong."""
    try:
        found = decode_strict(data, SignedNetworkCard)
    except Refusal:
        raise errors.CardWrong(what=what) from None
    if not _is_signed(found):
        raise errors.CardWrong(what=what)
    return found


def _is_signed(signed_card: SignedNetworkCard) -> bool:
    card = signed_card.card
    publics = [*(key.public for key in card.member.keys), card.validator, card.node]
    signing = NETWORK_DOMAIN + encode(card)
    if len(signed_card.signatures) != len(publics) or not card.member.keys:
        return False
    return all(
        verify(signed_card.suite, public, signature, signing)
        for public, signature in zip(publics, signed_card.signatures, strict=True)
    )


def genesis_of(named: Named, cards: Sequence[NetworkCard]) -> Genesis:
    """The genesis file of these founders, in the order of their ids: whoever assembles it, it is the same."""
    founders = sorted(cards, key=lambda card: card.member.id)
    return Genesis(
        name_zh=named.name_zh,
        name_en=named.name_en,
        created_ms=named.created_ms,
        members=tuple(card.member for card in founders),
        rules=named.rules,
        charter_sha256=named.charter_sha256,
        parameters=named.parameters,
        validators=tuple(
            Validator(member=card.member.id, public=card.validator, power=POWER, proof=card.proof)
            for card in founders
        ),
    )


def read_founding(data: bytes, what: str) -> tuple[FoundingFile, Genesis]:
    """A founding file whose genesis file says what its cards say and nothing else.

    Whether the genesis file can stand, the ledger's own founding says. Raises FoundingWrong or CardWrong.
    """
    try:
        file = decode_strict(data, FoundingFile)
        genesis = decode_strict(file.genesis, Genesis)
    except Refusal:
        raise errors.FoundingWrong(
            what=what, detail_zh="它不是创始文件，或不完整", detail_en="it is none, or not whole"
        ) from None
    for one in file.cards:
        if not _is_signed(one):
            raise errors.CardWrong(what=f"{what} ({one.card.member.id})")
    named = Named(
        name_zh=genesis.name_zh,
        name_en=genesis.name_en,
        created_ms=genesis.created_ms,
        rules=genesis.rules,
        charter_sha256=genesis.charter_sha256,
        parameters=genesis.parameters,
    )
    if encode(genesis_of(named, [one.card for one in file.cards])) != file.genesis:
        raise errors.FoundingWrong(
            what=what,
            detail_zh="创世文件不是由这些成员卡组成的",
            detail_en="its genesis file is not made of its cards",
        )
    return file, genesis


def own_card(file: FoundingFile, daily: bytes, validator: bytes, node: bytes) -> NetworkCard:
    """The card of the company whose keys these are. Raises NotFounder or NotMyKeys."""
    for one in file.cards:
        card = one.card
        held = [
            daily in (key.public for key in card.member.keys),
            card.validator == validator,
            card.node == node,
        ]
        if all(held):
            return card
        if any(held):
            raise errors.NotMyKeys(member=card.member.id)
    raise errors.NotFounder()


def peers_of(cards: Sequence[NetworkCard], member: str) -> list[str]:
    """`id@host:port` of every other founder that can be dialled."""
    return [
        f"{node_id(card.node)}@{card.address}" for card in cards if card.address and card.member.id != member
    ]


def urls_of(cards: Sequence[NetworkCard], member: str) -> dict[str, Url]:
    """Where the other founders' nodes answer, by member."""
    return {
        card.member.id: card.member.node_url
        for card in cards
        if card.member.node_url and card.member.id != member
    }
