"""docs/reference/demo-json.md names every field of `hansa demo --json`, with its type, and no other."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.demo_run import DemoRun, demo_run

__all__ = ["demo_run"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "demo-json.md"
TYPES = {"integer": int, "string": str, "boolean": bool, "null": type(None)}


def told() -> dict[str, tuple[type, ...]]:
    rows = re.findall(r"^\| `([^`]+)` \| ([a-z ]+) \|", PAGE.read_text("utf-8"), re.M)
    return {path: tuple(TYPES[name] for name in kinds.split(" or ")) for path, kinds in rows}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        yield path, value


def demo(folder: Path, *arguments: str) -> tuple[int, Any]:
    command = "from hansa.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "demo", "--json", *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def printed(demo_run: DemoRun) -> Any:
    assert demo_run.status == 0, demo_run.err
    return demo_run.json


def test_every_printed_field_is_told_with_its_type_and_no_other(printed: Any) -> None:
    known = told()
    found = list(leaves(printed))
    assert {path for path, _ in found} == set(known)
    assert [(path, value) for path, value in found if type(value) not in known[path]] == []


def test_what_the_page_says_of_the_fields_holds(printed: Any) -> None:
    assert [each["period"][0][:10] for each in printed["statements"]] == ["2026-08-20", "2026-09-01"]
    for statement in printed["statements"]:
        for sum_ in ("net_minor", "tax_minor", "gross_minor"):
            assert statement[sum_] == sum(line[sum_] for line in statement["lines"])
        assert [line["number"] for line in statement["lines"]] == list(range(1, len(statement["lines"]) + 1))
    assert all(Path(printed[name]).is_absolute() for name in printed if name.endswith("_file"))
    assert {gap["rule"] for gap in printed["gaps"]} <= set(
        re.findall(r"`([a-z_]+)`", PAGE.read_text("utf-8"))
    )


def test_a_refusal_is_one_object_with_status_2(tmp_path: Path) -> None:
    status, found = demo(tmp_path, "--log", "nothing-here", "--map", "no-map.toml")
    assert status == 2
    assert set(found) == {"refusal"}
    assert set(found["refusal"]) >= {"code", "field", "clause", "zh", "en"}
