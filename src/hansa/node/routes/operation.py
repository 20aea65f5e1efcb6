"""Routes of operation: is the node well, its figures, its incidents, its own description."""

from starlette.responses import Response
from starlette.types import ASGIApp

from hansa.kernel import encode
from hansa.kernel.types import Hash, Natural, Struct, TimeMs
from hansa.node import metrics
from hansa.node.endpoint import Asked, Endpoint, json_response
from hansa.node.incidents import Noted
from hansa.node.member import Check
from hansa.node.network import Network


class Health(Struct):
    """Whether a node does its work, and if not, why."""

    ok: bool
    role: str
    member: str
    chain: Hash
    height: Natural
    now_ms: TimeMs
    """This machine's clock."""
    checks: tuple[Check, ...]


async def health(asked: Asked) -> ASGIApp:
    """503 where a check fails, so that a watchdog needs no JSON."""
    front = asked.front
    member = front.member
    checks = tuple(member.checks())
    ok = all(check.ok for check in checks)
    told = Health(
        ok=ok, role=member.role, member=member.name, chain=member.chain, height=member.height,
        now_ms=front.clock(), checks=checks,
    )  # fmt: skip
    return Response(encode(told), 200 if ok else 503, media_type="application/json")


async def figures(asked: Asked) -> ASGIApp:
    front = asked.front
    front.metrics.height.set(front.member.height)
    front.metrics.sessions.set(len(front.sessions))
    front.metrics.incidents.set(len(front.member.incidents()))
    if front.metrics.records_are_old(front.member.height):
        # A walk over all records: seldom, and in a reader's thread.
        counts = await front.read(lambda reading: reading.rows.counts())
        front.metrics.records.set(sum(count for _, count in counts))
    own = front.metrics.text()
    if isinstance(front.member, Network):
        own += await front.member.engine_metrics.text()
    return Response(own, headers={"content-type": metrics.CONTENT_TYPE})


async def incidents(asked: Asked) -> ASGIApp:
    await asked.front.check_key(asked.caller)
    return json_response(tuple(asked.front.member.incidents()))


ENDPOINTS = (
    Endpoint(
        "GET", "/health", "health", health,
        "Is the node well? 200 if it is, 503 if not, with what was looked at.",
        access="anyone", answer=Health, statuses=(503,),
    ),
    Endpoint(
        "GET", "/metrics", "metrics", figures,
        "Figures for Prometheus.", access="anyone", content=metrics.CONTENT_TYPE,
    ),
    Endpoint(
        "GET", "/v1/incidents", "incidents", incidents,
        "Trouble of this node since its start, for the member whose node it is.",
        access="own", answer=tuple[Noted, ...],
    ),
)  # fmt: skip
