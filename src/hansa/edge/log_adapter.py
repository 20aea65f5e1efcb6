"""MTConnect adapter lines (SHDR): a time, then items and values in pairs; conditions, messages, assets,
commands.

Conditions, messages, assets (with bodies of many lines) and `* ` commands hold no readings: they are counted.
A condition item may be mapped as a state: its value is the level.
"""

from bisect import bisect_left
from collections.abc import Iterator

from hansa.edge.log_errors import BadCell, shown
from hansa.edge.log_files import Row
from hansa.edge.log_intake import Intake, Ticker, Track

_CONDITION_LEVELS = {"NORMAL", "WARNING", "FAULT"}


def adapter_lines(intake: Intake, lines: list[str], first: int) -> list[str]:
    """The lines with commands (`* …`) and assets, bodies included, made blank and counted."""
    if not any(line.startswith("*") or "|@" in line for line in lines):
        return lines
    kept = list(lines)
    marks: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        if line.startswith("--multiline--"):
            marks.setdefault(line.strip(), []).append(index)
    index = first - 1
    while index < len(lines):
        line = lines[index]
        end = index
        if line.startswith("*"):
            intake.skipped["command"] += 1
        elif (fields := line.split("|", 2))[1:] and fields[1].startswith("@"):
            mark = line[line.rfind("--multiline--") :].strip() if "--multiline--" in line else ""
            closing = marks.get(mark, [])
            place = bisect_left(closing, index + 1)
            if mark and place == len(closing):
                intake.refuse(index + 1, 0, "edge.asset_unclosed", value=shown(mark))
            else:
                end = closing[place] if mark else index
                body = sum(1 for one in lines[index : end + 1] if one.strip())
                intake.skipped["asset"] += body
        else:
            index += 1
            continue
        kept[index : end + 1] = [""] * (end + 1 - index)
        index = end + 1
    return kept


def take_adapter(intake: Intake, rows: Iterator[Row], ticker: Ticker) -> None:
    """Takes adapter lines. A line is one row, however many pairs it has."""
    wanted = intake.tracks_by_item()
    for number, cells in rows:
        column = 0
        found: list[tuple[Track, int]] = []
        try:
            # The protocol allows a duration after the time: 2024-03-01T08:00:00Z@100.5
            at_ns = intake.time.read(cells[0].partition("@")[0])
            for column in (2,) if len(cells) == 3 else _value_columns(cells, wanted):
                for track in wanted.get(cells[column - 1], ()):
                    found.append((track, track.values[cells[column]]))
        except BadCell as bad:
            intake.refuse_cell(number, column + 1, bad)
            continue
        if not found:
            intake.skipped["other"] += 1
        intake.add(at_ns, number, found)
        if number >= ticker.due:
            ticker.at(number)


def _value_columns(cells: list[str], wanted: dict[str, list[Track]]) -> range:
    """Where the values stand in an adapter line. Raises BadCell when items and values do not pair up."""
    size = len(cells)
    if size % 2 == 0 and size > 2 and not cells[-1]:
        size -= 1
    if size > 2 and size % 2:
        # Pairs; or a condition, whose item and level come first and whose other fields name no item.
        return range(2, size, 2)
    if size > 2 and (cells[2].upper() in _CONDITION_LEVELS or (size == 4 and cells[1] not in wanted)):
        return range(2, 3)  # a condition that lacks a field, or a message: item, native code, text
    raise BadCell("edge.row_pairs")
