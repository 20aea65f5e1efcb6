"""A consensus key is started only where it cannot sign twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from hansa.client.keyfiles import PrivateKey
from hansa.kernel.commit import chain_id_of
from hansa.kernel.facts import address
from hansa.kernel.refusal import Refusal
from hansa.node import errors_supervision as errors
from hansa.node.joining_rotation import STATE
from hansa.node.supervision_key import LOOK_BACK_LOST, Look, guard, read_state

PUBLIC = PrivateKey(bytes(31) + b"\x07").public
OWN = address(PUBLIC)
CHAIN = "ab" * 32


class Net:
    """Other members' nodes: blocks, and at which heights the key of this test signed."""

    def __init__(self, height: int, signed: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self.height, self.signed = height, set(signed)
        self.chain = CHAIN
        self.away: set[str] = set()
        self.grows: list[bool] = []
        """For each further look at a status: does the next block bear the key's signature?"""
        self.asked = 0

    def ask(self, url: str, method: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        self.asked += 1
        if url in self.away:
            raise errors.NodeAlreadyDown(path=url)
        if method == "status":
            if self.asked > 4 and self.grows:
                self.height += 1
                if self.grows.pop(0):
                    self.signed.add(self.height)
            node = {"id": "a" * 40, "listen_addr": "tcp://1.2.3.4:1", "network": chain_id_of(self.chain)}
            sync = {"latest_block_height": str(self.height), "latest_block_time": "2026-11-22T10:00:00Z",
                    "catching_up": False}  # fmt: skip
            return {"node_info": {**node, "version": "0.38.25"}, "sync_info": sync}, ""
        flag = 2 if int(parameters["height"]) in self.signed else 1
        other = {"validator_address": "FF" * 20, "block_id_flag": 2}
        own = {"validator_address": OWN.upper() if flag == 2 else "", "block_id_flag": flag}
        return {"signed_header": {"commit": {"signatures": [other, own]}}}, ""

    def look(self, **more: Any) -> Look:
        given: dict[str, Any] = {"every_s": 0.0, "watch_s": 5.0, "over": lambda: False, **more}
        return Look(self.ask, {"maker": "http://maker", "plant": "http://plant"}, **given)


def state(folder: Path, height: int | None) -> None:
    path = folder / STATE
    path.parent.mkdir(parents=True)
    if height is not None:
        path.write_text(json.dumps({"height": str(height), "round": 0, "step": 3, "signature": "c2ln"}))


def signed_below(folder: Path) -> int:
    """The height up to which nothing is signed any more."""
    found = read_state(folder / STATE)
    assert found is not None
    assert (found.round, found.step) == (2**31 - 1, 3)
    return int(found.height)


def refused(
    kind: type[Refusal], folder: Path, net: Net, *, blocks: int = 9, alone: bool = False, **more: Any
) -> None:
    path = folder / STATE
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(kind):
        guard(folder, PUBLIC, CHAIN, net.look(**more), blocks=blocks, alone=alone)
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_restart_goes_on_at_once(tmp_path: Path) -> None:
    """The chain went on without this node, or stands at its last vote: nothing is asked twice."""
    state(tmp_path, 50)
    for net in (Net(50, set(range(1, 51))), Net(51, set(range(1, 51))), Net(90, set(range(1, 51))), Net(49)):
        before = (tmp_path / STATE).read_bytes()
        assert guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=40) == "fine"
        assert (tmp_path / STATE).read_bytes() == before


def test_all_nodes_killed_at_once_start_again(tmp_path: Path) -> None:
    """Nobody answers yet: the folder's own note is enough."""
    state(tmp_path, 50)
    net = Net(50)
    net.away = {"http://maker", "http://plant"}
    assert guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=40) == "fine"


@pytest.mark.parametrize("known", [None, 40])
def test_a_key_that_goes_on_signing_is_in_use_elsewhere(tmp_path: Path, known: int | None) -> None:
    """A copy of the folder, or one restored while the first machine still runs."""
    state(tmp_path, known)
    net = Net(50, set(range(1, 51)))
    net.grows = [True] * 9
    refused(errors.KeyInUse, tmp_path, net)


def test_one_signature_among_new_blocks_is_enough(tmp_path: Path) -> None:
    state(tmp_path, 40)
    net = Net(50, set(range(1, 51)))
    net.grows = [False, False, True, False, False]
    refused(errors.KeyInUse, tmp_path, net)


