"""How many decimals a currency's minor unit has, and an amount as people read it: pure."""

MINOR_DIGITS: dict[str, int] = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
    "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3, "CLF": 4, "UYW": 4,
}  # fmt: skip
"""Currencies whose minor unit is not 1/100 (ISO 4217)."""


def minor_digits(currency: str) -> int:
    """Decimal places of the currency's minor unit: 2 for CNY, 0 for JPY, 3 for KWD."""
    return MINOR_DIGITS.get(currency, 2)


def amount_text(amount_minor: int, currency: str) -> str:
    """`27.00 CNY`, as refusals show it; not below zero."""
    places = minor_digits(currency)
    whole, rest = divmod(amount_minor, 10**places)
    return f"{whole}.{rest:0{places}d} {currency}" if places else f"{whole} {currency}"
