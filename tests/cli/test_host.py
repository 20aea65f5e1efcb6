"""A light member's commands: another member's node serves it, and is believed as far as it proves."""

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import msgspec
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.client import profiles
from hansa.client.keyfiles import PrivateKey
from hansa.client.profiles import Profile
from hansa.kernel import encode, replace
from hansa.kernel.commit import header_hash
from hansa.kernel.evidence import SignedHeader
from tests.cli.shell import Shell
from tests.client.hosts import Host, Hosts
from tests.client.network import Network, voted
from tests.client.node_double import answer, serving
from tests.consortium import Consortium

ATTEST = ("attest", "consortium.members", "bank", "--yes")


class Town(NamedTuple):
    network: Network
    hosts: Hosts
    shell: Shell
    plant: str
    maker: str


def keyed(name: str) -> PrivateKey:
    return PrivateKey(name.encode().ljust(32, b".")[:32])


def profile(shell: Shell, consortium: Consortium, url: str, node: str, name: str = "bank") -> None:
    made = Profile(url=url, member="bank", key="k1", chain=consortium.node.chain.id, node=node)
    genesis = consortium.node.genesis_bytes
    profiles.create(name, made, genesis, keyed("bank/k1"), where=shell.home)


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """Bank has no node: it uses the plant's, later the maker's."""
    with contextlib.ExitStack() as stack:
        network = Network()
        stack.callback(network.close)
        network.do("auditor", attest())
        hosts = Hosts(network)
        urls = [stack.enter_context(serving(hosts[member])) for member in ("plant", "maker")]
        shell = Shell(tmp_path / "home")
        profile(shell, network, urls[0], "plant")
        monkeypatch.setattr("hansa.cli.common.now_ms", network.clock)
        monkeypatch.setattr("hansa.cli.host.now_ms", network.clock)
        monkeypatch.setattr("hansa.client.operators.now_ms", network.clock)
        yield Town(network, hosts, shell, *urls)


def test_it_signs_by_a_host_and_what_it_reads_is_the_hosts_word(town: Town) -> None:
    town.shell.do(*ATTEST)
    ran = town.shell.do("get", "consortium.member", "--member", "bank")
    assert "the word of plant's node" in ran.err
    ran = town.shell.do(*ATTEST, "--proof", town.shell.home / "proof.json")
    assert "Proved by the validators." in ran.err
    assert "the word of" not in ran.err
    genesis = profiles.find("bank", town.shell.home).genesis_file
    told = town.shell.do("verify", town.shell.home / "proof.json", "--genesis", genesis).out
    assert "proved by 4 of 4 validators" in told
    assert "consortium.members.bank" in told


@pytest.mark.parametrize("lie", ["other", "both", "none"])
def test_a_record_is_shown_as_it_is_proved_or_not_at_all(town: Town, lie: str, tmp_path: Path) -> None:
    """The host proves the true event, and tells another one; or its proof is as false; or it hides it."""
    plant, million = town.hosts["plant"], base64.b64encode(b'{"balance":"a million"}').decode()
    true, proof = plant._events, tmp_path / "proof.json"

    def turned(item: bytes) -> bytes:
        event = msgspec.json.decode(item)
        return encode(event | {"record": million}) if "record" in event else item

    def lying(request: httpx2.Request) -> httpx2.Response:
        told = msgspec.json.decode(true(request).read())
        for event in told["events"]:
            if event["type"] == "kernel.attested":
                event["data"]["record"] = million
        return answer({"events": []} if lie == "none" else told)

    plant._events = lying  # type: ignore[method-assign]
    if lie == "both":
        plant._turned = turned  # type: ignore[method-assign]
    ran = town.shell.refused("client.answer_unusable", *ATTEST, "--proof", proof)
    assert "million" not in ran.out
    assert "Proved by" not in ran.err
    assert not proof.exists()


def test_a_record_is_proved_under_the_history_that_was_checked(town: Town) -> None:
    """The validators signed two histories: the host shows the true one, and the record under the other."""
    plant, node = town.hosts["plant"], town.network.node
    town.shell.do(*ATTEST)
    true, first = plant._head, max(node.commits)

    def two_faced() -> SignedHeader | None:
        head = true()
        if not any("/proofs/outcome/" in request.url.path for request in plant.seen):
            return head
        assert head is not None
        assert head.commit is not None
        other = replace(head.commit.header, height=first)
        return replace(head, commit=voted(other, node.sets[first], node.keys))

    plant.seen.clear()
    plant._head = two_faced  # type: ignore[method-assign]
    ran = town.shell.refused("host.fork", *ATTEST)
    assert "Proved by" not in ran.err


def test_one_command_moves_to_another_host(town: Town) -> None:
    town.shell.do(*ATTEST)
    told = town.shell.do("host", "use", town.maker, "--json").json
    assert (told["node"], told["power"], told["whole"]) == ("maker", 4, 4)
    town.hosts["plant"].does = "away"
    town.shell.do(*ATTEST)
    shown = town.shell.do("host", "show", "--json").json
    assert [each["node"] for each in shown["nodes"]] == [town.maker]
    assert shown["nodes"][0]["code"] == "ok"
    assert shown["known"]["height"] == town.network.node.height
    assert sorted(shown["known"]["validators"]) == ["auditor", "bank", "maker", "plant"]


