"""Gather the evidence of a statement from the ledger and from the owner's store of readings."""

from collections.abc import Callable, Iterator, Sequence

from hansa.apps.billing.deal import bound
from hansa.apps.billing.messages import Agreement, PublishedTariff, Statement
from hansa.apps.consortium.handovers import counted, followed
from hansa.apps.consortium.messages import Attest, CosignersChanged, Genesis
from hansa.apps.consortium.validator_sets import first_fault, sets_followed, votes_for
from hansa.apps.leasing import text
from hansa.apps.leasing.text_draft import Draft
from hansa.apps.metering.messages import CounterRecord, Device, Feed, Generation
from hansa.apps.metering.readings import HeldReadings
from hansa.client import Client
from hansa.client.bundle import FORMAT, Bundle, Carried, Contract, Handover, HeldReading, Subject
from hansa.client.operators import url_of
from hansa.client.origins import Place, Search
from hansa.client.price_records import price_attests
from hansa.client.transport import Transport
from hansa.client.trust_errors import HeadUnproved
from hansa.client.verify_commit import told
from hansa.kernel import Attested, Refusal, limits, replace
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import SignedHeader

READINGS_IN_BUNDLE_MAX = 2_000
"""Readings handed out with a bundle: the period's first. `hansa verify` says how many records have none."""
RECORDS_PER_PAGE = 10_000
FINAL_WITHIN_S = 10.0
"""How long to wait for a quorum of cosigners; followers sign within a second or two."""

Progress = Callable[[int, int], None]


class StatementUnknown(Refusal, code="evidence.statement_unknown", field="period"):
    zh = "协议 {agreement} 没有这一期的结算单。已有的结算期：{known}。"
    en = "Agreement {agreement} has no statement for that period. There are: {known}."


class Unproved(Refusal, code="evidence.unproved", field="head"):
    zh = (
        "{seconds} 秒内没有得到由验证节点签署、高度不低于 {height} 的区块头。"
        "可能有超过三分之一的验证节点停机，或该节点扣留；请稍后再试，或换一个节点。"
    )
    en = (
        "No header of height {height} or above that the validators signed came within {seconds} s. More "
        "than a third of them may be down, or this node withholds it: try later, or ask another node."
    )


def gather(
    client: Client,
    agreement_id: str,
    period_from_ms: int,
    stores: dict[str, HeldReadings],
    progress: Progress = lambda done, whole: None,
    *,
    checkpoint: int = 0,
) -> Bundle:
    """The bundle of one statement. `stores`: readings by owner, as far as they are at hand.

    `checkpoint`: on a network, an engine height whose header goes with it, for those who know that block.
    Has the records attested first, which costs one transaction. Raises StatementUnknown, Unproved.
    """
    agreement = client.query("billing.agreement_of", Agreement, agreement=agreement_id)
    statements = client.query("billing.statements_of", list[Statement], agreement=agreement_id)
    subject = next((s for s in statements if s.period.from_ms == period_from_ms), None)
    if subject is None:
        known = ", ".join(str(s.period.from_ms) for s in statements)
        raise StatementUnknown(agreement=agreement_id, known=known)
    statements = [s for s in statements if s.period.from_ms <= period_from_ms]
    search = Search(client)
    found = search.behind(agreement_id, agreement, statements, _genesis_keys(client))
    wanted = _attested(client, agreement_id, agreement, statements, found.keys)
    shown = _attest(client, wanted)
    head, handovers = proved_head(client.transport, client.chain, max(height for height, _ in shown))
    under = head.header.height
    return Bundle(
        format=FORMAT,
        subject=Subject(agreement=agreement_id, period_from_ms=period_from_ms),
        head=head,
        attests=tuple(client.transport.prove("event", *place, under) for place in shown),
        transactions=tuple(_carried(client, found.places, under, progress)),
        events=tuple(client.transport.prove("event", *place, under) for place in found.events),
        readings=tuple(_readings(client, agreement, subject, stores, found.anchors)),
        handovers=handovers,
        contract=contract(client, agreement_id) if agreement.signed else None,
        checkpoint=client.transport.engine_header(checkpoint) if checkpoint else None,
    )


def contract(client: Client, lease: str) -> Contract:
    """A lease as its parties signed it. Made from what is registered now: a party that changed its name since
    would make another text, and the check says so.
    """
    draft = client.query("leasing.draft_of", Draft, lease=lease)
    return Contract(
        attachments=draft.attachments,
        edition=text.EDITION,
        en=text.markdown(draft, "en"),
        lease=draft.lease,
        terms=draft.terms,
        zh=text.markdown(draft, "zh"),
    )


def proved_head(transport: Transport, chain: str, at_least: int) -> tuple[SignedHeader, tuple[Handover, ...]]:
    """The header that all is proved under, and the changes of its set since genesis: one that a quorum, or a
    network's validators, signed, as soon as there is one that is new enough. Of an operator's chain, after
    FINAL_WITHIN_S, the newest on the operator's word. Raises Unproved, HeadUnproved.

    A header counts if its set can be followed from genesis on: who checks the evidence believes no other.
    """
    genesis = decode(transport.genesis(), Genesis)
    many = genesis.is_network or genesis.cosigners or transport.handovers()
    final = transport.final(at_least, FINAL_WITHIN_S if many else 0)
    if genesis.is_network:
        if final is None or final.commit is None or final.header.height < at_least:
            raise Unproved(height=at_least, seconds=int(FINAL_WITHIN_S))
        changes = changes_before(transport, final)
        fault = first_fault(votes_for(final, sets_followed(genesis, chain, changes)[-1], chain))
        if fault is not None:
            why = told(fault, "head")
            raise HeadUnproved(url=url_of(transport), why_zh=why.zh, why_en=why.en)
        return final, changes
    if final is not None and final.header.height >= at_least:
        handovers = changes_before(transport, final)
        in_force = followed(genesis, chain, final.header.height, handovers)
        signed, faults = counted(final, in_force)
        if not faults and len(signed) >= in_force.quorum:
            return final, handovers
    newest = transport.head()
    assert newest is not None
    return replace(newest, cosignatures=()), changes_before(transport, newest)


