"""The network demo: four companies, a node each, none of them trusted; what happens to nodes meanwhile.

While runs of a line are recorded, settled and paid, one node is killed and comes back, a fifth company
joins by invitation, snapshot and vote, one changes its consensus key, one leaves; at the end all nodes show
one hash, and a statement is verified offline from the genesis file alone.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from hansa.apps.consortium.messages import Genesis, Leave
from hansa.apps.consortium.messages_validators import RotateConsensusKey
from hansa.apps.consortium.messages_votes import Propose, Vote
from hansa.apps.consortium.validators import message as of_validator
from hansa.apps.metering.readings import HeldReadings
from hansa.apps.rooms import registry as all_rooms
from hansa.client import Client, Refused
from hansa.client.evidence import gather
from hansa.client.keyfiles import public_of
from hansa.client.verify import Report, check_bundle
from hansa.edge.gateway import Gateway
from hansa.edge.readings import ReadingStore
from hansa.kernel import Refusal, encode
from hansa.kernel.canonical import decode_strict
from hansa.kernel.facts import address
from hansa.node import engine_binary, joining_checks, joining_trust
from hansa.node import joining_engine as engine
from hansa.node.joining_card import admission
from hansa.node.joining_checks import wrong
from hansa.node.joining_folder import Plan, Sync, settings_text, write_folder
from hansa.node.joining_invitation import Invitation, InvitedNode, chain_of, read_invitation, write_invitation
from hansa.node.joining_rotation import next_key
from hansa.node.settings_engine import VALIDATOR_KEY
from hansa.simulation import network_demo_nodes as nodes
from hansa.simulation import network_demo_story as story
from hansa.simulation.cast import COMPANIES, FIRST_KEY, GATEWAY_KEY, INSURER, METER_OWNER
from hansa.simulation.errors_network import JoinRefused, NotOneHash, StepFailed
from hansa.simulation.network_demo_nodes import DESK_KEY, NodeUnit, until
from hansa.simulation.stage import Stage
from hansa.simulation.story import Asking, Story
from hansa.simulation.world import Progress, silent

KILLED, ROTATES, LEAVES, SPONSOR = "auditor", "bank", "auditor", "maker"
JOINS = INSURER
ADMISSION = "admit-insurer"
RUNS_S = (12, 10, 10, 10)
"""Lengths from now on: as many statements, so that there always is one being settled."""
SETTLING = ("记录、结算、付款", "Recording, settling, paying")
BLOCKS_WITHOUT = 3
"""Blocks that the others make while one node is dead, at least."""
CALM_WITHIN_S = 60.0
BUSINESS_STOP_S = 2.0
EVIDENCE, INVITATION, GENESIS = "evidence.json", "invitation.json", "genesis.json"


@dataclass(frozen=True)
class Seen:
    """What a node shows at the end, or showed when it left. Heights are the ledger's, but one."""

    member: str
    height: int
    app_hash: str
    engine_height: int
    power: int
    validators: int
    """Of the set that it knows."""
    story: str
    """What became of it, by name: ``, killed, joined, rotated, left."""


@dataclass
class Happened:
    """What the demo measured. Times in seconds."""

    killed: str = KILLED
    joined: str = JOINS.id
    came_back_s: float = 0.0
    joined_s: float = 0.0
    """From the invitation to its seat, but for the wait for a statement."""
    snapshot_height: int = 0
    """First block that the newcomer's engine holds: those before came in the snapshot."""
    rotated: tuple[str, str] = ("", "")
    """Addresses of the old and the new consensus key."""
    statements: list[tuple[str, int]] = field(default_factory=list)
    """(agreement, gross sum in the currency's minor unit), in the order in which they were settled."""
    settled_while_joining: int = 0


@dataclass(frozen=True)
class NetworkDemo:
    folder: Path
    chain: str
    nodes: tuple[Seen, ...]
    """Those that run at the end."""
    left: Seen
    happened: Happened
    evidence: bytes
    report: Report

    @property
    def evidence_file(self) -> Path:
        return self.folder / EVIDENCE

    @property
    def genesis_file(self) -> Path:
        return self.folder / GENESIS


