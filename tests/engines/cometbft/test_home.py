"""The engine's folder, and what its log means."""

import base64
import json
import stat
import tomllib
from pathlib import Path

import pytest

from hansa.engines.cometbft.home import Setup, Sync, config, lay_out, node_id
from hansa.engines.cometbft.trouble import disk_trouble, explained
from hansa.kernel import Refusal, encode
from tests.consortium import signer
from tests.engines.cometbft.network import genesis
from tests.kernel import room

SETUP = Setup(
    moniker="plant",
    abci=Path("/run/s/abci.sock"),
    rpc="unix:///run/s/rpc.sock",
    listen="0.0.0.0:26656",
    peers=("aa@one:1", "bb@two:2"),
)
NODE, VALIDATOR = signer("plant", "p2p"), signer("plant", "validator")


def test_what_protects_is_set() -> None:
    found = tomllib.loads(config(SETUP))
    assert found["proxy_app"] == "unix:///run/s/abci.sock"
    assert found["rpc"]["laddr"] == "unix:///run/s/rpc.sock"
    assert found["p2p"]["persistent_peers"] == "aa@one:1,bb@two:2"
    assert found["p2p"]["pex"] is False
    assert found["consensus"]["create_empty_blocks"] is False
    assert found["consensus"]["create_empty_blocks_interval"] == "30s"
    assert found["consensus"]["double_sign_check_height"] == 0
    assert found["mempool"]["recheck"] is False
    assert found["tx_index"]["indexer"] == "null"
    assert found["storage"]["discard_abci_responses"] is True
    assert found["statesync"] == {"enable": False}


def test_a_proposer_that_is_gone_and_the_engines_own_pauses_cost_an_event_less_than_a_second() -> None:
    found = tomllib.loads(config(SETUP))
    times = [found["consensus"][name] for name in ("timeout_propose", "timeout_precommit")]
    hops = [found["p2p"]["flush_throttle_timeout"], found["consensus"]["peer_gossip_sleep_duration"]] * 2
    assert sum(int(time.removesuffix("ms")) for time in times + hops) < 1_000


def test_a_joiner_and_a_node_that_nobody_reaches() -> None:
    sync = Sync(("https://a.example/v1/engine", "https://b.example/v1/engine"), 7, "AB" * 32)
    found = tomllib.loads(config(Setup("x", Path("/s"), "tcp://127.0.0.1:1", "", sync=sync, metrics="h:9")))
    assert found["p2p"]["laddr"] == "tcp://127.0.0.1:0"
    assert found["statesync"]["rpc_servers"] == ",".join(sync.servers)
    assert (found["statesync"]["trust_height"], found["statesync"]["trust_hash"]) == (7, "AB" * 32)
    assert found["instrumentation"] == {"prometheus": True, "prometheus_listen_addr": "h:9"}


@pytest.mark.parametrize("moniker", ['a"b', "a\nb", "工厂\\", "\U0001f3ed"])
def test_no_text_gets_out_of_its_place(moniker: str) -> None:
    found = tomllib.loads(config(Setup(moniker, Path("/s"), "tcp://127.0.0.1:1", "")))
    assert found["moniker"] == moniker


def test_the_folder_is_made_anew_but_for_what_was_signed(tmp_path: Path) -> None:
    data = encode(genesis(room.registry()))
    for _ in range(2):
        lay_out(tmp_path, SETUP, data, NODE, VALIDATOR)
    state = tmp_path / "data" / "priv_validator_state.json"
    assert json.loads(state.read_bytes())["height"] == "0"
    state.write_text('{"height":"9","round":0,"step":3}')
    (tmp_path / "config" / "config.toml").write_text("edited")
    lay_out(tmp_path, SETUP, data, NODE, VALIDATOR)
    assert json.loads(state.read_bytes())["height"] == "9"
    assert tomllib.loads((tmp_path / "config" / "config.toml").read_text())["moniker"] == "plant"
    for name in ("node_key.json", "priv_validator_key.json"):
        path = tmp_path / "config" / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        value = base64.b64decode(json.loads(path.read_bytes())["priv_key"]["value"])
        assert len(value) == 64
    key = json.loads((tmp_path / "config" / "priv_validator_key.json").read_bytes())
    assert base64.b64decode(key["pub_key"]["value"]) == VALIDATOR.public
    assert len(node_id(NODE.public)) == 40


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("error on replay: app block height (9) is higher than core (4)", "engine.behind"),
        ("panic: state.AppHash does not match AppHash after replay. Got 00, expected 01.", "engine.behind"),
        ("app block height (1) is too far below block store base (50)", "engine.too_far_behind"),
        ('"+2/3 committed an invalid block: wrong Block.Header.AppHash.  Expected', "engine.diverged"),
        ('Error in validation","err":"wrong Block.Header.AppHash.  Expected', "engine.diverged"),
        ("state sync failed: app version mismatch. Expected: 1, got: 2", "engine.other_version"),
        ("error: genesis doc hash in db does not match loaded genesis doc", "engine.other_genesis_kept"),
    ],
)
def test_the_engines_last_words_are_explained(line: str, code: str) -> None:
    found = explained(f'{{"level":"error","_msg":"{line}"}}')
    assert isinstance(found, Refusal)
    assert found.code == code


@pytest.mark.parametrize(
    "line",
    ["", "Committed state", "ProposalBlock is invalid: wrong Block.Header.AppHash. Expected 00", "x" * 10**6],
)
def test_other_lines_mean_nothing(line: str) -> None:
    """A proposer that lies about the hash makes honest nodes say so; their own work goes on."""
    assert explained(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "failed writing to WAL: write /d/wal: no space left on device",
        "failed signing vote err=file too large",
        "write /d/blockstore.db: input/output error",
    ],
)
def test_a_disk_that_fails_the_engine_is_named(line: str) -> None:
    found = disk_trouble(line)
    assert found is not None
    assert found.code == "engine.disk"
    assert explained(line) is None, "it is no last word: a restart may mend it"
    assert disk_trouble("Committed state") is None
