"""The example of a room from outside: small, sound, tried by its own tests, used once it was voted for."""

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
from click.testing import CliRunner

from hansa.cli.room import room as command
from hansa.engines.foreign_rooms import examine, find

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
    target = tmp_path / "visitors-1.0"
    shutil.copytree(EXAMPLE / "visitors", target / "visitors", ignore=shutil.ignore_patterns("__pycache__"))
    about = target / "hansa_visitors-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hansa-visitors\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hansa.rooms]\nvisitors = visitors.contract:ROOM\n")
    assert run("list", "--rooms", str(tmp_path)) == (0, run("hash", str(EXAMPLE))[1])
    (target / "visitors" / "fast.so").touch()
    _, out = run("list", "--rooms", str(tmp_path), "--json")
    assert [item["refusals"][0]["code"] for item in msgspec.json.decode(out)] == ["room.file"]
