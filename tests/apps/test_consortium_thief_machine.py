"""Whatever a thief with one daily key does, who holds the recovery key recovers, after the notice at most.

The thief signs with the key that it stole, and with every key that it registers by it. The member has only
its recovery key left to itself: nobody approves, nobody watches.
"""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from hansa.apps.consortium.messages import Leave, Recover, RegisterKey, RevokeKey, UpdateMember
from hansa.apps.consortium.messages_approvals import (
    ApprovalRule,
    Approve,
    Reject,
    RemoveApproval,
    SetApproval,
)
from hansa.apps.consortium.messages_votes import Propose, SetParameter, Withdraw
from hansa.kernel import Action, limits
from tests.consortium import Consortium, new_key, signer

COLD: dict[str, Any] = {"kind": "recovery", "scopes": ("consortium.recover",), "holder": "h-safe"}
NOTICE_DAYS = 7
RULED = ("consortium.*", "consortium.update_member", "consortium.recover", "billing.accept", "billing.*")
TAKEN = ("wang", "zhao", "robot", "safe", "k1")

which = st.integers(0, 30)


class Robbed(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.consortium = Consortium()
        self.thiefs = ["k1"]
        self.made = self.tried = 0
        self.promised: tuple[str, int] | None = None
        """The owner's new key, and from when on it must be there."""

    def teardown(self) -> None:
        """However it stands: the thief makes itself another holder, a rule and more keys; the owner recovers,
        and the thief rejects it every day.
        """
        self.prepare()
        if self.thiefs:
            self.owner_recovers()
        for day in range(NOTICE_DAYS if self.thiefs else 0):
            self.register(day, "gateway", "")
            self.reject(day, 0)
            self.days_pass(1)
        assert not self.thiefs
        self.consortium.close()

    @initialize(bound=st.booleans(), ruled=st.booleans(), holders=st.integers(2, 3), same=st.booleans())
    def set_up(self, bound: bool, ruled: bool, holders: int, same: bool) -> None:
        """The recovery key: bound to a rule, or older than it, or without any. Its holder: one of its own, or
        the one of the key that is stolen.
        """
        plant = self.consortium
        people = [plant.key("plant", name, holder=f"h-{name}") for name in ("wang", "zhao")]
        plant.do("plant", *people, plant.key("plant", "robot", kind="worker", holder="h-robot"))
        cold = plant.key("plant", "safe", **(COLD | ({"holder": "plant-k1"} if same else {})))
        rule_of = SetApproval(rule=ApprovalRule(action="billing.*", holders=holders, days=30))
        if not bound:
            plant.do("plant", cold)
        if ruled or bound:
            plant.do("plant", rule_of)
        if bound:
            laid = plant.do("plant", cold)
            for key in ("wang", "zhao")[: holders - 1]:
                plant.do("plant", Approve(held=laid.transaction), key=key)
        assert "safe" in self.keys()

        self.prepare()

    def prepare(self) -> None:
        """The thief makes itself another holder, and a rule that wants two."""
        self.register(0, "person", "")
        self.demand(0, "billing.accept", 2)

    # What the thief does.

    def keys(self) -> dict[str, dict[str, Any]]:
        return dict(self.consortium.query("consortium.keys_of", member="plant"))

    def steal(self, by: int, *actions: Action) -> str:
        """One transaction of the thief, whatever becomes of it; no fault of the program."""
        if not self.thiefs:
            return ""
        receipt = self.consortium.submit("plant", *actions, key=self.thiefs[by % len(self.thiefs)])
        assert receipt.code != "kernel.internal"
        if any(isinstance(action, RegisterKey | Approve) for action in actions):
            new = sorted(name for name in self.keys() if name.startswith("t"))
            self.thiefs += [name for name in new if name not in self.thiefs]
        return receipt.code

    def waiting(self) -> list[str]:
        return [row["transaction"] for row in self.consortium.query("consortium.held", member="plant")]

    @rule(
        by=which,
        kind=st.sampled_from(["person", "person", "gateway", "worker", "recovery"]),
        old=st.sampled_from(["", "", "", *TAKEN]),
    )
    def register(self, by: int, kind: str, old: str) -> None:
        name, self.made = f"t{self.made}", self.made + 1
        scopes = ("consortium.recover",) if kind == "recovery" else ("*",)
        holder = self.keys()[old]["holder"] if old else f"h-{name}"
        fields = {"kind": kind, "scopes": scopes, "holder": holder}
        new = new_key(self.consortium.node.chain.id, "plant", name, **fields)
        self.steal(by, RegisterKey(key=new, replaces=old))

    @rule(by=which, chance=which)
    def take_the_id_of_the_next_key(self, by: int, chance: int) -> None:
        """The id that the owner's next, or waiting, recovery gives."""
        name = f"n{self.tried - chance % 2}"
        theirs = new_key(
            self.consortium.node.chain.id,
            "plant",
            name,
            signer("thief", f"{name}-{self.made}"),
            kind="gateway",
        )
        if self.promised is not None:
            self.steal(by, RegisterKey(key=theirs))

    @rule(by=which, name=st.sampled_from(TAKEN))
    def revoke(self, by: int, name: str) -> None:
        self.steal(by, RevokeKey(id=name))

    @rule(by=which, action=st.sampled_from(RULED), holders=st.integers(2, 5))
    def demand(self, by: int, action: str, holders: int) -> None:
        self.steal(by, SetApproval(rule=ApprovalRule(action=action, holders=holders, days=30)))

    @rule(by=which, action=st.sampled_from(RULED))
    def undo(self, by: int, action: str) -> None:
        self.steal(by, RemoveApproval(action=action))

    @rule(by=which, held=which)
    def approve(self, by: int, held: int) -> None:
        there = self.waiting()
        if there:
            self.steal(by, Approve(held=there[held % len(there)]))

    @rule(by=which, held=which)
    def reject(self, by: int, held: int) -> None:
        there = self.waiting()
        for key in range(len(self.thiefs)):
            for name in there[held % 3 :][:4]:
                self.steal(by + key, Reject(held=name))

    @rule(by=which, revoked=st.lists(st.sampled_from(TAKEN), max_size=3))
    def recover(self, by: int, revoked: list[str]) -> None:
        name, self.made = f"t{self.made}", self.made + 1
        new = new_key(self.consortium.node.chain.id, "plant", name)
        code = self.steal(by, Recover(revoke=tuple(revoked), keys=(new,)))
        assert code in ("", "consortium.recovery_key_only", "kernel.key_revoked", "kernel.key_expired")

    @rule(by=which)
    def fill_all_places(self, by: int) -> None:
        if self.thiefs:
            client = self.consortium.client("plant", self.thiefs[by % len(self.thiefs)])
            update = UpdateMember(size="small", roles=("plant",))
            client.transport.submit([client.sign(update) for _ in range(limits.HELD_MAX + 1)])

    @rule(by=which)
    def propose(self, by: int) -> None:
        name, self.made = f"t{self.made}", self.made + 1
        self.steal(by, Propose(proposal=name, subject=SetParameter(name="ballot_days", value=9)))
        self.steal(by, Withdraw(proposal=name))

    @rule(by=which, earnest=st.integers(0, 9))
    def leave(self, by: int, earnest: int) -> None:
        if earnest > 8:
            self.steal(by, Leave())

    # What the owner does, and what must come of it.

    @precondition(lambda self: self.thiefs)
    @rule()
    def owner_recovers(self) -> None:
        """By the recovery key alone: ends every key that there is, and registers one."""
        name, self.tried = f"n{self.tried}", self.tried + 1
        there = self.keys()
        named = tuple(key for key in there if key != "safe" and not there[key].get("revoked_ms"))
        new = new_key(self.consortium.node.chain.id, "plant", name)
        recovery = Recover(revoke=named[: limits.REVOKED_AT_ONCE_MAX], keys=(new,))
        self.consortium.do("plant", recovery, key="safe")
        self.promised = (name, self.consortium.in_days(NOTICE_DAYS))
        if name in self.keys():
            self.promised = (name, self.consortium.clock())
        self.look()

    @rule(days=st.integers(1, 4))
    def days_pass(self, days: int) -> None:
        self.consortium.pass_days(days)
        self.look()

    def look(self) -> None:
        """What was promised is there: the owner's key is good, and none of the thief's is."""
        if self.promised is None or self.consortium.clock() < self.promised[1] or not self.thiefs:
            return
        there = self.keys()
        assert not there[self.promised[0]].get("revoked_ms")
        assert all(there[name].get("revoked_ms") for name in self.thiefs)
        assert not [name for name in there if name.startswith("t") and not there[name].get("revoked_ms")]
        self.thiefs = []


Robbed.TestCase.settings = settings(
    max_examples=20, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
TestRobbed = Robbed.TestCase
