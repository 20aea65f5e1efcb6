"""A small consortium whose evidence has something of everything: a device that signs, a gateway, three kinds
of feeds, a reset, a replaced device, late records, several periods. Made in memory; needs no shared data.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hansa.apps.billing.messages import Binding, Propose, PublishTariff, Statement
from hansa.apps.billing.terms import GapRule, Terms
from hansa.apps.consortium.messages import Attest, PublishCalendar
from hansa.apps.metering.messages import (
    AnchorReadings,
    Counters,
    DeclareReset,
    Feed,
    LegalUse,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
    ReplaceDevice,
    ReplacedFeed,
)
from hansa.apps.metering.readings import StoredReading
from hansa.client.agreements import acceptance, proposed
from hansa.client.bundle import Bundle
from hansa.client.evidence import gather
from hansa.edge.readings import ReadingStore
from hansa.kernel import Action, encode, limits, pack, replace
from hansa.kernel.signatures import COUNTER_DOMAIN
from tests.apps.tariffs import TARIFF, calendar_of
from tests.consortium import Consortium, signer

HOUR = limits.HOUR_MS
AGREEMENT = "lease-1"
STATES = ("unknown", "ACTIVE", "READY")
INDICATIVE = LegalUse(grade="indicative")
DAILY = replace(TARIFF, name="lease", purpose="internal", period="day")
TERMS = Terms(
    cut_off_ms=HOUR,
    gaps=(
        GapRule(meter="pieces", longer_than_ms=3 * HOUR, rule="counter_difference"),
        GapRule(meter="execution", longer_than_ms=HOUR, rule="zero"),
        GapRule(meter="energy", longer_than_ms=HOUR, rule="last_rate"),
    ),
)


Rows = Sequence[tuple[int, int, int, bool]]
"""(at_ms, value, span_ms, lost)."""


@dataclass
class EvidenceWorld:
    """The consortium, the owner's readings, and what was counted so far."""

    consortium: Consortium
    store: ReadingStore
    numbers: dict[tuple[str, int], int] = field(default_factory=dict)
    anchors: int = 0

    refused: tuple[int, int] = (0, 0)
    """Place of a transaction that was refused."""
    attested: tuple[int, int] = (0, 0)
    """Place of an event that shows the agreement before the first close."""

    def do(self, member: str, *actions: Action, key: str = "k1") -> None:
        self.consortium.do(member, *actions, key=key)

    def readings(self, feed: str, generation: int, rows: Rows) -> list[Action]:
        """Store readings; what the ledger is told of them: the anchor, then the records that repeat them."""
        self.anchors += 1
        anchor = f"batch-{self.anchors}"
        first = self.numbers.get((feed, generation), 0) + 1
        self.numbers[feed, generation] = first + len(rows) - 1
        stored = [
            StoredReading(feed=feed, number=first + n, at_ms=at, value=value, span_ms=span, lost=lost)
            for n, (at, value, span, lost) in enumerate(rows)
        ]
        secret = hmac.digest(b"secret of the tests", anchor.encode(), "sha256")
        root, count = self.store.add(anchor, secret, stored)
        times = [row[0] for row in rows]
        counters = Counters(
            feed=feed,
            generation=generation,
            first_sequence=first,
            at_ms=pack(times),
            value=pack(row[1] for row in rows),
            lost=pack(n for n, row in enumerate(rows) if row[3]),
            span_ms=pack(row[2] for row in rows) if any(row[2] for row in rows) else b"",
        )
        return [
            AnchorReadings(
                anchor=anchor, root=root.hex(), count=count, first_ms=min(times), last_ms=max(times),
                file_sha256=hashlib.sha256(anchor.encode()).hexdigest(),
            ),
            RecordCounters(owner="plant", counters=counters, anchor=anchor, index=pack(range(len(rows)))),
        ]  # fmt: skip

    def by_gateway(self, feed: str, rows: Rows) -> None:
        self.do("plant", *self.readings(feed, 1, rows), key="gateway-1")

    def by_device(self, generation: int, rows: Rows, sender: str = "maker") -> None:
        """The device signs its counters; anybody may bring them."""
        anchor, record = self.readings("pieces", generation, rows)
        assert isinstance(record, RecordCounters)
        device = signer("plant", f"device-{generation}")
        signature = device.sign(COUNTER_DOMAIN + device.public + encode(record.counters))
        self.do("plant", anchor, key="gateway-1")
        self.do(sender, replace(record, signature=signature))

    def statements(self) -> list[Statement]:
        client = self.consortium.client("auditor")
        return client.query("billing.statements_of", list[Statement], agreement=AGREEMENT)

    def gather(self, number: int) -> Bundle:
        period = self.statements()[number].period
        return gather(self.consortium.client("auditor"), AGREEMENT, period.from_ms, {"plant": self.store})

    @property
    def genesis(self) -> bytes:
        return self.consortium.node.genesis_bytes


