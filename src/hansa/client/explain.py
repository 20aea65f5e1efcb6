"""A statement line explained: line → clause → buckets → counter records → signature → anchor → reading.

Every step is worked out again from the bundle, with no node, and says whether it came out. What an owner did
not hand out is named as such. Local times are those of the agreement's calendar.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hansa.apps.billing.gaps import Booked, book_gaps
from hansa.apps.billing.lines import UNTAXED
from hansa.apps.billing.messages import Statement
from hansa.apps.billing.rating import Line
from hansa.apps.billing.recompute import Deal, gap_rule, rate_again
from hansa.apps.billing.tariff import ALL, Usage
from hansa.apps.billing.texts import STATES_ZH, WINDOWS_ZH
from hansa.apps.consortium.calendars import Period
from hansa.apps.metering.chain import Point
from hansa.client import explain_line as lines
from hansa.client.explain_record import point_node
from hansa.client.node import Node, check_node, explain_text, holds
from hansa.client.texts import (
    FALLS_EN,
    FALLS_ZH,
    GAP_RULES_EN,
    GAP_RULES_ZH,
    NO_TEXT,
    Text,
    base_text,
    both,
    instant_text,
    period_text,
    stretch_text,
)
from hansa.client.trace import Piece, Trace, trace
from hansa.client.verify import Report
from hansa.kernel import Refusal

FIRST_SHOWN = 12
BIGGEST_SHOWN = 3
"""Of the intervals or gaps of one sum: the first, and the biggest of the rest. The others are added up."""


class LineUnknown(Refusal, code="evidence.line_unknown", field="line"):
    zh = "结算单没有第 {number} 行；共有 {count} 行，从 1 数起。请改用其中之一。"
    en = "The statement has no line {number}; there are {count}, counted from 1. Ask for one of them."


@dataclass
class Scene:
    """What the explanation of any line of a bundle needs. Traces are made when first asked for, and kept."""

    report: Report
    deal: Deal
    statement: Statement
    traces: dict[str, Trace] = field(default_factory=dict)

    def trace(self, meter: str) -> Trace:
        if meter not in self.traces:
            self.traces[meter] = trace(self.deal, meter, self.report.points.get(meter, []))
        return self.traces[meter]


def explain(report: Report, line_number: int) -> Node:
    """The tree of one line of the bundle's statement. `report`: what `check_bundle` returned, good or bad.

    Raises LineUnknown. A bundle that cannot be read far enough gives the failed checks instead.
    """
    return next(iter(_explained(report, [line_number])))


def explain_all(report: Report) -> tuple[Node, ...]:
    """The trees of all lines, in order."""
    count = len(report.statement.lines) if report.statement else 0
    return tuple(_explained(report, range(1, count + 1)))


def _explained(report: Report, numbers: Sequence[int]) -> list[Node]:
    if report.deal is None or report.statement is None or len(report.closed) != len(report.statements):
        return [_not_explained(report) for _ in numbers]
    scene = Scene(report, report.deal, report.statement)
    return [_line(scene, number) for number in numbers]


def _not_explained(report: Report) -> Node:
    failed = tuple(Node(check.text, check.detail, False) for check in report.checks if not check.ok)
    said = Text("证据包不成立，无法解释这一行", "The bundle does not hold, so the line cannot be explained")
    return Node(said, NO_TEXT, False, failed)


def _line(scene: Scene, number: int) -> Node:
    stated = scene.statement.lines
    if not 1 <= number <= len(stated):
        raise LineUnknown(number=number, count=len(stated))
    line = stated[number - 1]
    recomputed = scene.report.closed[-1].totals.lines
    ok = number <= len(recomputed) and recomputed[number - 1] == line
    period = scene.statement.period
    children: list[Node] = []
    if line.kind == "correction":
        position = _corrected(scene, line)
        period = scene.report.statements[position].period
        children += _correction(scene, line, position)
    elif line.kind == "interest":
        children.append(lines.late(scene.deal, line))
    else:
        children.append(lines.clause(scene.deal, scene.statement.lines, line, period))
        if _counts(scene, line):
            children.append(_quantity(scene, line, recomputed, period))
    if line.tax_code != UNTAXED:
        children.append(lines.tax(scene.deal, recomputed, line, period))
    return Node(lines.title(scene.deal, line), lines.amounts(scene.deal, line), ok, tuple(children))


def _counts(scene: Scene, line: Line) -> bool:
    """Whether a line charges what a usage clause counted."""
    return any(isinstance(e, Usage) for e in scene.deal.tariff.elements if e.clause == line.clause)


def _quantity(scene: Scene, line: Line, of_period: Sequence[Line], period: Period) -> Node:
    """What the clause counted in a period, bucket by bucket, and how the lines share it."""
    element = next(e for e in scene.deal.tariff.elements if e.clause == line.clause)
    assert isinstance(element, Usage)
    found = scene.trace(line.meter)
    measure = found.book.measure
    rule = gap_rule(scene.deal, line.meter)
    gaps = book_gaps(measure, rule, found.book, period.from_ms, period.to_ms)
    parts, windows = measure.parts(), measure.scheme.names
    buckets = [
        _bucket(scene, line, gaps, period, (parts.index(part), windows.index(window)))
        for part in element.states or ("",)
        for window in element.windows or windows
    ]
    shown = [node for node in buckets if node.children] or buckets[:1]
    total = sum(node.quantity or 0 for node in buckets)
    shares = [other for other in of_period if other.clause == line.clause and other.kind != "correction"]
    ok = total == sum(share.quantity_base for share in shares) and all(node.ok for node in shown)
    unit = line.base_unit
    text = Text(
        f"{period_text(period)} 计得 {base_text(total, unit).zh}",
        f"Counted {period_text(period)}: {base_text(total, unit).en}",
    )
    return Node(text, lines.shares(line, shares), ok, (*shown, *_falls(scene, line.meter, period)), total)


def _bucket(
    scene: Scene, line: Line, gaps: Sequence[Booked], period: Period, bucket: tuple[int, int]
) -> Node:
    """One part and window: the intervals that make it up, then the gaps."""
    found = scene.trace(line.meter)
    measure = found.book.measure
    part, window = measure.parts()[bucket[0]], measure.scheme.names[bucket[1]]
    pieces = found.pieces.get((period.from_ms, *bucket), [])
    normal = found.book.usage(period).get(bucket, 0)
    shares = [(booked.parts[bucket], booked) for booked in gaps if booked.parts.get(bucket)]
    if part == "":
        # A gap that counts nothing belongs to no window, but a reader looks for it: it stands with the first.
        silent = [booked for booked in gaps if booked.listed and not booked.parts]
        shares += [(0, booked) for booked in silent if bucket[1] == 0]
    total = normal + sum(quantity for quantity, _ in shares)
    intervals = _listed(line, [(p.quantity, _piece_builder(scene, line, p)) for p in pieces], "intervals")
    listed = _listed(line, [(q, _gap_builder(scene, line, q, booked)) for q, booked in shares], "gaps")
    name = _bucket_name(part, window)
    amount = base_text(total, line.base_unit)
    children = (*intervals, *listed)
    ok = check_node(children, total) and normal == sum(piece.quantity for piece in pieces)
    return Node(
        Text(f"{name.zh}：{amount.zh}", f"{name.en}: {amount.en}"),
        Text(
            f"区间 {len(pieces)} 个，缺口 {len(shares)} 处", f"intervals: {len(pieces)}, gaps: {len(shares)}"
        ),
        ok,
        children,
        total,
    )


def _bucket_name(part: str, window: str) -> Text:
    zh, en = [STATES_ZH.get(part, part)] * bool(part), [part] * bool(part)
    if window == ALL:
        return Text("，".join([*zh, "不分时段"]), ", ".join([*en, "at any time"]))
    return Text(
        "，".join([*zh, f"时段 {WINDOWS_ZH.get(window, window)}"]), ", ".join([*en, f"window {window}"])
    )


Builder = Callable[[], Node]

KINDS = {"intervals": "个区间", "gaps": "处缺口", "records": "条记录"}


def _listed(line: Line, items: Sequence[tuple[int, Builder]], kind: str) -> list[Node]:
    """The first, the biggest of the rest, and one node for all others together."""
    telling = [(quantity, build) for quantity, build in items if quantity or kind != "intervals"]
    later = sorted(range(FIRST_SHOWN, len(telling)), key=lambda n: -abs(telling[n][0]))[:BIGGEST_SHOWN]
    chosen = [*range(min(FIRST_SHOWN, len(telling))), *sorted(later)]
    nodes = [telling[n][1]() for n in chosen]
    hidden = len(telling) - len(chosen)
    if hidden:
        rest = sum(quantity for quantity, _ in telling) - sum(telling[n][0] for n in chosen)
        amount = base_text(rest, line.base_unit)
        nodes.append(
            Node(
                Text(
                    f"……另有 {hidden} {KINDS[kind]}，合计 {amount.zh}",
                    f"… and {hidden} more {kind}, together {amount.en}",
                ),
                quantity=rest,
            )
        )
    still = len(items) - len(telling)
    if still:
        nodes.append(
            Node(
                Text(f"{still} {KINDS[kind]}内没有计数", f"{still} {kind} in which nothing was counted"),
                quantity=0,
            )
        )
    return nodes


def _piece_builder(scene: Scene, line: Line, piece: Piece) -> Builder:
    return lambda: _piece(scene, line, piece)


def _gap_builder(scene: Scene, line: Line, quantity: int, booked: Booked) -> Builder:
    return lambda: _gap(scene, line, quantity, booked)


def _piece(scene: Scene, line: Line, piece: Piece) -> Node:
    """An interval between two readings: its arithmetic, and the two readings."""
    interval = piece.interval
    measure = scene.trace(line.meter).book.measure
    amount = base_text(piece.quantity, line.base_unit)
    stretch = stretch_text(scene.deal.calendar, interval.from_ms, interval.to_ms)
    ok, detail = True, NO_TEXT
    if measure.kind == "state":
        ok = 0 <= piece.quantity <= interval.to_ms - interval.from_ms
    elif interval.quantity is not None:
        ok = _difference(piece, measure.modulus) and 0 <= piece.quantity <= interval.quantity
        detail = _arithmetic(piece, interval.quantity)
    points = [point for point in (piece.first, piece.last) if point is not None]
    children = tuple(point_node(scene.report, line.meter, point, measure.states) for point in points)
    return Node(
        Text(f"{stretch}：{amount.zh}", f"{stretch}: {amount.en}"), detail, ok, children, piece.quantity
    )


def _difference(piece: Piece, modulus: int) -> bool:
    """Whether the interval's quantity is the later reading minus the earlier, wraps apart."""
    assert piece.interval.quantity is not None
    if piece.first is None:
        return piece.interval.quantity == piece.last.value
    said = piece.last.value - _begins(piece.first)
    return (said - piece.interval.quantity) % modulus == 0 if modulus else said == piece.interval.quantity


