"""The scenario that `hansa simulate` runs where nobody names another: all rooms, all kinds of members."""

from hansa.simulation.simulator.invariants_all import everything
from hansa.simulation.simulator.scenario import Scenario
from hansa.simulation.simulator.traffic.business import PARAMETERS, Business


def business() -> Scenario:
    """A consortium at work, by the release's own rooms."""
    return Scenario("business", Business, everything, parameters=PARAMETERS)
