"""The state transition: what counts, what a refusal leaves, what work may cost, what falls due."""

import gc
import weakref
from dataclasses import replace
from typing import Any

import pytest

from hansa.apps.consortium.messages import RegisterKey, RevokeKey
from hansa.kernel import KEYS, WINDOWS, Release, due, encode, limits, lthash
from hansa.kernel.apply import Block, BlockFull, Chain, Now, apply
from hansa.kernel.canonical import decode
from hansa.kernel.messages import Event, Outcome
from hansa.kernel.state import encode_key
from hansa.kernel.transaction import identity
from tests.consortium import START_MS, new_key, signer
from tests.kernel import room
from tests.kernel.ledger import Ledger
from tests.kernel.room import (
    Done,
    Drill,
    GiveBack,
    Lend,
    Lent,
    Note,
    Register,
    Tool,
    ToolBefore,
)

W17 = Register(tool="w-17")


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def told(events: tuple[bytes, ...], kind: type[Event]) -> list[Any]:
    return [decode(data, kind) for data in events]


# Admission: rules 5 and 6.


def test_a_transaction_does_what_it_says(ledger: Ledger) -> None:
    ledger.do("maker", W17)
    applied = ledger.do("maker", Lend(tool="w-17", borrower="plant", due_ms=START_MS + 60_000))

    assert told(applied.events, Lent) == [Lent(tool="w-17", owner="maker", borrower="plant", rules=2)]


def without_trace(ledger: Ledger, wire: bytes, code: str) -> None:
    before = ledger.rows()
    applied = ledger.block(wire)
    assert [outcome.code for outcome in applied.outcomes] == [code]
    assert applied.consumed == (False,)
    assert applied.changes == {}
    assert ledger.rows() == before


def test_who_fails_signature_key_or_chain_leaves_an_outcome_and_no_trace(ledger: Ledger) -> None:
    without_trace(ledger, ledger.wire("maker", W17, by=signer("plant")), "kernel.wrong_signature")
    without_trace(ledger, ledger.wire("maker", W17, chain="f" * 64), "kernel.wrong_chain")
    without_trace(ledger, ledger.wire("maker", W17, key="k9"), "kernel.unknown_key")
    without_trace(ledger, ledger.wire("rival", W17), "kernel.unknown_key")
    good = ledger.wire("maker", W17)
    without_trace(ledger, bytes([2]) + good[1:], "kernel.wrong_signature")
    without_trace(ledger, good[:-1] + b" ", "kernel.malformed")
    # The sequence is still free.
    assert ledger.codes(good) == ["ok"]


def test_a_sequence_is_used_up_whether_refused_or_not(ledger: Ledger) -> None:
    refused = ledger.wire("maker", Lend(tool="w-17", borrower="plant", due_ms=START_MS))
    applied = ledger.block(refused)
    assert applied.outcomes[0].code == "toolcrib.tool_unknown"
    assert applied.consumed == (True,)
    assert [name[0] for name in applied.changes] == ["kernel.windows"]

    # Now it would succeed; but nobody can put it in again.
    ledger.do("maker", W17)
    without_trace(ledger, refused, "kernel.replayed")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"valid_until_ms": START_MS + 1_000}, "kernel.expired"),
        ({"valid_until_ms": START_MS + 1_001 + limits.VALID_MAX_MS}, "kernel.valid_too_long"),
    ],
)
def test_expired_and_too_long_valid_are_refused_and_used_up(
    ledger: Ledger, fields: dict[str, int], code: str
) -> None:
    wire = ledger.wire("maker", W17, **fields)
    assert ledger.codes(wire) == [code]
    assert ledger.codes(wire) == ["kernel.replayed"]


def test_validity_ends_at_its_time_and_reaches_a_day(ledger: Ledger) -> None:
    first = ledger.wire("maker", W17, valid_until_ms=START_MS + 1_001)
    second = ledger.wire("maker", Register(tool="b"), valid_until_ms=START_MS + 1_000 + limits.VALID_MAX_MS)
    assert ledger.codes(first, second) == ["ok", "ok"]


