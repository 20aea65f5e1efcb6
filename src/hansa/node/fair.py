"""Who comes next: members, and addresses, take turns, whatever each of them has sent."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from hansa.node import limits

T = TypeVar("T")


@dataclass
class Fair(Generic[T]):
    """A queue in which whoever floods it delays the others by at most a turn. Used by one thread.

    Within a line, first come, first served: what depends on an earlier transaction comes after it.
    """

    turn: int = limits.TURN_TRANSACTIONS_MAX
    """Items that one line gets before the next line's turn comes."""
    waiting: dict[str, deque[tuple[T, int]]] = field(default_factory=dict)
    """By line (a member, an address), in the order of turns; each item with its size."""
    count: int = 0

    def add(self, line: str, items: Sequence[tuple[T, int]]) -> None:
        self.waiting.setdefault(line, deque()).extend(items)
        self.count += len(items)

    def take_one(self, may: Callable[[str, int], bool]) -> tuple[str, T] | None:
        """The next item, with its line, of a line that may have one more of its size; None where none may."""
        for line in list(self.waiting):
            own = self.waiting[line]
            if not may(line, own[0][1]):
                continue
            item, _ = own.popleft()
            self.count -= 1
            del self.waiting[line]
            if own:
                self.waiting[line] = own  # Its next turn comes after the others'.
            return line, item
        return None

    def take(self, count_max: int, size_max: int) -> list[T]:
        """The next group: at least one item where any waits, then as many as both bounds allow."""
        group: list[T] = []
        size = 0
        while self.waiting and len(group) < count_max:
            line = next(iter(self.waiting))
            own = self.waiting.pop(line)
            for _ in range(min(self.turn, count_max - len(group), len(own))):
                if group and size + own[0][1] > size_max:
                    # Its turn comes first in the next group.
                    self.waiting = {line: own, **self.waiting}
                    self.count -= len(group)
                    return group
                item, length = own.popleft()
                group.append(item)
                size += length
            if own:
                self.waiting[line] = own
        self.count -= len(group)
        return group
