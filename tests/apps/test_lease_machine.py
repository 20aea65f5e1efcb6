"""Any sequence of what parties do with leases: calendar, agreements, funds and leases say the same."""

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hansa.apps.billing.tables import AGREEMENTS
from hansa.apps.leasing.booking import slot_of
from hansa.apps.leasing.messages import (
    AgreeDamage,
    ClaimDamage,
    ClaimDeposit,
    Close,
    ConsentSublease,
    EndEarly,
    Extend,
    Lease,
    Resume,
    StartJob,
    Sublet,
    Suspend,
    Transfer,
    Withdraw,
)
from hansa.apps.leasing.queries_life import damages_of
from hansa.apps.leasing.tables_life import LEASES
from hansa.apps.money.interface import fund, name_of
from hansa.apps.money.tables import OBLIGATIONS
from hansa.kernel import Action, Refusal
from tests.apps.leases import DAY, FROM_MS, HOUR, World, confirmation, lease_terms, running, sublease, world

NAMES = ("l-1", "s-1", "s-2", "t-1", "n-1")
MEMBERS = ("maker", "plant", "rival", "bank")
names = st.sampled_from(("l-1", "l-1", *NAMES))
members = st.sampled_from(MEMBERS)
days = st.integers(-1, 30)
DEPOSIT = 1_000


