"""A vote makes another member's node the operator: one stops, another goes on, followers cross over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hansa.apps.consortium.messages_votes import Propose
from hansa.engines import errors
from hansa.engines.embedded import Embedded
from hansa.engines.following import Following
from hansa.engines.replay import replay
from hansa.kernel import encode
from hansa.kernel.evidence import signed_by
from tests.apps.ballots import decide, seats
from tests.consortium import Consortium, signer


@pytest.fixture
def handed_over(tmp_path: Path) -> Iterator[Consortium]:
    """The maker ordered up to the block that made the plant the operator."""
    consortium = Consortium(tmp_path / "ledger.db")
    new = seats(consortium, "maker", "plant", "bank", quorum=3, operator="plant")
    decide(consortium, new, "maker", "plant", "bank")
    ledger = consortium.node.ledger
    assert ledger.operator_key(ledger.height + 1) == signer("plant", "node").public
    yield consortium
    consortium.close()


def following(consortium: Consortium, path: Path) -> Following:
    path.parent.mkdir(exist_ok=True)
    return Following(path, encode(consortium.genesis), registry=consortium.registry)


def taken_over(consortium: Consortium, path: Path) -> Embedded:
    """The plant's node followed, and is opened again as the operator's."""
    follower = following(consortium, path)
    for height in range(1, consortium.node.height + 1):
        follower.follow(consortium.node.ledger.block(height))
    follower.close()
    genesis, rooms = encode(consortium.genesis), consortium.registry
    return Embedded(path, genesis, signer("plant", "node"), consortium.clock, registry=rooms)


def seats_vote(consortium: Consortium) -> tuple[object, ...]:
    return (Propose(proposal="p-2", subject=seats(consortium, "plant", "bank", quorum=2)),)


def test_the_new_operator_goes_on_where_the_old_one_stopped(handed_over: Consortium, tmp_path: Path) -> None:
    old = handed_over.node
    wire = handed_over.client("bank").sign(*seats_vote(handed_over))
    head = old.head()
    assert head is not None
    assert signed_by(head, signer("maker", "node").public), "the set before hands over"
    with pytest.raises(errors.WrongNodeKey):
        old.submit([wire])
    assert old.head() == head

    new = taken_over(handed_over, tmp_path / "plant" / "ledger.db")
    assert new.submit([wire])[0].height == old.height + 1
    assert signed_by(new.head(), signer("plant", "node").public)  # type: ignore[arg-type]

    # A third node follows over the change, and starts again right after it.
    third = following(handed_over, tmp_path / "bank" / "ledger.db")
    for height in range(1, new.height + 1):
        third.follow(new.ledger.block(height))
        third.close()
        third = following(handed_over, tmp_path / "bank" / "ledger.db")
    assert third.ledger.app_hash == new.app_hash
    replica = replay(new.ledger.store, encode(handed_over.genesis), handed_over.registry)
    assert replica.app_hash == new.app_hash
    third.close()
    new.close()


def test_what_the_old_operator_signs_after_it_counts_for_nothing(
    handed_over: Consortium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = following(handed_over, tmp_path / "bank" / "ledger.db")
    for height in range(1, handed_over.node.height + 1):
        follower.follow(handed_over.node.ledger.block(height))
    monkeypatch.setattr(handed_over.node, "_orders", lambda height: True)
    handed_over.do("bank", *seats_vote(handed_over))  # type: ignore[arg-type]
    with pytest.raises(errors.NotByOperator):
        follower.follow(handed_over.node.ledger.block(handed_over.node.height))
    follower.close()


def test_a_node_that_is_not_the_operator_is_not_opened_as_one(handed_over: Consortium) -> None:
    with pytest.raises(errors.WrongNodeKey):
        handed_over.reopen()
