"""The contract as people read and sign it: made from the terms alone, in Chinese and English. Pure.

Whoever has the terms makes the same text, letter for letter; so its digest can be signed, and checked by
anyone (`content`). What the clauses say is in `text_deal.py` and `text_conduct.py`; `hansa.client.leases`
makes a printable page.
"""

from hansa.apps.leasing import text_conduct, text_deal
from hansa.apps.leasing.messages import Attachment
from hansa.apps.leasing.messages_market import Language
from hansa.apps.leasing.text_draft import Draft, Party, Section
from hansa.apps.leasing.text_words import Pair
from hansa.kernel import Struct, digest

EDITION = 1
"""Of the wording. What was signed in an edition stays readable: a new wording is a new edition."""
POSITION = {"zh": 0, "en": 1}


TITLES: dict[str, Pair] = {
    "operating": ("设备租赁合同", "Lease of production equipment"),
    "service": ("加工与产能服务合同", "Processing and capacity service contract"),
    "finance": ("融资租赁合同", "Finance lease"),
}
NO_ADVICE: Pair = (
    "本文本由条款自动生成，不构成法律意见；签署前请由各自的法律顾问审阅。",
    "This text is made from the terms by a program. It is no legal advice: have your own counsel read it "
    "before you sign.",
)


class Clause(Struct):
    """A numbered clause in one language."""

    number: int
    heading: str
    paragraphs: tuple[str, ...]


def sections(draft: Draft) -> tuple[Section, ...]:
    """Every clause, in order."""
    return tuple(
        Section(heading, tuple(write(draft)))
        for heading, write in (
            (("当事人", "Parties"), text_deal.parties),
            (("性质与租赁物", "Nature and asset"), text_deal.asset),
            (("期限", "Term"), text_deal.term),
            (("价款与支付", "Price and payment"), text_deal.payment),
            (("保证金、预付款与定金", "Security deposit, prepayment, earnest money"), text_deal.funds),
            (("交接", "Handover"), text_conduct.handover),
            (("计量、数据与证据", "Measurement, data and evidence"), text_conduct.data),
            (("故障与停机", "Breakdown"), text_conduct.breakdown),
            (("使用与暂停", "Use and suspension"), text_conduct.use),
            (("提前终止与续期", "Early end and extension"), text_conduct.end),
            (("转租与转让", "Sublease and transfer"), text_conduct.sublease),
            (("返还与损坏", "Return and damage"), text_conduct.giving_back),
            (("争议、适用法律与语言", "Disputes, governing law, language"), text_conduct.law),
            (("附件与签署", "Attachments and signature"), text_conduct.signature),
        )
    )


def title(draft: Draft, lang: Language) -> str:
    return TITLES[draft.terms.nature][POSITION[lang]]


def clauses(draft: Draft, lang: Language) -> tuple[Clause, ...]:
    """The whole contract in one language, in order."""
    at = POSITION[lang]
    return tuple(
        Clause(number, section.heading[at], tuple(each[at] for each in section.paragraphs))
        for number, section in enumerate(sections(draft), 1)
    )


def markdown(draft: Draft, lang: Language) -> str:
    """The contract as Markdown: what `content` stands for, line feeds between lines."""
    lines = [f"# {title(draft, lang)}", "", f"{_said(_NUMBER, lang)}{draft.lease}", ""]
    for clause in clauses(draft, lang):
        lines += [f"## {clause.number}. {clause.heading}", ""]
        for position, paragraph in enumerate(clause.paragraphs, 1):
            lines += [f"{clause.number}.{position} {paragraph}", ""]
    return "\n".join([*lines, _said(NO_ADVICE, lang), ""])


def content(draft: Draft) -> str:
    """What both parties sign: SHA-256 over terms, both texts and attachments."""
    return digest(
        {
            "attachments": draft.attachments,
            "edition": EDITION,
            "en": markdown(draft, "en"),
            "lease": draft.lease,
            "terms": draft.terms,
            "zh": markdown(draft, "zh"),
        }
    )


_NUMBER: Pair = ("租约编号：", "Lease: ")


def _said(pair: Pair, lang: Language) -> str:
    return pair[POSITION[lang]]


__all__ = ["EDITION", "Attachment", "Clause", "Draft", "Party", "clauses", "content", "markdown", "title"]
