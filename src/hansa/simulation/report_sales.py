"""The sales clerk's tab: where the line stands, when it is idle, what it costs, how the bargain went."""

from collections.abc import Iterator

from hansa.apps.leasing.messages_market import Asset, Offer, Proposal
from hansa.apps.leasing.queries_market import ListedBooking
from hansa.client.estimate import Estimate, Plan, estimate
from hansa.client.lease_or_buy import break_even_texts
from hansa.console.report import business as page
from hansa.kernel import Refusal, limits
from hansa.simulation.play import LEASE, PROVIDER
from hansa.simulation.report_business import Look, grid, label, marked, said
from hansa.simulation.story_market import ASSET, OFFER, RATE_PER_HOUR

AROUND_MS = 14 * limits.DAY_MS
EXAMPLE_HOURS = (80, 160, 320)
"""Hours a month at best rate for which the list price is worked out."""
STATES = {
    "signing": ("待签署", "to be signed"),
    "signed": ("已签署，待交接", "signed, to be handed over"),
    "running": ("使用中", "in use"),
    "returned": ("已交还，待结清", "handed back, to be settled"),
    "closed": ("已结清", "closed"),
    "void": ("未生效", "void"),
}


def sales(look: Look) -> tuple[page.Section, ...]:
    if not look.settled.leased:
        return (_steps(look), _comparison(look))
    offer = look.ask.one("leasing.offer_of", Offer, offerer=PROVIDER, offer=OFFER)
    return (_calendar(look, offer), _offer(look, offer), _bargain(look), _steps(look), _comparison(look))


def _calendar(look: Look, offer: Offer) -> page.Section:
    from_ms, to_ms = offer.from_ms - AROUND_MS, offer.to_ms + AROUND_MS
    asset = look.ask.one("leasing.asset_of", Asset, owner=PROVIDER, asset=ASSET).description
    window = page.Bar(
        text=said("闲置报盘", "offered as idle"), from_ms=offer.from_ms, to_ms=offer.to_ms, tone="idle"
    )
    lanes = [page.Lane(name=said(f"{asset.name_zh}：报盘", f"{asset.name_en}: offered"), bars=(window,))]
    levels = (("", "出租", "let"), (LEASE, "承租方的日历：转租", "the lessee's own calendar: sublet"))
    for level, zh, en in levels:
        bars = tuple(_bars(look, level, from_ms, to_ms))
        lanes.append(page.Lane(name=said(zh, en), bars=bars))
    return page.Section(
        title=said("产线日历", "Calendar of the line"),
        paragraphs=(
            said(
                "同一时段绝不会订给两家：每次达成一致即占用日历，转租只能在主租约的期限之内。",
                "No time is ever booked twice: an agreement takes the calendar at once, and a sublease lies "
                "within its head lease.",
            ),
        ),
        timetable=page.Timetable(
            title=said("产线日历", "Calendar of the line"), from_ms=from_ms, to_ms=to_ms, lanes=tuple(lanes)
        ),
        grids=(_who_has_it(look),),
    )


def _bars(look: Look, level: str, from_ms: int, to_ms: int) -> Iterator[page.Bar]:
    booked = look.ask.one(
        "leasing.bookings_of",
        list[ListedBooking],
        asset_owner=PROVIDER,
        asset=ASSET,
        from_ms=from_ms,
        to_ms=to_ms,
        level=level,
    )
    for each in booked:
        lease = look.lease(each.by)
        who = lease.terms.lessee if lease else ""
        yield page.Bar(
            text=said(f"{each.by}：{who}", f"{each.by}: {who}"),
            from_ms=each.from_ms,
            to_ms=each.to_ms,
            tone="sublet" if level else "let",
        )


def _who_has_it(look: Look) -> page.Grid:
    rows = []
    for name in look.agreements:
        lease = look.lease(name)
        if lease is None:
            continue
        zh, en = STATES[lease.state]
        rows.append(
            (
                name,
                lease.terms.lessor,
                lease.terms.lessee,
                lease.start_ms or lease.terms.from_ms,
                lease.end_ms,
                marked(zh, en, "good" if lease.state == "closed" else ""),
                lease.terms.head or None,
                lease.content,
            )
        )
    return grid(
        ("谁在用、用到何时", "Who has it, until when"),
        (
            ("租约", "Lease", "proper"),
            ("出租方", "Lessor", "member"),
            ("承租方", "Lessee", "member"),
            ("自", "From", "time"),
            ("至", "To", "time"),
            ("状态", "State", "badge"),
            ("主租约", "Head lease", "proper"),
            ("双方签署的合同摘要", "Digest of the contract that both signed", "hash"),
        ),
        rows,
        ("没有租约。", "There is no lease."),
    )


