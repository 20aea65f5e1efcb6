"""The client over HTTP: each call, sessions, batches, and every way in which a node or network can fail."""

import ssl
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.client import Client, InProcess, Refused, errors, http
from hansa.client.asking import REQUEST_BYTES_MAX, batches, parameters
from hansa.client.exchange import Answer
from hansa.client.exchange import _asked_to_wait_ms as asked_to_wait_ms
from hansa.client.http import Http
from hansa.kernel import encode, limits
from hansa.kernel.evidence import SignedAcknowledgement, holds, promised_by
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal
from hansa.kernel.registry import QueryArguments, QueryUnknown
from tests.client.node_double import NodeDouble, answer, busy, lost, problem, silent
from tests.consortium import Consortium, signer

MEMBER = Attest(table="consortium.members", key=("plant",))
URL = "http://127.0.0.1:8420"


@pytest.fixture
def node(consortium: Consortium) -> NodeDouble:
    return NodeDouble(consortium)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have waited."""
    waited: list[float] = []
    monkeypatch.setattr(http.time, "sleep", waited.append)
    return waited


def over(double: NodeDouble, /, **options: Any) -> Http:
    return Http(URL, over=httpx2.MockTransport(double), **options)


def keyed(double: NodeDouble, /, **options: Any) -> Http:
    return over(double, signer=signer("plant"), member="plant", key="k1", **{"node": "maker", **options})


def client_of(node: NodeDouble, transport: Http) -> Client:
    return Client(
        transport,
        node.consortium.registry,
        member="maker",
        key="k1",
        signer=signer("maker"),
        clock=node.consortium.clock,
    )


# What a node answers.


def test_over_http_all_is_as_in_process(node: NodeDouble) -> None:
    there, here = over(node), InProcess(node.consortium.node)
    receipt = client_of(node, there).do(MEMBER)
    asked = encode({"key": "k1", "member": "maker"})

    assert receipt.code == "ok"
    assert there.genesis() == here.genesis()
    assert there.head() == here.head()
    assert there.find(receipt.transaction) == here.find(receipt.transaction) == receipt
    assert there.find("0" * 64) is None
    assert there.events_after(0, -1, 100) == here.events_after(0, -1, 100)
    assert there.query("consortium.sequence", asked) == here.query("consortium.sequence", asked) == b"1"
    assert msgspec.json.decode(there.query("consortium.members", b"{}")) == msgspec.json.decode(
        here.query("consortium.members", b"{}")
    )
    proof = there.prove("transaction", receipt.height, receipt.index)
    head = there.head()
    assert head is not None
    assert holds(proof, head.header)
    assert there.final() is None
    assert there.handovers() == ()


def test_before_the_first_block_there_is_no_head(node: NodeDouble) -> None:
    assert over(node).head() is None


def test_an_answer_says_of_which_height_it_is(node: NodeDouble) -> None:
    transport = over(node)
    client_of(node, transport).do(MEMBER)
    reading = transport.read("consortium.members", b"{}", height=1)

    assert (reading.height, reading.time_ms) == (1, node.consortium.clock())
    assert dict(node.seen[-1].url.params) == {"height": "1"}


def test_the_acknowledgement_is_handed_out_with_the_receipts(node: NodeDouble) -> None:
    transport = over(node)
    client = client_of(node, transport)
    delivery = transport.deliver([client.sign(MEMBER) for _ in range(3)])
    word = msgspec.json.decode(delivery.acknowledgements[0], type=SignedAcknowledgement)

    assert promised_by(word, node.consortium.genesis.node_public)
    assert [item.transaction for item in word.acknowledgement.items] == [
        receipt.transaction for receipt in delivery.receipts
    ]


def test_arguments_of_queries_as_they_stand_in_an_address() -> None:
    asked = encode({"after": [1, 2], "deep": {"a": 1}, "limit": 5, "name": "a b", "none": [], "yes": True})
    assert list(parameters(asked)) == [
        ("after", "1"),
        ("after", "2"),
        ("deep", '{"a":1}'),
        ("limit", "5"),
        ("name", "a b"),
        ("yes", "true"),
    ]


def test_a_hundred_transactions_per_request_and_four_mebibytes() -> None:
    assert [len(batch) for batch in batches([b"x"] * 250)] == [100, 100, 50]
    large = b"x" * limits.TRANSACTION_BYTES_MAX
    sizes = [sum(len(wire) + 4 for wire in batch) for batch in batches([large] * 40)]
    assert len(sizes) == 3
    assert max(sizes) <= REQUEST_BYTES_MAX
    assert list(batches([])) == []
    assert [len(batch) for batch in batches([b"x" * (REQUEST_BYTES_MAX + 1), b"y"])] == [1, 1]


def test_a_request_that_is_too_large_for_the_node_goes_in_halves(node: NodeDouble) -> None:
    def strict(request: httpx2.Request) -> httpx2.Response | None:
        node.faults.append(strict)
        if len(request.read()) > 1_500 and request.url.path == "/v1/transactions":
            return problem(413, "node.body_too_large", "过大。", "Too large.")
        return None

    node.faults.append(strict)
    transport = over(node)
    client = client_of(node, transport)
    receipts = client.submit([client.sign(MEMBER) for _ in range(10)])

    assert [receipt.code for receipt in receipts] == ["ok"] * 10
    assert [receipt.transaction for receipt in receipts] == list(
        dict.fromkeys(receipt.transaction for receipt in receipts)
    )


def test_one_transaction_that_is_too_large_is_refused(node: NodeDouble) -> None:
    node.faults.append(lambda request: problem(413, "node.body_too_large", "过大。", "Too large."))
    with pytest.raises(Refusal) as refused:
        over(node).submit([b"x" * 70])
    assert refused.value.code == "node.body_too_large"


# What a node refuses.


def test_a_refusal_of_the_ledger_is_raised_with_both_texts(node: NodeDouble) -> None:
    with pytest.raises(Refused) as refused:
        client_of(node, over(node)).do(Attest(table="consortium.members", key=("rival",)))
    assert refused.value.receipt.code == "consortium.record_unknown"
    assert "rival" in refused.value.receipt.zh


def test_a_problem_document_is_raised_as_its_own_class(node: NodeDouble) -> None:
    with pytest.raises(QueryUnknown) as unknown:
        over(node).query("consortium.rubbish", b"{}")
    with pytest.raises(QueryArguments) as wrong:
        over(node).query("consortium.sequence", b'{"member":7}')
    assert "consortium.rubbish" in unknown.value.zh
    assert wrong.value.field == "arguments"


def test_a_problem_of_an_unknown_code_keeps_code_and_texts(node: NodeDouble) -> None:
    node.faults.append(lambda request: problem(418, "node.new_thing", "新的。", "\x1b[31mNew.", field="f"))
    with pytest.raises(errors.NodeRefused) as refused:
        over(node).head()
    assert (refused.value.code, refused.value.field) == ("node.new_thing", "f")
    assert (refused.value.zh, refused.value.en) == ("新的。", "?[31mNew.")


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[" * 100_000, b'{"code":"x"}', b"\xff"])
def test_an_answer_of_something_else_is_named(node: NodeDouble, body: bytes) -> None:
    node.faults.append(lambda request: httpx2.Response(404, content=body))
    with pytest.raises(errors.AnswerUnusable, match="404"):
        over(node).find("0" * 64)
    node.faults.append(lambda request: httpx2.Response(200, content=body))
    with pytest.raises(errors.AnswerUnusable):
        over(node).head()


def test_only_the_node_itself_says_that_it_does_not_know_a_transaction(node: NodeDouble) -> None:
    """A 404 of a proxy, or of another path, must not make anybody sign anew."""
    node.faults.append(lambda request: problem(404, "node.route_unknown", "没有。", "No."))
    with pytest.raises(Refusal):
        over(node).find("0" * 64)


def test_receipts_of_other_transactions_are_not_taken(node: NodeDouble) -> None:
    wire = client_of(node, over(node)).sign(MEMBER)
    for receipts in ([], [{"transaction": "0" * 64, "code": "ok"}], [{"transaction": "", "code": "ok"}]):
        told = answer({"receipts": receipts})
        node.faults.append(lambda request, told=told: told)
        with pytest.raises(errors.AnswerUnusable):
            over(node).submit([wire])


def test_a_redirect_is_not_followed(node: NodeDouble) -> None:
    elsewhere = httpx2.Response(302, headers={"location": "http://evil.example/"})
    node.faults.append(lambda request: elsewhere)
    with pytest.raises(errors.AnswerUnusable, match="302"):
        over(node).head()
    assert len(node.seen) == 1


# Trying again.


def test_a_lost_request_is_sent_again_the_same_bytes(node: NodeDouble, waits: list[float]) -> None:
    node.faults += [lost, silent, busy("2")]
    transport = over(node)
    node.seen.clear()
    receipt = client_of(node, transport).do(MEMBER)
    bodies = [request.read() for request in node.seen if request.url.path == "/v1/transactions"]

    assert receipt.code == "ok"
    assert len(set(bodies)) == 1
    assert waits[2] == 2.0
    assert 0.1 <= waits[0] <= 0.125
    assert 0.2 <= waits[1] <= 0.25


def test_a_copy_that_came_in_beside_the_first_has_the_first_outcome(node: NodeDouble) -> None:
    """The answer is lost while the transaction waits, and the second copy is refused as one."""
    client = client_of(node, over(node))
    wire = client.sign(MEMBER)

    def both(request: httpx2.Request) -> httpx2.Response:
        (first,) = node.consortium.node.submit([wire])
        assert first.code == "ok"
        copy = Receipt(transaction=first.transaction, code="kernel.replayed")
        return answer({"acknowledgement": None, "receipts": [copy]})

    node.faults.append(both)
    assert client.submit([wire])[0].code == "ok"


def test_patience_ends_with_the_last_trouble(node: NodeDouble, waits: list[float]) -> None:
    node.faults += [lost] * 50
    with pytest.raises(errors.Unreachable) as away:
        over(node, patience_s=3).head()
    assert sum(waits) == pytest.approx(3)
    assert "connection refused" in away.value.en
    node.faults[:] = [silent] * 50
    with pytest.raises(errors.TimedOut):
        over(node, patience_s=1).head()
    node.faults[:] = [busy("60")]
    with pytest.raises(errors.Busy, match="60"):
        over(node, patience_s=10).head()
    node.faults[:] = [lambda request: problem(503, "engine.stopped", "停机。", "Stopped.")] * 50
    with pytest.raises(Refusal) as stopped:
        over(node, patience_s=1).head()
    assert stopped.value.code == "engine.stopped"


@pytest.mark.parametrize(
    ("text", "ms"),
    [("0", 0), ("7", 7_000), ("x", 0), ("", 0), ("-1", 0), ("99999999999", 0), ("1.5", 0),
     ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("²", 0)],
)  # fmt: skip
def test_retry_after_in_all_its_forms(text: str, ms: int) -> None:
    assert asked_to_wait_ms(Answer(429, {"retry-after": text}, b"")) == ms
    far = "Fri, 21 Oct 2999 07:28:00 GMT"
    assert asked_to_wait_ms(Answer(429, {"retry-after": far}, b"")) > limits.DAY_MS


def test_an_answer_without_end_is_cut_off(node: NodeDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ANSWER_BYTES_MAX", 10_000)

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1_000

    node.faults.append(lambda request: httpx2.Response(200, content=endless()))
    with pytest.raises(errors.AnswerUnusable, match="10000"):
        over(node).head()


def test_an_answer_that_trickles_is_cut_off(node: NodeDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 100_000, 10))
    monkeypatch.setattr(http.time, "monotonic", lambda: next(seconds))

    def trickle() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x"

    node.faults += [lambda request: httpx2.Response(200, content=trickle())] * 9
    with pytest.raises(errors.TimedOut, match="30"):
        over(node, patience_s=0).head()


# Sessions.


def test_a_session_is_opened_when_a_read_needs_one_and_kept(node: NodeDouble) -> None:
    node.private.add("/v1/consortium/members")
    transport = keyed(node)
    transport.query("consortium.members", b"{}")
    transport.query("consortium.members", b"{}")
    assert [request.url.path for request in node.seen] == [
        "/v1/consortium/members",
        "/v1/sessions/challenge",
        "/v1/sessions",
        "/v1/consortium/members",
        "/v1/consortium/members",
    ]


def test_a_session_that_the_node_forgot_is_opened_anew(node: NodeDouble) -> None:
    node.private.add("/v1/consortium/members")
    transport = keyed(node)
    transport.query("consortium.members", b"{}")
    node.tokens.clear()
    transport.query("consortium.members", b"{}")
    assert [request.url.path for request in node.seen].count("/v1/sessions") == 2


def test_a_node_that_takes_no_session_is_not_asked_for_ever(node: NodeDouble) -> None:
    node.private.add("/v1/consortium/members")
    node.tokens = type("Nothing", (set,), {"__contains__": lambda *_: False})()
    with pytest.raises(Refusal) as refused:
        keyed(node).query("consortium.members", b"{}")
    assert refused.value.code == "node.session_needed"
    assert len(node.seen) == 4


def test_without_a_key_there_is_no_session(node: NodeDouble) -> None:
    node.private.add("/v1/consortium/members")
    with pytest.raises(errors.SessionNeeded):
        over(node).query("consortium.members", b"{}")


def test_a_session_is_not_opened_in_the_open(node: NodeDouble) -> None:
    node.private.add("/v1/consortium/members")
    mock = httpx2.MockTransport(node)
    key = {"signer": signer("plant"), "member": "plant", "key": "k1"}
    with pytest.raises(errors.PlainSession):
        Http("http://node.example:8420", over=mock, **key).query("consortium.members", b"{}")
    assert not any("sessions" in request.url.path for request in node.seen)
    allowed = Http("http://node.example:8420", over=mock, allow_plain=True, **key)
    assert allowed.query("consortium.members", b"{}")


def test_a_wrong_key_opens_no_session(node: NodeDouble) -> None:
    node.private.add("/v1/consortium/members")
    transport = over(node, signer=signer("rival"), member="plant", key="k1")
    with pytest.raises(Refusal) as refused:
        transport.query("consortium.members", b"{}")
    assert refused.value.code == "node.challenge_unknown"


def test_a_challenge_that_is_none_is_named(node: NodeDouble) -> None:
    told = answer({"chain": "0" * 64, "node": "maker", "challenge": "%%%", "expires_ms": 0})
    node.faults.append(lambda request: told)
    with pytest.raises(errors.AnswerUnusable):
        keyed(node).open_session()


def test_a_node_that_says_it_is_another_gets_no_signature(node: NodeDouble) -> None:
    """Else it could pass on the challenge of another node and read there in the caller's name."""
    transport = keyed(node, node="maker")
    transport.open_session()
    node.name = "rival"
    with pytest.raises(errors.OtherNode, match="rival"):
        transport.open_session()
    with pytest.raises(errors.OtherNode):
        keyed(node, node="maker").open_session()
    assert [request.url.path for request in node.seen].count("/v1/sessions") == 1