@pytest.mark.parametrize("known", [None, 40])
def test_after_a_lost_machine_the_key_begins_above_all_it_signed(tmp_path: Path, known: int | None) -> None:
    state(tmp_path, known)
    net = Net(50, set(range(1, 51)))
    net.grows = [True, False, False, False, False]  # The first was on its way when the machine went.
    assert guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=9) == "moved"
    assert signed_below(tmp_path) >= 54


def test_a_chain_that_stands_says_nothing_about_the_key(tmp_path: Path) -> None:
    state(tmp_path, None)
    refused(errors.KeyUnsure, tmp_path, Net(50, set(range(1, 51))), watch_s=0.05)


def test_the_operators_word_counts_where_the_chain_stands(tmp_path: Path) -> None:
    state(tmp_path, None)
    net = Net(50, set(range(1, 51)))
    assert guard(tmp_path, PUBLIC, CHAIN, net.look(watch_s=0.05), blocks=9, alone=True) == "moved"
    assert signed_below(tmp_path) == 50


def test_the_operators_word_does_not_hide_a_signature(tmp_path: Path) -> None:
    state(tmp_path, None)
    net = Net(50, set(range(1, 51)))
    net.grows = [True] * 9
    refused(errors.KeyInUse, tmp_path, net, alone=True)


def test_a_restored_folder_waits_for_others_to_ask(tmp_path: Path) -> None:
    state(tmp_path, None)
    net = Net(50)
    net.away = {"http://maker", "http://plant"}
    refused(errors.KeyUnsure, tmp_path, net)
    assert guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=9, alone=True) == "new"


def test_founders_start_at_once(tmp_path: Path) -> None:
    """Nobody has a block yet, or nobody answers."""
    assert guard(tmp_path, PUBLIC, CHAIN, Net(0).look(), blocks=0) == "new"
    net = Net(9)
    net.away = {"http://maker", "http://plant"}
    assert guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=0) == "new"
    assert not (tmp_path / STATE).exists()


def test_a_newcomers_key_begins_above_the_newest_block(tmp_path: Path) -> None:
    """It never signed: nothing is waited for."""
    assert guard(tmp_path, PUBLIC, CHAIN, Net(50).look(watch_s=0.0), blocks=0) == "moved"
    assert signed_below(tmp_path) == 50


def test_a_lost_note_is_looked_for_further_back(tmp_path: Path) -> None:
    net = Net(50, {50 - LOOK_BACK_LOST + 1})
    with pytest.raises(errors.KeyUnsure):
        guard(tmp_path, PUBLIC, CHAIN, net.look(watch_s=0.05), blocks=0)


@pytest.mark.parametrize(
    "damaged", [b"", b"{", b'{"height":"0"}', b'{"height":"-1"}', b'{"height":"x"}', b"\xff" * 99]
)
def test_a_damaged_or_new_note_counts_as_lost(tmp_path: Path, damaged: bytes) -> None:
    state(tmp_path, None)
    (tmp_path / STATE).write_bytes(damaged)
    with pytest.raises(errors.KeyUnsure):
        guard(tmp_path, PUBLIC, CHAIN, Net(50, {50}).look(watch_s=0.05), blocks=9)


def test_nodes_of_another_chain_say_nothing(tmp_path: Path) -> None:
    state(tmp_path, 40)
    net = Net(50, set(range(1, 51)))
    net.chain = "cd" * 32
    assert guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=9) == "fine"


def test_one_node_that_is_behind_hides_nothing(tmp_path: Path) -> None:
    state(tmp_path, 40)
    net = Net(50, set(range(1, 51)))
    net.away = {"http://maker"}
    net.grows = [True] * 9
    refused(errors.KeyInUse, tmp_path, net)


def test_it_can_be_given_up(tmp_path: Path) -> None:
    state(tmp_path, None)
    refused(errors.KeyUnsure, tmp_path, Net(50, {50}), over=lambda: True, watch_s=600.0)


@pytest.mark.parametrize("answer", [
    None, [], {}, "x", {"signed_header": None}, {"signed_header": {"commit": {}}},
    {"signed_header": {"commit": {"signatures": [None]}}},
])  # fmt: skip
def test_odd_answers_are_no_signatures(tmp_path: Path, answer: Any) -> None:
    state(tmp_path, 40)
    net = Net(50, {50})

    def ask(url: str, method: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        return (answer, "") if method == "commit" else net.ask(url, method, parameters)

    assert guard(tmp_path, PUBLIC, CHAIN, net.look()._replace(ask=ask), blocks=9) == "fine"
