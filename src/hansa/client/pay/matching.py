"""Which line of a bank statement pays which obligation.

Certain is only what the payer said itself: a known payment reference, in the right currency, from nobody
else than who owes it. All other likeness (amount, payer, time, a reference with a slip) is a proposal for a
person. What is left is listed with the reason. Pure: the same lines and items give the same answer.
"""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from hansa.apps.money.names import is_reference
from hansa.client.pay.accounts import compact
from hansa.client.pay.items import BankLine, OpenItem, folded
from hansa.client.pay.likeness import SUMMED_MAX, NearReferences, sums
from hansa.kernel.limits import ALLOCATIONS_MAX, DAY_MS

Outcome = Literal["certain", "proposal", "unmatched"]

NEAR_MINOR = 100
"""A difference up to this is likelier a slip or the bank's charge than a part: a person decides."""
WINDOW_DAYS = 60
"""Without a reference, days between value date and due date within which likeness counts."""
CANDIDATES_MAX = 10
LAST_DAY = 100_000
REFERENCE_START = re.compile(r"RF[0-9]{2}")


@dataclass(frozen=True)
class Known:
    """What is known beside the open items.

    `accounts`: account → member; `names`: name as `folded` → member; `closed`: references of obligations that
    are paid → their ids; `receipts`: entries that are recorded already → (currency, amount, payer).
    """

    accounts: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    closed: Mapping[str, str] = field(default_factory=dict)
    receipts: Mapping[str, tuple[str, int, str]] = field(default_factory=dict)
    today: int = LAST_DAY
    """Days since the epoch: a line whose value date lies ahead is no payment yet."""

    def payer_of(self, line: BankLine) -> str:
        """The member that paid, by its account, else by its name; "" if neither is known."""
        by_account = self.accounts.get(compact(line.payer_account), "") if line.payer_account else ""
        return by_account or (self.names.get(folded(line.payer), "") if line.payer else "")


@dataclass(frozen=True)
class Found:
    """What became of a line."""

    line: BankLine
    outcome: Outcome
    reason: str
    """A code of `reasons.REASONS`."""
    allocations: tuple[tuple[str, int], ...] = ()
    """(obligation, minor units) that the line pays, or would by the proposal."""
    rest_minor: int = 0
    """What the line pays beyond."""
    candidates: tuple[str, ...] = ()
    """Obligations that it may be about; for a reversal the entry that it takes back."""
    payer: str = ""


@dataclass
class _Books:
    """Open items and what is left of them while lines are taken one by one."""

    items: dict[str, OpenItem]
    known: Known
    left: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.left = {item.name: item.open_minor for item in self.items.values()}
        self.by_reference = {item.reference: item for item in self.items.values()}
        self.near = NearReferences(self.by_reference)
        every = [*self.by_reference, *self.known.closed]
        self.lengths = tuple(sorted({len(reference) for reference in every}, reverse=True))

    @cached_property
    def of_payer(self) -> dict[tuple[str, str], list[OpenItem]]:
        """What each member owes in each currency, the earliest due first."""
        found: dict[tuple[str, str], list[OpenItem]] = defaultdict(list)
        for item in sorted(self.items.values(), key=_due):
            found[item.debtor, item.currency].append(item)
        return found

    @cached_property
    def of_amount(self) -> dict[tuple[str, str, int], list[OpenItem]]:
        """By debtor, currency and what is left once the references had their say."""
        found: dict[tuple[str, str, int], list[OpenItem]] = defaultdict(list)
        for item in sorted(self.items.values(), key=_due):
            found[item.debtor, item.currency, self.left[item.name]].append(item)
        return found

    @cached_property
    def recorded(self) -> dict[tuple[str, int], list[tuple[str, str]]]:
        """(entry, payer) of what is recorded, by currency and amount."""
        found: dict[tuple[str, int], list[tuple[str, str]]] = defaultdict(list)
        for entry, (currency, amount_minor, payer) in self.known.receipts.items():
            found[currency, amount_minor].append((entry, payer))
        return found

    def near_due(self, line: BankLine, payer: str) -> list[OpenItem]:
        """The payer's open items that fall due about then, the earliest first."""
        own = self.of_payer.get((payer, line.currency), [])
        start = bisect_left(own, (line.value_day - WINDOW_DAYS) * DAY_MS, key=lambda item: item.due_ms)
        some = own[start : start + SUMMED_MAX]
        return [item for item in some if in_window(item, line) and self.left[item.name] > 0]


