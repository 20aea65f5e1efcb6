"""A lost ledger never becomes a new beginning, and an older one orders nothing on its own word."""

import shutil
from pathlib import Path

import pytest

from hansa.apps.rooms import release
from hansa.engines import errors as engine_errors
from hansa.engines.embedded import Embedded
from hansa.engines.folder import begin
from hansa.engines.signed import Signed
from hansa.node import errors
from hansa.node import settings as files
from hansa.node.backup import catch_up
from hansa.node.metrics import Metrics
from hansa.node.operator import Operator
from hansa.node.run import open_operator
from tests.consortium import START_MS
from tests.node.test_backup import NODE, SHOW, Other, Town
from tests.node.world import founded


def opened(town: Town) -> Embedded:
    genesis = (town.directory / files.GENESIS).read_bytes()
    return Embedded(town.directory / files.LEDGER, genesis, NODE, town.consortium.clock, release=release())


def order(town: Town, engine: Embedded) -> int:
    return engine.submit([town.consortium.client("maker").sign(SHOW)])[0].height


@pytest.fixture
def town(tmp_path: Path) -> Town:
    made = Town(tmp_path / "node")
    made.consortium.close()
    return made


def test_up_founds_no_ledger(tmp_path: Path) -> None:
    settings = founded(tmp_path / "node")
    operator = open_operator(settings, lambda: START_MS, None)
    operator.engine.close()
    operator.reader.close()
    settings.file(files.LEDGER).unlink()
    for left in (files.SIGNED, "none"):
        settings.file(left).unlink(missing_ok=True)
        with pytest.raises(errors.LedgerGone):
            open_operator(settings, lambda: START_MS, None)
        assert not settings.file(files.LEDGER).exists()


def test_a_ledger_without_its_record_of_signatures_is_a_copy(town: Town) -> None:
    (town.directory / files.SIGNED).unlink()
    for _ in range(2):  # Opening it once changes nothing.
        engine = opened(town)
        with pytest.raises(engine_errors.Restored):
            order(town, engine)
        engine.close()
    assert catch_up(town.directory, NODE, release(), (), alone=True, clock=town.consortium.clock)
    engine = opened(town)
    assert order(town, engine) == engine.height == 6
    engine.close()


def test_a_start_that_broke_off_before_the_note_still_finds_a_copy(town: Town) -> None:
    (town.directory / files.SIGNED).unlink()
    Signed(town.directory / files.SIGNED, town.consortium.node.chain.id).close()
    engine = opened(town)
    with pytest.raises(engine_errors.Restored):
        order(town, engine)
    engine.close()


def test_all_blocks_come_from_a_follower_or_it_does_not_order(town: Town, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(town.directory / files.LEDGER, other / files.LEDGER)
    source = Town.__new__(Town)
    source.directory, source.consortium = other, town.consortium
    town.consortium.path = other / files.LEDGER
    town.consortium.node = Embedded(
        other / files.LEDGER, town.consortium.node.genesis_bytes, NODE, town.consortium.clock
    )
    for name in (files.LEDGER, files.SIGNED):
        (town.directory / name).unlink()
    asked = Other(source)
    asked.withheld = 3
    with pytest.raises(Exception, match="at block 2"):
        catch_up(town.directory, NODE, release(), (asked,), clock=town.consortium.clock)  # type: ignore[arg-type]
    engine = opened(town)
    with pytest.raises(engine_errors.Restored):
        order(town, engine)
    engine.close()
    asked.withheld = 10**9
    height, _ = catch_up(town.directory, NODE, release(), (asked,), clock=town.consortium.clock)  # type: ignore[arg-type]
    assert height == 5
    source.consortium.node.close()


def test_begin_leaves_both_files(tmp_path: Path) -> None:
    settings = founded(tmp_path / "node")
    assert settings.file(files.LEDGER).is_file()
    assert settings.file(files.SIGNED).is_file()
    genesis = settings.file(files.GENESIS).read_bytes()
    begin(settings.file(files.LEDGER), genesis, release())  # Again: nothing is new.
    operator = Operator(settings, genesis, NODE, lambda: START_MS, Metrics())
    assert not operator.engine.ledger.restored
    operator.engine.close()
    operator.reader.close()
