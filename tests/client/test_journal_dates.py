"""Which date a voucher of money has: the bank's while the month is open, else the day it was recorded."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from hansa.apps.money.messages import Owing, Received
from hansa.client.journal_accounts import read_chart
from hansa.client.journal_known import Told
from hansa.client.journal_money import MoneyBooks, money_vouchers
from hansa.client.tables import EPOCH
from tests.apps.tariffs import calendar_of

CHART = read_chart("cas")
SHANGHAI = calendar_of("Asia/Shanghai")


def ms(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        milliseconds=1
    )


def day_of(event: Owing | Received, at: str, open_days: int = 5, timezone: str = "Asia/Shanghai") -> str:
    chart = msgspec.structs.replace(CHART, open_days=open_days, timezone=timezone)
    books = MoneyBooks("maker", [Told(7, 3, ms(at), event)], calendars={"g-1": SHANGHAI})
    (voucher,) = money_vouchers(books, chart)
    assert voucher.number == "M-7.3"
    return str(EPOCH + timedelta(days=voucher.day))


@pytest.mark.parametrize(
    ("recorded", "value", "open_days", "day"),
    [
        ("2025-04-20T03:00", "2025-04-18", 5, "2025-04-18"),
        ("2025-04-03T03:00", "2025-03-30", 5, "2025-03-30"),
        ("2025-04-05T15:59", "2025-03-01", 5, "2025-03-01"),
        ("2025-04-05T16:00", "2025-03-30", 5, "2025-04-06"),
        ("2025-04-03T03:00", "2025-02-28", 5, "2025-04-03"),
        ("2025-04-01T03:00", "2025-03-31", 0, "2025-04-01"),
        ("2025-04-28T03:00", "2025-03-31", 28, "2025-03-31"),
        ("2025-01-04T03:00", "2024-12-31", 5, "2024-12-31"),
        ("2025-04-20T03:00", "2025-04-21", 5, "2025-04-20"),
    ],
)
def test_a_receipt_has_its_value_date_while_the_month_is_open(
    recorded: str, value: str, open_days: int, day: str
) -> None:
    receipt = Received("maker", "0" * 64, "CNY", 5, ms(value))
    assert day_of(receipt, recorded, open_days) == day


@pytest.mark.parametrize(
    ("subject", "at", "timezone", "day"),
    [
        ("g-1", "2025-03-31T16:30", "UTC", "2025-04-01"),
        ("g-1", "2025-03-31T15:30", "UTC", "2025-03-31"),
        ("", "2025-03-31T16:30", "UTC", "2025-03-31"),
        ("", "2025-03-31T16:30", "Asia/Shanghai", "2025-04-01"),
        ("g-2", "2025-03-31T22:30", "Europe/Berlin", "2025-04-01"),
        ("g-1", "2065-03-31T16:30", "UTC", "2065-03-31"),
    ],
)
def test_whatever_else_happens_has_the_local_date_of_its_agreement(
    subject: str, at: str, timezone: str, day: str
) -> None:
    """Without a calendar of its own, or long after it ends, that of the chart's clock."""
    owed = Owing("o-1", "plant", "maker", "CNY", 5, 0, "interest", "RF00", subject)
    assert day_of(owed, at, timezone=timezone) == day
