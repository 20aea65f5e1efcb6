"""The load generator: a process that sends prepared transactions over HTTP and accounts for each.

`python -m bench.load PLAN` reads a Plan (JSON) and prints a Tally (JSON). One connection sends for one key,
in the order of its sequence numbers; what is refused with a retry time is sent again, the same bytes.
"""

import asyncio
import base64
import gc
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from bench.measure import cpu_s
from hansa.kernel.transaction import join

WARM_S = 5
"""What is answered earlier does not count for the steady rate: the first answers take their time."""
RETRY_AT_LEAST_S = 0.05
"""A connection in an overload asks again no sooner, whatever the plan's rate is."""
ANSWER_BYTES_MAX = 2**24
FULL = "mempool is full"
"""An engine's word for a transaction that it does not take now, at its RPC."""


class Plan(msgspec.Struct):
    """What to send. `wires`: a file of `bench.wires`, one list of transactions per connection."""

    host: str
    port: int
    wires: str
    per_request: int
    seconds: float
    rate_per_s: float = 0
    """Requests a second over all connections, at even distances; 0: each sends when it has its answer."""
    patient: bool = True
    """Whether a refused request waits for its retry time, or is sent again at its connection's next slot."""
    ports: tuple[int, ...] = ()
    """Several nodes, whose connections take turns; empty: `port` alone."""
    watched: tuple[tuple[int, ...], ...] = ()
    """Groups of processes whose CPU time is told for the steady time: `Tally.steady_cores`."""
    rpc: bool = False
    """Transactions go straight to an engine's RPC, one by one; an answer then says that one may wait."""


