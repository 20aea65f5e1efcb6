"""A node's HTTP API over an embedded engine: what the client may rely on, and faults at will.

It is not the shipped server; tests of that one are in tests/node. Here a test decides what goes wrong.
"""

import contextlib
import secrets
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import msgspec

from hansa.kernel import encode
from hansa.kernel.evidence import Acknowledgement, Promise, acknowledge
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import opening, verify
from tests.consortium import Consortium, signer

Fault = Callable[[httpx2.Request], httpx2.Response | None]
UNKNOWN = ("node.receipt_unknown", "账本上没有该交易。", "The ledger has no such transaction.")


class Nothing(msgspec.Struct):
    """The arguments of a query that there is not."""


class NodeDouble:
    """Answers as a node does. `faults` are asked first, each once; `seen` keeps what was asked."""

    def __init__(self, consortium: Consortium) -> None:
        self.consortium = consortium
        self.faults: list[Fault] = []
        self.seen: list[httpx2.Request] = []
        self.private: set[str] = set()
        self.name = "maker"
        self.tokens: set[str] = set()
        self.challenges: dict[str, tuple[str, str]] = {}
        self.session_ms = 3_600_000
        self.after_events: Callable[[], Iterator[bytes]] = lambda: iter(())

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        if self.faults:
            answer = self.faults.pop(0)(request)
            if answer is not None:
                return answer
        path = request.url.path
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if path in self.private and token not in self.tokens:
            return problem(401, "node.session_needed", "须先登录。", "Open a session first.")
        try:
            return self._answer(request, path.split("/")[2:])
        except Refusal as refusal:
            return problem(400, refusal.code, refusal.zh, refusal.en, field=refusal.field)

    def _answer(self, request: httpx2.Request, parts: list[str]) -> httpx2.Response:
        node, params = self.consortium.node, request.url.params
        match parts:
            case ["transactions"]:
                return self._submit(request)
            case ["transactions", name]:
                found = node.find(name)
                return problem(404, *UNKNOWN) if found is None else answer(found)
            case ["genesis"]:
                return httpx2.Response(200, content=node.genesis_bytes)
            case ["head"]:
                return answer(None if "final" in params else node.head())
            case ["handovers"]:
                return answer([])
            case ["proofs", kind, height, index]:
                return answer(node.prove(kind, int(height), int(index)))
            case ["events"]:
                return self._events(request)
            case ["sessions", "challenge"]:
                asked = msgspec.json.decode(request.read())
                challenge = secrets.token_bytes(32)
                self.challenges[encode(challenge).decode()] = (asked["member"], asked["key"])
                given = {"chain": node.chain.id, "node": self.name, "challenge": challenge, "expires_ms": 0}
                return answer(given)
            case ["sessions"]:
                return self._session(msgspec.json.decode(request.read()))
            case ["acknowledgements"]:
                return answer({})
            case [room, query]:
                return self._query(f"{room}.{query}", params)
        return problem(404, "node.route_unknown", "没有此路径。", "There is no such path.")

    def _submit(self, request: httpx2.Request) -> httpx2.Response:
        wires = split(request.read())
        receipts = self.consortium.node.submit(wires)
        items = tuple(
            Promise(r.transaction, r.code, r.height, r.index, r.app_hash) for r in receipts if r.height
        )
        chain = self.consortium.node.chain.id
        word = acknowledge(signer("maker", "node"), Acknowledgement(chain=chain, items=items))
        return answer({"acknowledgement": word, "receipts": receipts})

    def _query(self, name: str, params: httpx2.QueryParams) -> httpx2.Response:
        arguments: dict[str, Any] = {}
        for field in msgspec.structs.fields(self.consortium.registry.arguments(name) or Nothing):
            given = [int(text) if text.isdigit() else text for text in params.get_list(field.name)]
            many = "list" in str(field.type)
            if given or many:
                arguments[field.name] = given if many else given[0]
        arguments |= {name: text for name, text in params.items() if name not in (*arguments, "height")}
        node = self.consortium.node
        value = node.query(name, arguments)
        return answer({"height": node.height, "time_ms": node.time_ms, "value": value})

    def _events(self, request: httpx2.Request) -> httpx2.Response:
        params = request.url.params
        height, index = map(int, params["after"].split("."))
        limit = int(params.get("limit", "1000"))
        found = self.consortium.node.events_after(height, index, limit)
        envelopes = [envelope(*event) for event in found]
        if "limit" in params:
            return answer({"events": envelopes})

        def stream() -> Iterator[bytes]:
            yield b": hello\n\n"
            for one in envelopes:
                yield b"id: " + one["id"].encode() + b"\ndata: " + encode(one) + b"\n\n"
            yield from self.after_events()

        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Both(stream()))

    def _session(self, proof: dict[str, str]) -> httpx2.Response:
        text = encode(proof["challenge"]).decode()
        member, key = self.challenges.pop(text, ("", ""))
        challenge = msgspec.convert(proof["challenge"], bytes)
        signature = msgspec.convert(proof["signature"], bytes)
        public = signer(member, key).public
        message = opening(self.consortium.node.chain.id, self.name, challenge)
        if not member or not verify(1, public, signature, message):
            return problem(401, "node.challenge_unknown", "挑战无效。", "There is no such challenge.")
        token = secrets.token_hex(16)
        self.tokens.add(token)
        now_ms = time.time_ns() // 1_000_000
        return answer({"token": token, "expires_ms": now_ms + self.session_ms})


