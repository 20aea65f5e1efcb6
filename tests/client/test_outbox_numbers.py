"""The numbers that an outbox signs with: no host can have one counted twice, nor hold one up for ever."""

import contextlib
import json
from pathlib import Path

import httpx2
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.client import AnswerUnusable, errors
from hansa.client.outbox import Entry, Outbox, Pen
from hansa.client.outbox_errors import SequenceFar
from hansa.client.trust import Trust
from hansa.client.unused import PAGES_MAX, Shown, shown
from hansa.client.validators import Validators, run
from hansa.kernel import Positive, encode, replace
from hansa.kernel.evidence import Proof
from hansa.kernel.messages import Outcome, Receipt, Window
from hansa.kernel.refusal import Refusal
from hansa.kernel.transaction import identity, sign
from tests.client.hosts import told
from tests.client.lossy import REGISTRY, Add, effects
from tests.client.node_double import answer, envelope, split
from tests.client.test_outbox_hosts import DAY_MINUTES, Desk, desk
from tests.consortium import signer

__all__ = ["desk"]


def reading(value: object) -> httpx2.Response:
    """A query's answer."""
    text = json.dumps({"height": 1, "time_ms": 1, "value": value})
    return httpx2.Response(200, text=text, headers={"content-type": "application/json"})


def test_what_a_window_says() -> None:
    used = Window(highest=10, used=(0b1001).to_bytes(128))  # 10 and 7.
    said = {n: Shown(1_000, used).unused(n, 1_000) for n in (11, 10, 9, 8, 7, 6)}
    assert said == {11: True, 10: False, 9: True, 8: True, 7: False, 6: True}
    assert Shown(1_000, used).unused(9, 1_001) is None, "its time was not over"
    assert Shown(1_000, Window()).unused(1, 1_000), "the key never signed"
    far = Shown(1_000, Window(highest=2_000, used=bytes(128)))
    assert far.unused(2_000 - 1_023, 1_000) is True
    assert far.unused(2_000 - 1_024, 1_000) is None, "nobody remembers it"


@pytest.mark.parametrize("value", ["abc", -1, 2**70, [], None, 1.5])
def test_a_number_that_is_none_is_named(desk: Desk, value: object) -> None:
    desk.put(1)
    desk.hosts["plant"]._query = lambda name, params: reading(value)  # type: ignore[method-assign]
    with pytest.raises(AnswerUnusable):
        desk.flush("plant")
    with pytest.raises(AnswerUnusable):
        desk.network_client("plant").query("consortium.sequence", Positive, member="plant", key="k1")


def test_a_number_far_beyond_stops_an_outbox_for_no_longer_than_its_host_lies(desk: Desk) -> None:
    numbers = [desk.put(1), desk.put(2)]
    desk.hosts.do(plant="overcounts far")
    with contextlib.suppress(Refusal):
        desk.flush("plant")
    assert desk.outbox.entry(numbers[0]).sequence > 10**12
    numbers.append(desk.put(3))
    desk.flush("maker")
    assert [desk.outbox.entry(n).state for n in numbers] == ["signed", "signed", "done"]
    desk.later(DAY_MINUTES)
    desk.flush("maker")
    assert [desk.outbox.entry(n).state for n in numbers] == ["done"] * 3
    assert all(effects(desk.network)[entry] == 1 for entry in (1, 2, 3))


def test_a_host_that_lags_gets_no_number_signed_twice(tmp_path: Path) -> None:
    """Numbers that took effect lie beyond what it says, and so do those in flight."""
    with Outbox(tmp_path / "outbox.db", chain="c", member="plant") as outbox:
        file = outbox._file
        signed = [(file.add(b"{}", 0), b"w", "t", sequence, 0) for sequence in range(1_000, 2_201)]
        file.keep_signed("k1", signed)
        file.decide([(number, "done", b"") for number, *_ in signed[:-1]])
        for on_ledger in (0, 900, 999, 1_100):
            with pytest.raises(SequenceFar):
                outbox.next_sequence("k1", on_ledger)
        assert outbox.next_sequence("k1", 2_000) == 2_201


