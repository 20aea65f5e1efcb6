"""The sales clerk's tab: where the line stands, when it is idle, what it costs, how the bargain went."""

from collections.abc import Iterator

from hansa.apps.leasing.messages_market import Asset, Capability, Description, Offer, Proposal
from hansa.apps.leasing.queries_market import ListedBooking
from hansa.client.estimate import Estimate, Plan, estimate
from hansa.client.market import Prices
from hansa.console.report import business as page
from hansa.console.report.part import Text as Said
from hansa.kernel import Refusal, limits
from hansa.simulation.play import LEASE, PROVIDER
from hansa.simulation.report_business import Look, grid, marked, said
from hansa.simulation.report_story import comparison, steps
from hansa.simulation.story_market import ASSET, OFFER
from hansa.simulation.tariff_lines import tariff_lines

AROUND_MS = 14 * limits.DAY_MS
EXAMPLE_HOURS = (80, 160, 320)
"""Hours at best rate for which the list price is worked out."""
STATES = {
    "signing": ("待签署", "to be signed"),
    "signed": ("已签署，待交接", "signed, to be handed over"),
    "running": ("使用中", "in use"),
    "returned": ("已交还，待结清", "handed back, to be settled"),
    "closed": ("已结清", "closed"),
    "void": ("未生效", "void"),
}
CREW = {
    "without": ("不带，由承租方自备", "without, the lessee brings its own"),
    "with": ("带操作人员", "with crew"),
    "either": ("可带可不带", "with or without"),
}
NATURE = {
    "operating": ("经营租赁", "operating lease"),
    "service": ("加工或产能服务", "processing or capacity service"),
    "finance": ("融资租赁", "finance lease"),
}
CODES = {"production": ("生产", "production"), "any": ("不限", "any")}
UNITS = {"piece": ("件", "pieces")}
MM_UM = 1_000


def sales(look: Look) -> tuple[page.Section, ...]:
    if not look.settled.leased:
        return (steps(look), comparison(look))
    offer = look.ask.one("leasing.offer_of", Offer, offerer=PROVIDER, offer=OFFER)
    asset = look.ask.one("leasing.asset_of", Asset, owner=PROVIDER, asset=ASSET).description
    return (
        _calendar(look, offer, asset),
        _offer(look, offer, asset),
        _bargain(look, offer),
        steps(look),
        comparison(look),
    )


def _calendar(look: Look, offer: Offer, asset: Description) -> page.Section:
    from_ms, to_ms = offer.from_ms - AROUND_MS, offer.to_ms + AROUND_MS
    window = page.Bar(
        text=said("闲置报盘", "offered as idle"), from_ms=offer.from_ms, to_ms=offer.to_ms, tone="idle"
    )
    lanes = [page.Lane(name=said(f"{asset.name_zh}：报盘", f"{asset.name_en}: offered"), bars=(window,))]
    levels = (("", "已出租", "Let"), (LEASE, "承租方自己的日历：转租", "The lessee's own calendar: sublet"))
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
            _left(look, offer),
        ),
        timetable=page.Timetable(
            title=said("产线日历", "Calendar of the line"), from_ms=from_ms, to_ms=to_ms, lanes=tuple(lanes)
        ),
        grids=(_who_has_it(look),),
    )


def _left(look: Look, offer: Offer) -> Said:
    """Which days of the offer nobody has."""
    free, at_ms = [], offer.from_ms
    for each in sorted(_bookings(look, "", offer.from_ms, offer.to_ms), key=lambda each: each.from_ms):
        if each.from_ms > at_ms:
            free.append((at_ms, each.from_ms))
        at_ms = max(at_ms, each.to_ms)
    if at_ms < offer.to_ms:
        free.append((at_ms, offer.to_ms))
    if not free:
        return said("这份报盘的时段已全部租出。", "All of this offer is let; nothing of it is left.")
    shown = "; ".join(f"{look.day(from_ms)} – {look.day(to_ms - 1)}" for from_ms, to_ms in free)
    return said(f"这份报盘还空着：{shown}。", f"Of this offer is left: {shown}.")


