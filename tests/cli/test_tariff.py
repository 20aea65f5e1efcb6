"""`hansa tariff`: templates listed, shown, copied; a sheet of one's own checked and told in sentences."""

import json
from pathlib import Path

import pytest

from hansa.client.tariff_templates import templates
from tests.cli.shell import Shell

NAMES = [found.name for found in templates()]


def test_templates_are_listed_with_what_they_are_for(quick: Shell) -> None:
    rows = quick.do("tariff", "list", "--json").json
    assert [row["name"] for row in rows] == NAMES
    assert len(NAMES) >= 8
    assert all(row["title"] and row["kinds"] for row in rows)


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_copied_edited_and_checked(quick: Shell, tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine.json"
    quick.do("tariff", "new", name, path)
    rows = quick.do("tariff", "check", path, "--json").json
    sheet = json.loads(path.read_text())
    assert [row["clause"] for row in rows[:-1]] == [element["clause"] for element in sheet["elements"]]
    assert quick.do("tariff", "show", name).out == path.read_text()
    sheet["elements"][0]["clause"] = "Not A Name"
    path.write_text(json.dumps(sheet))
    quick.refused("billing.sheet_name", "tariff", "check", path)


def test_what_is_there_is_not_overwritten(quick: Shell, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text("mine")
    quick.refused("tariff.file_there", "tariff", "new", NAMES[0], path)
    assert path.read_text() == "mine"


def test_what_cannot_be_is_named(quick: Shell, tmp_path: Path) -> None:
    quick.refused("tariff.template_unknown", "tariff", "show", "../secrets")
    quick.refused("tariff.template_unknown", "tariff", "new", "nothing", tmp_path / "x.json")
    quick.refused("tariff.file_unwritable", "tariff", "new", NAMES[0], tmp_path / "no" / "x.json")
    quick.refused("billing.sheet_unreadable", "tariff", "check", tmp_path / "none.json")
