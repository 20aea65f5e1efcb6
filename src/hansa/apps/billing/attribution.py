"""Who answers for time in which a machine did not run, and for scrap: by rule, or as a party claimed.

The law is docs/tariff-rules.md, section 7 (A1–A8). Pure: contract and checker attribute by the same lines.
Unknown time is never downtime by itself: what a gap counts for is the gap rule's matter, and nobody answers
for it, unless a party claims a stop in it with evidence and the other does not contest that.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from hansa.apps.billing import errors_attribution as errors
from hansa.apps.billing.booking import UNKNOWN, Book, Measure
from hansa.apps.billing.elements import Meter
from hansa.apps.billing.lines import bounded
from hansa.apps.metering.chain import Interval
from hansa.apps.metering.messages import Fold
from hansa.kernel.limits import CLAIM_CONTEST_MS, CLAIM_RECORDS_MAX, METERS_MAX, STATES_MAX
from hansa.kernel.messages import Record
from hansa.kernel.types import (
    DurationMs,
    Id,
    Integer,
    MemberId,
    Natural,
    OptionalHash,
    StateName,
    Struct,
    TimeMs,
)

Liable = Literal["provider", "user", "neither"]
"""Who answers for it 责任方: provider 出租方/服务方, user 承租方/使用方, neither 双方均无责."""

ALL_WINDOWS = ""
"""Window of scrap: it is attributed for the period as a whole."""


class AttributionRule(Struct):
    """Who answers for time in some states, or for scrap, unless a claim says otherwise (A1)."""

    meter: Id
    """A state meter, or a counter of scrap."""
    reason: Id
    """Code of the cause, as the parties name it: `breakdown`, `no_material`."""
    liable: Liable
    states: tuple[StateName, ...] = ()
    """Of a state meter: the states that are stops by this rule. None: all that a counter counts is scrap."""


class Claim(Record, version=1, readers="members", retention="business"):
    """One party says why a machine stood still or pieces were scrap, and who answers for it (停机认定申请).

    Frozen with the close of its period.
    """

    meter: Id
    from_ms: TimeMs
    to_ms: TimeMs
    """from ≤ t < to, within one period."""
    reason: Id
    liable: Liable
    by: MemberId
    made_ms: TimeMs
    admitted: bool = False
    """Its maker names itself: nobody has to contest that."""
    pieces: Natural = 0
    """Of scrap: how many; 0 for a stop."""
    evidence: OptionalHash = ""
    contested: bool = False
    """The other party contested it: it counts for nothing."""
    counter_evidence: OptionalHash = ""
    contested_ms: TimeMs = 0
    withdrawn_ms: TimeMs = 0
    """When it was contested, taken back; 0: it was not. What was taken back counts as never made."""


class StopLine(Struct):
    """Stopped time of a period by cause, as a statement lists it."""

    meter: Id
    reason: Id
    liable: Liable
    stopped_ms: DurationMs


class ScrapLine(Struct):
    """Scrap of a period by cause."""

    meter: Id
    reason: Id
    liable: Liable
    pieces: Natural


class DisputedClaim(Struct):
    """A claim that did not count, and by how much the lines of the period would change if it did."""

    claim: Id
    meter: Id
    from_ms: TimeMs
    to_ms: TimeMs
    reason: Id
    liable: Liable
    by: MemberId
    pieces: Natural = 0
    contested: bool = False
    """False: it came too late to be contested, so it counts as contested (A4)."""
    change_minor: Integer = 0
    """Sum of the period's line amounts with this claim, less that without it; tax as the tariff states."""


Cause = tuple[str, Liable, str]
"""(reason, liable, window)."""


class ClaimSource(Protocol):
    """Looks up what a meter's records say of the time of a claim."""

    def standing(self) -> Fold:
        """The fold over all records of the feed."""
        ...

    def first_ms(self) -> int:
        """Time of the feed's first record; 0 if there is none."""
        ...

    def intervals(self, from_ms: int, to_ms: int, limit: int) -> Iterable[Interval]:
        """Intervals that touch from ≤ t < to, in order, out of the first `limit` records from there on."""
        ...


