"""The operator is gone: its members hand the ledger over by command and go on, over real servers."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hansa.apps import rooms
from hansa.apps.consortium.messages import RegisterKey
from hansa.client import Client
from hansa.client.http import Http
from hansa.client.keyfiles import write_key
from hansa.client.operators import operator_keys
from hansa.engines.folder import begin
from hansa.kernel import Cosigner, encode, replace
from hansa.kernel.evidence import SignedHeader, final, signed_by
from hansa.node import settings as settings_of
from tests.cli.shell import Shell, free_port, running
from tests.consortium import MEMBERS, genesis, new_key, signer
from tests.waiting import until

WAIT_S = 30
OLD, NEW = "maker", "plant"
FOLLOWERS = tuple(member for member in MEMBERS if member != OLD)


def seed(member: str, key: str) -> bytes:
    return f"{member}/{key}".encode().ljust(32, b".")[:32]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Members:
    """Four data directories, four shells; a node runs while it is entered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {member: free_port() for member in MEMBERS}
        cosigners = tuple(Cosigner(member=m, public=signer(m, "node").public) for m in MEMBERS)
        founded = genesis(rooms.registry(), now_ms() - 60_000)
        self.genesis = encode(replace(founded, cosigners=cosigners, quorum=3))
        self.sequence = 0
        for member in MEMBERS:
            place = self.place(member)
            place.mkdir()
            (place / "genesis.json").write_bytes(self.genesis)
            write_key(place / "node.key", seed(member, "node"))
            write_key(place / "member.key", seed(member, "k1"))
            lines = [f'member = "{member}"', 'key = "k1"', f"port = {self.ports[member]}", 'log = "warning"']
            if member != OLD:
                lines += ['role = "follower"', f'follow = "{self.url(OLD)}"']
            lines += ["[peers]", *(f'{m} = "{self.url(m)}"' for m in MEMBERS if m != member)]
            (place / "node.toml").write_text("\n".join(lines) + "\n")
            self.shell(member).do(
                "profile", "add", member, "--url", self.url(OLD), "--genesis", place / "genesis.json",
                "--member", member, "--key-file", self.key_file(member),
            )  # fmt: skip
        begin(self.place(OLD) / "ledger.db", self.genesis, rooms.release())

    def place(self, member: str) -> Path:
        return self.folder / member

    def url(self, member: str) -> str:
        return f"http://127.0.0.1:{self.ports[member]}"

    def key_file(self, member: str) -> Path:
        path = self.folder / f"{member}.pem"
        if not path.exists():
            write_key(path, seed(member, "k1"))
        return path

    def shell(self, member: str) -> Shell:
        return Shell(self.folder / f"{member}-home")

    @contextlib.contextmanager
    def running(self, *members: str) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for member in members:
                stack.enter_context(running(self.place(member)))
            yield

    def at(self, member: str) -> Http:
        return Http(self.url(member))

    def enter(self, node: str) -> int:
        """A transaction of the bank's; the height at which it lies."""
        self.sequence += 1
        with self.at(node) as http:
            client = Client(
                http, rooms.registry(), member="bank", key="k1", signer=signer("bank"), clock=now_ms,
                sequence=self.sequence - 1,
            )  # fmt: skip
            key = new_key(client.chain, "bank", f"more-{self.sequence}", expires_ms=now_ms() + 10**9)
            return client.do(RegisterKey(key=key)).height

    def head(self, member: str) -> SignedHeader | None:
        with self.at(member) as http:
            return http.head()

    def final(self, member: str, height: int) -> SignedHeader:
        with self.at(member) as http:
            found = http.final(height, WAIT_S)
        assert found is not None
        return found


@pytest.fixture
def members(tmp_path: Path) -> Members:
    return Members(tmp_path)


def level(members: Members, *whose: str, height: int) -> bool:
    heads = [members.head(member) for member in whose]
    return all(head is not None and head.header.height >= height for head in heads)


def test_an_operator_that_lost_its_key_is_succeeded(members: Members, tmp_path: Path) -> None:
    with members.running(OLD, *FOLLOWERS):
        for _ in range(3):
            last = members.enter(OLD)
        assert until(lambda: level(members, *FOLLOWERS, height=last), WAIT_S)
        before = members.final(NEW, last)
    (members.place(OLD) / "node.key").unlink()

    plant, bank, auditor = (members.shell(member) for member in FOLLOWERS)
    file, place = tmp_path / "handover.json", members.place
    ran = plant.do("succession", "begin", place(NEW), "--operator", NEW, "--out", file, "--yes")
    assert "2 missing" in ran.out
    plant.refused("consortium.succession_too_few", "succession", "start", place(NEW), file, "--yes")
    bank.do("succession", "sign", place("bank"), file, "--yes")
    assert "1 missing" in plant.do("succession", "show", place(NEW), file).out
    auditor.do("succession", "sign", place("auditor"), file, "--yes")
    shown = plant.do("succession", "show", place(NEW), file, "--json").json
    assert shown["signed"] == sorted(FOLLOWERS)
    assert (shown["missing"], shown["quorum"], shown["replaced"]) == ([OLD], 3, OLD)
    bank.refused("succession.not_the_successor", "succession", "start", place("bank"), file, "--yes")
    ledger = (place(NEW) / "ledger.db").read_bytes()
    plant.do("succession", "start", place(NEW), file, "--dry-run")
    assert (place(NEW) / "ledger.db").read_bytes() == ledger
    assert settings_of.read(place(NEW)).role == "follower"

    assert f"Block {last + 1}" in plant.do("succession", "start", place(NEW), file, "--yes").out
    plant.do("succession", "start", place(NEW), file, "--yes")  # Again: nothing is done twice.
    assert settings_of.read(place(NEW)).role == "operator"
    for shell, member in ((bank, "bank"), (auditor, "auditor")):
        shell.do("succession", "take", place(member), file, "--url", members.url(NEW), "--yes")

    with members.running(NEW, "bank", "auditor"):
        height = members.enter(NEW)
        assert height == last + 2
        assert until(lambda: level(members, "bank", "auditor", height=height), WAIT_S)
        after = members.final("bank", height)
        cosigners = [Cosigner(member=m, public=signer(m, "node").public) for m in MEMBERS]
        assert signed_by(before, signer(OLD, "node").public)
        assert signed_by(after, signer(NEW, "node").public)
        assert final(after, cosigners) >= 3
        with members.at("bank") as http:
            assert until(lambda: len(http.handovers()) == 1, WAIT_S)
            assert operator_keys(http) == (signer(OLD, "node").public, signer(NEW, "node").public)
