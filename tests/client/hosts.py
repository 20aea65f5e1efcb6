"""Several members' nodes of one network, over a double of HTTP: each may be away, busy, behind, or lie."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from hansa.client.http import Http
from hansa.client.several import Other
from hansa.kernel import Attested, encode, replace
from hansa.kernel.canonical import decode
from hansa.kernel.commit import Commit, header_hash
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.messages import Outcome, Receipt, Window
from hansa.kernel.transaction import HEAD_BYTES, identity
from tests.client.network import Network, NetworkNode
from tests.client.node_double import UNKNOWN, NodeDouble, answer, envelope, problem, split
from tests.consortium import MEMBERS, signer

WELL = "well"
KINDS = (
    "away", "silent", "busy", "stopped", "behind", "forgets", "invents", "misplaces", "denies", "strips",
    "forges", "hides", "claims", "blanks", "proofless", "undercounts", "overcounts", "overcounts far",
)  # fmt: skip
"""What a host may do; `behind` shows an old head, all from `forgets` on lie."""
MISCOUNTS = {"undercounts": 0, "overcounts": 900, "overcounts far": 10**12}
"""What a host says is the last number that a key used."""


class Host(NodeDouble):
    """One member's node. All stand on one ledger; `does` says what it makes of that."""

    def __init__(self, network: Network, name: str) -> None:
        super().__init__(network)
        self.name, self.does = name, WELL
        self.rows: list[dict[str, Any]] | None = None
        """What it lists of a key's transactions; None: the truth."""
        self.old: SignedHeader | None = None

    @property
    def node(self) -> NetworkNode:
        found: NetworkNode = self.consortium.node
        return found

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.does == "away":
            self.seen.append(request)
            raise httpx2.ConnectError("connection refused", request=request)
        if self.does == "silent" and request.url.path.endswith("/transactions"):
            self.seen.append(request)
            self.node.submit(split(request.read()))  # It arrives; no answer comes.
            raise httpx2.ReadTimeout("timed out", request=request)
        if self.does == "proofless" and "/proofs/" in request.url.path:
            raise httpx2.ConnectError("connection refused", request=request)
        if self.does == "busy":
            self.seen.append(request)
            return problem(429, "node.queue_full", "排队已满。", "The queue is full.", retry_after="7")
        if self.does == "stopped":
            self.seen.append(request)
            return problem(503, "node.stopped", "节点已停。", "The node has stopped.")
        return super().__call__(request)

    def _answer(self, request: httpx2.Request, parts: list[str]) -> httpx2.Response:
        node, params = self.node, request.url.params
        match parts:
            case ["head"]:
                return answer(self._head())
            case ["handovers"]:
                return answer([] if self.does == "strips" else node.handovers())
            case ["transactions"] if request.method == "GET":
                rows = self._listed(request) if self.rows is None else self.rows
                return answer({"height": node.height, "transactions": rows})
            case ["transactions", name] if self.does == "claims":
                return answer(Receipt(name, "ok", height=1))
            case ["transactions", _] if self.does in ("forgets", "denies", "hides", "blanks"):
                return problem(404, *UNKNOWN)
            case ["proofs", kind, height, index]:
                proof = node.prove(kind, int(height), int(index), int(params["head"]))
                return answer(replace(proof, item=self._turned(proof.item)))
            case ["proofs", kind, height]:
                whole = node.prove_block(kind, int(height), int(params["head"]))
                return answer(replace(whole, items=tuple(map(self._turned, whole.items))))
            case ["engine"]:
                height = int(msgspec.json.decode(request.read())["params"]["height"])
                return answer({"jsonrpc": "2.0", "id": 1, "result": told_by_rpc(node.commits[height])})
            case ["consistency"]:
                old, new = int(params["old"]), int(params["new"])
                return answer({"old": old, "new": new, "path": node.consistency(old, new)})
        return super()._answer(request, parts)

    def _listed(self, request: httpx2.Request) -> list[dict[str, Any]]:
        """The transactions of a member's key."""
        whose, found = (request.url.params["member"], request.url.params["key"]), []
        for height in range(1, self.node.height + 1):
            for index, wire in enumerate(self.node.app.ledger.items("transaction", height)):
                body = msgspec.json.decode(wire[HEAD_BYTES:])
                if (body["member"], body["key"]) == whose:
                    outcome = decode(self.node.app.ledger.items("outcome", height)[index], Outcome)
                    place = {"height": height, "index": index, "sequence": body["sequence"]}
                    place |= {"code": outcome.code}
                    found.append({"transaction": identity(wire), **place})
        return found

    def _query(self, name: str, params: httpx2.QueryParams) -> httpx2.Response:
        if self.does not in MISCOUNTS or name != "consortium.sequence":
            return super()._query(name, params)
        return answer({"height": 1, "time_ms": 1, "value": MISCOUNTS[self.does]})

    def _turned(self, item: bytes) -> bytes:
        """An outcome as a host that forges has it: it went well and is told as refused; its path is true."""
        if self.does == "blanks":
            return blank(item)
        if self.does != "forges":
            return item
        return item.replace(b'"code":"ok"', b'"code":"tally.refused"')

    def _events(self, request: httpx2.Request) -> httpx2.Response:
        if self.does != "blanks":
            return super()._events(request)
        height, index = map(int, request.url.params["after"].split("."))
        found = self.node.events_after(height, index, int(request.url.params["limit"]))
        return answer({"events": [envelope(h, n, self._turned(data)) for h, n, data in found]})

    def _head(self) -> SignedHeader | None:
        if self.does == "behind":
            return self.old
        self.old = self.node.final()
        if self.does == "strips" and self.old is not None:
            return replace(self.old, commit=None)
        return self.old

    def _submit(self, request: httpx2.Request) -> httpx2.Response:
        wires = split(request.read())
        if self.does == "forgets":  # It says that all went well, and nothing did.
            return told([Receipt(identity(w), "ok", height=self.node.height or 1) for w in wires])
        if self.does == "denies":  # All went well, and it says that nothing did.
            self.node.submit(wires)
            return told([Receipt(identity(w), "kernel.malformed", zh="无", en="none") for w in wires])
        receipts = self.node.submit(wires)
        if self.does in ("invents", "forges"):
            turned = ["ok" if r.code != "ok" else "tally.refused" for r in receipts]
            receipts = [replace(r, code=code) for r, code in zip(receipts, turned, strict=True)]
        if self.does == "misplaces":
            receipts = [replace(r, index=r.index + 1) for r in receipts]
        return told(receipts)


