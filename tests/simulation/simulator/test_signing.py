"""Cheap signatures are the simulator's own: no node accepts them."""

from pathlib import Path

import pytest

from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application
from hansa.kernel import encode
from hansa.kernel.signatures import ED25519, VerifiedCache, verify
from hansa.simulation.simulator.run import Options, Run
from hansa.simulation.simulator.signing import (
    CHEAP,
    CheapSigner,
    cheap_suite,
    cheap_verify,
    real_signer,
)
from tests.simulation.simulator.attesting import scenario

SIGNER = CheapSigner(real_signer("maker/k1").public)


@pytest.mark.parametrize("suite", [CHEAP, ED25519])
def test_the_verification_of_nodes_refuses_them(suite: int) -> None:
    signature = SIGNER.sign(b"message")
    assert cheap_verify(SIGNER.public, suite, signature, b"message")
    assert not verify(suite, SIGNER.public, signature, b"message")
    assert not VerifiedCache().verify(SIGNER.public, suite, signature, b"message")


def test_a_node_refuses_transactions_that_the_simulator_takes() -> None:
    run = Run(1, scenario(), Options(blocks=3))
    assert run.finish().broken is None
    (sent, *_) = run.clients.script
    assert sent.wire[0] == CHEAP
    node = Application(Path(":memory:"), encode(run.genesis), lambda: run.genesis.created_ms)
    refused = node.check_tx(abci.CheckTx(tx=sent.wire))
    assert (refused.code, refused.codespace) == (1, "kernel.wrong_signature")
    proposal = abci.ProcessProposal(txs=(sent.wire,), height=1)
    assert node.process_proposal(proposal).status == abci.Status.REJECT
    node.close()


def test_they_tell_apart_who_signed_what() -> None:
    other = CheapSigner(real_signer("plant/k1").public)
    signature = SIGNER.sign(b"message")
    assert not cheap_verify(other.public, CHEAP, signature, b"message")
    assert not cheap_verify(SIGNER.public, CHEAP, signature, b"other")
    assert not cheap_verify(SIGNER.public, 2, signature, b"message")
    assert not cheap_verify(b"short", CHEAP, signature, b"message")


def test_real_signatures_hold_within_actions_too() -> None:
    real = real_signer("maker/k1")
    assert cheap_suite().verify(real.public, ED25519, real.sign(b"proof"), b"proof")
    assert not cheap_suite().verify(real.public, ED25519, real.sign(b"proof"), b"other")
    assert not cheap_suite().verify(real.public, CHEAP, real.sign(b"proof"), b"proof")
