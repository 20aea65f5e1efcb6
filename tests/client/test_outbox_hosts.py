"""The outbox on a network: whatever hosts lose, delay and lie, an entry takes effect at most once, and in the
end exactly once; nothing is believed that is not proved.
"""

import contextlib
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hansa.apps.consortium.messages import Attest, RevokeKey
from hansa.client import AnswerUnusable, Client, errors
from hansa.client.outbox import Flushed, Outbox, Pen, state_after
from hansa.client.outbox_errors import MayStillCount
from hansa.kernel.canonical import decode
from hansa.kernel.messages import Outcome, Receipt
from hansa.kernel.refusal import Refusal
from tests.client.hosts import KINDS, Hosts, told
from tests.client.lossy import REGISTRY, Add, effects
from tests.client.network import Network
from tests.client.node_double import problem
from tests.consortium import MEMBERS, signer

DAY_MINUTES = 24 * 60


class Desk:
    """A member with its outbox and the nodes that it knows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.network = Network(registry=REGISTRY)
        self.network.do("bank", Add(entry=9_999))
        self.hosts = Hosts(self.network)
        self.pen = Pen(REGISTRY, "k1", signer("plant"), self.network.clock)
        self.open()

    def open(self) -> None:
        self.outbox = Outbox(
            self.folder / "outbox.db",
            chain=self.network.node.chain.id,
            member="plant",
            wait_s=0,
            trusted=self.folder / "trusted.json",
        )

    def flush(self, *members: str) -> Flushed:
        return self.outbox.flush(self.hosts.http(*members), self.pen)

    def put(self, entry: int) -> int:
        return self.outbox.put(REGISTRY, Add(entry=entry))

    def later(self, minutes: int) -> None:
        self.network.clock.advance(minutes=minutes)
        self.network.node.wake()

    def network_client(self, *members: str) -> Client:
        http, pen = self.hosts.http(*members), self.pen
        return Client(http, REGISTRY, member="plant", key=pen.key, signer=pen.signer, clock=pen.clock)

    def close(self) -> None:
        self.outbox.close()
        self.network.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def test_it_goes_to_another_node_and_counts_once(desk: Desk) -> None:
    desk.put(1)
    desk.hosts.do(plant="silent")  # It took the bytes and gave no answer.
    assert desk.flush("plant", "maker").done == 1
    assert effects(desk.network)[1] == 1


def test_a_lying_node_is_passed_over_in_the_same_flush(desk: Desk) -> None:
    desk.put(1)
    desk.hosts.do(plant="forgets")
    desk.flush("plant", "maker")
    assert desk.flush("plant", "maker").done + desk.flush("maker").done >= 1
    assert effects(desk.network)[1] == 1


def test_a_node_that_says_done_alone_is_not_believed(desk: Desk) -> None:
    number = desk.put(1)
    desk.hosts.do(plant="forgets")
    with pytest.raises(AnswerUnusable):
        desk.flush("plant")
    assert desk.outbox.entry(number).state == "signed"
    assert 1 not in effects(desk.network)


def test_a_node_that_hides_what_happened_gets_nothing_signed_anew(desk: Desk) -> None:
    """It took the bytes, and denies that it knows them: the key's window shows that they counted."""
    number = desk.put(1)
    desk.hosts.do(plant="denies")
    desk.flush("plant")
    desk.later(DAY_MINUTES)
    for _ in range(3):
        with contextlib.suppress(Refusal):
            desk.flush("plant")
    entry = desk.outbox.entry(number)
    assert (entry.state, entry.signings) == ("signed", 1)
    assert effects(desk.network)[1] == 1
    desk.hosts.do()
    desk.flush("plant")
    assert desk.outbox.entry(number).state == "done"
    assert effects(desk.network)[1] == 1


@pytest.mark.parametrize("lie", ["hides", "blanks"])
def test_the_window_says_that_it_counted_whatever_the_node_hides(desk: Desk, lie: str) -> None:
    number = desk.put(1)
    desk.hosts.do(plant="silent")
    with pytest.raises(errors.TimedOut):
        desk.flush("plant")
    desk.later(DAY_MINUTES)
    desk.hosts.do(plant=lie)
    for _ in range(2):
        desk.flush("plant")
    entry = desk.outbox.entry(number)
    assert (entry.state, entry.signings) == ("signed", 1)
    desk.hosts.do()
    desk.flush("plant")
    assert desk.outbox.entry(number).state == "done"
    assert effects(desk.network)[1] == 1


