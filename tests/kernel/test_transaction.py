"""Rules 1 to 3: limits before work, one form on the wire, and a decoder that nothing can crash."""

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansa.apps.consortium.messages import AddKey
from hansa.kernel import encode, limits, transaction
from hansa.kernel.canonical import Malformed
from hansa.kernel.refusal import Refusal
from hansa.kernel.transaction import HEAD_BYTES, TooLarge, TooNested, identity, parse, sign
from tests.consortium import START_MS, signer
from tests.kernel import room
from tests.kernel.ledger import Ledger
from tests.kernel.room import Lend, Register

REGISTRY = room.registry()
FIELDS: dict[str, Any] = {
    "chain": "0" * 64,
    "member": "maker",
    "key": "k1",
    "sequence": 1,
    "valid_until_ms": START_MS,
}


def wire(*actions: Any, **fields: Any) -> bytes:
    return sign(REGISTRY, signer("maker"), **(FIELDS | {"actions": actions} | fields))


GOOD = wire(Register(tool="w-17"), Lend(tool="w-17", borrower="plant", due_ms=START_MS))


def test_the_form_on_the_wire() -> None:
    parsed = parse(REGISTRY, GOOD)

    assert GOOD[0] == 1
    assert GOOD[:HEAD_BYTES] == bytes([1]) + signer("maker").sign(b"hansa-tx-1\x00" + GOOD[65:])
    assert GOOD[HEAD_BYTES:].startswith(b'{"actions":[{"_type":"toolcrib.register",')
    assert parsed.body.actions[0] == Register(tool="w-17")
    assert identity(GOOD) == hashlib.sha256(GOOD[65:]).hexdigest()


def test_identity_is_of_the_body_alone() -> None:
    assert identity(bytes([2]) + bytes(64) + GOOD[65:]) == identity(GOOD)


class Untouched:
    """Stands in for the registry: looking at it would mean that decoding began."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was used before the limits were checked")


def test_size_and_brackets_are_checked_before_decoding() -> None:
    head = bytes(HEAD_BYTES)
    with pytest.raises(TooLarge):
        parse(Untouched(), head + b"x" * limits.TRANSACTION_BYTES_MAX)  # type: ignore[arg-type]
    for bracket in (b"{", b"["):
        with pytest.raises(TooNested):
            parse(Untouched(), head + bracket * (limits.TRANSACTION_BRACKETS_MAX + 1))  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [b"", b"\x01", bytes(HEAD_BYTES)])
def test_too_few_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(REGISTRY, data)


@given(st.binary(max_size=400))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Refusal):
        parse(REGISTRY, data)
    with pytest.raises(Refusal):
        parse(REGISTRY, bytes(HEAD_BYTES) + data)


def _mutated(data: bytes, at: int, how: str, byte: int, length: int) -> bytes:
    at %= len(data)
    if how == "change":
        return data[:at] + bytes([byte]) + data[at + 1 :]
    if how == "insert":
        return data[:at] + bytes([byte]) * length + data[at:]
    if how == "cut":
        return data[:at] + data[at + length :]
    return data[:at] + data[max(0, at - length) :]


mutations = st.tuples(
    st.integers(0, 10_000),
    st.sampled_from(["change", "insert", "cut", "repeat"]),
    st.one_of(st.integers(0, 255), st.sampled_from(list(b'{}[]",:0159\\-e.'))),
    st.integers(1, 40),
)


@given(st.lists(mutations, min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_a_changed_transaction_is_refused_or_writes_nothing(steps: list[tuple[int, str, int, int]]) -> None:
    data = GOOD_ON_LEDGER
    for step in steps:
        data = _mutated(data, *step)
    if data == GOOD_ON_LEDGER:
        return
    before = LEDGER.rows()

    applied = LEDGER.block(data)

    assert applied.outcomes[0].code != "ok"
    assert applied.changes == {}
    assert applied.events == ()
    assert LEDGER.rows() == before
    assert applied.incidents == ()


LEDGER = Ledger()
GOOD_ON_LEDGER = LEDGER.wire("maker", Register(tool="w-17"), valid_until_ms=2**53 - 1)


def test_an_sdk_does_not_sign_what_a_receiver_would_refuse() -> None:
    """Constructors do not validate, so signing does."""
    with pytest.raises(Malformed):
        wire(Register(tool="Not An Id"))
    with pytest.raises(Malformed):
        wire(Lend(tool="w", borrower="plant", due_ms=2**53))
    with pytest.raises(Malformed):
        wire()
    with pytest.raises(Malformed):
        wire(*[Register(tool="w")] * (limits.ACTIONS_MAX + 1))
    scopes = ("{" * (limits.TRANSACTION_BRACKETS_MAX + 1),)
    nested = AddKey(id="k", kind="person", scopes=scopes, public=bytes(32), holder="h", expires_ms=1)
    with pytest.raises(TooNested):
        wire(nested)


def test_a_signature_is_over_exactly_the_bytes_that_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    signed: list[bytes] = []

    class Recorder:
        public = signer("maker").public

        def sign(self, message: bytes) -> bytes:
            signed.append(message)
            return bytes(64)

    made = transaction.sign(REGISTRY, Recorder(), **(FIELDS | {"actions": (Register(tool="w"),)}))  # type: ignore[arg-type]
    assert signed == [b"hansa-tx-1\x00" + made[HEAD_BYTES:]]
    assert encode(parse(REGISTRY, made).body) == made[HEAD_BYTES:]
