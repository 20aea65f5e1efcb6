"""A consortium of one, running, as `hansa init --quick` and `hansa up` make it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Shell, running
from tests.ports import free_port


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("quick")
    shell = Shell(folder / "home")
    shell.do("init", "--quick", folder / "node", "--port", free_port())
    with running(folder / "node"):
        yield shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home")
