"""Acknowledgements are signed in a process of their own; without it, in the node's."""

import pytest

from hansa.kernel.signatures import ED25519, Signer, verify
from hansa.node.signing import Signing

OWN = Signer(b"1" * 32)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 100])
@pytest.mark.parametrize("started", [True, False])
def test_each_message_has_its_signature_in_order(count: int, started: bool) -> None:
    signing = Signing(OWN)
    if started:
        signing.start()
    messages = [b"message %d" % number for number in range(count)]
    try:
        for _ in range(2):
            assert signing.sign(messages) == [OWN.sign(message) for message in messages]
    finally:
        signing.close()


def test_many_are_signed_by_the_process_and_a_few_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    signing = Signing(Signer(b"1" * 32))
    signing.start()
    monkeypatch.setattr(signing._signer, "sign", lambda message: b"here")
    assert signing.sign([b"one"]) == [b"here"]
    many = [b"%d" % number for number in range(20)]
    assert all(
        verify(ED25519, OWN.public, one, message)
        for one, message in zip(signing.sign(many), many, strict=True)
    )
    signing.close()


def test_a_process_that_dies_is_done_without() -> None:
    signing = Signing(OWN)
    signing.start()
    assert signing._worker is not None
    assert signing._worker._process is not None
    signing._worker._process.kill()
    signing._worker._process.wait()
    messages = [b"%d" % number for number in range(20)]
    for _ in range(2):
        assert signing.sign(messages) == [OWN.sign(message) for message in messages]
    assert not signing._worker.lives
    signing.close()
