"""Good evidence holds, forged evidence fails: in both checkers, at the check that is meant to see it."""

import importlib.util
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hansa.apps.billing.messages import Accept, Propose, PublishTariff
from hansa.apps.consortium.messages import AddKey, Genesis, PublishCalendar
from hansa.apps.metering.messages import (
    AnchorReadings,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
)
from hansa.apps.metering.readings import StoredReading
from hansa.client.bundle import BUNDLE_BYTES_MAX, Bundle, Carried, HeldReading
from hansa.client.verify import Report, check_bundle
from hansa.kernel import encode, limits, pack, replace, unpack
from hansa.kernel.canonical import decode
from hansa.kernel.messages import Outcome
from hansa.kernel.signatures import COUNTER_DOMAIN
from tests.client.evidence_world import AGREEMENT, HOUR, EvidenceWorld
from tests.client.forging import (
    at_time,
    attest_index,
    attested,
    digest,
    edited,
    find,
    flipped,
    headed,
    nth,
    relogged,
    resigned,
    rewired,
    without,
)
from tests.consortium import signer

CHECKER = Path(__file__).resolve().parents[2] / "examples" / "check_evidence.py"
GATEWAY, CLERK, MAKER = signer("plant", "gateway-1"), signer("plant", "k1"), signer("maker", "k1")


def load_checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_evidence", CHECKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


checker = load_checker()


def checked(data: bytes, genesis: bytes) -> bool:
    """Whether the second checker lets it pass; it raises nothing but Broken."""
    try:
        checker.check(data, genesis)
    except checker.Broken:
        return False
    return True


def failed(report: Report) -> list[str]:
    return [check.name for check in report.checks if not check.ok]


def test_good_evidence_holds_in_both_checkers(world: EvidenceWorld, bundles: list[bytes]) -> None:
    for data in bundles:
        report = check_bundle(data, world.genesis)
        assert failed(report) == []
        assert report.ok
        assert checked(data, world.genesis)


@dataclass(frozen=True)
class Forgery:
    """How a bundle is forged, the check of ours that must fail, and whether the second checker can see it."""

    name: str
    make: Callable[[Bundle, EvidenceWorld], Bundle]
    fails: str
    seen_without_rating: bool = True


FORGERIES: list[Forgery] = []


def forgery(fails: str, *, seen_without_rating: bool = True) -> Callable[[Any], Any]:
    def keep(make: Callable[[Bundle, EvidenceWorld], Bundle]) -> Any:
        FORGERIES.append(Forgery(make.__name__, make, fails, seen_without_rating))
        return make

    return keep


# What anybody can do who holds no key: change the file.


def _event(bundle: Bundle, change: Callable[[Any], Any], n: int = 0) -> Bundle:
    return replace(bundle, attests=nth(bundle.attests, n, change))


def _transaction(bundle: Bundle, change: Callable[[Any], Any], n: int = 3) -> Bundle:
    def of(carried: Carried) -> Carried:
        return replace(carried, transaction=change(carried.transaction))

    return replace(bundle, transactions=nth(bundle.transactions, n, of))


def _first_step(where: Any) -> Any:
    return replace(where, path=nth(where.path, 0, flipped))


@forgery("inclusion")
def a_record_of_the_ledger_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _event(b, lambda p: replace(p, item=p.item.replace(b"statements", b"statementz")))


@forgery("inclusion")
def a_step_of_a_path_in_a_block_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _event(b, lambda p: replace(p, within_block=_first_step(p.within_block)))


