"""Check an evidence bundle offline, from the genesis file alone. Trusts nothing in the bundle but what it proves.

Each check has a name, holds or not, and says where it failed. `proved` and `not_proved` are printed with every result.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hansa.apps.billing.messages import Agreement, PublishedTariff, Statement
from hansa.apps.billing.rating import Line
from hansa.apps.billing.recompute import Closed, Deal, settle
from hansa.apps.consortium.messages import CalendarRecord, Genesis
from hansa.apps.metering.batch import points_of
from hansa.apps.metering.chain import Point, life_point
from hansa.apps.metering.contract import DEVICE_DOMAIN
from hansa.apps.metering.messages import (
    AnchorReadings,
    Counters,
    DeclareReset,
    Feed,
    Generation,
    Life,
    RecordCounters,
    ReplaceDevice,
)
from hansa.apps.rooms import registry
from hansa.client.bundle import Bundle, Carried
from hansa.client.texts import NO_TEXT, Text
from hansa.edge.readings import StoredReading
from hansa.kernel import Attested, Key, Refusal, encode, merkle, unpack
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import Proof, holds, signed_by
from hansa.kernel.messages import Outcome
from hansa.kernel.signatures import TRANSACTION_DOMAIN, verify
from hansa.kernel.transaction import Transaction, identity, parse

R = TypeVar("R")


@dataclass(frozen=True)
class Check:
    """One check: what it says, whether it holds, and details or the place of the failure."""

    name: str
    text: Text
    ok: bool
    detail: Text = NO_TEXT


@dataclass(frozen=True)
class Origin:
    """Where a counter record comes from: its transaction, its source's signature, and its anchored reading."""

    transaction: str
    height: int
    member: str
    key: str
    by_device: bool
    anchor: str
    index: int
    reading: StoredReading | None
    close: int = 0
    """The close that counted it: its position in `Report.statements`."""


OriginName = tuple[str, int, int, int]
"""(meter, at_ms, generation, sequence)."""


@dataclass
class Report:
    """What the bundle shows. `deal`, `points` and `closed` are there when the parts could be read."""

    checks: list[Check] = field(default_factory=list)
    genesis: Genesis | None = None
    bundle: Bundle | None = None
    statement: Statement | None = None
    statements: list[Statement] = field(default_factory=list)
    """Those of the agreement up to the subject's, oldest first."""
    deal: Deal | None = None
    anchors: dict[tuple[str, str], AnchorReadings] = field(default_factory=dict)
    """By (owner, anchor)."""
    broken: set[tuple[str, str, int]] = field(default_factory=set)
    """Readings in the bundle that are not under their anchor: (owner, anchor, index)."""
    points: dict[str, list[Point]] = field(default_factory=dict)
    """Per meter, what the statement counted, in reading order."""
    origins: dict[OriginName, Origin] = field(default_factory=dict)
    closed: list[Closed] = field(default_factory=list)
    signed_by_device: bool = False

    @property
    def ok(self) -> bool:
        return bool(self.checks) and all(check.ok for check in self.checks)


def check_bundle(data: bytes, genesis: bytes) -> Report:
    """Run every check. Never raises for bad input: what cannot be read is a failed check."""
    report = Report()
    try:
        _run(report, data, genesis)
    except _Failed:
        pass  # The failed check is in the report; nothing after it can be said.
    except Refusal as refusal:
        _note(report, "content", False, "证据包内容", "content of the bundle", refusal.zh, refusal.en)
    except (KeyError, ValueError, IndexError, StopIteration, ArithmeticError, AssertionError) as error:
        said = f"{type(error).__name__}: {str(error)[:200]}"
        _note(report, "content", False, "证据包内容", "content of the bundle", said, said)
    return report


class _Failed(Exception):
    """A check failed on which all others rest."""


def _run(report: Report, data: bytes, genesis_bytes: bytes) -> None:
    report.genesis = decode_strict(genesis_bytes, Genesis)
    report.bundle = bundle = decode_strict(data, Bundle)
    chain = hashlib.sha256(genesis_bytes).hexdigest()
    head = bundle.head
    same = head.header.chain == chain
    _need(
        report, "genesis", same, "创世文件与证据属于同一联盟", "genesis file and evidence are of one consortium",
        f"链 {chain[:16]}…", f"chain {chain[:16]}…",
    )  # fmt: skip
    signed = signed_by(head, report.genesis.node_public)
    _need(
        report, "header", signed, "区块头由运营节点签名", "the operator's node signed the header",
        f"高度 {head.header.height}", f"height {head.header.height}",
    )  # fmt: skip
    _check_inclusion(report, bundle)
    records = Attests(bundle)
    transactions = _check_transactions(report, bundle, records, chain)
    _read_deal(report, bundle, records)
    batches = _batches(report, records, transactions)
    _check_readings(report, bundle, transactions)
    _recompute(report, batches)


