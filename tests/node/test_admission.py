"""Load: what waits is bounded and shared fairly, nothing is dropped, and everybody gets an answer."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.messages import Attest
from hansa.engines import errors as engine_errors
from hansa.kernel import limits as kernel_limits
from hansa.kernel.transaction import join
from hansa.node.fair import Fair
from hansa.node.limits import LOOP_TURN_AT, TURN_TRANSACTIONS_MAX
from hansa.node.settings import Limits
from hansa.node.shares import address_of
from tests.node.world import OCTETS, World, call, world
from tests.waiting import until

SHOW = Attest(table="consortium.members", key=("maker",))


@contextmanager
def held(node: World) -> Iterator[None]:
    """The engine takes what it is given, but does not begin until the block ends."""
    engine, go = node.operator.engine, threading.Event()
    order = engine.order

    def wait_then_order(wires: Any) -> Any:
        go.wait(20)
        return order(wires)

    engine.order = wait_then_order  # type: ignore[method-assign]
    try:
        yield
    finally:
        go.set()


@contextmanager
def undecided(node: World) -> Iterator[None]:
    """Signatures are checked, but nobody's turn comes until the block ends."""
    admission = node.operator.admission
    take, admission._take = admission._take, lambda: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        admission._take = take  # type: ignore[method-assign]


def checked(node: World) -> None:
    """Waits until the signatures of all requests on their way were checked."""
    admission = node.operator.admission
    assert until(
        lambda: not (admission._inbox.qsize() or admission._unchecked.count or admission._checked), 10, 0.01
    )
    node.run(asyncio.sleep(0.01))


def sent(node: World, body: bytes, **more: Any) -> "asyncio.Task[Any]":
    """A request on its way."""

    async def start() -> "asyncio.Task[Any]":
        task = asyncio.ensure_future(call(node.app, "POST", "/v1/transactions", OCTETS, body, **more))
        await asyncio.sleep(0)
        return task

    task: asyncio.Task[Any] = node.run(start())
    return task


def answer_of(node: World, task: "asyncio.Task[Any]") -> Any:
    async def wait() -> Any:
        return await task

    return node.run(wait())


def test_a_full_queue_is_refused_with_a_time_before_the_body_is_read(tmp_path: Path) -> None:
    with world(tmp_path, Limits(queue_transactions=4)) as node, held(node):
        waiting = [sent(node, node.sign("plant", SHOW)) for _ in range(4)]

        # No part of its body ever comes: it is answered all the same.
        answer = node.run(call(node.app, "POST", "/v1/transactions", OCTETS, parts=[], silent=True))

        assert (answer.status, answer.code) == (429, "node.queue_full")
        assert 1 <= int(answer.headers["retry-after"]) <= 30
        assert not any(task.done() for task in waiting)
    assert [answer_of_done(task) for task in waiting] == ["ok"] * 4


def answer_of_done(task: "asyncio.Task[Any]") -> str:
    return str(task.result().json["receipts"][0]["code"])


def test_a_queue_that_is_full_by_bytes_is_refused_too(tmp_path: Path) -> None:
    with world(tmp_path, Limits(queue_bytes=700)) as node, held(node):
        first = sent(node, node.sign("plant", SHOW))
        large = {**OCTETS, "content-length": "500"}

        answer = node.run(call(node.app, "POST", "/v1/transactions", large, parts=[], silent=True))

        assert (answer.status, answer.code) == (429, "node.queue_full")
        assert not first.done()


def test_what_waits_is_bounded_per_key_and_per_member(tmp_path: Path) -> None:
    with world(tmp_path, Limits(queue_key=2, queue_member=3)) as node, undecided(node):
        for _ in range(2):
            sent(node, node.sign("plant", SHOW))
        checked(node)
        by_key = node.submit(node.sign("plant", SHOW))
        sent(node, node.sign("plant", SHOW, key="gateway-1"))
        checked(node)
        by_member = node.submit(node.sign("plant", SHOW, key="gateway-1"))
        other = sent(node, node.sign("bank", SHOW))

        assert (by_key.status, by_key.code) == (429, "node.key_busy")
        assert (by_member.status, by_member.code) == (429, "node.member_busy")
        assert "retry-after" in by_key.headers
        assert not other.done()


