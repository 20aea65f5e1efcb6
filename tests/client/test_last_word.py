"""The last word of a node that tells no more events."""

from collections.abc import Iterator
from itertools import islice

import pytest

from hansa.kernel import Refusal, encode
from tests.client.node_double import NodeDouble
from tests.client.test_http import MEMBER, client_of, node, over

__all__ = ["node"]


def test_why_a_node_tells_no_more_is_said_and_is_no_event(node: NodeDouble) -> None:
    client_of(node, over(node)).do(MEMBER)
    pruned = {
        "code": "engine.pruned",
        "status": 410,
        "field": "height",
        "zh": "不再保存。",
        "en": "Not kept.",
    }
    node.after_events = lambda: iter([b"event: problem\ndata: " + encode(pruned) + b"\n\n"])
    stream = over(node).events()

    assert next(stream).height == 1
    with pytest.raises(Refusal) as refused:
        next(stream)
    assert refused.value.code == "engine.pruned"


def test_a_node_that_cannot_tell_more_just_now_is_asked_again(node: NodeDouble) -> None:
    client = client_of(node, over(node))
    client.do(MEMBER)
    busy = [{"code": "node.reads_busy", "status": 503, "field": "node", "zh": "忙。", "en": "Busy."}]

    def breaks() -> Iterator[bytes]:
        if busy:
            client.do(MEMBER)
            yield b"event: problem\ndata: " + encode(busy.pop()) + b"\n\n"

    node.after_events = breaks
    assert [event.height for event in islice(over(node).events(), 2)] == [1, 2]
