"""A town with all that business needs: prices, an agreement, a lease of an idle line, debts, a bank.

Every step is one that a clerk types.
"""

import datetime
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.shell import Shell, running
from tests.cli.test_money import Street
from tests.waiting import until

TODAY = datetime.datetime.now(datetime.UTC).date()
YES = ("--yes",)
DAILY = {
    "name": "daily",
    "purpose": "internal",
    "currency": "CNY",
    "prices": "without_tax",
    "rounding": "half_up",
    "period": "day",
    "calendar": {"zone": "UTC", "from_year": TODAY.year - 1, "to_year": TODAY.year + 2},
    "taxes": {"vat": [{"from": "2019-04-01", "rate": "13%"}]},
    "meters": {},
    "elements": [
        {"kind": "fixed", "clause": "day", "tax": "vat", "amount": "1000.00"},
        {"kind": "fixed", "clause": "night", "tax": "vat", "amount": "333.33"},
    ],
    "terms": {"cut_off": "0h", "gaps": {}, "settlement": {"payment_days": 30, "runs_from": "period_end"}},
}
MACHINES = """asset,name_zh,name_en,place_zh,place_en,latitude,longitude,region,checklist
mill-7,五轴加工中心,Five-axis centre,昆山一厂,Kunshan works,31.38,120.98,cn-32,spindle; coolant
"""
CAPABILITIES = """asset,process,materials,max_x,max_y,max_z,tolerance,rate_per_hour,crew
mill-7,milling,steel; aluminium,800,500,300,0.02,40,either
"""
ACCOUNTS = """
[[account]]
member = "maker"
name = "East maker"
iban = "DE89370400440532013000"
[[account]]
member = "plant"
name = "East plant"
number = "622202123456"
cnaps = "102100099996"
"""
MAPPING = """
account = "DE89370400440532013000"
currency = "CNY"
[columns]
day = "day"
amount = "amount"
payer = "payer"
text = ["text"]
bank_reference = "number"
"""


def day(ahead: int) -> str:
    return str(TODAY + datetime.timedelta(days=ahead))


def at(ahead: int) -> str:
    return f"{day(ahead)}T00:00+00:00"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def sheet(path: Path, **changed: object) -> Path:
    """The daily price, some of it otherwise."""
    return write(path, json.dumps(DAILY | changed))


def windows(path: Path, **changed: object) -> Path:
    """Idle time of mill-7: four weeks from the 20th day on."""
    row = {
        "offer": "weeks", "asset": "mill-7", "from": day(20), "to": day(48), "zone": "UTC", "notice": 2,
        "smallest": 1, "largest": 14, "tariff": "daily", "tariff_version": 1, "nature": "operating",
        "crew": "either", "currency": "CNY", "deposit": 500,
    } | changed  # fmt: skip
    return write(path, f"{','.join(row)}\n{','.join(map(str, row.values()))}\n")


def enquiry(folder: Path, name: str, **changed: str) -> tuple[object, ...]:
    """`hansa offer enquire` for a week of mill-7."""
    given = {
        "process": "milling", "material": "steel", "size": "100x200x50", "tolerance": "0.025",
        "quantity": "700", "from": at(20), "to": at(27), "sheet": str(folder / "daily.json"),
    } | changed  # fmt: skip
    options = [part for key, value in given.items() for part in (f"--{key}", value)]
    return ("offer", "enquire", "maker", "weeks", "--id", name, *options)


@contextmanager
def fair(folder: Path) -> Iterator[Street]:
    """Maker, plant and bank; the node runs, and all lists of maker and plant have something in them."""
    town = Street(folder)
    with running(folder / "node"):
        town.join()
        maker, plant, bank = (town.shells[name] for name in ("maker", "plant", "bank"))
        _agree(folder, maker, plant)
        _lease(folder, maker, plant)
        _publish(folder, maker)
        _owe(folder, maker, plant, bank)
        yield town


def _agree(folder: Path, maker: Shell, plant: Shell) -> None:
    """Service-1: three days of it are closed, the first is confirmed and owed."""
    maker.do("tariff", "publish", sheet(folder / "daily.json"), *YES)
    maker.do(
        "agreement", "propose", "service-1", "--sheet", folder / "daily.json", "--with", "plant", "--from",
        day(-3), "--to", day(40), *YES,
    )  # fmt: skip
    plant.do("agreement", "accept", "service-1", *YES)
    assert until(lambda: len(maker.do("statement", "list", "--json").json) >= 3, within_s=30)
    for shell in (maker, plant):
        shell.do("statement", "confirm", "service-1", day(-3), *YES)
    plant.do("statement", "dispute", "service-1", day(-2), "--line", 2, "--reason", "no_night_shift", *YES)


def _lease(folder: Path, maker: Shell, plant: Shell) -> None:
    """Week-1 of mill-7 is signed by both; its deposit is not paid yet. Week-2 is asked for."""
    files = (
        write(folder / "machines.csv", MACHINES),
        write(folder / "capabilities.csv", CAPABILITIES),
        windows(folder / "windows.csv"),
    )
    maker.do("asset", "import", *files, *YES)
    plant.do(*enquiry(folder, "week-1"), *YES)
    maker.do("offer", "agree", "week-1", *YES)
    for shell in (maker, plant):
        shell.do("lease", "sign", "week-1", *YES)
    plant.do(*enquiry(folder, "week-2", **{"from": at(30), "to": at(33)}), *YES)


def _publish(folder: Path, maker: Shell) -> None:
    rows = "\n".join(f"{day(1)} {hour:02d}:00,0.{30 + hour}" for hour in range(24))
    maker.do("price", "declare", "spot", "--calendar", "daily", "--minutes", "60", *YES)
    maker.do("price", "publish", "spot", write(folder / "prices.csv", f"from,price\n{rows}\n"), *YES)
    maker.do("index", "publish", "cpi", "--from", "2026-01-01", "--value", "100.2", *YES)


def _owe(folder: Path, maker: Shell, plant: Shell, bank: Shell) -> None:
    """A debt, a payment too much, money at the bank, some of it held and some being withdrawn."""
    write(folder / "accounts.toml", ACCOUNTS)
    write(folder / "bank.toml", MAPPING)
    plant.do("money", "owe", "maker", "27.00", "--id", "repair-7", "--due", day(30), *YES)
    maker.do(
        "money", "receive", "--amount", "5.00", "--day", day(-1), "--payer", "plant", "--account", "1",
        "--bank-reference", "B-1", *YES,
    )  # fmt: skip
    write(folder / "bank.csv", f"day,amount,payer,text,number\n{day(-1)},27.00,East plant,rent,7\n")
    bank.do("money", "open-bank", *YES)
    for shell in (maker, plant):
        shell.do("money", "accept-bank", "bank", *YES)
    bank.do("money", "deposit", "plant", "100.00", "--bank-reference", "D-1", *YES)
    plant.do("money", "hold", "maker", "20.00", "--bank", "bank", "--id", "h-1", "--until", day(30), *YES)
    plant.do("money", "withdraw", "10.00", "--bank", "bank", "--id", "w-1", *YES)
