"""Another node as a follower sees it: the operator it copies from, or a peer it compares with."""

import base64
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from hansa.client import errors as client_errors
from hansa.client.http import Http
from hansa.engines.blocks import BlockData, Write, unpack_blocks
from hansa.kernel import encode
from hansa.kernel.canonical import Malformed, NotCanonical
from hansa.kernel.evidence import Cosignature, Proof, SignedHeader
from hansa.node.difference import Contents, Row

T = TypeVar("T")


class Upstream(Protocol):
    """What a node shows to others. Any call may raise a Refusal: it is away, or what it says is no answer."""

    url: str

    def blocks(self, first: int, limit: int, wait_ms: int) -> Sequence[BlockData]: ...

    def head(self) -> SignedHeader | None: ...

    def header(self, height: int) -> SignedHeader: ...

    def contents(self, height: int) -> Contents: ...

    def writes(self, height: int) -> tuple[Write, ...]: ...

    def records(self, table: str, after: bytes, limit: int, height: int) -> list[Row]: ...

    def prove(self, kind: str, height: int, index: int, head: int) -> Proof: ...

    def cosign(self, height: int, app_hash: str, cosignature: Cosignature) -> None: ...

    def close(self) -> None: ...


class _Contents(msgspec.Struct):
    outcomes: tuple[msgspec.Raw, ...]
    events: tuple[bytes, ...]


class _Writes(msgspec.Struct):
    writes: tuple[Write, ...]


class _Row(msgspec.Struct):
    key: bytes
    value: bytes


class _Records(msgspec.Struct):
    height: int
    records: tuple[_Row, ...]


class HttpUpstream:
    """A node over HTTP. Used by one thread at a time; it neither waits nor repeats by itself.

    `node`: whose it must be now, where sessions are opened there; who that is may change.
    """

    def __init__(self, http: Http, node: Callable[[], str] | None = None) -> None:
        self.url, self._http, self._node = http.url, http, node

    def blocks(self, first: int, limit: int, wait_ms: int) -> Sequence[BlockData]:
        data = self._get("/v1/blocks", ("from", first), ("limit", limit), ("wait_ms", wait_ms))
        try:
            return unpack_blocks(data)
        except (Malformed, NotCanonical) as error:
            raise client_errors.AnswerUnusable(url=self.url, detail=str(error)) from None

    def head(self) -> SignedHeader | None:
        return self._decoded(self._get("/v1/head"), SignedHeader | None)  # type: ignore[arg-type]

    def header(self, height: int) -> SignedHeader:
        return self._decoded(self._get(f"/v1/headers/{height}"), SignedHeader)

    def contents(self, height: int) -> Contents:
        found = self._decoded(self._get(f"/v1/blocks/{height}/contents"), _Contents)
        outcomes = tuple(encode(msgspec.json.decode(outcome)) for outcome in found.outcomes)
        return Contents(outcomes=outcomes, events=found.events)

    def writes(self, height: int) -> tuple[Write, ...]:
        return self._decoded(self._get(f"/v1/blocks/{height}/writes"), _Writes).writes

    def records(self, table: str, after: bytes, limit: int, height: int) -> list[Row]:
        key = base64.b64encode(after).decode()
        data = self._get(
            "/v1/records", ("table", table), ("after", key), ("limit", limit), ("height", height)
        )
        found = self._decoded(data, _Records)
        if found.height != height:
            raise client_errors.AnswerUnusable(url=self.url, detail=f"records of height {found.height}")
        return [(row.key, row.value) for row in found.records]

    def prove(self, kind: str, height: int, index: int, head: int) -> Proof:
        return self._decoded(self._get(f"/v1/proofs/{kind}/{height}/{index}", ("head", head)), Proof)

    def cosign(self, height: int, app_hash: str, cosignature: Cosignature) -> None:
        body = encode({"app_hash": app_hash, "cosignature": cosignature, "height": height})
        self._pinned().post("/v1/cosignatures", body)

    def close(self) -> None:
        self._http.close()

    def _get(self, path: str, *parameters: tuple[str, object]) -> bytes:
        return self._pinned().get(path, tuple((name, str(value)) for name, value in parameters))

    def _pinned(self) -> Http:
        """Whatever is asked, a node may say that it takes a session."""
        if self._node is not None:
            self._http.api.pin(self._node())
        return self._http

    def _decoded(self, data: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise client_errors.AnswerUnusable(url=self.url, detail=str(error)) from None
