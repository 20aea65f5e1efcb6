"""Files for their user alone: a ledger holds what companies tell only each other."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

OTHERS = 0o077
"""Rights of everybody but the user."""


@contextmanager
def private() -> Iterator[None]:
    """Within (or as a decorator): what this process makes, others of this machine cannot open.

    Folders have mode 0700, files 0600, where the system has such modes.
    """
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)
