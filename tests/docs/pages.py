"""Runs a page of docs: its commands in order, in a folder of their own, each against what the page shows.

Blocks `console` hold commands (`$ …`) and what they print; `diff` is an edit as in the getting-started pages;
a block whose info string ends in `file=NAME` writes a file. A node that the page starts (`hansa up`, `hansa
follow`) runs in a process of its own until the comment `<!-- stop -->`, which stands by "Ctrl-C" and may name
the command (`<!-- stop: hansa up -->`), or the end. `<!-- now: 2027-04-05T09:00+08:00 -->` says from where on
it is that time, for readers whose clock can be set. Ports 8420 … 8423 of a page stand for free ones. Other
`hansa` commands run within this process: much quicker.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner

from hansa.cli.main import cli
from tests.docs.test_getting_started import edit, pattern
from tests.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"^```(console|diff|[a-z]+ file=(\S+))\n(.*?)^```$|<!-- (?:stop:? ?(.*?)|now: (.*?)) ?-->", re.M | re.S
)
PORTS = ("8420", "8421", "8422", "8423")
STARTS = ("hansa up", "hansa follow")
READY_S = 60
SETTLED_S = 30


@dataclass(frozen=True)
class Step:
    kind: str
    text: str
    shown: str = ""
    """What a command prints; the name of a file."""


def steps(page: Path) -> Iterator[Step]:
    """Commands, edits and files of a page, in order."""
    for kind, name, text, ended, now in BLOCK.findall(page.read_text("utf-8")):
        if now:
            yield Step("now", now)
        elif not kind:
            yield Step("stop", ended)
        elif name:
            yield Step("file", text, name)
        elif kind == "diff":
            yield Step("diff", text)
        else:
            for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
                command, _, shown = part.replace("\\\n> ", "").partition("\n")
                yield Step("command", command, shown)


def commands(page: Path) -> list[str]:
    return [step.text for step in steps(page) if step.kind == "command"]


@dataclass
class Reader:
    """Somebody who does what a page says."""

    folder: Path
    lang: str
    ports: dict[str, str] = field(default_factory=dict)
    running: list[tuple[str, subprocess.Popen[str], Path]] = field(default_factory=list)
    started: int = 0

    def follow(self, page: Path) -> None:
        for step in steps(page):
            self.do(step)

    def do(self, step: Step) -> None:
        if step.kind == "diff":
            edit(self.folder, self._ours(step.text))
        elif step.kind == "file":
            (self.folder / step.shown).write_text(self._ours(step.text), "utf-8")
        elif step.kind == "stop":
            self.stop(step.text)
        elif step.kind == "now":
            self.move_to(step.text)
        elif step.text.startswith(STARTS) and "--set-up-only" not in step.text:
            self.start(step)
        else:
            self.look(step)

    def move_to(self, time: str) -> None:
        """From here on it is this time."""
        raise AssertionError(f"this reader's clock cannot be set to {time}")

    def look(self, step: Step) -> None:
        """Run a command. One that only asks a node is asked again, as a reader would, for a short while."""
        end = time.monotonic() + (SETTLED_S if step.text.startswith("curl -s ") else 0)
        while True:
            printed = self._theirs(self.run(self._ours(step.text)))
            if printed and not printed.endswith("\n"):
                printed += "\n"  # What a terminal does, by its prompt.
            if pattern(_even(step.shown)).fullmatch(_even(printed)):
                return
            assert time.monotonic() < end, f"{step.text}\nprinted:\n{printed}\nthe page shows:\n{step.shown}"
            time.sleep(0.5)

    def run(self, command: str) -> str:
        """What a command prints. It has to succeed, unless the page says `|| echo …`."""
        if command.startswith("hansa ") and not re.search(r"[|<>&;*$`]", command):
            arguments = shlex.split(command)[1:]
            done = CliRunner().invoke(cli, arguments, env=self.environment)
            assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception!r}"
            return done.output
        ended = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}"
        return ended.stdout

    def start(self, step: Step) -> None:
        """A node: its first lines are what the page shows, the last of them says that it is ready."""
        self.started += 1
        log = self.folder / f"node-{self.started}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self._ours(step.text)}"],
                cwd=self.folder,
                env=os.environ | self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self.running.append((step.text, process, log))
        end = time.monotonic() + READY_S
        while not pattern(step.shown).match(self._theirs(log.read_text("utf-8"))):
            assert process.poll() is None, f"{step.text} ended:\n{log.read_text('utf-8')}"
            assert time.monotonic() < end, f"{step.text} printed:\n{log.read_text('utf-8')}"
            time.sleep(0.05)

    def stop(self, ended: str) -> None:
        """Ctrl-C for the node that was started last, or last by this command."""
        at = max(n for n, (command, _, _) in enumerate(self.running) if command.startswith(ended))
        command, process, log = self.running.pop(at)
        process.send_signal(signal.SIGINT)
        assert process.wait(READY_S) == 0, f"{command}\n{log.read_text('utf-8')}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HANSA_LANG": self.lang,
            "HANSA_HOME": str(self.folder / "home"),
            "PYTHONUTF8": "1",
            "COLUMNS": "100",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path.endswith("src")),
            # The build tool that is installed here; nothing is fetched.
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def _ours(self, text: str) -> str:
        text = text.replace("cp -r examples/", f"cp -r {ROOT}/examples/")
        for theirs, ours in self.ports.items():
            text = text.replace(theirs, ours)
        # Where a page takes the default port, a test must not.
        for command, port in (("hansa init", "8420"), ("hansa follow", "8421")):
            if text.startswith(command) and "--port" not in text:
                text = f"{text} --port {self.ports[port]}"
        return text

    def _theirs(self, text: str) -> str:
        for theirs, ours in self.ports.items():
            text = text.replace(ours, theirs)
        return text.replace(str(self.folder.resolve()), ".")


def _even(text: str) -> str:
    """Columns of tables are as wide as what stands in them: one space counts as many."""
    return re.sub(" +", " ", text)


@contextmanager
def reader(folder: Path, lang: str) -> Iterator[Reader]:
    """A reader in a folder of its own; what the page started and did not end is ended."""
    before = Path.cwd()
    os.chdir(folder)
    made = Reader(folder, lang, dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True)))
    try:
        yield made
    finally:
        os.chdir(before)
        for _, process, _ in made.running:
            process.kill()
            process.wait()
