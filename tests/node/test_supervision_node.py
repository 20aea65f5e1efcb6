"""What the supervisor of a node looks at before a start and while both run, without an engine."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hansa.client.keyfiles import KeyDamaged
from hansa.kernel.commit import chain_id_of
from hansa.node import errors_supervision as errors
from hansa.node import joining_checks, joining_engine
from hansa.node import settings as files
from hansa.node import supervision_checks as checks
from hansa.node import supervision_node as node
from hansa.node.settings import Settings
from hansa.node.settings_engine import VALIDATOR_KEY, EngineSettings
from hansa.node.supervision import Hold
from tests.node.network_world import folders
from tests.node.test_supervision_status import Node
from tests.ports import free_port

NOW_MS = 1_795_000_000_000
CHAIN = "ab" * 32


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return folders(tmp_path, ("maker",))[0]


# Before a start.


def test_a_folder_lacks_nothing(settings: Settings) -> None:
    assert checks.check_folder(settings)
    for name in (files.GENESIS, files.NODE_KEY, VALIDATOR_KEY):
        kept = settings.file(name).read_bytes()
        settings.file(name).unlink()
        with pytest.raises(errors.FolderLacks, match=name):
            checks.check_folder(settings)
        settings.file(name).write_bytes(kept)


@pytest.mark.parametrize("name", [files.NODE_KEY, VALIDATOR_KEY])
def test_a_damaged_key_is_refused_before_anything_is_started(settings: Settings, name: str) -> None:
    settings.file(name).write_text("rubbish")
    with pytest.raises(KeyDamaged, match=name):
        checks.check_folder(settings)


@pytest.mark.parametrize("cut", [0, 2, 500])
def test_a_damaged_genesis_file_is_named(settings: Settings, cut: int) -> None:
    path = settings.file(files.GENESIS)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(errors.GenesisDamaged) as caught:
        checks.check_folder(settings)
    assert str(path) in caught.value.zh
    assert str(path) in caught.value.en


def test_a_genesis_file_of_one_operator_is_refused(settings: Settings) -> None:
    from hansa.apps.rooms import registry
    from hansa.kernel import encode
    from tests import consortium

    settings.file(files.GENESIS).write_bytes(encode(consortium.genesis(registry(), NOW_MS)))
    with pytest.raises(errors.GenesisOther):
        checks.check_folder(settings)


@pytest.mark.parametrize("which", ["port", "[engine] listen"])
def test_a_port_that_is_taken_is_named_with_its_setting_and_holder(settings: Settings, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        engine = EngineSettings(listen=f"127.0.0.1:{port}" if which != "port" else "127.0.0.1:0")
        found = Settings(member="maker", role="network", port=port if which == "port" else 0, engine=engine)
        with pytest.raises(errors.PortHeld) as caught:
            checks.check_ports(found)
    assert caught.value.values["setting"] == which
    assert caught.value.values["port"] == port


def test_a_node_that_only_calls_needs_no_port_for_its_engine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        engine = EngineSettings(listen=listen, relay_only=True)
        checks.check_ports(Settings(member="maker", role="network", port=free_port(), engine=engine))


class Others:
    """Nodes whose clocks are off by so many seconds."""

    def __init__(self, *off_s: int | None) -> None:
        self.urls = {f"m{number}": f"http://m{number}" for number in range(len(off_s))}
        self._off_s = dict(zip(self.urls.values(), off_s, strict=True))
        self.chains: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def ask(self, url: str, method: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        off_s = self._off_s[url]
        if off_s is None:
            raise errors.NodeAlreadyDown(path=url)
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(NOW_MS // 1_000 + off_s))
        sync = {"latest_block_height": "9", "latest_block_time": "2026-11-22T10:00:00Z", "catching_up": False}
        info = {
            "id": "a" * 40,
            "listen_addr": "x:1",
            "network": chain_id_of(self.chains.get(url, CHAIN)),
            "version": self.versions.get(url, "0.38.25"),
        }
        return {"node_info": info, "sync_info": sync}, date

    def look(self) -> list[str]:
        return [odd.code for odd in checks.check_others(self.ask, self.urls, CHAIN, lambda: NOW_MS)]


@pytest.mark.parametrize(("off_s", "refused"), [
    ((0, 0, 0), False), ((60, 0, 0), False), ((60, 61, 0), True), ((-60, -61, -59), True), ((9, 9), False),
    ((None, None), False), ((40,), True), ((), False), ((60, 0), False), ((60, 60), True),
    ((None, 40), False),
])  # fmt: skip
def test_a_clock_far_off_those_of_most_others_is_refused(
    off_s: tuple[int | None, ...], refused: bool
) -> None:
    others = Others(*off_s)
    if not refused:
        others.look()
        return
    with pytest.raises(errors.ClockWrong):
        others.look()


def test_waiting_for_one_that_does_not_answer_puts_no_clock_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others' answers are old by then, not wrong."""
    others, waited_s = Others(0, 0, None), [0.0]
    monkeypatch.setattr(joining_engine.time, "monotonic", lambda: waited_s[0])

    def ask(url: str, method: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        waited_s[0] = 15.0 if url == "http://m2" else 0.0
        return others.ask(url, method, parameters)

    def clock() -> int:
        return NOW_MS + 15_000

    monkeypatch.setattr(joining_checks, "ASKED_AT_ONCE", 1)
    assert [odd.code for odd in checks.check_others(ask, others.urls, CHAIN, clock)] == ["node.not_running"]
    heard = joining_checks.ask_all(ask, others.urls)
    assert [one.level for one in joining_checks.look_at_clock(heard, clock())] == ["ok"]
    with pytest.raises(errors.ClockWrong):
        checks.check_others(ask, others.urls, CHAIN, lambda: NOW_MS)


def test_what_is_odd_about_the_others_is_told_and_stops_nobody() -> None:
    others = Others(0, 0, None)
    others.chains["http://m0"] = "cd" * 32
    others.versions["http://m1"] = "0.40.0"
    assert others.look() == ["node.not_running", "network.other_network", "network.other_engine"]


def test_a_genesis_file_that_nobody_else_has_is_refused() -> None:
    others = Others(0, 0, None)
    others.chains = dict.fromkeys(others.urls.values(), "cd" * 32)
    with pytest.raises(errors.GenesisUnlike, match="m0, m1"):
        others.look()


def test_one_liar_that_answers_alone_keeps_nobody_from_starting() -> None:
    """After a power cut it may be the first that is up; were it believed, no other would come."""
    others = Others(60, None, None)
    assert others.look()[-1] == "node.clock_other"
    others = Others(0, None, None)
    others.chains["http://m0"] = "cd" * 32
    assert others.look()[-1] == "network.other_network"


def test_a_folder_is_held_by_one_process(tmp_path: Path) -> None:
    with checks.held(tmp_path):
        assert not checks.is_free(tmp_path)
        with pytest.raises(errors.FolderHeld), checks.held(tmp_path):
            pass
    assert checks.is_free(tmp_path)


def test_whoever_only_looks_keeps_no_node_from_starting(tmp_path: Path) -> None:
    """`hansa node status` has the lock for a moment."""
    with checks.held(tmp_path):
        begun, had = threading.Event(), threading.Event()

        def start() -> None:
            begun.set()
            with checks.held(tmp_path, wait_s=30.0):
                had.set()

        starting = threading.Thread(target=start)
        starting.start()
        begun.wait()
        assert not had.wait(0.2)
    assert had.wait(30.0)
    starting.join()


# While both run.


@pytest.fixture
def answers() -> Iterator[Node]:
    made = Node("maker")
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.parametrize("check", ["hash", "blocked"])
def test_what_health_says_of_state_and_stops_holds(answers: Node, tmp_path: Path, check: str) -> None:
    settings = Settings(member="maker", role="network", port=answers.port, directory=str(tmp_path))
    probe = node.application(settings).probe
    assert probe() == ""
    answers.checks = [{"name": check, "ok": False, "zh": "停住", "en": "stands still"}]
    with pytest.raises(Hold) as caught:
        probe()
    assert (caught.value.zh, caught.value.en) == ("停住", "stands still")


def test_an_application_that_fails_or_is_silent_is_started_anew(answers: Node, tmp_path: Path) -> None:
    settings = Settings(member="maker", role="network", port=answers.port, directory=str(tmp_path))
    probe = node.application(settings).probe
    answers.checks = [{"name": "application", "ok": False, "zh": "坏", "en": "failed"}]
    assert probe() == "failed"
    answers.checks = [{"name": "clock", "ok": False, "zh": "时钟", "en": "clock"}]
    assert probe() == "", "no restart sets a clock"
    answers.raw["/health"] = b"rubbish"
    assert str(answers.port) in probe()


@pytest.mark.parametrize(("line", "holds", "anew"), [
    ({"event": "finalized block"}, False, False),
    ({"event": "CONSENSUS FAILURE!!!", "err": "write wal: no space left on device"}, False, True),
    ({"event": "CONSENSUS FAILURE!!!",
      "err": "+2/3 committed an invalid block: wrong Block.Header.AppHash.  Expected 1, got 2"}, True, False),
    ({"event": "Error in validation", "module": "blocksync",
      "err": "wrong Block.Header.AppHash.  Expected 1, got 2"}, True, False),
    ({"event": "bad peer", "module": "p2p", "err": "no space left on device"}, False, False),
    ({"event": "failed signing vote", "err": "write: no space left on device"}, False, True),
    ({"event": "Error in validation", "err": "wrong signature (#2)"}, False, False),
    ({"event": "output", "text": "error: app block height (9) is higher than core (3)"}, True, False),
    ({"event": None, "err": 7}, False, False),
    ({}, False, False),
])  # fmt: skip
def test_the_engines_last_words_decide(line: dict[str, Any], holds: bool, anew: bool) -> None:
    if holds:
        with pytest.raises(Hold) as caught:
            node.failure_in(line)
        assert "hansa node diff" in caught.value.en or "engine/data" in caught.value.zh
    else:
        assert bool(node.failure_in(line)) == anew


class Engine:
    """An engine that stands at a height, and others that go on."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.height: Any = 10
        self.others = 10
        self.now_s = 0.0
        monkeypatch.setattr(node.time, "monotonic", lambda: self.now_s)
        self.claims: dict[str, int] = {}
        """Of those that claim a height of their own."""
        self._folder = str(tmp_path)
        self.probe = self.made(plant="http://plant")

    def made(self, **peers: str) -> node.EngineProbe:
        settings = Settings(member="maker", role="network", peers=peers, directory=self._folder)
        return node.EngineProbe(settings, self._ask, self._rpc)

    def _rpc(self) -> Any:
        if isinstance(self.height, Exception):
            raise self.height
        return {"result": {"sync_info": {"latest_block_height": str(self.height), "catching_up": False}}}

    def _ask(self, url: str, method: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        height = self.claims.get(url, self.others)
        sync = {"latest_block_height": str(height), "latest_block_time": "2026-11-22T10:00:00Z",
                "catching_up": False}  # fmt: skip
        info = {"id": "a" * 40, "listen_addr": "x:1", "network": "x", "version": "0.38.25"}
        return {"node_info": info, "sync_info": sync}, ""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine(tmp_path, monkeypatch)


def test_an_engine_that_stands_while_others_go_on_is_started_anew(engine: Engine) -> None:
    assert engine.probe() == ""
    engine.others += node.FROZEN_BLOCKS
    assert engine.probe() == "", "others are ahead, and this one has just begun to catch up"
    engine.others -= node.FROZEN_BLOCKS
    engine.now_s += node.FROZEN_S + 1
    assert engine.probe() == "", "all stand: a chain that rests, or too few validators"
    engine.others += node.FROZEN_BLOCKS
    assert "10" in engine.probe()
    engine.height = 11
    assert engine.probe() == ""


def test_one_that_claims_any_height_starts_nobody_anew(engine: Engine) -> None:
    engine.claims = {"http://bank": 10**15}
    engine.probe = engine.made(plant="http://plant", bank="http://bank")
    assert engine.probe() == ""
    engine.now_s += node.FROZEN_S + 1
    assert engine.probe() == ""
    engine.others += node.FROZEN_BLOCKS
    assert str(engine.others) in engine.probe()


@pytest.mark.parametrize("odd", [OSError("gone"), ValueError("rubbish"), KeyError("result")])
def test_an_engine_that_does_not_answer_is_told(engine: Engine, odd: Exception) -> None:
    engine.height = odd
    assert type(odd).__name__ in engine.probe()


def test_the_engine_gets_no_settings_of_the_users_environment() -> None:
    own = {"CMT_P2P_PEX": "true", "CMTHOME": "/x", "TM_HOME": "/y", "TMHOME": "/z", "HTTPS_PROXY": "p",
           "SSL_CERT_FILE": "c", "PATH": os.defpath, "TMPDIR": "/tmp"}  # fmt: skip
    kept = node.engine_environment(own)
    assert set(kept) == {"HTTPS_PROXY", "SSL_CERT_FILE", "PATH", "TMPDIR"}


def test_a_ledger_that_cannot_be_read_held_something(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    assert node.blocks_in(path) == 0
    path.write_bytes(b"damaged" * 1_000)
    assert node.blocks_in(path) == 1
