"""What a client of a network knows to be true: the newest header that it checked itself, and its validators.

Kept in a file beside the profile. So a host that shows another history than the one seen before, an older
one, or one of another consortium is found out, whatever it was chosen for.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from hansa.apps.consortium.handovers import Handover
from hansa.apps.consortium.messages import Genesis
from hansa.apps.consortium.validator_sets import (
    SetFault,
    ValidatorSet,
    first_fault,
    followed_from,
    founding_validators,
    set_at,
    votes_for,
)
from hansa.client import errors
from hansa.client import trust_errors as refusals
from hansa.client.files import read_bounded, write_over
from hansa.client.verify_commit import Checkpoint, names_of, told
from hansa.kernel import encode, merkle
from hansa.kernel.canonical import decode_strict
from hansa.kernel.commit import Count, EngineHeader, Seat, header_hash, ordered
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.refusal import Refusal, shown
from hansa.kernel.types import Hash, MemberId, Natural, Positive, Struct, TimeMs

FORMAT: Literal["hansa-trusted-1"] = "hansa-trusted-1"
TRUSTED_BYTES_MAX = 2**20
BEHIND_MAX_MS = 5 * 60_000
"""A host may be so far behind the newest header that was seen: nodes do not have each block at one time."""
STILL_MS = 3 * 60_000
"""A network that rests makes a block each half minute: a header older than this is told."""
AHEAD_MAX_MS = 5 * 60_000
"""No block is so far ahead of an honest clock."""


class KeptSeat(Struct):
    """A validator of the kept set."""

    member: MemberId
    power: Positive
    public: bytes


class KeptSet(Struct):
    """A set of validators, and the engine's height from which on it votes."""

    seats: tuple[KeptSeat, ...]
    since: Positive
    changed_at: Natural = 0
    changes: Natural = 0


class Kept(Struct):
    """What the file holds."""

    format: Literal["hansa-trusted-1"]
    chain: Hash
    head: SignedHeader
    """The newest header that was checked."""
    sets: tuple[KeptSet, ...]
    """As they are known, oldest first: from the one before that of the header on."""
    seen_ms: TimeMs
    """By one's own clock."""


