"""Which signatures a node counts: those under the headers of its own ledger, and no others."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hansa.apps.consortium.handovers import followed
from hansa.engines.following import Following
from hansa.kernel import Cosignature, encode
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.signatures import HEADER_DOMAIN
from hansa.node.cosigning import FILE, Cosignatures
from tests.consortium import Consortium
from tests.engines.handing import QUORUM, following, founded, node_key, signed, succession, took_over


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Consortium]:
    (tmp_path / "maker").mkdir()
    made = founded(tmp_path)
    yield made
    made.close()


def take(known: Cosignatures, head: SignedHeader, *members: str) -> None:
    for member in members:
        signature = node_key(member).sign(HEADER_DOMAIN + encode(head.header))
        given = Cosignature(member=member, suite=1, signature=signature)
        known.take(head.header.height, head.header.app_hash, given)


def head_of(copy: Following) -> SignedHeader:
    head = copy.ledger.head()
    assert head is not None
    return head


def final_height(known: Cosignatures) -> int:
    final = known.final()
    return final.header.height if final else 0


def test_what_was_signed_of_a_branch_that_was_left_counts_for_no_header_of_the_other(
    old: Consortium, tmp_path: Path
) -> None:
    """A copy made anew in the same directory finds the signatures that the one before it had kept."""
    left = old.node.height + 1
    new = took_over(old, signed(succession(old), *QUORUM))
    old.do("bank", old.key("bank", "own-branch"))
    copy = following(old, "insurer")
    file = tmp_path / "insurer" / FILE
    with closing(Cosignatures(file, copy.reader())) as known:
        take(known, head_of(copy), "bank", "auditor")
        assert final_height(known) == left
    copy.close()

    for path in (tmp_path / "insurer").glob("ledger.db*"):
        path.unlink()
    copy = following(old, "insurer", left - 1)
    copy.follow(new.ledger.block(left))
    with closing(Cosignatures(file, copy.reader())) as known:
        assert (known.final_height, final_height(known)) == (0, 0)
        assert known.dressed(head_of(copy)).cosignatures == ()
        assert known.handovers() == ()
        assert known.handing_over == left
        take(known, head_of(copy), "auditor")
        assert (final_height(known), known.handovers()) == (0, ())
        take(known, head_of(copy), "bank")
        assert final_height(known) == left
        assert followed(old.genesis, new.chain.id, left, known.handovers()).operator == "plant"
    copy.close()
    new.close()


def test_a_handover_with_a_signature_that_does_not_hold_is_not_shown(old: Consortium, tmp_path: Path) -> None:
    """Nobody would take it: not even where the others are enough. It is, once the right one is there."""
    new = took_over(old, signed(succession(old), *QUORUM))
    copy = following(old, "insurer")
    copy.follow(new.ledger.block(new.height))
    file = tmp_path / "insurer" / FILE
    with closing(Cosignatures(file, copy.reader())) as known:
        take(known, head_of(copy), "auditor", "bank", "maker")
        assert len(known.handovers()) == 1
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("UPDATE cosigned SET signature = zeroblob(64) WHERE member = 'bank'")
    with closing(Cosignatures(file, copy.reader())) as known:
        assert known.handovers() == ()
        take(known, head_of(copy), "bank")
        assert followed(old.genesis, new.chain.id, new.height, known.handovers()).operator == "plant"
    copy.close()
    new.close()
