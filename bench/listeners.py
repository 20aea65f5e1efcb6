"""A thousand listeners to events, one event a second to each: what they cost the node."""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.ground import Ground, running, signer
from bench.measure import Row
from hansa.apps.consortium.messages import Attest
from hansa.apps.rooms import registry
from hansa.client import Client
from hansa.client.http import Http

LONG = True
LISTENERS = 1_000
SECONDS = 20
SETTLE_S = 3


class Plan(msgspec.Struct):
    port: int
    authorization: str
    count: int


class Listener(asyncio.Protocol):
    """One connection. It counts events by the lines that carry their ids."""

    def __init__(self, request: bytes) -> None:
        self.request, self.events, self.tail = request, 0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        text = self.tail + data
        self.events += text.count(b"\nid:")
        self.tail = text[-3:]


async def listen(plan: Plan) -> None:
    """Open all, say so, count until standard input ends, and print how many events each heard."""
    request = (
        f"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nAccept: text/event-stream\r\n"
        f"Authorization: {plan.authorization}\r\n\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    listeners = []
    for _ in range(plan.count):
        listener = Listener(request)
        await loop.create_connection(lambda listener=listener: listener, "127.0.0.1", plan.port)
        listeners.append(listener)
    while not all(listener.tail for listener in listeners):
        await asyncio.sleep(0.01)  # Until the node has answered each: from then on it hears all.
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    heard = [listener.events for listener in listeners]
    print(msgspec.json.encode([min(heard), max(heard)]).decode(), flush=True)


class Voice:
    """A member who brings about one event a second."""

    def __init__(self, ground: Ground) -> None:
        who = {"member": "bank", "key": "k0", "signer": signer("bank", "k0")}
        self.http = Http(f"http://127.0.0.1:{ground.port}", **who)
        self.client = Client(
            self.http, registry(), clock=lambda: time.time_ns() // 1_000_000, sequence=0, **who
        )
        self.http.open_session()
        self.spoken = 0

    def speak(self, seconds: int) -> None:
        start = time.monotonic()
        for number in range(seconds):
            self.client.do(Attest(table="consortium.members", key=("bank",)))
            self.spoken += 1
            time.sleep(max(0.0, start + number + 1 - time.monotonic()))


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name, running(Path(name), keys=8) as ground:
        voice = Voice(ground)
        voice.speak(SETTLE_S)
        before_s, before_mb = ground.cpu_s(), ground.rss_mb()
        voice.speak(SECONDS)
        without_s, without_mb = ground.cpu_s() - before_s, max(before_mb, ground.rss_mb())
        plan = Plan(ground.port, voice.http.api.headers()["authorization"], LISTENERS)
        child = subprocess.Popen(
            [sys.executable, "-m", "bench.listeners", msgspec.json.encode(plan).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        voice.speak(SETTLE_S)
        before_s = ground.cpu_s()
        voice.speak(SECONDS)
        with_s, with_mb = ground.cpu_s() - before_s, ground.rss_mb()
        time.sleep(SETTLE_S)
        out, _ = child.communicate(b"")
        least, most = msgspec.json.decode(out, type=tuple[int, int])
        due = SETTLE_S + SECONDS
        heard = f"each heard {least}–{most} of {due} events"
        cores = (with_s - without_s) / SECONDS
        yield Row(f"{LISTENERS:,} listeners, CPU more than without", cores, "core", 0.2, detail=heard)
        yield Row(f"{LISTENERS:,} listeners, memory more than without", with_mb - without_mb, "MB", 150)
        missing = LISTENERS * due if (least, most) != (due, due) else 0
        yield Row("events that a listener missed", missing, "events", 0)


if __name__ == "__main__":
    asyncio.run(listen(msgspec.json.decode(sys.argv[1], type=Plan)))
