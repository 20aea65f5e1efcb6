"""Gather the evidence of a statement from the ledger and from the owner's store of readings."""

from collections.abc import Callable, Iterator, Sequence

from hansa.apps.billing.messages import Agreement, PublishedTariff, Statement
from hansa.apps.consortium.messages import Attest
from hansa.apps.metering.messages import Anchor, Batch, CounterRecord, Device, Feed, Generation, Life
from hansa.client import Client, Receipt
from hansa.client.bundle import FORMAT, Bundle, Carried, HeldReading, Subject
from hansa.edge.readings import ReadingStore
from hansa.kernel import Refusal, limits
from hansa.kernel.evidence import Proof
from hansa.kernel.transaction import parse

READINGS_IN_BUNDLE_MAX = 2_000
"""Readings handed out with a bundle; beyond it the first ones, and the bundle's checks say how many."""
RECORDS_PER_PAGE = 10_000

Progress = Callable[[int, int], None]


class StatementUnknown(Refusal, code="evidence.statement_unknown", field="period"):
    zh = "协议 {agreement} 没有这一期的结算单。已有的结算期:{known}。"
    en = "Agreement {agreement} has no statement for that period. There are: {known}."


def gather(
    client: Client,
    agreement_id: str,
    period_from_ms: int,
    stores: dict[str, ReadingStore],
    progress: Progress = lambda done, whole: None,
) -> Bundle:
    """The bundle of one statement. `stores`: readings by owner, as far as they are at hand.

    Has the records attested first, which costs one transaction. Raises StatementUnknown.
    """
    agreement = client.query("billing.agreement_of", Agreement, agreement=agreement_id)
    statements = client.query("billing.statements_of", list[Statement], agreement=agreement_id)
    subject = next((s for s in statements if s.period.from_ms == period_from_ms), None)
    if subject is None:
        known = ", ".join(str(s.period.from_ms) for s in statements)
        raise StatementUnknown(agreement=agreement_id, known=known)
    attested = _attested(client, agreement_id, agreement, statements, subject)
    carried = _transactions(client, agreement, subject)
    attested += _signers(client, carried)
    receipts = _attest(client, list(dict.fromkeys(attested)))
    head = client.transport.head()
    assert head is not None
    proofs: list[Proof] = []
    for height in dict.fromkeys(receipt.height for receipt in receipts):
        proofs += _events_of(client, height)
    transactions = []
    for number, (height, index) in enumerate(carried, 1):
        transactions.append(
            Carried(
                transaction=client.transport.prove("transaction", height, index),
                outcome=client.transport.prove("outcome", height, index),
            )
        )
        progress(number, len(carried))
    return Bundle(
        format=FORMAT,
        subject=Subject(agreement=agreement_id, period_from_ms=period_from_ms),
        head=head,
        attests=tuple(proofs),
        transactions=tuple(transactions),
        readings=tuple(_readings(client, agreement, subject, stores)),
    )


def _attested(
    client: Client,
    agreement_id: str,
    agreement: Agreement,
    statements: Sequence[Statement],
    subject: Statement,
) -> list[Attest]:
    """The current records that the statement rests on."""
    tariff = client.query(
        "billing.tariff_of",
        PublishedTariff,
        owner=agreement.tariff_owner,
        tariff=agreement.tariff,
        version=agreement.tariff_version,
    )
    wanted = [
        Attest(table="billing.statements", key=(agreement_id, str(statement.period.from_ms)))
        for statement in statements
        if statement.period.from_ms <= subject.period.from_ms
    ]
    version = str(agreement.tariff_version)
    wanted += [
        Attest(table="billing.agreements", key=(agreement_id,)),
        Attest(table="billing.tariffs", key=(agreement.tariff_owner, agreement.tariff, version)),
        Attest(table="consortium.calendars", key=(tariff.calendar_owner, tariff.calendar)),
    ]
    for binding in agreement.meters:
        feed = client.query("metering.feed_of", Feed, owner=binding.owner, feed=binding.feed)
        wanted.append(Attest(table="metering.feeds", key=(binding.owner, binding.feed)))
        _, lives = client.query(
            "metering.device_of",
            tuple[Device, list[Generation]],
            owner=binding.owner,
            device=feed.device,
        )
        for generation, life in enumerate(lives, 1):
            key = (binding.owner, feed.device, str(generation))
            wanted.append(Attest(table="metering.generations", key=key))
            wanted.append(Attest(table="kernel.keys", key=(binding.owner, life.source)))
    return wanted


