"""Approval rules: several holders for one transaction (rule 7). Times are ms since the epoch, UTC."""

from typing import Literal

from hansa.kernel import (
    Action,
    Event,
    Hash,
    Id,
    KeyId,
    MemberId,
    Natural,
    OptionalId,
    Positive,
    Record,
    Scope,
    Struct,
    TimeMs,
)

HeldOutcome = Literal["rejected", "withdrawn", "expired", "failed", "replaced"]
"""replaced: a recovery, by a later one of the same key.
failed: a recovery whose notice was over could no longer be done; `code` says why."""


class ApprovalRule(Struct):
    """How many different holders a member demands for an action."""

    action: Scope
    """A tag (`billing.propose`) or a room's actions (`billing.*`)."""
    holders: Positive
    """2 … 5, the proposer's counted."""
    days: Positive
    """How long a transaction waits for approvals."""
    field: OptionalId = ""
    """A top-level integer field of the action: the rule holds above `above`. Empty: always."""
    above: Natural = 0


class ApprovalRules(Record, version=1, readers="members", retention="for ever"):
    """All approval rules of a member, in the order of their actions. None: no record."""

    rules: tuple[ApprovalRule, ...]
    recovery: Natural = 0
    """Holders that a recovery needs to be done at once: as many as were demanded when the recovery key was
    bound to the rules. 0: no rule that stands now binds it."""


class Approval(Struct):
    """Who approved, by which key and transaction."""

    key: KeyId
    holder: Id
    transaction: Hash


class HeldTransaction(Record, version=1, readers="members", retention="business"):
    """A transaction without any effect but its own existence, until others approve it or its time is over.

    A recovery is carried out when its time is over, unless two holders rejected it.
    """

    key: KeyId
    """The key that signed it; it must still be good when it is carried out."""
    holder: Id
    holders: Positive
    """How many different holders it needs, the proposer's counted."""
    tags: tuple[str, ...]
    """Of its actions."""
    held_ms: TimeMs
    until_ms: TimeMs
    approvals: tuple[Approval, ...] = ()
    rejections: tuple[Approval, ...] = ()
    """Of a recovery: who is against it."""


class HeldActions(Record, version=1, readers="members", retention="business"):
    """The canonical bytes of a held transaction's actions."""

    actions: tuple[bytes, ...]


class SetApproval(Action, tag="consortium.set_approval"):
    """A member sets an approval rule of its own, or replaces that for the same action."""

    rule: ApprovalRule


class RemoveApproval(Action, tag="consortium.remove_approval"):
    """A member takes an approval rule of its own away. As making one weaker, it needs its strictest rule."""

    action: Scope


class Approve(Action, tag="consortium.approve"):
    """Another holder of the same member approves; the last approval carries the transaction out."""

    held: Hash
    """SHA-256 of the held transaction's body."""


class Reject(Action, tag="consortium.reject"):
    """A holder who could approve ends a held transaction; its proposer takes it back.

    A held recovery ends with the second holder that rejects it: one stolen key keeps nobody from recovering.
    """

    held: Hash


class ApprovalSet(Event, tag="consortium.approval_set"):
    member: MemberId
    rule: ApprovalRule


class ApprovalRemoved(Event, tag="consortium.approval_removed"):
    member: MemberId
    action: Scope


class Held(Event, tag="consortium.held"):
    """A transaction waits for approval: its outcome is ok, and nothing else of it has happened."""

    member: MemberId
    transaction: Hash
    key: KeyId
    holder: Id
    holders: Positive
    tags: tuple[str, ...]
    until_ms: TimeMs


class Approved(Event, tag="consortium.approved"):
    member: MemberId
    held: Hash
    key: KeyId
    holder: Id


class Rejected(Event, tag="consortium.rejected"):
    """A holder is against a held recovery."""

    member: MemberId
    held: Hash
    key: KeyId
    holder: Id


class CarriedOut(Event, tag="consortium.carried_out"):
    """A held transaction was done here; its own events come before.

    Within the transaction of its last approval; a recovery also when its notice was over, by no transaction.
    """

    member: MemberId
    held: Hash
    key: KeyId
    """Who proposed it."""
    holder: Id
    approvals: tuple[Approval, ...]


class HeldEnded(Event, tag="consortium.held_ended"):
    member: MemberId
    held: Hash
    outcome: HeldOutcome
    key: OptionalId = ""
    """Who ended it; empty where its time was over."""
    code: OptionalId = ""
    """Why it failed: the code of the refusal."""


class ListedHeld(Struct):
    """A held transaction with its id and what it would do."""

    transaction: Hash
    held: HeldTransaction
    actions: tuple[bytes, ...]
    """Canonical bytes, with `_type`."""
