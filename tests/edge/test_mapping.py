"""The mapping file is decoded strictly: each mistake is named with the key and what would be right."""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.edge.log_errors import TEXTS, EdgeRefusal
from hansa.edge.mapping import load_mapping, parse_mapping
from hansa.edge.mapping_checks import NEEDS
from tests.edge.logs import LONG, SHDR, WIDE, mapping, told

ROOT = Path(__file__).resolve().parents[2]
BILLING = """
[feed.legal_use]
grade = "billing"
certificate = "C-1"
valid_until = 2027-06-30
class = "0.5S"
seal = "S-1"
ratio = "200/5"
"""
ENERGY = WIDE.replace('unit = "piece"', 'unit = "kWh"').replace('"counter"', '"amount"\ninterval = "15min"')


def refused(text: str) -> EdgeRefusal:
    with pytest.raises(EdgeRefusal) as caught:
        parse_mapping(text)
    assert caught.value.zh
    assert caught.value.en
    return caught.value


@pytest.mark.parametrize(
    ("base", "log", "feed", "code", "field"),
    [
        (WIDE, "colour = 1", "", "edge.mapping_unknown_key", "log.colour"),
        (WIDE, "", "prize = 1", "edge.mapping_unknown_key", "feed[pieces].prize"),
        (WIDE, "[extra]", "", "edge.mapping_unknown_key", "mapping.extra"),
        (WIDE, "keep_good_rows = 1", "", "edge.mapping_type", "log.keep_good_rows"),
        (WIDE, 'time_zone = "Mars/Olympus"', "", "edge.mapping_value", "log.time_zone"),
        (WIDE, 'time_format = "whenever"', "", "edge.mapping_value", "log.time_format"),
        (WIDE, 'encoding = "klingon"', "", "edge.mapping_value", "log.encoding"),
        (WIDE, 'encoding = "base64"', "", "edge.mapping_value", "log.encoding"),
        (WIDE, 'decimal = ";"', "", "edge.mapping_value", "log.decimal"),
        (WIDE, 'thousands = "."', "", "edge.mapping_value", "log.thousands"),
        (WIDE, "header_line = 3\nfirst_row = 2", "", "edge.mapping_value", "log.first_row"),
        (WIDE, 'item = "x"', "", "edge.mapping_not_for", "log.item"),
        (WIDE, 'clock_skew = "soon"', "", "edge.mapping_value", "log.clock_skew"),
        (WIDE, "clock_gap_days = 0", "", "edge.mapping_value", "log.clock_gap_days"),
        (WIDE, 'stamp = "middle"', "", "edge.mapping_type", "log.stamp"),
        (SHDR, 'delimiter = ","', "", "edge.mapping_not_for", "log.delimiter"),
        (SHDR, 'where = { a = "b" }', "", "edge.mapping_not_for", "log.where"),
        (WIDE, "", 'item = "x"', "edge.mapping_not_for", "feed[pieces].item"),
        (LONG, "", 'column = "x"', "edge.mapping_not_for", "feed[pieces].column"),
        (WIDE, "", 'scale = "many"', "edge.mapping_value", "feed[pieces].scale"),
        (WIDE, "", "scale = 0.5", "edge.mapping_type", "feed[pieces].scale"),
        (WIDE, "", 'modulus = "0"', "edge.mapping_value", "feed[pieces].modulus"),
        (WIDE, "", 'interval = "1h"', "edge.mapping_not_for", "feed[pieces].interval"),
        (WIDE, "", 'record_every = "often"', "edge.mapping_value", "feed[pieces].record_every"),
        (WIDE, "", "states = { a = 'B' }", "edge.mapping_not_for", "feed[pieces].states"),
        (ENERGY, "", 'record_every = "1h"', "edge.mapping_value", "feed[pieces].record_every"),
        (ENERGY, "", "wired = true", "edge.mapping_not_for", "feed[pieces].wired"),
    ],
)
def test_each_mistake_is_refused_with_its_key(base, log, feed, code, field):
    refusal = refused(base.format(log=log, feed=feed))
    assert (refusal.code, refusal.field) == (code, field)


def test_an_unknown_unit_is_refused_with_the_known_ones():
    refusal = refused(WIDE.format(log="", feed="").replace('"piece"', '"furlong"'))
    assert refusal.code == "edge.unit_unknown"
    assert "kWh" in refusal.en
    assert "kWh" in refusal.zh


def test_names_are_used_once():
    again = '[[feed]]\nname = "pieces"\nkind = "state"\ncolumn = "x"\n'
    assert refused(WIDE.format(log="", feed=again)).field == "feed.name"


