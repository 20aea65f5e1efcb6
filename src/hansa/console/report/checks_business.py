"""Whether sections of business are fit to be shown: every cell as its column says, every bar within time."""

from collections.abc import Iterator

from hansa.console.report import limits
from hansa.console.report.business import Business, Cell, Grid, Kind, Label, Section, Timetable
from hansa.console.report.errors import ReportDataUnfit, ReportTooLarge

KINDS: dict[Kind, type] = {
    "text": Label,
    "badge": Label,
    "quantity": Label,
    "period": str,
    "proper": str,
    "member": str,
    "hash": str,
    "file": str,
    "money": int,
    "number": int,
    "time": int,
    "date": int,
}


def check_business(business: Business | None) -> None:
    """Raises ReportDataUnfit and ReportTooLarge, naming the section."""
    if business is None:
        return
    for place, section in _sections(business):
        if section.timetable is not None:
            _check_timetable(place, section.timetable)
        for number, grid in enumerate(section.grids):
            _check_grid(f"{place}.grids[{number}]", grid)


def _sections(business: Business) -> Iterator[tuple[str, Section]]:
    for tab in ("sales", "bank", "books"):
        for number, section in enumerate(getattr(business, tab)):
            yield f"business.{tab}[{number}]", section


def _check_grid(place: str, grid: Grid) -> None:
    if len(grid.rows) > limits.ROWS_MAX:
        raise ReportTooLarge(place=place, count=len(grid.rows), limit=limits.ROWS_MAX)
    for number, row in enumerate((*grid.rows, *grid.foot)):
        if len(row) != len(grid.columns):
            raise ReportDataUnfit(reason="a row has not a cell for each column", place=f"{place}[{number}]")
        for column, cell in zip(grid.columns, row, strict=True):
            if not _fits(column.kind, cell):
                raise ReportDataUnfit(
                    reason="a cell is not of its column's kind", place=f"{place}[{number}].{column.name.en}"
                )


def _fits(kind: Kind, cell: Cell) -> bool:
    if kind == "file" and isinstance(cell, str):
        return all(part not in ("", ".", "..") for part in cell.split("/"))
    return cell is None or isinstance(cell, KINDS[kind])


def _check_timetable(place: str, timetable: Timetable) -> None:
    ordered = all(bar.from_ms < bar.to_ms for lane in timetable.lanes for bar in lane.bars)
    if timetable.from_ms >= timetable.to_ms or not ordered:
        raise ReportDataUnfit(reason="a time ends before it begins", place=f"{place}.timetable")
