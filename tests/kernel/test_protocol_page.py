"""docs/protocol.md: each vector computed by the kernel, and again by means that share no code with it."""

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hansa.apps.consortium.messages import Attest, Genesis, GenesisKey, GenesisMember
from hansa.apps.rooms import registry
from hansa.engines.replay import Replica
from hansa.kernel import encode, keys, limits, lthash, merkle, pack
from hansa.kernel.apply import Block
from hansa.kernel.evidence import (
    Acknowledgement,
    Header,
    Promise,
    Succession,
    acknowledge,
    succession_bytes,
)
from hansa.kernel.messages import Active, RoomPin, Window
from hansa.kernel.signatures import HEADER_DOMAIN, Signer, opening, possession
from hansa.kernel.state import encode_key
from hansa.kernel.transaction import identity, sign
from tests.kernel import network_vectors

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
NOW_MS = 1_767_571_200_000
MEMBER, NODE = Signer(b"\x01" * 32), Signer(b"\x02" * 32)
OTHER_MEMBER = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
OTHER_NODE = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
COSIGNER = Signer(b"\x03" * 32)
OTHER_COSIGNER = Ed25519PrivateKey.from_private_bytes(b"\x03" * 32)
CHALLENGE = bytes(range(32))


def between_nodes_by_kernel(header: Header, transaction: str) -> dict[str, str]:
    """What nodes and clients sign for one another."""
    chain, app_hash = header.chain, header.app_hash
    promise = Promise(transaction=transaction, code="ok", height=1, index=0, app_hash=app_hash)
    promised = acknowledge(NODE, Acknowledgement(chain=chain, items=(promise,)))
    pin = RoomPin(name="visits", version="1.0", sha256="ab" * 32)
    passed_on = Succession(chain=chain, height=1, app_hash=app_hash, operator="plant")
    return {
        "cosignature": COSIGNER.sign(HEADER_DOMAIN + encode(header)).hex(),
        "acknowledgement": encode(promised.acknowledgement).decode(),
        "acknowledgement.signature": promised.signature.hex(),
        "possession(k9)": COSIGNER.sign(possession(chain, "maker", "k9", COSIGNER.public)).hex(),
        "session": MEMBER.sign(opening(chain, "maker", CHALLENGE)).hex(),
        "succession": encode(passed_on).decode(),
        "succession.signature": COSIGNER.sign(succession_bytes(passed_on)).hex(),
        "active": encode(Active(rules=2, rooms=(pin,))).decode(),
    }


def by_kernel() -> dict[str, str]:
    """The vectors as Hansa computes them."""
    all_rooms = registry()
    first = GenesisKey(
        id="k1", public=MEMBER.public, holder="p1", kind="person", scopes=("*",), expires_ms=NOW_MS * 2
    )
    maker = GenesisMember(id="maker", name_zh="甲", name_en="A", register_id="1", role="maker", keys=(first,))
    genesis = encode(
        Genesis(
            name_zh="联盟",
            name_en="Consortium",
            created_ms=NOW_MS,
            operator="maker",
            node_public=NODE.public,
            members=(maker,),
            rules=1,
        )
    )
    replica = Replica(genesis, all_rooms)
    wire = sign(
        all_rooms,
        MEMBER,
        chain=replica.chain.id,
        member="maker",
        key="k1",
        sequence=3,
        valid_until_ms=NOW_MS + 60_000,
        actions=(Attest(table="consortium.members", key=("maker",)),),
    )
    at_genesis = lthash.digest(replica.state_sum)
    applied = replica.execute(Block(1, NOW_MS + 1_000, [wire]))
    assert applied.leaf is not None
    header = Header(chain=replica.chain.id, height=1, time_ms=NOW_MS + 1_000, app_hash=replica.app_hash)
    window = keys.used(Window(), 3)
    record = ("kernel.windows", encode_key(("maker", "k1")), encode(window))
    five = [merkle.leaf_hash(bytes([number])) for number in range(5)]
    return {
        "genesis": genesis.decode(),
        "chain": replica.chain.id,
        "body": wire[65:].decode(),
        "identity": identity(wire),
        "signature": wire[1:65].hex(),
        "key(maker,k1)": record[1].hex(),
        "key(1767571200000,a)": encode_key((NOW_MS, "a")).hex(),
        "window": record[2].decode(),
        "element[:32]": lthash.element(*record)[:32].hex(),
        "element.sha256": hashlib.sha256(lthash.element(*record)).hexdigest(),
        "state_digest(0)": at_genesis,
        "state_digest(1)": applied.leaf.state_digest,
        "outcome": encode(applied.outcomes[0]).decode(),
        "event": applied.events[0].decode(),
        "leaf": encode(applied.leaf).decode(),
        "app_hash": replica.app_hash,
        "header": encode(header).decode(),
        "header.signature": NODE.sign(HEADER_DOMAIN + encode(header)).hex(),
        **between_nodes_by_kernel(header, identity(wire)),
        "root(00,01,02,03,04)": merkle.root(five).hex(),
        "pack(1,-1,9007199254740991)": b64encode(pack([1, -1, 2**53 - 1])).decode(),
        **network_vectors.by_kernel(),
    }


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def canonical(value: Any) -> bytes:
    return rfc8785.dumps(value)