def test_a_missing_key_is_named():
    assert refused("[log]\ndevice = 'x'\n[[feed]]\nname = 'a'\n").field.endswith("format")
    assert refused(WIDE.format(log="", feed="").replace('time = "time"', "")).field == "log.time"
    assert refused('[log]\ndevice = "x"\nformat = "shdr"\nfeed = []\n').code == "edge.mapping_unknown_key"


def test_power_is_never_billing_grade():
    power = WIDE.replace('"counter"', '"power"').replace('"piece"', '"kW"')
    assert refused(power.format(log="", feed=BILLING)).code == "edge.legal_use_power"


@pytest.mark.parametrize("key", ["certificate", "valid_until", "class", "seal"])
def test_billing_grade_names_all_that_makes_it_legal(key):
    lines = [line for line in BILLING.splitlines() if not line.startswith(key)]
    refusal = refused(ENERGY.format(log="", feed="\n".join(lines)))
    assert refusal.field == f"feed[pieces].legal_use.{key}"


def test_a_complete_mapping_says_what_it_means():
    loaded = mapping(ENERGY, 'time_zone = "Asia/Shanghai"', BILLING)
    feed = loaded.feeds[0]
    assert (feed.base_unit, feed.factor, feed.interval_ms, feed.carries) == (
        "Wh", Fraction(1000), 900_000, "electricity",
    )  # fmt: skip
    assert feed.legal_use.valid_until == date(2027, 6, 30)
    # Valid to the end of its last day in Shanghai: 2027-06-30T16:00Z.
    assert loaded.valid_until_ms(feed) == 1_814_371_200_000


def test_scale_and_modulus_are_exact():
    feed = mapping(WIDE, "", 'scale = "1/3"\nmodulus = "300"').feeds[0]
    assert feed.factor == Fraction(1, 3)
    assert feed.modulus_base == 100
    assert refused(WIDE.format(log="", feed='scale = "1/3"\nmodulus = "100"')).field.endswith("modulus")


def test_oee_inputs_that_are_absent_stay_absent():
    loaded = mapping(WIDE, "", '[oee]\nideal_cycle = "42.5 s"\ngood = "pieces"')
    assert loaded.oee is not None
    assert loaded.oee.ideal_cycle_ms == 42_500
    assert loaded.oee.planned_per_day_ms == 0
    assert refused(WIDE.format(log="", feed='[oee]\ngood = "piece"')).field == "oee.good"
    assert refused(WIDE.format(log="", feed='[oee]\nstate = "pieces"')).field == "oee.state"
    assert refused(WIDE.format(log="", feed='[oee]\nrunning = ["ACTIVE"]')).field == "oee.running"


def test_a_mapping_that_is_no_toml_or_no_text_is_refused(tmp_path):
    assert refused("[log").code == "edge.mapping_syntax"
    assert refused("[" * 5000).code == "edge.mapping_syntax"
    with pytest.raises(EdgeRefusal) as caught:
        load_mapping(tmp_path / "none.toml")
    assert caught.value.code == "edge.mapping_unreadable"
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EdgeRefusal):
        load_mapping(tmp_path / "bytes.toml")


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_any_text_is_a_mapping_or_refused(text):
    try:
        parse_mapping(text)
    except EdgeRefusal as refusal:
        told(refusal)


def test_the_reference_mapping_loads_and_shows_every_key():
    import msgspec

    from hansa.edge import mapping_model as model

    path = ROOT / "docs" / "reference" / "mapping.toml"
    load_mapping(path)
    text = path.read_text(encoding="utf-8")
    for table in (model.LogFormat, model.Availability, model.FeedSpec, model.LegalUse, model.Oee):
        for field in msgspec.structs.fields(table):
            name = field.encode_name
            assert f"{name} = " in text or f".{name}]" in text, name


@pytest.mark.parametrize("page", ["docs/connect-a-log.md", "docs/zh/connect-a-log.md"])
def test_mappings_in_the_guide_load(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = [part.split("```")[0] for part in text.split("```toml\n")[1:]]
    assert len(blocks) >= 4
    for block in blocks:
        parse_mapping(block)


def test_the_guide_names_every_refusal_of_rows_in_both_languages():
    rows = [
        code for code in TEXTS if code.startswith(("edge.row_", "edge.time_", "edge.number_", "edge.clock_"))
    ]
    for page in ("docs/connect-a-log.md", "docs/zh/connect-a-log.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert [code for code in rows if f"`{code}`" not in text] == []


def test_every_text_exists_in_both_languages_with_the_same_parts():
    import string

    for code, (zh, en) in {**TEXTS, **NEEDS}.items():
        parts = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (zh, en)]
        swapped = {name.replace("need_zh", "need").replace("need_en", "need") for name in parts[0]}
        assert swapped == {n.replace("need_zh", "need").replace("need_en", "need") for n in parts[1]}, code
        assert zh != en or code in NEEDS
