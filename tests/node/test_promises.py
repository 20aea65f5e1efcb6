"""Acknowledgements handed in are looked for in the copy; a broken one is proved by two signatures."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from hansa.client.verify import check_bundle, not_proved, proved
from hansa.engines.reading import Reading
from hansa.kernel import encode, limits, replace
from hansa.kernel.evidence import Acknowledgement, Promise, SignedAcknowledgement, acknowledge
from hansa.kernel.messages import Receipt
from hansa.kernel.transaction import sign
from hansa.node import errors_follower as errors
from hansa.node import promise_watch, promises
from hansa.node.casebook import Casebook
from hansa.node.promises import Promises
from tests.consortium import VirtualClock, signer
from tests.kernel.room import Register
from tests.node.following_world import NODE, Net, Operator, cosigner_key, following, until
from tests.node.promise_world import asked, casebook, clock, operator, word_on


def test_a_kept_promise_leaves_nothing_behind(
    operator: Operator, asked: Promises, casebook: Casebook
) -> None:
    asked.take(
        word_on(operator, operator.do("plant", Register(tool="a")), operator.do("bank", Register(tool="b")))
    )
    assert (asked.waiting, asked.kept, casebook.all()) == (0, 2, [])


def test_one_for_a_height_to_come_waits_also_across_a_restart(
    tmp_path: Path, operator: Operator, asked: Promises, casebook: Casebook
) -> None:
    receipt = operator.do("plant", Register(tool="a"))
    asked.take(word_on(operator, receipt, height=receipt.height + 1))
    assert asked.waiting == 1
    asked.close()
    again = Promises(tmp_path / "promises.db", operator.reader, casebook)
    assert again.waiting == 1
    later = operator.do("bank", Register(tool="b"))
    [case] = again.look(later.height)
    assert case.kind == "dropped"
    assert again.waiting == 0
    again.close()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"transaction": "ab" * 32}, "another one lies there"),
        ({"index": 1}, "that block has only 1"),
        ({"code": "toolcrib.tool_taken"}, "the ledger says ok"),
        ({"app_hash": "cd" * 32}, "the ledger of that height is another one"),
    ],
)
def test_a_broken_promise_is_kept_as_a_case_that_proves_itself(
    operator: Operator, asked: Promises, casebook: Casebook, fields: dict[str, object], said: str
) -> None:
    receipt = operator.do("plant", Register(tool="a"))
    asked.take(word_on(operator, receipt, **fields))

    [(path, case)] = casebook.all()

    assert (case.kind, case.height, case.against) == ("dropped", receipt.height, "maker")
    assert said in case.en
    assert casebook.halt() == path
    report = check_bundle(Path(path).read_bytes(), operator.genesis)
    # Beyond the block's end: a leaf does not say how many items there are, so the file alone proves less.
    assert report.ok == ("index" not in fields), [c for c in report.checks if not c.ok]
    if report.ok:
        assert "acknowledged a transaction" in proved(report)[0].en
        assert not_proved(report)


def test_a_case_is_no_proof_with_anything_changed(
    operator: Operator, asked: Promises, casebook: Casebook
) -> None:
    receipt = operator.do("plant", Register(tool="a"))
    asked.take(word_on(operator, receipt, app_hash="cd" * 32))
    [(_, case)] = casebook.all()
    word, header = case.acknowledgement, case.headers[0]
    assert word is not None
    honest = word_on(operator, receipt)
    forged = acknowledge(signer("bank", "node"), word.acknowledgement)
    for wrong in (
        replace(case, acknowledgement=honest),
        replace(case, acknowledgement=forged),
        replace(case, acknowledgement=None),
        replace(case, headers=(replace(header, signature=bytes(64)),)),
        replace(case, headers=()),
        replace(case, position=1),
        replace(case, against="bank"),
        replace(case, kind="note"),
        replace(case, kind="two_histories"),
        replace(case, kind="two_histories", headers=(header, header)),
    ):
        assert not check_bundle(encode(wrong), operator.genesis).ok


def test_words_of_others_are_refused(operator: Operator, asked: Promises) -> None:
    receipt = operator.do("plant", Register(tool="a"))
    good = word_on(operator, receipt)
    other_chain = acknowledge(NODE, replace(good.acknowledgement, chain="ab" * 32))
    by_another = acknowledge(signer("bank", "node"), good.acknowledgement)
    changed = replace(good, acknowledgement=replace(good.acknowledgement, items=()))
    for wrong in (other_chain, by_another, changed, replace(good, suite=2)):
        with pytest.raises(errors.PromiseUnfit):
            asked.take(wrong)
    assert asked.waiting == 0


def test_there_is_a_bound(operator: Operator, asked: Promises, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promises, "PROMISES_MAX", 2)
    receipt = operator.do("plant", Register(tool="a"))
    word = word_on(operator, receipt, receipt, height=99)
    asked.take(word)
    with pytest.raises(errors.PromisesFull):
        asked.take(word)
    assert asked.waiting == 2


def test_a_dropped_transaction_is_seen_by_the_follower_that_holds_the_word(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    """The operator acknowledges, then goes on from a copy of its disk without that transaction."""
    shutil.copytree(tmp_path / "operator", tmp_path / "without")
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.height == 1)
        net.lines[""].cut = True
        receipt = operator.do("plant", Register(tool="dropped"))
        word = word_on(operator, receipt)
        operator.close()
        cheat = Operator(tmp_path / "without", clock)
        plant.promises.take(word)
        assert plant.promises.waiting == 1
        net.serve(cheat)
        net.lines[""].cut = False
        wire = sign(
            cheat.registry, signer("bank"), chain=cheat.node.chain.id, member="bank", key="k1", sequence=1,
            valid_until_ms=clock() + limits.HOUR_MS, actions=(Register(tool="other"),),
        )  # fmt: skip
        assert cheat.node.submit([wire])[0].code == "ok"

        case = until(lambda: next((case for _, case in plant.casebook.all()), None))

        assert (case.kind, case.height) == ("dropped", receipt.height)
        assert receipt.transaction[:16] in case.en
        assert "is not on the ledger" in case.en
        assert check_bundle(encode(case), cheat.genesis).ok
        until(lambda: plant.height == 2)
        assert plant.cosigner.signed_height < 2
        cheat.close()


def test_a_block_that_was_promised_and_is_not_shown_is_reported(
    operator: Operator, asked: Promises, casebook: Casebook, clock: VirtualClock
) -> None:
    receipt = operator.do("plant", Register(tool="a"))
    height = receipt.height
    asked.take(word_on(operator, receipt, height=height + 3))
    asked.watch(height, clock())
    assert asked.withheld(clock()) == 0
    clock.advance(minutes=1)
    assert asked.withheld(clock()) == height + 3
    # Once anybody has seen a header as high as that it is only a matter of catching up.
    asked.watch(height + 3, clock())
    assert asked.withheld(clock()) == 0
    asked.watch(height, clock())
    assert asked.withheld(clock()) == 0
    assert casebook.all() == []


def test_promises_that_are_always_a_moment_ahead_are_no_withheld_blocks(
    operator: Operator, asked: Promises, clock: VirtualClock
) -> None:
    """Under load each look finds some promise that the copy has not reached: each is another."""
    for n in range(10):
        receipt = operator.do("plant", Register(tool=f"a-{n}"))
        asked.take(word_on(operator, receipt, height=receipt.height + 1))
        asked.watch(receipt.height, clock())
        assert asked.withheld(clock()) == 0
        clock.advance(ms=promises.WITHHELD_MAX_MS - 1)
    asked.take(word_on(operator, receipt, height=receipt.height + 5))
    for _ in range(2):
        asked.watch(receipt.height + 1, clock())
        assert asked.withheld(clock()) == 0
        clock.advance(ms=promises.WITHHELD_MAX_MS // 2 + 1)
    assert asked.withheld(clock()) == receipt.height + 5


def test_withheld_blocks_are_noticed_though_nobody_asks_for_health(
    tmp_path: Path, operator: Operator, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promise_watch, "EVERY_S", 0.01)
    receipt = operator.do("plant", Register(tool="a"))
    with following(tmp_path / "plant", Net(operator), clock=clock) as plant:
        until(lambda: plant.height == receipt.height)
        plant.promises.take(word_on(operator, receipt, height=receipt.height + 1))
        until(lambda: plant.promises._unshown)
        clock.advance(minutes=1)
        told = next(check for check in plant.checks() if check.name == "promises")
        assert not told.ok
        assert f"block {receipt.height + 1}" in told.en


def test_a_block_that_comes_while_a_promise_is_put_on_file_is_looked_through(
    operator: Operator, asked: Promises, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy looked before the promise was there, so `take` reads the height only after."""
    before = operator.do("plant", Register(tool="a"))
    ahead = Promise(transaction="ab" * 32, code="ok", height=before.height + 1, index=0, app_hash="cd" * 32)
    word = acknowledge(NODE, Acknowledgement(chain=operator.node.chain.id, items=(ahead,)))
    keep = asked._keep

    def meanwhile(signed: SignedAcknowledgement, *by: bytes) -> None:
        receipt = operator.do("bank", Register(tool="b"))
        assert asked.look(receipt.height) == []
        keep(signed, *by)

    monkeypatch.setattr(asked, "_keep", meanwhile)
    asked.take(word)
    assert asked.waiting == 0
    assert [case.kind for _, case in asked._casebook.all()] == ["dropped"]


