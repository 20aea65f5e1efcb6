"""Read and check a Hansa export without Hansa: python read_export.py FOLDER [--signatures] [--json]

Needs Python 3.11 and nothing else. Checks every file's hash; the blocks, their trees and the log that they
form; the operator's signature under the last header, or on a network the validators' votes for the last block
that they closed (`proved`); that the member's own sheets say what the blocks say;
that readings are those anchored on the ledger. Exit status 0 only if all holds. `load(folder, name)` gives
the rows of a sheet to your own programs.
"""

import base64
import hmac
import json
import sys
from collections.abc import Iterator
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any


class Broken(Exception):
    """Says what does not hold, and where."""


def need(holds: Any, what: str) -> None:
    if not holds:
        raise Broken(what)


def canonical(value: Any) -> bytes:
    """RFC 8785, as far as Hansa's values go: no fractions, names in plain ASCII."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def load(folder: Path, name: str) -> Iterator[Any]:
    """The rows of a sheet, one by one; none where there is no such sheet."""
    path = folder / f"{name}.jsonl"
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                yield json.loads(line)


# Files.


def check_files(folder: Path, manifest: Any) -> int:
    """Each file is the one that was written, and there is no other. Returns their number."""
    listed = {entry["path"] for entry in manifest["files"]}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    need(there - {"manifest.json"} == listed, f"files: {sorted(there ^ listed - {'manifest.json'})[:5]}")
    for entry in manifest["files"]:
        digest, size, rows = sha256(), 0, 0
        with (folder / entry["path"]).open("rb") as file:
            while data := file.read(1 << 20):
                digest.update(data)
                size, rows = size + len(data), rows + data.count(b"\n")
        same = (digest.hexdigest(), size) == (entry["sha256"], entry["bytes"])
        need(same, f"{entry['path']} was changed")
        counts = entry.get("rows", rows) == rows or not entry["path"].endswith(".jsonl")
        need(counts, f"{entry['path']}: {rows} rows, not {entry.get('rows')}")
    return len(listed)


# Trees (RFC 6962, 2.1).


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


class Tree:
    """A Merkle tree that grows leaf by leaf: the roots of its complete parts, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self.parts: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        size, part = self.size, leaf
        while size & 1:
            part = sha256(b"\x01" + self.parts.pop() + part).digest()
            size >>= 1
        self.parts.append(part)
        self.size += 1

    def root(self) -> str:
        if not self.parts:
            return sha256(b"").hexdigest()
        *parts, total = self.parts
        for part in reversed(parts):
            total = sha256(b"\x01" + part + total).digest()
        return total.hex()


def root_of(items: list[bytes]) -> str:
    tree = Tree()
    for item in items:
        tree.add(leaf_hash(item))
    return tree.root()


# Ed25519 (RFC 8032, 5.1), slow and plain.

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]


def add(a: Point, b: Point) -> Point:
    x, y = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    t, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = y - x, z - t, z + t, y + x
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n: int, point: Point) -> Point:
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = add(total, point)
        point, n = add(point, point), n >> 1
    return total


def point_of(data: bytes) -> Point | None:
    number = int.from_bytes(data, "little")
    y, sign = number % 2**255, number >> 255
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def signed_by(public: bytes, suite: int, signature: bytes, message: bytes) -> bool:
    """Suite 1 is Ed25519. Points of small order are refused: they sign anything."""
    if suite != 1 or len(public) != 32 or len(signature) != 64:
        return False
    key, r, s = point_of(public), point_of(signature[:32]), int.from_bytes(signature[32:], "little")
    if BASE is None or key is None or r is None or s >= L:
        return False
    if any(eight[0] % P == 0 and (eight[1] - eight[2]) % P == 0 for eight in (times(8, key), times(8, r))):
        return False
    digest = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(digest, key))
    return all((left[n] * right[2] - right[n] * left[2]) % P == 0 for n in (0, 1))


# Blocks.


