"""Signatures are checked in processes of their own; without them, in the node's."""

import pytest

from hansa.kernel.signatures import ED25519, TRANSACTION_DOMAIN, Signer, VerifiedCache
from hansa.node.checking import Checkers, Work
from hansa.node.work import name_if_good

OWN = Signer(b"1" * 32)


def signed(number: int, *, good: bool = True, suite: int = ED25519) -> Work:
    body = f'{{"number":{number}}}'.encode()
    signature = OWN.sign(TRANSACTION_DOMAIN + body)
    if not good:
        signature = bytes((signature[0] ^ 1,)) + signature[1:]
    return OWN.public, bytes((suite,)) + signature + body


@pytest.mark.parametrize("processes", [0, 1, 3])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 100])
def test_what_holds_is_told_from_what_does_not_in_order(processes: int, count: int) -> None:
    checkers = Checkers(VerifiedCache(), processes)
    checkers.start()
    try:
        checkers.send([signed(number, good=number % 3 != 1) for number in range(count)])
        assert checkers.receive() == [number % 3 != 1 for number in range(count)]
    finally:
        checkers.close()


def test_what_another_process_checked_is_known_to_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    verified = VerifiedCache()
    checkers = Checkers(verified, 1)
    checkers.start()
    checkers.send([signed(number) for number in range(20)])
    checkers.receive()
    checkers.close()
    monkeypatch.setattr("hansa.kernel.signatures.verify", lambda *_: False)

    public, wire = signed(5)
    other, unknown = signed(50)

    assert verified.verify(public, wire[0], wire[1:65], TRANSACTION_DOMAIN + wire[65:])
    assert not verified.verify(other, unknown[0], unknown[1:65], TRANSACTION_DOMAIN + unknown[65:])


def test_a_process_that_dies_is_done_without() -> None:
    checkers = Checkers(VerifiedCache(), 1)
    checkers.start()
    process = checkers._workers[0]._process
    assert process is not None
    process.kill()
    process.wait()
    for _ in range(2):
        checkers.send([signed(number, good=number != 4) for number in range(20)])
        assert checkers.receive() == [number != 4 for number in range(20)]
    checkers.close()
    assert not checkers._workers[0].lives


@pytest.mark.parametrize(
    "work",
    [
        (OWN.public, b""),
        (OWN.public, b"\x01short"),
        (b"", signed(1)[1]),
        (OWN.public[:31], signed(1)[1]),
        (b"\0" * 32, signed(1)[1]),
        signed(1, suite=2),
        signed(1, suite=0),
    ],
)
def test_rubbish_is_no_signature(work: Work) -> None:
    assert name_if_good(*work, 65, TRANSACTION_DOMAIN) == b""
    checkers = Checkers(VerifiedCache(), 0)
    checkers.send([work])
    assert checkers.receive() == [False]
