"""`hansa offer`: idle lines offered, found, bargained over (offer_bargain.py), and their calendars."""

from typing import Any

import click

from hansa.apps.billing.messages import PublishedTariff
from hansa.apps.leasing.messages_market import PublishOffer, WithdrawOffer
from hansa.apps.leasing.queries_market import ListedBooking, ListedOffer
from hansa.cli import offer_bargain
from hansa.cli.common import Desk, Language, desk, profile_option, say, show_json
from hansa.cli.fields import time_ms
from hansa.cli.money_common import signing
from hansa.cli.offer_bargain import amount, length_ms, size_of
from hansa.cli.offer_sheet import lease_or_buy
from hansa.cli.tables import table_output
from hansa.cli.zones import zone_of
from hansa.client import reserve as reserves
from hansa.client.bargains import offer_of
from hansa.client.market import ANY_SIZE, MOST, Hit, Wanted, search
from hansa.client.nearby import around
from hansa.client.offer_calendar import weeks
from hansa.client.sheet_values import Kind, value_of
from hansa.client.tables import Column, Table
from hansa.client.texts import Text, both
from hansa.kernel import Action

STATES = {
    "open": Text("有效", "open"),
    "withdrawn": Text("已撤回", "withdrawn"),
    "ended": Text("已过期", "ended"),
}
NATURES = {
    "operating": Text("经营租赁", "operating lease"),
    "service": Text("加工或产能服务", "service"),
    "finance": Text("融资租赁", "finance lease"),
}
OFFERS = (
    Column("offerer", "出租方", "lessor"),
    Column("offer", "报盘", "offer"),
    Column("asset", "设备资产", "asset"),
    Column("from_ms", "开始", "from", "time"),
    Column("to_ms", "结束", "to", "time"),
    Column("tariff", "资费", "tariff"),
    Column("nature", "性质", "nature", words=NATURES),
    Column("state", "状态", "state", words=STATES),
    Column("zone", "时区", "zone", "zone"),
)
FOUND = (
    Column("offerer", "出租方", "lessor"),
    Column("offer", "报盘", "offer"),
    Column("name", "设备", "machine"),
    Column("place", "所在地", "place"),
    Column("distance_km", "距离（公里）", "km", "count"),
    Column("free_from_ms", "空闲自", "free from", "time"),
    Column("free_to_ms", "空闲至", "free to", "time"),
    Column("tolerance_um", "公差（微米）", "± µm", "count"),
    Column("rate_per_hour", "每小时产能", "per hour", "count"),
    Column("currency", "币种", "currency", "currency"),
    Column("net_minor", "测算净额", "estimate, net", "money"),
    Column("note", "说明", "note"),
    Column("zone", "时区", "zone", "zone"),
)
CALENDAR = (
    Column("week", "周一", "Monday"),
    Column("days", "周一至周日", "Mon–Sun"),
    Column("free_hours", "空闲小时", "free hours", "count"),
)


@click.group()
def offer() -> None:
    """Idle lines: offer, find, bargain, agree. 闲置报盘：发布、查找、询价、成交。"""


for _command in (
    lease_or_buy,
    offer_bargain.enquire,
    offer_bargain.counter,
    offer_bargain.agree,
    offer_bargain.decline,
    offer_bargain.judge,
    offer_bargain.bargains,
    offer_bargain.bargain,
):
    offer.add_command(_command)


def cell(kind: Kind, name: str, text: str) -> Any:
    """An option's text as a value, read as a cell of a sheet is."""
    return value_of(kind, both(f"--{name}"), text)


