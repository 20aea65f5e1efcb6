"""Whether a room from outside may be loaded, found out from its source before anything of it runs.

What passes keeps to rule 11, has no `while` and no recursion, keeps nothing outside the ledger, and reaches
nothing but its own tables and what hansa.kernel gives to rooms. What cannot be decided is refused. The idea:
only data are values. Functions, classes, tables, modules and `ctx` are used where they are named, and are
never kept or handed on; so each call is known by name, and each attribute is a declared field. Of which type
a value is, and how often a loop runs, only running it tells: `room_meter` sees to those.
"""

import ast
import re

from hansa.engines import room_errors as errors
from hansa.engines.room_calls import find_circles
from hansa.engines.room_forms import Forms, check_listed
from hansa.engines.room_locals import bound_in, made_in
from hansa.engines.room_meter import INTEGER_BITS_MAX
from hansa.engines.room_names import (
    BUILTINS,
    CALLABLE,
    LOCAL,
    UNKNOWN,
    Meaning,
    Program,
    Source,
    read,
    takes_ctx,
)
from hansa.engines.room_package import Package
from hansa.engines.room_rules import forbidden
from hansa.kernel.refusal import Refusal

CTX_FACTS = ("time_ms", "height", "chain", "rules", "member", "key", "transaction")
CTX_CALLS = ("emit", "verified")
TABLE_CALLS = ("delete", "get", "insert", "put", "scan")
METHODS = (
    "bit_length", "count", "encode", "endswith", "get", "hex", "index", "isascii", "items", "join",
    "keys", "split", "startswith", "to_bytes", "values",
)  # fmt: skip
CHANGING = (
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "setdefault", "sort", "update",
)  # fmt: skip
"""Methods that change a list or dict: allowed on one that this function made."""
CONSUMERS = ("all", "any", "dict", "list", "max", "min", "sorted", "sum", "tuple", "join", "extend", "update")
"""Calls that use up a generator at once."""
SORTING = ("max", "min", "sorted", "sort")
INNER = ("_", "gi_", "cr_", "ag_")
"""Beginnings of the names by which Python shows its insides."""
WITHIN_MAX = 4
"""Comprehensions within each other: each takes of the depth to which Python can call."""
MANY = (ast.ListComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)
FORMAT = re.compile(r"0?[0-9]{0,2},?[ds]\Z")

PLAIN = (
    ast.Return, ast.Expr, ast.If, ast.IfExp, ast.Assert, ast.Break, ast.Continue, ast.Pass, ast.BoolOp,
    ast.UnaryOp, ast.Tuple, ast.List, ast.Dict, ast.ListComp, ast.DictComp, ast.comprehension, ast.Starred,
    ast.Slice, ast.Constant, ast.NamedExpr, ast.Match, ast.match_case, ast.MatchValue, ast.MatchSingleton,
    ast.MatchSequence, ast.MatchAs, ast.MatchOr, ast.MatchStar, ast.AugAssign, ast.Assign, ast.boolop,
    ast.unaryop, ast.operator, ast.cmpop, ast.expr_context, ast.arguments, ast.arg,
)  # fmt: skip
OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.BitAnd, ast.BitOr, ast.BitXor, ast.RShift, ast.Div,
)  # fmt: skip
"""Without powers and left shifts, one of which can run for hours. (`/` is refused by rule 11, by name.)"""
SERIES = (ast.Tuple, ast.List, ast.ListComp, ast.Dict, ast.DictComp)
CONSTRUCTS: dict[type[ast.AST], tuple[str, str, str, str]] = {
    ast.Try: (
        "try：它可能吞掉拒绝",
        "a try, which could swallow a refusal",
        "拒绝须使整笔交易失败；请先检查，再执行",
        "A refusal ends the transaction: check first, then act",
    ),
    ast.With: ("with", "a with", "请用普通语句", "Use plain statements"),
    ast.Yield: ("yield", "a yield", "请返回列表", "Return a list"),
    ast.YieldFrom: ("yield from", "a yield from", "请返回列表", "Return a list"),
    ast.FunctionDef: (
        "函数中的函数",
        "a function within a function",
        "请把函数写在模块一级",
        "Define functions at the level of the module",
    ),
    ast.ClassDef: ("函数中的类", "a class within a function", "请写在模块一级", "Define it in the module"),
    ast.GeneratorExp: (
        "留存的生成器",
        "a generator that is kept",
        "请写成列表，或直接交给 sum、any、sorted 等",
        "Write a list, or give it to sum, any, sorted and the like at once",
    ),
    ast.Lambda: ("lambda", "a lambda here", "lambda 只可作为排序的 key", "It may be the key of a sort only"),
    ast.Delete: ("del", "a del", "请新建所需的内容", "Make what you need anew"),
    ast.Global: ("global", "a global", "请把状态存入表", "Keep what changes in a table"),
    ast.Nonlocal: ("nonlocal", "a nonlocal", "请返回结果", "Return the result"),
    ast.Import: ("函数中的导入", "an import within a function", "请写在文件开头", "Import at the top"),
    ast.ImportFrom: ("函数中的导入", "an import within a function", "请写在文件开头", "Import at the top"),
}


