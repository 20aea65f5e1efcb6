"""Tells many tasks at once that the ledger has grown."""

import asyncio


class Pulse:
    """Each beat wakes all that wait for it. Used on the event loop."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def beat(self) -> None:
        woken, self._next = self._next, asyncio.Event()
        woken.set()

    def next(self) -> asyncio.Event:
        """Set at the next beat. Take it before looking at what may have changed, then wait for it."""
        return self._next


async def within(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event came within that time."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        return False
    return True
