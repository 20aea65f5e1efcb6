"""A small consortium for tests of rooms: four companies, a node in memory, a clock that only the test moves.

def test_a_rule(consortium: Consortium) -> None:
    receipt = consortium.do("maker", SomeAction(...))
    refusal = consortium.refused("plant", SomeAction(...))
    assert refusal.code == "room.some_refusal"
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from hansa.apps.consortium.messages import (
    AnyKeyKind,
    Genesis,
    GenesisKey,
    GenesisMember,
    NewKey,
    RegisterKey,
    Registration,
    Role,
)
from hansa.apps.consortium.registration import uscc_check_character
from hansa.apps.rooms import registry as all_rooms
from hansa.client import Client, InProcess, Receipt
from hansa.engines.embedded import Embedded
from hansa.kernel import Action, Event, Registry, encode, limits, possession
from hansa.kernel.signatures import Signer

START_MS = int(datetime(2026, 1, 5, 0, 0, tzinfo=UTC).timestamp() * 1_000)
"""A Monday, 08:00 in Shanghai."""
KEY_LIFE_MS = 20 * 366 * limits.DAY_MS
MEMBERS = ("maker", "plant", "bank", "auditor")
IN_MEMORY = Path(":memory:")

E = TypeVar("E", bound=Event)


class VirtualClock:
    """Milliseconds since the epoch; stands still until a test moves it."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, *, days: int = 0, hours: int = 0, minutes: int = 0, ms: int = 0) -> None:
        self.now_ms += days * limits.DAY_MS + hours * limits.HOUR_MS + minutes * limits.MINUTE_MS + ms


def signer(member: str, key: str = "k1") -> Signer:
    """The private key behind `member/key`: the same in every run."""
    return Signer(f"{member}/{key}".encode().ljust(32, b".")[:32])


ROLES: dict[str, Role] = {"maker": "lessor", "plant": "plant", "bank": "bank", "auditor": "auditor"}


def uscc(number: int) -> str:
    """A 统一社会信用代码 of the right form, its check character right; of no real company."""
    first = f"91310000HANSA{number:04d}".replace("S", "5")
    return first + uscc_check_character(first)


def new_key(chain: str, member: str, name: str, by: Signer | None = None, **fields: Any) -> NewKey:
    """A key as a member registers it, with its proof of possession. Any field as the test wants it."""
    held = by or signer(member, name)
    kind: AnyKeyKind = "person"
    given = {
        "id": name,
        "public": held.public,
        "holder": f"{member}-{name}",
        "kind": kind,
        "scopes": ("*",),
        "expires_ms": START_MS + KEY_LIFE_MS,
        "proof": held.sign(possession(chain, member, name, held.public)),
    }
    return NewKey(**(given | fields))


def genesis(registry: Registry, now_ms: int = START_MS, *, rules: int = limits.RULES_MAX) -> Genesis:
    """Four members, each with a person's key `k1` of scope `*`; plant's gateway has `gateway-1`.

    The operator signs headers alone.
    """
    rooms = [room.name for room in registry.rooms]
    gateway_scopes = ("metering.*",) if "metering" in rooms else ()

    def key(member: str, name: str, kind: Any, scopes: tuple[str, ...]) -> GenesisKey:
        public = signer(member, name).public
        return GenesisKey(
            id=name,
            public=public,
            holder=f"{member}-{name}",
            kind=kind,
            scopes=scopes,
            expires_ms=now_ms + KEY_LIFE_MS,
        )

    def member(name: str) -> GenesisMember:
        keys = [key(name, "k1", "person", ("*",))]
        if name == "plant":
            keys.append(key(name, "gateway-1", "gateway", gateway_scopes))
        return GenesisMember(
            id=name,
            name_zh=f"华东{name}有限公司",
            name_en=f"East China {name} Ltd",
            keys=tuple(keys),
            register_id=f"9131{name}" if rules == 1 else "",
            role=name if rules == 1 else "",
            registration=None if rules == 1 else Registration(kind="uscc", number=uscc(MEMBERS.index(name))),
            size="" if rules == 1 else "medium",
            roles=() if rules == 1 else (ROLES[name],),
        )

    return Genesis(
        name_zh="华东包装产能共享联盟",
        name_en="East China packaging capacity consortium",
        created_ms=now_ms,
        operator="maker",
        node_public=signer("maker", "node").public,
        members=tuple(member(name) for name in MEMBERS),
        rules=rules,
    )


