"""Of two equal folders only the original starts at once; a copy watches, waits, and stands back."""

import io
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hansa.apps.consortium.validator_sets import ValidatorSet
from hansa.client.files import write_over
from hansa.client.keyfiles import new_key, write_key
from hansa.node import errors_supervision as errors
from hansa.node import supervision_node as node
from hansa.node import supervision_place as place
from hansa.node.joining_folder import make_keys
from hansa.node.joining_rotation import STATE
from hansa.node.settings_engine import VALIDATOR_KEY
from hansa.node.supervision_key import guard
from hansa.node.supervision_logs import Stream
from tests.node.network_world import folders
from tests.node.test_supervision_key import CHAIN, PUBLIC, SEATS, Net, signed_below, state
from tests.node.test_supervision_status import Node

ENGINE_ID = "ab" * 20


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder that is at home."""
    folder = tmp_path / "original"
    folder.mkdir()
    assert not place.at_home(folder)
    place.settle(folder)
    return folder


def test_a_folder_is_at_home_where_it_was_settled(home: Path) -> None:
    assert place.at_home(home)
    before = (home / place.MARK).stat().st_ino
    place.settle(home)
    assert (home / place.MARK).stat().st_ino == before
    moved = home.rename(home.with_name("renamed"))
    assert place.at_home(moved), "another name on the same disk is the same folder"


def test_a_copy_is_not_at_home_however_equal(home: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(home, tmp_path / "copy")
    assert (copy / place.MARK).read_bytes() == (home / place.MARK).read_bytes()
    assert not place.at_home(copy)
    place.settle(copy)
    assert place.at_home(copy)
    assert place.at_home(home)


def test_a_disk_in_another_machine_is_not_at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "machine", lambda: "another")
    assert not place.at_home(home)


def test_a_container_that_is_made_anew_is_the_same_place(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no id, and another host's name each time: after a power cut all come back without a word."""
    empty = tmp_path / "machine-id"
    empty.write_text("\n")
    monkeypatch.setattr(place, "MACHINE_FILES", (tmp_path / "none", empty))
    assert place.machine() == ""
    copy = shutil.copytree(home, tmp_path / "copy")
    place.settle(home)
    monkeypatch.setattr(socket, "gethostname", lambda: "9f3c1a")
    assert place.at_home(home)
    assert not place.at_home(copy)
    empty.write_text("1234\n")
    assert len(place.machine()) == 64


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"machine":7}', b"\xff" * 9, b"9" * 9_999])
def test_a_damaged_mark_is_none(home: Path, damaged: bytes) -> None:
    write_over(home / place.MARK, damaged)
    assert not place.at_home(home)


def test_keys_that_are_made_here_are_at_home_and_others_are_not(tmp_path: Path) -> None:
    make_keys(tmp_path / "founder")
    assert place.at_home(tmp_path / "founder")
    (tmp_path / "brought").mkdir()
    write_key(tmp_path / "brought" / VALIDATOR_KEY, new_key().seed)
    make_keys(tmp_path / "brought")
    assert not place.at_home(tmp_path / "brought")


# What a copy does before it starts.


def seatless(url: str) -> tuple[ValidatorSet, ...]:
    """The newest set has lost the key's seat."""
    return ValidatorSet(SEATS), ValidatorSet(tuple(each for each in SEATS if each.public != PUBLIC), since=51)


def test_a_copy_watches_though_its_note_is_the_newest(tmp_path: Path) -> None:
    """Equal folders, started at one moment: the chain shows nothing yet that the copy does not know."""
    state(tmp_path, 50)
    net, called = Net(50, set(range(1, 51))), []
    assert guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=9) == "fine"
    net.grows = [True] * 9
    with pytest.raises(errors.KeyInUse):
        guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=9, copy=lambda: called.append(1))
    assert not called


def test_a_copy_that_nobody_contradicts_begins_above_all_that_was_signed(tmp_path: Path) -> None:
    state(tmp_path, 50)
    net, called = Net(50, set(range(1, 51))), []
    net.grows = [False] * 9
    assert guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=9, copy=lambda: called.append(1)) == "moved"
    assert called
    assert signed_below(tmp_path) >= 54


