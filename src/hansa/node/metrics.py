"""Figures for Prometheus, in a registry of their own. Labels come from closed sets: nobody can make more."""

from collections import Counter as Tally

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from hansa.kernel.refusal import CATALOGUE

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


class Metrics:
    """What a node counts. Methods are safe from any thread."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.height = Gauge("hansa_height", "Blocks in the ledger", registry=registry)
        self.block_time = Gauge("hansa_block_time_seconds", "Time of the newest block", registry=registry)
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
        self.disk = Gauge("hansa_disk_bytes", "Size of the data directory", registry=registry)
        self.disk_free = Gauge("hansa_disk_free_bytes", "Free on its disk", registry=registry)
        self.incidents = Gauge("hansa_incidents", "Incidents since the start", registry=registry)

    def decided(self, tally: Tally[str]) -> None:
        """So many transactions got these codes."""
        for code, count in tally.items():
            known = code if code == "ok" or code in CATALOGUE else "other"
            self._decided.labels(known).inc(count)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        found: bytes = generate_latest(self.registry)
        return found