class Leases(RuleBasedStateMachine):
    """Plant leases a week with a deposit; whatever anybody tries then is done or refused whole."""

    def __init__(self) -> None:
        super().__init__()
        self.ground: World = world()
        self.jobs, self.value = 0, 100

    @initialize(begun=st.integers(0, 3))
    def begin(self, begun: int) -> None:
        """Agreed on only; or running, mostly with consent to any sublease."""
        terms = {"days": 14, "security_deposit_minor": DEPOSIT, "extension_ms": DAY}
        if not begun:
            self.ground.reserve(terms=lease_terms(**terms))
            return
        self.ground = running(**terms)
        if begun > 1:
            self.ground.consent("maker")

    def attempt(self, work: Callable[[], Any]) -> None:
        """A refusal leaves nothing behind; anything else that is raised is a fault."""
        before = self.ground.tables("leasing", "billing", "money")
        try:
            work()
        except Refusal:
            assert self.ground.tables("leasing", "billing", "money") == before

    def do(self, member: str, action: Action) -> None:
        self.attempt(lambda: self.ground.do(member, action))

    @rule(hours=st.integers(1, 100))
    def time_passes(self, hours: int) -> None:
        self.ground.move_to(self.ground.now_ms + hours * HOUR)

    @rule(name=names, member=members)
    def sign_alone(self, name: str, member: str) -> None:
        self.sign(name, member)

    def sign(self, name: str, member: str) -> None:
        self.attempt(lambda: self.ground.do(member, self.ground.signature(name)))

    @rule(name=names)
    def both_sign_and_pay_in(self, name: str) -> None:
        self.sign_by_each(name)
        self.attempt(lambda: self.ground.pay_in(name, "security_deposit", DEPOSIT))

    @rule(name=names, direction=st.sampled_from(["in", "out"]), more=st.integers(0, 9))
    def hand_over(self, name: str, direction: Any, more: int) -> None:
        ground = self.ground
        lease = ground.ask(LEASES.get, (name,))
        if lease is None:
            return
        self.value += more
        ground.count((ground.now_ms, self.value))
        ground.now_ms += 1
        report = ground.report(self.value, direction, name, at_ms=ground.now_ms - 1)
        self.do(lease.terms.lessor, report)
        self.do(lease.terms.lessee, confirmation(report, lease.terms.lessor))

    @rule(
        name=names,
        member=members,
        day=days,
        ground=st.sampled_from(["agreed", "agreed", "notice", "default"]),
    )
    def end_early(self, name: str, member: str, day: int, ground: Any) -> None:
        self.do(member, EndEarly(name, FROM_MS + day * DAY, ground))

    @rule(name=names, day=days)
    def both_end_it(self, name: str, day: int) -> None:
        for member in self.parties(name):
            self.do(member, EndEarly(name, FROM_MS + day * DAY, "agreed"))

    @rule(name=names, day=days)
    def both_extend_it(self, name: str, day: int) -> None:
        for member in self.parties(name):
            self.do(member, Extend(name, FROM_MS + day * DAY))

    @rule(name=names, first=days, length=st.integers(1, 10))
    def consent(self, name: str, first: int, length: int) -> None:
        from_ms = FROM_MS + first * DAY
        action = ConsentSublease(name, f"c-{self.ground.height}", from_ms, from_ms + length * DAY)
        for member in self.parties(name)[:1]:
            self.do(member, action)

    @rule(name=st.sampled_from(NAMES[1:]), head=names, lessee=members, first=days, length=st.integers(1, 6))
    def sublet(self, name: str, head: str, lessee: str, first: int, length: int) -> None:
        for lessor in self.parties(head)[1:]:
            self.do(lessor, Sublet(name, sublease(first, length, lessor, lessee, head=head)))

    @rule(head=names, lessee=members, first=st.integers(0, 72), length=st.integers(4, 200))
    def sublet_soon(self, head: str, lessee: str, first: int, length: int) -> None:
        """To the hour, from soon on, under a lease that stands; both sign if they can."""
        name = next((each for each in NAMES[1:] if not self.parties(each)), "")
        from_ms = self.ground.now_ms + first * HOUR
        for lessor in self.parties(head)[1:]:
            times = {"from_ms": from_ms, "to_ms": from_ms + length * HOUR, "sign_by_ms": from_ms}
            terms = sublease(0, 1, lessor, lessee, head=head, **times)
            self.do(lessor, Sublet(name or "s-9", terms))
            self.sign_by_each(name or "s-9")
            for member in self.parties(name)[:1]:
                self.do(member, ConsentSublease(name, "c-1", from_ms, from_ms + length * HOUR))

    @rule(lessee=members, first=days)
    def transfer(self, lessee: str, first: int) -> None:
        found = self.ground.ask(LEASES.get, ("l-1",))
        if found is not None:
            from_ms = FROM_MS + first * DAY
            terms = lease_terms(lessee=lessee, from_ms=from_ms, to_ms=found.end_ms, sign_by_ms=from_ms)
            self.do("plant", Transfer("l-1", "n-1", terms))
            self.sign_by_each("n-1")

    @rule(name=names, member=members)
    def step_back(self, name: str, member: str) -> None:
        self.do(member, Withdraw(name))

    @rule(name=names, member=members)
    def use(self, name: str, member: str) -> None:
        self.jobs += 1
        self.do(member, StartJob(name, f"j-{self.jobs}"))
        self.do(member, Suspend(name, self.ground.now_ms + 4 * DAY))
        self.do(member, Resume(name))

    @rule(name=names, member=members, amount=st.integers(1, 2 * DEPOSIT))
    def settle(self, name: str, member: str, amount: int) -> None:
        damage = f"d-{self.ground.height}"
        self.do(member, ClaimDamage(name, damage, amount, ("spindle",)))
        for each in self.parties(name)[1:]:
            self.do(each, AgreeDamage(name, damage, amount))
        for _, found in self.ground.ask(damages_of, name):
            self.do(member, ClaimDeposit(name, found.obligation or "none", amount))
        self.do(member, Close(name))

    def sign_by_each(self, name: str) -> None:
        for member in MEMBERS:
            self.sign(name, member)

    def parties(self, name: str) -> tuple[str, ...]:
        """Lessor and lessee; none where there is no such lease."""
        found = self.ground.ask(LEASES.get, (name,))
        return (found.terms.lessor, found.terms.lessee) if found else ()

    def leases(self) -> dict[str, Lease]:
        return {str(key[0]): found for key, found in LEASES.scan(self.ground.context())}

    @invariant()
    def calendar_agreement_and_lease_say_the_same(self) -> None:
        ctx = self.ground.context()
        for name, lease in self.leases().items():
            agreement, slot = AGREEMENTS.get(ctx, (name,)), slot_of(ctx, name)
            if lease.state == "signing" or len(lease.signatures) < 2:
                assert agreement is None
                assert lease.state in ("signing", "void")
                continue
            assert agreement is not None
            assert agreement.state == ("withdrawn" if lease.state == "void" else "accepted") or slot is None
            if lease.state in ("signed", "running"):
                assert slot is not None
                assert (slot.from_ms, slot.to_ms) == (lease.terms.from_ms, lease.end_ms)
                assert agreement.to_ms == lease.end_ms
            if lease.state == "running":
                assert agreement.from_ms == lease.start_ms

    @invariant()
    def subleases_lie_within_their_head_lease(self) -> None:
        found = self.leases()
        for lease in found.values():
            if lease.terms.head and lease.state in ("signed", "running"):
                head = found[lease.terms.head]
                assert head.state in ("signed", "running")
                assert head.terms.from_ms <= lease.terms.from_ms
                assert lease.end_ms <= head.end_ms
                assert lease.depth == head.depth + 1
                if lease.state == "running":
                    assert head.start_ms <= lease.start_ms

    @invariant()
    def deposits_are_open_until_the_lease_is_over_and_pay_for_its_own_debts_only(self) -> None:
        ctx = self.ground.context()
        for name, lease in self.leases().items():
            state = fund(ctx, name_of(name, "security_deposit"))
            if state is not None:
                assert state.ended == (lease.state in ("void", "closed"))
        for _, found in OBLIGATIONS.scan(ctx):
            assert 0 <= found.paid_minor <= found.amount_minor


TestLeases = Leases.TestCase
TestLeases.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
