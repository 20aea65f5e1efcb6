"""Events over SSE: as they happen, exactly resumed, filtered, and cut off where nobody takes them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium.messages import Attest, RevokeKey
from hansa.engines import errors as engine_errors
from hansa.kernel import encode
from hansa.node import errors as node_errors
from hansa.node import limits
from hansa.node.settings import Limits, Retention
from tests.node.world import World, world

SHOW = Attest(table="consortium.members", key=("maker",))
SSE = "text/event-stream"


class Listener:
    """A request for events in the node's loop. `held`: takes nothing until told to."""

    def __init__(self, node: World, target: str, token: str, *, held: bool = False, **headers: str) -> None:
        self.node, self.text, self.status = node, b"", 0
        self.go = asyncio.Event()
        self.gone = asyncio.Event()
        if not held:
            self.go.set()
        path, _, query = target.partition("?")
        given = {"host": "localhost", "accept": SSE, "authorization": f"Bearer {token}", **headers}
        self.scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "path": path, "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
        }  # fmt: skip
        self.over = asyncio.run_coroutine_threadsafe(node.app(self.scope, self.receive, self.send), node.loop)

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        await self.go.wait()
        self.text += message.get("body", b"")

    def wait(self, done: Callable[[], bool]) -> None:
        async def until() -> None:
            async with asyncio.timeout(20):
                while not done():
                    await asyncio.sleep(0.005)

        self.node.run(until())

    @property
    def ids(self) -> list[str]:
        return [line[4:].decode() for line in self.text.splitlines() if line.startswith(b"id: ")]

    @property
    def events(self) -> list[Any]:
        return [
            msgspec.json.decode(line[6:]) for line in self.text.splitlines() if line.startswith(b"data: ")
        ]

    def release(self) -> None:
        self.node.loop.call_soon_threadsafe(self.go.set)

    def leave(self) -> None:
        self.node.loop.call_soon_threadsafe(self.gone.set)
        self.over.result(20)


def listening(node: World, target: str = "/v1/events", **more: Any) -> Listener:
    listener = Listener(node, target, more.pop("token", "") or node.session("bank"), **more)
    listener.wait(lambda: listener.status > 0 or listener.over.done())
    return listener


def shown(node: World, times: int = 1) -> None:
    for _ in range(times):
        assert node.submit(node.sign("plant", SHOW)).json["receipts"][0]["code"] == "ok"


def test_events_come_as_they_happen_in_their_envelope(node: World) -> None:
    shown(node)
    listener = listening(node)

    shown(node, 2)

    listener.wait(lambda: len(listener.ids) == 2)
    event = listener.events[0]
    assert listener.ids == ["2.0", "3.0"]
    assert b"event: kernel.attested\n" in listener.text
    assert event["specversion"] == "1.0"
    assert event["source"] == f"urn:hansa:{node.operator.chain}"
    assert (event["id"], event["type"]) == ("2.0", "kernel.attested")
    assert event["time"] == "2026-01-05T00:00:00.000Z"
    stored = node.operator.engine.events_after(1, 1_000, 1)[0][2]
    assert encode(event["data"]) == stored
    listener.leave()


@pytest.mark.parametrize("by_header", [True, False])
def test_a_listener_goes_on_exactly_where_it_was(node: World, by_header: bool) -> None:
    shown(node, 5)

    if by_header:
        listener = listening(node, last_event_id="2.0")
    else:
        listener = listening(node, "/v1/events?after=2.0")
    shown(node, 3)

    listener.wait(lambda: len(listener.ids) == 6)
    assert listener.ids == [f"{height}.0" for height in range(3, 9)]
    listener.leave()


def test_two_listeners_that_come_at_different_times_hear_the_same(node: World) -> None:
    first = listening(node, "/v1/events?after=0.-1")
    shown(node, 3)
    second = listening(node, "/v1/events?after=0.-1")
    shown(node, 2)

    for listener in (first, second):
        listener.wait(lambda one=listener: len(one.ids) >= 5)  # type: ignore[misc]
        assert listener.ids == [f"{height}.0" for height in range(1, 6)]
        listener.leave()


def test_what_was_read_from_the_ledger_is_not_told_again_as_news(node: World) -> None:
    """The ledger may be read further than the news had come."""
    broadcast = node.app.front.broadcast
    gate, read_on = asyncio.Event(), broadcast._read_on
    first = listening(node)

    async def late() -> None:
        await gate.wait()
        await read_on()

    broadcast._read_on = late  # type: ignore[method-assign]
    shown(node, 3)
    second = listening(node, "/v1/events?after=0.-1")
    second.wait(lambda: len(second.ids) == 3)
    node.loop.call_soon_threadsafe(gate.set)
    shown(node)

    second.wait(lambda: "4.0" in second.ids)
    assert second.ids == ["1.0", "2.0", "3.0", "4.0"]
    first.leave()
    second.leave()