def check_blocks(folder: Path, manifest: Any, genesis: Any) -> dict[str, Any]:
    """The log from the first block to the head; what the member's own sheets must repeat."""
    members = {one["member"]: one["public"] for one in genesis.get("cosigners", ())}
    public, network = "", "validators" in genesis
    seats = {"public": genesis.get("node_public"), "quorum": genesis.get("quorum", 1), "seats": members}
    commits = list(load(folder, "ledger/commits"))
    roots = {one["head"]["header"]["height"]: "" for one in commits}
    log, last_ms, counts = Tree(), genesis["created_ms"], {"blocks": 0, "transactions": 0, "events": 0}
    own = load(folder, "own/transactions")
    own_events = load(folder, "own/events")
    next_own, next_event = next(own, None), next(own_events, None)
    line: Any = None
    for line in load(folder, "ledger/blocks"):
        leaf, header, height = line["leaf"], line["header"]["header"], log.size + 1
        log.add(leaf_hash(canonical(leaf)))
        stated = (leaf["height"], header["height"], header["chain"], header["time_ms"], header["app_hash"])
        wanted = (height, height, manifest["chain"], leaf["time_ms"], log.root())
        need(stated == wanted and leaf["time_ms"] >= last_ms, f"block {height}: not in the log")
        last_ms = leaf["time_ms"]
        counts["blocks"] += 1
        check_contents(line, height)
        if height in roots:
            roots[height] = log.root()
        public, seats = ("", seats) if network else check_change(line, seats)
        for index, transaction in enumerate(line.get("transactions", ())):
            counts["transactions"] += 1
            if transaction["body"]["member"] == manifest["member"]:
                row = {"body": transaction["body"], "outcome": line["outcomes"][index]}
                need(next_own == place(row, leaf, index), f"own/transactions: not block {height}'s {index}")
                next_own = next(own, None)
        for index, event in enumerate(line.get("events", ())):
            counts["events"] += 1
            if names(event, manifest["member"]):
                need(next_event == place({"event": event}, leaf, index), f"own/events: not {height}.{index}")
                next_event = next(own_events, None)
    check_head(manifest, public, line, log.size, network=network)
    if network:
        counts["proved"] = check_commits(commits, roots, genesis["validators"], manifest["chain"])
    need(next_own is None and next_event is None, "own sheets hold what no block holds")
    return counts


def place(row: dict[str, Any], leaf: Any, index: int) -> dict[str, Any]:
    return {**row, "height": leaf["height"], "index": index, "time_ms": leaf["time_ms"]}


def names(value: Any, member: str) -> bool:
    """Whether a text equal to the member's id stands anywhere in a value."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return any(names(part, member) for part in inner)
    return bool(value == member)


def check_contents(line: Any, height: int) -> None:
    """A block's three trees. A node may keep leaf and header alone of old blocks: then there are none."""
    if "transactions" not in line:
        return
    bodies = [canonical(transaction["body"]) for transaction in line["transactions"]]
    heads = [bytes((one["suite"],)) + base64.b64decode(one["signature"]) for one in line["transactions"]]
    wires = [head + body for head, body in zip(heads, bodies, strict=True)]
    for what, items in (
        ("transactions", wires),
        ("outcomes", [canonical(item) for item in line["outcomes"]]),
        ("events", [canonical(item) for item in line["events"]]),
    ):
        need(
            root_of(items) == line["leaf"][f"{what}_root"],
            f"block {height}: {what} do not fit its leaf",
        )
    for body, outcome in zip(bodies, line["outcomes"], strict=True):
        need(sha256(body).hexdigest() == outcome["transaction"], f"block {height}: an outcome of another")


def check_change(line: Any, seats: Any) -> tuple[str, Any]:
    """Whose key signs this header; operator and cosigners from the next on.

    Where a block changes them, who says so is checked: the operator before signed the block of a vote; a
    quorum of the cosigners before signed a succession.
    """
    kind, header = "consortium.cosigners_changed", line["header"]["header"]
    changes = [event for event in line.get("events", ()) if event["_type"] == kind]
    if not changes:
        return seats["public"], seats
    change, height = changes[-1], header["height"]
    members = {one["member"]: one["public"] for one in change["cosigners"]}
    after = {"public": members[change["operator"]], "quorum": change["quorum"], "seats": members}
    if change.get("succeeds"):
        check_succession(line, seats, change)
        need(by(after["public"], line["header"]), f"block {height}: its new operator did not sign it")
        return after["public"], after
    need(by(seats["public"], line["header"]), f"block {height}: the operator did not sign the change")
    return seats["public"], after


def check_succession(line: Any, seats: Any, change: Any) -> None:
    """A quorum of the cosigners before named this operator for this very height."""
    (act,), header = line["transactions"][0]["body"]["actions"], line["header"]["header"]
    said = act["succession"]
    stated = (act["_type"], said["chain"], said["height"] + 1, said["operator"])
    wanted = ("consortium.succeed", header["chain"], header["height"], change["operator"])
    message = b"hansa-succession-1\x00" + canonical(said)
    signers = {
        one["member"]
        for one in act["signatures"]
        if holds(seats["seats"].get(one["member"], ""), one, message)
    }
    enough = len(signers) >= seats["quorum"] > 0
    need(stated == wanted and enough, f"block {header['height']}: no quorum handed over to its operator")


