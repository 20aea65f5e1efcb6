"""The background scrub: it reads everything, goes on after a restart, and damage stops the node."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hansa.apps.consortium.messages import Attest
from hansa.engines import errors
from hansa.engines.reader import standing
from hansa.engines.store import Rows, connect_to_read
from hansa.kernel import limits
from hansa.kernel.state import Damaged
from hansa.node import scrubber as scrubbers
from hansa.node.scrubber import FILE, Pass, Scrubber, read_pass, scrubbing
from tests.consortium import Consortium
from tests.engines.cometbft.network import Network
from tests.engines.handing import QUORUM, founded, signed, succession, took_over

BLOCKS = 20


@pytest.fixture
def consortium(tmp_path: Path) -> Iterator[Consortium]:
    made = Consortium(tmp_path / "ledger.db")
    for _ in range(BLOCKS):
        made.do("maker", Attest(table="consortium.members", key=("maker",)))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrubbers, "RECORDS_AT_ONCE", 3)
    monkeypatch.setattr(scrubbers, "BLOCKS_AT_ONCE", 4)


def scrubber(made: Consortium) -> Scrubber:
    return Scrubber(made.path.parent, made.node.reader(), made.clock)


def passed(made: Consortium, one: Scrubber) -> int:
    """Steps until a pass is through."""
    for step in range(1, 1_000):
        one.step()
        if one.at.done_ms:
            return step
    raise AssertionError("it does not end")


def records_of(made: Consortium) -> int:
    with made.node.reader().snapshot() as reading:
        return sum(rows for _, rows in reading.rows.counts())


def test_a_pass_reads_every_record_and_block(consortium: Consortium) -> None:
    one = scrubber(consortium)
    assert passed(consortium, one) > records_of(consortium) // 3 + BLOCKS // 4
    assert one.at == Pass(done_ms=consortium.clock(), done_records=records_of(consortium), done_height=BLOCKS)
    assert read_pass(consortium.path.parent) == one.at


def test_it_goes_on_where_it_stopped_and_begins_again_after_a_day(consortium: Consortium) -> None:
    steps = passed(consortium, scrubber(consortium))
    (consortium.path.parent / FILE).unlink()
    first = scrubber(consortium)
    for _ in range(steps // 2):
        first.step()
    first.keep()
    second = scrubber(consortium)
    assert second.at == first.at != Pass()
    assert passed(consortium, second) == steps - steps // 2
    assert second.at.done_records == records_of(consortium)
    assert not second.is_due
    consortium.clock.advance(ms=limits.DAY_MS)
    assert second.is_due


@pytest.mark.parametrize("content", [b"", b"{", b'{"table":7}'])
def test_a_note_that_cannot_be_read_is_none(content: bytes, consortium: Consortium) -> None:
    (consortium.path.parent / FILE).write_bytes(content)
    assert scrubber(consortium).at == Pass()


DAMAGE = {
    "a record": "UPDATE state SET value = x'7b7d' WHERE rowid_ = 0",
    "a transaction": "UPDATE transactions SET wire = x'00' WHERE height = 7",
    "a transaction turned into a number": "UPDATE transactions SET wire = 7 WHERE height = 7",
    "an event": "UPDATE events SET data = x'00' WHERE height = 9",
    "a leaf": "DELETE FROM blocks WHERE height = 5",
    "a leaf that cannot be read": "UPDATE blocks SET leaf = x'00' WHERE height = 5",
    "a leaf turned into a number": "UPDATE blocks SET leaf = 7 WHERE height = 5",
    "the newest leaf": "UPDATE blocks SET leaf = x'00' WHERE height = (SELECT max(height) FROM blocks)",
    "the newest header": "UPDATE blocks SET header = x'00' WHERE height = (SELECT max(height) FROM blocks)",
    "a time": """UPDATE blocks SET leaf =
        cast(replace(cast(leaf AS TEXT), '"time_ms":1', '"time_ms":2') AS BLOB) WHERE height = 5""",
    "a state digest": """UPDATE blocks SET leaf =
        cast(replace(cast(leaf AS TEXT), 'state_digest":"', 'state_digest":"0') AS BLOB) WHERE height = 5""",
    "a number in a leaf": """UPDATE blocks SET leaf = cast(replace(cast(leaf AS TEXT),
        '"height":5', '"height":6') AS BLOB) WHERE height = 5""",
    "a header that cannot be read": "UPDATE blocks SET header = x'00' WHERE height = 6",
    "a header turned into a text": "UPDATE blocks SET header = cast(header AS TEXT) WHERE height = 6",
    "a header of another block": """UPDATE blocks SET header = (SELECT header FROM blocks WHERE height = 5)
        WHERE height = 6""",
    "a signature": """UPDATE blocks SET header =
        cast(replace(cast(header AS TEXT), '"signature":"', '"signature":"AAAA') AS BLOB) WHERE height = 6""",
    "a node of the log": "UPDATE nodes SET hash = x'00' WHERE level = 0 AND position = 4",
    "a node further up": "UPDATE nodes SET hash = zeroblob(32) WHERE level = 2 AND position = 1",
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_stops_the_node_with_an_incident(
    what: str, consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(consortium.path)) as db, db:
        if what == "a record":
            (key,) = db.execute("SELECT key FROM state ORDER BY tbl DESC, key DESC LIMIT 1").fetchone()
            db.execute("UPDATE state SET value = x'7b7d' WHERE key = ?", (key,))
        else:
            db.execute(DAMAGE[what])
    over = threading.Event()
    monkeypatch.setattr(scrubbers, "REST_MIN_S", 0.0)
    monkeypatch.setattr(scrubbers, "REST", 0)
    running = threading.Thread(target=scrubber(consortium).run, args=(over,), daemon=True)
    running.start()
    running.join(20)
    assert not running.is_alive(), "it met no damage"
    assert [one.what for one in consortium.node.incidents] == ["damaged"]
    with pytest.raises(errors.DamagedOnDisk):
        consortium.node.submit(
            [consortium.client("maker").sign(Attest(table="consortium.members", key=("maker",)))]
        )


def test_blocks_of_two_operators_are_sound(tmp_path: Path) -> None:
    """Each header is looked at under the key of its own operator."""
    (tmp_path / "maker").mkdir()
    maker = founded(tmp_path)
    successor = took_over(maker, signed(succession(maker), *QUORUM))
    one = Scrubber(tmp_path, successor.reader(), maker.clock)
    while not one.at.done_ms:
        one.step()
    assert one.at.done_height == successor.height == maker.node.height + 1
    successor.close()
    maker.close()


def test_it_rests_a_hundred_times_as_long_as_it_works_and_ends_with_the_node(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    rested: list[float] = []

    class Over(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            rested.append(timeout or 0)
            return len(rested) > 2

    ticks = iter(number / 10 for number in range(100))
    monkeypatch.setattr(scrubbers.time, "monotonic", lambda: next(ticks))
    scrubber(consortium).run(Over())
    assert rested[1:] == pytest.approx([10.0, 10.0])
    monkeypatch.undo()
    with scrubbing(consortium.path.parent, consortium.node.reader(), consortium.clock):
        assert any(thread.name == "scrubber" for thread in threading.enumerate())
    assert not any(thread.name == "scrubber" for thread in threading.enumerate())


def test_a_networks_blocks_stand_without_a_signature_and_damage_of_them_is_found(tmp_path: Path) -> None:
    network = Network(tmp_path / "ledger.db")
    network.init()
    for _ in range(3):
        network.block(network.wire("maker", Attest(table="consortium.members", key=("maker",))))
    with network.application.reader().snapshot() as reading:
        for height in range(1, 4):
            scrubbers._check_block(reading, height)
    network.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        db.execute("UPDATE blocks SET header = CAST(replace(header, '\"suite\":16', '\"suite\":1') AS BLOB)")
        db.commit()
    with closing(Rows(connect_to_read(tmp_path / "ledger.db"))) as rows:
        chain, genesis = network.application.chain, network.application.genesis
        with pytest.raises(Damaged):
            scrubbers._check_block(standing(rows, chain, genesis, 3), 2)
