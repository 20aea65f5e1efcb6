"""By whose clock a clerk reads and types: that of the calendar which an offer, lease or agreement goes by."""

from hansa.apps.billing.messages import Agreement, PublishedTariff
from hansa.apps.leasing.text_draft import Draft
from hansa.cli.common import Desk
from hansa.cli.pay import AtDesk
from hansa.client.accruals import agreements
from hansa.client.publishing import calendar_of


def zone_of(at: Desk, owner: str, tariff: str, version: int) -> str:
    """Zone of a published tariff's calendar, asked once; "" where there is no such tariff."""
    name = (owner, tariff, version)
    if name not in at.zones:
        at.zones[name] = _zone(at, *name)
    return at.zones[name]


def zone_of_agreement(at: Desk, name: str) -> str:
    """Zone of an agreement's calendar; "" where there is no such agreement."""
    found = at.ask("billing.agreement_of", Agreement | None, agreement=name)
    return zone_of(at, found.tariff_owner, found.tariff, found.tariff_version) if found else ""


def zone_of_lease(at: Desk, name: str) -> str:
    """Zone of a lease's calendar, or of what is reserved; "" where there is none of that name."""
    found: Draft | None = at.ask("leasing.draft_of", Draft | None, lease=name)
    return found.calendar.zone if found else ""


def zones_of_agreements(at: Desk) -> dict[str, str]:
    """Zone of each agreement of one's own, by its id: a list of many items asks once for all of them."""
    return {
        name: zone_of(at, found.tariff_owner, found.tariff, found.tariff_version)
        for name, found in agreements(AtDesk(at), at.profile.member)
    }


def _zone(at: Desk, owner: str, tariff: str, version: int) -> str:
    found = at.ask("billing.tariff_of", PublishedTariff | None, owner=owner, tariff=tariff, version=version)
    calendar = calendar_of(at.ask, found.calendar_owner, found.calendar) if found else None
    return calendar.zone if calendar else ""
