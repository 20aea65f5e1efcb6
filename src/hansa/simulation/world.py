"""A consortium in one process, from one seed: members, keys, a node, a clock that only the play moves.

Keys made from a seed are for plays and tests: whoever knows the seed holds them.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansa.apps.consortium.messages import Genesis, GenesisKey, GenesisMember
from hansa.apps.rooms import registry as all_rooms
from hansa.client import Client, InProcess
from hansa.edge.gateway import Gateway
from hansa.edge.readings import ReadingStore
from hansa.engines.embedded import Embedded
from hansa.kernel import Registry, encode, limits
from hansa.kernel.signatures import Signer

KEY_LIFE_MS = 30 * 366 * limits.DAY_MS


@dataclass(frozen=True)
class Company:
    id: str
    name_zh: str
    name_en: str
    register_id: str
    role: str


COMPANIES = (
    Company(
        "maker",
        "江南包装机械有限公司",
        "Jiangnan Packaging Machinery Co., Ltd.",
        "DEMO-310000-MAKER",
        "maker",
    ),
    Company("plant", "太湖食品包装有限公司", "Taihu Food Packaging Co., Ltd.", "DEMO-320500-PLANT", "plant"),
    Company("bank", "长三角产业银行", "Yangtze Delta Industrial Bank", "DEMO-310000-BANK", "bank"),
    Company("auditor", "明鉴会计师事务所", "Mingjian Certified Accountants", "DEMO-310000-AUDIT", "auditor"),
)
NAME_ZH = "华东包装产能共享联盟"
NAME_EN = "East China Packaging Capacity Consortium"
OPERATOR = "maker"
METER_OWNER = "plant"
GATEWAY_KEY = "gateway-1"


class ReplayClock:
    """Stands where the play has put it; never goes back."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def move_to(self, now_ms: int) -> None:
        self.now_ms = max(self.now_ms, now_ms)


@dataclass
class World:
    """A running play. `clients` by member; the gateway speaks for the plant's devices."""

    folder: Path
    registry: Registry
    clock: ReplayClock
    node: Embedded
    clients: Mapping[str, Client]
    gateway: Gateway

    @property
    def genesis_file(self) -> Path:
        return self.folder / "genesis.json"

    def close(self) -> None:
        self.gateway.store.close()
        self.node.close()


def secret(seed: int, *names: str) -> bytes:
    """32 bytes that only the seed and the names decide."""
    return hashlib.sha256(":".join(("hansa-play", str(seed), *names)).encode()).digest()


def found(folder: Path, start_ms: int, seed: int = 1, companies: Sequence[Company] = COMPANIES) -> World:
    """Found a consortium in an empty folder and open its node."""
    folder.mkdir(parents=True, exist_ok=True)
    registry = all_rooms()
    genesis = encode(_genesis(seed, start_ms, companies))
    (folder / "genesis.json").write_bytes(genesis)
    clock = ReplayClock(start_ms)
    node = Embedded(folder / "ledger.db", genesis, Signer(secret(seed, "node")), clock, registry=registry)

    def client(member: str, key: str) -> Client:
        return Client(
            InProcess(node),
            registry,
            member=member,
            key=key,
            signer=Signer(secret(seed, member, key)),
            clock=clock,
        )

    gateway = Gateway(
        client(METER_OWNER, GATEWAY_KEY),
        ReadingStore(folder / "readings.db"),
        secret(seed, METER_OWNER, "readings"),
    )
    clients = {company.id: client(company.id, "clerk-1") for company in companies}
    return World(folder, registry, clock, node, clients, gateway)


def _genesis(seed: int, start_ms: int, companies: Sequence[Company]) -> Genesis:
    def key(member: str, name: str, kind: Any, *scopes: str) -> GenesisKey:
        return GenesisKey(
            id=name,
            public=Signer(secret(seed, member, name)).public,
            holder=f"{member}-{name}",
            kind=kind,
            scopes=scopes,
            expires_ms=start_ms + KEY_LIFE_MS,
        )

    def keys(company: Company) -> tuple[GenesisKey, ...]:
        clerk = key(company.id, "clerk-1", "person", "*")
        if company.id != METER_OWNER:
            return (clerk,)
        return (
            clerk,
            key(company.id, GATEWAY_KEY, "gateway", "metering.anchor", "metering.record"),
        )

    return Genesis(
        name_zh=NAME_ZH,
        name_en=NAME_EN,
        created_ms=start_ms,
        operator=OPERATOR,
        node_public=Signer(secret(seed, "node")).public,
        members=tuple(
            GenesisMember(
                id=company.id,
                name_zh=company.name_zh,
                name_en=company.name_en,
                register_id=company.register_id,
                role=company.role,
                keys=keys(company),
            )
            for company in companies
        ),
        rules=1,
    )


Progress = Callable[[str, str, int, int], None]
"""(zh, en, done, all): how far a play is; all is 0 where it cannot be told."""


def silent(zh: str, en: str, done: int, whole: int) -> None:
    """No progress shown."""
    del zh, en, done, whole
