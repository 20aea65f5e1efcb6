"""Cables between nodes that a test can cut: each carries what one node dials, both ways, through here."""

import asyncio
import contextlib
from threading import Event, Thread

START_S = 10
PIECE_BYTES = 65_536


class Cables:
    """While it is entered, its cables carry. `cut` and `hold` are called from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, name="cables", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._open: dict[asyncio.StreamWriter, tuple[str, str]] = {}
        self._cut: set[frozenset[str]] = set()
        self._flows: dict[tuple[str, str], asyncio.Event] = {}

    def __enter__(self) -> "Cables":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for server in self._servers:
            server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    def lay(self, dialler: str, dialled: str, port: int) -> int:
        """A cable from one node to another's port; the port at its near end."""
        made = asyncio.run_coroutine_threadsafe(self._lay(dialler, dialled, port), self._loop)
        return made.result(START_S)

    async def _lay(self, dialler: str, dialled: str, port: int) -> int:
        async def carry(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
            if frozenset((dialler, dialled)) in self._cut:
                back.close()
                return
            try:
                far, there = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                back.close()
                return
            self._open[back] = self._open[there] = (dialler, dialled)
            await asyncio.gather(
                self._pump(near, there, (dialler, dialled)), self._pump(far, back, (dialled, dialler))
            )

        server = await asyncio.start_server(carry, "127.0.0.1", 0)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: tuple[str, str]
    ) -> None:
        try:
            while data := await source.read(PIECE_BYTES):
                await self._flow(way).wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            data = b""
        finally:
            self._open.pop(sink, None)
            sink.close()

    def _flow(self, way: tuple[str, str]) -> asyncio.Event:
        if way not in self._flows:
            self._flows[way] = asyncio.Event()
            self._flows[way].set()
        return self._flows[way]

    def cut(self, one: str, other: str) -> None:
        """Nothing goes between them either way, and connections break."""

        def now() -> None:
            self._cut.add(frozenset((one, other)))
            for writer, ends in list(self._open.items()):
                if frozenset(ends) == frozenset((one, other)):
                    writer.transport.abort()

        self._do(now)

    def hold(self, sender: str, receiver: str) -> None:
        """What one sends to the other stays under way, while the other way is free: nobody is told."""
        self._do(lambda: self._flow((sender, receiver)).clear())

    def mend(self) -> None:
        """All carry again; what was held arrives."""

        def now() -> None:
            self._cut.clear()
            for flow in self._flows.values():
                flow.set()

        self._do(now)

    def _do(self, work: "object") -> None:
        done = Event()

        def act() -> None:
            assert callable(work)
            work()
            done.set()

        self._loop.call_soon_threadsafe(act)
        with contextlib.suppress(RuntimeError):
            done.wait(START_S)
