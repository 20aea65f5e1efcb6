"""What commands print: progress on standard error, results as tables."""

from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from hansa.apps.billing.recompute import Closed
from hansa.apps.billing.texts import Language, money_text, price_text, quantity_text, tariff_text
from hansa.apps.consortium.calendars import date_text
from hansa.client.explain import explain
from hansa.client.node import Node, explain_text
from hansa.client.texts import Text
from hansa.client.verify import Report, not_proved, proved
from hansa.client.what_if import Comparison
from hansa.console.statement.paper import has_price
from hansa.simulation.demo import Demo

WIDTH_MIN = 100


def _console() -> Console:
    """Standard output; never so narrow that amounts are cut."""
    console = Console()
    return console if console.width >= WIDTH_MIN else Console(width=WIDTH_MIN)


class Steps:
    """Progress of a long job on standard error."""

    def __init__(self, lang: Language) -> None:
        self._zh = lang == "zh"
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Steps":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def note(self, zh: str, en: str) -> None:
        """A step without a length of its own."""
        self.progress(zh, en, 1, 1)

    def progress(self, zh: str, en: str, done: int, whole: int) -> None:
        if en not in self._tasks:
            self._tasks[en] = self._bar.add_task(zh if self._zh else en)
        self._bar.update(self._tasks[en], completed=done, total=whole or None)


def show_demo(demo: Demo, lang: Language, seconds: float) -> None:
    """The result of the main job, as its users see it."""
    console = _console()
    zh = lang == "zh"
    console.rule("结算单（回放时钟，演示密钥）" if zh else "Settlement statements (replay clock, demo keys)")
    for statement, closed in zip(demo.statements, demo.report.closed, strict=False):
        _statement_table(console, statement.currency, closed, lang, statement.gap_count, statement.fall_count)
    line = _line_to_explain(demo)
    console.rule(f"解释第 {line} 行" if zh else f"Line {line} explained")
    console.print(
        explain_text(_brief(explain(demo.report, line)), lang), markup=False, highlight=False, soft_wrap=True
    )
    console.rule("离线验证" if zh else "Checked offline")
    show_report(demo.report, lang)
    console.rule("篡改副本" if zh else "A copy with one reading changed")
    console.print(demo.tampered_place, markup=False, highlight=False)
    for check in demo.tampered.checks:
        if not check.ok:
            text, detail = (check.text.zh, check.detail.zh) if zh else (check.text.en, check.detail.en)
            found = f"验证失败于：{text}：{detail}" if zh else f"The check fails at: {text}: {detail}"
            console.print(f"✗ {found}", style="red", markup=False, highlight=False)
    if demo.cheats:
        _show_cheats(console, demo, zh)
    console.rule("文件" if zh else "Files")
    for path in (demo.report_file, demo.evidence_file, demo.world.genesis_file):
        console.print(str(path), soft_wrap=True, markup=False, highlight=False)
    console.print(f"{seconds:.1f} s")


CHEATS = {
    "altered_record": ("篡改过去的记录", "a past record altered"),
    "dropped_transaction": ("丢弃已确认的交易", "an acknowledged transaction dropped"),
    "two_histories": ("出示两套历史", "two histories shown"),
    "other_amount": ("结算出另一金额", "another amount stated"),
}


def _show_cheats(console: Console, demo: Demo, zh: bool) -> None:
    """Who agrees with the operator; and what became of its cheating, each on a copy."""
    console.rule("从节点" if zh else "Followers")
    for node in demo.followers:
        said = f"高度 {node.height}" if zh else f"height {node.height}"
        console.print(
            f"✓ {node.member}: {said}, {node.app_hash}", style="green", markup=False, highlight=False
        )
    console.rule("运营方作弊（在副本上）" if zh else "The operator cheats (on copies)")
    table = Table()
    for head in (
        ("做了什么", "由谁发现", "说了什么", "用时") if zh else ("what", "found by", "what it says", "after")
    ):
        table.add_column(head, overflow="fold")
    for cheat in demo.cheats:
        found = cheat.found
        table.add_row(
            CHEATS[cheat.kind][not zh],
            cheat.caught_by or ("✗ 没有人" if zh else "✗ nobody"),
            (found.zh if zh else found.en) if found else "",
            f"{cheat.after_ms / 1_000:.1f} s",
        )
    console.print(table)


BRIEF_CHILDREN = 4


def _brief(node: Node) -> Node:
    """The tree with its first branches only; `hansa explain` and the report show all of it."""
    many = len(node.children) > BRIEF_CHILDREN
    shown = [_brief(child) for child in (node.children[:1] if many else node.children)]
    if many:
        left = len(node.children) - 1
        shown.append(
            Node(
                Text(
                    f"… 另有 {left} 项（见 hansa explain 或报告）",
                    f"… and {left} more (see `hansa explain`, or the report)",
                )
            )
        )
    return replace(node, children=tuple(shown))


def _line_to_explain(demo: Demo) -> int:
    """The statement's dearest usage line: the one that people ask about."""
    usage = [line for line in demo.statements[-1].lines if line.kind == "usage"] or demo.statements[-1].lines
    return max(usage, key=lambda line: line.net_minor).number


