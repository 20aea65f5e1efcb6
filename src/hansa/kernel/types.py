"""The alphabet of everything that members must agree on: bounded integers, identifiers, frozen structs.

Bounds stand in the types, so that strict decoding refuses what is out of range before any rule runs (rule 1).
"""

from typing import Annotated, dataclass_transform

import msgspec

from hansa.kernel import limits

INTEGER_MAX = 2**53 - 1
"""Largest integer a JSON reader of any language holds exactly (RFC 7493)."""

_END = r"$(?!\n)"
"""End of the text: in Python, unlike elsewhere, `$` alone also matches before a last line feed."""
_ID = r"[a-z0-9][a-z0-9_.:-]*"
_UNSEEN = r"\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
"""Characters that steer a terminal, turn the direction of writing, or cannot be seen."""

Integer = Annotated[int, msgspec.Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
Natural = Annotated[int, msgspec.Meta(ge=0, le=INTEGER_MAX)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=INTEGER_MAX)]
TimeMs = Natural
"""Milliseconds since the epoch, UTC."""
DurationMs = Natural
Minute = Annotated[int, msgspec.Meta(ge=0, le=1440)]
"""Minute of a local day; 1440 is the midnight that ends it."""
BasisPoints = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
"""1 = 0.01 %."""

Id = Annotated[str, msgspec.Meta(pattern=f"^{_ID}{_END}", min_length=1, max_length=64)]
OptionalId = Annotated[str, msgspec.Meta(pattern=f"^({_ID})?{_END}", max_length=64)]
"""An Id, or "" where there is none."""
CopiedId = Annotated[str, msgspec.Meta(max_length=64)]
"""An Id that was checked where it is copied from, or "": patterns take time where thousands are read."""
CopiedIds = Annotated[str, msgspec.Meta(max_length=limits.MATERIALS_MAX * 65 + 1)]
"""Such Ids, with a space before and after each."""
MemberId = Id
KeyId = Id
StateName = Annotated[
    str, msgspec.Meta(pattern=f"^([A-Z][A-Z0-9_]*|unknown){_END}", min_length=1, max_length=48)
]
"""A machine state as its source names it (`ACTIVE`), or `unknown`: no signal is a state of its own."""
UnitName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]*\Z", min_length=1, max_length=32)]
"""A unit as the field writes it (`kWh`, `ms`, `piece`)."""
CurrencyCode = Annotated[str, msgspec.Meta(pattern=rf"^[A-Z]{{3}}{_END}", min_length=3, max_length=3)]
"""ISO 4217."""
LocalDate = Annotated[str, msgspec.Meta(pattern=rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_END}", max_length=10)]
RegisteredName = Annotated[str, msgspec.Meta(pattern=f"^[^{_UNSEEN}]+{_END}", min_length=1, max_length=120)]
"""Name of a company, machine or place as registered; the only free text that all members read (rule 8)."""
OptionalName = Annotated[str, msgspec.Meta(max_length=120)]
"""A RegisteredName, or "" where there is none: the number of a certificate, a seal."""
DocumentNumber = Annotated[
    str, msgspec.Meta(pattern=rf"^[A-Za-z0-9][A-Za-z0-9./_:-]*{_END}", min_length=1, max_length=35)
]
"""Number of an invoice, reference of a bank's entry or of a transfer (ISO 20022, Max35Text)."""
PrintedNumber = Annotated[
    str, msgspec.Meta(pattern=rf"^[!-~]([ -~]*[!-~])?{_END}", min_length=1, max_length=64)
]
"""Number of an invoice or of another paper exactly as printed on it (EN 16931, BT-1)."""
OptionalPrintedNumber = Annotated[str, msgspec.Meta(pattern=rf"^([!-~]([ -~]*[!-~])?)?{_END}", max_length=64)]
Url = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(https?://([a-z0-9][a-z0-9.-]*|\[[0-9a-f:]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?)?"
        + _END,
        max_length=200,
    ),
]
"""Where a server answers, without user, query or fragment; "" where there is none."""
Scope = Annotated[
    str, msgspec.Meta(pattern=rf"^[a-z0-9_]+\.([a-z0-9_]+|\*){_END}", min_length=3, max_length=128)
]
"""An action's tag (`billing.propose`), or all of a room (`billing.*`)."""
Hash = Annotated[str, msgspec.Meta(pattern=rf"^[0-9a-f]{{64}}{_END}", min_length=64, max_length=64)]
"""SHA-256, lower-case hexadecimal."""
WorkId = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.KEY_BYTES_MAX)]
"""A piece of due work: itself in canonical form."""
OptionalHash = Annotated[str, msgspec.Meta(pattern=rf"^([0-9a-f]{{64}})?{_END}", max_length=64)]


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class FrozenMeta(msgspec.StructMeta):
    """Tells type checkers what `frozen=True` below makes true of every Struct."""


class Struct(
    msgspec.Struct, metaclass=FrozenMeta, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A frozen value with one canonical form: unknown fields are refused, defaults are left out (rule 1)."""


replace = msgspec.structs.replace
