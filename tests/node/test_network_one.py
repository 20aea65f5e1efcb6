"""One validator's node with the real engine: a transaction's way, ticks, restarts, its routes."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.apps.consortium.messages import Attest
from hansa.client import engine_answers
from hansa.engines.cometbft import admission
from hansa.kernel import Release, encode
from hansa.kernel.active import Outdated
from hansa.kernel.canonical import decode
from hansa.kernel.commit import counted
from hansa.kernel.evidence import SignedHeader, stands_on_its_commit
from hansa.node import limits as node_limits
from hansa.node.server import now_ms
from tests.kernel.room import ROOM, Lend, Register
from tests.node.network_world import One, folders, running, until
from tests.node.world import JSON

ATTEST = Attest(table="consortium.members", key=("maker",))
RELEASE = Release([CONSORTIUM, ROOM])


def found(node: One, transaction: str) -> Any:
    """Its receipt, by the ledger."""
    with node.network.reader.snapshot() as reading:
        return msgspec.to_builtins(reading.find(transaction))


@pytest.fixture(scope="module")
def node(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[One]:
    root = tmp_path_factory.mktemp("one")
    (settings,) = folders(root, ("maker",), rooms=RELEASE.registry())
    with running([One(settings, engine_binary, release=RELEASE)]) as (one,):
        until(lambda: one.network.watch.answers())
        yield one


def test_a_transaction_is_answered_with_its_place_and_the_same_bytes_with_their_first_outcome(
    node: One,
) -> None:
    wire = node.sign(ATTEST)
    first = node.submit(wire)
    assert first.status_code == 200, first.text
    (receipt,) = first.json()["receipts"]
    assert receipt["code"] == "ok"
    assert receipt["height"] >= 1
    assert "acknowledgement" not in first.json()
    assert node.submit(wire).json() == first.json()
    assert found(node, receipt["transaction"]) == receipt


def test_what_cannot_count_is_refused_at_the_door_and_leaves_no_trace(node: One) -> None:
    before = node.network.height
    wire = node.sign(ATTEST)
    damaged = wire[:10] + bytes([wire[10] ^ 1]) + wire[11:]
    (wrong,) = node.submit(damaged).json()["receipts"]
    assert (wrong["code"], wrong.get("height", 0)) == ("kernel.wrong_signature", 0)
    (rubbish,) = node.submit(b"\x01" + bytes(80)).json()["receipts"]
    assert rubbish["code"] == "kernel.malformed"
    assert node.network.height == before
    assert node.submit(wire).json()["receipts"][0]["code"] == "ok"


def test_what_this_program_lacks_is_not_laid_at_the_transaction(
    node: One, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = node.sign(ATTEST)

    def too_old(*_: object) -> None:
        raise Outdated(rules=9, limit=2)

    with monkeypatch.context() as patch:
        patch.setattr(admission, "check", too_old)
        answer = node.submit(wire)
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "kernel.outdated"
    assert node.submit(wire).json()["receipts"][0]["code"] == "ok"


def test_a_head_stands_on_a_commit_that_counts(node: One) -> None:
    (receipt,) = node.submit(node.sign(ATTEST)).json()["receipts"]

    def head() -> SignedHeader | None:
        found = decode(httpx2.get(f"{node.url}/v1/head").content, SignedHeader)
        return found if found is not None and found.header.height >= receipt["height"] else None

    shown = until(head)
    assert stands_on_its_commit(shown)
    assert shown.commit is not None
    said = httpx2.post(f"{node.url}/v1/engine", json={
        "jsonrpc": "2.0", "id": 1, "method": "validators",
        "params": {"height": str(shown.commit.header.height), "page": "1", "per_page": "100"},
    })  # fmt: skip
    seats, total = engine_answers.seats_of(engine_answers.reply_of(said.content))
    assert total == 1
    assert counted(shown.commit, seats, node.network.chain).holds
    by_height = decode(httpx2.get(f"{node.url}/v1/headers/{shown.header.height}").content, SignedHeader)
    assert by_height.header == shown.header
    assert stands_on_its_commit(by_height)


def test_the_engine_answers_joiners_what_is_served_and_nothing_else(node: One) -> None:
    def ask(body: bytes) -> httpx2.Response:
        return httpx2.post(f"{node.url}/v1/engine", content=body, headers=JSON)

    for method in ("status", "commit", "consensus_params", "validators"):
        said = ask(encode({"jsonrpc": "2.0", "id": 5, "method": method, "params": {}}))
        assert said.status_code == 200
        assert said.json()["id"] == 5
        assert "result" in said.json(), said.text
    for method in ("broadcast_tx_sync", "dump_consensus_state", "unsafe_flush_mempool", "abci_query", "x"):
        refused = ask(encode({"jsonrpc": "2.0", "id": 1, "method": method}))
        assert (refused.status_code, refused.json()["code"]) == (400, "engine.method_not_served")
    for body in (b"{}", b"[]", b"[" * 5_000, b"\xff", b'{"method":"status"}', b'{"method":5,"id":1}'):
        refused = ask(body)
        assert (refused.status_code, refused.json()["code"]) == (400, "engine.question_malformed"), body[:20]
    assert ask(b" " * 20_000).status_code == 413


def test_who_asks_the_engine_too_often_waits(node: One, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_limits, "ENGINE_ASKED_PER_S", 0)
    refused = httpx2.post(f"{node.url}/v1/engine", json={"jsonrpc": "2.0", "id": 1, "method": "status"})
    assert (refused.status_code, refused.json()["code"]) == (429, "engine.too_many_questions")


def test_seats_state_and_figures_are_shown(node: One) -> None:
    (seat,) = node.get("/v1/validators")["validators"]
    assert (seat["member"], seat["power"], seat["status"]) == ("maker", 1, "active")
    state = node.get("/v1/engine")
    assert state["answers"]
    assert state["height"] == node.network.height
    text = until(
        lambda: t if "cometbft_consensus_height" in (t := httpx2.get(f"{node.url}/metrics").text) else ""
    )
    for name in ("hansa_height", "hansa_engine_height", "hansa_final_height", "hansa_validators_silent 0.0"):
        assert name in text
    health = node.get("/health")
    assert health["ok"], health
    assert {check["name"] for check in health["checks"]} == {
        "blocked", "application", "engine", "blocks", "hash", "peers", "clock", "validators", "disk",
    }  # fmt: skip


def test_due_work_is_woken_by_a_tick_while_the_chain_rests(node: One) -> None:
    """No transaction but the node's own tick comes, and no empty block within the interval."""
    node.submit(node.sign(Register(tool="w-17")))
    until(lambda: node.network.watch.idle_s() > 1)
    due_ms = now_ms() + 3_000
    (receipt,) = node.submit(node.sign(Lend(tool="w-17", borrower="plant", due_ms=due_ms))).json()["receipts"]
    assert receipt["code"] == "ok"
    until(lambda: overdue(node, receipt["height"]))
    with node.network.reader.snapshot() as reading:
        later = range(receipt["height"] + 1, reading.height + 1)
        wires = [wire for height in later for wire in reading.items("transaction", height)]
        assert reading.leaf(overdue(node, receipt["height"])).time_ms >= due_ms
    assert wires
    assert all(b"consortium.tick" in wire for wire in wires)
    assert node.network.watch.idle_s() < node.settings.engine.empty_block_interval_s


