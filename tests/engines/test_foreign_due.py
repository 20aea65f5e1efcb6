"""Due work of rooms from outside: it ends, it is charged to who asked for it, and it ends with its room."""

from typing import Any, TypeVar

import msgspec
import pytest

from hansa.apps import rooms
from hansa.apps.consortium.messages_parked import DiscardParked, ParkedSettled, RetryParked
from hansa.engines.foreign_rooms import examine
from hansa.kernel import DueDropped, Event, Registry, Room, limits
from hansa.kernel.apply import Applied
from hansa.kernel.due import PARKED, PENDING, QUEUE
from tests.engines.test_foreign_rooms import founded, release_with
from tests.engines.test_room_check import ROOM, package
from tests.kernel.ledger import Ledger
from tests.kernel.test_active import Plan

E = TypeVar("E", bound=Event)
ASKS = "due.at(ctx, ctx.time_ms + a.times, work, ctx.member, ctx.member, a.tool)"
WORK = """

def work(ctx: Context, owner: str, tool: str) -> None:
    {step}

"""
STEPS = {
    "endless": "n = sum(1 for i in range(100_000) for j in range(100_000))",
    "again": "ctx.emit(Lent(tool=tool))\n    due.at(ctx, ctx.time_ms + 60_000, work, owner, owner, tool)",
    "elsewhere": "due.at(ctx, ctx.time_ms + 60_000, work, 'bank', owner, tool)",
    "plain": "ctx.emit(Lent(tool=tool))",
}


class Voted:
    """A ledger on which the consortium has voted for a room whose due work does such a step."""

    def __init__(self, step: str, monkeypatch: pytest.MonkeyPatch, asks: str = ASKS) -> None:
        made = package(
            step=asks,
            more=WORK.format(step=STEPS[step]),
            room=ROOM.replace("due=[later]", "due=[later, work]"),
        )
        room, refusals = examine(made)
        assert room is not None, refusals
        monkeypatch.setattr("tests.kernel.test_active.PIN", made.pin)
        self.lend: Any = next(iter(room.actions))
        self.ledger = self.founded(room, {made.pin: room})
        self.ledger.do("maker", Plan(height=2, rules=2, with_visits=True))

    def founded(self, room: Room, foreign: dict[Any, Room]) -> Ledger:
        release = release_with(foreign)
        return founded(release, Registry([*release.rooms, room]))

    def ask(self, tool: str, *, member: str = "plant") -> None:
        self.ledger.do(member, self.lend(tool=tool, times=10_000))

    def due(self) -> Applied:
        return self.ledger.block(after_ms=60_000)


def told(applied: Applied, kind: type[E]) -> list[E]:
    tag = kind.__struct_config__.tag
    return [
        msgspec.json.decode(e, type=kind) for e in applied.events if msgspec.json.decode(e)["_type"] == tag
    ]


def test_due_work_that_never_ends_is_parked_by_its_budget_and_the_chain_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    voted = Voted("endless", monkeypatch)
    voted.ask("w-17")
    applied = voted.due()
    assert [incident.what for incident in applied.incidents] == ["parked"]
    (((due_ms, name), parked),) = PARKED.scan(voted.ledger.context())
    assert (parked.code, parked.member, parked.handler) == ("kernel.over_budget", "plant", "tools.work")
    voted.ask("w-18")

    # Anyone may have it retried; it fails again. The member on whose account it is gives it up.
    retry = RetryParked(due_ms=int(due_ms), id=str(name))
    (settled,) = told(voted.ledger.do("bank", retry), ParkedSettled)
    assert (settled.settled_by, settled.member, settled.how) == ("bank", "plant", "retried")
    voted.due()
    voted.due()  # A block has room for one of such.
    assert len(list(PARKED.scan(voted.ledger.context()))) == 2
    for (at_ms, name), _ in list(PARKED.scan(voted.ledger.context())):
        discard = DiscardParked(due_ms=int(at_ms), id=str(name))
        assert voted.ledger.codes(voted.ledger.wire("bank", discard)) == ["consortium.parked_of_another"]
        assert [e.how for e in told(voted.ledger.do("plant", discard), ParkedSettled)] == ["discarded"]
        assert voted.ledger.codes(voted.ledger.wire("plant", discard)) == ["consortium.parked_unknown"]
    assert list(PENDING.scan(voted.ledger.context())) == list(PARKED.scan(voted.ledger.context())) == []


def test_due_work_that_asks_for_itself_again_goes_on_its_own_members_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    voted = Voted("again", monkeypatch)
    voted.ask("w-17")
    for _ in range(3):
        assert len(voted.due().events) == 1
    ((key, pending),) = PENDING.scan(voted.ledger.context())
    assert (key, pending.count) == (("plant",), 1)


def test_nobody_elses_account_is_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    voted = Voted("elsewhere", monkeypatch)
    voted.ask("w-17")
    voted.due()
    ((_, parked),) = PARKED.scan(voted.ledger.context())
    assert (parked.code, parked.member) == ("room.due_account", "plant")


def test_the_due_work_of_a_room_no_longer_in_force_is_dropped_under_one_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    voted = Voted("plain", monkeypatch)
    for number in range(5):
        voted.ask(f"w-{number}", member="plant" if number else "bank")
    voted.ledger.do("maker", Plan(height=voted.ledger.replica.height + 2, rules=2))
    applied = voted.due()
    assert told(applied, DueDropped) == [DueDropped(room="tools", count=5)]
    assert (len(applied.events), applied.incidents) == (1, ())
    ctx = voted.ledger.context()
    assert list(QUEUE.scan(ctx)) == list(PARKED.scan(ctx)) == list(PENDING.scan(ctx)) == []


def test_work_counts_among_the_steps_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    voted = Voted("plain", monkeypatch, asks="n = sum(1 for i in range(10_000))")
    wires = [voted.ledger.wire("plant", voted.lend(tool="w")) for _ in range(3)]
    monkeypatch.setattr(limits, "BLOCK_STEPS_MAX", 20_000)
    assert voted.ledger.codes(*wires) == ["ok", "ok", "kernel.block_full"]


def test_the_release_has_the_events_of_due_work() -> None:
    """So that every node can read them."""
    assert DueDropped in {event for room in rooms.registry().rooms for event in room.events}