def _check_inclusion(report: Report, bundle: Bundle) -> None:
    parts: list[tuple[str, Proof]] = [(f"attests[{n}]", proof) for n, proof in enumerate(bundle.attests)]
    for n, carried in enumerate(bundle.transactions):
        parts += [
            (f"transactions[{n}].transaction", carried.transaction),
            (f"transactions[{n}].outcome", carried.outcome),
        ]
    broken = [name for name, proof in parts if not holds(proof, bundle.head.header)]
    detail_zh = f"{len(parts)} 条路径" if not broken else f"不成立:{', '.join(broken[:5])}"
    detail_en = f"{len(parts)} paths" if not broken else f"broken: {', '.join(broken[:5])}"
    _need(
        report, "inclusion", not broken, "各条目均在该区块头之下的日志中", "every item lies in the log under the header",
        detail_zh, detail_en,
    )  # fmt: skip


class Attests:
    """Records shown by the bundle, by table and key; of several of one record the latest counts."""

    def __init__(self, bundle: Bundle) -> None:
        tables = registry().tables
        self._found: dict[tuple[str, tuple[str, ...]], Any] = {}
        for proof in sorted(bundle.attests, key=lambda proof: proof.block.height):
            event = decode_strict(proof.item, Attested)
            self._found[event.table, event.key] = tables[event.table].decode(event.record)

    def get(self, kind: type[R], table: str, *key: str) -> R:
        """Raises KeyError where the bundle shows no such record."""
        found = self._found.get((table, key))
        if not isinstance(found, kind):
            raise KeyError(f"{table} {'.'.join(key)} is not in the bundle")
        return found

    def all(self, kind: type[R], table: str) -> Iterator[tuple[tuple[str, ...], R]]:
        for (name, key), record in self._found.items():
            if name == table and isinstance(record, kind):
                yield key, record


def _check_transactions(
    report: Report, bundle: Bundle, records: Attests, chain: str
) -> list[tuple[Carried, Transaction]]:
    """Signatures and outcomes: each transaction was signed by a key of its member, and was not refused."""
    rooms = registry()
    found: list[tuple[Carried, Transaction]] = []
    problems: list[str] = []
    for n, carried in enumerate(bundle.transactions):
        transaction = parse(rooms, carried.transaction.item)
        outcome = decode_strict(carried.outcome.item, Outcome)
        body = transaction.body
        key = records.get(Key, "kernel.keys", body.member, body.key) if _shown(records, body) else None
        message = TRANSACTION_DOMAIN + transaction.body_bytes
        at_same_place = (
            carried.transaction.kind == "transaction"
            and carried.outcome.kind == "outcome"
            and carried.transaction.block == carried.outcome.block
            and carried.transaction.within_block.index == carried.outcome.within_block.index
            and outcome.transaction == identity(transaction.wire)
        )
        sound = (
            at_same_place
            and outcome.code == "ok"
            and body.chain == chain
            and key is not None
            and verify(transaction.suite, key.public, transaction.signature, message)
        )
        if not sound:
            problems.append(f"transactions[{n}]")
        found.append((carried, transaction))
    ids = [identity(transaction.wire) for _, transaction in found]
    if len(dict.fromkeys(ids)) != len(ids):
        problems.append("a transaction stands twice")
    _need(
        report, "signatures", not problems, "每笔交易由其成员单位的密钥签名,且未被拒绝",
        "each transaction is signed by a key of its member and was not refused",
        f"{len(found)} 笔交易" if not problems else f"不成立:{', '.join(problems[:5])}",
        f"{len(found)} transactions" if not problems else f"broken: {', '.join(problems[:5])}",
    )  # fmt: skip
    return found


def _shown(records: Attests, body: Any) -> bool:
    return any(key == (body.member, body.key) for key, _ in records.all(Key, "kernel.keys"))


