"""The evidence bundle: one JSON file from which a statement can be checked offline with the genesis file alone.

docs/verify-evidence.md describes it well enough to write a checker from; examples/check_evidence.py is one.
"""

from typing import Literal

from hansa.edge.readings import ProvedReading
from hansa.kernel.evidence import Proof, SignedHeader
from hansa.kernel.types import Id, MemberId, Struct, TimeMs

FORMAT: Literal["hansa-evidence-1"] = "hansa-evidence-1"


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


class Bundle(Struct):
    """Everything needed, nothing trusted: each part has its way up to the header, the header a signature."""

    format: Literal["hansa-evidence-1"]
    subject: Subject
    head: SignedHeader
    attests: tuple[Proof, ...]
    """Events `kernel.attested`: the statements, the agreement, its tariff and calendar, feeds, devices, keys."""
    transactions: tuple[Carried, ...]
    """Those that brought anchors, counter records, resets and replacements, in ledger order."""
    readings: tuple[HeldReading, ...] = ()
    """Readings that counter records of the period repeat, as far as the owner hands them out."""
