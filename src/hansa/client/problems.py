"""Problem documents (RFC 9457) of a node, as the refusals they are."""

from typing import Any

import msgspec

from hansa.client import errors
from hansa.kernel.refusal import CATALOGUE, Refusal, shown

TEXT_MAX = 1_000
"""Characters of a node's text that are shown."""


class _Problem(msgspec.Struct):
    """The members of a problem document that Hansa gives it."""

    code: str = ""
    field: str = ""
    clause: str = ""
    zh: str = ""
    en: str = ""


def refusal_of_problem(url: str, status: int, body: bytes) -> Refusal:
    """What a node refused, as an instance of its own class where this program knows the code.

    What is no problem document of Hansa's is an AnswerUnusable.
    """
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        problem = _Problem()
    if not (problem.code and problem.zh and problem.en):
        return errors.AnswerUnusable(url=url, detail=f"HTTP {status}")
    kind = CATALOGUE.get(problem.code, errors.NodeRefused)
    refusal = kind.__new__(kind)
    told: dict[str, Any] = {
        "code": shown(problem.code),
        "field": shown(problem.field),
        "clause": shown(problem.clause),
        "zh": printable(problem.zh),
        "en": printable(problem.en),
        "values": {},
    }
    vars(refusal).update(told)
    Exception.__init__(refusal, f"{refusal.code}: {refusal.en}")
    return refusal


def printable(text: str) -> str:
    """A text from elsewhere, fit for a screen: bounded, and without what steers a terminal."""
    start = text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"
    return start if start.isprintable() else "".join(c if c.isprintable() else "?" for c in start)
