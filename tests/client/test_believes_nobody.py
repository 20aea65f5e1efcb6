"""A host that lies: outcomes without the operator's word, a time that nobody signed, what it keeps quiet."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hansa.client import InProcess, errors
from hansa.client import operators as operators_module
from hansa.client.operators import operators_of
from hansa.client.outbox import Outbox, Pen, identity_of
from hansa.client.transport import Delivery
from hansa.kernel import encode, limits, replace
from hansa.kernel.evidence import Acknowledgement, Proof, SignedHeader, acknowledge
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal
from hansa.kernel.transaction import identity
from hansa.node.errors_follower import PromiseEarly, PromiseUnfit
from tests.client.lossy import REGISTRY, Add, effects
from tests.client.test_outbox import Promising
from tests.consortium import Consortium, signer


class Host(InProcess):
    """Says what a test has it say; asked for the rest, it is honest."""

    def __init__(self, node: Any) -> None:
        super().__init__(node)
        self.kept: list[bytes] = []
        self.away = self.quiet = False
        self.ahead_ms = 0
        self.makes_up: Any = None

    def deliver(self, wires: Sequence[bytes]) -> Delivery:
        if self.away:
            self.kept += wires
            raise errors.Unreachable(url="host", cause="away")
        if self.makes_up:
            return Delivery(tuple(self.makes_up(wire) for wire in wires))
        return super().deliver(wires)

    def head(self) -> SignedHeader | None:
        head = super().head()
        if head is None:
            return None
        return replace(head, header=replace(head.header, time_ms=head.header.time_ms + self.ahead_ms))

    def find(self, transaction: str) -> Receipt | None:
        return None if self.quiet else super().find(transaction)


class World:
    def __init__(self, path: Path) -> None:
        self.consortium = Consortium(registry=REGISTRY)
        self.consortium.do("bank", Add(entry=999))
        self.node = self.consortium.node
        self.host = Host(self.node)
        self.chain = identity_of(self.node.genesis_bytes)
        self.pen = Pen(REGISTRY, "k1", signer("plant"), self.consortium.clock)
        self.outbox = Outbox(path, chain=self.chain, member="plant", wait_s=0)

    def put(self, entry: int = 1) -> int:
        return self.outbox.put(REGISTRY, Add(entry=entry))

    def lost(self, **lies: Any) -> None:
        """Sent to a host that keeps the bytes to itself; an hour passes."""
        self.host.away = True
        with pytest.raises(errors.Unreachable):
            self.outbox.flush(self.host, self.pen)
        self.host.away = False
        vars(self.host).update(lies)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a handover that does not come."""
    monkeypatch.setattr(operators_module, "HANDOVER_PAUSE_S", 0)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "outbox.db")
    yield made
    made.outbox.close()
    made.consortium.close()


# Outcomes.


def test_an_outcome_without_the_operators_word_is_none(world: World) -> None:
    number = world.put()
    world.host.makes_up = lambda wire: Receipt(identity(wire), "ok", height=1, index=0, app_hash="ab" * 32)
    with pytest.raises(errors.AnswerUnusable, match="no word of the operator"):
        world.outbox.flush(world.host, world.pen)
    assert world.outbox.entry(number).state == "signed"
    world.host.makes_up = None
    assert world.outbox.flush(world.host, world.pen).done == 1
    assert effects(world.consortium)[1] == 1


@pytest.mark.parametrize("fields", [{"height": 0}, {"height": 7}, {"height": 1, "index": 3}])
def test_done_is_nothing_but_what_lies_there(world: World, fields: dict[str, int]) -> None:
    world.put()
    world.host.makes_up = lambda wire: Receipt(identity(wire), "ok", **fields)
    with pytest.raises(errors.AnswerUnusable):
        world.outbox.flush(world.host, world.pen)


def test_a_refusal_of_the_ledger_is_not_made_up(world: World) -> None:
    world.put()
    world.host.makes_up = lambda wire: Receipt(identity(wire), "consortium.key_taken", height=1, index=0)
    with pytest.raises(errors.AnswerUnusable):
        world.outbox.flush(world.host, world.pen)


def test_the_word_must_be_on_that_very_outcome(world: World) -> None:
    """An acknowledgement of the operator, but of another place; and there is no proof either."""

    class Shifted(Promising):
        def deliver(self, wires: Any) -> Delivery:
            made = super().deliver(wires)
            return Delivery(
                tuple(replace(one, index=one.index + 1) for one in made.receipts), made.acknowledgements
            )

    number = world.put()
    with pytest.raises(errors.AnswerUnusable):
        world.outbox.flush(Shifted(world.node), world.pen)
    assert world.outbox.entry(number).state == "signed"
    assert len(world.outbox.acknowledgements()) == 1  # It is the operator's word all the same.


