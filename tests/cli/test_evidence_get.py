"""`hansa evidence get`: the bundle of a statement from a node in the network, checked by `hansa verify`."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hansa.apps.billing.messages import Accept
from hansa.client.keyfiles import write_key
from hansa.node import settings as files
from tests.cli.shell import Shell
from tests.client.acting import guarded, world_of
from tests.client.evidence_world import AGREEMENT, EvidenceWorld, made
from tests.client.node_double import NodeDouble, serving
from tests.client.test_acts import recovered
from tests.client.test_verify import checker
from tests.consortium import Consortium
from tests.node.world import founded, served


def shell_at(tmp_path: Path, url: str, genesis: bytes) -> Shell:
    """A user of the plant with a profile for that node, and the genesis file at hand."""
    file, key = tmp_path / "genesis.json", tmp_path / "k1.pem"
    file.write_bytes(genesis)
    write_key(key, b"plant/k1".ljust(32, b"."))
    shell = Shell(tmp_path / "home")
    shell.do(
        "profile", "add", "plant", "--url", url, "--member", "plant", "--key-file", key, "--genesis", file
    )  # fmt: skip
    return shell


def use_clock(monkeypatch: pytest.MonkeyPatch, world: EvidenceWorld) -> None:
    monkeypatch.setattr("hansa.cli.common.now_ms", world.consortium.clock)
    monkeypatch.setattr("hansa.client.evidence.FINAL_WITHIN_S", 0)  # Nobody co-signs here.


def test_evidence_comes_over_the_network_and_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = made(tmp_path)
    use_clock(monkeypatch, world)
    genesis, bundle = tmp_path / "genesis.json", tmp_path / "bundle.json"
    with serving(NodeDouble(world.consortium)) as url:
        shell = shell_at(tmp_path, url, world.consortium.node.genesis_bytes)
        listed = shell.do("evidence", "list", AGREEMENT, "--json").json
        assert len(listed) == 4
        assert shell.do("evidence", "list", AGREEMENT, "--csv").out.startswith("from,to,currency,gross_minor")
        get = ("evidence", "get", AGREEMENT, "-o", bundle, "--yes")
        told = shell.do(*get, "--readings", f"plant={tmp_path / 'readings.db'}")
        assert "At most" not in told.err
        assert shell.do("verify", bundle, "--genesis", genesis, "--json").json["ok"] is True
        assert b'"readings":[{' in bundle.read_bytes()
        last = bundle.read_bytes()
        shell.do(*get, "--period", listed[0]["period"]["from_ms"])
        assert shell.do("verify", bundle, "--genesis", genesis).status == 0
        assert bundle.read_bytes() != last
        shell.refused("cli.wrong_use", *get, "--period", "2001-01-01")
        shell.refused("cli.wrong_use", *get, "--readings", "plant=/nowhere")
        shell.refused("cli.wrong_use", "evidence", "get", "rubbish", "-o", bundle, "--yes")
        shell.refused("cli.not_confirmed", "evidence", "get", AGREEMENT, "-o", bundle)
    world.store.close()
    world.consortium.close()


def test_readings_beyond_the_bound_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = made(tmp_path, days=1)
    use_clock(monkeypatch, world)
    monkeypatch.setattr("hansa.client.evidence.READINGS_IN_BUNDLE_MAX", 5)
    bundle = tmp_path / "bundle.json"
    with serving(NodeDouble(world.consortium)) as url:
        shell = shell_at(tmp_path, url, world.consortium.node.genesis_bytes)
        get = ("evidence", "get", AGREEMENT, "-o", bundle, "--yes")
        told = shell.do(*get, "--readings", f"plant={tmp_path / 'readings.db'}")
        assert "At most 5 readings are handed out" in told.err
        shown = shell.do("verify", bundle, "--genesis", tmp_path / "genesis.json", "--json").json
    assert shown["ok"] is True
    left = [text["en"] for text in shown["not_proved"] if "Raw readings" in text["en"]]
    assert left == [
        "Raw readings that are not in the bundle: of 34 counter records, 29 come without theirs, which stay "
        "with their owner."
    ]
    world.store.close()
    world.consortium.close()


@pytest.fixture
def on_a_node(tmp_path: Path) -> Iterator[tuple[EvidenceWorld, files.Settings]]:
    """A ledger in a node's data directory: the maker recovered by vote, the plant accepted by two people."""
    settings = founded(tmp_path / "node")

    def prepare(consortium: Consortium) -> None:
        recovered(consortium)
        guarded("plant", "billing.accept")(consortium)

    kept = Consortium(settings.file(files.LEDGER))
    world = world_of(
        tmp_path, prepare, consortium=kept, keys={"maker": "v1"}, approvers={Accept: ["k2"]}
    )  # fmt: skip
    kept.close()
    yield world, msgspec.structs.replace(settings, port=0)
    world.store.close()


def test_evidence_of_a_real_node_holds_in_both_checkers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_a_node: tuple[EvidenceWorld, files.Settings]
) -> None:
    """Over HTTP from the shipped node, with keys by vote and an act that two people approved."""
    world, settings = on_a_node
    use_clock(monkeypatch, world)
    genesis, bundle = settings.file(files.GENESIS), tmp_path / "bundle.json"
    with served(settings, world.consortium.clock) as node:
        shell = shell_at(tmp_path, f"http://127.0.0.1:{node.port}", genesis.read_bytes())
        shell.do(
            "evidence", "get", AGREEMENT, "-o", bundle, "--yes",
            "--readings", f"plant={tmp_path / 'readings.db'}",
        )  # fmt: skip
    shown = shell.do("verify", bundle, "--genesis", genesis, "--json").json
    assert shown["ok"] is True
    assert any("given by vote p-1 of the members" in text["en"] for text in shown["not_proved"])
    effects = next(check for check in shown["checks"] if check["name"] == "effects")
    assert "plant/k1 + k2" in str(effects)
    told = checker.check(bundle.read_bytes(), genesis.read_bytes())
    assert told.startswith("HOLDS")
    assert "given by vote p-1" in told
