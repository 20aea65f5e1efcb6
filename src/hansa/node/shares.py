"""Who has how much waiting: bounds by key and member for what is signed, by address for what is not yet.

Whose a transaction is, its signature says, and nobody else. Until that was checked a request counts to the
address that it came from; so rubbish that names a key takes nothing of the key's share, and a replayed
transaction neither.
"""

import asyncio
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal
from hansa.node import errors, limits
from hansa.node.settings import Limits
from hansa.node.wires import NOBODY, Claim, signed_by

K = TypeVar("K")
STRANGERS = "strangers"
"""All addresses from which nothing came yet that was signed: together they have the room of one."""
IPV6_NETWORK_BITS = 64
"""Whoever has one address of IPv6 has all of such a network."""


@lru_cache(maxsize=limits.CONNECTIONS_MAX)
def address_of(host: str) -> str:
    """What a connection counts to: its address, or its network where it comes by IPv6."""
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, IPV6_NETWORK_BITS), strict=False))


def address_of_caller(scope: Mapping[str, Any]) -> str:
    """The same of a request's scope (ASGI)."""
    client = scope.get("client")
    return address_of(client[0]) if client else ""


@dataclass(slots=True)
class Run:
    """Neighbours in a request that name the same key; `newest` is the highest of their sequences."""

    own: Claim
    start: int
    end: int
    newest: int


def runs_of(wires: Sequence[bytes]) -> list[Run]:
    """A request's transactions by whom they name. Nothing of it is checked."""
    runs: list[Run] = []
    for place, wire in enumerate(wires):
        own, sequence = signed_by(wire)
        if runs and runs[-1].own == own:
            runs[-1].end = place + 1
            runs[-1].newest = max(runs[-1].newest, sequence)
        else:
            runs.append(Run(own, place, place + 1, sequence))
    return runs


@dataclass(slots=True, eq=False)
class Handed:
    """A request's transactions on their way. `source`: whom they count to until `proved`."""

    wires: list[bytes]
    runs: list[Run]
    size: int
    address: str
    source: str
    answer: "asyncio.Future[bytes]"
    since: float
    receipts: list[Receipt | None]
    left: int
    proved: bool = False
    failed: Refusal | None = None


@dataclass
class Shares:
    """What waits, by whom. Used on the event loop."""

    bounds: Limits
    waiting: int = 0
    waiting_bytes: int = 0
    _by_source: dict[str, int] = field(default_factory=dict)
    _bytes_by_source: dict[str, int] = field(default_factory=dict)
    _by_member: dict[str, int] = field(default_factory=dict)
    _by_key: dict[Claim, int] = field(default_factory=dict)
    _met: dict[str, None] = field(default_factory=dict)
    """Addresses from which a signature held, the longest known first."""

    def is_full(self, size: int) -> bool:
        """Whether a request of this size finds no room at all."""
        bounds = self.bounds
        return self.waiting >= bounds.queue_transactions or self.waiting_bytes + size > bounds.queue_bytes

    def source(self, address: str) -> str:
        return address if address in self._met else STRANGERS

    def check_source(self, address: str, count: int, size: int, retry_s: Callable[[], int]) -> None:
        """Raises AddressBusy. One small transaction passes, since a connection has one request at a time:
        so its owner can always show that it is no stranger.
        """
        if count == 1 and size <= limits.SMALL_REQUEST_BYTES:
            return
        bounds, source = self.bounds, self.source(address)
        most_bytes = bounds.queue_bytes // limits.SOURCES_AT_LEAST
        if (
            self._by_source.get(source, 0) + count > bounds.queue_address
            or self._bytes_by_source.get(source, 0) + size > most_bytes
        ):
            raise errors.AddressBusy(limit=bounds.queue_address, limit_bytes=most_bytes, retry_s=retry_s())

    def check_signers(self, runs: Sequence[Run], retry_s: Callable[[], int]) -> None:
        """Raises KeyBusy or MemberBusy. Only what they signed themselves fills their shares."""
        bounds = self.bounds
        for run in runs:
            own, count = run.own, run.end - run.start
            if self._by_key.get(own, 0) + count > bounds.queue_key and own is not NOBODY:
                raise errors.KeyBusy(
                    member=own.member, key=own.key, limit=bounds.queue_key, retry_s=retry_s()
                )
            if self._by_member.get(own.member, 0) + count > bounds.queue_member and own is not NOBODY:
                raise errors.MemberBusy(member=own.member, limit=bounds.queue_member, retry_s=retry_s())

    def of_source(self, address: str) -> int:
        """Transactions from an address that wait and were not proved yet: of a stranger's, all strangers'."""
        return self._by_source.get(self.source(address), 0)

    def of(self, member: str) -> int:
        """Transactions of a member that wait, as far as it signed them."""
        return self._by_member.get(member, 0)

    def take(self, handed: Handed) -> None:
        """A request came in: it counts to its source."""
        self.waiting += len(handed.wires)
        self.waiting_bytes += handed.size
        _more(self._by_source, handed.source, len(handed.wires))
        _more(self._bytes_by_source, handed.source, handed.size)

    def prove(self, handed: Handed) -> None:
        """Its signatures held: it counts to its signers from now on."""
        self._leave_source(handed)
        handed.proved = True
        for run in handed.runs:
            _more(self._by_key, run.own, run.end - run.start)
            _more(self._by_member, run.own.member, run.end - run.start)
        if handed.address not in self._met:
            self._met[handed.address] = None
            if len(self._met) > limits.ADDRESSES_KNOWN_MAX:
                del self._met[next(iter(self._met))]

    def give_back(self, handed: Handed) -> None:
        """It was answered."""
        self.waiting -= len(handed.wires)
        self.waiting_bytes -= handed.size
        if not handed.proved:
            self._leave_source(handed)
            return
        for run in handed.runs:
            _less(self._by_key, run.own, run.end - run.start)
            _less(self._by_member, run.own.member, run.end - run.start)

    def _leave_source(self, handed: Handed) -> None:
        _less(self._by_source, handed.source, len(handed.wires))
        _less(self._bytes_by_source, handed.source, handed.size)


def _more(counts: dict[K, int], key: K, count: int) -> None:
    counts[key] = counts.get(key, 0) + count


def _less(counts: dict[K, int], key: K, count: int) -> None:
    left = counts[key] - count
    if left:
        counts[key] = left
    else:
        del counts[key]