@offer.command("list")
@click.option("--by", "offerer", default="", help="Of this member only. 只列该成员单位的。")
@click.option("--open", "open_only", is_flag=True, help="Open ones only. 只列有效的。")
@profile_option
@table_output
@click.pass_obj
def list_(lang: Language, offerer: str, open_only: bool, profile_name: str) -> Table:
    """Offers, of all members or one. 列出闲置报盘。"""
    at = desk(lang, profile_name)
    rows = [
        (
            each.offerer,
            each.offer,
            each.record.asset,
            each.record.from_ms,
            each.record.to_ms,
            f"{each.record.tariff_owner}/{each.record.tariff} v{each.record.tariff_version}",
            each.record.nature,
            each.record.state,
            zone_of(at, each.record.tariff_owner, each.record.tariff, each.record.tariff_version),
        )
        for each in _all_offers(at, offerer, open_only)
    ]
    return Table(Text("闲置报盘", "Offers of idle lines"), OFFERS, rows)


def _all_offers(at: Desk, offerer: str, open_only: bool) -> list[ListedOffer]:
    found: list[ListedOffer] = []
    while True:
        after = {"after_offerer": found[-1].offerer, "after_offer": found[-1].offer} if found else {}
        page = at.ask("leasing.offers", list[ListedOffer], offerer=offerer, open_only=open_only, **after)
        found += page
        if not page:
            return found


@offer.command()
@click.argument("offerer")
@click.argument("name")
@profile_option
@click.pass_obj
def show(lang: Language, offerer: str, name: str, profile_name: str) -> None:
    """An offer and its machine, whole, as JSON. 报盘与设备全文（JSON）。"""
    at = desk(lang, profile_name)
    found = offer_of(at.ask, offerer, name)
    asset = at.ask(
        "leasing.asset_of",
        Any,
        owner=found.asset_owner,
        asset=found.asset,
        version=found.asset_version,
    )
    show_json({"offerer": offerer, "offer": name, "record": found, "asset": asset})


@offer.command("search")
@click.argument("process")
@click.option("--material", default="", help="Material. 材料。")
@click.option("--size", default="", metavar="X×Y×Z", help="Of the part, mm, as 100x50x20. 工件尺寸（毫米）。")
@click.option("--tolerance", default="", help="± mm that it must hold. 须保证的公差（毫米）。")
@click.option("--rate", type=click.IntRange(0), default=0, help="At least so many an hour. 每小时至少。")
@click.option(
    "--crew", type=click.Choice(["with", "without"]), help="With its people, or without. 是否带人。"
)
@click.option("--from", "from_", default="", help="Begins: 2026-12-01, or 2026-12-01T08:00+08:00. 开始。")
@click.option("--to", default="", help="Likewise. 结束。")
@click.option("--for", "for_", default="", help="So long between from and to: 5d. 其间所需时长。")
@click.option(
    "--near",
    default="",
    metavar="LAT,LON|[MEMBER/]ID",
    help="31.38,120.98, or a machine or offer that stands there. 地点：坐标，或设备、报盘的编号。",
)
@click.option("--km", type=click.IntRange(1, 20_100), default=20_100, help="Within so many km. 公里之内。")
@click.option("--quantity", type=click.IntRange(0), default=0, help="Reckon prices for so many. 测算数量。")
@click.option(
    "--order",
    type=click.Choice(["price", "distance", "start"]),
    default="distance",
    show_default=True,
    help="Which comes first. 排序。",
)
@click.option("--most", type=click.IntRange(1), default=MOST, show_default=True, help="So many. 最多列出。")
@profile_option
@table_output
@click.pass_obj
def search_(
    lang: Language, /, profile_name: str, order: Any, near: str, km: int, most: int, **given: Any
) -> Table:
    """Open offers that can do PROCESS and are free. 按工艺、时间、地点与价格查找。"""
    at = desk(lang, profile_name)
    circle = around(at.ask, at.profile.member, near, km * 1_000) if near else None
    hits = search(at.ask, _wanted(**given), circle, order, most)
    rows = [_found_row(at, hit, circle is not None) for hit in hits]
    if len(hits) < most:
        return Table(Text("找到的闲置设备", "Idle lines found"), FOUND, rows)
    first = Text(
        f"找到的闲置设备：前 {most} 项，要看更多请加大 --most",
        f"Idle lines found: the first {most}, for more raise --most",
    )
    return Table(first, FOUND, rows)


