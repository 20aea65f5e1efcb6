"""What happened step by step, and the lease beside a purchase: two sections of the sales clerk's tab."""

from hansa.client.lease_or_buy import break_even_texts
from hansa.console.report import business as page
from hansa.simulation.report_business import Look, grid, label, marked, said
from hansa.simulation.story_files import INTEREST_BP, LIFE_MONTHS, PRICE, RESIDUAL, UPKEEP
from hansa.simulation.story_market import minor_units


def steps(look: Look) -> page.Section:
    rows = [
        (
            step.at_ms,
            label(step.text),
            marked("未做", "left out", "warn") if step.why else marked("已完成", "done", "good"),
            label(step.why) if step.why else None,
        )
        for step in look.settled.steps
    ]
    return page.Section(
        title=said("一步一步", "Step by step"),
        paragraphs=(
            said(
                "时间是账本时间：演示按日志的时间回放。日志无法支持的步骤不做，并写明原因；结算单照常出具。",
                "Times are the ledger's: the demo is played by the time of the log. What a log cannot carry "
                "is left out, and the reason is told; statements are made all the same.",
            ),
        ),
        grids=(
            grid(
                ("步骤", "Steps"),
                (
                    ("时间", "Time", "time"),
                    ("事项", "What", "text"),
                    ("结果", "Result", "badge"),
                    ("原因", "Why", "text"),
                ),
                rows,
                ("没有步骤。", "There are no steps."),
            ),
        ),
    )


def comparison(look: Look) -> page.Section:
    found = look.files.comparison
    why = look.files.why_no_comparison
    rows = []
    for scenario in found.case.scenarios if found is not None else ():
        assert found is not None
        lease, buy = found.case.lease_minor(scenario.pieces), found.case.buy_minor(scenario.pieces)
        cheaper = marked("租", "lease", "good") if lease <= buy else marked("买", "buy", "good")
        rows.append((scenario.pieces, lease, buy, abs(lease - buy), cheaper))
    texts = [said(each.zh, each.en) for each in break_even_texts(found.break_evens)] if found else []
    intro = said(
        "一个月按本资费租用，与自己购买（折旧、利息、维护）相比，均不含税。操作人员和电费两边相同，未计入。"
        "购置价等是演示自设的，请在 lease-or-buy.xlsx 中改成自己的，表格会重新测算。",
        "A month by this tariff beside a month as owner (depreciation, interest, upkeep), both without tax. "
        "Crew and electricity are the same either way and left out. What a purchase costs is the demo's own "
        "figure: put in yours in lease-or-buy.xlsx, which reckons again.",
    )
    return page.Section(
        title=said("租还是买", "Lease or buy"),
        paragraphs=(intro, *texts, *([said(why.zh, why.en)] if why else [])),
        grids=(
            *([_assumed(look)] if found else []),
            grid(
                ("每月费用", "What a month costs"),
                (
                    ("每月件数", "Pieces a month", "number"),
                    ("租", "Lease", "money"),
                    ("买", "Buy", "money"),
                    ("相差", "Difference", "money"),
                    ("更省", "Cheaper", "badge"),
                ),
                rows,
                ("此资费无法按产量比较。", "By this tariff it cannot be compared by quantity."),
            ),
        ),
    )


def _assumed(look: Look) -> page.Grid:
    price, residual, upkeep = (look.money(minor_units(look.play, each)) for each in (PRICE, RESIDUAL, UPKEEP))
    rows = (
        (marked("购置价", "Purchase price"), price),
        (marked("残值", "Residual value"), residual),
        (marked("使用年限", "Life"), marked(f"{LIFE_MONTHS} 个月", f"{LIFE_MONTHS} months")),
        (marked("年利率", "Interest a year"), f"{INTEREST_BP / 100:.2f} %"),
        (marked("每月维护", "Upkeep a month"), upkeep),
    )
    return grid(
        ("购买的假设", "What a purchase is taken to cost"),
        (("项目", "What", "text"), ("数值", "Value", "text")),
        [(what, marked(value, value) if isinstance(value, str) else value) for what, value in rows],
        ("没有假设。", "Nothing is assumed."),
    )
