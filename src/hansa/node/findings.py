"""What a look at a node finds: one line per check, in two languages, with a code where something is wrong."""

from collections.abc import Iterable
from typing import Literal

from hansa.kernel import Struct
from hansa.kernel.refusal import Refusal

Level = Literal["ok", "note", "warning", "wrong"]
"""note: good to know. warning: do something soon. wrong: do something now."""
ORDER: tuple[Level, ...] = ("ok", "note", "warning", "wrong")


class Finding(Struct):
    """What one check found."""

    check: str
    level: Level
    zh: str
    en: str
    code: str = ""
    """Of the catalogue of refusals; "" where all is well."""


def fine(check: str, zh: str, en: str) -> Finding:
    return Finding(check=check, level="ok", zh=zh, en=en)


def finding(check: str, level: Level, refusal: Refusal) -> Finding:
    """A refusal that was met, or that describes what was found."""
    return Finding(check=check, level=level, zh=refusal.zh, en=refusal.en, code=refusal.code)


def worst(findings: Iterable[Finding]) -> Level:
    return max((one.level for one in findings), key=ORDER.index, default="ok")
