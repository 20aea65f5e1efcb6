"""Writes the engine's own files, anew at each start, of node.toml, the genesis file and the node's keys."""

from pathlib import Path

from hansa.client.keyfiles import read_key
from hansa.engines.cometbft.home import Setup, Sync, lay_out
from hansa.node.errors_engine import SocketsUnusable
from hansa.node.settings import NODE_KEY, Settings
from hansa.node.settings_engine import ENGINE, VALIDATOR_KEY, Sockets


def setup_of(settings: Settings, sockets: Sockets, metrics_port: int, *, fresh: bool) -> Setup:
    """What the engine is told. `fresh`: the node holds nothing yet, and may begin with a snapshot."""
    engine = settings.engine
    sync = engine.sync if fresh else None
    return Setup(
        moniker=settings.member,
        abci=sockets.abci,
        rpc=f"unix://{sockets.rpc}",
        listen="" if engine.relay_only else engine.listen,
        external=engine.external,
        peers=engine.peers,
        empty_block_interval_s=engine.empty_block_interval_s,
        timeout_commit_ms=engine.timeout_commit_ms,
        timeout_propose_ms=engine.timeout_propose_ms,
        mempool_transactions=engine.mempool_transactions,
        mempool_bytes=engine.mempool_bytes,
        metrics=f"127.0.0.1:{metrics_port}" if metrics_port else "",
        sync=None if sync is None else Sync(sync.servers, sync.height, sync.hash),
    )


def write_home(
    settings: Settings, genesis_bytes: bytes, sockets: Sockets, metrics_port: int, *, fresh: bool
) -> None:
    """Write them. Raises what reading a key file does; SocketsUnusable for a folder that cannot be used."""
    node = read_key(settings.file(NODE_KEY)).signer
    validator = read_key(settings.file(VALIDATOR_KEY)).signer
    folder = Path(settings.directory).absolute() / ENGINE
    setup = setup_of(settings, sockets, metrics_port, fresh=fresh)
    try:
        lay_out(folder, setup, genesis_bytes, node, validator)
    except OSError as error:
        raise SocketsUnusable(path=str(folder), cause=str(error)) from None
