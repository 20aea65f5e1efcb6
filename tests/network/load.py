"""Records handed to a network's nodes without pause, by somebody who believes no node; and what must be so
at the end, whatever was done to the nodes meanwhile.
"""

import json
import time
from collections import Counter
from contextlib import suppress
from itertools import count
from threading import Event, Thread

from hansa.apps.consortium.messages import Attest
from hansa.client.engine_answers import commit_of
from hansa.kernel import Refusal
from hansa.kernel.canonical import decode
from hansa.kernel.commit import Seat, counted
from hansa.kernel.facts import read_facts
from hansa.kernel.messages import Outcome, Receipt
from hansa.kernel.transaction import identity
from tests import consortium
from tests.engines.cometbft.network import validator_key
from tests.network.net import WAIT_S, Net, Node, wait

LOOK_EVERY_S = 0.3
AGAIN_AFTER_S = 4.0
AGAIN_MAX = 20
"""So many records are handed in once more though they lie on the ledger."""
WAITING_MAX = 100
"""Far fewer than the sequence numbers that a key may have under way."""


class Load:
    """While it is entered: a record every so often, to one node after the other, again where no answer came.

    A record counts as answered only once a block with it stands under a commit that holds.
    """

    def __init__(self, net: Net, every_s: float = 0.05) -> None:
        self.net, self._every_s = net, every_s
        self.seats = tuple(Seat(name, validator_key(name).public, 1) for name in net.names)
        self.answered: dict[bytes, Receipt] = {}
        self._waiting: dict[bytes, float] = {}
        """By wire: when it was handed in last."""
        self._turn = count()
        self._stop, self._pause = Event(), Event()
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._guarded, name="load", daemon=True)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(WAIT_S)

    @property
    def count(self) -> int:
        """Records answered so far."""
        return len(self.answered)

    def more(self, records: int = 5) -> None:
        """Until so many more are answered: the network lives."""
        least = self.count + records
        wait(lambda: self._failure is not None or self.count >= least, f"{records} more records")
        assert self._failure is None, self._failure

    def again_at(self, node: Node) -> None:
        """Hand in what was answered, at a node whose engine has forgotten it: it may not count again."""
        wait(lambda: node.height() > 0, f"the engine of {node.member}")
        for wire in list(self.answered)[:AGAIN_MAX]:
            with suppress(RuntimeError):  # It may have learned it anew.
                node.submit(wire)
        # Until it has had its turn to propose.
        self.net.wait_for(max(each.height() for each in self.net.nodes) + len(self.net.names) + 1, [node])

    def none(self, seconds: float) -> None:
        """For so long nothing is answered but what may have been under way."""
        time.sleep(2 * LOOK_EVERY_S)
        before = self.count
        time.sleep(seconds)
        assert self.count == before

    def end(self) -> None:
        """Hand in nothing new; until all is answered. Then look whether it is as it must be."""
        self._pause.set()
        wait(lambda: self._failure is not None or not self._waiting, "answer to each record")
        assert self._failure is None, self._failure
        self.check()

    # Handing in.

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as failure:
            self._failure = failure

    def _run(self) -> None:
        look_s = 0.0
        while not self._stop.wait(self._every_s):
            now_s = time.monotonic()
            if not self._pause.is_set() and len(self._waiting) < WAITING_MAX:
                member = consortium.MEMBERS[next(self._turn) % len(consortium.MEMBERS)]
                self._hand_in(self.net.wire(member, Attest(table="consortium.members", key=(member,))))
            for wire in [wire for wire, at_s in self._waiting.items() if now_s - at_s > AGAIN_AFTER_S][:5]:
                self._hand_in(wire)
            if now_s - look_s > LOOK_EVERY_S:
                look_s = now_s
                for node in self.net.nodes:
                    self._look(node)

    def _hand_in(self, wire: bytes) -> None:
        self._waiting[wire] = time.monotonic()
        up = [node for node in self.net.nodes if node.engine is not None]
        for _ in up:
            node = up[next(self._turn) % len(up)]
            try:
                node.submit(wire)
            except (OSError, RuntimeError):
                continue  # Another one, or later.
            return

    def _look(self, node: Node) -> None:
        """What a node can show of the records that wait."""
        if node.engine is None:
            return
        try:
            result = node.call("commit")
            commit = commit_of(json.dumps(result).encode())
            reader = self.net.reader(node)
        except (OSError, RuntimeError, Refusal):
            return
        if not counted(commit, self.seats, self.net.chain).holds:
            return
        try:
            with reader.snapshot() as view:
                proven = view.height
                while proven and view.header(proven).header.app_hash != commit.header.app_hash:
                    proven -= 1
                for wire in list(self._waiting):
                    receipt = view.find(identity(wire))
                    if receipt is not None and receipt.height <= proven:
                        self.answered[wire] = receipt
                        del self._waiting[wire]
        except (OSError, Refusal):
            return
        finally:
            reader.close()

    # What must be so.

    def check(self) -> None:
        """One hash per height on all nodes; each answered record stands where it was shown, once."""
        wait(lambda: len({self._stand(node) for node in self.net.nodes}) == 1, "one height and hash")
        logs = [self._log(node) for node in self.net.nodes]
        hashes, outcomes = max(logs, key=lambda log: len(log[1]))
        for theirs, known in logs:  # Whoever joined by a snapshot knows the outcomes from there on.
            assert theirs == hashes
            assert known == outcomes[len(outcomes) - len(known) :]
        done = [(outcome.transaction, (height, index)) for height, index, outcome in outcomes
                if outcome.code == "ok"]  # fmt: skip
        places, times = dict(done), Counter(name for name, _ in done)
        assert self.answered
        for wire, receipt in self.answered.items():
            name = identity(wire)
            assert receipt.code == "ok"
            assert times[name] == 1
            assert places[name] == (receipt.height, receipt.index)
            assert hashes[receipt.height] == receipt.app_hash

    def _stand(self, node: Node) -> tuple[int, str]:
        try:
            told = node.probe()
        except (OSError, RuntimeError):
            return (-1, node.member)
        return told["height"], told["app_hash"]

    def _log(self, node: Node) -> tuple[dict[int, str], list[tuple[int, int, Outcome]]]:
        reader = self.net.reader(node)
        try:
            with reader.snapshot() as view:
                heights = range(1, view.height + 1)
                hashes = {height: view.header(height).header.app_hash for height in heights}
                made = [facts.height for height in heights if (facts := read_facts(view.leaf(height).engine))]
                assert made == sorted(set(made)), "a block was executed twice"
                outcomes = [
                    (height, index, decode(item, Outcome))
                    for height in heights
                    if height >= view.blocks_from()
                    for index, item in enumerate(view.items("outcome", height))
                ]
        finally:
            reader.close()
        return hashes, outcomes
