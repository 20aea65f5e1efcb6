"""Any actions of anybody at any time, sound or spoiled: refused by name or done, with the market in order."""

from itertools import combinations, pairwise
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hansa.apps.leasing.messages_market import (
    Agree,
    Counter,
    Decline,
    RegisterAsset,
    UpdateAsset,
    WithdrawOffer,
)
from hansa.apps.leasing.tables import (
    ASSETS,
    BARGAINING,
    BARGAINS,
    BOOKED,
    BOOKINGS,
    LISTED,
    OFFERING,
    OFFERS,
    PROPOSALS,
    RESERVATIONS,
)
from hansa.kernel import Action, Refusal, encode, limits
from hansa.kernel.types import INTEGER_MAX
from tests.apps.ground import REGISTRY
from tests.apps.leasing import DAY, FROM_MS, PRESS, START_MS, enquiry, lease_terms, market, offer

MEMBERS = st.sampled_from(("maker", "plant", "rival", "nobody"))
NAMES = st.sampled_from(("a", "b", "c"))
BARGAIN_NAMES = st.sampled_from(("p", "q", "r", "s", "t"))
SPOILED: tuple[Any, ...] = (
    0, -1, 1, INTEGER_MAX, START_MS, FROM_MS, "", "maker", "plant", "a", "b", "l-9", "with", "CNY", [], None
)  # fmt: skip


def spoil(action: Action, draw: st.DataObject) -> Action | None:
    """The action with one value anywhere in it replaced; None where no such thing can be sent."""
    plain = msgspec.json.decode(encode(action))
    at: Any = plain
    while True:
        keys = sorted(at) if isinstance(at, dict) else range(len(at))
        if not keys:
            return None
        key = draw.draw(st.sampled_from([one for one in keys if one != "_type"]))
        if isinstance(at[key], dict | list) and at[key] and draw.draw(st.booleans()):
            at = at[key]
            continue
        at[key] = draw.draw(st.sampled_from(SPOILED))
        break
    try:
        return REGISTRY.decode_action(encode(plain))
    except msgspec.ValidationError:
        return None


