"""Submission in front of a network engine: turns, shares, the flight; an engine that is away or full."""

import asyncio
from collections.abc import Sequence

import pytest

from hansa.engines.reading import receipt
from hansa.kernel import Refusal
from hansa.kernel.apply import BlockFull
from hansa.kernel.messages import Outcome
from hansa.kernel.transaction import join
from hansa.node import limits as node_limits
from hansa.node.engine_rpc import IN_CACHE, MEMPOOL_FULL
from hansa.node.errors_engine import EngineAway
from hansa.node.submission import ANSWERS_EVERY_S, Looked, Submission
from hansa.node.wires import claim
from tests.consortium import START_MS
from tests.node.submission_world import Engine, decide, looked, play, refuses, told, wire


def test_it_is_answered_when_a_block_has_it_and_with_no_acknowledgement() -> None:
    async def story(submission: Submission, engine: Engine) -> None:
        one, two = wire("maker", 1), wire("plant", 1)
        answer = submission.offer(join([one, two]))
        await engine.has(2)
        decide(submission, two)
        await asyncio.sleep(0.02)
        assert not answer.done()
        decide(submission, one)
        found = told(await answer)
        assert found.acknowledgement is None
        assert [(each.code, each.height, each.app_hash) for each in found.receipts] == [
            ("ok", 7, "cd" * 32)
        ] * 2
        assert not submission.flight.wires

    play(story)


def test_what_comes_soon_after_a_look_shares_the_next_one_and_one_call_of_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(node_limits, "GATHER_S", 0.5)
    looks: list[int] = []

    def counting(wires: Sequence[bytes]) -> list[Looked]:
        looks.append(len(wires))
        return looked(wires)

    async def story(submission: Submission, engine: Engine) -> None:
        wires = [wire("maker", sequence) for sequence in range(1, 8)]
        answers = [submission.offer(wires[0])]
        await engine.has(1)
        for one in wires[1:]:
            answers.append(submission.offer(one))
            await asyncio.sleep(0)
        await engine.has(7)
        assert looks == [1, 6]
        assert [len(batch) for batch in engine.batches] == [1, 6]
        decide(submission, *wires)
        await asyncio.gather(*answers)

    play(story, counting)


def test_where_nothing_waits_it_sleeps_until_there_is_news() -> None:
    async def story(submission: Submission, engine: Engine) -> None:
        assert submission._patience_s() == ANSWERS_EVERY_S
        one = wire("maker", 1)
        submission.offer(one)
        await engine.has(1)
        decide(submission, one)
        await asyncio.sleep(0.01)
        assert submission._patience_s() == ANSWERS_EVERY_S

    play(story)


def test_the_same_bytes_twice_fly_once_and_are_answered_alike() -> None:
    async def story(submission: Submission, engine: Engine) -> None:
        one = wire("maker", 1)
        first, second = submission.offer(one), submission.offer(one)
        await engine.has(1)
        await asyncio.sleep(0.05)
        assert engine.taken == [one]
        decide(submission, one)
        assert await first == await second

    play(story)


def test_what_the_ledger_holds_is_answered_from_it_and_goes_nowhere() -> None:
    known = receipt(Outcome("ef" * 32, "kernel.expired"), "旧", "old", 3, 1, "cd" * 32)

    async def story(submission: Submission, engine: Engine) -> None:
        found = told(await submission.offer(wire("maker", 1)))
        assert found.receipts == (known,)
        assert not engine.batches

    play(story, lambda wires: [Looked("", known) for _ in wires])


def test_an_engine_that_is_away_gets_it_when_it_is_back_and_new_ones_are_refused_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(node_limits, "ENGINE_AWAY_MAX_S", 0)

    async def story(submission: Submission, engine: Engine) -> None:
        engine.away = True
        one = wire("maker", 1)
        answer = submission.offer(one)
        await engine.came.wait()
        await asyncio.sleep(0.02)
        with pytest.raises(EngineAway) as refused:
            submission.offer(wire("maker", 2))
        assert refused.value.status == 503
        engine.away = False
        await engine.has(1)
        decide(submission, one)
        assert told(await answer).receipts[0].code == "ok"

    play(story)


