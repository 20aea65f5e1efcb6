"""All rooms of this release; with rooms from outside that are installed beside it, in one release."""

from collections.abc import Mapping

from hansa.apps.billing.contract import ROOM as BILLING
from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.apps.leasing.contract import ROOM as LEASING
from hansa.apps.metering.contract import ROOM as METERING
from hansa.apps.money.contract import ROOM as MONEY
from hansa.kernel import Registry, Release, Room, RoomPin


def release(foreign: Mapping[RoomPin, Room] | None = None) -> Release:
    """The rooms by which a node executes."""
    return Release([CONSORTIUM, METERING, MONEY, BILLING, LEASING], foreign)


def registry() -> Registry:
    """The rooms of this release under its newest rules: for clients, references and tests."""
    return release().registry()
