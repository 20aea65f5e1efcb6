"""Elements between trading partners, attribution and check feeds in words, zh and en."""

from typing import get_args

import pytest

from hansa.apps.billing.attribution import AttributionRule
from hansa.apps.billing.check_feeds import CheckFeed, CheckRule
from hansa.apps.billing.lines import LineKind
from hansa.apps.billing.rating import Line
from hansa.apps.billing.texts import tariff_text
from hansa.apps.billing.texts_trade import LINES, attribution_text, check_text, trade_text
from hansa.kernel import replace
from tests.apps.test_trade_elements import BAD, DOWN, LESS, PARTS, TAKE, UP, sheet

SAID = [
    (
        TAKE,
        "per_piece 每期至少付 100 piece，不足部分按 2.5 CNY/piece 计，可在其后 2 期的超出用量中抵扣",
        "at least 100 piece of per_piece per period is paid for, what is missing at 2.5 CNY/piece, credited "
        "against what the next 2 periods take beyond it",
    ),
    (
        LESS,
        "per_piece 合计自100.00 CNY 5 %，自200.00 CNY 10 % 折扣（分段）",
        "discount on per_piece, from 100.00 CNY 5 %, from 200.00 CNY 10 % (graduated)",
    ),
    (
        UP,
        "execution 承诺可用率 98 %：per_piece 低于 98 % 扣减 5 %，低于 90 % 扣减 20 %",
        "execution is available 98 % of the time: below 98 % 5 % back, below 90 % 20 % back of per_piece",
    ),
    (
        BAD,
        "scrap 中由提供方负责的废品不计入 per_piece",
        "scrap on scrap that the provider answers for is not paid for in per_piece",
    ),
    (
        DOWN,
        "预付 100.00 CNY，分 3 期从 per_piece 中扣回",
        "100.00 CNY paid up front, credited against per_piece over 3 periods",
    ),
    (
        PARTS,
        "per_piece 的收入由 maker 33.33 %、bank 33.33 %、plant 33.34 % 分成",
        "the revenue of per_piece is shared by maker 33.33 %, bank 33.33 %, plant 33.34 %",
    ),
]


@pytest.mark.parametrize(("element", "zh", "en"), SAID, ids=[each[0].clause for each in SAID])
def test_each_element_is_a_sentence(element: object, zh: str, en: str) -> None:
    assert trade_text(sheet(element), element) == (zh, en)  # type: ignore[arg-type]


def test_every_kind_of_line_of_theirs_has_its_words() -> None:
    line = Line("c", "discount", 1, -5, "vat", 1_300)
    for kind, (zh, en) in LINES.items():
        assert kind in get_args(LineKind)
        made = replace(line, kind=kind)  # type: ignore[arg-type]
        assert (tariff_text(made, "zh"), tariff_text(made, "en")) == (f"c：{zh}", f"c: {en}")


@pytest.mark.parametrize("rule", get_args(CheckRule))
def test_terms_in_words(rule: CheckRule) -> None:
    zh, en = check_text(CheckFeed("energy", "plant", "m-2", 150, 20, rule))
    assert "1.5 %" in zh
    assert "1.5 % or 20 base units" in en
    stop = AttributionRule("runtime", "breakdown", "provider", ("STOPPED", "FAULT"))
    assert attribution_text(stop) == (
        "runtime 处于 STOPPED、FAULT（breakdown）为停机：出租方/服务方负责",
        "runtime in STOPPED, FAULT (breakdown) is a stop: the provider answers for it",
    )
    assert attribution_text(AttributionRule("scrap", "tooling", "neither"))[1].endswith(
        "neither answers for it"
    )