@pytest.mark.parametrize("tells", ["true", "own", "other", "none"])
def test_a_number_that_another_program_used_is_let_go(desk: Desk, tells: str) -> None:
    """Its host told an old number. The list of a key's transactions says where to look, no more."""
    desk.network.do("plant", Add(entry=7))
    desk.hosts.do(plant="undercounts")
    number = desk.put(1)
    desk.flush("plant")
    assert desk.outbox.entry(number).state == "signed"
    assert 1 not in effects(desk.network)
    desk.later(DAY_MINUTES)
    with desk.hosts.http("maker") as http:
        data = http.get("/v1/transactions", (("member", "plant"), ("key", "k1")))
    rows, own = json.loads(data)["transactions"], desk.outbox.entry(number).transaction
    lies = {
        "own": [row | {"transaction": own} for row in rows],
        "other": [row | {"height": row["height"] + 1} for row in rows],
        "none": [],
    }
    replayed = {"code": "kernel.replayed", "transaction": "cd" * 32, "height": 1}
    desk.hosts["maker"].rows = lies.get(tells, [*rows, *(row | replayed for row in rows)])
    desk.flush("maker")
    entry = desk.outbox.entry(number)
    assert (entry.state, entry.signings) == (("done", 2) if tells == "true" else ("signed", 1))
    assert effects(desk.network).get(1, 0) == (tells == "true")


def test_a_window_counts_as_it_is_proved_not_as_it_is_told(desk: Desk) -> None:
    """The event is told blank, its proof is true."""
    number, plant = desk.put(1), desk.hosts["plant"]
    desk.hosts.do(plant="silent")
    with pytest.raises(errors.TimedOut):
        desk.flush("plant")
    desk.later(DAY_MINUTES)
    true = plant._events

    def told(request: httpx2.Request) -> httpx2.Response:
        plant.does = "blanks"
        blanked = true(request)
        plant.does = "hides"
        return blanked

    plant._events = told  # type: ignore[method-assign]
    desk.hosts.do(plant="hides")
    desk.flush("plant")
    entry = desk.outbox.entry(number)
    assert (entry.state, entry.signings) == ("signed", 1)
    assert effects(desk.network)[1] == 1


def test_that_a_key_may_not_show_its_window_is_proved_or_it_may(desk: Desk) -> None:
    """Else the host's word alone, that it knows nothing of the bytes, would have them signed anew."""
    number, plant = desk.put(1), desk.hosts["plant"]
    desk.hosts.do(plant="silent")
    with pytest.raises(errors.TimedOut):
        desk.flush("plant")
    desk.later(DAY_MINUTES)

    def refusing(request: httpx2.Request) -> httpx2.Response:
        code = "kernel.out_of_scope"
        return told([Receipt(identity(w), code, zh="无", en="none") for w in split(request.read())])

    plant._submit = refusing  # type: ignore[method-assign]
    desk.hosts.do(plant="hides")
    desk.flush("plant")
    entry = desk.outbox.entry(number)
    assert (entry.state, entry.signings) == ("signed", 1)
    assert effects(desk.network)[1] == 1


@pytest.mark.parametrize(
    "lie",
    [
        "its own",
        "a copy",
        "made up",
        "made up, and done",
        "another number",
        "made up, with another's end",
        "one that was too late",
    ],
)
def test_what_took_effect_is_never_let_go_whatever_a_list_says(desk: Desk, lie: str) -> None:
    """It counted, and the host hides it. It lists what is not there, or is no other use of the number."""
    earlier = desk.network.do("plant", Add(entry=7))
    number, plant = desk.put(1), desk.hosts["plant"]
    desk.hosts.do(plant="silent")
    with pytest.raises(errors.TimedOut):
        desk.flush("plant")
    entry = desk.outbox.entry(number)
    first = desk.network.node.find(entry.transaction)
    copy = desk.network.node.block([entry.wire])  # Refused as replayed, like the one after it.
    late = desk.network.node.block([signed_as(desk, entry)])
    desk.later(DAY_MINUTES)
    assert first is not None
    height = {
        "a copy": copy.height,
        "another number": earlier.height,
        "made up, with another's end": earlier.height,
        "one that was too late": late.height,
    }.get(lie, first.height)
    claim = {"transaction": "ab" * 32, "index": 0, "sequence": entry.sequence, "code": "ok"}
    plant.rows = [{"height": height, **claim}]
    body = entry.wire.replace(b'"entry":1', b'"entry":2')
    fakes = {"transaction": body} if lie.startswith("made up") else {}
    if lie == "made up, and done":
        fakes["outcome"] = encode(Outcome(transaction=identity(body), code="ok"))
    true = desk.network.node.prove

    def prove(kind: str, at: int, index: int, head: int | None = None) -> Proof:
        proof = true(kind, at, index, head)
        return replace(proof, item=fakes.get(kind, proof.item)) if at == height else proof

    desk.network.node.prove = prove  # type: ignore[method-assign]
    desk.hosts.do(plant="hides")
    desk.flush("plant")
    entry = desk.outbox.entry(number)
    assert (entry.state, entry.signings) == ("signed", 1)
    assert effects(desk.network)[1] == 1


