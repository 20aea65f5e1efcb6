"""From the raw text of a cell to the integer of a feed."""

import re
from collections.abc import Callable, Sequence

from hansa.edge import log_limits as limits
from hansa.edge.log_errors import BadCell, refusal, shown
from hansa.edge.log_units import CLOCK_UNITS, clock_floor, exact_floor, number_pattern
from hansa.edge.mapping_model import FeedSpec

LOST = -1
"""In place of a value: the log says that there is no signal."""
NO_READING = -2
"""In place of a value: the cell says nothing at all."""


class RawValues(dict[str, int]):
    """Raw text → integer of one feed, LOST or NO_READING. Each text is parsed once; raises BadCell."""

    def __init__(self, parse: Callable[[str], int], lost: Sequence[str], ignore: Sequence[str]) -> None:
        super().__init__()
        self._parse = parse
        self._lost = {text.strip().casefold() for text in lost}
        self._ignore = {text.strip().casefold() for text in ignore}

    def __missing__(self, raw: str) -> int:
        text = raw.strip()
        folded = text.casefold()
        if folded in self._ignore:
            value = NO_READING
        elif folded in self._lost:
            value = LOST
        else:
            value = self._parse(text)
        if len(self) < limits.CACHE_MAX:
            self[raw] = value
        return value


class StateNames:
    """Raw states → index into `names`, in order of first sight; index 0 is `unknown`."""

    def __init__(self, spec: FeedSpec) -> None:
        self.names = ["unknown"]
        self._table = dict(spec.states)
        self._folded = {raw.strip().casefold(): name for raw, name in spec.states.items()}
        self._field = f"feed[{spec.name}]"

    def index(self, text: str) -> int:
        name = self._table.get(text) or self._folded.get(text.casefold())
        if name is None:
            name = re.sub(r"[^A-Z0-9]+", "_", text.upper(), flags=re.ASCII).strip("_")[:64]
        if not name:
            raise BadCell("edge.state_unnamed", value=shown(text))
        if name in ("unknown", "UNKNOWN"):
            return LOST
        if name not in self.names:
            if len(self.names) > limits.STATES_MAX:
                raise refusal("edge.too_many_states", self._field, limit=limits.STATES_MAX)
            self.names.append(name)
        return self.names.index(name)


def number_parser(spec: FeedSpec, decimal: str, thousands: str) -> Callable[[str], int]:
    """Text of a number → the feed's integer: base units, or mW for power; floored. Raises BadCell."""
    factor = spec.factor * 1000 if spec.kind == "power" else spec.factor
    if spec.unit.strip().lower() in CLOCK_UNITS:
        return lambda text: clock_floor(text, factor)
    pattern = number_pattern(decimal, thousands)
    top, bottom = factor.numerator, factor.denominator

    def parse(text: str) -> int:
        # Plain digits are the common case and need no pattern.
        if text.isdecimal() and text.isascii() and len(text) <= 15:
            value = int(text) * top // bottom
            if value <= limits.VALUE_MAX:
                return value
        return exact_floor(text, pattern, factor)

    return parse
