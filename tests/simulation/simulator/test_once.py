"""What replicas share: as it would be without, and nothing where bytes differ."""

import msgspec
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.apps.rooms import release
from hansa.kernel import WINDOWS, Refusal, Table, encode, lthash, replace
from hansa.kernel.messages import Due, Window
from hansa.kernel.signatures import Signer
from hansa.kernel.transaction import parse, sign
from hansa.simulation.simulator import at_end, invariants_kernel
from hansa.simulation.simulator.once import Shared, remembered


def test_sums_are_the_same_and_checked_by_a_sum_of_their_own() -> None:
    sound = lthash.element, lthash.update
    rows = [("t", b"a", b"1"), ("t", b"b", b"2"), ("u", b"a", b"1")]
    plain = [sound[0](*row) for row in rows]
    with remembered():
        assert (lthash.element, lthash.update) != sound
        assert (
            (at_end.element, at_end.update) == (invariants_kernel.element, invariants_kernel.update) == sound
        )
        for _ in range(2):
            assert [lthash.element(*row) for row in rows] == plain
            total = lthash.update(lthash.EMPTY, [], iter(plain))
            assert total == sound[1](lthash.EMPTY, [], plain)
            assert lthash.update(total, plain[:1], []) == sound[1](lthash.EMPTY, [], plain[1:])
    assert (lthash.element, lthash.update) == sound


def test_a_transaction_is_decoded_once_for_all_and_only_as_it_is() -> None:
    registry = Shared(release()).registry()
    fields = {"chain": 64 * "0", "member": "plant", "key": "k1", "sequence": 1, "valid_until_ms": 1}
    wire = sign(registry, Signer(bytes(32)), **fields, actions=(Attest(table="t", key=("a",)),))
    first = parse(registry, wire)
    assert parse(registry, wire) is not first
    registry.set_aside(wire, first)
    assert parse(registry, wire) is parse(registry, bytes(bytearray(wire))) is first
    other = wire.replace(b'"plant"', b'"plan2"')
    assert parse(registry, other).body.member == "plan2"
    with pytest.raises(Refusal):
        parse(registry, wire + b" ")
    assert parse(Shared(release()).registry(), wire) is not first


def test_a_record_is_decoded_once_unless_a_program_brings_it_up_to_date() -> None:
    sound = Table.decode
    stored = encode(Window())
    with remembered():
        assert WINDOWS.decode(stored) is WINDOWS.decode(bytes(bytearray(stored))) == Window()
        assert WINDOWS.decode(encode(Window(highest=1))) == Window(highest=1)
        with pytest.raises(msgspec.ValidationError):
            WINDOWS.decode(b'{"a":1}')
        due = Due(handler="room.do", member="plant")
        newer = Table("t", ("k",), Due, older={Window: lambda each: replace(due, arguments=("x",))})
        assert newer.decode(stored) == newer.decode(stored)
        assert newer.decode(stored) is not newer.decode(stored)
    assert Table.decode is sound
    assert WINDOWS.decode(stored) is not WINDOWS.decode(stored)
