"""The real engine is shown that a key signed twice: the rules take its power, a vote with a fresh key gives
it back. Four nodes; one's key signs here as well, as a second node started with it would.
"""

import base64
import hashlib
from typing import Any

import pytest

from hansa.apps.consortium.messages_votes import Propose, ProposedValidator, SetValidators, Vote
from hansa.apps.consortium.validators import message
from hansa.kernel import address
from hansa.kernel.commit import (
    CHAIN_ID_LENGTH,
    FOR_BLOCK,
    PRECOMMIT,
    BlockId,
    Commit,
    EngineHeader,
    Parts,
    Precommit,
    vote_bytes,
)
from hansa.kernel.signatures import Signer
from tests import consortium
from tests.engines.cometbft.network import validator_key
from tests.network import net as harness
from tests.network.net import Net, network, wait

CAUGHT = "auditor"
FRESH: Signer = consortium.signer(CAUGHT, "validator-2")


def vote(net: Net, key: Signer, height: int, block: str) -> dict[str, Any]:
    """A precommit for some block of a height, signed as the engine does."""
    parts = Parts(hash=block, total=1)
    header = EngineHeader(
        app_hash="", chain_id=net.chain[:CHAIN_ID_LENGTH], consensus_hash="", data_hash="", evidence_hash="",
        height=height, last_commit_hash="", last_results_hash="", next_validators_hash="", proposer="",
        time_s=1, validators_hash="", version_block=11, last_block=BlockId(hash=block, parts=parts),
    )  # fmt: skip
    said = Precommit(flag=FOR_BLOCK, time_s=1_767_571_200)
    signed = key.sign(vote_bytes(Commit(header=header, parts=parts, votes=()), said, block))
    return {
        "type": PRECOMMIT, "height": str(height), "round": 0,
        "block_id": {"hash": block.upper(), "parts": {"total": 1, "hash": block.upper()}},
        "timestamp": "2026-01-05T00:00:00Z", "validator_address": address(key.public).upper(),
        "validator_index": 0, "signature": base64.b64encode(signed).decode(),
        "extension": None, "extension_signature": None,
    }  # fmt: skip


def evidence(net: Net, key: Signer, height: int) -> dict[str, Any]:
    """Two votes of one key for two blocks of one height, as the engine's RPC takes them."""
    blocks = sorted(hashlib.sha256(name).hexdigest() for name in (b"one", b"other"))
    first, second = (vote(net, key, height, block) for block in blocks)
    header = net.nodes[0].call("commit", height=str(height))["signed_header"]["header"]
    value = {
        "vote_a": first, "vote_b": second, "TotalVotingPower": "4", "ValidatorPower": "1",
        "Timestamp": header["time"],
    }  # fmt: skip
    return {"type": "tendermint/DuplicateVoteEvidence", "value": value}


def powers(net: Net) -> dict[str, int]:
    """The set in force at the engine's newest height, by address."""
    told = net.nodes[0].call("validators")["validators"]
    return {each["address"].lower(): int(each["voting_power"]) for each in told}


def rows(net: Net, number: int = 0) -> dict[str, Any]:
    reader = net.reader(net.nodes[number])
    try:
        with reader.snapshot() as view:
            found = view.query("consortium.validators", {})
            return {each.member: each for each in found}
    finally:
        reader.close()


@pytest.fixture
def net(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with network(tmp_path_factory.mktemp("n"), members=4, empty_block_interval_s=1) as made:
        yield made


def test_proven_double_signing_costs_the_power_until_a_vote_brings_a_fresh_key(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, others = validator_key(CAUGHT), consortium.MEMBERS[:3]
    net.wait_for(2)
    forged = evidence(net, Signer(b"\x07" * 32), 1)
    with pytest.raises(RuntimeError, match="not a validator"):
        net.nodes[0].call("broadcast_evidence", evidence=forged)
    assert len(powers(net)) == 4

    net.nodes[0].call("broadcast_evidence", evidence=evidence(net, old, 1))
    wait(lambda: address(old.public) not in powers(net), "a set without the key")
    net.same_hash(net.nodes[0].height() - 1)
    for number in range(4):
        row = rows(net, number)[CAUGHT]
        assert (row.status, row.power) == ("suspended", 0)
        assert (row.fault.kind, row.fault.height) == ("duplicate_vote", 1)

    net.nodes[3].kill()
    proof = FRESH.sign(message(net.chain, CAUGHT, FRESH.public))
    seat = ProposedValidator(member=CAUGHT, power=1, public=FRESH.public, proof=proof)
    done = [Propose(proposal="back-1", subject=SetValidators(seats=(seat,)))]
    assert net.nodes[0].submit(net.wire("maker", *done))["code"] == 0
    for member in others:
        assert net.nodes[1].submit(net.wire(member, Vote(proposal="back-1", yes=True)))["code"] == 0
    wait(lambda: powers(net).get(address(FRESH.public)) == 1, "the fresh key in the set")

    monkeypatch.setattr(
        harness, "validator_key", lambda member: FRESH if member == CAUGHT else validator_key(member)
    )
    net.nodes[3].start()
    net.wait_for(net.nodes[0].height() + 2)
    wait(lambda: signs(net, FRESH), "a commit with the fresh key's vote")
    net.same_hash(net.nodes[0].height() - 1)


def signs(net: Net, key: Signer) -> bool:
    votes = net.nodes[0].call("commit")["signed_header"]["commit"]["signatures"]
    return address(key.public).upper() in {each["validator_address"] for each in votes}
