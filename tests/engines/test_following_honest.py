"""Followers accuse nobody of what came bent, nor of their own damage; and they have a way back."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hansa.engines import errors
from hansa.engines.blocks import BlockData, pack_block
from hansa.engines.following import LEVEL_EVERY_MS, REJECTED, Following, Level
from hansa.engines.ledger import Ledger
from hansa.engines.signed import Signed
from hansa.engines.stops import Stop
from hansa.kernel import encode, merkle, replace
from hansa.kernel.evidence import Header, SignedHeader
from tests.consortium import Consortium, signer
from tests.engines.conftest import made
from tests.engines.test_following import AT, blocks, following, forged, signed_anew
from tests.engines.test_replay import play


@pytest.fixture(scope="module")
def operator() -> Consortium:
    consortium = made(Path(":memory:"))
    play(consortium)
    return consortium


@pytest.fixture
def follower(operator: Consortium, tmp_path: Path) -> Iterator[Following]:
    found = following(operator, tmp_path / "ledger.db")
    yield found
    found.close()


UNFIT: dict[str, tuple[str, Callable[[Consortium], BlockData]]] = {
    "a transaction left out": (
        "transactions", lambda o: replace(forged(o, AT), wires=o.node.ledger.block(AT).wires[1:])),
    "a transaction added": (
        "transactions", lambda o: replace(forged(o, AT), wires=o.node.ledger.block(AT).wires * 2)),
    "a bit of a transaction": (
        "transactions", lambda o: replace(forged(o, AT), wires=(bent(o.node.ledger.block(AT).wires[0]),))),
    "another root of transactions": (
        "transactions", lambda o: forged(o, AT, {"transactions_root": "0" * 64})),
    "another root of the log": ("leaf", lambda o: forged(o, AT, app_hash="0" * 64)),
    "a bit of the leaf": ("leaf", lambda o: replace(
        o.node.ledger.block(AT), leaf=replace(o.node.ledger.leaf(AT), events_root="0" * 64))),
    "a time that goes back, and a bit of a transaction": (
        "transactions", lambda o: replace(
            forged(o, AT, {"time_ms": o.node.ledger.leaf(AT - 1).time_ms - 1}),
            wires=(bent(o.node.ledger.block(AT).wires[0]),))),
    "a leaf of an earlier time": ("leaf", lambda o: replace(
        o.node.ledger.block(AT), leaf=replace(o.node.ledger.leaf(AT), time_ms=1))),
}  # fmt: skip


def bent(wire: bytes) -> bytes:
    return wire[:-1] + bytes([wire[-1] ^ 1])


@pytest.mark.parametrize(("what", "bend"), UNFIT.values(), ids=UNFIT.keys())
def test_what_the_signed_header_does_not_cover_accuses_nobody(
    operator: Consortium, follower: Following, what: str, bend: Callable[[Consortium], BlockData]
) -> None:
    for block in blocks(operator, last=AT - 1):
        follower.follow(block)
    rows = list(follower.ledger.store.records())
    with pytest.raises(errors.BlockUnfit) as refused:
        follower.follow(bend(operator))
    assert refused.value.values == {"height": AT, "what": what}
    assert follower.rejected is None
    assert follower.ledger.store.meta(REJECTED) is None
    assert list(follower.ledger.store.records()) == rows
    follower.follow(operator.node.ledger.block(AT))


def test_a_header_of_another_chain_counts_for_nothing(operator: Consortium, follower: Following) -> None:
    """One key may operate two ledgers."""
    for block in blocks(operator, last=AT - 1):
        follower.follow(block)
    with pytest.raises(errors.NotByOperator):
        follower.follow(forged(operator, AT, chain="0" * 64))
    assert follower.rejected is None


def test_damage_of_the_own_log_accuses_nobody(operator: Consortium, follower: Following) -> None:
    for block in blocks(operator, last=AT - 1):
        follower.follow(block)
    level, position = merkle.peaks(AT - 1)[0]
    follower.ledger.store._db.execute(
        "UPDATE nodes SET hash = ? WHERE level = ? AND position = ?", (bytes(32), level, position)
    )
    with pytest.raises(errors.DamagedOnDisk):
        follower.follow(operator.node.ledger.block(AT))
    assert follower.rejected is None


def test_a_bit_bent_in_memory_accuses_nobody(operator: Consortium, follower: Following) -> None:
    for block in blocks(operator, last=AT - 1):
        follower.follow(block)
    follower.ledger.state_sum = bent(follower.ledger.state_sum)
    for block in blocks(operator, AT):
        follower.follow(block)
    assert follower.ledger.app_hash == operator.node.app_hash
    assert follower.rejected is None
    told = [incident.what for incident in follower.incidents]
    assert told[0] == "bent"
    assert "differs" not in told


def test_a_node_that_a_block_stopped_twice_opens_for_reading_only(
    operator: Consortium, tmp_path: Path
) -> None:
    first, second, *_ = blocks(operator)
    follower = following(operator, tmp_path / "ledger.db")
    follower.follow(first)
    follower.ledger.store.note("stopped", encode(Stop(stops=2, cause="too slow")))
    follower.close()

    follower = following(operator, tmp_path / "ledger.db")
    with pytest.raises(errors.Waiting):
        follower.follow(second)
    assert follower.height == 1
    with follower.reader().snapshot() as reading:
        assert reading.height == 1
    follower.retry()
    follower.follow(second)
    assert follower.height == 2
    follower.close()


def test_a_rejected_block_is_not_tried_while_the_node_waits(operator: Consortium, tmp_path: Path) -> None:
    follower = following(operator, tmp_path / "ledger.db")
    for block in blocks(operator, last=AT - 1):
        follower.follow(block)
    with pytest.raises(errors.Differs):
        follower.follow(forged(operator, AT, {"state_digest": "0" * 64}))
    follower.ledger.store.note("stopped", encode(Stop(stops=2, cause="too slow")))
    follower.close()

    follower = following(operator, tmp_path / "ledger.db")
    assert follower.rejected is None
    with pytest.raises(errors.Differs):
        (follower.retry(), follower.follow(operator.node.ledger.block(AT)))
    assert follower.rejected is not None
    follower.close()


def test_a_rejected_block_that_is_nobodys_any_more_is_let_go(operator: Consortium, tmp_path: Path) -> None:
    """Kept by an earlier program, or of a time before another operator was agreed on."""
    follower = following(operator, tmp_path / "ledger.db")
    for block in blocks(operator, last=AT - 1):
        follower.follow(block)
    bad = forged(operator, AT)
    for kept in (
        replace(bad, wires=()),
        replace(bad, header=signed_anew(bad.header.header, "k1")),
        operator.node.ledger.block(AT - 1),
    ):
        follower.ledger.store.note(REJECTED, pack_block(kept))
        follower.close()
        follower = following(operator, tmp_path / "ledger.db")
        assert follower.rejected is None
        assert follower.ledger.store.meta(REJECTED) is None
    follower.close()


def test_a_rejected_block_of_a_ledger_handed_over_is_let_go(operator: Consortium, tmp_path: Path) -> None:
    follower = following(operator, tmp_path / "ledger.db")
    for block in blocks(operator, last=AT - 1):
        follower.follow(block)
    with pytest.raises(errors.Differs):
        follower.follow(forged(operator, AT, {"state_digest": "0" * 64}))
    follower.signed.hand_over(AT - 1, "plant")
    follower.close()
    follower = following(operator, tmp_path / "ledger.db")
    assert follower.rejected is None
    with pytest.raises(errors.HandedOver):
        follower.follow(operator.node.ledger.block(AT))
    follower.close()


def test_a_fault_while_it_looks_again_leaves_it_open_for_reading(
    operator: Consortium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = following(operator, tmp_path / "ledger.db")
    for block in blocks(operator, last=AT - 1):
        follower.follow(block)
    bad = forged(operator, AT, {"state_digest": "0" * 64})
    with pytest.raises(errors.Differs):
        follower.follow(bad)
    follower.close()

    def fail(*given: object, **more: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "execute", fail)
        for refusal in (errors.Stopped, errors.Waiting, errors.Waiting):
            follower = following(operator, tmp_path / "ledger.db")
            assert follower.height == AT - 1
            with pytest.raises(refusal):
                follower.follow(bad)
            follower.close()
    follower = following(operator, tmp_path / "ledger.db")
    follower.retry()
    assert follower.rejected is not None
    follower.close()


def test_when_the_operator_had_nothing_is_known_after_a_restart(operator: Consortium, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    follower = following(operator, path)
    assert follower.level is None
    follower.had_nothing_after(1, 1_000_000)
    follower.had_nothing_after(2, 1_000_000 + LEVEL_EVERY_MS - 1)  # Not worth a write of its own.
    assert follower.level == Level(height=2, at_ms=1_000_000 + LEVEL_EVERY_MS - 1)
    follower.close()
    follower = following(operator, path)
    assert follower.level == Level(height=1, at_ms=1_000_000)
    for at_ms in (1_000_000 + LEVEL_EVERY_MS, 500_000):  # Also when the clock was set back.
        follower.had_nothing_after(3, at_ms)
        follower.close()
        follower = following(operator, path)
        assert follower.level == Level(height=3, at_ms=at_ms)
    follower.retry()
    assert follower.level is None
    follower.close()
    follower = following(operator, path)
    assert follower.level is None
    follower.close()


def test_what_the_operator_signed_lies_beside_what_was_cosigned(
    operator: Consortium, follower: Following
) -> None:
    for block in blocks(operator, last=2):
        follower.follow(block)
    follower.cosign("plant", signer("plant", "node"))
    kept = follower.signed.operators(2)
    assert kept == operator.node.ledger.header(2)
    assert follower.signed.operators(1) is None


def test_a_file_of_what_was_signed_without_the_operators_word_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "signed.db"
    signed = Signed(path, "c" * 64)
    header = Header(chain="c" * 64, height=3, time_ms=5, app_hash="0" * 64)
    signed.put(header)
    signed.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("ALTER TABLE signed DROP COLUMN operators")
    signed = Signed(path, "c" * 64)
    assert signed.operators(3) is None
    assert not signed.allows(replace(header, time_ms=6))
    signed.put(replace(header, height=4), SignedHeader(header=header, suite=1, signature=b"s"))
    assert signed.operators(4) is not None
    signed.close()