def blank(item: bytes) -> bytes:
    """An event that shows a key's window as if none of its numbers were used."""
    if b'"kernel.windows"' not in item:
        return item
    shown = msgspec.json.decode(item, type=Attested)
    used = decode(shown.record, Window)
    return encode(replace(shown, record=encode(replace(used, used=bytes(len(used.used))))))


def told_by_rpc(commit: Commit) -> Any:
    """A commit as the engine's RPC tells it."""
    engine, last = commit.header, commit.header.last_block
    parts = msgspec.to_builtins(commit.parts)

    def when(seconds: int, nanoseconds: int) -> str:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{nanoseconds:09d}Z"

    header = {name: getattr(engine, name) for name in engine.__struct_fields__ if name.endswith("_hash")}
    header |= {
        "version": {"block": str(engine.version_block), "app": str(engine.version_app)},
        "chain_id": engine.chain_id,
        "height": str(engine.height),
        "time": when(engine.time_s, engine.time_ns),
        "last_block_id": msgspec.to_builtins(last)
        if last
        else {"hash": "", "parts": {"total": 0, "hash": ""}},
        "proposer_address": engine.proposer,
    }
    votes = [
        {
            "block_id_flag": vote.flag,
            "validator_address": vote.address,
            "timestamp": when(vote.time_s, vote.time_ns),
            "signature": vote.signature or None,
        }
        for vote in commit.votes
    ]
    block = {"hash": header_hash(engine), "parts": parts}
    signed = {"height": str(engine.height), "round": commit.round, "block_id": block, "signatures": votes}
    return {"signed_header": {"header": header, "commit": signed}, "canonical": True}


def told(receipts: Sequence[Receipt]) -> httpx2.Response:
    return answer({"receipts": receipts})


class Hosts:
    """The nodes of all members, each at an address of its own."""

    def __init__(self, network: Network) -> None:
        self.by_url = {f"http://127.0.0.1:{8421 + n}": Host(network, m) for n, m in enumerate(MEMBERS)}

    def __getitem__(self, member: str) -> Host:
        return next(host for host in self.by_url.values() if host.name == member)

    def url(self, member: str) -> str:
        return next(url for url, host in self.by_url.items() if host.name == member)

    def do(self, **what: str) -> None:
        """What each host does from now on; all others are well."""
        for host in self.by_url.values():
            host.does = what.get(host.name, WELL)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        return self.by_url[f"http://{request.url.host}:{request.url.port}"](request)

    def http(self, *members: str, patience_s: float = 0, **more: Any) -> Http:
        """A client of these members' nodes, the first one first."""
        chain = self[members[0]].node.chain.id
        return Http(
            self.url(members[0]),
            others=[Other(self.url(m), m) for m in members[1:]],
            node=members[0],
            member="plant",
            key="k1",
            signer=signer("plant"),
            chain=chain,
            patience_s=patience_s,
            over=httpx2.MockTransport(self.answer),
            **more,
        )

    def asked(self) -> Mapping[str, list[str]]:
        """What each member's node was asked."""
        return {host.name: [request.url.path for request in host.seen] for host in self.by_url.values()}


def kept(path: Path) -> Any:
    return msgspec.json.decode(path.read_bytes())
