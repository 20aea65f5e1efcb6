"""The operator is gone: its members hand the ledger over by command and go on, over real servers."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hansa.apps import rooms
from hansa.apps.consortium.messages import RegisterKey
from hansa.client import Client, InProcess
from hansa.client.http import Http
from hansa.client.keyfiles import write_key
from hansa.client.operators import operators_of
from hansa.client.outbox import identity_of
from hansa.engines import errors as engine_errors
from hansa.engines.blocks import BlockData
from hansa.engines.embedded import Embedded
from hansa.engines.folder import begin
from hansa.engines.following import Following
from hansa.engines.snapshot import read_manifest
from hansa.kernel import Cosignature, Cosigner, encode, merkle, replace, succession_bytes
from hansa.kernel.evidence import SignedHeader, final, signed_by
from hansa.kernel.signatures import HEADER_DOMAIN
from hansa.node import errors_succession as errors
from hansa.node import settings as settings_of
from hansa.node import succession as files
from tests.cli.shell import Shell, running
from tests.consortium import MEMBERS, genesis, new_key, signer
from tests.ports import free_port
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
            keys = [one.public for one in operators_of(http, identity_of(members.genesis)).sets]
            assert keys == [signer(OLD, "node").public, signer(NEW, "node").public]

    # A snapshot of the successor's node brings the handover along.
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    (fresh / "genesis.json").write_bytes(members.genesis)
    plant.do("backup", place(NEW), tmp_path / "snapshot", "--snapshot")
    assert len(read_manifest(tmp_path / "snapshot").handovers) == 1
    bank.do("restore", tmp_path / "snapshot", fresh)


# On directories at rest: the operator's engine in this process, no servers.


def opened(members: Members, operator: str = OLD) -> Embedded:
    key, place = signer(operator, "node"), members.place(operator)
    return Embedded(place / "ledger.db", members.genesis, key, now_ms, release=rooms.release())


def grown(members: Members, count: int, *copies: str, seed: str = "") -> list[BlockData]:
    """Blocks that the operator makes; these members' copies have them."""
    engine = opened(members)
    client = Client(
        InProcess(engine), rooms.registry(), member="bank", key="k1", signer=signer("bank"), clock=now_ms,
        sequence=engine.query("consortium.sequence", {"member": "bank", "key": "k1"}),
    )  # fmt: skip
    first = engine.height + 1
    for n in range(count):
        client.do(RegisterKey(key=new_key(client.chain, "bank", f"k{seed}-{first}-{n}")))
    made = [engine.ledger.block(height) for height in range(first, engine.height + 1)]
    for member in copies:
        fed(members, member, *[engine.ledger.block(height) for height in range(1, engine.height + 1)])
    engine.close()
    return made


def copied(members: Members, member: str) -> Following:
    return Following(members.place(member) / "ledger.db", members.genesis, rooms.release())


def fed(members: Members, member: str, *blocks: BlockData) -> None:
    with contextlib.closing(copied(members, member)) as copy:
        for block in blocks:
            if block.leaf.height > copy.height:
                copy.follow(block)


def handed(members: Members, file: Path, *signers: str, by: str = NEW) -> None:
    members.shell(by).do("succession", "begin", members.place(by), "--operator", NEW, "--out", file, "--yes")
    for member in signers:
        members.shell(member).do("succession", "sign", members.place(member), file, "--yes")


def wrong(block: BlockData, blocks: list[BlockData]) -> BlockData:
    """The same block with another state, under the operator's signature."""
    leaf = replace(block.leaf, state_digest="ee" * 32)
    leaves = [merkle.leaf_hash(encode(each.leaf)) for each in blocks] + [merkle.leaf_hash(encode(leaf))]
    header = replace(block.header.header, app_hash=merkle.root(leaves).hex())
    signature = signer(OLD, "node").sign(HEADER_DOMAIN + encode(header))
    return replace(block, leaf=leaf, header=SignedHeader(header=header, suite=1, signature=signature))


