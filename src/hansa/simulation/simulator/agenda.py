"""Virtual time: what happens next, in order of time, and of entry where times are equal."""

from collections.abc import Callable
from heapq import heappop, heappush

Do = Callable[[], None]


class Agenda:
    """Nothing passes but what is entered here. Times are ms since the epoch."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.done = 0
        """Entries carried out."""
        self._entries: list[tuple[int, int, Do]] = []
        self._entered = 0

    def at(self, time_ms: int, do: Do) -> None:
        """Enter something for a time, or for now where that has passed."""
        self.after(max(time_ms - self.now_ms, 0), do)

    def after(self, wait_ms: int, do: Do) -> None:
        """Enter something for so long from now."""
        self._entered += 1
        heappush(self._entries, (self.now_ms + wait_ms, self._entered, do))

    def step(self) -> bool:
        """Move on to the next entry and carry it out. False where there is none."""
        if not self._entries:
            return False
        self.now_ms, _, do = heappop(self._entries)
        self.done += 1
        do()
        return True
