"""Logs as released programs wrote them: every later one comes to the same leaves and outcomes (rule 13).

A line of JSON with the genesis file, then one for each block; bytes are in base64.
"""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.rooms import release
from hansa.engines import errors
from hansa.engines.blocks import BlockData
from hansa.engines.following import Following
from hansa.engines.replay import Replica
from hansa.kernel import encode, limits, merkle
from hansa.kernel.apply import Block, BlockLeaf
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import SignedHeader

LOGS = sorted((Path(__file__).parents[1] / "logs").glob("*.jsonl.gz"))


def bytes_of(value: Any) -> Any:
    return base64.b64decode(value) if isinstance(value, str) else [bytes_of(item) for item in value]


def read(log: Path) -> tuple[bytes, list[dict[str, Any]]]:
    with gzip.open(log) as lines:
        first, *rest = (json.loads(line) for line in lines)
    names = ("leaf", "header", "transactions", "outcomes")
    return bytes_of(first["genesis"]), [{name: bytes_of(line[name]) for name in names} for line in rest]


def test_there_is_a_log_of_every_version_of_the_rules_but_the_newest() -> None:
    assert {log.name for log in LOGS} >= {f"rules-{rules}.jsonl.gz" for rules in range(1, limits.RULES_MAX)}


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_a_stored_log_leads_to_the_same_leaves(log: Path) -> None:
    genesis, lines = read(log)
    replica = Replica(genesis, release())
    outcomes = set()
    for height, line in enumerate(lines, 1):
        leaf = decode(line["leaf"], BlockLeaf)
        applied = replica.execute(Block(height, leaf.time_ms, line["transactions"]))
        assert applied.leaf is not None, height
        assert encode(applied.leaf) == line["leaf"], height
        assert [encode(outcome) for outcome in applied.outcomes] == line["outcomes"], height
        assert replica.app_hash == decode(line["header"], SignedHeader).header.app_hash, height
        outcomes |= {outcome.code for outcome in applied.outcomes}
    assert replica.height == len(lines) > 10
    assert outcomes > {"ok"}, "a log without a refusal shows little"


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_a_follower_of_this_release_follows_a_stored_log(log: Path, tmp_path: Path) -> None:
    genesis, lines = read(log)
    follower = Following(tmp_path / "ledger.db", genesis)
    for line in lines:
        block = BlockData(
            leaf=decode(line["leaf"], BlockLeaf),
            header=decode(line["header"], SignedHeader),
            wires=tuple(line["transactions"]),
        )
        follower.follow(block)
    hashes = [merkle.leaf_hash(line["leaf"]) for line in lines]
    assert follower.ledger.app_hash == merkle.root(hashes).hex()
    follower.close()


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_a_program_that_computes_otherwise_would_be_seen(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has other records after the first block does not follow it."""
    monkeypatch.setattr("hansa.kernel.apply.lthash.digest", lambda total: "0" * 64)
    genesis, lines = read(log)
    follower = Following(tmp_path / "ledger.db", genesis)
    first = lines[0]
    block = BlockData(
        leaf=decode(first["leaf"], BlockLeaf),
        header=decode(first["header"], SignedHeader),
        wires=tuple(first["transactions"]),
    )
    with pytest.raises(errors.Differs):
        follower.follow(block)
    follower.close()
