"""What stands proposed, read whole: so that a party accepts what it has seen, and nothing else."""

from hansa.apps.billing.deal import Deal, content
from hansa.apps.billing.messages import Accept, Agreement, PublishedTariff
from hansa.apps.consortium.messages import CalendarRecord
from hansa.client import Client


def proposed(client: Client, agreement: str) -> Deal:
    """An agreement with its tariff and calendar as they stand; its feeds are left out."""
    found = client.query("billing.agreement_of", Agreement, agreement=agreement)
    published = client.query(
        "billing.tariff_of",
        PublishedTariff,
        owner=found.tariff_owner,
        tariff=found.tariff,
        version=found.tariff_version,
    )
    calendar = client.query(
        "consortium.calendar_of",
        CalendarRecord,
        member=published.calendar_owner,
        calendar=published.calendar,
    )
    return Deal(found, published.tariff, calendar.calendar, {})


def acceptance(agreement: str, deal: Deal) -> Accept:
    """The acceptance of exactly this deal. Compare the deal with what was negotiated before signing it."""
    return Accept(agreement=agreement, content=content(agreement, deal))