def forged(wire: bytes) -> bytes:
    """The same with a signature that does not hold."""
    return wire[:1] + bytes((wire[1] ^ 1,)) + wire[2:]


def test_rubbish_that_names_a_key_takes_nothing_of_its_share_and_waits_for_no_turn(tmp_path: Path) -> None:
    with world(tmp_path, Limits(queue_key=2, queue_member=3)) as node:
        with undecided(node):
            rubbish = [sent(node, forged(node.sign("plant", SHOW))) for _ in range(20)]
            answers = [answer_of(node, task).json["receipts"][0]["code"] for task in rubbish]
            own = [sent(node, node.sign("plant", SHOW)) for _ in range(2)]
            checked(node)
            assert not any(task.done() for task in own)

        assert answers == ["kernel.wrong_signature"] * 20
        assert [answer_of(node, task).json["receipts"][0]["code"] for task in own] == ["ok"] * 2


def test_one_false_signature_leaves_the_rest_of_a_request_to_its_own_outcome(node: World) -> None:
    wires = [node.sign("plant", SHOW) for _ in range(3)]

    answer = node.submit(join([wires[0], forged(wires[1]), wires[2]]))

    codes = [receipt["code"] for receipt in answer.json["receipts"]]
    assert codes == ["ok", "kernel.wrong_signature", "ok"]
    assert node.operator.admission.waiting == 0


@pytest.mark.parametrize("restarted", [False, True])
def test_a_replayed_transaction_takes_nothing_of_its_keys_share(tmp_path: Path, restarted: bool) -> None:
    """Any member has the others' transactions from the ledger, and their signatures hold."""
    bounds = Limits(queue_key=2)
    with world(tmp_path, bounds) as node:
        wire = node.sign("plant", SHOW)
        first = node.submit(wire)
        if not restarted:
            own = next_is_taken(node, wire)
            assert answer_of(node, own).json["receipts"][0]["code"] == "ok"
    if restarted:
        with world(tmp_path, bounds) as node:
            node.sequences["plant", "k1"] = 1
            own = next_is_taken(node, wire)
            assert answer_of(node, own).json["receipts"][0]["code"] == "ok"
            assert node.submit(wire).json["receipts"] == first.json["receipts"]


def next_is_taken(node: World, wire: bytes) -> "asyncio.Task[Any]":
    """After a flood of replays, a transaction of the same key on its way."""
    with undecided(node):
        for _ in range(5):
            sent(node, wire)
        checked(node)
        own = sent(node, node.sign("plant", SHOW))
        checked(node)
        assert not own.done()
    return own


def test_what_is_not_signed_counts_to_its_address(tmp_path: Path) -> None:
    """All addresses from which nothing signed came yet count as one; a single transaction always passes."""

    def unknown(count: int) -> bytes:
        return join([node.sign("plant", SHOW).replace(b"plant", b"x%d" % number) for number in range(count)])

    with world(tmp_path, Limits(queue_address=3)) as node:
        node.submit(node.sign("plant", SHOW))
        with undecided(node):
            first = sent(node, unknown(3), client="192.0.2.1")
            checked(node)
            stranger = node.ask(
                "POST", "/v1/transactions", headers=OCTETS, body=unknown(2), client="192.0.2.2"
            )
            single = sent(node, unknown(1), client="192.0.2.2")
            met = sent(node, unknown(2), client="127.0.0.1")
            checked(node)

            assert (stranger.status, stranger.code) == (429, "node.address_busy")
            assert "retry-after" in stranger.headers
            assert not any(task.done() for task in (first, single, met))
        assert answer_of(node, met).json["receipts"][0]["code"] == "kernel.unknown_key"
        assert answer_of(node, first).status == answer_of(node, single).status == 200
        assert node.submit(unknown(3)).status == 200


def test_an_address_that_has_much_waiting_is_refused_before_its_body_is_read(tmp_path: Path) -> None:
    with world(tmp_path, Limits(queue_bytes=80_000)) as node, undecided(node):
        sent(node, b"x" * 19_000)
        checked(node)
        large = {**OCTETS, "content-length": "9000"}

        answer = node.run(call(node.app, "POST", "/v1/transactions", large, parts=[], silent=True))

        assert (answer.status, answer.code) == (429, "node.address_busy")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a-socket", "a-socket"),
    ],
)
def test_a_network_of_ipv6_counts_as_one_address(host: str, address: str) -> None:
    assert address_of(host) == address


