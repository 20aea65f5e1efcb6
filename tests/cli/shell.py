"""Commands as a user types them, in this process; each company with a home of its own; a node that runs."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner

from hansa.cli.main import cli
from hansa.node import settings as files
from hansa.node.run import serve


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """One user's shell: commands know its profiles and no others."""

    def __init__(self, home: Path, lang: str = "en") -> None:
        self.home, self.lang = home, lang

    def __call__(self, *arguments: object, input: str | None = None, **env: str) -> Ran:
        told = CliRunner().invoke(
            cli,
            [str(argument) for argument in arguments],
            input=input,
            env={"HANSA_HOME": str(self.home), "HANSA_LANG": self.lang, "HANSA_PROFILE": "", **env},
        )
        if told.exception is not None and not isinstance(told.exception, SystemExit):
            raise told.exception
        return Ran(told.exit_code, told.stdout, told.stderr)

    def do(self, *arguments: object, **env: str) -> Ran:
        """A command that must succeed."""
        ran = self(*arguments, **env)
        assert ran.status == 0, ran.err
        return ran

    def refused(self, code: str, *arguments: object, **env: str) -> Ran:
        """A command that must be refused by this code."""
        ran = self(*arguments, **env)
        assert ran.status == 2, ran.out + ran.err
        assert f"{code}:" in ran.err, ran.err
        return ran


@contextlib.contextmanager
def running(directory: Path) -> Iterator[None]:
    """The node of a data directory, as `hansa up` runs it."""
    settings = msgspec.structs.replace(files.read(directory), log="warning")
    ready, stop = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            serve(settings, ready=lambda handle: ready.set(), stop=stop)
        except BaseException as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(30), "the node did not start"
    assert not failed, failed
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