def test_nothing_is_lost_while_nobody_listens(node: World) -> None:
    first = listening(node, "/v1/events?after=0.-1")
    shown(node, 2)
    first.wait(lambda: len(first.ids) == 2)
    first.leave()
    shown(node, 3)

    second = listening(node, f"/v1/events?after={first.ids[-1]}")
    shown(node)

    second.wait(lambda: len(second.ids) == 4)
    assert second.ids == ["3.0", "4.0", "5.0", "6.0"]
    second.leave()


def test_a_listener_may_ask_for_a_room_or_a_type_only(node: World) -> None:
    by_room = listening(node, "/v1/events?room=consortium")
    by_type = listening(node, "/v1/events?type=kernel.attested")

    shown(node)
    node.submit(node.sign("plant", RevokeKey(id="gateway-1")))
    shown(node)

    by_room.wait(lambda: len(by_room.ids) == 1)
    by_type.wait(lambda: len(by_type.ids) == 2)
    assert {event["type"] for event in by_room.events} == {"consortium.key_revoked"}
    assert {event["type"] for event in by_type.events} == {"kernel.attested"}
    by_room.leave()
    by_type.leave()


def test_a_listener_at_rest_hears_a_heartbeat(tmp_path: Path) -> None:
    with world(tmp_path, Limits(heartbeat_s=1)) as node:
        listener = listening(node)
        listener.wait(lambda: b": at rest\n\n" in listener.text)
        listener.leave()