def _bookings(look: Look, level: str, from_ms: int, to_ms: int) -> list[ListedBooking]:
    found: list[ListedBooking] = look.ask.one(
        "leasing.bookings_of",
        list[ListedBooking],
        asset_owner=PROVIDER,
        asset=ASSET,
        from_ms=from_ms,
        to_ms=to_ms,
        level=level,
    )
    return found


def _bars(look: Look, level: str, from_ms: int, to_ms: int) -> Iterator[page.Bar]:
    for each in _bookings(look, level, from_ms, to_ms):
        lease = look.lease(each.by)
        zh, en = look.name(lease.terms.lessee) if lease else ("", "")
        yield page.Bar(
            text=said(f"{each.by} {zh}".strip(), f"{each.by} {en}".strip()),
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
                look.file(f"contract-{name}.html"),
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
            ("合同", "Contract", "file"),
            ("双方签署的摘要", "Digest that both signed", "hash"),
        ),
        rows,
        ("没有租约。", "There is no lease."),
    )


def _offer(look: Look, offer: Offer, asset: Description) -> page.Section:
    able = asset.capabilities[0]
    return page.Section(
        title=said("报盘", "The offer"),
        paragraphs=(
            said(
                "出租方的保底价只存在自己的文件里，从不上账。",
                "The lessor's reserve price lies in a file of its own and never reaches the ledger.",
            ),
            *_assumed(look, offer, able),
        ),
        grids=(_facts(look, offer, asset, able), _list_price(look), _examples(look, offer, able)),
    )


def _facts(look: Look, offer: Offer, asset: Description, able: Capability) -> page.Grid:
    unit_zh, unit_en = UNITS.get(able.unit, (able.unit, able.unit))
    notice, shortest, longest = (_span(ms) for ms in (offer.notice_ms, offer.smallest_ms, offer.largest_ms))
    materials = [CODES.get(each, (each, each)) for each in able.materials]
    sizes = [
        " × ".join(f"{edge / MM_UM:g}" for edge in (size.x_um, size.y_um, size.z_um))
        for size in (able.smallest, able.largest)
    ]
    told: list[tuple[tuple[str, str], tuple[str, str]]] = [
        (("设备资产", "Asset"), (asset.name_zh, asset.name_en)),
        (("地点", "Place"), (asset.place.name_zh, asset.place.name_en)),
        (("工艺", "Process"), CODES.get(able.process, (able.process, able.process))),
        (("材料", "Materials"), ("、".join(zh for zh, _ in materials), ", ".join(en for _, en in materials))),
        (("工件尺寸", "Size of parts"), (f"{sizes[0]} 至 {sizes[1]} mm", f"{sizes[0]} to {sizes[1]} mm")),
        (("公差", "Tolerance"), (f"± {able.tolerance_um / MM_UM:g} mm",) * 2),
        (
            ("最高产能", "Best rate"),
            (f"每小时 {able.rate_per_hour:,} {unit_zh}", f"{able.rate_per_hour:,} {unit_en} an hour"),
        ),
        (("操作人员", "Crew"), CREW[offer.crew]),
        (("性质", "Nature"), NATURE[offer.nature]),
        (("至少提前", "Notice at least"), notice),
        (
            ("最短、最长租期", "Shortest, longest hire"),
            (f"{shortest[0]}、{longest[0]}", f"{shortest[1]}, {longest[1]}"),
        ),
        (("报盘要求的保证金", "Security deposit asked for"), (look.money(offer.security_deposit_minor),) * 2),
        (("报盘要求的预付款", "Prepayment asked for"), (look.money(offer.prepayment_minor),) * 2),
    ]
    return grid(
        ("租的是什么", "What is let"),
        (("项目", "What", "text"), ("内容", "Value", "text")),
        [(marked(*what), marked(*value)) for what, value in told],
        ("没有说明。", "Nothing is told."),
    )


