"""Reading: who may, as of which height, under which parameters, and for how long."""

import asyncio
import concurrent.futures
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.messages import Attest
from hansa.kernel import Struct
from hansa.kernel.keys import Window
from hansa.kernel.state import Overlay
from hansa.kernel.types import Natural
from hansa.node import errors, parameters
from hansa.node.reads import Asker
from hansa.node.settings import Limits
from tests.node.world import World, call, world
from tests.waiting import until

SHOW = Attest(table="consortium.members", key=("maker",))


def test_an_answer_says_where_the_ledger_stood(node: World) -> None:
    token = node.session("bank")
    for _ in range(3):
        node.submit(node.sign("plant", SHOW))

    now = node.get("/v1/consortium/sequence?member=plant&key=k1", token)
    before = node.get("/v1/consortium/sequence?member=plant&key=k1&height=1", token)

    assert (now.json["height"], now.json["value"]) == (3, 3)
    assert (before.json["height"], before.json["value"]) == (1, 1)
    assert (now.headers["hansa-height"], before.headers["hansa-height"]) == ("3", "1")


def test_a_height_that_there_is_not_is_named(node: World) -> None:
    answer = node.get("/v1/consortium/members?height=7", node.session("bank"))

    assert (answer.status, answer.code) == (404, "node.height_unknown")


def test_what_members_read_is_closed_to_strangers(node: World) -> None:
    answer = node.get("/v1/consortium/sequence?member=plant&key=k1")

    assert (answer.status, answer.code) == (401, "node.session_needed")


def test_a_stranger_does_not_learn_whether_a_record_exists(node: World) -> None:
    there = node.get("/v1/consortium/calendar_of?member=plant&calendar=c1")
    nowhere = node.get("/v1/consortium/calendar_of?member=nobody&calendar=c1")

    assert there.body == nowhere.body


@pytest.mark.parametrize(
    ("touched", "caller", "allowed"),
    [
        ((), "", True),
        (("public",), "", True),
        (("public", "members"), "", False),
        (("parties",), "", False),
        (("owner",), "", False),
        (("public", "members", "parties"), "bank", True),
        (("owner",), "bank", False),
        (("owner", "members"), "maker", True),
    ],
)
def test_who_reads_follows_the_classes_of_what_was_read(
    node: World, touched: tuple[str, ...], caller: str, allowed: bool
) -> None:
    front = node.app.front
    session = front.sessions.find(node.session(caller)) if caller else None

    def check() -> None:
        for readers in touched:
            front.check_reader(readers, session)

    if allowed:
        check()
    else:
        with pytest.raises(errors.NotForYou if caller else errors.SessionNeeded):
            check()


