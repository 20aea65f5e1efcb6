"""Five times what the node can do, for a minute: it goes on at its pace, and tells the rest when to come."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from bench.ground import Ground, running
from bench.measure import Row
from bench.node import AT_MOST_PER_S, LOADS, peak

LONG = True
SECONDS = 60
TIMES = 5
CONNECTIONS = 1_600
"""So many that the queue is full long before all of them wait for an answer."""


def _ground(folder: Path) -> AbstractContextManager[Ground]:
    """All connections come from one address here."""
    return running(
        folder, keys=CONNECTIONS, settings=f"[limits]\nconnections_per_address = {2 * CONNECTIONS}\n"
    )


def rows() -> Iterator[Row]:
    per_request, connections, _ = LOADS[0]
    with tempfile.TemporaryDirectory() as name, _ground(Path(name)) as ground:
        speed = peak(ground, per_request, connections).per_s
        tally = ground.load(
            CONNECTIONS, per_request, SECONDS, at_most_per_s=AT_MOST_PER_S / 1.6,
            rate_per_s=TIMES * speed / per_request, patient=False,
        )  # fmt: skip
        offered = tally.requests / tally.seconds * per_request
        silent = tally.requests - sum(tally.statuses.values())
        committed = tally.codes.get("ok", 0)
        memory_mb = ground.rss_mb()
        ground.stop()
        on_ledger = ground.counted()
        detail = (
            f"offered {offered / speed:.1f} × {speed:,.0f}/s; answers {tally.statuses}; {memory_mb:.0f} MB"
        )
        yield Row(
            f"overload for {SECONDS} s, committed", committed / tally.seconds / speed, "× peak", 0.8,
            at_most=False, detail=detail,
        )  # fmt: skip
        detail = f"{tally.refused:,} refused with a retry time; codes {tally.codes}"
        yield Row("overload, refused without a retry time", tally.unsaid, "requests", 0, detail=detail)
        yield Row("overload, requests without an answer", silent, "requests", 0)
        missing = sum(ground.used) - sum(on_ledger.values())
        detail = f"{sum(ground.used):,} acknowledged, {sum(on_ledger.values()):,} on the ledger"
        yield Row(
            "overload, acknowledged and not on the ledger", abs(missing), "transactions", 0, detail=detail
        )