def made(
    folder: Path,
    consortium: Consortium | None = None,
    kind: type[EvidenceWorld] = EvidenceWorld,
    days: int = 4,
) -> EvidenceWorld:
    """Closed days of a lease, the last of four with corrections. `kind`: may act otherwise."""
    consortium = consortium or Consortium()
    world = kind(consortium, ReadingStore(folder / "readings.db"))
    start = consortium.clock() - 8 * HOUR + limits.DAY_MS
    _agree(world, start)
    for day in range(days):
        _day(world, day, start + day * limits.DAY_MS)
    consortium.clock.now_ms = start + days * limits.DAY_MS + 2 * HOUR
    consortium.node.wake()
    return world


def _agree(world: EvidenceWorld, start: int) -> None:
    clock = world.consortium.clock
    for number in (1, 2):
        lasts_ms = clock() + 400 * limits.DAY_MS
        world.do(
            "plant",
            world.consortium.key("plant", f"device-{number}", kind="device", scopes=(), expires_ms=lasts_ms),
        )
    world.do(
        "plant",
        RegisterDevice(device="line", source="device-1"),
        RegisterDevice(device="panel", source="gateway-1"),
        RegisterFeed("pieces", _feed("line", "counter", "piece", "pieces")),
        RegisterFeed("execution", _feed("panel", "state", "ms", "time", STATES)),
        RegisterFeed("energy", _feed("panel", "amount", "Wh", "electricity")),
        RegisterFeed("spare", _feed("panel", "counter", "piece", "pieces")),
    )
    world.do("bank", PublishCalendar(id="shanghai", calendar=calendar_of("Asia/Shanghai", 2026)))
    world.do(
        "maker",
        PublishTariff(id="lease", version=1, tariff=DAILY, calendar_owner="bank", calendar="shanghai"),
    )
    meters = tuple(Binding(meter=m, owner="plant", feed=m) for m in ("pieces", "execution", "energy"))
    world.do(
        "maker",
        Propose(
            agreement=AGREEMENT, provider="maker", user="plant", tariff_owner="maker", tariff="lease",
            tariff_version=1, meters=meters, terms=TERMS, from_ms=start, to_ms=start + 10 * limits.DAY_MS,
        ),
    )  # fmt: skip
    accept = acceptance(AGREEMENT, proposed(world.consortium.client("auditor"), AGREEMENT))
    refused = world.consortium.refused("maker", accept)
    world.refused = (refused.height, refused.index)
    world.do("plant", accept)
    shown = world.consortium.do("auditor", Attest(table="billing.agreements", key=(AGREEMENT,)))
    world.attested = (shown.height, 0)


def _feed(device: str, kind: str, unit: str, carrier: str, states: tuple[str, ...] = ()) -> Feed:
    return Feed(
        device=device, kind=kind, base_unit=unit, carrier=carrier, reporting="on_change",  # type: ignore[arg-type]
        legal_use=INDICATIVE, wired=True, states=states,
    )  # fmt: skip


def _day(world: EvidenceWorld, day: int, start: int) -> None:
    """Pieces, with losses, a false zero, a reset (day 1), a new device (day 2); amounts of energy, some of
    which come late (day 2); the machine's states.
    """
    clock = world.consortium.clock

    def at(hours: float) -> int:
        return start + int(hours * HOUR)

    def row(hours: float, value: int, span: float = 0, lost: bool = False) -> tuple[int, int, int, bool]:
        return (at(hours), value, int(span * HOUR), lost)

    clock.now_ms = at(12)
    generation = 1 if day < 3 else 2
    base = [0, 1000, 40, 0][day]
    world.by_device(generation, [row(2 * n + 0.25, base + 50 * n + day) for n in range(3)])
    world.by_gateway("execution", [row(1, 1), row(3, 2), row(5, 0, lost=True), row(7.5, 1)])
    world.by_gateway("energy", [row(n + 1, 700 + 10 * n, 1) for n in range(9)])
    clock.now_ms = at(23.5)
    rows = [row(13, base + 300), row(14, 0), row(15, 0, lost=True), row(20, base + 380)]
    world.by_device(generation, rows if day != 1 else [row(13, base + 300)], "plant")
    spare = world.readings("spare", 1, [row(13, 5 * day)])
    late = world.readings("energy", 1, [row(n + 1, 900, 1) for n in range(9, 12)])
    if day == 1:
        world.do("plant", DeclareReset(feed="pieces", at_ms=at(18), final_value=base + 330, start_value=0))
    if day == 2:
        counters = (ReplacedFeed(feed="pieces", final_value=base + 395, start_value=7),)
        world.do("plant", ReplaceDevice(device="line", source="device-2", at_ms=at(22), counters=counters))
    more = world.readings("energy", 1, [row(n + 1, 500 + n, 1) for n in range(12, 23)])
    if day == 2:  # The first half of the evening comes after the close.
        world.do("plant", *spare, *more, key="gateway-1")
        clock.now_ms = at(27)
        world.consortium.node.wake()
        world.do("plant", *late, key="gateway-1")
    else:
        world.do("plant", *late, *spare, *more, key="gateway-1")
