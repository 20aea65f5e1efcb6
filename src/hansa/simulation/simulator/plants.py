"""What a planted fault is: a bug put into a run on purpose, to see that the simulator finds it."""

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from random import Random
from typing import NamedTuple

from hansa.simulation.simulator.run import Options


class Plant(NamedTuple):
    """A named bug. `into` gives the options of a run that has it, for as long as the `with` lasts."""

    name: str
    zh: str
    en: str
    into: Callable[[Options, Random], AbstractContextManager[Options]]
    """Its chance comes from the seed, as everything does."""


def known() -> Mapping[str, Plant]:
    """All that there are, by name."""
    found: Mapping[str, Plant] = importlib.import_module("hansa.simulation.simulator.planted").PLANTS
    return found