def check(package: Package) -> list[Refusal]:
    """All that keeps a package from being loaded as a room, in order of file and line."""
    program = read(package)
    try:
        for source in program.sources.values():
            _check_identifiers(program, source)
            Forms(program, source, _check_body).module()
        find_circles(program)
        check_listed(program)
    except RecursionError:
        program.problems.append(errors.SyntaxUnfit(file=package.name, line=0, detail="nested too deeply"))
    module, _, attribute = package.entry.partition(":")
    at = program.sources.get(module)
    if at is None or at.defined.get(attribute, UNKNOWN).kind != "room":
        detail = f"{package.entry} is no Room(...)"
        program.problems.append(errors.ProjectUnfit(file=package.name, detail=detail))
    return sorted(program.problems, key=lambda p: (str(p.values.get("file", "")), p.values.get("line", 0)))


def _check_identifiers(program: Program, source: Source) -> None:
    for node in ast.walk(source.tree):
        for part in ("id", "attr", "arg", "name", "asname", "rest"):
            name = getattr(node, part, None)
            if isinstance(name, str) and "__" in name:
                _refuse_name(
                    program, source, node, name, "双下划线是 Python 内部名称", "Python's inner names"
                )


def _refuse_name(program: Program, source: Source, node: ast.AST, name: str, zh: str, en: str) -> None:
    line = getattr(node, "lineno", 0)
    problem = errors.NameForbidden(file=source.path, line=line, name=name, why_zh=zh, why_en=en)
    program.problems.append(problem)


def _check_body(program: Program, source: Source, function: ast.FunctionDef) -> None:
    body = _Body(program, source, function)
    for step in function.body:
        body.visit(step)


