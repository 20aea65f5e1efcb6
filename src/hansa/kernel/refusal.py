"""Refusals: every "no" of Hansa is a named code with a Chinese and an English text.

A refusal is raised as an exception, travels as its code, field and clause (that is what members agree on),
and is shown to people by its texts. Texts say what is wrong and what to do.
"""

from typing import ClassVar

SHOWN_MAX = 120
"""Characters of a value that a text shows: a refusal never gives back all that somebody sent."""

CATALOGUE: "dict[str, type[Refusal]]" = {}
"""Every refusal that exists, by code; the reference page and the texts of outcomes are made from it."""


class Refusal(Exception):
    """Subclass with `code` and `field`, give `zh` and `en` as templates, raise with the templates' values.

    `clause` names what was broken where the field alone does not say it: a clause of an agreement.
    """

    code: ClassVar[str] = ""
    field: ClassVar[str] = ""
    zh: str = ""
    en: str = ""

    def __init_subclass__(cls, *, code: str = "", field: str = "") -> None:
        super().__init_subclass__()
        if not code:
            return
        if code in CATALOGUE and CATALOGUE[code].__qualname__ != cls.__qualname__:
            raise TypeError(f"two refusals share the code {code}")
        cls.code, cls.field = code, field
        CATALOGUE[code] = cls

    def __init__(self, clause: str = "", **values: object) -> None:
        self.clause = shown(clause)
        self.values = {name: shown(v) if isinstance(v, str) else v for name, v in values.items()}
        self.zh = type(self).zh.format(**self.values)
        self.en = type(self).en.format(**self.values)
        super().__init__(f"{self.code}: {self.en}")


def shown(text: str) -> str:
    """The beginning of a text, fit for a screen: what steers a terminal or cannot be seen becomes `?`."""
    start = text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"
    return start if start.isprintable() else "".join(c if c.isprintable() else "?" for c in start)
