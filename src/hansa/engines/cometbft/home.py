"""The engine's folder: its settings, keys and genesis file, made anew at each start. Nobody edits them.

What is said here differs from the engine's own defaults; all else stays as it is shipped (CometBFT 0.38).
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from hansa.engines.cometbft.founding import EVIDENCE_AGE_DAYS, engine_genesis, public_key
from hansa.engines.durable import write_durably
from hansa.kernel import limits
from hansa.kernel.facts import address
from hansa.kernel.signatures import Signer

CONFIG, GENESIS = "config/config.toml", "config/genesis.json"
NODE_KEY, VALIDATOR_KEY = "config/node_key.json", "config/priv_validator_key.json"
VALIDATOR_STATE = "data/priv_validator_state.json"
KEY_MODE = 0o600

CACHE_PER_MEMPOOL = 2
"""Transactions that the engine remembers for each that may wait, so that it does not ask about them again."""
BATCH_MAX = 256
"""Calls in one request to the engine's RPC: the node hands over what came in meanwhile at once."""
RPC_BODY_BYTES_MAX = 8 * 2**20
TIMEOUT_PROPOSE_MS = 500
TIMEOUT_VOTES_MS = 200
"""So long is waited for a proposal that does not come, and then for votes: with one node of four dead, every
fourth block takes both more."""
TIMEOUT_DELTA_MS = 250
"""More for each further round, until the slowest link is waited for."""
GOSSIP_MS = 20
"""How long the engine collects what it sends to a peer, and rests where it has nothing for it. Its own 100 ms
come four times with each block: transaction, proposal, two votes."""
PACKET_BYTES_MAX = 16_384
RATE_BYTES_PER_S = 20_000_000
TRUST_DAYS = EVIDENCE_AGE_DAYS * 2 // 3
"""How old the block that a joiner trusts may be: younger than what double signing is still punished for."""
CHUNK_WAIT_S = 30
DISCOVERY_S = 5
"""The engine's least."""


@dataclass(frozen=True)
class Sync:
    """Where a node that holds nothing yet takes a snapshot."""

    servers: tuple[str, ...]
    height: int
    hash: str
    """Of the engine's block of that height, hexadecimal."""


@dataclass(frozen=True)
class Setup:
    """What differs from node to node."""

    moniker: str
    """The member's id."""
    abci: Path
    """Socket of the application."""
    rpc: str
    """Where the engine answers this node alone: `unix://PATH` or `tcp://127.0.0.1:PORT`."""
    listen: str
    """host:port for the engines of others; empty: it only calls its peers."""
    external: str = ""
    """The address that others are told, where it is another."""
    peers: tuple[str, ...] = ()
    """id@host:port."""
    empty_block_interval_s: int = 30
    """An idle chain makes a block after this long: so old can a lying proposer make a block's time."""
    timeout_commit_ms: int = 200
    timeout_propose_ms: int = TIMEOUT_PROPOSE_MS
    mempool_transactions: int = 5_000
    mempool_bytes: int = 16 * 2**20
    metrics: str = ""
    """host:port for the engine's own figures; empty: none."""
    log_level: str = "main:info,statesync:info,*:error"
    sync: Sync | None = None


def config(setup: Setup) -> str:
    """The engine's config.toml. Pure."""
    tables: dict[str, dict[str, object]] = {
        "": _base(setup),
        "rpc": {
            "laddr": setup.rpc,
            "max_request_batch_size": BATCH_MAX,
            "max_body_bytes": RPC_BODY_BYTES_MAX,
        },
        "p2p": _p2p(setup),
        "mempool": {
            "recheck": False,
            "size": setup.mempool_transactions,
            "max_txs_bytes": setup.mempool_bytes,
            "cache_size": CACHE_PER_MEMPOOL * setup.mempool_transactions,
            "max_tx_bytes": limits.TRANSACTION_BYTES_MAX,
        },
        "statesync": _sync(setup.sync),
        "consensus": _consensus(setup),
        "storage": {"discard_abci_responses": True},
        "tx_index": {"indexer": "null"},
        "instrumentation": {"prometheus": bool(setup.metrics), "prometheus_listen_addr": setup.metrics},
    }
    return "".join(_table(name, values) for name, values in tables.items())


def _base(setup: Setup) -> dict[str, object]:
    return {
        "version": "0.38.25",
        "proxy_app": f"unix://{setup.abci}",
        "moniker": setup.moniker,
        "abci": "socket",
        "log_level": setup.log_level,
        "log_format": "json",
    }


