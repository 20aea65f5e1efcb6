"""`hansa validator` and the vote on validators, typed as a user does, on a network in memory."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from hansa.cli import validators, votes
from hansa.client import Receipt
from hansa.client.errors import Unreachable
from hansa.client.keyfiles import public_of, read_key, write_key
from hansa.kernel import Action, address
from hansa.node import joining_engine
from hansa.node.joining_rotation import take_over
from tests.apps.networking import Network, consensus
from tests.cli.shell import Shell
from tests.consortium import MEMBERS

URL = "http://127.0.0.1:8420"


class Counter:
    """A desk at which one member sits, on the network of these tests."""

    def __init__(self, network: Network, member: str, lang: str, data: Path) -> None:
        self.network, self.lang = network, lang
        self.profile = SimpleNamespace(chain=network.chain, member=member, data=str(data), url=URL)

    def ask(self, name: str, kind: Any, **arguments: Any) -> Any:
        return msgspec.convert(self.network.query(name, **arguments), kind)

    def ask_all(self, name: str, kind: Any, last: Any, **arguments: Any) -> Any:
        return self.ask(name, list[kind], **arguments)


class Desks:
    """What the commands see: one network; who acts, and the folder of its node."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.network, self.member, self.folder = Network(), "maker", folder
        self.shell = Shell(folder)
        for module in (validators, votes):
            monkeypatch.setattr(module, "desk", self.desk)
            monkeypatch.setattr(module, "act", self.act)

    def desk(self, lang: str, profile_name: str) -> Counter:
        return Counter(self.network, self.member, lang, self.folder)

    def act(self, at: Counter, actions: Sequence[Action], **how: bool) -> Receipt | None:
        if how["dry_run"]:
            return None
        code = self.network.code(self.member, *actions)
        return Receipt(transaction="0" * 64, code=code, height=self.network.replica.height)

    def decided(self, name: str) -> str:
        for member in MEMBERS:
            self.member = member
            self.shell("vote", "cast", name, "yes", "--yes")
        self.member = "maker"
        found: str = self.network.query("consortium.proposal", proposal=name)["state"]
        return found


@pytest.fixture
def desks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Desks:
    return Desks(monkeypatch, tmp_path)


def test_the_set_is_listed_in_both_languages_and_as_json(desks: Desks) -> None:
    desks.network.block(faults=[desks.network.fault("bank", height=7)])
    english = desks.shell.do("validator", "list").out
    chinese = desks.shell.do("validator", "list", HANSA_LANG="zh").out
    assert "suspended" in english
    assert "duplicate_vote @ 7" in english
    assert "暂停" in chinese
    assert "双重签名 @ 7" in chinese
    listed = desks.shell.do("validator", "list", "--json").json
    assert desks.shell.do("validator", "list", "--json", HANSA_LANG="zh").json == listed
    assert {row["member"]: row["power"] for row in listed} == {**dict.fromkeys(MEMBERS, 1), "bank": 0}
    assert desks.shell.do("validator", "list", "--csv").out.startswith("member,power,status,address")


def test_a_member_rotates_and_its_old_key_stays_listed(desks: Desks) -> None:
    folder = desks.folder
    shown = desks.shell.do("validator", "rotate", "--wait", 0, "--yes").out
    assert "restarts by itself" in shown
    new = read_key(folder / "validator.next.key").public
    assert new in desks.network.powers()
    listed = desks.shell.do("validator", "keys", "--member", "maker", "--json").json
    assert {row["address"] for row in listed} == {address(new), address(consensus("maker").public)}
    old = next(row for row in listed if row["address"] != address(new))
    assert old["key"]["until"] == desks.network.replica.height
    assert len(desks.shell.do("validator", "keys", "--csv").out.splitlines()) == 1 + 5
    again = desks.shell.do("validator", "rotate", "--dry-run")
    assert read_key(folder / "validator.next.key").public == new, again.out


