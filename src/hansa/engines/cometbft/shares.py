"""Whose transactions wait in the engine's mempool: no member fills it, nor every block, and leaves the others
no room.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from hansa.engines.cometbft.errors import MempoolShare
from hansa.kernel import limits

FORGET_MS = limits.MINUTE_MS
"""After this long a transaction counts no more: the engine may never have taken it, and tells nobody."""


class _Waiting(NamedTuple):
    member: str
    size: int
    since_ms: int


class Shares:
    """Counts what CheckTx let in until it stands in a block.

    A member may have as much waiting as is left free, by number and by bytes. So one that is alone gets half,
    and with n that take all they can, the next one still finds a part of n + 1 free.
    """

    def __init__(self, transactions_max: int, bytes_max: int, clock: Callable[[], int]) -> None:
        self._transactions_max, self._bytes_max, self._clock = transactions_max, bytes_max, clock
        self._waiting: dict[bytes, _Waiting] = {}
        self._transactions: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._bytes_all = 0

    @property
    def transactions(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def of(self, member: str) -> tuple[int, int]:
        """(transactions, bytes) of a member that wait."""
        return self._transactions.get(member, 0), self._bytes.get(member, 0)

    def take(self, member: str, wire: bytes) -> None:
        """Count a transaction. Known bytes count once. Raises MempoolShare."""
        now_ms = self._clock()
        self._forget(now_ms)
        name = hashlib.sha256(wire).digest()
        if name in self._waiting:
            return
        count, size = self.of(member)
        free, free_bytes = self._transactions_max - len(self._waiting), self._bytes_max - self._bytes_all
        if count >= free or size + len(wire) > free_bytes:
            raise MempoolShare(member=member)
        self._waiting[name] = _Waiting(member, len(wire), now_ms)
        self._transactions[member], self._bytes[member] = count + 1, size + len(wire)
        self._bytes_all += len(wire)

    def in_turn(self, wires: Iterable[bytes]) -> list[bytes]:
        """One of each member after the other, and each member's in the order in which they came. What counts
        to nobody any more takes turns as one member's does.
        """
        taken: Counter[str] = Counter()

        def turn(wire: bytes) -> int:
            waiting = self._waiting.get(hashlib.sha256(wire).digest())
            member = waiting.member if waiting else ""
            taken[member] += 1
            return taken[member]

        return sorted(wires, key=turn)

    def leave(self, wires: Iterable[bytes]) -> None:
        """They stand in a block."""
        for wire in wires:
            self._drop(hashlib.sha256(wire).digest())

    def _forget(self, now_ms: int) -> None:
        while self._waiting:
            name, oldest = next(iter(self._waiting.items()))
            if 0 <= now_ms - oldest.since_ms < FORGET_MS:
                return
            self._drop(name)

    def _drop(self, name: bytes) -> None:
        gone = self._waiting.pop(name, None)
        if gone is None:
            return
        count, size = self.of(gone.member)
        self._bytes_all -= gone.size
        if count > 1:
            self._transactions[gone.member], self._bytes[gone.member] = count - 1, size - gone.size
        else:
            del self._transactions[gone.member], self._bytes[gone.member]
