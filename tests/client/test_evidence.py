"""What a bundle gathers: all that a statement rests on, and nothing that keeps true evidence from holding."""

from pathlib import Path
from typing import Any

import pytest

from hansa.apps.billing.messages import Binding, Close, Propose, PublishTariff, Statement
from hansa.apps.billing.terms import GapRule, Terms
from hansa.apps.consortium.messages import Attest, PublishCalendar, RevokeKey
from hansa.apps.metering.messages import (
    Counters,
    Feed,
    LegalUse,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
    RenewLegalUse,
)
from hansa.client.agreements import acceptance, proposed
from hansa.client.bundle import Bundle, Carried
from hansa.client.evidence import StatementUnknown, gather
from hansa.client.verify import check_bundle, not_proved, proved
from hansa.edge.readings import ReadingStore
from hansa.kernel import Attested, encode, limits, pack, replace
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import Proof, holds
from hansa.kernel.signatures import TRANSACTION_DOMAIN
from tests.apps.tariffs import ENERGY, TARIFF, calendar_of
from tests.client.evidence_world import AGREEMENT, HOUR, EvidenceWorld
from tests.client.forging import relogged, rewired
from tests.client.test_verify import checked, failed
from tests.consortium import Consortium, signer


def test_a_bundle_of_no_statement_is_refused_with_those_there_are(world: EvidenceWorld) -> None:
    client = world.consortium.client("auditor")
    with pytest.raises(StatementUnknown) as caught:
        gather(client, AGREEMENT, 1, {})
    assert str(world.statements()[0].period.from_ms) in caught.value.en


def test_each_bundle_carries_earlier_statements_and_no_later_record(
    world: EvidenceWorld, bundles: list[bytes]
) -> None:
    for number, data in enumerate(bundles):
        report = check_bundle(data, world.genesis)
        assert [s.period for s in report.statements] == [s.period for s in world.statements()[: number + 1]]
        assert len(report.closed) == number + 1
        last = max(point.at_ms for points in report.points.values() for point in points)
        assert last <= world.statements()[number].closed_ms


def test_without_the_owners_store_no_reading_is_handed_out(world: EvidenceWorld) -> None:
    period = world.statements()[0].period
    bundle = gather(world.consortium.client("auditor"), AGREEMENT, period.from_ms, {})
    assert bundle.readings == ()
    report = check_bundle(encode(bundle), world.genesis)
    assert report.ok
    assert checked(encode(bundle), world.genesis)


def test_numbers_that_had_not_come_are_named_and_no_failure(
    world: EvidenceWorld, bundles: list[bytes]
) -> None:
    report = check_bundle(bundles[2], world.genesis)
    assert report.ok
    assert report.missing == ["energy 1.56–58"]
    assert "energy 1.56–58" in not_proved(report)[-1].en
    assert "energy 1.56–58" in not_proved(report)[-1].zh


def test_who_signed_what_is_said_meter_by_meter(world: EvidenceWorld, bundles: list[bytes]) -> None:
    report = check_bundle(bundles[0], world.genesis)
    assert report.device_meters == ("pieces",)
    assert not report.signed_by_device
    source = next(check for check in report.checks if check.name == "source")
    assert "pieces signed by the device" in source.detail.en
    assert "不是设备签名" in source.detail.zh
    assert any("device (pieces)" in text.en for text in proved(report))


def test_texts_show_dates_and_money_of_the_place(world: EvidenceWorld, bundles: list[bytes]) -> None:
    report = check_bundle(bundles[0], world.genesis)
    check = report.checks[-1]
    assert "2026-01-06" in check.text.en
    assert "2026-01-06" in check.text.zh
    assert check.detail.en == "gross 4907.08 CNY"
    assert check.detail.zh == "含税 4907.08 CNY"


def test_attests_that_others_asked_for_in_the_same_block_are_left_out(world: EvidenceWorld) -> None:
    """Two clients' attests may meet in a block; a bundle shows each record once."""
    bundle = world.gather(0)
    assert check_bundle(encode(bundle), world.genesis).ok
    assert len({proof.item for proof in bundle.attests}) == len(bundle.attests)


