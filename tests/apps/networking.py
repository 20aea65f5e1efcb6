"""A network in memory, for tests: blocks as an engine orders them, with facts; four validators."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from hansa.apps.consortium import validators
from hansa.apps.consortium.cards import message
from hansa.apps.consortium.messages import Genesis, Validator
from hansa.apps.consortium.messages_validators import RotateConsensusKey
from hansa.apps.consortium.messages_votes import (
    Admit,
    AnySubject,
    OfferedKey,
    Propose,
    ProposedValidator,
    SetValidators,
    Vote,
)
from hansa.apps.rooms import registry
from hansa.engines.replay import Replica
from hansa.kernel import Action, Context, Event, address, encode, limits, possession, replace
from hansa.kernel.apply import Applied, Block
from hansa.kernel.facts import EngineFacts, Fault
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer
from hansa.kernel.state import Overlay
from hansa.kernel.transaction import sign
from tests.apps.ballots import card
from tests.consortium import MEMBERS, START_MS, genesis, signer

E = TypeVar("E", bound=Event)
ALL_ROOMS = registry()


def consensus(member: str, turn: int = 1) -> Signer:
    """A member's consensus key: another one for each turn."""
    return signer(member, f"c{turn}")


def founding(powers: Mapping[str, int], **fields: Any) -> Genesis:
    """The consortium of the other tests, with these validators in the place of its operator."""

    def validator(member: str, power: int) -> Validator:
        public = consensus(member).public
        proof = consensus(member).sign(possession("", member, "validator", public))
        return Validator(member=member, public=public, power=power, proof=proof)

    made: dict[str, Any] = {
        "operator": "",
        "node_public": b"",
        "validators": tuple(validator(member, power) for member, power in powers.items()),
    }
    return replace(genesis(ALL_ROOMS), **(made | fields))


class Network:
    """Members who act, and an engine that finds faults and hears of changes of the set."""

    def __init__(self, powers: Mapping[str, int] | None = None, **fields: Any) -> None:
        self.genesis = encode(founding(powers or dict.fromkeys(MEMBERS, 1), **fields))
        self.replica = Replica(self.genesis, ALL_ROOMS)
        self.chain = self.replica.chain.id
        self.now_ms = START_MS
        self.engine_height = 0
        self.blocks: list[Block] = []
        self.sequences: dict[tuple[str, str], int] = {}
        self.proposals = 0
        self.told = dict(self.powers())
        """The set as an engine has it that only ever hears of differences."""
        self._events: list[bytes] = []

    def powers(self) -> dict[bytes, int]:
        return validators.powers(self.replica._state)

    def shares(self) -> dict[str, int]:
        """Power by member, as people see it: suspended seats with 0."""
        return {row["member"]: row["power"] for row in self.query("consortium.validators")}

    def wire(self, member: str, *actions: Action, key: str = "k1") -> bytes:
        at = (member, key)
        self.sequences[at] = self.sequences.get(at, 0) + 1
        return sign(
            ALL_ROOMS,
            signer(member, key),
            chain=self.chain,
            member=member,
            key=key,
            sequence=self.sequences[at],
            valid_until_ms=self.now_ms + limits.HOUR_MS,
            actions=actions,
        )

    def block(self, *wires: bytes, faults: Sequence[Fault] = (), after_ms: int = 1_000) -> Applied:
        """The engine's next block. An engine block that leaves no leaf counts as one."""
        self.now_ms += after_ms
        self.engine_height += 1
        facts = EngineFacts(height=self.engine_height, proposer="", faults=tuple(faults))
        block = Block(self.replica.height + 1, self.now_ms, wires, encode(facts).decode())
        before = self.powers()
        applied = self.replica.execute(block)
        if applied.leaf is not None:
            self.blocks.append(block)
        for public, power in validators.updates(before, self.powers()):
            self.told[public] = power
        self.told = {public: power for public, power in self.told.items() if power}
        self._events += applied.events
        return applied

    def do(self, member: str, *actions: Action) -> Applied:
        """A block of one transaction that must succeed."""
        applied = self.block(self.wire(member, *actions))
        assert applied.outcomes[0].code == "ok", applied.refusals[0]
        return applied

    def refused(self, member: str, *actions: Action) -> Refusal:
        """A block of one transaction that must be refused."""
        refusal = self.block(self.wire(member, *actions)).refusals[0]
        assert refusal is not None, "was accepted"
        assert refusal.zh
        assert refusal.en
        return refusal

    def code(self, member: str, *actions: Action) -> str:
        return self.block(self.wire(member, *actions)).outcomes[0].code

    def decide(self, subject: AnySubject, *yes: str, by: str = "maker") -> str:
        """Propose, and have these say yes; why that was refused, or what became of the proposal."""
        self.proposals += 1
        name = f"p-{self.proposals}"
        code = self.code(by, Propose(proposal=name, subject=subject))
        if code != "ok":
            return code
        for member in yes:
            self.code(member, Vote(proposal=name, yes=True))
        found = self.query("consortium.proposal", proposal=name)
        return str(found.get("code") or found["state"])

    def query(self, name: str, **arguments: Any) -> Any:
        """A room's answer as plain values."""
        replica = self.replica
        ctx = Context(
            ALL_ROOMS,
            Overlay(replica._state),
            time_ms=self.now_ms,
            height=replica.height,
            chain=self.chain,
            rules=2,
        )
        return msgspec.json.decode(encode(ALL_ROOMS.query(ctx, name, arguments)))

    def events(self, kind: type[E]) -> list[E]:
        """All events of a type, oldest first."""
        tag = kind.__struct_config__.tag
        alike = (data for data in self._events if msgspec.json.decode(data)["_type"] == tag)
        return [msgspec.json.decode(data, type=kind) for data in alike]

    # What members and the engine bring.

    def key(self, member: str, turn: int) -> OfferedKey:
        public = consensus(member, turn).public
        proof = consensus(member, turn).sign(possession(self.chain, member, "validator", public))
        return OfferedKey(public=public, proof=proof)

    def seat(self, member: str, power: int = 1, turn: int = 0) -> ProposedValidator:
        """A seat as proposed; `turn`: with that fresh key."""
        if not turn:
            return ProposedValidator(member=member, power=power)
        key = self.key(member, turn)
        return ProposedValidator(member=member, power=power, public=key.public, proof=key.proof)

    def seats(self, *seats: ProposedValidator) -> SetValidators:
        return SetValidators(seats=seats)

    def rotation(self, member: str, turn: int) -> RotateConsensusKey:
        key = self.key(member, turn)
        return RotateConsensusKey(public=key.public, proof=key.proof)

    def admit(self, member: str = "steel", turn: int = 1, **fields: Any) -> Admit:
        """A company that asks to join with its node."""
        asked = card(self.chain, member, validator=self.key(member, turn) if turn else None, **fields)
        return Admit(card=asked, signature=signer(member).sign(message(self.chain, asked)))

    def fault(self, member: str, turn: int = 1, height: int = 1, **fields: Any) -> Fault:
        given: dict[str, Any] = {
            "kind": "duplicate_vote",
            "address": address(consensus(member, turn).public),
            "height": height,
            "time_ms": START_MS,
        }
        return Fault(**(given | fields))
