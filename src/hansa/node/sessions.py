"""Sessions: a key of the ledger signs a challenge of this node and gets a token to read with.

Kept in memory, tokens only as their hashes: a restart ends all sessions. Used on the event loop.
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from hansa.kernel.keys import WrongSignature
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import ED25519, opening, verify
from hansa.kernel.types import Hash, Id, MemberId, Struct, TimeMs
from hansa.node import errors, limits
from hansa.node.settings import Limits


class AskChallenge(Struct):
    """Who wants a session."""

    member: Id
    key: Id


class Challenge(Struct):
    """32 random bytes that serve once. What is signed: protocol, Domains, `hansa-session-1`."""

    chain: Hash
    node: MemberId
    """Whose node it is. Sign for the node that you mean to ask, and for no other."""
    challenge: bytes
    expires_ms: TimeMs


class OpenSession(Struct):
    """A challenge and the key's signature over it."""

    challenge: bytes
    signature: bytes


class SessionOpened(Struct):
    """The token goes into `Authorization: Bearer …` of later requests."""

    token: str
    expires_ms: TimeMs


class Holder(NamedTuple):
    """A member's key."""

    member: str
    key: str


@dataclass(slots=True)
class Session:
    """An open session. `checked_height` is the newest ledger height at which its key was seen to be good."""

    holder: Holder
    digest: bytes
    expires_ms: int
    checked_height: int


@dataclass(frozen=True)
class _Given:
    holder: Holder
    expires_ms: int


class Sessions:
    """All sessions of a node. `clock` gives ms since the epoch."""

    def __init__(self, chain: str, node: str, clock: Callable[[], int], bounds: Limits) -> None:
        self._chain, self._node = chain, node
        self._clock, self._bounds = clock, bounds
        self._given: OrderedDict[bytes, _Given] = OrderedDict()
        self._used: OrderedDict[bytes, int] = OrderedDict()
        self._open: OrderedDict[bytes, Session] = OrderedDict()
        self._by_holder: dict[Holder, OrderedDict[bytes, None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def challenge(self, holder: Holder) -> Challenge:
        """A new challenge for a key. Whether the ledger knows the key is seen when it is signed."""
        challenge = secrets.token_bytes(32)
        expires_ms = self._clock() + limits.CHALLENGE_LIFE_MS
        self._given[challenge] = _Given(holder, expires_ms)
        _bound(self._given, limits.CHALLENGES_MAX)
        return Challenge(self._chain, self._node, challenge, expires_ms)

    def asker(self, challenge: bytes) -> Holder:
        """Whom a challenge was given to. Raises ChallengeUnknown, ChallengeUsed or ChallengeExpired."""
        given = self._given.get(challenge)
        if given is None:
            raise errors.ChallengeUsed() if challenge in self._used else errors.ChallengeUnknown()
        if given.expires_ms <= self._clock():
            raise errors.ChallengeExpired(life_s=limits.CHALLENGE_LIFE_MS // 1_000)
        return given.holder

    def open(
        self, challenge: bytes, signature: bytes, public: bytes, ends_ms: int, height: int
    ) -> SessionOpened:
        """A session, if the key signed. `ends_ms` is when the key itself expires, `height` where it was read.

        The challenge is used up whether the signature holds or not. Raises what `asker` does, WrongSignature.
        """
        holder = self.asker(challenge)
        given = self._given.pop(challenge)
        self._used[challenge] = given.expires_ms
        _bound(self._used, limits.CHALLENGES_MAX)
        if not verify(ED25519, public, signature, opening(self._chain, self._node, challenge)):
            raise WrongSignature(member=holder.member, key=holder.key)
        token = secrets.token_urlsafe(32)
        expires_ms = min(self._clock() + self._bounds.session_life_ms, ends_ms)
        self._add(Session(holder, _digest(token), expires_ms, height))
        return SessionOpened(token=token, expires_ms=expires_ms)

    def find(self, token: str) -> Session:
        """The session of a token. Raises SessionUnknown."""
        digest = _digest(token)
        session = self._open.get(digest)
        if session is None or not hmac.compare_digest(session.digest, digest):
            raise errors.SessionUnknown()
        if session.expires_ms <= self._clock():
            self.end(session)
            raise errors.SessionUnknown()
        return session

    def holds(self, session: Session) -> bool:
        """Whether a session is still open."""
        return session.digest in self._open

    def end(self, session: Session) -> None:
        """Close a session: its time is up, or its key may no longer act."""
        if self._open.pop(session.digest, None) is not None:
            own = self._by_holder[session.holder]
            del own[session.digest]
            if not own:
                del self._by_holder[session.holder]

    def _add(self, session: Session) -> None:
        """One more. Where there are too many, the oldest of the same key goes; else the oldest of all."""
        own = self._by_holder.setdefault(session.holder, OrderedDict())
        self._open[session.digest] = session
        own[session.digest] = None
        if len(own) > self._bounds.sessions_per_key:
            self.end(self._open[next(iter(own))])
        elif len(self._open) > self._bounds.sessions:
            oldest = next(iter(own)) if len(own) > 1 else next(iter(self._open))
            self.end(self._open[oldest])


def refused_for(refusal: Refusal) -> bool:
    """Whether a refusal says that a key may no longer act, so that its sessions end."""
    return refusal.code in ("kernel.unknown_key", "kernel.key_expired", "kernel.key_revoked")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _bound(entries: "OrderedDict[bytes, _Given] | OrderedDict[bytes, int]", limit: int) -> None:
    while len(entries) > limit:
        entries.popitem(last=False)
