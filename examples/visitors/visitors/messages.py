"""Visits of one company's people at another's plant. Who a visitor is, only the company's own list says."""

from hansa.kernel import Action, Event, Id, MemberId, Record, TimeMs


class Visit(Record, version=1, readers="members"):
    """Somebody is inside."""

    visitor: Id
    company: MemberId
    until_ms: TimeMs
    """When the visit is to end."""


class Admit(Action, tag="visitors.admit"):
    """The plant that signs lets a visitor in."""

    visitor: Id
    company: MemberId
    until_ms: TimeMs


class Leave(Action, tag="visitors.leave"):
    """The plant that signs has seen a visitor out."""

    visitor: Id


class Overstayed(Event, tag="visitors.overstayed"):
    """A visit lasts longer than was said."""

    plant: MemberId
    visitor: Id
