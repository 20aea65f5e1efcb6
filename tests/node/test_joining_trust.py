"""Where a joiner begins: a block proved from the genesis file on, whoever shows it."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from hansa.apps.consortium.handovers import Handover
from hansa.apps.consortium.messages import Attest
from hansa.client.errors import Unreachable
from hansa.kernel import encode, replace
from hansa.kernel.commit import Commit, header_hash
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.refusal import Refusal
from hansa.node import errors_joining as errors
from hansa.node.joining_engine import Trusted
from hansa.node.joining_trust import Fetch, begin
from tests.client.network import Network
from tests.engine_double import FakeNode, asking

URLS = {"maker": "http://a", "plant": "http://b", "bank": "http://c"}
Shown = SignedHeader | None | Refusal
AWAY = Unreachable(url="-", cause="refused")


@pytest.fixture
def network() -> Iterator[Network]:
    found = Network()
    found.do("maker", Attest(table="consortium.members", key=("maker",)))
    yield found
    found.node.close()


class Nodes:
    """Three nodes that show what a test has them show; their engines have the same block unless they fork."""

    def __init__(self, network: Network) -> None:
        node: Any = network.node
        self.network, self.node = network, node
        head: SignedHeader | None = node.final()
        assert head is not None
        assert head.commit is not None
        self.head, self.height = head, head.commit.header.height
        self.hash = header_hash(head.commit.header)
        self.shown: dict[str, Shown] = dict.fromkeys(URLS.values(), head)
        self.engines = {
            url: FakeNode(node.chain.id[:50], height=self.height, forked={self.height: self.hash})
            for url in URLS.values()
        }

    @property
    def fetch(self) -> Fetch:
        def ask(url: str) -> tuple[SignedHeader | None, Sequence[Handover]]:
            shown = self.shown[url]
            if isinstance(shown, Refusal):
                raise shown
            return shown, self.node.handovers()

        return ask

    def begin(self) -> Trusted:
        heights = {member: self.engines[url].height for member, url in URLS.items()}
        return begin(
            encode(self.network.genesis), self.node.chain.id, URLS, heights, asking(self.engines),
            self.fetch, self.network.clock,
        )  # fmt: skip


@pytest.fixture
def nodes(network: Network) -> Nodes:
    return Nodes(network)


def test_a_proved_block_that_all_show_is_the_beginning(nodes: Nodes) -> None:
    assert nodes.begin() == (nodes.height, nodes.hash, ("bank", "maker", "plant"))


def test_it_is_followed_through_changes_of_the_set(network: Network) -> None:
    for member in ("maker", "plant", "bank"):
        network.rotate(member)
        network.do("auditor", Attest(table="consortium.members", key=("maker",)))
    later = Nodes(network)
    assert later.node.handovers()
    assert later.begin().hash == later.hash


def test_one_node_that_shows_it_is_enough_where_another_has_the_same_block(nodes: Nodes) -> None:
    nodes.shown["http://b"], nodes.shown["http://c"] = AWAY, None
    assert nodes.begin().height == nodes.height


def test_a_header_without_the_votes_is_a_lie_and_its_node_is_named(nodes: Nodes) -> None:
    assert nodes.head.commit is not None
    bare = replace(nodes.head.commit, votes=nodes.head.commit.votes[:2])
    nodes.shown["http://b"] = replace(nodes.head, commit=bare)
    with pytest.raises(errors.NodeLies) as told:
        nodes.begin()
    assert "plant" in told.value.en


def test_a_header_that_was_changed_is_a_lie(nodes: Nodes) -> None:
    header = replace(nodes.head.header, app_hash="f" * 64)
    nodes.shown["http://c"] = replace(nodes.head, header=header)
    with pytest.raises(errors.NodeLies):
        nodes.begin()


def test_a_forked_engine_is_found_by_the_proved_block(nodes: Nodes) -> None:
    nodes.engines["http://c"].forked[nodes.height] = "e" * 64
    with pytest.raises(errors.NodesDiffer) as told:
        nodes.begin()
    assert "bank: eeeeeeeeeeee…" in told.value.en


def test_state_sync_needs_a_second_node_with_the_block(nodes: Nodes) -> None:
    for url in ("http://b", "http://c"):
        nodes.engines[url].earliest = nodes.height + 1
    with pytest.raises(errors.TooFewNodes):
        nodes.begin()


def test_without_a_header_the_engines_block_is_proved_by_its_votes(nodes: Nodes) -> None:
    """Of a network in which nothing happened yet."""
    nodes.shown = dict.fromkeys(URLS.values(), None)
    for engine in nodes.engines.values():
        engine.forked, engine.commits = {}, nodes.node.commits.__getitem__
    assert nodes.begin() == (nodes.height, nodes.hash, ("bank", "maker", "plant"))
    nodes.engines["http://c"].forked[nodes.height] = "e" * 64
    with pytest.raises(errors.NodesDiffer):
        nodes.begin()


@pytest.mark.parametrize("shown", [None, AWAY])
def test_what_nobody_proves_is_no_beginning_however_many_say_it(nodes: Nodes, shown: Shown) -> None:
    """An invitation that was changed on its way names a liar's nodes alone: they agree well."""
    nodes.shown = dict.fromkeys(URLS.values(), shown)

    def forged(height: int) -> Commit:
        commit = nodes.node.commits[height]
        return replace(commit, header=replace(commit.header, app_hash="f" * 64))

    for engine in nodes.engines.values():
        engine.forked, engine.commits = {}, forged
    with pytest.raises(errors.NothingProved):
        nodes.begin()
