"""Doctor: this directory's own node, if it runs, its port, and the nodes of other members."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx2
import msgspec

from hansa.client.http import read_within, refusal_of_network
from hansa.engines.reading import Reading
from hansa.kernel.evidence import SignedHeader, signed_by, stands_on_its_commit
from hansa.kernel.refusal import Refusal, shown
from hansa.node import errors_doctor as errors
from hansa.node import settings as files
from hansa.node.cosigning import in_force, sets_of
from hansa.node.findings import Finding, finding, fine
from hansa.node.holders import holder_of_file, holder_of_port, port_is_free
from hansa.node.neighbours import addresses, way_to
from hansa.node.settings import Settings

ANSWER_TIME_MAX_S = 5.0
BEHIND_MAX = 10
"""Blocks that a node may be behind at a glance."""
CLOCKS_APART_MAX_S = 5
"""The date of an answer is in whole seconds, and the answer took its time."""
ANSWER_BYTES_MAX = 2**20


class Heard(NamedTuple):
    """What a node says of itself."""

    head: SignedHeader | None
    date: datetime | None


Ask = Callable[[str], Heard]
"""Ask the node of a URL. Raises a Refusal where it does not answer as one."""


def over_http(settings: Settings) -> Ask:
    """Ask by HTTP, in the ways that a follower takes."""

    def ask(url: str) -> Heard:
        over, place = way_to(settings, url), f"{url.rstrip('/')}/v1/head"
        try:
            with (
                httpx2.Client(transport=over, timeout=ANSWER_TIME_MAX_S) as client,
                client.stream("GET", place) as answer,
            ):
                answer.raise_for_status()
                content = read_within(url, answer, ANSWER_BYTES_MAX, ANSWER_TIME_MAX_S)
                head = msgspec.json.decode(content, type=SignedHeader | None)
        except (httpx2.HTTPError, httpx2.InvalidURL, msgspec.MsgspecError, OSError) as error:
            raise refusal_of_network(url, error, ANSWER_TIME_MAX_S) from error
        return Heard(head, _date(answer.headers.get("date", "")))

    return ask


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None


# This node.


class Check(msgspec.Struct):
    """One of the checks that a node answers at /health."""

    name: str
    ok: bool
    zh: str = ""
    en: str = ""


class Health(msgspec.Struct):
    """What a node answers at /health."""

    ok: bool
    chain: str
    height: int
    checks: list[Check] = []


def look_at_node(settings: Settings, chain: str, held: bool) -> Iterator[Finding]:
    """Does a node of this directory run, and is it well? If none does: is its port free?"""
    health = health_of(settings)
    ours = health is not None and health.chain == chain
    if held and not ours:
        who = holder_of_file(settings.file(files.SIGNED)) or "?"
        yield finding("node", "wrong", errors.HeldSilent(who=who, port=settings.port))
    elif held and health is not None:
        yield from _wellness(health)
    elif port_is_free(settings.host, settings.port):
        yield fine(
            "node",
            f"节点没有运行；端口 {settings.port} 空闲。",
            f"It does not run; port {settings.port} is free.",
        )
    else:
        who = holder_of_port(settings.port) or "?"
        taken = errors.PortBusy(host=settings.host, port=settings.port, who=who)
        yield finding("node", "wrong", taken)


def _wellness(health: Health) -> Iterator[Finding]:
    bad = [check for check in health.checks if not check.ok]
    if health.ok:
        yield fine(
            "node", f"节点在运行，高度 {health.height}。", f"It runs and is well, at height {health.height}."
        )
    for check in bad:
        yield finding("node", "wrong", errors.NodeUnwell(detail_zh=check.zh, detail_en=check.en))


def health_of(settings: Settings, within_s: float = ANSWER_TIME_MAX_S) -> Health | None:
    """What answers on the node's port in time, if it is a node."""
    scheme = "https" if settings.tls_certificate else "http"
    host = "127.0.0.1" if settings.host in ("", "0.0.0.0") else settings.host
    host = "[::1]" if host == "::" else f"[{host}]" if ":" in host else host
    try:
        # Its certificate names other addresses than this one; nothing is believed that it says but this.
        place = f"{scheme}://{host}:{settings.port}/health"
        with (
            httpx2.Client(verify=False, timeout=within_s, trust_env=False) as client,
            client.stream("GET", place) as answer,
        ):
            content = read_within(place, answer, ANSWER_BYTES_MAX, within_s)
            return msgspec.json.decode(content, type=Health)
    except (Refusal, httpx2.HTTPError, httpx2.InvalidURL, msgspec.MsgspecError, OSError):
        return None


# The others.


def look_at_peers(
    settings: Settings, reading: Reading, ask: Ask, now_ms: Callable[[], int]
) -> Iterator[Finding]:
    """Do the others answer, are they at the same height, on the same history, with the same time?"""
    urls = addresses(settings, reading)
    if not urls:
        yield fine("others", "没有登记其他节点的地址。", "No address of another node is known.")
    for member, url in urls.items():
        try:
            heard = ask(url)
        except Refusal as refusal:
            away = errors.PeerAway(member=member, url=url, cause_zh=refusal.zh, cause_en=refusal.en)
            yield finding("others", "warning", away)
        else:
            yield from _one(member, url, heard, reading, now_ms)


def _one(
    member: str, url: str, heard: Heard, reading: Reading, now_ms: Callable[[], int]
) -> Iterator[Finding]:
    told = {"member": member, "url": url}
    header = None if heard.head is None else heard.head.header
    height = 0 if header is None else header.height
    if heard.date is not None:
        apart_s = round(abs(now_ms() / 1_000 - heard.date.astimezone(UTC).timestamp()))
        if apart_s > CLOCKS_APART_MAX_S:
            yield finding("clock", "warning", errors.ClockOff(url=url, seconds=apart_s))
    if header is not None and header.chain != reading.chain.id:
        yield finding("others", "wrong", errors.PeerOther(**told))
    elif heard.head is not None and height <= reading.height and not _proved(heard.head, reading):
        kind = errors.PeerUncommitted if reading.genesis.is_network else errors.PeerUnsigned
        yield finding("others", "warning", kind(**told, height=height))
    elif header is not None and 0 < height <= reading.height and reading.header(height).header != header:
        differs = errors.OtherState if reading.genesis.is_network else errors.TwoHistories
        yield finding("others", "wrong", differs(**told, height=height))
    elif reading.height - height > BEHIND_MAX:
        behind = errors.PeerBehind(**told, height=height, blocks=reading.height - height)
        yield finding("others", "warning", behind)
    elif height - reading.height > BEHIND_MAX:
        ahead = errors.PeerAhead(**told, height=height, blocks=height - reading.height)
        yield finding("others", "warning", ahead)
    else:
        yield fine(
            "others",
            f"{member}：{shown(url)}，高度 {height}。",
            f"{member}: {shown(url)}, at height {height}.",
        )


def _proved(head: SignedHeader, reading: Reading) -> bool:
    """Whether its operator signed it, or a commit stands under it: else it contradicts nobody."""
    if reading.genesis.is_network:
        return stands_on_its_commit(head)
    return signed_by(head, in_force(sets_of(reading), head.header.height).public)