def overdue(node: One, after: int) -> int:
    """The height at which a loan was called overdue; 0: at none yet."""
    with node.network.reader.snapshot() as reading:
        for height in range(after + 1, reading.height + 1):
            if any(b"toolcrib.overdue" in item for item in reading.items("event", height)):
                return height
    return 0


def test_an_engine_that_is_killed_is_seen_and_what_waited_is_handed_in_again(
    node: One, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.kill_engine()
    wire = node.sign(ATTEST)
    answers: list[httpx2.Response] = []
    sending = threading.Thread(target=lambda: answers.append(node.submit(wire)))
    sending.start()
    until(lambda: node.network.submission.waiting)
    monkeypatch.setattr(node_limits, "ENGINE_AWAY_MAX_S", 0)
    until(lambda: not node.network.watch.answers())
    health = httpx2.get(f"{node.url}/health")
    assert health.status_code == 503
    assert not next(c for c in health.json()["checks"] if c["name"] == "engine")["ok"]
    refused = node.submit(node.sign(ATTEST))
    assert (refused.status_code, refused.json()["code"]) == (503, "engine.away")
    assert "retry-after" in refused.headers
    node.start_engine()
    sending.join(60)
    assert answers[0].json()["receipts"][0]["code"] == "ok"
    until(lambda: httpx2.get(f"{node.url}/health").status_code == 200)


def test_node_and_engine_stop_and_go_on_where_they_were(node: One) -> None:
    (receipt,) = node.submit(node.sign(ATTEST)).json()["receipts"]
    height, app_hash = node.network.height, node.network.application.app_hash
    node.stop()
    node.start()
    assert (node.network.height, node.network.application.app_hash) == (height, app_hash)
    assert found(node, receipt["transaction"]) == receipt
    assert node.submit(node.sign(ATTEST)).json()["receipts"][0]["code"] == "ok"
