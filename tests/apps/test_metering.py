"""Who may speak for a meter, and what is refused: by code, field, and a text that says what to do."""

from collections.abc import Callable
from typing import Any

import pytest

from hansa.apps.consortium.messages import RevokeKey
from hansa.apps.metering import errors
from hansa.apps.metering.messages import (
    AnchorReadings,
    Contradicted,
    Counters,
    Feed,
    LegalUse,
    RecordCounters,
    Recorded,
    RegisterDevice,
    RegisterFeed,
    RenewLegalUse,
    ReplaceDevice,
    ReplacedFeed,
)
from hansa.kernel import Refusal, encode, limits, pack, replace
from hansa.kernel.signatures import COUNTER_DOMAIN
from tests.apps.ground import ANCHOR, STATES, Ground, counters, feed, lease_feeds
from tests.consortium import START_MS, Consortium, signer

HOUR = limits.HOUR_MS
NOW_MS = START_MS
BILLING_GRADE = LegalUse(
    grade="billing", certificate="C-1", valid_until_ms=NOW_MS, accuracy_class="0.5S", seal="S-1"
)


@pytest.fixture
def ground() -> Ground:
    made = Ground(NOW_MS)
    made.register(**lease_feeds(), wrapping=feed(modulus=1_000))
    return made


def record(**changes: Any) -> RecordCounters:
    given: dict[str, Any] = {
        "owner": "plant",
        "counters": counters("pieces", [(NOW_MS - HOUR, 7)]),
        "anchor": ANCHOR,
        "index": pack([0]),
    }
    return RecordCounters(**given | changes)


def batch(**changes: Any) -> RecordCounters:
    """A batch whose packed vectors are not what they should be."""
    return record(counters=replace(counters("pieces", [(NOW_MS - HOUR, 7)]), **changes))


def anchor(**changes: Any) -> AnchorReadings:
    given = {"anchor": "a-2", "root": "1" * 64, "count": 3, "first_ms": NOW_MS - 9, "last_ms": NOW_MS}
    return AnchorReadings(**given | changes)


def registering(declaration: Feed) -> RegisterFeed:
    return RegisterFeed(feed="new", declaration=declaration)


def replacing(*ends: ReplacedFeed, device: str = "press", at_ms: int = NOW_MS - HOUR) -> ReplaceDevice:
    return ReplaceDevice(device=device, source="gateway-1", at_ms=at_ms, counters=ends)


def second_device(ground: Ground) -> None:
    ground.do("plant", RegisterDevice(device="saw", source="gateway-1"))