def test_a_request_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    with world(tmp_path, Limits(queue_key=2)) as node:
        node.submit(node.sign("plant", SHOW))

        answer = node.submit(join([node.sign("plant", SHOW) for _ in range(3)]))

        assert answer.code == "node.key_busy"
        assert node.operator.height == 1
        assert node.operator.admission.waiting == 0


def test_a_flooding_member_delays_the_others_by_a_turn() -> None:
    fair: Fair[str] = Fair()
    fair.add("flood", [(f"f{number}", 100) for number in range(1_000)])
    fair.add("plant", [("p1", 100), ("p2", 100)])

    group = fair.take(200, 10**6)

    assert group.index("p1") == TURN_TRANSACTIONS_MAX
    assert group[TURN_TRANSACTIONS_MAX + 1] == "p2"
    assert [item for item in group if item[0] == "f"] == [f"f{number}" for number in range(198)]
    assert fair.count == 802


def test_a_group_is_bounded_by_bytes_and_whoever_did_not_fit_comes_first() -> None:
    fair: Fair[str] = Fair()
    fair.add("plant", [("p1", 60), ("p2", 60)])
    fair.add("bank", [("b1", 60)])

    assert [fair.take(10, 100) for _ in range(4)] == [["p1"], ["p2"], ["b1"], []]


def test_an_item_larger_than_a_group_goes_alone() -> None:
    fair: Fair[str] = Fair()
    fair.add("plant", [("p1", 500), ("p2", 1)])

    assert fair.take(10, 100) == ["p1"]
    assert fair.take(10, 100) == ["p2"]


def test_whoever_hangs_up_has_an_outcome_under_the_same_bytes(node: World) -> None:
    wire = node.sign("plant", SHOW)
    with held(node):
        task = sent(node, wire)
        node.loop.call_soon_threadsafe(task.cancel)

    again = node.submit(wire).json["receipts"][0]

    assert (again["code"], again["height"]) == ("ok", 1)
    assert node.operator.height == 1
    assert node.operator.admission.waiting == 0


def test_what_waits_when_the_node_is_told_to_stop_is_decided(tmp_path: Path) -> None:
    with world(tmp_path) as node:
        hold = held(node)
        hold.__enter__()
        waiting = [sent(node, node.sign(member, SHOW)) for member in ("plant", "bank", "auditor")]
        hold.__exit__(None, None, None)

    assert [answer_of_done(task) for task in waiting] == ["ok"] * 3


def test_a_node_that_stops_takes_no_more(node: World) -> None:
    node.run(node.operator.admission.stop())

    answer = node.submit(node.sign("plant", SHOW))

    assert (answer.status, answer.code) == (503, "node.stopping")
    assert "retry-after" in answer.headers


def test_an_engine_that_stands_still_says_so_to_everyone(node: World) -> None:
    def refuse(wires: Any) -> Any:
        raise engine_errors.Stopped(cause="OSError: no space left on device")

    node.operator.engine.order = refuse  # type: ignore[method-assign]

    answer = node.submit(node.sign("plant", SHOW))

    assert (answer.status, answer.code) == (503, "engine.stopped")
    assert "no space left" in answer.json["en"]
    assert node.operator.admission.waiting == 0


def test_a_mistake_of_the_program_leaves_nobody_waiting(node: World) -> None:
    def fail(wires: Any) -> Any:
        raise ZeroDivisionError

    node.operator.engine.order = fail  # type: ignore[method-assign]

    first = node.submit(node.sign("plant", SHOW))
    second = node.submit(node.sign("plant", SHOW))

    assert (first.status, first.code) == (503, "node.writer_failed")
    assert (second.status, second.code) == (503, "node.writer_failed")
    assert node.get("/health").status == 503
    assert [one.code for one in node.operator.incidents()] == ["incident.writer"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (OSError("no space left on device"), "engine.stopped"),
        (ZeroDivisionError(), "node.writer_failed"),
    ],
)
def test_nobody_is_told_of_a_block_that_may_not_be_shown(node: World, fault: Exception, code: str) -> None:
    """The journal of signed headers failed: the outcome is found under the same bytes once it is mended."""
    engine = node.operator.engine
    put = engine.signed.put

    def fail(*header: Any) -> None:
        raise fault

    engine.signed.put = fail  # type: ignore[method-assign]
    wire = node.sign("plant", SHOW)
    answer = node.submit(wire)
    assert (answer.status, answer.code) == (503, code)
    assert node.operator.admission.waiting == 0
    with node.operator.reader.snapshot() as reading:
        assert reading.height == 0
    engine.signed.put = put  # type: ignore[method-assign]
    engine.retry()
    assert [receipt.code for receipt in engine.submit([wire])] == ["ok"]
    assert (engine.height, engine.signed.height) == (1, 1)


