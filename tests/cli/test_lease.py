"""`hansa lease` as a maker, a plant and a second plant type it: from the contract's text to the close."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hansa.apps.billing.tariff import Fixed
from hansa.apps.billing.terms import Terms
from hansa.apps.consortium.calendar_file import build_calendar
from hansa.apps.leasing.messages_market import LeaseTerms
from hansa.apps.leasing.proposals import content_of
from hansa.kernel import limits, replace
from tests.apps.leasing import NEED, PRESS, enquiry, offer
from tests.apps.tariffs import TARIFF
from tests.cli.shell import Shell, running
from tests.cli.test_membership import Town

NOW = datetime.datetime.now(datetime.UTC)
CALENDAR = build_calendar("UTC", NOW.year - 1, NOW.year + 1, {})
DAY, HOUR = limits.DAY_MS, limits.HOUR_MS
START_MS = int(NOW.timestamp()) * 1_000 + HOUR
DAILY = replace(
    TARIFF,
    purpose="internal",
    period="day",
    meters=(),
    elements=(Fixed("base_fee", "vat", 100_000),),
    windows=(),
    taxes=TARIFF.taxes[:1],
)
TERMS = LeaseTerms(
    lessor="maker",
    lessee="plant",
    asset_owner="maker",
    asset="press-1",
    asset_version=1,
    from_ms=START_MS,
    to_ms=START_MS + 7 * DAY,
    sign_by_ms=START_MS,
    tariff_owner="maker",
    tariff="t-1",
    tariff_version=1,
    meters=(),
    terms=Terms(0, ()),
    currency="CNY",
    nature="operating",
    governing_law="cn",
    prevailing_language="zh",
    mode="external",
    early_end_notice_ms=DAY,
)
YES = "--yes"


def told(value: object) -> str:
    return msgspec.json.encode(value).decode()


def when(offset_ms: int) -> str:
    return datetime.datetime.fromtimestamp((START_MS + offset_ms) / 1_000, datetime.UTC).isoformat()


def tx(shell: Shell, tag: str, **fields: Any) -> None:
    options: list[object] = []
    for name, value in fields.items():
        options += [f"--{name.replace('_', '-')}", value if isinstance(value, str | int) else told(value)]
    shell.do("tx", tag, *options, YES)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Maker and plant have agreed on a week of the press, from an hour from now on."""
    made = Town(tmp_path_factory.mktemp("town"))
    with running(made.folder / "node"):
        made.join()
        maker, plant = made.shells["maker"], made.shells["plant"]
        tx(maker, "consortium.publish_calendar", id="c-1", calendar=CALENDAR)
        tariff = {"id": "t-1", "version": 1, "tariff": DAILY, "calendar_owner": "maker", "calendar": "c-1"}
        tx(maker, "billing.publish_tariff", **tariff)
        tx(maker, "leasing.register_asset", asset="press-1", description=replace(PRESS, feeds=()))
        window = {"from_ms": START_MS, "to_ms": START_MS + 7 * DAY, "notice_ms": 0, "largest_ms": 7 * DAY}
        put = msgspec.structs.asdict(offer(**window))
        tx(
            maker,
            "leasing.publish_offer",
            **{name: each for name, each in put.items() if each != ""},
        )
        asked = enquiry("l-1", TERMS, until_ms=START_MS - HOUR // 2)
        tx(
            plant, "leasing.enquire", bargain="l-1", offerer="maker", offer="o-1", need=NEED, terms=TERMS,
            until_ms=asked.until_ms,
        )  # fmt: skip
        tx(maker, "leasing.agree", bargain="l-1", content=content_of("l-1", 1, TERMS, asked.until_ms))
        yield made


def test_a_lease_from_its_text_to_its_close(town: Town, tmp_path: Path) -> None:
    maker, plant, bank = (town.shells[name] for name in ("maker", "plant", "bank"))

    # The text, and what is signed.
    told_ = plant.do("lease", "text", "l-1").out
    digest = told_.split("SHA-256 ")[-1].strip()
    assert "Lease of production equipment" in told_
    assert "设备租赁合同" in plant.do("lease", "text", "l-1", "--in", "zh").out
    plant.refused("cli.not_found", "lease", "show", "l-1")
    plant.refused("cli.wrong_use", "lease", "sign", "l-1", "--content", "0" * 64, YES)
    draft = plant.do("lease", "sign", "l-1", "--dry-run")
    assert digest in draft.out
    bank.refused("leasing.not_of_lease", "lease", "sign", "l-1", YES)
    plant.do("lease", "sign", "l-1", "--content", digest, YES)
    plant.refused("leasing.signed_already", "lease", "sign", "l-1", YES)
    maker.do("lease", "sign", "l-1", YES)
    page = tmp_path / "l-1.html"
    plant.do("lease", "text", "l-1", "--html", page)
    assert digest in page.read_text()
    assert "公章" in page.read_text()
    (row,) = plant.do("lease", "list", "--json").json
    assert (row["lease"], row["state"]) == ("l-1", "signed")
    assert plant.do("lease", "list", "--state", "void", "--json").json == []

    # The handover.
    photo, other = tmp_path / "spindle.jpg", tmp_path / "other.jpg"
    photo.write_bytes(b"spindle")
    other.write_bytes(b"other")
    report = ("lease", "handover", "l-1", "in", "--photo", f"spindle={photo}")
    maker.refused("cli.wrong_use", *report, YES)
    maker.refused("cli.wrong_use", *report, "--item", "spindle=fine", YES)
    maker.refused("leasing.items_unfit", *report, "--item", "spindle=good", YES)
    plant.refused("cli.not_found", "lease", "confirm", "l-1", "in", YES)
    maker.do(*report, "--item", "spindle=good", "--item", "coolant=worn", YES)
    plant.refused("leasing.photo_unknown", "lease", "confirm", "l-1", "in", "--photo", other, YES)
    plant.refused("leasing.disputed_unfit", "lease", "confirm", "l-1", "in", "--refuse", YES)
    plant.do("lease", "confirm", "l-1", "in", "--photo", photo, "--dispute", "coolant", YES)
    shown = plant.do("lease", "show", "l-1").out
    assert "confirmed, disputed: coolant" in shown
    assert "running" in shown
    assert plant.do("lease", "show", "l-1", "--json").json["handovers"]["taken"]["state"] == "confirmed"

    # For the accountant.
    sheet = {each["topic"]["en"]: each for each in plant.do("lease", "sheet", "l-1", "--json").json}
    assert sheet["Identified asset"]["answer"] == "yes"
    assert "IFRS 16" in plant.do("lease", "sheet", "l-1", "--csv").out
    assert plant.do("lease", "statements", "l-1", "--json").json == []


def test_consent_sublease_ends_and_what_is_refused(town: Town) -> None:
    maker, plant, bank = (town.shells[name] for name in ("maker", "plant", "bank"))
    sublet = (
        "lease", "sublet", "l-1", "s-1", "--to", "bank", "--from", when(DAY), "--until", when(2 * DAY),
        "--tariff", "maker/t-1/1", YES,
    )  # fmt: skip
    plant.refused("leasing.consent_missing", *sublet)
    consent = ("lease", "consent", "l-1", "--from", when(0), "--to", when(3 * DAY), "--id", "c-1")
    plant.refused("leasing.not_lessor", *consent, YES)
    maker.do(*consent, "--member", "bank", YES)
    plant.do(*sublet)
    plant.do("lease", "sign", "s-1", YES)
    bank.do("lease", "sign", "s-1", YES)
    assert "s-1" in plant.do("lease", "show", "l-1").out
    chain = bank.do("lease", "chain", "maker", "press-1", "--from", when(0), "--to", when(7 * DAY), "--json")
    assert [link["lease"] for link in chain.json["links"]] == ["l-1"]
    plant.refused("cli.wrong_use", *sublet[:-2], "t-1", YES)

    plant.refused("leasing.not_running", "lease", "job", "l-1", "j-1", YES)
    plant.refused("cli.wrong_use", "lease", "breakdown", "l-1", "b-1", YES)
    plant.refused(
        "leasing.breakdown_time", "lease", "breakdown", "l-1", "b-1", "--from", when(0),
        "--reason", "spindle", "--liable", "provider", YES,
    )  # fmt: skip
    plant.refused("leasing.breakdown_unknown", "lease", "breakdown", "l-1", "b-1", "--over", when(0), YES)
    maker.refused("leasing.nothing_overdue", "lease", "suspend", "l-1", "--from", when(7 * DAY), YES)
    maker.refused("leasing.not_suspended", "lease", "resume", "l-1", YES)
    maker.do("lease", "end", "l-1", when(6 * DAY), YES)
    assert "the other has yet to say so" in plant.do("lease", "show", "l-1").out
    plant.do("lease", "end", "l-1", when(6 * DAY), YES)
    plant.do("lease", "extend", "l-1", when(7 * DAY), YES)
    plant.refused("leasing.notice_short", "lease", "end", "l-1", when(HOUR), "--ground", "notice", YES)
    plant.do(
        "lease", "transfer", "l-1", "n-1", "--to", "bank", "--from", when(4 * DAY), YES
    )  # fmt: skip
    assert "member bank" in bank.do("lease", "text", "n-1").out
    plant.refused("cli.wrong_use", "lease", "damage", "l-1", "d-1", YES)
    maker.refused("leasing.wrong_state", "lease", "damage", "l-1", "d-1", "--amount", "0.05", YES)
    plant.refused("leasing.wrong_state", "lease", "damage", "l-1", "d-1", "--amount", "0.05", "--agree", YES)
    maker.refused("leasing.wrong_state", "lease", "damage", "l-1", "d-1", "--withdraw", YES)
    maker.refused("cli.not_found", "lease", "deposit", "l-1", "RF00NONE", "--amount", "0.05", YES)
    maker.refused("leasing.wrong_state", "lease", "close", "l-1", YES)
    bank.do("lease", "withdraw", "s-1", YES)
    assert "void" in bank.do("lease", "list").out
