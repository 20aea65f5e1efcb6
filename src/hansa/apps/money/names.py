"""Names of obligations, and the reference that a payer writes on a transfer: pure."""

from hansa.kernel import digest

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
REFERENCE_LETTERS = 16
REFERENCE_HEX = 20
"""80 bits of a name's digest: as many as 16 letters and digits hold."""


def name_of(*parts: str) -> str:
    """A name made of names of any length: always the same for the same parts."""
    return digest(list(parts))[:40]


def back_of(obligation: str, number: int) -> str:
    """Name of the obligation back that the n-th correction of a paid one led to, from 1 on."""
    return name_of("back", obligation, str(number))


def pay_in_of(fund: str) -> str:
    """Name of the obligation by which a fund is paid in."""
    return name_of("pay-in", fund)


def return_of(fund: str) -> str:
    """Name of the obligation by which the holder of a fund gives back what is left of it."""
    return name_of("return", fund)


def same_again_of(fund: str) -> str:
    """Name of the obligation by which earnest money is returned double: the second half."""
    return name_of("same-again", fund)


def reference_of(name: str) -> str:
    """The reference of an obligation: `RF`, two check digits, 16 letters and digits (ISO 11649)."""
    number, text = int(digest(name)[:REFERENCE_HEX], 16), ""
    for _ in range(REFERENCE_LETTERS):
        number, digit = divmod(number, len(DIGITS))
        text = DIGITS[digit] + text
    check = 98 - remainder(text + "RF00")
    return f"RF{check:02d}{text}"


def remainder(text: str) -> int:
    """Remainder modulo 97 of letters and digits, A = 10 … Z = 35 (ISO 7064, MOD 97-10)."""
    found = 0
    for char in text:
        value = DIGITS.index(char)
        found = (found * (100 if value > 9 else 10) + value) % 97
    return found


def is_reference(text: str) -> bool:
    """Whether this is a creditor reference whose check digits hold, written without spaces."""
    known = 5 <= len(text) <= 25 and text.startswith("RF") and all(char in DIGITS for char in text)
    return known and remainder(text[4:] + text[:4]) == 1
