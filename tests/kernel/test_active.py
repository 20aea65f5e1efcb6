"""What is in force at a height: rules, rooms from outside, gates; and which classes of records were read."""

from typing import Any

import pytest

from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.kernel import (
    Action,
    Active,
    Context,
    Id,
    Natural,
    Record,
    Registry,
    Release,
    Room,
    RoomPin,
    Table,
    encode,
    limits,
    since,
    until,
)
from hansa.kernel.active import ACTIVE, Outdated, RoomMissing, schedule
from hansa.kernel.transaction import parse
from tests.kernel.ledger import Ledger

PIN = RoomPin(name="visits", version="1.0", sha256="ab" * 32)


class Seen(Record, version=1, readers="public", retention="business"):
    by: Id


class Held(Record, version=1, readers="parties", retention="business"):
    actions: tuple[bytes, ...]
    key: Id


class Plan(Action, tag="gatehouse.plan"):
    """Puts rules and the room from outside in force from a height on."""

    height: Natural
    rules: Natural
    with_visits: bool = False


class Greet(Action, tag="gatehouse.greet"):
    """Exists under rules 1 only."""


class Bow(Action, tag="gatehouse.bow"):
    """Exists from rules 2 on."""


class Guarded(Action, tag="gatehouse.guarded"):
    """Is held back by the gate."""

    name: Id


class LetIn(Action, tag="gatehouse.let_in"):
    """Does what was held."""


class Visit(Action, tag="visits.visit"):
    name: Id


SEEN = Table("gatehouse.seen", key=("name",), record=Seen)
HELD = Table("gatehouse.held", key=("member",), record=Held)


def plan(ctx: Context, a: Plan) -> None:
    schedule(ctx, a.height, a.rules, (PIN,) if a.with_visits else ())


@until(1)
def greet(ctx: Context, a: Greet) -> None:
    SEEN.put(ctx, ("greeted",), Seen(by=ctx.member))


@since(2)
def bow(ctx: Context, a: Bow) -> None:
    SEEN.put(ctx, ("bowed",), Seen(by=ctx.member))


def guarded(ctx: Context, a: Guarded) -> None:
    SEEN.put(ctx, (a.name,), Seen(by=ctx.key))


def let_in(ctx: Context, a: LetIn) -> None:
    held = HELD.get(ctx, (ctx.member,))
    assert held is not None
    ctx.perform(held.actions, held.key)
    SEEN.put(ctx, ("opened",), Seen(by=ctx.key))


@since(2)
def hold(ctx: Context, actions: Any) -> bool:
    if not any(isinstance(action, Guarded) for action in actions):
        return False
    HELD.put(ctx, (ctx.member,), Held(actions=tuple(encode(action) for action in actions), key="first"))
    return True


def visit(ctx: Context, a: Visit) -> None:
    SEEN.put(ctx, (a.name,), Seen(by=ctx.member))


def seen(ctx: Context) -> list[str]:
    return [str(key[0]) for key, _ in SEEN.scan(ctx)]


def held(ctx: Context) -> bool:
    return HELD.get(ctx, ("maker",)) is not None


GATEHOUSE = Room(
    "gatehouse",
    actions=[plan, greet, bow, guarded, let_in],
    gates=[hold],
    queries=[seen, held],
    tables=[SEEN, HELD],
)
VISITS = Room("visits", actions=[visit])
ALL = Release([CONSORTIUM, GATEHOUSE], {PIN: VISITS})
EVERYTHING = Registry([CONSORTIUM, GATEHOUSE, VISITS])
"""Signs any action, whether it is in force or not."""


@pytest.fixture
def ledger() -> Ledger:
    """Founded under rules 1."""
    made = Ledger(EVERYTHING)
    chain = made.replica.chain
    made.replica.chain = type(chain)(chain.id, ALL, chain.verify, rules=1)
    return made


def names(ledger: Ledger) -> Any:
    return ALL.registry(2).query(ledger.context(), "gatehouse.seen", {})


