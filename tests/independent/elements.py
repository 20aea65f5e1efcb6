"""The elements of a tariff by the published rules alone (docs/tariff-rules.md, E1–E25), with nothing of Hansa
in it. Exact fractions; money in minor units. Elements that are not here end in a KeyError.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import floor, isqrt
from typing import Any, NamedTuple

Usage = Mapping[tuple[str, str, str], int]
"""(meter, part, window) -> base units. Part is the state of a state meter, else empty."""
Period = tuple[int, int, int, int]
"""from_ms, to_ms (clipped to the agreement), full_from_ms, full_to_ms."""
Line = dict[str, Any]
Element = Mapping[str, Any]


class Slots(NamedTuple):
    """A meter's usage of a period by slot (M18–M20)."""

    by_slot: Mapping[int, tuple[int, str, int]] = {}
    """First instant of a slot, in order -> base units in it, window of that instant, what is estimated."""
    loose: int = 0
    """What has no slot."""


UNIT_SIZES = {
    "piece": 1, "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "Wh": 1, "kWh": 1_000, "MWh": 1_000_000,
    "g": 1, "kg": 1_000, "t": 1_000_000, "ml": 1, "l": 1_000, "m3": 1_000_000,
    "varh": 1, "kvarh": 1_000, "Mvarh": 1_000_000,
}  # fmt: skip
MINOR_PER_MAIN = {  # 100 for all others
    **dict.fromkeys(["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"], 1),
    **dict.fromkeys(["UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"], 1),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 1_000),
    **dict.fromkeys(["CLF", "UYW"], 10_000),
}
SLOT_MINUTES = {"15min": 15, "30min": 30, "1h": 60, "60min": 60}
FINEST_PRICE = 10**8


class Left(NamedTuple):
    """What the periods before one leave to it (E20, E24, C3)."""

    number: int = 0
    """How many there were."""
    lots: Mapping[str, Sequence[tuple[int, Fraction]]] = {}
    """Shortfalls that may be taken up: (number of the period, priced units), the oldest first."""
    credited: Mapping[str, int] = {}
    """Of each down payment, minor units."""


class Facts(NamedTuple):
    """What some elements need beside usage."""

    slots: Mapping[tuple[str, int], Slots] = {}
    """Of a meter, by the length of its slots in minutes."""
    index: Callable[[str, str], Fraction] | None = None
    """Value of a published index that holds for the period (E11), by owner and id."""
    left: Left = Left()


class Work(NamedTuple):
    """What an element's lines may rest on; `lines`: those of the elements before it."""

    tariff: Mapping[str, Any]
    usage: Usage
    period: Period
    facts: Facts
    lines: Sequence[Line]

    @property
    def covered(self) -> Fraction:
        """How much of the whole period the clipped one is."""
        from_ms, to_ms, full_from_ms, full_to_ms = self.period
        return Fraction(to_ms - from_ms, full_to_ms - full_from_ms)

    def rounded(self, minor: Fraction) -> int:
        return ROUNDINGS[self.tariff["rounding"]](minor)

    def minor(self, money: Fraction) -> Fraction:
        return minor_units(self.tariff, money)

    def amount(self, of: Sequence[str]) -> int:
        """Sum of the line amounts of earlier clauses."""
        return sum(line["amount"] for line in self.lines if line["clause"] in of)

    def bears(self, of: Sequence[str]) -> int:
        return max(self.amount(of), 0)

    def element(self, clause: str) -> Element:
        return next(each for each in self.tariff["elements"] if each["clause"] == clause)


def half_up(x: Fraction) -> int:
    """To the nearest integer, ties away from zero."""
    size = floor(abs(x) + Fraction(1, 2))
    return size if x >= 0 else -size


def half_even(x: Fraction) -> int:
    return round(x)  # a Fraction rounds ties to even


ROUNDINGS = {"half_up": half_up, "half_even": half_even}


def minor_units(tariff: Mapping[str, Any], money: Fraction) -> Fraction:
    return money * MINOR_PER_MAIN.get(tariff["currency"], 100)


def percent(text: str) -> Fraction:
    """ "12.5%" as a part of one."""
    return Fraction(text.removesuffix("%")) / 100


def flat(kind: str, amount: int) -> Line:
    return {"kind": kind, "quantity": Fraction(1), "amount": amount}


# ---- usage, fixed, minimum, cap (E1–E7, E11) ---------------------------------------------------------------


def unit_size(element: Element) -> int:
    return element.get("unit_size") or UNIT_SIZES.get(element["unit"], 1)


def quantity(work: Work, element: Element) -> Fraction:
    """E1, in priced units, as are quota and bounds on the sheet."""
    q = Fraction(0)
    for (meter, part, window), base in work.usage.items():
        counts = meter == element["meter"] and part in element.get("states", [part])
        if counts and window in element.get("windows", [window]):
            q += Fraction(base, unit_size(element))
    return q


