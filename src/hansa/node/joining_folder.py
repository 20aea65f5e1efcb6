"""The data directory of a network node: its keys, its settings, its genesis file.

The keys come first, on the machine that will use them; the genesis file comes last, so that what is half-made
is no node's directory yet. No private key ever leaves it.
"""

import tomllib
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hansa.client.files import write_new, write_over
from hansa.client.keyfiles import PrivateKey, new_key, read_key, write_key
from hansa.kernel.refusal import shown
from hansa.node import errors_joining as errors
from hansa.node.private import private
from hansa.node.settings import GENESIS, NODE_KEY, SETTINGS
from hansa.node.settings_engine import VALIDATOR_KEY
from hansa.node.supervision_place import settle

DAILY_FILE, WORKER_FILE = "k1.pem", "member.key"
SETTINGS_BEFORE = "node.toml.before"
WORKER_KEY = "node-1"
"""Id of the key by which the node itself signs: ticks, and sessions at the nodes of others."""
WORKER_SCOPES = ("consortium.tick",)
HTTP_PORT, ENGINE_PORT = 8420, 26656
READABLE = 0o644
TEXT_HEAD = (
    "# Settings of this node: docs/run-a-node.md lists them all.",
    "# 本节点的设置，全部选项见 docs/zh/run-a-node.md。",
)


class Keys(NamedTuple):
    """What a network node's directory holds of private keys."""

    daily: PrivateKey
    """The person's who founds or joins; moves into the profile."""
    worker: PrivateKey
    node: PrivateKey
    """The engine's identity among engines."""
    validator: PrivateKey


class Sync(NamedTuple):
    """Where a joiner's engine finds what it checks a snapshot by."""

    servers: tuple[str, ...]
    height: int
    hash: str


class Plan(NamedTuple):
    """How a node is to be reached, and whom it dials."""

    member: str
    port: int = HTTP_PORT
    listen: str = f"0.0.0.0:{ENGINE_PORT}"
    external: str = ""
    """host:port that others dial, where it is another than `listen`."""
    peers: tuple[str, ...] = ()
    relay_only: bool = False
    sync: Sync | None = None
    host: str = "127.0.0.1"
    urls: Mapping[str, str] = {}
    """Where the other members' nodes answer."""


@private()
def make_keys(directory: Path) -> Keys:
    """The keys of a directory; those that are missing are made. A second try goes on with the same."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = not (directory / VALIDATOR_KEY).exists()
    keys = Keys(*(_key(directory / name) for name in (DAILY_FILE, WORKER_FILE, NODE_KEY, VALIDATOR_KEY)))
    if own:
        settle(directory)
    return keys


def _key(path: Path) -> PrivateKey:
    """A node's folder had all its keys before its genesis file: one that is gone then is not made anew."""
    if not path.exists() and not (path.parent / GENESIS).exists():
        write_key(path, new_key().seed)
    return read_key(path)


def settings_text(plan: Plan, more: Sequence[tuple[str, Any]] = ()) -> str:
    """A node.toml. `more`: further settings of the engine."""
    lines = [*TEXT_HEAD]
    lines += _lines(member=plan.member, role="network", host=plan.host, port=plan.port, key=WORKER_KEY)
    if plan.urls:
        lines += ["", "[peers]", *(f"{_toml(name)} = {_toml(url)}" for name, url in plan.urls.items())]
    engine: dict[str, Any] = {"listen": plan.listen}
    if plan.external:
        engine["external"] = plan.external
    engine["peers"] = list(plan.peers)
    if plan.relay_only:
        engine["relay_only"] = True
    lines += ["", "[engine]", *_lines(**engine, **dict(more))]
    if plan.sync is not None:
        lines += ["", "[engine.sync]", *_lines(**plan.sync._asdict())]
    return "\n".join(lines) + "\n"


def _lines(**values: Any) -> list[str]:
    return [f"{name} = {_toml(value)}" for name, value in values.items()]


def _toml(value: Any) -> str:
    """Texts, integers, booleans and lists of texts are written in TOML as in JSON."""
    return msgspec.json.encode(value).decode()


def check_folder(directory: Path, genesis: bytes, member: str) -> None:
    """Before anything is written. Raises FolderTaken for another network's folder, FolderOfAnother."""
    there = directory / GENESIS
    if there.exists() and there.read_bytes() != genesis:
        raise errors.FolderTaken(path=str(directory))
    check_owner(directory, member)


def check_owner(directory: Path, member: str) -> None:
    """Before a key is made there. Raises FolderOfAnother where the settings name another member."""
    try:
        whose = tomllib.loads((directory / SETTINGS).read_text("utf-8")).get("member", member)
    except (OSError, ValueError):
        return
    if whose != member:
        raise errors.FolderOfAnother(path=str(directory), whose=shown(str(whose)), member=member)


@private()
def write_folder(directory: Path, genesis: bytes, settings: str) -> Path | None:
    """The settings, then the genesis file; keys are there. Other settings that were there are kept beside
    them, also those kept earlier: their new path is returned. Raises FolderTaken where another genesis file
    is there.
    """
    there, path, kept = directory / GENESIS, directory / SETTINGS, _free(directory / SETTINGS_BEFORE)
    if there.exists() and there.read_bytes() != genesis:
        raise errors.FolderTaken(path=str(directory))
    differs = path.exists() and path.read_bytes() != settings.encode()
    if differs:
        write_new(kept, path.read_bytes(), READABLE)
    write_over(path, settings.encode(), READABLE)
    if not there.exists():
        write_new(there, genesis, READABLE)
    return kept if differs else None


def _free(path: Path) -> Path:
    """This name, or the next by number under which nothing lies."""
    named = (path.with_name(f"{path.name}{f'.{number}' if number else ''}") for number in count())
    return next(each for each in named if not each.exists())
