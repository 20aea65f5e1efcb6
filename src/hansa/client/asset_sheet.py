"""Machines and the calendars of their idle time, from a workbook that people fill in.

Three sheets, or CSV files of the same names: `machines`, `capabilities` (one row each), `windows`, the idle
times to offer. `read_sheet` takes all of it and reports row by row what is wrong; nothing is ever half taken.
Reserve prices are read apart: they are no part of what is sent.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from hansa.apps.billing.tariff import minor_digits
from hansa.apps.leasing.capability import check_description
from hansa.apps.leasing.messages_market import Capability, Description, Place, PublishOffer, Size
from hansa.client import sheet_errors as errors
from hansa.client.reserve import Reserve
from hansa.client.sheet_columns import COLUMNS, EXAMPLES, NOTES, Head, head_of
from hansa.client.sheet_rows import Cell, Formula, Grid, read_grids
from hansa.client.sheet_values import Unfit, instant_ms, value_of
from hansa.client.texts import Language, Text
from hansa.kernel.refusal import Refusal

NEEDED = ("machines", "capabilities")


@dataclass(frozen=True)
class Problem:
    """What is wrong with a row; row 0: with the sheet as a whole."""

    sheet: str
    row: int
    refusal: Refusal


@dataclass(frozen=True)
class Machine:
    row: int
    asset: str
    description: Description


@dataclass(frozen=True)
class Window:
    row: int
    action: PublishOffer
    reserve: Reserve | None
    """Stays with the offerer."""


@dataclass(frozen=True)
class Sheet:
    """What a file says. With problems it is not to be used, and then holds what could be read."""

    machines: tuple[Machine, ...]
    windows: tuple[Window, ...]
    problems: tuple[Problem, ...]


Values = dict[str, Any]
"""A row's cells by column; what is empty is not there."""


def template(lang: Language) -> bytes:
    """A workbook with the heads, an example row each, and a page that says what goes where."""
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    page = book.active
    page.title = "说明" if lang == "zh" else "notes"
    for at, note in enumerate(NOTES, 1):
        page.cell(at, 1, note.of(lang))
    page.column_dimensions["A"].width = 100
    for name, heads in COLUMNS.items():
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "A2"
        for at, head in enumerate(heads, 1):
            cell = sheet.cell(1, at, head.title(lang))
            cell.font = Font(bold=head.required)
            sheet.column_dimensions[get_column_letter(at)].width = 18
            sheet.cell(2, at, EXAMPLES[name].get(head.name))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read_sheet(paths: Sequence[Path], member: str, zone: str) -> Sheet:
    """Everything that the files say, for a member as owner; local times are of `zone`, or the row's own.

    Raises what `read_grids` refuses, SheetMissing and NothingInSheet; all else is reported row by row.
    """
    grids = _known(read_grids(paths))
    problems: list[Problem] = []
    rows = {name: list(_rows(grid, problems)) for name, grid in grids.items()}
    if not any(rows.values()) and not problems:
        raise errors.NothingInSheet()
    machines = _machines(rows.get("machines", []), rows.get("capabilities", []), problems)
    windows = _windows(rows.get("windows", []), member, zone, problems)
    order = list(COLUMNS)
    problems.sort(key=lambda each: (order.index(each.sheet), each.row))
    return Sheet(tuple(machines), tuple(windows), tuple(problems))


def _known(grids: Sequence[Grid]) -> dict[str, Grid]:
    """The sheets by name; others (notes) are let be. Machines need capabilities and the other way round."""
    found = {grid.name.lower(): grid for grid in grids if grid.name.lower() in COLUMNS}
    missing = [name for name in NEEDED if name not in found]
    if len(missing) == len(NEEDED) and "windows" in found:
        return found
    if missing:
        raise errors.SheetMissing(sheets=", ".join(missing))
    return found


