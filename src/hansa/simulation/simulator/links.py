"""The virtual network: delays, losses, messages sent twice or late, directions that are cut.

Every direction between two nodes is a link of its own, so a partition may be asymmetric.
"""

from random import Random

DELAY_MS = (2, 40)
"""What a message takes on a good day, from and to."""
SLOW_MS = 2_000
"""What it may take on a bad one."""
SHARE = 1_000
"""Chances are given in thousandths."""


class Links:
    """Between `number` nodes. `loss`, `twice` and `slow` are chances in thousandths, for every message."""

    def __init__(self, luck: Random, number: int) -> None:
        self._luck, self._number = luck, number
        self.loss = self.twice = self.slow = 0
        self.cut: set[tuple[int, int]] = set()
        """Directions (from, to) that carry nothing."""

    @property
    def calm(self) -> bool:
        """Whether every message arrives, once and soon."""
        return not (self.loss or self.twice or self.slow or self.cut)

    def delay_ms(self) -> int:
        """What a message takes that arrives."""
        if self.slow and self._luck.randrange(SHARE) < self.slow:
            return self._luck.randrange(SLOW_MS)
        low, high = DELAY_MS
        return low + int(self._luck.random() * (high - low + 1))  # Cheaper than randint, and as good here.

    def arrivals(self, start: int, end: int) -> tuple[int, ...]:
        """After how many ms each copy of a message arrives: none, one or two."""
        if start == end:
            return (0,)
        if self.calm:
            return (self.delay_ms(),)
        if (start, end) in self.cut or (self.loss and self._luck.randrange(SHARE) < self.loss):
            return ()
        if self.twice and self._luck.randrange(SHARE) < self.twice:
            return self.delay_ms(), self.delay_ms()
        return (self.delay_ms(),)

    def reaches(self, start: int, end: int, up: frozenset[int]) -> bool:
        """Whether what one node knows comes to another in the end, by way of nodes that are up."""
        if start == end or (start, end) not in self.cut:
            return True
        seen, waiting = {start}, [start]
        while waiting:
            here = waiting.pop()
            for there in range(self._number):
                if there in seen or (here, there) in self.cut or there not in up:
                    continue
                if there == end:
                    return True
                seen.add(there)
                waiting.append(there)
        return False

    def heal(self) -> None:
        """All is well from now on."""
        self.loss = self.twice = self.slow = 0
        self.cut.clear()