def _wanted(**given: Any) -> Wanted:
    return Wanted(
        process=given["process"],
        material=given["material"],
        size=size_of(given["size"]) if given["size"] else ANY_SIZE,
        tolerance_um=cell("tolerance", "tolerance", given["tolerance"]) if given["tolerance"] else 0,
        rate_per_hour=given["rate"],
        crew=given["crew"] or "",
        from_ms=time_ms(given["from_"], "from") if given["from_"] else 0,
        to_ms=time_ms(given["to"], "to") if given["to"] else 0,
        for_ms=length_ms(given["for_"], "for") if given["for_"] else 0,
        quantity=given["quantity"],
    )


def _found_row(at: Desk, hit: Hit, located: bool) -> tuple[Any, ...]:
    listed, first, price = hit.found.listed, hit.found.free[0], hit.price
    assumed = price.assumed if price else (hit.note,)
    return (
        hit.found.offerer,
        hit.found.offer,
        Text(listed.name_zh, listed.name_en),
        Text(listed.place.name_zh, listed.place.name_en),
        hit.distance_m // 1_000 if located else None,
        first.from_ms,
        first.to_ms,
        listed.capability.tolerance_um,
        listed.capability.rate_per_hour,
        price.currency if price else None,
        price.net_minor if price else None,
        tuple(text for text in assumed if text.en),
        zone_of(at, listed.tariff_owner, listed.tariff, listed.tariff_version),
    )


@offer.command()
@click.argument("name")
@click.option("--asset", required=True, help="Your machine. 设备编号。")
@click.option("--from", "from_", required=True, help="Begins: 2026-12-01, or 2026-12-01T08:00+08:00. 开始。")
@click.option("--to", required=True, help="Likewise. 结束。")
@click.option("--notice", default="2d", show_default=True, help="Agreed so long ahead. 最短提前通知。")
@click.option("--smallest", default="", help="Shortest slice; else all of it. 最短租用时长。")
@click.option("--largest", default="", help="Longest slice; else all of it. 最长租用时长。")
@click.option("--tariff", required=True, metavar="[OWNER/]ID", help="Published list price. 资费。")
@click.option(
    "--tariff-version", type=click.IntRange(1), default=1, show_default=True, help="Its version. 版本。"
)
@click.option(
    "--nature",
    type=click.Choice(["operating", "service", "finance"]),
    default="operating",
    help="What it is in law. 性质。",
)
@click.option(
    "--crew",
    type=click.Choice(["without", "with", "either"]),
    default="without",
    help="Crew comes with it. 是否带人。",
)
@click.option("--deposit", default="", help="Security deposit, in the tariff's currency. 保证金。")
@click.option("--prepayment", default="", help="Prepayment, likewise. 预付款。")
@click.option("--earnest", default="", help="Earnest money, likewise. 定金。")
@click.option("--owner", default="", help="Whose machine it is, of a sublease. 转租：设备所有方。")
@click.option("--head", default="", help="Your lease of it, of a sublease. 转租：主租约。")
@click.option("--reserve", default="", help="Your least price; stays on this machine. 底价，只存本机。")
@click.option(
    "--reserve-per",
    type=click.Choice(["piece", "hour", "lease"]),
    default="piece",
    help="What --reserve is for. 底价单位。",
)
@signing
def publish(at: Desk, name: str, reserve: str, reserve_per: Any, **given: Any) -> list[Action]:
    """Offer idle time to all members, as NAME. 发布闲置报盘。"""
    tariff_owner, _, tariff = given["tariff"].rpartition("/")
    owner = tariff_owner or at.profile.member
    published = at.ask(
        "billing.tariff_of",
        PublishedTariff | None,
        owner=owner,
        tariff=tariff,
        version=given["tariff_version"],
    )
    currency = published.tariff.currency if published else "CNY"
    zone = zone_of(at, owner, tariff, given["tariff_version"])
    from_ms, to_ms = time_ms(given["from_"], "from", zone), time_ms(given["to"], "to", zone)
    whole_ms = max(0, to_ms - from_ms)
    action = PublishOffer(
        offer=name,
        asset_owner=given["owner"] or at.profile.member,
        asset=given["asset"],
        from_ms=from_ms,
        to_ms=to_ms,
        notice_ms=length_ms(given["notice"], "notice"),
        smallest_ms=length_ms(given["smallest"], "smallest") if given["smallest"] else whole_ms,
        largest_ms=length_ms(given["largest"], "largest") if given["largest"] else whole_ms,
        tariff_owner=owner,
        tariff=tariff,
        tariff_version=given["tariff_version"],
        nature=given["nature"],
        crew=given["crew"],
        security_deposit_minor=amount(given["deposit"], currency, "deposit"),
        prepayment_minor=amount(given["prepayment"], currency, "prepayment"),
        earnest_minor=amount(given["earnest"], currency, "earnest"),
        head=given["head"],
    )
    # Kept here, and in nothing that is sent.
    if reserve and not click.get_current_context().params["dry_run"]:
        least = reserves.Reserve(cell("price", "reserve", reserve), reserve_per, currency)
        reserves.keep(at.place.folder, name, least)
    return [action]


