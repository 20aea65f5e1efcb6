"""A hundred thousand pieces of rubbish, seeded: every decoder and every route answers, and nothing breaks.

Half of them are true messages with a few bytes changed, which get further than noise. `HANSA_FUZZ` sets the
share of the hundred thousand, 1 by default.
"""

import asyncio
import os
import random
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium.messages import Attest, Genesis
from hansa.apps.rooms import registry
from hansa.engines.blocks import pack_block, unpack_blocks
from hansa.kernel import encode
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import Cosignature, SignedAcknowledgement, SignedHeader
from hansa.kernel.refusal import Refusal
from hansa.kernel.transaction import join, parse
from hansa.node import openapi, parameters, problems
from hansa.node.projection import FILE, Projection
from hansa.node.projector import Projector
from hansa.node.routes import ENDPOINTS
from hansa.node.routes.blocks import GivenCosignature
from hansa.node.sessions import AskChallenge, OpenSession
from hansa.node.wires import claim, split
from tests.node.world import JSON, OCTETS, World, call

SHARE = float(os.environ.get("HANSA_FUZZ", "1"))
SHOW = Attest(table="consortium.members", key=("maker",))
REGISTRY = registry()
DESCRIBED = list(openapi.document(REGISTRY)["paths"].items())


def times(count: int) -> range:
    return range(int(count * SHARE))


