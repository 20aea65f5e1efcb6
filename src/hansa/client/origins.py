"""Where on the ledger the transactions lie that a statement rests on: found by the events that they left."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from hansa.apps.billing.deal import bound
from hansa.apps.billing.messages import Agreement, PublishedTariff, Statement
from hansa.apps.consortium.messages import KeyRegistered
from hansa.apps.consortium.messages_approvals import CarriedOut
from hansa.apps.metering.messages import Feed, RecordCounters, Recorded, RegisterDevice, ReplaceDevice
from hansa.client import Client
from hansa.client.acts import EVENTS_PER_READ, Act, Blocks
from hansa.client.price_records import price_trails
from hansa.client.trails import LeftEvent, Trail, is_left, left_by_action, left_by_event
from hansa.kernel.transaction import identity

Place = tuple[int, int]
"""(height, index in its block)."""

FOUND_BY = {"key": 3, "calendar": 3, "tariff": 4, "feed": 3, "held": 2}
"""Trails are found by so many of their parts, from the left; by default by two."""
FOUND_BY |= {"records": 3, "device": 3, "replacement": 3, "anchor": 3, "reset": 3, "ballot": 3}
FOUND_BY |= {"prices": 5, "index": 4}


def _short(trail: Trail) -> Trail:
    return trail[: FOUND_BY.get(trail[0], 2)]


class Found(NamedTuple):
    """What a statement rests on."""

    places: list[Place]
    """Of transactions, in ledger order."""
    events: list[Place]
    """Of the events that show what these did, and of keys that came otherwise, in ledger order."""
    keys: list[tuple[str, str]]
    """(member, key): those that signed the transactions, and those that speak for the devices."""
    anchors: set[tuple[str, str]]
    """(owner, anchor) of the records counted."""


class Search:
    """A ledger's trails, read once; blocks are looked into as they are needed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._heights: dict[Trail, list[int]] = {}
        self._blocks = Blocks(client, lambda name: self._heights.get(("held", name), []))
        kind: Any = LeftEvent
        decoder = msgspec.json.Decoder(kind)
        last = (0, -1)
        while page := client.transport.events_after(*last, EVENTS_PER_READ):
            for height, _, data in page:
                event = decoder.decode(data) if is_left(data) else None
                if event is None or (isinstance(event, Recorded) and not event.new):
                    continue
                self._heights.setdefault(_short(left_by_event(event)), []).append(height)
            last = page[-1][:2]

    def behind(
        self,
        agreement_id: str,
        agreement: Agreement,
        statements: Sequence[Statement],
        founders: set[tuple[str, str]],
    ) -> Found:
        """All that is behind these statements. `founders`: keys of the genesis file, not of a transaction."""
        taken = _Taken(self)
        last = statements[-1].closed_height
        taken.take(self._deal(agreement_id, agreement, statements))
        registered = taken.take(self._devices(agreement))
        counted = [(binding.owner, binding.feed) for binding in bound(agreement)]
        brought = taken.take([("records", *feed) for feed in counted], last)
        taken.take([("reset", *feed) for feed in counted], last)
        taken.take([(kind, agreement_id) for kind in ("claim", "contest", "withdrawal")], last)
        anchors = _anchors(brought)
        taken.take((("anchor", *name) for name in anchors), last)
        for statement in statements:
            taken.add(self._asked(statement))
        keys = dict.fromkeys([*taken.signers(), *_sources(registered)])
        while waiting := [key for key in keys if key not in taken.searched]:
            taken.searched.update(waiting)
            taken.take(("key", *key) for key in waiting if key not in founders)
            keys.update(dict.fromkeys(taken.signers()))
        return Found(sorted(taken.acts), sorted(taken.events), sorted(keys), set(anchors))

    def find(self, trail: Trail, until: int | None) -> dict[Place, Act]:
        """Acts that left such a trail, up to a height."""
        return {
            (height, index): act
            for height in self._at(trail, until)
            for index, act in self._blocks.acts(height).items()
            if any(_short(left) == trail for left in act.left)
        }

    def given(self, trail: Trail) -> tuple[list[Place], list[Trail]]:
        """Of a key that no transaction of its member registered there and then: the events that show it, and
        what else must be shown. A vote gave it, or a held recovery was carried out when its time was over.
        """
        for height in self._at(trail, None):
            events = self._blocks.events(height)
            shown = {index for act in self._blocks.acts(height).values() for index in act.events}
            for at, (index, event) in enumerate(events):
                if not isinstance(event, KeyRegistered) or left_by_event(event) != trail or index in shown:
                    continue
                if event.proposal:
                    return [(height, index)], [("vote", event.proposal), ("ballot", event.proposal, "yes")]
                return self._recovered(height, events, at)
        return [], []

    def _recovered(
        self, height: int, events: list[tuple[int, LeftEvent]], at: int
    ) -> tuple[list[Place], list[Trail]]:
        """All that a held recovery left in a block where its time was over; `at`: one of its keys."""
        end, carried = next((n, e) for n, e in events[at:] if isinstance(e, CarriedOut))
        waiting = self._blocks.waiting(carried.held)
        (action,) = waiting.body.actions if waiting is not None else ((),)
        trails = left_by_action(carried.member, action)
        shown = [index for index, event in events if index < end and left_by_event(event) in trails]
        return [(height, index) for index in (*shown, end)], [("held", carried.held)]

    def _at(self, trail: Trail, until: int | None) -> list[int]:
        found = dict.fromkeys(self._heights.get(trail, ()))
        return [height for height in found if until is None or height <= until]

    def _deal(self, agreement_id: str, agreement: Agreement, statements: Sequence[Statement]) -> list[Trail]:
        owner, name, version = agreement.tariff_owner, agreement.tariff, agreement.tariff_version
        tariff = self._client.query(
            "billing.tariff_of", PublishedTariff, owner=owner, tariff=name, version=version
        )
        return [
            ("calendar", tariff.calendar_owner, tariff.calendar),
            ("tariff", owner, name, str(version)),
            ("proposal", agreement_id),
            ("acceptance", agreement_id),
            ("signature", agreement_id),
            *price_trails(self._client, tariff.tariff, statements),
        ]

    def _devices(self, agreement: Agreement) -> list[Trail]:
        out: list[Trail] = []
        for binding in bound(agreement):
            feed = self._client.query("metering.feed_of", Feed, owner=binding.owner, feed=binding.feed)
            of_device = (binding.owner, feed.device)
            out += [
                ("device", *of_device), ("replacement", *of_device), ("feed", binding.owner, binding.feed)
            ]  # fmt: skip
        return out

    def _asked(self, statement: Statement) -> dict[Place, Act]:
        """The transaction that asked for the close: its place in its block decides what was counted."""
        if not statement.closed_by:
            return {}
        return {
            (statement.closed_height, index): act
            for index, act in self._blocks.acts(statement.closed_height).items()
            if identity(act.transaction.wire) == statement.closed_by
        }