class Business:
    """Records, settles and pays run after run, in a thread of its own, until all are settled."""

    def __init__(self, play: "Play", world: story.RealWorld, line: story.Line) -> None:
        self._play, self._world, self._line = play, world, line
        self._story = Story(world, silent)
        self._stop = threading.Event()
        self.failure: BaseException | None = None
        self.first: story.Run = line.runs[0]
        self._thread = threading.Thread(target=self._run, name="business", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end. What it waits for at a node is not waited for: the nodes end now as well."""
        self._stop.set()
        self._thread.join(BUSINESS_STOP_S)

    @property
    def over(self) -> bool:
        """Whether all is settled. Raises what went wrong, StepFailed where it was refused."""
        if self.failure is not None:
            with self._play.step(*SETTLING):
                raise self.failure
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with contextlib.closing(self._play.store()) as store:
                self._settle_all(self._play.gateway(store))
        except BaseException as failure:
            self.failure = failure

    def _settle_all(self, gateway: Gateway) -> None:
        sent = 0

        def record() -> None:
            nonlocal sent
            sent = story.record(gateway, self._line, sent)

        self._world.meanwhile = record
        for number, run in enumerate(self._line.runs, 1):
            while story.statement_of(self._story, run.agreement) is None:
                record()
                if self._stop.wait(nodes.LOOK_EVERY_S):
                    return
            gross_minor = story.settle(self._story, run, number)
            self._play.happened.statements.append((run.agreement, gross_minor))


@dataclass
class Play:
    """The running network, for those who act in it."""

    folder: Path
    genesis_bytes: bytes
    units: dict[str, NodeUnit]
    progress: Progress
    happened: Happened = field(default_factory=Happened)
    seen_leaving: Seen | None = None
    business: Business | None = None
    _desks: dict[str, Client] = field(default_factory=dict)

    @property
    def running(self) -> list[NodeUnit]:
        return [unit for unit in self.units.values() if unit.process is not None]

    def client(self, member: str, key: str) -> Client:
        """A member's access, by its own node; by the others' while that is away."""
        unit = self.units[member]
        others = [other for other in self.units.values() if other is not unit]
        return Client(
            unit.http(key, others), all_rooms(), member=member, key=key, signer=unit.key(key).signer,
            clock=story.RealClock(),
        )  # fmt: skip

    def desk(self, member: str) -> Client:
        """A member's second person, who acts here; opened once, since it counts its own transactions."""
        if member not in self._desks:
            self._desks[member] = self.client(member, DESK_KEY)
        return self._desks[member]

    def store(self) -> ReadingStore:
        """The plant's readings; each thread opens them for itself."""
        return ReadingStore(self.folder / "readings.db")

    def gateway(self, store: ReadingStore) -> Gateway:
        secret = self.units[METER_OWNER].key(GATEWAY_KEY).seed
        return Gateway(self.client(METER_OWNER, GATEWAY_KEY), store, secret)

    @contextlib.contextmanager
    def step(self, zh: str, en: str) -> Iterator[None]:
        """A step that is shown. Raises StepFailed, which names it, where it fails."""
        self.progress(zh, en, 0, 1)
        try:
            yield
        except (Refusal, Refused) as cause:
            told = refusal_told(cause)
            raise StepFailed(
                step_zh=zh, step_en=en, why_zh=told[0], why_en=told[1], log=str(self.folder / "nodes")
            ) from cause
        self.progress(zh, en, 1, 1)

    def wait(self, what: Callable[[], bool], zh: str, en: str) -> float:
        return until(what, self.running, zh, en)


def refusal_told(cause: Refusal | Refused) -> tuple[str, str]:
    """(zh, en) with the code in front."""
    said = cause.receipt if isinstance(cause, Refused) else cause
    return f"{said.code}：{said.zh}", f"{said.code}: {said.en}"


def run(folder: Path, progress: Progress = silent, runs_s: Sequence[int] = RUNS_S) -> NetworkDemo:
    """Play it in an empty folder. Whatever happens, no process is left. Raises EngineMissing and the like."""
    engine_binary.check()
    now_ms = time.time_ns() // 1_000_000
    genesis_bytes, units = nodes.found(folder / "nodes", COMPANIES, now_ms)
    (folder / GENESIS).write_bytes(genesis_bytes)
    play = Play(folder, genesis_bytes, units, progress)
    store = play.store()
    try:
        with play.step("启动四个节点", "Starting four nodes"):
            for unit in units.values():
                unit.start()
            play.wait(lambda: _all_run(play), "节点启动", "the start of the nodes")
        world = _world(play, store)
        told = Story(world, silent)
        with play.step("产线签约：主单与打样各一份协议", "Agreeing on the line: main run, sample runs"):
            line = story.made_up_line(folder / "log", told.world.clock.now_ms, runs_s)
            story.agree(told, line)
        play.business = business = Business(play, world, line)
        business.start()
        for act in (kill_one, join_one, rotate_one, leave_one):
            act(play)
            _ = business.over
        with play.step(*SETTLING):
            play.wait(lambda: business.over, "结算", "the settlements")
        with play.step("所有节点到同一高度", "All nodes at one height"):
            seen = one_hash(play)
        return _prove(play, told, business.first, seen)
    finally:
        with contextlib.ExitStack() as ending:
            ending.callback(store.close)
            ending.callback(nodes.end_all, list(play.units.values()))
            if play.business is not None:
                ending.callback(play.business.stop)


def _all_run(play: Play) -> bool:
    said = nodes.statuses(play.units)
    return len(said) == len(play.units) and all(each.height > 0 for each in said.values())


def _world(play: Play, store: ReadingStore) -> story.RealWorld:
    clock = story.RealClock()
    genesis = decode_strict(play.genesis_bytes, Genesis)
    gateway = play.gateway(store)
    return story.RealWorld(
        folder=play.folder,
        registry=all_rooms(),
        genesis=genesis,
        seed=0,
        stage=cast(Stage, story.RealStage(clock)),
        clients={member: play.client(member, FIRST_KEY) for member in play.units},
        gateway=gateway,
    )


# One is killed and comes back.


def kill_one(play: Play) -> None:
    """The auditor's node loses power; the others go on; it starts again and catches up."""
    unit, others = play.units[KILLED], [each for each in play.running if each.member != KILLED]
    with play.step("一个节点断电，其余继续", "One node loses power, the others go on"):
        before = _engine_height(others[0])
        unit.kill()
        enough = before + BLOCKS_WITHOUT
        play.wait(lambda: _engine_height(others[0]) >= enough, "其余节点出块", "the others' blocks")
    with play.step("它重新启动并追上", "It starts again and catches up"):
        unit.start()
        play.happened.came_back_s = play.wait(lambda: _in_step(unit, others[0]), "追上", "catching up")


def _engine_height(unit: NodeUnit) -> int:
    said = unit.status()
    return said.height if said else 0


def _in_step(unit: NodeUnit, other: NodeUnit) -> bool:
    said = unit.status()
    return said is not None and not said.catching_up and 0 < _engine_height(other) <= said.height + 1


# A fifth joins.


def join_one(play: Play) -> None:
    """Invited, checked, started from a snapshot, voted in: member and validator by one vote."""
    began, settled = time.monotonic(), len(play.happened.statements)
    unit = nodes.new_unit(play.folder / "nodes", JOINS.id)
    with play.step("第五个单位受邀：检查、取信任高度", "A fifth company is invited: checks, trusted height"):
        invitation = play.folder / INVITATION
        invitation.write_bytes(_invite(play))
        card = _set_up(play, unit, invitation)
    with play.step("它的节点由快照启动", "Its node starts from a snapshot"):
        play.units[JOINS.id] = unit
        unit.start()
        sponsor = play.units[SPONSOR]
        play.wait(lambda: _in_step(unit, sponsor), "快照同步", "state sync")
        said = unit.status()
        play.happened.snapshot_height = said.earliest - 1 if said else 0
    with play.step("一份结算单在它眼前结清", "A statement is settled before its eyes"):
        waited_s = play.wait(lambda: _settled_since(play, settled), "结算", "the settlement")
    with play.step("成员表决接纳，节点成为验证节点", "The members vote it in; its node validates"):
        play.desk(SPONSOR).do(Propose(proposal=ADMISSION, subject=card))
        own = address(public_of(unit.folder / VALIDATOR_KEY))
        for member in ("maker", "plant", "bank", "auditor"):
            if _decided(play):
                break
            play.desk(member).do(Vote(proposal=ADMISSION, yes=True))
        play.wait(lambda: own in _addresses(sponsor), "成为验证节点", "its seat")
    play.happened.joined_s = time.monotonic() - began - waited_s
    play.happened.settled_while_joining = len(play.happened.statements) - settled


def _settled_since(play: Play, before: int) -> bool:
    """Whether one more statement is settled, or none comes any more."""
    return len(play.happened.statements) > before or play.business is None or play.business.over


def _decided(play: Play) -> bool:
    asked = Asking(play.desk(SPONSOR))
    return asked.one("consortium.member", dict[str, Any] | None, member=JOINS.id) is not None


def _invite(play: Play) -> bytes:
    ask = engine.over_http()
    urls = {unit.member: unit.url for unit in play.running}
    heard = nodes.statuses(play.units)
    begin = engine.trusted(ask, urls, {member: said.height for member, said in heard.items()})
    listed = tuple(
        InvitedNode(member=member, url=urls[member], peer=f"{said.node_id}@{play.units[member].address}")
        for member, said in heard.items()
    )
    genesis = decode_strict(play.genesis_bytes, Genesis)
    made = Invitation(
        genesis=play.genesis_bytes, charter_sha256=genesis.charter_sha256, inviter=SPONSOR,
        at_ms=time.time_ns() // 1_000_000, nodes=listed, height=begin.height, hash=begin.hash,
    )  # fmt: skip
    return write_invitation(made)


def _set_up(play: Play, unit: NodeUnit, invitation: Path) -> Any:
    """The newcomer's looks at everything, its keys, folder and card. Raises JoinRefused."""
    invited, _ = read_invitation(invitation.read_bytes(), str(invitation))
    ask, chain = engine.over_http(), chain_of(invited)
    urls = {node.member: node.url for node in invited.nodes}
    heard = joining_checks.ask_all(ask, urls)
    now_ms = time.time_ns() // 1_000_000
    findings = [
        *joining_checks.look_at_engine(),
        *joining_checks.look_at_ports(
            [("port", nodes.HOST, unit.port), ("listen", nodes.HOST, unit.engine_port)]
        ),
        *joining_checks.look_at_nodes(heard, urls, chain),
        *joining_checks.look_at_clock(heard, now_ms),
        *joining_checks.look_at_peers({node.member: node.peer for node in invited.nodes}),
    ]
    if bad := wrong(findings):
        raise JoinRefused(why_zh=bad[0].zh, why_en=bad[0].en)
    good = joining_checks.usable(heard, chain)
    heights = {member: said.height for member, said in good.items()}
    fetch = joining_trust.over_http(chain)
    begin = joining_trust.begin(invited.genesis, chain, urls, heights, ask, fetch, story.RealClock())
    servers = engine.servers([urls[member] for member in begin.members])
    plan = Plan(
        member=unit.member, port=unit.port, listen=unit.address, external=unit.address,
        peers=tuple(node.peer for node in invited.nodes), urls=urls,
        sync=Sync(tuple(servers), begin.height, begin.hash),
    )  # fmt: skip
    keys = unit.keys()
    write_folder(unit.folder, invited.genesis, settings_text(plan, nodes.ENGINE_MORE))
    company = nodes.registered_of(JOINS, unit.url, now_ms)
    return admission(chain, unit.member, company, keys, now_ms, charter_sha256=invited.charter_sha256)


def _addresses(unit: NodeUnit) -> dict[str, int]:
    """Powers by address, of the newest set that a node knows."""
    try:
        height = _engine_height(unit)
        return {each.address: each.power for each in engine.validators(engine.over_http(), unit.url, height)}
    except Refusal:
        return {}


# One changes its consensus key.


def rotate_one(play: Play) -> None:
    """The bank's new key is registered; its node restarts with it by itself."""
    unit, other = play.units[ROTATES], play.units[SPONSOR]
    with play.step("一个节点更换共识密钥", "One node changes its consensus key"):
        old, new = address(public_of(unit.folder / VALIDATOR_KEY)), next_key(unit.folder)
        client = play.desk(ROTATES)
        proof = new.signer.sign(of_validator(client.chain, ROTATES, new.public))
        client.do(RotateConsensusKey(public=new.public, proof=proof))
        play.happened.rotated = (old, address(new.public))

        def serves() -> bool:
            powers = _addresses(other)
            in_place = public_of(unit.folder / VALIDATOR_KEY) == new.public
            return in_place and old not in powers and address(new.public) in powers and _in_step(unit, other)

        play.wait(serves, "换用新密钥", "the new key")


# One leaves.


def leave_one(play: Play) -> None:
    """The auditor leaves: its power goes first, then its node stops."""
    unit, other = play.units[LEAVES], play.units[SPONSOR]
    with play.step("一个单位退出：先失去表决权重，再停机", "One leaves: first its power goes, then its node"):
        own = address(public_of(unit.folder / VALIDATOR_KEY))
        play.desk(LEAVES).do(Leave())
        play.wait(
            lambda: own not in _addresses(other) and own not in _addresses(unit),
            "失去权重",
            "its power going",
        )
        play.seen_leaving = _look(play, unit)
        nodes.end_all([unit])


# At the end.


def one_hash(play: Play) -> tuple[Seen, ...]:
    """What every running node shows, once all show the same. Raises NotOneHash."""
    end = time.monotonic() + CALM_WITHIN_S
    while True:
        seen = tuple(_look(play, unit) for unit in play.running)
        if len({(each.height, each.app_hash) for each in seen}) == 1 and seen[0].height:
            return seen
        if time.monotonic() > end:
            said = "; ".join(f"{each.member} {each.height} {each.app_hash[:12]}" for each in seen)
            raise NotOneHash(said=said, log=str(play.folder / "nodes"))
        time.sleep(nodes.LOOK_EVERY_S)


def _look(play: Play, unit: NodeUnit) -> Seen:
    head, said, powers = unit.http().head(), unit.status(), _addresses(unit)
    own = address(public_of(unit.folder / VALIDATOR_KEY))
    stories = {LEAVES: "left", JOINS.id: "joined", ROTATES: "rotated"}
    return Seen(
        member=unit.member,
        height=head.header.height if head else 0,
        app_hash=head.header.app_hash if head else "",
        engine_height=said.height if said else 0,
        power=powers.get(own, 0),
        validators=len(powers),
        story=stories.get(unit.member, ""),
    )


def _prove(play: Play, told: Story, first: story.Run, seen: tuple[Seen, ...]) -> NetworkDemo:
    with play.step("导出证据，离线验证", "Exporting the evidence, verifying it offline"):
        client = told.world.clients[METER_OWNER]
        stated = story.statement_of(told, first.agreement)
        assert stated is not None
        stores: dict[str, HeldReadings] = {METER_OWNER: told.world.gateway.store}
        bundle = gather(client, first.agreement, stated.period.from_ms, stores)
        evidence = encode(bundle)
        (play.folder / EVIDENCE).write_bytes(evidence)
        report = check_bundle(evidence, play.genesis_bytes)
    assert play.seen_leaving is not None
    return NetworkDemo(
        folder=play.folder, chain=client.chain, nodes=seen, left=play.seen_leaving, happened=play.happened,
        evidence=evidence, report=report,
    )  # fmt: skip
