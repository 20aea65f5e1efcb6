"""The client: it signs, counts its own sequence numbers, and says what the ledger said."""

import pytest

from hansa.apps.consortium.messages import Attest, RevokeKey
from hansa.client import Client, InProcess, Refused
from hansa.kernel import limits
from hansa.kernel.canonical import Malformed
from hansa.kernel.evidence import holds, signed_by
from hansa.kernel.registry import QueryArguments, QueryUnknown
from hansa.kernel.transaction import parse
from tests.consortium import Consortium, signer

MEMBER = Attest(table="consortium.members", key=("plant",))


def test_what_was_done_is_durable_and_proved(consortium: Consortium) -> None:
    client = consortium.client("maker")
    receipt = client.do(MEMBER)
    head = client.transport.head()
    assert head is not None

    proof = client.transport.prove("transaction", receipt.height, receipt.index)
    assert holds(proof, head.header)
    assert signed_by(head, consortium.genesis.node_public)
    assert client.transport.find(receipt.transaction) == receipt


def test_a_refusal_carries_code_field_and_both_texts(consortium: Consortium) -> None:
    with pytest.raises(Refused) as refused:
        consortium.client("maker").do(Attest(table="consortium.members", key=("rival",)))
    receipt = refused.value.receipt
    assert (receipt.code, receipt.field) == ("consortium.record_unknown", "key")
    assert "rival" in receipt.zh
    assert "rival" in receipt.en


def test_sequence_numbers_rise_and_signatures_last_an_hour(consortium: Consortium) -> None:
    client = consortium.client("maker")
    bodies = [parse(consortium.registry, client.sign(MEMBER)).body for _ in range(3)]

    assert [body.sequence for body in bodies] == [1, 2, 3]
    assert {body.valid_until_ms for body in bodies} == {consortium.clock() + limits.HOUR_MS}


def test_no_more_than_512_are_in_flight(consortium: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    client = consortium.client("maker")
    sizes: list[int] = []
    submit = client.transport.deliver
    monkeypatch.setattr(client.transport, "deliver", lambda wires: sizes.append(len(wires)) or submit(wires))
    receipts = client.submit([client.sign(MEMBER) for _ in range(600)])

    assert sizes == [512, 88]
    assert [receipt.code for receipt in receipts] == ["ok"] * 600


def test_a_client_goes_on_where_its_key_stopped(consortium: Consortium) -> None:
    consortium.do("maker", MEMBER)
    consortium.do("maker", MEMBER)
    used = consortium.query("consortium.sequence", member="maker", key="k1")
    anew = Client(
        InProcess(consortium.node),
        consortium.registry,
        member="maker",
        key="k1",
        signer=signer("maker"),
        clock=consortium.clock,
        sequence=used,
    )

    assert used == 2
    assert anew.do(MEMBER).code == "ok"


def test_what_a_receiver_would_refuse_is_not_signed(consortium: Consortium) -> None:
    with pytest.raises(Malformed):
        consortium.client("maker").sign(Attest(table="NOT A TABLE", key=()))
    long = RevokeKey(id="x" * 65)
    with pytest.raises(Malformed):
        consortium.client("maker").sign(long)


def test_queries_are_checked_like_any_input(consortium: Consortium) -> None:
    transport = consortium.client("maker").transport
    with pytest.raises(QueryUnknown):
        transport.query("consortium.rubbish", b"{}")
    for arguments in (
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b"{}",
        b'{"member":"maker"}',
        b'{"key":"k1","member":7}',
        b'{"key":"k1","member":"NOT AN ID"}',
        b'{"ctx":"x","key":"k1","member":"maker"}',
        b'{"key":"k1","member":"maker","more":1}',
    ):
        with pytest.raises(QueryArguments) as refused:
            transport.query("consortium.sequence", arguments)
        assert len(refused.value.en) < 300
    assert transport.query("consortium.sequence", b'{"key":"k1","member":"maker"}') == b"0"


def test_members_are_listed_by_id(consortium: Consortium) -> None:
    members = consortium.query("consortium.members")
    assert [member[0] for member in members] == ["auditor", "bank", "maker", "plant"]
    assert members[3][1]["name_en"] == "East China plant Ltd"
