"""What the text of a contract is made from."""

from hansa.apps.billing.tariff import Tariff
from hansa.apps.consortium.calendars import Calendar
from hansa.apps.leasing.messages import Attachment
from hansa.apps.leasing.messages_market import Description, LeaseTerms
from hansa.apps.leasing.text_words import Pair
from hansa.kernel import Id, MemberId, RegisteredName, Struct


class Party(Struct):
    """A party as it is registered in the consortium."""

    member: MemberId
    name_zh: RegisteredName
    name_en: RegisteredName
    registration: RegisteredName
    """Kind and number, such as `uscc 91…`."""


class Draft(Struct):
    """All that the text is made from."""

    lease: Id
    terms: LeaseTerms
    lessor: Party
    lessee: Party
    asset: Description
    tariff: Tariff
    calendar: Calendar
    """By which the tariff reckons days and periods."""
    attachments: tuple[Attachment, ...] = ()


class Section(Struct):
    heading: Pair
    paragraphs: tuple[Pair, ...]


def is_cn(draft: Draft) -> bool:
    """Whether Chinese law governs."""
    return draft.terms.governing_law == "cn"
