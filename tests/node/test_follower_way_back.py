"""The way back: of a follower that waits or holds a case, of a consortium whose operator is accused."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hansa.apps.consortium.messages_votes import Propose, Seat, SetCosigners, Vote
from hansa.cli.main import cli
from hansa.client import InProcess
from hansa.client.case import Case
from hansa.client.texts import Text
from hansa.client.verify import check_bundle
from hansa.engines.errors import SignedOther
from hansa.engines.following import Rejected
from hansa.engines.stops import Stop
from hansa.kernel import Release, encode, merkle, replace
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.signatures import HEADER_DOMAIN
from hansa.kernel.state import checksum, encode_key
from hansa.node import cosigner
from hansa.node import errors_follower as errors
from hansa.node import follower as followers
from hansa.node.follower import Follower, Word
from hansa.node.investigation import signed_other
from hansa.node.peers import Comparison
from tests.consortium import MEMBERS, VirtualClock
from tests.kernel import room
from tests.kernel.room import Register
from tests.node.following_world import NODE, Line, Net, Operator, cosigner_key, follower, following, until
from tests.node.promise_world import word_on
from tests.node.test_follower_cheats import case_of, crooked, lend, lend_longer

LI = "li"
TEXT = Text("两部历史", "two histories")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def operator(tmp_path: Path, clock: VirtualClock) -> Iterator[Operator]:
    made = Operator(tmp_path / "operator", clock)
    made.do("maker", Register(tool="w-17"))
    made.do("plant", Register(tool="p-1"))
    yield made
    if not made.away:
        made.close()


def file_of(folder: Path, kind: str) -> str:
    [path] = sorted((folder / "cases").glob(f"{kind}*.json"))
    return path.name


def given(plant: Follower, **word: Any) -> Follower:
    """Started with the member's word."""
    plant.take(Word(**word, person=LI))
    plant.begin()
    return plant


# Other members of the consortium take the accused one's place.


def test_only_the_accused_is_not_cosigned_and_another_may_take_its_place(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.cosigner.signed_height == 2)
        head = operator.node.ledger.header(2)
        plant.casebook.report("two_histories", 2, TEXT, against="maker", headers=(head, head))
        seats = tuple(Seat(member=m, public=cosigner_key(m).public) for m in MEMBERS)
        subject = SetCosigners(seats=seats, quorum=3, operator="bank")
        operator.do("plant", Propose(proposal="bank", subject=subject))
        for member in ("plant", "bank"):
            operator.do(member, Vote(proposal="bank", yes=True))
        until(lambda: plant.height == operator.node.height)
        assert plant.cosigner.signed_height == 2
        assert not checks(plant)["cosigning"].ok

        operator.do("auditor", Vote(proposal="bank", yes=True))
        handover = operator.node.height
        until(lambda: plant.cosigner.signed_height == handover)
        until(lambda: operator.cosignatures._known.get(handover))

        operator.close()
        bank = Operator(operator.folder, clock, node=cosigner_key("bank"))
        bank.clients = operator.clients
        bank.clients["bank"].transport = InProcess(bank.node)
        net.serve(bank)
        bank.do("bank", Register(tool="b-1"))
        until(lambda: plant.cosigner.signed_height == handover + 1)
        told = checks(plant)
        assert told["cosigning"].ok
        assert told["evidence"].ok
        assert "The case against maker is kept" in told["evidence"].en
        bank.close()


def checks(plant: Follower) -> dict[str, Any]:
    return {check.name: check for check in plant.checks()}


