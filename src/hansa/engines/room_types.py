"""Whether what travels or is stored has one canonical form by its type (protocol, rule 1).

The tidy test holds the shipped types to it, `foreign_rooms` those of rooms from outside.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import msgspec.inspect as types

from hansa.kernel import Action, Event, Record, Struct
from hansa.kernel.types import INTEGER_MAX

ALLOWED_DEFAULTS = (None, False, 0, "", b"", ())
ALLOWED_TYPES = (
    types.StructType,
    types.StrType,
    types.IntType,
    types.BoolType,
    types.BytesType,
    types.NoneType,
    types.LiteralType,
    types.UnionType,
    types.VarTupleType,
    types.TupleType,
    types.DictType,
)
"""No float, no set, no Any; no list either, since what is cached must not change."""


def reached(kind: Any) -> Iterator[tuple[str, types.Type]]:
    """Every type that a type is made of, with the way to it. Raises TypeError if it contains itself."""
    yield from _reached(types.type_info(kind), getattr(kind, "__name__", str(kind)), ())


def _reached(kind: types.Type, way: str, above: tuple[Any, ...]) -> Iterator[tuple[str, types.Type]]:
    yield way, kind
    if isinstance(kind, types.StructType):
        if kind.cls in above:
            raise TypeError(f"{way} contains itself")
        for field in kind.fields:
            yield from _reached(field.type, f"{way}.{field.name}", (*above, kind.cls))
        return
    for part in ("item_type", "key_type", "value_type", "type"):
        if isinstance(inner := getattr(kind, part, None), types.Type):
            yield from _reached(inner, f"{way}/{part}", above)
    for part in ("item_types", "types"):
        for inner in getattr(kind, part, ()):
            yield from _reached(inner, f"{way}/{part}", above)


def faults(kind: Any) -> Iterator[str]:
    """What keeps a type from having one canonical form, each with the way to it."""
    for way, part in reached(kind):
        if not isinstance(part, ALLOWED_TYPES):
            yield f"{way} is {type(part).__name__}"
        elif isinstance(part, types.IntType):
            if part.ge is None or part.le is None:
                yield f"{way} has no lower or no upper bound"
            elif not -INTEGER_MAX <= part.ge <= part.le <= INTEGER_MAX:
                yield f"{way} reaches beyond ±(2^53-1)"
        elif isinstance(part, types.LiteralType):
            if not all(isinstance(value, str) for value in part.values):
                yield f"{way} lists something else than texts"
        elif isinstance(part, types.DictType):
            if not isinstance(part.key_type, types.StrType) or part.key_type.pattern is None:
                yield f"{way} has keys of any text"
        elif isinstance(part, types.StructType):
            yield from _struct_faults(part.cls, way)


def changeable(kind: Any) -> Iterator[str]:
    """What of a type could be changed in place, as a dict could, each with the way to it."""
    for way, part in reached(kind):
        if isinstance(part, types.DictType):
            yield f"{way} is a dict"


def _struct_faults(cls: Any, way: str) -> Iterator[str]:
    config = cls.__struct_config__
    if not issubclass(cls, Struct):
        yield f"{way} is no Struct of the kernel"
    if not (config.frozen and config.forbid_unknown_fields and config.omit_defaults):
        yield f"{way} is not frozen, or lets unknown fields in, or writes defaults"
    if issubclass(cls, Action | Event | Record) and not (config.tag_field == "_type" and config.tag):
        yield f"{way} has no tag"
    for field in msgspec.structs.fields(cls):
        if field.default_factory is not msgspec.NODEFAULT:
            yield f"{way}.{field.name} has a default that is made"
        elif field.default is not msgspec.NODEFAULT and not any(
            field.default == value and type(field.default) is type(value) for value in ALLOWED_DEFAULTS
        ):
            yield f"{way}.{field.name} has the default {field.default!r}"
