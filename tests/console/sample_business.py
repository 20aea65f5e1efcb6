"""Business of the sample report: every kind of cell, every bar, an empty table."""

from hansa.console.report import business as b
from hansa.console.report.part import Text

DAY_MS = 86_400_000
HASH = "9f" * 32


def text(zh: str, en: str) -> Text:
    return Text(zh=zh, en=en)


def column(zh: str, en: str, kind: b.Kind) -> b.Column:
    return b.Column(name=text(zh, en), kind=kind)


def files() -> b.Grid:
    return b.Grid(
        title=text("文件", "Files"),
        columns=(
            column("数量", "Quantity", "quantity"),
            column("结算期", "Period", "period"),
            column("文件", "File", "file"),
            column("备注", "Remark", "text"),
        ),
        rows=((b.Label(zh="9.5 小时", en="9.5 h"), "2026-01-01 – 2026-01-31", "payments/a b.xml", None),),
        empty=text("没有", "None"),
    )


def business(begin_ms: int) -> b.Business:
    offered = b.Bar(text=text("闲置", "idle"), from_ms=begin_ms, to_ms=begin_ms + 20 * DAY_MS, tone="idle")
    let = b.Bar(text=text("出租", "let"), from_ms=begin_ms, to_ms=begin_ms + 10 * DAY_MS, tone="let")
    sublet = b.Bar(text=text("转租", "sublet"), from_ms=begin_ms, to_ms=begin_ms + DAY_MS, tone="sublet")
    calendar = b.Timetable(
        title=text("日历", "Calendar"),
        from_ms=begin_ms,
        to_ms=begin_ms + 28 * DAY_MS,
        lanes=(
            b.Lane(name=text("报盘", "Offered"), bars=(offered,)),
            b.Lane(name=text("租约", "Leases"), bars=(let, sublet)),
        ),
    )
    paid = b.Label(zh="已付", en="paid", tone="good")
    open_ = b.Label(zh="未付", en="open", tone="warn")
    items = b.Grid(
        title=text("应收应付项", "Open items"),
        columns=(
            column("附言号", "Reference", "proper"),
            column("付款方", "Owed by", "member"),
            column("事由", "Cause", "text"),
            column("金额", "Amount", "money"),
            column("件数", "Pieces", "number"),
            column("登记", "Recorded", "time"),
            column("到期", "Due", "date"),
            column("状态", "State", "badge"),
            column("摘要", "Digest", "hash"),
        ),
        rows=(
            ("RF18539007547034", "plant", b.Label(zh="结算单", en="statement"), 8_160_950, 12, begin_ms,
             begin_ms, paid, HASH),
            ("RF18539007547035", "plant", b.Label(zh="<b>保证金</b>", en="<b>deposit</b>"), -1, 0, begin_ms,
             None, open_, None),
        ),
        empty=text("没有", "None"),
        foot=(("Σ", None, None, 8_160_949, 12, *[None] * 4),),
    )  # fmt: skip
    none = b.Grid(
        title=text("不符之处", "Sums that do not hold"),
        columns=(column("规则", "Rule", "proper"),),
        rows=(),
        empty=text("全部相符。", "All sums hold."),
    )
    return b.Business(
        sales=(b.Section(title=text("产线日历", "Calendar of the line"), timetable=calendar),),
        bank=(
            b.Section(
                title=text("应收应付项", "What is owed"),
                paragraphs=(text("说明。", "What it means."),),
                grids=(items, none, files()),
            ),
        ),
        books=(b.Section(title=text("记账凭证", "Journal"), grids=(none,)),),
    )
