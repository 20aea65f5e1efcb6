"""Run every bench that takes no more than minutes, or one by its name with its own options.

`python -m bench [name [--option value …]]`. A bench is a module here with `rows()`; those marked LONG run
only when they are named. Options are the keywords of `rows`.
"""

import importlib
import pkgutil
import sys
from typing import Any

import bench


def main(given: list[str]) -> None:
    names, options = _parsed(given)
    every = [m.name for m in pkgutil.iter_modules(bench.__path__) if not m.name.startswith("_")]
    print("| work | figure | goal | result | detail |\n|---|---|---|---|---|")
    for name in names or every:
        module = importlib.import_module(f"bench.{name}")
        if not names and getattr(module, "LONG", False):
            continue
        for row in getattr(module, "rows", tuple)(**options):
            print(row, flush=True)


def _parsed(given: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Names, then `--option whole-number` pairs."""
    first = next((at for at, text in enumerate(given) if text.startswith("--")), len(given))
    pairs = given[first:]
    options = {
        name.removeprefix("--"): int(value) for name, value in zip(pairs[::2], pairs[1::2], strict=True)
    }
    return given[:first], options


main(sys.argv[1:])
