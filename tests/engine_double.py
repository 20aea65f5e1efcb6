"""Nodes of a network that say what a test has them say at `/v1/engine`, by a function or by real HTTP."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hansa.kernel.refusal import Refusal
from hansa.node.errors_joining import EngineSays

VERSION = "0.38.25"
NOW_MS = int(datetime(2026, 11, 22, 8, 0, tzinfo=UTC).timestamp() * 1_000)


@dataclass
class FakeNode:
    """One node. Its block of a height is `hash_of(height)`, until `forked` says otherwise."""

    network: str
    height: int = 100
    version: str = VERSION
    catching_up: bool = False
    clock_ms: int | None = NOW_MS
    listen: str = "tcp://127.0.0.1:26656"
    node_id: str = "a" * 40
    forked: dict[int, str] = field(default_factory=dict)
    earliest: int = 1
    validators: list[tuple[str, int]] = field(default_factory=list)
    refusal: Refusal | None = None

    def say(self, method: str, parameters: dict[str, Any]) -> Any:
        match method:
            case "status":
                return {
                    "node_info": {
                        "id": self.node_id.upper(), "listen_addr": self.listen, "network": self.network,
                        "version": self.version,
                    },
                    "sync_info": {
                        "latest_block_height": str(self.height),
                        "latest_block_time": "2026-11-22T08:00:00.123456789Z",
                        "earliest_block_height": str(self.earliest),
                        "catching_up": self.catching_up,
                    },
                }  # fmt: skip
            case "commit":
                height = int(parameters["height"])
                if not self.earliest <= height <= self.height:
                    raise EngineSays(url="-", detail=f"height {height} is not available")
                found = self.forked.get(height, hash_of(height))
                return {
                    "signed_header": {
                        "header": {"height": str(height)},
                        "commit": {"block_id": {"hash": found.upper()}},
                    }
                }
            case "validators":
                return {
                    "validators": [
                        {"address": address.upper(), "voting_power": str(power)}
                        for address, power in self.validators
                    ]
                }
        raise AssertionError(method)


def hash_of(height: int) -> str:
    return f"{height:064x}"


def asking(nodes: dict[str, FakeNode]) -> Any:
    """An Ask over these nodes, by URL."""

    def ask(url: str, method: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        node = nodes[url]
        if node.refusal is not None:
            raise node.refusal
        date = "" if node.clock_ms is None else formatdate(node.clock_ms / 1_000, usegmt=True)
        return node.say(method, parameters), date

    return ask


@contextlib.contextmanager
def serving(node: FakeNode, status: int = 200, body: bytes | None = None) -> Iterator[str]:
    """The URL of a server that speaks for a node; or answers every call with this status and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told, code = body, status
            if told is None:
                try:
                    said: dict[str, Any] = {"result": node.say(call["method"], call["params"])}
                except Refusal as refusal:
                    said, code = {"error": {"data": refusal.en}}, 500
                told = json.dumps({"jsonrpc": "2.0", "id": call["id"], **said}).encode()
            self.send_response(code)
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
