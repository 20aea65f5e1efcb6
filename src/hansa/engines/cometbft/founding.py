"""The engine's own genesis file: a pure function of Hansa's, so that every member's engine has the same one.

Its chain id is the beginning of the hash of Hansa's genesis file: engines of different consortia, or with
different genesis files, do not talk to each other.
"""

import base64
import hashlib
from datetime import UTC, datetime

from hansa.apps.consortium.messages import Genesis, Validator
from hansa.kernel import encode
from hansa.kernel.canonical import Malformed, decode_strict
from hansa.kernel.commit import chain_id_of
from hansa.kernel.facts import address

APP_VERSION = 1
"""Of the application's protocol: what Info says, and what stands in each header (version.app)."""
BLOCK_BYTES_MAX = 2**20
"""Larger blocks only slow an overloaded network further down; a transaction has at most a quarter of it."""
EVIDENCE_AGE_BLOCKS = 100_000
EVIDENCE_AGE_DAYS = 21
"""Double signing is punished if it is shown within this many blocks or days, whichever is longer. Whoever
joins by a snapshot trusts a block no older than these days."""
EVIDENCE_BYTES_MAX = 2**17
"""Of a block."""
NS_PER_DAY = 86_400 * 10**9


def engine_genesis(genesis_bytes: bytes) -> bytes:
    """The engine's genesis.json for a genesis file of a network. The same bytes on every node.

    Raises Malformed or NotCanonical for what is no genesis file.
    """
    genesis = decode_strict(genesis_bytes, Genesis)
    try:
        founded = datetime.fromtimestamp(genesis.created_ms // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed(detail=f"created_ms: {error}") from None
    return encode(
        {
            "genesis_time": f"{founded}.{genesis.created_ms % 1_000:03}Z",
            "chain_id": chain_id_of(hashlib.sha256(genesis_bytes).hexdigest()),
            "initial_height": "1",
            "consensus_params": _parameters(),
            "validators": [_validator(each) for each in genesis.validators],
            "app_hash": "",
        }
    )


def _validator(each: Validator) -> dict[str, object]:
    return {
        "address": address(each.public).upper(),
        "pub_key": public_key(each.public),
        "power": str(each.power),
        "name": each.member,
    }


def public_key(public: bytes) -> dict[str, str]:
    """A consensus key as the engine's files have it."""
    return {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(public).decode()}


def _parameters() -> dict[str, dict[str, object]]:
    """Integers are texts in the engine's files."""
    return {
        "block": {"max_bytes": str(BLOCK_BYTES_MAX), "max_gas": "-1"},
        "evidence": {
            "max_age_num_blocks": str(EVIDENCE_AGE_BLOCKS),
            "max_age_duration": str(EVIDENCE_AGE_DAYS * NS_PER_DAY),
            "max_bytes": str(EVIDENCE_BYTES_MAX),
        },
        "validator": {"pub_key_types": ["ed25519"]},
        "version": {"app": str(APP_VERSION)},
        "abci": {"vote_extensions_enable_height": "0"},
    }