def test_whoever_a_node_first_says_it_is_it_must_stay(node: NodeDouble) -> None:
    transport = keyed(node)
    transport.open_session()
    node.name = "rival"
    with pytest.raises(errors.OtherNode):
        transport.open_session()


# Addresses and certificates.


@pytest.mark.parametrize(
    "url",
    ["", "localhost", "ftp://host", "http://", "http://host:99999", "http://host:x", "http://a@host",
     "http://host?x=1", "http://[::1", "https:///x"],
)  # fmt: skip
def test_what_is_no_address_is_named(url: str) -> None:
    with pytest.raises(errors.UrlUnusable):
        Http(url)


def test_a_ca_file_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(errors.CaUnusable):
        Http("https://host", ca=tmp_path / "missing.pem")
    (tmp_path / "rubbish.pem").write_text("rubbish")
    with pytest.raises(errors.CaUnusable):
        Http("https://host", ca=tmp_path / "rubbish.pem")


def test_a_certificate_that_cannot_be_confirmed_is_not_retried(node: NodeDouble, waits: list[float]) -> None:
    def unknown_authority(request: httpx2.Request) -> httpx2.Response:
        cause = ssl.SSLCertVerificationError()
        cause.verify_message = "self-signed certificate"
        raise httpx2.ConnectError("tls", request=request) from cause

    node.faults.append(unknown_authority)
    with pytest.raises(errors.TlsFailed, match="self-signed"):
        over(node).head()
    assert waits == []