def signed_as(desk: Desk, entry: Entry) -> bytes:
    """Other bytes with the number of an entry, as another program of the member would have signed them."""
    return sign(
        REGISTRY,
        desk.pen.signer,
        chain=desk.network.node.chain.id,
        member="plant",
        key=entry.key,
        sequence=entry.sequence,
        valid_until_ms=entry.valid_until_ms,
        actions=(Add(entry=3),),
    )


def test_a_key_that_the_ledger_never_saw_holds_up_nothing(desk: Desk) -> None:
    """One was signed with a key that was not registered yet, and the member goes on with another."""
    other = desk.pen
    desk.pen = Pen(REGISTRY, "k9", signer("plant", "k9"), desk.network.clock)
    numbers = [desk.put(1)]
    desk.flush("plant")
    desk.pen = other
    desk.hosts.do(plant="forgets")
    numbers.append(desk.put(2))
    with pytest.raises(AnswerUnusable):
        desk.flush("plant")
    assert [desk.outbox.entry(number).key for number in numbers] == ["k9", "k1"]
    desk.hosts.do()
    desk.later(DAY_MINUTES)
    desk.flush("plant")
    assert [desk.outbox.entry(number).state for number in numbers] == ["refused", "done"]
    assert effects(desk.network) == {2: 1, 9_999: 1}


def test_of_several_windows_in_a_block_ones_own_counts(desk: Desk) -> None:
    network = desk.network
    network.do("plant", Add(entry=7))
    keys = [("bank", "k1"), ("plant", "k1")]
    receipt = network.do("maker", *[Attest(table="kernel.windows", key=key) for key in keys])
    found = {key: window_of(desk, *key, receipt) for key in keys}
    assert [one and one.window.highest for one in found.values()] == [1, 1]
    network.do("plant", Add(entry=8))
    receipt = network.do("maker", *[Attest(table="kernel.windows", key=key) for key in keys])
    assert [one and one.window.highest for one in (window_of(desk, *key, receipt) for key in keys)] == [1, 2]
    assert window_of(desk, "auditor", "k1", receipt) is None


def test_that_a_key_never_signed_is_proved_too(desk: Desk) -> None:
    receipt = desk.network.submit("maker", Attest(table="kernel.windows", key=("plant", "k9")))
    block = desk.network.node.app.ledger.leaf(receipt.height)
    assert window_of(desk, "plant", "k9", receipt) == Shown(block.time_ms, Window())
    other = desk.network.submit("maker", Attest(table="consortium.members", key=("nobody",)))
    assert window_of(desk, "plant", "k9", replace(other, transaction=receipt.transaction)) is None
    real = desk.network.node.prove

    def later(kind: str, height: int, index: int, head: int | None = None) -> Proof:
        proof = real(kind, height, index, head)
        return replace(proof, block=replace(proof.block, time_ms=proof.block.time_ms + 1))

    desk.network.node.prove = later  # type: ignore[method-assign]
    assert window_of(desk, "plant", "k9", receipt) is None


def window_of(desk: Desk, member: str, key: str, receipt: Receipt) -> Shown | None:
    """As the plant's node shows it to who begins anew."""
    http, node = desk.hosts.http("plant"), desk.network.node
    trust = Trust(node.genesis_bytes, node.chain.id, None, desk.network.clock)
    return run(http, shown(Validators(trust), http.url, member, key, receipt))


def test_a_block_without_end_shows_no_window(desk: Desk) -> None:
    desk.put(1)
    desk.flush("plant")
    receipt = desk.outbox.entry(1).receipt
    assert receipt is not None
    asked = [0]

    def endless(request: httpx2.Request) -> httpx2.Response:
        asked[0] += 1
        height, index = map(int, request.url.params["after"].split("."))
        events = [envelope(height, index + n, b'{"_type":"tally.added"}') for n in range(1, 1_001)]
        return answer({"events": events})

    desk.hosts["plant"]._events = endless  # type: ignore[method-assign]
    assert window_of(desk, "plant", "k1", receipt) is None
    assert asked[0] == PAGES_MAX


@pytest.mark.parametrize("indices", [(0, 0), (1, 0), tuple(range(11))])
def test_events_come_in_order_and_no_more_than_asked_for(desk: Desk, indices: tuple[int, ...]) -> None:
    events = [envelope(5, index, b'{"_type":"tally.added"}') for index in indices]
    desk.hosts["plant"]._events = lambda request: answer({"events": events})  # type: ignore[method-assign]
    with pytest.raises(AnswerUnusable, match="out of order"):
        desk.hosts.http("plant").events_after(5, -1, 10)