def _begins(point: Point) -> int:
    return point.start_value if point.life else point.value


def _arithmetic(piece: Piece, whole: int) -> Text:
    said = ""
    if piece.first is not None:
        said = f"{piece.last.value} − {_begins(piece.first)} = {whole}"
    if piece.quantity == whole:
        return both(said)
    return Text(
        f"{said}{'；' * bool(said)}按时间分到本时段 {piece.quantity} / {whole}",
        f"{said}{'; ' * bool(said)}this window's share by time: {piece.quantity} of {whole}",
    )


def _gap(scene: Scene, line: Line, quantity: int, booked: Booked) -> Node:
    """A gap: its rule, what it counted here, and the readings around it."""
    gap = booked.line
    amount = base_text(quantity, line.base_unit)
    stretch = stretch_text(scene.deal.calendar, gap.from_ms, gap.to_ms)
    if not booked.listed:
        text = Text(f"{stretch} 状态不明：{amount.zh}", f"{stretch}, state not known: {amount.en}")
    else:
        text = Text(
            f"缺口 {stretch}，{GAP_RULES_ZH[gap.rule]}：{amount.zh}",
            f"Gap {stretch}, {GAP_RULES_EN[gap.rule]}: {amount.en}",
        )
    zh, en = [], []
    if gap.known:
        difference = base_text(gap.difference_base, line.base_unit)
        zh.append(f"计数器显示其间增加 {difference.zh}")
        en.append(f"the counter says {difference.en} were made in it")
    if gap.state == "open":
        zh.append("该缺口在结算期末尚未结束")
        en.append("it had not ended when the period did")
    stated = scene.statement.gaps
    known = not booked.listed or gap in stated or scene.statement.gap_count > len(stated)
    return Node(
        text,
        Text("；".join(zh), "; ".join(en)),
        known or _of_earlier(scene, gap.to_ms),
        tuple(_around(scene, line, gap.from_ms, gap.to_ms)),
        quantity,
    )


