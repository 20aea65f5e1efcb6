"""What the number of a registration itself shows: its form and its check characters. Pure.

Whether the company exists, and is who it says, the members find out before they vote.
"""

from hansa.apps.consortium import errors_members as errors
from hansa.apps.consortium.messages import Registration

USCC_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""GB 32100-2015: no I, O, S, V, Z."""
USCC_LENGTH = 18
USCC_WEIGHT = 3
LEI_LENGTH = 20
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LEI_MODULUS = 97
VAT_LENGTHS = (4, 15)
"""Of a VAT id whose country has no form below, country included."""

VAT_FORMS: dict[str, tuple[str, ...]] = {
    "AT": ("U99999999",),
    "BE": ("9999999999",),
    "BG": ("999999999", "9999999999"),
    "CH": ("E999999999",),
    "CY": ("99999999A",),
    "CZ": ("99999999", "999999999", "9999999999"),
    "DE": ("999999999",),
    "DK": ("99999999",),
    "EE": ("999999999",),
    "EL": ("999999999",),
    "ES": ("X9999999X",),
    "FI": ("99999999",),
    "FR": ("XX999999999",),
    "GB": ("999999999", "999999999999"),
    "HR": ("99999999999",),
    "HU": ("99999999",),
    "IE": ("9X99999A", "9999999AA"),
    "IT": ("99999999999",),
    "LT": ("999999999", "999999999999"),
    "LU": ("99999999",),
    "LV": ("99999999999",),
    "MT": ("99999999",),
    "NL": ("999999999B99",),
    "NO": ("999999999",),
    "PL": ("9999999999",),
    "PT": ("999999999",),
    "RO": tuple("9" * digits for digits in range(2, 11)),
    "SE": ("999999999999",),
    "SI": ("99999999",),
    "SK": ("9999999999",),
    "XI": ("999999999", "999999999999"),
}
"""After the country: 9 a digit, A a letter, X either, anything else itself (European Commission, VIES)."""


def check_registration(registration: Registration) -> None:
    """Refuse a number that cannot be one of its kind.

    Raises UsccInvalid, LeiInvalid, VatInvalid, RegistrationUnchecked.
    """
    number = registration.number
    match registration.kind:
        case "uscc":
            if not is_uscc(number):
                raise errors.UsccInvalid(number=number)
        case "lei":
            if not is_lei(number):
                raise errors.LeiInvalid(number=number)
        case "vat":
            if not is_vat(number):
                raise errors.VatInvalid(number=number)
        case _:
            raise errors.RegistrationUnchecked()


def is_uscc(number: str) -> bool:
    """Whether this can be a 统一社会信用代码 (GB 32100-2015: 18 characters, the last checks the others)."""
    if len(number) != USCC_LENGTH or not _all_in(number, USCC_CHARACTERS) or not _all_in(number[2:8], DIGITS):
        return False
    return uscc_check_character(number[:-1]) == number[-1]


def uscc_check_character(first: str) -> str:
    """The 18th character of a 统一社会信用代码: weights are the powers of 3 modulo 31."""
    total = 0
    weight = 1
    for character in first:
        total += USCC_CHARACTERS.index(character) * weight
        weight = weight * USCC_WEIGHT % len(USCC_CHARACTERS)
    return USCC_CHARACTERS[-total % len(USCC_CHARACTERS)]


def is_lei(number: str) -> bool:
    """Whether this can be a legal entity identifier (ISO 17442: 20 characters, ISO 7064 MOD 97-10)."""
    if len(number) != LEI_LENGTH or not _all_in(number, ALPHANUMERIC) or not _all_in(number[-2:], DIGITS):
        return False
    digits = "".join(str(ALPHANUMERIC.index(character)) for character in number)
    return int(digits) % LEI_MODULUS == 1


def is_vat(number: str) -> bool:
    """Whether this has the form of a VAT id: its country's, where it is known here."""
    country, rest = number[:2], number[2:]
    forms = VAT_FORMS.get(country)
    if forms is not None:
        return any(_fits(rest, form) for form in forms)
    shortest, longest = VAT_LENGTHS
    return (
        shortest <= len(number) <= longest
        and _all_in(country, LETTERS)
        and _all_in(rest, ALPHANUMERIC)
        and not _all_in(rest, LETTERS)
    )


def _fits(text: str, form: str) -> bool:
    allowed = {"9": DIGITS, "A": LETTERS, "X": ALPHANUMERIC}
    return len(text) == len(form) and all(
        character in allowed.get(at, at) for character, at in zip(text, form, strict=True)
    )


def _all_in(text: str, alphabet: str) -> bool:
    return all(character in alphabet for character in text)
