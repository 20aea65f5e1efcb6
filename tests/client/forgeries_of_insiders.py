"""What a lying operator can do, who holds the node's key, and a lying party together with it."""

from collections.abc import Callable
from typing import Any

from hansa.apps.billing.messages import Accept, PublishTariff
from hansa.apps.metering.messages import (
    Anchored,
    AnchorReadings,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
)
from hansa.client.bundle import Bundle, Carried
from hansa.kernel import encode, limits, pack, replace, unpack
from hansa.kernel.canonical import decode
from hansa.kernel.messages import Outcome
from hansa.kernel.signatures import COUNTER_DOMAIN
from tests.client.evidence_world import AGREEMENT, HOUR, EvidenceWorld
from tests.client.forgeries import CLERK, GATEWAY, MAKER, forgery
from tests.client.forging import (
    at_time,
    attested,
    digest,
    edited,
    find,
    headed,
    nth,
    relogged,
    resigned,
    rewired,
    said_otherwise,
)
from tests.consortium import signer

# What a lying operator can do, who holds the node's key: build another log. It has no other member's key.


def _statement_key(b: Bundle) -> tuple[str, ...]:
    return (AGREEMENT, str(b.subject.period_from_ms))


@forgery("recomputation")
def an_amount_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    """The second checker sees that the lines do not add up any more."""
    return attested(
        b, "billing.statements", lambda s: replace(s, gross_minor=s.gross_minor + 1), _statement_key(b)
    )


@forgery("recomputation", seen_without_rating=False)
def amounts_are_changed_so_that_they_add_up(b: Bundle, _: EvidenceWorld) -> Bundle:
    def dearer(s: Any) -> Any:
        def more(x: Any) -> Any:
            return replace(x, net_minor=x.net_minor + 100, gross_minor=x.gross_minor + 100)

        rate = s.lines[0].tax_rate_bp
        by_rate = tuple(more(total) if total.tax_rate_bp == rate else total for total in s.by_rate)
        return replace(more(s), lines=nth(s.lines, 0, more), by_rate=by_rate)

    return attested(b, "billing.statements", dearer, _statement_key(b))


@forgery("recomputation", seen_without_rating=False)
def what_a_gap_counts_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    def fewer(s: Any) -> Any:
        return replace(s, gaps=nth(s.gaps, 0, lambda g: replace(g, quantity_base=g.quantity_base + 1)))

    return attested(b, "billing.statements", fewer, _statement_key(b))


@forgery("recomputation", seen_without_rating=False)
def a_gap_is_not_listed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return attested(
        b,
        "billing.statements",
        lambda s: replace(s, gaps=s.gaps[1:], gap_count=s.gap_count - 1),
        _statement_key(b),
    )


@forgery("recomputation")
def somebody_else_is_to_pay(b: Bundle, _: EvidenceWorld) -> Bundle:
    return attested(b, "billing.statements", lambda s: replace(s, user="bank"), _statement_key(b))


@forgery("recomputation")
def the_currency_is_another(b: Bundle, _: EvidenceWorld) -> Bundle:
    return attested(b, "billing.statements", lambda s: replace(s, currency="USD"), _statement_key(b))


@forgery("periods")
def a_period_is_closed_before_its_cut_off(b: Bundle, _: EvidenceWorld) -> Bundle:
    def early(s: Any) -> Any:
        return replace(s, closed_ms=s.period.to_ms)

    return attested(b, "billing.statements", early, _statement_key(b))


@forgery("signatures")
def a_record_is_changed_and_not_signed(b: Bundle, _: EvidenceWorld) -> Bundle:
    n = find(b, RecordCounters)
    item = b.transactions[n].transaction.item
    changed = item.replace(b'"anchor":"batch-', b'"anchor":"batchx')
    assert changed != item
    return relogged(replace(b, transactions=nth(b.transactions, n, lambda c: rewired(c, changed))))


