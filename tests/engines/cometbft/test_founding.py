"""The engine's genesis file: the same bytes for the same consortium, and another chain for any other."""

import base64
import hashlib
import json

import pytest

from hansa.engines.cometbft.founding import BLOCK_BYTES_MAX, EVIDENCE_BYTES_MAX, engine_genesis
from hansa.kernel import Refusal, encode, limits, replace
from hansa.kernel.types import INTEGER_MAX
from tests.consortium import MEMBERS, START_MS
from tests.engines.cometbft.network import genesis, validator_key
from tests.kernel import room

GENESIS = genesis(room.registry())


def test_it_says_who_validates_from_when_on_which_chain() -> None:
    data = encode(GENESIS)
    found = json.loads(engine_genesis(data))
    assert found["chain_id"] == hashlib.sha256(data).hexdigest()[:50]
    assert found["genesis_time"] == "2026-01-05T00:00:00.000Z"
    assert found["app_hash"] == ""
    assert [each["name"] for each in found["validators"]] == list(MEMBERS)
    for each in found["validators"]:
        public = base64.b64decode(each["pub_key"]["value"])
        assert public == validator_key(each["name"]).public
        assert each["address"] == hashlib.sha256(public).hexdigest()[:40].upper()
    assert found["consensus_params"]["version"] == {"app": "1"}


def test_any_other_genesis_file_is_another_chain() -> None:
    chains = {
        json.loads(engine_genesis(encode(each)))["chain_id"]
        for each in (GENESIS, replace(GENESIS, name_en="Other"), replace(GENESIS, created_ms=START_MS + 1))
    }
    assert len(chains) == 3


def test_milliseconds_are_kept() -> None:
    later = encode(replace(GENESIS, created_ms=START_MS + 7))
    assert json.loads(engine_genesis(later))["genesis_time"] == "2026-01-05T00:00:00.007Z"


def test_what_is_no_genesis_file_is_refused() -> None:
    for data in (b"", b"{}", encode(GENESIS) + b" ", encode(replace(GENESIS, created_ms=INTEGER_MAX))):
        with pytest.raises(Refusal):
            engine_genesis(data)


def test_the_largest_transaction_fits_into_a_block() -> None:
    assert limits.TRANSACTION_BYTES_MAX + EVIDENCE_BYTES_MAX < BLOCK_BYTES_MAX
