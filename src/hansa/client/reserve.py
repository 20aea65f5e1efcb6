"""Reserve prices of one's own offers. They stay in the profile's folder: no action has a field for one.

$HANSA_HOME/profiles/NAME/reserve.json   by offer; readable by its owner only (0600)
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hansa.apps.leasing.messages_market import Need
from hansa.client.estimate import Estimate
from hansa.client.files import SECRET_MODE, read_bounded, write_over
from hansa.kernel import encode
from hansa.kernel.canonical import decode_strict
from hansa.kernel.limits import HOUR_MS
from hansa.kernel.refusal import Refusal
from hansa.kernel.types import CurrencyCode, Id, Natural, Struct

FILE_BYTES_MAX = 2**20
PRICE_UNIT = 100_000_000

Per = Literal["piece", "hour", "lease"]
"""What a reserve price is per: a unit made, an hour of the lease, or the whole lease."""


class ReserveDamaged(Refusal, code="market.reserve_damaged", field="path"):
    zh = "底价文件 {path} 无法读取：{detail}。请从备份恢复，或删除后重新填写底价。"
    en = "The file of reserve prices {path} cannot be read: {detail}. Restore it, or set them anew."


class ReserveUnknown(Refusal, code="market.reserve_unknown", field="offer"):
    zh = "没有为闲置报盘 {offer} 记下底价。发布时用 --reserve 填写，或用 hansa offer reserve 补记。"
    en = "No reserve price is kept for offer {offer}. Set one: `hansa offer reserve`."


class ReserveCurrency(Refusal, code="market.reserve_currency", field="reserve"):
    zh = "底价的币种为 {currency}，还价的币种为 {other}，无法比较。请核对资费。"
    en = "The reserve price is in {currency}, the proposal in {other}: check the tariff."


class QuantityMissing(Refusal, code="market.quantity_missing", field="quantity"):
    zh = "询价没有说明数量，无法按件比较底价。请用 --quantity 填写预计数量。"
    en = "The enquiry names no quantity, as a reserve price per piece needs. Give --quantity."


class Reserve(Struct):
    """The least that an offer is let for, before tax."""

    price_e8: Natural
    per: Per
    currency: CurrencyCode


class _File(Struct):
    offers: dict[Id, Reserve]


@dataclass(frozen=True)
class Judgement:
    """A proposal beside the reserve price, before tax."""

    expected_minor: int
    reserve_minor: int
    currency: str

    @property
    def enough(self) -> bool:
        return self.expected_minor >= self.reserve_minor


def path_in(folder: Path) -> Path:
    """Where a profile's reserve prices lie."""
    return folder / "reserve.json"


def keep(folder: Path, offer: str, reserve: Reserve) -> None:
    """Note the reserve price of an offer, in place of an earlier one. Raises ReserveDamaged."""
    offers = _read(folder) | {offer: reserve}
    write_over(path_in(folder), encode(_File(offers=offers)), SECRET_MODE)


def find(folder: Path, offer: str) -> Reserve:
    """The reserve price of an offer. Raises ReserveUnknown, ReserveDamaged."""
    found = _read(folder).get(offer)
    if found is None:
        raise ReserveUnknown(offer=offer)
    return found


def judge(reserve: Reserve, expected: Estimate, need: Need, length_ms: int, minor_digits: int) -> Judgement:
    """Whether what a proposal is expected to bring, before tax, reaches the reserve price.

    Raises ReserveCurrency, QuantityMissing. The reserve rounds up: a tie is enough.
    """
    if expected.currency != reserve.currency:
        raise ReserveCurrency(currency=reserve.currency, other=expected.currency)
    if reserve.per == "piece" and not need.quantity:
        raise QuantityMissing()
    count, unit = {"piece": (need.quantity, 1), "hour": (length_ms, HOUR_MS), "lease": (1, 1)}[reserve.per]
    least = -(-reserve.price_e8 * count * 10**minor_digits // (unit * PRICE_UNIT))
    return Judgement(expected.net_minor, least, reserve.currency)


def _read(folder: Path) -> dict[str, Reserve]:
    path = path_in(folder)
    if not path.exists():
        return {}
    try:
        return dict(decode_strict(read_bounded(path, FILE_BYTES_MAX), _File).offers)
    except (OSError, ValueError, Refusal) as error:
        raise ReserveDamaged(path=str(path), detail=str(error)) from None
