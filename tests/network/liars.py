"""Applications that do not do as the others do: what one hostile or broken member can run."""

import os
import time

from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application
from hansa.kernel import limits


class WrongHash(Application):
    """Comes to another hash than all others."""

    def finalize_block(self, asked: abci.FinalizeBlock) -> abci.FinalizeBlockAnswer:
        answer = super().finalize_block(asked)
        return answer._replace(app_hash=bytes(32)) if asked.txs else answer


class WrongResults(Application):
    """Says of what was executed that it was not."""

    def finalize_block(self, asked: abci.FinalizeBlock) -> abci.FinalizeBlockAnswer:
        answer = super().finalize_block(asked)
        return answer._replace(tx_results=tuple(abci.TxResult(1 - each.code) for each in answer.tx_results))


class Refuses(Application):
    """Finds nobody's proposal good enough."""

    def process_proposal(self, asked: abci.ProcessProposal) -> abci.ProcessProposalAnswer:
        return abci.ProcessProposalAnswer(abci.Status.REJECT)


class _Proposes(Application):
    """Finds its own proposals good, whatever is in them."""

    def process_proposal(self, asked: abci.ProcessProposal) -> abci.ProcessProposalAnswer:
        return abci.ProcessProposalAnswer(abci.Status.ACCEPT)

    def prepare_proposal(self, asked: abci.PrepareProposal) -> abci.PrepareProposalAnswer:
        answer = super().prepare_proposal(asked)
        return abci.PrepareProposalAnswer(self.instead(answer.txs)) if answer.txs else answer

    def instead(self, txs: tuple[bytes, ...]) -> tuple[bytes, ...]:
        raise NotImplementedError


class BadlySigned(_Proposes):
    """Changes a transaction that a member signed."""

    def instead(self, txs: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return (*txs[:-1], txs[-1][:-1] + bytes([txs[-1][-1] ^ 1]))


class Malformed(_Proposes):
    """Proposes what is no transaction."""

    def instead(self, txs: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return (*txs, b"\xff{}")


class Oversized(_Proposes):
    """Proposes more than one transaction may hold."""

    def instead(self, txs: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return (*txs, bytes(limits.TRANSACTION_BYTES_MAX + 1))


class Swarm(_Proposes):
    """Proposes half as many empty transactions as its engine lets pass: it has half a second for it."""

    def prepare_proposal(self, asked: abci.PrepareProposal) -> abci.PrepareProposalAnswer:
        return abci.PrepareProposalAnswer((b"",) * (asked.max_tx_bytes // 4))


class Stale(_Proposes):
    """Proposes transactions in a block whose time is that of a moment long ago."""

    def prepare_proposal(self, asked: abci.PrepareProposal) -> abci.PrepareProposalAnswer:
        return abci.PrepareProposalAnswer(asked.txs)


class SlowDisk(Application):
    """Its disk takes long for each block."""

    def commit(self, asked: abci.Commit) -> abci.CommitAnswer:
        time.sleep(float(os.environ.get("BARE_SLOW_S", "1")))
        return super().commit(asked)


class DamagedParts(Application):
    """Gives those who join what no snapshot consists of."""

    def load_snapshot_chunk(self, asked: abci.LoadSnapshotChunk) -> abci.LoadSnapshotChunkAnswer:
        true = super().load_snapshot_chunk(asked).chunk
        return abci.LoadSnapshotChunkAnswer(true[:-1] + bytes([true[-1] ^ 1]) if true else b"")


LIARS: dict[str, type[Application]] = {
    kind.__name__: kind
    for kind in (
        WrongHash, WrongResults, Refuses, BadlySigned, Malformed, Oversized, Swarm, Stale, SlowDisk,
        DamagedParts,
    )
}  # fmt: skip
