"""What other members' nodes say of the network: their engine's status, headers and validators, over HTTP.

It is asked through the read-only way that every node offers (`POST /v1/engine`), as a joining engine asks it.
Nothing is believed of one node alone: `trusted` compares several.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import msgspec

from hansa.client.http import read_within, refusal_of_network, tls_context
from hansa.kernel.refusal import Refusal, shown
from hansa.node import errors_joining as errors

PATH = "/v1/engine"
ANSWER_TIME_MAX_S = 10.0
ANSWER_BYTES_MAX = 4 * 2**20
VALIDATORS_PER_PAGE = 100
SERVERS_MIN = 2
"""State sync compares two nodes at least: the engine asks for as many."""


class Validator(NamedTuple):
    """A validator as the engine lists it."""

    address: str
    power: int


@dataclass(frozen=True)
class Status:
    """What a node's engine says of itself. Times are ms since the epoch, UTC."""

    node_id: str
    address: str
    """host:port at which it says that engines reach it; may be of its own machine only."""
    network: str
    version: str
    height: int
    """Of the engine: of its newest block."""
    time_ms: int
    earliest: int
    catching_up: bool
    clock_ms: int | None
    """The clock of the machine that answered, to the second; None where it does not say."""
    heard_s: float = field(default_factory=lambda: time.monotonic(), compare=False)
    """When it was heard, by the clock that nobody sets: other nodes may have been waited for since."""

    def clock_now_ms(self) -> int | None:
        """What that machine's clock shows now."""
        if self.clock_ms is None:
            return None
        return self.clock_ms + round((time.monotonic() - self.heard_s) * 1_000)


class Trusted(NamedTuple):
    """A block that several members' nodes agree on."""

    height: int
    hash: str
    members: tuple[str, ...]


Ask = Callable[[str, str, dict[str, Any]], tuple[Any, str]]
"""(url, method, parameters) -> (result, the answer's date). Raises a Refusal where no node answers."""


def over_http(ca: Path | None = None) -> Ask:
    """Ask nodes by HTTP; certificates are checked against `ca`, or against the system's authorities."""

    def ask(url: str, method: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        place = url.rstrip("/") + PATH
        tls = tls_context(ca) if url.startswith("https") else False
        try:
            with (
                httpx2.Client(verify=tls, timeout=ANSWER_TIME_MAX_S, trust_env=False) as client,
                client.stream(
                    "POST", place, content=msgspec.json.encode(call),
                    headers={"content-type": "application/json"},
                ) as answer,
            ):  # fmt: skip
                content = read_within(url, answer, ANSWER_BYTES_MAX, ANSWER_TIME_MAX_S)
                status, date = answer.status_code, answer.headers.get("date", "")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise refusal_of_network(url, error, ANSWER_TIME_MAX_S) from error
        return _result(url, status, content), date

    return ask


def _result(url: str, status: int, content: bytes) -> Any:
    try:
        said = msgspec.json.decode(content)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        said = None
    if not isinstance(said, dict) or status not in (200, 500):
        raise errors.NoNetworkNode(url=url, detail=f"HTTP {status}")
    if said.get("result") is None:
        error = said.get("error")
        detail = error.get("data") or error.get("message") if isinstance(error, dict) else said.get("detail")
        raise errors.EngineSays(url=url, detail=shown(str(detail or f"HTTP {status}")))
    return said["result"]


def status(ask: Ask, url: str) -> Status:
    """Raises a Refusal where no node of a network answers."""
    said, date = ask(url, "status", {})
    try:
        node, sync = said["node_info"], said["sync_info"]
        return Status(
            node_id=str(node["id"]).lower(),
            address=_plain(str(node["listen_addr"])),
            network=str(node["network"]),
            version=str(node["version"]),
            height=int(sync["latest_block_height"]),
            time_ms=time_ms(str(sync["latest_block_time"])),
            earliest=int(sync.get("earliest_block_height") or 1),
            catching_up=bool(sync["catching_up"]),
            clock_ms=_date_ms(date),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise errors.NoNetworkNode(url=url, detail=shown(f"{type(error).__name__}: {error}")) from None


def block_hash(ask: Ask, url: str, height: int) -> str:
    """Hash of the block at a height of the engine, 64 hexadecimal digits. Raises a Refusal."""
    said, _ = ask(url, "commit", {"height": str(height)})
    try:
        signed = said["signed_header"]
        found = str(signed["commit"]["block_id"]["hash"]).lower()
        if int(signed["header"]["height"]) != height or len(bytes.fromhex(found)) != 32:
            raise ValueError("another height")
    except (KeyError, TypeError, ValueError) as error:
        raise errors.NoNetworkNode(url=url, detail=shown(str(error))) from None
    return found


def validators(ask: Ask, url: str, height: int = 0) -> tuple[Validator, ...]:
    """The set at a height of the engine (0: the newest), largest power first. Raises a Refusal."""
    parameters: dict[str, Any] = {"page": "1", "per_page": str(VALIDATORS_PER_PAGE)}
    if height:
        parameters["height"] = str(height)
    said, _ = ask(url, "validators", parameters)
    try:
        return tuple(
            Validator(str(each["address"]).lower(), int(each["voting_power"])) for each in said["validators"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise errors.NoNetworkNode(url=url, detail=shown(str(error))) from None


def trusted(ask: Ask, nodes: Mapping[str, str], heights: Mapping[str, int]) -> Trusted:
    """The newest block that every node has which was asked, if all of them have the same.

    `nodes`: URLs by member; `heights`: the newest height of each that answered. Raises TooFewNodes where
    fewer than two answer, NodesDiffer where they show different blocks of one height: then nobody may join
    until it is known who shows which.
    """
    if len(heights) < SERVERS_MIN:
        raise errors.TooFewNodes(answered=len(heights), needed=SERVERS_MIN)
    height = max(min(heights.values()), 1)
    found: dict[str, str] = {}
    for member in heights:
        try:
            found[member] = block_hash(ask, nodes[member], height)
        except Refusal:
            continue
    if len(found) < SERVERS_MIN:
        raise errors.TooFewNodes(answered=len(found), needed=SERVERS_MIN)
    if len(set(found.values())) > 1:
        raise errors.NodesDiffer(height=height, said=told(found))
    return Trusted(height, next(iter(found.values())), tuple(sorted(found)))


def told(hashes: Mapping[str, str]) -> str:
    """Who shows which block: `maker, plant: 1a2b3c…; bank: 9f8e7d…`, the most common first."""
    common = [one for one, _ in Counter(hashes.values()).most_common()]
    groups = (
        (", ".join(sorted(who for who, shown_ in hashes.items() if shown_ == one)), one) for one in common
    )
    return "; ".join(f"{who}: {one[:12]}…" for who, one in groups)


def servers(urls: Sequence[str]) -> list[str]:
    """Addresses that the engine asks while it state-syncs."""
    return [url.rstrip("/") + PATH for url in urls]


def time_ms(text: str) -> int:
    """An instant of RFC 3339 with up to nanoseconds, in ms, rounded down. Raises ValueError."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    if not text.endswith("Z") or (rest and not (rest.isascii() and rest.isdigit() and len(rest) <= 9)):
        raise ValueError(f"{text} is no instant in UTC")
    seconds = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()
    return int(seconds) * 1_000 + int(rest.ljust(9, "0")) // 1_000_000


def _date_ms(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1_000)
    except (ValueError, TypeError):
        return None


def _plain(address: str) -> str:
    return address.partition("://")[2] or address
