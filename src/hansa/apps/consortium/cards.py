"""The card by which a company asks to join: what its first key signs. Pure."""

from hansa.apps.consortium.messages_votes import Card
from hansa.kernel import encode

CARD_DOMAIN = b"hansa-card-1\x00"


def message(chain: str, card: Card) -> bytes:
    """What the first key of a card signs: this card, for this consortium."""
    return CARD_DOMAIN + chain.encode() + b"\x00" + encode(card)
