"""Where on the ledger the transactions lie that a statement rests on: found by the events that they left."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from hansa.apps.billing.messages import (
    Accept,
    Accepted,
    Agreement,
    Propose,
    Proposed,
    PublishedTariff,
    PublishTariff,
    Statement,
    TariffPublished,
)
from hansa.apps.consortium.messages import (
    AddKey,
    CalendarPublished,
    KeyAdded,
    KeyRegistered,
    PublishCalendar,
    RegisterKey,
)
from hansa.apps.metering.messages import (
    Anchored,
    AnchorReadings,
    DeclareReset,
    DeviceRegistered,
    DeviceReplaced,
    Feed,
    FeedRegistered,
    RecordCounters,
    Recorded,
    RegisterDevice,
    RegisterFeed,
    ReplaceDevice,
    ResetDeclared,
)
from hansa.client import Client
from hansa.kernel import Action, Event
from hansa.kernel.canonical import decode
from hansa.kernel.messages import Outcome
from hansa.kernel.transaction import Transaction, identity, parse

Place = tuple[int, int]
"""(height, index in its block)."""
Trail = tuple[str, ...]
"""What an action leaves: its kind, the member it acts for, and the ids that tell it from others."""

EVENTS_PER_READ = 10_000


def left_by_action(member: str, action: Action) -> Trail | None:
    """The trail of an action that evidence may rest on; None for all others."""
    match action:
        case AddKey():
            return ("key", member, action.id)
        case RegisterKey():
            return ("key", member, action.key.id)
        case PublishCalendar():
            return ("calendar", member, action.id)
        case PublishTariff():
            return ("tariff", member, action.id, str(action.version))
        case Propose():
            return ("proposal", action.agreement)
        case Accept():
            return ("acceptance", action.agreement)
        case RegisterDevice() | ReplaceDevice():
            return ("device", member, action.device)
        case RegisterFeed():
            return ("feed", member, action.feed)
        case AnchorReadings():
            return ("anchor", member, action.anchor)
        case RecordCounters():
            return ("records", action.owner, action.counters.feed)
        case DeclareReset():
            return ("reset", member, action.feed)
        case _:
            return None


def left_by_event(event: Event) -> Trail | None:
    """The same trail, read from the event that such an action leaves; None where nothing is new."""
    match event:
        case KeyAdded() | KeyRegistered():
            return ("key", event.member, event.key)
        case CalendarPublished():
            return ("calendar", event.member, event.id)
        case TariffPublished():
            return ("tariff", event.owner, event.id, str(event.version))
        case Proposed():
            return ("proposal", event.agreement)
        case Accepted():
            return ("acceptance", event.agreement)
        case DeviceRegistered() | DeviceReplaced():
            return ("device", event.owner, event.device)
        case FeedRegistered():
            return ("feed", event.owner, event.feed)
        case Anchored():
            return ("anchor", event.owner, event.anchor)
        case Recorded():
            return ("records", event.owner, event.feed) if event.new else None
        case ResetDeclared():
            return ("reset", event.owner, event.feed)
        case _:
            return None


_EVENTS = (
    KeyAdded | KeyRegistered | CalendarPublished | TariffPublished | Proposed | Accepted | DeviceRegistered
    | DeviceReplaced
    | FeedRegistered | Anchored | Recorded | ResetDeclared
)  # fmt: skip
_TAGS = tuple(f'{{"_type":"{kind.__struct_config__.tag}"'.encode() for kind in _EVENTS.__args__)


class Found(NamedTuple):
    """What a statement rests on."""

    places: list[Place]
    """Of transactions, in ledger order."""
    keys: list[tuple[str, str]]
    """(member, key): those that signed the transactions, and those that speak for the devices."""
    anchors: set[tuple[str, str]]
    """(owner, anchor) of the records counted."""


class Search:
    """A ledger's trails, read once; blocks are looked into as they are needed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._heights: dict[Trail, list[int]] = {}
        self._blocks: dict[int, dict[int, Transaction]] = {}
        decoder = msgspec.json.Decoder(_EVENTS)
        last = (0, -1)
        while page := client.transport.events_after(*last, EVENTS_PER_READ):
            for height, _, data in page:
                trail = left_by_event(decoder.decode(data)) if data.startswith(_TAGS) else None
                if trail is not None:
                    self._heights.setdefault(trail, []).append(height)
            last = page[-1][:2]

    def behind(
        self,
        agreement_id: str,
        agreement: Agreement,
        statements: Sequence[Statement],
        founders: set[tuple[str, str]],
    ) -> Found:
        """All that is behind these statements. `founders`: keys of the genesis file, not of a transaction."""
        places: dict[Place, None] = {}
        keys: dict[tuple[str, str], None] = {}

        def take(trails: Iterable[Trail], until: int | None = None) -> list[Transaction]:
            found = [place for trail in dict.fromkeys(trails) for place in self._find(trail, until)]
            found = [place for place in dict.fromkeys(found) if place not in places]
            places.update(dict.fromkeys(found))
            taken = [self._block(height)[index] for height, index in found]
            keys.update(dict.fromkeys((each.body.member, each.body.key) for each in taken))
            return taken

        last = statements[-1].closed_height
        take(self._deal(agreement_id, agreement))
        registered = take(self._devices(agreement))
        brought = take([("records", binding.owner, binding.feed) for binding in agreement.meters], last)
        take([("reset", binding.owner, binding.feed) for binding in agreement.meters], last)
        anchors = _anchors(brought)
        take((("anchor", *name) for name in anchors), last)
        for statement in statements:
            for place, transaction in self._asked(statement):
                places[place] = None
                keys[transaction.body.member, transaction.body.key] = None
        keys.update(dict.fromkeys(_sources(registered)))
        waiting = list(keys)
        while waiting:
            added = take([("key", *key) for key in waiting if key not in founders])
            waiting = [(each.body.member, each.body.key) for each in added]
        return Found(sorted(places), sorted(keys), set(anchors))

    def _deal(self, agreement_id: str, agreement: Agreement) -> list[Trail]:
        owner, name, version = agreement.tariff_owner, agreement.tariff, agreement.tariff_version
        tariff = self._client.query(
            "billing.tariff_of", PublishedTariff, owner=owner, tariff=name, version=version
        )
        return [
            ("calendar", tariff.calendar_owner, tariff.calendar),
            ("tariff", owner, name, str(version)),
            ("proposal", agreement_id),
            ("acceptance", agreement_id),
        ]

    def _devices(self, agreement: Agreement) -> list[Trail]:
        out: list[Trail] = []
        for binding in agreement.meters:
            feed = self._client.query("metering.feed_of", Feed, owner=binding.owner, feed=binding.feed)
            out += [("device", binding.owner, feed.device), ("feed", binding.owner, binding.feed)]
        return out

    def _asked(self, statement: Statement) -> list[tuple[Place, Transaction]]:
        """The transaction that asked for the close: its place in its block decides what was counted."""
        if not statement.closed_by:
            return []
        return [
            ((statement.closed_height, index), transaction)
            for index, transaction in self._block(statement.closed_height).items()
            if identity(transaction.wire) == statement.closed_by
        ]

    def _find(self, trail: Trail, until: int | None) -> list[Place]:
        return [
            (height, index)
            for height in dict.fromkeys(self._heights.get(trail, ()))
            if until is None or height <= until
            for index, transaction in self._block(height).items()
            if any(
                left_by_action(transaction.body.member, action) == trail
                for action in transaction.body.actions
            )
        ]

    def _block(self, height: int) -> dict[int, Transaction]:
        """The transactions of a block that were not refused, by index."""
        if height not in self._blocks:
            transport, found = self._client.transport, {}
            index, size = 0, 1
            while index < size:
                outcome = transport.prove("outcome", height, index)
                size = outcome.within_block.size
                if decode(outcome.item, Outcome).code == "ok":
                    wire = transport.prove("transaction", height, index).item
                    found[index] = parse(self._client.registry, wire)
                index += 1
            self._blocks[height] = found
        return self._blocks[height]


def _anchors(brought: Sequence[Transaction]) -> dict[tuple[str, str], None]:
    return {
        (action.owner, action.anchor): None
        for transaction in brought
        for action in transaction.body.actions
        if isinstance(action, RecordCounters)
    }


def _sources(registered: Sequence[Transaction]) -> list[tuple[str, str]]:
    """Keys that speak for devices."""
    return [
        (transaction.body.member, action.source)
        for transaction in registered
        for action in transaction.body.actions
        if isinstance(action, RegisterDevice | ReplaceDevice)
    ]