def _held(consortium: Consortium, folder: Path) -> tuple[EvidenceWorld, int]:
    """A settlement on a meter whose verification lapses: the period is held until a close is asked for."""
    world = EvidenceWorld(consortium, ReadingStore(folder / "readings.db"))
    start = consortium.clock() - 8 * HOUR + limits.DAY_MS
    legal = LegalUse(
        grade="billing", certificate="C-1", valid_until_ms=start + HOUR, accuracy_class="B", seal="S-1"
    )
    feed = Feed(
        device="panel", kind="amount", base_unit="Wh", carrier="electricity", reporting="on_change",
        legal_use=legal, wired=True,
    )  # fmt: skip
    tariff = replace(TARIFF, period="day", meters=TARIFF.meters[2:], elements=(ENERGY,))
    terms = Terms(cut_off_ms=HOUR, gaps=(GapRule(meter="energy", longer_than_ms=HOUR, rule="zero"),))
    spare = replace(feed, carrier="other", legal_use=LegalUse(grade="indicative"))
    world.do(
        "plant", RegisterDevice(device="panel", source="gateway-1"), RegisterFeed("energy", feed),
        RegisterFeed("spare", spare),
    )  # fmt: skip
    world.do("bank", PublishCalendar(id="shanghai", calendar=calendar_of("Asia/Shanghai", 2026)))
    world.do("maker", PublishTariff("lease", 1, tariff, "bank", "shanghai"))
    meters = (Binding("energy", "plant", "energy"),)
    world.do(
        "plant",
        Propose(
            AGREEMENT, "maker", "plant", "maker", "lease", 1, meters, terms, start, start + limits.DAY_MS
        ),
    )
    world.do("maker", acceptance(AGREEMENT, proposed(world.consortium.client("auditor"), AGREEMENT)))
    consortium.clock.now_ms = start + limits.DAY_MS + 2 * HOUR
    consortium.node.wake()
    assert not world.statements()
    renewed = replace(legal, valid_until_ms=start + 400 * limits.DAY_MS)
    world.do("plant", RenewLegalUse("energy", renewed))
    return world, start


def test_a_close_that_was_asked_for_counts_what_stands_before_it_in_its_block(
    consortium: Consortium, tmp_path: Path
) -> None:
    world, start = _held(consortium, tmp_path)
    gateway = consortium.client("plant", "gateway-1")
    rows = [[(start + (n + 9) * HOUR, 1_000 + n, HOUR, False)] for n in range(3)]
    wires = [gateway.sign(*world.readings("energy", 1, rows[0]), *world.readings("spare", 1, rows[0]))]
    wires += [gateway.sign(*world.readings("energy", 1, rows[1]))]
    wires += [consortium.client("maker").sign(Close(agreement=AGREEMENT))]
    wires += [gateway.sign(*world.readings("energy", 1, rows[2]))]
    receipts = gateway.transport.submit(wires)
    assert [receipt.code for receipt in receipts] == ["ok"] * 4
    assert len({receipt.height for receipt in receipts}) == 1

    bundle = world.gather(0)

    report = check_bundle(encode(bundle), world.genesis)
    assert failed(report) == []
    assert checked(encode(bundle), world.genesis)
    assert report.statement is not None
    assert report.statement.closed_by == receipts[2].transaction
    assert report.statement.lines[0].quantity_base == 2_001
    # Without the transaction that asked, nobody could tell what stood before it.
    ids = [n for n, c in enumerate(bundle.transactions) if b'"billing.close"' in c.transaction.item]
    left = tuple(c for n, c in enumerate(bundle.transactions) if n not in ids)
    assert failed(check_bundle(encode(replace(bundle, transactions=left)), world.genesis))[:1] == ["periods"]
    world.store.close()


