"""Rooms without a node: actions run one by one on a state in memory, for tests that need thousands of them.

Signatures and sequence numbers are the kernel's matter and are not looked at here.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from hansa.apps.billing.books import deal_of
from hansa.apps.billing.deal import content
from hansa.apps.billing.messages import Accept, Binding, Propose, PublishTariff, Statement
from hansa.apps.billing.tables import AGREEMENTS
from hansa.apps.billing.tariff import Tariff
from hansa.apps.billing.terms import GapRule, Terms
from hansa.apps.consortium.calendars import Calendar
from hansa.apps.consortium.members import place_member
from hansa.apps.consortium.messages import Company, PublishCalendar, Registration
from hansa.apps.metering.messages import (
    AnchorReadings,
    Counters,
    DeclareReset,
    Feed,
    LegalUse,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
)
from hansa.apps.rooms import registry
from hansa.kernel import KEYS, Action, Context, Key, due, limits, pack, replace
from hansa.kernel.state import Committed, MemoryStore, Overlay

INDICATIVE = LegalUse(grade="indicative")
REGISTRY = registry()
ANCHOR = "a-1"
Reading = tuple[int, int | None] | tuple[int, int | None, int]
"""(at_ms, value; None: lost) and for amounts span_ms."""


METERS = {"counter": "pieces", "amount": "energy", "state": "execution"}
"""Kinds of feeds, and the meters of the tariff of tests/apps/tariffs.py, whose feeds have the same names."""
STATES = ("unknown", "ACTIVE", "READY")


def feed(kind: str = "counter", **changes: Any) -> Feed:
    """A wired feed that reports on change."""
    given: dict[str, Any] = {
        "device": "press",
        "kind": kind,
        "base_unit": {"counter": "piece", "amount": "Wh", "state": "ms"}[kind],
        "carrier": "pieces",
        "reporting": "on_change",
        "legal_use": INDICATIVE,
        "wired": True,
    }
    return Feed(**given | changes)


def lease_feeds() -> dict[str, Feed]:
    return {
        "pieces": feed(),
        "energy": feed("amount", carrier="electricity"),
        "execution": feed("state", states=STATES, carrier="time"),
    }


def counters(name: str, readings: Iterable[Reading], first: int = 1, generation: int = 1) -> Counters:
    """Readings packed as a source packs them."""
    rows = [(*reading, 0)[:3] for reading in readings]
    spans = [span for _, _, span in rows]
    return Counters(
        feed=name,
        generation=generation,
        first_sequence=first,
        at_ms=pack(at_ms for at_ms, _, _ in rows),
        value=pack(value or 0 for _, value, _ in rows),
        lost=pack(k for k, (_, value, _) in enumerate(rows) if value is None),
        span_ms=pack(spans) if any(spans) else b"",
    )


AS_PROPOSED = "0" * 64


def accept(name: str) -> Accept:
    """Accepts whatever stands proposed under the name."""
    return Accept(agreement=name, content=AS_PROPOSED)


class Ground:
    """Plant owns the device `press` and its feeds, through gateway-1; maker and plant make agreements."""

    def __init__(self, now_ms: int, rules: int = limits.RULES_MAX) -> None:
        self.now_ms = now_ms
        self.rules = rules
        self.height = 0
        self.layer = Overlay(Committed(MemoryStore()))
        self.happened: list[tuple[int, int, int, bytes]] = []
        """Height, index, time, event, of all that was done by `do` and by due work."""
        ctx = self.context("plant")
        key = Key(1, b"k" * 32, "h", "gateway", ("*",), now_ms + 100 * 366 * limits.DAY_MS)
        KEYS.put(ctx, ("plant", "gateway-1"), key)
        ctx.layer.merge_into(self.layer)
        for member in ("maker", "plant", "bank"):
            self.join(member)
        self.do("plant", RegisterDevice(device="press", source="gateway-1"))
        anchor = AnchorReadings(anchor=ANCHOR, root="0" * 64, count=65_536, first_ms=0, last_ms=0)
        self.do("plant", anchor)

    def join(self, member: str) -> None:
        ctx = self.context()
        company = Company("甲", "A", Registration("vat", f"DE{len(member):09d}"), "small", ("plant",))
        place_member(ctx, member, company)
        ctx.layer.merge_into(self.layer)

    def context(self, member: str = "", key: str = "gateway-1") -> Context:
        self.height += 1
        return Context(
            REGISTRY,
            Overlay(self.layer),
            time_ms=self.now_ms,
            height=self.height,
            chain="0" * 64,
            rules=self.rules,
            member=member,
            key=key if member else "",
            transaction=hashlib.sha256(str(self.height).encode()).hexdigest() if member else "",
        )

    def do(self, member: str, action: Action) -> Context:
        """Execute one action; a Refusal leaves nothing behind. Returns what it cost."""
        ctx = self.context(member)
        if isinstance(action, Accept) and action.content == AS_PROPOSED:
            action = self._as_proposed(action)
        REGISTRY.actions[type(action)](ctx, action)
        self.keep(ctx)
        return ctx

    def keep(self, ctx: Context) -> None:
        """What was written stays, and what happened is remembered."""
        ctx.layer.merge_into(self.layer)
        self.happened += [(ctx.height, n, ctx.time_ms, event) for n, event in enumerate(ctx.events)]

    def _as_proposed(self, action: Accept) -> Accept:
        """With the digest of what stands proposed, if anything does."""
        ctx = self.context()
        agreement = AGREEMENTS.get(ctx, (action.agreement,))
        if agreement is None:
            return action
        return replace(action, content=content(action.agreement, deal_of(ctx, agreement)))

    def ask(self, query: Callable[..., Any], *arguments: Any) -> Any:
        return query(self.context(), *arguments)

    def move_to(self, now_ms: int) -> None:
        """Let time pass, and do what falls due on the way, each when it is due."""
        while (item := next(iter(due.QUEUE.scan(self.context(), limit=1)), None)) is not None:
            (due_ms, name), work = item
            if int(due_ms) > now_ms:
                break
            self.now_ms = max(self.now_ms, int(due_ms))
            ctx = self.context()
            due.remove(ctx, (int(due_ms), str(name)), work)
            REGISTRY.due[work.handler](ctx, *work.arguments)
            self.keep(ctx)
        self.now_ms = max(self.now_ms, now_ms)

    # The room's business in short.

    def register(self, **feeds: Feed) -> None:
        for name, declaration in feeds.items():
            self.do("plant", RegisterFeed(feed=name, declaration=declaration))

    def record(self, name: str, *readings: Reading, first: int = 1, generation: int = 1) -> Context:
        batch = counters(name, readings, first, generation)
        index = pack(range(first, first + len(readings)))
        return self.do("plant", RecordCounters(owner="plant", counters=batch, anchor=ANCHOR, index=index))

    def reset(self, name: str, at_ms: int, final: int, start: int) -> Context:
        return self.do("plant", DeclareReset(feed=name, at_ms=at_ms, final_value=final, start_value=start))

    def publish(self, tariff: Tariff, calendar: Calendar) -> None:
        self.do("maker", PublishCalendar(id="c-1", calendar=calendar))
        self.do("maker", PublishTariff("t-1", 1, tariff, calendar_owner="maker", calendar="c-1"))

    def agree(
        self,
        from_ms: int,
        to_ms: int,
        *gaps: GapRule,
        cut_off_ms: int = 0,
        name: str = "g-1",
        feeds: dict[str, str] | None = None,
    ) -> None:
        """Maker leases to plant: each meter by the feed of its name, or by the one given."""
        bound = feeds or {gap.meter: gap.meter for gap in gaps}
        meters = tuple(Binding(meter=meter, owner="plant", feed=feed) for meter, feed in bound.items())
        terms = Terms(cut_off_ms=cut_off_ms, gaps=gaps)
        proposal = Propose(name, "maker", "plant", "maker", "t-1", 1, meters, terms, from_ms, to_ms)
        self.do("maker", proposal)
        self.do("plant", accept(name))

    def feed(self, name: str) -> Feed:
        found: Feed = self.ask(REGISTRY.queries["metering.feed_of"], "plant", name)
        return found

    def statements(self, name: str = "g-1") -> list[Statement]:
        return self.ask(REGISTRY.queries["billing.statements_of"], name)

    def tables(self, *rooms: str, without: Iterable[str] = ()) -> dict[tuple[str, bytes], bytes]:
        """Every record of some rooms' tables as stored, by table and key."""
        return {
            name: entry[0]
            for name, entry in self.layer.entries.items()
            if entry is not None and name[0].split(".")[0] in rooms and name[0] not in without
        }
