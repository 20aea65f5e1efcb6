"""Evidence of a network shows all that evidence elsewhere shows; neither kind passes for the other."""

from pathlib import Path
from typing import Any

from hansa.apps.billing.messages import Accept
from hansa.client.bundle import Bundle
from hansa.client.verify import check_bundle
from hansa.client.verify_commit import Checkpoint
from hansa.kernel import encode, replace
from hansa.kernel.commit import Seat, ordered
from tests.client.acting import guarded, world_of
from tests.client.evidence_world import made
from tests.client.network import OLD, Network, voted
from tests.client.test_acts import recovered
from tests.client.test_network_evidence import KEYS, detail
from tests.client.test_verify import checked, failed
from tests.consortium import MEMBERS, Consortium, signer
from tests.kernel.test_commit import header_for


def test_approvals_and_keys_that_a_vote_gave_are_shown_as_elsewhere(tmp_path: Path) -> None:
    """A second holder approves what the plant accepts; the maker signs by a key that the others gave it."""

    def prepare(consortium: Consortium) -> None:
        recovered(consortium)
        guarded("plant", "billing.accept")(consortium)

    network = Network()
    world = world_of(tmp_path, prepare, consortium=network, keys={"maker": "v1"}, approvers={Accept: ["k2"]})
    data = encode(world.gather(0))
    report = check_bundle(data, world.genesis)
    assert failed(report) == []
    assert "plant/k1 + k2" in detail(report, "effects")
    assert [(given.member, given.key) for given in report.voted] == [("maker", "v1")]
    assert checked(data, world.genesis)
    world.store.close()
    network.close()


def test_a_bundle_of_one_kind_never_passes_for_the_other(tmp_path: Any) -> None:
    """An operator's chain whose header brings a commit too."""
    world = made(tmp_path, Consortium(), days=1)
    bundle = world.gather(0)
    assert check_bundle(encode(bundle), world.genesis).ok
    commit = voted(engine_header_of(bundle), seats_named(), KEYS)
    data = encode(replace(bundle, head=replace(bundle.head, commit=commit)))
    report = check_bundle(data, world.genesis)
    assert failed(report)[:1] == ["finality"]
    assert not checked(data, world.genesis)
    report = check_bundle(encode(bundle), world.genesis, Checkpoint(1, "aa" * 32))
    assert failed(report) == ["checkpoint"]
    world.store.close()
    world.consortium.close()


def seats_named() -> tuple[Seat, ...]:
    return ordered(Seat(m, signer(m, OLD).public, 1) for m in MEMBERS)


def engine_header_of(bundle: Bundle) -> Any:
    header = bundle.head.header
    return replace(header_for(seats_named()), app_hash=header.app_hash, chain_id=header.chain[:50])
