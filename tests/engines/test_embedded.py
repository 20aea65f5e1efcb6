"""The embedded engine: durable or refused, never half; found again after any stop."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from hansa.client import Receipt, Refused
from hansa.engines import errors
from hansa.kernel import limits
from hansa.kernel import replace as structs_replace
from hansa.kernel.canonical import Malformed
from hansa.kernel.transaction import identity
from tests.consortium import START_MS, Consortium, VirtualClock
from tests.engines.conftest import made
from tests.kernel.room import Done, Drill, Later, Lend, Overdue, Register


def sequence_of(consortium: Consortium, member: str = "maker") -> int:
    return consortium.query("consortium.sequence", member=member, key="k1")  # type: ignore[no-any-return]


# Answers.


def test_a_receipt_says_where_the_transaction_rests(disk: Consortium) -> None:
    receipt = disk.do("maker", Register(tool="w-17"))
    head = disk.node.head()

    assert head is not None
    assert (receipt.height, receipt.index, receipt.app_hash) == (1, 0, head.header.app_hash)
    assert disk.node.find(receipt.transaction) == receipt


def test_the_same_bytes_are_answered_with_their_first_outcome_for_ever(disk: Consortium) -> None:
    refused = disk.client("maker").sign(Lend(tool="w-17", borrower="plant", due_ms=disk.in_days(1)))
    first = disk.node.submit([refused])[0]
    assert first.code == "toolcrib.tool_unknown"

    # It would succeed now, and later it is expired and the node was restarted: the answer stays.
    disk.do("maker", Register(tool="w-17"))
    assert disk.node.submit([refused]) == [first]
    disk.clock.advance(days=3)
    disk.reopen()
    assert disk.node.submit([refused]) == [first]
    assert disk.node.height == 2


def test_two_copies_in_a_group_count_once_and_both_are_answered(disk: Consortium) -> None:
    wire = disk.client("maker").sign(Register(tool="w-17"))
    one, two = disk.node.submit([wire, wire])

    assert one.code == "ok"
    assert two == one
    assert len(disk.node.ledger.store.transactions(one.height)) == 1
    assert disk.node.submit([wire]) == [one]
    assert disk.node.find(one.transaction) == one


def test_what_was_ahead_of_the_window_may_come_again(disk: Consortium) -> None:
    client = disk.client("maker")
    client.sequence = limits.WINDOW_WIDTH
    wire = client.sign(Register(tool="w-17"))
    assert disk.node.submit([wire])[0].code == "kernel.sequence_ahead"
    client.sequence = 0
    disk.do("maker", Register(tool="first"))

    receipt = disk.node.submit([wire])[0]
    assert receipt.code == "ok"
    assert disk.node.find(receipt.transaction) == receipt


def rubbish(disk: Consortium) -> dict[str, bytes]:
    client = disk.client("maker")
    good = client.sign(Register(tool="w-17"))
    return {
        "kernel.malformed": b"rubbish",
        "kernel.too_large": b"x" * (limits.TRANSACTION_BYTES_MAX + 1),
        "kernel.too_nested": b"[" * 10_000,
        "kernel.not_canonical": good.replace(b'"tool":"w-17"', b'"tool":"w-1\\u0037"'),
        "kernel.wrong_signature": good[:1] + bytes(64) + good[65:],
        "kernel.unknown_key": good.replace(b'"member":"maker"', b'"member":"rival"'),
        "kernel.wrong_chain": good.replace(disk.node.chain.id.encode(), b"0" * 64),
    }


def test_rubbish_is_refused_at_the_door_and_never_gets_on_the_ledger(disk: Consortium) -> None:
    disk.do("maker", Register(tool="first"))
    for code, wire in rubbish(disk).items():
        (receipt,) = disk.node.submit([wire])
        assert (receipt.code, receipt.height) == (code, 0)
        assert receipt.zh
        assert receipt.en
    assert disk.node.height == 1


def test_the_body_of_a_used_sequence_under_a_new_signature_stays_outside(disk: Consortium) -> None:
    """Else a member could fill the ledger with what will always be refused."""
    client = disk.client("maker")
    disk.do("maker", Register(tool="w-17"))
    client.sequence = 0
    again = client.sign(Register(tool="other"))
    (receipt,) = disk.node.submit([again])

    assert (receipt.code, receipt.height) == ("kernel.replayed", 0)
    assert disk.node.height == 1


def test_the_same_body_under_another_signature_is_not_the_same_bytes(disk: Consortium) -> None:
    wire = disk.client("maker").sign(Register(tool="w-17"))
    assert disk.node.submit([wire])[0].code == "ok"
    (receipt,) = disk.node.submit([wire[:1] + bytes(64) + wire[65:]])
    assert (receipt.code, receipt.height) == ("kernel.replayed", 0)


def test_dear_work_comes_last_at_the_door(disk: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what may be executed costs a signature check; only a used sequence costs a look-up."""
    checks: list[int] = []
    looked: list[int] = []
    verify, find = disk.node.chain.verify, disk.node.ledger.store.find_transaction
    monkeypatch.setattr(
        disk.node.ledger,
        "chain",
        dataclasses.replace(disk.node.chain, verify=lambda *a: checks.append(1) or verify(*a)),
    )
    monkeypatch.setattr(disk.node.ledger.store, "find_transaction", lambda i: looked.append(1) or find(i))
    cheap = rubbish(disk)
    bad_signature = cheap.pop("kernel.wrong_signature")
    parsed = [cheap.pop("kernel.unknown_key"), cheap.pop("kernel.wrong_chain")]
    for wire in cheap.values():
        disk.node.submit([wire])
    assert (checks, looked) == ([], [])
    disk.node.submit(parsed)
    assert (checks, looked) == ([], [])
    disk.node.submit([bad_signature])
    assert (len(checks), looked) == (1, [])
    wire = disk.client("maker").sign(Register(tool="known"))
    disk.node.submit([wire])
    assert looked == []
    disk.node.submit([wire])
    assert len(looked) == 1


