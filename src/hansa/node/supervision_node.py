"""`hansa node run`: the application and the engine of a member's node, as one service."""

import os
import secrets
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import httpx2
import msgspec

from hansa.client.keyfiles import public_of
from hansa.engines.cometbft.home import node_id
from hansa.engines.cometbft.trouble import disk_trouble, explained
from hansa.engines.store import connect_to_read
from hansa.kernel.refusal import Refusal
from hansa.node import supervision_checks as checks
from hansa.node import supervision_key as keys
from hansa.node.doctor_peers import health_of
from hansa.node.errors_supervision import TwinConnected
from hansa.node.joining_engine import Ask, over_http, status
from hansa.node.joining_trust import sets_shown
from hansa.node.network_run import SUPERVISED, free_port
from hansa.node.private import private
from hansa.node.server import now_ms
from hansa.node.settings import GENESIS, LEDGER, NODE_KEY, Settings
from hansa.node.settings_engine import ENGINE, VALIDATOR_KEY, sockets
from hansa.node.supervision import BOUNDS, Bounds, Child, Hold, Supervisor, Told
from hansa.node.supervision_logs import Stream
from hansa.node.supervision_place import at_home, settle
from hansa.node.supervision_state import keep
from hansa.node.supervision_status import hear_all

APPLICATION_CODE = "from hansa.cli.main import main; main()"
HOLDING = {"hash", "blocked"}
"""Checks of /health that no restart mends."""
FAILURE = "CONSENSUS FAILURE"
OF_PEERS = {"p2p", "pex", "mempool", "rpc-server"}
"""Parts of the engine whose lines may hold what strangers sent: nobody else's words start this node anew."""
FROZEN_S = 180.0
"""So long without a block while others make some, and the engine is started anew."""
FROZEN_BLOCKS = 5
APART_MAX_S, APART_LOOK_S = 60.0, 1.0
"""Copies that were started at one moment wait for up to so long, each as chance has it. An engine is
connected some three seconds after its start: about once in ten times both come through.
"""
PROBE_TIME_MAX_S = 10.0
"""For an answer of either program: a machine that does much else may take seconds."""
FOREIGN_SETTINGS = ("CMT", "TM", "TMHOME", "CMTHOME")
"""The engine would take settings from the user's environment over those in its folder."""


@private()
def supervise(
    directory: Path,
    *,
    alone: bool = False,
    retry: bool = False,
    told: Callable[[Told, Settings], None] = lambda _told, _settings: None,
    bounds: Bounds = BOUNDS,
    ask: Ask | None = None,
    clock: Callable[[], int] = now_ms,
) -> None:
    """Run the node of a directory until SIGTERM or SIGINT. From the main thread of its process only.

    `alone`: the operator's word that no other node has this folder's validator key; `retry`: that a ledger
    which waits since a block stopped it twice may try that block again, once. Raises a refusal where
    the node cannot be started at all; what goes wrong later it mends by starting both anew, and tells.
    """
    settings, ask = _settings(directory), ask or over_http()
    with checks.held(directory):
        chain, engine, odd = checks.check_all(settings, ask, checks.other_nodes(settings), clock)
        stream = Stream(settings.log)
        for each in odd:
            stream.note("other node", "warning", code=each.code, why=each.en)

        def tell(now: Told) -> None:
            keep(directory, now, clock())
            told(now, settings)

        def programs() -> tuple[Child, Child]:
            nonlocal settings
            settings = _settings(directory)
            guard = Guard(settings, chain, ask, alone, stream)
            guard.over = made.stopping.is_set
            return application(settings, retry), consensus(settings, Path(engine.path), ask, guard)

        made = Supervisor(programs, stream, tell, bounds)
        made.handle_signals()
        try:
            made.run()
        finally:
            stream.close()


def _settings(directory: Path) -> Settings:
    """As they are now, with a port. Raises a refusal where they cannot be used."""
    settings = checks.read_settings(directory)
    # It has to be probed somewhere.
    return settings if settings.port else msgspec.structs.replace(settings, port=free_port())


# The two programs.


def application(settings: Settings, retry: bool = False) -> Child:
    """The ledger's process: HTTP, and the socket that the engine calls."""
    meeting = sockets(settings.directory)

    def probe() -> str:
        said = health_of(settings, PROBE_TIME_MAX_S)
        if said is None:
            return f"no answer at port {settings.port} within {PROBE_TIME_MAX_S:.0f} s"
        for check in said.checks:
            if check.name in HOLDING and not check.ok:
                raise Hold(check.zh, check.en)
        bad = [check.en for check in said.checks if check.name == "application" and not check.ok]
        return bad[0] if bad else ""

    return Child(
        name="application",
        command=(
            sys.executable,
            "-c",
            APPLICATION_CODE,
            "up",
            settings.directory,
            "--port",
            str(settings.port),
        ),
        environment={**os.environ, SUPERVISED: "1"},
        first=("--retry",) if retry else (),
        before=meeting.prepare,
        ready=meeting.abci.exists,
        probe=probe,
    )


