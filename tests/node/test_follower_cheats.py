"""Each cheat of an operator is named by the shipped follower: what differs, where, theirs and ours."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.client.case import Case
from hansa.client.verify import check_bundle, proved
from hansa.engines.errors import NotOnLedger
from hansa.kernel import Context, Registry, Room, encode, limits, lthash, replace
from hansa.kernel.messages import Receipt
from hansa.kernel.state import checksum, encode_key
from hansa.node.follower import Follower
from tests.consortium import VirtualClock
from tests.kernel import room
from tests.kernel.room import Lend, Lent, Register
from tests.node.following_world import Line, Net, Operator, following, until


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def operator(tmp_path: Path, clock: VirtualClock) -> Operator:
    made = Operator(tmp_path / "operator", clock)
    made.do("maker", Register(tool="w-17"))
    made.do("plant", Register(tool="p-1"))
    return made


def case_of(plant: Follower, kind: str) -> Case:
    """The case of a kind, once it is there."""

    def found() -> Case | None:
        return next((case for _, case in plant.casebook.all() if case.kind == kind), None)

    case: Case = until(found, kind)
    return case


def crooked(**handlers: Callable[..., None]) -> Registry:
    """The room with some of its actions done otherwise: what a cheating operator runs."""
    actions = [handlers.get(each.__name__, each) for each in room.ROOM.actions.values()]
    events = list(room.ROOM.events)
    tables, queries = list(room.ROOM.tables.values()), list(room.ROOM.queries.values())
    due = list(room.ROOM.due.values())
    return Registry(
        [
            CONSORTIUM,
            Room("toolcrib", actions=actions, due=due, queries=queries, tables=tables, events=events),
        ]
    )


def lend_longer(ctx: Context, a: Lend) -> None:
    """Enters another date than was asked for."""
    room.lend(ctx, replace(a, due_ms=a.due_ms + limits.DAY_MS))


def lend_to_another(ctx: Context, a: Lend) -> None:
    room.lend(ctx, a)
    ctx.events[-1] = encode(Lent(tool=a.tool, owner=ctx.member, borrower="bank", rules=2))


def lend(operator: Operator, tool: str = "w-17") -> Receipt:
    return operator.do("maker", Lend(tool=tool, borrower="plant", due_ms=operator.clock() + limits.DAY_MS))


def test_another_figure_in_a_record_is_named(tmp_path: Path, operator: Operator, clock: VirtualClock) -> None:
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.height == 2)
        cheat = operator.cheat(tmp_path / "cheat", crooked(lend=lend_longer))
        net.serve(cheat)
        receipt = lend(cheat)

        case = case_of(plant, "difference")

        assert case.difference is not None
        assert (case.height, case.difference.what) == (receipt.height, "record")
        assert (case.difference.table, case.difference.key) == ("toolcrib.tools", ("maker", "w-17"))
        right = clock() + limits.DAY_MS
        [field] = case.difference.fields
        assert (field.path, field.theirs, field.ours) == ("due_ms", str(right + limits.DAY_MS), str(right))
        assert f"due_ms {right + limits.DAY_MS} ≠ {right}" in case.en
        assert f"due_ms {right + limits.DAY_MS} ≠ {right}" in case.zh
        assert case.against == "maker"
        assert plant.height == 2
        cheat.close()


def test_another_figure_in_an_event_is_named(tmp_path: Path, operator: Operator, clock: VirtualClock) -> None:
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.height == 2)
        cheat = operator.cheat(tmp_path / "cheat", crooked(lend=lend_to_another))
        net.serve(cheat)
        lend(cheat)

        case = case_of(plant, "difference")

        assert case.difference is not None
        assert (case.difference.what, case.difference.index) == ("event", 0)
        assert case.difference.kind == "toolcrib.lent"
        assert [(f.path, f.theirs, f.ours) for f in case.difference.fields] == [("borrower", "bank", "plant")]
        cheat.close()


def test_another_outcome_is_named(tmp_path: Path, operator: Operator, clock: VirtualClock) -> None:
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.height == 2)
        cheat = operator.cheat(tmp_path / "cheat", crooked(lend=_refuse_to_lend))
        net.serve(cheat)
        client = cheat.clients["maker"]
        wire = client.sign(Lend(tool="w-17", borrower="plant", due_ms=clock() + limits.DAY_MS))
        assert client.transport.submit([wire])[0].code == "toolcrib.not_now"

        case = case_of(plant, "difference")

        assert case.difference is not None
        assert (case.difference.what, case.difference.index) == ("outcome", 0)
        found = {field.path: (field.theirs, field.ours) for field in case.difference.fields}
        assert found["code"] == ("toolcrib.not_now", "ok")
        cheat.close()


def _refuse_to_lend(ctx: Context, a: Lend) -> None:
    raise room.NotNow()


def alter(operator: Operator, table: str, key: tuple[str, ...], change: Callable[[Any], Any]) -> None:
    """The operator changes a record on its disk, and the sum with it, so that its node notices nothing."""
    store, at = operator.node.ledger.store, encode_key(key)
    old = store.get(table, at)
    assert old is not None
    new = encode(change(operator.registry.tables[table].decode(old)))
    total = store.meta("state_sum") or lthash.EMPTY
    changed = lthash.update(total, [lthash.element(table, at, old)], [lthash.element(table, at, new)])
    with store.commit():
        store.write_records({(table, at): new})
        store.set_meta("state_sum", changed)
        leaf = operator.node.ledger.leaf(operator.node.height)
    operator.node.ledger.state_sum = changed
    operator.node.ledger._present.remember((table, at), (new, operator.registry.tables[table].decode(new)))
    assert leaf.height == operator.node.height


def test_a_past_record_altered_is_named_although_the_write_sets_agree(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.height == 2)
        alter(operator, "toolcrib.tools", ("plant", "p-1"), lambda tool: replace(tool, owner="maker"))
        operator.do("bank", Register(tool="b-1"))

        case = until(lambda: (c := case_of(plant, "difference")).difference.what == "record" and c)

        assert case.height == 3
        assert (case.difference.table, case.difference.key) == ("toolcrib.tools", ("plant", "p-1"))
        assert [(f.path, f.theirs, f.ours) for f in case.difference.fields] == [("owner", "maker", "plant")]
        assert "writes" in net.lines[""].asked
        assert plant.height == 2


FORGED: dict[str, Callable[[Case], Case]] = {
    "no way to the header": lambda case: replace(case, within_log=None),
    "the leaf of another block": lambda case: replace(case, leaf=replace(case.leaf, events_root="0" * 64)),
    "other transactions": lambda case: replace(case, transactions=(b"other",)),
    "another place": lambda case: replace(case, within_log=replace(case.within_log, index=1)),
    "no leaf": lambda case: replace(case, leaf=None),
}


def test_the_block_of_a_difference_is_proved_from_the_file_alone(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.height == 2)
        cheat = operator.cheat(tmp_path / "cheat", crooked(lend=lend_longer))
        net.serve(cheat)
        lend(cheat)
        case = case_of(plant, "difference")
        report = check_bundle(encode(case), cheat.genesis)
        assert report.ok, report
        assert "block 3 as it is shown" in proved(report)[0].en
        for name, forge in FORGED.items():
            assert not check_bundle(encode(forge(case)), cheat.genesis).ok, name
        earlier = cheat.node.prove("transaction", 2, 0, 3)
        other = replace(case, leaf=earlier.block, within_log=earlier.within_log, transactions=())
        assert not check_bundle(encode(other), cheat.genesis).ok, "a block before"
        cheat.close()


class Hiding(Line):
    """Shows the honest records, whatever lies on its disk."""

    honest: Any = None

    def writes(self, height: int) -> Any:
        return self.honest(height)


def test_a_lying_write_set_does_not_help(tmp_path: Path, operator: Operator, clock: VirtualClock) -> None:
    net = Net(operator)
    net.lines[""] = hiding = Hiding(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.height == 2)
        cheat = operator.cheat(tmp_path / "cheat", crooked(lend=lend_longer))
        hiding.honest = lambda height: plant.following.rejected.writes  # type: ignore[union-attr]
        net.serve(cheat)
        lend(cheat)

        case = until(lambda: (c := case_of(plant, "difference")).difference.what == "record" and c)

        assert (case.difference.table, case.difference.key) == ("toolcrib.tools", ("maker", "w-17"))
        assert case.difference.fields[0].path == "due_ms"
        cheat.close()


def test_an_operator_that_shows_nothing_stands_accused_all_the_same(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    class Mute(Line):
        def contents(self, height: int) -> Any:
            raise NotOnLedger(kind="block", height=height, index=0)

        writes = records = contents  # type: ignore[assignment]

    net = Net(operator)
    net.lines[""] = Mute(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.height == 2)
        cheat = operator.cheat(tmp_path / "cheat", crooked(lend=lend_to_another))
        net.serve(cheat)
        lend(cheat)

        case = case_of(plant, "difference")

        assert case.difference is not None
        assert (case.difference.what, case.difference.shown) == ("events", False)
        assert case.leaf is not None
        assert case.transactions
        cheat.close()


def test_after_a_difference_nothing_is_cosigned_or_followed_also_after_a_restart(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.cosigner.signed_height == 2)
        cheat = operator.cheat(tmp_path / "cheat", crooked(lend=lend_longer))
        net.serve(cheat)
        lend(cheat)
        case_of(plant, "difference")
        checks = {check.name: check for check in until(lambda: plant.checks())}
        assert not checks["evidence"].ok
        assert not checks["copy"].ok
        assert not checks["cosigning"].ok
        assert "cases/difference" in checks["cosigning"].en
        assert [noted.code for noted in plant.incidents()] == ["incident.difference"]

    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.copying.progress.over)
        assert plant.height == 2
        assert plant.cosigner.consider(newest=True, now_ms=clock()) is None
        assert plant.casebook.halt()
        cheat.close()


def test_a_follower_whose_own_disk_was_changed_accuses_nobody(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.height == 2)
    db = sqlite3.connect(tmp_path / "plant" / "ledger.db")
    key = encode_key(("maker", "w-17"))
    value = encode(room.Tool(owner="maker", loans=7))
    crc = checksum("toolcrib.tools", key, value)
    assert (
        db.execute(
            "UPDATE state SET value = ?, crc = ? WHERE tbl = 'toolcrib.tools' AND key = ?", (value, crc, key)
        ).rowcount
        == 1
    )
    db.commit()
    db.close()

    with following(tmp_path / "plant", net, clock=clock) as plant:
        lend(operator)
        case = case_of(plant, "own_disk")
        assert case.against == ""
        assert not [c for _, c in plant.casebook.all() if c.kind == "difference"]
        assert plant.casebook.accused() is None
        assert plant.casebook.halt()
        checks = {check.name: check for check in plant.checks()}
        assert checks["evidence"].ok
        assert not checks["copy"].ok
