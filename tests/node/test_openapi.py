"""The description of the node holds: schemathesis tries every operation with input made up from it."""

import json
import re
from pathlib import Path

import pytest

from hansa.apps.rooms import registry
from hansa.kernel import Registry
from hansa.node import errors, openapi, problems
from hansa.node.routes import ENDPOINTS
from tests.node import describing
from tests.node.world import World


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """With one example for each operation, besides some thousand that it derives; more by describing.py."""
    done = describing.run(1, tmp_path)

    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    # All but the description itself.
    assert describing.operations(done.stdout) == len(operations()) - 1


def operations() -> dict[str, dict[str, object]]:
    """By path and method, of the rooms of this release."""
    paths = openapi.document(registry())["paths"]
    return {f"{method} {path}": one for path, methods in paths.items() for method, one in methods.items()}


def test_every_route_and_every_query_is_described() -> None:
    described = operations()

    for endpoint in ENDPOINTS:
        assert f"{endpoint.method.lower()} {endpoint.path}" in described
    for name in registry().queries:
        assert f"get /v1/{name.replace('.', '/')}" in described


def test_actions_and_events_of_all_rooms_are_components() -> None:
    schemas = openapi.document(registry())["components"]["schemas"]
    tags = {json.dumps(schema) for schema in schemas.values()}

    for room in registry().rooms:
        for kind in (*room.actions, *room.events):
            tag = kind.__struct_config__.tag
            assert any(f'"{tag}"' in schema for schema in tags), tag


def test_the_description_follows_the_rooms_in_force() -> None:
    fewer = Registry([room for room in registry().rooms if room.name == "consortium"])

    assert "/v1/metering/feed_of" in openapi.document(registry())["paths"]
    assert "/v1/metering/feed_of" not in openapi.document(fewer)["paths"]


def test_references_lead_somewhere() -> None:
    document = openapi.document(registry())
    text = json.dumps(document)

    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert name in document["components"]["schemas"], name


def test_what_needs_a_session_says_so(node: World) -> None:
    """As described, and as the node behaves."""
    for endpoint in ENDPOINTS:
        described = operations()[f"{endpoint.method.lower()} {endpoint.path}"]
        assert ("security" in described) == (endpoint.access != "anyone"), endpoint.path
        target = re.sub(r"{(kind)}", "event", endpoint.path)
        target = re.sub(r"{id}", "0" * 64, re.sub(r"{(height|index)}", "1", target))
        if endpoint.access != "anyone":
            answer = node.ask(endpoint.method, target)
            assert (answer.status, answer.code) == (401, "node.session_needed"), target
            assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("kind", [one for one in vars(errors).values() if isinstance(one, type)])
def test_every_refusal_of_the_node_has_a_status_of_errors(kind: type) -> None:
    if issubclass(kind, errors.NodeRefusal):
        assert 400 <= kind.status < 600


def test_statuses_of_refusals_from_below_are_those_of_existing_codes() -> None:
    from hansa.kernel.refusal import CATALOGUE

    assert set(problems.STATUS_OF_OTHERS) <= set(CATALOGUE)


def test_an_integer_may_be_written_as_json_schema_allows(node: World) -> None:
    """2.0 is an integer there (JSON Schema, 6.1.1); 2.5 and "2" are none."""
    body = '{"height":%s,"app_hash":"%s","cosignature":{"member":"bank","suite":1,"signature":"AAAA"}}'

    def code(height: str) -> str:
        sent = (body % (height, "ab" * 32)).encode()
        headers = {"content-type": "application/json"}
        return node.ask("POST", "/v1/cosignatures", headers=headers, body=sent).code

    assert code("2") == code("2.0") == code("2e0") != errors.BodyMalformed.code
    assert {code("2.5"), code('"2"'), code("[2.0]"), code("true")} == {errors.BodyMalformed.code}
