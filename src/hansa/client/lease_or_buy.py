"""Lease or buy: what a machine costs a month either way, by how much it is used. Integers and decimals only.

Buying costs an annuity of price less residual value, upkeep, crew and energy; leasing what the tariff
charges, as its statements would, and whatever of crew and energy the lease leaves to the user. Recoverable
tax is left out on both sides. It compares costs; it says nothing of liquidity, of risk, or of what a balance
sheet shows.
"""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import msgspec

from hansa.apps.billing.elements import Usage
from hansa.apps.billing.rating import close_statement, rate
from hansa.apps.billing.tariff import Tariff, window_names
from hansa.apps.consortium.calendars import Period
from hansa.apps.money.currencies import minor_digits
from hansa.client.files import read_bounded
from hansa.client.pay.items import minor_of
from hansa.client.tables import Column, Table
from hansa.client.texts import Text
from hansa.kernel.limits import DAY_MS, HOUR_MS
from hansa.kernel.refusal import Refusal, shown

BYTES_MAX = 100_000
SCENARIOS_MAX = 12
LIFE_MONTHS_MAX = 600
HOURS_MAX = 744
"""Of the longest month."""
PIECES_MAX = 10**9
POINTS = 32
"""Into how many parts the range of quantities is cut at first; more where the charge bends."""
POINTS_MAX = 1_500
MONTH_DAYS = 30
DIGITS = 50


class CaseInvalid(Refusal, code="comparison.case_invalid", field="case"):
    zh = "测算文件 {file} 不可用：{detail}。"
    en = "The case {file} cannot be used: {detail}."


class TariffUnfit(Refusal, code="comparison.tariff_unfit", field="tariff"):
    zh = "该资费无法按产量测算：{detail_zh}。请换一份只含用量、固定费、最低收费或封顶的资费。"
    en = (
        "This tariff cannot be reckoned by quantity alone: {detail_en}. Use one of usage, fixed fees, bounds."
    )


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much the machine is used."""

    name: str
    pieces: int
    """A month."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as it is written. Money in the tariff's currency, without tax."""

    price: str
    residual: str
    life_months: int
    interest_bp: int
    """A year; basis points."""
    pieces_per_hour: int
    scenario: tuple[Scenario, ...]
    upkeep_a_month: str = "0"
    """Service, insurance, space: what an owner pays whether the machine runs or not."""
    crew_an_hour: str = "0"
    energy_an_hour: str = "0"
    energy_wh_an_hour: int = 0
    """For tariffs that charge energy."""
    lease_with_crew: bool = False
    lease_with_energy: bool = False


@dataclass(frozen=True)
class Case:
    """What is compared; amounts in minor units of the tariff's currency."""

    tariff: Tariff
    day: int
    """Tax rates and tiers are those of the month that begins on this local date."""
    price_minor: int
    residual_minor: int
    life_months: int
    interest_bp: int
    pieces_per_hour: int
    energy_wh_an_hour: int
    upkeep_minor: int
    crew_minor: int
    energy_minor: int
    lease_with_crew: bool
    lease_with_energy: bool
    scenarios: tuple[Scenario, ...]

    @cached_property
    def capital_minor(self) -> int:
        """Depreciation and interest a month: the annuity of price less what the residual is worth today."""
        with localcontext() as ctx:
            ctx.prec = DIGITS
            price, residual = Decimal(self.price_minor), Decimal(self.residual_minor)
            interest = Decimal(self.interest_bp) / 120_000
            if not interest:
                return _rounded((price - residual) / self.life_months)
            discount = (1 + interest) ** -self.life_months
            return _rounded((price - residual * discount) * interest / (1 - discount))

    @property
    def most_pieces(self) -> int:
        """What the machine makes in a month without a stop."""
        return self.pieces_per_hour * HOURS_MAX

    def running_minor(self, pieces: int, an_hour_minor: int) -> int:
        return _rounded(Decimal(an_hour_minor) * pieces / self.pieces_per_hour)

    def buy_minor(self, pieces: int) -> int:
        """A month as owner."""
        running = self.running_minor(pieces, self.crew_minor) + self.running_minor(pieces, self.energy_minor)
        return self.capital_minor + self.upkeep_minor + running

    def charge_minor(self, pieces: int) -> int:
        """What the tariff charges for a month, without tax. Raises TariffUnfit."""
        return charge_minor(self, pieces)

    def lease_minor(self, pieces: int) -> int:
        """A month as lessee."""
        crew = 0 if self.lease_with_crew else self.running_minor(pieces, self.crew_minor)
        energy = 0 if self.lease_with_energy else self.running_minor(pieces, self.energy_minor)
        return self.charge_minor(pieces) + crew + energy


def _rounded(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_HALF_UP))


