"""The names that a function of a room binds, and which of them are lists and dicts of its own making."""

import ast


def bound_in(function: ast.FunctionDef) -> dict[str, ast.AST]:
    """Every name that a function binds, with where."""
    bound: dict[str, ast.AST] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.setdefault(node.id, node)
        elif isinstance(node, ast.arg):
            bound.setdefault(node.arg, node)
        elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name is not None:
            bound.setdefault(node.name, node)
    return bound


def made_in(function: ast.FunctionDef) -> set[str]:
    """Names that a function binds to lists and dicts of its own making, and to nothing else.

    What a pattern captures and what a lambda is given may be anybody's.
    """
    made: dict[str, int] = {}
    total: dict[str, int] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            total[node.id] = total.get(node.id, 0) + 1
        elif isinstance(node, ast.arg):
            total[node.arg] = total.get(node.arg, 0) + 1
        elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name is not None:
            total[node.name] = total.get(node.name, 0) + 1
        target, value = None, None
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign):
            target, value = node.target, node.value
        called = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""
        fresh = isinstance(value, ast.List | ast.Dict | ast.ListComp | ast.DictComp)
        if isinstance(target, ast.Name) and (fresh or called in ("dict", "list", "sorted")):
            made[target.id] = made.get(target.id, 0) + 1
    return {name for name in made if made[name] == total[name]}