def test_a_listener_that_falls_behind_is_cut_off_and_told_so(
    node: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RECENT_EVENTS_MAX", 4)
    slow = listening(node)
    shown(node)
    slow.wait(lambda: slow.ids == ["1.0"])
    node.loop.call_soon_threadsafe(slow.go.clear)
    shown(node, 11)
    slow.wait(lambda: node.app.front.broadcast.base > 4)

    slow.release()

    slow.over.result(20)
    assert b"too slow" in slow.text
    rest = node.get(f"/v1/events?after={slow.ids[-1]}", node.session("bank")).json["events"]
    assert slow.ids + [event["id"] for event in rest] == [f"{height}.0" for height in range(1, 13)]


def test_a_listener_that_takes_nothing_is_dropped(node: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SEND_TIME_MAX_S", 0.05)
    stuck = listening(node, held=True)

    stuck.over.result(20)

    assert node.app.front.broadcast._members.total() == 0


def test_listeners_are_bounded_in_all_and_per_member(tmp_path: Path) -> None:
    with world(tmp_path, Limits(listeners=3, listeners_per_member=2)) as node:
        bank, plant = node.session("bank"), node.session("plant")
        kept = [listening(node, token=bank), listening(node, token=bank)]
        per_member = node.get("/v1/events", bank, accept=SSE)
        kept.append(listening(node, token=plant))
        in_all = node.get("/v1/events", node.session("auditor"), accept=SSE)

        assert (per_member.status, per_member.code) == (429, "node.listeners_full")
        assert (in_all.status, in_all.code) == (429, "node.listeners_full")
        kept.pop().leave()
        listening(node, token=plant).leave()
        for one in kept:
            one.leave()


def test_a_listener_is_let_go_when_its_key_is_revoked(tmp_path: Path) -> None:
    with world(tmp_path, Limits(heartbeat_s=1)) as node:
        listener = listening(node, token=node.session("plant", "gateway-1"))

        node.submit(node.sign("plant", RevokeKey(id="gateway-1")))

        listener.over.result(20)


def test_listeners_end_when_the_node_stops(tmp_path: Path) -> None:
    with world(tmp_path) as node:
        listener = listening(node)
        node.loop.call_soon_threadsafe(node.app.front.end_streams)
        listener.over.result(20)


def test_a_list_of_events_ends_where_the_ledger_does(node: World) -> None:
    token = node.session("bank")
    shown(node, 3)

    first = node.get("/v1/events?limit=2", token).json
    rest = node.get(f"/v1/events?after={first['after']}", token).json
    end = node.get(f"/v1/events?after={rest['after']}", token).json

    assert [event["id"] for event in first["events"]] == ["1.0", "2.0"]
    assert [event["id"] for event in rest["events"]] == ["3.0"]
    assert (end["events"], end["after"]) == ([], "3.0")


@pytest.mark.parametrize("after", ["x", "1", "1.", ".1", "1.-2", "-1.0", "1.0.0", "1.0\n", "9" * 40 + ".0"])
def test_a_position_that_is_none_is_named(node: World, after: str) -> None:
    answer = node.get("/v1/events", node.session("bank"), **{"last-event-id": after})

    assert (answer.status, answer.code) == (400, "node.parameter_wrong")


def quiet(node: World, times: int) -> None:
    """Blocks without events."""
    for _ in range(times):
        answer = node.submit(node.sign("plant", Attest(table="consortium.members", key=("ghost",))))
        assert answer.json["receipts"][0]["height"] > 0
        assert answer.json["receipts"][0]["code"] != "ok"


def test_news_go_on_after_more_quiet_blocks_than_are_kept(tmp_path: Path) -> None:
    with world(tmp_path, retention=Retention(keep_blocks=2)) as node:
        listener = listening(node)
        shown(node)
        listener.wait(lambda: listener.ids == ["1.0"])
        quiet(node, 8)
        shown(node)

        listener.wait(lambda: len(listener.ids) == 2)
        assert listener.ids == ["1.0", "10.0"]
        listener.leave()


def test_a_place_that_is_no_longer_kept_is_gone_and_said_to_be(tmp_path: Path) -> None:
    with world(tmp_path, retention=Retention(keep_blocks=2)) as node:
        shown(node, 8)

        gone = node.get("/v1/events?after=2.0", node.session("bank"), accept=SSE)
        kept = listening(node, "/v1/events?after=6.0")

        assert (gone.status, gone.code) == (410, "engine.pruned")
        kept.wait(lambda: len(kept.ids) == 2)
        kept.leave()


def test_what_is_at_hand_is_told_though_the_disk_no_longer_has_it(tmp_path: Path) -> None:
    with world(tmp_path, retention=Retention(keep_blocks=2)) as node:
        first = listening(node)
        shown(node, 8)
        first.wait(lambda: len(first.ids) == 8)

        second = listening(node, "/v1/events?after=2.0")

        second.wait(lambda: len(second.ids) == 6)
        first.leave()
        second.leave()


@pytest.mark.parametrize(
    ("failure", "status"),
    [(OSError("input/output error"), 503), (engine_errors.DamagedOnDisk(cause="a record"), 503),
     (engine_errors.Pruned(height=1, what="event", first=5), 410)],
)  # fmt: skip
def test_listeners_are_told_when_the_ledger_cannot_be_read_and_may_come_back(
    node: World, monkeypatch: pytest.MonkeyPatch, failure: Exception, status: int
) -> None:
    reads, fails = node.app.front.reads, [True]
    ask = reads.ask
    told = listening(node)

    async def failing(*given: Any) -> Any:
        if fails and node.operator.height:
            fails.clear()
            raise failure
        return await ask(*given)

    monkeypatch.setattr(reads, "ask", failing)
    shown(node)
    told.over.result(20)
    problem = msgspec.json.decode(told.text.rpartition(b"event: problem\ndata: ")[2].strip())
    assert problem["status"] == status
    assert problem["zh"]

    back = listening(node, "/v1/events?after=0.-1")
    shown(node)
    back.wait(lambda: len(back.ids) == 2)
    assert back.ids == ["1.0", "2.0"]
    back.leave()


def test_a_listener_that_comes_back_waits_where_the_node_is_busy(
    node: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(node, 3)
    reads, busy = node.app.front.reads, [1, 2]
    ask = reads.ask
    token = node.session("bank")

    async def at_first(work: Any, asker: Any = None) -> Any:
        if "past" in work.__qualname__ and busy:
            busy.pop()
            raise node_errors.ReadsBusy(retry_s=1)
        return await ask(work, asker)

    monkeypatch.setattr(reads, "ask", at_first)
    back = listening(node, "/v1/events?after=1.0", token=token)
    back.wait(lambda: len(back.ids) == 2)
    assert not busy
    back.leave()


def test_the_last_word_says_why(tmp_path: Path) -> None:
    with world(tmp_path, Limits(heartbeat_s=1)) as node:
        revoked = listening(node, token=node.session("plant", "gateway-1"))
        node.submit(node.sign("plant", RevokeKey(id="gateway-1")))
        revoked.over.result(20)
        assert b": the session is over" in revoked.text
        stopped = listening(node)
        node.loop.call_soon_threadsafe(node.app.front.end_streams)
        stopped.over.result(20)
        assert b": the node stops" in stopped.text


def test_a_heartbeat_says_how_far_the_ledger_was_read(tmp_path: Path) -> None:
    """Else whoever waits for a rare event would come back to a place that is no longer kept."""
    with world(tmp_path, Limits(heartbeat_s=1)) as node:
        listener = listening(node, "/v1/events?type=consortium.key_revoked")
        shown(node, 3)
        listener.wait(lambda: b"id: 4.-1\n: at rest" in listener.text)
        listener.leave()


def test_head_of_a_stream_has_an_end(node: World) -> None:
    token = node.session("bank")
    answer = node.ask("HEAD", "/v1/events", headers={"accept": SSE, "authorization": f"Bearer {token}"})

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"].startswith(SSE)
    assert node.app.front.broadcast._members.total() == 0
