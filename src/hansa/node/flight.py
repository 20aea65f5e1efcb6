"""Transactions that were handed to the engine and are in no block yet: how many may be, and which wait again.

The engine's mempool is not on disk, and a block's proposer may leave something lie: so what is in no block
after a while is handed in again, until a block has it or its time is over. Nobody has more on the way than is
left free: so one member of whom the engine takes nothing more, since another node hands on so much of it
already, holds up nobody else's here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from hansa.kernel.transaction import HEAD_BYTES
from hansa.node import limits

Item = TypeVar("Item")
FOR_EVER = 2**53 - 1


class _Validity(msgspec.Struct):
    valid_until_ms: int = 0


_validity = msgspec.json.Decoder(_Validity)


def valid_until_ms(wire: bytes) -> int:
    """Until when a transaction may take effect; 0 where that cannot be read."""
    try:
        return _validity.decode(memoryview(wire)[HEAD_BYTES:]).valid_until_ms
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return 0


@dataclass(slots=True)
class Flying(Generic[Item]):
    """One transaction on its way. The same bytes twice are one, with one outcome."""

    wire: bytes
    items: list[Item]
    until_ms: int
    line: str
    """Whose it is."""
    next_s: float
    """When it is handed in again, by the monotonic clock; at first: at once."""
    wait_s: float = field(default_factory=lambda: float(limits.HAND_IN_AGAIN_S))
    times: int = 0
    """How often it was handed in."""


@dataclass
class Flight(Generic[Item]):
    """All of them, by their bytes. Used by one thread; `wires` may be looked into from another."""

    count_max: int = limits.FLYING_TRANSACTIONS_MAX
    bytes_max: int = limits.FLYING_BYTES_MAX
    wires: dict[bytes, Flying[Item]] = field(default_factory=dict)
    size: int = 0
    """Bytes of them all."""
    _lines: dict[str, tuple[int, int]] = field(default_factory=dict)
    """(transactions, bytes) by whose they are."""

    def may(self, line: str, size: int) -> bool:
        """Whether one more of this line and size may be added."""
        count, taken = self._lines.get(line, (0, 0))
        return count < self.count_max - len(self.wires) and taken + size <= self.bytes_max - self.size

    def _count(self, line: str, count: int, size: int) -> None:
        before, taken = self._lines.pop(line, (0, 0))
        if before + count:
            self._lines[line] = before + count, taken + size
        self.size += size

    def add(self, wire: bytes, item: Item, now_s: float, line: str = "") -> None:
        """One more that waits for this transaction, which is handed in if it is not on its way already."""
        known = self.wires.get(wire)
        if known is not None:
            known.items.append(item)
            return
        self.wires[wire] = Flying(wire, [item], valid_until_ms(wire), line, now_s)
        self._count(line, 1, len(wire))

    def remove(self, wire: bytes) -> list[Item]:
        """It was decided: who waited for it."""
        known = self.wires.pop(wire, None)
        if known is None:
            return []
        self._count(known.line, -1, -len(wire))
        return known.items

    def to_hand_in(self, now_s: float) -> list[bytes]:
        """The next batch that is to be handed in, or again."""
        batch: list[bytes] = []
        size = 0
        for flying in self.wires.values():
            if flying.next_s > now_s:
                continue
            size += len(flying.wire)
            if batch and size > limits.RPC_BATCH_BYTES_MAX:
                break
            batch.append(flying.wire)
            if len(batch) == limits.RPC_BATCH_MAX:
                break
        return batch

    def handed_in(self, wire: bytes, now_s: float) -> None:
        """The engine has it: looked at again later, less and less often."""
        known = self.wires.get(wire)
        if known is not None:
            known.next_s = now_s + known.wait_s
            known.wait_s = min(2 * known.wait_s, limits.HAND_IN_AGAIN_MAX_S)
            known.times += 1

    def is_late(self, wire: bytes) -> bool:
        """Whether it was handed in before, and nothing came of it yet."""
        known = self.wires.get(wire)
        return known is not None and known.times > 0

    def again(self, wire: bytes, at_s: float) -> None:
        """The engine does not have it: handed in from then on."""
        known = self.wires.get(wire)
        if known is not None:
            known.next_s, known.wait_s = at_s, float(limits.HAND_IN_AGAIN_S)

    def engine_began_anew(self, now_s: float) -> None:
        """Its mempool is empty: all is handed in again."""
        for flying in self.wires.values():
            flying.next_s, flying.wait_s = now_s, float(limits.HAND_IN_AGAIN_S)

    def over(self, time_ms: int) -> list[bytes]:
        """Those that no block after this time can give effect to."""
        return [wire for wire, flying in self.wires.items() if flying.until_ms <= time_ms]

    def next_s(self) -> float | None:
        """When something is to be handed in; None where nothing flies."""
        return min((flying.next_s for flying in self.wires.values()), default=None)

    def waiting(self) -> Iterable[Any]:
        """Whoever waits for anything."""
        return [item for flying in self.wires.values() for item in flying.items]
