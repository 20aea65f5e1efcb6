"""The tools of the cheating operator do what they say, so that a follower is not praised for nothing."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from hansa.apps.billing import closing as billing
from hansa.apps.billing.messages import Statement
from hansa.cli.main import cli
from hansa.client.outbox import identity_of
from hansa.client.texts import Text
from hansa.engines.embedded import Embedded
from hansa.engines.ledger import Ledger
from hansa.kernel import encode
from hansa.simulation import demo as plays
from hansa.simulation.cast import OPERATOR, node_signer
from hansa.simulation.cheat import Cheat
from hansa.simulation.stage import LEDGER, directory
from hansa.simulation.tampering import altering, disown, overstating, rewind


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> plays.Demo:
    folder = plays.prepare(tmp_path_factory.mktemp("tampering") / "demo")
    done = plays.run(folder, plays.packaging_play(folder))
    done.world.close()
    return done


@pytest.fixture
def copy(month: plays.Demo, tmp_path: Path) -> Path:
    """The operator's ledger, to be changed."""
    path = Path(shutil.copy(directory(month.folder, OPERATOR) / LEDGER, tmp_path / LEDGER))
    disown(path, identity_of(encode(month.world.genesis)))
    return path


def opened(month: plays.Demo, path: Path) -> Embedded:
    clock = month.world.clock
    return Embedded(path, encode(month.world.genesis), node_signer(month.world.seed, OPERATOR), clock)


def stated(node: Embedded) -> list[Statement]:
    found: list[Statement] = node.query("billing.statements_of", {"agreement": "lease-1"})
    return found


def test_a_ledger_taken_back_is_what_it_was_and_goes_on_to_the_same_end(
    month: plays.Demo, copy: Path
) -> None:
    whole = opened(month, copy)
    height, closed = whole.height, stated(whole)[-1].closed_height
    header = whole.ledger.header(closed - 1).header
    whole.close()

    rewind(copy, closed - 1)
    copy.with_name("signed.db").unlink()
    disown(copy, identity_of(encode(month.world.genesis)))

    node = opened(month, copy)
    assert (node.height, node.app_hash) == (closed - 1, header.app_hash) != (height, month.world.genesis)
    assert len(stated(node)) == len(month.statements) - 1
    node.wake()
    assert stated(node)[-1].gross_minor == month.statements[-1].gross_minor
    node.close()


def test_overstating_changes_the_statement_by_what_is_said_and_nothing_afterwards(
    month: plays.Demo, copy: Path
) -> None:
    honest, closed = billing.reckon, month.statements[-1].closed_height
    rewind(copy, closed - 1)
    with overstating(100_000):
        node = opened(month, copy)
        node.wake()
        assert stated(node)[-1].gross_minor == month.statements[-1].gross_minor + 100_000
        node.close()
    assert billing.reckon is honest


def test_altering_changes_the_sum_of_a_ledger_as_it_opens_and_nothing_afterwards(
    month: plays.Demo, copy: Path
) -> None:
    honest = Ledger._open
    before = opened(month, copy)
    digest = before.ledger.state_sum
    before.close()
    with altering(1):
        node = opened(month, copy)
        assert node.ledger.state_sum != digest
        node.close()
    assert Ledger._open is honest


def test_a_cheat_that_nobody_finds_is_told_and_ends_with_1(
    month: plays.Demo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import dataclasses

    def run(found_by: str) -> int:
        done = Text("做了", "Did something that only this test knows")
        tried = Cheat("altered_record", done, found_by, "incident.difference", Text("见", "Seen"))
        demo = dataclasses.replace(month, cheats=(tried,))
        monkeypatch.setattr(plays, "run", lambda *_, **__: demo)
        shown = CliRunner().invoke(cli, ["--lang", "en", "demo", "--data", str(tmp_path / "data")])
        assert ("only this test knows" in shown.output) == (not found_by)
        return shown.exit_code

    assert run("bank") == 0
    assert run("") == 1
