"""What is looked at before a network node is started; each trouble is a refusal that says what to do."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median_low

from hansa.apps.consortium.messages import Genesis
from hansa.client.keyfiles import read_key
from hansa.kernel.canonical import decode_strict
from hansa.kernel.commit import chain_id_of
from hansa.kernel.refusal import Refusal
from hansa.node import engine_binary
from hansa.node import errors_supervision as refusals
from hansa.node import settings as files
from hansa.node.errors_joining import OtherEngine, OtherNetwork
from hansa.node.holders import holder_of_file, holder_of_port, port_is_free
from hansa.node.joining_checks import CLOCK_OFF_MAX_MS, are_most, ask_all
from hansa.node.joining_engine import PATH, Ask, Status
from hansa.node.settings import Settings
from hansa.node.settings_engine import VALIDATOR_KEY, port_of

LOCK = "node.lock"
LOCK_WAIT_S = 1.0
"""So long a lock is waited for: whoever only looks whether a node runs has it for a moment."""
OTHER_COMMANDS = {"operator": "hansa up", "follower": "hansa follow"}


def read_settings(directory: Path) -> Settings:
    """Raises FolderLacks, SettingsWrong, NotNetwork, …"""
    _require(directory / files.SETTINGS)
    found = files.read(directory)
    if found.role != "network":
        raise refusals.NotNetwork(path=str(directory), role=found.role, other=OTHER_COMMANDS[found.role])
    return found


def _require(path: Path) -> None:
    if not path.is_file():
        raise refusals.FolderLacks(path=str(path))


def check_folder(settings: Settings) -> bytes:
    """The genesis file of a folder that has all a node needs.

    Raises FolderLacks, GenesisDamaged, GenesisOther, or what is wrong with a key file.
    """
    for name in (files.GENESIS, files.NODE_KEY, VALIDATOR_KEY):
        _require(settings.file(name))
    for name in (files.NODE_KEY, VALIDATOR_KEY):
        read_key(settings.file(name))
    genesis = settings.file(files.GENESIS).read_bytes()
    try:
        found = decode_strict(genesis, Genesis)
    except Refusal as refusal:
        path = str(settings.file(files.GENESIS))
        raise refusals.GenesisDamaged(path=path, detail_zh=refusal.zh, detail_en=refusal.en) from None
    if not found.is_network:
        raise refusals.GenesisOther(path=settings.directory)
    return genesis


@contextmanager
def held(directory: Path, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Within it no other process runs this folder's node. Raises FolderHeld."""
    path, until_s = directory / LOCK, time.monotonic() + wait_s
    with path.open("a+b") as file:
        while not _lock(file.fileno()):
            if time.monotonic() >= until_s:
                raise refusals.FolderHeld(path=str(directory), who=holder_of_file(path) or "?")
            time.sleep(LOCK_WAIT_S / 20)
        yield


def is_free(directory: Path) -> bool:
    """Whether no process runs this folder's node now."""
    try:
        with held(directory, wait_s=0):
            return True
    except refusals.FolderHeld:
        return False


def _lock(descriptor: int) -> bool:
    """Whether it was had; given up by the system when the process ends, however it ends."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def check_ports(settings: Settings) -> None:
    """Raises PortHeld, which names the setting and who has the port."""
    wanted = [("port", settings.host, settings.port)]
    if not settings.engine.relay_only:
        host = settings.engine.listen.rpartition(":")[0].strip("[]")
        wanted.append(("[engine] listen", host, port_of(settings.engine.listen)))
    for setting, host, port in wanted:
        if port and not port_is_free(host, port):
            who = holder_of_port(port) or "?"
            raise refusals.PortHeld(setting=setting, host=host, port=port, who=who)


def other_nodes(settings: Settings) -> dict[str, str]:
    """Addresses of the other members' nodes that the settings name."""
    found: dict[str, str] = dict(settings.peers)
    sync = settings.engine.sync
    for number, server in enumerate(sync.servers if sync else ()):
        url = server.removesuffix(PATH)
        if url not in found.values():
            found[f"server-{number}"] = url
    return found


def check_others(ask: Ask, urls: Mapping[str, str], chain: str, clock: Callable[[], int]) -> list[Refusal]:
    """What is odd about the others: those that do not answer, and those of another network or engine.

    That is no reason not to start: somebody is always first, and one liar may be the only one that answers.
    Raises GenesisUnlike where most that answer belong to another network, which means that this folder's
    genesis file does; and ClockWrong where this machine's clock is far off those of most.
    """
    heard = ask_all(ask, urls)
    answered = {name: said for name, said in heard.items() if isinstance(said, Status)}
    odd = [said for said in heard.values() if isinstance(said, Refusal)]
    strange: list[Refusal] = [
        OtherNetwork(member=name, url=urls[name])
        for name, said in answered.items()
        if said.network != chain_id_of(chain)
    ]
    if are_most(strange, answered, urls):
        members = ", ".join(str(one.values["member"]) for one in strange)
        raise refusals.GenesisUnlike(members=members)
    odd += strange
    odd += [
        OtherEngine(member=name, found=said.version, version=engine_binary.VERSION)
        for name, said in answered.items()
        if said.version != engine_binary.VERSION
    ]
    clocks = {name: at for name, said in answered.items() if (at := said.clock_now_ms()) is not None}
    far_ms = {name: off_ms for name, at in clocks.items() if abs(off_ms := clock() - at) > CLOCK_OFF_MAX_MS}
    if are_most(far_ms, clocks, urls):
        seconds = abs(median_low(far_ms.values())) // 1_000
        raise refusals.ClockWrong(seconds=seconds, limit=CLOCK_OFF_MAX_MS // 1_000)
    odd += [
        refusals.ClockOther(member=name, seconds=abs(off_ms) // 1_000, limit=CLOCK_OFF_MAX_MS // 1_000)
        for name, off_ms in far_ms.items()
    ]
    return odd


def check_all(
    settings: Settings, ask: Ask, urls: Mapping[str, str], clock: Callable[[], int]
) -> tuple[str, engine_binary.Found, list[Refusal]]:
    """The chain, the engine, and what is odd about the others; where all is as a start needs it.

    Raises a refusal that says what to do.
    """
    genesis = check_folder(settings)
    engine = engine_binary.check()
    check_ports(settings)
    chain = hashlib.sha256(genesis).hexdigest()
    return chain, engine, check_others(ask, urls, chain, clock)
