"""Where the other members' nodes answer, by the settings' word or by the members' own records.

A record is a stranger's word: it may lead to a public address over HTTPS, and never into one's own net.
"""

import hashlib
import os
import socket
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from itertools import islice
from pathlib import Path

import httpx2

from hansa.client.http import tls_context
from hansa.engines.reading import Reading
from hansa.kernel.state import decode_key
from hansa.node import errors_follower as errors
from hansa.node.cosigning import in_force, sets_of
from hansa.node.settings import Settings

PEERS_MAX = 64
MEMBERS_TABLE = "consortium.members"
PAGE = 1_000
NAT64 = int(IPv6Address("64:ff9b::"))

LookUp = Callable[[str], list[str]]
_LOT = os.urandom(16)
"""Whom this process asks, where there are more than it can: nobody gets a place by choosing its name."""


def operator_of(settings: Settings, reading: Reading) -> str:
    """Whose node a follower copies from: the settings' word, else the operator of the next block."""
    return settings.follow_node or in_force(sets_of(reading), reading.height + 1).operator


def addresses(settings: Settings, reading: Reading) -> dict[str, str]:
    """Member → URL, at most PEERS_MAX, without this node's own member.

    The settings' word counts before the members' records. Where there are too many: the settings' first, then
    the cosigners, then others by lot.
    """
    found: dict[str, str] = {}
    table = reading.registry.tables.get(MEMBERS_TABLE)
    after = b""
    while table is not None and (page := reading.records(MEMBERS_TABLE, after, PAGE)):
        for key, stored in page:
            record = table.decode(stored)
            url = getattr(record, "cosigner_url", "") or getattr(record, "node_url", "")
            if url and getattr(record, "status", "active") != "left":
                found[str(decode_key(key, table.integers)[0])] = url
        after = page[-1][0]
    named = dict(settings.peers)
    if settings.role == "follower" and settings.follow:
        named = {operator_of(settings, reading): settings.follow} | named
    found |= named
    found.pop(settings.member, None)
    seats = {seat.member for seat in sets_of(reading)[-1].cosigners}

    def rank(member: str) -> tuple[bool, bool, bytes]:
        lot = hashlib.sha256(_LOT + member.encode()).digest()
        return member not in named, member not in seats, lot

    return {member: found[member] for member in islice(sorted(found, key=rank), PEERS_MAX)}


def ca_of(settings: Settings, url: str) -> Path | None:
    """The authority behind a node's certificate: another than the system's for the operator's node only."""
    return settings.file(settings.follow_ca) if settings.follow_ca and url == settings.follow else None


def way_to(settings: Settings, url: str) -> httpx2.BaseTransport:
    """How a node is reached: one that the settings name anywhere, one that a record names in public only.

    Raises PeerPlain, CaUnusable.
    """
    named = settings.peers_private or url in (settings.follow, *settings.peers.values())
    if not named and not url.startswith("https:"):
        raise errors.PeerPlain(url=url)
    verify = tls_context(ca_of(settings, url)) if url.startswith("https:") else False
    over = httpx2.HTTPTransport(verify=verify, trust_env=False)
    return over if named else Outside(over)


class Outside(httpx2.BaseTransport):
    """HTTPS to public addresses only. What was looked up and checked is what is connected to."""

    def __init__(self, over: httpx2.BaseTransport, look_up: LookUp | None = None) -> None:
        self._over, self._look_up = over, look_up or _look_up
        self._address = ""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises PeerPrivate, besides what the network raises."""
        host = request.url.host
        if not self._address:
            try:
                found = self._look_up(host)
            except OSError as error:
                raise httpx2.ConnectError(str(error), request=request) from error
            private = next((address for address in found if not is_public(address)), "")
            if private:
                raise errors.PeerPrivate(url=str(request.url.copy_with(path="/")), address=private)
            self._address = found[0]
        request.url = request.url.copy_with(host=self._address)
        request.extensions = {**request.extensions, "sni_hostname": host}  # The certificate is the name's.
        try:
            return self._over.handle_request(request)
        except httpx2.TransportError:
            self._address = ""  # It may have moved.
            raise

    def close(self) -> None:
        self._over.close()


def _look_up(host: str) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet at large; one with another inside counts as that one."""
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        within = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if within is None and int(found) >> 32 == NAT64 >> 32:
            within = ip_address(int(found) & 0xFFFFFFFF)  # type: ignore[assignment]  # of 32 bits: IPv4
        if within is not None:
            return is_public(str(within))
    return found.is_global and not found.is_multicast
