"""Sessions: opened by a key of the ledger at the node that is meant, good for a time, ended with the key."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium.messages import RevokeKey
from hansa.kernel import limits as kernel_limits
from hansa.kernel.signatures import CHALLENGE_DOMAIN, opening
from hansa.node import limits
from hansa.node.sessions import Holder, Sessions
from hansa.node.settings import Limits
from tests.consortium import START_MS, VirtualClock, signer
from tests.node.world import Answer, World, world


def challenge(node: World, member: str = "plant", key: str = "k1") -> dict[str, Any]:
    given: dict[str, Any] = node.post("/v1/sessions/challenge", {"member": member, "key": key}).json
    return given


def opened(
    node: World, given: dict[str, Any], by: str = "plant", other: dict[str, str] | None = None
) -> Answer:
    data = msgspec.convert(given["challenge"], bytes)
    meant = {**given, **(other or {})}
    message = opening(meant["chain"], meant["node"], data)
    return node.post("/v1/sessions", {"challenge": data, "signature": signer(by).sign(message)})


def test_a_signed_challenge_opens_a_session(node: World) -> None:
    given = challenge(node)

    answer = opened(node, given)

    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json["expires_ms"] == node.clock() + limits.SESSION_LIFE_MS
    assert node.get("/v1/consortium/members", answer.json["token"]).status == 200


def test_a_challenge_serves_once(node: World) -> None:
    given = challenge(node)
    assert opened(node, given).status == 200

    again = opened(node, given)

    assert (again.status, again.code) == (401, "node.challenge_used")


def test_a_challenge_is_used_up_by_a_wrong_signature(node: World) -> None:
    given = challenge(node)

    assert opened(node, given, by="bank").code == "kernel.wrong_signature"
    assert opened(node, given).code == "node.challenge_used"


def test_a_challenge_expires_after_a_minute(node: World) -> None:
    given = challenge(node)
    assert given["expires_ms"] == node.clock() + 60_000
    node.clock.advance(ms=60_000)

    answer = opened(node, given)

    assert (answer.status, answer.code) == (401, "node.challenge_expired")


def test_a_made_up_challenge_is_named(node: World) -> None:
    answer = opened(node, {**challenge(node), "challenge": "A" * 43 + "="})

    assert (answer.status, answer.code) == (401, "node.challenge_unknown")


@pytest.mark.parametrize("other", [{"node": "bank"}, {"chain": "0" * 64}])
def test_a_signature_for_another_node_or_chain_opens_nothing(node: World, other: dict[str, str]) -> None:
    """So a node to which a member came cannot open a session elsewhere in its name."""
    answer = opened(node, challenge(node), other=other)

    assert (answer.status, answer.code) == (401, "kernel.wrong_signature")


def test_a_signature_over_the_bare_challenge_opens_nothing(node: World) -> None:
    data = msgspec.convert(challenge(node)["challenge"], bytes)
    signature = signer("plant").sign(CHALLENGE_DOMAIN + data)

    answer = node.post("/v1/sessions", {"challenge": data, "signature": signature})

    assert answer.code == "kernel.wrong_signature"


def test_a_key_that_the_ledger_does_not_know_opens_nothing(node: World) -> None:
    answer = opened(node, challenge(node, key="k9"))

    assert (answer.status, answer.code) == (401, "kernel.unknown_key")


def test_an_expired_key_opens_nothing(node: World) -> None:
    node.clock.advance(days=21 * 366)

    assert opened(node, challenge(node)).code == "kernel.key_expired"


def test_a_session_ends_with_its_key(node: World) -> None:
    token = node.session("plant", "gateway-1")
    assert node.get("/v1/consortium/members", token).status == 200

    revoked = node.submit(node.sign("plant", RevokeKey(id="gateway-1"))).json["receipts"][0]
    assert revoked["code"] == "ok", revoked

    first = node.get("/v1/consortium/members", token)
    second = node.get("/v1/consortium/members", token)
    assert (first.status, first.code) == (401, "kernel.key_revoked")
    assert (second.status, second.code) == (401, "node.session_unknown")


def test_a_session_ends_after_its_time(node: World) -> None:
    token = node.session("plant")
    node.clock.advance(ms=limits.SESSION_LIFE_MS)

    answer = node.get("/v1/consortium/members", token)

    assert (answer.status, answer.code) == (401, "node.session_unknown")


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer \xff", "bearer x y", "x"])
def test_a_token_that_is_none_is_named(node: World, header: str) -> None:
    answer = node.get("/v1/consortium/members", authorization=header)

    assert (answer.status, answer.code) == (401, "node.session_unknown")


def test_tokens_do_not_lie_in_memory(node: World) -> None:
    token = node.session("plant")
    sessions = node.app.front.sessions

    assert token not in repr(vars(sessions))
    assert token.encode() not in b"".join(sessions._open)


def made(clock: VirtualClock, **bounds: int) -> Sessions:
    return Sessions("0" * 64, "maker", clock, Limits(**bounds))


def open_for(sessions: Sessions, member: str) -> str:
    given = sessions.challenge(Holder(member, "k1"))
    signature = signer(member).sign(opening("0" * 64, "maker", given.challenge))
    return sessions.open(given.challenge, signature, signer(member).public, 2**50, 0).token


def alive(sessions: Sessions, tokens: list[str]) -> list[bool]:
    found = []
    for token in tokens:
        try:
            found.append(bool(sessions.find(token)))
        except Exception:
            found.append(False)
    return found


def test_of_too_many_sessions_of_a_key_its_oldest_goes() -> None:
    sessions = made(VirtualClock(), sessions_per_key=3)
    other = open_for(sessions, "bank")

    tokens = [open_for(sessions, "plant") for _ in range(5)]

    assert alive(sessions, [other, *tokens]) == [True, False, False, True, True, True]


def test_a_million_sessions_of_one_key_throw_nobody_else_out() -> None:
    sessions = made(VirtualClock(), sessions=10, sessions_per_key=100)
    others = [open_for(sessions, "bank"), open_for(sessions, "auditor")]

    for _ in range(50):
        open_for(sessions, "plant")

    assert len(sessions) == 10
    assert alive(sessions, others) == [True, True]


def test_challenges_are_bounded_and_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CHALLENGES_MAX", 5)
    sessions = made(VirtualClock(START_MS))
    given = [sessions.challenge(Holder("plant", "k1")) for _ in range(8)]

    assert len(sessions._given) == 5
    assert sessions.asker(given[-1].challenge) == Holder("plant", "k1")
    with pytest.raises(Exception, match="challenge_unknown"):
        sessions.asker(given[0].challenge)


def test_no_session_outlives_its_key(tmp_path: Path) -> None:
    with world(tmp_path) as node:
        node.clock.advance(ms=20 * 366 * kernel_limits.DAY_MS - 1_000)

        answer = opened(node, challenge(node))

        assert answer.json["expires_ms"] == node.clock() + 1_000