def _span(span_ms: int) -> tuple[str, str]:
    days, hours = divmod(span_ms // limits.HOUR_MS, 24)
    zh = (f"{days} 天" if days else "") + (f" {hours} 小时" if hours or not days else "")
    en = (_counted(days, "day") if days else "") + (
        f" {_counted(hours, 'hour')}" if hours or not days else ""
    )
    return zh.strip(), en.strip()


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _list_price(look: Look) -> page.Grid:
    return grid(
        ("挂牌价", "The list price"),
        (("条款", "Clause", "text"),),
        [(marked(zh, en),) for zh, en in tariff_lines(look.play.sheet.tariff)],
        ("没有条款。", "There is no clause."),
    )


def _examples(look: Look, offer: Offer, able: Capability) -> page.Grid:
    """For the whole window of the offer."""
    rows: list[tuple[page.Cell, ...]] = []
    for hours in EXAMPLE_HOURS:
        pieces = able.rate_per_hour * hours
        try:
            found = _estimate(look, offer, able, pieces)
        except Refusal as refusal:
            rows.append((hours, pieces, None, None, marked(refusal.zh, refusal.en)))
            continue
        rows.append((hours, pieces, found.net_minor, found.gross_minor, None))
    window = f"{look.day(offer.from_ms)} – {look.day(offer.to_ms - 1)}"
    return grid(
        (
            f"全部时段（{window}）按挂牌价的费用举例",
            f"What the whole window ({window}) comes to at list price",
        ),
        (
            ("满负荷小时", "Hours at best rate", "number"),
            ("件", "Pieces", "number"),
            ("不含税", "Net", "money"),
            ("价税合计", "Gross", "money"),
            ("无法测算", "Not to be reckoned", "text"),
        ),
        rows,
        ("没有例子。", "There is no example."),
    )


def _assumed(look: Look, offer: Offer, able: Capability) -> list[Said]:
    """What the examples take for granted, whatever the hours."""
    try:
        some, more = (
            {each.en: each.zh for each in _estimate(look, offer, able, able.rate_per_hour * hours).assumed}
            for hours in EXAMPLE_HOURS[:2]
        )
    except Refusal:
        return []
    both = [(zh, en) for en, zh in some.items() if en in more]
    if not both:
        return []
    zh, en = "；".join(each for each, _ in both), "; ".join(each for _, each in both)
    return [said(f"费用举例的假设：{zh}。", f"The examples of what it comes to assume: {en}.")]


def _estimate(look: Look, offer: Offer, able: Capability, quantity: int) -> Estimate:
    published, calendar = Prices(look.ask.one).tariff(offer.tariff_owner, offer.tariff, offer.tariff_version)
    return estimate(published, calendar, able, Plan(offer.from_ms, offer.to_ms, quantity, {}))


def _bargain(look: Look, offer: Offer) -> page.Section:
    proposals = look.ask.one("leasing.proposals_of", list[Proposal], bargain=LEASE)
    rows: list[tuple[page.Cell, ...]] = [
        (
            marked("报盘", "offer"),
            PROVIDER,
            offer.security_deposit_minor,
            offer.prepayment_minor,
            None,
            marked("询价", "enquired about"),
            None,
        )
    ]
    for number, each in enumerate(proposals, 1):
        last = number == len(proposals)
        what = marked("询价", "enquiry") if number == 1 else marked("还价", "counter-offer")
        rows.append(
            (
                what,
                each.proposer,
                each.terms.security_deposit_minor,
                each.terms.prepayment_minor,
                each.until_ms,
                marked("双方同意", "agreed by both", "good")
                if last
                else marked("对方还价", "answered by a counter-offer"),
                each.content,
            )
        )
    return page.Section(
        title=said("询价与还价", "The bargain"),
        paragraphs=(
            said(
                "每一次都是一整套条款；对方同意的正是最后一套，以摘要为准。价格始终是挂牌价，谈的是保证金和预付款。",
                "Each proposal is a whole set of terms; what is agreed to is exactly the last one, by its "
                "digest. The price is the list price throughout; what they bargain over is security deposit "
                "and prepayment.",
            ),
        ),
        grids=(
            grid(
                ("询价与还价", "Proposals"),
                (
                    ("第几步", "What", "text"),
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
