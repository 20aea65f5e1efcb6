"""What strangers may ask a network node: few questions at a time, nothing that members tell each other."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

from hansa.node import limits
from hansa.node.metrics_network import ENGINE_BYTES_MAX, EngineMetrics
from tests.node.network_world import One, folders, running, until
from tests.node.world import JSON

STATUS = b'{"jsonrpc":"2.0","id":1,"method":"status"}'
NESTED = b'{"jsonrpc":"2.0","id":1,"method":"status","params":%s}'


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[One]:
    """A node whose engine was not started."""
    (settings,) = folders(tmp_path_factory.mktemp("asked"), ("maker",))
    with running([One(settings, None)]) as (one,):
        yield one


def ask(node: One, body: bytes) -> httpx2.Response:
    return httpx2.post(f"{node.url}/v1/engine", content=body, headers=JSON, timeout=30)


def test_few_questions_are_under_way_at_a_time(node: One, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow engine and many askers: nobody's connections to it pile up, the others come again."""
    let_go, passed_on = threading.Event(), []

    async def raw(body: bytes) -> bytes:
        if body.startswith(b"{"):  # The node's own looks are batches.
            passed_on.append(body)
            while not let_go.is_set():
                await asyncio.sleep(0.01)
        return b'{"jsonrpc":"2.0","id":1,"result":{}}'

    monkeypatch.setattr(node.network.rpc, "raw", raw)
    many = 3 * limits.ENGINE_ASKED_AT_ONCE
    with ThreadPoolExecutor(many) as pool:
        asked = [pool.submit(ask, node, STATUS) for _ in range(many)]
        try:
            until(lambda: sum(one.done() for one in asked) == many - limits.ENGINE_ASKED_AT_ONCE)
            assert len(passed_on) == limits.ENGINE_ASKED_AT_ONCE
        finally:
            let_go.set()
        answers = [one.result() for one in asked]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) == many - limits.ENGINE_ASKED_AT_ONCE
    assert {(one.status_code, one.json()["code"], one.headers["retry-after"]) for one in refused} == {
        (429, "node.reads_busy", "1")
    }
    assert ask(node, STATUS).status_code == 200


def test_no_stranger_reads_blocks(node: One) -> None:
    """Transactions are for members; a session shows who is one."""
    for method in ("block", "block_by_hash", "block_results", "blockchain", "tx", "unconfirmed_txs"):
        refused = ask(node, b'{"jsonrpc":"2.0","id":1,"method":"%s"}' % method.encode())
        assert (refused.status_code, refused.json()["code"]) == (400, "engine.method_not_served"), method
    assert httpx2.get(f"{node.url}/v1/blocks").status_code == 401


@pytest.mark.parametrize("body", [
    b'{"jsonrpc":"2.0","id":%d,"method":"status"}' % 10**30,
    b'{"jsonrpc":"2.0","id":1,"method":"status","params":{"height":%d}}' % 10**30,
    b'{"jsonrpc":"2.0","id":1,"method":"status","params":{"height":1e999}}',
    b'{"jsonrpc":"2.0","id":"\\ud800","method":"status"}',
    *(NESTED % (b"[" * depth + b"]" * depth) for depth in (200, 900, 1_500, 7_000)),
    *(NESTED % (b'{"a":' * depth + b"1" + b"}" * depth) for depth in (200, 900, 2_500)),
    b'{"jsonrpc":"2.0","id":1,"method":"commit","params":{"height":"-1"}}',
    b'{"jsonrpc":"2.0","id":1,"method":"validators","params":{"page":"999999999999","per_page":"0"}}',
    b'{"jsonrpc":"2.0","id":true,"method":"status"}',
    b'[{"jsonrpc":"2.0","id":1,"method":"status"},{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async"}]',
])  # fmt: skip
def test_odd_questions_are_refused_or_passed_on_and_end_nothing(
    node: One, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(limits, "ENGINE_ASKED_PER_S", 1_000)

    async def raw(question: bytes) -> bytes:
        return b'{"jsonrpc":"2.0","id":1,"result":{}}'

    monkeypatch.setattr(node.network.rpc, "raw", raw)
    answer = ask(node, body)
    assert answer.status_code == 200 or answer.json()["code"] == "engine.question_malformed", answer.text


@contextmanager
def figures(told: bytes) -> Iterator[tuple[int, list[str]]]:
    """The port of an engine's figures, and what was fetched from it."""
    fetched: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fetched.append(self.path)
            self.send_response(200)
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_address[1], fetched
    finally:
        server.shutdown()
        server.server_close()


async def asked(port: int, peers: tuple[str, ...] = (), times: int = 1) -> list[bytes]:
    engine = EngineMetrics(port, peers)
    found = await asyncio.gather(*(engine.text() for _ in range(times)))
    found.append(await engine.text())
    await engine.close()
    return found


def test_figures_of_the_engine_are_fetched_once_for_all_who_ask() -> None:
    with figures(b"up 1\n") as (port, fetched):
        assert asyncio.run(asked(port, times=50)) == [b"up 1\n"] * 51
        assert len(fetched) == 1


def test_strangers_under_ever_new_names_crowd_out_no_figure() -> None:
    """The engine keeps figures of every peer it ever had."""
    strangers = b"".join(
        b'cometbft_p2p_peer_send_bytes_total{chID="0x%d",peer_id="%040x"} 1\n' % (channel, name)
        for name in range(5_000)
        for channel in range(4)
    )
    own = b'cometbft_p2p_num_txs{peer_id="%s"} 7\n' % (b"a" * 40)
    last = b"cometbft_p2p_peers 3\ncometbft_state_x 1\n"
    assert len(strangers) > ENGINE_BYTES_MAX
    with figures(b"# HELP up\n" + own + strangers + last) as (port, _):
        assert asyncio.run(asked(port, ("a" * 40,)))[0] == b"# HELP up\n" + own + last
    with figures(b"x 1\n" * ENGINE_BYTES_MAX) as (port, _):
        assert 0 < len(asyncio.run(asked(port))[0]) <= ENGINE_BYTES_MAX
