"""Any sequence of joining, leaving, votes, rotations, proofs: the set is what a plain model says."""

from dataclasses import dataclass
from fractions import Fraction

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hansa.apps.consortium.messages import Leave
from hansa.apps.consortium.messages_validators import DoubleSigned, ValidatorsChanged
from hansa.apps.consortium.messages_votes import Expel, Reinstate, Suspend
from hansa.engines.replay import Replica
from hansa.kernel import address, limits
from tests.apps.ballots import company
from tests.apps.networking import ALL_ROOMS, Network, consensus
from tests.consortium import MEMBERS

JOINERS = ("steel", "paper", "glass")
COMPANIES = (*MEMBERS, *JOINERS)
POWERS = (1, 1, 1, 2, 3, 5)
companies = st.sampled_from(COMPANIES)


@dataclass
class Place:
    """A seat as the model has it."""

    turn: int
    power: int
    active: bool = True
    voted_turn: int = 1
    """The key that a vote, or the founding, gave last."""
    rotated_ms: int = 0


class Validating(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.network = Network()
        self.status: dict[str, str] = dict.fromkeys(MEMBERS, "active")
        self.seats = {member: Place(1, 1) for member in MEMBERS}
        self.turns = dict.fromkeys(MEMBERS, 1)
        self.caught: set[tuple[str, int]] = set()

    @initialize(powers=st.sampled_from([(1, 1, 1, 1), (1, 1), (7, 7, 7), (4, 4, 4, 3), (1,)]))
    def founded(self, powers: tuple[int, ...]) -> None:
        given = dict(zip(MEMBERS, powers, strict=False))
        self.network = Network(given)
        self.seats = {member: Place(1, power) for member, power in given.items()}
        self.turns = dict.fromkeys(given, 1)

    # What the model says.

    def active(self) -> dict[str, int]:
        return {member: seat.power for member, seat in self.seats.items() if seat.active}

    def yes(self, *without: str) -> list[str]:
        return [
            member for member, status in self.status.items() if status == "active" if member not in without
        ]

    def unfit(self, after: dict[str, int]) -> str:
        """Why nobody may have these powers, or ""."""
        shares = {member: Fraction(power, sum(after.values())) for member, power in after.items()}
        if len(after) >= 4 and max(shares.values()) >= Fraction(1, 3):
            return "consortium.validator_share"
        if len(after) < 4 and len(set(after.values())) > 1:
            return "consortium.validators_unequal"
        return ""

    def fresh(self, member: str) -> int:
        self.turns[member] = self.turns.get(member, 0) + 1
        return self.turns[member]

    def sit(self, member: str, turn: int, power: int) -> None:
        self.seats[member] = Place(turn, power, voted_turn=turn)

    # What may happen.

    @rule(member=st.sampled_from(JOINERS), validates=st.booleans())
    def join(self, member: str, validates: bool) -> None:
        if member in self.status:
            return
        turn = self.fresh(member) if validates else 0
        subject = self.network.admit(member, turn, company=company(20 + COMPANIES.index(member)))
        least = min(self.active().values())
        reason = self.unfit(self.active() | {member: least}) if validates else ""
        assert self.network.decide(subject, *self.yes(), by=self.yes()[0]) == (reason or "adopted")
        if not reason:
            self.status[member] = "active"
            if validates:
                self.sit(member, turn, least)

    @rule(member=companies, power=st.sampled_from(POWERS), new=st.booleans())
    def seat(self, member: str, power: int, new: bool) -> None:
        turn = self.fresh(member) if new else 0
        seat = self.seats.get(member)
        after = self.active() | {member: power}
        if self.status.get(member) != "active":
            reason = "consortium.validators_invalid"
        elif not new and (seat is None or not seat.active):
            reason = "consortium.validator_unknown"
        elif not new and seat is not None and seat.power == power:
            reason = "consortium.validators_unchanged"
        else:
            reason = self.unfit(after)
        subject = self.network.seats(self.network.seat(member, power, turn))
        assert self.network.decide(subject, *self.yes(), by=self.yes()[0]) == (reason or "adopted")
        if not reason and new:
            self.sit(member, turn, power)
        elif not reason:
            self.seats[member].power = power

    @rule(member=companies)
    def unseat(self, member: str) -> None:
        after = {other: power for other, power in self.active().items() if other != member}
        if member not in self.seats:
            reason = "consortium.validator_unknown"
        elif not after:
            reason = "consortium.last_validator"
        else:
            reason = self.unfit(after)
        subject = self.network.seats(self.network.seat(member, 0))
        assert self.network.decide(subject, *self.yes(), by=self.yes()[0]) == (reason or "adopted")
        if not reason:
            del self.seats[member]

    @rule(power=st.sampled_from(POWERS))
    def make_equal(self, power: int) -> None:
        seats = self.active()
        reason = "consortium.validators_unchanged" if set(seats.values()) == {power} else ""
        subject = self.network.seats(*(self.network.seat(member, power) for member in seats))
        assert self.network.decide(subject, *self.yes(), by=self.yes()[0]) == (reason or "adopted")
        for member in seats:
            self.seats[member].power = power

    @rule(member=companies, new=st.integers(0, 4))
    def rotate(self, member: str, new: int) -> None:
        if member not in self.status:
            return
        turn = self.fresh(member) if new else self.turns.get(member, 1)
        seat = self.seats.get(member)
        code = "ok"
        if seat is None or not seat.active:
            code = "consortium.validator_unknown"
        elif seat.rotated_ms and self.network.now_ms + 1_000 < seat.rotated_ms + limits.ROTATION_APART_MS:
            code = "consortium.rotation_too_soon"
        elif not new and self.was(member, turn):
            code = "consortium.consensus_key_taken"
        assert self.network.code(member, self.network.rotation(member, turn)) == code
        if code == "ok" and seat is not None:
            seat.turn, seat.rotated_ms = turn, self.network.now_ms

    def was(self, member: str, turn: int) -> bool:
        """Whether this key ever was in force: only those that a refusal kept out were not."""
        known = {row["address"] for row in self.network.query("consortium.consensus_keys", member=member)}
        return address(consensus(member, turn).public) in known

    @rule(member=companies, kind=st.sampled_from([Suspend, Expel, Reinstate]))
    def change_status(self, member: str, kind: type[Suspend] | type[Expel] | type[Reinstate]) -> None:
        status = self.status.get(member)
        voters = self.yes(member)
        if status is None or len(voters) < 2:  # Alone, one waits for a notice: not of interest here.
            return
        wanted = {Suspend: ("active",), Reinstate: ("suspended",), Expel: ("active", "suspended")}[kind]
        reason = "" if status in wanted else "consortium.status_unfit"
        if not reason and kind is not Reinstate and list(self.active()) == [member]:
            reason = "consortium.last_validator"
        found = self.network.decide(kind(member=member), *voters, by=voters[0])
        assert found == (reason or "adopted")
        if not reason:
            self.status[member] = {Suspend: "suspended", Reinstate: "active", Expel: "left"}[kind]
            if kind is not Reinstate:
                self.seats.pop(member, None)

    @rule(member=companies, earnest=st.integers(0, 3))
    def leave(self, member: str, earnest: int) -> None:
        if member not in self.status or earnest:
            return
        code = "ok"
        if self.status[member] == "left":
            code = "consortium.status_unfit"
        elif list(self.active()) == [member]:
            code = "consortium.last_validator"
        assert self.network.code(member, Leave()) == code
        if code == "ok":
            self.status[member] = "left"
            self.seats.pop(member, None)

    @rule(caught=st.lists(st.tuples(companies, st.integers(1, 3), st.integers(1, 2)), max_size=6))
    def prove(self, caught: list[tuple[str, int, int]]) -> None:
        known = [(member, turn) for member, turn, _ in caught if self.was(member, turn)]
        shown = len(self.network.events(DoubleSigned))
        faults = [self.network.fault(member, turn, height=at) for member, turn, at in caught]
        self.network.block(faults=faults)
        new = [each for each in dict.fromkeys(known) if each not in self.caught]
        assert len(self.network.events(DoubleSigned)) == shown + len(new)
        for member, turn in sorted(new, key=lambda each: address(consensus(*each).public)):
            self.caught.add((member, turn))
            seat = self.seats.get(member)
            if seat is not None and seat.active and turn >= seat.voted_turn and len(self.active()) > 1:
                seat.active = False

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        self.network.now_ms += hours * limits.HOUR_MS
        self.network.block()

    # What always holds.

    @invariant()
    def the_set_is_that_of_the_model_and_never_empty(self) -> None:
        powers = {
            consensus(member, seat.turn).public: seat.power
            for member, seat in self.seats.items()
            if seat.active
        }
        assert self.network.powers() == powers
        assert sum(powers.values()) > 0
        assert len(self.seats) <= limits.VALIDATORS_MAX

    @invariant()
    def the_engine_that_hears_of_differences_has_the_same_set(self) -> None:
        assert self.network.told == self.network.powers()

    @invariant()
    def the_newest_event_names_the_set(self) -> None:
        events = self.network.events(ValidatorsChanged)
        if events:
            assert {each.public: each.power for each in events[-1].validators} == self.network.powers()
            assert [each.member for each in events[-1].validators] == sorted(self.active())

    @invariant()
    def only_active_members_validate_each_with_its_one_key_in_force(self) -> None:
        rows = self.network.query("consortium.consensus_keys")
        in_force = [row["key"]["public"] for row in rows if not row["key"].get("until")]
        assert len(in_force) == len(self.active())
        assert len({row["key"]["public"] for row in rows}) == len(rows)
        for member in self.seats:
            assert self.status[member] == "active"

    def teardown(self) -> None:
        """Whoever executes the same blocks comes to the same."""
        again = Replica(self.network.genesis, ALL_ROOMS)
        for block in self.network.blocks:
            again.execute(block)
        assert again.app_hash == self.network.replica.app_hash


Validating.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestValidating = Validating.TestCase