def _rows(grid: Grid, problems: list[Problem]) -> Iterator[tuple[int, Values]]:
    """Rows whose cells were read, each with its number; the others are reported. An example left as it is is
    no row.
    """
    sheet = grid.name.lower()
    heads = _heads(sheet, grid, problems)
    if heads is None:
        return
    example = {head.name: _value(head, EXAMPLES[sheet].get(head.name)) for head in COLUMNS[sheet]}
    example = {name: value for name, value in example.items() if value is not None}
    for number, cells in grid.rows[1:]:
        values: Values = {}
        bad = False
        for at, head in heads.items():
            cell = cells[at] if at < len(cells) else None
            try:
                if (value := _value(head, cell)) is not None:
                    values[head.name] = value
            except Refusal as refusal:
                problems.append(Problem(sheet, number, refusal))
                bad = True
        if not bad and values != example:
            yield number, values


def _heads(sheet: str, grid: Grid, problems: list[Problem]) -> dict[int, Head] | None:
    """Columns by position, from the first row that holds anything; None where they do not do."""
    first = grid.rows[0][1] if grid.rows else ()
    known = {text: head for head in COLUMNS[sheet] for text in head.names()}
    found: dict[int, Head] = {}
    before = len(problems)
    for at, cell in enumerate(first):
        if cell is None:
            continue
        head = known.get(str(cell).strip().lower())
        if head is None or head in found.values():
            problems.append(Problem(sheet, 0, errors.ColumnUnknown(sheet=sheet, column=str(cell))))
        else:
            found[at] = head
    for head in COLUMNS[sheet]:
        if head.required and head not in found.values():
            problems.append(Problem(sheet, 0, errors.ColumnMissing(sheet=sheet, column=head.name)))
    return None if len(problems) > before else found


def _value(head: Head, cell: Cell) -> Any:
    if isinstance(cell, Formula):
        raise errors.CellFormula(**_named(head.text))
    if cell is None:
        if head.required:
            raise errors.CellMissing(**_named(head.text))
        return None
    return value_of(head.kind, head.text, cell)


def _named(column: Text) -> dict[str, str]:
    """A column as the texts of a refusal take it."""
    return {"column_zh": column.zh, "column_en": column.en}


def _in_windows(column: str) -> dict[str, str]:
    return _named(head_of("windows", column))


def _machines(
    rows: Sequence[tuple[int, Values]], abilities: Sequence[tuple[int, Values]], problems: list[Problem]
) -> Iterator[Machine]:
    known = {str(values["asset"]): number for number, values in reversed(rows)}
    # A row that could not be read was reported; what hangs on it is not reported once more.
    whole = [not any(each.sheet == name for each in problems) for name in NEEDED]
    by_asset: dict[str, list[Capability]] = {}
    for number, values in abilities:
        asset = values["asset"]
        if asset not in known and whole[0]:
            problems.append(Problem("capabilities", number, errors.MachineUnknown(asset=asset)))
        by_asset.setdefault(asset, []).append(_capability(values))
    found = []
    for number, values in rows:
        asset = values["asset"]
        if known[asset] != number:
            twice = errors.RowTwice(**_named(head_of("machines", "asset")), value=asset, row=known[asset])
            problems.append(Problem("machines", number, twice))
        elif asset not in by_asset:
            if whole[1]:
                problems.append(Problem("machines", number, errors.CapabilityNone(asset=asset)))
        else:
            try:
                description = _description(values, tuple(by_asset[asset]))
                check_description(description)
                found.append(Machine(number, asset, description))
            except Refusal as refusal:
                problems.append(Problem("machines", number, refusal))
    return iter(found)


def _description(values: Values, capabilities: tuple[Capability, ...]) -> Description:
    place = Place(
        name_zh=values["place_zh"],
        name_en=values.get("place_en") or values["place_zh"],
        latitude_e6=values["latitude"],
        longitude_e6=values["longitude"],
        region=values["region"],
    )
    return Description(
        name_zh=values["name_zh"],
        name_en=values.get("name_en") or values["name_zh"],
        place=place,
        capabilities=capabilities,
        feeds=values.get("feeds", ()),
        checklist=values.get("checklist", ()),
    )


