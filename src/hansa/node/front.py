"""What all routes share: who asks, whether they may, and the ledger as it stands."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from hansa.engines.reading import Reading
from hansa.kernel import keys
from hansa.kernel.messages import Key
from hansa.kernel.refusal import Refusal
from hansa.node import errors
from hansa.node.bodies import Budget
from hansa.node.events import Broadcast
from hansa.node.member import Member
from hansa.node.metrics import Metrics
from hansa.node.projection import Projection
from hansa.node.pulse import Pulse
from hansa.node.reads import NODE, Asker, Reads
from hansa.node.sessions import Holder, Session, Sessions, refused_for
from hansa.node.settings import Settings

T = TypeVar("T")
Headers = Iterable[tuple[bytes, bytes]]

READ_BY_ANYONE = frozenset({"public"})
READ_BY_MEMBERS = READ_BY_ANYONE | {"members", "parties"}
"""Until circles exist, what lies on the ledger is read by every member (design, section 5)."""
READ_BY_OWNER = READ_BY_MEMBERS | {"owner"}


@dataclass
class Front:
    """One node's HTTP side."""

    settings: Settings
    member: Member
    clock: Callable[[], int]
    metrics: Metrics = field(default_factory=Metrics)
    pulse: Pulse = field(default_factory=Pulse)
    projection: Projection | None = None
    """The read model, where one is kept."""

    def __post_init__(self) -> None:
        bounds = self.settings.limits
        self.sessions = Sessions(self.member.chain, self.member.name, self.clock, bounds)
        self.reads = Reads(self.member.reader, bounds, self.metrics)
        self.broadcast = Broadcast(self.reads, self.pulse, self.metrics, bounds, lambda: self.member.height)
        self.budget = Budget(bounds.bodies_bytes)
        self.stopping = False
        self._asking: dict[bytes, asyncio.Future[None]] = {}

    def end_streams(self) -> None:
        """The node stops: answers that wait for news end now."""
        self.stopping = True
        self.pulse.beat()
        self.broadcast.end_all()

    # Who asks.

    def session(self, headers: Headers) -> Session | None:
        """The caller's session; None without one. Raises SessionUnknown where it is no longer good."""
        for name, value in headers:
            if name == b"authorization":
                scheme, _, token = value.decode("latin-1").partition(" ")
                if scheme.lower() != "bearer":
                    raise errors.SessionUnknown()
                return self.sessions.find(token.strip())
        return None

    def check_reader(self, readers: str, session: Session | None) -> None:
        """Whether the caller is among the readers of a class. The one place that says so: for routes, for
        records, write sets and whatever a query touches. Raises SessionNeeded or NotForYou.
        """
        if session is None:
            if readers not in READ_BY_ANYONE:
                raise errors.SessionNeeded()
            return
        own = session.holder.member == self.member.name
        if readers not in (READ_BY_OWNER if own else READ_BY_MEMBERS):
            raise errors.NotForYou(member=session.holder.member)

    def key_now(self, reading: Reading, holder: Holder) -> Key:
        """The key as the ledger has it, if it may act now. Raises UnknownKey, KeyRevoked or KeyExpired."""
        ctx = reading.context(max(reading.time_ms, self.clock()))
        return keys.current(ctx, holder.member, holder.key)

    # What they read.

    async def read(
        self, work: Callable[[Reading], T], session: Session | None = None, address: str = ""
    ) -> T:
        """The result of `work` on a snapshot, if the session's key may still act: else the session ends.

        Counts to the session's member, or to the caller's address; without either to the node itself.
        """

        def checked(reading: Reading) -> T:
            if session is not None and session.checked_height < reading.height:
                self.key_now(reading, session.holder)
                session.checked_height = reading.height
            return work(reading)

        try:
            return await self.reads.ask(checked, asker_of(session, address))
        except Refusal as refusal:
            if session is not None and refused_for(refusal):
                self.sessions.end(session)
            raise

    async def check_key(self, session: Session) -> None:
        """Whether a session's key may still act, by the newest block. Asked of the ledger once for all that
        ask at the same moment. Raises what `read` raises.
        """
        if session.checked_height >= self.member.height:
            return
        asking = self._asking.get(session.digest)
        if asking is None:
            asking = asyncio.ensure_future(self.read(lambda reading: None, session))
            self._asking[session.digest] = asking
            asking.add_done_callback(lambda done: self._asked(session, done))
        await asyncio.shield(asking)

    def _asked(self, session: Session, done: "asyncio.Future[None]") -> None:
        del self._asking[session.digest]
        if not done.cancelled():
            done.exception()  # Whoever asked may have gone.

    async def still_allowed(self, session: Session) -> bool:
        """Whether a session is still good: for answers that go on for long.

        A node too busy to look says nothing against it: asked again later.
        """
        try:
            await self.check_key(session)
        except (errors.ReadsBusy, errors.ReadSlow):
            return True
        except Refusal:
            return False
        return session.expires_ms > self.clock() and self.sessions.holds(session)


def asker_of(session: Session | None, address: str) -> Asker:
    """Who a read counts to."""
    if session is not None:
        return Asker(session.holder.member)
    return Asker(address, stranger=True) if address else NODE
