"""Any sequence of proposals, votes, leavings and days: the ledger says what a plain model says."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hansa.apps.consortium.messages import Leave
from hansa.apps.consortium.messages_votes import (
    Object,
    Propose,
    RecoverMember,
    Reinstate,
    SetParameter,
    Subject,
    Suspend,
    Vote,
    Withdraw,
)
from hansa.kernel import Action, limits
from tests.consortium import MEMBERS, Consortium, new_key

BALLOT_DAYS = 14
NOTICE_DAYS = 7
SHARES = {"parameter": Fraction(6_666, 10_000), "suspend": Fraction(6_666, 10_000),
          "reinstate": Fraction(5_001, 10_000), "recover": Fraction(6_666, 10_000)}  # fmt: skip
Kind = Literal["parameter", "suspend", "reinstate", "recover"]

members = st.sampled_from(MEMBERS)
proposals = st.sampled_from([f"p-{n}" for n in range(1, 7)])


@dataclass
class Motion:
    """What the model knows of a proposal."""

    name: str
    proposer: str
    kind: Kind
    about: str
    deadline_ms: int
    state: str = "open"
    effective_ms: int = 0
    ballots: dict[str, bool] = field(default_factory=dict)


def subject(kind: Kind, about: str, name: str, chain: str) -> Subject:
    if kind == "parameter":
        return SetParameter(name="header_skew_ms", value=9_000)
    if kind == "recover":
        return RecoverMember(member=about, revoke=(), keys=(new_key(chain, about, f"of-{name}"),))
    return Suspend(member=about) if kind == "suspend" else Reinstate(member=about)


class Voting(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.consortium = Consortium()
        self.status = dict.fromkeys(MEMBERS, "active")
        self.keys: dict[str, set[str]] = {member: {"k1"} for member in MEMBERS}
        self.keys["plant"].add("gateway-1")
        self.motions: dict[str, Motion] = {}
        self.ended: list[str] = []

    def teardown(self) -> None:
        self.consortium.close()

    @initialize(first=members, second=members)
    def two_proposals(self, first: str, second: str) -> None:
        self.propose(first, "p-1", "parameter", "maker")
        self.propose(second, "p-2", "suspend", "bank")

    # What the rules say.

    def voters(self, about: str) -> list[str]:
        return [m for m, status in self.status.items() if status == "active" and m != about]

    def unfit(self, kind: Kind, about: str) -> str:
        """Why it cannot be done now, or ""."""
        if kind == "recover":
            return "consortium.too_few_voters" if len(self.voters(about)) < 2 else ""
        wanted = {"suspend": "active", "reinstate": "suspended"}.get(kind, "")
        if wanted and self.status[about] != wanted:
            return "consortium.status_unfit"
        return "consortium.still_cosigner" if kind == "suspend" and about == "maker" else ""

    def closed(self, name: str) -> str:
        if name not in self.motions:
            return "consortium.proposal_unknown"
        motion = self.motions[name]
        over = motion.state != "open" or self.consortium.clock() >= motion.deadline_ms
        return "consortium.proposal_closed" if over else "ok"

    def expect(self, member: str, action: Action, code: str) -> bool:
        assert self.consortium.submit(member, action).code == code
        return code == "ok"

    def count(self, motion: Motion) -> None:
        voters = self.voters(motion.about if motion.kind != "parameter" else "")
        cast = [motion.ballots[m] for m in voters if m in motion.ballots]
        share = SHARES[motion.kind]
        if Fraction(cast.count(True), len(voters)) >= share:
            waits = motion.kind == "recover" or (motion.kind == "suspend" and len(voters) == 1)
            if waits and not self.unfit(motion.kind, motion.about):
                motion.state, motion.effective_ms = "notice", self.consortium.in_days(NOTICE_DAYS)
                return
            self.carry_out(motion, self.unfit(motion.kind, motion.about))
        elif Fraction(len(voters) - cast.count(False), len(voters)) < share:
            motion.state = "rejected"

    def carry_out(self, motion: Motion, unfit: str) -> None:
        motion.state = "failed" if unfit else "adopted"
        if unfit:
            return
        if motion.kind == "suspend":
            self.status[motion.about] = "suspended"
        if motion.kind == "reinstate":
            self.status[motion.about] = "active"
        if motion.kind == "recover":
            self.keys[motion.about].add(f"of-{motion.name}")

    # What may happen.

    @rule(
        member=members,
        name=proposals,
        kind=st.sampled_from(["parameter", "suspend", "reinstate", "recover"]),
        about=members,
    )
    def propose(self, member: str, name: str, kind: Kind, about: str) -> None:
        code = "ok"
        if self.status[member] != "active":
            code = "consortium.not_active"
        elif name in self.motions:
            code = "consortium.proposal_taken"
        elif not self.voters(about if kind != "parameter" else ""):
            code = "consortium.no_voters"
        elif self.unfit(kind, about):
            code = self.unfit(kind, about)
        what = subject(kind, about, name, self.consortium.node.chain.id)
        if self.expect(member, Propose(proposal=name, subject=what), code):  # type: ignore[arg-type]
            deadline_ms = self.consortium.clock() + BALLOT_DAYS * limits.DAY_MS
            self.motions[name] = Motion(name, member, kind, about, deadline_ms)

    @rule(name=proposals, yes=st.integers(0, 3))
    def all_vote(self, name: str, yes: int) -> None:
        for member in MEMBERS:
            self.vote(member, name, yes)

    @rule(member=members, name=proposals, yes=st.integers(0, 3))
    def vote(self, member: str, name: str, yes: int) -> None:
        code = self.closed(name)
        if self.status[member] != "active":
            code = "consortium.not_active"
        elif code == "ok":
            motion = self.motions[name]
            if motion.kind != "parameter" and motion.about == member:
                code = "consortium.vote_on_itself"
            elif member in motion.ballots:
                code = "consortium.voted_already"
        if self.expect(member, Vote(proposal=name, yes=yes > 0), code):
            self.motions[name].ballots[member] = yes > 0
            self.count(self.motions[name])

    @rule(member=members, name=proposals, earnest=st.integers(0, 9))
    def withdraw(self, member: str, name: str, earnest: int) -> None:
        if earnest < 7:
            return
        code = self.closed(name)
        if code == "ok" and self.motions[name].proposer != member:
            code = "consortium.not_proposer"
        if self.expect(member, Withdraw(proposal=name), code):
            self.motions[name].state = "withdrawn"

    @rule(member=members, name=proposals, earnest=st.integers(0, 9))
    def object_to(self, member: str, name: str, earnest: int) -> None:
        if earnest < 7:
            return
        motion = self.motions.get(name)
        code = "ok" if motion else "consortium.proposal_unknown"
        if motion and (motion.kind == "parameter" or motion.about != member):
            code = "consortium.not_about_you"
        elif motion and motion.state == "open" and self.closed(name) == "ok":
            code = "ok" if motion.kind == "recover" else "consortium.no_objection"
        elif motion and motion.state != "notice":
            code = "consortium.proposal_closed"
        if self.expect(member, Object(proposal=name), code):
            assert motion
            motion.state = "objected"

    @rule(member=members, earnest=st.integers(0, 9))
    def leave(self, member: str, earnest: int) -> None:
        if earnest < 8:
            return
        code = "ok"
        if self.status[member] == "left":
            code = "consortium.status_unfit"
        elif member == "maker":
            code = "consortium.still_cosigner"
        if self.expect(member, Leave(), code):
            self.status[member] = "left"

    @rule(days=st.integers(1, 9))
    def days_pass(self, days: int) -> None:
        self.consortium.pass_days(days)
        for motion in self.motions.values():
            if motion.state == "open" and self.consortium.clock() >= motion.deadline_ms:
                motion.state = "expired"
        for motion in sorted(self.motions.values(), key=lambda each: each.effective_ms):
            if motion.state == "notice" and self.consortium.clock() >= motion.effective_ms:
                # How many may vote was asked when it was decided.
                self.carry_out(
                    motion, self.unfit(motion.kind, motion.about) if motion.kind != "recover" else ""
                )

    # What always holds.

    @invariant()
    def the_ledger_says_the_same(self) -> None:
        shown = {m: record["status"] for m, record in self.consortium.query("consortium.members")}
        assert shown == self.status
        rows = {row["id"]: row["proposal"] for row in self.consortium.query("consortium.proposals")}
        assert {name: row["state"] for name, row in rows.items()} == {
            name: motion.state for name, motion in self.motions.items()
        }

    @invariant()
    def nobody_gets_keys_but_by_the_vote_of_two(self) -> None:
        for member, names in self.keys.items():
            shown = {name for name, _ in self.consortium.query("consortium.keys_of", member=member)}
            assert shown == names
            for motion in self.motions.values():
                if motion.state == "adopted" and motion.kind == "recover":
                    assert sum(motion.ballots.values()) >= 2
                    assert self.consortium.clock() >= motion.effective_ms

    @invariant()
    def what_is_decided_stays_decided(self) -> None:
        ended = [name for name, motion in self.motions.items() if motion.state not in ("open", "notice")]
        assert set(self.ended) <= set(ended)
        self.ended = ended

    @invariant()
    def somebody_is_active(self) -> None:
        assert "active" in self.status.values()


Voting.TestCase.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestVoting = Voting.TestCase
