"""Four whole nodes under load, minded as their operators mind them: each stopped for a new release and
started again, one after the other; a disk that was lost; a folder and its copy started at one moment.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx2

from hansa.apps.rooms import registry
from hansa.client.http import Http
from hansa.client.outbox import Outbox, Pen
from hansa.client.several import Other
from hansa.kernel import Refusal
from hansa.node import settings as files
from hansa.node.joining_rotation import STATE
from hansa.node.server import now_ms
from hansa.node.settings_engine import VALIDATOR_KEY
from tests import consortium
from tests.network.net import at_length
from tests.network.test_services import ATTEST, four, hold_each_once, made
from tests.node.test_supervised import Service
from tests.ports import free_port
from tests.waiting import until

__all__ = ["four", "made"]
WAIT_S = 300.0
RECORD_EVERY_S = 0.1
BLOCKS_WITHOUT = 10
"""That the others make while one node is stopped, at least."""
DONE_WITHOUT = 10
"""Records that are proved meanwhile, at least."""
BROUGHT = (files.GENESIS, files.SETTINGS, files.NODE_KEY, VALIDATOR_KEY, "member.key")
"""What is laid into a new folder after a disk was lost."""


class Sender:
    """A member that knows all four nodes and hands in a record every so often, by its outbox."""

    def __init__(self, nodes: Sequence[Service], folder: Path, member: str) -> None:
        self._nodes, self._folder, self._member, self._stop = nodes, folder, member, Event()
        self.put = self.done = 0
        self.wires: list[bytes] = []
        self.said: list[str] = []
        self.failure: BaseException | None = None
        self._thread = Thread(target=self._guarded, name="sender", daemon=True)

    @contextmanager
    def sending(self) -> Iterator["Sender"]:
        """Within it records go out; afterwards all that were put are proved."""
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), self.said[-3:]
        assert self.failure is None, self.failure

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as failure:
            self.failure = failure

    def _run(self) -> None:
        chain = hashlib.sha256((self._nodes[0].folder / files.GENESIS).read_bytes()).hexdigest()
        first, *rest = self._nodes
        signer = consortium.signer(self._member, "k1")
        http = Http(
            first.url, others=[Other(each.url, each.folder.name) for each in rest], node=first.folder.name,
            signer=signer, member=self._member, key="k1", chain=chain, allow_plain=True, patience_s=20,
            timeout_s=20,
        )  # fmt: skip
        pen = Pen(registry(), "k1", signer, now_ms)
        with Outbox(
            self._folder / "outbox.db",
            chain=chain,
            member=self._member,
            trusted=self._folder / "trusted.json",
        ) as outbox:
            while not self._stop.is_set() or self.done < self.put:
                if not self._stop.wait(RECORD_EVERY_S):
                    outbox.put(registry(), ATTEST, now_ms=now_ms())
                    self.put += 1
                try:
                    outbox.flush(http, pen)
                except Refusal as refusal:
                    self.said.append(refusal.code)
                    time.sleep(RECORD_EVERY_S)
                self.done = len(outbox.entries("done"))
            self.wires = [entry.wire for entry in outbox.entries("done") if entry.wire is not None]
        http.close()


def asked(service: Service) -> dict[str, Any]:
    """What its engine does; nothing where it does not answer."""
    try:
        found: dict[str, Any] = httpx2.get(f"{service.url}/v1/engine", timeout=10).json()
        return found
    except (httpx2.HTTPError, ValueError):
        return {}


def engine_height(service: Service) -> int:
    return int(asked(service).get("engine_height", -1))


def in_step(service: Service, other: Service) -> bool:
    """It answers, and is as far as another."""
    here = asked(service)
    return bool(here) and not here["catching_up"] and 0 < engine_height(other) <= here["engine_height"] + 1


def goes_on_without(sender: Sender, others: Sequence[Service]) -> None:
    """The others make blocks, and what is handed in is proved."""
    height, done = engine_height(others[0]), sender.done
    assert until(lambda: engine_height(others[0]) >= height + BLOCKS_WITHOUT, WAIT_S)
    assert until(lambda: sender.done >= done + DONE_WITHOUT, WAIT_S), sender.said[-3:]


@at_length
def test_one_node_after_the_other_is_upgraded_and_nothing_is_lost_or_stands(
    four: Sequence[Service], tmp_path: Path
) -> None:
    """docs/upgrade-a-network.md: stop, replace the program, start, look, compare; then the next."""
    with Sender(four, tmp_path, "plant").sending() as sender:
        for each in four:
            others = [other for other in four if other is not each]
            assert each.end() == 0
            goes_on_without(sender, others)
            each.start().wait()
            assert until(lambda each=each, others=others: in_step(each, others[0]), WAIT_S)
    hold_each_once(four, sender.wires, sender.put)


@at_length
def test_a_lost_disk_is_made_good_from_the_others_by_keys_genesis_and_settings(
    four: Sequence[Service], tmp_path: Path
) -> None:
    """docs/operate-a-network.md, Back up: the key begins above all it ever signed, and signs again."""
    lost, *others = four
    with Sender(four, tmp_path, "bank").sending() as sender:
        goes_on_without(sender, others)
        assert lost.end() == 0
        signed = int(json.loads((lost.folder / STATE).read_bytes())["height"])
        gone = lost.folder.rename(tmp_path / "gone")
        lost.folder.mkdir()
        for name in BROUGHT:
            shutil.copy2(gone / name, lost.folder / name)
        lost.start()
        assert until(lambda: lost.well() and in_step(lost, others[0]), WAIT_S), lost.log()[-3_000:]
        assert int(json.loads((lost.folder / STATE).read_bytes())["height"]) > signed
        assert until(lambda: silent_blocks(others[0])[lost.folder.name] == 0, WAIT_S)
    hold_each_once(four, sender.wires, sender.put)


@at_length
def test_a_folder_and_its_copy_started_at_one_moment_sign_once(
    four: Sequence[Service], tmp_path: Path
) -> None:
    """Equal to the byte, but for the ports: the copy stands back, the original goes on."""
    original, *others = four
    with Sender(four, tmp_path, "auditor").sending() as sender:
        goes_on_without(sender, others)
        assert original.end() == 0
        folder = shutil.copytree(
            original.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock", "log")
        )
        text, own = (folder / files.SETTINGS).read_text(), files.read(folder)
        text = text.replace(f"port = {own.port}", f"port = {free_port()}")
        text = text.replace(f'listen = "{own.engine.listen}"', f'listen = "127.0.0.1:{free_port()}"')
        (folder / files.SETTINGS).write_text(text)
        copy = Service(folder)
        try:
            original.start()
            copy.start()
            copy.until(lambda: "node.key_in_use" in copy.log() or "node.twin_connected" in copy.log())
            original.wait()
            assert "engine" not in copy.told.get("children", {})
            goes_on_without(sender, others)
        finally:
            copy.end()
        assert until(lambda: silent_blocks(others[0])[original.folder.name] == 0, WAIT_S)
    assert {seat["status"] for seat in seats(others[0])} == {"active"}
    hold_each_once(four, sender.wires, sender.put)


def seats(service: Service) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx2.get(f"{service.url}/v1/validators", timeout=10).json()["validators"]
    return found


def silent_blocks(service: Service) -> dict[str, int]:
    return {seat["member"]: seat.get("silent_blocks", 0) for seat in seats(service)}
