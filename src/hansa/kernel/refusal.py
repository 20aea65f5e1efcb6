"""Refusals: every "no" of Hansa is a named code with a Chinese and an English text.

A refusal is raised as an exception, travels as its code, field and clause (that is what members agree on), and is
shown to people by its texts. Texts say what is wrong and what to do.
"""

from typing import ClassVar

CATALOGUE: "dict[str, type[Refusal]]" = {}
"""Every refusal that exists, by code; the reference page and the texts of outcomes are made from it."""


class Refusal(Exception):
    """Subclass with `code` and `field`, give `zh` and `en` as templates, raise with the templates' values.

    `clause` names what the value broke, where the field alone does not say it: a clause of an agreement, an element.
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
        self.clause = clause
        self.values = values
        self.zh = type(self).zh.format(**values)
        self.en = type(self).en.format(**values)
        super().__init__(f"{self.code}: {self.en}")