def changed(chance: random.Random, data: bytes) -> bytes:
    """The same with a few bytes put in, taken out, repeated or replaced."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(found) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            found[at:at] = chance.randbytes(chance.choice((1, 4, 40)))
        elif kind == 1:
            del found[at : at + chance.choice((1, 3, 60))]
        elif kind == 2:
            found[at : at + 1] = bytes((chance.choice(b'{}[]",:0-9\\u\x00\xff'),))
        elif kind == 3:
            found[at:at] = found[at : at + chance.choice((1, 30, 300))]
        else:
            found[at : at + 4] = chance.choice((b"null", b"1e99", b"-0.0", b"\xff\xff\xff\xff", b"9" * 20))
    return bytes(found)


def rubbish(chance: random.Random, true: Sequence[bytes]) -> bytes:
    if chance.random() < 0.15:
        return chance.randbytes(chance.choice((0, 1, 3, 64, 65, 66, 300)))
    return changed(chance, chance.choice(true))


def strict(kind: Any) -> Callable[[bytes], Any]:
    return lambda data: decode_strict(data, kind)


def true_messages(node: World) -> dict[str, list[bytes]]:
    """A true message for each decoder, from a node with a few blocks."""
    wires = [node.sign("plant", SHOW) for _ in range(3)]
    answer = node.submit(join(wires)).json
    token = node.session("maker")
    head = node.operator.engine.head()
    assert head is not None
    cosignature = Cosignature("bank", 1, bytes(64))
    given = GivenCosignature(1, head.header.app_hash, cosignature)
    snapshot = node.operator.reader.snapshot()
    with snapshot as reading:
        block = pack_block(reading.block(1))
    return {
        "wires": wires,
        "sequence": [join(wires)],
        "blocks": [block, block + block],
        "acknowledgement": [encode(msgspec.convert(answer["acknowledgement"], SignedAcknowledgement))],
        "header": [encode(head)],
        "cosignature": [encode(given)],
        "session": [encode(OpenSession(challenge=bytes(32), signature=bytes(64)))],
        "challenge": [encode(AskChallenge(member="plant", key="k1"))],
        "genesis": [node.operator.genesis_bytes],
        "token": [token.encode()],
    }


DECODERS: dict[str, tuple[Callable[[bytes], Any], int]] = {
    "wires": (lambda data: (claim(data), parse(REGISTRY, data)), 25_000),
    "sequence": (split, 15_000),
    "blocks": (unpack_blocks, 10_000),
    "acknowledgement": (strict(SignedAcknowledgement), 10_000),
    "header": (strict(SignedHeader), 8_000),
    "cosignature": (strict(GivenCosignature), 8_000),
    "session": (strict(OpenSession), 5_000),
    "challenge": (strict(AskChallenge), 5_000),
    "genesis": (strict(Genesis), 4_000),
}


@pytest.mark.parametrize("name", DECODERS)
def test_decoders_refuse_what_they_cannot_read(node: World, name: str) -> None:
    decode, count = DECODERS[name]
    true = true_messages(node)[name]
    chance = random.Random(name)
    refused = 0
    for one in true:
        decode(one)  # What is true is read.
    for _ in times(count):
        data = rubbish(chance, true)
        try:
            decode(data)
        except Refusal:
            refused += 1
    # Bytes of a signature may change without breaking the form; most changes break it.
    assert refused >= count * SHARE // 4


def test_parameters_are_read_or_refused() -> None:
    chance = random.Random("parameters")
    kinds = [kind for name in REGISTRY.queries if (kind := REGISTRY.arguments(name))]
    kinds += [one.parameters for one in ENDPOINTS if one.parameters is not None]
    for _ in times(4_000):
        kind = chance.choice(kinds)
        names = [field.encode_name for field in msgspec.structs.fields(kind)] + ["x"]
        pairs = [(chance.choice(names), text(chance)) for _ in range(chance.randrange(5))]
        refused = 0
        try:
            parameters.read(kind, {}, pairs)
        except Refusal as refusal:
            refused = problems.status_of(refusal)
        assert refused in (0, 400)


def text(chance: random.Random) -> str:
    kind = chance.randrange(6)
    if kind == 0:
        return str(chance.choice((0, -1, 2**53 - 1, 2**53, 10**30, chance.randrange(100))))
    if kind == 1:
        return chance.choice(("plant", "k1", "true", "null", "1.0", "[]", "{", "event", "0.-1", "", "0" * 64))
    if kind == 2:
        return "".join(chance.choices(string.printable, k=chance.randrange(12)))
    if kind == 3:
        return "".join(chr(chance.randrange(0x20, 0x3000)) for _ in range(chance.randrange(8)))
    if kind == 4:
        return "[" * chance.choice((1, 50, 5_000))
    return chance.choice(("a", "\0", "汉", "%00", "../..")) * chance.choice((1, 10, 300))


def requests(chance: random.Random, node: World, true: dict[str, list[bytes]]) -> tuple[Any, ...]:
    """A request for some route, half right."""
    path, methods = chance.choice(DESCRIBED)
    method = chance.choice([*(one.upper() for one in methods), "GET", "POST", "PUT"])
    parts = [quoted(text(chance)) if part.startswith("{") else part for part in path.split("/")]
    names = [one["name"] for one in next(iter(methods.values())).get("parameters", ())] or ["x"]
    query = "&".join(f"{chance.choice(names)}={quoted(text(chance))}" for _ in range(chance.randrange(4)))
    headers = dict(chance.choice((OCTETS, JSON, {}, {"content-type": text(chance).encode().hex()})))
    if chance.random() < 0.8:
        headers["authorization"] = "Bearer " + true["token"][0].decode()
    elif chance.random() < 0.5:
        headers["authorization"] = text(chance).encode("ascii", "ignore").decode()
    if chance.random() < 0.1:
        headers["last-event-id"] = text(chance).encode("ascii", "ignore").decode()
    body = rubbish(chance, true[chance.choice(list(true))])
    return method, f"{'/'.join(parts)}?{query}".replace("wait_ms", "wait"), headers, body


def quoted(value: str) -> str:
    from urllib.parse import quote

    return quote(value, safe="")


def test_routes_answer_whatever_comes(node: World, tmp_path: Path) -> None:
    chance = random.Random("routes")
    true = true_messages(node)
    node.app.front.projection = projection = Projection(tmp_path / FILE, node.operator.chain)
    projection.begin()
    Projector(projection, node.operator.reader).catch_up()
    statuses: set[int] = set()

    async def some(asked: list[tuple[Any, ...]]) -> None:
        for answer in await asyncio.gather(*(call(node.app, *one) for one in asked)):
            statuses.add(answer.status)
            assert answer.status < 500, answer.body
            if answer.status >= 400:
                assert answer.headers["content-type"] == problems.CONTENT_TYPE
                assert answer.json["zh"]

    for _ in times(60):
        node.run(some([requests(chance, node, true) for _ in range(100)]))

    assert {200, 400, 401, 404, 405, 415} <= statuses
    assert node.operator.admission.waiting == 0
    assert node.app.front.budget.used == 0
    assert node.get("/health").status == 200
    assert node.submit(node.sign("bank", SHOW)).json["receipts"][0]["code"] == "ok"


def test_the_node_goes_on_with_what_it_had(node: World, tmp_path: Path) -> None:
    """Rubbish as transactions: refused one by one, and what is good among it is taken."""
    chance = random.Random("transactions")
    true = true_messages(node)["wires"]
    good = [node.sign("bank", SHOW) for _ in times(30)]
    for wire in good:
        wires = [rubbish(chance, true) for _ in range(50)] + [wire]
        chance.shuffle(wires)
        answer = node.submit(join(wires))
        codes = [receipt["code"] for receipt in answer.json["receipts"]]
        assert len(codes) == 51
        assert codes[wires.index(wire)] == "ok"
