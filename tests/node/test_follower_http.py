"""Operator and followers as they ship: each with its own folder and port, over HTTP."""

import asyncio
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.handovers import counted, founding_set
from hansa.apps.consortium.messages import Attest
from hansa.apps.rooms import registry, release
from hansa.client import Client
from hansa.client.errors import AnswerUnusable
from hansa.client.http import Http
from hansa.client.keyfiles import write_key
from hansa.client.texts import Text
from hansa.engines.folder import begin
from hansa.engines.stops import Stop
from hansa.kernel import encode, replace
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import Cosigner, SignedAcknowledgement
from hansa.node import follower as follower_module
from hansa.node import settings as files
from hansa.node.errors_follower import OperatorAway
from hansa.node.follower import MEMBER_KEY, Word, follow, http_upstream, open_follower
from hansa.node.run import serve
from hansa.node.settings import Settings
from tests.consortium import MEMBERS, START_MS, genesis, signer

FOLLOWERS = ("plant", "bank", "auditor")
WAIT_S = 20.0


def seed(member: str, key: str) -> bytes:
    return f"{member}/{key}".encode().ljust(32, b".")[:32]


def folder_of(base: Path, member: str, **more: Any) -> Settings:
    """A node's folder: genesis, keys, settings."""
    folder = base / member
    folder.mkdir(parents=True, exist_ok=True)
    cosigners = tuple(Cosigner(member=m, public=signer(m, "node").public) for m in MEMBERS)
    own = replace(genesis(registry()), cosigners=cosigners, quorum=3)
    (folder / files.GENESIS).write_bytes(encode(own))
    if member == "maker":
        begin(folder / files.LEDGER, encode(own), release())
    for name, key in ((files.NODE_KEY, "node"), (MEMBER_KEY, "k1")):
        if not (folder / name).exists():
            write_key(folder / name, seed(member, key))
    return Settings(member=member, directory=str(folder), log="error", port=0, **more)


@contextmanager
def running(run: Callable[..., None], settings: Settings) -> Iterator[Any]:
    """A node in a thread of this process."""
    handles: list[Any] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            run(settings, clock=lambda: START_MS, ready=handles.append)
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    end = time.monotonic() + WAIT_S
    while not handles and not failures and time.monotonic() < end:
        time.sleep(0.01)
    if failures:
        raise failures[0]
    try:
        yield handles[0]
    finally:
        handles[0].stop()
        thread.join(WAIT_S)
        assert not thread.is_alive(), "the node did not end"


def until(true: Callable[[], Any], what: str = "") -> Any:
    end = time.monotonic() + WAIT_S
    while not (found := true()):
        assert time.monotonic() < end, f"waited in vain {what}"
        time.sleep(0.02)
    return found


