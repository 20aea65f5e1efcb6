"""Signatures of simulated members: cheap ones, which no node accepts, or real ones (every 20th seed).

A cheap signature is a digest of public key and message: whoever may look at the public key can make it. So it
protects nothing, it only tells apart who signed what. Its suite has a number that no node knows.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from hansa.kernel.apply import Verify
from hansa.kernel.signatures import ED25519, SIGNATURE_BYTES, Signer, VerifiedCache

CHEAP = 255
"""The suite of cheap signatures. No node accepts it: its `verify` knows suite 1 only."""

_REAL = VerifiedCache()


class Signs(Protocol):
    """Who holds a key, as rooms' tests and traffic use it."""

    @property
    def public(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...


class CheapSigner:
    """Holds a key whose public half is a real one, since the ledger takes no other."""

    def __init__(self, public: bytes) -> None:
        self.public = public

    def sign(self, message: bytes) -> bytes:
        return cheap(self.public, message)


class Suite:
    """How members sign and how replicas verify: one of both kinds for a whole run."""

    def __init__(self, number: int, signer: Callable[[str], Signs], verify: Verify) -> None:
        self.number, self.signer, self.verify = number, signer, verify


def cheap_suite() -> Suite:
    """For most runs: a signature costs a microsecond."""
    return Suite(CHEAP, lambda name: CheapSigner(real_signer(name).public), cheap_verify)


def real_suite() -> Suite:
    """As nodes have it; what was found good once is remembered for all replicas of the run."""
    return Suite(ED25519, real_signer, VerifiedCache().verify)


def cheap(public: bytes, message: bytes) -> bytes:
    """The cheap signature of a message by the holder of a key: 64 bytes."""
    return hashlib.blake2b(message, key=public, digest_size=SIGNATURE_BYTES).digest()


def cheap_verify(public: bytes, suite: int, signature: bytes, message: bytes) -> bool:
    """Whether a cheap signature holds: of suite 255, or of suite 1 within actions, where none is named.

    Of suite 1 real ones hold as well.
    """
    if suite not in (CHEAP, ED25519) or len(public) != 32:
        return False
    if signature == cheap(public, message):
        return True
    return suite == ED25519 and _REAL.verify(public, suite, signature, message)


@lru_cache(maxsize=4_096)
def real_signer(name: str) -> Signer:
    """The key of this name: the same in every run, and nobody's outside the simulator."""
    return Signer(hashlib.sha256(b"hansa simulator\x00" + name.encode()).digest())
