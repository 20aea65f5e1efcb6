"""The contract as text: made from the terms alone, the same for all, in two languages that say the same."""

import re
from typing import Any

import pytest

from hansa.apps.billing.sheet import parse_sheet
from hansa.apps.billing.terms import Settlement
from hansa.apps.consortium.calendars import Calendar
from hansa.apps.leasing import text
from hansa.apps.leasing.messages import Attachment
from hansa.apps.leasing.text_draft import Draft, Party
from hansa.apps.leasing.text_words import money, percent, price, span
from hansa.client.tariff_templates import FOLDER, Template, templates
from hansa.kernel import digest, replace
from tests.apps.leasing import PIECES, PRESS, TERMS, lease_terms
from tests.apps.tariffs import TARIFF

SHANGHAI = Calendar("Asia/Shanghai", 0, 30_000, (0,), (480,))
MAKER = Party("maker", "昆山机床有限公司", "Kunshan Machine Tools", "uscc 91320583MA1XXXXX0X")
PLANT = Party("plant", "苏州零件厂", "Suzhou Parts", "uscc 91320500MA1YYYYY0Y")
TEXT = Settlement(payment_days=30, runs_from="confirmation", silence_days=7, interest_bp=365)
CJK = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
ARTICLE = re.compile(r"《民法典》|Civil Code")


def draft(**changes: Any) -> Draft:
    """Everything a lease can have; `changes` are of its terms."""
    given: dict[str, Any] = {
        "terms": replace(TERMS, settlement=TEXT),
        "security_deposit_minor": 1_000_000,
        "prepayment_minor": 300_000,
        "earnest_minor": 100_000,
        "expected_minor": 900_000,
        "early_end_notice_ms": 3 * 86_400_000,
        "extension_ms": 7_200_000,
    }
    attachments = (Attachment("safety", "b" * 64),)
    return Draft("l-1", lease_terms(**given | changes), MAKER, PLANT, PRESS, TARIFF, SHANGHAI, attachments)


def test_the_text_is_what_it_was_when_it_was_signed() -> None:
    """Edition 1 as released: a word changed here is a new edition, or old signatures stand under nothing."""
    assert text.EDITION == 1
    assert digest(text.markdown(draft(), "zh")) == ZH_DIGEST
    assert digest(text.markdown(draft(), "en")) == EN_DIGEST
    assert text.content(draft()) == CONTENT


@pytest.mark.parametrize("nature", ["operating", "service", "finance"])
@pytest.mark.parametrize("law", ["cn", "de"])
@pytest.mark.parametrize("full", [True, False])
def test_both_languages_have_the_same_clauses_and_figures(nature: str, law: str, full: bool) -> None:
    made = draft(nature=nature, governing_law=law)
    if not full:
        bare = lease_terms(nature=nature, governing_law=law)
        made = replace(made, terms=bare, attachments=(), tariff=PIECES)
    zh, en = text.clauses(made, "zh"), text.clauses(made, "en")
    assert [(each.number, len(each.paragraphs)) for each in zh] == [
        (each.number, len(each.paragraphs)) for each in en
    ]
    for left, right in zip(zh, en, strict=True):
        assert CJK.search(left.heading)
        assert not CJK.search(right.heading)
        for one, other in zip(left.paragraphs, right.paragraphs, strict=True):
            figures = [
                sorted(re.findall(r"\d[\d.:-]*\d|\d", each)) for each in (bare_of(one), bare_of(other))
            ]
            assert figures[0] == figures[1], (one, other)
            names = other
            for name in (MAKER.name_zh, PLANT.name_zh, PRESS.name_zh):
                names = names.replace(name, "")
            assert not CJK.search(names), other


@pytest.mark.parametrize("template", templates(), ids=lambda found: found.name)
def test_every_kind_of_price_reads_alike_in_both_languages(template: Template) -> None:
    """The sheets that are shipped have every element, rule and check feed among them."""
    sheet = parse_sheet(template.data, FOLDER)
    terms = lease_terms(terms=sheet.terms, meters=())
    made = replace(draft(), tariff=sheet.tariff, calendar=SHANGHAI, terms=terms)
    for left, right in zip(text.clauses(made, "zh"), text.clauses(made, "en"), strict=True):
        for one, other in zip(left.paragraphs, right.paragraphs, strict=True):
            figures = [sorted(re.findall(r"\d[\d.:-]*\d|\d", bare_of(each))) for each in (one, other)]
            assert figures[0] == figures[1], (one, other)
            assert "见附件一" not in one.split("（")[0]
    names = [element.clause for element in sheet.tariff.elements]
    for lang in ("zh", "en"):
        assert all(name in text.markdown(made, lang) for name in names)  # type: ignore[arg-type]


