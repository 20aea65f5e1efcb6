"""The companies of the year on one embedded node, and a plain account of all that they do.

What is done is told twice: to the node as signed transactions, and in `happened` and `recorded` as plain data
from which strangers work out what must follow (tests/independent).
"""

import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
from independent.statements import Life as Reset
from independent.statements import Published, Recorded, Told

from hansa.apps.billing.messages import Binding, PublishTariff, Stated, Statement
from hansa.apps.billing.messages_life import Life
from hansa.apps.billing.messages_prices import PublishIndex
from hansa.apps.billing.sheet import Sheet, parse_sheet
from hansa.apps.consortium.calendars import date_text
from hansa.apps.consortium.messages import Genesis, GenesisKey, GenesisMember, PublishCalendar, Registration
from hansa.apps.metering.messages import (
    AnchorReadings,
    DeclareReset,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
)
from hansa.kernel import Action, limits, pack, replace
from tests.apps.ground import counters
from tests.consortium import KEY_LIFE_MS, Consortium, signer, uscc
from tests.scenarios.year.tapes import DAY, HOUR, Row, Tape

OWNER, GATEWAY = "plant", "gateway-1"
"""Whose feeds all counters of the year are, and who signs for them."""
SIZES = {"maker": "small", "plant": "large", "grid": "medium", "toolmaker": "micro", "second": "medium"}
COMPANIES = ("grid", "toolmaker", "second")
"""Members beside those of tests/consortium.py."""


@dataclass(frozen=True)
class Deal:
    """An agreement as it stands. `from_ms`, `to_ms`: as the handovers left them."""

    name: str
    provider: str
    user: str
    written: dict[str, Any]
    meters: tuple[Binding, ...]
    from_ms: int
    to_ms: int
    prepayment: bool = False

    @property
    def sheet(self) -> Sheet:
        return parse_sheet(json.dumps(self.written).encode(), Path("."))


@dataclass(frozen=True)
class Closed:
    """A statement that the node closed by itself, in the order of the ledger."""

    at_ms: int
    agreement: str
    statement: Statement


