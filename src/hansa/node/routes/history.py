"""Long histories, by the read model: events of a type, room or member; transactions of a member or key."""

import sqlite3
from typing import TYPE_CHECKING, Annotated

import msgspec
from starlette.types import ASGIApp

from hansa.engines.reading import Reading
from hansa.kernel.types import Hash, Natural, Struct
from hansa.node import errors, limits
from hansa.node.endpoint import Asked, Endpoint, json_response
from hansa.node.events import CloudEvent, Position, cloud_event, events_after
from hansa.node.projection import Place, Projection

if TYPE_CHECKING:
    from hansa.node.routes.ledger import OfEvents

_LAST = (2**53 - 1, 0)
PlaceText = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,16}\.[0-9]{1,16}$", max_length=33)]


class OfTransactions(Struct):
    member: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Transactions of this member only."""
    key: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Signed by this key only."""
    code: Annotated[str, msgspec.Meta(max_length=128)] = ""
    """With this outcome only: `ok`, or the code of a refusal."""
    before: PlaceText | None = None
    """Before this place, height.index: the last of the page before."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=limits.EVENTS_PER_READ_MAX)] = 100


class Listed(Struct):
    """A transaction on the ledger. Of one that cannot be read nothing is known but its id and its outcome."""

    transaction: Hash
    height: Natural
    index: Natural
    member: str
    key: str
    sequence: Natural
    code: str
    actions: tuple[str, ...]


class TransactionList(Struct):
    """Transactions, newest first."""

    height: Natural
    """Up to this block all is in it; later ones may follow a moment later."""
    transactions: tuple[Listed, ...]


async def transactions(asked: Asked) -> ASGIApp:
    given, projection = asked.given, asked.front.projection
    before = _place(given.before) if given.before else _LAST

    def work(reading: Reading) -> TransactionList:
        if projection is None:
            raise errors.ReadModelAway(retry_s=5)
        height = min(projection.height(), reading.height)
        try:
            rows = projection.transactions(
                min(before, (height + 1, 0)),
                given.limit,
                member=given.member,
                key=given.key,
                code=given.code,
            )
        except sqlite3.Error:
            raise errors.ReadModelAway(retry_s=5) from None
        found = (
            Listed(
                transaction=row.id,
                height=row.height,
                index=row.position,
                member=row.member,
                key=row.key,
                sequence=row.sequence,
                code=row.code,
                actions=tuple(filter(None, row.actions.split(","))),
            )
            for row in rows
        )
        return TransactionList(height=height, transactions=tuple(found))

    return json_response(await asked.read(work))


def _place(text: str) -> Place:
    height, _, position = text.partition(".")
    return int(height), int(position)


# Events.


def chosen(
    reading: Reading, projection: Projection | None, given: "OfEvents", start: Position
) -> tuple[list[CloudEvent], Position]:
    """Events of a room, type or member after a place, and the place up to which all was looked at.

    By the read model as far as it goes; the rest by reading on from there.
    """
    limit = given.limit or limits.EVENTS_PER_READ_MAX
    reading.events_after(start.height, start.place, 0)  # Pruned is Pruned, however it is asked for.
    found: list[CloudEvent] = []
    top = 0 if projection is None else min(projection.height(), reading.height)
    if projection is not None and top > start.height:
        try:
            places = projection.events(
                start, top, limit, room=given.room, kind=given.type, member=given.member
            )
        except sqlite3.Error:
            places, top = [], 0
        found = [_event(reading, place) for place in places]
        if len(places) == limit:
            return found, Position(*places[-1])
        start = max(start, Position(top + 1, -1)) if top else start
    looked = events_after(reading, start, limits.EVENTS_PER_READ_MAX)
    for at, event in looked:
        start = at
        if _wanted(event, given):
            found.append(event)
            if len(found) == limit:
                break
    return found, start


def _event(reading: Reading, place: Place) -> CloudEvent:
    height, position = place
    ((_, _, data),) = reading.events_after(height, position - 1, 1)
    return cloud_event(reading.chain.id, Position(height, position), reading.leaf(height).time_ms, data)


def _wanted(event: CloudEvent, given: "OfEvents") -> bool:
    if given.room and not event.type.startswith(given.room + "."):
        return False
    if given.type not in ("", event.type):
        return False
    return not given.member or _names(msgspec.json.decode(event.data), given.member)


def _names(value: object, member: str) -> bool:
    if isinstance(value, dict | list):
        return any(_names(part, member) for part in (value.values() if isinstance(value, dict) else value))
    return value == member


ENDPOINTS = (
    Endpoint(
        "GET", "/v1/transactions", "transactions", transactions,
        "Transactions on the ledger, newest first: of a member, a key, with an outcome.",
        parameters=OfTransactions, answer=TransactionList, statuses=(503,),
    ),
)  # fmt: skip
