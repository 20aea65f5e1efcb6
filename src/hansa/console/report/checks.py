"""Whether report data are fit to be shown; constructors check nothing, so this does."""

import math
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from hansa.console.report import limits
from hansa.console.report.checks_business import check_business
from hansa.console.report.data import Feed, Node, Oee, ReportData, Zone
from hansa.console.report.errors import ReportDataUnfit, ReportTooLarge


def check(data: ReportData) -> ReportData:
    """The same data, with every type as declared. Raises ReportDataUnfit and ReportTooLarge."""
    try:
        plain = msgspec.to_builtins(data)
        checked = msgspec.convert(plain, ReportData)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at ")
        raise ReportDataUnfit(reason=reason, place=place.strip("`") or "$") from error
    except RecursionError as error:
        raise ReportTooLarge(place="explanation", count="…", limit=limits.TREE_DEPTH_MAX) from error
    _check_sizes(checked)
    _check_zone(checked.zone)
    _check_oee(checked.oee)
    for feed in checked.feeds:
        _check_feed(feed)
    check_business(checked.business)
    _check_trees(checked)
    _check_integers(plain, "$")
    return checked


def _check_sizes(data: ReportData) -> None:
    sizes: dict[str, tuple[int, int]] = {"statements": (len(data.statements), limits.ROWS_MAX)}
    for feed in data.feeds:
        sizes[f"{feed.name}.series"] = (len(feed.series), limits.SERIES_MAX)
        sizes[f"{feed.name}.false_readings"] = (len(feed.false_readings), limits.SERIES_MAX)
        sizes[f"{feed.name}.bands"] = (len(feed.bands), limits.BANDS_MAX)
        sizes[f"{feed.name}.gaps"] = (len(feed.gaps), limits.ROWS_MAX)
        sizes[f"{feed.name}.falls"] = (len(feed.falls), limits.ROWS_MAX)
    for statement in data.statements:
        sizes[f"{statement.id}.lines"] = (len(statement.lines), limits.ROWS_MAX)
    for place, (count, limit) in sizes.items():
        if count > limit:
            raise ReportTooLarge(place=place, count=count, limit=limit)


def _check_zone(zone: Zone) -> None:
    if not zone.transition_ms or len(zone.transition_ms) != len(zone.offset_minutes):
        raise ReportDataUnfit(reason="transitions and offsets differ in number, or are none", place="zone")
    if list(zone.transition_ms) != sorted(set(zone.transition_ms)):
        raise ReportDataUnfit(reason="transitions do not ascend", place="zone.transition_ms")


def _check_oee(oee: Oee) -> None:
    """A factor has a value exactly when it is given, and OEE only when its three factors are."""
    factors = {name: getattr(oee, name) for name in ("availability", "performance", "quality", "oee")}
    for name, factor in factors.items():
        if factor.given != (factor.value is not None):
            raise ReportDataUnfit(reason="given and value disagree", place=f"oee.{name}")
    if oee.oee.given and not all(factor.given for factor in factors.values()):
        raise ReportDataUnfit(reason="OEE is given, but not each of its factors", place="oee.oee")


def _check_feed(feed: Feed) -> None:
    if len(feed.state_ms) != len(feed.states):
        raise ReportDataUnfit(reason="one time per state is needed", place=f"{feed.name}.state_ms")
    if any(not 0 <= state < len(feed.states) or to < since for since, to, state in feed.bands):
        raise ReportDataUnfit(
            reason="a band ends before it begins, or names no state", place=f"{feed.name}.bands"
        )
    for name, points in (("series", feed.series), ("false_readings", feed.false_readings)):
        if any(value is not None and not math.isfinite(value) for _, value in points):
            raise ReportDataUnfit(reason="a value is no finite number", place=f"{feed.name}.{name}")
        if any(later[0] < earlier[0] for earlier, later in pairwise(points)):
            raise ReportDataUnfit(reason="points are not in time order", place=f"{feed.name}.{name}")


def _check_trees(data: ReportData) -> None:
    seen = 0
    for statement in data.statements:
        for line in statement.lines:
            for depth in _depths(line.explanation):
                seen += 1
                if depth > limits.TREE_DEPTH_MAX:
                    place = f"{statement.id}.lines[{line.number}].explanation"
                    raise ReportTooLarge(place=place, count=depth, limit=limits.TREE_DEPTH_MAX)
    if seen > limits.TREE_NODES_MAX:
        raise ReportTooLarge(place="explanation", count=seen, limit=limits.TREE_NODES_MAX)


def _depths(root: Node) -> Iterator[int]:
    open_nodes = [(root, 1)]
    while open_nodes:
        node, depth = open_nodes.pop()
        yield depth
        open_nodes.extend((child, depth + 1) for child in node.children)


def _check_integers(root: object, place: str) -> None:
    """No integer that a browser would round: money must show to the minor unit."""
    open_values = [(root, place)]
    while open_values:
        value, at = open_values.pop()
        if isinstance(value, dict):
            open_values.extend((part, f"{at}.{name}") for name, part in value.items())
        elif isinstance(value, list | tuple):
            open_values.extend((part, at) for part in value)
        elif isinstance(value, int) and abs(value) > limits.EXACT_INTEGER_MAX:
            raise ReportDataUnfit(reason="an integer is too large to be shown exactly", place=at)