def _signers(client: Client, places: Sequence[tuple[int, int]]) -> list[Attest]:
    """The keys that signed the transactions."""
    signers: dict[tuple[str, str], None] = {}
    for height, index in places:
        body = parse(client.registry, client.transport.prove("transaction", height, index).item).body
        signers[body.member, body.key] = None
    return [Attest(table="kernel.keys", key=key) for key in signers]


def _attest(client: Client, wanted: Sequence[Attest]) -> list[Receipt]:
    wires = [
        client.sign(*wanted[start : start + limits.ACTIONS_MAX])
        for start in range(0, len(wanted), limits.ACTIONS_MAX)
    ]
    return client.submit(wires)


def _events_of(client: Client, of_height: int) -> Iterator[Proof]:
    """The attests of a block, each with its proof."""
    for height, index, data in client.transport.events_after(of_height, -1, limits.EVENTS_MAX):
        if height == of_height and data.startswith(b'{"_type":"kernel.attested"'):
            yield client.transport.prove("event", height, index)


def _transactions(client: Client, agreement: Agreement, subject: Statement) -> list[tuple[int, int]]:
    """Where the transactions lie that brought what was counted up to the close, in ledger order."""
    ids: dict[str, None] = {}
    anchors: dict[tuple[str, str], None] = {}
    for binding in agreement.meters:
        of = {"owner": binding.owner, "feed": binding.feed}
        batches = client.query("metering.batches_of", list[tuple[tuple[int, int], Batch]], **of)
        ids.update(dict.fromkeys(batch.transaction for _, batch in batches))
        lives = client.query("metering.lives_of", list[tuple[int, Life]], **of)
        ids.update(dict.fromkeys(life.transaction for _, life in lives))
        for _, record in records(client, binding.owner, binding.feed):
            if record.anchor:
                anchors[binding.owner, record.anchor] = None
    for owner, name in anchors:
        anchor = client.query("metering.anchor_of", Anchor, owner=owner, anchor=name)
        ids[anchor.transaction] = None
    places = []
    for identity in ids:
        found = client.transport.find(identity)
        assert found is not None
        counted = found.height < subject.closed_height or (
            found.height == subject.closed_height and bool(subject.closed_by)
        )
        if counted:
            places.append((found.height, found.index))
    return sorted(places)


def records(
    client: Client, owner: str, feed: str, from_ms: int = 0, to_ms: int = 2**53 - 1
) -> Iterator[tuple[tuple[int, int, int], CounterRecord]]:
    """A feed's records in reading order, a page at a time."""
    after: list[int] = []
    while True:
        page = client.query(
            "metering.records_of",
            list[tuple[tuple[int, int, int], CounterRecord]],
            owner=owner,
            feed=feed,
            from_ms=from_ms,
            to_ms=to_ms,
            after=after,
            limit=RECORDS_PER_PAGE,
        )
        yield from page
        if len(page) < RECORDS_PER_PAGE:
            return
        after = list(page[-1][0])


def _readings(
    client: Client, agreement: Agreement, subject: Statement, stores: dict[str, ReadingStore]
) -> Iterator[HeldReading]:
    """The readings behind the period's records, anchor by anchor."""
    wanted: dict[tuple[str, str], list[int]] = {}
    count = 0
    for binding in agreement.meters:
        if binding.owner not in stores:
            continue
        period = subject.period
        for _, record in records(client, binding.owner, binding.feed, period.from_ms, period.to_ms):
            if record.anchor and count < READINGS_IN_BUNDLE_MAX:
                wanted.setdefault((binding.owner, record.anchor), []).append(record.index)
                count += 1
    for (owner, anchor), indices in wanted.items():
        for reading in stores[owner].prove(anchor, sorted(dict.fromkeys(indices))):
            yield HeldReading(owner=owner, reading=reading)
