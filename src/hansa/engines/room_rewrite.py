"""A room's module with each operator, loop and call in it replaced by one that counts (see `room_meter`).

What runs are the bytes that were hashed, read once and changed in this one way. Lines stay where they were.
"""

import ast
from collections.abc import Sequence
from typing import Any

from hansa.engines.room_meter import BUILTINS, OPERATORS, PARTS_PER_WORK
from hansa.engines.room_names import Program, Source, takes_ctx

LAZY = ("chain", "islice", "pairwise", "zip_longest")
"""Of itertools: what they are given is walked by them."""
OF_CTX = {"at": "due_at", "emit": "emit"}
"""Calls of ctx and of the due queue with a rule of their own."""


def rewritten(program: Program, source: Source) -> ast.Module:
    """The module to be run. The source's tree is used up."""
    tree: ast.Module = _Rewriting(program, source).visit(source.tree)
    return ast.fix_missing_locations(tree)


def _work(*parts: ast.AST) -> ast.Constant:
    """What running these parts once costs, by how much is written there."""
    return ast.Constant(1 + sum(map(_size, parts)) // PARTS_PER_WORK)


def _size(part: ast.AST) -> int:
    """How many expressions and statements. Of an f-string its values: how it is cut differs by version."""
    if isinstance(part, ast.JoinedStr):
        values = [value.value for value in part.values if isinstance(value, ast.FormattedValue)]
        return 1 + sum(map(_size, values))
    inner = sum(map(_size, ast.iter_child_nodes(part)))
    return inner + isinstance(part, ast.expr | ast.stmt)


def _helper(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(f"__{name}", ast.Load()), list(arguments), [])


class _Rewriting(ast.NodeTransformer):
    def __init__(self, program: Program, source: Source) -> None:
        self.program, self.source = program, source

    def all(self, nodes: Sequence[ast.expr]) -> list[ast.expr]:
        return [self.visit(node) for node in nodes]

    def weighed(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Constant):
            return node
        if isinstance(node, ast.Starred):
            starred: ast.expr = self.visit(node)
            return starred
        return ast.copy_location(_helper("weigh", self.visit(node)), node)

    def visit(self, node: ast.AST) -> Any:
        new = super().visit(node)
        return ast.copy_location(new, node) if isinstance(node, ast.expr | ast.stmt) else new

    # Outside of functions: only constants are computed there. Types stay as they are.

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        node.target = self.visit(node.target)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        target = node.targets[0]
        if isinstance(target, ast.Name) and self.program.meaning(self.source, target).kind == "alias":
            return node
        starred = any(isinstance(part, ast.Starred) for target in node.targets for part in ast.walk(target))
        node.value = self.weighed(node.value) if starred else self.visit(node.value)
        node.targets = self.all(node.targets)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        work = _work(*node.body)
        node.args.defaults = self.all(node.args.defaults)
        node.args.kw_defaults = [default and self.visit(default) for default in node.args.kw_defaults]
        call = (
            _helper("enter", ast.Name("ctx", ast.Load()), work) if takes_ctx(node) else _helper("step", work)
        )
        begin = ast.copy_location(ast.Expr(call), node.body[0])
        node.body = [begin, *(self.visit(step) for step in node.body)]
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        both = ast.Tuple([_helper("step", _work(node.body)), self.visit(node.body)], ast.Load())
        node.body = ast.Subscript(both, ast.Constant(1), ast.Load())
        return node

    # What repeats.

    def visit_For(self, node: ast.For) -> ast.AST:
        work = _work(*node.body)
        node.iter = ast.copy_location(_helper("walk", self.visit(node.iter), work), node.iter)
        node.target = self.visit(node.target)
        node.body = [self.visit(step) for step in node.body]
        node.orelse = [self.visit(step) for step in node.orelse]
        return node

    def comprehension(self, node: ast.ListComp | ast.GeneratorExp | ast.DictComp) -> ast.AST:
        work = _work(node)
        for part in node.generators:
            part.iter = ast.copy_location(_helper("walk", self.visit(part.iter), work), part.iter)
            part.target = self.visit(part.target)
            part.ifs = self.all(part.ifs)
        if isinstance(node, ast.DictComp):
            node.key, node.value = self.weighed(node.key), self.visit(node.value)
        else:
            node.elt = self.visit(node.elt)
        return node

    visit_ListComp = visit_GeneratorExp = visit_DictComp = comprehension

    def visit_Starred(self, node: ast.Starred) -> ast.AST:
        node.value = self.visit(node.value)
        if isinstance(node.ctx, ast.Load):
            node.value = ast.copy_location(_helper("walk", node.value), node.value)
        return node

    # Operators.

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        name = type(node.op).__name__
        if name not in OPERATORS:
            return self.generic_visit(node)
        return _helper(name, self.visit(node.left), self.visit(node.right))

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        name, value, target = type(node.op).__name__, self.visit(node.value), node.target
        if isinstance(target, ast.Subscript):
            operator = ast.Name(f"__{name}", ast.Load())
            of, key = self.visit(target.value), self.visit(target.slice)
            return ast.Expr(ast.copy_location(_helper("change", of, key, operator, value), node))
        assert isinstance(target, ast.Name)
        before = _helper("grow", ast.Name(target.id, ast.Load()))
        return ast.Assign([target], ast.copy_location(_helper(name, before, value), node))

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if all(isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops):
            return self.generic_visit(node)
        node.left = self.weighed(node.left)
        sides = []
        for operator, side in zip(node.ops, node.comparators, strict=True):
            inside = isinstance(operator, ast.In | ast.NotIn)
            sides.append(_helper("within", self.visit(side)) if inside else self.weighed(side))
        node.comparators = sides
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        node.value = self.visit(node.value)
        if isinstance(node.slice, ast.Slice):
            self.generic_visit(node.slice)
            return _helper("cut", node)
        node.slice = self.weighed(node.slice)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        values = zip(node.keys, node.values, strict=True)
        node.values = [self.weighed(value) if key is None else self.visit(value) for key, value in values]
        node.keys = [key and self.weighed(key) for key in node.keys]
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        node.value = self.weighed(node.value)
        return node

    def visit_Match(self, node: ast.Match) -> ast.AST:
        node.subject = self.weighed(node.subject)
        for case in node.cases:
            case.guard = case.guard and self.visit(case.guard)
            case.body = [self.visit(step) for step in case.body]
        return node

    # Calls.

    def visit_Call(self, node: ast.Call) -> ast.AST:
        of = self.program.meaning(self.source, node.func)
        if of.kind == "function":
            return self.generic_visit(node)
        if of.kind == "builtin" and isinstance(node.func, ast.Name):
            if of.target == "isinstance":
                node.args = [self.visit(node.args[0]), *node.args[1:]]
                return node
            self.generic_visit(node)
            if of.target in BUILTINS:
                node.func = ast.copy_location(ast.Name(f"__{of.target}", ast.Load()), node.func)
            return node
        if of.kind == "call" and of.target in LAZY:
            return self.generic_visit(node)
        for keyword in node.keywords:
            # A lambda is the key of a sort; any other value is weighed.
            sorts = isinstance(keyword.value, ast.Lambda)
            keyword.value = self.visit(keyword.value) if sorts else self.weighed(keyword.value)
        if isinstance(node.func, ast.Attribute) and self.of_a_value(node.func.value, of.kind):
            given = [ast.Constant(node.func.attr), *self.all(node.args)]
            new = _helper("call", self.visit(node.func.value), *given)
            new.keywords = node.keywords
            return new
        node.args = [self.weighed(argument) for argument in node.args]
        if isinstance(node.func, ast.Attribute) and of.kind == "unknown" and node.func.attr in OF_CTX:
            if node.func.attr == "emit":
                node.args.insert(0, node.func.value)
            node.func = ast.Name(f"__{OF_CTX[node.func.attr]}", ast.Load())
        return node

    def of_a_value(self, node: ast.expr, kind: str) -> bool:
        """Whether a method is that of a value: not of ctx, a table, the due queue or a module."""
        if kind != "unknown" or (isinstance(node, ast.Name) and node.id == "ctx"):
            return False
        return self.program.meaning(self.source, node).kind not in ("table", "due")
