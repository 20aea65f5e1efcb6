"""Why a room from outside is not loaded: each refusal names the file and the line, and what to do."""

from hansa.kernel.refusal import Refusal


class RoomUnknown(Refusal, code="room.unknown", field="name"):
    zh = "找不到应用 {name}：它既不是含 pyproject.toml 的文件夹，也不是已安装的应用。请检查名称或路径。"
    en = (
        "There is no room {name}: neither a folder with a pyproject.toml nor an installed room has this "
        "name. Check the name or the path."
    )


class ProjectUnfit(Refusal, code="room.project", field="project"):
    zh = (
        "{file} 没有说清应用：{detail}。请写明 [project] 的 version 以及 "
        '[project.entry-points."hansa.rooms"] 中的一项，如 visitors = "visitors.contract:ROOM"。'
    )
    en = (
        "{file} does not say what the room is: {detail}. It needs a version under [project], and one entry "
        "under "
        '[project.entry-points."hansa.rooms"], as visitors = "visitors.contract:ROOM".'
    )


class FileUnfit(Refusal, code="room.file", field="file"):
    zh = "软件包中的文件 {file} 不能计入哈希：{detail}。请把它移出软件包。"
    en = "The package's file {file} cannot be part of its hash: {detail}. Take it out of the package."


class TooLarge(Refusal, code="room.too_large", field="package"):
    zh = "软件包过大：至多 {files} 个文件、共 {bytes} 字节。请把数据和文档移出软件包。"
    en = "The package is too large: at most {files} files of {bytes} bytes in all. Move data out of it."


class SyntaxUnfit(Refusal, code="room.syntax", field="file"):
    zh = "{file} 第 {line} 行不是可读的 Python：{detail}。请改正后再检查。"
    en = "{file}, line {line}: this cannot be read as Python: {detail}. Correct it and check again."


class ImportForbidden(Refusal, code="room.import", field="file"):
    zh = (
        "{file} 第 {line} 行：应用不得导入 {name}。只可用 from … import … 导入 hansa.kernel 公开的名称、"
        "其他应用 interface 模块中的函数、本软件包自己的模块，"
        "以及 typing、collections.abc、itertools 的少数名称（见“编写应用”）。"
    )
    en = (
        "{file}, line {line}: a room may not import {name}. By `from … import …` it may have the names that "
        "hansa.kernel gives to rooms, functions of other rooms' interface, its own modules, and a few names "
        "of typing, collections.abc and itertools (see Write a room)."
    )


class Construct(Refusal, code="room.construct", field="file"):
    zh = "{file} 第 {line} 行：应用中不得有{what_zh}。{instead_zh}。"
    en = "{file}, line {line}: a room may not have {what_en}. {instead_en}."


class WhileLoop(Refusal, code="room.while", field="file"):
    zh = "{file} 第 {line} 行：应用中不得有 while 循环，因为无法看出它是否会结束。请用 for 遍历范围或记录。"
    en = (
        "{file}, line {line}: a room may not have a while loop, since nobody can see that it ends. "
        "Let a for run over a range or over records."
    )


class Recursion(Refusal, code="room.recursion", field="file"):
    zh = "{file} 第 {line} 行：函数调用绕回自身（{chain}）。请改用 for 循环。"
    en = "{file}, line {line}: functions call each other in a circle ({chain}). Write it as a for loop."


class CallsDeep(Refusal, code="room.calls_deep", field="file"):
    zh = "{file}：自函数 {name} 起，逐层调用的函数超过 {limit} 个。请减少层次。"
    en = "{file}: from {name} on, more than {limit} functions call one another in a row. Use fewer levels."


class CallUndecided(Refusal, code="room.call", field="file"):
    zh = (
        "{file} 第 {line} 行：无法看出 {name} 调用的是什么，或它不许调用。请直接用名称调用本软件包的函数、"
        "导入的函数、允许的内置函数、表或数据的允许方法。"
    )
    en = (
        "{file}, line {line}: it cannot be seen what the call of {name} calls, or it is not allowed. Call "
        "by name a function of this package, an imported one, an allowed built-in, or an allowed method of "
        "a table or value."
    )


class NotAValue(Refusal, code="room.as_value", field="file"):
    zh = (
        "{file} 第 {line} 行：{name} 不是数据，不能赋值、存放、返回或随意传递。ctx 只能作为第一个参数传递，"
        "函数、类和表只能直接使用。"
    )
    en = (
        "{file}, line {line}: {name} is no data: it cannot be assigned, kept, returned or handed on. Hand on "
        "ctx as the first argument only, and use functions, classes and tables where they are named."
    )


