"""`hansa price`: series of prices by the quarter, half or whole hour, that tariffs refer to."""

from pathlib import Path

import click

from hansa.apps.billing import errors_energy as errors
from hansa.apps.billing.listing import ListedSeries
from hansa.apps.billing.messages_prices import DeclareSeries, SeriesDay, SeriesForm
from hansa.apps.billing.slots import SLOT_MINUTES
from hansa.apps.consortium.calendars import Calendar, date_text, start_of_day
from hansa.cli.common import Desk, Language, WrongCommand, acting, confirm, desk, profile_option, say
from hansa.cli.money_common import signing
from hansa.cli.sending import act
from hansa.cli.tables import print_table, show_table, table_output
from hansa.client.batches import batches
from hansa.client.publishing import CalendarMissing, calendar_of, plan_series, series_form
from hansa.client.sheet_errors import NotImported
from hansa.client.tables import Column, Table
from hansa.client.texts import Text, instant_text
from hansa.kernel import Action
from hansa.kernel.limits import MINUTE_MS

LISTED = (
    Column("owner", "发布方", "owner"),
    Column("series", "价格序列", "series"),
    Column("version", "版本", "version", "count"),
    Column("minutes", "每段分钟", "slot, min", "count"),
    Column("unit", "单位", "unit"),
    Column("currency", "币种", "currency", "currency"),
    Column("calendar", "日历", "calendar"),
    Column("first_day", "首日", "from", "date"),
    Column("last_day", "末日", "to", "date"),
)
PRICES = (
    Column("local", "当地时间", "local time"),
    Column("from_ms", "开始（UTC）", "from, UTC", "time"),
    Column("price_e8", "单价", "price", "price"),
    Column("currency", "币种", "currency", "currency"),
    Column("unit", "单位", "per"),
)
WHAT = {"new": Text("新增", "new"), "there": Text("已公布", "published")}
DAYS = (
    Column("day", "日期", "day", "date"),
    Column("slots", "段数", "slots", "count"),
    Column("lowest_e8", "最低价", "lowest", "price"),
    Column("highest_e8", "最高价", "highest", "price"),
    Column("what", "结果", "what", words=WHAT),
)
PROBLEMS = (
    Column("row", "行", "row", "count"),
    Column("code", "代码", "code"),
    Column("text", "问题", "problem"),
)
owner_option = click.option("--owner", default="", help="Else your own. 发布方；默认本单位。")
version_option = click.option(
    "--version", type=click.IntRange(1), default=1, show_default=True, help="Of the series. 版本。"
)


@click.group()
def price() -> None:
    """Price series: declare, publish from a file, read. 分时价格序列：声明、公布、查看。"""


@price.command("list")
@owner_option
@profile_option
@table_output
@click.pass_obj
def list_(lang: Language, owner: str, profile_name: str) -> Table:
    """Series of a member, and how far their prices reach. 价格序列一览。"""
    at = desk(lang, profile_name)
    found: list[ListedSeries] = []
    while True:
        after = {"after": found[-1].series, "after_version": found[-1].version} if found else {}
        page = at.ask("billing.series_by", list[ListedSeries], owner=owner or at.profile.member, **after)
        found += page
        if not page:
            break
    rows = [
        (
            each.owner, each.series, each.version, each.form.minutes, each.form.unit, each.form.currency,
            f"{each.form.calendar_owner}/{each.form.calendar}", each.first_day, each.last_day,
        )
        for each in found
    ]  # fmt: skip
    return Table(Text("价格序列", "Price series"), LISTED, rows)


@price.command()
@click.argument("series")
@owner_option
@version_option
@click.option("--day", help="First local date (YYYY-MM-DD); else the last that has prices. 起始日期。")
@click.option(
    "--days", type=click.IntRange(1, 366), default=1, show_default=True, help="How many days. 天数。"
)
@profile_option
@table_output
@click.pass_obj
def show(
    lang: Language, series: str, owner: str, version: int, day: str | None, days: int, profile_name: str
) -> Table:
    """Prices of SERIES slot by slot. 逐段查看价格。"""
    from hansa.cli.pay import given_day

    at = desk(lang, profile_name)
    of = owner or at.profile.member
    form, calendar = _declared(at, of, series, version)
    first = given_day(day) if day else _last_day(at, of, series, version)
    found = at.ask(
        "billing.series_days_of", list[tuple[int, SeriesDay]], owner=of, series=series, version=version,
        from_day=first, until_day=first + days,
    )  # fmt: skip
    rows = []
    for at_day, prices in found:
        start_ms = start_of_day(calendar, at_day)
        for number, price_e8 in enumerate(prices.prices_e8):
            from_ms = start_ms + number * form.minutes * MINUTE_MS
            local = instant_text(calendar, from_ms)
            rows.append((local, from_ms, price_e8, form.currency, form.unit))
    title = f"{of}/{series} v{version} ({calendar.zone})"
    return Table(Text(f"分时价格 {title}", f"Prices {title}"), PRICES, rows)


