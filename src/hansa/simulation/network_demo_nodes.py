"""The nodes of the network demo: each a folder, keys, ports and processes of its own, as a company has them.

They are run by `hansa node run`, as shipped. None outlives this process, however that ends: each is asked to
end, then made to; and where this process is killed the system ends them.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hansa.apps.consortium.messages import AnyKeyKind, Company, GenesisKey, GenesisMember
from hansa.client.http import Http
from hansa.client.keyfiles import PrivateKey, read_key, write_key
from hansa.client.several import Other
from hansa.kernel import Refusal, encode, limits
from hansa.node import joining_cards as founding
from hansa.node import joining_engine as engine
from hansa.node.joining_folder import (
    DAILY_FILE,
    WORKER_KEY,
    WORKER_SCOPES,
    Keys,
    Plan,
    make_keys,
    settings_text,
    write_folder,
)
from hansa.node.supervision import SHIM
from hansa.simulation import cast
from hansa.simulation.cast import FIRST_KEY, GATEWAY_KEY, METER_OWNER
from hansa.simulation.errors_network import NodeSilent, StepTooLong
from hansa.simulation.supervisor import free_ports

HOST = "127.0.0.1"
LOG = "node.log"
DESK_KEY = "desk-1"
"""Of a second person: votes and the like, while the first one does business."""
DESK_FILE, GATEWAY_FILE = "desk-1.pem", "gateway-1.pem"
KEY_LIFE_MS = 5 * 366 * limits.DAY_MS
START_WITHIN_S, STEP_WITHIN_S, STOP_WITHIN_S = 120.0, 180.0, 30.0
LOOK_EVERY_S = 0.2
ENGINE_MORE = (("empty_block_interval_s", 3), ("snapshot_interval", 15))
"""A short play rests little, and a joiner finds a snapshot soon."""
RUN = ("-c", "from hansa.cli.main import main; main()", "node", "run")


@dataclass
class NodeUnit:
    """One company's node. `start` returns at once; `until` waits for what it shall have done."""

    member: str
    folder: Path
    port: int
    engine_port: int
    process: subprocess.Popen[bytes] | None = None
    _https: list[Http] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def address(self) -> str:
        return f"{HOST}:{self.engine_port}"

    def keys(self) -> Keys:
        return make_keys(self.folder)

    def key(self, name: str) -> PrivateKey:
        """The private key of an id: of the daily key, the desk's, the gateway's."""
        files = {FIRST_KEY: DAILY_FILE, DESK_KEY: DESK_FILE, GATEWAY_KEY: GATEWAY_FILE}
        return read_key(self.folder / files[name])

    def start(self) -> None:
        """`hansa node run`, in a session of its own: Ctrl-C is for the demo, which then ends it."""
        command = [sys.executable, *RUN, str(self.folder)]
        with (self.folder / LOG).open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SHIM), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL if sys.platform == "linux" else subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """All of it at once, as by a power cut: what it started dies with it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask_to_end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def ended(self, until_s: float) -> None:
        """Return when it has ended; one that does not by then is killed."""
        if self.process is None:
            return
        try:
            self.process.wait(max(until_s - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                self.process.kill()
            self.process.wait()
        self.process = None

    def http(self, key: str = FIRST_KEY, others: Sequence["NodeUnit"] = ()) -> Http:
        """The member's own access to its own node, or by others while that is away."""
        opened = Http(
            self.url,
            signer=self.key(key).signer,
            member=self.member,
            key=key,
            node=self.member,
            others=[Other(unit.url, unit.member) for unit in others],
        )
        self._https.append(opened)
        return opened

    def close(self) -> None:
        for http in self._https:
            http.close()
        self._https.clear()

    def status(self) -> engine.Status | None:
        """What its engine says; None while it says nothing."""
        try:
            return engine.status(engine.over_http(), self.url)
        except Refusal:
            return None

    def check_alive(self) -> None:
        """Raises NodeSilent where it has ended by itself."""
        if self.process is not None and self.process.poll() is not None:
            raise NodeSilent(member=self.member, log=str(self.folder / LOG))


def end_all(units: Iterable[NodeUnit]) -> None:
    """End all together. Nothing interrupts it: a second Ctrl-C would leave processes behind."""
    listed = list(units)
    with _Undisturbed():
        for unit in listed:
            unit.close()
            unit.ask_to_end()
        until_s = time.monotonic() + STOP_WITHIN_S
        for unit in listed:
            unit.ended(until_s)


class _Undisturbed:
    """Within it Ctrl-C is not heard; only the main thread can say so, and only it hears one."""

    def __enter__(self) -> None:
        try:
            self._before: Any = signal.signal(signal.SIGINT, signal.SIG_IGN)
        except ValueError:  # Not the main thread.
            self._before = None

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)


