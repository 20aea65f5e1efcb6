"""What stands proposed, read whole: so that a party accepts what it has seen, and nothing else."""

from collections.abc import Callable
from typing import Any

from hansa.apps.billing.deal import Deal, content
from hansa.apps.billing.messages import Accept, Agreement, PublishedTariff
from hansa.apps.consortium.calendars import Calendar
from hansa.apps.consortium.messages import CalendarRecord
from hansa.client import Client


def proposed(client: Client, agreement: str) -> Deal:
    """An agreement with its tariff and calendar as they stand; its feeds are left out."""
    found = client.query("billing.agreement_of", Agreement, agreement=agreement)
    published, calendar = priced_by(client.query, found)
    return Deal(found, published.tariff, calendar, {})


def priced_by(ask: Callable[..., Any], agreement: Agreement) -> tuple[PublishedTariff, Calendar]:
    """The tariff of an agreement, and the calendar of the tariff. `ask(query, kind, **arguments)`."""
    published: PublishedTariff = ask(
        "billing.tariff_of",
        PublishedTariff,
        owner=agreement.tariff_owner,
        tariff=agreement.tariff,
        version=agreement.tariff_version,
    )
    kept: CalendarRecord = ask(
        "consortium.calendar_of",
        CalendarRecord,
        member=published.calendar_owner,
        calendar=published.calendar,
    )
    return published, kept.calendar


def acceptance(agreement: str, deal: Deal) -> Accept:
    """The acceptance of exactly this deal. Compare the deal with what was negotiated before signing it."""
    return Accept(agreement=agreement, content=content(agreement, deal))
