"""All rooms of this release, in one registry."""

from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.kernel import Registry


def registry() -> Registry:
    return Registry([CONSORTIUM])