class Traders(RuleBasedStateMachine):
    """Actions come as they like; whatever is refused leaves nothing, whatever is done keeps the order."""

    def __init__(self) -> None:
        super().__init__()
        self.ground = market()
        for name in ("a", "b"):
            self.ground.do("maker", offer(name))

    def act(self, member: str, action: Action | None) -> None:
        if action is None:
            return
        before = self.ground.tables("leasing")
        try:
            self.ground.do(member, action)
        except Refusal:
            assert self.ground.tables("leasing") == before

    def sides(self, data: st.DataObject, name: str) -> tuple[str, str]:
        """Who could answer in a bargain and its lessee; now and then somebody else."""
        ctx = self.ground.context()
        bargain = BARGAINS.get(ctx, (name,))
        last = PROPOSALS.get(ctx, (name, bargain.rounds)) if bargain else None
        if bargain is None or last is None or data.draw(st.integers(0, 5)) == 0:
            return data.draw(MEMBERS), data.draw(MEMBERS)
        answers = bargain.offerer if last.proposer == bargain.lessee else bargain.lessee
        return answers, bargain.lessee

    def sometimes_spoiled(self, data: st.DataObject, action: Action) -> Action | None:
        return spoil(action, data) if data.draw(st.integers(0, 3)) == 0 else action

    @rule(data=st.data(), name=NAMES, first=st.integers(0, 23), days=st.integers(1, 14))
    def enquire(self, data: st.DataObject, name: str, first: int, days: int) -> None:
        member = data.draw(MEMBERS | st.sampled_from(("plant", "rival")))
        terms = lease_terms(first, days, lessee=member, sign_by_ms=FROM_MS - DAY)
        until_ms = self.ground.now_ms + 5 * DAY
        action = enquiry(f"n-{data.draw(BARGAIN_NAMES)}", terms, offer=name, until_ms=until_ms)
        self.act(member, self.sometimes_spoiled(data, action))

    @rule(data=st.data(), name=BARGAIN_NAMES, first=st.integers(0, 20))
    def counter(self, data: st.DataObject, name: str, first: int) -> None:
        member, lessee = self.sides(data, f"n-{name}")
        terms = lease_terms(first, lessee=lessee, sign_by_ms=FROM_MS - DAY)
        action = Counter(f"n-{name}", terms, self.ground.now_ms + 3 * DAY)
        self.act(member, self.sometimes_spoiled(data, action))

    @rule(data=st.data(), name=BARGAIN_NAMES)
    def agree(self, data: st.DataObject, name: str) -> None:
        rows = list(PROPOSALS.scan(self.ground.context(), (f"n-{name}",)))
        action = Agree(f"n-{name}", rows[-1][1].content if rows else "0" * 64)
        member, _ = self.sides(data, f"n-{name}")
        self.act(member, self.sometimes_spoiled(data, action))

    @rule(data=st.data(), name=BARGAIN_NAMES)
    def decline(self, data: st.DataObject, name: str) -> None:
        if data.draw(st.integers(0, 3)) == 0:
            self.act(data.draw(MEMBERS), Decline(f"n-{name}"))

    @rule(data=st.data(), member=MEMBERS, name=NAMES)
    def publish(self, data: st.DataObject, member: str, name: str) -> None:
        action = offer(name)
        self.act(member, spoil(action, data) if data.draw(st.booleans()) else action)

    @rule(data=st.data(), name=NAMES)
    def withdraw(self, data: st.DataObject, name: str) -> None:
        if data.draw(st.integers(0, 3)) == 0:
            self.act(data.draw(MEMBERS), WithdrawOffer(name))

    @rule(data=st.data(), member=MEMBERS, name=NAMES, version=st.integers(0, 4))
    def describe(self, data: st.DataObject, member: str, name: str, version: int) -> None:
        asset = data.draw(st.sampled_from((name, "press-1")))
        new = RegisterAsset(asset, PRESS)
        action: Action = UpdateAsset(asset, version, PRESS) if version else new
        self.act(member, spoil(action, data) if data.draw(st.booleans()) else action)

    @rule(days=st.integers(1, 3), queue=st.booleans())
    def time_passes(self, days: int, queue: bool) -> None:
        now_ms = self.ground.now_ms + days * DAY
        if queue:
            self.ground.move_to(now_ms)
        else:
            self.ground.now_ms = now_ms

    @invariant()
    def no_asset_is_booked_twice(self) -> None:
        rows = list(BOOKINGS.scan(self.ground.context()))
        for (one, first), (other, second) in combinations(rows, 2):
            assert one[:3] != other[:3] or first.to_ms <= int(other[3]) or second.to_ms <= int(one[3])
        assert len(rows) == len(list(BOOKED.scan(self.ground.context())))

    @invariant()
    def the_board_shows_the_open_offers_and_no_others(self) -> None:
        ctx = self.ground.context()
        opened = {tuple(map(str, key)) for key, one in OFFERS.scan(ctx) if one.state == "open"}
        assert {(str(key[0]), str(key[1])) for key, _ in LISTED.scan(ctx)} == opened
        counted = {str(key[0]): one.open for key, one in OFFERING.scan(ctx)}
        assert sum(counted.values()) == len(opened)
        assert all(counted[member] <= limits.OFFERS_OPEN_MAX for member, _ in opened)

    @invariant()
    def a_reservation_that_counts_is_booked_as_both_agreed(self) -> None:
        ctx = self.ground.context()
        for key, found in RESERVATIONS.scan(ctx):
            name = str(key[0])
            bargain = BARGAINS.get(ctx, (name,))
            assert bargain is not None
            assert bargain.state == "agreed"
            last = PROPOSALS.get(ctx, (name, bargain.rounds))
            assert last is not None
            assert (last.terms, last.content) == (found.terms, found.content)
            if found.state == "reserved" and self.ground.now_ms <= found.terms.sign_by_ms:
                booked = BOOKED.get(ctx, (name,))
                assert booked is not None
                assert (booked.slot.from_ms, booked.slot.to_ms) == (found.terms.from_ms, found.terms.to_ms)

    @invariant()
    def sides_take_turns_and_every_record_is_within_its_limits(self) -> None:
        ctx = self.ground.context()
        for key, bargain in BARGAINS.scan(ctx):
            rows = [one for _, one in PROPOSALS.scan(ctx, (str(key[0]),))]
            assert len(rows) == bargain.rounds <= limits.ROUNDS_MAX
            assert all(one.proposer != other.proposer for one, other in pairwise(rows))
            for side in (bargain.offerer, bargain.lessee):
                assert BARGAINING.get(ctx, (side, str(key[0]))) is not None
        versions: dict[tuple[Any, Any], int] = {}
        for (owner, asset, version), _ in ASSETS.scan(ctx):
            versions[owner, asset] = versions.get((owner, asset), 0) + 1
            assert versions[owner, asset] == version


TestTraders = Traders.TestCase
TestTraders.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