def test_an_operator_that_cheats_is_succeeded_from_the_block_before(members: Members, tmp_path: Path) -> None:
    before = grown(members, 2, *FOLLOWERS)
    cheated = wrong(grown(members, 1)[0], before)
    for member in FOLLOWERS:
        with pytest.raises(engine_errors.Differs):
            fed(members, member, cheated)
    copy = copied(members, "bank")
    assert copy.rejected is not None
    assert copy.height == 2
    copy.close()

    file = tmp_path / "handover.json"
    handed(members, file, "bank", "auditor")
    members.shell(NEW).do("succession", "start", members.place(NEW), file, "--yes")
    take = ("succession", "take", members.place("bank"), file, "--url", members.url(NEW), "--yes")
    members.shell("bank").do(*take)
    members.shell("bank").do(*take)
    copy = copied(members, "bank")
    assert copy.rejected is None
    new = opened(members, NEW)
    copy.follow(new.ledger.block(3))
    assert (copy.height, copy.ledger.app_hash) == (3, new.app_hash)
    copy.close()
    new.close()
    read = settings_of.read(members.place("bank"))
    assert (read.follow, read.follow_node, read.peers[OLD]) == (members.url(NEW), NEW, members.url(OLD))


def test_a_copy_signs_what_it_ends_with_and_nothing_else(members: Members, tmp_path: Path) -> None:
    grown(members, 2, *FOLLOWERS)
    grown(members, 1, NEW)
    file, bank, place = tmp_path / "one.json", members.shell("bank"), members.place("bank")
    handed(members, file)
    bank.refused("succession.behind", "succession", "sign", place, file, "--yes")
    fed(members, "auditor")
    other = tmp_path / "other.json"
    members.shell("auditor").do(
        "succession", "begin", members.place("auditor"), "--operator", NEW, "--out", other, "--yes"
    )
    plant = members.shell(NEW)
    plant.refused("succession.ahead", "succession", "sign", members.place(NEW), other, "--yes")
    plant.refused("succession.files_differ", "succession", "show", members.place(NEW), file, other)
    bent = files.read_file(other)
    bent = replace(bent, succession=replace(bent.succession, app_hash="ab" * 32))
    (tmp_path / "bent.json").write_bytes(encode(bent))
    bank.refused("succession.other_history", "succession", "sign", place, tmp_path / "bent.json", "--yes")
    foreign = replace(bent, succession=replace(bent.succession, chain="cd" * 32))
    (tmp_path / "bent.json").write_bytes(encode(foreign))
    bank.refused("succession.other_chain", "succession", "sign", place, tmp_path / "bent.json", "--yes")
    (tmp_path / "bent.json").write_bytes(b"{}")
    bank.refused("succession.file_broken", "succession", "sign", place, tmp_path / "bent.json", "--yes")
    bank.refused(
        "consortium.successor_unfit", "succession", "begin", place, "--operator", "insurer",
        "--out", tmp_path / "new.json", "--yes",
    )  # fmt: skip
    bank.refused(
        "succession.file_taken", "succession", "begin", place, "--operator", NEW, "--out", file, "--yes"
    )
    bank.refused("cli.not_confirmed", "succession", "sign", place, other)
    with contextlib.closing(copied(members, "bank")) as copy:
        assert not copy.signed.handed(copy.height), "a refused signature binds nobody"


def test_who_cosigned_more_than_its_copy_holds_signs_no_succession(members: Members, tmp_path: Path) -> None:
    grown(members, 2, *FOLLOWERS)
    (later,) = grown(members, 1)
    with contextlib.closing(copied(members, "bank")) as copy:
        copy.signed.put(later.header.header)
    file = tmp_path / "handover.json"
    handed(members, file)
    bank = members.shell("bank")
    bank.refused("succession.signed_higher", "succession", "sign", members.place("bank"), file, "--yes")


def test_a_node_without_a_seat_signs_nothing(members: Members, tmp_path: Path) -> None:
    grown(members, 1, *FOLLOWERS)
    place = members.place("bank")
    (place / "node.key").unlink()
    write_key(place / "node.key", seed("bank", "other"))
    members.shell("bank").refused(
        "succession.no_seat", "succession", "begin", place, "--operator", NEW,
        "--out", tmp_path / "file.json", "--yes",
    )  # fmt: skip


