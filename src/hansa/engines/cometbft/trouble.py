"""What the engine says before it gives up, in words of its own; and what it means for the node's operator."""

import re

from hansa.engines.cometbft import errors
from hansa.kernel import Refusal

LINE_CHARACTERS_MAX = 10_000

_MEANINGS: tuple[tuple[re.Pattern[str], type[Refusal]], ...] = (
    (re.compile(r"app block height \(\d+\) is higher than core"), errors.Behind),
    (re.compile(r"AppHash does not match AppHash after replay"), errors.Behind),
    (re.compile(r"app block height \(\d+\) is too far below block store base"), errors.TooFarBehind),
    (
        re.compile(r"committed an invalid block: wrong Block\.Header\.(AppHash|LastResultsHash)"),
        errors.Diverged,
    ),
    # While it catches up: the votes on that block were verified before this.
    (re.compile(r"Error in validation.*wrong Block\.Header\.(AppHash|LastResultsHash)"), errors.Diverged),
    (re.compile(r"app version mismatch"), errors.OtherVersion),
    (re.compile(r"genesis doc hash in db does not match"), errors.OtherGenesisKept),
)


def explained(line: str) -> Refusal | None:
    """What a line of the engine's log means, if it is one of those that end its work; None for any other."""
    for pattern, kind in _MEANINGS:
        if pattern.search(line[:LINE_CHARACTERS_MAX]):
            return kind()
    return None


def disk_trouble(line: str) -> Refusal | None:
    """What a line of the engine's log says of its disk: it signs nothing more, but goes on and does not end.

    A restart mends it once there is room, so this is no last word.
    """
    found = _DISK.search(line[:LINE_CHARACTERS_MAX])
    return None if found is None else errors.EngineDisk(cause=found.group().lower())


_DISK = re.compile(r"no space left on device|file too large|disk quota exceeded|input/output error", re.I)