def test_two_copies_in_a_block_count_once(ledger: Ledger) -> None:
    wire = ledger.wire("maker", W17)
    applied = ledger.block(wire, wire)

    assert [outcome.code for outcome in applied.outcomes] == ["ok", "kernel.replayed"]
    assert applied.consumed == (True, False)


def test_two_bodies_with_one_sequence_count_once(ledger: Ledger) -> None:
    first = ledger.wire("maker", W17)
    second = ledger.wire("maker", Register(tool="other"), sequence=1)
    assert ledger.codes(first, second) == ["ok", "kernel.replayed"]


def test_the_order_within_the_window_is_free_and_too_far_ahead_is_not(ledger: Ledger) -> None:
    numbers = [1_024, 1, 500, 2_049]
    wires = [ledger.wire("maker", Register(tool=f"t{n}"), sequence=n) for n in numbers]
    assert ledger.codes(*wires) == ["ok", "ok", "ok", "kernel.sequence_ahead"]
    # It left no trace, so it can come when its turn has come.
    assert ledger.codes(ledger.wire("maker", W17, sequence=1_025), wires[3]) == ["ok", "ok"]
    assert ledger.codes(ledger.wire("maker", W17, sequence=1_025)) == ["kernel.replayed"]
    assert ledger.codes(ledger.wire("maker", W17, sequence=2)) == ["kernel.replayed"]


def worker(ledger: Ledger, scopes: tuple[str, ...], expires_ms: int) -> RegisterKey:
    """One more key of maker's, `k2`."""
    chain = ledger.replica.chain.id
    return RegisterKey(key=new_key(chain, "maker", "k2", kind="worker", scopes=scopes, expires_ms=expires_ms))


def test_authority_is_checked_at_execution_not_when_the_signature_was(ledger: Ledger) -> None:
    """Rule 5: the signature is in the cache, and still the key may not sign once it is revoked."""
    tools = Ledger(ledger.registry)
    new = signer("maker", "k2")
    tools.do("maker", worker(tools, ("toolcrib.*",), START_MS + 10_000))
    later = tools.wire("maker", W17, key="k2", by=new, sequence=7)
    body = later[65:]
    assert tools.replica.chain.verify(new.public, 1, later[1:65], b"hansa-tx-1\x00" + body)

    tools.do("maker", RevokeKey(id="k2"))
    without_trace(tools, later, "kernel.key_revoked")


def test_a_key_ends_at_its_expiry(ledger: Ledger) -> None:
    new = signer("maker", "k2")
    ledger.do("maker", worker(ledger, ("toolcrib.*",), START_MS + 3_000))

    before = ledger.wire("maker", W17, key="k2", by=new, sequence=1)
    after = ledger.wire("maker", Register(tool="b"), key="k2", by=new, sequence=2)
    assert ledger.codes(before) == ["ok"]
    without_trace(ledger, after, "kernel.key_expired")


def test_out_of_scope_is_refused_and_used_up(ledger: Ledger) -> None:
    new = signer("maker", "k2")
    ledger.do("maker", worker(ledger, ("toolcrib.register",), 2**50))
    lend = Lend(tool="w-17", borrower="plant", due_ms=START_MS)
    mixed = ledger.wire("maker", W17, lend, key="k2", by=new, sequence=1)

    applied = ledger.block(mixed)
    assert applied.outcomes[0].code == "kernel.out_of_scope"
    assert applied.consumed == (True,)
    assert ledger.codes(ledger.wire("maker", W17, key="k2", by=new, sequence=2)) == ["ok"]


# Execution: rules 9 and 10.


def test_all_actions_or_none(ledger: Ledger) -> None:
    applied = ledger.block(ledger.wire("maker", W17, Register(tool="b"), W17))

    assert applied.outcomes[0].code == "toolcrib.tool_taken"
    assert [name[0] for name in applied.changes] == ["kernel.windows"]
    assert applied.events == ()


