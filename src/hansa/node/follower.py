"""A member's follower: its own copy of the ledger, executed and compared block by block, served and cosigned.

`hansa follow URL`. It answers the same reads as the operator's node from its own copy, passes transactions on
to the operator, looks for what clients were promised, compares heads with the other members' nodes.
"""

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx2

from hansa.apps import rooms
from hansa.client import errors as client_errors
from hansa.client.aio import read_within
from hansa.client.case import Case
from hansa.client.http import Http, tls_context
from hansa.client.keyfiles import read_key
from hansa.engines import foreign_rooms
from hansa.engines.following import Following
from hansa.engines.ledger import Keep
from hansa.engines.reader import Reader
from hansa.engines.restoring import restore_snapshot
from hansa.kernel import Refusal, Release, limits
from hansa.kernel.apply import Incident
from hansa.kernel.signatures import Signer
from hansa.node import errors_follower as errors
from hansa.node import metrics_follower
from hansa.node import settings as files
from hansa.node.casebook import Casebook
from hansa.node.copying import Copying, Hooks
from hansa.node.cosigner import Cosigner
from hansa.node.cosigning import FILE as COSIGNATURES
from hansa.node.cosigning import Cosignatures
from hansa.node.errors import FileMissing
from hansa.node.follower_checks import checks_of, incidents_of
from hansa.node.front import Front
from hansa.node.incidents import Noted
from hansa.node.investigation import set_aside
from hansa.node.logs import note, start_logging
from hansa.node.member import Answer, Check, Cosigned, Promised
from hansa.node.metrics import Metrics
from hansa.node.neighbours import addresses, ca_of, operator_of, way_to
from hansa.node.network_run import check_no_network
from hansa.node.peers import Peers
from hansa.node.private import private
from hansa.node.projector import projecting
from hansa.node.promise_watch import PromiseWatch
from hansa.node.promises import FILE as PROMISES
from hansa.node.promises import Promises
from hansa.node.run import listen, run
from hansa.node.scrubber import scrubbing
from hansa.node.server import Node, now_ms
from hansa.node.settings import Settings, check
from hansa.node.upstream import HttpUpstream, Upstream
from hansa.node.watchdog import Watchdog

CASES = "cases"
MEMBER_KEY = "member.key"
FETCH_TIMEOUT_S = 60
PEER_TIMEOUT_S = 5
PEER_BYTES_MAX = 2**20
PASS_ON_TIMEOUT_S = 60
PASS_ON_BYTES_MAX = 16 * 2**20
"""Of the operator's answer to transactions: receipts of the most that one request may hold are smaller."""
PASS_ON_CONNECTIONS_MAX = 64
SKEW_QUERY, SKEW_PARAMETER = "consortium.parameters", "header_skew_ms"
TELL_EVERY_S = 0.2
"""While it catches up, listeners are told of new blocks no more often."""
SKEW_EVERY = 64
"""Blocks after which the parameter is looked up again."""


@dataclass(frozen=True)
class Word:
    """What the member says to its follower as it starts."""

    retry: bool = False
    """Machine and clock are right: take the block that stopped it twice, or was dated back."""
    set_aside: str = ""
    """File name of a case that is to keep it from cosigning no longer."""
    person: str = ""
    """Who says so."""


NO_WORD = Word()

Connect = Callable[[str, str, float], Upstream]
"""(member or "" for the operator, url, timeout in s) → the connection."""


@dataclass(frozen=True)
class Keys:
    """What a follower signs with: headers, and sessions at other nodes."""

    node: Signer
    session: Signer


