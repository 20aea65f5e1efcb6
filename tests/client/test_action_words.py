"""Actions as people read them before they sign: every field is told, units as they are written."""

import msgspec
import pytest

from hansa.apps.billing.messages_life import Concede, Concession
from hansa.apps.money.messages import Owe
from hansa.apps.rooms import registry
from hansa.client.action_words import NAMES_ZH, UNITS, action_lines
from tests.apps.leasing import enquiry, lease_terms, offer

TIME_MS = 1_804_176_000_000  # 2027-03-04 16:00 UTC


def test_money_times_and_what_is_inside_are_told_as_people_write_them() -> None:
    action = Owe("repair-7", "maker", "JPY", 2_700, TIME_MS, "", "")
    assert action_lines(action, "en") == [
        "money.owe", "  id: repair-7", "  creditor: maker", "  currency: JPY", "  amount: 2700 JPY",
        "  due: 2027-03-04 16:00:00Z",
    ]  # fmt: skip
    zh = action_lines(action, "zh")
    assert zh[2:5] == ["  收款方：maker", "  币种：JPY", "  金额：2700 JPY"]


def test_lists_and_offers() -> None:
    conceded = Concede("g-1", TIME_MS, (Concession(2, 37_666), Concession(3, 5)), "not_done", "")
    told = "\n".join(action_lines(conceded, "en"))
    assert "  - line: 2\n      gross: 37666 (minor units)\n    - line: 3" in told
    offered = "\n".join(action_lines(offer(notice_ms=2 * 86_400_000), "zh"))
    assert "提前通知：2 天" in offered


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_of_an_action_is_left_out(lang: str) -> None:
    action = enquiry("l-1", lease_terms())
    told = "\n".join(action_lines(action, lang))  # type: ignore[arg-type]
    plain = msgspec.to_builtins(action)

    def names(value: object) -> int:
        if isinstance(value, dict):
            return len(value) + sum(names(each) for each in value.values())
        return sum(names(each) for each in value) if isinstance(value, list | tuple) else 0

    assert told.count("\n") == names(plain) - 1
    assert plain["terms"]["asset"] in told


def test_what_sales_and_accounting_sign_has_chinese_names() -> None:
    """Of money and leasing: the names of fields, without their units."""
    names = {
        name
        for room in registry().rooms
        if room.name in ("money", "leasing")
        for action in room.actions
        for name in action.__struct_fields__
    }
    plain = set()
    for name in names:
        for unit in UNITS:
            name = name.removesuffix(unit)
        plain.add(name)
    assert plain - NAMES_ZH.keys() <= {"description", "bargain"}