def _declared(at: Desk, owner: str, series: str, version: int) -> tuple[SeriesForm, Calendar]:
    """What a series is for, and its calendar. Raises SeriesUnknown."""
    form = series_form(at.ask, owner, series, version)
    if form is None:
        raise errors.SeriesUnknown(owner=owner, series=series, version=version)
    calendar = calendar_of(at.ask, form.calendar_owner, form.calendar)
    assert calendar is not None, "a series is declared on a calendar that is there"
    return form, calendar


def _last_day(at: Desk, owner: str, series: str, version: int) -> int:
    """The last date that has prices; 0 where none has."""
    listed = at.ask(
        "billing.series_by", list[ListedSeries], owner=owner, after=series, after_version=version - 1, limit=1
    )
    return next((each.last_day or 0 for each in listed if each.series == series), 0)


@price.command()
@click.argument("series")
@click.option(
    "--sheet",
    type=click.Path(path_type=Path),
    help="Tariff sheet with a clause of this series: all is taken from it. 由资费表中的条款取得各项。",
)
@version_option
@click.option("--unit", default="kWh", show_default=True, help="What a price is for. 计价单位。")
@click.option(
    "--minutes", type=click.Choice([str(each) for each in SLOT_MINUTES]), default="15", show_default=True,
    help="Length of a slot. 每段分钟数。",
)  # fmt: skip
@click.option("--currency", default="CNY", show_default=True, help="ISO 4217. 币种。")
@click.option("--calendar", default="", metavar="[OWNER/]ID", help="Published; its local days. 所用日历。")
@signing
def declare(
    at: Desk,
    series: str,
    sheet: Path | None,
    version: int,
    unit: str,
    minutes: str,
    currency: str,
    calendar: str,
) -> list[Action]:
    """Declare a series of your own, before its first prices. 声明价格序列。"""
    from hansa.apps.billing.sheet import read_sheet

    if sheet is not None:
        return list(plan_series(at.ask, at.profile.member, series, read_sheet(sheet)))
    if not calendar:
        raise WrongCommand(
            text_zh="须有 --sheet 或 --calendar：每段时间按某一日历的当地日期划分。",
            text_en="give --sheet or --calendar: slots are counted on the local days of a calendar.",
        )
    owner, _, name = calendar.rpartition("/")
    if calendar_of(at.ask, owner or at.profile.member, name) is None:
        raise CalendarMissing(owner=owner or at.profile.member, calendar=name)
    form = SeriesForm(int(minutes), unit, currency, owner or at.profile.member, name)
    return [DeclareSeries(series, version, form)]


@price.command()
@click.argument("series")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@version_option
@click.option(
    "--per", type=click.IntRange(1), default=1, show_default=True,
    help="The file's prices are for so many units, as 1000 for MWh. 文件中的价格对应多少个单位。",
)  # fmt: skip
@acting
@click.pass_obj
def publish(
    lang: Language,
    series: str,
    files: tuple[Path, ...],
    version: int,
    per: int,
    profile_name: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Publish prices from CSV or xlsx FILES (columns from, price, to), whole days, all of them or none.

    Gaps, overlaps, other steps, times of another zone are named row by row. What is published can never be
    changed. 由文件公布价格（列 from、price、可有 to），按整日；公布后不可更改。
    """
    from hansa.client.price_sheet import plan_prices, read_prices

    at = desk(lang, profile_name)
    form, calendar = _declared(at, at.profile.member, series, version)
    read = read_prices(files, calendar, form.minutes, per)
    actions = plan_prices(at.ask, at.profile.member, series, version, read)
    new = {action.day for action in actions}
    problems = [
        (each.row, each.refusal.code, Text(each.refusal.zh, each.refusal.en)) for each in read.problems
    ]
    rows = [
        (each.day, len(each.prices_e8), min(each.prices_e8), max(each.prices_e8),
         "new" if each.day in new else "there")
        for each in read.days
    ]  # fmt: skip
    title = f"{series} ({form.currency}/{form.unit}, {calendar.zone})"
    table = Table(Text(f"待公布的价格 {title}", f"Prices to be published {title}"), DAYS, rows)
    found = Table(Text("问题", "Problems"), PROBLEMS, problems)
    if as_json:
        show_table(Table(table.title, (), (), {"days": table.told(), "problems": found.told()}), as_json=True)
    else:
        print_table(table, lang)
        if problems:
            print_table(found, lang)
    if problems:
        raise NotImported(count=len(problems))
    if dry_run or not actions:
        return
    if not yes:
        confirm(lang, "公布后不可更改。公布上表中的新价格？", "It can never be changed. Publish what is new?")
    for batch in batches(actions):
        act(at, batch, dry_run=False, yes=True, as_json=False, quiet=True)
    last = date_text(max(new))
    say(lang, f"已公布 {len(new)} 天，至 {last}。", f"{len(new)} days published, up to {last}.", err=True)
