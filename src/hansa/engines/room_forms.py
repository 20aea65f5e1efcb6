"""What may stand in a room's module outside of functions: types, tables, the room, constants, signatures."""

import ast
import re
import string
from collections.abc import Callable, Iterator

from hansa.engines import room_errors as errors
from hansa.engines.room_names import TYPES, UNKNOWN, Program, Source
from hansa.kernel.refusal import Refusal

KEYWORDS = {
    "Action": ("tag",),
    "Event": ("tag",),
    "Record": ("readers", "retention", "tag", "version"),
    "Refusal": ("code", "field"),
    "Struct": (),
}
NEEDED = {
    "Action": ("tag",),
    "Event": ("tag",),
    "Record": ("version", "readers"),
    "Refusal": ("code", "field"),
    "Struct": (),
}
READERS = ("public", "members", "parties")
PARTS = {
    "actions": "function",
    "due": "function",
    "queries": "function",
    "tables": "table",
    "events": "class",
}
KINDS_ZH = {"function": "函数", "table": "表", "class": "类"}
TABLE_KEYWORDS = ("integers", "key", "older", "record")
TAG = re.compile(r"[a-z][a-z0-9]*\.[a-z][a-z0-9_]*\Z")


class Forms:
    """Checks a module's definitions. Function bodies are another's: `body(program, source, function)`."""

    def __init__(
        self,
        program: Program,
        source: Source,
        body: Callable[[Program, Source, ast.FunctionDef], None],
    ) -> None:
        self.program, self.source, self.body = program, source, body

    def refuse(self, kind: type[Refusal], node: ast.AST, **values: str) -> None:
        line = getattr(node, "lineno", 0)
        self.program.problems.append(kind(file=self.source.path, line=line, **values))

    def declared(self, node: ast.AST, zh: str, en: str) -> None:
        self.refuse(errors.Declared, node, what_zh=zh, what_en=en)

    def module(self) -> None:
        for node in self.source.tree.body:
            match node:
                case ast.ImportFrom():
                    pass  # settled with the names
                case ast.Import():
                    for alias in node.names:
                        self.refuse(errors.ImportForbidden, node, name=alias.name)
                case ast.Expr(value=ast.Constant(value=str())):
                    pass  # a docstring
                case ast.FunctionDef():
                    self.function(node)
                case ast.ClassDef():
                    self.a_class(node)
                case ast.Assign(targets=[ast.Name()], value=value):
                    self.assigned(node, node.targets[0], value)
                case ast.AnnAssign(target=ast.Name(), value=ast.expr() as value):
                    self.annotation(node.annotation)
                    self.assigned(node, node.target, value)
                case _:
                    self.refuse(errors.ModuleWork, node)

    # Constants, tables, the room.

    def assigned(self, node: ast.stmt, target: ast.expr, value: ast.expr) -> None:
        name = ast.unparse(target)
        kind = self.program.meaning(self.source, target).kind
        if kind == "alias":
            self.annotation(value)
        elif isinstance(value, ast.Call):
            of = self.program.meaning(self.source, value.func).kind
            if of == "table type":
                self.table(value)
            elif of == "room type":
                self.room(value)
            else:
                self.refuse(errors.ModuleWork, node)
        elif isinstance(value, ast.List | ast.Dict | ast.ListComp | ast.DictComp):
            self.refuse(errors.Shared, node, name=name)
        elif not self.constant(value):
            self.refuse(errors.ModuleWork, node)

    def constant(self, node: ast.expr) -> bool:
        """Texts, integers, tuples of them, and sums of constants."""
        match node:
            case ast.Constant(value=str() | int() | bytes() | None):
                return True
            case ast.Tuple():
                return all(self.constant(item) for item in node.elts)
            case ast.UnaryOp(op=ast.USub()):
                return self.constant(node.operand)
            case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv()):
                return self.constant(node.left) and self.constant(node.right)
            case ast.Name() | ast.Attribute():
                return self.program.meaning(self.source, node).kind == "constant"
        return False

    def table(self, call: ast.Call) -> None:
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        prefix = f"{self.program.room}."
        match call.args:
            case [ast.Constant(value=str(name))] if name.startswith(prefix) and TAG.match(name):
                pass
            case _:
                self.declared(
                    call,
                    f"表名须为 {prefix}… 的小写文本，其余参数须写明名称",
                    f"a table's name is a lower-case text that begins with {prefix}, and the rest is named",
                )
        if not {"key", "record"} <= set(keywords) <= set(TABLE_KEYWORDS):
            self.declared(call, "表须有 key 和 record", "a table has a key and a record")
            return
        for name in ("key", "integers"):
            match keywords.get(name):
                case None:
                    pass
                case ast.Tuple(elts=parts) if all(isinstance(part, ast.Constant) for part in parts):
                    pass
                case _:
                    self.declared(call, f"{name} 须为文本元组", f"{name} is a tuple of texts")
        self.named(keywords["record"], "class")
        older = keywords.get("older")
        if isinstance(older, ast.Dict):
            for key, value in zip(older.keys, older.values, strict=True):
                self.named(key, "class")
                self.named(value, "function")
        elif older is not None:
            self.declared(call, "older 须为 {旧类型: 函数}", "older is {older type: function}")

    def room(self, call: ast.Call) -> None:
        match call.args:
            case [ast.Constant(value=str(name))] if name == self.program.room:
                pass
            case _:
                self.declared(
                    call,
                    f"应用须以入口名称 {self.program.room} 命名",
                    f"the room has the name of its entry point, {self.program.room}",
                )
        for keyword in call.keywords:
            kind = PARTS.get(keyword.arg or "")
            if kind is None:
                self.declared(
                    call,
                    f"应用不得有 {keyword.arg}；可有 {'、'.join(PARTS)}",
                    f"a room from outside may not have {keyword.arg}; it may have {', '.join(PARTS)}",
                )
            elif isinstance(keyword.value, ast.List | ast.Tuple):
                for item in keyword.value.elts:
                    self.named(item, kind)
                    self.program.listed.add(self.program.meaning(self.source, item).target)
                    if kind == "function":
                        self.handler(item)
            else:
                self.declared(call, f"{keyword.arg} 须为列表", f"{keyword.arg} is a list")

    def named(self, node: ast.expr | None, kind: str) -> None:
        """A thing of this kind, by its name."""
        meaning = UNKNOWN if node is None else self.program.meaning(self.source, node)
        if meaning.kind != kind:
            name = "**" if node is None else ast.unparse(node)
            self.declared(
                node or self.source.tree,
                f"{name} 须为本软件包中定义的{KINDS_ZH[kind]}",
                f"{name} has to be the name of a {kind} of this package",
            )

    def handler(self, node: ast.expr) -> None:
        """The ledger calls it with ctx first."""
        if self.program.meaning(self.source, node).target not in self.program.with_ctx:
            self.declared(
                node,
                f"{ast.unparse(node)} 的第一个参数须为 ctx: Context",
                f"{ast.unparse(node)} has to take ctx: Context as its first argument",
            )

    # Types.

    def a_class(self, node: ast.ClassDef) -> None:
        base = node.bases[0].id if len(node.bases) == 1 and isinstance(node.bases[0], ast.Name) else ""
        if node.decorator_list:
            self.refuse_decorator(node.decorator_list[0])
        if self.program.meaning(self.source, ast.Name(base)).kind != "base" or _generic(node):
            self.declared(
                node,
                f"类 {node.name} 须直接继承 hansa.kernel 的 {'、'.join(KEYWORDS)} 之一",
                f"class {node.name} derives from one of hansa.kernel's {', '.join(KEYWORDS)}, directly",
            )
            return
        base = self.program.meaning(self.source, ast.Name(base)).target
        self.class_keywords(node, base)
        texts: dict[str, str] = {}
        for step in node.body:
            match step:
                case ast.Expr(value=ast.Constant(value=str())) | ast.Pass():
                    pass
                case ast.AnnAssign(target=ast.Name(), value=value) if base != "Refusal":
                    self.annotation(step.annotation)
                    if not (value is None or isinstance(value, ast.Constant) or _empty(value)):
                        self.refuse(errors.Shared, step, name=ast.unparse(step.target))
                case ast.Assign(
                    targets=[ast.Name(id="zh" | "en" as language)], value=ast.Constant(value=str(text))
                ) if base == "Refusal":
                    texts[language] = text
                    self.template(step, text)
                case _:
                    self.declared(
                        step, f"类 {node.name} 中只可有字段", f"class {node.name} may hold fields only"
                    )
        if base == "Refusal" and (
            set(texts) != {"zh", "en"} or not re.search("[\u4e00-\u9fff]", texts["zh"])
        ):
            self.declared(
                node,
                f"{node.name} 须有中文 zh 和英文 en 两段文本",
                f"{node.name} needs a Chinese text zh and an English text en",
            )

    def class_keywords(self, node: ast.ClassDef, base: str) -> None:
        given: dict[str, object] = {}
        for keyword in node.keywords:
            if keyword.arg not in KEYWORDS[base] or not isinstance(keyword.value, ast.Constant):
                self.declared(
                    node,
                    f"类 {node.name} 的 {keyword.arg} 不是常量，或不可用（{'、'.join(KEYWORDS[base])}）",
                    f"class {node.name}: {keyword.arg} is no constant or none of {', '.join(KEYWORDS[base])}",
                )
            else:
                given[keyword.arg] = keyword.value.value
        for name in NEEDED[base]:
            if name not in given:
                self.declared(node, f"类 {node.name} 须写明 {name}", f"class {node.name} has to state {name}")
        prefix = f"{self.program.room}."
        for name in ("code",) if base == "Refusal" else ("tag",) if base in ("Action", "Event") else ():
            if name in given and not (str(given[name]).startswith(prefix) and TAG.match(str(given[name]))):
                self.declared(
                    node,
                    f"类 {node.name} 的 {name} 须为 {prefix}… 的小写文本",
                    f"class {node.name}: its {name} is a text in lower case that begins with {prefix}",
                )
        if given.get("readers", READERS[0]) not in READERS:
            self.declared(
                node,
                f"类 {node.name} 的 readers 须为 {'、'.join(READERS)} 之一",
                f"class {node.name}: readers is one of {', '.join(READERS)}",
            )

    def template(self, node: ast.stmt, text: str) -> None:
        """A refusal's text names values, and does not reach into them."""
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError:
            parts = [("", "{", "", None)]
        for _, name, spec, conversion in parts:
            if name is not None and (not name.isidentifier() or name.startswith("_") or spec or conversion):
                self.refuse(
                    errors.TextUnfit,
                    node,
                    what_zh=f"拒绝文本中的 {{{name}}} 不是简单的值名",
                    what_en=f"{{{name}}} in a refusal's text is no plain name of a value",
                    instead_zh="请只写 {名称}，并在 raise 时给出该值",
                    instead_en="Write {name} only, and give that value where it is raised",
                )

    # Signatures and annotations.

    def function(self, node: ast.FunctionDef) -> None:
        for decorator in node.decorator_list:
            match decorator:
                case ast.Call(func=func, args=[ast.Constant(value=int())], keywords=[]) if (
                    self.program.meaning(self.source, func).kind == "mark"
                ):
                    pass
                case _:
                    self.refuse_decorator(decorator)
        arguments = node.args
        if _generic(node):
            self.declared(node, "函数不得有类型参数", "a function has no type parameters")
        for position, argument in enumerate(_all(arguments)):
            is_context = (
                argument.annotation is not None
                and self.program.meaning(self.source, argument.annotation).kind == "context"
            )
            if is_context != (argument.arg == "ctx") or (is_context and position):
                self.declared(
                    argument,
                    f"函数 {node.name}：ctx 须为第一个参数，并写作 ctx: Context",
                    f"function {node.name}: ctx is the first argument and is written ctx: Context",
                )
            elif argument.annotation is None:
                self.declared(
                    argument,
                    f"函数 {node.name} 的参数 {argument.arg} 须注明类型",
                    f"function {node.name}: argument {argument.arg} has to name its type",
                )
            elif not is_context:
                self.annotation(argument.annotation)
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is not None and not self.constant(default):
                self.refuse(errors.Shared, default, name=ast.unparse(default))
        if node.returns is not None:
            self.annotation(node.returns)
        self.body(self.program, self.source, node)

    def refuse_decorator(self, node: ast.expr) -> None:
        self.refuse(
            errors.Construct,
            node,
            what_zh=f"装饰器 {ast.unparse(node)}",
            what_en=f"the decorator {ast.unparse(node)}",
            instead_zh="只可用 since(版本) 和 until(版本)",
            instead_en="Only since(version) and until(version) may stand there",
        )

    def annotation(self, node: ast.expr) -> None:
        """A type is named; a text in its place would be run as code when it is read."""
        match node:
            case ast.Constant(value=None):
                return
            case ast.Name() | ast.Attribute():
                meaning = self.program.meaning(self.source, node)
                known = meaning.kind in ("type", "class", "alias", "base")
                if known or (meaning.kind == "builtin" and meaning.target in TYPES):
                    return
            case ast.BinOp(op=ast.BitOr()):
                self.annotation(node.left)
                self.annotation(node.right)
                return
            case ast.Subscript(value=ast.Name() as value):
                self.annotation(value)
                parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                literal = self.program.meaning(self.source, value).target == "Literal"
                for part in parts:
                    if isinstance(part, ast.Constant) and (part.value is ... or literal):
                        continue
                    self.annotation(part)
                return
        self.declared(
            node,
            f"类型 {ast.unparse(node)} 不可用；可用 hansa.kernel 的类型和 {'、'.join(TYPES)}、Literal",
            f"the type {ast.unparse(node)} is not allowed; hansa.kernel's, {', '.join(TYPES)}, Literal are",
        )