def until(
    what: Callable[[], bool],
    units: Sequence[NodeUnit],
    step_zh: str,
    step_en: str,
    within_s: float = STEP_WITHIN_S,
) -> float:
    """Seconds until something was true. Raises StepTooLong, or NodeSilent where a node ended meanwhile."""
    began = time.monotonic()
    while not what():
        for unit in units:
            unit.check_alive()
        if time.monotonic() - began > within_s:
            raise StepTooLong(
                step_zh=step_zh, step_en=step_en, seconds=int(within_s), log=str(units[0].folder.parent)
            )
        time.sleep(LOOK_EVERY_S)
    return time.monotonic() - began


# Founding, by the same files that companies exchange.


def new_unit(root: Path, member: str) -> NodeUnit:
    port, engine_port = free_ports(2)
    return NodeUnit(member, root / member, port, engine_port)


def found(root: Path, companies: Sequence[cast.Company], now_ms: int) -> tuple[bytes, dict[str, NodeUnit]]:
    """Founders' keys and cards, the founding file, a folder for each: as `hansa network` has it."""
    units = {company.id: new_unit(root, company.id) for company in companies}
    cards = [_card(units[company.id], company, now_ms) for company in companies]
    named = founding.Named(
        name_zh=cast.NAME_ZH,
        name_en=cast.NAME_EN,
        created_ms=now_ms,
        rules=limits.RULES_MAX,
        charter_sha256=cast.charter()[2],
    )
    genesis = encode(founding.genesis_of(named, [one.card for one in cards]))
    file = encode(founding.FoundingFile(genesis=genesis, cards=tuple(cards)))
    for unit in units.values():
        confirmed, _ = founding.read_founding(file, "founding.json")
        keys = unit.keys()
        own = founding.own_card(confirmed, keys.daily.public, keys.validator.public, keys.node.public)
        others = [one.card for one in confirmed.cards]
        plan = Plan(
            member=unit.member,
            port=unit.port,
            listen=unit.address,
            external=own.address,
            peers=tuple(founding.peers_of(others, unit.member)),
            urls=founding.urls_of(others, unit.member),
        )
        write_folder(unit.folder, genesis, settings_text(plan, ENGINE_MORE))
    return genesis, units


def _card(unit: NodeUnit, company: cast.Company, now_ms: int) -> founding.SignedNetworkCard:
    keys = unit.keys()
    own: dict[str, PrivateKey] = {FIRST_KEY: keys.daily, DESK_KEY: _made(unit.folder / DESK_FILE)}
    listed = [_key(unit.member, name, key, "person", ("*",), now_ms) for name, key in own.items()]
    signers = [*own.values()]
    if unit.member == METER_OWNER:
        gateway = _made(unit.folder / GATEWAY_FILE)
        scopes = ("metering.anchor", "metering.record")
        listed.append(_key(unit.member, GATEWAY_KEY, gateway, "gateway", scopes, now_ms))
        signers.append(gateway)
    listed.append(_key(unit.member, WORKER_KEY, keys.worker, "worker", WORKER_SCOPES, now_ms))
    registered = registered_of(company, unit.url, now_ms)
    member = GenesisMember(
        id=unit.member,
        keys=tuple(listed),
        **{name: getattr(registered, name) for name in registered.__struct_fields__},
    )
    made = founding.card_of(member, keys.validator.signer, keys.node.public, unit.address)
    return founding.signed(made, [key.signer for key in (*signers, keys.worker, keys.validator, keys.node)])


def registered_of(company: cast.Company, url: str, now_ms: int) -> Company:
    """A company's registered data, its node's address among them."""
    return Company(
        name_zh=company.name_zh,
        name_en=company.name_en,
        registration=cast.registration(company),
        size=company.size,
        roles=company.roles,
        licences=cast.licences(company, now_ms),
        node_url=url,
    )


def _key(
    member: str, name: str, key: PrivateKey, kind: AnyKeyKind, scopes: tuple[str, ...], now_ms: int
) -> GenesisKey:
    return GenesisKey(
        id=name,
        public=key.public,
        holder=f"{member}-{name}",
        kind=kind,
        scopes=scopes,
        expires_ms=now_ms + KEY_LIFE_MS,
    )


def _made(path: Path) -> PrivateKey:
    if not path.exists():
        write_key(path, os.urandom(32))
    return read_key(path)


# What nodes say.


def statuses(units: Mapping[str, NodeUnit]) -> dict[str, engine.Status]:
    found = {member: unit.status() for member, unit in units.items()}
    return {member: said for member, said in found.items() if said is not None}
