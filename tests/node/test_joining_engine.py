"""What a joiner hears from the members' nodes, and what it makes of it."""

import pytest

from hansa.kernel.refusal import Refusal
from hansa.node import errors_joining as errors
from hansa.node.joining_engine import block_hash, over_http, status, time_ms, trusted, validators
from tests.engine_double import NOW_MS, FakeNode, asking, hash_of, serving

CHAIN = "c" * 50
URLS = {"maker": "http://a", "plant": "http://b", "bank": "http://c"}


def world(**others: FakeNode) -> dict[str, FakeNode]:
    return {url: others.get(member, FakeNode(CHAIN)) for member, url in URLS.items()}


def heights(nodes: dict[str, FakeNode]) -> dict[str, int]:
    return {member: nodes[url].height for member, url in URLS.items()}


def test_a_status_is_read_whole() -> None:
    with serving(FakeNode(CHAIN, height=7, listen="tcp://plant.example:26656")) as url:
        said = status(over_http(), url)
    assert (said.height, said.network, said.node_id) == (7, CHAIN, "a" * 40)
    assert said.address == "plant.example:26656"
    assert said.time_ms == NOW_MS + 123
    assert not said.catching_up


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (200, b"<html>A proxy</html>"),
        (200, b'{"result": {"node_info": {}}}'),
        (200, b'{"result": [1]}'),
        (200, b"[" * 100_000),
        (404, b"{}"),
        (403, b"<html>"),
        (200, b'{"result": {"node_info": 5, "sync_info": 7}}'),
    ],
)
def test_what_is_no_node_is_said_to_be_none(answer: int, body: bytes) -> None:
    with serving(FakeNode(CHAIN), answer, body) as url, pytest.raises(errors.NoNetworkNode) as told:
        status(over_http(), url)
    assert url in told.value.en
    assert url in told.value.zh


def test_the_engines_own_refusal_is_passed_on() -> None:
    with serving(FakeNode(CHAIN, height=7)) as url, pytest.raises(errors.EngineSays) as told:
        block_hash(over_http(), url, 9)
    assert "height 9 is not available" in told.value.en


def test_nobody_there_is_a_refusal() -> None:
    with pytest.raises(Refusal) as told:
        status(over_http(), "http://127.0.0.1:9")
    assert told.value.code == "client.unreachable"


def test_the_newest_block_that_all_have_is_trusted() -> None:
    nodes = world(plant=FakeNode(CHAIN, height=90), bank=FakeNode(CHAIN, height=95))
    found = trusted(asking(nodes), URLS, heights(nodes))
    assert (found.height, found.hash) == (90, hash_of(90))
    assert found.members == ("bank", "maker", "plant")


def test_nodes_that_differ_are_named_and_nobody_joins() -> None:
    nodes = world(bank=FakeNode(CHAIN, forked={100: "f" * 64}))
    with pytest.raises(errors.NodesDiffer) as told:
        trusted(asking(nodes), URLS, heights(nodes))
    assert "maker, plant: 000000000000…; bank: ffffffffffff…" in told.value.en


def test_one_node_alone_is_not_enough() -> None:
    nodes = world()
    with pytest.raises(errors.TooFewNodes):
        trusted(asking(nodes), URLS, {"maker": 100})
    with pytest.raises(errors.TooFewNodes):
        trusted(asking(nodes), URLS, {})
    nodes["http://b"].earliest = nodes["http://c"].earliest = 101  # Pruned: they cannot say.
    with pytest.raises(errors.TooFewNodes):
        trusted(asking(nodes), URLS, heights(nodes))


def test_a_node_that_names_another_height_is_not_believed() -> None:
    def ask(url: str, method: str, parameters: object) -> tuple[object, str]:
        del url, method, parameters
        header = {"height": "99"}
        return {"signed_header": {"header": header, "commit": {"block_id": {"hash": "f" * 64}}}}, ""

    with pytest.raises(errors.NoNetworkNode):
        block_hash(ask, "http://a", 100)


def test_validators_are_listed_with_their_powers() -> None:
    nodes = world(maker=FakeNode(CHAIN, validators=[("AB" * 20, 1), ("cd" * 20, 3)]))
    assert validators(asking(nodes), "http://a") == (("ab" * 20, 1), ("cd" * 20, 3))


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.9999Z", 1_999),
        ("2026-11-22T08:00:00.000000001Z", NOW_MS),
    ],
)
def test_instants_of_the_engine(text: str, ms: int) -> None:
    assert time_ms(text) == ms


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-22T08:00:00+08:00", "2026-11-22T08:00:00.xZ"])
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        time_ms(text)