def test_an_action_exists_only_under_its_rules_and_otherwise_nobody_can_decode_it(ledger: Ledger) -> None:
    both = [ledger.wire("maker", Greet()), ledger.wire("maker", Bow())]
    assert ledger.codes(*both) == ["ok", "kernel.malformed"]
    ledger.do("maker", Plan(height=4, rules=2))
    assert ledger.codes(ledger.wire("plant", Greet()), ledger.wire("plant", Bow())) == [
        "ok",
        "kernel.malformed",
    ]
    assert ledger.replica.height == 3
    assert ledger.codes(ledger.wire("bank", Greet()), ledger.wire("bank", Bow())) == [
        "kernel.malformed",
        "ok",
    ]


def test_a_node_without_the_voted_rules_stops_before_the_block_and_says_so(ledger: Ledger) -> None:
    ledger.do("maker", Plan(height=3, rules=limits.RULES_MAX + 1))
    ledger.do("maker", Greet())
    digest = ledger.replica.state_sum
    with pytest.raises(Outdated) as refusal:
        ledger.block(ledger.wire("maker", Greet()))
    assert str(limits.RULES_MAX + 1) in refusal.value.zh
    assert (ledger.replica.height, ledger.replica.state_sum) == (2, digest)


def test_a_room_from_outside_is_there_from_its_height_on_and_only_where_it_was_voted(ledger: Ledger) -> None:
    assert ledger.codes(ledger.wire("maker", Visit(name="early"))) == ["kernel.malformed"]
    ledger.do("maker", Plan(height=3, rules=1, with_visits=True))
    assert ledger.codes(ledger.wire("maker", Visit(name="guest"))) == ["ok"]
    ledger.do("maker", Plan(height=5, rules=1))
    assert ledger.codes(ledger.wire("maker", Visit(name="late"))) == ["kernel.malformed"]
    assert names(ledger) == ["guest"]


def test_a_node_without_the_voted_room_stops_before_the_block(ledger: Ledger) -> None:
    ledger.do("maker", Plan(height=2, rules=1, with_visits=True))
    chain = ledger.replica.chain
    ledger.replica.chain = type(chain)(chain.id, Release([CONSORTIUM, GATEHOUSE]), chain.verify, rules=1)
    with pytest.raises(RoomMissing) as refusal:
        ledger.block(ledger.wire("maker", Greet()))
    assert "visits 1.0" in refusal.value.en


def test_a_gate_holds_a_whole_transaction_and_it_is_done_later_with_the_first_key(ledger: Ledger) -> None:
    ledger.do("maker", Plan(height=2, rules=2))
    assert ledger.codes(ledger.wire("maker", Bow(), Guarded(name="safe"))) == ["ok"]
    assert names(ledger) == []
    assert ledger.codes(ledger.wire("maker", LetIn())) == ["ok"]
    assert names(ledger) == ["bowed", "opened", "safe"]
    registry = ALL.registry(2)
    context = ledger.context()
    assert SEEN.get(context, ("safe",)) == Seen(by="first")
    assert SEEN.get(context, ("opened",)) == Seen(by="k1")
    assert registry.gates


def test_a_query_tells_which_classes_of_records_it_read(ledger: Ledger) -> None:
    registry = ALL.registry(2)
    context = ledger.context()
    registry.query(context, "gatehouse.seen", {})
    assert set(context.touched) == {"public"}
    registry.query(context, "gatehouse.held", {})
    assert set(context.touched) == {"public", "parties"}


def test_what_is_in_force_is_a_record_that_anybody_may_read(ledger: Ledger) -> None:
    ledger.do("maker", Plan(height=9, rules=2, with_visits=True))
    assert ACTIVE.get(ledger.context(), (9,)) == Active(rules=2, rooms=(PIN,))
    assert Active.readers == "public"


def test_a_registry_is_built_once_for_what_is_in_force() -> None:
    assert ALL.registry(2, (PIN,)) is ALL.registry(2, (PIN,))
    wire = Ledger(EVERYTHING).wire("maker", Visit(name="x"))
    assert parse(ALL.registry(2, (PIN,)), wire).body.actions[0].name == "x"
