"""What a report shows of those who run the ledger: nodes for IT; members, votes and keys for their auditor.

Times are ms since the epoch. Codes (status, choice, kind) are shown in the reader's language where the report
knows them, else as they stand.
"""

from typing import Literal

from hansa.console.report.part import Part, Text


class Place(Part):
    """Where something stands on the ledger. Height 0 and "": in the genesis file."""

    height: int = 0
    transaction: str = ""
    """SHA-256 of the transaction's body, hexadecimal."""


# For IT.


class RunningNode(Part):
    """One member's node as it stood when the report was made."""

    member: str
    role: Literal["operator", "follower"]
    url: str
    height: int
    app_hash: str
    lag_blocks: int
    """How far behind the operator."""
    version: str


class StoredFile(Part):
    member: str
    name: str
    size_bytes: int


class Figure(Part):
    """A measured figure; `value` is shown as given."""

    name: Text
    value: str
    note: Text


class Backup(Part):
    folder: str
    size_bytes: int
    height: int
    took_ms: int
    checked: bool
    """Read back and compared with `app_hash`."""


class KeyExpiry(Part):
    member: str
    key: str
    kind: str
    holder: str
    expires_ms: int
    days_left: int


class Finding(Part):
    """What `hansa doctor` says of one thing."""

    check: str
    level: Literal["ok", "note", "warning", "wrong"]
    text: Text


class Operations(Part):
    nodes: tuple[RunningNode, ...]
    files: tuple[StoredFile, ...]
    figures: tuple[Figure, ...]
    backup: Backup | None
    keys: tuple[KeyExpiry, ...]
    doctor: tuple[Finding, ...]


# For the auditor of the votes.


class Licence(Part):
    kind: str
    sha256: str
    expires_ms: int
    """0: it does not expire."""


class MemberCard(Part):
    """A member as registered on the ledger."""

    id: str
    status: str
    """`active`, `suspended` or `left`."""
    roles: tuple[str, ...]
    registration_kind: str
    """`uscc`, `vat` or `lei`."""
    registration: str
    size_class: str
    since_ms: int
    licences: tuple[Licence, ...]
    place: Place


class Ballot(Part):
    member: str
    choice: Literal["yes", "no"]
    at_ms: int
    place: Place


class Proposal(Part):
    """`threshold_bp`: the part of `electorate` that has to say yes, in basis points."""

    id: str
    kind: str
    """`admit`, `suspend`, `cosigners`, `parameter` …"""
    text: Text
    proposer: str
    at_ms: int
    deadline_ms: int
    status: str
    """`open`, `notice`, `adopted`, `rejected`, `expired`, `withdrawn`, `objected` or `failed`."""
    threshold_bp: int
    electorate: int
    decided_ms: int
    """0: not yet."""
    ballots: tuple[Ballot, ...]
    place: Place


SignatoryPart = Literal["proposed", "approved", "rejected", "withdrew"]


class Signatory(Part):
    """Who proposed, approved or rejected a held transaction. The holder is a pseudonym of a person."""

    part: SignatoryPart
    holder: str
    key: str
    at_ms: int
    place: Place


class Approval(Part):
    """A transaction that waited until enough of its member's holders had agreed."""

    id: str
    member: str
    actions: tuple[str, ...]
    holders_needed: int
    status: str
    """`waiting`, `carried_out`, `rejected`, `withdrawn`, `expired`, `replaced` or `failed`."""
    signatories: tuple[Signatory, ...]


class KeyChange(Part):
    member: str
    key: str
    change: str
    """`added`, `rotated`, `revoked` or `recovered`."""
    text: Text
    at_ms: int
    place: Place


class CosignerKey(Part):
    member: str
    public: str
    """Hexadecimal."""


class Governance(Part):
    charter: Text
    charter_sha256: str
    rules: int
    quorum: int
    cosigners: tuple[CosignerKey, ...]
    cosigners_since: int
    """Height from which this set is in force."""
    final_height: int
    """Highest height whose header a quorum has signed; 0: none."""
    members: tuple[MemberCard, ...]
    proposals: tuple[Proposal, ...]
    approvals: tuple[Approval, ...]
    key_changes: tuple[KeyChange, ...]


class Cheat(Part):
    """A trial on a copy: the operator cheats, a follower finds it. `caught_by` "": nobody did."""

    kind: str
    """`altered_record`, `dropped_transaction`, `two_histories` or `other_amount`."""
    done: Text
    """What the operator did."""
    caught_by: str
    code: str
    found: Text
    """What the follower says, and where."""
    after_ms: int
    """From when it could be seen until it was named."""
