"""The example of a room from outside: small, sound, tried by its own tests, used once it was voted for."""

import itertools
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from hansa.apps import rooms
from hansa.apps.consortium.messages_votes import ActivateRoom, Propose, SetParameter, Vote
from hansa.cli.room import room as command
from hansa.engines.embedded import Embedded
from hansa.engines.following import Following
from hansa.engines.foreign_rooms import examine, find, installed
from hansa.kernel import Action, encode, limits
from hansa.kernel.active import RoomMissing
from hansa.kernel.transaction import sign
from tests.consortium import MEMBERS, START_MS, genesis, signer

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "visitors"
LINES_MAX = 100
ROOM_FILES = ("messages.py", "errors.py", "contract.py")


def test_it_is_small() -> None:
    lines = [line for path in EXAMPLE.rglob("*.py") for line in path.read_text("utf-8").splitlines()]
    assert 50 < sum(1 for line in lines if line.strip()) <= LINES_MAX
    assert all((EXAMPLE / "visitors" / name).is_file() for name in ROOM_FILES)


def test_it_may_be_loaded() -> None:
    found = find(str(EXAMPLE))
    room, refusals = examine(found)
    assert refusals == []
    assert room is not None
    assert sorted(room.queries) == ["visitors.inside"]


def test_its_own_tests_pass_under_plain_pytest(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "visitors", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "visitors",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def install(folder: Path) -> Path:
    """What `pip install --target FOLDER/visitors-1.0` leaves."""
    target = folder / "visitors-1.0"
    shutil.copytree(EXAMPLE / "visitors", target / "visitors", ignore=shutil.ignore_patterns("__pycache__"))
    about = target / "hansa_visitors-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hansa-visitors\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hansa.rooms]\nvisitors = visitors.contract:ROOM\n")
    return target


def test_it_is_voted_for_used_and_executed_alike_by_another_node(tmp_path: Path) -> None:
    install(tmp_path / "rooms")
    release = rooms.release(installed(tmp_path / "rooms"))
    ((pin, room),) = release.foreign.items()
    admit = next(kind for kind in room.actions if kind.__name__ == "Admit")
    registry = release.registry(pins=(pin,))
    opened = genesis(registry)
    node = Embedded(
        tmp_path / "ledger.db", encode(opened), signer("maker", "node"), lambda: START_MS, release=release
    )
    sequences = {member: itertools.count(1) for member in MEMBERS}

    def do(member: str, *actions: Action) -> str:
        wire = sign(
            registry,
            signer(member),
            chain=node.chain.id,
            member=member,
            key="k1",
            sequence=next(sequences[member]),
            valid_until_ms=START_MS + limits.HOUR_MS,
            actions=actions,
        )
        return node.submit([wire])[0].code

    def decide(proposal: str, subject: Any) -> None:
        assert do("plant", Propose(proposal=proposal, subject=subject)) == "ok"
        assert [do(member, Vote(proposal=proposal, yes=True)) for member in MEMBERS[:3]] == ["ok"] * 3

    visit = admit(visitor="v-17", company="maker", until_ms=START_MS + limits.HOUR_MS)  # type: ignore[call-arg]
    assert do("plant", visit) == "kernel.malformed"
    decide("notice", SetParameter(name="room_notice_blocks", value=1))
    decide("visitors", ActivateRoom(room=pin))
    assert do("plant", visit) == "ok"
    assert [found.visitor for found in node.query("visitors.inside", {"plant": "plant"})] == ["v-17"]

    for name in ("alike", "without"):
        (tmp_path / name).mkdir()
    alike = Following(
        tmp_path / "alike" / "ledger.db", encode(opened), rooms.release(installed(tmp_path / "rooms"))
    )
    without = Following(tmp_path / "without" / "ledger.db", encode(opened), rooms.release())
    for height in range(1, node.height + 1):
        alike.follow(node.ledger.block(height))
    assert alike.ledger.app_hash == node.app_hash
    for height in range(1, node.height):
        without.follow(node.ledger.block(height))
    with pytest.raises(RoomMissing) as refusal:
        without.follow(node.ledger.block(node.height))
    assert f"visitors 1.0 ({pin.sha256[:12]}" in refusal.value.en
    for ledger in (node, alike, without):
        ledger.close()


def run(*arguments: str, lang: str = "en") -> tuple[int, str]:
    done = CliRunner().invoke(command, arguments, obj=lang)
    return done.exit_code, done.output


def test_the_command_says_that_it_is_sound_and_what_to_vote_for() -> None:
    pin = find(str(EXAMPLE)).pin
    line = f"visitors 1.0 {pin.sha256}\n"
    assert run("check", str(EXAMPLE)) == (0, f"{line}It may be voted for.\n")
    assert run("check", str(EXAMPLE), lang="zh") == (0, f"{line}可以表决启用。\n")
    assert run("hash", str(EXAMPLE)) == (0, line)
    _, out = run("hash", str(EXAMPLE), "--json")
    assert msgspec.json.decode(out) == {"name": "visitors", "version": "1.0", "sha256": pin.sha256}


def test_the_command_names_what_is_wrong_by_file_and_line(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "visitors", ignore=shutil.ignore_patterns("__pycache__"))
    contract = tmp_path / "visitors" / "visitors" / "contract.py"
    text = contract.read_text("utf-8")
    contract.write_text(
        text.replace("    # Writes.", "    while True:\n        pass\n    # Writes."), "utf-8"
    )
    line = text.splitlines().index("    # Writes.") + 1

    code, out = run("check", str(tmp_path / "visitors"))

    assert code == 2
    assert f"room.while: contract.py, line {line}: a room may not have a while loop" in out
    assert "1 to correct." in out
    code, out = run("check", str(tmp_path / "visitors"), "--json")
    (refusal,) = msgspec.json.decode(out)["refusals"]
    assert (code, refusal["code"], refusal["file"], refusal["line"]) == (2, "room.while", "contract.py", line)


def test_the_command_lists_what_is_installed(tmp_path: Path) -> None:
    assert run("list") == (0, "No room from outside is installed.\n")
    assert run("list", lang="zh") == (0, "没有安装来自外部的应用。\n")
    target = install(tmp_path)
    assert run("list", "--rooms", str(tmp_path)) == (0, run("hash", str(EXAMPLE))[1])
    (target / "visitors" / "fast.so").touch()
    _, out = run("list", "--rooms", str(tmp_path), "--json")
    assert [item["refusals"][0]["code"] for item in msgspec.json.decode(out)] == ["room.file"]