def test_an_engine_that_comes_back_is_given_at_once_what_it_had_before() -> None:
    """Its mempool was in memory alone."""

    async def story(submission: Submission, engine: Engine) -> None:
        one = wire("maker", 1)
        answer = submission.offer(one)
        await engine.has(1)
        submission.engine_away("gone")
        assert submission.away_since_s
        submission.engine_answers()
        assert not submission.away_since_s
        await has_again(engine, 2)
        decide(submission, one)
        await answer

    play(story)


async def has_again(engine: Engine, count: int) -> None:
    """As `has`, within less time than it takes to hand in again unasked."""
    async with asyncio.timeout(node_limits.HAND_IN_AGAIN_S - 1):
        await engine.has(count)


def test_a_full_mempool_is_pressed_on_only_after_the_next_block() -> None:
    async def story(submission: Submission, engine: Engine) -> None:
        engine.said = f"Internal error: {MEMPOOL_FULL}: number of txs 5000"
        one = wire("maker", 1)
        answer = submission.offer(one)
        await engine.has(1)
        await asyncio.sleep(0.1)
        assert len(engine.batches) == 1
        engine.said = ""
        decide(submission)
        await engine.has(2)
        decide(submission, one)
        assert told(await answer).receipts[0].code == "ok"

    play(story)


def test_what_an_engine_forgot_is_handed_in_again_until_a_block_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(node_limits, "HAND_IN_AGAIN_S", 0.02)

    async def story(submission: Submission, engine: Engine) -> None:
        one = wire("maker", 1)
        answer = submission.offer(one)
        await engine.has(2)
        engine.said = IN_CACHE  # It has it after all: no error, and nothing else waits for it.
        await engine.has(3)
        await asyncio.sleep(0.01)
        assert not submission._hold_until_s
        decide(submission, one)
        assert told(await answer).receipts[0].code == "ok"
        had = len(engine.taken)
        await asyncio.sleep(0.1)
        assert len(engine.taken) == had

    play(story)


def test_what_a_block_decided_between_look_and_flight_is_answered_from_the_ledger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(node_limits, "HAND_IN_AGAIN_S", 0.02)
    known = receipt(Outcome("ef" * 32, "ok"), "", "", 3, 1, "cd" * 32)
    times: list[int] = []

    def look(wires: Sequence[bytes]) -> list[Looked]:
        times.append(1)
        return [Looked("maker", None if len(times) == 1 else known) for _ in wires]

    async def story(submission: Submission, engine: Engine) -> None:
        assert told(await submission.offer(wire("maker", 1))).receipts == (known,)

    play(story, look)


def test_a_transaction_whose_time_is_over_is_refused_and_flies_no_more() -> None:
    async def story(submission: Submission, engine: Engine) -> None:
        one = wire("maker", 1, START_MS + 10)
        answer = submission.offer(one)
        await engine.has(1)
        decide(submission, time_ms=START_MS + 9)
        await asyncio.sleep(0.02)
        assert not answer.done()
        decide(submission, time_ms=START_MS + 10)
        found = told(await answer).receipts[0]
        assert (found.code, found.height) == ("kernel.expired", 0)
        assert not submission.flight.wires

    play(story)


def test_what_found_no_room_in_a_block_comes_again_unasked() -> None:
    async def story(submission: Submission, engine: Engine) -> None:
        one = wire("maker", 1)
        answer = submission.offer(one)
        await engine.has(1)
        decide(submission, one, refusal=BlockFull())
        await engine.has(2)
        decide(submission, one)
        assert told(await answer).receipts[0].code == "ok"

    play(story)


def test_what_the_mempool_let_go_is_handed_in_again() -> None:
    async def story(submission: Submission, engine: Engine) -> None:
        one = wire("maker", 1)
        answer = submission.offer(one)
        await engine.has(1)
        submission.refused(one)
        submission.refused(b"somebody else's")
        await has_again(engine, 2)
        decide(submission, one)
        await answer

    play(story)


def test_no_block_for_long_is_said_and_what_flies_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_limits, "BLOCK_WAIT_MAX_S", 0)

    async def story(submission: Submission, engine: Engine) -> None:
        one = wire("maker", 1)
        with pytest.raises(Refusal) as refused:
            await submission.offer(one)
        assert refused.value.code == "engine.undecided"
        assert one in submission.flight.wires
        assert submission.waiting == 0
        again = submission.offer(one)
        await asyncio.sleep(0.02)
        decide(submission, one)
        assert told(await again).receipts[0].code == "ok"

    play(story)