def test_what_was_asked_for_is_done_or_refused(town: Town) -> None:
    """Whose node it is was said; the host in use is no further one of itself; what is not there cannot go."""

    def nodes() -> list[str]:
        return [each["node"] for each in town.shell.do("host", "show", "--json").json["nodes"]]

    town.shell.refused("client.other_node", "host", "use", town.maker, "--node", "bank")
    town.shell.do("host", "use", town.maker, "--node", "maker", "--also")
    town.shell.do("host", "use", town.plant, "--also")
    assert nodes() == [town.plant, town.maker]
    town.shell.refused("host.unknown", "host", "drop", town.plant)
    assert nodes() == [town.plant, town.maker]
    town.shell.do("host", "drop", town.maker)
    assert nodes() == [town.plant]


def test_a_further_host_serves_while_the_first_is_away(town: Town) -> None:
    town.shell.do("host", "use", town.maker, "--also")
    town.hosts["plant"].does = "away"
    town.shell.do(*ATTEST)
    shown = town.shell.do("host", "show", "--json").json
    assert [each["code"] for each in shown["nodes"]] == ["client.unreachable", "ok"]
    town.shell.do("host", "drop", town.maker)
    assert len(town.shell.do("host", "show", "--json").json["nodes"]) == 1


def test_of_two_hosts_the_one_that_proves_nothing_is_passed_over(town: Town) -> None:
    town.shell.do(*ATTEST)
    town.shell.do("host", "use", town.maker, "--also")
    town.hosts["plant"].does = "strips"
    ran = town.shell.do("get", "consortium.member", "--member", "bank")
    assert "Passed over: The header that" in ran.err
    town.hosts["maker"].does = "strips"
    town.shell.refused("host.head_unproved", "get", "consortium.member", "--member", "bank")


def test_a_host_with_another_history_is_not_taken(town: Town, tmp_path: Path) -> None:
    town.shell.do(*ATTEST)
    other = Network()
    other.do("plant", *[attest() for _ in range(3)])
    other.do("maker", attest())
    forger = Host(other, "maker")
    with serving(forger) as url:
        told = town.shell.refused("host.fork", "host", "use", url)
        assert "Both headers lie in" in told.err
        assert list(profiles.find("bank", town.shell.home).folder.glob("fork-*.json"))
        kept = town.shell.do("host", "show", "--json").json
        assert kept["nodes"][0]["node"] == town.plant
    other.close()


def attest() -> Attest:
    return Attest(table="consortium.members", key=("bank",))


def test_a_host_of_another_chain_or_without_proof_is_not_taken(town: Town) -> None:
    town.shell.do(*ATTEST)
    foreign = Network(change=lambda file: replace(file, name_en="Other"))
    foreign.node.wake()
    with serving(Host(foreign, "maker")) as url:
        town.shell.refused("client.other_chain", "host", "use", url)
    foreign.close()
    town.hosts["maker"].does = "strips"
    town.shell.refused("host.head_unproved", "host", "use", town.maker)
    town.shell.refused("client.unreachable", "host", "use", "http://127.0.0.1:9")


def test_a_known_block_decides_for_who_begins_anew(town: Town) -> None:
    town.shell.do(*ATTEST)
    shown = town.shell.do("host", "show").out.splitlines()[-1]
    height, _, block = shown.partition(":")
    assert header_hash(town.network.node.commits[int(height)].header) == block
    town.shell.do("host", "use", town.maker, "--checkpoint", shown)
    town.shell.refused(
        "host.checkpoint_differs", "host", "use", town.maker, "--checkpoint", f"{height}:{'ab' * 32}"
    )
    town.shell.refused("evidence.checkpoint_unreadable", "host", "use", town.maker, "--checkpoint", "12")


def test_a_host_that_withholds_is_noticed(town: Town) -> None:
    town.shell.do(*ATTEST)
    town.hosts["plant"].does = "behind"
    town.network.clock.advance(minutes=4)
    town.network.node.wake()
    told = town.shell.do("get", "consortium.member", "--member", "bank")
    assert "min old. It may withhold newer ones" in told.err
    town.shell.do("host", "use", town.maker, "--also")
    town.network.clock.advance(minutes=4)
    town.network.node.wake()
    shown = town.shell.do("host", "show", "--json").json
    assert [each["code"] for each in shown["nodes"]] == ["ok", "ok"]
    told = town.shell.do("get", "consortium.member", "--member", "bank")
    assert "Passed over:" in told.err
    assert "the word of maker's node" in told.err
    town.shell.do("host", "drop", town.maker)
    town.shell.refused("host.behind", "get", "consortium.member", "--member", "bank")


def test_where_there_is_an_operator_there_are_no_hosts(town: Town) -> None:
    plain = Consortium()
    profile(town.shell, plain, town.plant, "maker", "plain")
    for command in (("use", town.maker), ("drop", town.maker), ("show",)):
        town.shell.refused("host.no_network", "host", *command, "-p", "plain")
    plain.close()


def test_the_texts_are_there_in_chinese(town: Town) -> None:
    shell = Shell(town.shell.home, "zh")
    assert "所用节点" in shell.do("host", "use", town.maker).out
    assert "已核验到高度" in shell.do("host", "show").out
    assert "依据 maker 的节点所述" in shell.do("get", "consortium.member", "--member", "bank").err
    assert json.loads(shell.do("host", "show", "--json").out)["known"]
