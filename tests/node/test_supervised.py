"""`hansa node run` with the real engine: a validator and a copy beside it; killed, copied, renewed."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.apps.rooms import registry
from hansa.client.keyfiles import write_key
from hansa.engines.cometbft.home import node_id
from hansa.kernel import limits
from hansa.kernel.transaction import sign
from hansa.node import settings as files
from hansa.node.joining_folder import Plan, settings_text
from hansa.node.joining_rotation import STATE
from hansa.node.server import now_ms
from hansa.node.settings_engine import VALIDATOR_KEY
from hansa.node.supervision_state import STATE_FILE
from tests import consortium
from tests.cli.shell import Shell
from tests.node.network_world import WORKER, folders, seed
from tests.node.test_supervision import alive
from tests.node.world import OCTETS
from tests.ports import free_port
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 120.0
ATTEST = Attest(table="consortium.members", key=("maker",))


LIE = """
from hansa.kernel import keys
honest = keys.used
keys.used = lambda window, sequence: honest(honest(window, sequence), sequence + 1)
from hansa.cli.main import main
main()
"""
"""An application that keeps another window of used sequences than all others do."""
LYING = f"""
from hansa.node import supervision_node
supervision_node.APPLICATION_CODE = {LIE!r}
from hansa.cli.main import main
main()
"""


class Service:
    """A folder's node under its supervisor, as a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{files.read(folder).port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, lying: bool = False) -> "Service":
        code = LYING if lying else "from hansa.cli.main import main; main()"
        command = [sys.executable, "-c", code, "node", "run"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "HANSA_LANG": "en"}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, str(self.folder), *options], stdout=log, stderr=log, env=environment
            )
        return self

    def end(self, way: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.send_signal(way)
        return self.process.wait(WAIT_S)

    @property
    def told(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            found: dict[str, Any] = {"children": {}} | json.loads((self.folder / STATE_FILE).read_bytes())
            return found
        return {"state": "", "restarts": -1, "children": {}}

    def well(self, restarts: int = 0) -> bool:
        """Both run, were started anew so often, and the engine answers."""
        if self.told["state"] != "running" or self.told["restarts"] < restarts:
            return False
        with suppress(httpx2.HTTPError, ValueError):
            return bool(httpx2.get(f"{self.url}/v1/engine", timeout=10).json()["answers"])
        return False

    def wait(self, restarts: int = 0) -> dict[str, int]:
        """Until it is well; its processes."""
        self.until(lambda: self.well(restarts))
        children: dict[str, int] = self.told["children"]
        return children

    def until(self, what: Callable[[], object]) -> None:
        assert until(what, WAIT_S), self.log()[-3_000:]

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def height(self) -> int:
        with suppress(httpx2.HTTPError, ValueError, KeyError):
            return int(httpx2.get(f"{self.url}/v1/engine", timeout=10).json()["height"])
        return -1


class Pair:
    """A validator, and a copy of another member that follows it by the engine."""

    def __init__(self, root: Path) -> None:
        (settings,) = folders(root, ("maker",))
        self.root, self.genesis = root, (root / "maker" / files.GENESIS).read_bytes()
        plant = root / "plant"
        plant.mkdir()
        (plant / files.GENESIS).write_bytes(self.genesis)
        for name, key in ((files.NODE_KEY, "node"), (VALIDATOR_KEY, "validator"), ("member.key", WORKER)):
            write_key(plant / name, seed("plant", key))
        ports = {"maker": free_port(), "plant": free_port()}
        engines = {"maker": settings.engine.listen, "plant": f"127.0.0.1:{free_port()}"}
        for member, other in (("maker", "plant"), ("plant", "maker")):
            peer = f"{node_id(consortium.signer(other, 'node').public)}@{engines[other]}"
            plan = Plan(
                member, port=ports[member], listen=engines[member], peers=(peer,),
                urls={other: f"http://127.0.0.1:{ports[other]}"},
            )  # fmt: skip
            text = settings_text(plan, more=(("empty_block_interval_s", 1),))
            (root / member / files.SETTINGS).write_text(text)
        self.maker, self.plant = Service(root / "maker"), Service(plant)
        self._sequence = 0

    def submit(self) -> int:
        """One record, at the validator's node; its height."""
        self._sequence += 1
        wire = sign(
            registry(), consortium.signer("maker", "k1"), chain=hashlib.sha256(self.genesis).hexdigest(),
            member="maker", key="k1", sequence=self._sequence,
            valid_until_ms=now_ms() + limits.HOUR_MS, actions=(ATTEST,),
        )  # fmt: skip
        said = httpx2.post(f"{self.maker.url}/v1/transactions", content=wire, headers=OCTETS, timeout=WAIT_S)
        (receipt,) = said.json()["receipts"]
        assert receipt["code"] == "ok", receipt
        return int(receipt["height"])

    def level(self, height: int) -> None:
        """Both hold this height."""
        for each in (self.maker, self.plant):
            each.until(lambda each=each: each.height >= height)


@pytest.fixture(scope="module")
def pair(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("n"))
    try:
        for each in (made.maker, made.plant):
            each.start()
        for each in (made.maker, made.plant):
            each.wait()
        yield made
    finally:
        for each in (made.maker, made.plant):
            if each.process is not None and each.process.poll() is None:
                each.process.kill()
                each.process.wait()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home")


def test_what_is_decided_at_one_is_at_both_and_stands_in_status_top_and_diff(
    pair: Pair, shell: Shell
) -> None:
    pair.level(pair.submit())

    def status() -> Any:
        return shell.do("node", "status", pair.plant.folder, "--json").json

    assert until(lambda: status()["lag"] <= 2, WAIT_S)
    told = status()
    assert (told["state"], told["member"]) == ("running", "plant")
    assert told["node"]["seats"][0]["member"] == "maker"
    assert "maker" in shell.do("node", "status", pair.plant.folder, HANSA_LANG="zh").out
    shown = shell.do("top", pair.plant.folder, "--json").json
    assert [node["answers"] for node in shown["nodes"]] == [True, True]
    assert shown["differ"] == []
    compared = shell.do("node", "diff", pair.plant.folder, "--records", "--json").json
    assert [found["what"] for found in compared["found"]] == ["nothing"]
    assert compared["found"][0]["height"] >= 1


def told_of(service: Service, shell: Shell) -> list[dict[str, Any]]:
    """Its incidents, as its operator sees them."""
    found: list[dict[str, Any]] = shell("node", "status", service.folder, "--json").json["incidents"]
    return found


@pytest.mark.parametrize("victim", ["application", "engine"])
def test_a_killed_process_brings_both_back_and_nothing_is_lost(pair: Pair, shell: Shell, victim: str) -> None:
    height, before = pair.submit(), pair.maker.told["restarts"]
    pids = pair.maker.wait()
    os.kill(pids[victim], signal.SIGKILL)
    after = pair.maker.wait(restarts=before + 1)
    incident = told_of(pair.maker, shell)[-1]
    assert incident["code"] == "incident.restarted"
    assert incident["height"] >= height, "the node itself was asked"
    assert incident["en"].partition("Cause: ")[2].startswith(victim)
    assert not set(pids.values()) & set(after.values())
    assert not any(alive(pid) for pid in pids.values())
    assert pair.maker.height >= height
    pair.level(pair.submit())


def test_a_killed_supervisor_leaves_nothing_and_starts_again(pair: Pair) -> None:
    height, pids = pair.submit(), pair.maker.wait()
    pair.maker.end(signal.SIGKILL)
    assert until(lambda: not any(alive(pid) for pid in pids.values()), WAIT_S)
    pair.maker.start().wait()
    assert pair.maker.height >= height
    pair.level(pair.submit())


def test_one_folder_serves_one_node(pair: Pair, shell: Shell) -> None:
    assert "pid" in shell.refused("node.folder_held", "node", "run", pair.maker.folder).err
    shell.refused("node.folder_held", "node", "reset", pair.maker.folder, "--yes")
    shell.refused("node.folder_held", "node", "prune", pair.maker.folder, "--yes")


def test_a_copied_folder_never_signs(pair: Pair, tmp_path: Path) -> None:
    """The copy is whole, and a moment old: the chain shows that its key goes on signing."""
    pair.submit()
    twin = tmp_path / "twin"
    shutil.copytree(pair.maker.folder, twin, ignore=shutil.ignore_patterns("*.sock", "run"))
    text = (twin / files.SETTINGS).read_text()
    own = files.read(twin)
    text = text.replace(f"port = {own.port}", f"port = {free_port()}")
    text = text.replace(own.engine.listen, f"127.0.0.1:{free_port()}")
    text = text.replace(own.peers["plant"], pair.plant.url)
    (twin / files.SETTINGS).write_text(text)
    signed = (twin / STATE).read_bytes()
    for _ in range(2):
        pair.level(pair.submit())
    service = Service(twin).start()
    try:
        service.until(lambda: "node.key_in_use" in service.log())
        assert "engine" not in service.told.get("children", {})
        assert (twin / STATE).read_bytes() == signed
    finally:
        service.end()


def test_a_copy_that_was_set_aside_comes_back_from_the_others(pair: Pair, shell: Shell) -> None:
    """As after a damaged disk, or on a state of its own."""
    height = pair.submit()
    pair.level(height)
    assert pair.plant.end() == 0
    listed = shell.do("node", "reset", pair.plant.folder, "--dry-run").out
    assert "ledger.db" in listed
    assert VALIDATOR_KEY not in listed
    assert STATE.name not in listed
    shell.do("node", "reset", pair.plant.folder, "--yes")
    assert not (pair.plant.folder / files.LEDGER).exists()
    assert (pair.plant.folder / STATE).exists()
    pair.plant.start().wait()
    pair.level(height)
    compared = shell.do("node", "diff", pair.plant.folder, "--records", "--json").json
    assert not compared["differ"]


def test_a_node_that_computes_otherwise_is_held_and_the_record_is_named(pair: Pair, shell: Shell) -> None:
    """No restart loop; what it holds stays readable; set aside, it comes back on the state of all."""
    assert pair.plant.end() == 0
    pair.plant.start(lying=True).wait()
    height = pair.submit()
    pair.maker.until(lambda: pair.maker.height >= height)
    for _ in range(3):
        pair.submit()
    pair.plant.until(lambda: pair.plant.told["state"] == "held")
    restarts, pids = pair.plant.told["restarts"], pair.plant.told["children"]
    assert shell("node", "status", pair.plant.folder).status == 1
    assert told_of(pair.plant, shell)[-1]["code"] == "incident.held"
    ran = shell("node", "diff", pair.plant.folder, "--json")
    assert ran.status == 1
    (found,) = ran.json["found"]
    assert (found["height"], found["what"]) == (height, "record")
    assert found["table"].startswith("kernel.")
    assert found["fields"]
    assert not until(lambda: pair.plant.told["restarts"] > restarts, 15.0)
    assert pair.plant.told["children"] == pids
    assert pair.plant.end() == 0
    shell.do("node", "reset", pair.plant.folder, "--yes")
    pair.plant.start().wait()
    pair.level(pair.submit())
    assert not shell.do("node", "diff", pair.plant.folder, "--json").json["differ"]


def test_a_stopped_node_is_pruned_and_backed_up_and_goes_on(pair: Pair, shell: Shell, tmp_path: Path) -> None:
    """The steps of an upgrade: drain by stopping, replace, start, look."""
    pair.level(pair.submit())
    assert pair.plant.end() == 0
    assert shell("node", "status", pair.plant.folder).status == 1
    shell.do("node", "backup", pair.plant.folder, tmp_path / "copy")
    kept = {path.name for path in (tmp_path / "copy").rglob("*")}
    assert files.LEDGER in kept
    assert not kept & {VALIDATOR_KEY, files.NODE_KEY, "member.key", STATE.name, "engine"}
    before = shell.do("node", "prune", pair.plant.folder, "--dry-run", "--json").json["before"]
    after = shell.do("node", "prune", pair.plant.folder, "--yes", "--json").json["after"]
    assert after["height"] == before["height"] >= 1
    height = pair.submit()
    pair.plant.start().wait()
    pair.level(height)
    assert shell.do("node", "status", pair.plant.folder, "--json").json["restarts"] == 0


def test_a_lost_ledger_comes_back_from_a_backup_and_the_engine_brings_the_rest(
    pair: Pair, shell: Shell, tmp_path: Path
) -> None:
    """The disk's folder of the engine is whole: what it holds is replayed after the backup."""
    pair.level(pair.submit())
    shell.do("node", "backup", pair.plant.folder, tmp_path / "copy")
    for _ in range(3):
        pair.level(pair.submit())
    assert pair.plant.end() == 0
    for path in pair.plant.folder.glob(f"{files.LEDGER}*"):
        path.unlink()
    told = shell.do("restore", tmp_path / "copy", pair.plant.folder)
    assert "hansa node run" in told.out
    pair.plant.start().wait()
    pair.level(pair.submit())
    assert pair.plant.told["restarts"] == 0
    assert not shell.do("node", "diff", pair.plant.folder, "--records", "--json").json["differ"]


def test_a_lost_disk_comes_back_from_the_others(pair: Pair, shell: Shell, tmp_path: Path) -> None:
    """A backup alone makes no node; the files that it does not hold do, and the others' blocks."""
    pair.level(pair.submit())
    shell.do("node", "backup", pair.plant.folder, tmp_path / "copy")
    assert pair.plant.end() == 0
    gone = pair.plant.folder.rename(tmp_path / "gone")
    told = shell.do("restore", tmp_path / "copy", tmp_path / "only-read")
    assert "verified and exported" in told.out
    pair.plant.folder.mkdir()
    for name in (files.GENESIS, files.SETTINGS, files.NODE_KEY, VALIDATOR_KEY, "member.key"):
        shutil.copy2(gone / name, pair.plant.folder / name)
    pair.plant.start().wait()
    pair.level(pair.submit())
    assert not shell.do("node", "diff", pair.plant.folder, "--records", "--json").json["differ"]
