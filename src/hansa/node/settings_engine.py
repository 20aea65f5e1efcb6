"""What `node.toml` says of the engine (CometBFT) beside a network node: its table `[engine]`.

Nobody edits the engine's own files: they are written anew from here and from the genesis file at each start.
"""

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from hansa.engines.cometbft.home import TIMEOUT_PROPOSE_MS
from hansa.kernel.types import Positive
from hansa.node import limits

ENGINE = "engine"
"""Folder of the engine's own files, in the data directory."""
VALIDATOR_KEY = "validator.key"
"""The consensus key, and in `node.key` the identity among peers; the engine's own files are made of both."""
SOCKET_PATH_MAX = 100
"""Bytes that the path of a Unix socket may have, with room to spare below the system's bound."""
PORT = r"([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
"""0 to 65535."""
Peer = Annotated[str, msgspec.Meta(pattern=rf"^[0-9a-f]{{40}}@[^@\s,]{{1,253}}:{PORT}\Z", max_length=320)]
"""id@host:port, the id being that of the peer's node key."""
Address = Annotated[str, msgspec.Meta(pattern=rf"^([^@\s,/]{{1,253}}:{PORT})?\Z", max_length=260)]
"""host:port."""
NodeUrl = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?\Z", max_length=300)]
"""Where another member's node answers."""
Seconds = Annotated[int, msgspec.Meta(ge=1, le=3_600)]
Pause = Annotated[int, msgspec.Meta(ge=1, le=60_000)]
"""Milliseconds."""


class Sync(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From where a node that holds nothing yet takes a snapshot: once, while there is no ledger."""

    servers: Annotated[tuple[NodeUrl, ...], msgspec.Meta(min_length=2)]
    """Addresses of other members' nodes, at least two: https://node.example/v1/engine."""
    height: Positive
    """A height of the engine whose block the joiner trusts, and the hash of that block."""
    hash: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f]{64}\Z")]


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Table `[engine]`."""

    listen: Address = "127.0.0.1:26656"
    """Where other members' engines reach this one."""
    external: Address = ""
    """The address that they are told, where it is another: behind a forwarded port."""
    peers: tuple[Peer, ...] = ()
    """Engines that this one keeps a connection to."""
    relay_only: bool = False
    """Nobody reaches this node: it only calls its peers, and hears of the others through them."""
    empty_block_interval_s: Seconds = 30
    """An idle chain makes a block after this long, so that its time does not grow old."""
    timeout_commit_ms: Pause = 200
    timeout_propose_ms: Pause = TIMEOUT_PROPOSE_MS
    """How long a silent proposer is waited for."""
    mempool_transactions: Positive = limits.MEMPOOL_TRANSACTIONS
    """Of all members together; small, since it is what pushes back."""
    mempool_bytes: Positive = limits.MEMPOOL_BYTES
    snapshot_interval: Positive = 1_000
    """A snapshot for joiners after so many blocks of the engine."""
    snapshots_kept: Positive = 2
    silent_blocks: Positive = limits.SILENT_BLOCKS
    """A validator that signed none of so many blocks is reported."""
    sync: Sync | None = None


class Sockets(NamedTuple):
    """Where application and engine of one node meet, on this machine only."""

    abci: Path
    rpc: Path

    def prepare(self) -> None:
        """Make their folder, which is this user's alone, and clear away what an earlier run left.

        Raises OSError, also where the folder, or a link in its place, is another user's.
        """
        folder = self.abci.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and {folder.lstat().st_uid, folder.stat().st_uid} != {os.getuid()}:
            raise PermissionError(f"{folder} belongs to another user")
        folder.chmod(0o700)
        for path in self:
            path.unlink(missing_ok=True)


def sockets(directory: str) -> Sockets:
    """The sockets of a data directory: in it, or where its path is too long in a short one of its own."""
    folder = Path(directory).absolute() / "run"
    if len(os.fsencode(folder / "abci.sock")) >= SOCKET_PATH_MAX:
        own = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"hansa-{own}"
    return Sockets(folder / "abci.sock", folder / "rpc.sock")


def port_of(address: str) -> int:
    """The port of host:port."""
    found = re.search(r":([0-9]{1,5})\Z", address)
    return int(found[1]) if found else 0