def _read_deal(report: Report, bundle: Bundle, records: Attests) -> None:
    subject = bundle.subject
    agreement = records.get(Agreement, "billing.agreements", subject.agreement)
    tariff_key = (agreement.tariff_owner, agreement.tariff, str(agreement.tariff_version))
    published = records.get(PublishedTariff, "billing.tariffs", *tariff_key)
    calendar = records.get(
        CalendarRecord, "consortium.calendars", published.calendar_owner, published.calendar
    )
    feeds = {
        binding.meter: records.get(Feed, "metering.feeds", binding.owner, binding.feed)
        for binding in agreement.meters
    }
    report.deal = Deal(agreement, published.tariff, calendar.calendar, feeds)
    key = (subject.agreement, str(subject.period_from_ms))
    report.statement = records.get(Statement, "billing.statements", *key)


def _statements(report: Report, records: Attests) -> list[Statement]:
    """The agreement's statements up to the subject's, oldest first."""
    assert report.statement is not None
    found = [
        statement
        for _, statement in records.all(Statement, "billing.statements")
        if statement.agreement == report.statement.agreement
        and statement.period.from_ms <= report.statement.period.from_ms
    ]
    return sorted(found, key=lambda statement: statement.period.from_ms)


Batches = list[dict[str, list[Point]]]


def _batches(
    report: Report, records: Attests, transactions: Sequence[tuple[Carried, Transaction]]
) -> Batches:
    """Per close, what each meter's feed had recorded since the close before (first copy of a number stands)."""
    assert report.deal is not None
    closes = report.statements = _statements(report, records)
    meters = {(b.owner, b.feed): b.meter for b in report.deal.agreement.meters}
    out: Batches = [{} for _ in closes]
    unsigned: list[str] = []
    seen: set[tuple[str, int, int]] = set()
    for carried, transaction in transactions:
        place = (carried.transaction.block.height, carried.transaction.within_block.index)
        number = next((n for n, close in enumerate(closes) if _before(place, close, transactions)), None)
        for action in transaction.body.actions:
            for owner, feed, point, origin in _points(records, carried, transaction, action, unsigned):
                meter = meters.get((owner, feed))
                copy = (meter or "", point.generation, point.sequence)
                if meter is None or number is None or (point.sequence and copy in seen):
                    continue
                seen.add(copy)
                report.origins[meter, *point[:3]] = replace(origin, close=number)
                report.points.setdefault(meter, []).append(point)
                out[number].setdefault(meter, []).append(point)
    for points in report.points.values():
        points.sort()
    report.signed_by_device = bool(report.origins) and all(o.by_device for o in report.origins.values())
    who_zh = "设备签名" if report.signed_by_device else "由读取日志的网关签名,不是设备签名"
    who_en = (
        "signed by the device"
        if report.signed_by_device
        else "signed by the gateway that read the log, not by a device"
    )
    _need(
        report, "source", not unsigned, "计数记录由计量点登记的来源签署", "counter records are vouched for by the feed's source",
        who_zh if not unsigned else ", ".join(unsigned[:5]), who_en if not unsigned else ", ".join(unsigned[:5]),
    )  # fmt: skip
    return out


def _before(
    place: tuple[int, int], close: Statement, transactions: Sequence[tuple[Carried, Transaction]]
) -> bool:
    """Whether a transaction was counted by a close: in an earlier block, or earlier in the block of the one that asked."""
    if place[0] != close.closed_height or not close.closed_by:
        return place[0] < close.closed_height
    asked = [
        carried.transaction.within_block.index
        for carried, transaction in transactions
        if identity(transaction.wire) == close.closed_by
    ]
    return bool(asked) and place[1] < asked[0]


def _points(
    records: Attests, carried: Carried, transaction: Transaction, action: Any, unsigned: list[str]
) -> Iterator[tuple[str, str, Point, Origin]]:
    """What an action says of feeds: (owner, feed, point, where it comes from)."""
    body = transaction.body
    name = identity(transaction.wire)
    height = carried.transaction.block.height

    def origin(by_device: bool, anchor: str, index: int) -> Origin:
        return Origin(name, height, body.member, body.key, by_device, anchor, index, None)

    if isinstance(action, RecordCounters):
        if not _vouched(records, action, body):
            unsigned.append(f"{action.counters.feed} #{action.counters.first_sequence}")
        for point, index in zip(points_of(action.counters), unpack(action.index), strict=True):
            yield (
                action.owner,
                action.counters.feed,
                point,
                origin(bool(action.signature), action.anchor, index),
            )
    elif isinstance(action, DeclareReset):
        life = Life(final_value=action.final_value, start_value=action.start_value, generation=1)
        for generation in _generations_at(records, body.member, action.feed, action.at_ms):
            point = life_point(action.at_ms, life)._replace(generation=generation)
            yield body.member, action.feed, point, origin(False, "", 0)
    elif isinstance(action, ReplaceDevice):
        for counter in action.counters:
            life = Life(final_value=counter.final_value, start_value=counter.start_value, generation=1)
            for generation in _generations_at(records, body.member, counter.feed, action.at_ms - 1):
                point = life_point(action.at_ms, life)._replace(generation=generation)
                yield body.member, counter.feed, point, origin(False, "", 0)