class _Body(ast.NodeVisitor):
    """One function's statements."""

    def __init__(self, program: Program, source: Source, function: ast.FunctionDef) -> None:
        self.program, self.source = program, source
        self.calls = program.calls.setdefault(f"{source.module}:{function.name}", {})
        self.has_ctx = takes_ctx(function)
        self.locals = bound_in(function)
        self.fresh = made_in(function)
        self.within = 0
        self.at_once: list[ast.expr] = []
        """Generators that are used up where they stand, and keys of sorts."""
        for name, node in self.locals.items():
            if name in source.names or name in BUILTINS:
                _refuse_name(program, source, node, name, "它已有另一含义", "it already means something else")

    def refuse(self, kind: type[Refusal], node: ast.AST, **values: str) -> None:
        line = getattr(node, "lineno", 0)
        self.program.problems.append(kind(file=self.source.path, line=line, **values))

    def construct(self, node: ast.AST, zh: str, en: str, instead_zh: str, instead_en: str) -> None:
        self.refuse(
            errors.Construct, node, what_zh=zh, what_en=en, instead_zh=instead_zh, instead_en=instead_en
        )

    def meaning(self, node: ast.expr) -> Meaning:
        if isinstance(node, ast.Name) and node.id in self.locals:
            return Meaning("ctx") if node.id == "ctx" and self.has_ctx else LOCAL
        if isinstance(node, ast.Attribute) and self.meaning(node.value) in (LOCAL, Meaning("ctx")):
            return UNKNOWN
        return self.program.meaning(self.source, node)

    def visit(self, node: ast.AST) -> None:
        self.within += isinstance(node, MANY)
        if self.within > WITHIN_MAX:
            self.construct(
                node,
                f"嵌套超过 {WITHIN_MAX} 层的推导式",
                f"comprehensions more than {WITHIN_MAX} deep within each other",
                "请拆成几步",
                "Write it in several steps",
            )
        self.look_into(node)
        self.within -= isinstance(node, MANY)

    def look_into(self, node: ast.AST) -> None:
        what = forbidden(node)
        if what:
            self.refuse(errors.ComputedApart, node, what=what)
            return
        if isinstance(node, ast.While):
            self.refuse(errors.WhileLoop, node)
        elif hasattr(self, f"visit_{type(node).__name__}"):
            super().visit(node)
        elif isinstance(node, PLAIN):
            self.generic_visit(node)
        else:
            name = type(node).__name__
            self.construct(
                node, *CONSTRUCTS.get(type(node), (name, name, "请换一种写法", "Write it otherwise"))
            )

    # Names and attributes: only data are values.

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            if node.id == "ctx":
                self.refuse(errors.NotAValue, node, name=node.id)
            return
        kind = self.meaning(node).kind
        if kind == "unknown":
            zh, en = (
                "它没有定义，或不是允许的内置名称",
                "it is not defined, or no built-in that rooms may use",
            )
            _refuse_name(self.program, self.source, node, node.id, zh, en)
        elif kind not in ("local", "constant"):
            self.refuse(errors.NotAValue, node, name=node.id)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, int) and node.value.bit_length() > INTEGER_BITS_MAX:
            self.construct(
                node,
                f"超过 {INTEGER_BITS_MAX} 位的整数",
                f"an integer of more than {INTEGER_BITS_MAX} bits",
                "请用较小的数",
                "Use smaller numbers",
            )

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name == "ctx":
            self.refuse(errors.NotAValue, node, name=node.name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.refuse(errors.Shared, node, name=ast.unparse(node))
            return
        of = self.meaning(node.value)
        if of.kind in ("module", "interface", "limits", "due"):
            kind = self.meaning(node).kind
            if kind == "unknown":
                self.refuse(errors.AttributeUnknown, node, name=node.attr)
            elif kind != "constant":
                self.refuse(errors.NotAValue, node, name=ast.unparse(node))
        elif of.kind == "ctx":
            if node.attr not in CTX_FACTS:
                self.refuse(errors.AttributeUnknown, node, name=node.attr)
        else:
            self.visit(node.value)
            if node.attr not in self.program.fields or node.attr.startswith(INNER):
                self.refuse(errors.AttributeUnknown, node, name=node.attr)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load) and not self.made_here(node.value):
            self.refuse(errors.Shared, node, name=ast.unparse(node.value))
        if _stores(node) and isinstance(node.slice, ast.Slice):
            self.construct(node, "对切片赋值", "a value put into a slice", "请用 extend", "Use extend")
        self.visit(node.value)
        self.visit(node.slice)

    def made_here(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in self.fresh

    # Calls: each is known by name.

    def visit_Call(self, node: ast.Call) -> None:
        of = self.meaning(node.func)
        takes_ctx, handler, sorts, consumes = False, -1, False, False
        match of.kind:
            case "function":
                self.calls.setdefault(of.target, (self.source.path, node.lineno))
                takes_ctx = of.target in self.program.with_ctx
            case "class" | "call":
                pass
            case "abroad":
                takes_ctx = of.target in self.program.with_ctx
            case "builtin" if of.target in CALLABLE:
                sorts, consumes = of.target in SORTING, of.target in CONSUMERS
                if of.target == "isinstance" and len(node.args) == 2:
                    self.kinds(node.args[1])
                    self.visit(node.args[0])
                    return
            case "unknown" if isinstance(node.func, ast.Attribute):
                takes_ctx, handler, sorts, consumes = self.method(node.func)
            case _ if what := forbidden(node.func):
                self.refuse(errors.ComputedApart, node, what=what)
            case _:
                self.refuse(errors.CallUndecided, node, name=ast.unparse(node.func))
        for position, argument in enumerate(node.args):
            if position == 0 and takes_ctx and self.meaning(argument).kind == "ctx":
                continue
            if position == handler:
                self.due_work(argument)
            else:
                self.at_once += [argument] if consumes else []
                self.visit(argument)
        for keyword in node.keywords:
            if sorts and keyword.arg == "key":
                self.sorting(keyword.value)
            else:
                self.visit(keyword.value)

    def method(self, func: ast.Attribute) -> tuple[bool, int, bool, bool]:
        """(takes ctx first, position of due work, sorts, uses up a generator) of a call of `value.method`."""
        of, name = self.meaning(func.value).kind, func.attr
        if of == "ctx" and name in CTX_CALLS:
            return False, -1, False, False
        if of == "table" and name in TABLE_CALLS:
            return True, -1, False, False
        if of == "due" and name == "at":
            return True, 2, False, False
        if of in ("ctx", "due", "table", "module", "interface", "limits"):
            self.refuse(errors.CallUndecided, func, name=ast.unparse(func))
        else:
            self.visit(func.value)
            if name in CHANGING and not self.made_here(func.value):
                self.refuse(errors.Shared, func, name=ast.unparse(func.value))
            elif name not in METHODS and name not in CHANGING:
                self.refuse(errors.AttributeUnknown, func, name=name)
        return False, -1, name in SORTING, name in CONSUMERS

    def due_work(self, node: ast.expr) -> None:
        if self.meaning(node).target not in self.program.with_ctx:
            self.refuse(errors.CallUndecided, node, name=ast.unparse(node))

    def kinds(self, node: ast.expr) -> None:
        """The types in an `isinstance`."""
        if isinstance(node, ast.Tuple):
            for item in node.elts:
                self.kinds(item)
        elif isinstance(node, ast.BinOp):
            self.kinds(node.left)
            self.kinds(node.right)
        elif self.meaning(node).kind not in ("class", "builtin"):
            self.refuse(errors.CallUndecided, node, name=ast.unparse(node))

    def sorting(self, node: ast.expr) -> None:
        of = self.meaning(node)
        if isinstance(node, ast.Lambda) and not (node.args.defaults or node.args.kw_defaults):
            if any(part.arg == "ctx" for part in ast.walk(node.args) if isinstance(part, ast.arg)):
                self.refuse(errors.NotAValue, node, name="ctx")
            self.at_once.append(node)
            self.visit(node)
        elif of.kind == "function":
            self.calls.setdefault(of.target, (self.source.path, node.lineno))
        elif not (of.kind == "builtin" and of.target in ("len", "abs")):
            self.refuse(errors.CallUndecided, node, name=ast.unparse(node))

    # Statements and operators with a rule of their own.

    def visit_For(self, node: ast.For) -> None:
        walked = {part.id for part in ast.walk(node.iter) if isinstance(part, ast.Name)}
        for step in ast.walk(node):
            if isinstance(step, ast.Call) and isinstance(step.func, ast.Attribute):
                changed = step.func.value if step.func.attr in CHANGING else None
            else:
                changed = step.value if isinstance(step, ast.Subscript) and _stores(step) else None
            if isinstance(changed, ast.Name) and changed.id in walked & self.fresh:
                self.construct(
                    step,
                    f"对 {changed.id} 的循环中又改动 {changed.id}",
                    f"a loop over {changed.id} that changes {changed.id}",
                    "请先收集，循环后再改",
                    "Collect first and change it after the loop",
                )
        self.generic_visit(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp | ast.Lambda) -> None:
        if node in self.at_once:
            self.generic_visit(node)
        else:
            self.construct(node, *CONSTRUCTS[type(node)])

    visit_Lambda = visit_GeneratorExp

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        Forms(self.program, self.source, _check_body).annotation(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_Raise(self, node: ast.Raise) -> None:
        raised = node.exc.func if isinstance(node.exc, ast.Call) else None
        named = isinstance(node.exc, ast.Call) and not node.exc.args and all(map(_named, node.exc.keywords))
        if raised is None or not named or node.cause is not None or self.meaning(raised).kind != "class":
            self.construct(
                node,
                "这种 raise",
                "a raise of this form",
                "请写 raise 类名(名称=值…)，该类须是本软件包的 Refusal，clause 须为写明的 ASCII 文本",
                "Write `raise Name(name=value)` of a Refusal of this package; a clause is a text in ASCII",
            )
        if isinstance(node.exc, ast.Call):
            self.visit(node.exc)

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            if isinstance(operator, ast.Is | ast.IsNot) and not (_singular(left) or _singular(right)):
                self.refuse(errors.ComputedApart, node, what="is")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp | ast.AugAssign) -> None:
        texts = (ast.JoinedStr, ast.Constant)
        sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
        text = any(isinstance(n, texts) and isinstance(getattr(n, "value", ""), str | bytes) for n in sides)
        if isinstance(node.op, ast.Mod) and text:
            self.text(node, "用 % 拼接的文本", "a text made by %")
        elif isinstance(node.op, ast.Mult) and (text or any(isinstance(n, SERIES) for n in sides)):
            self.construct(
                node,
                "用 * 重复的文本、列表或元组",
                "a text, list or tuple repeated by *",
                "* 只用于整数；请写出来或用循环",
                "* takes integers: write it out, or loop",
            )
        elif isinstance(node, ast.AugAssign) and isinstance(node.value, SERIES[1:]):
            self.construct(
                node,
                "对列表或字典的 += 之类",
                "+= and the like of a list or dict",
                "请用 append 或 extend",
                "Use append or extend",
            )
        elif not isinstance(node.op, OPERATORS):
            self.construct(
                node,
                "乘方、左移或矩阵乘法",
                "a power, a left shift or a matrix product",
                "一步即可耗时数小时；请用乘法或写出数值",
                "One step of it can take hours: multiply, or write the number out",
            )
        self.generic_visit(node)

    visit_AugAssign = visit_BinOp

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        for part in node.values:
            if not isinstance(part, ast.FormattedValue):
                continue
            spec = part.format_spec
            form = spec.values[0] if isinstance(spec, ast.JoinedStr) and len(spec.values) == 1 else None
            plain = isinstance(form, ast.Constant) and FORMAT.match(str(form.value))
            if part.conversion != -1 or not plain:
                self.text(part, "未注明种类的文本嵌入", "a text made from a value of any kind")
            self.visit(part.value)

    def text(self, node: ast.AST, zh: str, en: str) -> None:
        self.refuse(
            errors.TextUnfit,
            node,
            what_zh=f"此处有{zh}，各节点可能不同",
            what_en=f"there is {en}, which nodes could write differently",
            instead_zh='数字请写 f"{n:d}"，文本请写 f"{t:s}"',
            instead_en='Write f"{n:d}" for a number and f"{t:s}" for a text',
        )


def _named(keyword: ast.keyword) -> bool:
    """Whether a value of a refusal is for its texts only. The clause, which is agreed on, is written out."""
    if keyword.arg == "clause":
        return isinstance(keyword.value, ast.Constant) and str(keyword.value.value).isascii()
    return keyword.arg is not None


def _singular(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))


def _stores(node: ast.Subscript) -> bool:
    return not isinstance(node.ctx, ast.Load)
