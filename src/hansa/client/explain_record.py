"""A counter record explained: what it says, who vouches for it, its anchor, the reading it repeats."""

from hansa.apps.billing.deal import bound
from hansa.apps.billing.texts import STATES_ZH
from hansa.apps.metering.chain import Point
from hansa.client.node import Node
from hansa.client.texts import NO_TEXT, Text, both, instant_text
from hansa.client.verify import Origin, Report, repeats

DIGITS_SHOWN = 16
"""Hexadecimal digits of a hash that people compare."""


def point_node(report: Report, meter: str, point: Point, states: tuple[str, ...]) -> Node:
    """A record, or an owner's declaration, down to the reading. `states`: names of a state feed."""
    assert report.deal is not None
    at = instant_text(report.deal.calendar, point.at_ms)
    origin = report.origins[meter, *point[:3]]
    if point.life:
        said = Text(
            f"{at} 申报：计数器止于 {point.value}，从 {point.start_value} 重新开始",
            f"{at}, declared: the counter ended at {point.value} and began again from {point.start_value}",
        )
        return Node(said, NO_TEXT, True, (_signature(report, origin, declared=True),))
    value = _value(point, states)
    said = Text(
        f"{at} 的记录 {point.generation}.{point.sequence}：{value.zh}",
        f"Record {point.generation}.{point.sequence} of {at}: {value.en}",
    )
    children = (
        _signature(report, origin, declared=False),
        _anchor(report, meter, origin),
        _reading(report, meter, point, origin),
    )
    return Node(said, NO_TEXT, all(child.ok is not False for child in children), children)


def _value(point: Point, states: tuple[str, ...]) -> Text:
    if point.lost:
        return Text("信号丢失", "signal lost")
    if states:
        name = states[point.value] if 0 <= point.value < len(states) else str(point.value)
        return Text(STATES_ZH.get(name, name), name)
    return both(str(point.value))


def _signature(report: Report, origin: Origin, *, declared: bool) -> Node:
    key = f"{origin.member}/{origin.key}"
    if origin.by_device:
        who = Text(
            f"由设备自身的密钥签名；交易由 {key} 提交", f"Signed with the device's own key; sent by {key}"
        )
    elif declared:
        who = Text(f"由计量点所有方签名：{key}", f"Signed by the meter's owner: {key}")
    else:
        who = Text(
            f"由读取日志的网关签名：{key}（不是设备签名）",
            f"Signed by the gateway that read the log: {key} (not by the device)",
        )
    place = f"{origin.transaction[:DIGITS_SHOWN]}…"
    detail = Text(f"交易 {place}，区块 {origin.height}", f"transaction {place}, block {origin.height}")
    signed = {check.name: check.ok for check in report.checks}
    return Node(who, detail, signed.get("signatures", False) and signed.get("source", False))


def _anchor(report: Report, meter: str, origin: Origin) -> Node:
    found = report.anchors.get((_owner(report, meter), origin.anchor))
    if found is None:
        return Node(
            Text(f"存证 {origin.anchor} 不在证据包中", f"Anchor {origin.anchor} is not in the bundle"),
            ok=False,
        )
    file = f"{found.file_sha256[:DIGITS_SHOWN]}…" if found.file_sha256 else "—"
    return Node(
        Text(
            f"存证 {origin.anchor}：第 {origin.index + 1} 条，共 {found.count} 条",
            f"Anchor {origin.anchor}: reading {origin.index + 1} of {found.count}",
        ),
        Text(
            f"根 {found.root[:DIGITS_SHOWN]}…，日志文件 SHA-256 {file}",
            f"root {found.root[:DIGITS_SHOWN]}…, log file SHA-256 {file}",
        ),
        origin.index < found.count,
    )


def _reading(report: Report, meter: str, point: Point, origin: Origin) -> Node:
    assert report.deal is not None
    owner = _owner(report, meter)
    reading = origin.reading
    if (owner, origin.anchor, origin.index) in report.broken:
        return Node(
            Text("证据包中的读数不在该存证之下", "The reading in the bundle is not under that anchor"),
            ok=False,
        )
    if reading is None:
        return Node(
            Text(
                f"读数由所有方 {owner} 保存，未收入本证据包",
                f"Reading held by its owner {owner}, not in this bundle",
            )
        )
    feed = next(binding.feed for binding in bound(report.deal.agreement) if binding.meter == meter)
    at = instant_text(report.deal.calendar, reading.at_ms)
    value = Text("信号丢失", "signal lost") if reading.lost else both(str(reading.value))
    return Node(
        Text(f"读数第 {reading.number} 条，{at}：{value.zh}", f"Reading {reading.number}, {at}: {value.en}"),
        Text("在存证之下，与记录一致", "under its anchor; the record repeats it")
        if repeats(point, reading, feed)
        else Text("与记录不一致", "the record says otherwise"),
        repeats(point, reading, feed),
    )


def _owner(report: Report, meter: str) -> str:
    assert report.deal is not None
    return next(binding.owner for binding in bound(report.deal.agreement) if binding.meter == meter)
