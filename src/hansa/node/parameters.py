"""What stands in a path and behind its `?`, read by the types of a Struct: one way for routes and queries.

Text stands as it is, integers in decimal, booleans as true and false, lists by repeating the name, anything
else as JSON. What is left out takes its default.
"""

import re
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

from hansa.kernel.refusal import shown
from hansa.kernel.types import INTEGER_MAX
from hansa.node import errors

T = TypeVar("T")

_INTEGER = re.compile(r"(0|-?[1-9][0-9]{0,15})\Z")
_TRUTH = {"true": True, "false": False}
_TEXTS = (inspect.StrType, inspect.LiteralType, inspect.BytesType)
_LISTS = (inspect.ListType, inspect.VarTupleType)


@cache
def _fields(kind: Hashable) -> dict[str, inspect.Type]:
    found = inspect.type_info(kind)
    assert isinstance(found, inspect.StructType)
    return {field.encode_name: field.type for field in found.fields}


def is_list(kind: inspect.Type) -> bool:
    """Whether a parameter of this type is given by repeating its name."""
    return isinstance(kind, _LISTS) and isinstance(
        kind.item_type, (*_TEXTS, inspect.IntType, inspect.BoolType)
    )


def is_plain(kind: inspect.Type) -> bool:
    """Whether a parameter stands as it is, and not as JSON."""
    found = _not_none(kind)
    return isinstance(found, (*_TEXTS, inspect.IntType, inspect.BoolType)) or is_list(found)


@cache
def _required_lists(kind: Hashable) -> tuple[str, ...]:
    fields = msgspec.structs.fields(cast(Any, kind))
    types = _fields(kind)
    return tuple(one.encode_name for one in fields if one.required and is_list(types[one.encode_name]))


def required_lists(kind: type[Any]) -> tuple[str, ...]:
    """Lists without a default: none of its name given is the empty list."""
    return _required_lists(cast(Hashable, kind))


def raw(kind: type[Any], pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Values by name, as JSON would give them. Raises ParameterWrong for a name twice, or one unknown."""
    fields = _fields(cast(Hashable, kind))
    found: dict[str, Any] = {}
    for name, text in pairs:
        if name not in fields:
            raise errors.ParameterWrong(name=shown(name), detail="there is none of this name here")
        wanted = _not_none(fields[name])
        if is_list(wanted):
            found.setdefault(name, []).append(_value(wanted.item_type, name, text))  # type: ignore[attr-defined]
        elif name in found:
            raise errors.ParameterWrong(name=name, detail="it is given twice")
        else:
            found[name] = _value(wanted, name, text)
    for name in required_lists(kind):
        found.setdefault(name, [])
    return found


def read(kind: type[T], path: Mapping[str, str], pairs: Iterable[tuple[str, str]]) -> T:
    """The parameters of a route. Raises ParameterWrong."""
    found = raw(kind, [*path.items(), *pairs])
    try:
        return msgspec.convert(found, kind, strict=True)
    except msgspec.ValidationError as error:
        text = str(error)
        name = (
            text.rpartition("$.")[2].strip("`") if "$." in text else text.partition("`")[2].partition("`")[0]
        )
        raise errors.ParameterWrong(name=shown(name), detail=shown(text)) from None


def _not_none(kind: inspect.Type) -> inspect.Type:
    """The one type besides None, where there is one."""
    if isinstance(kind, inspect.Metadata):
        return _not_none(kind.type)
    if isinstance(kind, inspect.UnionType):
        others = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        if len(others) == 1:
            return others[0]
    return kind


def _value(kind: inspect.Type, name: str, text: str) -> Any:
    found: Any
    if isinstance(kind, inspect.IntType):
        if _INTEGER.match(text) is None or abs(int(text)) > INTEGER_MAX:
            raise errors.ParameterWrong(
                name=name, detail="it is no whole number within ±(2^53-1), in decimal"
            )
        return int(text)
    if isinstance(kind, inspect.BoolType):
        if text not in _TRUTH:
            raise errors.ParameterWrong(name=name, detail="it is neither true nor false")
        return _TRUTH[text]
    if isinstance(kind, _TEXTS):
        return text
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise errors.ParameterWrong(name=name, detail=f"it is no JSON: {error}") from None
    return found
