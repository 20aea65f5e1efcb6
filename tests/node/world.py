"""An operator's node for tests: in this process, called without sockets, or served on a free port."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from hansa.apps.rooms import registry, release
from hansa.client.keyfiles import write_key
from hansa.engines.folder import begin
from hansa.kernel import Action, encode, limits
from hansa.kernel.signatures import Signer, opening
from hansa.kernel.transaction import sign
from hansa.node import settings as files
from hansa.node.front import Front
from hansa.node.metrics import Metrics
from hansa.node.operator import Operator
from hansa.node.run import Handle, serve
from hansa.node.server import Node
from hansa.node.settings import Limits, Settings
from tests.consortium import START_MS, VirtualClock, genesis, signer

NODE_SEED = b"maker/node".ljust(32, b".")
OCTETS = {"content-type": "application/octet-stream"}
JSON = {"content-type": "application/json"}
DEFAULTS = Limits()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        assert self.headers["content-type"] == "application/problem+json", self.body
        return str(self.json["code"])


async def call(
    app: Any,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    parts: list[bytes] | None = None,
    silent: bool = False,
    client: str = "127.0.0.1",
) -> Answer:
    """One request by ASGI. `parts`: the body as it comes in; `silent`: and then nothing more comes."""
    parsed = urlsplit(target)
    given = {"host": "127.0.0.1:8420", **(headers or {})}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": _unquoted(parsed.path), "raw_path": parsed.path.encode(), "root_path": "",
        "query_string": parsed.query.encode(), "client": (client, 1), "server": ("127.0.0.1", 8420),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
    }  # fmt: skip
    waiting = [body] if parts is None else list(parts)
    answer = Answer(0, {}, b"")
    over = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if waiting:
            part = waiting.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(waiting) or silent}
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    await app(scope, receive, send)
    over.set()
    return answer


def _unquoted(path: str) -> str:
    from urllib.parse import unquote

    return unquote(path)


@dataclass
class World:
    """A node that runs, and members who sign."""

    app: Node
    operator: Operator
    clock: VirtualClock
    loop: asyncio.AbstractEventLoop
    sequences: dict[tuple[str, str], int] = field(default_factory=dict)

    def run(self, work: Any) -> Any:
        """Run a coroutine on the node's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def ask(self, method: str, target: str, **more: Any) -> Answer:
        answer: Answer = self.run(call(self.app, method, target, **more))
        return answer

    def get(self, target: str, token: str = "", **headers: str) -> Answer:
        own = {"authorization": f"Bearer {token}"} if token else {}
        return self.ask("GET", target, headers={**own, **headers})

    def post(self, target: str, value: Any, token: str = "") -> Answer:
        own = {"authorization": f"Bearer {token}"} if token else {}
        return self.ask("POST", target, headers={**JSON, **own}, body=encode(value))

    def sign(self, member: str, *actions: Action, key: str = "k1", sequence: int = 0, by: str = "") -> bytes:
        number = sequence or self.sequences.get((member, key), 0) + 1
        self.sequences[member, key] = max(number, self.sequences.get((member, key), 0))
        return sign(
            registry(), signer(by or member, key), chain=self.operator.chain, member=member, key=key,
            sequence=number, valid_until_ms=self.clock() + limits.HOUR_MS, actions=actions,
        )  # fmt: skip

    def submit(self, body: bytes, **headers: str) -> Answer:
        return self.ask("POST", "/v1/transactions", headers={**OCTETS, **headers}, body=body)

    def session(self, member: str, key: str = "k1") -> str:
        """A token, by the key's signature."""
        given = self.post("/v1/sessions/challenge", {"member": member, "key": key}).json
        challenge = msgspec.convert(given["challenge"], bytes)
        message = opening(given["chain"], given["node"], challenge)
        signature = signer(member, key).sign(message)
        opened = self.post("/v1/sessions", {"challenge": challenge, "signature": signature})
        assert opened.status == 200, opened.body
        return str(opened.json["token"])


def founded(folder: Path, **more: Any) -> Settings:
    """A data directory with its genesis file and node key; `more` goes into the settings."""
    folder.mkdir(parents=True, exist_ok=True)
    own = msgspec.structs.replace(genesis(registry()), node_public=Signer(NODE_SEED).public)
    begin(folder / files.LEDGER, encode(own), release())
    (folder / files.GENESIS).write_bytes(encode(own))
    if not (folder / files.NODE_KEY).exists():
        write_key(folder / files.NODE_KEY, NODE_SEED)
    return Settings(member="maker", directory=str(folder), log="warning", **more)


@contextmanager
def world(folder: Path, bounds: Limits = DEFAULTS, **more: Any) -> Iterator[World]:
    """An operator's node in this process, on a loop of its own thread."""
    settings = founded(folder, limits=bounds, **more)
    clock = VirtualClock()
    genesis_bytes = (folder / files.GENESIS).read_bytes()
    operator = Operator(settings, genesis_bytes, Signer(NODE_SEED), clock, Metrics())
    app = Node(Front(settings, operator, clock, operator.metrics))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    made = World(app, operator, clock, loop)
    living = app.router.lifespan_context(app)
    made.run(living.__aenter__())
    try:
        yield made
    finally:
        app.front.end_streams()
        made.run(living.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def served(settings: Settings, clock: Callable[[], int] = lambda: START_MS) -> Iterator[Handle]:
    """The node of a data directory on a real port, in a thread of this process."""
    handles: list[Handle] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            serve(settings, clock=clock, ready=handles.append)
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not handles and not failures and time.monotonic() < until:
        time.sleep(0.01)
    if failures:
        raise failures[0]
    try:
        yield handles[0]
    finally:
        handles[0].stop()
        thread.join(20)
        assert not thread.is_alive()
