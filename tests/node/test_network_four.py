"""Four members' nodes with the real engine: one history, a node away and back, a change of the set, a node
that comes to another state.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.apps.consortium.messages_validators import RotateConsensusKey
from hansa.apps.consortium.validator_sets import sets_followed
from hansa.apps.consortium.validators import message
from hansa.client.http import Http
from hansa.kernel.commit import validators_hash
from hansa.node.earlier_changes import earlier_changes, leads_to, sound
from tests.consortium import signer
from tests.node.network_world import MEMBERS, One, folders, running, until

ATTEST = Attest(table="consortium.members", key=("maker",))


@pytest.fixture(scope="module")
def nodes(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[One]]:
    root = tmp_path_factory.mktemp("four")
    found = [One(settings, engine_binary) for settings in folders(root, silent_blocks=4)]
    with running(found):
        until(lambda: all(len(one.network.watch.seen.peers) == 3 for one in found))
        yield found


def heads(nodes: Sequence[One]) -> set[tuple[int, str]]:
    return {(one.network.height, one.network.application.app_hash) for one in nodes}


def check(node: One, name: str) -> Any:
    health = httpx2.get(f"{node.url}/health", timeout=30).json()
    return next(each for each in health["checks"] if each["name"] == name)


def is_well(node: One) -> bool:
    return httpx2.get(f"{node.url}/health", timeout=30).status_code == 200


def test_each_takes_transactions_and_all_come_to_one_hash(nodes: Sequence[One]) -> None:
    for one in nodes:
        (receipt,) = one.submit(one.sign(ATTEST)).json()["receipts"]
        assert receipt["code"] == "ok"
    until(lambda: len(heads(nodes)) == 1)
    for one in nodes:
        assert {each["member"] for each in one.get("/v1/validators")["validators"]} == set(MEMBERS)
        until(partial(is_well, one))


def test_the_same_bytes_at_two_nodes_count_once(nodes: Sequence[One]) -> None:
    wire = nodes[0].sign(ATTEST)
    first = nodes[0].submit(wire).json()["receipts"]
    second = until(lambda: r if (r := nodes[1].submit(wire).json()["receipts"])[0]["height"] else None)
    assert second == first
    assert first[0]["code"] == "ok"


def test_a_member_whose_node_is_away_is_reported_and_comes_back_in_step(nodes: Sequence[One]) -> None:
    away, *rest = reversed(nodes)
    name = away.settings.member
    away.stop()
    for _ in range(6):
        assert rest[0].submit(rest[0].sign(ATTEST)).json()["receipts"][0]["code"] == "ok"
    told = until(lambda: c if name in (c := check(rest[0], "validators"))["en"] else None)
    assert told["ok"]  # Reported: no node is unwell for it, and nothing is taken away.
    assert name in told["zh"]
    incidents = [each for each in rest[0].network.incidents() if each.code == "incident.silent"]
    assert [name in each.en for each in incidents] == [True]
    text = httpx2.get(f"{rest[0].url}/metrics").text
    assert "hansa_validators_silent 1.0" in text
    away.start()
    until(lambda: len(heads(nodes)) == 1)
    assert rest[0].submit(rest[0].sign(ATTEST)).json()["receipts"][0]["code"] == "ok"
    until(lambda: name not in check(rest[0], "validators")["en"])


def test_a_node_that_comes_to_another_state_says_so_before_it_stands_still(nodes: Sequence[One]) -> None:
    """Its memory lies: the sum over its records is another one. What the others agree on is not its own."""
    astray, other = nodes[2], nodes[0]
    ledger = astray.network.application.ledger
    astray.network.server.call(lambda: setattr(ledger, "state_sum", bytes(2_048)))
    for _ in range(2):
        assert other.submit(other.sign(ATTEST)).json()["receipts"][0]["code"] == "ok"
    told = until(lambda: c if not (c := check(astray, "hash"))["ok"] else None)
    assert astray.network.application.app_hash[:16] in told["en"]
    (incident,) = [each for each in astray.network.incidents() if each.code == "incident.hash"]
    assert "hansa node diff" in incident.zh
    assert "hansa_hash_differs 1.0" in httpx2.get(f"{astray.url}/metrics").text
    assert check(other, "hash")["ok"]
    astray.stop()
    astray.start()  # The sum on disk is that of the block that it executed wrongly.
    until(lambda: not check(astray, "hash")["ok"])


def test_a_change_of_the_set_is_kept_for_ever_and_followed_from_genesis(nodes: Sequence[One]) -> None:
    """The seat of the node that went astray gets a key that nobody runs; the others go on."""
    one, other, gone = nodes[0], nodes[1], nodes[2]
    member, chain = gone.settings.member, one.network.chain
    fresh = signer(member, "validator-2")
    proof = fresh.sign(message(chain, member, fresh.public))
    wire = gone.sign(RotateConsensusKey(public=fresh.public, proof=proof))
    (receipt,) = one.submit(wire).json()["receipts"]
    assert receipt["code"] == "ok"

    def changes() -> Any:
        with_http = Http(one.url, patience_s=0, allow_plain=True)
        try:
            return with_http.handovers()
        finally:
            with_http.close()

    (change,) = until(changes)
    assert change.head.header.height == receipt["height"]
    genesis = one.network.reader.genesis
    sets = sets_followed(genesis, chain, (change,))
    assert len(sets) == 2
    assert fresh.public in {seat.public for seat in sets[1].seats}
    one.submit(one.sign(ATTEST))
    wanted = validators_hash(sets[1].seats)
    until(lambda: one.network.commits.final().commit.header.validators_hash == wanted)
    peers = {"maker": one.url, "plant": "http://127.0.0.1:1"}
    asking = msgspec.structs.replace(other.settings, peers=peers)
    learned = earlier_changes(asking, other.network.reader)
    assert learned == (change,)
    assert leads_to(wanted, genesis, chain, learned)
    assert not leads_to(wanted, genesis, chain, ())
    assert sound(genesis, "ab" * 32, learned) == ()