def _capability(values: Values) -> Capability:
    return Capability(
        process=values["process"],
        materials=values["materials"],
        smallest=Size(values.get("min_x", 0), values.get("min_y", 0), values.get("min_z", 0)),
        largest=Size(values["max_x"], values["max_y"], values["max_z"]),
        tolerance_um=values["tolerance"],
        rate_per_hour=values["rate_per_hour"],
        unit=values.get("unit", "piece"),
        crew=values.get("crew", "without"),
        changeover_ms=values.get("changeover", 0),
    )


def _windows(
    rows: Sequence[tuple[int, Values]], member: str, zone: str, problems: list[Problem]
) -> Iterator[Window]:
    seen: dict[str, int] = {}
    found = []
    for number, values in rows:
        name = values["offer"]
        try:
            if name in seen:
                raise errors.RowTwice(**_in_windows("offer"), value=name, row=seen[name])
            found.append(Window(number, _offer(values, member, zone), _reserve(values)))
        except Refusal as refusal:
            problems.append(Problem("windows", number, refusal))
        seen.setdefault(name, number)
    return iter(found)


def _offer(values: Values, member: str, zone: str) -> PublishOffer:
    from_ms = _instant(values, "from", values.get("zone", zone))
    to_ms = _instant(values, "to", values.get("zone", zone))
    length_ms = max(to_ms - from_ms, 0)
    return PublishOffer(
        offer=values["offer"],
        asset_owner=member,
        asset=values["asset"],
        from_ms=from_ms,
        to_ms=to_ms,
        notice_ms=values["notice"],
        smallest_ms=values.get("smallest", length_ms),
        largest_ms=values.get("largest", length_ms),
        tariff_owner=values.get("tariff_owner", member),
        tariff=values["tariff"],
        tariff_version=values["tariff_version"],
        nature=values.get("nature", "operating"),
        crew=values.get("crew", "without"),
        security_deposit_minor=_minor(values, "deposit"),
        prepayment_minor=_minor(values, "prepayment"),
        earnest_minor=_minor(values, "earnest"),
    )


def _instant(values: Values, column: str, zone: str) -> int:
    try:
        return instant_ms(values[column], zone)
    except Unfit:
        raise errors.CellWrong(
            **_in_windows(column),
            value=values[column].isoformat(),
            wanted_zh=f"{zone} 存在的时刻（当天拨快了时钟）",
            wanted_en=f"a time that there is in {zone}, where clocks went forward",
        ) from None


def _minor(values: Values, column: str) -> int:
    """An amount in minor units; needs the currency where there is one. Raises CellMissing, CellWrong."""
    if not values.get(column):
        return 0
    if "currency" not in values:
        raise errors.CellMissing(**_in_windows("currency"))
    amount: Decimal = values[column]
    scaled = amount.scaleb(minor_digits(values["currency"]))
    if scaled != scaled.to_integral_value():
        raise errors.CellWrong(
            **_in_windows(column),
            value=str(amount),
            wanted_zh=f"{values['currency']} 能支付的金额",
            wanted_en=f"an amount that can be paid in {values['currency']}",
        )
    return int(scaled)


def _reserve(values: Values) -> Reserve | None:
    if "reserve" not in values:
        return None
    for column in ("reserve_per", "currency"):
        if column not in values:
            raise errors.CellMissing(**_in_windows(column))
    return Reserve(values["reserve"], values["reserve_per"], values["currency"])


def reserves_of(sheet: Sheet) -> Mapping[str, Reserve]:
    """Reserve prices by offer, to be kept in the profile."""
    return {window.action.offer: window.reserve for window in sheet.windows if window.reserve is not None}