def test_a_place_that_is_claimed_without_proof_is_none(desk: Desk) -> None:
    number = desk.put(1)
    desk.hosts.do(plant="forgets")
    with pytest.raises(AnswerUnusable):
        desk.flush("plant")
    desk.later(DAY_MINUTES)
    desk.hosts.do(plant="claims")
    desk.flush("plant")
    entry = desk.outbox.entry(number)
    assert (entry.state, entry.signings) == ("done", 2), "the window showed that it never counted"
    assert effects(desk.network)[1] == 1


def test_what_is_proved_never_to_count_is_signed_anew(desk: Desk) -> None:
    number = desk.put(1)
    desk.hosts.do(plant="forgets")
    with pytest.raises(AnswerUnusable):
        desk.flush("plant")
    desk.hosts.do()
    desk.later(DAY_MINUTES)
    desk.flush("plant")
    entry = desk.outbox.entry(number)
    assert (entry.state, entry.signings) == ("done", 2)
    assert effects(desk.network)[1] == 1
    shown = [e for e in desk.outbox.entries("done") if b"kernel.windows" in e.draft]
    assert len(shown) == 1, "one transaction had the window shown"


def test_a_refusal_without_a_block_stays_one_once_it_cannot_count(desk: Desk) -> None:
    number = desk.put(1)
    wire = None
    desk.hosts.do(plant="denies")
    real = desk.network.node.submit
    desk.network.node.submit = lambda wires: []  # type: ignore[method-assign]  # It never arrives.
    desk.flush("plant")
    desk.network.node.submit = real  # type: ignore[method-assign]
    desk.hosts.do()
    desk.later(DAY_MINUTES)
    desk.flush("plant")
    assert wire is None
    assert desk.outbox.entry(number).state == "refused"
    assert 1 not in effects(desk.network)


def test_a_key_that_may_not_have_its_window_shown_has_its_nodes_word(desk: Desk) -> None:
    desk.network.do("plant", desk.network.key("plant", "meter", kind="gateway", scopes=("tally.*",)))
    desk.pen = Pen(REGISTRY, "meter", signer("plant", "meter"), desk.network.clock)
    number = desk.put(1)
    desk.hosts.do(plant="forgets")
    with pytest.raises(AnswerUnusable):
        desk.flush("plant")
    desk.hosts.do()
    desk.later(DAY_MINUTES)
    desk.flush("plant")
    desk.flush("plant")
    assert desk.outbox.entry(number).state == "done"
    assert effects(desk.network)[1] == 1


def test_its_nodes_word_that_there_is_an_outcome_is_enough_to_sign_nothing_anew(desk: Desk) -> None:
    desk.network.do("plant", desk.network.key("plant", "meter", kind="gateway", scopes=("tally.*",)))
    desk.pen = Pen(REGISTRY, "meter", signer("plant", "meter"), desk.network.clock)
    number = desk.put(1)
    desk.hosts.do(plant="forgets")
    with pytest.raises(AnswerUnusable):
        desk.flush("plant")
    desk.later(DAY_MINUTES)
    desk.hosts.do(plant="claims")
    desk.flush("plant")
    entry = desk.outbox.entry(number)
    assert (entry.state, entry.signings) == ("signed", 1)


def test_an_outcome_that_uses_no_number_decides_nothing() -> None:
    for code in (
        "kernel.unknown_key",
        "kernel.wrong_signature",
        "kernel.block_full",
        "kernel.sequence_ahead",
    ):
        assert state_after(Receipt("t", code, height=3)) == "signed"
    assert state_after(Receipt("t", "kernel.expired", height=3)) == "queued"
    assert state_after(Receipt("t", "tally.refused", height=3)) == "refused"