def test_an_outcome_is_code_field_and_clause_only(ledger: Ledger) -> None:
    wire = ledger.wire("maker", GiveBack(owner="plant", tool="x"))
    applied = ledger.block(wire)

    assert applied.outcomes == (
        Outcome(transaction=identity(wire), code="toolcrib.tool_unknown", field="tool"),
    )


BUDGETS = [
    ("read", limits.READS_MAX),
    ("write", limits.WRITES_MAX),
    ("emit", limits.EVENTS_MAX),
]


@pytest.mark.parametrize(("kind", "limit"), BUDGETS)
def test_a_transaction_may_cost_so_much_and_no_more(ledger: Ledger, kind: Any, limit: int) -> None:
    # Reading key, window and the member's approval rules, and writing the window, are part of the cost.
    spent = {"read": 3, "write": 1, "emit": 0}[kind]
    fits = ledger.wire("maker", Drill(kind=kind, count=limit - spent))
    beyond = ledger.wire("maker", Drill(kind=kind, count=limit - spent + 1))

    assert ledger.codes(fits) == ["ok"]
    applied = ledger.block(beyond)
    assert applied.outcomes[0].code == "kernel.over_budget"
    assert [name[0] for name in applied.changes] == ["kernel.windows"]
    assert applied.events == ()


