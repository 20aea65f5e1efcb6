"""A made-up quarter of payments between a supplier and its customers, with all that goes wrong planted.

Each planted case says what must become of its lines, so that a test can count what was missed and what was
taken for certain that is not. The same seed makes the same quarter.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from hansa.apps.money.names import DIGITS, reference_of
from hansa.client.pay.items import BankLine, OpenItem, folded, named
from hansa.client.pay.matching import Known
from hansa.kernel.limits import DAY_MS

FIRST_DAY = 20_400
DAYS = 90
SURE = ("exact", "several", "part", "over")


@dataclass(frozen=True)
class Planted:
    """Lines in the order of the file; for each, outcome and reason that it must have, and what it pays."""

    lines: list[BankLine]
    items: list[OpenItem]
    known: Known
    expected: list[tuple[str, str, tuple[tuple[str, int], ...]]]


@dataclass
class _World:
    chance: random.Random
    items: list[OpenItem]
    lines: list[tuple[BankLine, str, str, tuple[tuple[str, int], ...]]]
    number: int = 0

    def item(self, amount_minor: int = 0, debtor: str = "", day: int = -1) -> OpenItem:
        """An item of a new customer, or of one that is named."""
        self.number += 1
        name = f"ob-{self.number}-{self.chance.getrandbits(40):x}"
        day = FIRST_DAY + self.chance.randrange(DAYS) if day < 0 else day
        item = OpenItem(
            name=name,
            reference=reference_of(name),
            debtor=debtor or f"customer-{self.number}",
            creditor="maker",
            currency="CNY",
            open_minor=amount_minor or self.chance.randrange(100_000, 900_000_000),
            due_ms=day * DAY_MS,
        )
        self.items.append(item)
        return item

    def line(
        self,
        item: OpenItem,
        expected: tuple[str, str],
        pays: tuple[tuple[str, int], ...] = (),
        *,
        amount_minor: int = 0,
        text: str | None = None,
        later: int = 0,
    ) -> BankLine:
        """A payment by who owes the item, of what it is, under its reference, unless said otherwise."""
        self.number += 1
        written = self.written(item.reference) if text is None else text
        line = BankLine(
            entry="",
            account="6222021234567890123",
            value_day=item.due_ms // DAY_MS - 3 + later,
            amount_minor=amount_minor or item.open_minor,
            currency="CNY",
            direction="in",
            payer=f"{item.debtor} GmbH",
            payer_account=f"9{item.debtor.removeprefix('customer-'):0>12}",
            text=written,
            bank_reference=f"B{self.number:09d}",
        )
        self.lines.append((line, *expected, pays))
        return line

    def written(self, reference: str) -> str:
        """A reference as people write it: in groups, small, amid words, in wide letters."""
        ways: list[Callable[[str], str]] = [
            lambda text: text,
            lambda text: " ".join(text[at : at + 4] for at in range(0, len(text), 4)),
            lambda text: f"货款{text.lower()}，谢谢",
            lambda text: f"Payment ref. {text}/2026",
            lambda text: "".join(chr(ord(char) + 0xFEE0) for char in text),
            lambda text: "-".join((text[:4], text[4:12], text[12:])),
        ]
        return self.chance.choice(ways)(reference)

    def slipped(self, reference: str) -> str:
        """One letter wrong, two changed places, or one missing: in the body."""
        at = self.chance.randrange(5, len(reference) - 2)
        kind = self.chance.randrange(3)
        if kind == 0 and reference[at] != reference[at + 1]:
            return reference[:at] + reference[at + 1] + reference[at] + reference[at + 2 :]
        if kind == 1:
            return reference[:at] + reference[at + 1 :]
        other = self.chance.choice([char for char in DIGITS if char != reference[at]])
        return reference[:at] + other + reference[at + 1 :]


def plant(seed: int, count: int) -> Planted:
    """About so many lines, and as many items."""
    world = _World(random.Random(seed), [], [])
    while len(world.lines) < count:
        world.chance.choices(CASES, WEIGHTS)[0](world)
    world.chance.shuffle(order := list(range(len(world.lines))))
    lines = named(world.lines[at][0] for at in order)
    known = Known(
        accounts={f"9{item.debtor.removeprefix('customer-'):0>12}": item.debtor for item in world.items[::2]},
        names={folded(f"{item.debtor} GmbH"): item.debtor for item in world.items},
    )
    world.chance.shuffle(world.items)
    return Planted(lines, world.items, known, [world.lines[at][1:] for at in order])


def exact(world: _World) -> None:
    item = world.item()
    world.line(item, ("certain", "exact"), ((item.name, item.open_minor),))


def part_then_rest(world: _World) -> None:
    item = world.item()
    half = item.open_minor // 2
    world.line(item, ("certain", "part"), ((item.name, half),), amount_minor=half)
    rest = item.open_minor - half
    world.line(item, ("certain", "exact"), ((item.name, rest),), amount_minor=rest, later=5)


def over(world: _World) -> None:
    item = world.item()
    more = item.open_minor + world.chance.randrange(1_000, 50_000)
    world.line(item, ("certain", "over"), ((item.name, item.open_minor),), amount_minor=more)


def several(world: _World) -> None:
    first = world.item()
    others = [
        world.item(debtor=first.debtor, day=first.due_ms // DAY_MS)
        for _ in range(world.chance.randrange(1, 5))
    ]
    items = sorted([first, *others], key=lambda item: (item.due_ms, item.name))
    world.line(
        first,
        ("certain", "several"),
        tuple((item.name, item.open_minor) for item in items),
        amount_minor=sum(item.open_minor for item in items),
        text=" + ".join(world.written(item.reference) for item in items),
    )


def off_by_a_cent(world: _World) -> None:
    item = world.item()
    amount = item.open_minor + world.chance.choice([-1, 1, 7, -50])
    paid = ((item.name, min(amount, item.open_minor)),)
    world.line(item, ("proposal", "near_amount"), paid, amount_minor=amount)


def slip(world: _World) -> None:
    item = world.item()
    world.line(
        item, ("proposal", "slip"), ((item.name, item.open_minor),), text=world.slipped(item.reference)
    )


def other_payer(world: _World) -> None:
    item, stranger = world.item(), world.item()
    line = world.line(item, ("proposal", "other_payer"), ((item.name, item.open_minor),))
    world.lines[-1] = (replace(line, payer=f"{stranger.debtor} GmbH", payer_account=""), *world.lines[-1][1:])


def wrong_currency(world: _World) -> None:
    item = world.item()
    line = world.line(item, ("unmatched", "wrong_currency"))
    world.lines[-1] = (replace(line, currency="EUR"), *world.lines[-1][1:])


def twice(world: _World) -> None:
    item = world.item()
    world.line(item, ("certain", "exact"), ((item.name, item.open_minor),))
    world.line(item, ("unmatched", "paid_twice"), later=2)


def sum_off(world: _World) -> None:
    first = world.item()
    second = world.item(debtor=first.debtor, day=first.due_ms // DAY_MS + 1)
    amount = first.open_minor + second.open_minor - 1_000
    text = f"{first.reference} {second.reference}"
    paid = ((first.name, first.open_minor), (second.name, second.open_minor - 1_000))
    world.line(first, ("proposal", "sum_differs"), paid, amount_minor=amount, text=text)


def without_reference(world: _World) -> None:
    item = world.item()
    world.line(item, ("proposal", "payer_and_amount"), ((item.name, item.open_minor),), text="货款")


def amount_alone(world: _World) -> None:
    """The right amount, no reference, a payer that nobody knows: never even a proposal."""
    item = world.item()
    line = world.line(item, ("unmatched", "payer_unknown"), text="transfer")
    world.lines[-1] = (replace(line, payer="Somebody else", payer_account=""), *world.lines[-1][1:])


def other_reference(world: _World) -> None:
    """A creditor reference that is right in itself, of nobody here."""
    item = world.item()
    foreign = reference_of(f"foreign-{world.number}")
    world.line(item, ("unmatched", "reference_unknown"), text=foreign)


def taken_back(world: _World) -> None:
    item = world.item()
    line = world.line(item, ("unmatched", "taken_back"))
    back = replace(line, direction="out", reversal=True, value_day=line.value_day + 2, bank_reference="")
    world.lines.append((back, "unmatched", "takes_back", ()))


def too_early(world: _World) -> None:
    """Same payer and amount, half a year away from the due date."""
    item = world.item()
    world.line(item, ("unmatched", "payer_owes_nothing"), text="", later=-180)


CASES = [
    exact, part_then_rest, over, several, off_by_a_cent, slip, other_payer, wrong_currency, twice, sum_off,
    without_reference, amount_alone, other_reference, taken_back, too_early,
]  # fmt: skip
WEIGHTS = [60, 5, 3, 8, 4, 4, 2, 2, 2, 2, 6, 3, 2, 2, 2]