def test_a_word_covers_without_a_proof(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_proof(*_: Any) -> Proof:
        raise errors.AnswerUnusable(url="-", detail="none")

    node = Promising(world.node)
    monkeypatch.setattr(node, "prove", no_proof)
    world.put()
    assert world.outbox.flush(node, world.pen).done == 1
    other = Promising(world.node)
    other.key = "k1"  # Not the operator's.
    monkeypatch.setattr(other, "prove", no_proof)
    world.put(2)
    with pytest.raises(errors.AnswerUnusable):
        world.outbox.flush(other, world.pen)


def test_of_several_the_covered_are_kept(world: World) -> None:
    numbers = [world.put(entry) for entry in (1, 2)]
    honest = world.host.submit

    def half(wires: Sequence[bytes]) -> Delivery:
        real = honest(wires[:1])
        return Delivery((*real, Receipt(identity(wires[1]), "ok", height=2, index=1)))

    world.host.deliver = half  # type: ignore[method-assign]
    with pytest.raises(errors.AnswerUnusable):
        world.outbox.flush(world.host, world.pen)
    assert [world.outbox.entry(number).state for number in numbers] == ["done", "signed"]


def test_an_outcome_found_later_is_proved_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host says of expired bytes that they were done; they lie nowhere."""
    number = world.put()
    world.lost()
    world.consortium.clock.advance(hours=2)
    world.consortium.do("bank", Add(entry=999))
    monkeypatch.setattr(world.host, "find", lambda name: Receipt(name, "ok", height=1, index=0))
    world.host.away = True
    with pytest.raises(errors.Unreachable):
        world.outbox.flush(world.host, world.pen)
    assert world.outbox.entry(number).state == "signed"


# The ledger's time.


def test_a_time_that_nobody_signed_does_not_pass(world: World) -> None:
    """It would have the entry signed anew while the first bytes may still count."""
    number = world.put()
    world.lost(ahead_ms=2 * limits.HOUR_MS, quiet=True)
    with pytest.raises(errors.AnswerUnusable):
        world.outbox.flush(world.host, world.pen)
    assert world.outbox.entry(number).signings == 1
    world.node.submit(world.host.kept)
    assert effects(world.consortium)[1] == 1


def test_time_passes_by_final_blocks_where_a_quorum_is_asked_for(world: World) -> None:
    operators = operators_of(world.host, world.chain)
    assert operators.settled_ms(world.host) == operators.shown_ms(world.host) > 0
    two = replace_quorum(operators, 2)
    assert two.shown_ms(world.host) > 0
    assert two.settled_ms(world.host) == 0


def replace_quorum(operators: Any, quorum: int) -> Any:
    import dataclasses

    sets = tuple(dataclasses.replace(one, quorum=quorum) for one in operators.sets)
    return dataclasses.replace(operators, sets=sets)


# One's own follower.


def test_what_a_host_keeps_quiet_the_follower_knows(world: World) -> None:
    number = world.put()
    world.lost(quiet=True)
    world.node.submit(world.host.kept)
    world.consortium.clock.advance(hours=2)
    world.consortium.do("bank", Add(entry=999))
    standing = world.outbox.flush(world.host, world.pen, follower=InProcess(world.node))
    assert standing.done == 1
    assert world.outbox.entry(number).signings == 1
    assert effects(world.consortium)[1] == 1


@pytest.mark.parametrize("trouble", ["away", "behind"])
def test_nothing_is_signed_anew_without_the_follower(
    world: World, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = world.put()
    world.lost(quiet=True)
    follower = InProcess(world.node)
    before = world.node.head()
    world.node.submit(world.host.kept)
    world.consortium.clock.advance(hours=2)
    world.consortium.do("bank", Add(entry=999))

    def head() -> SignedHeader | None:
        if trouble == "away":
            raise errors.Unreachable(url="follower", cause="away")
        return before

    monkeypatch.setattr(follower, "head", head)
    monkeypatch.setattr(follower, "find", lambda name: None)
    world.host.away = True
    with pytest.raises(errors.Unreachable):
        world.outbox.flush(world.host, world.pen, follower=follower)
    entry = world.outbox.entry(number)
    assert (entry.state, entry.signings) == ("signed", 1)


# Whose word it is.


def test_a_word_of_nothing_or_of_another_chain_is_none(world: World) -> None:
    operators = operators_of(world.host, world.chain)
    node = signer("maker", "node")
    delivery = Promising(world.node).deliver([])
    assert operators.word(delivery.acknowledgements[0]) is None
    promising = Promising(world.node)
    wire = world.consortium.client("bank").sign(Add(entry=5))
    (word,) = promising.deliver([wire]).acknowledgements
    said = operators.word(word)
    assert said is not None
    other = Acknowledgement(chain="0" * 64, items=said.items)
    assert operators.word(encode(acknowledge(node, other))) is None
    assert operators.word(b"{}") is None


# Handing over.


def test_one_word_that_is_not_taken_does_not_hold_up_the_others(world: World) -> None:
    node = Promising(world.node)
    for entry in (1, 2, 3, 4):
        world.put(entry)
        world.outbox.flush(node, world.pen)
    taken: list[bytes] = []
    words = [word for _, word in world.outbox.acknowledgements()]
    refusals: dict[bytes, Refusal] = {words[0]: PromiseUnfit(), words[2]: PromiseEarly(height=9, head=1)}

    def give(word: bytes) -> None:
        if word in refusals:
            raise refusals[word]
        taken.append(word)

    assert world.outbox.hand_over(give) == 2
    assert taken == [words[1], words[3]]
    assert world.outbox.put_aside() == {1: "node.promise_unfit"}
    refusals.clear()
    assert world.outbox.hand_over(give) == 1
    assert taken[2:] == [words[2]]
    lines = [msgspec.json.decode(line) for line in world.outbox.export()]
    assert [line.get("put_aside") for line in lines[4:]] == ["node.promise_unfit", None, None, None]


def test_a_follower_that_is_away_is_tried_again(world: World) -> None:
    world.put()
    world.outbox.flush(Promising(world.node), world.pen)

    def give(word: bytes) -> None:
        raise errors.Unreachable(url="follower", cause="away")

    with pytest.raises(errors.Unreachable):
        world.outbox.hand_over(give)
    assert len(world.outbox.acknowledgements(unhanded=True)) == 1
    assert world.outbox.put_aside() == {}
