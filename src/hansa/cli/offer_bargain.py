"""`hansa offer enquire|counter|agree|decline|judge`: two companies pass whole proposals to each other."""

from pathlib import Path
from typing import Any

import click

from hansa.apps.billing.messages import PublishedTariff
from hansa.apps.billing.sheet import read_sheet
from hansa.apps.billing.tariff import minor_digits
from hansa.apps.leasing.messages_market import Counter, Decline, Enquire, LeaseTerms, Need, Size
from hansa.apps.leasing.queries_market import ListedBargain
from hansa.cli.common import Desk, Language, desk, profile_option, say, show_json
from hansa.cli.fields import ValueWrong, time_ms
from hansa.cli.money_common import signing
from hansa.cli.tables import table_output
from hansa.cli.zones import zone_of
from hansa.client import reserve as reserves
from hansa.client.action_words import struct_lines
from hansa.client.bargains import (
    agreement_to,
    bindings,
    deadlines,
    expected,
    first_terms,
    in_words,
    next_terms,
    offer_of,
    standing,
)
from hansa.client.pay.items import minor_of
from hansa.client.sheet_values import value_of
from hansa.client.tables import Column, Table
from hansa.client.texts import Text, both
from hansa.kernel import Action, limits, replace

STATES = {
    "open": Text("进行中", "open"),
    "agreed": Text("已成交", "agreed"),
    "declined": Text("已谢绝", "declined"),
    "lapsed": Text("已失效", "lapsed"),
}
BARGAINS = (
    Column("bargain", "询价", "enquiry"),
    Column("offer", "报盘", "offer"),
    Column("lessee", "询价方", "enquirer"),
    Column("rounds", "报价次数", "proposals", "count"),
    Column("turn", "轮到", "turn"),
    Column("until_ms", "答复期限", "answer until", "time"),
    Column("from_ms", "租期开始", "from", "time"),
    Column("to_ms", "租期结束", "to", "time"),
    Column("state", "状态", "state", words=STATES),
    Column("zone", "时区", "zone", "zone"),
)


def amount(text: str, currency: str, name: str) -> int:
    """An amount of a currency in minor units; "" and 0 are none. Raises AmountInvalid."""
    return minor_of(text, currency, f"--{name}") if text not in ("", "0") else 0


def length_ms(text: str, name: str) -> int:
    """`2d`, `36h`. Raises ValueWrong."""
    units = {"d": limits.DAY_MS, "h": limits.HOUR_MS, "m": limits.MINUTE_MS}
    number, unit = text[:-1], text[-1:]
    if unit in units and number.isascii() and number.isdigit() and len(number) < 8:
        return int(number) * units[unit]
    raise ValueWrong(name=name, given=text, wanted_zh="时长，如 2d 或 36h", wanted_en="a length: 2d or 36h")


def usage_of(given: tuple[str, ...]) -> dict[str, int]:
    """`METER=BASE_UNITS`, each. Raises ValueWrong."""
    found = {}
    for text in given:
        meter, _, quantity = text.partition("=")
        if not (meter and quantity.isascii() and quantity.isdigit() and len(quantity) <= 15):
            raise ValueWrong(
                name="usage", given=text, wanted_zh="计量项=基本单位数", wanted_en="METER=base units"
            )
        found[meter] = int(quantity)
    return found