class Trust:
    """The newest header of a network that was checked, and the sets known since. Not for several threads.

    `path`: where it is kept; None: in memory. Raises TrustDamaged, OtherChain.
    """

    def __init__(self, genesis: bytes, chain: str, path: Path | None, clock: Callable[[], int]) -> None:
        self.chain, self._path, self._clock = chain, path, clock
        self.head: SignedHeader | None = None
        self._founding = founding_validators(decode_strict(genesis, Genesis))
        self.sets: tuple[ValidatorSet, ...] = (self._founding,)
        if path is not None and path.exists():
            self._read(path)

    def _on_disk(self, path: Path) -> Kept:
        try:
            kept = decode_strict(read_bounded(path, TRUSTED_BYTES_MAX), Kept)
        except (OSError, ValueError, Refusal) as error:
            raise refusals.TrustDamaged(path=str(path), detail=shown(str(error))) from None
        if kept.chain != self.chain or not kept.sets or kept.head.commit is None:
            raise refusals.TrustDamaged(path=str(path), detail=f"chain {kept.chain[:12]}")
        return kept

    def _read(self, path: Path) -> None:
        kept = self._on_disk(path)
        self.head = kept.head
        self.sets = tuple(
            ValidatorSet(
                ordered(Seat(seat.member, seat.public, seat.power) for seat in each.seats),
                each.since,
                each.changes,
                each.changed_at,
            )
            for each in kept.sets
        )

    def _write(self) -> None:
        """What another program on this machine checked meanwhile stays, where it is newer."""
        if self._path is None or self.head is None:
            return
        assert self.head.commit is not None
        if self._path.exists():
            there = self._on_disk(self._path).head.commit
            if there is not None and there.header.height > self.head.commit.header.height:
                return
        own = self.sets.index(set_at(self.sets, self.head.commit.header.height))
        kept = Kept(
            format=FORMAT,
            chain=self.chain,
            head=self.head,
            sets=tuple(_kept(each) for each in self.sets[max(0, own - 1) :]),
            seen_ms=self._clock(),
        )
        write_over(self._path, encode(kept))

    # What a host shows.

    def knows_set_of(self, head: SignedHeader) -> bool:
        """Whether the set that this header names is known; else the host is asked for changes."""
        return head.commit is None or self.stands(head)

    def stands(self, head: SignedHeader) -> bool:
        """Whether the validators known of this chain voted for this header."""
        return first_fault(self._votes(head)) is None

    def learn_sets(self, handovers: Sequence[Handover]) -> None:
        """Go on to sets that follow from the newest one known; what does not hold is let by."""
        newest = self.sets[-1]
        self.sets = (*self.sets, *followed_from(newest, self.chain, handovers)[1:])

    def count(self, head: SignedHeader) -> Count:
        """The votes for a header that was checked."""
        found = self._votes(head)
        assert isinstance(found, Count)
        return found

    def check_known(
        self, url: str, known: Checkpoint, shown: EngineHeader, handovers: Sequence[Handover]
    ) -> None:
        """Whether a host's history has a block that one knows, with the sets that the changes since genesis
        lead to; what was believed before is of that history, too. Raises CheckpointDiffers.
        """
        sets = followed_from(self._founding, self.chain, handovers)
        here = (shown.height, header_hash(shown)) == (known.height, known.hash)
        named = names_of(sets, shown) == (shown.validators_hash, shown.next_validators_hash)
        kept = all(set_at(sets, each.since).seats == each.seats for each in self.sets)
        if not (here and named and kept):
            raise refusals.CheckpointDiffers(url=url, height=known.height, hash=known.hash[:16])
        self.sets = sets

    def _votes(self, head: SignedHeader) -> Count | SetFault:
        height = head.commit.header.height if head.commit is not None else 1
        return votes_for(head, set_at(self.sets, height), self.chain)

    def check(self, url: str, head: SignedHeader) -> None:
        """Whether the validators stand for this header and it is not behind. Raises HeadUnproved, HostBehind,
        HostAhead, OtherChain.
        """
        if head.header.chain != self.chain:
            raise errors.OtherChain(url=url, found=head.header.chain[:12], expected=self.chain[:12])
        if head.commit is not None and self.head is not None:
            assert self.head.commit is not None
            own, its = self.head.commit.header, head.commit.header
            long_ago = its.height < own.height and own.time_ms - its.time_ms > BEHIND_MAX_MS
            if long_ago or its.height < self.sets[0].since:
                raise refusals.HostBehind(url=url, height=its.height, seen=own.height)
        fault = first_fault(self._votes(head))
        if fault is not None:
            why = told(fault, "head")
            raise refusals.HeadUnproved(url=url, why_zh=why.zh, why_en=why.en)
        assert head.commit is not None
        if head.commit.header.time_ms - self._clock() > AHEAD_MAX_MS:
            raise refusals.HostAhead(url=url, minutes=AHEAD_MAX_MS // 60_000)

    def continues(self, url: str, head: SignedHeader, path: Sequence[str] | None) -> None:
        """Whether this header, which was checked, goes on from the one kept; then it is kept, if it is newer.

        `path`: consistency of the kept height with this one, None where the host shows none. Raises HostFork;
        then both headers lie in a file beside the kept one.
        """
        known = self.head
        if known is not None:
            assert known.commit is not None
            assert head.commit is not None
            own, its = known.commit.header, head.commit.header
            same = own.height != its.height or header_hash(own) == header_hash(its)
            if not same or not _goes_on(known, head, path):
                raise refusals.HostFork(
                    url=url, height=head.header.height, seen=known.header.height, file=self._fork(head)
                )
            if its.height <= own.height:
                return
        self.head = head
        self._write()

    def _fork(self, head: SignedHeader) -> str:
        """Both headers, for whoever is to answer for them."""
        if self._path is None or self.head is None:
            return "-"
        path = self._path.with_name(f"fork-{head.header.height}.json")
        write_over(path, encode([self.head, head]))
        return str(path)

    def still_ms(self) -> int:
        """How old the newest header is by one's own clock, where that is too old; else 0."""
        if self.head is None or self.head.commit is None:
            return 0
        age_ms = self._clock() - self.head.commit.header.time_ms
        return age_ms if age_ms > STILL_MS else 0


def _kept(found: ValidatorSet) -> KeptSet:
    seats = tuple(KeptSeat(member=s.member, power=s.power, public=s.public) for s in found.seats)
    return KeptSet(seats=seats, since=found.since, changed_at=found.changed_at, changes=found.changes)


def _goes_on(known: SignedHeader, head: SignedHeader, path: Sequence[str] | None) -> bool:
    """Whether one log is the beginning of the other, as far as it can be said: of a host that is a little
    behind it is said once it is not. A later block of the engine never has a shorter log.
    """
    assert known.commit is not None
    assert head.commit is not None
    old, new = known.header, head.header
    longer, later = new.height - old.height, head.commit.header.height - known.commit.header.height
    if longer * later < 0:
        return False
    if longer < 0:
        return True
    if longer == 0:
        return new.app_hash == old.app_hash
    if path is None:
        return False
    steps = [bytes.fromhex(step) for step in path]
    return merkle.consistent(
        old.height, bytes.fromhex(old.app_hash), new.height, bytes.fromhex(new.app_hash), steps
    )
