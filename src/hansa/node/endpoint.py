"""A route as data: what it takes, what it answers, who may ask. Routing and OpenAPI are both made from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from hansa.engines.reading import Reading
from hansa.kernel import encode
from hansa.kernel.types import Struct
from hansa.node.front import Front, asker_of
from hansa.node.sessions import Session
from hansa.node.shares import address_of_caller

Access = Literal["anyone", "member", "own"]
"""Anyone; who has a session; who has a session of the member whose node this is."""
READERS: dict[Access, str] = {"anyone": "public", "member": "members", "own": "owner"}
"""The class of what a route gives: whoever is among its readers may ask."""
UNKNOWN = "?"
"""A caller without an address, as by a socket of the system."""
T = TypeVar("T")


class Nothing(Struct):
    """A route without parameters."""


class Asked(NamedTuple):
    """A request whose parameters were read."""

    front: Front
    request: Request
    given: Any
    """An instance of the endpoint's `parameters`."""
    session: Session | None
    """The caller's; there is one wherever `access` asks for it."""

    async def read(self, work: Callable[[Reading], T]) -> T:
        """The result of `work` on a snapshot; it counts to who asks. Raises what `Front.read` does."""
        return await self.front.read(work, self.session, address_of_caller(self.request.scope) or UNKNOWN)

    async def do(self, work: Callable[[], T]) -> T:
        """The same of work that takes its own snapshot."""
        asker = asker_of(self.session, address_of_caller(self.request.scope) or UNKNOWN)
        return await self.front.reads.do(work, asker)

    @property
    def caller(self) -> Session:
        """The session, where there is one."""
        assert self.session is not None
        return self.session


Handler = Callable[[Asked], Awaitable[ASGIApp]]


@dataclass(frozen=True)
class Endpoint:
    """One method of one path."""

    method: Literal["GET", "POST"]
    path: str
    """Parts in braces are fields of `parameters`."""
    name: str
    handler: Handler | None
    """None for transactions, which take a way of their own."""
    en: str
    access: Access = "member"
    parameters: type[Struct] | None = Nothing
    """None where they depend on what is asked: queries of rooms."""
    answer: Any = None
    """The type of a JSON answer; None where `content` is no JSON."""
    content: str = "application/json"
    body: Any = None
    """The type of a JSON body; bytes for octets."""
    statuses: tuple[int, ...] = ()
    """Statuses of refusals besides those that any route has."""


def json_response(value: Any, headers: dict[str, str] | None = None) -> Response:
    """A value in canonical JSON."""
    return Response(encode(value), media_type="application/json", headers=headers)