@click.command()
@click.argument("offerer")
@click.argument("name")
@click.option("--id", "bargain", required=True, help="Id for it, that of the lease later. 询价编号。")
@click.option("--process", required=True, help="What is to be done. 工艺。")
@click.option("--material", required=True, help="Of which material. 材料。")
@click.option("--size", required=True, metavar="X×Y×Z", help="Of the part, mm. 工件尺寸（毫米）。")
@click.option("--tolerance", required=True, help="± mm. 公差（毫米）。")
@click.option("--quantity", type=click.IntRange(0), default=0, help="How many. 数量。")
@click.option("--from", "from_", required=True, help="Begins: 2026-12-01, or 2026-12-01T08:00+08:00. 开始。")
@click.option("--to", required=True, help="Likewise. 结束。")
@click.option(
    "--sheet",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Tariff sheet whose terms hold: cut-off, gaps, settlement. 取其条款的资费表。",
)
@click.option(
    "--meter",
    "meters",
    multiple=True,
    metavar="METER=[OWNER/]FEED",
    help="Which feed counts. 计量项所用计量点。",
)
@click.option("--crew", is_flag=True, help="With its people. 带人。")
@click.option("--answer-until", default="", help="Time to answer; else three days. 答复期限。")
@click.option("--sign-until", default="", help="Time to sign; else three more. 签署期限。")
@click.option("--expected", "expected_", default="", help="Expected total, with tax. 预计租约总额（含税）。")
@signing
def enquire(at: Desk, offerer: str, name: str, bargain: str, **given: Any) -> list[Action]:
    """Ask for a slice of the offer NAME of OFFERER, at its list price. 询价。"""
    offer = offer_of(at.ask, offerer, name)
    published = at.ask(
        "billing.tariff_of",
        PublishedTariff,
        owner=offer.tariff_owner,
        tariff=offer.tariff,
        version=offer.tariff_version,
    )
    zone = _zone(at, offer)
    from_ms = time_ms(given["from_"], "from", zone)
    until_ms, sign_by_ms = _deadlines(at, offer, from_ms, given)
    terms = first_terms(
        offer,
        offerer,
        at.profile.member,
        published,
        read_sheet(given["sheet"]).terms,
        bindings(given["meters"], offer.asset_owner),
        from_ms=from_ms,
        to_ms=time_ms(given["to"], "to", zone),
        sign_by_ms=sign_by_ms,
        with_crew=given["crew"] or offer.crew == "with",
        expected_minor=amount(given["expected_"], published.tariff.currency, "expected"),
        prevailing_language=at.lang,
    )
    need = Need(
        process=given["process"],
        material=given["material"],
        size=size_of(given["size"]),
        tolerance_um=value_of("tolerance", both("--tolerance"), given["tolerance"]),
        quantity=given["quantity"],
    )
    return [Enquire(bargain=bargain, offerer=offerer, offer=name, need=need, terms=terms, until_ms=until_ms)]


def size_of(text: str) -> Size:
    """`100x50x20`, mm. Raises ValueWrong, CellWrong."""
    edges = text.replace("×", "x").split("x")
    if len(edges) != 3:
        raise ValueWrong(name="size", given=text, wanted_zh="三边，如 100x50x20", wanted_en="100x50x20")
    return Size(*(value_of("mm", both("--size"), edge) for edge in edges))


def _zone(at: Desk, of: Any) -> str:
    """Zone of the price of an offer, or of terms."""
    return zone_of(at, of.tariff_owner, of.tariff, of.tariff_version)


def _deadlines(at: Desk, offer: Any, from_ms: int, given: dict[str, Any]) -> tuple[int, int]:
    zone = _zone(at, offer)
    until = time_ms(given["answer_until"], "answer-until", zone) if given["answer_until"] else 0
    sign = time_ms(given["sign_until"], "sign-until", zone) if given["sign_until"] else 0
    return deadlines(offer, from_ms, at.time_ms(), until, sign)


@click.command()
@click.argument("bargain")
@click.option("--from", "from_", default="", help="Another start. 另定开始。")
@click.option("--to", default="", help="Another end. 另定结束。")
@click.option("--tariff", default="", metavar="OWNER/ID", help="Another price. 另定资费。")
@click.option("--tariff-version", type=click.IntRange(1), help="Its version. 资费版本。")
@click.option("--deposit", default="", help="Another security deposit. 另定保证金。")
@click.option("--prepayment", default="", help="Another prepayment. 另定预付款。")
@click.option("--earnest", default="", help="Other earnest money. 另定定金。")
@click.option("--expected", "expected_", default="", help="Expected total, with tax. 预计租约总额。")
@click.option("--end-notice", default="", help="Either may end it so long ahead: 7d. 提前终止通知期。")
@click.option("--answer-until", default="", help="Time to answer; else three days. 答复期限。")
@click.option("--sign-until", default="", help="Time to sign; else three more. 签署期限。")
@signing
def counter(at: Desk, bargain: str, **given: Any) -> list[Action]:
    """Propose otherwise: the last proposal with what you change. 还价。"""
    found = standing(at.ask, bargain)
    last = found.last.terms
    zone = _zone(at, found.offer)
    from_ms = time_ms(given["from_"], "from", zone) if given["from_"] else last.from_ms
    until_ms, sign_by_ms = _deadlines(at, found.offer, from_ms, given)
    owner, _, tariff = given["tariff"].rpartition("/")
    money = {
        f"{name}_minor": amount(given[option], last.currency, name) if given[option] else None
        for name, option in (
            ("security_deposit", "deposit"),
            ("prepayment", "prepayment"),
            ("earnest", "earnest"),
            ("expected", "expected_"),
        )
    }
    terms = next_terms(
        last,
        from_ms=from_ms,
        to_ms=time_ms(given["to"], "to", zone) if given["to"] else None,
        sign_by_ms=sign_by_ms,
        tariff_owner=owner or None,
        tariff=tariff or None,
        tariff_version=given["tariff_version"],
        early_end_notice_ms=length_ms(given["end_notice"], "end-notice") if given["end_notice"] else None,
        **money,
    )
    return [Counter(bargain=bargain, terms=terms, until_ms=until_ms)]


