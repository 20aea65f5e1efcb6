"""`hansa node`, `hansa top`, `hansa engine` as a user types them."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from hansa.apps.consortium.messages import Attest
from hansa.node import engine_binary
from hansa.node.joining_folder import Plan, settings_text
from hansa.node.network_run import SUPERVISED
from tests.cli.shell import Shell
from tests.engines.cometbft.network import NS, Network
from tests.node.test_engine_binary import RIGHT, program
from tests.waiting import until

SOURCE = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "my node"
    made.mkdir()
    (made / "node.toml").write_text(settings_text(Plan("maker", port=9, listen="127.0.0.1:26656")))
    return made


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = program(tmp_path / "bin" / "cometbft", RIGHT)
    monkeypatch.setenv(engine_binary.NAMED, str(path))
    return path


def test_a_unit_names_folder_engine_and_user(shell: Shell, folder: Path, engine: Path) -> None:
    text = shell.do("node", "unit", folder, "--user", "plc").out
    lines = text.splitlines()
    assert f'ReadWritePaths="{folder}"' in lines
    assert any(line.startswith("ExecStart=") and line.endswith(f'node run "{folder}"') for line in lines)
    for line in ("User=plc", f"Environment=HANSA_ENGINE={engine}", "Restart=always", "NoNewPrivileges=yes"):
        assert line in lines


def test_status_of_a_node_that_does_not_run(shell: Shell, folder: Path) -> None:
    for lang, said in (("zh", "未运行"), ("en", "not running")):
        ran = shell("node", "status", folder, HANSA_LANG=lang)
        assert ran.status == 1
        assert said in ran.out
    told = json.loads(shell("node", "status", folder, "--json").out)
    assert (told["state"], told["well"], told["member"]) == ("stopped", False, "maker")


def test_commands_of_networks_refuse_other_folders(shell: Shell, folder: Path) -> None:
    text = (folder / "node.toml").read_text().replace('role = "network"', 'role = "operator"')
    (folder / "node.toml").write_text(text)
    for command in ("status", "run", "unit"):
        assert "hansa up" in shell.refused("node.not_network", "node", command, folder).err
    shell.refused("node.folder_lacks", "node", "run", folder / "nowhere")


@pytest.mark.parametrize("text", ["member = 7", "role = 'nothing'", "[engine]\nlisten = 'x'", "= ="])
def test_a_wrong_setting_is_refused_with_its_file(shell: Shell, folder: Path, text: str) -> None:
    (folder / "node.toml").write_text(text)
    ran = shell("node", "run", folder)
    assert ran.status == 2
    assert ran.err.startswith("node.setting")
    assert "node.toml" in ran.err


def test_no_node_of_a_network_sets_transactions_aside(shell: Shell, folder: Path) -> None:
    for lang in ("zh", "en"):
        told = shell.refused("engine.nothing_set_aside", "up", folder, "--set-aside", HANSA_LANG=lang)
        assert f"hansa node run {folder} --retry" in told.err


@pytest.mark.parametrize("supervised", [False, True])
def test_up_alone_says_that_the_engine_is_not_started(shell: Shell, folder: Path, supervised: bool) -> None:
    given = {SUPERVISED: "1"} if supervised else {}
    for lang in ("zh", "en"):
        told = shell("up", folder, HANSA_LANG=lang, **given).err
        assert (f"hansa node run {folder}" in told) is not supervised
        assert "node.folder_lacks" in told or "genesis.json" in told


def test_run_says_what_is_missing(shell: Shell, folder: Path, engine: Path) -> None:
    assert "genesis.json" in shell.refused("node.folder_lacks", "node", "run", folder).err


def test_top_of_nodes_that_are_away(shell: Shell, folder: Path) -> None:
    told = json.loads(shell.do("top", folder, "--json", "--every", "0.2").out)
    assert [node["answers"] for node in told["nodes"]] == [False]
    assert "maker" in shell.do("top", folder, "--every", "0.2").out


def test_engine_check_in_both_languages(shell: Shell, engine: Path) -> None:
    assert engine_binary.VERSION in shell.do("engine", "check").out
    assert str(engine) in shell.do("engine", "check", HANSA_LANG="zh").out
    assert json.loads(shell.do("engine", "check", "--json").out)["how"] == "named"
    engine.unlink()
    assert "hansa engine install" in shell.refused("engine.named_missing", "engine", "check").err


def test_engine_install_from_a_file(shell: Shell, engine: Path, tmp_path: Path) -> None:
    to = tmp_path / "to"
    assert "HANSA_ENGINE=" in shell.do("engine", "install", "--from", engine, "--dir", to).out
    told = json.loads(shell.do("engine", "install", "--from", engine, "--dir", to, "--json").out)
    assert (told["already"], told["version"]) == (True, engine_binary.VERSION)
    shell.refused(
        "engine.file_wrong", "engine", "install", "--from", tmp_path / "none", "--dir", to, "--again"
    )


def _read_on(terminal: int, seen: bytearray) -> None:
    with suppress(OSError):
        while data := os.read(terminal, 4_096):
            seen += data


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
@pytest.mark.parametrize("key", [b"q", b"\x03"])
def test_top_at_a_terminal_ends_by_a_key_and_leaves_the_terminal_as_it_was(folder: Path, key: bytes) -> None:
    import termios

    ours, theirs = os.openpty()
    before = termios.tcgetattr(theirs)
    command = [sys.executable, "-c", "from hansa.cli.main import main; main()", "top", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "TERM": "xterm", "HANSA_LANG": "en"}
    seen = bytearray()
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    ) as shown:
        # Read all the while: a screen that nobody reads holds up who writes on it.
        reader = threading.Thread(target=_read_on, args=(ours, seen), daemon=True)
        reader.start()
        try:
            assert until(lambda: b"maker" in seen, 60.0)
            assert until(lambda: termios.tcgetattr(theirs) != before, 60.0)
            os.write(ours, key) if key == b"q" else shown.send_signal(signal.SIGINT)
            assert shown.wait(60) == 0
        finally:
            shown.kill()
    assert termios.tcgetattr(theirs) == before
    os.close(theirs)
    reader.join(60)
    os.close(ours)


@pytest.fixture
def copies(tmp_path: Path) -> list[Path]:
    """Two folders of one network, the second of which got another time in its last block."""
    made = []
    for number, name in enumerate(("one", "two")):
        folder = tmp_path / name
        folder.mkdir()
        net = Network(folder / "ledger.db")
        net.init()
        (folder / "genesis.json").write_bytes(net.genesis_bytes)
        (folder / "node.toml").write_text(settings_text(Plan("maker", port=9, listen="127.0.0.1:26656")))
        attest = Attest(table="consortium.members", key=("maker",))
        net.block(net.wire("maker", attest))
        net.block(net.wire("maker", attest), time_ns=net.time_ns + number * NS)
        net.close()
        made.append(folder)
    return made


def test_diff_of_two_folders_in_words_and_json(shell: Shell, copies: list[Path]) -> None:
    one, two = copies
    for lang, said in (("zh", "从高度 2 起不同"), ("en", "differ from height 2 on")):
        ran = shell("node", "diff", one, two, HANSA_LANG=lang)
        assert ran.status == 1
        assert said in ran.out
        assert "time_ms" in ran.out
    assert shell("node", "diff", one, two, "--json").json["found"][0]["what"] == "time"
    ran = shell.do("node", "diff", one, two, "--height", "1", "--records")
    assert "agree up to height 1" in ran.out
    shell.refused("diff.height_missing", "node", "diff", one, two, "--height", "3")
    shell.refused("cli.wrong_use", "node", "diff", one)
    shell.refused("diff.whose_node", "node", "diff", one, "http://127.0.0.1:9", "--profile", "nobody")


def test_backup_and_snapshot_of_a_folder_hold_no_keys(
    shell: Shell, copies: list[Path], tmp_path: Path
) -> None:
    one, _ = copies
    for name in ("node.key", "validator.key", "member.key"):
        (one / name).write_text("secret")
    for command in ("backup", "snapshot"):
        to = tmp_path / command
        told = shell.do("node", command, one, to, "--json").json
        assert (told["kind"], told["height"]) == (command, 2)
        assert not [path for path in to.rglob("*") if path.is_file() and b"secret" in path.read_bytes()]


def test_what_prune_and_reset_would_do_is_shown_first(shell: Shell, copies: list[Path]) -> None:
    one, _ = copies
    before = {path.name: path.read_bytes() for path in one.iterdir()}
    assert shell.do("node", "prune", one, "--dry-run", "--json").json["before"]["height"] == 2
    assert "ledger.db" in shell.do("node", "reset", one, "--dry-run").out
    shell.refused("cli.not_confirmed", "node", "reset", one)
    assert {name: (one / name).read_bytes() for name in before} == before