def test_the_operators_word_for_a_copy_never_takes_its_note_back(tmp_path: Path) -> None:
    """The others stand below what this key signed last."""
    state(tmp_path, 60)
    look = Net(50).look(watch_s=0.05)
    assert guard(tmp_path, PUBLIC, CHAIN, look, blocks=9, alone=True, copy=lambda: None) == "moved"
    assert signed_below(tmp_path) == 60


def test_a_twin_that_came_first_keeps_a_copy_out(tmp_path: Path) -> None:
    state(tmp_path, 50)
    net, before = Net(50), (tmp_path / STATE).read_bytes()
    net.grows = [False] * 9

    def twin() -> None:
        raise errors.TwinConnected(member="plant")

    with pytest.raises(errors.TwinConnected):
        guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=9, copy=twin)
    assert (tmp_path / STATE).read_bytes() == before


@pytest.mark.parametrize(("known", "done"), [(None, "moved"), (50, "fine")])
def test_a_copy_whose_key_has_no_seat_has_nothing_to_wait_for(
    tmp_path: Path, known: int | None, done: str
) -> None:
    """As somebody's who joins."""
    state(tmp_path, known)
    called: list[int] = []
    look = Net(50).look(watch_s=0.0, sets=seatless)
    assert guard(tmp_path, PUBLIC, CHAIN, look, blocks=0, copy=lambda: called.append(1)) == done
    assert not called


def test_a_copy_does_not_start_where_nobody_answers_and_a_founder_does(tmp_path: Path) -> None:
    state(tmp_path, 50)
    net = Net(50)
    net.away = {"http://maker", "http://plant"}
    with pytest.raises(errors.KeyUnsure):
        guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=9, copy=lambda: None)
    assert guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=9, alone=True, copy=lambda: None) == "fine"
    assert guard(tmp_path / "founder", PUBLIC, CHAIN, net.look(), blocks=0, copy=lambda: None) == "new"
    assert guard(tmp_path / "founder", PUBLIC, CHAIN, Net(0).look(), blocks=0, copy=lambda: None) == "new"


# How copies that were started at one moment come apart.


@pytest.fixture
def other() -> Iterator[Node]:
    made = Node("plant")
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_copy_sees_a_twin_that_is_connected(other: Node) -> None:
    urls = {"plant": other.url, "away": "http://127.0.0.1:9"}
    other.engine["peers"] = [{"id": "cd" * 20, "moniker": "maker"}]
    node.apart(urls, ENGINE_ID, lambda: False, max_s=0.0)
    other.engine["peers"].append({"id": ENGINE_ID, "moniker": "x"})
    with pytest.raises(errors.TwinConnected, match="plant"):
        node.apart(urls, ENGINE_ID, lambda: False, max_s=0.0)


def test_a_copy_waits_as_long_as_chance_has_it(other: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now_s[0] += seconds

    monkeypatch.setattr(node.time, "monotonic", lambda: now_s[0])
    monkeypatch.setattr(node.time, "sleep", sleep)
    monkeypatch.setattr(node.secrets, "randbelow", lambda below: below // 2)
    monkeypatch.setattr(node, "hear_all", lambda urls: [])
    node.apart({}, ENGINE_ID, lambda: False)
    assert sum(slept) == pytest.approx(node.APART_MAX_S / 2)


def test_waiting_can_be_given_up(other: Node) -> None:
    node.apart({"plant": other.url}, ENGINE_ID, lambda: True, max_s=3_600.0)


def test_the_supervisor_tells_a_copy_once_and_then_it_is_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (original,) = folders(tmp_path, ("maker",))
    copy = shutil.copytree(original.directory, tmp_path / "copy")
    asked: list[bool] = []

    def guarding(*_: object, copy: object, **__: object) -> str:
        asked.append(copy is not None)
        return "fine"

    monkeypatch.setattr(node.keys, "guard", guarding)
    for folder in (original.directory, copy, copy):
        settings = msgspec.structs.replace(original, directory=str(folder))
        node.Guard(settings, CHAIN, lambda *_: ({}, ""), False, Stream("warning", io.StringIO()))()
    assert asked == [False, True, False]