def test_what_was_signed_can_be_taken_back(members: Members, tmp_path: Path) -> None:
    grown(members, 1, *FOLLOWERS)
    file, bank, place = tmp_path / "handover.json", members.shell("bank"), members.place("bank")
    bank.refused("succession.nothing_signed", "succession", "withdraw", place, "--yes")
    handed(members, file, "bank")
    (block,) = grown(members, 1)
    with pytest.raises(engine_errors.HandedOver):
        fed(members, "bank", block)
    bank.do("succession", "withdraw", place, "--yes")
    fed(members, "bank", block)


def pencilled(members: Members, path: Path, operator: str, *signers: str) -> files.SuccessionFile:
    """A file with signatures of keys, whatever their nodes remember."""
    with contextlib.closing(copied(members, "auditor")) as copy:
        file = files.proposed(copy, operator)
    message = succession_bytes(file.succession)
    given = [
        Cosignature(member=m, suite=1, signature=signer(m, "node").sign(message)) for m in sorted(signers)
    ]
    file = replace(file, signatures=tuple(given))
    path.write_bytes(encode(file))
    return file


def test_one_word_for_one_successor(members: Members, tmp_path: Path) -> None:
    grown(members, 1, *FOLLOWERS)
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    handed(members, first, "bank")
    bank, place = members.shell("bank"), members.place("bank")
    pencilled(members, second, "bank", "auditor")
    word = ("succession", "sign", place, second, "--yes")
    begun = ("succession", "begin", place, "--operator", "bank", "--out", tmp_path / "third.json", "--yes")
    bank.refused("succession.signed_other", *word)
    bank.refused("succession.signed_other", *begun)
    assert [each.member for each in files.read_file(second).signatures] == ["auditor"]
    with contextlib.closing(copied(members, "bank")) as copy, pytest.raises(errors.SuccessionSignedOther):
        files.sign(copy, settings_of.read(place), files.read_file(second))
    pencilled(members, second, "bank", "auditor", "maker", "plant")
    bank.refused("succession.signed_other", "succession", "start", place, second, "--yes")
    members.shell(NEW).refused(
        "succession.signed_other", "succession", "take", members.place(NEW), second,
        "--url", members.url("bank"), "--yes",
    )  # fmt: skip
    assert settings_of.read(members.place(NEW)).follow == members.url(OLD)
    bank.do("succession", "sign", place, first, "--yes")  # The same word again is none other.
    bank.do("succession", "withdraw", place, "--yes")
    bank.do(*word)


def test_who_took_one_successor_takes_no_other(members: Members, tmp_path: Path) -> None:
    grown(members, 1, "bank")
    grown(members, 1, NEW, "auditor")  # The bank is behind as well.
    file, other, place = tmp_path / "file.json", tmp_path / "other.json", members.place("bank")
    pencilled(members, file, NEW, "plant", "auditor", "maker")
    pencilled(members, other, "auditor", "plant", "auditor", "maker")
    bank, url = members.shell("bank"), members.url(NEW)
    bank.do("succession", "take", place, file, "--url", url, "--yes")
    bank.refused("succession.signed_other", "succession", "take", place, other, "--url", url, "--yes")
    bank.do("succession", "withdraw", place, "--yes")
    bank.do("succession", "take", place, other, "--url", url, "--yes")


