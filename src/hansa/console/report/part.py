"""The base of all that a report shows."""

import msgspec

from hansa.kernel.types import FrozenMeta


class Part(msgspec.Struct, metaclass=FrozenMeta, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A frozen value without unknown fields."""


class Text(Part):
    """One text for people, in both languages."""

    zh: str
    en: str