def test_an_item_cannot_be_moved_within_its_block(consortium: Consortium, tmp_path: Path) -> None:
    """A path that fits leaf 4 of 5 fits leaf 2 of 3 as well: what came late could pass for earlier."""
    world, start = _held(consortium, tmp_path)
    gateway = consortium.client("plant", "gateway-1")
    rows = [[(start + (n + 9) * HOUR, 1_000 + n, HOUR, False)] for n in range(4)]
    wires = [gateway.sign(*world.readings("energy", 1, rows[n])) for n in range(2)]
    wires += [gateway.sign(*world.readings("spare", 1, rows[2]))]
    wires += [consortium.client("maker").sign(Close(agreement=AGREEMENT))]
    wires += [gateway.sign(*world.readings("energy", 1, rows[3]))]
    assert len({receipt.height for receipt in gateway.transport.submit(wires)}) == 1
    bundle = world.gather(0)
    assert check_bundle(encode(bundle), world.genesis).ok
    *before, close, last = bundle.transactions
    assert (last.transaction.within_block.index, last.transaction.within_block.size) == (4, 5)

    def moved(proof: Proof) -> Proof:
        forged = replace(proof, within_block=replace(proof.within_block, index=2, size=3))
        assert holds(forged, bundle.head.header)
        return forged

    early = Carried(moved(last.transaction), moved(last.outcome))
    data = encode(replace(bundle, transactions=(*before, early, close)))

    assert failed(check_bundle(data, world.genesis)) == ["inclusion"]
    assert not checked(data, world.genesis)
    world.store.close()


def test_records_sent_again_with_more_behind_them_count_where_they_first_stood(
    consortium: Consortium, tmp_path: Path
) -> None:
    """The second delivery repeats the first's numbers; the evidence must carry both."""
    world, start = _held(consortium, tmp_path)
    gateway = consortium.client("plant", "gateway-1")
    rows = [(start + (n + 9) * HOUR, 1_000 + n, HOUR, False) for n in range(3)]
    anchor, record = world.readings("energy", 1, rows)
    assert isinstance(record, RecordCounters)

    def first(count: int) -> Counters:
        c = record.counters
        return replace(
            c, at_ms=c.at_ms[: 8 * count], value=c.value[: 8 * count], span_ms=c.span_ms[: 8 * count]
        )

    world.do("plant", anchor, replace(record, counters=first(2), index=pack(range(2))), key="gateway-1")
    consortium.do("maker", Close(agreement=AGREEMENT))
    gateway.do(record)

    bundle = world.gather(0)

    report = check_bundle(encode(bundle), world.genesis)
    assert failed(report) == []
    assert report.statement is not None
    assert report.statement.lines[0].quantity_base == 2_001
    assert checked(encode(bundle), world.genesis)
    world.store.close()


def test_a_key_that_was_revoked_later_does_not_undo_what_it_signed(
    consortium: Consortium, tmp_path: Path
) -> None:
    world, start = _held(consortium, tmp_path)
    world.by_gateway("energy", [(start + 10 * HOUR, 1_000, HOUR, False)])
    consortium.do("maker", Close(agreement=AGREEMENT))
    consortium.clock.advance(hours=1)
    consortium.do("plant", RevokeKey(id="gateway-1"))
    consortium.do("bank", Attest(table="kernel.keys", key=("plant", "gateway-1")))

    data = encode(world.gather(0))

    assert failed(check_bundle(data, world.genesis)) == []
    assert checked(data, world.genesis)
    shown = [decode(proof.item, Attested).record for proof in decode(data, Bundle).attests]
    assert any(b"revoked_ms" in record for record in shown)
    world.store.close()


def test_a_key_that_took_anothers_place_signs_with_its_scopes(consortium: Consortium, tmp_path: Path) -> None:
    world, start = _held(consortium, tmp_path)
    world.by_gateway("energy", [(start + 10 * HOUR, 1_000, HOUR, False)])
    rotated = consortium.key("maker", "k2", holder="maker-k1", kind="person", scopes=())
    consortium.do("maker", replace(rotated, replaces="k1", overlap_ms=HOUR))
    consortium.do("maker", Close(agreement=AGREEMENT), key="k2")
    consortium.clock.advance(hours=2)

    bundle = world.gather(0)

    data = encode(bundle)
    assert failed(check_bundle(data, world.genesis)) == []
    assert checked(data, world.genesis)
    # Without the registration nobody knows whose key that is.
    kept = tuple(c for c in bundle.transactions if b"consortium.register_key" not in c.transaction.item)
    assert len(kept) == len(bundle.transactions) - 1
    without = encode(replace(bundle, transactions=kept))
    assert failed(check_bundle(without, world.genesis)) == ["signatures"]
    assert not checked(without, world.genesis)
    world.store.close()


