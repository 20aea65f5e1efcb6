"""How nodes stand: asked over HTTP, side by side; what does not answer is shown and ends nothing."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hansa.cli import top
from hansa.node import supervision_status as status
from hansa.node.joining_folder import Plan, settings_text
from hansa.node.supervision_checks import held
from hansa.node.supervision_state import STATE_FILE


class Node:
    """A small node that answers what it is told."""

    def __init__(self, name: str) -> None:
        self.engine: dict[str, Any] = {
            "answers": True, "engine_height": 40, "height": 30, "app_hash": "ab" * 32, "chain": "cd" * 32,
            "block_age_ms": 1_200, "mempool": 2, "waiting": 3, "peers": [{"moniker": "plant"}], "more": 1,
        }  # fmt: skip
        self.checks: list[dict[str, Any]] = []
        self.seats: list[dict[str, Any]] = [{"member": name, "power": 1, "status": "active"}]
        self.figures = b'hansa_transactions_total{code="ok"} 7.0\nhansa_transactions_total{code="x"} 3.0\n'
        self.raw: dict[str, bytes] = {}
        node = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = node.answer(self.path)
                self.send_response(200 if body else 404)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    def answer(self, path: str) -> bytes:
        health = {"ok": all(check["ok"] for check in self.checks), "chain": "cd" * 32,
                  "height": self.engine["height"], "checks": self.checks}  # fmt: skip
        found = {"/health": health, "/v1/engine": self.engine, "/v1/validators": {"validators": self.seats}}
        if path in self.raw:
            return self.raw[path]
        return self.figures if path == "/metrics" else json.dumps(found[path]).encode()


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    made = [Node(name) for name in ("maker", "plant", "bank")]
    yield made
    for node in made:
        node.server.shutdown()
        node.server.server_close()


@pytest.fixture
def folder(tmp_path: Path, nodes: list[Node]) -> Path:
    """The folder of the first node, which names the others."""
    plan = Plan(
        "maker", port=nodes[0].port, listen="127.0.0.1:26656",
        urls={"plant": nodes[1].url, "bank": nodes[2].url},
    )  # fmt: skip
    (tmp_path / "node.toml").write_text(settings_text(plan))
    (tmp_path / "run").mkdir()
    said = {"pid": 7, "state": "running", "since_ms": 1, "restarts": 2, "children": {"engine": 8}}
    (tmp_path / STATE_FILE).write_text(json.dumps(said))
    return tmp_path


def test_a_node_with_all_there_is_to_know(folder: Path, nodes: list[Node]) -> None:
    nodes[1].engine |= {"engine_height": 45, "height": 33}
    nodes[0].seats.append({"member": "bank", "power": 1, "status": "active", "silent_blocks": 500})
    nodes[0].seats.append({"member": "past", "power": 1, "status": "suspended", "silent_blocks": 900})
    with held(folder):
        found = status.status_of(folder)
    assert (found.state, found.restarts, found.lag, found.well) == ("running", 2, 5, True)
    assert found.silent == ("bank",)
    assert [other.name for other in found.others] == ["plant", "bank"]
    assert found.free_bytes > 0


def test_nobody_holds_the_folder_nothing_runs(folder: Path) -> None:
    found = status.status_of(folder)
    assert found.state == "stopped"
    assert not found.well


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"7", b"\xff" * 99, b"9" * 5_000_000])
def test_a_node_that_talks_rubbish_is_shown_as_one_that_does_not_answer(
    folder: Path, nodes: list[Node], raw: bytes
) -> None:
    for path in ("/health", "/v1/engine", "/v1/validators"):
        nodes[1].raw = {path: raw or b" "}
        with held(folder):
            found = status.status_of(folder)
        assert "not one of Hansa's API" in found.others[0].refusal_en
        assert "代理" in found.others[0].refusal_zh
        assert found.others[1].engine is not None


def test_a_node_that_is_away_is_no_error(folder: Path, nodes: list[Node]) -> None:
    nodes[0].server.shutdown()
    nodes[0].server.server_close()
    found = status.status_of(folder)
    assert found.node.engine is None
    assert found.node.refusal_en
    assert found.lag == 0


def test_what_speaks_against_it_makes_it_unwell(folder: Path, nodes: list[Node]) -> None:
    nodes[0].checks = [{"name": "clock", "ok": False, "zh": "时钟", "en": "clock"}]
    with held(folder):
        found = status.status_of(folder)
    assert not found.well
    assert [check.name for check in found.node.wrong] == ["clock"]


def test_two_states_at_one_height_are_seen(nodes: list[Node]) -> None:
    nodes[1].engine["app_hash"] = "ef" * 32
    nodes[2].engine |= {"height": 31, "app_hash": "09" * 32}
    heard = status.hear_all({node.seats[0]["member"]: node.url for node in nodes})
    assert status.differing(heard) == [(30, ["maker", "plant"])]
    nodes[1].engine["app_hash"] = "ab" * 32
    heard = status.hear_all({node.seats[0]["member"]: node.url for node in nodes})
    assert status.differing(heard) == []


def test_rates_are_reckoned_over_the_looks(nodes: list[Node]) -> None:
    urls = {"maker": nodes[0].url}
    first = status.hear_all(urls, figures=True)
    nodes[0].engine["engine_height"] += 10
    nodes[0].figures = b'hansa_transactions_total{code="ok"} 107.0\n'
    second = status.hear_all(urls, figures=True)
    second[0].at_s = first[0].at_s + 5.0
    (shown,) = top.figures([first, second])
    assert (shown["blocks_per_s"], shown["transactions_per_s"], shown["pending"]) == (2.0, 20.0, 5)


def test_a_node_that_was_started_anew_has_no_negative_rate(nodes: list[Node]) -> None:
    urls = {"maker": nodes[0].url, "away": "http://127.0.0.1:9"}
    first = status.hear_all(urls, figures=True)
    nodes[0].figures = b""
    second = status.hear_all(urls, figures=True)
    shown = top.figures([first, second])
    assert shown[0]["transactions_per_s"] == 0
    assert not shown[1]["answers"]
    for lang in ("zh", "en"):
        assert top.screen(lang, [first, second]).row_count == 2  # type: ignore[arg-type]


def test_a_folder_brings_the_others_along_and_addresses_stand_for_themselves(
    folder: Path, nodes: list[Node]
) -> None:
    urls, own = top.places([str(folder)])
    assert list(urls) == ["maker", "plant", "bank"]
    assert own == nodes[0].url
    urls, own = top.places([nodes[1].url, nodes[2].url])
    assert list(urls.values()) == [nodes[1].url, nodes[2].url]
    assert own == ""