def price_of(work: Work, element: Element, written: str) -> Fraction:
    """E11."""
    price, index = Fraction(written), element.get("index")
    if index is None:
        return price
    assert work.facts.index is not None
    moved = price * work.facts.index(index["owner"], index["id"]) / Fraction(index["base"])
    return Fraction(half_up(moved * FINEST_PRICE), FINEST_PRICE)


def usage_at(work: Work, element: Element, q: Fraction) -> list[Line]:
    """E1–E4 for a quantity."""
    tiers = element.get("tiers") or [{"price": element["price"]}]
    included = min(q, Fraction(element.get("included", 0)))
    rest = q - included
    shares: list[tuple[str, Fraction, Fraction]] = []
    if included > 0:
        shares.append(("included", included, Fraction(0)))
    if element.get("tiering") == "volume":
        reached = next(tier for tier in tiers if "up_to" not in tier or rest <= Fraction(tier["up_to"]))
        shares.append(("usage", rest, price_of(work, element, reached["price"])))
    else:
        below = Fraction(0)
        for tier in tiers:
            above = min(rest, Fraction(tier["up_to"])) if "up_to" in tier else rest
            shares.append(("usage", above - below, price_of(work, element, tier["price"])))
            below = above
    shares = [share for share in shares if share[1] > 0] or [
        ("usage", Fraction(0), price_of(work, element, tiers[0]["price"]))
    ]
    return [
        {"kind": kind, "quantity": amount, "amount": work.rounded(work.minor(amount * price))}
        for kind, amount, price in shares
    ]


def usage(work: Work, element: Element) -> list[Line]:
    return usage_at(work, element, quantity(work, element))


def fixed(work: Work, element: Element) -> list[Line]:
    return [flat("fixed", work.rounded(work.minor(Fraction(element["amount"])) * work.covered))]


def missing(work: Work, element: Element) -> int:
    return int(work.minor(Fraction(element["amount"]))) - work.amount(element["of"])


def minimum(work: Work, element: Element) -> list[Line]:
    return [flat("minimum", max(missing(work, element), 0))]


def cap(work: Work, element: Element) -> list[Line]:
    return [flat("cap", min(missing(work, element), 0))]


# ---- demand, power factor (E8, E9) -------------------------------------------------------------------------


def demand(work: Work, element: Element) -> list[Line]:
    price = Fraction(element["price"])
    agreed = floor(Fraction(element.get("agreed", 0)) * 1_000)

    def line(watts: int, at: Fraction, **seen: int) -> Line:
        units = Fraction(watts, 1_000)
        amount = work.rounded(work.minor(units * at * work.covered))
        return {"kind": "demand", "quantity": units, "amount": amount, **seen}

    if element["basis"] == "capacity":
        return [line(agreed, price)]
    minutes = SLOT_MINUTES[element["slot"]]
    windows = element.get("windows")
    slots = work.facts.slots[element["meter"], minutes]
    highest = slot_ms = estimated = 0
    for at_ms, (wh, window, guessed) in slots.by_slot.items():
        if wh > highest and (not windows or window in windows):
            highest, slot_ms, estimated = wh, at_ms, guessed
    seen = {"slot_ms": slot_ms, "estimated": estimated, "loose": slots.loose}
    power = highest * 60 // minutes
    if element["basis"] == "measured":
        return [line(max(power, floor(Fraction(element.get("least", 0)) * 1_000)), price, **seen)]
    allowed = floor(agreed * percent(element["allowed"]))
    if power <= allowed:
        return [line(agreed, price, **seen)]
    dearer = half_up(price * percent(element["excess"]) * FINEST_PRICE)
    return [line(agreed, price), line(power - allowed, Fraction(dearer, FINEST_PRICE), **seen)]