def test_the_node_is_waited_for_until_it_answers_with_the_new_key(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next command comes to a node that restarts."""
    write_key(desks.folder / "validator.key", b"\x07" * 32)
    seen: list[str] = []

    def status(_ask: Any, url: str) -> Any:
        seen.append(url)
        if len(seen) < 3:
            raise Unreachable(url=url, cause="begins anew")
        return SimpleNamespace(catching_up=len(seen) < 5)

    def passes(_s: float) -> None:
        if (desks.folder / "validator.next.key").exists():
            assert take_over(desks.folder, public_of(desks.folder / "validator.next.key"))

    monkeypatch.setattr(joining_engine, "status", status)
    monkeypatch.setattr(validators.time, "sleep", passes)
    shown = desks.shell.do("validator", "rotate", "--yes").out
    assert "answers again" in shown
    assert len(seen) == 5


def test_a_key_is_made_in_no_other_members_folder(desks: Desks) -> None:
    """The ledger would name a key that lies at another company: this node would fall silent."""
    (desks.folder / "node.toml").write_text('member = "plant"\n')
    write_key(desks.folder / "validator.key", b"\x07" * 32)
    desks.shell.refused("network.folder_of_another", "validator", "rotate", "--yes")
    desks.shell.refused("network.folder_of_another", "validator", "seat", desks.folder)
    assert not (desks.folder / "validator.next.key").exists()
    desks.member = "plant"
    desks.shell.do("validator", "rotate", "--wait", 0, "--yes")


def test_a_seat_is_made_and_voted_in_with_its_power(desks: Desks) -> None:
    node = desks.folder / "node"
    node.mkdir()
    write_key(node / "validator.key", b"\x07" * 32)
    desks.member = "bank"
    made = desks.shell.do("validator", "seat", node).json
    assert made["member"] == "bank"
    (desks.folder / "seat.json").write_text(json.dumps(made))
    desks.member = "maker"
    desks.network.decide(desks.network.seats(desks.network.seat("bank", 0)), *MEMBERS)
    assert "bank" not in desks.network.shares()
    desks.shell.do("validator", "set", "--seat", desks.folder / "seat.json", "--id", "seat-1", "--yes")
    assert "bank" in desks.shell.do("vote", "list").out
    assert desks.decided("seat-1") == "adopted"
    assert desks.network.shares() == dict.fromkeys(MEMBERS, 1)

    desks.member = "bank"
    again = desks.shell.do("validator", "seat", node).json
    assert again["public"] != made["public"], "a key serves once"
    assert (node / "validator.next.key").exists()


def test_powers_and_leaving_are_put_to_the_vote_by_either_command(desks: Desks) -> None:
    desks.shell.do("validator", "set", "--out", "bank", "--id", "out-1", "--yes")
    assert desks.decided("out-1") == "adopted"
    assert "bank" not in desks.network.shares()
    equal = ("--power", "maker=5", "--power", "plant=5", "--power", "auditor=5")
    desks.shell.do("vote", "propose", "validators", *equal, "--id", "equal-1", "--yes")
    assert desks.decided("equal-1") == "adopted"
    assert set(desks.network.shares().values()) == {5}
    zh = desks.shell.do("vote", "list", HANSA_LANG="zh").out
    assert "变更验证方" in zh
    assert "bank 退出" in zh
    assert "maker 表决权重 5" in zh


@pytest.mark.parametrize(
    "power", ["bank", "=3", "bank=", "bank=x", "bank=-1", "bank=１", "bank=" + "9" * 4_400]
)
def test_a_power_that_is_none_is_named(desks: Desks, power: str) -> None:
    ran = desks.shell("validator", "set", "--power", power, "--yes")
    assert ran.status == 2
    assert "member=power" in ran.err


def test_a_seat_file_that_is_none_is_named(desks: Desks) -> None:
    for rubbish in ("", "{}", "[]", '{"member":"bank","public":"AA=="', "\x00"):
        (desks.folder / "seat.json").write_text(rubbish)
        desks.shell.refused("cli.file_unusable", "validator", "set", "--seat", desks.folder / "seat.json")


def test_whoever_has_no_node_folder_is_told_to_name_it(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    at = desks.desk("en", "")
    at.profile.data = ""
    monkeypatch.setattr(validators, "desk", lambda lang, profile_name: at)
    assert "--data" in desks.shell("validator", "rotate", "--yes").err