class ModuleWork(Refusal, code="room.module_work", field="file"):
    zh = "{file} 第 {line} 行：模块加载时只可定义函数、类、表、应用和常量。请把这一步移入函数。"
    en = (
        "{file}, line {line}: loading a module may define functions, classes, tables, the room and "
        "constants, nothing else. Move this into a function."
    )


class Shared(Refusal, code="room.shared", field="file"):
    zh = (
        "{file} 第 {line} 行：{name} 不是在此处新建的，不得改动；应用在账本之外不保存任何东西。"
        "请新建列表或字典再改，或用 replace 得到新记录，并写入表。"
    )
    en = (
        "{file}, line {line}: {name} was not made here and may not be changed: a room keeps nothing outside "
        "the ledger. Make a list or dict anew and change that, or take replace() for a new record, and put "
        "it in a table."
    )


class NameForbidden(Refusal, code="room.name", field="file"):
    zh = "{file} 第 {line} 行：应用中不得使用名称 {name}（{why_zh}）。请改用别的名称或写法。"
    en = (
        "{file}, line {line}: a room may not use the name {name} ({why_en}). Use another name or another way."
    )


class AttributeUnknown(Refusal, code="room.attribute", field="file"):
    zh = (
        "{file} 第 {line} 行：.{name} 既不是已声明的字段，也不是允许的方法。"
        "ctx 只有 time_ms、height、chain、rules、member、key、transaction、emit、verified。"
    )
    en = (
        "{file}, line {line}: .{name} is neither a declared field nor an allowed method. "
        "ctx has time_ms, height, chain, rules, member, key, transaction, emit and verified only."
    )


class ComputedApart(Refusal, code="room.computed_apart", field="file"):
    zh = (
        "{file} 第 {line} 行：{what} 在不同节点上结果可能不同（协议第 11 条）。"
        "请用整数、元组和允许的文本方法。"
    )
    en = (
        "{file}, line {line}: nodes could compute {what} differently (protocol, rule 11). "
        "Use integers, tuples and the allowed methods of texts."
    )


class TextUnfit(Refusal, code="room.text", field="file"):
    zh = "{file} 第 {line} 行：{what_zh}。{instead_zh}。"
    en = "{file}, line {line}: {what_en}. {instead_en}."


class Declared(Refusal, code="room.declaration", field="file"):
    zh = "{file} 第 {line} 行：{what_zh}。"
    en = "{file}, line {line}: {what_en}."


class NameTaken(Refusal, code="room.name_taken", field="name"):
    zh = "应用名称 {name} 已被占用或保留。请另选名称。"
    en = "The name {name} belongs to another room or is reserved. Choose another."


class TypeUnfit(Refusal, code="room.type", field="types"):
    zh = "应用 {name} 的类型没有唯一的规范形式（协议第 1 条）：{detail}。请用 hansa.kernel 的类型。"
    en = (
        "A type of room {name} has no single canonical form (protocol, rule 1): {detail}. "
        "Use hansa.kernel's types."
    )


class LoadFailed(Refusal, code="room.load", field="package"):
    zh = "应用 {name} 无法加载：{detail}。请改正后重新检查。"
    en = "Room {name} cannot be loaded: {detail}. Correct it and check again."


class RangeTooLong(Refusal, code="room.range", field="actions"):
    zh = "应用中的循环范围超过 {limit} 个数，该操作未执行。请联系应用的作者，或把操作拆小。"
    en = (
        "A loop in the room runs over more than {limit} numbers; nothing was done. Tell the room's author, "
        "or ask for less at a time."
    )


class Operation(Refusal, code="room.operation", field="actions"):
    zh = (
        "应用中的 {what} 用于 {kinds}，而它不许如此使用；该操作未执行。运算符只用于整数，"
        "+ 还可连接两段文本、两个元组或两个列表（见“编写应用”）。请联系应用的作者。"
    )
    en = (
        "In the room, {what} was used of {kinds}, which it is not for; nothing was done. Operators take "
        "integers, + also two texts, tuples or lists (see Write a room). Tell the room's author."
    )


class TooBig(Refusal, code="room.too_big", field="actions"):
    zh = "应用算出了超过 {bits} 位的整数，或嵌套超过 {deep} 层的数据；该操作未执行。请联系应用的作者。"
    en = (
        "The room made an integer of more than {bits} bits, or data that lie more than {deep} deep within "
        "each other; nothing was done. Tell the room's author."
    )


class DueAccount(Refusal, code="room.due_account", field="actions"):
    zh = (
        "应用要把到期工作记在 {member} 名下；它只可记在签名成员单位名下，"
        "由到期工作再安排的，只可记在其所属成员单位名下。该操作未执行。请联系应用的作者。"
    )
    en = (
        "The room would put due work on the account of {member}: it may use that of the member that signs, "
        "and in due work that of its own member, only. Nothing was done. Tell the room's author."
    )