def power_factor(work: Work, element: Element) -> list[Line]:
    active, reactive = (
        sum(base for (meter, *_), base in work.usage.items() if meter == element[name])
        for name in ("active", "reactive")
    )
    hundredths, add = 0, Fraction(0)
    if active or reactive:
        hundredths = (isqrt(40_000 * active**2 // (active**2 + reactive**2)) + 1) // 2
        reached = [step for step in element["steps"] if Fraction(step["from"]) * 100 <= hundredths]
        add = percent(reached[-1]["add"])
    amount = work.rounded(work.amount(element["of"]) * add)
    return [{"kind": "power_factor", "quantity": Fraction(hundredths, 100), "amount": amount}]


# ---- between trading partners (E20, E21, E24, E25) ---------------------------------------------------------


def take_or_pay(work: Work, element: Element) -> list[Line]:
    first = work.element(element["of"][0])
    size, q, price = unit_size(first), quantity(work, first), Fraction(element["price"])
    committed = Fraction(floor(Fraction(element["committed"]) * size * work.covered), size)
    if q <= committed:
        short = committed - q
        return [{"kind": "take_or_pay", "quantity": short, "amount": work.rounded(work.minor(short * price))}]
    k = min(q - committed, sum((lot for _, lot in open_lots(work.facts.left, element)), Fraction(0)))
    with_all, without = (sum(line["amount"] for line in usage_at(work, first, taken)) for taken in (q, q - k))
    credit = min(work.rounded(work.minor(k * price)), max(with_all - without, 0), work.bears(element["of"]))
    return [{"kind": "take_or_pay", "quantity": -k, "amount": -credit}]


def open_lots(left: Left, element: Element) -> list[tuple[int, Fraction]]:
    """Shortfalls of the last `carry_periods` periods."""
    oldest = left.number + 1 - element.get("carry_periods", 0)
    return [(number, lot) for number, lot in left.lots.get(element["clause"], ()) if number >= oldest]


def discount(work: Work, element: Element) -> list[Line]:
    s = work.bears(element["of"])
    stages = [
        (int(work.minor(Fraction(stage["from"]))), percent(stage["rate"])) for stage in element["stages"]
    ]
    if element["tiering"] == "volume":
        taken = [s * rate for start, rate in stages if start <= s][-1:]
    else:
        bounds = [*stages, (max(s, stages[-1][0]), Fraction(0))]
        taken = [(min(s, end) - min(s, start)) * rate for (start, rate), (end, _) in pairwise(bounds)]
    return [flat("discount", -work.rounded(sum(taken, Fraction(0))))]


def down_payment(work: Work, element: Element) -> list[Line]:
    amount, periods = int(work.minor(Fraction(element["amount"]))), element["periods"]
    number = work.facts.left.number + 1
    due = amount * min(number, periods) // periods
    credit = min(due - work.facts.left.credited.get(element["clause"], 0), work.bears(element["of"]))
    charged = [flat("down_payment", amount)] if element.get("charged") and number == 1 else []
    return [*charged, flat("down_payment", -credit)]


def split(work: Work, element: Element) -> list[Line]:
    """E25: who settles with whom is told of the closed statement, by `shares`."""
    del work, element
    return []


LINES: Mapping[str, Callable[[Work, Element], list[Line]]] = {
    each.__name__: each
    for each in (
        usage, fixed, minimum, cap, demand, power_factor, take_or_pay, discount, down_payment, split
    )
}  # fmt: skip


def left_after(tariff: Mapping[str, Any], left: Left, lines: Sequence[Line]) -> Left:
    """What a period with these lines, and those before it, leave to the next."""
    number = left.number + 1
    lots: dict[str, list[tuple[int, Fraction]]] = {}
    credited = dict(left.credited)
    for element in tariff["elements"]:
        clause = element["clause"]
        own = [line for line in lines if line["clause"] == clause]
        if element["kind"] == "down_payment":
            given = -sum(line["amount"] for line in own if line["amount"] < 0)
            credited[clause] = credited.get(clause, 0) + given
        elif element["kind"] == "take_or_pay":
            (line,) = own
            taken = max(-line["quantity"], Fraction(0))
            lots[clause] = []
            for since, lot in open_lots(left, element):
                used = min(taken, lot)
                taken -= used
                if lot > used:
                    lots[clause].append((since, lot - used))
            if line["quantity"] > 0:
                lots[clause].append((number, line["quantity"]))
    return Left(number, lots, credited)


def shares(
    tariff: Mapping[str, Any], provider: str, user: str, lines: Sequence[Line]
) -> list[tuple[str, str, int, int, int]]:
    """E25, of a closed statement: (debtor, creditor, net, tax, gross), payee by payee; none if nothing is
    split.
    """
    found: list[tuple[str, str, int, int, int]] = []
    named: set[str] = set()
    for element in tariff["elements"]:
        if element["kind"] != "split":
            continue
        named.update(element["of"])
        own = [line for line in lines if line["clause"] in element["of"]]
        nets, taxes = (
            allotted(sum(line[name] for line in own), element["payees"])
            for name in ("net_minor", "tax_minor")
        )
        found += [(user, to, nets[to], taxes[to], nets[to] + taxes[to]) for to in element["payees"]]
    rest = [line for line in lines if line["clause"] not in named]
    if found and rest:
        net, tax = (sum(line[name] for line in rest) for name in ("net_minor", "tax_minor"))
        found.append((user, provider, net, tax, net + tax))
    return found


def allotted(amount: int, payees: Mapping[str, str]) -> dict[str, int]:
    exact = {member: amount * percent(share) for member, share in payees.items()}
    parts = {member: floor(part) for member, part in exact.items()}
    by_remainder = sorted(payees, key=lambda member: (parts[member] - exact[member], member))
    for member in by_remainder[: amount - sum(parts.values())]:
        parts[member] += 1
    return parts