@dataclass
class Town:
    """Members act at times; what falls due meanwhile is done when it is due."""

    node: Consortium
    when_closed: Callable[[Closed], None] = lambda closed: None
    deals: dict[str, Deal] = field(default_factory=dict)
    recorded: dict[str, Recorded] = field(default_factory=dict)
    tapes: dict[str, Tape] = field(default_factory=dict)
    published: list[Published] = field(default_factory=list)
    happened: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    """In the order of the ledger: (block time, what, its data)."""
    _plan: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _planned: int = 0
    _seen: tuple[int, int] = (0, -1)

    @property
    def now_ms(self) -> int:
        return self.node.clock.now_ms

    # Time.

    def at(self, at_ms: int, act: Callable[[], None]) -> None:
        """It is done when its time has come; of one time, in the order in which it was planned."""
        self._planned += 1
        heapq.heappush(self._plan, (at_ms, self._planned, act))

    def run(self, until_ms: int) -> None:
        """Let time pass, stopping wherever something is due or planned."""
        while True:
            due_ms = self.node.node.next_due_ms()
            planned_ms = self._plan[0][0] if self._plan else until_ms + 1
            at_ms = min(planned_ms, planned_ms if due_ms is None else due_ms)
            if at_ms > until_ms:
                break
            self.node.clock.now_ms = max(self.now_ms, at_ms)
            if due_ms is not None and due_ms <= at_ms:
                self.node.node.wake()
                self._look()
            else:
                heapq.heappop(self._plan)[2]()
        self.node.clock.now_ms = until_ms

    def _look(self) -> None:
        """Which statements were closed."""
        for height, index, data in self.node.node.events_after(*self._seen):
            self._seen = height, index
            if b'"billing.stated"' in data:
                told = msgspec.json.decode(data, type=Stated)
                found = self.ask(
                    "billing.statement_of", Statement, agreement=told.agreement, period_ms=told.period_from_ms
                )
                closed = Closed(self.node.node.time_ms, told.agreement, found)
                self.tell("closed", closed=closed)
                self.when_closed(closed)

    # Acts and questions.

    def do(self, member: str, *actions: Action, key: str = "k1") -> int:
        """When it was done (block time)."""
        self.node.do(member, *actions, key=key)
        return self.node.node.time_ms

    def tell(self, what: str, /, **data: Any) -> None:
        self.happened.append((self.node.node.time_ms, what, data))

    def ask(self, name: str, kind: Any, **arguments: Any) -> Any:
        return self.node.client("auditor").query(name, kind, **arguments)

    def life(self, agreement: str, period_ms: int) -> Life:
        found: Life = self.ask("billing.life_of", Life, agreement=agreement, period_ms=period_ms)
        return found

    # Meters.

    def register(self, **tapes: Tape) -> None:
        """Each feed by the name given; a device for each that its declaration names."""
        for device in dict.fromkeys(tape.declared.device for tape in tapes.values()):
            self.do(OWNER, RegisterDevice(device, GATEWAY))
        for name, tape in tapes.items():
            self.do(OWNER, RegisterFeed(name, tape.declared))
            anchor = AnchorReadings(f"a-{name}", "0" * 64, limits.READINGS_PER_BATCH_MAX, 0, 0)
            self.do(OWNER, anchor, key=GATEWAY)
            self.recorded[name] = Recorded(
                tape.declared.reporting == "periodic", tape.declared.modulus or None
            )
            self.tapes[name] = tape

    def record(self, name: str, *rows: Row) -> None:
        """They arrive now."""
        recorded = self.recorded[name]
        for start in range(0, len(rows), limits.RECORDS_PER_BATCH_MAX):
            some = rows[start : start + limits.RECORDS_PER_BATCH_MAX]
            first = len(recorded.told) + 1
            index = pack(range(first, first + len(some)))
            batch = RecordCounters(OWNER, counters(name, some, first), f"a-{name}", index)
            at_ms = self.do(OWNER, batch, key=GATEWAY)
            recorded.told += [
                Told(read_ms, first + n, value, span_ms, at_ms)
                for n, (read_ms, value, span_ms) in enumerate(some)
            ]

    def deliver(self, name: str, every_ms: int, late: Callable[[int], int]) -> None:
        """Plan the arrival of all rows of a tape: as a rule every so often; `late(read_ms)`: when else, 0: as
        a rule, -1: never.
        """
        batches: dict[int, list[Row]] = {}
        for row in self.tapes[name].rows:
            other_ms = late(row[0])
            if other_ms >= 0:
                batches.setdefault(other_ms or (row[0] // every_ms + 1) * every_ms, []).append(row)
        for at_ms, rows in batches.items():
            self.at(at_ms, lambda rows=rows: self.record(name, *rows))  # type: ignore[misc]
        for reset in self.tapes[name].resets:
            self.at(reset.at_ms + HOUR, lambda reset=reset: self._reset(name, reset))  # type: ignore[misc]

    def _reset(self, name: str, reset: Any) -> None:
        declared = DeclareReset(
            feed=name, at_ms=reset.at_ms, final_value=reset.final, start_value=reset.start
        )
        at_ms = self.do(OWNER, declared)
        self.recorded[name].lives.append(Reset(reset.at_ms, reset.final, reset.start, at_ms))

    # Publishing.

    def publish(self, owner: str, sheet: Sheet) -> None:
        name = sheet.tariff.name
        self.do(owner, PublishCalendar(f"c-{name}", sheet.calendar))
        self.do(owner, PublishTariff(name, 1, sheet.tariff, owner, f"c-{name}"))

    def publish_index(self, owner: str, index: str, day: int, value: Fraction) -> None:
        at_ms = self.do(owner, PublishIndex(index, day, int(value * 10**8)))
        self.published.append(Published(owner, index, date_text(day), value, at_ms))


def town(start_ms: int) -> Town:
    """Eight companies, some days before the year begins."""
    return Town(Consortium(now_ms=start_ms - 20 * DAY, change=lambda made: peopled(made, start_ms)))


def peopled(made: Genesis, start_ms: int) -> Genesis:
    """With the companies of the year, each of its size."""

    def company(name: str, number: int) -> GenesisMember:
        key = GenesisKey(
            id="k1",
            public=signer(name).public,
            holder=f"{name}-k1",
            kind="person",
            scopes=("*",),
            expires_ms=start_ms + KEY_LIFE_MS,
        )
        return GenesisMember(
            id=name,
            name_zh=f"华东{name}有限公司",
            name_en=f"East China {name} Ltd",
            keys=(key,),
            registration=Registration(kind="uscc", number=uscc(number)),
            size="medium",
            roles=("lessor",),
        )

    everybody = (*made.members, *(company(name, 10 + n) for n, name in enumerate(COMPANIES)))
    sized = tuple(replace(each, size=SIZES.get(each.id, "medium")) for each in everybody)
    return replace(made, members=tuple(sorted(sized, key=lambda each: each.id)))
