"""Rule 12: work that falls due is done once, in bounded blocks, and holds up nothing."""

from dataclasses import replace
from typing import Any

import pytest

from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.apps.consortium.messages_parked import DiscardParked, RetryParked
from hansa.kernel import Release, Room, limits
from hansa.kernel.canonical import decode
from hansa.kernel.context import OverBudget
from hansa.kernel.due import PARKED, PENDING, QUEUE
from hansa.kernel.messages import Event
from tests.consortium import START_MS
from tests.kernel import room
from tests.kernel.ledger import Ledger
from tests.kernel.room import (
    Done,
    GiveBack,
    Later,
    Lend,
    Overdue,
    Register,
)

W17 = Register(tool="w-17")


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def told(events: tuple[bytes, ...], kind: type[Event]) -> list[Any]:
    return [decode(data, kind) for data in events]


# Due work: rule 12.


def later(ledger: Ledger, name: str, *, kind: Any = "drill", drill: str = "", at_ms: int = 0) -> bytes:
    at_ms = at_ms or ledger.now_ms + 60_000
    return ledger.wire("maker", Later(at_ms=at_ms, kind=kind, name=name, drill=drill))


def test_overdue_is_announced_once_and_not_for_a_tool_that_came_back(ledger: Ledger) -> None:
    ledger.do("maker", W17, Register(tool="b"))
    due_ms = ledger.now_ms + 60_000
    for tool in ("w-17", "b"):
        ledger.do("maker", Lend(tool=tool, borrower="plant", due_ms=due_ms))
    ledger.do("plant", GiveBack(owner="maker", tool="b"))

    assert told(ledger.block(after_ms=60_000).events, Overdue) == [Overdue(tool="w-17", borrower="plant")]
    assert ledger.block(after_ms=60_000).events == ()
    assert list(QUEUE.scan(ledger.context())) == []
    assert list(PENDING.scan(ledger.context())) == []


def test_due_work_runs_at_its_time_and_not_before(ledger: Ledger) -> None:
    at_ms = ledger.now_ms + 10_000
    ledger.block(later(ledger, "a", at_ms=at_ms))

    assert ledger.block(after_ms=at_ms - ledger.now_ms - 1).events == ()
    assert told(ledger.block(after_ms=1).events, Done) == [Done(count=1, text="a")]


def test_the_same_work_for_the_same_time_is_one_entry_and_other_work_never_is(ledger: Ledger) -> None:
    at_ms = ledger.now_ms + 60_000
    ledger.block(later(ledger, "a", at_ms=at_ms), later(ledger, "a", at_ms=at_ms))
    assert len(list(QUEUE.scan(ledger.context()))) == 1
    assert PENDING.get(ledger.context(), ("maker",)).count == 1  # type: ignore[union-attr]

    # Names that would run into each other if they were just joined.
    ledger.block(later(ledger, "x:y", drill="z", at_ms=at_ms), later(ledger, "x", drill="y:z", at_ms=at_ms))
    ledger.block(later(ledger, 'q","', drill="", at_ms=at_ms), later(ledger, "q", drill='","', at_ms=at_ms))
    assert len(list(QUEUE.scan(ledger.context()))) == 5


def test_due_work_is_bounded_per_block_and_a_backlog_loses_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DUE_PER_BLOCK_MAX", 3)
    for number in range(8):
        ledger.block(later(ledger, f"n{number}", at_ms=START_MS + 100_000 + number))

    done = [[event.text for event in told(ledger.block(after_ms=200_000).events, Done)] for _ in range(4)]
    assert done == [["n0", "n1", "n2"], ["n3", "n4", "n5"], ["n6", "n7"], []]


