"""All routes of a node as data: the one registry that routing and OpenAPI are made from."""

from hansa.node.endpoint import Endpoint
from hansa.node.routes import blocks, engine, evidence, history, ledger, opening, operation

ENDPOINTS: tuple[Endpoint, ...] = (
    *ledger.ENDPOINTS,
    *history.ENDPOINTS,
    *evidence.ENDPOINTS,
    *blocks.ENDPOINTS,
    *opening.ENDPOINTS,
    *engine.ENDPOINTS,
    *operation.ENDPOINTS,
)
OPENAPI_PATH = "/v1/openapi.json"
QUERY_PATH = "/v1/{room}/{query}"
TRANSACTIONS_PATH = "/v1/transactions"
