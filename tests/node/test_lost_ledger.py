"""A lost ledger never becomes a new beginning, and an older one orders nothing on its own word."""

import shutil
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from hansa.apps.rooms import release
from hansa.engines import errors as engine_errors
from hansa.engines.embedded import Embedded
from hansa.engines.folder import begin
from hansa.engines.signed import Signed
from hansa.kernel import Refusal, encode
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.signatures import HEADER_DOMAIN
from hansa.node import errors
from hansa.node import settings as files
from hansa.node.backup import catch_up
from hansa.node.doctor_peers import Heard
from hansa.node.metrics import Metrics
from hansa.node.operator import Operator
from hansa.node.run import open_operator
from tests.consortium import START_MS, signer
from tests.node.test_backup import NODE, SHOW, Other, Town
from tests.node.world import founded, served


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


# A machine taken back to an older image: only the others know.


@pytest.fixture
def older(tmp_path: Path) -> tuple[Town, SignedHeader]:
    """A directory as it was two blocks ago, its record of signatures too; and the head of then and now."""
    town = Town(tmp_path / "node")
    town.consortium.close()
    shutil.copytree(town.directory, tmp_path / "image")
    engine = opened(town)
    order(town, engine)
    head = engine.head()
    engine.close()
    assert head is not None
    shutil.rmtree(town.directory)
    (tmp_path / "image").rename(town.directory)
    return town, head


def started(
    town: Town, monkeypatch: pytest.MonkeyPatch, head: SignedHeader | Refusal | None, *, told: bool = False
) -> str:
    """What an operator answers to a transaction, after a start at which bank's node showed a head."""

    def ask(url: str) -> Heard:
        assert url == "http://127.0.0.1:1"
        if isinstance(head, Refusal):
            raise head
        return Heard(head, None)

    monkeypatch.setattr("hansa.node.newest.over_http", lambda settings: ask)
    settings = replace(files.read(town.directory), port=0, peers={"bank": "http://127.0.0.1:1"}, log="info")
    with served(settings, town.consortium.clock) as handle:
        engine = handle._operator.engine
        assert ("incident.behind" in [one.code for one in handle._operator.incidents()]) is told
        return engine.submit([town.consortium.client("maker").sign(SHOW)])[0].code


def test_others_that_hold_later_blocks_of_this_node_keep_it_from_ordering(
    older: tuple[Town, SignedHeader], monkeypatch: pytest.MonkeyPatch
) -> None:
    town, head = older
    with pytest.raises(engine_errors.Restored):
        started(town, monkeypatch, head, told=True)
    with pytest.raises(engine_errors.Restored):  # It is noted: nobody has to say it again.
        started(town, monkeypatch, None)


def test_nobody_elses_word_keeps_a_node_from_ordering(
    older: tuple[Town, SignedHeader], monkeypatch: pytest.MonkeyPatch
) -> None:
    town, head = older
    signature = signer("bank").sign(HEADER_DOMAIN + encode(head.header))
    assert started(town, monkeypatch, msgspec.structs.replace(head, signature=signature)) == "ok"


@pytest.mark.parametrize("answer", [None, errors.ReadsBusy(retry_s=1)])
def test_who_is_away_or_behind_keeps_no_node_from_ordering(
    answer: Refusal | None, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert started(town, monkeypatch, answer) == "ok"


def test_its_own_head_elsewhere_is_nothing_later(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = opened(town)
    head = engine.head()
    engine.close()
    assert started(town, monkeypatch, head) == "ok"