def check_attribution(rules: Sequence[AttributionRule], meters: Mapping[str, Meter]) -> None:
    """Refuse rules that name a meter which cannot stop or scrap, or say two things of one state (A1)."""
    if len(rules) > METERS_MAX * STATES_MAX:
        raise errors.AttributionSize(count=len(rules), limit=METERS_MAX * STATES_MAX)
    seen: dict[tuple[str, str], None] = {}
    for rule in rules:
        meter = meters.get(rule.meter)
        if meter is None or meter.kind == "amount":
            raise errors.AttributionMeter(clause=rule.meter, meter=rule.meter)
        if bool(rule.states) != (meter.kind == "state"):
            raise errors.AttributionStates(clause=rule.meter, meter=rule.meter, reason=rule.reason)
        for state in rule.states or (ALL_WINDOWS,):
            if state == "unknown":
                raise errors.AttributionUnknown(clause=rule.meter, meter=rule.meter, reason=rule.reason)
            if (rule.meter, state) in seen:
                raise errors.AttributionTwice(clause=rule.meter, meter=rule.meter, state=state or "—")
            seen[rule.meter, state] = None


def of_meter(rules: Iterable[AttributionRule], meter: str) -> tuple[AttributionRule, ...]:
    return tuple(rule for rule in rules if rule.meter == meter)


def counts(claim: Claim, closes_ms: int) -> bool:
    """A4: nobody contested it, and the other party had the time to. `closes_ms`: end of the period plus
    cut-off.
    """
    return not claim.contested and (claim.admitted or claim.made_ms + CLAIM_CONTEST_MS <= closes_ms)


class Claimed(NamedTuple):
    """What a claim is about, by what is known of it: nothing to be moved beyond that."""

    name: str
    claim: Claim
    moved: Mapping[tuple[int, int], int]
    """ms by (state, window), or pieces under (0, 0)."""


def claimed(of: Measure, source: ClaimSource, name: str, claim: Claim) -> Claimed:
    """A5: the stopped time, or the pieces counted, within a claim, as far as its first records go.

    With evidence also the time of which nothing is known, under the state `unknown`.
    """
    book = Book(of)
    pieces = 0
    unknown: list[tuple[int, int]] = []
    for interval in source.intervals(claim.from_ms, claim.to_ms, CLAIM_RECORDS_MAX):
        if not _is_normal(of, interval):
            unknown.append((interval.from_ms, interval.to_ms))
            continue
        assert interval.quantity is not None
        if of.kind == "state":
            from_ms, to_ms = max(interval.from_ms, claim.from_ms), min(interval.to_ms, claim.to_ms)
            book.count_state(interval.quantity, from_ms, to_ms, 1)
        elif claim.from_ms <= max(interval.to_ms - 1, interval.from_ms) < claim.to_ms:
            pieces += interval.quantity
    if of.kind == "state":
        if claim.evidence:
            for from_ms, to_ms in (*unknown, *_unread(source, claim)):
                book.count_state(UNKNOWN, max(from_ms, claim.from_ms), min(to_ms, claim.to_ms), 1)
        moved: dict[tuple[int, int], int] = {}
        for (_, state, window), time_ms in book.counts.items():
            moved[state, window] = moved.get((state, window), 0) + time_ms
        return Claimed(name, claim, moved)
    return Claimed(name, claim, {(0, 0): min(pieces, claim.pieces)})


def _unread(source: ClaimSource, claim: Claim) -> list[tuple[int, int]]:
    """Before a feed's first record, and after its last one, nothing is known; without any, at no time."""
    ends = [(claim.from_ms, source.first_ms()), (source.standing().at_ms, claim.to_ms)]
    return [
        (from_ms, to_ms) for from_ms, to_ms in ends if max(from_ms, claim.from_ms) < min(to_ms, claim.to_ms)
    ]