@forgery("inclusion")
def a_path_is_cut_short(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _event(b, lambda p: replace(p, within_log=replace(p.within_log, path=p.within_log.path[:-1])))


@forgery("inclusion")
def a_path_is_longer(b: Bundle, _: EvidenceWorld) -> Bundle:
    longer = "ab" * 32
    return _event(
        b, lambda p: replace(p, within_log=replace(p.within_log, path=(*p.within_log.path, longer)))
    )


@forgery("inclusion")
def an_index_in_a_block_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _event(b, lambda p: replace(p, within_block=replace(p.within_block, index=1)))


@forgery("inclusion")
def the_size_of_a_blocks_tree_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    def more(p: Any) -> Any:
        return replace(p, within_block=replace(p.within_block, size=p.within_block.size + 1))

    return _event(b, more, -1)


@forgery("inclusion")
def a_step_of_a_path_in_the_log_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _transaction(b, lambda p: replace(p, within_log=_first_step(p.within_log)))


@forgery("inclusion")
def an_index_in_the_log_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _transaction(b, lambda p: replace(p, within_log=replace(p.within_log, index=0)), 9)


@forgery("inclusion")
def the_size_of_the_log_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    def less(p: Any) -> Any:
        return replace(p, within_log=replace(p.within_log, size=p.within_log.size - 1))

    return _transaction(b, less)


@forgery("inclusion")
def the_time_of_a_block_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _event(b, lambda p: replace(p, block=replace(p.block, time_ms=p.block.time_ms + 1)))


@forgery("inclusion")
def the_state_of_a_block_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _event(b, lambda p: replace(p, block=replace(p.block, state_digest=flipped(p.block.state_digest))))


@forgery("inclusion")
def a_signature_in_a_transaction_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _transaction(b, lambda p: replace(p, item=p.item[:10] + b"\x00" * 4 + p.item[14:]))


@forgery("inclusion")
def an_event_is_called_a_transaction(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _event(b, lambda p: replace(p, kind="transaction"))


@forgery("inclusion")
def an_outcome_is_called_an_event(b: Bundle, _: EvidenceWorld) -> Bundle:
    return replace(b, attests=(*b.attests, b.transactions[0].outcome))


@forgery("inclusion")
def transactions_are_swapped(b: Bundle, _: EvidenceWorld) -> Bundle:
    one, two = b.transactions[8], b.transactions[9]
    return replace(b, transactions=(*b.transactions[:8], two, one, *b.transactions[10:]))


@forgery("inclusion")
def a_transaction_stands_twice(b: Bundle, _: EvidenceWorld) -> Bundle:
    return replace(b, transactions=(*b.transactions[:9], *b.transactions[8:]))


@forgery("inclusion")
def the_outcome_of_another_transaction(b: Bundle, _: EvidenceWorld) -> Bundle:
    other = b.transactions[5].outcome
    return replace(b, transactions=nth(b.transactions, 8, lambda c: replace(c, outcome=other)))


@forgery("signatures")
def a_refused_transaction(_: Bundle, w: EvidenceWorld) -> Bundle:
    """It lies on the ledger, and its outcome says that it was refused."""
    node, b = w.consortium.node, w.gather(-1)
    refused = Carried(node.prove("transaction", *w.refused), node.prove("outcome", *w.refused))
    carried = sorted((*b.transactions, refused), key=lambda c: c.transaction.block.height)
    return replace(b, transactions=tuple(carried))


@forgery("signatures")
def a_true_transaction_whose_key_is_not_shown(_: Bundle, w: EvidenceWorld) -> Bundle:
    node, b, height = w.consortium.node, w.gather(-1), w.attested[0]
    true = Carried(node.prove("transaction", height, 0), node.prove("outcome", height, 0))
    carried = sorted((*b.transactions, true), key=lambda c: c.transaction.block.height)
    return replace(b, transactions=tuple(carried))


@forgery("inclusion")
def a_refused_transaction_with_the_outcome_of_another(_: Bundle, w: EvidenceWorld) -> Bundle:
    node, b = w.consortium.node, w.gather(-1)
    forged = Carried(node.prove("transaction", *w.refused), b.transactions[0].outcome)
    carried = sorted((*b.transactions, forged), key=lambda c: c.transaction.block.height)
    return replace(b, transactions=tuple(carried))


@forgery("header")
def the_headers_height_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return replace(b, head=replace(b.head, header=replace(b.head.header, height=b.head.header.height + 1)))


@forgery("header")
def the_headers_root_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    header = replace(b.head.header, app_hash=flipped(b.head.header.app_hash))
    return replace(b, head=replace(b.head, header=header))


@forgery("header")
def the_headers_time_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return replace(b, head=replace(b.head, header=replace(b.head.header, time_ms=1)))


@forgery("header")
def the_headers_signature_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return replace(b, head=replace(b.head, signature=bytes(64)))


@forgery("header")
def the_headers_suite_is_another(b: Bundle, _: EvidenceWorld) -> Bundle:
    return replace(b, head=replace(b.head, suite=2))


@forgery("genesis")
def the_headers_chain_is_another(b: Bundle, _: EvidenceWorld) -> Bundle:
    return replace(b, head=replace(b.head, header=replace(b.head.header, chain=flipped(b.head.header.chain))))


@forgery("attests")
def a_record_is_shown_twice(b: Bundle, _: EvidenceWorld) -> Bundle:
    return replace(b, attests=(*b.attests, b.attests[0]))


@forgery("periods")
def an_earlier_statement_is_left_out(b: Bundle, _: EvidenceWorld) -> Bundle:
    return replace(b, attests=b.attests[1:])


@forgery("content")
def the_agreement_is_left_out(b: Bundle, _: EvidenceWorld) -> Bundle:
    n = attest_index(b, "billing.agreements")
    return replace(b, attests=(*b.attests[:n], *b.attests[n + 1 :]))


@forgery("terms")
def a_record_is_shown_as_it_stood_before(_: Bundle, w: EvidenceWorld) -> Bundle:
    """A true attest of an earlier height: the agreement as it was before the first close."""
    b = w.gather(-1)
    n = attest_index(b, "billing.agreements")
    earlier = w.consortium.node.prove("event", *w.attested)
    return replace(b, attests=nth(b.attests, n, lambda _: earlier))


@forgery("content")
def the_subject_is_another_period(b: Bundle, _: EvidenceWorld) -> Bundle:
    return replace(b, subject=replace(b.subject, period_from_ms=b.subject.period_from_ms + 1))


@forgery("content")
def the_subject_is_another_agreement(b: Bundle, _: EvidenceWorld) -> Bundle:
    return replace(b, subject=replace(b.subject, agreement="lease-2"))


@forgery("recomputation", seen_without_rating=False)
def records_are_left_out(b: Bundle, _: EvidenceWorld) -> Bundle:
    """The second checker names the missing numbers, and cannot know what they counted."""
    return without(b, find(b, RecordCounters) + 2)


@forgery("source")
def an_anchor_is_left_out(b: Bundle, _: EvidenceWorld) -> Bundle:
    return without(b, find(b, AnchorReadings, anchor="batch-1"))


@forgery("terms")
def the_acceptance_is_left_out(b: Bundle, _: EvidenceWorld) -> Bundle:
    return without(b, find(b, Accept))


@forgery("terms")
def the_proposal_is_left_out(b: Bundle, _: EvidenceWorld) -> Bundle:
    return without(b, find(b, Propose))


@forgery("terms")
def the_tariff_sheet_is_left_out(b: Bundle, _: EvidenceWorld) -> Bundle:
    return without(b, find(b, PublishTariff))


@forgery("terms")
def the_calendar_is_left_out(b: Bundle, _: EvidenceWorld) -> Bundle:
    return without(b, find(b, PublishCalendar))


@forgery("terms")
def the_registration_of_feeds_is_left_out(b: Bundle, _: EvidenceWorld) -> Bundle:
    return without(b, find(b, RegisterFeed))


@forgery("keys")
def the_registration_of_a_key_is_left_out(b: Bundle, _: EvidenceWorld) -> Bundle:
    return without(b, find(b, AddKey, id="device-2"))


def _reading(b: Bundle, change: Callable[[Any], Any], n: int = 0) -> Bundle:
    def of(held: HeldReading) -> HeldReading:
        return replace(held, reading=change(held.reading))

    return replace(b, readings=nth(b.readings, n, of))


@forgery("readings")
def a_reading_says_more(b: Bundle, _: EvidenceWorld) -> Bundle:
    def more(reading: Any) -> Any:
        stored = decode(reading.data, StoredReading)
        return replace(reading, data=encode(replace(stored, value=stored.value + 1)))

    return _reading(b, more)


@forgery("readings")
def a_salt_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _reading(b, lambda r: replace(r, salt=bytes(16)))


@forgery("readings")
def salt_and_data_are_cut_elsewhere(b: Bundle, _: EvidenceWorld) -> Bundle:
    """The leaf is the same, since it hashes both as one string."""
    return _reading(b, lambda r: replace(r, salt=r.salt[:15], data=r.salt[15:] + r.data))


@forgery("readings")
def a_step_of_a_readings_path_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _reading(b, lambda r: replace(r, path=nth(r.path, 0, flipped)))


@forgery("content")
def a_step_of_a_readings_path_in_capitals(b: Bundle, _: EvidenceWorld) -> Bundle:
    """It says the same in another form; but each content has one form."""
    return _reading(b, lambda r: replace(r, path=nth(r.path, 0, str.upper)))


@forgery("readings")
def a_readings_index_is_changed(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _reading(b, lambda r: replace(r, index=r.index + 1))


@forgery("readings")
def a_reading_of_another_anchor(b: Bundle, _: EvidenceWorld) -> Bundle:
    return _reading(b, lambda r: replace(r, anchor="batch-3"))


@forgery("readings")
def a_reading_of_another_owner(b: Bundle, _: EvidenceWorld) -> Bundle:
    return replace(b, readings=nth(b.readings, 0, lambda held: replace(held, owner="maker")))


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
    return attested(b, "kernel.keys", lambda k: replace(k, revoked_ms=first), key)


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


def _values(record: Any, change: Callable[[int], int]) -> Any:
    if not isinstance(record, RecordCounters):
        return record
    values = unpack(record.counters.value)
    return replace(record, counters=replace(record.counters, value=pack((change(values[0]), *values[1:]))))


@forgery("source")
def a_forwarder_changes_what_a_device_signed(b: Bundle, _: EvidenceWorld) -> Bundle:
    n = find(b, RecordCounters, anchor="batch-1")
    return edited(b, n, lambda a: _values(a, lambda v: v + 1), MAKER)


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
    return edited(b, find(b, RecordCounters, anchor=anchor), lambda a: _values(a, lambda v: v + 1), GATEWAY)


@forgery("readings")
def another_anchor_under_the_same_name(b: Bundle, _: EvidenceWorld) -> Bundle:
    """The gateway anchors other readings; those handed out no longer fit."""
    anchor = b.readings[0].reading.anchor

    def of(action: Any) -> Any:
        return replace(action, root=digest(b"other")) if isinstance(action, AnchorReadings) else action

    return edited(b, find(b, AnchorReadings, anchor=anchor), of, GATEWAY)


@forgery("terms")
def the_owner_registers_another_feed(b: Bundle, _: EvidenceWorld) -> Bundle:
    def of(action: Any) -> Any:
        if not isinstance(action, RegisterFeed):
            return action
        return replace(action, declaration=replace(action.declaration, modulus=1_000_000))

    return edited(b, find(b, RegisterDevice), of, CLERK)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_forged_evidence_fails_where_it_must(
    world: EvidenceWorld, bundles: list[bytes], forgery: Forgery
) -> None:
    data = encode(forgery.make(decode(bundles[-1], Bundle), world))
    assert data != bundles[-1]
    report = check_bundle(data, world.genesis)
    assert failed(report)[:1] == [forgery.fails], [check for check in report.checks if not check.ok]
    assert checked(data, world.genesis) == (not forgery.seen_without_rating)


def test_the_first_copy_of_a_number_stands(world: EvidenceWorld, bundles: list[bytes]) -> None:
    """Copies that come later, the same or contradicting, change nothing."""
    b = decode(bundles[-1], Bundle)
    n = find(b, RecordCounters, anchor="batch-3")
    for change in (lambda a: a, lambda a: _values(a, lambda v: v + 9)):
        after = b.transactions[-1]
        until_ms = after.transaction.block.time_ms + HOUR
        copy = resigned(b.transactions[n], change, GATEWAY, sequence=900, valid_until_ms=until_ms)
        copy = Carried(
            replace(copy.transaction, block=after.transaction.block),
            replace(copy.outcome, block=after.outcome.block),
        )
        data = encode(relogged(replace(b, transactions=(*b.transactions, copy))))
        assert failed(check_bundle(data, world.genesis)) == []
        assert checked(data, world.genesis)


def test_a_log_built_anew_with_nothing_changed_holds(world: EvidenceWorld, bundles: list[bytes]) -> None:
    """So that what fails above fails for its own reason."""
    data = encode(relogged(decode(bundles[-1], Bundle)))
    assert failed(check_bundle(data, world.genesis)) == []
    assert checked(data, world.genesis)


# Bytes that are no bundle at all.


def test_anothers_genesis_is_refused(world: EvidenceWorld, bundles: list[bytes]) -> None:
    other = encode(replace(decode(world.genesis, Genesis), created_ms=1))
    assert failed(check_bundle(bundles[0], other)) == ["genesis"]
    assert not checked(bundles[0], other)


@pytest.mark.parametrize(
    "junk",
    [
        b"", b" ", b"{}", b"[]", b"null", b"1", b"\xff\xfe", b"{" * 100_000, b"[" * 100_000,
        b'{"a":' * 50_000, b"9" * 10_000, b'"' + b"a" * 1_000_000 + b'"', b"\x00" * 1_000, b"NaN",
    ],
)  # fmt: skip
def test_junk_is_refused(world: EvidenceWorld, bundles: list[bytes], junk: bytes) -> None:
    for data, genesis in ((junk, world.genesis), (bundles[0], junk)):
        assert failed(check_bundle(data, genesis)) == ["content"]
        assert not checked(data, genesis)


def test_what_is_too_large_is_not_read(world: EvidenceWorld) -> None:
    report = check_bundle(b" " * (BUNDLE_BYTES_MAX + 1), world.genesis)
    assert failed(report) == ["content"]
    assert "64" in report.checks[0].detail.en or str(BUNDLE_BYTES_MAX) in report.checks[0].detail.en


@pytest.mark.parametrize("change", ["space", "field", "twice", "newline", "empty", "cut", "order"])
def test_only_the_canonical_form_is_read(world: EvidenceWorld, bundles: list[bytes], change: str) -> None:
    good = bundles[0]
    data = {
        "space": good.replace(b'"format":', b'"format": ', 1),
        "field": good.replace(b'{"attests"', b'{"a":1,"attests"', 1),
        "twice": good.replace(b'"format":', b'"format":"x","format":', 1),
        "newline": good + b"\n",
        "empty": good.replace(b'"reading":{', b'"reading":{"path":[],', 1),
        "cut": good[:-1],
        "order": good[:-1].replace(b'"format":"hansa-evidence-1",', b"", 1)
        + b',"format":"hansa-evidence-1"}',
    }[change]
    assert data != good
    assert failed(check_bundle(data, world.genesis)) == ["content"]
    assert not checked(data, world.genesis)


GOOD: dict[int, bytes] = {}
"""A bundle made once: as a fixture it would fill the report of a failure."""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), bit=st.integers(0, 7))
@example(seed=2_099_136_672, bit=5)  # the case of a letter in the path of a reading
def test_no_byte_can_be_changed(world: EvidenceWorld, seed: int, bit: int) -> None:
    """Whatever bit is flipped, both checkers refuse."""
    good = GOOD.setdefault(0, encode(world.gather(0)))
    place = random.Random(seed).randrange(len(good))
    data = good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :]
    assert not check_bundle(data, world.genesis).ok
    assert not checked(data, world.genesis)
