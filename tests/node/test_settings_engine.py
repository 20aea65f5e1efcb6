"""What node.toml says of the engine, where the sockets lie, and a role that does not fit the chain."""

import os
import socket
import stat
import tomllib
from pathlib import Path

import msgspec
import pytest

from hansa.apps.rooms import registry
from hansa.engines.cometbft.home import config
from hansa.kernel import Refusal, encode
from hansa.node import settings as files
from hansa.node.backup import catch_up
from hansa.node.engine_home import setup_of
from hansa.node.follower import open_follower
from hansa.node.run import open_operator
from hansa.node.server import now_ms
from hansa.node.settings import Settings
from hansa.node.settings_engine import SOCKET_PATH_MAX, EngineSettings, port_of, sockets
from tests.consortium import signer
from tests.engines.cometbft import network as founded

PEER = "ab" * 20 + "@10.0.0.2:26656"


def test_node_toml_of_a_network_is_read_and_reaches_the_engine(tmp_path: Path) -> None:
    (tmp_path / files.SETTINGS).write_text(f"""
member = "plant"
role = "network"
key = "node-1"
[engine]
listen = "0.0.0.0:26656"
external = "node.plant.example:26656"
peers = ["{PEER}"]
timeout_commit_ms = 300
[engine.sync]
servers = ["https://a.example/v1/engine", "https://b.example/v1/engine"]
height = 1200
hash = "{"AB" * 32}"
""")
    found = files.read(tmp_path)
    where = sockets(str(tmp_path))
    written = tomllib.loads(config(setup_of(found, where, 26_660, fresh=True)))
    assert written["p2p"]["laddr"] == "tcp://0.0.0.0:26656"
    assert written["p2p"]["external_address"] == "node.plant.example:26656"
    assert written["p2p"]["persistent_peers"] == PEER
    assert written["consensus"]["timeout_commit"] == "300ms"
    assert written["rpc"]["laddr"] == f"unix://{where.rpc}"
    assert written["proxy_app"] == f"unix://{where.abci}"
    assert written["statesync"]["enable"]
    assert written["statesync"]["trust_height"] == 1_200
    assert written["instrumentation"]["prometheus_listen_addr"] == "127.0.0.1:26660"
    later = tomllib.loads(config(setup_of(found, where, 0, fresh=False)))
    assert not later["statesync"]["enable"]
    assert not later["instrumentation"]["prometheus"]


def test_a_node_behind_a_relay_listens_for_nobody(tmp_path: Path) -> None:
    engine = EngineSettings(relay_only=True, peers=(PEER,))
    settings = Settings(member="plant", role="network", directory=str(tmp_path), engine=engine)
    setup = setup_of(settings, sockets(str(tmp_path)), 0, fresh=True)
    assert (setup.listen, setup.peers) == ("", (PEER,))


@pytest.mark.parametrize(
    "line",
    ['peers = ["10.0.0.2:26656"]', 'peers = ["xy@h:1"]', f'peers = ["{PEER},{PEER}"]', 'listen = "h"',
     'listen = "tcp://h:1"', "timeout_commit_ms = 0", 'rpc = "0.0.0.0:26657"', 'listen = "h:1\\n"',
     f'sync = {{servers = ["https://a"], height = 1, hash = "{"ab" * 32}"}}',
     'sync = {servers = ["https://a", "https://b"], height = 1, hash = "ab"}'],
)  # fmt: skip
def test_what_is_wrong_in_it_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / files.SETTINGS).write_text(f'member = "plant"\nrole = "network"\n[engine]\n{line}\n')
    with pytest.raises(Refusal) as refused:
        files.read(tmp_path)
    assert refused.value.code.startswith("node.")
    assert "engine" in refused.value.en


def test_sockets_lie_in_the_folder_and_elsewhere_where_its_path_is_too_long(tmp_path: Path) -> None:
    assert sockets("/srv/hansa").abci == Path("/srv/hansa/run/abci.sock")
    deep = tmp_path / ("d" * SOCKET_PATH_MAX)
    found = sockets(str(deep))
    assert all(len(os.fsencode(path)) < SOCKET_PATH_MAX for path in found)
    assert found == sockets(str(deep))
    assert found != sockets(str(deep) + "2")
    found.prepare()
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(found.abci))
        assert stat.S_IMODE(found.abci.parent.stat().st_mode) == 0o700
        found.prepare()
        assert not found.abci.exists()  # What an earlier run left is cleared away.
    finally:
        found.abci.parent.rmdir()


def test_sockets_in_a_folder_of_somebody_else_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = sockets(str(tmp_path))
    found.prepare()
    monkeypatch.setattr(os, "getuid", lambda: 12_345)
    with pytest.raises(PermissionError):
        found.prepare()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root makes others' links")
def test_a_link_of_somebody_else_in_their_place_is_not_followed(tmp_path: Path) -> None:
    """In a folder that all users write to, it could lead to any folder of ours."""
    ours = tmp_path / "ours"
    ours.mkdir(mode=0o755)
    folder = sockets(str(tmp_path)).abci.parent
    folder.symlink_to(ours)
    sockets(str(tmp_path)).prepare()  # One's own link is one's own choice.
    ours.chmod(0o755)
    os.lchown(folder, 12_345, -1)
    with pytest.raises(PermissionError):
        sockets(str(tmp_path)).prepare()
    assert stat.S_IMODE(ours.stat().st_mode) == 0o755


def test_operator_and_follower_say_that_a_network_has_none(tmp_path: Path) -> None:
    genesis = encode(founded.genesis(registry(), now_ms()))
    (tmp_path / files.GENESIS).write_bytes(genesis)
    (tmp_path / files.LEDGER).write_bytes(b"")
    settings = Settings(member="maker", directory=str(tmp_path))
    following = msgspec.structs.replace(settings, role="follower", follow="http://x")
    for opened in (
        lambda: open_operator(settings, now_ms, None),
        lambda: open_follower(following, now_ms),
        lambda: catch_up(tmp_path, signer("maker"), None, [], alone=True),  # type: ignore[arg-type]
    ):
        with pytest.raises(Refusal) as refused:
            opened()
        assert refused.value.code == "engine.network_chain"


def test_ports_of_addresses() -> None:
    assert port_of("10.0.0.1:26656") == 26_656
    assert port_of("[::1]:80") == 80
    assert port_of("") == 0
