"""How an operator would cheat: by changing its own program, or its own disk. For trials on copies only.

Nothing here is used by a node as shipped; what these nodes serve looks, to others, like any node's answers.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from unittest.mock import patch

from hansa.apps.billing.closing import Closing, reckon
from hansa.apps.billing.deal import Deal
from hansa.apps.consortium.calendars import Period
from hansa.apps.metering.messages import CounterRecord, Feed
from hansa.apps.metering.tables import FEEDS, RECORDS
from hansa.engines.blocks import unpack_writes
from hansa.engines.ledger import Ledger
from hansa.engines.signed import Signed, beside
from hansa.engines.store import SqliteStore
from hansa.kernel import Context, encode, lthash, replace
from hansa.kernel.canonical import decode

_UNTIL = ("blocks", "transactions", "events", "writes")


def overstating(by_minor: int) -> AbstractContextManager[object]:
    """Within: statements come to so many minor units more than their lines."""

    def overstated(ctx: Context, name: str, deal: Deal, period: Period) -> Closing:
        closing = reckon(ctx, name, deal, period)
        stated = replace(
            closing.statement,
            net_minor=closing.statement.net_minor + by_minor,
            gross_minor=closing.statement.gross_minor + by_minor,
        )
        return closing._replace(statement=stated)

    return patch("hansa.apps.billing.closing.reckon", overstated)


def altering(by: int) -> AbstractContextManager[object]:
    """Within: a ledger, once it is opened, has a counter record in its middle changed, with all its sums."""
    honest = Ledger._open

    def altered(ledger: Ledger) -> None:
        honest(ledger)
        alter(ledger, by)

    return patch.object(Ledger, "_open", altered)


def alter(ledger: Ledger, by: int) -> None:
    """Make the middle one of a ledger's counter records larger by so many base units."""
    rows = list(_counted(ledger))
    key, old = rows[len(rows) // 2]
    record = decode(old, CounterRecord)
    new = encode(replace(record, value=record.value + by))
    removed, added = (lthash.element(RECORDS.name, key, value) for value in (old, new))
    ledger.state_sum = lthash.update(ledger.state_sum, [removed], [added])
    with ledger.store.commit():
        ledger.store.write_records({(RECORDS.name, key): new})
        ledger.store.set_meta("state_sum", ledger.state_sum)


def _counted(ledger: Ledger) -> Iterator[tuple[bytes, bytes]]:
    """Records of counters, by key; of other feeds where there is no counter."""
    kinds = {"counter"}
    feeds = [
        (key, decode(value, Feed)) for table, key, value in ledger.store.records() if table == FEEDS.name
    ]
    if all(feed.kind not in kinds for _, feed in feeds):
        kinds = {feed.kind for _, feed in feeds}
    owned = tuple(key for key, feed in feeds if feed.kind in kinds)
    for table, key, value in ledger.store.records():
        if table == RECORDS.name and key.startswith(owned):
            yield key, value


def disown(path: Path, chain: str) -> None:
    """Beside a copied ledger, a record of signatures that knows of none: a liar's word that it is no copy."""
    signed = Signed(beside(path), chain)
    signed.begin()
    signed.close()


def rewind(path: Path, height: int) -> None:
    """Take a ledger's file back to a height, by its own write sets. Nobody may have it open."""
    store = SqliteStore(path)
    state_sum = store.meta("state_sum") or lthash.EMPTY
    with store.commit():
        for above in range(store.height(), height, -1):
            data = store.writes(above)
            assert data is not None
            rows = unpack_writes(data)
            removed = [lthash.element(table, key, new) for table, key, _, new in rows if new is not None]
            added = [lthash.element(table, key, old) for table, key, old, _ in rows if old is not None]
            state_sum = lthash.update(state_sum, removed, added)
            store.write_records({(table, key): old for table, key, old, _ in rows})
        store.set_meta("state_sum", state_sum)
    store.close()
    with closing(sqlite3.connect(path)) as db, db:
        for table in _UNTIL:
            db.execute(f"DELETE FROM {table} WHERE height > ?", (height,))
        db.execute("DELETE FROM nodes WHERE ((position + 1) << level) > ?", (height,))