def _of_earlier(scene: Scene, to_ms: int) -> bool:
    """Gaps of an earlier period stand in its own statement as they were known then."""
    return to_ms <= scene.statement.period.from_ms


def _around(scene: Scene, line: Line, from_ms: int, to_ms: int) -> list[Node]:
    """The readings between which a gap lies; of many, the outer ones."""
    found = scene.trace(line.meter)
    inside = [
        piece for piece in found.unknown if piece.interval.from_ms < to_ms and piece.interval.to_ms > from_ms
    ]
    points: dict[Point, None] = {}
    for piece in (*inside[:1], *inside[-1:]):
        points.update({point: None for point in (piece.first, piece.last) if point is not None})
    states = found.book.measure.states
    return [point_node(scene.report, line.meter, point, states) for point in points]


def _falls(scene: Scene, meter: str, period: Period) -> list[Node]:
    """Low readings that were left out, as the statement lists them."""
    if period != scene.statement.period:
        return []
    nodes: list[Node] = []
    recomputed = scene.report.closed[-1].falls
    for fall in scene.statement.falls:
        if fall.meter != meter:
            continue
        stretch = stretch_text(scene.deal.calendar, fall.from_ms, fall.to_ms)
        nodes.append(
            Node(
                Text(
                    f"未计入的低读数 {stretch}：{FALLS_ZH[fall.status]}",
                    f"Low readings left out, {stretch}: {FALLS_EN[fall.status]}",
                ),
                Text(
                    f"{fall.readings} 条，从 {fall.good_base} 落到 {fall.value_base}",
                    f"{fall.readings}, from {fall.good_base} down to {fall.value_base}",
                ),
                fall in recomputed,
                quantity=0,
            )
        )
    return nodes


