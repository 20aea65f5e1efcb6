"""The client for asyncio does as the blocking one."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.client import InProcess, Refused, aio, errors
from hansa.client.aio import AsyncClient, AsyncHttp
from hansa.kernel import limits
from tests.client.node_double import NodeDouble, busy, lost
from tests.consortium import Consortium, signer

MEMBER = Attest(table="consortium.members", key=("plant",))
URL = "http://127.0.0.1:8420"


@pytest.fixture
def node(consortium: Consortium) -> NodeDouble:
    return NodeDouble(consortium)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = asyncio.sleep
    monkeypatch.setattr(aio.asyncio, "sleep", lambda seconds: sleep(0))


def over(node: NodeDouble, **options: Any) -> AsyncHttp:
    return AsyncHttp(URL, over=httpx2.MockTransport(node), **options)


async def client_of(node: NodeDouble, transport: AsyncHttp) -> AsyncClient:
    return await AsyncClient.open(
        transport,
        node.consortium.registry,
        member="maker",
        key="k1",
        signer=signer("maker"),
        clock=node.consortium.clock,
    )


def test_many_tasks_share_a_client_and_each_has_its_outcome(node: NodeDouble) -> None:
    node.consortium.do("maker", MEMBER)

    async def work() -> list[int]:
        async with over(node) as transport:
            client = await client_of(node, transport)
            receipts = await asyncio.gather(*(client.do(MEMBER) for _ in range(50)))
            with pytest.raises(Refused):
                await client.do(Attest(table="consortium.members", key=("rival",)))
            return [receipt.height for receipt in receipts]

    assert sorted(asyncio.run(work())) == list(range(2, 52))


def test_no_more_than_512_are_in_flight(node: NodeDouble) -> None:
    async def work() -> int:
        transport = over(node)
        client = await client_of(node, transport)
        most = now = 0
        submit = transport.deliver

        async def counted(wires: Any) -> Any:
            nonlocal most, now
            now += 1
            most = max(most, now)
            for _ in range(5):
                await asyncio.sleep(0)
            found = await submit(wires)
            now -= 1
            return found

        transport.deliver = counted  # type: ignore[method-assign]
        await asyncio.gather(*(client.do(MEMBER) for _ in range(limits.IN_FLIGHT_MAX + 50)))
        return most

    assert asyncio.run(work()) == limits.IN_FLIGHT_MAX


def test_every_call_answers_as_in_process(node: NodeDouble) -> None:
    here = InProcess(node.consortium.node)

    async def work() -> None:
        node.faults += [lost, busy("1")]
        transport = over(node, signer=signer("plant"), member="plant", key="k1")
        receipt = await (await client_of(node, transport)).do(MEMBER)
        assert await transport.genesis() == here.genesis()
        assert await transport.head() == here.head()
        assert await transport.final() is None
        assert await transport.handovers() == ()
        assert await transport.find(receipt.transaction) == receipt
        assert await transport.events_after(0, -1, 9) == here.events_after(0, -1, 9)
        assert await transport.prove("event", 1, 0) == here.prove("event", 1, 0)
        assert await transport.get("/v1/genesis") == here.genesis()
        node.private.add("/v1/consortium/members")
        assert await transport.query("consortium.members", b"{}")
        await transport.open_session()
        await transport.hand_over(b"{}")

    asyncio.run(work())


def test_patience_ends(node: NodeDouble) -> None:
    node.faults += [lost] * 50
    with pytest.raises(errors.Unreachable):
        asyncio.run(over(node, patience_s=3).head())


def test_events_go_on_exactly_after_a_broken_line(node: NodeDouble) -> None:
    node.consortium.do("maker", MEMBER, MEMBER)
    node.private.add("/v1/events")

    def breaks() -> Iterator[bytes]:
        node.consortium.do("maker", MEMBER)
        raise httpx2.ReadError("broken")
        yield b""

    node.after_events = breaks

    async def work() -> list[tuple[int, int]]:
        places: list[tuple[int, int]] = []
        transport = over(node, signer=signer("plant"), member="plant", key="k1")
        async for event in transport.events():
            places.append((event.height, event.index))
            if len(places) == 4:
                break
        return places

    assert asyncio.run(work()) == [(1, 0), (1, 1), (2, 0), (3, 0)]
