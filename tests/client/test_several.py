"""Several nodes in the place of one: who is well is asked, blocking or not; each retry time is kept."""

import asyncio
import contextlib
from collections.abc import Iterator

import httpx2
import pytest

from hansa.client import AnswerUnusable, Client, errors
from hansa.client.aio import AsyncClient, AsyncHttp
from hansa.client.exchange import Answer, Api, Ask, Pause
from hansa.client.http import Http
from hansa.client.several import REST_FIRST_MS, SHUNNED_MS, Other, Several
from hansa.client.trust_errors import HeadUnproved
from hansa.client.validators import WHOLE_BLOCK_FROM
from hansa.kernel import encode
from hansa.kernel.refusal import Refusal
from tests.client.hosts import Hosts
from tests.client.lossy import REGISTRY, Add, effects
from tests.client.network import Network
from tests.client.node_double import NodeDouble, answer
from tests.consortium import Consortium, signer


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network(registry=REGISTRY)
    yield made
    made.close()


@pytest.fixture
def hosts(network: Network) -> Hosts:
    return Hosts(network)


def client_of(network: Network, hosts: Hosts, *members: str) -> Client:
    return Client(
        hosts.http(*members), REGISTRY, member="plant", key="k1", signer=signer("plant"), clock=network.clock
    )


@pytest.mark.parametrize("trouble", ["away", "silent", "busy", "stopped"])
def test_another_node_takes_what_one_does_not(network: Network, hosts: Hosts, trouble: str) -> None:
    client = client_of(network, hosts, "plant", "maker")
    hosts.do(plant=trouble)
    assert client.do(Add(entry=1)).code == "ok"
    assert effects(network) == {1: 1}
    assert "/v1/transactions" in hosts.asked()["maker"]


def test_a_node_that_is_gone_before_it_has_proved_is_no_reason_to_stop(
    network: Network, hosts: Hosts
) -> None:
    client = client_of(network, hosts, "plant", "maker")
    hosts.do(plant="proofless")
    assert client.do(Add(entry=1)).code == "ok"
    hosts.do(plant="proofless", maker="proofless")
    with pytest.raises((errors.Unreachable, errors.Busy)):
        client.do(Add(entry=2))


def test_ones_own_node_is_asked_first_and_again_once_it_rested() -> None:
    now = [0.0]
    several = Several([Api("http://a", patience_ms=0), Api("http://b", patience_ms=0)], 0, lambda: now[0])

    def asked(*troubles: str) -> list[str]:
        """Who was asked, while these are away."""
        steps, seen = several.genesis(), []
        wanted = next(steps)
        while True:
            assert isinstance(wanted, Ask)
            seen.append(wanted.url)
            try:
                if wanted.url in troubles:
                    wanted = steps.send(errors.Unreachable(url=wanted.url, cause="x"))
                else:
                    wanted = steps.send(Answer(200, {}, b"{}"))
            except StopIteration:
                return seen
            if isinstance(wanted, Pause):
                wanted = steps.send(None)

    assert asked() == ["http://a"]
    assert asked("http://a") == ["http://a", "http://b"]
    assert asked() == ["http://b"], "it rests"
    now[0] += REST_FIRST_MS / 1_000
    assert asked("http://a") == ["http://a", "http://b"]
    now[0] += REST_FIRST_MS / 1_000
    assert asked() == ["http://b"], "twice as long"
    now[0] += REST_FIRST_MS / 1_000
    assert asked() == ["http://a"]
    assert several.health()["http://a"].failures == 0


def test_a_retry_time_is_kept_and_told_when_nobody_has_room(network: Network, hosts: Hosts) -> None:
    client = client_of(network, hosts, "plant", "maker")
    hosts.do(plant="busy", maker="busy")
    with pytest.raises(errors.Busy, match="7 s"):
        client.do(Add(entry=1))
    hosts.do()
    before = {name: len(paths) for name, paths in hosts.asked().items()}
    with pytest.raises(errors.Busy):
        client.do(Add(entry=2))
    assert {name: len(paths) for name, paths in hosts.asked().items()} == before, "both are left in peace"


def test_a_node_of_another_chain_is_passed_over(network: Network, hosts: Hosts) -> None:
    other = Network(registry=REGISTRY)
    other.genesis = network.genesis
    page = "<html>proxy</html>"
    real = hosts.answer

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, text=page) if request.url.port == 8422 else real(request)

    hosts.answer = answer  # type: ignore[method-assign]
    client = client_of(network, hosts, "plant", "maker")
    assert client.do(Add(entry=1)).code == "ok"
    other.close()


@pytest.mark.parametrize("lie", ["forgets", "invents", "misplaces", "forges"])
@pytest.mark.parametrize("count", [1, WHOLE_BLOCK_FROM])
def test_what_a_node_tells_counts_by_proof_alone(
    network: Network, hosts: Hosts, lie: str, count: int
) -> None:
    network.do("bank", Add(entry=9))
    client = client_of(network, hosts, "plant")
    hosts.do(plant=lie)
    with pytest.raises(AnswerUnusable, match="not proved"):
        client.submit([client.sign(Add(entry=n + 1)) for n in range(count)])