def test_what_earlier_work_of_the_same_block_takes_back_does_not_run(ledger: Ledger) -> None:
    at_ms = ledger.now_ms + 60_000
    ledger.block(
        later(ledger, "gone", at_ms=at_ms),
        later(ledger, "kept", at_ms=at_ms),
        later(ledger, "gone", kind="take_back", drill=str(at_ms), at_ms=at_ms - 1),
        later(ledger, "much later", at_ms=at_ms + limits.DAY_MS),
    )

    assert told(ledger.block(after_ms=60_000).events, Done) == [Done(count=1, text="kept")]
    assert [(key, pending.count) for key, pending in PENDING.scan(ledger.context())] == [(("maker",), 1)]


def test_the_work_of_due_items_is_bounded_per_block(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        ledger.block(later(ledger, f"n{number}", drill="read", at_ms=START_MS + 100_000))
    monkeypatch.setattr(limits, "BLOCK_STEPS_MAX", 10_000)

    wire = ledger.wire("plant", W17)
    applied = ledger.block(wire, after_ms=200_000)
    assert len(applied.events) == 1
    assert applied.outcomes[0].code == "ok"
    assert len(ledger.block().events) == 1


@pytest.mark.parametrize("bound", ["BLOCK_STEPS_MAX", "BLOCK_WRITTEN_MAX"])
def test_however_much_falls_due_transactions_find_room(
    ledger: Ledger, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else work that asks for itself again shuts out the very votes that end it."""
    ledger.do("plant", Register(tool="b"))
    assert ledger.codes(later(ledger, "much", drill="write")) == ["ok"]
    monkeypatch.setattr(limits, bound, 2_000)
    applied = ledger.block(ledger.wire("plant", W17), after_ms=200_000)
    assert told(applied.events, Done)
    assert [outcome.code for outcome in applied.outcomes] == ["ok"]


def test_a_member_may_have_so_much_waiting_and_no_more(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DUE_PER_MEMBER_MAX", 2)
    at_ms = ledger.now_ms + 60_000
    wires = [later(ledger, f"n{number}", at_ms=at_ms) for number in range(3)]
    assert ledger.codes(*wires) == ["ok", "ok", "kernel.too_much_pending"]
    # Others are not held up, and there is room again once it was done.
    plant = ledger.wire("plant", Later(at_ms=at_ms, kind="drill", name="p"))
    assert ledger.codes(plant) == ["ok"]
    ledger.block(after_ms=60_000)
    assert ledger.codes(later(ledger, "n4")) == ["ok"]


@pytest.mark.parametrize(
    ("kind", "drill", "code"),
    [
        ("refuse", "", "toolcrib.not_now"),
        ("drill", "bug", "kernel.internal"),
        ("drill", "emit", "kernel.over_budget"),
    ],
)
def test_what_fails_is_parked_with_an_incident_and_never_tried_again(
    ledger: Ledger, kind: Any, drill: str, code: str
) -> None:
    ledger.block(later(ledger, "bad", kind=kind, drill=drill), later(ledger, "good"))

    applied = ledger.block(after_ms=60_000)
    assert told(applied.events, Done) == [Done(count=1, text="good")]
    assert [incident.what for incident in applied.incidents] == ["parked"]
    assert room.NAMES.get(ledger.context(), ("bad",)) is None
    ((_, parked),) = PARKED.scan(ledger.context())
    assert (parked.code, parked.member, parked.arguments) == (code, "maker", ("bad", drill))

    for _ in range(3):
        again = ledger.block(after_ms=limits.DAY_MS)
        assert (again.leaf, again.incidents) == (None, ())
    # It stays on its member's account: what is parked is bounded as what waits.
    assert [(key, pending.count) for key, pending in PENDING.scan(ledger.context())] == [(("maker",), 1)]


def parked(ledger: Ledger) -> list[dict[str, Any]]:
    return [{"due_ms": int(key[0]), "id": str(key[1])} for key, _ in PARKED.scan(ledger.context())]


def test_what_is_parked_counts_as_waiting_until_it_is_done(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DUE_PER_MEMBER_MAX", 2)
    ledger.block(later(ledger, "a", drill="emit"), later(ledger, "b", drill="emit"))
    ledger.block(after_ms=60_000)
    assert ledger.codes(later(ledger, "c")) == ["kernel.too_much_pending"]
    listed = ledger.registry.query(ledger.context(), "consortium.parked", {"member": "maker"})
    assert [(item.handler, item.code) for item in listed] == [("toolcrib.do_drill", "kernel.over_budget")] * 2
    assert ledger.registry.query(ledger.context(), "consortium.parked", {"member": "plant"}) == []

    # Others rely on what a room of the release does: it is retried, never given up.
    one, two = parked(ledger)
    assert ledger.codes(ledger.wire("maker", DiscardParked(**one))) == ["consortium.parked_needed"]
    monkeypatch.setattr(limits, "EVENTS_MAX", 100_000)
    ledger.do("plant", RetryParked(**one))
    assert len(ledger.block().events) > 0
    assert parked(ledger) == [two]
    assert ledger.codes(ledger.wire("plant", RetryParked(**one))) == ["consortium.parked_unknown"]
    assert ledger.codes(later(ledger, "c")) == ["ok"]
    assert [pending.count for _, pending in PENDING.scan(ledger.context())] == [2]


def test_the_same_work_retried_and_asked_for_again_is_done_once(ledger: Ledger) -> None:
    ledger.block(later(ledger, "a", kind="refuse"))
    ledger.block(after_ms=60_000)
    (one,) = parked(ledger)
    again = later(ledger, "a", kind="refuse", at_ms=ledger.now_ms + 1_001)
    ledger.block(again, ledger.wire("plant", RetryParked(**one)))
    assert [pending.count for _, pending in PENDING.scan(ledger.context())] == [1]
    assert len(list(QUEUE.scan(ledger.context()))) == 1


def test_an_item_that_spent_its_whole_budget_is_still_taken_off_the_queue(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.block(later(ledger, "heavy", drill="write"))
    monkeypatch.setattr(limits, "WRITES_MAX", 10_000)
    ledger.block(after_ms=60_000)

    assert list(QUEUE.scan(ledger.context())) == []
    assert list(PARKED.scan(ledger.context())) == []


def test_work_refused_for_its_size_is_not_charged_to_the_block(ledger: Ledger) -> None:
    """Else one charge of a room from outside, never done, fills a block."""
    ctx = ledger.context()
    with pytest.raises(OverBudget):
        ctx.spend_work(limits.WORK_MAX * 1_000)
    assert ctx.spent() == (limits.WORK_MAX // limits.WORK_PER_STEP, 0)


@pytest.mark.parametrize("drill", ["memory", "disk", "recurse"])
def test_a_fault_of_the_machine_in_due_work_stops_the_node(ledger: Ledger, drill: str) -> None:
    ledger.block(later(ledger, "bad", drill=drill))
    before = ledger.rows()
    with pytest.raises((MemoryError, OSError, RecursionError)):
        ledger.block(after_ms=60_000)
    assert ledger.rows() == before


def test_only_declared_work_can_be_asked_for(ledger: Ledger) -> None:
    applied = ledger.block(later(ledger, "x", kind="unknown"))
    assert applied.outcomes[0].code == "kernel.internal"


def test_work_that_a_new_release_no_longer_knows_is_parked(ledger: Ledger) -> None:
    ledger.block(later(ledger, "a"))
    fewer = Release([CONSORTIUM, Room("toolcrib", actions=list(room.ROOM.actions.values()), tables=[])])
    ledger.replica.chain = replace(ledger.replica.chain, release=fewer)
    ledger.block(after_ms=60_000)
    assert len(list(PARKED.scan(ledger.context()))) == 1


def test_work_that_asks_for_itself_in_the_past_waits_for_the_next_time(ledger: Ledger) -> None:
    ledger.block(later(ledger, "x", kind="again"))
    assert len(ledger.block(after_ms=60_000).events) == 1
    assert ledger.block(after_ms=0).leaf is None
    assert len(ledger.block(after_ms=1).events) == 1
