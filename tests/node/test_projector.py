"""The read model: the same answers as the ledger itself; whatever befalls it, it is made anew."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.engines.reader import Reader
from hansa.engines.restoring import restore_backup, write_backup
from hansa.kernel import encode
from hansa.kernel.transaction import identity
from hansa.node import projector as projectors
from hansa.node.events import Position
from hansa.node.projection import FILE, Projection
from hansa.node.projector import Projector, projecting
from hansa.node.routes.history import chosen
from hansa.node.routes.ledger import OfEvents
from tests.consortium import Consortium
from tests.engines.handing import cheated, following, founded
from tests.node.world import World, world

SHOW = Attest(table="consortium.members", key=("maker",))
MEMBERS = ("maker", "plant", "bank")


@pytest.fixture
def consortium(tmp_path: Path) -> Iterator[Consortium]:
    made = Consortium(tmp_path / "ledger.db")
    work(made, 12)
    yield made
    made.close()


def work(made: Consortium, blocks: int) -> None:
    for number in range(blocks):
        who = MEMBERS[number % 3]
        made.do(who, Attest(table="consortium.members", key=(MEMBERS[(number + 1) % 3],)))


def projector(made: Consortium) -> Projector:
    reader: Reader = made.node.reader()
    return Projector(Projection(made.path.with_name(FILE), reader.chain.id), reader)


def asked(made: Consortium, projection: Projection | None, **given: Any) -> list[str]:
    """Ids of all events that are chosen, page by page."""
    found, at = [], Position(0, -1)
    with made.node.reader().snapshot() as reading:
        while True:
            page, last = chosen(reading, projection, OfEvents(**given), at)
            found += [event.id for event in page]
            if last <= at:
                return found
            at = last


QUESTIONS: list[dict[str, Any]] = [
    {"type": "kernel.attested"},
    {"type": "kernel.attested", "limit": 2},
    {"room": "kernel", "limit": 5},
    {"room": "kern"},
    {"member": "plant"},
    {"member": "plant", "type": "kernel.attested", "limit": 1},
    {"member": "nobody"},
    {"type": "no.such"},
]


@pytest.mark.parametrize("given", QUESTIONS, ids=str)
@pytest.mark.parametrize("behind", [0, 5])
def test_answers_are_those_of_the_ledger_also_where_it_is_behind(
    given: dict[str, Any], behind: int, consortium: Consortium
) -> None:
    filler = projector(consortium)
    height = filler.catch_up()
    assert height == consortium.node.height
    work(consortium, behind)
    wanted = asked(consortium, None, **given)
    assert asked(consortium, filler.projection, **given) == wanted
    assert bool(wanted) is (given not in ({"room": "kern"}, {"member": "nobody"}, {"type": "no.such"}))


def test_a_type_is_found_without_reading_the_rest(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    filler = projector(consortium)
    filler.catch_up()
    looked: list[int] = []
    honest = consortium.node.ledger.rows.__class__.__mro__[1].events_after  # type: ignore[attr-defined]

    def counted(self: Any, height: int, position: int, last: int, limit: int) -> Any:
        looked.append(limit)
        return honest(self, height, position, last, limit)

    monkeypatch.setattr("hansa.engines.store.Rows.events_after", counted)
    with consortium.node.reader().snapshot() as reading:
        found, _ = chosen(reading, filler.projection, OfEvents(member="plant", limit=3), Position(0, -1))
    assert len(found) == 3
    assert sum(looked) == 3


def test_names_in_texts_with_backslashes_and_names_of_fields() -> None:
    from hansa.node.projection import _named

    members = frozenset((b"plant", b"bank"))
    assert _named(b'{"a":"plant","bank":1}', members) == {"plant"}
    assert _named(b'{"a":"\\"","b":"bank"}', members) == {"bank"}
    assert _named(b'{"a":"say \\"bank\\" now"}', members) == set()
    assert _named(b'{"a":["plant",{"b":["bank"]}]}', members) == {"plant", "bank"}


def test_transactions_by_member_key_and_outcome(consortium: Consortium) -> None:
    filler = projector(consortium)
    filler.catch_up()
    find = filler.projection.transactions
    last = (10**9, 0)
    everything = find(last, 100)
    assert [row.height for row in everything] == list(range(consortium.node.height, 0, -1))
    assert find(last, 100, member="plant") == [row for row in everything if row.member == "plant"]
    assert find(last, 100, member="plant", key="k1") == find(last, 100, member="plant")
    assert find(last, 100, member="plant", key="k2") == []
    assert find(last, 100, code="ok") == everything
    assert find(last, 100, code="kernel.unknown_key") == []
    assert find((4, 0), 2) == [row for row in everything if row.height in (3, 2)]
    assert {row.actions for row in everything} == {"consortium.attest"}
    for row in everything:
        receipt = consortium.node.find(row.id)
        assert receipt is not None
        assert (receipt.height, receipt.index, receipt.code) == (row.height, row.position, row.code)


# Trouble of the file.


def spoil(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how == "rubbish":
        path.write_bytes(b"no database at all" * 1_000)
    elif how == "empty":
        path.write_bytes(b"")
    else:
        with closing(sqlite3.connect(path)) as db:
            db.executescript(how)


SPOILT = [
    "missing", "rubbish", "empty", "PRAGMA user_version = 99", "PRAGMA application_id = 1",
    "UPDATE about SET chain = 'other'", "UPDATE about SET app_hash = 'other'",
    "UPDATE about SET height = 999",
    "DELETE FROM about", "DROP TABLE about",
]  # fmt: skip


@pytest.mark.parametrize("how", SPOILT)
def test_a_file_that_is_not_right_is_made_anew_at_the_start(how: str, consortium: Consortium) -> None:
    filler = projector(consortium)
    filler.catch_up()
    wanted = filler.projection.transactions((10**9, 0), 100)
    for ending in ("-wal", "-shm"):
        filler.projection.path.with_name(FILE + ending).unlink(missing_ok=True)
    with closing(sqlite3.connect(filler.projection.path)) as db, db:
        db.execute("DELETE FROM transactions")  # Only a file that is made anew has them again.
    spoil(filler.projection.path, how)
    again = projector(consortium)
    assert again.catch_up() == consortium.node.height
    assert again.projection.transactions((10**9, 0), 100) == wanted


@pytest.mark.parametrize("how", ["missing", "rubbish", "DROP TABLE named", "UPDATE about SET height = 3"])
def test_a_file_that_goes_bad_while_it_is_in_use(
    how: str, consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projectors, "TROUBLE_WAIT_S", 0.01)
    monkeypatch.setattr(projectors, "LOOK_EVERY_S", 0.01)
    with projecting(consortium.path.parent, consortium.node.reader()) as projection:
        reached(projection, consortium.node.height)
        for ending in ("-wal", "-shm") if how in ("missing", "rubbish") else ():
            projection.path.with_name(FILE + ending).unlink(missing_ok=True)
        spoil(projection.path, how)
        work(consortium, 1)
        reached(projection, consortium.node.height)
        assert len(projection.transactions((10**9, 0), 100)) in (consortium.node.height, 1)
    assert not any(thread.name == "projector" for thread in threading.enumerate())


def reached(projection: Projection, height: int) -> None:
    until = time.monotonic() + 20
    while projection.height() < height:
        assert time.monotonic() < until, f"it stays at {projection.height()} of {height}"
        time.sleep(0.01)


def test_of_a_ledger_that_was_restored_to_less_it_forgets_all(consortium: Consortium, tmp_path: Path) -> None:
    write_backup(consortium.node.reader(), tmp_path / "copy")
    work(consortium, 3)
    filler = projector(consortium)
    filler.catch_up()
    (tmp_path / "new").mkdir()
    restore_backup(tmp_path / "copy", tmp_path / "new" / "ledger.db", encode(consortium.genesis))
    chain, genesis = consortium.node.chain, consortium.node.genesis
    older = Projector(filler.projection, Reader(tmp_path / "new" / "ledger.db", chain, genesis))
    assert older.catch_up() == 12
    assert len(older.projection.transactions((10**9, 0), 100)) == 12


@pytest.mark.parametrize(("grows", "rest_s"), [(True, 20.0), (False, 0.2)])
def test_it_rests_a_hundred_times_as_long_as_it_works_while_the_ledger_grows(
    grows: bool, rest_s: float, consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    rested: list[float] = []

    class Over(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            rested.append(timeout or 0)
            if grows:
                work(consortium, 1)
            return len(rested) > 3

    ticks = iter(number / 5 for number in range(100))
    monkeypatch.setattr(projectors, "BLOCKS_AT_ONCE", 2)
    filler = projector(consortium)
    filler.projection.begin()
    monkeypatch.setattr(projectors, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    filler.run(Over())
    assert rested[2:] == pytest.approx([rest_s, rest_s])


# What an operator may put into a block.

HEAD = b"\x01" + bytes(64)
DEEP = b'{"actions":[],"key":"k1","member":"plant","sequence":1,"zz":' + b"[" * 4_000 + b"]" * 4_000 + b"}"
UNREADABLE = {
    "short": b"x",
    "no JSON": HEAD + b"\xff",
    "no fields": HEAD + b"{}",
    "deep": HEAD + DEEP,
    "a huge sequence": HEAD + b'{"actions":[],"key":"k1","member":"plant","sequence":%d}' % 10**30,
    "no name": HEAD + b'{"actions":[],"key":"k1","member":"\\u0000","sequence":1}',
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_transaction_that_cannot_be_read_has_its_row_and_the_rest_follows(
    what: str, tmp_path: Path
) -> None:
    (tmp_path / "maker").mkdir()
    maker = founded(tmp_path)
    copy = following(maker, "bank")
    copy.follow(cheated(maker, UNREADABLE[what], maker.client("maker").sign(SHOW)))
    filler = Projector(Projection(tmp_path / FILE, maker.node.chain.id), copy.reader())
    assert filler.catch_up() == copy.height
    bad, good = reversed(filler.projection.transactions((10**9, 0), 2))
    assert bad[3:6] + bad[7:] == ("", "", 0, "")
    assert bad.code in ("kernel.malformed", "kernel.not_canonical", "kernel.too_nested")
    assert bad.id == identity(UNREADABLE[what])
    assert (good.member, good.code, good.actions) == ("maker", "ok", "consortium.attest")
    copy.close()
    maker.close()


def test_no_error_at_all_ends_it(consortium: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projectors, "TROUBLE_WAIT_S", 0.01)
    monkeypatch.setattr(projectors, "LOOK_EVERY_S", 0.01)
    errors = iter((RecursionError(), KeyError(), TypeError()))
    honest = Projector.step

    def step(self: Projector) -> int:
        for error in errors:
            raise error
        return honest(self)

    monkeypatch.setattr(Projector, "step", step)
    with projecting(consortium.path.parent, consortium.node.reader()) as projection:
        reached(projection, consortium.node.height)


# Over HTTP.


@pytest.fixture
def node(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path / "node") as made:
        front = made.app.front
        front.projection = Projection(tmp_path / "node" / FILE, made.operator.chain)
        yield made


def test_a_history_over_http(node: World) -> None:
    token = node.session("maker")
    for _ in range(3):
        node.submit(node.sign("maker", SHOW))
        node.submit(node.sign("plant", SHOW))
    assert node.get("/v1/transactions", token).code == "node.read_model_away"
    projection = node.app.front.projection
    assert projection is not None
    projection.begin()
    assert node.get("/v1/transactions", token).json == {"height": 0, "transactions": []}
    Projector(projection, node.operator.reader).catch_up()
    told = node.get("/v1/transactions?member=plant&limit=2", token).json
    assert told["height"] == 6
    assert [row["height"] for row in told["transactions"]] == [6, 4]
    before = "{height}.{index}".format(**told["transactions"][-1])
    rest = node.get(f"/v1/transactions?member=plant&before={before}", token).json["transactions"]
    assert [row["height"] for row in rest] == [2]
    assert rest[0]["actions"] == ["consortium.attest"]
    with closing(sqlite3.connect(projection.path)) as db, db:
        db.execute("UPDATE transactions SET member = '', actions = '' WHERE height = 6")  # As if unreadable.
    newest = node.get("/v1/transactions?limit=1", token).json["transactions"][0]
    assert (newest["height"], newest["actions"]) == (6, [])
    events = node.get("/v1/events?type=kernel.attested&member=maker&limit=4", token).json
    assert len(events["events"]) == 4
    more = node.get(f"/v1/events?type=kernel.attested&limit=9&after={events['after']}", token).json
    assert len(more["events"]) == 2


def test_without_a_read_model_it_says_so(node: World) -> None:
    token = node.session("maker")
    node.app.front.projection = None
    answer = node.get("/v1/transactions", token)
    assert (answer.status, answer.code) == (503, "node.read_model_away")
    assert answer.headers["retry-after"] == "5"
    assert node.get("/v1/transactions").status == 401
    assert msgspec.json.decode(node.get("/v1/events?type=x.y", token).body)["events"] == []
