"""The room's tables."""

from hansa.apps.metering.messages import (
    Anchor,
    Batch,
    Contradiction,
    CounterRecord,
    Device,
    Fall,
    Feed,
    Generation,
    Head,
    Life,
    Numbers,
)
from hansa.kernel import Table

DEVICES = Table("metering.devices", key=("owner", "device"), record=Device)
GENERATIONS = Table(
    "metering.generations", key=("owner", "device", "generation"), record=Generation, integers=("generation",)
)
FEEDS = Table("metering.feeds", key=("owner", "feed"), record=Feed)
HEADS = Table("metering.heads", key=("owner", "feed"), record=Head)
RECORDS = Table(
    "metering.records",
    key=("owner", "feed", "at_ms", "generation", "sequence"),
    record=CounterRecord,
    integers=("at_ms", "generation", "sequence"),
)
NUMBERS = Table(
    "metering.numbers", key=("owner", "feed", "generation"), record=Numbers, integers=("generation",)
)
BATCHES = Table(
    "metering.batches",
    key=("owner", "feed", "generation", "first_sequence", "count"),
    record=Batch,
    integers=("generation", "first_sequence", "count"),
)
ANCHORS = Table("metering.anchors", key=("owner", "anchor"), record=Anchor)
FALLS = Table(
    "metering.falls",
    key=("owner", "feed", "first_ms", "generation", "sequence"),
    record=Fall,
    integers=("first_ms", "generation", "sequence"),
)
LIVES = Table("metering.lives", key=("owner", "feed", "at_ms"), record=Life, integers=("at_ms",))
CONTRADICTIONS = Table(
    "metering.contradictions",
    key=("owner", "feed", "generation", "sequence"),
    record=Contradiction,
    integers=("generation", "sequence"),
)

ALL = (
    DEVICES,
    GENERATIONS,
    FEEDS,
    HEADS,
    RECORDS,
    NUMBERS,
    BATCHES,
    ANCHORS,
    FALLS,
    LIVES,
    CONTRADICTIONS,
)
