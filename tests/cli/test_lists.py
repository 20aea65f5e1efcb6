"""Every list of the command line: JSON, CSV and xlsx; JSON byte for byte the same in both languages."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from openpyxl import load_workbook

from hansa.cli.common import Form, show_rows
from hansa.cli.main import COMMANDS
from tests.cli.fair import at, day, fair
from tests.cli.shell import Shell
from tests.cli.test_membership import Town

ROOT = Path(__file__).resolve().parents[2]
GENERIC = ("get", "tx")
"""Groups with a command for each query or action of the ledger: raw values, no words."""
MAY_BE_EMPTY = {
    "approve list", "approve rules", "claim list", "lease chain", "lease statements", "tx list", "vote list",
    "evidence list", "money unapplied", "validator keys", "validator list",
}  # fmt: skip
"""Lists that hold nothing in this town."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with fair(tmp_path_factory.mktemp("fair")) as made:
        yield made


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    for name in command.commands if path[0] in GENERIC else command.list_commands(click.Context(command)):
        found = command.get_command(click.Context(command), name)
        assert found is not None
        yield from walk(found, (*path, name))


def options(command: click.Command) -> set[str]:
    return {option for each in command.params for option in each.opts}


LISTS = sorted(
    path
    for name, (module, attribute, _) in COMMANDS.items()
    for path, command in walk(getattr(importlib.import_module(module), attribute), (name,))
    if "--csv" in options(command)
)


def asked(folder: Path) -> dict[str, tuple[object, ...]]:
    """What lists are asked with, those that need to be told."""
    return {
        "claim list": ("service-1",),
        "evidence list": ("service-1",),
        "index show": ("cpi",),
        "lease chain": ("maker", "mill-7", "--from", at(20), "--to", at(48)),
        "lease sheet": ("week-1",),
        "lease statements": ("week-1",),
        "offer calendar": ("maker", "weeks", "--zone", "UTC"),
        "offer lease-or-buy": (
            ROOT / "docs" / "reference" / "lease-or-buy.toml", "--tariff",
            ROOT / "src" / "hansa" / "apps" / "billing" / "templates" / "pay-per-piece.json",
        ),
        "offer search": ("milling", "--near", "31.40,121.00", "--quantity", "700"),
        "pay export": ("--accounts", folder / "accounts.toml"),
        "pay match": (
            folder / "bank.csv", "--mapping", folder / "bank.toml", "--accounts", folder / "accounts.toml",
        ),
        "price show": ("spot",),
        "statement accrual": ("--at", day(3)),
        "statement journal": ("--from", day(-5), "--to", day(0)),
        "statement lines": ("service-1", day(-2)),
        "tariff check": (folder / "daily.json",),
        "tariff read": ("maker/daily",),
    }  # fmt: skip


def who(town: Town, path: str) -> Shell:
    """Whoever has something in the list."""
    return town.shells["plant" if path in ("pay list", "pay export", "money withdrawals") else "maker"]


def told(town: Town, path: str, *form: object, lang: str = "en") -> Any:
    more = asked(town.folder).get(path, ())
    if path == "money withdrawals":
        more = ("--bank", "bank")
    elif path == "money balance":
        return town.shells["plant"].do(*path.split(), *more, *form, HANSA_LANG=lang)
    return who(town, path).do(*path.split(), *more, *form, HANSA_LANG=lang)


def test_the_lists_are_found() -> None:
    assert len(LISTS) >= 40
    assert {"money owed", "statement list", "tx list", "lease list", "tariff read"} <= set(LISTS)


@pytest.mark.parametrize("path", LISTS)
def test_json_of_a_list_is_the_same_in_every_language(town: Town, path: str) -> None:
    english = told(town, path, "--json").out
    assert told(town, path, "--json", lang="zh").out == english
    assert json.loads(english) or path in MAY_BE_EMPTY


@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_written_as_csv_and_as_a_workbook(town: Town, path: str, tmp_path: Path) -> None:
    csv = told(town, path, "--csv").out
    assert csv.count("\n") >= 2 or path in MAY_BE_EMPTY
    file = tmp_path / "list.xlsx"
    said = told(town, path, "--xlsx", file, lang="zh").out
    sheet: Any = load_workbook(file).worksheets[0]
    assert sheet.max_column >= 2
    assert str(file) in said


def test_a_name_in_csv_does_not_run_as_a_formula(capsys: pytest.CaptureFixture[str]) -> None:
    name = "=HYPERLINK(1)"
    show_rows("en", (("名称", "name"), ("数", "count")), [(name, -5), (" ＋x", None)], Form(csv=True))
    assert capsys.readouterr().out == "name,count\n'=HYPERLINK(1),-5\n' ＋x,\n"
