"""The model of the engine: it keeps what it is said to guarantee, and only while liars are few enough."""

from itertools import pairwise
from random import Random

import pytest

from hansa.engines.cometbft import messages as abci
from hansa.kernel.facts import address
from hansa.simulation.simulator.agenda import Agenda
from hansa.simulation.simulator.at_end import check_end
from hansa.simulation.simulator.chain import Chain
from hansa.simulation.simulator.consensus import Proposal
from hansa.simulation.simulator.fast_store import FastStore
from hansa.simulation.simulator.faults import Fault
from hansa.simulation.simulator.links import Links
from hansa.simulation.simulator.node import Node
from hansa.simulation.simulator.run import Options, Run, Script, Verdict
from hansa.simulation.simulator.scenario import Broken
from tests.simulation.simulator.attesting import scenario

SCENARIO = scenario()


def run(seed: int, blocks: int = 12, script: Script | None = None) -> tuple[Run, Verdict]:
    made = Run(seed, SCENARIO, Options(blocks=blocks, script=script, tell=True))
    return made, made.finish()


def with_troubles(seed: int, *troubles: tuple[int, Fault]) -> tuple[Run, Verdict]:
    """The traffic of a seed, with these troubles: ms after its beginning."""
    _, whole = run(seed)
    start = whole.diary[0].time_ms
    script = whole.script
    timed = tuple((start + time_ms, fault) for time_ms, fault in troubles)
    return run(seed, script=Script(script.sent, timed, script.until_ms))


def test_a_third_of_liars_would_decide_two_blocks_at_one_height(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the check for it is awake; while they are fewer it never happens."""

    def broken(seed: int) -> str:
        made = Run(seed, SCENARIO, Options(blocks=15))
        made.chain.liars |= {0, 1}
        verdict = made.finish()
        return verdict.broken.rule if verdict.broken else ""

    assert [broken(seed) for seed in range(3)] == [""] * 3
    monkeypatch.setattr(Chain, "_lies", lambda chain, node: node.number in chain.liars)
    assert "safety" in map(broken, range(20))


def test_nothing_is_decided_while_two_of_four_are_away_and_all_goes_on_when_they_are_back() -> None:
    away = [(1, Fault(0, "blackout", (0, 1), 50_000))]
    made, verdict = with_troubles(3, *away)
    assert verdict.broken is None
    start = verdict.diary[0].time_ms
    times = [noted.time_ms - start for noted in verdict.diary if noted.what == "decided"]
    assert not [time_ms for time_ms in times if 1 < time_ms < 50_000]
    assert made.oracle.replica.height > 5


def test_who_is_cut_off_catches_up_later() -> None:
    """Node 3 hears nobody for some seconds; asymmetric: the others hear it."""
    ends = tuple(start * 4 + 3 for start in range(3))
    made, verdict = with_troubles(5, (1, Fault(0, "cut", for_ms=20_000, values=ends)))
    assert verdict.broken is None
    behind = [noted for noted in verdict.diary if noted.what == "executed" and noted.values[0] == 3]
    assert len(behind) == made.chain.height


def test_who_signs_two_blocks_of_one_height_loses_its_power() -> None:
    convicted = 0
    for seed in range(40):
        made, verdict = run(seed, 40)
        assert verdict.broken is None
        for block in made.chain.blocks:
            for caught in block.misbehavior:
                assert caught.type == abci.MisbehaviorType.DUPLICATE_VOTE
                (update,) = block.answer.validator_updates
                assert update.power == 0
                assert bytes.fromhex(address(update.pub_key.ed25519)) == caught.validator.address
                assert update.pub_key.ed25519 not in made.chain._powers[block.height + 2]
                convicted += 1
        if convicted:
            return
    raise AssertionError("nobody was caught in 40 seeds")


def test_block_time_is_the_median_of_the_votes_and_never_goes_back() -> None:
    made, verdict = run(2, 30)
    assert verdict.broken is None
    blocks = made.chain.blocks
    for before, block in pairwise(blocks):
        assert block.time_ns > before.time_ns
        shown = sorted(time_ms for _, time_ms in before.votes)
        assert shown[0] <= block.time_ns // 10**6 <= shown[-1]


def test_a_chain_without_anything_to_do_rests() -> None:
    made = Run(1, SCENARIO, Options(blocks=5))
    while not (made.chain.height and made.chain.rests):
        if not made.nodes[0].up:
            made.troubles.plan.clear()
            for node in made.nodes[:4]:
                made.troubles.start(node)
        assert made.agenda.step()
    height = made.chain.height
    assert height == 1, "one empty block, as a fresh chain makes"


def test_who_is_locked_on_a_block_votes_for_another_only_after_a_newer_majority_for_it() -> None:
    made, verdict = run(1, 3)
    assert verdict.broken is None
    height = made.chain._height
    first, second = height.seats[:2]
    one = Proposal(height.height, height.time_ns, b"", (b"one",))
    other = one._replace(txs=(b"other",))
    height.mind(first).locked = (1, one)
    assert not height._is_bound(first, one)
    assert height._is_bound(first, other)
    height.mind(second).valid = (1, other)
    assert height._is_bound(first, other)
    height.mind(second).valid = (2, other)
    assert not height._is_bound(first, other)


@pytest.mark.parametrize("spoilt", ["records", "log", "nothing lost"])
def test_what_lies_on_a_disk_at_the_end_is_compared_byte_by_byte(spoilt: str) -> None:
    made, verdict = run(1, 3)
    assert verdict.broken is None
    store = made.nodes[2].running.ledger.store
    assert isinstance(store, FastStore)
    if spoilt == "records":
        name = next(iter(store._records.rows))
        store._records.rows[name] += b" "
    elif spoilt == "log":
        del store._blocks[2]
    else:
        store._transactions[2].clear()
        store._by_id.clear()
    with pytest.raises(Broken) as broken:
        check_end(made.nodes, made.chain, made.oracle)
    assert broken.value.rule == spoilt


# Its parts.


def test_the_agenda_keeps_order_and_enters_nothing_into_the_past() -> None:
    agenda, told = Agenda(10), []
    for name, at in (("b", 20), ("a", 15), ("c", 20), ("now", 3)):
        agenda.at(at, lambda name=name: told.append((agenda.now_ms, name)))
    while agenda.step():
        pass
    assert told == [(10, "now"), (15, "a"), (20, "b"), (20, "c")]


def test_what_one_knows_comes_to_another_by_way_of_a_third() -> None:
    links = Links(Random(1), 4)
    links.cut = {(0, 1), (0, 3)}
    up = frozenset(range(4))
    assert links.reaches(0, 1, up)
    assert not links.reaches(0, 1, up - {2})
    links.cut |= {(0, 2)}
    assert not links.reaches(0, 1, up)
    assert links.reaches(1, 0, up)


def test_bad_weather_loses_doubles_and_delays() -> None:
    links = Links(Random(1), 2)
    assert {len(links.arrivals(0, 1)) for _ in range(200)} == {1}
    links.loss, links.twice, links.slow = 300, 300, 300
    arrivals = [links.arrivals(0, 1) for _ in range(500)]
    assert {len(each) for each in arrivals} == {0, 1, 2}
    assert max(max(each) for each in arrivals if each) > 500
    links.heal()
    assert links.calm


def test_a_node_that_is_down_cannot_be_asked() -> None:
    made = Run(1, SCENARIO, Options(blocks=1))
    node: Node = made.nodes[0]
    with pytest.raises(RuntimeError):
        _ = node.running
