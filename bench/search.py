"""Search among 10,000 open offers on disk: by capability, calendar, distance; the client's part included.

What a node does for one query and what the client does with the answer, in one process, without the network.
"""

import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from bench.measure import Row, cpu_seconds
from hansa.apps.billing.messages import PublishedTariff
from hansa.apps.billing.tables import TARIFFS
from hansa.apps.billing.tariff import Tier
from hansa.apps.consortium.messages import CalendarRecord
from hansa.apps.consortium.tables import CALENDARS
from hansa.apps.leasing import booking
from hansa.apps.leasing.board import delist, enlist
from hansa.apps.leasing.messages_market import Description, Offer, Slot
from hansa.apps.rooms import registry
from hansa.client.market import Around, Order, Wanted, search
from hansa.engines.store import SqliteStore
from hansa.kernel import Context, encode, limits
from hansa.kernel import replace as changed
from hansa.kernel.state import Committed, Overlay
from tests.apps.leasing import DAY, FROM_MS, MILLING, PIECES, PLACE, PRESS, START_MS
from tests.apps.tariffs import PIECE, calendar_of

OFFERS = 10_000
MAKERS = 500
PROCESSES = 20
BOOKED_SHARE = 3
"""One asset in so many has a week of its month booked."""
COUNTRY = (22_000_000, 42_000_000, 100_000_000, 122_000_000)
TOWN = (31_100_000, 31_400_000, 112_850_000, 113_150_000)
"""South, north, west, east of where the assets stand."""
GOAL_S = 0.05
SEED = 20_261_122
REGISTRY = registry()


class Board:
    """A ledger on disk that holds offers, their tariffs and bookings only."""

    def __init__(
        self,
        path: Path,
        processes: int = 1,
        booked_share: int = BOOKED_SHARE,
        days: int = 7,
        box: tuple[int, int, int, int] = COUNTRY,
    ) -> None:
        self.store = SqliteStore(path)
        self.processes, self.box = processes, box
        self.draw = random.Random(SEED)
        layer = Overlay(Committed(self.store))
        self._publish(layer)
        for number in range(OFFERS):
            _, _, offer, _ = self._enlist(layer, number)
            if number % booked_share == 0:
                start_ms = offer.from_ms + self.draw.randrange(31 - days) * DAY
                taken = Slot(offer.asset_owner, offer.asset, "", start_ms, start_ms + days * DAY)
                _within(layer, booking.book, f"lease-{number}", taken)
        self._keep(layer)

    def _publish(self, layer: Overlay) -> None:
        """Each maker has a tariff of its own."""
        _within(layer, CALENDARS.put, ("maker", "c-1"), CalendarRecord(calendar_of("Asia/Shanghai")))
        for maker in range(MAKERS):
            price = changed(PIECE, tiers=(Tier(self.draw.randrange(100_000_000, 900_000_000)),))
            tariff = PublishedTariff(changed(PIECES, elements=(price,)), "maker", "c-1")
            _within(layer, TARIFFS.put, (f"maker-{maker}", "t-1", 1), tariff)

    def _keep(self, layer: Overlay) -> None:
        with self.store.commit():
            self.store.write_records(
                {name: entry[0] if entry else None for name, entry in layer.entries.items()}
            )

    def _enlist(self, layer: Overlay, number: int) -> tuple[str, str, Offer, Description]:
        draw = self.draw
        capability = changed(
            MILLING,
            process=f"process-{draw.randrange(self.processes)}",
            tolerance_um=draw.choice((5, 10, 20, 50, 100, 200)),
            rate_per_hour=draw.randrange(5, 200),
            materials=tuple(sorted(draw.sample(("steel", "aluminium", "brass", "pom", "titanium"), 3))),
        )
        south, north, west, east = self.box
        place = changed(
            PLACE, latitude_e6=draw.randrange(south, north), longitude_e6=draw.randrange(west, east)
        )
        description = changed(PRESS, place=place, capabilities=(capability,))
        from_ms = FROM_MS + draw.randrange(30) * DAY
        owner = f"maker-{number % MAKERS}"
        offer = Offer(
            state="open",
            asset_owner=owner,
            asset=f"asset-{number}",
            asset_version=1,
            from_ms=from_ms,
            to_ms=from_ms + 30 * DAY,
            notice_ms=2 * DAY,
            smallest_ms=DAY,
            largest_ms=30 * DAY,
            tariff_owner=owner,
            tariff="t-1",
            tariff_version=1,
            nature="operating",
            crew="either",
        )
        _within(layer, enlist, owner, f"offer-{number}", offer, description)
        return owner, f"offer-{number}", offer, description

    def come_and_go(self) -> None:
        """As many offers again are published, and end in another order."""
        layer = Overlay(Committed(self.store))
        made = [self._enlist(layer, OFFERS + number) for number in range(OFFERS)]
        self.draw.shuffle(made)
        for owner, name, _, description in made:
            _within(layer, delist, owner, name, description)
        self._keep(layer)

    def ask(self, name: str, kind: Any, **arguments: Any) -> Any:
        """A query as a node answers it, and its client reads it."""
        with self.store.steady():
            ctx = _context(Committed(self.store))
            answer = encode(REGISTRY.query(ctx, name, msgspec.json.decode(encode(arguments))))
        return msgspec.json.decode(answer, type=kind)


