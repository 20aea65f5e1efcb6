"""A tree of explanation, and how it is printed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hansa.client.texts import NO_TEXT, Language, Text

MARKS = {True: "✓", False: "✗", None: "·"}
"""Recomputed and right; wrong; nothing to recompute."""


@dataclass(frozen=True)
class Node:
    """One step of an explanation."""

    text: Text
    detail: Text = NO_TEXT
    ok: bool | None = None
    """Whether the step, worked out again, came out as stated; None where there is nothing to work out."""
    children: tuple["Node", ...] = ()
    quantity: int | None = None
    """What it adds to its parent's quantity, base units (of money: minor units); None if it adds nothing."""


def check_node(children: Sequence[Node], quantity: int) -> bool:
    """Whether children add up to their parent, and none of them failed."""
    added = sum(child.quantity for child in children if child.quantity is not None)
    return added == quantity and all(child.ok is not False for child in children)


def holds(node: Node) -> bool:
    """Whether no step of a tree failed."""
    return node.ok is not False and all(holds(child) for child in node.children)


def explain_text(node: Node, lang: Language) -> str:
    """The tree as indented lines: ✓ worked out again and right, ✗ wrong, · nothing to work out."""
    return "\n".join(_rows(node, lang, 0))


def _rows(node: Node, lang: Language, depth: int) -> Iterator[str]:
    detail = node.detail.of(lang)
    after = "" if not detail else f"（{detail}）" if lang == "zh" else f"  ({detail})"
    yield f"{'  ' * depth}{MARKS[node.ok]} {node.text.of(lang)}{after}"
    for child in node.children:
        yield from _rows(child, lang, depth + 1)
