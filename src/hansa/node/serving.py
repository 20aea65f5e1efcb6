"""From a request to its handler: access, parameters, refusals as problem documents."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hansa.kernel.refusal import Refusal, shown
from hansa.node import errors, parameters, problems
from hansa.node.bodies import OCTETS, Gone, announced, receive_body
from hansa.node.endpoint import READERS, Asked, Endpoint
from hansa.node.front import Front
from hansa.node.logs import note
from hansa.node.member import Answer
from hansa.node.shares import address_of_caller


class OnePath:
    """All methods of one path, as an ASGI application. HEAD is GET without its body."""

    def __init__(self, front: Front, endpoints: Mapping[str, Endpoint]) -> None:
        self._front, self._endpoints = front, endpoints
        names = sorted(endpoints)
        self._allowed = ", ".join([*names, "HEAD"] if "GET" in endpoints else names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer() -> ASGIApp:
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            endpoint = self._endpoints.get(method)
            if endpoint is None:
                raise errors.MethodWrong(method=shown(scope["method"]), allowed=self._allowed)
            request = Request(scope, receive)
            session = self._front.session(scope["headers"])
            self._front.check_reader(READERS[endpoint.access], session)
            given = None
            if endpoint.parameters is not None:
                pairs = request.query_params.multi_items()
                given = parameters.read(endpoint.parameters, request.path_params, pairs)
            assert endpoint.handler is not None
            return await endpoint.handler(Asked(self._front, request, given, session))

        response = await guarded(scope, answer)
        if response is not None:
            await response(scope, receive, send)


async def guarded(scope: Scope, answer: Any) -> ASGIApp | None:
    """What `answer()` gives, or the problem document of what it raises; None where nobody waits any more."""
    try:
        found: ASGIApp = await answer()
        return found
    except Refusal as refusal:
        return problems.response(refusal, problems.language_of(scope["headers"]))
    except Gone:
        return None
    except Exception:
        note("request failed", 40, trace=True, path=shown(scope["path"]), method=shown(scope["method"]))
        return problems.response(errors.Internal(), problems.language_of(scope["headers"]))


async def submit(front: Front, scope: Scope, receive: Receive, send: Send) -> None:
    """POST /v1/transactions, the way that must be short: no routing, one wait for the writer."""
    try:
        bounds, address = front.settings.limits, address_of_caller(scope)
        front.member.check_room(announced(scope["headers"], OCTETS, bounds.body_bytes), address)
        body = await receive_body(receive, bounds.body_bytes, front.budget, address)
        answer = await front.member.submit(body, address)
    except Exception as error:
        if isinstance(error, Refusal):
            front.metrics.refused_early.labels(error.code).inc()
        response = await guarded(scope, _raiser(error))
        if response is not None:
            await response(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": _headers(answer)})
    await send({"type": "http.response.body", "body": answer.body})


def _headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", b"%d" % len(answer.body)),
    ]
    if answer.retry_after:
        headers.append((b"retry-after", answer.retry_after.encode()))
    return headers


def _raiser(error: Exception) -> Any:
    async def fail() -> Response:
        raise error

    return fail


def not_found(path: str, scope: Scope) -> Response:
    """The answer for a path that there is not."""
    return problems.response(errors.RouteUnknown(path=shown(path)), problems.language_of(scope["headers"]))
