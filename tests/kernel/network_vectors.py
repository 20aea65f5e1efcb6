"""Vectors of docs/protocol.md for a network: by the kernel, and by means that share no code with it."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import rfc8785
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hansa.apps.consortium.messages import Genesis, GenesisKey, GenesisMember, Registration, Validator
from hansa.apps.consortium.validators import AT_FOUNDING, message
from hansa.apps.rooms import registry
from hansa.engines.replay import Replica
from hansa.kernel import encode, lthash
from hansa.kernel.apply import Block
from hansa.kernel.facts import EngineFacts, Fault, address
from hansa.kernel.signatures import Signer, possession

NOW_MS = 1_767_571_200_000
MEMBERS = ("maker", "plant", "bank")
USCC = {"maker": "91310000HAN5A00004", "plant": "91310000HAN5A00017", "bank": "91310000HAN5A0002A"}


def secret(member: str, kind: str) -> bytes:
    """Private keys: 0x11 … sign transactions, 0x21 … vote on blocks, 0x31 … come after these."""
    return bytes((MEMBERS.index(member) + {"k1": 0x11, "validator": 0x21, "next": 0x31}[kind],)) * 32


# By the kernel.


def _member(name: str) -> GenesisMember:
    key = GenesisKey(
        id="k1",
        public=Signer(secret(name, "k1")).public,
        holder="p1",
        kind="person",
        scopes=("*",),
        expires_ms=NOW_MS * 2,
    )
    return GenesisMember(
        id=name,
        name_zh="甲",
        name_en="A",
        keys=(key,),
        registration=Registration(kind="uscc", number=USCC[name]),
        size="small",
        roles=("plant",),
    )


def _validator(name: str) -> Validator:
    key = Signer(secret(name, "validator"))
    proof = key.sign(message(AT_FOUNDING, name, key.public))
    return Validator(member=name, public=key.public, power=1, proof=proof)


def by_kernel() -> dict[str, str]:
    genesis = encode(
        Genesis(
            name_zh="联盟",
            name_en="Consortium",
            created_ms=NOW_MS,
            members=tuple(_member(name) for name in MEMBERS),
            rules=2,
            validators=tuple(_validator(name) for name in MEMBERS),
        )
    )
    replica = Replica(genesis, registry())
    at_genesis = lthash.digest(replica.state_sum)
    maker, bank = (Signer(secret(name, "validator")) for name in ("maker", "bank"))
    caught = Fault(kind="duplicate_vote", address=address(bank.public), height=5, time_ms=NOW_MS + 500)
    facts = EngineFacts(height=7, proposer=address(maker.public), faults=(caught,))
    applied = replica.execute(Block(1, NOW_MS + 1_000, (), encode(facts).decode()))
    assert applied.leaf is not None
    fresh = Signer(secret("maker", "next"))
    return {
        "network.genesis": genesis.decode(),
        "network.chain": replica.chain.id,
        "network.state_digest(0)": at_genesis,
        "network.address(maker)": address(maker.public),
        "network.possession(maker)": fresh.sign(
            possession(replica.chain.id, "maker", "validator", fresh.public)
        ).hex(),
        "network.facts": encode(facts).decode(),
        "network.double_signed": applied.events[0].decode(),
        "network.validators_changed": applied.events[1].decode(),
        "network.state_digest(1)": applied.leaf.state_digest,
        "network.leaf": encode(applied.leaf).decode(),
        "network.app_hash": replica.app_hash,
    }


# By hand.


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def canonical(value: Any) -> bytes:
    return rfc8785.dumps(value)


def key_of(member: str, kind: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(secret(member, kind))


def public(member: str, kind: str = "validator") -> bytes:
    return key_of(member, kind).public_key().public_bytes_raw()


def shown(data: bytes) -> str:
    return b64encode(data).decode()


def short(data: bytes) -> str:
    """How an engine calls a key: twenty bytes of its hash."""
    return sha(data).hex()[:40]


def genesis_by_hand() -> bytes:
    def proof(name: str) -> bytes:
        held = b"hansa-key-1\x00" + b"\x00".join((b"", name.encode(), b"validator", public(name)))
        return key_of(name, "validator").sign(held)

    def member(name: str) -> dict[str, Any]:
        key = {"id": "k1", "public": shown(public(name, "k1")), "holder": "p1", "kind": "person"}
        return {
            "id": name, "name_zh": "甲", "name_en": "A", "size": "small", "roles": ["plant"],
            "keys": [key | {"scopes": ["*"], "expires_ms": NOW_MS * 2}],
            "registration": {"kind": "uscc", "number": USCC[name]},
        }  # fmt: skip

    def validator(name: str) -> dict[str, Any]:
        return {"member": name, "public": shown(public(name)), "power": 1, "proof": shown(proof(name))}

    return canonical(
        {
            "name_zh": "联盟", "name_en": "Consortium", "created_ms": NOW_MS, "rules": 2,
            "members": [member(name) for name in MEMBERS],
            "validators": [validator(name) for name in MEMBERS],
        }
    )  # fmt: skip


def records_of(fault: dict[str, Any] | None) -> Iterator[tuple[str, bytes, bytes]]:
    """All records at the founding; with a fault, as they are after the block that proves it of the bank."""
    for name in MEMBERS:
        at = name.encode() + b"\x00"
        caught = fault is not None and name == "bank"
        registration = {"kind": "uscc", "number": USCC[name]}
        member = {
            "_type": "member.2", "name_zh": "甲", "name_en": "A", "registration": registration,
            "size": "small", "roles": ["plant"], "status": "active", "since_ms": NOW_MS,
        }  # fmt: skip
        yield "consortium.members", at, canonical(member)
        registered = {"_type": "registered.1", "member": name}
        yield "consortium.registrations", b"uscc\x00" + USCC[name].encode() + b"\x00", canonical(registered)
        key = {
            "_type": "key.1", "suite": 1, "public": shown(public(name, "k1")), "holder": "p1",
            "kind": "person", "scopes": ["*"], "expires_ms": NOW_MS * 2,
        }  # fmt: skip
        yield "kernel.keys", at + b"k1\x00", canonical(key)
        for kind in ("k1", "validator"):
            owner = {"_type": "keyowner.1", "member": name, "key": kind}
            yield "consortium.publics", public(name, kind).hex().encode() + b"\x00", canonical(owner)
        seat = {
            "_type": "validatorseat.1",
            "public": shown(public(name)),
            "power": 1,
            "since": 0,
            "seated": 0,
        }
        status = {"status": "suspended" if caught else "active"}
        yield "consortium.validators", at, canonical(seat | status)
        consensus = {"_type": "consensuskey.1", "member": name, "public": shown(public(name)), "since": 0}
        ended = {"until": 1, "fault": fault} if caught else {}
        yield (
            "consortium.consensus_keys",
            short(public(name)).encode() + b"\x00",
            canonical(consensus | ended),
        )


def digest_of(records: Iterator[tuple[str, bytes, bytes]]) -> str:
    lanes = [0] * 1_024
    for table, key, stored in records:
        lengths = len(table).to_bytes(4, "big"), len(key).to_bytes(4, "big")
        data = b"hansa-state-1\x00" + lengths[0] + table.encode() + lengths[1] + key + stored
        raw = blake3(data).digest(length=2_048)
        for lane in range(1_024):
            lanes[lane] = (lanes[lane] + int.from_bytes(raw[2 * lane : 2 * lane + 2], "little")) % 65_536
    return sha(b"".join(lane.to_bytes(2, "little") for lane in lanes)).hex()


def by_hand() -> dict[str, str]:
    genesis = genesis_by_hand()
    chain = sha(genesis).hex()
    fault = {"kind": "duplicate_vote", "address": short(public("bank")), "height": 5, "time_ms": NOW_MS + 500}
    facts = canonical({"height": 7, "proposer": short(public("maker")), "faults": [fault]})
    caught = {"_type": "consortium.double_signed", "member": "bank", "public": shown(public("bank"))}
    signed_twice = canonical(caught | {"fault": fault, "suspended": True})
    left = [{"member": name, "public": shown(public(name)), "power": 1} for name in ("maker", "plant")]
    changed = canonical({"_type": "consortium.validators_changed", "validators": left})
    leaf = canonical(
        {
            "engine": facts.decode(), "height": 1, "time_ms": NOW_MS + 1_000,
            "transactions_root": sha().hex(), "outcomes_root": sha().hex(),
            "events_root": sha(b"\x01", sha(b"\x00", signed_twice), sha(b"\x00", changed)).hex(),
            "state_digest": digest_of(records_of(fault)),
        }
    )  # fmt: skip
    held = b"hansa-key-1\x00" + b"\x00".join(
        (chain.encode(), b"maker", b"validator", public("maker", "next"))
    )
    return {
        "network.genesis": genesis.decode(),
        "network.chain": chain,
        "network.state_digest(0)": digest_of(records_of(None)),
        "network.address(maker)": short(public("maker")),
        "network.possession(maker)": key_of("maker", "next").sign(held).hex(),
        "network.facts": facts.decode(),
        "network.double_signed": signed_twice.decode(),
        "network.validators_changed": changed.decode(),
        "network.state_digest(1)": digest_of(records_of(fault)),
        "network.leaf": leaf.decode(),
        "network.app_hash": sha(b"\x00", leaf).hex(),
    }
