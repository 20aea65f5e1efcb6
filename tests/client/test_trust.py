"""A host is believed as far as it proves what it shows, and never goes back behind what was seen."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hansa.client import InProcess, errors
from hansa.client import trust_errors as refusals
from hansa.client.evidence import Unproved, proved_head
from hansa.client.trust import AHEAD_MAX_MS, BEHIND_MAX_MS, STILL_MS, Trust
from hansa.client.validators import Validators, run
from hansa.client.verify_commit import Checkpoint
from hansa.kernel import encode, replace
from hansa.kernel.commit import header_hash
from hansa.kernel.evidence import SignedHeader
from tests.client.lossy import REGISTRY, Add
from tests.client.network import Network, voted
from tests.consortium import START_MS


class Shown(InProcess):
    """A host that shows what the test wants."""

    url = "https://host.example"

    def __init__(self, node: Any) -> None:
        super().__init__(node)
        self.shows: SignedHeader | None = None
        self.paths: bool = True
        self.changes: bool = True

    def final(self, at_least: int = 0, within_s: float = 0) -> SignedHeader | None:
        return self.shows if self.shows is not None else super().final(at_least, within_s)

    def consistency(self, old: int, new: int) -> tuple[str, ...]:
        return super().consistency(old, new) if self.paths else ("00" * 32,)

    def handovers(self) -> Any:
        return super().handovers() if self.changes else ()


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network(registry=REGISTRY)
    made.do("plant", Add(entry=1))
    yield made
    made.close()


@pytest.fixture
def host(network: Network) -> Shown:
    return Shown(network.node)


def trust_of(network: Network, path: Path | None = None) -> Trust:
    node = network.node
    return Trust(node.genesis_bytes, node.chain.id, path, network.clock)


def look(trust: Trust, host: Shown) -> SignedHeader:
    return run(host, Validators(trust).newest(host.url))


def test_what_was_seen_is_kept_and_gone_on_from(network: Network, host: Shown, tmp_path: Path) -> None:
    path = tmp_path / "trusted.json"
    first = look(trust_of(network, path), host)
    for entry in range(2, 6):
        network.do("plant", Add(entry=entry))
    again = trust_of(network, path)
    assert again.head == first
    newest = look(again, host)
    assert newest.header.height > first.header.height
    assert trust_of(network, path).head == newest
    assert not path.with_name(f"fork-{newest.header.height}.json").exists()


def test_while_the_chain_rests_the_time_goes_on(network: Network, host: Shown) -> None:
    trust = trust_of(network)
    first = look(trust, host)
    network.clock.advance(minutes=2)
    network.node.wake()
    second = look(trust, host)
    assert second.header == first.header
    assert second.commit is not None
    assert first.commit is not None
    assert second.commit.header.time_ms - first.commit.header.time_ms == 120_000
    assert trust.head == second


def test_a_host_with_another_history_is_refused_and_both_headers_are_kept(
    network: Network, host: Shown, tmp_path: Path
) -> None:
    """More than a third signed two histories: who saw one does not take the other."""
    trust = trust_of(network, tmp_path / "trusted.json")
    look(trust, host)
    other = Network(registry=REGISTRY)
    for entry in (7, 8, 9):
        other.do("plant", Add(entry=entry))
    with pytest.raises(refusals.HostFork) as caught:
        look(trust, Shown(other.node))
    kept = Path(str(caught.value.values["file"]))
    assert kept.parent == tmp_path
    assert kept.read_bytes().count(b'"commit"') == 2
    look(trust, host)
    other.close()


def test_two_blocks_of_one_height_are_a_fork(network: Network, host: Shown) -> None:
    trust = trust_of(network)
    look(trust, host)
    other = Network(registry=REGISTRY)
    other.do("plant", Add(entry=2))
    with pytest.raises(refusals.HostFork):
        look(trust, Shown(other.node))
    other.close()


def test_two_headers_of_one_height_over_the_same_log_are_a_fork(network: Network, host: Shown) -> None:
    trust = trust_of(network)
    head = look(trust, host)
    assert head.commit is not None
    node = network.node
    other = replace(head.commit.header, time_ns=1)
    host.shows = replace(head, commit=voted(other, node.sets[other.height], node.keys))
    with pytest.raises(refusals.HostFork):
        look(trust, host)


def test_another_root_at_the_height_that_was_seen_is_a_fork(network: Network, host: Shown) -> None:
    """The same number of blocks, at another height of the engine."""
    trust = trust_of(network)
    look(trust, host)
    other = Network(registry=REGISTRY)
    other.do("plant", Add(entry=7))
    other.node.wake()
    with pytest.raises(refusals.HostFork):
        look(trust, Shown(other.node))
    other.close()


def test_a_host_that_cannot_show_the_way_is_refused(network: Network, host: Shown) -> None:
    trust = trust_of(network)
    look(trust, host)
    network.do("plant", Add(entry=2))
    host.paths = False
    with pytest.raises(refusals.HostFork):
        look(trust, host)


def test_a_host_that_is_behind(network: Network, host: Shown) -> None:
    trust = trust_of(network)
    old = look(trust, host)
    network.clock.now_ms += BEHIND_MAX_MS
    network.do("plant", Add(entry=2))
    newest = look(trust, host)
    host.shows = old
    assert look(trust, host) == old, "a little behind is no offence"
    assert trust.head == newest
    network.clock.now_ms += 1
    network.node.wake()
    host.shows = None
    look(trust, host)
    host.shows = old
    with pytest.raises(refusals.HostBehind):
        look(trust, host)


def test_a_set_is_followed_from_the_one_that_was_seen(network: Network, host: Shown, tmp_path: Path) -> None:
    path = tmp_path / "trusted.json"
    look(trust_of(network, path), host)
    network.rotate("bank")
    network.node.wake()
    look(trust_of(network, path), host)
    network.rotate("plant")
    network.node.wake()
    network.node.wake()
    trust = trust_of(network, path)
    assert [one.changes for one in trust.sets] == [0, 1]
    look(trust, host)
    assert trust.sets[-1].changes == 2
    host.changes = False
    with pytest.raises(refusals.HeadUnproved):
        look(trust_of(network), host)


def test_a_header_that_a_set_signed_last_is_no_older_for_the_next_set(
    network: Network, host: Shown, tmp_path: Path
) -> None:
    """The header that names the next set is the newest while the chain rests: asked again, it is the same."""
    path = tmp_path / "trusted.json"
    network.rotate("bank")
    network.rotate("plant")
    last = network.node.changes[-1].head
    assert last.commit is not None
    host.shows = last
    assert look(trust_of(network, path), host) == last
    assert trust_of(network, path).sets[-1].since == last.commit.header.height + 1
    for _ in range(2):
        assert look(trust_of(network, path), host) == last
    host.shows = network.node.changes[0].head
    assert look(trust_of(network, path), host) == host.shows, "a little behind, under the set before"


def test_what_the_validators_did_not_sign_is_refused(network: Network, host: Shown) -> None:
    head = network.node.final()
    assert head is not None
    assert head.commit is not None
    trust = trust_of(network)
    false = replace(head.commit.votes[0], signature=bytes(64))
    for shown in (
        replace(head, commit=None),
        replace(head, tip=None),
        replace(head, header=replace(head.header, time_ms=head.header.time_ms + 1)),
        replace(head, commit=replace(head.commit, votes=(false, *head.commit.votes[1:]))),
    ):
        host.shows = shown
        with pytest.raises(refusals.HeadUnproved):
            look(trust, host)
    assert trust.head is None


def test_no_evidence_is_made_under_a_header_that_proves_nothing(network: Network, host: Shown) -> None:
    head, chain = network.node.final(), network.node.chain.id
    assert head is not None
    assert head.commit is not None
    assert proved_head(host, chain, 1) == (head, ())
    host.shows = replace(head, commit=replace(head.commit, round=1))
    with pytest.raises(refusals.HeadUnproved):
        proved_head(host, chain, 1)
    host.shows = replace(head, commit=None)
    with pytest.raises(Unproved):
        proved_head(host, chain, 1)
    host.shows = None
    with pytest.raises(Unproved):
        proved_head(host, chain, head.header.height + 1)


def test_another_chain_an_empty_one_and_a_damaged_file(network: Network, host: Shown, tmp_path: Path) -> None:
    head = network.node.final()
    assert head is not None
    host.shows = replace(head, header=replace(head.header, chain="ab" * 32))
    with pytest.raises(errors.OtherChain):
        look(trust_of(network), host)
    empty = Network(registry=REGISTRY)
    with pytest.raises(refusals.HostEmpty):
        look(trust_of(network), Shown(empty.node))
    empty.close()
    path = tmp_path / "trusted.json"
    look(trust_of(network, path), Shown(network.node))
    kept = json.loads(path.read_bytes())
    del kept["head"]["commit"]
    for data in (b"{}", encode(kept)):
        path.write_bytes(data)
        with pytest.raises(refusals.TrustDamaged):
            trust_of(network, path)


def test_an_old_header_is_told_and_one_of_the_future_refused(network: Network, host: Shown) -> None:
    trust = trust_of(network)
    look(trust, host)
    assert trust.still_ms() == 0
    network.clock.now_ms += STILL_MS + 1
    assert trust.still_ms() == STILL_MS + 1
    early = Trust(
        network.node.genesis_bytes, network.node.chain.id, None, lambda: START_MS - AHEAD_MAX_MS - 60_000
    )
    with pytest.raises(refusals.HostAhead):
        look(early, host)


def test_a_known_block(network: Network, host: Shown) -> None:
    shown = network.node.commits[2].header
    good = Checkpoint(2, header_hash(shown))
    trust_of(network).check_known(host.url, good, shown, ())
    for known, header in ((Checkpoint(2, "aa" * 32), shown), (Checkpoint(3, good.hash), shown)):
        with pytest.raises(refusals.CheckpointDiffers):
            trust_of(network).check_known(host.url, known, header, ())
    stolen = replace(shown, validators_hash="bb" * 32)
    with pytest.raises(refusals.CheckpointDiffers):
        trust_of(network).check_known(host.url, Checkpoint(2, header_hash(stolen)), stolen, ())


def test_what_was_believed_before_must_be_of_the_history_of_a_known_block(
    network: Network, host: Shown, tmp_path: Path
) -> None:
    """Stolen keys of the founding set made another history, with sets of its own that begin after the block
    that one knows; the founding set is forgotten by then.
    """
    network.rotate("maker")
    network.node.wake()
    known = max(network.node.commits)
    forged = Network(registry=REGISTRY)
    for entry in range(known):
        forged.do("plant", Add(entry=entry + 1))
    for member in ("bank", "plant"):
        forged.rotate(member)
    forged.node.wake()
    path = tmp_path / "trusted.json"
    look(trust_of(forged, path), Shown(forged.node))
    shown = network.node.commits[known].header
    assert trust_of(network, path).sets[0].since > known
    for handovers in (network.node.handovers(), forged.node.handovers(), ()):
        with pytest.raises(refusals.CheckpointDiffers):
            trust_of(network, path).check_known(
                host.url, Checkpoint(known, header_hash(shown)), shown, handovers
            )
    honest = trust_of(network, tmp_path / "other.json")
    honest.check_known(host.url, Checkpoint(known, header_hash(shown)), shown, network.node.handovers())
    look(honest, host)
    forged.close()


def at_height(head: SignedHeader, network: Network, height: int) -> SignedHeader:
    """The same log under a later header of the engine."""
    assert head.commit is not None
    node, engine = network.node, replace(head.commit.header, height=height)
    return replace(head, commit=voted(engine, node.sets[1], node.keys))


def test_a_later_header_never_has_a_shorter_log(network: Network, host: Shown) -> None:
    old = look(trust_of(network), host)
    network.do("plant", Add(entry=2))
    trust = trust_of(network)
    newest = look(trust, host)
    host.shows = at_height(old, network, 99)
    with pytest.raises(refusals.HostFork):
        look(trust, host)
    assert trust.head == newest

    trust = trust_of(network)
    look(trust, host)
    host.shows = None
    with pytest.raises(refusals.HostFork):  # A longer log under an earlier header.
        look(trust, host)


def test_an_older_program_never_writes_over_what_a_newer_one_checked(
    network: Network, host: Shown, tmp_path: Path
) -> None:
    path = tmp_path / "trusted.json"
    first, second = trust_of(network, path), trust_of(network, path)
    between = look(trust_of(network), host)
    network.do("plant", Add(entry=2))
    newest = look(second, host)
    host.shows = between
    look(first, host)
    assert trust_of(network, path).head == newest
