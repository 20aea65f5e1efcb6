"""`hansa`: the command line. Commands load what they need when they run, so that help is there at once."""

import importlib
import sys
from typing import Any, Literal, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

COMMANDS = {
    "agreement": ("hansa.cli.agreement", "agreement", "Propose and accept what is paid for. 协议。"),
    "approve": ("hansa.cli.approvals", "approve", "What several holders must agree to. 审批。"),
    "asset": ("hansa.cli.asset", "asset", "Machines: what they can do. 设备资产。"),
    "attest": ("hansa.cli.attest", "attest", "Have a record shown, and prove it. 出具记录证明。"),
    "backup": ("hansa.cli.operate", "backup", "Back up a node while it runs. 备份。"),
    "claim": ("hansa.cli.claim", "claim", "Why a machine stopped, who answers for it. 停机与废品认定。"),
    "demo": ("hansa.cli.demo", "demo", "Run the whole job on a sample month or on your own log. 演示。"),
    "doctor": ("hansa.cli.operate", "doctor", "Find and name what is wrong. 诊断。"),
    "engine": ("hansa.cli.engine", "engine", "The consensus engine: install, check. 共识引擎。"),
    "events": ("hansa.cli.events", "events", "What happened, as lines of JSON. 事件。"),
    "evidence": ("hansa.cli.evidence_get", "evidence", "Get the evidence of a statement. 取证据包。"),
    "explain": ("hansa.cli.evidence", "explain", "Explain a statement line down to its readings. 解释。"),
    "export": ("hansa.cli.operate", "export", "All your data in open formats. 导出数据。"),
    "follow": ("hansa.cli.serve", "follow", "Follow a node: copy, compare, co-sign. 从节点。"),
    "get": ("hansa.cli.queries", "get", "Ask a room. 查询。"),
    "host": ("hansa.cli.host", "host", "The node of a network that you use. 所用节点（托管节点）。"),
    "index": ("hansa.cli.index", "index", "Published indices that prices follow. 价格指数。"),
    "init": ("hansa.cli.founding", "init", "Found a consortium. 创建联盟。"),
    "key": ("hansa.cli.keys", "key", "Keys of your member. 密钥。"),
    "lease": ("hansa.cli.lease", "lease", "Leases, signature to close. 租约。"),
    "member": ("hansa.cli.members", "member", "Members, and cards to join by. 成员单位。"),
    "meter": ("hansa.cli.meter", "meter", "Look at machine logs and read them. 计量日志。"),
    "money": ("hansa.cli.money", "money", "Open items, payments, deposits. 应收应付与收付款。"),
    "network": ("hansa.cli.network", "network", "Several companies, each a node. 多节点网络。"),
    "node": ("hansa.cli.node", "node", "This member's node of a network. 网络节点。"),
    "offer": ("hansa.cli.offer", "offer", "Idle lines: offer, find, agree. 闲置报盘。"),
    "pay": ("hansa.cli.pay", "pay", "Payment files, and bank statements matched. 付款与收款。"),
    "price": ("hansa.cli.price", "price", "Published prices by the quarter hour. 分时价格序列。"),
    "profile": ("hansa.cli.profile", "profile", "Which node, member and key. 配置。"),
    "restore": ("hansa.cli.operate", "restore", "Restore a node from its backup. 恢复。"),
    "room": ("hansa.cli.room", "room", "Check and hash rooms from outside. 外部应用。"),
    "simulate": ("hansa.cli.simulate", "simulate", "A whole consortium from a seed, under faults. 模拟器。"),
    "statement": ("hansa.cli.statement", "statement", "Confirm, dispute, correct, book. 结算单。"),
    "succession": ("hansa.cli.succession", "succession", "Another operator without the old. 运营方接任。"),
    "tariff": ("hansa.cli.tariff", "tariff", "Tariff sheets: templates, and a check. 资费表。"),
    "top": ("hansa.cli.top", "top", "Watch nodes of a network live. 实时查看节点。"),
    "tx": ("hansa.cli.transactions", "tx", "Sign and send; the outbox. 交易与发件箱。"),
    "uninstall": ("hansa.cli.operate", "uninstall", "Remove what Hansa put on this machine. 卸载。"),
    "up": ("hansa.cli.serve", "up", "Run a node. 启动节点。"),
    "validator": ("hansa.cli.validators", "validator", "Whose nodes vote on blocks. 验证方与共识密钥。"),
    "verify": ("hansa.cli.evidence", "verify", "Check an evidence bundle offline. 离线验证。"),
    "vote": ("hansa.cli.votes", "vote", "Proposals and votes. 提案与表决。"),
    "what-if": ("hansa.cli.evidence", "what_if", "Rate the same usage under another tariff. 假设测算。"),
}


class LazyGroup(click.Group):
    """Imports a command when it is called, not when help is listed; shows refusals."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _nobody_reads()
        except click.UsageError as error:
            lang = ctx.obj or ctx.params["lang"] or system_language()
            if lang != "zh" or isinstance(error, NoArgsIsHelpError):
                raise
            from hansa.cli.usage import usage_zh

            click.echo(usage_zh(error), err=True)
            sys.exit(error.exit_code)
        except Exception as error:
            from hansa.client.problems import printable

            refusal = refusal_of(error)
            if refusal is None:
                raise
            click.echo(f"{refusal['code']}: {printable(refusal[ctx.obj])}", err=True)
            sys.exit(2)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup)
@click.version_option(package_name="hansa")
@click.option(
    "--lang",
    type=click.Choice(["zh", "en"]),
    envvar="HANSA_LANG",
    help="Language of texts. 输出语言。Default: that of the system.",
)
@click.pass_context
def cli(ctx: click.Context, lang: str | None) -> None:
    """Hansa 汉萨: companies that do not trust each other run one factory together.

    Every figure signed at its source, every result verified by everyone. 源头签名，人人可验。
    """
    ctx.obj = lang or system_language()


def _nobody_reads() -> NoReturn:
    """Whoever read our output has closed it, as `head` does: no error worth a word."""
    import os

    # What is still in the buffer must go somewhere when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


def system_language() -> Literal["zh", "en"]:
    """zh where the system speaks Chinese, else en."""
    import locale
    import os

    named = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if (named or locale.getlocale()[0] or "").lower().startswith(("zh", "chinese")) else "en"


def main() -> None:
    """Entry point. Nothing ends with a traceback but a bug."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:
        _nobody_reads()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


def refusal_of(error: Exception) -> dict[str, Any] | None:
    """Code, field, clause and texts of a refusal, or of the machine's trouble; None for any other error."""
    from hansa.cli.trouble import trouble_of
    from hansa.client import Refused
    from hansa.edge.log_errors import EdgeRefusal
    from hansa.kernel import Refusal

    error = trouble_of(error) or error
    if isinstance(error, Refused):
        receipt = error.receipt
        return {
            "code": receipt.code,
            "field": receipt.field,
            "clause": receipt.clause,
            "zh": receipt.zh,
            "en": receipt.en,
        }
    if isinstance(error, Refusal):
        return {
            "code": error.code,
            "field": error.field,
            "clause": error.clause,
            "zh": error.zh,
            "en": error.en,
        }
    if isinstance(error, EdgeRefusal):
        return {
            "code": error.code,
            "field": error.field,
            "clause": "",
            "zh": error.zh,
            "en": error.en,
            "file": error.file,
            "line": error.line,
            "column": error.column,
        }
    return None
