"""Ticks: one node wakes what is due while the chain rests, the next if it does not; none in vain."""

import time
from collections.abc import Iterator

import pytest

from hansa.kernel import Refusal
from hansa.kernel.messages import Outcome
from hansa.node import errors, limits
from hansa.node.ticking import BACK_OFF_MAX, Ticking, rank
from tests.consortium import MEMBERS, signer
from tests.engines.cometbft.network import BLOCK_MS, Network
from tests.kernel.room import Lend, Register, registry


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: found[0])
    return found


@pytest.fixture
def network() -> Iterator[Network]:
    found = Network(registry=registry())
    found.init()
    yield found
    found.close()


def ticking(network: Network, member: str) -> tuple[Ticking, list[bytes]]:
    sent: list[bytes] = []
    made = Ticking(
        network.application.reader(), member, "k1", signer(member), lambda: network.now_ms, sent.append
    )
    return made, sent


def lend(network: Network, in_ms: int) -> None:
    network.block(network.wire("maker", Register(tool="w-17")))
    lent = Lend(tool="w-17", borrower="plant", due_ms=network.now_ms + in_ms)
    network.block(network.wire("maker", lent))


def codes(network: Network) -> list[str]:
    return [outcome.code for outcome in network.made[-1].applied.outcomes]


def test_it_ticks_when_something_is_due_and_not_before(network: Network, now: list[float]) -> None:
    lend(network, 5_000)
    made, sent = ticking(network, "auditor")
    assert rank(network.application.ledger, "auditor") == 0
    made.look()
    assert not sent
    network.now_ms += 5_000
    made.look()
    (wire,) = sent
    network.block(wire)
    assert codes(network) == ["ok"]
    assert any(b"toolcrib.overdue" in event for event in network.made[-1].applied.events)
    now[0] += 100
    made.look()
    assert len(sent) == 1


def test_the_members_wait_for_each_other_in_the_order_of_their_seats(
    network: Network, now: list[float]
) -> None:
    lend(network, 1_000)
    network.now_ms += 5_000
    at: dict[str, float] = {}
    all_of_them = {member: ticking(network, member) for member in MEMBERS}
    for step in range(10):
        for member, (made, sent) in all_of_them.items():
            made.look()
            if sent and member not in at:
                at[member] = step * limits.TICK_AFTER_MS / 2_000
        now[0] += limits.TICK_AFTER_MS / 2_000
    wait_s = limits.TICK_AFTER_MS / 1_000
    assert at == {member: place * wait_s for place, member in enumerate(sorted(MEMBERS))}


def test_a_tick_that_brought_nothing_is_repeated_less_and_less(network: Network, now: list[float]) -> None:
    lend(network, 1_000)
    network.now_ms += 5_000
    made, sent = ticking(network, "auditor")
    for _ in range(2 * 60):
        made.look()
        now[0] += 0.5
    assert 3 <= len(sent) <= BACK_OFF_MAX


def test_a_clock_that_runs_ahead_fills_no_ledger(network: Network, now: list[float]) -> None:
    """Each of its ticks comes too early, is refused, and is a block by itself: that begins no wait anew."""
    lend(network, limits.TICK_AFTER_MS * 600)
    made, sent = ticking(network, "auditor")
    made.clock = lambda: network.now_ms + limits.TICK_AFTER_MS * 3_600
    blocks = network.application.height
    for _ in range(2 * 120):
        made.look()
        if len(sent) > network.application.height - blocks:
            network.block(sent[-1])
            assert codes(network) == ["consortium.nothing_due"]
        now[0] += 0.5
    assert 3 <= len(sent) <= BACK_OFF_MAX + 1


def test_what_was_done_leaves_no_wait_to_what_is_due_next(network: Network, now: list[float]) -> None:
    """Ticks came in vain before (the others slept); what falls due later is woken as soon as ever."""
    lend(network, 1_000)
    network.now_ms += 5_000
    made, sent = ticking(network, "auditor")
    for _ in range(2 * 60):
        made.look()
        now[0] += 0.5
    in_vain = len(sent)
    network.block(sent[-1])
    assert codes(network) == ["ok"]
    made.look()
    network.block(network.wire("maker", Register(tool="w-18")))
    network.block(network.wire("maker", Lend(tool="w-18", borrower="plant", due_ms=network.now_ms + 1_000)))
    network.now_ms += 5_000
    for _ in range(8):
        now[0] += 0.5
        made.look()
    assert len(sent) >= in_vain + 2


def test_a_block_begins_the_wait_anew(network: Network, now: list[float]) -> None:
    """Somebody else's transaction woke it: no tick is sent."""
    lend(network, 1_000)
    network.now_ms += 5_000
    made, sent = ticking(network, "plant")  # The last in the row.
    made.look()
    now[0] += limits.TICK_AFTER_MS / 1_000
    network.block(network.wire("maker", Register(tool="w-18")))
    now[0] += 100
    made.look()
    assert not sent


def test_a_node_that_takes_nothing_goes_on_looking(network: Network, now: list[float]) -> None:
    lend(network, 1_000)
    network.now_ms += 5_000
    made, _ = ticking(network, "auditor")
    tried: list[bytes] = []

    def refuses(wire: bytes) -> None:
        tried.append(wire)
        raise errors.Stopping()

    made.submit = refuses
    for _ in range(20):
        made.look()
        now[0] += limits.TICK_AFTER_MS / 1_000
    assert len(tried) > 2
    assert issubclass(errors.Stopping, Refusal)


def test_a_tick_uses_the_next_sequence_of_its_key(network: Network, now: list[float]) -> None:
    lend(network, BLOCK_MS)
    network.now_ms += 5_000
    made, sent = ticking(network, "maker")  # It has signed twice already.
    made.look()
    now[0] += 100
    made.look()
    network.block(sent[0])
    outcome: Outcome = network.made[-1].applied.outcomes[0]
    assert outcome.code == "ok"
    assert b'"sequence":3' in sent[0]
