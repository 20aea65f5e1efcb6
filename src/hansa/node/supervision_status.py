"""How nodes of a network stand, as they say themselves: for `hansa node status` and `hansa top`."""

import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx2
import msgspec

from hansa.client.errors import AnswerUnusable
from hansa.client.http import Http, read_within, refusal_of_network, tls_context
from hansa.client.keyfiles import read_key
from hansa.kernel.refusal import Refusal, shown
from hansa.node import supervision_checks as checks
from hansa.node.doctor_machine import free_bytes
from hansa.node.doctor_peers import Health
from hansa.node.incidents import Noted, noted
from hansa.node.network_run import MEMBER_KEY
from hansa.node.settings import LEDGER, Settings
from hansa.node.settings_engine import ENGINE
from hansa.node.supervision_state import met, supervised

ASK_TIME_MAX_S = 3.0
ANSWER_BYTES_MAX = 4 * 2**20
ASKED_AT_ONCE = 16
SILENT_BLOCKS = 100
"""A validator that signed none of so many blocks is shown as silent."""
DECIDED = re.compile(rb'^hansa_transactions_total\{code="([^"]*)"\} ([0-9.e+]+)$', re.M)
T = TypeVar("T")


class Peer(msgspec.Struct):
    """An engine that a node's engine is connected to."""

    id: str = ""
    moniker: str = ""
    address: str = ""
    outbound: bool = False


class Engine(msgspec.Struct):
    """What a node answers at GET /v1/engine. Ages in ms."""

    answers: bool = False
    engine_height: int = 0
    height: int = 0
    app_hash: str = ""
    earliest_engine_height: int = 0
    catching_up: bool = False
    block_age_ms: int = 0
    mempool: int = 0
    waiting: int = 0
    peers: tuple[Peer, ...] = ()
    chain: str = ""


class Seat(msgspec.Struct):
    """A validator, with the blocks since it last signed one."""

    member: str
    power: int = 0
    status: str = ""
    silent_blocks: int = 0


class _Seats(msgspec.Struct):
    validators: tuple[Seat, ...] = ()


class Heard(msgspec.Struct):
    """One node, asked over HTTP. `refusal_zh`/`refusal_en` say why it did not answer."""

    name: str
    url: str
    engine: Engine | None = None
    health: Health | None = None
    seats: tuple[Seat, ...] = ()
    decided: int = 0
    """Transactions handed in at this node that took effect since it started, where it was asked."""
    at_s: float = 0.0
    refusal_zh: str = ""
    refusal_en: str = ""

    @property
    def wrong(self) -> list[Any]:
        """The checks that speak against it."""
        return [check for check in self.health.checks if not check.ok] if self.health else []


class Status(msgspec.Struct):
    """How the node of a folder stands. Sizes in bytes."""

    directory: str
    member: str
    url: str
    state: Literal["starting", "running", "pausing", "waiting", "held", "stopped"]
    restarts: int
    cause: str
    cause_zh: str
    since_ms: int
    node: Heard
    others: tuple[Heard, ...]
    lag: int
    """Blocks of the engine that this node is behind the farthest of those that answer."""
    silent: tuple[str, ...]
    """Validators that signed none of many blocks; not those that the members suspended."""
    incidents: tuple[Noted, ...]
    """Newest last: the node's and its supervisor's; of a node that does not answer, the supervisor's."""
    ledger_bytes: int
    engine_bytes: int
    free_bytes: int

    @property
    def well(self) -> bool:
        """Whether nobody has to do anything."""
        return self.state == "running" and self.node.health is not None and self.node.health.ok


def status_of(directory: Path) -> Status:
    """Look at the node of a folder, and at those of the others. Raises FileMissing, NotNetwork, …"""
    settings = checks.read_settings(directory)
    urls = checks.other_nodes(settings)
    own, *others = hear_all({settings.member: own_url(settings), **urls}, trusted=own_url(settings))
    now = supervised(directory)
    runs = now is not None and not checks.is_free(directory)
    heights = [one.engine.engine_height for one in (own, *others) if one.engine]
    here = own.engine.engine_height if own.engine else 0
    return Status(
        directory=str(directory),
        member=settings.member,
        url=own.url,
        state=now.state if now is not None and runs else "stopped",  # type: ignore[arg-type]
        restarts=now.restarts if now else 0,
        cause=now.cause if now else "",
        cause_zh=now.cause_zh if now else "",
        since_ms=now.since_ms if now else 0,
        node=own,
        others=tuple(others),
        lag=max(heights, default=0) - here if own.engine else 0,
        silent=silent(own.seats),
        incidents=incidents_of(settings),
        ledger_bytes=sum(file.stat().st_size for file in directory.glob(f"{LEDGER}*")),
        engine_bytes=size_of(directory / ENGINE),
        free_bytes=free_bytes(directory),
    )