def _statement_table(
    console: Console, currency: str, closed: Closed, lang: Language, gaps: int, falls: int
) -> None:
    zh = lang == "zh"
    first, last = date_text(closed.period.first_day), date_text(closed.period.last_day)
    table = Table(title=f"{first} … {last} ({currency})", title_justify="left")
    heads = (
        ("#", "内容", "数量", "单位", "单价", "不含税", "税额", "含税")
        if zh
        else ("#", "what", "quantity", "unit", "price", "net", "tax", "gross")
    )
    for position, head in enumerate(heads):
        table.add_column(
            head,
            justify="left" if position in (1, 3) else "right",
            overflow="fold",
            no_wrap=position not in (1, 2),
        )
    for line in closed.totals.lines:
        table.add_row(
            str(line.number),
            tariff_text(line, "zh" if zh else "en"),
            quantity_text(line)[0],
            line.unit,
            price_text(line.price_e8) if line.unit and has_price(line) else "",
            money_text(line.net_minor, currency),
            money_text(line.tax_minor, currency),
            money_text(line.gross_minor, currency),
        )
    totals = closed.totals
    sums = (totals.net_minor, totals.tax_minor, totals.gross_minor)
    table.add_section()
    table.add_row("", "合计" if zh else "total", "", "", "", *(money_text(sum_, currency) for sum_ in sums))
    console.print(table)
    if gaps or falls:
        told = (
            f"缺口 {gaps} 处，低读数 {falls} 处，均列入结算单"
            if zh
            else f"Listed in the statement: gaps {gaps}, runs of low readings {falls}"
        )
        console.print(told, style="dim")


def show_report(report: Report, lang: Language) -> None:
    """Checks, what they prove, and what no check proves (rule 30)."""
    console = _console()
    zh = lang == "zh"
    for check in report.checks:
        text, detail = (check.text.zh, check.detail.zh) if zh else (check.text.en, check.detail.en)
        mark, style = ("✓", "green") if check.ok else ("✗", "red")
        console.print(
            f"{mark} {text}" + ("" if not detail else f"（{detail}）" if zh else f" ({detail})"),
            style=style,
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if report.ok:
        console.print("已证明：" if zh else "Proved:", style="bold")
        for item in proved(report):
            console.print(f"  · {item.zh if zh else item.en}", markup=False, highlight=False, soft_wrap=True)
    else:
        console.print("证据不成立。" if zh else "The evidence does not hold.", style="bold red")
    console.print("未证明：" if zh else "Not proved:", style="bold")
    for item in not_proved(report):
        console.print(f"  · {item.zh if zh else item.en}", markup=False, highlight=False, soft_wrap=True)


def report_json(report: Report) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "checks": [
            {
                "name": check.name,
                "ok": check.ok,
                "text": {"zh": check.text.zh, "en": check.text.en},
                "detail": {"zh": check.detail.zh, "en": check.detail.en},
            }
            for check in report.checks
        ],
        "proved": [{"zh": item.zh, "en": item.en} for item in proved(report)] if report.ok else [],
        "not_proved": [{"zh": item.zh, "en": item.en} for item in not_proved(report)],
    }


def show_comparison(comparison: Comparison, lang: Language) -> None:
    """Old and new amounts, period by period, and the lines under the other tariff."""
    console = _console()
    zh = lang == "zh"
    for closed in comparison.other:
        _statement_table(
            console, comparison.other_currency, closed, lang, len(closed.gaps), len(closed.falls)
        )
    table = Table(title="测算对比（未写入任何内容）" if zh else "Compared; nothing was written")
    for head in (
        ("期间", "原资费含税", "另一资费含税")
        if zh
        else ("period", "as agreed, gross", "other tariff, gross")
    ):
        table.add_column(head, justify="right")
    for first, stated, other in _pairs(comparison):
        table.add_row(
            first,
            money_text(stated, comparison.currency),
            money_text(other, comparison.other_currency) if other is not None else "",
        )
    stated_sum = sum(closed.totals.gross_minor for closed in comparison.stated)
    other_sum = sum(closed.totals.gross_minor for closed in comparison.other)
    table.add_section()
    table.add_row(
        "合计" if zh else "total",
        money_text(stated_sum, comparison.currency),
        money_text(other_sum, comparison.other_currency),
    )
    console.print(table)


def _pairs(comparison: Comparison) -> list[tuple[str, int, int | None]]:
    others = {closed.period.from_ms: closed.totals.gross_minor for closed in comparison.other}
    return [
        (date_text(closed.period.first_day), closed.totals.gross_minor, others.get(closed.period.from_ms))
        for closed in comparison.stated
    ]


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    def periods(all_closed: tuple[Closed, ...]) -> list[dict[str, Any]]:
        return [
            {
                "from": date_text(closed.period.first_day),
                "net_minor": closed.totals.net_minor,
                "tax_minor": closed.totals.tax_minor,
                "gross_minor": closed.totals.gross_minor,
                "lines": [
                    {
                        "number": line.number,
                        "clause": line.clause,
                        "text": {"zh": tariff_text(line, "zh"), "en": tariff_text(line, "en")},
                        "quantity": quantity_text(line)[0],
                        "unit": line.unit,
                        "net_minor": line.net_minor,
                        "tax_minor": line.tax_minor,
                        "gross_minor": line.gross_minor,
                    }
                    for line in closed.totals.lines
                ],
            }
            for closed in all_closed
        ]

    return {
        "written": False,
        "currency": comparison.currency,
        "other_currency": comparison.other_currency,
        "stated": periods(comparison.stated),
        "other": periods(comparison.other),
    }
