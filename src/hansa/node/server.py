"""The HTTP application of a node: one registry of routes over one member's ledger."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import groupby

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hansa.kernel.refusal import shown
from hansa.node import errors, openapi, problems, serving
from hansa.node.endpoint import Asked, Endpoint
from hansa.node.front import Front
from hansa.node.member import Member
from hansa.node.routes import ENDPOINTS, OPENAPI_PATH, QUERY_PATH, TRANSACTIONS_PATH
from hansa.node.routes.ledger import query
from hansa.node.settings import Settings

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def now_ms() -> int:
    """The machine's clock: milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


def application(settings: Settings, member: Member, clock: Callable[[], int] = now_ms) -> "Node":
    """The ASGI application that serves a member's ledger. Its lifespan starts and stops the member."""
    return Node(Front(settings, member, clock))


class Node(Starlette):
    """A Starlette application that lets transactions take a shorter way, and knows its own names."""

    def __init__(self, front: Front) -> None:
        self.front = front
        own = (front.settings.host, *front.settings.hosts)
        self._names = frozenset(name.lower().encode() for name in (*LOOPBACK_NAMES, *own))
        self._any_name = not (front.settings.hosts or front.settings.host in LOOPBACK_NAMES)
        routes = [
            Route(path, serving.OnePath(front, {one.method: one for one in same}))
            for path, same in groupby(
                sorted(_endpoints(), key=lambda one: one.path), key=lambda one: one.path
            )
        ]
        # Rooms come last: no room takes the name of a route.
        routes.sort(key=lambda route: route.path == QUERY_PATH)
        super().__init__(routes=routes, lifespan=self._live)
        self.router.default = self._unknown
        self.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if not self.goes_by(scope):
                await self._misdirected(scope, receive, send)
                return
            if scope["method"] == "POST" and scope["path"] == TRANSACTIONS_PATH:
                await serving.submit(self.front, scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    def goes_by(self, scope: Scope) -> bool:
        """Whether the caller means this node: a page from elsewhere may have given its name our address."""
        if self._any_name:
            return True
        for name, value in scope["headers"]:
            if name == b"host":
                host = value.lower()
                return host in self._names or host.rpartition(b":")[0] in self._names
        return bool(scope["http_version"] == "1.0")

    async def _misdirected(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = next((value for name, value in scope["headers"] if name == b"host"), b"-")
        refusal = errors.HostWrong(host=shown(host.decode("latin-1")))
        response = problems.response(refusal, problems.language_of(scope["headers"]))
        await response(scope, receive, send)

    async def _unknown(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await serving.not_found(scope["path"], scope)(scope, receive, send)

    @asynccontextmanager
    async def _live(self, _app: Starlette) -> AsyncIterator[None]:
        front = self.front
        await front.member.start(front.pulse.beat)
        reading = asyncio.create_task(front.broadcast.run())
        try:
            yield
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await front.member.stop()
            front.reads.close()


def _endpoints() -> list[Endpoint]:
    description = Endpoint(
        "GET", OPENAPI_PATH, "openapi", _openapi, "This description.", access="anyone", answer=dict
    )
    rooms = Endpoint(
        "GET", QUERY_PATH, "query", query, "A query of a room.", access="anyone", parameters=None
    )
    return [*ENDPOINTS, description, rooms]


async def _openapi(asked: Asked) -> ASGIApp:
    document = await asked.read(lambda reading: openapi.encoded(reading.registry))
    return Response(document, media_type="application/json")