def _is_normal(of: Measure, interval: Interval) -> bool:
    """Whether it is usage that counts, and neither gap nor unknown (M8, M14, M15, M17)."""
    if of.kind == "state":
        silent = of.reporting == "periodic" and interval.to_ms - interval.from_ms > of.longer_than_ms
        return interval.quantity not in (UNKNOWN, None) and not silent
    is_gap = interval.to_ms - interval.unknown_from_ms > of.longer_than_ms
    return interval.quantity is not None and not is_gap and interval.from_ms >= of.from_ms


def attribute(
    of: Measure,
    rules: Sequence[AttributionRule],
    usage: Mapping[tuple[int, int], int],
    standing: Iterable[Claimed],
) -> dict[Cause, int]:
    """A2, A3: ms by cause and window, or pieces by cause: first by rule, then as the claims say that count.

    `rules`: of this meter. `usage`: of a state meter what was metered, by (state, window), gaps left out; of
    a counter all it counts in the period. No cause has less than 0, and together they are what `usage` says,
    and what claims say of time that nothing else is known of.
    """
    causes: dict[Cause, int] = {}
    if of.kind != "state":
        for rule in rules:
            causes[rule.reason, rule.liable, ALL_WINDOWS] = bounded(sum(usage.values()), rule.meter)
            for found in standing:
                _move(causes, rule, found, ALL_WINDOWS, found.moved[0, 0])
        return causes
    by_state = {of.states.index(state): rule for rule in rules for state in rule.states}
    for (state, window), time_ms in usage.items():
        if state in by_state:
            cause = (by_state[state].reason, by_state[state].liable, of.scheme.names[window])
            causes[cause] = causes.get(cause, 0) + time_ms
    for found in standing:
        for (state, window), time_ms in found.moved.items():
            if state in by_state:
                _move(causes, by_state[state], found, of.scheme.names[window], time_ms)
            elif state == UNKNOWN and time_ms:
                said = (found.claim.reason, found.claim.liable, of.scheme.names[window])
                causes[said] = causes.get(said, 0) + time_ms
    return causes


def _move(
    causes: dict[Cause, int], rule: AttributionRule, found: Claimed, window: str, quantity: int
) -> None:
    """From the rule's cause to the claim's; never more than the rule has there."""
    ruled: Cause = (rule.reason, rule.liable, window)
    moved = min(quantity, causes.get(ruled, 0))
    if moved:
        causes[ruled] -= moved
        said: Cause = (found.claim.reason, found.claim.liable, window)
        causes[said] = causes.get(said, 0) + moved


def stop_lines(meter: str, causes: Mapping[Cause, int]) -> list[StopLine]:
    """By reason and liable party, in that order, all windows together; none of nothing."""
    return [StopLine(meter, reason, liable, found) for (reason, liable), found in _by_reason(causes)]


def scrap_lines(meter: str, causes: Mapping[Cause, int]) -> list[ScrapLine]:
    return [ScrapLine(meter, reason, liable, found) for (reason, liable), found in _by_reason(causes)]


def _by_reason(causes: Mapping[Cause, int]) -> list[tuple[tuple[str, Liable], int]]:
    sums: dict[tuple[str, Liable], int] = {}
    for (reason, liable, _), quantity in causes.items():
        sums[reason, liable] = sums.get((reason, liable), 0) + quantity
    return sorted((cause, quantity) for cause, quantity in sums.items() if quantity)


def disputed(found: Claimed, change_minor: int) -> DisputedClaim:
    claim = found.claim
    return DisputedClaim(
        claim=found.name,
        meter=claim.meter,
        from_ms=claim.from_ms,
        to_ms=claim.to_ms,
        reason=claim.reason,
        liable=claim.liable,
        by=claim.by,
        pieces=claim.pieces,
        contested=claim.contested,
        change_minor=bounded(change_minor, found.name),
    )