# Whose word.


def test_the_word_of_another_operator_than_that_of_the_height_accuses_nobody(
    operator: Operator, tmp_path: Path, casebook: Casebook
) -> None:
    """A former operator signs what its successor would have to keep, and the other way round."""
    early = operator.do("plant", Register(tool="a"))
    later = operator.succeeded("bank")
    receipt = later.do("plant", Register(tool="b"))
    asked = Promises(tmp_path / "later.db", later.reader, casebook)

    def by(member: str, receipt: Receipt) -> SignedAcknowledgement:
        word = word_on(later, receipt, transaction="ab" * 32)
        return acknowledge(cosigner_key(member), word.acknowledgement)

    for wrong in (by("maker", receipt), by("bank", early), by("plant", receipt)):
        with pytest.raises(errors.PromiseUnfit):
            asked.take(wrong)
    both = word_on(later, early, receipt)
    for member in ("maker", "bank"):  # Nobody signs for heights of two operators.
        with pytest.raises(errors.PromiseUnfit):
            asked.take(acknowledge(cosigner_key(member), both.acknowledgement))
    assert casebook.all() == []
    asked.take(by("bank", receipt))
    asked.take(by("maker", early))
    assert [(case.height, case.against) for _, case in casebook.all()] == [
        (early.height, "maker"), (receipt.height, "bank"),
    ]  # fmt: skip
    asked.close()
    later.close()


