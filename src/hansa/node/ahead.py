"""Signatures of blocks that are still to be executed, checked in a process beside the one that executes.

What holds goes into the chain's cache (rule 5), where the execution finds it; whatever is missed there is
checked when its turn comes.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread

from hansa.engines.blocks import BlockData
from hansa.node.checking import Checkers
from hansa.node.wires import Claim, claim

KEYS_MAX = 16_384
WIRES_AHEAD_MAX = 30_000
"""Fewer than the cache remembers: what was checked is still known when its turn comes."""
PAUSE_S = 0.01
CHUNK = 500
"""Signatures sent at a time."""

Publics = Callable[[Claim], bytes | None]
"""The public key that the ledger holds under a claim's name, or None. Called in this module's thread."""


class Ahead:
    """One thread, which waits for the process that checks. `executing`: what need not be checked any more."""

    def __init__(self, checkers: Checkers, publics: Publics) -> None:
        self._checkers, self._publics = checkers, publics
        self._known: OrderedDict[Claim, bytes] = OrderedDict()
        self._queue: SimpleQueue[BlockData | None] = SimpleQueue()
        self.executing = 0
        """Height that is being executed."""
        self._ended = False
        self._thread = Thread(target=self._run, name="ahead", daemon=True)

    def start(self) -> None:
        self._checkers.start()
        self._thread.start()

    def stop(self) -> None:
        self._ended = True
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def feed(self, blocks: Sequence[BlockData]) -> None:
        """Blocks that will be executed, in order."""
        for block in blocks:
            self._queue.put(block)

    def _run(self) -> None:
        checked: deque[tuple[int, int]] = deque()
        while (block := self._queue.get()) is not None:
            checked.append((block.leaf.height, len(block.wires)))
            self._keep_near(checked)
            for start in range(0, len(block.wires), CHUNK):
                if self._ended or self.executing >= block.leaf.height:
                    break
                wires = block.wires[start : start + CHUNK]
                work = [(public, wire) for wire in wires if (public := self._public(claim(wire)))]
                self._checkers.send(work)
                self._checkers.receive()
        self._checkers.close()

    def _keep_near(self, checked: deque[tuple[int, int]]) -> None:
        """Wait while more signatures lie between here and the execution than the cache remembers."""
        while not self._ended:
            while checked and checked[0][0] <= self.executing:
                checked.popleft()
            if len(checked) <= 1 or sum(count for _, count in checked) <= WIRES_AHEAD_MAX:
                return
            time.sleep(PAUSE_S)

    def _public(self, own: Claim) -> bytes | None:
        found = self._known.get(own)
        if found is None:
            found = self._publics(own)
            if found is not None:
                self._known[own] = found
                if len(self._known) > KEYS_MAX:
                    self._known.popitem(last=False)
        return found