def test_who_signed_is_accused_be_it_the_successor(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    plant = copied(tmp_path / "plant", operator, clock)
    for member in ("maker", "bank"):
        signed = other_header(operator, 3, cosigner_key(member))
        assert plant.copying._signer(signed) == (member, cosigner_key(member).public)
    plant.end()


def test_who_signed_a_succession_waits_for_the_successor(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net = Net(operator)
    plant = follower(tmp_path / "plant", net, clock=clock)
    plant.following.signed.hand_over(0, "bank")
    plant.begin()
    until(lambda: plant.copying.progress.trouble)
    assert plant.copying.progress.trouble.code == "engine.handed_over"  # type: ignore[union-attr]
    assert plant.casebook.all() == []
    plant.following.signed.withdraw(0)
    until(lambda: plant.height == 2)
    plant.end()


# The member's own word.


def test_a_case_of_a_mended_program_is_put_aside_and_it_cosigns_again(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net, folder = Net(operator), tmp_path / "plant"
    mistaken = Release(crooked(lend=lend_longer).rooms)
    with following(folder, net, clock=clock, release=mistaken) as plant:
        until(lambda: plant.cosigner.signed_height == 2)
        lend(operator)
        case_of(plant, "difference")
        until(lambda: plant.copying.progress.over)
    with following(folder, net, clock=clock) as plant:  # The program is mended.
        until(lambda: plant.height == 3)
        assert plant.cosigner.signed_height == 0
        assert not checks(plant)["cosigning"].ok

    plant = given(follower(folder, net, clock=clock), set_aside=file_of(folder, "difference"))
    until(lambda: plant.cosigner.signed_height == 3)
    assert plant.following.signed._known(2) is not None
    assert checks(plant)["cosigning"].ok
    assert checks(plant)["evidence"].ok
    [noted] = plant.incidents()
    assert noted.en.startswith("(put aside by li, 20")
    assert noted.zh.startswith("（li 于 20")
    plant.end()
    with following(folder, net, clock=clock) as plant:
        until(lambda: plant.cosigner.signed_height == 3)


def test_a_difference_put_aside_that_is_there_still_counts_again(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net, folder = Net(operator), tmp_path / "plant"
    with following(folder, net, clock=clock) as plant:
        until(lambda: plant.height == 2)
        cheat = operator.cheat(tmp_path / "cheat", crooked(lend=lend_longer))
        net.serve(cheat)
        lend(cheat)
        case_of(plant, "difference")
        until(lambda: plant.copying.progress.over)
    plant = given(follower(folder, net, clock=clock), set_aside=file_of(folder, "difference"))
    assert plant.following.rejected is None or plant.copying.progress.over
    until(lambda: plant.copying.progress.over and plant.casebook.halt("maker"))
    assert plant.height == 2
    plant.end()
    # Put aside, and the operator shows another block there: it goes on.
    cheat.close()
    net.serve(honest := Operator(tmp_path / "operator", clock))
    honest.do("auditor", Register(tool="a-1"))
    plant = given(follower(folder, net, clock=clock), set_aside=file_of(folder, "difference"))
    until(lambda: plant.cosigner.signed_height == 3)
    plant.end()
    honest.close()


def test_the_own_disk_is_looked_at_before_its_case_is_put_aside(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net, folder = Net(operator), tmp_path / "plant"
    key = encode_key(("maker", "w-17"))

    def put(value: bytes) -> bytes:
        with sqlite3.connect(folder / "ledger.db") as db:
            [old] = db.execute("SELECT value FROM state WHERE tbl = 'toolcrib.tools' AND key = ?", (key,))
            crc = checksum("toolcrib.tools", key, value)
            db.execute(
                "UPDATE state SET value = ?, crc = ? WHERE tbl = 'toolcrib.tools' AND key = ?",
                (value, crc, key),
            )
        db.close()
        return bytes(old[0])

    with following(folder, net, clock=clock) as plant:
        until(lambda: plant.height == 2)
    right = put(encode(room.Tool(owner="maker", loans=7)))
    with following(folder, net, clock=clock) as plant:
        lend(operator)
        case_of(plant, "own_disk")
        until(lambda: plant.copying.progress.over)
        assert "own_disk" in checks(plant)["cosigning"].en
        assert "--set-aside" in checks(plant)["cosigning"].en
    plant = follower(folder, net, clock=clock)
    with pytest.raises(errors.OwnDiskChanged):
        plant.take(Word(set_aside=file_of(folder, "own_disk"), person=LI))
    assert plant.casebook.halt()
    plant.end()
    put(right)
    plant = given(follower(folder, net, clock=clock), set_aside=file_of(folder, "own_disk"))
    until(lambda: plant.cosigner.signed_height == 3)
    plant.end()


def test_a_follower_that_a_block_stopped_twice_is_read_and_takes_its_members_word(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net, folder = Net(operator), tmp_path / "plant"
    with following(folder, net, clock=clock) as plant:
        until(lambda: plant.height == 2)
        plant.copying.stop()
        plant.following.ledger.store.note("stopped", encode(Stop(stops=2, cause="too slow")))
    operator.do("bank", Register(tool="b-1"))
    with following(folder, net, clock=clock) as plant:
        until(lambda: plant.copying.progress.over)
        assert plant.copying.progress.trouble.code == "engine.waiting"  # type: ignore[union-attr]
        assert plant.height == 2
        assert not checks(plant)["copy"].ok
        with plant.reader.snapshot() as reading:
            assert reading.height == 2
        # It goes on comparing.
        until(lambda: (peer := plant.peers.standing.get("maker")) and peer.state == "agrees")
    plant = given(follower(folder, net, clock=clock), retry=True)
    until(lambda: plant.cosigner.signed_height == 3)
    plant.end()


# Trouble of its own.


class Faulty(Line):
    """A mistake in a library, once."""

    failed = 0

    def cosign(self, height: int, app_hash: str, cosignature: Any) -> None:
        if not self.failed:
            self.failed += 1
            raise RuntimeError("a mistake in a library")
        super().cosign(height, app_hash, cosignature)


def test_a_cosignature_that_could_not_be_handed_in_is_handed_in_again(
    tmp_path: Path, operator: Operator, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosigner, "PAUSE_MAX_S", 0.05)
    net = Net(operator)
    net.lines[""] = line = Faulty(operator)
    with following(tmp_path / "plant", net, clock=clock):
        until(lambda: operator.cosignatures._known.get(2))
        assert line.failed == 1


def test_a_cosignature_that_cannot_be_kept_stops_nothing(
    tmp_path: Path, operator: Operator, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    net = Net(operator)
    plant = follower(tmp_path / "plant", net, clock=clock)
    monkeypatch.setattr(plant.cosignatures, "take", fail)
    plant.begin()
    until(lambda: plant.cosigner.signed_height == 2)
    until(lambda: operator.cosignatures._known.get(2))
    operator.do("bank", Register(tool="b-1"))
    until(lambda: plant.height == 3)
    plant.end()


# Its own damage.


def test_damage_of_its_own_log_accuses_nobody(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.height == 2)
        level, position = merkle.peaks(2)[0]
        with sqlite3.connect(tmp_path / "plant" / "ledger.db") as db:
            where = (bytes(32), level, position)
            db.execute("UPDATE nodes SET hash = ? WHERE level = ? AND position = ?", where)
        db.close()
        operator.do("bank", Register(tool="b-1"))
        case = case_of(plant, "own_disk")
        assert case.against == ""
        until(lambda: plant.copying.progress.over)
        assert [each.kind for _, each in plant.casebook.all()] == ["own_disk"]
        with pytest.raises(errors.OwnDiskChanged):
            plant.take(Word(set_aside=file_of(tmp_path / "plant", "own_disk"), person=LI))
        assert plant.casebook.halt("maker")


@pytest.mark.parametrize("what", ["leaf", "header"])
def test_damage_of_an_earlier_block_is_found_before_anybody_is_accused(
    tmp_path: Path, operator: Operator, clock: VirtualClock, what: str
) -> None:
    """The records are whole: only its log shows that the disk is not to be believed."""
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        until(lambda: plant.height == 2)
        with sqlite3.connect(tmp_path / "plant" / "ledger.db") as db:
            [old] = db.execute(f"SELECT {what} FROM blocks WHERE height = 1").fetchone()
            bent = bytes(old).replace(b'"height":1', b'"height":7')
            assert db.execute(f"UPDATE blocks SET {what} = ? WHERE height = 1", (bent,)).rowcount
        db.close()
        cheat = operator.cheat(tmp_path / "cheat", crooked(lend=lend_longer))
        net.serve(cheat)
        lend(cheat)
        assert case_of(plant, "own_disk").against == ""
        assert plant.casebook.accused() is None
        cheat.close()


def bent_header(folder: Path, height: int) -> None:
    """The header of a block says another root, on the follower's own disk."""
    with sqlite3.connect(folder / "ledger.db") as db:
        [old] = db.execute("SELECT header FROM blocks WHERE height = ?", (height,)).fetchone()
        signed = decode(bytes(old), SignedHeader)
        bent = encode(replace(signed, header=replace(signed.header, app_hash="0" * 64)))
        db.execute("UPDATE blocks SET header = ? WHERE height = ?", (bent, height))
    db.close()


def test_a_peer_that_is_right_does_not_show_that_the_operator_is_not(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    plant = copied(tmp_path / "plant", operator, clock)
    bent_header(tmp_path / "plant", 2)
    comparison = Comparison("maker", Line(operator), plant.reader, plant.cosignatures, plant.casebook)
    with pytest.raises(errors.OwnDiskChanged):
        comparison.poll()
    assert [(case.kind, case.against) for _, case in plant.casebook.all()] == [("own_disk", "")]
    plant.end()


def test_a_promise_is_not_broken_by_ones_own_disk(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    receipt = operator.do("maker", Register(tool="w-18"))
    plant = copied(tmp_path / "plant", operator, clock, last=3)
    bent_header(tmp_path / "plant", 3)
    plant.promises.take(word_on(operator, receipt))
    assert [(case.kind, case.against) for _, case in plant.casebook.all()] == [("own_disk", "")]
    assert (plant.promises.kept, plant.promises.unlooked) == (0, 1)
    plant.end()


# One header of each height.


def other_header(operator: Operator, height: int, by: Any = NODE, **fields: Any) -> SignedHeader:
    header = replace(operator.node.ledger.header(height).header, **fields)
    return SignedHeader(header=header, suite=1, signature=by.sign(HEADER_DOMAIN + encode(header)))


def signed_another(plant: Follower, operator: Operator, other: SignedHeader, *, keep: bool = True) -> Case:
    """It cosigned another header of block 3 than the one that comes."""
    shown = operator.node.ledger.block(3)
    plant.following.signed.put(other.header, other if keep else None)
    with pytest.raises(SignedOther):
        plant.following.follow(shown)
    rejected = plant.following.rejected
    assert isinstance(rejected, Rejected)
    return signed_other(plant.following, rejected, plant.casebook, "maker")


def copied(folder: Path, operator: Operator, clock: VirtualClock, last: int = 2) -> Follower:
    plant = follower(folder, Net(operator), clock=clock)
    for height in range(1, last + 1):
        plant.following.follow(operator.node.ledger.block(height))
    operator.do("bank", Register(tool="b-1"))
    return plant


def test_both_headers_are_the_proof_of_two_histories(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    plant = copied(tmp_path / "plant", operator, clock)
    case = signed_another(plant, operator, other_header(operator, 3, app_hash="ab" * 32))
    assert case.kind == "two_histories"
    report = check_bundle(encode(case), operator.genesis)
    assert report.ok, report
    assert plant.casebook.halt("maker")
    plant.end()


def test_what_cannot_be_proved_is_a_note(tmp_path: Path, operator: Operator, clock: VirtualClock) -> None:
    """The operator's signature was not kept, or both headers say the same root."""
    plant = copied(tmp_path / "plant", operator, clock)
    case = signed_another(plant, operator, other_header(operator, 3, app_hash="ab" * 32), keep=False)
    assert (case.kind, case.against) == ("note", "")
    plant.end()
    other = follower(tmp_path / "bank", Net(operator), "bank", clock=clock)
    for height in (1, 2):
        other.following.follow(operator.node.ledger.block(height))
    case = signed_another(other, operator, other_header(operator, 3, time_ms=clock() + 1))
    assert (case.kind, case.against) == ("note", "")
    assert other.casebook.accused() is None
    other.end()


def test_a_header_under_another_key_accuses_nobody_and_none_is_signed_beside_it(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    """It was signed before another member succeeded the operator."""
    plant = copied(tmp_path / "plant", operator, clock)
    other = other_header(operator, 3, cosigner_key("bank"), app_hash="ab" * 32)
    plant.following.signed.put(other.header, other)
    plant.begin()
    until(lambda: plant.height == 3 and plant.copying.progress.level)
    assert plant.cosigner.consider(newest=True, now_ms=clock()) is None
    assert plant.casebook.all() == []
    plant.end()


# The command.


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Word]:
    """What the command hands the follower, which is not run."""
    words: list[Word] = []
    monkeypatch.setattr(followers, "follow", lambda settings, *, word, **more: words.append(word))
    return words


def test_a_follower_sets_no_transactions_aside(
    tmp_path: Path, operator: Operator, clock: VirtualClock
) -> None:
    folder = tmp_path / "plant"
    follower(folder, Net(operator), clock=clock).end()
    (folder / "node.toml").write_text('member = "plant"\nrole = "follower"\nfollow = "http://127.0.0.1:1"\n')
    ran = CliRunner().invoke(cli, ["--lang", "en", "up", str(folder), "--set-aside"])
    assert ran.exit_code != 0
    assert "A follower sets no transactions aside" in ran.output


def test_the_command_hands_the_members_word_over(
    tmp_path: Path, operator: Operator, clock: VirtualClock, heard: list[Word]
) -> None:
    folder = tmp_path / "plant"
    plant = follower(folder, Net(operator), clock=clock)
    plant.casebook.report("dropped", 2, TEXT, against="maker")
    plant.end()
    (folder / "node.toml").write_text('member = "plant"\nrole = "follower"\nfollow = "http://127.0.0.1:1"\n')
    name = file_of(folder, "dropped")

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, ["--lang", "en", "follow", str(folder), *arguments])

    assert run("--retry").exit_code == 0
    assert (heard[0].retry, heard[0].set_aside) == (True, "")
    refused = run("--set-aside", "nothing.json")
    assert refused.exit_code != 0
    assert name in refused.output
    asked = run("--set-aside", f"cases/{name}")
    assert asked.exit_code != 0
    assert "cli.not_confirmed" in asked.output
    assert "two histories" in asked.output
    assert len(heard) == 1
    assert run("--set-aside", f"cases/{name}", "--yes").exit_code == 0
    assert (heard[1].retry, heard[1].set_aside, bool(heard[1].person)) == (False, name, True)