def _context(layer: Committed | Overlay) -> Context:
    return Context(
        REGISTRY, Overlay(layer), time_ms=START_MS, height=1, chain="0" * 64, rules=limits.RULES_MAX
    )


def _within(layer: Overlay, work: Any, *arguments: Any) -> None:
    """What an action does: on a layer of its own, then merged."""
    ctx = _context(layer)
    work(ctx, *arguments)
    ctx.layer.merge_into(layer)


NEAR = Around(31_230_000, 113_000_000, 300_000)
FAR = Around(31_230_000, 113_000_000, 3_000_000)
"""All offers lie within it."""
WEEK = Wanted(
    "process-0",
    material="steel",
    tolerance_um=50,
    rate_per_hour=30,
    from_ms=FROM_MS + 20 * DAY,
    to_ms=FROM_MS + 27 * DAY,
)
DAY_OF_MONTH = replace(WEEK, from_ms=FROM_MS, to_ms=FROM_MS + 30 * DAY, for_ms=DAY)
ALL = Wanted("process-0")


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        board = Board(Path(folder) / "many.db", PROCESSES)
        yield _row(board, f"a free week, within 300 km, {PROCESSES} processes", WEEK, NEAR)
        yield _row(board, f"a free week, anywhere, {PROCESSES} processes", WEEK)
        board.store.close()
        board = Board(Path(folder) / "one.db")
        yield _row(board, "a free week, within 300 km, one process", WEEK, NEAR)
        yield _row(board, "a free week, anywhere, one process", WEEK)
        yield _row(board, "a free week, the nearest of all", WEEK, FAR)
        yield _row(board, "a free day of a month, the first to be free", DAY_OF_MONTH, FAR, "start")
        yield _row(board, "a free week, the cheapest", replace(WEEK, quantity=1_000), FAR, "price")
        yield _row(board, "all that is open", ALL)
        yield _row(board, "all that is open, the nearest", ALL, FAR)
        board.come_and_go()
        yield _row(board, "all that is open, as many offers having ended", ALL)
        board.store.close()
        board = Board(Path(folder) / "full.db", booked_share=1, days=30)
        yield _row(board, "a free week, all being booked", WEEK)
        board.store.close()
        board = Board(Path(folder) / "town.db", box=TOWN)
        yield _row(board, "a free week, the nearest, all in one town", WEEK, NEAR)
        yield _row(board, "all that is open, the nearest, all in one town", ALL, NEAR)
        board.store.close()


def _row(
    board: Board, work: str, wanted: Wanted, around: Around | None = None, order: Order = "distance"
) -> Row:
    hits = search(board.ask, wanted, around, order)
    took_s = cpu_seconds(lambda: search(board.ask, wanted, around, order), repeat=9)
    detail = f"{OFFERS:,} offers, {len(hits)} told"
    return Row(f"search: {work}", 1_000 * took_s, "ms", 1_000 * GOAL_S, detail=detail)