def overlapping(ground: Ground) -> None:
    ground.record("energy", (NOW_MS - HOUR, 5, HOUR))
    ground.record("energy", (NOW_MS - HOUR // 2, 5, HOUR), first=2)


def too_low(ground: Ground) -> None:
    ground.record("pieces", (NOW_MS - HOUR, 7))
    ground.reset("pieces", NOW_MS, 6, 0)


def reset_twice(ground: Ground) -> None:
    ground.reset("pieces", NOW_MS, 6, 0)
    ground.reset("pieces", NOW_MS, 7, 0)


def after_replacement(ground: Ground) -> None:
    ground.do("plant", replacing())
    ground.record("pieces", (NOW_MS, 7))


def too_disruptive(ground: Ground) -> None:
    """More pending low readings than one declaration may have read anew; and it is refused before it
    costs.
    """
    ground.record("pieces", (1_000, 50))
    for start in range(0, limits.REFOLD_MAX + 1, 1_000):
        lows = [(2_000 + start + k, 3) for k in range(1_000)]
        ground.record("pieces", *lows, first=start + 2)
    ground.reset("pieces", 1_500, 60, 0)


def do(action: Any, member: str = "plant") -> Callable[[Ground], Any]:
    return lambda ground: ground.do(member, action)


NO_STATES = replace(lease_feeds()["execution"], states=())
SAID_TWICE = replace(lease_feeds()["execution"], states=("unknown", "ACTIVE", "ACTIVE"))
REFUSALS: list[tuple[type[Refusal], Callable[[Ground], Any]]] = [
    (errors.DeviceTaken, do(RegisterDevice(device="press", source="gateway-1"))),
    (errors.DeviceUnknown, do(replacing(device="saw"))),
    (errors.DeviceUnknown, do(registering(feed(device="saw")))),
    (errors.FeedTaken, do(RegisterFeed(feed="pieces", declaration=feed()))),
    (errors.FeedUnknown, do(record(owner="maker"))),
    (errors.FeedUnknown, lambda ground: ground.reset("nothing", NOW_MS, 1, 0)),
    (errors.FeedUnknown, do(RenewLegalUse(feed="pieces", legal_use=BILLING_GRADE), "maker")),
    (errors.FeedElsewhere, lambda ground: (second_device(ground), ground.do("plant", elsewhere()))),
    (errors.FeedShape, do(registering(replace(lease_feeds()["execution"], base_unit="piece")))),
    (errors.FeedShape, do(registering(NO_STATES))),
    (errors.FeedShape, do(registering(SAID_TWICE))),
    (errors.FeedShape, do(registering(feed(states=STATES)))),
    (errors.FeedShape, do(registering(feed("amount", modulus=10)))),
    *(
        (errors.LegalUseIncomplete, do(RenewLegalUse("pieces", replace(BILLING_GRADE, **{name: empty}))))
        for name, empty in {"certificate": "", "valid_until_ms": 0, "accuracy_class": "", "seal": ""}.items()
    ),
    (errors.LegalUseIntegrated, do(registering(feed(integrated=True, legal_use=BILLING_GRADE)))),
    (errors.AnchorTaken, do(anchor(anchor=ANCHOR))),
    (errors.AnchorUnknown, do(record(anchor="a-9"))),
    (errors.AnchorUnknown, do(record(index=pack([65_536])))),
    (errors.AnchorShape, do(anchor(count=limits.READINGS_PER_BATCH_MAX + 1))),
    (errors.AnchorShape, do(anchor(first_ms=NOW_MS + 1))),
    (errors.BatchShape, do(record(index=pack([0, 1])))),
    (errors.BatchShape, do(record(index=pack([-1])))),
    (errors.BatchShape, do(batch(at_ms=b"", value=b""))),
    (errors.BatchShape, do(batch(value=pack([1, 2])))),
    (errors.BatchShape, do(batch(at_ms=pack([-1])))),
    (errors.BatchShape, do(batch(lost=pack([1])))),
    (errors.BatchShape, do(batch(lost=pack([0, 0])))),
    (errors.BatchShape, do(batch(span_ms=pack([5])))),
    (errors.BatchShape, do(record(counters=counters("energy", [(NOW_MS, 7)])))),
    (errors.BatchShape, do(record(counters=counters("energy", [(5, 7, 6)])))),
    (errors.InFuture, lambda ground: ground.record("pieces", (NOW_MS + limits.SKEW_MAX_MS + 1, 7))),
    (errors.InFuture, do(anchor(last_ms=NOW_MS + limits.SKEW_MAX_MS + 1))),
    (errors.InFuture, lambda ground: ground.reset("pieces", NOW_MS + limits.SKEW_MAX_MS + 1, 7, 0)),
    (errors.NotSource, do(record(), "maker")),
    (errors.NotSource, do(record(signature=b"s" * 64))),
    (errors.OutsideLife, after_replacement),
    (errors.OutsideLife, lambda ground: ground.record("pieces", (NOW_MS, 7), generation=2)),
    (errors.Overlap, overlapping),
    (errors.ValueUnfit, lambda ground: ground.record("execution", (NOW_MS, 3))),
    (errors.ValueUnfit, lambda ground: ground.record("wrapping", (NOW_MS, 1_000))),
    (errors.ValueUnfit, do(batch(value=pack([-1])))),
    (errors.ValueUnfit, do(batch(lost=pack([0])))),
    (errors.ValueUnfit, lambda ground: ground.reset("wrapping", NOW_MS, 1_000, 0)),
    (errors.TooDisruptive, too_disruptive),
    (errors.NotCounter, lambda ground: ground.reset("energy", NOW_MS, 1, 0)),
    (errors.FinalTooLow, too_low),
    (errors.ReplacedBefore, do(replacing(at_ms=NOW_MS + 1))),
    (errors.ReplacedBefore, do(replacing(at_ms=0))),
    (errors.ResetTwice, reset_twice),
]


def elsewhere() -> ReplaceDevice:
    return replacing(ReplacedFeed("pieces", 1, 0), device="saw")


@pytest.mark.parametrize(
    ("kind", "act"), REFUSALS, ids=[f"{kind.__name__}-{n}" for n, (kind, _) in enumerate(REFUSALS)]
)
def test_a_refusal_names_code_and_field_and_leaves_nothing(
    ground: Ground, kind: type[Refusal], act: Callable[[Ground], Any]
) -> None:
    with pytest.raises(Refusal) as refused:
        act(ground)
    assert (refused.value.code, refused.value.field) == (kind.code, kind.field)
    assert refused.value.zh
    assert "{" not in refused.value.zh + refused.value.en


def test_every_refusal_of_the_room_is_raised_above() -> None:
    raised = {kind for kind, _ in REFUSALS} | {errors.SourceUnfit}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert raised == {kind for kind in kinds if kind.__module__ == errors.__name__}


# Who speaks for a meter: with real keys and signatures.


@pytest.fixture
def signed(consortium: Consortium) -> Consortium:
    """A press whose own key signs, of the plant; the gateway submits."""
    lasts_ms = consortium.in_days(30)
    consortium.do(
        "plant", consortium.key("plant", "press-key", kind="device", scopes=(), expires_ms=lasts_ms)
    )
    consortium.do("plant", RegisterDevice(device="press", source="press-key"))
    consortium.do("plant", RegisterFeed(feed="pieces", declaration=feed()))
    consortium.do("plant", AnchorReadings(ANCHOR, "0" * 64, 1_000, NOW_MS, NOW_MS), key="gateway-1")
    return consortium


def by_device(told: Counters, member: str = "plant", key: str = "press-key") -> RecordCounters:
    pair = signer(member, key)
    signature = pair.sign(COUNTER_DOMAIN + pair.public + encode(told))
    index = pack(range(len(told.at_ms) // 8))
    return RecordCounters(owner="plant", counters=told, anchor=ANCHOR, index=index, signature=signature)


TOLD = counters("pieces", [(NOW_MS, 5), (NOW_MS + 1, 6)])


def test_a_device_signs_and_anyone_may_carry_it(signed: Consortium) -> None:
    signed.do("maker", by_device(TOLD))
    assert signed.events(Recorded)[0].new == 2


def test_no_gateway_speaks_for_a_device_that_signs_itself(signed: Consortium) -> None:
    refusal = signed.refused("plant", replace(by_device(TOLD), signature=b""), key="gateway-1")
    assert refusal.code == "metering.not_source"


@pytest.mark.parametrize("member", ["maker", "plant"])
def test_no_other_key_signs_for_the_device(signed: Consortium, member: str) -> None:
    refusal = signed.refused("plant", by_device(TOLD, member, "k1"), key="gateway-1")
    assert (refusal.code, refusal.field) == ("metering.not_source", "signature")


def test_what_the_device_signed_cannot_be_changed_on_the_way(signed: Consortium) -> None:
    told = by_device(TOLD)
    for changed in (
        replace(told.counters, value=pack([5, 7])),
        replace(told.counters, at_ms=pack([NOW_MS, NOW_MS + 2])),
        replace(told.counters, first_sequence=2),
        replace(told.counters, lost=pack([1]), value=pack([5, 0])),
    ):
        refusal = signed.refused("plant", replace(told, counters=changed), key="gateway-1")
        assert refusal.code == "metering.not_source"


def test_a_revoked_or_expired_device_key_says_nothing_any_more(signed: Consortium) -> None:
    signed.clock.advance(days=31)
    assert signed.refused("plant", by_device(TOLD)).code == "kernel.key_expired"
    signed.do("plant", RevokeKey(id="press-key"))
    assert signed.refused("plant", by_device(TOLD)).code == "kernel.key_revoked"


def test_an_owner_takes_no_key_of_another_and_none_of_a_person(signed: Consortium) -> None:
    refusal = signed.refused("maker", RegisterDevice(device="press", source="press-key"))
    assert refusal.code == "kernel.unknown_key"
    refusal = signed.refused("plant", RegisterDevice(device="saw", source="k1"))
    assert (refusal.code, refusal.field) == (errors.SourceUnfit.code, "source")
    assert refusal.en
    assert refusal.zh


def test_an_owner_cannot_rest_records_on_the_anchor_of_another(signed: Consortium) -> None:
    signed.do("maker", AnchorReadings("theirs", "0" * 64, 9, NOW_MS, NOW_MS))
    assert (
        signed.refused("plant", replace(by_device(TOLD), anchor="theirs")).code == "metering.anchor_unknown"
    )


def test_the_anchor_once_more_does_nothing_and_with_other_content_is_refused(signed: Consortium) -> None:
    again = AnchorReadings(ANCHOR, "0" * 64, 1_000, NOW_MS, NOW_MS)
    signed.do("plant", again, key="gateway-1")
    refusal = signed.refused("plant", replace(again, count=2), key="gateway-1")
    assert refusal.code == "metering.anchor_taken"


def test_a_batch_of_contradictions_is_one_event_and_a_record_for_each(signed: Consortium) -> None:
    readings = [(NOW_MS + k, 5) for k in range(400)]
    signed.do("plant", by_device(counters("pieces", readings)))
    signed.do("plant", by_device(counters("pieces", [(at, 6) for at, _ in readings])))
    (event,) = signed.events(Contradicted)
    assert (event.first_sequence, event.count, event.source) == (1, 400, "press-key")
    assert len(signed.query("metering.contradictions_of", owner="plant", feed="pieces")) == 400
    assert signed.query("metering.head_of", owner="plant", feed="pieces")["fold"]["value"] == 5


def test_a_replacement_ends_each_counter_and_the_new_key_goes_on(signed: Consortium) -> None:
    signed.do("plant", signed.key("plant", "press-2", kind="device", scopes=()))
    signed.do("plant", by_device(TOLD))
    signed.clock.advance(hours=1)
    at_ms = signed.clock()
    end = ReplacedFeed("pieces", final_value=9, start_value=100)
    signed.do("plant", ReplaceDevice("press", "press-2", at_ms, (end,)))
    told = counters("pieces", [(at_ms + 5, 103)], generation=2)
    signed.do("plant", by_device(told, key="press-2"))
    late = counters("pieces", [(NOW_MS + 9, 8)], first=3)
    signed.do("plant", by_device(late))
    assert signed.refused("plant", by_device(replace(told, first_sequence=2))).code == "metering.not_source"
    head = signed.query("metering.head_of", owner="plant", feed="pieces")
    assert (head["fold"]["value"], head["generation"], head["records"]) == (103, 2, 5)
    (life,) = signed.query("metering.lives_of", owner="plant", feed="pieces")
    assert (life[0], life[1]["final_value"], life[1]["replaced"]) == (at_ms, 9, True)
