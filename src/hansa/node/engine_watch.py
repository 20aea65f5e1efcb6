"""What the engine beside a node does, looked at once a second: blocks, peers, clock, hash.

The engine says it is well when it is not: a stopped peer stays "connected", and after a wrong hash it stays
up with a frozen height. So health rests on what happens: blocks come, or there is nothing to do.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from hansa.kernel.apply import Incident
from hansa.kernel.refusal import shown
from hansa.node import limits
from hansa.node.engine_rpc import EngineRpc
from hansa.node.engine_votes import NOBODY, HeldUp, RoundVotes, held_up
from hansa.node.errors_engine import EngineAway, EngineSaid
from hansa.node.logs import note

EVERY_S = 1.0
LOOK_CLOSER_AFTER_S = 5.0
"""Without a block for so long while there is something to do, the running round is looked into."""
ODD_ROUNDS = 3
"""So many rounds with another hash than ours, and it is ours that is doubted, too."""
INCIDENTS_MAX = 200
QUICK_S = 3.0
"""Blocks that follow each other so fast have a time that can be compared with a clock."""
FOUNDING_HEIGHT = 2
"""Up to here a block's time goes back to the genesis file's."""


class Peer(NamedTuple):
    """An engine that this one is connected to."""

    id: str
    moniker: str
    address: str
    outbound: bool


class _SyncInfo(msgspec.Struct, frozen=True):
    latest_block_height: str = "0"
    catching_up: bool = False
    earliest_block_height: str = "0"


class _Status(msgspec.Struct, frozen=True):
    sync_info: _SyncInfo


class _NodeInfo(msgspec.Struct, frozen=True):
    id: str = ""
    moniker: str = ""


class _Peer(msgspec.Struct, frozen=True):
    node_info: _NodeInfo
    remote_ip: str = ""
    is_outbound: bool = False


class _NetInfo(msgspec.Struct, frozen=True):
    peers: tuple[_Peer, ...] = ()


class _Waiting(msgspec.Struct, frozen=True):
    total: str = "0"
    total_bytes: str = "0"


class _Header(msgspec.Struct, frozen=True):
    height: str = "0"
    app_hash: str = ""
    last_results_hash: str = ""


class _Block(msgspec.Struct, frozen=True):
    header: _Header


class _Seat(msgspec.Struct, frozen=True):
    address: str


class _Seats(msgspec.Struct, frozen=True):
    validators: tuple[_Seat, ...] = ()


class _Round(msgspec.Struct, frozen=True):
    height: str = "0"
    round: int = 0
    proposal_block: _Block | None = None
    validators: _Seats = _Seats()
    votes: tuple[RoundVotes, ...] = ()


class _PeerRound(msgspec.Struct, frozen=True):
    height: str = "0"


class _PeerState(msgspec.Struct, frozen=True):
    round_state: _PeerRound = _PeerRound()


class _PeerStands(msgspec.Struct, frozen=True):
    peer_state: _PeerState | None = None


class _Consensus(msgspec.Struct, frozen=True):
    round_state: _Round
    peers: tuple[_PeerStands, ...] = ()


@dataclass
class Seen:
    """What is known of the engine. Times by the monotonic clock."""

    height: int = 0
    """Newest block that the engine holds."""
    earliest: int = 0
    catching_up: bool = True
    """Until it says that it is not."""
    peers: tuple[Peer, ...] = ()
    waiting: int = 0
    """Transactions in its mempool, of all members."""
    waiting_bytes: int = 0
    answered_s: float = 0.0
    """When it last answered; 0: never."""
    cause: str = ""
    """Why it does not."""
    round: int = 0
    peers_height: int = 0
    """The highest height that a peer works at, where it was looked at."""
    held_up: HeldUp = NOBODY
    """By whom the running height is, where it was looked at."""


@dataclass
class EngineWatch:
    """`made` is told of each block; `run` asks the engine. Used on the event loop."""

    rpc: EngineRpc
    clock: Callable[[], int]
    app_hash: Callable[[], tuple[int, str]]
    """(engine height, root of the log after it) as it is durable here."""
    has_work: Callable[[], bool]
    """Whether this node has something that a block should take."""
    on_answer: Callable[[str], None] = lambda cause: None
    """Told at each look: "" where the engine answered, else why not."""
    on_differs: Callable[[int, str, str], None] = lambda engine_height, own, theirs: None
    """Told once of (engine height, hash here, hash there)."""
    seen: Seen = field(default_factory=Seen)
    made_s: float = field(default_factory=lambda: time.monotonic())
    """When the last block became durable here, or the watch began."""
    last_ms: int = 0
    """Block time of it."""
    clock_off_ms: int = 0
    """This machine's clock minus the time of blocks, where both could be compared; it shows who is off."""
    differs: str = ""
    """The other hash that a block shows for what is durable here; "" where none does."""
    incidents: list[Incident] = field(default_factory=list)
    _odd: set[tuple[int, int]] = field(default_factory=set)
    """(height, round) of proposals that stand on another hash than ours."""

    def made(self, engine_height: int, time_ms: int) -> None:
        """A block became durable."""
        now_s = time.monotonic()
        behind_ms = self.clock() - time_ms
        fresh = now_s - self.made_s < QUICK_S and not self.seen.catching_up
        if behind_ms < 0 or (fresh and engine_height > FOUNDING_HEIGHT):
            # A block that followed quickly has the time of a moment ago; one from the future needs no more.
            self.clock_off_ms = behind_ms
        self.made_s, self.last_ms = now_s, time_ms
        self.differs, self.seen.held_up = "", NOBODY
        self._odd.clear()

    def idle_s(self) -> float:
        """How long no block came."""
        return time.monotonic() - self.made_s

    def answers(self) -> bool:
        """Whether the engine answered within the last few looks."""
        return bool(self.seen.answered_s) and time.monotonic() - self.seen.answered_s < 5 * EVERY_S

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Ask once. What the engine does not answer is noted and no error."""
        seen = self.seen
        try:
            status, net, waiting = await self.rpc.ask_all(["status", "net_info", "num_unconfirmed_txs"])
            sync = msgspec.json.decode(status, type=_Status).sync_info
            found = msgspec.json.decode(net, type=_NetInfo).peers
            pool = msgspec.json.decode(waiting, type=_Waiting)
            seen.height, seen.earliest = int(sync.latest_block_height), int(sync.earliest_block_height)
            seen.catching_up = sync.catching_up
            seen.peers = tuple(
                Peer(one.node_info.id, shown(one.node_info.moniker), one.remote_ip, one.is_outbound)
                for one in found
            )
            seen.waiting, seen.waiting_bytes = int(pool.total), int(pool.total_bytes)
            seen.answered_s, seen.cause = time.monotonic(), ""
            if self.idle_s() > LOOK_CLOSER_AFTER_S and (self.has_work() or seen.waiting):
                await self._look_closer()
        except EngineAway as refusal:
            seen.cause = str(refusal.values["cause"])
        except EngineSaid as refusal:
            seen.cause = shown(refusal.en)
        except (msgspec.MsgspecError, ValueError) as error:
            seen.cause = shown(f"{type(error).__name__}: {error}")
        self.on_answer(seen.cause)

    async def _look_closer(self) -> None:
        """No block comes: is the block on its way one that stands on another hash than ours?"""
        found = msgspec.json.decode(await self.rpc.ask("dump_consensus_state"), type=_Consensus)
        state = found.round_state
        self.seen.round = state.round
        addresses = [seat.address.lower() for seat in state.validators.validators]
        self.seen.held_up = held_up(addresses, state.votes)
        heights = [int(peer.peer_state.round_state.height) for peer in found.peers if peer.peer_state]
        self.seen.peers_height = max(heights, default=0)
        own_height, own_hash = self.app_hash()
        header = None if state.proposal_block is None else state.proposal_block.header
        if header is None or int(header.height) != own_height + 1 or not own_height:
            return
        if header.app_hash.lower() == own_hash or self.differs == header.app_hash.lower():
            return
        self._odd.add((own_height, state.round))
        if self.seen.peers_height > own_height + 1 or len(self._odd) >= ODD_ROUNDS:
            # One proposer alone may lie; that others went on with it, or several propose so, is none's lie.
            self.on_differs(own_height, own_hash, header.app_hash.lower())
            self.went_astray(header.app_hash.lower())

    def went_astray(self, theirs: str) -> None:
        """A block shows another hash than this node came to."""
        own_height, own_hash = self.app_hash()
        self.differs = theirs
        detail = f"{own_height}: {own_hash[:16]}…, {theirs[:16]}…"
        note("hash differs", 50, engine_height=own_height, own=own_hash, theirs=theirs)
        self.tell(Incident("hash", detail, at_ms=self.clock()))

    def tell(self, incident: Incident) -> None:
        """Trouble for the operator; the newest are kept."""
        self.incidents.append(incident)
        del self.incidents[:-INCIDENTS_MAX]

    @property
    def stalled(self) -> bool:
        """Whether blocks should come and do not."""
        return self.idle_s() > limits.STALLED_AFTER_S and (self.has_work() or self.seen.waiting > 0)