def bare_of(paragraph: str) -> str:
    """Without digests, and citations of law, which each language writes in its own way."""
    paragraph = re.sub(r"\b[0-9a-f]{64}\b|Annex 1", "", paragraph)
    return re.sub(
        r"（[^（）]*《[^（）]*）|\([^()]*(?:Civil Code|ISO 3166)[^()]*\)|第[一二三四五六七八九十百]+条",
        "",
        paragraph,
    )


def test_law_is_cited_where_it_governs() -> None:
    chinese = text.markdown(draft(), "zh") + text.markdown(draft(), "en")
    german = text.markdown(draft(governing_law="de"), "zh") + text.markdown(draft(governing_law="de"), "en")
    assert ARTICLE.search(chinese)
    assert not ARTICLE.search(german)
    for made in (chinese, german):
        assert "不构成法律意见" in made
        assert "no legal advice" in made


OTHER_TERMS: dict[str, Any] = {
    "lessor": "bank",
    "lessee": "bank",
    "asset_owner": "bank",
    "asset": "press-2",
    "asset_version": 2,
    "from_ms": 1_738_339_260_000,
    "to_ms": 1_738_944_060_000,
    "sign_by_ms": 1,
    "tariff_owner": "bank",
    "tariff": "t-2",
    "tariff_version": 2,
    "meters": (),
    "terms": TERMS,
    "currency": "EUR",
    "nature": "service",
    "governing_law": "de",
    "prevailing_language": "en",
    "mode": "bank",
    "bank": "bank",
    "with_crew": True,
    "substitution_right": True,
    "early_end_notice_ms": 0,
    "extension_ms": 0,
    "security_deposit_minor": 1,
    "prepayment_minor": 1,
    "earnest_minor": 1,
    "expected_minor": 1,
    "head": "l-0",
}
UNSAID = ("lessor", "lessee", "sign_by_ms", "expected_minor", "bank")
"""Said by the parties' names, over once signed, a bound of another term, said with the mode."""


def test_every_term_is_tried() -> None:
    assert tuple(OTHER_TERMS) == tuple(lease_terms().__struct_fields__)


@pytest.mark.parametrize("name", OTHER_TERMS)
def test_whoever_changes_a_term_changes_what_is_signed_and_what_is_read(name: str) -> None:
    one, other = draft(), draft(**{name: OTHER_TERMS[name]})
    assert text.content(one) != text.content(other)
    for lang in ("zh", "en"):
        same = text.markdown(one, lang) == text.markdown(other, lang)  # type: ignore[arg-type]
        assert same == (name in UNSAID)


def test_names_tariff_asset_and_attachments_are_part_of_it() -> None:
    one = draft()
    others = [
        replace(one, lease="l-2"),
        replace(one, lessor=replace(MAKER, name_en="Other")),
        replace(one, lessee=replace(PLANT, registration="uscc 9")),
        replace(one, asset=replace(PRESS, checklist=("spindle",))),
        replace(one, tariff=replace(TARIFF, tax_included=True)),
        replace(one, attachments=()),
        replace(one, attachments=(Attachment("safety", "c" * 64),)),
    ]
    assert len({text.content(each) for each in (one, *others)}) == len(others) + 1


def test_figures_read_as_people_write_them() -> None:
    assert money(120_000, "CNY") == "CNY 1200.00"
    assert money(5, "KWD") == "KWD 0.005"
    assert money(1_200, "JPY") == "JPY 1200"
    assert [price(e8) for e8 in (350_000_000, 105_330_000, 1, 0)] == ["3.50", "1.0533", "0.00000001", "0.00"]
    assert [percent(bp) for bp in (1_300, 5, 365, 1_050)] == ["13 %", "0.05 %", "3.65 %", "10.5 %"]
    assert span(86_400_000) == ("1 天", "1 day")
    assert span(7_200_000) == ("2 小时", "2 hours")
    assert span(90_000) == ("90 秒", "90 seconds")
    assert span(1) == ("1 毫秒", "1 millisecond")
    assert span(0) == ("0 天", "0 days")


ZH_DIGEST = "e7b4326cf5d60e15617a1c91380290395c1589155a11518505563a832ed1ac15"
EN_DIGEST = "09a4035f5c20ddb1666338dcc66eb9d5081be51750a779eb842c58b57a0984bc"
CONTENT = "4e96e065dc90ce87c7307f868fbc12868d04c977dcc03e3ff83662fdb686a803"
