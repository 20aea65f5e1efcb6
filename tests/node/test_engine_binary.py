"""Finding the consensus engine's program, and seeing that it is the right one."""

import os
import stat
from pathlib import Path

import pytest

from hansa.kernel import encode
from hansa.kernel.refusal import Refusal
from hansa.node import engine_binary, errors_engine_binary
from hansa.node.engine_binary import Installed, sha256_of


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


RIGHT = f"echo {engine_binary.VERSION}"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without an engine: the folder of installed programs."""
    monkeypatch.delenv(engine_binary.NAMED, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return engine_binary.home()


def refused(kind: type[Refusal]) -> Refusal:
    with pytest.raises(kind) as caught:
        engine_binary.check()
    return caught.value


def test_without_an_engine_it_is_said_how_to_get_one(machine: Path) -> None:
    refusal = refused(errors_engine_binary.EngineMissing)
    for text in (refusal.zh, refusal.en):
        assert "hansa engine install" in text
        assert "--from" in text
        assert engine_binary.VERSION in text


def test_one_that_is_named_goes_before_one_installed_before_one_on_the_path(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = program(tmp_path / "bin" / "cometbft", RIGHT)
    assert engine_binary.find() == on_path
    assert engine_binary.check().how == "path"
    installed = program(machine / "cometbft", RIGHT)
    assert engine_binary.find() == installed
    assert engine_binary.check().how == "installed"
    named = program(tmp_path / "other" / "engine-of-mine", RIGHT)
    monkeypatch.setenv(engine_binary.NAMED, str(named))
    assert engine_binary.find() == named
    assert engine_binary.check().how == "named"
    program(tmp_path / "folder" / "cometbft", RIGHT)
    monkeypatch.setenv(engine_binary.NAMED, str(tmp_path / "folder"))
    assert engine_binary.find() == tmp_path / "folder" / "cometbft"


@pytest.mark.parametrize("what", ["nothing", "not executable"])
def test_what_is_named_and_is_no_program_is_refused_and_nothing_else_taken(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    program(machine / "cometbft", RIGHT)
    path = tmp_path / "named"
    if what != "nothing":
        path.write_text("text")
    monkeypatch.setenv(engine_binary.NAMED, str(path))
    assert str(path) in refused(errors_engine_binary.EngineNamedMissing).en


def test_another_version_is_refused_by_its_number(machine: Path) -> None:
    program(machine / "cometbft", "echo v0.38.24")
    refusal = refused(errors_engine_binary.EngineVersion)
    assert "0.38.24" in refusal.zh
    assert engine_binary.VERSION in refusal.en


@pytest.mark.parametrize("script", ["exit 3", "echo no such library >&2; exit 127", "true", "kill -9 $$"])
def test_one_that_does_not_run_is_refused(machine: Path, script: str) -> None:
    program(machine / "cometbft", script)
    refused(errors_engine_binary.EngineBroken)


def test_one_for_another_processor_is_refused(machine: Path) -> None:
    program(machine / "cometbft", "").write_bytes(b"\x7fELF of another processor")
    refused(errors_engine_binary.EngineBroken)


def test_one_that_hangs_is_refused(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(machine / "cometbft", "exec /bin/sleep 600")
    monkeypatch.setattr(engine_binary, "ANSWER_TIME_MAX_S", 0.2)
    refused(errors_engine_binary.EngineBroken)


def test_one_that_was_exchanged_since_install_is_refused_before_it_runs(
    machine: Path, tmp_path: Path
) -> None:
    path = program(machine / "cometbft", RIGHT)
    note = Installed(engine_binary.VERSION, sha256_of(path), path.stat().st_size, "a test", 1)
    (machine / engine_binary.NOTE).write_bytes(encode(note))
    assert engine_binary.check().note == note
    program(path, f"touch {tmp_path}/ran; {RIGHT}")
    refused(errors_engine_binary.EngineChanged)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("note", [b"", b"{", b'{"version":1}', b"x" * (engine_binary.NOTE_BYTES_MAX + 1)])
def test_a_damaged_note_is_no_note(machine: Path, note: bytes) -> None:
    program(machine / "cometbft", RIGHT)
    (machine / engine_binary.NOTE).write_bytes(note)
    assert engine_binary.check().note is None


@pytest.mark.skipif(not os.environ.get(engine_binary.NAMED), reason="HANSA_ENGINE names no engine")
def test_the_real_engine_is_found() -> None:
    assert engine_binary.check().version == engine_binary.VERSION