@forgery("signatures")
def a_transaction_in_anothers_name(b: Bundle, _: EvidenceWorld) -> Bundle:
    """The operator signs with its own key what the plant is to have said."""
    return edited(b, find(b, AnchorReadings), lambda a: a, MAKER)


@forgery("signatures")
def a_signature_of_another_suite(b: Bundle, _: EvidenceWorld) -> Bundle:
    def of(carried: Carried) -> Carried:
        return rewired(carried, b"\x02" + carried.transaction.item[1:])

    return relogged(replace(b, transactions=nth(b.transactions, 3, of)))


@forgery("signatures")
def a_refusal_that_stands_in_the_outcome(b: Bundle, _: EvidenceWorld) -> Bundle:
    def of(carried: Carried) -> Carried:
        said = decode(carried.outcome.item, Outcome)
        return replace(
            carried, outcome=replace(carried.outcome, item=encode(replace(said, code="x.refused")))
        )

    return relogged(replace(b, transactions=nth(b.transactions, 3, of)))


@forgery("signatures")
def an_outcome_of_another_identity(b: Bundle, _: EvidenceWorld) -> Bundle:
    def of(carried: Carried) -> Carried:
        said = Outcome(transaction=digest(b"another"), code="ok")
        return replace(carried, outcome=replace(carried.outcome, item=encode(said)))

    return relogged(replace(b, transactions=nth(b.transactions, 3, of)))


@forgery("keys")
def a_made_up_key_is_shown(b: Bundle, _: EvidenceWorld) -> Bundle:
    key = ("plant", "gateway-1")
    return attested(b, "kernel.keys", lambda k: replace(k, public=MAKER.public), key)


@forgery("signatures")
def a_made_up_key_signs(b: Bundle, _: EvidenceWorld) -> Bundle:
    """Shown and used: but the genesis file has another."""
    shown = a_made_up_key_is_shown(b, _)
    return edited(shown, find(b, AnchorReadings), lambda a: a, MAKER)


@forgery("signatures")
def a_key_that_was_revoked_before(b: Bundle, _: EvidenceWorld) -> Bundle:
    first = b.transactions[find(b, AnchorReadings)].transaction.block.time_ms
    key = ("plant", "gateway-1")
    return attested(b, "kernel.keys", lambda k: replace(k, revoked_ms=first - 1), key)


@forgery("source")
def a_device_whose_key_was_revoked_before(b: Bundle, _: EvidenceWorld) -> Bundle:
    return attested(b, "kernel.keys", lambda k: replace(k, revoked_ms=1), ("plant", "device-1"))


@forgery("terms")
def other_terms_are_shown(b: Bundle, _: EvidenceWorld) -> Bundle:
    return attested(b, "billing.agreements", lambda a: replace(a, terms=replace(a.terms, cut_off_ms=1)))


@forgery("content")
def another_version_of_the_tariff(b: Bundle, _: EvidenceWorld) -> Bundle:
    return attested(b, "billing.agreements", lambda a: replace(a, tariff_version=2))


@forgery("terms")
def another_price(b: Bundle, _: EvidenceWorld) -> Bundle:
    def dearer(published: Any) -> Any:
        return replace(published, tariff=replace(published.tariff, rounding="half_even"))

    return attested(b, "billing.tariffs", dearer)


@forgery("terms", seen_without_rating=False)
def other_terms_under_a_true_acceptance(b: Bundle, _: EvidenceWorld) -> Bundle:
    """Operator and proposer side with each other: another tariff, signed, published and attested."""

    def other(tariff: Any) -> Any:
        return replace(tariff, rounding="half_even")

    n = find(b, PublishTariff)
    forged = edited(b, n, lambda a: replace(a, tariff=other(a.tariff)), signer("maker"))
    return attested(forged, "billing.tariffs", lambda p: replace(p, tariff=other(p.tariff)))