def test_the_budget_is_one_for_all_actions_of_a_transaction(ledger: Ledger) -> None:
    half = Drill(kind="emit", count=limits.EVENTS_MAX // 2)
    assert ledger.codes(ledger.wire("maker", half, half)) == ["ok"]
    one = Drill(kind="emit", count=1)
    assert ledger.codes(ledger.wire("maker", half, half, one)) == ["kernel.over_budget"]


def test_scanned_rows_and_bytes_are_budgeted(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.do("maker", Drill(kind="write", count=60))
    monkeypatch.setattr(limits, "SCANNED_MAX", 50)
    assert ledger.codes(ledger.wire("maker", Drill(kind="scan", count=50))) == ["ok"]
    assert ledger.codes(ledger.wire("maker", Drill(kind="scan", count=51))) == ["kernel.over_budget"]

    text = "x" * 100_000
    assert ledger.codes(ledger.wire("maker", Drill(kind="emit", count=200, text=text))) == [
        "kernel.over_budget"
    ]
    assert ledger.codes(ledger.wire("maker", Drill(kind="emit", count=1, text=text))) == ["ok"]


def test_a_mistake_in_a_contract_refuses_that_transaction_and_tells_the_operator(ledger: Ledger) -> None:
    bug = ledger.wire("maker", W17, Drill(kind="bug", count=1, text="!" * 10_000))
    applied = ledger.block(bug, ledger.wire("plant", W17))

    assert [outcome.code for outcome in applied.outcomes] == ["kernel.internal", "ok"]
    assert applied.consumed == (True, True)
    assert [incident.what for incident in applied.incidents] == ["internal"]
    assert "ZeroDivisionError" in applied.incidents[0].detail
    assert len(applied.incidents[0].detail) <= limits.INCIDENT_MAX
    with_context = ledger.context()
    assert room.TOOLS.get(with_context, ("maker", "w-17")) is None


@pytest.mark.parametrize(
    ("kind", "fault"), [("memory", MemoryError), ("recurse", RecursionError), ("disk", OSError)]
)
def test_a_fault_of_the_machine_stops_before_anything_is_kept(
    ledger: Ledger, kind: Any, fault: type[Exception]
) -> None:
    before, height = ledger.rows(), ledger.replica.height
    good, bad = ledger.wire("maker", W17), ledger.wire("maker", Drill(kind=kind, count=1))

    with pytest.raises(fault):
        ledger.block(good, bad)

    assert ledger.rows() == before
    assert ledger.replica.height == height
    assert ledger.codes(good) == ["ok"]


def test_a_figure_that_the_ledger_cannot_hold_is_refused(ledger: Ledger) -> None:
    applied = ledger.block(ledger.wire("maker", Drill(kind="sum", count=1)))
    assert applied.outcomes[0].code == "kernel.out_of_range"
    event = ledger.context()
    with pytest.raises(Exception, match="out_of_range"):
        event.emit(Done(count=2**53))
    assert event.events == []


@pytest.mark.parametrize("text", ["a\x00b", "x" * 2_000])
def test_a_key_that_does_not_fit_is_refused(ledger: Ledger, text: str) -> None:
    applied = ledger.block(ledger.wire("maker", Drill(kind="key", count=1, text=text)))
    assert applied.outcomes[0].code == "kernel.key_unfit"
    refusal = applied.refusals[0]
    assert refusal is not None
    assert len(refusal.en) < 400


def test_a_block_has_a_budget_too(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_STEPS_MAX", 100)
    wires = [ledger.wire("maker", Drill(kind="write", count=90, text=str(n))) for n in range(4)]

    applied = ledger.block(*wires)
    assert [outcome.code for outcome in applied.outcomes] == ["ok", "ok", BlockFull.code, BlockFull.code]
    assert applied.consumed == (True, True, False, False)
    # Its sequence is free, so the same bytes may come again.
    assert ledger.codes(*wires[2:]) == ["ok", "ok"]


def test_the_budget_is_smaller_since_rules_2() -> None:
    """Else one member's late records make blocks of tens of seconds; rules 1 stay what they were."""
    registry = room.registry()
    chain = Chain("0" * 64, Release(registry.rooms), verify=lambda *_: True)
    steps = [Now(chain, registry, rules).steps_max for rules in (1, 2)]
    assert steps == [limits.BLOCK_STEPS_MAX_RULES_1, limits.BLOCK_STEPS_MAX]
    assert steps[1] * 5 <= steps[0]
    assert limits.BLOCK_STEPS_MAX > limits.READS_MAX + limits.WRITES_MAX + limits.SCANNED_MAX


def test_an_engine_that_orders_alone_may_cut_the_block(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BLOCK_WRITTEN_MAX", 2_000)
    wires = [ledger.wire("maker", Drill(kind="write", count=90, text=str(n))) for n in range(3)]
    ledger.now_ms += 1_000
    replica = ledger.replica
    whole, first = (Block(replica.height + 1, ledger.now_ms, some) for some in (wires, wires[:1]))
    cut = apply(replica.chain, replica._state, replica.state_sum, whole, alone=True)
    short = apply(replica.chain, replica._state, replica.state_sum, first)

    assert len(cut.outcomes) == 1
    assert cut == short


def test_an_engine_that_orders_alone_leaves_out_what_leaves_no_trace(ledger: Ledger) -> None:
    good = [ledger.wire("maker", Drill(kind="write", count=1, text=str(n))) for n in range(3)]
    ledger.now_ms += 1_000
    replica = ledger.replica
    with_rubbish = [b"rubbish", good[0], good[0], good[1], good[2][:-1] + b"!", good[2]]
    whole, only = (Block(replica.height + 1, ledger.now_ms, some) for some in (with_rubbish, good))
    alone = apply(replica.chain, replica._state, replica.state_sum, whole, alone=True)
    short = apply(replica.chain, replica._state, replica.state_sum, only)

    codes = [(place, refusal.code) for place, refusal in alone.left_out]
    assert codes == [(0, "kernel.malformed"), (2, "kernel.replayed"), (4, "kernel.malformed")]
    assert replace(alone, left_out=()) == short
    assert alone.transactions == tuple(good)
    # What members are handed is executed as it is: nothing is left out of another's block.
    theirs = apply(replica.chain, replica._state, replica.state_sum, whole)
    assert len(theirs.outcomes) == len(with_rubbish) == len(theirs.transactions)


# Versions: rule 13.


def test_an_older_record_is_brought_up_to_date_when_read_and_nothing_migrates(ledger: Ledger) -> None:
    name = ("toolcrib.tools", encode_key(("maker", "old")))
    old = encode(ToolBefore(owner="maker", borrower="plant"))
    ledger.replica._store.write({name: old})

    assert room.TOOLS.get(ledger.context(), ("maker", "old")) == Tool(
        owner="maker", borrower="plant", loans=1
    )
    assert [tool.loans for _, tool in room.TOOLS.scan(ledger.context())] == [1]
    assert ledger.replica._store.get(*name) == old

    # Written, it is of the new version; and the sum loses the bytes as they were stored.
    ledger.replica.state_sum = lthash.update(ledger.replica.state_sum, [], [lthash.element(*name, old)])
    ledger.do("plant", GiveBack(owner="maker", tool="old"))
    assert ledger.replica._store.get(*name) == encode(Tool(owner="maker", loans=1))
    assert ledger.replica.state_sum == summed(ledger)


def summed(ledger: Ledger) -> bytes:
    rows = ledger.rows().items()
    return lthash.update(
        lthash.EMPTY, [], [lthash.element(table, key, value) for (table, key), value in rows]
    )


def test_the_stored_tag_names_the_version(ledger: Ledger) -> None:
    assert encode(Tool(owner="a", loans=0)).startswith(b'{"_type":"tool.2",')
    assert encode(ToolBefore(owner="a")).startswith(b'{"_type":"tool.1",')
    assert encode(Note(value=1)).startswith(b'{"_type":"note.1",')


def test_contracts_see_the_version_of_the_rules() -> None:
    ledger = Ledger()
    ledger.replica.chain = replace(ledger.replica.chain, rules=2)
    ledger.do("maker", W17)
    applied = ledger.do("maker", Lend(tool="w-17", borrower="plant", due_ms=START_MS + 60_000))
    assert told(applied.events, Lent)[0].rules == 2


# The log: rules 15 to 17.


def test_the_sum_is_that_of_all_records_and_a_block_changes_each_once(ledger: Ledger) -> None:
    ledger.do("maker", W17)
    ledger.do("maker", Lend(tool="w-17", borrower="plant", due_ms=ledger.now_ms + 60_000))
    applied = ledger.block(
        ledger.wire("plant", GiveBack(owner="maker", tool="w-17")),
        ledger.wire("maker", Lend(tool="w-17", borrower="bank", due_ms=ledger.now_ms + 90_000)),
        ledger.wire("maker", Drill(kind="write", count=5), Drill(kind="delete", count=5)),
        after_ms=60_000,
    )
    assert all(table != "toolcrib.notes" for table, _ in applied.changes)
    assert ledger.replica.state_sum == summed(ledger)
    assert applied.leaf is not None
    assert applied.leaf.state_digest == lthash.digest(summed(ledger))


def test_an_idle_chain_rests(ledger: Ledger) -> None:
    ledger.do("maker", W17)
    app_hash = ledger.replica.app_hash
    applied = ledger.block(after_ms=limits.DAY_MS)

    assert applied.leaf is None
    assert ledger.replica.app_hash == app_hash
    assert ledger.replica.height == 1


def test_a_refused_transaction_makes_a_leaf(ledger: Ledger) -> None:
    assert ledger.block(b"rubbish").leaf is not None


def test_keys_and_windows_lie_in_the_state_like_any_record(ledger: Ledger) -> None:
    ledger.do("maker", W17)
    ctx = ledger.context()
    assert KEYS.get(ctx, ("maker", "k1")) is not None
    window = WINDOWS.get(ctx, ("maker", "k1"))
    assert window is not None
    assert window.highest == 1
    assert due.QUEUE.name == "kernel.due"


def test_a_block_that_is_done_with_leaves_memory_at_once(ledger: Ledger) -> None:
    """A refusal that kept where it was raised would hold the block, which holds the refusal."""
    applied = ledger.block(ledger.wire("maker", Drill(kind="key", count=1, text="x" * 2_000)))
    assert applied.refusals[0] is not None
    gone = weakref.ref(applied)
    gc.disable()
    try:
        del applied
        assert gone() is None
    finally:
        gc.enable()
