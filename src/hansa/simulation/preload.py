"""Loaded once in the process from which those of a play are forked, where the system can fork."""

import hansa.node.follower
import hansa.node.run
import hansa.simulation.processes
import hansa.simulation.tampering  # noqa: F401
