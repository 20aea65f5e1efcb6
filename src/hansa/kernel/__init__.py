"""The replicated state machine: pure, synchronous, no I/O, no clock, no float. What rooms may use is here."""

from hansa.kernel import due, keys, limits
from hansa.kernel.canonical import digest, encode, pack, unpack
from hansa.kernel.context import Context, Table
from hansa.kernel.keys import KEYS, WINDOWS
from hansa.kernel.messages import Action, Attested, Event, Key, Record, Signal
from hansa.kernel.refusal import Refusal
from hansa.kernel.registry import Registry, Room
from hansa.kernel.signatures import is_public_key
from hansa.kernel.types import (
    BasisPoints,
    CurrencyCode,
    DurationMs,
    Hash,
    Id,
    Integer,
    KeyId,
    LocalDate,
    MemberId,
    Minute,
    Natural,
    OptionalHash,
    OptionalId,
    OptionalName,
    Positive,
    RegisteredName,
    StateName,
    Struct,
    TimeMs,
    UnitName,
    replace,
)

__all__ = [
    "KEYS",
    "WINDOWS",
    "Action",
    "Attested",
    "BasisPoints",
    "Context",
    "CurrencyCode",
    "DurationMs",
    "Event",
    "Hash",
    "Id",
    "Integer",
    "Key",
    "KeyId",
    "LocalDate",
    "MemberId",
    "Minute",
    "Natural",
    "OptionalHash",
    "OptionalId",
    "OptionalName",
    "Positive",
    "Record",
    "Refusal",
    "RegisteredName",
    "Registry",
    "Room",
    "Signal",
    "StateName",
    "Struct",
    "Table",
    "TimeMs",
    "UnitName",
    "digest",
    "due",
    "encode",
    "is_public_key",
    "keys",
    "limits",
    "pack",
    "replace",
    "unpack",
]
