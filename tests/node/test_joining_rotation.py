"""Another consensus key takes the place of the old one once the ledger names it, and never before."""

import json
from pathlib import Path

import pytest

from hansa.client.keyfiles import new_key, read_key, write_key
from hansa.kernel.facts import address
from hansa.node import errors_joining as errors
from hansa.node.joining_rotation import NEXT_KEY, STATE, due, next_key, take_over

SIGNED = {"height": "41", "round": 2, "step": 3, "signature": "c2ln", "signbytes": "AB"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_key(tmp_path / "validator.key", new_key().seed)
    (tmp_path / STATE).parent.mkdir(parents=True)
    (tmp_path / STATE).write_text(json.dumps(SIGNED))
    return tmp_path


def test_the_same_next_key_until_it_serves(folder: Path) -> None:
    assert next_key(folder) == next_key(folder)


def test_nothing_moves_before_the_ledger_names_the_next_key(folder: Path) -> None:
    old, new = read_key(folder / "validator.key"), next_key(folder)
    assert not due(folder, old.public)
    assert not take_over(folder, old.public)
    assert read_key(folder / "validator.key") == old
    assert json.loads((folder / STATE).read_text()) == SIGNED
    assert due(folder, new.public)


def test_the_new_key_takes_over_and_signs_nothing_at_or_below(folder: Path) -> None:
    old, new = read_key(folder / "validator.key"), next_key(folder)
    assert take_over(folder, new.public)
    assert read_key(folder / "validator.key") == new
    assert not (folder / NEXT_KEY).exists()
    assert json.loads((folder / STATE).read_text()) == {"height": "41", "round": 2, "step": 3}
    assert read_key(folder / f"validator.{address(old.public)}.key") == old
    assert not take_over(folder, new.public)


def test_what_was_interrupted_goes_on(folder: Path) -> None:
    old, new = read_key(folder / "validator.key"), next_key(folder)
    (folder / "validator.key").rename(folder / f"validator.{address(old.public)}.key")
    assert take_over(folder, new.public)
    assert read_key(folder / "validator.key") == new


def test_a_key_that_was_replaced_never_comes_back(folder: Path) -> None:
    old = read_key(folder / "validator.key")
    write_key(folder / f"validator.{address(old.public)}.key", old.seed)
    new = next_key(folder)
    with pytest.raises(errors.OldKeyThere):
        take_over(folder, new.public)
    assert read_key(folder / "validator.key") == old


def test_a_damaged_state_stops_it_before_any_key_moves(folder: Path) -> None:
    old, new = read_key(folder / "validator.key"), next_key(folder)
    (folder / STATE).write_text("{")
    with pytest.raises(errors.SignStateDamaged):
        take_over(folder, new.public)
    assert read_key(folder / "validator.key") == old
