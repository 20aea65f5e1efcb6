"""What is looked at before a company joins or starts a node, each by itself, and explained in plain words.

Every look gives findings: fine, a warning, or wrong. Nothing is written.
"""

import errno
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median_low

from hansa.kernel.commit import chain_id_of
from hansa.kernel.refusal import Refusal
from hansa.node import engine_binary
from hansa.node import errors_joining as errors
from hansa.node.findings import Finding, Level, finding, fine
from hansa.node.joining_engine import Ask, Status, status
from hansa.node.joining_invitation import PEER

CONNECT_TIME_MAX_S = 5.0
CLOCK_OFF_MAX_MS = 10_000
"""Further off than this, and a validator makes block times that others see as wrong."""
CLOCK_ODD_MS = 3_000
"""Dates of answers are whole seconds, and an answer takes its time."""
DISK_FREE_MIN_BYTES = 5 * 2**30
ASKED_AT_ONCE = 8

Connect = Callable[[str, int], None]
"""Open a TCP connection to a host and port, and close it. Raises OSError."""


def connect(host: str, port: int) -> None:
    socket.create_connection((host, port), CONNECT_TIME_MAX_S).close()


# This machine.


def look_at_engine() -> Iterator[Finding]:
    """Is the engine there, and of the exact version?"""
    try:
        found = engine_binary.check()
    except Refusal as refusal:
        yield finding("engine", "wrong", refusal)
        return
    yield fine("engine", f"共识引擎 {found.version}：{found.path}", f"Engine {found.version}: {found.path}")


def look_at_disk(directory: Path) -> Iterator[Finding]:
    """Is there room for a node?"""
    place = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if free < DISK_FREE_MIN_BYTES:
        low = errors.DiskSmall(path=str(place), free_gb=free // 2**30, needed_gb=DISK_FREE_MIN_BYTES // 2**30)
        yield finding("disk", "warning", low)
    else:
        yield fine("disk", f"剩余 {free // 2**30} GB。", f"{free // 2**30} GB are free.")


def look_at_ports(addresses: Sequence[tuple[str, str, int]]) -> Iterator[Finding]:
    """Are the ports free that the node will listen on? Each (setting, host, port); port 0 is any."""
    for setting, host, port in addresses:
        trouble = _bind(host, port)
        if trouble is None:
            yield fine("port", f"{setting}：端口 {port} 空闲。", f"{setting}: port {port} is free.")
        else:
            yield finding("port", "wrong", trouble(setting=setting, host=host, port=port))


def _bind(host: str, port: int) -> type[errors.PortTaken] | type[errors.PortUnusable] | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host.strip("[]"), port))
    except OSError as error:
        return errors.PortTaken if error.errno == errno.EADDRINUSE else errors.PortUnusable
    return None


# The others.


def ask_all(ask: Ask, urls: Mapping[str, str]) -> dict[str, Status | Refusal]:
    """What each member's node says of itself, or why it does not; asked side by side."""
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        return dict(zip(urls, pool.map(lambda url: _status(ask, url), urls.values()), strict=True))


def _status(ask: Ask, url: str) -> Status | Refusal:
    try:
        return status(ask, url)
    except Refusal as refusal:
        return refusal


def look_at_nodes(
    heard: Mapping[str, Status | Refusal], urls: Mapping[str, str], chain: str
) -> Iterator[Finding]:
    """Do the others answer, for this network, by the same engine, and are they in step?

    Where most belong to another network, the invitation does; one alone is no use to us, and stops nobody.
    """
    answered = [said for said in heard.values() if isinstance(said, Status)]
    strange = [said for said in answered if said.network != chain_id_of(chain)]
    for member, said in heard.items():
        if isinstance(said, Refusal):
            away = errors.NodeAway(member=member, url=urls[member], cause_zh=said.zh, cause_en=said.en)
            yield finding("node", "warning", away)
        elif said.network != chain_id_of(chain):
            level: Level = "wrong" if are_most(strange, answered, urls) else "warning"
            yield finding("node", level, errors.OtherNetwork(member=member, url=urls[member]))
        elif said.version != engine_binary.VERSION:
            other = errors.OtherEngine(member=member, found=said.version, version=engine_binary.VERSION)
            yield finding("node", "warning", other)
        elif said.catching_up:
            yield finding("node", "warning", errors.NodeCatchingUp(member=member, height=said.height))
        else:
            yield fine(
                "node",
                f"{member}：{urls[member]}，引擎高度 {said.height}。",
                f"{member}: {urls[member]}, engine height {said.height}.",
            )


def are_most(some: Sized, answers: Sized, nodes: Sized) -> bool:
    """Whether these answers are more than half of all, and more than one unless there is but one node."""
    return 2 * len(some) > len(answers) and (len(some) > 1 or len(nodes) == 1)


def usable(heard: Mapping[str, Status | Refusal], chain: str) -> dict[str, Status]:
    """Nodes of this network that are in step."""
    return {
        member: said
        for member, said in heard.items()
        if isinstance(said, Status) and said.network == chain_id_of(chain) and not said.catching_up
    }


def look_at_clock(heard: Mapping[str, Status | Refusal], now_ms: int) -> Iterator[Finding]:
    """Does this machine's clock go with those of the others? The middle one of theirs counts."""
    answered = [said for said in heard.values() if isinstance(said, Status)]
    clocks = [shown for said in answered if (shown := said.clock_now_ms()) is not None]
    if not clocks:
        yield finding("clock", "warning", errors.ClockUnknown())
        return
    off_ms = now_ms - median_low(clocks)
    side_zh, side_en = ("快", "ahead") if off_ms > 0 else ("慢", "behind")
    wrong = errors.ClockOff(seconds=abs(off_ms) // 1_000, side_zh=side_zh, side_en=side_en)
    if abs(off_ms) > CLOCK_OFF_MAX_MS:
        yield finding("clock", "wrong", wrong)
    elif abs(off_ms) > CLOCK_ODD_MS:
        yield finding("clock", "warning", wrong)
    else:
        yield fine("clock", "与各成员单位节点一致。", "It goes with those of the members' nodes.")


def look_at_peers(peers: Mapping[str, str], connect: Connect = connect, relay: str = "") -> Iterator[Finding]:
    """Can the engines of the others be dialled? `peers`: id@host:port by member."""
    reached = 0
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        troubles = dict(zip(peers, pool.map(lambda peer: _dial(peer, connect), peers.values()), strict=True))
    for member, trouble in troubles.items():
        place = peers[member].partition("@")[2]
        if trouble:
            away = errors.PeerAway(member=member, address=place, cause=trouble)
            yield finding("peer", "warning" if len(peers) > 1 else "wrong", away)
        else:
            reached += 1
            yield fine("peer", f"{member}：{place} 连得上。", f"{member}: {place} can be dialled.")
    if peers and not reached:
        yield finding("peer", "wrong", errors.NoPeer(relay=relay or "-"))


def _dial(peer: str, connect: Connect) -> str:
    """Why a peer cannot be dialled; "" if it can."""
    if not PEER.fullmatch(peer):
        return "no address"
    host, _, port = peer.partition("@")[2].rpartition(":")
    try:
        connect(host.strip("[]"), int(port))
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__
    return ""


def wrong(findings: Sequence[Finding]) -> list[Finding]:
    return [each for each in findings if each.level == "wrong"]