class _Taken:
    """What was found so far, with all that it needs."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self.acts: dict[Place, Act] = {}
        self.events: dict[Place, None] = {}
        self.searched: set[tuple[str, str]] = set()

    def take(self, trails: Iterable[Trail], until: int | None = None) -> list[Act]:
        """Take in what left these trails. Returns what was not there yet."""
        before = dict.fromkeys(self.acts)
        for trail in dict.fromkeys(trails):
            found = self._search.find(trail, until)
            self.add(found)
            if not found and trail[0] == "key":
                events, needs = self._search.given(trail)
                self.events.update(dict.fromkeys(events))
                self.take(needs)
        return [act for place, act in self.acts.items() if place not in before]

    def add(self, found: dict[Place, Act]) -> None:
        new = {place: act for place, act in found.items() if place not in self.acts}
        self.acts.update(new)
        for (height, _), act in new.items():
            self.events.update(dict.fromkeys((height, index) for index in act.events))
        for act in new.values():
            self.take(_short(need) for need in act.needs)

    def signers(self) -> list[tuple[str, str]]:
        bodies = [act.transaction.body for act in self.acts.values()]
        return list(dict.fromkeys((body.member, body.key) for body in bodies))


def _anchors(brought: Sequence[Act]) -> dict[tuple[str, str], None]:
    return {
        (action.owner, action.anchor): None
        for act in brought
        for _, action in act.done
        if isinstance(action, RecordCounters)
    }


def _sources(registered: Sequence[Act]) -> list[tuple[str, str]]:
    """Keys that speak for devices."""
    return [
        (member, action.source)
        for act in registered
        for member, action in act.done
        if isinstance(action, RegisterDevice | ReplaceDevice)
    ]