def _offer(look: Look, offer: Offer) -> page.Section:
    asset = look.ask.one("leasing.asset_of", Asset, owner=PROVIDER, asset=ASSET).description
    able = asset.capabilities[0]
    days = offer.notice_ms / limits.DAY_MS
    return page.Section(
        title=said("报盘", "The offer"),
        paragraphs=(
            said(
                f"{asset.name_zh}，位于{asset.place.name_zh}；每小时至多 {able.rate_per_hour} {able.unit}，"
                f"不带操作人员；至少提前 {days:g} 天。保底价只存在出租方自己的文件里，从不上账。",
                f"{asset.name_en}, at {asset.place.name_en}; at most {able.rate_per_hour} an "
                f"hour ({able.unit}), without crew; {days:g} days' notice at least. The reserve price lies "
                "in a file of the "
                "lessor's and never reaches the ledger.",
            ),
        ),
        grids=(_examples(look, offer),),
    )


def _examples(look: Look, offer: Offer) -> page.Grid:
    rows: list[tuple[page.Cell, ...]] = []
    asset = look.ask.one("leasing.asset_of", Asset, owner=PROVIDER, asset=ASSET).description
    for hours in EXAMPLE_HOURS:
        try:
            found = _estimate(look, offer, asset.capabilities[0].rate_per_hour * hours)
        except Refusal as refusal:
            rows.append((hours, None, None, None, marked(refusal.zh, refusal.en)))
            continue
        zh = "；".join(each.zh for each in found.assumed)
        en = "; ".join(each.en for each in found.assumed)
        quantity = RATE_PER_HOUR * hours
        rows.append((hours, quantity, found.net_minor, found.gross_minor, marked(zh, en)))
    return grid(
        ("按挂牌价测算的例子", "What the list price comes to, by example"),
        (
            ("满负荷小时", "Hours at best rate", "number"),
            ("件", "Pieces", "number"),
            ("不含税", "Net", "money"),
            ("价税合计", "Gross", "money"),
            ("假设", "Assumed", "text"),
        ),
        rows,
        ("没有例子。", "There is no example."),
    )


def _estimate(look: Look, offer: Offer, quantity: int) -> Estimate:
    """For the whole window of the offer."""
    from hansa.client.market import Prices

    published, calendar = Prices(look.ask.one).tariff(offer.tariff_owner, offer.tariff, offer.tariff_version)
    asset = look.ask.one("leasing.asset_of", Asset, owner=PROVIDER, asset=ASSET).description
    plan = Plan(offer.from_ms, offer.to_ms, quantity, {})
    return estimate(published, calendar, asset.capabilities[0], plan)


def _bargain(look: Look) -> page.Section:
    proposals = look.ask.one("leasing.proposals_of", list[Proposal], bargain=LEASE)
    rows = []
    for number, each in enumerate(proposals, 1):
        last = number == len(proposals)
        outcome = marked("达成一致", "agreed", "good") if last else marked("对方另提", "answered otherwise")
        rows.append(
            (
                number,
                each.proposer,
                each.terms.security_deposit_minor,
                each.terms.prepayment_minor,
                each.until_ms,
                outcome,
                each.content,
            )
        )
    return page.Section(
        title=said("询价与还价", "The bargain"),
        paragraphs=(
            said(
                "每一次都是一整套条款；对方同意的正是最后一套，以摘要为准。",
                "Each proposal is a whole set of terms; what is agreed to is exactly the last one, by its "
                "digest.",
            ),
        ),
        grids=(
            grid(
                ("询价与还价", "Proposals"),
                (
                    ("轮次", "Round", "number"),
                    ("提出方", "By", "member"),
                    ("保证金", "Security deposit", "money"),
                    ("预付款", "Prepayment", "money"),
                    ("有效至", "Binds until", "time"),
                    ("结果", "Outcome", "badge"),
                    ("摘要", "Digest", "hash"),
                ),
                rows,
                ("没有询价。", "There was no enquiry."),
            ),
        ),
    )


def _steps(look: Look) -> page.Section:
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
                "日志无法支持的步骤不做，并写明原因；结算单照常出具。",
                "What a log cannot carry is left out, and the reason is told; statements are made all the "
                "same.",
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


def _comparison(look: Look) -> page.Section:
    found = look.files.comparison
    why = look.files.why_no_comparison
    rows = []
    for scenario in found.case.scenarios if found is not None else ():
        assert found is not None
        lease, buy = found.case.lease_minor(scenario.pieces), found.case.buy_minor(scenario.pieces)
        cheaper = marked("租", "lease", "good") if lease <= buy else marked("买", "buy")
        rows.append((scenario.pieces, lease, buy, abs(lease - buy), cheaper))
    texts = [said(each.zh, each.en) for each in break_even_texts(found.break_evens)] if found else []
    intro = said(
        "一个月按本资费租用，与自己购买（折旧、利息、维护）相比，均不含税。购置价、残值、年限和利率是演示自设的，"
        "请在 lease-or-buy.xlsx 中改成自己的。",
        "A month by this tariff beside a month as owner (depreciation, interest, upkeep), both without tax. "
        "Price, residual value, life and interest are the demo's own figures: put in yours in "
        "lease-or-buy.xlsx.",
    )
    return page.Section(
        title=said("租还是买", "Lease or buy"),
        paragraphs=(intro, *texts, *([said(why.zh, why.en)] if why else [])),
        grids=(
            grid(
                ("租还是买", "Lease or buy"),
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
