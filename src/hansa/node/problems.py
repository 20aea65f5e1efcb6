"""Refusals as problem documents (RFC 9457), in the language that the caller prefers."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from hansa.kernel import encode
from hansa.kernel.refusal import Refusal
from hansa.kernel.types import Struct

CONTENT_TYPE = "application/problem+json"
TYPE = "urn:hansa:problem:"
STATUS_OF_OTHERS = {
    "kernel.query_unknown": 404,
    "kernel.key_unfit": 404,
    "engine.not_on_ledger": 404,
    "engine.pruned": 410,
    "engine.too_far_back": 410,
    "engine.stopped": 503,
    "engine.waiting": 503,
    "engine.damaged": 503,
    "engine.not_caught_up": 503,
    "engine.restored": 503,
    "kernel.unknown_key": 401,
    "kernel.key_expired": 401,
    "kernel.key_revoked": 401,
    "kernel.wrong_signature": 401,
    "kernel.outdated": 503,
    "kernel.room_missing": 503,
}
"""Statuses of refusals that come from below the node; any other is 400."""


class Problem(Struct):
    """A problem document. `zh` and `en` say the same; `detail` is one of them."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str
    zh: str
    en: str
    clause: str = ""


def status_of(refusal: Refusal) -> int:
    status: int = getattr(refusal, "status", 0) or STATUS_OF_OTHERS.get(refusal.code, 400)
    return status


def problem(refusal: Refusal, language: str) -> Problem:
    """The document of a refusal."""
    status = status_of(refusal)
    return Problem(
        type=TYPE + refusal.code,
        title=HTTPStatus(status).phrase,
        status=status,
        detail=refusal.zh if language == "zh" else refusal.en,
        code=refusal.code,
        field=refusal.field,
        zh=refusal.zh,
        en=refusal.en,
        clause=refusal.clause,
    )


def headers_of(refusal: Refusal, language: str) -> dict[str, str]:
    """Headers that go with a refusal: when to come again, how to open a session, what is allowed."""
    headers = {"content-type": CONTENT_TYPE, "content-language": language, "cache-control": "no-store"}
    status = status_of(refusal)
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="hansa"'
    if "retry_s" in refusal.values:
        headers["retry-after"] = str(refusal.values["retry_s"])
    elif status == 503:
        headers["retry-after"] = "5"
    if status == 405:
        headers["allow"] = str(refusal.values["allowed"])
    return headers


def response(refusal: Refusal, language: str) -> Response:
    """A refusal as an answer."""
    return Response(
        encode(problem(refusal, language)),
        status_code=status_of(refusal),
        headers=headers_of(refusal, language),
    )


def language_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """zh where Accept-Language ranks Chinese above English, else en."""
    ranks = {"zh": 0.0, "en": 0.0}
    for name, value in headers:
        if name == b"accept-language":
            for part in value.decode("latin-1").lower().split(",")[:16]:
                tag, _, quality = part.partition(";")
                language = tag.strip().partition("-")[0]
                if language in ranks:
                    ranks[language] = max(ranks[language], _quality(quality))
    return "zh" if ranks["zh"] > ranks["en"] else "en"


def _quality(text: str) -> float:
    name, _, number = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        found = float(number) if name == "q" else 1.0
    except ValueError:
        return 0.0
    return found if 0.0 <= found <= 1.0 else 0.0


def as_dict(refusal: Refusal) -> dict[str, Any]:
    """What a log line says of a refusal: no text, since texts show what somebody sent."""
    return {"code": refusal.code, "field": refusal.field}
