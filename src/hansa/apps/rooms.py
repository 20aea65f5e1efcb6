"""All rooms of this release, in one registry."""

from hansa.apps.billing.contract import ROOM as BILLING
from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.apps.metering.contract import ROOM as METERING
from hansa.kernel import Registry


def registry() -> Registry:
    return Registry([CONSORTIUM, METERING, BILLING])
