"""Rooms and their registry: which actions, events, tables, queries, listeners exist, and who handles each."""

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from hansa.kernel import limits
from hansa.kernel.active import ACTIVE, Outdated, RoomMissing
from hansa.kernel.context import Context, Table
from hansa.kernel.due import PARKED, PENDING, QUEUE
from hansa.kernel.keys import KEYS, WINDOWS
from hansa.kernel.messages import Action, Event, RoomPin, Signal
from hansa.kernel.refusal import Refusal
from hansa.kernel.types import FrozenMeta, Hash, KeyId, MemberId, Positive, Struct, TimeMs

ASIDE_BYTES_MAX = 2**23
"""Of transactions set aside; then all are forgotten, and decoded again when they are needed. Decoded, the
worst take twelve times their bytes."""
KERNEL_TABLES: tuple[Table[Any], ...] = (KEYS, WINDOWS, QUEUE, PENDING, PARKED, ACTIVE)

Handler = Callable[..., None]
Gate = Callable[[Context, Sequence[Action]], bool]
"""(ctx, a transaction's actions) → True if it took them to hold them back: then none is done (rule 7)."""

F = TypeVar("F", bound=Callable[..., Any])


class QueryUnknown(Refusal, code="kernel.query_unknown", field="name"):
    zh = "没有名为 {name} 的查询。请对照参考文档检查名称。"
    en = "There is no query {name}. Check the name against the reference."


class QueryArguments(Refusal, code="kernel.query_arguments", field="arguments"):
    zh = "查询 {name} 的参数不对：{detail}。请对照参考文档改正。"
    en = "The arguments of query {name} are wrong: {detail}. Correct them by the reference."


def since(rules: int) -> Callable[[F], F]:
    """Marks a room's handler as one that exists from this version of the rules on (rule 13)."""
    return _marked("since", rules)


def until(rules: int) -> Callable[[F], F]:
    """Marks a handler as one that no longer exists after this version of the rules."""
    return _marked("until", rules)


def _marked(mark: str, rules: int) -> Callable[[F], F]:
    def mark_it(handler: F) -> F:
        setattr(handler, mark, rules)
        return handler

    return mark_it


class Room:
    """One business subject: its contract's functions, its tables and its events.

    An action's type is read from the handler's second argument, a listener's signal likewise. `faults` hears
    of each fault that a network's engine found in a validator (facts.py); one room of all has it.
    """

    def __init__(
        self,
        name: str,
        *,
        actions: Sequence[Handler] = (),
        due: Sequence[Handler] = (),
        listeners: Sequence[Handler] = (),
        gates: Sequence[Gate] = (),
        faults: Handler | None = None,
        queries: Sequence[Callable[..., Any]] = (),
        tables: Sequence[Table[Any]] = (),
        events: Sequence[type[Event]] = (),
    ) -> None:
        self.name = name
        self.actions = {_second(handler): handler for handler in actions}
        self.due = {f"{name}.{handler.__name__}": handler for handler in due}
        self.listeners = [(_second(handler), handler) for handler in listeners]
        self.gates = tuple(gates)
        self.faults = faults
        self.queries = {f"{name}.{query.__name__}": query for query in queries}
        self.tables = {table.name: table for table in tables}
        self.events = tuple(events)

    def at(self, rules: int) -> "Room":
        """The room as it is under a version of the rules. Records, queries and events stay readable."""

        def there(handlers: Iterable[Any]) -> list[Any]:
            return [
                handler
                for handler in handlers
                if getattr(handler, "since", 1) <= rules <= getattr(handler, "until", rules)
            ]

        return Room(
            self.name,
            actions=there(self.actions.values()),
            due=there(self.due.values()),
            listeners=there(handler for _, handler in self.listeners),
            gates=there(self.gates),
            faults=next(iter(there(filter(None, (self.faults,)))), None),
            queries=list(self.queries.values()),
            tables=list(self.tables.values()),
            events=self.events,
        )


def _second(handler: Handler) -> type[Any]:
    """Type of a handler's second argument."""
    hints = typing.get_type_hints(handler)
    kind: type[Any] = list(hints.values())[1]
    return kind