# Events.


def test_events_come_each_once_and_in_order_across_broken_lines(node: NodeDouble) -> None:
    transport = over(node)
    client = client_of(node, over(node))
    client.do(MEMBER, MEMBER)

    def breaks() -> Iterator[bytes]:
        client.do(MEMBER)
        if len(node.seen) < 20:
            raise httpx2.ReadError("broken")
        yield b""

    node.after_events = breaks
    stream = transport.events()
    places = [(event.height, event.index) for event in islice(stream, 5)]

    assert places == [(1, 0), (1, 1), (2, 0), (3, 0), (4, 0)]
    asked = [request for request in node.seen if request.url.path == "/v1/events"]
    assert [request.headers["last-event-id"] for request in asked] == ["0.-1", "1.1", "2.0", "3.0"]


def test_what_a_node_sends_twice_is_heard_once(node: NodeDouble) -> None:
    client_of(node, over(node)).do(MEMBER)
    whole = node.consortium.node.events_after(0, -1)

    def again() -> Iterator[bytes]:
        for height, index, data in [*whole, *whole, (2, 0, whole[0][2])]:
            body = {"id": f"{height}.{index}", "type": "t", "data": msgspec.json.decode(data)}
            yield b"data: " + encode(body) + b"\n\n"

    node.after_events = again
    stream = over(node).events()
    heard = [next(stream), next(stream)]
    assert [(event.height, event.index) for event in heard] == [(1, 0), (2, 0)]
    assert heard[0].data == whole[0][2]


def test_a_stream_that_stays_away_is_given_up_where_asked(node: NodeDouble) -> None:
    node.faults += [lost] * 30
    with pytest.raises(errors.Unreachable):
        next(over(node).events(give_up_s=5))


def test_a_stream_that_is_refused_is_not_opened_for_ever(node: NodeDouble) -> None:
    node.faults += [lambda request: problem(403, "node.forbidden", "不可。", "Not for you.")]
    with pytest.raises(Refusal) as refused:
        next(over(node).events())
    assert refused.value.code == "node.forbidden"


def test_a_stream_opens_a_session_when_it_needs_one(node: NodeDouble) -> None:
    client_of(node, over(node)).do(MEMBER)
    node.private.add("/v1/events")
    assert next(keyed(node).events()).height == 1


@pytest.mark.parametrize("data", ["rubbish", "{}", '{"id":"x","type":"t","data":{}}', "[" * 9_000])
def test_an_event_that_is_none_is_named(node: NodeDouble, data: str) -> None:
    node.after_events = lambda: iter([f"data: {data}\n\n".encode()])
    with pytest.raises(errors.AnswerUnusable):
        next(over(node).events())
