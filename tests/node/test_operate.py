"""The commands of operation, as a user calls them: exit status, JSON, and that a look changes nothing."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hansa.apps.consortium.messages import Attest
from hansa.apps.rooms import registry, release
from hansa.cli.main import cli
from hansa.client import Client
from hansa.client.http import Http
from hansa.edge.readings import ReadingStore
from hansa.node import read_export
from hansa.node.export import export
from hansa.node.source import AtUrl, in_directory
from tests.consortium import START_MS, signer
from tests.node.clinic import BLOCKS, Clinic, built, clinic
from tests.node.world import founded, served

Hansa = Callable[..., Result]


@pytest.fixture
def hansa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hansa:
    """Runs a command with an empty folder of profiles."""
    monkeypatch.setenv("HANSA_HOME", str(tmp_path / "home"))

    def run(*arguments: object, code: int = 0, lang: str = "en") -> Result:
        result = CliRunner().invoke(cli, ["--lang", lang, *map(str, arguments)])
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run


def told(result: Result) -> Any:
    return json.loads(result.stdout)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_doctor_ends_with_0_where_nothing_is_wrong_and_with_1_where_something_is(
    hansa: Hansa, clinic: Clinic
) -> None:
    found = told(hansa("doctor", clinic.directory, "--json"))
    assert found["ok"] is True
    assert {one["level"] for one in found["findings"]} <= {"ok", "note", "warning"}
    (clinic.directory / "node.key").unlink()
    found = told(hansa("doctor", clinic.directory, "--json", code=1))
    assert found["ok"] is False
    assert [one["code"] for one in found["findings"] if one["level"] == "wrong"] == ["key.missing"]


@pytest.mark.parametrize(("lang", "word"), [("zh", "没有密钥文件"), ("en", "There is no key file")])
def test_doctor_speaks_both_languages(lang: str, word: str, hansa: Hansa, clinic: Clinic) -> None:
    (clinic.directory / "node.key").unlink()
    assert word in hansa("doctor", clinic.directory, code=1, lang=lang).output


def test_export_of_a_directory_is_checked_by_its_own_reader(
    hansa: Hansa, clinic: Clinic, tmp_path: Path
) -> None:
    store = ReadingStore(tmp_path / "readings.db")
    store.add("batch-1", b"s" * 32, [])
    store.close()
    (tmp_path / "bundle.json").write_text("{}")
    more = ("--readings", tmp_path / "readings.db", "--evidence", tmp_path / "bundle.json")
    manifest = told(hansa("export", clinic.directory, tmp_path / "out", "--json", *more))
    assert manifest["member"] == "maker"
    assert read_export.check(tmp_path / "out", signatures=True)["signatures"] == BLOCKS
    assert "evidence/bundle.json" in files(tmp_path / "out")
    refused = hansa("export", clinic.directory, tmp_path / "out", code=2)
    assert "export.folder_taken" in refused.output


def test_a_file_that_is_no_store_of_readings_is_named(hansa: Hansa, clinic: Clinic, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG" * 500)
    refused = hansa(
        "export", clinic.directory, tmp_path / "out", "--readings", tmp_path / "photo.png", code=2
    )
    assert "export.readings_unusable" in refused.output
    assert not (tmp_path / "out").exists()


def test_backup_and_restore(hansa: Hansa, clinic: Clinic, tmp_path: Path) -> None:
    made = told(hansa("backup", clinic.directory, tmp_path / "copy", "--json"))
    assert (made["kind"], made["height"]) == ("backup", BLOCKS)
    looked = told(hansa("restore", tmp_path / "copy", tmp_path / "new", "--dry-run", "--json"))
    assert looked["done"] is False
    assert looked["height"] == BLOCKS
    assert not (tmp_path / "new").exists()
    done = hansa("restore", tmp_path / "copy", tmp_path / "new")
    assert "--from" in done.output
    shutil.copy(clinic.directory / "node.key", tmp_path / "new" / "node.key")
    went_on = told(hansa("restore", tmp_path / "new", "--alone", "--json"))
    assert went_on["height"] == BLOCKS


def test_a_refusal_ends_with_2_and_its_code(hansa: Hansa, clinic: Clinic, tmp_path: Path) -> None:
    assert "restore.no_backup" in hansa("restore", tmp_path, tmp_path / "new", code=2).output
    hansa("backup", clinic.directory, tmp_path / "copy")
    refused = hansa("restore", tmp_path / "copy", clinic.directory, code=2, lang="zh")
    assert "restore.ledger_there" in refused.output
    assert "已有账本" in refused.output


def test_uninstall_only_looks_until_it_is_told(hansa: Hansa, clinic: Clinic, tmp_path: Path) -> None:
    before = files(clinic.directory)
    looked = told(hansa("uninstall", clinic.directory, "--json"))
    assert looked["done"] is False
    assert {Path(one["path"]).name for one in looked["items"] if one["goes"]} == {
        "node.toml",
        "last-backup.json",
    }
    assert files(clinic.directory) == before
    hansa("uninstall", clinic.directory, "--also", "ledger", code=2)
    out = tmp_path / "out"
    hansa("uninstall", clinic.directory, "--also", "ledger", "--really", "ledger", "--export", out, "--yes")
    left = files(clinic.directory)
    assert "node.key" in left
    assert "ledger.db" not in left
    assert read_export.check(out)["height"] == BLOCKS


# Over HTTP.


@pytest.fixture
def at_url(tmp_path: Path) -> Iterator[tuple[Path, Http]]:
    """A node on a real port with a few blocks, its directory, and a client of the plant's."""
    settings = founded(tmp_path / "node", port=0)
    with served(settings) as handle:
        url = f"http://127.0.0.1:{handle.port}"
        with Http(url, signer=signer("plant"), member="plant", key="k1") as http:
            client = Client(
                http, registry(), member="plant", key="k1", signer=signer("plant"), clock=lambda: START_MS
            )
            for _ in range(3):
                client.do(Attest(table="consortium.members", key=("plant",)))
            yield tmp_path / "node", http