class Registry:
    """All rooms together. Building one checks that no two rooms share a name."""

    def __init__(self, rooms: Sequence[Room]) -> None:
        self.rooms = tuple(rooms)
        self.actions: dict[type[Action], Handler] = {}
        self.due: dict[str, Handler] = {}
        self.queries: dict[str, Callable[..., Any]] = {}
        self.tables: dict[str, Table[Any]] = {table.name: table for table in KERNEL_TABLES}
        self.gates = tuple(gate for room in rooms for gate in room.gates)
        hearing = [room.faults for room in rooms if room.faults is not None]
        if len(hearing) > 1:
            raise TypeError("two rooms answer for faults of validators")
        self.faults = hearing[0] if hearing else None
        self._listeners: dict[type[Signal], list[Handler]] = {}
        for room in rooms:
            for kind, part in (
                (self.actions, room.actions),
                (self.due, room.due),
                (self.queries, room.queries),
                (self.tables, room.tables),
            ):
                taken = typing.cast(dict[Any, Any], kind)
                for name, value in typing.cast(dict[Any, Any], part).items():
                    if name in taken:
                        raise TypeError(f"{name} is declared twice")
                    taken[name] = value
            for signal, handler in room.listeners:
                self._listeners.setdefault(signal, []).append(handler)
        self.aside: dict[bytes, Any] = {}
        """Transactions decoded ahead of their execution, by their bytes."""
        self._aside_bytes = 0
        self.due_names = {handler: name for name, handler in self.due.items()}
        self.tags = {action_tag(action): action for action in self.actions}
        union = _union(tuple(self.actions))
        self.body = _body(union)
        self._action = msgspec.json.Decoder(union, strict=True)
        self._arguments = {name: _arguments(query) for name, query in self.queries.items()}

    def decode_action(self, data: bytes) -> Action:
        """An action from its canonical bytes, which this ledger holds."""
        action: Action = self._action.decode(data)
        return action

    def set_aside(self, wire: bytes, transaction: Any) -> None:
        """Keep what these bytes were decoded to, for whoever decodes them next. From any thread."""
        self._aside_bytes += len(wire)
        if self._aside_bytes > ASIDE_BYTES_MAX:
            self.aside.clear()
            self._aside_bytes = len(wire)
        self.aside[wire] = transaction

    def listeners(self, signal: type[Signal]) -> Sequence[Handler]:
        return self._listeners.get(signal, ())

    def arguments(self, name: str) -> type[msgspec.Struct] | None:
        """What a query asks, as a Struct; None where there is no such query."""
        return self._arguments.get(name)

    def query(self, ctx: Context, name: str, arguments: dict[str, Any]) -> Any:
        """A room's answer. Raises QueryUnknown, QueryArguments, or what the query itself refuses."""
        query = self.queries.get(name)
        if query is None:
            raise QueryUnknown(name=name)
        try:
            given = msgspec.convert(arguments, self._arguments[name], strict=True)
        except (msgspec.ValidationError, RecursionError) as error:
            raise QueryArguments(name=name, detail=str(error)) from None
        return query(ctx, **msgspec.structs.asdict(given))


def _arguments(query: Callable[..., Any]) -> type[msgspec.Struct]:
    """A Struct of what a query asks besides `ctx`, so that arguments are checked as any other input."""
    hints = typing.get_type_hints(query, include_extras=True)
    _, *parameters = inspect.signature(query).parameters.values()
    fields = [
        (p.name, hints[p.name])
        if p.default is inspect.Parameter.empty
        else (p.name, hints[p.name], msgspec.field(default=p.default))
        for p in parameters
    ]
    return msgspec.defstruct("Arguments", fields, forbid_unknown_fields=True, kw_only=True)


def action_tag(action: type[Action]) -> str:
    """`room.verb`, as it stands in the transaction and in a key's scope."""
    tag = action.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


class BodyFields(Struct):
    """What every transaction says besides its actions."""

    chain: Hash
    member: MemberId
    key: KeyId
    sequence: Positive
    valid_until_ms: TimeMs


def _union(actions: tuple[type[Action], ...]) -> Any:
    return typing.Union[actions]  # noqa: UP007 (built from a tuple)


def _body(union: Any) -> type[Any]:
    """The Body struct: its actions are one tagged union over all rooms."""
    kind = Annotated[tuple[union, ...], msgspec.Meta(min_length=1, max_length=limits.ACTIONS_MAX)]
    namespace = {"__module__": __name__, "__annotations__": {"actions": kind}}
    return FrozenMeta("Body", (BodyFields,), namespace)


class Release:
    """All rooms of a release, and the rooms from outside that are installed beside it.

    What is in force at a height is a registry of its own, so that a node decodes what the others decode.
    """

    def __init__(self, rooms: Sequence[Room], foreign: Mapping[RoomPin, Room] | None = None) -> None:
        self.rooms = tuple(rooms)
        self.foreign = dict(foreign or {})
        self._registries: dict[tuple[int, tuple[RoomPin, ...]], Registry] = {}

    def registry(self, rules: int = limits.RULES_MAX, pins: tuple[RoomPin, ...] = ()) -> Registry:
        """The rooms under these rules. Raises Outdated or RoomMissing where this program lacks them."""
        if rules > limits.RULES_MAX:
            raise Outdated(rules=rules, limit=limits.RULES_MAX)
        for pin in pins:
            if pin not in self.foreign:
                raise RoomMissing(name=pin.name, version=pin.version, sha256=pin.sha256[:12])
        if (rules, pins) not in self._registries:
            rooms = [room.at(rules) for room in self.rooms]
            self._registries[rules, pins] = Registry([*rooms, *(self.foreign[pin] for pin in pins)])
        return self._registries[rules, pins]


__all__ = [
    "BodyFields",
    "Context",
    "Gate",
    "Handler",
    "Registry",
    "Release",
    "Room",
    "action_tag",
    "since",
    "until",
]