def _generations_at(records: Attests, owner: str, feed: str, at_ms: int) -> Iterable[int]:
    """The generation of the feed's device that was in use at an instant; none if the bundle does not show it."""
    found = dict(records.all(Feed, "metering.feeds")).get((owner, feed))
    for (of_owner, device, generation), life in records.all(Generation, "metering.generations"):
        in_use = life.from_ms <= at_ms and (not life.until_ms or at_ms < life.until_ms)
        if found is not None and (of_owner, device) == (owner, found.device) and in_use:
            return [int(generation)]
    return []


def _vouched(records: Attests, action: RecordCounters, body: Any) -> bool:
    """By the device's own signature, or by the gateway that is the registered source (rule 26)."""
    counters: Counters = action.counters
    feed = records.get(Feed, "metering.feeds", action.owner, counters.feed)
    life = records.get(
        Generation, "metering.generations", action.owner, feed.device, str(counters.generation)
    )
    key = records.get(Key, "kernel.keys", action.owner, life.source)
    if not action.signature:
        return (body.member, body.key, key.kind) == (action.owner, life.source, "gateway")
    message = DEVICE_DOMAIN + key.public + encode(counters)
    return key.kind == "device" and verify(key.suite, key.public, action.signature, message)


def _check_readings(
    report: Report, bundle: Bundle, transactions: Sequence[tuple[Carried, Transaction]]
) -> None:
    """Readings lie under their anchors, and counter records repeat them."""
    anchors = report.anchors = {
        (transaction.body.member, action.anchor): action
        for _, transaction in transactions
        for action in transaction.body.actions
        if isinstance(action, AnchorReadings)
    }
    held: dict[tuple[str, str, int], StoredReading] = {}
    problems: list[str] = []
    for n, item in enumerate(bundle.readings):
        reading = item.reading
        anchor = anchors.get((item.owner, reading.anchor))
        path = [bytes.fromhex(step) for step in reading.path]
        leaf = merkle.leaf_hash(reading.salt + reading.data)
        root = None if anchor is None else merkle.root_from_path(leaf, reading.index, anchor.count, path)
        if anchor is None or root is None or root.hex() != anchor.root:
            problems.append(f"readings[{n}] ({reading.anchor} #{reading.index})")
            report.broken.add((item.owner, reading.anchor, reading.index))
            continue
        held[item.owner, reading.anchor, reading.index] = decode_strict(reading.data, StoredReading)
    repeated = _match(report, held, problems)
    told = f"{len(bundle.readings)} 条读数,对应 {repeated} 条计数记录"
    said = f"{len(bundle.readings)} readings, repeated by {repeated} counter records"
    _note(
        report, "readings", not problems, "读数在其存证之下,计数记录与读数一致",
        "readings lie under their anchors, and counter records repeat them",
        told if not problems else f"不成立:{', '.join(problems[:5])}",
        said if not problems else f"broken: {', '.join(problems[:5])}",
    )  # fmt: skip


def _match(report: Report, held: Mapping[tuple[str, str, int], StoredReading], problems: list[str]) -> int:
    """Put each record's reading beside it; a difference is a problem. Returns how many were found."""
    assert report.deal is not None
    bindings = {binding.meter: binding for binding in report.deal.agreement.meters}
    repeated = 0
    for meter, points in report.points.items():
        for point in points:
            name = (meter, *point[:3])
            origin = report.origins[name]
            binding = bindings[meter]
            reading = held.get((binding.owner, origin.anchor, origin.index))
            if point.life or reading is None:
                continue
            report.origins[name] = replace(origin, reading=reading)
            if repeats(point, reading, binding.feed):
                repeated += 1
            else:
                problems.append(f"{binding.feed} #{point.sequence}")
    return repeated


def repeats(point: Point, reading: StoredReading, feed: str) -> bool:
    """Whether a counter record says what its reading says."""
    return (reading.feed, reading.at_ms, reading.value, reading.span_ms, reading.lost) == (
        feed, point.at_ms, point.value, point.span_ms, point.lost,
    )  # fmt: skip