@click.command()
@click.argument("bargain")
@signing
def agree(at: Desk, bargain: str) -> list[Action]:
    """Agree to exactly the last proposal, which is shown: the time is booked. 同意最后一次报价。"""
    found = standing(at.ask, bargain)
    click.echo(_told(at, found.last.terms, found.last.until_ms), err=True)
    return [agreement_to(bargain, found)]


def _told(at: Desk, terms: LeaseTerms, until_ms: int) -> str:
    """A proposal field by field, then in words, with what it means to agree."""
    fields = struct_lines(terms, at.lang)
    return "\n".join((*fields, *(line.of(at.lang) for line in in_words(terms, until_ms, _zone(at, terms)))))


@click.command()
@click.argument("bargain")
@signing
def decline(at: Desk, bargain: str) -> list[Action]:
    """End a bargain. 谢绝。"""
    return [Decline(bargain=bargain)]


@click.command()
@click.argument("bargain")
@click.option("--quantity", type=click.IntRange(1), help="Instead of the enquiry's. 预计数量。")
@click.option("--usage", multiple=True, metavar="METER=N", help="Further planned usage. 其他预计用量。")
@profile_option
@click.pass_obj
def judge(
    lang: Language, bargain: str, quantity: int | None, usage: tuple[str, ...], profile_name: str
) -> None:
    """Whether the last proposal reaches your reserve price. Reckoned here, told to nobody. 与底价比较。"""
    at = desk(lang, profile_name)
    found = standing(at.ask, bargain)
    least = reserves.find(at.place.folder, found.bargain.offer)
    need = replace(found.bargain.need, quantity=quantity or found.bargain.need.quantity)
    price = expected(at.ask, found, need, usage_of(usage))
    terms = found.last.terms
    judged = reserves.judge(least, price, need, terms.to_ms - terms.from_ms, minor_digits(price.currency))
    show_json(
        {
            "enough": judged.enough,
            "expected_minor": judged.expected_minor,
            "reserve_minor": judged.reserve_minor,
            "currency": judged.currency,
            "assumed": price.assumed,
        }
    )
    if judged.enough:
        say(lang, "达到底价。", "It reaches the reserve price.", err=True)
    else:
        say(lang, "低于底价。", "It is below the reserve price.", err=True)


@click.command()
@profile_option
@table_output
@click.pass_obj
def bargains(lang: Language, profile_name: str) -> Table:
    """Your enquiries and those made to you. 本单位的询价与收到的询价。"""
    at = desk(lang, profile_name)
    found = at.ask_all(
        "leasing.bargains_of", ListedBargain, lambda each: each.bargain, member=at.profile.member
    )
    rows = []
    for each in found:
        record, last = each.record, each.last
        other = record.lessee if last.proposer == record.offerer else record.offerer
        state = record.state if record.state != "open" or each.answerable else "lapsed"
        rows.append(
            (
                each.bargain,
                f"{record.offerer}/{record.offer}",
                record.lessee,
                record.rounds,
                other if each.answerable else "",
                last.until_ms,
                last.terms.from_ms,
                last.terms.to_ms,
                state,
                _zone(at, last.terms),
            )
        )
    return Table(Text("询价与还价", "Enquiries and counter-offers"), BARGAINS, rows)


@click.command()
@click.argument("name")
@profile_option
@click.pass_obj
def bargain(lang: Language, name: str, profile_name: str) -> None:
    """A bargain with all its proposals, as JSON. 询价全文与历次报价（JSON）。"""
    found = standing(desk(lang, profile_name).ask, name)
    show_json({"bargain": found.name, "record": found.bargain, "proposals": found.proposals})
