"""References with a slip of the pen, and amounts that are the sum of several."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hansa.client.pay.items import OpenItem

SLIPS_MAX = 2
"""Letters wrong, missing or too many; two that changed places are two."""
HEAD = 4
"""`RF` and check digits."""
PIECE = 5
"""A reference of 16 letters behind its head with two slips keeps a piece of this length."""
TEXT_MAX = 500
SUMMED_MAX = 200
"""Items of a payer that are looked at for sums."""


class NearReferences:
    """Finds references that a text holds with at most SLIPS_MAX slips."""

    def __init__(self, by_reference: "Mapping[str, OpenItem]") -> None:
        self._items = by_reference

    @cached_property
    def _pieces(self) -> dict[str, list[str]]:
        """References by the pieces of their body: made when the first slip is looked for."""
        found: dict[str, list[str]] = defaultdict(list)
        for reference in self._items:
            body = reference[HEAD:]
            for at in range(len(body) - PIECE + 1):
                found[body[at : at + PIECE]].append(reference)
        return found

    def search(self, text: str) -> "list[OpenItem]":
        """Items whose reference stands in the text with slips, those with the fewest."""
        text = text[:TEXT_MAX]
        tried = {
            reference
            for at in range(len(text) - PIECE + 1)
            for reference in self._pieces.get(text[at : at + PIECE], ())
        }
        slips = {reference: slips_in(reference, text) for reference in tried}
        fewest = min(slips.values(), default=SLIPS_MAX + 1)
        return [self._items[one] for one in sorted(tried) if slips[one] == fewest <= SLIPS_MAX]


def slips_in(reference: str, text: str) -> int:
    """The fewest edits by which the reference becomes some part of the text (Sellers 1980)."""
    row = [0] * (len(text) + 1)
    for number, char in enumerate(reference, 1):
        above, row = row, [number]
        for at, other in enumerate(text, 1):
            row.append(min(above[at - 1] + (char != other), above[at] + 1, row[at - 1] + 1))
    return min(row)


def sums(amounts: Sequence[tuple[str, int]], wanted: int) -> tuple[str, ...]:
    """Names of items that together come to the amount: all up to one in their order, or the only pair.

    Empty where there is none, or where several pairs do. Amounts of zero count for nothing.
    """
    taken = [(name, amount) for name, amount in amounts[:SUMMED_MAX] if amount > 0]
    total = 0
    for at, (_, amount) in enumerate(taken):
        total += amount
        if total == wanted and at > 0:
            return tuple(name for name, _ in taken[: at + 1])
    by_amount: dict[int, list[int]] = defaultdict(list)
    for at, (_, amount) in enumerate(taken):
        by_amount[amount].append(at)
    found: tuple[str, ...] = ()
    for at, (name, amount) in enumerate(taken):
        others = [other for other in by_amount.get(wanted - amount, ())[-2:] if other > at]
        if others and (found or len(others) > 1):
            return ()
        if others:
            found = (name, taken[others[0]][0])
    return found