@forgery("terms")
def another_calendar(b: Bundle, _: EvidenceWorld) -> Bundle:
    return attested(
        b, "consortium.calendars", lambda r: replace(r, calendar=replace(r.calendar, zone="Asia/Tokyo"))
    )


@forgery("terms")
def a_feed_declared_otherwise(b: Bundle, _: EvidenceWorld) -> Bundle:
    return attested(b, "metering.feeds", lambda f: replace(f, wired=True, modulus=7), ("plant", "pieces"))


@forgery("terms")
def records_of_one_feed_credited_to_another(b: Bundle, _: EvidenceWorld) -> Bundle:
    def rebound(agreement: Any) -> Any:
        energy = replace(agreement.meters[2], feed="pieces")
        return replace(agreement, meters=(*agreement.meters[:2], energy))

    return attested(b, "billing.agreements", rebound)


@forgery("terms")
def another_source_for_a_device(b: Bundle, _: EvidenceWorld) -> Bundle:
    key = ("plant", "line", "1")
    return attested(b, "metering.generations", lambda g: replace(g, source="gateway-1"), key)


@forgery("recomputation", seen_without_rating=False)
def a_quantity_is_changed_and_its_amount_is_not(b: Bundle, _: EvidenceWorld) -> Bundle:
    def more(s: Any) -> Any:
        lines = nth(s.lines, 2, lambda line: replace(line, quantity_base=line.quantity_base + 1))
        return replace(s, lines=lines)

    return attested(b, "billing.statements", more, _statement_key(b))


@forgery("periods", seen_without_rating=False)
def closes_out_of_order(b: Bundle, w: EvidenceWorld) -> Bundle:
    """The first close is said to lie behind the second: so it would count the records of the next day."""
    first, second = w.statements()[:2]
    key = (AGREEMENT, str(first.period.from_ms))
    return attested(
        b, "billing.statements", lambda s: replace(s, closed_height=second.closed_height + 1), key
    )


@forgery("periods", seen_without_rating=False)
def a_close_said_to_be_later_than_what_it_left_out(b: Bundle, w: EvidenceWorld) -> Bundle:
    key = (AGREEMENT, str(w.statements()[0].period.from_ms))
    return attested(b, "billing.statements", lambda s: replace(s, closed_ms=s.closed_ms + 20 * HOUR), key)


@forgery("terms")
def an_agreement_that_was_not_accepted(b: Bundle, _: EvidenceWorld) -> Bundle:
    return attested(b, "billing.agreements", lambda a: replace(a, state="withdrawn"))


@forgery("inclusion")
def a_header_older_than_its_blocks(b: Bundle, _: EvidenceWorld) -> Bundle:
    return relogged(headed(b, b.attests[0].block.time_ms - 1))


@forgery("signatures")
def a_transaction_of_another_chain(b: Bundle, _: EvidenceWorld) -> Bundle:
    n = find(b, AnchorReadings)
    other = resigned(b.transactions[n], lambda a: a, GATEWAY, chain=digest(b"another consortium"))
    return relogged(replace(b, transactions=nth(b.transactions, n, lambda _: other)))


@forgery("signatures")
def a_key_beyond_its_scope(b: Bundle, _: EvidenceWorld) -> Bundle:
    """The gateway may sign readings; an agreement it may not accept."""
    n = find(b, Accept)
    other = resigned(b.transactions[n], lambda a: a, GATEWAY, key="gateway-1")
    return relogged(replace(b, transactions=nth(b.transactions, n, lambda _: other)))


@forgery("signatures")
def a_transaction_put_in_after_it_had_expired(b: Bundle, _: EvidenceWorld) -> Bundle:
    late = at_time(b.transactions[-1], b.transactions[-1].transaction.block.time_ms + 3 * HOUR)
    forged = replace(b, transactions=(*b.transactions[:-1], late))
    return relogged(headed(forged, late.transaction.block.time_ms))