def test_a_word_for_heights_to_come_waits_for_who_signs_there(
    operator: Operator, tmp_path: Path, casebook: Casebook
) -> None:
    receipt = operator.do("plant", Register(tool="a"))
    asked = Promises(tmp_path / "first.db", operator.reader, casebook)
    ahead = word_on(operator, receipt, height=receipt.height + 6, transaction="ab" * 32)
    by_bank = acknowledge(cosigner_key("bank"), ahead.acknowledgement)
    with pytest.raises(errors.PromiseEarly):
        asked.take(by_bank)
    asked.take(ahead)
    asked.close()
    later = operator.succeeded("bank")
    while later.node.height < receipt.height + 6:
        later.do("plant", Register(tool=f"t-{later.node.height}"))
    again = Promises(tmp_path / "first.db", later.reader, casebook)
    assert again.look(later.node.height) == []
    assert (again.waiting, again.unfit, casebook.all()) == (0, 1, [])
    again.take(by_bank)
    assert [case.against for _, case in casebook.all()] == ["bank"]
    again.close()
    later.close()


# Cost, and trouble of this machine.


def test_a_block_is_read_once_for_all_that_was_promised_of_it(
    operator: Operator, asked: Promises, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = operator.clients["maker"]
    receipts = client.transport.submit([client.sign(Register(tool=f"z-{n}")) for n in range(50)])
    [height] = {receipt.height for receipt in receipts}
    read: list[int] = []
    items = Reading.items

    def counted(self: Reading, kind: str, at: int) -> list[bytes]:
        read.append(at)
        return items(self, kind, at)

    monkeypatch.setattr(Reading, "items", counted)
    asked.take(word_on(operator, *receipts))
    assert (asked.kept, read) == (50, [height, height])
    assert asked._db.execute("SELECT count(*) FROM words").fetchone()[0] == 0


def test_a_word_stays_while_one_of_its_promises_waits(operator: Operator, asked: Promises) -> None:
    receipt = operator.do("plant", Register(tool="a"))
    word = word_on(operator, receipt)
    later = replace(word.acknowledgement.items[0], height=receipt.height + 1, transaction="ab" * 32)
    both = replace(word.acknowledgement, items=(*word.acknowledgement.items, later))
    asked.take(acknowledge(NODE, both))
    assert (asked.kept, asked.waiting) == (1, 1)
    operator.do("bank", Register(tool="b"))
    [case] = asked.look_up()
    assert case.position == 1


def test_what_fails_half_way_leaves_nothing_and_stands_in_nobodys_way(
    operator: Operator, asked: Promises, casebook: Casebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = operator.do("plant", Register(tool="a"))
    word = word_on(operator, receipt)

    def full(_: object) -> bytes:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(promises, "encode", full)
    with pytest.raises(sqlite3.OperationalError):
        asked.take(word)
    monkeypatch.undo()
    assert (asked.waiting, asked.kept) == (0, 0)
    asked.take(word)
    assert (asked.waiting, asked.kept, casebook.all()) == (0, 1, [])


def test_trouble_of_this_machine_is_told_and_stops_no_copying(
    tmp_path: Path, operator: Operator, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promise_watch, "EVERY_S", 0.01)
    full = True
    settled = Promises._settled

    def fails(self: Promises, *given: Any) -> Any:
        if full:
            raise sqlite3.OperationalError("database or disk is full")
        return settled(self, *given)

    monkeypatch.setattr(Promises, "_settled", fails)
    with following(tmp_path / "plant", Net(operator), clock=clock) as plant:
        until(lambda: plant.height == 1)
        receipt = operator.do("plant", Register(tool="a"))
        word = word_on(operator, receipt)
        until(lambda: plant.height == 2)
        with pytest.raises(sqlite3.OperationalError):
            plant.promises.take(word)
        operator.do("bank", Register(tool="b"))
        until(lambda: plant.height == 3)
        until(lambda: plant.promise_watch.trouble)
        told = next(check for check in plant.checks() if check.name == "promises")
        assert not told.ok
        assert "disk is full" in told.en
        assert [each.code for each in plant.incidents()] == ["incident.promises"]
        full = False
        until(lambda: plant.promises.kept == 1)
        until(lambda: plant.promise_watch.trouble is None)


__all__ = ["asked", "casebook", "clock", "operator"]
