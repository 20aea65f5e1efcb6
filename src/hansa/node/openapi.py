"""The OpenAPI 3.1 description of a node, made from its routes and from the rooms in force."""

import inspect
import typing
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec

from hansa.kernel import Registry, encode
from hansa.kernel.types import INTEGER_MAX, Natural
from hansa.node import parameters, problems
from hansa.node.bodies import JSON, OCTETS
from hansa.node.endpoint import Endpoint
from hansa.node.problems import Problem
from hansa.node.routes import ENDPOINTS, OPENAPI_PATH

REF = "#/components/schemas/{name}"
ALWAYS = (400, 429, 431, 500, 503)
"""Statuses that any route may answer with."""
HOST_WRONG = 421
BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
SESSION: list[dict[str, list[str]]] = [{"session": []}]


@lru_cache(maxsize=4)
def encoded(registry: Registry) -> bytes:
    """The description as JSON."""
    return encode(document(registry))


def document(registry: Registry) -> dict[str, Any]:
    """The description of a node by these rooms."""
    queries = dict(sorted(registry.queries.items()))
    kinds = _Kinds(
        [
            Problem,
            *_of_routes(),
            *registry.actions,
            *(event for room in registry.rooms for event in room.events),
        ]
        + [_answer_of(query) for query in queries.values()]
    )
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, kinds)
    paths[OPENAPI_PATH] = {"get": _description()}
    for name, query in queries.items():
        path = "/v1/" + name.replace(".", "/", 1)
        paths[path] = {"get": _query(name, query, registry._arguments[name], kinds)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hansa 汉萨",
            "version": version("hansa"),
            "description": "One member's node. Transactions are signed bytes; what they mean stands in the "
            "schemas of actions. Refusals are problem documents (RFC 9457) in zh and en.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": kinds.components,
            "securitySchemes": {
                "session": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token from POST /v1/sessions.",
                }
            },
        },
    }


class _Kinds:
    """Schemas of types, by reference where they have a name."""

    def __init__(self, kinds: Iterable[Any]) -> None:
        self._kinds = list(dict.fromkeys(kinds))
        schemas, components = msgspec.json.schema_components(self._kinds, ref_template=REF)
        self.components: dict[str, Any] = _plainer(components)
        self._schemas = dict(zip(self._kinds, map(_plainer, schemas), strict=True))

    def of(self, kind: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._schemas[kind]
        return found


def _plainer(schema: Any) -> Any:
    """The same in the words that most tools know.

    A tuple is told as a list of its length, since few read `prefixItems`; base64 by its pattern; and that
    every integer of Hansa's lies within ±(2⁵³−1).
    """
    if isinstance(schema, list | tuple):
        return [_plainer(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _plainer(value) for name, value in schema.items()}
    if "prefixItems" in found:
        parts = found.pop("prefixItems")
        different = [part for number, part in enumerate(parts) if part not in parts[:number]]
        found["items"] = different[0] if len(different) == 1 else {"anyOf": different}
    if found.get("contentEncoding") == "base64":
        found["pattern"] = BASE64
    if found.get("type") == "integer":
        found = {"minimum": -INTEGER_MAX, "maximum": INTEGER_MAX, **found}
    return found


def _of_routes() -> list[Any]:
    kinds = [kind for one in ENDPOINTS for kind in (one.answer, one.body) if kind not in (None, bytes)]
    fields = [
        field.type
        for one in ENDPOINTS
        if one.parameters is not None
        for field in msgspec.structs.fields(one.parameters)
    ]
    return [*kinds, *fields, Natural | None]


def _answer_of(query: Any) -> Any:
    return typing.get_type_hints(query, include_extras=True)["return"]


def _operation(endpoint: Endpoint, kinds: _Kinds) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.en,
        "parameters": [],
        "responses": _responses(endpoint, kinds),
    }
    if endpoint.parameters is not None:
        found["parameters"] = _parameters(endpoint.parameters, kinds, endpoint.path)
    if endpoint.access != "anyone":
        found["security"] = SESSION
    if endpoint.body is bytes:
        found["requestBody"] = {"required": True, "content": {OCTETS: {"schema": {"minLength": 1}}}}
    elif endpoint.body is not None:
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": kinds.of(endpoint.body)}}}
    return found


def _responses(endpoint: Endpoint, kinds: _Kinds) -> dict[str, Any]:
    content: dict[str, Any] = {endpoint.content: {}}
    if endpoint.answer is not None:
        content[JSON] = {"schema": kinds.of(endpoint.answer)}
    extra = (401, 403) if endpoint.access == "own" else (401,)
    refused = (*ALWAYS, HOST_WRONG, *endpoint.statuses, *extra)
    responses: dict[str, Any] = {"200": {"description": "Done.", "content": content}}
    responses.update((str(status), _problem(status, kinds)) for status in sorted(set(refused)))
    if endpoint.name == "health":
        responses["503"]["content"] = content | responses["503"]["content"]
    return responses


def _problem(status: int, kinds: _Kinds) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {problems.CONTENT_TYPE: {"schema": kinds.of(Problem)}},
    }
    if status in (429, 503):
        found["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return found


def _parameters(kind: type[msgspec.Struct], kinds: _Kinds, path: str) -> list[dict[str, Any]]:
    """The parameters of a route or query: those named in the path, then those behind the `?`."""
    plain = {field.encode_name: field.type for field in msgspec.inspect.type_info(kind).fields}  # type: ignore[attr-defined]
    found = []
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        schema = kinds.of(field.type)
        in_path = "{" + name + "}" in path
        required = field.required and name not in parameters.required_lists(kind)
        one: dict[str, Any] = {"name": name, "in": "path" if in_path else "query", "required": required}
        if parameters.is_plain(plain[name]):
            one["schema"] = _not_null(schema)
        else:
            one["content"] = {JSON: {"schema": schema}}
        found.append(one)
    return found


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """What stands in an address is never null: it is left out."""
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1:
        return {
            **choices[0],
            **{name: value for name, value in schema.items() if name not in ("anyOf", "default")},
        }
    return schema


def _query(name: str, query: Any, arguments: type[msgspec.Struct], kinds: _Kinds) -> dict[str, Any]:
    own = _Kinds([field.type for field in msgspec.structs.fields(arguments)])
    height = {
        "name": "height",
        "in": "query",
        "required": False,
        "schema": _not_null(kinds.of(Natural | None)),
    }
    answer = {
        "type": "object",
        "properties": {
            "height": {"type": "integer", "minimum": 0},
            "time_ms": {"type": "integer", "minimum": 0},
            "value": kinds.of(_answer_of(query)),
        },
        "required": ["height", "time_ms", "value"],
    }
    refused = (*ALWAYS, HOST_WRONG, 401, 403, 404, 410)
    return {
        "operationId": name,
        "summary": (inspect.getdoc(query) or name).partition("\n")[0],
        "parameters": [*_parameters(arguments, own, ""), height],
        "responses": {
            "200": {
                "description": "The answer, and where the ledger stood.",
                "headers": {"Hansa-Height": {"schema": {"type": "integer"}}},
                "content": {JSON: {"schema": answer}},
            },
            **{str(status): _problem(status, kinds) for status in sorted(set(refused))},
        },
        "security": [{}, *SESSION],
    }


def _description() -> dict[str, Any]:
    return {
        "operationId": "openapi",
        "summary": "This description.",
        "responses": {
            "200": {"description": "OpenAPI 3.1.", "content": {JSON: {"schema": {"type": "object"}}}}
        },
    }
