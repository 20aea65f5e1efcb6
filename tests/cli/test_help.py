"""Help of every command is there, in words for people, and at once."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hansa.apps.rooms import registry
from hansa.cli.main import COMMANDS, cli
from tests.cli.shell import Shell

SOURCE = Path(__file__).resolve().parents[2] / "src" / "hansa"
HEAVY = ("numpy", "msgspec", "httpx2", "nacl", "rich", "starlette", "uvicorn")


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None, name
            yield from commands(inner, (*path, name))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(shell: Shell, name: str) -> None:
    ctx = click.Context(cli)
    command = cli.get_command(ctx, name)  # type: ignore[attr-defined]
    for path in commands(command, (name,)):
        told = shell.do(*path, "--help").out
        assert told.startswith("Usage: ")
        assert len(told.splitlines()) > 4, path


BUSINESS = (
    "agreement", "asset", "claim", "index", "lease", "meter", "money", "offer", "pay", "price", "statement",
    "tariff",
)  # fmt: skip
CHINESE, ENGLISH = re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[A-Za-z]{2}")


@pytest.mark.parametrize("name", BUSINESS)
def test_help_of_business_is_there_in_both_languages(name: str) -> None:
    """Of each command, and of each option."""
    top = cli.get_command(click.Context(cli), name)  # type: ignore[attr-defined]
    for path in commands(top, (name,)):
        command = top
        for part in path[1:]:
            command = command.get_command(click.Context(command), part)
        texts = [command.help, *(each.help for each in command.params if isinstance(each, click.Option))]
        for text in texts:
            assert CHINESE.search(text or ""), (path, text)
            assert ENGLISH.search(text or ""), (path, text)


RARE = {"consortium.succeed", "consortium.retry_parked", "consortium.discard_parked", "consortium.tick"}
"""What an operator does in a disaster: by `hansa succession`, or `hansa tx` as docs/write-a-room.md says; and
what nodes send by themselves."""
SIGNERS = ("cli", "client", "edge")
"""Where commands make their actions."""


def test_every_action_has_a_command_of_its_own() -> None:
    """Whatever a sales clerk, an accountant, a bank clerk or IT does: nobody needs `hansa tx` for it."""
    source = "".join(file.read_text("utf-8") for name in SIGNERS for file in (SOURCE / name).rglob("*.py"))
    left = {
        action.__struct_config__.tag
        for action in registry().actions
        if not re.search(rf"\b{action.__name__}\(", source)
    }
    assert left == RARE


def test_the_list_of_commands_loads_nothing_heavy() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from hansa.cli.main import cli; "
        "assert CliRunner().invoke(cli, ['--help']).exit_code == 0; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_there_is_not_is_named(shell: Shell) -> None:
    for arguments in (("rubbish",), ("tx", "rubbish.act"), ("get", "rubbish.query"), ("vote", "rubbish")):
        ran = shell(*arguments)
        assert ran.status == 2
        assert "rubbish" in ran.err


@pytest.mark.parametrize(("arguments", "said"), [
    (("rubbish",), "没有命令 rubbish"),
    (("vote", "rubbish"), "没有命令 rubbish"),
    (("money", "owe", "maker"), "缺少 AMOUNT"),
    (("money", "owe", "maker", "5"), "缺少 --id"),
    (("money", "owed", "--sid", "both"), "没有选项 --sid（是否指 --side"),
    (("money", "owed", "--side", "x"), "--side：x 不对，应为 both, to-us, by-us 之一"),
    (("statement", "accrual", "--at", "soon"), "--at：soon 不是日期，应写作 2026-01-31"),
    (("pay", "match", "none.csv"), "FILES...：文件 none.csv 不存在"),
    (("offer", "search", "milling", "--km", "0"), "--km：0 不在 1<=x<=20100 之内"),
    (("offer", "search", "milling", "--km", "far"), "--km：far 不是数"),
    (("lease", "list", "all"), "多出的参数：all"),
    (("money", "owed", "--json", "--csv"), "只能选一种输出"),
])  # fmt: skip
def test_what_is_typed_wrong_is_said_in_chinese(shell: Shell, arguments: tuple[str, ...], said: str) -> None:
    ran = shell(*arguments, HANSA_LANG="zh")
    assert ran.status == 2
    assert said in ran.err
    assert "--help" in ran.err
    assert "Error" not in ran.err