@pytest.mark.parametrize("code", ["kernel.key_revoked", "kernel.key_expired", "kernel.replayed"])
def test_the_outcome_of_a_copy_is_not_that_of_the_bytes(
    desk: Desk, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They counted; then the key ended, and a host had a copy put into a block: that is refused, proved."""
    network = desk.network
    monkeypatch.setattr("hansa.client.operators.now_ms", network.clock)
    network.do("plant", network.key("plant", "k2"))
    soon = network.clock() + 10 * 60_000
    network.do("plant", network.key("plant", "k3", expires_ms=soon))
    desk.pen = Pen(REGISTRY, "k3", signer("plant", "k3"), network.clock)
    number = desk.put(1)
    desk.hosts.do(plant="silent")
    with pytest.raises(errors.TimedOut):
        desk.flush("plant")
    wire = desk.outbox.entry(number).wire
    if code == "kernel.key_revoked":
        network.do("plant", RevokeKey(id="k3"), key="k2")
        network.clock.advance(minutes=1)
    elif code == "kernel.key_expired":
        network.clock.advance(minutes=11)
    made = network.node.block([wire])
    network.node.wake()
    proof = network.node.prove("outcome", made.height, 0)
    assert code.encode() in proof.item, "proved, and true of the copy"
    said = decode(proof.item, Outcome)
    copy = Receipt(said.transaction, code, said.field, zh="无", en="none", height=made.height)
    desk.hosts.do()
    desk.hosts["plant"]._submit = lambda request: told([copy])  # type: ignore[method-assign]
    desk.flush("plant")
    assert desk.outbox.entry(number).state in ("signed", "done")
    assert effects(network)[1] == 1


def test_a_node_that_takes_nothing_does_not_fill_the_outbox(desk: Desk) -> None:
    desk.put(1)
    desk.hosts.do(plant="forgets")
    with pytest.raises(AnswerUnusable):
        desk.flush("plant")
    desk.hosts.do()
    desk.later(DAY_MINUTES)
    real = desk.hosts["plant"]._submit
    desk.hosts["plant"]._submit = lambda request: problem(  # type: ignore[method-assign]
        429, "node.queue_full", "排队已满。", "The queue is full.", retry_after="1"
    )
    for _ in range(5):
        with contextlib.suppress(Refusal):
            desk.flush("plant")
    assert len(desk.outbox.entries()) == 2, "one has the window shown"
    desk.hosts["plant"]._submit = real  # type: ignore[method-assign]
    desk.flush("plant")
    assert {entry.state for entry in desk.outbox.entries()} == {"done"}
    assert effects(desk.network)[1] == 1


def test_nothing_is_dropped_that_may_still_count(desk: Desk) -> None:
    number = desk.put(1)
    desk.hosts.do(plant="denies")
    desk.flush("plant")
    desk.later(DAY_MINUTES)
    with pytest.raises(MayStillCount):
        desk.outbox.drop(number, desk.hosts.http("plant"))


class Hosting(RuleBasedStateMachine):
    """A member writes down and sends by nodes that do what they like; copies and time go their own way."""

    @initialize(seed=st.integers(0, 2**32))
    def start(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.desk = Desk(Path(tempfile.mkdtemp()))
        self.count = 0

    @rule(count=st.integers(1, 3))
    def put(self, count: int) -> None:
        for _ in range(count):
            self.count += 1
            self.desk.put(self.count)

    @rule(
        does=st.lists(st.sampled_from(("well", "well", *KINDS)), min_size=4, max_size=4),
        first=st.integers(0, 3),
    )
    def flush(self, does: list[str], first: int) -> None:
        self.desk.hosts.do(**dict(zip(MEMBERS, does, strict=True)))
        order = [*MEMBERS[first:], *MEMBERS[:first]]
        with contextlib.suppress(Refusal):
            self.desk.flush(*order[: self.chance.randint(1, 4)])

    @rule(minutes=st.sampled_from([1, 4, 61, DAY_MINUTES + 61]))
    def time_passes(self, minutes: int) -> None:
        self.desk.later(minutes)

    @rule()
    def strays_arrive(self) -> None:
        """Anybody may send any bytes again."""
        wires = [entry.wire for entry in self.desk.outbox.entries() if entry.wire]
        if wires:
            self.desk.network.node.submit(self.chance.sample(wires, min(3, len(wires))))

    @rule()
    def crash(self) -> None:
        self.desk.outbox.close()
        self.desk.open()

    @invariant()
    def nothing_counts_twice(self) -> None:
        if self.count:
            assert all(
                times == 1 for entry, times in effects(self.desk.network).items() if entry <= self.count
            )

    @invariant()
    def what_is_done_is_done(self) -> None:
        if not self.count:
            return
        happened = effects(self.desk.network)
        for entry in self.desk.outbox.entries("done", "refused"):
            (action,) = entry.actions
            if action["_type"] == Add.__struct_config__.tag:
                assert happened.get(action["entry"], 0) == (entry.state == "done"), entry.state

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        try:
            self.desk.hosts.do()
            for _ in range(4):
                self.desk.flush("plant", "maker")
                self.desk.later(DAY_MINUTES)
            left = self.desk.outbox.entries("queued", "signed")
            assert [e for e in left if Attest.__struct_config__.tag not in str(e.actions)] == []
            self.what_is_done_is_done()
        finally:
            self.desk.close()


Hosting.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
TestHosting = Hosting.TestCase