@offer.command("reserve")
@click.argument("name")
@click.argument("price")
@click.option(
    "--per",
    type=click.Choice(["piece", "hour", "lease"]),
    default="piece",
    show_default=True,
    help="What PRICE is for. 单位。",
)
@click.option("--currency", default="CNY", show_default=True, help="ISO 4217. 币种。")
@profile_option
@click.pass_obj
def reserve_(lang: Language, name: str, price: str, per: Any, currency: str, profile_name: str) -> None:
    """Note your least price for the offer NAME, on this machine only. 记下底价，只存本机。"""
    at = desk(lang, profile_name)
    least = reserves.Reserve(cell("price", "price", price), per, cell("currency", "currency", currency))
    reserves.keep(at.place.folder, name, least)
    path = reserves.path_in(at.place.folder)
    say(lang, f"已记入 {path}，不会发送给任何人。", f"Kept in {path}; it is sent to nobody.")


@offer.command()
@click.argument("name")
@signing
def withdraw(at: Desk, name: str) -> list[Action]:
    """Take no more enquiries for your offer NAME. 撤回报盘。"""
    return [WithdrawOffer(offer=name)]


@offer.command()
@click.argument("offerer")
@click.argument("name")
@click.option("--zone", default="Asia/Shanghai", show_default=True, help="Whose days. 按哪个时区的日期。")
@profile_option
@table_output
@click.pass_obj
def calendar(lang: Language, offerer: str, name: str, zone: str, profile_name: str) -> Table:
    """The offer's weeks: · free, ▒ partly, ░ reserved, █ taken. 按周显示空闲与占用。"""
    at = desk(lang, profile_name)
    found = offer_of(at.ask, offerer, name)
    taken = at.ask(
        "leasing.bookings_of",
        list[ListedBooking],
        asset_owner=found.asset_owner,
        asset=found.asset,
        from_ms=found.from_ms,
        to_ms=found.to_ms,
        level=found.head,
    )
    shown = weeks(found.from_ms, found.to_ms, taken, cell("zone", "zone", zone))
    rows = [(week.monday.isoformat(), week.bar, week.free_hours) for week in shown]
    say(
        lang,
        "· 空闲  ▒ 部分占用  ░ 已预订待签  █ 已占用",
        "· free  ▒ partly  ░ reserved  █ taken",
        err=True,
    )
    return Table(both(f"{offerer}/{name}"), CALENDAR, rows)