class Consortium:
    """Members who act through their own clients on one embedded node."""

    def __init__(
        self,
        path: Path = IN_MEMORY,
        *,
        registry: Registry | None = None,
        cache_records: int | None = 100_000,
        now_ms: int = START_MS,
        change: Callable[[Genesis], Genesis] = lambda file: file,
    ) -> None:
        self.path = path
        self.clock = VirtualClock(now_ms)
        self.registry = registry or all_rooms()
        self.genesis = change(genesis(self.registry, now_ms))
        self._cache_records = cache_records
        self._clients: dict[tuple[str, str], Client] = {}
        self.node = self._open()

    def _open(self) -> Embedded:
        return Embedded(
            self.path,
            encode(self.genesis),
            signer("maker", "node"),
            self.clock,
            registry=self.registry,
            cache_records=self._cache_records,
        )

    def client(self, member: str, key: str = "k1") -> Client:
        """The client that signs with this key; always the same one, so that sequence numbers go on."""
        if (member, key) not in self._clients:
            self._clients[member, key] = Client(
                InProcess(self.node),
                self.registry,
                member=member,
                key=key,
                signer=signer(member, key),
                clock=self.clock,
            )
        return self._clients[member, key]

    def key(self, member: str, name: str, by: Signer | None = None, **fields: Any) -> RegisterKey:
        """The registration of one more key of a member, good for a year unless the test says otherwise."""
        fields = {"expires_ms": self.in_days(365)} | fields
        return RegisterKey(key=new_key(self.node.chain.id, member, name, by, **fields))

    def do(self, member: str, *actions: Action, key: str = "k1") -> Receipt:
        """One transaction that must succeed."""
        receipt = self.submit(member, *actions, key=key)
        assert receipt.code == "ok", f"{receipt.code} ({receipt.field}): {receipt.en}"
        return receipt

    def refused(self, member: str, *actions: Action, key: str = "k1") -> Receipt:
        """One transaction that must be refused, with code, field, clause and both texts."""
        receipt = self.submit(member, *actions, key=key)
        assert receipt.code != "ok", "was accepted"
        assert receipt.zh
        assert receipt.en
        return receipt

    def submit(self, member: str, *actions: Action, key: str = "k1") -> Receipt:
        client = self.client(member, key)
        return client.transport.submit([client.sign(*actions)])[0]

    def in_days(self, days: int) -> int:
        """This time of day, so many days from now, in ms."""
        return self.clock() + days * limits.DAY_MS

    def pass_days(self, days: int) -> None:
        """Let time pass and do what fell due."""
        self.clock.advance(days=days)
        self.node.wake()

    def query(self, name: str, **arguments: Any) -> Any:
        """A room's answer as plain values, as any client gets it."""
        return msgspec.json.decode(self.client("auditor").transport.query(name, encode(arguments)))

    def events(self, kind: type[E]) -> list[E]:
        """All events of a type since genesis, oldest first."""
        tag = kind.__struct_config__.tag
        found = [data for _, _, data in self.node.events_after(0, -1)]
        return [
            msgspec.json.decode(data, type=kind)
            for data in found
            if msgspec.json.decode(data)["_type"] == tag
        ]

    def reopen(self) -> None:
        """Stop the node and start it again from its file."""
        self.node.close()
        self.node = self._open()
        for client in self._clients.values():
            client.transport = InProcess(self.node)

    def close(self) -> None:
        self.node.close()


@pytest.fixture
def consortium() -> Iterator[Consortium]:
    """A fresh consortium with all rooms, in memory."""
    made = Consortium()
    yield made
    made.close()


@pytest.fixture
def consortium_on_disk(tmp_path: Path) -> Iterator[Consortium]:
    """The same on a file, for tests that stop the node and start it again."""
    made = Consortium(tmp_path / "ledger.db")
    yield made
    made.close()
