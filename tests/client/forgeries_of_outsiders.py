"""What anybody can do who holds no key: change the file."""

from collections.abc import Callable
from typing import Any

from hansa.apps.billing.messages import Accept, Propose, PublishTariff
from hansa.apps.consortium.messages import PublishCalendar, RegisterKey
from hansa.apps.metering.messages import (
    AnchorReadings,
    RecordCounters,
    RegisterFeed,
)
from hansa.apps.metering.readings import StoredReading
from hansa.client.bundle import Bundle, Carried, HeldReading
from hansa.kernel import encode, replace
from hansa.kernel.canonical import decode
from tests.client.evidence_world import EvidenceWorld
from tests.client.forgeries import forgery
from tests.client.forging import (
    attest_index,
    find,
    flipped,
    nth,
    without,
)


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
    return without(b, find(b, RegisterKey))


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
