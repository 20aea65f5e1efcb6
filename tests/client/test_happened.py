"""A room's events with the times of their blocks: by HTTP as from a node in this process, page by page."""

from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.apps.money.messages import Owe
from hansa.client import happened
from hansa.client.errors import AnswerUnusable
from hansa.client.happened import Happened, events_by_http, events_of_node
from hansa.kernel import limits
from tests.consortium import Consortium
from tests.node.world import World, world

SHOW = Attest(table="consortium.members", key=("maker",))
DAYS = 5


def debt(number: int, now_ms: int) -> Owe:
    return Owe(f"d-{number}", "maker", "CNY", 100 + number, now_ms + 30 * limits.DAY_MS)


def told(found: list[Happened]) -> list[tuple[str, int]]:
    return [
        (msgspec.json.decode(each.data)["_type"], msgspec.json.decode(each.data)["amount_minor"])
        for each in found
    ]


WANTED = [("money.owed", 100 + number) for number in range(DAYS)]


@pytest.fixture(params=[2, 1_000])
def page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(happened, "PAGE", request.param)


def test_from_a_node_in_this_process(consortium: Consortium, page: None) -> None:
    times = []
    for number in range(DAYS):
        consortium.do("plant", SHOW, debt(number, consortium.clock()), SHOW)
        times.append(consortium.clock())
        consortium.clock.advance(days=1)
    found = list(events_of_node(consortium.client("plant").transport, "money"))
    assert told(found) == WANTED
    assert [each.at_ms for each in found] == times
    assert list(events_of_node(consortium.client("plant").transport, "mon")) == []


def test_by_http(tmp_path: Path, page: None) -> None:
    with world(tmp_path) as node:
        times = []
        for number in range(DAYS):
            assert node.submit(node.sign("plant", SHOW, debt(number, node.clock()), SHOW)).status == 200
            times.append(node.clock())
            node.clock.advance(days=1)
        found = list(events_by_http(getter(node), "money"))
        assert told(found) == WANTED
        assert [each.at_ms for each in found] == times
        places = [(each.height, each.place) for each in found]
        assert places == sorted(set(places))
        assert list(events_by_http(getter(node), "leasing")) == []


def getter(node: World) -> happened.Get:
    token = node.session("plant")
    return lambda path, params: node.get(f"{path}?{urlencode(params)}", token).body


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b'{"events":[]}',
        b'{"after":"1.0","events":[{"id":"x.y","time":"2026-01-01T00:00:00.000Z","data":{}}]}',
        b'{"after":"1.0","events":[{"id":"1.0","time":"yesterday","data":{}}]}',
        b'{"after":"1.0","events":[{"id":"1.0","time":"2026-01-01T00:00:00","data":{}}]}',
    ],
)
def test_what_is_no_list_of_events_is_named(answer: bytes) -> None:
    with pytest.raises(AnswerUnusable):
        list(events_by_http(lambda path, params: answer, "money"))