def consensus(settings: Settings, program: Path, ask: Ask, guard: Callable[[], None]) -> Child:
    """The engine's process, on the folder that the application wrote for it."""
    return Child(
        name="engine",
        command=(str(program), "start", "--home", str(settings.file(ENGINE).absolute())),
        environment=engine_environment(os.environ),
        before=guard,
        ready=lambda: True,
        probe=EngineProbe(settings, ask),
        slow_start=True,
        heard=failure_in,
    )


def engine_environment(own: Mapping[str, str]) -> dict[str, str]:
    """Proxies and authorities are passed on; what would change the engine's settings is not."""
    return {name: value for name, value in own.items() if name.split("_")[0] not in FOREIGN_SETTINGS}


def failure_in(line: Mapping[str, Any]) -> Refusal | str:
    """Why a line of the engine's log is a reason to start anew; "" for none.

    It stays alive, and useless, after its consensus failed or its disk took no vote.

    Raises Hold for what a restart would only meet again: another state than the others', another genesis
    file, data that do not fit the ledger.
    """
    if line.get("module") in OF_PEERS:
        return ""
    said = " ".join(str(line.get(name, "")) for name in ("event", "err", "text")).strip()
    if (meaning := explained(said)) is not None:
        raise Hold(f"{meaning.code}: {meaning.zh}", f"{meaning.code}: {meaning.en}")
    return disk_trouble(said) or (said if FAILURE in said else "")


class EngineProbe:
    """Does the engine answer, and does its height move while that of others does?"""

    def __init__(self, settings: Settings, ask: Ask, rpc: Callable[[], Any] | None = None) -> None:
        self._urls, self._ask = checks.other_nodes(settings), ask
        self._socket = sockets(settings.directory).rpc
        self._rpc = rpc or self._status
        self._height, self._since = 0, time.monotonic()

    def __call__(self) -> str:
        try:
            sync = self._rpc()["result"]["sync_info"]
            height, catching_up = int(sync["latest_block_height"]), bool(sync["catching_up"])
        except (httpx2.HTTPError, OSError, ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
            return f"no answer of the engine ({type(error).__name__})"
        if height != self._height or catching_up:
            self._height, self._since = height, time.monotonic()
        if time.monotonic() - self._since < FROZEN_S:
            return ""
        # The second of them: one alone may claim any height.
        *_, ahead = sorted((self._height_of(url) for url in self._urls.values()), reverse=True)[:2] or [0]
        return "" if ahead < height + FROZEN_BLOCKS else f"it stands at {height}, others are at {ahead}"

    def _status(self) -> Any:
        over = httpx2.HTTPTransport(uds=str(self._socket))
        with httpx2.Client(transport=over, timeout=PROBE_TIME_MAX_S, trust_env=False) as client:
            return msgspec.json.decode(client.get("http://engine/status").content)

    def _height_of(self, url: str) -> int:
        try:
            return status(self._ask, url).height
        except Refusal:
            return 0


class Guard:
    """Called before each start of the engine: may this folder's key sign?"""

    def __init__(self, settings: Settings, chain: str, ask: Ask, alone: bool, stream: Stream) -> None:
        self._settings, self._chain, self._ask, self._alone = settings, chain, ask, alone
        self._stream = stream
        self.over: Callable[[], bool] = lambda: False

    def __call__(self) -> None:
        """Raises KeyInUse, KeyUnsure or TwinConnected."""
        settings, folder = self._settings, Path(self._settings.directory)
        urls = checks.other_nodes(settings)
        own, genesis = node_id(public_of(settings.file(NODE_KEY))), settings.file(GENESIS).read_bytes()
        done: Literal["fine", "new", "moved"] | str = keys.guard(
            folder,
            public_of(settings.file(VALIDATOR_KEY)),
            self._chain,
            keys.Look(self._ask, urls, self.over, sets_shown(genesis, self._chain)),
            blocks=blocks_in(settings.file(LEDGER)),
            alone=self._alone,
            copy=None if at_home(folder) else lambda: apart(urls, own, self.over),
        )
        settle(folder)
        self._stream.note("key", state=done)


def apart(urls: Mapping[str, str], own: str, over: Callable[[], bool], max_s: float = APART_MAX_S) -> None:
    """For a folder that was copied: wait as long as chance has it, and see that no twin came first.

    `own`: the engine's id, by this folder's node.key; its engine does not run now. Raises TwinConnected where
    a member's engine is connected to one of that id. One that says so is enough, though it may lie: a twin
    behind NAT is connected to a single one, and what is at stake is the key.
    """
    end_s = time.monotonic() + secrets.randbelow(1_000) / 1_000 * max_s
    while not over():
        for heard in hear_all(urls):
            if heard.engine is not None and any(peer.id == own for peer in heard.engine.peers):
                raise TwinConnected(member=heard.name)
        if (left_s := end_s - time.monotonic()) <= 0:
            return
        time.sleep(min(left_s, APART_LOOK_S))


def blocks_in(ledger: Path) -> int:
    """How many blocks a ledger's file holds; 0 where there is none."""
    if not ledger.is_file():
        return 0
    try:
        database = connect_to_read(ledger)
        try:
            found = database.execute("SELECT max(height) FROM blocks").fetchone()
        finally:
            database.close()
    except sqlite3.Error:
        return 1  # A damaged one held something.
    return int(found[0] or 0)
