"""`hansa evidence get`: the bundle of a statement from a node in the network, checked by `hansa verify`."""

from pathlib import Path

import pytest

from hansa.client.keyfiles import write_key
from tests.cli.shell import Shell
from tests.client.evidence_world import AGREEMENT, made
from tests.client.node_double import NodeDouble, serving


def test_evidence_comes_over_the_network_and_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = made(tmp_path)
    monkeypatch.setattr("hansa.cli.common.now_ms", world.consortium.clock)
    monkeypatch.setattr("hansa.client.evidence.FINAL_WITHIN_S", 0)  # Nobody co-signs here.
    genesis, bundle, key = tmp_path / "genesis.json", tmp_path / "bundle.json", tmp_path / "k1.pem"
    genesis.write_bytes(world.consortium.node.genesis_bytes)
    write_key(key, b"plant/k1".ljust(32, b"."))
    shell = Shell(tmp_path / "home")
    with serving(NodeDouble(world.consortium)) as url:
        shell.do(
            "profile",
            "add",
            "plant",
            "--url",
            url,
            "--member",
            "plant",
            "--key-file",
            key,
            "--genesis",
            genesis,
        )
        listed = shell.do("evidence", "list", AGREEMENT, "--json").json
        assert len(listed) == 4
        assert shell.do("evidence", "list", AGREEMENT, "--csv").out.startswith("from,to,currency,gross_minor")
        get = ("evidence", "get", AGREEMENT, "-o", bundle, "--yes")
        shell.do(*get, "--readings", f"plant={tmp_path / 'readings.db'}")
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