def read_case(path: Path, tariff: Tariff, day: int) -> Case:
    """A case from its file. Raises CaseInvalid, AmountInvalid, TariffUnfit."""
    try:
        found = msgspec.convert(tomllib.loads(read_bounded(path, BYTES_MAX).decode("utf-8-sig")), _File)
    except (OSError, ValueError, RecursionError, msgspec.ValidationError) as error:
        raise CaseInvalid(file=path.name, detail=shown(str(error))) from None
    fault = _fault(found)
    if fault:
        raise CaseInvalid(file=path.name, detail=fault)

    def money(name: str) -> int:
        amount = minor_of(getattr(found, name), tariff.currency, name, signed=True)
        if amount < 0:
            raise CaseInvalid(file=path.name, detail=f"{name} < 0")
        return amount

    case = Case(
        tariff=tariff,
        day=day,
        price_minor=money("price"),
        residual_minor=money("residual"),
        life_months=found.life_months,
        interest_bp=found.interest_bp,
        pieces_per_hour=found.pieces_per_hour,
        energy_wh_an_hour=found.energy_wh_an_hour,
        upkeep_minor=money("upkeep_a_month"),
        crew_minor=money("crew_an_hour"),
        energy_minor=money("energy_an_hour"),
        lease_with_crew=found.lease_with_crew,
        lease_with_energy=found.lease_with_energy,
        scenarios=found.scenario,
    )
    if case.residual_minor > case.price_minor:
        raise CaseInvalid(file=path.name, detail="residual > price")
    for scenario in case.scenarios:
        if scenario.pieces > case.most_pieces:
            raise CaseInvalid(
                file=path.name, detail=f"{scenario.name}: {scenario.pieces} > {case.most_pieces}"
            )
    case.charge_minor(0)
    return case


def _fault(found: _File) -> str:
    bounds = {
        "life_months": (found.life_months, 1, LIFE_MONTHS_MAX),
        "interest_bp": (found.interest_bp, 0, 10_000),
        "pieces_per_hour": (found.pieces_per_hour, 1, PIECES_MAX),
        "energy_wh_an_hour": (found.energy_wh_an_hour, 0, PIECES_MAX),
        "scenario": (len(found.scenario), 1, SCENARIOS_MAX),
    }
    for name, (value, least, most) in bounds.items():
        if not least <= value <= most:
            return f"{name} = {value}: {least} … {most}"
    names = [scenario.name for scenario in found.scenario]
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        return "scenario.name"
    return next((f"{one.name}: pieces = {one.pieces}" for one in found.scenario if one.pieces < 0), "")


def charge_minor(case: Case, pieces: int) -> int:
    """The tariff's charge for a month of so many pieces, by the engine that rates statements; without tax."""
    tariff, window = case.tariff, window_names(case.tariff)[0]
    usage: dict[tuple[str, str, str], int] = {}
    for meter in tariff.meters:
        per_hour = {"piece": case.pieces_per_hour, "ms": HOUR_MS, "Wh": case.energy_wh_an_hour}
        if meter.base_unit not in per_hour:
            raise TariffUnfit(detail_zh=f"计量项 {meter.name}", detail_en=f"meter {meter.name}")
        part = _running_state(tariff, meter.name) if meter.kind == "state" else ""
        usage[meter.name, part, window] = pieces * per_hour[meter.base_unit] // case.pieces_per_hour
    start_ms, end_ms = case.day * DAY_MS, (case.day + MONTH_DAYS) * DAY_MS
    period = Period(start_ms, end_ms, start_ms, end_ms, case.day, case.day + MONTH_DAYS - 1)
    try:
        return close_statement(tariff.tax_included, rate(tariff, usage, period)).net_minor
    except Refusal as refused:
        raise TariffUnfit(detail_zh=refused.zh.rstrip("。"), detail_en=refused.en.rstrip(".")) from None


def _running_state(tariff: Tariff, meter: str) -> str:
    """The state of a machine that works: the first that a clause charges."""
    priced = [element for element in tariff.elements if isinstance(element, Usage) and element.meter == meter]
    return next((state for element in priced for state in element.states), "ACTIVE")


@dataclass(frozen=True)
class BreakEven:
    """From so many pieces a month on, this way is the cheaper one."""

    pieces: int
    cheaper: str
    """`lease` or `buy`."""


def break_evens(case: Case) -> list[BreakEven]:
    """Every quantity at which the cheaper way changes, up to what the machine can make; the first is 0."""

    def buys(pieces: int) -> bool:
        return case.buy_minor(pieces) < case.lease_minor(pieces)

    points = grid(case)
    found = [BreakEven(0, "buy" if buys(0) else "lease")]
    for low, high in pairwise(points):
        if buys(low) != buys(high):
            after = buys(high)
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if buys(middle) == after else (middle, high)
            found.append(BreakEven(high, "buy" if after else "lease"))
    return found


