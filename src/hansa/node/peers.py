"""Heads exchanged directly with the other members' nodes, so that no operator shows two histories (rule 27).

Two headers of one height under the operator's key with different roots prove two histories, whoever brought
them. A peer that is behind, away or talks rubbish is reported, and accused of nothing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread

from hansa.apps.consortium.handovers import InForce
from hansa.client.case import Case
from hansa.client.texts import Text
from hansa.engines.errors import DamagedOnDisk
from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.kernel.apply import Incident
from hansa.kernel.evidence import SignedHeader, signed_by
from hansa.kernel.refusal import Refusal
from hansa.node import errors_follower as errors
from hansa.node.casebook import Casebook
from hansa.node.cosigning import Cosignatures, in_force, sets_of
from hansa.node.investigation import bare, own_disk
from hansa.node.logs import note
from hansa.node.upstream import Upstream

STATES = ("agrees", "behind", "away", "other_history", "forged", "trouble")
POLL_S = 0.5
AWAY_POLL_S = 1.0
ADDRESSES_EVERY_S = 10.0
INCIDENTS_MAX = 100


@dataclass(frozen=True)
class Standing:
    """What is known of a peer. `state`: agrees, behind, away, other_history, forged (nobody's header),
    trouble (this node's own: it could not compare).
    """

    member: str
    url: str
    state: str
    height: int = 0
    zh: str = ""
    en: str = ""


class Comparison:
    """Compares another node's heads with our ledger. One per peer, used by one thread."""

    def __init__(
        self, member: str, peer: Upstream, reader: Reader, known: Cosignatures, casebook: Casebook
    ) -> None:
        self.member, self.peer = member, peer
        self._reader, self._known, self._casebook = reader, known, casebook
        self._agreed = 0
        """Highest height at which both had the same root: all below it is the same as well."""
        self._last: SignedHeader | None = None
        self._told = False
        """Whether the case of its other history is on file: it is not searched for again."""
        self.newest = 0
        """Highest height of a header that it showed under the operator's key, as this copy knows that key."""

    def poll(self) -> Standing:
        """Ask for its head and compare, up to our height: further on another operator may be in force.

        Raises a Refusal where it does not answer.

        No snapshot of our ledger stays open while the other node is asked.
        """
        head = self.peer.head()
        if head is None:
            return self._standing("behind", 0, "还没有区块", "has no block yet")
        with self._reader.snapshot() as reading:
            sets, own_height = sets_of(reading), reading.height
        at = min(own_height, head.header.height)
        if head == self._last and self._agreed >= at:
            self._finish_handover()
            return self._agrees(head, own_height)
        if self._by_operator(head, sets):
            self.newest = max(self.newest, head.header.height)
        if at == 0:
            return self._standing("agrees", 0, "本节点还没有区块", "we have no block yet")
        theirs = head if head.header.height == at else self.peer.header(at)
        if theirs.header.height != at or not self._by_operator(theirs, sets):
            return self._forged(theirs)
        if theirs.header.app_hash != self._own(at, sets).header.app_hash:
            if not self._told:
                self._two_histories(sets, theirs)
                self._told = True
            said = f"在高度 {at} 持有另一部历史", f"holds another history at height {at}"
            return self._standing("other_history", at, *said)
        self._agreed, self._last, self._told = max(self._agreed, at), head, False
        self._known.learn(theirs)
        self._finish_handover()
        return self._agrees(head, own_height)

    def _finish_handover(self) -> None:
        """Ask for the signatures by which the set handed over, where too few of them are here."""
        self._known.handovers()
        height = self._known.handing_over
        if height:
            self._known.learn(self.peer.header(height))

    def _own(self, height: int, sets: list[InForce]) -> SignedHeader:
        """Our header of a height. Raises OwnDiskChanged, with a case of it, where nobody signed it so."""
        with self._reader.snapshot() as reading:
            own = reading.header(height)
        if not self._by_operator(own, sets):
            own_disk(height, errors.OwnDiskChanged(), self._casebook)
            raise errors.OwnDiskChanged()
        return own

    def _by_operator(self, signed: SignedHeader, sets: list[InForce]) -> bool:
        """Whether the operator of that height signed it, for this chain."""
        header = signed.header
        return header.chain == self._reader.chain.id and signed_by(
            signed, in_force(sets, header.height).public
        )

    def _agrees(self, head: SignedHeader, own_height: int) -> Standing:
        height = head.header.height
        if height > max(self.newest, own_height):
            zh = f"到高度 {own_height} 一致，其后须等本节点追上"
            en = f"agrees up to height {own_height}; what it shows further on waits until we are there"
            return self._standing("agrees", own_height, zh, en)
        if height < own_height:
            return self._standing(
                "behind",
                height,
                f"落后 {own_height - height} 个区块",
                f"is {own_height - height} blocks behind",
            )
        return self._standing("agrees", height, f"到高度 {height} 一致", f"agrees up to height {height}")

    def _forged(self, signed: SignedHeader) -> Standing:
        height = signed.header.height
        text = Text(
            f"{self.member} 的节点出示的区块头（高度 {height}）没有运营方的有效签名：不归咎任何一方。",
            f"The node of {self.member} shows a header of height {height} without a good signature of the "
            "operator: that accuses nobody.",
        )
        self._casebook.report("note", height, text, self.member, headers=(signed,))
        return self._standing(
            "forged", height, "出示的区块头不是运营方所签", "shows a header that is nobody's"
        )

    def _two_histories(self, sets: list[InForce], theirs: SignedHeader) -> Case:
        """Find the first height at which both differ, and keep both headers."""
        low, high, other = self._agreed, theirs.header.height, theirs
        while high - low > 1:
            middle = (low + high) // 2
            try:
                found = self.peer.header(middle)
            except Refusal:
                break  # What is in hand proves it; the first height only makes it shorter to read.
            if found.header.height != middle or not self._by_operator(found, sets):
                break
            if found.header.app_hash == self._own(middle, sets).header.app_hash:
                low = middle
            else:
                high, other = middle, found
        own = self._own(high, sets)
        text = Text(
            f"运营方在高度 {high} 签了两部历史：本节点收到 {own.header.app_hash[:12]}…，"
            f"{self.member} 收到 {other.header.app_hash[:12]}…。",
            f"The operator signed two histories at height {high}: this node has {own.header.app_hash[:12]}…, "
            f"{self.member} has {other.header.app_hash[:12]}….",
        )
        accused = in_force(sets, high).operator
        both = (bare(own), bare(other))
        return self._casebook.report("two_histories", high, text, against=accused, headers=both)

    def _standing(self, state: str, height: int, zh: str, en: str) -> Standing:
        return Standing(
            self.member, self.peer.url, state, height, f"{self.member}：{zh}", f"{self.member}: {en}"
        )


class Peers:
    """Polls each peer in a thread of its own, so that one that hangs keeps nobody else waiting.

    `connect` makes the connection to a member's node. `standing` is safe to read from any thread.
    """

    def __init__(
        self,
        reader: Reader,
        known: Cosignatures,
        casebook: Casebook,
        find: Callable[[Reading], dict[str, str]],
        connect: Callable[[str, str], Upstream],
    ) -> None:
        self._reader, self._known, self._casebook = reader, known, casebook
        self._find, self._connect = find, connect
        self._stop = Event()
        self._threads: dict[tuple[str, str], Thread] = {}
        self._wanted: dict[str, str] = {}
        self.standing: dict[str, Standing] = {}
        self.newest: dict[str, int] = {}
        self.incidents: list[Incident] = []
        self._looking = Thread(target=self._look, name="peers", daemon=True)

    def start(self) -> None:
        self._looking.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in [self._looking, *self._threads.values()]:
            if thread.is_alive():
                thread.join(timeout=AWAY_POLL_S)

    def _look(self) -> None:
        """Addresses change with the members' records."""
        while not self._stop.is_set():
            try:
                with self._reader.snapshot() as reading:
                    self._wanted = self._find(reading)
            except Exception as error:
                self._trouble("", error)
            for member, url in self._wanted.items():
                if (member, url) not in self._threads:
                    name = f"peer-{member}"
                    thread = Thread(target=self._watch, args=(member, url), name=name, daemon=True)
                    self._threads[member, url] = thread
                    thread.start()
            self._stop.wait(ADDRESSES_EVERY_S)

    def _watch(self, member: str, url: str) -> None:
        """Poll one node until its address is another one. Trouble of any kind is told, and ends nothing."""
        comparison: Comparison | None = None
        while not self._stop.is_set() and self._wanted.get(member) == url:
            pause_s = POLL_S
            try:
                if comparison is None:
                    peer = self._connect(member, url)
                    comparison = Comparison(member, peer, self._reader, self._known, self._casebook)
                self._stands(comparison.poll())
                self.newest[member] = comparison.newest
            except (errors.OwnDiskChanged, DamagedOnDisk) as own:
                zh, en = f"{member}：{own.zh}", f"{member}: {own.en}"
                self._stands(Standing(member, url, "trouble", 0, zh, en))
                pause_s = AWAY_POLL_S
            except Refusal as refusal:
                before = self.standing.get(member)
                zh, en = f"{member}：{refusal.zh}", f"{member}: {refusal.en}"
                self._stands(Standing(member, url, "away", before.height if before else 0, zh, en))
                pause_s = AWAY_POLL_S if before is not None and before.state == "away" else POLL_S
            except Exception as error:
                told = self._trouble(member, error)
                zh, en = f"{member}：{told.zh}", f"{member}: {told.en}"
                self._stands(Standing(member, url, "trouble", 0, zh, en))
                pause_s = AWAY_POLL_S
            self._stop.wait(pause_s)
        del self._threads[member, url]
        if member not in self._wanted:
            self.standing.pop(member, None)
        if comparison is not None:
            comparison.peer.close()

    def _stands(self, standing: Standing) -> None:
        self.standing[standing.member] = standing

    def _trouble(self, member: str, error: Exception) -> errors.PeersTrouble:
        """What this node's own disk or program does: told once per cause."""
        told = errors.PeersTrouble(cause=f"{type(error).__name__}: {error}")
        incident = Incident("peers", str(told.values["cause"]), at_ms=time.time_ns() // 1_000_000)
        known = {each.detail for each in self.incidents}
        if incident.detail not in known and len(known) < INCIDENTS_MAX:
            self.incidents.append(incident)
            note("comparing heads failed", 40, member=member, trace=True)
        return told