def test_a_device_of_more_lives_than_a_list_shows_is_attested_whole(
    world: EvidenceWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The query cuts its list off at 1,000; the evidence goes by the device's generation."""
    client = world.consortium.client("auditor")
    query = client.query

    def cut(name: str, kind: Any, **arguments: Any) -> Any:
        found = query(name, kind, **arguments)
        return (found[0], found[1][:1]) if name == "metering.device_of" else found

    monkeypatch.setattr(client, "query", cut)
    data = encode(world.gather(3))
    assert failed(check_bundle(data, world.genesis)) == []
    assert checked(data, world.genesis)


# Bodies of other rules, and of rooms from outside.


def beside(bundle: Bundle, action: bytes) -> Bundle:
    """The plant's last transaction with one more action in it, signed by its gateway and in the log."""
    carried = bundle.transactions[-1]
    body = carried.transaction.item[65:]
    forged = body.replace(b'"actions":[', b'"actions":[' + action + b",", 1)
    wire = b"\x01" + signer("plant", "gateway-1").sign(TRANSACTION_DOMAIN + forged) + forged
    return relogged(replace(bundle, transactions=(*bundle.transactions[:-1], rewired(carried, wire))))


@pytest.mark.parametrize(
    ("action", "well"),
    [
        (b'{"_type":"metering.weather","at_ms":9007199254740991,"note":[{"a":null,"b":true}]}', True),
        (b'{"_type":"metering.weather"}', True),
        (b'{"_type":"visits.note","text":"x"}', False),  # The gateway may sign what is metering's.
        (b'{"text":"x","_type":"metering.weather"}', False),
        (b'{"_type":"metering.weather","text": "x"}', False),
        (b'{"_type":"metering.weather","text":"\\u0041"}', False),
        (b'{"_type":"metering.weather","text":1.5}', False),
        (b'{"_type":"metering.weather","text":1e3}', False),
        (b'{"_type":"metering.weather","text":"x","text":"x"}', False),
        (b'{"_type":"metering.weather","text":9007199254740992}', False),
        (b'{"_type":"metering.weather","text":[-9007199254740992]}', False),
        (b'{"_type":"metering.register_feed","feed":"x"}', False),
        (b'{"_type":"metering.renew_legal_use","feed":"x","legal_use":{"grade":"indicative"}}', True),
        (b'{"_type":"metering.renew_legal_use","legal_use":{"grade":"indicative"},"feed":"x"}', False),
        (b'{"_type":"consortium.approve","held":"' + b"0" * 64 + b'","x":1}', False),
        (b'{"_type":"consortium.leave","type":0}', False),
        (b'{"text":"x"}', False),
        (b'"x"', False),
    ],
)  # fmt: skip
def test_an_action_of_a_room_from_outside_is_read_over_once_its_bytes_are_canonical(
    world: EvidenceWorld, bundles: list[bytes], action: bytes, well: bool
) -> None:
    data = encode(beside(decode(bundles[-1], Bundle), action))
    assert check_bundle(data, world.genesis).ok is well
    assert checked(data, world.genesis) is well


def test_a_default_that_is_written_out_is_not_canonical(world: EvidenceWorld, bundles: list[bytes]) -> None:
    """Of the actions that it knows; the second checker knows no defaults."""
    legal = b'{"grade":"indicative","ratio_primary":0}'
    action = b'{"_type":"metering.renew_legal_use","feed":"x","legal_use":' + legal + b"}"
    data = encode(beside(decode(bundles[-1], Bundle), action))
    assert failed(check_bundle(data, world.genesis)) == ["content"]


def test_statements_are_those_of_the_ledger(world: EvidenceWorld, bundles: list[bytes]) -> None:
    stated: list[Statement] = world.statements()
    assert [check_bundle(data, world.genesis).statement for data in bundles] == stated
    assert signer("plant", "device-1").public != signer("plant", "device-2").public
