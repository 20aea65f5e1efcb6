"""Nodes of a network that say what a test has them say at `/v1/engine`, by a function or by real HTTP."""

import base64
import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hansa.kernel.commit import (
    ABSENT,
    Commit,
    EngineHeader,
    Precommit,
    Seat,
    header_hash,
    validators_hash,
)
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer
from hansa.node.errors_joining import EngineSays
from tests.client.network import voted

VERSION = "0.38.25"
NOW_MS = int(datetime(2026, 11, 22, 8, 0, tzinfo=UTC).timestamp() * 1_000)


@dataclass
class FakeNode:
    """One node. Its block of a height is `hash_of(height)`, or that of `commits`, unless it is `forked`."""

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
    commits: Callable[[int], Commit] | None = None

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
                if self.commits is not None and height not in self.forked:
                    return told_commit(self.commits(height))
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


def commit_at(
    chain: str,
    height: int,
    seats: Sequence[Seat],
    keys: dict[bytes, Signer],
    absent: Sequence[str] = (),
    app_hash: str = "00" * 32,
) -> Commit:
    """A block of an engine height with nothing in it, and the votes of these seats."""
    same = validators_hash(seats)
    header = EngineHeader(
        app_hash=app_hash, chain_id=chain[:50], consensus_hash="01" * 32, data_hash="02" * 32,
        evidence_hash="03" * 32, height=height, last_commit_hash="04" * 32, last_results_hash="05" * 32,
        next_validators_hash=same, proposer=seats[0].address, time_s=NOW_MS // 1_000, validators_hash=same,
        version_block=11,
    )  # fmt: skip
    return voted(header, seats, keys, absent)


def told_commit(commit: Commit) -> dict[str, Any]:
    """The `result` of RPC `commit`."""
    header = commit.header
    same = ("last_commit_hash", "data_hash", "validators_hash", "next_validators_hash", "consensus_hash",
            "app_hash", "last_results_hash", "evidence_hash")  # fmt: skip
    told = {name: getattr(header, name).upper() for name in same} | {
        "version": {"block": str(header.version_block), "app": str(header.version_app)},
        "chain_id": header.chain_id, "height": str(header.height),
        "time": _time(header.time_s, header.time_ns), "last_block_id": _block_id(header.last_block),
        "proposer_address": header.proposer.upper(),
    }  # fmt: skip
    votes = [_vote(vote) for vote in commit.votes]
    block = {"hash": header_hash(header).upper(), "parts": _parts(commit.parts)}
    signed = {"height": str(header.height), "round": commit.round, "block_id": block, "signatures": votes}
    return {"signed_header": {"header": told, "commit": signed}, "canonical": True}


def told_seat(seat: Seat) -> dict[str, Any]:
    """A validator in the `result` of RPC `validators`."""
    key = {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(seat.public).decode()}
    return {"pub_key": key, "voting_power": str(seat.power)}


def _time(seconds: int, nanoseconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"


def _block_id(block: Any) -> dict[str, Any]:
    if block is None:
        return {"hash": "", "parts": {"total": 0, "hash": ""}}
    return {"hash": block.hash.upper(), "parts": _parts(block.parts)}


def _parts(parts: Any) -> dict[str, Any]:
    return {"total": parts.total, "hash": parts.hash.upper()}


def _vote(vote: Precommit) -> dict[str, Any]:
    if vote.flag == ABSENT:
        return {
            "block_id_flag": 1,
            "validator_address": "",
            "timestamp": "0001-01-01T00:00:00Z",
            "signature": None,
        }
    return {
        "block_id_flag": vote.flag, "validator_address": vote.address.upper(),
        "timestamp": _time(vote.time_s, vote.time_ns), "signature": base64.b64encode(vote.signature).decode(),
    }  # fmt: skip


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
