"""Whatever network and machine do, an entry takes effect at most once, and in the end exactly once."""

import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hansa.client import errors
from hansa.client.outbox import Outbox, Pen, identity_of
from hansa.client.outbox_errors import EntryDone, MayStillCount
from hansa.client.outbox_file import OutboxFile
from tests.client.lossy import REGISTRY, Add, Network, effects
from tests.client.node_double import NodeDouble, serving
from tests.consortium import Consortium, signer

KINDS = ["ok", "lost", "answer_lost", "part", "stray", "twice"]


class Crash(BaseException):
    """The process ends here."""


class Outboxes(RuleBasedStateMachine):
    """A member writes down, sends, loses, crashes; copies arrive at any time; clocks go their own way."""

    @initialize(seed=st.integers(0, 2**32))
    def start(self, seed: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.chance = random.Random(seed)
        self.consortium = Consortium(registry=REGISTRY)
        self.network = Network(self.consortium.node, self.chance)
        self.drift_ms = 0
        self.count = 0
        self.dropped: set[int] = set()
        self.numbers: dict[int, int] = {}
        self.open()

    def open(self) -> None:
        chain = identity_of(self.consortium.node.genesis_bytes)
        self.outbox = Outbox(self.folder / "outbox.db", chain=chain, member="plant", wait_s=0)
        self.pen = Pen(REGISTRY, "k1", signer("plant"), lambda: self.consortium.clock() + self.drift_ms)

    @rule(count=st.integers(1, 4))
    def put(self, count: int) -> None:
        for _ in range(count):
            self.count += 1
            self.numbers[self.count] = self.outbox.put(REGISTRY, Add(entry=self.count))

    @rule(script=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
    def flush(self, script: list[str]) -> None:
        self.network.script[:] = script
        with contextlib.suppress(errors.Unreachable, errors.TimedOut):
            self.outbox.flush(self.network, self.pen)
        self.network.script.clear()

    @rule(
        step=st.sampled_from(["keep_signed", "mark_sent", "decide", "keep_acknowledgements"]),
        late=st.booleans(),
    )
    def crash_while_sending(self, step: str, late: bool) -> None:
        """The process ends before or after a commit of the outbox."""
        whole = getattr(OutboxFile, step)

        def dies(file: OutboxFile, *arguments: object) -> None:
            if late:
                whole(file, *arguments)
            raise Crash

        setattr(OutboxFile, step, dies)
        try:
            with contextlib.suppress(Crash, errors.Unreachable, errors.TimedOut):
                self.outbox.flush(self.network, self.pen)
        finally:
            setattr(OutboxFile, step, whole)
            self.outbox.close()
            self.open()

    @rule()
    def strays_arrive(self) -> None:
        self.network.strays_arrive()

    @precondition(lambda self: self.network.strays)
    @rule(script=st.sampled_from(["ok", "answer_lost"]))
    def sent_again_and_then_the_first_copy_arrives(self, script: str) -> None:
        self.flush([script])
        self.strays_arrive()

    @rule(minutes=st.sampled_from([1, 40, 61, 300]))
    def time_passes(self, minutes: int) -> None:
        self.consortium.clock.advance(minutes=minutes)

    @rule(minutes=st.sampled_from([0, -300, -30, 30, 300]))
    def own_clock_is_set(self, minutes: int) -> None:
        self.drift_ms = minutes * 60_000

    @rule()
    def others_act(self) -> None:
        self.consortium.do("bank", Add(entry=9_999))

    @rule()
    def same_key_signs_elsewhere(self) -> None:
        self.consortium.client("plant").sequence = self.consortium.query(
            "consortium.sequence", member="plant", key="k1"
        )
        self.consortium.submit("plant", Add(entry=8_888))

    @rule()
    def drop(self) -> None:
        if self.numbers:
            entry = self.chance.choice(sorted(self.numbers))
            with contextlib.suppress(EntryDone, MayStillCount):
                self.outbox.drop(self.numbers[entry], self.network)
                self.dropped.add(entry)

    @invariant()
    def nothing_took_effect_twice(self) -> None:
        if hasattr(self, "consortium"):
            found = effects(self.consortium)
            assert all(times == 1 for entry, times in found.items() if entry < 8_000), found
            assert not self.dropped & set(found), "a dropped entry took effect"

    def teardown(self) -> None:
        if not hasattr(self, "consortium"):
            return
        self.network.kinds, self.drift_ms = ["ok"], 0
        for _ in range(4):
            self.network.strays_arrive()
            self.outbox.flush(self.network, self.pen)
            self.consortium.clock.advance(hours=6)
            self.others_act()
        self.network.strays_arrive()
        self.nothing_took_effect_twice()
        done = set(effects(self.consortium))
        assert set(self.numbers) - self.dropped <= done, "an entry was lost"
        self.outbox.close()
        self.consortium.close()


Outboxes.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
TestNeverTwice = Outboxes.TestCase


SENDER = """
import sys
from pathlib import Path
from hansa.client.http import Http
from hansa.client.outbox import Outbox, Pen
from tests.client.lossy import REGISTRY, Add
from tests.consortium import START_MS, signer
path, url, chain = sys.argv[1:]
with Http(url) as node, Outbox(Path(path), chain=chain, member="plant", wait_s=5) as outbox:
    known = len(outbox.entries())
    for number in range(known + 1, 201):
        outbox.put(REGISTRY, Add(entry=number))
        if number % 10 == 0:
            outbox.flush(node, Pen(REGISTRY, "k1", signer("plant"), lambda: START_MS))
    outbox.flush(node, Pen(REGISTRY, "k1", signer("plant"), lambda: START_MS))
print("finished")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
def test_a_process_killed_at_any_time_loses_and_repeats_nothing(tmp_path: Path) -> None:
    consortium = Consortium(registry=REGISTRY)
    chain = identity_of(consortium.node.genesis_bytes)
    chance = random.Random(7)
    root = Path(__file__).resolve().parents[2]
    kills = 0
    with serving(NodeDouble(consortium)) as url:
        command = [sys.executable, "-c", SENDER, str(tmp_path / "outbox.db"), url, chain]
        for attempt in range(60):
            process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
            try:
                out, _ = process.communicate(timeout=None if attempt > 5 else 0.8 + chance.random() * 0.6)
                if "finished" in out:
                    break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                kills += 1
                time.sleep(0.05)
    assert kills >= 2
    assert effects(consortium) == dict.fromkeys(range(1, 201), 1)
