"""Acknowledgements handed in are looked for in the copy; a broken one is proved by two signatures."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hansa.client.verify import check_bundle, not_proved, proved
from hansa.kernel import encode, limits, replace
from hansa.kernel.evidence import Acknowledgement, Promise, SignedAcknowledgement, acknowledge
from hansa.kernel.messages import Receipt
from hansa.kernel.transaction import sign
from hansa.node import errors_follower as errors
from hansa.node import promises
from hansa.node.casebook import Casebook
from hansa.node.promises import Promises
from tests.consortium import VirtualClock, signer
from tests.kernel.room import Register
from tests.node.following_world import NODE, Net, Operator, following, until


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def operator(tmp_path: Path, clock: VirtualClock) -> Iterator[Operator]:
    made = Operator(tmp_path / "operator", clock)
    made.do("maker", Register(tool="w-17"))
    yield made
    if not made.away:
        made.close()


@pytest.fixture
def casebook(tmp_path: Path, clock: VirtualClock) -> Casebook:
    return Casebook(tmp_path / "cases", "plant", clock)


@pytest.fixture
def asked(tmp_path: Path, operator: Operator, casebook: Casebook) -> Iterator[Promises]:
    """Looks in the operator's own ledger: what matters here is what the ledger holds."""
    made = Promises(tmp_path / "promises.db", operator.reader, casebook, "maker")
    yield made
    made.close()


def word_on(operator: Operator, *receipts: Receipt, **fields: object) -> SignedAcknowledgement:
    """What the operator's node signs for these; `fields` replace some of what it says."""
    items = tuple(
        replace(
            Promise(
                transaction=receipt.transaction, code=receipt.code, height=receipt.height,
                index=receipt.index, app_hash=receipt.app_hash,
            ),
            **fields,
        )
        for receipt in receipts
    )  # fmt: skip
    return acknowledge(NODE, Acknowledgement(chain=operator.node.chain.id, items=items))


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
    assert (asked.waiting, asked.beyond(operator.node.height)) == (1, receipt.height + 1)
    asked.close()
    again = Promises(tmp_path / "promises.db", operator.reader, casebook, "maker")
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
    assert asked.withheld(height, clock()) == 0
    clock.advance(minutes=1)
    assert asked.withheld(height, clock()) == height + 3
    # Once anybody has seen a header as high as that it is only a matter of catching up.
    assert asked.withheld(height + 3, clock()) == 0
    assert asked.withheld(height, clock()) == 0
    assert casebook.all() == []
