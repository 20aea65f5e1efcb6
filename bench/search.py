"""Search among 10,000 open offers on disk: by capability, calendar, distance; the client's part included.

What a node does for one query and what the client does with the answer, in one process, without the network.
"""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.measure import Row, cpu_seconds
from hansa.apps.leasing import booking
from hansa.apps.leasing.board import enlist
from hansa.apps.leasing.messages_market import Description, Offer, Slot
from hansa.apps.rooms import registry
from hansa.client.market import Around, Wanted, search
from hansa.engines.store import SqliteStore
from hansa.kernel import Context, encode, limits, replace
from hansa.kernel.state import Committed, Overlay
from tests.apps.leasing import DAY, FROM_MS, MILLING, PLACE, PRESS, START_MS

OFFERS = 10_000
PROCESSES = 20
BOOKED_SHARE = 3
"""One asset in so many has a week of its month booked."""
SOUTH, NORTH, WEST, EAST = 22_000_000, 42_000_000, 100_000_000, 122_000_000
GOAL_S = 0.05
SEED = 20_261_122
REGISTRY = registry()


class Board:
    """A ledger on disk that holds offers and bookings only."""

    def __init__(self, path: Path, processes: int) -> None:
        self.store = SqliteStore(path)
        draw = random.Random(SEED)
        layer = Overlay(Committed(self.store))
        for number in range(OFFERS):
            self._offer(layer, number, draw, processes)
        with self.store.commit():
            self.store.write_records({name: entry[0] for name, entry in layer.entries.items() if entry})

    def _offer(self, layer: Overlay, number: int, draw: random.Random, processes: int) -> None:
        ctx = _context(layer)
        capability = replace(
            MILLING,
            process=f"process-{draw.randrange(processes)}",
            tolerance_um=draw.choice((5, 10, 20, 50, 100, 200)),
            rate_per_hour=draw.randrange(5, 200),
            materials=tuple(sorted(draw.sample(("steel", "aluminium", "brass", "pom", "titanium"), 3))),
        )
        place = replace(
            PLACE, latitude_e6=draw.randrange(SOUTH, NORTH), longitude_e6=draw.randrange(WEST, EAST)
        )
        description: Description = replace(PRESS, place=place, capabilities=(capability,))
        from_ms = FROM_MS + draw.randrange(30) * DAY
        offer = Offer(
            state="open",
            asset_owner=f"maker-{number % 500}",
            asset=f"asset-{number}",
            asset_version=1,
            from_ms=from_ms,
            to_ms=from_ms + 30 * DAY,
            notice_ms=2 * DAY,
            smallest_ms=DAY,
            largest_ms=30 * DAY,
            tariff_owner="maker",
            tariff="t-1",
            tariff_version=1,
            nature="operating",
            crew="either",
        )
        enlist(ctx, offer.asset_owner, f"offer-{number}", offer, description)
        if number % BOOKED_SHARE == 0:
            start_ms = from_ms + draw.randrange(20) * DAY
            taken = Slot(offer.asset_owner, offer.asset, "", start_ms, start_ms + 7 * DAY)
            booking.book(ctx, f"lease-{number}", taken)
        ctx.layer.merge_into(layer)

    def ask(self, name: str, kind: Any, **arguments: Any) -> Any:
        """A query as a node answers it, and its client reads it."""
        with self.store.steady():
            ctx = _context(Overlay(Committed(self.store)))
            answer = encode(REGISTRY.query(ctx, name, msgspec.json.decode(encode(arguments))))
        return msgspec.json.decode(answer, type=kind)


def _context(layer: Overlay) -> Context:
    return Context(
        REGISTRY, Overlay(layer), time_ms=START_MS, height=1, chain="0" * 64, rules=limits.RULES_MAX
    )


AROUND = Around(31_230_000, 113_000_000, 300_000)
WEEK = {"from_ms": FROM_MS + 20 * DAY, "to_ms": FROM_MS + 27 * DAY}
NARROW = Wanted("process-0", material="steel", tolerance_um=50, rate_per_hour=30, **WEEK)


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        board = Board(Path(folder) / "many.db", PROCESSES)
        for work, wanted, around in (
            ("search: capability, a free week, within 300 km", NARROW, AROUND),
            ("search: capability, a free week, anywhere", NARROW, None),
            ("search: a process, anywhere, all that is open", Wanted("process-0"), None),
        ):
            yield _row(board, f"{work} ({PROCESSES} processes)", wanted, around)
        board.store.close()
        board = Board(Path(folder) / "one.db", 1)
        yield _row(board, "search: all offers of one process, within 300 km", NARROW, AROUND)
        yield _row(board, "search: all offers of one process, anywhere", NARROW, None)
        board.store.close()


def _row(board: Board, work: str, wanted: Wanted, around: Around | None) -> Row:
    hits = search(board.ask, wanted, around)
    took_s = cpu_seconds(lambda: search(board.ask, wanted, around), repeat=9)
    return Row(work, 1_000 * took_s, "ms", 1_000 * GOAL_S, detail=f"{OFFERS:,} offers, {len(hits)} found")
