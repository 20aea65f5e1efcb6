"""A consensus key is started only where it cannot sign twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.validator_sets import ValidatorSet
from hansa.client.keyfiles import PrivateKey
from hansa.kernel import replace
from hansa.kernel.commit import Seat, chain_id_of, ordered
from hansa.kernel.refusal import Refusal
from hansa.node import errors_supervision as errors
from hansa.node.joining_rotation import STATE
from hansa.node.supervision_key import LOOK_BACK_LOST, Look, guard, read_state
from tests.engine_double import commit_at, told_commit

KEYS = {name: PrivateKey(bytes([number]) * 32) for number, name in enumerate("abco", 1)}
PUBLIC = KEYS["o"].public
SIGNERS = {key.public: key.signer for key in KEYS.values()}
SEATS = ordered(Seat(name, key.public, 1) for name, key in KEYS.items())
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
        height = int(parameters["height"])
        absent = () if height in self.signed else ("o",)
        return told_commit(commit_at(self.chain, height, SEATS, SIGNERS, absent)), ""

    def look(self, **more: Any) -> Look:
        given: dict[str, Any] = {
            "every_s": 0.0, "watch_s": 5.0, "over": lambda: False, "sets": lambda url: (ValidatorSet(SEATS),),
            **more,
        }  # fmt: skip
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


# Nodes that lie.


class Liar(Net):
    """Beside an honest node, one that lies: of who signed, and of how high it is."""

    def __init__(self, height: int, claims: int, *, alone: bool = False) -> None:
        super().__init__(height)
        self.claims, self.alone = claims, alone

    def ask(self, url: str, method: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        if url != "http://plant":
            if self.alone:
                raise errors.NodeAlreadyDown(path=url)
            return super().ask(url, method, parameters)
        if method == "status":
            self.claims += 4
            found, date = super().ask(url, method, parameters)
            found["sync_info"]["latest_block_height"] = str(self.claims)
            return found, date
        forged = commit_at(CHAIN, int(parameters["height"]), SEATS, SIGNERS)
        true_elsewhere = commit_at(CHAIN, 1, SEATS, SIGNERS).votes
        return told_commit(replace(forged, votes=true_elsewhere)), ""


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("known", [None, 40])
def test_a_signature_that_is_not_the_keys_keeps_no_node_from_starting(
    tmp_path: Path, known: int | None, alone: bool
) -> None:
    state(tmp_path, known)
    net = Liar(50, 51, alone=alone)
    assert guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=0) in ("fine", "moved", "new")


@pytest.mark.parametrize("alone", [False, True])
def test_a_height_that_nobody_signed_moves_no_key_out_of_reach(tmp_path: Path, alone: bool) -> None:
    """Written down, it would silence the key for ever."""
    net = Liar(50, 10**15, alone=alone)
    assert guard(tmp_path, PUBLIC, CHAIN, net.look(), blocks=0) == ("new" if alone else "moved")
    found = read_state(tmp_path / STATE)
    assert (int(found.height) if found else 0) == (0 if alone else 50)


def test_a_true_commit_of_another_height_proves_no_height(tmp_path: Path) -> None:
    """All validators signed it; it is not of the height that the node says it has."""
    net = Liar(50, 10**15, alone=True)

    def ask(url: str, method: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        if method == "commit" and url == "http://plant":
            return told_commit(commit_at(CHAIN, 50, SEATS, SIGNERS)), ""
        return net.ask(url, method, parameters)

    assert guard(tmp_path, PUBLIC, CHAIN, net.look()._replace(ask=ask), blocks=0) == "new"


def test_a_liars_heights_end_no_watch(tmp_path: Path) -> None:
    """The key signs elsewhere still: that enough blocks went by without it, only true ones say."""
    state(tmp_path, 40)
    net = Liar(50, 10**15)
    net.signed = set(range(1, 51))
    net.grows = [True] * 9
    refused(errors.KeyInUse, tmp_path, net)


def test_what_the_key_signed_on_another_chain_is_no_use_of_it_here(tmp_path: Path) -> None:
    """One company, two networks, one key: its true signature of the other is shown as one of this."""
    state(tmp_path, 40)
    net = Net(50)

    def ask(url: str, method: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        if method == "commit":
            elsewhere = commit_at("cd" * 32, int(parameters["height"]), SEATS, SIGNERS)
            return told_commit(elsewhere), ""
        return net.ask(url, method, parameters)

    assert guard(tmp_path, PUBLIC, CHAIN, net.look()._replace(ask=ask), blocks=9) == "fine"


def test_one_that_lets_us_wait_is_asked_once_and_hides_nothing(tmp_path: Path) -> None:
    """It answers at once how high it is, and to no question after that."""
    state(tmp_path, 40)
    net, waited = Net(50, set(range(1, 51))), []
    net.grows = [False] * 9

    def ask(url: str, method: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        if method == "commit" and url == "http://maker":
            waited.append(parameters["height"])
            raise errors.NodeAlreadyDown(path=url)
        return net.ask(url, method, parameters)

    assert guard(tmp_path, PUBLIC, CHAIN, net.look()._replace(ask=ask), blocks=9) == "moved"
    assert waited[:2] == ["50", "50"]  # At the look back, and when the watch begins.


def test_a_folder_that_lost_its_note_believes_no_liar_alone(tmp_path: Path) -> None:
    refused(errors.KeyUnsure, tmp_path, Liar(50, 60, alone=True))
