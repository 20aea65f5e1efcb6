"""Followers: they come to the same state, name the first difference, sign one header per height for ever."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hansa.engines import errors
from hansa.engines.blocks import BlockData, Write
from hansa.engines.following import Following
from hansa.kernel import encode, merkle, replace
from hansa.kernel.evidence import Header, SignedHeader, signed_by
from hansa.kernel.signatures import HEADER_DOMAIN, verify
from tests.consortium import Consortium, signer
from tests.engines.conftest import made
from tests.engines.test_replay import play
from tests.kernel.room import Drill, Lend, Register


@pytest.fixture(scope="module")
def operator() -> Consortium:
    consortium = made(Path(":memory:"))
    play(consortium)
    return consortium


def following(operator: Consortium, path: Path) -> Following:
    return Following(path, encode(operator.genesis), registry=operator.registry)


@pytest.fixture
def follower(operator: Consortium, tmp_path: Path) -> Iterator[Following]:
    found = following(operator, tmp_path / "ledger.db")
    yield found
    found.close()


def blocks(operator: Consortium, first: int = 1, last: int | None = None) -> list[BlockData]:
    ledger = operator.node.ledger
    return [ledger.block(height) for height in range(first, (last or ledger.height) + 1)]


def test_a_follower_comes_to_the_same_state(operator: Consortium, follower: Following) -> None:
    for block in blocks(operator):
        follower.follow(block)
    node = operator.node
    assert (follower.height, follower.ledger.app_hash) == (node.height, node.app_hash)
    assert list(follower.ledger.store.records()) == list(node.ledger.store.records())
    assert follower.ledger.head() == node.head()
    for height in range(1, node.height + 1):
        assert follower.ledger.write_set(height) == node.ledger.write_set(height)
        for kind in ("transaction", "outcome", "event"):
            assert follower.ledger.items(kind, height) == node.ledger.items(kind, height)


def test_a_follower_goes_on_after_a_restart(operator: Consortium, tmp_path: Path) -> None:
    for height, block in enumerate(blocks(operator, last=12), 1):
        follower = following(operator, tmp_path / "ledger.db")
        assert follower.height == height - 1
        follower.follow(block)
        follower.close()


# A header signed by the operator over something else than what its transactions lead to.


def forged(operator: Consortium, height: int, leaf: dict[str, Any] | None = None, **header: Any) -> BlockData:
    """A block as an operator forges it: a leaf of its own, and the log root that belongs to that leaf."""
    block = operator.node.ledger.block(height)
    changed = replace(block.leaf, **(leaf or {}))
    hashes = [merkle.leaf_hash(encode(operator.node.ledger.leaf(below))) for below in range(1, height)]
    app_hash = merkle.root([*hashes, merkle.leaf_hash(encode(changed))]).hex()
    named = {"app_hash": app_hash, "time_ms": changed.time_ms} | header
    return replace(block, leaf=changed, header=signed_anew(replace(block.header.header, **named)))


def signed_anew(header: Header, by: str = "node") -> SignedHeader:
    signature = signer("maker", by).sign(HEADER_DOMAIN + encode(header))
    return SignedHeader(header=header, suite=1, signature=signature)


AT = 9
FORGERIES: dict[str, tuple[str, Callable[[Consortium], BlockData]]] = {
    "another outcome": ("outcomes", lambda o: forged(o, AT, {"outcomes_root": "0" * 64})),
    "another event": ("events", lambda o: forged(o, AT, {"events_root": "0" * 64})),
    "another record": ("records", lambda o: forged(o, AT, {"state_digest": "0" * 64})),
    "facts of no engine": ("header", lambda o: forged(o, AT, {"engine": "other"})),
    "a time before the last block's": (
        "time", lambda o: forged(o, AT, {"time_ms": o.node.ledger.leaf(AT - 1).time_ms - 1})),
    "a header of another time": (
        "header", lambda o: forged(o, AT, time_ms=o.node.ledger.leaf(AT).time_ms + 1)),
    "a leaf of another height": ("header", lambda o: forged(o, AT, {"height": AT + 1})),
}  # fmt: skip


@pytest.mark.parametrize(("what", "forge"), FORGERIES.values(), ids=FORGERIES.keys())
def test_what_differs_is_named_and_kept(
    operator: Consortium, tmp_path: Path, what: str, forge: Callable[[Consortium], BlockData]
) -> None:
    follower = following(operator, tmp_path / "ledger.db")
    for block in blocks(operator, last=AT - 1):
        follower.follow(block)
    rows, app_hash = list(follower.ledger.store.records()), follower.ledger.app_hash
    bad = forge(operator)

    for _ in range(2):
        with pytest.raises(errors.Differs) as caught:
            follower.follow(bad)
        assert (caught.value.height, caught.value.what) == (AT, what)
        assert follower.rejected is not None
        assert (follower.rejected.block, follower.rejected.what) == (bad, what)
        assert (follower.height, follower.ledger.app_hash) == (AT - 1, app_hash)
        assert list(follower.ledger.store.records()) == rows
        # Caught once, it follows nothing more; also after a restart.
        with pytest.raises(errors.Differs):
            follower.follow(operator.node.ledger.block(AT))
        assert [incident.what for incident in follower.incidents] == ["differs"]
        follower.close()
        follower = following(operator, tmp_path / "ledger.db")
        assert follower.rejected is not None
        assert (follower.rejected.block, follower.rejected.what) == (bad, what)

    follower.forget_rejected()
    follower.follow(operator.node.ledger.block(AT))
    assert follower.height == AT
    follower.close()


def test_the_first_differing_record_can_be_found(operator: Consortium, follower: Following) -> None:
    for block in blocks(operator, last=AT - 1):
        follower.follow(block)
    with pytest.raises(errors.Differs):
        follower.follow(forged(operator, AT, {"state_digest": "0" * 64}))
    assert follower.rejected is not None
    assert follower.rejected.writes == operator.node.ledger.write_set(AT)
    assert list(follower.rejected.outcomes) == operator.node.ledger.items("outcome", AT)
    assert list(follower.rejected.events) == operator.node.ledger.items("event", AT)


def test_a_block_in_which_nothing_happens_is_no_block(operator: Consortium, follower: Following) -> None:
    leaf = operator.node.ledger.leaf(1)
    empty = merkle.EMPTY_ROOT.hex()
    bare = replace(leaf, transactions_root=empty, outcomes_root=empty, events_root=empty)
    app_hash = merkle.root([merkle.leaf_hash(encode(bare))]).hex()
    header = replace(operator.node.ledger.header(1).header, app_hash=app_hash)
    with pytest.raises(errors.Differs) as caught:
        follower.follow(BlockData(leaf=bare, header=signed_anew(header)))
    assert caught.value.what == "header"


def test_what_the_operator_did_not_sign_counts_for_nothing(operator: Consortium, follower: Following) -> None:
    first = operator.node.ledger.block(1)
    for signed in (
        signed_anew(first.header.header, "k1"),
        replace(first.header, signature=bytes(64)),
        replace(first.header, suite=2),
        replace(first.header, header=replace(first.header.header, time_ms=1)),
    ):
        with pytest.raises(errors.NotByOperator):
            follower.follow(replace(first, header=signed))
    assert follower.rejected is None
    follower.follow(first)


def test_blocks_come_in_their_order(operator: Consortium, follower: Following) -> None:
    one, two, three = blocks(operator, last=3)
    for block in (two, three):
        with pytest.raises(errors.NotNext):
            follower.follow(block)
    follower.follow(one)
    for block in (one, three):
        with pytest.raises(errors.NotNext):
            follower.follow(block)
    follower.follow(two)


# What was signed.


def test_a_cosignature_stands_under_the_operators_header(operator: Consortium, follower: Following) -> None:
    with pytest.raises(errors.NotOnLedger):
        follower.cosign("plant", signer("plant", "node"))
    follower.follow(operator.node.ledger.block(1))
    own = signer("plant", "node")
    given = follower.cosign("plant", own)
    header = operator.node.ledger.header(1).header
    assert given.member == "plant"
    assert verify(given.suite, own.public, given.signature, HEADER_DOMAIN + encode(header))
    assert follower.cosign("plant", own) == given


def second_history(operator: Consortium, height: int) -> BlockData:
    """Another block at this height, sound in itself and signed by the same operator."""
    other = made(Path(":memory:"))
    for block in blocks(operator, last=height - 1):
        other.node.ledger.stops.check()
        other.node.recover([block])
    other.clock.now_ms = operator.node.ledger.leaf(height).time_ms
    other.client("auditor").sequence = other.query("consortium.sequence", member="auditor", key="k1")
    other.do("auditor", Register(tool="only-there"))
    block = other.node.ledger.block(height)
    other.close()
    return block


def test_a_second_history_is_refused_where_a_header_was_signed(operator: Consortium, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    follower = following(operator, path)
    for block in blocks(operator, last=AT):
        follower.follow(block)
    follower.cosign("plant", signer("plant", "node"))
    follower.close()

    # Its ledger is lost, what it signed is not: it copies again, and is shown another history.
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    follower = following(operator, path)
    for block in blocks(operator, last=AT - 1):
        follower.follow(block)
    with pytest.raises(errors.SignedOther):
        follower.follow(second_history(operator, AT))
    assert follower.height == AT - 1
    assert follower.rejected is not None
    follower.close()


def test_a_ledger_of_another_history_is_not_opened(operator: Consortium, tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "ledger.db", tmp_path / "elsewhere" / "ledger.db"
    elsewhere.parent.mkdir()
    follower, other = following(operator, path), following(operator, elsewhere)
    for block in blocks(operator, last=AT - 1):
        follower.follow(block)
        other.follow(block)
    other.follow(second_history(operator, AT))
    follower.follow(operator.node.ledger.block(AT))
    follower.cosign("plant", signer("plant", "node"))
    follower.close()
    other.close()
    copied(elsewhere, path)
    with pytest.raises(errors.SignedOther):
        following(operator, path)


def test_a_follower_that_signed_nothing_there_takes_either(operator: Consortium, follower: Following) -> None:
    """The test above is about what was signed: the second history alone is sound."""
    for block in blocks(operator, last=AT - 1):
        follower.follow(block)
    follower.follow(second_history(operator, AT))
    assert follower.height == AT


# An operator that comes back with an older ledger.


def copied(path: Path, target: Path) -> None:
    for suffix in ("", "-wal"):
        source = path.with_name(path.name + suffix)
        kept = target.with_name(target.name + suffix)
        kept.unlink(missing_ok=True)
        if source.exists():
            kept.write_bytes(source.read_bytes())


def test_an_older_ledger_does_not_order_until_it_has_caught_up(disk: Consortium, tmp_path: Path) -> None:
    backup = tmp_path / "kept.db"
    disk.do("maker", Register(tool="a"))
    disk.node.close()
    copied(disk.path, backup)
    disk.reopen()
    for tool in ("b", "c", "d"):
        disk.do("maker", Register(tool=tool))
    later, head = blocks(disk, 2), disk.node.head()
    disk.node.close()
    copied(backup, disk.path)
    disk.reopen()

    wire = disk.client("maker").sign(Register(tool="e"))
    with pytest.raises(errors.NotCaughtUp) as refused:
        disk.node.submit([wire])
    assert "block 1," in refused.value.en
    assert disk.node.head() is not None
    with pytest.raises(errors.NotCaughtUp):
        disk.node.recover(later[:2])
    with pytest.raises(errors.NotNext):
        disk.node.recover(later[:1])
    with pytest.raises(errors.NotByOperator):
        disk.node.recover([replace(later[2], header=signed_anew(later[2].header.header, "k1"))])
    disk.node.recover(later[2:])
    assert disk.node.head() == head
    assert disk.node.submit([wire])[0].code == "ok"


def test_an_operator_never_signs_a_height_twice(disk: Consortium, tmp_path: Path) -> None:
    disk.do("maker", Register(tool="a"))
    signed = disk.node.signed
    header = disk.node.head().header  # type: ignore[union-attr]
    assert signed.height == 1
    signed.put(header)
    for other in (replace(header, time_ms=1), replace(header, app_hash="0" * 64)):
        assert not signed.allows(other)
        with pytest.raises(errors.SignedOther):
            signed.put(other)

    # A ledger of another history beside what was signed is not opened.
    disk.node.close()
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = made(elsewhere / "ledger.db")
    other.do("maker", Register(tool="other"))
    other.close()
    copied(elsewhere / "ledger.db", disk.path)
    with pytest.raises(errors.SignedOther):
        disk.node = disk._open()
    copied(elsewhere / "none", disk.path)
    (tmp_path / "signed.db").unlink()
    disk.reopen()


def test_a_restored_ledger_waits_for_the_followers_word(disk: Consortium) -> None:
    disk.do("maker", Register(tool="a"))
    disk.node.ledger.store.note("restored", b"")
    disk.reopen()
    wire = disk.client("maker").sign(Register(tool="b"))
    with pytest.raises(errors.Restored):
        disk.node.submit([wire])
    disk.node.recover([])
    assert disk.node.submit([wire])[0].code == "ok"
    disk.reopen()
    disk.do("maker", Register(tool="c"))


def test_what_was_signed_is_on_disk_before_it_is_answered(disk: Consortium) -> None:
    settings = [
        disk.node.signed._db.execute(f"PRAGMA {name}").fetchone()[0]  # type: ignore[attr-defined]
        for name in ("journal_mode", "synchronous", "locking_mode")
    ]
    assert settings == ["wal", 2, "exclusive"]


def test_the_file_of_signatures_belongs_to_one_chain(disk: Consortium) -> None:
    disk.do("maker", Register(tool="a"))
    disk.node.close()
    disk.path.unlink()
    with pytest.raises(errors.WrongGenesis):
        following(made_for(replace(disk.genesis, name_en="Other")), disk.path)
    disk.path.with_name("signed.db").unlink()
    disk.reopen()


def made_for(genesis: Any) -> Any:
    consortium = made(Path(":memory:"))
    consortium.genesis = genesis
    return consortium


# Faults of its own machine.


def test_a_followers_own_fault_is_no_difference(
    operator: Consortium, follower: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.follow(operator.node.ledger.block(1))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(follower.ledger.store, "write_events", full)
    for _ in range(2):
        with pytest.raises(errors.Stopped, match="No space left"):
            follower.follow(operator.node.ledger.block(2))
    assert (follower.rejected, follower.height) == (None, 1)
    monkeypatch.undo()
    follower.retry()
    follower.follow(operator.node.ledger.block(2))


def test_a_write_set_says_what_was_and_what_is(disk: Consortium) -> None:
    disk.do("maker", Register(tool="w-17"))
    disk.do("maker", Lend(tool="w-17", borrower="plant", due_ms=disk.in_days(1)))
    disk.do("bank", Drill(kind="write", count=2))
    disk.do("bank", Drill(kind="delete", count=1))
    ledger = disk.node.ledger

    tool = [write for write in ledger.write_set(2) if write.table == "toolcrib.tools"]
    created = [write for write in ledger.write_set(1) if write.table == "toolcrib.tools"]
    assert [write.old for write in created] == [None]
    assert [write.old for write in tool] == [write.new for write in created]
    assert dict(ledger.records("toolcrib.tools", b"", 9))[tool[0].key] == tool[0].new
    gone = [write for write in ledger.write_set(4) if write.table == "toolcrib.notes"]
    assert gone == [Write(table="toolcrib.notes", key=bytes(8), old=gone[0].old)]
    assert gone[0].old is not None
    assert signed_by(ledger.header(4), ledger.operator_key(4))
