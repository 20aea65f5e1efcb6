"""Over HTTP: what the operator signed about transactions, and whose node a session is opened at."""

from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import pytest

from hansa.client import errors
from tests.client.node_double import Fault, NodeDouble, answer
from tests.client.test_http import MEMBER, client_of, over
from tests.consortium import Consortium


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
