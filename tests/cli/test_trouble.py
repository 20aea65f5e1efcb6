"""Trouble of the disk in any command: named in both languages, no traceback, exit status 2."""

import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from hansa.cli.main import cli
from hansa.cli.trouble import DiskFault, FileDamaged, trouble_of
from hansa.engines.store import StoreFault

CAUSES: list[tuple[Exception, str]] = [
    (OSError(errno.ENOSPC, "No space left on device", "/data/ledger.db"), "disk.full"),
    (PermissionError(errno.EACCES, "Permission denied", "/root/x"), "disk.denied"),
    (OSError(errno.EROFS, "Read-only file system"), "disk.denied"),
    (FileNotFoundError(errno.ENOENT, "No such file or directory", "/proc/nowhere"), "disk.path_wrong"),
    (FileExistsError(errno.EEXIST, "File exists", "x"), "disk.path_wrong"),
    (OSError(errno.EIO, "Input/output error"), "disk.fault"),
    (StoreFault("disk I/O error"), "disk.fault"),
    (sqlite3.OperationalError("whatever"), "disk.fault"),
]


@pytest.mark.parametrize(("cause", "code"), CAUSES, ids=lambda value: str(value))
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_whatever_command_meets_it(
    cause: Exception, code: str, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trouble(*_: object, **__: object) -> None:
        raise cause

    monkeypatch.setattr("hansa.node.backup.backup", trouble)
    ran = CliRunner().invoke(cli, ["--lang", lang, "backup", "node", "to"])
    assert ran.exit_code == 2
    assert ran.stderr.lstrip().startswith(f"{code}: ")
    if isinstance(cause, OSError) and cause.filename:
        assert str(cause.filename) in ran.stderr
    assert ("请" in ran.stderr) is (lang == "zh")


def test_sqlites_own_numbers(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database at all" * 100)
    db = sqlite3.connect(tmp_path / "x.db")
    with pytest.raises(sqlite3.Error) as met:
        db.execute("SELECT * FROM sqlite_master")
    db.close()
    assert isinstance(trouble_of(met.value), FileDamaged)
    wrapped = StoreFault("x")
    wrapped.__cause__ = met.value
    assert isinstance(trouble_of(wrapped), FileDamaged)
    wrapped.__cause__ = ValueError()
    assert isinstance(trouble_of(wrapped), DiskFault)
    assert trouble_of(ValueError()) is None


@pytest.mark.skipif(os.name != "posix", reason="/proc is Linux's")
def test_an_unwritable_place(tmp_path: Path) -> None:
    ran = CliRunner().invoke(cli, ["--lang", "en", "init", "/proc/nowhere/node", "--quick"])
    assert ran.exit_code == 2
    assert "Traceback" not in ran.output


@pytest.mark.skipif(os.name != "posix", reason="pipes as POSIX has them")
def test_a_reader_that_went_away_is_no_error() -> None:
    """As `hansa room --help | head -0`: the pipe is closed before anything is written."""
    code = "import sys; from hansa.cli.main import main; sys.argv[1:] = ['--help']; main()"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, timeout=60)
    os.close(write)
    assert done.stderr == b""
    assert done.returncode == 1
