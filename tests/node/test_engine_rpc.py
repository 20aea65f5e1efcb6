"""The engine's RPC: answers of all shapes, connections that end, an engine that is away or talks nonsense."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from hansa.node import limits
from hansa.node.engine_rpc import EngineRpc
from hansa.node.errors_engine import EngineAway, EngineSaid

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


async def question(reader: Reader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(
        next(line.split(b":")[1] for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    )
    found: bytes = await reader.readexactly(size)
    return found


def plain(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def result(value: object) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", "id": 0, "result": value})


def play(
    tmp_path: Path,
    serve: Callable[[Reader, Writer], Awaitable[None]],
    story: Callable[[EngineRpc], Awaitable[None]],
) -> None:
    async def run() -> None:
        socket = tmp_path / "rpc.sock"
        server = await asyncio.start_unix_server(serve, socket)
        rpc = EngineRpc(socket)
        try:
            async with asyncio.timeout(20):
                await story(rpc)
        finally:
            await rpc.close()
            server.close()

    asyncio.run(run())


def test_a_connection_is_kept_and_made_anew_where_the_engine_hung_up(tmp_path: Path) -> None:
    made: list[int] = []

    async def serve(reader: Reader, writer: Writer) -> None:
        made.append(1)
        for number in range(2):
            await question(reader)
            if number == 0:
                writer.write(plain(result(number)))
            else:  # In pieces, and then it hangs up.
                body = result(number)
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for part in (body[:5], body[5:]):
                    writer.write(b"%x\r\n%b\r\n" % (len(part), part))
                    await writer.drain()
                writer.write(b"0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def story(rpc: EngineRpc) -> None:
        assert [await rpc.ask("status") for _ in range(5)] == [b"0", b"1", b"0", b"1", b"0"]
        assert len(made) == 3

    play(tmp_path, serve, story)


@pytest.mark.parametrize(
    "said",
    [b"", b"nonsense\r\n\r\n", plain(b"no json"), plain(b"{")[:-1],
     b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * (limits.RPC_ANSWER_MAX + 1)],
)  # fmt: skip
def test_what_is_no_answer_is_an_engine_that_is_away(tmp_path: Path, said: bytes) -> None:
    async def serve(reader: Reader, writer: Writer) -> None:
        await question(reader)
        writer.write(said)
        writer.close()

    async def story(rpc: EngineRpc) -> None:
        with pytest.raises(EngineAway):
            await rpc.ask("status")

    play(tmp_path, serve, story)


def test_one_that_never_answers_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RPC_TIMEOUT_S", 0.05)

    async def serve(reader: Reader, writer: Writer) -> None:
        await reader.read()
        writer.close()

    async def story(rpc: EngineRpc) -> None:
        with pytest.raises(EngineAway):
            await rpc.ask("status")

    play(tmp_path, serve, story)
    with pytest.raises(EngineAway):  # And nobody is there at all.
        asyncio.run(EngineRpc(tmp_path / "none.sock").ask("status"))


def test_what_it_refuses_and_what_it_leaves_out_is_told_of_each(tmp_path: Path) -> None:
    async def serve(reader: Reader, writer: Writer) -> None:
        asked = msgspec.json.decode(await question(reader))
        told = [
            {"id": 2, "result": {}},
            {"id": 0, "error": {"code": -1, "message": "Internal error", "data": "mempool is full: 5"}},
        ]
        writer.write(plain(msgspec.json.encode(told if isinstance(asked, list) else told[1])))
        writer.close()

    async def story(rpc: EngineRpc) -> None:
        first, second, third = await rpc.hand_in([b"a", b"b", b"c"])
        assert "mempool is full" in first
        assert second
        assert third == ""
        with pytest.raises(EngineSaid):
            await rpc.ask("commit", height="9")

    play(tmp_path, serve, story)