def test_a_block_holds_as_many_as_its_limits_allow(disk: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_TRANSACTIONS_MAX", 3)
    client = disk.client("maker")
    receipts = disk.node.submit([client.sign(Register(tool=f"t{n}")) for n in range(7)])
    assert [receipt.height for receipt in receipts] == [1, 1, 1, 2, 2, 2, 3]

    monkeypatch.setattr(limits, "BLOCK_BYTES_MAX", 700)
    receipts = disk.node.submit([client.sign(Register(tool=f"u{n}")) for n in range(3)])
    assert [receipt.height for receipt in receipts] == [4, 4, 5]


def test_heavy_work_is_spread_over_blocks_and_all_of_it_is_answered(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BLOCK_STEPS_MAX", 100)
    client = disk.client("maker")
    wires = [client.sign(Drill(kind="write", count=90, text=str(n))) for n in range(5)]
    receipts = disk.node.submit(wires)

    assert [(receipt.code, receipt.height, receipt.index) for receipt in receipts] == [
        ("ok", 1, 0), ("ok", 1, 1), ("ok", 2, 0), ("ok", 2, 1), ("ok", 3, 0),
    ]  # fmt: skip
    assert [receipt.transaction for receipt in receipts] == [identity(wire) for wire in wires]


def test_a_commit_is_on_disk_before_it_is_answered(disk: Consortium) -> None:
    """WAL with synchronous=FULL (2): SQLite syncs the log at every commit."""
    settings = [
        disk.node.ledger.store._db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    ]
    assert settings == ["wal", 2]


# Time.


def test_block_time_never_goes_back(disk: Consortium) -> None:
    disk.clock.advance(hours=5)
    disk.do("maker", Register(tool="a"))
    before = disk.node.time_ms
    disk.client("maker").clock = lambda: before
    disk.clock.advance(hours=-4)
    disk.do("maker", Register(tool="b"))
    assert disk.node.time_ms == before

    disk.reopen()
    disk.clock.advance(hours=-30)
    disk.do("maker", Register(tool="c"))
    assert disk.node.time_ms == before


def test_the_engine_wakes_when_something_is_due_and_rests_otherwise(disk: Consortium) -> None:
    disk.do("maker", Register(tool="w-17"))
    disk.do("maker", Lend(tool="w-17", borrower="plant", due_ms=disk.in_days(2)))
    head = disk.node.head()
    disk.pass_days(1)
    assert disk.node.head() == head

    disk.pass_days(1)
    assert disk.events(Overdue) == [Overdue(tool="w-17", borrower="plant")]
    assert disk.node.height == 3
    disk.pass_days(1)
    assert disk.node.height == 3


def test_a_long_backlog_is_worked_off_in_bounded_blocks(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DUE_PER_BLOCK_MAX", 4)
    later = [Later(at_ms=disk.in_days(1), kind="drill", name=f"n{n}") for n in range(10)]
    disk.do("maker", *later)
    disk.pass_days(2)

    assert len(disk.events(Done)) == 10
    assert disk.node.height == 1 + 3


# Reading what is not there.


def test_bad_questions_are_refused_by_name(disk: Consortium) -> None:
    disk.do("maker", Register(tool="w-17"))
    node = disk.node
    for kind, height, index in [
        ("event", 1, 0), ("transaction", 1, 1), ("transaction", 2, 0), ("transaction", 0, 0),
        ("outcome", -1, 0), ("outcome", 1, -1), ("outcome", 2**70, 0), ("outcome", 1, 2**70),
        ("rubbish", 1, 0),
    ]:  # fmt: skip
        with pytest.raises(errors.NotOnLedger):
            node.prove(kind, height, index)
    for old in (0, -1, 2, 2**70):
        with pytest.raises(errors.NotOnLedger):
            node.consistency(old)
    for name in ("", "zz" * 32, "a" * 63, "A" * 64, "0" * 64, "é" * 64):
        assert node.find(name) is None
    assert node.events_after(2**70, 0) == []
    assert node.events_after(0, -(2**70), -1) == []


def test_events_are_read_in_order_from_any_place(disk: Consortium) -> None:
    for _ in range(3):
        disk.do("maker", Drill(kind="emit", count=3))
    places = [(height, index) for height, index, _ in disk.node.events_after(0, -1)]

    assert places == [(height, index) for height in (1, 2, 3) for index in range(3)]
    for position, (height, index) in enumerate(places):
        assert [row[:2] for row in disk.node.events_after(height, index, 4)] == places[position + 1 :][:4]


def test_texts_of_a_refusal_survive_a_restart(disk: Consortium) -> None:
    receipt: Receipt = disk.refused("maker", Lend(tool="w-17", borrower="plant", due_ms=1))
    disk.reopen()
    assert disk.node.find(receipt.transaction) == receipt
    assert "w-17" in receipt.zh
    assert "w-17" in receipt.en


def test_a_consortium_goes_on_after_a_restart(disk: Consortium) -> None:
    disk.do("maker", Register(tool="w-17"))
    head = disk.node.head()
    disk.reopen()
    assert disk.node.head() == head
    disk.client("maker").sequence = sequence_of(disk)
    disk.do("maker", Lend(tool="w-17", borrower="plant", due_ms=disk.in_days(1)))
    assert disk.query("toolcrib.borrowed_by", member="plant") == ["w-17"]
    with pytest.raises(Refused):
        disk.client("maker").do(Register(tool="w-17"))


def test_a_clock_before_the_genesis_counts_as_its_time(tmp_path: Path) -> None:
    consortium = made(tmp_path / "ledger.db")
    consortium.clock = VirtualClock(5)
    consortium.node._clock = consortium.clock
    consortium.client("maker").clock = lambda: START_MS
    consortium.do("maker", Register(tool="w-17"))
    assert consortium.node.time_ms == START_MS
    consortium.close()


def test_what_was_decided_keeps_its_receipt_when_the_next_block_stops(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BLOCK_TRANSACTIONS_MAX", 2)
    wires = [disk.client("maker").sign(Register(tool=f"w-{number}")) for number in range(5)]
    make, made = disk.node._make_block, []

    def only_once(given: Any, **how: Any) -> Any:
        if made:
            raise errors.WrongNodeKey()
        made.append(make(given, **how))
        return made[0]

    monkeypatch.setattr(disk.node, "_make_block", only_once)
    ordered = disk.node.order(wires)
    disk.node.show()
    assert [one and one.code for one in ordered.receipts] == ["ok", "ok", None, None, None]
    assert isinstance(ordered.refusal, errors.WrongNodeKey)

    # The same bytes again are answered though it orders no more; what is new is refused.
    assert disk.node.submit(wires[:2]) == ordered.receipts[:2]
    with pytest.raises(errors.WrongNodeKey):
        disk.node.submit(wires)


def test_blocks_that_were_not_shown_when_a_node_ended_are_in_the_journal_afterwards(disk: Consortium) -> None:
    for number in range(4):
        disk.node.order([disk.client("maker").sign(Register(tool=f"w-{number}"))])
        if not number:
            disk.node.show()
    assert (disk.node.height, disk.node.signed.height) == (4, 1)
    disk.reopen()

    assert disk.node.signed.height == 4
    for height in range(1, 5):
        header = disk.node.ledger.header(height).header
        assert disk.node.signed.allows(header)
        assert not disk.node.signed.allows(structs_replace(header, time_ms=header.time_ms + 1))
        if height > 1:
            assert disk.node.signed.operators(height) is not None


def test_bytes_whose_action_is_no_longer_known_have_their_first_outcome(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = disk.client("maker").sign(Register(tool="w-17"))
    first = disk.node.submit([wire])

    def forgotten(registry: Any, wire: bytes) -> Any:
        raise Malformed(detail="Invalid value 'toolcrib.register'")

    monkeypatch.setattr("hansa.kernel.apply.parse", forgotten)
    assert disk.node.submit([wire]) == first
    assert disk.node.submit([b"rubbish" + wire])[0].code == "kernel.malformed"


def test_trouble_met_while_it_stands_still_is_no_second_stop(
    disk: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails at the commit, and at the look-up of the bytes after it."""

    def fail(*_: Any) -> Any:
        raise OSError("disk broken")

    wire = disk.client("maker").sign(Register(tool="w-17"))
    for name in ("write_block", "find_transaction"):
        monkeypatch.setattr(disk.node.ledger.store, name, fail)
    with pytest.raises(errors.Stopped):
        disk.node.submit([wire])
    noted = disk.node.ledger.stops.noted()
    assert noted is not None
    assert (noted.stops, noted.transactions) == (1, (wire,))