def _recompute(report: Report, batches: Batches) -> None:
    """Rate everything again from the records, and compare with what the ledger states, line by line."""
    assert report.deal is not None
    statements = report.statements
    report.closed = settle(report.deal, batches)
    _need(
        report, "periods", len(report.closed) == len(statements), "此前各期结算单齐备", "all earlier statements are there",
        f"{len(statements)} 期", f"{len(statements)} periods",
    )  # fmt: skip
    for stated, closed in zip(statements, report.closed, strict=True):
        differs = difference(stated, closed)
        period = f"{stated.period.from_ms}"
        _note(
            report, "recomputation", not differs, f"自 {period} 起一期的结算单由记录重新算出,完全一致",
            f"the statement of the period from {period} is recomputed from the records, to the cent",
            differs or f"含税 {stated.gross_minor}", differs or f"gross {stated.gross_minor} minor units",
        )  # fmt: skip


def difference(stated: Statement, closed: Closed) -> str:
    """Where a statement and its recomputation part; "" if nowhere."""
    if stated.period != closed.period:
        return "period"
    for number, (a, b) in enumerate(zip(stated.lines, closed.totals.lines, strict=False), 1):
        if a != b:
            return f"line {number}: {_differing(a, b)}"
    checks = {
        "number of lines": (len(stated.lines), len(closed.totals.lines)),
        "by_rate": (stated.by_rate, closed.totals.by_rate),
        "net_minor": (stated.net_minor, closed.totals.net_minor),
        "tax_minor": (stated.tax_minor, closed.totals.tax_minor),
        "gross_minor": (stated.gross_minor, closed.totals.gross_minor),
        "gaps": (stated.gaps, closed.gaps[: len(stated.gaps)]),
        "gap_count": (stated.gap_count, len(closed.gaps)),
        "falls": (stated.falls, closed.falls[: len(stated.falls)]),
        "fall_count": (stated.fall_count, len(closed.falls)),
    }
    return next((name for name, (a, b) in checks.items() if a != b), "")


def _differing(a: Line, b: Line) -> str:
    names = [name for name in a.__struct_fields__ if getattr(a, name) != getattr(b, name)]
    return ", ".join(f"{name} {getattr(a, name)} ≠ {getattr(b, name)}" for name in names[:3])


def _note(
    report: Report, name: str, ok: bool, zh: str, en: str, detail_zh: str = "", detail_en: str = ""
) -> None:
    report.checks.append(Check(name, Text(zh, en), ok, Text(detail_zh, detail_en)))


def _need(
    report: Report, name: str, ok: bool, zh: str, en: str, detail_zh: str = "", detail_en: str = ""
) -> None:
    _note(report, name, ok, zh, en, detail_zh, detail_en)
    if not ok:
        raise _Failed


def proved(report: Report) -> list[Text]:
    """What a bundle whose checks hold shows, and under which assumption."""
    who = "设备" if report.signed_by_device else "读取日志的网关"
    whom = "the device" if report.signed_by_device else "the gateway that read the log"
    return [
        Text(
            "结算单、协议、资费、日历、计量点和密钥在所示高度正是如此记录在账本上(依据:运营节点的签名;尚无见证方会签,即“运营方的一面之词”)。",
            "Statement, agreement, tariff, calendar, feeds and keys stood on the ledger like this at the height shown "
            "(on the operator's signature; there is no quorum of cosigners: it is the operator's word).",
        ),
        Text(
            f"计数记录由{who}的密钥签名,此后未被改动。",
            f"The counter records were signed with the key of {whom} and have not been changed since.",
        ),
        Text(
            "结算单的每一行都由这些记录按所列资费重新算出。",
            "Each line of the statement follows from these records under the tariff shown.",
        ),
    ]


def not_proved(report: Report) -> list[Text]:
    """What no signature can show (rule 30)."""
    out = [
        Text("传感器或控制器报告的数值是真实的。", "That the sensor or control told the truth."),
        Text("签名时谁实际掌握密钥。", "Who held the key when it signed."),
        Text(
            "运营方没有向别人出示另一部历史:在有见证方会签之前,这只能靠核对各方手中的区块头。",
            "That the operator shows everybody the same history: until others cosign, compare the headers you hold.",
        ),
        Text("没有向证据包出示的原始读数。", "Raw readings that are not in the bundle."),
    ]
    if not report.signed_by_device:
        out.insert(
            1,
            Text(
                "设备本身没有签名:网关为它所读到的日志文件(见 SHA-256)负责,日志在读取之前可能已被改动。",
                "The device itself signed nothing: the gateway stands for the log file it read (see its SHA-256), "
                "which may have been changed before.",
            ),
        )
    return out
