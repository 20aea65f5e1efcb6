"""Waiting for something that another process does."""

import time
from collections.abc import Callable


def until(what: Callable[[], object], within_s: float, pause_s: float = 0.05) -> bool:
    """Whether something came true within this time."""
    end = time.monotonic() + within_s
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
    return True
