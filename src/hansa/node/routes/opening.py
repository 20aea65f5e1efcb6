"""Routes by which a session is opened."""

from starlette.types import ASGIApp

from hansa.node import limits
from hansa.node.endpoint import Asked, Endpoint, json_response
from hansa.node.routes.blocks import read_json
from hansa.node.sessions import AskChallenge, Challenge, Holder, OpenSession, SessionOpened


async def challenge(asked: Asked) -> ASGIApp:
    given = await read_json(asked, AskChallenge, limits.SMALL_BODY_BYTES_MAX)
    return json_response(asked.front.sessions.challenge(Holder(given.member, given.key)), NO_STORE)


async def session(asked: Asked) -> ASGIApp:
    front = asked.front
    given = await read_json(asked, OpenSession, limits.SMALL_BODY_BYTES_MAX)
    holder = front.sessions.asker(given.challenge)
    key, height = await asked.read(lambda reading: (front.key_now(reading, holder), reading.height))
    opened = front.sessions.open(given.challenge, given.signature, key.public, key.expires_ms, height)
    front.metrics.sessions.set(len(front.sessions))
    return json_response(opened, NO_STORE)


NO_STORE = {"cache-control": "no-store"}

ENDPOINTS = (
    Endpoint(
        "POST", "/v1/sessions/challenge", "challenge", challenge,
        "Ask for 32 random bytes to sign. They serve once, for a minute.",
        access="anyone", body=AskChallenge, answer=Challenge, statuses=(408, 413, 415),
    ),
    Endpoint(
        "POST", "/v1/sessions", "open_session", session,
        "Open a session with the signed challenge.",
        access="anyone", body=OpenSession, answer=SessionOpened, statuses=(401, 408, 413, 415),
    ),
)  # fmt: skip
