"""Numbers as people read them."""


def grouped(number: str) -> str:
    """A decimal number with its thousands set apart and a real minus."""
    sign = "−" if number.startswith("-") else ""
    whole, dot, part = number.removeprefix("-").partition(".")
    return f"{sign}{int(whole):,}{dot}{part}"
