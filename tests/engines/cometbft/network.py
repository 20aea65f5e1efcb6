"""A network's application for tests, driven as an engine drives it: no codec, no socket, no engine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hansa.apps.consortium.messages import Genesis, Validator
from hansa.apps.consortium.validators import message
from hansa.apps.rooms import registry as all_rooms
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application, Made
from hansa.kernel import Action, Registry, encode, limits, replace
from hansa.kernel.commit import chain_id_of
from hansa.kernel.facts import address
from hansa.kernel.signatures import Signer
from hansa.kernel.transaction import sign
from tests import consortium
from tests.kernel import room

NS = abci.NS_PER_MS
BLOCK_MS = 1_000
IN_MEMORY = Path(":memory:")
START_MS = consortium.START_MS


def validator_key(member: str) -> Signer:
    """The consensus key of a member's node."""
    return consortium.signer(member, "validator")


def genesis(
    registry: Registry, now_ms: int = START_MS, members: Sequence[str] = consortium.MEMBERS
) -> Genesis:
    """The four members of tests.consortium, each with a validator of power 1."""

    def validator(member: str) -> Validator:
        key = validator_key(member)
        proof = key.sign(message("", member, key.public))
        return Validator(member=member, public=key.public, power=1, proof=proof)

    alone = consortium.genesis(registry, now_ms)
    return replace(alone, operator="", node_public=b"", validators=tuple(map(validator, members)))


class Network:
    """One replica, and an engine that proposes, decides and commits what it is given."""

    def __init__(self, path: Path = IN_MEMORY, *, registry: Registry | None = None, **more: Any) -> None:
        self.registry = registry or all_rooms()
        self.path, self.more = path, more
        self.genesis_bytes = encode(genesis(self.registry))
        self.now_ms = START_MS
        self.made: list[Made] = []
        self._sequences: dict[tuple[str, str], int] = {}
        self.application = self.open()

    def open(self, **more: Any) -> Application:
        given = {"registry": self.registry, "on_block": self.made.append} | self.more | more
        return Application(self.path, self.genesis_bytes, lambda: self.now_ms, **given)

    def reopen(self, **more: Any) -> None:
        self.application.close()
        self.application = self.open(**more)

    @property
    def time_ns(self) -> int:
        return self.now_ms * NS

    def wire(self, member: str, *actions: Action, key: str = "k1", **fields: Any) -> bytes:
        """A signed transaction with the next sequence of its key, valid for an hour."""
        sequence = self._sequences[member, key] = self._sequences.get((member, key), 0) + 1
        given = {
            "chain": self.application.chain.id,
            "member": member,
            "key": key,
            "sequence": sequence,
            "valid_until_ms": self.now_ms + limits.HOUR_MS,
            "actions": actions,
        }
        return sign(self.registry, consortium.signer(member, key), **(given | fields))

    def init(self) -> abci.InitChainAnswer:
        return self.application.init_chain(self.founding())

    def founding(self, **fields: Any) -> abci.InitChain:
        """What the engine asks first, from the genesis file made for it."""
        validators = tuple(
            abci.ValidatorUpdate(abci.PublicKey(each.public), each.power)
            for each in self.application.genesis.validators
        )
        given = {
            "time_ns": self.application.genesis.created_ms * NS,
            "chain_id": chain_id_of(self.application.chain.id),
            "validators": validators,
            "initial_height": 1,
        }
        return abci.InitChain(**(given | fields))

    def finalize(self, *wires: bytes, **fields: Any) -> abci.FinalizeBlockAnswer:
        """The next block, decided but not committed."""
        given = {
            "txs": wires,
            "height": self.application.engine_height + 1,
            "time_ns": self.time_ns,
            "proposer_address": bytes.fromhex(address(validator_key("maker").public)),
        }
        return self.application.finalize_block(abci.FinalizeBlock(**(given | fields)))

    def block(self, *wires: bytes, **fields: Any) -> abci.FinalizeBlockAnswer:
        """The next block, durable; time goes on by a second."""
        answer = self.finalize(*wires, **fields)
        self.application.commit(abci.Commit())
        self.now_ms += BLOCK_MS
        return answer

    def check(self, wire: bytes) -> abci.CheckTxAnswer:
        return self.application.check_tx(abci.CheckTx(wire))

    def propose(self, *wires: bytes, **fields: Any) -> tuple[bytes, ...]:
        given = {"max_tx_bytes": 2**20, "txs": wires, "height": self.application.engine_height + 1}
        given |= {"time_ns": self.time_ns}
        return self.application.prepare_proposal(abci.PrepareProposal(**(given | fields))).txs

    def accepts(self, *wires: bytes, **fields: Any) -> bool:
        given = {"txs": wires, "height": self.application.engine_height + 1, "time_ns": self.time_ns}
        answer = self.application.process_proposal(abci.ProcessProposal(**(given | fields)))
        assert answer.status in (abci.Status.ACCEPT, abci.Status.REJECT)
        return answer.status == abci.Status.ACCEPT

    def close(self) -> None:
        self.application.close()


def register(net: Network, tool: str = "drill-1", member: str = "maker", **fields: Any) -> bytes:
    return net.wire(member, room.Register(tool=tool), **fields)


def codes(net: Network) -> list[str]:
    return [outcome.code for outcome in net.made[-1].applied.outcomes]
