"""Any sequence of holding, approving, rejecting, revoking: the ledger says what a plain model says."""

from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hansa.apps.consortium.messages import RevokeKey, UpdateMember
from hansa.apps.consortium.messages_approvals import (
    ApprovalRule,
    Approve,
    Reject,
    SetApproval,
)
from hansa.kernel import Action, limits
from tests.consortium import Consortium

HOLDERS = {"k1": "li", "li-2": "li", "wang": "wang", "zhao": "zhao", "chen": "chen"}
"""Of each person's key."""
PROGRAM = "robot"
KEYS = (*HOLDERS, PROGRAM)
DAYS = 3

keys = st.sampled_from(KEYS)


@dataclass
class Lying:
    """A held transaction as the model knows it: what it would set, and who stands for it."""

    key: str
    needs: int
    until_ms: int
    size: str = ""
    holders: int = 0
    stood: dict[str, str] = field(default_factory=dict)
    """Key by holder."""


class Approving(RuleBasedStateMachine):
    """Plant's `update_member` needs so many holders; rules change by as many as the strictest demands."""

    def __init__(self) -> None:
        super().__init__()
        self.consortium = Consortium()
        self.revoked: set[str] = set()
        self.size, self.demands = "medium", 2
        self.lying: dict[str, Lying] = {}

    @initialize()
    def set_up(self) -> None:
        plant = self.consortium
        people = [plant.key("plant", name, holder=f"h-{of}") for name, of in HOLDERS.items() if of != "li"]
        second = plant.key("plant", "li-2", holder="plant-k1")
        plant.do("plant", *people, second, plant.key("plant", PROGRAM, kind="worker", holder="h-robot"))
        plant.do("plant", self.demanding(2))

    def teardown(self) -> None:
        self.consortium.close()

    def demanding(self, holders: int) -> SetApproval:
        return SetApproval(rule=ApprovalRule(action="consortium.update_member", holders=holders, days=DAYS))

    def submit(self, key: str, action: Action) -> tuple[str, str]:
        receipt = self.consortium.submit("plant", action, key=key)
        return receipt.code, receipt.transaction

    def lies(self, key: str, name: str, size: str = "", holders: int = 0) -> None:
        until_ms = self.consortium.in_days(DAYS)
        self.lying[name] = Lying(key, self.demands, until_ms, size, holders)

    def stale(self, key: str) -> str:
        return "kernel.key_revoked" if key in self.revoked else ""

    def picked(self, which: int) -> str:
        """One of those that lie there, or one that never was."""
        return sorted(self.lying)[which % len(self.lying)] if self.lying else "0" * 64

    # What may happen.

    @rule(key=keys, size=st.sampled_from(["large", "small", "micro"]))
    def update(self, key: str, size: str) -> None:
        code, name = self.submit(key, UpdateMember(size=size, roles=("plant",)))  # type: ignore[arg-type]
        assert code == (self.stale(key) or "ok")
        if code == "ok":
            self.lies(key, name, size=size)

    @rule(key=keys, holders=st.integers(2, 4))
    def change_the_rule(self, key: str, holders: int) -> None:
        code, name = self.submit(key, self.demanding(holders))
        if self.stale(key):
            assert code == "kernel.key_revoked"
        elif holders < self.demands:
            assert code == "ok"
            self.lies(key, name, holders=holders)
        elif self.present() < holders:
            assert code == "consortium.approval_holders"
        else:
            assert code == "ok"
            self.demands = holders

    def present(self) -> int:
        return len({of for name, of in HOLDERS.items() if name not in self.revoked})

    @rule(which=st.integers(0, 9))
    def all_approve(self, which: int) -> None:
        name = self.picked(which)
        for key in KEYS:
            if name in self.lying:
                self.approve(key, sorted(self.lying).index(name))

    @rule(key=keys, which=st.integers(0, 9))
    def approve(self, key: str, which: int) -> None:
        name = self.picked(which)
        code, _ = self.submit(key, Approve(held=name))
        expected = self.stale(key) or self.unfit(key, name)
        if expected:
            assert code == expected
            return
        found = self.lying[name]
        stood = {of: by for of, by in found.stood.items() if by not in self.revoked} | {HOLDERS[key]: key}
        proposer = 1 if found.key != PROGRAM else 0
        if len(stood) + proposer < self.still_needs(found):
            assert code == "ok"
            found.stood = stood
        elif found.key in self.revoked:
            assert code == "kernel.key_revoked"
        elif found.holders > self.present():
            assert code == "consortium.approval_holders"
        else:
            assert code == "ok"
            self.carry_out(name)

    def still_needs(self, found: Lying) -> int:
        """As it was when it was held, or more if the rules now hold it by more."""
        held_now = bool(found.size) or found.holders < self.demands
        return max(found.needs, self.demands if held_now else 0)

    def unfit(self, key: str, name: str) -> str:
        if name not in self.lying:
            return "consortium.held_unknown"
        if key == PROGRAM:
            return "consortium.approver_kind"
        found = self.lying[name]
        if found.key != PROGRAM and HOLDERS[key] == HOLDERS[found.key]:
            return "consortium.approval_by_proposer"
        good = {of for of, by in found.stood.items() if by not in self.revoked}
        return "consortium.approved_already" if HOLDERS[key] in good else ""

    def carry_out(self, name: str) -> None:
        found = self.lying.pop(name)
        self.size = found.size or self.size
        self.demands = found.holders or self.demands

    @rule(key=keys, which=st.integers(0, 9), earnest=st.integers(0, 9))
    def reject(self, key: str, which: int, earnest: int) -> None:
        if earnest < 7:
            return
        name = self.picked(which)
        code, _ = self.submit(key, Reject(held=name))
        expected = self.stale(key)
        if not expected and name not in self.lying:
            expected = "consortium.held_unknown"
        elif not expected and key == PROGRAM and self.lying[name].key != PROGRAM:
            expected = "consortium.approver_kind"
        assert code == (expected or "ok")
        if code == "ok":
            del self.lying[name]

    @rule(key=keys, by=keys, earnest=st.integers(0, 9))
    def revoke(self, key: str, by: str, earnest: int) -> None:
        if earnest < 8:
            return
        code, _ = self.submit(by, RevokeKey(id=key))
        last = key not in self.revoked and len(self.revoked) == len(KEYS) - 1
        assert code == (self.stale(by) or ("consortium.no_managing_key" if last else "ok"))
        if code == "ok":
            self.revoked.add(key)

    @rule(days=st.integers(1, 2))
    def days_pass(self, days: int) -> None:
        self.consortium.pass_days(days)
        now_ms = self.consortium.clock()
        self.lying = {name: found for name, found in self.lying.items() if found.until_ms > now_ms}

    # What always holds.

    @invariant()
    def the_ledger_says_the_same(self) -> None:
        member = self.consortium.query("consortium.member", member="plant")
        assert member["size"] == self.size
        rows = self.consortium.query("consortium.held", member="plant")
        assert {row["transaction"] for row in rows} == set(self.lying)
        rules = self.consortium.query("consortium.approvals", member="plant")
        assert [each["holders"] for each in rules] in ([self.demands], [])
        assert len(rows) <= limits.HELD_MAX


Approving.TestCase.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestApproving = Approving.TestCase