def _p2p(setup: Setup) -> dict[str, object]:
    return {
        "laddr": f"tcp://{setup.listen}" if setup.listen else "tcp://127.0.0.1:0",
        "external_address": setup.external,
        "persistent_peers": ",".join(setup.peers),
        "unconditional_peer_ids": ",".join(peer.split("@")[0] for peer in setup.peers),
        "persistent_peers_max_dial_period": "10s",
        "addr_book_strict": False,
        "allow_duplicate_ip": True,
        "pex": False,
        "max_packet_msg_payload_size": PACKET_BYTES_MAX,
        "flush_throttle_timeout": f"{GOSSIP_MS}ms",
        "send_rate": RATE_BYTES_PER_S,
        "recv_rate": RATE_BYTES_PER_S,
    }


def _sync(sync: Sync | None) -> dict[str, object]:
    if sync is None:
        return {"enable": False}
    return {
        "enable": True,
        "rpc_servers": ",".join(sync.servers),
        "trust_height": sync.height,
        "trust_hash": sync.hash,
        "trust_period": f"{TRUST_DAYS * 24}h0m0s",
        "discovery_time": f"{DISCOVERY_S}s",
        "chunk_request_timeout": f"{CHUNK_WAIT_S}s",
    }


def _consensus(setup: Setup) -> dict[str, object]:
    votes, delta = f"{TIMEOUT_VOTES_MS}ms", f"{TIMEOUT_DELTA_MS}ms"
    return {
        "peer_gossip_sleep_duration": f"{GOSSIP_MS}ms",
        "timeout_propose": f"{setup.timeout_propose_ms}ms",
        "timeout_propose_delta": delta,
        "timeout_prevote": votes,
        "timeout_prevote_delta": delta,
        "timeout_precommit": votes,
        "timeout_precommit_delta": delta,
        "timeout_commit": f"{setup.timeout_commit_ms}ms",
        "create_empty_blocks": False,
        "create_empty_blocks_interval": f"{setup.empty_block_interval_s}s",
        # Whether this key signs elsewhere is seen to before the engine starts: with a height here, no
        # validator that signed lately could be started again.
        "double_sign_check_height": 0,
    }


def _table(name: str, values: dict[str, object]) -> str:
    lines = [f"[{name}]"] if name else []
    # TOML writes texts, numbers and truth as JSON does.
    lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(lines) + "\n\n"


# Keys. The engine's form of a private key is seed ‖ public key, 64 bytes.


def node_id(public: bytes) -> str:
    """How others name this node: `id@host:port`."""
    return address(public)


def node_key(node: Signer) -> bytes:
    """node_key.json: by which this node's engine shows the others who it is."""
    return json.dumps({"priv_key": _private(node)}).encode()


def validator_key(validator: Signer) -> bytes:
    """priv_validator_key.json: by which it votes."""
    return json.dumps(
        {
            "address": address(validator.public).upper(),
            "pub_key": public_key(validator.public),
            "priv_key": _private(validator),
        }
    ).encode()


def _private(key: Signer) -> dict[str, str]:
    return {"type": "tendermint/PrivKeyEd25519", "value": base64.b64encode(key.secret).decode()}


def lay_out(folder: Path, setup: Setup, genesis_bytes: bytes, node: Signer, validator: Signer) -> None:
    """Write the engine's folder, durably. What it has signed stays as it is: only where nothing is known of
    that yet does it begin at height 0. Raises OSError; a Refusal of the genesis file.
    """
    genesis = engine_genesis(genesis_bytes)
    for each in ("config", "data"):
        (folder / each).mkdir(parents=True, exist_ok=True)
    write_durably(folder / CONFIG, config(setup).encode())
    write_durably(folder / GENESIS, genesis)
    for name, data in ((NODE_KEY, node_key(node)), (VALIDATOR_KEY, validator_key(validator))):
        _write_private(folder / name, data)
    if not (folder / VALIDATOR_STATE).exists():
        _write_private(folder / VALIDATOR_STATE, b'{"height":"0","round":0,"step":0}')


def _write_private(path: Path, data: bytes) -> None:
    passing = path.with_name(path.name + ".part")
    passing.unlink(missing_ok=True)
    passing.touch(KEY_MODE)
    write_durably(path, data)
