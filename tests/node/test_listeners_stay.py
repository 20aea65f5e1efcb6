"""Many listeners ask at once whether they may stay: the node looks once, and lets nobody go in haste."""

import asyncio
from pathlib import Path
from typing import Any

from hansa.apps.consortium.messages import Attest, RevokeKey
from hansa.node import errors
from hansa.node.settings import Limits
from tests.node.world import World, world

LISTENERS = 300


def verdicts(node: World, token: str) -> set[bool]:
    """What each of many listeners of a session is told, asking together."""
    front = node.app.front
    session = front.sessions.find(token)

    async def ask_all() -> list[bool]:
        return await asyncio.gather(*(front.still_allowed(session) for _ in range(LISTENERS)))

    return set(node.run(ask_all()))


def test_all_listeners_of_a_session_stay_though_few_reads_may_wait(tmp_path: Path) -> None:
    with world(tmp_path, Limits(reads_waiting=1, readers=1)) as node:
        token = node.session("plant")
        node.submit(node.sign("plant", Attest(table="consortium.members", key=("plant",))))

        assert verdicts(node, token) == {True}


def test_all_listeners_of_a_session_go_when_its_key_is_revoked(tmp_path: Path) -> None:
    with world(tmp_path) as node:
        token = node.session("plant", "gateway-1")
        node.submit(node.sign("plant", RevokeKey(id="gateway-1")))

        assert verdicts(node, token) == {False}


def test_a_node_too_busy_to_look_lets_nobody_go(tmp_path: Path, monkeypatch: Any) -> None:
    async def busy(*_: object) -> None:
        raise errors.ReadsBusy(retry_s=1)

    with world(tmp_path) as node:
        token = node.session("plant", "gateway-1")
        node.submit(node.sign("plant", RevokeKey(id="gateway-1")))
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(node.app.front.reads, "ask", busy)
            assert verdicts(node, token) == {True}

        assert verdicts(node, token) == {False}
