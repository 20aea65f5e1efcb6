"""What steps of the traffic draw from: the picture of the ledger, the seed's chance, the members' keys."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hansa.kernel import Action, Key, keys, possession
from hansa.simulation.simulator.scenario import Send
from hansa.simulation.simulator.traffic.picture import Key as RowKey
from hansa.simulation.simulator.traffic.picture import Picture
from hansa.simulation.simulator.world import World

T = TypeVar("T")
FIRST_KEY = "k1"
"""Key with which every member starts: a person's, for everything."""
GATEWAY = "gw"
SOUND = 0.9
"""How often a step draws what fits, where it could draw something else as well."""


class Mind:
    """One for a whole run. All chance comes from the seed's own source."""

    def __init__(
        self,
        world: World,
        picture: Picture,
    ) -> None:
        self.world = world
        self.picture = picture
        self.random = world.random
        self.founders = world.members
        self.signer = world.signer
        self.installed = tuple(world.scenario.release().foreign)
        """Rooms from outside that every node has, whether they are in force or not."""
        self._names = 0

    # Chance.

    def luck(self, share: float) -> bool:
        return self.random.random() < share

    def one(self, choices: Sequence[T]) -> T:
        return choices[int(self.random.random() * len(choices))]

    def between(self, least: int, most: int) -> int:
        """Both ends included."""
        return least + int(self.random.random() * (most - least + 1))

    def name(self, prefix: str) -> str:
        """One that was not used before in this run."""
        self._names += 1
        return f"{prefix}-{self._names}"

    def hash(self) -> str:
        return f"{self.random.getrandbits(256):064x}"

    # The ledger.

    @property
    def now_ms(self) -> int:
        """Time of the last block: what is past for the ledger, too."""
        return self.picture.time_ms

    @property
    def soon_ms(self) -> int:
        """What the members' clocks show: deadlines count from here."""
        return self.world.now_ms

    def rows(self, table: str) -> dict[RowKey, Any]:
        return self.picture.rows(table)

    def row(self, table: str, *key: str | int) -> Any:
        return self.picture.row(table, *key)

    def ask(self, query: Callable[..., Any], *arguments: Any) -> Any:
        """What a function of a room that reads a ledger answers."""
        return self.picture.ask(query, *arguments)

    def pick(self, table: str, fit: Callable[[Any], bool] | None = None) -> tuple[RowKey, Any] | None:
        """A record that fits, most often; any, else. None where there is none at all."""
        rows = self.picture.rows(table)
        if not rows:
            return None
        found = list(rows.items())
        fitting = [row for row in found if fit(row[1])] if fit and self.luck(SOUND) else found
        return self.one(fitting) if fitting else None

    def sure(self, table: str, fit: Callable[[RowKey, Any], bool]) -> tuple[RowKey, Any] | None:
        """A record that fits; None where none does."""
        fitting = [row for row in self.picture.rows(table).items() if fit(*row)]
        return self.one(fitting) if fitting else None

    # Members.

    @property
    def active(self) -> list[str]:
        """Members that may enter something new."""
        rows = self.picture.rows("consortium.members")
        return [str(key[0]) for key, found in rows.items() if found.status == "active"]

    def member(self) -> str:
        """Any active one."""
        return self.one(self.active or self.founders)

    def other(self, *than: str) -> str:
        """Another active one, if there is one."""
        return self.one([each for each in self.active if each not in than] or self.founders)

    def right(self, member: str) -> str:
        """This member, most often."""
        return member if self.luck(SOUND + 0.05) else self.member()

    def keys_of(self, member: str, tag: str, kind: str = "person") -> list[str]:
        """Keys of a member that may sign an action now."""
        return [
            str(name[1])
            for name, key in self.picture.rows("kernel.keys").items()
            if name[0] == member and key.kind == kind and self.signs(key, tag) and name not in self.world.lost
        ]

    def signs(self, key: Key, tag: str) -> bool:
        """Whether a key may sign an action now, as far as its record says."""
        return (
            not key.revoked_ms
            and key.expires_ms > self.now_ms
            and key.kind != "device"
            and keys.in_scope(key.scopes, tag)
        )

    def send(self, member: str, *actions: Action, key: str = "") -> Send:
        """By that key; else by the member's first key, or another that may.

        Of a member that lost all of its keys it is whoever found one that sends.
        """
        if not key:
            key = FIRST_KEY
            found = self.row("kernel.keys", member, FIRST_KEY)
            tag = str(type(actions[0]).__struct_config__.tag)
            lost = (member, FIRST_KEY) in self.world.lost
            if found is None or lost or not self.signs(found, tag) or self.luck(0.1):
                key = self.one(self.keys_of(member, tag) or [FIRST_KEY])
        return Send(member, actions, key)

    def proof(self, member: str, name: str) -> tuple[bytes, bytes]:
        """Public key of a key that is to be registered, and its proof of possession."""
        held = self.signer(member, name)
        message = possession(self.picture.chain, member, name, held.public)
        return held.public, held.sign(message)


Step = Callable[[Mind], Send | None]
"""Something that a member may want to do now; None where it has no occasion."""