def test_a_stranger_is_refused_before_anything_is_read(node: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    get, rows = Overlay.get, Overlay.rows
    monkeypatch.setattr(
        Overlay, "get", lambda own, table, *more: (read.append(table), get(own, table, *more))[1]
    )
    monkeypatch.setattr(
        Overlay, "rows", lambda own, table, *more: (read.append(table), rows(own, table, *more))[1]
    )

    assert node.get("/v1/consortium/members").code == "node.session_needed"
    assert "consortium.members" not in read
    assert node.get("/v1/consortium/members", node.session("bank")).status == 200
    assert "consortium.members" in read


def test_a_past_height_is_for_members(node: World) -> None:
    for _ in range(2):
        node.submit(node.sign("plant", SHOW))

    assert node.get("/v1/consortium/cosigners").status == 200
    assert node.get("/v1/consortium/cosigners?height=1").code == "node.session_needed"
    assert node.get("/v1/consortium/cosigners?height=1", node.session("bank")).status == 200


@pytest.mark.parametrize(
    "target",
    [
        "/v1/records?table=kernel.windows",
        "/v1/blocks/1/writes",
        "/v1/consortium/sequence?member=plant&key=k1",
    ],
)
def test_the_class_of_a_record_holds_on_every_way_to_it(
    node: World, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.submit(node.sign("plant", SHOW))
    bank, own = node.session("bank"), node.session("maker")
    assert node.get(target, bank).status == 200
    monkeypatch.setattr(Window, "readers", "owner")

    assert (node.get(target, bank).code, node.get(target, own).status) == ("node.not_for_you", 200)


@pytest.mark.parametrize(
    "target",
    [
        "/v1/blocks?from=1",
        "/v1/blocks/1/contents",
        "/v1/events",
        "/v1/proofs/transaction/1/0",
        "/v1/blocks/1/writes",
    ],
)
def test_what_lies_on_the_ledger_is_for_members(node: World, target: str) -> None:
    node.submit(node.sign("plant", SHOW))

    assert node.get(target).code == "node.session_needed"
    assert node.get(target, node.session("bank")).status == 200


def test_incidents_are_for_the_member_whose_node_it_is(node: World) -> None:
    own = node.get("/v1/incidents", node.session("maker"))
    other = node.get("/v1/incidents", node.session("plant"))

    assert (own.status, own.json) == (200, [])
    assert (other.status, other.code) == (403, "node.not_for_you")


def test_a_query_that_there_is_not_is_named(node: World) -> None:
    token = node.session("bank")

    assert node.get("/v1/consortium/nothing", token).code == "kernel.query_unknown"
    assert node.get("/v1/nowhere/members", token).code == "kernel.query_unknown"


@pytest.mark.parametrize(
    "pairs",
    ["member=plant", "member=plant&key=k1&key=k2", "member=plant&key=k1&x=1", "member=plant&key=k1&height=-1",
     "member=plant&key=k1&height=1.0", "member=plant&key=k1&height=1&height=1", "member=PLANT&key=k1"],
)  # fmt: skip
def test_parameters_that_do_not_fit_are_named(node: World, pairs: str) -> None:
    answer = node.get(f"/v1/consortium/sequence?{pairs}", node.session("bank"))

    assert answer.status == 400
    assert answer.code in ("kernel.query_arguments", "node.parameter_wrong")


class Inner(Struct):
    a: Natural


class Wanted(Struct):
    text: str
    number: int
    yes: bool
    numbers: list[int]
    maybe: int | None = None
    inner: Inner | None = None
    nested: tuple[tuple[int, str], ...] = ()


FULL = [("text", "5"), ("number", "-7"), ("yes", "true"), ("numbers", "1"), ("numbers", "2")]


def test_parameters_are_read_by_their_types() -> None:
    more = [("maybe", "3"), ("inner", '{"a":1}'), ("nested", '[[1,"x"]]')]

    assert parameters.read(Wanted, {}, [*FULL, *more]) == Wanted(
        text="5", number=-7, yes=True, numbers=[1, 2], maybe=3, inner=Inner(a=1), nested=((1, "x"),)
    )
    assert parameters.read(Wanted, {"text": "p"}, FULL[1:]).text == "p"


def test_a_list_of_which_nothing_is_given_is_empty() -> None:
    assert parameters.read(Wanted, {}, FULL[:3]).numbers == []


@pytest.mark.parametrize(
    ("name", "text"),
    [("number", "1.0"), ("number", " 1"), ("number", "1_0"), ("number", "0x1"), ("number", "01"),
     ("number", "٣"), ("number", "9007199254740992"), ("number", "1" * 5_000), ("number", ""),
     ("yes", "True"), ("yes", "1"), ("numbers", "x"), ("inner", "{"), ("inner", '{"a":-1}'),
     ("inner", "[" * 100_000), ("nested", "[[1]]"), ("none", "1")],
)  # fmt: skip
def test_a_parameter_of_another_type_is_refused_by_its_name(name: str, text: str) -> None:
    others = [pair for pair in FULL if pair[0] != name]

    with pytest.raises(errors.ParameterWrong) as refused:
        parameters.read(Wanted, {}, [*others, (name, text)])

    assert name in refused.value.en


def test_a_slow_read_holds_up_neither_the_others_nor_the_writer(tmp_path: Path) -> None:
    with world(tmp_path, Limits(readers=2, read_time_s=1)) as node:
        go = threading.Event()
        slow = asyncio.run_coroutine_threadsafe(node.app.front.reads.ask(lambda _: go.wait(20)), node.loop)

        token = node.session("bank")
        assert node.submit(node.sign("plant", SHOW)).status == 200
        assert node.get("/v1/consortium/members", token).json["height"] == 1
        with pytest.raises(errors.ReadSlow):
            slow.result(20)
        go.set()


def test_more_reads_than_may_wait_are_refused_with_a_time(tmp_path: Path) -> None:
    with world(tmp_path, Limits(readers=1, reads_waiting=2)) as node:
        token = node.session("bank")
        go = threading.Event()
        waiting = [
            asyncio.run_coroutine_threadsafe(node.app.front.reads.ask(lambda _: go.wait(20)), node.loop)
            for _ in range(2)
        ]
        assert until(lambda: node.app.front.reads._places.total() == 2, 10)

        answer = node.get("/v1/consortium/members", token)

        assert (answer.status, answer.code) == (429, "node.reads_busy")
        assert answer.headers["retry-after"] == "1"
        go.set()
        assert [one.result(20) for one in waiting] == [True, True]


BANK, PLANT = Asker("bank"), Asker("plant")


def asked(node: World, go: threading.Event, asker: Asker) -> "concurrent.futures.Future[Any]":
    """A read that lasts until `go`."""
    reads = node.app.front.reads
    before = reads._places[asker]
    found = asyncio.run_coroutine_threadsafe(reads.do(lambda: go.wait(20), asker), node.loop)
    assert until(lambda: reads._places[asker] > before, 10)
    return found


def test_one_member_has_neither_all_threads_nor_all_places(tmp_path: Path) -> None:
    with world(tmp_path, Limits(readers=2, reads_waiting=9, reads_member=3)) as node:
        bank, plant = node.session("bank"), node.session("plant")
        go = threading.Event()
        waiting = [asked(node, go, BANK) for _ in range(3)]

        assert node.get("/v1/consortium/members", plant).status == 200
        assert node.get("/v1/consortium/members", bank).code == "node.reads_busy"
        go.set()
        assert [one.result(20) for one in waiting] == [True] * 3
        assert node.get("/v1/consortium/members", bank).status == 200


def test_members_take_turns_for_the_threads(tmp_path: Path) -> None:
    done: list[str] = []
    with world(tmp_path, Limits(readers=1)) as node:
        go = threading.Event()
        first = asked(node, go, BANK)
        reads = node.app.front.reads
        rest = [
            asyncio.run_coroutine_threadsafe(reads.do(partial(done.append, asker.name), asker), node.loop)
            for asker in [BANK] * 4 + [PLANT] * 2
        ]
        assert until(lambda: reads._places.total() == 7, 10)
        go.set()
        for one in [first, *rest]:
            one.result(20)

    assert done == ["bank", "plant", "bank", "plant", "bank", "bank"]


@pytest.mark.parametrize(
    "target", ["/v1/head", "/v1/head?final=true", "/v1/handovers", "/v1/consortium/cosigners"]
)
def test_strangers_have_a_small_share_and_one_thread(tmp_path: Path, target: str) -> None:
    with world(tmp_path, Limits(readers=3, reads_strangers=8)) as node:
        plant = node.session("plant")
        go = threading.Event()
        one, other = (Asker(name, stranger=True) for name in ("127.0.0.1", "192.0.2.1"))
        waiting = [asked(node, go, one) for _ in range(2)]
        waiting += [asked(node, go, other) for _ in range(2)]

        assert node.app.front.reads._running.total() == 1
        refused = node.get(target)
        assert (refused.status, refused.code) == (429, "node.reads_busy")
        assert node.get(target, plant).status == 200
        go.set()
        assert [each.result(20) for each in waiting] == [True] * 4
        assert node.get(target).status == 200


def test_a_read_whose_time_is_over_while_it_waits_gives_its_place_back(tmp_path: Path) -> None:
    with world(tmp_path, Limits(readers=1, read_time_s=1)) as node:
        go = threading.Event()
        waiting = [asked(node, go, BANK), asked(node, go, PLANT)]
        for one in waiting:
            with pytest.raises(errors.ReadSlow):
                one.result(20)
        reads = node.app.front.reads
        assert dict(reads._places) == {BANK: 1}  # Its work goes on; the other never began.
        go.set()
        assert until(lambda: not reads._places, 10)
        assert node.get("/v1/head").status == 200


def test_a_receipt_is_found_by_the_transactions_name(node: World) -> None:
    token = node.session("bank")
    receipt = node.submit(node.sign("plant", SHOW)).json["receipts"][0]

    found = node.get(f"/v1/transactions/{receipt['transaction']}", token)
    nothing = node.get(f"/v1/transactions/{'0' * 64}", token)

    assert found.json == receipt
    assert (nothing.status, nothing.code) == (404, "node.receipt_unknown")


def test_blocks_are_waited_for(node: World) -> None:
    token = node.session("bank")
    target = "/v1/blocks?from=1&wait_ms=20000"
    headers = {"authorization": f"Bearer {token}"}
    waiting = asyncio.run_coroutine_threadsafe(call(node.app, "GET", target, headers), node.loop)

    node.submit(node.sign("plant", SHOW))

    found: Any = waiting.result(20)
    assert len(found.body) > 500
    assert node.get("/v1/blocks?from=2", token).body == b""


def test_records_come_page_by_page_and_as_of_a_height(node: World) -> None:
    token = node.session("bank")
    rows = []
    target = "/v1/records?table=consortium.members&limit=3"
    page = node.get(target, token).json
    while True:
        rows += page["records"]
        if "next" not in page:
            break
        page = node.get(f"{target}&after={page['next'].replace('+', '%2B')}", token).json
    node.submit(node.sign("plant", SHOW))

    whole = node.get("/v1/records?table=consortium.members", token).json["records"]
    windows = [
        node.get(f"/v1/records?table=kernel.windows&height={height}", token).json["records"]
        for height in (0, 1)
    ]

    assert rows == whole
    assert len(rows) == 4
    assert [len(found) for found in windows] == [0, 1]
    assert node.get("/v1/records?table=nothing", token).code == "node.table_unknown"