def test_on_an_operators_chain_no_word_is_no_outcome() -> None:
    """Only a network's node may leave the acknowledgement out."""
    plain = Consortium(registry=REGISTRY)
    node = NodeDouble(plain)
    wire = plain.client("plant").sign(Add(entry=1))

    def wordless(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path != "/v1/transactions":
            return None
        return answer({"receipts": plain.node.submit([wire])})

    node.faults += [wordless, wordless]
    http = Http("http://127.0.0.1:8421", patience_s=0, over=httpx2.MockTransport(node))
    with http, pytest.raises(AnswerUnusable, match="acknowledgement"):
        http.deliver([wire])
    plain.close()


def test_a_head_without_a_commit_proves_nothing(network: Network, hosts: Hosts) -> None:
    client = client_of(network, hosts, "plant")
    hosts.do(plant="strips")
    with pytest.raises(HeadUnproved):
        client.do(Add(entry=1))


def test_a_refusal_of_the_ledger_is_passed_on_and_nobody_else_is_asked(
    network: Network, hosts: Hosts
) -> None:
    http = hosts.http("plant", "maker")
    with pytest.raises(Refusal) as caught:
        http.query("tally.unknown", encode({}))
    assert not isinstance(caught.value, errors.Unreachable | errors.AnswerUnusable)
    assert not hosts.asked()["maker"]


def test_many_outcomes_of_a_block_take_one_header_and_one_proof(network: Network, hosts: Hosts) -> None:
    client = client_of(network, hosts, "plant")
    wires = [client.sign(Add(entry=n)) for n in range(1, 51)]
    hosts["plant"].seen.clear()
    client.submit(wires)
    asked = hosts.asked()["plant"]
    assert asked.count("/v1/head") == 1
    assert len([path for path in asked if path.startswith("/v1/proofs/")]) == 1
    assert len(effects(network)) == 50
    hosts["plant"].seen.clear()
    client.submit([client.sign(Add(entry=n)) for n in range(51, 51 + WHOLE_BLOCK_FROM - 1)])
    paths = [path for path in hosts.asked()["plant"] if path.startswith("/v1/proofs/")]
    assert len(paths) == WHOLE_BLOCK_FROM - 1


def asking(
    several: Several, answers: dict[str, Answer | Refusal], call: str, *arguments: object
) -> list[str]:
    """Who was asked, in order."""
    steps, seen = getattr(several, call)(*arguments), []
    wanted = next(steps)
    with contextlib.suppress(StopIteration, Refusal):
        while True:
            if isinstance(wanted, Ask):
                seen.append(wanted.url)
                wanted = steps.send(answers[wanted.url])
            else:
                wanted = steps.send(None)
    return seen


def test_a_node_rests_for_as_long_as_it_asked() -> None:
    now = [0.0]
    several = Several([Api("http://a", patience_ms=0), Api("http://b", patience_ms=0)], 0, lambda: now[0])
    full = {"code": "node.queue_full", "zh": "满", "en": "full"}
    answers: dict[str, Answer | Refusal] = {
        "http://a": Answer(503, {"retry-after": "7"}, encode(full)),
        "http://b": Answer(200, {}, b"{}"),
    }
    assert asking(several, answers, "genesis") == ["http://a", "http://b"]
    now[0] = 6.9
    assert asking(several, answers, "genesis") == ["http://b"]
    now[0] = 7.1
    assert asking(several, answers, "genesis") == ["http://a", "http://b"]


def test_proofs_are_asked_of_who_showed_the_header() -> None:
    now = [0.0]
    several = Several([Api("http://a", patience_ms=0), Api("http://b", patience_ms=0)], 0, lambda: now[0])
    away = errors.Unreachable(url="http://a", cause="x")
    told: dict[str, Answer | Refusal] = {"http://a": away, "http://b": Answer(200, {}, b"null")}
    assert asking(several, told, "final") == ["http://a", "http://b"]
    now[0] = 100.0
    told["http://a"] = Answer(200, {}, b'{"path":[]}')
    told["http://b"] = Answer(200, {}, b'{"path":[]}')
    assert asking(several, told, "consistency", 1, 2) == ["http://b"]
    told["http://b"] = away
    assert asking(several, told, "consistency", 1, 2) == ["http://b"], "another one's path would mean nothing"
    assert asking(several, told, "consistency", 1, 2) == ["http://a"]


def test_who_told_what_cannot_be_proved_is_shunned() -> None:
    now = [0.0]
    several = Several([Api("http://a"), Api("http://b")], 0, lambda: now[0])
    assert several.shun()
    assert several.url == "http://b"
    assert not several.shun()
    now[0] += SHUNNED_MS / 1_000
    assert [api.url for api in several._order()] == ["http://a", "http://b"]


def test_the_same_without_blocking(network: Network, hosts: Hosts) -> None:
    async def work() -> None:
        async with AsyncHttp(
            hosts.url("plant"),
            others=[Other(hosts.url("maker"), "maker")],
            node="plant",
            chain=network.node.chain.id,
            patience_s=0,
            over=httpx2.MockTransport(hosts.answer),
        ) as http:
            client = await AsyncClient.open(
                http, REGISTRY, member="plant", key="k1", signer=signer("plant"), clock=network.clock
            )
            await asyncio.gather(*(client.do(Add(entry=n)) for n in range(1, 8)))
            hosts.do(plant="away")
            assert (await client.do(Add(entry=8))).code == "ok"
            hosts.do(maker="invents", plant="away")
            with pytest.raises(AnswerUnusable, match="not proved"):
                await client.do(Add(entry=9))

    asyncio.run(work())
    assert set(effects(network).values()) == {1}
    assert len(effects(network)) == 9
