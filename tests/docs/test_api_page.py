"""The page of the API: its commands run against a node, with curl and openssl alone; it names every route."""

import re
import shutil
from pathlib import Path

import pytest

from hansa.apps.rooms import registry
from hansa.node.endpoint import Access
from hansa.node.openapi import document
from hansa.node.routes import ENDPOINTS
from tests.docs.pages import ROOT, commands, reader, steps

PAGES = {"en": ROOT / "docs" / "api.md", "zh": ROOT / "docs" / "zh" / "api.md"}
WHO: dict[str, Access] = {
    "anyone": "anyone",
    "anyone: the signature itself shows whose it is": "anyone",
    "who has a key on the ledger": "anyone",
    "members": "member",
    "the node's own member": "own",
    "任何人": "anyone",
    "任何人：是谁的会签，凭签名即知": "anyone",
    "在账本上有密钥者": "anyone",
    "成员单位": "member",
    "节点所属成员单位": "own",
}
"""What the table says, and what the route asks for (what is signed needs no session)."""
TOOLS = ("bash", "curl", "openssl", "sha256sum")
missing = [tool for tool in TOOLS if shutil.which(tool) is None]


@pytest.mark.skipif(bool(missing), reason=f"not on this machine: {missing}")
@pytest.mark.parametrize("lang", PAGES)
def test_a_transaction_is_submitted_and_its_proof_checked_by_hand(lang: str, tmp_path: Path) -> None:
    with reader(tmp_path, lang) as somebody:
        somebody.follow(PAGES[lang])


def test_only_the_node_and_the_key_come_from_hansa() -> None:
    for page in PAGES.values():
        own = [command for command in commands(page) if command.startswith("hansa ")]
        assert own == ["hansa init --quick", "hansa up", "hansa key export --secret > member.pem"]
        assert not any("hansa " in step.text for step in steps(page) if step.kind == "file")
    assert commands(PAGES["en"]) == commands(PAGES["zh"])


def test_every_route_is_named() -> None:
    described = set(document(registry())["paths"])
    rooms = tuple(f"/v1/{room.name}/" for room in registry().rooms)
    routes = {path for path in described if not path.startswith(rooms)}
    assert len(routes) > 15
    for page in PAGES.values():
        named = set(re.findall(r"`(?:GET |POST )?(/[a-z0-9/{}._-]+)", page.read_text("utf-8")))
        assert routes <= named, routes - named


def who_may(page: str) -> dict[tuple[str, str], Access]:
    """By method and path, what the page's table says; queries of rooms and the description apart."""
    said: dict[tuple[str, str], Access] = {}
    for paths, _, who in re.findall(r"^\| (`(?:GET|POST) .*?) \| (.*?) \| (.*?) \|$", page, re.M):
        method = ""
        for name, path in re.findall(r"`(GET |POST )?(/[^?`]+)[^`]*`", paths):
            method = name.strip() or method
            if path not in ("/v1/{room}/{query}", "/v1/openapi.json"):
                said[method, path] = WHO[who]
    return said


@pytest.mark.parametrize("lang", PAGES)
def test_the_page_says_who_may(lang: str) -> None:
    said = who_may(PAGES[lang].read_text("utf-8"))
    assert said == {(endpoint.method, endpoint.path): endpoint.access for endpoint in ENDPOINTS}
