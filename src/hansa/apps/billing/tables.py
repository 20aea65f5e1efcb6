"""The room's tables."""

from typing import Any

from hansa.apps.billing.attribution import Claim
from hansa.apps.billing.carrying import Carry
from hansa.apps.billing.messages import (
    Account,
    Agreement,
    Billed,
    DayRecord,
    GapRecord,
    Kept,
    Late,
    PublishedTariff,
    Statement,
    UsageRecord,
)
from hansa.apps.billing.messages_life import (
    Correction,
    LateDebt,
    LateItem,
    Life,
    OpenItems,
    OwedFor,
    UsedNumber,
)
from hansa.apps.billing.messages_prices import IndexValue, PublishedSeries, SeriesDay, SlotRecord
from hansa.kernel import Table

TARIFFS = Table(
    "billing.tariffs", key=("owner", "tariff", "version"), record=PublishedTariff, integers=("version",)
)
AGREEMENTS = Table("billing.agreements", key=("agreement",), record=Agreement)
KEPT = Table("billing.kept", key=("agreement",), record=Kept)
ACCOUNTS = Table("billing.accounts", key=("owner", "feed", "agreement", "meter"), record=Account)
USAGE = Table(
    "billing.usage", key=("agreement", "meter", "period_ms"), record=UsageRecord, integers=("period_ms",)
)
DAYS = Table("billing.days", key=("agreement", "meter", "day"), record=DayRecord, integers=("day",))
GAPS = Table("billing.gaps", key=("agreement", "meter", "from_ms"), record=GapRecord, integers=("from_ms",))
LATE = Table("billing.late", key=("agreement",), record=Late)
BILLED = Table(
    "billing.billed",
    key=("agreement", "period_ms", "stated_ms"),
    record=Billed,
    integers=("period_ms", "stated_ms"),
)
STATEMENTS = Table(
    "billing.statements", key=("agreement", "period_ms"), record=Statement, integers=("period_ms",)
)
CLAIMS = Table(
    "billing.claims", key=("agreement", "period_ms", "claim"), record=Claim, integers=("period_ms",)
)
CARRIED = Table("billing.carried", key=("agreement", "period_ms"), record=Carry, integers=("period_ms",))
"""What each closed period leaves to those after it."""

LIVES = Table("billing.lives", key=("agreement", "period_ms"), record=Life, integers=("period_ms",))
CORRECTIONS = Table(
    "billing.corrections",
    key=("agreement", "period_ms", "correction"),
    record=Correction,
    integers=("period_ms", "correction"),
)
OPEN = Table("billing.open", key=("agreement",), record=OpenItems)
OWED_FOR = Table("billing.owed_for", key=("obligation",), record=OwedFor)
NUMBERS = Table("billing.numbers", key=("issuer", "kind", "number"), record=UsedNumber)
INTEREST = Table(
    "billing.interest",
    key=("agreement", "obligation"),
    record=LateItem,
)
LATE_DEBTS = Table(
    "billing.late_debts",
    key=("agreement", "look_ms", "obligation"),
    record=LateDebt,
    integers=("look_ms",),
)
LIFE: tuple[Table[Any], ...] = (LIVES, CORRECTIONS, OPEN, OWED_FOR, NUMBERS, INTEREST, LATE_DEBTS)

SLOTS = Table("billing.slots", key=("agreement", "meter", "day"), record=SlotRecord, integers=("day",))
SERIES = Table(
    "billing.series", key=("owner", "series", "version"), record=PublishedSeries, integers=("version",)
)
SERIES_DAYS = Table(
    "billing.series_days",
    key=("owner", "series", "version", "day"),
    record=SeriesDay,
    integers=("version", "day"),
)
INDICES = Table(
    "billing.indices", key=("owner", "index", "from_day"), record=IndexValue, integers=("from_day",)
)
PRICES: tuple[Table[Any], ...] = (SLOTS, SERIES, SERIES_DAYS, INDICES)

ALL = (
    *PRICES,
    *LIFE,
    TARIFFS,
    AGREEMENTS,
    KEPT,
    ACCOUNTS,
    USAGE,
    DAYS,
    GAPS,
    LATE,
    BILLED,
    STATEMENTS,
    CLAIMS,
    CARRIED,
)
BOOKED: tuple[Table[Any], ...] = (USAGE, DAYS, GAPS, SLOTS)
"""What is kept of a meter's records, under (agreement, meter, …)."""
