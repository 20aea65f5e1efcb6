"""Four whole nodes under their supervisors. A member's outbox that knows all of them: whatever is killed or
hangs meanwhile, each of its records takes effect, once, under proof. A light member, whose hosts die and lie.
"""

import hashlib
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import httpx2
import pytest

from hansa.apps.consortium.messages import Attest, Genesis, Registration
from hansa.apps.rooms import registry
from hansa.client import profiles
from hansa.client.http import Http
from hansa.client.keyfiles import PrivateKey
from hansa.client.outbox import Outbox, Pen
from hansa.client.profiles import Profile
from hansa.client.several import Other
from hansa.engines.cometbft.home import node_id
from hansa.engines.founding import found
from hansa.engines.reader import Reader
from hansa.engines.reading import Reading
from hansa.kernel import Refusal, encode, replace
from hansa.kernel.canonical import decode
from hansa.kernel.commit import ABSENT, Precommit
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.messages import Outcome, Receipt
from hansa.kernel.signatures import VerifiedCache
from hansa.kernel.transaction import identity
from hansa.node import settings as files
from hansa.node.joining_folder import Plan, settings_text
from hansa.node.server import now_ms
from tests import consortium
from tests.cli.shell import Shell
from tests.client.hosts import told
from tests.client.node_double import answer, serving, split
from tests.network.net import ROUNDS, SEED, at_length
from tests.network.volume import fill, small_volume
from tests.node.network_world import MEMBERS, folders
from tests.node.test_supervised import Service
from tests.ports import free_port
from tests.waiting import until

WAIT_S = 180.0
RECORDS = 12
"""In each round."""
ATTEST = Attest(table="consortium.members", key=("maker",))


SHOP = "shop"
"""A member without a node."""


def with_shop(genesis: bytes) -> bytes:
    founded = decode(genesis, Genesis)
    bank = next(member for member in founded.members if member.id == "bank")
    public = consortium.signer(SHOP, "k1").public
    shop = replace(
        bank, id=SHOP, name_zh="五人作坊有限公司", name_en="Workshop of Five Ltd", roles=("supplier",),
        registration=Registration(kind="uscc", number=consortium.uscc(len(MEMBERS))),
        keys=(replace(bank.keys[0], public=public, holder=f"{SHOP}-k1"),),
    )  # fmt: skip
    return encode(replace(founded, members=(*founded.members, shop)))


def services(root: Path) -> list[Service]:
    """A folder for each member, that names all others."""
    made = {settings.member: settings for settings in folders(root)}
    for member in made:
        file = root / member / files.GENESIS
        file.write_bytes(with_shop(file.read_bytes()))
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
        (root / member / files.SETTINGS).write_text(text)
    return [Service(root / member) for member in MEMBERS]


@pytest.fixture(scope="module")
def made(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[Service]]:
    made = services(tmp_path_factory.mktemp("n"))
    try:
        for each in made:
            each.start()
        for each in made:
            each.wait()
        yield made
    finally:
        for each in made:
            if runs(each):
                each.end(signal.SIGKILL)


@pytest.fixture
def four(made: Sequence[Service]) -> Iterator[Sequence[Service]]:
    """All are well, whatever the test before left."""
    yield made
    for each in made:
        if not runs(each):
            each.start()
    for each in made:
        each.wait()


def runs(service: Service) -> bool:
    return service.process is not None and service.process.poll() is None


@contextmanager
def reading(service: Service) -> Iterator[Reading]:
    """What a node has on its disk."""
    genesis = (service.folder / files.GENESIS).read_bytes()
    founded = found(genesis, registry(), VerifiedCache().verify)
    reader = Reader(service.folder / files.LEDGER, founded.chain, founded.genesis)
    try:
        with reader.snapshot() as view:
            yield view
    finally:
        reader.close()


def hold_each_once(nodes: Sequence[Service], wires: Sequence[bytes], count: int) -> None:
    """One history at all nodes, and so many transactions, each once in it."""
    for each in nodes:
        each.until(lambda each=each: each.height >= max(other.height for other in nodes) - 1)
    logs = [outcomes(each) for each in nodes]
    longest = max(logs, key=lambda log: len(log[0]))
    for hashes, _ in logs:
        assert hashes.items() <= longest[0].items()
    times = Counter(outcome.transaction for outcome in longest[1] if outcome.code == "ok")
    assert len(set(map(identity, wires))) == len(wires) == count
    assert all(times[identity(wire)] == 1 for wire in wires)


def outcomes(service: Service) -> tuple[dict[int, str], list[Outcome]]:
    """By height: the hash; and all outcomes."""
    with reading(service) as view:
        heights = range(1, view.height + 1)
        hashes = {height: view.header(height).header.app_hash for height in heights}
        return hashes, [decode(item, Outcome) for h in heights for item in view.items("outcome", h)]


VICTIMS = ("application", "engine", "supervisor", "all")


def strike(service: Service, victim: str) -> None:
    """Kill what is named of a node; `all` is stopped in good order and started again, as for an upgrade."""
    if victim in ("supervisor", "all"):
        service.end(signal.SIGKILL if victim == "supervisor" else signal.SIGTERM)
        service.start()
    else:
        os.kill(service.told["children"][victim], signal.SIGKILL)


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
            strike(random.choice(four), random.choice(VICTIMS))
            assert until(flushed, WAIT_S), (said[-3:], [entry.state for entry in outbox.entries()])
            for each in four:
                each.wait()
        wires = [entry.wire for entry in outbox.entries("done")]
    http.close()
    hold_each_once(four, [wire for wire in wires if wire is not None], ROUNDS * RECORDS)