def by(public: str, signed: Any) -> bool:
    return holds(public, signed, b"hansa-header-1\x00" + canonical(signed["header"]))


def holds(public: str, signed: Any, message: bytes) -> bool:
    key, signature = base64.b64decode(public), base64.b64decode(signed["signature"])
    return signed_by(key, signed["suite"], signature, message)


def check_head(manifest: Any, public: str, line: Any, height: int, *, network: bool) -> None:
    need(height == manifest["height"], f"{height} blocks, not {manifest['height']}")
    if line is None:
        return
    signed = line["header"]
    need(manifest["head"] == signed, "the manifest names another head")
    need(network or by(public, signed), "the operator did not sign the last header")


# Commits of a network: a header of CometBFT 0.38 over the log's root, with the votes of its validators.


def check_commits(rows: list[Any], roots: dict[int, str], validators: Any, chain: str) -> int:
    """Each validator set voted for the block that changed it. Returns the last height that is voted for."""
    seats, proved = in_order(validators), 0
    for row in rows:
        head, engine = row["head"]["header"], row["head"]["commit"]["header"]
        where = f"commit of engine height {engine['height']}"
        same = (engine["chain_id"], engine["app_hash"]) == (chain[:50], roots[head["height"]])
        need(same and engine["validators_hash"] == set_hash(seats), f"{where}: of another history or set")
        check_votes(row["head"]["commit"], seats, where)
        proved = head["height"]
        if "validators" in row:
            seats = in_order(row["validators"])
            need(engine["next_validators_hash"] == set_hash(seats), f"{where}: leads to no such set")
    return proved


def check_votes(commit: Any, seats: list[Any], where: str) -> None:
    """More than two thirds of the power voted for this header, and no vote in it is false."""
    engine, power = commit["header"], 0
    body = part(1, 2) + b"\x11" + engine["height"].to_bytes(8, "little")
    body += b"\x19" + commit["round"].to_bytes(8, "little") if "round" in commit else b""
    name = part(4, block_id(engine_hash(engine), commit["parts"]), True)
    for (less, address, key), vote in zip(seats, commit["votes"], strict=True):
        if vote["flag"] == 1:
            continue
        told = body + (name if vote["flag"] == 2 else b"") + part(5, moment(vote), True)
        told += part(6, engine["chain_id"].encode())
        signature = base64.b64decode(vote["signature"])
        true = vote["address"] == address and signed_by(key, 1, signature, varint(len(told)) + told)
        need(true, f"{where}: the vote of {address} does not hold")
        power -= less if vote["flag"] == 2 else 0
    need(power * 3 > -sum(less for less, *_ in seats) * 2, f"{where}: too few voted for it")


def in_order(seats: Any) -> list[tuple[int, str, bytes]]:
    """(−power, address, key): most power first, of equal power by address."""
    keys = [(seat["power"], base64.b64decode(seat["public"])) for seat in seats]
    need(keys and all(power > 0 for power, _ in keys), "a validator without power")
    return sorted((-power, sha256(key).hexdigest()[:40], key) for power, key in keys)


def set_hash(seats: list[tuple[int, str, bytes]]) -> str:
    return root_of([part(1, part(1, key), True) + part(2, -less) for less, _, key in seats])


def engine_hash(engine: Any) -> str:
    last, names = engine.get("last_block"), "data validators next_validators consensus app last_results"
    hashes = [engine["last_commit_hash"], *(engine[f"{name}_hash"] for name in names.split())]
    fields = [*hashes, engine["evidence_hash"], engine["proposer"]]
    return root_of(
        [
            part(1, engine["version_block"]) + part(2, engine.get("version_app", 0)),
            part(1, engine["chain_id"].encode()),
            part(1, engine["height"]),
            moment(engine),
            block_id(last["hash"], last["parts"]) if last else part(2, b"", True),
            *(part(1, bytes.fromhex(field)) for field in fields),
        ]
    )


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number % 128 | 128]) + varint(number >> 7)