def changes_before(transport: Transport, head: SignedHeader) -> tuple[Handover, ...]:
    """Changes of the cosigners, or validators, that were in force for this head."""
    if head.commit is None:
        height = head.header.height
        return tuple(
            each
            for each in transport.handovers()
            if decode(each.event.item, CosignersChanged).since <= height
        )
    engine_height = head.commit.header.height
    return tuple(
        each
        for each in transport.handovers()
        if each.head.commit is not None and each.head.commit.header.height < engine_height
    )


def _genesis_keys(client: Client) -> set[tuple[str, str]]:
    return {
        (member.id, key.id)
        for member in decode(client.transport.genesis(), Genesis).members
        for key in member.keys
    }


def _attested(
    client: Client,
    agreement_id: str,
    agreement: Agreement,
    statements: Sequence[Statement],
    signers: Sequence[tuple[str, str]],
) -> list[Attest]:
    """The current records that the statement rests on."""
    owner, name, version = agreement.tariff_owner, agreement.tariff, agreement.tariff_version
    tariff = client.query("billing.tariff_of", PublishedTariff, owner=owner, tariff=name, version=version)
    wanted = [
        Attest(table="billing.statements", key=(agreement_id, str(statement.period.from_ms)))
        for statement in statements
    ]
    wanted += [
        Attest(table="billing.agreements", key=(agreement_id,)),
        Attest(table="billing.tariffs", key=(owner, name, str(version))),
        Attest(table="consortium.calendars", key=(tariff.calendar_owner, tariff.calendar)),
    ]
    wanted += price_attests(client, tariff.tariff, statements)
    wanted += [Attest(table="kernel.keys", key=signer) for signer in signers]
    for binding in bound(agreement):
        feed = client.query("metering.feed_of", Feed, owner=binding.owner, feed=binding.feed)
        wanted.append(Attest(table="metering.feeds", key=(binding.owner, binding.feed)))
        device, _ = client.query(
            "metering.device_of", tuple[Device, list[Generation]], owner=binding.owner, device=feed.device
        )  # The list of its lives is cut off at 1,000.
        wanted += [
            Attest(table="metering.generations", key=(binding.owner, feed.device, str(number)))
            for number in range(1, device.generation + 1)
        ]
    return list(dict.fromkeys(wanted))


def _attest(client: Client, wanted: Sequence[Attest]) -> list[tuple[int, int]]:
    """Have records shown as events; where these lie. Others in the same block are not ours."""
    groups = [
        wanted[start : start + limits.ACTIONS_MAX] for start in range(0, len(wanted), limits.ACTIONS_MAX)
    ]
    receipts = client.submit([client.sign(*group) for group in groups])
    missing = {(attest.table, attest.key) for attest in wanted}
    places: list[tuple[int, int]] = []
    for height in dict.fromkeys(receipt.height for receipt in receipts):
        for index, data in _events_of(client, height):
            event = decode(data, Attested)
            if (event.table, event.key) in missing:
                missing.remove((event.table, event.key))
                places.append((height, index))
    return places


def _events_of(client: Client, of_height: int) -> Iterator[tuple[int, bytes]]:
    """(index, bytes) of the attests of a block."""
    after = -1
    while True:
        page = client.transport.events_after(of_height, after, RECORDS_PER_PAGE)
        for height, index, data in page:
            if height != of_height:
                return
            if data.startswith(b'{"_type":"kernel.attested"'):
                yield index, data
            after = index
        if len(page) < RECORDS_PER_PAGE:
            return


def _carried(client: Client, places: Sequence[Place], under: int, progress: Progress) -> Iterator[Carried]:
    for number, (height, index) in enumerate(places, 1):
        yield Carried(
            transaction=client.transport.prove("transaction", height, index, under),
            outcome=client.transport.prove("outcome", height, index, under),
        )
        progress(number, len(places))


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
    client: Client,
    agreement: Agreement,
    subject: Statement,
    stores: dict[str, HeldReadings],
    anchors: set[tuple[str, str]],
) -> Iterator[HeldReading]:
    """The readings behind the period's records, anchor by anchor; `anchors`: those of the bundle."""
    wanted: dict[tuple[str, str], list[int]] = {}
    count = 0
    for binding in bound(agreement):
        if binding.owner not in stores:
            continue
        period = subject.period
        for _, record in records(client, binding.owner, binding.feed, period.from_ms, period.to_ms):
            if (binding.owner, record.anchor) in anchors and count < READINGS_IN_BUNDLE_MAX:
                wanted.setdefault((binding.owner, record.anchor), []).append(record.index)
                count += 1
    for (owner, anchor), indices in wanted.items():
        for reading in stores[owner].prove(anchor, sorted(dict.fromkeys(indices))):
            yield HeldReading(owner=owner, reading=reading)
