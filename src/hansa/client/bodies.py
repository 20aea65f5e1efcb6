"""Transactions of any version of the rules, and with actions of rooms from outside, read for evidence."""

from functools import cache
from typing import Annotated, Any

import msgspec

from hansa.apps.rooms import release
from hansa.kernel import Registry, limits
from hansa.kernel.canonical import decode_strict
from hansa.kernel.registry import BodyFields, action_tag
from hansa.kernel.transaction import Transaction, parse
from hansa.kernel.types import INTEGER_MAX, Id, Struct


class Foreign(Struct):
    """An action of a room that this program does not have; evidence rests on none."""

    tag: Id


class AnyBody(BodyFields):
    """A body whose actions are decoded one by one."""

    actions: Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(min_length=1, max_length=limits.ACTIONS_MAX)]


class _Tagged(msgspec.Struct):
    _type: Id


class _Bodies(Registry):
    """All rooms of this release, with what any version of the rules had; its bodies hold any action."""

    def __init__(self) -> None:
        super().__init__(release().rooms)
        self.body = AnyBody


@cache
def all_rules() -> Registry:
    """Tables and actions of all versions of the rules."""
    return _Bodies()


def read(wire: bytes) -> Transaction:
    """A transaction as it lies on the ledger, its actions decoded. Its signature is not checked.

    An unknown action becomes a Foreign one once its bytes are canonical. Raises what `parse` raises.
    """
    transaction = parse(all_rules(), wire)
    body = transaction.body
    return transaction._replace(body=msgspec.structs.replace(body, actions=tuple(map(_action, body.actions))))


def tag_of(action: Any) -> str:
    """`room.verb`, as scopes have it."""
    return action.tag if isinstance(action, Foreign) else action_tag(type(action))


def _action(raw: msgspec.Raw) -> Any:
    data = bytes(raw)
    tag = msgspec.json.decode(data, type=_Tagged)._type
    kind = all_rules().tags.get(tag)
    if kind is not None:
        return decode_strict(data, kind)
    _check_plain(decode_strict(data, dict[str, Any]))
    return Foreign(tag=tag)


def _check_plain(value: Any) -> None:
    """Canonical JSON has no fractions, and integers within ±(2⁵³−1)."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_plain(inner)
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) > INTEGER_MAX):
        raise msgspec.ValidationError(f"a number that canonical JSON does not have: {value}")