class Tally(msgspec.Struct):
    """What became of it: `requests` = all `statuses` + `resets` + `lost`."""

    seconds: float
    requests: int
    statuses: dict[str, int]
    """Answers by HTTP status."""
    resets: int
    """Requests whose connection ended before the answer. The same bytes are sent again."""
    unconnected: int
    """Connections that could not be opened."""
    codes: dict[str, int]
    """Transactions answered, by the code of their receipt."""
    steady_per_s: float
    """Transactions answered a second between WARM_S and the end of sending."""
    steady_cores: tuple[float, ...]
    """Cores that each group of watched processes used meanwhile: connections are made before."""
    refused: int
    """Answers 429 or 503 with a retry time."""
    unsaid: int
    """Refusals without a retry time, and answers of any other kind."""
    lost: int
    """Requests sent whose answer never came, though the connection stood."""
    used: list[int]
    """Per connection: transactions that have an outcome."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    worst_ms: float
    late_p99_ms: float
    """How late the generator itself sent: where it is large the figures say more of the generator."""
    cpu_s: float


class Sender(asyncio.Protocol):
    """One connection: one request at a time, prepared bytes, the least reading of the answer."""

    def __init__(self, run: "Run", number: int, wires: Sequence[bytes]) -> None:
        self.run, self.number, self.wires = run, number, wires
        self.at = 0
        self.sent_at = self.due_at = 0.0
        self.busy = False
        self.answer = bytearray()
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.busy:
            self.busy = False
            self.run.resets += 1
            self.run.again(self, RETRY_AT_LEAST_S)

    def send(self) -> None:
        wires = self.wires[self.at : self.at + self.run.plan.per_request]
        if not wires or self.run.over:
            return
        if self.transport is None:
            self.run.connect(self)
            return
        body = self.run.body(wires)
        self.busy = True
        self.sent_at = time.perf_counter()
        self.run.late.append(self.sent_at - self.due_at)
        self.run.requests += 1
        self.transport.write(self.run.head + b"%d\r\n\r\n" % len(body) + body)

    def data_received(self, data: bytes) -> None:
        self.answer += data
        end = self.answer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.answer[:end]).lower()
        length = int(_header(head, b"content-length") or -1)
        if length < 0 or length > ANSWER_BYTES_MAX:
            raise SystemExit(f"an answer without a length: {head[:200]!r}")
        if len(self.answer) < end + 4 + length:
            return
        body = bytes(self.answer[end + 4 : end + 4 + length])
        self.answer.clear()
        if self.busy:
            self.busy = False
            self.run.answered(self, head, body)


def _header(head: bytes, name: bytes) -> str:
    at = head.find(b"\r\n" + name + b":")
    if at < 0:
        return ""
    start = at + len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip().decode()


class _Receipt(msgspec.Struct):
    code: str


class _Answer(msgspec.Struct):
    receipts: list[_Receipt]


class Run:
    """All connections of one plan."""

    def __init__(self, plan: Plan, wires: list[list[bytes]]) -> None:
        self.plan = plan
        self.ports = plan.ports or (plan.port,)
        path, kind = ("/", "json") if plan.rpc else ("/v1/transactions", "octet-stream")
        self.head = (
            f"POST {path} HTTP/1.1\r\nHost: {plan.host}\r\n"
            f"Content-Type: application/{kind}\r\nContent-Length: "
        ).encode()
        self.senders = [Sender(self, number, wires_) for number, wires_ in enumerate(wires)]
        self.statuses: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.requests = self.refused = self.unsaid = self.resets = self.unconnected = 0
        self.took: list[float] = []
        self.late: list[float] = []
        self.over = False
        self.cores: tuple[float, ...] = ()
        self.tasks: set[asyncio.Task[None]] = set()
        self.loop = asyncio.get_running_loop()
        self.decoder = msgspec.json.Decoder(_Answer)

    def body(self, wires: Sequence[bytes]) -> bytes:
        if not self.plan.rpc:
            return join(wires)
        tx = base64.b64encode(wires[0]).decode()
        return f'{{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{{"tx":"{tx}"}}}}'.encode()

    def receipts(self, body: bytes) -> list["_Receipt"]:
        if not self.plan.rpc:
            return self.decoder.decode(body).receipts
        told = msgspec.json.decode(body)
        if told.get("result", {}).get("code") == 0:
            return [_Receipt("ok")]
        return [_Receipt(FULL if FULL in str(told.get("error")) else "refused")]

    def connect(self, sender: Sender) -> None:
        self.tasks.add(task := self.loop.create_task(self._connect(sender)))
        task.add_done_callback(self.tasks.discard)

    def port(self, sender: Sender) -> int:
        return self.ports[sender.number % len(self.ports)]

    async def _connect(self, sender: Sender) -> None:
        sender.answer.clear()
        try:
            await self.loop.create_connection(lambda: sender, self.plan.host, self.port(sender))
        except OSError:
            self.unconnected += 1
            self.again(sender, RETRY_AT_LEAST_S)
        else:
            sender.send()

    def answered(self, sender: Sender, head: bytes, body: bytes) -> None:
        now = time.perf_counter()
        status = head[9:12].decode()
        self.statuses[status] += 1
        if status == "200":
            # From the time at which it was due: what waited behind a slow answer counts as waiting.
            self.took.append(now - sender.due_at)
            receipts = self.receipts(body)
            self.codes.update(receipt.code for receipt in receipts)
            sender.at += len(receipts)
            self.next(sender, now)
            return
        wait = _header(head, b"retry-after")
        if status in ("429", "503") and wait.isdigit():
            self.refused += 1
        else:
            self.unsaid += 1
        if self.plan.patient:
            self.again(sender, max(int(wait or 1), RETRY_AT_LEAST_S))
        else:
            self.next(sender, now)

    def next(self, sender: Sender, now: float) -> None:
        """The connection's next slot, or at once."""
        if self.plan.rate_per_s:
            sender.due_at += len(self.senders) / self.plan.rate_per_s
            if sender.due_at > now:
                self.loop.call_later(sender.due_at - now, sender.send)
                return
        else:
            sender.due_at = now
        self.loop.call_soon(sender.send)

    def again(self, sender: Sender, seconds: float) -> None:
        sender.due_at = time.perf_counter() + seconds
        self.loop.call_later(seconds, sender.send)

    async def go(self) -> Tally:
        for sender in self.senders:
            port = self.port(sender)
            await self.loop.create_connection(lambda sender=sender: sender, self.plan.host, port)
        start, used = time.perf_counter(), time.process_time()
        for number, sender in enumerate(self.senders):
            wait = number / self.plan.rate_per_s if self.plan.rate_per_s else 0.0
            sender.due_at = start + wait
            self.loop.call_later(wait, sender.send)
        warm, begun, before = 0, start, self.watched_s()
        while (now := time.perf_counter()) < start + self.plan.seconds and any(
            sender.at < len(sender.wires) for sender in self.senders
        ):
            if now < start + WARM_S:
                warm = sum(self.codes.values())
            elif begun == start:
                begun, before = now, self.watched_s()
            await asyncio.sleep(0.01)
        self.over = True
        seconds = time.perf_counter() - start
        codes_in_time = Counter(self.codes)
        steady = (sum(codes_in_time.values()) - warm) / max(0.01, seconds - WARM_S)
        took = time.perf_counter() - begun
        self.cores = tuple((b - a) / took for a, b in zip(before, self.watched_s(), strict=True))
        until = time.perf_counter() + 30
        while time.perf_counter() < until and any(sender.busy for sender in self.senders):
            await asyncio.sleep(0.01)
        return self.tally(seconds, codes_in_time, steady, time.process_time() - used)

    def watched_s(self) -> list[float]:
        return [sum(map(cpu_s, group)) for group in self.plan.watched]

    def tally(self, seconds: float, codes_in_time: Counter[str], steady: float, cpu_s: float) -> Tally:
        took = sorted(self.took) or [0.0]
        late = sorted(self.late) or [0.0]
        # What came in after the end was not committed within the time, but it is no loss.
        seconds *= sum(self.codes.values()) / max(1, sum(codes_in_time.values()))
        return Tally(
            seconds=seconds,
            requests=self.requests,
            statuses=dict(self.statuses),
            resets=self.resets,
            unconnected=self.unconnected,
            codes=dict(self.codes),
            steady_per_s=steady,
            steady_cores=self.cores,
            refused=self.refused,
            unsaid=self.unsaid,
            lost=sum(sender.busy for sender in self.senders),
            used=[sender.at for sender in self.senders],
            p50_ms=1e3 * statistics.median(took),
            p95_ms=1e3 * took[len(took) * 95 // 100],
            p99_ms=1e3 * took[len(took) * 99 // 100],
            worst_ms=1e3 * took[-1],
            late_p99_ms=1e3 * late[len(late) * 99 // 100],
            cpu_s=cpu_s,
        )


def generate(plan: Plan, folder: Path) -> Tally:
    """Run a plan in a process of its own and return its tally."""
    path = folder / "plan.json"
    path.write_bytes(msgspec.json.encode(plan))
    done = subprocess.run([sys.executable, "-m", "bench.load", str(path)], check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=Tally)


async def _main(plan: Plan) -> Tally:
    wires = msgspec.msgpack.decode(Path(plan.wires).read_bytes(), type=list[list[bytes]])
    gc.freeze()
    return await Run(plan, wires).go()


if __name__ == "__main__":
    given = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    sys.stdout.write(msgspec.json.encode(uvloop.run(_main(given))).decode() + "\n")