def test_what_was_told_to_be_undecided_before_it_flew_is_never_handed_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its sender was told that it may send it again: nothing of it stays behind in memory."""
    monkeypatch.setattr(node_limits, "BLOCK_WAIT_MAX_S", 0)

    async def story(submission: Submission, engine: Engine) -> None:
        answer = submission.offer(wire("maker", 1))
        submission.flight.count_max = 0
        with pytest.raises(Refusal) as refused:
            await answer
        assert refused.value.code == "engine.undecided"
        assert submission._lines.count == 1
        submission.flight.count_max = 10
        submission._news.set()
        while submission._lines.count:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        assert not engine.taken
        assert not submission.flight.wires

    play(story)


def test_whoever_floods_leaves_room_and_a_turn_to_the_others() -> None:
    async def story(submission: Submission, engine: Engine) -> None:
        submission.flight.count_max = 40
        flood: list[asyncio.Future[bytes]] = []
        for number in range(1, 41):  # Of 80 that may wait: as much as is left free.
            flood.append(submission.offer(wire("maker", number), "10.0.0.1"))
            while submission._shares.of("maker") < number:  # Its signature was looked at.
                await asyncio.sleep(0.002)
        with pytest.raises(Refusal) as refused:
            submission.offer(wire("maker", 41), "10.0.0.1")
        assert refused.value.code == "node.member_busy"
        await engine.has(20)  # Of 40 that may fly: the same rule.
        others = [wire("plant", number) for number in range(1, 11)]
        answers = [submission.offer(other, "10.0.0.2") for other in others]
        await engine.has(30)
        assert engine.taken[20:] == others
        while not all(answer.done() for answer in (*answers, *flood)):
            decide(submission, *engine.taken)
            await asyncio.sleep(0.005)

    play(story)


def test_one_whose_transactions_the_engine_lets_go_holds_up_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its transactions fill the mempool from another node: what it hands in here is let go, every time."""

    async def story(submission: Submission, engine: Engine) -> None:
        submission.flight.count_max = 20
        took = engine.hand_in

        async def lets_go(wires: Sequence[bytes]) -> list[str]:
            said = await took(wires)
            for one in wires:
                if claim(one).member == "maker":
                    submission.refused(one)
            return said

        monkeypatch.setattr(engine, "hand_in", lets_go)
        flood = [submission.offer(wire("maker", number)) for number in range(1, 21)]
        await engine.has(10)
        await asyncio.sleep(0.05)
        others = [submission.offer(wire("plant", number)) for number in (1, 2, 3)]
        while not all(answer.done() for answer in others):
            decide(submission, *(one for one in engine.taken if claim(one).member == "plant"))
            await asyncio.sleep(0.005)
        assert not any(answer.done() for answer in flood)
        while not all(answer.done() for answer in flood):
            decide(submission, *engine.taken)
            await asyncio.sleep(0.005)

    play(story)


def test_what_can_take_effect_no_more_leaves_the_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another transaction with its sequence number was in a block first: no engine takes this one now."""
    monkeypatch.setattr(node_limits, "HAND_IN_AGAIN_S", 0.02)
    spent: list[bytes] = []

    async def story(submission: Submission, engine: Engine) -> None:
        one = wire("maker", 1)
        answer = submission.offer(one)
        await engine.has(1)
        spent.append(one)
        (said,) = told(await answer).receipts
        assert (said.code, said.height) == ("kernel.replayed", 0)
        assert not submission.flight.wires

    play(story, refuses("kernel.replayed", spent))


def test_what_may_still_stand_in_a_block_is_answered_by_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its form ends soon, some mempool has it: whoever were told that nothing was done would sign anew."""
    monkeypatch.setattr(node_limits, "HAND_IN_AGAIN_S", 0.02)
    late: list[bytes] = []

    async def story(submission: Submission, engine: Engine) -> None:
        one = wire("maker", 1)
        answer = submission.offer(one)
        await engine.has(1)
        late.append(one)
        await engine.has(3)
        assert not answer.done()
        decide(submission, one)
        (said,) = told(await answer).receipts
        assert (said.code, said.height) == ("ok", 7)

    play(story, refuses("engine.change_near", late))


