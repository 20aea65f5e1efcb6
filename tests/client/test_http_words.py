"""Over HTTP: what the operator signed about transactions, and whose node a session is opened at."""

import asyncio
import dataclasses
from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import pytest

from hansa.client import Client, errors
from hansa.client import operators as operators_module
from hansa.client.aio import AsyncClient, AsyncHttp
from hansa.client.http import Http
from hansa.client.operators import Operators
from hansa.kernel.evidence import SignedAcknowledgement, acknowledge
from hansa.kernel.refusal import Refusal
from tests.client.node_double import Fault, NodeDouble, answer
from tests.client.test_http import MEMBER, URL, client_of, over
from tests.consortium import Consortium, signer


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a handover that does not come."""
    monkeypatch.setattr(operators_module, "HANDOVER_PAUSE_S", 0)
    monkeypatch.setattr("hansa.client.aio.HANDOVER_PAUSE_S", 0)


@pytest.fixture
def node() -> Iterator[NodeDouble]:
    consortium = Consortium()
    yield NodeDouble(consortium)
    consortium.close()


def test_an_acknowledgement_is_on_the_receipts_and_on_nothing_else(node: NodeDouble) -> None:
    client = client_of(node, over(node))

    def with_word(word: Any) -> Fault:
        def tell(request: httpx2.Request) -> httpx2.Response:
            told = msgspec.json.decode(node._submit(request).content)
            items = told["acknowledgement"]["acknowledgement"]["items"]
            return answer({**told, "acknowledgement": word(told["acknowledgement"], items)})

        return tell

    def emptied(word: Any, items: list[Any]) -> Any:
        items.clear()
        return word

    def doubled(word: Any, items: list[Any]) -> Any:
        items += items
        return word

    def elsewhere(word: Any, items: list[Any]) -> Any:
        items[0]["index"] += 1
        return word

    for bend in (lambda *_: None, lambda *_: 5, emptied, doubled, elsewhere):
        node.faults.append(with_word(bend))
        with pytest.raises(errors.AnswerUnusable, match="acknowledgement"):
            client.submit([client.sign(MEMBER)])


def forged(request: httpx2.Request, node: NodeDouble) -> httpx2.Response:
    """The right outcomes under another key than the operator's."""
    told = msgspec.json.decode(node._submit(request).content)
    said = msgspec.convert(told["acknowledgement"], SignedAcknowledgement).acknowledgement
    return answer({**told, "acknowledgement": acknowledge(signer("maker", "k1"), said)})


def test_acknowledgements_are_handed_on_where_the_operator_signed_them(node: NodeDouble) -> None:
    heard: list[bytes] = []
    client = Client(
        over(node), node.consortium.registry, member="maker", key="k1", signer=signer("maker"),
        clock=node.consortium.clock, on_word=heard.append,
    )  # fmt: skip
    receipt = client.do(MEMBER)
    (word,) = (msgspec.json.decode(one, type=SignedAcknowledgement) for one in heard)
    assert word.acknowledgement.items[0].transaction == receipt.transaction
    node.faults.append(lambda request: forged(request, node))
    with pytest.raises(errors.AnswerUnusable, match="cosigners stand for"):
        client.do(MEMBER)
    assert len(heard) == 1


def test_so_does_the_client_of_many_tasks(node: NodeDouble) -> None:
    heard: list[bytes] = []

    async def work() -> None:
        transport = AsyncHttp(URL, over=httpx2.MockTransport(node))
        client = await AsyncClient.open(
            transport, node.consortium.registry, member="maker", key="k1", signer=signer("maker"),
            clock=node.consortium.clock, on_word=heard.append,
        )  # fmt: skip
        await asyncio.gather(*(client.do(MEMBER) for _ in range(5)))
        assert len(heard) == 5
        node.faults.append(lambda request: forged(request, node))
        with pytest.raises(errors.AnswerUnusable, match="cosigners stand for"):
            await client.do(MEMBER)

    asyncio.run(work())
    assert len(heard) == 5


# Whose node it is.


def unpinned(node: NodeDouble, **options: Any) -> Http:
    return over(node, signer=signer("plant"), member="plant", key="k1", **options)


def test_where_nobody_is_named_it_is_the_operators_node(node: NodeDouble) -> None:
    """A host that passes on the challenge of one's own node gets no signature to open a session there."""
    unpinned(node).open_session()
    unpinned(node, chain=node.consortium.node.chain.id).open_session()
    node.name = "plant"
    with pytest.raises(errors.OtherNode, match="plant"):
        unpinned(node).open_session()
    assert [request.url.path for request in node.seen].count("/v1/sessions") == 2


def test_a_challenge_of_another_chain_gets_no_signature(node: NodeDouble) -> None:
    """Else who serves one chain could read on another, where the same key is known."""
    own = node.consortium.node.chain.id
    told = answer({"chain": "0" * 64, "node": "maker", "challenge": bytes(32), "expires_ms": 0})
    node.faults += [lambda request: told if "challenge" in request.url.path else None] * 3
    with pytest.raises(errors.OtherChain):
        unpinned(node, chain=own).open_session()
    assert [request.url.path for request in node.seen].count("/v1/sessions") == 0
    unpinned(node, chain=own).open_session()


def test_the_operator_is_that_of_ones_own_chain(node: NodeDouble) -> None:
    with pytest.raises(errors.OtherChain):
        unpinned(node, chain="0" * 64).open_session()
    assert not any("sessions" in request.url.path for request in node.seen)


def test_a_host_that_shows_no_genesis_gets_no_session(node: NodeDouble) -> None:
    node.faults += [lambda request: answer({"operator": "plant"})]
    with pytest.raises(errors.AnswerUnusable, match="genesis"):
        unpinned(node).open_session()
    node.private.add("/v1/genesis")
    with pytest.raises(Refusal):
        unpinned(node).open_session()
    assert len(node.seen) == 2
    assert not any("sessions" in request.url.path for request in node.seen)


def test_a_new_operators_word_waits_for_its_handover(
    node: NodeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cosigners sign a handover a moment after the new operator's first block."""
    real, looks = operators_module.operators_of, 0

    def late(transport: Any, chain: str) -> Operators:
        nonlocal looks
        looks += 1
        known = real(transport, chain)
        other = dataclasses.replace(known.sets[0], public=signer("rival").public)
        return known if looks > 3 else dataclasses.replace(known, sets=(other,))

    monkeypatch.setattr(operators_module, "operators_of", late)
    assert client_of(node, over(node)).do(MEMBER).code == "ok"
    assert looks == 4