def _due(item: OpenItem) -> tuple[int, str]:
    return (item.due_ms, item.name)


def match(lines: Sequence[BankLine], items: Iterable[OpenItem], known: Known = Known()) -> list[Found]:
    """What becomes of each line, in their order. `items`: what is owed to the owner of the account."""
    by_name = {item.name: item for item in items}
    books = _Books(by_name, known)
    found: dict[int, Found] = _set_aside(lines, books)
    order = sorted(range(len(lines)), key=lambda at: (lines[at].value_day, at))
    for at in order:
        if at not in found:
            by_reference_found = _by_reference(lines[at], books)
            if by_reference_found is not None:
                found[at] = by_reference_found
    left = [at for at in order if at not in found]
    for at in left:
        found[at] = _by_likeness(lines[at], books)
    _together(lines, left, found, books)
    return _unambiguous([found[at] for at in range(len(lines))])


def in_window(item: OpenItem, line: BankLine) -> bool:
    return abs(line.value_day - item.due_ms // DAY_MS) <= WINDOW_DAYS


def references_in(line: BankLine, lengths: Sequence[int], *known: Container[str]) -> list[str]:
    """Known references that a line carries, structured or in its text, whatever spaces stand in them."""
    found: dict[str, None] = {}
    for told in (*line.references, line.text):
        text = folded(told)
        for start in REFERENCE_START.finditer(text):
            for length in lengths:
                reference = text[start.start() : start.start() + length]
                if any(reference in names for names in known):
                    found[reference] = None
                    break
    return list(found)


def _set_aside(lines: Sequence[BankLine], books: _Books) -> dict[int, Found]:
    """Lines that pay nothing: seen before, not booked, outgoing, taken back."""
    found: dict[int, Found] = {}
    seen: dict[str, int] = {}
    for at, line in enumerate(lines):
        if line.entry in seen:
            found[at] = Found(line, "unmatched", "duplicate")
        elif line.entry in books.known.receipts:
            found[at] = Found(line, "unmatched", "recorded_before")
        elif not line.booked:
            found[at] = Found(line, "unmatched", "pending")
        elif not 0 < line.value_day <= books.known.today:
            found[at] = Found(line, "unmatched", "ahead" if line.value_day > 0 else "no_date")
        seen.setdefault(line.entry, at)
    came = _by_what_is_taken_back(lines, found)
    for at, line in enumerate(lines):
        if at in found or (line.direction == "in" and not line.reversal):
            continue
        if line.direction == "in":
            found[at] = Found(line, "unmatched", "own_payment_returned")
            continue
        first = _taken_back(line, lines, came, found)
        if first is not None:
            found[first] = Found(lines[first], "unmatched", "taken_back", candidates=(line.entry,))
            found[at] = Found(line, "unmatched", "takes_back", candidates=(lines[first].entry,))
        else:
            found[at] = _recorded(line, books)
    return found


def _by_what_is_taken_back(
    lines: Sequence[BankLine], found: Mapping[int, Found]
) -> dict[tuple[str, int], list[int]]:
    came: dict[tuple[str, int], list[int]] = defaultdict(list)
    for at, line in enumerate(lines):
        if line.direction == "in" and not line.reversal and at not in found:
            came[line.currency, line.amount_minor].append(at)
    return came


def _taken_back(
    line: BankLine,
    lines: Sequence[BankLine],
    came: Mapping[tuple[str, int], list[int]],
    found: Mapping[int, Found],
) -> int | None:
    """The incoming line that this outgoing one takes back: same amount, and the same bank's or payer's
    reference, or the bank says reversal and the payer is the same.
    """
    told = {folded(text) for text in line.references if text}
    for at in came.get((line.currency, line.amount_minor), ()):
        other = lines[at]
        if at in found or other.value_day > line.value_day or compact(other.account) != compact(line.account):
            continue
        same_bank = bool(line.bank_reference) and line.bank_reference == other.bank_reference
        text = folded(" ".join((*other.references, other.text)))
        own = re.findall(r"RF[0-9]{2}[0-9A-Z]{16}", folded(" ".join((*line.references, line.text))))
        same_told = any(one in text for one in [*told, *own] if one)
        same_payer = line.reversal and folded(line.payer) == folded(other.payer)
        if same_bank or same_told or same_payer:
            return at
    return None


def _recorded(line: BankLine, books: _Books) -> Found:
    """An outgoing line: it may take back a receipt that is recorded; else it is an own payment."""
    payer = books.known.payer_of(line)
    named = references_in(line, books.lengths, books.by_reference, books.known.closed)
    same = books.recorded.get((line.currency, line.amount_minor), ())
    entries = tuple(entry for entry, who in same if named or who == payer)[:CANDIDATES_MAX]
    if entries and (line.reversal or named):
        return Found(line, "proposal", "undo_receipt", candidates=entries, payer=payer)
    if line.reversal:
        return Found(line, "unmatched", "reversal_of_unknown", payer=payer)
    return Found(line, "unmatched", "outgoing")


def _by_reference(line: BankLine, books: _Books) -> Found | None:
    """What the payer's own reference says; None where the line carries none that is open."""
    named = [books.by_reference[one] for one in references_in(line, books.lengths, books.by_reference)]
    payer = books.known.payer_of(line)
    if not named:
        return _closed(line, books, payer)
    names = tuple(item.name for item in named)
    if any(item.currency != line.currency for item in named):
        return Found(line, "unmatched", "wrong_currency", candidates=names, payer=payer)
    open_items = [item for item in named if books.left[item.name] > 0]
    if not open_items:
        return Found(line, "unmatched", "paid_twice", candidates=names, payer=payer)
    owed = sum(books.left[item.name] for item in open_items)
    allocations = _filled(open_items, line.amount_minor, books)
    rest = line.amount_minor - sum(amount for _, amount in allocations)
    found = Found(line, "proposal", "", allocations, rest, names, payer)
    debtors = {item.debtor for item in named}
    difference = line.amount_minor - owed
    if line.alike:
        return replace(found, reason="alike")
    if len(debtors) > 1 or (payer and payer not in debtors):
        return replace(found, reason="other_payer")
    if len(named) > 1 and (difference != 0 or len(open_items) < len(named)):
        return replace(found, reason="sum_differs")
    if difference < 0 and -difference == line.charges_minor:
        return replace(found, reason="charges")
    if 0 < abs(difference) <= NEAR_MINOR:
        return replace(found, reason="near_amount")
    if len(named) > ALLOCATIONS_MAX:
        return replace(found, reason="too_many")
    for name, amount in allocations:
        books.left[name] -= amount
    reason = "several" if len(named) > 1 else "exact" if not difference else "over" if rest else "part"
    return replace(found, outcome="certain", reason=reason, payer=payer or named[0].debtor)


def _filled(items: Sequence[OpenItem], amount_minor: int, books: _Books) -> tuple[tuple[str, int], ...]:
    """The amount over the items, the earliest due first."""
    allocations = []
    for item in sorted(items, key=lambda item: (item.due_ms, item.name)):
        part = min(amount_minor, books.left[item.name])
        if part > 0:
            allocations.append((item.name, part))
            amount_minor -= part
    return tuple(allocations)


def _closed(line: BankLine, books: _Books, payer: str) -> Found | None:
    closed = references_in(line, books.lengths, books.known.closed)
    if not closed:
        return None
    names = tuple(books.known.closed[one] for one in closed)
    return Found(line, "unmatched", "reference_not_open", candidates=names, payer=payer)


def _by_likeness(line: BankLine, books: _Books) -> Found:
    """A proposal by a slip in the reference, else by payer, amount and time; else why there is none."""
    payer = books.known.payer_of(line)
    text = folded(" ".join((*line.references, line.text)))
    near = [item for item in books.near.search(text) if item.currency == line.currency]
    near = [item for item in near if books.left[item.name] > 0 and (not payer or item.debtor == payer)]
    if len(near) == 1:
        allocations = _filled(near, line.amount_minor, books)
        rest = line.amount_minor - sum(amount for _, amount in allocations)
        return Found(line, "proposal", "slip", allocations, rest, (near[0].name,), payer)
    if near:
        return Found(line, "proposal", "several_candidates", candidates=_names(near), payer=payer)
    if any(is_reference(text[start.start() :][:20]) for start in REFERENCE_START.finditer(text)):
        return Found(line, "unmatched", "reference_unknown", payer=payer)
    if line.count > 1:
        return Found(line, "unmatched", "batch", payer=payer)
    if not payer:
        return Found(line, "unmatched", "payer_unknown")
    same = books.of_amount.get((payer, line.currency, line.amount_minor), [])
    same = [item for item in same if in_window(item, line)]
    if len(same) == 1:
        whole = ((same[0].name, line.amount_minor),)
        return Found(line, "proposal", "payer_and_amount", whole, candidates=_names(same), payer=payer)
    if same:
        return Found(line, "proposal", "several_candidates", candidates=_names(same), payer=payer)
    own = books.near_due(line, payer)
    of_sum = sums([(item.name, books.left[item.name]) for item in own], line.amount_minor)
    if of_sum:
        paid = tuple((name, books.left[name]) for name in of_sum)
        return Found(line, "proposal", "sum_of_several", paid, candidates=of_sum, payer=payer)
    return Found(line, "unmatched", "nothing_alike" if own else "payer_owes_nothing", payer=payer)


def _together(lines: Sequence[BankLine], left: Sequence[int], found: dict[int, Found], books: _Books) -> None:
    """Two lines of one payer that together are one item: proposed, as parts of it."""
    single: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at in left:
        if found[at].reason == "nothing_alike":
            single[found[at].payer, lines[at].currency].append(at)
    for (payer, currency), places in single.items():
        by_amount = {lines[at].amount_minor: at for at in places}
        for item in books.of_payer[payer, currency]:
            for at in places:
                other = by_amount.get(books.left[item.name] - lines[at].amount_minor, at)
                fits = in_window(item, lines[at]) and in_window(item, lines[other])
                if other != at and fits and all(found[one].reason == "nothing_alike" for one in (at, other)):
                    for one in (at, other):
                        paid = ((item.name, lines[one].amount_minor),)
                        found[one] = Found(
                            lines[one], "proposal", "two_lines", paid, candidates=(item.name,), payer=payer
                        )


def _unambiguous(found: list[Found]) -> list[Found]:
    """A proposal for an item that another line is proposed for too says so."""
    proposed = Counter(
        name
        for one in found
        if one.reason in ("payer_and_amount", "sum_of_several", "slip")
        for name, _ in one.allocations
    )
    return [
        replace(one, reason="several_lines")
        if one.reason in ("payer_and_amount", "sum_of_several", "slip")
        and any(proposed[name] > 1 for name, _ in one.allocations)
        else one
        for one in found
    ]


def _names(items: Sequence[OpenItem]) -> tuple[str, ...]:
    return tuple(item.name for item in items[:CANDIDATES_MAX])