def test_strangers_leave_room_to_whoever_is_known() -> None:
    """One small transaction of each of many addresses, none of them signed by anybody."""

    async def story(submission: Submission, engine: Engine) -> None:
        submission.flight.count_max = 20
        answer = submission.offer(wire("plant", 1), "10.0.0.1")
        await engine.has(1)
        decide(submission, *engine.taken)
        await answer
        waiting = [submission.offer(wire("maker", 1)[:-1] + b"x", f"10.1.{n}.1") for n in range(20)]
        with pytest.raises(Refusal) as refused:
            submission.offer(wire("maker", 2), "10.2.0.1")
        assert refused.value.code == "node.address_busy"
        assert int(str(refused.value.values["retry_s"])) >= 1
        waiting.append(submission.offer(wire("plant", 2), "10.0.0.1"))
        while not all(one.done() for one in waiting):
            decide(submission, *engine.taken)
            await asyncio.sleep(0.005)

    play(story)


def test_where_nothing_of_ones_own_waits_the_node_is_said_to_be_full() -> None:
    """Not "0 transactions of your address, or of your member"."""

    async def story(submission: Submission, engine: Engine) -> None:
        submission.flight.count_max = 2
        many = join([wire("maker", n) for n in range(1, 7)])
        with pytest.raises(Refusal) as refused:
            submission.offer(many, "10.0.0.1")
        assert refused.value.code == "node.queue_full"

    play(story)


def test_a_queue_that_would_take_too_long_is_refused_with_a_time() -> None:
    async def story(submission: Submission, engine: Engine) -> None:
        submission.flight.count_max = 5
        names = ("maker", "plant", "bank", "auditor")
        answers = []
        for name, n in (*((name, n) for name in names for n in (1, 2)), ("tools", 1), ("shop", 1)):
            answers.append(submission.offer(wire(name, n), f"10.0.0.{n}"))
            while submission._shares.of(name) < n:  # Its signature was looked at.
                await asyncio.sleep(0.002)
        with pytest.raises(Refusal) as refused:
            submission.check_room(300, "10.0.0.9")
        assert refused.value.code == "node.queue_full"
        assert int(str(refused.value.values["retry_s"])) >= 1
        while not all(answer.done() for answer in answers):
            decide(submission, *engine.taken)
            await asyncio.sleep(0.005)
        submission.check_room(300, "10.0.0.9")

    play(story)


def test_blocks_that_are_heard_of_in_a_bunch_make_no_queue_longer() -> None:
    """After a pause of the machine, say: what may wait rests on what is decided in a second, not in a ms."""

    async def story(submission: Submission, engine: Engine) -> None:
        now_s = submission._counting_s
        for block in range(40):  # Ten blocks at once each two seconds: 50 transactions a second.
            now_s += 0.0001 if block % 10 else 2.0
            submission._measure(10, now_s)
        assert 5 < submission._per_second < 60
        assert submission._most() == 2 * submission.flight.count_max
        for rest in range(1, 21):
            submission._measure(1, now_s + 1_000 * rest)  # Rests say nothing of the rate.
        assert 5 < submission._per_second < 60

    play(story)


def test_a_look_that_fails_is_told_and_a_mistake_of_the_program_leaves_nobody_waiting() -> None:
    def refuses(wires: Sequence[bytes]) -> list[Looked]:
        raise EngineAway(cause="disk", retry_s=1)

    async def refused(submission: Submission, engine: Engine) -> None:
        with pytest.raises(EngineAway):
            await submission.offer(wire("maker", 1))

    play(refused, refuses)

    def breaks(wires: Sequence[bytes]) -> list[Looked]:
        raise ZeroDivisionError

    async def broken(submission: Submission, engine: Engine) -> None:
        with pytest.raises(Refusal) as told_so:
            await submission.offer(wire("maker", 1))
        assert told_so.value.code == "node.writer_failed"
        assert submission.failed
        assert [incident.what for incident in submission.incidents] == ["writer"]
        with pytest.raises(Refusal):
            submission.offer(wire("maker", 2))

    play(broken, breaks)


def test_who_waits_when_the_node_stops_is_told_so() -> None:
    answers: list[asyncio.Future[bytes]] = []

    async def story(submission: Submission, engine: Engine) -> None:
        answers.append(submission.offer(wire("maker", 1)))
        await engine.has(1)
        await submission.stop()
        with pytest.raises(Refusal) as told_so:
            await answers[0]
        assert told_so.value.code == "node.stopping"

    play(story)
