"""Work that failed when it fell due, and what a member may have done about it."""

from typing import Literal

from hansa.kernel import Action, Event, Id, MemberId, Struct, TimeMs, WorkId


class ListedParked(Struct):
    """A piece of parked work."""

    due_ms: TimeMs
    id: WorkId
    handler: Id
    member: MemberId
    """On whose account it is."""
    code: Id
    """Why it failed."""


class RetryParked(Action, tag="consortium.retry_parked"):
    """Have parked work done once more, when its cause is mended. The query `consortium.parked` lists it."""

    due_ms: TimeMs
    id: WorkId


class DiscardParked(Action, tag="consortium.discard_parked"):
    """Give up one's own parked work of a room from outside."""

    due_ms: TimeMs
    id: WorkId


class ParkedSettled(Event, tag="consortium.parked_settled"):
    """Parked work is in the queue again, or was given up."""

    due_ms: TimeMs
    handler: Id
    member: MemberId
    settled_by: MemberId
    how: Literal["discarded", "retried"]