class Follower:
    """A Member over a copy that it makes itself. `connect` is replaced in tests: the transport's seam."""

    role = "follower"

    def __init__(
        self,
        settings: Settings,
        genesis: bytes,
        keys: Keys,
        clock: Callable[[], int],
        metrics: Metrics,
        *,
        release: Release | None = None,
        connect: Connect | None = None,
    ) -> None:
        self.name, self.genesis_bytes = settings.member, genesis
        self.chain = hashlib.sha256(genesis).hexdigest()
        self.settings, self._clock, self._keys = settings, clock, keys
        self.metrics = metrics
        keep = Keep(write_sets=settings.retention.keep_write_sets, blocks=settings.retention.keep_blocks)
        self._connect = connect or partial(http_upstream, settings, keys.session, self.upstream_node)
        self._dog = Watchdog(settings.file(files.LEDGER), settings.block_seconds)
        self.following = Following(
            settings.file(files.LEDGER), genesis, release, keep=keep, watch=self._dog.watch
        )
        self.following.ledger.stops.clock = clock
        self.reader: Reader = self.following.reader()
        self.casebook = Casebook(settings.file(CASES), settings.member, clock, self._tell)
        self.cosignatures = Cosignatures(settings.file(COSIGNATURES), self.reader)
        self.casebook.handovers = self.cosignatures.handovers
        self.promises = Promises(settings.file(PROMISES), self.reader, self.casebook)
        self.cosigned: Cosigned | None = self.cosignatures
        self.promised: Promised | None = self.promises
        to_operator = partial(self._connect, "", settings.follow, FETCH_TIMEOUT_S)
        self.promise_watch = PromiseWatch(self.promises, self.newest_height, clock, to_operator)
        self.cosigner = Cosigner(
            self.following, settings.member, keys.node, self.cosignatures, self.casebook, to_operator
        )
        hooks = Hooks(self._on_block, self._on_level, lambda case: None)
        self.copying = Copying(self.following, to_operator, clock, self.skew_ms, self.casebook, hooks)
        self.peers = Peers(
            self.reader,
            self.cosignatures,
            self.casebook,
            partial(addresses, settings),
            lambda member, url: self._connect(member, url, PEER_TIMEOUT_S),
        )
        metrics_follower.register(metrics.registry, self)
        self._skew = (-1, limits.SKEW_MAX_MS)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told_s = 0.0
        self._told: Callable[[], None] = lambda: None
        self._passing: httpx2.AsyncClient | None = None

    # Member.

    @property
    def height(self) -> int:
        return self.following.height

    async def start(self, on_block: Callable[[], None]) -> None:
        self._loop, self._told = asyncio.get_running_loop(), on_block
        self._passing = _passing_on(self.settings)
        self.begin()

    async def stop(self) -> None:
        if self._passing is not None:
            await self._passing.aclose()
        await asyncio.to_thread(self.end)

    def begin(self) -> None:
        """Start to copy, to cosign and to compare, without a server."""
        self.cosigner.start()
        self.peers.start()
        self.promise_watch.start()
        self.copying.start()

    def end(self) -> None:
        """Stop all of it and close the files. No block is left half done."""
        self.copying.stop()
        self.cosigner.stop()
        self.peers.stop()
        self.promise_watch.stop()
        self.promises.close()
        self.cosignatures.close()
        self.reader.close()
        self.following.close()
        self._dog.close()

    def check_room(self, size: int, address: str) -> None:
        """The operator's node has the queue: it says whether there is room."""

    async def submit(self, body: bytes, address: str) -> Answer:
        """Pass transactions on; the operator's answer unchanged. Raises OperatorAway."""
        assert self._passing is not None
        url = self.settings.follow
        try:
            async with self._passing.stream(
                "POST",
                f"{url.rstrip('/')}/v1/transactions",
                content=body,
                headers={"content-type": "application/octet-stream"},
            ) as answer:
                said = await read_within(url, answer, PASS_ON_BYTES_MAX, PASS_ON_TIMEOUT_S)
        except httpx2.HTTPError as error:
            raise errors.OperatorAway(url=url, cause=type(error).__name__) from None
        except (client_errors.AnswerUnusable, client_errors.TimedOut) as refusal:
            raise errors.OperatorAway(url=url, cause=refusal.code) from None
        return Answer(
            answer.status_code,
            answer.headers.get("content-type", ""),
            said,
            answer.headers.get("retry-after", ""),
        )

    def checks(self) -> list[Check]:
        return checks_of(self)

    def incidents(self) -> Sequence[Noted]:
        return incidents_of(self)

    def own_incidents(self) -> list[Incident]:
        """Trouble of this node itself. What the engine says of a wrong block, a case says better."""
        own = [*self._dog.incidents, *self.peers.incidents, *self.promise_watch.incidents]
        return [*own, *(each for each in self.following.incidents if each.what != "differs")]

    # What the copy tells.

    def now_ms(self) -> int:
        """This node's clock."""
        return self._clock()

    def _on_block(self) -> None:
        self.promise_watch.on_block(self.following.height)
        if time.monotonic() - self._told_s > TELL_EVERY_S:
            self._tell_front()

    def _tell_front(self) -> None:
        """Whoever waits for news on this node's server looks again."""
        self._told_s = time.monotonic()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told)

    def _on_level(self, newest: bool) -> None:
        if newest:
            self._tell_front()
        self.cosigner.consider(newest=newest, now_ms=self._clock())

    def _tell(self, case: Case) -> None:
        note("case", 40, kind=case.kind, height=case.height, against=case.against)

    def upstream_node(self) -> str:
        """The member whose node it copies from."""
        with self.reader.snapshot() as reading:
            return operator_of(self.settings, reading)

    def newest_height(self) -> int:
        """Highest height that any node showed under the operator's signature."""
        return max([self.following.height, *list(self.peers.newest.values())])

    def take(self, word: Word) -> None:
        """The member's word, before it is begun. Raises CaseUnknown, OwnDiskChanged."""
        if word.retry:
            self.following.retry()
        if word.set_aside:
            set_aside(self.following, self.casebook, word.set_aside, word.person)

    def stopped_cosigning(self, file: str) -> Refusal:
        """Why this node cosigns no more, and what to do."""
        name = str(Path(file).relative_to(self.settings.directory))
        if self.casebook.get(Path(file).name).kind == "own_disk":
            return errors.CosigningStoppedByDisk(file=name)
        return errors.CosigningStopped(file=name)

    def skew_ms(self) -> int:
        """How far a live header's time may be off our clock: a parameter of the consortium."""
        ledger = self.following.ledger
        read_at, value = self._skew
        if read_at < 0 or ledger.height - read_at >= SKEW_EVERY:
            value = limits.SKEW_MAX_MS
            if SKEW_QUERY in ledger.registry.queries:
                found = {each.name: each.value for each in ledger.query(SKEW_QUERY, {})}
                value = found.get(SKEW_PARAMETER, value)
            self._skew = ledger.height, value
        return value


