"""A route as data: what it takes, what it answers, who may ask. Routing and OpenAPI are both made from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from hansa.kernel import encode
from hansa.kernel.types import Struct
from hansa.node.front import Front
from hansa.node.sessions import Session

Access = Literal["anyone", "member", "own"]
"""Anyone; who has a session; who has a session of the member whose node this is."""


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