def incidents_of(settings: Settings) -> tuple[Noted, ...]:
    """As the node tells them to its own member, whose key lies in the folder. Newest last."""
    key, url = settings.file(MEMBER_KEY), own_url(settings)
    try:
        with Http(
            url, signer=read_key(key).signer, member=settings.member, key=settings.key, node=settings.member,
            allow_plain=True, timeout_s=ASK_TIME_MAX_S, patience_s=0, over=httpx2.HTTPTransport(verify=False),
        ) as http:  # fmt: skip
            return msgspec.json.decode(http.get("/v1/incidents"), type=tuple[Noted, ...])
    except (Refusal, OSError, msgspec.MsgspecError):
        return tuple(noted(one, 0) for one in met(Path(settings.directory)))


def own_url(settings: Settings) -> str:
    """Where the node of these settings is reached from its own machine."""
    scheme = "https" if settings.tls_certificate else "http"
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"


def silent(seats: Sequence[Seat]) -> tuple[str, ...]:
    """Members whose active validator has signed nothing for long."""
    return tuple(
        seat.member for seat in seats if seat.status == "active" and seat.silent_blocks >= SILENT_BLOCKS
    )


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder. What vanishes meanwhile does not count."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


# Asking.


def hear_all(urls: Mapping[str, str], *, trusted: str = "", figures: bool = False) -> list[Heard]:
    """Ask nodes side by side, in their order."""
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        asked = [pool.submit(hear, name, url, url == trusted, figures) for name, url in urls.items()]
        return [one.result() for one in asked]


def hear(name: str, url: str, own: bool = False, figures: bool = False) -> Heard:
    """Ask one node how it stands. Never raises: that it does not answer is what is to be shown.

    `own`: this machine's, whose certificate is made out to another name than the loopback address.
    """
    found = Heard(name, url)
    try:
        verify = tls_context(None) if url.startswith("https:") and not own else False
        with httpx2.Client(verify=verify, timeout=ASK_TIME_MAX_S, trust_env=False) as client:
            found.health = _get(client, url, "/health", Health)
            found.engine = _get(client, url, "/v1/engine", Engine)
            found.seats = _get(client, url, "/v1/validators", _Seats).validators
            if figures:
                found.decided = decided_in(_bytes(client, url, "/metrics"))
            found.at_s = time.monotonic()
    except Refusal as refusal:
        found.refusal_zh, found.refusal_en = refusal.zh, refusal.en
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        wrong = refusal_of_network(url, error, ASK_TIME_MAX_S)
        found.refusal_zh, found.refusal_en = wrong.zh, wrong.en
    except (msgspec.MsgspecError, ValueError) as error:
        odd = AnswerUnusable(url=url, detail=shown(str(error)))
        found.refusal_zh, found.refusal_en = odd.zh, odd.en
    return found


def decided_in(figures: bytes) -> int:
    """Transactions handed in there that took effect, of a node's figures for Prometheus."""
    return int(sum(float(count) for code, count in DECIDED.findall(figures) if code == b"ok"))


def _get(client: httpx2.Client, url: str, path: str, kind: type[T]) -> T:
    return msgspec.json.decode(_bytes(client, url, path), type=kind)


def _bytes(client: httpx2.Client, url: str, path: str) -> bytes:
    with client.stream("GET", url.rstrip("/") + path) as answer:
        return read_within(url, answer, ANSWER_BYTES_MAX, ASK_TIME_MAX_S)


def differing(nodes: Sequence[Heard]) -> list[tuple[int, list[str]]]:
    """Heights at which nodes hold different states, with the names of all that stand there."""
    heights: dict[int, dict[str, str]] = {}
    for node in nodes:
        if node.engine is not None and node.engine.height:
            heights.setdefault(node.engine.height, {})[node.name] = node.engine.app_hash
    return [(height, sorted(at)) for height, at in sorted(heights.items()) if len(set(at.values())) > 1]
