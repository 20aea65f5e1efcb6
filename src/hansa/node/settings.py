"""A node's settings: `node.toml` in its data directory, and the names of the files beside it."""

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from hansa.kernel.types import Id, OptionalId, Positive
from hansa.node import errors, limits, watchdog
from hansa.node.errors_settings import TlsHalf
from hansa.node.settings_engine import EngineSettings, NodeUrl
from hansa.node.settings_trouble import explained

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
"""0: any that is free."""
SETTINGS, GENESIS, LEDGER, SIGNED, NODE_KEY, ROOMS = (
    "node.toml",
    "genesis.json",
    "ledger.db",
    "signed.db",
    "node.key",
    "rooms",
)


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may change of `hansa.node.limits`."""

    queue_transactions: Positive = limits.QUEUE_TRANSACTIONS_MAX
    queue_bytes: Positive = limits.QUEUE_BYTES_MAX
    queue_member: Positive = limits.QUEUE_MEMBER_MAX
    queue_key: Positive = limits.QUEUE_KEY_MAX
    queue_address: Positive = limits.QUEUE_ADDRESS_MAX
    group_transactions: Positive = limits.GROUP_TRANSACTIONS_MAX
    body_bytes: Positive = limits.BODY_BYTES_MAX
    bodies_bytes: Positive = limits.BODIES_BYTES_MAX
    body_time_s: Positive = limits.BODY_TIME_MAX_S
    header_time_s: Positive = limits.HEADER_TIME_MAX_S
    keep_alive_s: Positive = limits.KEEP_ALIVE_S
    connections: Positive = limits.CONNECTIONS_MAX
    connections_per_address: Positive = limits.CONNECTIONS_PER_ADDRESS_MAX
    send_time_s: Positive = limits.SEND_TIME_MAX_S
    readers: Positive = limits.READERS
    reads_waiting: Positive = limits.READS_WAITING_MAX
    reads_member: Positive = limits.READS_MEMBER_MAX
    reads_strangers: Positive = limits.READS_STRANGERS_MAX
    read_time_s: Positive = limits.READ_TIME_MAX_S
    sessions: Positive = limits.SESSIONS_MAX
    sessions_per_key: Positive = limits.SESSIONS_PER_KEY_MAX
    session_life_ms: Positive = limits.SESSION_LIFE_MS
    listeners: Positive = limits.LISTENERS_MAX
    listeners_per_member: Positive = limits.LISTENERS_PER_MEMBER_MAX
    wait_ms: Positive = limits.WAIT_MAX_MS
    heartbeat_s: Positive = limits.HEARTBEAT_S
    disk_free: Positive = limits.DISK_FREE_MIN


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much history a node keeps besides what it must."""

    keep_write_sets: Positive = 100_000
    """Blocks whose write sets are kept: for reads at a past height, and to name a record that differs."""
    keep_blocks: Positive | None = None
    """Blocks kept whole; of older ones leaf and header stay. Left out: all."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `node.toml` says. Made by `read`; a test makes its own."""

    member: Id
    """The member whose node this is."""
    role: Literal["operator", "follower", "network"] = "operator"
    """network: one of several nodes that agree on each block, none of them trusted."""
    host: str = "127.0.0.1"
    port: Port = 8420
    hosts: tuple[str, ...] = ()
    """Further names by which clients call this node. Loopback addresses and `host` need none."""
    tls_certificate: str = ""
    """PEM files, absolute or beside node.toml."""
    tls_key: str = ""
    exposed_without_tls: bool = False
    """The operator's word that plain HTTP beyond this machine is meant."""
    follow: str = ""
    """A follower's source: the URL of the operator's node."""
    follow_node: OptionalId = ""
    """Whose node that is; left out: the operator's, by what this copy knows."""
    peers: dict[Id, NodeUrl] = {}
    """Addresses of other members' nodes, before those that stand in the members' records."""
    peers_private: bool = False
    """Whether addresses of members' records may be plain HTTP, or lie in a private net."""
    follow_ca: str = ""
    """PEM file of the authority behind the operator's certificate, where it is none of the system's."""
    key: OptionalId = ""
    """Id of the key by which this node opens sessions elsewhere."""
    block_seconds: Positive = watchdog.SECONDS
    """A block that takes longer ends the process before it commits. The dearest takes about 30 s."""
    log: Literal["debug", "info", "warning"] = "info"
    engine: EngineSettings = EngineSettings()
    """The engine beside a network node."""
    limits: Limits = Limits()
    retention: Retention = Retention()
    directory: str = "."
    """Where the data lie. Set by `read`."""

    def file(self, name: str) -> Path:
        """A file of the data directory."""
        return Path(self.directory) / name


def read(directory: Path) -> Settings:
    """The settings of a data directory. Raises FileMissing, or SettingsWrong: line, key, what may be."""
    path = directory / SETTINGS
    if not path.is_file():
        raise errors.FileMissing(path=str(path))
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        settings = msgspec.convert({**found, "directory": str(directory)}, Settings, strict=True)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError, OSError) as error:
        raise explained(path, error, Settings) from None
    check(settings)
    return settings


def check(settings: Settings) -> None:
    """What the types cannot say. Raises a refusal of `errors`."""
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise TlsHalf(path=str(settings.file(SETTINGS)))
    if not settings.tls_certificate and not settings.exposed_without_tls and not _is_loopback(settings.host):
        raise errors.ExposedPlain(host=settings.host)
    if settings.role == "follower" and not settings.follow:
        raise errors.FollowNothing()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
