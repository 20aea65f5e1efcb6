"""Signature suites. Suite 1 is Ed25519 with strict checks (rule 4); its tag stands with every signature."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from functools import lru_cache

from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import CryptoError

PUBLIC_KEYS_REMEMBERED = 1_024
ED25519 = 1
SIGNATURE_BYTES = 64
TRANSACTION_DOMAIN = b"hansa-tx-1\x00"
HEADER_DOMAIN = b"hansa-header-1\x00"
COUNTER_DOMAIN = b"hansa-counter-1\x00"
ACKNOWLEDGEMENT_DOMAIN = b"hansa-ack-1\x00"
CHALLENGE_DOMAIN = b"hansa-session-1\x00"
KEY_DOMAIN = b"hansa-key-1\x00"
SUCCESSION_DOMAIN = b"hansa-succession-1\x00"


def verify(suite: int, public: bytes, signature: bytes, message: bytes) -> bool:
    """True for suite 1, S < L, A and R canonical and not of small order, cofactorless equation (rule 4)."""
    if suite != ED25519 or len(public) != 32 or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, public)
    except (CryptoError, ValueError):
        return False
    return True


@lru_cache(PUBLIC_KEYS_REMEMBERED)
def is_public_key(public: bytes) -> bool:
    """Whether these bytes can be an honest public key: a canonical point of the prime-order group."""
    return len(public) == 32 and crypto_core_ed25519_is_valid_point(public)


def possession(chain: str, member: str, key: str, public: bytes) -> bytes:
    """What a new key signs to show that who registers it holds it: for this member, on this chain."""
    return KEY_DOMAIN + b"\x00".join((chain.encode(), member.encode(), key.encode(), public))


def opening(chain: str, node: str, challenge: bytes) -> bytes:
    """What a key signs to open a session at one member's node: no other node can use the signature."""
    return CHALLENGE_DOMAIN + b"\x00".join((chain.encode(), node.encode(), challenge))


class Signer:
    """A private key in memory. The seed is 32 secret bytes."""

    def __init__(self, seed: bytes) -> None:
        self.public, self.secret = crypto_sign_seed_keypair(seed)

    def sign(self, message: bytes) -> bytes:
        signed: bytes = crypto_sign(message, self.secret)
        return signed[:SIGNATURE_BYTES]


class VerifiedCache:
    """Signatures found good, by SHA-256(public key ‖ all bytes), the oldest forgotten first (rule 5).

    It says that bytes were signed by a key, never that the key may act: that is checked at execution.
    """

    def __init__(self, capacity: int = 65_536) -> None:
        self._capacity = capacity
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def verify(self, public: bytes, suite: int, signature: bytes, message: bytes) -> bool:
        if len(public) != 32 or len(signature) != SIGNATURE_BYTES or suite not in range(256):
            return False  # else two splits of the same bytes would share a name
        name = verified_name(public, suite, signature, message)
        if name in self._known:
            return True
        if not verify(suite, public, signature, message):
            return False
        self.learn((name,))
        return True

    def learn(self, names: Iterable[bytes]) -> None:
        """Take what was checked elsewhere in this node, by its `verified_name`."""
        for name in names:
            self._known[name] = None
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)


def verified_name(public: bytes, suite: int, signature: bytes, message: bytes) -> bytes:
    """SHA-256(public key ‖ all bytes): the name under which a good signature is remembered (rule 5)."""
    return hashlib.sha256(b"".join((public, bytes((suite,)), signature, message))).digest()
