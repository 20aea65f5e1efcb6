"""Handing transactions in: one, several, the same again, rubbish, too much, too slow."""

from collections.abc import Callable

import msgspec
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.kernel.evidence import SignedAcknowledgement, promised_by
from hansa.kernel.signatures import Signer
from hansa.kernel.transaction import join
from hansa.node import limits
from tests.node.world import NODE_SEED, OCTETS, World, call

SHOW = Attest(table="consortium.members", key=("maker",))


def test_one_transaction_is_durable_when_it_is_answered(node: World) -> None:
    answer = node.submit(node.sign("plant", SHOW))

    assert answer.status == 200
    receipt = answer.json["receipts"][0]
    assert (receipt["code"], receipt["height"]) == ("ok", 1)
    assert node.operator.engine.find(receipt["transaction"]).height == 1


def test_the_answer_carries_the_nodes_promise_of_all_that_lies_on_the_ledger(node: World) -> None:
    wires = [node.sign("plant", SHOW), b"rubbish", node.sign("bank", SHOW)]

    answer = node.submit(join(wires))

    codes = [receipt["code"] for receipt in answer.json["receipts"]]
    assert codes == ["ok", "kernel.malformed", "ok"]
    signed = msgspec.convert(answer.json["acknowledgement"], SignedAcknowledgement)
    assert promised_by(signed, Signer(NODE_SEED).public)
    promised = [(item.transaction, item.height, item.index) for item in signed.acknowledgement.items]
    given = [answer.json["receipts"][at] for at in (0, 2)]
    assert promised == [(one["transaction"], one["height"], one.get("index", 0)) for one in given]


def test_what_leaves_no_trace_is_not_promised(node: World) -> None:
    answer = node.submit(b"rubbish")

    assert answer.status == 200
    assert "acknowledgement" not in answer.json


def test_the_same_bytes_have_the_same_outcome_in_one_request_and_later(node: World) -> None:
    wire = node.sign("plant", SHOW)

    both = node.submit(join([wire, wire])).json["receipts"]
    later = node.submit(wire).json["receipts"]

    assert both[0] == both[1] == later[0]
    assert both[0]["code"] == "ok"


def test_a_wrong_signature_is_refused_before_the_engine_sees_it(node: World) -> None:
    seen: list[int] = []
    submit = node.operator.engine.submit
    node.operator.engine.submit = lambda wires: seen.append(len(wires)) or submit(wires)  # type: ignore

    receipt = node.submit(node.sign("plant", SHOW, by="bank")).json["receipts"][0]

    assert receipt["code"] == "kernel.wrong_signature"
    assert receipt["zh"]
    assert sum(seen) == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: b"",
        lambda body: body[:1],
        lambda body: body[:-1],
        lambda body: body[:3],
        lambda body: body + b"\0",
        lambda body: b"\0" + b"\xff\xff\xff\xff" + body,
    ],
)
def test_a_broken_sequence_is_refused_whole(node: World, damage: Callable[[bytes], bytes]) -> None:
    body = join([node.sign("plant", SHOW), node.sign("plant", SHOW)])

    answer = node.submit(damage(body))

    assert answer.status == 400
    assert answer.code == "node.sequence_broken"
    assert node.operator.height == 0


def test_too_many_transactions_are_refused_whole(node: World) -> None:
    answer = node.submit(join([b"x"] * (limits.REQUEST_TRANSACTIONS_MAX + 1)))

    assert (answer.status, answer.code) == (413, "node.transactions_too_many")


def test_another_content_type_is_refused(node: World) -> None:
    answer = node.ask("POST", "/v1/transactions", headers={"content-type": "application/json"}, body=b"{}")

    assert (answer.status, answer.code) == (415, "node.content_type_wrong")


def test_a_body_that_is_announced_too_large_is_not_read(node: World) -> None:
    announced = {**OCTETS, "content-length": str(limits.BODY_BYTES_MAX + 1)}

    answer = node.run(call(node.app, "POST", "/v1/transactions", announced, parts=[], silent=True))

    assert (answer.status, answer.code) == (413, "node.body_too_large")


def test_a_body_without_end_is_cut_off_at_the_limit(node: World) -> None:
    parts = [b"x" * 2**20] * 9

    answer = node.run(call(node.app, "POST", "/v1/transactions", OCTETS, parts=parts, silent=True))

    assert (answer.status, answer.code) == (413, "node.body_too_large")
    assert node.app.front.budget.used == 0
