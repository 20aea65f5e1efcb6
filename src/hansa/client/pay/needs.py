"""Libraries of the extra `business`, loaded when they are needed."""

import importlib
from typing import Any

from hansa.client.pay import errors


def library(name: str) -> Any:
    """A module by its name. Raises LibraryMissing, which says what to install."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise errors.LibraryMissing(module=name.split(".")[0]) from None
