"""Who comes next: members take turns, whatever each of them has sent."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from hansa.node import limits

T = TypeVar("T")


@dataclass
class Fair(Generic[T]):
    """A queue in which one flooding member delays the others by at most a turn. Used by one thread.

    Within a member, first come, first served: what depends on an earlier transaction comes after it.
    """

    waiting: dict[str, deque[tuple[T, int]]] = field(default_factory=dict)
    """By member, in the order of turns; each item with its size in bytes."""
    count: int = 0

    def add(self, member: str, items: Sequence[tuple[T, int]]) -> None:
        self.waiting.setdefault(member, deque()).extend(items)
        self.count += len(items)

    def take(self, count_max: int, bytes_max: int) -> list[T]:
        """The next group: at least one item where any waits, then as many as both bounds allow."""
        group: list[T] = []
        size = 0
        while self.waiting and len(group) < count_max:
            member = next(iter(self.waiting))
            own = self.waiting.pop(member)
            for _ in range(min(limits.TURN_TRANSACTIONS_MAX, count_max - len(group), len(own))):
                if group and size + own[0][1] > bytes_max:
                    # Its turn comes first in the next group.
                    self.waiting = {member: own, **self.waiting}
                    self.count -= len(group)
                    return group
                item, length = own.popleft()
                group.append(item)
                size += length
            if own:
                self.waiting[member] = own
        self.count -= len(group)
        return group
