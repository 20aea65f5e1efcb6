"""The scenario that `hansa simulate` runs where nobody names another: all rooms, all kinds of members."""

from hansa.apps.rooms import release
from hansa.kernel import Release
from hansa.simulation.simulator.invariants_all import everything
from hansa.simulation.simulator.scenario import Scenario
from hansa.simulation.simulator.traffic import errands
from hansa.simulation.simulator.traffic.business import PARAMETERS, Business


def with_errands() -> Release:
    """The release's rooms, and one from outside that every node has installed and members vote for."""
    return release({errands.PIN: errands.ROOM})


def business() -> Scenario:
    """A consortium at work, by the release's own rooms."""
    return Scenario("business", Business, everything, release=with_errands, parameters=PARAMETERS)
