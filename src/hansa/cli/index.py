"""`hansa index`: values that prices are escalated by (价格指数), each in force from its date on."""

import click

from hansa.apps.billing.listing import ListedIndex
from hansa.apps.billing.messages_prices import IndexValue, PublishIndex
from hansa.cli.common import Desk, Language, desk, profile_option
from hansa.cli.money_common import signing
from hansa.cli.pay import given_day
from hansa.cli.tables import table_output
from hansa.client.sheet_values import value_of
from hansa.client.tables import Column, Table
from hansa.client.texts import Text, both
from hansa.kernel import Action

LISTED = (
    Column("owner", "发布方", "owner"),
    Column("index", "指数", "index"),
    Column("first_day", "首个生效日", "first from", "date"),
    Column("last_day", "最新值自", "last from", "date"),
    Column("value_e8", "最新值", "last value", "price"),
)
VALUES = (
    Column("from_day", "自", "from", "date"),
    Column("value_e8", "值", "value", "price"),
    Column("published_ms", "公布于", "published", "time"),
)
owner_option = click.option("--owner", default="", help="Else your own. 发布方；默认本单位。")


@click.group()
def index() -> None:
    """Indices: publish a value, read. 价格指数：公布、查看。"""


@index.command("list")
@owner_option
@profile_option
@table_output
@click.pass_obj
def list_(lang: Language, owner: str, profile_name: str) -> Table:
    """Indices of a member with their last values. 指数一览。"""
    at = desk(lang, profile_name)
    found = at.ask_all(
        "billing.indices_by", ListedIndex, lambda each: each.index, owner=owner or at.profile.member
    )
    rows = [(each.owner, each.index, each.first_day, each.last_day, each.value_e8) for each in found]
    return Table(Text("价格指数", "Indices"), LISTED, rows)


@index.command()
@click.argument("name", metavar="INDEX")
@owner_option
@profile_option
@table_output
@click.pass_obj
def show(lang: Language, name: str, owner: str, profile_name: str) -> Table:
    """All values of INDEX, and from when each is in force. 指数的历次值。"""
    at = desk(lang, profile_name)
    of = owner or at.profile.member
    found = at.ask("billing.index_of", list[tuple[int, IndexValue]], owner=of, index=name)
    rows = [(day, each.value_e8, each.published_ms) for day, each in found]
    return Table(Text(f"价格指数 {of}/{name}", f"Index {of}/{name}"), VALUES, rows)


@index.command()
@click.argument("name", metavar="INDEX")
@click.option("--from", "day", required=True, help="In force from this date (YYYY-MM-DD). 生效日。")
@click.option("--value", required=True, help="As published, such as 103.2. 数值。")
@signing
def publish(at: Desk, name: str, day: str, value: str) -> list[Action]:
    """Add a value to an index of yours; it can never be changed, only followed by a later one.

    公布本单位指数的新值；公布后不可更改，只能续加。
    """
    return [PublishIndex(name, given_day(day), value_of("price", both("--value"), value))]