def plain(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


def http(port: int, member: str) -> Http:
    return Http(f"http://127.0.0.1:{port}", signer=signer(member), member=member, key="k1", node=member)


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[dict[str, int]]:
    """Operator and three followers, who know each other's addresses."""
    with ExitStack() as stack:
        operator = stack.enter_context(running(serve, folder_of(tmp_path, "maker")))
        found = {"maker": operator.port}
        for member in FOLLOWERS:
            settings = folder_of(
                tmp_path, member, role="follower", follow=f"http://127.0.0.1:{operator.port}", key="k1",
                peers={name: f"http://127.0.0.1:{port}" for name, port in found.items() if name != "maker"},
            )  # fmt: skip
            found[member] = stack.enter_context(running(follow, settings)).port
        yield found


def test_four_nodes_over_http(ports: dict[str, int]) -> None:
    with http(ports["bank"], "bank") as to_follower, http(ports["maker"], "maker") as to_operator:
        # A transaction handed to a follower is passed on, and its answer is the operator's.
        client = Client(
            to_follower, registry(), member="bank", key="k1", signer=signer("bank"), clock=lambda: START_MS
        )
        done = to_follower.deliver([client.sign(Attest(table="consortium.members", key=("bank",)))])
        assert [receipt.code for receipt in done.receipts] == ["ok"]

        # It becomes final, at the operator's and at each follower's.
        final = to_operator.final(1, WAIT_S)
        assert final is not None
        signed, problems = counted(final, founding_set(decode(to_operator.genesis(), genesis_type())))
        assert (len(signed) >= 3, problems) == (True, [])
        for member in FOLLOWERS:
            with http(ports[member], member) as reader:
                own = reader.final(1, WAIT_S)
                assert own is not None
                assert own.header == final.header
                assert reader.query("consortium.members", b"{}")

        # The follower looks for what was promised.
        [word] = done.acknowledgements
        to_follower.hand_over(word)
        assert decode(word, SignedAcknowledgement).acknowledgement.items[0].height == 1

        told = json.loads(plain(ports["bank"], "/health"))
        assert told["ok"], told
        assert {check["name"] for check in told["checks"]} >= {"copy", "operator", "cosigning", "evidence"}
        figures = plain(ports["bank"], "/metrics")
        assert "hansa_final_height 1.0" in figures
        assert 'hansa_peers{state="agrees"}' in figures
        assert json.loads(to_follower.get("/v1/incidents")) == []


@pytest.fixture
def flood() -> Iterator[tuple[str, list[int]]]:
    """A node whose answer has no end: its address, and how much it got rid of until it was cut off."""
    sent = [0]
    listening = socket.create_server(("127.0.0.1", 0))

    def pour() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            try:
                while sent[0] < 2**30:
                    sent[0] += connection.send(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            except OSError:
                sent.append(0)

    thread = threading.Thread(target=pour, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", sent
    listening.close()
    thread.join(WAIT_S)


@pytest.mark.parametrize("member", ["bank", ""])
def test_answers_without_end_are_cut_off(
    tmp_path: Path, member: str, monkeypatch: pytest.MonkeyPatch, flood: tuple[str, list[int]]
) -> None:
    """A peer's after a megabyte, the operator's after what blocks may take."""
    monkeypatch.setattr("hansa.client.http.ANSWER_BYTES_MAX", 4 * 2**20)
    url, sent = flood
    settings = folder_of(tmp_path, "plant", role="follower", follow=url, peers={"bank": url})
    upstream = http_upstream(settings, signer("plant"), lambda: "maker", member, url, 10)
    with pytest.raises(AnswerUnusable):
        upstream.head()
    upstream.close()
    until(lambda: sent[1:])
    assert sent[0] < 32 * 2**20


def test_an_answer_to_transactions_without_end_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flood: tuple[str, list[int]]
) -> None:
    """The operator says no more than receipts: its follower's memory is not its to fill."""
    monkeypatch.setattr(follower_module, "PASS_ON_BYTES_MAX", 2**20)
    url, sent = flood
    settings = folder_of(tmp_path, "plant", role="follower", follow=url)
    made = open_follower(settings, lambda: START_MS)

    async def pass_on() -> None:
        made._passing = follower_module._passing_on(settings)
        with pytest.raises(OperatorAway, match="answer_unusable"):
            await made.submit(b"transaction", "127.0.0.1")
        await made._passing.aclose()

    asyncio.run(pass_on())
    made.end()
    until(lambda: sent[1:])
    assert sent[0] < 16 * 2**20


def genesis_type() -> Any:
    from hansa.apps.consortium.messages import Genesis

    return Genesis


@pytest.mark.parametrize("started", ["follow", "up"])
def test_the_members_word_is_taken_as_the_node_starts(tmp_path: Path, started: str) -> None:
    settings = folder_of(tmp_path, "plant", role="follower", follow="http://127.0.0.1:1", key="k1")
    waiting = open_follower(settings, lambda: START_MS)
    waiting.following.ledger.store.note("stopped", encode(Stop(stops=2, cause="too slow")))
    waiting.casebook.report("dropped", 2, Text("缺失", "missing"), against="maker")
    waiting.end()
    word = Word(retry=True, set_aside="dropped-000000000002.json", person="li")
    run = partial(follow, word=word) if started == "follow" else partial(serve, retry="again")
    with running(run, settings) as handle:
        assert handle.follower.following.ledger.stops.reason is None
        assert bool(handle.follower.casebook.halt()) == (started == "up")
    with running(follow, settings) as handle:
        assert handle.follower.following.ledger.stops.reason is None