def grid(case: Case) -> list[int]:
    """Quantities between which the charge is a straight line, to within a minor unit, POINTS_MAX at most."""
    known: dict[int, int] = {}

    def charge(pieces: int) -> int:
        if pieces not in known:
            known[pieces] = case.charge_minor(pieces)
        return known[pieces]

    most = case.most_pieces
    starts = {
        0,
        most,
        *(most * at // POINTS for at in range(POINTS)),
        *(one.pieces for one in case.scenarios),
    }
    found = sorted(starts)
    work = list(pairwise(found))
    while work and len(starts) < POINTS_MAX:
        low, high = work.pop()
        if high - low > 1 and not _straight(charge, low, high):
            middle = (low + high) // 2
            starts.add(middle)
            work += [(low, middle), (middle, high)]
    return sorted(starts)


def _straight(charge: Callable[[int], int], low: int, high: int) -> bool:
    """Whether the charge is a line here, seen at three points between."""
    width, rise = high - low, charge(high) - charge(low)
    tried = {low + width // 4, low + width // 2, low + 3 * width // 4}
    return all(abs((charge(at) - charge(low)) * width - rise * (at - low)) <= width for at in tried)


WAYS = {"lease": Text("租赁", "lease"), "buy": Text("购买", "buy")}
COLUMNS = (
    Column("scenario", "情景", "scenario"),
    Column("pieces", "月产量（件）", "pieces a month", "count"),
    Column("use_bp", "利用率", "use", "share"),
    Column("currency", "币种", "currency", "currency"),
    Column("charge_minor", "租赁：资费", "lease: tariff", "money"),
    Column("lease_minor", "租赁：每月", "lease: a month", "money"),
    Column("capital_minor", "购买：折旧与利息", "buy: capital", "money"),
    Column("buy_minor", "购买：每月", "buy: a month", "money"),
    Column("lease_piece_e8", "租赁：每件", "lease: a piece", "price"),
    Column("buy_piece_e8", "购买：每件", "buy: a piece", "price"),
    Column("cheaper", "更省", "cheaper", words=WAYS),
)


def table(case: Case) -> Table:
    """The scenarios side by side; in JSON with the break-even quantities."""
    rows = []
    for scenario in case.scenarios:
        lease, buy = case.lease_minor(scenario.pieces), case.buy_minor(scenario.pieces)
        row = (
            scenario.name,
            scenario.pieces,
            scenario.pieces * 10_000 // case.most_pieces,
            case.tariff.currency,
            case.charge_minor(scenario.pieces),
            lease,
            case.capital_minor,
            buy,
            _a_piece_e8(case, lease, scenario.pieces),
            _a_piece_e8(case, buy, scenario.pieces),
            "buy" if buy < lease else "lease",
        )
        rows.append(row)
    names = [column.name for column in COLUMNS]
    whole = {
        "scenarios": [dict(zip(names, row, strict=True)) for row in rows],
        "break_even": [{"from_pieces": one.pieces, "cheaper": one.cheaper} for one in break_evens(case)],
    }
    return Table(Text("租赁与购买比较", "Lease or buy"), COLUMNS, rows, whole)


def _a_piece_e8(case: Case, amount_minor: int, pieces: int) -> int | None:
    if not pieces:
        return None
    return _rounded(Decimal(amount_minor) * 10 ** (8 - minor_digits(case.tariff.currency)) / pieces)


def break_even_texts(found: Sequence[BreakEven]) -> list[Text]:
    """In words, one line each: below, between, from how many pieces a month on."""
    zh, en = {"lease": "租赁", "buy": "购买"}, {"lease": "leasing", "buy": "buying"}
    out = []
    for one, after in zip(found, (*found[1:], None), strict=True):
        cheaper = Text(f"{zh[one.cheaper]}更省", f"{en[one.cheaper]} is cheaper")
        if after is None and not one.pieces:
            out.append(Text(f"无论产量多少，{cheaper.zh}。", f"At any quantity {cheaper.en}."))
        elif after is None:
            out.append(
                Text(
                    f"每月 {one.pieces:,} 件起，{cheaper.zh}。",
                    f"From {one.pieces:,} pieces a month on {cheaper.en}.",
                )
            )
        elif not one.pieces:
            out.append(
                Text(
                    f"每月不到 {after.pieces:,} 件，{cheaper.zh}。",
                    f"Below {after.pieces:,} pieces a month {cheaper.en}.",
                )
            )
        else:
            out.append(
                Text(
                    f"每月 {one.pieces:,} 件起、不到 {after.pieces:,} 件，{cheaper.zh}。",
                    f"From {one.pieces:,} pieces a month on, below {after.pieces:,}, {cheaper.en}.",
                )
            )
    return out
