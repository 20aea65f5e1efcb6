"""The evidence bundle: one JSON file from which a statement can be checked offline with the genesis file.

docs/verify-evidence.md describes it well enough to write a checker from; examples/check_evidence.py is one.
"""

from typing import Literal

from hansa.apps.consortium.handovers import Handover as Handover
from hansa.apps.leasing.messages import Attachment
from hansa.apps.leasing.messages_market import LeaseTerms
from hansa.apps.metering.readings import ProvedReading
from hansa.kernel.commit import EngineHeader
from hansa.kernel.evidence import Proof, SignedHeader
from hansa.kernel.types import Id, MemberId, Natural, Struct, TimeMs

FORMAT: Literal["hansa-evidence-2"] = "hansa-evidence-2"

BUNDLE_BYTES_MAX = 64 * 2**20
"""Enough for a million counter records; what is larger is not read."""
GENESIS_BYTES_MAX = 2**20


class Subject(Struct):
    """What the bundle is about: the statement of one period of an agreement."""

    agreement: Id
    period_from_ms: TimeMs


class Carried(Struct):
    """A transaction as it lies on the ledger, and its outcome."""

    transaction: Proof
    outcome: Proof


class HeldReading(Struct):
    """A reading that its owner hands out, and whose anchor it is under."""

    owner: MemberId
    reading: ProvedReading


class Contract(Struct):
    """A lease as both parties signed it: the SHA-256 of its canonical bytes stands in their signatures."""

    attachments: tuple[Attachment, ...]
    edition: Natural
    en: str
    """The text in English, as Markdown; so too `zh`."""
    lease: Id
    terms: LeaseTerms
    zh: str


class Bundle(Struct):
    """Everything needed, nothing trusted: each part has its way up to the header, the header a signature."""

    format: Literal["hansa-evidence-2"]
    subject: Subject
    head: SignedHeader
    attests: tuple[Proof, ...]
    """Events `kernel.attested`, each record once: statements, agreement, tariff, calendar, feeds, generations
    of devices, keys, published prices."""
    transactions: tuple[Carried, ...]
    """In ledger order: those by which keys, calendar, tariff, published prices, agreement, feeds and
    devices came about, with those that approved them; votes that gave keys; those that brought anchors,
    counter records, resets and replacements; those that asked for a close."""
    events: tuple[Proof, ...] = ()
    """In ledger order: what the actions of the transactions left when they took effect (trails.py)."""
    readings: tuple[HeldReading, ...] = ()
    """Readings that counter records of the period repeat, as far as the owner hands them out."""
    handovers: tuple[Handover, ...] = ()
    """Each change of the cosigners, or of the validators of a network, between genesis and the head, oldest
    first; needed where others signed."""
    contract: Contract | None = None
    """Of an agreement that comes of a lease: what its parties signed."""
    checkpoint: EngineHeader | None = None
    """Of a network: the engine's header at a height that whoever checks knows, as far as it was asked for."""
