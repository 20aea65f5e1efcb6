"""Figures for Prometheus, in a registry of their own. Labels come from closed sets: nobody can make more."""

import shutil
import time
from collections import Counter as Tally
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from hansa.kernel.refusal import CATALOGUE
from hansa.node import limits

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


class Metrics:
    """What a node counts. Methods are safe from any thread."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.height = Gauge("hansa_height", "Blocks in the ledger", registry=registry)
        self._decided = Counter(
            "hansa_transactions", "Transactions decided, by outcome code", ["code"], registry=registry
        )
        self.refused_early = Counter(
            "hansa_requests_refused", "Requests refused before their transactions were looked at", ["code"],
            registry=registry,
        )  # fmt: skip
        self.queue = Gauge(
            "hansa_queue_transactions", "Transactions that wait or are decided", registry=registry
        )
        self.queue_bytes = Gauge("hansa_queue_bytes", "Their size", registry=registry)
        self.group = Histogram(
            "hansa_group_transactions", "Transactions that the writer took at a time", buckets=SIZES,
            registry=registry,
        )  # fmt: skip
        self.check_time = Histogram(
            "hansa_check_seconds", "Checking a group's signatures", buckets=SECONDS, registry=registry
        )
        self.commit_time = Histogram(
            "hansa_commit_seconds",
            "Executing a group and making it durable",
            buckets=SECONDS,
            registry=registry,
        )
        self.wait_time = Histogram(
            "hansa_submit_seconds", "From a whole request to its answer", buckets=SECONDS, registry=registry
        )
        self.read_time = Histogram(
            "hansa_read_seconds", "Reads, with their wait", buckets=SECONDS, registry=registry
        )
        self.sessions = Gauge("hansa_sessions", "Open sessions", registry=registry)
        self.listeners = Gauge("hansa_listeners", "Listeners to events", registry=registry)
        self.records = Gauge("hansa_state_records", "Records of the state", registry=registry)
        self._disk = Gauge("hansa_disk_bytes", "Size of the data directory", registry=registry)
        self._disk_free = Gauge("hansa_disk_free_bytes", "Free on its disk", registry=registry)
        self._counted_height, self._counted_s = -1, -float(limits.RECORDS_COUNTED_EVERY_S)
        self.incidents = Gauge("hansa_incidents", "Incidents since the start", registry=registry)

    def decided(self, tally: Tally[str]) -> None:
        """So many transactions got these codes."""
        for code, count in tally.items():
            known = code if code == "ok" or code in CATALOGUE else "other"
            self._decided.labels(known).inc(count)

    def watch_disk(self, directory: Path) -> None:
        """Let the figures show what lies in this directory, and what is free there."""
        self._disk.set_function(lambda: sum(file.stat().st_size for file in directory.glob("*")))
        self._disk_free.set_function(lambda: shutil.disk_usage(directory).free)

    def records_are_old(self, height: int) -> bool:
        """Whether the number of records is to be counted anew: it changed, and some time has passed."""
        now = time.monotonic()
        if height == self._counted_height or now - self._counted_s < limits.RECORDS_COUNTED_EVERY_S:
            return False
        self._counted_height, self._counted_s = height, now
        return True

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        found: bytes = generate_latest(self.registry)
        return found
