"""After a succession: whose signature a snapshot needs, and who had co-signed a block that was left."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hansa.client import Client, InProcess
from hansa.engines import embedded, errors
from hansa.engines.embedded import Embedded
from hansa.engines.following import Following
from hansa.engines.founding import Founded, found
from hansa.engines.snapshot import Unsigned, write_snapshot
from hansa.kernel import Cosigner, encode, replace
from hansa.kernel.signatures import HEADER_DOMAIN, Signer
from hansa.node import cosigner as cosigning
from tests.consortium import MEMBERS, Consortium, signer
from tests.engines.handing import (
    QUORUM,
    cheated,
    following,
    founded,
    handover,
    node_key,
    restored,
    signed,
    succession,
    took_over,
)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Consortium]:
    (tmp_path / "maker").mkdir()
    made = founded(tmp_path)
    yield made
    made.close()


def test_a_snapshot_under_the_successor_brings_its_handover(old: Consortium, tmp_path: Path) -> None:
    new = took_over(old, signed(succession(old), *QUORUM))
    known = handover(new, new.height, *QUORUM)
    manifest = write_snapshot(new.reader(), tmp_path / "snapshot", handovers=(known,))
    assert manifest.handovers == (known,)
    copy = restored(old, tmp_path)
    assert copy.ledger.app_hash == new.app_hash
    receipt = new.submit([old.client("bank").sign(old.key("bank", "later"))])[0]
    copy.follow(new.ledger.block(receipt.height))
    copy.close()
    new.close()


@pytest.mark.parametrize("who", [(), ("plant", "bank")], ids=["no handover", "too few"])
def test_a_snapshot_whose_signer_is_not_shown_is_refused(
    old: Consortium, tmp_path: Path, who: tuple[str, ...]
) -> None:
    new = took_over(old, signed(succession(old), *QUORUM))
    known = (handover(new, new.height, *who),) if who else ()
    write_snapshot(new.reader(), tmp_path / "snapshot", handovers=known)
    with pytest.raises(Unsigned):
        restored(old, tmp_path)
    assert not (tmp_path / "restored" / "ledger.db").exists()
    new.close()


def test_a_snapshot_that_names_its_own_operator_is_refused(
    old: Consortium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records, state and headers of a stranger, all in order among themselves."""
    thief = Signer(b"\x66" * 32)
    seats = tuple(
        Cosigner(member=m, public=thief.public if m == "maker" else node_key(m).public) for m in MEMBERS
    )
    invented = replace(old.genesis, node_public=thief.public, cosigners=seats)

    def found_anew(data: bytes, release: Any, verify: Any) -> Founded:
        own, true = found(encode(invented), release, verify), found(data, release, verify)
        return dataclasses.replace(true, changes=own.changes, entries=own.entries, state_sum=own.state_sum)

    monkeypatch.setattr(embedded, "found", found_anew)
    path = tmp_path / "thief" / "ledger.db"
    path.parent.mkdir()
    path.touch()
    engine = Embedded(path, encode(old.genesis), thief, old.clock, registry=old.registry)
    client = Client(
        InProcess(engine), old.registry, member="bank", key="k1", signer=signer("bank"), clock=old.clock
    )
    client.do(old.key("bank", "invented"))
    write_snapshot(engine.reader(), tmp_path / "snapshot")
    engine.close()
    with pytest.raises(Unsigned):
        restored(old, tmp_path)


def test_a_header_of_long_ago_that_its_operator_never_signed_is_found(
    old: Consortium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = old.node.ledger.store
    told = old.node.ledger.header(1)
    bent = replace(told, signature=node_key("bank").sign(HEADER_DOMAIN + encode(told.header)))
    with store.commit():
        store._db.execute("UPDATE blocks SET header = ? WHERE height = 1", (encode(bent),))
    write_snapshot(old.node.reader(), tmp_path / "snapshot")
    with pytest.raises(errors.HistoryBroken):
        restored(old, tmp_path)


def test_who_cosigned_a_block_that_was_left_follows_and_signs_no_second_one(old: Consortium) -> None:
    """The bank had co-signed the old operator's next block, and nobody who handed over knew."""
    last, place = old.node.height, old.path.parent.parent / "bank"
    said = signed(succession(old), "plant", "auditor", "maker")
    new = took_over(old, said)
    old.do("bank", old.key("bank", "own-branch"))
    follower = following(old, "bank")
    follower.cosign("bank", node_key("bank"))
    follower.close()
    for left in place.glob("ledger.db*"):
        left.unlink()

    later = old.client("auditor").sign(old.key("auditor", "later"))
    assert new.submit([later])[0].code == "ok"
    follower = following(old, "bank", 0)
    for height in range(follower.height + 1, last + 2):
        follower.follow(new.ledger.block(height))
    with pytest.raises(errors.SignedOther):
        follower.cosign("bank", node_key("bank"))
    double: Any = SimpleNamespace(halt=lambda accused: "")
    cosigner = cosigning.Cosigner(follower, "bank", node_key("bank"), double, double, double)
    assert cosigner.consider(newest=True, now_ms=old.clock()) is None
    assert cosigner.in_set
    follower.close()
    follower = following(old, "bank", 0)  # It opens again there.
    follower.follow(new.ledger.block(last + 2))
    assert follower.cosign("bank", node_key("bank")).member == "bank"
    assert follower.rejected is None
    follower.close()
    new.close()


def test_two_headers_under_one_operator_are_two_histories_as_before(old: Consortium) -> None:
    follower = following(old, "bank")
    other = cheated(old, old.client("bank").sign(old.key("bank", "one")))
    follower.follow(other)
    follower.cosign("bank", node_key("bank"))
    follower.close()
    for left in (old.path.parent.parent / "bank").glob("ledger.db*"):
        left.unlink()
    old.do("plant", old.key("plant", "two"))
    follower = following(old, "bank", old.node.height - 1)
    with pytest.raises(errors.SignedOther):
        follower.follow(old.node.ledger.block(old.node.height))
    follower.close()


def test_an_operator_that_was_succeeded_follows_with_its_own_journal(old: Consortium) -> None:
    """It had ordered a block that nobody fetched: it copies anew, keeps its journal, contradicts nobody."""
    said = signed(succession(old), *QUORUM)
    new = took_over(old, said)
    old.do("bank", old.key("bank", "own-branch"))
    left = old.node.head()
    assert left is not None
    assert left.header.height == new.height
    old.node.close()
    for file in old.path.parent.glob("ledger.db*"):
        file.unlink()

    copy = Following(old.path, encode(old.genesis), registry=old.registry)
    for height in range(1, new.height + 1):
        copy.follow(new.ledger.block(height))
    assert (copy.ledger.app_hash, copy.rejected) == (new.app_hash, None)
    with pytest.raises(errors.SignedOther):
        copy.cosign("maker", node_key("maker"))
    copy.close()
    new.close()
