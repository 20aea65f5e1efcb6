"""What no contract may hold, because members could compute it differently (protocol, rule 11).

The tidy test holds the shipped rooms and the kernel to it, `room_check` the rooms from outside.
"""

import ast

STANDARD = ("collections.abc", "dataclasses", "enum", "functools", "itertools", "typing")
"""Modules of Python's own that contracts of this release may import."""

ALLOWED_TEXT_METHODS = ("startswith", "endswith", "join", "split", "encode", "isascii")
SHARED_WITH_TUPLES_AND_BYTES = ("count", "index")
TEXT_METHODS = frozenset(name for name in dir(str) if not name.startswith("_")).difference(
    ALLOWED_TEXT_METHODS, SHARED_WITH_TUPLES_AND_BYTES
)
"""Methods of a text that differ by Python's version and its tables of characters."""

VIEWS = ("items", "keys", "values")
"""What these methods of a dict give behaves as a set, whose order differs from process to process."""
SET_OPERATORS = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.Sub)

FORBIDDEN_NAMES = ("float", "complex", "set", "frozenset", "hash", "id", "round", "eval", "exec")


def forbidden(node: ast.AST, *, any_text_method: bool = False) -> str:
    """What stands in this node that members could compute differently, or ""."""
    if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
        return "a float"
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
        return "a division with /"
    if isinstance(node, ast.Set | ast.SetComp):
        return "a set"
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in FORBIDDEN_NAMES:
        return node.id
    if isinstance(node, ast.BinOp) and isinstance(node.op, SET_OPERATORS):
        viewed = [side for side in (node.left, node.right) if _method(side) in VIEWS]
        if viewed:
            return "a set of a dict's keys, values or items"
    called = node.func if isinstance(node, ast.Call) else None
    if isinstance(called, ast.Attribute) and called.attr in TEXT_METHODS and not any_text_method:
        return f".{called.attr}()"
    if isinstance(node, ast.Call) and not any_text_method:
        names = [argument for argument in node.args if isinstance(argument, ast.Constant)]
        if _method(node) == "encode" and (node.keywords or names):
            return ".encode() with an encoding"
        if _method(node) == "split" and not node.args:
            return ".split() without a separator"
    return ""


def _method(node: ast.AST) -> str:
    """Name of the method that a call calls."""
    return node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
