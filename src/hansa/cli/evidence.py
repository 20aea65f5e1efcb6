"""`hansa verify`, `explain`, `what-if`: offline work on an evidence bundle."""

import json
import sys
from pathlib import Path
from typing import Literal

import click

bundle_argument = click.argument("bundle", type=click.Path(path_type=Path, exists=True, dir_okay=False))
genesis_option = click.option(
    "--genesis",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="The consortium's genesis file, from a source you trust. 可信来源的创世文件。",
)


@click.command()
@bundle_argument
@genesis_option
@click.option(
    "--checkpoint",
    default="",
    metavar="HEIGHT:HASH",
    help="A block of the network's engine that you know to be true. 已知为真的引擎区块。",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_obj
def verify(lang: Literal["zh", "en"], bundle: Path, genesis: Path, checkpoint: str, as_json: bool) -> None:
    """Check BUNDLE offline. Exit status 0 only when all holds. 离线验证证据包；全部成立时退出码为 0。"""
    from hansa.cli.show import report_json, show_report
    from hansa.client.verify import check_bundle
    from hansa.client.verify_commit import checkpoint_of

    known = checkpoint_of(checkpoint) if checkpoint else None
    report = check_bundle(bundle.read_bytes(), genesis.read_bytes(), known)
    if as_json:
        click.echo(json.dumps(report_json(report), ensure_ascii=False, indent=1))
    else:
        show_report(report, lang)
    sys.exit(0 if report.ok else 1)


@click.command()
@bundle_argument
@genesis_option
@click.option("--line", "number", type=int, help="Number of the line; else all lines. 行号；缺省为全部。")
@click.pass_obj
def explain(lang: Literal["zh", "en"], bundle: Path, genesis: Path, number: int | None) -> None:
    """Explain the statement's lines down to readings, recomputing each step.
    把结算单的一行解释到读数，逐步重算。
    """
    from hansa.cli.show import show_report
    from hansa.client.explain import explain as explain_line
    from hansa.client.node import explain_text
    from hansa.client.verify import check_bundle

    report = check_bundle(bundle.read_bytes(), genesis.read_bytes())
    if report.statement is None or report.deal is None:
        show_report(report, lang)
        sys.exit(1)
    numbers = [line.number for line in report.statement.lines]
    if number is not None and number not in numbers:
        known = ", ".join(map(str, numbers))
        raise click.BadParameter(f"There is no line {number}; there are {known}. 没有第 {number} 行。")
    for line in [number] if number is not None else numbers:
        click.echo(explain_text(explain_line(report, line), lang))
    if not report.ok:
        show_report(report, lang)
    sys.exit(0 if report.ok else 1)


@click.command("what-if")
@bundle_argument
@genesis_option
@click.option(
    "--tariff", type=click.Path(path_type=Path), required=True, help="The other tariff sheet. 另一份资费表。"
)
@click.option(
    "--bind",
    multiple=True,
    metavar="METER=METER",
    help="Which metered meter stands for one of the new tariff. 对应的计量项。",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_obj
def what_if(
    lang: Literal["zh", "en"], bundle: Path, genesis: Path, tariff: Path, bind: tuple[str, ...], as_json: bool
) -> None:
    """Rate the bundle's usage under another tariff, writing nothing.
    用另一份资费测算同样的用量，不写入任何内容。
    """
    from hansa.cli.show import comparison_json, show_comparison, show_report
    from hansa.client.verify import check_bundle
    from hansa.client.what_if import under_tariff

    report = check_bundle(bundle.read_bytes(), genesis.read_bytes())
    if not report.ok:
        show_report(report, lang)
        sys.exit(1)
    chosen = dict(item.split("=", 1) for item in bind if "=" in item)
    comparison = under_tariff(report, tariff, chosen)
    if as_json:
        click.echo(json.dumps(comparison_json(comparison), ensure_ascii=False, indent=1))
    else:
        show_comparison(comparison, lang)