@forgery("signatures")
def a_key_that_had_expired(b: Bundle, _: EvidenceWorld) -> Bundle:
    last = b.transactions[-1]
    time_ms = last.transaction.block.time_ms + 30 * 366 * limits.DAY_MS
    late = at_time(resigned(last, lambda a: a, GATEWAY, valid_until_ms=time_ms + HOUR), time_ms)
    return relogged(headed(replace(b, transactions=(*b.transactions[:-1], late)), time_ms))


# What a lying party can do together with the operator: sign anew with its own keys.


def values(record: Any, change: Callable[[int], int]) -> Any:
    if not isinstance(record, RecordCounters):
        return record
    values = unpack(record.counters.value)
    return replace(record, counters=replace(record.counters, value=pack((change(values[0]), *values[1:]))))


@forgery("source")
def a_forwarder_changes_what_a_device_signed(b: Bundle, _: EvidenceWorld) -> Bundle:
    n = find(b, RecordCounters, anchor="batch-1")
    return edited(b, n, lambda a: values(a, lambda v: v + 1), MAKER)


@forgery("source")
def a_device_signature_by_another_key(b: Bundle, _: EvidenceWorld) -> Bundle:
    def of(record: Any) -> Any:
        return replace(record, signature=MAKER.sign(COUNTER_DOMAIN + MAKER.public + encode(record.counters)))

    return edited(b, find(b, RecordCounters, anchor="batch-1"), of, MAKER)


@forgery("source")
def a_gateways_signature_given_for_a_devices(b: Bundle, _: EvidenceWorld) -> Bundle:
    def of(action: Any) -> Any:
        if not isinstance(action, RecordCounters):
            return action
        message = COUNTER_DOMAIN + GATEWAY.public + encode(action.counters)
        return replace(action, signature=GATEWAY.sign(message))

    return edited(b, find(b, RecordCounters, anchor="batch-2"), of, GATEWAY)


@forgery("source")
def a_feed_of_a_device_that_signed_nothing(b: Bundle, _: EvidenceWorld) -> Bundle:
    n = find(b, RecordCounters, anchor="batch-1")
    return edited(b, n, lambda a: replace(a, signature=b""), MAKER)


@forgery("source")
def a_reading_that_the_anchor_does_not_hold(b: Bundle, _: EvidenceWorld) -> Bundle:
    def of(action: Any) -> Any:
        if not isinstance(action, RecordCounters):
            return action
        return replace(action, index=pack(n + 999 for n in unpack(action.index)))

    return edited(b, find(b, RecordCounters, anchor="batch-2"), of, GATEWAY)


@forgery("readings")
def the_gateway_records_what_it_did_not_read(b: Bundle, _: EvidenceWorld) -> Bundle:
    """The last delivery: its readings are in the bundle."""
    anchor = b.readings[-1].reading.anchor
    return edited(b, find(b, RecordCounters, anchor=anchor), lambda a: values(a, lambda v: v + 1), GATEWAY)


@forgery("readings")
def another_anchor_under_the_same_name(b: Bundle, _: EvidenceWorld) -> Bundle:
    """The gateway anchors other readings; those handed out no longer fit."""
    anchor = b.readings[0].reading.anchor

    def of(action: Any) -> Any:
        anchored = isinstance(action, AnchorReadings | Anchored)
        return replace(action, root=digest(b"other")) if anchored else action

    n = find(b, AnchorReadings, anchor=anchor)
    return edited(said_otherwise(b, n, of), n, of, GATEWAY)


@forgery("terms")
def the_owner_registers_another_feed(b: Bundle, _: EvidenceWorld) -> Bundle:
    def of(action: Any) -> Any:
        if not isinstance(action, RegisterFeed):
            return action
        return replace(action, declaration=replace(action.declaration, modulus=1_000_000))

    return edited(b, find(b, RegisterDevice), of, CLERK)