def check_listed(program: Program) -> None:
    """Every table and event is in the room's lists: what the ledger holds, each node must know to read."""
    for source in program.sources.values():
        for node in source.tree.body:
            name = getattr(node, "name", "")
            if isinstance(node, ast.Assign | ast.AnnAssign):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                name = target.id if isinstance(target, ast.Name) else ""
                table = source.defined.get(name, UNKNOWN).kind == "table"
            else:
                table = False
            bases = [program.meaning(source, base).target for base in getattr(node, "bases", ())]
            if (table or bases == ["Event"]) and f"{source.module}:{name}" not in program.listed:
                program.problems.append(
                    errors.Declared(
                        file=source.path,
                        line=node.lineno,
                        what_zh=f"{name} 须列入 Room(...) 的 {'tables' if table else 'events'}",
                        what_en=f"{name} has to be in the Room's list of {'tables' if table else 'events'}",
                    )
                )


def _generic(node: ast.AST) -> bool:
    """Whether it has type parameters, as Python 3.12 writes them."""
    return bool(getattr(node, "type_params", None))


def _empty(node: ast.expr) -> bool:
    return isinstance(node, ast.Tuple) and not node.elts


def _all(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args)
    if arguments.vararg is not None:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg is not None:
        yield arguments.kwarg
