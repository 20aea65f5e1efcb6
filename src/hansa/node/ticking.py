"""Wakes due work of a chain that rests, by a signed tick (rule 17): one node does it, else the next.

The engine makes no block of itself because something is due on the ledger. So the node of the first seat asks
for one; the others wait longer, each its place in the row, and a tick that brought nothing is repeated less
and less, whatever else happens: clocks differ, and each tick in vain stays on the ledger.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hansa.apps.consortium.messages_validators import Tick
from hansa.apps.consortium.tables import VALIDATORS
from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.kernel import limits as kernel_limits
from hansa.kernel.due import QUEUE
from hansa.kernel.keys import WINDOWS
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer
from hansa.kernel.transaction import sign
from hansa.node import limits
from hansa.node.logs import note

EVERY_S = 0.5
BACK_OFF_MAX = 6
"""Doublings of the wait after ticks that brought nothing."""


def due_ms(reading: Reading) -> int | None:
    """When the next work falls due; None if none waits."""
    first = next(QUEUE.scan(reading.context(reading.time_ms), limit=1), None)
    return None if first is None else int(first[0][0])


def rank(reading: Reading, member: str) -> int:
    """A member's place among those who wake the chain: the order of the seats by member, then all others."""
    ctx = reading.context(reading.time_ms)
    seats = [str(key[0]) for key, seat in VALIDATORS.scan(ctx, limit=kernel_limits.ALL_ROWS) if seat.power]
    return seats.index(member) if member in seats else len(seats)


@dataclass
class Ticking:
    """Used on the event loop. `submit` hands in a transaction; its answer is not waited for."""

    reader: Reader
    member: str
    key: str
    signer: Signer
    clock: Callable[[], int]
    submit: Callable[[bytes], object]
    _height: int = -1
    _due_ms: int | None = None
    _rank: int = 0
    _overdue_s: float | None = None
    """Since when work is overdue, by the monotonic clock."""
    _next_s: float = 0.0
    _in_vain: int = 0
    _trouble: str = field(default="", repr=False)

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            self.look()

    def look(self) -> None:
        """Send a tick if it is this node's turn."""
        now_s = time.monotonic()
        with self.reader.snapshot() as reading:
            if reading.height != self._height:
                before, self._height, self._due_ms = self._due_ms, reading.height, due_ms(reading)
                if self._due_ms != before:
                    self._in_vain = 0  # What was due was done, or is another thing now.
                self._rank, self._overdue_s = rank(reading, self.member), None
            if self._due_ms is None or self._due_ms > self.clock():
                self._overdue_s = None
                return
            if self._overdue_s is None:
                self._overdue_s = now_s
            wait_s = limits.TICK_AFTER_MS / 1_000 * self._rank
            if now_s < self._next_s or now_s - self._overdue_s < wait_s:
                return
            wire = self.tick(reading)
        self._next_s = now_s + limits.TICK_AFTER_MS / 1_000 * 2**self._in_vain
        self._in_vain = min(self._in_vain + 1, BACK_OFF_MAX)
        try:
            self.submit(wire)
        except Refusal as refusal:
            if refusal.code != self._trouble:
                note("tick not sent", 30, code=refusal.code)
            self._trouble = refusal.code

    def tick(self, reading: Reading) -> bytes:
        """A signed tick with the key's next sequence."""
        window = WINDOWS.get(reading.context(reading.time_ms), (self.member, self.key))
        return sign(
            reading.registry, self.signer, chain=reading.chain.id, member=self.member, key=self.key,
            sequence=1 + (0 if window is None else window.highest),
            valid_until_ms=self.clock() + kernel_limits.MINUTE_MS, actions=(Tick(),),
        )  # fmt: skip
