"""A network node that waits since a block stopped it twice: it is read, takes nothing, opens no socket."""

import asyncio
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.engines.stops import STOPS_MAX, Stop
from hansa.engines.store import SqliteStore
from hansa.kernel import encode
from hansa.kernel.apply import Incident
from hansa.node import network
from hansa.node import settings as files
from hansa.node.network import Network
from hansa.node.run import serve
from hansa.node.settings_engine import sockets
from tests.node.network_world import One, folders, running, until


def test_it_says_so_and_goes_on_when_its_operator_says_that_the_machine_is_mended(tmp_path: Path) -> None:
    (settings,) = folders(tmp_path, ("maker",))
    one = One(settings, None)
    socket = sockets(settings.directory).abci
    with running([one]):
        assert socket.exists()
    stop = Stop(stops=STOPS_MAX, cause="StoreFault: the disk is full", transactions=())
    with closing(SqliteStore(settings.file(files.LEDGER))) as store:
        store.note("stopped", encode(stop))
    with running([one]):
        assert not socket.exists()  # So its engine waits, and nothing is tried again and again.
        health = httpx2.get(f"{one.url}/health")
        assert health.status_code == 503
        (blocked,) = [each for each in health.json()["checks"] if each["name"] == "blocked"]
        assert not blocked["ok"]
        assert "the disk is full" in blocked["en"]
        refused = one.submit(one.sign(Attest(table="consortium.members", key=("maker",))))
        assert (refused.status_code, refused.json()["code"]) == (503, "engine.waiting")
        assert one.get("/v1/genesis")["name_en"]
        assert any(each.code == "incident.waiting" for each in one.network.incidents())
    handles: list[object] = []
    serve_once(one, handles)
    with running([one]):
        assert until(socket.exists)
        assert one.network.application.blocked is None


def serve_once(one: One, handles: list[object]) -> None:
    """`hansa up --retry`, ended at once."""

    def ready(handle: object) -> None:
        handles.append(handle)
        one.handle = handle  # type: ignore[assignment]
        assert one.network.application.blocked is None
        one.handle.stop()  # type: ignore[union-attr]

    serve(one.settings, ready=ready, retry="again")
    assert handles


def test_work_beside_goes_on_after_a_trouble_and_is_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that was full for a while: commits are followed again, without a restart."""
    monkeypatch.setattr(network, "BESIDE_AGAIN_S", 0.001)
    told: list[Incident] = []
    watch = SimpleNamespace(tell=told.append, clock=lambda: 7)
    tries: list[int] = []

    async def work() -> None:
        tries.append(1)
        if len(tries) < 4:
            raise OSError("no space left on device")

    node: Any = SimpleNamespace(watch=watch)
    asyncio.run(Network._kept_up(node, work))
    assert len(tries) == 4
    assert [(each.what, each.detail) for each in told] == [("writer", "OSError")]
