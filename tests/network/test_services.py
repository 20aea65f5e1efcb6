"""Four whole nodes under their supervisors, and a member's outbox that knows all of them: whatever is killed
meanwhile, each of its records takes effect, once, under proof.
"""

import hashlib
import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from hansa.apps.consortium.messages import Attest
from hansa.apps.rooms import registry
from hansa.client.http import Http
from hansa.client.outbox import Outbox, Pen
from hansa.client.several import Other
from hansa.engines.cometbft.home import node_id
from hansa.engines.founding import found
from hansa.engines.reader import Reader
from hansa.kernel import Refusal
from hansa.kernel.canonical import decode
from hansa.kernel.messages import Outcome
from hansa.kernel.signatures import VerifiedCache
from hansa.kernel.transaction import identity
from hansa.node import settings as files
from hansa.node.joining_folder import Plan, settings_text
from hansa.node.server import now_ms
from tests import consortium
from tests.network.net import ROUNDS, SEED
from tests.node.network_world import MEMBERS, folders, free_port
from tests.node.test_supervised import Service
from tests.waiting import until

WAIT_S = 180.0
RECORDS = 12
"""In each round."""
ATTEST = Attest(table="consortium.members", key=("maker",))


def services(root: Path) -> list[Service]:
    """A folder for each member, that names all others."""
    made = {settings.member: settings for settings in folders(root)}
    ports = {member: free_port() for member in made}
    for member, settings in made.items():
        others = [other for other in made if other != member]
        plan = Plan(
            member,
            port=ports[member],
            listen=settings.engine.listen,
            peers=tuple(
                f"{node_id(consortium.signer(other, 'node').public)}@{made[other].engine.listen}"
                for other in others
            ),
            urls={other: f"http://127.0.0.1:{ports[other]}" for other in others},
        )
        text = settings_text(plan, more=(("empty_block_interval_s", 1),))
        (root / member / files.SETTINGS).write_text(text.replace('"node-1"', '"k1"'))
    return [Service(root / member) for member in MEMBERS]


@pytest.fixture
def four(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[Service]]:
    made = services(tmp_path_factory.mktemp("n"))
    try:
        for each in made:
            each.start()
        for each in made:
            each.wait()
        yield made
    finally:
        for each in made:
            if each.process is not None and each.process.poll() is None:
                each.end(signal.SIGKILL)


def outcomes(service: Service) -> tuple[dict[int, str], list[Outcome]]:
    """All that a node has on its disk."""
    genesis = (service.folder / files.GENESIS).read_bytes()
    founded = found(genesis, registry(), VerifiedCache().verify)
    reader = Reader(service.folder / files.LEDGER, founded.chain, founded.genesis)
    try:
        with reader.snapshot() as view:
            heights = range(1, view.height + 1)
            hashes = {height: view.header(height).header.app_hash for height in heights}
            return hashes, [decode(item, Outcome) for h in heights for item in view.items("outcome", h)]
    finally:
        reader.close()


def test_an_outbox_over_four_nodes_loses_nothing_whatever_is_killed(
    four: Sequence[Service], tmp_path: Path
) -> None:
    random = Random(SEED)
    genesis = (four[0].folder / files.GENESIS).read_bytes()
    chain = hashlib.sha256(genesis).hexdigest()
    first, *rest = four
    signer = consortium.signer("plant", "k1")
    http = Http(
        first.url, others=[Other(each.url, each.folder.name) for each in rest], node=first.folder.name,
        signer=signer, member="plant", key="k1", chain=chain, allow_plain=True, patience_s=20, timeout_s=20,
    )  # fmt: skip
    pen = Pen(registry(), "k1", signer, now_ms)
    with Outbox(
        tmp_path / "outbox.db", chain=chain, member="plant", trusted=tmp_path / "trusted.json"
    ) as outbox:

        def flushed() -> bool:
            try:
                outbox.flush(http, pen)
            except Refusal as refusal:
                said.append(refusal.code)
            return len(outbox.entries("done")) == wanted

        said: list[str] = []
        for number in range(ROUNDS):
            for _ in range(RECORDS):
                outbox.put(registry(), ATTEST, now_ms=now_ms())
            wanted = (number + 1) * RECORDS
            struck = random.choice(four)
            victim = random.choice(["application", "engine", "supervisor"])
            pids = struck.told["children"]
            if victim == "supervisor":
                struck.end(signal.SIGKILL)
                struck.start()
            else:
                os.kill(pids[victim], signal.SIGKILL)
            assert until(flushed, WAIT_S), (said[-3:], [entry.state for entry in outbox.entries()])
            struck.wait()
        wires = [entry.wire for entry in outbox.entries("done")]
    http.close()
    for each in four:
        each.until(lambda each=each: each.height >= max(other.height for other in four) - 1)
    logs = [outcomes(each) for each in four]
    longest = max(logs, key=lambda log: len(log[0]))
    for hashes, _ in logs:
        assert hashes.items() <= longest[0].items()
    times = Counter(outcome.transaction for outcome in longest[1] if outcome.code == "ok")
    assert len(wires) == ROUNDS * RECORDS
    assert all(wire is not None and times[identity(wire)] == 1 for wire in wires)
    assert times.total() >= ROUNDS * RECORDS