class Both(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body for either client, as it comes."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


def split(body: bytes) -> list[bytes]:
    if body[0] != 0:
        return [body]
    wires, at = [], 1
    while at < len(body):
        size = int.from_bytes(body[at : at + 4], "big")
        wires.append(body[at + 4 : at + 4 + size])
        at += 4 + size
    return wires


def envelope(height: int, index: int, data: bytes) -> dict[str, Any]:
    event = msgspec.json.decode(data)
    return {"specversion": "1.0", "id": f"{height}.{index}", "type": event["_type"], "data": event}


def answer(value: Any) -> httpx2.Response:
    return httpx2.Response(200, content=encode(value), headers={"content-type": "application/json"})


def problem(
    status: int, code: str, zh: str, en: str, *, field: str = "x", retry_after: str = ""
) -> httpx2.Response:
    body = {"code": code, "zh": zh, "en": en, "field": field, "status": status}
    headers = {"content-type": "application/problem+json"}
    if retry_after:
        headers["retry-after"] = retry_after
    return httpx2.Response(status, content=encode(body), headers=headers)


def lost(request: httpx2.Request) -> httpx2.Response:
    """The request does not arrive."""
    raise httpx2.ConnectError("connection refused", request=request)


def silent(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout("timed out", request=request)


def busy(seconds: str, code: str = "node.queue_full") -> Fault:
    """The node has no room."""
    return lambda request: problem(429, code, "排队已满。", "The queue is full.", retry_after=seconds)


class Handler(BaseHTTPRequestHandler):
    """Passes what comes in by a socket to a double, one request at a time."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # One packet for head and body, else the kernel waits between them.
    node: NodeDouble
    lock: threading.Lock

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length", "0")))
        url = f"http://{self.headers['host']}{self.path}"
        with self.lock:
            told = self.node(httpx2.Request(self.command, url, headers=dict(self.headers), content=content))
            body = told.read()
        self.send_response(told.status_code)
        self.send_header("content-type", told.headers.get("content-type", "text/plain"))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing: tests read what the double saw."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed."""


@contextlib.contextmanager
def serving(node: NodeDouble, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The double on a port of this machine."""
    handler = type("Bound", (Handler,), {"node": node, "lock": threading.Lock()})
    server = Server(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
