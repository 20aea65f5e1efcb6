"""A ledger in memory on which a room is tried: for tests of a room by who writes it, without a node.

A room that its author's tests import is run as a node runs it: checked, with what it does counted.

trial = Trial(ROOM)
trial.do("plant", Admit(...))
assert trial.refused("bank", Admit(...)) == "visitors.not_here"
"""

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hansa.apps import rooms
from hansa.apps.consortium.messages import Genesis, GenesisKey, GenesisMember, Registration
from hansa.apps.consortium.registration import uscc_check_character
from hansa.engines.foreign_rooms import examine
from hansa.engines.replay import Replica
from hansa.engines.room_package import from_folder
from hansa.kernel import Action, Context, Event, Registry, Room, encode, limits
from hansa.kernel.apply import Applied, Block, Incident
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer
from hansa.kernel.state import Overlay
from hansa.kernel.transaction import sign

START_MS = 1_767_571_200_000
"""2026-01-05 00:00 UTC, a Monday."""
MEMBERS = ("maker", "plant", "bank")
E = TypeVar("E", bound=Event)


class Trial:
    """Members who act on the shipped rooms and those under trial. Time moves when the test says so."""

    def __init__(self, *tried: Room, members: Sequence[str] = MEMBERS) -> None:
        """Raises what a node would refuse to load, the first of it."""
        self.registry = Registry([*rooms.registry().rooms, *map(_as_on_a_node, tried)])
        self._replica = Replica(encode(_genesis(members)), self.registry)
        self.time_ms = START_MS
        self._sequences = {member: itertools.count(1) for member in members}
        self._events: list[bytes] = []
        self.incidents: list[Incident] = []
        """What a node would tell its operator: mistakes in the room show here."""

    def do(self, member: str, *actions: Action) -> None:
        """One transaction, in a block of its own. Raises the Refusal that it met."""
        wire = sign(
            self.registry,
            _signer(member),
            chain=self._replica.chain.id,
            member=member,
            key="k1",
            sequence=next(self._sequences[member]),
            valid_until_ms=self.time_ms + limits.HOUR_MS,
            actions=actions,
        )
        refusal = self._block([wire]).refusals[0]
        if refusal is not None:
            raise refusal

    def refused(self, member: str, *actions: Action) -> str:
        """Code of the refusal of a transaction. Raises AssertionError if it was accepted."""
        try:
            self.do(member, *actions)
        except Refusal as refusal:
            return refusal.code
        raise AssertionError("was accepted")

    def wait(self, ms: int) -> None:
        """Let time pass and do what fell due."""
        self.time_ms += ms
        while self._block([]).leaf is not None:
            self.time_ms += 1

    def query(self, name: str, **arguments: Any) -> Any:
        """A room's answer as plain values, as any client gets it."""
        ctx = Context(
            self.registry,
            Overlay(self._replica._state),
            time_ms=self.time_ms,
            height=self._replica.height,
            chain=self._replica.chain.id,
            rules=limits.RULES_MAX,
        )
        return msgspec.json.decode(encode(self.registry.query(ctx, name, arguments)))

    def events(self, kind: type[E]) -> list[E]:
        """All events of a type, oldest first."""
        tag = kind.__struct_config__.tag
        alike = (data for data in self._events if msgspec.json.decode(data)["_type"] == tag)
        return [msgspec.json.decode(data, type=kind) for data in alike]

    def _block(self, wires: Sequence[bytes]) -> Applied:
        applied = self._replica.execute(Block(self._replica.height + 1, self.time_ms, wires))
        self._events += applied.events
        self.incidents += applied.incidents
        return applied


def _as_on_a_node(room: Room) -> Room:
    """A room that was imported as Python does, loaded anew; any other as it is."""
    for name, module in list(sys.modules.items()):
        top = sys.modules.get(name.partition(".")[0])
        if top is None or not hasattr(top, "__path__"):
            continue
        for attribute, value in list(vars(module).items()):
            if value is room:
                package = from_folder(room.name, f"{name}:{attribute}", Path(next(iter(top.__path__))))
                loaded, refusals = examine(package)
                if loaded is None:
                    raise refusals[0]
                return loaded
    return room


def _signer(member: str) -> Signer:
    return Signer(member.encode().ljust(32, b".")[:32])


def _genesis(members: Sequence[str]) -> Genesis:
    def founder(name: str) -> GenesisMember:
        number = f"91310000TR1A1{members.index(name):04d}"
        key = GenesisKey(
            id="k1",
            public=_signer(name).public,
            holder=f"{name}-1",
            kind="person",
            scopes=("*",),
            expires_ms=START_MS + 20 * 366 * limits.DAY_MS,
        )
        return GenesisMember(
            id=name,
            name_zh=name,
            name_en=name,
            registration=Registration(kind="uscc", number=number + uscc_check_character(number)),
            size="medium",
            roles=("plant",),
            keys=(key,),
        )

    return Genesis(
        name_zh="试验联盟",
        name_en="Trial consortium",
        created_ms=START_MS,
        operator=members[0],
        node_public=_signer("node").public,
        members=tuple(founder(member) for member in members),
        rules=limits.RULES_MAX,
    )
