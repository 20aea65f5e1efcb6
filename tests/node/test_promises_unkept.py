"""Promises in blocks that the copy does not keep: proved by the operator, or they could not be looked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hansa.client.errors import Unreachable
from hansa.client.verify import check_bundle
from hansa.engines.errors import NotOnLedger
from hansa.engines.following import Following
from hansa.engines.ledger import Keep
from hansa.engines.reader import Reader
from hansa.kernel import encode, replace
from hansa.kernel.evidence import Proof
from hansa.kernel.messages import Receipt
from hansa.kernel.transaction import identity
from hansa.node import promise_watch, promises
from hansa.node.casebook import Casebook
from hansa.node.promises import Promises
from tests.consortium import VirtualClock
from tests.kernel.room import Register
from tests.node.following_world import Line, Net, Operator, following, until
from tests.node.promise_world import asked, casebook, clock, operator, word_on


@pytest.fixture
def pruned(
    tmp_path: Path, clock: VirtualClock, casebook: Casebook
) -> Iterator[tuple[Operator, Promises, Reader]]:
    """The operator keeps all, the copy the last two blocks."""
    operator = Operator(tmp_path / "whole", clock)
    folder = tmp_path / "copy"
    folder.mkdir()
    copy = Following(folder / "ledger.db", operator.genesis, registry=operator.registry, keep=Keep(blocks=2))
    for n in range(8):
        operator.do("plant", Register(tool=f"t-{n}"))
        copy.follow(Line(operator).blocks(n + 1, 1, 0)[0])
    reader = copy.reader()
    made = Promises(tmp_path / "pruned.db", reader, casebook)
    yield operator, made, reader
    made.close()
    reader.close()
    copy.close()
    operator.close()


def receipt_at(operator: Operator, height: int) -> Receipt:
    with operator.reader.snapshot() as reading:
        found: Receipt | None = reading.find(identity(reading.items("transaction", height)[0]))
    assert found is not None
    return found


def test_a_promise_in_a_block_that_is_not_kept_counts_as_nothing_until_it_is_proved(
    pruned: tuple[Operator, Promises, Reader], casebook: Casebook, clock: VirtualClock
) -> None:
    operator, asked, _ = pruned
    line = Line(operator)
    asked.take(word_on(operator, receipt_at(operator, 3)))
    assert (asked.kept, asked.waiting, asked.unlooked) == (0, 0, 1)
    assert asked.ask(line.prove, clock()) == []
    assert (asked.kept, asked.unlooked, casebook.all()) == (1, 0, [])
    # What lies nowhere was never kept.
    asked.take(word_on(operator, receipt_at(operator, 3), transaction="ee" * 32))
    asked.take(word_on(operator, receipt_at(operator, 4), code="toolcrib.tool_taken"))
    assert (asked.kept, asked.unlooked) == (1, 2)
    cases = asked.ask(line.prove, clock())
    assert [(case.kind, case.height, case.against) for case in cases] == [
        ("dropped", 3, "maker"), ("dropped", 4, "maker"),
    ]  # fmt: skip
    assert "another one lies there" in cases[0].en
    assert "the ledger says ok" in cases[1].en
    for case in cases:
        assert check_bundle(encode(case), operator.genesis).ok
    assert (asked.kept, asked.unlooked) == (1, 0)


def test_what_nobody_proves_could_not_be_looked_for(
    pruned: tuple[Operator, Promises, Reader], tmp_path: Path, casebook: Casebook, clock: VirtualClock
) -> None:
    """No proof, a proof of another place, one that does not hold: nothing follows, and it is asked again."""
    operator, asked, reader = pruned
    asked.take(word_on(operator, receipt_at(operator, 3), transaction="ee" * 32))
    times = 0

    def declines(kind: str, height: int, index: int, head: int) -> Proof:
        raise NotOnLedger(kind=kind, height=height, index=index)

    def elsewhere(kind: str, height: int, index: int, head: int) -> Proof:
        return Line(operator).prove(kind, height - 1, index, height)

    def under_another_head(kind: str, height: int, index: int, head: int) -> Proof:
        return Line(operator).prove(kind, height, index, height + 1)

    def of_another_kind(kind: str, height: int, index: int, head: int) -> Proof:
        return Line(operator).prove("event", height, index, height)

    def invented(kind: str, height: int, index: int, head: int) -> Proof:
        return replace(Line(operator).prove(kind, height, index, height), item=b"{}")

    for prove in (declines, elsewhere, under_another_head, of_another_kind, invented):
        assert asked.ask(prove, clock()) == []
        assert (asked.kept, asked.unlooked, casebook.all()) == (0, 1, [])

        def counted(kind: str, height: int, index: int, head: int) -> Proof:
            nonlocal times
            times += 1
            return Line(operator).prove(kind, height, index, head)

        asked.ask(counted, clock())
        assert times == 0, "asked again at once"
        clock.advance(ms=promises.ASKED_AGAIN_MS)
    asked.close()
    again = Promises(tmp_path / "pruned.db", reader, casebook)
    assert (again.waiting, again.unlooked) == (0, 1)
    with pytest.raises(Unreachable):
        again.ask(Line(operator, cut=True).prove, clock())
    [case] = again.ask(Line(operator).prove, clock())
    assert case.kind == "dropped"
    again.close()


def test_health_says_what_could_not_be_looked_for(
    tmp_path: Path, operator: Operator, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promise_watch, "EVERY_S", 0.01)
    receipt = operator.do("plant", Register(tool="a"))
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.height == receipt.height)
        net.lines[""].cut = True
        monkeypatch.setattr(
            promises, "block_at", lambda reading, at: promises.Block(reading.header(at), False)
        )
        plant.promises.take(word_on(operator, receipt, transaction="ee" * 32))
        told = next(check for check in plant.checks() if check.name == "promises")
        assert "1 could not be looked for" in told.en
        assert "无从查核" in told.zh
        until(lambda: plant.promise_watch._ask_after_ms)
        net.lines[""].cut = False
        clock.advance(minutes=1)
        case = until(lambda: next((case for _, case in plant.casebook.all()), None))
        assert (case.kind, plant.promises.kept) == ("dropped", 0)


__all__ = ["asked", "casebook", "clock", "operator"]