def part(field: int, value: Any, always: bool = False) -> bytes:
    """A field of a protobuf message: an integer, or bytes; none where it is 0 or empty, unless always."""
    if isinstance(value, int):
        return varint(field * 8) + varint(value) if value else b""
    return varint(field * 8 + 2) + varint(len(value)) + value if value or always else b""


def block_id(name: str, parts: Any) -> bytes:
    inner = part(1, parts["total"]) + part(2, bytes.fromhex(parts["hash"]))
    return part(1, bytes.fromhex(name)) + part(2, inner, True)


def moment(value: Any) -> bytes:
    return part(1, value.get("time_s", 0)) + part(2, value.get("time_ns", 0))


def check_signatures(folder: Path, manifest: Any) -> int:
    """Each of the member's own transactions under the key that it names. Keys: of the member's records."""
    publics = {
        (row["key"]["member"], row["key"]["key"]): base64.b64decode(row["record"]["public"])
        for row in load(folder, "records/kernel.keys")
    }
    count = 0
    for line in load(folder, "ledger/blocks"):
        for one in line.get("transactions", ()):
            body = one["body"]
            if body["member"] == manifest["member"]:
                message = b"hansa-tx-1\x00" + canonical(body)
                public = publics.get((body["member"], body["key"]), b"")
                sound = signed_by(public, one["suite"], base64.b64decode(one["signature"]), message)
                need(sound, f"block {line['leaf']['height']}: the signature of {body['key']} does not hold")
                count += 1
    return count


# Readings, and sums.


def check_readings(folder: Path, manifest: Any) -> int:
    """Each batch leads to the root that the member anchored on the ledger. Returns the number of readings."""
    anchors = {
        (row["key"]["owner"], row["key"]["anchor"]): row["record"]
        for row in load(folder, "records/metering.anchors")
    }
    count, readings = 0, load(folder, "readings/readings")
    for batch in load(folder, "readings/batches"):
        tree, secret = Tree(), base64.b64decode(batch["secret"])
        for index in range(batch["count"]):
            row = next(readings, None)
            need(
                row and (row["batch"], row["index"]) == (batch["batch"], index),
                f"batch {batch['batch']}: gaps",
            )
            salt = hmac.digest(secret, index.to_bytes(8, "big"), "sha256")[:16]
            tree.add(leaf_hash(salt + canonical(row["reading"] if row else None)))
            count += 1
        anchor = anchors.get((manifest["member"], batch["batch"]))
        anchored = anchor is None or (anchor["root"], anchor["count"]) == (batch["root"], batch["count"])
        need(tree.root() == batch["root"] and anchored, f"batch {batch['batch']} is not the one anchored")
    return count


def check_statements(folder: Path) -> int:
    """The lines of each statement add up to its sums. Returns their number."""
    count = 0
    for one in load(folder, "own/statements"):
        for part in ("net_minor", "tax_minor", "gross_minor"):
            total = sum(line.get(part, 0) for line in one.get("lines", ()))
            need(total == one.get(part, 0), f"statement {one['agreement']}: {part} is not its lines' sum")
        count += 1
    return count


def check(folder: Path, *, signatures: bool = False) -> dict[str, Any]:
    """What the export holds. Raises Broken at the first thing that does not hold."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        need(manifest["format"] == "hansa-export-1", "manifest.json: another format")
        files = check_files(folder, manifest)
        genesis_bytes = (folder / "genesis.json").read_bytes()
        need(sha256(genesis_bytes).hexdigest() == manifest["chain"], "genesis.json: another consortium's")
        genesis = json.loads(genesis_bytes)
        found = {"member": manifest["member"], "height": manifest["height"], "files": files}
        found |= check_blocks(folder, manifest, genesis)
        found |= {"statements": check_statements(folder), "readings": check_readings(folder, manifest)}
        if signatures:
            found["signatures"] = check_signatures(folder, manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Broken(f"cannot be read: {type(error).__name__}: {error}") from error
    return found


def main(arguments: list[str]) -> int:
    folders = [text for text in arguments if not text.startswith("--")]
    if len(folders) != 1 or set(arguments) - {*folders, "--signatures", "--json"}:
        print(__doc__)
        return 2
    try:
        found = check(Path(folders[0]), signatures="--signatures" in arguments)
    except Broken as error:
        print(f"✗ 不成立 does not hold: {error}", file=sys.stderr)
        return 1
    if "--json" in arguments:
        print(json.dumps(found))
    else:
        print("✓ 全部成立 all holds: " + ", ".join(f"{name} {value}" for name, value in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
