"""`hansa network` as it is typed: what could never be taken is refused where it can still be mended."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from hansa.cli import network_leave
from hansa.client.keyfiles import write_key
from hansa.node import settings
from tests.cli.shell import Shell
from tests.cli.test_network import company


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("network.address_wrong", ("--address", "example.com")),
        ("network.address_wrong", ("--address", "example.com:65536")),
        ("cli.value_wrong", ("--id", "Maker!")),
        ("cli.value_wrong", ("--node-url", "node.example.com")),
        ("cli.value_wrong", ("--name-en", "a\nb")),
    ],
)
def test_what_nobody_could_take_later_is_refused_at_once(
    shell: Shell, tmp_path: Path, code: str, wrong: tuple[str, str]
) -> None:
    card = ("network", "card", tmp_path / "n", "--id", "a", *company(1), "-o", tmp_path / "c.json")
    shell.refused(code, *card, *wrong)
    assert not (tmp_path / "n").exists()
    shell.do(*card)


def test_a_group_alone_shows_its_help_in_either_language(tmp_path: Path) -> None:
    for lang in ("zh", "en"):
        ran = Shell(tmp_path, lang)("network")
        assert ran.err.startswith("Usage: ")


def test_a_trial_network_lies_on_one_machine(shell: Shell, tmp_path: Path) -> None:
    told = shell.do("network", "trial", tmp_path / "trial", "--nodes", 3, "--port", 9_100)
    found = [settings.read(tmp_path / "trial" / f"company-{number}") for number in (1, 2, 3)]
    assert [each.port for each in found] == [9_100, 9_101, 9_102]
    assert {len(each.engine.peers) for each in found} == {2}
    assert len({(tmp_path / "trial" / each.member / "genesis.json").read_bytes() for each in found}) == 1
    assert told.out.count("hansa node run") == 3
    shell.refused("network.folder_not_empty", "network", "trial", tmp_path / "trial")
    shell.refused("profile.taken", "network", "trial", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_nobody_leaves_by_a_folder_that_is_not_its_nodes(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaving cannot be taken back: so it is looked first whose node is to be waited for."""
    acted = []
    at = SimpleNamespace(profile=SimpleNamespace(member="maker", url=""), ask=lambda *_, **__: {})
    monkeypatch.setattr(network_leave, "desk", lambda *_: at)
    monkeypatch.setattr(network_leave, "remaining", lambda _: dict.fromkeys(network_leave.KINDS, ()))
    monkeypatch.setattr(network_leave, "act", lambda *_, **__: acted.append("left"))
    monkeypatch.setattr(network_leave, "wait_until_out", lambda *_: True)
    shell.refused("node.file_missing", "network", "leave", tmp_path / "nowhere", "--yes")
    write_key(tmp_path / "validator.key", b"\x07" * 32)
    (tmp_path / "node.toml").write_text('member = "plant"\n')
    shell.refused("network.folder_of_another", "network", "leave", tmp_path, "--yes")
    assert acted == []
    (tmp_path / "node.toml").write_text('member = "maker"\n')
    shell.do("network", "leave", tmp_path, "--yes")
    assert acted == ["left"]