def element(table: str, key: bytes, stored: bytes) -> bytes:
    lengths = len(table).to_bytes(4, "big"), len(key).to_bytes(4, "big")
    data = b"hansa-state-1\x00" + lengths[0] + table.encode() + lengths[1] + key + stored
    return blake3(data).digest(length=2_048)


def digest_of(records: list[tuple[str, bytes, bytes]]) -> str:
    lanes = [0] * 1_024
    for record in records:
        raw = element(*record)
        for lane in range(1_024):
            lanes[lane] = (lanes[lane] + int.from_bytes(raw[2 * lane : 2 * lane + 2], "little")) % 65_536
    return sha(b"".join(lane.to_bytes(2, "little") for lane in lanes)).hex()


def records_of(used: bool) -> Iterator[tuple[str, bytes, bytes]]:
    """All records of the chain of these vectors, before and after its block."""
    public = b64encode(OTHER_MEMBER.public_key().public_bytes_raw()).decode()
    member = {"_type": "member.1", "name_en": "A", "name_zh": "甲", "register_id": "1", "role": "maker"}
    key = {"_type": "key.1", "expires_ms": NOW_MS * 2, "holder": "p1", "kind": "person", "public": public}
    yield "consortium.members", b"maker\x00", canonical(member)
    yield "kernel.keys", b"maker\x00k1\x00", canonical(key | {"scopes": ["*"], "suite": 1})
    if used:
        bits = b64encode((1).to_bytes(128, "big")).decode()
        yield (
            "kernel.windows",
            b"maker\x00k1\x00",
            canonical({"_type": "window.1", "highest": 3, "used": bits}),
        )


def genesis_by_hand() -> bytes:
    key_of_genesis = {"id": "k1", "public": b64encode(OTHER_MEMBER.public_key().public_bytes_raw()).decode()}
    key_of_genesis |= {"holder": "p1", "kind": "person", "scopes": ["*"], "expires_ms": NOW_MS * 2}
    member = {"id": "maker", "name_zh": "甲", "name_en": "A", "register_id": "1", "role": "maker"}
    return canonical(
        {
            "name_zh": "联盟",
            "name_en": "Consortium",
            "created_ms": NOW_MS,
            "operator": "maker",
            "node_public": b64encode(OTHER_NODE.public_key().public_bytes_raw()).decode(),
            "members": [member | {"keys": [key_of_genesis]}],
            "rules": 1,
        }
    )


def between_nodes_by_hand(chain: str, header: bytes, transaction: str, app_hash: str) -> dict[str, str]:
    promise = {"transaction": transaction, "code": "ok", "height": 1, "index": 0}
    acknowledgement = canonical({"chain": chain, "items": [promise | {"app_hash": app_hash}]})
    succession = canonical({"app_hash": app_hash, "chain": chain, "height": 1, "operator": "plant"})
    session = b"hansa-session-1\x00" + chain.encode() + b"\x00maker\x00"
    held = b"\x00".join((b"hansa-key-1", chain.encode(), b"maker", b"k9"))
    held += b"\x00" + OTHER_COSIGNER.public_key().public_bytes_raw()
    pin = {"name": "visits", "version": "1.0", "sha256": "ab" * 32}
    return {
        "cosignature": OTHER_COSIGNER.sign(b"hansa-header-1\x00" + header).hex(),
        "acknowledgement": acknowledgement.decode(),
        "acknowledgement.signature": OTHER_NODE.sign(b"hansa-ack-1\x00" + acknowledgement).hex(),
        "possession(k9)": OTHER_COSIGNER.sign(held).hex(),
        "session": OTHER_MEMBER.sign(session + bytes(range(32))).hex(),
        "succession": succession.decode(),
        "succession.signature": OTHER_COSIGNER.sign(b"hansa-succession-1\x00" + succession).hex(),
        "active": canonical({"_type": "active.1", "rules": 2, "rooms": [pin]}).decode(),
    }