@at_length
@pytest.mark.parametrize("hung", ["application", "engine"])
def test_what_hangs_is_started_anew_with_its_partner(four: Sequence[Service], hung: str) -> None:
    """A process that is stopped (SIGSTOP) ends for nobody and answers nobody. Fails where none is probed."""
    struck = four[1]
    pids, before = struck.wait(), struck.told["restarts"]
    os.kill(pids[hung], signal.SIGSTOP)
    # An engine that has not answered yet may be at a replay: it has twelve probes, of fifteen seconds.
    assert until(lambda: struck.well(before + 1), 300.0), struck.log()[-3_000:]
    after = struck.wait()
    assert not set(pids.values()) & set(after.values())
    struck.until(lambda: struck.height >= four[0].height - 1)


@at_length
@pytest.mark.skipif(sys.platform != "linux", reason="mounts a volume")
def test_a_node_whose_volume_is_full_comes_back_by_itself_once_there_is_room(four: Sequence[Service]) -> None:
    """Nobody restarts it: its supervisor does, again and again. The others go on meanwhile."""
    struck, other = four[3], four[0]
    struck.end()
    with small_volume(struck.folder, ROOM_BYTES):
        try:
            struck.start().wait()
            ballast = fill(struck.folder)
            struck.until(lambda: not struck.well())
            height = engine_height(other)
            other.until(lambda: engine_height(other) > height + HEIGHTS)
            ballast.unlink()
            struck.wait()
            struck.until(lambda: engine_height(struck) > height + HEIGHTS)
        finally:
            struck.end(signal.SIGKILL)


ROOM_BYTES = 16 * 2**20
HEIGHTS = 5


def engine_height(service: Service) -> int:
    with suppress(httpx2.HTTPError):
        return int(httpx2.get(f"{service.url}/v1/engine", timeout=10).json()["engine_height"])
    return -1


class Between:
    """A host: a node of the network, and what its owner has put before it, which does something else with
    the node's answers.
    """

    def __init__(self, node: Service) -> None:
        self._node, self.does = node, "well"

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if self.does == "claims" and path == "/v1/transactions":
            wires = split(request.read())
            height = self._node.height
            return told([Receipt(identity(wire), "ok", height=height) for wire in wires])
        passed = httpx2.request(
            request.method, f"{self._node.url}{request.url.raw_path.decode()}", content=request.read(),
            headers={name: value for name, value in request.headers.items() if name in PASSED}, timeout=60,
        )  # fmt: skip
        if self.does == "strips" and path == "/v1/head":
            head = decode(passed.content, SignedHeader)
            assert head.commit is not None
            votes = (*head.commit.votes[:2], *(2 * [Precommit(flag=ABSENT)]))
            return answer(replace(head, commit=replace(head.commit, votes=votes)))
        return httpx2.Response(
            passed.status_code, content=passed.content,
            headers={"content-type": passed.headers.get("content-type", "")},
        )  # fmt: skip


PASSED = ("authorization", "content-type", "accept", "accept-language")


def test_a_light_member_goes_on_when_its_host_dies_and_believes_none_that_lies(
    four: Sequence[Service], tmp_path: Path
) -> None:
    """Fails where a header counts without its votes, and where a host's word counts as an outcome."""
    plant, maker, bank = (next(each for each in four if each.folder.name == name) for name in HOSTS)
    genesis = plant.folder / files.GENESIS
    shell = Shell(tmp_path / "home")
    profiles.create(
        SHOP,
        Profile(
            url=plant.url, member=SHOP, key="k1", node="plant", allow_plain=True,
            chain=hashlib.sha256(genesis.read_bytes()).hexdigest(),
        ),
        genesis.read_bytes(),
        PrivateKey(consortium.signer(SHOP, "k1").secret[:32]),
        where=shell.home,
    )  # fmt: skip
    attest = ("attest", "consortium.members", SHOP, "--yes")
    shell.do(*attest)
    shell.do("host", "use", maker.url, "--also")
    plant.end(signal.SIGKILL)
    shell.do(*attest)
    moved = shell.do("host", "use", bank.url, "--json").json
    assert (moved["node"], moved["whole"]) == ("bank", 4)
    proof = tmp_path / "proof.json"
    shell.do(*attest, "--proof", proof)
    assert "proved by" in shell.do("verify", proof, "--genesis", genesis).out

    liar = Between(maker)
    with serving(liar) as url:
        liar.does = "strips"
        shell.refused("host.head_unproved", "host", "use", url)
        assert profiles.find(SHOP, shell.home).profile().url == bank.url
        liar.does = "well"
        shell.do("host", "drop", maker.url)
        shell.do("host", "use", url)
        liar.does = "claims"
        before = done_by_shop(maker)
        assert shell(*attest).status
        assert done_by_shop(maker) == before
    shell.do("host", "use", bank.url)
    shell.do(*attest)
    shell.do("tx", "send")
    assert done_by_shop(bank) == before + 2


HOSTS = ("plant", "maker", "bank")


def done_by_shop(service: Service) -> int:
    """Events of the shop's own record, which only the shop asked for."""
    with reading(service) as view:
        events = [item for h in range(1, view.height + 1) for item in view.items("event", h)]
    return sum(b'"key":["shop"]' in event for event in events)
