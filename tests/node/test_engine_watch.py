"""What a node makes of its engine's answers: stalls, clocks, a proposal that stands on another hash."""

import asyncio
import time
from typing import Any

import msgspec
import pytest

from hansa.kernel.apply import Incident
from hansa.node import limits
from hansa.node.engine_watch import (
    FOUNDING_HEIGHT,
    INCIDENTS_MAX,
    LOOK_CLOSER_AFTER_S,
    ODD_ROUNDS,
    EngineWatch,
)
from hansa.node.errors_engine import EngineAway

OWN, OTHER = "aa" * 32, "bb" * 32
NOW_MS = 1_800_000_000_000


class Rpc:
    """An engine that answers what it is told to."""

    def __init__(self) -> None:
        self.away = False
        self.catching_up = False
        self.consensus: dict[str, Any] = {"round_state": {"height": "6"}, "peers": []}

    async def ask_all(self, methods: list[str]) -> list[bytes]:
        if self.away:
            raise EngineAway(cause="gone", retry_s=1)
        peer = {
            "node_info": {"id": "ab", "moniker": "plant\x1b[2J"},
            "remote_ip": "10.0.0.2",
            "is_outbound": True,
        }
        said = {
            "status": {"sync_info": {"latest_block_height": "5", "catching_up": self.catching_up}},
            "net_info": {"peers": [peer]},
            "num_unconfirmed_txs": {"total": "3", "total_bytes": "900"},
        }
        return [msgspec.json.encode(said[method]) for method in methods]

    async def ask(self, method: str) -> bytes:
        assert method == "dump_consensus_state"
        return msgspec.json.encode(self.consensus)

    def shows(self, app_hash: str, round_: int, peers_at: int, height: int = 6) -> None:
        header = {"height": str(height), "app_hash": app_hash.upper()}
        self.consensus = {
            "round_state": {"height": "6", "round": round_, "proposal_block": {"header": header}},
            "peers": [{"peer_state": {"round_state": {"height": str(peers_at)}}}, {"peer_state": None}],
        }


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    now = {"s": 1_000.0, "ms": float(NOW_MS)}
    monkeypatch.setattr(time, "monotonic", lambda: now["s"])
    return now


def watched(clock: dict[str, float], work: bool = True) -> tuple[EngineWatch, Rpc]:
    rpc = Rpc()
    found = EngineWatch(rpc, lambda: int(clock["ms"]), lambda: (5, OWN), lambda: work)  # type: ignore[arg-type]
    return found, rpc


def look(watch: EngineWatch) -> None:
    asyncio.run(watch.look())


def test_it_sees_height_peers_and_mempool_and_shows_nothing_that_steers_a_terminal(
    clock: dict[str, float],
) -> None:
    watch, _ = watched(clock)
    assert not watch.answers()
    look(watch)
    assert watch.answers()
    assert (watch.seen.height, watch.seen.waiting, watch.seen.waiting_bytes) == (5, 3, 900)
    assert watch.seen.peers[0].moniker == "plant?[2J"


def test_an_engine_that_does_not_answer_is_told_and_forgiven(clock: dict[str, float]) -> None:
    watch, rpc = watched(clock)
    told: list[str] = []
    watch.on_answer = told.append
    look(watch)
    rpc.away = True
    clock["s"] += 6
    look(watch)
    assert not watch.answers()
    assert watch.seen.cause == "gone"
    rpc.away = False
    look(watch)
    assert told == ["", "gone", ""]


def test_a_chain_that_should_go_on_and_does_not_is_stalled_and_one_that_rests_is_not(
    clock: dict[str, float],
) -> None:
    watch, _ = watched(clock, work=False)
    watch.made(5, NOW_MS)
    clock["s"] += limits.STALLED_AFTER_S + 1
    assert not watch.stalled
    look(watch)  # Something of another member's waits at the engine.
    assert watch.stalled
    watch.made(6, NOW_MS)
    assert not watch.stalled


@pytest.mark.parametrize(("round_", "peers_at", "rounds"), [(0, 7, 1), (1, 6, ODD_ROUNDS)])
def test_another_hash_is_told_when_others_went_on_with_it_or_several_propose_it(
    clock: dict[str, float], round_: int, peers_at: int, rounds: int
) -> None:
    watch, rpc = watched(clock)
    told: list[tuple[int, str, str]] = []
    watch.on_differs = lambda *given: told.append(given)
    clock["s"] += LOOK_CLOSER_AFTER_S + 1
    for more in range(rounds):
        assert not watch.differs
        rpc.shows(OTHER, round_ + more, peers_at)
        look(watch)
    assert watch.differs == OTHER
    look(watch)
    assert told == [(5, OWN, OTHER)]
    assert [incident.what for incident in watch.incidents] == ["hash"]
    watch.made(6, NOW_MS)
    assert not watch.differs


def test_one_lying_proposer_raises_no_alarm(clock: dict[str, float]) -> None:
    watch, rpc = watched(clock)
    clock["s"] += LOOK_CLOSER_AFTER_S + 1
    for round_, shown in enumerate((OTHER, OWN)):
        rpc.shows(shown, round_, 6)
        look(watch)
    rpc.shows(OTHER, 2, 6)
    look(watch)
    assert not watch.differs
    rpc.shows(OTHER, 0, 9, height=9)  # Of another height: it says nothing of ours.
    look(watch)
    assert not watch.differs
    assert not watch.incidents


def test_the_clock_is_compared_with_blocks_that_follow_quickly_and_never_while_catching_up(
    clock: dict[str, float],
) -> None:
    watch, rpc = watched(clock)
    height = FOUNDING_HEIGHT + 1
    watch.made(height, NOW_MS - 60_000)  # Nothing is known of the engine yet: it may replay.
    assert watch.clock_off_ms == 0
    rpc.catching_up = True
    look(watch)
    watch.made(height, NOW_MS - 60_000)
    assert watch.clock_off_ms == 0
    rpc.catching_up = False
    look(watch)
    watch.made(FOUNDING_HEIGHT, NOW_MS - 60_000)
    assert watch.clock_off_ms == 0
    watch.made(height, NOW_MS - 60_000)
    assert watch.clock_off_ms == 60_000
    clock["s"] += 30
    watch.made(height, NOW_MS - 30_000)  # After a rest, a block's time is that of the votes before it.
    assert watch.clock_off_ms == 60_000
    watch.made(height, NOW_MS + 20_000)
    assert watch.clock_off_ms == -20_000


def test_trouble_is_kept_within_bounds(clock: dict[str, float]) -> None:
    watch, _ = watched(clock)
    for number in range(INCIDENTS_MAX + 5):
        watch.tell(Incident("silent", str(number)))
    assert len(watch.incidents) == INCIDENTS_MAX
    assert watch.incidents[-1].detail == str(INCIDENTS_MAX + 4)