def test_many_at_once_are_each_answered_with_their_own_outcome(node: World) -> None:
    wires = [node.sign(member, SHOW) for member in ("plant", "bank", "auditor", "maker") for _ in range(50)]

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(
            *(call(node.app, "POST", "/v1/transactions", OCTETS, wire) for wire in wires)
        )

    answers = node.run(all_at_once())

    places = {(one["height"], one.get("index", 0)) for a in answers for one in a.json["receipts"]}
    assert len(places) == len(wires)
    assert {one["code"] for a in answers for one in a.json["receipts"]} == {"ok"}


def test_a_key_serves_from_the_block_after_the_one_that_adds_it(node: World) -> None:
    """Its signature is not checked ahead of time by a key that the ledger does not have yet."""
    answer = node.submit(node.sign("plant", SHOW, key="new"))

    assert answer.json["receipts"][0]["code"] == "kernel.unknown_key"


def test_due_work_of_an_engine_that_stands_still_is_not_tried_all_the_time(node: World) -> None:
    tried: list[int] = []

    def refuse() -> None:
        tried.append(1)
        raise engine_errors.Stopped(cause="disk")

    engine = node.operator.engine
    engine.next_due_ms = lambda: node.clock()  # type: ignore[method-assign]
    engine.wake = refuse  # type: ignore[method-assign]

    for _ in range(5):
        node.operator.admission.wake()

    assert tried == [1]


@pytest.mark.parametrize("ahead_ms", [0, kernel_limits.HOUR_MS])
def test_due_work_wakes_the_node_by_itself_and_when_asked(node: World, ahead_ms: int) -> None:
    seen: list[int] = []
    engine = node.operator.engine
    engine.next_due_ms = lambda: None if seen else node.clock() + ahead_ms  # type: ignore[method-assign]
    engine.wake = lambda: seen.append(1)  # type: ignore[method-assign]

    if ahead_ms:
        node.operator.admission.wake()
        assert not seen
        node.clock.advance(ms=ahead_ms)
        engine.next_due_ms = lambda: None if seen else node.clock()  # type: ignore[method-assign]
    node.operator.admission.wake()

    assert seen == [1]


# The loop's turn before a group is decided.


def ordered_while_the_loop_stands(node: World, count: int, wait_s: float) -> bool:
    """Whether the engine got `count` transactions before the loop went on, `wait_s` at most."""
    engine, begun = node.operator.engine, threading.Event()
    order = engine.order

    def noted(wires: Any) -> Any:
        begun.set()
        return order(wires)

    engine.order = noted  # type: ignore[method-assign]

    wires = [node.sign("plant", SHOW) for _ in range(count)]

    async def offered() -> tuple[bool, bytes]:
        answer = node.operator.admission.offer(wires)
        return begun.wait(wait_s), await answer

    before, answer = node.run(offered())
    assert answer.count(b'"code":"ok"') >= count
    return before


def test_one_transaction_waits_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa.node.limits.LOOP_TURN_MAX_S", 30)
    with world(tmp_path) as node:
        assert ordered_while_the_loop_stands(node, 1, 10)


def test_many_let_the_loop_take_in_what_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa.node.limits.LOOP_TURN_MAX_S", 30)
    with world(tmp_path) as node:
        assert not ordered_while_the_loop_stands(node, LOOP_TURN_AT, 0.5)


def test_a_loop_that_stands_stops_no_writer(tmp_path: Path) -> None:
    with world(tmp_path) as node:
        assert ordered_while_the_loop_stands(node, LOOP_TURN_AT, 10)
