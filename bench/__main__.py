"""Run every bench, or those named: `python -m bench [name …]`. A bench is a module here with `rows()`."""

import importlib
import pkgutil
import sys

import bench


def main(names: list[str]) -> None:
    every = [m.name for m in pkgutil.iter_modules(bench.__path__) if not m.name.startswith("_")]
    print("| work | figure | goal | result | detail |\n|---|---|---|---|---|")
    for name in names or every:
        module = importlib.import_module(f"bench.{name}")
        for row in getattr(module, "rows", tuple)():
            print(row, flush=True)


main(sys.argv[1:])