def test_a_copy_that_is_behind_takes_no_file_that_nobody_signed(members: Members, tmp_path: Path) -> None:
    grown(members, 1, "bank")
    grown(members, 2, NEW, "auditor")
    file, bank, place = tmp_path / "file.json", members.shell("bank"), members.place("bank")
    take = ("succession", "take", place, file, "--url", members.url(NEW), "--yes")
    made = pencilled(members, file, NEW, "auditor", "plant")
    bank.refused("succession.not_counted", *take)
    forged = replace(made.signatures[0], member="maker")
    signatures = (made.signatures[0], forged, made.signatures[1])
    file.write_bytes(encode(replace(made, signatures=signatures)))
    bank.refused("succession.not_counted", *take)
    auditor = ("succession", "take", members.place("auditor"), *take[3:])
    pencilled(members, file, NEW, "auditor", "plant")
    members.shell("auditor").refused("consortium.succession_too_few", *auditor)  # Level: it knows the set.
    assert settings_of.read(place).follow == members.url(OLD)
    pencilled(members, file, NEW, "auditor", "plant", "maker")
    bank.do(*take)
    assert settings_of.read(place).follow == members.url(NEW)


@pytest.mark.parametrize("behind", [0, 1], ids=["level", "behind"])
def test_the_successors_first_block_may_be_older_than_the_old_operators_last_word(
    members: Members, tmp_path: Path, behind: int
) -> None:
    """Asked minutes later, the old operator had nothing more; that dates no block of the successor back."""
    grown(members, 1, "bank")
    grown(members, behind, NEW, "auditor")
    with contextlib.closing(copied(members, "bank")) as copy:
        copy.had_nothing_after(copy.height, now_ms() + 600_000)
    file, place = tmp_path / "file.json", members.place("bank")
    pencilled(members, file, NEW, "auditor", "plant", "maker")
    members.shell("bank").do("succession", "take", place, file, "--url", members.url(NEW), "--yes")
    with contextlib.closing(copied(members, "bank")) as copy:
        assert copy.level is None


def test_who_cannot_know_what_its_key_signed_says_so_first(members: Members, tmp_path: Path) -> None:
    grown(members, 2, *FOLLOWERS)
    file, bank, place = tmp_path / "file.json", members.shell("bank"), members.place("bank")
    handed(members, file)
    for found in place.glob("signed.db*"):
        found.unlink()
    word = ("succession", "sign", place, file, "--yes")
    begun = ("succession", "begin", place, "--operator", NEW, "--out", tmp_path / "own.json", "--yes")
    bank.refused("succession.forgotten", *word)
    bank.refused("succession.forgotten", *begun)
    with contextlib.closing(copied(members, "bank")) as copy:
        with pytest.raises(errors.SuccessionForgotten):
            files.sign(copy, settings_of.read(place), files.read_file(file))
        assert not copy.signed.handed(copy.height)
    bank.do(*word, "--nothing-later")
    assert [each.member for each in files.read_file(file).signatures] == ["bank", NEW]
    bank.do(*begun, "--nothing-later")


def test_the_old_operator_that_signed_orders_no_more(members: Members, tmp_path: Path) -> None:
    grown(members, 1, *FOLLOWERS)
    handed(members, tmp_path / "handover.json", OLD)
    with pytest.raises(engine_errors.HandedOver):
        grown(members, 1)


def test_a_copy_that_went_on_with_the_old_operator_is_told_what_to_do(
    members: Members, tmp_path: Path
) -> None:
    grown(members, 1, *FOLLOWERS)
    file = tmp_path / "handover.json"
    handed(members, file, "auditor", OLD)
    with contextlib.closing(copied(members, OLD)) as copy:
        copy.signed.withdraw(copy.height)
    grown(members, 1, "bank")
    bank, place = members.shell("bank"), members.place("bank")
    members.shell(NEW).do("succession", "start", members.place(NEW), file, "--yes")
    take = ("succession", "take", place, file, "--url", members.url(NEW), "--yes")
    bank.refused("succession.passed", *take)
    for found in place.glob("ledger.db*"):
        found.rename(tmp_path / found.name)
    with contextlib.closing(opened(members, NEW)) as new:
        fed(members, "bank", *[new.ledger.block(height) for height in (1, 2)])
    bank.do(*take)


def test_there_is_none_where_the_operator_is_alone(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home")
    shell.do("init", "--quick", tmp_path / "node", "--port", free_port())
    shell.refused(
        "consortium.succession_none", "succession", "begin", tmp_path / "node", "--operator", "plant",
        "--out", tmp_path / "file.json", "--yes",
    )  # fmt: skip