def _corrected(scene: Scene, line: Line) -> int:
    """Position of the statement whose period a correction concerns."""
    starts = [statement.period.from_ms for statement in scene.report.statements]
    return starts.index(line.corrects_from_ms)


def _correction(scene: Scene, line: Line, position: int) -> list[Node]:
    """What was billed for an earlier period, what it comes to now, and the records that came late."""
    earlier = scene.report.statements[position]
    books = {meter: scene.trace(meter).book for meter in scene.deal.feeds}
    rated = rate_again(scene.deal, books, earlier.period, scene.report.claims)
    now = [other for other in rated if other.clause == line.clause]
    billed = [
        (statement, other)
        for statement in scene.report.statements[:-1]
        for other in statement.lines
        if other.clause == line.clause
        and line.corrects_from_ms == (other.corrects_from_ms or statement.period.from_ms)
    ]
    nodes = [lines.difference(scene.deal, line, now, billed)]
    if _counts(scene, line):
        nodes.append(_quantity(scene, now[0], rated, earlier.period))
        nodes.append(_late(scene, line, position))
    return nodes


def _late(scene: Scene, line: Line, position: int) -> Node:
    """Records of the earlier period that came after its close."""
    period = scene.report.statements[position].period
    states = scene.trace(line.meter).book.measure.states
    late = [
        point
        for point in scene.report.points.get(line.meter, [])
        if period.from_ms <= point.at_ms < period.to_ms
        and scene.report.origins[line.meter, *point[:3]].close > position
    ]
    nodes = [point_node(scene.report, line.meter, point, states) for point in late[:FIRST_SHOWN]]
    if len(late) > FIRST_SHOWN:
        more = len(late) - FIRST_SHOWN
        nodes.append(Node(Text(f"……另有 {more} 条", f"… and {more} more")))
    closed = instant_text(scene.deal.calendar, scene.report.statements[position].closed_ms)
    return Node(
        Text(
            f"{closed} 关账之后才到的记录：{len(late)} 条",
            f"Records that came after the close of {closed}: {len(late)}",
        ),
        children=tuple(nodes),
    )


__all__ = ["LineUnknown", "Node", "explain", "explain_all", "explain_text", "holds"]