def by_hand() -> dict[str, str]:
    """The same from the page alone: hashlib, BLAKE3, RFC 8785 and OpenSSL."""
    genesis = genesis_by_hand()
    chain = sha(genesis).hex()
    attest = {"_type": "consortium.attest", "table": "consortium.members", "key": ["maker"]}
    body = canonical(
        {"chain": chain, "member": "maker", "key": "k1", "sequence": 3, "actions": [attest]}
        | {"valid_until_ms": NOW_MS + 60_000}
    )
    signature = OTHER_MEMBER.sign(b"hansa-tx-1\x00" + body)
    outcome = canonical({"transaction": sha(body).hex(), "code": "ok"})
    before, after = list(records_of(False)), list(records_of(True))
    shown = b64encode(before[0][2]).decode()
    event = canonical(
        {"_type": "kernel.attested", "table": "consortium.members", "key": ["maker"], "record": shown}
    )
    leaf = canonical(
        {
            "height": 1,
            "time_ms": NOW_MS + 1_000,
            "transactions_root": sha(b"\x00\x01", signature, body).hex(),
            "outcomes_root": sha(b"\x00", outcome).hex(),
            "events_root": sha(b"\x00", event).hex(),
            "state_digest": digest_of(after),
        }
    )
    app_hash = sha(b"\x00", leaf).hex()
    header = canonical({"chain": chain, "height": 1, "time_ms": NOW_MS + 1_000, "app_hash": app_hash})
    one, two, three, four, five = (sha(b"\x00", bytes([number])) for number in range(5))
    left = sha(b"\x01", sha(b"\x01", one, two), sha(b"\x01", three, four))
    whole = b"".join(number.to_bytes(8, "big", signed=True) for number in (1, -1, 2**53 - 1))
    return {
        "genesis": genesis.decode(),
        "chain": chain,
        "body": body.decode(),
        "identity": sha(body).hex(),
        "signature": signature.hex(),
        "key(maker,k1)": b"maker\x00k1\x00".hex(),
        "key(1767571200000,a)": (NOW_MS.to_bytes(8, "big") + b"a\x00").hex(),
        "window": after[2][2].decode(),
        "element[:32]": element(*after[2])[:32].hex(),
        "element.sha256": sha(element(*after[2])).hex(),
        "state_digest(0)": digest_of(before),
        "state_digest(1)": digest_of(after),
        "outcome": outcome.decode(),
        "event": event.decode(),
        "leaf": leaf.decode(),
        "app_hash": app_hash,
        "header": header.decode(),
        "header.signature": OTHER_NODE.sign(b"hansa-header-1\x00" + header).hex(),
        **between_nodes_by_hand(chain, header, sha(body).hex(), app_hash),
        "root(00,01,02,03,04)": sha(b"\x01", left, five).hex(),
        "pack(1,-1,9007199254740991)": b64encode(whole).decode(),
        **network_vectors.by_hand(),
    }


def on_page() -> dict[str, str]:
    (block,) = re.findall(r"```vectors\n(.*?)\n```", PAGE.read_text(), re.DOTALL)
    return dict(line.split(" = ", 1) for line in block.splitlines())


KERNEL, HAND = cache(by_kernel), cache(by_hand)


@pytest.mark.parametrize("name", HAND())
def test_a_vector_of_the_page_is_what_the_kernel_and_a_stranger_compute(name: str) -> None:
    assert KERNEL()[name] == HAND()[name]
    assert on_page()[name] == HAND()[name]


def test_the_page_has_no_other_vectors() -> None:
    assert list(on_page()) == list(HAND())
    assert all(json.loads(value) for value in on_page().values() if value.startswith("{"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("at most {} bytes. Body", limits.TRANSACTION_BYTES_MAX),
        ("More than {} are refused unread", limits.TRANSACTION_BRACKETS_MAX),
        ("`actions` (1 … {}", limits.ACTIONS_MAX),
        ("a key has at most {} bytes", limits.KEY_BYTES_MAX),
        ("{} steps (reads, writes and scanned rows", limits.BLOCK_STEPS_MAX),
        ("a window of {} sequence numbers", limits.WINDOW_WIDTH),
        ("the SDK keeps ≤{} in flight", limits.IN_FLIGHT_MAX),
        ("at most {} seats", limits.VALIDATORS_MAX),
        ("a power from 1 to {}", limits.VALIDATOR_POWER_MAX),
        ("once in {} hours", limits.ROTATION_APART_MS // limits.HOUR_MS),
    ],
)
def test_figures_of_the_page_are_those_of_the_code(text: str, value: int) -> None:
    assert text.format(f"{value:,}") in PAGE.read_text()


def test_the_page_has_all_thirty_rules() -> None:
    numbers = [int(number) for number in re.findall(r"^(\d+)\. \S", PAGE.read_text(), re.MULTILINE)]
    assert numbers == list(range(1, 31))