def test_an_export_over_http_is_that_of_the_directory(at_url: tuple[Path, Http], tmp_path: Path) -> None:
    directory, http = at_url
    export(AtUrl(http, release()), "plant", tmp_path / "by-url")
    with in_directory(directory, release()) as source:
        export(source, "plant", tmp_path / "by-directory")
    assert read_export.check(tmp_path / "by-url", signatures=True)["signatures"] == 3
    for name in sorted(files(tmp_path / "by-directory") - {"manifest.json"}):
        by_url, by_directory = (tmp_path / way / name for way in ("by-url", "by-directory"))
        assert by_url.read_bytes() == by_directory.read_bytes(), name


def test_a_backup_of_a_served_node_is_restored_and_asks_it(
    at_url: tuple[Path, Http], tmp_path: Path, hansa: Hansa
) -> None:
    from hansa.client.keyfiles import read_key
    from hansa.node.backup import catch_up
    from hansa.node.upstream import HttpUpstream

    directory, http = at_url
    hansa("backup", directory, tmp_path / "copy")
    client = Client(
        http, registry(), member="plant", key="k1", signer=signer("plant"), clock=lambda: START_MS, sequence=3
    )
    client.do(Attest(table="consortium.members", key=("plant",)))
    hansa("restore", tmp_path / "copy", tmp_path / "new")
    node = read_key(directory / "node.key").signer
    height, agreed = catch_up(tmp_path / "new", node, release(), [HttpUpstream(http)], clock=lambda: START_MS)
    assert (height, [one.height for one in agreed]) == (4, [4])


def test_doctor_beside_a_running_node_says_that_it_is_well(at_url: tuple[Path, Http], hansa: Hansa) -> None:
    directory, http = at_url
    port = http.url.rsplit(":", 1)[1]
    (directory / "node.toml").write_text(f'member = "maker"\nport = {port}\n')
    found = told(hansa("doctor", directory, "--json"))
    (node,) = [one for one in found["findings"] if one["check"] == "node"]
    assert node["level"] == "ok"
    assert "height 3" in node["en"]


__all__ = ["built", "clinic"]
