"""What is wrong with a command as it was typed, in Chinese; in English click says it itself."""

import re
from collections.abc import Callable

import click

FILE = re.compile(r"(?:File|Path|Directory) '(.*)' (does not exist|is a directory|is a file)\.")
CHOICE = re.compile(r"'(.*)' is not one of (.*)\.")
NUMBER = re.compile(r"'(.*)' is not a valid (?:integer|float)(?: range)?\.")
DATE = re.compile(r"'(.*)' does not match the formats? .*")
RANGE = re.compile(r"(.*) is not in the range (.*)\.")
COMMAND = re.compile(r"No such command '(.*?)'\..*", re.S)
EXTRA = re.compile(r"Got unexpected extra arguments? \((.*)\)")
WHOLE: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (FILE, lambda found: f"文件 {found[1]} " + ("不存在" if found[2].startswith("does") else "不是文件")),
    (CHOICE, lambda found: f"{found[1]} 不对，应为 {found[2].replace(chr(39), '')} 之一"),
    (NUMBER, lambda found: f"{found[1]} 不是数"),
    (DATE, lambda found: f"{found[1]} 不是日期，应写作 2026-01-31"),
    (RANGE, lambda found: f"{found[1]} 不在 {found[2]} 之内"),
    (COMMAND, lambda found: f"没有命令 {found[1]}"),
    (EXTRA, lambda found: f"多出的参数：{found[1]}"),
)


def usage_zh(error: click.UsageError) -> str:
    """A line that says what is wrong, and where help is."""
    path = error.ctx.command_path if error.ctx else "hansa"
    return f"用法错误：{_what(error)}。用 {path} --help 查看用法。"


def _what(error: click.UsageError) -> str:
    if isinstance(error, click.MissingParameter):
        return f"缺少 {_named(error)}"
    if isinstance(error, click.NoSuchOption):
        nearest = f"（是否指 {'、'.join(error.possibilities)}？）" if error.possibilities else ""
        return f"没有选项 {error.option_name}{nearest}"
    said = _said(error.message)
    return f"{_named(error)}：{said}" if isinstance(error, click.BadParameter) else said


def _named(error: click.BadParameter) -> str:
    """The parameter as it is typed."""
    hint = error.param_hint or (error.param.get_error_hint(error.ctx) if error.param and error.ctx else "")
    return (" / ".join(hint) if isinstance(hint, list | tuple) else str(hint)).replace("'", "") or "参数"


def _said(message: str) -> str:
    for pattern, told in WHOLE:
        if found := pattern.fullmatch(message):
            return told(found)
    return message.rstrip(".。")