def http_upstream(
    settings: Settings, session: Signer, operator: Callable[[], str], member: str, url: str, timeout_s: float
) -> Upstream:
    """A node over HTTP. Sessions at the operator's only, by the member's own key where the settings name one.

    Another `member`'s node is asked for headers, which anybody may have; it may not answer at length.
    """
    if member:
        over = way_to(settings, url)
        return HttpUpstream(
            Http(url, over=over, timeout_s=timeout_s, patience_s=0, answer_bytes_max=PEER_BYTES_MAX)
        )
    http = Http(
        url,
        signer=session if settings.key else None,
        member=settings.member,
        key=settings.key,
        ca=ca_of(settings, url),
        timeout_s=timeout_s,
        patience_s=0,
    )
    return HttpUpstream(http, operator)


def _passing_on(settings: Settings) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        verify=tls_context(ca_of(settings, settings.follow))
        if settings.follow.startswith("https")
        else False,
        timeout=PASS_ON_TIMEOUT_S,
        limits=httpx2.Limits(max_connections=PASS_ON_CONNECTIONS_MAX),
        trust_env=False,
    )


class Handle:
    """A follower that runs, for whoever started it in the same process. Safe from any thread."""

    def __init__(self, end: Callable[[], None], follower: Follower, port: int) -> None:
        self._end, self.follower, self.port = end, follower, port

    def wake(self) -> None:
        """A follower makes no blocks."""

    def next_due_ms(self) -> int | None:
        """A follower makes no blocks."""
        return None

    def stop(self) -> None:
        self._end()


@private()
def follow(
    settings: Settings,
    *,
    clock: Callable[[], int] = now_ms,
    release: Release | None = None,
    ready: Callable[[Handle], None] | None = None,
    stop: threading.Event | None = None,
    snapshot: Path | None = None,
    word: Word = NO_WORD,
) -> None:
    """Run the follower of a data directory until it is told to end; as `hansa.node.run.serve`.

    `snapshot`: a folder to start from where there is no copy yet, instead of from genesis. Raises what
    `restore_snapshot` does; and, where the member's `word` is on a case, what `investigation.set_aside` does.
    """
    check(settings)
    start_logging(settings.log)
    listening = listen(settings)
    try:
        if snapshot is not None and not settings.file(files.LEDGER).exists():
            genesis = settings.file(files.GENESIS).read_bytes()
            restore_snapshot(snapshot, settings.file(files.LEDGER), genesis, release)
        follower = open_follower(settings, clock, release)
        follower.take(word)

        def started(server: object, port: int) -> None:
            note("started", role=follower.role, port=port, height=follower.height)
            if ready is not None:
                ready(Handle(lambda: setattr(server, "should_exit", True), follower, port))

        folder = Path(settings.directory)
        with projecting(folder, follower.reader) as seen, scrubbing(folder, follower.reader, clock):
            app = Node(Front(settings, follower, clock, follower.metrics, projection=seen))
            run(app, settings, listening, started, stop)
        note("stopped", height=follower.height)
    finally:
        listening.close()


def open_follower(settings: Settings, clock: Callable[[], int], release: Release | None = None) -> Follower:
    """The copy in a data directory. Raises FileMissing, a refusal of the key files, or of the engine."""
    genesis = settings.file(files.GENESIS)
    if not genesis.is_file():
        raise FileMissing(path=str(genesis))
    check_no_network(genesis.read_bytes())
    release = release or rooms.release(foreign_rooms.installed(settings.file(files.ROOMS)))
    node = read_key(settings.file(files.NODE_KEY)).signer
    own: Path = settings.file(MEMBER_KEY)
    session = read_key(own).signer if own.is_file() else node
    return Follower(settings, genesis.read_bytes(), Keys(node, session), clock, Metrics(), release=release)
